// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Ordering by counting: the rank of an element is the number of elements that come before it. Every
// comparison is independent of the others, the work is n² a line, and the result does not depend on
// any order of execution. Lines of some thousand elements are served well; a sort in shared memory
// would serve longer ones better.
#include "Emit.h"
#include "Rewrite.h"

using namespace mlir;

namespace cameo::graph {
namespace {

/// Whether a orders below b, where a NaN orders above every number.
Value isBelow(Emit &emit, Value a, Value b) {
  Value below = emit.binary(BinaryKind::Lt, a, b);
  if (!isFloatElement(Emit::typeOf(a).getElementType()))
    return below;
  Value aIsNumber = emit.unary(UnaryKind::Not, emit.unary(UnaryKind::IsNan, a));
  Value onlyB = emit.binary(BinaryKind::And, emit.unary(UnaryKind::IsNan, b), aIsNumber);
  return emit.binary(BinaryKind::Or, below, onlyB);
}

/// topk → the count of what comes before each element; then, for each place of the result, the position
/// of the element with that count; then a gather.
struct TopkToCounts : OpRewritePattern<TopkOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(TopkOp op, PatternRewriter &rewriter) const override {
    Emit emit(rewriter, op.getLoc());
    int64_t axis = op.getAxis(), rank = op.getX().getType().getRank();
    SmallVector<SizeExpr> sizes = getSizes(op.getX().getType());
    SizeExpr length = sizes[axis], k = op.getKExpr();
    // Two dimensions in place of the axis: the element asked about, and the one it is compared with.
    auto along = [&](Value x, bool second) {
      SmallVector<SizeExpr> wide = sizes;
      wide.insert(wide.begin() + axis + !second, SizeExpr(1));
      return emit.reshape(x, wide);
    };
    auto positions = [&](const SizeExpr &count, bool second) {
      return emit.alongAxis(emit.iota(count), axis + second, rank + 1);
    };
    Value self = along(op.getX(), false), other = along(op.getX(), true);
    Value better = op.getLargest() ? isBelow(emit, self, other) : isBelow(emit, other, self);
    Value worse = op.getLargest() ? isBelow(emit, other, self) : isBelow(emit, self, other);
    Value earlier = emit.binary(BinaryKind::Lt, positions(length, true), positions(length, false));
    Value tied = emit.binary(BinaryKind::And, emit.unary(UnaryKind::Not, worse), earlier);
    Value before = emit.binary(BinaryKind::Or, better, tied);
    Type i32 = rewriter.getI32Type(), i64 = rewriter.getI64Type();
    Value count = emit.reduce(ReduceKind::Sum, emit.cast(before, i32), {axis + 1}, false);

    Value place = emit.cast(positions(k, false), i32);
    Value isThere = emit.binary(BinaryKind::Eq, along(count, true), place);
    Value position = emit.select(isThere, positions(length, true), emit.scalar(i64, 0));
    Value indices = emit.reduce(ReduceKind::Sum, position, {axis + 1}, false);
    Value values = GatherElementsOp::create(rewriter, op.getLoc(), op.getX(), indices, axis);
    rewriter.replaceOp(op, {values, indices});
    return success();
  }
};

} // namespace

void populateDecomposeOrderPatterns(RewritePatternSet &patterns) {
  patterns.add<TopkToCounts>(patterns.getContext());
}

} // namespace cameo::graph
