// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See Compare.h.

#include "Compare.h"

#include "llvm/Support/Format.h"
#include "llvm/Support/FormatVariadic.h"

#include <algorithm>
#include <cmath>

namespace cameo::tool {

using host::HostTensor;

namespace {

struct Sums {
  double dot = 0, actual = 0, expected = 0, scale = 0;
};

void compareElement(double a, double e, int64_t i, const Tolerance &tolerance, Difference &d,
                    Sums &sums) {
  bool sameSpecial = (std::isnan(a) && std::isnan(e)) || a == e;
  if (sameSpecial) {
    if (std::isfinite(a)) {
      sums.dot += a * e;
      sums.actual += a * a;
      sums.expected += e * e;
      sums.scale = std::max(sums.scale, std::abs(e));
    }
    return;
  }
  double error = std::abs(a - e);
  // Beside an infinity any tolerance is infinite: only the same infinity is right.
  double allowed = tolerance.absolute + tolerance.relative * std::abs(e);
  if (!(std::isfinite(error) && error <= allowed))
    ++d.wrong;
  // A NaN or infinity on one side only is the worst of all differences.
  double ranked = std::isfinite(error) ? error : INFINITY;
  double ratio = std::isfinite(error) && allowed > 0 ? error / allowed : INFINITY;
  auto worseThan = [](double r, double n, double r2, double n2) { return r > r2 || (r == r2 && n > n2); };
  if (d.worst < 0 || worseThan(ratio, ranked, d.worstRatio, std::abs(d.worstActual - d.worstExpected))) {
    d.worstRatio = ratio;
    d.worst = i;
    d.worstActual = a;
    d.worstExpected = e;
  }
  d.maxAbsolute = std::max(d.maxAbsolute, ranked);
  d.meanAbsolute += ranked;
  if (!std::isfinite(a) || !std::isfinite(e))
    return;
  sums.dot += a * e;
  sums.actual += a * a;
  sums.expected += e * e;
  sums.scale = std::max(sums.scale, std::abs(e));
}

/// Real elements as doubles; a complex tensor as its parts.
host::Result<std::vector<double>> numbers(const HostTensor &tensor) {
  if (!isComplex(tensor.dtype()))
    return tensor.toDoubles();
  auto packed = tensor.contiguous();
  if (!packed)
    return packed.status();
  host::Dims dims = packed->dims();
  dims.push_back(2);
  DType part = tensor.dtype() == DType::c64 ? DType::f32 : DType::f64;
  auto parts = HostTensor::wrap(part, dims, packed->data());
  if (!parts)
    return parts.status();
  return parts->toDoubles();
}

} // namespace

Tolerance toleranceOf(DType dtype) {
  switch (dtype) {
  case DType::f64: return {1e-7, 1e-9};
  case DType::f32: return {1e-3, 1e-4};
  case DType::f16: return {1e-2, 1e-2};
  case DType::bf16: return {5e-2, 5e-2};
  case DType::c64: return {1e-3, 1e-4};
  case DType::c128: return {1e-7, 1e-9};
  default: return isFloat(dtype) ? Tolerance{0.125, 1e-3} : Tolerance{};
  }
}

std::string describe(const HostTensor &tensor) {
  return std::string(name(tensor.dtype())) + host::toString(tensor.dims());
}

Difference compare(const HostTensor &actual, const HostTensor &expected, Tolerance tolerance) {
  Difference d;
  if (actual.dtype() != expected.dtype() || actual.dims() != expected.dims()) {
    d.comparable = false;
    d.reason = "is " + describe(actual) + ", expected " + describe(expected);
    return d;
  }
  auto a = numbers(actual), e = numbers(expected);
  if (!a || !e) {
    d.comparable = false;
    d.reason = (!a ? a : e).message();
    return d;
  }
  double largest = 0;
  for (double value : *e)
    if (std::isfinite(value))
      largest = std::max(largest, std::abs(value));
  tolerance.absolute = std::max(tolerance.absolute, tolerance.ofLargest * largest);
  Sums sums;
  d.elements = int64_t(a->size());
  size_t perElement = a->size() / size_t(std::max<int64_t>(actual.numElements(), 1)); // 2: complex
  for (size_t i = 0; i < a->size(); ++i)
    compareElement((*a)[i], (*e)[i], int64_t(i / perElement), tolerance, d, sums);
  d.meanAbsolute /= double(std::max<int64_t>(d.elements, 1));
  d.maxRelative = d.maxAbsolute / std::max(sums.scale, 1e-30);
  double norm = std::sqrt(sums.actual) * std::sqrt(sums.expected);
  d.cosine = norm > 0 ? sums.dot / norm : (sums.actual == sums.expected ? 1 : 0);
  return d;
}

std::string positionText(const host::Dims &dims, int64_t position) {
  host::Dims at(dims.size());
  for (size_t d = dims.size(); d-- > 0 && dims[d];) {
    at[d] = position % dims[d];
    position /= dims[d];
  }
  std::string text;
  for (int64_t i : at)
    text += (text.empty() ? "[" : ", ") + std::to_string(i);
  return text + (text.empty() ? "[]" : "]");
}

std::string worstText(const Difference &d, const host::Dims &dims) {
  return llvm::formatv("{0} of {1} elements differ; the worst at {2}: {3} instead of {4}", d.wrong, d.elements,
                       positionText(dims, d.worst), llvm::format("%.9g", d.worstActual),
                       llvm::format("%.9g", d.worstExpected));
}

} // namespace cameo::tool
