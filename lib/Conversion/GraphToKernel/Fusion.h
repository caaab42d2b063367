// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Which graph ops become one kernel. A group has one root (the op whose results leave the kernel) and
// at most one anchor (the op whose loops the kernel keeps); everything else in it is recomputed by
// index: pointwise ops, and movement ops, which are only views. Since a group has a single root and a
// producer joins only if all its users are inside, groups never form a cycle.
#pragma once

#include "mlir/Dialect/Func/IR/FuncOps.h"

#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/SetVector.h"

#include <string>
#include <vector>

namespace cameo::graphtokernel {

enum class OpClass {
  Host,      ///< no kernel: constants, aliases, read_sizes, control flow
  Pointwise, ///< one element from one element of each operand
  View,      ///< one element from one element elsewhere: transpose, slice, pad, gather, concat …
  Anchor,    ///< keeps loops of its own: reductions, contractions, windows, scans
};
OpClass classify(mlir::Operation *op);

struct Group {
  mlir::Operation *root = nullptr;
  mlir::Operation *anchor = nullptr;
  llvm::SetVector<mlir::Operation *> ops; ///< in program order

  bool contains(mlir::Operation *op) const { return op && ops.contains(op); }
};

struct FusionPlan {
  std::vector<Group> groups; ///< in program order of their roots
  /// Why the results of an op are stored to memory rather than fused into a user; for the report.
  llvm::MapVector<mlir::Operation *, std::string> reasons;
};

/// Which dimension of the result of `anchor` each dimension of the group's root is, when only pointwise ops
/// (and, behind a convolution, transposes) lie between them; nothing otherwise.
std::optional<llvm::SmallVector<int64_t>> permutationBehind(mlir::Operation *anchor, const Group &group);

/// Of one block: bodies of control flow are planned by themselves, and are users like the host is.
FusionPlan planFusion(mlir::Block &block);

} // namespace cameo::graphtokernel
