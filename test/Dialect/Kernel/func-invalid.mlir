// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: cameo-opt %s --split-input-file --verify-diagnostics --allow-unregistered-dialect

// expected-error@+1 {{buffer argument 0 must be a flat tensor<?xT>}}
kernel.func @shaped_buffer(%x: tensor<4x4xf32>) attributes {family = "pointwise"} {
  kernel.end
}

// -----

// expected-error@+1 {{needs a body of one block that ends in kernel.end}}
kernel.func @open_body(%x: tensor<?xf32>) attributes {family = "pointwise"} {
  %c0 = arith.constant 0 : index
}

// -----

kernel.func @guarded_last(%x: tensor<?xf32>) sizes(%n: index) attributes {family = "pointwise"} {
  kernel.end
} variants {
  // expected-error@+1 {{is the last variant: its guard must be "1"}}
  kernel.variant @v attributes {guard = "le(s0, 5)", grid = ["1", "1", "1"], threads = 32 : i32}
      (%x: tensor<?xf32>, %n: index) { kernel.end }
}

// -----

kernel.func @guarded_last_of_a_target(%x: tensor<?xf32>) sizes(%n: index) attributes {family = "pointwise"} {
  kernel.end
} variants {
  // expected-error@+1 {{is the last variant: its guard must be "1"}}
  kernel.variant @v attributes {guard = "le(s0, 5)", grid = ["1", "1", "1"], kernel.target = "sm_86", threads = 32 : i32}
      (%x: tensor<?xf32>, %n: index) { kernel.end }
  kernel.variant @v attributes {guard = "1", grid = ["1", "1", "1"], threads = 32 : i32}
      (%x: tensor<?xf32>, %n: index) { kernel.end }
}

// -----

kernel.func @foreign_symbol(%x: tensor<?xf32>) sizes(%n: index) attributes {family = "pointwise"} {
  kernel.end
} variants {
  // expected-error@+1 {{grid extent "s1" mentions 's1', the kernel has 1 sizes}}
  kernel.variant @v attributes {guard = "1", grid = ["s1", "1", "1"], threads = 32 : i32}
      (%x: tensor<?xf32>, %n: index) { kernel.end }
}

// -----

kernel.func @other_arguments(%x: tensor<?xf32>) sizes(%n: index) attributes {family = "pointwise"} {
  kernel.end
} variants {
  // expected-error@+1 {{must have the arguments of its kernel}}
  kernel.variant @v attributes {guard = "1", grid = ["1", "1", "1"], threads = 32 : i32} (%x: tensor<?xf16>, %n: index) { kernel.end }
}

// -----

kernel.func @other_family(%x: tensor<?xf32>) attributes {family = "pointwise"} {
  kernel.end
} variants {
  // expected-error@+1 {{has a schedule of family 'serial' in a kernel of family 'pointwise'}}
  kernel.variant @v attributes {guard = "1", grid = ["1", "1", "1"], threads = 32 : i32, schedule = #kernel.serial<rows = 32>}
      (%x: tensor<?xf32>) { kernel.end }
}

// -----

func.func @unknown_kernel(%x: tensor<8xf32>) -> tensor<8xf32> {
  // expected-error@+1 {{calls unknown kernel @nowhere}}
  %r = kernel.launch @nowhere ins() outs(%x : tensor<8xf32>) sizes []
  return %r : tensor<8xf32>
}

// -----

kernel.func @k(%x: tensor<?xf32>) outs(%z: tensor<?xf32>) sizes(%n: index) attributes {family = "pointwise"} { kernel.end }
func.func @wrong_counts(%x: tensor<8xf32>) -> tensor<8xf32> {
  // expected-error@+1 {{has 0 ins, 1 outs, 0 sizes, kernel @k takes 1, 1, 1}}
  %r = kernel.launch @k ins() outs(%x : tensor<8xf32>) sizes []
  return %r : tensor<8xf32>
}

// -----

kernel.func @k(%x: tensor<?xf32>) outs(%z: tensor<?xf32>) attributes {family = "pointwise"} { kernel.end }
func.func @wrong_element(%x: tensor<8xf16>, %z: tensor<8xf32>) -> tensor<8xf32> {
  // expected-error@+1 {{operand 0 has elements of type 'f16', kernel @k takes 'f32'}}
  %r = kernel.launch @k ins(%x : tensor<8xf16>) outs(%z : tensor<8xf32>) sizes []
  return %r : tensor<8xf32>
}

// -----

// expected-error@+1 {{basis vectors of one layout must have the same length}}
"test.layout"() {a = #kernel.layout<register = [[0, 1], [1]], lane = [], warp = []>} : () -> ()

// -----

// expected-error@+1 {{lanes x vector = 128 exceeds columns = 64}}
"test.schedule"() {a = #kernel.reduce<rows = 1, columns = 64, lanes = 32, vector = 4, whole = true>} : () -> ()
