// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Sampling at positions that data give: GridSample of any spatial rank, RoiAlign, and the selection
// of boxes that do not overlap.
#include "cameo/HostOps/Window.h"

#include "Elements.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace cameo::host {
namespace {

double reflectInto(double x, double low, double high) {
  double extent = high - low;
  if (extent <= 0)
    return low;
  double distance = x < low ? low - x : x > high ? x - high : 0;
  if (distance == 0)
    return x;
  double turns = std::floor(distance / extent), rest = distance - turns * extent;
  bool even = std::fmod(turns, 2) == 0;
  return (x < low) == even ? low + rest : high - rest;
}

struct Sampler {
  Dims dims, strides;
  ResizeMode mode;
  GridPadding padding;
  bool alignCorners;

  double low() const { return alignCorners ? 0 : -0.5; }
  double high(size_t d) const { return double(dims[d]) - (alignCorners ? 1 : 0.5); }

  /// The pixel that a position outside stands for; -1 for zero.
  int64_t pixel(size_t d, double i) const {
    if (i >= 0 && i < double(dims[d]))
      return int64_t(i);
    if (padding == GridPadding::Zeros || i != i)
      return -1;
    if (padding == GridPadding::Border)
      return i < 0 ? 0 : dims[d] - 1;
    return std::clamp<int64_t>(int64_t(reflectInto(i, low(), high(d))), 0, dims[d] - 1);
  }

  double coordinate(size_t d, double normalized) const {
    double n = double(dims[d]);
    double x = alignCorners ? (normalized + 1) / 2 * (n - 1) : ((normalized + 1) * n - 1) / 2;
    x = float(x); // as ONNX's text computes coordinates
    if (mode == ResizeMode::Nearest)
      x = std::nearbyint(x);
    if (x < low() || x > high(d)) {
      if (padding == GridPadding::Border)
        x = std::clamp(x, 0.0, n - 1);
      else if (padding == GridPadding::Reflection)
        x = reflectInto(x, low(), high(d));
    }
    return x;
  }

  /// Weights of the pixels first, first + 1, … around x.
  std::vector<double> weights(double x, double &first) const {
    double base = std::floor(x), t = x - base, a = -0.75;
    if (mode == ResizeMode::Nearest) {
      first = base;
      return {1};
    }
    if (mode == ResizeMode::Linear) {
      first = base;
      return {1 - t, t};
    }
    auto far = [a](double d) { return ((a * d - 5 * a) * d + 8 * a) * d - 4 * a; };
    auto near = [a](double d) { return ((a + 2) * d - (a + 3)) * d * d + 1; };
    first = base - 1;
    return {far(t + 1), near(t), near(1 - t), far(2 - t)};
  }

  /// The weighted sum over dimensions d, d + 1, … of the image at `offset`.
  double sample(const double *image, const std::vector<double> &at, size_t d) const {
    if (d == dims.size())
      return *image;
    double first, sum = 0;
    std::vector<double> w = weights(at[d], first);
    for (size_t k = 0; k < w.size(); ++k) {
      int64_t p = pixel(d, first + double(k));
      if (p >= 0)
        sum += w[k] * sample(image + p * strides[d], at, d + 1);
    }
    return sum;
  }
};

} // namespace

Result<HostTensor> gridSample(const HostTensor &x, const HostTensor &grid, ResizeMode mode,
                              GridPadding padding, bool alignCorners) {
  if (x.rank() < 3 || grid.rank() != x.rank() || grid.dim(-1) != x.rank() - 2 ||
      grid.dim(0) != x.dim(0) || !isFloat(grid.dtype()) || !isReal(x.dtype()))
    return error("a grid " + toString(grid.dims()) + " does not sample an image " +
                 toString(x.dims()));
  Dims dims{x.dim(0), x.dim(1)};
  dims.insert(dims.end(), grid.dims().begin() + 1, grid.dims().end() - 1);
  CAMEO_TRY(out, HostTensor::allocate(x.dtype(), dims));
  if (out.numElements() == 0)
    return out;
  if (x.numElements() == 0)
    return error("an empty image cannot be sampled");
  Sampler sampler{{x.dims().begin() + 2, x.dims().end()}, {}, mode, padding, alignCorners};
  sampler.strides = rowMajorStrides(sampler.dims);
  size_t rank = sampler.dims.size();
  int64_t pixels = *elementCount(sampler.dims), points = out.numElements() / (dims[0] * dims[1]);
  std::vector<double> images = loadAll<double>(x), coordinates = loadAll<double>(grid), at(rank);
  std::vector<double> results(static_cast<size_t>(out.numElements()));
  for (int64_t n = 0; n < dims[0]; ++n)
    for (int64_t p = 0; p < points; ++p) {
      for (size_t d = 0; d < rank; ++d)
        at[d] = sampler.coordinate(d, coordinates[size_t(n * points + p) * rank + (rank - 1 - d)]);
      for (int64_t c = 0; c < dims[1]; ++c)
        results[size_t((n * dims[1] + c) * points + p)] =
            sampler.sample(&images[size_t((n * dims[1] + c) * pixels)], at, 0);
    }
  storeRun(out.dtype(), out.data(), 0, out.numElements(), results.data());
  return out;
}

namespace {

struct Corner {
  int64_t position;
  double weight;
};

/// The four corners around (y, x); all weights 0 outside the image.
std::array<Corner, 4> cornersAt(double y, double x, int64_t height, int64_t width) {
  if (!(y >= -1 && y <= double(height) && x >= -1 && x <= double(width)))
    return {};
  y = std::max(y, 0.0);
  x = std::max(x, 0.0);
  int64_t top = int64_t(y), left = int64_t(x), bottom = top + 1, right = left + 1;
  if (top >= height - 1)
    y = double(top = bottom = height - 1);
  if (left >= width - 1)
    x = double(left = right = width - 1);
  double dy = y - double(top), dx = x - double(left);
  return {Corner{top * width + left, (1 - dy) * (1 - dx)},
          Corner{top * width + right, (1 - dy) * dx}, Corner{bottom * width + left, dy * (1 - dx)},
          Corner{bottom * width + right, dy * dx}};
}

} // namespace

Result<HostTensor> roiAlign(const HostTensor &x, const HostTensor &rois, const HostTensor &batches,
                            const RoiAlignParams &params) {
  if (x.rank() != 4 || rois.rank() != 2 || rois.dim(1) != 4 || batches.rank() != 1 ||
      batches.dim(0) != rois.dim(0) || params.height < 1 || params.width < 1 ||
      params.samplingRatio < 0 || params.samplingRatio > 1 << 15 || !isFloat(x.dtype()))
    return error("RoiAlign takes an image (N, C, H, W), boxes (n, 4) and n batch indices");
  int64_t count = rois.dim(0), channels = x.dim(1), height = x.dim(2), width = x.dim(3);
  CAMEO_TRY(out, HostTensor::allocate(x.dtype(), {count, channels, params.height, params.width}));
  if (out.numElements() == 0)
    return out;
  if (x.numElements() == 0)
    return error("an empty image cannot be sampled");
  std::vector<double> images = loadAll<double>(x), boxes = loadAll<double>(rois);
  std::vector<int64_t> batch = loadAll<int64_t>(batches);
  std::vector<double> results(static_cast<size_t>(out.numElements()));
  size_t done = 0;
  for (int64_t r = 0; r < count; ++r) {
    if (batch[size_t(r)] < 0 || batch[size_t(r)] >= x.dim(0))
      return error("batch index " + std::to_string(batch[size_t(r)]) + " is outside the batch");
    double edge[4], shift = params.halfPixel ? 0.5 : 0;
    for (size_t i = 0; i < 4; ++i)
      edge[i] = boxes[size_t(r) * 4 + i] * params.scale - shift;
    double boxWidth = edge[2] - edge[0], boxHeight = edge[3] - edge[1];
    if (!params.halfPixel) {
      boxWidth = std::max(boxWidth, 1.0);
      boxHeight = std::max(boxHeight, 1.0);
    }
    double binHeight = boxHeight / double(params.height),
           binWidth = boxWidth / double(params.width);
    if (!(std::fabs(binHeight) < 1e6 && std::fabs(binWidth) < 1e6))
      return error("a box is too large to be sampled");
    int64_t rows = params.samplingRatio ? params.samplingRatio : int64_t(std::ceil(binHeight));
    int64_t columns = params.samplingRatio ? params.samplingRatio : int64_t(std::ceil(binWidth));
    rows = std::max<int64_t>(rows, 0);
    columns = std::max<int64_t>(columns, 0);
    for (int64_t c = 0; c < channels; ++c) {
      const double *image = &images[size_t((batch[size_t(r)] * channels + c) * height * width)];
      for (int64_t bin = 0; bin < params.height * params.width; ++bin) {
        double top = edge[1] + double(bin / params.width) * binHeight;
        double left = edge[0] + double(bin % params.width) * binWidth;
        double sum = 0, best = -INFINITY;
        for (int64_t i = 0; i < rows * columns; ++i) {
          double y = top + (double(i / columns) + 0.5) * binHeight / double(rows);
          double xx = left + (double(i % columns) + 0.5) * binWidth / double(columns);
          for (const Corner &corner : cornersAt(y, xx, height, width)) {
            double value = corner.weight * image[corner.position];
            sum += value;
            best = std::max(best, value);
          }
        }
        int64_t samples = rows * columns;
        results[done++] =
            params.maximum ? (samples ? best : 0) : sum / double(std::max<int64_t>(samples, 1));
      }
    }
  }
  storeRun(out.dtype(), out.data(), 0, out.numElements(), results.data());
  return out;
}

namespace {

struct Box {
  double left, top, right, bottom;
  double area() const { return (right - left) * (bottom - top); }
};

Box makeBox(const double *v, bool centerPoint) {
  if (centerPoint)
    return {v[0] - v[2] / 2, v[1] - v[3] / 2, v[0] + v[2] / 2, v[1] + v[3] / 2};
  return {std::min(v[1], v[3]), std::min(v[0], v[2]), std::max(v[1], v[3]), std::max(v[0], v[2])};
}

bool overlap(const Box &a, const Box &b, double threshold) {
  double width = std::min(a.right, b.right) - std::max(a.left, b.left);
  double height = std::min(a.bottom, b.bottom) - std::max(a.top, b.top);
  if (width <= 0 || height <= 0 || a.area() <= 0 || b.area() <= 0)
    return false;
  double common = width * height;
  return common / (a.area() + b.area() - common) > threshold;
}

} // namespace

Result<HostTensor> nonMaxSuppression(const HostTensor &boxes, const HostTensor &scores,
                                     int64_t maxPerClass, double iouThreshold,
                                     std::optional<double> scoreThreshold, bool centerPoint) {
  if (boxes.rank() != 3 || scores.rank() != 3 || boxes.dim(2) != 4 ||
      boxes.dim(0) != scores.dim(0) || boxes.dim(1) != scores.dim(2))
    return error("boxes (batch, n, 4) and scores (batch, classes, n) do not fit together");
  std::vector<double> corners = loadAll<double>(boxes), values = loadAll<double>(scores);
  int64_t count = boxes.dim(1), classes = scores.dim(1);
  std::vector<int64_t> selected;
  for (int64_t line = 0; line < boxes.dim(0) * classes; ++line) {
    const double *score = values.data() + line * count;
    std::vector<int64_t> order;
    for (int64_t i = 0; i < count; ++i)
      if (!scoreThreshold || score[i] > *scoreThreshold)
        order.push_back(i);
    std::sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
      return score[a] != score[b] ? score[a] > score[b] : a < b;
    });
    std::vector<Box> kept;
    for (int64_t i : order) {
      if (int64_t(kept.size()) >= maxPerClass)
        break;
      Box box = makeBox(&corners[size_t((line / classes * count + i) * 4)], centerPoint);
      bool suppressed = std::any_of(kept.begin(), kept.end(), [&](const Box &other) {
        return overlap(box, other, iouThreshold);
      });
      if (suppressed)
        continue;
      kept.push_back(box);
      selected.insert(selected.end(), {line / classes, line % classes, i});
    }
  }
  return HostTensor::ofIntegers(DType::i64, {int64_t(selected.size() / 3), 3}, selected);
}

} // namespace cameo::host
