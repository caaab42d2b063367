// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A layer norm across a cluster: each block holds a part of the row, the sums meet in distributed shared memory, twice.
#include <cooperative_groups.h>
#include <cooperative_groups/reduce.h>
namespace cg = cooperative_groups;
__device__ float cluster_sum(cg::cluster_group &cluster, float v, float *parts, float *slot) {
  auto tile = cg::tiled_partition<32>(cg::this_thread_block());
  v = cg::reduce(tile, v, cg::plus<float>());
  if (tile.thread_rank() == 0) parts[tile.meta_group_rank()] = v;
  __syncthreads();
  if (threadIdx.x == 0) {
    float s = 0;
    for (unsigned i = 0; i < tile.meta_group_size(); ++i) s += parts[i];
    for (unsigned r = 0; r < cluster.num_blocks(); ++r) cluster.map_shared_rank(slot, r)[cluster.block_rank()] = s;
  }
  cluster.sync();
  float s = 0;
  for (unsigned r = 0; r < cluster.num_blocks(); ++r) s += slot[r];
  return s;
}
extern "C" __global__ void __cluster_dims__(4, 1, 1) cluster_reduce(const float *x, float *y, int n) {
  __shared__ float parts[2][4], slots[2][8];
  auto cluster = cg::this_cluster();
  int row = blockIdx.y, i = blockIdx.x * blockDim.x + threadIdx.x;
  float v = i < n ? x[row * n + i] : 0;
  cluster.sync();
  float mean = cluster_sum(cluster, v, parts[0], slots[0]) / n, d = i < n ? v - mean : 0;
  float var = cluster_sum(cluster, d * d, parts[1], slots[1]) / n;
  if (i < n) y[row * n + i] = d * rsqrtf(var + 1e-5f);
  cluster.sync();
}
