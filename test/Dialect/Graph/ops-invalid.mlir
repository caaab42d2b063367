// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: cameo-opt %s -split-input-file -verify-diagnostics

func.func @unary_element(%x: tensor<2xi32>) {
  // expected-error @+1 {{exp takes floats, not i32}}
  %0 = graph.unary exp %x : tensor<2xi32>
  return
}

// -----

func.func @unary_parameter(%x: tensor<2xf32>) {
  // expected-error @+1 {{relu takes 0 parameters}}
  %0 = graph.unary relu %x {alpha = 1.0 : f64} : tensor<2xf32>
  return
}

// -----

func.func @unary_result(%x: tensor<2xf32>) {
  // expected-error @+1 {{result 0 is 'tensor<3xf32>' but the operands give 'tensor<2xf32>'}}
  %0 = graph.unary exp %x : (tensor<2xf32>) -> tensor<3xf32>
  return
}

// -----

func.func @bitcast_width(%x: tensor<2xf32>) {
  // expected-error @+1 {{bitcast keeps the width, and f32 and i64 differ in it}}
  %0 = graph.bitcast %x : tensor<2xf32> -> tensor<2xi64>
  return
}

// -----

func.func @broadcast(%a: tensor<2xf32>, %b: tensor<3xf32>) {
  // expected-error @+1 {{sizes do not broadcast: 2 against 3}}
  %0 = graph.binary add %a, %b : (tensor<2xf32>, tensor<3xf32>) -> tensor<3xf32>
  return
}

// -----

func.func @mixed_elements(%a: tensor<2xf32>, %b: tensor<2xf16>) {
  // expected-error @+1 {{add: operands have different element types}}
  %0 = graph.binary add %a, %b : (tensor<2xf32>, tensor<2xf16>) -> tensor<2xf32>
  return
}

// -----

func.func @clip_limit(%a: tensor<2xf32>) {
  // expected-error @+1 {{clip: a limit is one element: 2 against 1}}
  %0 = graph.clip %a max %a : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  return
}

// -----

func.func @reduce_axis(%a: tensor<2x3xf32>) {
  // expected-error @+1 {{axis 2 is outside an operand of rank 2}}
  %0 = graph.reduce sum %a axes = [2] : tensor<2x3xf32> -> tensor<2xf32>
  return
}

// -----

func.func @reduce_axes_order(%a: tensor<2x3xf32>) {
  // expected-error @+1 {{axes are ascending and without repetition}}
  %0 = graph.reduce sum %a axes = [1, 0] : tensor<2x3xf32> -> tensor<f32>
  return
}

// -----

func.func @arg_reduce_empty(%a: tensor<2x0xf32>) {
  // expected-error @+1 {{arg_reduce over an empty axis}}
  %0 = graph.arg_reduce max %a axis = 1 : tensor<2x0xf32> -> tensor<2xi64>
  return
}

// -----

func.func @normalize_scale(%a: tensor<2x3xf32>, %w: tensor<2xf32>) {
  // expected-error @+1 {{scale does not broadcast: 2 against 3}}
  %0 = graph.normalize layer %a scale %w axes = [1] epsilon = 0.0 : (tensor<2x3xf32>, tensor<2xf32>) -> tensor<2x3xf32>
  return
}

// -----

func.func @pool_window(%a: tensor<1x1x2x2xf32>) {
  // expected-error @+1 {{window larger than the padded operand in spatial dimension 0}}
  %0 = graph.pool max %a window = [4, 1] strides = [1, 1] pads = [0, 0, 0, 0] dilations = [1, 1] : (tensor<1x1x2x2xf32>) -> tensor<1x1x1x2xf32>
  return
}

// -----

func.func @pool_indices_of_average(%a: tensor<1x1x2x2xf32>) {
  // expected-error @+1 {{has 2 results, at most 1 are possible}}
  %0, %1 = graph.pool average %a window = [1, 1] strides = [1, 1] pads = [0, 0, 0, 0] dilations = [1, 1] : (tensor<1x1x2x2xf32>) -> (tensor<1x1x2x2xf32>, tensor<1x1x2x2xi64>)
  return
}

// -----

func.func @matmul_inner(%a: tensor<2x3xf32>, %b: tensor<2x4xf32>) {
  // expected-error @+1 {{matmul: inner sizes differ: 3 against 2}}
  %0 = graph.matmul %a, %b : (tensor<2x3xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  return
}

// -----

func.func @conv_channels(%x: tensor<1x4x8x8xf32>, %w: tensor<6x2x3x3xf32>) {
  // expected-error @+1 {{conv: channels differ from groups times those of the weights: 4 against 2}}
  %0 = graph.conv %x, %w strides = [1, 1] pads = [0, 0, 0, 0] dilations = [1, 1] groups = 1 : (tensor<1x4x8x8xf32>, tensor<6x2x3x3xf32>) -> tensor<1x6x6x6xf32>
  return
}

// -----

func.func @conv_groups(%x: tensor<1x4x8x8xf32>, %w: tensor<5x2x3x3xf32>) {
  // expected-error @+1 {{conv: groups do not divide the result channels}}
  %0 = graph.conv %x, %w strides = [1, 1] pads = [0, 0, 0, 0] dilations = [1, 1] groups = 2 : (tensor<1x4x8x8xf32>, tensor<5x2x3x3xf32>) -> tensor<1x5x6x6xf32>
  return
}

// -----

func.func @reshape_count(%x: tensor<2x3xf32>) {
  // expected-error @+1 {{reshape: numbers of elements differ: 6 against 5}}
  %0 = graph.reshape %x : tensor<2x3xf32> -> tensor<5xf32>
  return
}

// -----

func.func @transpose_perm(%x: tensor<2x3xf32>) {
  // expected-error @+1 {{perm is not a permutation of the 2 dimensions}}
  %0 = graph.transpose %x perm = [0, 0] : tensor<2x3xf32> -> tensor<2x2xf32>
  return
}

// -----

func.func @broadcast_to(%x: tensor<3xf32>) {
  // expected-error @+1 {{broadcast: 3 to 4}}
  %0 = graph.broadcast %x : tensor<3xf32> -> tensor<2x4xf32>
  return
}

// -----

func.func @slice_outside(%x: tensor<4xf32>) {
  // expected-error @+1 {{slice: outside the operand in dimension 0}}
  %0 = graph.slice %x starts = ["1"] steps = ["2"] : tensor<4xf32> -> tensor<3xf32>
  return
}

// -----

func.func @slice_step(%x: tensor<4xf32>) {
  // expected-error @+1 {{slice: step 0 in dimension 0}}
  %0 = graph.slice %x starts = ["1"] steps = ["0"] : tensor<4xf32> -> tensor<3xf32>
  return
}

// -----

func.func @pad_text(%x: tensor<4xf32>) {
  // expected-error @+1 {{lo: 'N+N' is not canonical, write '2*N'}}
  %0 = graph.pad edge %x lo = ["N+N"] hi = ["0"] : (tensor<4xf32>) -> tensor<?xf32, #graph.sizes<["2*N+4"]>>
  return
}

// -----

func.func @concat_sizes(%x: tensor<2x3xf32>, %y: tensor<3x3xf32>) {
  // expected-error @+1 {{concat: sizes differ in dimension 0: 2 against 3}}
  %0 = graph.concat %x, %y axis = 1 : (tensor<2x3xf32>, tensor<3x3xf32>) -> tensor<2x6xf32>
  return
}

// -----

func.func @tile_multiple(%x: tensor<3xf32>) {
  // expected-error @+1 {{tile: 4 is no multiple of 3}}
  %0 = graph.tile %x : tensor<3xf32> -> tensor<4xf32>
  return
}

// -----

func.func @gather_nd_tuple(%x: tensor<2x3xf32>, %i: tensor<2x3xi64>) {
  // expected-error @+1 {{index tuples of length 3 for an operand of rank 2}}
  %0 = graph.gather_nd %x, %i batch_dims = 0 : (tensor<2x3xf32>, tensor<2x3xi64>) -> tensor<2xf32>
  return
}

// -----

func.func @topk_k(%x: tensor<2x3xf32>) {
  // expected-error @+1 {{topk: k = 4 of 3 elements}}
  %0, %1 = graph.topk %x axis = 1 k = "4" : (tensor<2x3xf32>) -> (tensor<2x4xf32>, tensor<2x4xi64>)
  return
}

// -----

func.func @resize_other_dimension(%x: tensor<1x1x4xf32>) {
  // expected-error @+1 {{resize: dimension 1 is not in axes: 1 against 2}}
  %0 = graph.resize nearest %x coordinates asymmetric axes = [2] : (tensor<1x1x4xf32>) -> tensor<1x2x8xf32>
  return
}

// -----

func.func @quantize_scale(%x: tensor<2x3xf32>, %s: tensor<2xf32>) {
  // expected-error @+1 {{size of the scale: 2 against 3}}
  %0 = graph.quantize %x, %s axis = 1 : (tensor<2x3xf32>, tensor<2xf32>) -> tensor<2x3xui8>
  return
}

// -----

func.func @from_sizes_count() {
  // expected-error @+1 {{sizes: 1 entries for rank 2}}
  %0 = graph.from_sizes ["N"] : tensor<2xi64>
  return
}

// -----

func.func @read_sizes_count(%x: tensor<2xi64>) {
  // expected-error @+1 {{has 1 symbols for 'tensor<2xi64>'}}
  graph.read_sizes %x symbols = ["k[0]"] : tensor<2xi64>
  return
}

// -----

func.func @if_types(%c: tensor<i1>, %x: tensor<2xf32>, %y: tensor<3xf32>) {
  // expected-error @+1 {{value 0 of the else body is 'tensor<3xf32>', of the results 'tensor<2xf32>'}}
  %0 = graph.if %c : tensor<i1> -> (tensor<2xf32>) {
    graph.yield %x : tensor<2xf32>
  } else {
    graph.yield %y : tensor<3xf32>
  }
  return
}

// -----

func.func @loop_arguments(%n: tensor<i64>, %x: tensor<2xf32>) {
  // expected-error @+1 {{value 2 of the body's arguments is 'tensor<3xf32>', of count, condition and carried values 'tensor<2xf32>'}}
  %0 = graph.loop trip_count %n carried(%x) : (tensor<i64>, tensor<2xf32>) -> (tensor<2xf32>) {
  ^bb0(%i: tensor<i64>, %go: tensor<i1>, %c: tensor<3xf32>):
    graph.yield %go, %c : tensor<i1>, tensor<3xf32>
  }
  return
}

// -----

func.func @conv_channels_last(%x: tensor<1x8x8x4xf32>, %w: tensor<6x4x3x3xf32>) {
  // expected-error @+1 {{conv: channels differ from groups times those of the weights: 4 against 3}}
  %0 = graph.conv %x, %w strides = [1, 1] pads = [0, 0, 0, 0] dilations = [1, 1] groups = 1 channels_last : (tensor<1x8x8x4xf32>, tensor<6x4x3x3xf32>) -> tensor<1x6x6x6xf32>
  return
}

// -----

func.func @pool_channels_last_positions(%x: tensor<1x8x8x4xf32>) {
  // expected-error @+1 {{has 2 results}}
  %0:2 = graph.pool max %x window = [2, 2] strides = [2, 2] pads = [0, 0, 0, 0] dilations = [1, 1] channels_last : (tensor<1x8x8x4xf32>) -> (tensor<1x4x4x4xf32>, tensor<1x4x4x4xi64>)
  return
}
