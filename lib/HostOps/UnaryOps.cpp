// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Functions of one element. Each kind is one row of a table with its scalar function; runs of
// elements are loaded wide, mapped and stored. Kinds that exist for integers have a second table.
#include "cameo/HostOps/Pointwise.h"

#include "Elements.h"

#include <cmath>

namespace cameo::host {
namespace {

constexpr double kPi = 3.14159265358979323846;

double sigmoid(double x) {
  if (x >= 0)
    return 1 / (1 + std::exp(-x));
  double e = std::exp(x);
  return e / (1 + e);
}
double softplus(double x) { return x > 0 ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x)); }
double roundEven(double x) { return std::nearbyint(x); }
double sign(double x) { return x != x ? x : double(x > 0) - double(x < 0); }
double gelu(double x) { return x * std::erfc(-x * std::sqrt(0.5)) / 2; }
double geluTanh(double x) {
  return x * sigmoid(2 * std::sqrt(2 / kPi) * (x + 0.044715 * x * x * x));
}
double clamp01(double x) { return x < 0 ? 0 : x > 1 ? 1 : x; }

using FloatFunction = double (*)(double x, double alpha, double beta);

struct FloatKind {
  Unary kind;
  FloatFunction function;
};

#define CAMEO_F(kind, expression)                                                                  \
  {Unary::kind,                                                                                    \
   [](double x, [[maybe_unused]] double alpha, [[maybe_unused]] double beta) -> double {           \
     return expression;                                                                            \
   }}
const FloatKind floatKinds[] = {
    CAMEO_F(Abs, std::fabs(x)),
    CAMEO_F(Neg, -x),
    CAMEO_F(Sign, sign(x)),
    CAMEO_F(Ceil, std::ceil(x)),
    CAMEO_F(Floor, std::floor(x)),
    CAMEO_F(Round, roundEven(x)),
    CAMEO_F(Trunc, std::trunc(x)),
    CAMEO_F(Exp, std::exp(x)),
    CAMEO_F(Exp2, std::exp2(x)),
    CAMEO_F(Expm1, std::expm1(x)),
    CAMEO_F(Log, std::log(x)),
    CAMEO_F(Log2, std::log2(x)),
    CAMEO_F(Log1p, std::log1p(x)),
    CAMEO_F(Sqrt, std::sqrt(x)),
    CAMEO_F(Rsqrt, 1 / std::sqrt(x)),
    CAMEO_F(Reciprocal, 1 / x),
    CAMEO_F(Sin, std::sin(x)),
    CAMEO_F(Cos, std::cos(x)),
    CAMEO_F(Tan, std::tan(x)),
    CAMEO_F(Asin, std::asin(x)),
    CAMEO_F(Acos, std::acos(x)),
    CAMEO_F(Atan, std::atan(x)),
    CAMEO_F(Sinh, std::sinh(x)),
    CAMEO_F(Cosh, std::cosh(x)),
    CAMEO_F(Tanh, std::tanh(x)),
    CAMEO_F(Asinh, std::asinh(x)),
    CAMEO_F(Acosh, std::acosh(x)),
    CAMEO_F(Atanh, std::atanh(x)),
    CAMEO_F(Erf, std::erf(x)),
    CAMEO_F(IsNan, x != x),
    CAMEO_F(IsInf, std::isinf(x) && (x < 0 ? alpha != 0 : beta != 0)),
    CAMEO_F(Relu, x < 0 ? 0 : x),
    CAMEO_F(LeakyRelu, x < 0 ? alpha * x : x),
    CAMEO_F(Elu, x < 0 ? alpha * std::expm1(x) : x),
    CAMEO_F(Celu, x < 0 ? alpha * std::expm1(x / alpha) : x),
    CAMEO_F(Selu, beta *(x < 0 ? alpha * std::expm1(x) : x)),
    CAMEO_F(Gelu, gelu(x)),
    CAMEO_F(GeluTanh, geluTanh(x)),
    CAMEO_F(Sigmoid, sigmoid(x)),
    CAMEO_F(HardSigmoid, clamp01(alpha *x + beta)),
    CAMEO_F(HardSwish, x *clamp01(x / 6 + 0.5)),
    CAMEO_F(Silu, x *sigmoid(alpha *x)),
    CAMEO_F(Mish, x *std::tanh(softplus(x))),
    CAMEO_F(Softplus, softplus(x)),
    CAMEO_F(Softsign, x / (1 + std::fabs(x))),
    CAMEO_F(ThresholdedRelu, x > alpha ? x : 0),
    CAMEO_F(Shrink, x<-beta ? x + alpha : x> beta ? x - alpha : 0),
    CAMEO_F(Identity, x),
};
#undef CAMEO_F

FloatFunction floatFunction(Unary kind) {
  for (const FloatKind &row : floatKinds)
    if (row.kind == kind)
      return row.function;
  return nullptr;
}

bool integersHave(Unary kind) {
  switch (kind) {
  case Unary::Abs:
  case Unary::Neg:
  case Unary::Sign:
  case Unary::Ceil:
  case Unary::Floor:
  case Unary::Round:
  case Unary::Trunc:
  case Unary::BitNot:
  case Unary::Relu:
  case Unary::Identity:
    return true;
  default:
    return false;
  }
}

template <class W> W integerFunction(Unary kind, W x) {
  switch (kind) {
  case Unary::Abs:
    return x < 0 ? W(0 - uint64_t(x)) : x;
  case Unary::Neg:
    return W(0 - uint64_t(x));
  case Unary::Sign:
    return W(int64_t(x > 0) - int64_t(x < 0));
  case Unary::BitNot:
    return ~x;
  case Unary::Relu:
    return x < 0 ? 0 : x;
  default:
    return x;
  }
}

/// Maps runs of x through `fn(pointer, n)` into `out`.
template <class W, class F> void mapRuns(const HostTensor &x, HostTensor &out, F &&fn) {
  W buffer[kRun];
  int64_t done = 0;
  forEachRun<1>(x.dims(), {&x.strides()}, {x.offset()}, [&](auto offsets, auto steps, int64_t n) {
    for (int64_t i = 0; i < n; i += kRun) {
      int64_t m = std::min(kRun, n - i);
      loadRun(x.dtype(), x.data(), offsets[0] + i * steps[0], steps[0], m, buffer);
      fn(buffer, m);
      storeRun(out.dtype(), out.data(), done, m, buffer);
      done += m;
    }
  });
}

template <class W> Result<HostTensor> unaryInteger(Unary kind, const HostTensor &x) {
  CAMEO_TRY(out, HostTensor::allocate(x.dtype(), x.dims()));
  bool logical = kind == Unary::Not;
  mapRuns<W>(x, out, [&](W *values, int64_t n) {
    for (int64_t i = 0; i < n; ++i)
      values[i] = logical ? W(values[i] == 0) : integerFunction(kind, values[i]);
  });
  return out;
}

} // namespace

UnaryParams defaultParams(Unary kind) {
  switch (kind) {
  case Unary::LeakyRelu:
    return {0.01, 0};
  case Unary::Elu:
  case Unary::Celu:
  case Unary::Silu:
  case Unary::ThresholdedRelu:
    return {1, 0};
  case Unary::Selu:
    return {1.67326319217681884765625, 1.05070102214813232421875};
  case Unary::HardSigmoid:
    return {0.2, 0.5};
  case Unary::Shrink:
    return {0, 0.5};
  case Unary::IsInf:
    return {1, 1};
  default:
    return {};
  }
}

Result<HostTensor> unary(Unary kind, const HostTensor &x, UnaryParams params) {
  if (kind == Unary::Identity)
    return x;
  bool isBoolean = x.dtype() == DType::boolean;
  if (isBoolean != (kind == Unary::Not) || !isReal(x.dtype()) || kind > Unary::Identity)
    return error("function " + std::to_string(int(kind)) + " does not take " + quote(x.dtype()));
  if (isInteger(x.dtype()) && !integersHave(kind))
    return error("function " + std::to_string(int(kind)) + " takes floats, not " +
                 quote(x.dtype()));
  if (wideOf(x.dtype()) == Wide::Signed)
    return unaryInteger<int64_t>(kind, x);
  if (wideOf(x.dtype()) == Wide::Unsigned)
    return unaryInteger<uint64_t>(kind, x);
  FloatFunction function = floatFunction(kind);
  if (!function)
    return error("function " + std::to_string(int(kind)) + " does not take " + quote(x.dtype()));
  bool predicate = kind == Unary::IsNan || kind == Unary::IsInf;
  CAMEO_TRY(out, HostTensor::allocate(predicate ? DType::boolean : x.dtype(), x.dims()));
  mapRuns<double>(x, out, [&](double *values, int64_t n) {
    for (int64_t i = 0; i < n; ++i)
      values[i] = function(values[i], params.alpha, params.beta);
  });
  return out;
}

Result<HostTensor> clip(const HostTensor &x, const HostTensor &low, const HostTensor &high) {
  if (!isReal(x.dtype()))
    return error("clip does not take " + quote(x.dtype()));
  for (const HostTensor *limit : {&low, &high})
    if (limit->isPresent() && (limit->numElements() != 1 || limit->dtype() != x.dtype()))
      return error("a limit of clip is one element of the operand's type");
  CAMEO_TRY(out, HostTensor::allocate(x.dtype(), x.dims()));
  withWide(x.dtype(), [&](auto zero) {
    using W = decltype(zero);
    W lowest = low.isPresent() ? loadAll<W>(low)[0] : W(0);
    W highest = high.isPresent() ? loadAll<W>(high)[0] : W(0);
    mapRuns<W>(x, out, [&](W *values, int64_t n) {
      for (int64_t i = 0; i < n; ++i) {
        W value = values[i];
        if (low.isPresent() && value < lowest)
          value = lowest;
        if (high.isPresent() && value > highest)
          value = highest;
        values[i] = value;
      }
    });
  });
  return out;
}

} // namespace cameo::host
