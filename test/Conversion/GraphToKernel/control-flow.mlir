// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: cameo-opt %s -split-input-file -convert-graph-to-kernel | FileCheck %s

// Branches keep their region and hold launches; what leaves the model is written by a kernel.
// CHECK-LABEL: func.func @main
// CHECK: graph.if %arg0
// CHECK: kernel.launch
// CHECK: graph.yield
// CHECK: else
// CHECK: kernel.launch
// CHECK: kernel.launch
// CHECK: return
func.func @main(%p: tensor<i1>, %x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = graph.if %p : tensor<i1> -> (tensor<4xf32>) {
    %1 = graph.unary relu %x : tensor<4xf32>
    graph.yield %1 : tensor<4xf32>
  } else {
    %1 = graph.unary neg %x : tensor<4xf32>
    graph.yield %1 : tensor<4xf32>
  }
  return %0 : tensor<4xf32>
}

// -----

// The number of an iteration is a symbol that launches pass on; a known trip count becomes an attribute.
// CHECK-LABEL: func.func @main
// CHECK: graph.loop carried
// CHECK-SAME: graph.iteration = "loop.0"
// CHECK-SAME: graph.trip_count = "5"
// CHECK: kernel.launch {{.*}}"`loop.0`"
func.func @main(%x: tensor<4xi64>) -> tensor<4xi64> {
  %n = graph.constant dense<5> : tensor<i64>
  %0 = graph.loop trip_count %n carried(%x) : (tensor<i64>, tensor<4xi64>) -> (tensor<4xi64>) {
  ^bb0(%i: tensor<i64>, %go: tensor<i1>, %c: tensor<4xi64>):
    %1 = graph.binary add %c, %i : (tensor<4xi64>, tensor<i64>) -> tensor<4xi64>
    graph.yield %go, %1 : tensor<i1>, tensor<4xi64>
  }
  return %0 : tensor<4xi64>
}
