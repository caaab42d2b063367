// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Size expressions are integers, but some control operands are real: the scales of a Resize, the limits
// of a Range. Such an element x enters as the integer x * 2^32, rounded to nearest even: exact for every
// number of at most 24 significant bits from 2^-9 on, so that floor(size * scale) is an exact division.
// What is not finite, or 2^30 and more, has no such integer.
#pragma once

#include <cmath>
#include <cstdint>
#include <optional>

namespace cameo {

inline constexpr int fixedPointBits = 32;

inline std::optional<int64_t> fixedPoint(double x) {
  double scaled = std::ldexp(x, fixedPointBits);
  if (!(std::abs(scaled) < 0x1p62))
    return std::nullopt;
  return static_cast<int64_t>(std::nearbyint(scaled));
}

} // namespace cameo
