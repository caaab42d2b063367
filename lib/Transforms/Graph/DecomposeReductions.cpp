// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Norm-like reductions become a sum between pointwise ops.
#include "Emit.h"
#include "Rewrite.h"

using namespace mlir;

namespace cameo::graph {
namespace {

/// Where short floats are computed: f32; everything else in its own type.
Type computeTypeOf(Type element) {
  bool isShort = isFloatElement(element) && element.getIntOrFloatBitWidth() < 32;
  return isShort ? Type(Float32Type::get(element.getContext())) : element;
}

/// f(sum(g(x))): g before the sum, f after it, in the compute type.
struct NormReduction {
  ReduceKind kind;
  bool isSquare, isAbs;              // g
  std::optional<UnaryKind> function; // f
};

const NormReduction normTable[] = {
    {ReduceKind::SumSquare, true, false, std::nullopt},
    {ReduceKind::L1, false, true, std::nullopt},
    {ReduceKind::L2, true, false, UnaryKind::Sqrt},
    {ReduceKind::LogSum, false, false, UnaryKind::Log},
};

/// reduce l2 → sqrt(reduce sum(x * x)), and the like
struct NormToSum : OpRewritePattern<ReduceOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ReduceOp op, PatternRewriter &rewriter) const override {
    const auto *norm = llvm::find_if(
        normTable, [&](const NormReduction &row) { return row.kind == op.getKind(); });
    if (norm == std::end(normTable))
      return failure();
    Emit emit(rewriter, op.getLoc());
    Type element = op.getX().getType().getElementType();
    Value x = emit.cast(op.getX(), computeTypeOf(element));
    if (norm->isSquare)
      x = emit.binary(BinaryKind::Mul, x, x);
    if (norm->isAbs && !isUnsignedElement(element))
      x = emit.unary(UnaryKind::Abs, x);
    Value result = emit.reduce(ReduceKind::Sum, x, op.getAxes(), op.getKeepdims());
    if (norm->function) {
      // Roots and logarithms of integers are those of real numbers, then truncated.
      if (isIntElement(element))
        result = emit.cast(result, Float64Type::get(op.getContext()));
      result = emit.unary(*norm->function, result);
    }
    rewriter.replaceOp(op, emit.cast(result, element));
    return success();
  }
};

/// reduce log_sum_exp → m + log(sum(exp(x - m))), m the maximum, or 0 where that is infinite
struct LogSumExpToSum : OpRewritePattern<ReduceOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ReduceOp op, PatternRewriter &rewriter) const override {
    if (op.getKind() != ReduceKind::LogSumExp)
      return failure();
    Emit emit(rewriter, op.getLoc());
    Type element = op.getX().getType().getElementType();
    Type compute =
        isIntElement(element) ? Type(Float64Type::get(op.getContext())) : computeTypeOf(element);
    Value x = emit.cast(op.getX(), compute);
    Value maximum = emit.reduce(ReduceKind::Max, x, op.getAxes(), /*keepdims=*/true);
    // inf - inf would be NaN.
    Value shift =
        emit.select(emit.unary(UnaryKind::IsInf, maximum), emit.scalar(compute, 0), maximum);
    Value exp = emit.unary(UnaryKind::Exp, emit.binary(BinaryKind::Sub, x, shift));
    Value sum = emit.reduce(ReduceKind::Sum, exp, op.getAxes(), /*keepdims=*/true);
    Value result = emit.binary(BinaryKind::Add, emit.unary(UnaryKind::Log, sum), shift);
    result = emit.reshape(emit.cast(result, element), getSizes(op.getType()));
    rewriter.replaceOp(op, result);
    return success();
  }
};

} // namespace

void populateDecomposeReductionPatterns(RewritePatternSet &patterns) {
  patterns.add<LogSumExpToSum, NormToSum>(patterns.getContext());
}

} // namespace cameo::graph
