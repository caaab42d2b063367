// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// From the reference body (whole tensors over a domain d0, or d0 x d1) to the block program (tiles).
// Values over d0 alone are made once a block. Values over d0 x d1 are made on demand: in one go when a
// tile covers the row, else inside each loop over chunks of d1 that needs them (recomputed rather than
// stored). A reduction accumulates chunk by chunk into a tile and reduces it at the end; elements past
// the row's end count as the reduction's initial value, which must be the combiner's identity: by the
// load's pad where the reduction takes a load as it is, by a select on kernel.in_bounds elsewhere.
// Refused: results over d0 x d1 that a reduction's result depends on in a cycle (impossible in SSA),
// ops that are not part of reference bodies.
#include "BlockProgram.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Utils/StructuredOpsUtils.h"

using namespace mlir;
using namespace cameo::kernel;

namespace {

RankedTensorType tensorType(Value value) { return cast<RankedTensorType>(value.getType()); }
bool isReduction(linalg::GenericOp op) { return op.getNumReductionLoops() > 0; }

/// The initial value of a reduction's output, when it is filled with one.
Value fillOf(Value init) {
  auto fill = init.getDefiningOp<linalg::FillOp>();
  return fill ? fill.getInputs().front() : Value();
}

/// The pad that stands for `value`, if one does.
std::optional<PadKind> padFor(Value value) {
  Attribute attribute;
  if (!value || !matchPattern(value, m_Constant(&attribute)))
    return std::nullopt;
  if (auto number = dyn_cast<FloatAttr>(attribute)) {
    const APFloat &v = number.getValue();
    if (v.isPosZero())
      return PadKind::Zero;
    if (v.isInfinity())
      return v.isNegative() ? PadKind::NegInf : PadKind::PosInf;
    return v.isExactlyValue(1.0) ? std::optional<PadKind>(PadKind::One) : std::nullopt;
  }
  if (auto number = dyn_cast<IntegerAttr>(attribute)) {
    const APInt &v = number.getValue();
    if (v.isZero())
      return PadKind::Zero;
    if (v.isOne())
      return PadKind::One;
  }
  return std::nullopt;
}

class BlockBuilder {
public:
  BlockBuilder(VariantOp variant, const TileWalk &walk)
      : variant(variant), kernel(variant.getFunc()), walk(walk), loc(kernel.getLoc()),
        builder(OpBuilder::atBlockEnd(&variant.getEntry())) {}

  LogicalResult run();

private:
  using Memo = DenseMap<Value, Value>;
  /// Tiles over d0 x d1 at one position: made on demand, remembered.
  struct Chunk {
    Value column; ///< offset in d1
    Memo memo;
  };

  bool overColumns(Value value) { return tensorType(value).getRank() == 2; }
  RankedTensorType tileType(Value value) { return tileType(tensorType(value).getRank(), tensorType(value).getElementType()); }
  RankedTensorType tileType(int64_t rank, Type element) {
    return RankedTensorType::get(ArrayRef<int64_t>(walk.tile).take_front(rank), element);
  }
  SmallVector<Value> offsets(int64_t rank, Chunk *chunk) {
    SmallVector<Value> result{row};
    if (rank == 2)
      result.push_back(chunk->column);
    return result;
  }

  void prologue();
  LogicalResult statement(Operation &op);
  LogicalResult finishColumns();
  FailureOr<Value> tile(Value value, Chunk *chunk);
  FailureOr<Value> makeTile(Value value, Chunk *chunk);
  FailureOr<Value> genericTile(linalg::GenericOp op, Value value, Chunk *chunk);
  Value load(Value view, Chunk *chunk, PadKind pad);
  Value emptyTile(RankedTensorType type) { return tensor::EmptyOp::create(builder, loc, type.getShape(), type.getElementType()); }
  Value fillTile(RankedTensorType type, Value value) {
    return linalg::FillOp::create(builder, loc, value, emptyTile(type)).getResult(0);
  }
  Value in(Value outside) { return shared.lookupOrDefault(outside); }

  // Reductions.
  LogicalResult checkReduction(linalg::GenericOp op);
  LogicalResult reduce(linalg::GenericOp op);
  FailureOr<SmallVector<Value>> elements(linalg::GenericOp op, Chunk &chunk);
  Value maskTail(Value tileValue, Value identity, Chunk &chunk);
  SmallVector<Value> accumulate(linalg::GenericOp op, ValueRange state, ValueRange elements);
  SmallVector<Value> reduceTile(linalg::GenericOp op, ValueRange tiles);

  // Everything over columns that has an effect, in one loop or at once.
  LogicalResult effect(Operation &op, Chunk &chunk);
  LogicalResult scan(ScanOp op, Chunk &chunk, SmallVectorImpl<Value> &states);
  scf::ForOp loopOverColumns(ValueRange inits);

  VariantOp variant;
  FuncOp kernel;
  TileWalk walk;
  Location loc;
  OpBuilder builder;
  IRMapping shared; ///< arguments, index arithmetic, constants, views
  Memo rowMemo;     ///< tiles over d0
  Chunk whole;      ///< the one chunk when a tile covers the row
  Value row, columnCount, rowCount;
  Operation *openLoop = nullptr; ///< the loop over columns that is being filled
  SmallVector<Operation *> columnEffects;
  SmallVector<ScanOp> scans;
};

//===- Structure ----------------------------------------------------------------------------===//

void BlockBuilder::prologue() {
  for (auto [from, to] : llvm::zip_equal(kernel.getArguments(), variant.getEntry().getArguments()))
    shared.map(from, to);
  // Everything that is no tensor, and views, which only describe.
  for (Operation &op : kernel.getEntry()) {
    bool tensors = llvm::any_of(op.getResultTypes(), [](Type type) { return isa<RankedTensorType>(type); });
    bool isView = isa<StridedViewOp, ComputedViewOp>(op);
    if (isView || (!tensors && op.getNumResults() > 0))
      builder.clone(op, shared);
  }
  Value block = BlockIdOp::create(builder, loc, BlockAxis::X);
  Value rows = arith::ConstantIndexOp::create(builder, loc, walk.tile[0]);
  row = arith::MulIOp::create(builder, loc, block, rows);
  if (walk.tile.size() == 2) {
    kernel.getEntry().walk([&](Operation *op) {
      ValueRange sizes;
      if (auto view = dyn_cast<StridedViewOp>(op))
        sizes = view.getSizes();
      if (auto view = dyn_cast<ComputedViewOp>(op))
        sizes = view.getSizes();
      if (auto scatter = dyn_cast<ScatterOp>(op)) // its updates may be a constant
        sizes = scatter.getSizes();
      if (sizes.size() == 2 && !columnCount) {
        rowCount = in(sizes[0]);
        columnCount = in(sizes[1]);
      }
    });
    // A kernel without operands reads through no view.
    kernel.getEntry().walk([&](tensor::EmptyOp empty) {
      if (empty.getDynamicSizes().size() == 2 && !columnCount) {
        rowCount = in(empty.getDynamicSizes()[0]);
        columnCount = in(empty.getDynamicSizes()[1]);
      }
    });
  }
  whole.column = arith::ConstantIndexOp::create(builder, loc, 0);
}

LogicalResult BlockBuilder::run() {
  for (auto generic : kernel.getEntry().getOps<linalg::GenericOp>())
    if (isReduction(generic) && failed(checkReduction(generic)))
      return failure();
  prologue();
  if (walk.tile.size() == 2 && !columnCount)
    return kernel.emitOpError("has no view over two dimensions");
  for (Operation &op : kernel.getEntry())
    if (failed(statement(op)))
      return failure();
  if (failed(finishColumns()))
    return failure();
  EndOp::create(builder, loc);
  return success();
}

LogicalResult BlockBuilder::statement(Operation &op) {
  if (auto generic = dyn_cast<linalg::GenericOp>(op))
    return isReduction(generic) ? reduce(generic) : success(); // others on demand
  if (auto scanOp = dyn_cast<ScanOp>(op)) {
    if (!walk.ordered)
      return op.emitOpError("needs a sequential schedule");
    scans.push_back(scanOp);
    return success();
  }
  if (isa<WriteOp, ScatterOp>(op)) {
    bool columns = overColumns(op.getOperand(0));
    if (columns && (walk.loop || walk.ordered)) {
      columnEffects.push_back(&op);
      return success();
    }
    return effect(op, whole);
  }
  if (isa<EndOp, linalg::FillOp, tensor::EmptyOp>(op) || shared.contains(op.getNumResults() ? op.getResult(0) : Value()))
    return success();
  return op.emitOpError("does not belong in the reference body of a SIMT family");
}

scf::ForOp BlockBuilder::loopOverColumns(ValueRange inits) {
  Value zero = arith::ConstantIndexOp::create(builder, loc, 0);
  Value step = arith::ConstantIndexOp::create(builder, loc, walk.tile[1]);
  auto loop = scf::ForOp::create(builder, loc, zero, columnCount, step, inits);
  if (inits.empty())
    loop.getBody()->back().erase();
  openLoop = loop;
  return loop;
}

LogicalResult BlockBuilder::finishColumns() {
  if (columnEffects.empty())
    return success();
  SmallVector<Value> states;
  for (ScanOp op : scans)
    for (Value init : op.getInit())
      states.push_back(fillTile(tileType(2, init.getType()), in(init)));
  scf::ForOp loop = loopOverColumns(states);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToEnd(loop.getBody());
  Chunk chunk{loop.getInductionVar(), Memo()};
  SmallVector<Value> current(loop.getRegionIterArgs()), next;
  for (ScanOp op : scans) {
    SmallVector<Value> own(ArrayRef<Value>(current).slice(next.size(), op.getInit().size()));
    if (failed(scan(op, chunk, own)))
      return failure();
    llvm::append_range(next, own);
  }
  for (Operation *op : columnEffects)
    if (failed(effect(*op, chunk)))
      return failure();
  scf::YieldOp::create(builder, loc, next);
  openLoop = nullptr;
  return success();
}

LogicalResult BlockBuilder::effect(Operation &op, Chunk &chunk) {
  FailureOr<Value> value = tile(op.getOperand(0), &chunk);
  if (failed(value))
    return failure();
  SmallVector<Value> at = offsets(tensorType(op.getOperand(0)).getRank(), &chunk);
  if (auto write = dyn_cast<WriteOp>(op)) {
    StoreOp::create(builder, loc, *value, in(write.getView()), at, LayoutAttr(), 1);
    return success();
  }
  auto scatter = cast<ScatterOp>(op);
  SmallVector<Value> sizes;
  for (Value size : scatter.getSizes())
    sizes.push_back(in(size));
  auto tiled = ScatterOp::create(builder, loc, *value, in(scatter.getBuffer()), at, sizes, LayoutAttr());
  scatter.getBody().cloneInto(&tiled.getBody(), shared);
  if (scatter.hasCombine())
    scatter.getCombine().cloneInto(&tiled.getCombine(), shared);
  return success();
}

//===- Tiles on demand ----------------------------------------------------------------------===//

FailureOr<Value> BlockBuilder::tile(Value value, Chunk *chunk) {
  Memo &memo = overColumns(value) ? chunk->memo : rowMemo;
  if (Value known = memo.lookup(value))
    return known;
  // What runs over d0 alone is made in front of the loop that asks for it: others will ask too.
  OpBuilder::InsertionGuard guard(builder);
  if (openLoop && !overColumns(value))
    builder.setInsertionPoint(openLoop);
  FailureOr<Value> made = makeTile(value, chunk);
  if (succeeded(made))
    memo[value] = *made;
  return made;
}

FailureOr<Value> BlockBuilder::makeTile(Value value, Chunk *chunk) {
  Operation *op = value.getDefiningOp();
  if (isa_and_nonnull<StridedViewOp, ComputedViewOp>(op))
    return load(value, chunk, PadKind::None);
  if (isa_and_nonnull<tensor::EmptyOp>(op))
    return emptyTile(tileType(value));
  if (auto fill = dyn_cast_or_null<linalg::FillOp>(op))
    return fillTile(tileType(value), in(fill.getInputs().front()));
  if (auto generic = dyn_cast_or_null<linalg::GenericOp>(op); generic && !isReduction(generic))
    return genericTile(generic, value, chunk);
  return kernel.emitOpError("uses a value before it is computed: ") << value, failure();
}

Value BlockBuilder::load(Value view, Chunk *chunk, PadKind pad) {
  return LoadOp::create(builder, loc, tileType(view), in(view), offsets(tensorType(view).getRank(), chunk),
                        pad, LayoutAttr(), 1);
}

FailureOr<Value> BlockBuilder::genericTile(linalg::GenericOp op, Value value, Chunk *chunk) {
  IRMapping mapping(shared);
  SmallVector<Value> inputs, outs;
  for (Value input : op.getInputs()) {
    FailureOr<Value> made = isa<RankedTensorType>(input.getType()) ? tile(input, chunk) : FailureOr<Value>(in(input));
    if (failed(made))
      return failure();
    inputs.push_back(*made);
  }
  SmallVector<Type> types;
  for (Value out : op.getOutputs()) {
    FailureOr<Value> made = tile(out, chunk);
    if (failed(made))
      return failure();
    outs.push_back(*made);
    types.push_back((*made).getType());
  }
  auto tiled = linalg::GenericOp::create(builder, loc, types, inputs, outs, op.getIndexingMaps(), op.getIteratorTypes(),
                                         StringAttr(), StringAttr());
  op.getRegion().cloneInto(&tiled.getRegion(), mapping);
  // Coordinates of the domain are tile coordinates plus the tile's offsets.
  SmallVector<Value> at = offsets(op.getNumLoops(), chunk);
  tiled.getRegion().walk([&](linalg::IndexOp index) {
    OpBuilder inner(index->getBlock(), std::next(Block::iterator(index)));
    auto sum = arith::AddIOp::create(inner, loc, index.getResult(), at[index.getDim()]);
    index.getResult().replaceAllUsesExcept(sum, sum);
  });
  Memo &memo = overColumns(value) ? chunk->memo : rowMemo;
  for (auto [from, to] : llvm::zip_equal(op.getResults(), tiled.getResults()))
    memo[from] = to;
  return memo[value];
}

//===- Reductions ---------------------------------------------------------------------------===//

LogicalResult BlockBuilder::checkReduction(linalg::GenericOp op) {
  if (op.getNumDpsInputs() != op.getNumDpsInits())
    return op.emitOpError("reduces with a payload that is no pure combiner: needs one input per output");
  for (auto [input, out] : llvm::zip_equal(op.getInputs(), op.getOutputs())) {
    if (!fillOf(out))
      return op.emitOpError("reduces from an initial value that is no linalg.fill");
    if (!overColumns(input))
      return op.emitOpError("reduces an input that does not run over the reduced dimension");
  }
  return success();
}

LogicalResult BlockBuilder::reduce(linalg::GenericOp op) {
  SmallVector<Value> results;
  if (!walk.loop) {
    FailureOr<SmallVector<Value>> made = elements(op, whole);
    if (failed(made))
      return failure();
    results = reduceTile(op, *made);
  } else {
    SmallVector<Value> inits;
    for (Value out : op.getOutputs())
      inits.push_back(fillTile(tileType(2, tensorType(out).getElementType()), in(fillOf(out))));
    scf::ForOp loop = loopOverColumns(inits);
    {
      OpBuilder::InsertionGuard guard(builder);
      builder.setInsertionPointToEnd(loop.getBody());
      Chunk chunk{loop.getInductionVar(), Memo()};
      FailureOr<SmallVector<Value>> made = elements(op, chunk);
      if (failed(made))
        return failure();
      SmallVector<Value> next = accumulate(op, loop.getRegionIterArgs(), *made);
      scf::YieldOp::create(builder, loc, next);
      openLoop = nullptr;
    }
    results = reduceTile(op, loop.getResults());
  }
  for (auto [from, to] : llvm::zip_equal(op.getResults(), results))
    rowMemo[from] = to;
  return success();
}

/// What the reduction combines, one tile per output, with identities past the row's end.
FailureOr<SmallVector<Value>> BlockBuilder::elements(linalg::GenericOp op, Chunk &chunk) {
  SmallVector<Value> result;
  for (auto [input, out] : llvm::zip_equal(op.getInputs(), op.getOutputs())) {
    Value identity = fillOf(out);
    std::optional<PadKind> pad = padFor(identity);
    bool isView = isa_and_nonnull<StridedViewOp, ComputedViewOp>(input.getDefiningOp());
    if (isView && pad && !chunk.memo.contains(input)) {
      Value loaded = load(input, &chunk, *pad);
      chunk.memo[input] = loaded;
      result.push_back(loaded);
      continue;
    }
    FailureOr<Value> made = tile(input, &chunk);
    if (failed(made))
      return failure();
    result.push_back(walk.tile[1] == 1 ? *made : maskTail(*made, in(identity), chunk));
  }
  return result;
}

Value BlockBuilder::maskTail(Value tileValue, Value identity, Chunk &chunk) {
  RankedTensorType type = tensorType(tileValue);
  Value inside = InBoundsOp::create(builder, loc, tileType(2, builder.getI1Type()), offsets(2, &chunk),
                                    ValueRange{rowCount, columnCount}, LayoutAttr());
  AffineMap map = builder.getMultiDimIdentityMap(2);
  auto generic = linalg::GenericOp::create(
      builder, loc, type, ValueRange{inside, tileValue}, emptyTile(type), ArrayRef<AffineMap>{map, map, map},
      SmallVector<utils::IteratorType>(2, utils::IteratorType::parallel), [&](OpBuilder &b, Location l, ValueRange args) {
        Value chosen = arith::SelectOp::create(b, l, args[0], args[1], identity);
        linalg::YieldOp::create(b, l, chosen);
      });
  return generic.getResult(0);
}

/// The combiner of `op` in `builder`: payload arguments are elements, then states.
SmallVector<Value> cloneCombiner(OpBuilder &b, linalg::GenericOp op, const IRMapping &outside, ValueRange states,
                                 ValueRange newElements) {
  IRMapping mapping(outside);
  Block &payload = op.getRegion().front();
  mapping.map(payload.getArguments().take_front(newElements.size()), newElements);
  mapping.map(payload.getArguments().take_back(states.size()), states);
  for (Operation &inner : payload.without_terminator())
    b.clone(inner, mapping);
  SmallVector<Value> results;
  for (Value value : payload.getTerminator()->getOperands())
    results.push_back(mapping.lookupOrDefault(value));
  return results;
}

SmallVector<Value> BlockBuilder::accumulate(linalg::GenericOp op, ValueRange state, ValueRange newElements) {
  SmallVector<AffineMap> maps(2 * state.size(), builder.getMultiDimIdentityMap(2));
  auto generic = linalg::GenericOp::create(
      builder, loc, TypeRange(state.getTypes()), newElements, state, maps,
      SmallVector<utils::IteratorType>(2, utils::IteratorType::parallel), [&](OpBuilder &b, Location l, ValueRange args) {
        linalg::YieldOp::create(b, l, cloneCombiner(b, op, shared, args.take_back(state.size()), args.take_front(state.size())));
      });
  return SmallVector<Value>(generic.getResults());
}

SmallVector<Value> BlockBuilder::reduceTile(linalg::GenericOp op, ValueRange tiles) {
  SmallVector<Type> types, arguments;
  for (Value value : tiles) {
    types.push_back(tileType(1, tensorType(value).getElementType()));
    arguments.push_back(tensorType(value).getElementType());
  }
  auto reduceOp = ReduceOp::create(builder, loc, types, tiles, builder.getDenseI64ArrayAttr({1}), LayoutAttr());
  Block &body = reduceOp.getBody().emplaceBlock();
  for (int side = 0; side < 2; ++side)
    body.addArguments(arguments, SmallVector<Location>(arguments.size(), loc));
  OpBuilder inner = OpBuilder::atBlockEnd(&body);
  SmallVector<Value> results = cloneCombiner(inner, op, shared, body.getArguments().take_front(tiles.size()),
                                             body.getArguments().take_back(tiles.size()));
  YieldOp::create(inner, loc, results);
  return SmallVector<Value>(reduceOp.getResults());
}

//===- Scans --------------------------------------------------------------------------------===//

/// One step: the next states, and the results over this column.
LogicalResult BlockBuilder::scan(ScanOp op, Chunk &chunk, SmallVectorImpl<Value> &states) {
  SmallVector<Value> inputs;
  for (Value input : op.getInputs()) {
    FailureOr<Value> made = tile(input, &chunk);
    if (failed(made))
      return failure();
    inputs.push_back(*made);
  }
  size_t given = inputs.size();
  llvm::append_range(inputs, states);
  SmallVector<Value> outs;
  SmallVector<Type> types;
  auto addOut = [&](Type element) {
    outs.push_back(emptyTile(tileType(2, element)));
    types.push_back(outs.back().getType());
  };
  for (Value state : states)
    addOut(tensorType(state).getElementType());
  for (Value result : op.getResults())
    addOut(tensorType(result).getElementType());
  SmallVector<AffineMap> maps(inputs.size() + outs.size(), builder.getMultiDimIdentityMap(2));
  auto generic = linalg::GenericOp::create(
      builder, loc, types, inputs, outs, maps, SmallVector<utils::IteratorType>(2, utils::IteratorType::parallel),
      [&](OpBuilder &b, Location l, ValueRange args) {
        IRMapping mapping(shared);
        Block &body = op.getBody().front();
        mapping.map(body.getArguments(), args.take_front(given + states.size()));
        for (Operation &inner : body.without_terminator())
          b.clone(inner, mapping);
        SmallVector<Value> yields;
        for (Value value : body.getTerminator()->getOperands())
          yields.push_back(mapping.lookupOrDefault(value));
        linalg::YieldOp::create(b, l, yields);
      });
  for (auto [i, result] : llvm::enumerate(op.getResults()))
    chunk.memo[result] = generic.getResult(states.size() + i);
  for (auto [i, state] : llvm::enumerate(states))
    state = generic.getResult(i);
  return success();
}

} // namespace

LogicalResult cameo::kernel::buildBlockProgram(VariantOp variant, const TileWalk &walk) {
  return BlockBuilder(variant, walk).run();
}
