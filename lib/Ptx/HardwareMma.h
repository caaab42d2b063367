// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// How tensor cores add, as published (MMA-Sim, arXiv 2511.10909, found bit for bit on hardware): all
// products of a step and the accumulator are aligned to the greatest exponent among them, cut off
// (towards zero) below a number of fractional bits, added exactly, and the sum is cut off to f32 or
// rounded to f16. The number of bits and the length of a step depend on the architecture. The
// exponent of a product is the sum of its factors' exponents; a subnormal factor has the least
// exponent of its format, zero has -126.
#ifndef CAMEO_LIB_PTX_HARDWAREMMA_H
#define CAMEO_LIB_PTX_HARDWAREMMA_H

#include "Lanes.h"
#include "Rounding.h"

namespace cameo::ptx {
namespace CAMEO_PTX_ISA {

struct FusedModel {
  bool on = false;
  int fraction = 25;          ///< bits kept below the greatest exponent
  int leastA = -126, leastB = -126, leastC = -126;
  bool half = false;          ///< the result is f16
  int resultBits = 23;        ///< of an f32 result
  unsigned step = ~0u;        ///< products that are added at a time
};

/// |value| = mantissa * 2^(exponent - 23).
struct FusedNumber {
  s64 mantissa;
  int exponent;
};

inline FusedNumber fusedNumber(float v, int least) {
  u32 bits = asBits(v), magnitude = bits & 0x7fffffffu;
  if (!magnitude)
    return {0, -126};
  int exponent = int(magnitude >> 23) - 127;
  s64 mantissa = magnitude & 0x7fffff;
  if (exponent == -127)
    exponent = -126;
  else
    mantissa |= 0x800000;
  if (exponent < least) { // exact: the format has no more bits
    mantissa >>= least - exponent;
    exponent = least;
  }
  return {bits >> 31 ? -mantissa : mantissa, exponent};
}

/// A signed mantissa cut off `shift` bits from its end (or moved up), towards zero.
inline s64 cutOff(s64 mantissa, int shift) {
  u64 magnitude = u64(mantissa < 0 ? -mantissa : mantissa);
  if (shift <= 0)
    magnitude <<= -shift;
  else
    magnitude = shift > 63 ? 0 : magnitude >> shift;
  return mantissa < 0 ? -s64(magnitude) : s64(magnitude);
}

/// c + a . b of one step; `special`: the sum in f64, which is asked for infinities and NaN only.
inline float fusedStep(const FusedModel &f, const FusedNumber *a, const FusedNumber *b, unsigned count,
                       float c, double special) {
  if (special != special)
    return asFloat(0x7fffffffu);
  if (std::fabs(special) == INFINITY)
    return float(special);
  FusedNumber start = fusedNumber(c, f.leastC);
  int most = start.exponent;
  for (unsigned i = 0; i < count; ++i)
    most = std::max(most, a[i].exponent + b[i].exponent);
  s64 sum = cutOff(start.mantissa, 23 - f.fraction - (start.exponent - most));
  for (unsigned i = 0; i < count; ++i)
    sum += cutOff(a[i].mantissa * b[i].mantissa,
                  46 - f.fraction - (a[i].exponent + b[i].exponent - most));
  double value = std::ldexp(double(sum), most - f.fraction);
  if (f.half)
    return float(valueOf(roundDouble(value, formatF16, Round::Nearest), formatF16));
  int exponent;
  std::frexp(value, &exponent);
  int last = std::max(exponent - 1, -126) - f.resultBits;
  return float(std::ldexp(std::trunc(std::ldexp(value, -last)), last));
}

/// All steps of one element. `at`: the place in b of each value of a, or null.
inline float fusedDot(const FusedModel &f, const float *a, const float *b, unsigned k, unsigned strideB,
                      const u8 *at, float c) {
  FusedNumber fa[64], fb[64];
  for (unsigned begin = 0; begin < k;) {
    unsigned count = std::min(k - begin, f.step);
    double special = c;
    for (unsigned i = 0; i < count; ++i) {
      float va = a[begin + i], vb = b[(at ? at[begin + i] : begin + i) * strideB];
      special += double(va) * vb;
      fa[i] = fusedNumber(va, f.leastA), fb[i] = fusedNumber(vb, f.leastB);
    }
    c = fusedStep(f, fa, fb, count, c, special);
    begin += count;
  }
  return c;
}

} // namespace CAMEO_PTX_ISA
} // namespace cameo::ptx

#endif
