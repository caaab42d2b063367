// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One warp for a while. Within it the group with the lowest program counter runs first, which makes
// lanes that parted meet again behind the `if` as early as the code allows; a group that keeps
// running while others wait is put aside after a while, and soon where it only polls, so that a spin
// loop cannot starve the lane it waits for.
#include "Async.h"
#include "Cluster.h"
#include "SyncHandlers.h"
#include "Trace.h"
#include "Wgmma.h"
#include "Worker.h"

#include "cameo/Ptx/cameo_ptx.h"

#include <algorithm>
#include <bit>

namespace cameo::ptx {
namespace {

constexpr int64_t groupQuantum = 1024; // instructions between the groups of a diverged warp
constexpr uint64_t mostTurnsAhead = 8; // of one group before another that could run

OpKind kindOf(const Op &op) { return op.kind; }

void countInstruction(Exec &x, const Op &op) {
  Counts &c = *x.counts;
  uint32_t mask = x.mask;
  if (op.run == &runPredicated) {
    uint32_t bits = x.predicate(op.pred);
    mask &= op.flags & FlagPredNegated ? ~bits : bits;
  }
  uint64_t threads = static_cast<uint64_t>(std::popcount(mask));
  c.warpInstructions += 1;
  c.threadInstructions += threads;
  switch (kindOf(op)) {
  case OpKind::Alu: c.alu += threads; break;
  case OpKind::Fma: c.fma += threads; break;
  case OpKind::Special: c.special += threads; break;
  case OpKind::Convert: c.convert += threads; break;
  case OpKind::Control: c.control += threads; break;
  default: break;
  }
}

} // namespace

template <bool Counting, bool Watching> void Worker::loop() {
  do {
    const Op &op = *x.ip++;
    Counts before;
    if (Counting) {
      before = counts;
      countInstruction(x, op);
    }
    if (Watching && (op.traits & TraitStoresShared))
      guardStore(x, op);
    if (Watching && (op.traits & traitWgmmaRegister))
      guardWgmmaRegisters(x, op);
    op.run(x, op);
    if (Counting)
      byOp[x.indexOf(op)].addDifference(counts, before);
  } while (--x.budget > 0 && x.ip < x.limit);
}

/// Lanes of two groups that are at the same place, with the same callers, are one group. Not before a bra.uni: who has
/// polled at another time may have seen something else, and did not come there together.
void Worker::mergeGroups(Warp &warp) {
  static const Handler uniform = findHandler("bra.uni.if");
  auto &groups = warp.groups;
  for (size_t i = 0; i < groups.size(); ++i)
    for (size_t j = i + 1; j < groups.size();) {
      Group &a = groups[i], &b = groups[j];
      if (a.ip == b.ip && a.ip->run != uniform && a.state != GroupState::Barrier && b.state != GroupState::Barrier &&
          a.frameBase == b.frameBase && a.localOffset == b.localOffset && a.frames == b.frames) {
        a.mask |= b.mask;
        a.state = GroupState::Ready;
        a.turn = std::min(a.turn, b.turn);
        groups.erase(groups.begin() + static_cast<long>(j));
      } else {
        ++j;
      }
    }
}

Group *Worker::pickGroup(Warp &warp) {
  Group *best = nullptr, *oldest = nullptr;
  unsigned ready = 0;
  for (Group &g : warp.groups) {
    if (g.state != GroupState::Ready)
      continue;
    ++ready;
    if (!best || g.ip < best->ip)
      best = &g;
    if (!oldest || g.turn < oldest->turn)
      oldest = &g;
  }
  // Lanes that parted owe each other no order.
  if (ready > 1 && launch.schedule == CAMEO_PTX_SCHEDULE_RANDOM && x.nextRandom() % 4 == 0)
    for (uint64_t skip = x.nextRandom() % ready; Group &g : warp.groups)
      if (g.state == GroupState::Ready && skip-- == 0)
        return &g;
  // Who has not run for long goes first now and then: no group may starve another.
  if (ready > 1 && oldest != best && warp.turn - oldest->turn > mostTurnsAhead)
    return oldest;
  return best;
}

void Worker::runGroup(Warp &warp, Group &group, int64_t &quantum) {
  x.group = &group;
  x.warp = &warp;
  x.whole = warp.alive;
  x.ip = group.ip;
  if (x.mask != group.mask || x.full != (group.mask == warp.alive))
    x.setMask(group.mask);
  x.base[BaseFrame] = warp.registers + group.frameBase;
  x.base[BaseSpecial] = warp.specials;
  x.pause = Pause::None;
  x.limit = reinterpret_cast<const Op *>(~uintptr_t(0));
  x.budget = quantum;
  if (warp.groups.size() > 1) {
    x.budget = std::min(quantum, groupQuantum);
    for (const Group &other : warp.groups)
      if (other.ip > group.ip && other.ip < x.limit)
        x.limit = other.ip;
  }
  int64_t before = x.budget;
  if (x.trace)
    x.trace->beginSlice(x, group, warpInstructions);
  if (launch.program->usesAsync && launch.checks)
    x.counts ? loop<true, true>() : loop<false, true>();
  else
    x.counts ? loop<true, false>() : loop<false, false>();
  int64_t left = x.pause == Pause::None ? x.budget : x.budgetLeft - 1;
  int64_t used = before - left;
  quantum -= used;
  warpInstructions += static_cast<uint64_t>(used);
  threadInstructions += static_cast<uint64_t>(used) * static_cast<uint64_t>(std::popcount(x.mask));
  if (x.trace)
    x.trace->endSlice(x, warpInstructions);
  group.ip = x.ip;
  group.turn = ++warp.turn;
}

void Worker::endThreads(Block &block, Warp &warp, uint32_t mask) {
  if (launch.program->usesAsync)
    exitAsync(x, block, warp, mask);
  if (block.async->wgmma && warp.alive == mask)
    exitWgmma(x, block, warp);
  if (block.async->registers)
    exitPool(x, block, warp, mask);
  warp.alive &= ~mask;
  warp.clusterArrived &= ~mask;
  warp.clusterPassed &= ~mask;
  block.alive -= static_cast<uint32_t>(std::popcount(mask));
  for (PendingCopy &copy : warp.copies)
    copy.mask &= ~mask;
  for (Group &g : warp.groups) // who waits for these lanes looks again
    if (g.state == GroupState::Converging)
      g.state = GroupState::Ready;
  for (uint32_t id = 0; id < 16; ++id)
    if (!block.barriers[id].expected && barrierIsFull(block, block.barriers[id]))
      completeBarrier(block, id, *launch.program);
  if (launch.program->usesClusterBarrier || !isAlone(block))
    exitCluster(x, block);
}

WarpResult Worker::runWarp(Block &block, Warp &warp, int64_t quantum) {
  if (launch.checks && !block.async->copies.empty())
    showCopies(block, warp);
  while (quantum > 0) {
    if (warp.groups.empty())
      return WarpResult::Finished;
    Group *group = pickGroup(warp);
    if (!group)
      return WarpResult::Blocked;
    runGroup(warp, *group, quantum);
    switch (x.pause) {
    case Pause::Exit: {
      // Under a predicate only some lanes leave; decoding makes that a branch.
      uint32_t mask = group->mask;
      warp.groups.erase(warp.groups.begin() + (group - warp.groups.data()));
      endThreads(block, warp, mask);
      break;
    }
    case Pause::Split: {
      Group taken = *group;
      taken.mask = x.splitMask;
      taken.ip = x.splitIp;
      group->mask &= ~x.splitMask;
      warp.groups.push_back(std::move(taken));
      break;
    }
    case Pause::Converge:
      group->state = GroupState::Converging;
      group->need = x.need;
      break;
    case Pause::Barrier:
      group->state = GroupState::Barrier;
      group->barrier = x.barrier;
      break;
    case Pause::Wait: group->state = GroupState::Waiting; break;
    case Pause::Cluster: group->state = GroupState::Cluster; break;
    case Pause::Switch:
      // It seems to wait for somebody: perhaps for other lanes, who go first then.
      for (Group &other : warp.groups)
        if (&other != group)
          other.turn -= std::min(other.turn, mostTurnsAhead + 1);
      quantum = 0;
      break;
    case Pause::None: break;
    }
    if (warp.groups.size() > 1)
      mergeGroups(warp);
  }
  return WarpResult::Quantum;
}

} // namespace cameo::ptx
