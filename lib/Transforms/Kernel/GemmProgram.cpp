// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The block program of a contraction: a block's coordinates in the grid of tiles, a loop over k with the
// contraction on tiles, then every generic that follows, on tiles, and the stores. What an operand is
// computed from (casts of the payload, generics before the contraction) becomes a computed view, so that
// the loop only loads. What is loaded outside is zero for the operands (the identity of the sum) and
// undefined behind the contraction, where nothing outside is stored.
#include "GemmSchedule.h"

using namespace mlir;
using namespace cameo;
using namespace cameo::kernel;

namespace {

class GemmProgram {
public:
  GemmProgram(VariantOp variant, GemmSource source)
      : variant(variant), source(source), schedule(cast<GemmAttr>(*variant.getSchedule())),
        builder(OpBuilder::atBlockEnd(&variant.getEntry())), loc(source.contraction.getLoc()) {
    tile = {1, 1, schedule.getTile()[0], schedule.getTile()[1], schedule.getTile()[2]};
  }

  LogicalResult build() {
    cloneIndexing();
    placeBlock();
    FailureOr<Value> a = operandView(source.a, {B0, B1, M, K}), b = operandView(source.b, {B0, B1, K, N});
    if (failed(a) || failed(b))
      return failure();
    tiles[source.contraction.getResult(0)] = {contract(*a, *b), {B0, B1, M, N}};
    for (Operation &op : source.kernel.getEntry())
      if (failed(buildAfter(&op)))
        return failure();
    EndOp::create(builder, loc);
    return success();
  }

private:
  struct Tile {
    Value value;
    SmallVector<unsigned, 4> dims; ///< domain dimension of each of its dimensions
  };

  /// Index arithmetic, scalars and views of the reference body, over the variant's arguments.
  void cloneIndexing() {
    mapping.map(source.kernel.getArguments(), variant.getEntry().getArguments());
    for (Operation &op : source.kernel.getEntry()) {
      bool scalars = llvm::none_of(op.getResultTypes(), [](Type type) { return isa<RankedTensorType>(type); });
      bool view = isa<StridedViewOp, ComputedViewOp>(op);
      if (view || (scalars && op.getNumResults() && isPure(&op)))
        builder.clone(op, mapping);
    }
    for (OpFoldResult size : source.sizes) {
      if (auto attribute = dyn_cast<Attribute>(size))
        sizes.push_back(constant(cast<IntegerAttr>(attribute).getInt()));
      else
        sizes.push_back(mapping.lookupOrDefault(cast<Value>(size)));
    }
  }

  Value constant(int64_t value) { return arith::ConstantIndexOp::create(builder, loc, value); }

  Value tilesAlong(GemmDim dim) {
    Value rounded = builder.createOrFold<arith::AddIOp>(loc, sizes[dim], constant(tile[dim] - 1));
    return builder.createOrFold<arith::DivUIOp>(loc, rounded, constant(tile[dim]));
  }

  /// Block number = m tile, then n tile, then b1, then b0: neighbours share a tile of B.
  void placeBlock() {
    Value left = BlockIdOp::create(builder, loc, BlockAxis::X);
    auto take = [&](Value extent, const SizeExpr &count, bool last) -> Value {
      if (count.isConstant(1))
        return constant(0);
      if (last)
        return left;
      Value part = arith::RemUIOp::create(builder, loc, left, extent);
      left = arith::DivUIOp::create(builder, loc, left, extent);
      return part;
    };
    const auto &e = source.extents;
    auto times = [&](Value index, GemmDim dim) { return builder.createOrFold<arith::MulIOp>(loc, index, constant(tile[dim])); };
    offsets.resize(5);
    offsets[M] = times(take(tilesAlong(M), ceilDiv(e[M], SizeExpr(tile[M])), false), M);
    offsets[N] = times(take(tilesAlong(N), ceilDiv(e[N], SizeExpr(tile[N])), false), N);
    offsets[B1] = take(sizes[B1], e[B1], e[B0].isConstant(1));
    offsets[B0] = take(sizes[B0], e[B0], true);
  }

  /// The element type that the engine multiplies.
  Type factorType() { return schedule.getEngine() != GemmEngine::Fma ? source.a.element : source.accumulator; }

  /// What the payload makes of an element before it multiplies.
  static Value applyCasts(OpBuilder &at, const GemmOperand &operand, Value value) {
    for (Operation *step : operand.casts) {
      IRMapping casts;
      casts.map(step->getOperand(0), value);
      value = at.clone(*step, casts)->getResult(0);
    }
    return value;
  }

  FailureOr<Value> operandView(const GemmOperand &operand, ArrayRef<unsigned> dims) {
    bool cast = operand.element != factorType();
    if (operand.view() && !cast)
      return mapping.lookup(operand.tensor);
    SmallVector<Value> extents;
    for (unsigned dim : dims)
      extents.push_back(sizes[dim]);
    bool ok = true;
    auto view = ComputedViewOp::create(
        builder, loc, cast ? factorType() : operand.element, extents,
        [&](OpBuilder &inner, Location at, ValueRange coordinates) -> Value {
          FailureOr<Value> element = emitElement(inner, at, operand.tensor, llvm::to_vector(coordinates), mapping);
          if (failed(element)) {
            ok = false;
            return arith::ConstantOp::create(inner, at, inner.getZeroAttr(cast ? factorType() : operand.element));
          }
          return cast ? applyCasts(inner, operand, *element) : *element;
        });
    if (!ok)
      return failure();
    return view.getResult();
  }

  RankedTensorType tileType(ArrayRef<unsigned> dims, Type element) {
    SmallVector<int64_t> shape;
    for (unsigned dim : dims)
      shape.push_back(tile[dim]);
    return RankedTensorType::get(shape, element);
  }
  Value emptyTile(ArrayRef<unsigned> dims, Type element) {
    RankedTensorType type = tileType(dims, element);
    return tensor::EmptyOp::create(builder, loc, type.getShape(), element);
  }
  Value loadTile(OpBuilder &at, Value view, ArrayRef<unsigned> dims, ArrayRef<Value> position, PadKind pad) {
    Type element = cast<RankedTensorType>(view.getType()).getElementType();
    auto load = LoadOp::create(at, loc, tileType(dims, element), view, position,
                               PadKindAttr::get(at.getContext(), pad), LayoutAttr());
    return load.getResult();
  }

  Value contract(Value a, Value b) {
    Value zero = arith::ConstantOp::create(builder, loc, builder.getZeroAttr(source.accumulator));
    Value empty = emptyTile({B0, B1, M, N}, source.accumulator);
    Value init = linalg::FillOp::create(builder, loc, zero, empty).getResult(0);
    auto loop = scf::ForOp::create(builder, loc, constant(0), sizes[K], constant(tile[K]), init);
    OpBuilder inner = OpBuilder::atBlockEnd(loop.getBody());
    offsets[K] = loop.getInductionVar();
    auto at = [&](ArrayRef<unsigned> dims) {
      return llvm::map_to_vector(dims, [&](unsigned dim) { return offsets[dim]; });
    };
    Value left = loadTile(inner, a, {B0, B1, M, K}, at({B0, B1, M, K}), PadKind::Zero);
    Value right = loadTile(inner, b, {B0, B1, K, N}, at({B0, B1, K, N}), PadKind::Zero);
    auto iterators = source.contraction.getIteratorTypesArray();
    auto product = linalg::GenericOp::create(
        inner, loc, init.getType(), ValueRange{left, right}, loop.getRegionIterArg(0),
        source.contraction.getIndexingMapsArray(), iterators, [&](OpBuilder &body, Location at, ValueRange args) {
          linalg::YieldOp::create(body, at, multiplyAdd(body, at, args[0], args[1], args[2]));
        });
    scf::YieldOp::create(inner, loc, product.getResults());
    return loop.getResult(0);
  }

  Value multiplyAdd(OpBuilder &body, Location at, Value a, Value b, Value sum) {
    if (a.getType() != sum.getType()) {
      a = applyCasts(body, source.a, a);
      b = applyCasts(body, source.b, b);
    }
    if (!isa<FloatType>(sum.getType()))
      return arith::AddIOp::create(body, at, sum, arith::MulIOp::create(body, at, a, b).getResult());
    return math::FmaOp::create(body, at, a, b, sum);
  }

  //===- Behind the contraction ---------------------------------------------------------------===//

  LogicalResult buildAfter(Operation *op) {
    if (auto generic = dyn_cast<linalg::GenericOp>(op)) {
      bool follows = llvm::any_of(generic.getDpsInputs(), [&](Value input) { return tiles.contains(input); });
      return follows && generic != source.contraction ? buildGeneric(generic) : success();
    }
    if (auto write = dyn_cast<WriteOp>(op)) {
      auto found = tiles.find(write.getValue());
      if (found == tiles.end())
        return write.emitOpError("writes something that the contraction does not lead to");
      StoreOp::create(builder, loc, found->second.value, mapping.lookup(write.getView()), positionOf(found->second),
                      LayoutAttr());
      return success();
    }
    if (auto scatter = dyn_cast<ScatterOp>(op)) {
      auto found = tiles.find(scatter.getValue());
      if (found == tiles.end())
        return scatter.emitOpError("writes something that the contraction does not lead to");
      IRMapping inner(mapping);
      inner.map(scatter.getValue(), found->second.value);
      auto clone = cast<ScatterOp>(builder.clone(*op, inner));
      clone.getOffsetsMutable().assign(positionOf(found->second));
    }
    return success();
  }

  SmallVector<Value> positionOf(const Tile &tile) {
    return llvm::map_to_vector(tile.dims, [&](unsigned dim) { return offsets[dim]; });
  }

  /// Which domain dimension each loop of a generic walks, from the operands that are tiles.
  FailureOr<SmallVector<unsigned>> loopsOf(linalg::GenericOp op) {
    constexpr unsigned unknown = ~0u;
    SmallVector<unsigned> loops(op.getNumLoops(), unknown);
    for (OpOperand *operand : op.getDpsInputOperands()) {
      auto found = tiles.find(operand->get());
      if (found == tiles.end())
        continue;
      AffineMap map = op.getMatchingIndexingMap(operand);
      for (auto [expr, dim] : llvm::zip_equal(map.getResults(), found->second.dims))
        if (auto loop = dyn_cast<AffineDimExpr>(expr))
          loops[loop.getPosition()] = dim;
    }
    if (op.getNumReductionLoops() || llvm::is_contained(loops, unknown))
      return op.emitOpError("is not elementwise over the contraction's result"), failure();
    return loops;
  }

  LogicalResult buildGeneric(linalg::GenericOp op) {
    FailureOr<SmallVector<unsigned>> loops = loopsOf(op);
    if (failed(loops))
      return failure();
    SmallVector<Value> inputs, outputs;
    SmallVector<AffineMap> maps;
    for (OpOperand *operand : op.getDpsInputOperands()) {
      AffineMap map = op.getMatchingIndexingMap(operand);
      maps.push_back(map);
      if (!isa<RankedTensorType>(operand->get().getType())) {
        inputs.push_back(mapping.lookupOrDefault(operand->get()));
        continue;
      }
      if (auto found = tiles.find(operand->get()); found != tiles.end()) {
        inputs.push_back(found->second.value);
        continue;
      }
      FailureOr<Value> loaded = loadOperand(operand->get(), map, *loops);
      if (failed(loaded))
        return failure();
      inputs.push_back(*loaded);
    }
    SmallVector<Type> types;
    SmallVector<SmallVector<unsigned, 4>> resultDims;
    for (OpResult result : op->getResults()) {
      AffineMap map = op.getIndexingMapMatchingResult(result);
      SmallVector<unsigned, 4> dims;
      for (AffineExpr expr : map.getResults())
        dims.push_back((*loops)[cast<AffineDimExpr>(expr).getPosition()]);
      Type element = cast<RankedTensorType>(result.getType()).getElementType();
      outputs.push_back(emptyTile(dims, element));
      types.push_back(outputs.back().getType());
      maps.push_back(map);
      resultDims.push_back(dims);
    }
    auto clone = linalg::GenericOp::create(builder, op.getLoc(), types, inputs, outputs, maps, op.getIteratorTypesArray());
    IRMapping inner(mapping);
    op.getRegion().cloneInto(&clone.getRegion(), inner);
    if (failed(moveIndices(clone, *loops)))
      return failure();
    for (auto [from, to, dims] : llvm::zip_equal(op->getResults(), clone->getResults(), resultDims))
      tiles[from] = {to, dims};
    return success();
  }

  /// linalg.index means the position in the whole domain.
  LogicalResult moveIndices(linalg::GenericOp op, ArrayRef<unsigned> loops) {
    SmallVector<linalg::IndexOp> indices(op.getRegion().getOps<linalg::IndexOp>());
    for (linalg::IndexOp index : indices) {
      OpBuilder inner(op.getContext());
      inner.setInsertionPointAfter(index);
      auto moved = arith::AddIOp::create(inner, loc, index, offsets[loops[index.getDim()]]);
      index.getResult().replaceAllUsesExcept(moved, moved);
    }
    return success();
  }

  /// The tile of an operand that does not come from the contraction.
  FailureOr<Value> loadOperand(Value tensor, AffineMap map, ArrayRef<unsigned> loops) {
    SmallVector<Value> position;
    SmallVector<int64_t> shape;
    SmallVector<Value> extents;
    for (AffineExpr expr : map.getResults()) {
      auto loop = dyn_cast<AffineDimExpr>(expr);
      unsigned dim = loop ? loops[loop.getPosition()] : 0;
      position.push_back(loop ? offsets[dim] : constant(0));
      shape.push_back(loop ? tile[dim] : 1);
      extents.push_back(loop ? sizes[dim] : constant(1));
    }
    Type element = cast<RankedTensorType>(tensor.getType()).getElementType();
    Value view = mapping.lookupOrNull(tensor);
    if (!view) {
      bool ok = true;
      view = ComputedViewOp::create(builder, loc, element, extents,
                                    [&](OpBuilder &inner, Location at, ValueRange coordinates) -> Value {
                                      auto value = emitElement(inner, at, tensor, llvm::to_vector(coordinates), mapping);
                                      ok = succeeded(value);
                                      return ok ? *value : arith::ConstantOp::create(inner, at, inner.getZeroAttr(element)).getResult();
                                    });
      if (!ok)
        return failure();
    }
    return LoadOp::create(builder, loc, RankedTensorType::get(shape, element), view, position,
                          PadKindAttr::get(builder.getContext(), PadKind::None), LayoutAttr())
        .getResult();
  }

  VariantOp variant;
  GemmSource source;
  GemmAttr schedule;
  OpBuilder builder;
  Location loc;
  IRMapping mapping;
  SmallVector<int64_t, 5> tile;
  SmallVector<Value> sizes, offsets;
  llvm::DenseMap<Value, Tile> tiles;
};

} // namespace

LogicalResult cameo::kernel::buildGemmProgram(VariantOp variant, GemmSource source) {
  return GemmProgram(variant, source).build();
}
