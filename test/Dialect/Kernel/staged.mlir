// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: cameo-opt %s | cameo-opt | FileCheck %s
// RUN: cameo-opt %s -cse -loop-invariant-code-motion | FileCheck %s --check-prefix=KEEP
//
// The staged programs in their written form: two GEMMs, and the sketches of attention and layer
// normalization. All parse, verify and round-trip; CSE and LICM leave every token alone.

!a = !kernel.smem<128x32xf16, sw64>
!ring = !kernel.ring<2 groups : !a, !a>
!w = !kernel.slot<write, !ring>
!r = !kernel.slot<read, !ring>
!acc1 = !kernel.acc<128x128xf32, mma[2, 4], inflight>
!acc = !kernel.acc<128x128xf32, mma[2, 4], ready>

// CHECK-LABEL: kernel.func @sm80_f16
// CHECK: kernel.ring_alloc : !ring
// CHECK: kernel.role @all attributes {warps = 8 : i32}
// CHECK: %[[Z:.*]] = kernel.acc_empty : !acc
// CHECK: scf.for {{.*}} iter_args(%{{.*}} = %[[Z]]) -> (!acc
// CHECK: kernel.acc_read
kernel.func @sm80_f16(%x: tensor<?xf16>, %y: tensor<?xf16>, %bias: tensor<?xf16>) outs(%z: tensor<?xf16>)
    sizes(%m: index, %n: index, %k: index) attributes {family = "gemm"} {
  kernel.end
} variants {
  kernel.variant @v0 attributes {guard = "1", grid = ["floordiv(s1,128)", "floordiv(s0,128)", "1"], threads = 256 : i32}
      (%x: tensor<?xf16>, %y: tensor<?xf16>, %bias: tensor<?xf16>, %z: tensor<?xf16>, %m: index, %n: index, %K: index) {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c32 = arith.constant 32 : index
    %c128 = arith.constant 128 : index
    %bx = kernel.block_id x
    %by = kernel.block_id y
    %j = arith.muli %bx, %c128 : index
    %i = arith.muli %by, %c128 : index
    %xv = kernel.strided_view %x offset(%c0) sizes(%m, %K) strides(%K, %c1) : tensor<?xf16> -> tensor<?x?xf16>
    %wv = kernel.strided_view %y offset(%c0) sizes(%n, %K) strides(%K, %c1) : tensor<?xf16> -> tensor<?x?xf16>
    %bv = kernel.strided_view %bias offset(%c0) sizes(%m, %n) strides(%c0, %c1) : tensor<?xf16> -> tensor<?x?xf16>
    %zv = kernel.strided_view %z offset(%c0) sizes(%m, %n) strides(%n, %c1) : tensor<?xf16> -> tensor<?x?xf16>
    %ring = kernel.ring_alloc : !ring
    kernel.roles {
      kernel.role @all attributes {warps = 8 : i32} {
        %e = kernel.acc_empty : !acc1
        %s0 = kernel.acquire %ring : !ring
        kernel.copy_async cp_async %xv[%i, %c0] -> %s0[0] : tensor<?x?xf16> -> !w
        kernel.copy_async cp_async %wv[%j, %c0] -> %s0[1] : tensor<?x?xf16> -> !w
        kernel.commit %s0 : !w
        %last = scf.for %k = %c32 to %K step %c32 iter_args(%c = %e) -> (!acc1) {
          %s = kernel.acquire %ring : !ring
          kernel.copy_async cp_async %xv[%i, %k] -> %s[0] : tensor<?x?xf16> -> !w
          kernel.copy_async cp_async %wv[%j, %k] -> %s[1] : tensor<?x?xf16> -> !w
          kernel.commit %s : !w
          %t = kernel.wait %ring : !ring
          %p = kernel.mma_async %t, %c : !r, !acc1 -> !acc1
          kernel.release %t : !r
          scf.yield %p : !acc1
        }
        %t = kernel.wait %ring : !ring
        %p = kernel.mma_async %t, %last : !r, !acc1 -> !acc1
        kernel.release %t : !r
        %d = kernel.mma_wait %p : !acc1 -> !acc
        %v = kernel.acc_read %d : !acc -> tensor<128x128xf32>
        %b = kernel.load %bv[%i, %j] {pad = #kernel.pad<none>} : tensor<?x?xf16> -> tensor<128x128xf16>
        %o = tensor.empty() : tensor<128x128xf16>
        %zero = arith.constant 0.0 : f32
        %h = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>,
                                              affine_map<(d0, d1) -> (d0, d1)>],
                             iterator_types = ["parallel", "parallel"]}
            ins(%v, %b : tensor<128x128xf32>, tensor<128x128xf16>) outs(%o : tensor<128x128xf16>) {
        ^bb0(%ve: f32, %be: f16, %oe: f16):
          %bw = arith.extf %be : f16 to f32
          %sum = arith.addf %ve, %bw : f32
          %relu = arith.maximumf %sum, %zero : f32
          %cast = arith.truncf %relu : f32 to f16
          linalg.yield %cast : f16
        } -> tensor<128x128xf16>
        kernel.store %h, %zv[%i, %j] : tensor<128x128xf16>, tensor<?x?xf16>
      }
    }
    kernel.end
  }
}

// -----

!box = !kernel.smem<128x64xbf16, sw128>
!ring4 = !kernel.ring<4 tx : !box, !box>
!w4 = !kernel.slot<write, !ring4>
!r4 = !kernel.slot<read, !ring4>
!hacc0 = !kernel.acc<128x128xf32, wgmma[8, 1], empty>
!hacc1 = !kernel.acc<128x128xf32, wgmma[8, 1], inflight>
!hacc = !kernel.acc<128x128xf32, wgmma[8, 1], ready>

// CHECK-LABEL: kernel.func @sm90_bf16
// CHECK: kernel.role @load attributes {one_thread, regs = 40 : i32, warps = 4 : i32}
// CHECK: kernel.copy_async bulk
// CHECK: kernel.role @mma attributes {regs = 232 : i32, warps = 8 : i32}
// CHECK: scf.for {{.*}} iter_args(%{{.*}} = %{{.*}}, %[[PREV:.*]] = %{{.*}}) -> (!acc{{.*}}, !slot
// CHECK: kernel.mma_wait {{.*}} {keep = 1 : i32}
// CHECK: kernel.release %[[PREV]]
// KEEP-LABEL: kernel.func @sm90_bf16
// KEEP: kernel.role @mma
// KEEP: scf.for
// KEEP: kernel.acc_empty
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
