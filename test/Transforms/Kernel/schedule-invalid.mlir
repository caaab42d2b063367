// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: cameo-opt %s --kernel-schedule --split-input-file --verify-diagnostics

// expected-error@+1 {{writes nothing that has a size}}
kernel.func @nothing(%x: tensor<?xf32>) attributes {family = "pointwise"} {
  kernel.end
}

// -----

// expected-error@+1 {{has a domain of 1 dimensions, the family 'reduce' needs 2}}
kernel.func @flat_reduce(%x: tensor<?xf32>) outs(%z: tensor<?xf32>) sizes(%n: index) attributes {family = "reduce"} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %xv = kernel.strided_view %x offset(%c0) sizes(%n) strides(%c1) : tensor<?xf32> -> tensor<?xf32>
  %zv = kernel.strided_view %z offset(%c0) sizes(%n) strides(%c1) : tensor<?xf32> -> tensor<?xf32>
  kernel.write %xv, %zv : tensor<?xf32>, tensor<?xf32>
  kernel.end
}

// -----

#all = affine_map<(i, j) -> (i, j)>
#row = affine_map<(i, j) -> (i)>
kernel.func @start_is_no_fill(%x: tensor<?xf32>, %y: tensor<?xf32>) outs(%z: tensor<?xf32>) sizes(%m: index, %n: index)
    attributes {family = "reduce"} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %xv = kernel.strided_view %x offset(%c0) sizes(%m, %n) strides(%n, %c1) : tensor<?xf32> -> tensor<?x?xf32>
  %yv = kernel.strided_view %y offset(%c0) sizes(%m) strides(%c1) : tensor<?xf32> -> tensor<?xf32>
  // expected-error@+1 {{reduces from an initial value that is no linalg.fill}}
  %r = linalg.generic {indexing_maps = [#all, #row], iterator_types = ["parallel", "reduction"]}
      ins(%xv : tensor<?x?xf32>) outs(%yv : tensor<?xf32>) {
  ^bb0(%a: f32, %s: f32):
    %t = arith.addf %s, %a : f32
    linalg.yield %t : f32
  } -> tensor<?xf32>
  %zv = kernel.strided_view %z offset(%c0) sizes(%m) strides(%c1) : tensor<?xf32> -> tensor<?xf32>
  kernel.write %r, %zv : tensor<?xf32>, tensor<?xf32>
  kernel.end
}

// -----

// expected-error@+1 {{has a buffer of 'i4': only elements of 8, 16, 32 and 64 bits are addressed}}
kernel.func @packed(%x: tensor<?xi4>) outs(%z: tensor<?xi4>) sizes(%n: index) attributes {family = "pointwise"} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %xv = kernel.strided_view %x offset(%c0) sizes(%n) strides(%c1) : tensor<?xi4> -> tensor<?xi4>
  %zv = kernel.strided_view %z offset(%c0) sizes(%n) strides(%c1) : tensor<?xi4> -> tensor<?xi4>
  kernel.write %xv, %zv : tensor<?xi4>, tensor<?xi4>
  kernel.end
}
