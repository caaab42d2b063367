// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Operations that move elements without computing, for any element type including strings. Results
// may be views of the operand's memory (transpose, slice with any step, broadcast); those of the
// others are fresh. Axes may be negative.
#pragma once

#include "cameo/HostOps/HostTensor.h"

namespace cameo::host {

/// Result dimension i is operand dimension perm[i]; empty `perm` reverses.
Result<HostTensor> transpose(const HostTensor &x, std::vector<int64_t> perm);
/// Elements start, start + step, … of every dimension, all of which must lie inside.
Result<HostTensor> slice(const HostTensor &x, const Dims &starts, const Dims &sizes,
                         const Dims &steps);
/// ONNX's Slice: negative positions count from the end, all are clamped. Empty `axes`: the first
/// ones; empty `steps`: 1.
Result<HostTensor> sliceOnnx(const HostTensor &x, const Dims &starts, const Dims &ends,
                             std::vector<int64_t> axes, Dims steps);

enum class PadMode : uint8_t { Constant, Edge, Reflect, Wrap };
/// `low` elements before and `high` after every dimension; negative ones crop. `value` (one element
/// of x's type, or absent for zero) serves Constant. Other modes refuse to pad an empty dimension.
Result<HostTensor> pad(const HostTensor &x, const Dims &low, const Dims &high, PadMode mode,
                       const HostTensor &value);

Result<HostTensor> concat(const std::vector<HostTensor> &xs, int64_t axis);
Result<std::vector<HostTensor>> split(const HostTensor &x, int64_t axis, const Dims &sizes);
Result<HostTensor> tile(const HostTensor &x, const Dims &repeats);
/// Elements above (`upper`) or below the k-th diagonal stay, the others become 0 (false, "").
Result<HostTensor> trilu(const HostTensor &x, bool upper, int64_t k);
/// (N, C b², H, W) <-> (N, C, H b, W b); `columnMajor` is ONNX's mode CRD.
Result<HostTensor> depthToSpace(const HostTensor &x, int64_t blockSize, bool columnMajor);
Result<HostTensor> spaceToDepth(const HostTensor &x, int64_t blockSize, bool columnMajor);
/// Reverses the first lengths[b] elements along `timeAxis` for every b of `batchAxis` (0 and 1).
Result<HostTensor> reverseSequence(const HostTensor &x, const HostTensor &lengths,
                                   int64_t batchAxis, int64_t timeAxis);
/// start, start + delta, …, before limit; all three scalars of one numeric type.
Result<HostTensor> range(const HostTensor &start, const HostTensor &limit, const HostTensor &delta);
/// `count` elements start + i * delta.
Result<HostTensor> iota(const HostTensor &start, const HostTensor &delta, int64_t count);
/// Ones on the k-th diagonal of a (rows, columns) tensor of `type`.
Result<HostTensor> eyeLike(DType type, int64_t rows, int64_t columns, int64_t k);
/// Every element is `value`'s one element.
Result<HostTensor> fill(const HostTensor &value, const Dims &dims);

} // namespace cameo::host
