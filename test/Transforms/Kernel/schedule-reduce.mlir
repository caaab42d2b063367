// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Rows: short ones column by column, a warp a row, a block a row, chunks. What lies past the end of a row
// is the identity: by the load's pad, or by a select where something was computed before.
// RUN: cameo-opt %s --kernel-schedule --split-input-file | FileCheck %s

#all = affine_map<(i, j) -> (i, j)>
#row = affine_map<(i, j) -> (i)>

// CHECK-LABEL: kernel.func @row_sum
// CHECK: kernel.variant @short {{.*}}lanes = 1, {{.*}}whole = false
// CHECK: kernel.variant @warp {{.*}}lanes = 32, {{.*}}whole = true
// CHECK-NOT: scf.for
// CHECK: %[[T:.*]] = kernel.load {{.*}}pad = #kernel.pad<zero>{{.*}} -> tensor<8x128xf32>
// CHECK-NEXT: %[[S:.*]] = kernel.reduce %[[T]] dims = [1]
// CHECK: kernel.store %[[S]]
// CHECK: kernel.variant @block
// CHECK: kernel.variant @any {{.*}}guard = "1", index64{{.*}}whole = false
// CHECK: %[[ACC:.*]] = scf.for
// CHECK:   kernel.load
// CHECK:   linalg.generic
// CHECK:   arith.addf
// CHECK:   scf.yield
// CHECK: kernel.reduce %[[ACC]] dims = [1]
kernel.func @row_sum(%x: tensor<?xf32>) outs(%z: tensor<?xf32>) sizes(%m: index, %n: index) attributes {family = "reduce"} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0.0 : f32
  %xv = kernel.strided_view %x offset(%c0) sizes(%m, %n) strides(%n, %c1) : tensor<?xf32> -> tensor<?x?xf32>
  %e = tensor.empty(%m) : tensor<?xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<?xf32>) -> tensor<?xf32>
  %r = linalg.generic {indexing_maps = [#all, #row], iterator_types = ["parallel", "reduction"]}
      ins(%xv : tensor<?x?xf32>) outs(%f : tensor<?xf32>) {
  ^bb0(%a: f32, %s: f32):
    %t = arith.addf %s, %a : f32
    linalg.yield %t : f32
  } -> tensor<?xf32>
  %zv = kernel.strided_view %z offset(%c0) sizes(%m) strides(%c1) : tensor<?xf32> -> tensor<?xf32>
  kernel.write %r, %zv : tensor<?xf32>, tensor<?xf32>
  kernel.end
}

// -----

#all = affine_map<(i, j) -> (i, j)>
#row = affine_map<(i, j) -> (i)>

// exp(0) is no identity of the sum: the tail is selected away. Memory runs down the columns here, so
// neighbouring threads take neighbouring rows.
// CHECK-LABEL: kernel.func @column_sum_of_exp
// CHECK: kernel.variant @columns {{.*}}lanes = 1
// CHECK: scf.for
// CHECK: math.exp
// CHECK: %[[IN:.*]] = kernel.in_bounds
// CHECK: linalg.generic {{.*}}ins(%[[IN]]
// CHECK: arith.select
// CHECK: kernel.variant @any
// CHECK-NOT: kernel.variant
kernel.func @column_sum_of_exp(%x: tensor<?xf32>) outs(%z: tensor<?xf32>) sizes(%m: index, %n: index) attributes {family = "reduce"} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0.0 : f32
  %xv = kernel.strided_view %x offset(%c0) sizes(%m, %n) strides(%c1, %m) : tensor<?xf32> -> tensor<?x?xf32>
  %e2 = tensor.empty(%m, %n) : tensor<?x?xf32>
  %q = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]}
      ins(%xv : tensor<?x?xf32>) outs(%e2 : tensor<?x?xf32>) {
  ^bb0(%a: f32, %o: f32):
    %t = math.exp %a : f32
    linalg.yield %t : f32
  } -> tensor<?x?xf32>
  %e = tensor.empty(%m) : tensor<?xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<?xf32>) -> tensor<?xf32>
  %r = linalg.generic {indexing_maps = [#all, #row], iterator_types = ["parallel", "reduction"]}
      ins(%q : tensor<?x?xf32>) outs(%f : tensor<?xf32>) {
  ^bb0(%a: f32, %s: f32):
    %t = arith.addf %s, %a : f32
    linalg.yield %t : f32
  } -> tensor<?xf32>
  %zv = kernel.strided_view %z offset(%c0) sizes(%m) strides(%c1) : tensor<?xf32> -> tensor<?xf32>
  kernel.write %r, %zv : tensor<?xf32>, tensor<?xf32>
  kernel.end
}
