// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// half2 and bfloat162: arithmetic with saturation and relu, comparisons, NaN-propagating maxima, exponentials, atomics.
#include <cuda_bf16.h>
#include <cuda_fp16.h>
extern "C" __global__ void halves(const __half2 *x, const __nv_bfloat162 *b, __half2 *y, __nv_bfloat162 *z, __half2 *sum, __nv_bfloat162 *bsum, unsigned *masks, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  __half2 v = x[i], w = x[(i + 1) % n];
  __half2 *o = y + 8 * i;
  o[0] = __hfma2_relu(v, w, __float2half2_rn(0.25f)); o[1] = __hadd2_sat(v, w); o[2] = h2exp(v); o[3] = __hmax2_nan(v, w);
  o[4] = __h2div(v, __hadd2(__habs2(w), __float2half2_rn(1.f))); o[5] = h2rint(__hmul2(v, w)); o[6] = h2tanh(v); o[7] = __lows2half2(v, w);
  __nv_bfloat162 p = b[i], q = b[(i + 1) % n], *r = z + 4 * i;
  r[0] = __hfma2(p, q, p); r[1] = h2sqrt(__habs2(p)); r[2] = __hmin2(p, __hneg2(q)); r[3] = __floats2bfloat162_rn(__low2float(p) * 3.f, __high2float(q));
  atomicAdd(sum + i % 3, __hmul2(h2rint(v), __float2half2_rn(1.f)));
  atomicAdd(bsum + i % 2, __float2bfloat162_rn(1.0f));
  masks[i] = __hgt2_mask(v, w) ^ (__hbeq2(v, v) ? 0x10u : 0u) ^ __half_as_ushort(__float2half_rz(__low2float(v) * 1.0009f)) ^ (unsigned)__half2int_rd(__low2half(w)) ^ (__hisnan(v.x) ? 1u : 0u);
}
