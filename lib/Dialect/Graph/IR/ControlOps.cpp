// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Control flow: the types that pass into and out of regions agree.
#include "OpHelpers.h"

using namespace mlir;

namespace cameo::graph {

namespace {

LogicalResult checkOneElement(Operation *op, Value value, StringRef what) {
  if (!value)
    return success();
  TensorType type = cast<TensorType>(value.getType());
  if (type.hasStaticShape() && type.getNumElements() == 1)
    return success();
  return op->emitOpError() << what << " is one element, not " << type;
}

/// Fails unless both lists are equal; `from` and `to` say whose they are.
LogicalResult checkSameTypes(Operation *op, TypeRange actual, TypeRange expected, StringRef from,
                             StringRef to) {
  if (actual.size() != expected.size())
    return op->emitOpError() << from << " has " << actual.size() << " values, " << to << " "
                             << expected.size();
  for (auto [index, types] : llvm::enumerate(llvm::zip(actual, expected)))
    if (std::get<0>(types) != std::get<1>(types))
      return op->emitOpError() << "value " << index << " of " << from << " is "
                               << std::get<0>(types) << ", of " << to << " " << std::get<1>(types);
  return success();
}

YieldOp yieldOf(Region &region) { return cast<YieldOp>(region.front().getTerminator()); }

/// The slice of a tensor along its leading axis.
Type dropLeading(Type type) {
  SmallVector<SizeExpr> sizes = getSizes(type);
  sizes.erase(sizes.begin());
  return makeTensorType(type.getContext(), cast<TensorType>(type).getElementType(), sizes);
}

/// Results collected along a new leading axis match what the body yields for them.
LogicalResult checkCollected(Operation *op, TypeRange results, TypeRange yielded) {
  SmallVector<Type> slices;
  for (Type type : results) {
    if (cast<TensorType>(type).getRank() < 1)
      return op->emitOpError() << "a collected result has rank 1 or more";
    slices.push_back(dropLeading(type));
  }
  return checkSameTypes(op, yielded, slices, "the body's collected values", "a result's slice");
}

} // namespace

//===----------------------------------------------------------------------===//
// IfOp
//===----------------------------------------------------------------------===//

void IfOp::getSuccessorRegions(RegionBranchPoint point,
                               SmallVectorImpl<RegionSuccessor> &successors) {
  if (!point.isParent()) {
    successors.push_back(RegionSuccessor(getOperation(), getResults()));
    return;
  }
  successors.push_back(RegionSuccessor(&getThenRegion()));
  successors.push_back(RegionSuccessor(&getElseRegion()));
}

LogicalResult IfOp::verify() {
  if (failed(checkOneElement(*this, getCondition(), "the condition")))
    return failure();
  for (Region *region : {&getThenRegion(), &getElseRegion()})
    if (failed(checkSameTypes(*this, yieldOf(*region).getOperandTypes(), getResultTypes(),
                              region == &getThenRegion() ? "the then body" : "the else body",
                              "the results")))
      return failure();
  return success();
}

//===----------------------------------------------------------------------===//
// LoopOp
//===----------------------------------------------------------------------===//

LogicalResult LoopOp::verify() {
  if (failed(checkOneElement(*this, getTripCount(), "the trip count")) ||
      failed(checkOneElement(*this, getCondition(), "the condition")))
    return failure();
  Block &body = getBody().front();
  Type count = RankedTensorType::get({}, IntegerType::get(getContext(), 64));
  Type condition = RankedTensorType::get({}, IntegerType::get(getContext(), 1));
  SmallVector<Type> arguments{count, condition};
  llvm::append_range(arguments, getCarried().getTypes());
  if (failed(checkSameTypes(*this, body.getArgumentTypes(), arguments, "the body's arguments",
                            "count, condition and carried values")))
    return failure();
  size_t numCarried = getCarried().size();
  TypeRange yielded = yieldOf(getBody()).getOperandTypes(), results = getResultTypes();
  if (results.size() < numCarried || yielded.size() != results.size() + 1)
    return emitOpError() << "yields " << yielded.size() << " values for " << results.size()
                         << " results and a condition";
  arguments.erase(arguments.begin());
  if (failed(checkSameTypes(*this, yielded.take_front(numCarried + 1), arguments,
                            "the body's yield", "condition and carried values")) ||
      failed(checkSameTypes(*this, results.take_front(numCarried), getCarried().getTypes(),
                            "the results", "the carried values")))
    return failure();
  return checkCollected(*this, results.drop_front(numCarried), yielded.drop_front(numCarried + 1));
}

//===----------------------------------------------------------------------===//
// ScanOp
//===----------------------------------------------------------------------===//

LogicalResult ScanOp::verify() {
  SmallVector<Type> arguments(getCarried().getTypes());
  for (Value scanned : getScanned()) {
    if (cast<TensorType>(scanned.getType()).getRank() < 1)
      return emitOpError() << "a scanned tensor has rank 1 or more";
    arguments.push_back(dropLeading(scanned.getType()));
  }
  if (failed(checkSameTypes(*this, getBody().front().getArgumentTypes(), arguments,
                            "the body's arguments", "carried values and slices")))
    return failure();
  size_t numCarried = getCarried().size();
  TypeRange yielded = yieldOf(getBody()).getOperandTypes(), results = getResultTypes();
  if (results.size() < numCarried || yielded.size() != results.size())
    return emitOpError() << "yields " << yielded.size() << " values for " << results.size()
                         << " results";
  if (failed(checkSameTypes(*this, yielded.take_front(numCarried), getCarried().getTypes(),
                            "the body's yield", "the carried values")) ||
      failed(checkSameTypes(*this, results.take_front(numCarried), getCarried().getTypes(),
                            "the results", "the carried values")))
    return failure();
  return checkCollected(*this, results.drop_front(numCarried), yielded.drop_front(numCarried));
}

} // namespace cameo::graph
