// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Who stored last, what was there before, and whether a load may still see that.
#include "RaceOlder.h"

#include "Race.h"

#include <algorithm>
#include <cstring>

namespace cameo::ptx {

static void raise(uint64_t &time, uint64_t to) { time = std::max(time, to); }

uint64_t RaceOlder::warpOf(const Exec &x) { return x.warp->block->linear * 64 + x.warp->index; }

void RaceOlder::stored(const Exec &x, const RaceWarp &warp, unsigned lane, uint64_t address,
                       const uint8_t *there, unsigned width, bool atomic) {
  auto [at, isNew] = last.try_emplace(address);
  if (isNew) {
    order.push_back(address);
    if (order.size() > mostStores) {
      last.erase(order.front());
      order.pop_front();
    }
  }
  Store &s = at->second;
  s.block = x.race->linear;
  s.thread = warpOf(x) * lanes + lane;
  s.time = ++time;
  s.clock = warp.clock;
  s.warp = static_cast<uint8_t>(warp.index), s.lane = static_cast<uint8_t>(lane);
  s.width = static_cast<uint8_t>(width);
  s.hasOlder = !atomic && width <= sizeof s.older;
  s.isSeen = false;
  if (s.hasOlder)
    std::memcpy(s.older, there, width);
}

/// How many barriers the block has completed.
static uint32_t barriersOf(const Exec &x) {
  uint32_t count = 0;
  for (const BarrierState &barrier : x.warp->block->barriers)
    count += barrier.generation;
  return count;
}

void RaceOlder::seen(Exec &x, uint64_t address, unsigned lane) {
  auto at = last.find(address);
  if (at == last.end())
    return;
  at->second.isSeen = true;
  if (at->second.block == x.race->linear)
    return;
  RaceHeard &heard = x.race->heard[at->second.thread];
  raise(heard.byAtomic, at->second.time);
  uint64_t warp = warpOf(x) << lanes;
  uint32_t barriers = barriersOf(x);
  bool more = heard.readers >> lanes == warp >> lanes && heard.barriers == barriers;
  heard.readers = (more ? heard.readers : warp) | uint64_t(1) << lane;
  heard.barriers = barriers;
}

void RaceOlder::fenced(const Exec &x) {
  Fences &f = fences[warpOf(x)];
  std::copy_backward(f.begin(), f.end() - 1, f.end());
  f[0] = ++time;
}

uint64_t RaceOlder::fencedAt(const Store &s) const {
  auto theirs = fences.find(s.thread / lanes);
  uint64_t first = ~uint64_t(0);
  if (theirs == fences.end())
    return first;
  if (theirs->second.back() > s.time) // there may have been one before those
    return s.time;
  for (uint64_t at : theirs->second)
    first = at > s.time ? at : first;
  return first;
}

bool RaceOlder::isToldOf(const Exec &x, const Store &s, unsigned lane) const {
  auto known = x.race->heard.find(s.thread);
  if (known == x.race->heard.end())
    return false;
  const RaceHeard &heard = known->second;
  bool alone = heard.readers >> lanes == warpOf(x) && (heard.readers >> lane & 1) && heard.barriers == barriersOf(x);
  return heard.byLoad > s.time || (heard.byAtomic > s.time && (alone || fencedAt(s) > heard.byAtomic));
}

/// No later store has a part of it.
bool RaceOlder::isWhole(uint64_t address, const Store &s) const {
  for (uint64_t other = address - 12; other < address + s.width; other += 4)
    if (auto at = last.find(other); at != last.end() && at->second.time > s.time && other + at->second.width > address)
      return false;
  return true;
}

bool RaceOlder::lags(Exec &x, const RaceClass &c, uint64_t address, unsigned width, unsigned lane,
                     uint8_t *bytes) {
  auto at = last.find(address);
  if (at == last.end())
    return false;
  Store &s = at->second;
  if (s.block == x.race->linear) {
    s.isSeen = true;
    return false;
  }
  auto fenced = fences.find(warpOf(x));
  const BlockKnowledge *k = findBlock(c.known->others, s.block);
  bool may = s.hasOlder && s.width == width && !s.isSeen && isToldOf(x, s, lane) &&
             !x.launch->footprints && // their rows say that loads see the last store
             !(k && k->known.covers(s.warp, s.clock, 1u << s.lane)) &&
             (fenced == fences.end() || fenced->second[0] < fencedAt(s)) && isWhole(address, s);
  raise(x.race->heard[s.thread].byLoad, s.time);
  s.isSeen = true;
  if (may)
    std::memcpy(bytes, s.older, width);
  return may;
}

size_t RaceOlder::bytes() const {
  constexpr size_t node = 2 * sizeof(void *); // of a hash table, for each entry
  return last.size() * (sizeof(uint64_t) + sizeof(Store) + node) + order.size() * sizeof(uint64_t) +
         fences.size() * (sizeof(uint64_t) + sizeof(Fences) + node);
}

} // namespace cameo::ptx
