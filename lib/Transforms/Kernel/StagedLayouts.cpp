// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Layouts of staged programs. An accumulator's fragment is what its engine dictates, so every acc_read
// is an anchor; its layout flows through elementwise ops, and back from them to the tiles that are
// loaded for them, seen through their maps. Refused: ops that combine two anchors of different spread.
#include "GemmSchedule.h"

#include "cameo/Dialect/Kernel/IR/Staged.h"
#include "cameo/Dialect/Kernel/Layout/LinearLayout.h"

using namespace mlir;
using namespace cameo;
using namespace cameo::kernel;

namespace {

class StagedLayouts {
public:
  LogicalResult assign(VariantOp variant) {
    variant.walk([&](AccReadOp read) {
      auto rank = cast<RankedTensorType>(read.getType()).getRank();
      LayoutAttr layout = fragmentLayout(read.getAcc().getType(), rank);
      read.setLayoutAttr(layout);
      known[read.getResult()] = layout;
    });
    WalkResult result = variant.walk([&](linalg::GenericOp op) {
      return failed(spread(op)) ? WalkResult::interrupt() : WalkResult::advance();
    });
    if (result.wasInterrupted())
      return failure();
    variant.walk([&](Operation *op) {
      if (isa<StoreOp, ScatterOp>(op))
        if (LayoutAttr layout = known.lookup(op->getOperand(0)))
          op->setAttr("layout", layout);
    });
    return success();
  }

private:
  LogicalResult spread(linalg::GenericOp op) {
    LayoutAttr domain;
    for (OpOperand *operand : op.getDpsInputOperands()) {
      LayoutAttr layout = known.lookup(operand->get());
      AffineMap map = op.getMatchingIndexingMap(operand);
      if (!layout || !map.isPermutation())
        continue;
      LayoutAttr seen = projectLayout(layout, inversePermutation(map));
      if (domain && domain != seen)
        return op.emitOpError("combines tiles that are spread differently");
      domain = seen;
    }
    if (!domain)
      return success(); // not behind an accumulator
    op->setAttr("layout", domain);
    for (OpOperand &operand : op->getOpOperands()) {
      Operation *maker = operand.get().getDefiningOp();
      if (!maker || known.contains(operand.get()) || !isa<RankedTensorType>(operand.get().getType()))
        continue;
      LayoutAttr layout = projectLayout(domain, op.getMatchingIndexingMap(&operand));
      maker->setAttr("layout", layout);
      known[operand.get()] = layout;
    }
    for (OpResult result : op->getResults())
      known[result] = projectLayout(domain, op.getIndexingMapMatchingResult(result));
    return success();
  }

  llvm::DenseMap<Value, LayoutAttr> known;
};

} // namespace

LogicalResult cameo::kernel::assignStagedLayouts(VariantOp variant) { return StagedLayouts().assign(variant); }
