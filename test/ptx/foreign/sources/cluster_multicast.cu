// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Each block of a cluster copies half a tile to both; a slot is free when both blocks have read it.
#include <cooperative_groups.h>
#include <cuda/ptx>
namespace cg = cooperative_groups;
namespace ptx = cuda::ptx;
extern "C" __global__ void __cluster_dims__(2, 1, 1) cluster_multicast(const int *x, int *y, int n) {
  __shared__ alignas(128) int tile[2][256];
  __shared__ uint64_t full[2], empty[2];
  auto cluster = cg::this_cluster();
  unsigned rank = cluster.block_rank();
  if (threadIdx.x == 0) {
    for (int s = 0; s < 2; ++s) {
      ptx::mbarrier_init(&full[s], 1);
      ptx::mbarrier_init(&empty[s], 2 * blockDim.x);
    }
    ptx::fence_mbarrier_init(ptx::sem_release, ptx::scope_cluster);
  }
  cluster.sync();
  int sum = 0;
  for (int r = 0; r < n; ++r) {
    int s = r % 2;
    if (threadIdx.x == 0) {
      if (r >= 2)
        while (!ptx::mbarrier_try_wait_parity(ptx::sem_acquire, ptx::scope_cluster, &empty[s], (r / 2 - 1) & 1))
          ;
      ptx::mbarrier_arrive_expect_tx(ptx::sem_release, ptx::scope_cta, ptx::space_shared, &full[s], 1024);
      ptx::cp_async_bulk(ptx::space_cluster, ptx::space_global, tile[s] + 128 * rank, x + r * 256 + 128 * rank, 512, &full[s],
                         (uint16_t)3);
    }
    while (!ptx::mbarrier_try_wait_parity(&full[s], (r / 2) & 1))
      ;
    sum += tile[s][(threadIdx.x * 5 + rank) % 256];
    for (unsigned b = 0; b < 2; ++b)
      ptx::mbarrier_arrive(ptx::sem_release, ptx::scope_cluster, ptx::space_cluster, cluster.map_shared_rank(&empty[s], b));
  }
  y[blockIdx.x * blockDim.x + threadIdx.x] = sum;
  cluster.sync();
}
