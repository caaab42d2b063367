// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// barrier.cluster, mapa and getctarank. Arriving and waiting are two instructions, and a thread
// alternates them: to arrive twice, or to wait without having arrived, is a finding. A thread that
// has exited counts as arrived. Ranks beyond the cluster are findings, too.
#include "Async.h"
#include "Cluster.h"
#include "Race.h"
#include "SyncHandlers.h"

#include <bit>

namespace cameo::ptx {
namespace {

[[noreturn]] void misuse(Exec &x, const Op &op, uint32_t mask, std::string message) {
  report(x, op, FindingKind::Barrier, mask, 0, 0, std::move(message),
         "let each thread alternate barrier.cluster.arrive and barrier.cluster.wait");
  stopLaunch(x);
}

/// flags: BarrierFlags; size: 1 where it is .relaxed.
void clusterArrive(Exec &x, const Op &op) {
  if ((op.flags & BarrierAligned) && !gatherLanes(x, op, 0xffffffffu))
    return;
  Warp &warp = *x.warp;
  if (uint32_t twice = x.mask & (warp.clusterArrived | warp.clusterPassed))
    misuse(x, op, twice, "a thread arrives at the barrier of the cluster again without a wait between");
  Cluster &cluster = *x.block->cluster;
  warp.clusterArrived |= x.mask;
  cluster.relaxed |= op.size != 0;
  if (x.race)
    raceClusterArrive(x, op.size != 0);
  if (x.counts)
    ++x.counts->barriers;
  ++x.block->async->progress;
  if (completeClusterBarrier(cluster))
    yieldToWoken(x);
}

void clusterWait(Exec &x, const Op &op) {
  if ((op.flags & BarrierAligned) && !gatherLanes(x, op, 0xffffffffu))
    return;
  Warp &warp = *x.warp;
  if (uint32_t without = x.mask & ~(warp.clusterArrived | warp.clusterPassed))
    misuse(x, op, without, "a thread waits at the barrier of the cluster and has not arrived there");
  if (x.mask & warp.clusterArrived) { // it is executed again when the phase is over
    x.ip = &op;
    x.stop(Pause::Cluster);
    return;
  }
  warp.clusterPassed &= ~x.mask;
  x.block->metCluster = true;
  if (x.race)
    raceClusterWait(x);
  if (!x.block->async->copies.empty())
    showCopies(*x.block, warp);
}

/// The rank of a block that another operand names, checked.
uint32_t rankOf(Exec &x, const Op &op, uint32_t rank, unsigned lane) {
  size_t count = x.block->cluster->blocks.size();
  if (rank < count)
    return rank;
  report(x, op, FindingKind::OutOfBounds, 1u << lane, 0, 0,
         "block rank " + std::to_string(rank) + " of a cluster of " + std::to_string(count) +
             (count == 1 ? " block" : " blocks"),
         "name a rank below %cluster_nctarank, and launch the kernel with the cluster it needs");
  stopLaunch(x);
}

/// a: an address in shared memory (imm: plus), b: the rank; size: bytes; count: 1 where it is generic.
template <typename T, bool Generic> void mapAddress(Exec &x, const Op &op) {
  T *d = x.at<T>(op.d);
  const T *a = x.at<T>(op.a);
  const uint32_t *b = x.at<uint32_t>(op.b);
  for (uint32_t rest = x.mask; rest; rest &= rest - 1) {
    unsigned i = static_cast<unsigned>(std::countr_zero(rest));
    uint64_t address = static_cast<uint64_t>(a[i]);
    bool shared = !Generic || (address & windowMask) == sharedWindow;
    if (!shared || (!Generic && address >> 32)) {
      report(x, op, FindingKind::OutOfBounds, 1u << i, address, 0,
             "mapa takes the address of a variable in shared memory, and this is none",
             "give it a generic address (cvta.shared) without .shared::cluster, else one of shared memory");
      stopLaunch(x);
    }
    uint32_t offset = static_cast<uint32_t>(address) & offsetMask;
    uint64_t mapped = rankBits(rankOf(x, op, b[i], i)) | offset;
    d[i] = static_cast<T>(Generic ? sharedWindow | mapped : mapped);
  }
}

template <typename T, bool Generic> void rankOfAddress(Exec &x, const Op &op) {
  uint32_t *d = x.at<uint32_t>(op.d);
  const T *a = x.at<T>(op.a);
  for (uint32_t rest = x.mask; rest; rest &= rest - 1) {
    unsigned i = static_cast<unsigned>(std::countr_zero(rest));
    uint64_t address = static_cast<uint64_t>(a[i]);
    bool shared = !Generic || (address & windowMask) == sharedWindow;
    uint64_t rank = (address & ~windowMask) >> rankShift;
    if (!shared || rank > x.block->cluster->blocks.size()) {
      report(x, op, FindingKind::OutOfBounds, 1u << i, address, 0,
             "getctarank takes an address in the shared memory of the cluster, and this is none",
             "give it the address of a variable in shared memory, or what mapa made of one");
      stopLaunch(x);
    }
    d[i] = rank ? static_cast<uint32_t>(rank - 1) : x.block->rank;
  }
}

/// isspacep: the window, and whose it is.
template <bool Own> void isShared(Exec &x, const Op &op) {
  uint32_t bits = 0, &d = x.predicate(op.d);
  const uint64_t *a = x.at<uint64_t>(op.a);
  for (unsigned i = 0; i < lanes; ++i) {
    uint64_t rank = (a[i] & ~windowMask) >> rankShift;
    bool own = rank == 0 || rank - 1 == x.block->rank;
    bool in = (a[i] & windowMask) == sharedWindow && (Own ? own : rank <= x.block->cluster->blocks.size());
    bits |= static_cast<uint32_t>(in) << i;
  }
  d = (d & ~x.mask) | (bits & x.mask);
}

} // namespace

void clusterRows(HandlerRows &rows) {
  rows.push_back({"barrier.cluster.arrive", &clusterArrive});
  rows.push_back({"barrier.cluster.wait", &clusterWait});
  rows.push_back({"mapa.b32", &mapAddress<uint32_t, false>});
  rows.push_back({"mapa.b64", &mapAddress<uint64_t, false>});
  rows.push_back({"mapa.generic.b64", &mapAddress<uint64_t, true>});
  rows.push_back({"getctarank.b32", &rankOfAddress<uint32_t, false>});
  rows.push_back({"getctarank.b64", &rankOfAddress<uint64_t, false>});
  rows.push_back({"getctarank.generic.b64", &rankOfAddress<uint64_t, true>});
  rows.push_back({"isspacep.shared::cta", &isShared<true>});
  rows.push_back({"isspacep.shared::cluster", &isShared<false>});
}

} // namespace cameo::ptx
