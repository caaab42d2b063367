// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The step of an access from state to state: what of the state it is ordered behind, what is a race, and
// which reads are kept beside it.
#include "RaceWalk.h"

#include <algorithm>

namespace cameo::ptx {

constexpr unsigned mostLaneReads = 4; ///< of one warp at one clock in a set, told apart by lanes
constexpr unsigned mostLookedAt = 64; ///< of a set of blocks, to see that a block is there already

// -- order ----------------------------------------------------------------------------------------

/// The lanes of class c that access a byte did so themselves, or know what the others did. Both
/// accesses are of one warp.
bool RaceWalk::sameLanes(const RaceClass &c, const RaceRecord &r, uint64_t offset, unsigned size,
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

static uint32_t lanesOf(const RaceRecord &r, uint64_t offset, unsigned size) {
  uint32_t all = 0;
  for (unsigned u = 0; u < size; u += std::min(size, 1u << r.widthLog))
    all |= r.lanesAt(offset + u);
  return all;
}

/// Whether the lanes of class c know that r is over.
bool RaceWalk::knows(const RaceClass &c, const RaceRecord &r, uint64_t offset, unsigned size,
                 bool &everywhere, bool &proxyOnly) const {
  bool own = r.block == me;
  const BlockKnowledge *k = knowledgeOf(c, r);
  if (r.form == LaneForm::Block) // which of its own threads it was is forgotten
    return own || (k && k->epoch > r.epoch);
  if (!k)
    return false;
  bool fence = proxy && r.writes() && !r.async();
  uint32_t clock = clockOf(r);
  auto over = [&](uint32_t mask) { return k->known.covers(r.agent, clock, mask); };
  auto fenced = [&](uint32_t mask) {
    return !fence || (isGlobal ? k->fencedGlobal : k->fenced).covers(r.agent, clock, mask);
  };
  if (over(r.mask) && fenced(r.mask))
    return true;
  if (r.merged() && r.form == LaneForm::Some) // one of these lanes it was: in doubt for the kernel
    for (uint32_t rest = r.mask; rest; rest &= rest - 1)
      if (over(rest & (0u - rest)))
        return true;
  uint32_t theirs = lanesOf(r, offset, size);
  bool known = over(theirs);
  everywhere = everywhere && own && !known && !fence;
  if ((!r.writes() || r.async()) && k->loose.covers(r.agent, clock, theirs)) {
    everywhere = false;
    return true;
  }
  if (own && r.agent == warp->index && !r.writes() && !r.async() && clock <= warp->met)
    return true; // its lanes have met since
  if (own && r.clock == raceInFlight && a.clock == raceInFlight && r.op == a.op && r.agent == a.agent)
    return true; // lanes that copy the same bytes
  // What its own lane has done is in program order.
  known = known || (own && r.agent == warp->index && !r.async() && sameLanes(c, r, offset, size, everywhere));
  proxyOnly = proxyOnly || (known && !fenced(theirs));
  return known && fenced(theirs);
}

RaceWalk::Order RaceWalk::orderOf(const RaceRecord &r, uint64_t offset, unsigned size, bool &everywhere) {
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
    return r.block == me || std::min(r.scope(), a.scope()) >= raceScopeWith(x, r.block) ? Order::Ordered
                                                                                      : Order::Scope;
  return proxyOnly ? Order::Proxy : Order::Racy;
}

/// The lanes access this byte by this instruction.
bool RaceWalk::storesNow(uint32_t mask, uint64_t byte) const {
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
bool RaceWalk::sameValues(uint64_t offset, unsigned size) const {
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

void RaceWalk::judge(const RaceRecord &r, uint64_t offset, unsigned size, bool &everywhere) {
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
  if (store && isGlobal && r.writes() && a.writes() && order == Order::Racy &&
      raceStoresSame(x, *store, *spot.allocation, spot.allocation->base - spot.origin + offset, size))
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

// -- states ---------------------------------------------------------------------------------------

uint32_t RaceWalk::workOut(uint32_t state, uint64_t offset, unsigned size, bool &everywhere) {
  RaceState s = table.stateAt(state);
  if (s.write)
    judge(table.recordAt(s.write), offset, size, everywhere);
  if (looksOnly)
    return state;
  if (!a.writes())
    return table.state(s.write, withRead(s.reads));
  for (uint32_t set = s.reads; set; set = table.setAt(set).parent)
    judge(table.recordAt(table.setAt(set).record), offset, size, everywhere);
  return table.state(id, 0);
}

/// A later write that is ordered behind this read is ordered behind r too, and r is not needed.
bool RaceWalk::replacesRead(const RaceRecord &r) {
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
  if (isGlobal && r.block != me)
    return false;
  for (const RaceClass &c : warp->classes)
    if (c.mask & asking)
      if (const BlockKnowledge *k = knowledgeOf(c, r); !k || !k->known.covers(r.agent, clockOf(r), r.mask))
        return false;
  hangsOnKnowledge = true;
  return !a.async();
}

uint32_t RaceWalk::withRead(uint32_t set) {
  uint32_t kept[4 * mostLookedAt + 1];
  uint32_t mask = a.mask;
  unsigned mine = 0, looked = 0, count = 0;
  bool foreign = false;
  for (uint32_t at = set; at && !foreign; at = table.setAt(at).parent) {
    const RaceRecord &r = table.recordAt(table.setAt(at).record);
    foreign = r.form == LaneForm::Block || (isGlobal && r.block != a.block) || ++looked > 4 * mostLookedAt;
    if (table.setAt(at).record == id || replacesRead(r))
      continue;
    bool sibling = r.agent == a.agent && r.block == a.block && r.clock == a.clock && r.kind == a.kind;
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
      return r.agent == a.agent && r.block == a.block && r.clock == a.clock && r.kind == a.kind;
    }) - kept);
  }
  uint32_t out = 0;
  for (unsigned i = count; i--;)
    out = table.set(out, kept[i]);
  return table.set(out, mineId);
}

/// Memory that several blocks read: one record for each block and epoch.
uint32_t RaceWalk::withBlock(uint32_t set) {
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

} // namespace cameo::ptx
