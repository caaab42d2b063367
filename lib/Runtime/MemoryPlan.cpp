// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// First-fit by size. Placed items are kept in order of offset, so that one walk over those that live
// at the same time finds the lowest gap that is large enough.

#include "MemoryPlan.h"

#include <algorithm>
#include <numeric>

namespace cameo::rt {

MemoryPlan planMemory(const std::vector<PlanItem> &items) {
  MemoryPlan plan;
  plan.offsets.assign(items.size(), 0);
  std::vector<uint32_t> order(items.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) {
    return items[a].bytes != items[b].bytes ? items[a].bytes > items[b].bytes : a < b;
  });
  std::vector<uint32_t> placed; // by offset
  for (uint32_t id : order) {
    const PlanItem &item = items[id];
    if (item.bytes == 0)
      continue;
    uint64_t alignment = std::max<uint64_t>(item.alignment, 256), at = 0;
    for (uint32_t other : placed) {
      const PlanItem &there = items[other];
      if (there.last < item.first || item.last < there.first)
        continue;
      if (at + item.bytes <= plan.offsets[other])
        break; // the gap before `other`: all later ones begin behind it
      uint64_t end = plan.offsets[other] + there.bytes;
      at = std::max(at, (end + alignment - 1) / alignment * alignment);
    }
    plan.offsets[id] = at;
    plan.bytes = std::max(plan.bytes, at + item.bytes);
    placed.insert(std::upper_bound(placed.begin(), placed.end(), at,
                                   [&](uint64_t offset, uint32_t other) {
                                     return offset < plan.offsets[other];
                                   }),
                  id);
  }
  return plan;
}

} // namespace cameo::rt
