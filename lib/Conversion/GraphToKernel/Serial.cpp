// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Kernels whose order matters: d0 runs in parallel, d1 strictly in order. Running sums carry a state
// along d1; scatters apply updates that may hit the same element one after another, so that the result
// is deterministic whatever the indices are.

#include "Anchors.h"
#include "Elements.h"
#include "ScalarOps.h"
#include "Tiles.h"

using namespace mlir;

namespace cameo::graphtokernel {

namespace {

using Tile = TileBuilder::Tile;

Family buildCumsum(KernelBuilder &kernel, graph::CumsumOp op) {
  auto sizes = graph::getSizes(op.getX().getType());
  size_t axis = size_t(op.getAxis());
  SmallVector<SizeExpr> others = sizes;
  others.erase(others.begin() + long(axis));
  TileBuilder tiles(kernel, Domain{{"~d0", product({others.begin(), others.end()})},
                                   {"~d1", sizes[axis]}});
  Coordinates at = delinearize(tiles.domain.at(0), others);
  SizeExpr step = tiles.domain.at(1);
  at.insert(at.begin() + long(axis), op.getReverse() ? sizes[axis] - 1 - step : step);

  OpBuilder &b = kernel.b;
  Location loc = kernel.loc;
  Type element = elementOf(op.getX()), storage = storageType(element), wide = accumulatorType(element);
  bool isSum = op.getKind() == graph::CumulateKind::Sum;
  Tile x = tiles.map(op.getX(), at, {0, 1});
  auto scan = kernel::ScanOp::create(b, loc, TypeRange{tiles.empty({0, 1}, storage).getType()},
                                     ValueRange{x.tensor},
                                     ValueRange{constantOf(b, loc, wide, isSum ? 0 : 1)}, 1);
  Block &block = scan.getBody().emplaceBlock();
  Value input = block.addArgument(storage, loc), state = block.addArgument(wide, loc);
  OpBuilder inner = OpBuilder::atBlockEnd(&block);
  Value next = emitBinary(inner, loc, isSum ? graph::BinaryKind::Add : graph::BinaryKind::Mul, wide,
                          wide, state, emitCast(inner, loc, element, wide, input));
  Value shown = emitCast(inner, loc, wide, element, op.getExclusive() ? state : next);
  kernel::YieldOp::create(inner, loc, ValueRange{next, shown});
  tiles.write({scan.getResult(0), {0, 1}}, op.getResult(), at);
  return StringRef("serial");
}

/// The updates of a scatter in order, and where each goes.
struct Updates {
  Domain domain;
  Coordinates at;      ///< into the updates
  Coordinates indexAt; ///< into the indices; scatter_nd appends the component
  size_t tuple = 0;    ///< components of an index tuple; 0 for scatter_elements
};

Updates updatesOf(graph::ScatterElementsOp op) {
  auto sizes = graph::getSizes(op.getUpdates().getType());
  size_t axis = size_t(op.getAxis());
  SmallVector<SizeExpr> others = sizes;
  others.erase(others.begin() + long(axis));
  Updates updates;
  updates.domain = Domain{{"~d0", product({others.begin(), others.end()})}, {"~d1", sizes[axis]}};
  updates.at = delinearize(updates.domain.at(0), others);
  updates.at.insert(updates.at.begin() + long(axis), updates.domain.at(1));
  updates.indexAt = updates.at;
  return updates;
}

Updates updatesOf(graph::ScatterNdOp op) {
  auto sizes = graph::getSizes(op.getUpdates().getType());
  auto indexSizes = graph::getSizes(op.getIndices().getType());
  size_t tuples = indexSizes.size() - 1;
  SmallVector<SizeExpr> outer(sizes.begin(), sizes.begin() + long(tuples));
  SmallVector<SizeExpr> slice(sizes.begin() + long(tuples), sizes.end());
  Updates updates;
  updates.domain = Domain{{"~d0", product({slice.begin(), slice.end()})},
                          {"~d1", product({outer.begin(), outer.end()})}};
  updates.indexAt = delinearize(updates.domain.at(1), outer);
  updates.at = updates.indexAt;
  updates.at.append(delinearize(updates.domain.at(0), slice));
  updates.tuple = size_t(indexSizes.back().asConstant().value_or(0));
  return updates;
}

/// Coordinates in the result that an update goes to; narrows `ok`.
Coordinates target(ElementBuilder &elements, Operation *op, const Updates &updates, Value &ok) {
  Value x = op->getOperand(0), indices = op->getOperand(1);
  auto sizes = graph::getSizes(x.getType());
  Coordinates at;
  if (auto scatter = dyn_cast<graph::ScatterElementsOp>(op)) {
    at = updates.at;
    size_t axis = size_t(scatter.getAxis());
    at[axis] = elements.dataCoordinate(elements.at(indices, updates.indexAt), sizes[axis], ok);
    return at;
  }
  for (size_t i = 0; i < updates.tuple; ++i) {
    Coordinates component = updates.indexAt;
    component.push_back(int64_t(i));
    at.push_back(elements.dataCoordinate(elements.at(indices, component), sizes[i], ok));
  }
  at.append(updates.at.begin() + long(updates.indexAt.size()), updates.at.end());
  return at;
}

template <typename Op> Family buildScatter(KernelBuilder &kernel, Op op) {
  Updates updates = updatesOf(op);
  TileBuilder tiles(kernel, updates.domain);
  Location loc = kernel.loc;
  Type element = elementOf(op.getX()), storage = storageType(element);
  Tile values = tiles.map(op.getUpdates(), updates.at, {0, 1});
  auto scatter = kernel.scatter(
      values.tensor, kernel.output(op.getResult()), tiles.domain,
      [&](OpBuilder &inner, Scope &scope) {
        ElementBuilder elements(kernel, inner, scope);
        Value ok;
        Coordinates at = target(elements, op, updates, ok);
        SizeExpr linear =
            linearize(at, graph::getSizes(op.getX().getType())).simplify(scope.ranges);
        SmallVector<Value> yields{kernel.index(inner, scope, linear)};
        if (ok)
          yields.push_back(ok);
        return yields;
      });
  if (op.getKind() == graph::ScatterKind::Set)
    return StringRef("serial");
  Block &combine = scatter.getCombine().emplaceBlock();
  Value previous = combine.addArgument(storage, loc), update = combine.addArgument(storage, loc);
  OpBuilder body = OpBuilder::atBlockEnd(&combine);
  using graph::BinaryKind;
  BinaryKind kinds[] = {BinaryKind::Add, BinaryKind::Add, BinaryKind::Mul, BinaryKind::Max,
                        BinaryKind::Min};
  Value combined = emitBinary(body, loc, kinds[unsigned(op.getKind())], element, element,
                              fromStorage(body, loc, element, previous),
                              fromStorage(body, loc, element, update));
  kernel::YieldOp::create(body, loc, ValueRange{toStorage(body, loc, element, combined)});
  return StringRef("serial");
}

} // namespace

Family buildSerial(KernelBuilder &kernel) {
  Operation *op = kernel.group.anchor;
  if (auto cumsum = dyn_cast<graph::CumsumOp>(op))
    return buildCumsum(kernel, cumsum);
  if (auto scatter = dyn_cast<graph::ScatterElementsOp>(op))
    return buildScatter(kernel, scatter);
  return buildScatter(kernel, cast<graph::ScatterNdOp>(op));
}

} // namespace cameo::graphtokernel
