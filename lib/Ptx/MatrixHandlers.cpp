// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The mma of every f16 and bf16 GEMM as vector code, and ldmatrix, stmatrix and movmatrix. The rule that all
// fragments follow, and the order of accumulation, are in Fragments.h.
#include "AccessView.h"
#include "Fragments.h"

#if defined(__F16C__)
#include <immintrin.h>
#endif

namespace cameo::ptx {
namespace CAMEO_PTX_ISA {
namespace {

typedef float V8 __attribute__((vector_size(32)));
typedef float F4 __attribute__((vector_size(16)));
typedef u32 U8x __attribute__((vector_size(32)));
typedef u16 H8 __attribute__((vector_size(16)));

inline V8 multiplyAdd(V8 a, V8 b, V8 c) {
#if defined(__clang__)
  return __builtin_elementwise_fma(a, b, c);
#else
  V8 r;
  for (unsigned i = 0; i < 8; ++i)
    r[i] = __builtin_fmaf(a[i], b[i], c[i]);
  return r;
#endif
}

struct HalfElement {
  static V8 widen(const u16 *p) {
#if defined(__F16C__)
    __m128i h;
    std::memcpy(&h, p, 16);
    return (V8)_mm256_cvtph_ps(h);
#else
    V8 r;
    for (unsigned i = 0; i < 8; ++i)
      r[i] = halfToFloat(p[i]);
    return r;
#endif
  }
  static float one(u16 v) { return halfToFloat(v); }
};
struct BrainElement {
  static V8 widen(const u16 *p) {
    H8 h;
    std::memcpy(&h, p, 16);
    return (V8)(__builtin_convertvector(h, U8x) << 16);
  }
  static float one(u16 v) { return brainToFloat(v); }
};

/// Rows of 8x8 become columns, in three rounds of interleaving.
inline void transposeHalves(H8 (&r)[8]) {
  for (unsigned round = 0; round < 3; ++round) {
    H8 t[8];
    for (unsigned i = 0; i < 4; ++i) {
      t[2 * i] = __builtin_shufflevector(r[i], r[i + 4], 0, 8, 1, 9, 2, 10, 3, 11);
      t[2 * i + 1] = __builtin_shufflevector(r[i], r[i + 4], 4, 12, 5, 13, 6, 14, 7, 15);
    }
    for (unsigned i = 0; i < 8; ++i)
      r[i] = t[i];
  }
}
inline void transpose(u16 *m) {
  H8 r[8];
  std::memcpy(r, m, 128);
  transposeHalves(r);
  std::memcpy(m, r, 128);
}

/// m16n8k16 with 16-bit elements and f32 accumulators, the work of every f16 GEMM.
template <typename E> void mma16816(Exec &x, const Op &o) {
  if (x.launch->hardwareMma)
    return o.inner(x, o);
  if (!gatherWarp(x, o))
    return;
  const u32 *slots = x.side(o);
  alignas(32) float a[16][16];
  for (unsigned r = 0; r < 4; ++r) {
    const u16 *block = x.at<u16>(slots[r]);
    for (unsigned row = 0; row < 8; ++row) {
      V8 v = E::widen(block + row * 8);
      std::memcpy(&a[row + 8 * (r & 1)][8 * (r >> 1)], &v, 32);
    }
  }
  alignas(32) float b[16][8];
  for (unsigned r = 0; r < 2; ++r) {
    const u16 *block = x.at<u16>(slots[4 + r]); // [n][k]
    alignas(32) u16 transposed[64];
    std::memcpy(transposed, block, sizeof transposed);
    transpose(transposed);
    for (unsigned k = 0; k < 8; ++k) {
      V8 v = E::widen(transposed + k * 8);
      std::memcpy(b[8 * r + k], &v, 32);
    }
  }
  float c[4][lanes]; // a copy: D may be C's registers in another order
  for (unsigned r = 0; r < 4; ++r)
    std::memcpy(c[r], x.at<float>(slots[6 + r]), sizeof c[r]);
  float *d[4] = {x.at<float>(slots[10]), x.at<float>(slots[11]), x.at<float>(slots[12]),
                 x.at<float>(slots[13])};
  V8 bRows[16];
  for (unsigned k = 0; k < 16; ++k)
    std::memcpy(&bRows[k], b[k], 32);
  for (unsigned row = 0; row < 16; row += 4) {
    V8 acc[4];
    for (unsigned j = 0; j < 4; ++j) {
      unsigned g = (row + j) & 7, half = (row + j) >> 3 << 1;
      F4 even, odd;
      std::memcpy(&even, c[half] + 4 * g, 16);
      std::memcpy(&odd, c[half + 1] + 4 * g, 16);
      acc[j] = __builtin_shufflevector(even, odd, 0, 4, 1, 5, 2, 6, 3, 7);
    }
#pragma clang loop unroll(full)
    for (unsigned k = 0; k < 16; ++k)
#pragma clang loop unroll(full)
      for (unsigned j = 0; j < 4; ++j) {
        float s = a[row + j][k];
        acc[j] = multiplyAdd(V8{s, s, s, s, s, s, s, s}, bRows[k], acc[j]);
      }
    for (unsigned j = 0; j < 4; ++j) {
      unsigned g = (row + j) & 7, half = (row + j) >> 3 << 1;
      V8 r = acc[j] == acc[j] ? acc[j] : (V8)(U8x{} + 0x7fffffffu);
      F4 even = __builtin_shufflevector(r, r, 0, 2, 4, 6);
      F4 odd = __builtin_shufflevector(r, r, 1, 3, 5, 7);
      std::memcpy(d[half] + 4 * g, &even, 16);
      std::memcpy(d[half + 1] + 4 * g, &odd, 16);
    }
  }
  countMma(x, 16, 16);
}

// -- ldmatrix, stmatrix, movmatrix ----------------------------------------------------------------

/// Host memory of a row of 16 bytes that a lane names; reports what is wrong with it.
u8 *matrixRow(Exec &x, const Op &o, u64 address, unsigned lane, u8 *&shadow) {
  if ((address & windowMask) == sharedWindow)
    address &= ~windowMask;
  const Region *&region = x.cachedRegion[x.indexOf(o) % Exec::cacheSize];
  if (!region || address - region->base >= region->bytes)
    region = findRegion(x.launch->sharedRegions, address);
  if (!region || region->bytes - (address - region->base) < 16 || (address & 15))
    reportBadAccess(x, o, Space::Shared, address, 16, lane);
  shadow = x.block->sharedShadow + (address - sharedBase) / 4;
  return x.block->shared + (address - sharedBase);
}

void countMatrix(Exec &x, const u64 *address, unsigned matrices, bool store) {
  if (!x.counts)
    return;
  Counts &c = *x.counts;
  (store ? c.sharedStoreRequests : c.sharedLoadRequests) += 1;
  (store ? c.sharedStoreBytes : c.sharedLoadBytes) += 128 * matrices;
  // Eight rows of four words at a time.
  for (unsigned m = 0; m < matrices; ++m) {
    unsigned perBank[32] = {}, most = 0;
    for (unsigned r = 0; r < 8; ++r) {
      bool repeated = false;
      for (unsigned q = 0; q < r; ++q)
        repeated = repeated || address[m * 8 + q] == address[m * 8 + r];
      for (unsigned w = 0; w < 4 && !repeated; ++w)
        most = std::max(most, ++perBank[(address[m * 8 + r] / 4 + w) & 31]);
    }
    (store ? c.sharedStoreWavefronts : c.sharedLoadWavefronts) += most;
  }
}

/// Rows of 16 bytes, by the lanes that name them. A load hands each row to several lanes: it counts as one of
/// the whole warp.
void raceRows(Exec &x, const Op &o, const u32 *offset, u8 kind, RaceSameValue same = nullptr,
              const void *view = nullptr) {
  u32 all = x.mask;
  if (o.count < 4)
    x.setMask(all & ((1u << 8 * o.count) - 1));
  raceAccess(x, o, RaceSpot(), offset, 16, RacePattern::Scattered, kind, same, view);
  x.setMask(all);
}

template <bool Transposed> void loadMatrix(Exec &x, const Op &o) {
  if (!gatherWarp(x, o))
    return;
  alignas(64) u64 address[lanes];
  loadAddresses(x, o, address);
  const u32 *slots = x.side(o);
  u32 bad = 0;
  u32 offset[lanes];
  for (unsigned m = 0; m < o.count; ++m) {
    alignas(16) u16 rows[64];
    for (unsigned r = 0; r < 8; ++r) {
      u8 *shadow;
      const u8 *host = matrixRow(x, o, address[m * 8 + r], m * 8 + r, shadow);
      std::memcpy(rows + r * 8, host, 16);
      offset[m * 8 + r] = u32(host - x.block->shared);
      u32 four;
      std::memcpy(&four, shadow, 4);
      bad |= u32((four & 0x0f0f0f0fu) != 0x0f0f0f0fu) << (m * 8 + r);
    }
    if (Transposed)
      transpose(rows);
    std::memcpy(x.at<u8>(slots[m]), rows, 128);
  }
  if (bad && x.launch->checks)
    reportUninitialised(x, o, Space::Shared, bad, address, 16);
  if (x.race)
    raceRows(x, o, offset, RaceCollective);
  countMatrix(x, address, o.count, false);
}

/// Rows of an stmatrix, by the lane that names each.
struct MatrixRows {
  alignas(16) u16 row[lanes][8];
  u8 *host[lanes], *shadow[lanes];
};
bool storesSameRow(const Exec &, const Op &, const void *view, unsigned lane) {
  const MatrixRows &rows = *static_cast<const MatrixRows *>(view);
  return !std::memcmp(rows.host[lane], rows.row[lane], 16);
}

template <bool Transposed> void storeMatrix(Exec &x, const Op &o) {
  if (!gatherWarp(x, o))
    return;
  alignas(64) u64 address[lanes];
  loadAddresses(x, o, address);
  const u32 *slots = x.side(o);
  u32 offset[lanes];
  MatrixRows rows;
  for (unsigned m = 0; m < o.count; ++m) {
    std::memcpy(rows.row[m * 8], x.at<u8>(slots[m]), 128);
    if (Transposed)
      transpose(rows.row[m * 8]);
    for (unsigned r = m * 8; r < m * 8 + 8; ++r) {
      rows.host[r] = matrixRow(x, o, address[r], r, rows.shadow[r]);
      offset[r] = u32(rows.host[r] - x.block->shared);
    }
  }
  if (x.race)
    raceRows(x, o, offset, weakStore, &storesSameRow, &rows);
  for (unsigned r = 0; r < 8u * o.count; ++r) {
    std::memcpy(rows.host[r], rows.row[r], 16);
    std::memset(rows.shadow[r], 0xff, 4);
  }
  countMatrix(x, address, o.count, true);
}

void moveMatrix(Exec &x, const Op &o) {
  if (!gatherWarp(x, o))
    return;
  u16 rows[64];
  std::memcpy(rows, x.at<u8>(o.a), 128);
  transpose(rows);
  std::memcpy(x.at<u8>(o.d), rows, 128);
}

} // namespace

void matrixRows(HandlerRows &rows) {
  auto add = [&](const char *name, Handler run) { rows.push_back({name, run}); };
  add("mma.f16.f32.k16", &mma16816<HalfElement>);
  add("mma.bf16.f32.k16", &mma16816<BrainElement>);
  add("ldmatrix", &loadMatrix<false>);
  add("ldmatrix.trans", &loadMatrix<true>);
  add("stmatrix", &storeMatrix<false>);
  add("stmatrix.trans", &storeMatrix<true>);
  add("movmatrix.trans", &moveMatrix);
}

} // namespace CAMEO_PTX_ISA
} // namespace cameo::ptx
