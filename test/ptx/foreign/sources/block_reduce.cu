// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// CUB: the least element of a block.
#include <cub/cub.cuh>
extern "C" __global__ void block_reduce(const float *x, float *y) {
  using Reduce = cub::BlockReduce<float, 256>;
  __shared__ typename Reduce::TempStorage t;
  float r = Reduce(t).Reduce(x[blockIdx.x * 256 + threadIdx.x], [](float a, float b) { return a < b ? a : b; });
  if (!threadIdx.x)
    y[blockIdx.x] = r;
}
