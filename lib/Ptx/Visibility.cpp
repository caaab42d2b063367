// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Which warps may read what a bulk copy has brought: those that saw its phase complete, and those
// that synchronised with one of them since (a barrier of the block, or an arrival on an mbarrier and
// the wait for it). For all others the bytes count as unwritten: the shadow shows what the warp that
// runs may see, and changes when another one is chosen. Knowledge is taken too generously rather
// than too strictly: an mbarrier hands on what anybody who ever arrived there knew. Programs that
// synchronise through memory (atomics, strong loads) have it by block instead, as seen by one warp.
#include "Async.h"

#include <algorithm>

namespace cameo::ptx {
namespace {

bool isLanded(const BulkCopy &copy) { return copy.kind == BulkKind::Load && copy.landed; }

void show(Block &block, BulkCopy &copy, bool visible) {
  if (copy.shown == visible)
    return;
  copy.shown = visible;
  for (const SharedSpan &span : copy.spans)
    std::memset(block.sharedShadow + (span.first - sharedBase) / 4, visible ? 0x0f : 0,
                span.bytes / 4);
}

/// Everyone who is left knows: the bytes are ordinary ones.
bool isSettled(const Block &block, const BulkCopy &copy) {
  if (!copy.seen)
    return false;
  for (const Warp &warp : block.warps)
    if (warp.alive && !(copy.seen >> warp.index & 1))
      return false;
  return true;
}

/// Calls `learn` for each copy that has landed; those that everyone knows are forgotten.
template <typename F> void eachLanded(Block &block, F learn) {
  auto &copies = block.async->copies;
  for (size_t i = 0; i < copies.size();) {
    if (isLanded(copies[i])) {
      learn(copies[i]);
      if (isSettled(block, copies[i])) {
        show(block, copies[i], true);
        copies.erase(copies.begin() + static_cast<long>(i));
        continue;
      }
    }
    ++i;
  }
}

bool carries(const BulkCopy &copy, uint32_t barrier) {
  return std::find(copy.carriers.begin(), copy.carriers.end(), barrier) != copy.carriers.end();
}

} // namespace

bool synchronisesByMemory(const Program &program) {
  for (const Op &op : program.code)
    if (op.traits & traitSynchronises)
      return true;
  return false;
}

void observePhase(Exec &x, Block &block, const Mbarrier &barrier) {
  uint32_t me = 1u << x.warp->index;
  bool byWarp = block.async->byWarp;
  eachLanded(block, [&](BulkCopy &copy) {
    bool waited = copy.barrier == barrier.address && copy.phase < barrier.phase;
    if (waited && !copy.seen)
      checkMapUnchanged(x, copy);
    if (waited && copy.sourceFree)
      *copy.sourceFree = true;
    if (waited || (copy.seen && carries(copy, barrier.address)))
      copy.seen |= byWarp ? me : ~0u;
    if (copy.seen & me)
      show(block, copy, true);
  });
}

void carryKnowledge(Block &block, uint32_t warp, uint32_t barrier) {
  for (BulkCopy &copy : block.async->copies)
    if (isLanded(copy) && (copy.seen >> warp & 1) && !carries(copy, barrier))
      copy.carriers.push_back(barrier);
}

void shareKnowledge(Block &block, uint32_t warps) {
  eachLanded(block, [&](BulkCopy &copy) {
    if (copy.seen & warps)
      copy.seen |= warps;
  });
}

void showCopies(Block &block, const Warp &warp) {
  for (BulkCopy &copy : block.async->copies)
    if (isLanded(copy))
      show(block, copy, copy.seen >> warp.index & 1);
}

void showToAll(Block &block, BulkCopy &copy) { show(block, copy, true); }

void forgetCopies(Block &block, uint32_t warp, uint32_t first, uint32_t end) {
  eachLanded(block, [&](BulkCopy &copy) {
    if (!(copy.seen >> warp & 1))
      return;
    for (const SharedSpan &span : copy.spans)
      if (first < span.first + span.bytes && span.first < end)
        copy.seen = ~0u;
  });
}

} // namespace cameo::ptx
