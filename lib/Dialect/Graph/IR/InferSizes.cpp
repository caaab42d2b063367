// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What all families share: reporting, broadcasting, window arithmetic, and the verifier that
// compares an op's stated result types with the inferred ones.
#include "OpHelpers.h"

using namespace mlir;

namespace cameo::graph {

LogicalResult SizeReporter::error(const Twine &message) {
  if (onError)
    onError(message);
  return failure();
}

LogicalResult SizeReporter::require(const SizeExpr &condition, const Twine &message) {
  if (std::optional<int64_t> known = condition.asConstant())
    return *known ? success() : error(message);
  if (onCheck)
    onCheck(condition, message);
  return success();
}

LogicalResult SizeReporter::requireEqual(const SizeExpr &a, const SizeExpr &b, const Twine &what) {
  return require(eq(a, b), what + ": " + Twine(a.str()) + " against " + b.str());
}

/// Whether `size` is a minimum one of whose arguments is `bound`.
static bool isMinimumWith(const SizeExpr &size, const SizeExpr &bound) {
  StringRef text = size.str();
  if (!text.consume_front("min(") || !text.consume_back(")"))
    return false;
  int depth = 0;
  size_t begin = 0;
  for (size_t i = 0; i <= text.size(); ++i) {
    char c = i == text.size() ? ',' : text[i];
    depth += (c == '(') - (c == ')');
    if (depth < 0)
      return false; // the last parenthesis was not that of the minimum
    if (c != ',' || depth != 0)
      continue;
    if (text.slice(begin, i) == bound.str())
      return true;
    begin = i + 1;
  }
  return false;
}

FailureOr<SizeExpr> broadcastSize(const SizeExpr &a, const SizeExpr &b, SizeReporter &reporter) {
  if (a == b || b.isConstant(1))
    return a;
  if (a.isConstant(1))
    return b;
  // What remains holds only if the two agree or one of them is 1 at launch; a constant here is
  // not 1.
  SizeExpr agrees = eq(a, b);
  if (!a.asConstant())
    agrees = logicalOr(agrees, eq(a, 1));
  if (!b.asConstant())
    agrees = logicalOr(agrees, eq(b, 1));
  if (failed(reporter.require(agrees,
                              "sizes do not broadcast: " + Twine(a.str()) + " against " + b.str())))
    return failure();
  if (a.asConstant())
    return a;
  if (b.asConstant())
    return b;
  // min(b, …) is b or less: where the two broadcast at all, b is the result.
  if (isMinimumWith(a, b))
    return b;
  if (isMinimumWith(b, a))
    return a;
  return select(eq(a, 1), b, a);
}

FailureOr<SmallVector<SizeExpr>> broadcastSizes(ArrayRef<SmallVector<SizeExpr>> operands,
                                                SizeReporter &reporter) {
  SmallVector<SizeExpr> result;
  for (const SmallVector<SizeExpr> &operand : operands) {
    if (operand.size() > result.size())
      result.insert(result.begin(), operand.size() - result.size(), SizeExpr(1));
    size_t offset = result.size() - operand.size();
    for (auto [dim, size] : llvm::enumerate(operand)) {
      FailureOr<SizeExpr> common = broadcastSize(result[offset + dim], size, reporter);
      if (failed(common))
        return failure();
      result[offset + dim] = *common;
    }
  }
  return result;
}

SmallVector<int64_t> toChannelsLast(int64_t rank) {
  SmallVector<int64_t> perm{0};
  for (int64_t dim = 2; dim < rank; ++dim)
    perm.push_back(dim);
  perm.push_back(1);
  return perm;
}

SmallVector<int64_t> toChannelsFirst(int64_t rank) {
  SmallVector<int64_t> perm{0, rank - 1};
  for (int64_t dim = 1; dim < rank - 1; ++dim)
    perm.push_back(dim);
  return perm;
}

SmallVector<SizeExpr> permuted(ArrayRef<SizeExpr> sizes, ArrayRef<int64_t> perm) {
  return llvm::map_to_vector(perm, [&](int64_t dim) { return sizes[dim]; });
}

TensorType permuted(TensorType type, ArrayRef<int64_t> perm) {
  return makeTensorType(type.getContext(), type.getElementType(), permuted(getSizes(type), perm));
}

SmallVector<SizeExpr> asStored(ArrayRef<SizeExpr> channelsFirst, bool channelsLast) {
  return channelsLast ? permuted(channelsFirst, toChannelsLast(channelsFirst.size())) : SmallVector<SizeExpr>(channelsFirst);
}

SmallVector<SizeExpr> fromStored(ArrayRef<SizeExpr> stored, bool channelsLast) {
  return channelsLast ? permuted(stored, toChannelsFirst(stored.size())) : SmallVector<SizeExpr>(stored);
}

SizeExpr windowCount(const SizeExpr &size, const WindowAttrs &attrs, unsigned i, bool ceilMode) {
  int64_t rank = attrs.window.size(), stride = attrs.strides[i], begin = attrs.pads[i];
  int64_t extent = (attrs.window[i] - 1) * attrs.dilations[i] + 1;
  SizeExpr span = size + begin + attrs.pads[rank + i] - extent;
  if (!ceilMode)
    return floorDiv(span, stride) + 1;
  // A window that would start in the end pad does not exist.
  SizeExpr count = ceilDiv(span, stride) + 1;
  return count - le(size + begin, (count - 1) * stride);
}

LogicalResult checkAxis(int64_t axis, int64_t rank, SizeReporter &reporter) {
  if (axis >= 0 && axis < rank)
    return success();
  return reporter.error("axis " + Twine(axis) + " is outside an operand of rank " + Twine(rank));
}

LogicalResult checkAxes(ArrayRef<int64_t> axes, int64_t rank, SizeReporter &reporter) {
  for (auto [i, axis] : llvm::enumerate(axes)) {
    if (failed(checkAxis(axis, rank, reporter)))
      return failure();
    if (i && axes[i - 1] >= axis)
      return reporter.error("axes are ascending and without repetition");
  }
  return success();
}

LogicalResult checkExprs(ArrayAttr exprs, int64_t rank, StringRef what, SizeReporter &reporter) {
  if (int64_t(exprs.size()) != rank)
    return reporter.error(what + ": " + Twine(exprs.size()) + " entries for rank " + Twine(rank));
  std::string error;
  for (auto text : exprs.getAsRange<StringAttr>())
    if (!isCanonicalSize(text.getValue(), error))
      return reporter.error(what + ": " + error);
  return success();
}

LogicalResult checkWindow(const WindowAttrs &attrs, int64_t spatialRank, SizeReporter &reporter) {
  int64_t rank = spatialRank;
  if (int64_t(attrs.window.size()) != rank || int64_t(attrs.strides.size()) != rank ||
      int64_t(attrs.dilations.size()) != rank || int64_t(attrs.pads.size()) != 2 * rank)
    return reporter.error(
        "window, strides and dilations have one entry, pads two, for each of the " + Twine(rank) +
        " spatial dimensions");
  for (ArrayRef<int64_t> positive : {attrs.window, attrs.strides, attrs.dilations})
    if (llvm::any_of(positive, [](int64_t value) { return value < 1; }))
      return reporter.error("window, strides and dilations are positive");
  return success();
}

namespace detail {

LogicalResult withDiagnostics(std::optional<Location> location,
                              function_ref<LogicalResult(SizeReporter &)> infer) {
  SizeReporter reporter([&](const Twine &message) {
    if (location)
      emitError(*location) << message;
  });
  return infer(reporter);
}

LogicalResult verifyInferredSizes(Operation *op) {
  SizeReporter reporter([&](const Twine &message) { op->emitOpError() << message; });
  SmallVector<Type> inferred;
  if (failed(cast<InferSizesOpInterface>(op).inferOwnSizes(reporter, inferred)))
    return failure();
  // Trailing results are optional in some ops (indices of a pooling, moments of a normalization).
  if (op->getNumResults() > inferred.size())
    return op->emitOpError() << "has " << op->getNumResults() << " results, at most "
                             << inferred.size() << " are possible";
  for (auto [index, stated] : llvm::enumerate(op->getResultTypes()))
    if (stated != inferred[index])
      return op->emitOpError() << "result " << index << " is " << stated
                               << " but the operands give " << inferred[index];
  return success();
}

} // namespace detail
} // namespace cameo::graph
