// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Reductions, normalizations and poolings.
#include "Environment.h"

#include "cameo/Dialect/Graph/IR/Graph.h"
#include "cameo/HostOps/HostOps.h"

#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace cameo::evaluate {
namespace {

static_assert(int(graph::ReduceKind::All) == int(host::Reduce::All));
static_assert(int(graph::ReduceKind::SumSquare) == int(host::Reduce::SumSquare));
static_assert(int(graph::SoftmaxKind::Hardmax) == int(host::Softmax::Hardmax));
static_assert(int(graph::PoolKind::Lp) == int(host::Pool::Lp));

Result<Tensors> run(graph::ReduceOp op, Environment &env) {
  return one(host::reduce(static_cast<host::Reduce>(op.getKind()), env.get(op.getX()),
                          toDims(op.getAxes()), op.getKeepdims()));
}

Result<Tensors> run(graph::ArgReduceOp op, Environment &env) {
  return one(host::argReduce(op.getKind() == graph::ArgReduceKind::Max, env.get(op.getX()),
                             int64_t(op.getAxis()), op.getKeepdims(), op.getSelectLast()));
}

Result<Tensors> run(graph::SoftmaxOp op, Environment &env) {
  return one(host::softmax(static_cast<host::Softmax>(op.getKind()), env.get(op.getX()),
                           int64_t(op.getAxis())));
}

Result<Tensors> run(graph::CumsumOp op, Environment &env) {
  return one(host::cumulate(op.getKind() == graph::CumulateKind::Prod, env.get(op.getX()),
                            int64_t(op.getAxis()), op.getExclusive(), op.getReverse()));
}

Result<Tensors> run(graph::NormalizeOp op, Environment &env) {
  bool rms = op.getKind() == graph::NormalizeKind::Rms;
  auto result = host::normalize(env.get(op.getX()), env.get(op.getScale()), env.get(op.getBias()),
                                toDims(op.getAxes()), op.getEpsilon().convertToDouble(), rms);
  if (!result)
    return result.status();
  DType stash = graph::dtypeOf(op.getStashType());
  Tensors results{result->y};
  for (const HostTensor *moment : {&result->mean, &result->inverseDeviation}) {
    if (rms && moment == &result->mean)
      continue;
    auto converted = host::cast(*moment, stash);
    if (!converted)
      return converted.status();
    results.push_back(*converted);
  }
  return results;
}

Result<Tensors> run(graph::PoolOp op, Environment &env) {
  host::PoolParams params;
  params.window = toDims(op.getWindow());
  params.strides = toDims(op.getStrides());
  params.pads = toDims(op.getPads());
  params.dilations = toDims(op.getDilations());
  params.ceilMode = op.getCeilMode();
  params.countIncludePad = op.getCountIncludePad();
  params.columnMajor = op.getColumnMajor();
  params.p = int64_t(op.getP());
  HostTensor x = env.get(op.getX());
  if (op.getChannelsLast())
    x = x.permuted(toDims(graph::toChannelsFirst(x.rank())));
  auto result = host::pool(static_cast<host::Pool>(op.getKind()), x, params);
  if (!result)
    return result.status();
  if (op.getChannelsLast())
    return one(result->y.permuted(toDims(graph::toChannelsLast(x.rank()))).contiguous());
  return Tensors{result->y, result->indices};
}

} // namespace

Executed executeReduction(Operation *op, Environment &env) {
  return llvm::TypeSwitch<Operation *, Executed>(op)
      .Case<graph::ReduceOp, graph::ArgReduceOp, graph::SoftmaxOp, graph::CumsumOp,
            graph::NormalizeOp, graph::PoolOp>(
          [&](auto known) -> Executed { return run(known, env); })
      .Default([](Operation *) -> Executed { return std::nullopt; });
}

} // namespace cameo::evaluate
