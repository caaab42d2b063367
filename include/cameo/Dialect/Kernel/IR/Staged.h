// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the staged level's verifier and `kernel-resolve` share: one walk that executes a role in the
// abstract, following every slot and accumulator through loops, and the counts it derives. Loop bodies
// are walked once more than the deepest ring has slots, so that what is outstanding across the back
// edge has been seen in its steady state.
#ifndef CAMEO_DIALECT_KERNEL_IR_STAGED_H
#define CAMEO_DIALECT_KERNEL_IR_STAGED_H

#include "cameo/Dialect/Kernel/IR/Kernel.h"

namespace cameo::kernel {

/// The target that the kernel is compiled for: the nearest `kernel.target = "sm_90a"` attribute of an
/// enclosing op, else the portable target.
const Target &targetOf(mlir::Operation *op);
inline constexpr llvm::StringLiteral targetAttrName = "kernel.target";

/// The layout of an accumulator's fragment over a tensor of `rank` dimensions, of which all but the
/// last two have size 1.
LayoutAttr fragmentLayout(AccType acc, unsigned rank);

/// The layout that A in registers has to have: the fragment of sums of its size, whose pairs of elements are
/// registers of A where elements have two bytes. Null where A is no such tile, or warps that share its rows
/// would each need all of it.
LayoutAttr operandLayout(MmaAsyncOp product);

/// How an fma accumulator's lanes lie: `vector` elements of 16 bytes along rows and columns each, and
/// a warp of laneRows x laneCols lanes.
struct FmaShape {
  int64_t vector, laneRows, laneCols;
};
FmaShape fmaShape(AccType acc);

/// Counts that depend on what is outstanding, per op, the strictest over all visits.
struct RoleFacts {
  llvm::DenseMap<mlir::Operation *, int32_t> pendingGroups;   ///< WaitOp: younger groups in flight
  llvm::DenseMap<mlir::Operation *, int32_t> pendingProducts; ///< MmaWaitOp: younger products
  llvm::DenseMap<mlir::Operation *, bool> covered;            ///< AcquireOp: needs no barrier
};

/// Walks a role. Fails with a diagnostic at the op that breaks a token's discipline.
mlir::FailureOr<RoleFacts> walkRole(RoleOp role);

} // namespace cameo::kernel

#endif // CAMEO_DIALECT_KERNEL_IR_STAGED_H
