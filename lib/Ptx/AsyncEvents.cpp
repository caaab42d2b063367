// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Landing: what is in flight arrives, in an order that the schedule chooses (copies are unordered
// among each other; the latest mode takes the newest first). And the end: nothing can run and
// nothing is in flight is a deadlock, told with who waits for what; threads and blocks that end
// with copies in flight are told, too.
#include "Async.h"
#include "Trace.h"
#include "Wgmma.h"
#include "Race.h"

#include <algorithm>
#include <bit>

namespace cameo::ptx {
namespace {

constexpr unsigned mostIdleRounds = 64; ///< polls of everybody without any change

/// Findings of an event are those of the warp that issued it.
class AsIssuer {
public:
  AsIssuer(Exec &x, Block &block, const BulkCopy &copy) : x(x), warp(x.warp) {
    x.warp = &(copy.issuer ? *copy.issuer : block).warps[copy.warp];
  }
  ~AsIssuer() { x.warp = warp; }

private:
  Exec &x;
  Warp *warp;
};

/// Elements of up to eight bytes, aligned to their size.
void fillOutside(uint8_t *to, const BulkPiece &piece, uint64_t pattern) {
  for (uint32_t i = 0; i < piece.bytes; ++i)
    to[i] = static_cast<uint8_t>(pattern >> 8 * ((piece.shared + i) & 7));
}

void put(const BulkCopy &copy, uint8_t *to, const uint8_t *from, uint32_t bytes) {
  if (copy.reduction)
    reduceInto(copy.reduction, to, from, bytes);
  else
    std::memcpy(to, from, bytes);
}

/// What comes from shared memory of the issuer, or from its registers.
void landSent(Block &block, BulkCopy &copy) {
  const uint8_t *carried = copy.data.data();
  for (const BulkPiece &piece : copy.pieces) {
    const uint8_t *from = copy.fromShared ? copy.issuer->shared + (piece.global - sharedBase) : carried;
    put(copy, block.shared + (piece.shared - sharedBase), from, piece.bytes);
    carried += copy.fromShared ? 0 : piece.bytes;
  }
  copy.landed = true;
}

void landLoad(Exec &x, Block &block, BulkCopy &copy) {
  if (copy.fromShared || !copy.data.empty())
    return landSent(block, copy);
  checkMapUnchanged(x, copy);
  Allocation *source = nullptr;
  for (const BulkPiece &piece : copy.pieces) {
    uint8_t *to = block.shared + (piece.shared - sharedBase);
    if (piece.zeros) {
      fillOutside(to, piece, copy.fill);
      continue;
    }
    if (!piece.bytes)
      continue;
    if (!source || piece.global - source->base >= source->bytes)
      source = x.launch->memory->find(piece.global);
    uint64_t offset = piece.global - source->base;
    if (x.launch->checks && source->shadow && !source->allWritten &&
        !isWritten(source->shadow, offset + (source->base & 3), piece.bytes)) {
      uint64_t address[lanes];
      std::fill(std::begin(address), std::end(address), piece.global);
      reportUninitialised(x, *copy.op, Space::Global, 1u << copy.lane, address, piece.bytes);
    }
    std::memcpy(to, source->host + offset, piece.bytes);
  }
  copy.landed = true;
}

void captureStore(Exec &x, Block &block, BulkCopy &copy) {
  checkMapUnchanged(x, copy);
  for (const BulkPiece &piece : copy.pieces) {
    const uint8_t *from = block.shared + (piece.shared - sharedBase);
    copy.data.insert(copy.data.end(), from, from + piece.bytes);
  }
  copy.landed = true;
}

void writeStore(Exec &x, BulkCopy &copy) {
  Allocation *target = nullptr;
  const uint8_t *from = copy.data.data();
  for (const BulkPiece &piece : copy.pieces) {
    if (!piece.zeros) {
      if (!target || piece.global - target->base >= target->bytes)
        target = x.launch->memory->find(piece.global);
      uint64_t offset = piece.global - target->base;
      if (copy.reduction)
        reduceInto(copy.reduction, target->host + offset, from, piece.bytes);
      else
        std::memcpy(target->host + offset, from, piece.bytes);
      target->stored.store(true, std::memory_order_relaxed);
      if (x.launch->checks && target->shadow)
        markWritten(target->shadow, offset + (target->base & 3), piece.bytes, true);
    }
    from += piece.bytes;
  }
}

void remove(Block &block, size_t index) {
  auto &copies = block.async->copies;
  copies.erase(copies.begin() + static_cast<long>(index));
}

/// The bytes arrive at the barrier of the phase in which they were sent, or something is wrong.
void completeLoad(Exec &x, Block &block, const Op &op, uint32_t address, uint64_t phase,
                  uint32_t bytes, unsigned lane, const std::shared_ptr<const Knowledge> &given) {
  Mbarrier &barrier = useMbarrier(x, op, block, address, lane);
  if (barrier.phase != phase) {
    report(x, op, FindingKind::Mbarrier, 1u << lane, address, 8,
           "the copy was issued in phase " + std::to_string(phase) + " of the mbarrier at " +
               sharedName(x, address) + ", but that phase completed without its " +
               std::to_string(bytes) + " bytes",
           "expect (expect_tx) the bytes of all copies of a phase before its last arrival");
    stopLaunch(x);
  }
  if (barrier.race)
    raceCompleteBytes(barrier);
  if (barrier.race && given)
    barrier.race->current.join(*given);
  completeBytes(x, op, block, barrier, bytes, lane);
}

bool isAwaited(const Block &block, const BulkCopy &copy) {
  for (const Warp &warp : block.warps)
    for (const Group &group : warp.groups)
      if (group.state == GroupState::Waiting &&
          (group.waitAddress == copy.barrier || !group.waitAddress))
        return true;
  return false;
}

bool inFlight(const BulkCopy &copy) { return copy.kind == BulkKind::Store || !copy.landed; }

std::string barrierText(const Exec &x, const Block &block, const Group &group) {
  std::string text = "for phase " + std::to_string(group.waitPhase) + " of the mbarrier at " +
                     sharedName(x, group.waitAddress);
  for (const Mbarrier &b : block.async->mbarriers)
    if (b.address == group.waitAddress) {
      text += " (" + std::to_string(b.pending) + " of " + std::to_string(b.expected) +
              " arrivals and " + std::to_string(b.transactions) + " bytes missing";
      if (b.phase != group.waitPhase)
        text += "; it is in phase " + std::to_string(b.phase);
      text += ")";
    }
  return group.waitAddress ? text : "for several mbarriers";
}

std::string groupText(const Exec &x, const Block &block, const Warp &warp, const Group &group) {
  std::string who = "warp " + std::to_string(warp.index) + " (" +
                    std::to_string(std::popcount(group.mask)) + " threads) waits ";
  const Op &op = group.state == GroupState::Barrier ? group.ip[-1] : *group.ip;
  std::string where = " in line " + std::to_string(lineOf(x, op));
  if (std::string text = wgmmaWaitText(x, block, warp, group); !text.empty())
    return who + text + where;
  if (group.state == GroupState::Waiting)
    return who + barrierText(x, block, group) + where;
  if (group.state == GroupState::Barrier) {
    const BarrierState &b = block.barriers[group.barrier];
    return who + "at barrier " + std::to_string(group.barrier) + " with " +
           std::to_string(b.arrived) + " of " +
           std::to_string(b.expected ? b.expected : block.alive) + " threads" + where;
  }
  if (group.state == GroupState::Cluster)
    return who + "at the barrier of the cluster" + where;
  return who + "for other threads of the warp" + where;
}

} // namespace

void land(Exec &x, Block &block, size_t index) {
  BulkCopy &copy = block.async->copies[index];
  AsIssuer issuer(x, block, copy);
  ++block.async->progress;
  const Op &op = *copy.op;
  if (x.trace && copy.kind == (copy.landed ? BulkKind::Store : BulkKind::Load))
    x.trace->endCopy(x, op, bulkTraceId(copy), copy.landed ? "written" : "landed");
  uint32_t barrier = copy.barrier, bytes = copy.bytes;
  uint64_t phase = copy.phase;
  unsigned lane = copy.lane;
  std::shared_ptr<const Knowledge> given = std::move(copy.race);
  switch (copy.kind) {
  case BulkKind::Load:
    landLoad(x, block, copy);
    if (!x.launch->checks)
      remove(block, index); // nobody asks who has seen it
    completeLoad(x, block, op, barrier, phase, bytes, lane, given);
    break;
  case BulkKind::Store:
    if (!copy.landed) {
      captureStore(x, block, copy);
      copy.due += 1 + (x.launch->asyncPoint == 2 ? x.nextRandom() % 8 : 0);
    } else {
      checkMapUnchanged(x, copy);
      writeStore(x, copy);
      copy.data.clear();
      copy.written = true;
      // Until a wait has released it, its source is not the program's again: it stays as a note.
      if (copy.released)
        remove(block, index);
    }
    break;
  case BulkKind::Send: break;
  case BulkKind::Arrive: {
    uint32_t mask = copy.mask;
    // Copies that arrivals before this one cover are over, too, and count as stored at the clocks of those: who
    // waits for those knows no more.
    for (const BulkCopy &before : block.async->copies)
      if (before.kind == BulkKind::Arrive && before.warp == copy.warp && (before.mask & mask) &&
          before.sequence < copy.sequence)
        landCopies(x, block.warps[copy.warp], before.mask & mask, before.sequence, before.raceClock);
    landCopies(x, block.warps[copy.warp], mask, copy.sequence, copy.raceClock);
    remove(block, index);
    Mbarrier &b = useMbarrier(x, op, block, barrier, lane);
    if (b.race && given)
      b.race->current.join(*given);
    arriveOn(x, op, block, b, static_cast<uint32_t>(std::popcount(mask)), ArriveMode::Normal, lane);
    break;
  }
  }
}

bool releaseStore(Exec &x, Block &block, size_t index, bool write) {
  auto &copies = block.async->copies;
  checkMapUnchanged(x, copies[index]);
  copies[index].released = true;
  if (write) // that its source was read says nothing of its map
    copies[index].map = nullptr;
  if (!copies[index].landed)
    land(x, block, index);
  if (write && !copies[index].written) {
    land(x, block, index);
    return true;
  }
  if (!copies[index].written)
    return false;
  remove(block, index);
  return true;
}

void landDue(Exec &x, Block &block) {
  auto &copies = block.async->copies;
  for (size_t i = 0; i < copies.size();) {
    size_t before = copies.size();
    if (inFlight(copies[i]) && copies[i].due <= block.async->turns && !copies[i].written)
      land(x, block, i);
    i += copies.size() >= before;
  }
}

bool landNext(Exec &x, Block &block) {
  auto &copies = block.async->copies;
  std::vector<size_t> awaited, others;
  for (size_t i = 0; i < copies.size(); ++i)
    if (copies[i].kind != BulkKind::Store && !copies[i].landed)
      (isAwaited(block, copies[i]) ? awaited : others).push_back(i);
  const std::vector<size_t> &from = awaited.empty() ? others : awaited;
  if (from.empty())
    return false;
  size_t pick = x.launch->asyncPoint == 2 ? x.nextRandom() % from.size() : from.size() - 1;
  land(x, block, from[pick]);
  return true;
}

bool wakePollers(Block &block) {
  AsyncState &async = *block.async;
  async.idleRounds = async.progress == async.idleProgress ? async.idleRounds + 1 : 0;
  async.idleProgress = async.progress;
  if (async.idleRounds >= mostIdleRounds)
    return false;
  bool any = false;
  for (Warp &warp : block.warps)
    for (Group &group : warp.groups)
      if (group.state == GroupState::Waiting) {
        group.state = GroupState::Ready;
        group.sawFalse = any = true;
      }
  return any;
}

void reportStuck(Exec &x, Block &block) {
  const Warp *first = nullptr;
  const Group *stuck = nullptr;
  std::string text;
  unsigned told = 0, more = 0;
  for (Warp &warp : block.warps)
    for (Group &group : warp.groups) {
      if (group.waitOp && group.state != GroupState::Barrier && !stuck) {
        first = &warp;
        stuck = &group;
      }
      if (told == 8) {
        ++more;
        continue;
      }
      ++told;
      text += (text.empty() ? "" : "; ") + groupText(x, block, warp, group);
    }
  if (more)
    text += "; and " + std::to_string(more) + " more";
  if (!stuck)
    return;
  x.warp = const_cast<Warp *>(first);
  report(x, *stuck->waitOp, FindingKind::Deadlock, stuck->mask, stuck->waitAddress, 0,
         "deadlock: nothing can run and nothing is in flight: " + text,
         wgmmaWaitText(x, block, *first, *stuck).empty()
             ? "let every phase get the arrivals and bytes that it expects, and wait with the parity of "
               "the phase that is meant"
             : "let all four warps of the warpgroup execute the same wgmma, and ask (setmaxnreg.inc) for "
               "no more registers than the others give back");
}

void exitAsync(Exec &x, Block &block, Warp &warp, uint32_t mask) {
  auto &copies = block.async->copies;
  ++block.async->progress;
  for (size_t i = 0; i < copies.size();) {
    BulkCopy &copy = copies[i];
    if (copy.kind == BulkKind::Arrive && copy.warp == warp.index && (mask & copy.mask)) {
      land(x, block, i); // what an exited thread has started comes all the same
      continue;
    }
    if (copy.kind != BulkKind::Store || copy.warp != warp.index || !(mask >> copy.lane & 1)) {
      ++i;
      continue;
    }
    if (!copy.released && x.launch->checks)
      report(x, *copy.op, FindingKind::AsyncLeft, 1u << copy.lane, copy.spans[0].first, copy.bytes,
             "the thread exits while this copy may still read its source in shared memory",
             "commit it and wait (cp.async.bulk.wait_group.read 0) before the thread exits");
    releaseStore(x, block, i, true);
  }
}

void finishAsync(Exec &x, Block &block) {
  if (x.launch->checks) {
    for (const BulkCopy &copy : block.async->copies)
      if (copy.kind == BulkKind::Send && !*copy.sourceFree) {
        AsIssuer issuer(x, block, copy);
        report(x, *copy.op, FindingKind::AsyncLeft, 1u << copy.lane, copy.spans[0].first, copy.bytes,
               "the block ends while this copy to another block may still read its shared memory",
               "let the other block say (at a barrier of the cluster, or by an arrival) that it has "
               "seen the phase of its mbarrier complete, and wait for that");
      } else if (copy.kind == BulkKind::Load && !copy.seen) {
        AsIssuer issuer(x, block, copy);
        report(x, *copy.op, FindingKind::AsyncLeft, 1u << copy.lane, copy.spans[0].first,
               copy.bytes,
               "the block ends and nobody has waited for this copy into its shared memory",
               "wait for the phase of its mbarrier before the last thread exits");
      }
  }
  block.async->clear();
}

} // namespace cameo::ptx
