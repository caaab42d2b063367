// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Operations along one axis (softmax, running sums, sorting) see the tensor as a set of lines: all
// elements along the axis at one position of the others. `forEachLine` loads each line wide, lets a
// function change it, and writes it to a row-major result of the same sizes.
#pragma once

#include "Elements.h"

namespace cameo::host {

/// Elements of a row-major result at offset + i * stride, i < n.
template <class W>
void storeLine(HostTensor &out, int64_t offset, int64_t stride, int64_t n, const W *values) {
  if (stride == 1)
    return storeRun(out.dtype(), out.data(), offset, n, values);
  for (int64_t i = 0; i < n; ++i)
    storeRun(out.dtype(), out.data(), offset + i * stride, 1, values + i);
}

/// Calls fn(xStart, number of the line) for the lines of `x` along `axis` (normalized), in
/// row-major order of the other dimensions.
template <class F> void forEachLineStart(const HostTensor &x, int64_t axis, F &&fn) {
  Dims dims = x.dims();
  dims[size_t(axis)] = 1;
  if (elementCount(dims).value_or(0) == 0)
    return;
  Dims at(dims.size(), 0);
  int64_t number = 0;
  do {
    int64_t start = x.offset();
    for (size_t d = 0; d < at.size(); ++d)
      start += at[d] * x.strides()[d];
    fn(start, number++);
  } while (nextIndex(at, dims));
}

/// fn(std::vector<W> &line) for every line of x along `axis`; `out` has x's sizes and is row-major.
template <class W, class F>
void forEachLine(const HostTensor &x, int64_t axis, HostTensor &out, F &&fn) {
  int64_t length = x.dim(axis), inner = 1;
  for (int64_t d = axis + 1; d < x.rank(); ++d)
    inner *= x.dim(d);
  std::vector<W> line(static_cast<size_t>(length));
  forEachLineStart(x, axis, [&](int64_t start, int64_t number) {
    loadRun(x.dtype(), x.data(), start, x.stride(axis), length, line.data());
    fn(line);
    storeLine(out, number / inner * inner * length + number % inner, inner, length, line.data());
  });
}

} // namespace cameo::host
