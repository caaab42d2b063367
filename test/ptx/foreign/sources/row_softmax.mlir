// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
func.func @row_softmax(%x: tensor<6x300xf32>) -> tensor<6x300xf32> {
  %e = tensor.empty() : tensor<6x300xf32>
  %y = linalg.softmax dimension(1) ins(%x : tensor<6x300xf32>) outs(%e : tensor<6x300xf32>) -> tensor<6x300xf32>
  return %y : tensor<6x300xf32>
}
