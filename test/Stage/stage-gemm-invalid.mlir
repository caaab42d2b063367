// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: cameo-opt %s --kernel-schedule -split-input-file -verify-diagnostics
//
// Reference bodies that the gemm family refuses.

// expected-error@+1 {{is of family 'gemm' but has no contraction}}
kernel.func @none(%x: tensor<?xf32>) outs(%z: tensor<?xf32>) sizes(%n: index) attributes {family = "gemm"} {
  kernel.end
}

// -----

// The accumulator has to start at zero.
#a = affine_map<(b0, b1, m, n, k) -> (b0, b1, m, k)>
#b = affine_map<(b0, b1, m, n, k) -> (b0, b1, k, n)>
#c = affine_map<(b0, b1, m, n, k) -> (b0, b1, m, n)>
kernel.func @one(%x: tensor<?xf32>) outs(%z: tensor<?xf32>) sizes(%n: index) attributes {family = "gemm"} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %one = arith.constant 1.0 : f32
  %xv = kernel.strided_view %x offset(%c0) sizes(%c1, %c1, %n, %n) strides(%c0, %c0, %n, %c1) : tensor<?xf32> -> tensor<1x1x?x?xf32>
  %e = tensor.empty(%n, %n) : tensor<1x1x?x?xf32>
  %f = linalg.fill ins(%one : f32) outs(%e : tensor<1x1x?x?xf32>) -> tensor<1x1x?x?xf32>
  // expected-error@+1 {{does not start from a tensor of zeros}}
  %p = linalg.generic {indexing_maps = [#a, #b, #c],
                       iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction"]}
      ins(%xv, %xv : tensor<1x1x?x?xf32>, tensor<1x1x?x?xf32>) outs(%f : tensor<1x1x?x?xf32>) {
  ^bb0(%a: f32, %b: f32, %s: f32):
    %t = math.fma %a, %b, %s : f32
    linalg.yield %t : f32
  } -> tensor<1x1x?x?xf32>
  kernel.end
}

// -----

// A maximum of products is no contraction.
#a = affine_map<(b0, b1, m, n, k) -> (b0, b1, m, k)>
#b = affine_map<(b0, b1, m, n, k) -> (b0, b1, k, n)>
#c = affine_map<(b0, b1, m, n, k) -> (b0, b1, m, n)>
kernel.func @maximum(%x: tensor<?xf32>) outs(%z: tensor<?xf32>) sizes(%n: index) attributes {family = "gemm"} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0.0 : f32
  %xv = kernel.strided_view %x offset(%c0) sizes(%c1, %c1, %n, %n) strides(%c0, %c0, %n, %c1) : tensor<?xf32> -> tensor<1x1x?x?xf32>
  %e = tensor.empty(%n, %n) : tensor<1x1x?x?xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<1x1x?x?xf32>) -> tensor<1x1x?x?xf32>
  // expected-error@+1 {{has a payload that is no sum of products}}
  %p = linalg.generic {indexing_maps = [#a, #b, #c],
                       iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction"]}
      ins(%xv, %xv : tensor<1x1x?x?xf32>, tensor<1x1x?x?xf32>) outs(%f : tensor<1x1x?x?xf32>) {
  ^bb0(%a: f32, %b: f32, %s: f32):
    %t = arith.mulf %a, %b : f32
    %u = arith.maximumf %t, %s : f32
    linalg.yield %u : f32
  } -> tensor<1x1x?x?xf32>
  kernel.end
}
