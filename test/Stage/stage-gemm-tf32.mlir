// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: cameo-opt %s --kernel-schedule --kernel-stage-gemm | FileCheck %s --check-prefix=STAGED
// RUN: sed 's/"tf32x3"/"tf32"/' %s | cameo-opt --kernel-schedule --kernel-stage-gemm | FileCheck %s --check-prefix=ONCE
// RUN: sed 's/"tf32x3"/"fma"/' %s | cameo-opt --kernel-schedule --kernel-stage-gemm | FileCheck %s --check-prefix=FMA
// RUN: sed 's/"tf32x3"/"auto"/' %s | cameo-opt --pass-pipeline='builtin.module(kernel-schedule{target=sm_80,sm_86},kernel-stage-gemm,kernel-assign-layouts,kernel-resolve,convert-kernel-to-nvvm)' | FileCheck %s --check-prefix=TARGETS
// REQUIRES: ptxas
// RUN: cameo-opt %s --pass-pipeline='builtin.module(kernel-schedule,kernel-stage-gemm,kernel-assign-layouts,kernel-resolve,convert-kernel-to-nvvm,gpu.module(nvvm-to-ptx))' > %t
// RUN: %python %S/Inputs/assemble.py sm_80 < %t | FileCheck %s --check-prefix=PTX
// RUN: %python %S/Inputs/assemble.py sm_120 < %t > /dev/null
//
// f32 by three products of tf32, where `kernel.f32` asks for it: each factor is its nearest tf32 and the nearest
// of what that leaves; the product of both rests is below the error of f32. ldmatrix gives A, whose k is
// contiguous; the rows of B are k, which only loads of single elements transpose, so that B lies in padded rows.

// STAGED-DAG: !kernel.smem<128x16xf32, sw64>
// STAGED-DAG: !kernel.smem<16x128xf32, pad32>
// STAGED-DAG: !kernel.acc<128x128xf32, mma[2, 4], inflight>
// STAGED-LABEL: kernel.variant @large
// STAGED-SAME: engine = tf32x3, copyA = 16, copyB = 16
// STAGED: kernel.mma_async {{.*}} {products = 3 : i32, trans_b}

// ONCE-LABEL: kernel.variant @large
// ONCE-SAME: engine = tf32,
// ONCE: kernel.mma_async {{.*}} {trans_b}

// FMA-LABEL: kernel.variant @large
// FMA-SAME: engine = fma

// "auto" takes the faster of the exact engines of each target, which has variants and a module of its own.
// TARGETS-LABEL: kernel.variant @large
// TARGETS-NOT: kernel.target
// TARGETS-SAME: engine = tf32x3
// TARGETS-LABEL: kernel.variant @large
// TARGETS-SAME: kernel.predicted = {blocks_per_multiprocessor = 1 : i64, clocks_fma = 8.{{[^,]*}}, clocks_tf32x3 = 1.2{{.*}}, faster_exact_f32 = "fma"}
// TARGETS-SAME: kernel.target = "sm_86"
// TARGETS-SAME: engine = fma
// TARGETS-LABEL: gpu.module @cameo_kernels {
// TARGETS: llvm.func @matmul_large
// TARGETS-LABEL: gpu.module @cameo_kernels_sm_86 attributes {kernel.target = "sm_86"}
// TARGETS: llvm.func @matmul_large

// PTX: cvt.rna.tf32.f32
// PTX: mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32

#a = affine_map<(b0, b1, m, n, k) -> (b0, b1, m, k)>
#b = affine_map<(b0, b1, m, n, k) -> (b0, b1, k, n)>
#c = affine_map<(b0, b1, m, n, k) -> (b0, b1, m, n)>
module attributes {kernel.f32 = "tf32x3"} {
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
}
