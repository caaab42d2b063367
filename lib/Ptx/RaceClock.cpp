// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Vector clocks: raising, joining, and the lists of other blocks.
#include "RaceClock.h"

#include <algorithm>

namespace cameo::ptx {

bool Clock::coversLanes(const LaneClocks &clocks, uint32_t clock, uint32_t laneMask) {
  for (unsigned i = 0; i < 32; ++i)
    if ((laneMask >> i & 1) && clocks[i] < clock)
      return false;
  return true;
}

Clock::LaneClocks &Clock::ownLanes(uint32_t agent) {
  if (each.size() <= agent)
    each.resize(agent + 1);
  auto own = std::make_shared<LaneClocks>();
  if (each[agent])
    *own = *each[agent];
  for (uint32_t &lane : *own)
    lane = std::max(lane, all[agent]);
  each[agent] = own;
  return *own;
}

/// Forgets the lanes where they say no more than the one number.
void Clock::settle(uint32_t agent) {
  if (agent >= each.size() || !each[agent])
    return;
  uint32_t least = ~0u, most = 0;
  for (uint32_t lane : *each[agent])
    least = std::min(least, lane), most = std::max(most, lane);
  all[agent] = std::max(all[agent], least);
  if (most <= all[agent])
    each[agent] = nullptr;
}

void Clock::raise(uint32_t agent, uint32_t clock) {
  if (all.size() <= agent)
    all.resize(agent + 1);
  all[agent] = std::max(all[agent], clock);
  settle(agent);
}

void Clock::raise(uint32_t agent, uint32_t clock, uint32_t laneMask) {
  if (laneMask == 0xffffffffu)
    return raise(agent, clock);
  if (all.size() <= agent)
    all.resize(agent + 1);
  if (all[agent] >= clock)
    return;
  LaneClocks &own = ownLanes(agent);
  for (unsigned i = 0; i < 32; ++i)
    if (laneMask >> i & 1)
      own[i] = std::max(own[i], clock);
  settle(agent);
}

void Clock::forget(uint32_t agent) {
  if (agent < all.size())
    all[agent] = 0;
  if (agent < each.size())
    each[agent] = nullptr;
}

bool Clock::includesLanes(uint32_t agent, const LaneClocks &clocks) const {
  uint32_t of = ofAll(agent), above = 0;
  const LaneClocks *own = agent < each.size() ? each[agent].get() : nullptr;
  for (unsigned i = 0; i < 32; ++i)
    above |= clocks[i] > of && clocks[i] > (own ? (*own)[i] : 0);
  return !above;
}

bool Clock::includes(const Clock &other) const {
  if (other.all.size() > all.size())
    return false;
  for (size_t i = 0; i < other.all.size(); ++i)
    if (other.all[i] > all[i])
      return false;
  for (uint32_t agent = 0; agent < other.each.size(); ++agent)
    if (const auto &theirs = other.each[agent])
      if (!(agent < each.size() && each[agent] == theirs) && !includesLanes(agent, *theirs))
        return false;
  return true;
}

void Clock::join(const Clock &other) {
  if (all.size() < other.all.size())
    all.resize(other.all.size());
  for (size_t i = 0; i < other.all.size(); ++i)
    all[i] = std::max(all[i], other.all[i]);
  for (uint32_t agent = 0; agent < other.each.size(); ++agent) {
    const auto &theirs = other.each[agent];
    if (!theirs || (agent < each.size() && each[agent] == theirs) || includesLanes(agent, *theirs))
      continue;
    if (each.size() <= agent)
      each.resize(agent + 1);
    if (!each[agent] || other.includesLanes(agent, *each[agent])) {
      each[agent] = theirs;
      continue;
    }
    LaneClocks &own = ownLanes(agent);
    for (unsigned i = 0; i < 32; ++i)
      own[i] = std::max(own[i], (*theirs)[i]);
  }
  for (uint32_t agent = 0; agent < each.size(); ++agent)
    settle(agent);
}

constexpr size_t sharedBytes = 2 * sizeof(void *); // the counts of references

size_t Clock::heapBytes(CountedOnce &counted) const {
  size_t sum = all.capacity() * sizeof all[0] + each.capacity() * sizeof each[0];
  for (const auto &own : each)
    if (own && counted.insert(own.get()).second)
      sum += sizeof *own + sharedBytes;
  return sum;
}

void BlockKnowledge::join(const BlockKnowledge &other) {
  known.join(other.known);
  fenced.join(other.fenced);
  fencedGlobal.join(other.fencedGlobal);
  device.join(other.device);
  loose.join(other.loose);
  epoch = std::max(epoch, other.epoch);
  allFenced &= other.allFenced;
}

bool BlockKnowledge::includes(const BlockKnowledge &other) const {
  return epoch >= other.epoch && !(allFenced & ~other.allFenced) && known.includes(other.known) &&
         fenced.includes(other.fenced) && fencedGlobal.includes(other.fencedGlobal) && device.includes(other.device) &&
         loose.includes(other.loose);
}

void Knowledge::join(const Knowledge &other) {
  BlockKnowledge::join(other);
  others = joined(others, other.others, ~uint64_t(0));
  if (other.pending)
    addPending(other.pending, other.pendingNeeds);
}

void Knowledge::addPending(const std::shared_ptr<const Others> &given, uint8_t needs) {
  pendingNeeds = std::max(needs, pending ? pendingNeeds : needs);
  pending = joined(pending, given, ~uint64_t(0));
}

namespace {

using BlockPtr = std::shared_ptr<const BlockKnowledge>;

BlockPtr joined(const BlockPtr &a, const BlockPtr &b) {
  if (a == b || a->includes(*b))
    return a;
  if (b->includes(*a))
    return b;
  auto both = std::make_shared<BlockKnowledge>(*a);
  both->join(*b);
  return both;
}

/// Nothing of b but block `without` is new to a.
bool hasAllOf(const Others &a, const Others &b, uint64_t without) {
  auto at = a.begin();
  for (const auto &[block, known] : b) {
    if (block == without)
      continue;
    while (at != a.end() && at->first < block)
      ++at;
    if (at == a.end() || at->first != block || !(at->second == known || at->second->includes(*known)))
      return false;
  }
  return true;
}

} // namespace

std::shared_ptr<const Others> joined(const std::shared_ptr<const Others> &a,
                                     const std::shared_ptr<const Others> &b, uint64_t without) {
  if (!b || a == b || (a && hasAllOf(*a, *b, without)))
    return a;
  bool drops = findBlock(b, without);
  if (!a && !drops)
    return b;
  auto out = std::make_shared<Others>();
  static const Others none;
  const Others &left = a ? *a : none;
  auto i = left.begin();
  auto j = b->begin();
  while (i != left.end() || j != b->end()) {
    if (j != b->end() && j->first == without) {
      ++j;
    } else if (j == b->end() || (i != left.end() && i->first < j->first)) {
      out->push_back(*i++);
    } else if (i == left.end() || j->first < i->first) {
      out->push_back(*j++);
    } else {
      out->emplace_back(i->first, joined(i->second, j->second));
      ++i, ++j;
    }
  }
  return out;
}

std::shared_ptr<const Others> loosened(const std::shared_ptr<const Others> &others) {
  if (!others)
    return nullptr;
  auto out = std::make_shared<Others>(*others);
  for (auto &entry : *out) {
    auto less = std::make_shared<BlockKnowledge>();
    less->loose = entry.second->loose;
    less->loose.join(entry.second->known);
    less->epoch = entry.second->epoch;
    entry.second = less;
  }
  return out;
}

std::shared_ptr<const Others> fencedOthers(const std::shared_ptr<const Others> &others, uint8_t spaces) {
  auto isFenced = [&](const auto &entry) { return (spaces & ~entry.second->allFenced) == 0; };
  if (!others || std::all_of(others->begin(), others->end(), isFenced))
    return others;
  auto out = std::make_shared<Others>(*others);
  for (auto &entry : *out) {
    if (isFenced(entry))
      continue;
    auto fenced = std::make_shared<BlockKnowledge>(*entry.second);
    if (spaces & FencesShared)
      fenced->fenced.join(fenced->known);
    if (spaces & FencesGlobal)
      fenced->fencedGlobal.join(fenced->known);
    fenced->allFenced |= spaces;
    entry.second = fenced;
  }
  return out;
}

size_t bytesOf(const std::shared_ptr<const Others> &others, CountedOnce &counted) {
  if (!others || !counted.insert(others.get()).second)
    return 0;
  size_t sum = sizeof *others + sharedBytes + others->capacity() * sizeof(Others::value_type);
  for (const auto &entry : *others)
    if (const BlockKnowledge &k = *entry.second; counted.insert(&k).second) {
      sum += sizeof k + sharedBytes;
      for (const Clock *clock : {&k.known, &k.fenced, &k.fencedGlobal, &k.device, &k.loose})
        sum += clock->heapBytes(counted);
    }
  return sum;
}

const BlockKnowledge *findBlock(const std::shared_ptr<const Others> &others, uint64_t block) {
  if (!others)
    return nullptr;
  auto it = std::lower_bound(others->begin(), others->end(), block,
                             [](const auto &entry, uint64_t value) { return entry.first < value; });
  return it != others->end() && it->first == block ? it->second.get() : nullptr;
}

} // namespace cameo::ptx
