// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: cameo-opt %s --graph-recognize -o %t && FileCheck %s < %t
// RUN: cameo-opt %t --graph-recognize | diff %t -

// PyTorch: x / sqrt(2), erf, + 1, x *, * 0.5
// CHECK-LABEL: @gelu_pytorch
// CHECK-NEXT: %[[Y:.*]] = graph.unary gelu %arg0
// CHECK-NEXT: return %[[Y]]
func.func @gelu_pytorch(%x: tensor<4xf32>) -> tensor<4xf32> {
  %root2 = graph.constant dense<1.41421354> : tensor<f32>
  %one = graph.constant dense<1.0> : tensor<f32>
  %half = graph.constant dense<0.5> : tensor<f32>
  %0 = graph.binary div %x, %root2 : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %1 = graph.unary erf %0 : tensor<4xf32>
  %2 = graph.binary add %1, %one : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %3 = graph.binary mul %x, %2 : tensor<4xf32>
  %4 = graph.binary mul %3, %half : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  return %4 : tensor<4xf32>
}

// TensorFlow: (x * 0.5) * (1 + erf(x * 0.70710678))
// CHECK-LABEL: @gelu_tensorflow
// CHECK-NEXT: graph.unary gelu %arg0
func.func @gelu_tensorflow(%x: tensor<4xf16>) -> tensor<4xf16> {
  %c = graph.constant dense<0.7071> : tensor<f16>
  %one = graph.constant dense<1.0> : tensor<f16>
  %half = graph.constant dense<0.5> : tensor<f16>
  %0 = graph.binary mul %half, %x : (tensor<f16>, tensor<4xf16>) -> tensor<4xf16>
  %1 = graph.binary mul %x, %c : (tensor<4xf16>, tensor<f16>) -> tensor<4xf16>
  %2 = graph.unary erf %1 : tensor<4xf16>
  %3 = graph.binary add %one, %2 : (tensor<f16>, tensor<4xf16>) -> tensor<4xf16>
  %4 = graph.binary mul %0, %3 : tensor<4xf16>
  return %4 : tensor<4xf16>
}

// erf of another argument, another constant under erf, and a missing half are no gelu.
// CHECK-LABEL: @gelu_near_misses
// CHECK-NOT: graph.unary gelu
// CHECK: return
func.func @gelu_near_misses(%x: tensor<4xf32>, %z: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) {
  %c = graph.constant dense<0.70710678> : tensor<f32>
  %other = graph.constant dense<0.75> : tensor<f32>
  %one = graph.constant dense<1.0> : tensor<f32>
  %half = graph.constant dense<0.5> : tensor<f32>
  %0 = graph.binary mul %z, %c : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %1 = graph.unary erf %0 : tensor<4xf32>
  %2 = graph.binary add %1, %one : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %3 = graph.binary mul %x, %half : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %4 = graph.binary mul %3, %2 : tensor<4xf32>
  %5 = graph.binary mul %x, %other : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %6 = graph.unary erf %5 : tensor<4xf32>
  %7 = graph.binary add %6, %one : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %8 = graph.binary mul %3, %7 : tensor<4xf32>
  %9 = graph.binary mul %z, %2 : tensor<4xf32>
  return %4, %8, %9 : tensor<4xf32>, tensor<4xf32>, tensor<4xf32>
}

// 0.5 * x * (1 + tanh(sqrt(2/pi) * (x + 0.044715 * pow(x, 3))))
// CHECK-LABEL: @gelu_tanh_pow
// CHECK-NEXT: graph.unary gelu_tanh %arg0
func.func @gelu_tanh_pow(%x: tensor<4xf32>) -> tensor<4xf32> {
  %three = graph.constant dense<3.0> : tensor<f32>
  %a = graph.constant dense<0.044715> : tensor<f32>
  %b = graph.constant dense<0.797884583> : tensor<f32>
  %one = graph.constant dense<1.0> : tensor<f32>
  %half = graph.constant dense<0.5> : tensor<f32>
  %0 = graph.binary pow %x, %three : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %1 = graph.binary mul %0, %a : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %2 = graph.binary add %x, %1 : tensor<4xf32>
  %3 = graph.binary mul %2, %b : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %4 = graph.unary tanh %3 : tensor<4xf32>
  %5 = graph.binary add %4, %one : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %6 = graph.binary mul %x, %half : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %7 = graph.binary mul %6, %5 : tensor<4xf32>
  return %7 : tensor<4xf32>
}

// 0.5 * x * (1 + tanh(x * 0.7978845608 * (1 + 0.044715 * x * x)))
// CHECK-LABEL: @gelu_tanh_factored
// CHECK-NEXT: graph.unary gelu_tanh %arg0
func.func @gelu_tanh_factored(%x: tensor<4xf32>) -> tensor<4xf32> {
  %a = graph.constant dense<0.044715> : tensor<f32>
  %b = graph.constant dense<0.797884583> : tensor<f32>
  %one = graph.constant dense<1.0> : tensor<f32>
  %half = graph.constant dense<0.5> : tensor<f32>
  %0 = graph.binary mul %x, %b : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %1 = graph.binary mul %x, %a : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %2 = graph.binary mul %1, %x : tensor<4xf32>
  %3 = graph.binary add %2, %one : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %4 = graph.binary mul %0, %3 : tensor<4xf32>
  %5 = graph.unary tanh %4 : tensor<4xf32>
  %6 = graph.binary add %5, %one : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %7 = graph.binary mul %x, %half : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %8 = graph.binary mul %7, %6 : tensor<4xf32>
  return %8 : tensor<4xf32>
}

// A square in place of the cube.
// CHECK-LABEL: @gelu_tanh_wrong_power
// CHECK-NOT: gelu_tanh
// CHECK: return
func.func @gelu_tanh_wrong_power(%x: tensor<4xf32>) -> tensor<4xf32> {
  %a = graph.constant dense<0.044715> : tensor<f32>
  %b = graph.constant dense<0.797884583> : tensor<f32>
  %one = graph.constant dense<1.0> : tensor<f32>
  %half = graph.constant dense<0.5> : tensor<f32>
  %0 = graph.binary mul %x, %x : tensor<4xf32>
  %1 = graph.binary mul %0, %a : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %2 = graph.binary add %x, %1 : tensor<4xf32>
  %3 = graph.binary mul %2, %b : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %4 = graph.unary tanh %3 : tensor<4xf32>
  %5 = graph.binary add %4, %one : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %6 = graph.binary mul %x, %half : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %7 = graph.binary mul %6, %5 : tensor<4xf32>
  return %7 : tensor<4xf32>
}

// CHECK-LABEL: @sigmoid_and_silu
// CHECK-NEXT: %[[SILU:.*]] = graph.unary silu %arg0
// CHECK-NEXT: graph.unary silu %arg0 {alpha = 1.70{{.*}} : f64}
func.func @sigmoid_and_silu(%x: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>) {
  %one = graph.constant dense<1.0> : tensor<f32>
  %c = graph.constant dense<1.702> : tensor<f32>
  %0 = graph.unary neg %x : tensor<4xf32>
  %1 = graph.unary exp %0 : tensor<4xf32>
  %2 = graph.binary add %1, %one : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %3 = graph.binary div %one, %2 : (tensor<f32>, tensor<4xf32>) -> tensor<4xf32>
  %4 = graph.binary mul %x, %3 : tensor<4xf32>
  %5 = graph.binary mul %x, %c : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %6 = graph.unary sigmoid %5 : tensor<4xf32>
  %7 = graph.binary mul %6, %x : tensor<4xf32>
  return %4, %7 : tensor<4xf32>, tensor<4xf32>
}

// exp(x) without the minus is sigmoid(-x); a gate of something else is not silu.
// CHECK-LABEL: @sigmoid_near_misses
// CHECK-NOT: sigmoid %
// CHECK: graph.unary sigmoid %arg1
// CHECK-NOT: silu
// CHECK: return
func.func @sigmoid_near_misses(%x: tensor<4xf32>, %y: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>) {
  %one = graph.constant dense<1.0> : tensor<f32>
  %0 = graph.unary exp %x : tensor<4xf32>
  %1 = graph.binary add %0, %one : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %2 = graph.binary div %one, %1 : (tensor<f32>, tensor<4xf32>) -> tensor<4xf32>
  %3 = graph.unary sigmoid %y : tensor<4xf32>
  %4 = graph.binary mul %x, %3 : tensor<4xf32>
  return %2, %4 : tensor<4xf32>, tensor<4xf32>
}

// MobileNetV3: x * clip(x + 3, 0, 6) / 6
// CHECK-LABEL: @hard_swish
// CHECK-NEXT: graph.unary hard_swish %arg0
func.func @hard_swish(%x: tensor<4xf32>) -> tensor<4xf32> {
  %three = graph.constant dense<3.0> : tensor<f32>
  %zero = graph.constant dense<0.0> : tensor<f32>
  %six = graph.constant dense<6.0> : tensor<f32>
  %0 = graph.binary add %x, %three : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %1 = graph.clip %0 min %zero max %six : (tensor<4xf32>, tensor<f32>, tensor<f32>) -> tensor<4xf32>
  %2 = graph.binary mul %x, %1 : tensor<4xf32>
  %3 = graph.binary div %2, %six : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  return %3 : tensor<4xf32>
}

// clip(x + 3, 0, 6) / 6 alone, and with another upper limit.
// CHECK-LABEL: @hard_sigmoid
// CHECK: graph.unary hard_sigmoid %arg0 {alpha = 0.1666{{.*}} : f64, beta = 5.000000e-01 : f64}
// CHECK: graph.clip
func.func @hard_sigmoid(%x: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>) {
  %three = graph.constant dense<3.0> : tensor<f32>
  %zero = graph.constant dense<0.0> : tensor<f32>
  %six = graph.constant dense<6.0> : tensor<f32>
  %five = graph.constant dense<5.0> : tensor<f32>
  %0 = graph.binary add %x, %three : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %1 = graph.clip %0 min %zero max %six : (tensor<4xf32>, tensor<f32>, tensor<f32>) -> tensor<4xf32>
  %2 = graph.binary div %1, %six : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %3 = graph.clip %0 min %zero max %five : (tensor<4xf32>, tensor<f32>, tensor<f32>) -> tensor<4xf32>
  %4 = graph.binary div %3, %six : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  return %2, %4 : tensor<4xf32>, tensor<4xf32>
}

// CHECK-LABEL: @mish
// CHECK-NEXT: graph.unary mish %arg0
func.func @mish(%x: tensor<4xf32>) -> tensor<4xf32> {
  %one = graph.constant dense<1.0> : tensor<f32>
  %0 = graph.unary exp %x : tensor<4xf32>
  %1 = graph.binary add %0, %one : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %2 = graph.unary log %1 : tensor<4xf32>
  %3 = graph.unary tanh %2 : tensor<4xf32>
  %4 = graph.binary mul %x, %3 : tensor<4xf32>
  return %4 : tensor<4xf32>
}

// The square is shared, so the cube is x * x².
// CHECK-LABEL: @gelu_tanh_shared_square
// CHECK: graph.unary gelu_tanh %arg0
func.func @gelu_tanh_shared_square(%x: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>) {
  %a = graph.constant dense<0.044715> : tensor<f32>
  %b = graph.constant dense<0.797884583> : tensor<f32>
  %one = graph.constant dense<1.0> : tensor<f32>
  %half = graph.constant dense<0.5> : tensor<f32>
  %s = graph.binary mul %x, %x : tensor<4xf32>
  %0 = graph.binary mul %x, %s : tensor<4xf32>
  %1 = graph.binary mul %0, %a : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %2 = graph.binary add %1, %x : tensor<4xf32>
  %3 = graph.binary mul %2, %b : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %4 = graph.unary tanh %3 : tensor<4xf32>
  %5 = graph.binary add %4, %one : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %6 = graph.binary mul %x, %half : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %7 = graph.binary mul %6, %5 : tensor<4xf32>
  return %7, %s : tensor<4xf32>, tensor<4xf32>
}
