// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: cameo-opt %s -split-input-file -convert-graph-to-kernel -canonicalize | FileCheck %s
// RUN: cameo-opt %s -split-input-file -convert-graph-to-kernel -convert-graph-to-kernel -canonicalize | FileCheck %s

// A chain of pointwise ops is one kernel over one flat dimension.
// CHECK-LABEL: func.func @main
// CHECK-COUNT-1: kernel.launch @pointwise
// CHECK-NOT: kernel.launch
// CHECK: kernel.func @pointwise_{{.*}}sizes(%[[N:.*]]: index)
// CHECK-COUNT-3: kernel.strided_view
// CHECK-NOT: kernel.computed_view
func.func @main(%a: tensor<2x?xf32, #graph.sizes<["2", "N"]>>, %b: tensor<2x?xf32, #graph.sizes<["2", "N"]>>)
    -> tensor<2x?xf32, #graph.sizes<["2", "N"]>>
    attributes {graph.symbols = [#graph.symbol<name = "N", input = 0, dim = 1>]} {
  %0 = graph.binary add %a, %b : tensor<2x?xf32, #graph.sizes<["2", "N"]>>
  %1 = graph.unary relu %0 : tensor<2x?xf32, #graph.sizes<["2", "N"]>>
  return %1 : tensor<2x?xf32, #graph.sizes<["2", "N"]>>
}

// -----

// Bias and activation run in the epilogue of the product.
// CHECK-LABEL: func.func @main
// CHECK: kernel.launch @gemm
// CHECK-NOT: kernel.launch
// CHECK: math.fma
// CHECK: arith.addf
// CHECK: arith.maximumf
func.func @main(%a: tensor<5x7xf32>, %w: tensor<7x3xf32>, %b: tensor<3xf32>) -> tensor<5x3xf32> {
  %0 = graph.matmul %a, %w : (tensor<5x7xf32>, tensor<7x3xf32>) -> tensor<5x3xf32>
  %1 = graph.binary add %0, %b : (tensor<5x3xf32>, tensor<3xf32>) -> tensor<5x3xf32>
  %2 = graph.unary relu %1 : tensor<5x3xf32>
  return %2 : tensor<5x3xf32>
}

// -----

// A product has two users in different kernels: it is stored, and says why.
// CHECK-LABEL: func.func @main
// CHECK: kernel.launch @gemm{{.*}}stored_because = "its users are in different kernels"
// CHECK-COUNT-2: kernel.launch
func.func @main(%a: tensor<5x7xf32>, %w: tensor<7x3xf32>) -> (tensor<5x3xf32>, tensor<5x3xf32>) {
  %0 = graph.matmul %a, %w : (tensor<5x7xf32>, tensor<7x3xf32>) -> tensor<5x3xf32>
  %1 = graph.unary relu %0 : tensor<5x3xf32>
  %2 = graph.unary exp %0 : tensor<5x3xf32>
  return %1, %2 : tensor<5x3xf32>, tensor<5x3xf32>
}

// -----

// A transpose is a view: strides, no kernel of its own.
// CHECK-LABEL: func.func @main
// CHECK: kernel.launch @gemm
// CHECK-NOT: kernel.launch
// CHECK-NOT: kernel.computed_view
func.func @main(%a: tensor<7x5xf32>, %w: tensor<7x3xf32>) -> tensor<5x3xf32> {
  %0 = graph.transpose %a perm = [1, 0] : tensor<7x5xf32> -> tensor<5x7xf32>
  %1 = graph.matmul %0, %w : (tensor<5x7xf32>, tensor<7x3xf32>) -> tensor<5x3xf32>
  return %1 : tensor<5x3xf32>
}

// -----

// Two products that differ only in their sizes are one kernel.
// CHECK-LABEL: func.func @main
// CHECK: kernel.launch @[[K:gemm_[0-9a-f]+]]
// CHECK: kernel.launch @[[K]]
// CHECK-COUNT-1: kernel.func
// CHECK-NOT: kernel.func
func.func @main(%a: tensor<5x7xf32>, %w: tensor<7x7xf32>, %v: tensor<7x9xf32>) -> tensor<5x9xf32> {
  %0 = graph.matmul %a, %w : (tensor<5x7xf32>, tensor<7x7xf32>) -> tensor<5x7xf32>
  %1 = graph.matmul %0, %v : (tensor<5x7xf32>, tensor<7x9xf32>) -> tensor<5x9xf32>
  return %1 : tensor<5x9xf32>
}

// -----

// A reshape of an input that is an output is copied by a kernel; every output byte comes from one.
// CHECK-LABEL: func.func @main
// CHECK-NEXT: kernel.alloc
// CHECK-NEXT: kernel.launch @pointwise
// CHECK-NEXT: return
func.func @main(%a: tensor<2x6xf32>) -> tensor<3x4xf32> {
  %0 = graph.reshape %a : tensor<2x6xf32> -> tensor<3x4xf32>
  return %0 : tensor<3x4xf32>
}

// -----

// Two unnamed sizes that must agree at launch become a check.
// CHECK-LABEL: func.func @main
// CHECK-SAME: cameo.checks = {{\[\[}}"eq(K,L)"
func.func @main(%a: tensor<5x?xf32, #graph.sizes<["5", "K"]>>, %w: tensor<?x3xf32, #graph.sizes<["L", "3"]>>)
    -> tensor<5x3xf32> attributes {graph.symbols = [#graph.symbol<name = "K", input = 0, dim = 1>,
                                                    #graph.symbol<name = "L", input = 1, dim = 0>]} {
  %0 = graph.matmul %a, %w : (tensor<5x?xf32, #graph.sizes<["5", "K"]>>, tensor<?x3xf32, #graph.sizes<["L", "3"]>>) -> tensor<5x3xf32>
  return %0 : tensor<5x3xf32>
}

// -----

// A transpose behind a convolution, before or after what is pointwise, is how its kernel stores the result.
// CHECK-LABEL: func.func @main
// CHECK: kernel.launch @gemm
// CHECK-NOT: kernel.launch
// CHECK: return
func.func @main(%x: tensor<2x3x8x9xf32>, %w: tensor<4x3x3x3xf32>, %r: tensor<2x8x9x4xf32>) -> tensor<2x8x9x4xf32> {
  %0 = graph.conv %x, %w strides = [1, 1] pads = [1, 1, 1, 1] dilations = [1, 1] groups = 1
    : (tensor<2x3x8x9xf32>, tensor<4x3x3x3xf32>) -> tensor<2x4x8x9xf32>
  %1 = graph.unary relu %0 : tensor<2x4x8x9xf32>
  %2 = graph.transpose %1 perm = [0, 2, 3, 1] : tensor<2x4x8x9xf32> -> tensor<2x8x9x4xf32>
  %3 = graph.binary add %2, %r : tensor<2x8x9x4xf32>
  return %3 : tensor<2x8x9x4xf32>
}

// -----

// Two forms of one result: a kernel stores one of them.
// CHECK-LABEL: func.func @main
// CHECK: kernel.launch @gemm
// CHECK: kernel.launch @pointwise
func.func @main(%x: tensor<2x3x8x8xf32>, %w: tensor<8x3x3x3xf32>) -> tensor<2x8x8x8xf32> {
  %0 = graph.conv %x, %w strides = [1, 1] pads = [1, 1, 1, 1] dilations = [1, 1] groups = 1
    : (tensor<2x3x8x8xf32>, tensor<8x3x3x3xf32>) -> tensor<2x8x8x8xf32>
  %1 = graph.transpose %0 perm = [0, 2, 3, 1] : tensor<2x8x8x8xf32> -> tensor<2x8x8x8xf32>
  %2 = graph.binary add %0, %1 : tensor<2x8x8x8xf32>
  return %2 : tensor<2x8x8x8xf32>
}
