// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Operations over windows and sampled positions of an image (N, C, spatial…): poolings, resizing,
// sampling on a grid, regions of interest, suppression of overlapping boxes.
#pragma once

#include "cameo/HostOps/HostTensor.h"

namespace cameo::host {

enum class Pool : uint8_t { Max, Average, Lp };

/// Empty lists stand for 1 (strides, dilations) or 0 (pads, all begins then all ends).
struct PoolParams {
  Dims window, strides, pads, dilations;
  bool ceilMode = false, countIncludePad = false;
  int64_t p = 2;
  bool columnMajor =
      false; ///< indices of max pooling count with the first spatial dimension fastest
};
struct Pooled {
  HostTensor y, indices; ///< indices (Max): flat positions in x; 0 where a window holds no element
};
/// Padding never counts but for Average with countIncludePad, where it counts as zeros; windows
/// that reach beyond the padding (ceilMode) are cut. NaN wins a maximum.
Result<Pooled> pool(Pool kind, const HostTensor &x, const PoolParams &params);
/// Over all spatial elements, which become 1.
Result<HostTensor> globalPool(Pool kind, const HostTensor &x, int64_t p = 2);
/// Scatters x to the flat `indices` of a zero tensor of `dims`.
Result<HostTensor> maxUnpool(const HostTensor &x, const HostTensor &indices, const Dims &dims);

enum class ResizeMode : uint8_t { Nearest, Linear, Cubic };
enum class Coordinates : uint8_t {
  HalfPixel,
  HalfPixelSymmetric,
  PytorchHalfPixel,
  AlignCorners,
  Asymmetric,
  TfCropAndResize,
};
enum class Nearest : uint8_t { RoundPreferFloor, RoundPreferCeil, Floor, Ceil };
struct ResizeParams {
  ResizeMode mode = ResizeMode::Nearest;
  Coordinates coordinates = Coordinates::HalfPixel;
  Nearest nearest = Nearest::RoundPreferFloor;
  double cubicCoefficient = -0.75, extrapolation = 0;
  bool excludeOutside = false, antialias = false;
};
/// Resizes `axes` to `sizes`, one each. `scales`: one an axis, empty for sizes / operand sizes.
/// `roi`: all starts, then all ends, normalized (TfCropAndResize alone).
Result<HostTensor> resize(const HostTensor &x, const std::vector<int64_t> &axes, const Dims &sizes,
                          const std::vector<double> &scales, const std::vector<double> &roi,
                          const ResizeParams &params);

enum class GridPadding : uint8_t { Zeros, Border, Reflection };
/// Samples x (N, C, spatial…) at grid (N, out…, rank) of coordinates in [-1, 1], last dimension
/// first.
Result<HostTensor> gridSample(const HostTensor &x, const HostTensor &grid, ResizeMode mode,
                              GridPadding padding, bool alignCorners);

struct RoiAlignParams {
  bool maximum = false, halfPixel = true;
  int64_t height = 1, width = 1, samplingRatio = 0;
  double scale = 1;
};
Result<HostTensor> roiAlign(const HostTensor &x, const HostTensor &rois, const HostTensor &batches,
                            const RoiAlignParams &params);

/// Boxes (batch, n, 4), scores (batch, classes, n) to (selected, 3): batch, class, box.
Result<HostTensor> nonMaxSuppression(const HostTensor &boxes, const HostTensor &scores,
                                     int64_t maxPerClass, double iouThreshold,
                                     std::optional<double> scoreThreshold, bool centerPoint);

} // namespace cameo::host
