// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One element of a graph value as scalar code: the meaning of every pointwise and movement op by
// index. Used inside regions (computed views, scatters), where an element may need data-dependent
// indices, choices between buffers, and reads that must not happen outside an operand.
#pragma once

#include "KernelBuilder.h"

namespace cameo::graphtokernel {

/// The operand coordinates at which `op` (a view that only moves: reshape, transpose, slice,
/// broadcast, tile) reads for its result's `at`; nothing for other ops.
std::optional<Coordinates> movedCoordinates(mlir::Operation *op, const Coordinates &at,
                                            const SizeExpr::Ranges &ranges);
/// Coordinates of an operand that broadcasts to `result`.
Coordinates broadcastCoordinates(mlir::Type operand, mlir::Type result, const Coordinates &at);

class ElementBuilder {
public:
  /// `b` inserts into the region whose coordinates `scope` holds; data-dependent indices are added
  /// to the scope.
  ElementBuilder(KernelBuilder &kernel, mlir::OpBuilder &b, Scope &scope)
      : kernel(kernel), b(b), scope(scope), loc(kernel.loc) {}

  /// The element of `value` at `at`, of its compute type. Where `guard` (i1, may be null) is false
  /// nothing is read and the element is arbitrary.
  mlir::Value at(mlir::Value value, const Coordinates &at, mlir::Value guard = {});
  mlir::Value conjunction(mlir::Value a, mlir::Value b);
  /// Names an index value that is known to be below `bound` and not negative.
  SizeExpr namedCoordinate(mlir::Value index, const SizeExpr &bound);
  /// Declares an index value (`i32`/`i64`, possibly negative) as a coordinate below `bound`; narrows
  /// `guard` to where it is inside.
  SizeExpr dataCoordinate(mlir::Value index, const SizeExpr &bound, mlir::Value &guard);

  KernelBuilder &kernel;
  mlir::OpBuilder &b;
  Scope &scope;
  mlir::Location loc;

private:
  mlir::Value read(mlir::Value value, const Coordinates &at, mlir::Value guard);
  mlir::Value pad(mlir::Operation *op, const Coordinates &at, mlir::Value guard);
  mlir::Value concat(mlir::Operation *op, const Coordinates &at, mlir::Value guard);
  mlir::Value gather(mlir::Operation *op, const Coordinates &at, mlir::Value guard);
  mlir::Value gatherElements(mlir::Operation *op, const Coordinates &at, mlir::Value guard);
  mlir::Value gatherNd(mlir::Operation *op, const Coordinates &at, mlir::Value guard);
  mlir::Value oneHot(mlir::Operation *op, const Coordinates &at, mlir::Value guard);
  mlir::Value iota(mlir::Operation *op, const Coordinates &at, mlir::Value guard);
  mlir::Value trilu(mlir::Operation *op, const Coordinates &at, mlir::Value guard);
  mlir::Value fromSizes(mlir::Operation *op, const Coordinates &at);
};

/// The scalar value of a pointwise op, given a function for its operands' elements.
mlir::Value pointwiseElement(mlir::OpBuilder &b, mlir::Location loc, mlir::Operation *op,
                             llvm::function_ref<mlir::Value(mlir::Value)> operand);
/// `graph.resize` at `at` (Resize.cpp).
mlir::Value resizeElement(ElementBuilder &elements, graph::ResizeOp op, const Coordinates &at,
                          mlir::Value guard);
/// Coordinates of a pointwise op's operand for the result's element `at`: broadcast, or those of a
/// quantization parameter.
Coordinates operandCoordinates(mlir::Operation *op, mlir::Value operand, const Coordinates &at);

} // namespace cameo::graphtokernel
