// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
func.func @convolution_f32(%x: tensor<1x14x13x16xf32>, %w: tensor<3x3x16x24xf32>) -> tensor<1x12x11x24xf32> {
  %z = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<1x12x11x24xf32>
  %f = linalg.fill ins(%z : f32) outs(%e : tensor<1x12x11x24xf32>) -> tensor<1x12x11x24xf32>
  %c = linalg.conv_2d_nhwc_hwcf {dilations = dense<1> : tensor<2xi64>, strides = dense<1> : tensor<2xi64>} ins(%x, %w : tensor<1x14x13x16xf32>, tensor<3x3x16x24xf32>) outs(%f : tensor<1x12x11x24xf32>) -> tensor<1x12x11x24xf32>
  return %c : tensor<1x12x11x24xf32>
}
