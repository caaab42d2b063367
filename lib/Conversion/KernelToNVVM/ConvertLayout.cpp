// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// kernel.convert_layout. Where registers and lanes of a warp change places, by butterflies: a pair of registers and a
// pair of lanes is a 2 x 2 matrix, which one shuffle and three selections transpose; narrow elements travel by
// twos or fours in a word. Anything else goes through shared memory: every thread writes its elements at their tile
// position and reads those of the new layout.
#include "TileLowering.h"

#include "cameo/Dialect/Kernel/Layout/LinearLayout.h"

using namespace mlir;
using namespace cameo::kernel;

Value cameo::kernel::shuffleXor(OpBuilder &builder, Location loc, Value value, int64_t laneMask) {
  Type type = value.getType(), i32 = builder.getI32Type();
  auto shuffleWord = [&](Value word) -> Value {
    Value all = arith::ConstantIntOp::create(builder, loc, -1, 32);
    Value offset = arith::ConstantIntOp::create(builder, loc, laneMask, 32);
    Value clamp = arith::ConstantIntOp::create(builder, loc, 31, 32);
    return NVVM::ShflOp::create(builder, loc, word.getType(), all, word, offset, clamp, NVVM::ShflKind::bfly, UnitAttr());
  };
  unsigned width = type.isIndex() ? 64 : type.getIntOrFloatBitWidth();
  if (width < 32) {
    Type bits = builder.getIntegerType(width);
    Value narrow = type == bits ? value : arith::BitcastOp::create(builder, loc, bits, value);
    Value moved = shuffleWord(arith::ExtUIOp::create(builder, loc, i32, narrow));
    narrow = arith::TruncIOp::create(builder, loc, bits, moved);
    return type == bits ? narrow : arith::BitcastOp::create(builder, loc, type, narrow);
  }
  if (width == 32)
    return shuffleWord(value);
  Type i64 = builder.getI64Type();
  Value whole = type.isIndex() ? arith::IndexCastOp::create(builder, loc, i64, value).getResult()
                : type == i64  ? value
                               : arith::BitcastOp::create(builder, loc, i64, value).getResult();
  Value shift = arith::ConstantIntOp::create(builder, loc, 32, 64);
  Value low = shuffleWord(arith::TruncIOp::create(builder, loc, i32, whole));
  Value high = shuffleWord(arith::TruncIOp::create(builder, loc, i32, arith::ShRUIOp::create(builder, loc, whole, shift)));
  Value joined = arith::OrIOp::create(builder, loc, arith::ExtUIOp::create(builder, loc, i64, low),
                                      arith::ShLIOp::create(builder, loc, arith::ExtUIOp::create(builder, loc, i64, high), shift));
  if (type.isIndex())
    return arith::IndexCastOp::create(builder, loc, type, joined);
  return type == i64 ? joined : arith::BitcastOp::create(builder, loc, type, joined).getResult();
}

namespace {

/// Exchanges between registers and lanes of each warp.
class Butterflies {
public:
  Butterflies(OpBuilder &builder, ConvertLayoutOp op, LayoutAttr from, ArrayRef<LaneSwap> swaps)
      : builder(builder), op(op), loc(op.getLoc()), from(from), swaps(swaps) {}

  SmallVector<Value> run(Value source, LayoutAttr to) {
    Type element = op.getType().getElementType();
    SmallVector<Value> elements;
    for (unsigned reg = 0; reg < from.getNumRegisters(); ++reg) {
      Value value = extractRegister(builder, loc, source, reg);
      elements.push_back(element.isIndex() ? value : asStored(builder, loc, value));
    }
    unsigned together = packMask(elements.front().getType());
    SmallVector<Value> words = pack(elements, together);
    for (LaneSwap swap : swaps)
      exchange(words, swap);
    elements = unpack(words, together, elements.front().getType());
    LayoutAttr after = swapped(from, swaps);
    SmallVector<Value> result;
    for (unsigned reg = 0; reg < to.getNumRegisters(); ++reg) {
      Value value = elements[*findRegister(after, registerCoordinates(to, reg))];
      result.push_back(element.isIndex() ? value : asElement(builder, loc, value, element));
    }
    return result;
  }

private:
  /// The register bits that stay in their lane and together make a word of elements of this type.
  unsigned packMask(Type element) {
    if (element.isIndex())
      return 0;
    unsigned mask = 0, count = 1;
    for (unsigned bit = 0; bit < from.getNumRegisterBits(); ++bit) {
      bool moves = llvm::any_of(swaps, [&](LaneSwap swap) { return swap.reg == bit; });
      if (moves || 2 * count * element.getIntOrFloatBitWidth() > 32)
        continue;
      mask |= 1u << bit;
      count *= 2;
    }
    return mask;
  }
  /// The registers that one word holds: those whose number differs from `reg` in bits of the mask.
  SmallVector<unsigned> companions(unsigned reg, unsigned mask) {
    SmallVector<unsigned> all{reg};
    for (unsigned bit = 1; bit <= mask; bit *= 2)
      if (mask & bit)
        for (unsigned i = 0, size = all.size(); i < size; ++i)
          all.push_back(all[i] | bit);
    return all;
  }
  /// A word for each register without bits of the mask; the others have none.
  SmallVector<Value> pack(ArrayRef<Value> elements, unsigned mask) {
    if (mask == 0)
      return SmallVector<Value>(elements);
    SmallVector<Value> words(elements.size());
    for (unsigned reg = 0; reg < elements.size(); ++reg) {
      if (reg & mask)
        continue;
      SmallVector<Value> parts = llvm::map_to_vector(companions(reg, mask), [&](unsigned each) { return elements[each]; });
      Type word = builder.getIntegerType(parts.size() * parts.front().getType().getIntOrFloatBitWidth());
      words[reg] = LLVM::BitcastOp::create(builder, loc, word, makeVector(builder, loc, parts));
    }
    return words;
  }
  SmallVector<Value> unpack(ArrayRef<Value> words, unsigned mask, Type element) {
    if (mask == 0)
      return SmallVector<Value>(words);
    SmallVector<Value> elements(words.size());
    for (unsigned reg = 0; reg < words.size(); ++reg) {
      if (reg & mask)
        continue;
      SmallVector<unsigned> parts = companions(reg, mask);
      Value whole = LLVM::BitcastOp::create(builder, loc, VectorType::get({int64_t(parts.size())}, element), words[reg]);
      for (auto [i, part] : llvm::enumerate(parts))
        elements[part] = extractRegister(builder, loc, whole, i);
    }
    return elements;
  }

  /// The lane with bit 0 keeps its register 0 and takes its partner's as register 1; the other the other way round.
  void exchange(MutableArrayRef<Value> words, LaneSwap swap) {
    Value low = isWriter(builder, loc, op, 1u << swap.lane);
    for (unsigned reg = 0; reg < words.size(); ++reg) {
      if (reg >> swap.reg & 1 || !words[reg])
        continue;
      Value &zero = words[reg], &one = words[reg | 1u << swap.reg];
      Value sent = arith::SelectOp::create(builder, loc, low, one, zero);
      Value taken = shuffleXor(builder, loc, sent, int64_t(1) << swap.lane);
      Value first = arith::SelectOp::create(builder, loc, low, zero, taken);
      one = arith::SelectOp::create(builder, loc, low, taken, one);
      zero = first;
    }
  }

  OpBuilder &builder;
  ConvertLayoutOp op;
  Location loc;
  LayoutAttr from;
  ArrayRef<LaneSwap> swaps;
};

struct LowerConvertLayout : OpConversionPattern<ConvertLayoutOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult matchAndRewrite(ConvertLayoutOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    LayoutAttr from = static_cast<const KernelTypeConverter *>(getTypeConverter())->layoutOf(op.getSource()), to = layoutOf(op);
    if (!from || !to)
      return op.emitOpError("needs a layout on both sides");
    if (from == to) {
      rewriter.replaceOp(op, adaptor.getSource());
      return success();
    }
    SmallVector<Value> elements;
    if (std::optional<SmallVector<LaneSwap>> swaps = laneSwaps(from, to))
      elements = Butterflies(rewriter, op, from, *swaps).run(adaptor.getSource(), to);
    else
      elements = throughSharedMemory(op, adaptor.getSource(), from, to, rewriter);
    rewriter.replaceOp(op, makeVector(rewriter, op.getLoc(), elements));
    return success();
  }

  static SmallVector<Value> throughSharedMemory(ConvertLayoutOp op, Value source, LayoutAttr from, LayoutAttr to,
                                                ConversionPatternRewriter &rewriter) {
    Location loc = op.getLoc();
    RankedTensorType type = op.getType();
    Type storage = type.getElementType().isIndex() ? rewriter.getI64Type() : storageType(type.getElementType());
    Value array = sharedArray(rewriter, loc, op, type.getNumElements() * (storage.getIntOrFloatBitWidth() / 8));
    threadBarrier(rewriter, loc, op);
    for (unsigned reg = 0; reg < from.getNumRegisters(); ++reg) {
      Value element = extractRegister(rewriter, loc, source, reg);
      LLVM::StoreOp::create(rewriter, loc, sharedForm(rewriter, loc, element, storage), position(rewriter, op, from, reg, array, storage));
    }
    threadBarrier(rewriter, loc, op);
    SmallVector<Value> elements;
    for (unsigned reg = 0; reg < to.getNumRegisters(); ++reg) {
      Value stored = LLVM::LoadOp::create(rewriter, loc, storage, position(rewriter, op, to, reg, array, storage));
      elements.push_back(sharedForm(rewriter, loc, stored, type.getElementType()));
    }
    return elements;
  }

  static Value position(OpBuilder &builder, ConvertLayoutOp op, LayoutAttr layout, unsigned reg, Value array,
                        Type storage) {
    Location loc = op.getLoc();
    IndexMath math{builder, loc};
    Value linear = math.constant(0);
    TileCoordinates coordinates(builder, loc, op, layout, ValueRange());
    for (auto [coordinate, size] : llvm::zip_equal(coordinates.of(reg), op.getType().getShape()))
      linear = math.add(math.mul(linear, math.constant(size)), coordinate);
    return elementAddress(builder, loc, array, storage, linear);
  }

  static Value sharedForm(OpBuilder &builder, Location loc, Value value, Type to) {
    Type from = value.getType();
    if (from == to)
      return value;
    if (from.isIndex() || to.isIndex())
      return arith::IndexCastOp::create(builder, loc, to, value);
    if (from.isInteger(1))
      return arith::ExtUIOp::create(builder, loc, to, value);
    if (to.isInteger(1))
      return arith::TruncIOp::create(builder, loc, to, value);
    return arith::BitcastOp::create(builder, loc, to, value);
  }
};

} // namespace

void cameo::kernel::populateConvertLayoutPatterns(KernelTypeConverter &converter, RewritePatternSet &patterns) {
  patterns.add<LowerConvertLayout>(converter, patterns.getContext());
}
