// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Conversion between any two element types. Numbers go through the wide type of the source, which
// holds every value of it exactly; strings through the text forms that ONNX's Cast describes.
#include "cameo/HostOps/Pointwise.h"

#include "Elements.h"

#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstdlib>

namespace cameo::host {
namespace {

void storeCodes(HostTensor &out, int64_t at, int64_t n, const double *values, CastOptions options) {
  auto *to = out.as<uint8_t>() + at;
  for (int64_t i = 0; i < n; ++i)
    to[i] = out.dtype() == DType::f8e8m0
                ? encodeScale(values[i], options.saturate, options.round)
                : uint8_t(encodeFloat(out.dtype(), values[i], options.saturate));
}

template <class W> void castRuns(const HostTensor &x, HostTensor &out, CastOptions options) {
  W buffer[kRun];
  double reals[kRun];
  bool special = bitWidth(out.dtype()) == 8 && isFloat(out.dtype());
  int64_t done = 0;
  forEachRun<1>(x.dims(), {&x.strides()}, {x.offset()}, [&](auto offsets, auto steps, int64_t n) {
    for (int64_t i = 0; i < n; i += kRun) {
      int64_t m = std::min(kRun, n - i);
      loadRun(x.dtype(), x.data(), offsets[0] + i * steps[0], steps[0], m, buffer);
      if (special) {
        // Eight-bit floats end below 2^53, or (f8e8m0) hold powers of two alone.
        for (int64_t j = 0; j < m; ++j)
          reals[j] = double(buffer[j]);
        storeCodes(out, done, m, reals, options);
      } else {
        if (out.dtype() == DType::boolean)
          for (int64_t j = 0; j < m; ++j)
            buffer[j] = W(buffer[j] != 0);
        storeRun(out.dtype(), out.data(), done, m, buffer);
      }
      done += m;
    }
  });
}

/// The shortest text that reads back as the same value, as NumPy prints numbers.
std::string textOf(DType type, double value) {
  if (value != value)
    return "nan";
  if (std::isinf(value))
    return value < 0 ? "-inf" : "inf";
  char text[64];
  auto end = type == DType::f64 ? std::to_chars(text, text + 64, value)
                                : std::to_chars(text, text + 64, float(value));
  std::string result(text, end.ptr);
  if (result.find_first_of(".en") == std::string::npos)
    result += ".0";
  return result;
}

Result<HostTensor> toStrings(const HostTensor &x) {
  CAMEO_TRY(out, HostTensor::allocate(DType::string, x.dims()));
  auto *to = out.as<std::string>();
  if (isFloat(x.dtype()))
    for (double value : loadAll<double>(x))
      *to++ = textOf(x.dtype(), value);
  else if (x.dtype() == DType::boolean)
    for (uint64_t value : loadAll<uint64_t>(x))
      *to++ = value ? "True" : "False";
  else if (wideOf(x.dtype()) == Wide::Signed)
    for (int64_t value : loadAll<int64_t>(x))
      *to++ = std::to_string(value);
  else
    for (uint64_t value : loadAll<uint64_t>(x))
      *to++ = std::to_string(value);
  return out;
}

/// Towards zero, to the nearest 64-bit integer where there is none; NaN is 0.
int64_t truncated(double value) {
  constexpr double end = 0x1p63;
  if (std::isnan(value))
    return 0;
  return value >= end ? INT64_MAX : value < -end ? INT64_MIN : int64_t(value);
}

/// Numbers in plain or scientific notation, inf and nan in any case, with a sign.
Result<HostTensor> fromStrings(const HostTensor &x, DType type, CastOptions options) {
  CAMEO_TRY(flat, x.contiguous());
  std::vector<double> values;
  std::vector<int64_t> integers;
  for (int64_t i = 0; i < x.numElements(); ++i) {
    const std::string &text = flat.as<std::string>()[i];
    char *end = nullptr;
    double value = std::strtod(text.c_str(), &end);
    if (text.empty() || *end != 0)
      return error("\"" + text.substr(0, 40) + "\" is not a number");
    values.push_back(value);
    bool whole = text.find_first_not_of("+-0123456789") == std::string::npos;
    integers.push_back(whole ? std::strtoll(text.c_str(), nullptr, 10) : truncated(value));
  }
  if (isInteger(type))
    return HostTensor::ofIntegers(type, x.dims(), integers);
  CAMEO_TRY(wide, HostTensor::ofDoubles(DType::f64, x.dims(), values));
  return cast(wide, type, options);
}

} // namespace

Result<HostTensor> cast(const HostTensor &x, DType type, CastOptions options) {
  if (x.dtype() == type)
    return x;
  if (type == DType::string && isReal(x.dtype()))
    return toStrings(x);
  if (x.dtype() == DType::string && isReal(type))
    return fromStrings(x, type, options);
  if (!isReal(x.dtype()) || !isReal(type))
    return error("cannot cast " + quote(x.dtype()) + " to " + quote(type));
  CAMEO_TRY(out, HostTensor::allocate(type, x.dims()));
  withWide(x.dtype(), [&](auto zero) { castRuns<decltype(zero)>(x, out, options); });
  return out;
}

} // namespace cameo::host
