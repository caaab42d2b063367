// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Producer and consumer warps through named barriers by inline PTX: bar.arrive on one side, bar.sync on the other, two buffers.
__device__ void sync(int id, int count) { asm volatile("bar.sync %0, %1;" ::"r"(id), "r"(count) : "memory"); }
__device__ void arrive(int id, int count) { asm volatile("bar.arrive %0, %1;" ::"r"(id), "r"(count) : "memory"); }
extern "C" __global__ void named_barriers(const int *x, int *y, int tiles) {
  __shared__ int buffer[2][64];
  int t = threadIdx.x;
  if (t < 64) {
    for (int i = 0; i < tiles; ++i) {
      if (i >= 2) sync(3 + (i & 1), 160);
      buffer[i & 1][t] = x[i * 64 + t] * 3;
      __threadfence_block();
      arrive(1 + (i & 1), 160);
    }
  } else {
    int s = 0, u = t - 64;
    for (int i = 0; i < tiles; ++i) {
      sync(1 + (i & 1), 160);
      s = s * 2 + buffer[i & 1][(u * 3 + i) % 64];
      if (i + 2 < tiles) arrive(3 + (i & 1), 160);
    }
    y[u] = s;
  }
}
