// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What somebody knows to be over: vector clocks. An agent is a warp, or what a warp or an mbarrier has
// running beside it; its clock counts what it has published. Most of the time all lanes of a warp are
// known up to the same clock, so that an entry is one number; where only some lanes have
// published, the entry has a number for each lane. `fenced` is the part of it that the async proxy
// sees too: what was known at a fence.proxy.async of shared memory, `fencedGlobal` at one of global memory; `device` what other blocks see: what was known at a
// fence of the device, by whichever thread. Other blocks are a sparse list beside.
#ifndef CAMEO_LIB_PTX_RACECLOCK_H
#define CAMEO_LIB_PTX_RACECLOCK_H

#include <array>
#include <cstdint>
#include <memory>
#include <utility>
#include <unordered_set>
#include <vector>

namespace cameo::ptx {

/// What has been counted already, where many share it.
using CountedOnce = std::unordered_set<const void *>;

class Clock {
public:
  /// Everything that the lanes of the agent did at this clock or before is known.
  bool covers(uint32_t agent, uint32_t clock, uint32_t laneMask) const {
    if (agent < all.size() && all[agent] >= clock)
      return true;
    return agent < each.size() && each[agent] && coversLanes(*each[agent], clock, laneMask);
  }
  uint32_t ofAll(uint32_t agent) const { return agent < all.size() ? all[agent] : 0; }
  void raise(uint32_t agent, uint32_t clock);
  void raise(uint32_t agent, uint32_t clock, uint32_t laneMask);
  void join(const Clock &other);
  void forget(uint32_t agent);
  /// Joining the other one to this adds nothing.
  bool includes(const Clock &other) const;
  bool empty() const { return all.empty(); }
  bool operator==(const Clock &) const = default;
  /// Beside the object itself.
  size_t heapBytes(CountedOnce &counted) const;

private:
  using LaneClocks = std::array<uint32_t, 32>;
  static bool coversLanes(const LaneClocks &clocks, uint32_t clock, uint32_t laneMask);
  /// Lanes of their own, beginning with what is known of all.
  LaneClocks &ownLanes(uint32_t agent);
  void settle(uint32_t agent);
  /// The lanes' clocks are all known here.
  bool includesLanes(uint32_t agent, const LaneClocks &clocks) const;

  std::vector<uint32_t> all;                           ///< by agent
  std::vector<std::shared_ptr<const LaneClocks>> each; ///< by agent; null: no more than `all`
};

/// Of a fence.proxy.async.
enum FenceSpaces : uint8_t { FencesShared = 1, FencesGlobal = 2 };

/// What is known of one block. `loose`: reads and copies that are over, while what was stored before may
/// not be visible: an arrival at another block's mbarrier whose scope does not have that block.
struct BlockKnowledge {
  Clock known, fenced, fencedGlobal, device, loose;
  uint32_t epoch = 0;    ///< publications of the block that other blocks can see
  uint8_t allFenced = 0; ///< FenceSpaces of which surely nothing is known that is not fenced (of other blocks)

  void join(const BlockKnowledge &other);
  bool includes(const BlockKnowledge &other) const;
};

/// What is known of other blocks, by their number. Immutable where it is shared.
using Others = std::vector<std::pair<uint64_t, std::shared_ptr<const BlockKnowledge>>>;

struct Knowledge : BlockKnowledge {
  std::shared_ptr<const Others> others;  ///< null: nothing
  std::shared_ptr<const Others> pending; ///< published to loads that did not acquire: a fence does
  uint8_t pendingNeeds = 0;              ///< the scope that such a fence needs for all of it

  void join(const Knowledge &other);
  void addPending(const std::shared_ptr<const Others> &given, uint8_t needs);
};

/// The union; `without` is left out.
std::shared_ptr<const Others> joined(const std::shared_ptr<const Others> &a,
                                     const std::shared_ptr<const Others> &b, uint64_t without);
/// What is left of knowledge that was handed on by too small a scope.
std::shared_ptr<const Others> loosened(const std::shared_ptr<const Others> &others);
/// After a fence.proxy.async: the async proxy sees all of that, too.
std::shared_ptr<const Others> fencedOthers(const std::shared_ptr<const Others> &others, uint8_t spaces);
/// The memory that it takes, without what has been counted.
size_t bytesOf(const std::shared_ptr<const Others> &others, CountedOnce &counted);
const BlockKnowledge *findBlock(const std::shared_ptr<const Others> &others, uint64_t block);

} // namespace cameo::ptx

#endif
