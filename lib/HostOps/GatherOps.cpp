// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Gathers. Indices are read once, checked and made non-negative; the rest is movement of runs.
#include "cameo/HostOps/Indexed.h"

#include "Indices.h"

namespace cameo::host {

Result<HostTensor> gather(const HostTensor &x, const HostTensor &indices, int64_t axis) {
  CAMEO_TRY(normal, normalizeAxis(axis, x.rank()));
  CAMEO_TRY(picks, loadIndices(indices, x.dim(normal)));
  CAMEO_TRY(from, x.contiguous());
  Dims dims(x.dims().begin(), x.dims().begin() + normal);
  dims.insert(dims.end(), indices.dims().begin(), indices.dims().end());
  dims.insert(dims.end(), x.dims().begin() + normal + 1, x.dims().end());
  CAMEO_TRY(out, HostTensor::allocate(x.dtype(), dims));
  int64_t outer = 1, inner = 1;
  for (int64_t d = 0; d < x.rank(); ++d)
    (d < normal ? outer : inner) *= d == normal ? 1 : x.dim(d);
  int64_t done = 0;
  for (int64_t o = 0; o < outer; ++o)
    for (int64_t pick : picks) {
      moveRun(x.dtype(), out.data(), done, 1, from.data(),
              from.offset() + (o * x.dim(normal) + pick) * inner, 1, inner);
      done += inner;
    }
  return out;
}

Result<HostTensor> gatherElements(const HostTensor &x, const HostTensor &indices, int64_t axis) {
  CAMEO_TRY(normal, normalizeAxis(axis, x.rank()));
  CAMEO_TRY(picks, loadIndices(indices, x.dim(normal)));
  CAMEO_CHECK(checkElementIndices(x, indices, normal));
  CAMEO_TRY(out, HostTensor::allocate(x.dtype(), indices.dims()));
  if (out.numElements() == 0)
    return out;
  Dims at(indices.dims().size(), 0);
  int64_t done = 0;
  do {
    int64_t position = x.offset() + picks[size_t(done)] * x.stride(normal);
    for (size_t d = 0; d < at.size(); ++d)
      position += int64_t(d) == normal ? 0 : at[d] * x.strides()[d];
    moveRun(x.dtype(), out.data(), done, 1, x.data(), position, 1, 1);
    ++done;
  } while (nextIndex(at, indices.dims()));
  return out;
}

Result<HostTensor> gatherNd(const HostTensor &x, const HostTensor &indices, int64_t batchDims) {
  CAMEO_TRY(from, x.contiguous());
  CAMEO_TRY(tuples, loadTuples(x, indices, batchDims));
  Dims dims(indices.dims().begin(), indices.dims().end() - 1);
  dims.insert(dims.end(), x.dims().begin() + batchDims + tuples.length, x.dims().end());
  CAMEO_TRY(out, HostTensor::allocate(x.dtype(), dims));
  int64_t done = 0;
  for (int64_t start : tuples.starts) {
    moveRun(x.dtype(), out.data(), done, 1, from.data(), from.offset() + start, 1,
            tuples.sliceElements);
    done += tuples.sliceElements;
  }
  return out;
}

} // namespace cameo::host
