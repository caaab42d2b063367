// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The common case of shared memory, on which the speed of every tiled kernel hangs: words, alone or
// four together, all lanes in one variable and nothing wrong. Offsets have 32 bits here; vectors of
// four words per lane are transposed in registers. Whatever is not of this kind is left to the
// general path, which finds out what it is.
#ifndef CAMEO_LIB_PTX_SHAREDACCESS_H
#define CAMEO_LIB_PTX_SHAREDACCESS_H

#include "AccessView.h"

namespace cameo::ptx {
namespace CAMEO_PTX_ISA {

struct SharedView {
  u8 *host = nullptr, *shadow = nullptr; ///< of the variable
  Pattern pattern = Pattern::Scattered;
  alignas(64) u32 off[lanes]; ///< inactive lanes repeat an active one
};

/// False: take the general path.
inline bool resolveShared(Exec &x, const Op &o, unsigned width, SharedView &v) {
  alignas(64) u32 address[lanes];
  u32 imm = u32(o.imm), high = 0;
  if (o.a == noOperand)
    return false;
  if (o.flags & FlagAddress32) {
    const u32 *a = x.at<u32>(o.a);
    CAMEO_LANES
    for (unsigned i = 0; i < lanes; ++i)
      address[i] = a[i] + imm;
  } else {
    const u64 *a = x.at<u64>(o.a);
    u64 wide = u64(o.imm), above = 0;
    CAMEO_LANES
    for (unsigned i = 0; i < lanes; ++i) {
      u64 sum = a[i] + wide;
      above |= sum;
      address[i] = u32(sum);
    }
    high = u32(above >> 32);
  }
  unsigned lead = static_cast<unsigned>(std::countr_zero(x.mask));
  u32 first = address[lead];
  const Region *&region = x.cachedRegion[x.indexOf(o) % Exec::cacheSize];
  if (!region || first - u32(region->base) >= region->bytes) {
    region = findRegion(x.launch->sharedRegions, first);
    if (!region)
      return false;
  }
  if (high || region->bytes < width)
    return false;
  u32 base = u32(region->base), limit = u32(region->bytes) - width, origin = first - base;
  u32 bad = 0, low = 0, uniform = 0, consecutive = 0;
  if (x.all) {
    CAMEO_LANES
    for (unsigned i = 0; i < lanes; ++i) {
      u32 off = address[i] - base;
      v.off[i] = off;
      bad |= off | (limit - off);
      low |= off;
      uniform |= off ^ origin;
      consecutive |= off ^ (origin + i * width);
    }
  } else {
    CAMEO_LANES
    for (unsigned i = 0; i < lanes; ++i) {
      u32 off = (x.lane[i] ? address[i] : first) - base;
      v.off[i] = off;
      bad |= off | (limit - off);
      low |= off;
      uniform |= off ^ origin;
    }
    consecutive = 1;
  }
  if ((bad >> 31) || ((low | base) & (width - 1)))
    return false;
  v.host = x.block->shared + (base - sharedBase);
  v.shadow = x.block->sharedShadow + (base - sharedBase) / 4;
  v.pattern = uniform == 0 ? Pattern::Uniform
              : consecutive == 0 ? Pattern::Consecutive : Pattern::Scattered;
  return true;
}

/// True where every word that the lanes touch has been written. `Words` per lane.
template <unsigned Words> inline bool allWritten(const SharedView &v) {
  if (v.pattern == Pattern::Consecutive) {
    const u8 *s = v.shadow + v.off[0] / 4;
    u64 acc = ~u64(0);
    for (unsigned i = 0; i < Words * lanes; i += 8) {
      u64 eight;
      std::memcpy(&eight, s + i, 8);
      acc &= eight;
    }
    return (acc & 0x0f0f0f0f0f0f0f0full) == 0x0f0f0f0f0f0f0f0full;
  }
  unsigned count = v.pattern == Pattern::Uniform ? 1 : lanes;
  if (Words == 4) {
    u32 acc = ~0u;
    for (unsigned i = 0; i < count; ++i) {
      u32 four;
      std::memcpy(&four, v.shadow + v.off[i] / 4, 4);
      acc &= four;
    }
    return (acc & 0x0f0f0f0fu) == 0x0f0f0f0fu;
  }
  u32 acc = 0xff;
  for (unsigned i = 0; i < count; ++i)
    for (unsigned w = 0; w < Words; ++w)
      acc &= v.shadow[v.off[i] / 4 + w];
  return (acc & 0x0f) == 0x0f;
}

typedef u32 V4 __attribute__((vector_size(16)));

inline V4 loadV4(const void *p) {
  V4 v;
  std::memcpy(&v, p, 16);
  return v;
}

/// Four rows of four words become four columns.
inline void transpose4(V4 &a, V4 &b, V4 &c, V4 &d) {
  V4 ab0 = __builtin_shufflevector(a, b, 0, 4, 1, 5), ab1 = __builtin_shufflevector(a, b, 2, 6, 3, 7);
  V4 cd0 = __builtin_shufflevector(c, d, 0, 4, 1, 5), cd1 = __builtin_shufflevector(c, d, 2, 6, 3, 7);
  a = __builtin_shufflevector(ab0, cd0, 0, 1, 4, 5);
  b = __builtin_shufflevector(ab0, cd0, 2, 3, 6, 7);
  c = __builtin_shufflevector(ab1, cd1, 0, 1, 4, 5);
  d = __builtin_shufflevector(ab1, cd1, 2, 3, 6, 7);
}

/// Each lane's four words at host + off[lane] into four registers.
template <typename Offset>
inline void gatherFour(const u8 *host, const Offset *off, u32 *const (&d)[4]) {
  for (unsigned i = 0; i < lanes; i += 4) {
    V4 a = loadV4(host + off[i]), b = loadV4(host + off[i + 1]);
    V4 c = loadV4(host + off[i + 2]), e = loadV4(host + off[i + 3]);
    transpose4(a, b, c, e);
    std::memcpy(d[0] + i, &a, 16);
    std::memcpy(d[1] + i, &b, 16);
    std::memcpy(d[2] + i, &c, 16);
    std::memcpy(d[3] + i, &e, 16);
  }
}
template <typename Offset>
inline void scatterFour(u8 *host, const Offset *off, const u32 *const (&s)[4]) {
  for (unsigned i = 0; i < lanes; i += 4) {
    V4 a = loadV4(s[0] + i), b = loadV4(s[1] + i), c = loadV4(s[2] + i), e = loadV4(s[3] + i);
    transpose4(a, b, c, e);
    std::memcpy(host + off[i], &a, 16);
    std::memcpy(host + off[i + 1], &b, 16);
    std::memcpy(host + off[i + 2], &c, 16);
    std::memcpy(host + off[i + 3], &e, 16);
  }
}

} // namespace CAMEO_PTX_ISA
} // namespace cameo::ptx

#endif
