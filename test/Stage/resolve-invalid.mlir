// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: cameo-opt %s --kernel-resolve -split-input-file -verify-diagnostics
//
// What kernel-resolve refuses.

!s = !kernel.smem<64x32xf16, sw64>
!ring = !kernel.ring<2 groups : !s, !s>
!w = !kernel.slot<write, !ring>
!r = !kernel.slot<read, !ring>

// No cursor can follow a branch.
kernel.func @branch(%x: tensor<?xf32>) outs(%z: tensor<?xf32>) sizes(%n: index) attributes {family = "gemm"} {
  kernel.end
} variants {
  kernel.variant @v attributes {guard = "1", grid = ["1", "1", "1"], threads = 128 : i32}
      (%x: tensor<?xf32>, %z: tensor<?xf32>, %n: index) {
    %c0 = arith.constant 0 : index
    %c = arith.cmpi eq, %n, %c0 : index
    %ring = kernel.ring_alloc : !ring
    kernel.roles { kernel.role @all attributes {warps = 4 : i32} {
      // expected-error@+1 {{takes slots of a ring where no cursor can follow}}
      scf.if %c {
        %w = kernel.acquire %ring : !ring
        kernel.commit %w : !w
        %t = kernel.wait %ring : !ring
        kernel.release %t : !r
      }
    } }
    kernel.end
  }
}
