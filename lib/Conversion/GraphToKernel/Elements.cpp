// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See Elements.h. Nothing here ever reads outside an operand: every coordinate that data or padding
// could move outside carries a guard down to the reads below it.

#include "Elements.h"

#include "Packed.h"
#include "ScalarOps.h"

#include <cmath>

using namespace mlir;

namespace cameo::graphtokernel {

namespace {

/// i * ne(size, 1): coordinate 0 where the operand's size turns out to be 1.
SizeExpr broadcastCoordinate(const SizeExpr &size, const SizeExpr &result, const SizeExpr &at) {
  if (size.isConstant(1))
    return 0;
  return size == result ? at : at * ne(size, 1);
}

/// Casts to 4- and 2-bit integers wrap, quantization saturates.
Value clampToInteger(OpBuilder &b, Location loc, Type to, Value x) {
  unsigned width = to.getIntOrFloatBitWidth();
  bool isSigned = !to.isUnsignedInteger();
  Type type = x.getType();
  Value low = constantOf(b, loc, type, isSigned ? -std::ldexp(1.0, int(width) - 1) : 0);
  Value high = constantOf(b, loc, type, std::ldexp(1.0, int(width) - isSigned) - 1);
  x = arith::MaximumFOp::create(b, loc, x, low);
  return arith::MinimumFOp::create(b, loc, x, high);
}

Value emitQuantize(OpBuilder &b, Location loc, graph::QuantizeOp op,
                   llvm::function_ref<Value(Value)> operand) {
  Type from = elementOf(op.getX()), to = elementOf(op.getResult());
  Type wide = from.isF64() ? Type(b.getF64Type()) : Type(b.getF32Type());
  Value x = emitCast(b, loc, from, wide, operand(op.getX()));
  Value scale = emitCast(b, loc, elementOf(op.getScale()), wide, operand(op.getScale()));
  Value q = arith::DivFOp::create(b, loc, x, scale);
  if (isa<FloatType>(to))
    return emitCast(b, loc, wide, to, q, op.getSaturate());
  q = math::RoundEvenOp::create(b, loc, q);
  if (Value zeroPoint = op.getZeroPoint())
    q = arith::AddFOp::create(
        b, loc, q, emitCast(b, loc, elementOf(zeroPoint), wide, operand(zeroPoint)));
  return emitCast(b, loc, wide, to, isPacked(to) ? clampToInteger(b, loc, to, q) : q);
}

Value emitDequantize(OpBuilder &b, Location loc, graph::DequantizeOp op,
                     llvm::function_ref<Value(Value)> operand) {
  Type from = elementOf(op.getX()), to = elementOf(op.getResult());
  Value x = operand(op.getX());
  Type wide = accumulatorType(to);
  if (isa<FloatType>(from)) {
    x = emitCast(b, loc, from, wide, x);
  } else {
    // The difference of two 8- or 16-bit integers is exact in i32, that of wider ones in i64.
    Type exact = b.getIntegerType(from.getIntOrFloatBitWidth() <= 16 ? 32 : 64);
    x = emitCast(b, loc, from, exact, x);
    if (Value zeroPoint = op.getZeroPoint())
      x = arith::SubIOp::create(b, loc, x,
                                emitCast(b, loc, from, exact, operand(zeroPoint)));
    x = emitCast(b, loc, exact, wide, x);
  }
  Value scale = emitCast(b, loc, elementOf(op.getScale()), wide, operand(op.getScale()));
  return emitCast(b, loc, wide, to, arith::MulFOp::create(b, loc, x, scale));
}

/// An element's bits as another type's of the same width in memory.
Value emitBitcast(OpBuilder &b, Location loc, Type from, Type to, Value x) {
  Value stored = toStorage(b, loc, from, x);
  if (isPacked(to))
    return fromPackedStorage(b, loc, to, wrapPacked(b, loc, to, stored));
  if (stored.getType() != storageType(to))
    stored = arith::BitcastOp::create(b, loc, storageType(to), stored);
  return fromStorage(b, loc, to, stored);
}

} // namespace

Coordinates broadcastCoordinates(Type operand, Type result, const Coordinates &at) {
  auto from = graph::getSizes(operand), to = graph::getSizes(result);
  Coordinates index;
  size_t skipped = to.size() - from.size();
  for (size_t i = 0; i < from.size(); ++i)
    index.push_back(broadcastCoordinate(from[i], to[skipped + i], at[skipped + i]));
  return index;
}

namespace {

/// Coordinates of a quantization parameter (per tensor, per axis, or per block) for the element `at` of x.
Coordinates parameterCoordinates(Type parameter, int64_t axis, int64_t blockSize,
                                 const Coordinates &at) {
  auto sizes = graph::getSizes(parameter);
  if (sizes.empty() || product({sizes.begin(), sizes.end()}).isConstant(1))
    return Coordinates(sizes.size(), SizeExpr(0));
  if (sizes.size() == 1 && blockSize == 0)
    return {at[size_t(axis)]};
  Coordinates index = at;
  if (blockSize > 0)
    index[size_t(axis)] = floorDiv(at[size_t(axis)], literal(blockSize));
  return index;
}

} // namespace

Coordinates operandCoordinates(Operation *op, Value operand, const Coordinates &at) {
  if (auto q = dyn_cast<graph::QuantizeOp>(op); q && operand != q.getX())
    return parameterCoordinates(operand.getType(), q.getAxis(), q.getBlockSize(), at);
  if (auto q = dyn_cast<graph::DequantizeOp>(op); q && operand != q.getX())
    return parameterCoordinates(operand.getType(), q.getAxis(), q.getBlockSize(), at);
  return broadcastCoordinates(operand.getType(), op->getResult(0).getType(), at);
}

std::optional<Coordinates> movedCoordinates(Operation *op, const Coordinates &at,
                                            const SizeExpr::Ranges &ranges) {
  if (auto reshape = dyn_cast<graph::ReshapeOp>(op)) {
    auto from = graph::getSizes(reshape.getX().getType());
    SizeExpr linear = linearize(at, graph::getSizes(reshape.getType())).simplify(ranges);
    Coordinates index = delinearize(linear, from);
    for (SizeExpr &e : index)
      e = e.simplify(ranges);
    return index;
  }
  if (auto transpose = dyn_cast<graph::TransposeOp>(op)) {
    Coordinates index(at.size());
    for (auto [i, dim] : llvm::enumerate(transpose.getPerm()))
      index[size_t(dim)] = at[i];
    return index;
  }
  if (auto broadcast = dyn_cast<graph::BroadcastOp>(op))
    return broadcastCoordinates(broadcast.getX().getType(), broadcast.getType(), at);
  if (auto slice = dyn_cast<graph::SliceOp>(op)) {
    auto starts = slice.getStartExprs(), steps = slice.getStepExprs();
    Coordinates index;
    for (size_t i = 0; i < at.size(); ++i)
      index.push_back(starts[i] + at[i] * steps[i]);
    return index;
  }
  if (auto tile = dyn_cast<graph::TileOp>(op)) {
    auto from = graph::getSizes(tile.getX().getType()), to = graph::getSizes(tile.getType());
    Coordinates index;
    for (size_t i = 0; i < at.size(); ++i)
      index.push_back(from[i] == to[i] ? at[i] : mod(at[i], from[i]).simplify(ranges));
    return index;
  }
  return std::nullopt;
}

Value pointwiseElement(OpBuilder &b, Location loc, Operation *op,
                       llvm::function_ref<Value(Value)> operand) {
  if (auto unary = dyn_cast<graph::UnaryOp>(op))
    return emitUnary(b, loc, unary, operand(unary.getX()));
  if (auto binary = dyn_cast<graph::BinaryOp>(op)) {
    Value x = operand(binary.getLhs()), y = operand(binary.getRhs());
    return emitBinary(b, loc, binary.getKind(), elementOf(binary.getLhs()),
                      elementOf(binary.getRhs()), x, y);
  }
  if (auto select = dyn_cast<graph::SelectOp>(op)) {
    Value c = operand(select.getCondition()), x = operand(select.getA());
    return arith::SelectOp::create(b, loc, c, x, operand(select.getB()));
  }
  if (auto clip = dyn_cast<graph::ClipOp>(op)) {
    Type element = elementOf(clip.getX());
    Value x = operand(clip.getX());
    if (Value min = clip.getMin())
      x = emitMax(b, loc, element, x, operand(min));
    if (Value max = clip.getMax())
      x = emitMin(b, loc, element, x, operand(max));
    return x;
  }
  if (auto castOp = dyn_cast<graph::CastOp>(op))
    return emitCast(b, loc, elementOf(castOp.getX()), elementOf(castOp.getResult()),
                    operand(castOp.getX()), castOp.getSaturate(),
                    castOp.getRoundMode().value_or(graph::RoundMode::Up));
  if (auto bitcast = dyn_cast<graph::BitcastOp>(op))
    return emitBitcast(b, loc, elementOf(bitcast.getX()), elementOf(bitcast.getResult()),
                       operand(bitcast.getX()));
  if (auto quantize = dyn_cast<graph::QuantizeOp>(op))
    return emitQuantize(b, loc, quantize, operand);
  if (auto dequantize = dyn_cast<graph::DequantizeOp>(op))
    return emitDequantize(b, loc, dequantize, operand);
  return {};
}

Value ElementBuilder::conjunction(Value x, Value y) {
  if (!x || !y)
    return x ? x : y;
  return arith::AndIOp::create(b, loc, x, y);
}

SizeExpr ElementBuilder::dataCoordinate(Value index, const SizeExpr &bound, Value &guard) {
  Value extent = kernel.index(b, scope, bound);
  Value zero = arith::ConstantIndexOp::create(b, loc, 0);
  Value raw = arith::IndexCastOp::create(b, loc, b.getIndexType(), index);
  Value negative = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, raw, zero);
  Value wrapped = arith::SelectOp::create(
      b, loc, negative, arith::AddIOp::create(b, loc, raw, extent), raw);
  Value inside = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult, wrapped, extent);
  guard = conjunction(guard, inside);
  return namedCoordinate(wrapped, bound);
}

SizeExpr ElementBuilder::namedCoordinate(Value index, const SizeExpr &bound) {
  std::string name = "~" + std::to_string(scope.values.size());
  scope.values[name] = index;
  scope.ranges.insert_or_assign(name, bound);
  return SizeExpr::symbol(name);
}

Value ElementBuilder::read(Value value, const Coordinates &at, Value guard) {
  if (auto constant = value.getDefiningOp<graph::ConstantOp>())
    if (graph::getSplatValue(value))
      return constantElement(b, loc, constant.getValue());
  SizeExpr offset = linearize(at, graph::getSizes(value.getType())).simplify(scope.ranges);
  Type element = elementOf(value), storage = storageType(element);
  SizeExpr perByte = literal(elementsPerByte(element));
  bool packed = isPacked(element);
  Value buffer = kernel.input(value);
  Value linear = kernel.index(b, scope, packed ? floorDiv(offset, perByte).simplify(scope.ranges) : offset);
  Value loaded;
  if (guard)
    loaded = kernel::ReadOp::create(b, loc, buffer, linear, guard,
                                    constantOf(b, loc, storage, 0));
  else
    loaded = kernel::ReadOp::create(b, loc, buffer, linear);
  if (packed)
    loaded = unpack(b, loc, element, loaded,
                    kernel.index(b, scope, mod(offset, perByte).simplify(scope.ranges)));
  return fromStorage(b, loc, element, loaded);
}

Value ElementBuilder::at(Value value, const Coordinates &index, Value guard) {
  if (kernel.isInput(value))
    return read(value, index, guard);
  Operation *op = value.getDefiningOp();
  if (auto moved = movedCoordinates(op, index, scope.ranges))
    return at(op->getOperand(0), *moved, guard);
  if (classify(op) == OpClass::Pointwise)
    return pointwiseElement(b, loc, op, [&](Value operand) {
      return at(operand, operandCoordinates(op, operand, index), guard);
    });
  if (isa<graph::PadOp>(op))
    return pad(op, index, guard);
  if (isa<graph::ConcatOp>(op))
    return concat(op, index, guard);
  if (isa<graph::GatherOp>(op))
    return gather(op, index, guard);
  if (isa<graph::GatherElementsOp>(op))
    return gatherElements(op, index, guard);
  if (isa<graph::GatherNdOp>(op))
    return gatherNd(op, index, guard);
  if (isa<graph::OneHotOp>(op))
    return oneHot(op, index, guard);
  if (isa<graph::IotaOp>(op))
    return iota(op, index, guard);
  if (isa<graph::TriluOp>(op))
    return trilu(op, index, guard);
  if (isa<graph::FromSizesOp>(op))
    return fromSizes(op, index);
  if (auto resize = dyn_cast<graph::ResizeOp>(op))
    return resizeElement(*this, resize, index, guard);
  return {}; // the plan keeps everything else in memory
}

Value ElementBuilder::pad(Operation *op, const Coordinates &index, Value guard) {
  auto padOp = cast<graph::PadOp>(op);
  auto sizes = graph::getSizes(padOp.getX().getType());
  auto lo = padOp.getLoExprs(), hi = padOp.getHiExprs();
  Coordinates inner;
  SizeExpr inside = 1;
  for (size_t i = 0; i < index.size(); ++i) {
    SizeExpr at = (index[i] - lo[i]).simplify(scope.ranges), n = sizes[i];
    bool unpadded = lo[i].isConstant(0) && hi[i].isConstant(0);
    switch (unpadded ? graph::PadMode::Constant : padOp.getMode()) {
    case graph::PadMode::Constant:
      if (!unpadded)
        inside = logicalAnd(inside, logicalAnd(le(0, at), lt(at, n)));
      break;
    case graph::PadMode::Edge: at = max(min(at, n - 1), 0); break;
    case graph::PadMode::Wrap: at = mod(at, n); break;
    case graph::PadMode::Reflect: {
      // Period 2(n-1), mirrored in its second half; a single element repeats.
      SizeExpr period = max(2 * (n - 1), 1), phase = mod(at, period);
      at = min(phase, period - phase) * ne(n, 1);
      break;
    }
    }
    inner.push_back(at);
  }
  if (inside.isConstant(1))
    return at(padOp.getX(), inner, guard);
  Value ok = kernel.condition(b, scope, inside);
  Value element = at(padOp.getX(), inner, conjunction(guard, ok));
  Value outside =
      padOp.getValue()
          ? at(padOp.getValue(),
               Coordinates(graph::getSizes(padOp.getValue().getType()).size(), SizeExpr(0)))
          : constantOf(b, loc, element.getType(), 0);
  return arith::SelectOp::create(b, loc, ok, element, outside);
}

Value ElementBuilder::concat(Operation *op, const Coordinates &index, Value guard) {
  auto concatOp = cast<graph::ConcatOp>(op);
  size_t axis = size_t(concatOp.getAxis());
  SizeExpr start = 0;
  Value result;
  for (Value input : concatOp.getInputs()) {
    SizeExpr extent = graph::getSizes(input.getType())[axis];
    SizeExpr end = start + extent;
    Value from = kernel.condition(b, scope, le(start, index[axis]));
    Value until = kernel.condition(b, scope, lt(index[axis], end));
    Value here = conjunction(from, until);
    Coordinates inner = index;
    inner[axis] = index[axis] - start;
    Value element = at(input, inner, conjunction(guard, here));
    result = result ? arith::SelectOp::create(b, loc, here, element, result).getResult() : element;
    start = end;
  }
  return result;
}

Value ElementBuilder::gather(Operation *op, const Coordinates &index, Value guard) {
  auto gatherOp = cast<graph::GatherOp>(op);
  size_t axis = size_t(gatherOp.getAxis());
  size_t indexRank = gatherOp.getIndices().getType().getShape().size();
  auto sizes = graph::getSizes(gatherOp.getX().getType());
  Coordinates where(index.begin() + long(axis), index.begin() + long(axis + indexRank));
  Value picked = at(gatherOp.getIndices(), where, guard);
  Coordinates inner(index.begin(), index.begin() + long(axis));
  inner.push_back(dataCoordinate(picked, sizes[axis], guard));
  inner.append(index.begin() + long(axis + indexRank), index.end());
  return at(gatherOp.getX(), inner, guard);
}

Value ElementBuilder::gatherElements(Operation *op, const Coordinates &index, Value guard) {
  auto gatherOp = cast<graph::GatherElementsOp>(op);
  size_t axis = size_t(gatherOp.getAxis());
  Coordinates inner = index;
  Value picked = at(gatherOp.getIndices(), index, guard);
  inner[axis] =
      dataCoordinate(picked, graph::getSizes(gatherOp.getX().getType())[axis], guard);
  return at(gatherOp.getX(), inner, guard);
}

Value ElementBuilder::gatherNd(Operation *op, const Coordinates &index, Value guard) {
  auto gatherOp = cast<graph::GatherNdOp>(op);
  auto sizes = graph::getSizes(gatherOp.getX().getType());
  auto indexSizes = graph::getSizes(gatherOp.getIndices().getType());
  size_t batch = size_t(gatherOp.getBatchDims());
  int64_t tuple = indexSizes.back().asConstant().value_or(0);
  Coordinates where(index.begin(), index.begin() + long(indexSizes.size() - 1));
  Coordinates inner(index.begin(), index.begin() + long(batch));
  for (int64_t i = 0; i < tuple; ++i) {
    Coordinates component = where;
    component.push_back(i);
    Value picked = at(gatherOp.getIndices(), component, guard);
    inner.push_back(dataCoordinate(picked, sizes[batch + size_t(i)], guard));
  }
  inner.append(index.begin() + long(indexSizes.size() - 1), index.end());
  return at(gatherOp.getX(), inner, guard);
}

Value ElementBuilder::oneHot(Operation *op, const Coordinates &index, Value guard) {
  auto oneHotOp = cast<graph::OneHotOp>(op);
  size_t axis = size_t(oneHotOp.getAxis());
  Coordinates where = index;
  where.erase(where.begin() + long(axis));
  Type element = elementOf(oneHotOp.getIndices());
  Value picked = at(oneHotOp.getIndices(), where, guard);
  Value hot = arith::IndexCastOp::create(b, loc, b.getIndexType(),
                                         emitCast(b, loc, element, b.getI64Type(), picked));
  Value depth = kernel.index(b, scope, oneHotOp.getDepthExpr());
  Value negative = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, hot,
                                         arith::ConstantIndexOp::create(b, loc, 0));
  hot = arith::SelectOp::create(b, loc, negative, arith::AddIOp::create(b, loc, hot, depth), hot);
  Value here = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, hot,
                                     kernel.index(b, scope, index[axis]));
  Value off = at(oneHotOp.getValues(), {SizeExpr(0)}), on = at(oneHotOp.getValues(), {SizeExpr(1)});
  return arith::SelectOp::create(b, loc, here, on, off);
}

Value ElementBuilder::iota(Operation *op, const Coordinates &index, Value guard) {
  auto iotaOp = cast<graph::IotaOp>(op);
  Type element = elementOf(iotaOp.getResult());
  auto scalar = [&](Value value) {
    return at(value, Coordinates(graph::getSizes(value.getType()).size(), SizeExpr(0)), guard);
  };
  Value i = arith::IndexCastOp::create(b, loc, b.getI64Type(), kernel.index(b, scope, index[0]));
  Value start = scalar(iotaOp.getStart()), delta = scalar(iotaOp.getDelta());
  if (!isa<FloatType>(element)) {
    Value step = arith::MulIOp::create(
        b, loc, emitCast(b, loc, b.getI64Type(), computeType(element), i), delta);
    return arith::AddIOp::create(b, loc, start, step);
  }
  Type wide = accumulatorType(element);
  Value step = arith::MulFOp::create(b, loc, emitCast(b, loc, b.getI64Type(), wide, i),
                                     emitCast(b, loc, element, wide, delta));
  Value sum = arith::AddFOp::create(b, loc, emitCast(b, loc, element, wide, start), step);
  return emitCast(b, loc, wide, element, sum);
}

Value ElementBuilder::trilu(Operation *op, const Coordinates &index, Value guard) {
  auto triluOp = cast<graph::TriluOp>(op);
  SizeExpr row = index[index.size() - 2], column = index.back(), k = triluOp.getKExpr();
  Value kept = kernel.condition(
      b, scope, triluOp.getUpper() ? le(k, column - row) : le(column - row, k));
  Value element = at(triluOp.getX(), index, guard);
  return arith::SelectOp::create(b, loc, kept, element, constantOf(b, loc, element.getType(), 0));
}

Value ElementBuilder::fromSizes(Operation *op, const Coordinates &index) {
  auto exprs = cast<graph::FromSizesOp>(op).getSizeExprs();
  Value value = kernel.size(b, exprs[0]);
  for (size_t i = 1; i < exprs.size(); ++i)
    value = arith::SelectOp::create(b, loc, kernel.condition(b, scope, eq(index[0], int64_t(i))),
                                    kernel.size(b, exprs[i]), value);
  Type element = computeType(elementOf(op->getResult(0)));
  return arith::IndexCastOp::create(b, loc, element, value);
}

} // namespace cameo::graphtokernel
