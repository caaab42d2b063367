// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The interpreter of kernel bodies: scalars and loops here, tensor ops in the other files.
#include "TileFrame.h"

#include "../HostOps/Elements.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/TypeUtilities.h"

using namespace mlir;

namespace cameo::evaluate {

host::Result<host::HostTensor> TileFrame::tensor(Value value) {
  const TileValue content = get(value);
  if (content.tensor.isPresent())
    return content.tensor;
  if (!content.view)
    return host::error("a tensor is used that has no value");
  auto out = host::HostTensor::allocate(content.view->type, content.view->sizes);
  if (!out)
    return out;
  host::Dims zeros(content.view->sizes.size(), 0);
  if (auto status = loadTile(*this, content, zeros, {}, *out); !status)
    return status;
  return out;
}

host::Result<std::shared_ptr<Payload>> TileFrame::payload(Block &block) {
  return Payload::make(block, [&](Value value) {
    auto it = values.find(value);
    Outside outside;
    if (it == values.end())
      return outside;
    outside.scalar = it->second.scalar;
    if (it->second.tensor.isPresent())
      outside.buffer = std::make_shared<host::HostTensor>(it->second.tensor);
    return outside;
  });
}

namespace {

/// Constants of tensors: splats and small dense ones.
host::Status setConstant(arith::ConstantOp op, TileFrame &frame) {
  if (auto scalar = scalarOf(op.getValue())) {
    frame.set(op.getResult(), *scalar);
    return host::Status::ok();
  }
  auto dense = dyn_cast<DenseElementsAttr>(op.getValue());
  if (!dense)
    return host::error("a constant of this kind has no value here");
  host::Dims dims(dense.getType().getShape().begin(), dense.getType().getShape().end());
  auto out = host::HostTensor::allocate(scalarType(dense.getElementType()), dims);
  if (!out)
    return out.status();
  int64_t i = 0;
  for (Attribute element : dense.getValues<Attribute>())
    storeScalar(*out, i++, scalarOf(element).value_or(Scalar()));
  frame.set(op.getResult(), *out);
  return host::Status::ok();
}

/// An arith or math op on scalars, or on whole tensors element by element.
host::Status runScalar(Operation *op, Step step, TileFrame &frame) {
  Scalar slots[5];
  step.out = 4;
  for (int i = 0; i < 4; ++i)
    step.in[i] = i;
  auto type = dyn_cast<RankedTensorType>(op->getResult(0).getType());
  if (!type) {
    for (auto [i, value] : llvm::enumerate(op->getOperands()))
      slots[i] = frame.get(value).scalar.value_or(Scalar());
    step.function(step, slots);
    frame.set(op->getResult(0), slots[4]);
    return host::Status::ok();
  }
  std::vector<host::HostTensor> operands;
  std::vector<std::optional<Scalar>> scalars;
  host::Dims dims;
  for (Value value : op->getOperands()) {
    scalars.push_back(frame.get(value).scalar); // the condition of a select may be one scalar
    if (scalars.back()) {
      operands.emplace_back();
      continue;
    }
    auto tensor = frame.tensor(value);
    auto flat = tensor ? tensor->contiguous() : tensor;
    if (!flat)
      return flat.status();
    operands.push_back(*flat);
    dims = flat->dims();
  }
  auto out = host::HostTensor::allocate(scalarType(type.getElementType()), dims);
  if (!out)
    return out.status();
  for (int64_t k = 0; k < out->numElements(); ++k) {
    for (size_t i = 0; i < operands.size(); ++i)
      slots[i] = scalars[i] ? *scalars[i] : loadScalar(operands[i], operands[i].offset() + k);
    step.function(step, slots);
    storeScalar(*out, k, slots[4]);
  }
  frame.set(op->getResult(0), *out);
  return host::Status::ok();
}

host::Status runFor(scf::ForOp loop, TileFrame &frame) {
  int64_t lower = frame.integer(loop.getLowerBound()), upper = frame.integer(loop.getUpperBound());
  int64_t step = frame.integer(loop.getStep());
  if (step <= 0)
    return host::error("a loop's step is not positive");
  std::vector<TileValue> carried;
  for (Value value : loop.getInitArgs())
    carried.push_back(frame.get(value));
  for (int64_t i = lower; i < upper; i += step) {
    Scalar index;
    index.integer = i;
    frame.set(loop.getInductionVar(), index);
    for (auto [argument, content] : llvm::zip(loop.getRegionIterArgs(), carried))
      frame.set(argument, content);
    if (auto status = frame.run(*loop.getBody()); !status)
      return status;
    carried.clear();
    for (Value value : loop.getBody()->getTerminator()->getOperands())
      carried.push_back(frame.get(value));
  }
  for (auto [result, content] : llvm::zip(loop.getResults(), carried))
    frame.set(result, content);
  return host::Status::ok();
}

host::Status runIf(scf::IfOp op, TileFrame &frame) {
  Region &region = frame.integer(op.getCondition()) ? op.getThenRegion() : op.getElseRegion();
  if (region.empty())
    return host::Status::ok();
  if (auto status = frame.run(region.front()); !status)
    return status;
  for (auto [result, value] :
       llvm::zip(op.getResults(), region.front().getTerminator()->getOperands())) {
    TileValue content = frame.get(value);
    frame.set(result, content);
  }
  return host::Status::ok();
}

} // namespace

host::Status TileFrame::runOp(Operation *op) {
  if (auto constant = dyn_cast<arith::ConstantOp>(op))
    return setConstant(constant, *this);
  if (auto loop = dyn_cast<scf::ForOp>(op))
    return runFor(loop, *this);
  if (auto branch = dyn_cast<scf::IfOp>(op))
    return runIf(branch, *this);
  if (auto step = scalarStep(op))
    return runScalar(op, *step, *this);
  for (auto family : {runLinalg, runKernelOp})
    if (TileExecuted status = family(op, *this))
      return *status;
  return host::error("only the PTX machine runs this op");
}

host::Status TileFrame::run(Block &block) {
  for (Operation &op : block) {
    if (op.hasTrait<OpTrait::IsTerminator>())
      return host::Status::ok();
    if (auto status = runOp(&op); !status)
      return op.getNumRegions() && !isa<scf::ForOp, scf::IfOp>(op)
                 ? host::error(op.getName().getStringRef().str() + ": " + status.message())
             : isa<scf::ForOp, scf::IfOp>(op)
                 ? status
                 : host::error(op.getName().getStringRef().str() + ": " + status.message());
  }
  return host::Status::ok();
}

} // namespace cameo::evaluate
