// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Cooperative groups: reduction and scans of tiles of 16.
#include <cooperative_groups.h>
#include <cooperative_groups/reduce.h>
#include <cooperative_groups/scan.h>
namespace cg = cooperative_groups;
extern "C" __global__ void tiles(const int *x, int *y) {
  auto tile = cg::tiled_partition<16>(cg::this_thread_block());
  int i = blockIdx.x * blockDim.x + threadIdx.x, v = x[i];
  y[i] = cg::reduce(tile, v, cg::plus<int>()) + cg::inclusive_scan(tile, v) + cg::exclusive_scan(tile, v, cg::plus<int>());
}
