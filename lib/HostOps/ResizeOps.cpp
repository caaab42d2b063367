// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Resizing is separable: along each axis every result position is a weighted sum of operand
// positions. A table of positions and weights is made per axis (coordinate transformation, kernel,
// antialiasing, exclusion), then the axes are resized one after another in double. Nearest without
// antialiasing only moves elements, so it serves every type.
#include "cameo/HostOps/Window.h"

#include "Elements.h"

#include <algorithm>
#include <cmath>

namespace cameo::host {
namespace {

struct Axis {
  int64_t in, out;
  double scale, width; ///< width: the exact result size, which `out` truncates
  double roiStart = 0, roiEnd = 1;
};

double sourceCoordinate(const Axis &a, Coordinates mode, double x) {
  double in = double(a.in);
  switch (mode) {
  case Coordinates::AlignCorners:
    return a.width == 1 ? 0 : x * (in - 1) / (a.width - 1);
  case Coordinates::Asymmetric:
    return x / a.scale;
  case Coordinates::TfCropAndResize: {
    double extent = (a.roiEnd - a.roiStart) * (in - 1);
    return (a.width == 1 ? extent / 2 : x * extent / (a.width - 1)) + a.roiStart * (in - 1);
  }
  case Coordinates::PytorchHalfPixel:
    // As the operator's text says, ONNX Runtime and our kernels; ONNX's reference evaluator has -0.5.
    return a.width == 1 ? 0 : (x + 0.5) / a.scale - 0.5;
  case Coordinates::HalfPixelSymmetric:
    return in / 2 * (1 - double(a.out) / a.width) + (x + 0.5) / a.scale - 0.5;
  default:
    return (x + 0.5) / a.scale - 0.5;
  }
}

double cubic(double x, double a) {
  x = std::fabs(x);
  if (x <= 1)
    return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
}

struct Taps {
  std::vector<int64_t> positions;
  std::vector<double> weights;
  bool outside = false; ///< the whole element is the extrapolation value
};

int64_t nearestPosition(double x, Nearest mode) {
  switch (mode) {
  case Nearest::RoundPreferFloor:
    return int64_t(std::ceil(x - 0.5));
  case Nearest::RoundPreferCeil:
    return int64_t(std::floor(x + 0.5));
  case Nearest::Floor:
    return int64_t(std::floor(x));
  default:
    return int64_t(std::ceil(x));
  }
}

Taps makeTaps(const Axis &axis, const ResizeParams &params, int64_t o) {
  double x = sourceCoordinate(axis, params.coordinates, double(o));
  Taps taps;
  taps.outside =
      params.coordinates == Coordinates::TfCropAndResize && (x < 0 || x > double(axis.in - 1));
  if (params.mode == ResizeMode::Nearest) {
    taps.positions = {std::clamp<int64_t>(nearestPosition(x, params.nearest), 0, axis.in - 1)};
    taps.weights = {1};
    return taps;
  }
  // The fraction lies in (0, 1]: an integer coordinate belongs to the interval on its left.
  double base = std::ceil(x) - 1, fraction = x - base;
  double shrink = params.antialias ? std::min(axis.scale, 1.0) : 1;
  double reach = params.mode == ResizeMode::Cubic ? 2 : 1;
  int64_t first = int64_t(std::floor(-reach / shrink)) + 1;
  double total = 0;
  for (int64_t k = first; k < 2 - first; ++k) {
    double distance = shrink * (double(k) - fraction);
    double weight = params.mode == ResizeMode::Cubic ? cubic(distance, params.cubicCoefficient)
                                                     : std::max(0.0, 1 - std::fabs(distance));
    int64_t position = int64_t(base) + k;
    if (params.excludeOutside && (position < 0 || position >= axis.in))
      weight = 0;
    taps.positions.push_back(std::clamp<int64_t>(position, 0, axis.in - 1));
    taps.weights.push_back(weight);
    total += weight;
  }
  if (params.antialias || params.excludeOutside)
    for (double &weight : taps.weights)
      weight /= total;
  return taps;
}

/// Resizes one axis of row-major values.
std::vector<double> resizeAxis(const std::vector<double> &x, const Dims &dims, size_t axis,
                               const std::vector<Taps> &taps) {
  int64_t outer = 1, inner = 1, in = dims[axis], out = int64_t(taps.size());
  for (size_t d = 0; d < dims.size(); ++d)
    (d < axis ? outer : inner) *= d == axis ? 1 : dims[d];
  std::vector<double> y(size_t(outer * out * inner));
  for (int64_t i = 0; i < outer; ++i)
    for (int64_t o = 0; o < out; ++o)
      for (size_t k = 0; k < taps[size_t(o)].positions.size(); ++k) {
        double weight = taps[size_t(o)].weights[k];
        const double *from = &x[size_t((i * in + taps[size_t(o)].positions[k]) * inner)];
        double *to = &y[size_t((i * out + o) * inner)];
        for (int64_t j = 0; weight != 0 && j < inner; ++j)
          to[j] += weight * from[j];
      }
  return y;
}

Result<Axis> makeAxis(const HostTensor &x, size_t i, int64_t axis, const Dims &sizes,
                      const std::vector<double> &scales, const std::vector<double> &roi) {
  Axis a;
  a.in = x.dim(axis);
  a.out = sizes[i];
  a.scale = scales.empty() ? double(a.out) / double(a.in) : scales[i];
  // ONNX's scales are f32, and so is their product with the size.
  a.width = scales.empty() ? double(a.out) : double(float(a.scale * double(a.in)));
  if (!roi.empty()) {
    a.roiStart = roi[i];
    a.roiEnd = roi[i + sizes.size()];
  }
  if (a.out > 0 && (a.in == 0 || !(a.scale > 0)))
    return error("an empty dimension cannot be resized, and scales are positive");
  return a;
}

} // namespace

Result<HostTensor> resize(const HostTensor &x, const std::vector<int64_t> &axes, const Dims &sizes,
                          const std::vector<double> &scales, const std::vector<double> &roi,
                          const ResizeParams &params) {
  if (sizes.size() != axes.size() || (!scales.empty() && scales.size() != axes.size()) ||
      (!roi.empty() && roi.size() != 2 * axes.size()))
    return error("sizes, scales or roi do not match the axes");
  Dims dims = x.dims();
  std::vector<std::vector<Taps>> tables(dims.size());
  for (size_t i = 0; i < axes.size(); ++i) {
    CAMEO_TRY(axis, normalizeAxis(axes[i], x.rank()));
    CAMEO_TRY(a, makeAxis(x, i, axis, sizes, scales, roi));
    for (int64_t o = 0; o < a.out; ++o)
      tables[size_t(axis)].push_back(makeTaps(a, params, o));
    dims[size_t(axis)] = a.out;
  }
  CAMEO_TRY(out, HostTensor::allocate(x.dtype(), dims));
  if (out.numElements() == 0)
    return out;
  if (params.mode != ResizeMode::Nearest && !isReal(x.dtype()))
    return error("interpolation does not take " + quote(x.dtype()));
  Dims at(dims.size(), 0);
  if (params.mode == ResizeMode::Nearest) {
    int64_t done = 0;
    do {
      int64_t from = x.offset();
      for (size_t d = 0; d < at.size(); ++d)
        from +=
            x.strides()[d] * (tables[d].empty() ? at[d] : tables[d][size_t(at[d])].positions[0]);
      moveRun(x.dtype(), out.data(), done++, 1, x.data(), from, 1, 1);
    } while (nextIndex(at, dims));
  } else {
    std::vector<double> values = loadAll<double>(x);
    Dims current = x.dims();
    for (size_t d = 0; d < dims.size(); ++d)
      if (!tables[d].empty()) {
        values = resizeAxis(values, current, d, tables[d]);
        current[d] = dims[d];
      }
    storeRun(x.dtype(), out.data(), 0, out.numElements(), values.data());
  }
  if (params.coordinates != Coordinates::TfCropAndResize || !isReal(x.dtype()))
    return out;
  at.assign(dims.size(), 0);
  int64_t done = 0;
  do {
    bool outside = false;
    for (size_t d = 0; d < at.size(); ++d)
      outside |= !tables[d].empty() && tables[d][size_t(at[d])].outside;
    if (outside)
      storeRun(x.dtype(), out.data(), done, 1, &params.extrapolation);
    ++done;
  } while (nextIndex(at, dims));
  return out;
}

} // namespace cameo::host
