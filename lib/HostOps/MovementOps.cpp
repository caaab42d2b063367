// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Movement. Pad, tile and reversal are one thing: along each dimension a table says which operand
// position a result position takes (or none); `moveByTables` does the rest. What strides can
// express is a view.
#include "cameo/HostOps/Movement.h"

#include "Elements.h"

#include <algorithm>
#include <numeric>

namespace cameo::host {
namespace {

using Tables = std::vector<std::vector<int64_t>>; ///< per dimension; -1: the fill value

/// Writes the result whose element (i, j, …) is x[tables[0][i], tables[1][j], …].
void moveByTables(const HostTensor &x, const Tables &tables, const HostTensor &value,
                  HostTensor &out) {
  if (out.numElements() == 0)
    return;
  if (x.rank() == 0)
    return moveRun(x.dtype(), out.data(), 0, 1, x.data(), x.offset(), 1, 1);
  Dims outer(out.dims().begin(), out.dims().end() - 1), at(outer.size(), 0);
  const std::vector<int64_t> &inner = tables.back();
  int64_t step = x.strides().back(), done = 0, n = int64_t(inner.size());
  do {
    int64_t start = x.offset();
    bool outside = false;
    for (size_t d = 0; d < at.size(); ++d) {
      int64_t position = tables[d][size_t(at[d])];
      outside |= position < 0;
      start += position * x.strides()[d];
    }
    for (int64_t i = 0; i < n;) {
      int64_t j = i + 1;
      if (outside || inner[size_t(i)] < 0) {
        while (j < n && (outside || inner[size_t(j)] < 0))
          ++j;
        if (value.isPresent())
          moveRun(x.dtype(), out.data(), done + i, 1, value.data(), value.offset(), 0, j - i);
      } else {
        while (j < n && inner[size_t(j)] == inner[size_t(j - 1)] + 1)
          ++j;
        moveRun(x.dtype(), out.data(), done + i, 1, x.data(), start + inner[size_t(i)] * step, step,
                j - i);
      }
      i = j;
    }
    done += n;
  } while (nextIndex(at, outer));
}

int64_t modulo(int64_t a, int64_t b) { return (a % b + b) % b; }

int64_t padSource(int64_t i, int64_t size, PadMode mode) {
  if (i >= 0 && i < size)
    return i;
  switch (mode) {
  case PadMode::Constant:
    return -1;
  case PadMode::Edge:
    return i < 0 ? 0 : size - 1;
  case PadMode::Wrap:
    return modulo(i, size);
  case PadMode::Reflect:
    break;
  }
  int64_t period = 2 * (size - 1);
  int64_t position = period ? modulo(i, period) : 0;
  return position < size ? position : period - position;
}

} // namespace

Result<HostTensor> transpose(const HostTensor &x, std::vector<int64_t> perm) {
  if (perm.empty() && x.rank() > 0) {
    perm.resize(size_t(x.rank()));
    std::iota(perm.rbegin(), perm.rend(), 0);
  }
  std::vector<int64_t> sorted = perm;
  std::sort(sorted.begin(), sorted.end());
  for (size_t i = 0; i < sorted.size(); ++i)
    if (sorted[i] != int64_t(i))
      return error("perm is no permutation");
  if (int64_t(perm.size()) != x.rank())
    return error("perm has not one entry a dimension");
  return x.permuted(perm);
}

Result<HostTensor> slice(const HostTensor &x, const Dims &starts, const Dims &sizes,
                         const Dims &steps) {
  size_t rank = size_t(x.rank());
  if (starts.size() != rank || sizes.size() != rank || steps.size() != rank)
    return error("a slice has one start, size and step a dimension");
  Dims strides;
  int64_t offset = x.offset();
  bool empty = std::find(sizes.begin(), sizes.end(), 0) != sizes.end();
  for (size_t d = 0; d < rank; ++d) {
    int64_t reach, last = starts[d];
    bool fits = sizes[d] >= 0 && !__builtin_mul_overflow(sizes[d] - 1, steps[d], &reach) &&
                !__builtin_add_overflow(starts[d], reach, &last);
    if (!fits || (!empty && (starts[d] < 0 || starts[d] >= x.dim(int64_t(d)) || last < 0 ||
                             last >= x.dim(int64_t(d)))))
      return error("slice of dimension " + std::to_string(d) + " goes outside " +
                   toString(x.dims()));
    strides.push_back(empty || sizes[d] < 2 ? 0 : x.strides()[d] * steps[d]);
    offset += empty ? 0 : starts[d] * x.strides()[d];
  }
  return x.view(sizes, strides, offset);
}

Result<HostTensor> sliceOnnx(const HostTensor &x, const Dims &starts, const Dims &ends,
                             std::vector<int64_t> axes, Dims steps) {
  if (axes.empty())
    for (size_t i = 0; i < starts.size(); ++i)
      axes.push_back(int64_t(i));
  if (steps.empty())
    steps.assign(starts.size(), 1);
  if (ends.size() != starts.size() || axes.size() != starts.size() || steps.size() != starts.size())
    return error("starts, ends, axes and steps of a slice differ in length");
  Dims allStarts(size_t(x.rank()), 0), sizes = x.dims(), allSteps(size_t(x.rank()), 1);
  for (size_t i = 0; i < starts.size(); ++i) {
    CAMEO_TRY(axis, normalizeAxis(axes[i], x.rank()));
    int64_t size = x.dim(axis), step = steps[i];
    if (step == 0)
      return error("a slice has step 0");
    auto clampTo = [&](int64_t p, int64_t low, int64_t high) {
      p = p < 0 ? p + size : p; // cannot overflow: the signs differ
      return std::clamp(p, low, high);
    };
    int64_t begin = step > 0 ? clampTo(starts[i], 0, size) : clampTo(starts[i], -1, size - 1);
    int64_t end = step > 0 ? clampTo(ends[i], 0, size) : clampTo(ends[i], -1, size - 1);
    if (step == INT64_MIN)
      step = -INT64_MAX;
    int64_t distance = step > 0 ? end - begin : begin - end, stride = step > 0 ? step : -step;
    sizes[size_t(axis)] = distance <= 0 ? 0 : (distance - 1) / stride + 1;
    allStarts[size_t(axis)] = begin;
    allSteps[size_t(axis)] = sizes[size_t(axis)] < 2 ? 1 : step;
  }
  return slice(x, allStarts, sizes, allSteps);
}

Result<HostTensor> pad(const HostTensor &x, const Dims &low, const Dims &high, PadMode mode,
                       const HostTensor &value) {
  if (int64_t(low.size()) != x.rank() || int64_t(high.size()) != x.rank())
    return error("pads have not two entries a dimension");
  if (value.isPresent() && (value.dtype() != x.dtype() || value.numElements() != 1))
    return error("the pad value is one element of the operand's type");
  Dims dims;
  for (size_t d = 0; d < low.size(); ++d) {
    int64_t size;
    if (__builtin_add_overflow(x.dims()[d], low[d], &size) ||
        __builtin_add_overflow(size, high[d], &size) || size < 0)
      return error("pads leave no valid size in dimension " + std::to_string(d));
    if (x.dims()[d] == 0 && size > 0 && mode != PadMode::Constant)
      return error("an empty dimension cannot be padded with its own elements");
    dims.push_back(size);
  }
  CAMEO_TRY(out, HostTensor::allocate(x.dtype(), dims));
  Tables tables(dims.size());
  for (size_t d = 0; d < dims.size(); ++d)
    for (int64_t i = 0; i < dims[d]; ++i)
      tables[d].push_back(padSource(i - low[d], x.dims()[d], mode));
  moveByTables(x, tables, value, out);
  return out;
}

Result<HostTensor> tile(const HostTensor &x, const Dims &repeats) {
  if (int64_t(repeats.size()) != x.rank())
    return error("tile has one count a dimension");
  Dims dims;
  for (size_t d = 0; d < repeats.size(); ++d) {
    int64_t size;
    if (repeats[d] < 0 || __builtin_mul_overflow(x.dims()[d], repeats[d], &size))
      return error("tile counts are negative or overflow");
    dims.push_back(size);
  }
  CAMEO_TRY(out, HostTensor::allocate(x.dtype(), dims));
  if (out.numElements() == 0)
    return out;
  Tables tables(dims.size());
  for (size_t d = 0; d < dims.size(); ++d)
    for (int64_t i = 0; i < dims[d]; ++i)
      tables[d].push_back(i % x.dims()[d]);
  moveByTables(x, tables, {}, out);
  return out;
}

Result<HostTensor> concat(const std::vector<HostTensor> &xs, int64_t axis) {
  if (xs.empty())
    return error("nothing to concatenate");
  CAMEO_TRY(normal, normalizeAxis(axis, xs[0].rank()));
  Dims dims = xs[0].dims();
  int64_t total = 0;
  for (const HostTensor &x : xs) {
    if (x.dtype() != xs[0].dtype() || x.rank() != xs[0].rank())
      return error("concatenated tensors differ in type or rank");
    Dims expected = dims;
    expected[size_t(normal)] = x.dim(normal);
    if (x.dims() != expected || __builtin_add_overflow(total, x.dim(normal), &total))
      return error("sizes " + toString(dims) + " and " + toString(x.dims()) +
                   " cannot be concatenated");
  }
  dims[size_t(normal)] = total;
  CAMEO_TRY(out, HostTensor::allocate(xs[0].dtype(), dims));
  int64_t at = 0;
  for (const HostTensor &x : xs) {
    int64_t start = at * out.stride(normal);
    forEachRun<2>(x.dims(), {&out.strides(), &x.strides()}, {start, x.offset()},
                  [&](auto offsets, auto steps, int64_t n) {
                    moveRun(x.dtype(), out.data(), offsets[0], steps[0], x.data(), offsets[1],
                            steps[1], n);
                  });
    at += x.dim(normal);
  }
  return out;
}

Result<std::vector<HostTensor>> split(const HostTensor &x, int64_t axis, const Dims &sizes) {
  CAMEO_TRY(normal, normalizeAxis(axis, x.rank()));
  std::vector<HostTensor> parts;
  int64_t at = 0;
  for (int64_t size : sizes) {
    if (size < 0 || size > x.dim(normal) - at)
      return error("split sizes do not add up to " + std::to_string(x.dim(normal)));
    Dims dims = x.dims();
    dims[size_t(normal)] = size;
    parts.push_back(x.view(dims, x.strides(), x.offset() + at * x.stride(normal)));
    at += size;
  }
  if (at != x.dim(normal))
    return error("split sizes do not add up to " + std::to_string(x.dim(normal)));
  return parts;
}

Result<HostTensor> trilu(const HostTensor &x, bool upper, int64_t k) {
  if (x.rank() < 2)
    return error("trilu takes matrices");
  CAMEO_TRY(out, HostTensor::allocate(x.dtype(), x.dims()));
  int64_t columns = x.dim(-1), rows = x.dim(-2), step = x.stride(-1), done = 0;
  k = std::clamp(k, -rows - 1, columns + 1); // beyond, nothing changes
  forEachRun<1>({x.dims().begin(), x.dims().end() - 2}, {&x.strides()}, {x.offset()},
                [&](auto offsets, auto steps, int64_t n) {
                  for (int64_t i = 0; i < n; ++i)
                    for (int64_t r = 0; r < rows; ++r, done += columns) {
                      int64_t edge = std::clamp<int64_t>(upper ? r + k : r + k + 1, 0, columns);
                      int64_t first = upper ? edge : 0, last = upper ? columns : edge;
                      int64_t start = offsets[0] + i * steps[0] + r * x.stride(-2);
                      moveRun(x.dtype(), out.data(), done + first, 1, x.data(),
                              start + first * step, step, last - first);
                    }
                });
  return out;
}

namespace {

Status checkImage(const HostTensor &x, int64_t blockSize) {
  if (x.rank() != 4 || blockSize < 1 || blockSize > 1 << 20)
    return error("takes a tensor (N, C, H, W) and a positive block size");
  return Status::ok();
}

} // namespace

Result<HostTensor> depthToSpace(const HostTensor &x, int64_t blockSize, bool columnMajor) {
  CAMEO_CHECK(checkImage(x, blockSize));
  int64_t b = blockSize, n = x.dim(0), c = x.dim(1), h = x.dim(2), w = x.dim(3);
  if (c % (b * b) != 0)
    return error("channels are no multiple of the squared block size");
  c /= b * b;
  CAMEO_TRY(apart, x.reshaped(columnMajor ? Dims{n, c, b, b, h, w} : Dims{n, b, b, c, h, w}));
  HostTensor moved = apart.permuted(columnMajor ? Dims{0, 1, 4, 2, 5, 3} : Dims{0, 3, 4, 1, 5, 2});
  return moved.reshaped({n, c, h * b, w * b});
}

Result<HostTensor> spaceToDepth(const HostTensor &x, int64_t blockSize, bool columnMajor) {
  CAMEO_CHECK(checkImage(x, blockSize));
  int64_t b = blockSize, n = x.dim(0), c = x.dim(1), h = x.dim(2) / b, w = x.dim(3) / b;
  if (x.dim(2) % b != 0 || x.dim(3) % b != 0)
    return error("height and width are no multiples of the block size");
  CAMEO_TRY(apart, x.reshaped({n, c, h, b, w, b}));
  HostTensor moved = apart.permuted(columnMajor ? Dims{0, 1, 3, 5, 2, 4} : Dims{0, 3, 5, 1, 2, 4});
  return moved.reshaped({n, c * b * b, h, w});
}

Result<HostTensor> reverseSequence(const HostTensor &x, const HostTensor &lengths,
                                   int64_t batchAxis, int64_t timeAxis) {
  CAMEO_TRY(batch, normalizeAxis(batchAxis, x.rank()));
  CAMEO_TRY(time, normalizeAxis(timeAxis, x.rank()));
  if (batch > 1 || time > 1 || batch == time)
    return error("batch and time are the axes 0 and 1");
  std::vector<int64_t> counts = loadAll<int64_t>(lengths);
  if (lengths.rank() != 1 || lengths.dim(0) != x.dim(batch))
    return error("there is not one length a batch element");
  CAMEO_TRY(out, x.clone());
  Dims rest(x.dims().begin() + 2, x.dims().end());
  Dims from(x.strides().begin() + 2, x.strides().end());
  Dims to(out.strides().begin() + 2, out.strides().end());
  for (int64_t b = 0; b < x.dim(batch); ++b) {
    int64_t count = counts[size_t(b)];
    if (count < 0 || count > x.dim(time))
      return error("a sequence length is outside the time axis");
    for (int64_t t = 0; t < count; ++t)
      forEachRun<2>(rest, {&to, &from},
                    {b * out.stride(batch) + t * out.stride(time),
                     x.offset() + b * x.stride(batch) + (count - 1 - t) * x.stride(time)},
                    [&](auto offsets, auto steps, int64_t n) {
                      moveRun(x.dtype(), out.data(), offsets[0], steps[0], x.data(), offsets[1],
                              steps[1], n);
                    });
  }
  return out;
}

Result<HostTensor> fill(const HostTensor &value, const Dims &dims) {
  if (value.numElements() != 1)
    return error("fill takes one element");
  CAMEO_TRY(out, HostTensor::allocate(value.dtype(), dims));
  moveRun(value.dtype(), out.data(), 0, 1, value.data(), value.offset(), 0, out.numElements());
  return out;
}

} // namespace cameo::host
