// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Flags: words that a release wrote, with what its writers knew. Most kernels have a few, each of
// which carries what one lane published. A sum by atomics that acquire and release makes a flag of
// every word of a result: there what is kept must not be many times the result. So what flags keep is
// measured whole, what they share counted once, and where it is more than a part of the memory that is
// touched, neighbours become one flag of 128 bytes, then of 512, and so on. Such a coarse flag gives
// what any of its writers published, and lanes that access it by one instruction publish and learn
// together.
//
// Refused (not found), of coarse flags only: that a thread has acquired another word than the one that
// its partner released, and that lanes of one instruction have published for each other.
#ifndef CAMEO_LIB_PTX_RACEFLAGS_H
#define CAMEO_LIB_PTX_RACEFLAGS_H

#include "RaceApi.h"
#include "RaceClock.h"

#include <atomic>
#include <unordered_map>

namespace cameo::ptx {

/// What a release pattern wrote to a word, and atomics of others after it.
struct RaceRelease {
  static constexpr uint64_t several = ~uint64_t(0);
  std::shared_ptr<const Others> released;
  Scope scope = Scope::Block;
  uint64_t block = 0; ///< whose thread it was, or `several`
  uint32_t line = 0;
};

struct RaceFlag {
  std::vector<RaceRelease> by;
  uint64_t version = 0;
  /// One more; false where that is nothing new.
  bool add(RaceRelease &&now);
};

/// Those of global memory, or of one block's shared memory. Who calls has them to itself.
class RaceFlags {
public:
  /// Accesses of the same key meet at the same flag. `word`: the address / 4.
  uint64_t keyOf(uint64_t word) const { return word >> shift; }
  bool isCoarse() const { return shift != 0; }
  /// Null: there is none.
  const RaceFlag *find(uint64_t word) const {
    auto it = flags.find(keyOf(word));
    return it == flags.end() ? nullptr : &it->second;
  }
  /// A store replaces what was there, an atomic adds to it. Those who look again where nothing is new
  /// have seen it.
  void publish(uint64_t word, RaceRelease &&now, bool adds, std::atomic<uint64_t> &versions);
  /// A store that releases nothing has overwritten the word.
  void drop(uint64_t word) {
    if (!isCoarse()) // of a coarse one the other words stay
      flags.erase(keyOf(word));
  }
  /// After publications: makes neighbours one flag where they keep more than `most` bytes.
  void keepSmall(size_t most, std::atomic<uint64_t> &versions);
  void clear() { *this = RaceFlags(); }
  /// With all that they hold, what they share counted once.
  size_t bytes() const;

private:
  static constexpr unsigned firstShift = 5, nextShift = 2, mostShift = 29;
  static constexpr size_t leastLooks = 8;
  void coarsen(std::atomic<uint64_t> &versions);
  std::unordered_map<uint64_t, RaceFlag> flags; ///< by key
  unsigned shift = 0;
  size_t publications = 0, nextLook = leastLooks;
};

} // namespace cameo::ptx

#endif
