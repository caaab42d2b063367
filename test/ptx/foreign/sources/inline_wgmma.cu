// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A product by inline PTX: a warp copies tiles by tensor maps (128-byte swizzle) into a ring of three stages, a
// warpgroup multiplies them by wgmma. C = A B', both with the depth contiguous.
#include <cstdint>
#include <cuda.h>
#include <cuda_bf16.h>

constexpr int stages = 3, tileM = 64, tileN = 32, tileK = 64;

struct Shared {
  alignas(1024) __nv_bfloat16 a[stages][tileM * tileK];
  alignas(1024) __nv_bfloat16 b[stages][tileN * tileK];
  uint64_t full[stages], empty[stages];
};

__device__ uint32_t address(const void *p) { return static_cast<uint32_t>(__cvta_generic_to_shared(p)); }
__device__ void init(uint64_t *bar, int count) { asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(address(bar)), "r"(count)); }
__device__ void arrive(uint64_t *bar) { asm volatile("mbarrier.arrive.release.cta.shared::cta.b64 _, [%0];" ::"r"(address(bar)) : "memory"); }
__device__ void expect(uint64_t *bar, int bytes) {
  asm volatile("mbarrier.arrive.expect_tx.release.cta.shared::cta.b64 _, [%0], %1;" ::"r"(address(bar)), "r"(bytes) : "memory");
}
__device__ void wait(uint64_t *bar, int parity) {
  asm volatile("{\n.reg .pred done;\nagain:\nmbarrier.try_wait.parity.shared::cta.b64 done, [%0], %1;\n@!done bra again;\n}" ::"r"(address(bar)),
               "r"(parity)
               : "memory");
}
__device__ void load(void *to, const CUtensorMap *map, int x, int y, uint64_t *bar) {
  asm volatile("cp.async.bulk.tensor.2d.shared::cluster.global.tile.mbarrier::complete_tx::bytes [%0], [%1, {%2, %3}], [%4];" ::"r"(address(to)),
               "l"(map), "r"(x), "r"(y), "r"(address(bar))
               : "memory");
}
/// Rows of 128 bytes, swizzled; eight of them are 1024 bytes.
__device__ uint64_t descriptor(const void *p) {
  return (address(p) >> 4 & 0x3fff) | uint64_t(1) << 16 | uint64_t(64) << 32 | uint64_t(1) << 62;
}
__device__ void multiply(float (&c)[16], uint64_t a, uint64_t b) {
  asm volatile("wgmma.mma_async.sync.aligned.m64n32k16.f32.bf16.bf16 {%0,%1,%2,%3,%4,%5,%6,%7,%8,%9,%10,%11,%12,%13,%14,%15}, %16, %17, 1, 1, 1, 0, 0;"
               : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3]), "+f"(c[4]), "+f"(c[5]), "+f"(c[6]), "+f"(c[7]), "+f"(c[8]), "+f"(c[9]),
                 "+f"(c[10]), "+f"(c[11]), "+f"(c[12]), "+f"(c[13]), "+f"(c[14]), "+f"(c[15])
               : "l"(a), "l"(b));
}

extern "C" __global__ void __launch_bounds__(160) inline_wgmma(const __grid_constant__ CUtensorMap a, const __grid_constant__ CUtensorMap b, float *c,
                                                               int m, int n, int k) {
  extern __shared__ __align__(1024) unsigned char raw[];
  Shared &shared = *reinterpret_cast<Shared *>(raw);
  int row = blockIdx.y * tileM, column = blockIdx.x * tileN, tiles = (k + tileK - 1) / tileK;
  if (threadIdx.x == 0) {
    for (int s = 0; s < stages; ++s) {
      init(&shared.full[s], 1);
      init(&shared.empty[s], 4);
    }
    asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
  }
  __syncthreads();
  if (threadIdx.x >= 128) {
    if (threadIdx.x == 128)
      for (int t = 0; t < tiles; ++t) {
        int s = t % stages;
        if (t >= stages)
          wait(&shared.empty[s], (t / stages - 1) & 1);
        expect(&shared.full[s], (tileM + tileN) * tileK * 2);
        load(shared.a[s], &a, t * tileK, row, &shared.full[s]);
        load(shared.b[s], &b, t * tileK, column, &shared.full[s]);
      }
    return;
  }
  float sums[16] = {};
  for (int t = 0; t < tiles; ++t) {
    int s = t % stages;
    wait(&shared.full[s], (t / stages) & 1);
    asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
    uint64_t da = descriptor(shared.a[s]), db = descriptor(shared.b[s]);
    for (int d = 0; d < tileK / 16; ++d)
      multiply(sums, da + 2 * d, db + 2 * d);
    asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
    asm volatile("wgmma.wait_group.sync.aligned 0;" ::: "memory");
    if (threadIdx.x % 32 == 0)
      arrive(&shared.empty[s]);
  }
  int r = row + threadIdx.x / 32 * 16 + threadIdx.x % 32 / 4, q = column + threadIdx.x % 4 * 2;
  for (int i = 0; i < 16; ++i) {
    int y = r + (i & 2 ? 8 : 0), x = q + (i / 4) * 8 + (i & 1);
    if (y < m && x < n)
      c[y * n + x] = sums[i];
  }
}
