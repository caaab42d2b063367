// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Kernels become PTX one by one and are put together in their order: one module is opened, memory of the
// launch is declared once, and each kernel has shared memory of its own. Functions that call each other
// stay together.
// RUN: cameo-opt %s --pass-pipeline='builtin.module(gpu.module(nvvm-to-ptx{target=sm_80}))' | FileCheck %s

// CHECK: gpu.module @apart
// CHECK-SAME: .version 7.0
// CHECK-NOT: .version
// CHECK-SAME: .extern .shared {{[^;]*}} dynamic[];
// CHECK-NOT: .extern
// CHECK-SAME: // nodes: /a
// CHECK-SAME: .visible .entry first(
// CHECK-NOT: .version
// CHECK-NOT: .extern
// CHECK-SAME: // nodes: /b
// CHECK-SAME: .visible .entry second(
// CHECK-SAME: .shared .align 16 .b8 scratch[64];
gpu.module @apart {
  llvm.mlir.global external @dynamic() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<0 x i8>
  llvm.mlir.global internal @scratch() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<64 x i8>
  llvm.func @first(%out: !llvm.ptr<1>) attributes {gpu.kernel, nvvm.kernel, cameo.nodes = ["/a"]} {
    %0 = llvm.mlir.addressof @dynamic : !llvm.ptr<3>
    %1 = llvm.load volatile %0 : !llvm.ptr<3> -> i32
    llvm.store %1, %out : i32, !llvm.ptr<1>
    llvm.return
  }
  llvm.func @second(%out: !llvm.ptr<1>) attributes {gpu.kernel, nvvm.kernel, cameo.nodes = ["/b"]} {
    %0 = llvm.mlir.addressof @dynamic : !llvm.ptr<3>
    %1 = llvm.mlir.addressof @scratch : !llvm.ptr<3>
    %2 = llvm.load volatile %0 : !llvm.ptr<3> -> i32
    llvm.store volatile %2, %1 : i32, !llvm.ptr<3>
    %3 = llvm.load volatile %1 : !llvm.ptr<3> -> i32
    llvm.store %3, %out : i32, !llvm.ptr<1>
    llvm.return
  }
}

// CHECK: gpu.module @together
// CHECK-SAME: .func {{.*}} helper(
// CHECK-SAME: .visible .entry caller(
// CHECK-SAME: call.uni
gpu.module @together {
  llvm.func @helper(%x: i32) -> i32 attributes {passthrough = ["noinline"]} {
    %0 = llvm.mul %x, %x : i32
    llvm.return %0 : i32
  }
  llvm.func @caller(%out: !llvm.ptr<1>, %x: i32) attributes {gpu.kernel, nvvm.kernel} {
    %0 = llvm.call @helper(%x) : (i32) -> i32
    llvm.store %0, %out : i32, !llvm.ptr<1>
    llvm.return
  }
}
