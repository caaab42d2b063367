// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// From a reference body to PTX: nothing is contracted or approximated, and ptxas takes the text.
// RUN: cameo-opt %s --pass-pipeline='builtin.module(kernel-schedule,kernel-assign-layouts,convert-kernel-to-nvvm,gpu.module(nvvm-to-ptx))' | FileCheck %s
// RUN: cameo-opt %s --pass-pipeline='builtin.module(kernel-schedule{target=sm_120},kernel-assign-layouts,convert-kernel-to-nvvm,gpu.module(nvvm-to-ptx{target=sm_120}))' | FileCheck %s --check-prefix=SM120
// RUN: not cameo-opt %s --pass-pipeline='builtin.module(kernel-schedule{target=sm_70})' 2>&1 | FileCheck %s --check-prefix=UNKNOWN

// CHECK: .version 7.0
// CHECK-SAME: .target sm_80
// CHECK-SAME: // nodes: /mul /sqrt
// CHECK-SAME: .visible .entry axpy_wide
// CHECK-SAME: ld.global.v4.b32
// CHECK-SAME: mul.rn.f32
// CHECK-SAME: add.rn.f32
// CHECK-SAME: sqrt.rn.f32
// CHECK-SAME: div.rn.f32
// CHECK-NOT: fma
// CHECK-NOT: approx
// CHECK-NOT: ftz
// SM120: .target sm_120
// UNKNOWN: unknown target 'sm_70'
#id = affine_map<(i) -> (i)>
kernel.func @axpy(%x: tensor<?xf32>, %y: tensor<?xf32>) outs(%z: tensor<?xf32>) sizes(%n: index)
    attributes {family = "pointwise", nodes = ["/mul", "/sqrt"]} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %xv = kernel.strided_view %x offset(%c0) sizes(%n) strides(%c1) : tensor<?xf32> -> tensor<?xf32>
  %yv = kernel.strided_view %y offset(%c0) sizes(%n) strides(%c1) : tensor<?xf32> -> tensor<?xf32>
  %e = tensor.empty(%n) : tensor<?xf32>
  %r = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel"]}
      ins(%xv, %yv : tensor<?xf32>, tensor<?xf32>) outs(%e : tensor<?xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %p, %b : f32
    %q = math.sqrt %s : f32
    %d = arith.divf %q, %a : f32
    linalg.yield %d : f32
  } -> tensor<?xf32>
  %zv = kernel.strided_view %z offset(%c0) sizes(%n) strides(%c1) : tensor<?xf32> -> tensor<?xf32>
  kernel.write %r, %zv : tensor<?xf32>, tensor<?xf32>
  kernel.end
}
