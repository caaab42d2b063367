// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Normalizations and softmax written out as reductions and pointwise ops.
#include "Rewrite.h"

using namespace mlir;

namespace cameo::graph {
namespace {

ReduceOp reducedBy(Value value, ReduceKind kind) {
  auto op = value.getDefiningOp<ReduceOp>();
  return op && op.getKind() == kind && op.getKeepdims() ? op : ReduceOp();
}

/// x if `value` is x * x or pow(x, 2).
Value squareOf(Value value) {
  if (auto mul = definedBy(value, BinaryKind::Mul))
    return mul.getLhs() == mul.getRhs() ? mul.getLhs() : Value();
  auto pow = definedBy(value, BinaryKind::Pow);
  return pow && isSplatOf(pow.getRhs(), 2) ? pow.getLhs() : Value();
}

/// Mean of squares plus epsilon, under a square root: sqrt(mean(x²) + epsilon).
struct RootMeanSquare {
  Value x;
  SmallVector<int64_t> axes;
  double epsilon;
};

std::optional<RootMeanSquare> rootMeanSquareOf(Value sum) {
  auto add = definedBy(sum, BinaryKind::Add);
  std::optional<SplatOperand> operand = add ? splatOperand(add) : std::nullopt;
  if (!operand || !(operand->splat >= 0))
    return std::nullopt;
  ReduceOp mean = reducedBy(operand->other, ReduceKind::Mean);
  Value x = mean ? squareOf(mean.getX()) : Value();
  if (!x || x.getType() != mean.getX().getType() || mean.getAxes().empty() ||
      !isFloatElement(mean.getType().getElementType()))
    return std::nullopt;
  return RootMeanSquare{x, llvm::to_vector(mean.getAxes()), operand->splat};
}

/// A quotient by a root mean square, however written: n / sqrt(v), n * rsqrt(v),
/// n * reciprocal(sqrt(v)), n * (1 / sqrt(v)).
struct NormalizedQuotient {
  Value numerator;
  RootMeanSquare root;
};

std::optional<RootMeanSquare> inverseRootOf(Value value) {
  if (UnaryOp rsqrt = definedBy(value, UnaryKind::Rsqrt))
    return rootMeanSquareOf(rsqrt.getX());
  Value root;
  if (UnaryOp reciprocal = definedBy(value, UnaryKind::Reciprocal))
    root = reciprocal.getX();
  else if (auto div = definedBy(value, BinaryKind::Div); div && isSplatOf(div.getLhs(), 1))
    root = div.getRhs();
  UnaryOp sqrt = root ? definedBy(root, UnaryKind::Sqrt) : UnaryOp();
  return sqrt ? rootMeanSquareOf(sqrt.getX()) : std::nullopt;
}

std::optional<NormalizedQuotient> normalizedQuotientOf(BinaryOp op) {
  if (op.getKind() == BinaryKind::Div) {
    UnaryOp sqrt = definedBy(op.getRhs(), UnaryKind::Sqrt);
    std::optional<RootMeanSquare> root = sqrt ? rootMeanSquareOf(sqrt.getX()) : std::nullopt;
    if (root)
      return NormalizedQuotient{op.getLhs(), *root};
  }
  if (op.getKind() != BinaryKind::Mul)
    return std::nullopt;
  if (std::optional<RootMeanSquare> root = inverseRootOf(op.getRhs()))
    return NormalizedQuotient{op.getLhs(), *root};
  if (std::optional<RootMeanSquare> root = inverseRootOf(op.getLhs()))
    return NormalizedQuotient{op.getRhs(), *root};
  return std::nullopt;
}

/// The x of `value` = x - mean(x) over these axes.
Value centeredOperand(Value value, ArrayRef<int64_t> axes) {
  auto sub = definedBy(value, BinaryKind::Sub);
  ReduceOp mean = sub ? reducedBy(sub.getRhs(), ReduceKind::Mean) : ReduceOp();
  return mean && mean.getX() == sub.getLhs() && mean.getAxes() == axes ? sub.getLhs() : Value();
}

/// Whether two values are the same, or the same difference written twice.
bool isSameDifference(Value a, Value b) {
  if (a == b)
    return true;
  auto subA = definedBy(a, BinaryKind::Sub), subB = definedBy(b, BinaryKind::Sub);
  if (!subA || !subB || subA.getLhs() != subB.getLhs())
    return false;
  ReduceOp meanA = reducedBy(subA.getRhs(), ReduceKind::Mean);
  ReduceOp meanB = reducedBy(subB.getRhs(), ReduceKind::Mean);
  return meanA && meanB && meanA.getX() == meanB.getX() && meanA.getAxes() == meanB.getAxes();
}

NormalizeOp createNormalize(PatternRewriter &rewriter, Location location, NormalizeKind kind,
                            Value x, Value scale, Value bias, ArrayRef<int64_t> axes,
                            double epsilon, TypeAttr stash = {}) {
  // Moments in the type the model computes them in.
  Type element = cast<TensorType>(x.getType()).getElementType();
  if (!stash && element.isF64())
    stash = TypeAttr::get(element);
  return NormalizeOp::create(rewriter, location, x.getType(), TypeRange(),
                             NormalizeKindAttr::get(rewriter.getContext(), kind), x, scale, bias,
                             rewriter.getDenseI64ArrayAttr(axes), rewriter.getF64FloatAttr(epsilon),
                             stash);
}

/// (x - mean(x)) / sqrt(mean((x - mean(x))²) + e) → normalize layer; x / sqrt(mean(x²) + e) → rms
struct QuotientToNormalize : OpRewritePattern<BinaryOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(BinaryOp op, PatternRewriter &rewriter) const override {
    std::optional<NormalizedQuotient> quotient = normalizedQuotientOf(op);
    if (!quotient || !isSameDifference(quotient->numerator, quotient->root.x) ||
        quotient->numerator.getType() != op.getType())
      return failure();
    ArrayRef<int64_t> axes = quotient->root.axes;
    Value centered = centeredOperand(quotient->numerator, axes);
    Value x = centered ? centered : quotient->numerator;
    if (x.getType() != op.getType())
      return failure();
    NormalizeKind kind = centered ? NormalizeKind::Layer : NormalizeKind::Rms;
    rewriter.replaceOp(
        op, createNormalize(rewriter, op.getLoc(), kind, x, {}, {}, axes, quotient->root.epsilon)
                .getResult());
    return success();
  }
};

/// Whether an affine operand of a normalization varies along the normalized axes alone.
bool variesAlongAxesAlone(Value value, ArrayRef<int64_t> axes, int64_t rank) {
  auto type = cast<TensorType>(value.getType());
  int64_t offset = rank - type.getRank();
  if (offset < 0)
    return false;
  for (int64_t dim = 0; dim < type.getRank(); ++dim)
    if (!llvm::is_contained(axes, dim + offset) && type.getDimSize(dim) != 1)
      return false;
  return true;
}

/// normalize(x) * scale → normalize(x, scale); normalize(…) + bias → normalize(…, bias)
struct AbsorbAffine : OpRewritePattern<BinaryOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(BinaryOp op, PatternRewriter &rewriter) const override {
    bool isScale = op.getKind() == BinaryKind::Mul;
    if (!isScale && op.getKind() != BinaryKind::Add)
      return failure();
    for (auto [value, affine] :
         {std::pair(op.getLhs(), op.getRhs()), std::pair(op.getRhs(), op.getLhs())}) {
      auto normalize = value.getDefiningOp<NormalizeOp>();
      if (!normalize || !normalize->hasOneUse() || !normalize.getMoments().empty() ||
          normalize.getBias() || (isScale && normalize.getScale()) ||
          op.getType() != normalize.getResult().getType() ||
          !variesAlongAxesAlone(affine, normalize.getAxes(), op.getType().getRank()))
        continue;
      Value scale = isScale ? affine : normalize.getScale();
      rewriter.replaceOp(
          op, createNormalize(rewriter, op.getLoc(), normalize.getKind(), normalize.getX(), scale,
                              isScale ? Value() : affine, normalize.getAxes(),
                              normalize.getEpsilon().convertToDouble(), normalize.getStashAttr())
                  .getResult());
      return success();
    }
    return failure();
  }
};

/// x * inv + (bias - mean(x) * inv) with inv = scale / sqrt(mean((x - mean(x))²) + e), as
/// TensorFlow writes it → normalize layer
struct MovingAffineToNormalize : OpRewritePattern<BinaryOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(BinaryOp op, PatternRewriter &rewriter) const override {
    if (op.getKind() != BinaryKind::Add)
      return failure();
    for (auto [left, right] :
         {std::pair(op.getLhs(), op.getRhs()), std::pair(op.getRhs(), op.getLhs())}) {
      auto scaled = definedBy(left, BinaryKind::Mul), shift = definedBy(right, BinaryKind::Sub);
      auto shiftedMean = shift ? definedBy(shift.getRhs(), BinaryKind::Mul) : BinaryOp();
      if (!scaled || !shiftedMean)
        continue;
      for (auto [x, inverse] : {std::pair(scaled.getLhs(), scaled.getRhs()),
                                std::pair(scaled.getRhs(), scaled.getLhs())}) {
        Value mean = shiftedMean.getLhs() == inverse   ? shiftedMean.getRhs()
                     : shiftedMean.getRhs() == inverse ? shiftedMean.getLhs()
                                                       : Value();
        if (mean && succeeded(rewrite(op, x, mean, inverse, shift.getLhs(), rewriter)))
          return success();
      }
    }
    return failure();
  }

private:
  static LogicalResult rewrite(BinaryOp op, Value x, Value mean, Value inverse, Value bias,
                               PatternRewriter &rewriter) {
    Value scale;
    std::optional<RootMeanSquare> root = inverseRootOf(inverse);
    if (auto product = definedBy(inverse, BinaryKind::Mul); product && !root) {
      root = inverseRootOf(product.getLhs());
      scale = product.getRhs();
      if (!root) {
        root = inverseRootOf(product.getRhs());
        scale = product.getLhs();
      }
    }
    if (!root || x.getType() != op.getType())
      return failure();
    ReduceOp reduce = reducedBy(mean, ReduceKind::Mean);
    auto type = cast<TensorType>(op.getType());
    if (!reduce || reduce.getX() != x || reduce.getAxes() != ArrayRef<int64_t>(root->axes) ||
        centeredOperand(root->x, root->axes) != x || !varyAlone(scale, root->axes, type) ||
        !varyAlone(bias, root->axes, type))
      return failure();
    rewriter.replaceOp(op, createNormalize(rewriter, op.getLoc(), NormalizeKind::Layer, x, scale,
                                           bias, root->axes, root->epsilon)
                               .getResult());
    return success();
  }

  static bool varyAlone(Value value, ArrayRef<int64_t> axes, TensorType type) {
    return !value || variesAlongAxesAlone(value, axes, type.getRank());
  }
};

//===----------------------------------------------------------------------===//
// Softmax
//===----------------------------------------------------------------------===//

/// exp(x - max(x)) / sum(exp(x - max(x))) → softmax, also without the maximum, which changes no
/// mathematical value and is what a careful kernel subtracts anyway
struct QuotientToSoftmax : OpRewritePattern<BinaryOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(BinaryOp op, PatternRewriter &rewriter) const override {
    if (op.getKind() != BinaryKind::Div)
      return failure();
    UnaryOp exp = definedBy(op.getLhs(), UnaryKind::Exp);
    ReduceOp sum = reducedBy(op.getRhs(), ReduceKind::Sum);
    if (!exp || !sum || sum.getX() != exp.getResult() || sum.getAxes().size() != 1 ||
        exp.getType() != op.getType())
      return failure();
    Value x = exp.getX();
    if (auto sub = definedBy(x, BinaryKind::Sub)) {
      ReduceOp max = reducedBy(sub.getRhs(), ReduceKind::Max);
      if (max && max.getX() == sub.getLhs() && max.getAxes() == sum.getAxes())
        x = sub.getLhs();
    }
    if (x.getType() != op.getType())
      return failure();
    rewriter.replaceOpWithNewOp<SoftmaxOp>(op, SoftmaxKind::Softmax, x, sum.getAxes()[0]);
    return success();
  }
};

/// log(softmax(x)) → log_softmax(x)
struct LogOfSoftmax : OpRewritePattern<UnaryOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(UnaryOp op, PatternRewriter &rewriter) const override {
    auto softmax = op.getX().getDefiningOp<SoftmaxOp>();
    if (op.getKind() != UnaryKind::Log || !softmax || softmax.getKind() != SoftmaxKind::Softmax ||
        !softmax->hasOneUse())
      return failure();
    rewriter.replaceOpWithNewOp<SoftmaxOp>(op, SoftmaxKind::LogSoftmax, softmax.getX(),
                                           softmax.getAxis());
    return success();
  }
};

} // namespace

void populateRecognizeNormalizationPatterns(RewritePatternSet &patterns) {
  patterns.add<AbsorbAffine, LogOfSoftmax, MovingAffineToNormalize, QuotientToNormalize,
               QuotientToSoftmax>(patterns.getContext());
}

} // namespace cameo::graph
