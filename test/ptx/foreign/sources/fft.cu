// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A Fourier transform of 256 points a block: sines and cosines, exchanges through shared memory.
extern "C" __global__ void __launch_bounds__(128) fft(const float2 *x, float2 *y) {
  __shared__ float2 data[2][256];
  int t = threadIdx.x;
  for (int i = t; i < 256; i += 128)
    data[0][i] = x[blockIdx.x * 256 + i];
  int from = 0;
  for (int half = 1; half < 256; half *= 2, from ^= 1) {
    __syncthreads();
    int k = t & (half - 1);
    float s, c;
    sincosf(-3.14159265358979f * k / half, &s, &c);
    float2 u = data[from][t], v = data[from][t + 128];
    float2 w = make_float2(v.x * c - v.y * s, v.x * s + v.y * c);
    int place = ((t - k) << 1) + k;
    data[from ^ 1][place] = make_float2(u.x + w.x, u.y + w.y);
    data[from ^ 1][place + half] = make_float2(u.x - w.x, u.y - w.y);
  }
  __syncthreads();
  for (int i = t; i < 256; i += 128)
    y[blockIdx.x * 256 + i] = data[from][i];
}
