// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A scan becomes one loop over single columns that carries the state and stores each step.
// RUN: cameo-opt %s --kernel-schedule | FileCheck %s

// CHECK: kernel.variant @narrow {{.*}}schedule = #kernel.serial<rows = 128>
// CHECK: scf.for %[[J:.*]] = %{{.*}} to %{{.*}} step %c1{{.*}} iter_args(%[[STATE:.*]] = %{{.*}}) -> (tensor<128x1xf32>)
// CHECK:   %[[T:.*]] = kernel.load %{{.*}}[%{{.*}}, %[[J]]]
// CHECK:   %[[STEP:.*]]:2 = linalg.generic {{.*}}ins(%[[T]], %[[STATE]]
// CHECK:   kernel.store %[[STEP]]#1, %{{.*}}[%{{.*}}, %[[J]]]
// CHECK:   scf.yield %[[STEP]]#0
kernel.func @cumsum(%x: tensor<?xf32>) outs(%z: tensor<?xf32>) sizes(%m: index, %n: index) attributes {family = "serial"} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0.0 : f32
  %xv = kernel.strided_view %x offset(%c0) sizes(%m, %n) strides(%n, %c1) : tensor<?xf32> -> tensor<?x?xf32>
  %r = kernel.scan ins(%xv : tensor<?x?xf32>) init(%zero : f32) dim = 1 {
  ^bb0(%e: f32, %sum: f32):
    %s = arith.addf %sum, %e : f32
    kernel.yield %s, %s : f32, f32
  } -> tensor<?x?xf32>
  %zv = kernel.strided_view %z offset(%c0) sizes(%m, %n) strides(%n, %c1) : tensor<?xf32> -> tensor<?x?xf32>
  kernel.write %r, %zv : tensor<?x?xf32>, tensor<?x?xf32>
  kernel.end
}
