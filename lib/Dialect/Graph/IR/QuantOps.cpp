// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Quantization: how scale and zero point fit the operand (one element, one an axis element,
// blocks).
#include "OpHelpers.h"

using namespace mlir;

namespace cameo::graph {

LogicalResult checkQuantization(TensorType x, TensorType scale, TensorType zeroPoint, int64_t axis,
                                int64_t blockSize, SizeReporter &reporter) {
  if (zeroPoint && zeroPoint.getShape() != scale.getShape())
    return reporter.error("scale and zero point have the same sizes");
  if (blockSize < 0)
    return reporter.error("block_size is not negative");
  bool isOneElement = scale.hasStaticShape() && scale.getNumElements() == 1 && scale.getRank() <= 1;
  if (isOneElement && !blockSize)
    return success();
  if (failed(checkAxis(axis, x.getRank(), reporter)))
    return failure();
  if (!blockSize) {
    if (scale.getRank() != 1)
      return reporter.error("scale is one element or a vector along the axis");
    return reporter.requireEqual(getSize(scale, 0), getSize(x, axis), "size of the scale");
  }
  if (scale.getRank() != x.getRank())
    return reporter.error("a blocked scale has the operand's rank");
  for (int64_t dim = 0; dim < x.getRank(); ++dim) {
    SizeExpr expected = getSize(x, dim);
    if (dim == axis)
      expected = ceilDiv(expected, blockSize);
    if (failed(reporter.requireEqual(getSize(scale, dim), expected,
                                     "size of the blocked scale in dimension " + Twine(dim))))
      return failure();
  }
  return success();
}

LogicalResult QuantizeOp::inferOwnSizes(SizeReporter &reporter, SmallVectorImpl<Type> &results) {
  TensorType zeroPoint = typeOrNull(getZeroPoint());
  if (zeroPoint && zeroPoint.getElementType() != getType().getElementType())
    return reporter.error("zero point and result have different element types");
  if (failed(checkQuantization(getX().getType(), getScale().getType(), zeroPoint, getAxis(),
                               getBlockSize(), reporter)))
    return failure();
  results.push_back(withElementType(getX().getType(), getType().getElementType()));
  return success();
}

LogicalResult DequantizeOp::inferOwnSizes(SizeReporter &reporter, SmallVectorImpl<Type> &results) {
  TensorType zeroPoint = typeOrNull(getZeroPoint());
  if (zeroPoint && zeroPoint.getElementType() != getX().getType().getElementType())
    return reporter.error("zero point and operand have different element types");
  if (failed(checkQuantization(getX().getType(), getScale().getType(), zeroPoint, getAxis(),
                               getBlockSize(), reporter)))
    return failure();
  results.push_back(withElementType(getX().getType(), getType().getElementType()));
  return success();
}

} // namespace cameo::graph
