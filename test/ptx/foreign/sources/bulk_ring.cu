// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// cuda::ptx: a ring of mbarriers fed by bulk copies from one warp; results leave by bulk stores and reductions.
#include <cuda/ptx>
namespace ptx = cuda::ptx;
extern "C" __global__ void bulk_ring(const float *x, float *y, float *sum, int tiles) {
  constexpr int STAGES = 3, TILE = 256;
  __shared__ alignas(128) float stage[STAGES][TILE], result[2][TILE];
  __shared__ uint64_t full[STAGES], empty[STAGES];
  int t = threadIdx.x;
  if (t == 0) {
    for (int s = 0; s < STAGES; ++s) { ptx::mbarrier_init(&full[s], 1); ptx::mbarrier_init(&empty[s], 128); }
    ptx::fence_mbarrier_init(ptx::sem_release, ptx::scope_cluster);
  }
  __syncthreads();
  const float *from = x + (size_t)blockIdx.x * tiles * TILE;
  if (t >= 128) {
    if (t == 128)
      for (int i = 0; i < tiles; ++i) {
        int s = i % STAGES;
        while (!ptx::mbarrier_try_wait_parity(&empty[s], (i / STAGES & 1) ^ 1)) ;
        ptx::mbarrier_arrive_expect_tx(ptx::sem_release, ptx::scope_cta, ptx::space_shared, &full[s], TILE * 4);
        ptx::cp_async_bulk(ptx::space_cluster, ptx::space_global, stage[s], from + i * TILE, TILE * 4, &full[s]);
      }
    return;
  }
  for (int i = 0; i < tiles; ++i) {
    int s = i % STAGES, o = i & 1;
    while (!ptx::mbarrier_try_wait_parity(&full[s], i / STAGES & 1)) ;
    float a = stage[s][t], b = stage[s][t + 128];
    ptx::mbarrier_arrive(&empty[s]);
    if (t == 0 && i >= 2) ptx::cp_async_bulk_wait_group_read(ptx::n32_t<1>());
    asm volatile("bar.sync 1, 128;" ::: "memory");
    result[o][t] = a + b;
    result[o][t + 128] = a - b;
    ptx::fence_proxy_async(ptx::space_shared);
    asm volatile("bar.sync 1, 128;" ::: "memory");
    if (t == 0) {
      ptx::cp_async_bulk(ptx::space_global, ptx::space_shared, y + ((size_t)blockIdx.x * tiles + i) * TILE, result[o], TILE * 4);
      ptx::cp_reduce_async_bulk(ptx::space_global, ptx::space_shared, ptx::op_add, sum, result[o], TILE * 4);
      ptx::cp_async_bulk_commit_group();
    }
  }
  if (t == 0) ptx::cp_async_bulk_wait_group(ptx::n32_t<0>());
}
