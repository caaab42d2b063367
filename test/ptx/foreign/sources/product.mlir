// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
func.func @product(%a: tensor<40x96xf16>, %b: tensor<96x72xf16>) -> tensor<40x72xf32> {
  %z = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<40x72xf32>
  %f = linalg.fill ins(%z : f32) outs(%e : tensor<40x72xf32>) -> tensor<40x72xf32>
  %c = linalg.matmul ins(%a, %b : tensor<40x96xf16>, tensor<96x72xf16>) outs(%f : tensor<40x72xf32>) -> tensor<40x72xf32>
  return %c : tensor<40x72xf32>
}
