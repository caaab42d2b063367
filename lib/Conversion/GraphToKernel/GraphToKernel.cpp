// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The pass convert-graph-to-kernel (stage *partition*): afterwards every compute op of the model is in
// exactly one kernel.func, and @main holds only constants, reads of control operands, reshapes (the same
// memory), allocations, launches, and control flow whose bodies hold the same. What only the launch can decide about sizes (two dimensions that
// must agree) becomes a list of checks on the function. Ops without a kernel are all reported, each at
// its own node, before the pass fails.

#include "cameo/Conversion/GraphToKernel/GraphToKernel.h"

#include "Anchors.h"
#include "Fusion.h"
#include "Packed.h"
#include "Tiles.h"

#include "cameo/Dialect/Graph/IR/Graph.h"
#include "cameo/Dialect/Graph/IR/LoopAttrs.h"
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

/// Whether the Ifs around `op` choose the branches that it is in. In a loop only those that sizes decide
/// count: a condition is checked once, when its symbols are known, and there others may change.
SizeExpr runs(Operation *op) {
  SizeExpr bySizes(1), byData(1);
  for (; !isa<func::FuncOp>(op); op = op->getParentOp()) {
    if (isa<graph::LoopOp, graph::ScanOp>(op->getParentOp()))
      byData = 1;
    auto branch = dyn_cast<graph::IfOp>(op->getParentOp());
    if (!branch)
      continue;
    bool isThen = op->getParentRegion() == &branch.getThenRegion();
    auto choice = [&](const SizeExpr &condition) {
      return isThen ? ne(condition, 0) : eq(condition, 0);
    };
    if (auto known = branch->getAttrOfType<StringAttr>(graph::conditionAttrName))
      bySizes = logicalAnd(choice(graph::getSizeExpr(known.getValue())), bySizes);
    else if (auto read = branch->getAttrOfType<StringAttr>(graph::conditionSymbolAttrName))
      byData = logicalAnd(choice(SizeExpr::symbol(read.getValue().str())), byData);
  }
  return logicalAnd(bySizes, byData);
}

/// Conditions on sizes that inference could not decide, and those that the import states.
ArrayAttr collectChecks(func::FuncOp func) {
  OpBuilder b(func.getContext());
  SmallVector<Attribute> checks;
  auto add = [&](Operation *op, const SizeExpr &condition, const std::string &message) {
    SizeExpr holds = select(runs(op), condition, 1);
    if (!holds.isConstant(1))
      checks.push_back(b.getStrArrayAttr({holds.str(), message}));
  };
  func.walk([&](Operation *op) {
    if (auto stated = op->getAttrOfType<ArrayAttr>(graph::requiresAttrName))
      for (auto check : stated.getAsRange<ArrayAttr>())
        add(op, graph::getSizeExpr(cast<StringAttr>(check[0]).getValue()),
            cast<StringAttr>(check[1]).str());
  });
  func.walk([&](graph::InferSizesOpInterface op) {
    graph::SizeReporter reporter([](const Twine &) {},
                                 [&](const SizeExpr &condition, const Twine &message) {
                                   std::string node;
                                   if (auto name = dyn_cast<NameLoc>(op->getLoc()))
                                     node = "node '" + name.getName().str() + "': ";
                                   add(op, condition, node + message.str());
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
    nameIterations();
    if (!check(func.getBody().front()))
      return failure();
    func->setAttr("cameo.checks", collectChecks(func));
    if (mlir::failed(convert(func.getBody().front())))
      return failure();
    for (auto &[value, result] : results)
      value.replaceAllUsesExcept(result, result.getDefiningOp());
    eraseFused(func.getBody().front());
    return success();
  }

private:
  /// Plans a block and the bodies of its control flow; reports what no kernel computes.
  bool check(Block &block) {
    FusionPlan &plan = plans.try_emplace(&block, planFusion(block)).first->second;
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
    for (Operation &op : block)
      for (Region &region : op.getRegions())
        failed |= !check(region.front());
    return !failed;
  }

  /// Kernels and bodies in program order, so that what a body uses from around it is there.
  LogicalResult convert(Block &block) {
    FusionPlan &plan = plans.find(&block)->second;
    llvm::DenseMap<Operation *, const Group *> groupOf;
    for (const Group &group : plan.groups)
      groupOf[group.root] = &group;
    for (Operation &op : llvm::make_early_inc_range(block)) {
      if (const Group *group = groupOf.lookup(&op);
          group && !isAlias(*group) && mlir::failed(convert(*group, plan.reasons)))
        return failure();
      if (isControl(&op))
        for (Region &region : op.getRegions())
          if (mlir::failed(convert(region.front())))
            return failure();
    }
    return success();
  }

  static bool isControl(Operation *op) { return isa<graph::IfOp, graph::LoopOp, graph::ScanOp>(op); }

  /// The one number that sizes or constants say `value` is.
  static std::optional<SizeExpr> knownNumber(Value value) {
    Operation *op = value.getDefiningOp();
    bool asFlag = false;
    while (isa_and_nonnull<graph::ReshapeOp, graph::CastOp>(op)) {
      asFlag |= isa<graph::CastOp>(op);
      op = op->getOperand(0).getDefiningOp();
    }
    auto element = cast<RankedTensorType>(value.getType()).getElementType();
    if (asFlag && !element.isInteger(1))
      return std::nullopt; // a conversion of numbers may change them
    if (auto sizes = dyn_cast_or_null<graph::FromSizesOp>(op)) {
      SizeExpr number = sizes.getSizeExprs().front();
      return asFlag ? ne(number, 0) : number;
    }
    std::optional<int64_t> number;
    if (op && !asFlag)
      number = graph::constantNumber(op->getResult(0));
    return number ? std::optional<SizeExpr>(*number) : std::nullopt;
  }

  /// The number of an iteration is a symbol, which launches in the body can pass on; so are a trip count
  /// and a condition that sizes decide.
  void nameIterations() {
    unsigned count = 0, ifs = 0;
    // From outside in: the number of a round may be the trip count of a loop in the body.
    func.walk<WalkOrder::PreOrder>([&](Operation *op) {
      if (auto branch = dyn_cast<graph::IfOp>(op)) {
        std::optional<SizeExpr> known = knownNumber(branch.getCondition());
        op->setAttr(known ? graph::conditionAttrName : graph::conditionSymbolAttrName,
                    StringAttr::get(op->getContext(),
                                    known ? known->str() : "if." + std::to_string(ifs++)));
      }
      if (!isa<graph::LoopOp, graph::ScanOp>(op))
        return;
      OpBuilder b(op);
      std::string name = "loop." + std::to_string(count++);
      if (auto given = op->getAttrOfType<StringAttr>(graph::iterationAttrName))
        name = given.getValue().str();
      op->setAttr(graph::iterationAttrName, b.getStringAttr(name));
      auto loop = dyn_cast<graph::LoopOp>(op);
      if (!loop)
        return;
      BlockArgument number = loop.getBody().front().getArgument(0);
      if (!number.use_empty()) {
        b.setInsertionPointToStart(number.getOwner());
        number.replaceAllUsesWith(graph::FromSizesOp::create(b, op->getLoc(), number.getType(),
                                                             SizeExpr::symbol(name)));
      }
      if (!loop.getTripCount())
        return;
      if (std::optional<SizeExpr> known = knownNumber(loop.getTripCount())) {
        op->setAttr(graph::tripCountAttrName, b.getStringAttr(known->str()));
        loop.getTripCountMutable().clear();
      }
    });
  }

  /// Every output of the model is written by a kernel of its own: one that is an input, a constant, the
  /// memory of another output, or comes out of control flow gets an identity that becomes a copy.
  void materializeOutputs() {
    Operation *terminator = func.getBody().front().getTerminator();
    llvm::SmallPtrSet<void *, 8> written;
    OpBuilder b(terminator);
    for (OpOperand &operand : terminator->getOpOperands()) {
      Value memory = operand.get();
      while (auto reshape = memory.getDefiningOp<graph::ReshapeOp>())
        memory = reshape.getX();
      bool computed = memory.getDefiningOp() && !memory.getDefiningOp<graph::ConstantOp>() &&
                      !isControl(memory.getDefiningOp());
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
    TileBuilder tiles(kernel, Domain{{"~d0", product({sizes.begin(), sizes.end()})}});
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

  void eraseFused(Block &block) {
    for (Operation &op : llvm::make_early_inc_range(llvm::reverse(block))) {
      for (Region &region : op.getRegions())
        if (isControl(&op))
          eraseFused(region.front());
      if (op.use_empty() && op.getNumResults() > 0 && isMemoryEffectFree(&op))
        op.erase();
    }
  }

  ModuleOp module;
  func::FuncOp func;
  llvm::MapVector<Value, Value> results;
  std::map<Block *, FusionPlan> plans;
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
