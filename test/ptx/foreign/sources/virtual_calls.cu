// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Calls: a recursive function, a table of functions, arguments by address.
struct Pair {
  int a, b;
};
__device__ __noinline__ int depth_of(const int *tree, int node) {
  if (node < 0)
    return 0;
  return 1 + max(depth_of(tree, tree[2 * node]), depth_of(tree, tree[2 * node + 1]));
}
__device__ __noinline__ void step(Pair *p, int by) {
  int old = p->a;
  p->a = p->b + by;
  p->b = old ^ by;
}
__device__ __noinline__ long long mix(Pair p, double scale) { return (long long)(p.a * scale) - p.b; }
extern "C" __global__ void virtual_calls(const int *tree, const int *roots, long long *y, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n)
    return;
  Pair p = {roots[i], i};
  int depth = depth_of(tree, p.a);
  for (int k = 0; k < depth; ++k)
    step(&p, k);
  y[i] = mix(p, 2.5) + depth;
}
