// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The greedy driver of the graph passes and the questions their patterns ask.
#include "Rewrite.h"
#include "Emit.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

using namespace mlir;

namespace cameo::graph {

namespace {

struct CountingListener : RewriterBase::Listener {
  explicit CountingListener(Pass::Statistic &numRewrites) : numRewrites(numRewrites) {}
  void notifyPatternEnd(const Pattern &, LogicalResult status) override {
    if (succeeded(status))
      ++numRewrites;
  }
  Pass::Statistic &numRewrites;
};

} // namespace

LogicalResult rewriteToFixpoint(Operation *root, RewritePatternSet &&patterns,
                                Pass::Statistic &numRewrites) {
  CountingListener listener(numRewrites);
  GreedyRewriteConfig config;
  config.setListener(&listener);
  // Every pattern shrinks a measure (ops, uses, operands), so a limit would only cut long chains
  // short.
  config.setMaxIterations(GreedyRewriteConfig::kNoLimit);
  if (succeeded(applyPatternsGreedily(root, std::move(patterns), config)))
    return success();
  return root->emitError("graph rewriting does not come to rest");
}

std::optional<TensorType> inferUnconditionally(function_ref<InferredType(SizeReporter &)> infer) {
  bool isConditional = false;
  SizeReporter reporter([](const Twine &) {},
                        [&](const SizeExpr &, const Twine &) { isConditional = true; });
  InferredType type = infer(reporter);
  if (failed(type) || isConditional)
    return std::nullopt;
  return *type;
}

bool isExactConversion(Type from, Type to) {
  if (from == to)
    return true;
  if (isBoolElement(from))
    return isRealElement(to);
  auto fromFloat = dyn_cast<FloatType>(from), toFloat = dyn_cast<FloatType>(to);
  if (fromFloat && toFloat) {
    // Only IEEE-like targets hold every infinity and NaN.
    const llvm::fltSemantics &narrow = fromFloat.getFloatSemantics();
    const llvm::fltSemantics &wide = toFloat.getFloatSemantics();
    unsigned narrowBits = APFloat::semanticsPrecision(narrow);
    unsigned wideBits = APFloat::semanticsPrecision(wide);
    return isa<Float16Type, BFloat16Type, Float32Type, Float64Type>(to) && narrowBits <= wideBits &&
           APFloat::semanticsMaxExponent(narrow) <= APFloat::semanticsMaxExponent(wide) &&
           APFloat::semanticsMinExponent(narrow) - int(narrowBits) >=
               APFloat::semanticsMinExponent(wide) - int(wideBits);
  }
  auto fromInt = dyn_cast<IntegerType>(from), toInt = dyn_cast<IntegerType>(to);
  if (!fromInt || !isIntElement(from))
    return false;
  unsigned magnitudeBits = fromInt.getWidth() - (fromInt.isUnsigned() ? 0 : 1);
  if (toFloat)
    return isa<Float16Type, BFloat16Type, Float32Type, Float64Type>(to) &&
           magnitudeBits <= APFloat::semanticsPrecision(toFloat.getFloatSemantics());
  if (!toInt || !isIntElement(to) || (toInt.isUnsigned() && !fromInt.isUnsigned()))
    return false;
  return magnitudeBits <= toInt.getWidth() - (toInt.isUnsigned() ? 0 : 1);
}

UnaryOp definedBy(Value value, UnaryKind kind) {
  auto op = value.getDefiningOp<UnaryOp>();
  return op && op.getKind() == kind ? op : UnaryOp();
}

BinaryOp definedBy(Value value, BinaryKind kind) {
  auto op = value.getDefiningOp<BinaryOp>();
  return op && op.getKind() == kind ? op : BinaryOp();
}

std::optional<SplatOperand> splatOperand(BinaryOp op) {
  if (std::optional<double> splat = getSplatValue(op.getRhs()))
    return SplatOperand{op.getLhs(), *splat, true};
  if (std::optional<double> splat = getSplatValue(op.getLhs()))
    return SplatOperand{op.getRhs(), *splat, false};
  return std::nullopt;
}

bool isConstantExpression(Value value, unsigned depth) {
  Operation *op = value.getDefiningOp();
  if (!op || depth == 0)
    return false;
  if (isa<ConstantOp>(op))
    return true;
  return isa<UnaryOp, BinaryOp, CastOp, ReshapeOp, TransposeOp, BroadcastOp>(op) &&
         llvm::all_of(op->getOperands(),
                      [&](Value operand) { return isConstantExpression(operand, depth - 1); });
}

std::optional<int64_t> lengthAlong(Value value, TensorType result, int64_t axis) {
  auto type = cast<TensorType>(value.getType());
  int64_t offset = result.getRank() - type.getRank();
  if (!type.hasStaticShape() || offset < 0)
    return std::nullopt;
  int64_t length = 1;
  for (int64_t dim = 0; dim < type.getRank(); ++dim) {
    int64_t size = type.getDimSize(dim);
    if (size == 1)
      continue;
    if (dim + offset != axis)
      return std::nullopt;
    length = size;
  }
  return length;
}

Value asChannelVector(Emit &emit, Value value, TensorType result, int64_t axis) {
  std::optional<int64_t> length = lengthAlong(value, result, axis);
  if (!length)
    return {};
  return *length == 1 ? emit.reshape(value, {}) : emit.reshape(value, SizeExpr(*length));
}

} // namespace cameo::graph
