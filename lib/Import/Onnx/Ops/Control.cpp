// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// If: with a condition that is known, the branch taken in place; otherwise a region op whose branches
// must give results of the same types.
#include "../Importer.h"

using namespace cameo;
using namespace cameo::importer;
using namespace mlir;

namespace {

struct Branch {
  Region region;
  llvm::SmallVector<Operand *> results;
  llvm::SmallVector<Value> values;
  bool ok = false;
};

void importBranch(NodeBuilder &b, llvm::StringRef name, Branch &branch) {
  Block &block = branch.region.emplaceBlock();
  OpBuilder::InsertionGuard guard(b.builder());
  b.builder().setInsertionPointToEnd(&block);
  std::string where = describeNode(b.node, b.place().index) + " " + name.str();
  branch.ok = b.importer.importSubgraph(b.findAttr(name)->g(), b.scope, where, {}, branch.results);
  for (Operand *result : branch.results)
    branch.values.push_back(result && result->known ? b.importer.materialize(*result) : Value());
  if (branch.ok)
    graph::YieldOp::create(b.builder(), b.location(), branch.values);
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
  llvm::SmallVector<Type> types;
  for (auto [p, q] : llvm::zip_equal(then.values, other.values)) {
    if (p.getType() != q.getType()) {
      auto text = [](Value v) {
        return std::string(cameo::name(graph::dtypeOf(NodeBuilder::elementOf(v)))) +
               graph::sizesText(NodeBuilder::sizesOf(v));
      };
      return b.fail("E0809", "the branches give " + text(p) + " and " + text(q) +
                                 ", and the condition is computed from data",
                    "branches with results of the same type, or a constant condition");
    }
    types.push_back(p.getType());
  }
  Value flag = b.in(0);
  auto op = graph::IfOp::create(b.builder(), b.location(), types, flag);
  op.getThenRegion().takeBody(then.region);
  op.getElseRegion().takeBody(other.region);
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
