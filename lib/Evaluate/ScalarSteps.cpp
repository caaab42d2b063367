// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The meaning of every arith and math op on scalars: one table row each. Out-of-range conversions
// saturate and NaN becomes 0, as the hardware's conversions do; integer division by zero gives 0.
#include "Payload.h"

#include "cameo/Support/SmallFloat.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/TypeUtilities.h"
#include "llvm/ADT/TypeSwitch.h"

#include <bit>
#include <cmath>

using namespace mlir;

namespace cameo::evaluate {
namespace {

double roundTo(DType type, double value) {
  switch (type) {
  case DType::f64:
    return value;
  case DType::f32:
    return float(value);
  default:
    return decodeFloat(type, encodeFloat(type, value, /*saturate=*/false));
  }
}

int64_t wrap(DType type, int64_t value) {
  if (type == DType::boolean)
    return value & 1;
  unsigned shift = 64 - bitWidth(type);
  return int64_t(uint64_t(value) << shift) >> shift;
}

uint64_t asUnsigned(DType type, int64_t value) {
  if (type == DType::boolean)
    return uint64_t(value);
  return uint64_t(value) & (~uint64_t(0) >> (64 - bitWidth(type)));
}
int64_t asSigned(DType type, int64_t value) { return type == DType::boolean ? -value : value; }

template <double (*F)(double)> void realUnary(const Step &s, Scalar *v) {
  v[s.out].real = roundTo(s.type, F(v[s.in[0]].real));
}
template <double (*F)(double, double)> void realBinary(const Step &s, Scalar *v) {
  v[s.out].real = roundTo(s.type, F(v[s.in[0]].real, v[s.in[1]].real));
}
template <int64_t (*F)(int64_t, int64_t)> void signedBinary(const Step &s, Scalar *v) {
  v[s.out].integer = wrap(s.type, F(v[s.in[0]].integer, v[s.in[1]].integer));
}
template <uint64_t (*F)(uint64_t, uint64_t)> void unsignedBinary(const Step &s, Scalar *v) {
  v[s.out].integer = wrap(s.type, int64_t(F(asUnsigned(s.type, v[s.in[0]].integer),
                                            asUnsigned(s.type, v[s.in[1]].integer))));
}

double add(double a, double b) { return a + b; }
double sub(double a, double b) { return a - b; }
double mul(double a, double b) { return a * b; }
double div(double a, double b) { return a / b; }
double maximum(double a, double b) { return a != a || b != b ? NAN : a > b ? a : b; }
double minimum(double a, double b) { return a != a || b != b ? NAN : a < b ? a : b; }
double negate(double a) { return -a; }
double rsqrt(double a) { return 1 / std::sqrt(a); }

int64_t wrapAdd(int64_t a, int64_t b) { return int64_t(uint64_t(a) + uint64_t(b)); }
int64_t wrapSub(int64_t a, int64_t b) { return int64_t(uint64_t(a) - uint64_t(b)); }
int64_t wrapMul(int64_t a, int64_t b) { return int64_t(uint64_t(a) * uint64_t(b)); }
int64_t quotient(int64_t a, int64_t b) { return b == 0 ? 0 : b == -1 ? wrapSub(0, a) : a / b; }
int64_t remainder(int64_t a, int64_t b) { return b == 0 || b == -1 ? 0 : a % b; }
int64_t floorQuotient(int64_t a, int64_t b) {
  int64_t q = quotient(a, b);
  return q - (remainder(a, b) != 0 && (a < 0) != (b < 0));
}
int64_t ceilQuotient(int64_t a, int64_t b) {
  int64_t q = quotient(a, b);
  return q + (remainder(a, b) != 0 && (a < 0) == (b < 0));
}
int64_t bitAnd(int64_t a, int64_t b) { return a & b; }
int64_t bitOr(int64_t a, int64_t b) { return a | b; }
int64_t bitXor(int64_t a, int64_t b) { return a ^ b; }
int64_t larger(int64_t a, int64_t b) { return a > b ? a : b; }
int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }
int64_t shiftLeft(int64_t a, int64_t b) { return uint64_t(b) > 63 ? 0 : int64_t(uint64_t(a) << b); }
int64_t shiftRight(int64_t a, int64_t b) { return a >> (uint64_t(b) > 63 ? 63 : b); }
int64_t integerPower(int64_t a, int64_t b) {
  if (b < 0)
    return a == 1 ? 1 : a == -1 ? (b % 2 ? -1 : 1) : 0;
  uint64_t result = 1, factor = uint64_t(a);
  for (; b; b >>= 1, factor *= factor)
    result *= b & 1 ? factor : 1;
  return int64_t(result);
}
uint64_t quotientU(uint64_t a, uint64_t b) { return b ? a / b : 0; }
uint64_t ceilQuotientU(uint64_t a, uint64_t b) { return b ? a / b + (a % b != 0) : 0; }
uint64_t remainderU(uint64_t a, uint64_t b) { return b ? a % b : 0; }
uint64_t largerU(uint64_t a, uint64_t b) { return a > b ? a : b; }
uint64_t smallerU(uint64_t a, uint64_t b) { return a < b ? a : b; }
uint64_t shiftRightU(uint64_t a, uint64_t b) { return b > 63 ? 0 : a >> b; }

void fusedMultiplyAdd(const Step &s, Scalar *v) {
  double a = v[s.in[0]].real, b = v[s.in[1]].real, c = v[s.in[2]].real;
  // In float the product and sum round once together; through double they would round twice.
  v[s.out].real = s.type == DType::f32 ? double(std::fmaf(float(a), float(b), float(c)))
                                       : roundTo(s.type, std::fma(a, b, c));
}

void select(const Step &s, Scalar *v) { v[s.out] = v[s.in[0]].integer ? v[s.in[1]] : v[s.in[2]]; }
void convertReal(const Step &s, Scalar *v) { v[s.out].real = roundTo(s.type, v[s.in[0]].real); }
void extendSigned(const Step &s, Scalar *v) {
  v[s.out].integer = wrap(s.type, asSigned(s.operand, v[s.in[0]].integer));
}
void extendUnsigned(const Step &s, Scalar *v) {
  v[s.out].integer = wrap(s.type, int64_t(asUnsigned(s.operand, v[s.in[0]].integer)));
}
void signedToReal(const Step &s, Scalar *v) {
  int64_t value = asSigned(s.operand, v[s.in[0]].integer);
  v[s.out].real = s.type == DType::f32 ? double(float(value)) : roundTo(s.type, double(value));
}
void unsignedToReal(const Step &s, Scalar *v) {
  uint64_t value = asUnsigned(s.operand, v[s.in[0]].integer);
  v[s.out].real = s.type == DType::f32 ? double(float(value)) : roundTo(s.type, double(value));
}
void realToSigned(const Step &s, Scalar *v) {
  double value = v[s.in[0]].real, low = double(minInteger(s.type)),
         high = double(maxInteger(s.type));
  v[s.out].integer = value != value  ? 0
                     : value <= low  ? minInteger(s.type)
                     : value >= high ? int64_t(maxInteger(s.type))
                                     : int64_t(value);
}
void realToUnsigned(const Step &s, Scalar *v) {
  double value = v[s.in[0]].real, high = std::ldexp(1.0, int(bitWidth(s.type)));
  uint64_t result = !(value > 0) ? 0 : value >= high ? ~uint64_t(0) : uint64_t(value);
  v[s.out].integer = wrap(s.type, int64_t(result));
}
void bitcast(const Step &s, Scalar *v) {
  Scalar x = v[s.in[0]];
  uint64_t bits = uint64_t(x.integer);
  if (s.operand == DType::f32)
    bits = std::bit_cast<uint32_t>(float(x.real));
  else if (s.operand == DType::f64)
    bits = std::bit_cast<uint64_t>(x.real);
  else if (isFloat(s.operand))
    bits = encodeFloat(s.operand, x.real, false);
  if (s.type == DType::f32)
    v[s.out].real = std::bit_cast<float>(uint32_t(bits));
  else if (s.type == DType::f64)
    v[s.out].real = std::bit_cast<double>(bits);
  else if (isFloat(s.type))
    v[s.out].real = decodeFloat(s.type, uint32_t(bits));
  else
    v[s.out].integer = wrap(s.type, int64_t(bits));
}

void compareIntegers(const Step &s, Scalar *v) {
  int64_t a = asSigned(s.operand, v[s.in[0]].integer), b = asSigned(s.operand, v[s.in[1]].integer);
  uint64_t x = asUnsigned(s.operand, v[s.in[0]].integer),
           y = asUnsigned(s.operand, v[s.in[1]].integer);
  using P = arith::CmpIPredicate;
  auto result = [&] {
    switch (P(s.detail)) {
    case P::eq:
      return a == b;
    case P::ne:
      return a != b;
    case P::slt:
      return a < b;
    case P::sle:
      return a <= b;
    case P::sgt:
      return a > b;
    case P::sge:
      return a >= b;
    case P::ult:
      return x < y;
    case P::ule:
      return x <= y;
    case P::ugt:
      return x > y;
    case P::uge:
      return x >= y;
    }
    return false;
  };
  v[s.out].integer = result();
}

void compareReals(const Step &s, Scalar *v) {
  double a = v[s.in[0]].real, b = v[s.in[1]].real;
  bool unordered = a != a || b != b;
  using P = arith::CmpFPredicate;
  auto result = [&] {
    switch (P(s.detail)) {
    case P::AlwaysFalse:
      return false;
    case P::OEQ:
      return a == b;
    case P::OGT:
      return a > b;
    case P::OGE:
      return a >= b;
    case P::OLT:
      return a < b;
    case P::OLE:
      return a <= b;
    case P::ONE:
      return !unordered && a != b;
    case P::ORD:
      return !unordered;
    case P::UEQ:
      return unordered || a == b;
    case P::UGT:
      return unordered || a > b;
    case P::UGE:
      return unordered || a >= b;
    case P::ULT:
      return unordered || a < b;
    case P::ULE:
      return unordered || a <= b;
    case P::UNE:
      return a != b;
    case P::UNO:
      return unordered;
    case P::AlwaysTrue:
      return true;
    }
    return false;
  };
  v[s.out].integer = result();
}

void absoluteInteger(const Step &s, Scalar *v) {
  int64_t x = v[s.in[0]].integer;
  v[s.out].integer = wrap(s.type, x < 0 ? wrapSub(0, x) : x);
}

// The functions of <cmath> are overloaded; these pick the one for double.
#define CAMEO_MATH(name, expression)                                                               \
  double name(double x) { return expression; }
CAMEO_MATH(absolute, std::fabs(x))
CAMEO_MATH(arcCosine, std::acos(x))
CAMEO_MATH(arcCosineH, std::acosh(x))
CAMEO_MATH(arcSine, std::asin(x))
CAMEO_MATH(arcSineH, std::asinh(x))
CAMEO_MATH(arcTangent, std::atan(x))
CAMEO_MATH(arcTangentH, std::atanh(x))
CAMEO_MATH(ceiling, std::ceil(x))
CAMEO_MATH(cosine, std::cos(x))
CAMEO_MATH(cosineH, std::cosh(x))
CAMEO_MATH(errorFunction, std::erf(x))
CAMEO_MATH(complementaryError, std::erfc(x))
CAMEO_MATH(exponential, std::exp(x))
CAMEO_MATH(exponential2, std::exp2(x))
CAMEO_MATH(exponentialM1, std::expm1(x))
CAMEO_MATH(floored, std::floor(x))
CAMEO_MATH(logarithm, std::log(x))
CAMEO_MATH(logarithm2, std::log2(x))
CAMEO_MATH(logarithm10, std::log10(x))
CAMEO_MATH(logarithm1p, std::log1p(x))
CAMEO_MATH(roundAway, std::round(x))
CAMEO_MATH(roundEven, std::nearbyint(x))
CAMEO_MATH(sine, std::sin(x))
CAMEO_MATH(sineH, std::sinh(x))
CAMEO_MATH(squareRoot, std::sqrt(x))
CAMEO_MATH(tangent, std::tan(x))
CAMEO_MATH(tangentH, std::tanh(x))
CAMEO_MATH(truncated, std::trunc(x))
#undef CAMEO_MATH
double copySign(double a, double b) { return std::copysign(a, b); }
double power(double a, double b) { return std::pow(a, b); }
double arcTangent2(double a, double b) { return std::atan2(a, b); }
double remainderF(double a, double b) { return std::fmod(a, b); }
double maxNumber(double a, double b) { return std::fmax(a, b); }
double minNumber(double a, double b) { return std::fmin(a, b); }

using Functions = std::vector<std::pair<StringRef, Step::Function>>;

const llvm::StringMap<Step::Function> &table() {
  static const llvm::StringMap<Step::Function> functions = [] {
    llvm::StringMap<Step::Function> map;
#define CAMEO_ROW(Op, function) map[Op::getOperationName()] = function;
    CAMEO_ROW(arith::AddFOp, realBinary<add>)
    CAMEO_ROW(arith::SubFOp, realBinary<sub>)
    CAMEO_ROW(arith::MulFOp, realBinary<mul>)
    CAMEO_ROW(arith::DivFOp, realBinary<div>)
    CAMEO_ROW(arith::RemFOp, realBinary<remainderF>)
    CAMEO_ROW(arith::NegFOp, realUnary<negate>)
    CAMEO_ROW(arith::MaximumFOp, realBinary<maximum>)
    CAMEO_ROW(arith::MinimumFOp, realBinary<minimum>)
    CAMEO_ROW(arith::MaxNumFOp, realBinary<maxNumber>)
    CAMEO_ROW(arith::MinNumFOp, realBinary<minNumber>)
    CAMEO_ROW(arith::AddIOp, signedBinary<wrapAdd>)
    CAMEO_ROW(arith::SubIOp, signedBinary<wrapSub>)
    CAMEO_ROW(arith::MulIOp, signedBinary<wrapMul>)
    CAMEO_ROW(arith::DivSIOp, signedBinary<quotient>)
    CAMEO_ROW(arith::RemSIOp, signedBinary<remainder>)
    CAMEO_ROW(arith::FloorDivSIOp, signedBinary<floorQuotient>)
    CAMEO_ROW(arith::CeilDivSIOp, signedBinary<ceilQuotient>)
    CAMEO_ROW(arith::DivUIOp, unsignedBinary<quotientU>)
    CAMEO_ROW(arith::CeilDivUIOp, unsignedBinary<ceilQuotientU>)
    CAMEO_ROW(arith::RemUIOp, unsignedBinary<remainderU>)
    CAMEO_ROW(arith::AndIOp, signedBinary<bitAnd>)
    CAMEO_ROW(arith::OrIOp, signedBinary<bitOr>)
    CAMEO_ROW(arith::XOrIOp, signedBinary<bitXor>)
    CAMEO_ROW(arith::MaxSIOp, signedBinary<larger>)
    CAMEO_ROW(arith::MinSIOp, signedBinary<smaller>)
    CAMEO_ROW(arith::MaxUIOp, unsignedBinary<largerU>)
    CAMEO_ROW(arith::MinUIOp, unsignedBinary<smallerU>)
    CAMEO_ROW(arith::ShLIOp, signedBinary<shiftLeft>)
    CAMEO_ROW(arith::ShRSIOp, signedBinary<shiftRight>)
    CAMEO_ROW(arith::ShRUIOp, unsignedBinary<shiftRightU>)
    CAMEO_ROW(arith::SelectOp, select)
    CAMEO_ROW(arith::CmpIOp, compareIntegers)
    CAMEO_ROW(arith::CmpFOp, compareReals)
    CAMEO_ROW(arith::ExtFOp, convertReal)
    CAMEO_ROW(arith::TruncFOp, convertReal)
    CAMEO_ROW(arith::ExtSIOp, extendSigned)
    CAMEO_ROW(arith::ExtUIOp, extendUnsigned)
    CAMEO_ROW(arith::TruncIOp, extendSigned)
    CAMEO_ROW(arith::IndexCastOp, extendSigned)
    CAMEO_ROW(arith::IndexCastUIOp, extendUnsigned)
    CAMEO_ROW(arith::SIToFPOp, signedToReal)
    CAMEO_ROW(arith::UIToFPOp, unsignedToReal)
    CAMEO_ROW(arith::FPToSIOp, realToSigned)
    CAMEO_ROW(arith::FPToUIOp, realToUnsigned)
    CAMEO_ROW(arith::BitcastOp, bitcast)
    CAMEO_ROW(math::AbsFOp, realUnary<absolute>)
    CAMEO_ROW(math::AbsIOp, absoluteInteger)
    CAMEO_ROW(math::AcosOp, realUnary<arcCosine>)
    CAMEO_ROW(math::AcoshOp, realUnary<arcCosineH>)
    CAMEO_ROW(math::AsinOp, realUnary<arcSine>)
    CAMEO_ROW(math::AsinhOp, realUnary<arcSineH>)
    CAMEO_ROW(math::AtanOp, realUnary<arcTangent>)
    CAMEO_ROW(math::AtanhOp, realUnary<arcTangentH>)
    CAMEO_ROW(math::Atan2Op, realBinary<arcTangent2>)
    CAMEO_ROW(math::CeilOp, realUnary<ceiling>)
    CAMEO_ROW(math::CosOp, realUnary<cosine>)
    CAMEO_ROW(math::CoshOp, realUnary<cosineH>)
    CAMEO_ROW(math::CopySignOp, realBinary<copySign>)
    CAMEO_ROW(math::ErfOp, realUnary<errorFunction>)
    CAMEO_ROW(math::ErfcOp, realUnary<complementaryError>)
    CAMEO_ROW(math::ExpOp, realUnary<exponential>)
    CAMEO_ROW(math::Exp2Op, realUnary<exponential2>)
    CAMEO_ROW(math::ExpM1Op, realUnary<exponentialM1>)
    CAMEO_ROW(math::FloorOp, realUnary<floored>)
    CAMEO_ROW(math::FmaOp, fusedMultiplyAdd)
    CAMEO_ROW(math::IPowIOp, signedBinary<integerPower>)
    CAMEO_ROW(math::LogOp, realUnary<logarithm>)
    CAMEO_ROW(math::Log2Op, realUnary<logarithm2>)
    CAMEO_ROW(math::Log10Op, realUnary<logarithm10>)
    CAMEO_ROW(math::Log1pOp, realUnary<logarithm1p>)
    CAMEO_ROW(math::PowFOp, realBinary<power>)
    CAMEO_ROW(math::RoundOp, realUnary<roundAway>)
    CAMEO_ROW(math::RoundEvenOp, realUnary<roundEven>)
    CAMEO_ROW(math::RsqrtOp, realUnary<rsqrt>)
    CAMEO_ROW(math::SinOp, realUnary<sine>)
    CAMEO_ROW(math::SinhOp, realUnary<sineH>)
    CAMEO_ROW(math::SqrtOp, realUnary<squareRoot>)
    CAMEO_ROW(math::TanOp, realUnary<tangent>)
    CAMEO_ROW(math::TanhOp, realUnary<tangentH>)
    CAMEO_ROW(math::TruncOp, realUnary<truncated>)
#undef CAMEO_ROW
    return map;
  }();
  return functions;
}

} // namespace

DType scalarType(Type type) {
  if (type.isIndex())
    return DType::i64;
  if (auto integer = dyn_cast<IntegerType>(type)) {
    switch (integer.getWidth()) {
    case 1:
      return DType::boolean;
    case 2:
      return DType::i2;
    case 4:
      return DType::i4;
    case 8:
      return DType::i8;
    case 16:
      return DType::i16;
    case 32:
      return DType::i32;
    case 64:
      return DType::i64;
    default:
      return DType::undefined;
    }
  }
  return llvm::TypeSwitch<Type, DType>(type)
      .Case<Float32Type>([](auto) { return DType::f32; })
      .Case<Float64Type>([](auto) { return DType::f64; })
      .Case<Float16Type>([](auto) { return DType::f16; })
      .Case<BFloat16Type>([](auto) { return DType::bf16; })
      .Case<Float8E4M3FNType>([](auto) { return DType::f8e4m3fn; })
      .Case<Float8E4M3FNUZType>([](auto) { return DType::f8e4m3fnuz; })
      .Case<Float8E5M2Type>([](auto) { return DType::f8e5m2; })
      .Case<Float8E5M2FNUZType>([](auto) { return DType::f8e5m2fnuz; })
      .Case<Float8E8M0FNUType>([](auto) { return DType::f8e8m0; })
      .Case<Float4E2M1FNType>([](auto) { return DType::f4e2m1; })
      .Case<Float6E2M3FNType>([](auto) { return DType::f6e2m3; })
      .Case<Float6E3M2FNType>([](auto) { return DType::f6e3m2; })
      .Default([](Type) { return DType::undefined; });
}

std::optional<Scalar> scalarOf(Attribute attribute) {
  Scalar value;
  if (auto integer = dyn_cast<IntegerAttr>(attribute)) {
    DType type = scalarType(integer.getType());
    value.integer = wrap(type, integer.getValue().getSExtValue());
    return value;
  }
  if (auto real = dyn_cast<FloatAttr>(attribute)) {
    value.real = real.getValueAsDouble();
    return value;
  }
  return std::nullopt;
}

std::optional<Step> scalarStep(Operation *op) {
  auto row = table().find(op->getName().getStringRef());
  if (row == table().end() || op->getNumResults() != 1)
    return std::nullopt;
  Step step;
  step.function = row->second;
  step.type = scalarType(getElementTypeOrSelf(op->getResult(0).getType()));
  step.operand = scalarType(getElementTypeOrSelf(op->getOperand(0).getType()));
  if (auto compare = dyn_cast<arith::CmpIOp>(op))
    step.detail = int64_t(compare.getPredicate());
  if (auto compare = dyn_cast<arith::CmpFOp>(op))
    step.detail = int64_t(compare.getPredicate());
  bool known = step.type != DType::undefined && step.operand != DType::undefined;
  return known ? std::optional<Step>(step) : std::nullopt;
}

} // namespace cameo::evaluate
