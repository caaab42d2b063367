// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: cameo-opt %s --convert-kernel-to-nvvm -split-input-file -verify-diagnostics
//
// The written form cannot be emitted, nor A in registers that lies otherwise than the engine's sums.

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

// -----

!s = !kernel.smem<64x64xf16, sw128>
!ring = !kernel.ring<2 groups : !s>
!w = !kernel.slot<write, !ring>
!r = !kernel.slot<read, !ring>
!acc1 = !kernel.acc<64x64xf32, mma[2, 2], inflight>
!acc = !kernel.acc<64x64xf32, mma[2, 2], ready>
#rows = #kernel.layout<register = [[0, 1], [0, 2], [0, 4], [0, 8], [0, 16]], lane = [[0, 32], [1, 0], [2, 0], [4, 0], [8, 0]], warp = [[16, 0], [32, 0]]>
kernel.func @spread(%x: tensor<?xf16>) outs(%z: tensor<?xf32>) sizes(%n: index) attributes {family = "gemm"} {
  kernel.end
} variants {
  kernel.variant @v attributes {guard = "1", grid = ["1", "1", "1"], threads = 128 : i32, shared_bytes = 16384 : i32}
      (%x: tensor<?xf16>, %z: tensor<?xf32>, %n: index) {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %v = kernel.strided_view %x offset(%c0) sizes(%n, %n) strides(%n, %c1) : tensor<?xf16> -> tensor<?x?xf16>
    %ring = kernel.ring_alloc {offset = 0 : i32} : !ring
    kernel.roles { kernel.role @all attributes {warps = 4 : i32, first_warp = 0 : i32} {
      %c = kernel.cursor %ring : !ring -> !kernel.cursor<2, 8192>
      %a = kernel.load %v[%c0, %c0] {pad = #kernel.pad<zero>, layout = #rows} : tensor<?x?xf16> -> tensor<64x64xf16>
      %w = kernel.acquire %ring at %c : !kernel.cursor<2, 8192> in {covered} : !ring
      kernel.commit %w : !w
      %t = kernel.wait %ring at %c : !kernel.cursor<2, 8192> in {pending = 0 : i32} : !ring
      %e = kernel.acc_empty : !acc1
      // expected-error@+2 {{needs A in the fragment of the sums}}
      // expected-error@+1 {{failed to legalize operation 'kernel.mma_async'}}
      %p = kernel.mma_async %a, b(%t : !r), %e {part_b = 0 : i64} : tensor<64x64xf16>, !acc1 -> !acc1
      kernel.release %t : !r
      %d = kernel.mma_wait %p {pending = 0 : i32} : !acc1 -> !acc
    } }
    kernel.end
  }
}
