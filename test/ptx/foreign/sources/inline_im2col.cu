// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Pixels of a window by a tensor copy in im2col mode, and a tensor reduction of what they hold.
#include <cstdint>
#include <cuda.h>

__device__ uint32_t address(const void *p) { return static_cast<uint32_t>(__cvta_generic_to_shared(p)); }

/// 32 pixels of 16 channels for each of 3 x 3 offsets; the products with w are added to y by a tensor reduction.
extern "C" __global__ void __launch_bounds__(64) inline_im2col(const __grid_constant__ CUtensorMap x, const __grid_constant__ CUtensorMap y, const float *w,
                                                               int width, int height) {
  __shared__ alignas(128) float pixels[32 * 16], sums[32 * 16];
  __shared__ uint64_t bar;
  if (threadIdx.x == 0) {
    asm volatile("mbarrier.init.shared::cta.b64 [%0], 1;" ::"r"(address(&bar)));
    asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
  }
  __syncthreads();
  int first = blockIdx.x * 32, image = first / (width * height), h = first / width % height, v = first % width;
  float mine[8] = {};
  for (int k = 0; k < 9; ++k) {
    if (threadIdx.x == 0) {
      asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], 2048;" ::"r"(address(&bar)) : "memory");
      asm volatile("cp.async.bulk.tensor.4d.shared::cluster.global.im2col.mbarrier::complete_tx::bytes [%0], [%1, {%2, %3, %4, %5}], [%6], {%7, %8};" ::"r"(
                       address(pixels)),
                   "l"(&x), "r"(0), "r"(v - 1), "r"(h - 1), "r"(image), "r"(address(&bar)), "h"(static_cast<short>(k % 3)), "h"(static_cast<short>(k / 3))
                   : "memory");
    }
    asm volatile("{\n.reg .pred done;\nagain:\nmbarrier.try_wait.parity.shared::cta.b64 done, [%0], %1;\n@!done bra again;\n}" ::"r"(address(&bar)), "r"(k & 1)
                 : "memory");
    for (int i = 0; i < 8; ++i)
      mine[i] += pixels[i * 64 + threadIdx.x] * w[k];
    __syncthreads();
  }
  for (int i = 0; i < 8; ++i)
    sums[i * 64 + threadIdx.x] = mine[i];
  asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
  __syncthreads();
  if (threadIdx.x == 0) {
    asm volatile("cp.reduce.async.bulk.tensor.2d.global.shared::cta.add.tile.bulk_group [%0, {%1, %2}], [%3];" ::"l"(&y), "r"(0), "r"(first), "r"(address(sums))
                 : "memory");
    asm volatile("cp.async.bulk.commit_group;" ::: "memory");
    asm volatile("cp.async.bulk.wait_group.read 0;" ::: "memory");
  }
}
