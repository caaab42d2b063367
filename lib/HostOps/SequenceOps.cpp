// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Tensors made of nothing but a few scalars: ranges and diagonals.
#include "cameo/HostOps/Movement.h"

#include "Elements.h"

#include <cmath>

namespace cameo::host {
namespace {

Status checkScalars(std::initializer_list<const HostTensor *> scalars, DType type) {
  for (const HostTensor *s : scalars)
    if (s->numElements() != 1 || s->dtype() != type || !isReal(type))
      return error("a range takes scalars of one numeric type");
  return Status::ok();
}

/// The number of elements from start before limit.
Result<int64_t> rangeCount(const HostTensor &start, const HostTensor &limit,
                           const HostTensor &delta) {
  if (isFloat(start.dtype())) {
    double a = loadAll<double>(start)[0], b = loadAll<double>(limit)[0],
           d = loadAll<double>(delta)[0];
    double count = std::ceil((b - a) / d);
    if (d == 0 || !(count < 9e15))
      return error("the range does not end");
    return count > 0 ? int64_t(count) : 0;
  }
  // In 128 bits, so that no distance overflows, for unsigned types too.
  auto exact = [](const HostTensor &t) {
    return isUnsignedInteger(t.dtype()) ? __int128(loadAll<uint64_t>(t)[0])
                                        : __int128(loadAll<int64_t>(t)[0]);
  };
  __int128 distance = exact(limit) - exact(start), step = exact(delta);
  if (step == 0)
    return error("the range does not end");
  if ((distance > 0) != (step > 0) || distance == 0)
    return int64_t(0);
  __int128 count = (distance + step + (step > 0 ? -1 : 1)) / step;
  if (count > INT64_MAX)
    return error("the range has too many elements");
  return int64_t(count);
}

} // namespace

Result<HostTensor> range(const HostTensor &start, const HostTensor &limit,
                         const HostTensor &delta) {
  CAMEO_CHECK(checkScalars({&start, &limit, &delta}, start.dtype()));
  CAMEO_TRY(count, rangeCount(start, limit, delta));
  return iota(start, delta, count);
}

Result<HostTensor> iota(const HostTensor &start, const HostTensor &delta, int64_t count) {
  CAMEO_CHECK(checkScalars({&start, &delta}, start.dtype()));
  CAMEO_TRY(out, HostTensor::allocate(start.dtype(), {count}));
  withWide(start.dtype(), [&](auto zero) {
    using W = decltype(zero);
    W first = loadAll<W>(start)[0], step = loadAll<W>(delta)[0];
    for (int64_t i = 0; i < count; ++i) {
      W value;
      if constexpr (std::is_floating_point_v<W>)
        value = first + double(i) * step;
      else
        value = W(uint64_t(first) + uint64_t(i) * uint64_t(step));
      storeRun(out.dtype(), out.data(), i, 1, &value);
    }
  });
  return out;
}

Result<HostTensor> eyeLike(DType type, int64_t rows, int64_t columns, int64_t k) {
  if (!isReal(type))
    return error("a diagonal of " + quote(type) + " has no ones");
  CAMEO_TRY(out, HostTensor::allocate(type, {rows, columns}));
  int64_t one = 1;
  for (int64_t r = 0; r < rows; ++r) {
    int64_t c;
    if (!__builtin_add_overflow(r, k, &c) && c >= 0 && c < columns)
      storeRun(type, out.data(), r * columns + c, 1, &one);
  }
  return out;
}

} // namespace cameo::host
