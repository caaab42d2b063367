// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// `emitCast` (ScalarOps.h): conversions between all element types, as ONNX says. Each rounds once;
// what is out of range saturates, becomes NaN or infinity, or wraps, by the types and the cast's
// attributes.

#include "FloatExpr.h"
#include "Packed.h"

#include <cmath>

using namespace mlir;

namespace cameo::graphtokernel {

namespace {

/// Floats to integers: out of range saturates, NaN becomes 0.
Value floatToInteger(OpBuilder &b, Location loc, Type to, Value x) {
  Type type = computeType(to);
  unsigned width = type.getIntOrFloatBitWidth();
  bool toSigned = !isUnsigned(to);
  Float f{b, loc, x.getType()};
  double low = toSigned ? -std::ldexp(1.0, int(width) - 1) : 0;
  double high = std::ldexp(1.0, int(width) - (toSigned ? 1 : 0)); // exclusive
  Value inRangeLow = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OGE, x, f.c(low));
  Value inRangeHigh = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OLT, x, f.c(high));
  Value inside = arith::AndIOp::create(b, loc, inRangeLow, inRangeHigh);
  Value safe = f.choose(inside, x, f.c(0));
  Value converted = toSigned ? arith::FPToSIOp::create(b, loc, type, safe).getResult()
                             : arith::FPToUIOp::create(b, loc, type, safe).getResult();
  // -0.5 truncates to 0 for unsigned types too.
  Value above = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OGE, x, f.c(high));
  Value below = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OLT, x, f.c(low));
  converted = arith::SelectOp::create(b, loc, above, highest(b, loc, to), converted);
  return arith::SelectOp::create(b, loc, below, lowest(b, loc, to), converted);
}

/// Limits what overflows `to` to its largest finite value; NaN stays NaN.
Value saturated(OpBuilder &b, Location loc, Type to, Value x) {
  double largest = APFloat::getLargest(cast<FloatType>(to).getFloatSemantics()).convertToDouble();
  Float f{b, loc, x.getType()};
  return f.min(f.max(x, f.c(-largest)), f.c(largest));
}

Value floatToFloat(OpBuilder &b, Location loc, Type to, Value x) {
  unsigned from = x.getType().getIntOrFloatBitWidth(), width = to.getIntOrFloatBitWidth();
  if (x.getType() == to)
    return x;
  if (from < width)
    return arith::ExtFOp::create(b, loc, to, x);
  if (from == width) // f16 <-> bf16, and between 8-bit formats
    return arith::TruncFOp::create(b, loc, to,
                                   arith::ExtFOp::create(b, loc, b.getF32Type(), x).getResult());
  return arith::TruncFOp::create(b, loc, to, x);
}

/// An f64 to the power of two whose exponent is the byte of an f8E8M0FNU (255: NaN; no sign, no
/// zero). Integer work on the bits: `arith.truncf` has one rounding only, and would round twice
/// from f64.
Value floatToExponent(OpBuilder &b, Location loc, Type to, Value x, bool saturate,
                      graph::RoundMode round) {
  Type i64 = b.getI64Type();
  auto c = [&](int64_t value) { return integerConstant(b, loc, i64, value); };
  auto is = [&](arith::CmpIPredicate predicate, Value left, Value right) -> Value {
    return arith::CmpIOp::create(b, loc, predicate, left, right);
  };
  auto choose = [&](Value condition, Value yes, Value no) -> Value {
    return arith::SelectOp::create(b, loc, condition, yes, no);
  };
  constexpr int64_t one = int64_t(1) << 52; // of the exponent; below it lies the fraction
  int64_t carry = round == graph::RoundMode::Up        ? one - 1
                  : round == graph::RoundMode::Nearest ? one / 2
                                                       : 0;
  Value magnitude = arith::AndIOp::create(b, loc, arith::BitcastOp::create(b, loc, i64, x),
                                          c(std::numeric_limits<int64_t>::max()));
  Value exponent =
      arith::ShRUIOp::create(b, loc, arith::AddIOp::create(b, loc, magnitude, c(carry)), c(52));
  Value code = arith::SubIOp::create(b, loc, exponent, c(1023 - 127));
  code = choose(is(arith::CmpIPredicate::slt, code, c(0)), c(saturate ? 0 : 255), code);
  code = choose(is(arith::CmpIPredicate::sgt, code, c(254)), c(saturate ? 254 : 255), code);
  Value isNan = is(arith::CmpIPredicate::ugt, magnitude, c(int64_t(2047) << 52));
  code = arith::TruncIOp::create(b, loc, b.getI8Type(), choose(isNan, c(255), code));
  return arith::BitcastOp::create(b, loc, to, code);
}

Value integerToInteger(OpBuilder &b, Location loc, Type from, Type to, Value x) {
  Type type = computeType(to);
  unsigned fromWidth = x.getType().getIntOrFloatBitWidth(), width = type.getIntOrFloatBitWidth();
  if (fromWidth == width)
    return x;
  if (fromWidth > width)
    return arith::TruncIOp::create(b, loc, type, x);
  return isUnsigned(from) ? arith::ExtUIOp::create(b, loc, type, x).getResult()
                          : arith::ExtSIOp::create(b, loc, type, x).getResult();
}

Value toBoolean(OpBuilder &b, Location loc, Type from, Value x) {
  if (isa<FloatType>(from)) {
    Type wide = accumulatorType(from);
    Value zero = constantOf(b, loc, wide, 0);
    return arith::CmpFOp::create(b, loc, arith::CmpFPredicate::UNE, widen(b, loc, x, wide), zero);
  }
  return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ne, x,
                               integerConstant(b, loc, x.getType(), 0));
}

/// Casts from and to 4- and 2-bit elements, by way of the type that holds them inside a kernel.
/// What an integer of so few bits cannot hold loses its high bits, from floats too.
Value castPacked(OpBuilder &b, Location loc, Type from, Type to, Value x, bool saturate,
                 graph::RoundMode round) {
  auto holder = [&](Type element) -> Type {
    if (!isPacked(element) || isa<FloatType>(element))
      return isPacked(element) ? b.getF32Type() : element;
    return b.getIntegerType(8, /*isSigned=*/!element.isUnsignedInteger());
  };
  if (isPacked(from))
    return emitCast(b, loc, holder(from), to, x, saturate, round);
  if (isa<FloatType>(to))
    return roundToFloat4(b, loc, emitCast(b, loc, from, holder(to), x));
  if (isa<FloatType>(from)) {
    x = emitCast(b, loc, from, b.getI64Type(), x);
    from = b.getI64Type();
  }
  return wrapPacked(b, loc, to, emitCast(b, loc, from, holder(to), x));
}

} // namespace

Value emitCast(OpBuilder &b, Location loc, Type from, Type to, Value x, bool saturate,
               graph::RoundMode round) {
  if (from == to)
    return x;
  if (isPacked(from) || isPacked(to))
    return castPacked(b, loc, from, to, x, saturate, round);
  if (to.isInteger(1))
    return toBoolean(b, loc, from, x);
  if (isa<Float8E8M0FNUType>(to))
    return floatToExponent(b, loc, to, emitCast(b, loc, from, b.getF64Type(), x), saturate, round);
  if (saturate && isa<FloatType>(to) && to.getIntOrFloatBitWidth() <= 8) {
    // Through a type that holds both ranges, so that the limit is applied before rounding.
    Type wide = from.isF64() || from.isInteger(64) ? Type(b.getF64Type()) : Type(b.getF32Type());
    Value limited = saturated(b, loc, to, emitCast(b, loc, from, wide, x));
    return floatToFloat(b, loc, to, limited);
  }
  if (isa<FloatType>(from) && isa<FloatType>(to))
    return floatToFloat(b, loc, to, x);
  if (isa<FloatType>(from)) {
    Type wide = accumulatorType(from);
    return floatToInteger(b, loc, to, widen(b, loc, x, wide));
  }
  if (!isa<FloatType>(to))
    return integerToInteger(b, loc, from, to, x);
  // Integers round once: through f32 only where every value of the source is exact in it.
  auto convert = [&](Type type) -> Value {
    return isUnsigned(from) ? arith::UIToFPOp::create(b, loc, type, x).getResult()
                            : arith::SIToFPOp::create(b, loc, type, x).getResult();
  };
  if (to.getIntOrFloatBitWidth() >= 32)
    return convert(to);
  bool exactInF32 = from.getIntOrFloatBitWidth() <= 16;
  return floatToFloat(b, loc, to,
                      convert(exactInF32 ? Type(b.getF32Type()) : Type(b.getF64Type())));
}

} // namespace cameo::graphtokernel
