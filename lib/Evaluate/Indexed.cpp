// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Gathers, scatters, selection and resizing.
#include "Environment.h"

#include "cameo/Dialect/Graph/IR/Graph.h"
#include "cameo/HostOps/HostOps.h"

#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace cameo::evaluate {
namespace {

static_assert(int(graph::ScatterKind::Min) == int(host::Scatter::Min));
static_assert(int(graph::ScatterKind::Add) == int(host::Scatter::Add));
static_assert(int(graph::ResizeMode::Cubic) == int(host::ResizeMode::Cubic));
static_assert(int(graph::CoordinateMode::TfCropAndResize) ==
              int(host::Coordinates::TfCropAndResize));
static_assert(int(graph::CoordinateMode::AlignCorners) == int(host::Coordinates::AlignCorners));
static_assert(int(graph::NearestMode::Ceil) == int(host::Nearest::Ceil));

Result<Tensors> run(graph::GatherOp op, Environment &env) {
  return one(host::gather(env.get(op.getX()), env.get(op.getIndices()), int64_t(op.getAxis())));
}

Result<Tensors> run(graph::GatherElementsOp op, Environment &env) {
  return one(
      host::gatherElements(env.get(op.getX()), env.get(op.getIndices()), int64_t(op.getAxis())));
}

Result<Tensors> run(graph::GatherNdOp op, Environment &env) {
  return one(
      host::gatherNd(env.get(op.getX()), env.get(op.getIndices()), int64_t(op.getBatchDims())));
}

Result<Tensors> run(graph::ScatterElementsOp op, Environment &env) {
  return one(host::scatterElements(static_cast<host::Scatter>(op.getKind()), env.get(op.getX()),
                                   env.get(op.getIndices()), env.get(op.getUpdates()),
                                   int64_t(op.getAxis())));
}

Result<Tensors> run(graph::ScatterNdOp op, Environment &env) {
  return one(host::scatterNd(static_cast<host::Scatter>(op.getKind()), env.get(op.getX()),
                             env.get(op.getIndices()), env.get(op.getUpdates())));
}

Result<Tensors> run(graph::OneHotOp op, Environment &env) {
  auto depth = env.evaluate(op.getDepthExpr());
  if (!depth)
    return depth.status();
  return one(host::oneHot(env.get(op.getIndices()), *depth, env.get(op.getValues()),
                          int64_t(op.getAxis())));
}

Result<Tensors> run(graph::TopkOp op, Environment &env) {
  auto k = env.evaluate(op.getKExpr());
  if (!k)
    return k.status();
  auto result = host::topK(env.get(op.getX()), *k, int64_t(op.getAxis()), op.getLargest());
  if (!result)
    return result.status();
  return Tensors{result->values, result->indices};
}

/// Numbers of an optional attribute, else of an optional operand.
Result<std::vector<double>> numbersOf(std::optional<ArrayRef<double>> attribute, Value operand,
                                      Environment &env) {
  if (attribute)
    return std::vector<double>(attribute->begin(), attribute->end());
  if (!operand)
    return std::vector<double>();
  return env.get(operand).toDoubles();
}

Result<Tensors> run(graph::ResizeOp op, Environment &env) {
  host::ResizeParams params;
  params.mode = static_cast<host::ResizeMode>(op.getMode());
  params.coordinates = static_cast<host::Coordinates>(op.getCoordinates());
  params.nearest = static_cast<host::Nearest>(op.getNearest());
  params.cubicCoefficient = op.getCubicCoeffA().convertToDouble();
  params.extrapolation = op.getExtrapolation().convertToDouble();
  params.excludeOutside = op.getExcludeOutside();
  params.antialias = op.getAntialias();
  auto scales = numbersOf(op.getScaleValues(), op.getScales(), env);
  auto roi = numbersOf(op.getRoiValues(), op.getRoi(), env);
  auto dims = env.dimsOf(op.getResult().getType());
  if (!scales || !roi)
    return scales ? roi.status() : scales.status();
  if (!dims)
    return dims.status();
  if (params.coordinates != host::Coordinates::TfCropAndResize)
    roi->clear();
  host::Dims sizes;
  for (int64_t axis : op.getAxes())
    sizes.push_back((*dims)[size_t(axis)]);
  return one(host::resize(env.get(op.getX()), toDims(op.getAxes()), sizes, *scales, *roi, params));
}

} // namespace

Executed executeIndexed(Operation *op, Environment &env) {
  return llvm::TypeSwitch<Operation *, Executed>(op)
      .Case<graph::GatherOp, graph::GatherElementsOp, graph::GatherNdOp, graph::ScatterElementsOp,
            graph::ScatterNdOp, graph::OneHotOp, graph::TopkOp, graph::ResizeOp>(
          [&](auto known) -> Executed { return run(known, env); })
      .Default([](Operation *) -> Executed { return std::nullopt; });
}

} // namespace cameo::evaluate
