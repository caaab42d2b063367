// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Fourier transforms as products with matrices of cosines and sines. Their angles come from integer
// products taken modulo the length, so that long transforms lose no accuracy to large angles. A
// fast algorithm would do less work for long signals; this one is exact to the rounding of the
// sums.
#include "../Importer.h"
#include "../Rows.h"

#include <cmath>

using namespace cameo;
using namespace cameo::importer;
using namespace mlir;
using graph::BinaryKind;
using graph::UnaryKind;

namespace {

struct Complex {
  Value real, imaginary; ///< imaginary may be null: zero
};

class Transform {
public:
  Transform(NodeBuilder &b, Type compute) : b(b), compute(compute) {}

  NodeBuilder &b;
  Type compute;

  /// Cosines and sines of 2π k t / n: [rows, columns].
  std::pair<Value, Value> matrices(const SizeExpr &rows, const SizeExpr &columns,
                                   const SizeExpr &n) {
    Value k = b.reshape(b.ramp(rows), {rows, SizeExpr(1)}),
          t = b.reshape(b.ramp(columns), {SizeExpr(1), columns});
    Value turns = b.binary(BinaryKind::Mod, b.mul(k, t), b.fromSize(n));
    // In f64, so that what has to cancel in a sum does.
    Type wide = b.builder().getF64Type();
    Value angle =
        b.div(b.mul(b.cast(turns, wide), b.splat(wide, 2 * M_PI)), b.cast(b.fromSize(n), wide));
    return {b.cast(b.unary(UnaryKind::Cos, angle), compute),
            b.cast(b.unary(UnaryKind::Sin, angle), compute)};
  }

  /// The last dimension (time) to `rows` frequencies.
  Complex forward(Complex x, const SizeExpr &rows, const SizeExpr &n, bool inverse) {
    auto [cosine, sine] = matrices(rows, n, n);
    auto times = [&](Value v, Value matrix) { return b.matmul(v, matrix, false, true); };
    Value sign = b.splat(compute, inverse ? 1 : -1);
    Complex y{times(x.real, cosine), b.mul(times(x.real, sine), sign)};
    if (x.imaginary) {
      y.real = b.sub(y.real, b.mul(times(x.imaginary, sine), sign));
      y.imaginary = b.add(y.imaginary, times(x.imaginary, cosine));
    }
    if (!inverse)
      return y;
    Value length = b.cast(b.fromSize(n), compute);
    return {b.div(y.real, length), b.div(y.imaginary, length)};
  }

  /// The real signal of `n` elements whose spectrum's first half (the last dimension) is x.
  Value realInverse(Complex x, const SizeExpr &n) {
    SizeExpr half = floorDiv(n, 2) + 1;
    auto [cosine, sine] = matrices(half, n, n);
    // All frequencies but the first and, for even lengths, the last stand for two.
    Value k = b.ramp(half);
    Value single = b.binary(BinaryKind::Or, b.binary(BinaryKind::Eq, k, b.splat(b.i64(), 0)),
                            b.binary(BinaryKind::Eq, b.add(k, k), b.fromSize(n)));
    Value weight = b.select(single, b.splat(compute, 1), b.splat(compute, 2));
    Value y = b.matmul(b.mul(x.real, weight), cosine);
    if (x.imaginary)
      y = b.sub(y, b.matmul(b.mul(x.imaginary, weight), sine));
    return b.div(y, b.cast(b.fromSize(n), compute));
  }

  /// The first `size` elements of the last dimension, zeros beyond its end.
  Value fitted(Value x, const SizeExpr &size) {
    if (!x)
      return x;
    Sizes sizes = NodeBuilder::sizesOf(x);
    if (sizes.back() == size)
      return x;
    Sizes none(sizes.size(), SizeExpr(0)), more = none, steps(sizes.size(), SizeExpr(1));
    more.back() = max(size - sizes.back(), 0);
    if (!more.back().isConstant(0))
      x = b.pad(graph::PadMode::Constant, x, b.splat(compute, 0), none, more);
    sizes.back() = size;
    return b.slice(x, none, sizes, steps);
  }

  /// Part `i` of the last dimension, without it.
  Value part(Value x, int64_t i) {
    Sizes sizes = NodeBuilder::sizesOf(x), starts(sizes.size(), SizeExpr(0)),
          steps(sizes.size(), SizeExpr(1));
    starts.back() = i;
    sizes.back() = 1;
    x = b.slice(x, starts, sizes, steps);
    sizes.pop_back();
    return b.reshape(x, sizes);
  }
  /// Real and imaginary part from the last dimension, of one or two elements. Where their number is
  /// known at launch only, a reshape keeps out others, and a real signal gets zeros beside it.
  std::optional<Complex> split(Value x, bool onlyReal) {
    Sizes sizes = NodeBuilder::sizesOf(x);
    SizeExpr parts = sizes.back();
    if (!parts.asConstant()) {
      sizes.back() = max(min(parts, 2), 1);
      x = fitted(b.reshape(x, sizes), 2);
      return Complex{part(x, 0), part(x, 1)};
    }
    if (onlyReal && parts.isConstant(2)) {
      (void)b.fail("E0505", "onesided takes a real signal");
      return std::nullopt;
    }
    if (!parts.isConstant(1) && !parts.isConstant(2)) {
      (void)b.fail("E0701", "the last dimension has " + llvm::Twine(parts.str()) +
                                " elements; a real signal has 1, a complex one 2");
      return std::nullopt;
    }
    return Complex{part(x, 0), parts.isConstant(2) ? part(x, 1) : Value()};
  }
  Value joined(Complex y) {
    auto last = [&](Value v) {
      Sizes sizes = NodeBuilder::sizesOf(v);
      sizes.push_back(1);
      return b.reshape(v, sizes);
    };
    return b.concat({last(y.real), last(y.imaginary)}, NodeBuilder::rankOf(y.real));
  }
};

Type computeTypeOf(NodeBuilder &b) { return b.elementType(0).isF64() ? b.elementType(0) : b.f32(); }

/// One dimension of a tensor as the last of three, and back. Which one may be known at launch only:
/// that changes sizes, not what is done.
class AlongAxis {
public:
  AlongAxis(NodeBuilder &b, Sizes whole, const SizeExpr &axis)
      : b(b), whole(std::move(whole)), axis(axis) {}

  Value apart(Value x) {
    SizeExpr before = 1, length = 0, after = 1;
    for (int64_t d = 0; d < static_cast<int64_t>(whole.size()); ++d) {
      before *= select(lt(d, axis), whole[size_t(d)], 1);
      length += eq(axis, d) * whole[size_t(d)];
      after *= select(lt(axis, d), whole[size_t(d)], 1);
    }
    return x ? b.transpose(b.reshape(x, {before, length, after}), {0, 2, 1}) : x;
  }
  Value back(Value x) {
    Sizes sizes = whole;
    for (int64_t d = 0; d < static_cast<int64_t>(sizes.size()); ++d)
      sizes[size_t(d)] = select(eq(axis, d), NodeBuilder::sizesOf(x).back(), sizes[size_t(d)]);
    return b.reshape(b.transpose(x, {0, 2, 1}), sizes);
  }

private:
  NodeBuilder &b;
  Sizes whole;
  SizeExpr axis;
};

/// The axis that a node gives by attribute or, since 20, by operand, as a number from 0.
std::optional<SizeExpr> axisOf(NodeBuilder &b) {
  SizeExpr axis = b.since() >= 20 ? SizeExpr(-2) : SizeExpr(b.integer("axis", 1));
  if (b.since() >= 20 && b.has(2)) {
    std::optional<Sizes> given = b.control(2);
    if (!given || given->size() != 1) {
      if (given)
        (void)b.fail("E0702", "the axis has to be one number");
      return std::nullopt;
    }
    axis = given->front();
  }
  if (std::optional<int64_t> constant = axis.asConstant()) {
    std::optional<int64_t> known = b.axis(*constant, b.rank(0));
    return known ? std::optional<SizeExpr>(*known) : std::nullopt;
  }
  return mod(axis, b.rank(0));
}

LogicalResult dft(NodeBuilder &b) {
  if (b.rank(0) < 2)
    return b.fail("E0701", "the operand has rank " + llvm::Twine(b.rank(0)) + ", 2 is needed");
  std::optional<SizeExpr> axis = axisOf(b);
  if (!axis)
    return failure();
  if (axis->isConstant(b.rank(0) - 1))
    return b.fail("E0701", "the transform runs along the dimension of real and imaginary parts");
  bool inverse = b.integer("inverse") == 1, oneSided = b.integer("onesided") == 1;
  Transform t(b, computeTypeOf(b));
  std::optional<Complex> x = t.split(b.cast(b.in(0), t.compute), oneSided && !inverse);
  if (!x)
    return failure();
  AlongAxis along(b, NodeBuilder::sizesOf(x->real), *axis);
  x->real = along.apart(x->real);
  x->imaginary = along.apart(x->imaginary);
  bool toReal = inverse && oneSided;
  SizeExpr n = NodeBuilder::sizesOf(x->real).back();
  if (toReal)
    n = (n - 1) * 2;
  if (b.has(1)) {
    std::optional<Sizes> length = b.control(1);
    if (!length || length->size() != 1)
      return length ? b.fail("E0702", "dft_length has to be one number") : failure();
    n = length->front();
  }
  SizeExpr elements = toReal ? floorDiv(n, 2) + 1 : n;
  x->real = t.fitted(x->real, elements);
  x->imaginary = t.fitted(x->imaginary, elements);
  if (toReal) {
    Value y = along.back(t.realInverse(*x, n));
    Sizes sizes = NodeBuilder::sizesOf(y);
    sizes.push_back(1);
    return b.out(b.cast(b.reshape(y, sizes), b.elementType(0)));
  }
  Complex y = t.forward(*x, oneSided ? floorDiv(n, 2) + 1 : n, n, inverse);
  y.real = along.back(y.real);
  y.imaginary = along.back(y.imaginary);
  return b.out(b.cast(t.joined(y), b.elementType(0)));
}

/// Frames of a signal, windowed, and their transforms.
LogicalResult stft(NodeBuilder &b) {
  if (b.rank(0) != 3)
    return b.fail("E0701", "the signal has rank " + llvm::Twine(b.rank(0)) + ", 3 is needed");
  std::optional<Sizes> step = b.control(1);
  if (!step || step->size() != 1)
    return step ? b.fail("E0702", "frame_step has to be one number") : failure();
  SizeExpr length;
  if (b.has(3)) {
    std::optional<Sizes> given = b.control(3);
    if (!given || given->size() != 1)
      return given ? b.fail("E0702", "frame_length has to be one number") : failure();
    length = given->front();
  } else if (b.has(2)) {
    length = b.size(2, 0);
  } else {
    return b.fail("E0603", "neither a window nor frame_length is given");
  }
  Transform t(b, computeTypeOf(b));
  bool oneSided = b.integer("onesided", 1) == 1;
  std::optional<Complex> x = t.split(b.cast(b.in(0), t.compute), oneSided);
  if (!x)
    return failure();
  SizeExpr batch = b.size(0, 0), frames = floorDiv(b.size(0, 1) - length, step->front()) + 1;
  Value starts = b.mul(b.ramp(frames), b.fromSize(step->front()));
  Value places = b.add(b.reshape(starts, {frames, SizeExpr(1)}),
                       b.reshape(b.ramp(length), {SizeExpr(1), length}));
  auto framed = [&](Value v) -> Value {
    if (!v || !places)
      return {};
    Value y = b.emit<graph::GatherOp>(b.makeType(t.compute, {batch, frames, length}), v, places,
                                      uint64_t(1));
    return b.has(2) ? b.mul(y, b.cast(b.in(2), t.compute)) : y;
  };
  Complex y = t.forward({framed(x->real), framed(x->imaginary)},
                        oneSided ? floorDiv(length, 2) + 1 : length, length, false);
  return b.out(b.cast(t.joined(y), b.elementType(0)));
}

/// Triangles over a spectrum's frequencies, evenly spaced on the mel scale: [frequencies, triangles].
LogicalResult melWeightMatrix(NodeBuilder &b) {
  std::optional<Sizes> count = b.control(0), length = b.control(1);
  if (!count || !length)
    return failure();
  for (unsigned i = 0; i < 5; ++i)
    if (Sizes sizes = b.sizes(i); eq(product({sizes.begin(), sizes.end()}), 1).isConstant(0))
      return b.fail("E0702", "operand " + llvm::Twine(i) + " has to be one number");
  int64_t dataType = b.integer("output_datatype", 1);
  if (dataType <= 0 || dataType >= 32 || !(kReals >> dataType & 1))
    return b.fail("E0803", "output_datatype is " + llvm::Twine(dataType), typesText(kReals));
  Type f64 = b.builder().getF64Type(),
       result = graph::typeOf(b.context(), static_cast<DType>(dataType));
  auto number = [&](double v) { return b.splat(f64, v); };
  auto operand = [&](unsigned i) { return b.cast(b.reshape(b.in(i), {}), f64); };
  SizeExpr bins = count->front(), rows = floorDiv(length->front(), 2) + 1;
  double perMel = M_LN10 / 2595; // mel(f) = ln(1 + f / 700) / perMel
  auto mel = [&](unsigned i) {
    return b.div(b.unary(UnaryKind::Log1p, b.div(operand(i), number(700))), number(perMel));
  };
  Value step = b.div(b.sub(mel(4), mel(3)), b.cast(b.fromSize(bins + 2), f64));
  Value mels = b.add(b.mul(b.cast(b.ramp(bins + 2), f64), step), mel(3));
  Value hertz = b.mul(b.unary(UnaryKind::Expm1, b.mul(mels, number(perMel))), number(700));
  Value edges = b.unary(
      UnaryKind::Floor,
      b.div(b.mul(b.cast(b.fromSize(length->front() + 1), f64), hertz), operand(2)));
  auto edge = [&](int64_t i) { return b.slice(edges, SizeExpr(i), bins, SizeExpr(1)); };
  Value low = edge(0), center = edge(1), high = edge(2);
  Value at = b.reshape(b.cast(b.ramp(rows), f64), {rows, SizeExpr(1)});
  auto compare = [&](BinaryKind kind, Value x, Value y) { return b.binary(kind, x, y); };
  auto within = [&](Value first, Value last, BinaryKind lastKind) {
    return compare(BinaryKind::And, compare(BinaryKind::Ge, at, first),
                   compare(lastKind, at, last));
  };
  // Without a rising side the center alone is 1.
  Value isSteep = compare(BinaryKind::Eq, low, center);
  Value rising = b.select(isSteep, number(1), b.div(b.sub(at, low), b.sub(center, low)));
  Value falling = b.div(b.sub(high, at), b.sub(high, center));
  Value weight = b.select(within(low, center, BinaryKind::Le), rising, number(0));
  weight = b.select(within(center, high, BinaryKind::Lt), falling, weight);
  return b.out(b.cast(weight, result));
}

constexpr Limit kMel[] = {limit::control(0), limit::control(1)};
constexpr Limit kLength[] = {limit::control(1)};
constexpr Limit kLengthAndAxis[] = {limit::control(1), limit::control(2)};
constexpr Limit kFrames[] = {limit::control(1), limit::control(3)};

constexpr OpRow kRows[] = {
    {"DFT", 17, dft, kFloats, kLength},
    {"DFT", 20, dft, kFloats, kLengthAndAxis},
    {"MelWeightMatrix", 17, melWeightMatrix, kIndex, kMel},
    {"STFT", 17, stft, kFloats, kFrames},
};

} // namespace

llvm::ArrayRef<OpRow> importer::spectralRows() { return kRows; }
