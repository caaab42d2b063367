// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Convolutions of any spatial rank as matrix products. The image is copied once, as doubles, into a
// zero-padded frame; then element (k, n) of the unfolded matrix is frame[tap[k] + position[n]],
// with no bounds to check, for every stride and dilation. The transposed form multiplies first and
// adds the products to the frame at the same places. Integers pass as doubles: exact.
#include "cameo/HostOps/Contraction.h"

#include "Elements.h"
#include "Gemm.h"

namespace cameo::host {
namespace {

struct Geometry {
  int64_t batch, channels, outChannels, groups, spatial; ///< spatial: number of dimensions
  Dims in, window, strides, low, high, dilations, out;
  Dims frame; ///< padded image, one channel
  int64_t frameElements = 1, taps = 1, positions = 1;
};

int64_t orDefault(const Dims &values, size_t i, int64_t fallback) {
  return values.empty() ? fallback : values[i];
}

Status fillParams(Geometry &g, const ConvParams &params) {
  size_t rank = size_t(g.spatial);
  auto fits = [](const Dims &values, size_t n) { return values.empty() || values.size() == n; };
  if (!fits(params.strides, rank) || !fits(params.dilations, rank) || !fits(params.pads, 2 * rank))
    return error("strides, dilations or pads do not match the spatial rank");
  for (size_t d = 0; d < rank; ++d) {
    g.strides.push_back(orDefault(params.strides, d, 1));
    g.dilations.push_back(orDefault(params.dilations, d, 1));
    g.low.push_back(orDefault(params.pads, d, 0));
    g.high.push_back(orDefault(params.pads, d + rank, 0));
    constexpr int64_t limit = int64_t(1) << 31; // keeps every sum below inside int64
    if (g.strides[d] < 1 || g.dilations[d] < 1 || g.strides[d] > limit || g.dilations[d] > limit ||
        std::abs(g.low[d]) > limit || std::abs(g.high[d]) > limit || g.window[d] > limit)
      return error("strides, dilations or pads are out of range");
  }
  return Status::ok();
}

Status checkShapes(const HostTensor &x, const HostTensor &w, const HostTensor &bias, int64_t groups,
                   bool transposed) {
  if (x.rank() < 3 || w.rank() != x.rank())
    return error("a convolution takes an image (N, C, spatial...) and weights of the same rank");
  int64_t inputs = transposed ? w.dim(0) : w.dim(1) * groups;
  if (groups < 1 || x.dim(1) != inputs || x.dim(1) % groups != 0 ||
      (!transposed && w.dim(0) % groups != 0))
    return error("image " + toString(x.dims()) + ", weights " + toString(w.dims()) + " and " +
                 std::to_string(groups) + " groups do not fit together");
  int64_t outputs = transposed ? w.dim(1) * groups : w.dim(0);
  if (bias.isPresent() && (bias.rank() != 1 || bias.dim(0) != outputs))
    return error("the bias has not one element a channel");
  return Status::ok();
}

Result<Geometry> makeGeometry(const HostTensor &x, const HostTensor &w, const ConvParams &params,
                              bool transposed, const Dims &outputPadding) {
  Geometry g;
  g.batch = x.dim(0);
  g.channels = x.dim(1);
  g.groups = params.groups;
  g.outChannels = transposed ? w.dim(1) * g.groups : w.dim(0);
  g.spatial = x.rank() - 2;
  g.in.assign(x.dims().begin() + 2, x.dims().end());
  g.window.assign(w.dims().begin() + 2, w.dims().end());
  CAMEO_CHECK(fillParams(g, params));
  for (size_t d = 0; d < size_t(g.spatial); ++d) {
    int64_t extent = (g.window[d] - 1) * g.dilations[d] + 1;
    int64_t frame, out;
    if (transposed) {
      frame = g.strides[d] * (g.in[d] - 1) + extent + orDefault(outputPadding, d, 0);
      out = frame - g.low[d] - g.high[d];
    } else {
      frame = g.in[d] + g.low[d] + g.high[d];
      out = frame < extent ? 0 : (frame - extent) / g.strides[d] + 1;
    }
    if (frame < 0 || out < 0 || g.window[d] < 1)
      return error("the result of the convolution has a negative size");
    g.frame.push_back(frame);
    g.out.push_back(out);
    g.taps *= g.window[d];
    g.positions *= transposed ? g.in[d] : out;
  }
  auto elements = elementCount(g.frame);
  if (!elements || !elementCount({g.channels, *elements, 8}))
    return error("the padded image has too many elements");
  g.frameElements = *elements;
  return g;
}

/// Frame offsets of all coordinates below `sizes`, each multiplied by `steps`.
std::vector<int64_t> offsetsOf(const Dims &sizes, const Dims &steps, const Dims &frame) {
  std::vector<int64_t> offsets;
  if (elementCount(sizes).value_or(0) == 0)
    return offsets;
  Dims strides = rowMajorStrides(frame), at(sizes.size(), 0);
  do {
    int64_t offset = 0;
    for (size_t d = 0; d < at.size(); ++d)
      offset += at[d] * steps[d] * strides[d];
    offsets.push_back(offset);
  } while (nextIndex(at, sizes));
  return offsets;
}

/// Copies channels of image `n` (less `zero`) into frames that start `low` before the image.
void fillFrames(const HostTensor &x, const Geometry &g, int64_t n, double zero,
                std::vector<double> &frames) {
  std::fill(frames.begin(), frames.end(), 0.0);
  size_t last = size_t(g.spatial) - 1;
  Dims rows(g.in.begin(), g.in.end() - 1), strides = rowMajorStrides(g.frame);
  int64_t first = std::max<int64_t>(0, -g.low[last]);
  int64_t count = std::min(g.in[last], g.frame[last] - g.low[last]) - first;
  if (count <= 0 || elementCount(rows).value_or(0) == 0)
    return;
  for (int64_t c = 0; c < g.channels; ++c) {
    Dims at(rows.size(), 0);
    do {
      int64_t from = x.offset() + n * x.stride(0) + c * x.stride(1) + first * x.stride(-1);
      int64_t to = c * g.frameElements + g.low[last] + first;
      bool inside = true;
      for (size_t d = 0; d < at.size(); ++d) {
        int64_t position = at[d] + g.low[d];
        inside &= position >= 0 && position < g.frame[d];
        from += at[d] * x.stride(int64_t(d) + 2);
        to += position * strides[d];
      }
      if (!inside)
        continue;
      loadRun(x.dtype(), x.data(), from, x.stride(-1), count, &frames[size_t(to)]);
      if (zero != 0)
        for (int64_t i = 0; i < count; ++i)
          frames[size_t(to + i)] -= zero;
    } while (nextIndex(at, rows));
  }
}

struct Operands {
  const HostTensor &x;
  std::vector<double> weights, bias; ///< row-major; bias empty or one a channel
  double xZero = 0;
};

Result<HostTensor> convolve(const Operands &in, const Geometry &g, DType type) {
  Dims dims{g.batch, g.outChannels};
  dims.insert(dims.end(), g.out.begin(), g.out.end());
  CAMEO_TRY(out, HostTensor::allocate(type, dims));
  if (out.numElements() == 0)
    return out;
  std::vector<double> frames(size_t(g.channels * g.frameElements));
  std::vector<int64_t> taps = offsetsOf(g.window, g.dilations, g.frame);
  std::vector<int64_t> positions = offsetsOf(g.out, g.strides, g.frame);
  int64_t m = g.outChannels / g.groups, depth = g.channels / g.groups * g.taps;
  std::vector<double> row(static_cast<size_t>(g.positions));
  for (int64_t n = 0; n < g.batch; ++n) {
    fillFrames(in.x, g, n, in.xZero, frames);
    for (int64_t group = 0; group < g.groups; ++group) {
      const double *weights = &in.weights[size_t(group * m * depth)];
      const double *image = &frames[size_t(group * (g.channels / g.groups) * g.frameElements)];
      GemmProblem problem{m, g.positions, depth, {}, {}, {}};
      problem.loadA = [&](int64_t i, int64_t rows, int64_t p, int64_t count, double *to) {
        for (int64_t r = 0; r < rows; ++r)
          std::copy_n(weights + (i + r) * depth + p, count, to + r * count);
      };
      problem.loadB = [&](int64_t p, int64_t count, int64_t j, int64_t columns, double *to) {
        for (int64_t k = p; k < p + count; ++k) {
          const double *from = image + k / g.taps * g.frameElements + taps[size_t(k % g.taps)];
          for (int64_t c = 0; c < columns; ++c)
            *to++ = from[positions[size_t(j + c)]];
        }
      };
      problem.store = [&](int64_t i, int64_t j, int64_t columns, const double *values) {
        int64_t channel = group * m + i;
        double term = in.bias.empty() ? 0 : in.bias[size_t(channel)];
        for (int64_t c = 0; c < columns; ++c)
          row[size_t(c)] = values[c] + term;
        int64_t to = (n * g.outChannels + channel) * g.positions + j;
        if (isFloat(type)) {
          storeRun(type, out.data(), to, columns, row.data());
          return;
        }
        for (int64_t c = 0; c < columns; ++c) {
          int64_t exact = int64_t(row[size_t(c)]); // wraps to the type below
          storeRun(type, out.data(), to + c, 1, &exact);
        }
      };
      multiply(problem);
    }
  }
  return out;
}

} // namespace

Result<HostTensor> conv(const HostTensor &x, const HostTensor &w, const HostTensor &bias,
                        const ConvParams &params) {
  bool integers = isInteger(x.dtype()) && bitWidth(x.dtype()) <= 32;
  if ((!isFloat(x.dtype()) && !integers) || w.dtype() != x.dtype())
    return error("a convolution does not take " + quote(x.dtype()) + " and " + quote(w.dtype()));
  CAMEO_CHECK(checkShapes(x, w, bias, params.groups, false));
  CAMEO_TRY(g, makeGeometry(x, w, params, false, {}));
  Operands operands{x, loadAll<double>(w), {}, 0};
  if (bias.isPresent())
    operands.bias = loadAll<double>(bias);
  return convolve(operands, g, x.dtype());
}

Result<HostTensor> convInteger(const HostTensor &x, const HostTensor &w, const HostTensor &xZero,
                               const HostTensor &wZero, const ConvParams &params) {
  if (!isInteger(x.dtype()) || !isInteger(w.dtype()) || bitWidth(x.dtype()) > 8 ||
      bitWidth(w.dtype()) > 8)
    return error("an integer convolution takes 8-bit integers");
  CAMEO_CHECK(checkShapes(x, w, {}, params.groups, false));
  if (xZero.isPresent() && xZero.numElements() != 1)
    return error("the zero point of the image is one element");
  if (wZero.isPresent() && wZero.numElements() != 1 && wZero.numElements() != w.dim(0))
    return error("the zero point of the weights is one element or one a channel");
  CAMEO_TRY(g, makeGeometry(x, w, params, false, {}));
  Operands operands{x, loadAll<double>(w), {}, 0};
  if (xZero.isPresent())
    operands.xZero = loadAll<double>(xZero)[0];
  if (wZero.isPresent()) {
    std::vector<double> zeros = loadAll<double>(wZero);
    size_t perChannel = operands.weights.size() / std::max<size_t>(1, size_t(w.dim(0)));
    for (size_t i = 0; i < operands.weights.size(); ++i)
      operands.weights[i] -= zeros[zeros.size() == 1 ? 0 : i / perChannel];
  }
  return convolve(operands, g, DType::i32);
}

Result<HostTensor> convTranspose(const HostTensor &x, const HostTensor &w, const HostTensor &bias,
                                 const ConvParams &params, const Dims &outputPadding) {
  if (!isFloat(x.dtype()) || w.dtype() != x.dtype())
    return error("a convolution does not take " + quote(x.dtype()) + " and " + quote(w.dtype()));
  CAMEO_CHECK(checkShapes(x, w, bias, params.groups, true));
  if (!outputPadding.empty() && int64_t(outputPadding.size()) != x.rank() - 2)
    return error("output padding does not match the spatial rank");
  CAMEO_TRY(g, makeGeometry(x, w, params, true, outputPadding));
  Dims dims{g.batch, g.outChannels};
  dims.insert(dims.end(), g.out.begin(), g.out.end());
  CAMEO_TRY(out, HostTensor::allocate(x.dtype(), dims));
  if (out.numElements() == 0)
    return out;
  std::vector<double> weights = loadAll<double>(w), images = loadAll<double>(x);
  std::vector<double> terms;
  if (bias.isPresent())
    terms = loadAll<double>(bias);
  std::vector<int64_t> taps = offsetsOf(g.window, g.dilations, g.frame);
  std::vector<int64_t> positions = offsetsOf(g.in, g.strides, g.frame);
  int64_t inputs = g.channels / g.groups, outputs = g.outChannels / g.groups;
  int64_t m = outputs * g.taps;
  // The result is the frame less its pads: a window of it, as a strided tensor.
  CAMEO_TRY(frame, HostTensor::allocate(DType::f64, {outputs * g.frameElements}));
  double *sums = frame.as<double>();
  Dims frameStrides = rowMajorStrides(g.frame), outStrides = rowMajorStrides(g.out);
  for (int64_t n = 0; n < g.batch; ++n)
    for (int64_t group = 0; group < g.groups; ++group) {
      std::fill_n(sums, outputs * g.frameElements, 0.0);
      const double *image = &images[size_t((n * g.channels + group * inputs) * g.positions)];
      const double *matrix = &weights[size_t(group * inputs * m)];
      GemmProblem problem{m, g.positions, inputs, {}, {}, {}};
      problem.loadA = [&](int64_t i, int64_t rows, int64_t p, int64_t count, double *to) {
        for (int64_t r = 0; r < rows; ++r)
          for (int64_t k = 0; k < count; ++k)
            *to++ = matrix[(p + k) * m + i + r];
      };
      problem.loadB = [&](int64_t p, int64_t count, int64_t j, int64_t columns, double *to) {
        for (int64_t k = 0; k < count; ++k)
          std::copy_n(image + (p + k) * g.positions + j, columns, to + k * columns);
      };
      problem.store = [&](int64_t i, int64_t j, int64_t columns, const double *values) {
        double *to = sums + i / g.taps * g.frameElements + taps[size_t(i % g.taps)];
        for (int64_t c = 0; c < columns; ++c)
          to[positions[size_t(j + c)]] += values[c];
      };
      multiply(problem);
      Dims at(g.out.size(), 0);
      for (int64_t channel = 0; channel < outputs; ++channel) {
        int64_t to = (n * g.outChannels + group * outputs + channel) * outStrides[0] * g.out[0];
        do {
          int64_t from = channel * g.frameElements;
          bool inside = true;
          for (size_t d = 0; d < at.size(); ++d) {
            int64_t position = at[d] + g.low[d];
            inside &= position >= 0 && position < g.frame[d];
            from += position * frameStrides[d];
          }
          double value = (inside ? sums[from] : 0) +
                         (terms.empty() ? 0 : terms[size_t(group * outputs + channel)]);
          storeRun(out.dtype(), out.data(), to++, 1, &value);
        } while (nextIndex(at, g.out));
      }
    }
  return out;
}

} // namespace cameo::host
