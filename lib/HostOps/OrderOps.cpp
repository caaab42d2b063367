// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Operations that choose or order elements by value: top-k, distinct elements, non-zero
// coordinates, one-hot, compress. NaN orders above every number, so that an order exists.
#include "cameo/HostOps/Indexed.h"

#include "Indices.h"
#include "Lines.h"

#include <algorithm>
#include <map>
#include <numeric>

namespace cameo::host {
namespace {

template <class W> bool lessThan(W a, W b) { return b != b ? a == a : a < b; }

} // namespace

Result<TopK> topK(const HostTensor &x, int64_t k, int64_t axis, bool largest) {
  CAMEO_TRY(normal, normalizeAxis(axis, x.rank()));
  if (k < 0 || k > x.dim(normal) || !isReal(x.dtype()))
    return error("k = " + std::to_string(k) + " is outside an axis of " +
                 std::to_string(x.dim(normal)));
  Dims dims = x.dims();
  dims[size_t(normal)] = k;
  CAMEO_TRY(values, HostTensor::allocate(x.dtype(), dims));
  CAMEO_TRY(indices, HostTensor::allocate(DType::i64, dims));
  int64_t length = x.dim(normal), inner = values.stride(normal);
  forEachLineStart(x, normal, [&](int64_t start, int64_t number) {
    withWide(x.dtype(), [&](auto zero) {
      std::vector<decltype(zero)> line(size_t(length), zero);
      loadRun(x.dtype(), x.data(), start, x.stride(normal), length, line.data());
      std::vector<int64_t> order(static_cast<size_t>(length));
      std::iota(order.begin(), order.end(), 0);
      std::partial_sort(order.begin(), order.begin() + k, order.end(), [&](int64_t a, int64_t b) {
        auto u = line[size_t(a)], v = line[size_t(b)];
        if (largest ? lessThan(v, u) : lessThan(u, v))
          return true;
        return !(largest ? lessThan(u, v) : lessThan(v, u)) && a < b;
      });
      int64_t to = number / inner * inner * k + number % inner;
      for (int64_t i = 0; i < k; ++i, to += inner) {
        moveRun(x.dtype(), values.data(), to, 1, x.data(),
                start + order[size_t(i)] * x.stride(normal), 1, 1);
        indices.as<int64_t>()[to] = order[size_t(i)];
      }
    });
  });
  return TopK{values, indices};
}

Result<HostTensor> nonZero(const HostTensor &x) {
  if (!isReal(x.dtype()))
    return error("non-zero elements of " + quote(x.dtype()) + " are not defined");
  std::vector<double> values = loadAll<double>(x); // keeps zero and non-zero apart for every type
  std::vector<Dims> found;
  Dims at(x.dims().size(), 0);
  for (double value : values) {
    if (value != 0)
      found.push_back(at);
    nextIndex(at, x.dims());
  }
  int64_t count = int64_t(found.size());
  CAMEO_TRY(out, HostTensor::allocate(DType::i64, {x.rank(), count}));
  for (int64_t d = 0; d < x.rank(); ++d)
    for (int64_t i = 0; i < count; ++i)
      out.as<int64_t>()[d * count + i] = found[size_t(i)][size_t(d)];
  return out;
}

Result<HostTensor> compress(const HostTensor &x, const HostTensor &condition,
                            std::optional<int64_t> axis) {
  if (condition.dtype() != DType::boolean || condition.rank() != 1)
    return error("the condition is a vector of booleans");
  CAMEO_TRY(source, axis ? Result<HostTensor>(x) : x.reshaped({x.numElements()}));
  CAMEO_TRY(normal, normalizeAxis(axis.value_or(0), source.rank()));
  std::vector<int64_t> flags = loadAll<int64_t>(condition), picks;
  for (size_t i = 0; i < flags.size(); ++i)
    if (flags[i])
      picks.push_back(int64_t(i));
  CAMEO_TRY(indices, HostTensor::ofIntegers(DType::i64, {int64_t(picks.size())}, picks));
  return gather(source, indices, normal);
}

Result<HostTensor> oneHot(const HostTensor &indices, int64_t depth, const HostTensor &values,
                          int64_t axis) {
  CAMEO_TRY(normal, normalizeAxis(axis, indices.rank() + 1));
  if (!isReal(indices.dtype()) || values.numElements() != 2 || depth < 0)
    return error("one-hot takes numeric indices, a depth and two values");
  CAMEO_TRY(pair, values.contiguous());
  Dims dims = indices.dims();
  dims.insert(dims.begin() + normal, depth);
  CAMEO_TRY(out, HostTensor::allocate(values.dtype(), dims));
  moveRun(values.dtype(), out.data(), 0, 1, pair.data(), pair.offset(), 0, out.numElements());
  int64_t inner = depth == 0 ? 1 : out.stride(normal), number = 0;
  for (int64_t index : loadAll<int64_t>(indices)) {
    int64_t position = index < 0 ? index + depth : index;
    if (position >= 0 && position < depth)
      moveRun(values.dtype(), out.data(),
              number / inner * inner * depth + position * inner + number % inner, 1, pair.data(),
              pair.offset() + 1, 1, 1);
    ++number;
  }
  return out;
}

namespace {

/// Slices along axis 0 of a (count, width) tensor, compared element by element.
struct SliceOrder {
  const HostTensor &x;
  std::vector<double> floats;
  std::vector<int64_t> integers;
  int64_t width;

  explicit SliceOrder(const HostTensor &x) : x(x), width(x.dim(1)) {
    if (isFloat(x.dtype()))
      floats = loadAll<double>(x);
    else if (x.dtype() != DType::string)
      integers = loadAll<int64_t>(x);
  }
  int compareElements(size_t a, size_t b) const {
    if (x.dtype() == DType::string)
      return x.as<std::string>()[a].compare(x.as<std::string>()[b]);
    if (!floats.empty())
      return int(lessThan(floats[b], floats[a])) - int(lessThan(floats[a], floats[b]));
    if (x.dtype() == DType::u64) {
      uint64_t u = uint64_t(integers[a]), v = uint64_t(integers[b]);
      return int(u > v) - int(u < v);
    }
    return int(integers[a] > integers[b]) - int(integers[a] < integers[b]);
  }
  bool operator()(int64_t a, int64_t b) const {
    for (int64_t i = 0; i < width; ++i)
      if (int order = compareElements(size_t(a * width + i), size_t(b * width + i)))
        return order < 0;
    return false;
  }
};

} // namespace

Result<Unique> unique(const HostTensor &x, std::optional<int64_t> axis, bool sorted) {
  if (!isReal(x.dtype()) && x.dtype() != DType::string)
    return error("distinct elements of " + quote(x.dtype()) + " are not defined");
  CAMEO_TRY(source, axis ? Result<HostTensor>(x) : x.reshaped({x.numElements()}));
  CAMEO_TRY(normal, normalizeAxis(axis.value_or(0), source.rank()));
  std::vector<int64_t> perm{normal};
  for (int64_t d = 0; d < source.rank(); ++d)
    if (d != normal)
      perm.push_back(d);
  int64_t count = source.dim(normal);
  int64_t width = count ? source.numElements() / count : 0;
  CAMEO_TRY(slices, source.permuted(perm).reshaped({count, width}));
  SliceOrder order(slices);
  std::map<int64_t, int64_t, const SliceOrder &> seen(order); // slice -> its number
  std::vector<int64_t> first, counts, inverse;
  for (int64_t i = 0; i < count; ++i) {
    auto [entry, isNew] = seen.try_emplace(i, int64_t(first.size()));
    if (isNew) {
      first.push_back(i);
      counts.push_back(0);
    }
    ++counts[size_t(entry->second)];
    inverse.push_back(entry->second);
  }
  if (sorted) {
    std::vector<int64_t> newFirst, newCounts, renumber(first.size());
    for (auto &[slice, number] : seen) {
      renumber[size_t(number)] = int64_t(newFirst.size());
      newFirst.push_back(slice);
      newCounts.push_back(counts[size_t(number)]);
    }
    for (int64_t &number : inverse)
      number = renumber[size_t(number)];
    first = newFirst;
    counts = newCounts;
  }
  int64_t distinct = int64_t(first.size());
  CAMEO_TRY(firsts, HostTensor::ofIntegers(DType::i64, {distinct}, first));
  CAMEO_TRY(inverses, HostTensor::ofIntegers(DType::i64, {count}, inverse));
  CAMEO_TRY(numbers, HostTensor::ofIntegers(DType::i64, {distinct}, counts));
  CAMEO_TRY(values, gather(source, firsts, normal));
  return Unique{values, firsts, inverses, numbers};
}

} // namespace cameo::host
