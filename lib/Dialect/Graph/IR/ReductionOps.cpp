// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Reductions, normalizations and pooling: sizes and checks.
#include "OpHelpers.h"

using namespace mlir;

namespace cameo::graph {

//===----------------------------------------------------------------------===//
// Inference
//===----------------------------------------------------------------------===//

InferredType inferReduce(ReduceKind kind, TensorType x, ArrayRef<int64_t> axes, bool keepdims,
                         SizeReporter &reporter) {
  bool isLogical = kind == ReduceKind::Any || kind == ReduceKind::All;
  bool isOrder = kind == ReduceKind::Max || kind == ReduceKind::Min;
  Type element = x.getElementType();
  if (isLogical ? !isBoolElement(element) : isBoolElement(element) && !isOrder)
    return reporter.error("reduce " + stringifyReduceKind(kind) +
                          (isLogical ? " takes i1" : " does not take i1"));
  if (failed(checkAxes(axes, x.getRank(), reporter)))
    return failure();
  SmallVector<SizeExpr> sizes;
  for (auto [dim, size] : llvm::enumerate(getSizes(x))) {
    bool isReduced = llvm::is_contained(axes, int64_t(dim));
    if (!isReduced || keepdims)
      sizes.push_back(isReduced ? SizeExpr(1) : size);
  }
  return makeTensorType(x.getContext(), element, sizes);
}

InferredType inferArgReduce(TensorType x, int64_t axis, bool keepdims, SizeReporter &reporter) {
  InferredType type = inferReduce(ReduceKind::Max, x, {axis}, keepdims, reporter);
  if (failed(type))
    return failure();
  if (failed(reporter.require(ne(getSize(x, axis), 0), "arg_reduce over an empty axis")))
    return failure();
  return withElementType(*type, IntegerType::get(x.getContext(), 64));
}

InferredType inferAlongAxis(TensorType x, int64_t axis, SizeReporter &reporter) {
  if (failed(checkAxis(axis, x.getRank(), reporter)))
    return failure();
  return x;
}

/// Fails unless `type` broadcasts to the sizes of `x` without extending them.
static LogicalResult checkBroadcastsInto(TensorType type, TensorType x, const Twine &what,
                                         SizeReporter &reporter) {
  if (type.getRank() > x.getRank())
    return reporter.error(what + " has a higher rank than the operand");
  SmallVector<SizeExpr> from = getSizes(type), to = getSizes(x);
  for (size_t i = 0, offset = to.size() - from.size(); i < from.size(); ++i)
    if (!from[i].isConstant(1) &&
        failed(reporter.requireEqual(from[i], to[offset + i], what + " does not broadcast")))
      return failure();
  return success();
}

InferredType inferNormalize(TensorType x, TensorType scale, TensorType bias, ArrayRef<int64_t> axes,
                            SizeReporter &reporter) {
  if (failed(checkAxes(axes, x.getRank(), reporter)))
    return failure();
  if (axes.empty())
    return reporter.error("normalize needs an axis");
  if (scale && failed(checkBroadcastsInto(scale, x, "scale", reporter)))
    return failure();
  if (bias && failed(checkBroadcastsInto(bias, x, "bias", reporter)))
    return failure();
  return x;
}

InferredType inferPool(PoolKind, TensorType x, const WindowAttrs &attrs, bool ceilMode,
                       SizeReporter &reporter) {
  if (x.getRank() < 3)
    return reporter.error("pool needs dimensions N, C and at least one spatial one");
  if (failed(checkWindow(attrs, x.getRank() - 2, reporter)))
    return failure();
  SmallVector<SizeExpr> sizes = getSizes(x);
  for (unsigned i = 0; i < attrs.window.size(); ++i) {
    SizeExpr count = windowCount(sizes[2 + i], attrs, i, ceilMode);
    if (failed(reporter.require(le(0, count), "window larger than the padded operand in spatial "
                                              "dimension " +
                                                  Twine(i))))
      return failure();
    sizes[2 + i] = count;
  }
  return makeTensorType(x.getContext(), x.getElementType(), sizes);
}

//===----------------------------------------------------------------------===//
// Ops
//===----------------------------------------------------------------------===//

LogicalResult ReduceOp::inferSizes(Adaptor adaptor, SizeReporter &reporter,
                                   SmallVectorImpl<Type> &results) {
  return append(inferReduce(adaptor.getKind(), typeOrNull(adaptor.getX()), adaptor.getAxes(),
                            adaptor.getKeepdims(), reporter),
                results);
}

/// Kinds for which reducing one element gives that element (f of one element is the identity).
OpFoldResult ReduceOp::fold(FoldAdaptor) {
  const ReduceKind selective[] = {ReduceKind::Sum, ReduceKind::Prod, ReduceKind::Max,
                                  ReduceKind::Min, ReduceKind::Mean, ReduceKind::Any,
                                  ReduceKind::All};
  bool isIdentity =
      llvm::is_contained(selective, getKind()) && getX().getType() == getType() &&
      llvm::all_of(getAxes(), [&](int64_t axis) { return getX().getType().getDimSize(axis) == 1; });
  return isIdentity ? OpFoldResult(getX()) : OpFoldResult();
}

LogicalResult ArgReduceOp::inferSizes(Adaptor adaptor, SizeReporter &reporter,
                                      SmallVectorImpl<Type> &results) {
  return append(inferArgReduce(typeOrNull(adaptor.getX()), adaptor.getAxis(), adaptor.getKeepdims(),
                               reporter),
                results);
}

LogicalResult SoftmaxOp::inferSizes(Adaptor adaptor, SizeReporter &reporter,
                                    SmallVectorImpl<Type> &results) {
  return append(inferAlongAxis(typeOrNull(adaptor.getX()), adaptor.getAxis(), reporter), results);
}

LogicalResult CumsumOp::inferSizes(Adaptor adaptor, SizeReporter &reporter,
                                   SmallVectorImpl<Type> &results) {
  return append(inferAlongAxis(typeOrNull(adaptor.getX()), adaptor.getAxis(), reporter), results);
}

static Type stashTypeOf(std::optional<Type> stated, MLIRContext *context) {
  return stated ? *stated : Float32Type::get(context);
}

Type NormalizeOp::getStashType() { return stashTypeOf(getStash(), getContext()); }

LogicalResult NormalizeOp::inferSizes(Adaptor adaptor, SizeReporter &reporter,
                                      SmallVectorImpl<Type> &results) {
  TensorType x = typeOrNull(adaptor.getX());
  if (failed(append(inferNormalize(x, typeOrNull(adaptor.getScale()), typeOrNull(adaptor.getBias()),
                                   adaptor.getAxes(), reporter),
                    results)))
    return failure();
  Type stash = stashTypeOf(adaptor.getStash(), x.getContext());
  if (!isFloatElement(stash))
    return reporter.error("stash is a float type");
  InferredType moment = inferReduce(ReduceKind::Mean, x, adaptor.getAxes(), true, reporter);
  if (failed(moment))
    return failure();
  results.append(adaptor.getKind() == NormalizeKind::Layer ? 2 : 1,
                 withElementType(*moment, stash));
  return success();
}

LogicalResult PoolOp::inferSizes(Adaptor adaptor, SizeReporter &reporter,
                                 SmallVectorImpl<Type> &results) {
  WindowAttrs attrs{adaptor.getWindow(), adaptor.getStrides(), adaptor.getPads(),
                    adaptor.getDilations()};
  TensorType x = typeOrNull(adaptor.getX());
  bool last = adaptor.getChannelsLast() && x.getRank() >= 3;
  InferredType type = inferPool(adaptor.getKind(), last ? permuted(x, toChannelsFirst(x.getRank())) : x, attrs,
                                adaptor.getCeilMode(), reporter);
  if (succeeded(type) && last)
    type = permuted(*type, toChannelsLast(x.getRank()));
  if (failed(append(type, results)))
    return failure();
  if (adaptor.getKind() == PoolKind::Max && !last)
    results.push_back(withElementType(*type, IntegerType::get(type->getContext(), 64)));
  return success();
}

} // namespace cameo::graph
