// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// st.async into the other block's shared memory, which counts the bytes on its mbarrier; two slots, given back by remote arrivals.
#include <cooperative_groups.h>
#include <cuda/ptx>
namespace cg = cooperative_groups;
namespace ptx = cuda::ptx;
extern "C" __global__ void __cluster_dims__(2, 1, 1) cluster_pass(const int *x, int *y, int rounds) {
  __shared__ alignas(16) int inbox[2][128];
  __shared__ uint64_t full[2], empty[2];
  auto cluster = cg::this_cluster();
  unsigned peer = cluster.block_rank() ^ 1;
  if (threadIdx.x == 0) {
    for (int s = 0; s < 2; ++s) {
      ptx::mbarrier_init(&full[s], 1);
      ptx::mbarrier_init(&empty[s], blockDim.x);
    }
    ptx::fence_mbarrier_init(ptx::sem_release, ptx::scope_cluster);
  }
  cluster.sync();
  int sum = 0;
  for (int r = 0; r < rounds; ++r) {
    int s = r % 2;
    if (threadIdx.x == 0)
      ptx::mbarrier_arrive_expect_tx(ptx::sem_release, ptx::scope_cta, ptx::space_shared, &full[s], 512);
    if (r >= 2)
      while (!ptx::mbarrier_try_wait_parity(ptx::sem_acquire, ptx::scope_cluster, &empty[s], (r / 2 - 1) & 1))
        ;
    int v = x[(r * gridDim.x + blockIdx.x) * 128 + threadIdx.x];
    ptx::st_async(cluster.map_shared_rank(&inbox[s][threadIdx.x], peer), v, cluster.map_shared_rank(&full[s], peer));
    while (!ptx::mbarrier_try_wait_parity(ptx::sem_acquire, ptx::scope_cluster, &full[s], (r / 2) & 1))
      ;
    sum += inbox[s][127 - threadIdx.x] * (r + 1);
    ptx::mbarrier_arrive(ptx::sem_release, ptx::scope_cluster, ptx::space_cluster, cluster.map_shared_rank(&empty[s], peer));
  }
  y[blockIdx.x * 128 + threadIdx.x] = sum;
  cluster.sync();
}
