// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The mbarrier instructions, lane after lane. A wait that sees its phase incomplete first returns
// false (try_wait may: code that does not loop is found out); asked again, its group sleeps until
// something arrives there, so that polling costs nothing and a deadlock is a fact. The random
// schedule returns false more often.
#include "Async.h"
#include "Cluster.h"
#include "Race.h"
#include "SyncHandlers.h"

#include <bit>

namespace cameo::ptx {
namespace {

uint64_t addressOf(const Exec &x, const Op &op, unsigned lane) {
  return laneAddress(x, op.a, op.imm, op.flags & FlagAddress32, lane);
}

/// A barrier of another block: its initialisation has to be visible here.
void checkPublished(Exec &x, const Op &op, Mbarrier &barrier, unsigned lane) {
  if (barrier.clusterFenced || !x.launch->checks)
    return;
  report(x, op, FindingKind::Mbarrier, 1u << lane, barrier.address, 8,
         "the mbarrier at " + sharedName(x, barrier.address) + " of block rank " +
             std::to_string(x.block->rank) + " is used, whose initialisation in line " +
             std::to_string(lineOf(x, *barrier.init)) + " is not yet visible to other blocks",
         "put fence.mbarrier_init.release.cluster and a barrier of the cluster between mbarrier.init "
         "and its use by other blocks");
  barrier.clusterFenced = true;
}

template <typename F> void eachBarrier(Exec &x, const Op &op, F body) {
  for (uint32_t rest = x.mask; rest; rest &= rest - 1) {
    unsigned lane = static_cast<unsigned>(std::countr_zero(rest));
    uint32_t address = mbarrierAddress(x, op, addressOf(x, op, lane), lane);
    Mbarrier &barrier = useMbarrier(x, op, *x.block, address, lane);
    if (x.race)
      raceUseMbarrier(x, op, barrier, lane);
    body(barrier, lane);
  }
}

/// The same for what may be done to a barrier of another block: there it is x.block meanwhile.
template <typename F> void eachOfCluster(Exec &x, const Op &op, F body) {
  for (uint32_t rest = x.mask; rest; rest &= rest - 1) {
    unsigned lane = static_cast<unsigned>(std::countr_zero(rest));
    Block *block = x.block;
    uint32_t address = mbarrierAddress(x, op, addressOf(x, op, lane), lane, &block);
    if (block == x.block) {
      Mbarrier &barrier = useMbarrier(x, op, *x.block, address, lane);
      if (x.race)
        raceUseMbarrier(x, op, barrier, lane);
      body(barrier, lane);
      continue;
    }
    AtBlock at(x, *block);
    Mbarrier &barrier = useMbarrier(x, op, *block, address, lane);
    if (x.race && barrier.clusterFenced)
      raceUseMbarrier(x, op, barrier, lane);
    checkPublished(x, op, barrier, lane);
    body(barrier, lane);
  }
}

/// b: the count.
void init(Exec &x, const Op &op) {
  for (uint32_t rest = x.mask; rest; rest &= rest - 1) {
    unsigned lane = static_cast<unsigned>(std::countr_zero(rest));
    initMbarrier(x, op, mbarrierAddress(x, op, addressOf(x, op, lane), lane),
                 x.at<uint32_t>(op.b)[lane], lane);
  }
}

void invalidate(Exec &x, const Op &op) {
  for (uint32_t rest = x.mask; rest; rest &= rest - 1) {
    unsigned lane = static_cast<unsigned>(std::countr_zero(rest));
    invalidateMbarrier(x, op, mbarrierAddress(x, op, addressOf(x, op, lane), lane), lane);
  }
}

/// The random schedule leaves some lanes behind: threads of a warp need not arrive together. They
/// execute `op` when their group comes.
void leaveSomeBehind(Exec &x, const Op &op) {
  if (x.launch->schedule != 1 || (x.mask & (x.mask - 1)) == 0 || op.run == &runPredicated ||
      x.nextRandom() % 4)
    return;
  uint32_t later = x.mask & static_cast<uint32_t>(x.nextRandom());
  if (!later || later == x.mask)
    return;
  x.splitMask = later;
  x.splitIp = &op;
  x.setMask(x.mask & ~later);
  x.stop(Pause::Split);
}

/// Threads of one instruction fall into two phases: the barrier expects fewer than arrive, and who
/// waits may go on before all of them are through.
void reportTornArrival(Exec &x, const Op &op, const Mbarrier &barrier, unsigned lane) {
  report(x, op, FindingKind::Mbarrier, 1u << lane, barrier.address, 8,
         "the arrivals of one instruction complete phase " + std::to_string(barrier.phase - 1) +
             " of the mbarrier at " + sharedName(x, barrier.address) + " and go on into the next: "
             "it was initialised in line " + std::to_string(lineOf(x, *barrier.init)) + " for " +
             std::to_string(barrier.expected),
         "initialise it with the number of threads that arrive per phase, or let one of them "
         "arrive");
}

/// What the lanes know goes to the barriers on which they arrive, before they do.
void handOver(Exec &x, const Op &op) {
  if (!x.race)
    return;
  for (uint32_t rest = x.mask; rest;) {
    unsigned lead = static_cast<unsigned>(std::countr_zero(rest));
    uint64_t address = addressOf(x, op, lead);
    uint32_t same = 0;
    for (uint32_t others = rest; others; others &= others - 1)
      if (unsigned i = static_cast<unsigned>(std::countr_zero(others)); addressOf(x, op, i) == address)
        same |= 1u << i;
    Block *block = x.block;
    uint32_t place = mbarrierAddress(x, op, address, lead, &block);
    AtBlock at(x, *block);
    raceArrive(x, op, useMbarrier(x, op, *x.block, place, lead), same);
    rest &= ~same;
  }
}

/// b: count or bytes, or none; d: the token, or none; size: MbarrierFlags.
void arrive(Exec &x, const Op &op) {
  static constexpr ArriveMode modes[] = {ArriveMode::Normal, ArriveMode::NoComplete,
                                         ArriveMode::Drop, ArriveMode::DropNoComplete};
  leaveSomeBehind(x, op);
  handOver(x, op);
  ArriveMode mode = modes[op.size & (MbarrierNoComplete | MbarrierDrop)];
  const Mbarrier *first = nullptr;
  uint64_t phase = 0;
  eachOfCluster(x, op, [&](Mbarrier &barrier, unsigned lane) {
    if (!first) {
      first = &barrier;
      phase = barrier.phase;
    }
    if (first == &barrier && phase != barrier.phase && x.launch->checks)
      reportTornArrival(x, op, barrier, lane);
    uint32_t value = op.b == noOperand ? 1 : x.at<uint32_t>(op.b)[lane];
    if (op.d != noOperand && x.block != x.warp->block) {
      report(x, op, FindingKind::Mbarrier, 1u << lane, barrier.address, 8,
             "an arrival at the barrier of another block gives no token", "write _ for its destination");
      stopLaunch(x);
    }
    if (op.d != noOperand)
      x.at<uint64_t>(op.d)[lane] = barrier.token();
    bool expects = op.size & MbarrierExpect;
    if (expects)
      expectBytes(x, op, *x.block, barrier, value, lane);
    arriveOn(x, op, *x.block, barrier, expects ? 1 : value, mode, lane);
  });
}

void expect(Exec &x, const Op &op) {
  eachOfCluster(x, op, [&](Mbarrier &barrier, unsigned lane) {
    expectBytes(x, op, *x.block, barrier, x.at<uint32_t>(op.b)[lane], lane);
  });
}

void complete(Exec &x, const Op &op) {
  eachOfCluster(x, op, [&](Mbarrier &barrier, unsigned lane) {
    completeBytes(x, op, *x.block, barrier, x.at<uint32_t>(op.b)[lane], lane);
  });
}

/// Whether the phase that a token names is complete. Tokens of older phases than the last are void.
bool tokenIsComplete(Exec &x, const Op &op, const Mbarrier &barrier, uint64_t token, unsigned lane) {
  uint64_t phase = token >> 20;
  if (phase == barrier.phase || phase + 1 == barrier.phase)
    return phase != barrier.phase;
  report(x, op, FindingKind::Mbarrier, 1u << lane, barrier.address, 8,
         "the token is of phase " + std::to_string(phase) + " of the mbarrier at " +
             sharedName(x, barrier.address) + ", which is in phase " +
             std::to_string(barrier.phase),
         "wait with the token of the current phase or of the one before it");
  stopLaunch(x);
}

/// A group that polls for a phase finds the barrier two phases on: the parity tells it nothing.
void checkAlias(Exec &x, const Op &op, const Mbarrier &barrier) {
  const Group &g = *x.group;
  if (g.waitOp != &op || g.waitAddress != barrier.address || barrier.phase < g.waitPhase + 2)
    return;
  report(x, op, FindingKind::Mbarrier, x.mask, barrier.address, 8,
         "waits for phase " + std::to_string(g.waitPhase) + " (parity " +
             std::to_string(g.waitPhase & 1) + ") of the mbarrier at " +
             sharedName(x, barrier.address) + ", which is in phase " +
             std::to_string(barrier.phase) + " already: the parity is that of another phase",
         "let a phase complete only after everyone who waits for the one before has arrived");
  stopLaunch(x);
}

/// No lane's phase is complete: false, or the group sleeps. True: it sleeps.
bool sleeps(Exec &x, const Op &op, const Mbarrier &barrier, bool several) {
  Group &g = *x.group;
  uint32_t address = several ? 0 : barrier.address;
  if (!several && (op.size & MbarrierParity))
    checkAlias(x, op, barrier);
  if (g.waitOp != &op || g.waitAddress != address || (g.waitPhase ^ barrier.phase) & 1) {
    g.waitOp = &op;
    g.waitAddress = address;
    g.waitPhase = barrier.phase;
  }
  bool again = g.sawFalse || (x.launch->schedule == 1 && x.nextRandom() % 8 == 0);
  g.sawFalse = false;
  if (g.polls++ == 0 || again)
    return false;
  x.ip = &op;
  x.stop(Pause::Wait);
  return true;
}

/// b: the token or the parity.
void wait(Exec &x, const Op &op) {
  uint32_t done = 0, saw = 0;
  const Mbarrier *seen = nullptr;
  bool several = false;
  const Mbarrier *first = nullptr;
  eachBarrier(x, op, [&](Mbarrier &barrier, unsigned lane) {
    bool complete = op.size & MbarrierParity
                        ? ((barrier.phase ^ x.at<uint32_t>(op.b)[lane]) & 1) != 0
                        : tokenIsComplete(x, op, barrier, x.at<uint64_t>(op.b)[lane], lane);
    done |= static_cast<uint32_t>(complete) << lane;
    if (complete && x.race) {
      if (seen && seen != &barrier)
        raceWaited(x, op, *seen, saw), saw = 0;
      seen = &barrier;
      saw |= 1u << lane;
    }
    several = several || (first && first != &barrier);
    if (complete && first != &barrier)
      observePhase(x, *x.block, barrier);
    first = first ? first : &barrier;
  });
  if (saw)
    raceWaited(x, op, *seen, saw);
  if (!done && sleeps(x, op, *first, several))
    return;
  if (done) {
    x.group->polls = 0;
    x.group->waitOp = nullptr;
  }
  uint32_t &d = x.predicate(op.d);
  d = (d & ~x.mask) | done;
}

void pendingCount(Exec &x, const Op &op) {
  for (unsigned i = 0; i < lanes; ++i)
    if (x.mask >> i & 1)
      x.at<uint32_t>(op.d)[i] = static_cast<uint32_t>(x.at<uint64_t>(op.a)[i] & mostMbarrierCount);
}

/// cp.async.mbarrier.arrive: when the copies of the lane so far have landed. Without .noinc the
/// arrival is in addition to those that the phase expects.
void arriveAfterCopies(Exec &x, const Op &op) {
  uint32_t todo = x.mask;
  while (todo) {
    unsigned lead = static_cast<unsigned>(std::countr_zero(todo));
    uint32_t address = mbarrierAddress(x, op, addressOf(x, op, lead), lead), same = 0;
    for (uint32_t rest = todo; rest; rest &= rest - 1) {
      unsigned lane = static_cast<unsigned>(std::countr_zero(rest));
      if (mbarrierAddress(x, op, addressOf(x, op, lane), lane) == address)
        same |= 1u << lane;
    }
    Mbarrier &barrier = useMbarrier(x, op, *x.block, address, lead);
    uint32_t count = static_cast<uint32_t>(std::popcount(same));
    if (!(op.size & MbarrierNoIncrement))
      expectArrivals(x, *x.block, barrier, count);
    BulkCopy event;
    event.op = &op, event.kind = BulkKind::Arrive;
    event.warp = x.warp->index, event.lane = lead, event.mask = same;
    event.barrier = address, event.phase = barrier.phase;
    event.sequence = x.warp->issued;
    if (x.race) {
      RaceWarp &warp = x.race->warps[x.warp->index];
      event.race = std::make_shared<const Knowledge>(x.race->release(warp, same));
      event.raceClock = warp.clock - 1;
      raceUseMbarrier(x, op, barrier, lead);
    }
    launchCopy(x, std::move(event));
    todo &= ~same;
  }
}

} // namespace

void mbarrierRows(HandlerRows &rows) {
  rows.push_back({"mbarrier.init", &init});
  rows.push_back({"mbarrier.inval", &invalidate});
  rows.push_back({"mbarrier.arrive", &arrive});
  rows.push_back({"mbarrier.expect_tx", &expect});
  rows.push_back({"mbarrier.complete_tx", &complete});
  rows.push_back({"mbarrier.wait", &wait});
  rows.push_back({"mbarrier.pending_count", &pendingCount});
  rows.push_back({"cp.async.mbarrier.arrive", &arriveAfterCopies});
}

} // namespace cameo::ptx
