// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Operators that compute each element from one element of each operand: unary functions and
// activations, arithmetic, comparisons, logic, casts, Where, Clip.
#include "../ShapeArithmetic.h"

using namespace cameo;
using namespace cameo::importer;
using namespace mlir;
using graph::BinaryKind;
using graph::UnaryKind;

namespace {

template <UnaryKind Kind> LogicalResult unary(NodeBuilder &b) {
  return outArithmetic(b, unaryContents(b, Kind), b.type(0),
                       [&] { return b.unary(Kind, b.in(0)); });
}

/// Functions with one parameter, by the attribute's name.
template <UnaryKind Kind> LogicalResult unaryAlpha(NodeBuilder &b) {
  return b.out(b.unary(Kind, b.in(0), b.real("alpha")));
}

LogicalResult selu(NodeBuilder &b) {
  return b.out(b.unary(UnaryKind::Selu, b.in(0), b.real("alpha"), b.real("gamma")));
}
LogicalResult hardSigmoid(NodeBuilder &b) {
  return b.out(b.unary(UnaryKind::HardSigmoid, b.in(0), b.real("alpha"), b.real("beta")));
}
LogicalResult shrink(NodeBuilder &b) {
  return b.out(b.unary(UnaryKind::Shrink, b.in(0), b.real("bias"), b.real("lambd")));
}
LogicalResult gelu(NodeBuilder &b) {
  bool tanh = b.string("approximate", "none") == "tanh";
  return b.out(b.unary(tanh ? UnaryKind::GeluTanh : UnaryKind::Gelu, b.in(0)));
}
LogicalResult isInf(NodeBuilder &b) {
  return b.out(b.unary(UnaryKind::IsInf, b.in(0), b.integer("detect_negative"),
                       b.integer("detect_positive")));
}

template <BinaryKind Kind> LogicalResult binary(NodeBuilder &b) {
  RankedTensorType type;
  std::optional<Contents> contents = binaryContents(b, Kind, type);
  return outArithmetic(b, contents, type, [&] { return b.binary(Kind, b.in(0), b.in(1)); });
}

LogicalResult modulo(NodeBuilder &b) {
  if (b.integer("fmod") == 1)
    return b.out(b.binary(BinaryKind::Fmod, b.in(0), b.in(1)));
  if (graph::isFloatElement(b.elementType(0)) && b.since() < 28)
    return b.fail("E0505", "fmod is 0, which floating-point operands do not allow");
  return binary<BinaryKind::Mod>(b);
}

LogicalResult bitShift(NodeBuilder &b) {
  BinaryKind kind = b.string("direction") == "LEFT" ? BinaryKind::Shl : BinaryKind::Shr;
  return b.out(b.binary(kind, b.in(0), b.in(1)));
}

/// PRelu's slope broadcasts to x only, never x to the slope.
LogicalResult prelu(NodeBuilder &b) {
  if (b.rank(1) > b.rank(0))
    return b.fail("E0701", "the slope has rank " + llvm::Twine(b.rank(1)) + ", the operand " +
                               llvm::Twine(b.rank(0)));
  return b.out(b.binary(BinaryKind::Prelu, b.in(0), b.in(1)));
}

/// Max, Min, Sum, Mean: a chain of binary ops; Mean divides at the end.
template <BinaryKind Kind, bool Mean = false> LogicalResult variadic(NodeBuilder &b) {
  if (b.numInputs() == 2 && !Mean)
    return binary<Kind>(b);
  Value result = b.in(0);
  for (unsigned i = 1; i < b.numInputs(); ++i)
    result = b.binary(Kind, result, b.in(i));
  if (b.numInputs() == 1)
    result = b.unary(UnaryKind::Identity, result);
  if (Mean && b.numInputs() > 1 && result)
    result = b.div(result, b.splat(NodeBuilder::elementOf(result), b.numInputs()));
  return b.out(result);
}

/// Limits are scalars, as attributes (6) or operands (11 and later).
LogicalResult clip(NodeBuilder &b) {
  Value min = b.in(1), max = b.in(2);
  auto scalar = [&](Value v) { return v && NodeBuilder::rankOf(v) ? b.reshape(v, {}) : v; };
  if (b.since() < 11) {
    if (b.hasAttr("min"))
      min = b.splat(b.elementType(0), b.real("min"));
    if (b.hasAttr("max"))
      max = b.splat(b.elementType(0), b.real("max"));
  }
  return b.out(b.emit<graph::ClipOp>(b.type(0), b.in(0), scalar(min), scalar(max)));
}

LogicalResult where(NodeBuilder &b) {
  const std::optional<Contents> &c = b.contents(0), &x = b.contents(1), &y = b.contents(2);
  if (c && x && y && isSizeElement(b.elementType(1))) {
    graph::SizeReporter silent([](const llvm::Twine &) {});
    graph::InferredType type = graph::inferSelect(b.type(0), b.type(1), b.type(2), silent);
    if (succeeded(type) && smallCount(*type)) {
      auto at = [&](unsigned i) {
        return broadcastContents(*b.contents(i), b.type(i).getShape(), type->getShape());
      };
      Contents result;
      for (auto [p, q, r] : llvm::zip_equal(at(0), at(1), at(2)))
        result.push_back(Number::integer(select(p.expr, q.expr, r.expr)));
      return b.outContents(0, *type, std::move(result));
    }
  }
  return b.out(b.select(b.in(0), b.in(1), b.in(2)));
}

/// Sizes survive a cast between integers and floats; a cast to an integer truncates.
std::optional<Contents> castContents(NodeBuilder &b, Type to) {
  Type from = b.elementType(0);
  bool fromInt = isSizeElement(from), toInt = isSizeElement(to);
  if ((!fromInt && !graph::isFloatElement(from)) || (!toInt && !graph::isFloatElement(to)))
    return std::nullopt;
  if (!b.contents(0))
    return std::nullopt;
  if (to.isSignlessInteger(1)) {
    Contents result;
    for (const Number &n : *b.contents(0)) {
      if (n.factor == 0)
        return std::nullopt;
      result.push_back(Number::integer(ne(n.expr, 0)));
    }
    return result;
  }
  return unaryContents(b, toInt ? UnaryKind::Trunc : UnaryKind::Identity);
}

LogicalResult castTo(NodeBuilder &b, int64_t dataType, bool saturate) {
  if (dataType <= 0 || dataType >= 32 || !(kElements >> dataType & 1))
    return b.fail("E0803", "a cast to " + llvm::Twine(nameOfDataType(int32_t(dataType))),
                  typesText(kElements));
  Type to = graph::typeOf(b.context(), static_cast<DType>(dataType));
  std::optional<graph::RoundMode> round;
  std::string mode = b.string("round_mode", "");
  if (!mode.empty() && !(round = graph::symbolizeRoundMode(mode)))
    return b.fail("E0505", "round_mode is \"" + mode + "\"", "up, down, nearest");
  RankedTensorType type = graph::withElementType(b.type(0), to);
  return outArithmetic(b, castContents(b, to), type, [&]() -> Value {
    if (b.elementType(0) == to)
      return b.unary(UnaryKind::Identity, b.in(0));
    graph::RoundModeAttr attr;
    if (round && llvm::isa<Float8E8M0FNUType>(to))
      attr = graph::RoundModeAttr::get(b.context(), *round);
    return b.emit<graph::CastOp>(type, b.in(0), saturate, attr);
  });
}

LogicalResult cast(NodeBuilder &b) {
  return castTo(b, b.integer("to"), b.integer("saturate", 1));
}
LogicalResult castLike(NodeBuilder &b) {
  return castTo(b, static_cast<int64_t>(graph::dtypeOf(b.elementType(1))),
                b.integer("saturate", 1));
}

LogicalResult bitCast(NodeBuilder &b) {
  int64_t to = b.integer("to");
  if (to <= 0 || to >= 32 || !(kElements >> to & 1))
    return b.fail("E0803", "a bit cast to " + llvm::Twine(nameOfDataType(int32_t(to))),
                  typesText(kElements));
  auto toType = static_cast<DType>(to), fromType = graph::dtypeOf(b.elementType(0));
  if (bitWidth(toType) != bitWidth(fromType))
    return b.fail("E0505", "a bit cast from " + llvm::Twine(nameOfDataType(int32_t(fromType))) +
                               " to " + nameOfDataType(int32_t(to)) + ", of another width");
  if (fromType == toType)
    return b.out(b.unary(UnaryKind::Identity, b.in(0)));
  return b.out(b.emit<graph::BitcastOp>(
      graph::withElementType(b.type(0), graph::typeOf(b.context(), toType)), b.in(0)));
}

constexpr auto kUnaryFloat = kFloats;
constexpr TypeMask kPow = kReals;

constexpr OpRow kRows[] = {
    {"Abs", 6, unary<UnaryKind::Abs>, kReals},
    {"Abs", 13, unary<UnaryKind::Abs>, kReals},
    {"Acos", 7, unary<UnaryKind::Acos>, kUnaryFloat},
    {"Acos", 22, unary<UnaryKind::Acos>, kUnaryFloat},
    {"Acosh", 9, unary<UnaryKind::Acosh>, kUnaryFloat},
    {"Acosh", 22, unary<UnaryKind::Acosh>, kUnaryFloat},
    {"Add", 7, binary<BinaryKind::Add>, kReals},
    {"Add", 13, binary<BinaryKind::Add>, kReals},
    {"Add", 14, binary<BinaryKind::Add>, kReals},
    {"And", 7, binary<BinaryKind::And>, kBool},
    {"Asin", 7, unary<UnaryKind::Asin>, kUnaryFloat},
    {"Asin", 22, unary<UnaryKind::Asin>, kUnaryFloat},
    {"Asinh", 9, unary<UnaryKind::Asinh>, kUnaryFloat},
    {"Asinh", 22, unary<UnaryKind::Asinh>, kUnaryFloat},
    {"Atan", 7, unary<UnaryKind::Atan>, kUnaryFloat},
    {"Atan", 22, unary<UnaryKind::Atan>, kUnaryFloat},
    {"Atanh", 9, unary<UnaryKind::Atanh>, kUnaryFloat},
    {"Atanh", 22, unary<UnaryKind::Atanh>, kUnaryFloat},
    {"BitCast", 26, bitCast},
    {"BitShift", 11, bitShift, kInts},
    {"BitShift", 28, bitShift, kInts},
    {"BitwiseAnd", 18, binary<BinaryKind::BitAnd>, kInts},
    {"BitwiseNot", 18, unary<UnaryKind::BitNot>, kInts},
    {"BitwiseOr", 18, binary<BinaryKind::BitOr>, kInts},
    {"BitwiseXor", 18, binary<BinaryKind::BitXor>, kInts},
    {"Cast", 6, cast},
    {"Cast", 9, cast},
    {"Cast", 13, cast},
    {"Cast", 19, cast},
    {"Cast", 21, cast},
    {"Cast", 23, cast},
    {"Cast", 24, cast},
    {"Cast", 25, cast},
    {"Cast", 28, cast},
    {"CastLike", 15, castLike},
    {"CastLike", 19, castLike},
    {"CastLike", 21, castLike},
    {"CastLike", 23, castLike},
    {"CastLike", 24, castLike},
    {"CastLike", 25, castLike},
    {"Ceil", 6, unary<UnaryKind::Ceil>, kUnaryFloat},
    {"Ceil", 13, unary<UnaryKind::Ceil>, kUnaryFloat},
    {"Celu", 12, unaryAlpha<UnaryKind::Celu>, kUnaryFloat},
    {"Celu", 28, unaryAlpha<UnaryKind::Celu>, kUnaryFloat},
    {"Clip", 6, clip, kReals},
    {"Clip", 11, clip, kReals},
    {"Clip", 12, clip, kReals},
    {"Clip", 13, clip, kReals},
    {"Cos", 7, unary<UnaryKind::Cos>, kUnaryFloat},
    {"Cos", 22, unary<UnaryKind::Cos>, kUnaryFloat},
    {"Cosh", 9, unary<UnaryKind::Cosh>, kUnaryFloat},
    {"Cosh", 22, unary<UnaryKind::Cosh>, kUnaryFloat},
    {"Div", 7, binary<BinaryKind::Div>, kReals},
    {"Div", 13, binary<BinaryKind::Div>, kReals},
    {"Div", 14, binary<BinaryKind::Div>, kReals},
    {"Elu", 6, unaryAlpha<UnaryKind::Elu>, kUnaryFloat},
    {"Elu", 22, unaryAlpha<UnaryKind::Elu>, kUnaryFloat},
    {"Equal", 7, binary<BinaryKind::Eq>, kReals | kBool},
    {"Equal", 11, binary<BinaryKind::Eq>, kReals | kBool},
    {"Equal", 13, binary<BinaryKind::Eq>, kReals | kBool},
    {"Equal", 19, binary<BinaryKind::Eq>, kReals | kBool},
    {"Erf", 9, unary<UnaryKind::Erf>, kUnaryFloat},
    {"Erf", 13, unary<UnaryKind::Erf>, kUnaryFloat},
    {"Exp", 6, unary<UnaryKind::Exp>, kUnaryFloat},
    {"Exp", 13, unary<UnaryKind::Exp>, kUnaryFloat},
    {"Floor", 6, unary<UnaryKind::Floor>, kUnaryFloat},
    {"Floor", 13, unary<UnaryKind::Floor>, kUnaryFloat},
    {"Gelu", 20, gelu, kUnaryFloat},
    {"Greater", 7, binary<BinaryKind::Gt>, kReals},
    {"Greater", 9, binary<BinaryKind::Gt>, kReals},
    {"Greater", 13, binary<BinaryKind::Gt>, kReals},
    {"GreaterOrEqual", 12, binary<BinaryKind::Ge>, kReals},
    {"GreaterOrEqual", 16, binary<BinaryKind::Ge>, kReals},
    {"HardSigmoid", 6, hardSigmoid, kUnaryFloat},
    {"HardSigmoid", 22, hardSigmoid, kUnaryFloat},
    {"HardSwish", 14, unary<UnaryKind::HardSwish>, kUnaryFloat},
    {"HardSwish", 22, unary<UnaryKind::HardSwish>, kUnaryFloat},
    {"IsInf", 10, isInf, kFloats | kFloat8},
    {"IsInf", 20, isInf, kFloats | kFloat8},
    {"IsNaN", 9, unary<UnaryKind::IsNan>, kFloats | kFloat8},
    {"IsNaN", 13, unary<UnaryKind::IsNan>, kFloats | kFloat8},
    {"IsNaN", 20, unary<UnaryKind::IsNan>, kFloats | kFloat8},
    {"LeakyRelu", 6, unaryAlpha<UnaryKind::LeakyRelu>, kUnaryFloat},
    {"LeakyRelu", 16, unaryAlpha<UnaryKind::LeakyRelu>, kUnaryFloat},
    {"Less", 7, binary<BinaryKind::Lt>, kReals},
    {"Less", 9, binary<BinaryKind::Lt>, kReals},
    {"Less", 13, binary<BinaryKind::Lt>, kReals},
    {"LessOrEqual", 12, binary<BinaryKind::Le>, kReals},
    {"LessOrEqual", 16, binary<BinaryKind::Le>, kReals},
    {"Log", 6, unary<UnaryKind::Log>, kUnaryFloat},
    {"Log", 13, unary<UnaryKind::Log>, kUnaryFloat},
    {"Max", 6, variadic<BinaryKind::Max>, kReals},
    {"Max", 8, variadic<BinaryKind::Max>, kReals},
    {"Max", 12, variadic<BinaryKind::Max>, kReals},
    {"Max", 13, variadic<BinaryKind::Max>, kReals},
    {"Mean", 6, variadic<BinaryKind::Add, true>, kFloats},
    {"Mean", 8, variadic<BinaryKind::Add, true>, kFloats},
    {"Mean", 13, variadic<BinaryKind::Add, true>, kFloats},
    {"Min", 6, variadic<BinaryKind::Min>, kReals},
    {"Min", 8, variadic<BinaryKind::Min>, kReals},
    {"Min", 12, variadic<BinaryKind::Min>, kReals},
    {"Min", 13, variadic<BinaryKind::Min>, kReals},
    {"Mish", 18, unary<UnaryKind::Mish>, kUnaryFloat},
    {"Mish", 22, unary<UnaryKind::Mish>, kUnaryFloat},
    {"Mod", 10, modulo, kReals},
    {"Mod", 13, modulo, kReals},
    {"Mod", 28, modulo, kReals},
    {"Mul", 7, binary<BinaryKind::Mul>, kReals},
    {"Mul", 13, binary<BinaryKind::Mul>, kReals},
    {"Mul", 14, binary<BinaryKind::Mul>, kReals},
    {"Neg", 6, unary<UnaryKind::Neg>, kFloats | kSigned},
    {"Neg", 13, unary<UnaryKind::Neg>, kFloats | kSigned},
    {"Not", 1, unary<UnaryKind::Not>, kBool},
    {"Or", 7, binary<BinaryKind::Or>, kBool},
    {"PRelu", 7, prelu, kReals},
    {"PRelu", 9, prelu, kReals},
    {"PRelu", 16, prelu, kReals},
    {"Pow", 7, binary<BinaryKind::Pow>, kPow},
    {"Pow", 12, binary<BinaryKind::Pow>, kPow},
    {"Pow", 13, binary<BinaryKind::Pow>, kPow},
    {"Pow", 15, binary<BinaryKind::Pow>, kPow},
    {"Reciprocal", 6, unary<UnaryKind::Reciprocal>, kUnaryFloat},
    {"Reciprocal", 13, unary<UnaryKind::Reciprocal>, kUnaryFloat},
    {"Relu", 6, unary<UnaryKind::Relu>, kFloats | kSigned},
    {"Relu", 13, unary<UnaryKind::Relu>, kFloats | kSigned},
    {"Relu", 14, unary<UnaryKind::Relu>, kFloats | kSigned},
    {"Round", 11, unary<UnaryKind::Round>, kUnaryFloat},
    {"Round", 22, unary<UnaryKind::Round>, kUnaryFloat},
    {"Selu", 6, selu, kUnaryFloat},
    {"Selu", 22, selu, kUnaryFloat},
    {"Shrink", 9, shrink, kReals},
    {"Sigmoid", 6, unary<UnaryKind::Sigmoid>, kUnaryFloat},
    {"Sigmoid", 13, unary<UnaryKind::Sigmoid>, kUnaryFloat},
    {"Sign", 9, unary<UnaryKind::Sign>, kReals},
    {"Sign", 13, unary<UnaryKind::Sign>, kReals},
    {"Sin", 7, unary<UnaryKind::Sin>, kUnaryFloat},
    {"Sin", 22, unary<UnaryKind::Sin>, kUnaryFloat},
    {"Sinh", 9, unary<UnaryKind::Sinh>, kUnaryFloat},
    {"Sinh", 22, unary<UnaryKind::Sinh>, kUnaryFloat},
    {"Softplus", 1, unary<UnaryKind::Softplus>, kUnaryFloat},
    {"Softplus", 22, unary<UnaryKind::Softplus>, kUnaryFloat},
    {"Softsign", 1, unary<UnaryKind::Softsign>, kUnaryFloat},
    {"Softsign", 22, unary<UnaryKind::Softsign>, kUnaryFloat},
    {"Sqrt", 6, unary<UnaryKind::Sqrt>, kUnaryFloat},
    {"Sqrt", 13, unary<UnaryKind::Sqrt>, kUnaryFloat},
    {"Sub", 7, binary<BinaryKind::Sub>, kReals},
    {"Sub", 13, binary<BinaryKind::Sub>, kReals},
    {"Sub", 14, binary<BinaryKind::Sub>, kReals},
    {"Sum", 6, variadic<BinaryKind::Add>, kFloats},
    {"Sum", 8, variadic<BinaryKind::Add>, kFloats},
    {"Sum", 13, variadic<BinaryKind::Add>, kFloats},
    {"Swish", 24, unaryAlpha<UnaryKind::Silu>, kUnaryFloat},
    {"Tan", 7, unary<UnaryKind::Tan>, kUnaryFloat},
    {"Tan", 22, unary<UnaryKind::Tan>, kUnaryFloat},
    {"Tanh", 6, unary<UnaryKind::Tanh>, kUnaryFloat},
    {"Tanh", 13, unary<UnaryKind::Tanh>, kUnaryFloat},
    {"ThresholdedRelu", 10, unaryAlpha<UnaryKind::ThresholdedRelu>, kUnaryFloat},
    {"ThresholdedRelu", 22, unaryAlpha<UnaryKind::ThresholdedRelu>, kUnaryFloat},
    {"Where", 9, where, kBool},
    {"Where", 16, where, kBool},
    {"Xor", 7, binary<BinaryKind::Xor>, kBool},
};

} // namespace

llvm::ArrayRef<OpRow> importer::elementwiseRows() { return kRows; }
