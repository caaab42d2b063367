// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// `kernel-resolve`: the written form says what happens in which order; counts, positions and offsets
// follow from that and would only be wrong if written by hand. This pass derives them: a cursor per
// role, ring and direction, threaded through nested loops; places in shared memory; warps and named
// barriers of the roles; pending counts and covered acquires from the walk that also verifies tokens.
// Refused: acquires or waits under a condition, which no cursor could follow.
#include "cameo/Dialect/Kernel/IR/Staged.h"
#include "cameo/Stage/Stage.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace cameo::kernel {

#define GEN_PASS_DEF_KERNELRESOLVE
#include "cameo/Stage/StagePasses.h.inc"

namespace {

//===----------------------------------------------------------------------===//
// Cursors
//===----------------------------------------------------------------------===//

/// Threads one cursor through the acquires (or the waits) of one ring in one role.
template <typename SlotOp> class CursorThread {
public:
  CursorThread(RoleOp role, Value ring) : role(role), ring(ring), rewriter(role.getContext()) {}

  LogicalResult run() {
    if (!steps(role))
      return success();
    rewriter.setInsertionPointToStart(&role.getBody().front());
    auto ringType = cast<RingType>(ring.getType());
    auto type = CursorType::get(role.getContext(), ringType.getDepth(), ringType.getCursorStep());
    return success(succeeded(through(role.getBody().front(),
                                     CursorOp::create(rewriter, role.getLoc(), type, ring))));
  }

private:
  /// Whether `op` takes slots of the ring that have no cursor yet.
  bool steps(Operation *op) {
    return op->walk([&](SlotOp take) {
               return take.getRing() == ring && !take.getCursor() ? WalkResult::interrupt()
                                                                  : WalkResult::advance();
             })
        .wasInterrupted();
  }

  /// Returns the cursor after the block.
  FailureOr<Value> through(Block &block, Value cursor) {
    for (Operation &op : llvm::make_early_inc_range(block)) {
      if (!steps(&op))
        continue;
      if (auto take = dyn_cast<SlotOp>(op)) {
        take.getCursorMutable().assign(cursor);
        rewriter.setInsertionPointAfter(take);
        cursor = AdvanceOp::create(rewriter, take.getLoc(), cursor);
        continue;
      }
      auto loop = dyn_cast<scf::ForOp>(op);
      if (!loop)
        return op.emitOpError("takes slots of a ring where no cursor can follow"), failure();
      FailureOr<Value> after = throughLoop(loop, cursor);
      if (failed(after))
        return failure();
      cursor = *after;
    }
    return cursor;
  }

  FailureOr<Value> throughLoop(scf::ForOp loop, Value cursor) {
    rewriter.setInsertionPoint(loop);
    // The callback sees the old body; the new argument is yielded as it is and replaced below.
    auto keep = [](OpBuilder &, Location, ArrayRef<BlockArgument> added) {
      return SmallVector<Value>(added.begin(), added.end());
    };
    auto replaced = loop.replaceWithAdditionalYields(rewriter, cursor,
                                                     /*replaceInitOperandUsesInLoop=*/false, keep);
    if (failed(replaced))
      return failure();
    auto wider = cast<scf::ForOp>(replaced->getOperation());
    FailureOr<Value> after = through(*wider.getBody(), wider.getRegionIterArgs().back());
    if (failed(after))
      return failure();
    Operation *yield = wider.getBody()->getTerminator();
    yield->setOperand(yield->getNumOperands() - 1, *after);
    return Value(wider.getResults().back());
  }

  RoleOp role;
  Value ring;
  IRRewriter rewriter;
};

LogicalResult threadCursors(RoleOp role) {
  llvm::SetVector<Value> filled, read;
  role.walk([&](AcquireOp op) { filled.insert(op.getRing()); });
  role.walk([&](WaitOp op) { read.insert(op.getRing()); });
  for (Value ring : filled)
    if (failed(CursorThread<AcquireOp>(role, ring).run()))
      return failure();
  for (Value ring : read)
    if (failed(CursorThread<WaitOp>(role, ring).run()))
      return failure();
  return success();
}

//===----------------------------------------------------------------------===//
// Places and counts
//===----------------------------------------------------------------------===//

/// Consumer warpgroups: each has one lane that releases a slot.
int32_t countReaders(RingAllocOp alloc, RolesOp roles) {
  int32_t readers = 0;
  for (auto role : roles.getBody().getOps<RoleOp>()) {
    bool reads = role.walk([&](WaitOp wait) {
                       return wait.getRing() == alloc.getRing() ? WalkResult::interrupt()
                                                                : WalkResult::advance();
                     }).wasInterrupted();
    readers += reads ? llvm::divideCeil(role.getWarps(), 4) : 0;
  }
  return readers;
}

/// Gives every ring its bytes of shared memory; returns the total.
int64_t placeRings(VariantOp variant, RolesOp roles) {
  int64_t total = 0;
  Builder builder(variant.getContext());
  variant.walk([&](RingAllocOp alloc) {
    RingType ring = alloc.getRing().getType();
    total = llvm::alignTo(total, ring.getAlignment());
    alloc.setOffset(total);
    total += ring.getDepth() * ring.getSlotBytes();
    if (ring.getSync() != RingSync::Tx)
      return;
    // Full barriers, then empty barriers, 8 bytes each.
    alloc.setBarriers(total);
    alloc.setReaders(countReaders(alloc, roles));
    total += ring.getDepth() * 16;
  });
  return total;
}

void placeRoles(RolesOp roles) {
  int32_t warp = 0, barrier = 1;
  auto all = llvm::to_vector(roles.getBody().getOps<RoleOp>());
  for (RoleOp role : all) {
    role.setFirstWarp(warp);
    warp += role.getWarps();
    // One role is the whole block and uses its barrier.
    if (all.size() > 1)
      role.setBarrier(barrier++);
  }
}

LogicalResult fillCounts(RoleOp role) {
  FailureOr<RoleFacts> facts = walkRole(role);
  if (failed(facts))
    return failure();
  role.walk([&](Operation *op) {
    if (auto wait = dyn_cast<WaitOp>(op)) {
      if (auto it = facts->pendingGroups.find(op); it != facts->pendingGroups.end())
        wait.setPending(it->second);
    } else if (auto wait = dyn_cast<MmaWaitOp>(op)) {
      if (auto it = facts->pendingProducts.find(op); it != facts->pendingProducts.end())
        wait.setPending(it->second);
    } else if (auto acquire = dyn_cast<AcquireOp>(op)) {
      bool groups = acquire.getRing().getType().getSync() == RingSync::Groups;
      acquire.setCovered(groups && facts->covered.lookup(op));
    }
  });
  return success();
}

struct ResolvePass : impl::KernelResolveBase<ResolvePass> {
  void runOnOperation() override {
    WalkResult result = getOperation().walk([](VariantOp variant) {
      return failed(resolveStaged(variant)) ? WalkResult::interrupt() : WalkResult::advance();
    });
    if (result.wasInterrupted())
      signalPassFailure();
  }
};

} // namespace

LogicalResult resolveStaged(VariantOp variant) {
  SmallVector<RolesOp> all;
  variant.walk([&](RolesOp roles) { all.push_back(roles); });
  if (all.empty())
    return success();
  if (all.size() > 1)
    return all[1].emitOpError("a kernel has one set of roles");
  RolesOp roles = all.front();
  placeRoles(roles);
  variant.setSharedBytes(placeRings(variant, roles));
  for (auto role : roles.getBody().getOps<RoleOp>())
    if (failed(threadCursors(role)) || failed(fillCounts(role)))
      return failure();
  return success();
}

} // namespace cameo::kernel
