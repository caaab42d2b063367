// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Products summed over shared dimensions: matmul, convolution and their integer forms.
#ifndef CAMEO_DIALECT_GRAPH_IR_CONTRACTIONOPS_TD
#define CAMEO_DIALECT_GRAPH_IR_CONTRACTIONOPS_TD

include "cameo/Dialect/Graph/IR/GraphAttrs.td"

def Graph_MatmulOp : Graph_InferredOp<"matmul"> {
  let summary = "Matrix product of the two innermost dimensions; outer ones broadcast";
  let description = [{
    Both operands have rank 2 or more (the importer promotes vectors). `transpose_a` and
    `transpose_b` swap the operand's two innermost dimensions first. Floats of 16 bits and fewer
    accumulate in f32, 8-bit integers in i32; the result has the operands' element type.

    Example:
    ```mlir
    %0 = graph.matmul %m, %n transpose_b
       : (tensor<5x2x3xf32>, tensor<4x3xf32>) -> tensor<5x2x4xf32>
    ```
  }];
  let arguments = (ins Graph_NumericTensor:$a, Graph_NumericTensor:$b,
                       UnitAttr:$transpose_a, UnitAttr:$transpose_b);
  let results = (outs Graph_NumericTensor:$result);
  let assemblyFormat = [{
    $a `,` $b (`transpose_a` $transpose_a^)? (`transpose_b` $transpose_b^)? attr-dict
    `:` functional-type(operands, results)
  }];
}

def Graph_ConvOp : Graph_InferredOp<"conv"> {
  let summary = "Convolution of any rank: x (N, C, spatial…), weights (M, C / groups, window…)";
  let description = [{
    Cross-correlation, zero padding; `pads` are begin… then end…. The bias, if present, has M
    elements. Accumulates as `graph.matmul` does;
    integers are those of a decomposed `graph.conv_integer`. With `channels_last` operand and result
    are (N, spatial…, C) and the weights (M, window…, C / groups): what `graph-layout` makes of it.

    Example:
    ```mlir
    %0 = graph.conv %x, %k bias %bias
         strides = [1, 1] pads = [1, 1, 1, 1] dilations = [1, 1] groups = 1
       : (tensor<1x4x8x8xf32>, tensor<6x4x3x3xf32>, tensor<6xf32>) -> tensor<1x6x8x8xf32>
    ```
  }];
  let arguments = (ins Graph_RealTensor:$x, Graph_RealTensor:$w, Optional<Graph_RealTensor>:$bias,
                       DenseI64ArrayAttr:$strides, DenseI64ArrayAttr:$pads,
                       DenseI64ArrayAttr:$dilations, I64Attr:$groups, UnitAttr:$channels_last);
  let results = (outs Graph_RealTensor:$result);
  let assemblyFormat = [{
    $x `,` $w (`bias` $bias^)? `strides` `=` $strides `pads` `=` $pads `dilations` `=` $dilations
    `groups` `=` $groups (`channels_last` $channels_last^)? attr-dict
    `:` functional-type(operands, results)
  }];
}

def Graph_ConvTransposeOp : Graph_InferredOp<"conv_transpose"> {
  let summary = "Transposed convolution: x (N, C, spatial…), weights (C, M / groups, window…)";
  let description = [{
    The adjoint of `graph.conv` in x. Result sizes are
    `strides * (in - 1) + output_padding + (window - 1) * dilations + 1 - pad_begin - pad_end`;
    pads may be negative. The importer has turned `auto_pad` and `output_shape` into pads.

    Example:
    ```mlir
    %0 = graph.conv_transpose %x, %kt strides = [2, 2] pads = [0, 0, 0, 0] dilations = [1, 1]
         output_padding = [0, 0] groups = 1
       : (tensor<1x4x8x8xf32>, tensor<4x6x3x3xf32>) -> tensor<1x6x17x17xf32>
    ```
  }];
  let arguments = (ins Graph_FloatTensor:$x, Graph_FloatTensor:$w, Optional<Graph_FloatTensor>:$bias,
                       DenseI64ArrayAttr:$strides, DenseI64ArrayAttr:$pads,
                       DenseI64ArrayAttr:$dilations, DenseI64ArrayAttr:$output_padding,
                       I64Attr:$groups);
  let results = (outs Graph_FloatTensor:$result);
  let assemblyFormat = [{
    $x `,` $w (`bias` $bias^)? `strides` `=` $strides `pads` `=` $pads `dilations` `=` $dilations
    `output_padding` `=` $output_padding `groups` `=` $groups attr-dict
    `:` functional-type(operands, results)
  }];
}

def Graph_MatmulIntegerOp : Graph_InferredOp<"matmul_integer", [AttrSizedOperandSegments]> {
  let summary = "Matrix product of 8-bit integers less their zero points, exact in i32";
  let description = [{
    `(a - a_zero_point) · (b - b_zero_point)`, dimensions as in `graph.matmul`. A zero point is one
    element, or one per row of a (its last dimension the rows), or one per column of b.

    Example:
    ```mlir
    %0 = graph.matmul_integer %p, %q a_zero_point %zp
       : (tensor<2x3xui8>, tensor<3x4xi8>, tensor<ui8>) -> tensor<2x4xi32>
    ```
  }];
  let arguments = (ins Graph_IntTensor:$a, Graph_IntTensor:$b,
                       Optional<Graph_IntTensor>:$a_zero_point,
                       Optional<Graph_IntTensor>:$b_zero_point);
  let results = (outs Graph_IntTensor:$result);
  let assemblyFormat = [{
    $a `,` $b (`a_zero_point` $a_zero_point^)? (`b_zero_point` $b_zero_point^)? attr-dict
    `:` functional-type(operands, results)
  }];
}

def Graph_ConvIntegerOp : Graph_InferredOp<"conv_integer", [AttrSizedOperandSegments]> {
  let summary = "Convolution of 8-bit integers less their zero points, exact in i32";
  let description = [{
    As `graph.conv`; pads hold the zero point, so that they contribute nothing. `x_zero_point` is one
    element, `w_zero_point` one element or one per result channel.

    Example:
    ```mlir
    %0 = graph.conv_integer %xi, %ki x_zero_point %zp
         strides = [1, 1] pads = [0, 0, 0, 0] dilations = [1, 1] groups = 1
       : (tensor<1x4x8x8xui8>, tensor<6x4x3x3xi8>, tensor<ui8>) -> tensor<1x6x6x6xi32>
    ```
  }];
  let arguments = (ins Graph_IntTensor:$x, Graph_IntTensor:$w,
                       Optional<Graph_IntTensor>:$x_zero_point,
                       Optional<Graph_IntTensor>:$w_zero_point,
                       DenseI64ArrayAttr:$strides, DenseI64ArrayAttr:$pads,
                       DenseI64ArrayAttr:$dilations, I64Attr:$groups);
  let results = (outs Graph_IntTensor:$result);
  let assemblyFormat = [{
    $x `,` $w (`x_zero_point` $x_zero_point^)? (`w_zero_point` $w_zero_point^)?
    `strides` `=` $strides `pads` `=` $pads `dilations` `=` $dilations `groups` `=` $groups
    attr-dict `:` functional-type(operands, results)
  }];
}

#endif // CAMEO_DIALECT_GRAPH_IR_CONTRACTIONOPS_TD
