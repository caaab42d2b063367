// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Ordinary accesses to shared memory beside copies in flight. In kernels that use the async proxy
// every store to shared memory is looked at before it runs: it may not hit the destination of a copy
// nobody has waited for, the source of a copy that may still be read, or an mbarrier. The upper half
// of the shadow says which bytes were stored since the last fence.proxy.async: a copy that reads such
// bytes lacks the fence.
#include "Async.h"
#include "Cluster.h"
#include "SyncHandlers.h"
#include "Wgmma.h"

#include <algorithm>
#include <bit>

namespace cameo::ptx {
namespace {

struct Span {
  uint32_t first, end;
  bool meets(uint32_t otherFirst, uint32_t otherEnd) const {
    return first < otherEnd && otherFirst < end;
  }
};

std::string lineText(const Exec &x, const Op &op) { return "line " + std::to_string(lineOf(x, op)); }

void tell(Exec &x, const Op &op, FindingKind kind, uint32_t mask, uint32_t address, unsigned bytes,
          std::string message, std::string remedy) {
  const Region *region = sharedRegion(x, address);
  report(x, op, kind, mask, address, bytes, std::move(message), std::move(remedy),
         region ? region->name : "", region ? static_cast<int64_t>(address - region->base) : 0,
         region ? region->bytes : 0);
}

std::string ownerText(const Exec &x, const BulkCopy &copy) {
  std::string what = copy.op->kind == OpKind::Sync ? "the arrival of " : "the bulk copy of ";
  if (copy.issuer && copy.issuer != x.block)
    what += "block rank " + std::to_string(copy.issuer->rank) + ", ";
  return what + lineText(x, *copy.op) + " (warp " + std::to_string(copy.warp) +
         ", lane " + std::to_string(copy.lane) + ")";
}

bool meets(const BulkCopy &copy, Span span) {
  for (const SharedSpan &own : copy.spans)
    if (span.meets(own.first, own.first + own.bytes))
      return true;
  return false;
}

/// What a copy keeps from a warp: the destination of a load that it has not seen, the source of a
/// store that nothing released.
bool owns(const Exec &x, const BulkCopy &copy, Span span) {
  bool remote = x.block != x.warp->block; // then it is enough that somebody there has seen it
  bool holds = copy.kind == BulkKind::Load
                   ? !(remote ? copy.seen != 0 : (copy.seen >> x.warp->index & 1) != 0)
                                           : (copy.kind == BulkKind::Store && !copy.released) ||
                         (copy.kind == BulkKind::Send && !*copy.sourceFree);
  return holds && meets(copy, span);
}

std::string waitedText(const BulkCopy &copy) {
  return !copy.landed ? ""
         : copy.seen ? " (another warp has waited for it, this one has not)"
                     : " (nobody has waited for it)";
}

constexpr const char *loadRemedy =
    "wait for the phase of its mbarrier (mbarrier.try_wait) before touching the destination";
constexpr const char *sendRemedy =
    "wait until the block that gets the data has seen the phase of its mbarrier complete, and says so "
    "(a barrier of the cluster, an arrival)";
constexpr const char *storeRemedy =
    "wait until the source was read (cp.async.bulk.wait_group.read by the thread that issued it, "
    "then a barrier) before it is written again";

void checkSpan(Exec &x, const Op &op, Span span, unsigned lane) {
  AsyncState &async = *x.block->async;
  unsigned bytes = span.end - span.first;
  for (const Mbarrier &barrier : async.mbarriers)
    if (span.meets(barrier.address, barrier.address + 8))
      tell(x, op, FindingKind::Mbarrier, 1u << lane, span.first, bytes,
           "an ordinary store overwrites the mbarrier that " + lineText(x, *barrier.init) +
               " initialised",
           "keep other data off its 8 bytes until mbarrier.inval");
  for (const BulkCopy &copy : async.copies) {
    if (!owns(x, copy, span))
      continue;
    if (copy.kind == BulkKind::Load)
      tell(x, op, FindingKind::AsyncInFlight, 1u << lane, span.first, bytes,
           "shared memory is stored to while " + ownerText(x, copy) + " into it is in flight" +
               waitedText(copy),
           loadRemedy);
    else
      tell(x, op, FindingKind::AsyncSource, 1u << lane, span.first, bytes,
           "shared memory is stored to while " + ownerText(x, copy) + " may still read it",
           copy.kind == BulkKind::Send ? sendRemedy : storeRemedy);
  }
}

void note(Exec &x, const Op &op, Span span) {
  for (StoreNote &n : x.block->async->stores)
    if (n.op == &op && n.from == x.warp->block->rank) {
      n.first = std::min(n.first, span.first);
      n.end = std::max(n.end, span.end);
      n.warp = x.warp->index;
      return;
    }
  x.block->async->stores.push_back({&op, span.first, span.end, x.warp->index, x.warp->block->rank});
}

bool anyOwned(const Exec &x, Span span) {
  const AsyncState &async = *x.block->async;
  for (const Mbarrier &barrier : async.mbarriers)
    if (span.meets(barrier.address, barrier.address + 8))
      return true;
  for (const BulkCopy &copy : async.copies)
    if (owns(x, copy, span))
      return true;
  return false;
}

} // namespace

/// Stores into the shared memory of other blocks, lane after lane. Where there is no such block, the store
/// itself finds that out.
static void guardRemote(Exec &x, const Op &op, uint32_t mask, const uint32_t *address, unsigned bytes) {
  for (uint32_t rest = mask; rest; rest &= rest - 1) {
    unsigned i = static_cast<unsigned>(std::countr_zero(rest));
    uint32_t rank = address[i] >> rankShift, first = address[i] & offsetMask;
    const auto &blocks = x.block->cluster->blocks;
    if (rank > blocks.size())
      continue;
    AtBlock at(x, rank ? *blocks[rank - 1] : *x.block);
    Span span{first, first + bytes};
    note(x, op, span);
    checkSpan(x, op, span, i);
  }
}

void guardStore(Exec &x, const Op &op) {
  uint32_t mask = x.mask;
  if (op.run == &runPredicated) {
    uint32_t bits = x.predicate(op.pred);
    mask &= op.flags & FlagPredNegated ? ~bits : bits;
  }
  bool matrix = op.size == 0; // stmatrix: rows of 16 bytes
  unsigned bytes = matrix ? 16u : op.size * std::max<unsigned>(op.count, 1);
  if (matrix && op.count < 4)
    mask &= (1u << (8 * op.count)) - 1;
  uint32_t first[lanes];
  Span all{~0u, 0};
  uint32_t shared = 0;
  for (uint32_t rest = mask; rest; rest &= rest - 1) {
    unsigned i = static_cast<unsigned>(std::countr_zero(rest));
    uint64_t address = laneAddress(x, op.a, op.imm, op.flags & FlagAddress32, i);
    bool window = (address & windowMask) == sharedWindow;
    if (op.space == Space::Generic && !window)
      continue;
    first[i] = static_cast<uint32_t>(address & ~windowMask);
    shared |= 1u << i;
    all.first = std::min(all.first, first[i]);
    all.end = std::max(all.end, first[i] + bytes);
  }
  if (!shared)
    return;
  if (all.end >> rankShift)
    return guardRemote(x, op, shared, first, bytes);
  note(x, op, all);
  forgetCopies(*x.block, x.warp->index, all.first, all.end);
  if (x.block->async->wgmma)
    forgetWgmmaTiles(x, all.first, all.end);
  if (x.block->async->wgmma)
    for (uint32_t rest = shared; rest; rest &= rest - 1) {
      unsigned i = static_cast<unsigned>(std::countr_zero(rest));
      guardWgmmaSource(x, op, first[i], first[i] + bytes, i, "a store writes");
    }
  if (!anyOwned(x, all))
    return;
  for (uint32_t rest = shared; rest; rest &= rest - 1) {
    unsigned i = static_cast<unsigned>(std::countr_zero(rest));
    checkSpan(x, op, {first[i], first[i] + bytes}, i);
  }
}

/// What this block has stored into others.
static void fenceRemoteStores(Exec &x) {
  for (Block *other : x.block->cluster->blocks) {
    if (other == x.block)
      continue;
    auto &stores = other->async->stores;
    for (size_t i = 0; i < stores.size();) {
      if (stores[i].from != x.block->rank) {
        ++i;
        continue;
      }
      uint32_t begin = (stores[i].first - sharedBase) / 4, end = (stores[i].end - sharedBase + 3) / 4;
      for (uint32_t word = begin; word < end; ++word)
        other->sharedShadow[word] &= 0x0f;
      stores.erase(stores.begin() + static_cast<long>(i));
    }
  }
}

void fenceAsyncProxy(Exec &x) {
  publishMbarriers(*x.block);
  x.block->async->stores.clear();
  fenceRemoteStores(x);
  uint8_t *shadow = x.block->sharedShadow;
  size_t bytes = x.launch->sharedBytes / 4 + 1;
  for (size_t i = 0; i < bytes; ++i)
    shadow[i] &= 0x0f;
}

std::string inFlightText(Exec &x, uint64_t address, unsigned bytes) {
  Span span{static_cast<uint32_t>(address), static_cast<uint32_t>(address) + bytes};
  for (const BulkCopy &copy : x.block->async->copies)
    if (copy.kind == BulkKind::Load && owns(x, copy, span))
      return "shared memory is read while " + ownerText(x, copy) + " into it is in flight" +
             waitedText(copy);
  for (const Mbarrier &barrier : x.block->async->mbarriers)
    if (span.meets(barrier.address, barrier.address + 8))
      return "an ordinary load reads the mbarrier that " + lineText(x, *barrier.init) +
             " initialised";
  return "";
}

void checkBulkTarget(Exec &x, const Op &op, const BulkCopy &copy, unsigned lane) {
  auto &copies = x.block->async->copies;
  for (const SharedSpan &own : copy.spans) {
    Span span{own.first, own.first + own.bytes};
    if (x.block->async->wgmma && x.launch->checks)
      forgetWgmmaTiles(x, span.first, span.end);
    if (x.block->async->wgmma && x.launch->checks)
      guardWgmmaSource(x, op, span.first, span.end, lane, "a bulk copy overwrites");
    for (size_t i = 0; i < copies.size();) {
      BulkCopy &other = copies[i];
      if (copy.reduction && other.reduction && other.kind == BulkKind::Load) {
        ++i; // reductions into one place are atomic
        continue;
      }
      bool over = other.kind == BulkKind::Load && other.landed && meets(other, span);
      if (over) {
        if (other.seen) // the new copy may cover less of it
          showToAll(*x.block, other);
        copies.erase(copies.begin() + static_cast<long>(i)); // nobody else wanted it
      } else if (!owns(x, other, span)) {
        ++i;
      } else {
        bool load = other.kind == BulkKind::Load;
        if (x.launch->checks)
          tell(x, op, load ? FindingKind::AsyncInFlight : FindingKind::AsyncSource, 1u << lane,
               own.first, own.bytes,
               "a bulk copy into shared memory while " + ownerText(x, other) +
                   (load ? " into it is in flight" : " may still read it"),
               load ? loadRemedy : storeRemedy);
        ++i;
      }
    }
    for (const Mbarrier &barrier : x.block->async->mbarriers)
      if (x.launch->checks && span.meets(barrier.address, barrier.address + 8))
        tell(x, op, FindingKind::Mbarrier, 1u << lane, own.first, own.bytes,
             "a bulk copy overwrites the mbarrier that " + lineText(x, *barrier.init) +
                 " initialised",
             "keep other data off its 8 bytes until mbarrier.inval");
  }
}

void checkBulkSource(Exec &x, const Op &op, const BulkCopy &copy, unsigned lane) {
  if (!x.launch->checks)
    return;
  for (const BulkPiece &piece : copy.pieces) {
    if (piece.zeros) // nobody will see what is there
      continue;
    const uint8_t *shadow = x.block->sharedShadow;
    uint64_t offset = piece.shared - sharedBase;
    if (!isWritten(shadow, offset, piece.bytes)) {
      uint64_t address[lanes], bad = offset;
      while (isWritten(shadow, bad, 4))
        bad += 4;
      std::fill(std::begin(address), std::end(address), bad + sharedBase);
      reportUninitialised(x, op, Space::Shared, 1u << lane, address, 4);
      continue;
    }
    for (uint64_t at = offset; at < offset + piece.bytes; at += 4) {
      if (!(shadow[at / 4] & 0xf0))
        continue;
      uint32_t address = static_cast<uint32_t>(at) + sharedBase;
      std::string who = "ordinary stores";
      for (const StoreNote &n : x.block->async->stores)
        if (address < n.end && n.first < address + 4)
          who = "the store of " + lineText(x, *n.op) + " (warp " + std::to_string(n.warp) + ")";
      tell(x, op, FindingKind::Proxy, 1u << lane, address, piece.bytes,
           "a bulk copy reads shared memory that " + who +
               " wrote, without a fence.proxy.async between",
           "let the threads that store execute fence.proxy.async.shared::cta, then synchronise, "
           "then copy");
      break;
    }
  }
}

} // namespace cameo::ptx
