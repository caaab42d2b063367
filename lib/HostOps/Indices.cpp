// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "Indices.h"

namespace cameo::host {

namespace {

Status outside(int64_t index, int64_t size) {
  return error("index " + std::to_string(index) + " is outside a dimension of " +
               std::to_string(size));
}

} // namespace

Result<std::vector<int64_t>> loadIndices(const HostTensor &indices, int64_t size) {
  if (!isInteger(indices.dtype()))
    return error("indices are integers, not " + quote(indices.dtype()));
  std::vector<int64_t> values = loadAll<int64_t>(indices);
  for (int64_t &value : values) {
    if (value < -size || value >= size)
      return outside(value, size);
    value += value < 0 ? size : 0;
  }
  return values;
}

Status checkElementIndices(const HostTensor &x, const HostTensor &indices, int64_t axis) {
  bool fits = x.rank() == indices.rank();
  for (int64_t d = 0; fits && d < x.rank(); ++d)
    fits = d == axis || indices.dim(d) <= x.dim(d);
  return fits ? Status::ok()
              : error("indices " + toString(indices.dims()) + " do not fit into " +
                      toString(x.dims()));
}

Result<Tuples> loadTuples(const HostTensor &x, const HostTensor &indices, int64_t batchDims) {
  if (indices.rank() < 1 || batchDims < 0 || batchDims >= indices.rank() || batchDims > x.rank() ||
      !isInteger(indices.dtype()))
    return error("index tuples are the last dimension of an integer tensor");
  Tuples tuples;
  tuples.length = indices.dim(-1);
  if (tuples.length > x.rank() - batchDims)
    return error("index tuples are longer than the operand's rank");
  int64_t batches = 1, perBatch = 1;
  for (int64_t d = 0; d < indices.rank() - 1; ++d) {
    if (d < batchDims && indices.dim(d) != x.dim(d))
      return error("batch dimensions differ");
    (d < batchDims ? batches : perBatch) *= indices.dim(d);
  }
  Dims strides = rowMajorStrides(x.dims());
  tuples.sliceElements = 1;
  for (int64_t d = batchDims + tuples.length; d < x.rank(); ++d)
    tuples.sliceElements *= x.dim(d);
  int64_t batchElements = 1;
  for (int64_t d = batchDims; d < x.rank(); ++d)
    batchElements *= x.dim(d);
  std::vector<int64_t> values = loadAll<int64_t>(indices);
  const int64_t *tuple = values.data();
  for (int64_t b = 0; b < batches; ++b)
    for (int64_t i = 0; i < perBatch; ++i, tuple += tuples.length) {
      int64_t start = b * batchElements;
      for (int64_t k = 0; k < tuples.length; ++k) {
        int64_t size = x.dim(batchDims + k), index = tuple[k];
        if (index < -size || index >= size)
          return outside(index, size);
        start += (index < 0 ? index + size : index) * strides[size_t(batchDims + k)];
      }
      tuples.starts.push_back(start);
    }
  return tuples;
}

} // namespace cameo::host
