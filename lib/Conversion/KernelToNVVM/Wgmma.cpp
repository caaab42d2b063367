// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Warpgroup products: both operands in shared memory with k contiguous and the 128-byte swizzle, the
// accumulator in the registers of four warps. A product is asynchronous: a fence orders it behind the
// registers' last writes, a commit closes its group, and a wait (with every register tied in and out, so
// that no compiler moves a use across it) ends it.
#include "StagedLowering.h"

#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;

namespace cameo::kernel {
namespace {

/// The high word of a descriptor: stride of 1024 bytes between groups of 8 rows, 128-byte swizzle.
constexpr int64_t descriptorHigh = (int64_t(1) << 62) | (int64_t(1024 >> 4) << 32);

/// The descriptor's low word for a part of a slot, `offset` bytes (may be null) into it.
Value descriptorLow(OpBuilder &builder, Location loc, RingType ring, LoweredSlot slot, unsigned part, Value offset) {
  I32Math math{builder, loc};
  Value base = LLVM::PtrToIntOp::create(builder, loc, builder.getI32Type(), slot.base);
  Value invariant = math.add(base, ring.getPartOffset(part));
  if (offset)
    invariant = math.add(invariant, offset);
  Value address = math.add(math.shr(math.mask(invariant, 0x3ffff), 4), math.mul(slot.index, ring.getSlotBytes() >> 4));
  return math.add(address, 1 << 16);
}

Value descriptor(OpBuilder &builder, Location loc, Value low) {
  Type i64 = builder.getI64Type();
  Value wide = arith::ExtUIOp::create(builder, loc, i64, low);
  return arith::OrIOp::create(builder, loc, wide, arith::ConstantIntOp::create(builder, loc, descriptorHigh, 64));
}

/// The warpgroup's number within the role, uniform; computed once at the role's entry, because a shuffle
/// is never hoisted.
Value warpgroupNumber(OpBuilder &builder, MmaAsyncOp op) {
  constexpr StringLiteral mark = "kernel.warpgroup";
  Location loc = op.getLoc();
  auto role = op->getParentOfType<RoleOp>();
  Block &entry = role.getBody().front();
  for (Operation &inner : entry)
    if (inner.hasAttr(mark))
      return inner.getResult(0);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(&entry);
  I32Math math{builder, loc};
  Value own = math.shr(threadNumber(builder, loc, op), 7);
  auto uniform = NVVM::ShflOp::create(builder, loc, builder.getI32Type(), math.constant(-1), own, math.constant(0),
                                      math.constant(31), NVVM::ShflKind::idx, UnitAttr());
  uniform->setAttr(mark, builder.getUnitAttr());
  return uniform.getResult();
}

} // namespace

SmallVector<Value> multiplyWgmma(OpBuilder &builder, MmaAsyncOp op, LoweredSlot a, LoweredSlot b,
                                 SmallVector<Value> acc) {
  Location loc = op.getLoc();
  I32Math math{builder, loc};
  AccType type = op.getAcc().getType();
  MLIRContext *context = builder.getContext();
  RingType ringA = cast<SlotType>(op.getA().getType()).getRing();
  RingType ringB = op.getB() ? op.getB().getType().getRing() : ringA;
  Value rows = math.mul(warpgroupNumber(builder, op), 64 * op.getPartTypeA().getPitch());
  Value lowA = descriptorLow(builder, loc, ringA, a, op.getPartA(), rows);
  Value lowB = descriptorLow(builder, loc, ringB, b, op.getPartB(), Value());

  SmallVector<Type> types(acc.size(), builder.getF32Type());
  auto structType = LLVM::LLVMStructType::getLiteral(context, types);
  Value sums = LLVM::UndefOp::create(builder, loc, structType);
  bool empty = type.getState() == AccState::Empty;
  for (auto [i, value] : llvm::enumerate(acc))
    if (!empty)
      sums = LLVM::InsertValueOp::create(builder, loc, sums, value, i);
  NVVM::WgmmaFenceAlignedOp::create(builder, loc);
  auto element = op.getPartTypeA().getElementType().isF16() ? NVVM::WGMMATypes::f16 : NVVM::WGMMATypes::bf16;
  for (int64_t k = 0; k < op.getK(); k += 16) {
    // 16 elements are 32 bytes, two units of a descriptor, inside the 128-byte atom.
    auto scale = empty && k == 0 ? NVVM::WGMMAScaleOut::zero : NVVM::WGMMAScaleOut::one;
    sums = NVVM::WgmmaMmaAsyncOp::create(
        builder, loc, structType, sums, descriptor(builder, loc, math.add(lowA, k / 8)),
        descriptor(builder, loc, math.add(lowB, k / 8)),
        NVVM::MMAShapeAttr::get(context, 64, int(type.getCols()), 16), element, element, NVVM::WGMMATypes::f32, scale,
        NVVM::WGMMAScaleIn::one, NVVM::WGMMAScaleIn::one, NVVM::MMALayout::row, NVVM::MMALayout::col,
        NVVM::MMAIntOverflowAttr());
  }
  NVVM::WgmmaGroupSyncAlignedOp::create(builder, loc);
  for (auto [i, value] : llvm::enumerate(acc))
    value = LLVM::ExtractValueOp::create(builder, loc, sums, i);
  return acc;
}

SmallVector<Value> waitWgmma(OpBuilder &builder, Location loc, int32_t pending, SmallVector<Value> acc) {
  std::string constraints;
  for (size_t i = 0; i < acc.size(); ++i)
    constraints += i ? ",=f" : "=f";
  for (size_t i = 0; i < acc.size(); ++i)
    constraints += "," + std::to_string(i);
  SmallVector<Type> types(acc.size(), builder.getF32Type());
  auto type = LLVM::LLVMStructType::getLiteral(builder.getContext(), types);
  auto wait = LLVM::InlineAsmOp::create(
      builder, loc, TypeRange(type), acc, "wgmma.wait_group.sync.aligned " + std::to_string(pending) + ";", constraints,
      /*has_side_effects=*/true, /*is_align_stack=*/false, LLVM::TailCallKind::None, LLVM::AsmDialectAttr(),
      ArrayAttr());
  for (auto [i, value] : llvm::enumerate(acc))
    value = LLVM::ExtractValueOp::create(builder, loc, wait.getResult(0), i);
  return acc;
}

} // namespace cameo::kernel
