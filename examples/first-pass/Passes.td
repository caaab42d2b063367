// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef CAMEO_EXAMPLES_FIRST_PASS
#define CAMEO_EXAMPLES_FIRST_PASS

include "mlir/Pass/PassBase.td"

def CancelNegation : Pass<"cancel-negation", "::mlir::func::FuncOp"> {
  let summary = "Two negations in a row are none";
  let description = [{
    Afterwards no `graph.unary neg` takes the result of another one. The inner negation stays if
    something else reads it.
  }];
  let statistics = [Statistic<"numCancelled", "pairs-cancelled", "Pairs of negations removed">];
}

#endif // CAMEO_EXAMPLES_FIRST_PASS
