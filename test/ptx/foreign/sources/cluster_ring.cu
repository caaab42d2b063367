// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Every block of a cluster reads what the others have in shared memory.
#include <cooperative_groups.h>
namespace cg = cooperative_groups;
extern "C" __global__ void __cluster_dims__(4, 1, 1) cluster_ring(const float *x, float *y, int n) {
  __shared__ float mine[128];
  auto cluster = cg::this_cluster();
  unsigned rank = cluster.block_rank(), all = cluster.num_blocks();
  int i = blockIdx.x * 128 + threadIdx.x;
  mine[threadIdx.x] = i < n ? x[i] : 0;
  auto token = cluster.barrier_arrive();
  cluster.barrier_wait(std::move(token));
  float sum = 0;
  for (unsigned k = 0; k < all; ++k)
    sum += cluster.map_shared_rank(mine, (rank + k) % all)[(threadIdx.x + k) % 128];
  cluster.sync();
  if (i < n)
    y[i] = sum;
}
