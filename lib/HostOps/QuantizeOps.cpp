// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Quantization. Whatever its granularity, the scale becomes a view of the operand's sizes (stride 0
// where elements share it; blocks are repeated first); then everything is one elementwise walk.
#include "cameo/HostOps/Quantize.h"

#include "Elements.h"
#include "cameo/HostOps/Indexed.h"

#include <algorithm>
#include <cmath>

namespace cameo::host {
namespace {

/// `scale` (or zero point) as a view of x's sizes.
Result<HostTensor> spread(const HostTensor &scale, const HostTensor &x, const QuantizeParams &p) {
  if (!isReal(scale.dtype()))
    return error("a scale or zero point of " + quote(scale.dtype()) + " is no number");
  if (scale.numElements() == 1 && scale.rank() <= 1)
    return scale.view(x.dims(), Dims(x.dims().size(), 0), scale.offset());
  CAMEO_TRY(axis, normalizeAxis(p.axis, x.rank()));
  if (p.blockSize == 0) {
    if (scale.rank() != 1 || scale.dim(0) != x.dim(axis))
      return error("a scale of sizes " + toString(scale.dims()) + " does not run along axis " +
                   std::to_string(axis) + " of " + toString(x.dims()));
    Dims strides(x.dims().size(), 0);
    strides[size_t(axis)] = scale.stride(0);
    return scale.view(x.dims(), strides, scale.offset());
  }
  Dims expected = x.dims();
  if (p.blockSize > 0)
    expected[size_t(axis)] = x.dim(axis) / p.blockSize + (x.dim(axis) % p.blockSize != 0);
  if (p.blockSize < 0 || scale.dims() != expected)
    return error("a blocked scale has sizes " + toString(scale.dims()) + ", not " +
                 toString(expected));
  std::vector<int64_t> block;
  for (int64_t i = 0; i < x.dim(axis); ++i)
    block.push_back(i / p.blockSize);
  CAMEO_TRY(indices, HostTensor::ofIntegers(DType::i64, {x.dim(axis)}, block));
  return gather(scale, indices, axis);
}

double roundTo(DType type, double x) {
  switch (type) {
  case DType::f64:
    return x;
  case DType::f16:
  case DType::bf16:
    return decodeFloat(type, encodeFloat(type, x));
  default:
    return float(x);
  }
}

double toInteger(double x, DType type) {
  double low = double(minInteger(type)), high = double(maxInteger(type));
  return x != x ? 0 : std::clamp(x, low, high);
}

/// Walks x, scale and zero point together: out[i] = fn(x, scale, zero).
template <class F>
Status walk(const HostTensor &x, const HostTensor &scale, const HostTensor &zero,
            const QuantizeParams &params, HostTensor &out, F &&fn) {
  CAMEO_TRY(scales, spread(scale, x, params));
  HostTensor zeros = scales;
  if (zero.isPresent()) {
    CAMEO_TRY(wide, spread(zero, x, params));
    zeros = wide;
  }
  double a[kRun], s[kRun], z[kRun] = {};
  int64_t done = 0;
  bool narrow = bitWidth(out.dtype()) == 8 && isFloat(out.dtype());
  forEachRun<3>(x.dims(), {&x.strides(), &scales.strides(), &zeros.strides()},
                {x.offset(), scales.offset(), zeros.offset()}, [&](auto at, auto steps, int64_t n) {
                  for (int64_t i = 0; i < n; i += kRun) {
                    int64_t m = std::min(kRun, n - i);
                    loadRun(x.dtype(), x.data(), at[0] + i * steps[0], steps[0], m, a);
                    loadRun(scale.dtype(), scales.data(), at[1] + i * steps[1], steps[1], m, s);
                    if (zero.isPresent())
                      loadRun(zero.dtype(), zeros.data(), at[2] + i * steps[2], steps[2], m, z);
                    for (int64_t j = 0; j < m; ++j)
                      a[j] = fn(a[j], s[j], z[j]);
                    if (narrow)
                      for (int64_t j = 0; j < m; ++j)
                        out.as<uint8_t>()[done + j] =
                            uint8_t(encodeFloat(out.dtype(), a[j], params.saturate));
                    else
                      storeRun(out.dtype(), out.data(), done, m, a);
                    done += m;
                  }
                });
  return Status::ok();
}

} // namespace

Result<HostTensor> quantize(const HostTensor &x, const HostTensor &scale,
                            const HostTensor &zeroPoint, DType type, const QuantizeParams &params) {
  if (!isReal(x.dtype()) || !isReal(type))
    return error("cannot quantize " + quote(x.dtype()) + " to " + quote(type));
  DType precision = params.precision == DType::undefined ? scale.dtype() : params.precision;
  CAMEO_TRY(out, HostTensor::allocate(type, x.dims()));
  CAMEO_CHECK(walk(x, scale, zeroPoint, params, out, [&](double a, double s, double z) {
    double quotient = roundTo(precision, a / s);
    return isFloat(type) ? quotient + z : toInteger(std::nearbyint(quotient) + z, type);
  }));
  return out;
}

Result<HostTensor> dequantize(const HostTensor &x, const HostTensor &scale,
                              const HostTensor &zeroPoint, DType type,
                              const QuantizeParams &params) {
  if (!isReal(x.dtype()) || !isFloat(type))
    return error("cannot dequantize " + quote(x.dtype()) + " to " + quote(type));
  CAMEO_TRY(out, HostTensor::allocate(type, x.dims()));
  CAMEO_CHECK(walk(x, scale, zeroPoint, params, out,
                   [](double a, double s, double z) { return (a - z) * s; }));
  return out;
}

Result<DynamicallyQuantized> dynamicQuantize(const HostTensor &x) {
  if (!isFloat(x.dtype()))
    return error("dynamic quantization takes floats, not " + quote(x.dtype()));
  float low = 0, high = 0;
  std::vector<double> values = loadAll<double>(x);
  for (double value : values) {
    low = std::min(low, float(value));
    high = std::max(high, float(value));
  }
  float scale = (high == low ? 1.0f : high - low) / 255.0f;
  float zero = std::nearbyint(std::clamp(0.0f - low / scale, 0.0f, 255.0f));
  for (double &value : values)
    value = std::clamp(std::nearbyint(float(value) / scale) + zero, 0.0f, 255.0f);
  CAMEO_TRY(y, storeAll(DType::u8, x.dims(), values));
  CAMEO_TRY(scaleTensor, HostTensor::ofDoubles(DType::f32, {}, {scale}));
  CAMEO_TRY(zeroTensor, HostTensor::ofDoubles(DType::u8, {}, {zero}));
  return DynamicallyQuantized{y, scaleTensor, zeroTensor};
}

} // namespace cameo::host
