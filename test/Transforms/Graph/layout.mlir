// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: cameo-opt %s --graph-layout --graph-canonicalize --graph-fold -o %t && FileCheck %s < %t
// RUN: cameo-opt %t --graph-layout --graph-canonicalize --graph-fold | diff %t -
// RUN: cameo-opt %s --graph-layout=remarks=true -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK --implicit-check-not=remark:

!image = tensor<1x64x14x14xf16>
!half = tensor<1x64x7x7xf16>
!w = tensor<64x64x3x3xf16>

// A whole region between two transposes: what is pointwise, a scale of one element a channel, a residual
// addition, a pool. Constant weights are transposed now.
// CHECK-LABEL: func.func @region
// CHECK: %[[W:.*]] = graph.constant {{.*}} : tensor<64x3x3x64xf16>
// CHECK-NEXT: %[[X:.*]] = graph.transpose %arg0 perm = [0, 2, 3, 1]
// CHECK-NEXT: %[[A:.*]] = graph.conv %[[X]], %[[W]] {{.*}} groups = 1 channels_last
// CHECK-NEXT: %[[R:.*]] = graph.unary relu %[[A]]
// CHECK-NEXT: %[[B:.*]] = graph.conv %[[R]], %[[W]] {{.*}} channels_last
// CHECK-NEXT: %[[V:.*]] = graph.reshape %arg1 : tensor<64x1x1xf16> -> tensor<1x1x1x64xf16>
// CHECK-NEXT: %[[C:.*]] = graph.binary mul %[[B]], %[[V]]
// CHECK-NEXT: %[[D:.*]] = graph.binary add %[[C]], %[[X]]
// CHECK-NEXT: %[[P:.*]] = graph.pool max %[[D]] {{.*}} channels_last
// CHECK-NEXT: %[[E:.*]] = graph.conv %[[P]], %[[W]] {{.*}} channels_last
// CHECK-NEXT: %[[Y:.*]] = graph.transpose %[[E]] perm = [0, 3, 1, 2]
// CHECK-NEXT: return %[[Y]]
func.func @region(%x: !image, %scale: tensor<64x1x1xf16>) -> !half {
  %w = graph.constant dense<1.0> : !w
  %0 = graph.conv %x, %w strides = [1, 1] pads = [1, 1, 1, 1] dilations = [1, 1] groups = 1 : (!image, !w) -> !image
  %1 = graph.unary relu %0 : !image
  %2 = graph.conv %1, %w strides = [1, 1] pads = [1, 1, 1, 1] dilations = [1, 1] groups = 1 : (!image, !w) -> !image
  %3 = graph.binary mul %2, %scale : (!image, tensor<64x1x1xf16>) -> !image
  %4 = graph.binary add %3, %x : !image
  %5 = graph.pool max %4 window = [2, 2] strides = [2, 2] pads = [0, 0, 0, 0] dilations = [1, 1] : (!image) -> !half
  %6 = graph.conv %5, %w strides = [1, 1] pads = [1, 1, 1, 1] dilations = [1, 1] groups = 1 : (!half, !w) -> !half
  return %6 : !half
}

// Ops with axes of their own, and one image of another rank that meets them.
// CHECK-LABEL: func.func @axes
// CHECK: graph.conv {{.*}} channels_last
// CHECK: graph.slice {{.*}} starts = ["0", "0", "0", "32"] {{.*}} -> tensor<1x14x14x32xf16>
// CHECK: graph.pad constant {{.*}} lo = ["0", "1", "2", "0"] hi = ["0", "3", "4", "0"]
// CHECK: graph.concat {{.*}} axis = 3
// CHECK: graph.softmax softmax {{.*}} axis = 3
// CHECK: graph.normalize layer {{.*}} axes = [1, 2]
// CHECK: graph.resize linear {{.*}} axes = [1, 2]
// CHECK: graph.conv {{.*}} channels_last
// CHECK: graph.reduce mean {{.*}} axes = [1, 2] : tensor<1x40x20x64xf16> -> tensor<1x64xf16>
// CHECK-NEXT: return
func.func @axes(%x: !image, %w: !w) -> tensor<1x64xf16> {
  %0 = graph.conv %x, %w strides = [1, 1] pads = [1, 1, 1, 1] dilations = [1, 1] groups = 1 : (!image, !w) -> !image
  %1 = graph.slice %0 starts = ["0", "32", "0", "0"] steps = ["1", "1", "1", "1"] : !image -> tensor<1x32x14x14xf16>
  %2 = graph.pad constant %1 lo = ["0", "0", "1", "2"] hi = ["0", "0", "3", "4"] : (tensor<1x32x14x14xf16>) -> tensor<1x32x18x20xf16>
  %3 = graph.concat %2, %2 axis = 1 : (tensor<1x32x18x20xf16>, tensor<1x32x18x20xf16>) -> tensor<1x64x18x20xf16>
  %4 = graph.softmax softmax %3 axis = 1 : tensor<1x64x18x20xf16>
  %5 = graph.normalize layer %4 axes = [2, 3] epsilon = 1.0e-05 : (tensor<1x64x18x20xf16>) -> tensor<1x64x18x20xf16>
  %6 = graph.resize linear %5 coordinates half_pixel axes = [2, 3] : (tensor<1x64x18x20xf16>) -> tensor<1x64x40x20xf16>
  %7 = graph.conv %6, %w strides = [1, 1] pads = [1, 1, 1, 1] dilations = [1, 1] groups = 1 : (tensor<1x64x40x20xf16>, !w) -> tensor<1x64x40x20xf16>
  %8 = graph.reduce mean %7 axes = [2, 3] : tensor<1x64x40x20xf16> -> tensor<1x64xf16>
  return %8 : tensor<1x64xf16>
}

// The first layer has too few channels; what follows begins with a transpose. A depthwise convolution gains
// nothing by itself, and goes with those around it; one image dimension, unknown sizes.
!x = tensor<?x3x?xf16, #graph.sizes<["N", "3", "L"]>>
!y = tensor<?x128x?xf16, #graph.sizes<["N", "128", "L"]>>
// CHECK-LABEL: func.func @first_layer
// CHECK: %[[A:.*]] = graph.conv %arg0, %arg1 {{.*}} groups = 1 :
// REMARK: remark: keeps its channels first: it has fewer channels than one copy takes
// CHECK: graph.transpose %[[A]] perm = [0, 2, 1]
// CHECK: graph.conv {{.*}} groups = 1 channels_last
// CHECK: graph.conv {{.*}} groups = 128 channels_last
// CHECK: graph.conv {{.*}} groups = 1 channels_last
// CHECK: graph.transpose {{.*}} perm = [0, 2, 1]
// CHECK-NEXT: return
func.func @first_layer(%x: !x, %v: tensor<128x3x3xf16>, %w: tensor<128x128x3xf16>, %d: tensor<128x1x3xf16>) -> !y {
  %0 = graph.conv %x, %v strides = [1] pads = [1, 1] dilations = [1] groups = 1 : (!x, tensor<128x3x3xf16>) -> !y
  %1 = graph.conv %0, %w strides = [1] pads = [1, 1] dilations = [1] groups = 1 : (!y, tensor<128x128x3xf16>) -> !y
  %2 = graph.conv %1, %d strides = [1] pads = [1, 1] dilations = [1] groups = 128 : (!y, tensor<128x1x3xf16>) -> !y
  %3 = graph.conv %2, %w strides = [1] pads = [1, 1] dilations = [1] groups = 1 : (!y, tensor<128x128x3xf16>) -> !y
  return %3 : !y
}

// A transpose that is there already is worth nothing less: only this way round nothing is left of the two.
// CHECK-LABEL: func.func @given
// CHECK-NEXT: graph.constant
// CHECK-NEXT: %[[Y:.*]] = graph.conv %arg0, {{.*}} channels_last
// CHECK-NEXT: return %[[Y]]
func.func @given(%x: tensor<1x14x14x64xf16>) -> tensor<1x14x14x64xf16> {
  %w = graph.constant dense<1.0> : tensor<64x64x1x1xf16>
  %0 = graph.transpose %x perm = [0, 3, 1, 2] : tensor<1x14x14x64xf16> -> !image
  %1 = graph.conv %0, %w strides = [1, 1] pads = [0, 0, 0, 0] dilations = [1, 1] groups = 1 : (!image, tensor<64x64x1x1xf16>) -> !image
  %2 = graph.transpose %1 perm = [0, 2, 3, 1] : !image -> tensor<1x14x14x64xf16>
  return %2 : tensor<1x14x14x64xf16>
}

// Too little work for two transposes.
// CHECK-LABEL: func.func @small
// CHECK-NOT: channels_last
// REMARK: remark: keeps its channels first: the transposes around it cost more than it gains
func.func @small(%x: !image, %v: tensor<64x64x1x1xf16>) -> !image {
  %0 = graph.conv %x, %v strides = [1, 1] pads = [0, 0, 0, 0] dilations = [1, 1] groups = 1 : (!image, tensor<64x64x1x1xf16>) -> !image
  return %0 : !image
}

// CHECK-LABEL: func.func @others
// CHECK-NOT: channels_last
// REMARK: remark: keeps its channels first: its products are of single elements
// REMARK: remark: keeps its channels first: only graph.conv has the other form
func.func @others(%x: tensor<1x64x14x14xf32>, %w: tensor<64x64x3x3xf32>, %y: !image, %v: tensor<64x64x2x2xf16>)
    -> (tensor<1x64x12x12xf32>, tensor<1x64x28x28xf16>) {
  %0 = graph.conv %x, %w strides = [1, 1] pads = [0, 0, 0, 0] dilations = [1, 1] groups = 1 : (tensor<1x64x14x14xf32>, tensor<64x64x3x3xf32>) -> tensor<1x64x12x12xf32>
  %1 = graph.conv_transpose %y, %v strides = [2, 2] pads = [0, 0, 0, 0] dilations = [1, 1] output_padding = [0, 0] groups = 1 : (!image, tensor<64x64x2x2xf16>) -> tensor<1x64x28x28xf16>
  return %0, %1 : tensor<1x64x12x12xf32>, tensor<1x64x28x28xf16>
}
