// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A body repeated over the leading dimension of some tensors, with values carried from one step to
// the next: Scan, and the recurrent layers. A single step needs no loop and stands in the graph as
// it is.
#pragma once

#include "NodeBuilder.h"

namespace cameo::importer {

/// Fills the next carried values and then this step's rows, from the carried values and this step's
/// slices; false after a problem.
using StepBody =
    llvm::function_ref<bool(llvm::ArrayRef<Value> arguments, llvm::SmallVectorImpl<Value> &next)>;

/// The last carried values, then the rows stacked along a new leading dimension; nothing after a
/// problem. `scanned` has at least one tensor; all have the same leading size.
std::optional<llvm::SmallVector<Value>> recur(NodeBuilder &b, llvm::ArrayRef<Value> carried,
                                              llvm::ArrayRef<Value> scanned, StepBody body);

/// The elements along `axis` in opposite order.
Value reversed(NodeBuilder &b, Value x, int64_t axis);
/// Dimension `from` moved to `to`.
Value movedAxis(NodeBuilder &b, Value x, int64_t from, int64_t to);

} // namespace cameo::importer
