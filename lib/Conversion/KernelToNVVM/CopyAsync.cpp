// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Copies into a slot. All threads of the role share a part's elements in chunks (16 bytes, or one
// element); a thread's chunks are whole rows or columns apart, so that its addresses are one base plus
// invariant distances. What lies outside the view arrives as zero: cp.async through its source size, an
// ordinary load through its guard. Refused: cp.async of views that do not read memory as it is, runs
// of several elements along a dimension whose stride is not the constant 1.
#include "StagedLowering.h"

#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;

namespace cameo::kernel {
namespace {

/// How the threads divide a part. A thread starts at (row, column) and takes `rowSteps` x `colSteps`
/// chunks, `rowStride` rows and `colStride` columns apart. Columns and strides in elements.
struct Division {
  Value row, col;
  int64_t rowSteps, rowStride, colSteps, colStride;
  Value active; ///< null: all threads take part
};

/// `colLanes` neighbouring threads along the columns, then `rowLanes` along the rows, then columns
/// again if there are still threads.
Division divide(OpBuilder &builder, CopyAsyncOp op, int64_t threads, int64_t run) {
  Location loc = op.getLoc();
  I32Math math{builder, loc};
  SmemType part = op.getPartType();
  int64_t rows = part.getRows(), chunks = part.getCols() / run;
  Value thread = threadNumber(builder, loc, op);
  Division result;
  if (op.getRowsFirst()) {
    // A warp takes 8 rows x 4 columns: 32 bytes of memory that lies along the rows, and 32 banks of
    // rows that are 16 bytes longer than a multiple of 128.
    int64_t low = std::min<int64_t>(rows, 8), lowCols = std::min<int64_t>(chunks, 4);
    int64_t high = std::min(rows / low, std::max<int64_t>(1, threads / (low * lowCols)));
    int64_t cols = std::min(chunks / lowCols, std::max<int64_t>(1, threads / (low * lowCols * high)));
    auto field = [&](int64_t below, int64_t size) {
      return math.mask(math.shr(thread, llvm::Log2_64(below)), size - 1);
    };
    Value rowLow = field(1, low), colLow = field(low, lowCols);
    Value rowHigh = field(low * lowCols, high), colHigh = field(low * lowCols * high, cols);
    result.row = math.add(rowLow, math.mul(rowHigh, low));
    result.col = math.mul(math.add(colLow, math.mul(colHigh, lowCols)), run);
    result.rowStride = low * high;
    result.colStride = lowCols * cols * run;
    threads = threads / (low * lowCols * high * cols) > 1 ? low * lowCols * high * cols : 0;
  } else {
    int64_t colLanes = std::min(chunks, threads), rowLanes = std::min(rows, threads / colLanes);
    result.col = math.mul(math.mask(thread, colLanes - 1), run);
    result.row = math.mask(math.shr(thread, llvm::Log2_64(colLanes)), rowLanes - 1);
    result.rowStride = rowLanes;
    result.colStride = colLanes * run;
    threads = threads / (colLanes * rowLanes) > 1 ? colLanes * rowLanes : 0;
  }
  result.rowSteps = rows / result.rowStride;
  result.colSteps = part.getCols() / result.colStride;
  if (threads)
    result.active = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::ult, thread, math.constant(threads));
  return result;
}

/// One copy, expanded: walks a thread's chunks with their view coordinates and shared addresses.
class Copy {
public:
  Copy(ConversionPatternRewriter &rewriter, CopyAsyncOp op, LoweredSlot slot)
      : rewriter(rewriter), op(op), loc(op.getLoc()), slot(slot), part(op.getPartType()),
        element(part.getElementType()), strided(op.getSource().getDefiningOp<StridedViewOp>()),
        computed(op.getSource().getDefiningOp<ComputedViewOp>()) {
    std::tie(rowDim, colDim) = op.getRowAndColumnDim();
    int64_t bytes = op.getEngine() == CopyEngine::CpAsync ? op.getCopyBytes() : part.getElementBytes();
    run = bytes / part.getElementBytes();
  }

  LogicalResult emit() {
    if (!strided && !computed)
      return op.emitOpError("copies from something that is no view");
    if (failed(check()))
      return failure();
    int64_t threads = int64_t(op->getParentOfType<RoleOp>().getWarps()) * 32;
    division = divide(rewriter, op, threads, run);
    OpBuilder::InsertionGuard guard(rewriter);
    if (division.active) {
      auto branch = scf::IfOp::create(rewriter, loc, division.active, /*withElseRegion=*/false);
      rewriter.setInsertionPointToStart(branch.thenBlock());
    }
    prepare();
    if (op.getEngine() == CopyEngine::CpAsync)
      forEachChunk([&](int64_t i, int64_t j) { copyAsync(i, j); });
    else
      copyPlain();
    return success();
  }

private:
  LogicalResult check() {
    if (op.getEngine() != CopyEngine::CpAsync)
      return success();
    if (computed && (!computed.getIndexedRead() || readsMore()))
      return op.emitOpError("cp_async copies a computed view only where its element is one read");
    if (run > 1 && !(computed ? computed.runsAlong(colDim) : isConstantIntValue(strided.getStrides()[colDim], 1)))
      return op.emitOpError("copies runs of ") << run << " elements along a dimension that is not contiguous";
    return success();
  }
  /// Whether the view reads memory for anything but its element.
  bool readsMore() {
    int reads = 0;
    computed.getBody().walk([&](ReadOp) { ++reads; });
    return reads != 1;
  }
  ValueRange sizes() { return strided ? strided.getSizes() : computed.getSizes(); }

  void forEachChunk(function_ref<void(int64_t, int64_t)> body) {
    for (int64_t i = 0; i < division.rowSteps; ++i)
      for (int64_t j = 0; j < division.colSteps; ++j)
        body(i, j);
  }

  /// Everything that the chunks have in common.
  void prepare() {
    I32Math math{rewriter, loc};
    IndexMath index{rewriter, loc};
    first.assign(op.getIndices().begin(), op.getIndices().end());
    first[rowDim] = index.add(first[rowDim], math.index(division.row));
    first[colDim] = index.add(first[colDim], math.index(division.col));
    for (int64_t i = 0; i < division.rowSteps; ++i)
      rowCoordinate.push_back(index.add(first[rowDim], index.constant(i * division.rowStride)));
    for (int64_t j = 0; j < division.colSteps; ++j)
      colCoordinate.push_back(index.add(first[colDim], index.constant(j * division.colStride)));
    for (Value row : rowCoordinate)
      rowInside.push_back(op.getRowBound() == CopyBound::Zero ? index.less(row, sizes()[rowDim]) : Value());
    for (Value col : colCoordinate)
      colInside.push_back(op.getColBound() == CopyBound::Zero ? index.less(col, sizes()[colDim]) : Value());
    clamp(op.getRowBound(), rowDim, rowCoordinate, 1, rowDistance);
    clamp(op.getColBound(), colDim, colCoordinate, run, colDistance);
    if (strided) {
      Value linear = strided.getOffset();
      for (auto [dim, coordinate, stride] : llvm::enumerate(first, strided.getStrides()))
        if ((rowDistance.empty() || int64_t(dim) != rowDim) && (colDistance.empty() || int64_t(dim) != colDim))
          linear = index.add(linear, index.mul(coordinate, stride));
      Value buffer = rewriter.getRemappedValue(strided.getBuffer());
      threadBase = elementAddress(rewriter, loc, buffer, element, linear);
    }
    destination = slotAt(rewriter, loc, op.getSlot().getType().getRing(), slot, op.getPart(),
                         placedOffset(rewriter, loc, part, division.row,
                                      math.mul(division.col, part.getElementBytes())));
  }

  /// Moves the chunks along `dim` so that none is beyond the last one inside; of a strided view also their
  /// distances from the view's first element.
  void clamp(CopyBound bound, int64_t dim, MutableArrayRef<Value> coordinates, int64_t length,
             SmallVector<Value> &distances) {
    if (bound != CopyBound::Clamp)
      return;
    IndexMath index{rewriter, loc};
    Value last = index.add(sizes()[dim], index.constant(-length));
    for (Value &coordinate : coordinates) {
      coordinate = arith::MinSIOp::create(rewriter, loc, coordinate, last);
      if (strided)
        distances.push_back(index.mul(coordinate, strided.getStrides()[dim]));
    }
  }

  Value sharedAddress(int64_t i, int64_t j) {
    I32Math math{rewriter, loc};
    int64_t bytes = j * division.colStride * part.getElementBytes();
    bool plainColumns = part.getSwizzleBits() == 0 || bytes == 0;
    if (keepsPlacement(part, i * division.rowStride) && plainColumns)
      return sharedAt(rewriter, loc, destination, Value(), i * division.rowStride * part.getPitch() + bytes);
    Value offset = placedOffset(rewriter, loc, part, math.add(division.row, i * division.rowStride),
                                math.add(math.mul(division.col, part.getElementBytes()), bytes));
    return slotAt(rewriter, loc, op.getSlot().getType().getRing(), slot, op.getPart(), offset);
  }

  Value stridedAddress(int64_t i, int64_t j) {
    IndexMath index{rewriter, loc};
    auto along = [&](ArrayRef<Value> clamped, int64_t step, int64_t by, int64_t dim) {
      return clamped.empty() ? index.mul(index.constant(step * by), strided.getStrides()[dim]) : clamped[step];
    };
    Value distance = index.add(along(rowDistance, i, division.rowStride, rowDim), along(colDistance, j, division.colStride, colDim));
    return elementAddress(rewriter, loc, threadBase, element, distance);
  }

  SmallVector<Value> coordinates(int64_t i, int64_t j) {
    SmallVector<Value> result(first);
    result[rowDim] = rowCoordinate[i];
    result[colDim] = colCoordinate[j];
    return result;
  }
  Value inside(int64_t i, int64_t j) {
    return IndexMath{rewriter, loc}.both(rowInside[i], colInside[j]);
  }

  void copyAsync(int64_t i, int64_t j) {
    int64_t bytes = run * part.getElementBytes();
    Value source, size;
    if (strided) {
      source = stridedAddress(i, j);
      size = run > 1 && colInside[j] ? runBytes(i, j) : select(inside(i, j), bytes);
    } else {
      auto [address, ok] = readAddress(i, j);
      source = address;
      size = select(ok, bytes);
    }
    auto cache = bytes == 16 ? NVVM::LoadCacheModifierKind::CG : NVVM::LoadCacheModifierKind::CA;
    NVVM::CpAsyncOp::create(rewriter, loc, sharedAddress(i, j), source, uint32_t(bytes), cache, size);
  }

  /// Null where all is inside: a copy of fixed size.
  Value select(Value ok, int64_t bytes) {
    if (!ok)
      return Value();
    I32Math math{rewriter, loc};
    return arith::SelectOp::create(rewriter, loc, ok, math.constant(bytes), math.constant(0));
  }

  /// Bytes of a run of elements that lie inside; the rest arrives as zero.
  Value runBytes(int64_t i, int64_t j) {
    IndexMath index{rewriter, loc};
    I32Math math{rewriter, loc};
    Value left = arith::SubIOp::create(rewriter, loc, sizes()[colDim], colCoordinate[j]);
    Value most = arith::MinSIOp::create(rewriter, loc, left, index.constant(run));
    Value least = arith::MaxSIOp::create(rewriter, loc, most, index.constant(0));
    Value count = arith::IndexCastOp::create(rewriter, loc, rewriter.getI32Type(), least);
    Value bytes = math.mul(count, part.getElementBytes());
    return rowInside[i] ? arith::SelectOp::create(rewriter, loc, rowInside[i], bytes, math.constant(0)) : bytes;
  }

  /// Address of the one element that an indexed view reads, and whether it does.
  std::pair<Value, Value> readAddress(int64_t i, int64_t j) {
    ReadOp read = computed.getIndexedRead();
    IRMapping mapping;
    Block &body = computed.getBody().front();
    mapping.map(body.getArguments(), coordinates(i, j));
    for (Operation &inner : body.without_terminator())
      if (&inner != read)
        rewriter.clone(inner, mapping);
    Value ok = inside(i, j);
    if (read.getOk())
      ok = IndexMath{rewriter, loc}.both(ok, mapping.lookupOrDefault(read.getOk()));
    Value buffer = rewriter.getRemappedValue(read.getBuffer());
    return {elementAddress(rewriter, loc, buffer, element, mapping.lookupOrDefault(read.getIndex())), ok};
  }

  /// All loads before all stores, so that they overlap.
  void copyPlain() {
    SmallVector<Value> values;
    Value zero = padElement(rewriter, loc, element, PadKind::Zero);
    forEachChunk([&](int64_t i, int64_t j) {
      Value ok = inside(i, j);
      if (strided) {
        values.push_back(loadElement(rewriter, loc, element, stridedAddress(i, j), ok, zero));
        return;
      }
      Value value = inlineRegion(rewriter, computed.getBody(), coordinates(i, j), ok).front();
      values.push_back(arith::SelectOp::create(rewriter, loc, ok, value, zero));
    });
    size_t next = 0;
    forEachChunk([&](int64_t i, int64_t j) {
      LLVM::StoreOp::create(rewriter, loc, values[next++], sharedAddress(i, j));
    });
  }

  ConversionPatternRewriter &rewriter;
  CopyAsyncOp op;
  Location loc;
  LoweredSlot slot;
  SmemType part;
  Type element;
  StridedViewOp strided;
  ComputedViewOp computed;
  int64_t rowDim, colDim, run;
  Division division;
  SmallVector<Value> first, rowCoordinate, colCoordinate;
  SmallVector<Value> rowInside, colInside; ///< null: it is
  SmallVector<Value> rowDistance, colDistance; ///< of clamped ones, from the view's first
  Value threadBase, destination;
};

struct LowerCopyAsync : OpConversionPattern<CopyAsyncOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult matchAndRewrite(CopyAsyncOp op, OneToNOpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    LoweredSlot slot(adaptor.getSlot());
    if (op.getEngine() == CopyEngine::Bulk)
      copyBulk(op, slot, adaptor.getSource()[0], rewriter);
    else if (failed(Copy(rewriter, op, slot).emit()))
      return failure();
    rewriter.eraseOp(op);
    return success();
  }

  /// One copy of the whole box by the elected lane; it reports its bytes to the slot's full barrier.
  static void copyBulk(CopyAsyncOp op, LoweredSlot slot, Value map, ConversionPatternRewriter &rewriter) {
    Location loc = op.getLoc();
    Value shared = slotAt(rewriter, loc, op.getSlot().getType().getRing(), slot, op.getPart(), Value());
    Value target = LLVM::AddrSpaceCastOp::create(rewriter, loc, LLVM::LLVMPointerType::get(op.getContext(), 7), shared);
    SmallVector<Value> box;
    for (Value index : llvm::reverse(op.getIndices())) // the innermost coordinate first
      box.push_back(arith::IndexCastOp::create(rewriter, loc, rewriter.getI32Type(), index));
    NVVM::CpAsyncBulkTensorGlobalToSharedClusterOp::create(
        rewriter, loc, target, map, box, slot.barrier, ValueRange(), Value(), Value(), NVVM::TMALoadMode::TILE,
        /*isCTAOnly=*/false, NVVM::CTAGroupKindAttr(), electedLane(rewriter, loc, op));
  }
};

/// A tensor map is one more parameter of the kernel: by value, read-only, 128 bytes at 64.
struct LowerTensorMap : OpConversionPattern<TensorMapOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult matchAndRewrite(TensorMapOp op, OneToNOpAdaptor, ConversionPatternRewriter &rewriter) const override {
    auto function = op->getParentOfType<LLVM::LLVMFuncOp>();
    if (!function)
      return op.emitOpError("is not in a kernel");
    MLIRContext *context = op.getContext();
    auto pointer = LLVM::LLVMPointerType::get(context);
    auto bytes = LLVM::LLVMArrayType::get(rewriter.getI8Type(), 128);
    unsigned position = function.getNumArguments();
    LLVM::LLVMFunctionType type = function.getFunctionType();
    SmallVector<Type> parameters(type.getParams());
    parameters.push_back(pointer);
    SmallVector<DictionaryAttr> attributes;
    function.getAllArgAttrs(attributes);
    attributes.push_back(rewriter.getDictionaryAttr(
        {rewriter.getNamedAttr(LLVM::LLVMDialect::getByValAttrName(), TypeAttr::get(bytes)),
         rewriter.getNamedAttr(LLVM::LLVMDialect::getAlignAttrName(), rewriter.getI64IntegerAttr(64)),
         rewriter.getNamedAttr("nvvm.grid_constant", rewriter.getUnitAttr())}));
    rewriter.modifyOpInPlace(function, [&] {
      function.setFunctionType(LLVM::LLVMFunctionType::get(type.getReturnType(), parameters));
      function.getBody().front().addArgument(pointer, op.getLoc());
      function.setAllArgAttrs(attributes);
    });
    rewriter.replaceOp(op, function.getArgument(position));
    return success();
  }
};

} // namespace

void populateCopyPatterns(KernelTypeConverter &converter, RewritePatternSet &patterns) {
  patterns.add<LowerCopyAsync, LowerTensorMap>(converter, patterns.getContext());
}

} // namespace cameo::kernel
