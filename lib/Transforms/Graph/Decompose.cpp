// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A kernel family serves an op only if it gains something from seeing it whole. The others become
// pointwise ops, reductions, movements and products here, after every pass that wants them whole.
// Each pattern keeps the numerics its op promises: computation in f32 for short floats, one
// rounding.
#include "Rewrite.h"
#include "cameo/Transforms/Graph/Passes.h"

using namespace mlir;

namespace cameo::graph {

#define GEN_PASS_DEF_GRAPHDECOMPOSEPASS
#include "cameo/Transforms/Graph/Passes.h.inc"

namespace {

struct GraphDecompose : impl::GraphDecomposePassBase<GraphDecompose> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    populateDecomposeMovementPatterns(patterns);
    populateDecomposeOrderPatterns(patterns);
    populateDecomposeQuantizationPatterns(patterns);
    populateDecomposeReductionPatterns(patterns);
    populateDecomposeResizePatterns(patterns);
    if (failed(rewriteToFixpoint(getOperation(), std::move(patterns), numRewrites)))
      signalPassFailure();
  }
};

} // namespace
} // namespace cameo::graph
