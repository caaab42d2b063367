// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Ops whose result element depends on one element of each operand (after broadcasting).
#ifndef CAMEO_DIALECT_GRAPH_IR_ELEMENTWISEOPS_TD
#define CAMEO_DIALECT_GRAPH_IR_ELEMENTWISEOPS_TD

include "cameo/Dialect/Graph/IR/GraphAttrs.td"

def Graph_UnaryOp : Graph_InferredOp<"unary"> {
  let summary = "A function of one element, applied to every element";
  let description = [{
    The result has the operand's sizes and element type, except `is_nan` and `is_inf`, which give
    `i1`. `round` rounds half to even; `not` takes `i1`, `bit_not` integers; `sign` of NaN is NaN.
    Parameters (f64, with defaults):

    | kind | alpha | beta |
    |---|---|---|
    | `leaky_relu` | slope 0.01 | |
    | `elu`, `celu` | 1 | |
    | `selu` | 1.67326324 | gamma 1.05070102 |
    | `hard_sigmoid` | slope 0.2 | offset 0.5 |
    | `silu` (`x * sigmoid(alpha * x)`) | 1 | |
    | `thresholded_relu` | threshold 1 | |
    | `shrink` | bias 0 | lambda 0.5 |
    | `is_inf` | detect negative 1 | detect positive 1 |

    Other kinds take none. `gelu` is the erf form, `gelu_tanh` the tanh form.

    Example:
    ```mlir
    %0 = graph.unary leaky_relu %a {alpha = 2.0e-01 : f64} : tensor<2x3xf32>
    %1 = graph.unary is_nan %a : (tensor<2x3xf32>) -> tensor<2x3xi1>
    ```
  }];
  let arguments = (ins Graph_UnaryKindAttr:$kind, Graph_Tensor:$x,
                       OptionalAttr<F64Attr>:$alpha, OptionalAttr<F64Attr>:$beta);
  let results = (outs Graph_Tensor:$result);
  let builders = [
    OpBuilder<(ins "::cameo::graph::UnaryKind":$kind, "::mlir::Value":$x)>,
    OpBuilder<(ins "::cameo::graph::UnaryKind":$kind, "::mlir::Value":$x, "double":$alpha)>,
    OpBuilder<(ins "::cameo::graph::UnaryKind":$kind, "::mlir::Value":$x, "double":$alpha,
                   "double":$beta)>];
  let assemblyFormat = [{
    `` $kind $x attr-dict `:` custom<SameOrFunctionalType>(type($x), type($result))
  }];
  let extraDeclaration = [{
    /// The parameters in effect: the attribute's value, or the kind's default.
    double getAlphaInEffect();
    double getBetaInEffect();
  }];
  let hasVerifier = 1;
  let hasFolder = 1;
}

def Graph_BinaryOp : Graph_InferredOp<"binary"> {
  let summary = "A function of two elements, with broadcasting";
  let description = [{
    Operands have one element type and broadcast as in NumPy: sizes are aligned at the innermost
    dimension, a static 1 (or an absent dimension) is repeated. Two symbolic sizes broadcast if they
    are equal; otherwise the result size is `select(eq(a,1), b, a)` and the launch checks that the
    two are equal or one of them is 1. `div` truncates for integers; `mod` has the sign of the
    divisor, `fmod` that of the dividend; compares give `i1`; `prelu` is `x < 0 ? slope * x : x`.
    `min` and `max` of a NaN give NaN. The exponent of `pow` may have another element type.

    Example:
    ```mlir
    %0 = graph.binary add %a, %w : (tensor<2x3xf32>, tensor<3xf32>) -> tensor<2x3xf32>
    %1 = graph.binary lt %a, %a : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xi1>
    ```
  }];
  let arguments = (ins Graph_BinaryKindAttr:$kind, Graph_Tensor:$lhs, Graph_Tensor:$rhs);
  let results = (outs Graph_Tensor:$result);
  let assemblyFormat = [{
    `` $kind $lhs `,` $rhs attr-dict `:`
    custom<SameOrFunctionalType2>(type($lhs), type($rhs), type($result))
  }];
  let hasFolder = 1;
}

def Graph_SelectOp : Graph_InferredOp<"select"> {
  let summary = "Elementwise choice between two tensors, with broadcasting";
  let description = [{
    `condition ? a : b`, element by element; the three operands broadcast as in `graph.binary`.

    Example:
    ```mlir
    %0 = graph.select %c, %a, %s
       : (tensor<3xi1>, tensor<2x3xf32>, tensor<f32>) -> tensor<2x3xf32>
    ```
  }];
  let arguments = (ins Graph_BoolTensor:$condition, Graph_Tensor:$a, Graph_Tensor:$b);
  let results = (outs Graph_Tensor:$result);
  let assemblyFormat = [{
    $condition `,` $a `,` $b attr-dict `:` functional-type(operands, results)
  }];
}

def Graph_ClipOp : Graph_InferredOp<"clip", [AttrSizedOperandSegments]> {
  let summary = "Limits elements to a range";
  let description = [{
    `min(max(x, lo), hi)`; each limit is a tensor of one element or absent. If `lo > hi`, every
    element becomes `hi`. NaN stays NaN.

    Example:
    ```mlir
    %0 = graph.clip %a max %s : (tensor<2x3xf32>, tensor<f32>) -> tensor<2x3xf32>
    ```
  }];
  let arguments = (ins Graph_RealTensor:$x, Optional<Graph_RealTensor>:$min,
                       Optional<Graph_RealTensor>:$max);
  let results = (outs Graph_RealTensor:$result);
  let assemblyFormat = [{
    $x (`min` $min^)? (`max` $max^)? attr-dict `:` functional-type(operands, results)
  }];
}

def Graph_CastOp : Graph_StatedOp<"cast"> {
  let summary = "Conversion to another element type";
  let description = [{
    Floats convert with round to nearest even, float to integer truncates, a number to `i1` is
    `x != 0`. `saturate` limits results of conversions to 8- and 4-bit floats to the largest finite
    value (otherwise they become NaN or infinity as ONNX says); `round_mode` is that of a conversion
    to `f8E8M0FNU`. Out-of-range float to integer is undefined in ONNX; here it saturates.

    Example:
    ```mlir
    %0 = graph.cast %a {saturate} : tensor<2x3xf32> -> tensor<2x3xf8E4M3FN>
    ```
  }];
  let arguments = (ins Graph_Tensor:$x, UnitAttr:$saturate,
                       OptionalAttr<Graph_RoundModeAttr>:$round_mode);
  let results = (outs Graph_Tensor:$result);
  let builders = [OpBuilder<(ins "::mlir::Value":$x, "::mlir::Type":$elementType)>];
  let assemblyFormat = "$x attr-dict `:` type($x) `->` type($result)";
  let hasFolder = 1;
}

def Graph_BitcastOp : Graph_StatedOp<"bitcast"> {
  let summary = "The same bits as another element type of the same width";
  let description = [{
    A boolean is a byte, 0 or 1; a byte that becomes a boolean is true where it is not 0.

    Example:
    ```mlir
    %0 = graph.bitcast %a : tensor<2x3xf32> -> tensor<2x3xi32>
    ```
  }];
  let arguments = (ins Graph_Tensor:$x);
  let results = (outs Graph_Tensor:$result);
  let builders = [OpBuilder<(ins "::mlir::Value":$x, "::mlir::Type":$elementType)>];
  let assemblyFormat = "$x attr-dict `:` type($x) `->` type($result)";
  let hasFolder = 1;
}

#endif // CAMEO_DIALECT_GRAPH_IR_ELEMENTWISEOPS_TD
