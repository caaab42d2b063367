// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Who spins. A lock, a flag or a ticket in memory is waited for by loads and atomics in a loop, and whoever
// would end the loop needs a turn. An atomic that changed nothing and a strong load may be such a wait: now
// and then one of them gives up the turn of its warp, and the lanes that gave it up go behind the others.
// What they saw is noted. Lanes that come to the same poll with the same registers and see the same value do
// the same again, until somebody else changes memory; where everybody who can run is in such a loop, nobody
// will: a livelock, told like a deadlock. Loops that count or look at a clock are not proved so; a launch that
// ends by its time limit tells who polled what.
#ifndef CAMEO_LIB_PTX_POLLS_H
#define CAMEO_LIB_PTX_POLLS_H

#include "Exec.h"

#include <mutex>
#include <vector>

namespace cameo::ptx {

/// One poll of some lanes of a warp, as often as it has seen the same value at the same place.
struct PollNote {
  const Op *op = nullptr;
  uint32_t warp = 0, mask = 0;
  uint64_t address = 0, value = 0; ///< of the first lane
  uint64_t count = 0;              ///< in a row
  uint64_t turn = 0;               ///< of the warp, when it last came here
  uint64_t registers = 0;          ///< of the warp, in one number, some polls ago
  uint64_t alike = 0;              ///< times in a row that they were the same
};
using PollNotes = std::vector<PollNote>;

/// Lanes of x.mask have seen `value` at `address` of a space (the first of them), or an atomic of theirs changed nothing.
void pollInVain(Exec &x, const Op &op, uint64_t address, uint64_t value);
/// An atomic of theirs changed memory: they are in no loop without effect.
void pollEnded(Exec &x);

/// Whether all host threads have nothing but such groups: each says so again after all have said so once.
class SpinWatch {
public:
  void start(unsigned workers) { says.assign(workers, Runs); }
  /// True: everybody has said so twice, and this one tells.
  bool agree(unsigned worker, bool spins);
  void leave(unsigned worker);

private:
  enum Says : uint8_t { Runs, Spins, Left };
  std::mutex mutex;
  std::vector<uint8_t> says;
  bool once = false;
};

/// Whether every group of the block that can run repeats the same poll, and nothing is in flight.
bool spinsForEver(const Block &block);
/// "block 0,0,0, warp 1, 32 lanes: line 12 polls 0x700000000 ('flag'+0) and saw 0, 4096 times in a row".
std::string pollText(const LaunchContext &launch, const Block &block, unsigned most);
/// The finding: who polls what. `x.block` is the block.
void reportLivelock(Exec &x, const std::string &text);

} // namespace cameo::ptx

#endif // CAMEO_LIB_PTX_POLLS_H
