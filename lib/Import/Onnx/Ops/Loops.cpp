// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Loop and Scan. What is carried keeps its type and sizes; rows are collected by loops whose number
// of rounds is known before they start, since it is a size of the result.
#include "../Importer.h"
#include "../Recurrence.h"
#include "../Rows.h"
#include "cameo/Dialect/Graph/IR/LoopAttrs.h"
#include "llvm/ADT/StringExtras.h"

using namespace cameo;
using namespace cameo::importer;
using namespace mlir;

namespace {

/// A body's argument.
Operand *argumentOf(NodeBuilder &b, llvm::StringRef name, Value value) {
  Operand *operand = b.importer.newOperand(name);
  operand->known = true;
  operand->value = value;
  operand->type = cast<RankedTensorType>(value.getType());
  return operand;
}

bool importBody(NodeBuilder &b, llvm::ArrayRef<Value> arguments,
                llvm::SmallVectorImpl<Operand *> &results, llvm::StringRef iteration = "") {
  const onnx::GraphProto &body = b.findAttr("body")->g();
  if (static_cast<size_t>(body.input_size()) != arguments.size()) {
    (void)b.fail("E0603", "its body has " + llvm::Twine(body.input_size()) +
                              " inputs, the node gives " + llvm::Twine(arguments.size()));
    return false;
  }
  llvm::SmallVector<Operand *> operands;
  for (auto [i, value] : llvm::enumerate(arguments))
    operands.push_back(argumentOf(b, body.input(static_cast<int>(i)).name(), value));
  if (!iteration.empty()) { // a Loop: the round's number, and a condition that holds
    operands[0]->contents = Contents{Number::integer(SizeExpr::symbol(iteration.str()))};
    operands[1]->contents = Contents{Number::integer(1)};
  }
  std::string where = describeNode(b.node, b.place().index) + " body";
  if (!b.importer.importSubgraph(body, b.scope, where, operands, results)) {
    (void)b.fail("E0801", "its body has problems");
    return false;
  }
  return true;
}

//===----------------------------------------------------------------------===//
// Scan
//===----------------------------------------------------------------------===//

/// Entry i of an attribute of integers, 0 where it is absent.
int64_t entry(const std::optional<Ints> &values, size_t i) {
  return values && i < values->size() ? (*values)[i] : 0;
}

LogicalResult importScan(NodeBuilder &b) {
  int64_t numScanned = b.integer("num_scan_inputs");
  if (numScanned < 1 || numScanned > static_cast<int64_t>(b.numInputs()))
    return b.fail("E0505", "num_scan_inputs is " + llvm::Twine(numScanned) + " of " +
                               llvm::Twine(b.numInputs()) + " inputs");
  unsigned numCarried = b.numInputs() - static_cast<unsigned>(numScanned);
  llvm::SmallVector<Value> carried, scanned;
  for (unsigned i = 0; i < numCarried; ++i)
    carried.push_back(b.in(i));
  std::optional<Ints> axes = b.integers("scan_input_axes"),
                      directions = b.integers("scan_input_directions");
  for (size_t i = 0; i < static_cast<size_t>(numScanned); ++i) {
    unsigned operand = numCarried + static_cast<unsigned>(i);
    std::optional<int64_t> axis = b.axis(entry(axes, i), b.rank(operand));
    if (!axis)
      return failure();
    Value x = movedAxis(b, b.in(operand), *axis, 0);
    if (entry(directions, i) == 1)
      x = reversed(b, x, 0);
    if (!x || (i && !b.requireEqual(NodeBuilder::sizesOf(x)[0], NodeBuilder::sizesOf(scanned[0])[0],
                                    "the scanned lengths")))
      return failure();
    scanned.push_back(x);
  }
  auto results = recur(b, carried, scanned, [&](auto arguments, auto &next) {
    llvm::SmallVector<Operand *> outputs;
    if (!importBody(b, arguments, outputs))
      return false;
    if (outputs.size() != b.numOutputs()) {
      (void)b.fail("E0603", "its body has " + llvm::Twine(outputs.size()) + " results, the node " +
                                llvm::Twine(b.numOutputs()));
      return false;
    }
    for (Operand *output : outputs)
      next.push_back(b.importer.materialize(*output));
    return true;
  });
  if (!results)
    return failure();
  std::optional<Ints> outAxes = b.integers("scan_output_axes"),
                      outDirections = b.integers("scan_output_directions");
  for (unsigned i = 0; i < b.numOutputs(); ++i) {
    Value y = (*results)[i];
    if (i >= numCarried) {
      size_t k = i - numCarried;
      std::optional<int64_t> axis = b.axis(entry(outAxes, k), NodeBuilder::rankOf(y));
      if (!axis)
        return failure();
      y = movedAxis(b, entry(outDirections, k) == 1 ? reversed(b, y, 0) : y, 0, *axis);
    }
    if (b.wants(i) && failed(b.out(i, y)))
      return failure();
  }
  return success();
}

/// The first version: everything has a leading batch, whose members are scanned one by one.
LogicalResult importBatchedScan(NodeBuilder &b) {
  int64_t numScanned = b.integer("num_scan_inputs");
  if (numScanned < 1 || numScanned >= static_cast<int64_t>(b.numInputs()))
    return b.fail("E0505", "num_scan_inputs is " + llvm::Twine(numScanned));
  unsigned numCarried = b.numInputs() - 1 - static_cast<unsigned>(numScanned);
  std::optional<int64_t> batch = b.size(1, 0).asConstant();
  if (!batch || *batch < 1)
    return b.fail("E0806", "the batch has to be known");
  std::optional<Ints> directions = b.integers("directions");
  auto member = [&](Value x, int64_t i) {
    Sizes sizes = NodeBuilder::sizesOf(x), starts(sizes.size(), SizeExpr(0)),
          steps(sizes.size(), SizeExpr(1));
    starts[0] = i;
    sizes[0] = 1;
    x = b.slice(x, starts, sizes, steps);
    sizes.erase(sizes.begin());
    return b.reshape(x, sizes);
  };
  std::vector<llvm::SmallVector<Value>> outputs(b.numOutputs());
  for (int64_t i = 0; i < *batch; ++i) {
    llvm::SmallVector<Value> carried, scanned;
    for (unsigned k = 1; k < b.numInputs(); ++k) {
      Value x = member(b.in(k), i);
      if (k > numCarried && entry(directions, k - 1 - numCarried) == 1)
        x = reversed(b, x, 0);
      (k > numCarried ? scanned : carried).push_back(x);
    }
    auto results = recur(b, carried, scanned, [&](auto arguments, auto &next) {
      llvm::SmallVector<Operand *> values;
      if (!importBody(b, arguments, values))
        return false;
      for (Operand *value : values)
        next.push_back(b.importer.materialize(*value));
      return next.size() == b.numOutputs();
    });
    if (!results)
      return b.hasFailed() ? failure()
                           : b.fail("E0603", "its body has other results than the node");
    for (unsigned k = 0; k < b.numOutputs(); ++k) {
      Sizes sizes = NodeBuilder::sizesOf((*results)[k]);
      sizes.insert(sizes.begin(), SizeExpr(1));
      outputs[k].push_back(b.reshape((*results)[k], sizes));
    }
  }
  for (unsigned k = 0; k < b.numOutputs(); ++k)
    if (b.wants(k) &&
        failed(b.out(k, outputs[k].size() == 1 ? outputs[k][0] : b.concat(outputs[k], 0))))
      return failure();
  return success();
}

//===----------------------------------------------------------------------===//
// Loop
//===----------------------------------------------------------------------===//

bool isTrue(const std::optional<Contents> &contents) {
  return contents && contents->size() == 1 && contents->front().expr.asConstant() &&
         !contents->front().expr.isConstant(0);
}

/// The body of a Loop as a region under construction.
struct LoopBody {
  Region region;
  llvm::SmallVector<Operand *> results;
  llvm::SmallVector<Value> next;
  bool alwaysGoesOn = false;
  std::string iteration; ///< the symbol of the number of a round
};

bool importLoopBody(NodeBuilder &b, llvm::ArrayRef<Value> carried, LoopBody &body) {
  Block &block = body.region.emplaceBlock();
  llvm::SmallVector<Value> arguments{block.addArgument(b.makeType(b.i64(), {}), b.location()),
                                     block.addArgument(b.makeType(b.i1(), {}), b.location())};
  for (Value x : carried)
    arguments.push_back(block.addArgument(x.getType(), b.location()));
  OpBuilder::InsertionGuard guard(b.builder());
  b.builder().setInsertionPointToEnd(&block);
  // A round runs only while the condition holds, so the body sees no other.
  arguments[1] = b.splat(b.i1(), 1);
  // Unique among the loops around it, which is all that matters.
  body.iteration = iterationPrefix.str() + llvm::join(b.scope.stack, " / ") + " " +
                   describeNode(b.node, b.place().index);
  if (!importBody(b, arguments, body.results, body.iteration))
    return false;
  if (body.results.size() < carried.size() + 1) {
    (void)b.fail("E0603", "its body has " + llvm::Twine(body.results.size()) + " results for " +
                              llvm::Twine(carried.size()) + " carried values and a condition");
    return false;
  }
  for (Operand *result : body.results) {
    body.next.push_back(b.importer.materialize(*result));
    if (!body.next.back())
      return false;
  }
  body.alwaysGoesOn = isTrue(b.importer.contentsOf(*body.results[0]));
  if (NodeBuilder::rankOf(body.next[0]) != 0)
    body.next[0] = b.reshape(body.next[0], {});
  for (auto [i, value] : llvm::enumerate(carried))
    if (body.next[i + 1].getType() != value.getType()) {
      (void)b.fail("E0809",
                   "carried value " + llvm::Twine(i) +
                       " does not keep its type and sizes from round to round",
                   "carried values that keep their type and sizes");
      return false;
    }
  graph::YieldOp::create(b.builder(), b.location(), body.next);
  return true;
}

LogicalResult importLoop(NodeBuilder &b) {
  llvm::SmallVector<Value> carried;
  for (unsigned i = 2; i < b.numInputs(); ++i)
    carried.push_back(b.in(i));
  LoopBody body;
  if (!importLoopBody(b, carried, body))
    return failure();
  bool goesOn = !b.has(1) || isTrue(b.contents(1));
  size_t numRows = body.next.size() - 1 - carried.size();
  SizeExpr rounds = 0;
  if (numRows) {
    if (!body.alwaysGoesOn || !b.has(0))
      return b.fail("E0809", "it collects rows, and how many there are depends on data",
                    "loops that collect rows for a trip count known before they start");
    std::optional<Sizes> count = b.importer.readSizes(b.operand(0));
    if (count && count->size() != 1)
      return b.fail("E0702", "the trip count has to be one number");
    rounds = max(count ? count->front() : readCount(b, b.in(0)), 0);
    if (!goesOn) // a condition that stays as it is: all rounds, or none
      rounds = rounds * ne(readCount(b, b.cast(b.in(1), b.i64())), 0);
    goesOn = true;
    if (b.hasFailed())
      return failure();
  }
  llvm::SmallVector<Type> types;
  for (auto [i, value] : llvm::enumerate(llvm::ArrayRef(body.next).drop_front())) {
    Sizes sizes = NodeBuilder::sizesOf(value);
    if (i >= carried.size())
      sizes.insert(sizes.begin(), rounds);
    types.push_back(b.makeType(NodeBuilder::elementOf(value), sizes));
  }
  auto scalar = [&](unsigned i) { return b.has(i) ? b.reshape(b.in(i), {}) : Value(); };
  Value trips = numRows ? b.fromSizes({rounds}, b.i64()) : scalar(0);
  if (trips && NodeBuilder::rankOf(trips) != 0)
    trips = b.reshape(trips, {});
  auto op = graph::LoopOp::create(b.builder(), b.location(), types, trips,
                                  goesOn ? Value() : scalar(1), carried);
  op.getBody().takeBody(body.region);
  op->setAttr(graph::iterationAttrName, b.builder().getStringAttr(body.iteration));
  for (unsigned i = 0; i < b.numOutputs(); ++i)
    if (b.wants(i) && failed(b.out(i, op.getResult(i))))
      return failure();
  return success();
}

constexpr Limit kNoLengths[] = {limit::noInput(0)};

constexpr OpRow kRows[] = {
    {"Loop", 1, importLoop},  {"Loop", 11, importLoop},
    {"Loop", 13, importLoop}, {"Loop", 16, importLoop},
    {"Loop", 19, importLoop}, {"Loop", 21, importLoop},
    {"Loop", 23, importLoop}, {"Loop", 24, importLoop},
    {"Loop", 25, importLoop}, {"Scan", 8, importBatchedScan, kElements, kNoLengths},
    {"Scan", 9, importScan},  {"Scan", 11, importScan},
    {"Scan", 16, importScan}, {"Scan", 19, importScan},
    {"Scan", 21, importScan}, {"Scan", 23, importScan},
    {"Scan", 24, importScan}, {"Scan", 25, importScan},
};

} // namespace

llvm::ArrayRef<OpRow> importer::loopRows() { return kRows; }
