// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A product of f32 without tensor cores: two tiles in shared memory, vectors of four.
extern "C" __global__ void __launch_bounds__(64) sgemm(const float *a, const float *b, float *c, int m, int n, int k) {
  __shared__ float sa[2][8][33], sb[2][8][32];
  int row = blockIdx.y * 32, column = blockIdx.x * 32, tx = threadIdx.x % 8, ty = threadIdx.x / 8;
  float sums[4][4] = {};
  auto fetch = [&](int stage, int first) {
    for (int i = threadIdx.x; i < 256; i += 64) {
      int r = i / 8, d = i % 8;
      sa[stage][d][r] = row + r < m && first + d < k ? a[(row + r) * k + first + d] : 0;
      sb[stage][i / 32][i % 32] = column + i % 32 < n && first + i / 32 < k ? b[(first + i / 32) * n + column + i % 32] : 0;
    }
  };
  fetch(0, 0);
  for (int first = 0, stage = 0; first < k; first += 8, stage ^= 1) {
    __syncthreads();
    if (first + 8 < k)
      fetch(stage ^ 1, first + 8);
    for (int d = 0; d < 8; ++d) {
      float4 right = *reinterpret_cast<const float4 *>(&sb[stage][d][tx * 4]);
      for (int i = 0; i < 4; ++i) {
        float left = sa[stage][d][ty * 4 + i];
        sums[i][0] += left * right.x;
        sums[i][1] += left * right.y;
        sums[i][2] += left * right.z;
        sums[i][3] += left * right.w;
      }
    }
  }
  for (int i = 0; i < 4; ++i)
    for (int j = 0; j < 4; ++j)
      if (row + ty * 4 + i < m && column + tx * 4 + j < n)
        c[(row + ty * 4 + i) * n + column + tx * 4 + j] = sums[i][j];
}
