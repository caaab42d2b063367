// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Copies and mbarriers as agents. What a bulk load writes is known to those that know the phase of its
// mbarrier; what a bulk store reads, and what it writes, to those that know of its thread's
// wait. A cp.async is nobody's until the wait of its thread: from then on its bytes count as stored by
// that thread, there and then. An mbarrier hands on what its arrivals knew.
#include "Async.h"
#include "Cluster.h"
#include "Footprints.h"
#include "RaceWalk.h"

#include <algorithm>
#include <bit>

namespace cameo::ptx {
namespace {

RaceWarp &warpOf(Exec &x) { return x.race->warps[x.warp->index]; }

void readGlobal(Exec &x, const BulkCopy &copy, RaceCopy how) {
  Allocation *a = nullptr;
  for (const BulkPiece &piece : copy.pieces) {
    if (piece.zeros || !piece.bytes)
      continue;
    if (!a || !a->contains(piece.global, piece.bytes))
      a = x.launch->memory->find(piece.global);
    if (a)
      raceRange(x, *copy.op, raceGlobal(*a), piece.global - a->base + (a->base & 255), piece.bytes, how);
  }
}

} // namespace

void raceInitMbarrier(Exec &x, Mbarrier &barrier, unsigned lane) {
  RaceWarp &warp = warpOf(x);
  barrier.race = std::make_shared<RaceMbarrier>();
  barrier.race->agent = x.race->newMbarrierAgent();
  barrier.race->initBlock = x.race->linear;
  barrier.race->initWarp = warp.index, barrier.race->initLane = lane;
  barrier.race->initClock = warp.clock;
  warp.touched = true;
  if (Footprints *log = x.launch->footprints.get())
    log->add(x, barrier.init, Footprint::Mbarrier, lane, barrier.address - sharedBase, 8);
}

void raceUseMbarrier(Exec &x, const Op &op, const Mbarrier &barrier, unsigned lane) {
  const RaceMbarrier &race = *barrier.race;
  if (Footprints *log = x.launch->footprints.get())
    log->add(x, &op, Footprint::Mbarrier, lane, barrier.address - sharedBase, 8);
  bool own = race.initBlock == x.race->linear;
  if (own && race.initWarp == x.warp->index && race.initLane == lane)
    return;
  for (const RaceClass &c : warpOf(x).classes) {
    const BlockKnowledge *k = own ? c.known.get() : findBlock(c.known->others, race.initBlock);
    if ((c.mask >> lane & 1) && k && k->known.covers(race.initWarp, race.initClock, 1u << race.initLane))
      return;
  }
  OtherAccess other;
  other.line = lineOf(x, *barrier.init);
  other.block = x.block->linear;
  other.warp = race.initWarp, other.lanes = 1u << race.initLane, other.clock = race.initClock;
  const Region *region = sharedRegion(x, barrier.address);
  report(x, op, FindingKind::Race, 1u << lane, barrier.address, 8,
         "warp " + std::to_string(x.warp->index) + ", lane " + std::to_string(lane) +
             " uses the mbarrier at " + sharedName(x, barrier.address) +
             ", and nothing orders its initialisation in line " + std::to_string(other.line) +
             " (warp " + std::to_string(race.initWarp) + ", lane " + std::to_string(race.initLane) +
             ") before that",
         "put fence.mbarrier_init.release.cluster and a barrier of the block (or of the cluster) "
         "between mbarrier.init and the first use",
         region ? region->name : "", region ? static_cast<int64_t>(barrier.address - region->base) : 0,
         region ? region->bytes : 0, &other);
}

namespace {

Scope scopeOf(const Op &op) { return static_cast<Scope>(op.count); }

/// What a relaxed arrival hands on: what a fence of its thread has before it.
void arriveRelaxed(Exec &x, const Op &op, RaceMbarrier &race, uint32_t mask, bool remote) {
  RaceWarp &warp = warpOf(x);
  x.race->eachClass(warp, mask, [&](RaceClass &c) {
    if (!c.fence || (remote && std::min(c.fenceScope, scopeOf(op)) < Scope::Cluster))
      return;
    Knowledge given = *c.fence;
    given.known.raise(warp.index, c.fenceClock, c.mask & mask);
    if (remote)
      race.remote = joined(race.remote, racePublish(*x.race, std::move(given)), ~uint64_t(0));
    else
      race.current.join(given);
  });
}

} // namespace

/// An arrival at another block's barrier whose scope is its own block releases nothing there. Where it names no scope,
/// that what it has read, and copies it has waited for, are over is taken from it all the same: kernels release stages
/// of a ring so.
void raceArrive(Exec &x, const Op &op, Mbarrier &barrier, uint32_t mask) {
  RaceMbarrier &race = *barrier.race;
  bool remote = x.block != x.warp->block;
  if (op.size & MbarrierRelaxed)
    return arriveRelaxed(x, op, race, mask, remote);
  Knowledge given = x.race->release(warpOf(x), mask);
  if (!remote)
    return race.current.join(given);
  OthersPtr published = racePublish(*x.race, std::move(given));
  if (scopeOf(op) == Scope::Block) {
    race.missed = joined(race.missed, published, ~uint64_t(0));
    race.missedLine = lineOf(x, op);
    published = op.size & MbarrierOwnScope ? nullptr : loosened(published);
  } else {
    race.remoteLine = lineOf(x, op);
  }
  race.remote = joined(race.remote, published, ~uint64_t(0));
}

KnowledgePtr raceGiven(Exec &x, const Block &to, uint32_t mask) {
  Knowledge given = x.race->release(warpOf(x), mask);
  if (&to == x.warp->block)
    return std::make_shared<const Knowledge>(std::move(given));
  Knowledge remote;
  remote.others = racePublish(*x.race, std::move(given));
  return std::make_shared<const Knowledge>(std::move(remote));
}

void racePhase(Mbarrier &barrier) {
  RaceMbarrier &race = *barrier.race;
  auto all = std::make_shared<Knowledge>(std::exchange(race.current, {}));
  if (race.completed)
    all->join(*race.completed);
  race.completed = all;
  race.remoteCompleted = joined(race.remoteCompleted, std::exchange(race.remote, nullptr), ~uint64_t(0));
}

/// A wait that names the scope .cta acquires nothing from other blocks, and nothing of copies where they have issued
/// some; one that names none is taken for one of the cluster, as those who wrote it mean it.
void raceWaited(Exec &x, const Op &op, const Mbarrier &barrier, uint32_t mask) {
  if (Footprints *log = x.launch->footprints.get())
    for (uint32_t rest = mask; rest; rest &= rest - 1)
      log->add(x, nullptr, Footprint::Waited, static_cast<unsigned>(std::countr_zero(rest)),
               barrier.address - sharedBase, 8);
  const RaceMbarrier &race = *barrier.race;
  if (!race.completed)
    return;
  bool own = op.size & MbarrierOwnScope, narrow = own && race.remoteCompleted;
  KnowledgePtr given = race.completed;
  if (race.remoteCompleted && !narrow) {
    auto all = std::make_shared<Knowledge>(*given);
    all->others = joined(all->others, race.remoteCompleted, ~uint64_t(0));
    given = all;
  }
  if (own && race.remoteCopy) {
    auto all = std::make_shared<Knowledge>(*given);
    all->known.forget(race.agent);
    all->fenced.forget(race.agent);
    given = all;
  }
  RaceWarp &warp = warpOf(x);
  if (op.size & MbarrierRelaxed) {
    OthersPtr published = racePublish(*x.race, Knowledge(*given));
    x.race->eachClass(warp, mask, [&](RaceClass &c) {
      auto own = std::make_shared<Knowledge>(*c.known);
      own->addPending(published, static_cast<uint8_t>(race.remoteCompleted ? Scope::Cluster : Scope::Block));
      c.known = own;
    });
    return;
  }
  x.race->acquire(warp, mask, *given);
  OthersPtr seen = narrow ? race.remoteCompleted : race.missed;
  uint32_t line = narrow ? race.remoteLine : race.missedLine;
  if (!seen && own && race.remoteCopy)
    seen = racePublish(*x.race, Knowledge(*race.completed)), line = race.remoteCopy;
  if (!seen)
    return;
  for (RaceClass &c : warp.classes)
    if (c.mask & mask)
      c.hint = {seen, lineOf(x, op), line, true};
}

void raceCompleteBytes(Mbarrier &barrier) {
  RaceMbarrier &race = *barrier.race;
  uint32_t clock = static_cast<uint32_t>(barrier.phase + 1);
  race.current.known.raise(race.agent, clock);
  race.current.fenced.raise(race.agent, clock);
}

/// In the block that gets the data (x.block), by a thread of x.race. What the copy reads and writes is of the
/// mbarrier's agent: who has seen its phase knows both to be over.
void raceBulkLoad(Exec &x, const BulkCopy &copy, const Mbarrier &barrier) {
  RaceCopy how;
  if (copy.issuer && copy.issuer != x.block)
    barrier.race->remoteCopy = lineOf(x, *copy.op);
  how.agent = barrier.race->agent;
  how.of = x.block->race.get();
  how.clock = static_cast<uint32_t>(copy.phase + 1);
  how.lane = copy.lane;
  how.proxy = true; // what threads have stored there is the generic proxy's
  how.looksOnly = copy.multicast; // the one read is over when any of its barriers says so
  bool fromRegisters = !copy.data.empty();
  if (copy.fromShared) {
    AtBlock at(x, *copy.issuer);
    for (const BulkPiece &piece : copy.pieces)
      raceRange(x, *copy.op, raceSharedOf(x), piece.global - sharedBase, piece.bytes, how);
  } else if (!fromRegisters) {
    readGlobal(x, copy, how);
  }
  how.looksOnly = false;
  how.proxy = !fromRegisters; // what threads have stored there may else come after it
  how.kind = static_cast<uint8_t>(RaceAsync | RaceWrite |
                                  (copy.reduction ? RaceStrong | raceScope(Scope::Cluster) : 0));
  if (Footprints *log = x.launch->footprints.get(); log && x.block == x.warp->block && !copy.fromShared && !fromRegisters)
    for (const SharedSpan &span : copy.spans)
      log->add(x, copy.op, Footprint::Write, copy.lane, span.first - sharedBase, span.bytes);
  if (!fromRegisters)
    for (const SharedSpan &span : copy.spans)
      raceRange(x, *copy.op, raceSharedOf(x), span.first - sharedBase, span.bytes, how);
  for (size_t i = 0; fromRegisters && i < copy.pieces.size(); ++i) {
    // One record for all lanes, as for their loads and stores.
    const BulkPiece &piece = copy.pieces[i];
    uint64_t offset = piece.shared - sharedBase;
    how.lane = copy.lanes[i];
    how.mask = copy.mask;
    how.byAddress = true;
    how.widthLog = static_cast<uint8_t>(std::countr_zero(piece.bytes));
    how.residue = static_cast<uint8_t>(((offset >> how.widthLog) - how.lane) & 31);
    raceRange(x, *copy.op, raceSharedOf(x), offset, piece.bytes, how);
  }
}

void raceBulkStore(Exec &x, const BulkCopy &copy) {
  RaceWarp &warp = warpOf(x);
  uint32_t sequence = ++warp.bulkIssued;
  warp.bulk.push_back({copy.lane, 0, sequence, false});
  RaceCopy how;
  if (Footprints *log = x.launch->footprints.get()) {
    for (const BulkPiece &piece : copy.pieces)
      if (!piece.zeros && piece.bytes)
        log->pending(x, *copy.op, Footprint::Write, copy.lane, sequence, piece.global, piece.bytes);
    for (const SharedSpan &span : copy.spans)
      log->pending(x, *copy.op, Footprint::Read, copy.lane, sequence, span.first - sharedBase, span.bytes);
  }
  how.agent = x.race->readerAgent(warp.index);
  how.clock = sequence;
  how.lane = copy.lane;
  how.proxy = true;
  for (const SharedSpan &span : copy.spans)
    raceRange(x, *copy.op, raceShared(), span.first - sharedBase, span.bytes, how);
  how.agent = x.race->writerAgent(warp.index);
  how.proxy = copy.reduction != 0; // it reads what is there
  how.kind = static_cast<uint8_t>(RaceAsync | RaceWrite |
                                  (copy.reduction ? RaceStrong | raceScope(Scope::Device) : 0));
  how.store = copy.reduction ? nullptr : &copy;
  readGlobal(x, copy, how);
}

namespace {

/// The byte that a store brings to a global address, of its source in shared memory or of what it has read from there.
bool broughtBy(const Block &block, const BulkCopy &copy, uint64_t address, uint8_t &byte) {
  size_t carried = 0;
  for (const BulkPiece &piece : copy.pieces) {
    uint64_t at = address - piece.global;
    if (!piece.zeros && at < piece.bytes) {
      byte = copy.landed ? copy.data[carried + at] : block.shared[piece.shared - sharedBase + at];
      return true;
    }
    carried += piece.bytes;
  }
  return false;
}

} // namespace

bool raceStoresSame(const Exec &x, const BulkCopy &copy, const Allocation &target, uint64_t address, unsigned bytes) {
  for (uint64_t at = address; at < address + bytes; ++at) {
    uint8_t mine = 0, theirs = target.host[at - target.base];
    if (!broughtBy(*x.block, copy, at, mine))
      return false;
    for (const BulkCopy &other : x.block->async->copies) // the last of them is the newest
      if (other.kind == BulkKind::Store && !other.written)
        if (uint8_t byte = 0; broughtBy(*x.block, other, at, byte)) {
          if (other.reduction)
            return false;
          theirs = byte;
        }
    if (mine != theirs)
      return false;
  }
  return true;
}

void raceBulkCommit(Exec &x) {
  for (RaceBulk &bulk : warpOf(x).bulk)
    if (!bulk.committed && (x.mask >> bulk.lane & 1)) {
      bulk.committed = true;
      bulk.group = x.warp->bulkCommitted[bulk.lane];
    }
}

void raceBulkWait(Exec &x, uint64_t mayStay, bool readOnly) {
  RaceBlock &race = *x.race;
  RaceWarp &warp = warpOf(x);
  uint32_t newest[lanes] = {};
  std::erase_if(warp.bulk, [&](const RaceBulk &bulk) {
    bool covered = bulk.committed && (x.mask >> bulk.lane & 1) &&
                   x.warp->bulkCommitted[bulk.lane] - bulk.group > mayStay;
    if (covered)
      newest[bulk.lane] = std::max(newest[bulk.lane], bulk.sequence);
    return covered;
  });
  for (unsigned lane = 0; lane < lanes; ++lane) {
    if (!newest[lane])
      continue;
    if (Footprints *log = x.launch->footprints.get())
      log->waited(x, lane, newest[lane]);
    race.eachClass(warp, 1u << lane, [&](RaceClass &c) {
      auto own = std::make_shared<Knowledge>(*c.known);
      for (Clock *clock : {&own->known, &own->fenced}) {
        clock->raise(race.readerAgent(warp.index), newest[lane], 1u << lane);
        if (!readOnly)
          clock->raise(race.writerAgent(warp.index), newest[lane], 1u << lane);
      }
      c.known = own;
    });
    if (readOnly) // what they write is waited for by a later wait, for all of them at once
      warp.bulk.insert(warp.bulk.begin(), {lane, x.warp->bulkCommitted[lane] - 1 - static_cast<uint32_t>(mayStay),
                                           newest[lane], true});
  }
}

void raceWgmmaRead(Exec &x, const Op &op, const std::vector<uint32_t> &units, uint64_t number) {
  RaceCopy how;
  how.agent = x.race->matrixAgent(x.warp->index / 4 * 4);
  how.clock = static_cast<uint32_t>(number);
  how.proxy = true;
  if (Footprints *log = x.launch->footprints.get())
    for (size_t i = 0, end; i < units.size(); i = end) { // neighbours go together
      for (end = i + 1; end < units.size() && units[end] == units[end - 1] + 16;)
        ++end;
      log->pendingMatrix(x, op, number, units[i] - sharedBase, (end - i) * 16);
    }
  x.race->keepSmall();
  RaceSpot spot = raceShared();
  RaceWalk walk(x, op, spot);
  walk.asCopy(how);
  walk.units(units);
}

/// The first wait of any of the four warps does it for the operation as a whole.
void raceWgmmaWaited(Exec &x, uint64_t number) {
  RaceBlock &race = *x.race;
  if (Footprints *log = x.launch->footprints.get())
    log->waitedMatrix(x, number);
  uint32_t agent = race.matrixAgent(x.warp->index / 4 * 4);
  race.eachClass(warpOf(x), x.mask, [&](RaceClass &c) {
    if (c.known->known.ofAll(agent) >= number)
      return;
    auto own = std::make_shared<Knowledge>(*c.known);
    own->known.raise(agent, static_cast<uint32_t>(number));
    own->fenced.raise(agent, static_cast<uint32_t>(number));
    c.known = own;
  });
}

} // namespace cameo::ptx
