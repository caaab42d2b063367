// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Addresses in shared memory and the conversion of the staged types: what all staged patterns are built
// of. XOR swizzles do not simplify, so an expansion computes a thread's swizzled offset once and adds
// whole rows as constants where the swizzle repeats.
#include "StagedLowering.h"

#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace cameo::kernel {

Value I32Math::constant(int64_t value) {
  return arith::ConstantIntOp::create(builder, loc, int32_t(value), 32);
}

Value I32Math::add(Value a, Value b) {
  if (isConstantIntValue(a, 0))
    return b;
  if (isConstantIntValue(b, 0))
    return a;
  return builder.createOrFold<arith::AddIOp>(loc, a, b);
}

Value I32Math::mul(Value a, int64_t b) {
  if (b == 1)
    return a;
  if (llvm::isPowerOf2_64(b))
    return builder.createOrFold<arith::ShLIOp>(loc, a, constant(llvm::Log2_64(b)));
  return builder.createOrFold<arith::MulIOp>(loc, a, constant(b));
}

Value I32Math::shr(Value a, unsigned bits) {
  return bits ? builder.createOrFold<arith::ShRUIOp>(loc, a, constant(bits)) : a;
}

Value I32Math::mask(Value a, int64_t mask) {
  return builder.createOrFold<arith::AndIOp>(loc, a, constant(mask));
}

Value I32Math::bitXor(Value a, Value b) { return builder.createOrFold<arith::XOrIOp>(loc, a, b); }

Value I32Math::index(Value a) {
  return builder.createOrFold<arith::IndexCastOp>(loc, builder.getIndexType(), a);
}

Value sharedAt(OpBuilder &builder, Location loc, Value base, Value offset, int64_t constant) {
  Type byte = builder.getI8Type();
  if (offset && !isConstantIntValue(offset, 0))
    base = LLVM::GEPOp::create(builder, loc, base.getType(), byte, base, ArrayRef<LLVM::GEPArg>{offset});
  if (constant)
    base = LLVM::GEPOp::create(builder, loc, base.getType(), byte, base,
                               ArrayRef<LLVM::GEPArg>{int32_t(constant)});
  return base;
}

Value slotAt(OpBuilder &builder, Location loc, RingType ring, const LoweredSlot &slot, unsigned part,
             Value offset, int64_t constant) {
  I32Math math{builder, loc};
  Value invariant = sharedAt(builder, loc, slot.base, offset);
  Value inSlot = sharedAt(builder, loc, invariant, math.mul(slot.index, ring.getSlotBytes() / ring.getCursorStep()));
  return sharedAt(builder, loc, inSlot, Value(), ring.getPartOffset(part) + constant);
}

Value placedOffset(OpBuilder &builder, Location loc, SmemType part, Value row, Value column) {
  I32Math math{builder, loc};
  Value inPanel = part.getPanels() == 1 ? column : math.mask(column, part.getPitch() - 1);
  Value offset = math.add(math.mul(row, part.getPitch()), inPanel);
  if (part.getPanels() > 1) // whole panels do not change the phase
    offset = math.add(offset, math.mul(math.shr(column, llvm::Log2_64(part.getPitch())), part.getPanelBytes()));
  unsigned bits = part.getSwizzleBits();
  if (bits == 0)
    return offset;
  Value phase = math.mask(math.shr(offset, 7), (1 << bits) - 1);
  return math.bitXor(offset, math.shl(phase, 4));
}

bool keepsPlacement(SmemType part, int64_t rows) {
  unsigned bits = part.getSwizzleBits();
  return bits == 0 || (rows * part.getPitch()) % (int64_t(128) << bits) == 0;
}

Value electedLane(OpBuilder &builder, Location loc, Operation *at) {
  constexpr StringLiteral mark = "kernel.elected";
  Block &entry = at->getParentOfType<RoleOp>().getBody().front();
  for (Operation &op : entry)
    if (op.hasAttr(mark))
      return op.getResult(0);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(&entry);
  auto elect = NVVM::ElectSyncOp::create(builder, loc, builder.getI1Type(), Value());
  elect->setAttr(mark, builder.getUnitAttr());
  return elect.getResult();
}

void addStagedConversions(KernelTypeConverter &converter) {
  auto shared = [](MLIRContext *context) { return LLVM::LLVMPointerType::get(context, 3); };
  converter.addConversion([=](RingType type, SmallVectorImpl<Type> &parts) -> std::optional<LogicalResult> {
    parts.assign(type.getSync() == RingSync::Tx ? 2 : 1, shared(type.getContext()));
    return success();
  });
  converter.addConversion([=](SlotType type, SmallVectorImpl<Type> &parts) -> std::optional<LogicalResult> {
    parts.assign({shared(type.getContext()), IntegerType::get(type.getContext(), 32)});
    if (type.getRing().getSync() == RingSync::Tx)
      parts.push_back(shared(type.getContext()));
    return success();
  });
  converter.addConversion([](AccType type, SmallVectorImpl<Type> &parts) -> std::optional<LogicalResult> {
    parts.assign(type.getRegisters(), type.getElementType());
    return success();
  });
  converter.addConversion([](CursorType type, SmallVectorImpl<Type> &parts) -> std::optional<LogicalResult> {
    parts.assign(2, IntegerType::get(type.getContext(), 32));
    return success();
  });
  converter.addConversion([](TmapType type) -> Type { return LLVM::LLVMPointerType::get(type.getContext()); });
}

void populateKernelStagedToNVVMPatterns(KernelTypeConverter &converter, RewritePatternSet &patterns) {
  populateRingPatterns(converter, patterns);
  populateCopyPatterns(converter, patterns);
  populateProductPatterns(converter, patterns);
}

} // namespace cameo::kernel
