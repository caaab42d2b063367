// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a reference body of the gemm family says: one contraction
// `c[b0,b1,m,n] += a[b0,b1,m,k] * b[b0,b1,k,n]`, what its operands are computed from, and what follows.
// Private to this library.
#ifndef CAMEO_LIB_TRANSFORMS_KERNEL_GEMMSOURCE_H
#define CAMEO_LIB_TRANSFORMS_KERNEL_GEMMSOURCE_H

#include "cameo/Transforms/Kernel/Kernel.h"

#include "mlir/IR/IRMapping.h"

namespace cameo::kernel {

/// Loops of the contraction, and dimensions of the family's domain.
enum GemmDim : unsigned { B0, B1, M, N, K };

struct GemmOperand {
  mlir::Value tensor;  ///< a view, or a chain of generics over views
  mlir::Type element;  ///< its elements
  /// Casts of the payload between the operand's element and the multiplication, outermost last.
  llvm::SmallVector<mlir::Operation *, 2> casts;
  /// The strided view or computed view that `tensor` is, or null for a chain.
  mlir::Operation *view() const;
};

struct GemmSource {
  FuncOp kernel;
  mlir::linalg::GenericOp contraction;
  GemmOperand a, b;
  mlir::Type accumulator;
  llvm::SmallVector<mlir::OpFoldResult, 5> sizes; ///< by GemmDim
  llvm::SmallVector<SizeExpr, 5> extents;         ///< the same as expressions
};

/// Fails with a diagnostic where the reference body is anything else.
mlir::FailureOr<GemmSource> analyzeGemm(FuncOp kernel);

/// Element `at` of a tensor of a reference body, computed from its views. `mapping` has the variant's
/// values for those of the reference body.
mlir::FailureOr<mlir::Value> emitElement(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value tensor,
                                         llvm::ArrayRef<mlir::Value> at, const mlir::IRMapping &mapping);

} // namespace cameo::kernel

#endif // CAMEO_LIB_TRANSFORMS_KERNEL_GEMMSOURCE_H
