// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: cameo-opt %s --convert-graph-to-kernel --kernel-schedule --kernel-stage-gemm | FileCheck %s
// REQUIRES: ptxas
// RUN: cameo-opt %s --pass-pipeline='builtin.module(convert-graph-to-kernel,kernel-schedule,kernel-stage-gemm,kernel-assign-layouts,kernel-resolve,convert-kernel-to-nvvm,gpu.module(nvvm-to-ptx))' | %python %S/Inputs/assemble.py sm_80
//
// A convolution with channels last is a product that is never materialised: a copy of 16 bytes brings eight
// channels of one tap, none where the window hangs over the image. Positions past the last one are copies of
// it; only the first tiles test k, and what they leave of a number of channels that eight does not divide has
// a variant of its own, as has everything that 31 bits do not address.

!x = tensor<?x?x?x?xf16, #graph.sizes<["N", "H", "W", "C"]>>
!w = tensor<?x3x3x?xf16, #graph.sizes<["O", "3", "3", "C"]>>
!y = tensor<?x?x?x?xf16, #graph.sizes<["N", "H", "W", "O"]>>

// CHECK: kernel.variant @large attributes {align = array<i32: 16, 16, 0>
// CHECK-SAME: and(eq(0,mod(s{{[0-9]+}},8)),eq(0,mod(s{{[0-9]+}},8)))
// CHECK-SAME: copyA = 16, copyB = 16
// CHECK: kernel.computed_view {{.*}} runs(%{{.*}}) along 3
// CHECK: kernel.read %{{.*}} if %{{.*}} else
// CHECK: kernel.copy_async cp_async {{.*}}[0] rows clamp {bytes = 16 : i32, dims = array<i64: 2, 3>}
// CHECK: kernel.copy_async cp_async {{.*}}[1] rows clamp {bytes = 16 : i32, dims = array<i64: 3, 2>}
// CHECK: scf.for
// CHECK: kernel.copy_async cp_async {{.*}}[0] rows clamp cols inside {bytes = 16
// CHECK: kernel.copy_async cp_async {{.*}}[1] rows clamp cols inside {bytes = 16
// CHECK: kernel.mma_async
// CHECK: kernel.store
// CHECK: kernel.variant @small attributes {align
// CHECK: kernel.variant @small_single
// CHECK: kernel.copy_async plain
// CHECK: kernel.variant @small_any
func.func @main(%x: !x, %w: !w) -> !y attributes {graph.symbols = [
    #graph.symbol<name = "N", input = 0, dim = 0>, #graph.symbol<name = "H", input = 0, dim = 1>,
    #graph.symbol<name = "W", input = 0, dim = 2>, #graph.symbol<name = "C", input = 0, dim = 3>,
    #graph.symbol<name = "O", input = 1, dim = 0>]} {
  %0 = graph.conv %x, %w strides = [1, 1] pads = [1, 1, 1, 1] dilations = [1, 1] groups = 1 channels_last : (!x, !w) -> !y
  return %0 : !y
}
