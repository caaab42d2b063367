// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Exponentials and logarithms. exp: x = n ln2 + r with r by two fused steps, a polynomial for e^r - 1,
// scaling by 2^n in two exact factors so that denormal results round once: at most 1 ulp. log: the
// classical s = f/(2+f) form, at most 1 ulp; log1p adds the rounding error of 1 + x back: at most 2 ulp.
// Polynomials: Taylor for e^r; Chebyshev fits of our own for the rest (error below 2^-27 and 2^-56).
#include "ScalarMath.h"

using namespace mlir;
using namespace cameo::kernel;

Value ScalarMath::c(double value) {
  APFloat number(value);
  bool inexact;
  number.convert(type.getFloatSemantics(), APFloat::rmNearestTiesToEven, &inexact);
  return arith::ConstantOp::create(builder, loc, FloatAttr::get(type, number));
}
Value ScalarMath::i(int64_t value) {
  return arith::ConstantOp::create(builder, loc, IntegerAttr::get(integer, APInt(integer.getWidth(), value, /*isSigned=*/true, /*implicitTrunc=*/true)));
}
Value ScalarMath::infinity() {
  return arith::ConstantOp::create(builder, loc, FloatAttr::get(type, APFloat::getInf(type.getFloatSemantics())));
}
Value ScalarMath::nan() {
  return arith::ConstantOp::create(builder, loc, FloatAttr::get(type, APFloat::getNaN(type.getFloatSemantics())));
}
Value ScalarMath::no(Value a) {
  return arith::XOrIOp::create(builder, loc, a, arith::ConstantIntOp::create(builder, loc, 1, 1));
}
Value ScalarMath::atMost(Value a, double bound) { return select(is(Float::OGT, a, c(bound)), c(bound), a); }
Value ScalarMath::atLeast(Value a, double bound) { return select(less(a, c(bound)), c(bound), a); }

Value ScalarMath::polynomial(Value x, Table coefficients) {
  Value sum = c(coefficients.back());
  for (double coefficient : llvm::reverse(coefficients.drop_back()))
    sum = fma(sum, x, c(coefficient));
  return sum;
}

/// Adding 1.5 * 2^mantissa leaves the nearest integer in the low bits.
ScalarMath::Nearest ScalarMath::nearest(Value x) {
  double magic = pick(12582912.0, 6755399441055744.0);
  Value shifted = add(x, c(magic));
  return {sub(shifted, c(magic)), isub(bits(shifted), bits(c(magic)))};
}

Value ScalarMath::power2(Value n) { return fromBits(shiftLeft(iadd(n, i(bias())), mantissaBits())); }

Value ScalarMath::scale(Value p, Value n) {
  Value half = shiftRight(n, 1);
  return mul(mul(p, power2(half)), power2(isub(n, half)));
}

//===- Exponentials -------------------------------------------------------------------------===//

static constexpr double log2E = 1.4426950408889634, ln2 = 0.69314718055994531;
// ln 2 in two parts; the products of the first with any n are exact.
static constexpr double ln2Hi32 = 0.693145751953125, ln2Lo32 = 1.4286068203094173e-06;
static constexpr double ln2Hi64 = 0.69314718036912382, ln2Lo64 = 1.9082149292705877e-10;

Value ScalarMath::expm1Reduced(Value r) {
  // 1/2!, 1/3!, ...
  static const double factorials[] = {1.0 / 2,       1.0 / 6,        1.0 / 24,        1.0 / 120,
                                      1.0 / 720,     1.0 / 5040,     1.0 / 40320,     1.0 / 362880,
                                      1.0 / 3628800, 1.0 / 39916800, 1.0 / 479001600, 1.0 / 6227020800};
  Value q = polynomial(r, Table(factorials).take_front(wide ? 12 : 6));
  return fma(mul(r, r), q, r);
}

ScalarMath::ExpParts ScalarMath::expParts(Value x) {
  Nearest n = nearest(mul(x, c(log2E)));
  Value r = fma(n.number, c(-pick(ln2Hi32, ln2Hi64)), x);
  r = fma(n.number, c(-pick(ln2Lo32, ln2Lo64)), r);
  return {expm1Reduced(r), n.integer};
}

Value ScalarMath::exp(Value x) {
  x = atLeast(atMost(x, pick(89, 710)), pick(-104, -746));
  ExpParts parts = expParts(x);
  return scale(add(parts.q, c(1)), parts.n);
}

Value ScalarMath::exp2(Value x) {
  x = atLeast(atMost(x, pick(129, 1025)), pick(-151, -1076));
  Nearest n = nearest(x);
  Value q = expm1Reduced(mul(sub(x, n.number), c(ln2)));
  return scale(add(q, c(1)), n.integer);
}

/// 2^n q + 2^n - 1, computed at half size so that 2^128 need not exist.
Value ScalarMath::expm1(Value x) {
  Value held = atLeast(atMost(x, pick(89, 710)), pick(-18, -40));
  ExpParts parts = expParts(held);
  Value half = power2(isub(parts.n, i(1)));
  Value result = fma(parts.q, half, sub(half, c(0.5)));
  return select(equal(x, c(0)), x, add(result, result));
}

//===- Logarithms ---------------------------------------------------------------------------===//

ScalarMath::LogParts ScalarMath::logParts(Value x) {
  int64_t denormalShift = wide ? 54 : 25;
  Value isSmall = less(x, c(pick(1.1754943508222875e-38, 2.2250738585072014e-308)));
  Value scaled = select(isSmall, mul(x, c(double(int64_t(1) << denormalShift))), x);
  // The bits of sqrt(1/2) split the exponent range so that 1 + f is nearest to 1.
  Value ix = bits(scaled);
  Value k = shiftRight(isub(ix, i(wide ? 0x3fe6a09e667f3bcd : 0x3f3504f3)), mantissaBits());
  Value f = sub(fromBits(isub(ix, shiftLeft(k, mantissaBits()))), c(1));
  k = select(isSmall, isub(k, i(denormalShift)), k);
  static const double narrow[] = {0.66666666553525367, 0.40000122633698781, 0.28550730844773808, 0.23332912804368641};
  static const double wider[] = {0.66666666666666663, 0.4000000000000089,  0.28571428570795432, 0.2222222239356661,
                                 0.18181795442371984, 0.15386250447940189, 0.13268485680654427, 0.13089629160674623};
  Value s = div(f, add(f, c(2)));
  Value z = mul(s, s);
  Value r = mul(z, polynomial(z, pick(Table(narrow), Table(wider))));
  return {toFloat(k), f, mul(mul(f, c(0.5)), f), s, r};
}

Value ScalarMath::logSpecial(Value x, Value finite) {
  Value result = select(equal(x, infinity()), x, finite);
  result = select(equal(x, c(0)), neg(infinity()), result);
  return select(is(Float::ULT, x, c(0)), nan(), result);
}

Value ScalarMath::log(Value x) {
  LogParts p = logParts(x);
  Value low = fma(p.k, c(pick(ln2Lo32, ln2Lo64)), mul(p.s, add(p.h, p.r)));
  Value result = fma(p.k, c(pick(ln2Hi32, ln2Hi64)), neg(sub(sub(p.h, low), p.f)));
  return logSpecial(x, result);
}

Value ScalarMath::log2(Value x) {
  LogParts p = logParts(x);
  Value natural = sub(p.f, sub(p.h, mul(p.s, add(p.h, p.r))));
  // log2(e) in two parts, so that results near 0 keep their last bit.
  Value low = mul(natural, c(pick(log2E - double(float(log2E)), 2.0355273740931033e-17)));
  return logSpecial(x, add(p.k, fma(natural, c(log2E), low)));
}

Value ScalarMath::log1p(Value x) {
  Value u = add(x, c(1)), back = sub(u, c(1));
  Value lost = add(sub(c(1), sub(u, back)), sub(x, back));
  Value regular = both(is(Float::OGT, u, c(0)), less(u, infinity()));
  Value correction = select(regular, div(lost, u), c(0));
  return select(equal(x, c(0)), x, add(log(u), correction));
}

//===- Hyperbolic functions -----------------------------------------------------------------===//

Value ScalarMath::tanh(Value x) {
  Value a = atMost(abs(x), pick(10, 22));
  Value t = expm1(add(a, a));
  return copySign(div(t, add(t, c(2))), x);
}

Value ScalarMath::sinh(Value x) {
  Value a = abs(x);
  Value e = expm1(a);
  Value regular = mul(c(0.5), add(e, div(e, add(e, c(1)))));
  Value root = exp(mul(a, c(0.5)));
  Value large = mul(mul(root, c(0.5)), root);
  return copySign(select(is(Float::OGT, a, c(pick(80, 700))), large, regular), x);
}

Value ScalarMath::cosh(Value x) {
  Value a = abs(x);
  Value e = exp(a);
  Value regular = fma(c(0.5), e, div(c(0.5), e));
  Value root = exp(mul(a, c(0.5)));
  Value large = mul(mul(root, c(0.5)), root);
  return select(is(Float::OGT, a, c(pick(80, 700))), large, regular);
}

Value ScalarMath::asinh(Value x) {
  Value a = abs(x), square = mul(a, a);
  Value regular = log1p(add(a, div(square, add(c(1), sqrt(add(square, c(1)))))));
  Value large = add(log(a), c(ln2));
  return copySign(select(is(Float::OGT, a, c(268435456)), large, regular), x);
}

Value ScalarMath::acosh(Value x) {
  Value t = sub(x, c(1));
  Value regular = log1p(add(t, sqrt(fma(t, t, add(t, t)))));
  Value large = add(log(x), c(ln2));
  // Far below 1 the root cancels t, so that the logarithm alone would not refuse it.
  Value domain = select(is(Float::ULT, x, c(1)), nan(), regular);
  return select(is(Float::OGT, x, c(268435456)), large, domain);
}

Value ScalarMath::atanh(Value x) {
  Value a = abs(x);
  Value regular = mul(c(0.5), log1p(div(add(a, a), sub(c(1), a))));
  return copySign(regular, x);
}

//===- Power --------------------------------------------------------------------------------===//

ScalarMath::Pair ScalarMath::logPair(Value x) {
  LogParts p = logParts(x);
  // s = f/(2 + f) with the division's remainder.
  Value denominator = add(p.f, c(2)), lost = sub(p.f, sub(denominator, c(2)));
  Value remainder = sub(fma(neg(p.s), denominator, p.f), mul(p.s, lost));
  Value twoS = add(p.s, p.s), twoSLow = div(add(remainder, remainder), denominator);
  Value high = mul(p.k, c(pick(ln2Hi32, ln2Hi64))), sum = add(high, twoS);
  // What the sum lost, exactly, whichever summand is larger.
  Value part = sub(sum, high);
  Value error = add(sub(high, sub(sum, part)), sub(twoS, part));
  Value low = fma(p.k, c(pick(ln2Lo32, ln2Lo64)), add(twoSLow, mul(p.s, p.r)));
  low = add(low, error);
  // The reduction of e^x needs the low part to be small.
  Value normal = add(sum, low);
  return {logSpecial(x, normal), sub(low, sub(normal, sum))};
}

ScalarMath::Value ScalarMath::expPair(Pair x) {
  Value high = atLeast(atMost(x.hi, pick(89, 710)), pick(-104, -746));
  Nearest n = nearest(mul(high, c(log2E)));
  Value r = fma(n.number, c(-pick(ln2Hi32, ln2Hi64)), high);
  r = fma(n.number, c(-pick(ln2Lo32, ln2Lo64)), r);
  Value low = select(equal(high, x.hi), x.lo, c(0));
  return scale(add(expm1Reduced(add(r, low)), c(1)), n.integer);
}

/// e^(y ln|x|) with the signs and exceptions of IEEE 754's pow. For f32 operands plain f64 has 29 bits
/// to spare; f64 operands get a logarithm of twice the length.
Value ScalarMath::pow(Value x, Value y) {
  Value a = abs(x), result;
  if (precise) {
    Pair log = logPair(a);
    Value high = mul(y, log.hi);
    Value low = fma(y, log.lo, fma(y, log.hi, neg(high)));
    Value finite = less(abs(high), infinity());
    result = expPair({high, select(finite, low, c(0))});
  } else {
    result = exp(mul(y, log(a)));
  }
  Value isInteger = equal(floor(y), y), halfY = mul(y, c(0.5));
  Value isOdd = both(isInteger, no(equal(floor(halfY), halfY)));
  Value signed_ = copySign(result, x);
  result = select(isOdd, signed_, result);
  Value invalid = both(both(less(x, c(0)), less(a, infinity())), no(isInteger));
  // An infinite y counts as an (even) integer.
  result = select(both(invalid, less(abs(y), infinity())), nan(), result);
  Value one = either(equal(y, c(0)), equal(x, c(1)));
  one = either(one, both(equal(a, c(1)), equal(abs(y), infinity())));
  return select(one, c(1), result);
}
