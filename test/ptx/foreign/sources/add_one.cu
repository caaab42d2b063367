// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Bulk copies: a tile comes, each element grows by one, the tile goes back.
#include <cuda/barrier>
#include <cuda/ptx>
using barrier = cuda::barrier<cuda::thread_scope_block>;
namespace ptx = cuda::ptx;
extern "C" __global__ void add_one(int *data, int offset) {
  __shared__ alignas(16) int smem[1024];
#pragma nv_diag_suppress static_var_with_dynamic_init
  __shared__ barrier bar;
  if (threadIdx.x == 0) {
    init(&bar, blockDim.x);
    ptx::fence_proxy_async(ptx::space_shared);
  }
  __syncthreads();
  if (threadIdx.x == 0)
    cuda::memcpy_async(smem, data + offset + blockIdx.x * 1024, cuda::aligned_size_t<16>(sizeof(smem)), bar);
  barrier::arrival_token token = bar.arrive();
  bar.wait(std::move(token));
  for (int i = threadIdx.x; i < 1024; i += blockDim.x)
    smem[i] += 1;
  ptx::fence_proxy_async(ptx::space_shared);
  __syncthreads();
  if (threadIdx.x == 0) {
    ptx::cp_async_bulk(ptx::space_global, ptx::space_shared, data + offset + blockIdx.x * 1024, smem, sizeof(smem));
    ptx::cp_async_bulk_commit_group();
    ptx::cp_async_bulk_wait_group_read(ptx::n32_t<0>());
  }
}
