// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Types of the tile level: buffers are pointers, tiles are vectors of a thread's registers. See the
// header for why layouts are collected per value first.
#include "TileLowering.h"

using namespace mlir;
using namespace cameo::kernel;

bool cameo::kernel::isViewOp(Operation *op) { return isa_and_nonnull<StridedViewOp, ComputedViewOp>(op); }

static bool isTile(Value value) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  return type && type.hasStaticShape() && !isViewOp(value.getDefiningOp());
}

KernelTypeConverter::KernelTypeConverter(MLIRContext *context) {
  addConversion([](Type type) { return type; });
  addConversion([](RankedTensorType type) -> Type {
    if (type.getRank() == 1 && type.isDynamicDim(0))
      return LLVM::LLVMPointerType::get(type.getContext(), 1);
    return {};
  });
  addConversion([this](Value value) -> std::optional<Type> {
    auto type = dyn_cast<RankedTensorType>(value.getType());
    if (!type)
      return std::nullopt;
    if (LayoutAttr layout = layoutOf(value))
      return VectorType::get({int64_t(layout.getNumRegisters())}, type.getElementType());
    if (isViewOp(value.getDefiningOp()))
      return type;
    return std::nullopt;
  });
  auto cast = [](OpBuilder &builder, Type type, ValueRange inputs, Location loc) -> Value {
    return UnrealizedConversionCastOp::create(builder, loc, type, inputs).getResult(0);
  };
  addSourceMaterialization(cast);
  addTargetMaterialization(cast);
}

namespace {
/// One walk in program order that carries layouts from the ops that state them to everything that
/// passes them on.
class LayoutCollector {
public:
  explicit LayoutCollector(KernelTypeConverter &converter) : converter(converter) {}

  LogicalResult collect(Operation *root) {
    WalkResult result = root->walk<WalkOrder::PreOrder>([&](Operation *op) {
      if (isa<ComputedViewOp>(op))
        return WalkResult::skip();
      if (auto loop = dyn_cast<scf::ForOp>(op))
        return asWalk(carry(loop));
      return asWalk(state(op));
    });
    return failure(result.wasInterrupted());
  }

private:
  static WalkResult asWalk(LogicalResult result) {
    return succeeded(result) ? WalkResult::advance() : WalkResult::interrupt();
  }

  LogicalResult state(Operation *op) {
    if (isa<scf::IfOp>(op))
      return success(); // its results are stated by its yields, below
    if (auto yield = dyn_cast<scf::YieldOp>(op))
      return atYield(yield);
    LayoutAttr layout = cameo::kernel::layoutOf(op);
    for (OpResult result : op->getResults()) {
      if (!isTile(result) || isa<linalg::YieldOp>(op))
        continue;
      LayoutAttr own = layout;
      if (auto generic = dyn_cast<linalg::GenericOp>(op); generic && layout)
        own = projectLayout(layout, generic.getIndexingMapMatchingResult(result));
      if (!own)
        return op->emitOpError("makes a tile without a layout: kernel-assign-layouts comes first");
      if (own.getRank() != cast<RankedTensorType>(result.getType()).getRank())
        return op->emitOpError("has a layout of rank ") << own.getRank() << " for " << result.getType();
      converter.setLayout(result, own);
    }
    return success();
  }

  LogicalResult carry(scf::ForOp loop) {
    for (auto [init, argument, result] : llvm::zip_equal(loop.getInitArgs(), loop.getRegionIterArgs(), loop.getResults())) {
      LayoutAttr layout = converter.layoutOf(init);
      if (!isTile(init) || !layout)
        continue;
      converter.setLayout(argument, layout);
      converter.setLayout(result, layout);
    }
    return success();
  }

  LogicalResult atYield(scf::YieldOp yield) {
    Operation *parent = yield->getParentOp();
    for (auto [value, result] : llvm::zip(yield.getOperands(), parent->getResults())) {
      if (!isTile(value))
        continue;
      LayoutAttr have = converter.layoutOf(value), known = converter.layoutOf(result);
      if (known && known != have)
        return yield.emitOpError("yields a tile whose layout differs from the one that entered");
      converter.setLayout(result, have);
    }
    return success();
  }

  KernelTypeConverter &converter;
};
} // namespace

LogicalResult KernelTypeConverter::collectLayouts(Operation *root) { return LayoutCollector(*this).collect(root); }
