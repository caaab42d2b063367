// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// kernel.reduce: partial results combine in a fixed order, so that the result does not depend on
// timing: registers of a thread, then lanes by butterfly shuffles (all lanes end with the result), then
// warps through shared memory (all threads read all partials in the same order). The combiner region
// may carry several values. Refused: layouts whose vectors mix reduced and kept dimensions.
#include "TileLowering.h"

using namespace mlir;
using namespace cameo::kernel;

namespace {

using Values = SmallVector<Value, 2>;

/// What a basis vector moves: only reduced dimensions, only kept ones, nothing, or both (refused).
enum class Moves { Nothing, Kept, Reduced, Both };

Moves movesOf(ArrayRef<int32_t> basis, ArrayRef<int64_t> dims) {
  bool kept = false, reduced = false;
  for (auto [dim, entry] : llvm::enumerate(basis))
    if (entry)
      (llvm::is_contained(dims, int64_t(dim)) ? reduced : kept) = true;
  return kept ? (reduced ? Moves::Both : Moves::Kept) : (reduced ? Moves::Reduced : Moves::Nothing);
}

class Reducer {
public:
  Reducer(ReduceOp op, ValueRange inputs, LayoutAttr source, LayoutAttr target, ConversionPatternRewriter &rewriter)
      : op(op), inputs(inputs), source(source), target(target), rewriter(rewriter), loc(op.getLoc()) {}

  LogicalResult check() {
    for (unsigned bit = 0; bit < source.getNumRegisterBits(); ++bit)
      if (movesOf(source.getRegister(bit), op.getDims()) == Moves::Both)
        return refuse();
    for (unsigned bit = 0; bit < source.getNumLaneBits(); ++bit)
      if (movesOf(source.getLane(bit), op.getDims()) == Moves::Both)
        return refuse();
    for (unsigned bit = 0; bit < source.getNumWarpBits(); ++bit)
      if (movesOf(source.getWarp(bit), op.getDims()) == Moves::Both)
        return refuse();
    return success();
  }

  SmallVector<Value> run() {
    SmallVector<Values> partials = overRegisters();
    for (unsigned bit = 0; bit < source.getNumLaneBits(); ++bit)
      if (movesOf(source.getLane(bit), op.getDims()) == Moves::Reduced)
        for (Values &partial : partials)
          partial = combine(partial, shuffled(partial, 1u << bit));
    overWarps(partials);
    SmallVector<Value> results;
    for (unsigned k = 0; k < inputs.size(); ++k) {
      SmallVector<Value> elements;
      for (Values &partial : partials)
        elements.push_back(partial[k]);
      results.push_back(makeVector(rewriter, loc, elements));
    }
    return results;
  }

private:
  LogicalResult refuse() { return op.emitOpError("has a layout that mixes reduced and kept dimensions"); }

  Values combine(const Values &a, const Values &b) {
    SmallVector<Value> arguments(a.begin(), a.end());
    llvm::append_range(arguments, b);
    SmallVector<Value> result = inlineRegion(rewriter, op.getBody(), arguments);
    return Values(result.begin(), result.end());
  }

  /// A tree over each group of registers that share their kept coordinates: log depth, little error.
  SmallVector<Values> overRegisters() {
    SmallVector<SmallVector<Values>> groups(target.getNumRegisters());
    for (unsigned reg = 0; reg < source.getNumRegisters(); ++reg) {
      Coordinates kept;
      for (auto [dim, coordinate] : llvm::enumerate(registerCoordinates(source, reg)))
        if (!llvm::is_contained(op.getDims(), int64_t(dim)))
          kept.push_back(coordinate);
      Values element;
      for (Value input : inputs)
        element.push_back(extractRegister(rewriter, loc, input, reg));
      groups[*findRegister(target, kept)].push_back(element);
    }
    SmallVector<Values> partials;
    for (SmallVector<Values> &group : groups) {
      for (size_t step = 1; step < group.size(); step *= 2)
        for (size_t i = 0; i + step < group.size(); i += 2 * step)
          group[i] = combine(group[i], group[i + step]);
      partials.push_back(group.front());
    }
    return partials;
  }

  Values shuffled(const Values &values, unsigned laneMask) {
    Values result;
    for (Value value : values)
      result.push_back(shuffleXor(rewriter, loc, value, laneMask));
    return result;
  }

  //===- Across warps -----------------------------------------------------------------------===//

  Type sharedType(Type type) {
    if (type.isIndex())
      return rewriter.getI64Type();
    return storageType(type);
  }
  Value toShared(Value value) {
    Type type = value.getType(), to = sharedType(type);
    if (type == to)
      return value;
    if (type.isIndex())
      return arith::IndexCastOp::create(rewriter, loc, to, value);
    if (type.isInteger(1))
      return arith::ExtUIOp::create(rewriter, loc, to, value);
    return arith::BitcastOp::create(rewriter, loc, to, value);
  }
  Value fromShared(Value value, Type to) {
    if (value.getType() == to)
      return value;
    if (to.isIndex())
      return arith::IndexCastOp::create(rewriter, loc, to, value);
    if (to.isInteger(1))
      return arith::TruncIOp::create(rewriter, loc, to, value);
    return arith::BitcastOp::create(rewriter, loc, to, value);
  }

  /// The number that the reduced warp bits of this thread form, and how many values it has.
  Value warpPosition(int64_t &count) {
    Value thread = threadNumber(rewriter, loc, op);
    IndexMath math{rewriter, loc};
    Value position = math.constant(0);
    count = 1;
    for (unsigned bit = 0; bit < source.getNumWarpBits(); ++bit) {
      if (movesOf(source.getWarp(bit), op.getDims()) != Moves::Reduced)
        continue;
      Value shift = arith::ConstantIntOp::create(rewriter, loc, 5 + bit, 32);
      Value one = arith::ConstantIntOp::create(rewriter, loc, 1, 32);
      Value isSet = arith::AndIOp::create(rewriter, loc, arith::ShRUIOp::create(rewriter, loc, thread, shift), one);
      Value index = arith::IndexCastOp::create(rewriter, loc, rewriter.getIndexType(), isSet);
      position = math.add(position, math.mul(index, math.constant(count)));
      count *= 2;
    }
    return position;
  }

  /// Where the partial of kept element `reg` by warp `warp` lies: kept tile, warps outermost.
  Value slot(Value array, Type type, TileCoordinates &coordinates, unsigned reg, Value warp) {
    IndexMath math{rewriter, loc};
    Value linear = warp;
    ArrayRef<int64_t> shape = cast<RankedTensorType>(op.getResult(0).getType()).getShape();
    for (auto [coordinate, size] : llvm::zip_equal(coordinates.of(reg), shape))
      linear = math.add(math.mul(linear, math.constant(size)), coordinate);
    return elementAddress(rewriter, loc, array, type, linear);
  }

  void overWarps(SmallVectorImpl<Values> &partials) {
    int64_t warps = 1;
    Value position = warpPosition(warps);
    if (warps == 1)
      return;
    int64_t kept = cast<RankedTensorType>(op.getResult(0).getType()).getNumElements();
    SmallVector<Value> arrays;
    for (Value value : partials.front()) {
      Type type = sharedType(value.getType());
      arrays.push_back(sharedArray(rewriter, loc, op, warps * kept * (type.getIntOrFloatBitWidth() / 8)));
    }
    TileCoordinates coordinates(rewriter, loc, op, target, ValueRange());
    threadBarrier(rewriter, loc, op); // readers of the last use are done
    writePartials(partials, arrays, coordinates, position);
    threadBarrier(rewriter, loc, op);
    IndexMath math{rewriter, loc};
    for (auto [reg, partial] : llvm::enumerate(partials)) {
      SmallVector<Values> all(warps);
      for (int64_t warp = 0; warp < warps; ++warp)
        for (auto [array, value] : llvm::zip_equal(arrays, partial)) {
          Type type = sharedType(value.getType());
          Value address = slot(array, type, coordinates, reg, math.constant(warp));
          all[warp].push_back(fromShared(LLVM::LoadOp::create(rewriter, loc, type, address), value.getType()));
        }
      for (int64_t step = 1; step < warps; step *= 2)
        for (int64_t i = 0; i + step < warps; i += 2 * step)
          all[i] = combine(all[i], all[i + step]);
      partial = all.front();
    }
  }

  void writePartials(ArrayRef<Values> partials, ArrayRef<Value> arrays, TileCoordinates &coordinates, Value position) {
    uint32_t lanes = replicaMask(target) & 31;
    Value writer = isWriter(rewriter, loc, op, lanes);
    OpBuilder::InsertionGuard guard(rewriter);
    if (writer) {
      auto branch = scf::IfOp::create(rewriter, loc, writer, /*withElseRegion=*/false);
      rewriter.setInsertionPointToStart(branch.thenBlock());
    }
    for (auto [reg, partial] : llvm::enumerate(partials))
      for (auto [array, value] : llvm::zip_equal(arrays, partial)) {
        Value shared = toShared(value);
        LLVM::StoreOp::create(rewriter, loc, shared, slot(array, shared.getType(), coordinates, reg, position));
      }
  }

  ReduceOp op;
  ValueRange inputs;
  LayoutAttr source, target;
  ConversionPatternRewriter &rewriter;
  Location loc;
};

struct LowerReduce : OpConversionPattern<ReduceOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult matchAndRewrite(ReduceOp op, OpAdaptor adaptor, ConversionPatternRewriter &rewriter) const override {
    LayoutAttr source = static_cast<const KernelTypeConverter *>(getTypeConverter())->layoutOf(op.getInputs().front());
    LayoutAttr target = layoutOf(op);
    if (!source || !target || target != dropDims(source, op.getDims()))
      return op.emitOpError("needs the layout of its inputs without the reduced dimensions");
    Reducer reducer(op, adaptor.getInputs(), source, target, rewriter);
    if (failed(reducer.check()))
      return failure();
    rewriter.replaceOp(op, reducer.run());
    return success();
  }
};

} // namespace

void cameo::kernel::populateReducePatterns(KernelTypeConverter &converter, RewritePatternSet &patterns) {
  patterns.add<LowerReduce>(converter, patterns.getContext());
}
