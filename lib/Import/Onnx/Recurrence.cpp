// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See Recurrence.h.
#include "Recurrence.h"

#include "Importer.h"

using namespace cameo;
using namespace cameo::importer;
using namespace mlir;

namespace {

Sizes withoutLeading(Value x) {
  Sizes sizes = NodeBuilder::sizesOf(x);
  sizes.erase(sizes.begin());
  return sizes;
}

/// What goes round keeps its sizes. Where only a launch shows that it does, a slice that begins at the
/// difference of the sizes is legal if there is none.
Value withSizesOf(NodeBuilder &b, Value next, Value carried) {
  if (NodeBuilder::elementOf(next) != NodeBuilder::elementOf(carried) ||
      NodeBuilder::rankOf(next) != NodeBuilder::rankOf(carried))
    return next;
  Sizes sizes = NodeBuilder::sizesOf(carried), starts, steps(sizes.size(), SizeExpr(1));
  for (auto [have, want] : llvm::zip_equal(NodeBuilder::sizesOf(next), sizes)) {
    if (eq(have, want).isConstant(0))
      return next;
    starts.push_back(want - have);
  }
  return b.slice(next, starts, sizes, steps);
}

/// Bodies compute what goes round in the type that it has.
bool checkCarried(NodeBuilder &b, llvm::ArrayRef<Value> carried,
                  llvm::MutableArrayRef<Value> next) {
  for (auto [i, value] : llvm::enumerate(carried)) {
    if (next[i] && next[i].getType() != value.getType())
      next[i] = withSizesOf(b, next[i], value);
    if (!next[i])
      return false;
    if (next[i].getType() == value.getType())
      continue;
    auto text = [](Value v) {
      return std::string(cameo::name(graph::dtypeOf(NodeBuilder::elementOf(v)))) +
             graph::sizesText(NodeBuilder::sizesOf(v));
    };
    (void)b.fail("E0809",
                 "carried value " + llvm::Twine(i) + " begins as " + text(value) +
                     " and the body makes it " + text(next[i]),
                 "carried values that keep their type and sizes");
    return false;
  }
  return llvm::all_of(next, [](Value v) { return static_cast<bool>(v); });
}

std::optional<llvm::SmallVector<Value>> once(NodeBuilder &b, llvm::ArrayRef<Value> carried,
                                             llvm::ArrayRef<Value> scanned, StepBody body) {
  llvm::SmallVector<Value> arguments(carried), next;
  for (Value x : scanned)
    arguments.push_back(b.reshape(x, withoutLeading(x)));
  if (!body(arguments, next) || !checkCarried(b, carried, next))
    return std::nullopt;
  for (Value &row : llvm::MutableArrayRef<Value>(next).drop_front(carried.size())) {
    Sizes sizes = NodeBuilder::sizesOf(row);
    sizes.insert(sizes.begin(), SizeExpr(1));
    row = b.reshape(row, sizes);
  }
  return next;
}

} // namespace

std::optional<llvm::SmallVector<Value>> importer::recur(NodeBuilder &b,
                                                        llvm::ArrayRef<Value> carried,
                                                        llvm::ArrayRef<Value> scanned,
                                                        StepBody body) {
  SizeExpr length = graph::getSize(scanned.front().getType(), 0);
  if (length.isConstant(1))
    return once(b, carried, scanned, body);
  Region region;
  Block &block = region.emplaceBlock();
  llvm::SmallVector<Value> arguments, next;
  for (Value x : carried)
    arguments.push_back(block.addArgument(x.getType(), b.location()));
  for (Value x : scanned)
    arguments.push_back(
        block.addArgument(b.makeType(NodeBuilder::elementOf(x), withoutLeading(x)), b.location()));
  {
    OpBuilder::InsertionGuard guard(b.builder());
    b.builder().setInsertionPointToEnd(&block);
    if (!body(arguments, next) || !checkCarried(b, carried, next))
      return std::nullopt;
    graph::YieldOp::create(b.builder(), b.location(), next);
  }
  llvm::SmallVector<Type> types;
  for (auto [i, value] : llvm::enumerate(next)) {
    Sizes sizes = NodeBuilder::sizesOf(value);
    if (i >= carried.size())
      sizes.insert(sizes.begin(), length);
    types.push_back(b.makeType(NodeBuilder::elementOf(value), sizes));
  }
  auto op = graph::ScanOp::create(b.builder(), b.location(), types, carried, scanned);
  op.getBody().takeBody(region);
  return llvm::SmallVector<Value>(op->result_begin(), op->result_end());
}

Value importer::reversed(NodeBuilder &b, Value x, int64_t axis) {
  if (!x)
    return x;
  Sizes sizes = NodeBuilder::sizesOf(x), starts(sizes.size(), SizeExpr(0)),
        steps(sizes.size(), SizeExpr(1));
  starts[static_cast<size_t>(axis)] = sizes[static_cast<size_t>(axis)] - 1;
  steps[static_cast<size_t>(axis)] = -1;
  return b.slice(x, starts, sizes, steps);
}

Value importer::movedAxis(NodeBuilder &b, Value x, int64_t from, int64_t to) {
  if (!x || from == to)
    return x;
  Ints perm;
  for (int64_t i = 0; i < NodeBuilder::rankOf(x); ++i)
    if (i != from)
      perm.push_back(i);
  perm.insert(perm.begin() + to, from);
  return b.transpose(x, perm);
}
