// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// wgmma from its issue to its wait. The four warps of a group issue the same instructions in the
// same order, each when it gets there: the n-th of a warp is its part of the n-th operation of the
// group. An operation can be done when all four parts are there. When it is done is the schedule's
// choice, but operations of a group are done in order, and the first wait of any warp that covers
// one does it. A wait for an operation that lacks a part sleeps; that the part never comes is a
// deadlock that names the warps.
#include "Wgmma.h"
#include "Async.h"
#include "SyncHandlers.h"

#include "cameo/Ptx/cameo_ptx.h"

#include <bit>

namespace cameo::ptx {
namespace {

constexpr uint8_t allWarps = (1 << warpsOfGroup) - 1;
constexpr size_t mostUnitLists = 4096;

unsigned rankOf(const Warp &warp) { return warp.index % warpsOfGroup; }

WgmmaState::Group &groupOf(WgmmaState &state, const Warp &warp) {
  return state.groups[warp.index / warpsOfGroup];
}

[[noreturn]] void refuse(Exec &x, const Op &op, FindingKind kind, std::string message,
                         std::string remedy) {
  report(x, op, kind, x.mask, 0, 0, std::move(message), std::move(remedy));
  stopLaunch(x);
}

/// One value for the whole warp.
uint64_t uniformDescriptor(Exec &x, const Op &op, uint32_t operand, char which) {
  const uint64_t *v = x.at<uint64_t>(operand);
  for (unsigned i = 1; i < lanes; ++i)
    if (v[i] != v[0])
      refuse(x, op, FindingKind::Divergence,
             std::string("threads of one warp give different descriptors of ") + which,
             "compute the descriptor from values that are the same for the warpgroup");
  return v[0];
}

bool uniformScale(Exec &x, const Op &op, const WgmmaForm &form) {
  if (form.scaleD == noOperand)
    return form.scaleDValue;
  uint32_t bits = x.predicate(form.scaleD);
  if (bits && bits != ~0u)
    refuse(x, op, FindingKind::Divergence, "threads of one warp give different values for scale-d",
           "make scale-d the same for the warpgroup");
  return bits != 0;
}

/// The units of an operand, checked once for each descriptor of an instruction.
std::shared_ptr<const std::vector<uint32_t>> operandUnits(Exec &x, const Op &op,
                                                          const WgmmaForm &form, bool isA,
                                                          uint64_t bits) {
  WgmmaState &state = wgmmaState(x);
  auto it = state.units.find({&form, isA, bits});
  if (it != state.units.end())
    return it->second;
  WgmmaDescriptor descriptor(bits);
  auto units = std::make_shared<std::vector<uint32_t>>();
  std::string problem = unitsOf(descriptor, isA ? form.shapeA() : form.shapeB(), *units);
  std::string name = std::string("the descriptor of ") + (isA ? "A" : "B");
  if (!problem.empty())
    refuse(x, op, FindingKind::Descriptor,
           name + " (" + descriptor.text() + ") is not one of this matrix: " + problem,
           "see the canonical layouts of the ISA for its major-ness and swizzling mode");
  const Region *region = sharedRegion(x, descriptor.start);
  for (uint32_t unit : *units)
    if (!region || unit < region->base || unit + 16 > region->base + region->bytes) {
      report(x, op, FindingKind::OutOfBounds, x.mask, unit, 16,
             name + " (" + descriptor.text() + ") leads to address " + std::to_string(unit) +
                 (region ? ", which is not in '" + region->name + "', where it starts"
                         : ", and no shared variable is there"),
             "check the start address and both strides against the tile", region ? region->name : "",
             region ? int64_t(unit) - int64_t(region->base) : 0, region ? region->bytes : 0);
      stopLaunch(x);
    }
  if (state.units.size() >= mostUnitLists)
    state.units.clear();
  state.units.emplace(WgmmaState::Key{&form, isA, bits}, units);
  return units;
}

std::string bitsText(uint64_t bits) { return WgmmaDescriptor(bits).text(); }

/// The same instruction with the same operands as the warps that came before.
void requireSame(Exec &x, const Op &op, const WgmmaOperation &first, const WgmmaOperation &mine) {
  std::string others = "other warps of the warpgroup";
  if (first.op != &op)
    refuse(x, op, FindingKind::Divergence,
           "the warps of a warpgroup execute different wgmma instructions: " + others +
               " have executed that of line " + std::to_string(lineOf(x, *first.op)),
           "let all four warps execute the same sequence of wgmma.mma_async");
  std::string what = first.descA != mine.descA ? "descriptor of A"
                     : first.descB != mine.descB ? "descriptor of B" : "scale-d";
  if (first.descA != mine.descA || first.descB != mine.descB ||
      first.accumulates != mine.accumulates) {
    uint64_t before = first.descA != mine.descA ? first.descA : first.descB;
    uint64_t now = first.descA != mine.descA ? mine.descA : mine.descB;
    std::string values = first.accumulates == mine.accumulates
                             ? ": " + bitsText(now) + "; " + others + ": " + bitsText(before) : "";
    refuse(x, op, FindingKind::Divergence,
           "the warps of a warpgroup give different values for the " + what + values,
           "derive descriptors and scale-d from the warpgroup, not from the warp or thread");
  }
}

void countReaders(WgmmaState &state, const WgmmaOperation &operation, int change) {
  for (const auto &units : {operation.unitsA, operation.unitsB})
    if (units)
      for (uint32_t unit : *units)
        state.readers[(unit - sharedBase) / 16] =
            static_cast<uint16_t>(state.readers[(unit - sharedBase) / 16] + change);
}

void lockRegisters(WgmmaWarp &warp, const WgmmaForm &form, int change) {
  for (uint32_t t : form.trackedD)
    warp.lockD[t] = static_cast<uint16_t>(warp.lockD[t] + change);
  for (uint32_t t : form.trackedA)
    warp.lockA[t] = static_cast<uint16_t>(warp.lockA[t] + change);
  warp.lockedNow += static_cast<uint32_t>(change);
}

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

void wakeGroup(Block &block, const Warp &one, Handler handler) {
  size_t first = one.index / warpsOfGroup * warpsOfGroup;
  for (size_t w = first; w < first + warpsOfGroup; ++w)
    for (Group &g : block.warps[w].groups)
      if (g.state == GroupState::Waiting && g.waitOp && g.waitOp->run == handler)
        g.state = GroupState::Ready;
}

void waitGroup(Exec &x, const Op &op);

/// imm: index of the form.
void issue(Exec &x, const Op &op) {
  if (!gatherLanes(x, op, 0xffffffffu))
    return;
  requireWarpgroup(x, op);
  const WgmmaForm &form = *x.program->wgmma->forms[static_cast<size_t>(op.imm)];
  WgmmaState &state = wgmmaState(x);
  WgmmaState::Group &group = groupOf(state, *x.warp);
  WgmmaWarp &mine = state.warps[x.warp->index];
  unsigned rank = rankOf(*x.warp);
  WgmmaOperation part;
  part.op = &op, part.form = &form;
  part.accumulates = uniformScale(x, op, form);
  part.descA = form.aInRegisters ? 0 : uniformDescriptor(x, op, form.descA, 'A');
  part.descB = uniformDescriptor(x, op, form.descB, 'B');
  size_t index = static_cast<size_t>(mine.issued - group.first);
  if (index == group.operations.size()) {
    if (!form.aInRegisters)
      part.unitsA = operandUnits(x, op, form, true, part.descA);
    part.unitsB = operandUnits(x, op, form, false, part.descB);
    if (part.unitsA && x.launch->checks)
      checkWgmmaTile(x, op, part.descA, part.unitsA->front(), 'A');
    if (x.launch->checks)
      checkWgmmaTile(x, op, part.descB, part.unitsB->front(), 'B');
    if (form.sparse)
      part.meta.resize(warpsOfGroup * lanes);
    uint64_t warps = x.block->warps.size();
    part.due = x.launch->asyncPoint == CAMEO_PTX_ASYNC_EARLIEST ? 0
               : x.launch->asyncPoint == CAMEO_PTX_ASYNC_RANDOM
                   ? x.block->async->turns + x.nextRandom() % (4 * warps + 1)
                   : ~uint64_t(0);
    countReaders(state, part, 1);
    group.operations.push_back(std::move(part));
  } else {
    requireSame(x, op, group.operations[index], part);
  }
  WgmmaOperation &operation = group.operations[index];
  if (x.launch->checks) {
    checkWgmmaRegisters(x, op, form, operation.accumulates);
    if (operation.unitsA)
      checkWgmmaOperand(x, op, *operation.unitsA, 'A');
    checkWgmmaOperand(x, op, *operation.unitsB, 'B');
  }
  if (form.sparse)
    std::memcpy(operation.meta.data() + rank * lanes, x.at<uint32_t>(form.meta), lanes * 4);
  operation.frame[rank] = x.group->frameBase;
  operation.arrived |= static_cast<uint8_t>(1 << rank);
  ++mine.issued;
  lockRegisters(mine, form, 1);
  if (x.counts) {
    x.counts->mmaInstructions += 1;
    x.counts->mmaFma += uint64_t(64 / warpsOfGroup) * form.n * form.k;
  }
  if (operation.arrived != allWarps)
    return;
  ++x.block->async->progress;
  wakeGroup(*x.block, *x.warp, &waitGroup);
  landDueWgmma(x, *x.block);
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
void settle(WgmmaState &state, WgmmaOperation &o, WgmmaWarp &mine, unsigned rank) {
  if (!o.waited)
    countReaders(state, o, -1);
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
    settle(state, o, mine, rank);
    if (!o.deferred.empty())
      executeDeferred(x, o, rank);
  }
  dropSettled(group);
}

void fence(Exec &x, const Op &op) {
  if (!gatherLanes(x, op, 0xffffffffu))
    return;
  WgmmaWarp &mine = wgmmaState(x).warps[x.warp->index];
  mine.fenced = true;
  std::fill(mine.touched.begin(), mine.touched.end(), nullptr);
}

} // namespace

WgmmaState &wgmmaState(Exec &x) {
  std::shared_ptr<WgmmaState> &state = x.block->async->wgmma;
  if (state)
    return *state;
  state = std::make_shared<WgmmaState>();
  size_t warps = x.block->warps.size(), watched = x.program->wgmma->names.size();
  state->groups.resize(warps / warpsOfGroup);
  state->warps.resize(warps);
  for (WgmmaWarp &warp : state->warps) {
    warp.lockD.assign(watched, 0);
    warp.lockA.assign(watched, 0);
    warp.touched.assign(watched, nullptr);
    warp.written.assign(watched, false);
  }
  state->readers.assign(x.launch->sharedBytes / 16 + 2, 0);
  return *state;
}

void requireWarpgroup(Exec &x, const Op &op) {
  size_t last = x.warp->index / warpsOfGroup * warpsOfGroup + warpsOfGroup - 1;
  uint32_t threads = x.launch->block[0] * x.launch->block[1] * x.launch->block[2];
  if (x.mask == 0xffffffffu && last < x.block->warps.size() && (last + 1) * lanes <= threads)
    return;
  refuse(x, op, FindingKind::Divergence,
         x.mask != 0xffffffffu
             ? std::to_string(lanes - static_cast<unsigned>(std::popcount(x.mask))) +
                   " threads of the warp have exited, and this instruction needs all 128 of the warpgroup"
             : "warp " + std::to_string(x.warp->index) +
                   " is in no whole warpgroup: this instruction needs four warps, the first a "
                   "multiple of four",
         "launch blocks of a multiple of 128 threads and keep them all until the last wait");
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
    settle(state, o, state.warps[warp.index], rank);
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
  rows.push_back({"wgmma.mma", &issue});
  rows.push_back({"wgmma.commit_group", &commit});
  rows.push_back({"wgmma.wait_group", &waitGroup});
  rows.push_back({"wgmma.fence", &fence});
  rows.push_back({"wgmma.move", &noteMove});
}

} // namespace cameo::ptx
