// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Which function of the math dialect becomes what, and through which type: f16 and bf16 through f32; in
// f32, functions that no hot kernel needs go through their f64 form, whose spare bits make the result
// right to half an ulp.
#include "cameo/Transforms/Kernel/ExpandMath.h"
#include "ScalarMath.h"

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

using namespace mlir;
using namespace cameo::kernel;

namespace {

using Function = Value (*)(ScalarMath &, ValueRange);
enum class Through { Own, Wide }; ///< the type that an f32 function computes in

/// A function on f32 and f64; smaller floats go through f32.
template <typename Op, Through through> struct ExpandFunction : OpRewritePattern<Op> {
  ExpandFunction(MLIRContext *context, Function function) : OpRewritePattern<Op>(context), function(function) {}

  LogicalResult matchAndRewrite(Op op, PatternRewriter &rewriter) const override {
    auto type = dyn_cast<FloatType>(op.getType());
    if (!type)
      return failure();
    Location loc = op.getLoc();
    FloatType compute = type.isF64() || through == Through::Wide ? FloatType(rewriter.getF64Type())
                                                                 : FloatType(rewriter.getF32Type());
    SmallVector<Value> operands;
    for (Value operand : op->getOperands())
      operands.push_back(type == compute ? operand : arith::ExtFOp::create(rewriter, loc, compute, operand).getResult());
    ScalarMath math(rewriter, loc, compute, /*precise=*/type == compute);
    Value result = function(math, operands);
    if (type != compute)
      result = arith::TruncFOp::create(rewriter, loc, type, result);
    rewriter.replaceOp(op, result);
    return success();
  }
  Function function;
};

/// Ops that LLVM selects in f32 and f64 but not everywhere in smaller types.
template <typename Op> struct PromoteSmall : OpRewritePattern<Op> {
  using OpRewritePattern<Op>::OpRewritePattern;
  LogicalResult matchAndRewrite(Op op, PatternRewriter &rewriter) const override {
    auto type = dyn_cast<FloatType>(op.getType());
    if (!type || type.getWidth() >= 32)
      return failure();
    SmallVector<Value> operands;
    for (Value operand : op->getOperands())
      operands.push_back(arith::ExtFOp::create(rewriter, op.getLoc(), rewriter.getF32Type(), operand));
    auto wide = Op::create(rewriter, op.getLoc(), TypeRange(rewriter.getF32Type()), operands);
    rewriter.replaceOpWithNewOp<arith::TruncFOp>(op, type, wide->getResult(0));
    return success();
  }
};

/// Integer power by squaring; a negative exponent leaves 1/base rounded towards zero.
struct ExpandIntegerPower : OpRewritePattern<math::IPowIOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(math::IPowIOp op, PatternRewriter &rewriter) const override {
    auto type = dyn_cast<IntegerType>(op.getType());
    if (!type)
      return failure();
    Location loc = op.getLoc();
    auto constant = [&](int64_t value) -> Value {
      return arith::ConstantOp::create(rewriter, loc, rewriter.getIntegerAttr(type, value));
    };
    auto compare = [&](arith::CmpIPredicate predicate, Value a, Value b) -> Value {
      return arith::CmpIOp::create(rewriter, loc, predicate, a, b);
    };
    Value base = op.getLhs(), exponent = op.getRhs(), zero = constant(0), one = constant(1), minusOne = constant(-1);
    Value first = arith::ConstantIndexOp::create(rewriter, loc, 0), step = arith::ConstantIndexOp::create(rewriter, loc, 1);
    Value steps = arith::ConstantIndexOp::create(rewriter, loc, type.getWidth());
    auto loop = scf::ForOp::create(rewriter, loc, first, steps, step, ValueRange{one, base, exponent});
    {
      OpBuilder::InsertionGuard guard(rewriter);
      rewriter.setInsertionPointToEnd(loop.getBody());
      Value result = loop.getRegionIterArg(0), square = loop.getRegionIterArg(1), left = loop.getRegionIterArg(2);
      Value odd = compare(arith::CmpIPredicate::ne, arith::AndIOp::create(rewriter, loc, left, one), zero);
      Value times = arith::MulIOp::create(rewriter, loc, result, square);
      Value next = arith::SelectOp::create(rewriter, loc, odd, times, result);
      Value squared = arith::MulIOp::create(rewriter, loc, square, square);
      scf::YieldOp::create(rewriter, loc, ValueRange{next, squared, arith::ShRUIOp::create(rewriter, loc, left, one)});
    }
    // 1/base: 1 and -1 keep their size, everything larger vanishes.
    Value isOdd = compare(arith::CmpIPredicate::ne, arith::AndIOp::create(rewriter, loc, exponent, one), zero);
    Value negativeOne = arith::SelectOp::create(rewriter, loc, isOdd, minusOne, one);
    Value inverse = arith::SelectOp::create(rewriter, loc, compare(arith::CmpIPredicate::eq, base, minusOne), negativeOne, zero);
    inverse = arith::SelectOp::create(rewriter, loc, compare(arith::CmpIPredicate::eq, base, one), one, inverse);
    Value isNegative = compare(arith::CmpIPredicate::slt, exponent, zero);
    rewriter.replaceOpWithNewOp<arith::SelectOp>(op, isNegative, inverse, loop.getResult(0));
    return success();
  }
};

template <typename Op> void addOwn(RewritePatternSet &patterns, Function function) {
  patterns.add<ExpandFunction<Op, Through::Own>>(patterns.getContext(), function);
}
template <typename Op> void addWide(RewritePatternSet &patterns, Function function) {
  patterns.add<ExpandFunction<Op, Through::Wide>>(patterns.getContext(), function);
}

} // namespace

void cameo::kernel::populateFunctionPatterns(RewritePatternSet &patterns) {
  using M = ScalarMath;
  addOwn<math::ExpOp>(patterns, [](M &m, ValueRange x) { return m.exp(x[0]); });
  addOwn<math::Exp2Op>(patterns, [](M &m, ValueRange x) { return m.exp2(x[0]); });
  addOwn<math::ExpM1Op>(patterns, [](M &m, ValueRange x) { return m.expm1(x[0]); });
  addOwn<math::LogOp>(patterns, [](M &m, ValueRange x) { return m.log(x[0]); });
  addOwn<math::Log2Op>(patterns, [](M &m, ValueRange x) { return m.log2(x[0]); });
  addOwn<math::Log1pOp>(patterns, [](M &m, ValueRange x) { return m.log1p(x[0]); });
  addOwn<math::TanhOp>(patterns, [](M &m, ValueRange x) { return m.tanh(x[0]); });
  addOwn<math::ErfOp>(patterns, [](M &m, ValueRange x) { return m.erf(x[0]); });
  addOwn<math::RsqrtOp>(patterns, [](M &m, ValueRange x) { return m.div(m.c(1), m.sqrt(x[0])); });
  addWide<math::PowFOp>(patterns, [](M &m, ValueRange x) { return m.pow(x[0], x[1]); });
  addWide<math::SinhOp>(patterns, [](M &m, ValueRange x) { return m.sinh(x[0]); });
  addWide<math::CoshOp>(patterns, [](M &m, ValueRange x) { return m.cosh(x[0]); });
  addWide<math::AsinhOp>(patterns, [](M &m, ValueRange x) { return m.asinh(x[0]); });
  addWide<math::AcoshOp>(patterns, [](M &m, ValueRange x) { return m.acosh(x[0]); });
  addWide<math::AtanhOp>(patterns, [](M &m, ValueRange x) { return m.atanh(x[0]); });
  addWide<math::AtanOp>(patterns, [](M &m, ValueRange x) { return m.atan(x[0]); });
  addWide<math::AsinOp>(patterns, [](M &m, ValueRange x) { return m.asin(x[0]); });
  addWide<math::AcosOp>(patterns, [](M &m, ValueRange x) { return m.acos(x[0]); });
  addWide<math::SinOp>(patterns, [](M &m, ValueRange x) { return m.circular(x[0], M::Circular::Sin); });
  addWide<math::CosOp>(patterns, [](M &m, ValueRange x) { return m.circular(x[0], M::Circular::Cos); });
  addWide<math::TanOp>(patterns, [](M &m, ValueRange x) { return m.circular(x[0], M::Circular::Tan); });
}

void cameo::kernel::populateExpandMathPatterns(RewritePatternSet &patterns) {
  populateFunctionPatterns(patterns);
  populateRemainderPatterns(patterns);
  populateSmallFloatPatterns(patterns);
  patterns.add<ExpandIntegerPower, PromoteSmall<math::SqrtOp>, PromoteSmall<math::FloorOp>, PromoteSmall<math::CeilOp>,
               PromoteSmall<math::TruncOp>, PromoteSmall<math::RoundEvenOp>, PromoteSmall<math::RoundOp>,
               PromoteSmall<arith::RemFOp>>(patterns.getContext());
}

namespace cameo::kernel {
#define GEN_PASS_DEF_KERNELEXPANDMATH
#include "cameo/Transforms/Kernel/Passes.h.inc"
} // namespace cameo::kernel

namespace {
struct KernelExpandMath : cameo::kernel::impl::KernelExpandMathBase<KernelExpandMath> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    populateExpandMathPatterns(patterns);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};
} // namespace
