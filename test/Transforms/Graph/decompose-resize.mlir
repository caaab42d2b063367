// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: cameo-opt %s -graph-decompose | FileCheck %s

!x = tensor<2x?xf16, #graph.sizes<["2", "N"]>>
!y = tensor<2x?xf16, #graph.sizes<["2", "floordiv(N,2)"]>>

// A known scale gives as many taps as its filter has: weights of sum 1, a gather, a sum in f32.
// CHECK-LABEL: func.func @half
// CHECK-NOT: graph.resize
// CHECK: %[[TOTAL:.*]] = graph.reduce sum %[[RAW:.*]] axes = [0] keepdims : tensor<4x?xf64
// CHECK: graph.binary div %[[RAW]], %[[TOTAL]]
// CHECK: graph.gather {{.*}} axis = 1 : (tensor<2x?xf32, {{.*}} -> tensor<2x4x?xf32
// CHECK: %[[SUM:.*]] = graph.reduce sum {{.*}} axes = [1] : tensor<2x4x?xf32
// CHECK: graph.cast %[[SUM]]
func.func @half(%x: !x) -> !y attributes {graph.symbols = [#graph.symbol<name = "N", input = 0, dim = 1>]} {
  %0 = graph.resize linear %x coordinates half_pixel axes = [1] {antialias, scale_values = array<f64: 0.5>} : (!x) -> !y
  return %0 : !y
}

// Sizes bound the filter; coordinates that are cropped away take the extrapolation.
// CHECK-LABEL: func.func @cropped
// CHECK-NOT: graph.resize
// CHECK: graph.gather {{.*}} -> tensor<2x8x4xf32
// CHECK: graph.select {{.*}} -> tensor<2x4xf32>
func.func @cropped(%x: tensor<2x8xf32>) -> tensor<2x4xf32> {
  %0 = graph.resize cubic %x coordinates tf_crop_and_resize axes = [1]
         {antialias, extrapolation = 7.0 : f64, roi_values = array<f64: 0.0, 1.0>} : (tensor<2x8xf32>) -> tensor<2x4xf32>
  return %0 : tensor<2x4xf32>
}

// Nothing to filter: nearest moves elements.
// CHECK-LABEL: func.func @nearest
// CHECK: graph.resize
func.func @nearest(%x: tensor<2x8xf32>) -> tensor<2x4xf32> {
  %0 = graph.resize nearest %x coordinates half_pixel axes = [1] {antialias} : (tensor<2x8xf32>) -> tensor<2x4xf32>
  return %0 : tensor<2x4xf32>
}
