// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Movement: sizes and positions are expressions, evaluated before the call.
#include "Environment.h"

#include "cameo/Dialect/Graph/IR/Graph.h"
#include "cameo/HostOps/HostOps.h"

#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace cameo::evaluate {
namespace {

static_assert(int(graph::PadMode::Wrap) == int(host::PadMode::Wrap));
static_assert(int(graph::PadMode::Edge) == int(host::PadMode::Edge));

Result<Tensors> run(graph::ReshapeOp op, Environment &env) {
  auto dims = env.dimsOf(op.getType());
  if (!dims)
    return dims.status();
  return one(env.get(op.getX()).reshaped(*dims));
}

Result<Tensors> run(graph::TransposeOp op, Environment &env) {
  HostTensor x = env.get(op.getX());
  if (x.rank() == 0)
    return Tensors{x};
  return one(host::transpose(x, toDims(op.getPerm())));
}

Result<Tensors> run(graph::BroadcastOp op, Environment &env) {
  auto dims = env.dimsOf(op.getType());
  if (!dims)
    return dims.status();
  return one(env.get(op.getX()).broadcastTo(*dims));
}

Result<Tensors> run(graph::SliceOp op, Environment &env) {
  auto sizes = env.dimsOf(op.getType());
  auto starts = env.evaluate(op.getStartExprs()), steps = env.evaluate(op.getStepExprs());
  for (auto *part : {&sizes, &starts, &steps})
    if (!*part)
      return part->status();
  return one(host::slice(env.get(op.getX()), *starts, *sizes, *steps));
}

Result<Tensors> run(graph::PadOp op, Environment &env) {
  auto low = env.evaluate(op.getLoExprs()), high = env.evaluate(op.getHiExprs());
  if (!low || !high)
    return low ? high.status() : low.status();
  return one(host::pad(env.get(op.getX()), *low, *high, static_cast<host::PadMode>(op.getMode()),
                       env.get(op.getValue())));
}

Result<Tensors> run(graph::ConcatOp op, Environment &env) {
  Tensors inputs;
  for (Value value : op.getInputs())
    inputs.push_back(env.get(value));
  return one(host::concat(inputs, int64_t(op.getAxis())));
}

Result<Tensors> run(graph::TileOp op, Environment &env) {
  HostTensor x = env.get(op.getX());
  auto dims = env.dimsOf(op.getType());
  if (!dims)
    return dims.status();
  host::Dims repeats;
  for (auto [from, to] : llvm::zip(x.dims(), *dims)) {
    if (from == 0 ? to != 0 : to % from != 0)
      return host::error("a size " + std::to_string(to) + " is no multiple of " +
                         std::to_string(from));
    repeats.push_back(from == 0 ? 1 : to / from);
  }
  return one(host::tile(x, repeats));
}

Result<Tensors> run(graph::IotaOp op, Environment &env) {
  auto dims = env.dimsOf(op.getType());
  if (!dims)
    return dims.status();
  return one(host::iota(env.get(op.getStart()), env.get(op.getDelta()), dims->front()));
}

Result<Tensors> run(graph::TriluOp op, Environment &env) {
  auto k = env.evaluate(op.getKExpr());
  if (!k)
    return k.status();
  return one(host::trilu(env.get(op.getX()), op.getUpper(), *k));
}

} // namespace

Executed executeMovement(Operation *op, Environment &env) {
  return llvm::TypeSwitch<Operation *, Executed>(op)
      .Case<graph::ReshapeOp, graph::TransposeOp, graph::BroadcastOp, graph::SliceOp, graph::PadOp,
            graph::ConcatOp, graph::TileOp, graph::IotaOp, graph::TriluOp>(
          [&](auto known) -> Executed { return run(known, env); })
      .Default([](Operation *) -> Executed { return std::nullopt; });
}

} // namespace cameo::evaluate
