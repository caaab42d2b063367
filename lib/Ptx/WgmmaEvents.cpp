// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// wgmma in flight, to its wait. When an operation is done is the schedule's choice, but operations of
// a group are done in order, and the first wait of any warp that covers one does it. A wait for an
// operation that lacks a warp's part sleeps; that the part never comes is a deadlock that names the
// warps.
#include "Wgmma.h"
#include "Async.h"
#include "Race.h"
#include "SyncHandlers.h"

#include <bit>

namespace cameo::ptx {
namespace {

void landOperation(Exec &x, Block &block, unsigned group, WgmmaOperation &operation) {
  WgmmaJob &job = block.async->wgmma->job;
  job.operation = &operation;
  job.shared = block.shared;
  for (unsigned w = 0; w < warpsOfGroup; ++w)
    job.frames[w] = block.warps[group * warpsOfGroup + w].registers + operation.frame[w];
  operation.op->inner(x, *operation.op);
  operation.landed = true;
  ++block.async->progress;
}

bool holds(const WgmmaOperation &o, const WgmmaMove &move, unsigned rank) {
  for (uint32_t source : move.sources) {
    for (uint32_t t : o.form->trackedD)
      if (t == source)
        return true;
    for (const WgmmaDeferred &deferred : o.deferred)
      for (uint32_t t : deferred.move->targets)
        if (deferred.rank == rank && t == source)
          return true;
  }
  return false;
}

void commit(Exec &x, const Op &op) {
  if (!gatherLanes(x, op, 0xffffffffu))
    return;
  WgmmaState &state = wgmmaState(x);
  WgmmaWarp &mine = state.warps[x.warp->index];
  unsigned rank = rankOf(*x.warp);
  if (x.warp->index / warpsOfGroup < state.groups.size())
    for (WgmmaOperation &o : groupOf(state, *x.warp).operations)
      if ((o.arrived & ~o.committed) >> rank & 1) {
        o.committed |= static_cast<uint8_t>(1 << rank);
        o.group[rank] = mine.committed;
      }
  ++mine.committed;
}

/// imm: the move, which has just been executed.
void noteMove(Exec &x, const Op &op) {
  if (!x.block->async->wgmma || x.warp->index / warpsOfGroup >= wgmmaState(x).groups.size())
    return;
  const WgmmaMove &move = x.program->wgmma->moves[static_cast<size_t>(op.imm)];
  WgmmaState &state = wgmmaState(x);
  WgmmaWarp &mine = state.warps[x.warp->index];
  bool inFlight = false;
  for (uint32_t source : move.sources)
    inFlight = inFlight || mine.lockD[source];
  if (!inFlight)
    return;
  auto &operations = groupOf(state, *x.warp).operations;
  unsigned rank = rankOf(*x.warp);
  for (size_t i = operations.size(); i-- > 0;) { // the last one that has it
    WgmmaOperation &o = operations[i];
    if (!((o.arrived & ~o.waited) >> rank & 1) || !holds(o, move, rank))
      continue;
    o.deferred.push_back({&move, x.mask, rank});
    for (uint32_t target : move.targets)
      ++mine.lockD[target];
    return;
  }
}

void executeDeferred(Exec &x, const WgmmaOperation &o, unsigned rank) {
  uint32_t mask = x.mask;
  for (const WgmmaDeferred &deferred : o.deferred) {
    if (deferred.rank != rank)
      continue;
    x.setMask(deferred.mask);
    for (size_t i = deferred.move->begin; i < deferred.move->end; ++i)
      x.program->code[i].inner(x, x.program->code[i]);
  }
  x.setMask(mask);
}

/// The warp has waited for (or left) an operation.
void settle(WgmmaOperation &o, WgmmaWarp &mine, unsigned rank) {
  o.waited |= static_cast<uint8_t>(1 << rank);
  lockRegisters(mine, *o.form, -1);
  for (const WgmmaDeferred &deferred : o.deferred)
    for (uint32_t target : deferred.move->targets)
      mine.lockD[target] = static_cast<uint16_t>(mine.lockD[target] - (deferred.rank == rank));
}

void dropSettled(WgmmaState::Group &group) {
  while (!group.operations.empty() && group.operations.front().waited == allWarps) {
    group.operations.pop_front();
    ++group.first;
  }
}

/// imm: groups that may stay in flight.
void waitGroup(Exec &x, const Op &op) {
  if (!gatherLanes(x, op, 0xffffffffu))
    return;
  WgmmaState &state = wgmmaState(x);
  if (x.warp->index / warpsOfGroup >= state.groups.size())
    return;
  WgmmaState::Group &group = groupOf(state, *x.warp);
  WgmmaWarp &mine = state.warps[x.warp->index];
  unsigned rank = rankOf(*x.warp);
  size_t covered = 0; // one beyond the last
  for (size_t i = 0; i < group.operations.size(); ++i) {
    const WgmmaOperation &o = group.operations[i];
    if ((o.committed & ~o.waited) >> rank & 1 &&
        int64_t(mine.committed - o.group[rank]) > op.imm) {
      if (o.arrived != allWarps)
        return sleepAt(x, op);
      covered = i + 1;
    }
  }
  x.group->waitOp = nullptr;
  x.group->sawFalse = false;
  for (size_t i = 0; i < covered; ++i) {
    WgmmaOperation &o = group.operations[i];
    if (!o.landed)
      landOperation(x, *x.block, x.warp->index / warpsOfGroup, o);
    if (o.waited >> rank & 1)
      continue;
    settle(o, mine, rank);
    if (!o.deferred.empty())
      executeDeferred(x, o, rank);
  }
  if (covered && x.race)
    raceWgmmaWaited(x, group.first + covered);
  dropSettled(group);
}

void fence(Exec &x, const Op &op) {
  if (!gatherLanes(x, op, 0xffffffffu))
    return;
  WgmmaWarp &mine = wgmmaState(x).warps[x.warp->index];
  mine.fenced = true;
  if (mine.anyTouched)
    std::fill(mine.touched.begin(), mine.touched.end(), nullptr);
  mine.anyTouched = false;
}

} // namespace

void lockRegisters(WgmmaWarp &warp, const WgmmaForm &form, int change) {
  auto lock = [&](std::vector<uint16_t> &locks, const std::vector<WgmmaRun> &runs) {
    for (const WgmmaRun &run : runs) {
      uint16_t *at = locks.data() + run.first;
      for (uint32_t i = 0; i < run.count; ++i)
        at[i] = static_cast<uint16_t>(at[i] + change);
    }
  };
  lock(warp.lockD, form.runsD);
  lock(warp.lockA, form.runsA);
  warp.lockedNow += static_cast<uint32_t>(change);
}

void wakeWgmmaWaiters(Block &block, const Warp &one) {
  size_t first = one.index / warpsOfGroup * warpsOfGroup;
  for (size_t w = first; w < first + warpsOfGroup; ++w)
    for (Group &g : block.warps[w].groups)
      if (g.state == GroupState::Waiting && g.waitOp && g.waitOp->run == &waitGroup)
        g.state = GroupState::Ready;
}

void sleepAt(Exec &x, const Op &op) {
  x.group->waitOp = &op;
  x.group->waitAddress = 0;
  x.ip = &op;
  x.stop(Pause::Wait);
}

void landDueWgmma(Exec &x, Block &block) {
  WgmmaState &state = *block.async->wgmma;
  for (size_t g = 0; g < state.groups.size(); ++g)
    for (WgmmaOperation &o : state.groups[g].operations) {
      if (o.arrived != allWarps || (!o.landed && o.due > block.async->turns))
        break; // in order
      if (!o.landed)
        landOperation(x, block, static_cast<unsigned>(g), o);
    }
}

void exitWgmma(Exec &x, Block &block, Warp &warp) {
  WgmmaState &state = *block.async->wgmma;
  if (warp.index / warpsOfGroup >= state.groups.size())
    return;
  unsigned rank = rankOf(warp);
  WgmmaState::Group &group = groupOf(state, warp);
  for (WgmmaOperation &o : group.operations) {
    if (!((o.arrived & ~o.waited) >> rank & 1))
      continue;
    bool committed = o.committed >> rank & 1;
    if (x.launch->checks)
      report(x, *o.op, FindingKind::AsyncLeft, 0xffffffffu, 0, 0,
             std::string("the warp exits while this wgmma is in flight: ") +
                 (committed ? "its group was committed, and no wgmma.wait_group has covered it"
                            : "it was not committed to a group"),
             "execute wgmma.commit_group and wgmma.wait_group 0 before the threads exit");
    settle(o, state.warps[warp.index], rank);
  }
  dropSettled(group);
}

std::string wgmmaWaitText(const Exec &x, const Block &block, const Warp &warp, const Group &group) {
  if (group.state != GroupState::Waiting || !group.waitOp || group.waitAddress)
    return "";
  if (group.waitOp->run != &waitGroup)
    return poolWaitText(x, block, warp, *group.waitOp);
  WgmmaState &state = *block.async->wgmma;
  for (const WgmmaOperation &o : groupOf(state, warp).operations) {
    if (o.arrived == allWarps)
      continue;
    std::string missing;
    for (unsigned w = 0; w < warpsOfGroup; ++w)
      if (!(o.arrived >> w & 1))
        missing += (missing.empty() ? "" : ", ") +
                   std::to_string(warp.index / warpsOfGroup * warpsOfGroup + w);
    return "for the wgmma of line " + std::to_string(lineOf(x, *o.op)) + ", which warp " + missing +
           " of its warpgroup has not executed";
  }
  return "for wgmma";
}

void wgmmaRows(HandlerRows &rows) {
  rows.push_back({"wgmma.mma", &issueWgmma});
  rows.push_back({"wgmma.commit_group", &commit});
  rows.push_back({"wgmma.wait_group", &waitGroup});
  rows.push_back({"wgmma.fence", &fence});
  rows.push_back({"wgmma.move", &noteMove});
}

} // namespace cameo::ptx
