// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Conjugate gradients in one cooperative grid: grid.sync(), atomics of doubles, sums of tiles.
#include <cooperative_groups.h>
#include <cooperative_groups/reduce.h>
namespace cg = cooperative_groups;
__device__ void dot(const double *a, const double *b, double *into, int n, const cg::thread_block &block, const cg::grid_group &grid) {
  double s = 0;
  for (int i = grid.thread_rank(); i < n; i += grid.size()) s += a[i] * b[i];
  auto tile = cg::tiled_partition<32>(block);
  s = cg::reduce(tile, s, cg::plus<double>());
  if (tile.thread_rank() == 0) atomicAdd(into, s);
}
extern "C" __global__ void gradient(const double *b, double *x, double *r, double *p, double *q, double *sums, int n, int steps) {
  auto grid = cg::this_grid();
  auto block = cg::this_thread_block();
  for (int i = grid.thread_rank(); i < n; i += grid.size()) { x[i] = 0; r[i] = p[i] = b[i]; }
  if (grid.thread_rank() == 0) for (int k = 0; k < 2 * steps + 1; ++k) sums[k] = 0;
  grid.sync();
  dot(r, r, sums, n, block, grid);
  for (int k = 0; k < steps; ++k) {
    for (int i = grid.thread_rank(); i < n; i += grid.size()) q[i] = 2.5 * p[i] - (i ? p[i - 1] : 0) - (i + 1 < n ? p[i + 1] : 0);
    grid.sync();
    dot(p, q, sums + 2 * k + 1, n, block, grid);
    grid.sync();
    double rr = sums[2 * k], alpha = rr / sums[2 * k + 1];
    for (int i = grid.thread_rank(); i < n; i += grid.size()) { x[i] += alpha * p[i]; r[i] -= alpha * q[i]; }
    dot(r, r, sums + 2 * k + 2, n, block, grid);
    grid.sync();
    double beta = sums[2 * k + 2] / rr;
    for (int i = grid.thread_rank(); i < n; i += grid.size()) p[i] = r[i] + beta * p[i];
    grid.sync();
  }
}
