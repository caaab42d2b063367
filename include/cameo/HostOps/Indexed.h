// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Operations whose positions come from data: gathers, scatters, selection and order. Indices (i32
// or i64) may be negative, counted from the end; one outside is an error, never a read outside.
#pragma once

#include "cameo/HostOps/HostTensor.h"

namespace cameo::host {

Result<HostTensor> gather(const HostTensor &x, const HostTensor &indices, int64_t axis);
Result<HostTensor> gatherElements(const HostTensor &x, const HostTensor &indices, int64_t axis);
Result<HostTensor> gatherNd(const HostTensor &x, const HostTensor &indices, int64_t batchDims);

enum class Scatter : uint8_t { Set, Add, Mul, Max, Min };
/// Updates apply in row-major order (with Set the last of equal indices wins); every one is rounded
/// to the element type, as it would be in memory.
Result<HostTensor> scatterElements(Scatter kind, const HostTensor &x, const HostTensor &indices,
                                   const HostTensor &updates, int64_t axis);
Result<HostTensor> scatterNd(Scatter kind, const HostTensor &x, const HostTensor &indices,
                             const HostTensor &updates);

/// `values` holds (off, on); an index outside [-depth, depth) gives off everywhere. `axis` is the
/// new dimension's position in the result.
Result<HostTensor> oneHot(const HostTensor &indices, int64_t depth, const HostTensor &values,
                          int64_t axis);
/// Slices along `axis` (or elements of the flattened tensor) where the condition is true.
Result<HostTensor> compress(const HostTensor &x, const HostTensor &condition,
                            std::optional<int64_t> axis);
/// Coordinates (i64, rank x count) of the elements that are not zero.
Result<HostTensor> nonZero(const HostTensor &x);

struct TopK {
  HostTensor values, indices;
};
/// In descending (`largest`) or ascending order; equal elements by position; NaN is the greatest.
Result<TopK> topK(const HostTensor &x, int64_t k, int64_t axis, bool largest);

struct Unique {
  HostTensor values, firstIndices, inverse, counts;
};
/// Distinct elements (no axis: of the flattened tensor) or slices, sorted or by first appearance.
Result<Unique> unique(const HostTensor &x, std::optional<int64_t> axis, bool sorted);

} // namespace cameo::host
