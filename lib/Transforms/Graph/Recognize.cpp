// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Exporters take apart what frameworks compute whole; a kernel that sees the composite reads its
// operand once. The patterns match the ways PyTorch, TensorFlow and Keras write these composites,
// by meaning (any association of a product, either order of a sum), and refuse near misses: another
// axis, another constant, another operand. Grouped by subject in RecognizeActivations.cpp and
// RecognizeNormalizations.cpp.
#include "Rewrite.h"
#include "cameo/Transforms/Graph/Passes.h"

using namespace mlir;

namespace cameo::graph {

#define GEN_PASS_DEF_GRAPHRECOGNIZEPASS
#include "cameo/Transforms/Graph/Passes.h.inc"

namespace {

struct GraphRecognize : impl::GraphRecognizePassBase<GraphRecognize> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    populateRecognizeActivationPatterns(patterns);
    populateRecognizeNormalizationPatterns(patterns);
    if (failed(rewriteToFixpoint(getOperation(), std::move(patterns), numRewrites)))
      signalPassFailure();
  }
};

} // namespace
} // namespace cameo::graph
