// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Exporters negate what was negated before. Each negation is a read and a write of the whole tensor
// unless it is fused; two in a row are the tensor itself. Refuses nothing: other kinds are left
// alone.
#include "FirstPass.h"
#include "cameo/Dialect/Graph/IR/Graph.h"

namespace cameo::example {
#define GEN_PASS_DEF_CANCELNEGATION
#include "Passes.h.inc"
} // namespace cameo::example

using namespace cameo;

namespace {

struct CancelNegation : example::impl::CancelNegationBase<CancelNegation> {
  void runOnOperation() override {
    getOperation().walk([&](graph::UnaryOp outer) {
      auto inner = outer.getX().getDefiningOp<graph::UnaryOp>();
      if (!inner || outer.getKind() != graph::UnaryKind::Neg ||
          inner.getKind() != graph::UnaryKind::Neg)
        return;
      outer.replaceAllUsesWith(inner.getX());
      outer.erase();
      if (inner.use_empty())
        inner.erase();
      ++numCancelled;
    });
  }
};

} // namespace
