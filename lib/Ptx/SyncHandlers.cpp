// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Barriers of the block, fences, and what the warp-wide instructions need: the threads that they
// name, at the same instruction. A group that comes alone waits for the others of its warp
// (Converging) and executes the instruction again when they are there; that they never come is
// found by the scheduler, when nothing else can run.
#include "SyncHandlers.h"
#include "Async.h"
#include "Footprints.h"
#include "Race.h"

#include <bit>
#include <utility>

namespace cameo::ptx {

bool gatherLanes(Exec &x, const Op &op, uint32_t wanted) {
  wanted &= x.warp->alive;
  if ((x.mask & wanted) == wanted)
    return true;
  x.ip = &op;
  x.need = wanted;
  x.stop(Pause::Converge);
  return false;
}

void completeBarrier(Block &block, uint32_t id, const Program &program) {
  BarrierState &barrier = block.barriers[id];
  if (block.race)
    raceBarrierComplete(block, id);
  for (Warp &warp : block.warps)
    for (Group &group : warp.groups) {
      if (group.state != GroupState::Barrier || group.barrier != id)
        continue;
      group.state = GroupState::Ready;
      const Op &op = group.ip[-1];
      if (op.flags & BarrierReduce)
        writeReduction(op, warp.registers + group.frameBase, group.mask, barrier, program);
    }
  uint32_t generation = barrier.generation + 1;
  barrier = BarrierState();
  barrier.generation = generation;
  ++block.async->progress;
  publishMbarriers(block);
  shareKnowledge(block, std::exchange(block.async->arrivedWarps[id], 0));
}

void writeReduction(const Op &op, uint8_t *frame, uint32_t mask, const BarrierState &barrier,
                    const Program &) {
  if (op.size == BarrierPopc) {
    auto *d = reinterpret_cast<uint32_t *>(frame + op.d);
    for (unsigned i = 0; i < lanes; ++i)
      if (mask >> i & 1)
        d[i] = barrier.population;
    return;
  }
  bool value = op.size == BarrierAnd ? barrier.andBits : barrier.orBits;
  auto *d = reinterpret_cast<uint32_t *>(frame + op.d);
  *d = (*d & ~mask) | (value ? mask : 0);
}

bool barrierIsFull(const Block &block, const BarrierState &barrier) {
  return barrier.arrived && barrier.arrived >= (barrier.expected ? barrier.expected : block.alive);
}

namespace {

uint32_t uniformValue(Exec &x, const Op &op, uint32_t operand, const char *what) {
  const uint32_t *v = x.at<uint32_t>(operand);
  unsigned lead = static_cast<unsigned>(std::countr_zero(x.mask));
  for (unsigned i = 0; i < lanes; ++i)
    if ((x.mask >> i & 1) && v[i] != v[lead]) {
      report(x, op, FindingKind::Barrier, 1u << i, 0, 0,
             std::string("threads of one warp name different values for the ") + what,
             "make it the same for all threads of the warp");
      stopLaunch(x);
    }
  return v[lead];
}

/// a: the barrier, b: the count or none; c: the predicate of bar.red.
void barrier(Exec &x, const Op &op) {
  if ((op.flags & BarrierAligned) && !gatherLanes(x, op, 0xffffffffu))
    return;
  Block &block = *x.block;
  uint32_t id = uniformValue(x, op, op.a, "barrier");
  uint32_t count = op.b == noOperand ? 0 : uniformValue(x, op, op.b, "number of threads");
  if (id > 15 || (count & 31)) {
    report(x, op, FindingKind::Barrier, x.mask, 0, 0,
           id > 15 ? "barrier " + std::to_string(id) + " does not exist; a block has 0 to 15"
                   : "a barrier waits for " + std::to_string(count) +
                         " threads, which is no multiple of 32",
           "name a barrier of 0 to 15 and a multiple of the warp's size");
    stopLaunch(x);
  }
  BarrierState &state = block.barriers[id];
  if (state.arrived && state.expected != count) {
    report(x, op, FindingKind::Barrier, x.mask, 0, 0,
           "barrier " + std::to_string(id) + " is entered for " + std::to_string(count) +
               " threads while others wait there for " + std::to_string(state.expected),
           "give all participants of a barrier the same number of threads");
    stopLaunch(x);
  }
  state.expected = count;
  if (x.race)
    raceBarrierArrive(x, id);
  if (Footprints *log = x.launch->footprints.get())
    log->add(x, &op, Footprint::Barrier, 0, id, x.mask);
  block.async->arrivedWarps[id] |= 1u << x.warp->index;
  // Counted barriers count whole warps.
  state.arrived += count && (op.flags & BarrierAligned)
                       ? lanes : static_cast<uint32_t>(std::popcount(x.mask));
  if (x.counts)
    ++x.counts->barriers;
  if (op.flags & BarrierReduce) {
    uint32_t bits = x.predicate(op.c);
    if (op.flags & BarrierNegated)
      bits = ~bits;
    bits &= x.mask;
    state.orBits |= bits != 0;
    state.andBits &= bits == x.mask;
    state.population += static_cast<uint32_t>(std::popcount(bits));
  }
  if (count && state.arrived > count) {
    report(x, op, FindingKind::Barrier, x.mask, 0, 0,
           "more threads than the " + std::to_string(count) + " it waits for enter barrier " +
               std::to_string(id),
           "count the warps that execute this barrier");
    stopLaunch(x);
  }
  bool full = barrierIsFull(block, state);
  if (full) {
    BarrierState last = state;
    completeBarrier(block, id, *x.program);
    if (x.race && !(op.flags & BarrierArrive))
      raceBarrierPass(x, id);
    showCopies(block, *x.warp);
    if (op.flags & BarrierReduce)
      writeReduction(op, x.base[BaseFrame], x.mask, last, *x.program);
    yieldToWoken(x);
  } else if (!(op.flags & BarrierArrive)) {
    x.barrier = id;
    x.stop(Pause::Barrier);
  }
}

/// bar.warp.sync: a has the mask, which tiles of a warp give differently.
void warpBarrier(Exec &x, const Op &op) {
  uint32_t wanted = 0;
  for (unsigned i = 0; i < lanes; ++i)
    wanted |= x.mask >> i & 1 ? x.at<uint32_t>(op.a)[i] : 0;
  if (!gatherLanes(x, op, wanted))
    return;
  const uint32_t *named = x.at<uint32_t>(op.a);
  uint32_t strangers = 0;
  for (uint32_t rest = x.launch->checks ? x.mask : 0; rest; rest &= rest - 1) {
    unsigned i = static_cast<unsigned>(std::countr_zero(rest));
    strangers |= (~named[i] >> i & 1) << i;
  }
  if (strangers)
    report(x, op, FindingKind::Divergence, strangers, 0, 0,
           "a thread executes this instruction without being named in its mask",
           "name all threads that execute it, or branch around it");
  if (!x.race)
    return;
  for (uint32_t rest = x.mask; rest;) {
    uint32_t mask = named[std::countr_zero(rest)], part = 0;
    for (unsigned i = 0; i < lanes; ++i)
      part |= static_cast<uint32_t>((rest >> i & 1) && named[i] == mask) << i;
    raceWarpSync(x, part);
    if (Footprints *log = x.launch->footprints.get())
      log->add(x, &op, Footprint::WarpBarrier, 0, 0, part);
    rest &= ~part;
  }
}

/// size: FenceKind.
void fence(Exec &x, const Op &op) {
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (x.race)
    raceFence(x, op);
  if (op.size == FenceMemory || op.size == FenceAsyncProxy)
    logLanes(x, op, Footprint::Fence, x.mask);
  if (op.size == FenceAsyncProxy && (op.width & FencesShared) && x.program->usesAsync)
    fenceAsyncProxy(x);
  if (op.size == FenceMbarrierInit)
    publishMbarriers(*x.block);
  if (op.size == FenceMbarrierInit || (op.size == FenceMemory && op.count != uint8_t(Scope::Block)))
    publishToCluster(*x.block);
}
/// Gives the others their turn.
void sleep(Exec &x, const Op &) { x.stop(Pause::Switch); }

} // namespace

void syncRows(HandlerRows &rows) {
  rows.push_back({"barrier", &barrier});
  rows.push_back({"bar.warp.sync", &warpBarrier});
  rows.push_back({"fence", &fence});
  rows.push_back({"nanosleep", &sleep});
}

} // namespace cameo::ptx
