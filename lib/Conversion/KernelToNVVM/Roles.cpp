// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Roles, lowered after everything in them: until then an expansion may ask its role for warps, barrier
// and the values at its entry. One role that has all warps is the kernel's code; several become branches
// on the warp's number, which a shuffle makes uniform. Refused: the written form, roles that do not
// add up to the block.
#include "StagedLowering.h"

using namespace mlir;

namespace cameo::kernel {
namespace {

/// Registers of a thread at entry: the register file divided by the block's threads, in steps of 8.
int32_t entryRegisters(int64_t threads) { return int32_t(65536 / threads) & ~7; }

void setRegisters(OpBuilder &builder, RoleOp role, int64_t threads) {
  if (!role.getRegs())
    return;
  auto action = int32_t(*role.getRegs()) < entryRegisters(threads) ? NVVM::SetMaxRegisterAction::decrease
                                                                   : NVVM::SetMaxRegisterAction::increase;
  NVVM::SetMaxRegisterOp::create(builder, role.getLoc(), uint32_t(*role.getRegs()), action);
}

/// Moves a role's body to the end of `block` (before its terminator).
void inlineBody(RoleOp role, Block *block) {
  Block &body = role.getBody().front();
  block->getOperations().splice(std::prev(block->end()), body.getOperations());
}

void branchToRoles(RolesOp roles, ArrayRef<RoleOp> all, int64_t threads) {
  OpBuilder builder(roles);
  Location loc = roles.getLoc();
  I32Math math{builder, loc};
  Value thread = NVVM::ThreadIdXOp::create(builder, loc, builder.getI32Type());
  Value warp = NVVM::ShflOp::create(builder, loc, builder.getI32Type(), math.constant(-1), math.shr(thread, 5),
                                    math.constant(0), math.constant(31), NVVM::ShflKind::idx, UnitAttr());
  for (RoleOp role : all) {
    builder.setInsertionPoint(roles);
    I32Math outer{builder, loc};
    Value own = arith::SubIOp::create(builder, loc, warp, outer.constant(*role.getFirstWarp()));
    Value mine = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::ult, own, outer.constant(role.getWarps()));
    auto branch = scf::IfOp::create(builder, loc, mine, /*withElseRegion=*/false);
    builder.setInsertionPointToStart(branch.thenBlock());
    setRegisters(builder, role, threads);
    if (!role.getOneThread()) {
      inlineBody(role, branch.thenBlock());
      continue;
    }
    // The first warp runs the loop; a lane elected at its entry issues.
    I32Math inner{builder, loc};
    Value first = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::eq, own, inner.constant(0));
    auto only = scf::IfOp::create(builder, loc, first, /*withElseRegion=*/false);
    inlineBody(role, only.thenBlock());
  }
}

} // namespace

LogicalResult lowerRoles(Operation *function) {
  SmallVector<RolesOp> found;
  function->walk([&](RolesOp roles) { found.push_back(roles); });
  for (RolesOp roles : found) {
    auto all = llvm::to_vector(roles.getBody().getOps<RoleOp>());
    auto block = function->getAttrOfType<DenseI32ArrayAttr>("nvvm.reqntid");
    int64_t threads = block ? block[0] : 0, sum = 0;
    for (RoleOp role : all) {
      if (!role.getFirstWarp())
        return role.emitOpError("is in the written form: kernel-resolve comes first");
      sum += int64_t(role.getWarps()) * 32;
    }
    if (sum != threads)
      return roles.emitOpError("has roles for ") << sum << " threads, but the block has " << threads;
    if (all.size() == 1) {
      roles->getBlock()->getOperations().splice(roles->getIterator(), all[0].getBody().front().getOperations());
    } else {
      // ptxas ignores setmaxnreg without a bound on blocks per multiprocessor.
      function->setAttr("nvvm.minctasm", Builder(function->getContext()).getI32IntegerAttr(1));
      branchToRoles(roles, all, threads);
    }
    roles.erase();
  }
  return success();
}

} // namespace cameo::kernel
