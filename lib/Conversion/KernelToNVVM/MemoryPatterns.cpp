// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Tiles to and from global memory. A load or store expands per element of the thread's share: address
// and bounds test from the layout's coordinates; where the op's `vector` attribute says so, runs of
// registers are one access of up to 16 bytes, with single elements where the run crosses the edge. `tested` runs are for
// views of which only the launch knows whether they are aligned: one test decides for the whole tile.
// Refused: vector runs along a dimension whose stride is not the constant 1, stores through views that
// are not strided.
#include "TileLowering.h"

#include "mlir/Dialect/Utils/StaticValueUtils.h"

#include <map>

using namespace mlir;
using namespace cameo::kernel;

namespace {

/// A strided view with its operands in converted form, and one thread's elements in it.
class StridedAccess {
public:
  StridedAccess(ConversionPatternRewriter &rewriter, Operation *at, StridedViewOp view, Value buffer,
                LayoutAttr layout, ValueRange offsets)
      : rewriter(rewriter), loc(at->getLoc()), math{rewriter, loc}, view(view), coordinates(rewriter, loc, at, layout, offsets),
        element(cast<ShapedType>(view.getBuffer().getType()).getElementType()), sizes(view.getSizes()), offsets(offsets),
        buffer(buffer) {
    auto argument = dyn_cast<BlockArgument>(view.getBuffer());
    align = argument ? at->getParentOfType<VariantOp>().getAlignOf(argument.getArgNumber()) : 0;
    Value linear = view.getOffset();
    for (auto [base, stride] : llvm::zip_equal(coordinates.base(), view.getStrides()))
      linear = math.add(linear, math.mul(base, stride));
    threadBase = elementAddress(rewriter, loc, buffer, element, linear);
  }

  Value address(unsigned reg) {
    Value linear = math.constant(0);
    for (auto [constant, stride] : llvm::zip_equal(coordinates.constants(reg), view.getStrides()))
      linear = math.add(linear, math.mul(math.constant(constant), stride));
    return elementAddress(rewriter, loc, threadBase, element, linear);
  }
  Value inBounds(unsigned reg) { return coordinates.inBounds(reg, sizes); }
  Value inBounds(unsigned reg, unsigned dim, int64_t count) { return coordinates.inBounds(reg, sizes, dim, count); }

  /// Whether runs of `count` elements along `dim` begin on multiples of their size and end inside or outside as one; null
  /// where that is certain. The same for all threads.
  Value wholeRuns(unsigned dim, int64_t count) {
    Value any = math.constant(0);
    auto require = [&](Value value) {
      std::optional<int64_t> known = getConstantIntValue(value);
      if (known && *known % count == 0)
        return;
      any = getConstantIntValue(any) == 0 ? value : arith::OrIOp::create(rewriter, loc, any, value).getResult();
    };
    require(view.getSizes()[dim]);
    require(view.getOffset());
    if (!offsets.empty())
      require(offsets[dim]);
    for (auto [d, stride] : llvm::enumerate(view.getStrides()))
      if (d != dim)
        require(stride);
    auto fits = [&](Value value, int64_t size) -> Value {
      auto number = [&](int64_t n) -> Value {
        return arith::ConstantOp::create(rewriter, loc, rewriter.getIntegerAttr(value.getType(), n));
      };
      Value rest = arith::AndIOp::create(rewriter, loc, value, number(size - 1));
      return arith::CmpIOp::create(rewriter, loc, arith::CmpIPredicate::eq, rest, number(0));
    };
    Value ok = getConstantIntValue(any) == 0 ? Value() : fits(any, count);
    int64_t bytes = count * storageType(element).getIntOrFloatBitWidth() / 8;
    if (align >= bytes)
      return ok;
    return math.both(ok, fits(LLVM::PtrToIntOp::create(rewriter, loc, rewriter.getI64Type(), buffer), bytes));
  }
  /// Where the view does not move along a dimension, what lies outside is what lies inside: no test.
  void repeatOutside() {
    for (auto [size, stride] : llvm::zip_equal(sizes, view.getStrides()))
      if (isConstantIntValue(stride, 0))
        size = Value();
  }
  /// What tells a register's element from another's: its coordinates where the view moves.
  Coordinates place(unsigned reg) const {
    Coordinates place = coordinates.constants(reg);
    for (auto [entry, size] : llvm::zip_equal(place, sizes))
      entry = size ? entry : 0;
    return place;
  }
  Type elementType() const { return element; }

private:
  ConversionPatternRewriter &rewriter;
  Location loc;
  IndexMath math;
  StridedViewOp view;
  TileCoordinates coordinates;
  Type element;
  SmallVector<Value> sizes, offsets;
  Value buffer, threadBase;
  int32_t align = 0; ///< of the buffer, in bytes
};

/// The dimension along which registers run, when runs of `vector` registers are consecutive elements of
/// memory; an error at `op` otherwise.
FailureOr<unsigned> vectorDim(Operation *op, StridedViewOp view, LayoutAttr layout, int64_t vector) {
  std::optional<unsigned> dim;
  for (auto [d, stride] : llvm::enumerate(view.getStrides()))
    if (isConstantIntValue(stride, 1) && layout.getNumRegisterBits() > 0 && layout.getRegister(0)[d] == 1)
      dim = d;
  for (int64_t done = 1, bit = 0; done < vector; done *= 2, ++bit) {
    if (!dim || bit >= layout.getNumRegisterBits())
      return op->emitOpError("asks for runs of ") << vector << " elements that are not consecutive in memory";
    for (auto [d, entry] : llvm::enumerate(layout.getRegister(bit)))
      if (entry != (d == *dim ? done : 0))
        return op->emitOpError("asks for runs of ") << vector << " elements that its layout does not have";
  }
  return dim.value_or(0);
}

IntegerAttr alignmentOf(OpBuilder &builder, Type element, int64_t count) {
  return builder.getI64IntegerAttr(storageType(element).getIntOrFloatBitWidth() / 8 * count);
}

struct LowerLoad : OpConversionPattern<LoadOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult matchAndRewrite(LoadOp op, OpAdaptor, ConversionPatternRewriter &rewriter) const override {
    LayoutAttr layout = layoutOf(op);
    if (!layout)
      return op.emitOpError("has no layout: kernel-assign-layouts comes first");
    SmallVector<Value> elements;
    if (auto view = op.getView().getDefiningOp<StridedViewOp>()) {
      if (failed(loadStrided(op, view, layout, rewriter, elements)))
        return failure();
    } else if (auto view = op.getView().getDefiningOp<ComputedViewOp>()) {
      loadComputed(op, view, layout, rewriter, elements);
    } else {
      return op.emitOpError("loads from something that is no view");
    }
    rewriter.replaceOp(op, makeVector(rewriter, op.getLoc(), elements));
    return success();
  }

  static LogicalResult loadStrided(LoadOp op, StridedViewOp view, LayoutAttr layout,
                                   ConversionPatternRewriter &rewriter, SmallVectorImpl<Value> &elements) {
    int64_t vector = op.getVector();
    FailureOr<unsigned> dim = vectorDim(op, view, layout, vector);
    if (failed(dim))
      return failure();
    StridedAccess access(rewriter, op, view, rewriter.getRemappedValue(view.getBuffer()), layout, op.getOffsets());
    Value pad = padElement(rewriter, op.getLoc(), access.elementType(), op.getPad());
    if (op.getPad() == PadKind::None)
      access.repeatOutside();
    if (op.getTested()) {
      elements = loadTested(op, access, layout.getNumRegisters(), *dim, pad, rewriter);
      return success();
    }
    if (vector == 1)
      elements = loadSingly(op, access, layout.getNumRegisters(), pad, rewriter);
    for (unsigned reg = 0; vector > 1 && reg < layout.getNumRegisters(); reg += vector)
      llvm::append_range(elements, loadOrSplit(op, access, reg, *dim, pad, rewriter));
    return success();
  }

  static SmallVector<Value> loadSingly(LoadOp op, StridedAccess &access, unsigned registers, Value pad,
                                       ConversionPatternRewriter &rewriter) {
    std::map<Coordinates, Value> loaded; // a bias is loaded once for all rows
    SmallVector<Value> elements;
    for (unsigned reg = 0; reg < registers; ++reg) {
      Value &element = loaded[access.place(reg)];
      if (!element)
        element = loadElement(rewriter, op.getLoc(), access.elementType(), access.address(reg), access.inBounds(reg), pad);
      elements.push_back(element);
    }
    return elements;
  }

  static SmallVector<Value> loadTested(LoadOp op, StridedAccess &access, unsigned registers, unsigned dim, Value pad,
                                       ConversionPatternRewriter &rewriter) {
    Location loc = op.getLoc();
    int64_t count = op.getVector();
    auto runs = [&]() -> Value {
      SmallVector<Value> padding(count, asStored(rewriter, loc, pad)), elements;
      for (unsigned reg = 0; reg < registers; reg += count)
        for (Value stored : loadRun(rewriter, loc, padding, access.address(reg), access.inBounds(reg)))
          elements.push_back(asElement(rewriter, loc, stored, access.elementType()));
      return makeVector(rewriter, loc, elements);
    };
    Value all, whole = access.wholeRuns(dim, count);
    if (!whole) {
      all = runs();
    } else {
      auto type = VectorType::get({registers}, access.elementType());
      auto branch = scf::IfOp::create(rewriter, loc, TypeRange(type), whole, /*withElseRegion=*/true);
      OpBuilder::InsertionGuard guard(rewriter);
      rewriter.setInsertionPointToStart(branch.thenBlock());
      scf::YieldOp::create(rewriter, loc, runs());
      rewriter.setInsertionPointToStart(branch.elseBlock());
      scf::YieldOp::create(rewriter, loc, makeVector(rewriter, loc, loadSingly(op, access, registers, pad, rewriter)));
      all = branch.getResult(0);
    }
    SmallVector<Value> elements;
    for (unsigned reg = 0; reg < registers; ++reg)
      elements.push_back(extractRegister(rewriter, loc, all, reg));
    return elements;
  }

  /// One access where the whole run is in bounds, else element by element.
  static SmallVector<Value> loadOrSplit(LoadOp op, StridedAccess &access, unsigned reg, unsigned dim, Value pad,
                                        ConversionPatternRewriter &rewriter) {
    Location loc = op.getLoc();
    int64_t count = op.getVector();
    Type element = access.elementType();
    auto type = VectorType::get({count}, storageType(element));
    auto wide = [&](OpBuilder &b) -> Value {
      auto load = LLVM::LoadOp::create(b, loc, type, access.address(reg));
      load.setAlignmentAttr(alignmentOf(b, element, count));
      return load;
    };
    Value run, ok = access.inBounds(reg, dim, count);
    if (!ok) {
      run = wide(rewriter);
    } else {
      auto branch = scf::IfOp::create(rewriter, loc, TypeRange(type), ok, /*withElseRegion=*/true);
      OpBuilder::InsertionGuard guard(rewriter);
      rewriter.setInsertionPointToStart(branch.thenBlock());
      scf::YieldOp::create(rewriter, loc, wide(rewriter));
      rewriter.setInsertionPointToStart(branch.elseBlock());
      SmallVector<Value> single;
      for (int64_t i = 0; i < count; ++i)
        single.push_back(asStored(rewriter, loc, loadElement(rewriter, loc, element, access.address(reg + i),
                                                             access.inBounds(reg + i), pad)));
      scf::YieldOp::create(rewriter, loc, makeVector(rewriter, loc, single));
      run = branch.getResult(0);
    }
    SmallVector<Value> result;
    for (int64_t i = 0; i < count; ++i)
      result.push_back(asElement(rewriter, loc, extractRegister(rewriter, loc, run, i), element));
    return result;
  }

  static void loadComputed(LoadOp op, ComputedViewOp view, LayoutAttr layout, ConversionPatternRewriter &rewriter,
                           SmallVectorImpl<Value> &elements) {
    Location loc = op.getLoc();
    TileCoordinates coordinates(rewriter, loc, op, layout, op.getOffsets());
    Type element = view.getType().getElementType();
    Value pad = op.getPad() == PadKind::None ? Value() : padElement(rewriter, loc, element, op.getPad());
    for (unsigned reg = 0; reg < layout.getNumRegisters(); ++reg) {
      Value ok = coordinates.inBounds(reg, view.getSizes());
      Value value = inlineRegion(rewriter, view.getBody(), coordinates.of(reg), ok).front();
      if (ok && pad)
        value = arith::SelectOp::create(rewriter, loc, ok, value, pad);
      elements.push_back(value);
    }
  }
};

struct LowerStore : OpConversionPattern<StoreOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult matchAndRewrite(StoreOp op, OpAdaptor adaptor, ConversionPatternRewriter &rewriter) const override {
    auto view = op.getView().getDefiningOp<StridedViewOp>();
    LayoutAttr layout = static_cast<const KernelTypeConverter *>(getTypeConverter())->layoutOf(op.getValue());
    if (!view || !layout)
      return op.emitOpError("needs a strided view and a value with a layout");
    int64_t vector = op.getVector();
    FailureOr<unsigned> dim = vectorDim(op, view, layout, vector);
    if (failed(dim))
      return failure();
    Location loc = op.getLoc();
    StridedAccess access(rewriter, op, view, rewriter.getRemappedValue(view.getBuffer()), layout, op.getOffsets());
    Value writer = isWriter(rewriter, loc, op, replicaMask(layout));
    unsigned registers = layout.getNumRegisters();
    if (op.getTested())
      storeTested(op, adaptor.getValue(), access, registers, *dim, writer, rewriter);
    else if (vector == 1)
      storeSingly(loc, adaptor.getValue(), access, registers, writer, rewriter);
    for (unsigned reg = 0; !op.getTested() && vector > 1 && reg < registers; reg += vector)
      storeOrSplit(op, adaptor.getValue(), access, reg, *dim, writer, rewriter);
    rewriter.eraseOp(op);
    return success();
  }

  static void storeSingly(Location loc, Value value, StridedAccess &access, unsigned registers, Value writer,
                          OpBuilder &builder) {
    IndexMath math{builder, loc};
    for (unsigned reg = 0; reg < registers; ++reg)
      storeElement(builder, loc, extractRegister(builder, loc, value, reg), access.address(reg),
                   math.both(access.inBounds(reg), writer));
  }

  static void storeTested(StoreOp op, Value value, StridedAccess &access, unsigned registers, unsigned dim, Value writer,
                          ConversionPatternRewriter &rewriter) {
    Location loc = op.getLoc();
    int64_t count = op.getVector();
    IndexMath math{rewriter, loc};
    auto runs = [&] {
      for (unsigned reg = 0; reg < registers; reg += count) {
        SmallVector<Value> elements;
        for (int64_t i = 0; i < count; ++i)
          elements.push_back(asStored(rewriter, loc, extractRegister(rewriter, loc, value, reg + i)));
        storeRun(rewriter, loc, elements, access.address(reg), math.both(access.inBounds(reg), writer));
      }
    };
    Value whole = access.wholeRuns(dim, count);
    if (!whole)
      return runs();
    auto branch = scf::IfOp::create(rewriter, loc, whole, /*withElseRegion=*/true);
    OpBuilder::InsertionGuard guard(rewriter);
    rewriter.setInsertionPointToStart(branch.thenBlock());
    runs();
    rewriter.setInsertionPointToStart(branch.elseBlock());
    storeSingly(loc, value, access, registers, writer, rewriter);
  }

  static void storeOrSplit(StoreOp op, Value value, StridedAccess &access, unsigned reg, unsigned dim, Value writer,
                           ConversionPatternRewriter &rewriter) {
    Location loc = op.getLoc();
    int64_t count = op.getVector();
    IndexMath math{rewriter, loc};
    SmallVector<Value> elements;
    for (int64_t i = 0; i < count; ++i)
      elements.push_back(asStored(rewriter, loc, extractRegister(rewriter, loc, value, reg + i)));
    auto wide = [&](OpBuilder &b) {
      auto store = LLVM::StoreOp::create(b, loc, makeVector(b, loc, elements), access.address(reg));
      store.setAlignmentAttr(alignmentOf(b, access.elementType(), count));
    };
    Value ok = math.both(access.inBounds(reg, dim, count), writer);
    if (!ok)
      return wide(rewriter);
    auto branch = scf::IfOp::create(rewriter, loc, ok, /*withElseRegion=*/true);
    OpBuilder::InsertionGuard guard(rewriter);
    rewriter.setInsertionPointToStart(branch.thenBlock());
    wide(rewriter);
    rewriter.setInsertionPointToStart(branch.elseBlock());
    for (int64_t i = 0; i < count; ++i)
      storeElement(rewriter, loc, elements[i], access.address(reg + i), math.both(access.inBounds(reg + i), writer));
  }
};

struct LowerScatter : OpConversionPattern<ScatterOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult matchAndRewrite(ScatterOp op, OpAdaptor adaptor, ConversionPatternRewriter &rewriter) const override {
    LayoutAttr layout = static_cast<const KernelTypeConverter *>(getTypeConverter())->layoutOf(op.getValue());
    if (!layout)
      return op.emitOpError("needs a value with a layout");
    Location loc = op.getLoc();
    TileCoordinates coordinates(rewriter, loc, op, layout, op.getOffsets());
    Value writer = isWriter(rewriter, loc, op, replicaMask(layout));
    IndexMath math{rewriter, loc};
    for (unsigned reg = 0; reg < layout.getNumRegisters(); ++reg) {
      Value ok = math.both(coordinates.inBounds(reg, op.getSizes()), writer);
      SmallVector<Value> target = inlineRegion(rewriter, op.getBody(), coordinates.of(reg), ok);
      if (target.size() == 2)
        ok = math.both(ok, target[1]);
      write(op, adaptor.getBuffer(), target[0], extractRegister(rewriter, loc, adaptor.getValue(), reg), ok, rewriter);
    }
    rewriter.eraseOp(op);
    return success();
  }

  /// Stores `value` at `linear` where `ok`, combined with what is there if the op says how. The old
  /// element is read by an ordinary load: it must stay behind the stores before it.
  static void write(ScatterOp op, Value buffer, Value linear, Value value, Value ok,
                    ConversionPatternRewriter &rewriter) {
    Location loc = op.getLoc();
    Type element = value.getType();
    Value address = elementAddress(rewriter, loc, buffer, element, linear);
    if (!op.hasCombine())
      return storeElement(rewriter, loc, value, address, ok);
    OpBuilder::InsertionGuard guard(rewriter);
    if (ok) {
      auto branch = scf::IfOp::create(rewriter, loc, ok, /*withElseRegion=*/false);
      rewriter.setInsertionPointToStart(branch.thenBlock());
    }
    Value old = loadElement(rewriter, loc, element, address, Value(), Value());
    Value combined = inlineRegion(rewriter, op.getCombine(), {old, value}).front();
    storeElement(rewriter, loc, combined, address, Value());
  }
};

struct LowerRead : OpConversionPattern<ReadOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult matchAndRewrite(ReadOp op, OpAdaptor adaptor, ConversionPatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    Value address = elementAddress(rewriter, loc, adaptor.getBuffer(), op.getType(), adaptor.getIndex());
    rewriter.replaceOp(op, loadElement(rewriter, loc, op.getType(), address, adaptor.getOk(), adaptor.getPad()));
    return success();
  }
};

} // namespace

void cameo::kernel::populateMemoryPatterns(KernelTypeConverter &converter, RewritePatternSet &patterns) {
  patterns.add<LowerLoad, LowerStore, LowerScatter, LowerRead>(converter, patterns.getContext());
}
