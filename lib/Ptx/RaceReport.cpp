// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Races as findings: both accesses with their lines, threads and proxies, why they are unordered, and
// what would order them. What the checks of copies in flight have told already is not told again.
#include "Async.h"
#include "Cluster.h"
#include "ModuleImpl.h"
#include "Race.h"

#include <bit>

namespace cameo::ptx {
namespace {

std::string verbOf(const LaunchInfo &info, const Op &op, const RaceRecord &r) {
  std::string text =
      info.module->lineText(info.program->source[static_cast<size_t>(&op - info.program->code.data())]);
  if (text.starts_with('@'))
    text.erase(0, text.find(' ') + 1);
  bool atomic = text.starts_with("atom") || text.starts_with("red");
  if (r.async())
    return r.writes() ? "asynchronous write" : "asynchronous read";
  return atomic && r.writes() ? "atomic" : r.writes() ? "store" : "load";
}

std::string triple(uint64_t linear, const uint32_t (&size)[3]) {
  return std::to_string(linear % size[0]) + "," + std::to_string(linear / size[0] % size[1]) + "," +
         std::to_string(linear / size[0] / size[1]);
}

uint32_t warpOf(const RaceBlock &race, const RaceRecord &r) {
  uint32_t warps = static_cast<uint32_t>(race.warps.size());
  return r.agent < RaceBlock::agentsPerWarp * warps ? r.agent % warps : ~0u;
}

/// "warp 1, lane 3 (thread 35,0,0)".
std::string whoText(const LaunchInfo &info, const RaceBlock &race, const RaceRecord &r,
                    uint64_t offset, bool tellBlock) {
  std::string who = tellBlock ? "block " + triple(r.block, info.grid) + ", " : "";
  if (r.form == LaneForm::Block)
    return who + "some thread";
  uint32_t warp = warpOf(race, r), mask = r.lanesAt(offset);
  if (warp == ~0u)
    return who + "async proxy";
  unsigned lane = static_cast<unsigned>(std::countr_zero(mask | 1u << 31));
  who += "warp " + std::to_string(warp) + ", ";
  if (mask & (mask - 1))
    return who + std::to_string(std::popcount(mask)) + " lanes from " + std::to_string(lane) + " on";
  return who + "lane " + std::to_string(lane) + " (thread " +
         triple(uint64_t(warp) * lanes + lane, info.block) + ")";
}

bool saw(const RaceHint &hint, const RaceRecord &r) {
  const BlockKnowledge *k = findBlock(hint.seen, r.block);
  return k && (r.form == LaneForm::Block ? k->epoch > r.epoch
                                         : k->known.covers(r.agent, r.clock, r.mask & (0u - r.mask)));
}

struct Advice {
  std::string why, remedy;
};

std::string lineText(uint32_t line) { return "line " + std::to_string(line); }

Advice adviceFor(const RaceBlock &race, const RacePair &pair) {
  const RaceRecord &r = pair.before, &a = pair.now;
  bool otherBlock = r.block != a.block;
  if (pair.scope)
    return {"both are strong, but the scope of one is too small for threads of two blocks",
            "give both the scope " + std::string(pair.wanted) + " or a larger one"};
  if (pair.proxy && pair.spot.space != Space::Shared)
    return {"no fence.proxy.async lies between them",
            "execute fence.proxy.async between the store and the copy: in the thread that stores, before it "
            "publishes, or in the one that copies, behind what it waited for"};
  if (pair.proxy)
    return {"no fence.proxy.async lies between them",
            "let the threads that store execute fence.proxy.async.shared::cta, then synchronise, then copy"};
  if (pair.knows && pair.knows->hint.seen) {
    RaceRecord here = r;
    here.block = otherBlock ? r.block : race.linear; // shared memory that one block has to itself
    const RaceHint &hint = pair.knows->hint;
    if (saw(hint, r) || (pair.spot.space == Space::Shared && saw(hint, here)))
      return hint.scope
                 ? Advice{"the scope of the release or acquire (" + lineText(hint.otherLine) + ", " +
                              lineText(hint.line) + ") is too small for both threads",
                          "release and acquire at a scope that has both blocks: " + std::string(pair.wanted)}
                 : Advice{lineText(hint.line) + " saw what " + lineText(hint.otherLine) +
                              " published, but by a load that acquires nothing",
                          "make that load .acquire, or put fence.acq_rel of the scope behind it"};
  }
  if (a.async() && a.writes())
    return {"the copy may write before that access is over",
            "let the threads that access the old bytes arrive on an mbarrier (or a barrier of the block) "
            "that the issuing thread waits for before the copy"};
  if (a.async())
    return {"the copy may read before that write is visible",
            "synchronise with the writer (and fence.proxy.async) before the copy is issued"};
  if (r.async() && r.writes())
    return {"nothing that this thread waited for covers the copy",
            "wait for the phase of its mbarrier or for its group, and synchronise with the thread that waited"};
  if (r.async())
    return {"the copy may still read its source",
            "cp.async.bulk.wait_group.read by the thread that issued it, then a barrier"};
  if (otherBlock)
    return {"nothing published by one block and acquired by the other orders them",
            "publish with a release of scope " + std::string(pair.wanted) + (pair.spot.space == Space::Shared
                ? " (or arrive so at an mbarrier, or at the barrier of the cluster) and acquire it before the access"
                : " (a fence.acq_rel of it before the flag) and acquire it before the access")};
  if (warpOf(race, r) == warpOf(race, a))
    return {"lanes of a warp are in no order without bar.warp.sync",
            "put bar.warp.sync (__syncwarp) or a barrier between them"};
  return {"no barrier, wait or acquire orders them",
          "put a barrier of the block (bar.sync) or a release and an acquire between them"};
}

bool toldAlready(Exec &x, uint32_t line, const RacePair &pair) {
  if (!pair.before.async() && !pair.now.async())
    return false;
  for (FindingKind kind : {FindingKind::AsyncInFlight, FindingKind::AsyncSource,
                           FindingKind::Uninitialised, FindingKind::Proxy})
    if (x.launch->findings->known(kind, line, x.block->linear))
      return true;
  return false;
}

void placeOf(const Exec &x, const RaceSpot &spot, uint64_t offset, std::string &object,
             int64_t &at, uint64_t &bytes, uint64_t &address) {
  if (spot.space == Space::Shared) {
    address = offset + sharedBase;
    if (const Region *region = sharedRegion(x, address)) {
      object = region->name;
      at = static_cast<int64_t>(address - region->base);
      bytes = region->bytes;
    }
    return;
  }
  const Allocation &a = *spot.allocation;
  address = a.base - (a.base & 255) + offset;
  object = a.name, at = static_cast<int64_t>(address - a.base), bytes = a.bytes;
}

} // namespace

void reportRace(Exec &x, const Op &op, RacePair pair) {
  const LaunchInfo &info = *static_cast<const LaunchInfo *>(x.launch);
  const RaceBlock &race = *x.race;
  uint32_t line = x.program->source[x.indexOf(op)];
  if (toldAlready(x, line, pair))
    return;
  const Op &before = x.program->code[pair.before.op];
  OtherAccess other;
  other.line = x.program->source[pair.before.op];
  other.instruction = info.module->lineText(other.line);
  other.block = pair.spot.space == Space::Shared && isAlone(*x.block) ? race.linear : pair.before.block;
  other.warp = warpOf(race, pair.before);
  other.lanes = pair.before.lanesAt(pair.offset);
  other.clock = pair.spot.space == Space::Shared ? race.clockOf(pair.before) : pair.before.clock;
  other.async = pair.before.async();
  bool otherBlock = pair.before.block != pair.now.block;
  pair.wanted = raceScopeWith(x, pair.before.block) == Scope::Cluster ? ".cluster" : ".gpu";
  Advice advice = adviceFor(race, pair);
  std::string message =
      "this " + verbOf(info, op, pair.now) + " (" + whoText(info, race, pair.now, pair.offset, otherBlock) +
      ") races with the " + verbOf(info, before, pair.before) + " of line " + std::to_string(other.line) +
      (pair.before.merged() ? " or of one behind it" : "") +
      " (" + whoText(info, race, pair.before, pair.offset, otherBlock) +
      (other.clock == raceInFlight ? ", in flight" : ", clock " + std::to_string(other.clock)) +
      "): " + advice.why;
  std::string object;
  int64_t at = 0;
  uint64_t bytes = 0, address = 0;
  placeOf(x, pair.spot, pair.offset, object, at, bytes, address);
  report(x, op, pair.proxy ? FindingKind::Proxy : FindingKind::Race, 1u << pair.lane, address,
         pair.bytes, std::move(message), std::move(advice.remedy), object, at, bytes, &other);
}

void reportLaneConflict(Exec &x, const Op &op, const RaceSpot &spot, uint64_t offset, unsigned lane,
                        unsigned width) {
  std::string object;
  int64_t at = 0;
  uint64_t bytes = 0, address = 0;
  placeOf(x, spot, offset, object, at, bytes, address);
  const LaunchInfo &info = *static_cast<const LaunchInfo *>(x.launch);
  bool narrow = op.flags & FlagAddress32;
  uint64_t own = laneAddress(x, op.a, op.imm, narrow, lane);
  unsigned winner = lane;
  for (unsigned i = 0; i < lanes; ++i)
    if (uint64_t theirs = laneAddress(x, op.a, op.imm, narrow, i);
        i != lane && (x.mask >> i & 1) && theirs - own + width - 1 < 2 * uint64_t(width) - 1)
      winner = i;
  OtherAccess other;
  other.line = x.program->source[x.indexOf(op)];
  other.instruction = info.module->lineText(other.line);
  other.warp = x.warp->index;
  other.block = x.block->linear;
  other.lanes = 1u << winner;
  auto who = [&](unsigned i) {
    return "lane " + std::to_string(i) + " (thread " + triple(uint64_t(x.warp->index) * lanes + i, info.block) + ")";
  };
  report(x, op, FindingKind::Race, 1u << lane, address, width,
         "lanes of warp " + std::to_string(x.warp->index) +
             " store different values to the same bytes by one instruction: " + who(lane) + " and " + who(winner) +
             "; which of them stays is not defined",
         "let one lane store, or use an atomic", object, at, bytes, &other);
}

} // namespace cameo::ptx
