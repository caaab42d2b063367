// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: cameo-opt %s -split-input-file -allow-unregistered-dialect | cameo-opt -split-input-file -allow-unregistered-dialect | FileCheck %s
//
// Two kernels that the staged level must be able to say and cannot emit yet: attention with the softmax
// hidden under the products, and layer normalization with dynamic quantization.

!tile = !kernel.smem<64x64xbf16, sw128>
!qring = !kernel.ring<2 tx : !tile>
!kring = !kernel.ring<2 tx : !tile>
!w = !kernel.slot<write, !qring>
!r = !kernel.slot<read, !qring>
!e = !kernel.acc<64x64xf32, wgmma[4, 1], empty>
!f = !kernel.acc<64x64xf32, wgmma[4, 1], inflight>
!d = !kernel.acc<64x64xf32, wgmma[4, 1], ready>
#id = affine_map<(i, j) -> (i, j)>
#row = affine_map<(i, j) -> (i)>

// S of the next block and P V of this one are in flight together; the softmax runs under P V. Waiting
// for S leaves P V in flight: kernel-resolve derives 1.
// CHECK-LABEL: func.func @attention
// CHECK: kernel.role @soft
// CHECK: scf.for
// CHECK: kernel.turn @pp
// CHECK: %[[S:.*]] = kernel.mma_async %{{.*}} b(%{{.*}} : !slot{{.*}}), %{{.*}} {part_b = 0 : i64}
// CHECK: %[[O:.*]] = kernel.mma_async %{{.*}} b(%{{.*}}), %{{.*}} {part_b = 0 : i64, trans_b} : tensor<64x64xbf16>
// CHECK: kernel.turn_next @pp
// CHECK: kernel.mma_wait %[[S]]
// CHECK: kernel.mask %{{.*}} by "causal"
// CHECK: kernel.mma_wait %[[O]]
// CHECK: kernel.acc_write
module attributes {kernel.target = "sm_90a"} {
func.func @attention(%qm: !kernel.tmap<!tile>, %km: !kernel.tmap<!tile>, %vm: !kernel.tmap<!tile>, %row: index, %keys: index) {
  %c0 = arith.constant 0 : index
  %c64 = arith.constant 64 : index
  %ninf = arith.constant 0xFF800000 : f32
  %rq = kernel.ring_alloc : !qring
  %rk = kernel.ring_alloc : !kring
  %rv = kernel.ring_alloc : !kring
  kernel.roles {
    kernel.role @load attributes {warps = 4 : i32, regs = 24 : i32, one_thread} {
      %q = kernel.acquire %rq : !qring
      kernel.copy_async bulk %qm[%row, %c0] -> %q[0] : !kernel.tmap<!tile> -> !w
      kernel.commit %q : !w
      scf.for %j = %c0 to %keys step %c64 {
        %k = kernel.acquire %rk : !kring
        kernel.copy_async bulk %km[%j, %c0] -> %k[0] : !kernel.tmap<!tile> -> !w
        kernel.commit %k : !w
        %v = kernel.acquire %rv : !kring
        kernel.copy_async bulk %vm[%j, %c0] -> %v[0] : !kernel.tmap<!tile> -> !w
        kernel.commit %v : !w
      }
    }
    kernel.role @soft attributes {warps = 4 : i32, regs = 240 : i32} {
      %q = kernel.wait %rq : !qring
      %k0 = kernel.wait %rk : !kring
      %e0 = kernel.acc_empty : !e
      %s0 = kernel.mma_async %q, b(%k0 : !r), %e0 {part_b = 0 : i64} : !r, !e -> !f
      %r0 = kernel.mma_wait %s0 : !f -> !d
      kernel.release %k0 : !r
      %t0 = kernel.acc_read %r0 : !d -> tensor<64x64xf32>
      %p0 = "softmax.first"(%t0) : (tensor<64x64xf32>) -> tensor<64x64xbf16>
      %zero = "softmax.zero"() : () -> tensor<64x64xf32>
      %o0 = kernel.acc_write %zero : tensor<64x64xf32> -> !f
      %o, %p = scf.for %j = %c64 to %keys step %c64 iter_args(%oc = %o0, %pc = %p0) -> (!f, tensor<64x64xbf16>) {
        kernel.turn @pp
        %k = kernel.wait %rk : !kring
        %e = kernel.acc_empty : !e
        %sn = kernel.mma_async %q, b(%k : !r), %e {part_b = 0 : i64} : !r, !e -> !f
        %v = kernel.wait %rv : !kring
        %on = kernel.mma_async %pc, b(%v : !r), %oc {part_b = 0 : i64, trans_b} : tensor<64x64xbf16>, !f -> !f
        kernel.turn_next @pp
        %sd = kernel.mma_wait %sn : !f -> !d
        kernel.release %k : !r
        %t = kernel.acc_read %sd : !d -> tensor<64x64xf32>
        %m = kernel.mask %t by "causal"(%row, %j) else %ninf : tensor<64x64xf32>, f32
        %pn, %alpha = "softmax.step"(%m) : (tensor<64x64xf32>) -> (tensor<64x64xbf16>, tensor<64xf32>)
        %od = kernel.mma_wait %on : !f -> !d
        kernel.release %v : !r
        %ov = kernel.acc_read %od : !d -> tensor<64x64xf32>
        %empty = tensor.empty() : tensor<64x64xf32>
        %scaled = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]}
            ins(%ov, %alpha : tensor<64x64xf32>, tensor<64xf32>) outs(%empty : tensor<64x64xf32>) {
        ^bb0(%x: f32, %a: f32, %y: f32):
          %z = arith.mulf %x, %a : f32
          linalg.yield %z : f32
        } -> tensor<64x64xf32>
        %ow = kernel.acc_write %scaled : tensor<64x64xf32> -> !f
        scf.yield %ow, %pn : !f, tensor<64x64xbf16>
      }
      %v = kernel.wait %rv : !kring
      %ol = kernel.mma_async %p, b(%v : !r), %o {part_b = 0 : i64, trans_b} : tensor<64x64xbf16>, !f -> !f
      %od = kernel.mma_wait %ol : !f -> !d
      kernel.release %v : !r
      kernel.release %q : !r
      %result = kernel.acc_read %od : !d -> tensor<64x64xf32>
    }
  }
  return
}
}

// -----

#id = affine_map<(i, j) -> (i, j)>
#row = affine_map<(i, j) -> (i)>

// One read, one write; what lies outside the row takes part in no sum and no maximum.
// CHECK-LABEL: func.func @layer_norm
// CHECK: kernel.load {{.*}} {pad = #kernel.pad<zero>}
// CHECK: %[[OK:.*]] = kernel.in_bounds
// CHECK-COUNT-3: kernel.reduce
// CHECK: kernel.store
func.func @layer_norm(%in: tensor<?x?xf16>, %out: tensor<?xi8>, %row0: index, %rows: index, %n: index, %inverse: f32, %eps: f32) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0.0 : f32
  %x = kernel.load %in[%row0, %c0] {pad = #kernel.pad<zero>} : tensor<?x?xf16> -> tensor<4x4096xf16>
  %ok = kernel.in_bounds [%row0, %c0] sizes(%rows, %n) : tensor<4x4096xi1>
  %e = tensor.empty() : tensor<4x4096xf32>
  %v = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x, %ok : tensor<4x4096xf16>, tensor<4x4096xi1>) outs(%e : tensor<4x4096xf32>) {
  ^bb0(%a: f16, %o: i1, %y: f32):
    %w = arith.extf %a : f16 to f32
    %z = arith.select %o, %w, %zero : f32
    linalg.yield %z : f32
  } -> tensor<4x4096xf32>
  %sum = kernel.reduce %v dims = [1] {
  ^bb0(%a: f32, %b: f32):
    %s = arith.addf %a, %b : f32
    kernel.yield %s : f32
  } : tensor<4x4096xf32> -> tensor<4xf32>
  // Two passes over registers: no cancellation.
  %d = linalg.generic {indexing_maps = [#id, #row, #id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%v, %sum, %ok : tensor<4x4096xf32>, tensor<4xf32>, tensor<4x4096xi1>) outs(%e : tensor<4x4096xf32>) {
  ^bb0(%a: f32, %s: f32, %o: i1, %y: f32):
    %mean = arith.mulf %s, %inverse : f32
    %c = arith.subf %a, %mean : f32
    %z = arith.select %o, %c, %zero : f32
    linalg.yield %z : f32
  } -> tensor<4x4096xf32>
  %sq = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%d : tensor<4x4096xf32>) outs(%e : tensor<4x4096xf32>) {
  ^bb0(%a: f32, %y: f32):
    %z = arith.mulf %a, %a : f32
    linalg.yield %z : f32
  } -> tensor<4x4096xf32>
  %var = kernel.reduce %sq dims = [1] {
  ^bb0(%a: f32, %b: f32):
    %s = arith.addf %a, %b : f32
    kernel.yield %s : f32
  } : tensor<4x4096xf32> -> tensor<4xf32>
  %y = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]}
      ins(%d, %var : tensor<4x4096xf32>, tensor<4xf32>) outs(%e : tensor<4x4096xf32>) {
  ^bb0(%a: f32, %s: f32, %o: f32):
    %mean = arith.mulf %s, %inverse : f32
    %shifted = arith.addf %mean, %eps : f32
    %root = math.rsqrt %shifted : f32
    %z = arith.mulf %a, %root : f32
    linalg.yield %z : f32
  } -> tensor<4x4096xf32>
  %am = kernel.reduce %y dims = [1] {
  ^bb0(%a: f32, %b: f32):
    %fa = math.absf %a : f32
    %fb = math.absf %b : f32
    %s = arith.maximumf %fa, %fb : f32
    kernel.yield %s : f32
  } : tensor<4x4096xf32> -> tensor<4xf32>
  %qe = tensor.empty() : tensor<4x4096xi8>
  %q = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]}
      ins(%y, %am : tensor<4x4096xf32>, tensor<4xf32>) outs(%qe : tensor<4x4096xi8>) {
  ^bb0(%a: f32, %s: f32, %o: i8):
    %c127 = arith.constant 127.0 : f32
    %t = arith.mulf %a, %c127 : f32
    %u = arith.divf %t, %s : f32
    %rounded = math.roundeven %u : f32
    %z = arith.fptosi %rounded : f32 to i8
    linalg.yield %z : i8
  } -> tensor<4x4096xi8>
  %view = kernel.strided_view %out offset(%c0) sizes(%rows, %n) strides(%n, %c1) : tensor<?xi8> -> tensor<?x?xi8>
  kernel.store %q, %view[%row0, %c0] : tensor<4x4096xi8>, tensor<?x?xi8>
  return
}
