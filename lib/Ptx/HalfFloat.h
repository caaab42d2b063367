// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// f16 and bf16 to f32 and back, without branches, so that loops over lanes vectorise.
#ifndef CAMEO_LIB_PTX_HALFFLOAT_H
#define CAMEO_LIB_PTX_HALFFLOAT_H

#include "Lanes.h"

namespace cameo::ptx {
namespace CAMEO_PTX_ISA {

inline float halfToFloat(u16 h) {
  u32 magnitude = h & 0x7fffu, sign = u32(h & 0x8000u) << 16;
  // Scaling by 2^112 re-biases normal and subnormal numbers alike.
  float scaled = asFloat(magnitude << 13) * asFloat(0x77800000u);
  u32 bits = magnitude >= 0x7c00u ? (magnitude << 13) | 0x7f800000u : asBits(scaled);
  return asFloat(bits | sign);
}

/// Nearest even; NaN becomes 0x7fff.
inline u16 floatToHalf(float f) {
  u32 bits = asBits(f), sign = bits >> 16 & 0x8000u;
  u32 x = bits & 0x7fffffffu;
  u32 small = asBits(asFloat(x) + 0.5f) - 0x3f000000u;
  u32 normal = (x + 0xc8000fffu + (x >> 13 & 1u)) >> 13;
  u32 large = x > 0x7f800000u ? 0x7fffu : 0x7c00u;
  u32 r = x < 0x38800000u ? small : normal;
  r = x >= 0x47800000u ? large : r;
  return u16(x > 0x7f800000u ? r : r | sign);
}

inline float brainToFloat(u16 h) { return asFloat(u32(h) << 16); }

/// Nearest even; NaN becomes 0x7fff.
inline u16 floatToBrain(float f) {
  u32 x = asBits(f);
  u32 r = (x + 0x7fffu + (x >> 16 & 1u)) >> 16;
  return u16((x & 0x7fffffffu) > 0x7f800000u ? 0x7fffu : r);
}

/// A double to f32 so that rounding the result again, to at most 22 bits, is as rounding once: the
/// last bit is set where anything was lost (rounding to odd).
inline float doubleToOddFloat(double v) {
  float f = static_cast<float>(v);
  double back = f;
  u32 bits = asBits(f);
  bool inexact = back != v && v == v;
  bool over = std::fabs(back) > std::fabs(v);
  u32 odd = (bits - u32(over)) | 1u;
  return asFloat(inexact ? odd : bits);
}

inline u16 doubleToBrain(double v) { return floatToBrain(doubleToOddFloat(v)); }
inline u16 doubleToHalf(double v) { return floatToHalf(doubleToOddFloat(v)); }

} // namespace CAMEO_PTX_ISA
} // namespace cameo::ptx

#endif
