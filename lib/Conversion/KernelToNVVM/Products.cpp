// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Accumulators. One value per register stands for an accumulator; the engine in its type says which
// instructions multiply (MmaFma.cpp, MmaSync.cpp, Wgmma.cpp). For fma and mma.sync a product is complete
// when it is issued and a wait is nothing. Refused: A in registers of another engine than mma, or spread otherwise
// than the engine's sums; the written form.
#include "StagedLowering.h"

using namespace mlir;

namespace cameo::kernel {
namespace {

struct LowerAccEmpty : OpConversionPattern<AccEmptyOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult matchAndRewrite(AccEmptyOp op, OneToNOpAdaptor, ConversionPatternRewriter &rewriter) const override {
    AccType type = op.getAcc().getType();
    Location loc = op.getLoc();
    Value fresh;
    if (type.getState() == AccState::Empty)
      fresh = LLVM::UndefOp::create(rewriter, loc, type.getElementType());
    else
      fresh = arith::ConstantOp::create(rewriter, loc, rewriter.getZeroAttr(type.getElementType()));
    rewriter.replaceOpWithMultiple(op, {SmallVector<Value>(type.getRegisters(), fresh)});
    return success();
  }
};

struct LowerMmaAsync : OpConversionPattern<MmaAsyncOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult matchAndRewrite(MmaAsyncOp op, OneToNOpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    ValueRange a = adaptor.getA();
    LoweredSlot b(op.getB() ? adaptor.getB() : a);
    SmallVector<Value> acc(adaptor.getAcc());
    Engine engine = op.getAcc().getType().getEngine();
    if (isa<RankedTensorType>(op.getA().getType())) {
      if (engine != Engine::Mma)
        return op.emitOpError("A in registers can only be emitted for mma");
      auto *converter = static_cast<const KernelTypeConverter *>(getTypeConverter());
      LayoutAttr layout = operandLayout(op);
      if (!layout || converter->layoutOf(op.getA()) != layout)
        return op.emitOpError("needs A in the fragment of the sums");
    }
    switch (engine) {
    case Engine::Fma:
      acc = multiplyFma(rewriter, op, LoweredSlot(a), b, acc);
      break;
    case Engine::Mma:
      acc = multiplyMma(rewriter, op, a, b, acc);
      break;
    case Engine::Wgmma:
      if (op.getTransA() || op.getTransB())
        return op.emitOpError("transposed operands of wgmma cannot be emitted yet");
      acc = multiplyWgmma(rewriter, op, LoweredSlot(a), b, acc);
      break;
    }
    rewriter.replaceOpWithMultiple(op, {acc});
    return success();
  }
};

struct LowerMmaWait : OpConversionPattern<MmaWaitOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult matchAndRewrite(MmaWaitOp op, OneToNOpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    SmallVector<Value> acc(adaptor.getAcc());
    if (op.getAcc().getType().getEngine() == Engine::Wgmma) {
      if (!op.getPending())
        return op.emitOpError("is in the written form: kernel-resolve comes first");
      acc = waitWgmma(rewriter, op.getLoc(), *op.getPending(), acc);
    }
    rewriter.replaceOpWithMultiple(op, {acc});
    return success();
  }
};

struct LowerAccRead : OpConversionPattern<AccReadOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult matchAndRewrite(AccReadOp op, OneToNOpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    if (op.getLayout() != fragmentLayout(op.getAcc().getType(), cast<RankedTensorType>(op.getType()).getRank()))
      return op.emitOpError("needs its engine's fragment as layout: kernel-assign-layouts comes first");
    rewriter.replaceOp(op, makeVector(rewriter, op.getLoc(), llvm::to_vector(adaptor.getAcc())));
    return success();
  }
};

struct LowerAccWrite : OpConversionPattern<AccWriteOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult matchAndRewrite(AccWriteOp op, OneToNOpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    auto rank = cast<RankedTensorType>(op.getValue().getType()).getRank();
    auto *converter = static_cast<const KernelTypeConverter *>(getTypeConverter());
    AccType type = op.getAcc().getType();
    if (converter->layoutOf(op.getValue()) != fragmentLayout(type, rank))
      return op.emitOpError("needs a value in its engine's fragment");
    SmallVector<Value> acc;
    for (int64_t reg = 0; reg < type.getRegisters(); ++reg)
      acc.push_back(extractRegister(rewriter, op.getLoc(), adaptor.getValue()[0], reg));
    rewriter.replaceOpWithMultiple(op, {acc});
    return success();
  }
};

} // namespace

void populateProductPatterns(KernelTypeConverter &converter, RewritePatternSet &patterns) {
  patterns.add<LowerAccEmpty, LowerMmaAsync, LowerMmaWait, LowerAccRead, LowerAccWrite>(converter,
                                                                                        patterns.getContext());
}

} // namespace cameo::kernel
