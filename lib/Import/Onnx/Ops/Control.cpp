// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// If: with a condition that is known, the branch taken in place; otherwise a region op whose
// branches give results of the same types. Where they don't, what follows is imported into each of
// them; where it does not fit one of them, the other is taken, and the launch refuses sizes that
// would choose that one.
//
// Refused: outputs of the graph whose types depend on the branch.
#include "../Importer.h"

#include "cameo/Dialect/Graph/IR/LoopAttrs.h"

using namespace cameo;
using namespace cameo::importer;
using namespace mlir;

namespace {

/// Ifs of one graph whose rest is doubled: at most 2^4 copies.
constexpr int kMaxCopies = 4;

struct Branch {
  Region region;
  llvm::SmallVector<Operand *> results;
  llvm::SmallVector<Value> values;
  bool ok = false;
};

/// Ends the branch; `required` is what has to hold in it alone.
void yield(NodeBuilder &b, Branch &branch, llvm::ArrayRef<Attribute> required) {
  auto op = graph::YieldOp::create(b.builder(), b.location(), branch.values);
  if (!required.empty())
    op->setAttr(graph::requiresAttrName, b.builder().getArrayAttr(required));
}

/// Takes the end off a branch; gives what has to hold in it.
llvm::SmallVector<Attribute> reopen(Branch &branch) {
  Operation *end = branch.region.front().getTerminator();
  auto required = end->getAttrOfType<ArrayAttr>(graph::requiresAttrName);
  end->erase();
  return required ? llvm::to_vector(required) : llvm::SmallVector<Attribute>();
}

void importBranch(NodeBuilder &b, llvm::StringRef name, Branch &branch) {
  Block &block = branch.region.emplaceBlock();
  OpBuilder::InsertionGuard guard(b.builder());
  b.builder().setInsertionPointToEnd(&block);
  std::string where = describeNode(b.node, b.place().index) + " " + name.str();
  llvm::SmallVector<Attribute> required;
  std::swap(required, b.importer.required);
  branch.ok = b.importer.importSubgraph(b.findAttr(name)->g(), b.scope, where, {}, branch.results);
  for (Operand *result : branch.results)
    branch.values.push_back(result && result->known ? b.importer.materialize(*result) : Value());
  std::swap(required, b.importer.required);
  if (branch.ok)
    yield(b, branch, required);
}

/// What comes after `if`, imported at the end of a branch instead: there the types are known.
bool continueIn(NodeBuilder &b, Branch &branch, const RestOfNodes &rest, bool isFirst) {
  llvm::SmallVector<Attribute> required = reopen(branch);
  OpBuilder::InsertionGuard guard(b.builder());
  b.builder().setInsertionPointToEnd(&branch.region.front());
  std::swap(required, b.importer.required);
  NodeScope scope = Importer::inside(b.scope);
  ++scope.copies;
  scope.counted &= isFirst;
  for (auto [name, result] : llvm::zip_equal(b.node.output(), branch.results))
    scope.values[name] = result;
  bool ok = b.importer.importRest(rest, scope);
  branch.values.clear();
  for (const std::string &name : rest.outputs) {
    Operand *result = scope.lookup(name);
    branch.values.push_back(ok && result && result->known ? b.importer.materialize(*result)
                                                          : Value());
    ok &= bool(branch.values.back());
  }
  std::swap(required, b.importer.required);
  if (ok)
    yield(b, branch, required);
  return ok;
}

std::string typeText(Value v) {
  return std::string(cameo::name(graph::dtypeOf(NodeBuilder::elementOf(v)))) +
         graph::sizesText(NodeBuilder::sizesOf(v));
}

/// "" if both give the same types, else what they give.
std::string difference(const Branch &then, const Branch &other) {
  for (auto [p, q] : llvm::zip_equal(then.values, other.values))
    if (p.getType() != q.getType())
      return typeText(p) + " and " + typeText(q);
  return "";
}

graph::IfOp createIf(NodeBuilder &b, Branch &then, Branch &other) {
  auto op =
      graph::IfOp::create(b.builder(), b.location(), ValueRange(then.values).getTypes(), b.in(0));
  op.getThenRegion().takeBody(then.region);
  op.getElseRegion().takeBody(other.region);
  return op;
}

void define(NodeBuilder &b, llvm::ArrayRef<std::string> names, ValueRange values) {
  for (auto [name, value] : llvm::zip_equal(names, values)) {
    Operand *operand = b.importer.newOperand(name);
    operand->value = value;
    operand->type = llvm::cast<RankedTensorType>(value.getType());
    b.scope.values[name] = operand;
  }
}

/// The first of the problems since `before` that says that shapes do not fit; null if there is
/// none.
const Problem *misfit(const ProblemList &problems, const ProblemList &before) {
  for (const Problem &problem : problems.all().drop_front(before.all().size()))
    if (llvm::StringRef(problem.code).starts_with("E07"))
      return &problem;
  return nullptr;
}

/// A branch in place of `if`, for what sizes decide: at sizes that choose the other one the model
/// fails by itself, for the reason `why`, so that the launch refuses them.
void takeBranch(NodeBuilder &b, Branch &branch, const RestOfNodes &rest, const SizeExpr &condition,
                const std::string &why) {
  llvm::append_range(b.importer.required, reopen(branch));
  OpBuilder &builder = b.builder();
  builder.getInsertionBlock()->getOperations().splice(builder.getInsertionPoint(),
                                                      branch.region.front().getOperations());
  define(b, rest.outputs, branch.values);
  std::string message =
      describeNode(b.node, b.place().index) + " takes its other branch, and there " + why;
  b.importer.required.push_back(builder.getStrArrayAttr({condition.str(), message}));
}

/// Results of different types, as of `squeeze` exported where a size decides: the rest of the graph
/// goes into both branches, and the types need to agree at its outputs only.
LogicalResult splitRest(NodeBuilder &b, Branch &then, Branch &other, const std::string &differ) {
  NodeScope &scope = b.scope;
  std::string message = "the branches give " + differ + ", and the condition is computed from data";
  llvm::StringRef supported = "branches with results of the same type, or a constant condition";
  if (scope.copies >= kMaxCopies)
    return b.fail("E0809", message, supported);
  RestOfNodes rest = std::exchange(scope.rest, {});
  // Outputs that are there already stay outside; those of `if` itself exist in its branches only.
  for (const std::string &name : b.node.output())
    scope.values.erase(name);
  llvm::erase_if(rest.outputs, [&](const std::string &name) { return scope.values.count(name); });
  ProblemList &problems = b.importer.problemList(), before = problems;
  bool thenWorks = continueIn(b, then, rest, true);
  bool otherWorks = continueIn(b, other, rest, false); // also for the problems of both to be found
  const std::optional<Contents> &condition = b.contents(0);
  if (const Problem *why = misfit(problems, before);
      thenWorks != otherWorks && condition && condition->size() == 1 && why) {
    std::string reason = why->message;
    size_t seen = problems.nodesSeen - before.nodesSeen;
    problems = before;
    problems.nodesSeen += seen;
    problems.nodesSupported += seen;
    const SizeExpr &holds = condition->front().expr;
    takeBranch(b, thenWorks ? then : other, rest, thenWorks ? ne(holds, 0) : eq(holds, 0), reason);
    return success();
  }
  if (!thenWorks || !otherWorks)
    return b.fail("E0809", message + "; what follows has problems in a branch", supported);
  if (std::string at = difference(then, other); !at.empty())
    return b.fail("E0809", message + "; at the outputs " + at, supported);
  graph::IfOp op = createIf(b, then, other);
  define(b, rest.outputs, op.getResults());
  return success();
}

LogicalResult importIf(NodeBuilder &b) {
  const std::optional<Contents> &condition = b.contents(0);
  auto arity = [&](size_t count) {
    return b.fail("E0603", "a branch has " + llvm::Twine(count) + " results, the node " +
                               llvm::Twine(b.numOutputs()));
  };
  if (condition && condition->size() == 1 && condition->front().expr.asConstant()) {
    bool taken = !condition->front().expr.isConstant(0);
    llvm::StringRef name = taken ? "then_branch" : "else_branch";
    llvm::SmallVector<Operand *> results;
    std::string where = describeNode(b.node, b.place().index) + " " + name.str();
    if (!b.importer.importSubgraph(b.findAttr(name)->g(), b.scope, where, {}, results))
      return b.fail("E0801", "its " + name + " has problems");
    if (results.size() != b.numOutputs())
      return arity(results.size());
    for (auto [i, result] : llvm::enumerate(results))
      if (failed(b.outSame(i, *result)))
        return failure();
    return success();
  }
  Branch then, other;
  importBranch(b, "then_branch", then);
  importBranch(b, "else_branch", other);
  if (!then.ok || !other.ok)
    return b.fail("E0801", "its branches have problems");
  for (const Branch *branch : {&then, &other})
    if (branch->values.size() != b.numOutputs())
      return arity(branch->values.size());
  if (std::string differ = difference(then, other); !differ.empty())
    return splitRest(b, then, other, differ);
  graph::IfOp op = createIf(b, then, other);
  for (unsigned i = 0; i < b.numOutputs(); ++i)
    if (failed(b.out(i, op.getResult(i))))
      return failure();
  return success();
}

constexpr OpRow kRows[] = {
    {"If", 1, importIf, kBool},  {"If", 11, importIf, kBool}, {"If", 13, importIf, kBool},
    {"If", 16, importIf, kBool}, {"If", 19, importIf, kBool}, {"If", 21, importIf, kBool},
    {"If", 23, importIf, kBool}, {"If", 24, importIf, kBool}, {"If", 25, importIf, kBool},
};

} // namespace

llvm::ArrayRef<OpRow> importer::controlRows() { return kRows; }
