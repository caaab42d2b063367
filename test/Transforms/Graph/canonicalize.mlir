// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: cameo-opt %s --graph-canonicalize -o %t && FileCheck %s < %t
// RUN: cameo-opt %t --graph-canonicalize | diff %t -

!n = tensor<?x4xf32, #graph.sizes<["N", "4"]>>
!flat = tensor<?xf32, #graph.sizes<["4*N"]>>

// CHECK-LABEL: @merge_reshapes
// CHECK-NEXT: return %arg0
func.func @merge_reshapes(%x: !n) -> !n {
  %0 = graph.reshape %x : !n -> !flat
  %1 = graph.reshape %0 : !flat -> !n
  return %1 : !n
}

// CHECK-LABEL: @merge_transposes
// CHECK: graph.transpose %arg0 perm = [2, 0, 1]
// CHECK-NOT: graph.transpose
func.func @merge_transposes(%x: tensor<2x3x4xf32>) -> tensor<4x2x3xf32> {
  %0 = graph.transpose %x perm = [0, 2, 1] : tensor<2x3x4xf32> -> tensor<2x4x3xf32>
  %1 = graph.transpose %0 perm = [1, 0, 2] : tensor<2x4x3xf32> -> tensor<4x2x3xf32>
  return %1 : tensor<4x2x3xf32>
}

// CHECK-LABEL: @inverse_transposes_vanish
// CHECK-NEXT: return %arg0
func.func @inverse_transposes_vanish(%x: tensor<2x3xf32>) -> tensor<2x3xf32> {
  %0 = graph.transpose %x perm = [1, 0] : tensor<2x3xf32> -> tensor<3x2xf32>
  %1 = graph.transpose %0 perm = [1, 0] : tensor<3x2xf32> -> tensor<2x3xf32>
  return %1 : tensor<2x3xf32>
}

// CHECK-LABEL: @transpose_of_ones
// CHECK: graph.reshape
func.func @transpose_of_ones(%x: tensor<5x1x4xf32>) -> tensor<1x5x4xf32> {
  %0 = graph.transpose %x perm = [1, 0, 2] : tensor<5x1x4xf32> -> tensor<1x5x4xf32>
  return %0 : tensor<1x5x4xf32>
}

// CHECK-LABEL: @keep_real_transpose
// CHECK: graph.transpose
func.func @keep_real_transpose(%x: tensor<5x1x4xf32>) -> tensor<4x1x5xf32> {
  %0 = graph.transpose %x perm = [2, 1, 0] : tensor<5x1x4xf32> -> tensor<4x1x5xf32>
  return %0 : tensor<4x1x5xf32>
}

// CHECK-LABEL: @transpose_into_matmul
// CHECK-NEXT: graph.matmul %arg0, %arg1 transpose_b
func.func @transpose_into_matmul(%a: tensor<7x2x3xf32>, %b: tensor<7x4x3xf32>) -> tensor<7x2x4xf32> {
  %0 = graph.transpose %b perm = [0, 2, 1] : tensor<7x4x3xf32> -> tensor<7x3x4xf32>
  %1 = graph.matmul %a, %0 : (tensor<7x2x3xf32>, tensor<7x3x4xf32>) -> tensor<7x2x4xf32>
  return %1 : tensor<7x2x4xf32>
}

// A transpose that moves a batch dimension too is no flag of the matmul.
// CHECK-LABEL: @keep_batch_transpose
// CHECK: graph.transpose
// CHECK: graph.matmul
func.func @keep_batch_transpose(%a: tensor<7x2x3xf32>, %b: tensor<4x7x3xf32>) -> tensor<7x2x4xf32> {
  %0 = graph.transpose %b perm = [1, 2, 0] : tensor<4x7x3xf32> -> tensor<7x3x4xf32>
  %1 = graph.matmul %a, %0 : (tensor<7x2x3xf32>, tensor<7x3x4xf32>) -> tensor<7x2x4xf32>
  return %1 : tensor<7x2x4xf32>
}

// CHECK-LABEL: @merge_slices
// CHECK-NEXT: graph.slice %arg0 starts = ["N-2"] steps = ["-2"]
func.func @merge_slices(%x: tensor<?xf32, #graph.sizes<["N"]>>) -> tensor<2xf32> {
  %0 = graph.slice %x starts = ["N-1"] steps = ["-1"] : tensor<?xf32, #graph.sizes<["N"]>> -> tensor<?xf32, #graph.sizes<["N"]>>
  %1 = graph.slice %0 starts = ["1"] steps = ["2"] : tensor<?xf32, #graph.sizes<["N"]>> -> tensor<2xf32>
  return %1 : tensor<2xf32>
}

// CHECK-LABEL: @flatten_concat
// CHECK-NEXT: graph.concat %arg0, %arg0, %arg1 axis = 0
func.func @flatten_concat(%x: tensor<2xf32>, %y: tensor<3xf32>, %empty: tensor<0xf32>) -> tensor<7xf32> {
  %0 = graph.concat %x, %y axis = 0 : (tensor<2xf32>, tensor<3xf32>) -> tensor<5xf32>
  %1 = graph.concat %x, %empty, %0 axis = 0 : (tensor<2xf32>, tensor<0xf32>, tensor<5xf32>) -> tensor<7xf32>
  return %1 : tensor<7xf32>
}

// CHECK-LABEL: @widen_then_cast
// CHECK-NEXT: graph.cast %arg0 : tensor<2xi8> -> tensor<2xf16>
func.func @widen_then_cast(%x: tensor<2xi8>) -> tensor<2xf16> {
  %0 = graph.cast %x : tensor<2xi8> -> tensor<2xi32>
  %1 = graph.cast %0 : tensor<2xi32> -> tensor<2xf16>
  return %1 : tensor<2xf16>
}

// f32 to f16 rounds, i16 has values f16 has not, and -1 has no place in ui32.
// CHECK-LABEL: @keep_lossy_casts
// CHECK-COUNT-6: graph.cast
func.func @keep_lossy_casts(%x: tensor<2xf32>, %y: tensor<2xi16>, %z: tensor<2xi8>)
    -> (tensor<2xf32>, tensor<2xf32>, tensor<2xf32>) {
  %0 = graph.cast %x : tensor<2xf32> -> tensor<2xf16>
  %1 = graph.cast %0 : tensor<2xf16> -> tensor<2xf32>
  %2 = graph.cast %y : tensor<2xi16> -> tensor<2xf16>
  %3 = graph.cast %2 : tensor<2xf16> -> tensor<2xf32>
  %4 = graph.cast %z : tensor<2xi8> -> tensor<2xui32>
  %5 = graph.cast %4 : tensor<2xui32> -> tensor<2xf32>
  return %1, %3, %5 : tensor<2xf32>, tensor<2xf32>, tensor<2xf32>
}

// CHECK-LABEL: @neutral_elements
// CHECK-NEXT: return %arg0, %arg1
func.func @neutral_elements(%x: !n, %y: tensor<3xi64>) -> (!n, tensor<3xi64>) {
  %one = graph.constant dense<1.0> : tensor<4xf32>
  %zero = graph.constant dense<0> : tensor<i64>
  %0 = graph.binary mul %one, %x : (tensor<4xf32>, !n) -> !n
  %1 = graph.binary add %y, %zero : (tensor<3xi64>, tensor<i64>) -> tensor<3xi64>
  return %0, %1 : !n, tensor<3xi64>
}

// -0 + 0 is +0, so a float zero is no neutral element of a sum.
// CHECK-LABEL: @keep_float_zero
// CHECK: graph.binary add
func.func @keep_float_zero(%x: tensor<3xf32>) -> tensor<3xf32> {
  %zero = graph.constant dense<0.0> : tensor<f32>
  %0 = graph.binary add %x, %zero : (tensor<3xf32>, tensor<f32>) -> tensor<3xf32>
  return %0 : tensor<3xf32>
}

// A splat that determines the result's sizes stays as it is.
// CHECK-LABEL: @splats
// CHECK-DAG: %[[SCALAR:.*]] = graph.constant dense<2.000000e+00> : tensor<f32>
// CHECK-DAG: %[[WIDE:.*]] = graph.constant dense<2.000000e+00> : tensor<5x3xf32>
// CHECK: graph.binary mul %arg0, %[[SCALAR]]
// CHECK: graph.binary mul %arg0, %[[WIDE]]
func.func @splats(%x: tensor<3xf32>) -> (tensor<3xf32>, tensor<5x3xf32>) {
  %two = graph.constant dense<2.0> : tensor<1x3xf32>
  %0 = graph.reshape %two : tensor<1x3xf32> -> tensor<3xf32>
  %wide = graph.broadcast %two : tensor<1x3xf32> -> tensor<5x3xf32>
  %1 = graph.binary mul %0, %x : tensor<3xf32>
  %2 = graph.binary mul %x, %wide : (tensor<3xf32>, tensor<5x3xf32>) -> tensor<5x3xf32>
  return %1, %2 : tensor<3xf32>, tensor<5x3xf32>
}

// CHECK-LABEL: @unary_chains
// CHECK-NEXT: %[[ABS:.*]] = graph.unary abs %arg0
// CHECK-NEXT: return %arg0, %[[ABS]]
func.func @unary_chains(%x: tensor<3xf32>) -> (tensor<3xf32>, tensor<3xf32>) {
  %0 = graph.unary neg %x : tensor<3xf32>
  %1 = graph.unary neg %0 : tensor<3xf32>
  %2 = graph.unary abs %0 : tensor<3xf32>
  %3 = graph.unary abs %2 : tensor<3xf32>
  return %1, %3 : tensor<3xf32>, tensor<3xf32>
}

// CHECK-LABEL: @square
// CHECK: graph.binary mul %arg0, %arg0
func.func @square(%x: tensor<3xf32>) -> tensor<3xf32> {
  %two = graph.constant dense<2.0> : tensor<f32>
  %0 = graph.binary pow %x, %two : (tensor<3xf32>, tensor<f32>) -> tensor<3xf32>
  return %0 : tensor<3xf32>
}

// The broadcast is the multiply's own; one that two unequal symbols would need is not.
// CHECK-LABEL: @drop_broadcast
// CHECK: graph.binary mul %arg0, %arg1 :
// CHECK: graph.broadcast %arg2
func.func @drop_broadcast(%x: !n, %row: tensor<4xf32>, %m: tensor<?x1xf32, #graph.sizes<["M", "1"]>>) -> (!n, !n) {
  %0 = graph.broadcast %row : tensor<4xf32> -> !n
  %1 = graph.binary mul %x, %0 : !n
  %2 = graph.broadcast %m : tensor<?x1xf32, #graph.sizes<["M", "1"]>> -> !n
  %3 = graph.binary mul %x, %2 : !n
  return %1, %3 : !n, !n
}

// CHECK-LABEL: @pad_into_conv
// CHECK-NEXT: graph.conv %arg0, %arg1 strides = [1, 1] pads = [1, 2, 1, 3]
func.func @pad_into_conv(%x: tensor<1x2x8x8xf32>, %w: tensor<3x2x3x3xf32>) -> tensor<1x3x8x11xf32> {
  %0 = graph.pad constant %x lo = ["0", "0", "1", "1"] hi = ["0", "0", "1", "2"] : (tensor<1x2x8x8xf32>) -> tensor<1x2x10x11xf32>
  %1 = graph.conv %0, %w strides = [1, 1] pads = [0, 1, 0, 1] dilations = [1, 1] groups = 1 : (tensor<1x2x10x11xf32>, tensor<3x2x3x3xf32>) -> tensor<1x3x8x11xf32>
  return %1 : tensor<1x3x8x11xf32>
}

// Padded with ones, along the channels, by a negative number, or by reflection.
// CHECK-LABEL: @keep_other_pads
// CHECK-COUNT-4: graph.pad
func.func @keep_other_pads(%x: tensor<1x2x8x8xf32>, %w: tensor<3x2x3x3xf32>, %v: tensor<3x3x3x3xf32>)
    -> (tensor<1x3x7x6xf32>, tensor<1x3x6x6xf32>, tensor<1x3x5x6xf32>, tensor<1x3x7x6xf32>) {
  %one = graph.constant dense<1.0> : tensor<f32>
  %0 = graph.pad constant %x lo = ["0", "0", "1", "0"] hi = ["0", "0", "0", "0"] value %one : (tensor<1x2x8x8xf32>, tensor<f32>) -> tensor<1x2x9x8xf32>
  %1 = graph.conv %0, %w strides = [1, 1] pads = [0, 0, 0, 0] dilations = [1, 1] groups = 1 : (tensor<1x2x9x8xf32>, tensor<3x2x3x3xf32>) -> tensor<1x3x7x6xf32>
  %2 = graph.pad constant %x lo = ["0", "1", "0", "0"] hi = ["0", "0", "0", "0"] : (tensor<1x2x8x8xf32>) -> tensor<1x3x8x8xf32>
  %3 = graph.conv %2, %v strides = [1, 1] pads = [0, 0, 0, 0] dilations = [1, 1] groups = 1 : (tensor<1x3x8x8xf32>, tensor<3x3x3x3xf32>) -> tensor<1x3x6x6xf32>
  %4 = graph.pad constant %x lo = ["0", "0", "-1", "0"] hi = ["0", "0", "0", "0"] : (tensor<1x2x8x8xf32>) -> tensor<1x2x7x8xf32>
  %5 = graph.conv %4, %w strides = [1, 1] pads = [0, 0, 0, 0] dilations = [1, 1] groups = 1 : (tensor<1x2x7x8xf32>, tensor<3x2x3x3xf32>) -> tensor<1x3x5x6xf32>
  %6 = graph.pad reflect %x lo = ["0", "0", "1", "0"] hi = ["0", "0", "0", "0"] : (tensor<1x2x8x8xf32>) -> tensor<1x2x9x8xf32>
  %7 = graph.conv %6, %w strides = [1, 1] pads = [0, 0, 0, 0] dilations = [1, 1] groups = 1 : (tensor<1x2x9x8xf32>, tensor<3x2x3x3xf32>) -> tensor<1x3x7x6xf32>
  return %1, %3, %5, %7 : tensor<1x3x7x6xf32>, tensor<1x3x6x6xf32>, tensor<1x3x5x6xf32>, tensor<1x3x7x6xf32>
}
