// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// CUB: a radix sort of a block.
#include <cub/cub.cuh>
extern "C" __global__ void block_sort(float *x) {
  using Sort = cub::BlockRadixSort<float, 128, 4>;
  __shared__ typename Sort::TempStorage t;
  float v[4];
  for (int i = 0; i < 4; i++)
    v[i] = x[threadIdx.x * 4 + i];
  Sort(t).Sort(v);
  for (int i = 0; i < 4; i++)
    x[threadIdx.x * 4 + i] = v[i];
}
