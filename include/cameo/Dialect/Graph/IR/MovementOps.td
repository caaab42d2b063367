// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Ops that move elements without computing: each result element is one operand element (or a pad
// value) at a position that is a function of the coordinates alone. Sizes and positions are
// expressions over symbols; none is read from a tensor.
#ifndef CAMEO_DIALECT_GRAPH_IR_MOVEMENTOPS_TD
#define CAMEO_DIALECT_GRAPH_IR_MOVEMENTOPS_TD

include "cameo/Dialect/Graph/IR/GraphAttrs.td"

def Graph_ReshapeOp : Graph_StatedOp<"reshape"> {
  let summary = "The same elements in row-major order under other sizes";
  let description = [{
    The result type says it all; both types have the same number of elements (checked at launch
    where the expressions do not show it).

    Example:
    ```mlir
    %0 = graph.reshape %d : tensor<2x?xf32, #graph.sizes<["2", "N"]>>
                         -> tensor<?xf32, #graph.sizes<["2*N"]>>
    ```
  }];
  let arguments = (ins Graph_Tensor:$x);
  let results = (outs Graph_Tensor:$result);
  let assemblyFormat = "$x attr-dict `:` type($x) `->` type($result)";
  let hasFolder = 1;
}

def Graph_TransposeOp : Graph_InferredOp<"transpose"> {
  let summary = "Permutes dimensions: result dimension i is operand dimension perm[i]";
  let description = [{
    Example:
    ```mlir
    %0 = graph.transpose %a perm = [1, 0] : tensor<2x3xf32> -> tensor<3x2xf32>
    ```
  }];
  let arguments = (ins Graph_Tensor:$x, DenseI64ArrayAttr:$perm);
  let results = (outs Graph_Tensor:$result);
  let assemblyFormat = "$x `perm` `=` $perm attr-dict `:` type($x) `->` type($result)";
  let hasFolder = 1;
}

def Graph_BroadcastOp : Graph_StatedOp<"broadcast"> {
  let summary = "Repeats dimensions of size 1 to the sizes of the result type";
  let description = [{
    Dimensions are aligned at the innermost; each operand size is 1 or the result's.

    Example:
    ```mlir
    %0 = graph.broadcast %w : tensor<3xf32> -> tensor<2x3xf32>
    ```
  }];
  let arguments = (ins Graph_Tensor:$x);
  let results = (outs Graph_Tensor:$result);
  let assemblyFormat = "$x attr-dict `:` type($x) `->` type($result)";
  let hasFolder = 1;
}

def Graph_SliceOp : Graph_StatedOp<"slice"> {
  let summary = "Elements start, start + step, … of every dimension; sizes from the result type";
  let description = [{
    `starts` and `steps` have one expression a dimension. Element (i, …) of the result is operand
    element (starts + i * steps, …), which lies inside the operand (the importer has clamped);
    steps may be negative, never zero.

    Example:
    ```mlir
    %0 = graph.slice %d starts = ["1", "N-1"] steps = ["1", "-1"]
       : tensor<2x?xf32, #graph.sizes<["2", "N"]>> -> tensor<1x?xf32, #graph.sizes<["1", "N"]>>
    ```
  }];
  let arguments = (ins Graph_Tensor:$x, StrArrayAttr:$starts, StrArrayAttr:$steps);
  let results = (outs Graph_Tensor:$result);
  let assemblyFormat = [{
    $x `starts` `=` $starts `steps` `=` $steps attr-dict `:` type($x) `->` type($result)
  }];
  let builders = [OpBuilder<(ins "::mlir::Type":$result, "::mlir::Value":$x,
                                 "::llvm::ArrayRef<::cameo::SizeExpr>":$starts,
                                 "::llvm::ArrayRef<::cameo::SizeExpr>":$steps)>];
  let extraClassDeclaration = [{
    ::llvm::SmallVector<::cameo::SizeExpr> getStartExprs();
    ::llvm::SmallVector<::cameo::SizeExpr> getStepExprs();
  }];
  let hasFolder = 1;
}

def Graph_PadOp : Graph_InferredOp<"pad"> {
  let summary = "Extends (or, where negative, crops) the ends of dimensions";
  let description = [{
    `lo` and `hi` have one expression a dimension; result size = lo + size + hi. What lies outside
    the operand is `value` (one element; zero if absent) for `constant`, the nearest element for
    `edge`, mirrored without repeating the border for `reflect`, periodic for `wrap`.

    Example:
    ```mlir
    %0 = graph.pad constant %a lo = ["0", "1"] hi = ["0", "P"] value %s
       : (tensor<2x3xf32>, tensor<f32>) -> tensor<2x?xf32, #graph.sizes<["2", "P+4"]>>
    ```
  }];
  let arguments = (ins Graph_PadModeAttr:$mode, Graph_Tensor:$x, Optional<Graph_Tensor>:$value,
                       StrArrayAttr:$lo, StrArrayAttr:$hi);
  let results = (outs Graph_Tensor:$result);
  let assemblyFormat = [{
    `` $mode $x `lo` `=` $lo `hi` `=` $hi (`value` $value^)? attr-dict
    `:` functional-type(operands, results)
  }];
  let builders = [OpBuilder<(ins "::mlir::Type":$result, "::cameo::graph::PadMode":$mode,
                                 "::mlir::Value":$x, "::mlir::Value":$value,
                                 "::llvm::ArrayRef<::cameo::SizeExpr>":$lo,
                                 "::llvm::ArrayRef<::cameo::SizeExpr>":$hi)>];
  let extraDeclaration = [{
    ::llvm::SmallVector<::cameo::SizeExpr> getLoExprs();
    ::llvm::SmallVector<::cameo::SizeExpr> getHiExprs();
  }];
  let hasFolder = 1;
}

def Graph_ConcatOp : Graph_InferredOp<"concat"> {
  let summary = "Operands one after the other along an axis";
  let description = [{
    Example:
    ```mlir
    %0 = graph.concat %a, %a axis = 1 : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x6xf32>
    ```
  }];
  let arguments = (ins Variadic<Graph_Tensor>:$inputs, I64Attr:$axis);
  let results = (outs Graph_Tensor:$result);
  let assemblyFormat = "$inputs `axis` `=` $axis attr-dict `:` functional-type(operands, results)";
  let hasFolder = 1;
}

def Graph_TileOp : Graph_StatedOp<"tile"> {
  let summary = "Repeats whole dimensions: element i is operand element i mod size";
  let description = [{
    Each result size is a multiple of the operand's.

    Example:
    ```mlir
    %0 = graph.tile %a : tensor<2x3xf32> -> tensor<4x9xf32>
    ```
  }];
  let arguments = (ins Graph_Tensor:$x);
  let results = (outs Graph_Tensor:$result);
  let assemblyFormat = "$x attr-dict `:` type($x) `->` type($result)";
  let hasFolder = 1;
}

def Graph_IotaOp : Graph_StatedOp<"iota", [SameTypeOperands]> {
  let summary = "start + i * delta, a vector with the length of the result type";
  let description = [{
    Example:
    ```mlir
    %0 = graph.iota %s, %s : (tensor<f32>, tensor<f32>) -> tensor<5xf32>
    ```
  }];
  let arguments = (ins Graph_RealTensor:$start, Graph_RealTensor:$delta);
  let results = (outs Graph_RealTensor:$result);
  let assemblyFormat = "$start `,` $delta attr-dict `:` functional-type(operands, results)";
}

def Graph_TriluOp : Graph_InferredOp<"trilu"> {
  let summary = "Upper or lower triangle of the two innermost dimensions; zero elsewhere";
  let description = [{
    `upper` keeps column - row >= k, otherwise column - row <= k is kept.

    Example:
    ```mlir
    %0 = graph.trilu %a upper k = "1" : tensor<2x3xf32>
    ```
  }];
  let arguments = (ins Graph_Tensor:$x, UnitAttr:$upper, StrAttr:$k);
  let results = (outs Graph_Tensor:$result);
  let assemblyFormat = [{
    $x (`upper` $upper^)? `k` `=` $k attr-dict `:`
    custom<SameOrFunctionalType>(type($x), type($result))
  }];
  let extraDeclaration = [{ ::cameo::SizeExpr getKExpr(); }];
}

#endif // CAMEO_DIALECT_GRAPH_IR_MOVEMENTOPS_TD
