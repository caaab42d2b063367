// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A cooperative grid: steps of a stencil with grid.sync() between.
#include <cooperative_groups.h>
namespace cg = cooperative_groups;
extern "C" __global__ void grid_jacobi(float *a, float *b, int n, int steps) {
  auto grid = cg::this_grid();
  for (int s = 0; s < steps; ++s) {
    const float *from = s % 2 ? b : a;
    float *to = s % 2 ? a : b;
    for (int i = grid.thread_rank(); i < n; i += grid.size())
      to[i] = 0.25f * (i ? from[i - 1] : 0) + 0.5f * from[i] + 0.25f * (i + 1 < n ? from[i + 1] : 0);
    grid.sync();
  }
}
