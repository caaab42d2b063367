// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: cameo-opt %s -graph-decompose | FileCheck %s

// Ranks by counting, then the position of each rank, then a gather.
// CHECK-LABEL: func.func @topk
// CHECK-NOT: graph.topk
// CHECK: graph.unary is_nan
// CHECK: %[[COUNT:.*]] = graph.reduce sum {{.*}} -> tensor<2x?xi32
// CHECK: %[[I:.*]] = graph.reduce sum {{.*}} -> tensor<2x3xi64>
// CHECK: graph.gather_elements %{{.*}}, %[[I]] axis = 1
func.func @topk(%x: tensor<2x?xf32, #graph.sizes<["2", "N"]>>) -> (tensor<2x3xf32>, tensor<2x3xi64>)
    attributes {graph.symbols = [#graph.symbol<name = "N", input = 0, dim = 1>]} {
  %0, %1 = graph.topk %x axis = 1 k = "3" largest
         : (tensor<2x?xf32, #graph.sizes<["2", "N"]>>) -> (tensor<2x3xf32>, tensor<2x3xi64>)
  return %0, %1 : tensor<2x3xf32>, tensor<2x3xi64>
}

// Integers have no NaN.
// CHECK-LABEL: func.func @integers
// CHECK-NOT: is_nan
func.func @integers(%x: tensor<4xui8>) -> (tensor<4xui8>, tensor<4xi64>) {
  %0, %1 = graph.topk %x axis = 0 k = "4" : (tensor<4xui8>) -> (tensor<4xui8>, tensor<4xi64>)
  return %0, %1 : tensor<4xui8>, tensor<4xi64>
}
