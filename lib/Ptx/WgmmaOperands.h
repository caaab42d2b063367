// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Operands of wgmma as rows of f32: from the units of 16 bytes in shared memory that a descriptor
// leads to, or from the registers of four warps. Every type but single bits is exact in f32.
#ifndef CAMEO_LIB_PTX_WGMMAOPERANDS_H
#define CAMEO_LIB_PTX_WGMMAOPERANDS_H

#include "Fragments.h"
#include "Wgmma.h"

namespace cameo::ptx {
namespace CAMEO_PTX_ISA {

struct EightTable {
  explicit EightTable(FloatFormat f) {
    for (unsigned i = 0; i < 256; ++i)
      value[i] = float(valueOf(i, f));
  }
  float value[256];
};

/// 16 bytes to the numbers that they are; returns how many.
template <WgmmaType T> inline void decodeUnit(const u8 *from, float *to) {
  if constexpr (T == WgmmaType::F16 || T == WgmmaType::BF16) {
    u16 v[8];
    std::memcpy(v, from, 16);
    for (unsigned i = 0; i < 8; ++i)
      to[i] = T == WgmmaType::F16 ? halfToFloat(v[i]) : brainToFloat(v[i]);
  } else if constexpr (T == WgmmaType::TF32) {
    u32 v[4];
    std::memcpy(v, from, 16);
    for (unsigned i = 0; i < 4; ++i)
      to[i] = getTf32(v[i], 0);
  } else if constexpr (T == WgmmaType::E4M3 || T == WgmmaType::E5M2) {
    static const EightTable table(T == WgmmaType::E4M3 ? formatE4M3 : formatE5M2);
    for (unsigned i = 0; i < 16; ++i)
      to[i] = table.value[from[i]];
  } else {
    for (unsigned i = 0; i < 16; ++i)
      to[i] = T == WgmmaType::S8 ? float(int8_t(from[i])) : float(from[i]);
  }
}
template <WgmmaType T> inline constexpr unsigned perUnit = T == WgmmaType::TF32 ? 4 : T == WgmmaType::F16 || T == WgmmaType::BF16 ? 8 : 16;

/// An operand in shared memory as [row][k].
template <WgmmaType T>
inline void loadRows(const u8 *shared, const std::vector<u32> &units, const WgmmaOperandShape &shape, float *to) {
  constexpr unsigned per = perUnit<T>;
  unsigned k = shape.bytes / 16 * per;
  const u32 *unit = units.data();
  if (!shape.alongRows) {
    for (unsigned u = 0; u < units.size(); ++u)
      decodeUnit<T>(shared + (unit[u] - sharedBase), to + u * per);
    return;
  }
  for (unsigned i = 0; i < k; ++i) // 16-bit types only: a unit is eight rows
    for (unsigned r = 0; r < shape.rows; r += 8, ++unit) {
      float eight[16];
      decodeUnit<T>(shared + (*unit - sharedBase), eight);
      for (unsigned j = 0; j < 8; ++j)
        to[(r + j) * k + i] = eight[j];
    }
}

/// A in registers: each warp has 16 rows, as of mma.sync.
template <WgmmaType T> inline void gatherRows(const WgmmaJob &job, float *to) {
  const WgmmaForm &form = *job.operation->form;
  constexpr unsigned per = perUnit<T> / 4;
  for (unsigned w = 0; w < warpsOfGroup; ++w)
    for (unsigned r = 0; r < 4; ++r) {
      const u8 *reg = job.frames[w] + form.slotsA[r];
      for (unsigned l = 0; l < lanes; ++l) {
        u8 unit[16] = {};
        float v[16];
        std::memcpy(unit, reg + 4 * l, 4);
        decodeUnit<T>(unit, v);
        unsigned row = w * 16 + l / 4 + 8 * (r & 1), k = r / 2 * 4 * per + l % 4 * per;
        for (unsigned i = 0; i < per; ++i)
          to[row * form.kA + k + i] = v[i];
      }
    }
}

template <WgmmaType T> inline void loadOperand(const WgmmaJob &job, bool isA, float *to) {
  const WgmmaOperation &o = *job.operation;
  if (isA && o.form->aInRegisters)
    return gatherRows<T>(job, to);
  loadRows<T>(job.shared, (isA ? o.unitsA : o.unitsB)->all, isA ? o.form->shapeA() : o.form->shapeB(), to);
}

inline void loadOperand(const WgmmaJob &job, bool isA, float *to) {
  switch (isA ? job.operation->form->a : job.operation->form->b) {
  case WgmmaType::F16: return loadOperand<WgmmaType::F16>(job, isA, to);
  case WgmmaType::BF16: return loadOperand<WgmmaType::BF16>(job, isA, to);
  case WgmmaType::TF32: return loadOperand<WgmmaType::TF32>(job, isA, to);
  case WgmmaType::E4M3: return loadOperand<WgmmaType::E4M3>(job, isA, to);
  case WgmmaType::E5M2: return loadOperand<WgmmaType::E5M2>(job, isA, to);
  case WgmmaType::S8: return loadOperand<WgmmaType::S8>(job, isA, to);
  case WgmmaType::U8: return loadOperand<WgmmaType::U8>(job, isA, to);
  case WgmmaType::B1: break;
  }
}

} // namespace CAMEO_PTX_ISA
} // namespace cameo::ptx

#endif
