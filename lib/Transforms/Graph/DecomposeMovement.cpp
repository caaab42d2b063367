// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Movements that are views or selections in disguise: tile is a broadcast between reshapes, trilu
// and one_hot select by comparing coordinates.
#include "Emit.h"
#include "Rewrite.h"

using namespace mlir;

namespace cameo::graph {
namespace {

/// How often a dimension is repeated, if the quotient of the sizes is a whole expression.
std::optional<SizeExpr> repetitions(const SizeExpr &from, const SizeExpr &to) {
  if (from == to)
    return SizeExpr(1);
  SizeExpr times = from.isConstant(1) ? to : floorDiv(to, from);
  if (times * from == to && !from.isConstant(0))
    return times;
  return std::nullopt;
}

/// tile → reshape, broadcast of the new dimensions, reshape
struct TileToBroadcast : OpRewritePattern<TileOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(TileOp op, PatternRewriter &rewriter) const override {
    SmallVector<SizeExpr> split, repeated, to = getSizes(op.getType());
    for (auto [dim, size] : llvm::enumerate(getSizes(op.getX().getType()))) {
      std::optional<SizeExpr> times = repetitions(size, to[dim]);
      if (!times)
        return rewriter.notifyMatchFailure(op, "repetition is no whole expression");
      if (!times->isConstant(1)) {
        split.push_back(1);
        repeated.push_back(*times);
      }
      split.push_back(size);
      repeated.push_back(size);
    }
    Emit emit(rewriter, op.getLoc());
    Value wide = emit.broadcast(emit.reshape(op.getX(), split), repeated);
    rewriter.replaceOp(op, emit.reshape(wide, to));
    return success();
  }
};

/// trilu → select(column - row against k, x, 0)
struct TriluToSelect : OpRewritePattern<TriluOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(TriluOp op, PatternRewriter &rewriter) const override {
    Emit emit(rewriter, op.getLoc());
    TensorType type = op.getType();
    int64_t rank = type.getRank();
    Value rows = emit.alongAxis(emit.iota(getSize(type, rank - 2)), 0, 2);
    Value columns = emit.iota(getSize(type, rank - 1));
    Value diagonal = emit.binary(BinaryKind::Sub, columns, rows);
    BinaryKind compare = op.getUpper() ? BinaryKind::Ge : BinaryKind::Le;
    Value isKept = emit.binary(compare, diagonal, emit.size(op.getKExpr()));
    rewriter.replaceOp(op, emit.select(isKept, op.getX(), emit.scalar(type.getElementType(), 0)));
    return success();
  }
};

/// one_hot → select(index == position, on, off)
struct OneHotToSelect : OpRewritePattern<OneHotOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(OneHotOp op, PatternRewriter &rewriter) const override {
    Emit emit(rewriter, op.getLoc());
    int64_t axis = op.getAxis(), rank = op.getType().getRank();
    SizeExpr depth = op.getDepthExpr();
    Value indices = emit.cast(op.getIndices(), rewriter.getI64Type());
    Value isNegative = emit.binary(BinaryKind::Lt, indices, emit.scalar(rewriter.getI64Type(), 0));
    Value fromEnd = emit.binary(BinaryKind::Add, indices, emit.size(depth));
    Value wrapped = emit.select(isNegative, fromEnd, indices);
    SmallVector<SizeExpr> sizes = getSizes(wrapped.getType());
    sizes.insert(sizes.begin() + axis, SizeExpr(1));
    Value counter = emit.alongAxis(emit.iota(depth), axis, rank);
    Value isHot = emit.binary(BinaryKind::Eq, emit.reshape(wrapped, sizes), counter);
    auto valueAt = [&](int64_t i) {
      return emit.reshape(emit.slice(op.getValues(), SizeExpr(i), SizeExpr(1)), {});
    };
    rewriter.replaceOp(op, emit.select(isHot, valueAt(1), valueAt(0)));
    return success();
  }
};

} // namespace

void populateDecomposeMovementPatterns(RewritePatternSet &patterns) {
  patterns.add<OneHotToSelect, TileToBroadcast, TriluToSelect>(patterns.getContext());
}

} // namespace cameo::graph
