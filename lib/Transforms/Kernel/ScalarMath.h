// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A vocabulary for writing elementary functions as arith ops on one scalar float type, and the cores
// that several functions share. Private to this library. Error bounds in ulp of the type hold on
// all finite inputs, denormals included, unless a comment says otherwise.
#ifndef CAMEO_LIB_TRANSFORMS_KERNEL_SCALARMATH_H
#define CAMEO_LIB_TRANSFORMS_KERNEL_SCALARMATH_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/PatternMatch.h"

namespace cameo::kernel {

class ScalarMath {
public:
  using Value = mlir::Value;
  using Table = llvm::ArrayRef<double>;

  /// `type` is f32 or f64. `precise`: the result is wanted to the last bits of `type`; false where an
  /// f64 computation serves an f32 function.
  ScalarMath(mlir::OpBuilder &builder, mlir::Location loc, mlir::FloatType type, bool precise = true)
      : builder(builder), loc(loc), type(type), wide(type.isF64()), precise(precise),
        integer(builder.getIntegerType(type.getWidth())) {}

  mlir::OpBuilder &builder;
  mlir::Location loc;
  mlir::FloatType type;
  bool wide, precise;
  mlir::IntegerType integer;

  unsigned mantissaBits() const { return wide ? 52 : 23; }
  int64_t bias() const { return wide ? 1023 : 127; }
  /// The figure for f32, or the one for f64.
  double pick(double narrowValue, double wideValue) const { return wide ? wideValue : narrowValue; }
  Table pick(Table narrowTable, Table wideTable) const { return wide ? wideTable : narrowTable; }

  Value c(double value);
  Value i(int64_t value);
  Value infinity();
  Value nan();
  Value add(Value a, Value b) { return mlir::arith::AddFOp::create(builder, loc, a, b); }
  Value sub(Value a, Value b) { return mlir::arith::SubFOp::create(builder, loc, a, b); }
  Value mul(Value a, Value b) { return mlir::arith::MulFOp::create(builder, loc, a, b); }
  Value div(Value a, Value b) { return mlir::arith::DivFOp::create(builder, loc, a, b); }
  Value neg(Value a) { return mlir::arith::NegFOp::create(builder, loc, a); }
  Value fma(Value a, Value b, Value addend) { return mlir::math::FmaOp::create(builder, loc, a, b, addend); }
  Value abs(Value a) { return mlir::math::AbsFOp::create(builder, loc, a); }
  Value sqrt(Value a) { return mlir::math::SqrtOp::create(builder, loc, a); }
  Value floor(Value a) { return mlir::math::FloorOp::create(builder, loc, a); }
  Value copySign(Value magnitude, Value sign) { return mlir::math::CopySignOp::create(builder, loc, magnitude, sign); }

  using Float = mlir::arith::CmpFPredicate;
  Value is(Float predicate, Value a, Value b) { return mlir::arith::CmpFOp::create(builder, loc, predicate, a, b); }
  Value less(Value a, Value b) { return is(Float::OLT, a, b); }
  Value equal(Value a, Value b) { return is(Float::OEQ, a, b); }
  Value select(Value condition, Value a, Value b) { return mlir::arith::SelectOp::create(builder, loc, condition, a, b); }
  Value both(Value a, Value b) { return mlir::arith::AndIOp::create(builder, loc, a, b); }
  Value either(Value a, Value b) { return mlir::arith::OrIOp::create(builder, loc, a, b); }
  Value no(Value a);
  /// `a` held below or above a bound; NaN stays NaN.
  Value atMost(Value a, double bound);
  Value atLeast(Value a, double bound);

  Value bits(Value a) { return mlir::arith::BitcastOp::create(builder, loc, integer, a); }
  Value fromBits(Value a) { return mlir::arith::BitcastOp::create(builder, loc, type, a); }
  Value iadd(Value a, Value b) { return mlir::arith::AddIOp::create(builder, loc, a, b); }
  Value isub(Value a, Value b) { return mlir::arith::SubIOp::create(builder, loc, a, b); }
  Value shiftLeft(Value a, int64_t by) { return mlir::arith::ShLIOp::create(builder, loc, a, i(by)); }
  Value shiftRight(Value a, int64_t by) { return mlir::arith::ShRSIOp::create(builder, loc, a, i(by)); }
  Value toFloat(Value a) { return mlir::arith::SIToFPOp::create(builder, loc, type, a); }

  /// coefficients[0] + x*(coefficients[1] + ...), by fused steps.
  Value polynomial(Value x, Table coefficients);

  /// The nearest integer of a float below 2^22 (2^51) in size, as float and as integer.
  struct Nearest {
    Value number, integer;
  };
  Nearest nearest(Value x);
  /// 2^n for n in the normal range; p * 2^n for any n, rounded once.
  Value power2(Value n);
  Value scale(Value p, Value n);

  /// e^x = (1 + q) * 2^n with |ln(1 + q)| <= ln(2)/2.
  struct ExpParts {
    Value q, n;
  };
  ExpParts expParts(Value x);
  /// e^r - 1 for |r| <= ln(2)/2.
  Value expm1Reduced(Value r);

  /// x = 2^k * (1 + f), sqrt(1/2) <= 1 + f < sqrt(2); ln(1 + f) = f - (h - s*(h + r)), h = f*f/2.
  struct LogParts {
    Value k, f, h, s, r;
  };
  LogParts logParts(Value x);
  /// ln x for x > 0 and finite; what logParts does not cover is put right by `logSpecial`.
  Value logSpecial(Value x, Value finite);
  /// ln x as an unevaluated sum of two numbers, to about 2^-60; hi has the special values.
  struct Pair {
    Value hi, lo;
  };
  Pair logPair(Value x);
  Value expPair(Pair x);

  /// x = quarters * pi/2 + rest (quarters modulo 4 matter).
  struct Angle {
    Value rest, quarters;
  };
  Angle smallAngle(Value x);
  Angle largeAngleOf(Value x);
  Angle reduceAngle(Value x, bool isNarrow);

  Value exp(Value x);
  Value exp2(Value x);
  Value expm1(Value x);
  Value log(Value x);
  Value log2(Value x);
  Value log1p(Value x);
  Value tanh(Value x);
  Value sinh(Value x);
  Value cosh(Value x);
  Value asinh(Value x);
  Value acosh(Value x);
  Value atanh(Value x);
  Value erf(Value x);
  Value pow(Value x, Value y);
  Value atan(Value x);
  Value asin(Value x);
  Value acos(Value x);
  enum class Circular { Sin, Cos, Tan };
  Value circular(Value x, Circular which);
};

/// Patterns of ExpandMath*.cpp by theme.
void populateFunctionPatterns(mlir::RewritePatternSet &patterns);
void populateRemainderPatterns(mlir::RewritePatternSet &patterns);
void populateSmallFloatPatterns(mlir::RewritePatternSet &patterns);

} // namespace cameo::kernel

#endif // CAMEO_LIB_TRANSFORMS_KERNEL_SCALARMATH_H
