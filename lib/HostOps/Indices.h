// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Index operands, read and checked in one place: gathers and scatters share the addressing.
#pragma once

#include "Elements.h"

namespace cameo::host {

/// All indices in row-major order, made non-negative; each in [-size, size).
Result<std::vector<int64_t>> loadIndices(const HostTensor &indices, int64_t size);

/// The rule of GatherElements and ScatterElements: same rank, and no larger beside `axis`.
Status checkElementIndices(const HostTensor &x, const HostTensor &indices, int64_t axis);

struct Tuples {
  std::vector<int64_t> starts; ///< element positions in a row-major x
  int64_t length;              ///< of a tuple: dimensions it addresses
  int64_t sliceElements;       ///< elements at each start
};
/// The index tuples of GatherND and ScatterND.
Result<Tuples> loadTuples(const HostTensor &x, const HostTensor &indices, int64_t batchDims);

} // namespace cameo::host
