// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: cameo-opt %s --graph-fold -o %t && FileCheck %s < %t
// RUN: cameo-opt %t --graph-fold | diff %t -
// RUN: cameo-opt %s --pass-pipeline='builtin.module(func.func(graph-fold{max-elements=2}))' | FileCheck %s --check-prefix=CAP

// CHECK-LABEL: @chain
// CHECK-NEXT: %[[C:.*]] = graph.constant dense<[3.000000e+00, 5.000000e+00]> : tensor<2xf32>
// CHECK-NEXT: return %[[C]]
func.func @chain() -> tensor<2xf32> {
  %a = graph.constant dense<[1.0, 2.0]> : tensor<2xf32>
  %b = graph.constant dense<2.0> : tensor<f32>
  %one = graph.constant dense<1.0> : tensor<f32>
  %0 = graph.binary mul %a, %b : (tensor<2xf32>, tensor<f32>) -> tensor<2xf32>
  %1 = graph.binary add %0, %one : (tensor<2xf32>, tensor<f32>) -> tensor<2xf32>
  return %1 : tensor<2xf32>
}

// CHECK-LABEL: @transpose
// CHECK-NEXT: graph.constant dense<{{\[\[}}1, 4], [2, 5], [3, 6]]> : tensor<3x2xi8>
// CAP-LABEL: @transpose
// CAP: graph.transpose
func.func @transpose() -> tensor<3x2xi8> {
  %a = graph.constant dense<[[1, 2, 3], [4, 5, 6]]> : tensor<2x3xi8>
  %0 = graph.transpose %a perm = [1, 0] : tensor<2x3xi8> -> tensor<3x2xi8>
  return %0 : tensor<3x2xi8>
}

// The folded sum feeds an op with another operand, which stays.
// CHECK-LABEL: @keep_what_depends_on_inputs
// CHECK-NEXT: %[[C:.*]] = graph.constant dense<3.000000e+00> : tensor<f32>
// CHECK-NEXT: graph.binary mul %arg0, %[[C]]
func.func @keep_what_depends_on_inputs(%x: tensor<2xf32>) -> tensor<2xf32> {
  %a = graph.constant dense<1.0> : tensor<f32>
  %b = graph.constant dense<2.0> : tensor<f32>
  %0 = graph.binary add %a, %b : tensor<f32>
  %1 = graph.binary mul %x, %0 : (tensor<2xf32>, tensor<f32>) -> tensor<2xf32>
  return %1 : tensor<2xf32>
}

// A million elements out of a thousand are computed on the device; symbolic sizes stay symbolic.
// CHECK-LABEL: @keep_large_and_symbolic
// CHECK: graph.broadcast
// CHECK: graph.broadcast
func.func @keep_large_and_symbolic() -> (tensor<1000x1000xf32>, tensor<?xf32, #graph.sizes<["N"]>>) {
  %z = graph.constant dense<0.0> : tensor<f32>
  %d = graph.constant dense<1.0> : tensor<f32>
  %v = graph.iota %z, %d : (tensor<f32>, tensor<f32>) -> tensor<1000xf32>
  %0 = graph.broadcast %v : tensor<1000xf32> -> tensor<1000x1000xf32>
  %1 = graph.broadcast %d : tensor<f32> -> tensor<?xf32, #graph.sizes<["N"]>>
  return %0, %1 : tensor<1000x1000xf32>, tensor<?xf32, #graph.sizes<["N"]>>
}
