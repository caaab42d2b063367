// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See EngineRates.h. Rates per clock are the vendor's peak rates over (multiprocessors x boost clock x 2).
// Splitting a factor into two numbers of tf32 takes three instructions of the ordinary cores; a warp's tile of
// 64 x 32 (a step of depth 1: 96 factors, 2048 products) makes that 9/64 of an fma a product.
#include "cameo/Model/EngineRates.h"

using namespace cameo;

namespace {
struct Row {
  std::string_view target;
  EngineRates rates;
};
constexpr Row rows[] = {
    {"sm_80",
     {{64, "A100 datasheet: 19.5 TFLOPS f32, 108 SMs, 1.41 GHz"}, {512, "A100 datasheet: 156 TFLOPS tf32"}}},
    {"sm_86",
     {{128, "A10 datasheet: 31.2 TFLOPS f32, 72 SMs, 1.695 GHz"}, {256, "A10 datasheet: 62.5 TFLOPS tf32"}}},
    {"sm_89",
     {{128, "L40S datasheet: 91.6 TFLOPS f32, 142 SMs, 2.52 GHz"}, {256, "L40S datasheet: 183 TFLOPS tf32"}}},
    {"sm_90a",
     {{128, "H100 SXM datasheet: 67 TFLOPS f32, 132 SMs, 1.98 GHz"},
      {640, "H100 SXM datasheet: 494 TFLOPS tf32 by wgmma; mma.sync reaches 63 % of it (arXiv 2402.13499)"}}},
    {"sm_120",
     {{128, "RTX PRO 6000 datasheet: 125 TFLOPS f32, 188 SMs, 2.6 GHz"}, {256, "RTX PRO 6000: half the rate of f16, 504 TFLOPS"}}},
};
constexpr double splitsPerProduct = 96 * 3 / 2048.0;
} // namespace

const EngineRates &cameo::engineRates(const Target &target) {
  for (const Row &row : rows)
    if (row.target == target.name)
      return row.rates;
  return rows[0].rates;
}

F32Choice cameo::chooseF32(const Target &target) {
  const EngineRates &rates = engineRates(target);
  double fma = 1024.0 / rates.fma32.perClock;
  // Both engines work at the same time; the slower one counts.
  double products = 3 * 1024.0 / rates.mmaTf32.perClock, splits = 1024 * splitsPerProduct / rates.fma32.perClock;
  double tf32x3 = products > splits ? products : splits;
  return {tf32x3 < fma ? "tf32x3" : "fma", fma, tf32x3};
}
