# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Matrix products in the CUTLASS Python DSL for sm_90a: tensor maps feed wgmma through a ring of stages with mbarriers.
# `Product` has one warp that loads beside warpgroups that multiply (with registers dealt by setmaxnreg), or lets a
# warp of the multiplying warpgroup load ahead; blocks of a cluster may share what they load (multicast).
import cutlass
import cutlass.cute as cute
from cutlass import pipeline
from cutlass.cute.nvgpu import cpasync, warpgroup
from cutlass.utils import LayoutEnum
from cutlass.utils import hopper_helpers as hopper

WARPGROUP = 128


class Product:
    """C = A B', A is M x K and B is N x K, both with K contiguous unless `a_by_columns`."""

    def __init__(self, dtype, result, tile=(64, 64, 64), stages=3, groups=1, cluster=(1, 1), specialised=False, sums=cutlass.Float32):
        self.dtype, self.result, self.tile, self.stages, self.groups = dtype, result, tile, stages, groups
        self.cluster, self.specialised, self.sums = cluster, specialised, sums
        self.threads = WARPGROUP * (groups + (1 if specialised else 0))

    @cute.jit
    def __call__(self, a: cute.Tensor, b: cute.Tensor, c: cute.Tensor):
        a_layout, b_layout = LayoutEnum.from_tensor(a), LayoutEnum.from_tensor(b)
        mma = hopper.make_trivial_tiled_mma(self.dtype, self.dtype, a_layout.sm90_mma_major_mode(), b_layout.sm90_mma_major_mode(),
                                            self.sums, (self.groups, 1, 1), tiler_mn=(64, self.tile[1]))
        a_shared = hopper.make_smem_layout_a(a_layout, self.tile, self.dtype, self.stages)
        b_shared = hopper.make_smem_layout_b(b_layout, self.tile, self.dtype, self.stages)
        c_shared = hopper.make_smem_layout_epi(self.result, LayoutEnum.ROW_MAJOR, (self.tile[0], self.tile[1]), 1)
        m, n, k = self.tile
        a_map, a_coords = self.loading_map(a, a_shared, (m, k), self.cluster[1])
        b_map, b_coords = self.loading_map(b, b_shared, (n, k), self.cluster[0])
        c_map, c_coords = cpasync.make_tiled_tma_atom(cpasync.CopyBulkTensorTileS2GOp(), c, cute.slice_(c_shared, (None, None, 0)), (m, n))

        @cute.struct
        class Storage:
            barriers: cute.struct.MemRange[cutlass.Int64, 2 * self.stages]
            a: cute.struct.Align[cute.struct.MemRange[self.dtype, cute.cosize(a_shared)], 1024]
            b: cute.struct.Align[cute.struct.MemRange[self.dtype, cute.cosize(b_shared)], 1024]
            c: cute.struct.Align[cute.struct.MemRange[self.result, cute.cosize(c_shared)], 1024]

        self.storage = Storage
        grid = cute.round_up(cute.ceil_div((*c.shape, 1), (m, n, 1)), (*self.cluster, 1))
        self.kernel(a_map, a_coords, b_map, b_coords, c_map, c_coords, mma, a_shared, b_shared, c_shared).launch(
            grid=grid, block=[self.threads, 1, 1], cluster=[*self.cluster, 1])

    def loading_map(self, tensor, shared, box, sharing):
        copy = cpasync.CopyBulkTensorTileG2SOp() if sharing == 1 else cpasync.CopyBulkTensorTileG2SMulticastOp()
        return cpasync.make_tiled_tma_atom(copy, tensor, cute.slice_(shared, (None, None, 0)), box, num_multicast=sharing)

    @cute.kernel
    def kernel(self, a_map: cute.CopyAtom, a: cute.Tensor, b_map: cute.CopyAtom, b: cute.Tensor, c_map: cute.CopyAtom, c: cute.Tensor,
               mma: cute.TiledMma, a_shared: cute.ComposedLayout, b_shared: cute.ComposedLayout, c_shared: cute.ComposedLayout):
        thread, _, _ = cute.arch.thread_idx()
        row, column, _ = cute.arch.block_idx()
        warp = cute.arch.make_warp_uniform(cute.arch.warp_idx())
        if warp == 0:
            cpasync.prefetch_descriptor(a_map)
            cpasync.prefetch_descriptor(b_map)
        storage = cutlass.utils.SmemAllocator().allocate(self.storage)
        blocks = cute.make_layout((*self.cluster, 1))
        place = blocks.get_flat_coord(cute.arch.make_warp_uniform(cute.arch.block_idx_in_cluster()))
        shares = self.cluster[0] + self.cluster[1] - 1
        stage_bytes = cute.size_in_bytes(self.dtype, cute.slice_(a_shared, (None, None, 0))) + cute.size_in_bytes(
            self.dtype, cute.slice_(b_shared, (None, None, 0)))
        ring = pipeline.PipelineTmaAsync.create(
            num_stages=self.stages, producer_group=pipeline.CooperativeGroup(pipeline.Agent.Thread),
            consumer_group=pipeline.CooperativeGroup(pipeline.Agent.Thread, shares * self.groups * 4), tx_count=stage_bytes,
            barrier_storage=storage.barriers.data_ptr(), cta_layout_vmnk=cute.make_layout((1, *self.cluster, 1)))
        s_a = storage.a.get_tensor(a_shared.outer, swizzle=a_shared.inner)
        s_b = storage.b.get_tensor(b_shared.outer, swizzle=b_shared.inner)
        s_c = storage.c.get_tensor(c_shared.outer, swizzle=c_shared.inner)
        g_a = cute.local_tile(a, self.tile, (row, column, None), proj=(1, None, 1))
        g_b = cute.local_tile(b, self.tile, (row, column, None), proj=(None, 1, 1))
        g_c = cute.local_tile(c, self.tile, (row, column, None), proj=(1, 1, None))
        to_a, from_a = cpasync.tma_partition(a_map, place[1], cute.make_layout(self.cluster[1]), cute.group_modes(s_a, 0, 2),
                                             cute.group_modes(g_a, 0, 2))
        to_b, from_b = cpasync.tma_partition(b_map, place[0], cute.make_layout(self.cluster[0]), cute.group_modes(s_b, 0, 2),
                                             cute.group_modes(g_b, 0, 2))
        a_mask = cute.make_layout_image_mask(blocks, place, mode=1) if self.cluster[1] > 1 else 0
        b_mask = cute.make_layout_image_mask(blocks, place, mode=0) if self.cluster[0] > 1 else 0
        tiles = cute.size(g_a, mode=[2])
        filling = pipeline.make_pipeline_state(pipeline.PipelineUserType.Producer, self.stages)
        reading = pipeline.make_pipeline_state(pipeline.PipelineUserType.Consumer, self.stages)
        freeing = pipeline.make_pipeline_state(pipeline.PipelineUserType.Consumer, self.stages)
        worker = thread - WARPGROUP if cutlass.const_expr(self.specialised) else thread
        if cutlass.const_expr(self.specialised):
            if warp < 4:
                cute.arch.setmaxregister_decrease(40)
                if warp == 0:
                    for tile in cutlass.range(tiles, unroll=1):
                        ring.producer_acquire(filling)
                        barrier = ring.producer_get_barrier(filling)
                        cute.copy(a_map, from_a[None, tile], to_a[None, filling.index], tma_bar_ptr=barrier, mcast_mask=a_mask)
                        cute.copy(b_map, from_b[None, tile], to_b[None, filling.index], tma_bar_ptr=barrier, mcast_mask=b_mask)
                        ring.producer_commit(filling)
                        filling.advance()
                    ring.producer_tail(filling)
            else:
                cute.arch.setmaxregister_increase(232)
                sums = self.multiply(mma, worker, s_a, s_b, g_c, ring, reading, freeing, tiles)
                self.leave(mma, worker, sums, s_c, g_c, c_map, warp == 4)
        else:
            if warp == 0:
                for tile in cutlass.range(cutlass.min(tiles, self.stages - 1), unroll=1):
                    ring.producer_acquire(filling)
                    barrier = ring.producer_get_barrier(filling)
                    cute.copy(a_map, from_a[None, tile], to_a[None, filling.index], tma_bar_ptr=barrier, mcast_mask=a_mask)
                    cute.copy(b_map, from_b[None, tile], to_b[None, filling.index], tma_bar_ptr=barrier, mcast_mask=b_mask)
                    ring.producer_commit(filling)
                    filling.advance()
            thr_mma = mma.get_slice(worker)
            r_a, r_b = mma.make_fragment_A(thr_mma.partition_A(s_a)), mma.make_fragment_B(thr_mma.partition_B(s_b))
            sums = cute.make_rmem_tensor(thr_mma.partition_C(g_c).shape, self.sums)
            mma.set(warpgroup.Field.ACCUMULATE, False)
            for tile in cutlass.range(tiles, unroll=1):
                ring.consumer_wait(reading)
                warpgroup.fence()
                for part in cutlass.range(cute.size(r_a, mode=[2]), unroll_full=True):
                    cute.gemm(mma, sums, r_a[None, None, part, reading.index], r_b[None, None, part, reading.index], sums)
                    mma.set(warpgroup.Field.ACCUMULATE, True)
                warpgroup.commit_group()
                warpgroup.wait_group(0)
                ring.consumer_release(reading)
                reading.advance()
                ahead = tile + self.stages - 1
                if warp == 0 and ahead < tiles:
                    ring.producer_acquire(filling)
                    barrier = ring.producer_get_barrier(filling)
                    cute.copy(a_map, from_a[None, ahead], to_a[None, filling.index], tma_bar_ptr=barrier, mcast_mask=a_mask)
                    cute.copy(b_map, from_b[None, ahead], to_b[None, filling.index], tma_bar_ptr=barrier, mcast_mask=b_mask)
                    ring.producer_commit(filling)
                    filling.advance()
            if warp == 0:
                ring.producer_tail(filling)
            self.leave(mma, worker, sums, s_c, g_c, c_map, warp == 0)

    @cute.jit
    def multiply(self, mma, worker, s_a, s_b, g_c, ring, reading, freeing, tiles):
        """One product stays in flight: a stage is free when the next one has been issued."""
        thr_mma = mma.get_slice(worker)
        r_a, r_b = mma.make_fragment_A(thr_mma.partition_A(s_a)), mma.make_fragment_B(thr_mma.partition_B(s_b))
        sums = cute.make_rmem_tensor(thr_mma.partition_C(g_c).shape, self.sums)
        mma.set(warpgroup.Field.ACCUMULATE, False)
        for tile in cutlass.range(tiles, unroll=1):
            ring.consumer_wait(reading)
            warpgroup.fence()
            for part in cutlass.range(cute.size(r_a, mode=[2]), unroll_full=True):
                cute.gemm(mma, sums, r_a[None, None, part, reading.index], r_b[None, None, part, reading.index], sums)
                mma.set(warpgroup.Field.ACCUMULATE, True)
            warpgroup.commit_group()
            warpgroup.wait_group(1)
            if tile > 0:
                ring.consumer_release(freeing)
                freeing.advance()
            reading.advance()
        warpgroup.wait_group(0)
        ring.consumer_release(freeing)
        return sums

    @cute.jit
    def leave(self, mma, worker, sums, s_c, g_c, c_map, first_warp):
        """Registers to shared memory (stmatrix for 16-bit results), then a tensor copy."""
        results = cute.make_rmem_tensor_like(sums, self.result)
        results.store(sums.load().to(self.result))
        atom = hopper.get_smem_store_op(LayoutEnum.ROW_MAJOR, self.result, self.sums)
        copy = cute.make_tiled_copy_C(atom, mma).get_slice(worker)
        cute.copy(atom, copy.retile(results), copy.partition_D(s_c)[None, None, None, 0])
        cute.arch.fence_proxy("async.shared", space="cta")
        cute.arch.barrier(barrier_id=1, number_of_threads=WARPGROUP * self.groups)
        if first_warp:
            place, target = cpasync.tma_partition(c_map, 0, cute.make_layout(1), cute.group_modes(s_c, 0, 2), cute.group_modes(g_c, 0, 2))
            with cute.arch.elect_one():
                cute.copy(c_map, place[None, 0], target)
                cute.arch.cp_async_bulk_commit_group()
                cute.arch.cp_async_bulk_wait_group(0, read=True)
