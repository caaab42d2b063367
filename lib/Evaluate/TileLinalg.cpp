// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// linalg ops by their definition: one walk over the iteration space in row-major order, operands
// addressed through their indexing maps. Results start as copies of the `outs` operands.
#include "TileFrame.h"

#include "../HostOps/Elements.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;

namespace cameo::evaluate {
namespace {

/// An operand's position as a linear function of the loops.
struct Access {
  host::HostTensor tensor;
  int64_t start = 0;
  host::Dims steps; ///< one a loop
};

/// Adds `expr` * stride to the access; loops and constants alone, with sums and constant factors.
bool addExpression(AffineExpr expr, int64_t stride, Access &access) {
  if (auto dim = dyn_cast<AffineDimExpr>(expr)) {
    access.steps[dim.getPosition()] += stride;
    return true;
  }
  if (auto constant = dyn_cast<AffineConstantExpr>(expr)) {
    access.start += constant.getValue() * stride;
    return true;
  }
  auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
  if (!binary)
    return false;
  if (binary.getKind() == AffineExprKind::Add)
    return addExpression(binary.getLHS(), stride, access) &&
           addExpression(binary.getRHS(), stride, access);
  auto factor = dyn_cast<AffineConstantExpr>(binary.getRHS());
  return binary.getKind() == AffineExprKind::Mul && factor &&
         addExpression(binary.getLHS(), stride * factor.getValue(), access);
}

host::Result<Access> makeAccess(host::HostTensor tensor, AffineMap map, size_t loops) {
  Access access;
  access.start = tensor.offset();
  access.steps.assign(loops, 0);
  for (auto [d, expr] : llvm::enumerate(map.getResults()))
    if (!addExpression(expr, tensor.stride(int64_t(d)), access))
      return host::error("an indexing map is not linear");
  access.tensor = std::move(tensor);
  return access;
}

/// The extents of the loops, from the operands whose maps name them directly; all must agree.
host::Result<host::Dims> loopExtents(ArrayRef<Access> accesses, ArrayRef<AffineMap> maps,
                                     size_t loops) {
  host::Dims extents(loops, -1);
  for (auto [access, map] : llvm::zip(accesses, maps))
    for (auto [d, expr] : llvm::enumerate(map.getResults())) {
      auto dim = dyn_cast<AffineDimExpr>(expr);
      if (!dim)
        continue;
      int64_t &extent = extents[dim.getPosition()], size = access.tensor.dim(int64_t(d));
      if (extent >= 0 && extent != size)
        return host::error("operands disagree on loop " + std::to_string(dim.getPosition()) + ": " +
                           std::to_string(extent) + " and " + std::to_string(size));
      extent = size;
    }
  for (int64_t extent : extents)
    if (extent < 0)
      return host::error("a loop has no extent");
  return extents;
}

host::Status runGeneric(linalg::LinalgOp op, TileFrame &frame) {
  size_t loops = op.getNumLoops(), inputs = size_t(op.getNumDpsInputs());
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  std::vector<Access> accesses;
  for (auto [i, operand] : llvm::enumerate(op->getOperands())) {
    const TileValue content = frame.get(operand);
    host::Result<host::HostTensor> tensor = host::error("");
    if (content.scalar) { // an input may be a scalar
      DType type = scalarType(operand.getType());
      tensor = host::HostTensor::allocate(type, {});
      if (tensor)
        storeScalar(*tensor, 0, *content.scalar);
    } else {
      tensor = frame.tensor(operand);
      if (tensor && i >= inputs)
        tensor = tensor->clone();
    }
    if (!tensor)
      return tensor.status();
    auto access = makeAccess(*tensor, maps[i], loops);
    if (!access)
      return access.status();
    accesses.push_back(*access);
  }
  auto extents = loopExtents(accesses, maps, loops);
  auto payload = frame.payload(*op.getBlock());
  if (!extents || !payload)
    return extents ? payload.status() : extents.status();
  Payload &body = **payload;
  bool empty = host::elementCount(*extents).value_or(0) == 0;
  host::Dims at(loops, 0);
  if (!empty)
    do {
      SmallVector<int64_t, 8> positions;
      for (auto [i, access] : llvm::enumerate(accesses)) {
        int64_t position = access.start;
        for (size_t d = 0; d < loops; ++d)
          position += at[d] * access.steps[d];
        positions.push_back(position);
        body.argument(unsigned(i)) = loadScalar(access.tensor, position);
      }
      body.setCoordinates(at);
      body.run();
      for (unsigned i = 0; i < body.numResults(); ++i)
        storeScalar(accesses[inputs + i].tensor, positions[inputs + i], body.result(i));
    } while (host::nextIndex(at, *extents));
  if (!body.fault().empty())
    return host::error(body.fault());
  for (unsigned i = 0; i < op->getNumResults(); ++i)
    frame.set(op->getResult(i), accesses[inputs + i].tensor);
  return host::Status::ok();
}

host::Status runEmpty(tensor::EmptyOp op, TileFrame &frame) {
  host::Dims dims, dynamic = frame.integers(op.getDynamicSizes());
  size_t next = 0;
  for (int64_t size : op.getType().getShape())
    dims.push_back(ShapedType::isDynamic(size) ? dynamic[next++] : size);
  auto out = host::HostTensor::allocate(scalarType(op.getType().getElementType()), dims);
  if (!out)
    return out.status();
  frame.set(op.getResult(), *out);
  return host::Status::ok();
}

host::Status runDim(tensor::DimOp op, TileFrame &frame) {
  auto tensor = frame.tensor(op.getSource());
  if (!tensor)
    return tensor.status();
  Scalar size;
  size.integer = tensor->dim(frame.integer(op.getIndex()));
  frame.set(op.getResult(), size);
  return host::Status::ok();
}

host::Status runCast(tensor::CastOp op, TileFrame &frame) {
  TileValue content = frame.get(op.getSource());
  frame.set(op.getResult(), content);
  return host::Status::ok();
}

} // namespace

TileExecuted runLinalg(Operation *op, TileFrame &frame) {
  if (auto structured = dyn_cast<linalg::LinalgOp>(op))
    return runGeneric(structured, frame);
  if (auto empty = dyn_cast<tensor::EmptyOp>(op))
    return runEmpty(empty, frame);
  if (auto dim = dyn_cast<tensor::DimOp>(op))
    return runDim(dim, frame);
  if (auto cast = dyn_cast<tensor::CastOp>(op))
    return runCast(cast, frame);
  return std::nullopt;
}

} // namespace cameo::evaluate
