// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: cameo-opt %s --kernel-assign-layouts --kernel-resolve | FileCheck %s
// RUN: cameo-opt %s --kernel-assign-layouts --kernel-resolve --kernel-resolve | FileCheck %s
// REQUIRES: ptxas
// RUN: cameo-opt %s --pass-pipeline='builtin.module(kernel-assign-layouts,kernel-resolve,convert-kernel-to-nvvm,gpu.module(nvvm-to-ptx))' | %python %S/Inputs/assemble.py sm_80 | FileCheck %s --check-prefix=PTX
//
// Attention, 64 rows of queries a block, 64 keys a step, as a staged program: two products with a softmax between
// them. Queries wait in registers as the first product's A; what the softmax makes of its sums is, register by register,
// the second product's A. The running sums leave their accumulator to be scaled, and go back.

// CHECK: kernel.load {{.*}} {layout = #kernel.layout<register = {{\[\[}}0, 1], [0, 2], [0, 4], {{.*}} tested, vector = 8 : i32}
// CHECK: kernel.convert_layout {{.*}} {layout = #kernel.layout<register = {{\[\[}}0, 1], [8, 0], [0, 8], [0, 16], [0, 32]]
// CHECK: linalg.fill {layout = #kernel.layout<register = {{\[\[}}8]], lane = {{\[\[}}0], [0], [1], [2], [4]], warp = {{\[\[}}16], [32]]>}
// CHECK: scf.for
// CHECK: kernel.wait {{.*}} {pending = 0 : i32}
// CHECK: kernel.acquire {{.*}} {covered}
// CHECK: kernel.mma_async {{.*}} tensor<64x64xf16>, !acc
// CHECK: kernel.reduce
// CHECK: kernel.acc_write

// PTX: ld.global.v4.b32
// PTX: mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32
// PTX: shfl.sync.bfly.b32
// PTX: ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16

!kv = !kernel.smem<64x64xf16, sw128>
!ring = !kernel.ring<2 groups : !kv, !kv>
!w = !kernel.slot<write, !ring>
!r = !kernel.slot<read, !ring>
!acc1 = !kernel.acc<64x64xf32, mma[4, 1], inflight>
!acc = !kernel.acc<64x64xf32, mma[4, 1], ready>
#whole = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d0)>
#one = affine_map<(d0) -> (d0)>

kernel.func @attention_f16(%q: tensor<?xf16>, %k: tensor<?xf16>, %v: tensor<?xf16>) outs(%o: tensor<?xf16>)
    sizes(%m: index, %n: index) attributes {family = "gemm"} {
  kernel.end
} variants {
  kernel.variant @v0 attributes {guard = "1", grid = ["floordiv(s0+63,64)", "1", "1"], threads = 128 : i32}
      (%q: tensor<?xf16>, %k: tensor<?xf16>, %v: tensor<?xf16>, %o: tensor<?xf16>, %m: index, %n: index) {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c64 = arith.constant 64 : index
    %lowest = arith.constant 0xFF800000 : f32
    %zero = arith.constant 0.0 : f32
    %scale = arith.constant 0.1803368801 : f32 // log2(e) / 8
    %b = kernel.block_id x
    %i = arith.muli %b, %c64 : index
    %qv = kernel.strided_view %q offset(%c0) sizes(%m, %c64) strides(%c64, %c1) : tensor<?xf16> -> tensor<?x64xf16>
    %kv = kernel.strided_view %k offset(%c0) sizes(%n, %c64) strides(%c64, %c1) : tensor<?xf16> -> tensor<?x64xf16>
    %vv = kernel.strided_view %v offset(%c0) sizes(%n, %c64) strides(%c64, %c1) : tensor<?xf16> -> tensor<?x64xf16>
    %ov = kernel.strided_view %o offset(%c0) sizes(%m, %c64) strides(%c64, %c1) : tensor<?xf16> -> tensor<?x64xf16>
    %ring = kernel.ring_alloc : !ring
    kernel.roles {
      kernel.role @all attributes {warps = 4 : i32} {
        %qt = kernel.load %qv[%i, %c0] {pad = #kernel.pad<zero>} : tensor<?x64xf16> -> tensor<64x64xf16>
        %e1 = tensor.empty() : tensor<64xf32>
        %e2 = tensor.empty() : tensor<64xf32>
        %eh = tensor.empty() : tensor<64x64xf16>
        %ef = tensor.empty() : tensor<64x64xf32>
        %m0 = linalg.fill ins(%lowest : f32) outs(%e1 : tensor<64xf32>) -> tensor<64xf32>
        %l0 = linalg.fill ins(%zero : f32) outs(%e2 : tensor<64xf32>) -> tensor<64xf32>
        %o0 = kernel.acc_empty : !acc1
        %s0 = kernel.acquire %ring : !ring
        kernel.copy_async cp_async %kv[%c0, %c0] -> %s0[0] : tensor<?x64xf16> -> !w
        kernel.copy_async cp_async %vv[%c0, %c0] -> %s0[1] : tensor<?x64xf16> -> !w
        kernel.commit %s0 : !w
        %oL, %mL, %lL = scf.for %j = %c0 to %n step %c64 iter_args(%oj = %o0, %mj = %m0, %lj = %l0)
            -> (!acc1, tensor<64xf32>, tensor<64xf32>) {
          %t = kernel.wait %ring : !ring
          %next = arith.addi %j, %c64 : index
          %f = kernel.acquire %ring : !ring
          kernel.copy_async cp_async %kv[%next, %c0] -> %f[0] : tensor<?x64xf16> -> !w
          kernel.copy_async cp_async %vv[%next, %c0] -> %f[1] : tensor<?x64xf16> -> !w
          kernel.commit %f : !w
          %z = kernel.acc_empty : !acc1
          %sp = kernel.mma_async %qt, b(%t : !r), %z {part_b = 0 : i64} : tensor<64x64xf16>, !acc1 -> !acc1
          %sw = kernel.mma_wait %sp : !acc1 -> !acc
          %sr = kernel.acc_read %sw : !acc -> tensor<64x64xf32>
          %s = linalg.generic {indexing_maps = [#whole, #whole], iterator_types = ["parallel", "parallel"]}
              ins(%sr : tensor<64x64xf32>) outs(%ef : tensor<64x64xf32>) {
          ^bb0(%x: f32, %unused: f32):
            %key = linalg.index 1 : index
            %at = arith.addi %key, %j : index
            %inside = arith.cmpi slt, %at, %n : index
            %y = arith.mulf %x, %scale : f32
            %kept = arith.select %inside, %y, %lowest : f32
            linalg.yield %kept : f32
          } -> tensor<64x64xf32>
          %most = kernel.reduce %s dims = [1] {
          ^bb0(%x: f32, %y: f32):
            %r = arith.maximumf %x, %y : f32
            kernel.yield %r : f32
          } : tensor<64x64xf32> -> tensor<64xf32>
          %mn, %a = linalg.generic {indexing_maps = [#one, #one, #one, #one], iterator_types = ["parallel"]}
              ins(%most, %mj : tensor<64xf32>, tensor<64xf32>) outs(%e1, %e2 : tensor<64xf32>, tensor<64xf32>) {
          ^bb0(%x: f32, %old: f32, %u0: f32, %u1: f32):
            %new = arith.maximumf %x, %old : f32
            %d = arith.subf %old, %new : f32
            %f1 = math.exp2 %d : f32
            linalg.yield %new, %f1 : f32, f32
          } -> (tensor<64xf32>, tensor<64xf32>)
          %p, %ph = linalg.generic {indexing_maps = [#whole, #row, #whole, #whole], iterator_types = ["parallel", "parallel"]}
              ins(%s, %mn : tensor<64x64xf32>, tensor<64xf32>) outs(%ef, %eh : tensor<64x64xf32>, tensor<64x64xf16>) {
          ^bb0(%x: f32, %top: f32, %u0: f32, %u1: f16):
            %d = arith.subf %x, %top : f32
            %f1 = math.exp2 %d : f32
            %h = arith.truncf %f1 : f32 to f16
            linalg.yield %f1, %h : f32, f16
          } -> (tensor<64x64xf32>, tensor<64x64xf16>)
          %sum = kernel.reduce %p dims = [1] {
          ^bb0(%x: f32, %y: f32):
            %r = arith.addf %x, %y : f32
            kernel.yield %r : f32
          } : tensor<64x64xf32> -> tensor<64xf32>
          %ln = linalg.generic {indexing_maps = [#one, #one, #one, #one], iterator_types = ["parallel"]}
              ins(%sum, %lj, %a : tensor<64xf32>, tensor<64xf32>, tensor<64xf32>) outs(%e1 : tensor<64xf32>) {
          ^bb0(%x: f32, %old: f32, %by: f32, %unused: f32):
            %r = math.fma %old, %by, %x : f32
            linalg.yield %r : f32
          } -> tensor<64xf32>
          %ow = kernel.mma_wait %oj : !acc1 -> !acc
          %or = kernel.acc_read %ow : !acc -> tensor<64x64xf32>
          %os = linalg.generic {indexing_maps = [#whole, #row, #whole], iterator_types = ["parallel", "parallel"]}
              ins(%or, %a : tensor<64x64xf32>, tensor<64xf32>) outs(%ef : tensor<64x64xf32>) {
          ^bb0(%x: f32, %by: f32, %unused: f32):
            %r = arith.mulf %x, %by : f32
            linalg.yield %r : f32
          } -> tensor<64x64xf32>
          %oa = kernel.acc_write %os : tensor<64x64xf32> -> !acc1
          %on = kernel.mma_async %ph, b(%t : !r), %oa {trans_b} : tensor<64x64xf16>, !acc1 -> !acc1
          kernel.release %t : !r
          scf.yield %on, %mn, %ln : !acc1, tensor<64xf32>, tensor<64xf32>
        }
        %spare = kernel.wait %ring : !ring
        kernel.release %spare : !r
        %od = kernel.mma_wait %oL : !acc1 -> !acc
        %of = kernel.acc_read %od : !acc -> tensor<64x64xf32>
        %h = linalg.generic {indexing_maps = [#whole, #row, #whole], iterator_types = ["parallel", "parallel"]}
            ins(%of, %lL : tensor<64x64xf32>, tensor<64xf32>) outs(%eh : tensor<64x64xf16>) {
        ^bb0(%x: f32, %by: f32, %unused: f16):
          %r = arith.divf %x, %by : f32
          %c = arith.truncf %r : f32 to f16
          linalg.yield %c : f16
        } -> tensor<64x64xf16>
        kernel.store %h, %ov[%i, %c0] : tensor<64x64xf16>, tensor<?x64xf16>
      }
    }
    kernel.end
  }
}
