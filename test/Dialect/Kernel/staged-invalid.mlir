// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: cameo-opt %s -split-input-file -verify-diagnostics -allow-unregistered-dialect
//
// Every way to misuse the staged level, refused at the op at fault.

// A slot that is taken and never committed.
!s = !kernel.smem<64x32xf16, sw64>
!ring = !kernel.ring<2 groups : !s, !s>
!w = !kernel.slot<write, !ring>
!r = !kernel.slot<read, !ring>
!acc = !kernel.acc<64x64xf32, mma[2, 2], inflight>
!done = !kernel.acc<64x64xf32, mma[2, 2], ready>
%ring = kernel.ring_alloc : !ring
kernel.roles { kernel.role @all attributes {warps = 4 : i32} {
  // expected-error@+1 {{takes a slot that is never committed}}
  %w = kernel.acquire %ring : !ring
} }

// -----

// A slot that is waited for and never released.
!s = !kernel.smem<64x32xf16, sw64>
!ring = !kernel.ring<2 groups : !s, !s>
!w = !kernel.slot<write, !ring>
!r = !kernel.slot<read, !ring>
!acc = !kernel.acc<64x64xf32, mma[2, 2], inflight>
!done = !kernel.acc<64x64xf32, mma[2, 2], ready>
%ring = kernel.ring_alloc : !ring
kernel.roles { kernel.role @all attributes {warps = 4 : i32} {
  %w = kernel.acquire %ring : !ring
  kernel.commit %w : !w
  // expected-error@+1 {{takes a slot that is never released}}
  %t = kernel.wait %ring : !ring
} }

// -----

// Released twice.
!s = !kernel.smem<64x32xf16, sw64>
!ring = !kernel.ring<2 groups : !s, !s>
!w = !kernel.slot<write, !ring>
!r = !kernel.slot<read, !ring>
!acc = !kernel.acc<64x64xf32, mma[2, 2], inflight>
!done = !kernel.acc<64x64xf32, mma[2, 2], ready>
%ring = kernel.ring_alloc : !ring
kernel.roles { kernel.role @all attributes {warps = 4 : i32} {
  %w = kernel.acquire %ring : !ring
  kernel.commit %w : !w
  %t = kernel.wait %ring : !ring
  // expected-note@+1 {{used up here}}
  kernel.release %t : !r
  // expected-error@+1 {{uses a slot after its end}}
  kernel.release %t : !r
} }

// -----

// Read after its release.
!s = !kernel.smem<64x32xf16, sw64>
!ring = !kernel.ring<2 groups : !s, !s>
!w = !kernel.slot<write, !ring>
!r = !kernel.slot<read, !ring>
!acc = !kernel.acc<64x64xf32, mma[2, 2], inflight>
!done = !kernel.acc<64x64xf32, mma[2, 2], ready>
%ring = kernel.ring_alloc : !ring
kernel.roles { kernel.role @all attributes {warps = 4 : i32} {
  %w = kernel.acquire %ring : !ring
  kernel.commit %w : !w
  %z = kernel.acc_empty : !acc
  %t = kernel.wait %ring : !ring
  // expected-note@+1 {{used up here}}
  kernel.release %t : !r
  // expected-error@+1 {{uses a slot after its end}}
  %n = kernel.mma_async %t, %z : !r, !acc -> !acc
  %d = kernel.mma_wait %n : !acc -> !done
} }

// -----

// A slot from outside released in every iteration.
!s = !kernel.smem<64x32xf16, sw64>
!ring = !kernel.ring<2 groups : !s, !s>
!w = !kernel.slot<write, !ring>
!r = !kernel.slot<read, !ring>
!acc = !kernel.acc<64x64xf32, mma[2, 2], inflight>
!done = !kernel.acc<64x64xf32, mma[2, 2], ready>
// expected-note@+1 {{of this ring}}
%ring = kernel.ring_alloc : !ring
kernel.roles { kernel.role @all attributes {warps = 4 : i32} {
  %w = kernel.acquire %ring : !ring
  kernel.commit %w : !w
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c9 = arith.constant 9 : index
  %t = kernel.wait %ring : !ring
  // expected-error@+1 {{changes the number of slots in use by -1 in each iteration}}
  scf.for %i = %c0 to %c9 step %c1 {
    kernel.release %t : !r
  }
} }

// -----

// Waiting for what nothing has committed.
!s = !kernel.smem<64x32xf16, sw64>
!ring = !kernel.ring<2 groups : !s, !s>
!w = !kernel.slot<write, !ring>
!r = !kernel.slot<read, !ring>
!acc = !kernel.acc<64x64xf32, mma[2, 2], inflight>
!done = !kernel.acc<64x64xf32, mma[2, 2], ready>
%ring = kernel.ring_alloc : !ring
kernel.roles { kernel.role @all attributes {warps = 4 : i32} {
  // expected-error@+1 {{waits for a slot that nothing has committed}}
  %t = kernel.wait %ring : !ring
  kernel.release %t : !r
  %w = kernel.acquire %ring : !ring
  kernel.commit %w : !w
} }

// -----

// A prologue deeper than the ring.
!s = !kernel.smem<64x32xf16, sw64>
!ring = !kernel.ring<2 groups : !s, !s>
!w = !kernel.slot<write, !ring>
!r = !kernel.slot<read, !ring>
!acc = !kernel.acc<64x64xf32, mma[2, 2], inflight>
!done = !kernel.acc<64x64xf32, mma[2, 2], ready>
%ring = kernel.ring_alloc : !ring
kernel.roles { kernel.role @all attributes {warps = 4 : i32} {
  %w = kernel.acquire %ring : !ring
  kernel.commit %w : !w
  %x = kernel.acquire %ring : !ring
  kernel.commit %x : !w
  // expected-error@+1 {{all 2 slots of the ring are in use}}
  %y = kernel.acquire %ring : !ring
  kernel.commit %y : !w
  %t = kernel.wait %ring : !ring
  kernel.release %t : !r
} }

// -----

// One slot more in use after every iteration.
!s = !kernel.smem<64x32xf16, sw64>
!ring = !kernel.ring<4 groups : !s, !s>
!w = !kernel.slot<write, !ring>
!r = !kernel.slot<read, !ring>
!acc = !kernel.acc<64x64xf32, mma[2, 2], inflight>
!done = !kernel.acc<64x64xf32, mma[2, 2], ready>
// expected-note@+1 {{of this ring}}
%ring = kernel.ring_alloc : !ring
kernel.roles { kernel.role @all attributes {warps = 4 : i32} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c9 = arith.constant 9 : index
  // expected-error@+1 {{changes the number of slots in use by 1 in each iteration}}
  scf.for %i = %c0 to %c9 step %c1 {
    %w = kernel.acquire %ring : !ring
    kernel.commit %w : !w
  }
  %t = kernel.wait %ring : !ring
  kernel.release %t : !r
} }

// -----

// Waiting while holding every slot.
!s = !kernel.smem<64x32xf16, sw64>
!ring = !kernel.ring<2 groups : !s, !s>
!w = !kernel.slot<write, !ring>
!r = !kernel.slot<read, !ring>
!acc = !kernel.acc<64x64xf32, mma[2, 2], inflight>
!done = !kernel.acc<64x64xf32, mma[2, 2], ready>
%ring = kernel.ring_alloc : !ring
kernel.roles { kernel.role @all attributes {warps = 4 : i32} {
  %w = kernel.acquire %ring : !ring
  kernel.commit %w : !w
  %x = kernel.acquire %ring : !ring
  kernel.commit %x : !w
  %t = kernel.wait %ring : !ring
  %u = kernel.wait %ring : !ring
  // expected-error@+1 {{waits while the role holds all 2 slots of the ring}}
  %v = kernel.wait %ring : !ring
  kernel.release %t : !r
  kernel.release %u : !r
  kernel.release %v : !r
} }

// -----

// Released under a product in flight.
!s = !kernel.smem<64x64xbf16, sw128>
!ring = !kernel.ring<2 tx : !s, !s>
!w = !kernel.slot<write, !ring>
!r = !kernel.slot<read, !ring>
!none = !kernel.acc<64x64xf32, wgmma[4, 1], empty>
!acc = !kernel.acc<64x64xf32, wgmma[4, 1], inflight>
!done = !kernel.acc<64x64xf32, wgmma[4, 1], ready>
module attributes {kernel.target = "sm_90a"} {
%ring = kernel.ring_alloc : !ring
kernel.roles {
  kernel.role @load attributes {warps = 4 : i32} {
    %s = kernel.acquire %ring : !ring
    kernel.commit %s : !w
  }
  kernel.role @mma attributes {warps = 4 : i32} {
    %e = kernel.acc_empty : !none
    %t = kernel.wait %ring : !ring
    %n = kernel.mma_async %t, %e : !r, !none -> !acc
    // expected-error@+1 {{gives back a slot that a product in flight may still read}}
    kernel.release %t : !r
    %d = kernel.mma_wait %n : !acc -> !done
  }
} }

// -----

// The same across the back edge: keep = 2 leaves the previous iteration's product in flight.
!s = !kernel.smem<64x64xbf16, sw128>
!ring = !kernel.ring<4 tx : !s, !s>
!w = !kernel.slot<write, !ring>
!r = !kernel.slot<read, !ring>
!none = !kernel.acc<64x64xf32, wgmma[4, 1], empty>
!acc = !kernel.acc<64x64xf32, wgmma[4, 1], inflight>
!done = !kernel.acc<64x64xf32, wgmma[4, 1], ready>
module attributes {kernel.target = "sm_90a"} {
%ring = kernel.ring_alloc : !ring
kernel.roles {
  kernel.role @load attributes {warps = 4 : i32} {
    %s = kernel.acquire %ring : !ring
    kernel.commit %s : !w
  }
  kernel.role @mma attributes {warps = 4 : i32} {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c9 = arith.constant 9 : index
    %e = kernel.acc_empty : !none
    %t = kernel.wait %ring : !ring
    %n = kernel.mma_async %t, %e : !r, !none -> !acc
    %m, %last = scf.for %i = %c0 to %c9 step %c1 iter_args(%a = %n, %prev = %t) -> (!acc, !r) {
      %u = kernel.wait %ring : !ring
      %p = kernel.mma_async %u, %a : !r, !acc -> !acc
      %q = kernel.mma_wait %p {keep = 2 : i32} : !acc -> !acc
      // expected-error@+1 {{gives back a slot that a product in flight may still read}}
      kernel.release %prev : !r
      scf.yield %q, %u : !acc, !r
    }
    %d = kernel.mma_wait %m : !acc -> !done
    kernel.release %last : !r
  }
} }

// -----

// An accumulator that is never waited for.
!s = !kernel.smem<64x32xf16, sw64>
!ring = !kernel.ring<2 groups : !s, !s>
!w = !kernel.slot<write, !ring>
!r = !kernel.slot<read, !ring>
!acc = !kernel.acc<64x64xf32, mma[2, 2], inflight>
!done = !kernel.acc<64x64xf32, mma[2, 2], ready>
%ring = kernel.ring_alloc : !ring
kernel.roles { kernel.role @all attributes {warps = 4 : i32} {
  %w = kernel.acquire %ring : !ring
  kernel.commit %w : !w
  %z = kernel.acc_empty : !acc
  %t = kernel.wait %ring : !ring
  // expected-error@+1 {{leaves an accumulator that is never waited for}}
  %n = kernel.mma_async %t, %z : !r, !acc -> !acc
  kernel.release %t : !r
} }

// -----

// Reading an accumulator in flight.
!s = !kernel.smem<64x32xf16, sw64>
!ring = !kernel.ring<2 groups : !s, !s>
!w = !kernel.slot<write, !ring>
!r = !kernel.slot<read, !ring>
!acc = !kernel.acc<64x64xf32, mma[2, 2], inflight>
!done = !kernel.acc<64x64xf32, mma[2, 2], ready>
%ring = kernel.ring_alloc : !ring
kernel.roles { kernel.role @all attributes {warps = 4 : i32} {
  %w = kernel.acquire %ring : !ring
  kernel.commit %w : !w
  %z = kernel.acc_empty : !acc
  // expected-error@+1 {{reads an accumulator that is 'inflight'; wait for it first}}
  %v = kernel.acc_read %z : !acc -> tensor<64x64xf32>
  %t = kernel.wait %ring : !ring
  kernel.release %t : !r
} }

// -----

// A product whose result claims to be ready.
!s = !kernel.smem<64x32xf16, sw64>
!ring = !kernel.ring<2 groups : !s, !s>
!w = !kernel.slot<write, !ring>
!r = !kernel.slot<read, !ring>
!acc = !kernel.acc<64x64xf32, mma[2, 2], inflight>
!done = !kernel.acc<64x64xf32, mma[2, 2], ready>
%ring = kernel.ring_alloc : !ring
kernel.roles { kernel.role @all attributes {warps = 4 : i32} {
  %w = kernel.acquire %ring : !ring
  kernel.commit %w : !w
  %z = kernel.acc_empty : !acc
  %t = kernel.wait %ring : !ring
  // expected-error@+1 {{the result is the same accumulator in flight, to be waited for}}
  %n = kernel.mma_async %t, %z : !r, !acc -> !done
  kernel.release %t : !r
} }

// -----

// An accumulator used twice.
!s = !kernel.smem<64x32xf16, sw64>
!ring = !kernel.ring<2 groups : !s, !s>
!w = !kernel.slot<write, !ring>
!r = !kernel.slot<read, !ring>
!acc = !kernel.acc<64x64xf32, mma[2, 2], inflight>
!done = !kernel.acc<64x64xf32, mma[2, 2], ready>
%ring = kernel.ring_alloc : !ring
kernel.roles { kernel.role @all attributes {warps = 4 : i32} {
  %w = kernel.acquire %ring : !ring
  kernel.commit %w : !w
  %z = kernel.acc_empty : !acc
  %t = kernel.wait %ring : !ring
  // expected-note@+1 {{used up here}}
  %n = kernel.mma_async %t, %z : !r, !acc -> !acc
  // expected-error@+1 {{uses an accumulator after its end}}
  %m = kernel.mma_async %t, %z : !r, !acc -> !acc
  kernel.release %t : !r
} }

// -----

// An accumulator spread over other warps than the role has.
!s = !kernel.smem<64x32xf16, sw64>
!ring = !kernel.ring<2 groups : !s, !s>
!w = !kernel.slot<write, !ring>
!r = !kernel.slot<read, !ring>
!acc = !kernel.acc<64x64xf32, mma[2, 2], inflight>
!done = !kernel.acc<64x64xf32, mma[2, 2], ready>
%ring = kernel.ring_alloc : !ring
kernel.roles { kernel.role @all attributes {warps = 8 : i32} {
  // expected-error@+1 {{the accumulator is spread over 4 warps, but the role has 8}}
  %z = kernel.acc_empty : !acc
} }

// -----

// A fresh accumulator of mma.sync is zeros, not empty.
!s = !kernel.smem<64x32xf16, sw64>
!ring = !kernel.ring<2 groups : !s, !s>
!w = !kernel.slot<write, !ring>
!r = !kernel.slot<read, !ring>
!acc = !kernel.acc<64x64xf32, mma[2, 2], inflight>
!done = !kernel.acc<64x64xf32, mma[2, 2], ready>
%ring = kernel.ring_alloc : !ring
kernel.roles { kernel.role @all attributes {warps = 4 : i32} {
  // expected-error@+1 {{a fresh accumulator of mma is 'inflight'}}
  %z = kernel.acc_empty : !kernel.acc<64x64xf32, mma[2, 2], empty>
} }

// -----

// Tiles that do not fit.
!s = !kernel.smem<64x32xf16, sw64>
!ring = !kernel.ring<2 groups : !s, !s>
!w = !kernel.slot<write, !ring>
!r = !kernel.slot<read, !ring>
!acc = !kernel.acc<128x64xf32, mma[2, 2], inflight>
!done = !kernel.acc<128x64xf32, mma[2, 2], ready>
%ring = kernel.ring_alloc : !ring
kernel.roles { kernel.role @all attributes {warps = 4 : i32} {
  %w = kernel.acquire %ring : !ring
  kernel.commit %w : !w
  %z = kernel.acc_empty : !acc
  %t = kernel.wait %ring : !ring
  // expected-error@+1 {{the tiles do not fit: 64x32 times 32x64 into 128x64}}
  %n = kernel.mma_async %t, %z : !r, !acc -> !acc
  kernel.release %t : !r
} }

// -----

// Transaction barriers on sm_80.
!s = !kernel.smem<64x64xbf16, sw128>
!ring = !kernel.ring<2 tx : !s, !s>
!w = !kernel.slot<write, !ring>
!r = !kernel.slot<read, !ring>
!none = !kernel.acc<64x64xf32, wgmma[4, 1], empty>
!acc = !kernel.acc<64x64xf32, wgmma[4, 1], inflight>
!done = !kernel.acc<64x64xf32, wgmma[4, 1], ready>
// expected-error@+1 {{transaction barriers need sm_90 or newer, the target is sm_80}}
%ring = kernel.ring_alloc : !ring

// -----

// Bulk copies on sm_80.
!s = !kernel.smem<64x64xbf16, sw128>
!ring = !kernel.ring<2 tx : !s, !s>
!w = !kernel.slot<write, !ring>
!r = !kernel.slot<read, !ring>
!n0 = !kernel.acc<64x64xf32, wgmma[4, 1], empty>
!acc = !kernel.acc<64x64xf32, wgmma[4, 1], inflight>
!done = !kernel.acc<64x64xf32, wgmma[4, 1], ready>
%ring = "test.ring"() : () -> !ring
%map = "test.map"() : () -> !kernel.tmap<!s>
%c0 = arith.constant 0 : index
kernel.roles { kernel.role @all attributes {warps = 4 : i32} {
  %w = kernel.acquire %ring : !ring
  // expected-error@+1 {{bulk copies need sm_90 or newer, the target is sm_80}}
  kernel.copy_async bulk %map[%c0, %c0] -> %w[0] : !kernel.tmap<!s> -> !w
  kernel.commit %w : !w
} }

// -----

// A box that is not the part.
!s = !kernel.smem<64x64xbf16, sw128>
!ring = !kernel.ring<2 tx : !s, !s>
!w = !kernel.slot<write, !ring>
!r = !kernel.slot<read, !ring>
!none = !kernel.acc<64x64xf32, wgmma[4, 1], empty>
!acc = !kernel.acc<64x64xf32, wgmma[4, 1], inflight>
!done = !kernel.acc<64x64xf32, wgmma[4, 1], ready>
module attributes {kernel.target = "sm_90a"} {
%ring = kernel.ring_alloc : !ring
%map = "test.map"() : () -> !kernel.tmap<!kernel.smem<128x64xbf16, sw128>>
%c0 = arith.constant 0 : index
kernel.roles { kernel.role @all attributes {warps = 4 : i32} {
  %w = kernel.acquire %ring : !ring
  // expected-error@+1 {{is not the slot's part}}
  kernel.copy_async bulk %map[%c0, %c0] -> %w[0] : !kernel.tmap<!kernel.smem<128x64xbf16, sw128>> -> !w
  kernel.commit %w : !w
} } }

// -----

// cp.async does not signal a transaction barrier.
!s = !kernel.smem<64x64xbf16, sw128>
!ring = !kernel.ring<2 tx : !s, !s>
!w = !kernel.slot<write, !ring>
!r = !kernel.slot<read, !ring>
!none = !kernel.acc<64x64xf32, wgmma[4, 1], empty>
!acc = !kernel.acc<64x64xf32, wgmma[4, 1], inflight>
!done = !kernel.acc<64x64xf32, wgmma[4, 1], ready>
module attributes {kernel.target = "sm_90a"} {
%ring = kernel.ring_alloc : !ring
%x = "test.view"() : () -> tensor<?x?xbf16>
%c0 = arith.constant 0 : index
kernel.roles { kernel.role @all attributes {warps = 4 : i32} {
  %w = kernel.acquire %ring : !ring
  // expected-error@+1 {{cp_async copies do not signal a ring of 'tx'}}
  kernel.copy_async cp_async %x[%c0, %c0] -> %w[0] : tensor<?x?xbf16> -> !w
  kernel.commit %w : !w
} } }

// -----

// A part that the slot does not have; elements that differ.
!s = !kernel.smem<64x32xf16, sw64>
!ring = !kernel.ring<2 groups : !s, !s>
!w = !kernel.slot<write, !ring>
!r = !kernel.slot<read, !ring>
!acc = !kernel.acc<64x64xf32, mma[2, 2], inflight>
!done = !kernel.acc<64x64xf32, mma[2, 2], ready>
%ring = kernel.ring_alloc : !ring
kernel.roles { kernel.role @all attributes {warps = 4 : i32} {
  %c0 = arith.constant 0 : index
  %x = "test.view"() : () -> tensor<?x?xf16>
  %w = kernel.acquire %ring : !ring
  // expected-error@+1 {{the slot has 2 parts, not part 2}}
  kernel.copy_async cp_async %x[%c0, %c0] -> %w[2] : tensor<?x?xf16> -> !w
  kernel.commit %w : !w
} }

// -----

// A row that does not fill its swizzle.
// expected-error@+1 {{a row has 64 bytes, but the swizzle sw128 spans exactly 128}}
func.func private @f(!kernel.smem<128x32xf16, sw128>)

// -----

// A ring of depth 1.
// expected-error@+1 {{a ring of depth 1 cannot overlap anything}}
func.func private @f(!kernel.ring<1 groups : !kernel.smem<128x32xf16, sw64>>)

// -----

// An accumulator that its fragments do not tile.
// expected-error@+1 {{is not tiled by the fragment 16x16 of mma}}
func.func private @f(!kernel.acc<64x64xf32, mma[8, 1], inflight>)

// -----

// wgmma has one column of warps.
// expected-error@+1 {{wgmma spreads 16 rows and all columns}}
func.func private @f(!kernel.acc<64x64xf32, wgmma[2, 2], empty>)

// -----

// Registers move between whole warpgroups.
// expected-error@+2 {{registers are given and taken by whole warpgroups, not by 2 warps}}
kernel.roles {
  kernel.role @all attributes {warps = 2 : i32, regs = 40 : i32} {
  }
}

// -----

// Nobody reads the ring.
!s = !kernel.smem<64x32xf16, sw64>
!ring = !kernel.ring<2 groups : !s, !s>
!w = !kernel.slot<write, !ring>
!r = !kernel.slot<read, !ring>
!acc = !kernel.acc<64x64xf32, mma[2, 2], inflight>
!done = !kernel.acc<64x64xf32, mma[2, 2], ready>
%ring = kernel.ring_alloc : !ring
// expected-error@+1 {{a ring is filled that no role reads}}
kernel.roles { kernel.role @all attributes {warps = 4 : i32} {
  %w = kernel.acquire %ring : !ring
  kernel.commit %w : !w
} }

// -----

// Two roles fill the same ring.
!s = !kernel.smem<64x64xbf16, sw128>
!ring = !kernel.ring<2 tx : !s, !s>
!w = !kernel.slot<write, !ring>
!r = !kernel.slot<read, !ring>
!none = !kernel.acc<64x64xf32, wgmma[4, 1], empty>
!acc = !kernel.acc<64x64xf32, wgmma[4, 1], inflight>
!done = !kernel.acc<64x64xf32, wgmma[4, 1], ready>
module attributes {kernel.target = "sm_90a"} {
%ring = kernel.ring_alloc : !ring
// expected-error@+1 {{a ring is filled by exactly one role, this one by 2}}
kernel.roles {
  kernel.role @one attributes {warps = 4 : i32} {
    %w = kernel.acquire %ring : !ring
    kernel.commit %w : !w
  }
  kernel.role @two attributes {warps = 4 : i32} {
    %w = kernel.acquire %ring : !ring
    kernel.commit %w : !w
  }
} }

// -----

// Staged ops outside a role.
!s = !kernel.smem<64x32xf16, sw64>
!ring = !kernel.ring<2 groups : !s, !s>
!w = !kernel.slot<write, !ring>
!r = !kernel.slot<read, !ring>
!acc = !kernel.acc<64x64xf32, mma[2, 2], inflight>
!done = !kernel.acc<64x64xf32, mma[2, 2], ready>
%ring = kernel.ring_alloc : !ring
// expected-error@+1 {{it lies in a kernel.role}}
%w = kernel.acquire %ring : !ring

// -----

// A slot released in one branch only.
!s = !kernel.smem<64x32xf16, sw64>
!ring = !kernel.ring<2 groups : !s, !s>
!w = !kernel.slot<write, !ring>
!r = !kernel.slot<read, !ring>
!acc = !kernel.acc<64x64xf32, mma[2, 2], inflight>
!done = !kernel.acc<64x64xf32, mma[2, 2], ready>
%ring = kernel.ring_alloc : !ring
kernel.roles { kernel.role @all attributes {warps = 4 : i32} {
  %w = kernel.acquire %ring : !ring
  kernel.commit %w : !w
  %c = "test.condition"() : () -> i1
  %t = kernel.wait %ring : !ring
  scf.if %c {
    // expected-error@+1 {{ends a token in one branch of a condition only}}
    kernel.release %t : !r
  }
} }

// -----

// Only cp_async copies choose what is done about positions outside.
!s = !kernel.smem<64x32xf16, sw64>
!ring = !kernel.ring<2 groups : !s, !s>
!w = !kernel.slot<write, !ring>
%ring = kernel.ring_alloc : !ring
kernel.roles { kernel.role @all attributes {warps = 4 : i32} {
  %c0 = arith.constant 0 : index
  %x = "test.view"() : () -> tensor<?x?xf16>
  %w = kernel.acquire %ring : !ring
  // expected-error@+1 {{bounds are what cp_async copies choose, not plain}}
  kernel.copy_async plain %x[%c0, %c0] -> %w[0] rows clamp : tensor<?x?xf16> -> !w
  kernel.commit %w : !w
} }

// -----

// A cursor that does not grow by the ring's slots.
!s = !kernel.smem<64x32xf16, sw64>
!ring = !kernel.ring<2 groups : !s, !s>
%ring = kernel.ring_alloc : !ring
kernel.roles { kernel.role @all attributes {warps = 4 : i32} {
  // expected-error@+1 {{a cursor of this ring grows by 8192}}
  %c = kernel.cursor %ring : !ring -> !kernel.cursor<2>
} }

// -----

// expected-error@+1 {{a cursor grows from slot to slot, not by 0}}
func.func private @f(!kernel.cursor<2, 0>)

// -----

// Bytes whose rows are k come out of ldmatrix by twos; the accumulator has to say so.
!s = !kernel.smem<64x64xi8, sw64>
!ring = !kernel.ring<2 groups : !s, !s>
!w = !kernel.slot<write, !ring>
!r = !kernel.slot<read, !ring>
!acc = !kernel.acc<64x64xi32, mma[2, 2], inflight>
!done = !kernel.acc<64x64xi32, mma[2, 2], ready>
%ring = kernel.ring_alloc : !ring
kernel.roles { kernel.role @all attributes {warps = 4 : i32} {
  %w = kernel.acquire %ring : !ring
  kernel.commit %w : !w
  %z = kernel.acc_empty : !acc
  %t = kernel.wait %ring : !ring
  // expected-error@+1 {{the accumulator has to be 'paired_cols', as its operands lie}}
  %n = kernel.mma_async %t, %z {trans_b} : !r, !acc -> !acc
  kernel.release %t : !r
  %d = kernel.mma_wait %n : !acc -> !done
} }

// -----

// Elements of two bytes are not paired.
!s = !kernel.smem<64x64xf16, sw128>
!ring = !kernel.ring<2 groups : !s, !s>
!w = !kernel.slot<write, !ring>
!r = !kernel.slot<read, !ring>
!acc = !kernel.acc<64x64xf32, mma[2, 2], paired_cols, inflight>
!done = !kernel.acc<64x64xf32, mma[2, 2], paired_cols, ready>
%ring = kernel.ring_alloc : !ring
kernel.roles { kernel.role @all attributes {warps = 4 : i32} {
  %w = kernel.acquire %ring : !ring
  kernel.commit %w : !w
  %z = kernel.acc_empty : !acc
  %t = kernel.wait %ring : !ring
  // expected-error@+1 {{the accumulator has to be 'not_paired', as its operands lie}}
  %n = kernel.mma_async %t, %z {trans_b} : !r, !acc -> !acc
  kernel.release %t : !r
  %d = kernel.mma_wait %n : !acc -> !done
} }

// -----

// Bytes are summed in i32.
!s = !kernel.smem<64x64xi8, sw64>
!ring = !kernel.ring<2 groups : !s, !s>
!w = !kernel.slot<write, !ring>
!r = !kernel.slot<read, !ring>
!acc = !kernel.acc<64x64xf32, mma[2, 2], inflight>
!done = !kernel.acc<64x64xf32, mma[2, 2], ready>
%ring = kernel.ring_alloc : !ring
kernel.roles { kernel.role @all attributes {warps = 4 : i32} {
  %w = kernel.acquire %ring : !ring
  kernel.commit %w : !w
  %z = kernel.acc_empty : !acc
  %t = kernel.wait %ring : !ring
  // expected-error@+1 {{no mma.sync multiplies 'i8' by 'i8' into 'f32'}}
  %n = kernel.mma_async %t, %z : !r, !acc -> !acc
  kernel.release %t : !r
  %d = kernel.mma_wait %n : !acc -> !done
} }

// -----

// Floats have a sign.
!s = !kernel.smem<64x64xf16, sw128>
!ring = !kernel.ring<2 groups : !s, !s>
!w = !kernel.slot<write, !ring>
!r = !kernel.slot<read, !ring>
!acc = !kernel.acc<64x64xf32, mma[2, 2], inflight>
!done = !kernel.acc<64x64xf32, mma[2, 2], ready>
%ring = kernel.ring_alloc : !ring
kernel.roles { kernel.role @all attributes {warps = 4 : i32} {
  %w = kernel.acquire %ring : !ring
  kernel.commit %w : !w
  %z = kernel.acc_empty : !acc
  %t = kernel.wait %ring : !ring
  // expected-error@+1 {{only integers are unsigned}}
  %n = kernel.mma_async %t, %z {unsigned_a} : !r, !acc -> !acc
  kernel.release %t : !r
  %d = kernel.mma_wait %n : !acc -> !done
} }

// -----

// A step of k that the instruction does not divide.
!s = !kernel.smem<64x16xi8, pad16>
!ring = !kernel.ring<2 groups : !s, !s>
!w = !kernel.slot<write, !ring>
!r = !kernel.slot<read, !ring>
!acc = !kernel.acc<64x64xi32, mma[2, 2], inflight>
!done = !kernel.acc<64x64xi32, mma[2, 2], ready>
%ring = kernel.ring_alloc : !ring
kernel.roles { kernel.role @all attributes {warps = 4 : i32} {
  %w = kernel.acquire %ring : !ring
  kernel.commit %w : !w
  %z = kernel.acc_empty : !acc
  %t = kernel.wait %ring : !ring
  // expected-error@+1 {{k of one step is a multiple of 32, not 16}}
  %n = kernel.mma_async %t, %z : !r, !acc -> !acc
  kernel.release %t : !r
  %d = kernel.mma_wait %n : !acc -> !done
} }

// -----

// What ldmatrix cannot give needs rows whose distances are constants.
!s = !kernel.smem<16x64xf32, sw128>
!ring = !kernel.ring<2 groups : !s, !s>
!w = !kernel.slot<write, !ring>
!r = !kernel.slot<read, !ring>
!acc = !kernel.acc<64x64xf32, mma[2, 2], inflight>
!done = !kernel.acc<64x64xf32, mma[2, 2], ready>
%ring = kernel.ring_alloc : !ring
kernel.roles { kernel.role @all attributes {warps = 4 : i32} {
  %w = kernel.acquire %ring : !ring
  kernel.commit %w : !w
  %z = kernel.acc_empty : !acc
  %t = kernel.wait %ring : !ring
  // expected-error@+1 {{A is read element by element and has to lie in padded rows, not in sw128}}
  %n = kernel.mma_async %t, %z {trans_a, trans_b} : !r, !acc -> !acc
  kernel.release %t : !r
  %d = kernel.mma_wait %n : !acc -> !done
} }

// -----

// Three products make one of f32, not of f16.
!s = !kernel.smem<64x64xf16, sw128>
!ring = !kernel.ring<2 groups : !s, !s>
!w = !kernel.slot<write, !ring>
!r = !kernel.slot<read, !ring>
!acc = !kernel.acc<64x64xf32, mma[2, 2], inflight>
!done = !kernel.acc<64x64xf32, mma[2, 2], ready>
%ring = kernel.ring_alloc : !ring
kernel.roles { kernel.role @all attributes {warps = 4 : i32} {
  %w = kernel.acquire %ring : !ring
  kernel.commit %w : !w
  %z = kernel.acc_empty : !acc
  %t = kernel.wait %ring : !ring
  // expected-error@+1 {{factors of f32 are one product or three, all others one}}
  %n = kernel.mma_async %t, %z {products = 3 : i32} : !r, !acc -> !acc
  kernel.release %t : !r
  %d = kernel.mma_wait %n : !acc -> !done
} }

// -----

// Only mma.sync pairs.
// expected-error@+1 {{paired_rows is said of mma, not of fma}}
!acc = !kernel.acc<64x64xf32, fma[2, 2], paired_rows, inflight>

// -----

// expected-error@+1 {{mma does not accumulate in 'i64'}}
!acc = !kernel.acc<64x64xi64, mma[2, 2], inflight>

// -----

// Panels are what sw128 has.
// expected-error@+1 {{a row has 256 bytes, but the swizzle sw64 spans exactly 64}}
!s = !kernel.smem<64x128xf16, sw64>

// -----

// A panel's rows begin where the swizzle does.
// expected-error@+1 {{panels of sw128 have a multiple of 8 rows, not 12}}
!s = !kernel.smem<12x128xf16, sw128>

// -----

// A bulk copy fills one panel.
!box = !kernel.smem<64x128xf16, sw128>
// expected-error@+1 {{a bulk copy fills one panel of 128 bytes, not 2}}
!map = !kernel.tmap<!box>
