// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Element access for all host operations. Twenty-seven element types must not mean twenty-seven
// instantiations of every operation: arithmetic happens in three wide types (double for floats,
// int64 for signed, uint64 for unsigned and boolean), reached by `loadRun` and left by `storeRun`,
// which convert runs of elements; pure movement goes by `Mover`, which knows only the width.
// `forEachRun` walks any number of strided operands together, merging dimensions that are
// contiguous in all.
#pragma once

#include "cameo/HostOps/HostTensor.h"
#include "cameo/Support/SmallFloat.h"

#include <array>

namespace cameo::host {

/// Elements converted at a time.
inline constexpr int64_t kRun = 1024;

enum class Wide : uint8_t { Float, Signed, Unsigned };
inline Wide wideOf(DType type) {
  return isFloat(type) ? Wide::Float : isSignedInteger(type) ? Wide::Signed : Wide::Unsigned;
}

/// Calls `fn(T())` with T the wide type of `type`.
template <class F> auto withWide(DType type, F &&fn) {
  switch (wideOf(type)) {
  case Wide::Float:
    return fn(double());
  case Wide::Signed:
    return fn(int64_t());
  default:
    return fn(uint64_t());
  }
}

/// out[i] = element at offset + i * stride (in elements from `base`), for n elements. Integers
/// become double by rounding; double becomes integer by truncation, saturating, NaN as 0.
template <class W>
void loadRun(DType type, const void *base, int64_t offset, int64_t stride, int64_t n, W *out);
/// element offset + i = in[i]; integers wrap to the width, floats round to nearest even once.
template <class W> void storeRun(DType type, void *base, int64_t offset, int64_t n, const W *in);

extern template void loadRun(DType, const void *, int64_t, int64_t, int64_t, double *);
extern template void loadRun(DType, const void *, int64_t, int64_t, int64_t, int64_t *);
extern template void loadRun(DType, const void *, int64_t, int64_t, int64_t, uint64_t *);
extern template void storeRun(DType, void *, int64_t, int64_t, const double *);
extern template void storeRun(DType, void *, int64_t, int64_t, const int64_t *);
extern template void storeRun(DType, void *, int64_t, int64_t, const uint64_t *);

/// All elements, row-major, in wide type W.
template <class W> std::vector<W> loadAll(const HostTensor &x);
extern template std::vector<double> loadAll(const HostTensor &);
extern template std::vector<int64_t> loadAll(const HostTensor &);
extern template std::vector<uint64_t> loadAll(const HostTensor &);

/// A fresh tensor of `dims` from row-major wide values.
template <class W>
Result<HostTensor> storeAll(DType type, Dims dims, const std::vector<W> &values) {
  auto out = HostTensor::allocate(type, std::move(dims));
  if (out)
    storeRun(type, out->data(), 0, out->numElements(), values.data());
  return out;
}

/// Reads one packed element's bits, or writes it.
uint32_t loadBits(const void *base, unsigned width, int64_t index);
void storeBits(void *base, unsigned width, int64_t index, uint32_t bits);

/// Copies n elements between strided runs of one type; knows strings and packed elements too.
void moveRun(DType type, void *to, int64_t toOffset, int64_t toStride, const void *from,
             int64_t fromOffset, int64_t fromStride, int64_t n);

/// Walks `dims` in row-major order with N operands, each given by strides and a start. `fn(offsets,
/// steps, n)` is called once a run: operand k's run starts at offsets[k] and advances by steps[k].
template <size_t N, class F>
void forEachRun(const Dims &dims, const std::array<const Dims *, N> &strides,
                std::array<int64_t, N> offsets, F &&fn) {
  for (int64_t size : dims)
    if (size == 0)
      return;
  Dims sizes;
  std::array<Dims, N> steps;
  for (size_t d = 0; d < dims.size(); ++d) {
    if (dims[d] == 1)
      continue;
    bool merges = !sizes.empty();
    for (size_t k = 0; k < N && merges; ++k)
      merges = steps[k].back() == (*strides[k])[d] * dims[d];
    if (merges) {
      sizes.back() *= dims[d];
      for (size_t k = 0; k < N; ++k)
        steps[k].back() = (*strides[k])[d];
      continue;
    }
    sizes.push_back(dims[d]);
    for (size_t k = 0; k < N; ++k)
      steps[k].push_back((*strides[k])[d]);
  }
  if (sizes.empty()) {
    sizes.push_back(1);
    for (size_t k = 0; k < N; ++k)
      steps[k].push_back(0);
  }
  size_t inner = sizes.size() - 1;
  std::array<int64_t, N> innerSteps;
  for (size_t k = 0; k < N; ++k)
    innerSteps[k] = steps[k][inner];
  Dims at(inner, 0);
  while (true) {
    fn(offsets, innerSteps, sizes[inner]);
    size_t d = inner;
    while (d > 0) {
      --d;
      for (size_t k = 0; k < N; ++k)
        offsets[k] += steps[k][d];
      if (++at[d] < sizes[d])
        break;
      for (size_t k = 0; k < N; ++k)
        offsets[k] -= steps[k][d] * sizes[d];
      at[d] = 0;
      if (d == 0)
        return;
    }
    if (inner == 0)
      return;
  }
}

/// Advances a row-major coordinate; false after the last.
inline bool nextIndex(Dims &at, const Dims &dims) {
  for (size_t d = dims.size(); d-- > 0;) {
    if (++at[d] < dims[d])
      return true;
    at[d] = 0;
  }
  return false;
}

inline Status expect(bool condition, const char *message) {
  return condition ? Status::ok() : error(message);
}
inline std::string quote(DType type) { return std::string(name(type)); }

} // namespace cameo::host
