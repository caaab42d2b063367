// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Exact figures of a launch, in all and by line of the PTX.
#ifndef CAMEO_LIB_PTX_COUNTS_H
#define CAMEO_LIB_PTX_COUNTS_H

#include <cstdint>
#include <functional>
#include <map>
#include <string>

namespace cameo::ptx {

/// The fields are those of cameo_ptx_counts, in its order.
struct Counts {
  uint64_t warpInstructions = 0, threadInstructions = 0;
  uint64_t alu = 0, fma = 0, special = 0, convert = 0, control = 0;
  uint64_t globalLoadRequests = 0, globalLoadBytes = 0, globalLoadSectors = 0;
  uint64_t globalStoreRequests = 0, globalStoreBytes = 0, globalStoreSectors = 0;
  uint64_t atomicRequests = 0, atomicThreads = 0;
  uint64_t sharedLoadRequests = 0, sharedLoadBytes = 0, sharedLoadWavefronts = 0;
  uint64_t sharedStoreRequests = 0, sharedStoreBytes = 0, sharedStoreWavefronts = 0;
  uint64_t localBytes = 0, asyncCopyBytes = 0;
  uint64_t mmaInstructions = 0, mmaFma = 0, barriers = 0, divergentBranches = 0;
  uint64_t checkedBytes = 0, shadowBytes = 0; ///< of the race checks, summed over blocks
  void add(const Counts &other);
  /// Adds what `after` has more than `before`.
  void addDifference(const Counts &after, const Counts &before);
};

using LineCounts = std::map<uint32_t, Counts>;

/// "{...}" with all figures.
std::string jsonOf(const Counts &counts);
/// "[{line, instruction, and the figures that are not 0}, ...]", by line.
std::string jsonOf(const LineCounts &lines,
                   const std::function<std::string(uint32_t)> &instruction);

} // namespace cameo::ptx

#endif
