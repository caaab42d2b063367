// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: cameo-opt %s --graph-fold-batchnorm -o %t && FileCheck %s < %t
// RUN: cameo-opt %t --graph-fold-batchnorm | diff %t -

!x = tensor<?x2x?x?xf32, #graph.sizes<["N", "2", "H", "W"]>>
!y = tensor<?x3x?x?xf32, #graph.sizes<["N", "3", "H", "W"]>>

// Batch normalization as the importer writes it: scale and shift of shape [C, 1, 1].
// CHECK-LABEL: @batchnorm_after_conv
// CHECK: %[[S:.*]] = graph.reshape {{.*}} : tensor<3xf32> -> tensor<3x1x1x1xf32>
// CHECK: %[[W:.*]] = graph.binary mul %{{.*}}, %[[S]] : (tensor<3x2x1x1xf32>, tensor<3x1x1x1xf32>)
// CHECK: %[[Y:.*]] = graph.conv %arg0, %[[W]] bias
// CHECK-NEXT: return %[[Y]]
func.func @batchnorm_after_conv(%x: !x) -> !y {
  %w = graph.constant dense<[[[[1.0]],[[2.0]]],[[[3.0]],[[4.0]]],[[[5.0]],[[6.0]]]]> : tensor<3x2x1x1xf32>
  %scale = graph.constant dense<[[[1.0]],[[2.0]],[[3.0]]]> : tensor<3x1x1xf32>
  %shift = graph.constant dense<[[[4.0]],[[5.0]],[[6.0]]]> : tensor<3x1x1xf32>
  %0 = graph.conv %x, %w strides = [1, 1] pads = [0, 0, 0, 0] dilations = [1, 1] groups = 1 : (!x, tensor<3x2x1x1xf32>) -> !y
  %1 = graph.binary mul %0, %scale : (!y, tensor<3x1x1xf32>) -> !y
  %2 = graph.binary add %1, %shift : (!y, tensor<3x1x1xf32>) -> !y
  return %2 : !y
}

// The scale is an expression of constants: gamma / sqrt(variance + epsilon).
// CHECK-LABEL: @scale_is_an_expression
// CHECK: %[[Y:.*]] = graph.conv
// CHECK-NEXT: return %[[Y]]
func.func @scale_is_an_expression(%x: !x) -> !y {
  %w = graph.constant dense<[[[[1.0]],[[2.0]]],[[[3.0]],[[4.0]]],[[[5.0]],[[6.0]]]]> : tensor<3x2x1x1xf32>
  %v = graph.constant dense<[[[1.0]],[[2.0]],[[3.0]]]> : tensor<3x1x1xf32>
  %eps = graph.constant dense<1.0e-05> : tensor<f32>
  %0 = graph.conv %x, %w strides = [1, 1] pads = [0, 0, 0, 0] dilations = [1, 1] groups = 1 : (!x, tensor<3x2x1x1xf32>) -> !y
  %1 = graph.binary add %v, %eps : (tensor<3x1x1xf32>, tensor<f32>) -> tensor<3x1x1xf32>
  %2 = graph.unary sqrt %1 : tensor<3x1x1xf32>
  %3 = graph.binary div %0, %2 : (!y, tensor<3x1x1xf32>) -> !y
  return %3 : !y
}

// CHECK-LABEL: @scale_after_matmul
// CHECK: %[[W:.*]] = graph.binary mul
// CHECK: graph.matmul %arg0, %[[W]]
func.func @scale_after_matmul(%a: tensor<5x2xf32>) -> tensor<5x3xf32> {
  %w = graph.constant dense<[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]> : tensor<2x3xf32>
  %s = graph.constant dense<[1.0, 2.0, 3.0]> : tensor<3xf32>
  %0 = graph.matmul %a, %w : (tensor<5x2xf32>, tensor<2x3xf32>) -> tensor<5x3xf32>
  %1 = graph.binary mul %0, %s : (tensor<5x3xf32>, tensor<3xf32>) -> tensor<5x3xf32>
  return %1 : tensor<5x3xf32>
}

// The scale varies along the rows, or is no constant, or divides the other way round.
// CHECK-LABEL: @keep_other_scales
// CHECK: %[[W:.*]] = graph.constant dense<{{\[\[}}1.0{{.*}} : tensor<2x3xf32>
// CHECK-COUNT-3: graph.matmul %arg0, %[[W]]
// CHECK-COUNT-2: graph.binary mul
// CHECK: graph.binary div
func.func @keep_other_scales(%a: tensor<3x2xf32>, %v: tensor<3xf32>) -> (tensor<3x3xf32>, tensor<3x3xf32>, tensor<3x3xf32>) {
  %cst = graph.constant dense<[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]> : tensor<2x3xf32>
  %s = graph.constant dense<[[1.0], [2.0], [3.0]]> : tensor<3x1xf32>
  %t = graph.constant dense<[1.0, 2.0, 3.0]> : tensor<3xf32>
  %0 = graph.matmul %a, %cst : (tensor<3x2xf32>, tensor<2x3xf32>) -> tensor<3x3xf32>
  %1 = graph.matmul %a, %cst : (tensor<3x2xf32>, tensor<2x3xf32>) -> tensor<3x3xf32>
  %2 = graph.matmul %a, %cst : (tensor<3x2xf32>, tensor<2x3xf32>) -> tensor<3x3xf32>
  %3 = graph.binary mul %0, %s : (tensor<3x3xf32>, tensor<3x1xf32>) -> tensor<3x3xf32>
  %4 = graph.binary mul %1, %v : (tensor<3x3xf32>, tensor<3xf32>) -> tensor<3x3xf32>
  %5 = graph.binary div %t, %2 : (tensor<3xf32>, tensor<3x3xf32>) -> tensor<3x3xf32>
  return %3, %4, %5 : tensor<3x3xf32>, tensor<3x3xf32>, tensor<3x3xf32>
}

// The unscaled result is used too; f16 weights would be rounded again.
// CHECK-LABEL: @keep_used_and_short
// CHECK-COUNT-2: graph.binary mul
// CHECK: return
func.func @keep_used_and_short(%a: tensor<3x2xf32>, %h: tensor<3x2xf16>) -> (tensor<3x3xf32>, tensor<3x3xf32>, tensor<3x3xf16>) {
  %w = graph.constant dense<[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]> : tensor<2x3xf32>
  %s = graph.constant dense<[1.0, 2.0, 3.0]> : tensor<3xf32>
  %w16 = graph.constant dense<[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]> : tensor<2x3xf16>
  %s16 = graph.constant dense<[1.0, 2.0, 3.0]> : tensor<3xf16>
  %0 = graph.matmul %a, %w : (tensor<3x2xf32>, tensor<2x3xf32>) -> tensor<3x3xf32>
  %1 = graph.binary mul %0, %s : (tensor<3x3xf32>, tensor<3xf32>) -> tensor<3x3xf32>
  %2 = graph.matmul %h, %w16 : (tensor<3x2xf16>, tensor<2x3xf16>) -> tensor<3x3xf16>
  %3 = graph.binary mul %2, %s16 : (tensor<3x3xf16>, tensor<3xf16>) -> tensor<3x3xf16>
  return %0, %1, %3 : tensor<3x3xf32>, tensor<3x3xf32>, tensor<3x3xf16>
}
