// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Conversions of eight-bit floats by integer arithmetic on the bits of an f32: no target of ours below
// sm_89 has instructions for them, and those saturate, which the program says itself. Rounding is to
// nearest even; what is too large becomes infinity where the format has one, else NaN.
#include "ScalarMath.h"

using namespace mlir;
using namespace cameo::kernel;

namespace {

/// A format's numbers, from LLVM's description of it.
struct Format {
  explicit Format(FloatType type)
      : semantics(type.getFloatSemantics()), mantissa(APFloat::semanticsPrecision(semantics) - 1),
        bias(1 - APFloat::semanticsMinExponent(semantics)) {}
  uint32_t bits(const APFloat &value) const { return value.bitcastToAPInt().getZExtValue(); }
  uint32_t nan() const { return bits(APFloat::getNaN(semantics)); }
  bool hasInfinity() const { return APFloat::semanticsHasInf(semantics); }
  /// FNUZ formats have neither -0 nor infinities; their one NaN is the sign bit.
  bool isUnsignedZero() const { return nan() == 0x80; }
  const llvm::fltSemantics &semantics;
  int mantissa, bias;
};

bool isEightBit(Type type) {
  auto floating = dyn_cast<FloatType>(type);
  return floating && floating.getWidth() == 8 && APFloat::semanticsHasZero(floating.getFloatSemantics());
}
bool isExponentOnly(Type type) { return isa<Float8E8M0FNUType>(type); }

/// i32 arithmetic in few letters.
struct Int {
  OpBuilder &b;
  Location loc;
  Value c(int64_t v) { return arith::ConstantIntOp::create(b, loc, v, 32); }
  Value add(Value x, Value y) { return arith::AddIOp::create(b, loc, x, y); }
  Value sub(Value x, Value y) { return arith::SubIOp::create(b, loc, x, y); }
  Value both(Value x, Value y) { return arith::AndIOp::create(b, loc, x, y); }
  Value either(Value x, Value y) { return arith::OrIOp::create(b, loc, x, y); }
  Value left(Value x, int64_t n) { return arith::ShLIOp::create(b, loc, x, c(n)); }
  Value right(Value x, int64_t n) { return arith::ShRUIOp::create(b, loc, x, c(n)); }
  Value is(arith::CmpIPredicate p, Value x, Value y) { return arith::CmpIOp::create(b, loc, p, x, y); }
  Value equal(Value x, Value y) { return is(arith::CmpIPredicate::eq, x, y); }
  Value above(Value x, Value y) { return is(arith::CmpIPredicate::ugt, x, y); }
  Value select(Value k, Value x, Value y) { return arith::SelectOp::create(b, loc, k, x, y); }
  Value asFloat(Value x) { return arith::BitcastOp::create(b, loc, b.getF32Type(), x); }
  Value asBits(Value x) { return arith::BitcastOp::create(b, loc, b.getI32Type(), x); }
};

Value byteOf(OpBuilder &b, Location loc, Value x) {
  Value byte = arith::BitcastOp::create(b, loc, b.getI8Type(), x);
  return arith::ExtUIOp::create(b, loc, b.getI32Type(), byte);
}

Value expand(OpBuilder &b, Location loc, Value x) {
  Format format(cast<FloatType>(x.getType()));
  Int m{b, loc};
  Value byte = byteOf(b, loc, x), magnitude = m.both(byte, m.c(0x7f));
  Value sign = m.left(m.both(byte, m.c(0x80)), 24);
  // Moved into place, the exponent is off by the difference of biases, which a product corrects for
  // normal and denormal numbers alike.
  Value moved = m.asFloat(m.left(magnitude, 23 - format.mantissa));
  Value scale = arith::ConstantOp::create(b, loc, b.getF32FloatAttr(std::ldexp(1.0f, 127 - format.bias)));
  Value bits = m.asBits(arith::MulFOp::create(b, loc, moved, scale));
  Value quietNan = m.c(0x7fc00000);
  if (format.hasInfinity()) {
    uint32_t infinity = format.bits(APFloat::getInf(format.semantics));
    bits = m.select(m.equal(magnitude, m.c(infinity)), m.c(0x7f800000), bits);
    bits = m.select(m.above(magnitude, m.c(infinity)), quietNan, bits);
  } else if (!format.isUnsignedZero()) {
    bits = m.select(m.equal(magnitude, m.c(format.nan() & 0x7f)), quietNan, bits);
  }
  Value result = m.either(bits, sign);
  if (format.isUnsignedZero())
    result = m.select(m.equal(byte, m.c(0x80)), quietNan, result);
  return m.asFloat(result);
}

/// The byte of an f32 in `type`.
Value narrow(OpBuilder &b, Location loc, Value x, FloatType type) {
  Format format(type);
  Int m{b, loc};
  Value bits = m.asBits(x), sign = m.right(m.both(bits, m.c(0x80000000)), 24);
  Value magnitude = m.both(bits, m.c(0x7fffffff));
  int drop = 23 - format.mantissa;
  // Normal results: add half of what is dropped (ties to even), change the bias.
  Value odd = m.both(m.right(magnitude, drop), m.c(1));
  Value rounded = m.add(magnitude, m.add(odd, m.c((1 << (drop - 1)) - 1)));
  Value normal = m.sub(m.right(rounded, drop), m.c((127 - format.bias) << format.mantissa));
  // Denormal results: adding 2^k leaves the multiple of the smallest denormal in the low bits.
  float magic = std::ldexp(1.0f, 23 + 1 - format.bias - format.mantissa);
  Value magicValue = arith::ConstantOp::create(b, loc, b.getF32FloatAttr(magic));
  Value shifted = arith::AddFOp::create(b, loc, m.asFloat(magnitude), magicValue);
  Value denormal = m.sub(m.asBits(shifted), m.asBits(magicValue));
  Value isDenormal = m.is(arith::CmpIPredicate::ult, magnitude, m.c(int64_t(128 - format.bias) << 23));
  Value byte = m.select(isDenormal, denormal, normal);
  uint32_t largest = format.bits(APFloat::getLargest(format.semantics)), nan = format.nan() & 0xff;
  uint32_t over = format.hasInfinity() ? format.bits(APFloat::getInf(format.semantics)) : nan;
  Value isOver = m.is(arith::CmpIPredicate::sgt, byte, m.c(largest));
  byte = m.select(isOver, m.c(over), byte);
  byte = m.select(m.above(magnitude, m.c(0x7f800000)), m.c(nan), byte);
  if (format.isUnsignedZero()) // -0 does not exist
    sign = m.select(m.equal(byte, m.c(0)), m.c(0), sign);
  byte = m.either(byte, sign);
  Value narrowed = arith::TruncIOp::create(b, loc, b.getI8Type(), byte);
  return arith::BitcastOp::create(b, loc, type, narrowed);
}

/// Powers of two 2^(e - 127), 255: NaN.
Value expandExponent(OpBuilder &b, Location loc, Value x) {
  Int m{b, loc};
  Value byte = byteOf(b, loc, x);
  Value bits = m.select(m.equal(byte, m.c(0)), m.c(0x00400000), m.left(byte, 23));
  return m.asFloat(m.select(m.equal(byte, m.c(255)), m.c(0x7fc00000), bits));
}

/// The nearest power of two (ties upwards) of a magnitude; NaN and infinity: NaN.
Value narrowExponent(OpBuilder &b, Location loc, Value x, FloatType type) {
  Int m{b, loc};
  Value magnitude = m.both(m.asBits(x), m.c(0x7fffffff));
  Value byte = m.right(m.add(magnitude, m.c(0x00400000)), 23);
  byte = m.select(m.above(m.c(0x7f800000), magnitude), byte, m.c(255));
  Value narrowed = arith::TruncIOp::create(b, loc, b.getI8Type(), byte);
  return arith::BitcastOp::create(b, loc, type, narrowed);
}

struct ExpandExtension : OpRewritePattern<arith::ExtFOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(arith::ExtFOp op, PatternRewriter &rewriter) const override {
    Type from = op.getIn().getType();
    if (!isEightBit(from) && !isExponentOnly(from))
      return failure();
    Value wide = isExponentOnly(from) ? expandExponent(rewriter, op.getLoc(), op.getIn())
                                      : expand(rewriter, op.getLoc(), op.getIn());
    auto to = cast<FloatType>(op.getType());
    if (to.getWidth() < 32)
      wide = arith::TruncFOp::create(rewriter, op.getLoc(), to, wide);
    else if (to.getWidth() > 32)
      wide = arith::ExtFOp::create(rewriter, op.getLoc(), to, wide);
    rewriter.replaceOp(op, wide);
    return success();
  }
};

struct ExpandTruncation : OpRewritePattern<arith::TruncFOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(arith::TruncFOp op, PatternRewriter &rewriter) const override {
    auto to = dyn_cast<FloatType>(op.getType());
    if (!to || (!isEightBit(to) && !isExponentOnly(to)))
      return failure();
    Value x = op.getIn();
    unsigned width = x.getType().getIntOrFloatBitWidth();
    if (width < 32)
      x = arith::ExtFOp::create(rewriter, op.getLoc(), rewriter.getF32Type(), x);
    else if (width > 32)
      x = arith::TruncFOp::create(rewriter, op.getLoc(), rewriter.getF32Type(), x);
    rewriter.replaceOp(op, isExponentOnly(to) ? narrowExponent(rewriter, op.getLoc(), x, to)
                                              : narrow(rewriter, op.getLoc(), x, to));
    return success();
  }
};

} // namespace

void cameo::kernel::populateSmallFloatPatterns(RewritePatternSet &patterns) {
  patterns.add<ExpandExtension, ExpandTruncation>(patterns.getContext());
}
