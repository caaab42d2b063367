// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Values that are known before launch, and the one op that turns data into sizes.
#ifndef CAMEO_DIALECT_GRAPH_IR_CONSTANTOPS_TD
#define CAMEO_DIALECT_GRAPH_IR_CONSTANTOPS_TD

include "cameo/Dialect/Graph/IR/GraphAttrs.td"

def Graph_ConstantOp : Graph_InferredOp<"constant", [ConstantLike]> {
  let summary = "A tensor known at compile time";
  let description = [{
    `value` is a splat, dense elements, or a resource whose blob may point into the mapped model
    file; the data is never copied.

    Example:
    ```mlir
    %0 = graph.constant dense<[1, 2]> : tensor<2xi64>
    ```
  }];
  let arguments = (ins ElementsAttr:$value);
  let results = (outs Graph_Tensor:$result);
  let assemblyFormat = "$value attr-dict";
  let hasFolder = 1;
}

def Graph_FromSizesOp : Graph_StatedOp<"from_sizes"> {
  let summary = "A small integer tensor whose elements are size expressions";
  let description = [{
    The result of shape arithmetic where a kernel or an output needs it as data. The result is a
    scalar or a vector with one element an expression.

    Example:
    ```mlir
    %0 = graph.from_sizes ["N", "3"] : tensor<2xi64>
    ```
  }];
  let arguments = (ins StrArrayAttr:$sizes);
  let results = (outs Graph_Tensor:$result);
  let assemblyFormat = "$sizes attr-dict `:` type($result)";
  let builders = [OpBuilder<(ins "::mlir::Type":$result,
                                 "::llvm::ArrayRef<::cameo::SizeExpr>":$sizes)>];
  let extraClassDeclaration = [{ ::llvm::SmallVector<::cameo::SizeExpr> getSizeExprs(); }];
  let hasFolder = 1;
}

def Graph_ReadSizesOp : Op<Graph_Dialect, "read_sizes", [MemoryEffects<[MemWrite]>]> {
  let summary = "Introduces the elements of a control operand as symbols";
  let description = [{
    A host step: after it, symbol i is element i of the operand (small: integers, or the scales and boxes of Resize) in row-major order.
    The only place where data becomes sizes.

    Example:
    ```mlir
    graph.read_sizes %i symbols = ["shape[0]", "shape[1]", "shape[2]", "shape[3]"] : tensor<4xi64>
    ```
  }];
  let arguments = (ins Graph_Tensor:$x, StrArrayAttr:$symbols);
  let results = (outs);
  let assemblyFormat = "$x `symbols` `=` $symbols attr-dict `:` type($x)";
  let hasVerifier = 1;
}

#endif // CAMEO_DIALECT_GRAPH_IR_CONSTANTOPS_TD
