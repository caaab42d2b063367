// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: cameo-opt %s --convert-kernel-to-nvvm --split-input-file --verify-diagnostics

kernel.func @k(%x: tensor<?xf32>) outs(%z: tensor<?xf32>) sizes(%n: index) attributes {family = "pointwise"} {
  kernel.end
} variants {
  kernel.variant @no_layout attributes {guard = "1", grid = ["1", "1", "1"], threads = 32 : i32}
      (%x: tensor<?xf32>, %z: tensor<?xf32>, %n: index) {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %xv = kernel.strided_view %x offset(%c0) sizes(%n) strides(%c1) : tensor<?xf32> -> tensor<?xf32>
    // expected-error@+1 {{makes a tile without a layout: kernel-assign-layouts comes first}}
    %t = kernel.load %xv[%c0] {pad = #kernel.pad<none>} : tensor<?xf32> -> tensor<128xf32>
    kernel.end
  }
}

// -----

#flat = #kernel.layout<register = [[1], [2]], lane = [[4], [8], [16], [32], [64]], warp = []>
kernel.func @k(%x: tensor<?xf32>) outs(%z: tensor<?xf32>) sizes(%n: index) attributes {family = "pointwise"} {
  kernel.end
} variants {
  kernel.variant @stride attributes {guard = "1", grid = ["1", "1", "1"], threads = 32 : i32}
      (%x: tensor<?xf32>, %z: tensor<?xf32>, %n: index) {
    %c0 = arith.constant 0 : index
    %xv = kernel.strided_view %x offset(%c0) sizes(%n) strides(%n) : tensor<?xf32> -> tensor<?xf32>
    // expected-error@+2 {{asks for runs of 4 elements that are not consecutive in memory}}
    // expected-error@+1 {{failed to legalize operation 'kernel.load'}}
    %t = kernel.load %xv[%c0] {pad = #kernel.pad<none>, layout = #flat, vector = 4 : i32} : tensor<?xf32> -> tensor<128xf32>
    kernel.end
  }
}
