// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// From block programs to staged programs: the skeletons of the families that need one, and the pass
// that brings staged programs into the form that is emitted.
#ifndef CAMEO_STAGE_STAGE_H
#define CAMEO_STAGE_STAGE_H

#include "cameo/Dialect/Kernel/IR/Kernel.h"

#include "mlir/Pass/Pass.h"

namespace cameo::kernel {

#define GEN_PASS_DECL
#include "cameo/Stage/StagePasses.h.inc"

/// Rewrites one gemm block program into the staged program (written form).
mlir::LogicalResult stageGemm(VariantOp variant);

/// Brings the staged program of one variant into the resolved form; variants without roles are left.
mlir::LogicalResult resolveStaged(VariantOp variant);

#define GEN_PASS_REGISTRATION
#include "cameo/Stage/StagePasses.h.inc"

} // namespace cameo::kernel

#endif // CAMEO_STAGE_STAGE_H
