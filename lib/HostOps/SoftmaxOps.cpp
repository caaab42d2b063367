// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The softmax family and running sums: one line at a time, in double.
#include "cameo/HostOps/Reduce.h"

#include "Lines.h"
#include "Sum.h"

#include <algorithm>
#include <cmath>

namespace cameo::host {
namespace {

void softmaxLine(std::vector<double> &line, bool logarithm) {
  double largest = -INFINITY;
  for (double x : line)
    largest = x != x || x > largest ? x : largest;
  Sum sum;
  for (double x : line)
    sum.add(std::exp(x - largest));
  double total = sum.value(), logTotal = std::log(total);
  for (double &x : line)
    x = logarithm ? (x - largest) - logTotal : std::exp(x - largest) / total;
}

void hardmaxLine(std::vector<double> &line) {
  auto largest = std::max_element(line.begin(), line.end());
  auto position = largest - line.begin();
  for (size_t i = 0; i < line.size(); ++i)
    line[i] = ptrdiff_t(i) == position;
}

template <class W>
void cumulateLine(std::vector<W> &line, bool product, bool exclusive, bool reverse) {
  if (reverse)
    std::reverse(line.begin(), line.end());
  Sum compensated;
  W total = product ? W(1) : W(0);
  for (W &x : line) {
    W before = total;
    if (product)
      total = std::is_floating_point_v<W> ? W(total * x) : W(uint64_t(total) * uint64_t(x));
    else if constexpr (std::is_floating_point_v<W>) {
      compensated.add(x);
      total = compensated.value();
    } else {
      total = W(uint64_t(total) + uint64_t(x));
    }
    x = exclusive ? before : total;
  }
  if (reverse)
    std::reverse(line.begin(), line.end());
}

} // namespace

Result<HostTensor> softmax(Softmax kind, const HostTensor &x, int64_t axis) {
  CAMEO_TRY(normal, normalizeAxis(axis, x.rank()));
  if (!isFloat(x.dtype()))
    return error("softmax takes floats, not " + quote(x.dtype()));
  CAMEO_TRY(out, HostTensor::allocate(x.dtype(), x.dims()));
  forEachLine<double>(x, normal, out, [&](std::vector<double> &line) {
    if (kind == Softmax::Hardmax)
      hardmaxLine(line);
    else
      softmaxLine(line, kind == Softmax::LogSoftmax);
  });
  return out;
}

Result<HostTensor> cumulate(bool product, const HostTensor &x, int64_t axis, bool exclusive,
                            bool reverse) {
  CAMEO_TRY(normal, normalizeAxis(axis, x.rank()));
  if (!isReal(x.dtype()) || x.dtype() == DType::boolean)
    return error("a running sum is not defined for " + quote(x.dtype()));
  CAMEO_TRY(out, HostTensor::allocate(x.dtype(), x.dims()));
  withWide(x.dtype(), [&](auto zero) {
    using W = decltype(zero);
    forEachLine<W>(x, normal, out,
                   [&](std::vector<W> &line) { cumulateLine(line, product, exclusive, reverse); });
  });
  return out;
}

} // namespace cameo::host
