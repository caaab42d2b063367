// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: cameo-opt %s --graph-merge-matmuls -o %t && FileCheck %s < %t
// RUN: cameo-opt %t --graph-merge-matmuls | diff %t -
// RUN: cameo-opt %s --graph-merge-matmuls=max-elements=17 | FileCheck %s --check-prefix=SMALL

!x = tensor<?x2xf32, #graph.sizes<["N", "2"]>>
!y = tensor<?x3xf32, #graph.sizes<["N", "3"]>>
!z = tensor<?x4xf32, #graph.sizes<["N", "4"]>>

// Biases of each rank; the matrix and bias of the second are defined behind the first product.
// CHECK-LABEL: @with_biases
// CHECK: %[[W:.*]] = graph.concat {{.*}} axis = 1 : (tensor<2x3xf32>, tensor<2x4xf32>, tensor<2x3xf32>) -> tensor<2x10xf32>
// CHECK: %[[P:.*]] = graph.matmul %arg0, %[[W]]
// CHECK: %[[B:.*]] = graph.concat {{.*}} axis = 0 : (tensor<3xf32>, tensor<4xf32>, tensor<3xf32>) -> tensor<10xf32>
// CHECK: %[[Y:.*]] = graph.binary add %[[P]], %[[B]]
// CHECK: %[[Q:.*]] = graph.slice %[[Y]] starts = ["0", "0"]
// CHECK: %[[K:.*]] = graph.slice %[[Y]] starts = ["0", "3"]
// CHECK: %[[V:.*]] = graph.slice %[[Y]] starts = ["0", "7"]
// CHECK: graph.softmax {{.*}}%[[Q]]
// CHECK: graph.softmax {{.*}}%[[K]]
// CHECK: graph.softmax {{.*}}%[[V]]
// SMALL-LABEL: @with_biases
// SMALL-COUNT-3: graph.matmul
func.func @with_biases(%x: !x) -> (!y, !z, !y) {
  %w0 = graph.constant dense<[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]> : tensor<2x3xf32>
  %b0 = graph.constant dense<[1.0, 2.0, 3.0]> : tensor<3xf32>
  %0 = graph.matmul %x, %w0 : (!x, tensor<2x3xf32>) -> !y
  %1 = graph.binary add %0, %b0 : (!y, tensor<3xf32>) -> !y
  %w1 = graph.constant dense<[[1.0, 2.0, 3.0, 4.0], [4.0, 5.0, 6.0, 7.0]]> : tensor<2x4xf32>
  %b1 = graph.constant dense<[[1.0, 2.0, 3.0, 4.0]]> : tensor<1x4xf32>
  %2 = graph.matmul %x, %w1 : (!x, tensor<2x4xf32>) -> !z
  %3 = graph.binary add %b1, %2 : (tensor<1x4xf32>, !z) -> !z
  %b2 = graph.constant dense<7.0> : tensor<f32>
  %w2 = graph.unary neg %w0 : tensor<2x3xf32>
  %4 = graph.matmul %x, %w2 : (!x, tensor<2x3xf32>) -> !y
  %5 = graph.binary add %4, %b2 : (!y, tensor<f32>) -> !y
  %6 = graph.softmax softmax %1 axis = 1 : !y
  %7 = graph.softmax softmax %3 axis = 1 : !z
  %8 = graph.softmax softmax %5 axis = 1 : !y
  return %6, %7, %8 : !y, !z, !y
}

// Keys and values through views; matrices that are transposed lie one below the other.
// CHECK-LABEL: @transposed
// CHECK: %[[W:.*]] = graph.concat {{.*}} axis = 0 : (tensor<3x2xf32>, tensor<4x2xf32>) -> tensor<7x2xf32>
// CHECK: graph.matmul %arg0, %[[W]] transpose_b
// CHECK-COUNT-2: graph.slice
func.func @transposed(%x: !x, %q: tensor<5x3xf32>) -> tensor<5x4xf32> {
  %w0 = graph.constant dense<[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]> : tensor<3x2xf32>
  %w1 = graph.constant dense<1.0> : tensor<4x2xf32>
  %k = graph.matmul %x, %w0 transpose_b : (!x, tensor<3x2xf32>) -> !y
  %v = graph.matmul %x, %w1 transpose_b : (!x, tensor<4x2xf32>) -> !z
  %t = graph.transpose %k perm = [1, 0] : !y -> tensor<3x?xf32, #graph.sizes<["3", "N"]>>
  %s = graph.matmul %q, %t : (tensor<5x3xf32>, tensor<3x?xf32, #graph.sizes<["3", "N"]>>) -> tensor<5x?xf32, #graph.sizes<["5", "N"]>>
  %0 = graph.matmul %s, %v : (tensor<5x?xf32, #graph.sizes<["5", "N"]>>, !z) -> tensor<5x4xf32>
  return %0 : tensor<5x4xf32>
}

// A pointwise user is computed in the product's kernel; an output has to lie in memory by itself, also
// behind a view; what is no constant cannot be joined; one with a bias and one without are no pair.
// CHECK-LABEL: @keep
// CHECK-COUNT-6: graph.matmul %arg0
// CHECK-NOT: graph.concat
func.func @keep(%x: !x, %w: tensor<2x3xf32>) -> (!y, !y, tensor<3x?xf32, #graph.sizes<["3", "N"]>>, !y, !y, !y) {
  %w0 = graph.constant dense<1.0> : tensor<2x3xf32>
  %b = graph.constant dense<[1.0, 2.0, 3.0]> : tensor<3xf32>
  %gate = graph.matmul %x, %w0 : (!x, tensor<2x3xf32>) -> !y
  %0 = graph.unary silu %gate : !y
  %out = graph.matmul %x, %w0 : (!x, tensor<2x3xf32>) -> !y
  %seen = graph.matmul %x, %w0 : (!x, tensor<2x3xf32>) -> !y
  %t = graph.transpose %seen perm = [1, 0] : !y -> tensor<3x?xf32, #graph.sizes<["3", "N"]>>
  %any = graph.matmul %x, %w : (!x, tensor<2x3xf32>) -> !y
  %1 = graph.softmax softmax %any axis = 1 : !y
  %bare = graph.matmul %x, %w0 : (!x, tensor<2x3xf32>) -> !y
  %2 = graph.softmax softmax %bare axis = 1 : !y
  %biased = graph.matmul %x, %w0 : (!x, tensor<2x3xf32>) -> !y
  %sum = graph.binary add %biased, %b : (!y, tensor<3xf32>) -> !y
  %3 = graph.softmax softmax %sum axis = 1 : !y
  return %0, %out, %t, %1, %2, %3 : !y, !y, tensor<3x?xf32, #graph.sizes<["3", "N"]>>, !y, !y, !y
}
