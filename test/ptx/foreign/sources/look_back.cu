// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A prefix sum with decoupled look-back as people write it by hand: volatile flags and __threadfence.
struct State { volatile int flag, part, prefix; };
extern "C" __global__ void look_back(const int *x, int *y, State *states, unsigned *ticket, int n) {
  __shared__ unsigned tile;
  __shared__ int warps[8], before;
  if (threadIdx.x == 0) tile = atomicAdd(ticket, 1);
  __syncthreads();
  int t = tile, i = t * blockDim.x + threadIdx.x, lane = threadIdx.x & 31, warp = threadIdx.x >> 5;
  int v = i < n ? x[i] : 0, s = v;
  for (int d = 1; d < 32; d *= 2) { int u = __shfl_up_sync(~0u, s, d); if (lane >= d) s += u; }
  if (lane == 31) warps[warp] = s;
  __syncthreads();
  if (warp == 0) {
    int count = blockDim.x / 32, w = lane < count ? warps[lane] : 0;
    for (int d = 1; d < 8; d *= 2) { int u = __shfl_up_sync(~0u, w, d); if (lane >= d) w += u; }
    int total = __shfl_sync(~0u, w, count - 1);
    if (lane == 0) {
      if (t == 0) { states[0].prefix = total; __threadfence(); states[0].flag = 2; }
      else { states[t].part = total; __threadfence(); states[t].flag = 1; }
    }
    int sum = 0;
    if (t > 0) {
      for (int at = t - 1;; at -= 32) {
        int mine = at - lane, f = 2, p = 0;
        if (mine >= 0) { do f = states[mine].flag; while (f == 0); __threadfence(); p = f == 2 ? states[mine].prefix : states[mine].part; }
        unsigned done = __ballot_sync(~0u, f == 2);
        int last = __ffs(done) - 1;
        int q = done == 0 || lane <= last ? p : 0;
        for (int d = 16; d > 0; d /= 2) q += __shfl_xor_sync(~0u, q, d);
        sum += q;
        if (done) break;
      }
      if (lane == 0) { states[t].prefix = sum + total; __threadfence(); states[t].flag = 2; }
    }
    if (lane == 0) before = sum;
    if (lane < count) warps[lane] = w;
  }
  __syncthreads();
  if (i < n) y[i] = before + s + (warp ? warps[warp - 1] : 0);
}
