// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What depends on constants alone is computed once, at compile time, by the evaluator: the oracle
// of the tests, so that folding cannot disagree with it. Refuses to trade a small computation for a
// large weight: a result above the cap, or one that is much larger than its operands (a mask, a
// broadcast), is left to the device, which recomputes it faster than it could load it. What the
// evaluator cannot do stays in the graph and is counted.
#include "cameo/Evaluate/Evaluate.h"
#include "cameo/Transforms/Graph/Passes.h"

using namespace mlir;

namespace cameo::graph {

#define GEN_PASS_DEF_GRAPHFOLDPASS
#include "cameo/Transforms/Graph/Passes.h.inc"

namespace {

/// Results up to this many elements may be larger than what they are made of.
constexpr int64_t smallElements = 64 << 10;
/// Larger ones must not exceed this multiple of the operands' elements.
constexpr int64_t maxGrowth = 4;

bool isFoldable(Operation *op) {
  return isa<GraphDialect>(op->getDialect()) && !isa<ConstantOp, FromSizesOp>(op) &&
         op->getNumRegions() == 0 && op->getNumResults() > 0 && op->getNumOperands() > 0 &&
         isMemoryEffectFree(op) && llvm::all_of(op->getOperands(), [](Value operand) {
           return operand.getDefiningOp<ConstantOp>() != nullptr;
         });
}

/// Whether the results are worth keeping as data.
bool isWorthFolding(Operation *op, int64_t maxElements) {
  int64_t from = 0, to = 0;
  for (Type type : op->getOperandTypes())
    from += cast<RankedTensorType>(type).getNumElements();
  for (Type type : op->getResultTypes()) {
    auto tensor = cast<RankedTensorType>(type);
    if (!tensor.hasStaticShape())
      return false;
    to += tensor.getNumElements();
  }
  return to <= maxElements && (to <= smallElements || to <= maxGrowth * from);
}

struct GraphFold : impl::GraphFoldPassBase<GraphFold> {
  using GraphFoldPassBase::GraphFoldPassBase;

  void runOnOperation() override {
    // Operands come before their users, so that one walk folds chains.
    getOperation().walk([&](Operation *op) {
      if (isFoldable(op) && isWorthFolding(op, maxElements))
        fold(op);
    });
    getOperation().walk([](ConstantOp op) {
      if (op.use_empty())
        op.erase();
    });
  }

private:
  void fold(Operation *op) {
    evaluate::Tensors operands;
    for (Value operand : op->getOperands()) {
      auto tensor = evaluate::fromAttribute(operand.getDefiningOp<ConstantOp>().getValue());
      if (!tensor)
        return void(++numRefused);
      operands.push_back(*tensor);
    }
    evaluate::Result<evaluate::Tensors> results = evaluate::evaluateOp(op, operands, maxElements);
    if (!results || results->size() < op->getNumResults())
      return void(++numRefused);
    SmallVector<DenseElementsAttr> values;
    for (auto [type, result] : llvm::zip(op->getResultTypes(), *results)) {
      auto value = evaluate::toAttribute(&getContext(), result);
      if (!value || value->getType() != type)
        return void(++numRefused);
      values.push_back(*value);
    }
    OpBuilder builder(op);
    for (auto [result, value] : llvm::zip(op->getResults(), values))
      result.replaceAllUsesWith(ConstantOp::create(builder, op->getLoc(), value));
    op->erase();
    ++numFolded;
  }
};

} // namespace
} // namespace cameo::graph
