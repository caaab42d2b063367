// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Poolings of any spatial rank: for every result element the window is clipped to the image, and
// its elements are folded in double.
#include "cameo/HostOps/Window.h"

#include "Elements.h"
#include "Sum.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace cameo::host {
namespace {

struct Geometry {
  size_t rank;
  Dims in, window, strides, low, high, dilations, out;
};

Result<Geometry> makeGeometry(const HostTensor &x, const PoolParams &p) {
  if (x.rank() < 3 || int64_t(p.window.size()) != x.rank() - 2)
    return error("a pooling takes an image (N, C, spatial...) and a window of its rank");
  Geometry g;
  g.rank = p.window.size();
  g.window = p.window;
  auto fits = [](const Dims &values, size_t n) { return values.empty() || values.size() == n; };
  if (!fits(p.strides, g.rank) || !fits(p.dilations, g.rank) || !fits(p.pads, 2 * g.rank))
    return error("strides, dilations or pads do not match the spatial rank");
  for (size_t d = 0; d < g.rank; ++d) {
    g.in.push_back(x.dim(int64_t(d) + 2));
    g.strides.push_back(p.strides.empty() ? 1 : p.strides[d]);
    g.dilations.push_back(p.dilations.empty() ? 1 : p.dilations[d]);
    g.low.push_back(p.pads.empty() ? 0 : p.pads[d]);
    g.high.push_back(p.pads.empty() ? 0 : p.pads[d + g.rank]);
    constexpr int64_t limit = int64_t(1) << 31;
    for (int64_t value : {g.window[d], g.strides[d], g.dilations[d]})
      if (value < 1 || value > limit)
        return error("window, strides and dilations are positive");
    if (std::abs(g.low[d]) > limit || std::abs(g.high[d]) > limit)
      return error("pads are out of range");
    int64_t padded = g.in[d] + g.low[d] + g.high[d];
    int64_t room = padded - (g.window[d] - 1) * g.dilations[d] - 1;
    int64_t out = room < 0 ? 0 : (room + (p.ceilMode ? g.strides[d] - 1 : 0)) / g.strides[d] + 1;
    // A window that would start beyond the image and its first padding is not taken.
    if (p.ceilMode && out > 1 && (out - 1) * g.strides[d] >= g.in[d] + g.low[d])
      --out;
    g.out.push_back(out);
  }
  return g;
}

/// Along one dimension: the taps of the window at result position `o` that lie inside [from, to).
struct TapRange {
  int64_t first, last; ///< tap numbers, last exclusive
};
TapRange tapsInside(const Geometry &g, size_t d, int64_t o, int64_t from, int64_t to) {
  int64_t start = o * g.strides[d] - g.low[d], step = g.dilations[d];
  int64_t first = start >= from ? 0 : (from - start + step - 1) / step;
  int64_t last = start >= to ? 0 : (to - start + step - 1) / step;
  first = std::min(first, g.window[d]);
  return {first, std::clamp(last, first, g.window[d])};
}

struct Fold {
  Pool kind;
  int64_t p;
  Sum sum;
  double best = -INFINITY;
  int64_t bestAt = -1, count = 0;

  void add(double x, int64_t at) {
    ++count;
    if (kind == Pool::Average)
      sum.add(x);
    else if (kind == Pool::Lp)
      sum.add(p == 1 ? std::fabs(x) : p == 2 ? x * x : std::pow(std::fabs(x), double(p)));
    else if (bestAt < 0 || (best == best && (x != x || x > best))) {
      best = x;
      bestAt = at;
    }
  }
  double result(int64_t divisor) const {
    if (kind == Pool::Average)
      return sum.value() / double(divisor);
    if (kind == Pool::Lp)
      return p == 1   ? sum.value()
             : p == 2 ? std::sqrt(sum.value())
                      : std::pow(sum.value(), 1.0 / double(p));
    return best;
  }
};

/// Flat position of a spatial coordinate within one channel, in either order.
int64_t flatPosition(const Dims &at, const Dims &in, bool columnMajor) {
  int64_t position = 0;
  for (size_t i = 0; i < at.size(); ++i) {
    size_t d = columnMajor ? at.size() - 1 - i : i;
    position = position * in[d] + at[d];
  }
  return position;
}

} // namespace

Result<Pooled> pool(Pool kind, const HostTensor &x, const PoolParams &params) {
  if (!isReal(x.dtype()) || (kind != Pool::Max && !isFloat(x.dtype())))
    return error("this pooling does not take " + quote(x.dtype()));
  CAMEO_TRY(g, makeGeometry(x, params));
  Dims dims{x.dim(0), x.dim(1)};
  dims.insert(dims.end(), g.out.begin(), g.out.end());
  CAMEO_TRY(y, HostTensor::allocate(x.dtype(), dims));
  CAMEO_TRY(indices, HostTensor::allocate(DType::i64, kind == Pool::Max ? dims : Dims{0}));
  if (y.numElements() == 0)
    return Pooled{y, indices};
  int64_t pixels = elementCount(g.in).value_or(0), done = 0;
  std::vector<double> image(static_cast<size_t>(pixels));
  Dims inStrides = rowMajorStrides(g.in), spatial(x.strides().begin() + 2, x.strides().end());
  for (int64_t channel = 0; channel < x.dim(0) * x.dim(1); ++channel) {
    int64_t start =
        x.offset() + channel / x.dim(1) * x.stride(0) + channel % x.dim(1) * x.stride(1);
    double *to = image.data();
    forEachRun<1>(g.in, {&spatial}, {start}, [&](auto offsets, auto steps, int64_t n) {
      loadRun(x.dtype(), x.data(), offsets[0], steps[0], n, to);
      to += n;
    });
    Dims o(g.rank, 0);
    do {
      Fold fold{kind, params.p, {}};
      Dims first(g.rank), extent(g.rank);
      int64_t divisor = 1;
      for (size_t d = 0; d < g.rank; ++d) {
        TapRange taps = tapsInside(g, d, o[d], 0, g.in[d]);
        first[d] = taps.first;
        extent[d] = taps.last - taps.first;
        TapRange padded = tapsInside(g, d, o[d], -g.low[d], g.in[d] + g.high[d]);
        divisor *= params.countIncludePad ? padded.last - padded.first : extent[d];
      }
      Dims k(g.rank, 0), at(g.rank);
      if (elementCount(extent).value_or(0) > 0)
        do {
          for (size_t d = 0; d < g.rank; ++d)
            at[d] = o[d] * g.strides[d] - g.low[d] + (first[d] + k[d]) * g.dilations[d];
          int64_t position = flatPosition(at, g.in, false);
          fold.add(image[size_t(position)],
                   params.columnMajor ? flatPosition(at, g.in, true) : position);
        } while (nextIndex(k, extent));
      double value = fold.result(divisor);
      storeRun(y.dtype(), y.data(), done, 1, &value);
      if (kind == Pool::Max)
        indices.as<int64_t>()[done] = fold.bestAt < 0 ? 0 : channel * pixels + fold.bestAt;
      ++done;
    } while (nextIndex(o, g.out));
  }
  if (kind != Pool::Max)
    indices = {};
  return Pooled{y, indices};
}

Result<HostTensor> globalPool(Pool kind, const HostTensor &x, int64_t p) {
  if (x.rank() < 2)
    return error("a pooling takes an image (N, C, spatial...)");
  PoolParams params;
  params.p = p;
  params.window.assign(x.dims().begin() + 2, x.dims().end());
  if (params.window.empty())
    return x;
  if (x.numElements() == 0)
    return error("a pooling over no elements is not defined");
  CAMEO_TRY(pooled, pool(kind, x, params));
  return pooled.y;
}

Result<HostTensor> maxUnpool(const HostTensor &x, const HostTensor &indices, const Dims &dims) {
  if (indices.dims() != x.dims())
    return error("there is not one index an element");
  CAMEO_TRY(from, x.contiguous());
  CAMEO_TRY(out, HostTensor::allocate(x.dtype(), dims));
  int64_t i = from.offset();
  for (int64_t position : loadAll<int64_t>(indices)) {
    if (position < 0 || position >= out.numElements())
      return error("index " + std::to_string(position) + " is outside the result");
    moveRun(x.dtype(), out.data(), position, 1, from.data(), i++, 1, 1);
  }
  return out;
}

} // namespace cameo::host
