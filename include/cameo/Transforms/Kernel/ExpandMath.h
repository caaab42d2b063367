// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Elementary functions as arithmetic. libdevice is not used: its accuracy and its code depend on the
// toolkit at hand, and the PTX machine and the GPU must agree bit for bit. Each function of the math
// dialect on f32 and f64 becomes adds, products, fused multiply-adds and integer operations whose error
// is bounded (docs/numerics.md); f16 and bf16 go through f32. Eight-bit floats convert through f32.
#ifndef CAMEO_TRANSFORMS_KERNEL_EXPANDMATH_H
#define CAMEO_TRANSFORMS_KERNEL_EXPANDMATH_H

namespace mlir {
class RewritePatternSet;
}

namespace cameo::kernel {
void populateExpandMathPatterns(mlir::RewritePatternSet &patterns);
} // namespace cameo::kernel

#endif // CAMEO_TRANSFORMS_KERNEL_EXPANDMATH_H
