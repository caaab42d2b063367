// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Warp intrinsics: match, ballot, reductions, shuffles; a group of the threads that got there.
#include <cooperative_groups.h>
#include <cooperative_groups/reduce.h>
namespace cg = cooperative_groups;
extern "C" __global__ void warp_sets(const int *x, int *count, int *sum, int *most, int *odd, int *room, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  unsigned here = __ballot_sync(~0u, i < n);
  if (i >= n)
    return;
  int v = x[i], lane = threadIdx.x % 32;
  unsigned same = __match_any_sync(here, v % 5);
  count[i] = __popc(same & ((1u << lane) - 1));
  sum[i] = __reduce_add_sync(same, v);
  most[i] = __reduce_max_sync(here, v) - __reduce_min_sync(here, v) + __shfl_sync(here, v, 0);
  if (v % 2) {
    auto group = cg::coalesced_threads();
    int place, total = cg::reduce(group, v, cg::plus<int>());
    if (group.thread_rank() == 0) {
      place = atomicAdd(room, (int)group.size());
      atomicAdd(room + 1, total);
    }
    odd[group.shfl(place, 0) + group.thread_rank()] = v;
  }
}
