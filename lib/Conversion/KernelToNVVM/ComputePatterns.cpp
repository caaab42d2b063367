// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Computation on tiles: a linalg.generic becomes one clone of its payload per register of the thread,
// operands found by their layouts. Refused: payloads over reduction iterators (the schedule turned
// those into kernel.reduce), operands whose layout is not the domain's seen through their map.
#include "TileLowering.h"

#include "mlir/Dialect/UB/IR/UBOps.h"

using namespace mlir;
using namespace cameo::kernel;

namespace {

const KernelTypeConverter &kernelConverter(const ConversionPattern &pattern) {
  return *static_cast<const KernelTypeConverter *>(pattern.getTypeConverter());
}

/// The coordinates of an operand element for a domain element: `map` picks or is 0.
Coordinates pick(AffineMap map, ArrayRef<int32_t> domain) {
  Coordinates result;
  for (AffineExpr expr : map.getResults()) {
    auto dim = dyn_cast<AffineDimExpr>(expr);
    result.push_back(dim ? domain[dim.getPosition()] : 0);
  }
  return result;
}

struct LowerGeneric : OpConversionPattern<linalg::GenericOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult matchAndRewrite(linalg::GenericOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    LayoutAttr layout = layoutOf(op);
    if (!layout)
      return op.emitOpError("has no layout: kernel-assign-layouts comes first");
    if (op.getNumParallelLoops() != op.getNumLoops())
      return op.emitOpError("has reduction iterators; on tiles that is kernel.reduce");
    if (failed(checkOperands(op, layout)))
      return failure();
    Location loc = op.getLoc();
    TileCoordinates coordinates(rewriter, loc, op, layout, ValueRange());
    SmallVector<SmallVector<Value>> results(op.getNumDpsInits());
    for (unsigned reg = 0; reg < layout.getNumRegisters(); ++reg) {
      SmallVector<Value> arguments = operandsOf(op, adaptor.getOperands(), layout, reg, rewriter);
      SmallVector<Value> position = coordinates.of(reg);
      auto index = [&](Operation *inner) -> Value {
        auto indexOp = dyn_cast<linalg::IndexOp>(inner);
        return indexOp ? position[indexOp.getDim()] : Value();
      };
      for (auto [result, value] : llvm::zip_equal(results, inlineRegion(rewriter, op.getRegion(), arguments, {}, index)))
        result.push_back(value);
    }
    SmallVector<Value> vectors;
    for (ArrayRef<Value> elements : results)
      vectors.push_back(makeVector(rewriter, loc, elements));
    rewriter.replaceOp(op, vectors);
    return success();
  }

  LogicalResult checkOperands(linalg::GenericOp op, LayoutAttr domain) const {
    for (OpOperand &operand : op->getOpOperands()) {
      if (!isa<RankedTensorType>(operand.get().getType()))
        continue;
      AffineMap map = op.getMatchingIndexingMap(&operand);
      LayoutAttr have = kernelConverter(*this).layoutOf(operand.get());
      if (!have || have != projectLayout(domain, map))
        return op.emitOpError("operand ") << operand.getOperandNumber()
                                          << " is spread otherwise than the op: kernel.convert_layout is missing";
    }
    return success();
  }

  SmallVector<Value> operandsOf(linalg::GenericOp op, ValueRange converted, LayoutAttr domain, unsigned reg,
                                OpBuilder &builder) const {
    Coordinates position = registerCoordinates(domain, reg);
    SmallVector<Value> arguments;
    for (auto [operand, value] : llvm::zip_equal(op->getOpOperands(), converted)) {
      if (!isa<RankedTensorType>(operand.get().getType())) {
        arguments.push_back(value);
        continue;
      }
      LayoutAttr layout = kernelConverter(*this).layoutOf(operand.get());
      std::optional<unsigned> source = findRegister(layout, pick(op.getMatchingIndexingMap(&operand), position));
      arguments.push_back(extractRegister(builder, op.getLoc(), value, *source));
    }
    return arguments;
  }
};

struct LowerFill : OpConversionPattern<linalg::FillOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(linalg::FillOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    auto type = getTypeConverter()->convertType<VectorType>(op.getResult(0));
    if (!type)
      return op.emitOpError("has no layout");
    rewriter.replaceOpWithNewOp<vector::BroadcastOp>(op, type, adaptor.getInputs().front());
    return success();
  }
};

struct LowerEmpty : OpConversionPattern<tensor::EmptyOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(tensor::EmptyOp op, OpAdaptor, ConversionPatternRewriter &rewriter) const override {
    auto type = getTypeConverter()->convertType<VectorType>(op.getResult());
    if (!type)
      return op.emitOpError("has no layout");
    rewriter.replaceOpWithNewOp<arith::ConstantOp>(op, rewriter.getZeroAttr(type));
    return success();
  }
};

struct LowerTileConstant : OpConversionPattern<arith::ConstantOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(arith::ConstantOp op, OpAdaptor, ConversionPatternRewriter &rewriter) const override {
    auto splat = dyn_cast<SplatElementsAttr>(op.getValue());
    auto type = getTypeConverter()->convertType<VectorType>(op.getResult());
    if (!splat || !type)
      return op.emitOpError("only splat tiles with a layout can be constants");
    rewriter.replaceOpWithNewOp<arith::ConstantOp>(op, SplatElementsAttr::get(type, splat.getSplatValue<Attribute>()));
    return success();
  }
};

struct LowerInBounds : OpConversionPattern<InBoundsOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(InBoundsOp op, OpAdaptor, ConversionPatternRewriter &rewriter) const override {
    LayoutAttr layout = layoutOf(op);
    if (!layout)
      return op.emitOpError("has no layout: kernel-assign-layouts comes first");
    Location loc = op.getLoc();
    TileCoordinates coordinates(rewriter, loc, op, layout, op.getOffsets());
    SmallVector<Value> elements;
    for (unsigned reg = 0; reg < layout.getNumRegisters(); ++reg) {
      Value ok = coordinates.inBounds(reg, op.getSizes());
      elements.push_back(ok ? ok : arith::ConstantIntOp::create(rewriter, loc, 1, 1));
    }
    rewriter.replaceOp(op, makeVector(rewriter, loc, elements));
    return success();
  }
};

struct LowerBlockId : OpConversionPattern<BlockIdOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(BlockIdOp op, OpAdaptor, ConversionPatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    Type i32 = rewriter.getI32Type();
    Value id;
    switch (op.getAxis()) {
    case BlockAxis::X:
      id = NVVM::BlockIdXOp::create(rewriter, loc, i32);
      break;
    case BlockAxis::Y:
      id = NVVM::BlockIdYOp::create(rewriter, loc, i32);
      break;
    case BlockAxis::Z:
      id = NVVM::BlockIdZOp::create(rewriter, loc, i32);
      break;
    }
    rewriter.replaceOpWithNewOp<arith::IndexCastUIOp>(op, rewriter.getIndexType(), id);
    return success();
  }
};

} // namespace

void cameo::kernel::populateComputePatterns(KernelTypeConverter &converter, RewritePatternSet &patterns) {
  patterns.add<LowerGeneric, LowerFill, LowerEmpty, LowerTileConstant, LowerInBounds, LowerBlockId>(
      converter, patterns.getContext());
}
