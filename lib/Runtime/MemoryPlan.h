// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Offsets of temporaries in one arena: what lives at the same time must not overlap, and the arena
// should be small. First-fit in order of decreasing size, over the live intervals of the bundle.
#pragma once

#include <cstdint>
#include <vector>

namespace cameo::rt {

struct PlanItem {
  uint64_t bytes = 0, alignment = 256;
  uint32_t first = 0, last = 0; ///< inclusive live interval
};

struct MemoryPlan {
  std::vector<uint64_t> offsets; ///< of each item
  uint64_t bytes = 0;            ///< of the arena
};

/// Alignments below 256 are raised to it. Items of no bytes get offset 0.
MemoryPlan planMemory(const std::vector<PlanItem> &items);

} // namespace cameo::rt
