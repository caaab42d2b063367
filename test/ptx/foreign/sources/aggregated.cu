// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Compaction by votes and by warp-aggregated atomics; labelled partitions; a binary partition.
#include <cooperative_groups.h>
#include <cooperative_groups/reduce.h>
#include <cooperative_groups/scan.h>
namespace cg = cooperative_groups;
__device__ int place_of(int *counter) {
  auto g = cg::coalesced_threads();
  int first;
  if (g.thread_rank() == 0) first = atomicAdd(counter, g.size());
  return g.shfl(first, 0) + g.thread_rank();
}
extern "C" __global__ void aggregated(const int *x, int *even, int *counts, int *parity, int *label, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n && x[i] % 2 == 0) even[place_of(counts)] = x[i];
  auto tile = cg::tiled_partition<32>(cg::this_thread_block());
  int v = i < n ? x[i] : -1;
  auto two = cg::binary_partition(tile, (v & 1) != 0);
  int s = cg::reduce(two, v, cg::plus<int>());
  if (i < n) parity[i] = s;
  auto some = cg::labeled_partition(tile, v % 3);
  int r = cg::inclusive_scan(some, v, cg::greater<int>());
  if (i < n) label[i] = r;
  unsigned ballot = __ballot_sync(~0u, v > 500);
  if (tile.thread_rank() == 0 && ballot) atomicAdd(counts + 1, __popc(ballot));
  if (tile.any(v == 7)) { if (tile.thread_rank() == 31) atomicOr(counts + 2, 1); }
}
