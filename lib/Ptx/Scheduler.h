// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Runs the blocks of a launch: groups of a warp, warps of a block, blocks of a host thread. All
// choices come from the schedule and the seed, so that a launch on one host thread is replayed
// exactly.
#ifndef CAMEO_LIB_PTX_SCHEDULER_H
#define CAMEO_LIB_PTX_SCHEDULER_H

#include "Exec.h"

namespace cameo::ptx {

enum class RunStatus { Done, Cancelled, StepLimit, Stopped, OutOfMemory };

/// Runs the whole grid. Findings go to the context's sink; `counts` may be null.
RunStatus runGrid(LaunchContext &launch, unsigned hostThreads, Counts *counts,
                  uint64_t &warpInstructions, uint64_t &threadInstructions);

} // namespace cameo::ptx

#endif
