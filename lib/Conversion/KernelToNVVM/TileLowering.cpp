// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Where the elements of a register tile lie, and single accesses to memory: what all tile patterns are
// built of. A guarded access is one predicated instruction of inline PTX: LLVM would make a branch of
// each, and a row of a reduction has dozens.
#include "TileLowering.h"

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "llvm/ADT/APFloat.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace cameo::kernel;

//===- Index arithmetic ---------------------------------------------------------------------===//

Value IndexMath::constant(int64_t value) { return arith::ConstantIndexOp::create(builder, loc, value); }

Value IndexMath::add(Value a, Value b) {
  std::optional<int64_t> ca = getConstantIntValue(a), cb = getConstantIntValue(b);
  if (ca && cb)
    return constant(*ca + *cb);
  if (ca == 0)
    return b;
  if (cb == 0)
    return a;
  return arith::AddIOp::create(builder, loc, a, b, arith::IntegerOverflowFlags::nsw);
}

Value IndexMath::mul(Value a, Value b) {
  std::optional<int64_t> ca = getConstantIntValue(a), cb = getConstantIntValue(b);
  if (ca && cb)
    return constant(*ca * *cb);
  if (ca == 1 || cb == 0)
    return b;
  if (cb == 1 || ca == 0)
    return a;
  return arith::MulIOp::create(builder, loc, a, b, arith::IntegerOverflowFlags::nsw);
}

Value IndexMath::less(Value a, Value b) {
  return arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::slt, a, b);
}

Value IndexMath::both(Value a, Value b) {
  if (!a || !b)
    return a ? a : b;
  return arith::AndIOp::create(builder, loc, a, b);
}

//===- Threads and coordinates --------------------------------------------------------------===//

Value cameo::kernel::threadNumber(OpBuilder &builder, Location loc, Operation *at) {
  Type i32 = builder.getI32Type();
  Value thread = NVVM::ThreadIdXOp::create(builder, loc, i32);
  auto role = at->getParentOfType<RoleOp>();
  if (!role || role.getFirstWarp().value_or(0) == 0)
    return thread;
  Value first = arith::ConstantIntOp::create(builder, loc, int64_t(*role.getFirstWarp()) * 32, 32);
  return arith::SubIOp::create(builder, loc, thread, first);
}

/// Adds to `sums` what the vectors of thread bits [firstBit, firstBit + bits) contribute. Runs of bits
/// whose vectors double along one dimension become one shift and mask.
static void addBits(IndexMath &math, Value thread, unsigned firstBit, ArrayRef<int32_t> bases, unsigned rank,
                    SmallVectorImpl<Value> &sums) {
  OpBuilder &builder = math.builder;
  Location loc = math.loc;
  unsigned bits = bases.size() / rank;
  for (unsigned dim = 0; dim < rank; ++dim)
    for (unsigned bit = 0; bit < bits;) {
      int32_t scale = bases[bit * rank + dim];
      unsigned run = 1;
      while (scale && bit + run < bits && bases[(bit + run) * rank + dim] == scale << run)
        ++run;
      if (scale) {
        Value shifted = thread;
        if (unsigned shift = firstBit + bit)
          shifted = arith::ShRUIOp::create(builder, loc, thread, arith::ConstantIntOp::create(builder, loc, shift, 32));
        Value masked = arith::AndIOp::create(builder, loc, shifted,
                                             arith::ConstantIntOp::create(builder, loc, (1 << run) - 1, 32));
        Value index = arith::IndexCastOp::create(builder, loc, builder.getIndexType(), masked);
        sums[dim] = math.add(sums[dim], math.mul(index, math.constant(scale)));
      }
      bit += run;
    }
}

SmallVector<Value> cameo::kernel::threadCoordinates(OpBuilder &builder, Location loc, Operation *at,
                                                    LayoutAttr layout) {
  IndexMath math{builder, loc};
  SmallVector<Value> sums(layout.getRank(), math.constant(0));
  Value thread = threadNumber(builder, loc, at);
  addBits(math, thread, 0, layout.getLanes(), layout.getRank(), sums);
  addBits(math, thread, 5, layout.getWarps(), layout.getRank(), sums);
  return sums;
}

TileCoordinates::TileCoordinates(OpBuilder &builder, Location loc, Operation *at, LayoutAttr layout,
                                 ValueRange offsets)
    : math{builder, loc}, layout(layout), bases(threadCoordinates(builder, loc, at, layout)) {
  for (auto [base, offset] : llvm::zip(bases, offsets))
    base = math.add(offset, base);
}

SmallVector<Value> TileCoordinates::of(unsigned reg) {
  SmallVector<Value> result;
  for (auto [base, constant] : llvm::zip_equal(bases, constants(reg)))
    result.push_back(math.add(base, math.constant(constant)));
  return result;
}

Value TileCoordinates::inBounds(unsigned reg, ValueRange sizes) { return inBounds(reg, sizes, 0, 1); }

Value TileCoordinates::inBounds(unsigned reg, ValueRange sizes, unsigned dim, int64_t count) {
  Value ok;
  Coordinates constant = constants(reg);
  for (auto [d, base, size] : llvm::enumerate(bases, sizes)) {
    if (!size)
      continue;
    Value last = math.add(base, math.constant(constant[d] + (d == dim ? count - 1 : 0)));
    std::optional<int64_t> a = getConstantIntValue(last), b = getConstantIntValue(size);
    if (a && b && *a < *b)
      continue;
    ok = math.both(ok, math.less(last, size));
  }
  return ok;
}

//===- Memory -------------------------------------------------------------------------------===//

Type cameo::kernel::storageType(Type element) {
  if (auto type = dyn_cast<FloatType>(element); type && type.getWidth() == 8)
    return IntegerType::get(element.getContext(), 8);
  if (element.isInteger(1))
    return IntegerType::get(element.getContext(), 8);
  return element;
}

static TypedAttr padAttribute(Type element, PadKind pad) {
  if (auto type = dyn_cast<FloatType>(element)) {
    const llvm::fltSemantics &semantics = type.getFloatSemantics();
    auto bound = [&](bool negative) {
      return APFloat::semanticsHasInf(semantics) ? APFloat::getInf(semantics, negative) : APFloat::getLargest(semantics, negative);
    };
    switch (pad) {
    case PadKind::None:
      return FloatAttr::get(type, APFloat::semanticsHasNaN(semantics) ? APFloat::getNaN(semantics)
                                                                      : APFloat::getLargest(semantics));
    case PadKind::Zero:
      return FloatAttr::get(type, APFloat::semanticsHasZero(semantics) ? APFloat::getZero(semantics)
                                                                       : APFloat::getSmallest(semantics));
    case PadKind::One:
      return FloatAttr::get(type, APFloat(semantics, 1));
    case PadKind::NegInf:
    case PadKind::PosInf:
      return FloatAttr::get(type, bound(pad == PadKind::NegInf));
    }
  }
  unsigned width = element.isIndex() ? 64 : element.getIntOrFloatBitWidth();
  APInt value(width, pad == PadKind::One ? 1 : 0);
  if (pad == PadKind::NegInf)
    value = APInt::getSignedMinValue(width);
  if (pad == PadKind::PosInf)
    value = APInt::getSignedMaxValue(width);
  return IntegerAttr::get(element, value);
}

Value cameo::kernel::padElement(OpBuilder &builder, Location loc, Type element, PadKind pad) {
  return arith::ConstantOp::create(builder, loc, padAttribute(element, pad));
}

Value cameo::kernel::asElement(OpBuilder &builder, Location loc, Value stored, Type element) {
  if (stored.getType() == element)
    return stored;
  if (element.isInteger(1))
    return arith::TruncIOp::create(builder, loc, element, stored);
  return arith::BitcastOp::create(builder, loc, element, stored);
}

Value cameo::kernel::asStored(OpBuilder &builder, Location loc, Value element) {
  Type storage = storageType(element.getType());
  if (element.getType() == storage)
    return element;
  if (element.getType().isInteger(1))
    return arith::ExtUIOp::create(builder, loc, storage, element);
  return arith::BitcastOp::create(builder, loc, storage, element);
}

Value cameo::kernel::elementAddress(OpBuilder &builder, Location loc, Value base, Type element, Value index) {
  Type storage = storageType(element);
  if (std::optional<int64_t> constant = getConstantIntValue(index)) {
    if (*constant == 0)
      return base;
    if (llvm::isInt<32>(*constant))
      return LLVM::GEPOp::create(builder, loc, base.getType(), storage, base,
                                 ArrayRef<LLVM::GEPArg>{LLVM::GEPArg(int32_t(*constant))});
  }
  // The width of `index` is decided when the function becomes LLVM's: the cast folds or extends then.
  Value wide = arith::IndexCastOp::create(builder, loc, builder.getI64Type(), index);
  return LLVM::GEPOp::create(builder, loc, base.getType(), storage, base, ArrayRef<LLVM::GEPArg>{LLVM::GEPArg(wide)});
}

namespace {
/// How a type travels through inline PTX: as which register type, constraint and access suffix.
struct AsmType {
  Type reg;
  StringRef constraint, suffix;
};
} // namespace

static AsmType asmType(OpBuilder &builder, Type storage) {
  switch (storage.getIntOrFloatBitWidth()) {
  case 8:
    return {builder.getI16Type(), "h", "u8"};
  case 16:
    return {builder.getI16Type(), "h", "b16"};
  case 32:
    return storage.isF32() ? AsmType{storage, "f", "f32"} : AsmType{builder.getI32Type(), "r", "b32"};
  default:
    return storage.isF64() ? AsmType{storage, "d", "f64"} : AsmType{builder.getI64Type(), "l", "b64"};
  }
}

/// Between an element and the register type that holds its bits.
static Value recast(OpBuilder &builder, Location loc, Value value, Type to) {
  Type from = value.getType();
  if (from == to)
    return value;
  if (from.isInteger() && to.isInteger()) {
    if (from.getIntOrFloatBitWidth() < to.getIntOrFloatBitWidth())
      return arith::ExtUIOp::create(builder, loc, to, value);
    return arith::TruncIOp::create(builder, loc, to, value);
  }
  if (from.getIntOrFloatBitWidth() == to.getIntOrFloatBitWidth())
    return arith::BitcastOp::create(builder, loc, to, value);
  // Eight-bit floats in 16-bit registers, through the byte.
  Type byte = builder.getI8Type();
  return recast(builder, loc, recast(builder, loc, value, byte), to);
}

static Value inlineAsm(OpBuilder &builder, Location loc, Type result, ValueRange operands, const Twine &text,
                       const Twine &constraints, bool sideEffects) {
  auto op = LLVM::InlineAsmOp::create(
      builder, loc, result ? TypeRange(result) : TypeRange(), operands, text.str(), constraints.str(), sideEffects,
      /*is_align_stack=*/false, LLVM::TailCallKind::None, LLVM::AsmDialectAttr(), ArrayAttr());
  return result ? op.getResult(0) : Value();
}

Value cameo::kernel::loadElement(OpBuilder &builder, Location loc, Type element, Value address, Value ok, Value pad) {
  Type storage = storageType(element);
  if (!ok)
    return recast(builder, loc, LLVM::LoadOp::create(builder, loc, storage, address), element);
  AsmType type = asmType(builder, storage);
  Value held = recast(builder, loc, recast(builder, loc, pad, storage), type.reg);
  Value loaded = inlineAsm(builder, loc, type.reg, {address, ok, held},
                           "@$2 ld.global." + type.suffix + " $0, [$1];", "=" + type.constraint + ",l,b,0",
                           /*sideEffects=*/false);
  return recast(builder, loc, recast(builder, loc, loaded, storage), element);
}

void cameo::kernel::storeElement(OpBuilder &builder, Location loc, Value value, Value address, Value ok) {
  Type storage = storageType(value.getType());
  Value bits = recast(builder, loc, value, storage);
  if (!ok) {
    LLVM::StoreOp::create(builder, loc, bits, address);
    return;
  }
  AsmType type = asmType(builder, storage);
  Value held = recast(builder, loc, bits, type.reg);
  inlineAsm(builder, loc, Type(), {address, held, ok}, "@$2 st.global." + type.suffix + " [$0], $1;",
            "l," + type.constraint + ",b", /*sideEffects=*/true);
}

/// A run's elements as the registers of one access: words, or one half.
static SmallVector<Value> asWords(OpBuilder &builder, Location loc, ArrayRef<Value> elements) {
  int64_t bits = elements.size() * elements.front().getType().getIntOrFloatBitWidth();
  Type word = builder.getIntegerType(std::min<int64_t>(bits, 32));
  Value whole = LLVM::BitcastOp::create(builder, loc, VectorType::get({bits / word.getIntOrFloatBitWidth()}, word),
                                        makeVector(builder, loc, elements));
  SmallVector<Value> words;
  for (int64_t i = 0; i < cast<VectorType>(whole.getType()).getNumElements(); ++i)
    words.push_back(extractRegister(builder, loc, whole, i));
  return words;
}

namespace {
/// One predicated access to several registers, as inline PTX. Operand numbers count results first.
struct RunAsm {
  std::string registers, type, constraint;

  RunAsm(ArrayRef<Value> words, unsigned first) {
    bool half = words.front().getType().getIntOrFloatBitWidth() == 16;
    for (unsigned i = 0; i < words.size(); ++i)
      registers += (i ? ", $" : "$") + std::to_string(first + i);
    type = (words.size() > 1 ? ".v" + std::to_string(words.size()) : std::string()) + (half ? ".b16" : ".b32");
    constraint = half ? "h" : "r";
    if (words.size() > 1)
      registers = "{" + registers + "}";
  }
};
} // namespace

SmallVector<Value> cameo::kernel::loadRun(OpBuilder &builder, Location loc, ArrayRef<Value> pad, Value address, Value ok) {
  Type element = pad.front().getType();
  auto type = VectorType::get({int64_t(pad.size())}, element);
  Value run;
  if (!ok) {
    auto load = LLVM::LoadOp::create(builder, loc, type, address);
    load.setAlignmentAttr(builder.getI64IntegerAttr(pad.size() * element.getIntOrFloatBitWidth() / 8));
    run = load;
  } else {
    SmallVector<Value> words = asWords(builder, loc, pad), loaded;
    size_t count = words.size();
    RunAsm text(words, 0);
    std::string constraints;
    for (size_t i = 0; i < count; ++i)
      constraints += "=" + text.constraint + ",";
    constraints += "l,b";
    for (size_t i = 0; i < count; ++i)
      constraints += "," + std::to_string(i);
    SmallVector<Value> operands{address, ok};
    llvm::append_range(operands, words);
    Type one = words.front().getType();
    Type result = count == 1 ? one : LLVM::LLVMStructType::getLiteral(builder.getContext(), SmallVector<Type>(count, one));
    Value all = inlineAsm(builder, loc, result, operands,
                          "@$" + std::to_string(count + 1) + " ld.global" + text.type + " " + text.registers + ", [$" +
                              std::to_string(count) + "];",
                          constraints, /*sideEffects=*/false);
    for (size_t i = 0; i < count; ++i)
      loaded.push_back(count == 1 ? all : LLVM::ExtractValueOp::create(builder, loc, all, ArrayRef<int64_t>{int64_t(i)}));
    run = LLVM::BitcastOp::create(builder, loc, type, makeVector(builder, loc, loaded));
  }
  SmallVector<Value> elements;
  for (size_t i = 0; i < pad.size(); ++i)
    elements.push_back(extractRegister(builder, loc, run, i));
  return elements;
}

void cameo::kernel::storeRun(OpBuilder &builder, Location loc, ArrayRef<Value> elements, Value address, Value ok) {
  if (!ok) {
    auto store = LLVM::StoreOp::create(builder, loc, makeVector(builder, loc, elements), address);
    int64_t bytes = elements.front().getType().getIntOrFloatBitWidth() / 8;
    store.setAlignmentAttr(builder.getI64IntegerAttr(elements.size() * bytes));
    return;
  }
  SmallVector<Value> words = asWords(builder, loc, elements), operands{address, ok};
  llvm::append_range(operands, words);
  RunAsm text(words, 2);
  std::string constraints = "l,b";
  for (size_t i = 0; i < words.size(); ++i)
    constraints += "," + text.constraint;
  inlineAsm(builder, loc, Type(), operands, "@$1 st.global" + text.type + " [$0], " + text.registers + ";", constraints,
            /*sideEffects=*/true);
}

Value cameo::kernel::sharedArray(OpBuilder &builder, Location loc, Operation *at, int64_t bytes) {
  auto module = at->getParentOfType<gpu::GPUModuleOp>();
  unsigned number = 0;
  for (auto global : module.getOps<LLVM::GlobalOp>())
    number += global.getAddrSpace() == 3;
  auto type = LLVM::LLVMArrayType::get(builder.getI8Type(), bytes);
  LLVM::GlobalOp global;
  {
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(module.getBody());
    global = LLVM::GlobalOp::create(builder, loc, type, /*isConstant=*/false, LLVM::Linkage::Internal,
                                    "cameo_shared_" + std::to_string(number), Attribute(), /*alignment=*/16,
                                    /*addrSpace=*/3);
  }
  return LLVM::AddressOfOp::create(builder, loc, global);
}

//===- Regions and registers ----------------------------------------------------------------===//

/// Restricts the reads in `op` to where `ok` holds as well.
static void guardReads(OpBuilder &builder, Operation *op, Value ok) {
  op->walk([&](ReadOp read) {
    OpBuilder::InsertionGuard insertion(builder);
    builder.setInsertionPoint(read);
    Location loc = read.getLoc();
    Value guard = IndexMath{builder, loc}.both(read.getOk(), ok);
    Value pad = read.getPad() ? read.getPad() : padElement(builder, loc, read.getType(), PadKind::None);
    read.getOkMutable().assign(guard);
    read.getPadMutable().assign(pad);
  });
}

SmallVector<Value> cameo::kernel::inlineRegion(OpBuilder &builder, Region &region, ValueRange arguments, Value ok,
                                               function_ref<Value(Operation *)> replace) {
  IRMapping mapping;
  mapping.map(region.front().getArguments(), arguments);
  for (Operation &op : region.front().without_terminator()) {
    if (Value value = replace ? replace(&op) : Value()) {
      mapping.map(op.getResult(0), value);
      continue;
    }
    Operation *cloned = builder.clone(op, mapping);
    if (ok)
      guardReads(builder, cloned, ok);
  }
  SmallVector<Value> results;
  for (Value value : region.front().getTerminator()->getOperands())
    results.push_back(mapping.lookupOrDefault(value));
  return results;
}

void cameo::kernel::threadBarrier(OpBuilder &builder, Location loc, Operation *at) {
  auto role = at->getParentOfType<RoleOp>();
  if (!role || !role.getBarrier()) {
    NVVM::Barrier0Op::create(builder, loc);
    return;
  }
  Value id = arith::ConstantIntOp::create(builder, loc, *role.getBarrier(), 32);
  Value threads = arith::ConstantIntOp::create(builder, loc, int64_t(role.getWarps()) * 32, 32);
  NVVM::BarrierOp::create(builder, loc, TypeRange(), ValueRange{id, threads},
                          builder.getNamedAttr("operandSegmentSizes", builder.getDenseI32ArrayAttr({1, 1, 0})));
}

Value cameo::kernel::isWriter(OpBuilder &builder, Location loc, Operation *at, uint32_t mask) {
  if (mask == 0)
    return {};
  Value thread = threadNumber(builder, loc, at);
  Value bits = arith::AndIOp::create(builder, loc, thread, arith::ConstantIntOp::create(builder, loc, mask, 32));
  Value zero = arith::ConstantIntOp::create(builder, loc, 0, 32);
  return arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::eq, bits, zero);
}

Value cameo::kernel::extractRegister(OpBuilder &builder, Location loc, Value vector, unsigned reg) {
  return builder.createOrFold<vector::ExtractOp>(loc, vector, ArrayRef<int64_t>{int64_t(reg)});
}

Value cameo::kernel::makeVector(OpBuilder &builder, Location loc, ArrayRef<Value> elements) {
  auto type = VectorType::get({int64_t(elements.size())}, elements.front().getType());
  return vector::FromElementsOp::create(builder, loc, type, elements);
}
