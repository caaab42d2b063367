// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Control flow: regions run in the same environment, because bodies see the values around them.
#include "Environment.h"

#include "cameo/Dialect/Graph/IR/Graph.h"
#include "cameo/Dialect/Graph/IR/LoopAttrs.h"
#include "cameo/HostOps/HostOps.h"

#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace cameo::evaluate {
namespace {

/// Iterations of one loop; a model's trip count beyond it is taken for a mistake.
constexpr int64_t kMaxIterations = int64_t(1) << 24;

Result<bool> isTrue(const HostTensor &condition) {
  auto values = condition.toIntegers();
  if (!values)
    return values.status();
  if (values->size() != 1)
    return host::error("a condition is not one element");
  return (*values)[0] != 0;
}

/// After partition the number of an iteration is a symbol, too.
void setIteration(Operation *op, int64_t number, Environment &env) {
  if (auto name = op->getAttrOfType<StringAttr>(graph::iterationAttrName))
    env.symbols[name.getValue().str()] = number;
}

/// Elements collected over the iterations, as one tensor with a new leading axis.
Result<HostTensor> stack(const Tensors &slices, Type type, Environment &env) {
  if (slices.empty()) {
    auto dims = env.dimsOf(type);
    if (!dims)
      return dims.status();
    return HostTensor::allocate(graph::dtypeOf(cast<RankedTensorType>(type).getElementType()),
                                *dims);
  }
  Tensors rows;
  for (const HostTensor &slice : slices) {
    host::Dims dims = slice.dims();
    dims.insert(dims.begin(), 1);
    auto row = slice.reshaped(dims);
    if (!row)
      return row.status();
    rows.push_back(*row);
  }
  return host::concat(rows, 0);
}

Result<Tensors> run(graph::IfOp op, Environment &env) {
  auto condition = isTrue(env.get(op.getCondition()));
  if (!condition)
    return condition.status();
  return env.runBlock(*condition ? op.getThenRegion().front() : op.getElseRegion().front());
}

/// Appends the collected slices to the carried values.
Result<Tensors> finish(Tensors carried, const std::vector<Tensors> &collected, Operation *op,
                       Environment &env) {
  for (auto [i, slices] : llvm::enumerate(collected)) {
    auto tensor = stack(slices, op->getResult(unsigned(carried.size())).getType(), env);
    if (!tensor)
      return tensor.status();
    carried.push_back(*tensor);
  }
  return carried;
}

Result<Tensors> run(graph::LoopOp op, Environment &env) {
  Block &body = op.getBody().front();
  int64_t trips = kMaxIterations;
  if (auto known = op->getAttrOfType<StringAttr>(graph::tripCountAttrName)) {
    auto count = env.evaluate(graph::getSizeExpr(known.getValue()));
    if (!count)
      return count.status();
    trips = *count;
  } else if (op.getTripCount()) {
    auto count = env.get(op.getTripCount()).toIntegers();
    if (!count || count->size() != 1)
      return host::error("the trip count is not one integer");
    trips = (*count)[0];
  }
  auto truth = HostTensor::ofIntegers(DType::boolean, {}, {1});
  HostTensor condition = op.getCondition() ? env.get(op.getCondition()) : *truth;
  Tensors carried;
  for (Value value : op.getCarried())
    carried.push_back(env.get(value));
  std::vector<Tensors> collected(op.getNumResults() - carried.size());
  for (int64_t i = 0; i < trips; ++i) {
    auto goesOn = isTrue(condition);
    if (!goesOn)
      return goesOn.status();
    if (!*goesOn)
      break;
    if (i >= kMaxIterations)
      return host::error("the loop does not end");
    setIteration(op, i, env);
    env.set(body.getArgument(0), *HostTensor::ofIntegers(DType::i64, {}, {i}));
    env.set(body.getArgument(1), condition);
    for (auto [k, tensor] : llvm::enumerate(carried))
      env.set(body.getArgument(unsigned(k) + 2), tensor);
    auto results = env.runBlock(body);
    if (!results)
      return results;
    condition = results->front();
    size_t count = carried.size();
    carried.assign(results->begin() + 1, results->begin() + 1 + ptrdiff_t(count));
    for (size_t k = 0; k < collected.size(); ++k)
      collected[k].push_back((*results)[1 + count + k]);
  }
  return finish(carried, collected, op, env);
}

Result<Tensors> run(graph::ScanOp op, Environment &env) {
  Block &body = op.getBody().front();
  Tensors carried, scanned;
  for (Value value : op.getCarried())
    carried.push_back(env.get(value));
  for (Value value : op.getScanned())
    scanned.push_back(env.get(value));
  if (scanned.empty() || scanned[0].rank() == 0)
    return host::error("a scan has no tensor to go over");
  std::vector<Tensors> collected(op.getNumResults() - carried.size());
  for (int64_t i = 0; i < scanned[0].dim(0); ++i) {
    unsigned argument = 0;
    setIteration(op, i, env);
    for (const HostTensor &tensor : carried)
      env.set(body.getArgument(argument++), tensor);
    for (const HostTensor &tensor : scanned) {
      if (tensor.dim(0) != scanned[0].dim(0))
        return host::error("scanned tensors differ in length");
      env.set(body.getArgument(argument++),
              tensor.view({tensor.dims().begin() + 1, tensor.dims().end()},
                          {tensor.strides().begin() + 1, tensor.strides().end()},
                          tensor.offset() + i * tensor.stride(0)));
    }
    auto results = env.runBlock(body);
    if (!results)
      return results;
    size_t count = carried.size();
    carried.assign(results->begin(), results->begin() + ptrdiff_t(count));
    for (size_t k = 0; k < collected.size(); ++k)
      collected[k].push_back((*results)[count + k]);
  }
  return finish(carried, collected, op, env);
}

} // namespace

Executed executeControl(Operation *op, Environment &env) {
  return llvm::TypeSwitch<Operation *, Executed>(op)
      .Case<graph::IfOp, graph::LoopOp, graph::ScanOp>(
          [&](auto known) -> Executed { return run(known, env); })
      .Default([](Operation *) -> Executed { return std::nullopt; });
}

} // namespace cameo::evaluate
