// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: cameo-opt %s --split-input-file --verify-diagnostics

func.func @view_rank(%x: tensor<?xf32>, %n: index) {
  // expected-error@+1 {{has 2 sizes for a result of rank 1}}
  %v = kernel.strided_view %x offset(%n) sizes(%n, %n) strides(%n, %n) : tensor<?xf32> -> tensor<?xf32>
  return
}

// -----

func.func @missing_stride(%x: tensor<?xf32>, %n: index) {
  // expected-error@+1 {{needs one stride per size}}
  %v = kernel.strided_view %x offset(%n) sizes(%n, %n) strides(%n) : tensor<?xf32> -> tensor<?x?xf32>
  return
}

// -----

func.func @odd_tile(%v: tensor<?xf32>, %n: index) {
  // expected-error@+1 {{needs a tile whose dims are powers of two}}
  %t = kernel.load %v[%n] {pad = #kernel.pad<zero>} : tensor<?xf32> -> tensor<100xf32>
  return
}

// -----

func.func @offsets(%v: tensor<?x?xf32>, %n: index) {
  // expected-error@+1 {{has 1 offsets for rank 2}}
  %t = kernel.load %v[%n] {pad = #kernel.pad<zero>} : tensor<?x?xf32> -> tensor<4x4xf32>
  return
}

// -----

func.func @yields_other_type(%n: index) {
  // expected-error@+1 {{region must yield ('f32')}}
  %v = kernel.computed_view sizes(%n) {
  ^bb0(%i: index):
    kernel.yield %i : index
  } : tensor<?xf32>
  return
}

// -----

func.func @combiner_arity(%t: tensor<4x4xf32>) {
  // expected-error@+1 {{region must take ('f32', 'f32')}}
  %r = kernel.reduce %t dims = [1] {
  ^bb0(%a: f32):
    kernel.yield %a : f32
  } : tensor<4x4xf32> -> tensor<4xf32>
  return
}

// -----

kernel.func @store_to_input(%x: tensor<?xf32>) sizes(%n: index) attributes {family = "pointwise"} {
  %v = kernel.strided_view %x offset(%n) sizes(%n) strides(%n) : tensor<?xf32> -> tensor<?xf32>
  // expected-error@+1 {{writes to a buffer that is not among the kernel's outs}}
  kernel.write %v, %v : tensor<?xf32>, tensor<?xf32>
  kernel.end
}

// -----

kernel.func @read_output() outs(%z: tensor<?xf32>) sizes(%n: index) attributes {family = "pointwise"} {
  // expected-error@+1 {{reads a buffer that the kernel writes}}
  %e = kernel.read %z[%n] : tensor<?xf32>
  kernel.end
}

// -----

func.func @write_without_view(%t: tensor<?xf32>) {
  // expected-error@+1 {{writes need a kernel.strided_view}}
  kernel.write %t, %t : tensor<?xf32>, tensor<?xf32>
  return
}

// -----

func.func @runs_of_nothing(%x: tensor<?xf16>, %n: index) {
  // expected-error@+1 {{has runs along dimension 1 of 1}}
  %v = kernel.computed_view sizes(%n) runs(%n) along 1 {
  ^bb0(%i: index):
    %e = kernel.read %x[%i] : tensor<?xf16>
    kernel.yield %e : f16
  } : tensor<?xf16>
  return
}

// -----

func.func @runs_of_sums(%x: tensor<?xf16>, %n: index) {
  // expected-error@+1 {{has runs but is no indexed view}}
  %v = kernel.computed_view sizes(%n) runs(%n) along 0 {
  ^bb0(%i: index):
    %e = kernel.read %x[%i] : tensor<?xf16>
    %s = arith.addf %e, %e : f16
    kernel.yield %s : f16
  } : tensor<?xf16>
  return
}
