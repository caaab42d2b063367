// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What hands on knowledge: barriers of the warp and of the block, fences, and the release and
// acquire patterns of the PTX memory model. A word that a release pattern wrote carries what
// its writer knew; a store that is no release takes it away, an atomic adds to it. What a relaxed or volatile
// load has seen is pending until a fence. Other blocks count only where the scopes of both sides reach them.
#include "Cluster.h"
#include "Race.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <utility>

namespace cameo::ptx {
namespace {

/// From this scope on, other blocks are in it: those of a cluster where the launch has clusters.
bool isWide(const Exec &x, Scope scope) {
  return scope >= (isAlone(*x.warp->block) ? Scope::Device : Scope::Cluster);
}
Scope narrower(Scope a, Scope b) { return a < b ? a : b; }
uint8_t numberOf(Scope scope) { return static_cast<uint8_t>(scope); }

/// What was published becomes the lanes' own: all of it, or only that of their own block.
void learn(RaceBlock &race, Knowledge &own, const OthersPtr &given, bool wide) {
  if (const BlockKnowledge *mine = findBlock(given, race.linear))
    own.BlockKnowledge::join(*mine);
  if (wide)
    own.others = joined(own.others, given, race.linear);
}

void note(RaceClass &c, const OthersPtr &seen, uint32_t line, uint32_t otherLine, bool scope) {
  c.hint = {seen, line, otherLine, scope};
}

uint32_t lineAt(const Exec &x, const Op &op) { return x.program->source[x.indexOf(op)]; }

/// The scopes of both sides have the other one's thread in them.
Scope neededFor(const Exec &x, const RaceRelease &r) {
  return r.block == RaceRelease::several ? Scope::Device : raceScopeWith(x, r.block);
}

void see(Exec &x, const Op &op, RaceClass &c, const RaceFlag &flag) {
  RaceBlock &race = *x.race;
  Scope mine = static_cast<Scope>(op.traits / TraitScope & 3);
  bool acquires = op.traits & TraitAcquire;
  uint64_t version = flag.version << 2 | numberOf(mine);
  uint64_t &last = acquires ? c.acquired : c.polled;
  if (last == version)
    return;
  last = version;
  std::shared_ptr<Knowledge> own; // made where something is new
  auto changed = [&]() -> Knowledge & {
    if (!own)
      own = std::make_shared<Knowledge>(*c.known);
    return *own;
  };
  OthersPtr pending = c.known->pending;
  uint8_t needs = c.known->pendingNeeds;
  for (const RaceRelease &r : flag.by) {
    Scope needed = neededFor(x, r);
    bool reaches = narrower(mine, r.scope) >= needed;
    if (acquires && (reaches || r.block == RaceRelease::several)) {
      learn(race, changed(), r.released, reaches);
    } else if (!acquires && reaches) {
      needs = std::max(numberOf(needed), needs);
      pending = joined(pending, r.released, ~uint64_t(0));
    }
    if (!acquires || !reaches)
      note(c, r.released, lineAt(x, op), r.line, acquires);
  }
  if (pending != c.known->pending || (pending && needs != c.known->pendingNeeds))
    changed().pending = pending, changed().pendingNeeds = needs;
  if (own)
    c.known = own;
}

/// Both have the same to publish behind a fence of the device.
bool publishesSame(const Knowledge &a, const Knowledge &b) {
  return a.others == b.others && a.allFenced == b.allFenced && a.device == b.device && a.fenced == b.fenced &&
         a.fencedGlobal == b.fencedGlobal && a.loose == b.loose;
}

/// What lanes publish by a store that is no release: what a fence had before it. `from`: its fence, or what it knows of
/// fences of the device. `clock`: up to which clock its own accesses are before that fence, 0 where it was a smaller one.
/// The same as the last time, if it has learned nothing since.
const OthersPtr &publishedFenced(RaceBlock &race, RaceWarp &warp, const RaceClass &c, uint32_t who, bool ofDevice,
                                 uint32_t clock) {
  const KnowledgePtr &from = ofDevice ? c.known : c.fence;
  warp.published.resize(lanes);
  RacePublished &last = warp.published[static_cast<size_t>(std::countr_zero(who))];
  bool same = last.from && last.fenceClock == clock && last.lanes == who &&
              race.readEpoch < findBlock(last.what, race.linear)->epoch &&
              (last.from == from || (ofDevice && publishesSame(*last.from, *from)));
  if (same) {
    last.from = from;
    return last.what;
  }
  Knowledge k = *from;
  if (ofDevice) // Each thread's fence may be before the barrier behind which one of them publishes for all.
    k.known = k.device;
  if (clock)
    k.known.raise(warp.index, clock, who);
  last = {from, clock, who, racePublish(race, std::move(k))};
  return last.what;
}

struct Released {
  OthersPtr what; ///< null: nothing
  Scope scope = Scope::Block;
};

/// What a strong store of lanes of a class releases: behind fences of the device, and what a later fence of the block adds.
std::array<Released, 2> releasedBy(Exec &x, const Op &op, RaceWarp &warp, const RaceClass &c, uint32_t who) {
  RaceBlock &race = *x.race;
  Scope scope = static_cast<Scope>(op.traits / TraitScope & 3);
  if (op.traits & TraitRelease)
    return {Released{racePublish(race, race.release(warp, who)), scope}, {}};
  bool ofDevice = !c.known->device.empty(), widely = c.fence && isWide(x, c.fenceScope);
  std::array<Released, 2> out{};
  if (ofDevice)
    out[0] = {publishedFenced(race, warp, c, who, true, widely ? c.fenceClock : 0), scope};
  else if (c.fence)
    out[0] = {publishedFenced(race, warp, c, who, false, c.fenceClock), narrower(scope, c.fenceScope)};
  if (ofDevice && c.fence && !widely) {
    Knowledge k = *c.fence;
    k.known.raise(warp.index, c.fenceClock, who);
    out[1] = {racePublish(race, std::move(k)), narrower(scope, c.fenceScope)};
  }
  return out;
}

} // namespace

Scope raceScopeWith(const Exec &x, uint64_t other) {
  if (other == x.race->linear)
    return Scope::Block;
  for (const Block *block : x.warp->block->cluster->blocks)
    if (block->linear == other)
      return Scope::Cluster;
  return Scope::Device;
}

OthersPtr racePublish(RaceBlock &race, Knowledge &&k) {
  k.epoch = ++race.epoch;
  OthersPtr others = k.others;
  auto own = std::make_shared<Others>();
  own->emplace_back(race.linear, std::make_shared<const BlockKnowledge>(std::move(k)));
  return joined(own, others, race.linear);
}

/// An arrival that is no release publishes what a fence has before it.
void raceClusterArrive(Exec &x, bool relaxed) {
  RaceBlock &race = *x.race;
  RaceWarp &warp = race.warps[x.warp->index];
  OthersPtr &arrived = x.warp->block->cluster->raceArrived;
  if (!relaxed) {
    arrived = joined(arrived, racePublish(race, race.release(warp, x.mask)), ~uint64_t(0));
    return;
  }
  race.eachClass(warp, x.mask, [&](RaceClass &c) {
    if (!c.fence)
      return;
    Knowledge k = *c.fence;
    k.known.raise(warp.index, c.fenceClock, c.mask);
    arrived = joined(arrived, racePublish(race, std::move(k)), ~uint64_t(0));
  });
}

void raceClusterWait(Exec &x) {
  RaceBlock &race = *x.race;
  Knowledge given;
  given.others = x.warp->block->cluster->racePassed;
  if (given.others)
    race.acquire(race.warps[x.warp->index], x.mask, given);
}

void raceWarpSync(Exec &x, uint32_t mask) {
  RaceBlock &race = *x.race;
  RaceWarp &warp = race.warps[x.warp->index];
  // A fence or an arrival ends a clock too, but only its own lane knows what came before.
  if (!warp.touched && warp.classes.size() == 1 &&
      warp.classes[0].known->known.ofAll(warp.index) + 1 >= warp.clock)
    return;
  race.adopt(warp, mask, std::make_shared<const Knowledge>(race.release(warp, mask)));
}

namespace {

/// What a warp-wide instruction hands on of what lanes know: not what the warp's own lanes and their copies have done.
Knowledge acquiredFrom(const RaceBlock &race, const RaceWarp &warp, const Knowledge &known) {
  Knowledge out = known;
  for (Clock *clock : {&out.known, &out.fenced, &out.fencedGlobal, &out.device, &out.loose})
    for (uint32_t agent : {warp.index, race.readerAgent(warp.index), race.writerAgent(warp.index)})
      clock->forget(agent);
  return out;
}

} // namespace

/// PTX lets only bar.warp.sync order the accesses of lanes to memory. But a value that depends on an acquiring load is
/// there after it, so that who has the value may rely on what was acquired; and loads before it come before stores behind it.
void raceHandOn(Exec &x, const uint32_t *from) {
  RaceBlock &race = *x.race;
  RaceWarp &warp = race.warps[x.warp->index];
  if (x.mask == x.warp->alive) {
    warp.clock += warp.touched;
    warp.touched = false;
    warp.met = warp.clock - 1;
  }
  if (warp.classes.size() == 1)
    return;
  std::vector<std::pair<uint32_t, KnowledgePtr>> sources;
  for (const RaceClass &c : warp.classes)
    if (c.mask & x.mask)
      sources.emplace_back(c.mask & x.mask, c.known);
  for (const auto &[source, known] : sources) {
    uint32_t to = 0;
    for (uint32_t rest = x.mask & ~source; rest; rest &= rest - 1)
      if (uint32_t lane = rest & (0u - rest); from[std::countr_zero(rest)] & source)
        to |= lane;
    if (!to)
      continue;
    Knowledge given = acquiredFrom(race, warp, *known);
    for (const RaceClass &c : warp.classes)
      if ((c.mask & to) && c.known->includes(given) && joined(c.known->others, given.others, race.linear) == c.known->others &&
          joined(c.known->pending, given.pending, ~uint64_t(0)) == c.known->pending)
        to &= ~c.mask;
    if (to)
      race.acquire(warp, to, given);
  }
}

void raceBarrierArrive(Exec &x, uint32_t id) {
  RaceBlock &race = *x.race;
  race.barriers[id].join(race.release(race.warps[x.warp->index], x.mask));
}

void raceBarrierComplete(Block &block, uint32_t id) {
  RaceBlock &race = *block.race;
  race.passed[id] = std::make_shared<const Knowledge>(std::exchange(race.barriers[id], {}));
  for (Warp &warp : block.warps)
    for (Group &group : warp.groups)
      if (group.state == GroupState::Barrier && group.barrier == id)
        race.adopt(race.warps[warp.index], group.mask, race.passed[id]);
}

void raceBarrierPass(Exec &x, uint32_t id) {
  x.race->adopt(x.race->warps[x.warp->index], x.mask, x.race->passed[id]);
  x.race->tryNewEra();
}

void raceFence(Exec &x, const Op &op) {
  RaceBlock &race = *x.race;
  RaceWarp &warp = race.warps[x.warp->index];
  Scope scope = static_cast<Scope>(op.count);
  uint32_t clock = 0;
  bool memory = op.size == FenceMbarrierInit || (op.size == FenceMemory && x.launch->ordersMemory);
  if (op.size == FenceAsyncProxy || memory) {
    clock = warp.touched ? warp.clock++ : warp.clock - 1;
    warp.touched = false;
  }
  if (op.size == FenceAsyncProxy)
    return race.eachClass(warp, x.mask, [&](RaceClass &c) {
      auto own = std::make_shared<Knowledge>(*c.known);
      for (auto [space, fenced] : {std::pair(FencesShared, &own->fenced), {FencesGlobal, &own->fencedGlobal}})
        if (op.width & space) {
          *fenced = own->known;
          fenced->raise(warp.index, clock, c.mask);
        }
      own->others = fencedOthers(own->others, op.width);
      c.known = own;
    });
  if (!memory)
    return;
  if (isWide(x, scope)) {
    std::lock_guard<std::mutex> lock(x.launch->race->mutex);
    x.launch->race->older.fenced(x);
  }
  race.eachClass(warp, x.mask, [&](RaceClass &c) {
    auto own = std::make_shared<Knowledge>(*c.known);
    if (OthersPtr pending = std::exchange(own->pending, nullptr)) {
      bool wide = numberOf(scope) >= own->pendingNeeds;
      learn(race, *own, pending, wide);
      if (!wide)
        note(c, pending, lineAt(x, op), c.hint.otherLine, true);
      c.polled = own->pendingNeeds = 0;
    }
    if (isWide(x, scope)) {
      own->device = own->known;
      own->device.raise(warp.index, clock, c.mask);
    }
    c.known = c.fence = own;
    c.fenceClock = clock;
    c.fenceScope = scope;
  });
}

RaceOlderValues *raceOlderValues(const Exec &x) {
  RaceOlderValues *older = x.race->older.get();
  return older && older->mask ? older : nullptr;
}

namespace {

/// The lane's load of `width` bytes at off[lane] gets an older value; lanes that load the same together get the same.
template <typename Offset>
bool seesOlder(Exec &x, const RaceWarp &warp, const RaceSpot &spot, const Offset *off, unsigned width, unsigned lane) {
  auto &values = x.race->older;
  for (uint32_t rest = values ? values->mask : 0; rest; rest &= rest - 1)
    if (unsigned other = static_cast<unsigned>(std::countr_zero(rest)); off[other] == off[lane]) {
      std::memcpy(values->bytes[lane], values->bytes[other], width);
      values->mask |= 1u << lane;
      return true;
    }
  uint8_t bytes[16];
  for (const RaceClass &c : warp.classes)
    if ((c.mask >> lane & 1) && x.launch->race->older.lags(x, c, spot.allocation->base + off[lane], width, lane, bytes)) {
      if (!values)
        values = std::make_unique<RaceOlderValues>();
      std::memcpy(values->bytes[lane], bytes, width);
      values->mask |= 1u << lane;
      return true;
    }
  return false;
}

RaceClass &classOf(RaceWarp &warp, unsigned lane) {
  for (RaceClass &c : warp.classes)
    if (c.mask >> lane & 1)
      return c;
  return warp.classes[0];
}

/// A strong access on its way through the flags.
template <typename Offset> struct StrongAccess {
  Exec &x;
  const Op &op;
  RaceFlags &flags;
  uint64_t base; ///< of off[]
  const Offset *off;
  unsigned width;
  bool loads, stores;
  RaceBlock &race = *x.race;
  RaceWarp &warp = race.warps[x.warp->index];

  uint64_t firstWord(unsigned lane) const { return (base + off[lane]) / 4; }
  uint64_t lastWord(unsigned lane) const { return (base + off[lane] + width - 1) / 4; }

  /// Lanes of `mask` see the words of one of them.
  void seeAll(uint32_t mask, unsigned lane) {
    for (uint64_t word = firstWord(lane); word <= lastWord(lane); ++word)
      if (const RaceFlag *flag = flags.find(word))
        race.eachClass(warp, mask, [&](RaceClass &c) { see(x, op, c, *flag); });
  }
  /// Lanes `who` of class c publish to the words of one of them.
  void publish(const RaceClass &c, uint32_t who, unsigned lane) {
    auto released = releasedBy(x, op, warp, c, who);
    for (uint64_t word = firstWord(lane); word <= lastWord(lane); ++word) {
      bool adds = loads;
      for (const Released &r : released)
        if (r.what) {
          flags.publish(word, {r.what, r.scope, race.linear, lineAt(x, op)}, adds, x.launch->race->versions);
          adds = true;
        }
      if (!adds)
        flags.drop(word);
    }
  }
  void ofLane(unsigned lane) {
    if (loads) {
      // Lanes that see the same stay together: those of the mask that are of its class.
      uint32_t together = classOf(warp, lane).mask & x.mask;
      for (uint32_t others = together; others; others &= others - 1)
        if (unsigned o = static_cast<unsigned>(std::countr_zero(others)); off[o] != off[lane])
          together &= ~(1u << o);
      seeAll(together, lane);
    }
    if (stores)
      publish(classOf(warp, lane), 1u << lane, lane);
  }
  /// Of coarse flags. Lanes of an atomic may have seen each other's words: they look again behind what they publish.
  void together(uint32_t mask) {
    while (mask) {
      unsigned lead = static_cast<unsigned>(std::countr_zero(mask));
      uint32_t same = 0;
      for (uint32_t rest = mask; rest; rest &= rest - 1)
        if (unsigned i = static_cast<unsigned>(std::countr_zero(rest));
            flags.keyOf(firstWord(i)) == flags.keyOf(firstWord(lead)))
          same |= 1u << i;
      mask &= ~same;
      if (loads)
        seeAll(same, lead);
      for (size_t i = 0; stores && i < warp.classes.size(); ++i)
        if (uint32_t who = warp.classes[i].mask & same)
          publish(warp.classes[i], who, lead);
      if (loads && stores)
        seeAll(same, lead);
    }
  }
};

} // namespace

template <typename Offset>
void raceStrong(Exec &x, const Op &op, const RaceSpot &spot, const Offset *off, unsigned width,
                bool loads, bool stores) {
  if (!x.launch->ordersMemory)
    return;
  RaceBlock &race = *x.race;
  RaceLaunch &launch = *x.launch->race;
  bool global = spot.space != Space::Shared;
  std::unique_lock<std::mutex> lock(launch.mutex, std::defer_lock);
  if (global)
    lock.lock();
  RaceFlags &flags = global ? launch.flags : (spot.home ? *spot.home : race).flags;
  uint64_t base = global ? spot.allocation->base : spot.origin;
  StrongAccess<Offset> access{x, op, flags, base, off, width, loads, stores};
  RaceOlder &older = launch.older;
  if (race.older)
    race.older->mask = 0;
  uint32_t together = 0;
  for (uint32_t rest = x.mask; rest; rest &= rest - 1) {
    unsigned lane = static_cast<unsigned>(std::countr_zero(rest));
    if (global && loads && stores)
      older.seen(x, spot.allocation->base + off[lane], lane);
    else if (global && loads && seesOlder(x, access.warp, spot, off, width, lane))
      continue;
    if (global && stores)
      older.stored(x, access.warp, lane, spot.allocation->base + off[lane], spot.allocation->host + off[lane], width, loads);
    if (flags.isCoarse())
      together |= 1u << lane;
    else
      access.ofLane(lane);
  }
  access.together(together);
  if (stores)
    flags.keepSmall(global ? launch.flagAllowance() : RaceBlock::flagAllowance, launch.versions);
}

template void raceStrong(Exec &, const Op &, const RaceSpot &, const uint32_t *, unsigned, bool, bool);
template void raceStrong(Exec &, const Op &, const RaceSpot &, const uint64_t *, unsigned, bool, bool);

} // namespace cameo::ptx
