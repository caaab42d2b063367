// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Kernels, variants, launches and views parse and print the same twice.
// RUN: cameo-opt %s --split-input-file --allow-unregistered-dialect | cameo-opt --split-input-file --allow-unregistered-dialect | FileCheck %s

// CHECK-LABEL: kernel.func @copy(%{{.*}}: tensor<?xf32>) outs(%{{.*}}: tensor<?xf32>) sizes(%{{.*}}: index) scalars(%{{.*}}: f32)
// CHECK-SAME: family = "pointwise"
// CHECK: kernel.end
// CHECK: } variants {
// CHECK: kernel.variant @any attributes {{.*}}guard = "1"{{.*}}#kernel.pointwise<tile = 1024, vector = 4>
kernel.func @copy(%x: tensor<?xf32>) outs(%z: tensor<?xf32>) sizes(%n: index) scalars(%a: f32)
    attributes {family = "pointwise", nodes = ["/copy"]} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %xv = kernel.strided_view %x offset(%c0) sizes(%n) strides(%c1) : tensor<?xf32> -> tensor<?xf32>
  %zv = kernel.strided_view %z offset(%c0) sizes(%n) strides(%c1) : tensor<?xf32> -> tensor<?xf32>
  kernel.write %xv, %zv : tensor<?xf32>, tensor<?xf32>
  kernel.end
} variants {
  kernel.variant @any attributes {guard = "1", grid = ["ceildiv(s0, 1024)", "1", "1"], threads = 256 : i32,
      align = array<i32: 16, 0>, schedule = #kernel.pointwise<tile = 1024, vector = 4>}
      (%x: tensor<?xf32>, %z: tensor<?xf32>, %n: index, %a: f32) {
    kernel.end
  }
}
// CHECK-LABEL: func.func @main
func.func @main(%x: tensor<8xf32>) -> tensor<8xf32> {
  // CHECK: %[[Z:.*]] = kernel.alloc : tensor<8xf32>
  %z = kernel.alloc : tensor<8xf32>
  // CHECK: kernel.launch @copy ins(%{{.*}} : tensor<8xf32>) outs(%[[Z]] : tensor<8xf32>) sizes ["8"] {scalars = [1.0{{.*}} : f32]}
  %r = kernel.launch @copy ins(%x : tensor<8xf32>) outs(%z : tensor<8xf32>) sizes ["8"] {scalars = [1.0 : f32]}
  return %r : tensor<8xf32>
}

// -----

// CHECK-LABEL: kernel.func @views
kernel.func @views(%x: tensor<?xf32>, %k: tensor<?xi64>) outs(%z: tensor<?xf32>) sizes(%m: index, %n: index)
    attributes {family = "serial"} {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  // CHECK: kernel.computed_view sizes(%{{.*}}, %{{.*}}) {
  // CHECK: kernel.read %{{.*}}[%{{.*}}] if %{{.*}} else %{{.*}} : tensor<?xf32>
  // CHECK: kernel.yield %{{.*}} : f32
  %v = kernel.computed_view sizes(%m, %n) {
  ^bb0(%i: index, %j: index):
    %ok = arith.cmpi slt, %i, %j : index
    %e = kernel.read %x[%j] if %ok else %zero : tensor<?xf32>
    kernel.yield %e : f32
  } : tensor<?x?xf32>
  // CHECK: kernel.scan ins(%{{.*}} : tensor<?x?xf32>) init(%{{.*}} : f32) dim = 1
  %s = kernel.scan ins(%v : tensor<?x?xf32>) init(%zero : f32) dim = 1 {
  ^bb0(%e: f32, %sum: f32):
    %r = arith.addf %sum, %e : f32
    kernel.yield %r, %r : f32, f32
  } -> tensor<?x?xf32>
  // CHECK: kernel.scatter %{{.*}}, %{{.*}} at [] sizes(%{{.*}}, %{{.*}}) {
  // CHECK: } combine {
  kernel.scatter %s, %z at [] sizes(%m, %n) {
  ^bb0(%i: index, %j: index):
    %p = arith.addi %i, %j : index
    kernel.yield %p : index
  } combine {
  ^bb0(%old: f32, %new: f32):
    %r = arith.addf %old, %new : f32
    kernel.yield %r : f32
  } : tensor<?x?xf32>, tensor<?xf32>
  kernel.end
}

// -----

// CHECK: #kernel.layout<register = {{\[}}[0, 1], [1, 0]], lane = {{\[}}[0, 2], [0, 4]], warp = []>
// CHECK: #kernel.reduce<rows = 4, columns = 1024, lanes = 64, vector = 4, whole = true>
"test.attributes"() {a = #kernel.layout<register = [[0, 1], [1, 0]], lane = [[0, 2], [0, 4]], warp = []>,
                     b = #kernel.reduce<rows = 4, columns = 1024, lanes = 64, vector = 4, whole = true>} : () -> ()
