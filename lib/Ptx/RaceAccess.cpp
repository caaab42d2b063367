// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Accesses become ranges of bytes, ranges become cells of the shadow, and each cell makes a step from
// its state (RaceStep.cpp). Cells split where accesses are smaller, and become one again.
#include "Footprints.h"
#include "RaceWalk.h"

#include <algorithm>
#include <thread>

namespace cameo::ptx {

RacePage &RaceWalk::pageOf(uint64_t index) {
  if (!isGlobal) {
    auto &page = home.pages[index];
    if (!page)
      page = std::make_unique<RacePage>();
    return *page;
  }
  return pages->at(index, x.launch->race->pagesMade);
}

/// A page of global memory while this host thread changes it.
class PageGuard {
public:
  explicit PageGuard(RacePage &page) : flag(page.busy) {
    for (unsigned tries = 1; flag.test_and_set(std::memory_order_acquire); ++tries)
      if (tries % 64 == 0)
        std::this_thread::yield(); // who has it may wait for this processor
  }
  ~PageGuard() { flag.clear(std::memory_order_release); }

private:
  std::atomic_flag &flag;
};

/// What all blocks read is soon in states that know it: each of these cells is as the access leaves it, and the page
/// needs no lock. Every cell is looked at once, by one atomic load; its state was that at some moment between
/// the accesses of others, as if the page had been locked then. The answer is from this thread's own cache, whose
/// numbers mean the same until the table is rebuilt, and then all stand still and the cache begins anew.
bool RaceWalk::leavesAll(RacePage &page, uint64_t begin, uint64_t end) {
  constexpr unsigned unit = RacePage::unit;
  if (replaces || (begin | end) % unit)
    return false;
  uint32_t known = 0; // of 0, nothing is known
  for (uint64_t at = begin; at < end; at += unit) {
    uint32_t state = page.peek(at % RacePage::bytes / unit);
    if (!state || state & RacePage::split || (state != known && !isUnchanged(state)))
      return false;
    known = state;
  }
  return true;
}

void RaceWalk::range(uint64_t begin, uint64_t end) {
  while (begin < end) {
    uint64_t index = begin / RacePage::bytes, first = index * RacePage::bytes;
    uint64_t stop = std::min(end, first + RacePage::bytes);
    RacePage &page = pageOf(index);
    if (isGlobal) {
      if (!leavesAll(page, begin, stop)) {
        PageGuard guard(page);
        inPage(page, begin, stop);
      }
    } else {
      inPage(page, begin, stop);
    }
    begin = stop;
  }
}

void RaceWalk::units(const std::vector<uint32_t> &addresses) {
  static_assert(RacePage::unit == 16);
  uint64_t last = ~uint64_t(0);
  RacePage *page = nullptr;
  for (uint32_t address : addresses) {
    uint32_t at = address - sharedBase;
    if (at / RacePage::bytes != last) {
      last = at / RacePage::bytes;
      page = &pageOf(last);
    }
    uint32_t &c = page->cell[at % RacePage::bytes / RacePage::unit];
    if (c == lastState)
      c = lastNext;
    else
      inPage(*page, at, at + RacePage::unit);
  }
}

void RaceWalk::inPage(RacePage &page, uint64_t begin, uint64_t end) {
  constexpr unsigned unit = RacePage::unit;
  for (uint64_t at = begin & ~uint64_t(unit - 1); at < end; at += unit) {
    uint32_t index = static_cast<uint32_t>(at % RacePage::bytes / unit), state = page.cell[index];
    if (at >= begin && at + unit <= end && !(state & RacePage::split))
      RacePage::put(page.cell[index], state == lastState ? lastNext : step(state, at, unit));
    else
      cell(page, index, begin, end, at, unit, false);
  }
}

/// A cell of `size` bytes at `base`, in parts where it has been split or only a part is accessed.
void RaceWalk::cell(RacePage &page, uint32_t index, uint64_t begin, uint64_t end, uint64_t base,
                unsigned size, bool pooled) {
  // The pool may move while parts are split.
  auto here = [&]() -> uint32_t & { return pooled ? page.pooled(index) : page.cell[index]; };
  bool covered = base >= begin && base + size <= end;
  if (!(here() & RacePage::split)) {
    if (covered) {
      uint32_t next = step(here(), base, size); // may throw, and may not move the pool
      RacePage::put(here(), next);
      return;
    }
    if (isUnchanged(here()))
      return;
    uint32_t group = page.splitCell(here());
    RacePage::put(here(), group | RacePage::split);
  }
  uint32_t group = here() & ~RacePage::split;
  unsigned part = size / 4;
  for (unsigned i = 0; i < 4; ++i)
    if (uint64_t at = base + i * part; at < end && begin < at + part)
      cell(page, group + i, begin, end, at, part, true);
  const uint32_t *parts = &page.pooled(group);
  if (!(parts[0] & RacePage::split) && parts[0] == parts[1] && parts[0] == parts[2] &&
      parts[0] == parts[3])
    page.drop(here(), parts[0]);
}

namespace {

unsigned logOf(unsigned width) { return static_cast<unsigned>(std::countr_zero(width)); }

/// Whether lanes may access the same bytes; now and then true although they do not.
template <typename Offset> bool mayOverlap(const Exec &x, const Offset *off, unsigned width) {
  uint64_t seen[4] = {};
  unsigned log = logOf(width);
  for (unsigned i = 0; i < lanes; ++i) {
    uint64_t place = off[i] >> log;
    uint64_t bit = (uint64_t(x.mask) >> i & 1) << (place & 63);
    uint64_t &word = seen[place >> 6 & 3];
    if (word & bit)
      return true;
    word |= bit;
  }
  return false;
}

} // namespace

RaceSpot raceGlobal(Allocation &allocation) {
  return {Space::Global, &allocation, allocation.base & 255, nullptr};
}

RaceSpot raceSharedOf(const Exec &x) {
  return {Space::Shared, nullptr, 0, x.block->race.get()};
}

namespace {

/// For footprints: an offset in shared memory, an address in global memory.
uint64_t placeOf(const RaceSpot &spot) {
  return spot.origin + (spot.allocation ? spot.allocation->base - (spot.allocation->base & 255) : 0);
}

/// Calls `part(begin, end)` for the ranges of a scattered access, after `walk` has the form of each.
/// Neighbours in memory of the same record go together.
template <typename Offset, typename F>
void scattered(RaceWalk &walk, const RaceSpot &spot, const Offset *off, unsigned width, uint32_t mask,
               bool some, F part) {
  unsigned log = logOf(width), residue = 0;
  uint64_t begin = 0, end = 0;
  if (some)
    walk.setForm(LaneForm::Some);
  auto flush = [&] {
    if (!end)
      return;
    if (!some)
      walk.setForm(LaneForm::ByAddress, residue);
    part(begin, end);
  };
  for (uint32_t rest = mask; rest; rest &= rest - 1) {
    unsigned i = static_cast<unsigned>(std::countr_zero(rest));
    uint64_t at = spot.origin + off[i];
    unsigned own = some ? 0 : static_cast<unsigned>((at >> log) - i) & 31;
    if (end && at == end && own == residue) {
      end = at + width;
      continue;
    }
    if (some && at >= begin && at + width <= end)
      continue;
    flush();
    begin = at, end = at + width, residue = own;
  }
  flush();
}

} // namespace

template <typename Offset>
void raceAccess(Exec &x, const Op &op, const RaceSpot &spot, const Offset *off, unsigned width,
                RacePattern pattern, uint8_t kind, RaceSameValue same, const void *view) {
  bool reads = !(kind & RaceWrite);
  if (Footprints *log = x.launch->footprints.get();
      log && !spot.home && !(reads && spot.allocation && spot.allocation->readOnly))
    log->lanesOf(x, op, reads ? Footprint::Read : Footprint::Write, placeOf(spot), off, width, x.mask);
  if (spot.allocation && x.launch->race->table.full(x.race->globalCache.part))
    x.launch->race->full = true;
  if (spot.allocation && ((reads && spot.allocation->readOnly) || x.launch->race->full))
    return;
  if (!spot.allocation)
    (spot.home ? *spot.home : *x.race).keepSmall();
  RaceWalk walk(x, op, spot);
  walk.asLanes(kind, width, same, view);
  walk.setPlaces(off);
  unsigned lead = static_cast<unsigned>(std::countr_zero(x.mask));
  uint64_t begin = spot.origin + off[lead];
  bool alone = (x.mask & (x.mask - 1)) == 0;
  if (pattern == RacePattern::Consecutive || alone) {
    walk.setForm(LaneForm::ByAddress, static_cast<unsigned>((begin >> logOf(width)) - lead) & 31);
    walk.range(begin, begin + (alone ? width : uint64_t(width) * lanes));
  } else if (pattern == RacePattern::Uniform) {
    walk.setForm(LaneForm::All);
    walk.range(begin, begin + width);
  } else {
    // Global memory is read once by each warp and rarely written by it: a record for each lane is too much.
    bool some = (kind & RaceCollective) ||
                (reads && (spot.allocation || mayOverlap(x, off, width)));
    scattered(walk, spot, off, width, x.mask, some,
              [&](uint64_t from, uint64_t to) { walk.range(from, to); });
  }
}

template void raceAccess(Exec &, const Op &, const RaceSpot &, const uint32_t *, unsigned,
                         RacePattern, uint8_t, RaceSameValue, const void *);
template void raceAccess(Exec &, const Op &, const RaceSpot &, const uint64_t *, unsigned,
                         RacePattern, uint8_t, RaceSameValue, const void *);

void raceRange(Exec &x, const Op &op, const RaceSpot &spot, uint64_t offset, uint64_t bytes,
               const RaceCopy &copy) {
  if (spot.allocation && ((!(copy.kind & RaceWrite) && spot.allocation->readOnly) ||
                          x.launch->race->full))
    return;
  if (!spot.allocation)
    (spot.home ? *spot.home : *x.race).keepSmall();
  RaceWalk walk(x, op, spot);
  walk.asCopy(copy);
  walk.range(offset, offset + bytes);
}

void raceCopyIssued(Exec &x, const Op &op, const uint32_t *off, unsigned width, uint32_t mask) {
  if (Footprints *log = x.launch->footprints.get())
    log->lanesOf(x, op, Footprint::Write, 0, off, width, mask);
  x.race->keepSmall();
  RaceSpot spot = raceShared();
  RaceWalk walk(x, op, spot);
  walk.asLanes(RaceWrite | RaceAsync, width, nullptr, nullptr);
  scattered(walk, spot, off, width, mask, false,
            [&](uint64_t from, uint64_t to) { walk.range(from, to); });
}

void raceCopyLanded(Exec &x, const Op &op, const uint32_t *off, unsigned width, uint32_t mask,
                    uint32_t warp, uint32_t clock) {
  if (Footprints *log = x.launch->footprints.get())
    log->lanesOf(x, op, Footprint::Write, 0, off, width, mask);
  RaceSpot spot = raceShared();
  RaceWalk walk(x, op, spot);
  walk.asLanded(x.race->warps[warp], clock, width, mask);
  scattered(walk, spot, off, width, mask, false,
            [&](uint64_t from, uint64_t to) { walk.replace(from, to); });
}

} // namespace cameo::ptx
