// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// f32 and f64 arithmetic. Nearest rounding with and without `.ftz` is vector code; directed modes
// and `.sat` go lane by lane through Rounding.h, as they are rare. NaN results are canonical.
#include "Lanes.h"
#include "Rounding.h"

#include <cfloat>

namespace cameo::ptx {
namespace CAMEO_PTX_ISA {
namespace {

template <typename T> T fused(T a, T b, T c);
template <> inline float fused(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
template <> inline double fused(double a, double b, double c) { return __builtin_fma(a, b, c); }

template <bool Ftz> float add32(float a, float b) {
  return maybeFlush<Ftz>(canonical(maybeFlush<Ftz>(a) + maybeFlush<Ftz>(b)));
}
template <bool Ftz> float sub32(float a, float b) {
  return maybeFlush<Ftz>(canonical(maybeFlush<Ftz>(a) - maybeFlush<Ftz>(b)));
}
template <bool Ftz> float mul32(float a, float b) {
  return maybeFlush<Ftz>(canonical(maybeFlush<Ftz>(a) * maybeFlush<Ftz>(b)));
}
template <bool Ftz> float fma32(float a, float b, float c) {
  return maybeFlush<Ftz>(
      canonical(fused(maybeFlush<Ftz>(a), maybeFlush<Ftz>(b), maybeFlush<Ftz>(c))));
}
template <bool Ftz> float div32(float a, float b) {
  return maybeFlush<Ftz>(canonical(maybeFlush<Ftz>(a) / maybeFlush<Ftz>(b)));
}
template <bool Ftz> float sqrt32(float a) {
  return maybeFlush<Ftz>(canonicalRoot(__builtin_sqrtf(maybeFlush<Ftz>(a))));
}
template <bool Ftz> float rcp32(float a) { return div32<Ftz>(1.0f, a); }
template <bool Ftz> float neg32(float a) { return asFloat(asBits(maybeFlush<Ftz>(a)) ^ 0x80000000u); }
template <bool Ftz> float abs32(float a) { return asFloat(asBits(maybeFlush<Ftz>(a)) & 0x7fffffffu); }

double add64(double a, double b) { return canonical(a + b); }
double sub64(double a, double b) { return canonical(a - b); }
double mul64(double a, double b) { return canonical(a * b); }
double fma64(double a, double b, double c) { return canonical(fused(a, b, c)); }
double div64(double a, double b) { return canonical(a / b); }
double sqrt64(double a) { return canonicalRoot(__builtin_sqrt(a)); }
double rcp64(double a) { return canonical(1.0 / a); }
double neg64(double a) { return asDouble(asBits(a) ^ 0x8000000000000000ull); }
double abs64(double a) { return asDouble(asBits(a) & 0x7fffffffffffffffull); }

/// One NaN: the other operand. -0 is less than +0. `.NaN`: any NaN gives NaN.
template <typename T, bool Max, bool PropagateNaN, bool Ftz> T pickOne(T a, T b) {
  if constexpr (sizeof(T) == 4) {
    a = maybeFlush<Ftz>(a);
    b = maybeFlush<Ftz>(b);
  }
  auto ab = asBits(a), bb = asBits(b);
  // With equal values only zeros differ in bits: and/or of the sign picks the right one.
  T equal = std::bit_cast<T>(Max ? ab & bb : ab | bb);
  T r = Max ? (a > b ? a : b) : (a < b ? a : b);
  r = a == b ? equal : r;
  if (PropagateNaN) {
    r = a != a ? a : r;
    r = b != b ? b : r;
  } else {
    r = a != a ? b : r;
    r = b != b ? a : r;
  }
  return canonical(r);
}
/// The magnitude of one, the sign of both together; a NaN has no sign.
template <bool Max, bool Nan, bool Ftz> float pickXorSign(float a, float b) {
  u32 sign = (asBits(a) ^ asBits(b)) & 0x80000000u;
  float r = pickOne<float, Max, Nan, Ftz>(abs32<Ftz>(a), abs32<Ftz>(b));
  return r != r ? r : asFloat(asBits(r) | sign);
}
template <bool Max, bool Nan, bool Ftz, bool Abs = false> float pickThree(float a, float b, float c) {
  if (Abs)
    a = abs32<Ftz>(a), b = abs32<Ftz>(b), c = abs32<Ftz>(c);
  return pickOne<float, Max, Nan, Ftz>(pickOne<float, Max, Nan, Ftz>(a, b), c);
}

// copysign d, a, b: the sign of a, the magnitude of b.
float copySign32(float a, float b) {
  return asFloat((asBits(a) & 0x80000000u) | (asBits(b) & 0x7fffffffu));
}
double copySign64(double a, double b) {
  return asDouble((asBits(a) & 0x8000000000000000ull) | (asBits(b) & 0x7fffffffffffffffull));
}

template <typename T> bool isFinite(T a, T) { return std::fabs(a) <= std::numeric_limits<T>::max(); }
template <typename T> bool isInfinite(T a, T) { return std::fabs(a) > std::numeric_limits<T>::max(); }
template <typename T> bool isNumber(T a, T) { return a == a; }
template <typename T> bool isNotNumber(T a, T) { return a != a; }
template <typename T> bool isNormal(T a, T) {
  return std::fabs(a) >= std::numeric_limits<T>::min() && isFinite(a, a);
}
template <typename T> bool isSubnormal(T a, T) {
  return std::fabs(a) < std::numeric_limits<T>::min() && a != 0;
}

// -- directed rounding and saturation, described by `flags` and `imm` of the operation ------------
// imm: rounding mode | ftz << 8 | sat << 9.

float finish32(double value, double residual, const Op &o) {
  Round mode = static_cast<Round>(o.imm & 0xff);
  float r = std::bit_cast<float>(
      static_cast<u32>(roundDouble(value, formatF32, mode, false, residual)));
  if (value == 0 && residual == 0 && value == value)
    r = static_cast<float>(value);
  if (o.imm & 0x100)
    r = flush(r);
  if (o.imm & 0x200)
    r = r != r ? 0.0f : r < 0 ? 0.0f : r > 1 ? 1.0f : asBits(r) == 0x80000000u ? 0.0f : r;
  return r;
}
/// Zero from a difference of equals is -0 when rounding down, +0 otherwise.
double signedZero(double sum, double a, double b, Round mode) {
  if (sum == 0 && !(a == 0 && b == 0 && std::signbit(a) == std::signbit(b)))
    return mode == Round::Down ? -0.0 : 0.0;
  return sum;
}
float input32(float v, const Op &o) { return o.imm & 0x100 ? flush(v) : v; }

enum class Slow { Add, Sub, Mul, Fma, Div, Sqrt, Rcp };
template <Slow Kind> float slow32(const Op &o, float a, float b, float c) {
  double A = input32(a, o), B = input32(b, o), C = input32(c, o), error = 0, r;
  Round mode = static_cast<Round>(o.imm & 0xff);
  switch (Kind) {
  case Slow::Sub: B = -B; [[fallthrough]];
  case Slow::Add:
    r = twoSum(A, B, error);
    r = signedZero(r, A, B, mode);
    break;
  case Slow::Mul: r = A * B; break;
  case Slow::Fma: {
    double p = A * B; // exact
    r = twoSum(p, C, error);
    r = signedZero(r, p, C, mode);
    break;
  }
  case Slow::Div:
  case Slow::Rcp:
    if (Kind == Slow::Rcp)
      B = A, A = 1.0;
    r = A / B;
    if (std::isfinite(r) && B != 0)
      error = -std::fma(r, B, -A) * (B < 0 ? -1 : 1);
    break;
  case Slow::Sqrt:
    r = std::sqrt(A);
    if (std::isfinite(r))
      error = -std::fma(r, r, -A);
    break;
  }
  if (!std::isfinite(r) || !std::isfinite(error))
    error = 0;
  return finish32(r, error, o);
}
template <Slow Kind> void slowLanes32(Exec &x, const Op &o) {
  float *d = x.at<float>(o.d);
  const float *a = x.at<float>(o.a);
  const float *b = o.b == noOperand ? a : x.at<float>(o.b);
  const float *c = o.c == noOperand ? a : x.at<float>(o.c);
  for (unsigned i = 0; i < lanes; ++i)
    if (x.lane[i])
      d[i] = slow32<Kind>(o, a[i], b[i], c[i]);
}

/// One step of a double in the direction of the mode, if the residual says so.
double finish64(double r, double residual, Round mode) {
  if (r != r || residual == 0 || mode == Round::Nearest)
    return canonical(r);
  if (std::isinf(r))
    return (mode == Round::Zero || (mode == Round::Down && r > 0) || (mode == Round::Up && r < 0))
               ? std::copysign(DBL_MAX, r) : r;
  bool above = residual < 0; // r is above the exact value
  if (mode == Round::Down || (mode == Round::Zero && (r > 0 || (r == 0 && residual > 0))))
    return above ? std::nextafter(r, -INFINITY) : r;
  return above ? r : std::nextafter(r, INFINITY);
}
template <Slow Kind> double slow64(const Op &o, double a, double b, double c) {
  Round mode = static_cast<Round>(o.imm & 0xff);
  double error = 0, r;
  bool finite = std::isfinite(a) && std::isfinite(b) && std::isfinite(c);
  switch (Kind) {
  case Slow::Sub: return finite ? exactFma(a, 1, -b, mode) : canonical(a - b);
  case Slow::Add: return finite ? exactFma(a, 1, b, mode) : canonical(a + b);
  case Slow::Mul: // of a zero with the product's sign
    return finite ? exactFma(a, b, std::copysign(0.0, std::copysign(1, a) * std::copysign(1, b)), mode)
                  : canonical(a * b);
  case Slow::Fma: return finite ? exactFma(a, b, c, mode) : canonical(std::fma(a, b, c));
  case Slow::Div:
  case Slow::Rcp:
    if (Kind == Slow::Rcp)
      b = a, a = 1.0;
    r = a / b;
    if (b != 0 && std::isfinite(r)) {
      double up = std::fabs(a) < 1e-280 ? 0x1p600 : 1;
      error = -std::fma(r * up, b, -(a * up)) * (b < 0 ? -1 : 1);
    }
    break;
  case Slow::Sqrt: {
    r = a < 0 ? NAN : std::sqrt(a);
    double up = a < 1e-280 ? 0x1p300 : 1; // the residual would underflow
    error = std::isfinite(r) ? -std::fma(r * up, r * up, -(a * up * up)) : 0;
    break;
  }
  }
  if (!std::isfinite(error)) // infinite inputs
    error = 0;
  if (std::isinf(r) && std::isfinite(a) && std::isfinite(b) && b != 0)
    error = r > 0 ? -1 : 1;
  return finish64(r, error, mode);
}
template <Slow Kind> void slowLanes64(Exec &x, const Op &o) {
  double *d = x.at<double>(o.d);
  const double *a = x.at<double>(o.a);
  const double *b = o.b == noOperand ? a : x.at<double>(o.b);
  const double *c = o.c == noOperand ? b : x.at<double>(o.c);
  for (unsigned i = 0; i < lanes; ++i)
    if (x.lane[i])
      d[i] = slow64<Kind>(o, a[i], b[i], c[i]);
}

/// The hot path of every matrix product in f32.
void fmaHot(Exec &x, const Op &o) { lanes3<&fma32<false>, float, float, float, float>(x, o); }

/// `extra` of them in a row, all operands in the frame: one dispatch for what a register-tiled GEMM
/// has by the dozen. Each of them begins a run of its own, so that a branch may enter anywhere.
void fmaRun(Exec &x, const Op &o) {
  unsigned n = o.extra;
  if (x.full) {
    u8 *frame = x.base[BaseFrame];
    for (unsigned k = 0; k < n; ++k) {
      const Op &p = (&o)[k];
      float *d = reinterpret_cast<float *>(frame + p.d);
      const float *a = reinterpret_cast<const float *>(frame + p.a);
      const float *b = reinterpret_cast<const float *>(frame + p.b);
      const float *c = reinterpret_cast<const float *>(frame + p.c);
      CAMEO_LANES
      for (unsigned i = 0; i < lanes; ++i)
        d[i] = fma32<false>(a[i], b[i], c[i]);
    }
  } else {
    for (unsigned k = 0; k < n; ++k)
      lanes3<&fma32<false>, float, float, float, float>(x, (&o)[k]);
  }
  x.ip += n - 1;
  x.budget -= n - 1;
}

} // namespace

#define ROW(NAME, ...) rows.push_back({NAME, perLane<&__VA_ARGS__>})
#define ROW_FTZ(NAME, F) ROW(NAME, F<false>), ROW(NAME ".ftz", F<true>)
#define TEST(NAME, F)                                                                              \
  rows.push_back({NAME ".f32", &compareLanes<&F<float>, float>}),                                  \
      rows.push_back({NAME ".f64", &compareLanes<&F<double>, double>})
#define SLOW(NAME, KIND)                                                                           \
  rows.push_back({NAME ".f32.slow", &slowLanes32<Slow::KIND>}),                                    \
      rows.push_back({NAME ".f64.slow", &slowLanes64<Slow::KIND>})
#define PICK(NAME, MAX)                                                                            \
  ROW(NAME ".f32", pickOne<float, MAX, false, false>);                                             \
  ROW(NAME ".f32.ftz", pickOne<float, MAX, false, true>);                                          \
  ROW(NAME ".f32.nan", pickOne<float, MAX, true, false>);                                          \
  ROW(NAME ".f32.ftz.nan", pickOne<float, MAX, true, true>);                                       \
  ROW(NAME ".f32.xorsign", pickXorSign<MAX, false, false>);                                        \
  ROW(NAME ".f32.ftz.xorsign", pickXorSign<MAX, false, true>);                                     \
  ROW(NAME ".f32.nan.xorsign", pickXorSign<MAX, true, false>);                                     \
  ROW(NAME ".f32.ftz.nan.xorsign", pickXorSign<MAX, true, true>);                                  \
  ROW(NAME "3.f32", pickThree<MAX, false, false>);                                                 \
  ROW(NAME "3.f32.ftz", pickThree<MAX, false, true>);                                              \
  ROW(NAME "3.f32.nan", pickThree<MAX, true, false>);                                              \
  ROW(NAME "3.f32.ftz.nan", pickThree<MAX, true, true>);                                           \
  ROW(NAME "3.f32.abs", pickThree<MAX, false, false, true>);                                       \
  ROW(NAME "3.f32.ftz.abs", pickThree<MAX, false, true, true>);                                    \
  ROW(NAME "3.f32.nan.abs", pickThree<MAX, true, false, true>);                                    \
  ROW(NAME "3.f32.ftz.nan.abs", pickThree<MAX, true, true, true>);                                 \
  ROW(NAME ".f64", pickOne<double, MAX, false, false>)

void floatRows(HandlerRows &rows) {
  ROW_FTZ("add.f32", add32), ROW_FTZ("sub.f32", sub32), ROW_FTZ("mul.f32", mul32);
  rows.push_back({"fma.f32", &fmaHot});
  rows.push_back({"fma.f32.run", &fmaRun});
  ROW("fma.f32.ftz", fma32<true>);
  ROW_FTZ("div.f32", div32), ROW_FTZ("sqrt.f32", sqrt32), ROW_FTZ("rcp.f32", rcp32);
  ROW_FTZ("neg.f32", neg32), ROW_FTZ("abs.f32", abs32);
  ROW("add.f64", add64), ROW("sub.f64", sub64), ROW("mul.f64", mul64), ROW("fma.f64", fma64);
  ROW("div.f64", div64), ROW("sqrt.f64", sqrt64), ROW("rcp.f64", rcp64);
  ROW("neg.f64", neg64), ROW("abs.f64", abs64);
  PICK("min", false);
  PICK("max", true);
  ROW("copysign.f32", copySign32), ROW("copysign.f64", copySign64);
  TEST("testp.finite", isFinite);
  TEST("testp.infinite", isInfinite);
  TEST("testp.number", isNumber);
  TEST("testp.notanumber", isNotNumber);
  TEST("testp.normal", isNormal);
  TEST("testp.subnormal", isSubnormal);
  SLOW("add", Add);
  SLOW("sub", Sub);
  SLOW("mul", Mul);
  SLOW("fma", Fma);
  SLOW("div", Div);
  SLOW("sqrt", Sqrt);
  SLOW("rcp", Rcp);
}

} // namespace CAMEO_PTX_ISA
} // namespace cameo::ptx
