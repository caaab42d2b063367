// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Exact products on the ordinary cores: each lane multiplies a column of A's slice by a row of B's, both
// read from shared memory in vectors of 16 bytes. With 8 x 8 elements a lane that is 4 loads for 64
// multiply-adds. The k loop is a real loop with a few steps unrolled: unrolling all of it costs compile
// time and instruction cache and gains nothing.
#include "StagedLowering.h"

using namespace mlir;

namespace cameo::kernel {
namespace {

/// Multiply-adds of a lane that one round of the loop unrolls.
constexpr int64_t unrolledProducts = 256;

/// A lane's elements along one dimension of one operand: `vectors` runs of `shape.vector` elements.
struct Side {
  SmemType part;
  Value laneBase;      ///< pointer to the lane's first element at k = 0
  int64_t vectors;     ///< runs of 16 bytes
  int64_t runDistance; ///< bytes between them
};

/// Loads the lane's elements of step `k` (a constant behind `base`).
SmallVector<Value> loadSide(OpBuilder &builder, Location loc, const Side &side, Value base, int64_t k) {
  Type element = side.part.getElementType();
  int64_t run = 16 / side.part.getElementBytes();
  auto type = VectorType::get({run}, element);
  SmallVector<Value> values;
  for (int64_t v = 0; v < side.vectors; ++v) {
    auto load = LLVM::LoadOp::create(
        builder, loc, type, sharedAt(builder, loc, base, Value(), k * side.part.getPitch() + v * side.runDistance));
    load.setAlignment(16);
    for (int64_t i = 0; i < run; ++i)
      values.push_back(extractRegister(builder, loc, load, i));
  }
  return values;
}

Value multiplyAdd(OpBuilder &builder, Location loc, Value a, Value b, Value sum) {
  if (isa<FloatType>(sum.getType()))
    return LLVM::FMAOp::create(builder, loc, a, b, sum);
  return arith::AddIOp::create(builder, loc, sum, arith::MulIOp::create(builder, loc, a, b));
}

/// acc[row][col] += a[row] * b[col]; registers are rows of vectors of columns, as in the layout.
void multiplyOuter(OpBuilder &builder, Location loc, ArrayRef<Value> a, ArrayRef<Value> b, int64_t vector,
                   SmallVectorImpl<Value> &acc) {
  // Register bits: columns (all of them) below rows (all of them).
  for (auto [i, row] : llvm::enumerate(a))
    for (auto [j, col] : llvm::enumerate(b)) {
      Value &sum = acc[i * b.size() + j];
      sum = multiplyAdd(builder, loc, row, col, sum);
    }
}

} // namespace

SmallVector<Value> multiplyFma(OpBuilder &builder, MmaAsyncOp op, LoweredSlot a, LoweredSlot b,
                               SmallVector<Value> acc) {
  Location loc = op.getLoc();
  I32Math math{builder, loc};
  AccType type = op.getAcc().getType();
  FmaShape shape = fmaShape(type);
  int64_t warpTileRows = type.getRows() / type.getWarpRows(), warpTileCols = type.getCols() / type.getWarpCols();
  int64_t bytes = op.getPartTypeA().getElementBytes();
  Value thread = threadNumber(builder, loc, op);
  auto field = [&](unsigned below, int64_t size) { return math.mask(math.shr(thread, below), size - 1); };
  unsigned laneColBits = llvm::Log2_64(shape.laneCols), warpColBits = llvm::Log2_64(type.getWarpCols());
  Value col = math.add(math.mul(field(0, shape.laneCols), 16), math.mul(field(5, type.getWarpCols()), warpTileCols * bytes));
  Value row = math.add(math.mul(field(laneColBits, shape.laneRows), 16),
                       math.mul(field(5 + warpColBits, type.getWarpRows()), warpTileRows * bytes));
  RingType ringA = cast<SlotType>(op.getA().getType()).getRing();
  RingType ringB = op.getB() ? op.getB().getType().getRing() : ringA;
  Side sideA{op.getPartTypeA(), slotAt(builder, loc, ringA, a, op.getPartA(), row),
             warpTileRows / (shape.vector * shape.laneRows), shape.laneRows * 16};
  Side sideB{op.getPartTypeB(), slotAt(builder, loc, ringB, b, op.getPartB(), col),
             warpTileCols / (shape.vector * shape.laneCols), shape.laneCols * 16};

  auto steps = [&](OpBuilder &inner, Value baseA, Value baseB, int64_t count, SmallVectorImpl<Value> &sums) {
    for (int64_t k = 0; k < count; ++k)
      multiplyOuter(inner, loc, loadSide(inner, loc, sideA, baseA, k), loadSide(inner, loc, sideB, baseB, k),
                    shape.vector, sums);
  };
  int64_t total = op.getK();
  int64_t unrolledSteps = std::min(total, std::max<int64_t>(1, unrolledProducts / type.getRegisters()));
  if (total == unrolledSteps) {
    steps(builder, sideA.laneBase, sideB.laneBase, total, acc);
    return acc;
  }
  auto loop = scf::ForOp::create(builder, loc, math.constant(0), math.constant(total), math.constant(unrolledSteps), acc);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(loop.getBody());
  I32Math inner{builder, loc};
  Value k = loop.getInductionVar();
  SmallVector<Value> sums(loop.getRegionIterArgs().begin(), loop.getRegionIterArgs().end());
  Value baseA = sharedAt(builder, loc, sideA.laneBase, inner.mul(k, sideA.part.getPitch()));
  Value baseB = sharedAt(builder, loc, sideB.laneBase, inner.mul(k, sideB.part.getPitch()));
  steps(builder, baseA, baseB, unrolledSteps, sums);
  scf::YieldOp::create(builder, loc, sums);
  return SmallVector<Value>(loop.getResults().begin(), loop.getResults().end());
}

} // namespace cameo::kernel
