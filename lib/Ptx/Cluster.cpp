// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The cluster's barrier, and whether a block may reach into another one. On a GPU nothing tells a
// block that its neighbour has not begun, or is gone: the access reads whatever is there. So both are
// findings even where this schedule was lucky: the first access needs a wait at the cluster's barrier
// before it, and a block may not end after an access that neither a barrier of the cluster nor an
// arrival from there has shown to be over.
#include "Cluster.h"
#include "Async.h"
#include "SyncHandlers.h"

#include <bit>
#include <utility>

namespace cameo::ptx {
namespace {

std::string lineText(const Exec &x, const Op &op) { return "line " + std::to_string(lineOf(x, op)); }

void tell(Exec &x, const Op &op, FindingKind kind, unsigned lane, uint32_t offset,
          std::string message, std::string remedy) {
  const Region *region = sharedRegion(x, offset);
  report(x, op, kind, 1u << lane, offset, 0, std::move(message), std::move(remedy),
         region ? region->name : "", region ? static_cast<int64_t>(offset - region->base) : 0,
         region ? region->bytes : 0);
}

/// Another block's shared memory is used: is it there, surely?
void checkPresent(Exec &x, const Op &op, Block &target, uint32_t offset, unsigned lane, bool lasting) {
  std::string whose = "the shared memory of block rank " + std::to_string(target.rank);
  if (target.alive == 0) {
    tell(x, op, op.kind == OpKind::Sync ? FindingKind::Mbarrier : FindingKind::UseAfterFree, lane, offset, whose + " is used, and that block has exited",
         "let all blocks of the cluster pass barrier.cluster.arrive and barrier.cluster.wait after "
         "the last access, before one of them exits");
    stopLaunch(x);
  }
  if (!x.launch->checks)
    return;
  Block &own = *x.warp->block;
  if (!own.metCluster)
    tell(x, op, FindingKind::Race, lane, offset,
         whose + " is used before a barrier of the cluster has shown that it has begun to run",
         "execute barrier.cluster.arrive and barrier.cluster.wait in all threads of the cluster first");
  if (!lasting)
    return;
  bool between = x.warp->clusterArrived >> lane & 1;
  target.cluster->uses[target.rank][own.rank] = {&op, x.warp->index, lane,
                                                 target.cluster->phase + between};
  for (BulkCopy &copy : target.async->copies)
    if (copy.kind == BulkKind::Load && copy.landed && copy.seen)
      showToAll(target, copy); // somebody there has waited for it
}

uint32_t livingWithoutArrival(const Block &block) {
  uint32_t missing = 0;
  for (const Warp &warp : block.warps)
    missing += static_cast<uint32_t>(std::popcount(warp.alive & ~warp.clusterArrived));
  return missing;
}

} // namespace

void Cluster::restart() {
  phase = idle = 0;
  raceArrived = racePassed = nullptr;
  relaxed = false;
  for (auto &row : uses)
    for (RemoteUse &use : row)
      use = RemoteUse();
}

Block *blockOfShared(Exec &x, const Op &op, uint64_t &address, unsigned lane) {
  return findBlock(x, op, address, lane, /*lasting=*/true);
}

Block *findBlock(Exec &x, const Op &op, uint64_t &address, unsigned lane, bool lasting) {
  Block &own = *x.warp->block;
  uint64_t rank = address >> rankShift;
  if (rank == 0)
    return &own;
  if (rank > own.cluster->blocks.size())
    return nullptr;
  Block *target = own.cluster->blocks[rank - 1];
  address &= offsetMask;
  if (target != &own)
    checkPresent(x, op, *target, static_cast<uint32_t>(address), lane, lasting);
  return target;
}

Block &needBlock(Exec &x, const Op &op, uint64_t &address, unsigned lane) {
  if ((address & windowMask) == sharedWindow)
    address &= ~windowMask;
  if (Block *block = findBlock(x, op, address, lane, /*lasting=*/false))
    return *block;
  reportBadAccess(x, op, Space::Shared, address, 8, lane);
}

std::string rankText(const Exec &x, uint64_t address) {
  uint64_t rank = address >> rankShift, count = x.warp->block->cluster->blocks.size();
  if (rank == 0 || rank - 1 == x.warp->block->rank)
    return "";
  if (rank > count)
    return " (rank " + std::to_string(rank - 1) + " of a cluster of " + std::to_string(count) + " blocks)";
  return " (of block rank " + std::to_string(rank - 1) + ")";
}

// -- the barrier ----------------------------------------------------------------------------------

bool completeClusterBarrier(Cluster &cluster) {
  uint32_t arrived = 0;
  for (const Block *block : cluster.blocks) {
    if (livingWithoutArrival(*block))
      return false;
    for (const Warp &warp : block->warps)
      arrived |= warp.clusterArrived;
  }
  if (!arrived) // all have gone
    return false;
  ++cluster.phase;
  cluster.racePassed = std::exchange(cluster.raceArrived, nullptr);
  for (Block *block : cluster.blocks) {
    ++block->async->progress;
    if (!cluster.relaxed) {
      publishMbarriers(*block);
      publishToCluster(*block);
    }
    shareKnowledge(*block, ~0u);
    for (Warp &warp : block->warps) {
      warp.clusterPassed |= warp.clusterArrived;
      warp.clusterArrived = 0;
      for (Group &group : warp.groups)
        if (group.state == GroupState::Cluster)
          group.state = GroupState::Ready;
    }
  }
  cluster.relaxed = false;
  return true;
}

void exitCluster(Exec &x, Block &block) {
  Cluster &cluster = *block.cluster;
  if (x.program->usesClusterBarrier)
    completeClusterBarrier(cluster);
  if (block.alive || isAlone(block) || !x.launch->checks)
    return;
  for (Block *other : cluster.blocks) {
    const RemoteUse &use = cluster.uses[block.rank][other->rank];
    if (!use.op || cluster.phase > use.phase || x.program->pollsMemory)
      continue;
    Warp *who = x.warp;
    x.warp = &other->warps[use.warp];
    tell(x, *use.op, FindingKind::UseAfterFree, use.lane, 0,
         "the shared memory of block rank " + std::to_string(block.rank) +
             " is used, and that block exits without anything that shows this access to be over",
         "let all blocks of the cluster pass barrier.cluster.arrive and barrier.cluster.wait after "
         "the last access, before one of them exits");
    x.warp = who;
  }
}

void arrivedRemotely(Exec &x, Block &target) {
  Block &own = *x.warp->block;
  if (&own == &target)
    return;
  for (RemoteUse *row = own.cluster->uses[0], *end = row + mostClusterBlocks * mostClusterBlocks;
       row < end; row += mostClusterBlocks)
    row[own.rank] = RemoteUse();
  // Who waits there may know what anybody there has seen.
  for (BulkCopy &copy : target.async->copies)
    if (copy.kind == BulkKind::Load && copy.landed && copy.seen)
      copy.seen = ~0u;
}

void reportClusterStuck(Exec &x, Cluster &cluster) {
  const Op *op = nullptr;
  std::string text;
  uint32_t mask = 0;
  for (Block *block : cluster.blocks) {
    uint32_t missing = livingWithoutArrival(*block);
    text += (text.empty() ? "" : "; ") + std::string("block rank ") + std::to_string(block->rank) + ": ";
    text += block->alive == 0 ? "exited"
            : missing ? std::to_string(missing) + " of " + std::to_string(block->alive) + " threads missing"
                      : "all arrived";
    for (Warp &warp : block->warps)
      for (Group &group : warp.groups)
        if (group.state == GroupState::Cluster && !op) {
          op = group.ip;
          mask = group.mask;
          x.block = block;
          x.warp = &warp;
          x.group = &group;
        }
  }
  if (!op)
    return;
  // Whom the missing threads wait for says more than that they are missing.
  for (Block *block : cluster.blocks)
    for (const Warp &warp : block->warps)
      for (const Group &group : warp.groups)
        if (group.state == GroupState::Waiting || group.state == GroupState::Barrier) {
          const Op &at = group.state == GroupState::Barrier ? group.ip[-1] : *group.ip;
          text += "; warp " + std::to_string(warp.index) + " of block rank " +
                  std::to_string(block->rank) + " waits in " + lineText(x, at);
          break;
        }
  report(x, *op, FindingKind::Deadlock, mask, 0, 0,
         "deadlock: phase " + std::to_string(cluster.phase) +
             " of the cluster's barrier never completes: " + text,
         "let every thread of every block of the cluster arrive once per phase, or exit");
}

} // namespace cameo::ptx
