// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A pointwise kernel gets a variant with 16-byte accesses, one without, and one with 64-bit indices; each
// is a block program over one tile.
// RUN: cameo-opt %s --kernel-schedule | FileCheck %s
// RUN: cameo-opt %s --kernel-schedule --kernel-assign-layouts | FileCheck %s --check-prefix=LAYOUT
// RUN: cameo-opt %s --kernel-schedule --kernel-schedule --kernel-assign-layouts --kernel-assign-layouts | FileCheck %s --check-prefix=LAYOUT

// CHECK-LABEL: kernel.func @add_relu
// CHECK: kernel.variant @wide attributes {align = array<i32: 16, 16, 16>, grid = ["floordiv(s0+1023,1024)", "1", "1"]
// CHECK-SAME: schedule = #kernel.pointwise<tile = 1024, vector = 4>
// CHECK: %[[B:.*]] = kernel.block_id x
// CHECK: %[[O:.*]] = arith.muli %[[B]], %c1024
// CHECK-COUNT-2: kernel.load %{{.*}}[%[[O]]] {{.*}} -> tensor<1024xf32>
// CHECK: linalg.generic
// CHECK: arith.addf
// CHECK: kernel.store %{{.*}}[%[[O]]]
// CHECK: kernel.variant @narrow {{.*}}vector = 1>
// CHECK: kernel.variant @any {{.*}}guard = "1", index64

// The wide variant: a thread's registers are neighbours, accesses take four.
// LAYOUT: kernel.variant @wide
// LAYOUT: kernel.load {{.*}}layout = #kernel.layout<register = {{\[}}[1], [2]], lane = {{\[}}[4], [8], [16], [32], [64]]{{.*}}vector = 4
// LAYOUT: kernel.store {{.*}}vector = 4
// LAYOUT: kernel.variant @narrow
// LAYOUT: kernel.load {{.*}}lane = {{\[}}[1], [2], [4], [8], [16]]
// LAYOUT-NOT: vector = 4
// LAYOUT: kernel.variant @any
#id = affine_map<(i) -> (i)>
kernel.func @add_relu(%x: tensor<?xf32>, %y: tensor<?xf32>) outs(%z: tensor<?xf32>) sizes(%n: index)
    attributes {family = "pointwise"} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0.0 : f32
  %xv = kernel.strided_view %x offset(%c0) sizes(%n) strides(%c1) : tensor<?xf32> -> tensor<?xf32>
  %yv = kernel.strided_view %y offset(%c0) sizes(%n) strides(%c1) : tensor<?xf32> -> tensor<?xf32>
  %e = tensor.empty(%n) : tensor<?xf32>
  %r = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel"]}
      ins(%xv, %yv : tensor<?xf32>, tensor<?xf32>) outs(%e : tensor<?xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %s = arith.addf %a, %b : f32
    %m = arith.maximumf %s, %zero : f32
    linalg.yield %m : f32
  } -> tensor<?xf32>
  %zv = kernel.strided_view %z offset(%c0) sizes(%n) strides(%c1) : tensor<?xf32> -> tensor<?xf32>
  kernel.write %r, %zv : tensor<?xf32>, tensor<?xf32>
  kernel.end
}
