// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Products by mma.sync, as MmaTable.h has them: each step of 32 bytes of k loads 16 rows of A and 16 columns
// of B at a time, four registers of a lane, and multiplies them into m16n8 fragments. Columns stay in
// registers for all rows of a step. Rows that are in registers already need no instruction where their
// elements have two bytes: the fragment of the sums, m16n16 of it, is the fragment of A.
#include "StagedLowering.h"

#include "cameo/Dialect/Kernel/Layout/MmaTable.h"

using namespace mlir;

namespace cameo::kernel {
namespace {

/// Bytes of k that one fragment holds.
constexpr int64_t stepBytes = 32;

/// The lanes' steps along m or n, or along k, as arithmetic on the thread's number: bits whose steps double
/// are one field, fields are XORed.
Value laneOffset(I32Math math, Value thread, const FragmentMap &map, int16_t FragmentStep::*axis) {
  Value sum;
  for (unsigned bit = 0; bit < 5;) {
    unsigned end = bit + 1;
    int64_t step = map.lanes[bit].*axis;
    while (end < 5 && step && map.lanes[end].*axis == step << (end - bit))
      ++end;
    if (step) {
      Value field = math.mul(math.mask(math.shr(thread, bit), (1 << (end - bit)) - 1), step);
      sum = sum ? math.bitXor(sum, field) : field;
    }
    bit = end;
  }
  return sum ? sum : math.constant(0);
}

/// mma.sync takes pairs of f16 as vectors, all else as integers.
Value asOperand(OpBuilder &builder, Location loc, Value pair, Type element) {
  Type type = element.isF16() ? Type(VectorType::get({2}, element)) : Type(builder.getI32Type());
  return pair.getType() == type ? pair : LLVM::BitcastOp::create(builder, loc, type, pair).getResult();
}

/// The four registers of rows 16 m ... and depths 16 k ... of a tile in the fragment of the sums: eight of its elements,
/// by pairs along k.
SmallVector<Value> rowsInRegisters(OpBuilder &builder, Location loc, Value tile, int64_t block, Type element) {
  SmallVector<Value> registers;
  for (int64_t first = block * 8; first < block * 8 + 8; first += 2) {
    Value elements[] = {extractRegister(builder, loc, tile, first), extractRegister(builder, loc, tile, first + 1)};
    registers.push_back(asOperand(builder, loc, makeVector(builder, loc, elements), element));
  }
  return registers;
}

/// One operand in shared memory: where a lane's matrix row lies, and how the tile's constants add to it.
class Operand {
public:
  /// `warp`: where the warp's rectangle begins along m or n.
  Operand(OpBuilder &builder, MmaAsyncOp op, LoweredSlot slot, bool isB, Value thread, Value warp)
      : builder(builder), loc(op.getLoc()), slot(slot), isB(isB) {
    SlotType type = cast<SlotType>(isB && op.getB() ? op.getB().getType() : op.getA().getType());
    ring = type.getRing();
    number = isB ? op.getPartB() : op.getPartA();
    part = isB ? op.getPartTypeB() : op.getPartTypeA();
    transposed = isB ? op.getTransB() : op.getTransA();
    map = fragmentMap(isB, part.getElementBytes(), transposed);
    I32Math math{builder, loc};
    Value along = math.add(warp, laneOffset(math, thread, map, &FragmentStep::along));
    Value depth = laneOffset(math, thread, map, &FragmentStep::depth);
    row = transposed ? depth : along;
    column = math.mul(transposed ? along : depth, part.getElementBytes());
    if (map.load == FragmentLoad::Pairs)
      selectBytes(math, thread);
  }

  /// The registers of 16 rows or columns, `along` elements of m or n and `depth` of k further on.
  SmallVector<Value> load(int64_t along, int64_t depth) {
    if (map.load == FragmentLoad::Elements)
      return loadElements(along, depth);
    SmallVector<Value> matrices = loadMatrices(along, depth);
    SmallVector<Value> registers;
    for (unsigned reg = 0; reg < 4; ++reg)
      registers.push_back(asOperand(builder, loc, map.load == FragmentLoad::Pairs ? permuted(matrices, reg) : matrices[reg],
                                    part.getElementType()));
    return registers;
  }

private:
  SmallVector<Value> loadMatrices(int64_t along, int64_t depth) {
    I32Math math{builder, loc};
    int64_t rows = transposed ? depth : along;
    int64_t bytes = (transposed ? along : depth) * part.getElementBytes();
    Value address;
    if (part.getSwizzleBits() == 0)
      address = at(placedOffset(builder, loc, part, row, column), rows * part.getPitch() + bytes);
    else // rows are a multiple of 16, after which the swizzle repeats
      address = at(placedOffset(builder, loc, part, row, math.add(column, bytes)), rows * part.getPitch());
    Type i32 = builder.getI32Type();
    auto type = LLVM::LLVMStructType::getLiteral(builder.getContext(), {i32, i32, i32, i32});
    auto shape = NVVM::LdStMatrixShapeAttr::get(builder.getContext(), 8, 8);
    Value loaded = NVVM::LdMatrixOp::create(builder, loc, type, address, 4,
                                            transposed ? NVVM::MMALayout::col : NVVM::MMALayout::row, shape,
                                            NVVM::LdStMatrixEltType::B16);
    SmallVector<Value> registers;
    for (int64_t i = 0; i < 4; ++i)
      registers.push_back(LLVM::ExtractValueOp::create(builder, loc, loaded, i));
    return registers;
  }

  /// A load an element; those of f32 as their bits. Rows are padded, so that all distances are constants.
  SmallVector<Value> loadElements(int64_t along, int64_t depth) {
    bool wide = part.getElementBytes() == 8;
    Type type = wide ? Type(builder.getF64Type()) : Type(builder.getI32Type());
    SmallVector<Value> registers;
    for (unsigned reg = 0; reg < (wide ? 2 : 4); ++reg) {
      int64_t toAlong = along, toDepth = depth;
      for (unsigned bit = 0; bit < 2; ++bit)
        if (reg >> bit & 1) {
          toAlong += map.registers[bit].along;
          toDepth += map.registers[bit].depth;
        }
      int64_t rows = transposed ? toDepth : toAlong, columns = transposed ? toAlong : toDepth;
      Value address = at(placedOffset(builder, loc, part, row, column), rows * part.getPitch() + columns * part.getElementBytes());
      registers.push_back(LLVM::LoadOp::create(builder, loc, type, address));
    }
    return registers;
  }

  Value at(Value offset, int64_t constant) { return slotAt(builder, loc, ring, slot, number, offset, constant); }

  /// The selectors of `permuted`: bytes 0 2 4 6 of two registers, or 4 6 0 2 in lanes with l & 2.
  void selectBytes(I32Math math, Value thread) {
    Value turned = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::ne, math.mask(thread, 2), math.constant(0));
    even = arith::SelectOp::create(builder, loc, turned, math.constant(0x2064), math.constant(0x6420));
    odd = arith::SelectOp::create(builder, loc, turned, math.constant(0x3175), math.constant(0x7531));
  }
  Value permuted(ArrayRef<Value> matrices, unsigned reg) {
    FragmentPair pair = fragmentPair(isB, reg);
    return NVVM::PermuteOp::create(builder, loc, builder.getI32Type(), matrices[pair.first], matrices[pair.second],
                                   pair.odd ? odd : even, NVVM::PermuteMode::DEFAULT);
  }

  OpBuilder &builder;
  Location loc;
  LoweredSlot slot;
  bool isB;
  RingType ring;
  unsigned number;
  SmemType part;
  bool transposed;
  FragmentMap map;
  Value row, column;
  Value even, odd; ///< selectors of bytes
};

NVVM::MMATypes ptxType(MmaFactor factor, bool isUnsigned) {
  switch (factor) {
  case MmaFactor::F16:
    return NVVM::MMATypes::f16;
  case MmaFactor::BF16:
    return NVVM::MMATypes::bf16;
  case MmaFactor::Int8:
    return isUnsigned ? NVVM::MMATypes::u8 : NVVM::MMATypes::s8;
  case MmaFactor::E4M3: // by intrinsics
  case MmaFactor::E5M2:
    break;
  case MmaFactor::TF32:
    return NVVM::MMATypes::tf32;
  case MmaFactor::F64:
    return NVVM::MMATypes::f64;
  }
  llvm_unreachable("a row of the table without a type");
}

/// acc += a (m x k) * b (k x 8): four sums a lane of m16, two of m8.
void multiplyOnce(OpBuilder &builder, MmaAsyncOp op, const MmaInstruction &mma, ValueRange a, ValueRange b,
                  MutableArrayRef<Value> acc) {
  Location loc = op.getLoc();
  Type sum = acc[0].getType();
  auto type = LLVM::LLVMStructType::getLiteral(builder.getContext(), SmallVector<Type>(acc.size(), sum));
  std::optional<NVVM::MMAIntOverflow> overflow;
  if (sum.isInteger())
    overflow = NVVM::MMAIntOverflow::wrapped;
  Value product = NVVM::MmaOp::create(
      builder, loc, type, a, b, ValueRange(acc), ArrayRef<int64_t>{mma.m, 8, mma.k}, std::nullopt, overflow,
      std::array<NVVM::MMATypes, 2>{ptxType(mma.factor, op.getUnsignedA()), ptxType(mma.factor, op.getUnsignedB())},
      std::array<NVVM::MMALayout, 2>{NVVM::MMALayout::row, NVVM::MMALayout::col});
  for (auto [i, value] : llvm::enumerate(acc))
    value = LLVM::ExtractValueOp::create(builder, loc, product, i);
}

/// f32 (as bits) as the nearest tf32 and, likewise, what that leaves.
std::pair<Value, Value> splitTf32(OpBuilder &builder, Location loc, Value bits) {
  auto toTf32 = [&](Value x) -> Value {
    return NVVM::ConvertFloatToTF32Op::create(builder, loc, builder.getI32Type(), x, NVVM::FPRoundingMode::RNA,
                                              NVVM::SaturationMode::NONE, false);
  };
  auto asFloat = [&](Value x) -> Value { return LLVM::BitcastOp::create(builder, loc, builder.getF32Type(), x); };
  Value x = asFloat(bits), big = toTf32(x);
  return {big, toTf32(LLVM::FSubOp::create(builder, loc, x, asFloat(big)))};
}

/// The registers of one fragment as the instruction takes them, and of three products of tf32 the rests.
struct Factors {
  SmallVector<Value> values, rests;

  Factors(OpBuilder &builder, MmaAsyncOp op, const MmaInstruction &mma, ArrayRef<Value> registers) {
    values.assign(registers.begin(), registers.end());
    if (mma.factor != MmaFactor::TF32)
      return;
    for (Value &value : values) {
      auto [big, rest] = splitTf32(builder, op.getLoc(), value);
      value = big;
      if (op.getProducts() == 3)
        rests.push_back(rest);
    }
  }
};

/// acc (4 values, 16 x 8) += a * b, whose registers `at` ... are those of eight columns; small products first.
void multiplyFragment(OpBuilder &builder, MmaAsyncOp op, const MmaInstruction &mma, const Factors &a, const Factors &b,
                      size_t at, MutableArrayRef<Value> acc) {
  if (mma.m == 8) { // rows 0-7 and 8-15, a register each
    for (size_t half = 0; half < 2; ++half)
      multiplyOnce(builder, op, mma, ArrayRef(a.values).slice(half, 1), ArrayRef(b.values).slice(at / 2, 1), acc.slice(2 * half, 2));
    return;
  }
  auto columns = [&](const SmallVector<Value> &registers) { return ArrayRef(registers).slice(at, 2); };
  if (!a.rests.empty()) {
    multiplyOnce(builder, op, mma, a.values, columns(b.rests), acc);
    multiplyOnce(builder, op, mma, a.rests, columns(b.values), acc);
  }
  multiplyOnce(builder, op, mma, a.values, columns(b.values), acc);
}

} // namespace

SmallVector<Value> multiplyMma(OpBuilder &builder, MmaAsyncOp op, ValueRange a, LoweredSlot b,
                               SmallVector<Value> acc) {
  Location loc = op.getLoc();
  I32Math math{builder, loc};
  AccType type = op.getAcc().getType();
  int64_t warpTileRows = type.getRows() / type.getWarpRows(), warpTileCols = type.getCols() / type.getWarpCols();
  Value thread = threadNumber(builder, loc, op);
  auto field = [&](unsigned below, int64_t size) { return math.mask(math.shr(thread, below), size - 1); };
  unsigned warpColBits = llvm::Log2_64(type.getWarpCols());
  Value warpCol = math.mul(field(5, type.getWarpCols()), warpTileCols);
  Value warpRow = math.mul(field(5 + warpColBits, type.getWarpRows()), warpTileRows);
  auto tile = dyn_cast<RankedTensorType>(op.getA().getType());
  Type element = tile ? tile.getElementType() : op.getPartTypeA().getElementType();
  std::optional<Operand> left;
  if (!tile)
    left.emplace(builder, op, LoweredSlot(a), /*isB=*/false, thread, warpRow);
  Operand right(builder, op, b, /*isB=*/true, thread, warpCol);
  const MmaInstruction *mma = findMma(element, op.getPartTypeB().getElementType(), type.getElementType());

  int64_t colTiles = warpTileCols / 8, step = stepBytes * 8 / element.getIntOrFloatBitWidth();
  for (int64_t k = 0; k < op.getK(); k += step) {
    SmallVector<Factors> columns;
    for (int64_t n = 0; n < warpTileCols; n += 16)
      columns.emplace_back(builder, op, *mma, right.load(n, k));
    for (int64_t m = 0; m < warpTileRows / 16; ++m) {
      Factors rows(builder, op, *mma,
                   left ? left->load(m * 16, k) : rowsInRegisters(builder, loc, a[0], (m * op.getK() + k) / step, element));
      for (int64_t n = 0; n < colTiles; ++n)
        multiplyFragment(builder, op, *mma, rows, columns[n / 2], n % 2 * 2,
                         MutableArrayRef(acc).slice((m * colTiles + n) * 4, 4));
    }
  }
  return acc;
}

} // namespace cameo::kernel
