// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Rings. Two ways for slots to change hands: `groups` (cp.async groups per thread, a block barrier makes
// them visible to all, another one keeps a slot from being refilled under its readers), and `tx` (a full
// barrier per slot that counts the bytes of bulk copies, an empty barrier that counts its readers).
// Refused: the written form, which has no cursors and counts.
#include "StagedLowering.h"

#include "mlir/Dialect/GPU/IR/GPUDialect.h"

using namespace mlir;

namespace cameo::kernel {
namespace {

/// All dynamic shared memory of the kernel.
Value dynamicShared(OpBuilder &builder, Location loc, Operation *at) {
  constexpr StringLiteral name = "cameo_dynamic_shared";
  auto module = at->getParentOfType<gpu::GPUModuleOp>();
  auto global = module.lookupSymbol<LLVM::GlobalOp>(name);
  if (!global) {
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(module.getBody());
    global = LLVM::GlobalOp::create(builder, loc, LLVM::LLVMArrayType::get(builder.getI8Type(), 0),
                                    /*isConstant=*/false, LLVM::Linkage::External, name, Attribute(),
                                    /*alignment=*/1024, /*addrSpace=*/3);
  }
  return LLVM::AddressOfOp::create(builder, loc, global);
}

LogicalResult refuseWritten(Operation *op) {
  return op->emitOpError("is in the written form: kernel-resolve comes first");
}

void blockBarrier(OpBuilder &builder, Operation *at) { threadBarrier(builder, at->getLoc(), at); }

struct LowerRingAlloc : OpConversionPattern<RingAllocOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult matchAndRewrite(RingAllocOp op, OpAdaptor, ConversionPatternRewriter &rewriter) const override {
    if (!op.getOffset())
      return refuseWritten(op);
    Location loc = op.getLoc();
    Value shared = dynamicShared(rewriter, loc, op);
    SmallVector<Value> ring{sharedAt(rewriter, loc, shared, Value(), *op.getOffset())};
    if (op.getRing().getType().getSync() == RingSync::Tx) {
      if (!op.getBarriers() || !op.getReaders())
        return refuseWritten(op);
      ring.push_back(sharedAt(rewriter, loc, shared, Value(), *op.getBarriers()));
      initBarriers(op, ring[1], rewriter);
    }
    rewriter.replaceOpWithMultiple(op, {ring});
    return success();
  }

  static void initBarriers(RingAllocOp op, Value barriers, ConversionPatternRewriter &rewriter) {
    Location loc = op.getLoc();
    I32Math math{rewriter, loc};
    int64_t depth = op.getRing().getType().getDepth();
    Value thread = threadNumber(rewriter, loc, op);
    Value first = arith::CmpIOp::create(rewriter, loc, arith::CmpIPredicate::eq, thread, math.constant(0));
    auto branch = scf::IfOp::create(rewriter, loc, first, /*withElseRegion=*/false);
    {
      OpBuilder::InsertionGuard guard(rewriter);
      rewriter.setInsertionPointToStart(branch.thenBlock());
      I32Math inner{rewriter, loc};
      for (int64_t slot = 0; slot < depth; ++slot) {
        NVVM::MBarrierInitOp::create(rewriter, loc, sharedAt(rewriter, loc, barriers, Value(), slot * 8),
                                     inner.constant(1), Value());
        NVVM::MBarrierInitOp::create(rewriter, loc, sharedAt(rewriter, loc, barriers, Value(), (depth + slot) * 8),
                                     inner.constant(*op.getReaders()), Value());
      }
      NVVM::FenceMbarrierInitOp::create(rewriter, loc);
    }
    blockBarrier(rewriter, op);
  }
};

struct LowerCursor : OpConversionPattern<CursorOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult matchAndRewrite(CursorOp op, OneToNOpAdaptor, ConversionPatternRewriter &rewriter) const override {
    I32Math math{rewriter, op.getLoc()};
    SmallVector<Value> cursor{math.constant(0), math.constant(0)};
    rewriter.replaceOpWithMultiple(op, {cursor});
    return success();
  }
};

struct LowerAdvance : OpConversionPattern<AdvanceOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult matchAndRewrite(AdvanceOp op, OneToNOpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    I32Math math{rewriter, loc};
    CursorType type = op.getCursor().getType();
    Value next = arith::AddIOp::create(rewriter, loc, adaptor.getCursor()[0], math.constant(type.getStep()));
    Value wraps = arith::CmpIOp::create(rewriter, loc, arith::CmpIPredicate::eq, next,
                                        math.constant(type.getDepth() * type.getStep()));
    Value index = arith::SelectOp::create(rewriter, loc, wraps, math.constant(0), next);
    Value flip = arith::ExtUIOp::create(rewriter, loc, rewriter.getI32Type(), wraps);
    Value phase = arith::XOrIOp::create(rewriter, loc, adaptor.getCursor()[1], flip);
    rewriter.replaceOpWithMultiple(op, {SmallVector<Value>{index, phase}});
    return success();
  }
};

/// Spins until the barrier has completed the phase of the given parity.
void waitParity(OpBuilder &builder, Location loc, Value barrier, Value parity) {
  auto loop = scf::WhileOp::create(builder, loc, TypeRange(), ValueRange());
  OpBuilder::InsertionGuard guard(builder);
  builder.createBlock(&loop.getBefore());
  Value done = NVVM::MBarrierTryWaitOp::create(builder, loc, builder.getI1Type(), barrier, parity, Value());
  Value again = arith::XOrIOp::create(builder, loc, done, arith::ConstantIntOp::create(builder, loc, 1, 1));
  scf::ConditionOp::create(builder, loc, again, ValueRange());
  builder.createBlock(&loop.getAfter());
  scf::YieldOp::create(builder, loc);
}

Value barrierAt(OpBuilder &builder, Location loc, Value barriers, Value index, int64_t offset) {
  I32Math math{builder, loc};
  return sharedAt(builder, loc, sharedAt(builder, loc, barriers, math.shl(index, 3)), Value(), offset);
}

struct LowerAcquire : OpConversionPattern<AcquireOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult matchAndRewrite(AcquireOp op, OneToNOpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    if (!op.getCursor())
      return refuseWritten(op);
    Location loc = op.getLoc();
    ValueRange ring = adaptor.getRing(), cursor = adaptor.getCursor();
    SmallVector<Value> slot{ring[0], cursor[0]};
    RingType type = op.getRing().getType();
    if (type.getSync() == RingSync::Groups) {
      if (!op.getCovered())
        blockBarrier(rewriter, op);
    } else {
      I32Math math{rewriter, loc};
      Value full = barrierAt(rewriter, loc, ring[1], cursor[0], 0);
      Value empty = barrierAt(rewriter, loc, ring[1], cursor[0], type.getDepth() * 8);
      waitParity(rewriter, loc, empty, math.bitXor(cursor[1], math.constant(1)));
      NVVM::MBarrierArriveExpectTxOp::create(rewriter, loc, Type(), full, math.constant(type.getTransactionBytes()),
                                             NVVM::MemScopeKind::CTA, false, electedLane(rewriter, loc, op));
      slot.push_back(full);
    }
    rewriter.replaceOpWithMultiple(op, {slot});
    return success();
  }
};

struct LowerCommit : OpConversionPattern<CommitOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult matchAndRewrite(CommitOp op, OneToNOpAdaptor, ConversionPatternRewriter &rewriter) const override {
    if (op.getSlot().getType().getRing().getSync() == RingSync::Groups)
      NVVM::CpAsyncCommitGroupOp::create(rewriter, op.getLoc());
    rewriter.eraseOp(op);
    return success();
  }
};

struct LowerWait : OpConversionPattern<WaitOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult matchAndRewrite(WaitOp op, OneToNOpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    if (!op.getCursor())
      return refuseWritten(op);
    Location loc = op.getLoc();
    ValueRange ring = adaptor.getRing(), cursor = adaptor.getCursor();
    SmallVector<Value> slot{ring[0], cursor[0]};
    if (op.getRing().getType().getSync() == RingSync::Groups) {
      if (!op.getPending())
        return refuseWritten(op);
      NVVM::CpAsyncWaitGroupOp::create(rewriter, loc, uint32_t(*op.getPending()));
      blockBarrier(rewriter, op);
    } else {
      Value full = barrierAt(rewriter, loc, ring[1], cursor[0], 0);
      waitParity(rewriter, loc, full, cursor[1]);
      slot.push_back(full);
    }
    rewriter.replaceOpWithMultiple(op, {slot});
    return success();
  }
};

struct LowerRelease : OpConversionPattern<ReleaseOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult matchAndRewrite(ReleaseOp op, OneToNOpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    RingType ring = op.getSlot().getType().getRing();
    Location loc = op.getLoc();
    if (ring.getSync() == RingSync::Tx) {
      LoweredSlot slot(adaptor.getSlot());
      I32Math math{rewriter, loc};
      Value empty = sharedAt(rewriter, loc, slot.barrier, Value(), ring.getDepth() * 8);
      Value lane = math.mask(threadNumber(rewriter, loc, op), 127);
      Value first = arith::CmpIOp::create(rewriter, loc, arith::CmpIPredicate::eq, lane, math.constant(0));
      auto branch = scf::IfOp::create(rewriter, loc, first, /*withElseRegion=*/false);
      OpBuilder::InsertionGuard guard(rewriter);
      rewriter.setInsertionPointToStart(branch.thenBlock());
      NVVM::MBarrierArriveOp::create(rewriter, loc, rewriter.getI64Type(), empty, Value());
    }
    rewriter.eraseOp(op);
    return success();
  }
};

} // namespace

void populateRingPatterns(KernelTypeConverter &converter, RewritePatternSet &patterns) {
  patterns.add<LowerRingAlloc, LowerCursor, LowerAdvance, LowerAcquire, LowerCommit, LowerWait, LowerRelease>(
      converter, patterns.getContext());
}

} // namespace cameo::kernel
