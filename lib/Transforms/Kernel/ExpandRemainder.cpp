// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// arith.remf, exactly: schoolbook long division. LLVM's own lowering subtracts a rounded quotient,
// which is wrong as soon as the quotient has more bits than a float.
#include "ScalarMath.h"

#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace cameo::kernel;

namespace {
struct ExpandRemainder : OpRewritePattern<arith::RemFOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(arith::RemFOp op, PatternRewriter &rewriter) const override {
    auto type = dyn_cast<FloatType>(op.getType());
    if (!type || type.getWidth() < 32)
      return failure();
    ScalarMath m(rewriter, op.getLoc(), type);
    Value x = op.getLhs(), y = op.getRhs(), a = m.abs(x), b = m.abs(y);
    Value regular = m.both(m.less(a, m.infinity()), m.both(m.less(b, m.infinity()), m.less(m.c(0), b)));
    // The loops end only for regular operands; others run on 0 and 1.
    Value left = m.select(regular, a, m.c(0)), divisor = m.select(regular, b, m.c(1));
    Value top = doubleUpTo(m, rewriter, divisor, m.mul(left, m.c(0.5)));
    Value rest = m.copySign(subtractDown(m, rewriter, left, top, divisor), x);
    // x mod inf is x.
    Value whole = m.both(m.less(a, m.infinity()), m.equal(b, m.infinity()));
    rewriter.replaceOp(op, m.select(regular, rest, m.select(whole, x, m.nan())));
    return success();
  }

  /// The first of start, 2 start, 4 start, ... above `limit`.
  static Value doubleUpTo(ScalarMath &m, PatternRewriter &rewriter, Value start, Value limit) {
    auto loop = scf::WhileOp::create(
        rewriter, m.loc, TypeRange(start.getType()), ValueRange(start),
        [&](OpBuilder &b, Location l, ValueRange args) {
          Value more = arith::CmpFOp::create(b, l, arith::CmpFPredicate::OLE, args[0], limit);
          scf::ConditionOp::create(b, l, more, args);
        },
        [&](OpBuilder &b, Location l, ValueRange args) {
          scf::YieldOp::create(b, l, ValueRange(arith::AddFOp::create(b, l, args[0], args[0])));
        });
    return loop.getResult(0);
  }

  /// Subtracts top, top/2, ... down to `divisor` wherever it fits: each subtraction is exact.
  static Value subtractDown(ScalarMath &m, PatternRewriter &rewriter, Value left, Value top, Value divisor) {
    Value half = m.c(0.5);
    auto loop = scf::WhileOp::create(
        rewriter, m.loc, TypeRange{left.getType(), left.getType()}, ValueRange{left, top},
        [&](OpBuilder &b, Location l, ValueRange args) {
          Value more = arith::CmpFOp::create(b, l, arith::CmpFPredicate::OGE, args[1], divisor);
          scf::ConditionOp::create(b, l, more, args);
        },
        [&](OpBuilder &b, Location l, ValueRange args) {
          Value fits = arith::CmpFOp::create(b, l, arith::CmpFPredicate::OGE, args[0], args[1]);
          Value next = arith::SelectOp::create(b, l, fits, arith::SubFOp::create(b, l, args[0], args[1]), args[0]);
          scf::YieldOp::create(b, l, ValueRange{next, arith::MulFOp::create(b, l, args[1], half)});
        });
    return loop.getResult(0);
  }
};
} // namespace

void cameo::kernel::populateRemainderPatterns(RewritePatternSet &patterns) {
  patterns.add<ExpandRemainder>(patterns.getContext());
}
