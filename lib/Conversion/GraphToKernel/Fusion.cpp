// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See Fusion.h. One walk from the last op to the first: an op joins the group of its users when all of
// them are in one group and the group can recompute it by index; otherwise it roots a group of its own
// and the reason is kept. Views are duplicated into every user, since they cost no memory traffic; but a
// transpose behind a convolution is how its kernel stores the result.

#include "Fusion.h"

#include "Packed.h"

#include "cameo/Dialect/Graph/IR/Graph.h"
#include "cameo/Dialect/Graph/IR/OpClasses.h"

#include <memory>
#include <numeric>

using namespace mlir;

namespace cameo::graphtokernel {

namespace {

/// Above this, index arithmetic of a recomputed chain costs more than a trip through memory.
constexpr size_t maxOpsPerGroup = 64;

bool sameSizes(Value a, Value b) {
  return graph::getSizes(a.getType()) == graph::getSizes(b.getType());
}

/// Whether the op can be recomputed inside an operand of `group`'s anchor.
bool anchorTakesPointwiseOperands(Operation *anchor) {
  // Rows are read once or a few times; matrix tiles and windows are read many times over.
  return isa<graph::ReduceOp, graph::SoftmaxOp, graph::NormalizeOp, graph::ArgReduceOp>(anchor);
}

/// Whether `op` rearranges the image or the weights of a convolution that copies runs of channels: those have to be side
/// by side in memory. Windows of one element at every position are strides, and may go through views.
bool scattersChannels(Operation *op, Operation *anchor) {
  auto conv = dyn_cast<graph::ConvOp>(anchor);
  if (!conv || !conv.getChannelsLast() || (conv.getX().getDefiningOp() != op && conv.getW().getDefiningOp() != op))
    return false;
  auto x = cast<RankedTensorType>(conv.getX().getType()), w = cast<RankedTensorType>(conv.getW().getType());
  int64_t channels = x.getShape().back();
  if (!ShapedType::isDynamic(channels) && channels < graph::channelsPerCopy)
    return false;
  bool positionwise = llvm::all_of(w.getShape().drop_front().drop_back(), [](int64_t n) { return n == 1; }) &&
                      llvm::all_of(conv.getStrides(), [](int64_t n) { return n == 1; }) &&
                      llvm::all_of(conv.getPads(), [](int64_t n) { return n == 0; });
  return isa<graph::TransposeOp>(op) || !positionwise;
}

/// Whether `op` is a transpose of what a convolution computes for it alone: its kernel stores it so.
bool transposesConvolution(Operation *op) {
  return isa<graph::TransposeOp>(op) && op->getOperand(0).hasOneUse() &&
         graph::isComputedByConvolution(op->getOperand(0));
}

class Planner {
public:
  explicit Planner(Block &block) : block(block) {}

  FusionPlan run() {
    SmallVector<Operation *> ops;
    for (Operation &op : block.without_terminator())
      if (classify(&op) != OpClass::Host)
        ops.push_back(&op);
    for (Operation *op : llvm::reverse(ops))
      place(op);
    // Views that every user recomputes have no group of their own.
    FusionPlan plan;
    for (auto &group : llvm::reverse(groups)) {
      llvm::SmallVector<Operation *> sorted = group->ops.takeVector();
      llvm::sort(sorted, [](Operation *a, Operation *b) { return a->isBeforeInBlock(b); });
      for (Operation *op : sorted)
        group->ops.insert(op);
      plan.groups.push_back(std::move(*group));
    }
    for (Operation *op : ops)
      if (auto it = reasons.find(op); it != reasons.end())
        plan.reasons.insert(*it);
    return plan;
  }

private:
  Group *groupOfUser(Operation *user) {
    auto it = groupsOf.find(user);
    return it == groupsOf.end() || it->second.size() != 1 ? nullptr : it->second.front();
  }

  void place(Operation *op) {
    if (op->use_empty())
      return; // dead: the canonicalizer's business, no kernel is owed
    std::string reason;
    SmallVector<Group *> targets = usersGroups(op, reason);
    OpClass kind = classify(op);
    bool several = targets.size() != 1 || targets.front()->anchor;
    if (reason.empty() && several && transposesConvolution(op))
      reason = "the convolution before it stores it transposed";
    if (reason.empty() && kind == OpClass::View) {
      for (Group *group : targets)
        if (!acceptsView(op, *group, reason))
          break;
      if (reason.empty()) {
        for (Group *group : targets)
          join(op, *group);
        return;
      }
    } else if (reason.empty() && targets.size() > 1) {
      reason = "its users are in different kernels";
    } else if (reason.empty()) {
      Group &group = *targets.front();
      bool accepted = kind == OpClass::Anchor ? acceptsAnchor(op, group, reason)
                                              : acceptsPointwise(op, group, reason);
      if (accepted) {
        join(op, group);
        if (kind == OpClass::Anchor)
          group.anchor = op;
        return;
      }
    }
    root(op, reason);
  }

  /// The groups that use `op`, or a reason why its result has to be in memory.
  SmallVector<Group *> usersGroups(Operation *op, std::string &reason) {
    llvm::SetVector<Group *> targets;
    for (Operation *user : op->getUsers()) {
      if (isa<func::ReturnOp>(user)) {
        reason = "it is an output of the model";
        return {};
      }
      if (user->hasTrait<OpTrait::IsTerminator>()) {
        reason = "it leaves a branch or the body of a loop";
        return {};
      }
      auto it = groupsOf.find(user);
      if (it == groupsOf.end()) {
        reason = "the host uses it (" + user->getName().getStringRef().str() + ")";
        return {};
      }
      targets.insert(it->second.begin(), it->second.end());
    }
    if (op->getNumResults() > 1)
      reason = "it has several results";
    return targets.takeVector();
  }

  bool acceptsView(Operation *op, Group &group, std::string &reason) {
    if (group.ops.size() >= maxOpsPerGroup)
      return refuse(reason, "the kernel that uses it is large enough");
    if (!group.anchor || usersAreBehindAnchor(op, group))
      return true;
    if (scattersChannels(op, group.anchor))
      return refuse(reason, "a graph.conv copies several channels at a time");
    // Operands of a contraction or a window are fetched by address: any composition of strides and
    // divisions is one, a choice between several buffers is not.
    if (!anchorTakesPointwiseOperands(group.anchor) &&
        !isa<graph::ReshapeOp, graph::TransposeOp, graph::SliceOp, graph::BroadcastOp>(op))
      return refuse(reason, "a " + group.anchor->getName().getStringRef().str() +
                                " operand is read through strides only");
    return true;
  }

  bool acceptsPointwise(Operation *op, Group &group, std::string &reason) {
    if (group.ops.size() >= maxOpsPerGroup)
      return refuse(reason, "the kernel that uses it is large enough");
    if (group.anchor && !usersAreBehindAnchor(op, group) &&
        !anchorTakesPointwiseOperands(group.anchor))
      return refuse(reason, "a " + group.anchor->getName().getStringRef().str() +
                                " reads its operands many times");
    for (Operation *user : op->getUsers())
      if (recomputes(user, op))
        return refuse(reason, "its user reads elements more than once");
    return true;
  }

  /// The anchor's loops become the kernel's: every op between it and the root must work on the
  /// anchor's own elements.
  bool acceptsAnchor(Operation *op, Group &group, std::string &reason) {
    if (group.anchor)
      return refuse(reason, "the kernel that uses it has loops of its own (" +
                                group.anchor->getName().getStringRef().str() + ")");
    if (hasPackedResult(group.root))
      return refuse(reason, "its user packs several elements into a byte");
    if (!isa<graph::MatmulOp, graph::MatmulIntegerOp, graph::ConvOp, graph::ReduceOp, graph::SoftmaxOp, graph::NormalizeOp,
             graph::PoolOp, graph::ConvTransposeOp>(op))
      return refuse(reason, "nothing is fused behind a " + op->getName().getStringRef().str());
    if (!permutationBehind(op, group))
      return refuse(reason, "its user rearranges or repeats its elements");
    return true;
  }

  /// True when every use of `op` in the group comes after the anchor (an epilogue's operand).
  bool usersAreBehindAnchor(Operation *op, Group &group) {
    SmallVector<Operation *> pending(op->getUsers());
    llvm::SmallPtrSet<Operation *, 8> seen;
    while (!pending.empty()) {
      Operation *user = pending.pop_back_val();
      if (!group.contains(user) || !seen.insert(user).second)
        continue;
      if (user == group.anchor)
        return false;
      if (user != group.root)
        pending.append(user->user_begin(), user->user_end());
    }
    return true;
  }

  /// A pointwise operand that its user would compute again for many elements.
  static bool recomputes(Operation *user, Operation *producer) {
    if (classify(user) == OpClass::Anchor)
      return false; // decided by the anchor
    Value value = producer->getResult(0), result = user->getResult(0);
    if (isa<graph::GatherOp, graph::GatherElementsOp, graph::GatherNdOp, graph::ResizeOp>(user))
      return true;
    // Broadcasting a computed vector over a large result repeats the computation per element.
    return isa<graph::BroadcastOp, graph::TileOp>(user) && !sameSizes(value, result);
  }

  static bool refuse(std::string &reason, std::string why) {
    reason = std::move(why);
    return false;
  }

  void join(Operation *op, Group &group) {
    group.ops.insert(op);
    groupsOf[op].push_back(&group);
  }

  void root(Operation *op, const std::string &reason) {
    auto group = std::make_unique<Group>();
    group->root = op;
    if (classify(op) == OpClass::Anchor)
      group->anchor = op;
    join(op, *group);
    groups.push_back(std::move(group));
    reasons[op] = reason;
  }

  Block &block;
  std::vector<std::unique_ptr<Group>> groups;
  llvm::DenseMap<Operation *, SmallVector<Group *, 1>> groupsOf;
  llvm::DenseMap<Operation *, std::string> reasons;
};

} // namespace

OpClass classify(Operation *op) {
  if (graph::isPointwise(op))
    return OpClass::Pointwise;
  if (isa<graph::ReshapeOp, graph::TransposeOp, graph::BroadcastOp, graph::SliceOp, graph::PadOp, graph::ConcatOp,
          graph::TileOp, graph::IotaOp, graph::TriluOp, graph::GatherOp, graph::GatherElementsOp,
          graph::GatherNdOp, graph::OneHotOp, graph::FromSizesOp>(op))
    return OpClass::View;
  // An antialiased resize sums over a number of taps that depends on the scale.
  if (auto resize = dyn_cast<graph::ResizeOp>(op))
    return resize.getAntialias() ? OpClass::Anchor : OpClass::View;
  if (isa<graph::ConstantOp, graph::ReadSizesOp, graph::IfOp, graph::LoopOp, graph::ScanOp>(op))
    return OpClass::Host;
  return OpClass::Anchor;
}

std::optional<SmallVector<int64_t>> permutationBehind(Operation *anchor, const Group &group) {
  // By op, in the order in which they were met: which dimension of the anchor's result each of its own is.
  llvm::MapVector<Operation *, SmallVector<int64_t>> found;
  auto &identity = found[anchor];
  auto sizes = graph::getSizes(anchor->getResult(0).getType());
  identity.resize(sizes.size());
  std::iota(identity.begin(), identity.end(), 0);
  for (size_t i = 0; i < found.size(); ++i) {
    Operation *op = found.begin()[i].first;
    for (Operation *user : op == group.root ? Operation::user_range(op->user_end(), op->user_end()) : op->getUsers()) {
      if (!group.contains(user))
        continue; // a view that another kernel has as well
      SmallVector<int64_t> perm = found.begin()[i].second;
      auto transpose = dyn_cast<graph::TransposeOp>(user);
      if (transpose && isa<graph::ConvOp>(anchor))
        perm = llvm::map_to_vector(transpose.getPerm(), [&](int64_t dim) { return found.begin()[i].second[dim]; });
      else if (classify(user) != OpClass::Pointwise)
        return std::nullopt;
      auto own = graph::getSizes(user->getResult(0).getType());
      bool same = own.size() == perm.size();
      for (size_t d = 0; same && d < own.size(); ++d)
        same = own[d] == sizes[size_t(perm[d])];
      auto [it, isNew] = found.try_emplace(user, perm);
      if (!same || it->second != perm)
        return std::nullopt;
    }
  }
  return found.lookup(group.root);
}

FusionPlan planFusion(Block &block) { return Planner(block).run(); }

} // namespace cameo::graphtokernel
