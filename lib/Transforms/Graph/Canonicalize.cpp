// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Exporters write the same computation in many ways; later passes want to match one. This pass only
// removes and reorders what changes no bit of any value; patterns are grouped by subject in
// CanonicalizeElementwise.cpp and CanonicalizeMovement.cpp, folds of single ops live with the ops.
#include "Rewrite.h"
#include "cameo/Transforms/Graph/Passes.h"

using namespace mlir;

namespace cameo::graph {

#define GEN_PASS_DEF_GRAPHCANONICALIZEPASS
#include "cameo/Transforms/Graph/Passes.h.inc"

namespace {

struct GraphCanonicalize : impl::GraphCanonicalizePassBase<GraphCanonicalize> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    populateCanonicalizeElementwisePatterns(patterns);
    populateCanonicalizeMovementPatterns(patterns);
    if (failed(rewriteToFixpoint(getOperation(), std::move(patterns), numRewrites)))
      signalPassFailure();
  }
};

} // namespace
} // namespace cameo::graph
