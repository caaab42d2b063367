// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Reads reference bodies of the gemm family. Refused, by name: several contractions, other loops or
// maps than the family's, an accumulator that does not start at zero, a payload that is no sum of
// products, operands that are not computed element by element.
#include "GemmSource.h"

using namespace mlir;
using namespace cameo;
using namespace cameo::kernel;

Operation *GemmOperand::view() const {
  Operation *op = tensor.getDefiningOp();
  return isa_and_nonnull<StridedViewOp, ComputedViewOp>(op) ? op : nullptr;
}

/// Sizes of a tensor of a reference body.
static SmallVector<OpFoldResult> sizesOf(Value tensor) {
  auto asResults = [](ValueRange values) { return llvm::to_vector_of<OpFoldResult>(values); };
  Operation *op = tensor.getDefiningOp();
  if (auto view = dyn_cast_or_null<StridedViewOp>(op))
    return asResults(view.getSizes());
  if (auto view = dyn_cast_or_null<ComputedViewOp>(op))
    return asResults(view.getSizes());
  if (auto empty = dyn_cast_or_null<tensor::EmptyOp>(op))
    return empty.getMixedSizes();
  if (auto fill = dyn_cast_or_null<linalg::FillOp>(op))
    return sizesOf(fill.getOutputs().front());
  if (auto generic = dyn_cast_or_null<linalg::GenericOp>(op))
    return sizesOf(generic.getDpsInits()[cast<OpResult>(tensor).getResultNumber()]);
  return {};
}

static std::optional<SizeExpr> extentOf(OpFoldResult size, FuncOp kernel) {
  if (auto attribute = dyn_cast<Attribute>(size))
    return SizeExpr(cast<IntegerAttr>(attribute).getInt());
  return sizeExprOf(cast<Value>(size), kernel);
}

/// Walks from a factor of the product back to the payload's argument, through casts.
static bool traceFactor(Value factor, BlockArgument argument, GemmOperand &operand) {
  while (factor != argument) {
    Operation *op = factor.getDefiningOp();
    if (!op || op->getNumOperands() != 1 || !isa<CastOpInterface>(op))
      return false;
    operand.casts.insert(operand.casts.begin(), op);
    factor = op->getOperand(0);
  }
  return true;
}

/// sum + x * y, whichever way it is written.
static LogicalResult readPayload(linalg::GenericOp op, GemmOperand &a, GemmOperand &b) {
  Block &body = op.getRegion().front();
  Value sum = body.getTerminator()->getOperand(0), x, y, rest;
  Operation *last = sum.getDefiningOp();
  if (auto fma = dyn_cast_or_null<math::FmaOp>(last)) {
    x = fma.getA();
    y = fma.getB();
    rest = fma.getC();
  } else if (isa_and_nonnull<arith::AddFOp, arith::AddIOp>(last)) {
    for (unsigned side : {0, 1}) {
      Operation *product = last->getOperand(side).getDefiningOp();
      if (!isa_and_nonnull<arith::MulFOp, arith::MulIOp>(product))
        continue;
      x = product->getOperand(0);
      y = product->getOperand(1);
      rest = last->getOperand(1 - side);
    }
  }
  if (!x || rest != body.getArgument(2))
    return op.emitOpError("has a payload that is no sum of products");
  if (traceFactor(x, body.getArgument(0), a) && traceFactor(y, body.getArgument(1), b))
    return success();
  a.casts.clear();
  b.casts.clear();
  if (traceFactor(y, body.getArgument(0), a) && traceFactor(x, body.getArgument(1), b))
    return success();
  return op.emitOpError("multiplies something else than its two operands, cast");
}

static LogicalResult checkContraction(linalg::GenericOp op) {
  MLIRContext *context = op.getContext();
  auto map = [&](ArrayRef<unsigned> dims) {
    SmallVector<AffineExpr> exprs;
    for (unsigned dim : dims)
      exprs.push_back(getAffineDimExpr(dim, context));
    return AffineMap::get(5, 0, exprs, context);
  };
  AffineMap expected[] = {map({B0, B1, M, K}), map({B0, B1, K, N}), map({B0, B1, M, N})};
  if (op.getNumLoops() != 5 || op.getNumReductionLoops() != 1 || op->getNumOperands() != 3 ||
      op.getIndexingMapsArray() != ArrayRef<AffineMap>(expected))
    return op.emitOpError("is not c[b0,b1,m,n] += a[b0,b1,m,k] * b[b0,b1,k,n]");
  auto fill = op.getDpsInits()[0].getDefiningOp<linalg::FillOp>();
  if (!fill || !(matchPattern(fill.getInputs()[0], m_AnyZeroFloat()) || matchPattern(fill.getInputs()[0], m_Zero())))
    return op.emitOpError("does not start from a tensor of zeros");
  return success();
}

FailureOr<GemmSource> cameo::kernel::analyzeGemm(FuncOp kernel) {
  GemmSource source;
  source.kernel = kernel;
  for (auto generic : kernel.getEntry().getOps<linalg::GenericOp>()) {
    if (generic.getNumReductionLoops() == 0)
      continue;
    if (source.contraction)
      return generic.emitOpError("is a second reduction; the gemm family has one"), failure();
    source.contraction = generic;
  }
  if (!source.contraction)
    return kernel.emitOpError("is of family 'gemm' but has no contraction"), failure();
  linalg::GenericOp op = source.contraction;
  if (failed(checkContraction(op)) || failed(readPayload(op, source.a, source.b)))
    return failure();
  source.a.tensor = op.getOperand(0);
  source.b.tensor = op.getOperand(1);
  for (GemmOperand *operand : {&source.a, &source.b})
    operand->element = cast<RankedTensorType>(operand->tensor.getType()).getElementType();
  source.accumulator = cast<RankedTensorType>(op.getResult(0).getType()).getElementType();
  SmallVector<OpFoldResult> a = sizesOf(source.a.tensor), b = sizesOf(source.b.tensor);
  if (a.size() != 4 || b.size() != 4)
    return op.emitOpError("has operands whose sizes are unknown"), failure();
  source.sizes = {a[0], a[1], a[2], b[3], a[3]};
  for (OpFoldResult size : source.sizes) {
    std::optional<SizeExpr> extent = extentOf(size, kernel);
    if (!extent)
      return op.emitOpError("has an extent that is no expression over the kernel's sizes"), failure();
    source.extents.push_back(*extent);
  }
  return source;
}

//===- Elements -----------------------------------------------------------------------------===//

static FailureOr<Value> emitGenericElement(OpBuilder &builder, Location loc, OpResult result, ArrayRef<Value> at,
                                           const IRMapping &mapping) {
  auto generic = cast<linalg::GenericOp>(result.getOwner());
  if (generic.getNumReductionLoops())
    return generic.emitOpError("reduces, and cannot be computed element by element"), failure();
  SmallVector<Value> loops(generic.getNumLoops());
  for (auto [expr, coordinate] : llvm::zip_equal(generic.getIndexingMapMatchingResult(result).getResults(), at))
    if (auto dim = dyn_cast<AffineDimExpr>(expr))
      loops[dim.getPosition()] = coordinate;
  if (llvm::is_contained(loops, Value()))
    return generic.emitOpError("has a loop that its result does not fix"), failure();
  IRMapping inner(mapping);
  Block &body = generic.getRegion().front();
  for (OpOperand &operand : generic->getOpOperands()) {
    BlockArgument argument = body.getArgument(operand.getOperandNumber());
    if (argument.use_empty())
      continue;
    if (!isa<RankedTensorType>(operand.get().getType())) {
      inner.map(argument, mapping.lookupOrDefault(operand.get()));
      continue;
    }
    SmallVector<Value> position;
    for (AffineExpr expr : generic.getMatchingIndexingMap(&operand).getResults()) {
      auto dim = dyn_cast<AffineDimExpr>(expr);
      position.push_back(dim ? loops[dim.getPosition()] : arith::ConstantIndexOp::create(builder, loc, 0).getResult());
    }
    FailureOr<Value> element = emitElement(builder, loc, operand.get(), position, mapping);
    if (failed(element))
      return failure();
    inner.map(argument, *element);
  }
  for (Operation &op : body.without_terminator()) {
    if (auto index = dyn_cast<linalg::IndexOp>(op))
      inner.map(index.getResult(), loops[index.getDim()]);
    else
      builder.clone(op, inner);
  }
  return inner.lookupOrDefault(body.getTerminator()->getOperand(result.getResultNumber()));
}

FailureOr<Value> cameo::kernel::emitElement(OpBuilder &builder, Location loc, Value tensor, ArrayRef<Value> at,
                                            const IRMapping &mapping) {
  Operation *op = tensor.getDefiningOp();
  if (auto view = dyn_cast_or_null<StridedViewOp>(op)) {
    Value linear = mapping.lookupOrDefault(view.getOffset());
    for (auto [coordinate, stride] : llvm::zip_equal(at, view.getStrides())) {
      Value part = builder.createOrFold<arith::MulIOp>(loc, coordinate, mapping.lookupOrDefault(stride));
      linear = builder.createOrFold<arith::AddIOp>(loc, linear, part);
    }
    return ReadOp::create(builder, loc, mapping.lookupOrDefault(view.getBuffer()), linear).getResult();
  }
  if (auto view = dyn_cast_or_null<ComputedViewOp>(op)) {
    IRMapping inner(mapping);
    Block &body = view.getBody().front();
    inner.map(body.getArguments(), at);
    for (Operation &nested : body.without_terminator())
      builder.clone(nested, inner);
    return inner.lookupOrDefault(body.getTerminator()->getOperand(0));
  }
  if (auto fill = dyn_cast_or_null<linalg::FillOp>(op))
    return mapping.lookupOrDefault(fill.getInputs()[0]);
  if (isa_and_nonnull<linalg::GenericOp>(op))
    return emitGenericElement(builder, loc, cast<OpResult>(tensor), at, mapping);
  SplatElementsAttr splat;
  if (matchPattern(tensor, m_Constant(&splat)))
    return arith::ConstantOp::create(builder, loc, cast<TypedAttr>(splat.getSplatValue<Attribute>())).getResult();
  return emitError(loc, "a tensor cannot be computed element by element: ") << tensor, failure();
}
