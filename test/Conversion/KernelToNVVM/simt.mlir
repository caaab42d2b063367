// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A written variant, op by op: wide accesses with a guarded element-wise edge, predicated single accesses,
// reductions by registers, shuffles and shared memory.
// RUN: cameo-opt %s --convert-kernel-to-nvvm --split-input-file | FileCheck %s

#flat = #kernel.layout<register = [[1], [2]], lane = [[4], [8], [16], [32], [64]], warp = []>
#id = affine_map<(i) -> (i)>

// CHECK-LABEL: llvm.func @scale_v0(%{{.*}}: !llvm.ptr<1>, %{{.*}}: !llvm.ptr<1>, %{{.*}}: i32, %{{.*}}: f32)
// CHECK-SAME: nvvm.kernel, nvvm.minctasm = 16 : i32, nvvm.reqntid = array<i32: 32, 1, 1>
// CHECK: llvm.cond_br
// CHECK: llvm.load %{{.*}} {alignment = 16 : i64} : !llvm.ptr<1> -> vector<4xf32>
// CHECK-COUNT-4: llvm.inline_asm "@$2 ld.global.f32 $0, [$1];"
// CHECK-COUNT-4: llvm.fmul
// CHECK-NOT: llvm.store
// CHECK-COUNT-4: llvm.inline_asm has_side_effects "@$2 st.global.f32 [$0], $1;"
// CHECK: llvm.return
kernel.func @scale(%x: tensor<?xf32>) outs(%z: tensor<?xf32>) sizes(%n: index) scalars(%a: f32) attributes {family = "pointwise"} {
  kernel.end
} variants {
  kernel.variant @v0 attributes {guard = "1", grid = ["1", "1", "1"], threads = 32 : i32, align = array<i32: 16, 0>}
      (%x: tensor<?xf32>, %z: tensor<?xf32>, %n: index, %a: f32) {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %xv = kernel.strided_view %x offset(%c0) sizes(%n) strides(%c1) : tensor<?xf32> -> tensor<?xf32>
    %zv = kernel.strided_view %z offset(%c0) sizes(%n) strides(%c1) : tensor<?xf32> -> tensor<?xf32>
    %t = kernel.load %xv[%c0] {pad = #kernel.pad<none>, layout = #flat, vector = 4 : i32} : tensor<?xf32> -> tensor<128xf32>
    %e = tensor.empty() {layout = #flat} : tensor<128xf32>
    %r = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]}
        ins(%t : tensor<128xf32>) outs(%e : tensor<128xf32>) attrs = {layout = #flat} {
    ^bb0(%in: f32, %out: f32):
      %p = arith.mulf %in, %a : f32
      linalg.yield %p : f32
    } -> tensor<128xf32>
    kernel.store %r, %zv[%c0] {layout = #flat} : tensor<128xf32>, tensor<?xf32>
    kernel.end
  }
}

// -----

// Two registers, two lane bits and one warp bit lie along the row: one combination in registers, two by
// shuffles, one through shared memory between two barriers. One thread a row stores.
#tile = #kernel.layout<register = [[0, 1]], lane = [[0, 2], [0, 4], [1, 0], [2, 0], [4, 0]], warp = [[0, 8]]>
#row = #kernel.layout<register = [], lane = [[0], [0], [1], [2], [4]], warp = [[0]]>

// CHECK: llvm.mlir.global internal @[[SHARED:.*]]() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<64 x i8>
// CHECK-LABEL: llvm.func @sum_v0
// CHECK: llvm.fadd
// CHECK: nvvm.shfl.sync bfly
// CHECK-NEXT: llvm.fadd
// CHECK: nvvm.shfl.sync bfly
// CHECK-NEXT: llvm.fadd
// CHECK: nvvm.barrier0
// CHECK: llvm.store %{{.*}} : f32, !llvm.ptr<3>
// CHECK: nvvm.barrier0
// CHECK-COUNT-2: llvm.load %{{.*}} : !llvm.ptr<3> -> f32
// CHECK: llvm.fadd
// CHECK: st.global
kernel.func @sum(%x: tensor<?xf32>) outs(%z: tensor<?xf32>) sizes(%n: index) attributes {family = "reduce"} {
  kernel.end
} variants {
  kernel.variant @v0 attributes {guard = "1", grid = ["1", "1", "1"], threads = 64 : i32}
      (%x: tensor<?xf32>, %z: tensor<?xf32>, %n: index) {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %xv = kernel.strided_view %x offset(%c0) sizes(%n, %n) strides(%n, %c1) : tensor<?xf32> -> tensor<?x?xf32>
    %zv = kernel.strided_view %z offset(%c0) sizes(%n) strides(%c1) : tensor<?xf32> -> tensor<?xf32>
    %t = kernel.load %xv[%c0, %c0] {pad = #kernel.pad<zero>, layout = #tile} : tensor<?x?xf32> -> tensor<8x16xf32>
    %s = kernel.reduce %t dims = [1] {
    ^bb0(%a: f32, %b: f32):
      %r = arith.addf %a, %b : f32
      kernel.yield %r : f32
    } {layout = #row} : tensor<8x16xf32> -> tensor<8xf32>
    kernel.store %s, %zv[%c0] {layout = #row} : tensor<8xf32>, tensor<?xf32>
    kernel.end
  }
}

// -----

// 64-bit variants take 64-bit sizes; computed views are cloned per element, their reads guarded.
#one = #kernel.layout<register = [], lane = [[1], [2], [4], [8], [16]], warp = []>

// CHECK-LABEL: llvm.func @gather_v0(%{{.*}}: !llvm.ptr<1>, %{{.*}}: !llvm.ptr<1>, %{{.*}}: !llvm.ptr<1>, %{{.*}}: i64)
// CHECK: %[[K:.*]] = llvm.inline_asm "@$2 ld.global.b64
// CHECK: llvm.getelementptr %{{.*}}[%[[K]]]
// CHECK: llvm.inline_asm "@$2 ld.global.b16
kernel.func @gather(%x: tensor<?xf16>, %k: tensor<?xi64>) outs(%z: tensor<?xf16>) sizes(%n: index) attributes {family = "pointwise"} {
  kernel.end
} variants {
  kernel.variant @v0 attributes {guard = "1", grid = ["1", "1", "1"], threads = 32 : i32, index64}
      (%x: tensor<?xf16>, %k: tensor<?xi64>, %z: tensor<?xf16>, %n: index) {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %v = kernel.computed_view sizes(%n) {
    ^bb0(%i: index):
      %at = kernel.read %k[%i] : tensor<?xi64>
      %j = arith.index_cast %at : i64 to index
      %e = kernel.read %x[%j] : tensor<?xf16>
      kernel.yield %e : f16
    } : tensor<?xf16>
    %zv = kernel.strided_view %z offset(%c0) sizes(%n) strides(%c1) : tensor<?xf16> -> tensor<?xf16>
    %t = kernel.load %v[%c0] {pad = #kernel.pad<none>, layout = #one} : tensor<?xf16> -> tensor<32xf16>
    kernel.store %t, %zv[%c0] {layout = #one} : tensor<32xf16>, tensor<?xf16>
    kernel.end
  }
}

// -----
#fragment = #kernel.layout<register = [[0, 1], [8, 0], [0, 8], [0, 16]], lane = [[0, 2], [0, 4], [1, 0], [2, 0], [4, 0]], warp = []>
#runs = #kernel.layout<register = [[0, 1], [0, 2], [0, 4], [8, 0]], lane = [[0, 8], [0, 16], [1, 0], [2, 0], [4, 0]], warp = []>

// A fragment of f16 is stored 16 bytes a lane: pairs travel in words, two exchanges of four words each. What the launch
// does not know to be aligned goes element by element.
// CHECK-LABEL: llvm.func @spread_v0
// CHECK-COUNT-16: llvm.inline_asm "@$2 ld.global.b16 $0, [$1];"
// CHECK: llvm.bitcast %{{.*}} : vector<2xf16> to i32
// CHECK-COUNT-8: nvvm.shfl.sync bfly
// CHECK-NOT: nvvm.shfl.sync
// CHECK-NOT: nvvm.barrier
// CHECK: llvm.ptrtoint
// CHECK: llvm.cond_br
// CHECK-COUNT-2: llvm.inline_asm has_side_effects "@$1 st.global.v4.b32 [$0], {$2, $3, $4, $5};"
// CHECK: llvm.br
// CHECK-COUNT-16: llvm.inline_asm has_side_effects "@$2 st.global.b16 [$0], $1;"
kernel.func @spread(%x: tensor<?xf16>) outs(%z: tensor<?xf16>) sizes(%m: index, %n: index) attributes {family = "pointwise"} {
  kernel.end
} variants {
  kernel.variant @v0 attributes {guard = "1", grid = ["1", "1", "1"], threads = 32 : i32, align = array<i32: 16, 0>}
      (%x: tensor<?xf16>, %z: tensor<?xf16>, %m: index, %n: index) {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %xv = kernel.strided_view %x offset(%c0) sizes(%m, %n) strides(%n, %c1) : tensor<?xf16> -> tensor<?x?xf16>
    %zv = kernel.strided_view %z offset(%c0) sizes(%m, %n) strides(%n, %c1) : tensor<?xf16> -> tensor<?x?xf16>
    %t = kernel.load %xv[%c0, %c0] {pad = #kernel.pad<none>, layout = #fragment} : tensor<?x?xf16> -> tensor<16x32xf16>
    %r = kernel.convert_layout %t {layout = #runs} : tensor<16x32xf16>
    kernel.store %r, %zv[%c0, %c0] {layout = #runs, vector = 8 : i32, tested} : tensor<16x32xf16>, tensor<?x?xf16>
    kernel.end
  }
}
