// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Clusters of blocks: all blocks of one are on the machine together, have a barrier, and reach each
// other's shared memory. A `shared::cluster` address is the offset in shared memory with the number
// of its block (rank + 1) in the upper byte; without that byte it is the executing block's own, so that
// addresses of `shared::cta` are addresses of `shared::cluster` as PTX says. A launch without clusters
// has clusters of one block. What other blocks may do is looked at: memory of a block that has not
// surely begun, or that has ended, belongs to nobody.
#ifndef CAMEO_LIB_PTX_CLUSTER_H
#define CAMEO_LIB_PTX_CLUSTER_H

#include "Exec.h"
#include "RaceClock.h"

namespace cameo::ptx {

constexpr uint32_t mostClusterBlocks = 16;
constexpr unsigned rankShift = 24;
constexpr uint32_t offsetMask = (1u << rankShift) - 1;
inline uint32_t rankBits(uint32_t rank) { return (rank + 1) << rankShift; }

/// The last use that another block made of a block's shared memory, with no barrier of the cluster since.
struct RemoteUse {
  const Op *op = nullptr;
  uint32_t warp = 0, lane = 0;
  uint64_t phase = 0; ///< of the cluster's barrier that shows that it is over
};

struct Cluster {
  std::vector<Block *> blocks; ///< by rank
  uint64_t phase = 0;          ///< of its barrier: the one that is not complete
  bool relaxed = false;        ///< somebody arrived in this phase without release
  uint64_t idle = 0;           ///< for the scheduler: rounds in which nobody could run
  std::shared_ptr<const Others> raceArrived, racePassed; ///< what its barrier hands on, by phase
  RemoteUse uses[mostClusterBlocks][mostClusterBlocks]; ///< [of whom][by whom]
  void restart();
};

/// The block's own one, too.
inline bool isAlone(const Block &block) { return block.cluster->blocks.size() == 1; }

/// Findings and checks are those of another block's shared memory; the warp stays who acts.
class AtBlock {
public:
  AtBlock(Exec &x, Block &block) : x(x), own(x.block) { x.block = &block; }
  ~AtBlock() { x.block = own; }

private:
  Exec &x;
  Block *own;
};

/// The block whose shared memory has this address (without window); null where there is none. `address`
/// becomes the offset in it. Its own block needs no more; another one has to be there: else a finding.
Block *blockOfShared(Exec &x, const Op &op, uint64_t &address, unsigned lane);
/// The same for operands of which nothing else is true; reports and stops where there is no block.
Block &needBlock(Exec &x, const Op &op, uint64_t &address, unsigned lane);
/// "shared memory of block rank 2", or what is wrong with the address. For messages.
std::string rankText(const Exec &x, uint64_t address);

// -- the barrier of the cluster ------------------------------------------------------------------

/// All who live have arrived: the phase is over, and those who wait run on. False: not yet.
/// HOOK for happens-before: called once per completed phase, before anybody runs on.
bool completeClusterBarrier(Cluster &cluster);
/// Lanes have exited: they count as arrived.
void exitCluster(Exec &x, Block &block);
/// A warp arrives at an mbarrier of another block: what it did there before is over.
/// HOOK for happens-before: after arriveOn for a barrier of `target`.
void arrivedRemotely(Exec &x, Block &target);
/// A deadlock of the whole cluster: who waits at its barrier, and who never came.
void reportClusterStuck(Exec &x, Cluster &cluster);

} // namespace cameo::ptx

#endif
