// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Ops that combine many elements along axes or in windows.
#ifndef CAMEO_DIALECT_GRAPH_IR_REDUCTIONOPS_TD
#define CAMEO_DIALECT_GRAPH_IR_REDUCTIONOPS_TD

include "cameo/Dialect/Graph/IR/GraphAttrs.td"

def Graph_ReduceOp : Graph_InferredOp<"reduce"> {
  let summary = "Reduction of whole axes";
  let description = [{
    Combines the elements along `axes` (non-negative, ascending, without repetition; none leaves a
    reduction of nothing, which still applies the elementwise part of `l1`, `sum_square`, …).
    With `keepdims` reduced dimensions stay as 1. Over an empty axis: `sum` 0, `prod` 1, `max` and
    `min` the type's lowest and highest value, `mean` NaN, `any` false, `all` true.
    Sums of f16 and bf16 accumulate in f32.

    Example:
    ```mlir
    %0 = graph.reduce sum %a axes = [1] keepdims : tensor<2x3xf32> -> tensor<2x1xf32>
    ```
  }];
  let arguments = (ins Graph_ReduceKindAttr:$kind, Graph_Tensor:$x,
                       DenseI64ArrayAttr:$axes, UnitAttr:$keepdims);
  let results = (outs Graph_Tensor:$result);
  let assemblyFormat = [{
    `` $kind $x `axes` `=` $axes (`keepdims` $keepdims^)? attr-dict `:` type($x) `->` type($result)
  }];
  let hasFolder = 1;
}

def Graph_ArgReduceOp : Graph_InferredOp<"arg_reduce"> {
  let summary = "Position of the largest or smallest element along an axis";
  let description = [{
    The first such position, or the last with `select_last`; a NaN counts as the extremum.
    The result is `i64`.

    Example:
    ```mlir
    %0 = graph.arg_reduce max %a axis = 1 : tensor<2x3xf32> -> tensor<2xi64>
    ```
  }];
  let arguments = (ins Graph_ArgReduceKindAttr:$kind, Graph_RealTensor:$x, I64Attr:$axis,
                       UnitAttr:$keepdims, UnitAttr:$select_last);
  let results = (outs Graph_IndexTensor:$result);
  let assemblyFormat = [{
    `` $kind $x `axis` `=` $axis (`keepdims` $keepdims^)? (`select_last` $select_last^)?
    attr-dict `:` type($x) `->` type($result)
  }];
}

def Graph_SoftmaxOp : Graph_InferredOp<"softmax"> {
  let summary = "Softmax, log-softmax or hardmax along one axis";
  let description = [{
    `exp(x - m) / sum(exp(x - m))` with m the maximum along `axis`; its logarithm; or 1 at the first
    maximum and 0 elsewhere. f16 and bf16 compute in f32 and round once.

    Example:
    ```mlir
    %0 = graph.softmax log_softmax %a axis = 1 : tensor<2x3xf32>
    ```
  }];
  let arguments = (ins Graph_SoftmaxKindAttr:$kind, Graph_FloatTensor:$x, I64Attr:$axis);
  let results = (outs Graph_FloatTensor:$result);
  let assemblyFormat = [{
    `` $kind $x `axis` `=` $axis attr-dict `:` custom<SameOrFunctionalType>(type($x), type($result))
  }];
}

def Graph_NormalizeOp : Graph_OpBase<"normalize", [AttrSizedOperandSegments]> {
  let summary = "Layer or RMS normalization";
  let description = [{
    Over `axes` (ascending): `layer` gives `(x - mean) / sqrt(var + epsilon)`, `rms` gives
    `x / sqrt(mean(x²) + epsilon)`; then `* scale + bias`, which broadcast against x. Moments are
    computed in `stash` (f32 unless the model says otherwise). The optional second and third results
    are mean and inverse standard deviation (`rms`: only the latter), reduced sizes kept as 1, in
    the stash type.

    Example:
    ```mlir
    %0 = graph.normalize layer %a scale %w bias %w axes = [1] epsilon = 1.0e-05
       : (tensor<2x3xf32>, tensor<3xf32>, tensor<3xf32>) -> tensor<2x3xf32>
    ```
  }];
  let arguments = (ins Graph_NormalizeKindAttr:$kind, Graph_FloatTensor:$x,
                       Optional<Graph_FloatTensor>:$scale, Optional<Graph_FloatTensor>:$bias,
                       DenseI64ArrayAttr:$axes, F64Attr:$epsilon, OptionalAttr<TypeAttr>:$stash);
  let results = (outs Graph_FloatTensor:$result, Variadic<Graph_FloatTensor>:$moments);
  let assemblyFormat = [{
    `` $kind $x (`scale` $scale^)? (`bias` $bias^)? `axes` `=` $axes `epsilon` `=` $epsilon
    (`stash` `=` $stash^)? attr-dict `:` functional-type(operands, results)
  }];
  let extraClassDeclaration = inferSizesDeclaration # [{
    /// The type moments are computed in.
    ::mlir::Type getStashType();
  }];
  let extraClassDefinition = inferOwnSizesDefinition;
}

def Graph_CumsumOp : Graph_InferredOp<"cumsum"> {
  let summary = "Running sum or product along an axis";
  let description = [{
    Element i of the result combines elements 0 … i of the operand; with `exclusive` elements
    0 … i-1; with `reverse` counted from the end.

    Example:
    ```mlir
    %0 = graph.cumsum sum %a axis = 1 exclusive reverse : tensor<2x3xf32>
    ```
  }];
  let arguments = (ins Graph_CumulateKindAttr:$kind, Graph_NumericTensor:$x, I64Attr:$axis,
                       UnitAttr:$exclusive, UnitAttr:$reverse);
  let results = (outs Graph_NumericTensor:$result);
  let assemblyFormat = [{
    `` $kind $x `axis` `=` $axis (`exclusive` $exclusive^)? (`reverse` $reverse^)? attr-dict
    `:` custom<SameOrFunctionalType>(type($x), type($result))
  }];
}

def Graph_PoolOp : Graph_OpBase<"pool"> {
  let summary = "Reduction of a sliding window over the spatial dimensions (N, C, spatial…)";
  let description = [{
    `pads` are begin… then end…, never part of a maximum; an average divides by the number of
    elements inside the operand, or with `count_include_pad` inside operand and pads (the overhang
    that `ceil_mode` adds is never counted). `lp` is the p-norm. With `ceil_mode` the number of
    windows is rounded up, but a window never starts in the end pad. The optional second result of
    `max` (i64) is the position of the maximum in the flattened operand; `column_major` flattens the
    spatial dimensions in Fortran order. With `channels_last` operand and result are (N, spatial…, C),
    and there are no positions.

    Example:
    ```mlir
    %0 = graph.pool max %x window = [2, 2] strides = [2, 2] pads = [0, 0, 0, 0] dilations = [1, 1]
       : (tensor<1x4x8x8xf32>) -> tensor<1x4x4x4xf32>
    ```
  }];
  let arguments = (ins Graph_PoolKindAttr:$kind, Graph_RealTensor:$x, DenseI64ArrayAttr:$window,
                       DenseI64ArrayAttr:$strides, DenseI64ArrayAttr:$pads,
                       DenseI64ArrayAttr:$dilations, UnitAttr:$ceil_mode,
                       UnitAttr:$count_include_pad, UnitAttr:$column_major,
                       DefaultValuedAttr<I64Attr, "2">:$p, UnitAttr:$channels_last);
  let results = (outs Graph_RealTensor:$result, Variadic<Graph_IndexTensor>:$indices);
  let assemblyFormat = [{
    `` $kind $x `window` `=` $window `strides` `=` $strides `pads` `=` $pads `dilations` `=` $dilations
    (`ceil_mode` $ceil_mode^)? (`count_include_pad` $count_include_pad^)?
    (`column_major` $column_major^)? (`channels_last` $channels_last^)? attr-dict `:` functional-type(operands, results)
  }];
  let extraClassDeclaration = inferSizesDeclaration;
  let extraClassDefinition = inferOwnSizesDefinition;
}

#endif // CAMEO_DIALECT_GRAPH_IR_REDUCTIONOPS_TD
