// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Breadth-first search by one block: atomic compare and swap, queues that grow in shared memory.
extern "C" __global__ void graph_search(const int *first, const int *next, int *depth, int start) {
  __shared__ int queue[2][256], sizes[2];
  if (threadIdx.x == 0) {
    queue[0][0] = start;
    sizes[0] = 1;
    depth[start] = 0;
  }
  __syncthreads();
  for (int level = 0;; ++level) {
    int now = level % 2, size = sizes[now];
    if (size == 0)
      break;
    if (threadIdx.x == 0)
      sizes[now ^ 1] = 0;
    __syncthreads();
    for (int i = threadIdx.x; i < size; i += blockDim.x) {
      int node = queue[now][i];
      for (int e = first[node]; e < first[node + 1]; ++e)
        if (atomicCAS(depth + next[e], -1, level + 1) == -1)
          queue[now ^ 1][atomicAdd(&sizes[now ^ 1], 1)] = next[e];
    }
    __syncthreads();
  }
}
