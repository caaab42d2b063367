// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Batch normalization at inference is a constant scale and shift per channel. After a contraction
// with constant weights both can be part of the weights and bias: conv(x, w) * s = conv(x, w * s)
// where s varies along the result channel alone. The products of constants are written as ops for
// graph-fold. Refuses weights that are not constant, other uses of the unscaled result, scales that
// vary along another dimension, and 16-bit weights (see Passes.td).
#include "Emit.h"
#include "Rewrite.h"
#include "cameo/Transforms/Graph/Passes.h"

using namespace mlir;

namespace cameo::graph {

#define GEN_PASS_DEF_GRAPHFOLDBATCHNORMPASS
#include "cameo/Transforms/Graph/Passes.h.inc"

namespace {

bool isWideFloat(TensorType type) {
  return type.getElementType().isF32() || type.getElementType().isF64();
}

/// The contraction that produces one operand of `op`, if this is its only use, and the other
/// operand.
template <typename OpT> struct ScaledContraction {
  OpT contraction;
  Value other;
  bool otherOnRight;
};

template <typename OpT> std::optional<ScaledContraction<OpT>> scaledContraction(BinaryOp op) {
  for (bool onRight : {true, false}) {
    Value other = onRight ? op.getRhs() : op.getLhs();
    auto contraction = (onRight ? op.getLhs() : op.getRhs()).template getDefiningOp<OpT>();
    if (contraction && contraction->hasOneUse() && contraction.getType() == op.getType() &&
        isWideFloat(op.getType()) && isConstantExpression(other))
      return ScaledContraction<OpT>{contraction, other, onRight};
  }
  return std::nullopt;
}

ConvOp createConv(PatternRewriter &rewriter, Location location, ConvOp conv, Value w, Value bias) {
  return ConvOp::create(rewriter, location, conv.getType(), conv.getX(), w, bias, conv.getStrides(),
                        conv.getPads(), conv.getDilations(), conv.getGroups());
}

/// conv(x, w, b) * s → conv(x, w * s, b * s); also division by s
struct ScaleIntoConv : OpRewritePattern<BinaryOp> {
  ScaleIntoConv(MLIRContext *context, Pass::Statistic &count)
      : OpRewritePattern(context), count(count) {}
  LogicalResult matchAndRewrite(BinaryOp op, PatternRewriter &rewriter) const override {
    std::optional<ScaledContraction<ConvOp>> scaled = scaledContraction<ConvOp>(op);
    bool isDiv = op.getKind() == BinaryKind::Div;
    if (!scaled || !(op.getKind() == BinaryKind::Mul || (isDiv && scaled->otherOnRight)))
      return failure();
    ConvOp conv = scaled->contraction;
    if (conv.getChannelsLast() || !isConstantExpression(conv.getW()) ||
        (conv.getBias() && !isConstantExpression(conv.getBias())))
      return failure();
    Emit emit(rewriter, op.getLoc());
    Value scale = asChannelVector(emit, scaled->other, op.getType(), /*axis=*/1);
    if (!scale)
      return failure();
    Value perFilter = Emit::typeOf(scale).getRank()
                          ? emit.alongAxis(scale, 0, conv.getW().getType().getRank())
                          : scale;
    Value w = emit.binary(op.getKind(), conv.getW(), perFilter);
    Value bias = conv.getBias() ? emit.binary(op.getKind(), conv.getBias(), scale) : Value();
    rewriter.replaceOp(op, createConv(rewriter, conv.getLoc(), conv, w, bias));
    ++count;
    return success();
  }
  Pass::Statistic &count;
};

/// conv(x, w, b) + t → conv(x, w, b + t); also subtraction of t
struct ShiftIntoConv : OpRewritePattern<BinaryOp> {
  ShiftIntoConv(MLIRContext *context, Pass::Statistic &count)
      : OpRewritePattern(context), count(count) {}
  LogicalResult matchAndRewrite(BinaryOp op, PatternRewriter &rewriter) const override {
    std::optional<ScaledContraction<ConvOp>> shifted = scaledContraction<ConvOp>(op);
    bool isSub = op.getKind() == BinaryKind::Sub;
    if (!shifted || !(op.getKind() == BinaryKind::Add || (isSub && shifted->otherOnRight)))
      return failure();
    ConvOp conv = shifted->contraction;
    TensorType w = conv.getW().getType();
    if (conv.getChannelsLast() || w.isDynamicDim(0) || (conv.getBias() && !isConstantExpression(conv.getBias())))
      return failure();
    Emit emit(rewriter, op.getLoc());
    Value shift = asChannelVector(emit, shifted->other, op.getType(), /*axis=*/1);
    if (!shift)
      return failure();
    Value bias = conv.getBias();
    if (bias)
      bias = emit.binary(op.getKind(), bias, shift);
    else
      bias = emit.broadcast(isSub ? emit.unary(UnaryKind::Neg, shift) : shift, getSize(w, 0));
    rewriter.replaceOp(op, createConv(rewriter, conv.getLoc(), conv, conv.getW(), bias));
    ++count;
    return success();
  }
  Pass::Statistic &count;
};

/// matmul(a, w) * s → matmul(a, w * s), s along the last dimension; also division
struct ScaleIntoMatmul : OpRewritePattern<BinaryOp> {
  ScaleIntoMatmul(MLIRContext *context, Pass::Statistic &count)
      : OpRewritePattern(context), count(count) {}
  LogicalResult matchAndRewrite(BinaryOp op, PatternRewriter &rewriter) const override {
    std::optional<ScaledContraction<MatmulOp>> scaled = scaledContraction<MatmulOp>(op);
    bool isDiv = op.getKind() == BinaryKind::Div;
    if (!scaled || !(op.getKind() == BinaryKind::Mul || (isDiv && scaled->otherOnRight)))
      return failure();
    MatmulOp matmul = scaled->contraction;
    if (!isConstantExpression(matmul.getB()))
      return failure();
    Emit emit(rewriter, op.getLoc());
    Value scale = asChannelVector(emit, scaled->other, op.getType(), op.getType().getRank() - 1);
    if (!scale)
      return failure();
    if (matmul.getTransposeB() && Emit::typeOf(scale).getRank())
      scale = emit.alongAxis(scale, 0, 2);
    Value b = emit.binary(op.getKind(), matmul.getB(), scale);
    rewriter.replaceOpWithNewOp<MatmulOp>(op, op.getType(), matmul.getA(), b,
                                          matmul.getTransposeA(), matmul.getTransposeB());
    ++count;
    return success();
  }
  Pass::Statistic &count;
};

struct GraphFoldBatchnorm : impl::GraphFoldBatchnormPassBase<GraphFoldBatchnorm> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<ScaleIntoConv, ScaleIntoMatmul>(&getContext(), numScales);
    patterns.add<ShiftIntoConv>(&getContext(), numShifts);
    Statistic ignored(this, "rewrites", "");
    if (failed(rewriteToFixpoint(getOperation(), std::move(patterns), ignored)))
      signalPassFailure();
  }
};

} // namespace
} // namespace cameo::graph
