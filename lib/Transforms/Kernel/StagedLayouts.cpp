// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Layouts of staged programs. An accumulator's fragment is what its engine dictates, so every acc_read
// is an anchor, and so is what a product takes from registers. A layout flows through elementwise ops and
// reductions, into loops and out of them, and back from them to the tiles that are made for them, seen
// through their maps. Refused: ops that combine two anchors of different spread.
//
// A fragment's neighbours in memory are in other lanes: two f16 of a row make four bytes. Whole tiles are therefore stored
// and loaded with runs of up to 16 bytes a lane, and lanes exchange elements on the way (kernel.convert_layout); not where
// lanes side by side fill sectors of 32 bytes as they are.
#include "GemmSchedule.h"

#include "cameo/Dialect/Kernel/IR/Staged.h"
#include "cameo/Dialect/Kernel/Layout/LinearLayout.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace cameo;
using namespace cameo::kernel;

namespace {

class StagedLayouts {
public:
  LogicalResult assign(VariantOp variant) {
    variant.walk([&](Operation *op) { anchor(op); });
    WalkResult result = variant.walk<WalkOrder::PreOrder>([&](Operation *op) {
      if (auto reduce = dyn_cast<ReduceOp>(op))
        spread(reduce);
      auto generic = dyn_cast<linalg::GenericOp>(op);
      return generic && failed(spread(generic)) ? WalkResult::interrupt() : WalkResult::advance();
    });
    if (result.wasInterrupted())
      return failure();
    variant.walk([&](Operation *op) {
      if (isa<StoreOp, ScatterOp>(op))
        if (LayoutAttr layout = known.lookup(op->getOperand(0)))
          op->setAttr("layout", layout);
    });
    variant.walk([&](StoreOp store) { storeInRuns(store); });
    variant.walk([&](LoadOp load) { loadInRuns(load); });
    return success();
  }

private:
  void anchor(Operation *op) {
    if (auto read = dyn_cast<AccReadOp>(op))
      set(read.getResult(), fragmentLayout(read.getAcc().getType(), cast<RankedTensorType>(read.getType()).getRank()));
    auto product = dyn_cast<MmaAsyncOp>(op);
    if (product && product.getA().getDefiningOp<LoadOp>())
      if (LayoutAttr layout = operandLayout(product))
        set(product.getA(), layout);
  }

  /// `value` is spread so, wherever it comes from and under whatever name it goes on. Whoever wants it
  /// otherwise, too, is refused when it is lowered.
  void set(Value value, LayoutAttr layout) {
    if (!known.try_emplace(value, layout).second)
      return;
    if (auto argument = dyn_cast<BlockArgument>(value)) {
      if (auto loop = dyn_cast<scf::ForOp>(argument.getOwner()->getParentOp()))
        carry(loop, argument.getArgNumber() - loop.getNumInductionVars(), layout);
      return;
    }
    Operation *maker = value.getDefiningOp();
    if (auto loop = dyn_cast<scf::ForOp>(maker))
      return carry(loop, cast<OpResult>(value).getResultNumber(), layout);
    if (isa<linalg::GenericOp, ReduceOp>(maker))
      return; // they say how they are spread themselves
    maker->setAttr("layout", layout);
    if (auto fill = dyn_cast<linalg::FillOp>(maker))
      set(fill.getOutputs().front(), layout);
  }

  /// What a loop carries has four names.
  void carry(scf::ForOp loop, unsigned number, LayoutAttr layout) {
    for (Value name : {loop.getInitArgs()[number], Value(loop.getRegionIterArgs()[number]), Value(loop.getResult(number)),
                       loop.getYieldedValues()[number]})
      set(name, layout);
  }

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
    for (OpOperand &operand : op->getOpOperands())
      if (isa<RankedTensorType>(operand.get().getType()))
        set(operand.get(), projectLayout(domain, op.getMatchingIndexingMap(&operand)));
    for (OpResult result : op->getResults())
      set(result, projectLayout(domain, op.getIndexingMapMatchingResult(result)));
    return success();
  }

  void spread(ReduceOp op) {
    for (Value input : op.getInputs()) {
      LayoutAttr source = known.lookup(input);
      if (!source)
        continue;
      LayoutAttr kept = dropDims(source, op.getDims());
      op->setAttr("layout", kept);
      for (OpResult result : op->getResults())
        set(result, kept);
    }
  }

  void storeInRuns(StoreOp store) {
    LayoutAttr layout = known.lookup(store.getValue());
    Runs runs = layout ? runsOf(store.getView(), layout) : Runs();
    if (runs.count == 1)
      return;
    OpBuilder builder(store);
    store.getValueMutable().assign(converted(builder, store.getLoc(), store.getValue(), layout, runs.layout));
    store.setLayoutAttr(runs.layout);
    store.setVector(runs.count);
    store.setTested(true);
  }

  void loadInRuns(LoadOp load) {
    LayoutAttr layout = known.lookup(load.getResult());
    Runs runs = layout ? runsOf(load.getView(), layout) : Runs();
    if (runs.count == 1)
      return;
    OpBuilder builder(load->getContext());
    builder.setInsertionPointAfter(load);
    Value spread = converted(builder, load.getLoc(), load.getResult(), runs.layout, layout);
    load.getResult().replaceAllUsesExcept(spread, spread.getDefiningOp());
    load.setLayoutAttr(runs.layout);
    load.setVector(runs.count);
    load.setTested(true);
  }

  static Value converted(OpBuilder &builder, Location loc, Value value, LayoutAttr from, LayoutAttr to) {
    if (from == to)
      return value;
    return ConvertLayoutOp::create(builder, loc, value.getType(), value, to);
  }

  struct Runs {
    int32_t count = 1;
    LayoutAttr layout; ///< in which each thread's registers begin with a run
  };

  /// The longest runs that the view's constants allow, up to 16 bytes, and no longer than it takes to fill sectors
  /// where that costs exchanges between lanes.
  static Runs runsOf(Value view, LayoutAttr layout) {
    constexpr int64_t accessBytes = 16, sectorBytes = 32;
    auto strided = view.getDefiningOp<StridedViewOp>();
    std::optional<unsigned> dim = strided ? contiguousDim(strided, layout) : std::nullopt;
    if (!dim || replicaMask(layout) != 0)
      return {};
    int64_t bytes = std::max(1u, strided.getType().getElementType().getIntOrFloatBitWidth() / 8);
    int64_t count = accessBytes / bytes, own = runAlong(layout, *dim, /*withLanes=*/false);
    if (runAlong(layout, *dim, /*withLanes=*/true) * bytes >= sectorBytes)
      count = std::min(count, own);
    auto fits = [&](Value value) {
      std::optional<int64_t> known = getConstantIntValue(value);
      return !known || *known % count == 0;
    };
    auto fit = [&] {
      bool ok = fits(strided.getOffset()) && fits(strided.getSizes()[*dim]);
      for (auto [d, stride] : llvm::enumerate(strided.getStrides()))
        ok &= d == *dim || fits(stride);
      return ok;
    };
    for (; count > 1; count /= 2)
      if (LayoutAttr runs = fit() ? withRunsAlong(layout, *dim, count) : LayoutAttr())
        return {int32_t(count), runs};
    return {};
  }

  /// The dimension of the tile whose neighbours are neighbours in memory.
  static std::optional<unsigned> contiguousDim(StridedViewOp view, LayoutAttr layout) {
    for (auto [dim, stride] : llvm::enumerate(view.getStrides()))
      if (dim < layout.getRank() && matchPattern(stride, m_One()) && runAlong(layout, dim, /*withLanes=*/true) > 1)
        return dim;
    return std::nullopt;
  }

  llvm::DenseMap<Value, LayoutAttr> known;
};

} // namespace

LogicalResult cameo::kernel::assignStagedLayouts(VariantOp variant) { return StagedLayouts().assign(variant); }
