// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Producer and consumer warps over two buffers and four barriers.
#include <cuda/barrier>
using barrier = cuda::barrier<cuda::thread_scope_block>;
extern "C" __global__ void ready_filled(const int *in, int *out, int n) {
#pragma nv_diag_suppress static_var_with_dynamic_init
  __shared__ barrier bar[4];
  __shared__ int buffer[2][128];
  if (threadIdx.x < 4)
    init(bar + threadIdx.x, blockDim.x);
  __syncthreads();
  int half = blockDim.x / 2;
  if (threadIdx.x < half) {
    for (int i = 0; i < n; ++i) {
      bar[i % 2].arrive_and_wait();
      buffer[i % 2][threadIdx.x] = in[i * half + threadIdx.x];
      auto t = bar[i % 2 + 2].arrive();
    }
  } else {
    int me = threadIdx.x - half, sum = 0;
    auto t1 = bar[0].arrive();
    auto t2 = bar[1].arrive();
    for (int i = 0; i < n; ++i) {
      bar[i % 2 + 2].arrive_and_wait();
      sum += buffer[i % 2][half - 1 - me];
      auto t = bar[i % 2].arrive();
    }
    out[me] = sum;
  }
}
