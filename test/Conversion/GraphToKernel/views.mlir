// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: cameo-opt %s -split-input-file -convert-graph-to-kernel -canonicalize -cse | FileCheck %s

// Padding is a guarded read; nothing is read outside the operand.
// CHECK-LABEL: func.func @main
// CHECK: kernel.computed_view
// CHECK: kernel.read %{{.*}}[%{{.*}}] if %{{.*}} else %{{.*}}
func.func @main(%a: tensor<3x5xf32>) -> tensor<5x6xf32> {
  %0 = graph.pad constant %a lo = ["1", "0"] hi = ["1", "1"] : (tensor<3x5xf32>) -> tensor<5x6xf32>
  return %0 : tensor<5x6xf32>
}

// -----

// A gather reads an index and guards what it addresses.
// CHECK-LABEL: func.func @main
// CHECK: kernel.computed_view
// CHECK: %[[I:.*]] = kernel.read %{{.*}} : tensor<?xi64>
// CHECK: %[[INSIDE:.*]] = arith.cmpi ult
// CHECK: kernel.read %{{.*}} if %[[INSIDE]]
func.func @main(%x: tensor<9x4xf32>, %i: tensor<3xi64>) -> tensor<3x4xf32> {
  %0 = graph.gather %x, %i axis = 0 : (tensor<9x4xf32>, tensor<3xi64>) -> tensor<3x4xf32>
  return %0 : tensor<3x4xf32>
}

// -----

// Transpose and reshape undo each other's divisions: heads of an attention layer stay strided.
// CHECK-LABEL: func.func @main
// CHECK: kernel.launch @gemm
// CHECK-NOT: kernel.launch
// CHECK-NOT: kernel.computed_view
func.func @main(%q: tensor<2x16x32xf32>, %k: tensor<2x4x8x16xf32>) -> tensor<2x4x16x16xf32> {
  %0 = graph.reshape %q : tensor<2x16x32xf32> -> tensor<2x16x4x8xf32>
  %1 = graph.transpose %0 perm = [0, 2, 1, 3] : tensor<2x16x4x8xf32> -> tensor<2x4x16x8xf32>
  %2 = graph.matmul %1, %k : (tensor<2x4x16x8xf32>, tensor<2x4x8x16xf32>) -> tensor<2x4x16x16xf32>
  return %2 : tensor<2x4x16x16xf32>
}

// -----

// A 1x1 convolution reads its input through strides; a padded one through guarded reads.
// CHECK-LABEL: func.func @main
// CHECK: kernel.launch @[[POINT:gemm_[0-9a-f]+]]
// CHECK: kernel.launch @[[WIDE:gemm_[0-9a-f]+]]
// CHECK: kernel.func @[[POINT]]
// CHECK-NOT: kernel.computed_view
// CHECK: kernel.func @[[WIDE]]
// CHECK: kernel.computed_view
func.func @main(%x: tensor<2x3x8x8xf32>, %w: tensor<4x3x1x1xf32>, %v: tensor<5x4x3x3xf32>) -> tensor<2x5x8x8xf32> {
  %0 = graph.conv %x, %w strides = [1, 1] pads = [0, 0, 0, 0] dilations = [1, 1] groups = 1
    : (tensor<2x3x8x8xf32>, tensor<4x3x1x1xf32>) -> tensor<2x4x8x8xf32>
  %1 = graph.conv %0, %v strides = [1, 1] pads = [1, 1, 1, 1] dilations = [1, 1] groups = 1
    : (tensor<2x4x8x8xf32>, tensor<5x4x3x3xf32>) -> tensor<2x5x8x8xf32>
  return %1 : tensor<2x5x8x8xf32>
}

// -----

// With channels last a window reads runs of channels, whatever the pads are; one of a single element reads
// through strides, as does the result's store.
// CHECK-LABEL: func.func @main
// CHECK: kernel.launch @[[POINT:gemm_[0-9a-f]+]]
// CHECK: kernel.launch @[[WIDE:gemm_[0-9a-f]+]]
// CHECK: kernel.func @[[POINT]]
// CHECK-NOT: kernel.computed_view
// CHECK: kernel.func @[[WIDE]]
// CHECK: kernel.computed_view {{.*}} runs(%{{.*}}) along 3
// CHECK-NOT: kernel.computed_view
// CHECK: kernel.write
func.func @main(%x: tensor<2x8x8x24xf16>, %w: tensor<16x1x1x24xf16>, %v: tensor<5x3x3x16xf16>) -> tensor<2x8x8x5xf16> {
  %0 = graph.conv %x, %w strides = [1, 1] pads = [0, 0, 0, 0] dilations = [1, 1] groups = 1 channels_last
    : (tensor<2x8x8x24xf16>, tensor<16x1x1x24xf16>) -> tensor<2x8x8x16xf16>
  %1 = graph.conv %0, %v strides = [1, 1] pads = [1, 1, 1, 1] dilations = [1, 1] groups = 1 channels_last
    : (tensor<2x8x8x16xf16>, tensor<5x3x3x16xf16>) -> tensor<2x8x8x5xf16>
  return %1 : tensor<2x8x8x5xf16>
}
