// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Each block leaves a sum; a fence and an atomic tell the last block, which adds them up.
__device__ float block_sum(float v) {
  __shared__ float parts[8];
  for (int k = 16; k; k /= 2)
    v += __shfl_down_sync(~0u, v, k);
  __syncthreads();
  if (threadIdx.x % 32 == 0)
    parts[threadIdx.x / 32] = v;
  __syncthreads();
  v = threadIdx.x < blockDim.x / 32 ? parts[threadIdx.x] : 0;
  for (int k = 4; k; k /= 2)
    v += __shfl_down_sync(~0u, v, k);
  return v;
}
extern "C" __global__ void fence_reduction(const float *x, volatile float *sums, float *y, unsigned *count, int n) {
  __shared__ bool last;
  float v = 0;
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x)
    v += x[i];
  v = block_sum(v);
  if (threadIdx.x == 0) {
    sums[blockIdx.x] = v;
    __threadfence();
    last = atomicInc(count, gridDim.x - 1) == gridDim.x - 1;
  }
  __syncthreads();
  if (last) {
    v = block_sum(threadIdx.x < gridDim.x ? sums[threadIdx.x] : 0);
    if (threadIdx.x == 0)
      *y = v;
  }
}
