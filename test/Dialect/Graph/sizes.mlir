// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: cameo-opt %s | cameo-opt | FileCheck %s

!n = tensor<?xf32, #graph.sizes<["N"]>>
!m = tensor<?xf32, #graph.sizes<["M"]>>

// Equal symbols broadcast to themselves; a static size other than 1 wins over a symbol; two different
// symbols leave the choice to the launch.
// CHECK-LABEL: @broadcast
func.func @broadcast(%n: !n, %m: !m, %four: tensor<4xf32>) {
  // CHECK: graph.binary add %{{.*}}, %{{.*}} : tensor<?xf32, #graph.sizes<["N"]>>
  %0 = graph.binary add %n, %n : !n
  // CHECK: -> tensor<4xf32>
  %1 = graph.binary mul %n, %four : (!n, tensor<4xf32>) -> tensor<4xf32>
  // CHECK: -> tensor<?xf32, #graph.sizes<["select(eq(1,N),M,N)"]>>
  %2 = graph.binary sub %n, %m : (!n, !m) -> tensor<?xf32, #graph.sizes<["select(eq(1,N),M,N)"]>>
  return
}

// CHECK-LABEL: @window
func.func @window(%x: tensor<?x4x?x8xf32, #graph.sizes<["B", "4", "H", "8"]>>, %w: tensor<6x4x3x3xf32>) {
  // CHECK: -> tensor<?x6x?x4xf32, #graph.sizes<["B", "6", "floordiv(H+1,2)", "4"]>>
  %0 = graph.conv %x, %w strides = [2, 2] pads = [1, 1, 1, 1] dilations = [1, 1] groups = 1
     : (tensor<?x4x?x8xf32, #graph.sizes<["B", "4", "H", "8"]>>, tensor<6x4x3x3xf32>)
    -> tensor<?x6x?x4xf32, #graph.sizes<["B", "6", "floordiv(H+1,2)", "4"]>>
  return
}

// Small floats, sub-byte and unsigned integers, complex numbers, booleans.
// CHECK-LABEL: @element_types
func.func @element_types(%a: tensor<2xui4>, %b: tensor<2xcomplex<f32>>, %c: tensor<2xf4E2M1FN>,
                         %d: tensor<2xi1>, %e: tensor<2xf8E8M0FNU>) {
  %0 = graph.cast %a : tensor<2xui4> -> tensor<2xf4E2M1FN>
  %1 = graph.binary mul %b, %b : tensor<2xcomplex<f32>>
  %2 = graph.cast %c {round_mode = #graph<round_mode up>, saturate} : tensor<2xf4E2M1FN> -> tensor<2xf8E8M0FNU>
  // CHECK: graph.binary and
  %3 = graph.binary and %d, %d : tensor<2xi1>
  // CHECK: graph.constant dense<[true, false]> : tensor<2xi1>
  %4 = graph.constant dense<[true, false]> : tensor<2xi1>
  // CHECK: graph.constant dense_resource<blob> : tensor<2xf16>
  %5 = graph.constant dense_resource<blob> : tensor<2xf16>
  return
}

{-# dialect_resources: { builtin: { blob: "0x02000000003C0040" } } #-}
