// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Control flow as regions. Bodies see the values around them (ONNX subgraphs capture by name); what
// leaves a region goes through `graph.yield`.
#ifndef CAMEO_DIALECT_GRAPH_IR_CONTROLOPS_TD
#define CAMEO_DIALECT_GRAPH_IR_CONTROLOPS_TD

include "cameo/Dialect/Graph/IR/GraphAttrs.td"
include "mlir/Interfaces/ControlFlowInterfaces.td"

def Graph_IfOp : Op<Graph_Dialect, "if", [
    RecursiveMemoryEffects, NoRegionArguments,
    DeclareOpInterfaceMethods<RegionBranchOpInterface>,
    SingleBlockImplicitTerminator<"::cameo::graph::YieldOp">]> {
  let summary = "One of two bodies, chosen by a scalar condition";
  let description = [{
    The condition is one `i1` element. Both bodies yield the types of the results; where the two
    branches of a model differ in a size, the importer states it as `select(…)` over symbols.

    Example:
    ```mlir
    %0 = graph.if %p1 : tensor<i1> -> (tensor<2x3xf32>) {
      graph.yield %a : tensor<2x3xf32>
    } else {
      %1 = graph.unary neg %a : tensor<2x3xf32>
      graph.yield %1 : tensor<2x3xf32>
    }
    ```
  }];
  let arguments = (ins Graph_BoolTensor:$condition);
  let results = (outs Variadic<Graph_Tensor>:$results);
  let regions = (region SizedRegion<1>:$then_region, SizedRegion<1>:$else_region);
  let assemblyFormat = [{
    $condition `:` type($condition) `->` `(` type($results) `)` attr-dict-with-keyword
    $then_region `else` $else_region
  }];
  let hasVerifier = 1;
}

def Graph_LoopOp : Op<Graph_Dialect, "loop", [
    RecursiveMemoryEffects, AttrSizedOperandSegments,
    SingleBlockImplicitTerminator<"::cameo::graph::YieldOp">]> {
  let summary = "Repeats a body; carries values, collects others along a new leading axis";
  let description = [{
    The body's arguments are the iteration number (`i64` scalar), the condition, and the carried
    values; it yields the next condition, the next carried values, and the elements to collect.
    Runs while the condition holds and fewer than `trip_count` iterations are done (either may be
    absent). Results are the carried values, then the collected tensors.

    Example:
    ```mlir
    %0 = graph.loop trip_count %count carried(%a)
       : (tensor<i64>, tensor<2x3xf32>) -> (tensor<2x3xf32>) {
    ^bb0(%it: tensor<i64>, %go: tensor<i1>, %c: tensor<2x3xf32>):
      %1 = graph.unary relu %c : tensor<2x3xf32>
      graph.yield %go, %1 : tensor<i1>, tensor<2x3xf32>
    }
    ```
  }];
  let arguments = (ins Optional<Graph_IndexTensor>:$trip_count,
                       Optional<Graph_BoolTensor>:$condition, Variadic<Graph_Tensor>:$carried);
  let results = (outs Variadic<Graph_Tensor>:$results);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = [{
    (`trip_count` $trip_count^)? (`condition` $condition^)? (`carried` `(` $carried^ `)`)?
    `:` `(` type(operands) `)` `->` `(` type($results) `)` attr-dict-with-keyword $body
  }];
  let hasVerifier = 1;
}

def Graph_ScanOp : Op<Graph_Dialect, "scan", [
    RecursiveMemoryEffects, AttrSizedOperandSegments,
    SingleBlockImplicitTerminator<"::cameo::graph::YieldOp">]> {
  let summary = "A loop over slices of tensors along their leading axis";
  let description = [{
    The body's arguments are the carried values, then one slice (leading dimension removed) of each
    scanned tensor; it yields the next carried values, then the slices to collect along a new
    leading axis. The importer has turned other axes and directions into transposes and slices.

    Example:
    ```mlir
    %0, %1 = graph.scan carried(%v) over(%a)
           : (tensor<1x3xf32>, tensor<2x3xf32>) -> (tensor<1x3xf32>, tensor<2x1x3xf32>) {
    ^bb0(%c: tensor<1x3xf32>, %e: tensor<3xf32>):
      %2 = graph.binary add %c, %e : (tensor<1x3xf32>, tensor<3xf32>) -> tensor<1x3xf32>
      graph.yield %2, %2 : tensor<1x3xf32>, tensor<1x3xf32>
    }
    ```
  }];
  let arguments = (ins Variadic<Graph_Tensor>:$carried, Variadic<Graph_Tensor>:$scanned);
  let results = (outs Variadic<Graph_Tensor>:$results);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = [{
    (`carried` `(` $carried^ `)`)? (`over` `(` $scanned^ `)`)?
    `:` `(` type(operands) `)` `->` `(` type($results) `)` attr-dict-with-keyword $body
  }];
  let hasVerifier = 1;
}

def Graph_YieldOp : Op<Graph_Dialect, "yield", [
    Pure, ReturnLike, Terminator, ParentOneOf<["IfOp", "LoopOp", "ScanOp"]>]> {
  let summary = "Values that leave a region";
  let description = [{ See `graph.if`. }];
  let arguments = (ins Variadic<Graph_Tensor>:$values);
  let assemblyFormat = "($values^ `:` type($values))? attr-dict";
  let builders = [OpBuilder<(ins), [{ }]>];
}

#endif // CAMEO_DIALECT_GRAPH_IR_CONTROLOPS_TD
