// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Other instructions beside wgmma in flight: registers that it holds, fences that are missing
// between them, operands in shared memory that are not there yet or are written too early. All that
// is here runs for programs with wgmma, with checks on.
#include "Async.h"
#include "Wgmma.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace cameo::ptx {
namespace {

std::string lineText(const Exec &x, const Op &op) { return "line " + std::to_string(lineOf(x, op)); }

constexpr const char *waitRemedy =
    "wait for its group (wgmma.commit_group, then wgmma.wait_group) before touching its registers";
constexpr const char *fenceRemedy =
    "execute wgmma.fence.sync.aligned between the last access to the registers and the wgmma";

/// The first operation in flight of this warp for which `f` holds.
template <typename F> const WgmmaOperation *findInFlight(Exec &x, F f) {
  WgmmaState &state = wgmmaState(x);
  unsigned rank = x.warp->index % warpsOfGroup;
  size_t group = x.warp->index / warpsOfGroup;
  if (group < state.groups.size())
    for (const WgmmaOperation &o : state.groups[group].operations)
      if ((o.arrived & ~o.waited) >> rank & 1 && f(o))
        return &o;
  return nullptr;
}

bool names(const std::vector<uint32_t> &list, uint32_t tracked) {
  for (uint32_t t : list)
    if (t == tracked)
      return true;
  return false;
}

/// The first unit in [from, to) of those that the operation may still read as A or as B, whichever `which` then says;
/// else 0. A warp that has issued it reads its own rows of A.
uint32_t findSource(const WgmmaOperation &o, uint32_t from, uint32_t to, char &which) {
  uint32_t found = ~0u;
  auto look = [&](const std::vector<uint32_t> &units, char operand) {
    for (uint32_t unit : units)
      if (unit >= from && unit < to && unit < found)
        found = unit, which = operand;
  };
  auto mayRead = [&](const WgmmaUnitsPtr &units) { return units && from < units->end && units->first < to; };
  for (unsigned rank = 0; rank < warpsOfGroup && mayRead(o.unitsA); ++rank)
    if (o.arrived >> rank & 1)
      look(o.unitsA->ofWarp[rank], 'A');
  if (mayRead(o.unitsB))
    look(o.unitsB->all, 'B');
  return found == ~0u ? 0 : found;
}

bool hasCopy(const WgmmaOperation &o, uint32_t tracked, unsigned rank) {
  for (const WgmmaDeferred &deferred : o.deferred)
    if (deferred.rank == rank && names(deferred.move->targets, tracked))
      return true;
  return false;
}

std::string flightText(const Exec &x, const WgmmaOperation &o, uint32_t tracked) {
  const char *role = names(o.form->trackedD, tracked)   ? "an accumulator"
                     : names(o.form->trackedA, tracked) ? "a fragment of A" : "a copy of an accumulator";
  bool committed = o.committed >> (x.warp->index % warpsOfGroup) & 1;
  return std::string(role) + " of the wgmma of " + lineText(x, *o.op) + ", which is in flight (" +
         (committed ? "no wait has covered its group" : "it is not committed to a group") + ")";
}

void tellLocked(Exec &x, const Op &op, uint32_t tracked, const char *verb) {
  const WgmmaOperation *o = findInFlight(x, [&](const WgmmaOperation &o) {
    return names(o.form->trackedD, tracked) || names(o.form->trackedA, tracked) ||
           hasCopy(o, tracked, x.warp->index % warpsOfGroup);
  });
  if (o)
    report(x, op, FindingKind::AsyncInFlight, x.mask, 0, 0,
           "register " + x.program->wgmma->names[tracked] + " is " + verb + " while it is " +
               flightText(x, *o, tracked),
           waitRemedy);
}

void tellFence(Exec &x, const Op &op, const WgmmaWarp &mine, uint32_t tracked, const char *role) {
  report(x, op, FindingKind::Proxy, x.mask, 0, 0,
         "register " + x.program->wgmma->names[tracked] + ", " + role + " of this wgmma, was " +
             (mine.written[tracked] ? "written" : "read") + " in " +
             lineText(x, *mine.touched[tracked]) + ", and no wgmma.fence has followed",
         fenceRemedy);
}

/// More than `most` operations hold one of the registers.
bool isAbove(const std::vector<uint16_t> &locks, const std::vector<WgmmaRun> &runs, unsigned most) {
  uint16_t largest = 0;
  for (const WgmmaRun &run : runs)
    for (uint32_t i = 0; i < run.count; ++i)
      largest = std::max(largest, locks[run.first + i]);
  return largest > most;
}

/// Every word of [first, end) of shared memory is there, and visible to the async proxy.
bool isVisible(const uint8_t *shadow, uint32_t first, uint32_t end) {
  uint64_t differs = 0;
  const uint8_t *to = shadow + (end - sharedBase) / 4;
  for (const uint8_t *at = shadow + (first - sharedBase) / 4; at < to; at += 4) {
    uint32_t four;
    std::memcpy(&four, at, 4);
    differs |= four ^ 0x0f0f0f0fu;
  }
  return !differs;
}

bool isUninitialised(const Exec &x, uint32_t mask) {
  return mask != noOperand && x.predicate(mask) != ~0u;
}

} // namespace

void guardWgmmaRegisters(Exec &x, const Op &op) {
  uint32_t mask = x.mask;
  if (op.run == &runPredicated) {
    uint32_t bits = x.predicate(op.pred);
    mask &= op.flags & FlagPredNegated ? ~bits : bits;
  }
  const std::vector<WgmmaTouch> *touches = x.program->wgmma->find(x.indexOf(op));
  if (!mask || !touches)
    return;
  WgmmaWarp &mine = wgmmaState(x).warps[x.warp->index];
  for (const WgmmaTouch &touch : *touches) {
    if (mine.lockedNow && (mine.lockD[touch.tracked] || mine.lockA[touch.tracked]))
      tellLocked(x, op, touch.tracked, touch.writes ? "written" : "read");
    if (mine.touched[touch.tracked] && mine.written[touch.tracked] && !touch.writes)
      continue;
    mine.touched[touch.tracked] = &op;
    mine.anyTouched = true;
    mine.written[touch.tracked] = touch.writes;
  }
}

void checkWgmmaRegisters(Exec &x, const Op &op, const WgmmaForm &form, bool accumulates) {
  WgmmaWarp &mine = wgmmaState(x).warps[x.warp->index];
  if (!mine.fenced)
    report(x, op, FindingKind::Proxy, x.mask, 0, 0,
           "the first wgmma of the warp, and no wgmma.fence before it", fenceRemedy);
  for (size_t i = 0; mine.anyTouched && i < form.trackedD.size(); ++i)
    if (uint32_t t = form.trackedD[i]; mine.touched[t])
      tellFence(x, op, mine, t, "an accumulator");
  for (size_t i = 0; mine.anyTouched && i < form.trackedA.size(); ++i)
    if (uint32_t t = form.trackedA[i]; mine.touched[t] && mine.written[t])
      tellFence(x, op, mine, t, "a fragment of A");
  for (uint32_t defined : form.definedD) {
    if (accumulates && isUninitialised(x, defined))
      report(x, op, FindingKind::UninitRegister, ~x.predicate(defined), 0, 0,
             "an accumulator is added to before anything was written to it",
             "set the accumulators first, or make scale-d false for the first product");
    if (defined != noOperand && x.predicate(defined) != ~0u)
      x.predicate(defined) = ~0u;
  }
  if (!mine.lockedNow)
    return;
  for (uint32_t t : form.trackedA)
    if (mine.lockD[t])
      tellLocked(x, op, t, "read as a fragment of A");
  if (isAbove(mine.lockA, form.runsD, 0))
    for (uint32_t t : form.trackedD)
      if (mine.lockA[t])
        tellLocked(x, op, t, "accumulated into");
  unsigned same = 0;
  findInFlight(x, [&](const WgmmaOperation &o) { return same += o.form->shape == form.shape, false; });
  if (!isAbove(mine.lockD, form.runsD, same))
    return;
  for (uint32_t t : form.trackedD) {
    if (mine.lockD[t] <= same)
      continue;
    const WgmmaOperation *o = findInFlight(
        x, [&](const WgmmaOperation &o) { return o.form->shape != form.shape && names(o.form->trackedD, t); });
    if (!o)
      continue;
    report(x, op, FindingKind::AsyncInFlight, x.mask, 0, 0,
           "register " + x.program->wgmma->names[t] + " is accumulated into while it is " +
               flightText(x, *o, t) + " and has another shape",
           waitRemedy);
    break;
  }
}

void guardWgmmaSource(Exec &x, const Op &op, uint32_t first, uint32_t end, unsigned lane,
                      const char *what) {
  WgmmaState &state = *x.block->async->wgmma;
  if (first < sharedBase || first >= end)
    return;
  uint32_t from = first & ~15u, to = (end + 15) & ~15u;
  for (size_t g = 0; g < state.groups.size(); ++g)
    for (const WgmmaOperation &o : state.groups[g].operations) {
      char which = 0;
      uint32_t unit = o.waited ? 0 : findSource(o, from, to, which);
      if (!unit)
        continue;
      const Region *region = sharedRegion(x, unit);
      report(x, op, FindingKind::AsyncSource, 1u << lane, std::max(first, unit), end - first,
             std::string(what) + " shared memory while the wgmma of " + lineText(x, *o.op) +
                 " (warps " + std::to_string(g * warpsOfGroup) + " to " +
                 std::to_string(g * warpsOfGroup + warpsOfGroup - 1) + ") may still read its " +
                 which + " there",
             "wait for the wgmma (wgmma.wait_group), then synchronise with who writes",
             region ? region->name : "", region ? int64_t(unit) - int64_t(region->base) : 0,
             region ? region->bytes : 0);
      return;
    }
}

void forgetWgmmaTiles(Exec &x, uint32_t first, uint32_t end) {
  std::erase_if(x.block->async->wgmma->tiles,
                [&](const WgmmaTile &tile) { return first < tile.end && tile.first < end; });
}

void noteWgmmaTile(Exec &x, const Op &op, uint32_t first, uint32_t end, uint32_t swizzle) {
  WgmmaState &state = wgmmaState(x);
  forgetWgmmaTiles(x, first, end);
  state.tiles.push_back({first, end, swizzle, &op});
}

void checkWgmmaTile(Exec &x, const Op &op, uint64_t bits, uint32_t unit, char which) {
  WgmmaDescriptor descriptor(bits);
  unsigned mode = static_cast<unsigned>(descriptor.swizzle), asMap = mode ? 4 - mode : 0;
  for (const WgmmaTile &tile : x.block->async->wgmma->tiles) {
    if (unit < tile.first || unit >= tile.end || tile.swizzle == asMap)
      continue;
    std::string written = tile.swizzle ? std::to_string(16u << tile.swizzle) + "-byte swizzle" : "no swizzle";
    return report(x, op, FindingKind::Descriptor, x.mask, unit, 16,
                  std::string("the descriptor of ") + which + " (" + descriptor.text() +
                      ") reads what the tensor copy of " + lineText(x, *tile.op) + " wrote with " + written,
                  "give the descriptor the swizzling mode of the tensor map");
  }
}

void checkWgmmaOperand(Exec &x, const Op &op, const WgmmaUnits &of, const std::vector<uint32_t> &units, char which) {
  const uint8_t *shadow = x.block->sharedShadow;
  if (isVisible(shadow, of.first, of.end)) [[likely]]
    return;
  auto flagsOf = [&](uint32_t unit) {
    uint32_t four;
    std::memcpy(&four, shadow + (unit - sharedBase) / 4, 4);
    return four;
  };
  uint32_t differs = 0;
  for (uint32_t unit : units)
    differs |= flagsOf(unit) ^ 0x0f0f0f0fu;
  if (!differs) [[likely]]
    return;
  for (uint32_t unit : units) {
    uint32_t four = flagsOf(unit);
    if (four == 0x0f0f0f0fu)
      continue;
    if ((four & 0x0f0f0f0fu) != 0x0f0f0f0fu) {
      uint64_t address[lanes];
      std::fill(std::begin(address), std::end(address), unit);
      return reportUninitialised(x, op, Space::Shared, 1, address, 16);
    }
    std::string who = "an ordinary store";
    for (const StoreNote &n : x.block->async->stores)
      if (unit < n.end && n.first < unit + 16)
        who = "the store of " + lineText(x, *n.op) + " (warp " + std::to_string(n.warp) + ")";
    const Region *region = sharedRegion(x, unit);
    return report(x, op, FindingKind::Proxy, x.mask, unit, 16,
                  std::string("wgmma reads ") + which + " through the async proxy, and " + who +
                      " wrote it without a fence.proxy.async since",
                  "let the threads that store execute fence.proxy.async.shared::cta, then "
                  "synchronise, then issue the wgmma",
                  region ? region->name : "", region ? int64_t(unit) - int64_t(region->base) : 0,
                  region ? region->bytes : 0);
  }
}

} // namespace cameo::ptx
