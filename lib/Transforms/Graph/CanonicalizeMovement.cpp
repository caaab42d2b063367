// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Canonical form of data movement: chains merge, movements of splats disappear, transposes become
// reshapes or flags where they can.
#include "Rewrite.h"

using namespace mlir;

namespace cameo::graph {
namespace {

/// op(op(x)) → op(x) for ops whose result type says it all
template <typename OpT> struct MergeStated : OpRewritePattern<OpT> {
  using OpRewritePattern<OpT>::OpRewritePattern;
  LogicalResult matchAndRewrite(OpT op, PatternRewriter &rewriter) const override {
    auto inner = op.getX().template getDefiningOp<OpT>();
    if (!inner)
      return failure();
    rewriter.modifyOpInPlace(op, [&] { op.getXMutable().assign(inner.getX()); });
    return success();
  }
};

/// transpose(transpose(x)) → transpose(x) with the composed permutation
struct MergeTransposes : OpRewritePattern<TransposeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(TransposeOp op, PatternRewriter &rewriter) const override {
    auto inner = op.getX().getDefiningOp<TransposeOp>();
    if (!inner)
      return failure();
    SmallVector<int64_t> perm;
    for (int64_t dim : op.getPerm())
      perm.push_back(inner.getPerm()[dim]);
    rewriter.replaceOpWithNewOp<TransposeOp>(op, op.getType(), inner.getX(), perm);
    return success();
  }
};

/// A transpose that keeps the order of all dimensions other than 1 → reshape
struct TransposeOfOnesToReshape : OpRewritePattern<TransposeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(TransposeOp op, PatternRewriter &rewriter) const override {
    int64_t last = -1;
    for (int64_t dim : op.getPerm()) {
      if (op.getX().getType().getDimSize(dim) == 1)
        continue;
      if (dim < last)
        return failure();
      last = dim;
    }
    rewriter.replaceOpWithNewOp<ReshapeOp>(op, op.getType(), op.getX());
    return success();
  }
};

/// matmul(transpose(a), b) → matmul(a, b) transpose_a, for the two innermost dimensions
struct FoldTransposeIntoMatmul : OpRewritePattern<MatmulOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(MatmulOp op, PatternRewriter &rewriter) const override {
    TransposeOp a = innermostSwap(op.getA()), b = innermostSwap(op.getB());
    if (!a && !b)
      return failure();
    rewriter.replaceOpWithNewOp<MatmulOp>(op, op.getType(), a ? a.getX() : op.getA(),
                                          b ? b.getX() : op.getB(), op.getTransposeA() != bool(a),
                                          op.getTransposeB() != bool(b));
    return success();
  }

private:
  static TransposeOp innermostSwap(Value value) {
    auto op = value.getDefiningOp<TransposeOp>();
    if (!op)
      return {};
    int64_t rank = op.getPerm().size();
    for (auto [to, from] : llvm::enumerate(op.getPerm())) {
      int64_t dim = to;
      int64_t wanted = dim == rank - 1 ? rank - 2 : dim == rank - 2 ? rank - 1 : dim;
      if (from != wanted)
        return {};
    }
    return op;
  }
};

/// slice(slice(x)) → slice(x): starts add up, steps multiply
struct MergeSlices : OpRewritePattern<SliceOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(SliceOp op, PatternRewriter &rewriter) const override {
    auto inner = op.getX().getDefiningOp<SliceOp>();
    if (!inner)
      return failure();
    SmallVector<SizeExpr> starts = inner.getStartExprs(), steps = inner.getStepExprs();
    SmallVector<SizeExpr> outerStarts = op.getStartExprs(), outerSteps = op.getStepExprs();
    for (size_t dim = 0; dim < starts.size(); ++dim) {
      starts[dim] += outerStarts[dim] * steps[dim];
      steps[dim] *= outerSteps[dim];
    }
    rewriter.replaceOpWithNewOp<SliceOp>(op, op.getType(), inner.getX(), starts, steps);
    return success();
  }
};

/// concat(a, concat(b, c)) → concat(a, b, c); operands that are empty along the axis go
struct FlattenConcat : OpRewritePattern<ConcatOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ConcatOp op, PatternRewriter &rewriter) const override {
    SmallVector<Value> inputs;
    bool isChanged = false;
    for (Value input : op.getInputs()) {
      auto inner = input.getDefiningOp<ConcatOp>();
      bool isEmpty = cast<TensorType>(input.getType()).getDimSize(op.getAxis()) == 0;
      if (inner && inner.getAxis() == op.getAxis() && inner->hasOneUse())
        llvm::append_range(inputs, inner.getInputs());
      else if (!isEmpty)
        inputs.push_back(input);
      else {
        isChanged = true;
        continue;
      }
      isChanged |= inputs.back() != input;
    }
    if (!isChanged || inputs.empty())
      return failure();
    rewriter.replaceOpWithNewOp<ConcatOp>(op, op.getType(), inputs, op.getAxis());
    return success();
  }
};

/// A movement of a splat constant with a static result → a splat constant
template <typename OpT> struct MoveSplat : OpRewritePattern<OpT> {
  using OpRewritePattern<OpT>::OpRewritePattern;
  LogicalResult matchAndRewrite(OpT op, PatternRewriter &rewriter) const override {
    auto constant = op.getX().template getDefiningOp<ConstantOp>();
    auto elements = constant ? dyn_cast<DenseElementsAttr>(constant.getValue()) : nullptr;
    if (!elements || !elements.isSplat() || !op.getType().hasStaticShape())
      return failure();
    rewriter.replaceOpWithNewOp<ConstantOp>(op, elements.resizeSplat(op.getType()));
    return success();
  }
};

/// conv(pad(x) with zeros) → conv(x) with larger pads
struct FoldPadIntoConv : OpRewritePattern<ConvOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ConvOp op, PatternRewriter &rewriter) const override {
    auto pad = op.getX().getDefiningOp<PadOp>();
    if (!pad || op.getChannelsLast() || pad.getMode() != PadMode::Constant ||
        (pad.getValue() && !isSplatOf(pad.getValue(), 0)))
      return failure();
    SmallVector<int64_t> pads(op.getPads());
    int64_t spatialRank = pads.size() / 2;
    SmallVector<SizeExpr> lo = pad.getLoExprs(), hi = pad.getHiExprs();
    for (int64_t dim = 0, rank = lo.size(); dim < rank; ++dim) {
      std::optional<int64_t> begin = lo[dim].asConstant(), end = hi[dim].asConstant();
      bool isSpatial = dim >= 2;
      if (!begin || !end || *begin < 0 || *end < 0 || (!isSpatial && (*begin || *end)))
        return failure();
      if (isSpatial) {
        pads[dim - 2] += *begin;
        pads[spatialRank + dim - 2] += *end;
      }
    }
    rewriter.modifyOpInPlace(op, [&] {
      op.getXMutable().assign(pad.getX());
      op.setPads(pads);
    });
    return success();
  }
};

} // namespace

void populateCanonicalizeMovementPatterns(RewritePatternSet &patterns) {
  patterns.add<MergeStated<ReshapeOp>, MergeStated<BroadcastOp>, MergeTransposes,
               TransposeOfOnesToReshape, FoldPadIntoConv, FoldTransposeIntoMatmul, MergeSlices,
               FlattenConcat, MoveSplat<ReshapeOp>, MoveSplat<TransposeOp>, MoveSplat<BroadcastOp>,
               MoveSplat<SliceOp>, MoveSplat<TileOp>>(patterns.getContext());
}

} // namespace cameo::graph
