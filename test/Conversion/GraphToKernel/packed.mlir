// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: cameo-opt %s -split-input-file -convert-graph-to-kernel -canonicalize -cse -verify-diagnostics | FileCheck %s

// Several elements of a result share a byte: a kernel's threads own bytes, buffers are bytes.
// CHECK-LABEL: func.func @main
// CHECK: kernel.launch @{{.*}} sizes ["floordiv(N+1,2)"
// CHECK: kernel.func {{.*}}(%{{.*}}: tensor<?xf32>) outs(%{{.*}}: tensor<?xi8>)
// CHECK-NOT: xi4
func.func @main(%x: tensor<?xf32, #graph.sizes<["N"]>>) -> tensor<?xi4, #graph.sizes<["N"]>>
    attributes {graph.symbols = [#graph.symbol<name = "N", input = 0, dim = 0>]} {
  %0 = graph.cast %x : tensor<?xf32, #graph.sizes<["N"]>> -> tensor<?xi4, #graph.sizes<["N"]>>
  return %0 : tensor<?xi4, #graph.sizes<["N"]>>
}

// -----

// A view at an odd element reads the byte that holds it, and shifts.
// CHECK-LABEL: func.func @main
// CHECK: kernel.computed_view
// CHECK: kernel.read %{{.*}} : tensor<?xi8>
// CHECK: arith.shrui
func.func @main(%x: tensor<9xui4>) -> tensor<3xf32> {
  %0 = graph.slice %x starts = ["1"] steps = ["2"] : tensor<9xui4> -> tensor<3xui4>
  %1 = graph.cast %0 : tensor<3xui4> -> tensor<3xf32>
  return %1 : tensor<3xf32>
}

// -----

// What would write single elements is refused by name.
func.func @main(%x: tensor<4xi4>, %i: tensor<2xi64>, %u: tensor<2xi4>) -> tensor<4xi4> {
  // expected-error @+1 {{no kernel of graph.scatter_elements writes elements of less than a byte}}
  %0 = graph.scatter_elements set %x, %i, %u axis = 0 : (tensor<4xi4>, tensor<2xi64>, tensor<2xi4>) -> tensor<4xi4>
  return %0 : tensor<4xi4>
}
