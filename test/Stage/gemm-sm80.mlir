// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: cameo-opt %s --kernel-assign-layouts --kernel-resolve | FileCheck %s
// RUN: cameo-opt %s --kernel-assign-layouts --kernel-resolve --kernel-resolve | FileCheck %s
// REQUIRES: ptxas
// RUN: cameo-opt %s --pass-pipeline='builtin.module(kernel-assign-layouts,kernel-resolve,convert-kernel-to-nvvm,gpu.module(nvvm-to-ptx))' | %python %S/Inputs/assemble.py sm_80 | FileCheck %s --check-prefix=PTX
//
// The f16 GEMM of sm_80, from the written form to machine code. The pass derives: the first acquire is
// covered (nothing has been released), in the loop one younger group is in flight, in the tail none.

// CHECK: kernel.variant @v0 {{.*}}shared_bytes = 32768 : i32
// CHECK: kernel.ring_alloc {offset = 0 : i32}
// CHECK: kernel.role @all attributes {first_warp = 0 : i32, warps = 8 : i32}
// CHECK: kernel.acquire {{.*}} at {{.*}} {covered}
// CHECK: scf.for {{.*}} -> (!acc{{.*}}, !cursor, !cursor)
// CHECK: kernel.acquire
// CHECK-NOT: covered
// CHECK: kernel.advance
// CHECK: kernel.wait {{.*}} {pending = 1 : i32}
// CHECK: kernel.wait {{.*}} {pending = 0 : i32}
// CHECK: kernel.acc_read {{.*}}register = {{\[\[}}0, 1], [8, 0], [0, 8], [0, 16], [16, 0], [32, 0]]

// PTX: .extern .shared
// PTX: cp.async.cg.shared.global
// PTX: cp.async.commit_group
// PTX: cp.async.wait_group 1
// PTX: ldmatrix.sync.aligned.m8n8.x4.shared.b16
// PTX: mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32

!a = !kernel.smem<128x32xf16, sw64>
!ring = !kernel.ring<2 groups : !a, !a>
!w = !kernel.slot<write, !ring>
!r = !kernel.slot<read, !ring>
!acc1 = !kernel.acc<128x128xf32, mma[2, 4], inflight>
!acc = !kernel.acc<128x128xf32, mma[2, 4], ready>

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
