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

enum class Sparsity { None, TwoOfFour, OneOfTwo, PairsOfEight };

/// Which row of B belongs to each stored value of 16 rows of A. Metadata: four bits for each group,
/// two indices of two bits. Of 16-bit and tf32 values a word has 16 bits of row g and 16 of row
/// g + 8, and a row's second half is the next lane's; of smaller ones the words of rows g and g + 8
/// lie in lanes next to each other. The selector says in which lanes of four.
template <Sparsity S, bool Wide>
[[gnu::noinline]] void findRows(const u32 *meta, unsigned k, unsigned selector, u8 *index) {
  unsigned perGroup = S == Sparsity::OneOfTwo ? 1 : S == Sparsity::TwoOfFour ? 2 : 4;
  unsigned chunkBits = Wide ? 16 : 32, chunks = k / perGroup * 4 / chunkBits;
  for (unsigned row = 0; row < 16; ++row)
    for (unsigned j = 0; j < k; ++j) {
      unsigned bit = j / perGroup * 4, chunk = bit / chunkBits, upper = row / 8;
      unsigned thread = Wide ? selector * chunks + chunk : selector * 2 + chunk * 2 + upper;
      u32 word = meta[row % 8 * 4 + (thread & 3)] >> (Wide ? 16 * upper : 0);
      u32 nibble = word >> (bit % chunkBits) & 15;
      unsigned at = 0;
      switch (S) {
      case Sparsity::OneOfTwo: at = j * 2 + (nibble >> 1 & 1); break;
      case Sparsity::TwoOfFour: at = j / 2 * 4 + (nibble >> (2 * (j & 1)) & 3); break;
      default: at = j / 4 * 8 + (nibble >> (j & 2) & 3) * 2 + (j & 1); break;
      }
      index[row * k + j] = u8(at);
    }
}

} // namespace CAMEO_PTX_ISA
} // namespace cameo::ptx

#endif
