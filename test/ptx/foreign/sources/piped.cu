// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// cuda::pipeline with two stages.
#include <cooperative_groups.h>
#include <cuda/pipeline>
extern "C" __global__ void piped(const int *in, int *out, int tiles) {
  namespace cg = cooperative_groups;
  auto block = cg::this_thread_block();
  __shared__ alignas(16) int buf[2][256];
  __shared__ cuda::pipeline_shared_state<cuda::thread_scope_block, 2> state;
  auto pipe = cuda::make_pipeline(block, &state);
  int sum = 0;
  for (int f = 0, c = 0; c < tiles; ++c) {
    for (; f < tiles && f < c + 2; ++f) {
      pipe.producer_acquire();
      cuda::memcpy_async(block, buf[f % 2], in + f * 256, cuda::aligned_size_t<16>(1024), pipe);
      pipe.producer_commit();
    }
    pipe.consumer_wait();
    sum += buf[c % 2][(threadIdx.x * 7) % 256];
    pipe.consumer_release();
  }
  out[threadIdx.x] = sum;
}
