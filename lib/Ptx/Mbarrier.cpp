// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The state machine of mbarriers. A phase completes when its arrivals are there and no byte is
// missing; then those who wait look again. What PTX leaves undefined is a finding that ends the
// launch: an address where no barrier is, more arrivals than are pending, byte counts that do not
// come out, initialising or invalidating a barrier that is in use, bytes of a barrier overwritten.
#include "Async.h"
#include "Trace.h"
#include "Cluster.h"
#include "Race.h"

#include <algorithm>

namespace cameo::ptx {
namespace {

Mbarrier *find(Block &block, uint32_t address) {
  for (Mbarrier &barrier : block.async->mbarriers)
    if (barrier.address == address)
      return &barrier;
  return nullptr;
}

uint8_t *hostOf(Block &block, uint32_t address) { return block.shared + (address - sharedBase); }
uint8_t *shadowOf(Block &block, uint32_t address) {
  return block.sharedShadow + (address - sharedBase) / 4;
}

/// The object's bytes; for ordinary loads and stores they count as unwritten.
void write(Block &block, const Mbarrier &barrier) {
  uint64_t bits = barrier.bits();
  std::memcpy(hostOf(block, barrier.address), &bits, 8);
  std::memset(shadowOf(block, barrier.address), 0, 2);
}

bool isIntact(const Exec &x, Block &block, const Mbarrier &barrier) {
  uint64_t bits = 0;
  uint16_t shadow = 0;
  std::memcpy(&bits, hostOf(block, barrier.address), 8);
  std::memcpy(&shadow, shadowOf(block, barrier.address), 2);
  return bits == barrier.bits() && (!x.launch->checks || shadow == 0);
}

[[noreturn]] void refuse(Exec &x, const Op &op, uint32_t address, unsigned lane,
                         std::string message, std::string remedy) {
  const Region *region = sharedRegion(x, address);
  if (x.block != x.warp->block)
    message += " (of block rank " + std::to_string(x.block->rank) + ")";
  report(x, op, FindingKind::Mbarrier, 1u << lane, address, 8, std::move(message),
         std::move(remedy), region ? region->name : "",
         region ? static_cast<int64_t>(address - region->base) : 0, region ? region->bytes : 0);
  stopLaunch(x);
}

std::string initText(const Exec &x, const Mbarrier &barrier) {
  return "the mbarrier at " + sharedName(x, barrier.address) + " (initialised in line " +
         std::to_string(lineOf(x, *barrier.init)) + ")";
}

/// Why a barrier may be neither initialised nor invalidated now; empty: it may.
std::string useText(const Exec &x, Block &block, const Mbarrier &barrier) {
  for (const Warp &warp : block.warps)
    for (const Group &group : warp.groups)
      if (group.state == GroupState::Waiting && group.waitAddress == barrier.address)
        return "warp " + std::to_string(warp.index) + " waits for it in line " +
               std::to_string(lineOf(x, *group.waitOp));
  for (const BulkCopy &copy : block.async->copies)
    if (copy.barrier == barrier.address && copy.kind != BulkKind::Store && !copy.landed)
      return "the copy of line " + std::to_string(lineOf(x, *copy.op)) +
             " in flight will complete there";
  if (barrier.pending != barrier.expected || barrier.transactions)
    return "phase " + std::to_string(barrier.phase) + " has begun: " +
           std::to_string(barrier.pending) + " of " + std::to_string(barrier.expected) +
           " arrivals and " + std::to_string(barrier.transactions) + " bytes are missing";
  return "";
}

void wake(Block &block, uint32_t address) {
  for (Warp &warp : block.warps)
    for (Group &group : warp.groups)
      if (group.state == GroupState::Waiting &&
          (group.waitAddress == address || group.waitAddress == 0))
        group.state = GroupState::Ready;
}

/// After every change: the phase is complete, or it never can be, or goes on.
void settle(Exec &x, const Op &op, Block &block, Mbarrier &barrier, unsigned lane) {
  ++block.async->progress;
  if (barrier.pending == 0 && barrier.transactions < 0)
    refuse(x, op, barrier.address, lane,
           initText(x, barrier) + " got " + std::to_string(-barrier.transactions) +
               " bytes more than phase " + std::to_string(barrier.phase) + " expects",
           "expect (expect_tx) exactly the bytes of all copies that name the barrier");
  if (barrier.pending == 0 && barrier.transactions == 0) {
    if (x.trace)
      x.trace->mark(x, "mbarrier " + sharedName(x, barrier.address) + ": phase " +
                           std::to_string(barrier.phase) + " complete");
    ++barrier.phase;
    if (barrier.race)
      racePhase(barrier);
    barrier.pending = barrier.expected;
    wake(block, barrier.address);
    yieldToWoken(x);
  }
  write(block, barrier);
}

} // namespace

uint32_t mbarrierAddress(Exec &x, const Op &op, uint64_t address, unsigned lane, Block **block) {
  if ((address & windowMask) == sharedWindow)
    address &= ~windowMask;
  if (address >> rankShift) {
    uint64_t given = address;
    Block *found = (address & windowMask) ? nullptr : findBlock(x, op, address, lane, false);
    if (!found || (!block && found != x.block))
      reportBadAccess(x, op, Space::Shared, given, 8, lane);
    if (block)
      *block = found;
  } else if (block) {
    *block = x.block;
  }
  const Region *region = sharedRegion(x, address);
  if (!region || region->bytes - (address - region->base) < 8 || (address & 7))
    reportBadAccess(x, op, Space::Shared, address, 8, lane);
  return static_cast<uint32_t>(address);
}

Mbarrier &useMbarrier(Exec &x, const Op &op, Block &block, uint32_t address, unsigned lane) {
  Mbarrier *barrier = find(block, address);
  if (!barrier)
    refuse(x, op, address, lane,
           "there is no initialised mbarrier at " + sharedName(x, address),
           "execute mbarrier.init and let all threads that use it synchronise after that");
  if (!isIntact(x, block, *barrier))
    refuse(x, op, address, lane,
           initText(x, *barrier) + " was overwritten by an ordinary store",
           "keep other data off its 8 bytes until mbarrier.inval");
  return *barrier;
}

void initMbarrier(Exec &x, const Op &op, uint32_t address, uint32_t count, unsigned lane) {
  Block &block = *x.block;
  if (count == 0 || count > mostMbarrierCount)
    refuse(x, op, address, lane,
           "an mbarrier cannot expect " + std::to_string(count) + " arrivals",
           "initialise it with 1 to 1048575");
  if (Mbarrier *old = find(block, address)) {
    std::string use = useText(x, block, *old);
    refuse(x, op, address, lane,
           initText(x, *old) + " is initialised again" +
               (use.empty() ? " without mbarrier.inval" : " while in use: " + use),
           "initialise it once, or invalidate it (mbarrier.inval) when all are done with it");
  }
  Mbarrier barrier;
  barrier.address = address;
  barrier.expected = barrier.pending = count;
  barrier.init = &op;
  if (x.race)
    raceInitMbarrier(x, barrier, lane);
  write(block, barrier);
  block.async->mbarriers.push_back(barrier);
  ++block.async->progress;
}

void invalidateMbarrier(Exec &x, const Op &op, uint32_t address, unsigned lane) {
  Block &block = *x.block;
  Mbarrier &barrier = useMbarrier(x, op, block, address, lane);
  std::string use = useText(x, block, barrier);
  if (!use.empty())
    refuse(x, op, address, lane, initText(x, barrier) + " is invalidated while in use: " + use,
           "wait for its last phase and synchronise before mbarrier.inval");
  fillPoison(block.shared, address - sharedBase, 8);
  auto &all = block.async->mbarriers;
  all.erase(all.begin() + (&barrier - all.data()));
}

void arriveOn(Exec &x, const Op &op, Block &block, Mbarrier &barrier, uint32_t count,
              ArriveMode mode, unsigned lane) {
  if (count == 0 || count > barrier.pending)
    refuse(x, op, barrier.address, lane,
           count == 0 ? "an arrival with count 0 on " + initText(x, barrier)
                      : std::to_string(count) + " arrivals on " + initText(x, barrier) +
                            ", whose phase " + std::to_string(barrier.phase) + " lacks only " +
                            std::to_string(barrier.pending) + " of " +
                            std::to_string(barrier.expected),
           "let exactly as many threads arrive per phase as mbarrier.init says");
  if (&block == x.warp->block)
    carryKnowledge(block, x.warp->index, barrier.address);
  else
    arrivedRemotely(x, block);
  bool drops = mode == ArriveMode::Drop || mode == ArriveMode::DropNoComplete;
  bool stays = mode == ArriveMode::NoComplete || mode == ArriveMode::DropNoComplete;
  barrier.pending -= count;
  if (drops)
    barrier.expected -= std::min(count, barrier.expected);
  if (stays && barrier.pending == 0 && barrier.transactions == 0)
    refuse(x, op, barrier.address, lane,
           "an arrival with .noComplete completes phase " + std::to_string(barrier.phase) + " of " +
               initText(x, barrier),
           "drop .noComplete, or leave the last arrival to another instruction");
  settle(x, op, block, barrier, lane);
}

void expectArrivals(Exec &, Block &block, Mbarrier &barrier, uint32_t count) {
  barrier.pending += count;
  write(block, barrier);
}

void expectBytes(Exec &x, const Op &op, Block &block, Mbarrier &barrier, int64_t bytes,
                 unsigned lane) {
  barrier.transactions += bytes;
  if (barrier.transactions > mostMbarrierCount || bytes > mostMbarrierCount)
    refuse(x, op, barrier.address, lane,
           initText(x, barrier) + " expects " + std::to_string(barrier.transactions) +
               " bytes in one phase; it can count 1048575",
           "split the transfer over several phases");
  ++block.async->progress;
  write(block, barrier);
}

void completeBytes(Exec &x, const Op &op, Block &block, Mbarrier &barrier, int64_t bytes,
                   unsigned lane) {
  barrier.transactions -= bytes;
  if (barrier.transactions < -int64_t(mostMbarrierCount))
    refuse(x, op, barrier.address, lane,
           initText(x, barrier) + " got " + std::to_string(-barrier.transactions) +
               " bytes that nothing expects",
           "expect (expect_tx) exactly the bytes of all copies that name the barrier");
  settle(x, op, block, barrier, lane);
}

void publishMbarriers(Block &block) {
  for (Mbarrier &barrier : block.async->mbarriers)
    barrier.fenced = true;
}

void publishToCluster(Block &block) {
  for (Mbarrier &barrier : block.async->mbarriers)
    barrier.clusterFenced = true;
}

} // namespace cameo::ptx
