// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One access on its way over the cells of the shadow. RaceAccess.cpp turns accesses into ranges of bytes
// and walks over their cells; RaceStep.cpp says what the access makes of a cell's state and whether it is
// ordered behind what the state has. Whether a step is free of races is worked out once: what a warp
// knows only grows, so that a step that was clean stays so. Where the answer hangs on the address
// (lanes of one warp that access with different widths) it is worked out each time.
#ifndef CAMEO_LIB_PTX_RACEWALK_H
#define CAMEO_LIB_PTX_RACEWALK_H

#include "Race.h"

#include <optional>

namespace cameo::ptx {

class RaceWalk {
public:
  RaceWalk(Exec &x, const Op &op, const RaceSpot &spot)
      : x(x), op(op), spot(spot), race(*x.race), home(spot.home ? *spot.home : race),
        isGlobal(spot.space != Space::Shared),
        table{isGlobal ? x.launch->race->table : home.table, isGlobal ? race.globalCache.part : 0},
        cache(isGlobal ? race.globalCache : home.cache),
        pages(isGlobal ? &x.launch->race->pagesOf(*spot.allocation) : nullptr) {
    a.op = static_cast<uint32_t>(x.indexOf(op));
    a.block = me = isGlobal ? race.linear : race.sharedAs;
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
    a.widthLog = static_cast<uint8_t>(std::countr_zero(width));
    if (!isGlobal && home.merging && !a.writes() && !a.async())
      mergeLoad();
    same = sameValue, view = valueView;
    strict = kind & RaceCollective;
    const uint32_t *grid = x.launch->grid;
    byBlock = isGlobal && !a.writes() && (grid[0] > 1 || grid[1] > 1 || grid[2] > 1) &&
              !spot.allocation->stored.load(std::memory_order_relaxed);
    if (byBlock) {
      race.readEpoch = race.epoch;
      a.op = race.firstLoadOf(*spot.allocation, a.op);
      a.kind |= raceMerged;
    }
  }
  void asLanded(RaceWarp &of, uint32_t clock, unsigned width, uint32_t mask) {
    warp = &of;
    warp->touched |= clock == warp->clock;
    a.agent = static_cast<uint16_t>(of.index);
    a.clock = clockHere(clock);
    a.mask = asking = mask;
    a.kind = RaceWrite;
    a.widthLog = static_cast<uint8_t>(std::countr_zero(width));
  }
  void asCopy(const RaceCopy &copy) {
    warp = &race.warps[x.warp->index];
    a.agent = static_cast<uint16_t>(copy.agent);
    a.clock = copy.clock;
    a.mask = asking = copy.mask ? copy.mask : 1u << copy.lane;
    a.kind = copy.kind;
    a.widthLog = copy.widthLog;
    if (copy.of) {
      a.block = isGlobal ? copy.of->linear : copy.of->sharedAs;
      a.epoch = isGlobal ? copy.of->epoch : 0;
    }
    proxy = copy.proxy;
    store = copy.store;
    looksOnly = copy.looksOnly;
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
    } else if (mergesLanes) {
      a.form = LaneForm::Some;
    } else {
      a.form = form;
      a.residue = static_cast<uint8_t>(residue);
    }
    // Records of one access differ in their residue only, which is a part of the number.
    if (idForm != a.form) {
      first = table.record(a) & ~31u;
      idForm = a.form;
    }
    id = first | a.residue;
    lastState = ~0u;
  }
  void range(uint64_t begin, uint64_t end);
  /// Of shared memory: units of 16 bytes at these addresses.
  void units(const std::vector<uint32_t> &addresses);
  void replace(uint64_t begin, uint64_t end) {
    replacing = table.state(id, 0);
    replaces = true;
    range(begin, end);
  }

private:
  void mergeLoad() {
    if (warp->loadClock != warp->clock) {
      warp->loadClock = warp->clock;
      warp->loadOp = a.op;
    }
    a.op = warp->loadOp;
    a.kind |= raceMerged;
    mergesLanes = home.merging > 1;
  }
  uint32_t clockHere(uint32_t clock) const {
    return isGlobal ? clock : race.sinceEra(warp->index, clock);
  }
  uint32_t clockOf(const RaceRecord &r) const { return isGlobal ? r.clock : race.clockOf(r); }
  const BlockKnowledge *knowledgeOf(const RaceClass &c, const RaceRecord &r) const {
    return r.block == me ? c.known.get() : findBlock(c.known->others, r.block);
  }
  enum class Order { Ordered, Racy, Scope, Proxy };

  RacePage &pageOf(uint64_t index);
  bool leavesAll(RacePage &page, uint64_t begin, uint64_t end);
  void inPage(RacePage &page, uint64_t begin, uint64_t end);
  void cell(RacePage &page, uint32_t index, uint64_t begin, uint64_t end, uint64_t base,
            unsigned size, bool pooled);
  uint32_t step(uint32_t state, uint64_t offset, unsigned size) {
    if (state == lastState)
      return lastNext;
    if (replaces)
      return replacing;
    uint32_t next;
    if (const RaceCache::Step &known = cache.find(state, id); known.is(state, id, race.era)) {
      next = known.next;
    } else {
      bool everywhere = true;
      hangsOnKnowledge = false;
      next = workOut(state, offset, size, everywhere);
      if (!everywhere)
        return next;
      cache.put({state, id, next, hangsOnKnowledge && race.hasEras && !isGlobal ? race.era : 0},
                isGlobal ? x.launch->race->allowance() / 2 : home.cacheLimit);
    }
    lastState = state, lastNext = next;
    return next;
  }
  /// The access is known to leave this state as it is.
  bool isUnchanged(uint32_t state) {
    const RaceCache::Step &known = cache.find(state, id);
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
  RaceBlock &race; ///< who accesses
  RaceBlock &home; ///< whose shared memory
  bool isGlobal;
  RaceWriter table;
  RaceCache &cache;
  RacePages *pages;
  RaceWarp *warp = nullptr;
  RaceRecord a;
  uint64_t me = 0; ///< the block that accesses, as records have it
  uint32_t asking = 0; ///< lanes whose knowledge counts
  uint32_t id = 0, first = 0, lastState = ~0u, lastNext = 0, replacing = 0;
  std::optional<LaneForm> idForm; ///< of `first`
  const uint32_t *narrow = nullptr;
  const uint64_t *wide = nullptr;
  bool strict = false, proxy = false, replaces = false, looksOnly = false;
  bool mergesLanes = false;
  bool byBlock = false; ///< a read of what nobody has stored to yet
  bool hangsOnKnowledge = false; ///< what is worked out now
  RaceSameValue same = nullptr;
  const void *view = nullptr;
  const BulkCopy *store = nullptr;
};

} // namespace cameo::ptx

#endif
