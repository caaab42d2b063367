// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Operations along one or several axes: reductions, positions of extrema, running sums, the softmax
// family and normalizations. Sums of floats are compensated sums in double, so that an oracle's
// error does not grow with the length; integers wrap. Axes may be negative.
#pragma once

#include "cameo/HostOps/HostTensor.h"

namespace cameo::host {

enum class Reduce : uint8_t {
  Sum,
  Prod,
  Max,
  Min,
  Mean,
  SumSquare,
  L1,
  L2,
  LogSum,
  LogSumExp,
  Any,
  All,
};

/// Reduces exactly `axes` (none: every element by itself). Of no elements: Sum, L1, L2 … 0; Prod 1;
/// Max and Min the least and greatest of the type (infinite for floats); Mean NaN, 0 for integers.
/// Max and Min of a NaN are NaN. Integer results of Mean and of the roots and logarithms truncate.
Result<HostTensor> reduce(Reduce kind, const HostTensor &x, std::vector<int64_t> axes,
                          bool keepDims);

/// Position (i64) of the greatest or least element along `axis`; the first of equals, or the last
/// if `selectLast`. A NaN counts as the extremum. An empty axis is an error unless the result is
/// empty.
Result<HostTensor> argReduce(bool greatest, const HostTensor &x, int64_t axis, bool keepDims,
                             bool selectLast);

/// Running sum (or product) along `axis`; exclusive: of the elements before.
Result<HostTensor> cumulate(bool product, const HostTensor &x, int64_t axis, bool exclusive,
                            bool reverse);

enum class Softmax : uint8_t { Softmax, LogSoftmax, Hardmax };
Result<HostTensor> softmax(Softmax kind, const HostTensor &x, int64_t axis);

struct Normalized {
  HostTensor y, mean, inverseDeviation; ///< statistics have the reduced sizes, 1 where reduced
};
/// (x - mean) / sqrt(variance + epsilon) over `axes`, times scale plus bias, which broadcast to x
/// and may be absent. `rms` leaves the mean out (x / sqrt(mean(x²) + epsilon)). Statistics are f32,
/// or f64 for an f64 x.
Result<Normalized> normalize(const HostTensor &x, const HostTensor &scale, const HostTensor &bias,
                             std::vector<int64_t> axes, double epsilon, bool rms);

/// scale * (x - mean) / sqrt(variance + epsilon) + bias, one of each per channel (dimension 1).
Result<HostTensor> batchNormalization(const HostTensor &x, const HostTensor &scale,
                                      const HostTensor &bias, const HostTensor &mean,
                                      const HostTensor &variance, double epsilon);
/// Statistics over a group of channels and all spatial elements; scale and bias (absent: 1, 0) one
/// per channel. `groups` == channels is instance normalization.
Result<HostTensor> groupNormalization(const HostTensor &x, const HostTensor &scale,
                                      const HostTensor &bias, int64_t groups, double epsilon);
/// x / (p-norm along the axis), 0 where the norm is 0; p is 1 or 2.
Result<HostTensor> lpNormalization(const HostTensor &x, int64_t axis, int64_t p);
/// (x - mean) / sqrt(variance) over `axes`, with ONNX's 1e-9 added to the deviation.
Result<HostTensor> meanVarianceNormalization(const HostTensor &x, std::vector<int64_t> axes);
/// x / (bias + alpha/size * sum of squares over `size` neighbouring channels)^beta.
Result<HostTensor> localResponseNormalization(const HostTensor &x, int64_t size, double alpha,
                                              double beta, double bias);

} // namespace cameo::host
