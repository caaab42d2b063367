// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the handlers of memory instructions tell the race checks (Race.h), and no more: the handlers are
// compiled for several processors, and the shadow's layout is none of their business.
#ifndef CAMEO_LIB_PTX_RACEAPI_H
#define CAMEO_LIB_PTX_RACEAPI_H

#include "SyncHandlers.h"

namespace cameo::ptx {

/// What an access does. Bits 4 and 5 have the scope of a strong one.
enum RaceAccess : uint8_t { RaceWrite = 1, RaceStrong = 2, RaceAsync = 4, RaceCollective = 8 };
constexpr uint8_t raceScope(Scope scope) { return static_cast<uint8_t>(static_cast<unsigned>(scope) << 4); }

/// The object of an access: `origin` is where its offsets count from, in shared memory from its
/// beginning, in global memory from the 256 bytes in which the allocation begins.
struct RaceSpot {
  Space space = Space::Shared;
  Allocation *allocation = nullptr;
  uint64_t origin = 0;
  RaceBlock *home = nullptr; ///< whose shared memory; null: the own block's
};
/// Whether the lane stores what is there already.
using RaceSameValue = bool (*)(const Exec &x, const Op &op, const void *view, unsigned lane);
enum class RacePattern : uint8_t { Consecutive, Uniform, Scattered };

/// An access of the lanes of x.mask, before it is executed.
template <typename Offset>
void raceAccess(Exec &x, const Op &op, const RaceSpot &spot, const Offset *off, unsigned width,
                RacePattern pattern, uint8_t kind, RaceSameValue same = nullptr,
                const void *view = nullptr);

RaceSpot raceGlobal(Allocation &allocation);
inline RaceSpot raceShared() { return {}; }
/// Shared memory of x.block.
RaceSpot raceSharedOf(const Exec &x);
/// Several lanes stored different values to the same bytes in one instruction.
void reportLaneConflict(Exec &x, const Op &op, const RaceSpot &spot, uint64_t offset, unsigned lane,
                        unsigned width);

/// What lanes of a strong load see of global memory instead of what is there (RaceOlder.h).
struct RaceOlderValues {
  uint32_t mask = 0;
  uint8_t bytes[lanes][16];
};
/// Of the strong load that raceStrong was just called for; null: all see what is there. Who takes them sets the mask to 0.
RaceOlderValues *raceOlderValues(const Exec &x);

/// Lanes of x.mask have met at a warp-wide instruction, and each has a value of the lanes from[lane] (of x.mask).
void raceHandOn(Exec &x, const uint32_t *from);

/// What a strong access publishes or sees. Lanes of x.mask, at spot.origin + off[lane].
template <typename Offset>
void raceStrong(Exec &x, const Op &op, const RaceSpot &spot, const Offset *off, unsigned width,
                bool loads, bool stores);

} // namespace cameo::ptx

#endif
