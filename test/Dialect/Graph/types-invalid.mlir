// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: cameo-opt %s -split-input-file -verify-diagnostics

// A size expression that is not in canonical form.
// expected-error @+1 {{size expression: 'N+N' is not canonical, write '2*N'}}
func.func private @not_canonical(tensor<?xf32, #graph.sizes<["N+N"]>>)

// -----

// expected-error @+1 {{size expression}}
func.func private @not_an_expression(tensor<?xf32, #graph.sizes<["3*"]>>)

// -----

// expected-error @+1 {{a tensor of rank 2 with 1 sizes}}
func.func private @wrong_rank(tensor<2x?xf32, #graph.sizes<["N"]>>)

// -----

// expected-error @+1 {{dimension 0 is 2 in the type and '3' in the sizes}}
func.func private @static_size_differs(tensor<2x?xf32, #graph.sizes<["3", "N"]>>)

// -----

// expected-error @+1 {{dimension 1 is dynamic in the type and '4' in the sizes}}
func.func private @dynamic_but_constant(tensor<2x?xf32, #graph.sizes<["2", "4"]>>)

// -----

// expected-error @+1 {{a static tensor carries no sizes}}
func.func private @sizes_on_static(tensor<2xf32, #graph.sizes<["2"]>>)

// -----

// expected-error @+1 {{symbol 'N': input and dim are not negative}}
func.func private @negative_input() attributes {graph.symbols = [#graph.symbol<name = "N", input = -1, dim = 0>]}

// -----

func.func @dynamic_without_sizes(%x: tensor<?xf32>) {
  // expected-error @+1 {{operand #0 must be ranked tensor of any model element type}}
  %0 = graph.unary neg %x : tensor<?xf32>
  return
}

// -----

// expected-error @+1 {{symbol 'N' is read from dimension 1 of input 0, which does not exist}}
func.func private @symbol_of_no_dimension(tensor<?xf32, #graph.sizes<["N"]>>)
  attributes {graph.symbols = [#graph.symbol<name = "N", input = 0, dim = 1>]}

// -----

// expected-error @+1 {{symbol 'N' is read from dimension 0 of input 0, whose size is 'M'}}
func.func private @symbol_of_another_size(tensor<?xf32, #graph.sizes<["M"]>>)
  attributes {graph.symbols = [#graph.symbol<name = "N", input = 0, dim = 0>]}

// -----

// expected-error @+1 {{graph.symbols is an array of #graph.symbol on a function}}
func.func private @symbols_of_another_kind() attributes {graph.symbols = "N"}
