// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A histogram spread over the shared memory of a cluster: atomics to another block's shared memory.
#include <cooperative_groups.h>
namespace cg = cooperative_groups;
extern "C" __global__ void __cluster_dims__(2, 1, 1) cluster_histogram(const int *x, int *bins, int n, int count) {
  extern __shared__ int mine[];
  auto cluster = cg::this_cluster();
  int share = count / cluster.num_blocks();
  for (int i = threadIdx.x; i < share; i += blockDim.x)
    mine[i] = 0;
  cluster.sync();
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x)
    atomicAdd(cluster.map_shared_rank(mine, x[i] / share) + x[i] % share, 1);
  cluster.sync();
  for (int i = threadIdx.x; i < share; i += blockDim.x)
    atomicAdd(bins + cluster.block_rank() * share + i, mine[i]);
}
