// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// `kernel-schedule` and `kernel-assign-layouts` for the SIMT families. The first carries out the plans of
// `chooseVariants`; the second derives every layout of a variant from its schedule attribute. Afterwards
// each tile has a layout and each load and store says how wide its accesses are.
#include "BlockProgram.h"
#include "GemmSchedule.h"
#include "IndexAnalysis.h"

#include "cameo/Dialect/Kernel/IR/Staged.h"
#include "cameo/Dialect/Kernel/Layout/LinearLayout.h"
#include "cameo/Model/DeviceLimits.h"
#include "cameo/Transforms/Kernel/ExpandMath.h"

using namespace mlir;
using namespace cameo;
using namespace cameo::kernel;

//===- Schedule -----------------------------------------------------------------------------===//

static TileWalk walkOf(Attribute schedule) {
  if (auto pointwise = dyn_cast<PointwiseAttr>(schedule))
    return {{pointwise.getTile()}, false, false};
  if (auto reduce = dyn_cast<ReduceAttr>(schedule))
    return {{reduce.getRows(), reduce.getColumns()}, !reduce.getWhole(), false};
  return {{cast<SerialAttr>(schedule).getRows(), 1}, false, true};
}

VariantOp cameo::kernel::addVariant(FuncOp kernel, const VariantPlan &plan, const Target &target) {
  VariantOp variant = kernel.addVariant(plan.name, plan.guard, plan.grid, plan.threads, plan.schedule, plan.align);
  variant.setIndex64(plan.index64);
  if (targetOf(variant).name != target.name)
    variant->setAttr(targetAttrName, StringAttr::get(kernel.getContext(), target.name));
  if (plan.predicted)
    variant->setAttr(predictedAttrName, plan.predicted);
  return variant;
}

LogicalResult cameo::kernel::scheduleKernel(FuncOp kernel, const Target &target) {
  if (kernel.getFamily() == "gemm")
    return scheduleGemm(kernel, target);
  FailureOr<std::vector<VariantPlan>> plans = chooseVariants(kernel, target);
  if (failed(plans))
    return failure();
  for (const VariantPlan &plan : *plans)
    if (failed(buildBlockProgram(addVariant(kernel, plan, target), walkOf(plan.schedule))))
      return failure();
  return success();
}

//===- Layouts ------------------------------------------------------------------------------===//

/// The layout of the schedule's full tile: threads along the contiguous dimension first.
static LayoutAttr layoutOfSchedule(VariantOp variant) {
  MLIRContext *context = variant.getContext();
  int32_t warps = variant.getThreads() / 32;
  Attribute schedule = variant.getSchedule().value_or(Attribute());
  if (auto pointwise = dyn_cast_or_null<PointwiseAttr>(schedule))
    return makeBlockedLayout(context, {pointwise.getTile()}, {{pointwise.getVector(), 32, warps}}, {0});
  if (auto serial = dyn_cast_or_null<SerialAttr>(schedule))
    return makeBlockedLayout(context, {serial.getRows(), 1}, {{1, 32, warps}, {}}, {0, 1});
  if (auto reduce = dyn_cast_or_null<ReduceAttr>(schedule)) {
    int32_t inWarp = std::min(reduce.getLanes(), 32), acrossWarps = reduce.getLanes() / inWarp;
    BlockedDim rows{1, 32 / inWarp, warps / acrossWarps}, columns{reduce.getVector(), inWarp, acrossWarps};
    SmallVector<unsigned> order = reduce.getLanes() == 1 ? SmallVector<unsigned>{0, 1} : SmallVector<unsigned>{1, 0};
    return makeBlockedLayout(context, {reduce.getRows(), reduce.getColumns()}, {rows, columns}, order);
  }
  return {};
}

/// How many consecutive elements an access to `view` may take under `layout`.
static int32_t vectorOf(VariantOp variant, Value view, LayoutAttr layout, int32_t wanted) {
  auto strided = view.getDefiningOp<StridedViewOp>();
  auto buffer = strided ? dyn_cast<BlockArgument>(strided.getBuffer()) : BlockArgument();
  if (!buffer || wanted == 1 || strided.getStrides().size() != 1)
    return 1;
  bool contiguous = matchPattern(strided.getStrides()[0], m_One()) && matchPattern(strided.getOffset(), m_Zero());
  int32_t bytes = std::max(1u, strided.getType().getElementType().getIntOrFloatBitWidth() / 8);
  int32_t vector = std::min(wanted, 16 / bytes);
  if (!contiguous || variant.getAlignOf(buffer.getArgNumber()) < vector * bytes)
    return 1;
  return vector;
}

LogicalResult cameo::kernel::assignLayouts(VariantOp variant) {
  if (!variant.getOps<RolesOp>().empty())
    return assignStagedLayouts(variant);
  LayoutAttr full = layoutOfSchedule(variant);
  if (!full)
    return variant.emitOpError("has no SIMT schedule, or one whose tile its threads do not fill");
  LayoutAttr rows = full.getRank() == 2 ? dropDims(full, {1}) : full;
  int32_t wanted = 1;
  if (auto pointwise = dyn_cast<PointwiseAttr>(*variant.getSchedule()))
    wanted = pointwise.getVector();
  OpBuilder builder(variant.getContext());
  WalkResult result = variant.walk([&](Operation *op) {
    if (isa<StridedViewOp, ComputedViewOp>(op))
      return WalkResult::advance();
    Value shaped;
    if (isa<StoreOp, ScatterOp>(op))
      shaped = op->getOperand(0);
    else if (op->getNumResults() && !isa<scf::SCFDialect>(op->getDialect()))
      shaped = op->getResult(0);
    auto type = shaped ? dyn_cast<RankedTensorType>(shaped.getType()) : RankedTensorType();
    if (!type || !type.hasStaticShape())
      return WalkResult::advance();
    LayoutAttr layout = type.getRank() == int64_t(full.getRank()) ? full : type.getRank() == 1 ? rows : LayoutAttr();
    if (!layout)
      return op->emitOpError("has a tile of rank ") << type.getRank() << " in a program of rank " << full.getRank(),
             WalkResult::interrupt();
    op->setAttr("layout", layout);
    if (auto load = dyn_cast<LoadOp>(op))
      load.setVector(vectorOf(variant, load.getView(), layout, wanted));
    if (auto store = dyn_cast<StoreOp>(op))
      store.setVector(vectorOf(variant, store.getView(), layout, wanted));
    return WalkResult::advance();
  });
  return failure(result.wasInterrupted());
}

//===- Passes -------------------------------------------------------------------------------===//

namespace cameo::kernel {
#define GEN_PASS_DEF_KERNELSCHEDULE
#define GEN_PASS_DEF_KERNELASSIGNLAYOUTS
#include "cameo/Transforms/Kernel/Passes.h.inc"
} // namespace cameo::kernel

namespace {
struct KernelSchedule : cameo::kernel::impl::KernelScheduleBase<KernelSchedule> {
  using KernelScheduleBase::KernelScheduleBase;
  void runOnOperation() override {
    SmallVector<const Target *> gpus;
    for (const std::string &name : targets) {
      gpus.push_back(findTarget(name));
      if (!gpus.back()) {
        getOperation().emitError() << "unknown target '" << name << "'";
        return signalPassFailure();
      }
    }
    if (gpus.empty())
      gpus.push_back(&portableTarget());
    for (auto kernel : getOperation().getOps<FuncOp>()) {
      bool scheduled = isSimtFamily(kernel.getFamily()) || kernel.getFamily() == "gemm";
      for (const Target *gpu : gpus)
        if (scheduled && !hasVariants(kernel, *gpu) && failed(scheduleKernel(kernel, limitsOfDevices(*gpu, gpus))))
          return signalPassFailure();
    }
  }
  static bool hasVariants(FuncOp kernel, const Target &gpu) {
    return llvm::any_of(kernel.getVariantOps(), [&](VariantOp variant) { return &targetOf(variant) == &gpu; });
  }
};

struct KernelAssignLayouts : cameo::kernel::impl::KernelAssignLayoutsBase<KernelAssignLayouts> {
  void runOnOperation() override {
    bool ok = true;
    getOperation().walk([&](VariantOp variant) {
      if (isSimtFamily(variant.getFunc().getFamily()) || !variant.getOps<RolesOp>().empty())
        ok &= succeeded(assignLayouts(variant));
    });
    if (!ok)
      signalPassFailure();
  }
};
} // namespace
