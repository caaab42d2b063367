// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Elements of matrices as bits, for tests whose values are small integers.
#ifndef CAMEO_TEST_UNIT_PTX_MATRIXBITS_H
#define CAMEO_TEST_UNIT_PTX_MATRIXBITS_H

#include "Harness.h"

namespace cameo::ptx::test {

/// The bits of an integer in a kind; floats by their fields.
inline uint64_t encode(const std::string &kind, int v) {
  if (kind == "tf32" || kind == "f32")
    return bitsAs<uint32_t>(float(v));
  if (kind == "f64")
    return bitsAs<uint64_t>(double(v));
  int exponentBits = kind == "f16" || kind == "e5m2" ? 5 : kind == "bf16" ? 8 : kind == "e4m3" ? 4 : 0;
  if (!exponentBits)
    return uint32_t(v);
  int mantissa = kind == "f16" ? 10 : kind == "bf16" ? 7 : kind == "e4m3" ? 3 : 2;
  if (v == 0)
    return 0;
  int magnitude = std::abs(v), e = 0;
  while (magnitude >> (e + 1))
    ++e;
  uint64_t fraction = (uint64_t(magnitude) << mantissa >> e) & ((1u << mantissa) - 1);
  return uint64_t(v < 0) << (exponentBits + mantissa) |
         uint64_t(e + (1 << (exponentBits - 1)) - 1) << mantissa | fraction;
}

} // namespace cameo::ptx::test

#endif
