// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// cp.async.bulk of one dimension and its groups: checked when issued (16-byte alignment, bounds in
// both memories, a barrier that the async proxy can see), then in flight as an event of the block.
// Copies into shared memory poison their destination; copies out of it own their source until a
// wait_group releases it. Tensor copies (Tensor.cpp) are the same with more pieces.
#include "Async.h"
#include "Footprints.h"
#include "Trace.h"
#include "Race.h"
#include "Handlers.h"

#include <algorithm>
#include <bit>

namespace cameo::ptx {

uint64_t laneAddress(const Exec &x, uint32_t operand, int64_t offset, bool narrow, unsigned lane) {
  if (operand == noOperand)
    return static_cast<uint64_t>(offset);
  if (narrow)
    return x.at<uint32_t>(operand)[lane] + static_cast<uint32_t>(offset);
  return x.at<uint64_t>(operand)[lane] + static_cast<uint64_t>(offset);
}

uint64_t sideAddress(const Exec &x, const uint32_t *side, unsigned lane) {
  return laneAddress(x, side[0], static_cast<int64_t>(side[1] | uint64_t(side[2]) << 32), side[3],
                     lane);
}

const Region *sharedRegion(const Exec &x, uint64_t address) {
  for (const Region &r : x.launch->sharedRegions)
    if (address - r.base < r.bytes)
      return &r;
  return nullptr;
}

std::string sharedName(const Exec &x, uint64_t address) {
  const Region *region = sharedRegion(x, address);
  if (!region)
    return "shared memory";
  uint64_t offset = address - region->base;
  return "'" + region->name + "'" + (offset ? "+" + std::to_string(offset) : "");
}

uint32_t lineOf(const Exec &x, const Op &op) { return x.program->source[x.indexOf(op)]; }

namespace {

constexpr unsigned unit = 16; ///< alignment and size of bulk copies
constexpr uint64_t latestTurns = 256;

bool mine(const Exec &x, const BulkCopy &copy) {
  return copy.kind == BulkKind::Store && copy.warp == x.warp->index && (x.mask >> copy.lane & 1);
}

/// The first chunk of [address, address + bytes) that is not in the object, for reportBadAccess.
uint64_t firstBad(uint64_t address, uint64_t base, uint64_t bytes) {
  if (address - base >= bytes || (address & (unit - 1)))
    return address;
  return base + bytes / unit * unit;
}

void checkGlobalRange(Exec &x, const Op &op, uint64_t address, uint32_t bytes, bool store,
                      unsigned lane) {
  Allocation *a = x.launch->memory->find(address);
  if (!a || !a->contains(address, bytes) || (address & (unit - 1)))
    reportBadAccess(x, op, Space::Global, a ? firstBad(address, a->base, a->bytes) : address, unit,
                    lane);
  if (!store || !a->readOnly)
    return;
  report(x, op, FindingKind::ReadOnly, 1u << lane, address, bytes,
         "a bulk copy writes to read-only memory", "write to a buffer of the launch instead",
         a->name, static_cast<int64_t>(address - a->base), a->bytes);
  stopLaunch(x);
}

/// side: destination, source, mbarrier; b: the size; width: CopyTarget; c: the mask of a multicast.
void bulkLoad(Exec &x, const Op &op) {
  const uint32_t *side = x.side(op);
  for (uint32_t rest = x.mask; rest; rest &= rest - 1) {
    unsigned lane = static_cast<unsigned>(std::countr_zero(rest));
    uint32_t bytes = bulkSize(x, op, lane);
    CopyTargets targets = copyTargets(x, op, sideAddress(x, side, lane), lane);
    uint32_t to = sharedRange(x, op, targets.address, bytes, lane);
    uint64_t from = sideAddress(x, side + sideAddressWords, lane);
    if (bytes)
      checkGlobalRange(x, op, from, bytes, false, lane);
    BulkCopy copy = bulkCopyOf(x, op, BulkKind::Load, lane, bytes);
    copy.pieces.push_back({from, to, bytes, false});
    copy.spans.push_back({to, bytes});
    uint64_t barrier = sideAddress(x, side + 2 * sideAddressWords, lane);
    for (unsigned i = 0; i < targets.count; ++i)
      launchInto(x, op, *targets.blocks[i], copy, barrier, lane);
  }
}

/// side: destination, source; b: the size; size: the reduction or 0.
void bulkStore(Exec &x, const Op &op) {
  const uint32_t *side = x.side(op);
  for (uint32_t rest = x.mask; rest; rest &= rest - 1) {
    unsigned lane = static_cast<unsigned>(std::countr_zero(rest));
    uint32_t bytes = bulkSize(x, op, lane);
    uint64_t to = sideAddress(x, side, lane);
    uint32_t from = sharedRange(x, op, sideAddress(x, side + sideAddressWords, lane), bytes, lane);
    if (!bytes)
      continue;
    checkGlobalRange(x, op, to, bytes, true, lane);
    BulkCopy copy = bulkCopyOf(x, op, BulkKind::Store, lane, bytes);
    copy.reduction = op.size;
    copy.pieces.push_back({to, from, bytes, false});
    copy.spans.push_back({from, bytes});
    checkBulkSource(x, op, copy, lane);
    launchCopy(x, std::move(copy));
  }
}

void commitGroup(Exec &x, const Op &op) {
  logLanes(x, op, Footprint::Commit, x.mask);
  commitBulkGroup(x);
}
/// imm: groups that may stay; size: whether reading the source is enough.
void waitGroup(Exec &x, const Op &op) {
  logCopyWait(x, op, x.mask);
  waitBulkGroup(x, static_cast<uint64_t>(op.imm), op.size != 0);
  logCopyWait(x, op, 0);
}

} // namespace

uint32_t bulkSize(Exec &x, const Op &op, unsigned lane) {
  uint32_t bytes = x.at<uint32_t>(op.b)[lane];
  if (bytes % unit == 0)
    return bytes;
  report(x, op, FindingKind::Misaligned, 1u << lane, bytes, bytes,
         "a bulk copy of " + std::to_string(bytes) + " bytes, which is no multiple of 16",
         "round the size up and pad both buffers, or copy the rest by ordinary accesses");
  stopLaunch(x);
}

uint32_t sharedRange(Exec &x, const Op &op, uint64_t address, uint32_t bytes, unsigned lane) {
  if ((address & windowMask) == sharedWindow)
    address &= ~windowMask;
  const Region *region = sharedRegion(x, address);
  bool inside = region && bytes <= region->bytes - (address - region->base);
  if (!inside || (address & (unit - 1)))
    reportBadAccess(x, op, Space::Shared,
                    region ? firstBad(address, region->base, region->bytes) : address, unit, lane);
  return static_cast<uint32_t>(address);
}

BulkCopy bulkCopyOf(Exec &x, const Op &op, BulkKind kind, unsigned lane, uint32_t bytes) {
  BulkCopy copy;
  copy.op = &op, copy.kind = kind;
  copy.warp = x.warp->index, copy.lane = lane;
  copy.bytes = bytes;
  if (x.counts)
    x.counts->asyncCopyBytes += bytes;
  return copy;
}

void attachBarrier(Exec &x, const Op &op, BulkCopy &copy, uint64_t address, unsigned lane) {
  copy.barrier = mbarrierAddress(x, op, address, lane);
  Mbarrier &barrier = useMbarrier(x, op, *x.block, copy.barrier, lane);
  copy.phase = barrier.phase;
  bool own = x.block == x.warp->block;
  if (x.race)
    raceUseMbarrier(x, op, barrier, lane);
  if ((barrier.fenced && (own || barrier.clusterFenced)) || !x.launch->checks)
    return;
  report(x, op, FindingKind::Proxy, 1u << lane, copy.barrier, 8,
         "an asynchronous copy names the mbarrier at " + sharedName(x, copy.barrier) +
             ", whose initialisation in line " + std::to_string(lineOf(x, *barrier.init)) +
             " is not yet visible to it",
         own ? "put fence.mbarrier_init.release.cluster (or fence.proxy.async) and a barrier of the block "
               "between mbarrier.init and the copy"
             : "put fence.mbarrier_init.release.cluster and a barrier of the cluster between "
               "mbarrier.init and the copy");
  barrier.fenced = barrier.clusterFenced = true;
}

void launchCopy(Exec &x, BulkCopy copy) {
  AsyncState &async = *x.block->async;
  if (x.race && copy.kind == BulkKind::Store)
    raceBulkStore(x, copy);
  else if (x.race && copy.kind == BulkKind::Load)
    raceBulkLoad(x, copy, useMbarrier(x, *copy.op, *x.block, copy.barrier, copy.lane));
  if (copy.kind == BulkKind::Load)
    for (const SharedSpan &span : copy.spans) {
      if (!copy.reduction)
        fillPoison(x.block->shared, span.first - sharedBase, span.bytes);
      if (x.launch->checks)
        clearWritten(x.block->sharedShadow, span.first - sharedBase, span.bytes);
    }
  uint64_t warps = x.block->warps.size(), wait = latestTurns * (warps + 1);
  if (x.launch->asyncPoint == 1)
    wait = 0;
  else if (x.launch->asyncPoint == 2)
    wait = x.nextRandom() % (4 * warps + 1);
  copy.due = async.turns + wait;
  copy.number = ++async.issued;
  if (x.trace && copy.kind != BulkKind::Arrive)
    x.trace->beginCopy(x, *copy.op, bulkTraceId(copy), copy.bytes);
  async.copies.push_back(std::move(copy));
  if (wait == 0)
    land(x, *x.block, async.copies.size() - 1);
}

void commitBulkGroup(Exec &x) {
  if (x.race)
    raceBulkCommit(x);
  for (BulkCopy &copy : x.block->async->copies)
    if (mine(x, copy) && !copy.committed) {
      copy.committed = true;
      copy.group = x.warp->bulkCommitted[copy.lane];
    }
  for (unsigned i = 0; i < lanes; ++i)
    x.warp->bulkCommitted[i] += x.mask >> i & 1;
}

void waitBulkGroup(Exec &x, uint64_t mayStay, bool readOnly) {
  if (x.race)
    raceBulkWait(x, mayStay, readOnly);
  auto &copies = x.block->async->copies;
  for (size_t i = 0; i < copies.size();) {
    BulkCopy &copy = copies[i];
    bool covered = mine(x, copy) && copy.committed &&
                   x.warp->bulkCommitted[copy.lane] - copy.group > mayStay;
    if (!covered || !releaseStore(x, *x.block, i, !readOnly))
      ++i;
  }
}

void bulkRows(HandlerRows &rows) {
  rows.push_back({"bulk.load", &bulkLoad});
  rows.push_back({"bulk.store", &bulkStore});
  rows.push_back({"bulk.commit_group", &commitGroup});
  rows.push_back({"bulk.wait_group", &waitGroup});
}

} // namespace cameo::ptx
