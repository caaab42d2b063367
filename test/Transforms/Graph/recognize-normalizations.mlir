// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: cameo-opt %s --graph-recognize -o %t && FileCheck %s < %t
// RUN: cameo-opt %t --graph-recognize | diff %t -

!x = tensor<?x8xf32, #graph.sizes<["N", "8"]>>
!m = tensor<?x1xf32, #graph.sizes<["N", "1"]>>

// PyTorch before opset 17.
// CHECK-LABEL: @layer_norm_pytorch
// CHECK-NEXT: %[[Y:.*]] = graph.normalize layer %arg0 scale %arg1 bias %arg2 axes = [1] epsilon = 9.9{{.*}}E-6
// CHECK-NEXT: return %[[Y]]
func.func @layer_norm_pytorch(%x: !x, %w: tensor<8xf32>, %b: tensor<8xf32>) -> !x {
  %two = graph.constant dense<2.0> : tensor<f32>
  %eps = graph.constant dense<1.0e-05> : tensor<f32>
  %0 = graph.reduce mean %x axes = [1] keepdims : !x -> !m
  %1 = graph.binary sub %x, %0 : (!x, !m) -> !x
  %2 = graph.binary pow %1, %two : (!x, tensor<f32>) -> !x
  %3 = graph.reduce mean %2 axes = [1] keepdims : !x -> !m
  %4 = graph.binary add %3, %eps : (!m, tensor<f32>) -> !m
  %5 = graph.unary sqrt %4 : !m
  %6 = graph.binary div %1, %5 : (!x, !m) -> !x
  %7 = graph.binary mul %6, %w : (!x, tensor<8xf32>) -> !x
  %8 = graph.binary add %7, %b : (!x, tensor<8xf32>) -> !x
  return %8 : !x
}

// TensorFlow: x * inv + (beta - mean * inv), inv = rsqrt(var + eps) * gamma
// CHECK-LABEL: @layer_norm_tensorflow
// CHECK-NEXT: graph.normalize layer %arg0 scale %arg1 bias %arg2 axes = [1]
func.func @layer_norm_tensorflow(%x: !x, %gamma: tensor<8xf32>, %beta: tensor<8xf32>) -> !x {
  %eps = graph.constant dense<1.0e-03> : tensor<f32>
  %mean = graph.reduce mean %x axes = [1] keepdims : !x -> !m
  %d = graph.binary sub %x, %mean : (!x, !m) -> !x
  %d2 = graph.binary mul %d, %d : !x
  %var = graph.reduce mean %d2 axes = [1] keepdims : !x -> !m
  %v = graph.binary add %var, %eps : (!m, tensor<f32>) -> !m
  %s = graph.unary sqrt %v : !m
  %r = graph.unary reciprocal %s : !m
  %inv = graph.binary mul %r, %gamma : (!m, tensor<8xf32>) -> !x
  %0 = graph.binary mul %x, %inv : !x
  %1 = graph.binary mul %mean, %inv : (!m, !x) -> !x
  %2 = graph.binary sub %beta, %1 : (tensor<8xf32>, !x) -> !x
  %3 = graph.binary add %0, %2 : !x
  return %3 : !x
}

// CHECK-LABEL: @rms_norm
// CHECK-NEXT: graph.normalize rms %arg0 scale %arg1 axes = [1]
func.func @rms_norm(%x: !x, %w: tensor<8xf32>) -> !x {
  %one = graph.constant dense<1.0> : tensor<f32>
  %eps = graph.constant dense<1.0e-06> : tensor<f32>
  %0 = graph.binary mul %x, %x : !x
  %1 = graph.reduce mean %0 axes = [1] keepdims : !x -> !m
  %2 = graph.binary add %1, %eps : (!m, tensor<f32>) -> !m
  %3 = graph.unary sqrt %2 : !m
  %4 = graph.binary div %one, %3 : (tensor<f32>, !m) -> !m
  %5 = graph.binary mul %x, %4 : (!x, !m) -> !x
  %6 = graph.binary mul %w, %5 : (tensor<8xf32>, !x) -> !x
  return %6 : !x
}

// The variance is taken of another tensor, or along another axis; epsilon is negative.
// CHECK-LABEL: @normalize_near_misses
// CHECK-NOT: graph.normalize
// CHECK: return
func.func @normalize_near_misses(%x: tensor<8x8xf32>, %y: tensor<8x8xf32>) -> (tensor<8x8xf32>, tensor<8x8xf32>, tensor<8x8xf32>) {
  %eps = graph.constant dense<1.0e-06> : tensor<f32>
  %negative = graph.constant dense<-1.0e-06> : tensor<f32>
  %0 = graph.binary mul %y, %y : tensor<8x8xf32>
  %1 = graph.reduce mean %0 axes = [1] keepdims : tensor<8x8xf32> -> tensor<8x1xf32>
  %2 = graph.binary add %1, %eps : (tensor<8x1xf32>, tensor<f32>) -> tensor<8x1xf32>
  %3 = graph.unary sqrt %2 : tensor<8x1xf32>
  %4 = graph.binary div %x, %3 : (tensor<8x8xf32>, tensor<8x1xf32>) -> tensor<8x8xf32>
  %5 = graph.binary add %1, %negative : (tensor<8x1xf32>, tensor<f32>) -> tensor<8x1xf32>
  %6 = graph.unary sqrt %5 : tensor<8x1xf32>
  %7 = graph.binary div %y, %6 : (tensor<8x8xf32>, tensor<8x1xf32>) -> tensor<8x8xf32>
  %8 = graph.reduce sum %0 axes = [1] keepdims : tensor<8x8xf32> -> tensor<8x1xf32>
  %9 = graph.binary add %8, %eps : (tensor<8x1xf32>, tensor<f32>) -> tensor<8x1xf32>
  %10 = graph.unary sqrt %9 : tensor<8x1xf32>
  %11 = graph.binary div %y, %10 : (tensor<8x8xf32>, tensor<8x1xf32>) -> tensor<8x8xf32>
  return %4, %7, %11 : tensor<8x8xf32>, tensor<8x8xf32>, tensor<8x8xf32>
}

// Centered along another axis than the variance: an RMS norm of the difference, not a layer norm.
// CHECK-LABEL: @centered_along_another_axis
// CHECK: %[[D:.*]] = graph.binary sub
// CHECK: graph.normalize rms %[[D]] axes = [1]
func.func @centered_along_another_axis(%x: tensor<8x8xf32>) -> tensor<8x8xf32> {
  %eps = graph.constant dense<1.0e-06> : tensor<f32>
  %mean = graph.reduce mean %x axes = [0] keepdims : tensor<8x8xf32> -> tensor<1x8xf32>
  %d = graph.binary sub %x, %mean : (tensor<8x8xf32>, tensor<1x8xf32>) -> tensor<8x8xf32>
  %0 = graph.binary mul %d, %d : tensor<8x8xf32>
  %1 = graph.reduce mean %0 axes = [1] keepdims : tensor<8x8xf32> -> tensor<8x1xf32>
  %2 = graph.binary add %1, %eps : (tensor<8x1xf32>, tensor<f32>) -> tensor<8x1xf32>
  %3 = graph.unary sqrt %2 : tensor<8x1xf32>
  %4 = graph.binary div %d, %3 : (tensor<8x8xf32>, tensor<8x1xf32>) -> tensor<8x8xf32>
  return %4 : tensor<8x8xf32>
}

// A scale that varies along a dimension that is not normalized stays a multiply; a bias comes after
// the scale, so that a multiply after the bias stays too.
// CHECK-LABEL: @affine_near_misses
// CHECK: %[[A:.*]] = graph.normalize layer %arg0 axes = [1]
// CHECK: graph.binary mul %[[A]], %arg1
// CHECK: %[[B:.*]] = graph.normalize layer %arg0 bias %arg2 axes = [1]
// CHECK: graph.binary mul %[[B]], %arg2
func.func @affine_near_misses(%x: tensor<8x8xf32>, %column: tensor<8x1xf32>, %row: tensor<8xf32>) -> (tensor<8x8xf32>, tensor<8x8xf32>) {
  %a = graph.normalize layer %x axes = [1] epsilon = 1.0e-05 : (tensor<8x8xf32>) -> tensor<8x8xf32>
  %0 = graph.binary mul %a, %column : (tensor<8x8xf32>, tensor<8x1xf32>) -> tensor<8x8xf32>
  %b = graph.normalize layer %x axes = [1] epsilon = 1.0e-05 : (tensor<8x8xf32>) -> tensor<8x8xf32>
  %1 = graph.binary add %b, %row : (tensor<8x8xf32>, tensor<8xf32>) -> tensor<8x8xf32>
  %2 = graph.binary mul %1, %row : (tensor<8x8xf32>, tensor<8xf32>) -> tensor<8x8xf32>
  return %0, %2 : tensor<8x8xf32>, tensor<8x8xf32>
}

// CHECK-LABEL: @softmax_written_out
// CHECK-NEXT: graph.softmax softmax %arg0 axis = 1
// CHECK-NEXT: graph.softmax log_softmax %arg0 axis = 1
func.func @softmax_written_out(%x: !x) -> (!x, !x) {
  %0 = graph.reduce max %x axes = [1] keepdims : !x -> !m
  %1 = graph.binary sub %x, %0 : (!x, !m) -> !x
  %2 = graph.unary exp %1 : !x
  %3 = graph.reduce sum %2 axes = [1] keepdims : !x -> !m
  %4 = graph.binary div %2, %3 : (!x, !m) -> !x
  %5 = graph.softmax softmax %x axis = 1 : !x
  %6 = graph.unary log %5 : !x
  return %4, %6 : !x, !x
}

// The sum runs along two axes, or belongs to another exponential.
// CHECK-LABEL: @softmax_near_misses
// CHECK-NOT: graph.softmax
// CHECK: return
func.func @softmax_near_misses(%x: tensor<8x8xf32>, %y: tensor<8x8xf32>) -> (tensor<8x8xf32>, tensor<8x8xf32>) {
  %0 = graph.unary exp %x : tensor<8x8xf32>
  %1 = graph.reduce sum %0 axes = [0, 1] keepdims : tensor<8x8xf32> -> tensor<1x1xf32>
  %2 = graph.binary div %0, %1 : (tensor<8x8xf32>, tensor<1x1xf32>) -> tensor<8x8xf32>
  %3 = graph.unary exp %y : tensor<8x8xf32>
  %4 = graph.reduce sum %3 axes = [1] keepdims : tensor<8x8xf32> -> tensor<8x1xf32>
  %5 = graph.binary div %0, %4 : (tensor<8x8xf32>, tensor<8x1xf32>) -> tensor<8x8xf32>
  return %2, %5 : tensor<8x8xf32>, tensor<8x8xf32>
}
