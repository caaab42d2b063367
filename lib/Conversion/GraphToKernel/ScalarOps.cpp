// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See ScalarOps.h. One small function per op; activations are written out in terms of exp, log and
// friends here, so that later stages know only arith and math.

#include "ScalarOps.h"

#include "FloatExpr.h"
#include "Packed.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

#include <cmath>

using namespace mlir;

namespace cameo::graphtokernel {

namespace {

using graph::BinaryKind;
using graph::UnaryKind;

/// What `widen` gave, back in `type`.
Value narrow(OpBuilder &b, Location loc, Value x, Type type) {
  return x.getType() == type ? x : arith::TruncFOp::create(b, loc, type, x).getResult();
}

Value signOf(Float f, Value x) {
  // NaN stays NaN, and zeros keep their sign.
  Value positive = f.less(f.c(0), x), negative = f.less(x, f.c(0));
  return f.choose(positive, f.c(1), f.choose(negative, f.c(-1), x));
}

Value gelu(Float f, Value x) {
  Value erf = math::ErfOp::create(f.b, f.loc, f.mul(x, f.c(1 / std::sqrt(2.0))));
  return f.mul(f.mul(f.c(0.5), x), f.add(f.c(1), erf));
}

Value geluTanh(Float f, Value x) {
  Value cube = f.mul(f.mul(x, x), x);
  Value inner = f.mul(f.c(std::sqrt(2 / M_PI)), f.add(x, f.mul(f.c(0.044715), cube)));
  return f.mul(f.mul(f.c(0.5), x), f.add(f.c(1), f.tanh(inner)));
}

Value isInf(Float f, Value x, bool negative, bool positive) {
  auto equals = [&](double value) -> Value {
    return arith::CmpFOp::create(f.b, f.loc, arith::CmpFPredicate::OEQ, x, f.c(value));
  };
  Value no = integerConstant(f.b, f.loc, f.b.getI1Type(), 0);
  Value result = no;
  if (negative)
    result = arith::OrIOp::create(f.b, f.loc, result, equals(-INFINITY));
  if (positive)
    result = arith::OrIOp::create(f.b, f.loc, result, equals(INFINITY));
  return result;
}

/// Kinds that are activations or simple formulas; null for plain math functions.
Value unaryFormula(Float f, UnaryKind kind, Value x, double alpha, double beta) {
  switch (kind) {
  case UnaryKind::Sign: return signOf(f, x);
  case UnaryKind::Relu: return f.max(x, f.c(0));
  case UnaryKind::LeakyRelu: return f.choose(f.less(x, f.c(0)), f.mul(f.c(alpha), x), x);
  case UnaryKind::Elu:
    return f.choose(f.less(x, f.c(0)),
                    f.mul(f.c(alpha), Value(math::ExpM1Op::create(f.b, f.loc, x))), x);
  case UnaryKind::Celu: {
    Value e = math::ExpM1Op::create(f.b, f.loc, f.div(x, f.c(alpha)));
    return f.add(f.max(x, f.c(0)), f.min(f.c(0), f.mul(f.c(alpha), e)));
  }
  case UnaryKind::Selu: {
    Value e = math::ExpM1Op::create(f.b, f.loc, x);
    return f.mul(f.c(beta), f.choose(f.less(f.c(0), x), x, f.mul(f.c(alpha), e)));
  }
  case UnaryKind::Gelu: return gelu(f, x);
  case UnaryKind::GeluTanh: return geluTanh(f, x);
  case UnaryKind::Sigmoid: return f.sigmoid(x);
  case UnaryKind::HardSigmoid:
    return f.min(f.max(f.add(f.mul(f.c(alpha), x), f.c(beta)), f.c(0)), f.c(1));
  case UnaryKind::HardSwish:
    return f.mul(x, f.min(f.max(f.add(f.mul(f.c(1.0 / 6), x), f.c(0.5)), f.c(0)), f.c(1)));
  case UnaryKind::Silu: return f.mul(x, f.sigmoid(f.mul(f.c(alpha), x)));
  case UnaryKind::Mish: return f.mul(x, f.tanh(f.softplus(x)));
  case UnaryKind::Softplus: return f.softplus(x);
  case UnaryKind::Softsign: return f.div(x, f.add(f.c(1), f.abs(x)));
  case UnaryKind::ThresholdedRelu: return f.choose(f.less(f.c(alpha), x), x, f.c(0));
  case UnaryKind::Shrink:
    return f.choose(f.less(x, f.c(-beta)), f.add(x, f.c(alpha)),
                    f.choose(f.less(f.c(beta), x), f.sub(x, f.c(alpha)), f.c(0)));
  case UnaryKind::Reciprocal: return f.div(f.c(1), x);
  default: return {};
  }
}

Value unaryMath(OpBuilder &b, Location loc, UnaryKind kind, Value x) {
  switch (kind) {
  case UnaryKind::Abs: return math::AbsFOp::create(b, loc, x);
  case UnaryKind::Neg: return arith::NegFOp::create(b, loc, x);
  case UnaryKind::Ceil: return math::CeilOp::create(b, loc, x);
  case UnaryKind::Floor: return math::FloorOp::create(b, loc, x);
  case UnaryKind::Round: return math::RoundEvenOp::create(b, loc, x);
  case UnaryKind::Trunc: return math::TruncOp::create(b, loc, x);
  case UnaryKind::Exp: return math::ExpOp::create(b, loc, x);
  case UnaryKind::Exp2: return math::Exp2Op::create(b, loc, x);
  case UnaryKind::Expm1: return math::ExpM1Op::create(b, loc, x);
  case UnaryKind::Log: return math::LogOp::create(b, loc, x);
  case UnaryKind::Log2: return math::Log2Op::create(b, loc, x);
  case UnaryKind::Log1p: return math::Log1pOp::create(b, loc, x);
  case UnaryKind::Sqrt: return math::SqrtOp::create(b, loc, x);
  case UnaryKind::Rsqrt: return math::RsqrtOp::create(b, loc, x);
  case UnaryKind::Sin: return math::SinOp::create(b, loc, x);
  case UnaryKind::Cos: return math::CosOp::create(b, loc, x);
  case UnaryKind::Tan: return math::TanOp::create(b, loc, x);
  case UnaryKind::Asin: return math::AsinOp::create(b, loc, x);
  case UnaryKind::Acos: return math::AcosOp::create(b, loc, x);
  case UnaryKind::Atan: return math::AtanOp::create(b, loc, x);
  case UnaryKind::Sinh: return math::SinhOp::create(b, loc, x);
  case UnaryKind::Cosh: return math::CoshOp::create(b, loc, x);
  case UnaryKind::Tanh: return math::TanhOp::create(b, loc, x);
  case UnaryKind::Asinh: return math::AsinhOp::create(b, loc, x);
  case UnaryKind::Acosh: return math::AcoshOp::create(b, loc, x);
  case UnaryKind::Atanh: return math::AtanhOp::create(b, loc, x);
  case UnaryKind::Erf: return math::ErfOp::create(b, loc, x);
  default: return {};
  }
}

/// Integer forms of the kinds that ONNX allows on integers; null for the others.
Value unaryInteger(OpBuilder &b, Location loc, UnaryKind kind, Type element, Value x) {
  Type type = x.getType();
  Value zero = integerConstant(b, loc, type, 0);
  auto isNegative = [&]() -> Value {
    return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, x, zero);
  };
  bool isSigned = !isUnsigned(element);
  switch (kind) {
  case UnaryKind::Abs:
    return isSigned ? arith::SelectOp::create(b, loc, isNegative(),
                                              arith::SubIOp::create(b, loc, zero, x), x)
                    : x;
  case UnaryKind::Neg: return arith::SubIOp::create(b, loc, zero, x);
  case UnaryKind::Sign: {
    Value positive = arith::CmpIOp::create(
        b, loc, isSigned ? arith::CmpIPredicate::sgt : arith::CmpIPredicate::ugt, x, zero);
    Value one = arith::ExtUIOp::create(b, loc, type, positive);
    if (!isSigned)
      return one;
    Value minusOne = arith::ExtSIOp::create(b, loc, type, isNegative());
    return arith::OrIOp::create(b, loc, one, minusOne);
  }
  case UnaryKind::Relu:
    return isSigned ? arith::MaxSIOp::create(b, loc, x, zero).getResult() : x;
  case UnaryKind::Not:
  case UnaryKind::BitNot:
    return arith::XOrIOp::create(b, loc, x, integerConstant(b, loc, type, -1));
  case UnaryKind::Ceil:
  case UnaryKind::Floor:
  case UnaryKind::Round:
  case UnaryKind::Trunc: return x;
  default: return {};
  }
}

arith::CmpFPredicate floatPredicate(BinaryKind kind) {
  switch (kind) {
  case BinaryKind::Eq: return arith::CmpFPredicate::OEQ;
  case BinaryKind::Ne: return arith::CmpFPredicate::UNE;
  case BinaryKind::Lt: return arith::CmpFPredicate::OLT;
  case BinaryKind::Le: return arith::CmpFPredicate::OLE;
  case BinaryKind::Gt: return arith::CmpFPredicate::OGT;
  default: return arith::CmpFPredicate::OGE;
  }
}

arith::CmpIPredicate integerPredicate(BinaryKind kind, bool isSigned) {
  using P = arith::CmpIPredicate;
  switch (kind) {
  case BinaryKind::Eq: return P::eq;
  case BinaryKind::Ne: return P::ne;
  case BinaryKind::Lt: return isSigned ? P::slt : P::ult;
  case BinaryKind::Le: return isSigned ? P::sle : P::ule;
  case BinaryKind::Gt: return isSigned ? P::sgt : P::ugt;
  default: return isSigned ? P::sge : P::uge;
  }
}

bool isCompare(BinaryKind kind) { return kind >= BinaryKind::Eq; }

Value fmodOf(Float f, Value x, Value y) { return arith::RemFOp::create(f.b, f.loc, x, y); }

/// Remainder with the divisor's sign, from the exact remainder with the dividend's.
Value floorModFloat(Float f, Value x, Value y) {
  Value r = fmodOf(f, x, y);
  Value nonZero = arith::CmpFOp::create(f.b, f.loc, arith::CmpFPredicate::UNE, r, f.c(0));
  Value differ =
      arith::XOrIOp::create(f.b, f.loc, f.less(r, f.c(0)), f.less(y, f.c(0)));
  return f.choose(arith::AndIOp::create(f.b, f.loc, nonZero, differ), f.add(r, y), r);
}

Value binaryFloat(Float f, BinaryKind kind, Value x, Value y) {
  switch (kind) {
  case BinaryKind::Add: return f.add(x, y);
  case BinaryKind::Sub: return f.sub(x, y);
  case BinaryKind::Mul: return f.mul(x, y);
  case BinaryKind::Div: return f.div(x, y);
  case BinaryKind::Pow: return math::PowFOp::create(f.b, f.loc, x, y);
  case BinaryKind::Mod: return floorModFloat(f, x, y);
  case BinaryKind::Fmod: return fmodOf(f, x, y);
  case BinaryKind::Min: return f.min(x, y);
  case BinaryKind::Max: return f.max(x, y);
  case BinaryKind::Prelu: return f.choose(f.less(x, f.c(0)), f.mul(y, x), x);
  default: return {};
  }
}

/// A divisor that never traps: 0 becomes 1 (the quotient is undefined in ONNX), and so does -1 for
/// signed types, whose quotient is taken as 0 - x to keep the lowest value defined.
Value safeDivisor(OpBuilder &b, Location loc, Value y, bool alsoMinusOne) {
  Value one = integerConstant(b, loc, y.getType(), 1);
  auto equals = [&](int64_t value) -> Value {
    return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, y,
                                 integerConstant(b, loc, y.getType(), value));
  };
  Value bad = equals(0);
  if (alsoMinusOne)
    bad = arith::OrIOp::create(b, loc, bad, equals(-1));
  return arith::SelectOp::create(b, loc, bad, one, y);
}

Value divideInteger(OpBuilder &b, Location loc, bool isSigned, Value x, Value y) {
  if (!isSigned)
    return arith::DivUIOp::create(b, loc, x, safeDivisor(b, loc, y, false));
  Value quotient = arith::DivSIOp::create(b, loc, x, safeDivisor(b, loc, y, true));
  Value minusOne = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, y,
                                         integerConstant(b, loc, y.getType(), -1));
  Value negated = arith::SubIOp::create(b, loc, integerConstant(b, loc, y.getType(), 0), x);
  return arith::SelectOp::create(b, loc, minusOne, negated, quotient);
}

Value remainderInteger(OpBuilder &b, Location loc, bool isSigned, bool floor, Value x, Value y) {
  if (!isSigned)
    return arith::RemUIOp::create(b, loc, x, safeDivisor(b, loc, y, false));
  // With the divisor -1 replaced by 1 the remainder is 0 all the same.
  Value r = arith::RemSIOp::create(b, loc, x, safeDivisor(b, loc, y, true));
  if (!floor)
    return r;
  Value zero = integerConstant(b, loc, y.getType(), 0);
  auto negative = [&](Value v) -> Value {
    return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, v, zero);
  };
  Value nonZero = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ne, r, zero);
  Value differ = arith::XOrIOp::create(b, loc, negative(r), negative(y));
  return arith::SelectOp::create(b, loc, arith::AndIOp::create(b, loc, nonZero, differ),
                                 arith::AddIOp::create(b, loc, r, y), r);
}

/// Shifts by the width or more (a negative amount counts as a huge one) give what shifting bit by bit
/// would: 0, or -1 for a negative number shifted right.
Value shiftInteger(OpBuilder &b, Location loc, bool left, bool isSigned, Value x, Value y) {
  Type type = x.getType();
  unsigned bits = type.getIntOrFloatBitWidth();
  if (!left && isSigned) {
    Value most = arith::MinUIOp::create(b, loc, y, integerConstant(b, loc, type, bits - 1));
    return arith::ShRSIOp::create(b, loc, x, most);
  }
  Value inside = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult, y,
                                       integerConstant(b, loc, type, bits));
  Value zero = integerConstant(b, loc, type, 0);
  Value amount = arith::SelectOp::create(b, loc, inside, y, zero);
  Value shifted = left ? arith::ShLIOp::create(b, loc, x, amount).getResult()
                       : arith::ShRUIOp::create(b, loc, x, amount).getResult();
  return arith::SelectOp::create(b, loc, inside, shifted, zero);
}

/// Square and multiply, wrapping as the type does.
Value powInteger(OpBuilder &b, Location loc, Value x, Value y) {
  return math::IPowIOp::create(b, loc, x, y);
}

Value binaryInteger(OpBuilder &b, Location loc, BinaryKind kind, bool isSigned, Value x, Value y) {
  switch (kind) {
  case BinaryKind::Add: return arith::AddIOp::create(b, loc, x, y);
  case BinaryKind::Sub: return arith::SubIOp::create(b, loc, x, y);
  case BinaryKind::Mul: return arith::MulIOp::create(b, loc, x, y);
  case BinaryKind::Div: return divideInteger(b, loc, isSigned, x, y);
  case BinaryKind::Mod: return remainderInteger(b, loc, isSigned, true, x, y);
  case BinaryKind::Fmod: return remainderInteger(b, loc, isSigned, false, x, y);
  case BinaryKind::Pow: return powInteger(b, loc, x, y);
  case BinaryKind::Min:
    return isSigned ? arith::MinSIOp::create(b, loc, x, y).getResult()
                    : arith::MinUIOp::create(b, loc, x, y).getResult();
  case BinaryKind::Max:
    return isSigned ? arith::MaxSIOp::create(b, loc, x, y).getResult()
                    : arith::MaxUIOp::create(b, loc, x, y).getResult();
  case BinaryKind::And:
  case BinaryKind::BitAnd: return arith::AndIOp::create(b, loc, x, y);
  case BinaryKind::Or:
  case BinaryKind::BitOr: return arith::OrIOp::create(b, loc, x, y);
  case BinaryKind::Xor:
  case BinaryKind::BitXor: return arith::XOrIOp::create(b, loc, x, y);
  case BinaryKind::Shl: return shiftInteger(b, loc, true, isSigned, x, y);
  case BinaryKind::Shr: return shiftInteger(b, loc, false, isSigned, x, y);
  case BinaryKind::Prelu: {
    Value negative = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, x,
                                           integerConstant(b, loc, x.getType(), 0));
    Value scaled = arith::MulIOp::create(b, loc, x, y);
    return isSigned ? arith::SelectOp::create(b, loc, negative, scaled, x).getResult() : x;
  }
  default: return {};
  }
}

} // namespace

Type computeType(Type element) {
  if (isPacked(element))
    return isa<FloatType>(element) ? Type(Float32Type::get(element.getContext()))
                                   : Type(IntegerType::get(element.getContext(), 8));
  auto integer = dyn_cast<IntegerType>(element);
  return integer && !integer.isSignless() ? IntegerType::get(element.getContext(), integer.getWidth())
                                          : element;
}

Type storageType(Type element) {
  return element.isInteger(1) || isPacked(element) ? IntegerType::get(element.getContext(), 8)
                                                   : computeType(element);
}

Type accumulatorType(Type element) {
  auto type = dyn_cast<FloatType>(element);
  return type && type.getWidth() < 32 ? Float32Type::get(element.getContext())
                                      : computeType(element);
}

bool isUnsigned(Type element) { return element.isUnsignedInteger() || element.isInteger(1); }

Type elementOf(Value tensor) { return cast<RankedTensorType>(tensor.getType()).getElementType(); }

Value constantOf(OpBuilder &b, Location loc, Type type, double value) {
  if (!isa<FloatType>(type))
    return integerConstant(b, loc, type, int64_t(value));
  return arith::ConstantOp::create(b, loc, b.getFloatAttr(type, value));
}

Value integerConstant(OpBuilder &b, Location loc, Type type, int64_t value) {
  if (type.isIndex())
    return arith::ConstantIndexOp::create(b, loc, value);
  APInt bits(type.getIntOrFloatBitWidth(), uint64_t(value), /*isSigned=*/true,
             /*implicitTrunc=*/true);
  return arith::ConstantOp::create(b, loc, IntegerAttr::get(type, bits));
}

Value constantElement(OpBuilder &b, Location loc, ElementsAttr elements) {
  Type element = elements.getElementType();
  if (isa<FloatType>(element)) {
    APFloat value = *elements.value_begin<APFloat>();
    if (isPacked(element))
      return constantOf(b, loc, computeType(element), value.convertToDouble());
    return arith::ConstantOp::create(b, loc, FloatAttr::get(element, value));
  }
  Type type = computeType(element);
  APInt value = *elements.value_begin<APInt>();
  unsigned width = type.getIntOrFloatBitWidth();
  value = element.isUnsignedInteger() ? value.zext(width) : value.sext(width);
  return arith::ConstantOp::create(b, loc, IntegerAttr::get(type, value));
}

Value emitUnary(OpBuilder &b, Location loc, graph::UnaryOp op, Value x) {
  Type element = op.getX().getType().getElementType();
  if (op.getKind() == UnaryKind::Identity)
    return x; // bits are kept, NaN payloads included
  if (!isa<FloatType>(element)) {
    if (Value result = unaryInteger(b, loc, op.getKind(), element, x))
      return result;
    // What ONNX defines on integers only through floats (is_nan …) has no integer form.
    return {};
  }
  Type wide = accumulatorType(element);
  Float f{b, loc, wide};
  Value y = widen(b, loc, x, wide);
  if (op.getKind() == UnaryKind::IsNan)
    return arith::CmpFOp::create(b, loc, arith::CmpFPredicate::UNO, y, y);
  if (op.getKind() == UnaryKind::IsInf)
    return isInf(f, y, op.getAlphaInEffect() != 0, op.getBetaInEffect() != 0);
  Value result =
      unaryFormula(f, op.getKind(), y, op.getAlphaInEffect(), op.getBetaInEffect());
  if (!result)
    result = unaryMath(b, loc, op.getKind(), y);
  return result ? narrow(b, loc, result, x.getType()) : result;
}

Value emitBinary(OpBuilder &b, Location loc, BinaryKind kind, Type element, Type rhsElement, Value x,
                 Value y) {
  if (kind == BinaryKind::Pow && rhsElement != element) {
    // The exponent has its own type: compute in floats wide enough for both.
    bool wide64 = element.getIntOrFloatBitWidth() > 32 || !isa<FloatType>(element);
    Type wide = wide64 ? Type(b.getF64Type()) : Type(b.getF32Type());
    Value base = emitCast(b, loc, element, wide, x), exponent = emitCast(b, loc, rhsElement, wide, y);
    return emitCast(b, loc, wide, element, math::PowFOp::create(b, loc, base, exponent));
  }
  if (isa<FloatType>(element)) {
    Type wide = accumulatorType(element);
    Value a = widen(b, loc, x, wide), c = widen(b, loc, y, wide);
    if (isCompare(kind))
      return arith::CmpFOp::create(b, loc, floatPredicate(kind), a, c);
    Value result = binaryFloat({b, loc, wide}, kind, a, c);
    return result ? narrow(b, loc, result, x.getType()) : result;
  }
  bool isSigned = !isUnsigned(element);
  if (isCompare(kind))
    return arith::CmpIOp::create(b, loc, integerPredicate(kind, isSigned), x, y);
  return binaryInteger(b, loc, kind, isSigned, x, y);
}

Value emitMin(OpBuilder &b, Location loc, Type element, Value x, Value y) {
  return emitBinary(b, loc, BinaryKind::Min, element, element, x, y);
}
Value emitMax(OpBuilder &b, Location loc, Type element, Value x, Value y) {
  return emitBinary(b, loc, BinaryKind::Max, element, element, x, y);
}

SmallVector<Value> emitBetter(OpBuilder &b, Location loc, bool max, bool last, Type element,
                              ValueRange l, ValueRange r) {
  Value beats = emitBinary(b, loc, max ? BinaryKind::Gt : BinaryKind::Lt, element, element, l[0], r[0]);
  Value ties = emitBinary(b, loc, BinaryKind::Eq, element, element, l[0], r[0]);
  if (isa<FloatType>(element)) {
    Type wide = accumulatorType(element);
    auto isNan = [&](Value v) -> Value {
      Value w = emitCast(b, loc, element, wide, v);
      return arith::CmpFOp::create(b, loc, arith::CmpFPredicate::UNO, w, w);
    };
    Value lNan = isNan(l[0]), rNan = isNan(r[0]);
    Value both = arith::AndIOp::create(b, loc, lNan, rNan);
    Value onlyLeft = arith::AndIOp::create(
        b, loc, lNan, arith::XOrIOp::create(b, loc, rNan, integerConstant(b, loc, b.getI1Type(), 1)));
    beats = arith::OrIOp::create(b, loc, beats, onlyLeft);
    ties = arith::OrIOp::create(b, loc, ties, both);
  }
  Value first = arith::CmpIOp::create(
      b, loc, last ? arith::CmpIPredicate::sgt : arith::CmpIPredicate::slt, l[1], r[1]);
  Value take = arith::OrIOp::create(b, loc, beats, arith::AndIOp::create(b, loc, ties, first));
  return {arith::SelectOp::create(b, loc, take, l[0], r[0]),
          arith::SelectOp::create(b, loc, take, l[1], r[1])};
}

Value lowest(OpBuilder &b, Location loc, Type element) {
  if (isa<FloatType>(element))
    return constantOf(b, loc, element, -INFINITY);
  Type type = computeType(element);
  unsigned width = type.getIntOrFloatBitWidth();
  return isUnsigned(element)
             ? integerConstant(b, loc, type, 0)
             : arith::ConstantOp::create(
                   b, loc, IntegerAttr::get(type, APInt::getSignedMinValue(width)));
}

Value highest(OpBuilder &b, Location loc, Type element) {
  if (isa<FloatType>(element))
    return constantOf(b, loc, element, INFINITY);
  Type type = computeType(element);
  unsigned width = type.getIntOrFloatBitWidth();
  return arith::ConstantOp::create(
      b, loc,
      IntegerAttr::get(type, isUnsigned(element) ? APInt::getMaxValue(width)
                                                 : APInt::getSignedMaxValue(width)));
}

Value fromStorage(OpBuilder &b, Location loc, Type element, Value x) {
  if (isPacked(element))
    return fromPackedStorage(b, loc, element, x);
  if (!element.isInteger(1))
    return x;
  return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ne, x,
                               integerConstant(b, loc, x.getType(), 0));
}

Value toStorage(OpBuilder &b, Location loc, Type element, Value x) {
  if (isPacked(element))
    return toPackedStorage(b, loc, element, x);
  return element.isInteger(1) ? arith::ExtUIOp::create(b, loc, storageType(element), x).getResult()
                              : x;
}

} // namespace cameo::graphtokernel
