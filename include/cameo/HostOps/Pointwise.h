// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Operations whose result element depends on one element of each operand. Floats of any width are
// computed in double and rounded once to the result's type, so that results are the correctly
// rounded ones wherever libm's double function is; integers wrap as their type does. Operands
// broadcast as in NumPy. The enumerations have the order and numbers of the graph dialect's
// keywords.
#pragma once

#include "cameo/HostOps/HostTensor.h"
#include "cameo/Support/SmallFloat.h"

namespace cameo::host {

enum class Unary : uint8_t {
  Abs,
  Neg,
  Sign,
  Ceil,
  Floor,
  Round,
  Trunc,
  Exp,
  Exp2,
  Expm1,
  Log,
  Log2,
  Log1p,
  Sqrt,
  Rsqrt,
  Reciprocal,
  Sin,
  Cos,
  Tan,
  Asin,
  Acos,
  Atan,
  Sinh,
  Cosh,
  Tanh,
  Asinh,
  Acosh,
  Atanh,
  Erf,
  Not,
  BitNot,
  IsNan,
  IsInf,
  Relu,
  LeakyRelu,
  Elu,
  Celu,
  Selu,
  Gelu,
  GeluTanh,
  Sigmoid,
  HardSigmoid,
  HardSwish,
  Silu,
  Mish,
  Softplus,
  Softsign,
  ThresholdedRelu,
  Shrink,
  Identity,
};

enum class Binary : uint8_t {
  Add,
  Sub,
  Mul,
  Div,
  Pow,
  Mod,
  Fmod,
  Min,
  Max,
  And,
  Or,
  Xor,
  BitAnd,
  BitOr,
  BitXor,
  Shl,
  Shr,
  Prelu,
  Eq,
  Ne,
  Lt,
  Le,
  Gt,
  Ge,
};

struct UnaryParams {
  double alpha = 0, beta = 0;
};
/// The values that a kind's parameters have when a model does not give them.
UnaryParams defaultParams(Unary kind);

/// Result type x's, but boolean for IsNan, IsInf. Round is half to even; sign(NaN) is NaN.
/// Functions that only floats have are refused for other types, BitNot for all but integers, Not
/// but booleans.
Result<HostTensor> unary(Unary kind, const HostTensor &x, UnaryParams params);

/// Div truncates for integers; Mod has the divisor's sign, Fmod the dividend's; an integer division
/// by zero gives 0. Min and Max of a NaN give NaN. Shifts by the width
/// or more, or by a negative amount, leave the fill alone: 0, or -1 for Shr of a negative element.
/// Prelu is x < 0 ? slope * x : x. Both operands have one element type, except that Pow's exponent
/// may have another; an integer base with a negative exponent gives 1/x^n truncated.
Result<HostTensor> binary(Binary kind, const HostTensor &a, const HostTensor &b);

/// condition ? a : b, for any element type (condition: boolean).
Result<HostTensor> select(const HostTensor &condition, const HostTensor &a, const HostTensor &b);

/// min(max(x, low), high); the limits are absent or have one element. NaN stays NaN.
Result<HostTensor> clip(const HostTensor &x, const HostTensor &low, const HostTensor &high);

struct CastOptions {
  bool saturate = true; ///< to 8-bit floats: to the largest value instead of NaN or infinity
  RoundScale round = RoundScale::Up; ///< to f8e8m0
};
/// Between numeric types and booleans. Float to integer truncates, saturates, and gives 0 for NaN;
/// 4- and 2-bit integers take the low bits of the truncated value, as ONNX's vectors do; integers
/// wrap; anything but 0 is true. Strings convert from and to numbers; complex is refused.
Result<HostTensor> cast(const HostTensor &x, DType type, CastOptions options = {});

} // namespace cameo::host
