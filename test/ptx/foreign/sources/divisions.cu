// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Integer division of all widths and signs, 128 bits, high products, saturation, shifts beyond the width, byte loads and stores.
template <typename T> __device__ void all(T a, T b, long long *o) { if (b == 0) b = 3; o[0] = a / b; o[1] = a % b; o[2] = a * b; o[3] = a > b ? a - b : b - a; }
extern "C" __global__ void divisions(const long long *a, const long long *b, long long *y, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  long long *o = y + 36 * i, u = a[i], v = b[i];
  all<long long>(u >> 1, v | 1, o); all<unsigned long long>(u, v, o + 4); all<int>(u >> 1, (int)v | 1, o + 8); all<unsigned>(u, v, o + 12);
  all<short>(u, (short)v, o + 16); all<unsigned short>(u, v, o + 20); all<signed char>(u, v, o + 24); all<unsigned char>(u, v, o + 28);
  __int128 w = (__int128)u * v;
  o[32] = (long long)(w / ((__int128)(v >> 9) * 77777 + 5)); o[33] = (long long)(((unsigned __int128)w) % (unsigned long long)(v | 1));
  o[34] = __mul64hi(u, v) + __umulhi((unsigned)u, (unsigned)v) + __mulhi((int)u, (int)v); o[35] = __usad((unsigned)u, (unsigned)v, 7u) + __hadd((int)u, (int)v) + __rhadd((int)u, (int)v) + __mul24((int)u, (int)v);
}
