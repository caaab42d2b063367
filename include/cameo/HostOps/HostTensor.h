// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The value every host operation takes and gives: element type, sizes, strides (in elements, any
// sign, 0 for a broadcast dimension) and memory that is shared, never copied by a view. Elements
// narrower than a byte are packed as DType.h says and addressed by element like all others. A
// tensor of strings holds std::string objects. Sizes are checked: a tensor whose element or byte
// count overflows int64 cannot be made.
#pragma once

#include "cameo/HostOps/Status.h"
#include "cameo/Support/DType.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace cameo::host {

using Dims = std::vector<int64_t>;

/// The product, or nothing when a dimension is negative or the product overflows.
std::optional<int64_t> elementCount(const Dims &dims);
/// Strides of a row-major tensor without gaps.
Dims rowMajorStrides(const Dims &dims);
std::string toString(const Dims &dims);

class HostTensor {
public:
  /// An absent tensor (an optional operand that is not there).
  HostTensor() = default;

  /// Fresh zeroed memory, 64-byte aligned, row-major.
  static Result<HostTensor> allocate(DType type, Dims dims);
  /// A row-major tensor over memory of the caller, kept alive by `owner` if given.
  static Result<HostTensor> wrap(DType type, Dims dims, void *data,
                                 std::shared_ptr<void> owner = nullptr);
  /// A copy of `values` (as many as `dims` say), converted to `type` by plain casts.
  static Result<HostTensor> ofIntegers(DType type, Dims dims, const std::vector<int64_t> &values);
  static Result<HostTensor> ofDoubles(DType type, Dims dims, const std::vector<double> &values);

  bool isPresent() const { return elementType != DType::undefined; }
  DType dtype() const { return elementType; }
  const Dims &dims() const { return sizes; }
  const Dims &strides() const { return steps; }
  int64_t rank() const { return int64_t(sizes.size()); }
  int64_t dim(int64_t i) const { return sizes[size_t(i < 0 ? i + rank() : i)]; }
  int64_t stride(int64_t i) const { return steps[size_t(i < 0 ? i + rank() : i)]; }
  int64_t numElements() const { return count; }
  /// Position of element (0, …, 0) in elements from `data()`.
  int64_t offset() const { return first; }
  bool isContiguous() const;

  /// The start of the memory (not of the first element).
  void *data() const { return memory.get(); }
  /// The first element of a tensor whose elements fill whole bytes.
  template <class T> T *as() const { return static_cast<T *>(memory.get()) + first; }

  /// The same memory under other sizes and strides; the caller answers for their being inside.
  HostTensor view(Dims dims, Dims strides, int64_t offset) const;
  /// The same memory under other sizes, if contiguous; else a copy. Element counts must agree.
  Result<HostTensor> reshaped(Dims dims) const;
  /// The tensor itself if row-major without gaps, starting on a whole byte; else such a copy.
  Result<HostTensor> contiguous() const;
  /// A row-major copy with memory of its own.
  Result<HostTensor> clone() const;
  /// Aligns `dims` at the innermost and gives repeated dimensions stride 0.
  Result<HostTensor> broadcastTo(const Dims &dims) const;
  /// Dimension i of the view is dimension perm[i] of this.
  HostTensor permuted(const std::vector<int64_t> &perm) const;
  /// The same bits read as another type of the same width.
  HostTensor bitcast(DType type) const;

  /// All elements in row-major order; numbers only.
  Result<std::vector<int64_t>> toIntegers() const;
  Result<std::vector<double>> toDoubles() const;

private:
  DType elementType = DType::undefined;
  Dims sizes, steps;
  int64_t count = 0, first = 0;
  std::shared_ptr<void> memory;
};

/// The size to which `a` and `b` broadcast, by NumPy's rule.
Result<Dims> broadcastDims(const Dims &a, const Dims &b);
/// `axis` counted from the start, or an error when it is outside [-rank, rank).
Result<int64_t> normalizeAxis(int64_t axis, int64_t rank);
/// All of them, ascending; an axis named twice is an error.
Result<std::vector<int64_t>> normalizeAxes(std::vector<int64_t> axes, int64_t rank);

} // namespace cameo::host
