// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: cameo-opt %s --graph-decompose -o %t && FileCheck %s < %t
// RUN: cameo-opt %t --graph-decompose | diff %t -

!x = tensor<?x8xf16, #graph.sizes<["N", "8"]>>

// Squares of short floats are summed in f32 and rounded once.
// CHECK-LABEL: @l2_of_f16
// CHECK: %[[WIDE:.*]] = graph.cast %arg0 : {{.*}} -> tensor<?x8xf32
// CHECK: %[[SQUARE:.*]] = graph.binary mul %[[WIDE]], %[[WIDE]]
// CHECK: %[[SUM:.*]] = graph.reduce sum %[[SQUARE]] axes = [1] :
// CHECK: %[[ROOT:.*]] = graph.unary sqrt %[[SUM]]
// CHECK: graph.cast %[[ROOT]] : {{.*}} -> tensor<?xf16
func.func @l2_of_f16(%x: !x) -> tensor<?xf16, #graph.sizes<["N"]>> {
  %0 = graph.reduce l2 %x axes = [1] : !x -> tensor<?xf16, #graph.sizes<["N"]>>
  return %0 : tensor<?xf16, #graph.sizes<["N"]>>
}

// CHECK-LABEL: @l1_of_unsigned
// CHECK-NOT: abs
// CHECK: graph.reduce sum %arg0
func.func @l1_of_unsigned(%x: tensor<4xui8>) -> tensor<ui8> {
  %0 = graph.reduce l1 %x axes = [0] : tensor<4xui8> -> tensor<ui8>
  return %0 : tensor<ui8>
}

// CHECK-LABEL: @log_sum_exp
// CHECK: %[[MAX:.*]] = graph.reduce max %arg0 axes = [0] keepdims
// CHECK: %[[SHIFT:.*]] = graph.select
// CHECK: graph.binary sub %arg0, %[[SHIFT]]
// CHECK: graph.reshape {{.*}} -> tensor<f32>
func.func @log_sum_exp(%x: tensor<4xf32>) -> tensor<f32> {
  %0 = graph.reduce log_sum_exp %x axes = [0] : tensor<4xf32> -> tensor<f32>
  return %0 : tensor<f32>
}

// Reductions with a kernel of their own stay.
// CHECK-LABEL: @keep_mean
// CHECK-NEXT: graph.reduce mean
func.func @keep_mean(%x: tensor<4xf32>) -> tensor<f32> {
  %0 = graph.reduce mean %x axes = [0] : tensor<4xf32> -> tensor<f32>
  return %0 : tensor<f32>
}

// An empty axis is legal here and not in arg_reduce.
// CHECK-LABEL: @keep_hardmax
// CHECK-NEXT: graph.softmax hardmax
func.func @keep_hardmax(%x: !x) -> !x {
  %0 = graph.softmax hardmax %x axis = 0 : !x
  return %0 : !x
}

// CHECK-LABEL: @keep_softmax
// CHECK-NEXT: graph.softmax log_softmax
func.func @keep_softmax(%x: !x) -> !x {
  %0 = graph.softmax log_softmax %x axis = 1 : !x
  return %0 : !x
}

// CHECK-LABEL: @tile
// CHECK: graph.reshape {{.*}} -> tensor<1x?x8xf16, #graph.sizes<["1", "N", "8"]>>
// CHECK: graph.broadcast {{.*}} -> tensor<3x?x8xf16, #graph.sizes<["3", "N", "8"]>>
// CHECK: graph.reshape {{.*}} -> tensor<?x8xf16, #graph.sizes<["3*N", "8"]>>
func.func @tile(%x: !x) -> tensor<?x8xf16, #graph.sizes<["3*N", "8"]>> {
  %0 = graph.tile %x : !x -> tensor<?x8xf16, #graph.sizes<["3*N", "8"]>>
  return %0 : tensor<?x8xf16, #graph.sizes<["3*N", "8"]>>
}

// M is a multiple of N only at launch.
// CHECK-LABEL: @keep_opaque_tile
// CHECK-NEXT: graph.tile
func.func @keep_opaque_tile(%x: !x) -> tensor<?x8xf16, #graph.sizes<["M", "8"]>> {
  %0 = graph.tile %x : !x -> tensor<?x8xf16, #graph.sizes<["M", "8"]>>
  return %0 : tensor<?x8xf16, #graph.sizes<["M", "8"]>>
}

// CHECK-LABEL: @trilu
// CHECK: %[[DIAGONAL:.*]] = graph.binary sub
// CHECK: %[[KEEP:.*]] = graph.binary ge %[[DIAGONAL]]
// CHECK: graph.select %[[KEEP]], %arg0
func.func @trilu(%x: !x) -> !x {
  %0 = graph.trilu %x upper k = "K" : !x
  return %0 : !x
}

// CHECK-LABEL: @one_hot
// CHECK: graph.binary lt
// CHECK: graph.binary eq
// CHECK: graph.select {{.*}} -> tensor<4x10xf32>
func.func @one_hot(%i: tensor<4xf32>, %v: tensor<2xf32>) -> tensor<4x10xf32> {
  %0 = graph.one_hot %i, %v axis = 1 depth = "10" : (tensor<4xf32>, tensor<2xf32>) -> tensor<4x10xf32>
  return %0 : tensor<4x10xf32>
}

// CHECK-LABEL: @quantize_per_axis
// CHECK: graph.reshape %arg1 : tensor<3xf32> -> tensor<1x3x1xf32>
// CHECK: %[[Q:.*]] = graph.binary div
// CHECK: %[[R:.*]] = graph.unary round %[[Q]]
// CHECK: graph.binary add %[[R]]
// CHECK: graph.cast {{.*}} -> tensor<2x3x4xi8>
func.func @quantize_per_axis(%x: tensor<2x3x4xf32>, %s: tensor<3xf32>, %z: tensor<3xi8>) -> tensor<2x3x4xi8> {
  %0 = graph.quantize %x, %s zero_point %z axis = 1 : (tensor<2x3x4xf32>, tensor<3xf32>, tensor<3xi8>) -> tensor<2x3x4xi8>
  return %0 : tensor<2x3x4xi8>
}

// Blocks of 4 along 10 elements: the last block reaches past the end.
// CHECK-LABEL: @dequantize_blocked
// CHECK: graph.broadcast {{.*}} -> tensor<2x3x4xf32>
// CHECK: graph.reshape {{.*}} -> tensor<2x12xf32>
// CHECK: graph.slice {{.*}} -> tensor<2x10xf32>
// CHECK: graph.binary mul
func.func @dequantize_blocked(%x: tensor<2x10xi4>, %s: tensor<2x3xf32>) -> tensor<2x10xf32> {
  %0 = graph.dequantize %x, %s axis = 1 {block_size = 4 : i64} : (tensor<2x10xi4>, tensor<2x3xf32>) -> tensor<2x10xf32>
  return %0 : tensor<2x10xf32>
}

// Floats do not round before the cast.
// CHECK-LABEL: @quantize_to_float8
// CHECK-NOT: round
// CHECK: graph.cast {{.*}} {saturate} : tensor<4xf32> -> tensor<4xf8E4M3FN>
func.func @quantize_to_float8(%x: tensor<4xf32>, %s: tensor<f32>) -> tensor<4xf8E4M3FN> {
  %0 = graph.quantize %x, %s axis = 0 {saturate} : (tensor<4xf32>, tensor<f32>) -> tensor<4xf8E4M3FN>
  return %0 : tensor<4xf8E4M3FN>
}

// CHECK-LABEL: @matmul_integer
// CHECK: %[[P:.*]] = graph.matmul_integer %arg0, %arg1 : (tensor<2x3xui8>, tensor<3x4xi8>) -> tensor<2x4xi32>
// CHECK: %[[B:.*]] = graph.cast %arg1 : tensor<3x4xi8> -> tensor<3x4xi32>
// CHECK: %[[S:.*]] = graph.reduce sum %[[B]] {{.*}} -> tensor<1x4xi32>
// CHECK: %[[Z:.*]] = graph.reshape %arg2 : tensor<2xui8> -> tensor<2x1xui8>
// CHECK: %[[W:.*]] = graph.cast %[[Z]]
// CHECK: %[[R:.*]] = graph.binary mul %[[W]], %[[S]]
// CHECK: graph.binary sub %[[P]], %[[R]]
func.func @matmul_integer(%a: tensor<2x3xui8>, %b: tensor<3x4xi8>, %z: tensor<2xui8>) -> tensor<2x4xi32> {
  %0 = graph.matmul_integer %a, %b a_zero_point %z : (tensor<2x3xui8>, tensor<3x4xi8>, tensor<2xui8>) -> tensor<2x4xi32>
  return %0 : tensor<2x4xi32>
}

// Sums over k of both operands; the rows' without their zero point, so that k itself does not matter.
// CHECK-LABEL: @matmul_integer_both
// CHECK: %[[P:.*]] = graph.matmul_integer %arg0, %arg1 : (tensor<2x3xui8>, tensor<3x4xi8>) -> tensor<2x4xi32>
// CHECK: graph.reduce sum {{.*}} -> tensor<1x4xi32>
// CHECK: graph.binary sub {{.*}} -> tensor<2x4xi32>
// CHECK: %[[D:.*]] = graph.binary sub {{.*}} -> tensor<2x3xi32>
// CHECK: graph.reduce sum %[[D]] {{.*}} -> tensor<2x1xi32>
// CHECK: graph.binary sub {{.*}} : tensor<2x4xi32>
func.func @matmul_integer_both(%a: tensor<2x3xui8>, %b: tensor<3x4xi8>, %z: tensor<ui8>, %y: tensor<4xi8>) -> tensor<2x4xi32> {
  %0 = graph.matmul_integer %a, %b a_zero_point %z b_zero_point %y : (tensor<2x3xui8>, tensor<3x4xi8>, tensor<ui8>, tensor<4xi8>) -> tensor<2x4xi32>
  return %0 : tensor<2x4xi32>
}

// Without zero points nothing is left to do; zeros are none.
// CHECK-LABEL: @matmul_integer_plain
// CHECK-NEXT: %[[P:.*]] = graph.matmul_integer %arg0, %arg1 : (tensor<2x3xui8>, tensor<3x4xi8>) -> tensor<2x4xi32>
// CHECK-NEXT: return %[[P]]
func.func @matmul_integer_plain(%a: tensor<2x3xui8>, %b: tensor<3x4xi8>) -> tensor<2x4xi32> {
  %z = graph.constant dense<0> : tensor<i8>
  %0 = graph.matmul_integer %a, %b b_zero_point %z : (tensor<2x3xui8>, tensor<3x4xi8>, tensor<i8>) -> tensor<2x4xi32>
  return %0 : tensor<2x4xi32>
}

// CHECK-LABEL: @conv_integer
// CHECK: graph.conv %{{.*}} -> tensor<1x6x6x6xi32>
func.func @conv_integer(%x: tensor<1x4x8x8xui8>, %w: tensor<6x4x3x3xi8>, %z: tensor<ui8>) -> tensor<1x6x6x6xi32> {
  %0 = graph.conv_integer %x, %w x_zero_point %z strides = [1, 1] pads = [0, 0, 0, 0] dilations = [1, 1] groups = 1
     : (tensor<1x4x8x8xui8>, tensor<6x4x3x3xi8>, tensor<ui8>) -> tensor<1x6x6x6xi32>
  return %0 : tensor<1x6x6x6xi32>
}
