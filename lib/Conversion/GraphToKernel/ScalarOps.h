// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The scalar meaning of the graph dialect's elementwise ops in arith and math. Graph element types
// know signedness (`ui8`), arith does not: each function takes the graph element type and values of
// the matching signless type. Floats below 32 bits compute in f32 and round to their own type after
// every op, as ONNX says.
#pragma once

#include "cameo/Dialect/Graph/IR/Graph.h"

#include "mlir/IR/Builders.h"

namespace cameo::graphtokernel {

/// The type of a value of `element` inside a kernel: signless, `i1` for booleans.
mlir::Type computeType(mlir::Type element);
/// The type of an element of `element` in memory: as `computeType`, but booleans are bytes.
mlir::Type storageType(mlir::Type element);
/// f32 for floats below 32 bits, i32 for 8- and 16-bit integers is *not* implied: integers wrap.
mlir::Type accumulatorType(mlir::Type element);

/// Unsigned integers, and booleans.
bool isUnsigned(mlir::Type element);
/// The element type of a ranked tensor value.
mlir::Type elementOf(mlir::Value tensor);

mlir::Value constantOf(mlir::OpBuilder &b, mlir::Location loc, mlir::Type type, double value);
mlir::Value integerConstant(mlir::OpBuilder &b, mlir::Location loc, mlir::Type type, int64_t value);
/// The element of a splat or one-element constant as a value of `computeType`.
mlir::Value constantElement(mlir::OpBuilder &b, mlir::Location loc, mlir::ElementsAttr elements);

mlir::Value emitUnary(mlir::OpBuilder &b, mlir::Location loc, graph::UnaryOp op, mlir::Value x);
mlir::Value emitBinary(mlir::OpBuilder &b, mlir::Location loc, graph::BinaryKind kind,
                       mlir::Type element, mlir::Type rhsElement, mlir::Value x, mlir::Value y);
/// `saturate` matters to floats of 8 bits and less, `round` to f8E8M0FNU alone.
mlir::Value emitCast(mlir::OpBuilder &b, mlir::Location loc, mlir::Type from, mlir::Type to,
                     mlir::Value x, bool saturate = false,
                     graph::RoundMode round = graph::RoundMode::Up);
/// NaN-propagating minimum and maximum.
mlir::Value emitMin(mlir::OpBuilder &b, mlir::Location loc, mlir::Type element, mlir::Value x,
                    mlir::Value y);
mlir::Value emitMax(mlir::OpBuilder &b, mlir::Location loc, mlir::Type element, mlir::Value x,
                    mlir::Value y);
/// Of two (value, i64 position) pairs the one with the larger (or smaller) value; NaN beats any number;
/// ties go to the first (or last) position. Pure, so that partial results combine by it.
llvm::SmallVector<mlir::Value> emitBetter(mlir::OpBuilder &b, mlir::Location loc, bool max, bool last,
                                          mlir::Type element, mlir::ValueRange left,
                                          mlir::ValueRange right);
/// The smallest and largest value of an element type (-inf and +inf for floats).
mlir::Value lowest(mlir::OpBuilder &b, mlir::Location loc, mlir::Type element);
mlir::Value highest(mlir::OpBuilder &b, mlir::Location loc, mlir::Type element);

/// Loaded bytes to booleans and back; the identity for other types.
mlir::Value fromStorage(mlir::OpBuilder &b, mlir::Location loc, mlir::Type element, mlir::Value x);
mlir::Value toStorage(mlir::OpBuilder &b, mlir::Location loc, mlir::Type element, mlir::Value x);

} // namespace cameo::graphtokernel
