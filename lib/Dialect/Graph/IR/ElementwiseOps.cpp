// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Elementwise ops: which kinds take which element types and parameters (tables), sizes by
// broadcasting, and the folds that need no arithmetic.
#include "OpHelpers.h"
#include "cameo/Dialect/Graph/IR/OpClasses.h"

using namespace mlir;

namespace cameo::graph {

namespace {

/// Element class and parameters of a unary kind, in the order of the enumeration.
struct UnaryInfo {
  UnaryKind kind;
  bool (*takes)(Type);
  const char *takesText;
  unsigned numParameters = 0;
  double alpha = 0, beta = 0;
};

const char *const floats = "floats", *const reals = "floats or integers",
                  *const numbers = "numbers", *const booleans = "i1", *const integers = "integers",
                  *const anything = "any elements";

const UnaryInfo unaryTable[] = {
    {UnaryKind::Abs, isRealElement, reals},
    {UnaryKind::Neg, isNumericElement, numbers},
    {UnaryKind::Sign, isRealElement, reals},
    {UnaryKind::Ceil, isFloatElement, floats},
    {UnaryKind::Floor, isFloatElement, floats},
    {UnaryKind::Round, isFloatElement, floats},
    {UnaryKind::Trunc, isFloatElement, floats},
    {UnaryKind::Exp, isFloatElement, floats},
    {UnaryKind::Exp2, isFloatElement, floats},
    {UnaryKind::Expm1, isFloatElement, floats},
    {UnaryKind::Log, isFloatElement, floats},
    {UnaryKind::Log2, isFloatElement, floats},
    {UnaryKind::Log1p, isFloatElement, floats},
    {UnaryKind::Sqrt, isFloatElement, floats},
    {UnaryKind::Rsqrt, isFloatElement, floats},
    {UnaryKind::Reciprocal, isFloatElement, floats},
    {UnaryKind::Sin, isFloatElement, floats},
    {UnaryKind::Cos, isFloatElement, floats},
    {UnaryKind::Tan, isFloatElement, floats},
    {UnaryKind::Asin, isFloatElement, floats},
    {UnaryKind::Acos, isFloatElement, floats},
    {UnaryKind::Atan, isFloatElement, floats},
    {UnaryKind::Sinh, isFloatElement, floats},
    {UnaryKind::Cosh, isFloatElement, floats},
    {UnaryKind::Tanh, isFloatElement, floats},
    {UnaryKind::Asinh, isFloatElement, floats},
    {UnaryKind::Acosh, isFloatElement, floats},
    {UnaryKind::Atanh, isFloatElement, floats},
    {UnaryKind::Erf, isRealElement, reals},
    {UnaryKind::Not, isBoolElement, booleans},
    {UnaryKind::BitNot, isIntElement, integers},
    {UnaryKind::IsNan, isFloatElement, floats},
    {UnaryKind::IsInf, isFloatElement, floats, 2, 1, 1},
    {UnaryKind::Relu, isRealElement, reals},
    {UnaryKind::LeakyRelu, isFloatElement, floats, 1, 0.01},
    {UnaryKind::Elu, isFloatElement, floats, 1, 1},
    {UnaryKind::Celu, isFloatElement, floats, 1, 1},
    {UnaryKind::Selu, isFloatElement, floats, 2, 1.67326319217681884765625,
     1.05070102214813232421875},
    {UnaryKind::Gelu, isFloatElement, floats},
    {UnaryKind::GeluTanh, isFloatElement, floats},
    {UnaryKind::Sigmoid, isFloatElement, floats},
    {UnaryKind::HardSigmoid, isFloatElement, floats, 2, 0.2, 0.5},
    {UnaryKind::HardSwish, isFloatElement, floats},
    {UnaryKind::Silu, isFloatElement, floats, 1, 1},
    {UnaryKind::Mish, isFloatElement, floats},
    {UnaryKind::Softplus, isFloatElement, floats},
    {UnaryKind::Softsign, isFloatElement, floats},
    {UnaryKind::ThresholdedRelu, isFloatElement, floats, 1, 1},
    {UnaryKind::Shrink, isRealElement, reals, 2, 0, 0.5},
    {UnaryKind::Identity, isElement, anything},
};
static_assert(std::size(unaryTable) == size_t(UnaryKind::Identity) + 1);

struct BinaryInfo {
  BinaryKind kind;
  bool (*takes)(Type);
  const char *takesText;
  bool isCompare = false;
};

const BinaryInfo binaryTable[] = {
    {BinaryKind::Add, isNumericElement, numbers}, {BinaryKind::Sub, isNumericElement, numbers},
    {BinaryKind::Mul, isNumericElement, numbers}, {BinaryKind::Div, isNumericElement, numbers},
    {BinaryKind::Pow, isRealElement, reals},      {BinaryKind::Mod, isRealElement, reals},
    {BinaryKind::Fmod, isRealElement, reals},     {BinaryKind::Min, isRealElement, reals},
    {BinaryKind::Max, isRealElement, reals},      {BinaryKind::And, isBoolElement, booleans},
    {BinaryKind::Or, isBoolElement, booleans},    {BinaryKind::Xor, isBoolElement, booleans},
    {BinaryKind::BitAnd, isIntElement, integers}, {BinaryKind::BitOr, isIntElement, integers},
    {BinaryKind::BitXor, isIntElement, integers}, {BinaryKind::Shl, isIntElement, integers},
    {BinaryKind::Shr, isIntElement, integers},    {BinaryKind::Prelu, isRealElement, reals},
    {BinaryKind::Eq, isElement, anything, true},  {BinaryKind::Ne, isElement, anything, true},
    {BinaryKind::Lt, isRealElement, reals, true}, {BinaryKind::Le, isRealElement, reals, true},
    {BinaryKind::Gt, isRealElement, reals, true}, {BinaryKind::Ge, isRealElement, reals, true},
};
static_assert(std::size(binaryTable) == size_t(BinaryKind::Ge) + 1);

const UnaryInfo &infoOf(UnaryKind kind) { return unaryTable[size_t(kind)]; }
const BinaryInfo &infoOf(BinaryKind kind) { return binaryTable[size_t(kind)]; }

LogicalResult checkElements(StringRef kind, Type element, bool (*takes)(Type),
                            const char *takesText, SizeReporter &reporter) {
  if (takes(element))
    return success();
  std::string text;
  llvm::raw_string_ostream(text) << kind << " takes " << takesText << ", not " << element;
  return reporter.error(text);
}

InferredType broadcastTypes(ArrayRef<TensorType> operands, Type element, SizeReporter &reporter) {
  SmallVector<SmallVector<SizeExpr>> sizes;
  for (TensorType operand : operands)
    sizes.push_back(getSizes(operand));
  FailureOr<SmallVector<SizeExpr>> common = broadcastSizes(sizes, reporter);
  if (failed(common))
    return failure();
  return makeTensorType(element.getContext(), element, *common);
}

} // namespace

//===----------------------------------------------------------------------===//
// Inference
//===----------------------------------------------------------------------===//

InferredType inferUnary(UnaryKind kind, TensorType x, SizeReporter &reporter) {
  const UnaryInfo &info = infoOf(kind);
  if (failed(checkElements(stringifyUnaryKind(kind), x.getElementType(), info.takes, info.takesText,
                           reporter)))
    return failure();
  if (kind == UnaryKind::IsNan || kind == UnaryKind::IsInf)
    return withElementType(x, IntegerType::get(x.getContext(), 1));
  return x;
}

InferredType inferBinary(BinaryKind kind, TensorType lhs, TensorType rhs, SizeReporter &reporter) {
  const BinaryInfo &info = infoOf(kind);
  StringRef name = stringifyBinaryKind(kind);
  for (TensorType operand : {lhs, rhs})
    if (failed(checkElements(name, operand.getElementType(), info.takes, info.takesText, reporter)))
      return failure();
  if (kind != BinaryKind::Pow && lhs.getElementType() != rhs.getElementType())
    return reporter.error(name + ": operands have different element types");
  Type element = info.isCompare ? IntegerType::get(lhs.getContext(), 1) : lhs.getElementType();
  if (lhs == rhs)
    return withElementType(lhs, element);
  return broadcastTypes({lhs, rhs}, element, reporter);
}

InferredType inferSelect(TensorType condition, TensorType a, TensorType b, SizeReporter &reporter) {
  if (a.getElementType() != b.getElementType())
    return reporter.error("select: operands have different element types");
  return broadcastTypes({condition, a, b}, a.getElementType(), reporter);
}

InferredType inferClip(TensorType x, TensorType min, TensorType max, SizeReporter &reporter) {
  for (TensorType limit : {min, max}) {
    if (!limit)
      continue;
    if (limit.getElementType() != x.getElementType())
      return reporter.error("clip: a limit has another element type than the operand");
    for (const SizeExpr &size : getSizes(limit))
      if (failed(reporter.requireEqual(size, 1, "clip: a limit is one element")))
        return failure();
  }
  return x;
}

//===----------------------------------------------------------------------===//
// UnaryOp
//===----------------------------------------------------------------------===//

void UnaryOp::build(OpBuilder &builder, OperationState &state, UnaryKind kind, Value x) {
  build(builder, state, kind, x, FloatAttr(), FloatAttr());
}

void UnaryOp::build(OpBuilder &builder, OperationState &state, UnaryKind kind, Value x,
                    double alpha) {
  build(builder, state, kind, x, builder.getF64FloatAttr(alpha), FloatAttr());
}

void UnaryOp::build(OpBuilder &builder, OperationState &state, UnaryKind kind, Value x,
                    double alpha, double beta) {
  build(builder, state, kind, x, builder.getF64FloatAttr(alpha), builder.getF64FloatAttr(beta));
}

LogicalResult UnaryOp::inferSizes(Adaptor adaptor, SizeReporter &reporter,
                                  SmallVectorImpl<Type> &results) {
  return append(inferUnary(adaptor.getKind(), typeOrNull(adaptor.getX()), reporter), results);
}

double UnaryOp::getAlphaInEffect() {
  return getAlpha() ? getAlpha()->convertToDouble() : infoOf(getKind()).alpha;
}

double UnaryOp::getBetaInEffect() {
  return getBeta() ? getBeta()->convertToDouble() : infoOf(getKind()).beta;
}

LogicalResult UnaryOp::verify() {
  unsigned numParameters = infoOf(getKind()).numParameters;
  if ((getAlphaAttr() && numParameters < 1) || (getBetaAttr() && numParameters < 2))
    return emitOpError() << stringifyUnaryKind(getKind()) << " takes " << numParameters
                         << " parameters";
  return success();
}

OpFoldResult UnaryOp::fold(FoldAdaptor) {
  return getKind() == UnaryKind::Identity ? OpFoldResult(getX()) : OpFoldResult();
}

//===----------------------------------------------------------------------===//
// BinaryOp
//===----------------------------------------------------------------------===//

LogicalResult BinaryOp::inferSizes(Adaptor adaptor, SizeReporter &reporter,
                                   SmallVectorImpl<Type> &results) {
  return append(inferBinary(adaptor.getKind(), typeOrNull(adaptor.getLhs()),
                            typeOrNull(adaptor.getRhs()), reporter),
                results);
}

/// x*1, x/1, x^1, and for integers x+0, x-0 (a float x+0 is not x when x is -0; x-0 is x).
OpFoldResult BinaryOp::fold(FoldAdaptor) {
  bool isInt = isIntElement(getLhs().getType().getElementType());
  struct Neutral {
    BinaryKind kind;
    double element;
    bool onRight, onLeft, holds;
  };
  const Neutral neutrals[] = {
      {BinaryKind::Add, 0, true, true, isInt}, {BinaryKind::Sub, 0, true, false, isInt},
      {BinaryKind::Mul, 1, true, true, true},  {BinaryKind::Div, 1, true, false, true},
      {BinaryKind::Pow, 1, true, false, true},
  };
  for (const Neutral &neutral : neutrals) {
    if (neutral.kind != getKind() || !neutral.holds)
      continue;
    if (neutral.onRight && getLhs().getType() == getType() && isSplatOf(getRhs(), neutral.element))
      return getLhs();
    if (neutral.onLeft && getRhs().getType() == getType() && isSplatOf(getLhs(), neutral.element))
      return getRhs();
  }
  return {};
}

//===----------------------------------------------------------------------===//
// SelectOp, ClipOp, CastOp
//===----------------------------------------------------------------------===//

LogicalResult SelectOp::inferSizes(Adaptor adaptor, SizeReporter &reporter,
                                   SmallVectorImpl<Type> &results) {
  return append(inferSelect(typeOrNull(adaptor.getCondition()), typeOrNull(adaptor.getA()),
                            typeOrNull(adaptor.getB()), reporter),
                results);
}

LogicalResult ClipOp::inferSizes(Adaptor adaptor, SizeReporter &reporter,
                                 SmallVectorImpl<Type> &results) {
  return append(inferClip(typeOrNull(adaptor.getX()), typeOrNull(adaptor.getMin()),
                          typeOrNull(adaptor.getMax()), reporter),
                results);
}

void CastOp::build(OpBuilder &builder, OperationState &state, Value x, Type elementType) {
  build(builder, state, withElementType(cast<TensorType>(x.getType()), elementType), x,
        /*saturate=*/UnitAttr(), /*round_mode=*/RoundModeAttr());
}

LogicalResult CastOp::inferOwnSizes(SizeReporter &, SmallVectorImpl<Type> &results) {
  results.push_back(withElementType(getX().getType(), getType().getElementType()));
  return success();
}

OpFoldResult CastOp::fold(FoldAdaptor) {
  return getX().getType() == getType() ? OpFoldResult(getX()) : OpFoldResult();
}

void BitcastOp::build(OpBuilder &builder, OperationState &state, Value x, Type elementType) {
  build(builder, state, withElementType(cast<TensorType>(x.getType()), elementType), x);
}

LogicalResult BitcastOp::inferOwnSizes(SizeReporter &reporter, SmallVectorImpl<Type> &results) {
  auto widthOf = [](Type element) { // in memory
    return element.isInteger(1) ? 8 : element.getIntOrFloatBitWidth();
  };
  Type from = getX().getType().getElementType(), to = getType().getElementType();
  if (!from.isIntOrFloat() || !to.isIntOrFloat() || widthOf(from) != widthOf(to)) {
    std::string text;
    llvm::raw_string_ostream(text) << "bitcast keeps the width, and " << from << " and " << to
                                   << " differ in it";
    return reporter.error(text);
  }
  results.push_back(withElementType(getX().getType(), to));
  return success();
}

OpFoldResult BitcastOp::fold(FoldAdaptor) {
  return getX().getType() == getType() ? OpFoldResult(getX()) : OpFoldResult();
}

bool isPointwise(Operation *op) {
  return isa<UnaryOp, BinaryOp, SelectOp, ClipOp, CastOp, BitcastOp, QuantizeOp, DequantizeOp>(op);
}

bool isComputedByConvolution(Value value) {
  Operation *op = value.getDefiningOp();
  if (isa_and_nonnull<ConvOp>(op))
    return true;
  return op && isPointwise(op) && llvm::any_of(op->getOperands(), [&](Value operand) {
           return operand.hasOneUse() && getSizes(operand.getType()) == getSizes(value.getType()) &&
                  isComputedByConvolution(operand);
         });
}

} // namespace cameo::graph
