// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Pairs of f16 and bf16, dot products of bytes, byte permutations and funnel shifts.
#include <cuda_bf16.h>
#include <cuda_fp16.h>
extern "C" __global__ void packed_math(const __half2 *h, const __nv_bfloat162 *b, const int *p, const int *q, __half2 *y,
                                       __nv_bfloat162 *z, int *d, unsigned *bits, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n)
    return;
  __half2 v = h[i];
  y[i] = __hfma2(v, __float2half2_rn(0.5f), __hmax2(v, __hneg2(v)));
  z[i] = __hadd2(__hmul2(b[i], b[i]), __hmin2(b[i], __float2bfloat162_rn(0.25f)));
  d[i] = __dp4a(p[i], q[i], __dp2a_lo(p[i], q[i], 7));
  unsigned u = p[i];
  bits[i] = __byte_perm(u, q[i], 0x2541) ^ __funnelshift_l(u, q[i], 11) ^ __brev(u) + __clz(u | 1) * __popc(u) + __ffs(u);
}
