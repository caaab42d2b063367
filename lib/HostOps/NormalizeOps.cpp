// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Normalizations: statistics in double with compensated sums and the two-pass variance, one
// rounding at the end. Most forms are one core (statistics over some axes, then scale and bias that
// broadcast) seen through a reshape.
#include "cameo/HostOps/Reduce.h"

#include "Lines.h"
#include "Sum.h"

#include <algorithm>
#include <cmath>

namespace cameo::host {
namespace {

struct Statistics {
  std::vector<double> mean, inverse;
  Dims dims, strides; ///< of the statistics, stride 0 where reduced
};

enum class Spread { Layer, Rms, MeanVariance };

/// Statistics of `values` (row-major, sizes of x) over `axes`.
Statistics statisticsOf(const std::vector<double> &values, const Dims &dims,
                        const std::vector<int64_t> &axes, double epsilon, Spread spread) {
  Statistics s;
  s.dims = dims;
  int64_t count = 1;
  for (int64_t axis : axes) {
    count *= dims[size_t(axis)];
    s.dims[size_t(axis)] = 1;
  }
  s.strides = rowMajorStrides(s.dims);
  for (int64_t axis : axes)
    s.strides[size_t(axis)] = 0;
  size_t groups = size_t(elementCount(s.dims).value_or(0));
  std::vector<Sum> sums(groups), squares(groups);
  Dims strides = rowMajorStrides(dims);
  auto walk = [&](auto &&fn) {
    forEachRun<2>(dims, {&strides, &s.strides}, {0, 0}, [&](auto at, auto steps, int64_t n) {
      for (int64_t i = 0; i < n; ++i)
        fn(values[size_t(at[0] + i * steps[0])], size_t(at[1] + i * steps[1]));
    });
  };
  s.mean.assign(groups, 0);
  if (spread != Spread::Rms) {
    walk([&](double x, size_t g) { sums[g].add(x); });
    for (size_t g = 0; g < groups; ++g)
      s.mean[g] = sums[g].value() / double(count);
  }
  walk([&](double x, size_t g) { squares[g].add((x - s.mean[g]) * (x - s.mean[g])); });
  for (size_t g = 0; g < groups; ++g) {
    double variance = squares[g].value() / double(count);
    s.inverse.push_back(spread == Spread::MeanVariance ? 1 / (std::sqrt(variance) + epsilon)
                                                       : 1 / std::sqrt(variance + epsilon));
  }
  return s;
}

/// (x - mean) * inverse * scale + bias, all broadcast; scale and bias may be absent.
Result<HostTensor> applyStatistics(DType type, const Dims &dims, std::vector<double> values,
                                   const Statistics &s, const HostTensor &scale,
                                   const HostTensor &bias) {
  Dims strides = rowMajorStrides(dims), none(dims.size(), 0);
  std::vector<double> factors{1}, terms{0};
  Dims factorStrides = none, termStrides = none;
  auto expand = [&](const HostTensor &t, std::vector<double> &into, Dims &steps) -> Status {
    if (!t.isPresent())
      return Status::ok();
    CAMEO_TRY(whole, HostTensor::allocate(t.dtype(), t.dims()));
    CAMEO_TRY(shape, whole.broadcastTo(dims));
    steps = shape.strides();
    into = loadAll<double>(t);
    return Status::ok();
  };
  CAMEO_CHECK(expand(scale, factors, factorStrides));
  CAMEO_CHECK(expand(bias, terms, termStrides));
  forEachRun<4>(dims, {&strides, &s.strides, &factorStrides, &termStrides}, {0, 0, 0, 0},
                [&](auto at, auto steps, int64_t n) {
                  for (int64_t i = 0; i < n; ++i) {
                    double &x = values[size_t(at[0] + i * steps[0])];
                    size_t g = size_t(at[1] + i * steps[1]);
                    x = (x - s.mean[g]) * s.inverse[g] * factors[size_t(at[2] + i * steps[2])] +
                        terms[size_t(at[3] + i * steps[3])];
                  }
                });
  return storeAll(type, dims, values);
}

Status checkFloats(std::initializer_list<const HostTensor *> tensors) {
  for (const HostTensor *t : tensors)
    if (t->isPresent() && !isFloat(t->dtype()))
      return error("normalization takes floats, not " + quote(t->dtype()));
  return Status::ok();
}

/// A vector over channels seen as (1, C, 1, …).
Result<HostTensor> perChannel(const HostTensor &v, const HostTensor &x) {
  if (!v.isPresent())
    return v;
  if (v.rank() != 1 || v.dim(0) != x.dim(1))
    return error("a vector over channels has sizes " + toString(v.dims()) + ", the operand " +
                 toString(x.dims()));
  Dims dims(size_t(x.rank()), 1);
  dims[1] = x.dim(1);
  return v.reshaped(dims);
}

} // namespace

Result<Normalized> normalize(const HostTensor &x, const HostTensor &scale, const HostTensor &bias,
                             std::vector<int64_t> axes, double epsilon, bool rms) {
  CAMEO_CHECK(checkFloats({&x, &scale, &bias}));
  CAMEO_TRY(normal, normalizeAxes(std::move(axes), x.rank()));
  std::vector<double> values = loadAll<double>(x);
  Statistics s = statisticsOf(values, x.dims(), normal, epsilon, rms ? Spread::Rms : Spread::Layer);
  DType stash = x.dtype() == DType::f64 ? DType::f64 : DType::f32;
  CAMEO_TRY(mean, storeAll(stash, s.dims, s.mean));
  CAMEO_TRY(inverse, storeAll(stash, s.dims, s.inverse));
  CAMEO_TRY(y, applyStatistics(x.dtype(), x.dims(), std::move(values), s, scale, bias));
  return Normalized{y, mean, inverse};
}

Result<HostTensor> batchNormalization(const HostTensor &x, const HostTensor &scale,
                                      const HostTensor &bias, const HostTensor &mean,
                                      const HostTensor &variance, double epsilon) {
  CAMEO_CHECK(checkFloats({&x, &scale, &bias, &mean, &variance}));
  if (x.rank() < 1)
    return error("batch normalization takes a tensor of rank 1 or more");
  bool vector = x.rank() == 1; // ONNX: one channel
  CAMEO_TRY(wide, vector ? x.reshaped({x.dim(0), 1}) : Result<HostTensor>(x));
  CAMEO_TRY(factor, perChannel(scale, wide));
  CAMEO_TRY(term, perChannel(bias, wide));
  if (mean.numElements() != wide.dim(1) || variance.numElements() != wide.dim(1))
    return error("batch normalization has one mean and variance a channel");
  Statistics s;
  s.mean = loadAll<double>(mean);
  for (double v : loadAll<double>(variance))
    s.inverse.push_back(1 / std::sqrt(v + epsilon));
  s.strides.assign(size_t(wide.rank()), 0);
  s.strides[1] = 1;
  CAMEO_TRY(y, applyStatistics(x.dtype(), wide.dims(), loadAll<double>(wide), s, factor, term));
  return y.reshaped(x.dims());
}

Result<HostTensor> groupNormalization(const HostTensor &x, const HostTensor &scale,
                                      const HostTensor &bias, int64_t groups, double epsilon) {
  CAMEO_CHECK(checkFloats({&x, &scale, &bias}));
  if (x.rank() < 2 || groups < 1 || x.dim(1) % groups != 0)
    return error("a tensor " + toString(x.dims()) + " has not " + std::to_string(groups) +
                 " equal groups of channels");
  CAMEO_TRY(factor, perChannel(scale, x));
  CAMEO_TRY(term, perChannel(bias, x));
  Dims grouped = {x.dim(0), groups, x.dim(1) / groups};
  grouped.insert(grouped.end(), x.dims().begin() + 2, x.dims().end());
  std::vector<int64_t> axes;
  for (int64_t d = 2; d < int64_t(grouped.size()); ++d)
    axes.push_back(d);
  std::vector<double> values = loadAll<double>(x);
  Statistics s = statisticsOf(values, grouped, axes, epsilon, Spread::Layer);
  // Expand the statistics to one a channel, so that they broadcast to x itself.
  Statistics channels;
  int64_t perGroup = x.dim(1) / groups;
  for (int64_t i = 0; i < x.dim(0) * x.dim(1); ++i) {
    channels.mean.push_back(s.mean[size_t(i / perGroup)]);
    channels.inverse.push_back(s.inverse[size_t(i / perGroup)]);
  }
  channels.strides.assign(size_t(x.rank()), 0);
  channels.strides[0] = x.dim(1);
  channels.strides[1] = 1;
  return applyStatistics(x.dtype(), x.dims(), std::move(values), channels, factor, term);
}

Result<HostTensor> lpNormalization(const HostTensor &x, int64_t axis, int64_t p) {
  CAMEO_CHECK(checkFloats({&x}));
  CAMEO_TRY(normal, normalizeAxis(axis, x.rank()));
  if (p != 1 && p != 2)
    return error("the norm is 1 or 2, not " + std::to_string(p));
  CAMEO_TRY(out, HostTensor::allocate(x.dtype(), x.dims()));
  forEachLine<double>(x, normal, out, [&](std::vector<double> &line) {
    Sum sum;
    for (double v : line)
      sum.add(p == 1 ? std::fabs(v) : v * v);
    double norm = p == 1 ? sum.value() : std::sqrt(sum.value());
    for (double &v : line)
      v = norm == 0 ? 0 : v / norm;
  });
  return out;
}

Result<HostTensor> meanVarianceNormalization(const HostTensor &x, std::vector<int64_t> axes) {
  CAMEO_CHECK(checkFloats({&x}));
  CAMEO_TRY(normal, normalizeAxes(std::move(axes), x.rank()));
  std::vector<double> values = loadAll<double>(x);
  Statistics s = statisticsOf(values, x.dims(), normal, 1e-9, Spread::MeanVariance);
  return applyStatistics(x.dtype(), x.dims(), std::move(values), s, {}, {});
}

Result<HostTensor> localResponseNormalization(const HostTensor &x, int64_t size, double alpha,
                                              double beta, double bias) {
  CAMEO_CHECK(checkFloats({&x}));
  if (x.rank() < 2 || size < 1)
    return error("local response normalization takes channels and a positive size");
  CAMEO_TRY(out, HostTensor::allocate(x.dtype(), x.dims()));
  int64_t before = (size - 1) / 2, after = size - 1 - before;
  forEachLine<double>(x, 1, out, [&](std::vector<double> &line) {
    std::vector<double> old = line;
    int64_t n = int64_t(line.size());
    for (int64_t c = 0; c < n; ++c) {
      Sum sum;
      for (int64_t i = std::max<int64_t>(0, c - before); i <= std::min(n - 1, c + after); ++i)
        sum.add(old[size_t(i)] * old[size_t(i)]);
      line[size_t(c)] /= std::pow(bias + alpha / double(size) * sum.value(), beta);
    }
  });
  return out;
}

} // namespace cameo::host
