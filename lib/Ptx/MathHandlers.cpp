// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The `.approx` functions. Each is computed in double by a polynomial and rounded to f32, which
// lies well within the errors that the ISA allows; the loops vectorise.
#include "Lanes.h"

#include <ctime>

namespace cameo::ptx {
namespace CAMEO_PTX_ISA {
namespace {

/// 2^v for |v| < 1100: 2^n by the exponent, e^(f ln 2) on [-0.5, 0.5] by Taylor.
inline double exp2Of(double v) {
  v = v < -1020 ? -1020 : v > 1020 ? 1020 : v;
  double n = __builtin_nearbyint(v), t = (v - n) * 0.69314718055994530942;
  double p = 1.0 / 3628800;
  p = p * t + 1.0 / 362880;
  p = p * t + 1.0 / 40320;
  p = p * t + 1.0 / 5040;
  p = p * t + 1.0 / 720;
  p = p * t + 1.0 / 120;
  p = p * t + 1.0 / 24;
  p = p * t + 1.0 / 6;
  p = p * t + 0.5;
  p = p * t + 1;
  p = p * t + 1;
  // n as an integer by adding 1.5 * 2^52: the low bits of the sum are n.
  u64 biased = asBits(n + 6755399441055744.0);
  return p * asDouble((biased + 1023) << 52);
}

template <bool Ftz> float ex2(float a) {
  a = maybeFlush<Ftz>(a);
  float r = float(exp2Of(a));
  r = a > 128.5f ? INFINITY : a < -152.0f ? 0.0f : r;
  return maybeFlush<Ftz>(a != a ? canonical(a) : r);
}

/// log2 of a positive normal double: exponent plus the series of atanh around 1.
inline double log2Of(double v) {
  u64 bits = asBits(v);
  u64 shifted = bits - 0x3fe6a09e667f3bcdull; // sqrt(1/2)
  double e = double(s32(s64(shifted) >> 52));
  double m = asDouble(bits - (shifted & 0xfff0000000000000ull));
  double s = (m - 1) / (m + 1), s2 = s * s;
  double p = 1.0 / 15;
  p = p * s2 + 1.0 / 13;
  p = p * s2 + 1.0 / 11;
  p = p * s2 + 1.0 / 9;
  p = p * s2 + 1.0 / 7;
  p = p * s2 + 1.0 / 5;
  p = p * s2 + 1.0 / 3;
  p = p * s2 + 1;
  return e + p * s * 2.88539008177792681472;
}

template <bool Ftz> float lg2(float a) {
  a = maybeFlush<Ftz>(a);
  float r = float(log2Of(double(a)));
  r = a == INFINITY ? a : r;
  r = a == 0 ? -INFINITY : r;
  return a < 0 || a != a ? asFloat(0x7fffffffu) : r;
}

template <bool Ftz> float rsqrt(float a) {
  a = maybeFlush<Ftz>(a);
  return maybeFlush<Ftz>(canonical(float(1.0 / __builtin_sqrt(double(a)))));
}
double rsqrt64(double a) { return canonical(1.0 / __builtin_sqrt(a)); }

/// Sine of v + quarter * pi/2, |v| up to 2^30.
inline double sineOf(double v, double quarter) {
  double n = __builtin_nearbyint(v * 0.63661977236758134308);
  double r = v - n * 1.57079632679489655800;
  r = r - n * 6.12323399573676603587e-17;
  double r2 = r * r;
  double s = -1.0 / 39916800;
  s = s * r2 + 1.0 / 362880;
  s = s * r2 - 1.0 / 5040;
  s = s * r2 + 1.0 / 120;
  s = s * r2 - 1.0 / 6;
  s = s * r2 * r + r;
  double c = 1.0 / 479001600;
  c = c * r2 - 1.0 / 3628800;
  c = c * r2 + 1.0 / 40320;
  c = c * r2 - 1.0 / 720;
  c = c * r2 + 1.0 / 24;
  c = c * r2 - 0.5;
  c = c * r2 + 1;
  u64 q = asBits(n + quarter + 6755399441055744.0);
  double y = q & 1 ? c : s;
  return q & 2 ? -y : y;
}
template <bool Ftz> float sine(float a) {
  a = maybeFlush<Ftz>(a);
  float r = std::fabs(a) < 1e9f ? float(sineOf(a, 0)) : float(std::sin(double(a)));
  return a == 0 ? a : maybeFlush<Ftz>(canonical(r));
}
template <bool Ftz> float cosine(float a) {
  a = maybeFlush<Ftz>(a);
  return maybeFlush<Ftz>(
      canonical(std::fabs(a) < 1e9f ? float(sineOf(a, 1)) : float(std::cos(double(a)))));
}

/// tanh by e^(2|a|); small arguments by their series, where the quotient would cancel.
float hyperbolicTangent(float a) {
  double m = std::fabs(double(a));
  double e = exp2Of((m > 40 ? 40 : m) * 2.88539008177792681472);
  double big = 1 - 2 / (e + 1), m2 = m * m;
  double small = m * (1 + m2 * (-1.0 / 3 + m2 * (2.0 / 15 - m2 * 17.0 / 315)));
  float r = float(m < 0.05 ? small : big);
  return a != a ? canonical(a) : asFloat(asBits(r) | (asBits(a) & 0x80000000u));
}

void readClock(Exec &x, const Op &o) {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  u64 now = u64(t.tv_sec) * 1000000000ull + u64(t.tv_nsec);
  if (o.size == 8) {
    u64 *d = x.at<u64>(o.d);
    for (unsigned i = 0; i < lanes; ++i)
      d[i] = x.lane[i] ? now : d[i];
    return;
  }
  u32 *d = x.at<u32>(o.d);
  for (unsigned i = 0; i < lanes; ++i)
    d[i] = x.lane[i] ? u32(now >> o.imm) : d[i];
}
void readClock64(Exec &x, const Op &o) {
  Op wide = o;
  wide.size = 8;
  readClock(x, wide);
}

} // namespace

#define ROW(NAME, ...) rows.push_back({NAME, perLane<&__VA_ARGS__>})
#define ROW_FTZ(NAME, F) ROW(NAME, F<false>), ROW(NAME ".ftz", F<true>)

void mathRows(HandlerRows &rows) {
  ROW_FTZ("ex2.approx.f32", ex2), ROW_FTZ("lg2.approx.f32", lg2);
  ROW_FTZ("rsqrt.approx.f32", rsqrt), ROW_FTZ("sin.approx.f32", sine);
  ROW_FTZ("cos.approx.f32", cosine);
  ROW("rsqrt.approx.f64", rsqrt64), ROW("tanh.approx.f32", hyperbolicTangent);
  rows.push_back({"clock.b32", &readClock});
  rows.push_back({"clock.b64", &readClock64});
}

} // namespace CAMEO_PTX_ISA
} // namespace cameo::ptx
