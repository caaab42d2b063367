// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Values that are older than the last one. Data and flags that are relaxed or volatile have no
// race in them; without a fence between the two (or of too small a scope, or in the reader) a
// thread may all the same see the flag and then the data of before. The machine executes one
// instruction after the other, so that nothing would come of it. So a strong load of global memory
// gets what was there before the last store, where the PTX memory model lets it: no causality
// orders that store before it, nobody else has read it, no fence.sc of its thread and then of the
// loading one stand between them. It does so only where the block has seen a later store of the
// same thread: a poll just goes on, and what is told to nobody could have come later as well. Once
// for each store.
#ifndef CAMEO_LIB_PTX_RACEOLDER_H
#define CAMEO_LIB_PTX_RACEOLDER_H

#include "RaceApi.h"

#include <array>
#include <cstdint>
#include <deque>
#include <unordered_map>

namespace cameo::ptx {

/// How far a thread of another block has come, by what was seen of its stores.
struct RaceHeard {
  uint64_t byLoad = 0, byAtomic = 0;
  uint64_t readers = 0;  ///< the warp whose atomic it was, and which of its lanes (the low 32 bits)
  uint32_t barriers = 0; ///< that its block had met then
};

struct RaceClass;
struct RaceWarp;

/// Of a launch. The caller has the launch's mutex.
class RaceOlder {
public:
  /// Before a strong store, or an atomic (which leaves no older value), of one lane.
  void stored(const Exec &x, const RaceWarp &warp, unsigned lane, uint64_t address, const uint8_t *there,
              unsigned width, bool atomic);
  /// A strong load of a lane of class c sees what is there, or, where it may, the older value: true, and the bytes.
  bool lags(Exec &x, const RaceClass &c, uint64_t address, unsigned width, unsigned lane, uint8_t *bytes);
  /// An atomic of a lane sees what is there.
  void seen(Exec &x, uint64_t address, unsigned lane);
  void fenced(const Exec &x);
  size_t bytes() const;

private:
  static constexpr size_t mostStores = 64;
  /// The last ones, the newest first; what came before them is not known.
  using Fences = std::array<uint64_t, 8>;
  struct Store {
    uint64_t thread, time;
    uint64_t block;
    uint32_t clock;
    uint8_t warp, lane, width;
    bool hasOlder, isSeen;
    uint8_t older[16];
  };
  static uint64_t warpOf(const Exec &x);
  bool isWhole(uint64_t address, const Store &s) const;
  /// The block has seen a later store of the same thread. Threads that learn from an atomic of another one, or by a
  /// barrier behind it, do without a fence where the writer had one: reductions by the last block are written so.
  bool isToldOf(const Exec &x, const Store &s, unsigned lane) const;
  /// When the warp of the store has fenced it first (or may have).
  uint64_t fencedAt(const Store &s) const;

  std::unordered_map<uint64_t, Store> last; ///< by address
  std::deque<uint64_t> order;               ///< of their coming
  std::unordered_map<uint64_t, Fences> fences; ///< of each warp
  uint64_t time = 0;
};

} // namespace cameo::ptx

#endif
