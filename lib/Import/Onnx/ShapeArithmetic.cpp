// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See ShapeArithmetic.h. A result that overflows, or that has no expression, is no contents at all;
// the value is then data like any other.
#include "ShapeArithmetic.h"

#include <cmath>

using namespace cameo;
using namespace cameo::importer;
using namespace mlir;
using graph::BinaryKind;
using graph::UnaryKind;

std::optional<int64_t> importer::smallCount(RankedTensorType type) {
  if (!type.hasStaticShape())
    return std::nullopt;
  int64_t count = 1;
  for (int64_t size : type.getShape()) {
    if (size > kMaxContents)
      return std::nullopt;
    count *= size;
    if (count > kMaxContents)
      return std::nullopt;
  }
  return count;
}

bool importer::isSizeElement(Type element) {
  return element.isSignlessInteger(64) || element.isSignlessInteger(32) ||
         element.isSignlessInteger(1);
}

namespace {

/// Sizes are positive; elements of control operands ("shape[0]") may be anything.
bool isNonNegative(const SizeExpr &e) {
  std::set<std::string> symbols;
  e.collectSymbols(symbols);
  for (const std::string &name : symbols)
    if (llvm::StringRef(name).contains('['))
      return false;
  return e.provablyNonNegative({});
}

std::optional<Number> integer(const SizeExpr &e) {
  return e.isOverflow() ? std::nullopt : std::optional(Number::integer(e));
}

std::optional<Number> foldInteger(BinaryKind kind, const SizeExpr &a, const SizeExpr &b) {
  switch (kind) {
  case BinaryKind::Add:
    return integer(a + b);
  case BinaryKind::Sub:
    return integer(a - b);
  case BinaryKind::Mul:
    return integer(a * b);
  case BinaryKind::Div:
    return b.isConstant(0) ? std::nullopt : integer(truncDiv(a, b));
  case BinaryKind::Mod:
    return b.isConstant(0) ? std::nullopt : integer(mod(a, b));
  case BinaryKind::Min:
    return integer(min(a, b));
  case BinaryKind::Max:
    return integer(max(a, b));
  case BinaryKind::And:
    return integer(logicalAnd(a, b));
  case BinaryKind::Or:
    return integer(logicalOr(a, b));
  case BinaryKind::Eq:
    return integer(eq(a, b));
  case BinaryKind::Ne:
    return integer(ne(a, b));
  case BinaryKind::Lt:
    return integer(lt(a, b));
  case BinaryKind::Le:
    return integer(le(a, b));
  case BinaryKind::Gt:
    return integer(lt(b, a));
  case BinaryKind::Ge:
    return integer(le(b, a));
  default:
    return std::nullopt;
  }
}

std::optional<Number> foldReal(BinaryKind kind, double a, double b) {
  switch (kind) {
  case BinaryKind::Add:
    return Number::real(a + b);
  case BinaryKind::Sub:
    return Number::real(a - b);
  case BinaryKind::Mul:
    return Number::real(a * b);
  case BinaryKind::Div:
    return Number::real(a / b);
  case BinaryKind::Min:
    return Number::real(std::fmin(a, b));
  case BinaryKind::Max:
    return Number::real(std::fmax(a, b));
  default:
    return std::nullopt;
  }
}

/// A floating-point number that is an integer.
std::optional<SizeExpr> integralOf(const Number &x) {
  if (x.factor != std::floor(x.factor) || std::abs(x.factor) > 9e15)
    return std::nullopt;
  return SizeExpr(static_cast<int64_t>(x.factor)) * x.expr;
}

/// factor * expr with an exact rational factor as an integer division, rounding down.
std::optional<SizeExpr> floorOf(const Number &x) {
  if (std::optional<double> c = x.asReal())
    return std::abs(*c) < 9e15 ? std::optional(SizeExpr(static_cast<int64_t>(std::floor(*c))))
                               : std::nullopt;
  for (int64_t denominator = 1; denominator <= 4096; denominator *= 2) {
    double numerator = x.factor * static_cast<double>(denominator);
    if (numerator == std::floor(numerator) && std::abs(numerator) < 1e9)
      return floorDiv(x.expr * SizeExpr(static_cast<int64_t>(numerator)), SizeExpr(denominator));
  }
  int exponent = 0; // elements of real control operands are multiples of a small power of two
  if (std::frexp(x.factor, &exponent) == 0.5 && exponent < 0 && exponent > -60)
    return floorDiv(x.expr, SizeExpr(int64_t(1) << (1 - exponent)));
  double inverse = 1 / x.factor; // size / 3 arrives as size * 0.333…
  if (inverse == std::round(inverse) && std::abs(inverse) < 1e9)
    return floorDiv(x.expr, SizeExpr(static_cast<int64_t>(inverse)));
  return std::nullopt;
}

} // namespace

SizeExpr importer::truncDiv(const SizeExpr &a, const SizeExpr &b) {
  std::optional<int64_t> ca = a.asConstant(), cb = b.asConstant();
  if (ca && cb && *cb != 0 && !(*ca == INT64_MIN && *cb == -1))
    return SizeExpr(*ca / *cb);
  if (isNonNegative(a) && isNonNegative(b))
    return floorDiv(a, b);
  SizeExpr negative = ne(lt(a, 0), lt(b, 0));
  SizeExpr magnitude = floorDiv(max(a, -a), max(b, -b));
  return select(negative, -magnitude, magnitude);
}

std::optional<Ints> importer::allConstant(llvm::ArrayRef<SizeExpr> exprs) {
  Ints result;
  for (const SizeExpr &e : exprs) {
    if (!e.asConstant())
      return std::nullopt;
    result.push_back(*e.asConstant());
  }
  return result;
}

SizeExpr importer::isAxis(int64_t dim, llvm::ArrayRef<SizeExpr> axes, int64_t rank) {
  SizeExpr any = 0;
  for (const SizeExpr &axis : axes)
    any = logicalOr(any, eq(mod(axis, rank), dim));
  return any;
}

/// How many of the axes lie before `dim`.
static SizeExpr axesBefore(int64_t dim, llvm::ArrayRef<SizeExpr> axes, int64_t rank) {
  SizeExpr count = 0;
  for (const SizeExpr &axis : axes)
    count += lt(mod(axis, rank), dim);
  return count;
}

Sizes importer::withoutAxes(llvm::ArrayRef<SizeExpr> from, llvm::ArrayRef<SizeExpr> axes) {
  auto rank = static_cast<int64_t>(from.size()), count = static_cast<int64_t>(axes.size());
  Sizes to;
  for (int64_t j = 0; j < rank - count; ++j) {
    // Dimension j of the result is dimension j + k of the operand, k axes before it.
    SizeExpr size = from[j + count];
    for (int64_t k = count; k-- > 0;) {
      SizeExpr here = logicalAnd(eq(axesBefore(j + k, axes, rank), k),
                                 logicalNot(isAxis(j + k, axes, rank)));
      size = select(here, from[j + k], size);
    }
    to.push_back(size);
  }
  return to;
}

Sizes importer::withAxes(llvm::ArrayRef<SizeExpr> from, llvm::ArrayRef<SizeExpr> axes) {
  auto left = static_cast<int64_t>(from.size()), count = static_cast<int64_t>(axes.size());
  int64_t rank = left + count;
  Sizes to;
  for (int64_t i = 0; i < rank; ++i) {
    // An old dimension i is dimension i - k of the operand, k axes before it.
    SizeExpr before = axesBefore(i, axes, rank);
    std::optional<SizeExpr> size;
    for (int64_t k = std::max<int64_t>(i - left + 1, 0); k <= std::min(i, count); ++k)
      size = size ? select(eq(before, k), from[i - k], *size) : from[i - k];
    to.push_back(select(isAxis(i, axes, rank), 1, size.value_or(1)));
  }
  return to;
}

std::optional<Number> importer::foldUnary(UnaryKind kind, const Number &x) {
  switch (kind) {
  case UnaryKind::Identity:
    return x;
  case UnaryKind::Neg:
    return Number{x.factor == 1 ? -x.expr : x.expr, x.factor == 1 ? 1 : -x.factor};
  case UnaryKind::Abs:
    if (std::optional<double> c = x.asReal(); c && x.factor != 1)
      return Number::real(std::fabs(*c));
    return x.factor == 1 ? integer(max(x.expr, -x.expr)) : std::nullopt;
  case UnaryKind::Floor:
    if (std::optional<SizeExpr> e = floorOf(x))
      return Number{*e, 1};
    return std::nullopt;
  case UnaryKind::Ceil:
    if (std::optional<SizeExpr> e = floorOf({x.expr, -x.factor}))
      return Number{-*e, 1};
    return std::nullopt;
  case UnaryKind::Not:
    return Number::integer(logicalNot(x.expr));
  case UnaryKind::Trunc: // what a cast to an integer does; sizes are not negative
    if (std::optional<double> c = x.asReal())
      return std::abs(*c) < 9e15
                 ? std::optional(Number::integer(static_cast<int64_t>(std::trunc(*c))))
                 : std::nullopt;
    if (x.factor == 1)
      return x;
    if (!isNonNegative(x.expr) || x.factor < 0)
      return std::nullopt;
    if (std::optional<SizeExpr> e = floorOf(x))
      return Number{*e, 1};
    return std::nullopt;
  case UnaryKind::Sqrt:
    if (std::optional<double> c = x.asReal())
      return Number::real(std::sqrt(*c));
    return std::nullopt;
  default:
    return std::nullopt;
  }
}

std::optional<Number> importer::foldBinary(BinaryKind kind, const Number &a, const Number &b,
                                           bool isInt) {
  if (isInt)
    return foldInteger(kind, a.expr, b.expr);
  std::optional<double> ca = a.asReal(), cb = b.asReal();
  if (ca && cb)
    return foldReal(kind, *ca, *cb);
  if (kind == BinaryKind::Mul && cb)
    return Number{a.expr, a.factor * *cb};
  if (kind == BinaryKind::Mul && ca)
    return Number{b.expr, b.factor * *ca};
  if (kind == BinaryKind::Div && cb && *cb != 0)
    return Number{a.expr, a.factor / *cb};
  std::optional<SizeExpr> ia = integralOf(a), ib = integralOf(b);
  bool closed = kind == BinaryKind::Add || kind == BinaryKind::Sub || kind == BinaryKind::Min ||
                kind == BinaryKind::Max;
  if (ia && ib && closed)
    return foldInteger(kind, *ia, *ib);
  return std::nullopt;
}

Contents importer::broadcastContents(const Contents &from, llvm::ArrayRef<int64_t> fromShape,
                                     llvm::ArrayRef<int64_t> toShape) {
  return moveContents(from, fromShape, toShape,
                      [&](llvm::ArrayRef<int64_t> at, llvm::MutableArrayRef<int64_t> source) {
                        size_t skip = at.size() - source.size();
                        for (size_t d = 0; d < source.size(); ++d)
                          source[d] = fromShape[d] == 1 ? 0 : at[d + skip];
                      });
}

LogicalResult importer::outArithmetic(NodeBuilder &b, std::optional<Contents> contents,
                                      RankedTensorType type, llvm::function_ref<Value()> emit) {
  if (contents && isSizeElement(type.getElementType()))
    return b.outContents(0, type, std::move(*contents));
  if (failed(b.out(emit())))
    return failure();
  if (contents)
    b.alsoContents(0, std::move(*contents));
  return success();
}

std::optional<Contents> importer::unaryContents(NodeBuilder &b, UnaryKind kind) {
  const std::optional<Contents> &x = b.contents(0);
  Type element = b.elementType(0);
  if (!x || (!isSizeElement(element) && !graph::isFloatElement(element)))
    return std::nullopt;
  Contents result;
  for (const Number &n : *x) {
    std::optional<Number> y = foldUnary(kind, n);
    if (!y)
      return std::nullopt;
    result.push_back(*y);
  }
  return result;
}

std::optional<Contents> importer::binaryContents(NodeBuilder &b, BinaryKind kind,
                                                 RankedTensorType &type) {
  if (!b.contents(0) || !b.contents(1))
    return std::nullopt;
  Type element = b.elementType(0);
  bool isInt = isSizeElement(element);
  if ((!isInt && !graph::isFloatElement(element)) || element != b.elementType(1))
    return std::nullopt;
  graph::SizeReporter silent([](const llvm::Twine &) {});
  graph::InferredType inferred = graph::inferBinary(kind, b.type(0), b.type(1), silent);
  if (failed(inferred) || !smallCount(*inferred))
    return std::nullopt;
  type = *inferred;
  Contents x = broadcastContents(*b.contents(0), b.type(0).getShape(), type.getShape());
  Contents y = broadcastContents(*b.contents(1), b.type(1).getShape(), type.getShape());
  Contents result;
  for (auto [p, q] : llvm::zip_equal(x, y)) {
    std::optional<Number> r = foldBinary(kind, p, q, isInt);
    if (!r)
      return std::nullopt;
    result.push_back(*r);
  }
  return result;
}
