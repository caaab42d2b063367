// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Groups, warps, blocks. Within a warp the group with the lowest program counter runs first, which
// makes lanes that parted meet again behind the `if` as early as the code allows; a group that
// keeps running while others wait is put aside after a while, so that a spin loop cannot starve the
// lane it waits for. A block runs until it is done; only when it takes long are others started
// beside it, so that blocks that wait for each other make progress. What nobody can release any
// more is a deadlock, at once.
#include "Scheduler.h"
#include "Async.h"
#include "SyncHandlers.h"

#include "cameo/Ptx/cameo_ptx.h"

#include <algorithm>
#include <bit>
#include <thread>

namespace cameo::ptx {
namespace {

constexpr int64_t warpQuantum = 4096;      // instructions until another warp has its turn
constexpr int64_t groupQuantum = 1024;     // the same between the groups of a diverged warp
constexpr uint64_t firstSlice = 1u << 17;  // instructions until another block is started
constexpr uint64_t mixedSlice = 1u << 12;  // the same where blocks are meant to interleave
constexpr uint64_t lastSlice = 1u << 21;
constexpr size_t mostResident = 512;
constexpr size_t mostMixed = 32;
constexpr uint64_t residentBytes = uint64_t(1) << 30;

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

enum class WarpResult { Quantum, Blocked, Finished };

class Worker {
public:
  Worker(LaunchContext &launch, std::atomic<uint64_t> &nextBlock, uint64_t blockCount)
      : launch(launch), nextBlock(nextBlock), blockCount(blockCount) {
    x.program = launch.program;
    x.launch = &launch;
    x.base[BaseConstant] = launch.constantBase;
    x.setMask(0);
    byWarp = launch.program->usesAsync && !synchronisesByMemory(*launch.program);
  }

  RunStatus run(bool count);
  void addTo(GridCounts &sum) const;
  Counts counts;
  std::vector<Counts> byOp; ///< of each operation, where it is counted
  uint64_t warpInstructions = 0, threadInstructions = 0;
  std::unique_ptr<Trace> trace;

private:
  std::unique_ptr<Block> makeBlock();
  void startBlock(Block &block, uint64_t linear);
  RunStatus runBlock(Block &block, uint64_t slice, bool &finished);
  Warp *pickWarp(Block &block);
  WarpResult runWarp(Block &block, Warp &warp, int64_t quantum);
  Group *pickGroup(Warp &warp);
  void mergeGroups(Warp &warp);
  void runGroup(Warp &warp, Group &group, int64_t &quantum);
  void endThreads(Block &block, Warp &warp, uint32_t mask);
  void reportDeadlock(Block &block);
  template <bool Counting, bool Watching> void loop();
  int64_t quantumOf(const Block &block, const Warp &warp);
  uint64_t sliceOf(Block &block, uint64_t slice);
  RunStatus runBlockSlice(Block &block, uint64_t slice, bool &finished);
  bool reviveBlock(Block &block, bool &yields);

  Exec x;
  bool byWarp; ///< AsyncState::byWarp
  LaunchContext &launch;
  std::atomic<uint64_t> &nextBlock;
  uint64_t blockCount;
};

uint8_t *alignedStart(std::vector<uint8_t> &arena) {
  return reinterpret_cast<uint8_t *>((reinterpret_cast<uintptr_t>(arena.data()) + 127) & ~uintptr_t(127));
}

/// Memory of a block: shared, its shadow, and per warp specials, registers, local and its shadow.
std::unique_ptr<Block> Worker::makeBlock() {
  auto block = std::make_unique<Block>();
  block->async = std::make_shared<AsyncState>();
  const Program &program = *launch.program;
  uint32_t threads = launch.block[0] * launch.block[1] * launch.block[2];
  uint32_t warps = (threads + lanes - 1) / lanes;
  auto round = [](uint64_t v) { return (v + 127) & ~uint64_t(127); };
  uint64_t shared = round(launch.sharedBytes + 128), sharedShadow = round(shared / 4 + 128);
  uint64_t specials = round(uint64_t(SpCount) * lanes * 4);
  uint64_t frame = round(program.stackFrameBytes + 256);
  uint64_t local = round(uint64_t(program.stackLocalBytes) * lanes), localShadow = round(local / 4);
  uint64_t perWarp = specials + frame + local + localShadow;
  block->arena.resize(shared + sharedShadow + warps * perWarp + 256);
  uint8_t *at = alignedStart(block->arena);
  block->shared = at;
  block->sharedShadow = at + shared;
  at += shared + sharedShadow;
  block->warps.resize(warps);
  for (uint32_t w = 0; w < warps; ++w) {
    Warp &warp = block->warps[w];
    warp.index = w;
    warp.specials = at;
    warp.registers = at + specials;
    warp.local = warp.registers + frame;
    warp.localShadow = warp.local + local;
    at += perWarp;
    auto *sp = reinterpret_cast<uint32_t(*)[lanes]>(warp.specials);
    for (uint32_t i = 0; i < lanes; ++i) {
      uint32_t t = w * lanes + i;
      uint32_t bit = 1u << i;
      sp[SpTidX][i] = t % launch.block[0];
      sp[SpTidY][i] = t / launch.block[0] % launch.block[1];
      sp[SpTidZ][i] = t / launch.block[0] / launch.block[1];
      sp[SpLane][i] = i;
      sp[SpWarp][i] = w;
      sp[SpNwarp][i] = warps;
      for (unsigned d = 0; d < 3; ++d) {
        sp[SpNtidX + d][i] = launch.block[d];
        sp[SpNctaX + d][i] = launch.grid[d];
      }
      sp[SpMaskEq][i] = bit;
      sp[SpMaskLt][i] = bit - 1;
      sp[SpMaskLe][i] = bit | (bit - 1);
      sp[SpMaskGt][i] = ~(bit | (bit - 1));
      sp[SpMaskGe][i] = ~(bit - 1);
      sp[SpZero][i] = 0;
      sp[SpOne][i] = 1;
      sp[SpDynShared][i] = launch.dynamicShared;
      sp[SpTotalShared][i] = program.staticSharedBytes + launch.dynamicShared;
      sp[SpGridLo][i] = 1;
      sp[SpGridHi][i] = 0;
    }
  }
  return block;
}

void Worker::startBlock(Block &block, uint64_t linear) {
  block.linear = linear;
  block.coordinates[0] = static_cast<uint32_t>(linear % launch.grid[0]);
  block.coordinates[1] = static_cast<uint32_t>(linear / launch.grid[0] % launch.grid[1]);
  block.coordinates[2] = static_cast<uint32_t>(linear / launch.grid[0] / launch.grid[1]);
  uint32_t threads = launch.block[0] * launch.block[1] * launch.block[2];
  block.alive = threads;
  block.steps = 0;
  block.nextWarp = 0;
  // Mixed, so that the numbers of two seeds are not the same ones shifted.
  uint64_t mixed = (launch.seed ^ launch.seed >> 33 ^ 0x5851F42D4C957F2Dull) * 0xff51afd7ed558ccdull;
  block.random = (mixed ^ mixed >> 29) + linear * 0x2545F4914F6CDD1Dull;
  block.async->clear();
  block.async->byWarp = byWarp;
  for (BarrierState &barrier : block.barriers)
    barrier = BarrierState();
  if (launch.sharedBytes) {
    fillPoison(block.shared, 0, launch.sharedBytes);
    std::memset(block.sharedShadow, 0, launch.sharedBytes / 4 + 1);
  }
  for (Warp &warp : block.warps) {
    uint32_t rest = threads - warp.index * lanes;
    warp.alive = rest >= lanes ? 0xffffffffu : (1u << rest) - 1;
    warp.groups.clear();
    Group group;
    group.ip = launch.program->code.data() + launch.program->functions[0].entry;
    group.mask = warp.alive;
    group.localOffset = localBase;
    warp.groups.push_back(std::move(group));
    warp.copies.clear();
    std::memset(warp.committed, 0, sizeof warp.committed);
    std::memset(warp.bulkCommitted, 0, sizeof warp.bulkCommitted);
    warp.issued = 0;
    warp.turn = 0;
    if (launch.program->functions[0].localBytes || launch.program->functions.size() > 1)
      std::memset(warp.localShadow, 0, uint64_t(launch.program->stackLocalBytes) * lanes / 4);
    auto *sp = reinterpret_cast<uint32_t(*)[lanes]>(warp.specials);
    for (unsigned d = 0; d < 3; ++d)
      for (unsigned i = 0; i < lanes; ++i)
        sp[SpCtaX + d][i] = block.coordinates[d];
  }
}

void Worker::addTo(GridCounts &sum) const {
  if (!sum.counting) {
    sum.total.warpInstructions += warpInstructions;
    sum.total.threadInstructions += threadInstructions;
    return;
  }
  sum.total.add(counts);
  for (size_t i = 0; i < byOp.size(); ++i)
    if (byOp[i].warpInstructions)
      sum.lines[launch.program->source[i]].add(byOp[i]);
}

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
    op.run(x, op);
    if (Counting)
      byOp[x.indexOf(op)].addDifference(counts, before);
  } while (--x.budget > 0 && x.ip < x.limit);
}

/// Lanes of two groups that are at the same place, with the same callers, are one group.
void Worker::mergeGroups(Warp &warp) {
  auto &groups = warp.groups;
  for (size_t i = 0; i < groups.size(); ++i)
    for (size_t j = i + 1; j < groups.size();) {
      Group &a = groups[i], &b = groups[j];
      if (a.ip == b.ip && a.state != GroupState::Barrier && b.state != GroupState::Barrier &&
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
  if (ready > 1 && oldest != best && warp.turn - oldest->turn > 8)
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
  warp.alive &= ~mask;
  block.alive -= static_cast<uint32_t>(std::popcount(mask));
  for (PendingCopy &copy : warp.copies)
    copy.mask &= ~mask;
  for (Group &g : warp.groups) // who waits for these lanes looks again
    if (g.state == GroupState::Converging)
      g.state = GroupState::Ready;
  for (uint32_t id = 0; id < 16; ++id)
    if (!block.barriers[id].expected && barrierIsFull(block, block.barriers[id]))
      completeBarrier(block, id, *launch.program);
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
    case Pause::Switch: quantum = 0; break;
    case Pause::None: break;
    }
    if (warp.groups.size() > 1)
      mergeGroups(warp);
  }
  return WarpResult::Quantum;
}

bool isRunnable(const Warp &warp) {
  for (const Group &g : warp.groups)
    if (g.state == GroupState::Ready)
      return true;
  return false;
}

/// The next warp by the schedule, or null where none can run.
Warp *Worker::pickWarp(Block &block) {
  size_t n = block.warps.size();
  size_t start = block.nextWarp;
  bool backwards = false;
  switch (launch.schedule) {
  case CAMEO_PTX_SCHEDULE_RANDOM: start = x.nextRandom() % n; break;
  // Starved is who comes late in this order; now and then everyone has a turn.
  case CAMEO_PTX_SCHEDULE_PRODUCER_STARVED: 
    backwards = block.async->turns % 16 != 15;
    start = backwards ? n - 1 : start;
    break;
  case CAMEO_PTX_SCHEDULE_CONSUMER_STARVED: start = block.async->turns % 16 != 15 ? 0 : start; break;
  default: break;
  }
  for (size_t i = 0; i < n; ++i) {
    size_t w = backwards ? (start + n - i) % n : (start + i) % n;
    if (isRunnable(block.warps[w])) {
      block.nextWarp = (w + 1) % n;
      return &block.warps[w];
    }
  }
  return nullptr;
}

/// Instructions until another warp has its turn. Who is starved loses it as soon as others can run.
int64_t Worker::quantumOf(const Block &block, const Warp &warp) {
  size_t n = block.warps.size();
  switch (launch.schedule) {
  case CAMEO_PTX_SCHEDULE_RANDOM: return int64_t(1) << (x.nextRandom() % 13);
  case CAMEO_PTX_SCHEDULE_PRODUCER_STARVED: return warp.index < (n + 1) / 2 && n > 1 ? 32 : warpQuantum;
  case CAMEO_PTX_SCHEDULE_CONSUMER_STARVED: return warp.index >= n / 2 && n > 1 ? 32 : warpQuantum;
  default: return warpQuantum;
  }
}

/// Nothing can run: lets something land, or lets those who poll see false. False: it is stuck.
bool Worker::reviveBlock(Block &block, bool &yields) {
  if (landNext(x, block))
    return true;
  yields = block.async->idleRounds % 8 == 7; // perhaps another block helps
  return wakePollers(block);
}

void Worker::reportDeadlock(Block &block) {
  for (const Warp &warp : block.warps)
    for (const Group &g : warp.groups)
      if (g.state == GroupState::Waiting)
        return reportStuck(x, block);
  for (bool converging : {true, false})
    for (Warp &warp : block.warps)
      for (Group &g : warp.groups) {
        if ((g.state == GroupState::Converging) != converging)
          continue;
        x.warp = &warp;
        x.group = &g;
        const Op &op = converging ? *g.ip : g.ip[-1];
        if (converging) {
          uint32_t missing = g.need & warp.alive & ~g.mask;
          report(x, op, FindingKind::Divergence, g.mask, 0, 0,
                 std::to_string(std::popcount(missing)) +
                     " threads of the warp that this instruction waits for never come here",
                 "execute it with all threads that it names, outside of divergent code");
        } else {
          const BarrierState &barrier = block.barriers[g.barrier];
          uint32_t expected = barrier.expected ? barrier.expected : block.alive;
          report(x, op, FindingKind::Deadlock, g.mask, 0, 0,
                 "deadlock: " + std::to_string(barrier.arrived) + " of " +
                     std::to_string(expected) + " threads wait at barrier " +
                     std::to_string(g.barrier) + " and no other can run",
                 "let all threads of the block reach the barrier, or give it the count of those "
                 "that do");
        }
        return;
      }
}

RunStatus Worker::runBlockSlice(Block &block, uint64_t slice, bool &finished) {
  uint64_t begin = warpInstructions;
  bool yields = false;
  while (warpInstructions - begin < slice && !yields) {
    if (launch.cancel && __atomic_load_n(launch.cancel, __ATOMIC_RELAXED))
      return RunStatus::Cancelled;
    if (launch.stopAll.load(std::memory_order_relaxed))
      return RunStatus::Stopped;
    Warp *warp = pickWarp(block);
    if (!warp) {
      finished = block.alive == 0;
      if (finished) {
        finishAsync(x, block);
        return RunStatus::Done;
      }
      if (reviveBlock(block, yields))
        continue;
      reportDeadlock(block);
      launch.stopAll = true;
      return RunStatus::Stopped;
    }
    uint64_t before = warpInstructions;
    runWarp(block, *warp, quantumOf(block, *warp));
    block.steps += warpInstructions - before;
    if (launch.stepLimit && block.steps > launch.stepLimit) {
      launch.stopAll = true;
      return RunStatus::StepLimit;
    }
    ++block.async->turns;
    if (!block.async->copies.empty())
      landDue(x, block);
    if (launch.asyncPoint == CAMEO_PTX_ASYNC_RANDOM && !warp->copies.empty()) {
      x.warp = warp;
      landSomeCopies(x, *warp);
    }
  }
  return RunStatus::Done;
}

/// Each block has its own random numbers, so that other blocks do not change its schedule.
RunStatus Worker::runBlock(Block &block, uint64_t slice, bool &finished) {
  x.block = &block;
  x.random = block.random;
  RunStatus status = runBlockSlice(block, sliceOf(block, slice), finished);
  block.random = x.random;
  return status;
}

uint64_t Worker::sliceOf(Block &, uint64_t slice) {
  return launch.schedule == CAMEO_PTX_SCHEDULE_RANDOM ? 1 + x.nextRandom() % (slice / 4) : slice;
}

RunStatus Worker::run(bool count) {
  if (launch.traces) {
    trace = std::make_unique<Trace>();
    x.trace = trace.get();
  }
  if (count) {
    x.counts = &counts;
    byOp.resize(launch.program->code.size());
  }
  struct Resident {
    std::unique_ptr<Block> block;
    uint64_t slice;
  };
  std::vector<Resident> resident;
  std::vector<std::unique_ptr<Block>> idle;
  uint64_t round = 0;
  // The schedules that look for trouble between blocks start more of them at a time.
  bool mixes = launch.schedule == CAMEO_PTX_SCHEDULE_RANDOM ||
               launch.schedule == CAMEO_PTX_SCHEDULE_LATER_BLOCKS_STARVED;
  uint64_t first = mixes ? mixedSlice : firstSlice;
  try {
    for (;;) {
      ++round;
      // One more block, then everyone that is here has a slice.
      uint64_t linear = blockCount;
      uint64_t bytes = resident.empty() ? 0 : resident[0].block->arena.size() * resident.size();
      if (resident.size() < (mixes ? mostMixed : mostResident) && bytes < residentBytes)
        linear = nextBlock.fetch_add(1, std::memory_order_relaxed);
      if (linear < blockCount) {
        std::unique_ptr<Block> block;
        if (idle.empty()) {
          block = makeBlock();
        } else {
          block = std::move(idle.back());
          idle.pop_back();
        }
        startBlock(*block, linear);
        resident.push_back({std::move(block), first});
      } else if (resident.empty()) {
        return RunStatus::Done;
      }
      for (size_t i = 0; i < resident.size();) {
        bool finished = false;
        bool starved = launch.schedule == CAMEO_PTX_SCHEDULE_LATER_BLOCKS_STARVED && i > 0;
        if (starved && round % 16 != 0) {
          ++i;
          continue;
        }
        RunStatus status = runBlock(*resident[i].block, resident[i].slice, finished);
        if (status != RunStatus::Done)
          return status;
        resident[i].slice = std::min(resident[i].slice * 2, mixes ? first : lastSlice);
        if (finished) {
          idle.push_back(std::move(resident[i].block));
          resident.erase(resident.begin() + static_cast<long>(i));
        } else {
          ++i;
        }
      }
    }
  } catch (const LaunchStopped &) {
    launch.stopAll = true;
    return RunStatus::Stopped;
  } catch (const std::bad_alloc &) {
    launch.stopAll = true;
    return RunStatus::OutOfMemory;
  }
}

} // namespace

RunStatus runGrid(LaunchContext &launch, unsigned hostThreads, GridCounts &counts) {
  uint64_t blocks = uint64_t(launch.grid[0]) * launch.grid[1] * launch.grid[2];
  std::atomic<uint64_t> next{0};
  if (!hostThreads)
    hostThreads = std::max(1u, std::thread::hardware_concurrency());
  hostThreads = static_cast<unsigned>(std::min<uint64_t>(hostThreads, blocks));
  std::vector<std::unique_ptr<Worker>> workers;
  for (unsigned i = 0; i < hostThreads; ++i)
    workers.push_back(std::make_unique<Worker>(launch, next, blocks));
  std::vector<RunStatus> status(hostThreads, RunStatus::Done);
  std::vector<std::thread> threads;
  for (unsigned i = 1; i < hostThreads; ++i)
    threads.emplace_back([&, i] { status[i] = workers[i]->run(counts.counting); });
  if (hostThreads)
    status[0] = workers[0]->run(counts.counting);
  for (std::thread &thread : threads)
    thread.join();
  RunStatus worst = RunStatus::Done;
  for (unsigned i = 0; i < hostThreads; ++i) {
    workers[i]->addTo(counts);
    if (workers[i]->trace)
      counts.traces.push_back(std::move(workers[i]->trace));
    if (worst == RunStatus::Done || (worst == RunStatus::Stopped && status[i] != RunStatus::Done))
      worst = status[i];
  }
  return worst;
}

} // namespace cameo::ptx
