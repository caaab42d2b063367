// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Matmul and convolutions: sizes and checks.
#include "OpHelpers.h"

using namespace mlir;

namespace cameo::graph {

InferredType inferMatmul(TensorType a, TensorType b, bool transposeA, bool transposeB,
                         SizeReporter &reporter, Type resultElement) {
  if (!resultElement && a.getElementType() != b.getElementType())
    return reporter.error("matmul: operands have different element types");
  if (a.getRank() < 2 || b.getRank() < 2)
    return reporter.error("matmul needs operands of rank 2 or more");
  SmallVector<SizeExpr> sizesA = getSizes(a), sizesB = getSizes(b);
  SizeExpr lastA = sizesA.pop_back_val(), rowsA = sizesA.pop_back_val();
  SizeExpr lastB = sizesB.pop_back_val(), rowsB = sizesB.pop_back_val();
  if (transposeA)
    std::swap(lastA, rowsA);
  if (transposeB)
    std::swap(lastB, rowsB);
  if (failed(reporter.requireEqual(lastA, rowsB, "matmul: inner sizes differ")))
    return failure();
  FailureOr<SmallVector<SizeExpr>> sizes = broadcastSizes({sizesA, sizesB}, reporter);
  if (failed(sizes))
    return failure();
  sizes->append({rowsA, lastB});
  return makeTensorType(a.getContext(), resultElement ? resultElement : a.getElementType(), *sizes);
}

/// What conv and conv_transpose share: ranks, window attributes, groups, bias. `channels` is the
/// size of x that the groups divide, `weightChannels` the matching one of the weights.
static LogicalResult checkConvolution(TensorType x, TensorType w, TensorType bias,
                                      const WindowAttrs &attrs, int64_t groups,
                                      SizeReporter &reporter) {
  if (x.getRank() < 3 || x.getRank() != w.getRank())
    return reporter.error("operand and weights have the same rank, 3 or more; got " +
                          Twine(x.getRank()) + " and " + Twine(w.getRank()));
  if (failed(checkWindow(attrs, x.getRank() - 2, reporter)))
    return failure();
  if (groups < 1)
    return reporter.error("groups is positive");
  if (bias && bias.getRank() != 1)
    return reporter.error("bias is a vector");
  if (bias && bias.getElementType() != x.getElementType())
    return reporter.error("bias and operand have different element types");
  return success();
}

/// The extent of the weights' window in spatial dimension i, with its dilation.
static SizeExpr extentOf(TensorType w, ArrayRef<int64_t> dilations, unsigned i) {
  return (getSize(w, 2 + i) - 1) * dilations[i] + 1;
}

/// The window as far as it is known, for checks of the attributes; 1 where it is a size of the launch.
static SmallVector<int64_t> knownWindow(TensorType w) {
  SmallVector<int64_t> window;
  for (int64_t size : w.getShape().drop_front(std::min<int64_t>(2, w.getRank())))
    window.push_back(ShapedType::isDynamic(size) ? 1 : size);
  return window;
}

InferredType inferConv(TensorType x, TensorType w, TensorType bias, ArrayRef<int64_t> strides,
                       ArrayRef<int64_t> pads, ArrayRef<int64_t> dilations, int64_t groups,
                       SizeReporter &reporter, Type resultElement) {
  if (!resultElement && x.getElementType() != w.getElementType())
    return reporter.error("conv: operand and weights have different element types");
  SmallVector<int64_t> window = knownWindow(w);
  WindowAttrs attrs{window, strides, pads, dilations};
  if (failed(checkConvolution(x, w, bias, attrs, groups, reporter)))
    return failure();
  SmallVector<SizeExpr> sizes = getSizes(x);
  SizeExpr outputChannels = getSize(w, 0);
  if (failed(
          reporter.requireEqual(sizes[1], getSize(w, 1) * groups,
                                "conv: channels differ from groups times those of the weights")) ||
      failed(reporter.require(eq(mod(outputChannels, groups), 0),
                              "conv: groups do not divide the result channels")) ||
      (bias &&
       failed(reporter.requireEqual(getSize(bias, 0), outputChannels, "conv: size of the bias"))))
    return failure();
  sizes[1] = outputChannels;
  for (unsigned i = 0, rank = window.size(); i < rank; ++i) {
    SizeExpr span = sizes[2 + i] + pads[i] + pads[rank + i] - extentOf(w, dilations, i);
    sizes[2 + i] = floorDiv(span, strides[i]) + 1;
    if (failed(reporter.require(
            le(0, sizes[2 + i]),
            "conv: window larger than the padded operand in spatial dimension " + Twine(i))))
      return failure();
  }
  return makeTensorType(x.getContext(), resultElement ? resultElement : x.getElementType(), sizes);
}

InferredType inferConvTranspose(TensorType x, TensorType w, TensorType bias,
                                ArrayRef<int64_t> strides, ArrayRef<int64_t> pads,
                                ArrayRef<int64_t> dilations, ArrayRef<int64_t> outputPadding,
                                int64_t groups, SizeReporter &reporter) {
  if (x.getElementType() != w.getElementType())
    return reporter.error("conv_transpose: operand and weights have different element types");
  SmallVector<int64_t> window = knownWindow(w);
  WindowAttrs attrs{window, strides, pads, dilations};
  if (failed(checkConvolution(x, w, bias, attrs, groups, reporter)))
    return failure();
  if (outputPadding.size() != window.size())
    return reporter.error("output_padding has one entry a spatial dimension");
  SmallVector<SizeExpr> sizes = getSizes(x);
  SizeExpr outputChannels = getSize(w, 1) * groups;
  if (failed(reporter.requireEqual(sizes[1], getSize(w, 0),
                                   "conv_transpose: channels differ from those of the weights")) ||
      failed(reporter.require(eq(mod(sizes[1], groups), 0),
                              "conv_transpose: groups do not divide the channels")) ||
      (bias && failed(reporter.requireEqual(getSize(bias, 0), outputChannels,
                                            "conv_transpose: size of the bias"))))
    return failure();
  sizes[1] = outputChannels;
  int64_t spatialRank = window.size();
  for (int64_t i = 0; i < spatialRank; ++i) {
    sizes[2 + i] = (sizes[2 + i] - 1) * strides[i] + outputPadding[i] +
                   extentOf(w, dilations, i) - pads[i] - pads[spatialRank + i];
    if (failed(reporter.require(le(0, sizes[2 + i]),
                                "conv_transpose: negative size in spatial dimension " + Twine(i))))
      return failure();
  }
  return makeTensorType(x.getContext(), x.getElementType(), sizes);
}

//===----------------------------------------------------------------------===//
// Ops
//===----------------------------------------------------------------------===//

LogicalResult MatmulOp::inferSizes(Adaptor adaptor, SizeReporter &reporter,
                                   SmallVectorImpl<Type> &results) {
  return append(inferMatmul(typeOrNull(adaptor.getA()), typeOrNull(adaptor.getB()),
                            adaptor.getTransposeA(), adaptor.getTransposeB(), reporter),
                results);
}

LogicalResult ConvOp::inferSizes(Adaptor adaptor, SizeReporter &reporter,
                                 SmallVectorImpl<Type> &results) {
  TensorType x = typeOrNull(adaptor.getX()), w = typeOrNull(adaptor.getW());
  bool last = adaptor.getChannelsLast() && x.getRank() >= 3 && w.getRank() == x.getRank();
  if (last) {
    x = permuted(x, toChannelsFirst(x.getRank()));
    w = permuted(w, toChannelsFirst(w.getRank()));
  }
  InferredType result = inferConv(x, w, typeOrNull(adaptor.getBias()), adaptor.getStrides(),
                                  adaptor.getPads(), adaptor.getDilations(), adaptor.getGroups(), reporter);
  if (succeeded(result) && last)
    result = permuted(*result, toChannelsLast(result->getRank()));
  return append(result, results);
}

LogicalResult ConvTransposeOp::inferSizes(Adaptor adaptor, SizeReporter &reporter,
                                          SmallVectorImpl<Type> &results) {
  return append(inferConvTranspose(typeOrNull(adaptor.getX()), typeOrNull(adaptor.getW()),
                                   typeOrNull(adaptor.getBias()), adaptor.getStrides(),
                                   adaptor.getPads(), adaptor.getDilations(),
                                   adaptor.getOutputPadding(), adaptor.getGroups(), reporter),
                results);
}

/// A zero point has the element type of its operand.
static LogicalResult checkZeroPoint(TensorType zeroPoint, TensorType operand, const Twine &name,
                                    SizeReporter &reporter) {
  if (zeroPoint && zeroPoint.getElementType() != operand.getElementType())
    return reporter.error(name + " has another element type than its operand");
  return success();
}

LogicalResult MatmulIntegerOp::inferSizes(Adaptor adaptor, SizeReporter &reporter,
                                          SmallVectorImpl<Type> &results) {
  TensorType a = typeOrNull(adaptor.getA()), b = typeOrNull(adaptor.getB());
  if (failed(checkZeroPoint(typeOrNull(adaptor.getAZeroPoint()), a, "a_zero_point", reporter)) ||
      failed(checkZeroPoint(typeOrNull(adaptor.getBZeroPoint()), b, "b_zero_point", reporter)))
    return failure();
  return append(inferMatmul(a, b, false, false, reporter, IntegerType::get(a.getContext(), 32)),
                results);
}

LogicalResult ConvIntegerOp::inferSizes(Adaptor adaptor, SizeReporter &reporter,
                                        SmallVectorImpl<Type> &results) {
  TensorType x = typeOrNull(adaptor.getX()), w = typeOrNull(adaptor.getW());
  if (failed(checkZeroPoint(typeOrNull(adaptor.getXZeroPoint()), x, "x_zero_point", reporter)) ||
      failed(checkZeroPoint(typeOrNull(adaptor.getWZeroPoint()), w, "w_zero_point", reporter)))
    return failure();
  return append(inferConv(x, w, {}, adaptor.getStrides(), adaptor.getPads(), adaptor.getDilations(),
                          adaptor.getGroups(), reporter, IntegerType::get(x.getContext(), 32)),
                results);
}

} // namespace cameo::graph
