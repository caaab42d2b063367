// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Fragments of matrix instructions. All of mma but Volta's follow one rule of the ISA: with
// g = lane / 4 and t = lane % 4, register r of A holds row g + 8 * (r mod rows/8), columns
// t*P ... t*P + P-1 of the r / (rows/8)-th slice of 4P columns, where P is the number of elements in
// a register; B the same with its columns in place of rows; an accumulator row g holds columns 2t
// and 2t+1. So a register of 16-bit elements, all 32 lanes in a row, is an 8x8 matrix row by row (of
// B: its transpose).
//
// Order of accumulation: for each element of D, starting with C, ascending k, one fused
// multiply-add in f32 (f64, s32) per step; f16 results are rounded once, at the end.
#ifndef CAMEO_LIB_PTX_FRAGMENTS_H
#define CAMEO_LIB_PTX_FRAGMENTS_H

#include "HalfFloat.h"
#include "Rounding.h"
#include "SyncHandlers.h"

namespace cameo::ptx {
namespace CAMEO_PTX_ISA {

/// All lanes have to be here: the matrix instructions are `.sync.aligned`.
inline bool gatherWarp(Exec &x, const Op &o) { return gatherLanes(x, o, 0xffffffffu); }

inline void countMma(Exec &x, unsigned m, unsigned k, unsigned n = 8) {
  if (x.counts) {
    ++x.counts->mmaInstructions;
    x.counts->mmaFma += u64(m) * n * k;
  }
}

// Element i of a register.
inline float getHalf(u32 v, unsigned i) { return halfToFloat(u16(v >> (16 * i))); }
inline float getBrain(u32 v, unsigned i) { return brainToFloat(u16(v >> (16 * i))); }
/// The lower 13 bits of a tf32 register are not looked at.
inline float getTf32(u32 v, unsigned) { return asFloat(v & 0xffffe000u); }
inline double getDouble(double v, unsigned) { return v; }
inline float getE4m3(u32 v, unsigned i) { return float(valueOf(v >> (8 * i) & 0xff, formatE4M3)); }
inline float getE5m2(u32 v, unsigned i) { return float(valueOf(v >> (8 * i) & 0xff, formatE5M2)); }
inline s32 getS8(u32 v, unsigned i) { return s32(int8_t(v >> (8 * i))); }
inline s32 getU8(u32 v, unsigned i) { return s32(u8(v >> (8 * i))); }
inline s32 getS4(u32 v, unsigned i) { return s32(v << (28 - 4 * i)) >> 28; }
inline s32 getU4(u32 v, unsigned i) { return s32(v >> (4 * i) & 15); }

/// a[row][column] from the registers `slots`; Get(register, i) is the i-th of P elements.
template <unsigned P, auto Get, typename Reg, typename Acc>
[[gnu::noinline]] void gatherA(Exec &x, const u32 *slots, unsigned m, unsigned k, Acc *a) {
  unsigned rowBlocks = m / 8, count = m * k / 32 / P;
  for (unsigned r = 0; r < count; ++r) {
    const Reg *s = x.at<Reg>(slots[r]);
    for (unsigned l = 0; l < lanes; ++l)
      for (unsigned i = 0; i < P; ++i)
        a[(l / 4 + 8 * (r % rowBlocks)) * k + l % 4 * P + r / rowBlocks * 4 * P + i] = Get(s[l], i);
  }
}
/// b[row][column], eight columns.
template <unsigned P, auto Get, typename Reg, typename Acc>
[[gnu::noinline]] void gatherB(Exec &x, const u32 *slots, unsigned k, Acc *b) {
  unsigned count = k * 8 / 32 / P;
  for (unsigned r = 0; r < count; ++r) {
    const Reg *s = x.at<Reg>(slots[r]);
    for (unsigned l = 0; l < lanes; ++l)
      for (unsigned i = 0; i < P; ++i)
        b[(l % 4 * P + r * 4 * P + i) * 8 + l / 4] = Get(s[l], i);
  }
}

} // namespace CAMEO_PTX_ISA
} // namespace cameo::ptx

#endif
