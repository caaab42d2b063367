// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Reference bodies of the reduce and serial families, whose numbers test_families.py compares.
#map = affine_map<(d0, d1) -> (d0, d1)>
#map1 = affine_map<(d0, d1) -> (d0)>
#map2 = affine_map<(d0) -> (d0)>

// Sums of rows.
kernel.func @sum(%arg0: tensor<?xf32>) outs(%arg1: tensor<?xf32>) sizes(%arg2: index, %arg3: index) attributes {family = "reduce"} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %0 = kernel.strided_view %arg0 offset(%c0) sizes(%arg2, %arg3) strides(%arg3, %c1) : tensor<?xf32> -> tensor<?x?xf32>
  %1 = tensor.empty(%arg2) : tensor<?xf32>
  %cst = arith.constant 0.000000e+00 : f32
  %2 = linalg.fill ins(%cst : f32) outs(%1 : tensor<?xf32>) -> tensor<?xf32>
  %3 = linalg.generic {indexing_maps = [#map, #map1], iterator_types = ["parallel", "reduction"]} ins(%0 : tensor<?x?xf32>) outs(%2 : tensor<?xf32>) {
  ^bb0(%in: f32, %out: f32):
    %5 = arith.addf %out, %in : f32
    linalg.yield %5 : f32
  } -> tensor<?xf32>
  %4 = kernel.strided_view %arg1 offset(%c0) sizes(%arg2) strides(%c1) : tensor<?xf32> -> tensor<?xf32>
  kernel.write %3, %4 : tensor<?xf32>, tensor<?xf32>
  kernel.end
}

// Sums of x * x + x of rows, fused.
kernel.func @sumsq(%arg0: tensor<?xf32>) outs(%arg1: tensor<?xf32>) sizes(%arg2: index, %arg3: index) attributes {family = "reduce"} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %0 = kernel.strided_view %arg0 offset(%c0) sizes(%arg2, %arg3) strides(%arg3, %c1) : tensor<?xf32> -> tensor<?x?xf32>
  %1 = tensor.empty(%arg2, %arg3) : tensor<?x?xf32>
  %2 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]} ins(%0 : tensor<?x?xf32>) outs(%1 : tensor<?x?xf32>) {
  ^bb0(%in: f32, %out: f32):
    %7 = math.fma %in, %in, %in : f32
    linalg.yield %7 : f32
  } -> tensor<?x?xf32>
  %3 = tensor.empty(%arg2) : tensor<?xf32>
  %cst = arith.constant 0.000000e+00 : f32
  %4 = linalg.fill ins(%cst : f32) outs(%3 : tensor<?xf32>) -> tensor<?xf32>
  %5 = linalg.generic {indexing_maps = [#map, #map1], iterator_types = ["parallel", "reduction"]} ins(%2 : tensor<?x?xf32>) outs(%4 : tensor<?xf32>) {
  ^bb0(%in: f32, %out: f32):
    %7 = arith.addf %out, %in : f32
    linalg.yield %7 : f32
  } -> tensor<?xf32>
  %6 = kernel.strided_view %arg1 offset(%c0) sizes(%arg2) strides(%c1) : tensor<?xf32> -> tensor<?xf32>
  kernel.write %5, %6 : tensor<?xf32>, tensor<?xf32>
  kernel.end
}

// Sums of columns: the same rows, read with another stride.
kernel.func @colsum(%arg0: tensor<?xf32>) outs(%arg1: tensor<?xf32>) sizes(%arg2: index, %arg3: index) attributes {family = "reduce"} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %0 = kernel.strided_view %arg0 offset(%c0) sizes(%arg2, %arg3) strides(%c1, %arg2) : tensor<?xf32> -> tensor<?x?xf32>
  %1 = tensor.empty(%arg2) : tensor<?xf32>
  %cst = arith.constant 0.000000e+00 : f32
  %2 = linalg.fill ins(%cst : f32) outs(%1 : tensor<?xf32>) -> tensor<?xf32>
  %3 = linalg.generic {indexing_maps = [#map, #map1], iterator_types = ["parallel", "reduction"]} ins(%0 : tensor<?x?xf32>) outs(%2 : tensor<?xf32>) {
  ^bb0(%in: f32, %out: f32):
    %5 = arith.addf %out, %in : f32
    linalg.yield %5 : f32
  } -> tensor<?xf32>
  %4 = kernel.strided_view %arg1 offset(%c0) sizes(%arg2) strides(%c1) : tensor<?xf32> -> tensor<?xf32>
  kernel.write %3, %4 : tensor<?xf32>, tensor<?xf32>
  kernel.end
}

// The position of each row's maximum, the first of equals.
kernel.func @argmax(%arg0: tensor<?xf32>) outs(%arg1: tensor<?xi64>) sizes(%arg2: index, %arg3: index) attributes {family = "reduce"} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %0 = kernel.strided_view %arg0 offset(%c0) sizes(%arg2, %arg3) strides(%arg3, %c1) : tensor<?xf32> -> tensor<?x?xf32>
  %1 = kernel.computed_view sizes(%arg2, %arg3) {
  ^bb0(%arg4: index, %arg5: index):
    %8 = arith.index_cast %arg5 : index to i64
    kernel.yield %8 : i64
  } : tensor<?x?xi64>
  %2 = tensor.empty(%arg2) : tensor<?xf32>
  %3 = tensor.empty(%arg2) : tensor<?xi64>
  %cst = arith.constant 0xFF800000 : f32
  %c9223372036854775807_i64 = arith.constant 9223372036854775807 : i64
  %4 = linalg.fill ins(%cst : f32) outs(%2 : tensor<?xf32>) -> tensor<?xf32>
  %5 = linalg.fill ins(%c9223372036854775807_i64 : i64) outs(%3 : tensor<?xi64>) -> tensor<?xi64>
  %6:2 = linalg.generic {indexing_maps = [#map, #map, #map1, #map1], iterator_types = ["parallel", "reduction"]} ins(%0, %1 : tensor<?x?xf32>, tensor<?x?xi64>) outs(%4, %5 : tensor<?xf32>, tensor<?xi64>) {
  ^bb0(%in: f32, %in_0: i64, %out: f32, %out_1: i64):
    %8 = arith.cmpf ogt, %out, %in : f32
    %9 = arith.cmpf oeq, %out, %in : f32
    %10 = arith.cmpi slt, %out_1, %in_0 : i64
    %11 = arith.andi %9, %10 : i1
    %12 = arith.ori %8, %11 : i1
    %13 = arith.select %12, %out, %in : f32
    %14 = arith.select %12, %out_1, %in_0 : i64
    linalg.yield %13, %14 : f32, i64
  } -> (tensor<?xf32>, tensor<?xi64>)
  %7 = kernel.strided_view %arg1 offset(%c0) sizes(%arg2) strides(%c1) : tensor<?xi64> -> tensor<?xi64>
  kernel.write %6#1, %7 : tensor<?xi64>, tensor<?xi64>
  kernel.end
}

// Softmax of rows.
kernel.func @softmax(%arg0: tensor<?xf32>) outs(%arg1: tensor<?xf32>) sizes(%arg2: index, %arg3: index) attributes {family = "reduce"} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %0 = kernel.strided_view %arg0 offset(%c0) sizes(%arg2, %arg3) strides(%arg3, %c1) : tensor<?xf32> -> tensor<?x?xf32>
  %1 = tensor.empty(%arg2) : tensor<?xf32>
  %cst = arith.constant 0xFF800000 : f32
  %2 = linalg.fill ins(%cst : f32) outs(%1 : tensor<?xf32>) -> tensor<?xf32>
  %3 = linalg.generic {indexing_maps = [#map, #map1], iterator_types = ["parallel", "reduction"]} ins(%0 : tensor<?x?xf32>) outs(%2 : tensor<?xf32>) {
  ^bb0(%in: f32, %out: f32):
    %14 = arith.maximumf %out, %in : f32
    linalg.yield %14 : f32
  } -> tensor<?xf32>
  %4 = tensor.empty(%arg2, %arg3) : tensor<?x?xf32>
  %5 = linalg.generic {indexing_maps = [#map, #map1, #map], iterator_types = ["parallel", "parallel"]} ins(%0, %3 : tensor<?x?xf32>, tensor<?xf32>) outs(%4 : tensor<?x?xf32>) {
  ^bb0(%in: f32, %in_1: f32, %out: f32):
    %14 = arith.subf %in, %in_1 : f32
    linalg.yield %14 : f32
  } -> tensor<?x?xf32>
  %6 = tensor.empty(%arg2, %arg3) : tensor<?x?xf32>
  %7 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]} ins(%5 : tensor<?x?xf32>) outs(%6 : tensor<?x?xf32>) {
  ^bb0(%in: f32, %out: f32):
    %14 = math.exp %in : f32
    linalg.yield %14 : f32
  } -> tensor<?x?xf32>
  %8 = tensor.empty(%arg2) : tensor<?xf32>
  %cst_0 = arith.constant 0.000000e+00 : f32
  %9 = linalg.fill ins(%cst_0 : f32) outs(%8 : tensor<?xf32>) -> tensor<?xf32>
  %10 = linalg.generic {indexing_maps = [#map, #map1], iterator_types = ["parallel", "reduction"]} ins(%7 : tensor<?x?xf32>) outs(%9 : tensor<?xf32>) {
  ^bb0(%in: f32, %out: f32):
    %14 = arith.addf %out, %in : f32
    linalg.yield %14 : f32
  } -> tensor<?xf32>
  %11 = tensor.empty(%arg2, %arg3) : tensor<?x?xf32>
  %12 = linalg.generic {indexing_maps = [#map, #map1, #map], iterator_types = ["parallel", "parallel"]} ins(%7, %10 : tensor<?x?xf32>, tensor<?xf32>) outs(%11 : tensor<?x?xf32>) {
  ^bb0(%in: f32, %in_1: f32, %out: f32):
    %14 = arith.divf %in, %in_1 : f32
    linalg.yield %14 : f32
  } -> tensor<?x?xf32>
  %13 = kernel.strided_view %arg1 offset(%c0) sizes(%arg2, %arg3) strides(%arg3, %c1) : tensor<?xf32> -> tensor<?x?xf32>
  kernel.write %12, %13 : tensor<?x?xf32>, tensor<?x?xf32>
  kernel.end
}

// (x - h) + sum((x - h)^2) + h with h = sum(x) / n: two dependent reductions, one of whose results is used twice.
kernel.func @center(%arg0: tensor<?xf32>) outs(%arg1: tensor<?xf32>) sizes(%arg2: index, %arg3: index) attributes {family = "reduce"} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %0 = kernel.strided_view %arg0 offset(%c0) sizes(%arg2, %arg3) strides(%arg3, %c1) : tensor<?xf32> -> tensor<?x?xf32>
  %1 = tensor.empty(%arg2) : tensor<?xf32>
  %cst = arith.constant 0.000000e+00 : f32
  %2 = linalg.fill ins(%cst : f32) outs(%1 : tensor<?xf32>) -> tensor<?xf32>
  %3 = linalg.generic {indexing_maps = [#map, #map1], iterator_types = ["parallel", "reduction"]} ins(%0 : tensor<?x?xf32>) outs(%2 : tensor<?xf32>) {
  ^bb0(%in: f32, %out: f32):
    %16 = arith.addf %out, %in : f32
    linalg.yield %16 : f32
  } -> tensor<?xf32>
  %4 = tensor.empty(%arg2) : tensor<?xf32>
  %5 = linalg.generic {indexing_maps = [#map2, #map2], iterator_types = ["parallel"]} ins(%3 : tensor<?xf32>) outs(%4 : tensor<?xf32>) {
  ^bb0(%in: f32, %out: f32):
    %16 = arith.index_castui %arg3 : index to i32
    %17 = arith.uitofp %16 : i32 to f32
    %18 = arith.divf %in, %17 : f32
    linalg.yield %18 : f32
  } -> tensor<?xf32>
  %6 = tensor.empty(%arg2, %arg3) : tensor<?x?xf32>
  %7 = linalg.generic {indexing_maps = [#map, #map1, #map], iterator_types = ["parallel", "parallel"]} ins(%0, %5 : tensor<?x?xf32>, tensor<?xf32>) outs(%6 : tensor<?x?xf32>) {
  ^bb0(%in: f32, %in_1: f32, %out: f32):
    %16 = arith.subf %in, %in_1 : f32
    linalg.yield %16 : f32
  } -> tensor<?x?xf32>
  %8 = tensor.empty(%arg2, %arg3) : tensor<?x?xf32>
  %9 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]} ins(%7 : tensor<?x?xf32>) outs(%8 : tensor<?x?xf32>) {
  ^bb0(%in: f32, %out: f32):
    %16 = arith.mulf %in, %in : f32
    linalg.yield %16 : f32
  } -> tensor<?x?xf32>
  %10 = tensor.empty(%arg2) : tensor<?xf32>
  %cst_0 = arith.constant 0.000000e+00 : f32
  %11 = linalg.fill ins(%cst_0 : f32) outs(%10 : tensor<?xf32>) -> tensor<?xf32>
  %12 = linalg.generic {indexing_maps = [#map, #map1], iterator_types = ["parallel", "reduction"]} ins(%9 : tensor<?x?xf32>) outs(%11 : tensor<?xf32>) {
  ^bb0(%in: f32, %out: f32):
    %16 = arith.addf %out, %in : f32
    linalg.yield %16 : f32
  } -> tensor<?xf32>
  %13 = tensor.empty(%arg2, %arg3) : tensor<?x?xf32>
  %14 = linalg.generic {indexing_maps = [#map, #map1, #map1, #map], iterator_types = ["parallel", "parallel"]} ins(%7, %12, %5 : tensor<?x?xf32>, tensor<?xf32>, tensor<?xf32>) outs(%13 : tensor<?x?xf32>) {
  ^bb0(%in: f32, %in_1: f32, %in_2: f32, %out: f32):
    %16 = arith.addf %in, %in_1 : f32
    %17 = arith.addf %16, %in_2 : f32
    linalg.yield %17 : f32
  } -> tensor<?x?xf32>
  %15 = kernel.strided_view %arg1 offset(%c0) sizes(%arg2, %arg3) strides(%arg3, %c1) : tensor<?xf32> -> tensor<?x?xf32>
  kernel.write %14, %15 : tensor<?x?xf32>, tensor<?x?xf32>
  kernel.end
}

// Running sums of rows.
kernel.func @cumsum(%arg0: tensor<?xf32>) outs(%arg1: tensor<?xf32>) sizes(%arg2: index, %arg3: index) attributes {family = "serial"} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %0 = kernel.strided_view %arg0 offset(%c0) sizes(%arg2, %arg3) strides(%arg3, %c1) : tensor<?xf32> -> tensor<?x?xf32>
  %cst = arith.constant 0.000000e+00 : f32
  %1 = kernel.scan ins(%0 : tensor<?x?xf32>) init(%cst : f32) dim = 1 {
  ^bb0(%arg4: f32, %arg5: f32):
    %3 = arith.addf %arg5, %arg4 : f32
    kernel.yield %3, %3 : f32, f32
  } -> tensor<?x?xf32>
  %2 = kernel.strided_view %arg1 offset(%c0) sizes(%arg2, %arg3) strides(%arg3, %c1) : tensor<?xf32> -> tensor<?x?xf32>
  kernel.write %1, %2 : tensor<?x?xf32>, tensor<?x?xf32>
  kernel.end
}

// y[i, index[i, j]] += x[i, j], where the index is inside.
kernel.func @scatter(%arg0: tensor<?xf32>, %arg1: tensor<?xi64>) outs(%arg2: tensor<?xf32>) sizes(%arg3: index, %arg4: index) attributes {family = "serial"} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %0 = kernel.strided_view %arg0 offset(%c0) sizes(%arg3, %arg4) strides(%arg4, %c1) : tensor<?xf32> -> tensor<?x?xf32>
  kernel.scatter %0, %arg2 at [] sizes(%arg3, %arg4) {
  ^bb0(%arg5: index, %arg6: index):
    %1 = arith.muli %arg5, %arg4 : index
    %2 = arith.addi %1, %arg6 : index
    %3 = kernel.read %arg1[%2] : tensor<?xi64>
    %4 = arith.index_cast %3 : i64 to index
    %5 = arith.addi %1, %4 : index
    %6 = arith.cmpi slt, %4, %arg4 : index
    kernel.yield %5, %6 : index, i1
  } combine {
  ^bb0(%arg5: f32, %arg6: f32):
    %1 = arith.addf %arg5, %arg6 : f32
    kernel.yield %1 : f32
  } : tensor<?x?xf32>, tensor<?xf32>
  kernel.end
}
