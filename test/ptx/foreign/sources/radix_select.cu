// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The k largest of a row by radix selection: digits from above, a histogram in shared memory, a scan by one warp.
extern "C" __global__ void radix_select(const float *x, float *y, int *places, int n, int k) {
  __shared__ int bins[256];
  __shared__ unsigned prefix;
  __shared__ int want, room;
  const float *row = x + blockIdx.x * n;
  int t = threadIdx.x;
  if (t == 0) { prefix = 0; want = k; room = 0; }
  auto bits = [](float f) { unsigned u = __float_as_uint(f); return u & 0x80000000u ? ~u : u | 0x80000000u; };
  for (int shift = 24; shift >= 0; shift -= 8) {
    for (int b = t; b < 256; b += blockDim.x) bins[b] = 0;
    __syncthreads();
    unsigned above = shift == 24 ? 0u : ~0u << (shift + 8), p = prefix;
    for (int i = t; i < n; i += blockDim.x) {
      unsigned u = bits(row[i]);
      if ((u & above) == (p & above)) atomicAdd(&bins[u >> shift & 255], 1);
    }
    __syncthreads();
    if (t < 32) {
      int mine = 0;
      for (int j = 0; j < 8; ++j) mine += bins[255 - (t * 8 + j)];
      int s = mine;
      for (int d = 1; d < 32; d *= 2) { int u = __shfl_up_sync(~0u, s, d); if (t >= d) s += u; }
      int before = s - mine, target = want;
      __syncwarp();
      if (before < target && s >= target)
        for (int j = 0; j < 8; ++j) {
          int c = bins[255 - (t * 8 + j)];
          if (before + c >= target) { prefix = p | (255u - (t * 8 + j)) << shift; want = target - before; break; }
          before += c;
        }
    }
    __syncthreads();
  }
  unsigned kth = prefix;
  for (int i = t; i < n; i += blockDim.x)
    if (bits(row[i]) >= kth) {
      int at = atomicAdd(&room, 1);
      if (at < k) { y[blockIdx.x * k + at] = row[i]; places[blockIdx.x * k + at] = i; }
    }
}
