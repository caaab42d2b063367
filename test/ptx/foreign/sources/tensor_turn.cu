// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Tiles by tensor maps, turned in shared memory with the 128-byte swizzle worked out by hand, and stored by another map.
#include <cuda.h>
#include <cuda/barrier>
#include <cuda/ptx>
namespace ptx = cuda::ptx;
extern "C" __global__ void tensor_turn(const __grid_constant__ CUtensorMap from, const __grid_constant__ CUtensorMap to) {
  __shared__ alignas(1024) float in[32][32], out[32][32];
#pragma nv_diag_suppress static_var_with_dynamic_init
  __shared__ cuda::barrier<cuda::thread_scope_block> bar;
  int t = threadIdx.x;
  if (t == 0) { init(&bar, blockDim.x); ptx::fence_proxy_async(ptx::space_shared); }
  __syncthreads();
  cuda::barrier<cuda::thread_scope_block>::arrival_token token;
  if (t == 0) {
    const int32_t at[2] = {(int)blockIdx.x * 32, (int)blockIdx.y * 32};
    ptx::cp_async_bulk_tensor(ptx::space_cluster, ptx::space_global, &in, &from, at, cuda::device::barrier_native_handle(bar));
    token = cuda::device::barrier_arrive_tx(bar, 1, sizeof(in));
  } else token = bar.arrive();
  bar.wait(std::move(token));
  for (int k = t; k < 1024; k += blockDim.x) {
    int r = k / 32, c = k % 32;
    float v = in[r][(c & 3) | ((c >> 2 ^ (r & 7)) << 2)];
    out[c][(r & 3) | ((r >> 2 ^ (c & 7)) << 2)] = v;
  }
  ptx::fence_proxy_async(ptx::space_shared);
  __syncthreads();
  if (t == 0) {
    const int32_t at[2] = {(int)blockIdx.y * 32, (int)blockIdx.x * 32};
    ptx::cp_async_bulk_tensor(ptx::space_global, ptx::space_shared, &to, at, &out);
    ptx::cp_async_bulk_commit_group();
    ptx::cp_async_bulk_wait_group_read(ptx::n32_t<0>());
  }
}
