// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Pooling: d0 runs over the result, d1 over the window. What hangs over the operand is the reduction's
// identity; an average counts the positions that ONNX counts (inside the operand, or inside operand
// and pads), which is itself a reduction over the window.

#include "Anchors.h"
#include "Elements.h"
#include "ScalarOps.h"
#include "Tiles.h"

using namespace mlir;

namespace cameo::graphtokernel {

namespace {

using Tile = TileBuilder::Tile;

class Pooling {
public:
  Pooling(KernelBuilder &kernel, graph::PoolOp op)
      : kernel(kernel), op(op), loc(kernel.loc), b(kernel.b),
        element(op.getX().getType().getElementType()),
        xSizes(graph::getSizes(op.getX().getType())),
        outSizes(graph::getSizes(op.getResult().getType())), rank(op.getWindow().size()),
        tiles(kernel, Domain{{"~d0", product({outSizes.begin(), outSizes.end()})},
                             {"~d1", windowSize()}}) {
    // Coordinates in the order (N, C, spatial…), whatever the tensors' own is.
    bool last = op.getChannelsLast();
    xSizes = graph::fromStored(xSizes, last);
    out = graph::fromStored(delinearize(tiles.domain.at(0), outSizes), last);
    SmallVector<SizeExpr> window;
    for (int64_t extent : op.getWindow())
      window.push_back(literal(extent));
    Coordinates tap = delinearize(tiles.domain.at(1), window);
    in = {out[0], out[1]};
    for (size_t i = 0; i < rank; ++i) {
      SizeExpr at = out[2 + i] * literal(op.getStrides()[i]) +
                    tap[i] * literal(op.getDilations()[i]) - SizeExpr(op.getPads()[i]);
      in.push_back(at);
      inside = logicalAnd(inside, logicalAnd(le(0, at), lt(at, xSizes[2 + i])));
      insidePads = logicalAnd(
          insidePads, lt(at, xSizes[2 + i] + SizeExpr(op.getPads()[rank + i])));
    }
    out = graph::asStored(out, last);
    in = graph::asStored(in, last);
  }

  Tile maximum() { return tiles.maximum(elements(lowest(b, loc, element)), element); }

  /// The maximum and its position in the flattened operand. Of equal maxima the first in row-major order
  /// wins, in whichever order its position is told.
  SmallVector<Tile> maximumWithPosition() {
    Value none = integerConstant(b, loc, b.getI64Type(), INT64_MAX);
    SmallVector<Tile> inputs{elements(lowest(b, loc, element)), positions(false, none)};
    SmallVector<Value> init{lowest(b, loc, element), none};
    if (op.getColumnMajor()) {
      inputs.push_back(positions(true, none));
      init.push_back(none);
    }
    SmallVector<Tile> best = tiles.reduce(
        inputs, init, [&](OpBuilder &b, ValueRange l, ValueRange r) -> SmallVector<Value> {
          SmallVector<Value> winner = emitBetter(b, loc, /*max=*/true, /*last=*/false, element,
                                                 l.take_front(2), r.take_front(2));
          if (l.size() == 3) {
            Value left =
                arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, winner[1], l[1]);
            winner.push_back(arith::SelectOp::create(b, loc, left, l[2], r[2]));
          }
          return winner;
        });
    return {best.front(), best.back()};
  }

  Tile average() {
    Type wide = accumulatorType(element);
    Tile total = tiles.sum(widened(wide));
    SizeExpr counted = op.getCountIncludePad() ? insidePads : inside;
    if (op.getCountIncludePad() && !op.getCeilMode()) {
      double count = 1;
      for (int64_t extent : op.getWindow())
        count *= double(extent);
      return tiles.generic({total}, {0}, wide, [&](OpBuilder &b, ValueRange x) -> Value {
        return arith::DivFOp::create(b, loc, x[0], constantOf(b, loc, wide, count));
      });
    }
    Tile ones = tiles.computed({0, 1}, wide, [&](OpBuilder &b, Scope &scope) -> Value {
      return arith::UIToFPOp::create(b, loc, wide, kernel.condition(b, scope, counted));
    });
    return tiles.generic({total, tiles.sum(ones)}, {0}, wide, [&](OpBuilder &b, ValueRange x) -> Value {
      return arith::DivFOp::create(b, loc, x[0], x[1]);
    });
  }

  Tile norm() {
    Type wide = accumulatorType(element);
    double p = double(op.getP());
    Tile powers = tiles.generic({widened(wide)}, {0, 1}, wide, [&](OpBuilder &b, ValueRange x) -> Value {
      Value magnitude = math::AbsFOp::create(b, loc, x[0]);
      if (p == 1)
        return magnitude;
      if (p == 2)
        return arith::MulFOp::create(b, loc, magnitude, magnitude);
      return math::PowFOp::create(b, loc, magnitude, constantOf(b, loc, wide, p));
    });
    return tiles.generic({tiles.sum(powers)}, {0}, wide, [&](OpBuilder &b, ValueRange x) -> Value {
      if (p == 1)
        return x[0];
      if (p == 2)
        return math::SqrtOp::create(b, loc, x[0]);
      return math::PowFOp::create(b, loc, x[0], constantOf(b, loc, wide, 1 / p));
    });
  }

  KernelBuilder &kernel;
  graph::PoolOp op;
  Location loc;
  OpBuilder &b;
  Type element;
  SmallVector<SizeExpr> xSizes, outSizes;
  size_t rank;
  TileBuilder tiles;
  Coordinates out, in;
  SizeExpr inside = 1, insidePads = 1;

private:
  /// Flat positions of the window's elements; outside of the operand one that loses every tie, also
  /// against -inf inside.
  Tile positions(bool columnMajor, Value none) {
    SmallVector<SizeExpr> order = xSizes;
    Coordinates at = in;
    if (columnMajor) {
      std::reverse(order.begin() + 2, order.end());
      std::reverse(at.begin() + 2, at.end());
    }
    SizeExpr flat = linearize(at, order).simplify(tiles.domain.ranges);
    SizeExpr valid = inside.simplify(tiles.domain.ranges);
    return tiles.computed({0, 1}, b.getI64Type(), [&](OpBuilder &b, Scope &scope) -> Value {
      Value position =
          arith::IndexCastOp::create(b, loc, b.getI64Type(), kernel.index(b, scope, flat));
      return arith::SelectOp::create(b, loc, kernel.condition(b, scope, valid), position, none);
    });
  }
  SizeExpr windowSize() {
    SizeExpr size = 1;
    for (int64_t extent : op.getWindow())
      size *= SizeExpr(extent);
    return size;
  }
  Tile elements(Value outside) {
    SizeExpr simple = inside.simplify(tiles.domain.ranges);
    return tiles.computed({0, 1}, storageType(element), [&](OpBuilder &b, Scope &scope) -> Value {
      ElementBuilder elements(kernel, b, scope);
      Value ok = kernel.condition(b, scope, simple);
      return arith::SelectOp::create(b, loc, ok, elements.at(op.getX(), in, ok), outside);
    });
  }
  Tile widened(Type wide) {
    Tile x = elements(constantOf(b, loc, storageType(element), 0));
    if (storageType(element) == wide)
      return x;
    return tiles.generic({x}, {0, 1}, wide, [&](OpBuilder &b, ValueRange in) {
      return emitCast(b, loc, element, wide, in[0]);
    });
  }
};

} // namespace

Family buildWindow(KernelBuilder &kernel) {
  auto op = cast<graph::PoolOp>(kernel.group.anchor);
  Pooling pool(kernel, op);
  if (!op.getIndices().empty()) {
    SmallVector<Tile> tiles = pool.maximumWithPosition();
    pool.tiles.write(tiles[1], op.getIndices().front(), pool.out);
    pool.tiles.finish(op.getResult(), pool.out, tiles[0]);
    return StringRef("reduce");
  }
  Tile result = op.getKind() == graph::PoolKind::Max       ? pool.maximum()
                : op.getKind() == graph::PoolKind::Average ? pool.average()
                                                           : pool.norm();
  pool.tiles.finish(op.getResult(), pool.out, pool.tiles.narrow(result, pool.element));
  return StringRef("reduce");
}

} // namespace cameo::graphtokernel
