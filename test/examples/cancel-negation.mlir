// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: first-pass-opt %s -split-input-file -cancel-negation | FileCheck %s
// RUN: cameo-opt %s -split-input-file -load-pass-plugin=%plugins/first-pass-plugin.so \
// RUN:   -pass-pipeline='builtin.module(func.func(cancel-negation))' | FileCheck %s

// CHECK-LABEL: @two_are_none
// CHECK-SAME: %[[X:.*]]: tensor
// CHECK-NEXT: return %[[X]]
func.func @two_are_none(%x: tensor<4xf32>) -> tensor<4xf32> {
  %a = graph.unary neg %x : tensor<4xf32>
  %b = graph.unary neg %a : tensor<4xf32>
  return %b : tensor<4xf32>
}

// -----

// CHECK-LABEL: @three_are_one
// CHECK-COUNT-1: graph.unary neg
// CHECK-NOT: graph.unary
func.func @three_are_one(%x: tensor<4xf32>) -> tensor<4xf32> {
  %a = graph.unary neg %x : tensor<4xf32>
  %b = graph.unary neg %a : tensor<4xf32>
  %c = graph.unary neg %b : tensor<4xf32>
  return %c : tensor<4xf32>
}

// -----

// CHECK-LABEL: @keep_what_others_read
// CHECK-SAME: %[[X:.*]]: tensor
// CHECK: %[[A:.*]] = graph.unary neg %[[X]]
// CHECK: return %[[A]], %[[X]]
func.func @keep_what_others_read(%x: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>) {
  %a = graph.unary neg %x : tensor<4xf32>
  %b = graph.unary neg %a : tensor<4xf32>
  return %a, %b : tensor<4xf32>, tensor<4xf32>
}

// -----

// CHECK-LABEL: @other_kinds_stay
// CHECK: graph.unary abs
// CHECK: graph.unary neg
func.func @other_kinds_stay(%x: tensor<4xf32>) -> tensor<4xf32> {
  %a = graph.unary abs %x : tensor<4xf32>
  %b = graph.unary neg %a : tensor<4xf32>
  return %b : tensor<4xf32>
}
