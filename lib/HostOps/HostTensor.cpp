// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Tensors over shared memory: allocation with checked sizes, views, copies.
#include "cameo/HostOps/HostTensor.h"

#include "Elements.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>

namespace cameo::host {

std::optional<int64_t> elementCount(const Dims &dims) {
  // A zero anywhere makes the tensor empty, however large the rest: look for it first.
  int64_t count = 1;
  bool empty = false;
  for (int64_t size : dims) {
    if (size < 0)
      return std::nullopt;
    empty |= size == 0;
  }
  if (empty)
    return 0;
  for (int64_t size : dims)
    if (__builtin_mul_overflow(count, size, &count))
      return std::nullopt;
  return count;
}

Dims rowMajorStrides(const Dims &dims) {
  Dims strides(dims.size(), 1);
  for (size_t d = dims.size(); d-- > 1;)
    strides[d - 1] = strides[d] * std::max<int64_t>(dims[d], 1);
  return strides;
}

std::string toString(const Dims &dims) {
  std::string text = "[";
  for (size_t d = 0; d < dims.size(); ++d)
    text += (d ? ", " : "") + std::to_string(dims[d]);
  return text + "]";
}

namespace {

std::shared_ptr<void> allocateBytes(int64_t bytes) {
  // One spare byte range, so that the address of an empty tensor is valid too.
  size_t rounded = (size_t(bytes) + 127) / 64 * 64;
  void *memory = std::aligned_alloc(64, rounded);
  if (!memory)
    return nullptr;
  std::memset(memory, 0, rounded);
  return std::shared_ptr<void>(memory, [](void *p) { std::free(p); });
}

} // namespace

Result<HostTensor> HostTensor::allocate(DType type, Dims dims) {
  auto count = elementCount(dims);
  if (!count)
    return error("sizes " + toString(dims) + " are negative or overflow");
  std::shared_ptr<void> memory;
  if (type == DType::string) {
    auto *strings = new (std::nothrow) std::string[size_t(*count) + 1];
    if (strings)
      memory =
          std::shared_ptr<void>(strings, [](void *p) { delete[] static_cast<std::string *>(p); });
  } else {
    auto bytes = byteSize(type, *count);
    if (!bytes || *bytes > INT64_MAX - 256)
      return error("a tensor " + toString(dims) + " of " + quote(type) + " cannot be allocated");
    memory = allocateBytes(*bytes);
  }
  if (!memory)
    return error("out of memory for a tensor " + toString(dims) + " of " + quote(type));
  void *data = memory.get();
  return wrap(type, std::move(dims), data, std::move(memory));
}

Result<HostTensor> HostTensor::wrap(DType type, Dims dims, void *data,
                                    std::shared_ptr<void> owner) {
  auto count = elementCount(dims);
  if (!count || (type != DType::string && !byteSize(type, *count)))
    return error("sizes " + toString(dims) + " of " + quote(type) + " are negative or overflow");
  HostTensor tensor;
  tensor.elementType = type;
  tensor.steps = rowMajorStrides(dims);
  tensor.sizes = std::move(dims);
  tensor.count = *count;
  tensor.memory = std::shared_ptr<void>(std::move(owner), data);
  return tensor;
}

Result<HostTensor> HostTensor::ofIntegers(DType type, Dims dims,
                                          const std::vector<int64_t> &values) {
  CAMEO_TRY(out, allocate(type, std::move(dims)));
  if (out.count != int64_t(values.size()) || !isReal(type))
    return error("a tensor of " + quote(type) + " cannot be made of these integers");
  storeRun(type, out.data(), 0, out.count, values.data());
  return out;
}

Result<HostTensor> HostTensor::ofDoubles(DType type, Dims dims, const std::vector<double> &values) {
  CAMEO_TRY(out, allocate(type, std::move(dims)));
  if (out.count != int64_t(values.size()) || !isReal(type))
    return error("a tensor of " + quote(type) + " cannot be made of these numbers");
  storeRun(type, out.data(), 0, out.count, values.data());
  return out;
}

bool HostTensor::isContiguous() const {
  int64_t expected = 1;
  for (size_t d = sizes.size(); d-- > 0;) {
    if (sizes[d] != 1 && steps[d] != expected && count != 0)
      return false;
    expected *= sizes[d];
  }
  return true;
}

HostTensor HostTensor::view(Dims dims, Dims strides, int64_t offset) const {
  HostTensor result = *this;
  result.count = elementCount(dims).value_or(0);
  result.sizes = std::move(dims);
  result.steps = std::move(strides);
  result.first = offset;
  return result;
}

Result<HostTensor> HostTensor::contiguous() const {
  if (isContiguous() && (!isPacked(elementType) || first == 0))
    return *this;
  return clone();
}

Result<HostTensor> HostTensor::clone() const {
  CAMEO_TRY(out, allocate(elementType, sizes));
  int64_t done = 0;
  forEachRun<1>(sizes, {&steps}, {first}, [&](auto offsets, auto inner, int64_t n) {
    moveRun(elementType, out.data(), done, 1, data(), offsets[0], inner[0], n);
    done += n;
  });
  return out;
}

Result<HostTensor> HostTensor::reshaped(Dims dims) const {
  auto wanted = elementCount(dims);
  if (!wanted || *wanted != count)
    return error("a tensor " + toString(sizes) + " has not the elements of " + toString(dims));
  CAMEO_TRY(flat, contiguous());
  Dims strides = rowMajorStrides(dims);
  return flat.view(std::move(dims), std::move(strides), flat.first);
}

Result<HostTensor> HostTensor::broadcastTo(const Dims &dims) const {
  int64_t extra = int64_t(dims.size()) - rank();
  bool fits = extra >= 0;
  Dims strides(dims.size(), 0);
  for (int64_t d = 0; d < rank() && fits; ++d) {
    int64_t size = dims[size_t(d + extra)];
    fits = sizes[size_t(d)] == size || sizes[size_t(d)] == 1;
    if (sizes[size_t(d)] == size)
      strides[size_t(d + extra)] = steps[size_t(d)];
  }
  if (!fits || !elementCount(dims))
    return error("a tensor " + toString(sizes) + " does not broadcast to " + toString(dims));
  return view(dims, std::move(strides), first);
}

HostTensor HostTensor::permuted(const std::vector<int64_t> &perm) const {
  Dims dims, strides;
  for (int64_t d : perm) {
    dims.push_back(sizes[size_t(d)]);
    strides.push_back(steps[size_t(d)]);
  }
  return view(std::move(dims), std::move(strides), first);
}

HostTensor HostTensor::bitcast(DType type) const {
  HostTensor result = *this;
  result.elementType = type;
  return result;
}

Result<std::vector<int64_t>> HostTensor::toIntegers() const {
  if (!isReal(elementType))
    return error("a tensor of " + quote(elementType) + " has no integers");
  return loadAll<int64_t>(*this);
}

Result<std::vector<double>> HostTensor::toDoubles() const {
  if (!isReal(elementType))
    return error("a tensor of " + quote(elementType) + " has no numbers");
  return loadAll<double>(*this);
}

Result<Dims> broadcastDims(const Dims &a, const Dims &b) {
  Dims result(std::max(a.size(), b.size()), 1);
  for (size_t i = 0; i < result.size(); ++i) {
    int64_t x = i < a.size() ? a[a.size() - 1 - i] : 1, y = i < b.size() ? b[b.size() - 1 - i] : 1;
    if (x != y && x != 1 && y != 1)
      return error("sizes " + toString(a) + " and " + toString(b) + " do not broadcast");
    result[result.size() - 1 - i] = x == 1 ? y : x;
  }
  if (!elementCount(result))
    return error("sizes " + toString(a) + " and " + toString(b) +
                 " broadcast to too many elements");
  return result;
}

Result<int64_t> normalizeAxis(int64_t axis, int64_t rank) {
  if (axis < -rank || axis >= rank)
    return error("axis " + std::to_string(axis) + " is outside a tensor of rank " +
                 std::to_string(rank));
  return axis < 0 ? axis + rank : axis;
}

Result<std::vector<int64_t>> normalizeAxes(std::vector<int64_t> axes, int64_t rank) {
  for (int64_t &axis : axes) {
    CAMEO_TRY(normal, normalizeAxis(axis, rank));
    axis = normal;
  }
  std::sort(axes.begin(), axes.end());
  if (std::adjacent_find(axes.begin(), axes.end()) != axes.end())
    return error("an axis is named twice");
  return axes;
}

} // namespace cameo::host
