// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// f16 and bf16 products by mma.sync m16n8k16. Fragments come from shared memory by ldmatrix, four 8 x 8
// matrices at a time: 16 rows x 16 k of A, 16 columns x 16 k of B. Where k is contiguous the matrices'
// rows are m or n; where m or n is contiguous their rows are k and the load transposes.
//
//     lane l gives the address of row l & 7 of matrix l >> 3     k contiguous        k as rows (.trans)
//     A, registers a0..a3: (m, k) of the matrices                (0,0)(8,0)(0,8)(8,8)     the same
//     B, registers b0 b1 of two n-tiles: (n, k)                  (0,0)(0,8)(8,0)(8,8)     the same
#include "StagedLowering.h"

using namespace mlir;

namespace cameo::kernel {
namespace {

/// One operand: where a lane's matrix row lies, and how the tile's constants add to it.
class Operand {
public:
  /// `along` is the lane's position along m or n, `depth` along k (elements, i32); `slotBase` null ring
  /// offsets included.
  Operand(OpBuilder &builder, Location loc, RingType ring, LoweredSlot slot, unsigned number, SmemType part,
          bool transposed, Value along, Value depth)
      : builder(builder), loc(loc), ring(ring), slot(slot), number(number), part(part), transposed(transposed) {
    row = transposed ? depth : along;
    column = I32Math{builder, loc}.mul(transposed ? along : depth, part.getElementBytes());
  }

  /// Four matrices, `along` elements of m or n and `depth` of k further on.
  SmallVector<Value> load(int64_t along, int64_t depth) {
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
      registers.push_back(asOperand(LLVM::ExtractValueOp::create(builder, loc, loaded, i)));
    return registers;
  }

private:
  Value at(Value offset, int64_t constant) { return slotAt(builder, loc, ring, slot, number, offset, constant); }
  /// mma.sync takes pairs of f16 as vectors, pairs of bf16 as integers.
  Value asOperand(Value pair) {
    if (!part.getElementType().isF16())
      return pair;
    return LLVM::BitcastOp::create(builder, loc, VectorType::get({2}, builder.getF16Type()), pair);
  }

  OpBuilder &builder;
  Location loc;
  RingType ring;
  LoweredSlot slot;
  unsigned number;
  SmemType part;
  bool transposed;
  Value row, column;
};

/// acc (4 values) += a (16 x 16) * b (16 x 8).
void multiplyFragment(OpBuilder &builder, Location loc, Type element, ValueRange a, ValueRange b,
                      MutableArrayRef<Value> acc) {
  Type f32 = builder.getF32Type();
  auto type = LLVM::LLVMStructType::getLiteral(builder.getContext(), {f32, f32, f32, f32});
  NVVM::MMATypes ptx = element.isF16() ? NVVM::MMATypes::f16 : NVVM::MMATypes::bf16;
  Value product = NVVM::MmaOp::create(
      builder, loc, type, a, b, ValueRange(acc), ArrayRef<int64_t>{16, 8, 16}, std::nullopt, std::nullopt,
      std::array<NVVM::MMATypes, 2>{ptx, ptx},
      std::array<NVVM::MMALayout, 2>{NVVM::MMALayout::row, NVVM::MMALayout::col});
  for (int64_t i = 0; i < 4; ++i)
    acc[i] = LLVM::ExtractValueOp::create(builder, loc, product, i);
}

} // namespace

SmallVector<Value> multiplyMma(OpBuilder &builder, MmaAsyncOp op, LoweredSlot a, LoweredSlot b,
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
  // Lane bits: 0-2 the row within a matrix, 3 and 4 the matrix.
  Value inMatrix = field(0, 8), bit3 = math.shl(field(3, 2), 3), bit4 = math.shl(field(4, 2), 3);
  Value alongA, depthA, alongB, depthB;
  if (op.getTransA()) {
    alongA = bit3;
    depthA = math.add(inMatrix, bit4);
  } else {
    alongA = math.add(inMatrix, bit3);
    depthA = bit4;
  }
  if (op.getTransB()) {
    alongB = bit4;
    depthB = math.add(inMatrix, bit3);
  } else {
    alongB = math.add(inMatrix, bit4);
    depthB = bit3;
  }
  RingType ringA = cast<SlotType>(op.getA().getType()).getRing();
  RingType ringB = op.getB() ? op.getB().getType().getRing() : ringA;
  Operand left(builder, loc, ringA, a, op.getPartA(), op.getPartTypeA(), op.getTransA(), math.add(warpRow, alongA), depthA);
  Operand right(builder, loc, ringB, b, op.getPartB(), op.getPartTypeB(), op.getTransB(), math.add(warpCol, alongB), depthB);

  int64_t colTiles = warpTileCols / 8;
  for (int64_t k = 0; k < op.getK(); k += 16) {
    SmallVector<SmallVector<Value>> columns;
    for (int64_t n = 0; n < warpTileCols; n += 16)
      columns.push_back(right.load(n, k));
    for (int64_t m = 0; m < warpTileRows / 16; ++m) {
      SmallVector<Value> rows = left.load(m * 16, k);
      for (int64_t n = 0; n < colTiles; ++n)
        multiplyFragment(builder, loc, op.getPartTypeA().getElementType(), rows,
                         ValueRange(columns[n / 2]).slice(n % 2 * 2, 2),
                         MutableArrayRef(acc).slice((m * colTiles + n) * 4, 4));
    }
  }
  return acc;
}

} // namespace cameo::kernel
