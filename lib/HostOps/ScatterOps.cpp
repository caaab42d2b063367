// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Scatters: a copy of x, then the updates one after another. A combining update reads the element
// wide, combines, and stores it rounded, so that the order of updates is the order of roundings.
#include "cameo/HostOps/Indexed.h"

#include "Indices.h"

namespace cameo::host {
namespace {

template <class W> W combine(Scatter kind, W old, W update) {
  switch (kind) {
  case Scatter::Add:
    if constexpr (std::is_floating_point_v<W>)
      return old + update;
    else
      return W(uint64_t(old) + uint64_t(update));
  case Scatter::Mul:
    if constexpr (std::is_floating_point_v<W>)
      return old * update;
    else
      return W(uint64_t(old) * uint64_t(update));
  case Scatter::Max:
    return old != old || old > update ? old : update;
  case Scatter::Min:
    return old != old || old < update ? old : update;
  default:
    return update;
  }
}

/// Applies n updates from `from` to the run at `to` of `out`.
void applyRun(Scatter kind, HostTensor &out, int64_t to, const HostTensor &updates, int64_t from,
              int64_t n) {
  DType type = out.dtype();
  if (kind == Scatter::Set)
    return moveRun(type, out.data(), to, 1, updates.data(), from, 1, n);
  withWide(type, [&](auto zero) {
    using W = decltype(zero);
    W old[kRun], update[kRun];
    for (int64_t i = 0; i < n; i += kRun) {
      int64_t m = std::min(kRun, n - i);
      loadRun(type, out.data(), to + i, 1, m, old);
      loadRun(type, updates.data(), from + i, 1, m, update);
      for (int64_t j = 0; j < m; ++j)
        old[j] = combine(kind, old[j], update[j]);
      storeRun(type, out.data(), to + i, m, old);
    }
  });
}

Status checkTypes(Scatter kind, const HostTensor &x, const HostTensor &updates) {
  if (x.dtype() != updates.dtype())
    return error("updates have another type than the operand");
  if (kind != Scatter::Set && !isReal(x.dtype()))
    return error("updates of " + quote(x.dtype()) + " cannot be combined");
  return Status::ok();
}

} // namespace

Result<HostTensor> scatterElements(Scatter kind, const HostTensor &x, const HostTensor &indices,
                                   const HostTensor &updates, int64_t axis) {
  CAMEO_TRY(normal, normalizeAxis(axis, x.rank()));
  CAMEO_TRY(picks, loadIndices(indices, x.dim(normal)));
  CAMEO_CHECK(checkElementIndices(x, indices, normal));
  CAMEO_CHECK(checkTypes(kind, x, updates));
  if (updates.dims() != indices.dims())
    return error("updates and indices differ in sizes");
  CAMEO_TRY(from, updates.contiguous());
  CAMEO_TRY(out, x.clone());
  if (updates.numElements() == 0)
    return out;
  Dims at(indices.dims().size(), 0);
  int64_t done = 0;
  do {
    int64_t position = picks[size_t(done)] * out.stride(normal);
    for (size_t d = 0; d < at.size(); ++d)
      position += int64_t(d) == normal ? 0 : at[d] * out.strides()[d];
    applyRun(kind, out, position, from, from.offset() + done, 1);
    ++done;
  } while (nextIndex(at, indices.dims()));
  return out;
}

Result<HostTensor> scatterNd(Scatter kind, const HostTensor &x, const HostTensor &indices,
                             const HostTensor &updates) {
  CAMEO_CHECK(checkTypes(kind, x, updates));
  CAMEO_TRY(tuples, loadTuples(x, indices, 0));
  Dims dims(indices.dims().begin(), indices.dims().end() - 1);
  dims.insert(dims.end(), x.dims().begin() + tuples.length, x.dims().end());
  if (updates.dims() != dims)
    return error("updates have sizes " + toString(updates.dims()) + ", not " + toString(dims));
  CAMEO_TRY(from, updates.contiguous());
  CAMEO_TRY(out, x.clone());
  int64_t done = from.offset();
  for (int64_t start : tuples.starts) {
    applyRun(kind, out, start, from, done, tuples.sliceElements);
    done += tuples.sliceElements;
  }
  return out;
}

} // namespace cameo::host
