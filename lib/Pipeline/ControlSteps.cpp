// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Control flow of the launch program. A branch is chosen, and a loop ended, by a number that the
// host reads: at once where an input of the model holds it, else from the device when it is
// computed. Values that go round a loop have one buffer: a round computes the next ones beside it
// and copies them at its end. Slices of scanned tensors are copied in, collected rows out, at an
// offset that the number of the iteration gives. Copies are steps of the device, in order with the
// launches around them.
//
// Refused: rows of elements that share a byte, since a row may begin inside one.

#include "BundleBuilder.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;

namespace cameo {

SizeExpr bytesOf(Type type) {
  auto sizes = graph::getSizes(type);
  SizeExpr elements = product({sizes.begin(), sizes.end()});
  unsigned bits = bitWidth(graph::dtypeOf(cast<RankedTensorType>(type).getElementType()));
  return bits >= 8 ? elements * int64_t(bits / 8) : ceilDiv(elements * int64_t(bits), 8);
}

namespace {

class ControlSteps {
public:
  ControlSteps(BundleBuilder &builder, Operation *op)
      : builder(builder), desc(builder.desc), op(op) {}

  LogicalResult addIf(graph::IfOp branch) {
    auto known = op->getAttrOfType<StringAttr>(graph::conditionAttrName);
    auto symbol = op->getAttrOfType<StringAttr>(graph::conditionSymbolAttrName);
    FailureOr<SizeExpr> condition =
        known ? graph::getSizeExpr(known.getValue())
              : readScalar(branch.getCondition(), symbol ? symbol.str() : newName("if"));
    if (failed(condition))
      return failure();
    SmallVector<BufferId> results;
    for (Value result : branch.getResults())
      if (failed(append(results, result)))
        return failure();
    size_t index = desc.steps.size();
    bundle::If step;
    step.condition = builder.expr(*condition);
    desc.steps.push_back(step);
    for (Region *region : {&branch.getThenRegion(), &branch.getElseRegion()}) {
      size_t begin = desc.steps.size();
      if (failed(builder.addBlock(region->front())))
        return failure();
      Operation *yield = region->front().getTerminator();
      for (auto [value, result] : llvm::zip_equal(yield->getOperands(), results))
        if (failed(copy(value, result)))
          return failure();
      uint32_t count = uint32_t(desc.steps.size() - begin);
      (region == &branch.getThenRegion() ? step.thenSteps : step.elseSteps) = count;
    }
    desc.steps[index] = step;
    return success();
  }

  LogicalResult addLoop(graph::LoopOp loop) {
    Block &body = loop.getBody().front();
    bundle::Loop step;
    if (auto trips = op->getAttrOfType<StringAttr>(graph::tripCountAttrName)) {
      step.tripCount = builder.expr(graph::getSizeExpr(trips.getValue()));
    } else if (loop.getTripCount()) {
      FailureOr<SizeExpr> count = readScalar(loop.getTripCount(), newName("trips"));
      if (failed(count))
        return failure();
      step.tripCount = builder.expr(*count);
    }
    size_t numCarried = loop.getCarried().size();
    Operation *yield = body.getTerminator();
    ValueRange next = yield->getOperands();
    if (failed(enter(body.getArguments().drop_front(2), loop.getCarried(),
                     loop.getResults().take_front(numCarried))))
      return failure();
    // The condition is carried too where the body computes or uses it.
    BlockArgument flag = body.getArgument(1);
    bool changes = next[0] != flag && !matchPattern(next[0], m_One());
    std::string symbol;
    if (loop.getCondition() || changes) {
      symbol = newName("goes");
      desc.symbol(symbol, bundle::Symbol::Source::step);
      if (!loop.getCondition())
        setTrue(symbol);
      else if (failed(readInto(loop.getCondition(), symbol)))
        return failure();
      step.condition = builder.expr(SizeExpr::symbol(symbol));
    }
    if (!flag.use_empty() && (next[0] != flag || !flag.hasOneUse())) {
      if (!loop.getCondition())
        return op->emitError("its body uses a condition that has no value before the loop");
      Value first = loop.getCondition();
      if (failed(enter(body.getArguments().slice(1, 1), ValueRange(first), {})))
        return failure();
    }
    if (failed(open(step, body)) ||
        failed(collect(next.drop_front(1 + numCarried), loop.getResults().drop_front(numCarried))))
      return failure();
    if (changes && failed(readInto(next[0], symbol)))
      return failure();
    auto carried = llvm::to_vector(next.drop_front(1).take_front(numCarried));
    if (carriedBuffers.size() > numCarried)
      carried.push_back(next[0]);
    return close(carried);
  }

  LogicalResult addScan(graph::ScanOp scan) {
    Block &body = scan.getBody().front();
    size_t numCarried = scan.getCarried().size();
    bundle::Loop step;
    step.tripCount = builder.expr(graph::getSize(scan.getScanned().front().getType(), 0));
    if (failed(enter(body.getArguments().take_front(numCarried), scan.getCarried(),
                     scan.getResults().take_front(numCarried))))
      return failure();
    slices = body.getArguments().drop_front(numCarried);
    sliced = scan.getScanned();
    ValueRange next = body.getTerminator()->getOperands();
    if (failed(open(step, body)) ||
        failed(collect(next.drop_front(numCarried), scan.getResults().drop_front(numCarried))))
      return failure();
    return close(next.take_front(numCarried));
  }

private:
  /// Buffers of the values that go round, filled with the first ones; the loop's results are the
  /// same.
  LogicalResult enter(ValueRange arguments, ValueRange first, ValueRange results) {
    for (auto [i, argument] : llvm::enumerate(arguments)) {
      BufferId id = builder.addBuffer(bundle::Buffer::Kind::temporary, 0, argument.getType(), "");
      builder.buffers[argument] = id;
      if (i < results.size())
        builder.buffers[results[i]] = id;
      carriedBuffers.push_back(id);
      if (failed(copy(first[i], id)))
        return failure();
    }
    return success();
  }

  /// The loop's step, the slices of this iteration, and the body.
  LogicalResult open(bundle::Loop step, Block &body) {
    std::string name = op->getAttrOfType<StringAttr>(graph::iterationAttrName).getValue().str();
    iteration = SizeExpr::symbol(name);
    step.induction = desc.symbol(name, bundle::Symbol::Source::step);
    for (Value value : sliced) // has to be in memory before the loop
      if (failed(builder.bufferOf(value)))
        return failure();
    buffersBefore = desc.buffers.size();
    loopIndex = desc.steps.size();
    desc.steps.push_back(step);
    for (auto [argument, value] : llvm::zip_equal(slices, sliced)) {
      BufferId id = builder.addBuffer(bundle::Buffer::Kind::temporary, 0, argument.getType(), "");
      builder.buffers[argument] = id;
      auto from = builder.bufferOf(value);
      if (failed(from) || failed(checkRows(argument.getType())))
        return failure();
      copy({id}, row(*from, argument.getType()));
    }
    return builder.addBlock(body);
  }

  LogicalResult collect(ValueRange rows, ValueRange results) {
    for (auto [value, result] : llvm::zip_equal(rows, results)) {
      auto from = builder.bufferOf(value), to = builder.bufferOf(result);
      if (failed(from) || failed(to) || failed(checkRows(value.getType())))
        return failure();
      copy(row(*to, value.getType()), {*from});
      around.push_back(*to);
    }
    return success();
  }

  /// The next values take the places of the current ones; those that are current ones themselves
  /// are put aside first.
  LogicalResult close(ValueRange next) {
    SmallVector<BufferId> from;
    for (auto [i, value] : llvm::enumerate(next)) {
      auto id = builder.bufferOf(value);
      if (failed(id))
        return failure();
      if (*id != carriedBuffers[i] && llvm::is_contained(carriedBuffers, *id)) {
        BufferId aside = builder.addBuffer(bundle::Buffer::Kind::temporary, 0, value.getType(), "");
        copy({aside}, {*id});
        *id = aside;
      }
      from.push_back(*id);
    }
    for (auto [id, to] : llvm::zip(from, carriedBuffers))
      if (id != to)
        copy({to}, {id});
    uint32_t last = uint32_t(desc.steps.size()) - 1;
    std::get<bundle::Loop>(desc.steps[loopIndex]).bodySteps = uint32_t(last - loopIndex);
    // What the body uses of what was there before lives through all rounds.
    for (BufferId id = 0; id < desc.buffers.size(); ++id) {
      bundle::Buffer &buffer = desc.buffers[id];
      bool outer = id < buffersBefore || llvm::is_contained(around, id);
      if (!outer || buffer.firstStep == kNone || buffer.lastStep <= loopIndex)
        continue;
      buffer.firstStep = std::min(buffer.firstStep, uint32_t(loopIndex));
      buffer.lastStep = last;
    }
    return success();
  }

  LogicalResult checkRows(Type type) {
    Type element = cast<RankedTensorType>(type).getElementType();
    if (bitWidth(graph::dtypeOf(element)) < 8)
      return op->emitError("its rows have elements of type ")
             << element << ", several to a byte: a row may begin inside a byte";
    return success();
  }

  bundle::Region row(BufferId id, Type type) {
    SizeExpr bytes = bytesOf(type);
    return {id, builder.expr(iteration * bytes), builder.expr(bytes)};
  }

  void copy(const bundle::Region &to, const bundle::Region &from) {
    builder.use(to.buffer);
    builder.use(from.buffer);
    desc.steps.push_back(bundle::Copy{to, from});
  }

  LogicalResult copy(Value from, BufferId to) {
    auto id = builder.bufferOf(from);
    if (failed(id))
      return failure();
    ExprId bytes = builder.expr(bytesOf(from.getType()));
    if (*id != to)
      copy({to, kNone, bytes}, {*id, kNone, bytes});
    return success();
  }

  LogicalResult append(SmallVectorImpl<BufferId> &ids, Value value) {
    auto id = builder.bufferOf(value);
    if (failed(id))
      return failure();
    ids.push_back(*id);
    return success();
  }

  std::string newName(StringRef what) { return (what + "." + Twine(desc.symbols.size())).str(); }

  /// One integer or boolean as a size expression; the host reads it into `symbol` unless it is a constant.
  FailureOr<SizeExpr> readScalar(Value value, const std::string &symbol) {
    Value memory = builder.memoryOf(value);
    auto argument = dyn_cast<BlockArgument>(memory);
    if (argument && isa<func::FuncOp>(argument.getOwner()->getParentOp())) {
      desc.symbol(symbol, bundle::Symbol::Source::inputElement, argument.getArgNumber(), 0);
      return SizeExpr::symbol(symbol);
    }
    desc.symbol(symbol, bundle::Symbol::Source::step); // which checks may name
    if (std::optional<int64_t> number = graph::constantNumber(memory))
      return SizeExpr(*number);
    if (failed(readInto(value, symbol)))
      return failure();
    return SizeExpr::symbol(symbol);
  }

  LogicalResult readInto(Value value, StringRef symbol) {
    auto buffer = builder.bufferOf(value);
    if (failed(buffer))
      return failure();
    read(*buffer, graph::dtypeOf(cast<RankedTensorType>(value.getType()).getElementType()), symbol);
    return success();
  }

  void read(BufferId buffer, DType dtype, StringRef symbol) {
    bundle::ReadSymbols step;
    step.buffer = buffer;
    step.dtype = dtype;
    step.symbols.push_back(desc.symbol(symbol.str(), bundle::Symbol::Source::step));
    builder.use(buffer);
    desc.steps.push_back(std::move(step));
  }

  /// A symbol that is 1 before the loop. Only reads set symbols, so it goes through memory.
  void setTrue(StringRef symbol) {
    Type i1 = IntegerType::get(op->getContext(), 1);
    BufferId id =
        builder.addBuffer(bundle::Buffer::Kind::temporary, 0, RankedTensorType::get({}, i1), "");
    builder.use(id);
    bundle::WriteSizes write;
    write.buffer = id;
    write.dtype = DType::boolean;
    write.values.push_back(builder.expr(1));
    desc.steps.push_back(std::move(write));
    read(id, DType::boolean, symbol);
  }

  BundleBuilder &builder;
  BundleDesc &desc;
  Operation *op;
  SmallVector<BufferId> carriedBuffers, around;
  ValueRange slices, sliced;
  SizeExpr iteration;
  size_t buffersBefore = 0, loopIndex = 0;
};

} // namespace

LogicalResult addControl(BundleBuilder &builder, Operation *op) {
  ControlSteps steps(builder, op);
  if (auto branch = dyn_cast<graph::IfOp>(op))
    return steps.addIf(branch);
  if (auto loop = dyn_cast<graph::LoopOp>(op))
    return steps.addLoop(loop);
  return steps.addScan(cast<graph::ScanOp>(op));
}

} // namespace cameo
