// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// 64- and 128-bit integers, doubles, conversions with all roundings.
extern "C" __global__ void wide_math(const unsigned long long *a, const unsigned long long *b, unsigned long long *y, double *f, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n)
    return;
  unsigned long long u = a[i] ^ a[i] >> 29, v = b[i] ^ b[i] >> 30 | 1;
  unsigned __int128 product = (unsigned __int128)u * v + u;
  y[4 * i] = (unsigned long long)(product >> 64) ^ (unsigned long long)product;
  y[4 * i + 1] = u / v + u % (v >> 40 | 1);
  y[4 * i + 2] = (long long)u / (long long)(v >> 33) + __umul64hi(u, v) + (u >> (v & 63)) + (u << (u & 63));
  y[4 * i + 3] = __double2ull_rz(__ull2double_ru(u >> 1)) + __float2ll_rd(__ll2float_rn((long long)u >> 20));
  double d = (double)(long long)u * 1e-15;
  f[i] = fma(d, d, sqrt(fabs(d))) / (1.0 + d * d) + floor(d) - fmod(d, 3.0);
}
