// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A builder vocabulary for patterns that write small graph programs: one word an op, result types
// inferred. For programs whose sizes are right by construction.
#ifndef CAMEO_LIB_TRANSFORMS_GRAPH_EMIT_H
#define CAMEO_LIB_TRANSFORMS_GRAPH_EMIT_H

#include "cameo/Dialect/Graph/IR/Graph.h"

namespace cameo::graph {

class Emit {
public:
  Emit(mlir::OpBuilder &builder, mlir::Location location) : builder(builder), location(location) {}

  mlir::Value unary(UnaryKind kind, mlir::Value x) {
    return UnaryOp::create(builder, location, kind, x);
  }
  mlir::Value binary(BinaryKind kind, mlir::Value a, mlir::Value b) {
    return BinaryOp::create(builder, location, kind, a, b);
  }
  mlir::Value select(mlir::Value condition, mlir::Value a, mlir::Value b) {
    return SelectOp::create(builder, location, condition, a, b);
  }
  mlir::Value reduce(ReduceKind kind, mlir::Value x, llvm::ArrayRef<int64_t> axes, bool keepdims) {
    return ReduceOp::create(builder, location, kind, x, axes, keepdims);
  }
  mlir::Value matmul(mlir::Value a, mlir::Value b) {
    return MatmulOp::create(builder, location, a, b, false, false);
  }
  /// x itself if it has these elements already.
  mlir::Value cast(mlir::Value x, mlir::Type element) {
    if (typeOf(x).getElementType() == element)
      return x;
    return CastOp::create(builder, location, x, element);
  }
  /// x itself if it has these sizes already.
  mlir::Value reshape(mlir::Value x, llvm::ArrayRef<SizeExpr> sizes) {
    TensorType type = makeTensorType(builder.getContext(), typeOf(x).getElementType(), sizes);
    return type == x.getType() ? x : mlir::Value(ReshapeOp::create(builder, location, type, x));
  }
  mlir::Value broadcast(mlir::Value x, llvm::ArrayRef<SizeExpr> sizes) {
    TensorType type = makeTensorType(builder.getContext(), typeOf(x).getElementType(), sizes);
    return type == x.getType() ? x : mlir::Value(BroadcastOp::create(builder, location, type, x));
  }
  /// A vector reshaped so that it runs along `axis` of a tensor of `rank`.
  mlir::Value alongAxis(mlir::Value vector, int64_t axis, int64_t rank) {
    llvm::SmallVector<SizeExpr> sizes(rank, SizeExpr(1));
    sizes[axis] = getSize(vector.getType(), 0);
    return reshape(vector, sizes);
  }
  /// Elements [start, start + size) of every dimension.
  mlir::Value slice(mlir::Value x, llvm::ArrayRef<SizeExpr> starts,
                    llvm::ArrayRef<SizeExpr> sizes) {
    TensorType type = makeTensorType(builder.getContext(), typeOf(x).getElementType(), sizes);
    llvm::SmallVector<SizeExpr> steps(sizes.size(), SizeExpr(1));
    return SliceOp::create(builder, location, type, x, starts, steps);
  }
  mlir::Value scalar(mlir::Type element, double number) {
    return createSplat(builder, location, mlir::RankedTensorType::get({}, element), number);
  }
  /// An i64 scalar whose value is a size expression.
  mlir::Value size(const SizeExpr &size) {
    mlir::Type i64 = builder.getI64Type();
    if (std::optional<int64_t> constant = size.asConstant())
      return scalar(i64, *constant);
    return FromSizesOp::create(builder, location, mlir::RankedTensorType::get({}, i64), size);
  }
  /// The i64 vector 0, 1, … size - 1.
  mlir::Value iota(const SizeExpr &size) {
    mlir::Type i64 = builder.getI64Type();
    return IotaOp::create(builder, location, makeTensorType(builder.getContext(), i64, {size}),
                          scalar(i64, 0), scalar(i64, 1));
  }

  static TensorType typeOf(mlir::Value value) { return mlir::cast<TensorType>(value.getType()); }

private:
  mlir::OpBuilder &builder;
  mlir::Location location;
};

} // namespace cameo::graph

#endif // CAMEO_LIB_TRANSFORMS_GRAPH_EMIT_H
