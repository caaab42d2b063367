// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// cp.async: copies that are in flight until a wait covers them. At the issue the destination is
// poisoned (its bytes count as never written, so that a read before the wait is found), and source
// and destination are checked; the data is read from its source when it lands: as late as the wait
// allows, so that a source overwritten too early is found, too, or earlier, as the schedule says.
// Whenever that is, the destination may be read only behind the wait. Groups are counted per thread.
#include "Async.h"
#include "Trace.h"
#include "Footprints.h"
#include "Race.h"
#include "Handlers.h"
#include "Wgmma.h"

#include <bit>

namespace cameo::ptx {
namespace {

struct Place {
  uint8_t *host = nullptr, *shadow = nullptr;
  uint64_t lead = 0;
};

/// cp.async moves 4, 8 or 16 aligned bytes, so its shadow is whole words.
void poisonWords(uint8_t *to, unsigned bytes) {
  for (unsigned i = 0; i < bytes; i += 4)
    std::memcpy(to + i, &poisonWord, 4);
}
void setShadow(uint8_t *shadow, uint32_t offset, unsigned bytes, uint32_t value) {
  std::memcpy(shadow + offset / 4, &value, bytes / 4);
}
void copyBytes(uint8_t *to, const uint8_t *from, unsigned n) {
  if (n == 16)
    std::memcpy(to, from, 16);
  else
    std::memcpy(to, from, n);
}

/// Moves the data of the lanes in `mask` to where it belongs.
void capture(Exec &x, PendingCopy &copy, uint32_t mask) {
  Block &block = *x.block;
  Allocation *source = nullptr;
  for (uint32_t rest = mask & copy.mask & ~copy.captured; rest; rest &= rest - 1) {
    unsigned i = static_cast<unsigned>(std::countr_zero(rest));
    uint8_t *to = block.shared + copy.target[i];
    unsigned n = copy.sourceBytes[i];
    if (n) {
      if (!source || copy.source[i] - source->base >= source->bytes)
        source = x.launch->memory->find(copy.source[i]);
      if (!source || !source->contains(copy.source[i], n))
        reportBadAccess(x, *copy.op, Space::Global, copy.source[i], n, i);
      uint64_t offset = copy.source[i] - source->base;
      if (x.launch->checks && source->shadow && !source->allWritten &&
          !isWritten(source->shadow, offset + (source->base & 3), n)) {
        uint64_t address[lanes];
        std::copy(std::begin(copy.source), std::end(copy.source), address);
        reportUninitialised(x, *copy.op, Space::Global, 1u << i, address, n);
      }
      copyBytes(to, source->host + offset, n);
    }
    if (n < copy.bytes)
      std::memset(to + n, 0, copy.bytes - n);
  }
  copy.captured |= mask;
}

/// A wait covers the lanes in `mask`: the data is there and may be read.
void settle(Exec &x, PendingCopy &copy, uint32_t mask, const Warp &warp, uint32_t raceClock) {
  capture(x, copy, mask);
  bool ends = copy.mask && !(copy.mask & ~mask);
  if (x.race && (mask & copy.mask))
    raceCopyLanded(x, *copy.op, copy.target, copy.bytes, mask & copy.mask, warp.index, raceClock);
  for (uint32_t rest = mask & copy.mask; rest; rest &= rest - 1) {
    unsigned i = static_cast<unsigned>(std::countr_zero(rest));
    setShadow(x.block->sharedShadow, copy.target[i], copy.bytes, 0xffffffffu);
  }
  copy.mask &= ~mask;
  if (x.trace && ends)
    x.trace->endCopy(x, *copy.op, asyncTraceId(x.warp->index, copy.sequence), "a wait covers it");
}

/// Copies land in the order of their issue, nearly always: those in front go, in bunches.
void dropLanded(Warp &warp) {
  size_t landed = 0;
  while (landed < warp.copies.size() && warp.copies[landed].mask == 0)
    ++landed;
  if (landed == warp.copies.size())
    warp.copies.clear();
  else if (landed >= 32)
    warp.copies.erase(warp.copies.begin(), warp.copies.begin() + static_cast<long>(landed));
}

uint32_t clockOf(const Exec &x) { return x.race ? x.race->warps[x.warp->index].clock : 0; }

/// The destination is written from now on; the source is read by the lanes.
void raceIssue(Exec &x, const Op &op, const PendingCopy &copy) {
  raceCopyIssued(x, op, copy.target, copy.bytes, copy.mask);
  uint32_t all = x.mask, todo = 0;
  for (unsigned i = 0; i < lanes; ++i)
    todo |= static_cast<uint32_t>((all >> i & 1) && copy.sourceBytes[i]) << i;
  while (todo) {
    const unsigned lead = static_cast<unsigned>(std::countr_zero(todo));
    Allocation *a = x.launch->memory->find(copy.source[lead]);
    uint64_t off[lanes] = {};
    uint32_t part = 0;
    for (uint32_t rest = todo; rest; rest &= rest - 1)
      if (unsigned i = static_cast<unsigned>(std::countr_zero(rest)); copy.source[i] - a->base < a->bytes) {
        off[i] = copy.source[i] - a->base;
        part |= 1u << i;
      }
    x.setMask(part);
    raceAccess(x, op, raceGlobal(*a), off, copy.sourceBytes[lead] & (0u - copy.sourceBytes[lead]),
               RacePattern::Scattered, 0);
    todo &= ~part;
  }
  x.setMask(all);
}

/// d: destination (imm), a: source (imm in side), b: bytes of the source, c: predicate to ignore it.
/// side: source offset, flags {1: narrow destination, 2: narrow source, 4: predicate negated}.
void copyAsync(Exec &x, const Op &op) {
  const uint32_t *side = x.side(op);
  int64_t sourceOffset = static_cast<int32_t>(side[0]);
  uint32_t flags = side[1], ignored = op.c == noOperand ? 0 : x.predicate(op.c);
  if (flags & 4)
    ignored = ~ignored;
  Block &block = *x.block;
  x.warp->copies.emplace_back();
  PendingCopy &copy = x.warp->copies.back();
  copy.op = &op;
  copy.bytes = op.size;
  copy.mask = copy.uncommitted = x.mask;
  copy.sequence = ++x.warp->issued;
  const Region *region = nullptr;
  Allocation *allocation = nullptr;
  uint64_t most = 0;
  for (uint32_t rest = x.mask; rest; rest &= rest - 1) {
    unsigned i = static_cast<unsigned>(std::countr_zero(rest));
    uint64_t to = laneAddress(x, op.d, op.imm, flags & 1, i);
    uint64_t from = laneAddress(x, op.a, sourceOffset, flags & 2, i);
    if (!region || to - region->base >= region->bytes)
      region = sharedRegion(x, to);
    if (!region || region->bytes - (to - region->base) < op.size || (to & (op.size - 1u)))
      reportBadAccess(x, op, Space::Shared, to, op.size, i);
    unsigned n = op.b == noOperand ? op.size : x.at<uint32_t>(op.b)[i];
    n = ignored >> i & 1 ? 0 : n > op.size ? op.size : n;
    if (n) {
      if (!allocation || from - allocation->base >= allocation->bytes)
        allocation = x.launch->memory->find(from);
      if (!allocation || !allocation->contains(from, n) || (from & (op.size - 1u)))
        reportBadAccess(x, op, Space::Global, from, op.size, i);
    }
    copy.target[i] = static_cast<uint32_t>(to - sharedBase);
    copy.source[i] = from;
    copy.sourceBytes[i] = static_cast<uint8_t>(n);
    most += n;
    if (block.async->wgmma && x.launch->checks)
      forgetWgmmaTiles(x, static_cast<uint32_t>(to), static_cast<uint32_t>(to) + op.size);
    if (block.async->wgmma && x.launch->checks)
      guardWgmmaSource(x, op, static_cast<uint32_t>(to), static_cast<uint32_t>(to) + op.size, i,
                       "cp.async overwrites");
    poisonWords(block.shared + copy.target[i], op.size);
    if (x.launch->checks)
      setShadow(block.sharedShadow, copy.target[i], op.size, 0);
  }
  if (x.race)
    raceIssue(x, op, copy);
  if (x.counts)
    x.counts->asyncCopyBytes += most;
  if (x.trace)
    x.trace->beginCopy(x, op, asyncTraceId(x.warp->index, copy.sequence), most);
  bool now = x.launch->asyncPoint == 1 || (x.launch->asyncPoint == 2 && (x.nextRandom() & 1));
  if (now) // nobody may know before the wait
    capture(x, copy, copy.mask);
}

void commitGroup(Exec &x, const Op &op) {
  Warp &warp = *x.warp;
  logLanes(x, op, Footprint::Commit, x.mask);
  for (PendingCopy &copy : warp.copies) {
    uint32_t mine = copy.uncommitted & x.mask;
    if (!mine)
      continue;
    for (unsigned i = 0; i < lanes; ++i)
      if (mine >> i & 1)
        copy.group[i] = warp.committed[i];
    copy.uncommitted &= ~mine;
  }
  for (unsigned i = 0; i < lanes; ++i)
    warp.committed[i] += x.mask >> i & 1;
}

/// imm: groups that may stay in flight.
void waitGroup(Exec &x, const Op &op) {
  Warp &warp = *x.warp;
  logCopyWait(x, op, x.mask);
  for (PendingCopy &copy : warp.copies) {
    uint32_t mine = copy.mask & ~copy.uncommitted & x.mask, done = 0;
    for (unsigned i = 0; i < lanes; ++i)
      if (mine >> i & 1)
        done |= static_cast<uint32_t>(warp.committed[i] - copy.group[i] > op.imm) << i;
    if (done)
      settle(x, copy, done, warp, clockOf(x));
  }
  logCopyWait(x, op, 0);
  dropLanded(warp);
}

/// Waits for all copies of the thread, committed or not.
void waitAll(Exec &x, const Op &op) {
  logCopyWait(x, op, x.mask);
  for (PendingCopy &copy : x.warp->copies)
    settle(x, copy, x.mask, *x.warp, clockOf(x));
  logCopyWait(x, op, 0);
  dropLanded(*x.warp);
}

} // namespace

void landCopies(Exec &x, Warp &warp, uint32_t mask, uint64_t sequence, uint32_t raceClock) {
  for (PendingCopy &copy : warp.copies)
    if (copy.sequence <= sequence)
      settle(x, copy, mask, warp, raceClock);
  dropLanded(warp);
}

void landSomeCopies(Exec &x, Warp &warp) {
  for (PendingCopy &copy : warp.copies)
    if (x.nextRandom() % 4 == 0)
      capture(x, copy, static_cast<uint32_t>(x.nextRandom()));
}

void asyncRows(HandlerRows &rows) {
  rows.push_back({"cp.async", &copyAsync});
  rows.push_back({"cp.async.commit_group", &commitGroup});
  rows.push_back({"cp.async.wait_group", &waitGroup});
  rows.push_back({"cp.async.wait_all", &waitAll});
}

} // namespace cameo::ptx
