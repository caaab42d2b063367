// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Rounding to any of the machine's floating-point formats, in any direction, once. The vector code
// rounds to nearest with the host's instructions; everything else (directed modes, 8-bit and 16-bit
// formats from wider ones, integers) comes here: a value is sign * mantissa * 2^exponent with a
// sticky bit for what is below, and is rounded in one place.
#ifndef CAMEO_LIB_PTX_ROUNDING_H
#define CAMEO_LIB_PTX_ROUNDING_H

#include <bit>
#include <cmath>
#include <cstdint>
#include <utility>

namespace cameo::ptx {

enum class Round : uint8_t { Nearest, Zero, Down, Up, Away /* nearest, ties away: tf32 */ };

struct FloatFormat {
  uint8_t mantissaBits; ///< without the hidden one
  uint8_t exponentBits;
  bool hasInfinity;     ///< e4m3 has none, and one NaN
};
constexpr FloatFormat formatF16{10, 5, true}, formatBF16{7, 8, true}, formatF32{23, 8, true},
    formatF64{52, 11, true}, formatTF32{10, 8, true}, formatE4M3{3, 4, false},
    formatE5M2{2, 5, true};

inline uint64_t canonicalNaN(FloatFormat f) {
  return (uint64_t(1) << (f.mantissaBits + f.exponentBits)) - 1;
}
inline uint64_t infinityBits(FloatFormat f) {
  return ((uint64_t(1) << f.exponentBits) - 1) << f.mantissaBits;
}
inline uint64_t largestFinite(FloatFormat f) {
  return f.hasInfinity ? infinityBits(f) - 1 : canonicalNaN(f) - 1;
}

/// Bits of the value (-1)^negative * (mantissa + sticky) * 2^exponent in `f`. Overflow gives
/// infinity or the largest finite number as the mode says (`saturate`: always the latter).
inline uint64_t roundToFormat(bool negative, uint64_t mantissa, int exponent, bool sticky,
                              FloatFormat f, Round mode, bool saturate = false) {
  uint64_t sign = uint64_t(negative) << (f.mantissaBits + f.exponentBits);
  if (mantissa == 0 && !sticky)
    return sign;
  int bias = (1 << (f.exponentBits - 1)) - 1;
  int width = 64 - std::countl_zero(mantissa | 1);
  int leading = exponent + width - 1;                    // the value is in [2^leading, 2^(leading+1))
  int lowest = 1 - bias - f.mantissaBits;                // weight of the last subnormal bit
  int last = leading - f.mantissaBits;                   // weight of the last bit kept
  last = last < lowest ? lowest : last;
  int drop = last - exponent;
  uint64_t kept = mantissa, rest = 0, half = 0;
  if (drop > 0) {
    if (drop > 64 || (drop == 64 && true)) {
      rest = drop == 64 ? mantissa : 0;
      sticky = sticky || (drop > 64 && mantissa);
      half = drop == 64 ? uint64_t(1) << 63 : 0;
      kept = 0;
    } else {
      rest = mantissa & ((uint64_t(1) << drop) - 1);
      half = uint64_t(1) << (drop - 1);
      kept = mantissa >> drop;
    }
  } else if (drop < 0) {
    kept = mantissa << -drop;
  }
  bool inexact = rest || sticky, up = false;
  switch (mode) {
  case Round::Nearest:
    up = half && (rest > half || (rest == half && (sticky || (kept & 1))));
    break;
  case Round::Away: up = half && rest >= half; break;
  case Round::Zero: break;
  case Round::Down: up = inexact && negative; break;
  case Round::Up: up = inexact && !negative; break;
  }
  kept += up;
  if (kept >> (f.mantissaBits + 1)) { // carried into the next binade
    kept >>= 1;
    ++last;
  }
  if (kept == 0)
    return sign;
  bool normal = kept >> f.mantissaBits;
  int64_t biased = normal ? int64_t(last) + f.mantissaBits + bias : 0;
  uint64_t bits = (uint64_t(biased) << f.mantissaBits) +
                  (kept & ((uint64_t(1) << f.mantissaBits) - 1));
  if (biased >= (1 << f.exponentBits) || bits > largestFinite(f)) {
    bool toInfinity = mode == Round::Nearest || mode == Round::Away ||
                      (mode == Round::Up && !negative) || (mode == Round::Down && negative);
    if (saturate || !toInfinity)
      bits = largestFinite(f);
    else
      bits = f.hasInfinity ? infinityBits(f) : canonicalNaN(f);
  }
  return sign | bits;
}

/// A double, with `residual` the sign of what it is short of the exact value, to `f`.
inline uint64_t roundDouble(double value, FloatFormat f, Round mode, bool saturate = false,
                            double residual = 0) {
  uint64_t bits = std::bit_cast<uint64_t>(value);
  bool negative = bits >> 63;
  if (value != value)
    return canonicalNaN(f);
  if (std::isinf(value)) {
    uint64_t sign = uint64_t(negative) << (f.mantissaBits + f.exponentBits);
    if (saturate)
      return sign | largestFinite(f);
    return f.hasInfinity ? sign | infinityBits(f) : canonicalNaN(f);
  }
  int biased = static_cast<int>(bits >> 52 & 0x7ff);
  uint64_t mantissa = bits & 0xfffffffffffffull;
  if (biased)
    mantissa |= uint64_t(1) << 52;
  int exponent = (biased ? biased : 1) - 1075;
  bool sticky = residual != 0;
  if (value == 0 && sticky)
    return roundToFormat(residual < 0, 0, -1200, true, f, mode, saturate);
  // Two bits of room below; a residual towards zero borrows from them.
  mantissa <<= 8;
  exponent -= 8;
  if (sticky && (residual < 0) != negative)
    mantissa -= 1;
  return roundToFormat(negative, mantissa, exponent, sticky, f, mode, saturate);
}

/// An integer to `f`.
inline uint64_t roundInteger(bool negative, uint64_t magnitude, FloatFormat f, Round mode) {
  return roundToFormat(negative, magnitude, 0, false, f, mode);
}

/// The value that bits of `f` stand for, exactly.
inline double valueOf(uint64_t bits, FloatFormat f) {
  int bias = (1 << (f.exponentBits - 1)) - 1;
  uint64_t mantissa = bits & ((uint64_t(1) << f.mantissaBits) - 1);
  int biased = static_cast<int>(bits >> f.mantissaBits & ((uint64_t(1) << f.exponentBits) - 1));
  bool negative = bits >> (f.mantissaBits + f.exponentBits) & 1;
  double value;
  uint64_t magnitude = bits & canonicalNaN(f);
  if (f.hasInfinity && magnitude > infinityBits(f))
    value = NAN;
  else if (f.hasInfinity && magnitude == infinityBits(f))
    value = INFINITY;
  else if (!f.hasInfinity && magnitude == canonicalNaN(f))
    value = NAN;
  else if (biased == 0)
    value = std::ldexp(static_cast<double>(mantissa), 1 - bias - f.mantissaBits);
  else
    value = std::ldexp(static_cast<double>(mantissa | uint64_t(1) << f.mantissaBits),
                       biased - bias - f.mantissaBits);
  return negative ? -value : value;
}

/// a + b = sum + error, exactly (Knuth), where nothing overflows.
/// A finite double as (-1)^negative * mantissa * 2^exponent.
struct ExactNumber {
  bool negative;
  unsigned __int128 mantissa;
  int exponent;
};
inline ExactNumber exactNumber(double v) {
  uint64_t bits = std::bit_cast<uint64_t>(v);
  int biased = static_cast<int>(bits >> 52 & 0x7ff);
  uint64_t fraction = bits & 0xfffffffffffffull;
  return {static_cast<bool>(bits >> 63), biased ? fraction | uint64_t(1) << 52 : fraction,
          (biased ? biased : 1) - 1075};
}
/// The upper bit of the mantissa to bit 125, so that a sum fits.
inline void normalise(ExactNumber &n) {
  if (!n.mantissa)
    return;
  uint64_t high = static_cast<uint64_t>(n.mantissa >> 64);
  int zeros = high ? std::countl_zero(high) : 64 + std::countl_zero(static_cast<uint64_t>(n.mantissa));
  n.mantissa <<= zeros - 2;
  n.exponent -= zeros - 2;
}

/// a * b + c of finite numbers, rounded once in any direction. The bits of the smaller term that fall off
/// are sticky: with 20 spare bits they cannot be what a difference cancels down to.
inline double exactFma(double a, double b, double c, Round mode) {
  ExactNumber big = exactNumber(a), factor = exactNumber(b), small = exactNumber(c);
  big.negative ^= factor.negative, big.mantissa *= factor.mantissa, big.exponent += factor.exponent;
  if (!big.mantissa && !small.mantissa) {
    bool negative = big.negative == small.negative ? big.negative : mode == Round::Down;
    return negative ? -0.0 : 0.0;
  }
  normalise(big), normalise(small);
  if (!big.mantissa || (small.mantissa && (small.exponent > big.exponent ||
                        (small.exponent == big.exponent && small.mantissa > big.mantissa))))
    std::swap(big, small);
  int64_t shift = int64_t(big.exponent) - small.exponent;
  bool sticky = false;
  if (small.mantissa && shift > 0) {
    sticky = shift >= 128 || (small.mantissa & ((static_cast<unsigned __int128>(1) << shift) - 1));
    small.mantissa = shift >= 128 ? 0 : small.mantissa >> shift;
  }
  unsigned __int128 sum = big.negative == small.negative ? big.mantissa + small.mantissa
                                                         : big.mantissa - small.mantissa - sticky;
  if (!sum && !sticky)
    return mode == Round::Down ? -0.0 : 0.0;
  int exponent = big.exponent;
  for (; sum >> 64; sum >>= 1, ++exponent)
    sticky = sticky || (sum & 1);
  return std::bit_cast<double>(roundToFormat(big.negative, static_cast<uint64_t>(sum), exponent,
                                             sticky, formatF64, mode));
}

inline double twoSum(double a, double b, double &error) {
  double sum = a + b, t = sum - a;
  error = (a - (sum - t)) + (b - t);
  return sum;
}

} // namespace cameo::ptx

#endif
