// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// setmaxnreg: a block has as many registers as it was launched with; a warp gives some back or asks
// for more, and sleeps until there are enough. The machine's own registers have nothing to do with
// it: kept are the numbers, so that a kernel that asks for more than there can ever be is a
// deadlock. Registers of a warp that exits do not come back. What a block starts with is what the
// kernel says (.maxnreg), or what a multiprocessor of 65536 registers has for the threads of
// .maxntid or .reqntid and .minnctapersm; where it says neither, the ISA lets the instruction have
// no effect, and so has it here.
#include "Async.h"
#include "SyncHandlers.h"
#include "Wgmma.h"

#include <algorithm>
#include <bit>

namespace cameo::ptx {
namespace {

constexpr uint32_t registerFile = 65536, mostPerThread = 256;

uint32_t initialRegisters(const Exec &x) {
  const RegisterLimits &limits = x.program->registers;
  if (limits.perThread)
    return limits.perThread;
  uint32_t threads = x.launch->block[0] * x.launch->block[1] * x.launch->block[2];
  threads = (threads + lanes - 1) / lanes * lanes;
  return std::min(registerFile / (threads * std::max(1u, limits.blocks)) / 8 * 8, mostPerThread);
}

RegisterPool &poolOf(Exec &x) {
  std::shared_ptr<RegisterPool> &pool = x.block->async->registers;
  if (!pool) {
    pool = std::make_shared<RegisterPool>();
    pool->perThread.assign(x.block->warps.size(), initialRegisters(x));
    pool->executed.resize(x.block->warps.size());
  }
  return *pool;
}

/// The n-th setmaxnreg of a warp is like the n-th of the three others. That they are at the same place is more than compilers
/// keep to: Triton gives each warp of a warpgroup its own code, with an instruction of the same count.
void requireSame(Exec &x, const Op &op, RegisterPool &pool) {
  uint32_t me = x.warp->index, first = me / warpsOfGroup * warpsOfGroup;
  size_t n = pool.executed[me].size();
  for (uint32_t w = first; w < first + warpsOfGroup; ++w) {
    if (pool.executed[w].size() <= n)
      continue;
    const Op &other = *pool.executed[w][n];
    if (other.imm == op.imm && other.size == op.size)
      continue;
    report(x, op, FindingKind::Divergence, x.mask, 0, 0,
           "the warps of a warpgroup execute different setmaxnreg: warp " + std::to_string(w) +
               " has executed that of line " + std::to_string(lineOf(x, other)),
           "let all four warps execute the same setmaxnreg");
    stopLaunch(x);
  }
}

void setMax(Exec &x, const Op &op);

void wakeAsking(Block &block) {
  for (Warp &warp : block.warps)
    for (Group &g : warp.groups)
      if (g.state == GroupState::Waiting && g.waitOp && g.waitOp->run == &setMax)
        g.state = GroupState::Ready;
}

/// imm: registers of a thread; size: whether it asks for more.
void setMax(Exec &x, const Op &op) {
  if (!gatherLanes(x, op, 0xffffffffu))
    return;
  requireWarpgroup(x, op);
  RegisterPool &pool = poolOf(x);
  uint32_t &have = pool.perThread[x.warp->index], want = static_cast<uint32_t>(op.imm);
  bool asks = op.size != 0;
  if (x.launch->checks)
    requireSame(x, op, pool);
  if (x.program->registers.known) {
    // What the launch bounds give is a bound: less may have been given.
    bool backwards = x.program->registers.perThread && (asks ? want < have : want > have);
    if (backwards && x.launch->checks)
      report(x, op, FindingKind::Launch, x.mask, 0, 0,
             std::string("setmaxnreg.") + (asks ? "inc" : "dec") + " to " + std::to_string(want) +
                 " registers, and the threads have " + std::to_string(have),
             "raise with .inc and lower with .dec, from what .maxnreg gives");
    if (asks && want > have && uint64_t(want - have) * lanes > pool.free)
      return sleepAt(x, op);
    if (asks && want > have)
      pool.free -= (want - have) * lanes;
    else if (!asks && want < have)
      pool.free += (have - want) * lanes;
    have = asks ? std::max(have, want) : std::min(have, want);
  }
  x.group->waitOp = nullptr;
  x.group->sawFalse = false;
  pool.executed[x.warp->index].push_back(&op);
  ++x.block->async->progress;
  if (!asks)
    wakeAsking(*x.block);
}

} // namespace

std::string poolWaitText(const Exec &, const Block &block, const Warp &warp, const Op &op) {
  if (op.run != &setMax || !block.async->registers)
    return "";
  const RegisterPool &pool = *block.async->registers;
  uint32_t have = pool.perThread[warp.index], want = static_cast<uint32_t>(op.imm);
  return "for " + std::to_string((want - have) * lanes) + " registers (from " +
         std::to_string(have) + " to " + std::to_string(want) + " for each thread), of which the block has " +
         std::to_string(pool.free) + " free";
}

void exitPool(Exec &x, Block &block, Warp &warp, uint32_t mask) {
  if (!block.async->registers || warp.alive != mask || !x.launch->checks)
    return;
  RegisterPool &pool = *block.async->registers;
  uint32_t first = warp.index / warpsOfGroup * warpsOfGroup;
  size_t mine = pool.executed[warp.index].size();
  for (uint32_t w = first; w < first + warpsOfGroup && w < pool.executed.size(); ++w)
    if (pool.executed[w].size() > mine) {
      report(x, *pool.executed[w][mine], FindingKind::Divergence, mask, 0, 0,
             "warp " + std::to_string(warp.index) + " exits without executing this setmaxnreg, which warp " +
                 std::to_string(w) + " of its warpgroup has executed",
             "let all four warps execute the same setmaxnreg");
      return;
    }
}

void registerPoolRows(HandlerRows &rows) { rows.push_back({"setmaxnreg", &setMax}); }

} // namespace cameo::ptx
