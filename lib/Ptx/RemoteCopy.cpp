// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Copies into the shared memory of the cluster: loads for another block or for several (multicast),
// copies and reductions out of own shared memory into another block's, st.async and red.async. Each is
// in flight in the block that gets the data, completes bytes of an mbarrier there, and stays a finding of
// the thread that issued it. What another block's memory is copied from belongs to the copy until
// somebody has seen that phase complete.
#include "Async.h"
#include "Cluster.h"
#include "Handlers.h"
#include "Race.h"

#include <algorithm>
#include <bit>

namespace cameo::ptx {
namespace {

[[noreturn]] void refuse(Exec &x, const Op &op, FindingKind kind, unsigned lane, std::string message,
                         std::string remedy) {
  report(x, op, kind, 1u << lane, 0, 0, std::move(message), std::move(remedy));
  stopLaunch(x);
}

/// What a reduction adds to is there: written, or the destination of another one.
void checkReduced(Exec &x, const Op &op, Block &target, const BulkCopy &copy, unsigned lane) {
  if (!x.launch->checks)
    return;
  for (const SharedSpan &span : copy.spans) {
    bool known = isWritten(target.sharedShadow, span.first - sharedBase, span.bytes);
    for (const BulkCopy &other : target.async->copies)
      for (const SharedSpan &own : other.spans)
        known = known || (other.kind == BulkKind::Load && own.first <= span.first &&
                          span.first + span.bytes <= own.first + own.bytes);
    if (known)
      continue;
    uint64_t address[lanes];
    std::fill(std::begin(address), std::end(address), rankBits(target.rank) | span.first);
    reportUninitialised(x, op, Space::Shared, 1u << lane, address, span.bytes);
  }
}

/// Those whose source is free again need not be remembered.
void forgetSent(AsyncState &async) {
  auto gone = [](const BulkCopy &copy) { return copy.kind == BulkKind::Send && *copy.sourceFree; };
  auto &copies = async.copies;
  copies.erase(std::remove_if(copies.begin(), copies.end(), gone), copies.end());
}

/// The source of a copy out of own shared memory: checked, and guarded until the copy is over.
void guardSource(Exec &x, const Op &op, BulkCopy &copy, uint32_t from, unsigned lane) {
  if (!x.launch->checks)
    return;
  AsyncState &async = *x.block->async;
  forgetSent(async);
  BulkCopy twin = copy;
  twin.kind = BulkKind::Send;
  twin.landed = true; // nothing of it is an event
  twin.due = ~uint64_t(0);
  twin.pieces = {{0, from, copy.bytes, false}};
  twin.spans = {{from, copy.bytes}};
  twin.sourceFree = copy.sourceFree = std::make_shared<bool>(false);
  checkBulkSource(x, op, twin, lane);
  async.copies.push_back(std::move(twin));
}

/// side: destination, source, mbarrier; b: the size; size: the reduction or 0.
void bulkSend(Exec &x, const Op &op) {
  const uint32_t *side = x.side(op);
  for (uint32_t rest = x.mask; rest; rest &= rest - 1) {
    unsigned lane = static_cast<unsigned>(std::countr_zero(rest));
    uint32_t bytes = bulkSize(x, op, lane);
    CopyTargets targets = copyTargets(x, op, sideAddress(x, side, lane), lane);
    uint32_t to = sharedRange(x, op, targets.address, bytes, lane);
    uint32_t from = sharedRange(x, op, sideAddress(x, side + sideAddressWords, lane), bytes, lane);
    BulkCopy copy = bulkCopyOf(x, op, BulkKind::Load, lane, bytes);
    copy.fromShared = true, copy.reduction = op.size;
    copy.pieces.push_back({from, to, bytes, false});
    copy.spans.push_back({to, bytes});
    if (bytes)
      guardSource(x, op, copy, from, lane);
    if (op.size)
      checkReduced(x, op, *targets.blocks[0], copy, lane);
    launchInto(x, op, *targets.blocks[0], std::move(copy),
               sideAddress(x, side + 2 * sideAddressWords, lane), lane);
  }
}

/// The lanes of one instruction whose data goes to one block and whose bytes complete one barrier.
struct AsyncStores {
  Block *target;
  uint64_t barrier;
  unsigned lane;
  BulkCopy copy;
};

void addStore(Exec &x, const Op &op, std::vector<AsyncStores> &all, unsigned lane, unsigned bytes) {
  const uint32_t *side = x.side(op);
  uint64_t address = sideAddress(x, side, lane), given = address;
  Block &target = needBlock(x, op, address, lane);
  const Region *region = sharedRegion(x, address);
  if (!region || region->bytes - (address - region->base) < bytes || (address & (bytes - 1)))
    reportBadAccess(x, op, Space::Shared, given & ~windowMask, bytes, lane);
  uint64_t barrier = sideAddress(x, side + sideAddressWords, lane);
  auto found = std::find_if(all.begin(), all.end(), [&](const AsyncStores &s) {
    return s.target == &target && s.barrier == barrier;
  });
  if (found == all.end()) {
    all.push_back({&target, barrier, lane, bulkCopyOf(x, op, BulkKind::Load, lane, 0)});
    found = all.end() - 1;
  }
  BulkCopy &copy = found->copy;
  uint32_t first = static_cast<uint32_t>(address);
  copy.bytes += bytes;
  copy.reduction = static_cast<uint8_t>(op.imm);
  copy.pieces.push_back({0, first, bytes, false});
  copy.lanes.push_back(static_cast<uint8_t>(lane));
  copy.mask |= 1u << lane;
  if (!copy.spans.empty() && copy.spans.back().first + copy.spans.back().bytes == first)
    copy.spans.back().bytes += bytes;
  else
    copy.spans.push_back({first, bytes});
  const uint32_t *slots = side + 2 * sideAddressWords;
  for (unsigned i = 0; i < op.count; ++i) {
    const uint8_t *value = x.at<uint8_t>(slots[i]) + lane * op.size;
    copy.data.insert(copy.data.end(), value, value + op.size);
  }
}

/// side: destination, mbarrier, registers; size and count: of the data; imm: the reduction or 0.
void storeAsync(Exec &x, const Op &op) {
  std::vector<AsyncStores> all;
  for (uint32_t rest = x.mask; rest; rest &= rest - 1)
    addStore(x, op, all, static_cast<unsigned>(std::countr_zero(rest)), op.size * op.count);
  for (AsyncStores &stores : all) {
    if (stores.copy.reduction)
      checkReduced(x, op, *stores.target, stores.copy, stores.lane);
    if (x.race) // completing its bytes releases, at the scope of the cluster
      stores.copy.race = raceGiven(x, *stores.target, stores.copy.mask);
    launchInto(x, op, *stores.target, std::move(stores.copy), stores.barrier, stores.lane);
  }
}

} // namespace

CopyTargets copyTargets(Exec &x, const Op &op, uint64_t address, unsigned lane) {
  CopyTargets targets;
  if ((address & windowMask) == sharedWindow)
    address &= ~windowMask;
  if (!(op.width & TargetMulticast)) {
    Block *own = x.block;
    uint64_t offset = address;
    Block *block = address >> rankShift ? &needBlock(x, op, offset, lane) : own;
    targets.blocks[targets.count++] = block;
    targets.address = block == own || (op.width & TargetCluster) ? offset : address;
    return targets;
  }
  const auto &blocks = x.block->cluster->blocks;
  uint32_t mask = x.at<uint16_t>(op.c)[lane];
  if (!mask || mask >> blocks.size())
    refuse(x, op, FindingKind::OutOfBounds, lane,
           "a multicast to the blocks of the mask " + std::to_string(mask) + " in a cluster of " +
               std::to_string(blocks.size()),
           "set bits of blocks of the cluster alone, and at least one of them");
  targets.address = address & offsetMask;
  for (uint32_t rank = 0; rank < blocks.size(); ++rank)
    if (mask >> rank & 1) {
      uint64_t there = rankBits(rank) | targets.address;
      targets.blocks[targets.count++] = &needBlock(x, op, there, lane);
    }
  return targets;
}

void launchInto(Exec &x, const Op &op, Block &target, BulkCopy copy, uint64_t barrier, unsigned lane) {
  if ((barrier & windowMask) == sharedWindow)
    barrier &= ~windowMask;
  if (op.width & TargetMulticast)
    barrier &= offsetMask; // at the same place in every block
  else if (target.rank != x.block->rank || barrier >> rankShift) {
    Block &of = needBlock(x, op, barrier, lane);
    if (&of != &target)
      refuse(x, op, FindingKind::Mbarrier, lane,
             "a copy into block rank " + std::to_string(target.rank) +
                 " names an mbarrier of block rank " + std::to_string(of.rank),
             "name an mbarrier of the block that gets the data (mapa for both addresses)");
  }
  copy.issuer = x.warp->block;
  copy.multicast = op.width & TargetMulticast;
  AtBlock at(x, target);
  attachBarrier(x, op, copy, barrier, lane);
  checkBulkTarget(x, op, copy, lane);
  launchCopy(x, std::move(copy));
}

void remoteCopyRows(HandlerRows &rows) {
  rows.push_back({"bulk.send", &bulkSend});
  rows.push_back({"st.async", &storeAsync});
}

} // namespace cameo::ptx
