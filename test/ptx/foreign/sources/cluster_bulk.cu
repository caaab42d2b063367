// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A bulk copy from one block's shared memory to another's.
#include <cooperative_groups.h>
#include <cuda/ptx>
namespace cg = cooperative_groups;
namespace ptx = cuda::ptx;
extern "C" __global__ void __cluster_dims__(2, 1, 1) cluster_bulk(const int *x, int *y) {
  __shared__ alignas(128) int from[256], to[256];
  __shared__ uint64_t bar;
  auto cluster = cg::this_cluster();
  unsigned peer = cluster.block_rank() ^ 1;
  if (threadIdx.x == 0) {
    ptx::mbarrier_init(&bar, 1);
    ptx::fence_mbarrier_init(ptx::sem_release, ptx::scope_cluster);
    ptx::mbarrier_arrive_expect_tx(ptx::sem_release, ptx::scope_cta, ptx::space_shared, &bar, 1024);
  }
  for (int i = threadIdx.x; i < 256; i += blockDim.x)
    from[i] = x[blockIdx.x * 256 + i] * 3;
  ptx::fence_proxy_async(ptx::space_shared);
  cluster.sync();
  if (threadIdx.x == 0)
    ptx::cp_async_bulk(ptx::space_cluster, ptx::space_shared, cluster.map_shared_rank(to, peer), from, 1024,
                       cluster.map_shared_rank(&bar, peer));
  while (!ptx::mbarrier_try_wait_parity(&bar, 0))
    ;
  for (int i = threadIdx.x; i < 256; i += blockDim.x)
    y[blockIdx.x * 256 + i] = to[255 - i];
  cluster.sync();
}
