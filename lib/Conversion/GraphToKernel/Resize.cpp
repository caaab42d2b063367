// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// graph.resize by index: each resized axis gives a few taps (clamped operand coordinate and weight),
// and an element is the weighted sum over the product of the axes' taps. Coordinates are computed in
// f64, as ONNX's reference does: in f32 a nearest neighbour flips where a coordinate falls on a half.

#include "Elements.h"
#include "FloatExpr.h"

using namespace mlir;

namespace cameo::graphtokernel {

namespace {

using graph::CoordinateMode;
using graph::NearestMode;
using graph::ResizeMode;

struct Tap {
  SizeExpr at;
  Value weight; ///< null: 1
};

class AxisTaps : private Float {
public:
  AxisTaps(ElementBuilder &elements, graph::ResizeOp op, size_t which, const Coordinates &index)
      : Float{elements.b, elements.loc, elements.b.getF64Type()}, e(elements), op(op), which(which),
        axis(size_t(op.getAxes()[which])), f64(type),
        in(graph::getSizes(op.getX().getType())[axis]),
        out(graph::getSizes(op.getType())[axis]), index(index) {}

  SmallVector<Tap> run(Value &outside) {
    Value x = coordinate(outside);
    switch (op.getMode()) {
    case ResizeMode::Nearest: return {{clamped(nearest(x)), {}}};
    case ResizeMode::Linear: return linear(x);
    case ResizeMode::Cubic: return cubic(x);
    }
    return {};
  }

private:
  Value floor(Value x) { return math::FloorOp::create(b, loc, x); }
  Value number(const SizeExpr &size) {
    Value i = e.kernel.index(b, e.scope, size);
    return arith::SIToFPOp::create(b, loc, f64,
                                   arith::IndexCastOp::create(b, loc, b.getI64Type(), i).getResult());
  }
  Value operandElement(Value tensor, size_t position) {
    Type element = cast<RankedTensorType>(tensor.getType()).getElementType();
    return emitCast(b, loc, element, f64, e.at(tensor, {SizeExpr(int64_t(position))}));
  }
  Value scale() {
    if (auto values = op.getScaleValues())
      return c((*values)[which]);
    if (Value scales = op.getScales())
      return operandElement(scales, which);
    return div(number(out), number(in));
  }
  Value roi(size_t position) {
    if (auto values = op.getRoiValues())
      return c((*values)[position]);
    return operandElement(op.getRoi(), position);
  }
  Value atLeastTwo(Value whenMore, Value whenOne) {
    Value more = e.kernel.condition(b, e.scope, lt(1, out));
    return arith::SelectOp::create(b, loc, more, whenMore, whenOne);
  }

  /// The result's length as the scale that was asked for has it, before it becomes an integer: what ONNX's
  /// reference takes.
  Value stretched() {
    bool isScaled = op.getScaleValues() || op.getScales();
    return isScaled ? mul(scale(), number(in)) : number(out);
  }

  /// The operand coordinate of the result's; narrows `outside` for a crop.
  Value coordinate(Value &outside) {
    Value i = number(index[axis]), half = c(0.5);
    auto halfPixel = [&] { return sub(div(add(i, half), scale()), half); };
    switch (op.getCoordinates()) {
    case CoordinateMode::HalfPixel: return halfPixel();
    case CoordinateMode::HalfPixelSymmetric: {
      Value adjustment = div(number(out), mul(scale(), number(in)));
      Value offset = mul(div(number(in), c(2)), sub(c(1), adjustment));
      return add(offset, halfPixel());
    }
    case CoordinateMode::PytorchHalfPixel: return atLeastTwo(halfPixel(), c(0));
    case CoordinateMode::AlignCorners: {
      return atLeastTwo(div(mul(i, sub(number(in), c(1))), sub(stretched(), c(1))), c(0));
    }
    case CoordinateMode::Asymmetric: return div(i, scale());
    case CoordinateMode::TfCropAndResize: break;
    }
    size_t axes = op.getAxes().size();
    Value start = roi(which), end = roi(axes + which), last = sub(number(in), c(1));
    Value step = div(mul(sub(end, start), last), sub(stretched(), c(1)));
    Value x = atLeastTwo(add(mul(start, last), mul(i, step)), mul(mul(c(0.5), add(start, end)), last));
    Value below = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OLT, x, c(0));
    Value above = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OGT, x, last);
    Value crop = arith::OrIOp::create(b, loc, below, above);
    outside = outside ? arith::OrIOp::create(b, loc, outside, crop).getResult() : crop;
    return x;
  }

  Value nearest(Value x) {
    switch (op.getNearest()) {
    case NearestMode::RoundPreferFloor: return math::CeilOp::create(b, loc, sub(x, c(0.5)));
    case NearestMode::RoundPreferCeil: return floor(add(x, c(0.5)));
    case NearestMode::Floor: return floor(x);
    case NearestMode::Ceil: return math::CeilOp::create(b, loc, x);
    }
    return x;
  }

  /// A whole-numbered f64 as a coordinate inside the operand.
  SizeExpr clamped(Value x) {
    Value zero = c(0), last = sub(number(in), c(1));
    Value inside = arith::MinimumFOp::create(b, loc, arith::MaximumFOp::create(b, loc, x, zero), last);
    Value i = arith::FPToSIOp::create(b, loc, b.getI64Type(), inside);
    return e.namedCoordinate(arith::IndexCastOp::create(b, loc, b.getIndexType(), i), in);
  }

  SmallVector<Tap> weighted(Value base, ArrayRef<int> offsets, SmallVector<Value> weights) {
    if (op.getExcludeOutside()) {
      Value total = c(0);
      for (auto [offset, weight] : llvm::zip_equal(offsets, weights)) {
        Value at = add(base, c(offset));
        Value low = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OGE, at, c(0));
        Value high = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OLT, at, number(in));
        Value inside = arith::AndIOp::create(b, loc, low, high);
        weight = arith::SelectOp::create(b, loc, inside, weight, c(0));
        total = add(total, weight);
      }
      for (Value &weight : weights)
        weight = div(weight, total);
    }
    SmallVector<Tap> taps;
    for (auto [offset, weight] : llvm::zip_equal(offsets, weights))
      taps.push_back({clamped(add(base, c(offset))), weight});
    return taps;
  }

  SmallVector<Tap> linear(Value x) {
    Value base = floor(x), right = sub(x, base);
    return weighted(base, {0, 1}, {sub(c(1), right), right});
  }

  SmallVector<Tap> cubic(Value x) {
    Value base = floor(x), t = sub(x, base);
    double a = op.getCubicCoeffA().convertToDouble();
    // Keys' kernel at distances 1+t, t, 1-t, 2-t.
    auto far = [&](Value d) { // a·d³ − 5a·d² + 8a·d − 4a
      Value p = sub(mul(c(a), d), c(5 * a));
      p = add(mul(p, d), c(8 * a));
      return sub(mul(p, d), c(4 * a));
    };
    auto near = [&](Value d) { // (a+2)·d³ − (a+3)·d² + 1
      Value p = sub(mul(c(a + 2), d), c(a + 3));
      return add(mul(mul(p, d), d), c(1));
    };
    Value u = sub(c(1), t);
    return weighted(base, {-1, 0, 1, 2},
                    {far(add(c(1), t)), near(t), near(u), far(add(c(1), u))});
  }

  ElementBuilder &e;
  graph::ResizeOp op;
  size_t which, axis;
  Type f64;
  SizeExpr in, out;
  const Coordinates &index;
};

} // namespace

Value resizeElement(ElementBuilder &elements, graph::ResizeOp op, const Coordinates &at, Value guard) {
  OpBuilder &b = elements.b;
  Location loc = elements.loc;
  Type element = op.getX().getType().getElementType();
  Value outside;
  SmallVector<SmallVector<Tap>> axes;
  for (size_t i = 0; i < op.getAxes().size(); ++i)
    axes.push_back(AxisTaps(elements, op, i, at).run(outside));

  Type wide = b.getF64Type();
  Value sum;
  SmallVector<size_t> choice(axes.size(), 0);
  while (true) {
    Coordinates where = at;
    Value weight;
    for (auto [i, axis] : llvm::enumerate(op.getAxes())) {
      const Tap &tap = axes[i][choice[i]];
      where[size_t(axis)] = tap.at;
      if (tap.weight)
        weight = weight ? arith::MulFOp::create(b, loc, weight, tap.weight).getResult() : tap.weight;
    }
    Value value = elements.at(op.getX(), where, guard);
    if (!weight) {
      sum = value; // nearest: the element itself, of any type
    } else {
      Value term =
          arith::MulFOp::create(b, loc, emitCast(b, loc, element, wide, value), weight);
      sum = sum ? arith::AddFOp::create(b, loc, sum, term).getResult() : term;
    }
    size_t i = 0;
    while (i < axes.size() && ++choice[i] == axes[i].size())
      choice[i++] = 0;
    if (i == axes.size())
      break;
  }
  bool interpolated = sum.getType() == wide && computeType(element) != wide;
  Value result = interpolated ? emitCast(b, loc, wide, element, sum) : sum;
  if (!outside)
    return result;
  double extrapolation = op.getExtrapolation().convertToDouble();
  return arith::SelectOp::create(b, loc, outside,
                                 constantOf(b, loc, computeType(element), extrapolation), result);
}

} // namespace cameo::graphtokernel
