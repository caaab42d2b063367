// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One function per family of anchors: builds the reference body of a group, returns the kernel's
// family ("pointwise", "reduce", "serial", "gemm"), or fails after an error at the op.
#pragma once

#include "KernelBuilder.h"

namespace cameo::graphtokernel {

using Family = llvm::FailureOr<llvm::StringRef>;

Family buildPointwise(KernelBuilder &kernel);
Family buildReduction(KernelBuilder &kernel);   ///< reduce, arg_reduce, softmax, normalize
Family buildContraction(KernelBuilder &kernel); ///< matmul, conv, conv_transpose and integer forms
Family buildWindow(KernelBuilder &kernel);      ///< pool
Family buildSerial(KernelBuilder &kernel);      ///< cumsum, scatter

/// A convolution with one channel a group: a window reduction, not a matrix product.
bool isDepthwise(mlir::Operation *op);
Family buildDepthwise(KernelBuilder &kernel);

} // namespace cameo::graphtokernel
