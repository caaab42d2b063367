// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What an access does to the shadow: ranges of bytes become cells, each cell makes a step from its
// state. Whether a step is free of races is worked out once: what a warp knows only grows, so that a
// step that was clean stays so. Where the answer hangs on the address (lanes of one warp that access
// with different widths) it is worked out each time.
#include "Race.h"

#include <algorithm>

namespace cameo::ptx {
namespace {

constexpr unsigned mostLaneReads = 4; ///< of one warp at one clock in a set, told apart by lanes
constexpr unsigned mostLookedAt = 64; ///< of a set of blocks, to see that a block is there already

unsigned logOf(unsigned width) { return static_cast<unsigned>(std::countr_zero(width)); }

class Walk {
public:
  Walk(Exec &x, const Op &op, const RaceSpot &spot)
      : x(x), op(op), spot(spot), race(*x.race), isGlobal(spot.space != Space::Shared),
        table(isGlobal ? x.launch->race->table : race.table),
        cache(isGlobal ? race.globalCache : race.cache),
        pages(isGlobal ? &x.launch->race->pagesOf(*spot.allocation) : nullptr) {
    a.op = static_cast<uint32_t>(x.indexOf(op));
    a.block = isGlobal ? race.linear : 0;
    a.epoch = isGlobal ? race.epoch : 0;
  }

  /// Of the lanes of x.mask.
  void asLanes(uint8_t kind, unsigned width, RaceSameValue sameValue, const void *valueView) {
    warp = &race.warps[x.warp->index];
    warp->touched = true;
    a.agent = static_cast<uint16_t>(warp->index);
    a.clock = kind & RaceAsync ? raceInFlight : clockHere(warp->clock);
    a.mask = asking = x.mask;
    a.kind = kind;
    a.widthLog = static_cast<uint8_t>(logOf(width));
    same = sameValue, view = valueView;
    strict = kind & RaceCollective;
    byBlock = isGlobal && !a.writes() && (x.launch->grid[0] > 1 || x.launch->grid[1] > 1 || x.launch->grid[2] > 1) &&
              !spot.allocation->stored.load(std::memory_order_relaxed);
  }
  void asLanded(RaceWarp &of, uint32_t clock, unsigned width, uint32_t mask) {
    warp = &of;
    warp->touched |= clock == warp->clock;
    a.agent = static_cast<uint16_t>(of.index);
    a.clock = clockHere(clock);
    a.mask = asking = mask;
    a.kind = RaceWrite;
    a.widthLog = static_cast<uint8_t>(logOf(width));
  }
  void asCopy(const RaceCopy &copy) {
    warp = &race.warps[x.warp->index];
    a.agent = static_cast<uint16_t>(copy.agent);
    a.clock = copy.clock;
    a.mask = asking = 1u << copy.lane;
    a.kind = copy.kind;
    a.widthLog = copy.widthLog;
    proxy = copy.proxy;
    setForm(copy.byAddress ? LaneForm::ByAddress : LaneForm::All, copy.residue);
  }
  /// Where the lanes' accesses are, while it is known: for those whose record says less.
  void setPlaces(const uint32_t *off) { narrow = off; }
  void setPlaces(const uint64_t *off) { wide = off; }
  /// A read of which only the block is remembered. Weights that a thousand blocks read would have a record
  /// for each warp and iteration of each; as long as no kernel of the launch has stored to their
  /// allocation, one for each block says what later stores of other blocks have to know. Who of a
  /// block stores to what its neighbours still read is found in the blocks after the first.
  static RaceRecord ofBlock(RaceRecord r) {
    r.form = LaneForm::Block;
    r.clock = r.mask = r.agent = r.widthLog = r.residue = 0;
    return r;
  }
  void setForm(LaneForm form, unsigned residue = 0) {
    if (byBlock) {
      a = ofBlock(a);
    } else {
      a.form = form;
      a.residue = static_cast<uint8_t>(residue);
    }
    RaceCache::Known &known = cache.knownOf(a);
    if (known.id == 0 || !(known.record == a)) {
      known.record = a;
      known.id = table.record(a);
    }
    id = known.id;
    lastState = ~0u;
  }
  void range(uint64_t begin, uint64_t end);
  void replace(uint64_t begin, uint64_t end) {
    replacing = table.state(id, 0);
    replaces = true;
    range(begin, end);
  }

private:
  uint32_t clockHere(uint32_t clock) const {
    return isGlobal ? clock : race.sinceEra(warp->index, clock);
  }
  uint32_t clockOf(const RaceRecord &r) const { return isGlobal ? r.clock : race.clockOf(r); }
  enum class Order { Ordered, Racy, Scope, Proxy };

  RacePage &pageOf(uint64_t index);
  void inPage(RacePage &page, uint64_t begin, uint64_t end);
  void cell(RacePage &page, uint32_t index, uint64_t begin, uint64_t end, uint64_t base,
            unsigned size, bool pooled);
  uint32_t step(uint32_t state, uint64_t offset, unsigned size) {
    if (state == lastState)
      return lastNext;
    if (replaces)
      return replacing;
    RaceCache::Step &known = cache.stepOf(state, id);
    if (!known.is(state, id, race.era)) {
      bool everywhere = true;
      hangsOnKnowledge = false;
      uint32_t next = workOut(state, offset, size, everywhere);
      if (!everywhere)
        return next;
      known = {state, id, next, hangsOnKnowledge && race.hasEras && !isGlobal ? race.era : 0};
    }
    lastState = state, lastNext = known.next;
    return known.next;
  }
  /// The access is known to leave this state as it is.
  bool isUnchanged(uint32_t state) {
    const RaceCache::Step &known = cache.stepOf(state, id);
    return (replaces && state == replacing) ||
           (!replaces && known.is(state, id, race.era) && known.next == state);
  }
  uint32_t workOut(uint32_t state, uint64_t offset, unsigned size, bool &everywhere);
  void judge(const RaceRecord &r, uint64_t offset, unsigned size, bool &everywhere);
  Order orderOf(const RaceRecord &r, uint64_t offset, unsigned size, bool &everywhere);
  bool knows(const RaceClass &c, const RaceRecord &r, uint64_t offset, unsigned size,
             bool &everywhere, bool &proxyOnly) const;
  bool sameLanes(const RaceClass &c, const RaceRecord &r, uint64_t offset, unsigned size,
                 bool &everywhere) const;
  bool sameValues(uint64_t offset, unsigned size) const;
  bool storesNow(uint32_t mask, uint64_t byte) const;
  uint32_t lanesNow(uint64_t byte) const {
    if (a.form != LaneForm::Some)
      return a.lanesAt(byte);
    uint32_t found = 0;
    for (unsigned i = 0; i < lanes; ++i) {
      uint64_t at = spot.origin + (narrow ? narrow[i] : wide[i]);
      found |= static_cast<uint32_t>((a.mask >> i & 1) && byte - at < (1u << a.widthLog)) << i;
    }
    return found;
  }
  uint32_t withRead(uint32_t set);
  uint32_t withBlock(uint32_t set);
  bool replacesRead(const RaceRecord &r);

  Exec &x;
  const Op &op;
  const RaceSpot &spot;
  RaceBlock &race;
  bool isGlobal;
  RaceTable &table;
  RaceCache &cache;
  RacePages *pages;
  RaceWarp *warp = nullptr;
  RaceRecord a;
  uint32_t asking = 0; ///< lanes whose knowledge counts
  uint32_t id = 0, lastState = ~0u, lastNext = 0, replacing = 0;
  const uint32_t *narrow = nullptr;
  const uint64_t *wide = nullptr;
  bool strict = false, proxy = false, replaces = false;
  bool byBlock = false; ///< a read of what nobody has stored to yet
  bool hangsOnKnowledge = false; ///< what is worked out now
  RaceSameValue same = nullptr;
  const void *view = nullptr;
};

RacePage &Walk::pageOf(uint64_t index) {
  if (!isGlobal) {
    auto &page = race.pages[index];
    if (!page)
      page = std::make_unique<RacePage>();
    return *page;
  }
  std::atomic<RacePage *> &slot = pages->pages[index];
  RacePage *page = slot.load(std::memory_order_acquire);
  if (!page) {
    auto made = std::make_unique<RacePage>();
    if (slot.compare_exchange_strong(page, made.get(), std::memory_order_acq_rel))
      page = made.release();
  }
  return *page;
}

void Walk::range(uint64_t begin, uint64_t end) {
  while (begin < end) {
    uint64_t index = begin / RacePage::bytes, first = index * RacePage::bytes;
    uint64_t stop = std::min(end, first + RacePage::bytes);
    RacePage &page = pageOf(index);
    if (isGlobal) {
      struct Guard {
        std::atomic_flag &flag;
        explicit Guard(std::atomic_flag &f) : flag(f) {
          while (flag.test_and_set(std::memory_order_acquire)) {
          }
        }
        ~Guard() { flag.clear(std::memory_order_release); }
      } guard(page.busy);
      inPage(page, begin, stop);
    } else {
      inPage(page, begin, stop);
    }
    begin = stop;
  }
}

void Walk::inPage(RacePage &page, uint64_t begin, uint64_t end) {
  constexpr unsigned unit = RacePage::unit;
  for (uint64_t at = begin & ~uint64_t(unit - 1); at < end; at += unit) {
    uint32_t index = static_cast<uint32_t>(at % RacePage::bytes / unit), state = page.cell[index];
    if (at >= begin && at + unit <= end && !(state & RacePage::split))
      page.cell[index] = step(state, at, unit);
    else
      cell(page, index, begin, end, at, unit, false);
  }
}

/// A cell of `size` bytes at `base`, in parts where it has been split or only a part is accessed.
void Walk::cell(RacePage &page, uint32_t index, uint64_t begin, uint64_t end, uint64_t base,
                unsigned size, bool pooled) {
  // The pool may move while parts are split.
  auto here = [&]() -> uint32_t & { return pooled ? page.pool[index] : page.cell[index]; };
  bool covered = base >= begin && base + size <= end;
  if (!(here() & RacePage::split)) {
    if (covered) {
      uint32_t next = step(here(), base, size); // may throw, and may not move the pool
      here() = next;
      return;
    }
    if (isUnchanged(here()))
      return;
    uint32_t group = page.splitCell(here());
    here() = group | RacePage::split;
  }
  uint32_t group = here() & ~RacePage::split;
  unsigned part = size / 4;
  for (unsigned i = 0; i < 4; ++i)
    if (uint64_t at = base + i * part; at < end && begin < at + part)
      cell(page, group + i, begin, end, at, part, true);
  const uint32_t *parts = &page.pool[group];
  if (!(parts[0] & RacePage::split) && parts[0] == parts[1] && parts[0] == parts[2] &&
      parts[0] == parts[3])
    page.drop(here(), parts[0]);
}

// -- order ------------------------------------------------------------------------------------------

/// The lanes of class c that access a byte did so themselves, or know what the others did. Both
/// accesses are of one warp.
bool Walk::sameLanes(const RaceClass &c, const RaceRecord &r, uint64_t offset, unsigned size,
                     bool &everywhere) const {
  const Clock &known = c.known->known;
  bool bothByAddress = r.form == LaneForm::ByAddress && a.form == LaneForm::ByAddress;
  if (!(bothByAddress && r.widthLog == a.widthLog) &&
      !(r.form == LaneForm::All && a.form == LaneForm::All))
    everywhere = false;
  if (r.form == LaneForm::All && r.writes() && !(r.kind & RaceStrong) && !(a.mask & ~r.mask))
    return true; // each of them has stored the same value there
  if (r.form == LaneForm::Some || (r.kind & RaceCollective))
    return true;
  unsigned unit = std::min({size, 1u << std::min(r.widthLog, a.widthLog), 16u});
  for (unsigned u = 0; u < size; u += unit) {
    uint32_t theirs = r.lanesAt(offset + u);
    uint32_t mine = (strict ? a.mask : lanesNow(offset + u)) & c.mask;
    if (!mine)
      continue;
    uint32_t unknown = 0;
    for (uint32_t rest = theirs; rest; rest &= rest - 1)
      if (!known.covers(r.agent, clockOf(r), rest & (0u - rest)))
        unknown |= rest & (0u - rest);
    bool alone = (mine & (mine - 1)) == 0 && unknown == mine;
    if (unknown && !alone)
      return false;
  }
  return true;
}

uint32_t lanesOf(const RaceRecord &r, uint64_t offset, unsigned size) {
  uint32_t all = 0;
  for (unsigned u = 0; u < size; u += std::min(size, 1u << r.widthLog))
    all |= r.lanesAt(offset + u);
  return all;
}

/// Whether the lanes of class c know that r is over.
bool Walk::knows(const RaceClass &c, const RaceRecord &r, uint64_t offset, unsigned size,
                 bool &everywhere, bool &proxyOnly) const {
  bool own = r.block == a.block;
  const BlockKnowledge *k = own ? c.known.get() : findBlock(c.known->others, r.block);
  if (r.form == LaneForm::Block) // which of its own threads it was is forgotten
    return own || (k && k->epoch > r.epoch);
  if (!k)
    return false;
  bool fence = proxy && r.writes() && !r.async();
  uint32_t clock = clockOf(r);
  if ((fence ? k->fenced : k->known).covers(r.agent, clock, r.mask))
    return true;
  everywhere = everywhere && own;
  uint32_t theirs = lanesOf(r, offset, size);
  if ((fence ? k->fenced : k->known).covers(r.agent, clock, theirs)) {
    everywhere = false;
    return true;
  }
  if (own && r.clock == raceInFlight && a.clock == raceInFlight && r.op == a.op && r.agent == a.agent)
    return true; // lanes that copy the same bytes
  bool ownLane = own && r.agent == warp->index && !r.async() &&
                 sameLanes(c, r, offset, size, everywhere);
  if (fence && (ownLane || k->known.covers(r.agent, clock, theirs))) {
    everywhere = false;
    proxyOnly = true;
    return false;
  }
  return ownLane;
}

Walk::Order Walk::orderOf(const RaceRecord &r, uint64_t offset, unsigned size, bool &everywhere) {
  bool proxyOnly = false;
  auto allKnow = [&](uint32_t who) {
    return std::all_of(warp->classes.begin(), warp->classes.end(), [&](const RaceClass &c) {
      return !(c.mask & who) || knows(c, r, offset, size, everywhere, proxyOnly);
    });
  };
  bool known = allKnow(asking);
  if (!known && !strict && warp->classes.size() > 1) {
    // Lanes that have waited for different things may access different places by one instruction.
    uint32_t here = 0;
    for (unsigned u = 0; u < size; u += std::min(size, 1u << a.widthLog))
      here |= lanesNow(offset + u) & asking;
    if (here && here != asking) {
      everywhere = proxyOnly = false;
      known = allKnow(here);
    }
  }
  if (known)
    return Order::Ordered;
  if (r.strong() && a.strong())
    return r.block == a.block || std::min(r.scope(), a.scope()) >= raceWideScope(x)
               ? Order::Ordered : Order::Scope;
  return proxyOnly ? Order::Proxy : Order::Racy;
}

/// The lanes access this byte by this instruction.
bool Walk::storesNow(uint32_t mask, uint64_t byte) const {
  if (!a.writes() || !(narrow || wide))
    return false;
  for (; mask; mask &= mask - 1) {
    unsigned i = static_cast<unsigned>(std::countr_zero(mask));
    uint64_t at = spot.origin + (narrow ? narrow[i] : wide[i]);
    if (!(x.mask >> i & 1) || byte - at >= (1u << a.widthLog))
      return false;
  }
  return true;
}

/// All lanes store what is there already.
bool Walk::sameValues(uint64_t offset, unsigned size) const {
  if (!same)
    return false;
  uint32_t mine = 0;
  for (unsigned u = 0; u < size; ++u)
    mine |= a.lanesAt(offset + u);
  for (mine &= x.mask; mine; mine &= mine - 1)
    if (!same(x, op, view, static_cast<unsigned>(std::countr_zero(mine))))
      return false;
  return true;
}

void Walk::judge(const RaceRecord &r, uint64_t offset, unsigned size, bool &everywhere) {
  hangsOnKnowledge = true;
  Order order = orderOf(r, offset, size, everywhere);
  if (order == Order::Ordered)
    return;
  everywhere = false;
  if (r.op == a.op && r.agent == a.agent && r.clock == a.clock && r.block == a.block &&
      storesNow(r.lanesAt(offset), offset))
    return; // lanes of one instruction: compared after it
  bool plainStores = r.writes() && a.writes() && !((r.kind | a.kind) & (RaceStrong | RaceAsync));
  if (plainStores && sameValues(offset, size))
    return;
  uint32_t mine = strict ? asking : lanesNow(offset) & asking;
  mine = mine ? mine : asking;
  RacePair pair{r, a, spot, offset, size, static_cast<unsigned>(std::countr_zero(mine))};
  pair.scope = order == Order::Scope, pair.proxy = order == Order::Proxy;
  for (const RaceClass &c : warp->classes)
    if (c.mask & mine)
      pair.knows = &c;
  reportRace(x, op, pair);
}

// -- states -----------------------------------------------------------------------------------------

uint32_t Walk::workOut(uint32_t state, uint64_t offset, unsigned size, bool &everywhere) {
  RaceState s = table.stateAt(state);
  if (s.write)
    judge(table.recordAt(s.write), offset, size, everywhere);
  if (!a.writes())
    return table.state(s.write, withRead(s.reads));
  for (uint32_t set = s.reads; set; set = table.setAt(set).parent)
    judge(table.recordAt(table.setAt(set).record), offset, size, everywhere);
  return table.state(id, 0);
}

/// A later write that is ordered behind this read is ordered behind r too, and r is not needed.
bool Walk::replacesRead(const RaceRecord &r) {
  if (a.strong() && !r.strong())
    return false;
  if (r.async() && a.async() && r.agent == a.agent && r.block == a.block && r.form == LaneForm::All &&
      a.form == LaneForm::All && r.mask == a.mask && r.clock <= a.clock)
    return true; // who knows the later copy of an agent knows the earlier one
  if (r.agent == a.agent && r.block == a.block && r.form == a.form && !r.async()) {
    if (r.form == LaneForm::ByAddress && r.widthLog == a.widthLog && r.residue == a.residue)
      return true;
    if (r.form != LaneForm::ByAddress && r.clock == a.clock && !(r.mask & ~a.mask))
      return true;
  }
  for (const RaceClass &c : warp->classes)
    if ((c.mask & asking) &&
        !(r.block == a.block && c.known->known.covers(r.agent, clockOf(r), r.mask)))
      return false;
  hangsOnKnowledge = true;
  return !a.async();
}

uint32_t Walk::withRead(uint32_t set) {
  uint32_t kept[4 * mostLookedAt + 1];
  uint32_t mask = a.mask;
  unsigned mine = 0, looked = 0, count = 0;
  bool foreign = false;
  for (uint32_t at = set; at && !foreign; at = table.setAt(at).parent) {
    const RaceRecord &r = table.recordAt(table.setAt(at).record);
    foreign = r.form == LaneForm::Block || r.block != a.block || ++looked > 4 * mostLookedAt;
    if (table.setAt(at).record == id || replacesRead(r))
      continue;
    bool sibling = r.agent == a.agent && r.clock == a.clock && r.kind == a.kind;
    mine += sibling;
    mask |= sibling ? r.mask : 0;
    kept[count++] = table.setAt(at).record;
  }
  if (foreign)
    return withBlock(set);
  uint32_t mineId = id;
  if (mine >= mostLaneReads) {
    RaceRecord some = a;
    some.form = LaneForm::Some, some.mask = mask, some.widthLog = some.residue = 0;
    mineId = table.record(some);
    count = static_cast<unsigned>(std::remove_if(kept, kept + count, [&](uint32_t other) {
      const RaceRecord &r = table.recordAt(other);
      return r.agent == a.agent && r.clock == a.clock && r.kind == a.kind;
    }) - kept);
  }
  uint32_t out = 0;
  for (unsigned i = count; i--;)
    out = table.set(out, kept[i]);
  return table.set(out, mineId);
}

/// Memory that several blocks read: one record for each block and epoch.
uint32_t Walk::withBlock(uint32_t set) {
  std::vector<uint32_t> kept;
  unsigned looked = 0;
  uint32_t rest = set;
  for (; rest && looked < mostLookedAt; rest = table.setAt(rest).parent, ++looked) {
    const RaceRecord &r = table.recordAt(table.setAt(rest).record);
    if (r.form == LaneForm::Block && r.block == a.block && r.epoch == a.epoch &&
        r.kind == a.kind)
      return set;
    kept.push_back(table.setAt(rest).record);
  }
  uint32_t out = set;
  if (table.recordAt(table.setAt(set).record).form != LaneForm::Block) {
    out = rest;
    for (size_t i = kept.size(); i--;)
      out = table.set(out, table.record(ofBlock(table.recordAt(kept[i]))));
  }
  return table.set(out, table.record(ofBlock(a)));
}

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
  return {Space::Global, &allocation, allocation.base & 255};
}

namespace {

/// Calls `part(begin, end)` for the ranges of a scattered access, after `walk` has the form of each.
/// Neighbours in memory of the same record go together.
template <typename Offset, typename F>
void scattered(Walk &walk, const RaceSpot &spot, const Offset *off, unsigned width, uint32_t mask,
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
  if (spot.allocation && x.launch->race->table.size() > RaceLaunch::most)
    x.launch->race->full = true;
  if (spot.allocation && ((reads && spot.allocation->readOnly) || x.launch->race->full))
    return;
  if (!spot.allocation && x.race->table.size() > x.race->limit)
    x.race->rebuild();
  Walk walk(x, op, spot);
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
  Walk walk(x, op, spot);
  walk.asCopy(copy);
  walk.range(offset, offset + bytes);
}

void raceCopyIssued(Exec &x, const Op &op, const uint32_t *off, unsigned width, uint32_t mask) {
  if (x.race->table.size() > x.race->limit)
    x.race->rebuild();
  RaceSpot spot = raceShared();
  Walk walk(x, op, spot);
  walk.asLanes(RaceWrite | RaceAsync, width, nullptr, nullptr);
  scattered(walk, spot, off, width, mask, false,
            [&](uint64_t from, uint64_t to) { walk.range(from, to); });
}

void raceCopyLanded(Exec &x, const Op &op, const uint32_t *off, unsigned width, uint32_t mask,
                    uint32_t warp, uint32_t clock) {
  RaceSpot spot = raceShared();
  Walk walk(x, op, spot);
  walk.asLanded(x.race->warps[warp], clock, width, mask);
  scattered(walk, spot, off, width, mask, false,
            [&](uint64_t from, uint64_t to) { walk.replace(from, to); });
}

} // namespace cameo::ptx
