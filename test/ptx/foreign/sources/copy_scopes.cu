// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// memcpy_async of a thread (cuda::pipeline of thread scope), of a warp's group with its own barrier, of a block with cuda::barrier, of odd sizes.
#include <cooperative_groups.h>
#include <cuda/barrier>
#include <cuda/pipeline>
namespace cg = cooperative_groups;
extern "C" __global__ void copy_scopes(const int *x, int *y, int tiles) {
  __shared__ alignas(16) int mine[2][128], warps[4][2][96], block[300];
#pragma nv_diag_suppress static_var_with_dynamic_init
  __shared__ cuda::barrier<cuda::thread_scope_block> bars[4], all;
  auto group = cg::this_thread_block();
  auto warp = cg::tiled_partition<32>(group);
  int w = warp.meta_group_rank(), t = threadIdx.x;
  if (warp.thread_rank() == 0) init(&bars[w], 32);
  if (t == 0) init(&all, 128);
  group.sync();
  int total = 0;
  cuda::pipeline<cuda::thread_scope_thread> pipe = cuda::make_pipeline();
  for (int s = 0; s < 1; ++s) { pipe.producer_acquire(); cuda::memcpy_async(&mine[0][t], x + t, sizeof(int), pipe); pipe.producer_commit(); }
  for (int i = 0; i < tiles; ++i) {
    if (i + 1 < tiles) { pipe.producer_acquire(); cuda::memcpy_async(&mine[(i + 1) & 1][t], x + (i + 1) * 128 + t, cuda::aligned_size_t<4>(4), pipe); pipe.producer_commit(); }
    if (i + 1 < tiles) cuda::pipeline_consumer_wait_prior<1>(pipe); else cuda::pipeline_consumer_wait_prior<0>(pipe);
    total += mine[i & 1][t] * (i + 1);
    pipe.consumer_release();
  }
  for (int i = 0; i < tiles; ++i) {
    cuda::memcpy_async(warp, warps[w][i & 1], x + i * 128 + w, cuda::aligned_size_t<4>(96 * 4), bars[w]);
    bars[w].arrive_and_wait();
    total ^= warps[w][i & 1][(t * 5) % 96];
  }
  cuda::memcpy_async(group, block, x + 3, 300 * sizeof(int), all);
  all.arrive_and_wait();
  y[t] = total + block[299 - t];
}
