// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: cameo-opt %s --kernel-schedule | FileCheck %s --check-prefix=BLOCK
// RUN: cameo-opt %s --kernel-schedule --kernel-stage-gemm --kernel-assign-layouts | FileCheck %s --check-prefix=STAGED
// REQUIRES: ptxas
// RUN: cameo-opt %s --pass-pipeline='builtin.module(kernel-schedule,kernel-stage-gemm,kernel-assign-layouts,kernel-resolve,convert-kernel-to-nvvm,gpu.module(nvvm-to-ptx))' | %python %S/Inputs/assemble.py sm_80 | FileCheck %s --check-prefix=PTX
//
// Bytes are multiplied as they are; the payload's casts say which operand is unsigned. b lies as rows of k, so
// that ldmatrix gives its columns by twos: bytes are permuted, the accumulator is paired, and a lane's sums are
// four neighbouring columns.

// BLOCK-LABEL: kernel.variant @large attributes {align = array<i32: 16, 16, 0>
// BLOCK-SAME: tile = [128, 128, 64], warps = [2, 2], stages = 3, engine = mma_sync, copyA = 16, copyB = 16
// BLOCK: kernel.load {{.*}} -> tensor<1x1x128x64xi8>
// BLOCK: kernel.load {{.*}} -> tensor<1x1x64x128xi8>
// BLOCK: arith.extui {{.*}} : i8 to i32
// BLOCK: arith.extsi {{.*}} : i8 to i32
// BLOCK: kernel.variant @small_single

// STAGED-DAG: !kernel.smem<128x64xi8, sw64>
// STAGED-DAG: !kernel.smem<64x128xi8, sw128>
// STAGED-DAG: !kernel.acc<128x128xi32, mma[2, 2], paired_cols, inflight>
// STAGED-LABEL: kernel.variant @large
// STAGED: kernel.mma_async {{.*}} {trans_b, unsigned_a}
// STAGED: kernel.acc_read {{.*}}register = {{\[\[}}0, 0, 0, 2], [0, 0, 8, 0], [0, 0, 0, 1], [0, 0, 0, 16]
// STAGED-SAME: lane = {{\[\[}}0, 0, 0, 4], [0, 0, 0, 8], [0, 0, 1, 0], [0, 0, 2, 0], [0, 0, 4, 0]]

// PTX: ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16
// PTX: prmt.b32
// PTX: mma.sync.aligned.m16n8k32.row.col.s32.u8.s8.s32

#a = affine_map<(b0, b1, m, n, k) -> (b0, b1, m, k)>
#b = affine_map<(b0, b1, m, n, k) -> (b0, b1, k, n)>
#c = affine_map<(b0, b1, m, n, k) -> (b0, b1, m, n)>
kernel.func @matmul(%x: tensor<?xi8>, %w: tensor<?xi8>) outs(%z: tensor<?xi32>)
    sizes(%m: index, %n: index, %k: index) attributes {family = "gemm"} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0 : i32
  %xv = kernel.strided_view %x offset(%c0) sizes(%c1, %c1, %m, %k) strides(%c0, %c0, %k, %c1) : tensor<?xi8> -> tensor<1x1x?x?xi8>
  %wv = kernel.strided_view %w offset(%c0) sizes(%c1, %c1, %k, %n) strides(%c0, %c0, %n, %c1) : tensor<?xi8> -> tensor<1x1x?x?xi8>
  %zv = kernel.strided_view %z offset(%c0) sizes(%c1, %c1, %m, %n) strides(%c0, %c0, %n, %c1) : tensor<?xi32> -> tensor<1x1x?x?xi32>
  %e = tensor.empty(%m, %n) : tensor<1x1x?x?xi32>
  %f = linalg.fill ins(%zero : i32) outs(%e : tensor<1x1x?x?xi32>) -> tensor<1x1x?x?xi32>
  %p = linalg.generic {indexing_maps = [#a, #b, #c],
                       iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction"]}
      ins(%xv, %wv : tensor<1x1x?x?xi8>, tensor<1x1x?x?xi8>) outs(%f : tensor<1x1x?x?xi32>) {
  ^bb0(%a: i8, %b: i8, %s: i32):
    %ae = arith.extui %a : i8 to i32
    %be = arith.extsi %b : i8 to i32
    %t = arith.muli %ae, %be : i32
    %u = arith.addi %s, %t : i32
    linalg.yield %u : i32
  } -> tensor<1x1x?x?xi32>
  kernel.write %p, %zv : tensor<1x1x?x?xi32>, tensor<1x1x?x?xi32>
  kernel.end
}
