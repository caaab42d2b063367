// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Ops whose element positions come from data (gather, scatter) or from interpolation (resize), and
// those that order elements. Indices may be negative (counted from the end) as in ONNX.
#ifndef CAMEO_DIALECT_GRAPH_IR_INDEXEDOPS_TD
#define CAMEO_DIALECT_GRAPH_IR_INDEXEDOPS_TD

include "cameo/Dialect/Graph/IR/GraphAttrs.td"

def Graph_GatherOp : Graph_InferredOp<"gather"> {
  let summary = "Slices of one axis picked by indices";
  let description = [{
    Result sizes are those of x with dimension `axis` replaced by those of the indices.

    Example:
    ```mlir
    %0 = graph.gather %a, %i axis = 0 : (tensor<2x3xf32>, tensor<4xi64>) -> tensor<4x3xf32>
    ```
  }];
  let arguments = (ins Graph_Tensor:$x, Graph_IndexTensor:$indices, I64Attr:$axis);
  let results = (outs Graph_Tensor:$result);
  let assemblyFormat = [{
    $x `,` $indices `axis` `=` $axis attr-dict `:` functional-type(operands, results)
  }];
}

def Graph_GatherElementsOp : Graph_InferredOp<"gather_elements"> {
  let summary = "One element per index: the coordinate along `axis` is replaced by the index";
  let description = [{
    Example:
    ```mlir
    %0 = graph.gather_elements %a, %j axis = 1
       : (tensor<2x3xf32>, tensor<2x2xi64>) -> tensor<2x2xf32>
    ```
  }];
  let arguments = (ins Graph_Tensor:$x, Graph_IndexTensor:$indices, I64Attr:$axis);
  let results = (outs Graph_Tensor:$result);
  let assemblyFormat = [{
    $x `,` $indices `axis` `=` $axis attr-dict `:` functional-type(operands, results)
  }];
}

def Graph_GatherNdOp : Graph_InferredOp<"gather_nd"> {
  let summary = "Slices addressed by index tuples (the innermost dimension of the indices)";
  let description = [{
    The first `batch_dims` dimensions of both operands run together.

    Example:
    ```mlir
    %0 = graph.gather_nd %a, %j batch_dims = 0
       : (tensor<2x3xf32>, tensor<2x2xi64>) -> tensor<2xf32>
    ```
  }];
  let arguments = (ins Graph_Tensor:$x, Graph_IndexTensor:$indices, I64Attr:$batch_dims);
  let results = (outs Graph_Tensor:$result);
  let assemblyFormat = [{
    $x `,` $indices `batch_dims` `=` $batch_dims attr-dict `:` functional-type(operands, results)
  }];
}

def Graph_ScatterElementsOp : Graph_InferredOp<"scatter_elements"> {
  let summary = "A copy of x with one element per update replaced or combined";
  let description = [{
    The inverse addressing of `graph.gather_elements`. With `set`, indices that repeat are undefined
    in ONNX; here the last update in row-major order wins. Other kinds apply updates in that order.

    Example:
    ```mlir
    %0 = graph.scatter_elements add %a, %j, %u axis = 1
       : (tensor<2x3xf32>, tensor<2x2xi64>, tensor<2x2xf32>) -> tensor<2x3xf32>
    ```
  }];
  let arguments = (ins Graph_ScatterKindAttr:$kind, Graph_Tensor:$x, Graph_IndexTensor:$indices,
                       Graph_Tensor:$updates, I64Attr:$axis);
  let results = (outs Graph_Tensor:$result);
  let assemblyFormat = [{
    `` $kind $x `,` $indices `,` $updates `axis` `=` $axis attr-dict
    `:` functional-type(operands, results)
  }];
}

def Graph_ScatterNdOp : Graph_InferredOp<"scatter_nd"> {
  let summary = "A copy of x with slices addressed by index tuples replaced or combined";
  let description = [{
    The inverse addressing of `graph.gather_nd`; order as in `graph.scatter_elements`.

    Example:
    ```mlir
    %0 = graph.scatter_nd set %a, %k1, %v
       : (tensor<2x3xf32>, tensor<1x1xi64>, tensor<1x3xf32>) -> tensor<2x3xf32>
    ```
  }];
  let arguments = (ins Graph_ScatterKindAttr:$kind, Graph_Tensor:$x, Graph_IndexTensor:$indices,
                       Graph_Tensor:$updates);
  let results = (outs Graph_Tensor:$result);
  let assemblyFormat = [{
    `` $kind $x `,` $indices `,` $updates attr-dict `:` functional-type(operands, results)
  }];
}

def Graph_ResizeOp : Graph_StatedOp<"resize", [AttrSizedOperandSegments]> {
  let summary = "Interpolates to the sizes of the result type";
  let description = [{
    Resizes `axes` (ascending); other dimensions are unchanged. The ratio result / operand size of an
    axis is its scale, unless `scale_values` (one f64 per axis) or the operand `scales` (one f32 per
    axis) gives it. `tf_crop_and_resize` reads start and end of each axis (all starts, then all
    ends, normalized) from `roi_values` or the operand `roi`; what falls outside is `extrapolation`.

    Example:
    ```mlir
    %0 = graph.resize linear %x coordinates half_pixel axes = [2, 3]
       : (tensor<1x4x8x8xf32>) -> tensor<1x4x16x12xf32>
    ```
  }];
  let arguments = (ins Graph_ResizeModeAttr:$mode, Graph_Tensor:$x,
                       Optional<Graph_FloatTensor>:$scales, Optional<Graph_FloatTensor>:$roi,
                       Graph_CoordinateModeAttr:$coordinates, DenseI64ArrayAttr:$axes,
                       DefaultValuedAttr<Graph_NearestModeAttr,
                         "::cameo::graph::NearestMode::RoundPreferFloor">:$nearest,
                       DefaultValuedAttr<F64Attr, "-0.75">:$cubic_coeff_a,
                       DefaultValuedAttr<F64Attr, "0.0">:$extrapolation,
                       UnitAttr:$exclude_outside, UnitAttr:$antialias,
                       OptionalAttr<DenseF64ArrayAttr>:$scale_values,
                       OptionalAttr<DenseF64ArrayAttr>:$roi_values);
  let results = (outs Graph_Tensor:$result);
  let assemblyFormat = [{
    `` $mode $x (`scales` $scales^)? (`roi` $roi^)? `coordinates` `` $coordinates
    `axes` `=` $axes attr-dict
    `:` functional-type(operands, results)
  }];
}

def Graph_OneHotOp : Graph_InferredOp<"one_hot"> {
  let summary = "Indices spread along a new axis of `depth` elements";
  let description = [{
    `values` holds (off, on); an index outside `[-depth, depth)` gives off everywhere.
    `axis` is the position of the new dimension in the result.

    Example:
    ```mlir
    %0 = graph.one_hot %i, %v2 axis = 1 depth = "10"
       : (tensor<4xi64>, tensor<2xf32>) -> tensor<4x10xf32>
    ```
  }];
  let arguments = (ins Graph_RealTensor:$indices, Graph_Tensor:$values, I64Attr:$axis,
                       StrAttr:$depth);
  let results = (outs Graph_Tensor:$result);
  let assemblyFormat = [{
    $indices `,` $values `axis` `=` $axis `depth` `=` $depth attr-dict
    `:` functional-type(operands, results)
  }];
  let extraDeclaration = [{ ::cameo::SizeExpr getDepthExpr(); }];
}

def Graph_TopkOp : Graph_InferredOp<"topk"> {
  let summary = "The k largest (or smallest) elements along an axis, and their positions (i64)";
  let description = [{
    In descending order (ascending for the smallest); equal elements keep the order of positions.
    The order is the same whether ONNX asks for sorted results or not.

    Example:
    ```mlir
    %0, %1 = graph.topk %a axis = 1 k = "2" largest
           : (tensor<2x3xf32>) -> (tensor<2x2xf32>, tensor<2x2xi64>)
    ```
  }];
  let arguments = (ins Graph_RealTensor:$x, I64Attr:$axis, StrAttr:$k, UnitAttr:$largest);
  let results = (outs Graph_RealTensor:$values, Graph_IndexTensor:$indices);
  let assemblyFormat = [{
    $x `axis` `=` $axis `k` `=` $k (`largest` $largest^)? attr-dict
    `:` functional-type(operands, results)
  }];
  let extraDeclaration = [{ ::cameo::SizeExpr getKExpr(); }];
}

#endif // CAMEO_DIALECT_GRAPH_IR_INDEXEDOPS_TD
