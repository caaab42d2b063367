// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: cameo-opt %s -convert-graph-to-kernel -verify-diagnostics

// Every op without a kernel is named, not only the first.
func.func @main(%x: tensor<2x3xf32>) -> (tensor<2x2xf32>, tensor<2x2xf32>) {
  // expected-error @+1 {{no kernel computes graph.topk yet}}
  %0, %1 = graph.topk %x axis = 1 k = "2" largest : (tensor<2x3xf32>) -> (tensor<2x2xf32>, tensor<2x2xi64>)
  // expected-error @+1 {{no kernel computes graph.topk yet}}
  %2, %3 = graph.topk %x axis = 1 k = "2" : (tensor<2x3xf32>) -> (tensor<2x2xf32>, tensor<2x2xi64>)
  return %0, %2 : tensor<2x2xf32>, tensor<2x2xf32>
}
