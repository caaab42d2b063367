// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One host thread's work: the clusters of blocks that it keeps at a time (a cluster of one block where
// the launch has none), their warps, the groups of those. The parts: BlockState.cpp makes blocks,
// WarpRun.cpp runs a warp, Scheduler.cpp chooses who runs.
#ifndef CAMEO_LIB_PTX_WORKER_H
#define CAMEO_LIB_PTX_WORKER_H

#include "Exec.h"
#include "RaceTable.h"
#include "Scheduler.h"
#include "Trace.h"

#include <atomic>

namespace cameo::ptx {

enum class WarpResult { Quantum, Blocked, Finished };
/// Why a block gave up its slice. Blocked: only another block of its cluster can help.
enum class SliceEnd { Quantum, Blocked, Finished };

class Worker {
public:
  Worker(LaunchContext &launch, unsigned number, unsigned hostThreads, std::atomic<uint64_t> &nextCluster,
         uint64_t clusterCount)
      : launch(launch), hostThreads(hostThreads), self(number), nextCluster(nextCluster),
        clusterCount(clusterCount) {
    x.program = launch.program;
    x.launch = &launch;
    x.base[BaseConstant] = launch.constantBase;
    x.setMask(0);
    byWarp = launch.program->usesAsync && !synchronisesByMemory(*launch.program);
    if (launch.race)
      raceCache = std::make_unique<RaceCache>(number);
  }

  RunStatus run(bool count);
  void addTo(GridCounts &sum) const;
  Counts counts;
  std::vector<Counts> byOp; ///< of each operation, where it is counted
  uint64_t warpInstructions = 0, threadInstructions = 0;
  std::unique_ptr<Trace> trace;

private:
  /// Blocks that run together: one, or a cluster.
  struct Resident {
    std::vector<std::unique_ptr<Block>> blocks;
    uint64_t slice = 0;
  };
  std::unique_ptr<Block> makeBlock();
  void startBlock(Block &block, const uint32_t (&coordinates)[3]);
  void startCluster(Resident &resident, uint64_t number);
  bool wantsAnother(const std::vector<Resident> &resident, uint64_t most, uint64_t longest) const;
  Resident takeCluster(std::vector<Resident> &idle);
  RunStatus runCluster(Resident &resident, uint64_t round, bool &finished);
  RunStatus runChecked(Resident &resident, uint64_t round, bool &finished);
  RunStatus reviveCluster(Resident &resident);
  RunStatus runBlock(Block &block, uint64_t slice, SliceEnd &end);
  Warp *pickWarp(Block &block);
  WarpResult runWarp(Block &block, Warp &warp, int64_t quantum);
  Group *pickGroup(Warp &warp);
  void mergeGroups(Warp &warp);
  void runGroup(Warp &warp, Group &group, int64_t &quantum);
  void endThreads(Block &block, Warp &warp, uint32_t mask);
  void reportDeadlock(Block &block);
  template <bool Counting, bool Watching> void loop();
  int64_t quantumOf(const Block &block, const Warp &warp);
  uint64_t sliceOf(Block &block, uint64_t slice);
  RunStatus runBlockSlice(Block &block, uint64_t slice, SliceEnd &end);
  bool reviveBlock(Block &block, bool &yields);
  bool spins(const Resident &resident) const;
  bool findLivelock(const std::vector<Resident> &resident);
  void tellPolls(const std::vector<Resident> &resident);

  Exec x;
  bool byWarp; ///< AsyncState::byWarp
  std::unique_ptr<RaceCache> raceCache; ///< of global memory
  LaunchContext &launch;
  unsigned hostThreads;
  const unsigned self; ///< among the host threads
  std::atomic<uint64_t> &nextCluster;
  uint64_t clusterCount;
};

} // namespace cameo::ptx

#endif
