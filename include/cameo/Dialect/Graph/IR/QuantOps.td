// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Conversion between real numbers and scaled integers or small floats: per tensor, per axis, or in
// blocks of an axis.
#ifndef CAMEO_DIALECT_GRAPH_IR_QUANTOPS_TD
#define CAMEO_DIALECT_GRAPH_IR_QUANTOPS_TD

include "cameo/Dialect/Graph/IR/GraphAttrs.td"

def Graph_QuantizeOp : Graph_StatedOp<"quantize"> {
  let summary = "saturate(round(x / scale) + zero_point)";
  let description = [{
    Rounds half to even. A scale of one element is per tensor; a vector runs along `axis`; a scale of
    x's rank is blocked: `block_size` elements along `axis` share one. Integers saturate; for 8-bit
    floats `saturate` says whether they do.

    Example:
    ```mlir
    %0 = graph.quantize %a, %s zero_point %zp axis = 1
       : (tensor<2x3xf32>, tensor<f32>, tensor<ui8>) -> tensor<2x3xui8>
    ```
  }];
  let arguments = (ins Graph_RealTensor:$x, Graph_FloatTensor:$scale,
                       Optional<Graph_RealTensor>:$zero_point, I64Attr:$axis,
                       DefaultValuedAttr<I64Attr, "0">:$block_size, UnitAttr:$saturate);
  let results = (outs Graph_RealTensor:$result);
  let assemblyFormat = [{
    $x `,` $scale (`zero_point` $zero_point^)? `axis` `=` $axis attr-dict
    `:` functional-type(operands, results)
  }];
}

def Graph_DequantizeOp : Graph_StatedOp<"dequantize"> {
  let summary = "(x - zero_point) * scale";
  let description = [{
    Scale and zero point as in `graph.quantize`; the result's element type is the stated one.

    Example:
    ```mlir
    %0 = graph.dequantize %p, %s zero_point %zp axis = 1
       : (tensor<2x3xui8>, tensor<f32>, tensor<ui8>) -> tensor<2x3xf32>
    ```
  }];
  let arguments = (ins Graph_RealTensor:$x, Graph_FloatTensor:$scale,
                       Optional<Graph_RealTensor>:$zero_point, I64Attr:$axis,
                       DefaultValuedAttr<I64Attr, "0">:$block_size);
  let results = (outs Graph_FloatTensor:$result);
  let assemblyFormat = [{
    $x `,` $scale (`zero_point` $zero_point^)? `axis` `=` $axis attr-dict
    `:` functional-type(operands, results)
  }];
}

#endif // CAMEO_DIALECT_GRAPH_IR_QUANTOPS_TD
