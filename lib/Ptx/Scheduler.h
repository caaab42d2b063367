// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Runs the blocks of a launch: groups of a warp, warps of a block, blocks of a host thread. All
// choices come from the schedule and the seed, so that a launch on one host thread is replayed
// exactly.
#ifndef CAMEO_LIB_PTX_SCHEDULER_H
#define CAMEO_LIB_PTX_SCHEDULER_H

#include "Trace.h"

namespace cameo::ptx {

enum class RunStatus { Done, Cancelled, StepLimit, Stopped, OutOfMemory };

/// What a launch has done. Without `counting` only the instructions are counted.
struct GridCounts {
  bool counting = false;
  Counts total;
  LineCounts lines;
  std::vector<std::unique_ptr<Trace>> traces; ///< of each host thread, where the launch asks
};

/// 0: as many as the machine has. No more than there is work for.
unsigned hostThreadsOf(const LaunchContext &launch, unsigned wanted);
/// Runs the whole grid. Findings go to the context's sink.
RunStatus runGrid(LaunchContext &launch, unsigned hostThreads, GridCounts &counts);

} // namespace cameo::ptx

#endif
