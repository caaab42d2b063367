// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Translation of a block of scalar code to steps; scf.if, scf.for and scf.while inside become steps
// whose bodies share the slots. `kernel.read` checks its index and reports, it never reads outside.
#include "Payload.h"

#include "../HostOps/Elements.h"
#include "cameo/Dialect/Kernel/IR/Kernel.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

#include <array>

using namespace mlir;

namespace cameo::evaluate {
namespace {

constexpr int64_t kMaxIterations = int64_t(1) << 26;

void readBuffer(const Step &s, Scalar *v) {
  bool guarded = s.detail;
  if (guarded && !v[s.in[1]].integer) {
    v[s.out] = v[s.in[2]];
    return;
  }
  int64_t at = v[s.in[0]].integer;
  if (at < 0 || at >= s.buffer->numElements()) {
    if (s.fault->empty())
      *s.fault = "kernel.read of element " + std::to_string(at) + " of a buffer of " +
                 std::to_string(s.buffer->numElements());
    v[s.out] = {};
    return;
  }
  v[s.out] = loadScalar(*s.buffer, s.buffer->offset() + at);
}

void copyYielded(const Payload &from, const std::vector<int> &to, Scalar *v, unsigned skip = 0) {
  SmallVector<Scalar, 4> values; // all are read before any is written
  for (unsigned i = skip; i < from.yielded.size(); ++i)
    values.push_back(v[from.yielded[i]]);
  for (auto [i, value] : llvm::enumerate(values))
    v[to[i]] = value;
}

/// Slots of the op's results lie together, from `out` on.
std::vector<int> resultSlots(const Step &s, size_t count) {
  std::vector<int> slots;
  for (size_t i = 0; i < count; ++i)
    slots.push_back(s.out + int(i));
  return slots;
}

void runIf(const Step &s, Scalar *v) {
  const Payload &body = *s.sub[v[s.in[0]].integer ? 0 : 1];
  body.runSteps(v);
  copyYielded(body, resultSlots(s, body.yielded.size()), v);
}

/// The initial values have been copied to the result slots by the steps before.
void runFor(const Step &s, Scalar *v) {
  const Payload &body = *s.sub[0];
  std::vector<int> carried(body.arguments.begin() + 1, body.arguments.end());
  std::vector<int> results = resultSlots(s, carried.size());
  for (auto [from, to] : llvm::zip(results, carried))
    v[to] = v[from];
  int64_t upper = v[s.in[1]].integer, step = v[s.in[2]].integer;
  for (int64_t i = v[s.in[0]].integer; i < upper && step > 0; i += step) {
    v[body.arguments[0]].integer = i;
    body.runSteps(v);
    copyYielded(body, carried, v);
  }
  for (auto [from, to] : llvm::zip(carried, results))
    v[to] = v[from];
}

void runWhile(const Step &s, Scalar *v) {
  const Payload &before = *s.sub[0], &after = *s.sub[1];
  // in[] holds where the initial values begin; they were copied to consecutive slots.
  for (size_t i = 0; i < before.arguments.size(); ++i)
    v[before.arguments[i]] = v[s.in[0] + int(i)];
  for (int64_t n = 0; n < kMaxIterations; ++n) {
    before.runSteps(v);
    if (!v[before.yielded[0]].integer) {
      copyYielded(before, resultSlots(s, before.yielded.size() - 1), v, 1);
      return;
    }
    copyYielded(before, after.arguments, v, 1);
    after.runSteps(v);
    copyYielded(after, before.arguments, v);
  }
  if (s.fault->empty())
    *s.fault = "a loop in scalar code does not end";
}

void copySlot(const Step &s, Scalar *v) { v[s.out] = v[s.in[0]]; }

} // namespace

class PayloadBuilder {
public:
  PayloadBuilder(Resolver outside) : outside(outside), fault(std::make_shared<std::string>()) {}

  host::Result<std::shared_ptr<Payload>> build(Block &block) {
    auto payload = std::make_shared<Payload>();
    payload->faultText = fault;
    for (BlockArgument argument : block.getArguments())
      payload->arguments.push_back(define(argument));
    root = root ? root : payload.get();
    for (Operation &op : block) {
      auto status = op.hasTrait<OpTrait::IsTerminator>() ? finish(op, *payload) : add(op, *payload);
      if (!status)
        return status;
    }
    if (root == payload.get())
      payload->slots = initial;
    return payload;
  }

private:
  int fresh() {
    initial.emplace_back();
    return int(initial.size()) - 1;
  }
  int define(Value value) { return numbers[value] = fresh(); }

  host::Result<int> slot(Value value) {
    auto it = numbers.find(value);
    if (it != numbers.end())
      return it->second;
    std::optional<Scalar> known;
    if (auto op = value.getDefiningOp<arith::ConstantOp>())
      known = scalarOf(op.getValue());
    if (!known)
      known = outside(value).scalar;
    if (!known)
      return host::error("scalar code uses a value from outside that is not known");
    int number = define(value);
    initial[size_t(number)] = *known;
    return number;
  }

  host::Status finish(Operation &op, Payload &payload) {
    for (Value value : op.getOperands()) {
      auto number = slot(value);
      if (!number)
        return number.status();
      payload.yielded.push_back(*number);
    }
    return host::Status::ok();
  }

  host::Status operands(Operation &op, Step &step) {
    if (op.getNumOperands() > 4)
      return host::error("scalar code with more than four operands");
    for (auto [i, value] : llvm::enumerate(op.getOperands())) {
      auto number = slot(value);
      if (!number)
        return number.status();
      step.in[i] = *number;
    }
    return host::Status::ok();
  }

  host::Status add(Operation &op, Payload &payload) {
    if (isa<arith::ConstantOp>(op))
      return host::Status::ok(); // its slot is made at its first use
    if (auto index = dyn_cast<linalg::IndexOp>(op)) {
      root->coordinateSlots.push_back({define(index.getResult()), int64_t(index.getDim())});
      return host::Status::ok();
    }
    if (auto read = dyn_cast<kernel::ReadOp>(op))
      return addRead(read, payload);
    if (isa<scf::IfOp, scf::ForOp, scf::WhileOp>(op))
      return addControl(op, payload);
    auto step = scalarStep(&op);
    if (!step)
      return host::error("the evaluator does not know " + op.getName().getStringRef().str() +
                         " in scalar code");
    if (auto status = operands(op, *step); !status)
      return status;
    step->out = define(op.getResult(0));
    payload.steps.push_back(*step);
    return host::Status::ok();
  }

  host::Status addRead(kernel::ReadOp op, Payload &payload) {
    Step step;
    step.function = readBuffer;
    step.fault = fault.get();
    step.buffer = outside(op.getBuffer()).buffer;
    if (!step.buffer)
      return host::error("kernel.read of something that is no buffer");
    step.detail = bool(op.getOk());
    for (auto [i, value] :
         llvm::enumerate(std::array<Value, 3>{op.getIndex(), op.getOk(), op.getPad()})) {
      if (!value)
        continue;
      auto number = slot(value);
      if (!number)
        return number.status();
      step.in[i] = *number;
    }
    step.out = define(op.getResult());
    payload.steps.push_back(step);
    return host::Status::ok();
  }

  /// Copies `values` to fresh consecutive slots; gives the first.
  host::Result<int> gather(ValueRange values, Payload &payload) {
    int first = int(initial.size());
    for (size_t i = 0; i < values.size(); ++i)
      fresh();
    for (auto [i, value] : llvm::enumerate(values)) {
      auto number = slot(value);
      if (!number)
        return number.status();
      Step step;
      step.function = copySlot;
      step.in[0] = *number;
      step.out = first + int(i);
      payload.steps.push_back(step);
    }
    return first;
  }

  host::Status addControl(Operation &op, Payload &payload) {
    Step step;
    step.fault = fault.get();
    if (auto loop = dyn_cast<scf::ForOp>(op)) {
      step.function = runFor;
      for (auto [i, value] : llvm::enumerate(
               std::array<Value, 3>{loop.getLowerBound(), loop.getUpperBound(), loop.getStep()})) {
        auto number = slot(value);
        if (!number)
          return number.status();
        step.in[i] = *number;
      }
      auto first = gather(loop.getInitArgs(), payload);
      if (!first)
        return first.status();
      step.out = *first;
    } else if (auto loop = dyn_cast<scf::WhileOp>(op)) {
      step.function = runWhile;
      auto first = gather(loop.getInits(), payload);
      if (!first)
        return first.status();
      step.in[0] = *first;
    } else {
      step.function = runIf;
      auto number = slot(op.getOperand(0));
      if (!number)
        return number.status();
      step.in[0] = *number;
    }
    for (Region &region : op.getRegions()) {
      if (region.empty()) { // an if without else yields nothing
        step.sub.push_back(std::make_shared<Payload>());
        continue;
      }
      auto body = build(region.front());
      if (!body)
        return body.status();
      step.sub.push_back(*body);
    }
    if (!isa<scf::ForOp>(op)) {
      step.out = int(initial.size());
      for (size_t i = 0; i < op.getNumResults(); ++i)
        fresh();
    }
    for (auto [i, value] : llvm::enumerate(op.getResults()))
      numbers[value] = step.out + int(i);
    payload.steps.push_back(step);
    return host::Status::ok();
  }

  Resolver outside;
  std::shared_ptr<std::string> fault;
  Payload *root = nullptr;
  llvm::DenseMap<Value, int> numbers;
  std::vector<Scalar> initial;
};

host::Result<std::shared_ptr<Payload>> Payload::make(Block &block, Resolver outside) {
  return PayloadBuilder(outside).build(block);
}

void Payload::setCoordinates(ArrayRef<int64_t> at) {
  for (auto [number, dim] : coordinateSlots)
    slots[size_t(number)].integer = at[size_t(dim)];
}

Scalar loadScalar(const host::HostTensor &tensor, int64_t position) {
  Scalar value;
  if (isFloat(tensor.dtype()))
    host::loadRun(tensor.dtype(), tensor.data(), position, 1, 1, &value.real);
  else
    host::loadRun(tensor.dtype(), tensor.data(), position, 1, 1, &value.integer);
  return value;
}

void storeScalar(host::HostTensor &tensor, int64_t position, Scalar value) {
  if (isFloat(tensor.dtype()))
    host::storeRun(tensor.dtype(), tensor.data(), position, 1, &value.real);
  else
    host::storeRun(tensor.dtype(), tensor.data(), position, 1, &value.integer);
}

} // namespace cameo::evaluate
