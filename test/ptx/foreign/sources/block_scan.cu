// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// CUB: the inclusive sum of a block.
#include <cub/cub.cuh>
extern "C" __global__ void block_scan(const int *x, int *y) {
  using Scan = cub::BlockScan<int, 128>;
  __shared__ typename Scan::TempStorage t;
  int v[4];
  for (int i = 0; i < 4; i++)
    v[i] = x[threadIdx.x * 4 + i];
  Scan(t).InclusiveSum(v, v);
  for (int i = 0; i < 4; i++)
    y[threadIdx.x * 4 + i] = v[i];
}
