// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What is known of the index arithmetic of a reference body: as size expressions, as upper bounds, and
// by sampling. Private to this library.
#ifndef CAMEO_LIB_TRANSFORMS_KERNEL_INDEXANALYSIS_H
#define CAMEO_LIB_TRANSFORMS_KERNEL_INDEXANALYSIS_H

#include "cameo/Transforms/Kernel/Kernel.h"

namespace cameo::kernel {

/// The iteration space of a kernel: the sizes of its widest write.
struct KernelDomain {
  llvm::SmallVector<SizeExpr> sizes;
};
mlir::FailureOr<KernelDomain> domainOf(FuncOp kernel);

/// An expression that no linear position of a view exceeds; nothing where data decides.
std::optional<SizeExpr> largestPosition(mlir::Operation *view, FuncOp kernel);

/// A condition under which 32-bit index arithmetic is enough for every access, or nothing where data
/// decides positions.
std::optional<SizeExpr> fitsIndex32(FuncOp kernel, const KernelDomain &domain);

/// The distance in elements between neighbours along `dim` of a view, found by evaluating its index
/// arithmetic at sample sizes; nothing for views that read no memory. A heuristic, for choices only.
std::optional<int64_t> sampledStride(mlir::Operation *view, unsigned dim, FuncOp kernel);

} // namespace cameo::kernel

#endif // CAMEO_LIB_TRANSFORMS_KERNEL_INDEXANALYSIS_H
