// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Gather, scatter, resize, one-hot and top-k: sizes and checks.
#include "OpHelpers.h"

using namespace mlir;

namespace cameo::graph {

//===----------------------------------------------------------------------===//
// Inference
//===----------------------------------------------------------------------===//

InferredType inferGather(TensorType x, TensorType indices, int64_t axis, SizeReporter &reporter) {
  if (failed(checkAxis(axis, x.getRank(), reporter)))
    return failure();
  SmallVector<SizeExpr> sizes = getSizes(x), picked = getSizes(indices);
  sizes.erase(sizes.begin() + axis);
  sizes.insert(sizes.begin() + axis, picked.begin(), picked.end());
  return makeTensorType(x.getContext(), x.getElementType(), sizes);
}

InferredType inferGatherElements(TensorType x, TensorType indices, int64_t axis,
                                 SizeReporter &reporter) {
  if (x.getRank() != indices.getRank())
    return reporter.error("operand and indices have the same rank; got " + Twine(x.getRank()) +
                          " and " + Twine(indices.getRank()));
  if (failed(checkAxis(axis, x.getRank(), reporter)))
    return failure();
  for (int64_t dim = 0; dim < x.getRank(); ++dim)
    if (dim != axis &&
        failed(reporter.require(le(getSize(indices, dim), getSize(x, dim)),
                                "more indices than elements in dimension " + Twine(dim))))
      return failure();
  return withElementType(indices, x.getElementType());
}

/// The length of the index tuples: how many dimensions of x each addresses, after `batchDims`.
static FailureOr<int64_t> tupleLength(TensorType x, TensorType indices, int64_t batchDims,
                                      SizeReporter &reporter) {
  auto fail = [&](const Twine &message) -> FailureOr<int64_t> { return reporter.error(message); };
  if (x.getRank() < 1 || indices.getRank() < 1)
    return fail("operand and indices have rank 1 or more");
  int64_t length = indices.getShape().back();
  if (ShapedType::isDynamic(length))
    return fail("the length of the index tuples is unknown at compile time");
  if (batchDims < 0 || batchDims >= std::min(x.getRank(), indices.getRank()))
    return fail("batch_dims is outside the ranks");
  if (length < 1 || batchDims + length > x.getRank())
    return fail("index tuples of length " + Twine(length) + " for an operand of rank " +
                Twine(x.getRank()));
  return length;
}

InferredType inferGatherNd(TensorType x, TensorType indices, int64_t batchDims,
                           SizeReporter &reporter) {
  FailureOr<int64_t> length = tupleLength(x, indices, batchDims, reporter);
  if (failed(length))
    return failure();
  SmallVector<SizeExpr> from = getSizes(x), sizes = getSizes(indices);
  for (int64_t dim = 0; dim < batchDims; ++dim)
    if (failed(reporter.requireEqual(from[dim], sizes[dim], "gather_nd: batch sizes differ")))
      return failure();
  sizes.pop_back();
  sizes.append(from.begin() + batchDims + *length, from.end());
  return makeTensorType(x.getContext(), x.getElementType(), sizes);
}

InferredType inferScatterElements(TensorType x, TensorType indices, TensorType updates,
                                  int64_t axis, SizeReporter &reporter) {
  InferredType updated = inferGatherElements(x, indices, axis, reporter);
  if (failed(updated))
    return failure();
  if (updates.getElementType() != x.getElementType() || updates.getRank() != indices.getRank())
    return reporter.error("updates have the operand's element type and the indices' rank");
  for (int64_t dim = 0; dim < updates.getRank(); ++dim)
    if (failed(reporter.requireEqual(getSize(updates, dim), getSize(indices, dim),
                                     "scatter_elements: updates against indices")))
      return failure();
  return x;
}

InferredType inferScatterNd(TensorType x, TensorType indices, TensorType updates,
                            SizeReporter &reporter) {
  InferredType expected = inferGatherNd(x, indices, 0, reporter);
  if (failed(expected))
    return failure();
  if (updates.getElementType() != x.getElementType() || updates.getRank() != expected->getRank())
    return reporter.error("updates are of rank " + Twine(expected->getRank()) +
                          " and of the operand's element type");
  for (int64_t dim = 0; dim < updates.getRank(); ++dim)
    if (failed(reporter.requireEqual(getSize(updates, dim), getSize(*expected, dim),
                                     "scatter_nd: size of the updates")))
      return failure();
  return x;
}

InferredType inferOneHot(TensorType indices, TensorType values, int64_t axis, const SizeExpr &depth,
                         SizeReporter &reporter) {
  if (values.getRank() != 1)
    return reporter.error("values are a vector of two elements");
  if (failed(reporter.requireEqual(getSize(values, 0), 2, "one_hot: number of values")) ||
      failed(checkAxis(axis, indices.getRank() + 1, reporter)))
    return failure();
  SmallVector<SizeExpr> sizes = getSizes(indices);
  sizes.insert(sizes.begin() + axis, depth);
  return makeTensorType(values.getContext(), values.getElementType(), sizes);
}

InferredType inferTopk(TensorType x, int64_t axis, const SizeExpr &k, SizeReporter &reporter) {
  SmallVector<SizeExpr> sizes = getSizes(x);
  if (failed(checkAxis(axis, sizes.size(), reporter)) ||
      failed(reporter.require(le(k, sizes[axis]), "topk: k = " + Twine(k.str()) + " of " +
                                                      sizes[axis].str() + " elements")))
    return failure();
  sizes[axis] = k;
  return makeTensorType(x.getContext(), x.getElementType(), sizes);
}

//===----------------------------------------------------------------------===//
// Ops
//===----------------------------------------------------------------------===//

LogicalResult GatherOp::inferSizes(Adaptor adaptor, SizeReporter &reporter,
                                   SmallVectorImpl<Type> &results) {
  return append(inferGather(typeOrNull(adaptor.getX()), typeOrNull(adaptor.getIndices()),
                            adaptor.getAxis(), reporter),
                results);
}

LogicalResult GatherElementsOp::inferSizes(Adaptor adaptor, SizeReporter &reporter,
                                           SmallVectorImpl<Type> &results) {
  return append(inferGatherElements(typeOrNull(adaptor.getX()), typeOrNull(adaptor.getIndices()),
                                    adaptor.getAxis(), reporter),
                results);
}

LogicalResult GatherNdOp::inferSizes(Adaptor adaptor, SizeReporter &reporter,
                                     SmallVectorImpl<Type> &results) {
  return append(inferGatherNd(typeOrNull(adaptor.getX()), typeOrNull(adaptor.getIndices()),
                              adaptor.getBatchDims(), reporter),
                results);
}

LogicalResult ScatterElementsOp::inferSizes(Adaptor adaptor, SizeReporter &reporter,
                                            SmallVectorImpl<Type> &results) {
  return append(inferScatterElements(typeOrNull(adaptor.getX()), typeOrNull(adaptor.getIndices()),
                                     typeOrNull(adaptor.getUpdates()), adaptor.getAxis(), reporter),
                results);
}

LogicalResult ScatterNdOp::inferSizes(Adaptor adaptor, SizeReporter &reporter,
                                      SmallVectorImpl<Type> &results) {
  return append(inferScatterNd(typeOrNull(adaptor.getX()), typeOrNull(adaptor.getIndices()),
                               typeOrNull(adaptor.getUpdates()), reporter),
                results);
}

SizeExpr OneHotOp::getDepthExpr() { return getSizeExpr(getDepth()); }

LogicalResult OneHotOp::inferSizes(Adaptor adaptor, SizeReporter &reporter,
                                   SmallVectorImpl<Type> &results) {
  std::string error;
  if (!isCanonicalSize(adaptor.getDepth(), error))
    return reporter.error("depth: " + Twine(error));
  return append(inferOneHot(typeOrNull(adaptor.getIndices()), typeOrNull(adaptor.getValues()),
                            adaptor.getAxis(), getSizeExpr(adaptor.getDepth()), reporter),
                results);
}

SizeExpr TopkOp::getKExpr() { return getSizeExpr(getK()); }

LogicalResult TopkOp::inferSizes(Adaptor adaptor, SizeReporter &reporter,
                                 SmallVectorImpl<Type> &results) {
  std::string error;
  if (!isCanonicalSize(adaptor.getK(), error))
    return reporter.error("k: " + Twine(error));
  InferredType values = inferTopk(typeOrNull(adaptor.getX()), adaptor.getAxis(),
                                  getSizeExpr(adaptor.getK()), reporter);
  if (failed(append(values, results)))
    return failure();
  results.push_back(withElementType(*values, IntegerType::get(values->getContext(), 64)));
  return success();
}

LogicalResult ResizeOp::inferOwnSizes(SizeReporter &reporter, SmallVectorImpl<Type> &results) {
  TensorType x = getX().getType(), result = getType();
  if (x.getRank() != result.getRank() || x.getElementType() != result.getElementType())
    return reporter.error("resize keeps rank and element type");
  if (failed(checkAxes(getAxes(), x.getRank(), reporter)))
    return failure();
  size_t numAxes = getAxes().size();
  if (getScaleValues() && getScaleValues()->size() != numAxes)
    return reporter.error("scale_values has one entry an axis");
  if (getRoiValues() && getRoiValues()->size() != 2 * numAxes)
    return reporter.error("roi_values has two entries an axis");
  if (getScaleValues() && getScales())
    return reporter.error("scales are given as an operand or as values, not both");
  for (int64_t dim = 0; dim < x.getRank(); ++dim)
    if (!llvm::is_contained(getAxes(), dim) &&
        failed(reporter.requireEqual(getSize(x, dim), getSize(result, dim),
                                     "resize: dimension " + Twine(dim) + " is not in axes")))
      return failure();
  results.push_back(result);
  return success();
}

} // namespace cameo::graph
