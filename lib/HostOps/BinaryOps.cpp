// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Functions of two elements, with broadcasting, and the elementwise choice. Operands are walked as
// views with stride 0 where they repeat.
#include "cameo/HostOps/Pointwise.h"

#include "Elements.h"

#include <cmath>

namespace cameo::host {
namespace {

/// Floats: everything but the logical and bit operations.
double floatFunction(Binary kind, double a, double b) {
  switch (kind) {
  case Binary::Add:
    return a + b;
  case Binary::Sub:
    return a - b;
  case Binary::Mul:
    return a * b;
  case Binary::Div:
    return a / b;
  case Binary::Pow:
    return std::pow(a, b);
  case Binary::Fmod:
    return std::fmod(a, b);
  case Binary::Mod: {
    double rest = std::fmod(a, b);
    if (rest == 0)
      return std::copysign(0.0, b);
    return (rest < 0) != (b < 0) ? rest + b : rest;
  }
  case Binary::Min:
    return a != a || a < b ? a : b;
  case Binary::Max:
    return a != a || a > b ? a : b;
  case Binary::Prelu:
    return a < 0 ? a * b : a;
  default:
    return 0;
  }
}

template <class W> W power(W base, W exponent) {
  if (exponent < 0) {
    if (base == 1 || (base == W(-1) && exponent % 2 == 0))
      return 1;
    return base == W(-1) ? W(-1) : 0;
  }
  uint64_t result = 1, factor = uint64_t(base);
  for (uint64_t left = uint64_t(exponent); left; left >>= 1, factor *= factor)
    if (left & 1)
      result *= factor;
  return W(result);
}

template <class W> W remainderOf(Binary kind, W a, W b) {
  if (b == 0 || b == W(-1))
    return std::is_signed_v<W> || b == 0 ? 0 : W(a % b);
  W rest = a % b;
  return kind == Binary::Mod && rest != 0 && (rest < 0) != (b < 0) ? W(rest + b) : rest;
}

template <class W> W quotient(W a, W b) {
  if (b == 0)
    return 0;
  if (std::is_signed_v<W> && b == W(-1))
    return W(0 - uint64_t(a));
  return a / b;
}

template <class W> W integerFunction(Binary kind, W a, W b, unsigned width) {
  uint64_t x = uint64_t(a), y = uint64_t(b);
  switch (kind) {
  case Binary::Add:
    return W(x + y);
  case Binary::Sub:
    return W(x - y);
  case Binary::Mul:
    return W(x * y);
  case Binary::Div:
    return quotient(a, b);
  case Binary::Pow:
    return power(a, b);
  case Binary::Mod:
  case Binary::Fmod:
    return remainderOf(kind, a, b);
  case Binary::Min:
    return a < b ? a : b;
  case Binary::Max:
    return a > b ? a : b;
  case Binary::And:
    return a && b;
  case Binary::Or:
    return a || b;
  case Binary::Xor:
    return (a != 0) != (b != 0);
  case Binary::BitAnd:
    return W(x & y);
  case Binary::BitOr:
    return W(x | y);
  case Binary::BitXor:
    return W(x ^ y);
  case Binary::Shl:
    return y >= width ? 0 : W(x << y);
  case Binary::Shr:
    return y >= width ? (a < 0 ? W(-1) : 0) : W(a >> y); // a negative amount is a huge y
  case Binary::Prelu:
    return a < 0 ? W(x * y) : a;
  default:
    return 0;
  }
}

template <class W> bool compare(Binary kind, W a, W b) {
  switch (kind) {
  case Binary::Eq:
    return a == b;
  case Binary::Ne:
    return a != b;
  case Binary::Lt:
    return a < b;
  case Binary::Le:
    return a <= b;
  case Binary::Gt:
    return a > b;
  default:
    return a >= b;
  }
}

bool isCompare(Binary kind) { return kind >= Binary::Eq; }
bool isLogical(Binary kind) {
  return kind == Binary::And || kind == Binary::Or || kind == Binary::Xor;
}
bool isBitwise(Binary kind) { return kind >= Binary::BitAnd && kind <= Binary::Shr; }

/// Loads, applies `fn(a, b)` and stores, run by run.
template <class A, class B, class F>
void mapRuns(const HostTensor &a, const HostTensor &b, HostTensor &out, F &&fn) {
  A left[kRun];
  B right[kRun];
  int64_t done = 0;
  forEachRun<2>(out.dims(), {&a.strides(), &b.strides()}, {a.offset(), b.offset()},
                [&](auto offsets, auto steps, int64_t n) {
                  for (int64_t i = 0; i < n; i += kRun) {
                    int64_t m = std::min(kRun, n - i);
                    loadRun(a.dtype(), a.data(), offsets[0] + i * steps[0], steps[0], m, left);
                    loadRun(b.dtype(), b.data(), offsets[1] + i * steps[1], steps[1], m, right);
                    for (int64_t j = 0; j < m; ++j)
                      left[j] = A(fn(left[j], right[j]));
                    storeRun(out.dtype(), out.data(), done, m, left);
                    done += m;
                  }
                });
}

Status checkTypes(Binary kind, DType a, DType b) {
  bool sameType = a == b || kind == Binary::Pow;
  bool fits = isLogical(kind)   ? a == DType::boolean
              : isBitwise(kind) ? isInteger(a)
              : isCompare(kind) ? isReal(a)
                                : isReal(a) && a != DType::boolean && isReal(b);
  if (sameType && fits)
    return Status::ok();
  return error("function " + std::to_string(int(kind)) + " does not take " + quote(a) + " and " +
               quote(b));
}

Result<HostTensor> compareStrings(Binary kind, const HostTensor &a, const HostTensor &b,
                                  const Dims &dims) {
  CAMEO_TRY(out, HostTensor::allocate(DType::boolean, dims));
  auto *left = static_cast<const std::string *>(a.data());
  auto *right = static_cast<const std::string *>(b.data());
  uint8_t *to = out.as<uint8_t>();
  forEachRun<2>(dims, {&a.strides(), &b.strides()}, {a.offset(), b.offset()},
                [&](auto offsets, auto steps, int64_t n) {
                  for (int64_t i = 0; i < n; ++i)
                    *to++ = (left[offsets[0] + i * steps[0]] == right[offsets[1] + i * steps[1]]) ==
                            (kind == Binary::Eq);
                });
  return out;
}

template <class W>
void binaryOf(Binary kind, const HostTensor &a, const HostTensor &b, HostTensor &out) {
  if (isCompare(kind))
    mapRuns<W, W>(a, b, out, [&](W x, W y) { return compare(kind, x, y); });
  else if constexpr (std::is_floating_point_v<W>)
    mapRuns<W, W>(a, b, out, [&](W x, W y) { return floatFunction(kind, x, y); });
  else
    mapRuns<W, W>(a, b, out, [&, width = bitWidth(a.dtype())](W x, W y) {
      return integerFunction(kind, x, y, width);
    });
}

} // namespace

Result<HostTensor> binary(Binary kind, const HostTensor &a, const HostTensor &b) {
  CAMEO_TRY(dims, broadcastDims(a.dims(), b.dims()));
  CAMEO_TRY(left, a.broadcastTo(dims));
  CAMEO_TRY(right, b.broadcastTo(dims));
  if (a.dtype() == DType::string && b.dtype() == DType::string &&
      (kind == Binary::Eq || kind == Binary::Ne))
    return compareStrings(kind, left, right, dims);
  CAMEO_CHECK(checkTypes(kind, a.dtype(), b.dtype()));
  CAMEO_TRY(out, HostTensor::allocate(isCompare(kind) ? DType::boolean : a.dtype(), dims));
  if (kind == Binary::Pow && isInteger(a.dtype()) && isFloat(b.dtype())) {
    // The wide type of the base loses nothing below 2^53, and pow is inexact above it anyway.
    mapRuns<double, double>(left, right, out, [](double x, double y) { return std::pow(x, y); });
    return out;
  }
  if (kind == Binary::Pow && isFloat(a.dtype()) && !isFloat(b.dtype())) {
    mapRuns<double, double>(left, right, out, [](double x, double y) { return std::pow(x, y); });
    return out;
  }
  if (kind == Binary::Pow && !isFloat(a.dtype())) {
    // The exponent's sign counts, whatever the base's type is.
    mapRuns<int64_t, int64_t>(left, right, out, [&](int64_t x, int64_t y) {
      bool huge = b.dtype() == DType::u64 && y < 0;
      return huge ? int64_t(power(uint64_t(x), uint64_t(y))) : power(x, y);
    });
    return out;
  }
  withWide(a.dtype(), [&](auto zero) { binaryOf<decltype(zero)>(kind, left, right, out); });
  return out;
}

Result<HostTensor> select(const HostTensor &condition, const HostTensor &a, const HostTensor &b) {
  if (condition.dtype() != DType::boolean || a.dtype() != b.dtype())
    return error("select takes a boolean condition and two operands of one type");
  CAMEO_TRY(both, broadcastDims(a.dims(), b.dims()));
  CAMEO_TRY(dims, broadcastDims(condition.dims(), both));
  CAMEO_TRY(which, condition.broadcastTo(dims));
  CAMEO_TRY(left, a.broadcastTo(dims));
  CAMEO_TRY(right, b.broadcastTo(dims));
  CAMEO_TRY(out, HostTensor::allocate(a.dtype(), dims));
  auto *flags = static_cast<const uint8_t *>(condition.data());
  int64_t done = 0;
  forEachRun<3>(
      dims, {&which.strides(), &left.strides(), &right.strides()},
      {which.offset(), left.offset(), right.offset()}, [&](auto offsets, auto steps, int64_t n) {
        for (int64_t i = 0; i < n; ++i, ++done) {
          bool first = flags[offsets[0] + i * steps[0]];
          const HostTensor &from = first ? left : right;
          size_t k = first ? 1 : 2;
          moveRun(a.dtype(), out.data(), done, 1, from.data(), offsets[k] + i * steps[k], 1, 1);
        }
      });
  return out;
}

} // namespace cameo::host
