// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the warps of a block know: classes of lanes, publishing and learning; and the life of the
// shadow: what every warp knows to be over is forgotten when the table of a block has grown.
#include "Cluster.h"
#include "Race.h"

#include <algorithm>
#include <utility>

namespace cameo::ptx {

constexpr size_t leastLimit = 1024, leastCache = 512, leastMerged = 2048, leastFlags = 32768;

void RaceBlock::start(const Block &block) {
  this->block = &block;
  linear = block.linear;
  sharedAs = isAlone(block) ? 0 : linear;
  epoch = readEpoch = mbarrierAgents = 0;
  if (!hasEras) {
    table = RaceTable();
    cache.clear();
    limit = leastLimit;
    cacheLimit = leastCache;
    merging = 0;
  }
  peak = 0;
  for (auto &page : pages)
    if (page) {
      page->clear();
      page->forgetTouched();
    }
  // Copies of other agents than warps count on.
  hasEras = !launch.program->usesAsync && !launch.program->wgmma && isAlone(block);
  eraClocks.assign(warps.size(), 0);
  ++era;
  flags.clear();
  firstLoads.clear();
  pages.resize(launch.sharedBytes / RacePage::bytes + 2);
  for (unsigned i = 0; i < 16; ++i) {
    barriers[i] = Knowledge();
    passed[i] = nullptr;
  }
  auto nothing = std::make_shared<const Knowledge>();
  for (uint32_t w = 0; w < warps.size(); ++w) {
    warps[w] = RaceWarp();
    warps[w].index = w;
    warps[w].classes.resize(1);
    warps[w].classes[0].mask = 0xffffffffu;
    warps[w].classes[0].known = nothing;
  }
}

uint32_t RaceBlock::widened(const RaceWarp &warp, uint32_t mask) const {
  uint32_t alive = block->warps[warp.index].alive;
  return alive & ~mask ? mask : 0xffffffffu;
}

void RaceBlock::splitClasses(RaceWarp &warp, uint32_t mask) {
  for (size_t i = 0, n = warp.classes.size(); i < n; ++i) {
    uint32_t inside = warp.classes[i].mask & mask;
    if (!inside || inside == warp.classes[i].mask)
      continue;
    warp.classes.push_back(warp.classes[i]);
    warp.classes.back().mask = inside;
    warp.classes[i].mask &= ~inside;
  }
}

/// Lanes that have learned the same are one class again.
void RaceBlock::mergeClasses(RaceWarp &warp) {
  auto &all = warp.classes;
  for (size_t i = 0; i < all.size(); ++i)
    for (size_t j = i + 1; j < all.size();)
      if (all[i].known == all[j].known && all[i].fence == all[j].fence &&
          all[i].fenceClock == all[j].fenceClock) {
        all[i].mask |= all[j].mask;
        all.erase(all.begin() + static_cast<long>(j));
      } else {
        ++j;
      }
}

Knowledge RaceBlock::release(RaceWarp &warp, uint32_t mask) {
  mask = widened(warp, mask);
  Knowledge out;
  bool first = true;
  for (const RaceClass &c : warp.classes)
    if (c.mask & mask) {
      if (first)
        out = *c.known;
      else
        out.join(*c.known);
      first = false;
    }
  uint32_t clock = warp.touched ? warp.clock++ : warp.clock - 1;
  warp.touched = false;
  out.known.raise(warp.index, clock, mask);
  return out;
}

void RaceBlock::acquire(RaceWarp &warp, uint32_t mask, const Knowledge &given) {
  // Most often nobody knows more than what is given: all lanes then share it.
  KnowledgePtr last, result;
  eachClass(warp, mask, [&](RaceClass &c) {
    if (c.known != last) {
      last = c.known;
      auto own = std::make_shared<Knowledge>(*c.known);
      own->join(given);
      if (const BlockKnowledge *mine = findBlock(own->others, linear)) { // back from another block
        BlockKnowledge copy = *mine;
        own->BlockKnowledge::join(copy);
        own->others = joined(nullptr, own->others, linear);
      }
      result = own;
    }
    c.known = result;
  });
  if (warp.classes.size() > 1)
    mergeClasses(warp);
}

void RaceBlock::adopt(RaceWarp &warp, uint32_t mask, const KnowledgePtr &given) {
  eachClass(warp, mask, [&](RaceClass &c) { c.known = given; });
  if (warp.classes.size() > 1)
    mergeClasses(warp);
}

/// What the memory that has been touched pays for, of the table and the cache.
size_t RaceBlock::allowance() const {
  size_t touched = 0;
  for (auto &page : pages)
    if (page)
      touched += page->touchedBytes(false);
  return touched / 2 + launch.race->allowance() / 2;
}

std::vector<uint32_t> RaceBlock::frontier(const RaceBlock &of) const {
  std::vector<uint32_t> least(agentsPerWarp * warps.size() + of.mbarrierAgents, ~0u);
  for (const Block *other : block->cluster->blocks)
    for (const RaceWarp &warp : other->race->warps)
      for (const RaceClass &c : warp.classes) {
        if (!(c.mask & other->warps[warp.index].alive))
          continue;
        const BlockKnowledge *k = other->race.get() == &of ? c.known.get() : findBlock(c.known->others, of.linear);
        for (uint32_t agent = 0; agent < least.size(); ++agent)
          least[agent] = k ? std::min(least[agent], k->known.ofAll(agent)) : 0;
      }
  return least;
}

namespace {

/// States of one table as numbers of another. `keep` says which records, and may change them.
template <typename F> class Renewal {
public:
  Renewal(const RaceTable &from, RaceWriter to, F keep) : from(from), to(to), keep(keep) {}
  uint32_t operator()(uint32_t state) {
    if (!state || state == last) // as most neighbours
      return state ? lastNew : 0;
    auto [it, added] = states.try_emplace(state, 0);
    if (added) {
      RaceState s = from.stateAt(state);
      it->second = to.state(s.write ? record(s.write) : 0, set(s.reads));
    }
    last = state;
    return lastNew = it->second;
  }

private:
  uint32_t record(uint32_t id) {
    auto [it, added] = records.try_emplace(id, 0);
    if (RaceRecord r = from.recordAt(id); added && keep(r))
      it->second = to.record(r);
    return it->second;
  }
  uint32_t set(uint32_t old) {
    if (auto it = sets.find(old); it != sets.end())
      return it->second;
    std::vector<uint32_t> live;
    for (uint32_t at = old; at; at = from.setAt(at).parent)
      if (uint32_t id = record(from.setAt(at).record))
        if (std::find(live.begin(), live.end(), id) == live.end())
          live.push_back(id);
    uint32_t out = 0;
    for (size_t i = live.size(); i--;)
      out = to.set(out, live[i]);
    return sets[old] = out;
  }
  const RaceTable &from;
  RaceWriter to;
  F keep;
  uint32_t last = 0, lastNew = 0;
  std::unordered_map<uint32_t, uint32_t> records, sets, states;
};

} // namespace

void RaceBlock::rebuild() {
  peak = std::max(peak, table.bytes());
  std::unordered_map<uint64_t, std::vector<uint32_t>> known; // by the block of records
  for (const Block *other : block->cluster->blocks)
    known[other->race->sharedAs] = frontier(*other->race);
  std::unordered_map<uint64_t, uint32_t> loads; // by agent and clock: the operation that stands for all
  auto keep = [&](RaceRecord &r) {
    if (merging && r.block == sharedAs && !r.writes() && !r.async()) {
      r.op = loads.try_emplace(uint64_t(r.agent) << 32 | r.clock, r.op).first->second;
      r.kind |= raceMerged;
      if (merging > 1)
        r.form = LaneForm::Some, r.residue = 0;
    }
    return clockOf(r) > known[r.block][r.agent];
  };
  RaceTable old;
  std::swap(old, table);
  Renewal renewal(old, RaceWriter{table}, keep);
  for (auto &page : pages)
    if (page)
      page->renew([&](uint32_t state) { return renewal(state); });
  cache.clear();
  size_t pays = allowance(), needs = merging < 2 ? table.bytes() / 2 * 3 : table.bytes() / 4 * 5;
  cacheLimit = std::max(leastCache, pays / 4);
  limit = std::max(leastLimit, pays / 4 * 3);
  if (needs > std::max(limit, leastMerged) && merging < 2) {
    ++merging;
    return rebuild();
  }
  limit = std::max(limit, needs);
}

void RaceLaunch::enter(RaceCache &cache) {
  if (cache.generation == generation)
    return;
  cache.clear();
  cache.generation = generation;
}

void RaceLaunch::rebuild(unsigned part) {
  RaceTable old(table.writers());
  std::swap(old, table);
  Renewal renewal(old, RaceWriter{table, part}, [](RaceRecord &) { return true; });
  for (Allocation *a : allocations)
    static_cast<RacePages *>(a->race.load())->eachPage([&](RacePage &page) {
      page.renew([&](uint32_t state) { return renewal(state); });
    });
  rebuiltPart = part;
  rebuiltBytes = table.bytes();
  mayGrow = std::max({leastGrowth, rebuiltBytes, allowance() * table.writers()});
  ++generation;
}

void RaceBlock::tryNewEra() {
  if (!hasEras)
    return;
  const Knowledge *all = nullptr;
  for (const RaceWarp &warp : warps)
    if (block->warps[warp.index].alive) {
      if (warp.touched || warp.classes.size() != 1 || (all && all != warp.classes[0].known.get()))
        return;
      all = warp.classes[0].known.get();
    }
  for (const RaceWarp &warp : warps)
    if (!all || all->known.ofAll(warp.index) + 1 < warp.clock)
      return;
  // What is left of a cell is a copy in flight.
  auto kept = [&](uint32_t state) {
    uint32_t write = state ? table.stateAt(state).write : 0;
    return write && table.recordAt(write).clock == raceInFlight ? table.state(0, write, 0) : 0u;
  };
  for (auto &page : pages)
    if (page)
      page->renew(kept);
  for (const RaceWarp &warp : warps)
    eraClocks[warp.index] = warp.clock - 1;
  ++era;
}

void RaceBlock::measure() {
  uint64_t touched = 0, shadow = std::max(peak, table.bytes()) + cache.bytes() + pages.size() * sizeof pages[0];
  for (auto &page : pages)
    if (page) {
      shadow += page->memory();
      touched += page->touchedBytes(true);
    }
  shadow += flags.bytes();
  launch.race->touchedBytes += touched;
  launch.race->shadowBytes += shadow + touched / 4;
}

RaceLaunch::~RaceLaunch() {
  for (Allocation *a : allocations)
    delete static_cast<RacePages *>(a->race.exchange(nullptr));
}

size_t RaceLaunch::flagAllowance() const {
  return leastFlags + 4 * pagesMade.load(std::memory_order_relaxed) * RacePage::bytes;
}

RacePages &RaceLaunch::pagesOf(Allocation &a) {
  if (void *known = a.race.load(std::memory_order_acquire))
    return *static_cast<RacePages *>(known);
  std::lock_guard<std::mutex> lock(mutex);
  if (void *known = a.race.load(std::memory_order_acquire))
    return *static_cast<RacePages *>(known);
  auto *pages = new RacePages(a.bytes + 512);
  a.race.store(pages, std::memory_order_release);
  allocations.push_back(&a);
  return *pages;
}

void RaceLaunch::measure() {
  uint64_t touched = 0, shadow = table.bytes() + flags.bytes() + older.bytes();
  for (Allocation *a : allocations) {
    auto &pages = *static_cast<RacePages *>(a->race.load());
    shadow += pages.memory();
    pages.eachPage([&](RacePage &page) {
      shadow += page.memory();
      touched += page.touchedBytes(true);
    });
  }
  touchedBytes += touched;
  shadowBytes += shadow + touched / 4; // whether they are written has a byte for each word
}

} // namespace cameo::ptx
