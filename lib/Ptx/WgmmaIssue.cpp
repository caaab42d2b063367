// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The issue of wgmma. The four warps of a group issue the same instructions in the same order, each
// when it gets there: the n-th of a warp is its part of the n-th operation of the group, and has to
// have the operands of the parts before. The descriptors become lists of units, once each; then
// registers are locked, and operands in shared memory belong to the operation.
#include "Async.h"
#include "Race.h"
#include "SyncHandlers.h"
#include "Wgmma.h"

#include "cameo/Ptx/cameo_ptx.h"

#include <algorithm>
#include <bit>

namespace cameo::ptx {
namespace {

constexpr size_t mostUnitLists = 4096;

[[noreturn]] void refuse(Exec &x, const Op &op, FindingKind kind, std::string message,
                         std::string remedy) {
  report(x, op, kind, x.mask, 0, 0, std::move(message), std::move(remedy));
  stopLaunch(x);
}

/// One value for the whole warp.
uint64_t uniformDescriptor(Exec &x, const Op &op, uint32_t operand, char which) {
  const uint64_t *v = x.at<uint64_t>(operand);
  uint64_t differs = 0;
  for (unsigned i = 1; i < lanes; ++i)
    differs |= v[i] ^ v[0];
  if (differs)
    refuse(x, op, FindingKind::Divergence,
           std::string("threads of one warp give different descriptors of ") + which,
           "compute the descriptor from values that are the same for the warpgroup");
  return v[0];
}

bool uniformScale(Exec &x, const Op &op, const WgmmaForm &form) {
  if (form.scaleD == noOperand)
    return form.scaleDValue;
  uint32_t bits = x.predicate(form.scaleD);
  if (bits && bits != ~0u)
    refuse(x, op, FindingKind::Divergence, "threads of one warp give different values for scale-d",
           "make scale-d the same for the warpgroup");
  return bits != 0;
}

/// Which of the four warps multiplies unit `index` of the units of A: each has a quarter of the rows. It may have
/// stored them itself, with no more than bar.warp.sync behind that. Units come by row, by k where A is MN-major.
unsigned rankOfUnit(const WgmmaForm &form, size_t index, size_t units) {
  return static_cast<unsigned>(form.transA ? index % 8 / 2 : index * warpsOfGroup / units);
}

/// What is asked of the units at each issue, worked out once.
void arrange(WgmmaUnits &units, const WgmmaForm &form, bool isA) {
  for (size_t i = 0; i < units.all.size(); ++i) {
    uint32_t unit = units.all[i];
    units.first = std::min(units.first, unit), units.end = std::max(units.end, unit + 16);
    if (isA)
      units.ofWarp[rankOfUnit(form, i, units.all.size())].push_back(unit);
  }
}

/// The units of an operand, checked once for each descriptor of an instruction.
WgmmaUnitsPtr operandUnits(Exec &x, const Op &op, const WgmmaForm &form, bool isA, uint64_t bits) {
  WgmmaState &state = wgmmaState(x);
  auto it = state.units.find({&form, isA, bits});
  if (it != state.units.end())
    return it->second;
  WgmmaDescriptor descriptor(bits);
  auto units = std::make_shared<WgmmaUnits>();
  std::string problem = unitsOf(descriptor, isA ? form.shapeA() : form.shapeB(), units->all);
  std::string name = std::string("the descriptor of ") + (isA ? "A" : "B");
  if (!problem.empty())
    refuse(x, op, FindingKind::Descriptor,
           name + " (" + descriptor.text() + ") is not one of this matrix: " + problem,
           "see the canonical layouts of the ISA for its major-ness and swizzling mode");
  const Region *region = sharedRegion(x, descriptor.start);
  for (uint32_t unit : units->all)
    if (!region || unit < region->base || unit + 16 > region->base + region->bytes) {
      report(x, op, FindingKind::OutOfBounds, x.mask, unit, 16,
             name + " (" + descriptor.text() + ") leads to address " + std::to_string(unit) +
                 (region ? ", which is not in '" + region->name + "', where it starts"
                         : ", and no shared variable is there"),
             "check the start address and both strides against the tile", region ? region->name : "",
             region ? int64_t(unit) - int64_t(region->base) : 0, region ? region->bytes : 0);
      stopLaunch(x);
    }
  arrange(*units, form, isA);
  if (state.units.size() >= mostUnitLists)
    state.units.clear();
  state.units.emplace(WgmmaState::Key{&form, isA, bits}, units);
  return units;
}

std::string bitsText(uint64_t bits) { return WgmmaDescriptor(bits).text(); }

/// The same instruction with the same operands as the warps that came before.
void requireSame(Exec &x, const Op &op, const WgmmaOperation &first, const WgmmaOperation &mine) {
  std::string others = "other warps of the warpgroup";
  if (first.op != &op)
    refuse(x, op, FindingKind::Divergence,
           "the warps of a warpgroup execute different wgmma instructions: " + others +
               " have executed that of line " + std::to_string(lineOf(x, *first.op)),
           "let all four warps execute the same sequence of wgmma.mma_async");
  std::string what = first.descA != mine.descA ? "descriptor of A"
                     : first.descB != mine.descB ? "descriptor of B" : "scale-d";
  if (first.descA != mine.descA || first.descB != mine.descB ||
      first.accumulates != mine.accumulates) {
    uint64_t before = first.descA != mine.descA ? first.descA : first.descB;
    uint64_t now = first.descA != mine.descA ? mine.descA : mine.descB;
    std::string values = first.accumulates == mine.accumulates
                             ? ": " + bitsText(now) + "; " + others + ": " + bitsText(before) : "";
    refuse(x, op, FindingKind::Divergence,
           "the warps of a warpgroup give different values for the " + what + values,
           "derive descriptors and scale-d from the warpgroup, not from the warp or thread");
  }
}

/// Operands in shared memory as the arriving warp knows them: its own rows of A, and B, which all four read. Of
/// B the first warp's knowledge decides; what warps between have stored without a fence, the last one finds.
void checkOperands(Exec &x, const Op &op, const WgmmaOperation &operation, unsigned rank, uint64_t number) {
  bool first = !operation.arrived, last = (operation.arrived | 1 << rank) == allWarps;
  const std::vector<uint32_t> *rows = operation.unitsA ? &operation.unitsA->ofWarp[rank] : nullptr;
  if (x.launch->checks && rows)
    checkWgmmaOperand(x, op, *operation.unitsA, *rows, 'A');
  if (x.launch->checks && (first || last))
    checkWgmmaOperand(x, op, *operation.unitsB, operation.unitsB->all, 'B');
  if (x.race && rows)
    raceWgmmaRead(x, op, *rows, number);
  if (x.race && first)
    raceWgmmaRead(x, op, operation.unitsB->all, number);
}

} // namespace

WgmmaState &wgmmaState(Exec &x) {
  std::shared_ptr<WgmmaState> &state = x.block->async->wgmma;
  if (state)
    return *state;
  state = std::make_shared<WgmmaState>();
  size_t warps = x.block->warps.size(), watched = x.program->wgmma->names.size();
  state->groups.resize(warps / warpsOfGroup);
  state->warps.resize(warps);
  for (WgmmaWarp &warp : state->warps) {
    warp.lockD.assign(watched, 0);
    warp.lockA.assign(watched, 0);
    warp.touched.assign(watched, nullptr);
    warp.written.assign(watched, false);
  }
  return *state;
}

void requireWarpgroup(Exec &x, const Op &op) {
  size_t last = x.warp->index / warpsOfGroup * warpsOfGroup + warpsOfGroup - 1;
  uint32_t threads = x.launch->block[0] * x.launch->block[1] * x.launch->block[2];
  if (x.mask == 0xffffffffu && last < x.block->warps.size() && (last + 1) * lanes <= threads)
    return;
  refuse(x, op, FindingKind::Divergence,
         x.mask != 0xffffffffu
             ? std::to_string(lanes - static_cast<unsigned>(std::popcount(x.mask))) +
                   " threads of the warp have exited, and this instruction needs all 128 of the warpgroup"
             : "warp " + std::to_string(x.warp->index) +
                   " is in no whole warpgroup: this instruction needs four warps, the first a "
                   "multiple of four",
         "launch blocks of a multiple of 128 threads and keep them all until the last wait");
}

/// imm: index of the form.
void issueWgmma(Exec &x, const Op &op) {
  if (!gatherLanes(x, op, 0xffffffffu))
    return;
  requireWarpgroup(x, op);
  const WgmmaForm &form = *x.program->wgmma->forms[static_cast<size_t>(op.imm)];
  WgmmaState &state = wgmmaState(x);
  WgmmaState::Group &group = groupOf(state, *x.warp);
  WgmmaWarp &mine = state.warps[x.warp->index];
  unsigned rank = rankOf(*x.warp);
  WgmmaOperation part;
  part.op = &op, part.form = &form;
  part.accumulates = uniformScale(x, op, form);
  part.descA = form.aInRegisters ? 0 : uniformDescriptor(x, op, form.descA, 'A');
  part.descB = uniformDescriptor(x, op, form.descB, 'B');
  size_t index = static_cast<size_t>(mine.issued - group.first);
  if (index == group.operations.size()) {
    if (!form.aInRegisters)
      part.unitsA = operandUnits(x, op, form, true, part.descA);
    part.unitsB = operandUnits(x, op, form, false, part.descB);
    if (part.unitsA && x.launch->checks)
      checkWgmmaTile(x, op, part.descA, part.unitsA->all.front(), 'A');
    if (x.launch->checks)
      checkWgmmaTile(x, op, part.descB, part.unitsB->all.front(), 'B');
    if (form.sparse)
      part.meta.resize(warpsOfGroup * lanes);
    uint64_t warps = x.block->warps.size();
    part.due = x.launch->asyncPoint == CAMEO_PTX_ASYNC_EARLIEST ? 0
               : x.launch->asyncPoint == CAMEO_PTX_ASYNC_RANDOM
                   ? x.block->async->turns + x.nextRandom() % (4 * warps + 1)
                   : ~uint64_t(0);
    group.operations.push_back(std::move(part));
  } else {
    requireSame(x, op, group.operations[index], part);
  }
  WgmmaOperation &operation = group.operations[index];
  if (x.launch->checks)
    checkWgmmaRegisters(x, op, form, operation.accumulates);
  if (x.launch->checks || x.race)
    checkOperands(x, op, operation, rank, mine.issued + 1);
  if (form.sparse)
    std::memcpy(operation.meta.data() + rank * lanes, x.at<uint32_t>(form.meta), lanes * 4);
  operation.frame[rank] = x.group->frameBase;
  operation.arrived |= static_cast<uint8_t>(1 << rank);
  ++mine.issued;
  lockRegisters(mine, form, 1);
  if (x.counts) {
    x.counts->mmaInstructions += 1;
    x.counts->mmaFma += uint64_t(64 / warpsOfGroup) * form.n * form.k;
  }
  if (operation.arrived != allWarps)
    return;
  ++x.block->async->progress;
  wakeWgmmaWaiters(*x.block, *x.warp);
  landDueWgmma(x, *x.block);
}

} // namespace cameo::ptx
