// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The pass convert-graph-to-kernel (stage *partition*): afterwards every compute op of the model is in
// exactly one kernel.func, and @main holds only constants, reads of control operands, reshapes (the same
// memory), allocations and launches. What only the launch can decide about sizes (two dimensions that
// must agree) becomes a list of checks on the function. Ops without a kernel are all reported, each at
// its own node, before the pass fails.

#include "cameo/Conversion/GraphToKernel/GraphToKernel.h"

#include "Anchors.h"
#include "Fusion.h"
#include "Packed.h"
#include "Tiles.h"

#include "cameo/Dialect/Graph/IR/Graph.h"
#include "cameo/Dialect/Kernel/IR/Kernel.h"

#include "mlir/Pass/Pass.h"

using namespace mlir;

namespace cameo {

#define GEN_PASS_DEF_CONVERTGRAPHTOKERNEL
#include "cameo/Conversion/GraphToKernel/Passes.h.inc"

namespace {

using namespace graphtokernel;

using BuildFn = Family (*)(KernelBuilder &);

BuildFn builderFor(Operation *anchor) {
  if (!anchor)
    return buildPointwise;
  if (isa<graph::ReduceOp, graph::ArgReduceOp, graph::SoftmaxOp, graph::NormalizeOp>(anchor))
    return buildReduction;
  if (isa<graph::MatmulOp, graph::MatmulIntegerOp, graph::ConvOp, graph::ConvIntegerOp,
          graph::ConvTransposeOp>(anchor))
    return buildContraction;
  if (isa<graph::PoolOp>(anchor))
    return buildWindow;
  if (isa<graph::CumsumOp, graph::ScatterElementsOp, graph::ScatterNdOp>(anchor))
    return buildSerial;
  return nullptr;
}

/// Conditions on sizes that inference could not decide.
ArrayAttr collectChecks(func::FuncOp func) {
  OpBuilder b(func.getContext());
  SmallVector<Attribute> checks;
  func.walk([&](graph::InferSizesOpInterface op) {
    graph::SizeReporter reporter([](const Twine &) {},
                                 [&](const SizeExpr &condition, const Twine &message) {
                                   std::string node;
                                   if (auto name = dyn_cast<NameLoc>(op->getLoc()))
                                     node = "node '" + name.getName().str() + "': ";
                                   checks.push_back(b.getStrArrayAttr(
                                       {condition.str(), node + message.str()}));
                                 });
    SmallVector<Type> results;
    (void)op.inferOwnSizes(reporter, results);
  });
  return b.getArrayAttr(checks);
}

/// The ONNX nodes that a group came from, in program order.
SmallVector<StringRef> nodesOf(const Group &group) {
  SmallVector<StringRef> nodes;
  for (Operation *op : group.ops)
    op->getLoc()->walk([&](Location loc) {
      if (auto name = dyn_cast<NameLoc>(loc); name && !llvm::is_contained(nodes, name.getName()))
        nodes.push_back(name.getName());
      return WalkResult::advance();
    });
  return nodes;
}

class Partition {
public:
  Partition(ModuleOp module, func::FuncOp func) : module(module), func(func) {}

  LogicalResult run() {
    materializeOutputs();
    FusionPlan plan = planFusion(func);
    bool failed = false;
    for (const Group &group : plan.groups)
      if (!builderFor(group.anchor)) {
        group.anchor->emitError("no kernel computes ") << group.anchor->getName() << " yet";
        failed = true;
      } else if (group.anchor && hasPackedResult(group.root)) {
        group.root->emitError("no kernel of ")
            << group.anchor->getName() << " writes elements of less than a byte";
        failed = true;
      }
    if (failed)
      return failure();
    func->setAttr("cameo.checks", collectChecks(func));
    for (const Group &group : plan.groups)
      if (!isAlias(group) && mlir::failed(convert(group, plan.reasons)))
        return failure();
    eraseFused(plan);
    return success();
  }

private:
  /// Every output of the model is written by a kernel of its own: one that is an input, a constant, or
  /// the memory of another output gets an identity that becomes a copy.
  void materializeOutputs() {
    Operation *terminator = func.getBody().front().getTerminator();
    llvm::SmallPtrSet<void *, 8> written;
    OpBuilder b(terminator);
    for (OpOperand &operand : terminator->getOpOperands()) {
      Value memory = operand.get();
      while (auto reshape = memory.getDefiningOp<graph::ReshapeOp>())
        memory = reshape.getX();
      bool computed = memory.getDefiningOp() && !memory.getDefiningOp<graph::ConstantOp>();
      if (computed && written.insert(memory.getAsOpaquePointer()).second)
        continue;
      Location loc = memory.getDefiningOp() ? memory.getLoc() : terminator->getLoc();
      operand.set(graph::UnaryOp::create(b, loc, graph::UnaryKind::Identity, operand.get()));
    }
  }

  /// A reshape of what is in memory anyway stays on the host as the same memory.
  static bool isAlias(const Group &group) {
    return group.ops.size() == 1 && isa<graph::ReshapeOp>(group.root);
  }

  LogicalResult convert(const Group &group,
                        const llvm::MapVector<Operation *, std::string> &reasons) {
    Operation *root = group.root;
    bool scatters = isa<graph::ScatterElementsOp, graph::ScatterNdOp>(root);
    if (scatters)
      launchCopy(group);
    KernelBuilder kernel(func.getContext(), root->getLoc(), group);
    for (Value result : root->getResults())
      kernel.output(result);
    Family family = builderFor(group.anchor)(kernel);
    if (mlir::failed(family))
      return failure();
    auto reason = reasons.find(root);
    launch(kernel, *family, group, reason == reasons.end() ? "" : reason->second);
    return success();
  }

  /// A scatter starts from a copy of its first operand.
  void launchCopy(const Group &group) {
    Operation *root = group.root;
    KernelBuilder kernel(func.getContext(), root->getLoc(), group);
    auto sizes = graph::getSizes(root->getResult(0).getType());
    TileBuilder tiles(kernel, Domain{{"d0", product({sizes.begin(), sizes.end()})}});
    Coordinates at = delinearize(tiles.domain.at(0), sizes);
    tiles.write(tiles.map(root->getOperand(0), at, {0}), root->getResult(0), at);
    launch(kernel, "pointwise", group, "a scatter updates a copy of its operand");
  }

  void launch(KernelBuilder &kernel, StringRef family, const Group &group, StringRef reason) {
    Operation *root = group.root;
    kernel::FuncOp callee = kernel.finish(module, family);
    addNodes(callee, nodesOf(group));
    OpBuilder b(root);
    SmallVector<Value> ins, outs;
    for (Value value : kernel.launchInputs())
      ins.push_back(mapped(value));
    for (Value value : kernel.launchOutputs())
      outs.push_back(results.count(value)
                         ? results[value]
                         : kernel::AllocOp::create(b, root->getLoc(), value.getType()).getResult());
    auto op = kernel::LaunchOp::create(b, root->getLoc(), callee, ins, outs, kernel.launchSizes());
    op->setAttr("nodes", b.getStrArrayAttr(nodesOf(group)));
    if (!reason.empty())
      op->setAttr("stored_because", b.getStringAttr(reason));
    for (auto [value, result] : llvm::zip_equal(kernel.launchOutputs(), op.getResults()))
      results[value] = result;
  }

  static void addNodes(kernel::FuncOp callee, ArrayRef<StringRef> names) {
    SmallVector<Attribute> nodes;
    if (ArrayAttr old = callee.getNodesAttr())
      nodes.append(old.begin(), old.end());
    for (StringRef name : names) {
      Attribute node = StringAttr::get(callee.getContext(), name);
      if (!llvm::is_contained(nodes, node))
        nodes.push_back(node);
    }
    callee.setNodesAttr(ArrayAttr::get(callee.getContext(), nodes));
  }

  Value mapped(Value value) {
    auto it = results.find(value);
    return it == results.end() ? value : it->second;
  }

  void eraseFused(const FusionPlan &plan) {
    for (auto &[value, result] : results)
      value.replaceAllUsesExcept(result, result.getDefiningOp());
    for (Operation &op : llvm::make_early_inc_range(llvm::reverse(func.getBody().front())))
      if (op.use_empty() && op.getNumResults() > 0 && isMemoryEffectFree(&op))
        op.erase();
  }

  ModuleOp module;
  func::FuncOp func;
  llvm::MapVector<Value, Value> results;
};

struct ConvertGraphToKernelPass
    : public impl::ConvertGraphToKernelBase<ConvertGraphToKernelPass> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    for (auto func : llvm::make_early_inc_range(module.getOps<func::FuncOp>())) {
      if (func.isExternal() || llvm::any_of(func.getOps(), [](Operation &op) {
            return isa<kernel::LaunchOp>(op);
          }))
        continue; // done already: the pass is idempotent
      if (failed(Partition(module, func).run()))
        return signalPassFailure();
    }
  }
};

} // namespace
} // namespace cameo
