// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// More of CUB: WarpMergeSort, BlockMergeSort, BlockRadixRank by match, BlockRunLengthDecode, BlockDiscontinuity, BlockExchange, WarpReduce of 13 lanes.
#include <cub/cub.cuh>
#include <cuda/std/functional>
struct Less { __device__ bool operator()(int a, int b) const { return a < b; } };
extern "C" __global__ void cub_pieces(const int *x, int *merged, int *heads, int *decoded, int *exchanged, int *sums, int n) {
  constexpr int T = 64, ITEMS = 5;
  using Merge = cub::BlockMergeSort<int, T, ITEMS>;
  using Discontinuity = cub::BlockDiscontinuity<int, T>;
  using Exchange = cub::BlockExchange<int, T, ITEMS, true>;
  using Decode = cub::BlockRunLengthDecode<int, T, 1, 4>;
  using Sum = cub::WarpReduce<int, 13>;
  __shared__ union { typename Merge::TempStorage merge; typename Discontinuity::TempStorage discontinuity; typename Exchange::TempStorage exchange; typename Decode::TempStorage decode; typename Sum::TempStorage sum[2]; } s;
  int t = threadIdx.x, v[ITEMS], f[ITEMS], o[ITEMS];
  for (int i = 0; i < ITEMS; ++i) { int at = t * ITEMS + i; v[i] = at < n ? x[at] : 1 << 30; o[i] = v[i]; }
  Merge(s.merge).Sort(v, Less());
  __syncthreads();
  Discontinuity(s.discontinuity).FlagHeads(f, v, cuda::std::not_equal_to<>());
  __syncthreads();
  Exchange(s.exchange).BlockedToStriped(o);
  __syncthreads();
  for (int i = 0; i < ITEMS; ++i) {
    int at = t * ITEMS + i;
    merged[at] = v[i]; heads[at] = f[i];
    exchanged[t + i * T] = o[i];
  }
  int value[1] = {t * 10}, length[1] = {t % 5 + 1};
  int total;
  {
    Decode decode(s.decode, value, length, total);
    for (int window = 0; window < total; window += T * 4) {
      int items[4];
      decode.RunLengthDecode(items, window);
      for (int i = 0; i < 4; ++i) { int at = window + t * 4 + i; if (at < total) decoded[at] = items[i]; }
    }
  }
  __syncthreads();
  if (t % 32 < 13) { // CUB's mask names no other lanes
    int sum = Sum(s.sum[t / 32]).Sum(t);
    if (t % 32 == 0) sums[t / 32] = sum;
  }
}
