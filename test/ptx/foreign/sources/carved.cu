// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// One extern array carved into arrays of several types; a block of 100 threads: partial warps at barriers and shuffles.
extern __shared__ unsigned char raw[];
extern "C" __global__ void carved(const float *x, double *sums, int *order, short *ranks, int n) {
  int t = threadIdx.x, T = blockDim.x;
  double *d = (double *)raw;
  float *f = (float *)(d + T);
  int *k = (int *)(f + T);
  short *s = (short *)(k + T);
  volatile unsigned char *flags = (unsigned char *)(s + T);
  float v = t < n ? x[blockIdx.x * n + t] : 1e30f;
  d[t] = t < n ? (double)v : 0.0;
  f[t] = v;
  flags[t] = v > 0;
  __syncthreads();
  int rank = 0;
  for (int j = 0; j < T; ++j) rank += f[j] < v || (f[j] == v && j < t);
  k[rank] = t;
  s[t] = rank;
  __syncthreads();
  for (int left = T; left > 1;) {
    int half = (left + 1) / 2;
    if (t < left / 2) d[t] += d[t + half];
    __syncthreads();
    left = half;
  }
  int positive = __syncthreads_count(flags[t] && t < n), any = __syncthreads_or(v == 0.5f), every = __syncthreads_and(v > -2);
  if (t == 0) sums[blockIdx.x] = d[0] + 1000 * positive + any + every;
  if (t < n) { order[blockIdx.x * n + t] = k[t]; ranks[blockIdx.x * n + t] = s[t]; }
}
