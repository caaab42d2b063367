// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Antialiased resizing, one axis after another: a table holds, for every result position, the operand
// positions that the filter reaches (those beyond an edge stand for the edge) and their weights; the
// result is a gather along the axis, times the weights, summed. Positions without a weight add nothing
// even where they hold an infinity. Scales that are known at launch only bound the filter by the sizes:
// the table is then a little longer than the filter. Coordinates and weights are f64, as in every
// resize; sums are f32 for floats of at most 32 bits, else f64. Serves every coordinate rule.
#include "Emit.h"
#include "Rewrite.h"

#include <cmath>

using namespace mlir;

namespace cameo::graph {
namespace {

/// Tables [taps, out] of one axis.
class AxisTable {
public:
  AxisTable(Emit &emit, OpBuilder &b, ResizeOp op, size_t which)
      : emit(emit), op(op), which(which), f64(b.getF64Type()),
        axis(size_t(op.getAxes()[which])), in(getSizes(op.getX().getType())[axis]),
        out(getSizes(op.getType())[axis]) {
    scale = op.getScaleValues() ? number((*op.getScaleValues())[which])
            : op.getScales()    ? element(op.getScales(), int64_t(which))
                                : div(size(out), size(in));
    x = coordinate(emit.cast(emit.iota(out), f64));
    reachTaps();
  }

  Value positions; ///< i64, within the operand
  Value weights;   ///< f64, of sum 1
  Value outside;   ///< [out] booleans: the coordinate was cropped away; null: none

private:
  bool isCubic() { return op.getMode() == ResizeMode::Cubic; }
  Value number(double value) { return emit.scalar(f64, value); }
  Value size(const SizeExpr &e) { return emit.cast(emit.size(e), f64); }
  Value add(Value a, Value b) { return emit.binary(BinaryKind::Add, a, b); }
  Value sub(Value a, Value b) { return emit.binary(BinaryKind::Sub, a, b); }
  Value mul(Value a, Value b) { return emit.binary(BinaryKind::Mul, a, b); }
  Value div(Value a, Value b) { return emit.binary(BinaryKind::Div, a, b); }
  Value compare(BinaryKind kind, Value a, Value b) { return emit.binary(kind, a, b); }
  /// Element `position` of a vector, as an f64 scalar.
  Value element(Value vector, int64_t position) {
    return emit.cast(emit.reshape(emit.slice(vector, {SizeExpr(position)}, {SizeExpr(1)}), {}), f64);
  }
  Value roi(size_t position) {
    if (op.getRoiValues())
      return number((*op.getRoiValues())[position]);
    return element(op.getRoi(), int64_t(position));
  }
  Value atLeastTwo(Value whenMore, Value whenOne) {
    return emit.select(compare(BinaryKind::Gt, size(out), number(1)), whenMore, whenOne);
  }

  /// The result's length as the scale that was asked for has it, before it becomes an integer.
  Value stretched() {
    return op.getScaleValues() || op.getScales() ? mul(scale, size(in)) : size(out);
  }

  /// The operand's coordinates of result positions o.
  Value coordinate(Value o) {
    Value half = number(0.5), last = sub(size(in), number(1));
    Value halfPixel = sub(div(add(o, half), scale), half);
    switch (op.getCoordinates()) {
    case CoordinateMode::HalfPixel:
      return halfPixel;
    case CoordinateMode::HalfPixelSymmetric: {
      Value adjustment = div(size(out), mul(scale, size(in)));
      return add(mul(mul(size(in), half), sub(number(1), adjustment)), halfPixel);
    }
    case CoordinateMode::PytorchHalfPixel:
      return atLeastTwo(halfPixel, number(0));
    case CoordinateMode::AlignCorners: // a single element stands at the beginning
      return atLeastTwo(div(mul(o, last), sub(stretched(), number(1))), number(0));
    case CoordinateMode::Asymmetric:
      return div(o, scale);
    case CoordinateMode::TfCropAndResize:
      break;
    }
    Value start = roi(which), end = roi(op.getAxes().size() + which);
    Value step = div(mul(sub(end, start), last), sub(stretched(), number(1)));
    Value c = atLeastTwo(add(mul(start, last), mul(o, step)), mul(mul(half, add(start, end)), last));
    c = emit.broadcast(c, {out});
    outside = emit.binary(BinaryKind::Or, compare(BinaryKind::Lt, c, number(0)),
                          compare(BinaryKind::Gt, c, last));
    return c;
  }

  /// How many elements at most the filter reaches to either side.
  SizeExpr reach() {
    int64_t taps = isCubic() ? 2 : 1;
    if (op.getScaleValues()) {
      double shrink = std::min((*op.getScaleValues())[which], 1.0);
      return SizeExpr(int64_t(std::ceil(double(taps) / shrink)));
    }
    // 1 / scale is in / out; where the scale came first, `out` is rounded and off by a half at most.
    SizeExpr stretched = op.getScales() ? ceilDiv(in * (2 * taps), max(out * 2 - 1, 1))
                                        : ceilDiv(in * taps, max(out, 1));
    return max(stretched, taps);
  }

  void reachTaps() {
    SizeExpr before = reach() - 1, count = reach() * 2;
    // The fraction lies in (0, 1]: an integer coordinate belongs to the interval on its left.
    Value row = emit.reshape(emit.broadcast(x, {out}), {SizeExpr(1), out});
    Value base = sub(emit.unary(UnaryKind::Ceil, row), number(1));
    Value k = emit.reshape(emit.cast(emit.iota(count), f64), {count, SizeExpr(1)});
    Value at = add(base, sub(k, size(before))), last = sub(size(in), number(1));
    Value shrink = emit.binary(BinaryKind::Min, scale, number(1));
    Value distance = emit.unary(UnaryKind::Abs, mul(shrink, sub(at, row)));
    Value raw = isCubic() ? cubic(distance) : triangle(distance);
    if (op.getExcludeOutside()) {
      Value inside = emit.binary(BinaryKind::And, compare(BinaryKind::Ge, at, number(0)),
                                 compare(BinaryKind::Le, at, last));
      raw = emit.select(inside, raw, number(0));
    }
    weights = div(raw, emit.reduce(ReduceKind::Sum, raw, {0}, true));
    Value clamped = emit.binary(BinaryKind::Max, emit.binary(BinaryKind::Min, at, last), number(0));
    positions = emit.cast(clamped, IntegerType::get(f64.getContext(), 64));
  }

  Value triangle(Value t) { return emit.binary(BinaryKind::Max, sub(number(1), t), number(0)); }
  Value cubic(Value t) {
    double a = op.getCubicCoeffA().convertToDouble();
    Value near = add(mul(mul(sub(mul(t, number(a + 2)), number(a + 3)), t), t), number(1));
    Value far = sub(mul(add(mul(sub(mul(t, number(a)), number(5 * a)), t), number(8 * a)), t),
                    number(4 * a));
    Value beyond = emit.select(compare(BinaryKind::Lt, t, number(2)), far, number(0));
    return emit.select(compare(BinaryKind::Le, t, number(1)), near, beyond);
  }

  Emit &emit;
  ResizeOp op;
  size_t which;
  Type f64;
  size_t axis;
  SizeExpr in, out;
  Value scale, x;
};

struct AntialiasedResize : OpRewritePattern<ResizeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ResizeOp op, PatternRewriter &rewriter) const override {
    if (!op.getAntialias() || op.getMode() == ResizeMode::Nearest)
      return rewriter.notifyMatchFailure(op, "not an antialiased resize");
    Emit emit(rewriter, op.getLoc());
    Type element = op.getX().getType().getElementType(), f32 = rewriter.getF32Type();
    bool isShort = isFloatElement(element) && !element.isF64();
    Type compute = isShort ? f32 : Type(rewriter.getF64Type());
    Value x = emit.cast(op.getX(), compute), outside;
    int64_t rank = op.getType().getRank();
    for (auto [i, axis] : llvm::enumerate(op.getAxes())) {
      AxisTable table(emit, rewriter, op, i);
      x = weightedSum(emit, rewriter, x, axis, table.positions, emit.cast(table.weights, compute));
      if (!table.outside)
        continue;
      Value along = emit.alongAxis(table.outside, axis, rank);
      outside = outside ? emit.binary(BinaryKind::Or, outside, along) : along;
    }
    if (outside)
      x = emit.select(outside, emit.scalar(compute, op.getExtrapolation().convertToDouble()), x);
    rewriter.replaceOp(op, emit.cast(x, element));
    return success();
  }

private:
  static Value weightedSum(Emit &emit, OpBuilder &b, Value x, int64_t axis, Value positions,
                           Value weights) {
    SmallVector<SizeExpr> sizes = getSizes(x.getType()), table = getSizes(positions.getType());
    sizes[size_t(axis)] = table[1];
    sizes.insert(sizes.begin() + axis, table[0]);
    TensorType type = makeTensorType(b.getContext(), Emit::typeOf(x).getElementType(), sizes);
    Value taps = GatherOp::create(b, positions.getLoc(), type, x, positions, uint64_t(axis));
    SmallVector<SizeExpr> along(sizes.size(), SizeExpr(1));
    along[size_t(axis)] = table[0];
    along[size_t(axis) + 1] = table[1];
    Value w = emit.reshape(weights, along), zero = emit.scalar(type.getElementType(), 0);
    Value counts = emit.binary(BinaryKind::Ne, w, zero);
    Value terms = emit.select(counts, emit.binary(BinaryKind::Mul, taps, w), zero);
    return emit.reduce(ReduceKind::Sum, terms, {axis}, false);
  }
};

} // namespace

void populateDecomposeResizePatterns(RewritePatternSet &patterns) {
  patterns.add<AntialiasedResize>(patterns.getContext());
}

} // namespace cameo::graph
