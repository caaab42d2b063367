// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Data movement: sizes, checks of stated results, and the folds of movements that move nothing.
#include "OpHelpers.h"

using namespace mlir;

namespace cameo::graph {

//===----------------------------------------------------------------------===//
// Inference
//===----------------------------------------------------------------------===//

InferredType inferTranspose(TensorType x, ArrayRef<int64_t> perm, SizeReporter &reporter) {
  SmallVector<SizeExpr> from = getSizes(x), to;
  SmallVector<bool> seen(from.size(), false);
  for (int64_t dim : perm) {
    if (dim < 0 || dim >= int64_t(from.size()) || seen[dim])
      return reporter.error("perm is not a permutation of the " + Twine(from.size()) +
                            " dimensions");
    seen[dim] = true;
    to.push_back(from[dim]);
  }
  if (to.size() != from.size())
    return reporter.error("perm is not a permutation of the " + Twine(from.size()) + " dimensions");
  return makeTensorType(x.getContext(), x.getElementType(), to);
}

InferredType inferPad(TensorType x, TensorType value, ArrayRef<SizeExpr> lo, ArrayRef<SizeExpr> hi,
                      SizeReporter &reporter) {
  SmallVector<SizeExpr> sizes = getSizes(x);
  if (lo.size() != sizes.size() || hi.size() != sizes.size())
    return reporter.error("pad: lo and hi have one entry a dimension");
  if (value && value.getElementType() != x.getElementType())
    return reporter.error("pad: the value has another element type than the operand");
  for (auto [dim, size] : llvm::enumerate(sizes)) {
    size = lo[dim] + size + hi[dim];
    if (failed(reporter.require(le(0, size), "pad: negative size in dimension " + Twine(dim))))
      return failure();
  }
  return makeTensorType(x.getContext(), x.getElementType(), sizes);
}

InferredType inferConcat(ArrayRef<TensorType> inputs, int64_t axis, SizeReporter &reporter) {
  if (inputs.empty())
    return reporter.error("concat needs an operand");
  SmallVector<SizeExpr> sizes = getSizes(inputs.front());
  Type element = inputs.front().getElementType();
  if (failed(checkAxis(axis, sizes.size(), reporter)))
    return failure();
  for (TensorType input : inputs.drop_front()) {
    if (input.getRank() != int64_t(sizes.size()) || input.getElementType() != element)
      return reporter.error("concat: operands have different ranks or element types");
    for (auto [dim, size] : llvm::enumerate(getSizes(input))) {
      if (int64_t(dim) == axis)
        sizes[dim] += size;
      else if (failed(reporter.requireEqual(sizes[dim], size,
                                            "concat: sizes differ in dimension " + Twine(dim))))
        return failure();
    }
  }
  return makeTensorType(element.getContext(), element, sizes);
}

static LogicalResult checkSameElements(TensorType x, TensorType result, SizeReporter &reporter) {
  if (x.getElementType() == result.getElementType())
    return success();
  return reporter.error("the result has another element type than the operand");
}

InferredType checkReshape(TensorType x, TensorType result, SizeReporter &reporter) {
  auto elements = [](TensorType type) {
    SmallVector<SizeExpr> sizes = getSizes(type);
    return product({sizes.begin(), sizes.end()});
  };
  if (failed(checkSameElements(x, result, reporter)) ||
      failed(reporter.requireEqual(elements(x), elements(result),
                                   "reshape: numbers of elements differ")))
    return failure();
  return result;
}

InferredType checkBroadcast(TensorType x, TensorType result, SizeReporter &reporter) {
  if (failed(checkSameElements(x, result, reporter)))
    return failure();
  if (x.getRank() > result.getRank())
    return reporter.error("broadcast to a lower rank");
  SmallVector<SizeExpr> from = getSizes(x), to = getSizes(result);
  size_t offset = to.size() - from.size();
  for (auto [dim, size] : llvm::enumerate(from)) {
    const SizeExpr &target = to[offset + dim];
    SizeExpr fits = size.asConstant() ? eq(size, target) : logicalOr(eq(size, 1), eq(size, target));
    if (!size.isConstant(1) &&
        failed(reporter.require(fits, "broadcast: " + Twine(size.str()) + " to " + target.str())))
      return failure();
  }
  return result;
}

InferredType checkSlice(TensorType x, ArrayRef<SizeExpr> starts, ArrayRef<SizeExpr> steps,
                        TensorType result, SizeReporter &reporter) {
  if (failed(checkSameElements(x, result, reporter)))
    return failure();
  SmallVector<SizeExpr> from = getSizes(x), to = getSizes(result);
  if (from.size() != to.size() || starts.size() != from.size() || steps.size() != from.size())
    return reporter.error("slice: result, starts and steps have the operand's rank");
  for (size_t dim = 0; dim < from.size(); ++dim) {
    if (starts[dim].isConstant(0) && steps[dim].isConstant(1) && to[dim] == from[dim])
      continue; // the whole of it, whatever that is
    SizeExpr last = starts[dim] + (to[dim] - 1) * steps[dim];
    auto isOutside = [&](const SizeExpr &index) {
      return logicalOr(lt(index, 0), le(from[dim], index));
    };
    SizeExpr isInside = logicalNot(logicalOr(isOutside(starts[dim]), isOutside(last)));
    if (failed(reporter.require(ne(steps[dim], 0), "slice: step 0 in dimension " + Twine(dim))) ||
        failed(reporter.require(logicalOr(eq(to[dim], 0), isInside),
                                "slice: outside the operand in dimension " + Twine(dim))))
      return failure();
  }
  return result;
}

InferredType checkTile(TensorType x, TensorType result, SizeReporter &reporter) {
  if (failed(checkSameElements(x, result, reporter)))
    return failure();
  if (x.getRank() != result.getRank())
    return reporter.error("tile: the result has the operand's rank");
  for (auto [dim, size] : llvm::enumerate(getSizes(x))) {
    SizeExpr target = getSize(result, dim);
    // Whole repetitions only; an empty operand dimension stays empty.
    SizeExpr isWhole = eq(mod(target, max(size, 1)), 0);
    SizeExpr isEmpty = logicalAnd(eq(size, 0), ne(target, 0));
    if (failed(
            reporter.require(logicalAnd(isWhole, logicalNot(isEmpty)),
                             "tile: " + Twine(target.str()) + " is no multiple of " + size.str())))
      return failure();
  }
  return result;
}

//===----------------------------------------------------------------------===//
// Ops whose result is stated
//===----------------------------------------------------------------------===//

template <typename OpT> static OpFoldResult foldToOperandOfSameType(OpT op) {
  return op.getX().getType() == op.getType() ? OpFoldResult(op.getX()) : OpFoldResult();
}

LogicalResult ReshapeOp::inferOwnSizes(SizeReporter &reporter, SmallVectorImpl<Type> &results) {
  return append(checkReshape(getX().getType(), getType(), reporter), results);
}
OpFoldResult ReshapeOp::fold(FoldAdaptor) { return foldToOperandOfSameType(*this); }

LogicalResult BroadcastOp::inferOwnSizes(SizeReporter &reporter, SmallVectorImpl<Type> &results) {
  return append(checkBroadcast(getX().getType(), getType(), reporter), results);
}
OpFoldResult BroadcastOp::fold(FoldAdaptor) { return foldToOperandOfSameType(*this); }

LogicalResult TileOp::inferOwnSizes(SizeReporter &reporter, SmallVectorImpl<Type> &results) {
  return append(checkTile(getX().getType(), getType(), reporter), results);
}
OpFoldResult TileOp::fold(FoldAdaptor) { return foldToOperandOfSameType(*this); }

void SliceOp::build(OpBuilder &builder, OperationState &state, Type result, Value x,
                    ArrayRef<SizeExpr> starts, ArrayRef<SizeExpr> steps) {
  build(builder, state, result, x, getSizesAttr(builder.getContext(), starts),
        getSizesAttr(builder.getContext(), steps));
}
SmallVector<SizeExpr> SliceOp::getStartExprs() { return getSizeExprs(getStarts()); }
SmallVector<SizeExpr> SliceOp::getStepExprs() { return getSizeExprs(getSteps()); }

LogicalResult SliceOp::inferOwnSizes(SizeReporter &reporter, SmallVectorImpl<Type> &results) {
  int64_t rank = getX().getType().getRank();
  if (failed(checkExprs(getStarts(), rank, "starts", reporter)) ||
      failed(checkExprs(getSteps(), rank, "steps", reporter)))
    return failure();
  return append(checkSlice(getX().getType(), getStartExprs(), getStepExprs(), getType(), reporter),
                results);
}

OpFoldResult SliceOp::fold(FoldAdaptor) {
  bool isWhole = llvm::all_of(getStartExprs(), [](const SizeExpr &e) { return e.isConstant(0); }) &&
                 llvm::all_of(getStepExprs(), [](const SizeExpr &e) { return e.isConstant(1); });
  return isWhole ? foldToOperandOfSameType(*this) : OpFoldResult();
}

LogicalResult IotaOp::inferOwnSizes(SizeReporter &reporter, SmallVectorImpl<Type> &results) {
  if (getType().getRank() != 1)
    return reporter.error("iota gives a vector");
  if (getStart().getType().getElementType() != getType().getElementType())
    return reporter.error("start and result have different element types");
  for (const SizeExpr &size : getSizes(getStart().getType()))
    if (failed(reporter.requireEqual(size, 1, "iota: start and delta are one element")))
      return failure();
  results.push_back(getType());
  return success();
}

//===----------------------------------------------------------------------===//
// Ops whose result is inferred
//===----------------------------------------------------------------------===//

LogicalResult TransposeOp::inferSizes(Adaptor adaptor, SizeReporter &reporter,
                                      SmallVectorImpl<Type> &results) {
  return append(inferTranspose(typeOrNull(adaptor.getX()), adaptor.getPerm(), reporter), results);
}

OpFoldResult TransposeOp::fold(FoldAdaptor) {
  for (auto [to, from] : llvm::enumerate(getPerm()))
    if (int64_t(to) != from)
      return {};
  return getX();
}

void PadOp::build(OpBuilder &builder, OperationState &state, Type result, PadMode mode, Value x,
                  Value value, ArrayRef<SizeExpr> lo, ArrayRef<SizeExpr> hi) {
  build(builder, state, result, mode, x, value, getSizesAttr(builder.getContext(), lo),
        getSizesAttr(builder.getContext(), hi));
}
SmallVector<SizeExpr> PadOp::getLoExprs() { return getSizeExprs(getLo()); }
SmallVector<SizeExpr> PadOp::getHiExprs() { return getSizeExprs(getHi()); }

LogicalResult PadOp::inferSizes(Adaptor adaptor, SizeReporter &reporter,
                                SmallVectorImpl<Type> &results) {
  TensorType x = typeOrNull(adaptor.getX());
  if (failed(checkExprs(adaptor.getLo(), x.getRank(), "lo", reporter)) ||
      failed(checkExprs(adaptor.getHi(), x.getRank(), "hi", reporter)))
    return failure();
  if (failed(append(inferPad(x, typeOrNull(adaptor.getValue()), getSizeExprs(adaptor.getLo()),
                             getSizeExprs(adaptor.getHi()), reporter),
                    results)))
    return failure();
  if (adaptor.getMode() == PadMode::Constant)
    return success();
  for (auto [dim, size, wide] : llvm::enumerate(getSizes(x), getSizes(results.front())))
    if (size != wide && failed(reporter.require(logicalOr(ne(size, 0), eq(wide, 0)),
                                                "pad: no element to repeat in dimension " +
                                                    Twine(dim))))
      return failure();
  return success();
}

OpFoldResult PadOp::fold(FoldAdaptor) {
  auto isZero = [](const SizeExpr &expr) { return expr.isConstant(0); };
  return llvm::all_of(getLoExprs(), isZero) && llvm::all_of(getHiExprs(), isZero)
             ? OpFoldResult(getX())
             : OpFoldResult();
}

LogicalResult ConcatOp::inferSizes(Adaptor adaptor, SizeReporter &reporter,
                                   SmallVectorImpl<Type> &results) {
  SmallVector<TensorType> inputs = llvm::map_to_vector(adaptor.getInputs(), typeOrNull);
  return append(inferConcat(inputs, adaptor.getAxis(), reporter), results);
}

OpFoldResult ConcatOp::fold(FoldAdaptor) {
  return getInputs().size() == 1 ? OpFoldResult(getInputs().front()) : OpFoldResult();
}

SizeExpr TriluOp::getKExpr() { return getSizeExpr(getK()); }

LogicalResult TriluOp::inferSizes(Adaptor adaptor, SizeReporter &reporter,
                                  SmallVectorImpl<Type> &results) {
  std::string error;
  if (!isCanonicalSize(adaptor.getK(), error))
    return reporter.error("k: " + Twine(error));
  TensorType x = typeOrNull(adaptor.getX());
  if (x.getRank() < 2)
    return reporter.error("trilu needs rank 2 or more");
  results.push_back(x);
  return success();
}

} // namespace cameo::graph
