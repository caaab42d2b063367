// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Scalar float expressions in few letters, for formulas that are written out op by op.
#pragma once

#include "ScalarOps.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

namespace cameo::graphtokernel {

/// Scalar expressions over one float type, so that formulas below read as formulas.
struct Float {
  mlir::OpBuilder &b;
  mlir::Location loc;
  mlir::Type type;

  mlir::Value c(double value) { return constantOf(b, loc, type, value); }
  mlir::Value add(mlir::Value x, mlir::Value y) {
    return mlir::arith::AddFOp::create(b, loc, x, y);
  }
  mlir::Value sub(mlir::Value x, mlir::Value y) {
    return mlir::arith::SubFOp::create(b, loc, x, y);
  }
  mlir::Value mul(mlir::Value x, mlir::Value y) {
    return mlir::arith::MulFOp::create(b, loc, x, y);
  }
  mlir::Value div(mlir::Value x, mlir::Value y) {
    return mlir::arith::DivFOp::create(b, loc, x, y);
  }
  mlir::Value neg(mlir::Value x) { return mlir::arith::NegFOp::create(b, loc, x); }
  mlir::Value max(mlir::Value x, mlir::Value y) {
    return mlir::arith::MaximumFOp::create(b, loc, x, y);
  }
  mlir::Value min(mlir::Value x, mlir::Value y) {
    return mlir::arith::MinimumFOp::create(b, loc, x, y);
  }
  mlir::Value exp(mlir::Value x) { return mlir::math::ExpOp::create(b, loc, x); }
  mlir::Value tanh(mlir::Value x) { return mlir::math::TanhOp::create(b, loc, x); }
  mlir::Value abs(mlir::Value x) { return mlir::math::AbsFOp::create(b, loc, x); }
  mlir::Value less(mlir::Value x, mlir::Value y) {
    return mlir::arith::CmpFOp::create(b, loc, mlir::arith::CmpFPredicate::OLT, x, y);
  }
  mlir::Value choose(mlir::Value condition, mlir::Value x, mlir::Value y) {
    return mlir::arith::SelectOp::create(b, loc, condition, x, y);
  }
  mlir::Value sigmoid(mlir::Value x) { return div(c(1), add(c(1), exp(neg(x)))); }
  /// log(1 + exp(x)) = max(x, 0) + log1p(exp(-|x|)): exact for large |x|.
  mlir::Value softplus(mlir::Value x) {
    return add(max(x, c(0)), mlir::math::Log1pOp::create(b, loc, exp(neg(abs(x)))));
  }
};

/// x as the type it is computed in (f32 for small floats).
inline mlir::Value widen(mlir::OpBuilder &b, mlir::Location loc, mlir::Value x, mlir::Type wide) {
  return x.getType() == wide ? x : mlir::arith::ExtFOp::create(b, loc, wide, x).getResult();
}

} // namespace cameo::graphtokernel
