// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Arithmetic on contents: what exporters compute between a Shape and a Reshape. Integer results stay
// expressions and never become ops; floating-point results are emitted as ops too (so that their
// value as data is what the operator says) and remembered for Floor and Cast to turn into sizes.
#pragma once

#include "NodeBuilder.h"

namespace cameo::importer {

/// Number of elements when it is static and at most kMaxContents.
std::optional<int64_t> smallCount(mlir::RankedTensorType type);
/// i64, i32 and booleans: types whose arithmetic SizeExpr does exactly.
bool isSizeElement(Type element);

/// Truncating division, as ONNX's Div on integers.
SizeExpr truncDiv(const SizeExpr &a, const SizeExpr &b);

/// Axes as numbers, when all are.
std::optional<Ints> allConstant(llvm::ArrayRef<SizeExpr> exprs);
/// 1 where `dim` is one of the axes (counted from the end if negative), as an expression.
SizeExpr isAxis(int64_t dim, llvm::ArrayRef<SizeExpr> axes, int64_t rank);
/// The sizes `from` without those of `axes` (distinct; known at launch), in order. Each is a chain of
/// selections: a sum would have so many terms that products of sizes grow exponentially.
Sizes withoutAxes(llvm::ArrayRef<SizeExpr> from, llvm::ArrayRef<SizeExpr> axes);
/// The sizes `from` with 1 inserted at each of `axes` (distinct, axes of the result).
Sizes withAxes(llvm::ArrayRef<SizeExpr> from, llvm::ArrayRef<SizeExpr> axes);

std::optional<Number> foldUnary(graph::UnaryKind kind, const Number &x);
std::optional<Number> foldBinary(graph::BinaryKind kind, const Number &a, const Number &b,
                                 bool isInt);

/// Elements of `from` at the places that broadcasting to `to` (static shapes) reads.
Contents broadcastContents(const Contents &from, llvm::ArrayRef<int64_t> fromShape,
                           llvm::ArrayRef<int64_t> toShape);

/// Applies `read`, which maps a result coordinate to an operand coordinate, to every element.
template <typename Map>
Contents moveContents(const Contents &from, llvm::ArrayRef<int64_t> fromShape,
                      llvm::ArrayRef<int64_t> toShape, Map map) {
  Contents result;
  llvm::SmallVector<int64_t> at(toShape.size(), 0), source;
  int64_t count = 1;
  for (int64_t size : toShape)
    count *= size;
  for (int64_t i = 0; i < count; ++i) {
    source.assign(fromShape.size(), 0);
    map(llvm::ArrayRef<int64_t>(at), llvm::MutableArrayRef<int64_t>(source));
    int64_t linear = 0;
    for (auto [size, coordinate] : llvm::zip_equal(fromShape, source))
      linear = linear * size + coordinate;
    result.push_back(from[linear]);
    for (size_t d = at.size(); d-- > 0;) {
      if (++at[d] < toShape[d])
        break;
      at[d] = 0;
    }
  }
  return result;
}

/// Gives output 0 of a unary or binary op: contents alone for integers, op and contents for floats.
/// `emit` builds the op.
llvm::LogicalResult outArithmetic(NodeBuilder &b, std::optional<Contents> contents,
                                  mlir::RankedTensorType type, llvm::function_ref<Value()> emit);

std::optional<Contents> unaryContents(NodeBuilder &b, graph::UnaryKind kind);
/// Also infers the result type (i1 for compares).
std::optional<Contents> binaryContents(NodeBuilder &b, graph::BinaryKind kind,
                                       mlir::RankedTensorType &type);

} // namespace cameo::importer
