// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// CUB: a histogram by sorting, added up over blocks with atomics.
#include <cub/cub.cuh>
extern "C" __global__ void block_histogram(const unsigned char *x, int *h) {
  using Histogram = cub::BlockHistogram<unsigned char, 128, 4, 256>;
  __shared__ typename Histogram::TempStorage t;
  __shared__ int bins[256];
  unsigned char v[4];
  for (int i = 0; i < 4; i++)
    v[i] = x[blockIdx.x * 512 + threadIdx.x * 4 + i];
  Histogram(t).Histogram(v, bins);
  __syncthreads();
  for (int i = threadIdx.x; i < 256; i += 128)
    atomicAdd(h + i, bins[i]);
}
