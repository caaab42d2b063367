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
  /// Real and imaginary part from the last dimension, of one or two elements.
  std::optional<Complex> split(Value x) {
    SizeExpr parts = NodeBuilder::sizesOf(x).back();
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

/// `axis` of x as the last dimension, or back.
Value swapWithLast(NodeBuilder &b, Value x, int64_t axis) {
  Ints perm;
  for (int64_t i = 0; i < NodeBuilder::rankOf(x); ++i)
    perm.push_back(i);
  std::swap(perm[size_t(axis)], perm.back());
  return b.transpose(x, perm);
}

LogicalResult dft(NodeBuilder &b) {
  int64_t given = b.integer("axis", 1);
  if (b.since() >= 20) {
    given = -2;
    if (b.has(2)) {
      std::optional<Ints> axis = b.constants(2);
      if (!axis || axis->size() != 1)
        return axis ? b.fail("E0702", "the axis has to be one number") : failure();
      given = axis->front();
    }
  }
  std::optional<int64_t> axis = b.axis(given, b.rank(0));
  if (!axis)
    return failure();
  if (b.rank(0) < 2 || *axis == b.rank(0) - 1)
    return b.fail("E0701", "the transform runs along the dimension of real and imaginary parts");
  bool inverse = b.integer("inverse") == 1, oneSided = b.integer("onesided") == 1;
  Transform t(b, computeTypeOf(b));
  std::optional<Complex> x = t.split(b.cast(b.in(0), t.compute));
  if (!x)
    return failure();
  x->real = swapWithLast(b, x->real, *axis);
  if (x->imaginary)
    x->imaginary = swapWithLast(b, x->imaginary, *axis);
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
  if (oneSided && !inverse && x->imaginary)
    return b.fail("E0505", "onesided takes a real signal");
  SizeExpr elements = toReal ? floorDiv(n, 2) + 1 : n;
  x->real = t.fitted(x->real, elements);
  x->imaginary = t.fitted(x->imaginary, elements);
  if (toReal) {
    Value y = swapWithLast(b, t.realInverse(*x, n), *axis);
    Sizes sizes = NodeBuilder::sizesOf(y);
    sizes.push_back(1);
    return b.out(b.cast(b.reshape(y, sizes), b.elementType(0)));
  }
  Complex y = t.forward(*x, oneSided ? floorDiv(n, 2) + 1 : n, n, inverse);
  y.real = swapWithLast(b, y.real, *axis);
  y.imaginary = swapWithLast(b, y.imaginary, *axis);
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
  std::optional<Complex> x = t.split(b.cast(b.in(0), t.compute));
  if (!x)
    return failure();
  bool oneSided = b.integer("onesided", 1) == 1;
  if (oneSided && x->imaginary)
    return b.fail("E0505", "onesided takes a real signal");
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

constexpr Limit kLength[] = {limit::control(1)};
constexpr Limit kLengthAndAxis[] = {limit::control(1), limit::constant(2)};
constexpr Limit kFrames[] = {limit::control(1), limit::control(3)};

constexpr OpRow kRows[] = {
    {"DFT", 17, dft, kFloats, kLength},
    {"DFT", 20, dft, kFloats, kLengthAndAxis},
    {"STFT", 17, stft, kFloats, kFrames},
};

} // namespace

llvm::ArrayRef<OpRow> importer::spectralRows() { return kRows; }
