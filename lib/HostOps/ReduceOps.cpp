// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Reductions. The operand is seen as (kept dimensions) x (reduced dimensions) through strides; an
// accumulator of the wide type takes the elements of one kept position run by run.
#include "cameo/HostOps/Reduce.h"

#include "Elements.h"
#include "Sum.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace cameo::host {
namespace {

struct FloatAccumulator {
  Reduce kind;
  Sum sum;
  double product = 1, extreme, largest = -INFINITY;
  int64_t count = 0;

  explicit FloatAccumulator(Reduce kind)
      : kind(kind), extreme(kind == Reduce::Max ? -INFINITY : INFINITY) {}

  void add(const double *values, int64_t n) {
    count += n;
    for (int64_t i = 0; i < n; ++i) {
      double x = values[i];
      switch (kind) {
      case Reduce::Prod:
        product *= x;
        break;
      case Reduce::Max:
        extreme = x != x || x > extreme ? x : extreme;
        break;
      case Reduce::Min:
        extreme = x != x || x < extreme ? x : extreme;
        break;
      case Reduce::SumSquare:
      case Reduce::L2:
        sum.add(x * x);
        break;
      case Reduce::L1:
        sum.add(std::fabs(x));
        break;
      case Reduce::LogSumExp:
        addExponential(x);
        break;
      default:
        sum.add(x);
      }
    }
  }

  /// Keeps the sum relative to the largest exponent so far.
  void addExponential(double x) {
    if (x > largest && !std::isinf(x)) {
      double shrink = std::exp(largest - x);
      double old = sum.value();
      sum = Sum();
      sum.add(old * shrink);
      largest = x;
    }
    sum.add(std::isinf(largest) ? std::exp(x) : std::exp(x - largest));
  }

  double result() const {
    switch (kind) {
    case Reduce::Prod:
      return product;
    case Reduce::Max:
    case Reduce::Min:
      return extreme;
    case Reduce::Mean:
      return sum.value() / double(count);
    case Reduce::L2:
      return std::sqrt(sum.value());
    case Reduce::LogSum:
      return std::log(sum.value());
    case Reduce::LogSumExp:
      return std::log(sum.value()) + (std::isinf(largest) ? 0 : largest);
    default:
      return sum.value();
    }
  }
};

template <class W> struct IntegerAccumulator {
  Reduce kind;
  W extreme;
  uint64_t sum = 0, product = 1;
  __int128 exact = 0;
  double exponentials = 0;
  int64_t count = 0;
  bool any = false, all = true;

  IntegerAccumulator(Reduce kind, DType type)
      : kind(kind), extreme(W(kind == Reduce::Max ? minInteger(type) : int64_t(maxInteger(type)))) {
  }

  void add(const W *values, int64_t n) {
    count += n;
    for (int64_t i = 0; i < n; ++i) {
      W x = values[i];
      uint64_t bits = uint64_t(x), magnitude = x < 0 ? 0 - bits : bits;
      bool square = kind == Reduce::SumSquare || kind == Reduce::L2;
      sum += square ? bits * bits : kind == Reduce::L1 ? magnitude : bits;
      exact += square ? __int128(x) * __int128(x) : __int128(x);
      if (kind == Reduce::LogSumExp)
        exponentials += std::exp(double(x));
      product *= bits;
      if (kind == Reduce::Max ? x > extreme : x < extreme)
        extreme = x;
      any |= x != 0;
      all &= x != 0;
    }
  }

  W result() const {
    switch (kind) {
    case Reduce::Prod:
      return W(product);
    case Reduce::Max:
    case Reduce::Min:
      return extreme;
    case Reduce::Mean:
      return count ? W(exact / count) : 0;
    case Reduce::L2:
      return W(std::sqrt(double(exact)));
    case Reduce::LogSum:
      return exact > 0 ? W(std::log(double(exact))) : 0;
    case Reduce::LogSumExp:
      return count ? W(std::log(exponentials)) : 0;
    case Reduce::Any:
      return any;
    case Reduce::All:
      return all;
    default:
      return W(sum);
    }
  }
};

/// The operand split into what stays and what goes.
struct Split {
  Dims keptDims, keptStrides, reducedDims, reducedStrides, resultDims;
};

Split splitAxes(const HostTensor &x, const std::vector<int64_t> &axes, bool keepDims) {
  Split split;
  for (int64_t d = 0; d < x.rank(); ++d) {
    bool reduced = std::binary_search(axes.begin(), axes.end(), d);
    (reduced ? split.reducedDims : split.keptDims).push_back(x.dim(d));
    (reduced ? split.reducedStrides : split.keptStrides).push_back(x.stride(d));
    if (!reduced || keepDims)
      split.resultDims.push_back(reduced ? 1 : x.dim(d));
  }
  return split;
}

template <class W, class Make>
void reduceInto(const HostTensor &x, const Split &split, HostTensor &out, Make &&make) {
  if (out.numElements() == 0)
    return;
  std::vector<W> results;
  results.reserve(size_t(out.numElements()));
  W buffer[kRun];
  Dims at(split.keptDims.size(), 0);
  do {
    int64_t start = x.offset();
    for (size_t d = 0; d < at.size(); ++d)
      start += at[d] * split.keptStrides[d];
    auto accumulator = make();
    forEachRun<1>(split.reducedDims, {&split.reducedStrides}, {start},
                  [&](auto offsets, auto steps, int64_t n) {
                    for (int64_t i = 0; i < n; i += kRun) {
                      int64_t m = std::min(kRun, n - i);
                      loadRun(x.dtype(), x.data(), offsets[0] + i * steps[0], steps[0], m, buffer);
                      accumulator.add(buffer, m);
                    }
                  });
    results.push_back(accumulator.result());
  } while (nextIndex(at, split.keptDims));
  storeRun(out.dtype(), out.data(), 0, out.numElements(), results.data());
}

} // namespace

Result<HostTensor> reduce(Reduce kind, const HostTensor &x, std::vector<int64_t> axes,
                          bool keepDims) {
  CAMEO_TRY(normal, normalizeAxes(std::move(axes), x.rank()));
  bool logical = kind == Reduce::Any || kind == Reduce::All;
  bool boolean = x.dtype() == DType::boolean;
  if (!isReal(x.dtype()) || (logical && !boolean) ||
      (boolean && !logical && kind != Reduce::Max && kind != Reduce::Min))
    return error("this reduction does not take " + quote(x.dtype()));
  Split split = splitAxes(x, normal, keepDims);
  CAMEO_TRY(out, HostTensor::allocate(x.dtype(), split.resultDims));
  switch (wideOf(x.dtype())) {
  case Wide::Float:
    reduceInto<double>(x, split, out, [&] { return FloatAccumulator(kind); });
    break;
  case Wide::Signed:
    reduceInto<int64_t>(x, split, out,
                        [&] { return IntegerAccumulator<int64_t>(kind, x.dtype()); });
    break;
  case Wide::Unsigned:
    reduceInto<uint64_t>(x, split, out,
                         [&] { return IntegerAccumulator<uint64_t>(kind, x.dtype()); });
    break;
  }
  return out;
}

namespace {

template <class W>
int64_t positionOfExtremum(const std::vector<W> &values, bool greatest, bool last) {
  size_t best = 0;
  for (size_t i = 1; i < values.size(); ++i) {
    W x = values[i], b = values[best];
    bool xNan = x != x, bNan = b != b;
    bool better = xNan ? !bNan : !bNan && (greatest ? x > b : x < b);
    bool equal = xNan ? bNan : x == b;
    if (better || (last && equal))
      best = i;
  }
  return int64_t(best);
}

} // namespace

Result<HostTensor> argReduce(bool greatest, const HostTensor &x, int64_t axis, bool keepDims,
                             bool selectLast) {
  CAMEO_TRY(normal, normalizeAxis(axis, x.rank()));
  if (!isReal(x.dtype()))
    return error("the position of an extremum is not defined for " + quote(x.dtype()));
  Split split = splitAxes(x, {normal}, keepDims);
  CAMEO_TRY(out, HostTensor::allocate(DType::i64, split.resultDims));
  if (out.numElements() == 0)
    return out;
  int64_t length = x.dim(normal);
  if (length == 0)
    return error("an empty axis has no extremum");
  int64_t *to = out.as<int64_t>();
  Dims at(split.keptDims.size(), 0);
  do {
    int64_t start = x.offset();
    for (size_t d = 0; d < at.size(); ++d)
      start += at[d] * split.keptStrides[d];
    withWide(x.dtype(), [&](auto zero) {
      std::vector<decltype(zero)> values(size_t(length), zero);
      loadRun(x.dtype(), x.data(), start, x.stride(normal), length, values.data());
      *to++ = positionOfExtremum(values, greatest, selectLast);
    });
  } while (nextIndex(at, split.keptDims));
  return out;
}

} // namespace cameo::host
