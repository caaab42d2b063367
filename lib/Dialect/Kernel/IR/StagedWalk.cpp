// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Slots and accumulators are linear: an acquired slot is committed once, a waited one released once, a
// product's slot is not released before the product has been waited for. Whether that holds is a
// property of the order of execution, across a loop's back edge too, so a role is executed in the
// abstract: values name tokens, tokens have a state, loops run a few times. Products in flight form one
// queue per thread over *all* accumulators, copies in flight one queue of groups over all rings.
// Refused: tokens left over, used twice or after their end; occupancy that changes from one iteration
// to the next; tokens that the branches of a condition or another loop form treat differently.
#include "cameo/Dialect/Kernel/IR/Staged.h"

#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/TypeSwitch.h"

#include <deque>

using namespace mlir;

namespace cameo::kernel {
namespace {

struct Token {
  Value ring;               ///< null for accumulators
  Operation *origin;        ///< the op that created it
  Block *block;             ///< where it was created
  int lineage = 0;          ///< accumulators: the same registers
  bool live = true;
  Operation *end = nullptr; ///< the op that used it up
};

struct Product {
  int lineage;
  SmallVector<int, 2> slots; ///< token numbers
};

/// What has happened to one ring in this role.
struct RingState {
  int acquired = 0, waited = 0, released = 0;
  std::vector<int> releasedAt; ///< barriers passed when release i happened
  int held() const { return waited - released; }
};

class RoleWalk {
public:
  explicit RoleWalk(RoleOp role) : role(role) {
    role.walk([&](Operation *op) {
      for (Value operand : op->getOperands())
        if (auto ring = dyn_cast<RingType>(operand.getType()))
          visits = std::max(visits, int(ring.getDepth()) + 2);
    });
  }

  FailureOr<RoleFacts> run() {
    if (failed(walkBlock(role.getBody().front())) || failed(checkLeftOver(0)))
      return failure();
    return std::move(facts);
  }

private:
  LogicalResult walkBlock(Block &block);
  LogicalResult walkFor(scf::ForOp loop);
  LogicalResult walkIf(scf::IfOp branch);

  LogicalResult visit(AcquireOp op);
  LogicalResult visit(CopyAsyncOp op) { return success(use(op, op.getSlot()) >= 0); }
  LogicalResult visit(CommitOp op);
  LogicalResult visit(WaitOp op);
  LogicalResult visit(ReleaseOp op);
  LogicalResult visit(AccEmptyOp op) { return newLineage(op, op.getAcc()); }
  LogicalResult visit(AccWriteOp op) { return newLineage(op, op.getAcc()); }
  LogicalResult visit(MmaAsyncOp op);
  LogicalResult visit(MmaWaitOp op);
  LogicalResult visit(AccReadOp op) { return success(use(op, op.getAcc()) >= 0); }

  static bool isToken(Type type) { return isa<SlotType, AccType>(type); }
  LogicalResult newLineage(Operation *op, Value acc) {
    define(acc, op, {}, nextLineage++);
    return success();
  }
  int define(Value value, Operation *origin, Value ring, int lineage) {
    tokens.push_back({ring, origin, origin->getBlock(), lineage});
    bind(value, tokens.size() - 1);
    return tokens.size() - 1;
  }
  void bind(Value value, int token) {
    tokenOf[value] = token;
    moved.erase(value);
  }
  int use(Operation *op, Value value);
  int useUp(Operation *op, Value value);
  int handOver(Operation *op, Value value);
  LogicalResult checkLeftOver(size_t first, ArrayRef<int> handedOn = {});
  LogicalResult checkOccupancy(Operation *loop, const llvm::MapVector<Value, RingState> &before);

  void strictest(DenseMap<Operation *, int32_t> &counts, Operation *op, int32_t count) {
    auto [it, isNew] = counts.try_emplace(op, count);
    if (!isNew)
      it->second = std::min(it->second, count);
  }

  RoleOp role;
  RoleFacts facts;
  int visits = 2;
  int nextLineage = 0;
  int barriers = 0; ///< block barriers passed so far
  std::vector<Token> tokens;
  DenseMap<Value, int> tokenOf;
  DenseSet<Value> moved; ///< names whose token went into or out of a loop under another name
  llvm::MapVector<Value, RingState> rings;
  std::deque<Value> groups; ///< committed cp.async groups that nothing has waited for, oldest first
  std::deque<Product> products;
};

//===----------------------------------------------------------------------===//
// Tokens
//===----------------------------------------------------------------------===//

int RoleWalk::use(Operation *op, Value value) {
  auto it = tokenOf.find(value);
  if (it == tokenOf.end()) {
    op->emitOpError("uses a token that was not created in this role");
    return -1;
  }
  if (moved.contains(value)) {
    op->emitOpError("uses a token under a name that it has lost to a loop");
    return -1;
  }
  Token &token = tokens[it->second];
  if (token.live)
    return it->second;
  InFlightDiagnostic diag = op->emitOpError("uses ")
                            << (token.ring ? "a slot" : "an accumulator") << " after its end";
  diag.attachNote(token.end->getLoc()) << "used up here";
  return -1;
}

int RoleWalk::useUp(Operation *op, Value value) {
  int number = use(op, value);
  if (number < 0)
    return number;
  tokens[number].live = false;
  tokens[number].end = op;
  return number;
}

/// A token changes its name at a loop's boundary.
int RoleWalk::handOver(Operation *op, Value value) {
  int number = use(op, value);
  if (number >= 0)
    moved.insert(value);
  return number;
}

/// No token since `first` may still be live, but ready accumulators and those handed on to the next
/// iteration.
LogicalResult RoleWalk::checkLeftOver(size_t first, ArrayRef<int> handedOn) {
  for (size_t number = first; number < tokens.size(); ++number) {
    const Token &token = tokens[number];
    if (!token.live || llvm::is_contained(handedOn, int(number)))
      continue;
    if (isa<AcquireOp>(token.origin))
      return token.origin->emitOpError("takes a slot that is never committed");
    if (isa<WaitOp>(token.origin))
      return token.origin->emitOpError("takes a slot that is never released");
    auto type = cast<AccType>(token.origin->getResult(0).getType());
    if (type.getState() != AccState::Ready)
      return token.origin->emitOpError("leaves an accumulator that is never waited for");
  }
  return success();
}

LogicalResult RoleWalk::checkOccupancy(Operation *loop, const llvm::MapVector<Value, RingState> &before) {
  for (auto &[ring, now] : rings) {
    auto it = before.find(ring);
    RingState then = it == before.end() ? RingState() : it->second;
    bool groups = cast<RingType>(ring.getType()).getSync() == RingSync::Groups;
    int change = groups ? (now.acquired - now.released) - (then.acquired - then.released)
                        : now.held() - then.held();
    if (change == 0)
      continue;
    InFlightDiagnostic diag = loop->emitOpError("changes the number of slots in use by ")
                              << change << " in each iteration";
    diag.attachNote(ring.getLoc()) << "of this ring";
    return diag;
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Ops
//===----------------------------------------------------------------------===//

LogicalResult RoleWalk::visit(AcquireOp op) {
  RingState &ring = rings[op.getRing()];
  RingType type = op.getRing().getType();
  bool covered = true;
  if (type.getSync() == RingSync::Groups) {
    if (ring.acquired - ring.released >= type.getDepth())
      return op.emitOpError("all ") << type.getDepth() << " slots of the ring are in use";
    int reused = ring.acquired - type.getDepth();
    covered = reused < 0 || ring.releasedAt[reused] < barriers;
    if (!covered)
      ++barriers;
  }
  auto [it, isNew] = facts.covered.try_emplace(op, covered);
  it->second = it->second && covered;
  ++ring.acquired;
  define(op.getSlot(), op, op.getRing(), 0);
  return success();
}

LogicalResult RoleWalk::visit(CommitOp op) {
  int number = useUp(op, op.getSlot());
  if (number < 0)
    return failure();
  Token &token = tokens[number];
  if (token.block != op->getBlock())
    return op.emitOpError("is not in the block of its acquire");
  if (cast<RingType>(token.ring.getType()).getSync() == RingSync::Groups)
    groups.push_back(token.ring);
  return success();
}

LogicalResult RoleWalk::visit(WaitOp op) {
  RingState &ring = rings[op.getRing()];
  RingType type = op.getRing().getType();
  if (ring.held() >= type.getDepth())
    return op.emitOpError("waits while the role holds all ") << type.getDepth() << " slots of the ring";
  if (type.getSync() == RingSync::Groups) {
    auto group = llvm::find(groups, op.getRing());
    if (group == groups.end())
      return op.emitOpError("waits for a slot that nothing has committed");
    strictest(facts.pendingGroups, op, groups.end() - group - 1);
    // Waiting for a group waits for all older ones; they stay in the queue of their ring's waits.
    groups.erase(group);
    ++barriers;
  }
  ++ring.waited;
  define(op.getSlot(), op, op.getRing(), 0);
  return success();
}

LogicalResult RoleWalk::visit(ReleaseOp op) {
  int number = useUp(op, op.getSlot());
  if (number < 0)
    return failure();
  for (const Product &product : products)
    if (llvm::is_contained(product.slots, number))
      return op.emitOpError("gives back a slot that a product in flight may still read");
  RingState &ring = rings[tokens[number].ring];
  ++ring.released;
  ring.releasedAt.push_back(barriers);
  return success();
}

LogicalResult RoleWalk::visit(MmaAsyncOp op) {
  Product product;
  for (Value slot : op.getSlots()) {
    int number = use(op, slot);
    if (number < 0)
      return failure();
    product.slots.push_back(number);
  }
  int acc = useUp(op, op.getAcc());
  if (acc < 0)
    return failure();
  if (isa<AccEmptyOp>(tokens[acc].origin) && tokens[acc].block != op->getBlock() &&
      op.getAcc().getDefiningOp())
    return op.emitOpError("uses up an empty accumulator of another block");
  product.lineage = tokens[acc].lineage;
  // fma and mma.sync products are complete when the op is.
  if (op.getAcc().getType().getEngine() == Engine::Wgmma)
    products.push_back(product);
  define(op.getResult(), op, {}, product.lineage);
  return success();
}

LogicalResult RoleWalk::visit(MmaWaitOp op) {
  int acc = useUp(op, op.getAcc());
  if (acc < 0)
    return failure();
  int lineage = tokens[acc].lineage;
  unsigned keep = op.getKeep().value_or(0);
  // The oldest product that may stay is the keep-th youngest of this accumulator.
  size_t stay = products.size();
  unsigned own = 0;
  while (stay > 0 && !(products[stay - 1].lineage == lineage && own == keep))
    own += products[--stay].lineage == lineage;
  strictest(facts.pendingProducts, op, products.size() - stay);
  products.erase(products.begin(), products.begin() + stay);
  define(op.getResult(), op, {}, lineage);
  return success();
}

//===----------------------------------------------------------------------===//
// Control flow
//===----------------------------------------------------------------------===//

LogicalResult RoleWalk::walkBlock(Block &block) {
  for (Operation &op : block) {
    LogicalResult result =
        llvm::TypeSwitch<Operation *, LogicalResult>(&op)
            .Case<AcquireOp, CopyAsyncOp, CommitOp, WaitOp, ReleaseOp, AccEmptyOp, AccWriteOp,
                  MmaAsyncOp, MmaWaitOp, AccReadOp>([&](auto staged) { return visit(staged); })
            .Case([&](scf::ForOp loop) { return walkFor(loop); })
            .Case([&](scf::IfOp branch) { return walkIf(branch); })
            .Case([&](scf::YieldOp) { return success(); })
            .Default([&](Operation *other) -> LogicalResult {
              bool touches = llvm::any_of(other->getOperandTypes(), isToken) ||
                             llvm::any_of(other->getResultTypes(), isToken);
              if (touches)
                return other->emitOpError("cannot handle slots or accumulators");
              return success();
            });
    if (failed(result))
      return failure();
  }
  return success();
}

LogicalResult RoleWalk::walkFor(scf::ForOp loop) {
  SmallVector<int> carried;
  for (Value init : loop.getInitArgs()) {
    int number = isToken(init.getType()) ? handOver(loop, init) : 0;
    if (number < 0)
      return failure();
    carried.push_back(number);
  }
  for (int i = 0; i < visits; ++i) {
    for (auto [arg, number] : llvm::zip(loop.getRegionIterArgs(), carried))
      if (isToken(arg.getType()))
        bind(arg, number);
    llvm::MapVector<Value, RingState> before = rings;
    size_t first = tokens.size();
    if (failed(walkBlock(*loop.getBody())))
      return failure();
    Operation *yield = loop.getBody()->getTerminator();
    for (auto [value, number] : llvm::zip(yield->getOperands(), carried)) {
      if (!isToken(value.getType()))
        continue;
      number = handOver(yield, value);
      if (number < 0)
        return failure();
    }
    if (failed(checkLeftOver(first, carried)))
      return failure();
    if (failed(checkOccupancy(loop, before)))
      return failure();
  }
  for (auto [result, number] : llvm::zip(loop.getResults(), carried))
    if (isToken(result.getType()))
      bind(result, number);
  return success();
}

/// A branch may use tokens of its own; what was there before has to be as it was.
LogicalResult RoleWalk::walkIf(scf::IfOp branch) {
  if (llvm::any_of(branch.getResultTypes(), isToken))
    return branch.emitOpError("cannot yield slots or accumulators");
  for (Region &region : branch->getRegions()) {
    if (region.empty())
      continue;
    size_t first = tokens.size();
    SmallVector<bool> live;
    for (const Token &token : tokens)
      live.push_back(token.live);
    llvm::MapVector<Value, RingState> before = rings;
    if (failed(walkBlock(region.front())) || failed(checkLeftOver(first)))
      return failure();
    for (auto [token, then] : llvm::zip(ArrayRef(tokens).take_front(first), live))
      if (token.live != then)
        return token.end->emitOpError("ends a token in one branch of a condition only");
    if (failed(checkOccupancy(branch, before)))
      return failure();
  }
  return success();
}

} // namespace

FailureOr<RoleFacts> walkRole(RoleOp role) { return RoleWalk(role).run(); }

} // namespace cameo::kernel
