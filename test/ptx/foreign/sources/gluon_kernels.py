# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Kernels in Gluon, the lower half of Triton: warps, layouts, barriers and copies are all said by hand.
from triton.experimental import gluon
from triton.experimental.gluon import language as gl
from triton.experimental.gluon.language.nvidia.ampere import async_copy
from triton.experimental.gluon.language.nvidia.hopper import fence_async_shared, mbarrier, tma, warpgroup_mma, warpgroup_mma_wait


@gluon.jit
def fill(a, b, tiles_a, tiles_b, full, empty, m, n, K, BK: gl.constexpr, STAGES: gl.constexpr):
    """The warps that load: a stage is theirs when the multiplying warps have left it."""
    for t in range(gl.cdiv(K, BK)):
        s = t % STAGES
        mbarrier.wait(empty.index(s), (t // STAGES & 1) ^ 1)
        mbarrier.expect(full.index(s), a.block_type.nbytes + b.block_type.nbytes)
        tma.async_load(a, [m, t * BK], full.index(s), tiles_a.index(s))
        tma.async_load(b, [n, t * BK], full.index(s), tiles_b.index(s))


@gluon.jit
def multiply(c, tiles_a, tiles_b, tile_c, full, empty, m, n, K, BK: gl.constexpr, STAGES: gl.constexpr, BM: gl.constexpr, BN: gl.constexpr):
    layout: gl.constexpr = gl.NVMMADistributedLayout([3, 0], [4, 1], [16, BN, 16])
    acc = gl.zeros((BM, BN), gl.float32, layout)
    for t in range(gl.cdiv(K, BK)):
        s = t % STAGES
        mbarrier.wait(full.index(s), t // STAGES & 1)
        acc = warpgroup_mma(tiles_a.index(s), tiles_b.index(s).permute((1, 0)), acc, is_async=True)
        acc = warpgroup_mma_wait(0, deps=[acc])
        mbarrier.arrive(empty.index(s))
    tile_c.store(acc.to(gl.float16))
    fence_async_shared()
    tma.async_store(c, [m, n], tile_c)
    tma.store_wait(0)


@gluon.jit
def gluon_matmul(a, b, c, K, BM: gl.constexpr, BN: gl.constexpr, BK: gl.constexpr, STAGES: gl.constexpr):
    """C = A B' with a partition that loads and one that multiplies."""
    tiles_a = gl.allocate_shared_memory(gl.float16, [STAGES, BM, BK], a.layout)
    tiles_b = gl.allocate_shared_memory(gl.float16, [STAGES, BN, BK], b.layout)
    tile_c = gl.allocate_shared_memory(gl.float16, [BM, BN], c.layout)
    full = gl.allocate_shared_memory(gl.int64, [STAGES, 1], mbarrier.MBarrierLayout())
    empty = gl.allocate_shared_memory(gl.int64, [STAGES, 1], mbarrier.MBarrierLayout())
    for s in gl.static_range(STAGES):
        mbarrier.init(full.index(s), count=1)
        mbarrier.init(empty.index(s), count=1)
    fence_async_shared()
    m = gl.program_id(0) * BM
    n = gl.program_id(1) * BN
    gl.warp_specialize([(multiply, (c, tiles_a, tiles_b, tile_c, full, empty, m, n, K, BK, STAGES, BM, BN)),
                        (fill, (a, b, tiles_a, tiles_b, full, empty, m, n, K, BK, STAGES))], [1], [24])


@gluon.jit
def gluon_weighted_sums(x, y, N, B: gl.constexpr, STAGES: gl.constexpr, TILES: gl.constexpr):
    """Tiles ahead by cp.async, whose end each of the 128 threads tells an mbarrier."""
    layout: gl.constexpr = gl.BlockedLayout([4], [32], [4], [0])
    shared: gl.constexpr = gl.SwizzledSharedLayout(1, 1, 1, order=[0])
    tiles = gl.allocate_shared_memory(gl.float32, [STAGES, B], shared)
    bars = gl.allocate_shared_memory(gl.int64, [STAGES, 1], mbarrier.MBarrierLayout())
    for s in gl.static_range(STAGES):
        mbarrier.init(bars.index(s), count=128)
    gl.barrier()
    o = gl.arange(0, B, layout)
    first = gl.program_id(0) * TILES * B
    for t in gl.static_range(STAGES - 1):
        async_copy.async_load(tiles.index(t), x + first + t * B + o, mask=first + t * B + o < N)
        async_copy.mbarrier_arrive(bars.index(t), increment_count=False)
    total = gl.zeros((B,), gl.float32, layout)
    for t in range(TILES):
        ahead = t + STAGES - 1
        if ahead < TILES:
            async_copy.async_load(tiles.index(ahead % STAGES), x + first + ahead * B + o, mask=first + ahead * B + o < N)
            async_copy.mbarrier_arrive(bars.index(ahead % STAGES), increment_count=False)
        mbarrier.wait(bars.index(t % STAGES), t // STAGES & 1)
        total = total * 0.5 + tiles.index(t % STAGES).load(layout)
    gl.store(y + gl.program_id(0) * B + o, total)
