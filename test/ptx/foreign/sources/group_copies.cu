// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// cooperative_groups::memcpy_async with wait_prior: double buffering by cp.async.
#include <cooperative_groups.h>
#include <cooperative_groups/memcpy_async.h>
#include <cuda/pipeline>
namespace cg = cooperative_groups;
extern "C" __global__ void group_copies(const float *x, float *y, int tiles) {
  __shared__ alignas(16) float buffer[2][256];
  auto block = cg::this_thread_block();
  const float *mine = x + blockIdx.x * tiles * 256;
  float sum = 0;
  cg::memcpy_async(block, buffer[0], mine, cuda::aligned_size_t<16>(1024));
  for (int t = 1; t <= tiles; ++t) {
    if (t < tiles) {
      cg::memcpy_async(block, buffer[t % 2], mine + t * 256, cuda::aligned_size_t<16>(1024));
      cg::wait_prior<1>(block);
    } else {
      cg::wait(block);
    }
    sum = sum * 0.5f + buffer[(t - 1) % 2][(threadIdx.x * 3) % 256];
    block.sync();
  }
  y[blockIdx.x * blockDim.x + threadIdx.x] = sum;
}
