// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Anchors over rows: d0 runs over the flattened kept dimensions, d1 over the flattened reduced ones.
// Every reduction's combiner is pure (what is combined is mapped before), so that threads can combine
// partial results with it. Sums of small floats accumulate in f32.

#include "Anchors.h"
#include "Elements.h"
#include "ScalarOps.h"
#include "Tiles.h"

using namespace mlir;

namespace cameo::graphtokernel {

namespace {

using Tile = TileBuilder::Tile;
using graph::ReduceKind;

/// The rows of an operand: coordinates of its elements, and of the result with reduced sizes 1.
struct Rows {
  Domain domain;
  Coordinates in, kept; ///< kept: reduced dimensions removed
  Coordinates keptDims; ///< reduced dimensions are 0
  SizeExpr length;

  Rows(Value x, ArrayRef<int64_t> axes) {
    auto sizes = graph::getSizes(x.getType());
    SmallVector<SizeExpr> outer, inner;
    for (auto [i, size] : llvm::enumerate(sizes))
      (llvm::is_contained(axes, int64_t(i)) ? inner : outer).push_back(size);
    length = product({inner.begin(), inner.end()});
    domain.add("~d0", product({outer.begin(), outer.end()}));
    domain.add("~d1", length);
    Coordinates outerAt = delinearize(domain.at(0), outer), innerAt = delinearize(domain.at(1), inner);
    size_t o = 0, r = 0;
    for (size_t i = 0; i < sizes.size(); ++i) {
      bool reduced = llvm::is_contained(axes, int64_t(i));
      in.push_back(reduced ? innerAt[r++] : outerAt[o]);
      keptDims.push_back(reduced ? SizeExpr(0) : outerAt[o]);
      if (!reduced)
        kept.push_back(outerAt[o++]);
    }
  }
};

class Reducer {
public:
  Reducer(KernelBuilder &kernel, Rows rows)
      : kernel(kernel), b(kernel.b), loc(kernel.loc), rows(std::move(rows)),
        tiles(kernel, this->rows.domain) {}

  KernelBuilder &kernel;
  OpBuilder &b;
  Location loc;
  Rows rows;
  TileBuilder tiles;

  /// x over (d0, d1) as `wide`.
  Tile load(Value x, Type wide) {
    Type element = elementOf(x);
    Tile tile = tiles.map(x, rows.in, {0, 1});
    if (storageType(element) == wide)
      return tile;
    return tiles.generic({tile}, {0, 1}, wide, [&](OpBuilder &b, ValueRange in) {
      return emitCast(b, loc, element, wide, fromStorage(b, loc, element, in[0]));
    });
  }
  /// An elementwise float function over the dims of the first operand.
  Tile map(ArrayRef<Tile> in, TileBuilder::Body body, Type type = {}) {
    if (!type)
      type = cast<RankedTensorType>(in[0].tensor.getType()).getElementType();
    return tiles.generic(in, in[0].dims, type, body);
  }
  /// The row length as a number of `type`, inside a payload.
  Value length(OpBuilder &b, Type type) {
    Value n = arith::IndexCastUIOp::create(b, loc, b.getI64Type(), rowLength());
    return isa<FloatType>(type) ? arith::SIToFPOp::create(b, loc, type, n).getResult()
                                : emitCast(b, loc, b.getI64Type(), type, n);
  }
  /// Called once before a payload uses it, so that the size argument belongs to the body.
  Value rowLength() {
    if (!lengthValue)
      lengthValue = kernel.size(b, rows.length);
    return lengthValue;
  }

private:
  Value lengthValue;
};

/// What a kind of reduction combines, before and after.
struct ReduceRecipe {
  enum Combine { Add, Multiply, Maximum, Minimum, Or, And } combine;
  bool absolute = false, square = false; ///< before
  bool mean = false, root = false, log = false; ///< after
};

ReduceRecipe recipeOf(ReduceKind kind) {
  switch (kind) {
  case ReduceKind::Sum: return {ReduceRecipe::Add};
  case ReduceKind::Prod: return {ReduceRecipe::Multiply};
  case ReduceKind::Max: return {ReduceRecipe::Maximum};
  case ReduceKind::Min: return {ReduceRecipe::Minimum};
  case ReduceKind::Mean: return {.combine = ReduceRecipe::Add, .mean = true};
  case ReduceKind::SumSquare: return {.combine = ReduceRecipe::Add, .square = true};
  case ReduceKind::L1: return {.combine = ReduceRecipe::Add, .absolute = true};
  case ReduceKind::L2: return {.combine = ReduceRecipe::Add, .square = true, .root = true};
  case ReduceKind::LogSum: return {.combine = ReduceRecipe::Add, .log = true};
  case ReduceKind::LogSumExp: return {.combine = ReduceRecipe::Add, .log = true};
  case ReduceKind::Any: return {ReduceRecipe::Or};
  case ReduceKind::All: return {ReduceRecipe::And};
  }
  return {ReduceRecipe::Add};
}

Value beforeCombining(OpBuilder &b, Location loc, const ReduceRecipe &recipe, Type element, Value x) {
  bool isFloat = isa<FloatType>(x.getType());
  if (recipe.square)
    return isFloat ? arith::MulFOp::create(b, loc, x, x).getResult()
                   : arith::MulIOp::create(b, loc, x, x).getResult();
  if (!recipe.absolute || element.isUnsignedInteger())
    return x;
  if (isFloat)
    return math::AbsFOp::create(b, loc, x);
  return math::AbsIOp::create(b, loc, x);
}

Value afterCombining(OpBuilder &b, Location loc, Reducer &reducer, const ReduceRecipe &recipe,
                     Type element, Value x) {
  Type type = x.getType();
  if (recipe.mean) {
    Value n = reducer.length(b, type);
    if (isa<FloatType>(type))
      x = arith::DivFOp::create(b, loc, x, n);
    else
      x = emitBinary(b, loc, graph::BinaryKind::Div, element, element, x, n);
  }
  if (!recipe.root && !recipe.log)
    return x;
  // Integer norms go through f64, as NumPy's do.
  Type wide = isa<FloatType>(type) ? type : Type(b.getF64Type());
  Value y = emitCast(b, loc, isa<FloatType>(type) ? type : element, wide, x);
  y = recipe.root ? math::SqrtOp::create(b, loc, y).getResult()
                  : math::LogOp::create(b, loc, y).getResult();
  return emitCast(b, loc, wide, isa<FloatType>(type) ? type : element, y);
}

Value combineTwo(OpBuilder &b, Location loc, ReduceRecipe::Combine combine, Type element, Value x,
                 Value y) {
  using graph::BinaryKind;
  BinaryKind kinds[] = {BinaryKind::Add, BinaryKind::Mul,   BinaryKind::Max,
                        BinaryKind::Min, BinaryKind::BitOr, BinaryKind::BitAnd};
  return emitBinary(b, loc, kinds[combine], element, element, x, y);
}

Value identityOf(OpBuilder &b, Location loc, ReduceRecipe::Combine combine, Type element) {
  Type type = computeType(element);
  switch (combine) {
  case ReduceRecipe::Add: return constantOf(b, loc, type, 0);
  case ReduceRecipe::Multiply: return constantOf(b, loc, type, 1);
  case ReduceRecipe::Maximum: return lowest(b, loc, element);
  case ReduceRecipe::Minimum: return highest(b, loc, element);
  case ReduceRecipe::Or: return integerConstant(b, loc, type, 0);
  case ReduceRecipe::And: return integerConstant(b, loc, type, 1);
  }
  return {};
}

/// log(sum(exp(x - m))) + m with m the row's maximum, where it is finite.
Tile logSumExp(Reducer &r, Value x, Type wide) {
  Tile row = r.load(x, wide), m = r.tiles.maximum(row, wide);
  Tile shift = r.map({m}, [&](OpBuilder &b, ValueRange in) -> Value {
    Value magnitude = math::AbsFOp::create(b, r.loc, in[0]);
    Value finite = arith::CmpFOp::create(b, r.loc, arith::CmpFPredicate::OLT, magnitude,
                                         constantOf(b, r.loc, wide, INFINITY));
    return arith::SelectOp::create(b, r.loc, finite, in[0], constantOf(b, r.loc, wide, 0));
  });
  Tile e = r.map({row, shift}, [&](OpBuilder &b, ValueRange in) -> Value {
    return math::ExpOp::create(b, r.loc, arith::SubFOp::create(b, r.loc, in[0], in[1]).getResult());
  });
  return r.map({r.tiles.sum(e), shift}, [&](OpBuilder &b, ValueRange in) -> Value {
    return arith::AddFOp::create(b, r.loc, math::LogOp::create(b, r.loc, in[0]).getResult(), in[1]);
  });
}

Family buildReduce(KernelBuilder &kernel, graph::ReduceOp op) {
  Reducer r(kernel, Rows(op.getX(), op.getAxes()));
  Location loc = kernel.loc;
  Type element = elementOf(op.getX()), result = elementOf(op.getResult());
  Coordinates out = op.getKeepdims() ? r.rows.keptDims : r.rows.kept;
  ReduceRecipe recipe = recipeOf(op.getKind());
  bool extremum = recipe.combine == ReduceRecipe::Maximum || recipe.combine == ReduceRecipe::Minimum;
  Type wide = extremum ? storageType(element) : storageType(accumulatorType(element));
  if (op.getKind() == ReduceKind::LogSumExp && isa<FloatType>(element)) {
    Tile tile = r.tiles.narrow(logSumExp(r, op.getX(), wide), result);
    r.tiles.finish(op.getResult(), out, tile);
    return StringRef("reduce");
  }
  if (recipe.mean)
    r.rowLength();
  // Elements of `combined` keep the operand's signedness; booleans combine as bytes.
  Type combined = isa<FloatType>(element) ? wide : element.isInteger(1) ? wide : element;
  Tile row = r.load(op.getX(), wide);
  bool exponential = op.getKind() == ReduceKind::LogSumExp;
  if (recipe.square || recipe.absolute || exponential)
    row = r.map({row}, [&](OpBuilder &b, ValueRange in) {
      return beforeCombining(b, loc, recipe, element, in[0]);
    });
  Tile tile = r.tiles.reduce(
      {row}, identityOf(r.b, loc, recipe.combine, combined),
      [&](OpBuilder &b, ValueRange x, ValueRange y) -> SmallVector<Value> {
        return {combineTwo(b, loc, recipe.combine, combined, x[0], y[0])};
      })[0];
  if (recipe.mean || recipe.root || recipe.log)
    tile = r.map({tile}, [&](OpBuilder &b, ValueRange in) {
      return afterCombining(b, loc, r, recipe, combined, in[0]);
    });
  if (!element.isInteger(1))
    tile = r.tiles.narrow(tile, result);
  r.tiles.finish(op.getResult(), out, tile);
  return StringRef("reduce");
}

Tile positions(Reducer &r) {
  return r.tiles.computed({0, 1}, r.b.getI64Type(), [&](OpBuilder &b, Scope &scope) -> Value {
    return arith::IndexCastOp::create(b, r.loc, b.getI64Type(), scope.values.at("~d1"));
  });
}

/// The position of a row's extremum over d0 (i64).
Tile extremumPosition(Reducer &r, Tile row, Type element, bool max, bool last) {
  Value worst = max ? lowest(r.b, r.loc, element) : highest(r.b, r.loc, element);
  // A position that loses every tie.
  Value none = integerConstant(r.b, r.loc, r.b.getI64Type(), last ? -1 : INT64_MAX);
  return r.tiles.reduce({row, positions(r)}, ValueRange{worst, none},
                        [&](OpBuilder &b, ValueRange x, ValueRange y) {
                          return emitBetter(b, r.loc, max, last, element, x, y);
                        })[1];
}

Family buildArgReduce(KernelBuilder &kernel, graph::ArgReduceOp op) {
  Reducer r(kernel, Rows(op.getX(), {int64_t(op.getAxis())}));
  Type element = elementOf(op.getX());
  Tile row = r.load(op.getX(), storageType(element));
  Tile at = extremumPosition(r, row, element, op.getKind() == graph::ArgReduceKind::Max,
                             op.getSelectLast());
  r.tiles.finish(op.getResult(), op.getKeepdims() ? r.rows.keptDims : r.rows.kept, at);
  return StringRef("reduce");
}

Family buildSoftmax(KernelBuilder &kernel, graph::SoftmaxOp op) {
  Reducer r(kernel, Rows(op.getX(), {int64_t(op.getAxis())}));
  Location loc = kernel.loc;
  Type element = elementOf(op.getX()), wide = accumulatorType(element);
  Tile row = r.load(op.getX(), wide), result;
  if (op.getKind() == graph::SoftmaxKind::Hardmax) {
    Tile at = extremumPosition(r, row, wide, true, false);
    result = r.map({positions(r), at}, [&](OpBuilder &b, ValueRange in) -> Value {
      Value hit = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, in[0], in[1]);
      return arith::UIToFPOp::create(b, loc, wide, hit);
    }, wide);
  } else {
    bool log = op.getKind() == graph::SoftmaxKind::LogSoftmax;
    Tile m = r.tiles.maximum(row, wide);
    Tile centered = r.map({row, m}, [&](OpBuilder &b, ValueRange in) -> Value {
      return arith::SubFOp::create(b, loc, in[0], in[1]);
    });
    Tile e = r.map({centered}, [&](OpBuilder &b, ValueRange in) -> Value {
      return math::ExpOp::create(b, loc, in[0]);
    });
    Tile s = r.tiles.sum(e);
    if (log)
      s = r.map({s}, [&](OpBuilder &b, ValueRange in) -> Value {
        return math::LogOp::create(b, loc, in[0]);
      });
    result = r.map({log ? centered : e, s}, [&](OpBuilder &b, ValueRange in) -> Value {
      return log ? arith::SubFOp::create(b, loc, in[0], in[1]).getResult()
                 : arith::DivFOp::create(b, loc, in[0], in[1]).getResult();
    });
  }
  r.tiles.finish(op.getResult(), r.rows.in, r.tiles.narrow(result, element));
  return StringRef("reduce");
}

Tile meanOf(Reducer &r, Tile x) {
  r.rowLength();
  return r.map({r.tiles.sum(x)}, [&](OpBuilder &b, ValueRange in) -> Value {
    return arith::DivFOp::create(b, r.loc, in[0], r.length(b, in[0].getType()));
  });
}

Family buildNormalize(KernelBuilder &kernel, graph::NormalizeOp op) {
  Reducer r(kernel, Rows(op.getX(), op.getAxes()));
  Location loc = kernel.loc;
  Type element = elementOf(op.getX()), stash = op.getStashType(), wide = accumulatorType(stash);
  bool layer = op.getKind() == graph::NormalizeKind::Layer;
  Tile x = r.load(op.getX(), wide), mean;
  if (layer) {
    mean = meanOf(r, x);
    x = r.map({x, mean}, [&](OpBuilder &b, ValueRange in) -> Value {
      return arith::SubFOp::create(b, loc, in[0], in[1]);
    });
  }
  Tile square = r.map({x}, [&](OpBuilder &b, ValueRange in) -> Value {
    return arith::MulFOp::create(b, loc, in[0], in[0]);
  });
  double epsilon = op.getEpsilon().convertToDouble();
  Tile deviation = r.map({meanOf(r, square)}, [&](OpBuilder &b, ValueRange in) -> Value {
    Value shifted = arith::AddFOp::create(b, loc, in[0], constantOf(b, loc, wide, epsilon));
    return math::SqrtOp::create(b, loc, shifted);
  });
  SmallVector<Tile> inputs{x, deviation};
  for (Value parameter : {op.getScale(), op.getBias()})
    if (parameter)
      inputs.push_back(r.tiles.map(
          parameter, broadcastCoordinates(parameter.getType(), op.getX().getType(), r.rows.in),
          {0, 1}));
  Tile result = r.map(inputs, [&](OpBuilder &b, ValueRange in) -> Value {
    Value y = arith::DivFOp::create(b, loc, in[0], in[1]);
    unsigned next = 2;
    if (op.getScale())
      y = arith::MulFOp::create(b, loc, y,
                                emitCast(b, loc, elementOf(op.getScale()), wide, in[next++]));
    if (op.getBias())
      y = arith::AddFOp::create(b, loc, y,
                                emitCast(b, loc, elementOf(op.getBias()), wide, in[next]));
    return y;
  });
  if (!op.getMoments().empty()) {
    // The last moment is the inverse standard deviation, the one before it the mean.
    Tile inverse = r.map({deviation}, [&](OpBuilder &b, ValueRange in) -> Value {
      return arith::DivFOp::create(b, loc, constantOf(b, loc, wide, 1), in[0]);
    });
    r.tiles.write(r.tiles.narrow(inverse, stash), op.getMoments().back(), r.rows.keptDims);
    if (op.getMoments().size() > 1)
      r.tiles.write(r.tiles.narrow(mean, stash), op.getMoments().front(), r.rows.keptDims);
  }
  r.tiles.finish(op.getResult(), r.rows.in, r.tiles.narrow(result, element));
  return StringRef("reduce");
}

} // namespace

Family buildReduction(KernelBuilder &kernel) {
  Operation *op = kernel.group.anchor;
  if (auto reduce = dyn_cast<graph::ReduceOp>(op))
    return buildReduce(kernel, reduce);
  if (auto argReduce = dyn_cast<graph::ArgReduceOp>(op))
    return buildArgReduce(kernel, argReduce);
  if (auto softmax = dyn_cast<graph::SoftmaxOp>(op))
    return buildSoftmax(kernel, softmax);
  return buildNormalize(kernel, cast<graph::NormalizeOp>(op));
}

} // namespace cameo::graphtokernel
