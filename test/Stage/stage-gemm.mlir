// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: cameo-opt %s --kernel-schedule | FileCheck %s --check-prefix=BLOCK
// RUN: cameo-opt %s --kernel-schedule --kernel-stage-gemm | FileCheck %s --check-prefix=STAGED
// REQUIRES: ptxas
// RUN: cameo-opt %s --pass-pipeline='builtin.module(kernel-schedule,kernel-stage-gemm,kernel-assign-layouts,kernel-resolve,convert-kernel-to-nvvm,gpu.module(nvvm-to-ptx))' | %python %S/Inputs/assemble.py sm_80
//
// An exact f32 contraction: reference body, block programs of its variants, staged program. The k of a is
// contiguous, so that its copies transpose, an element at a time, down the rows; b is copied 16 bytes at
// a time where its pitch and base allow. What is left of k comes first, so that only the first copies test
// k; columns past the end of m or n are copies of the last ones.

// BLOCK-LABEL: kernel.variant @large attributes {align = array<i32: 0, 16, 0>
// BLOCK-SAME: mod(s1,4)
// BLOCK: scf.for
// BLOCK: kernel.load {{.*}} {pad = #kernel.pad<zero>} : {{.*}} -> tensor<1x1x128x16xf32>
// BLOCK: kernel.load {{.*}} {pad = #kernel.pad<zero>} : {{.*}} -> tensor<1x1x16x128xf32>
// BLOCK: linalg.generic
// BLOCK: kernel.store
// BLOCK: kernel.variant @small attributes {align
// BLOCK: kernel.variant @small_single
// BLOCK: kernel.variant @small_any
// BLOCK-SAME: guard = "1"
// BLOCK-SAME: index64

// STAGED: !kernel.ring<2 groups : !smem
// STAGED-LABEL: kernel.variant @large
// STAGED: kernel.role @all attributes {warps = 8 : i32}
// STAGED: kernel.acc_empty
// STAGED: arith.divsi
// STAGED: %[[LEFT:.*]] = arith.subi
// STAGED: kernel.strided_view {{.*}}%[[LEFT]]
// STAGED: kernel.copy_async cp_async {{.*}}[0] cols clamp {bytes = 4 : i32, dims = array<i64: 3, 2>, rows_first}
// STAGED: kernel.copy_async cp_async {{.*}}[1] cols clamp {bytes = 16 : i32, dims = array<i64: 2, 3>}
// STAGED: scf.for
// STAGED: %[[SLOT:.*]] = kernel.wait
// STAGED: kernel.acquire
// STAGED: kernel.copy_async cp_async {{.*}}[0] rows inside cols clamp
// STAGED: kernel.copy_async cp_async {{.*}}[1] rows inside cols clamp
// STAGED: kernel.commit
// STAGED: kernel.mma_async %[[SLOT]], {{.*}} {trans_a, trans_b}
// STAGED: kernel.release %[[SLOT]]
// STAGED: kernel.acc_read {{.*}} -> tensor<1x1x128x128xf32>
// STAGED: kernel.store

#a = affine_map<(b0, b1, m, n, k) -> (b0, b1, m, k)>
#b = affine_map<(b0, b1, m, n, k) -> (b0, b1, k, n)>
#c = affine_map<(b0, b1, m, n, k) -> (b0, b1, m, n)>
kernel.func @matmul(%x: tensor<?xf32>, %w: tensor<?xf32>) outs(%z: tensor<?xf32>)
    sizes(%m: index, %n: index, %k: index) attributes {family = "gemm"} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0.0 : f32
  %xv = kernel.strided_view %x offset(%c0) sizes(%c1, %c1, %m, %k) strides(%c0, %c0, %k, %c1) : tensor<?xf32> -> tensor<1x1x?x?xf32>
  %wv = kernel.strided_view %w offset(%c0) sizes(%c1, %c1, %k, %n) strides(%c0, %c0, %n, %c1) : tensor<?xf32> -> tensor<1x1x?x?xf32>
  %zv = kernel.strided_view %z offset(%c0) sizes(%c1, %c1, %m, %n) strides(%c0, %c0, %n, %c1) : tensor<?xf32> -> tensor<1x1x?x?xf32>
  %e = tensor.empty(%m, %n) : tensor<1x1x?x?xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<1x1x?x?xf32>) -> tensor<1x1x?x?xf32>
  %p = linalg.generic {indexing_maps = [#a, #b, #c],
                       iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction"]}
      ins(%xv, %wv : tensor<1x1x?x?xf32>, tensor<1x1x?x?xf32>) outs(%f : tensor<1x1x?x?xf32>) {
  ^bb0(%a: f32, %b: f32, %s: f32):
    %t = math.fma %a, %b, %s : f32
    linalg.yield %t : f32
  } -> tensor<1x1x?x?xf32>
  kernel.write %p, %zv : tensor<1x1x?x?xf32>, tensor<1x1x?x?xf32>
  kernel.end
}
