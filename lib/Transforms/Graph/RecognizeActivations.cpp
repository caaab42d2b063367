// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Activations written out. A product is matched as a set of factors, whatever its association; a
// sum with a constant in either order.
#include "Rewrite.h"

using namespace mlir;

namespace cameo::graph {
namespace {

/// Constants reach models with few digits (0.79788, 1.4142); 1e-3 tells all of ours apart.
bool isNear(double value, double wanted) {
  return std::abs(value - wanted) <= 1e-3 * std::abs(wanted);
}

/// A product as factor values times one constant: mul(mul(x, 0.5), y) is {x, y} * 0.5. Divisions by
/// splats count as factors; inner products only where nobody else uses them.
struct Product {
  SmallVector<Value> factors;
  double constant = 1;
};

void collectFactors(Value value, bool isRoot, Product &product) {
  auto op = value.getDefiningOp<BinaryOp>();
  bool isScaling = op && (op.getKind() == BinaryKind::Mul ||
                          (op.getKind() == BinaryKind::Div && getSplatValue(op.getRhs())));
  if (!isScaling || !(isRoot || value.hasOneUse())) {
    product.factors.push_back(value);
    return;
  }
  if (std::optional<SplatOperand> operand = splatOperand(op)) {
    product.constant = op.getKind() == BinaryKind::Mul ? product.constant * operand->splat
                                                       : product.constant / operand->splat;
    collectFactors(operand->other, false, product);
    return;
  }
  collectFactors(op.getLhs(), false, product);
  collectFactors(op.getRhs(), false, product);
}

Product productOf(Value value) {
  Product product;
  collectFactors(value, /*isRoot=*/true, product);
  return product;
}

/// The other operand of `other + constant`.
Value addendTo(Value sum, double constant) {
  auto op = definedBy(sum, BinaryKind::Add);
  std::optional<SplatOperand> operand = op ? splatOperand(op) : std::nullopt;
  return operand && operand->splat == constant ? operand->other : Value();
}

/// x if `value` is constant * x.
struct Scaled {
  Value x;
  double factor;
};
std::optional<Scaled> scaledOf(Value value) {
  Product product = productOf(value);
  if (product.factors.size() != 1)
    return std::nullopt;
  return Scaled{product.factors[0], product.constant};
}

/// Replaces a product whose factors are x and `other(x)` (and the given constant).
template <typename MatchOther>
Value matchGate(BinaryOp op, double constant, MatchOther matchOther) {
  if (op.getKind() != BinaryKind::Mul && op.getKind() != BinaryKind::Div)
    return {};
  Product product = productOf(op.getResult());
  if (product.factors.size() != 2 || product.constant != constant)
    return {};
  for (auto [x, other] : {std::pair(product.factors[0], product.factors[1]),
                          std::pair(product.factors[1], product.factors[0])})
    if (x.getType() == op.getType() && matchOther(x, other))
      return x;
  return {};
}

//===----------------------------------------------------------------------===//
// Gelu
//===----------------------------------------------------------------------===//

/// Whether `value` is 1 + erf(x / sqrt(2)).
bool isErfGate(Value x, Value value) {
  Value addend = addendTo(value, 1);
  UnaryOp erf = addend ? definedBy(addend, UnaryKind::Erf) : UnaryOp();
  std::optional<Scaled> argument = erf ? scaledOf(erf.getX()) : std::nullopt;
  return argument && argument->x == x && isNear(argument->factor, 0.7071067811865476);
}

/// k if `value` is x to the power of k, as a product or a pow; 0 if it is anything else.
unsigned exponentOf(Value x, Value value) {
  if (value == x)
    return 1;
  if (auto pow = definedBy(value, BinaryKind::Pow))
    for (unsigned k : {2, 3})
      if (pow.getLhs() == x && isSplatOf(pow.getRhs(), k))
        return k;
  auto mul = definedBy(value, BinaryKind::Mul);
  unsigned left = mul ? exponentOf(x, mul.getLhs()) : 0;
  unsigned right = left && left < 3 ? exponentOf(x, mul.getRhs()) : 0;
  return right ? left + right : 0;
}

/// The constant c if `value` is c * x^power.
std::optional<double> scaledPower(Value x, Value value, unsigned power) {
  Product product = productOf(value);
  unsigned exponent = 0;
  for (Value factor : product.factors) {
    unsigned k = exponentOf(x, factor);
    if (!k)
      return std::nullopt;
    exponent += k;
  }
  return exponent == power ? std::optional<double>(product.constant) : std::nullopt;
}

/// Whether `value` is sqrt(2/pi) * (x + 0.044715 x³), or sqrt(2/pi) * x * (1 + 0.044715 x²).
bool isTanhArgument(Value x, Value value) {
  Product product = productOf(value);
  if (!isNear(product.constant, 0.7978845608028654))
    return false;
  auto isCoefficient = [](std::optional<double> c) { return c && isNear(*c, 0.044715); };
  if (product.factors.size() == 1) {
    auto sum = definedBy(product.factors[0], BinaryKind::Add);
    if (!sum)
      return false;
    Value cube = sum.getLhs() == x ? sum.getRhs() : sum.getRhs() == x ? sum.getLhs() : Value();
    return cube && isCoefficient(scaledPower(x, cube, 3));
  }
  if (product.factors.size() != 2)
    return false;
  Value gate = product.factors[0] == x   ? product.factors[1]
               : product.factors[1] == x ? product.factors[0]
                                         : Value();
  Value square = gate ? addendTo(gate, 1) : Value();
  return square && isCoefficient(scaledPower(x, square, 2));
}

bool isTanhGate(Value x, Value value) {
  Value addend = addendTo(value, 1);
  UnaryOp tanh = addend ? definedBy(addend, UnaryKind::Tanh) : UnaryOp();
  return tanh && isTanhArgument(x, tanh.getX());
}

/// 0.5 * x * (1 + erf(x / sqrt(2))) → gelu; its tanh form → gelu_tanh
struct ProductToGelu : OpRewritePattern<BinaryOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(BinaryOp op, PatternRewriter &rewriter) const override {
    if (Value x = matchGate(op, 0.5, isErfGate))
      return rewriter.replaceOpWithNewOp<UnaryOp>(op, UnaryKind::Gelu, x), success();
    if (Value x = matchGate(op, 0.5, isTanhGate))
      return rewriter.replaceOpWithNewOp<UnaryOp>(op, UnaryKind::GeluTanh, x), success();
    return failure();
  }
};

//===----------------------------------------------------------------------===//
// Sigmoid and its relatives
//===----------------------------------------------------------------------===//

/// The x of exp(-x) or exp(x), as wanted.
Value exponentialOf(Value value, bool negated) {
  UnaryOp exp = definedBy(value, UnaryKind::Exp);
  if (!exp || !negated)
    return exp ? exp.getX() : Value();
  if (UnaryOp neg = definedBy(exp.getX(), UnaryKind::Neg))
    return neg.getX();
  std::optional<Scaled> scaled = scaledOf(exp.getX());
  return scaled && scaled->factor == -1 ? scaled->x : Value();
}

/// 1 / (1 + exp(-x)), or the reciprocal of it → sigmoid(x)
struct ExpToSigmoid : OpRewritePattern<BinaryOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(BinaryOp op, PatternRewriter &rewriter) const override {
    if (op.getKind() != BinaryKind::Add)
      return failure();
    Value exp = addendTo(op.getResult(), 1);
    Value x = exp ? exponentialOf(exp, /*negated=*/true) : Value();
    if (!x || !op->hasOneUse())
      return failure();
    Operation *user = *op->user_begin();
    auto division = dyn_cast<BinaryOp>(user);
    bool isInverse = division && division.getKind() == BinaryKind::Div &&
                     division.getRhs() == op.getResult() && isSplatOf(division.getLhs(), 1);
    auto reciprocal = dyn_cast<UnaryOp>(user);
    isInverse |= reciprocal && reciprocal.getKind() == UnaryKind::Reciprocal;
    if (!isInverse || user->getResult(0).getType() != x.getType())
      return failure();
    rewriter.setInsertionPoint(user);
    rewriter.replaceOpWithNewOp<UnaryOp>(user, UnaryKind::Sigmoid, x);
    return success();
  }
};

/// x * sigmoid(a * x) → silu with alpha a
struct GateToSilu : OpRewritePattern<BinaryOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(BinaryOp op, PatternRewriter &rewriter) const override {
    double alpha = 1;
    Value x = matchGate(op, 1, [&](Value x, Value gate) {
      UnaryOp sigmoid = definedBy(gate, UnaryKind::Sigmoid);
      if (sigmoid && sigmoid.getX() == x)
        return alpha = 1, true;
      std::optional<Scaled> scaled = sigmoid ? scaledOf(sigmoid.getX()) : std::nullopt;
      return scaled && scaled->x == x && (alpha = scaled->factor, true);
    });
    if (!x)
      return failure();
    if (alpha == 1)
      rewriter.replaceOpWithNewOp<UnaryOp>(op, UnaryKind::Silu, x);
    else
      rewriter.replaceOpWithNewOp<UnaryOp>(op, UnaryKind::Silu, x, alpha);
    return success();
  }
};

/// x if `value` is clip(x + 3, 0, 6).
Value hardGateOperand(Value value) {
  auto clip = value.getDefiningOp<ClipOp>();
  if (!clip || !clip.getMin() || !clip.getMax() || !isSplatOf(clip.getMin(), 0) ||
      !isSplatOf(clip.getMax(), 6))
    return {};
  return addendTo(clip.getX(), 3);
}

/// clip(x + 3, 0, 6) / 6 → hard_sigmoid(x) with slope 1/6; times x → hard_swish
struct ClipToHardSigmoid : OpRewritePattern<BinaryOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(BinaryOp op, PatternRewriter &rewriter) const override {
    if (op.getKind() != BinaryKind::Mul && op.getKind() != BinaryKind::Div)
      return failure();
    Product product = productOf(op.getResult());
    // The factor 1/6 has been rounded to the model's element type.
    bool isSixth = std::abs(product.constant * 6 - 1) < 1e-6;
    if (isSixth && product.factors.size() == 1)
      if (Value x = hardGateOperand(product.factors[0])) {
        rewriter.replaceOpWithNewOp<UnaryOp>(op, UnaryKind::HardSigmoid, x, 1.0 / 6, 0.5);
        return success();
      }
    Value x = matchGate(op, product.constant, [&](Value x, Value gate) {
      if (isSixth)
        return hardGateOperand(gate) == x;
      UnaryOp hard = definedBy(gate, UnaryKind::HardSigmoid);
      return product.constant == 1 && hard && hard.getX() == x &&
             std::abs(hard.getAlphaInEffect() * 6 - 1) < 1e-6 && hard.getBetaInEffect() == 0.5;
    });
    if (!x)
      return failure();
    rewriter.replaceOpWithNewOp<UnaryOp>(op, UnaryKind::HardSwish, x);
    return success();
  }
};

/// log(1 + exp(x)) → softplus(x)
struct LogToSoftplus : OpRewritePattern<UnaryOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(UnaryOp op, PatternRewriter &rewriter) const override {
    Value exp = op.getKind() == UnaryKind::Log     ? addendTo(op.getX(), 1)
                : op.getKind() == UnaryKind::Log1p ? op.getX()
                                                   : Value();
    Value x = exp ? exponentialOf(exp, /*negated=*/false) : Value();
    if (!x || x.getType() != op.getType())
      return failure();
    rewriter.replaceOpWithNewOp<UnaryOp>(op, UnaryKind::Softplus, x);
    return success();
  }
};

/// x * tanh(softplus(x)) → mish(x)
struct GateToMish : OpRewritePattern<BinaryOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(BinaryOp op, PatternRewriter &rewriter) const override {
    Value x = matchGate(op, 1, [](Value x, Value gate) {
      UnaryOp tanh = definedBy(gate, UnaryKind::Tanh);
      UnaryOp softplus = tanh ? definedBy(tanh.getX(), UnaryKind::Softplus) : UnaryOp();
      return softplus && softplus.getX() == x;
    });
    if (!x)
      return failure();
    rewriter.replaceOpWithNewOp<UnaryOp>(op, UnaryKind::Mish, x);
    return success();
  }
};

} // namespace

void populateRecognizeActivationPatterns(RewritePatternSet &patterns) {
  patterns
      .add<ClipToHardSigmoid, ExpToSigmoid, GateToMish, GateToSilu, LogToSoftplus, ProductToGelu>(
          patterns.getContext());
}

} // namespace cameo::graph
