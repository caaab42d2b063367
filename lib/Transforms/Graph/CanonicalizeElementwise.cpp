// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Canonical form of elementwise ops: where constants stand, chains of casts, functions that undo or
// repeat themselves.
#include "Rewrite.h"

using namespace mlir;

namespace cameo::graph {
namespace {

bool isConstant(Value value) { return value.getDefiningOp<ConstantOp>() != nullptr; }

bool isCommutative(BinaryKind kind) {
  switch (kind) {
  case BinaryKind::Add:
  case BinaryKind::Mul:
  case BinaryKind::And:
  case BinaryKind::Or:
  case BinaryKind::Xor:
  case BinaryKind::BitAnd:
  case BinaryKind::BitOr:
  case BinaryKind::BitXor:
  case BinaryKind::Eq:
  case BinaryKind::Ne:
    return true;
  default:
    return false; // min and max are not: of two zeros or two NaNs they may give either operand
  }
}

/// op(constant, x) → op(x, constant)
struct MoveConstantRight : OpRewritePattern<BinaryOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(BinaryOp op, PatternRewriter &rewriter) const override {
    if (!isCommutative(op.getKind()) || !isConstant(op.getLhs()) || isConstant(op.getRhs()))
      return failure();
    rewriter.modifyOpInPlace(op, [&] {
      Value constant = op.getLhs();
      op.getLhsMutable().assign(op.getRhs());
      op.getRhsMutable().assign(constant);
    });
    return success();
  }
};

/// Whether the op's result keeps its type if one operand's type were `type`.
bool keepsType(BinaryOp op, bool isRight, TensorType type) {
  TensorType lhs = isRight ? op.getLhs().getType() : type;
  TensorType rhs = isRight ? type : op.getRhs().getType();
  return op.getType() == inferUnconditionally([&](SizeReporter &reporter) {
           return inferBinary(op.getKind(), lhs, rhs, reporter);
         });
}

void replaceOperand(BinaryOp op, bool isRight, Value replacement, PatternRewriter &rewriter) {
  rewriter.modifyOpInPlace(
      op, [&] { (isRight ? op.getRhsMutable() : op.getLhsMutable()).assign(replacement); });
}

/// op(x, splat of any sizes) → op(x, scalar), where the splat does not determine the sizes
struct ShrinkSplat : OpRewritePattern<BinaryOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(BinaryOp op, PatternRewriter &rewriter) const override {
    for (bool isRight : {true, false}) {
      auto constant = (isRight ? op.getRhs() : op.getLhs()).getDefiningOp<ConstantOp>();
      auto elements = constant ? dyn_cast<DenseElementsAttr>(constant.getValue()) : nullptr;
      if (!elements || !elements.isSplat() || elements.getType().getRank() == 0)
        continue;
      auto scalarType = RankedTensorType::get({}, elements.getElementType());
      if (!keepsType(op, isRight, scalarType))
        continue;
      replaceOperand(
          op, isRight,
          ConstantOp::create(rewriter, constant.getLoc(), elements.resizeSplat(scalarType)),
          rewriter);
      return success();
    }
    return failure();
  }
};

/// op(broadcast(x), y) → op(x, y), where the op broadcasts x itself
struct DropBroadcastBeforeBinary : OpRewritePattern<BinaryOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(BinaryOp op, PatternRewriter &rewriter) const override {
    for (bool isRight : {true, false})
      if (auto broadcast = (isRight ? op.getRhs() : op.getLhs()).getDefiningOp<BroadcastOp>())
        if (keepsType(op, isRight, broadcast.getX().getType())) {
          replaceOperand(op, isRight, broadcast.getX(), rewriter);
          return success();
        }
    return failure();
  }
};

/// pow(x, 2) → x * x
struct SquareByMultiplying : OpRewritePattern<BinaryOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(BinaryOp op, PatternRewriter &rewriter) const override {
    if (op.getKind() != BinaryKind::Pow || op.getLhs().getType() != op.getType() ||
        !isSplatOf(op.getRhs(), 2))
      return failure();
    rewriter.replaceOpWithNewOp<BinaryOp>(op, BinaryKind::Mul, op.getLhs(), op.getLhs());
    return success();
  }
};

/// f(f(x)) → x for involutions, f(x) for idempotent functions; abs(neg(x)) → abs(x)
struct CollapseUnaryTwice : OpRewritePattern<UnaryOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(UnaryOp op, PatternRewriter &rewriter) const override {
    auto inner = op.getX().getDefiningOp<UnaryOp>();
    if (!inner)
      return failure();
    if (op.getKind() == UnaryKind::Abs && inner.getKind() == UnaryKind::Neg) {
      rewriter.modifyOpInPlace(op, [&] { op.getXMutable().assign(inner.getX()); });
      return success();
    }
    if (inner.getKind() != op.getKind())
      return failure();
    switch (op.getKind()) {
    case UnaryKind::Neg:
    case UnaryKind::Not:
    case UnaryKind::BitNot:
      rewriter.replaceOp(op, inner.getX());
      return success();
    case UnaryKind::Abs:
    case UnaryKind::Relu:
    case UnaryKind::Ceil:
    case UnaryKind::Floor:
    case UnaryKind::Round:
    case UnaryKind::Trunc:
      rewriter.replaceOp(op, inner.getResult());
      return success();
    default:
      return failure();
    }
  }
};

/// cast(cast(x)) → cast(x), where the inner conversion loses nothing
struct MergeCasts : OpRewritePattern<CastOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(CastOp op, PatternRewriter &rewriter) const override {
    auto inner = op.getX().getDefiningOp<CastOp>();
    if (!inner || !isExactConversion(inner.getX().getType().getElementType(),
                                     inner.getType().getElementType()))
      return failure();
    rewriter.modifyOpInPlace(op, [&] { op.getXMutable().assign(inner.getX()); });
    return success();
  }
};

/// select(splat condition, a, b) → a or b
struct DecideSelect : OpRewritePattern<SelectOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(SelectOp op, PatternRewriter &rewriter) const override {
    std::optional<double> condition = getSplatValue(op.getCondition());
    if (!condition)
      return failure();
    Value chosen = *condition != 0 ? op.getA() : op.getB();
    if (chosen.getType() != op.getType())
      return failure();
    rewriter.replaceOp(op, chosen);
    return success();
  }
};

} // namespace

void populateCanonicalizeElementwisePatterns(RewritePatternSet &patterns) {
  patterns.add<CollapseUnaryTwice, DecideSelect, DropBroadcastBeforeBinary, MergeCasts,
               MoveConstantRight, ShrinkSplat, SquareByMultiplying>(patterns.getContext());
}

} // namespace cameo::graph
