# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Kernels in the CUTLASS Python DSL without tensor maps: elements and rows, reductions, and products by mma.sync.
import cutlass
import cutlass.cute as cute
from cutlass.cute.nvgpu import cpasync, warp

THREADS = 128


@cute.kernel
def gelu_kernel(x: cute.Tensor, bias: cute.Tensor, y: cute.Tensor, coords: cute.Tensor, shape: cute.Shape, threads: cute.Layout, values: cute.Layout):
    thread, _, _ = cute.arch.thread_idx()
    block, _, _ = cute.arch.block_idx()
    tile = ((None, None), block)
    atom = cute.make_copy_atom(cute.nvgpu.CopyUniversalOp(), x.element_type)
    copy = cute.make_tiled_copy_tv(atom, threads, values).get_slice(thread)
    g_x, g_b, g_y, g_c = (copy.partition_S(t[tile]) for t in (x, bias, y, coords))
    r_x, r_b, r_y = cute.make_fragment_like(g_x), cute.make_fragment_like(g_b), cute.make_fragment_like(g_y)
    inside = cute.make_rmem_tensor(g_c.shape, cutlass.Boolean)
    for i in range(cute.size(inside)):
        inside[i] = cute.elem_less(g_c[i], shape)
    cute.copy(atom, g_x, r_x, pred=inside)
    cute.copy(atom, g_b, r_b, pred=inside)
    v = r_x.load().to(cutlass.Float32) + r_b.load()
    r_y.store(v * 0.5 * (1.0 + cute.math.tanh(0.7978845608 * (v + 0.044715 * v * v * v))))
    cute.copy(atom, r_y, g_y, pred=inside)


@cute.jit
def gelu(x: cute.Tensor, bias: cute.Tensor, y: cute.Tensor):
    """y = gelu(x + bias), the bias a row; tiles with predicates."""
    threads = cute.make_layout((4, 32), stride=(32, 1))
    values = cute.make_layout((4, 2), stride=(2, 1))
    tiler, _ = cute.make_layout_tv(threads, values)
    rows = cute.make_tensor(bias.iterator, cute.make_layout(x.shape, stride=(0, 1)))
    coords = cute.make_identity_tensor(x.shape)
    tiled = [cute.zipped_divide(t, tiler) for t in (x, rows, y, coords)]
    gelu_kernel(*tiled, x.shape, threads, values).launch(grid=[cute.size(tiled[0], mode=[1]), 1, 1], block=[THREADS, 1, 1])


@cute.jit
def block_sum(value, room):
    """The sum over a block, in every thread."""
    value = cute.arch.warp_reduction_sum(value)
    warp_number = cute.arch.warp_idx()  # a shuffle: all lanes take part
    if cute.arch.lane_idx() == 0:
        room[warp_number] = value
    cute.arch.sync_threads()
    total = cutlass.Float32(0)
    for i in cutlass.range_constexpr(THREADS // 32):
        total += room[i]
    cute.arch.sync_threads()
    return total


@cute.kernel
def rms_norm_kernel(x: cute.Tensor, w: cute.Tensor, y: cute.Tensor):
    thread, _, _ = cute.arch.thread_idx()
    row, _, _ = cute.arch.block_idx()
    room = cutlass.utils.SmemAllocator().allocate_tensor(cutlass.Float32, cute.make_layout(THREADS // 32), 16)
    columns = cute.size(x, mode=[1])
    squares = cutlass.Float32(0)
    for i in cutlass.range(thread, columns, THREADS):
        v = x[row, i].to(cutlass.Float32)
        squares += v * v
    scale = cute.math.rsqrt(block_sum(squares, room) / columns + 1e-5)
    for i in cutlass.range(thread, columns, THREADS):
        y[row, i] = x[row, i].to(cutlass.Float32) * scale * w[i]


@cute.jit
def rms_norm(x: cute.Tensor, w: cute.Tensor, y: cute.Tensor):
    rms_norm_kernel(x, w, y).launch(grid=[cute.size(x, mode=[0]), 1, 1], block=[THREADS, 1, 1])


@cute.kernel
def softmax_kernel(x: cute.Tensor, y: cute.Tensor):
    thread, _, _ = cute.arch.thread_idx()
    block, _, _ = cute.arch.block_idx()
    row = block * (THREADS // 32) + cute.arch.warp_idx()
    lane = cute.arch.lane_idx()
    rows, columns = x.shape
    if row < rows:
        most, total = -cutlass.Float32.inf, cutlass.Float32(0)
        for i in cutlass.range(lane, columns, 32):
            v = x[row, i].to(cutlass.Float32)
            now = cute.arch.fmax(most, v)
            total = total * cute.math.exp(most - now) + cute.math.exp(v - now)
            most = now
        for k in cutlass.range_constexpr(5):
            other = cute.arch.shuffle_sync_bfly(most, 1 << k)
            others = cute.arch.shuffle_sync_bfly(total, 1 << k)
            now = cute.arch.fmax(most, other)
            total = total * cute.math.exp(most - now) + others * cute.math.exp(other - now)
            most = now
        for i in cutlass.range(lane, columns, 32):
            y[row, i] = cute.math.exp(x[row, i].to(cutlass.Float32) - most) / total


@cute.jit
def online_softmax(x: cute.Tensor, y: cute.Tensor):
    """A warp for each row; maxima and sums go together."""
    softmax_kernel(x, y).launch(grid=[cute.ceil_div(x.shape[0], THREADS // 32), 1, 1], block=[THREADS, 1, 1])


@cute.kernel
def column_sums_kernel(x: cute.Tensor, y: cute.Tensor):
    thread, _, _ = cute.arch.thread_idx()
    band, part, _ = cute.arch.block_idx()
    rows, columns = x.shape
    tile = cutlass.utils.SmemAllocator().allocate_tensor(cutlass.Float32, cute.make_layout((32, 32), stride=(33, 1)), 16)
    lane, group = thread % 32, thread // 32
    for r in cutlass.range_constexpr(8):
        i, j = part * 32 + r * 4 + group, band * 32 + lane
        value = cutlass.Float32(0)
        if i < rows and j < columns:
            value = x[i, j]
        tile[r * 4 + group, lane] = value
    cute.arch.sync_threads()
    for r in cutlass.range_constexpr(8):
        total = cute.arch.warp_reduction_sum(tile[lane, r * 4 + group])
        j = band * 32 + r * 4 + group
        if lane == 0 and j < columns:
            cute.arch.atomic_add(y.iterator + j, total)


@cute.jit
def column_sums(x: cute.Tensor, y: cute.Tensor):
    """Through a padded tile in shared memory; parts meet by atomics."""
    rows, columns = x.shape
    column_sums_kernel(x, y).launch(grid=[cute.ceil_div(columns, 32), cute.ceil_div(rows, 32), 1], block=[THREADS, 1, 1])


class Product:
    """C = A B' by mma.sync m16n8k16: cp.async into a ring of stages, ldmatrix from swizzled tiles. The depth is whole tiles."""

    def __init__(self, dtype, tile=(64, 64, 32), stages=3):
        self.dtype, self.tile, self.stages = dtype, tile, stages

    @cute.jit
    def __call__(self, a: cute.Tensor, b: cute.Tensor, c: cute.Tensor):
        m, n, k = self.tile
        atom = cute.make_composed_layout(cute.make_swizzle(2, 3, 3), 0, cute.make_layout((8, k), stride=(k, 1)))
        a_shared = cute.tile_to_shape(atom, (m, k, self.stages), (0, 1, 2))
        b_shared = cute.tile_to_shape(atom, (n, k, self.stages), (0, 1, 2))
        fetch = cute.make_copy_atom(cpasync.CopyG2SOp(cache_mode=cpasync.LoadCacheMode.GLOBAL), self.dtype, num_bits_per_copy=128)
        copy = cute.make_tiled_copy_tv(fetch, cute.make_layout((THREADS * 8 // k, k // 8), stride=(k // 8, 1)), cute.make_layout((1, 8)))
        mma = cute.make_tiled_mma(warp.MmaF16BF16Op(self.dtype, cutlass.Float32, (16, 8, 16)), cute.make_layout((2, 2, 1)),
                                  permutation_mnk=(32, 32, 16))
        grid = cute.ceil_div((*c.shape, 1), (m, n, 1))
        self.kernel(a, b, c, a_shared, b_shared, copy, mma).launch(grid=grid, block=[THREADS, 1, 1])

    @cute.kernel
    def kernel(self, a: cute.Tensor, b: cute.Tensor, c: cute.Tensor, a_shared: cute.ComposedLayout, b_shared: cute.ComposedLayout,
               copy: cute.TiledCopy, mma: cute.TiledMma):
        thread, _, _ = cute.arch.thread_idx()
        row, column, _ = cute.arch.block_idx()
        place = (row, column, None)
        g_a, g_b = cute.local_tile(a, self.tile, place, proj=(1, None, 1)), cute.local_tile(b, self.tile, place, proj=(None, 1, 1))
        g_c = cute.local_tile(c, self.tile, place, proj=(1, 1, None))
        where_a = cute.local_tile(cute.make_identity_tensor(a.shape), self.tile, place, proj=(1, None, 1))
        where_b = cute.local_tile(cute.make_identity_tensor(b.shape), self.tile, place, proj=(None, 1, 1))
        where_c = cute.local_tile(cute.make_identity_tensor(c.shape), self.tile, place, proj=(1, 1, None))
        room = cutlass.utils.SmemAllocator()
        s_a, s_b = room.allocate_tensor(self.dtype, a_shared, 128), room.allocate_tensor(self.dtype, b_shared, 128)
        mine = copy.get_slice(thread)
        from_a, to_a, from_b, to_b = mine.partition_S(g_a), mine.partition_D(s_a), mine.partition_S(g_b), mine.partition_D(s_b)
        a_inside, b_inside = self.rows_inside(mine.partition_S(where_a), a.shape[0]), self.rows_inside(mine.partition_S(where_b), b.shape[0])
        to_a.fill(0)
        to_b.fill(0)
        cute.arch.sync_threads()
        tiles = cute.size(g_a, mode=[2])
        for stage in cutlass.range_constexpr(self.stages - 1):
            if stage < tiles:
                cute.copy(copy, from_a[None, None, None, stage], to_a[None, None, None, stage], pred=a_inside)
                cute.copy(copy, from_b[None, None, None, stage], to_b[None, None, None, stage], pred=b_inside)
            cute.arch.cp_async_commit_group()
        my_mma = mma.get_slice(thread)
        r_a = mma.make_fragment_A(my_mma.partition_A(s_a[None, None, 0]))
        r_b = mma.make_fragment_B(my_mma.partition_B(s_b[None, None, 0]))
        my_c, my_where = my_mma.partition_C(g_c), my_mma.partition_C(where_c)
        sums = mma.make_fragment_C(my_c)
        sums.fill(0.0)
        load = cute.make_copy_atom(warp.LdMatrix8x8x16bOp(False, 4), self.dtype)
        load_a, load_b = cute.make_tiled_copy_A(load, mma), cute.make_tiled_copy_B(load, mma)
        in_a, in_b = load_a.get_slice(thread).partition_S(s_a), load_b.get_slice(thread).partition_S(s_b)
        out_a, out_b = load_a.get_slice(thread).retile(r_a), load_b.get_slice(thread).retile(r_b)
        for tile in cutlass.range(tiles, unroll=1):
            cute.arch.cp_async_wait_group(self.stages - 2)
            cute.arch.sync_threads()
            stage, ahead = tile % self.stages, tile + self.stages - 1
            if ahead < tiles:
                cute.copy(copy, from_a[None, None, None, ahead], to_a[None, None, None, ahead % self.stages], pred=a_inside)
                cute.copy(copy, from_b[None, None, None, ahead], to_b[None, None, None, ahead % self.stages], pred=b_inside)
            cute.arch.cp_async_commit_group()
            for part in cutlass.range(cute.size(r_a, mode=[2]), unroll_full=True):
                cute.copy(load_a, in_a[None, None, part, stage], out_a[None, None, part])
                cute.copy(load_b, in_b[None, None, part, stage], out_b[None, None, part])
                cute.gemm(mma, sums, r_a[None, None, part], r_b[None, None, part], sums)
        for i in range(cute.size(sums)):
            if cute.elem_less(my_where[i], c.shape):
                my_c[i] = sums[i]

    def rows_inside(self, where, rows):
        """A flag for each vector that a thread copies: whether its row exists. All tiles have the same rows."""
        shape = (where.shape[0][1], where.shape[1], where.shape[2])
        inside = cute.make_rmem_tensor(cute.make_layout(shape, stride=(shape[1], 1, 0)), cutlass.Boolean)
        for v in range(shape[0]):
            for i in range(shape[1]):
                inside[v, i, 0] = cute.elem_less(where[(0, v), i, 0, 0][0], rows)
        return inside
