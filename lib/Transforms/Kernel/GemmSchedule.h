// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Variants of the gemm family and their block programs. Private to this library.
#ifndef CAMEO_LIB_TRANSFORMS_KERNEL_GEMMSCHEDULE_H
#define CAMEO_LIB_TRANSFORMS_KERNEL_GEMMSCHEDULE_H

#include "GemmSource.h"

namespace cameo::kernel {

/// The variants of a gemm kernel, best first, the last one without condition.
mlir::FailureOr<std::vector<VariantPlan>> chooseGemmVariants(GemmSource source, const Target &target);

/// Fills `variant` with the block program of its `#kernel.gemm` schedule.
mlir::LogicalResult buildGemmProgram(VariantOp variant, GemmSource source);

/// chooseGemmVariants and buildGemmProgram for a kernel without variants.
mlir::LogicalResult scheduleGemm(FuncOp kernel, const Target &target);

/// Layouts of a staged program: every acc_read is an anchor, its fragment flows to what uses it.
mlir::LogicalResult assignStagedLayouts(VariantOp variant);

} // namespace cameo::kernel

#endif // CAMEO_LIB_TRANSFORMS_KERNEL_GEMMSCHEDULE_H
