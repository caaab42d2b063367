// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: cameo-opt %s --convert-kernel-to-nvvm -split-input-file -verify-diagnostics
//
// The written form cannot be emitted.

!s = !kernel.smem<64x32xf16, sw64>
!ring = !kernel.ring<2 groups : !s, !s>
!w = !kernel.slot<write, !ring>
!r = !kernel.slot<read, !ring>
kernel.func @written(%x: tensor<?xf32>) outs(%z: tensor<?xf32>) sizes(%n: index) attributes {family = "gemm"} {
  kernel.end
} variants {
  kernel.variant @v attributes {guard = "1", grid = ["1", "1", "1"], threads = 128 : i32}
      (%x: tensor<?xf32>, %z: tensor<?xf32>, %n: index) {
    // expected-error@+2 {{is in the written form: kernel-resolve comes first}}
    // expected-error@+1 {{failed to legalize operation 'kernel.ring_alloc'}}
    %ring = kernel.ring_alloc : !ring
    kernel.roles { kernel.role @all attributes {warps = 4 : i32} {
      %w = kernel.acquire %ring : !ring
      kernel.commit %w : !w
      %t = kernel.wait %ring : !ring
      kernel.release %t : !r
    } }
    kernel.end
  }
}
