// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Warps of a block, blocks of a cluster, clusters of a host thread. A block runs until it is done; only
// when it takes long are others started beside it, so that blocks that wait for each other make
// progress. The blocks of a cluster start together and take turns. What nobody can release any more is a
// deadlock, at once: of a block alone, or of its whole cluster.
#include "Scheduler.h"
#include "Async.h"
#include "Cluster.h"
#include "ModuleImpl.h"
#include "Race.h"
#include "SyncHandlers.h"
#include "Wgmma.h"
#include "Worker.h"

#include "cameo/Ptx/cameo_ptx.h"

#include <algorithm>
#include <bit>
#include <thread>

namespace cameo::ptx {
namespace {

constexpr int64_t warpQuantum = 4096;      // instructions until another warp has its turn
constexpr uint64_t firstSlice = 1u << 17;  // instructions until another block is started
constexpr uint64_t mixedSlice = 1u << 12;  // the same where blocks are meant to interleave
constexpr uint64_t clusterSlice = 1u << 14; // the same between the blocks of a cluster
constexpr uint64_t lastSlice = 1u << 21;
constexpr size_t mostResident = 512;
constexpr size_t mostMixed = 32;
constexpr uint64_t residentBytes = uint64_t(1) << 30;
constexpr size_t mostPollText = 2000;

LaunchInfo &infoOf(LaunchContext &launch) { return static_cast<LaunchInfo &>(launch); }

bool isRunnable(const Warp &warp) {
  for (const Group &g : warp.groups)
    if (g.state == GroupState::Ready)
      return true;
  return false;
}

} // namespace

/// The next warp by the schedule, or null where none can run.
Warp *Worker::pickWarp(Block &block) {
  size_t n = block.warps.size();
  size_t start = block.nextWarp;
  // Starved is who comes late; now and then everyone has a turn, one warp after the other.
  uint64_t turns = block.async->turns;
  bool starves = turns % 16 != 15, backwards = false;
  switch (launch.schedule) {
  case CAMEO_PTX_SCHEDULE_RANDOM: start = x.nextRandom() % n; break;
  case CAMEO_PTX_SCHEDULE_PRODUCER_STARVED:
    backwards = starves;
    start = starves ? n - 1 : turns / 16 % n;
    break;
  case CAMEO_PTX_SCHEDULE_CONSUMER_STARVED: start = starves ? 0 : turns / 16 % n; break;
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
      else if (g.state == GroupState::Cluster)
        return reportClusterStuck(x, *block.cluster);
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

RunStatus Worker::runBlockSlice(Block &block, uint64_t slice, SliceEnd &end) {
  uint64_t begin = warpInstructions;
  bool yields = false, alone = isAlone(block);
  while (warpInstructions - begin < slice && !yields) {
    if (launch.cancel && __atomic_load_n(launch.cancel, __ATOMIC_RELAXED))
      return RunStatus::Cancelled;
    if (launch.stopAll.load(std::memory_order_relaxed))
      return RunStatus::Stopped;
    Warp *warp = pickWarp(block);
    if (!warp) {
      if (block.alive == 0) {
        end = SliceEnd::Finished;
        finishAsync(x, block);
        if (block.race && x.counts)
          block.race->measure();
        return RunStatus::Done;
      }
      if (alone ? reviveBlock(block, yields) : landNext(x, block))
        continue;
      end = SliceEnd::Blocked;
      if (!alone) // its neighbours may help
        return RunStatus::Done;
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
    if (block.async->wgmma)
      landDueWgmma(x, block);
    if (launch.asyncPoint == CAMEO_PTX_ASYNC_RANDOM && !warp->copies.empty()) {
      x.warp = warp;
      landSomeCopies(x, *warp);
    }
    if (launch.race && launch.race->isWanted.load(std::memory_order_relaxed))
      break;
  }
  return RunStatus::Done;
}

/// Each block has its own random numbers, so that other blocks do not change its schedule.
RunStatus Worker::runBlock(Block &block, uint64_t slice, SliceEnd &end) {
  x.block = &block;
  x.race = block.race.get();
  x.random = block.random;
  RunStatus status = runBlockSlice(block, sliceOf(block, slice), end);
  if (block.random != x.random)
    launch.draws.store(true, std::memory_order_relaxed);
  block.random = x.random;
  return status;
}

uint64_t Worker::sliceOf(Block &, uint64_t slice) {
  return launch.schedule == CAMEO_PTX_SCHEDULE_RANDOM ? 1 + x.nextRandom() % (slice / 4) : slice;
}

/// Everyone of the cluster has a turn. Where the later ones are starved, they have it when those before
/// cannot run, and now and then.
RunStatus Worker::runCluster(Resident &resident, uint64_t round, bool &finished) {
  auto &blocks = resident.blocks;
  auto progress = [&] {
    uint64_t sum = 0;
    for (auto &block : blocks)
      sum += block->async->progress;
    return sum;
  };
  size_t n = blocks.size(), start = 0;
  if (launch.schedule == CAMEO_PTX_SCHEDULE_RANDOM && n > 1)
    start = (blocks[0]->random = blocks[0]->random * 0x5851F42D4C957F2Dull + 1) >> 33;
  bool starves = launch.schedule == CAMEO_PTX_SCHEDULE_LATER_BLOCKS_STARVED && round % 16 != 0;
  bool ran = false;
  uint64_t before = n > 1 ? progress() : 0;
  finished = true;
  for (size_t i = 0; i < n; ++i) {
    Block &block = *blocks[(start + i) % n];
    if (block.done)
      continue;
    if (!(starves && ran)) {
      uint64_t steps = block.steps;
      SliceEnd end = SliceEnd::Quantum;
      RunStatus status = runBlock(block, resident.slice, end);
      if (status != RunStatus::Done)
        return status;
      block.done = end == SliceEnd::Finished;
      ran |= block.done || block.steps != steps;
    }
    finished &= block.done;
  }
  if (n == 1 || finished || ran || progress() != before)
    return RunStatus::Done;
  return reviveCluster(resident);
}

/// No block of the cluster can run, and nothing is in flight: those who poll see false, or it is stuck.
RunStatus Worker::reviveCluster(Resident &resident) {
  bool any = false;
  for (auto &block : resident.blocks)
    any |= !block->done && wakePollers(*block);
  if (any)
    return RunStatus::Done;
  Block *stuck = nullptr; // an mbarrier explains more than the cluster's barrier
  for (auto &block : resident.blocks)
    for (const Warp &warp : block->warps)
      for (const Group &group : warp.groups)
        if (!stuck || group.state == GroupState::Waiting)
          stuck = block.get();
  x.block = stuck;
  reportDeadlock(*stuck);
  launch.stopAll = true;
  return RunStatus::Stopped;
}

/// Whether another cluster begins here. The last ones are left to host threads that have nothing to do, as long as those
/// that are here have not taken long.
bool Worker::wantsAnother(const std::vector<Resident> &resident, uint64_t most, uint64_t longest) const {
  if (resident.empty())
    return true;
  uint64_t here = resident.size() * resident[0].blocks.size();
  uint64_t bytes = resident[0].blocks[0]->arena.size() * here;
  if (here + resident[0].blocks.size() > most || (bytes >= residentBytes && !launch.cooperative))
    return false;
  uint64_t begun = nextCluster.load(std::memory_order_relaxed);
  if (hostThreads == 1 || begun + 2 * hostThreads <= clusterCount)
    return true;
  return std::all_of(resident.begin(), resident.end(), [&](const Resident &r) { return r.slice >= longest; });
}

Worker::Resident Worker::takeCluster(std::vector<Resident> &idle) {
  Resident resident;
  if (!idle.empty()) {
    resident = std::move(idle.back());
    idle.pop_back();
    return resident;
  }
  auto cluster = std::make_shared<Cluster>();
  uint32_t count = launch.cluster[0] * launch.cluster[1] * launch.cluster[2];
  for (uint32_t rank = 0; rank < count; ++rank) {
    resident.blocks.push_back(makeBlock());
    resident.blocks[rank]->cluster = cluster;
    resident.blocks[rank]->rank = rank;
    cluster->blocks.push_back(resident.blocks[rank].get());
  }
  return resident;
}

/// What the block has polled is still there: nobody has changed it since.
static bool seesTheSame(const LaunchContext &launch, const Block &block) {
  return std::all_of(block.async->polls.begin(), block.async->polls.end(), [&](const PollNote &n) {
    uint64_t bytes = std::min<uint64_t>(n.op->size, 8), now = 0, offset = n.address - sharedBase;
    if (n.address >= globalBase && !(n.address & windowMask)) {
      const Allocation *a = launch.memory->find(n.address);
      if (!a || !a->contains(n.address, bytes))
        return false;
      std::memcpy(&now, a->host + (n.address - a->base), bytes);
    } else if (offset + bytes <= launch.sharedBytes) {
      std::memcpy(&now, block.shared + offset, bytes);
    } else {
      return false;
    }
    return now == n.value;
  });
}

bool Worker::spins(const Resident &r) const {
  return std::all_of(r.blocks.begin(), r.blocks.end(), [&](auto &block) {
    return spinsForEver(*block) && (block->alive == 0 || seesTheSame(launch, *block));
  });
}

/// Everybody who can run repeats a poll that nobody will end.
bool Worker::findLivelock(const std::vector<Resident> &resident) {
  bool all = std::all_of(resident.begin(), resident.end(), [&](const Resident &r) { return spins(r); });
  if (!infoOf(launch).spinWatch.agree(self, all))
    return false;
  std::string text;
  Block *first = nullptr;
  for (const Resident &r : resident)
    for (auto &block : r.blocks) {
      if (text.size() < mostPollText)
        if (std::string more = pollText(launch, *block, 4); !more.empty())
          text += (text.empty() ? "" : "; ") + more, first = first ? first : block.get();
    }
  x.block = first ? first : resident[0].blocks[0].get();
  reportLivelock(x, text);
  launch.stopAll = true;
  return true;
}

void Worker::tellPolls(const std::vector<Resident> &resident) {
  LaunchInfo &info = infoOf(launch);
  std::lock_guard<std::mutex> lock(info.printMutex);
  for (const Resident &r : resident)
    for (auto &block : r.blocks)
      if (info.polled.size() < mostPollText)
        if (std::string text = pollText(launch, *block, 4); !text.empty())
          info.polled += "  " + text + "\n";
}

/// The table of global memory is rebuilt between two slices, while no host thread is in one.
RunStatus Worker::runChecked(Resident &resident, uint64_t round, bool &finished) {
  if (!launch.race)
    return runCluster(resident, round, finished);
  bool grown = false;
  RunStatus status;
  {
    std::unique_lock<std::mutex> turn(launch.race->turn);
    std::shared_lock<std::shared_mutex> lock(launch.race->running);
    turn.unlock();
    launch.race->enter(*raceCache);
    status = runCluster(resident, round, finished);
    grown = launch.race->hasGrown(*raceCache);
  }
  if (grown) {
    std::lock_guard<std::mutex> turn(launch.race->turn);
    launch.race->isWanted = true;
    std::lock_guard<std::shared_mutex> lock(launch.race->running);
    if (launch.race->hasGrown(*raceCache))
      launch.race->rebuild(raceCache->part);
    launch.race->isWanted = false;
  }
  return status;
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
  std::vector<Resident> resident, idle;
  uint64_t round = 0, perCluster = uint64_t(launch.cluster[0]) * launch.cluster[1] * launch.cluster[2];
  // The schedules that look for trouble between blocks start more of them at a time.
  bool mixes = launch.schedule == CAMEO_PTX_SCHEDULE_RANDOM ||
               launch.schedule == CAMEO_PTX_SCHEDULE_LATER_BLOCKS_STARVED;
  // Blocks of a cooperative grid wait for those that have not begun.
  bool brief = mixes || launch.cooperative;
  uint64_t first = brief ? mixedSlice : perCluster > 1 ? clusterSlice : firstSlice;
  uint64_t last = brief || perCluster > 1 ? first : lastSlice;
  uint64_t most = launch.cooperative ? ~uint64_t(0) : mixes ? mostMixed : mostResident;
  try {
    for (;;) {
      ++round;
      // One more cluster, then everyone that is here has a slice.
      uint64_t number = clusterCount;
      if (wantsAnother(resident, most, last))
        number = nextCluster.fetch_add(1, std::memory_order_relaxed);
      if (number < clusterCount) {
        resident.push_back(takeCluster(idle));
        resident.back().slice = first;
        startCluster(resident.back(), number);
      } else if (resident.empty()) {
        infoOf(launch).spinWatch.leave(self);
        return RunStatus::Done;
      }
      if (number >= clusterCount && findLivelock(resident))
        return RunStatus::Stopped;
      for (size_t i = 0; i < resident.size();) {
        bool finished = false;
        bool starved = launch.schedule == CAMEO_PTX_SCHEDULE_LATER_BLOCKS_STARVED && i > 0;
        if (starved && round % 16 != 0) {
          ++i;
          continue;
        }
        RunStatus status = runChecked(resident[i], round, finished);
        if (status == RunStatus::Cancelled || status == RunStatus::StepLimit)
          tellPolls(resident);
        if (status != RunStatus::Done)
          return status;
        resident[i].slice = spins(resident[i]) ? first : std::min(resident[i].slice * 2, last);
        if (finished) {
          idle.push_back(std::move(resident[i]));
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

void Worker::addTo(GridCounts &sum) const {
  if (!sum.counting) {
    sum.total.warpInstructions += warpInstructions;
    sum.total.threadInstructions += threadInstructions;
    return;
  }
  sum.total.add(counts);
  if (raceCache)
    launch.race->shadowBytes += raceCache->bytes();
  for (size_t i = 0; i < byOp.size(); ++i)
    if (byOp[i].warpInstructions)
      sum.lines[launch.program->source[i]].add(byOp[i]);
}

static uint64_t clustersOf(const LaunchContext &launch) {
  uint64_t clusters = 1;
  for (unsigned d = 0; d < 3; ++d)
    clusters *= launch.grid[d] / launch.cluster[d];
  return clusters;
}

unsigned hostThreadsOf(const LaunchContext &launch, unsigned wanted) {
  if (!wanted)
    wanted = std::max(1u, std::thread::hardware_concurrency());
  return static_cast<unsigned>(std::min<uint64_t>(wanted, clustersOf(launch)));
}

RunStatus runGrid(LaunchContext &launch, unsigned hostThreads, GridCounts &counts) {
  uint64_t clusters = clustersOf(launch);
  std::atomic<uint64_t> next{0};
  hostThreads = hostThreadsOf(launch, hostThreads);
  if (launch.race)
    hostThreads = std::min(hostThreads, launch.race->table.writers());
  infoOf(launch).spinWatch.start(hostThreads);
  std::vector<std::unique_ptr<Worker>> workers;
  for (unsigned i = 0; i < hostThreads; ++i)
    workers.push_back(std::make_unique<Worker>(launch, i, hostThreads, next, clusters));
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
