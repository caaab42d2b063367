// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The registry of expansions; see the header.
#include "cameo/Transforms/Kernel/ExpandMath.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

using namespace mlir;
using namespace cameo::kernel;

void cameo::kernel::populateExpandMathPatterns(RewritePatternSet &patterns) {}

namespace {
struct KernelExpandMath : PassWrapper<KernelExpandMath, OperationPass<>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(KernelExpandMath)
  StringRef getArgument() const override { return "kernel-expand-math"; }
  StringRef getDescription() const override { return "Replaces functions of the math dialect by arithmetic"; }
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    populateExpandMathPatterns(patterns);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};
} // namespace

void cameo::kernel::registerExpandMathPass() { PassRegistration<KernelExpandMath>(); }
