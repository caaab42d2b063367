// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: cameo-opt %s --kernel-assign-layouts --kernel-resolve | FileCheck %s
// REQUIRES: ptxas
// RUN: cameo-opt %s --pass-pipeline='builtin.module(kernel-assign-layouts,kernel-resolve,convert-kernel-to-nvvm,gpu.module(nvvm-to-ptx{target=sm_90a}))' | %python %S/Inputs/assemble.py sm_90a | FileCheck %s --check-prefix=PTX
//
// The persistent, warp-specialised bf16 GEMM of sm_90a; assembled only. The wait with keep leaves one
// product in flight, the last one none; each of the two consumer warpgroups releases a slot.

// CHECK: kernel.ring_alloc {barriers = 131072 : i32, offset = 0 : i32, readers = 2 : i32}
// CHECK: kernel.role @load attributes {barrier = 1 : i32, first_warp = 0 : i32
// CHECK: kernel.role @mma attributes {barrier = 2 : i32, first_warp = 4 : i32
// CHECK: kernel.mma_wait {{.*}} {keep = 1 : i32, pending = 1 : i32}
// CHECK: kernel.mma_wait {{.*}} {pending = 0 : i32}

// PTX: .param .align 64 .b8 sm90_bf16_v0_param_7[128]
// PTX: mbarrier.init.shared
// PTX: setmaxnreg.dec.sync.aligned.u32 40
// PTX: cp.async.bulk.tensor.2d.shared::cluster.global
// PTX: setmaxnreg.inc.sync.aligned.u32 232
// PTX-DAG: wgmma.mma_async.sync.aligned.m64n128k16.f32.bf16.bf16
// PTX-DAG: wgmma.wait_group.sync.aligned 1
// PTX-DAG: wgmma.wait_group.sync.aligned 0

!box = !kernel.smem<128x64xbf16, sw128>
!ring4 = !kernel.ring<4 tx : !box, !box>
!w4 = !kernel.slot<write, !ring4>
!r4 = !kernel.slot<read, !ring4>
!hacc0 = !kernel.acc<128x128xf32, wgmma[8, 1], empty>
!hacc1 = !kernel.acc<128x128xf32, wgmma[8, 1], inflight>
!hacc = !kernel.acc<128x128xf32, wgmma[8, 1], ready>

module attributes {kernel.target = "sm_90a"} {
  kernel.func @sm90_bf16(%x: tensor<?xbf16>, %y: tensor<?xbf16>, %bias: tensor<?xbf16>) outs(%z: tensor<?xbf16>)
      sizes(%m: index, %n: index, %k: index) attributes {family = "gemm"} {
    kernel.end
  } variants {
    kernel.variant @v0 attributes {guard = "1", grid = ["132", "1", "1"], threads = 384 : i32}
        (%x: tensor<?xbf16>, %y: tensor<?xbf16>, %bias: tensor<?xbf16>, %z: tensor<?xbf16>, %m: index, %n: index, %K: index) {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %c64 = arith.constant 64 : index
      %c128 = arith.constant 128 : index
      %ctas = arith.constant 132 : index
      %cta = kernel.block_id x
      %c127 = arith.constant 127 : index
      %nr = arith.addi %n, %c127 : index
      %mr = arith.addi %m, %c127 : index
      %tn = arith.divui %nr, %c128 : index
      %tm = arith.divui %mr, %c128 : index
      %tiles = arith.muli %tn, %tm : index
      %xv = kernel.strided_view %x offset(%c0) sizes(%m, %K) strides(%K, %c1) : tensor<?xbf16> -> tensor<?x?xbf16>
      %wv = kernel.strided_view %y offset(%c0) sizes(%n, %K) strides(%K, %c1) : tensor<?xbf16> -> tensor<?x?xbf16>
      %bv = kernel.strided_view %bias offset(%c0) sizes(%m, %n) strides(%c0, %c1) : tensor<?xbf16> -> tensor<?x?xbf16>
      %zv = kernel.strided_view %z offset(%c0) sizes(%m, %n) strides(%n, %c1) : tensor<?xbf16> -> tensor<?x?xbf16>
      %xt = kernel.tensor_map %xv : tensor<?x?xbf16> -> !kernel.tmap<!box>
      %wt = kernel.tensor_map %wv : tensor<?x?xbf16> -> !kernel.tmap<!box>
      %ring = kernel.ring_alloc : !ring4
      kernel.roles {
        kernel.role @load attributes {warps = 4 : i32, regs = 40 : i32, one_thread} {
          scf.for %tile = %cta to %tiles step %ctas {
            %tj = arith.remui %tile, %tn : index
            %ti = arith.divui %tile, %tn : index
            %i = arith.muli %ti, %c128 : index
            %j = arith.muli %tj, %c128 : index
            scf.for %k = %c0 to %K step %c64 {
              %s = kernel.acquire %ring : !ring4
              kernel.copy_async bulk %xt[%i, %k] -> %s[0] : !kernel.tmap<!box> -> !w4
              kernel.copy_async bulk %wt[%j, %k] -> %s[1] : !kernel.tmap<!box> -> !w4
              kernel.commit %s : !w4
            }
          }
        }
        kernel.role @mma attributes {warps = 8 : i32, regs = 232 : i32} {
          scf.for %tile = %cta to %tiles step %ctas {
            %tj = arith.remui %tile, %tn : index
            %ti = arith.divui %tile, %tn : index
            %i = arith.muli %ti, %c128 : index
            %j = arith.muli %tj, %c128 : index
            %e = kernel.acc_empty : !hacc0
            %s0 = kernel.wait %ring : !ring4
            %a0 = kernel.mma_async %s0, %e : !r4, !hacc0 -> !hacc1
            %a1, %tail = scf.for %k = %c64 to %K step %c64 iter_args(%c = %a0, %prev = %s0) -> (!hacc1, !r4) {
              %s = kernel.wait %ring : !ring4
              %p = kernel.mma_async %s, %c : !r4, !hacc1 -> !hacc1
              %d = kernel.mma_wait %p {keep = 1 : i32} : !hacc1 -> !hacc1
              kernel.release %prev : !r4
              scf.yield %d, %s : !hacc1, !r4
            }
            %d = kernel.mma_wait %a1 : !hacc1 -> !hacc
            kernel.release %tail : !r4
            %v = kernel.acc_read %d : !hacc -> tensor<128x128xf32>
            %b = kernel.load %bv[%i, %j] {pad = #kernel.pad<none>} : tensor<?x?xbf16> -> tensor<128x128xbf16>
            %o = tensor.empty() : tensor<128x128xbf16>
            %zero = arith.constant 0.0 : f32
            %h = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>,
                                                  affine_map<(d0, d1) -> (d0, d1)>],
                                 iterator_types = ["parallel", "parallel"]}
                ins(%v, %b : tensor<128x128xf32>, tensor<128x128xbf16>) outs(%o : tensor<128x128xbf16>) {
            ^bb0(%ve: f32, %be: bf16, %oe: bf16):
              %bw = arith.extf %be : bf16 to f32
              %sum = arith.addf %ve, %bw : f32
              %relu = arith.maximumf %sum, %zero : f32
              %cast = arith.truncf %relu : f32 to bf16
              linalg.yield %cast : bf16
            } -> tensor<128x128xbf16>
            kernel.store %h, %zv[%i, %j] : tensor<128x128xbf16>, tensor<?x?xbf16>
          }
        }
      }
      kernel.end
    }
  }
}
