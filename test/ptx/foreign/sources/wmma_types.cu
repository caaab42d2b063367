// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// wmma of tf32, bf16, s8 and f64.
#include <cuda_bf16.h>
#include <mma.h>
using namespace nvcuda;
template <typename A, typename B, typename C, typename T, typename R>
__device__ void product(const T *a, const T *b, R *c, int m, int n, int k, int depth) {
  A x;
  B y;
  C z;
  wmma::fill_fragment(z, R(0));
  for (int i = 0; i < depth; i += k) {
    wmma::load_matrix_sync(x, a + i, depth);
    wmma::load_matrix_sync(y, b + i, depth);
    wmma::mma_sync(z, x, y, z);
  }
  wmma::store_matrix_sync(c, z, n, wmma::mem_row_major);
}
template <int M, int N, int K, typename T, typename R, typename S>
__device__ void all(const S *a, const S *b, R *c, int depth) {
  product<wmma::fragment<wmma::matrix_a, M, N, K, T, wmma::row_major>, wmma::fragment<wmma::matrix_b, M, N, K, T, wmma::col_major>,
          wmma::fragment<wmma::accumulator, M, N, K, R>>(a, b, c, M, N, K, depth);
}
extern "C" __global__ void wmma_types(const float *ta, const float *tb, const __nv_bfloat16 *ba, const __nv_bfloat16 *bb,
                                      const signed char *ia, const signed char *ib, const double *da, const double *db, float *t,
                                      float *b, int *i, double *d, int depth) {
  if (threadIdx.x < 32)
    all<16, 16, 8, wmma::precision::tf32>(ta, tb, t, depth);
  else if (threadIdx.x < 64)
    all<32, 8, 16, __nv_bfloat16>(ba, bb, b, depth);
  else if (threadIdx.x < 96)
    all<8, 32, 16, signed char>(ia, ib, i, depth);
  else
    all<8, 8, 4, double>(da, db, d, depth);
}
