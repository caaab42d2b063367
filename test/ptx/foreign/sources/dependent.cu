// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Programmatic dependent launch: waits for the kernel before, lets the next one start.
extern "C" __global__ void dependent(const int *x, int *y, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  cudaGridDependencySynchronize();
  int v = i < n ? x[i] : 0;
  cudaTriggerProgrammaticLaunchCompletion();
  if (i < n)
    y[i] = v * 2 + 1;
}
