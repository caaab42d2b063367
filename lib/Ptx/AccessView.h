// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// From a warp's 32 addresses to host memory. One pass over the addresses finds out whether all lie
// in the allocation or variable of the first one, whether they are aligned, and their pattern:
// consecutive and uniform accesses then are one check and one copy. Where lanes differ in space or
// object, or something is wrong, the access is taken lane by lane, and the lane at fault is named.
#ifndef CAMEO_LIB_PTX_ACCESSVIEW_H
#define CAMEO_LIB_PTX_ACCESSVIEW_H

#include "Cluster.h"
#include "Lanes.h"
#include "RaceApi.h"

namespace cameo::ptx {
namespace CAMEO_PTX_ISA {

enum class Pattern : uint8_t { Consecutive, Uniform, Scattered };

struct View {
  u8 *host = nullptr;   ///< of the object's first byte
  u8 *shadow = nullptr; ///< of the word with that byte; null: all of it counts as written
  u32 lead = 0;         ///< of the object's first byte in its word
  Pattern pattern = Pattern::Scattered;
  Space space = Space::Global;
  Allocation *allocation = nullptr;
  u64 base = 0;
  alignas(64) u64 off[lanes]; ///< inactive lanes repeat an active one
};

inline void loadAddresses(const Exec &x, const Op &o, u64 *address) {
  if (o.a == noOperand) {
    for (unsigned i = 0; i < lanes; ++i)
      address[i] = u64(o.imm);
  } else if (o.flags & FlagAddress32) {
    const u32 *a = x.at<u32>(o.a);
    u32 imm = u32(o.imm);
    CAMEO_LANES
    for (unsigned i = 0; i < lanes; ++i)
      address[i] = u32(a[i] + imm);
  } else {
    const u64 *a = x.at<u64>(o.a);
    u64 imm = u64(o.imm);
    CAMEO_LANES
    for (unsigned i = 0; i < lanes; ++i)
      address[i] = a[i] + imm;
  }
}

inline const Region *findRegion(const std::vector<Region> &regions, u64 offset) {
  for (const Region &r : regions)
    if (offset - r.base < r.bytes)
      return &r;
  return nullptr;
}

/// The object in local memory: a variable of one of the functions on the stack.
bool findLocal(const Exec &x, u64 offset, u64 &base, u64 &bytes);

inline Space spaceOf(u64 address) {
  switch (address & windowMask) {
  case sharedWindow: return Space::Shared;
  case localWindow: return Space::Local;
  case paramWindow: return Space::Param;
  default: return Space::Global;
  }
}

/// Bytes per thread of local memory of a warp; lanes follow each other.
inline u64 localStride(const Exec &x) { return x.program->stackLocalBytes; }

/// A variable in the shared memory of a block of the cluster, by an address that names its rank.
bool findInCluster(Exec &x, const Op &o, u64 address, View &v, u64 &bytes);

/// The object that has `address` of `space`. False: there is none.
inline bool findObject(Exec &x, const Op &o, Space space, u64 address, View &v, u64 &bytes) {
  size_t slot = x.indexOf(o) % Exec::cacheSize;
  v.space = space;
  if (space == Space::Global || space == Space::Const) {
    Allocation *&cached = x.cachedAllocation[slot];
    if (!cached || address - cached->base >= cached->bytes) {
      cached = x.launch->memory->find(address);
      if (!cached)
        return false;
    }
    v.allocation = cached;
    v.base = cached->base;
    v.host = cached->host;
    v.lead = cached->base & 3;
    v.shadow = cached->shadow;
    bytes = cached->bytes;
    return true;
  }
  if (space == Space::Shared) {
    const Region *&cached = x.cachedRegion[slot];
    if (!cached || address - cached->base >= cached->bytes) {
      cached = findRegion(x.launch->sharedRegions, address);
      if (!cached)
        return address >> rankShift && findInCluster(x, o, address, v, bytes);
    }
    v.base = cached->base;
    v.host = x.block->shared + (cached->base - sharedBase);
    v.shadow = x.block->sharedShadow + (cached->base - sharedBase) / 4;
    bytes = cached->bytes;
    return true;
  }
  if (space == Space::Local) {
    if (!findLocal(x, address, v.base, bytes))
      return false;
    v.host = x.warp->local + v.base;
    v.shadow = x.warp->localShadow + v.base / 4;
    v.lead = v.base & 3;
    return true;
  }
  v.base = 0;
  v.host = x.launch->arguments.data();
  v.shadow = nullptr;
  bytes = x.launch->arguments.size();
  return space == Space::Param && address < bytes;
}

/// False: take it lane by lane. With one active lane: report and stop instead.
template <Space S> bool resolve(Exec &x, const Op &o, unsigned width, bool store, View &v) {
  alignas(64) u64 address[lanes];
  loadAddresses(x, o, address);
  unsigned lead = static_cast<unsigned>(std::countr_zero(x.mask));
  u64 first = address[lead];
  Space space = S == Space::Generic ? o.space : S;
  u64 window = 0;
  if (S == Space::Generic && space == Space::Cluster)
    space = Space::Shared;
  if (S == Space::Generic && space == Space::Generic) {
    space = spaceOf(first);
    window = space == Space::Global ? 0 : first & windowMask;
  }
  bool alone = (x.mask & (x.mask - 1)) == 0;
  u64 bytes = 0;
  u64 shift = window;
  if (!findObject(x, o, space, first - window, v, bytes) || bytes < width) {
    if (!alone)
      return false;
    reportBadAccess(x, o, space, first - window, width, lead);
  }
  shift += v.base;
  // limit - off has its sign bit set where off is beyond the limit; so has an off that wrapped.
  u64 limit = bytes - width, bad = 0, low = 0, consecutive = 0, uniform = 0;
  u64 origin = first - shift;
  if (x.all) {
    CAMEO_LANES
    for (unsigned i = 0; i < lanes; ++i) {
      u64 off = address[i] - shift;
      v.off[i] = off;
      bad |= off | (limit - off);
      low |= address[i];
      uniform |= off ^ origin;
      consecutive |= off ^ (origin + u64(i) * width);
    }
  } else {
    CAMEO_LANES
    for (unsigned i = 0; i < lanes; ++i) {
      u64 a = x.lane[i] ? address[i] : first;
      u64 off = a - shift;
      v.off[i] = off;
      bad |= off | (limit - off);
      low |= a;
      uniform |= off ^ origin;
    }
    consecutive = 1;
  }
  if (S != Space::Shared && space == Space::Local) {
    // Each thread has its own copy; a constant offset for all is the usual pattern.
    u64 stride = localStride(x);
    for (unsigned i = 0; i < lanes; ++i)
      v.off[i] += i * stride;
    uniform = consecutive = 1;
  }
  bool readOnly = store && ((v.allocation && v.allocation->readOnly) || space == Space::Param ||
                            space == Space::Const);
  if ((bad >> 63) || (low & (width - 1)) || readOnly) {
    if (!alone)
      return false;
    reportBadAccess(x, o, space, first - window, width, lead);
  }
  v.pattern = uniform == 0       ? Pattern::Uniform
              : consecutive == 0 ? Pattern::Consecutive
                                 : Pattern::Scattered;
  return true;
}

/// Runs F for each active lane alone.
template <typename F> void laneByLane(Exec &x, F body) {
  u32 mask = x.mask;
  for (u32 rest = mask; rest; rest &= rest - 1) {
    x.setMask(rest & (0u - rest));
    body();
  }
  x.setMask(mask);
}

/// Lanes of which some byte has never been written.
inline u32 unwrittenLanes(const Exec &x, const View &v, unsigned width) {
  u32 bad = 0;
  if (v.pattern == Pattern::Consecutive)
    if (isWritten(v.shadow, v.off[0] + v.lead, u64(width) * lanes))
      return 0;
  if (v.pattern == Pattern::Uniform)
    return isWritten(v.shadow, v.off[0] + v.lead, width) ? 0 : x.mask;
  for (unsigned i = 0; i < lanes; ++i)
    if (x.lane[i] && !isWritten(v.shadow, v.off[i] + v.lead, width))
      bad |= 1u << i;
  return bad;
}

inline void checkRead(Exec &x, const Op &o, const View &v, unsigned width) {
  if (!v.shadow || (v.allocation && v.allocation->allWritten.load(std::memory_order_relaxed)))
    return;
  if (!(width & 3) && v.lead == 0) {
    // Whole words: all lanes at once.
    u32 all = 0x0f;
    unsigned words = width / 4;
    if (v.pattern == Pattern::Consecutive) {
      const u8 *s = v.shadow + v.off[0] / 4;
      u64 acc = ~u64(0);
      for (unsigned i = 0; i < words * lanes; i += 8) {
        u64 eight;
        std::memcpy(&eight, s + i, 8);
        acc &= eight;
      }
      if ((acc & 0x0f0f0f0f0f0f0f0full) == 0x0f0f0f0f0f0f0f0full)
        return;
    } else if (v.pattern == Pattern::Uniform) {
      for (unsigned w = 0; w < words; ++w)
        all &= v.shadow[v.off[0] / 4 + w];
      if (all == 0x0f)
        return;
    } else if (words == 4) {
      u32 acc = ~0u, four;
      for (unsigned i = 0; i < lanes; ++i) {
        std::memcpy(&four, v.shadow + v.off[i] / 4, 4);
        acc &= four;
      }
      if ((acc & 0x0f0f0f0f) == 0x0f0f0f0f)
        return;
    } else {
      for (unsigned w = 0; w < words; ++w)
        for (unsigned i = 0; i < lanes; ++i)
          all &= v.shadow[v.off[i] / 4 + w];
      if (all == 0x0f)
        return;
    }
  }
  u32 bad = unwrittenLanes(x, v, width);
  if (bad) {
    u64 address[lanes];
    loadAddresses(x, o, address);
    reportUninitialised(x, o, v.space, bad, address, width);
  }
}

inline void markStore(Exec &x, const View &v, unsigned width) {
  if (v.allocation && !v.allocation->stored.load(std::memory_order_relaxed))
    v.allocation->stored.store(true, std::memory_order_relaxed);
  if (!v.shadow)
    return;
  if (v.pattern == Pattern::Consecutive) {
    markWritten(v.shadow, v.off[0] + v.lead, u64(width) * lanes, true);
  } else if (width == 4 && v.lead == 0) {
    for (unsigned i = 0; i < lanes; ++i) // inactive lanes repeat an active one
      v.shadow[v.off[i] / 4] = 0xff;
  } else {
    for (unsigned i = 0; i < lanes; ++i)
      if (x.lane[i])
        markWritten(v.shadow, v.off[i] + v.lead, width, true);
  }
}

// -- races ----------------------------------------------------------------------------------------

constexpr u8 weakLoad = 0, weakStore = RaceWrite;
/// What an access is for the race checks, from what its modifiers said.
inline u8 raceKind(const Op &o, u8 kind) {
  return o.traits & TraitStrong
             ? u8(kind | RaceStrong | raceScope(static_cast<Scope>(o.traits / TraitScope & 3)))
             : kind;
}
/// The shared memory of another block of the cluster.
bool raceSpotInCluster(const Exec &x, const View &v, RaceSpot &spot);
/// False: memory that no race can be in.
inline bool raceSpotOf(const Exec &x, const View &v, RaceSpot &spot) {
  if (v.space == Space::Shared) {
    spot.origin = static_cast<u64>(v.host - x.block->shared);
    return spot.origin < x.launch->sharedBytes || raceSpotInCluster(x, v, spot);
  }
  if (!v.allocation || v.space != Space::Global)
    return false;
  spot = raceGlobal(*v.allocation);
  return true;
}
/// Before the access is executed.
inline void raceLoad(Exec &x, const Op &o, const View &v, unsigned width) {
  RaceSpot spot;
  if (!raceSpotOf(x, v, spot))
    return;
  if (o.traits & TraitStrong)
    raceStrong(x, o, spot, v.off, width, true, false);
  raceAccess(x, o, spot, v.off, width, static_cast<RacePattern>(v.pattern), raceKind(o, weakLoad));
}

// -- counts ---------------------------------------------------------------------------------------

/// Distinct 32-byte sectors that the active lanes touch.
unsigned countSectors(const Exec &x, const u64 *address, unsigned width);
/// Passes through the 32 banks of shared memory: lanes that want different words of one bank wait.
unsigned countWavefronts(const Exec &x, const u64 *offset, unsigned width);
void countAccess(Exec &x, const View &v, unsigned width, bool store);

} // namespace CAMEO_PTX_ISA
} // namespace cameo::ptx

#endif
