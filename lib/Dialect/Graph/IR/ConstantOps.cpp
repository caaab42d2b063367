// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Constants, tensors made of sizes, and the step from data to symbols.
#include "OpHelpers.h"
#include "cameo/Dialect/Graph/IR/LoopAttrs.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/StringSet.h"

using namespace mlir;

namespace cameo::graph {

//===----------------------------------------------------------------------===//
// Splats
//===----------------------------------------------------------------------===//

std::optional<double> getSplatValue(Value value) {
  auto constant = value ? value.getDefiningOp<ConstantOp>() : ConstantOp();
  auto elements = constant ? dyn_cast<DenseElementsAttr>(constant.getValue()) : DenseElementsAttr();
  if (!elements || !elements.isSplat())
    return std::nullopt;
  Type element = elements.getElementType();
  if (isa<FloatType>(element))
    return elements.getSplatValue<APFloat>().convertToDouble();
  if (!element.isInteger())
    return std::nullopt;
  APInt bits = elements.getSplatValue<APInt>();
  bool isUnsigned = isUnsignedElement(element) || isBoolElement(element);
  return bits.roundToDouble(/*isSigned=*/!isUnsigned);
}

std::optional<int64_t> constantNumber(Value value) {
  DenseIntElementsAttr elements;
  if (!matchPattern(value, m_Constant(&elements)) || elements.getNumElements() != 1)
    return std::nullopt;
  APInt number = *elements.value_begin<APInt>();
  return isBoolElement(elements.getElementType()) ? int64_t(number.getZExtValue())
                                                  : number.getSExtValue();
}

bool isSplatOf(Value value, double number) { return getSplatValue(value) == number; }

ConstantOp createSplat(OpBuilder &builder, Location location, RankedTensorType type,
                       double number) {
  Type element = type.getElementType();
  Attribute splat;
  if (auto floatType = dyn_cast<FloatType>(element))
    splat = FloatAttr::get(floatType, number);
  else
    splat = IntegerAttr::get(element, APInt(element.getIntOrFloatBitWidth(), int64_t(number),
                                            /*isSigned=*/true, /*implicitTrunc=*/true));
  return ConstantOp::create(builder, location, DenseElementsAttr::get(type, splat));
}

//===----------------------------------------------------------------------===//
// ConstantOp
//===----------------------------------------------------------------------===//

LogicalResult ConstantOp::inferSizes(Adaptor adaptor, SizeReporter &reporter,
                                     SmallVectorImpl<Type> &results) {
  auto type = dyn_cast<RankedTensorType>(adaptor.getValue().getType());
  if (!type || !type.hasStaticShape() || type.getEncoding())
    return reporter.error("a constant is a static tensor");
  results.push_back(type);
  return success();
}

OpFoldResult ConstantOp::fold(FoldAdaptor) { return getValue(); }

//===----------------------------------------------------------------------===//
// FromSizesOp
//===----------------------------------------------------------------------===//

void FromSizesOp::build(OpBuilder &builder, OperationState &state, Type result,
                        ArrayRef<SizeExpr> sizes) {
  build(builder, state, result, graph::getSizesAttr(builder.getContext(), sizes));
}

SmallVector<SizeExpr> FromSizesOp::getSizeExprs() { return graph::getSizeExprs(getSizes()); }

LogicalResult FromSizesOp::inferOwnSizes(SizeReporter &reporter, SmallVectorImpl<Type> &results) {
  TensorType type = getType();
  Type element = type.getElementType();
  if (!isIntElement(element) && !isBoolElement(element))
    return reporter.error("from_sizes gives integers or i1");
  if (type.getRank() > 1 || !type.hasStaticShape())
    return reporter.error("from_sizes gives a scalar or a static vector");
  if (failed(checkExprs(getSizes(), type.getNumElements(), "sizes", reporter)))
    return failure();
  results.push_back(type);
  return success();
}

/// Expressions that are all constants are a constant.
OpFoldResult FromSizesOp::fold(FoldAdaptor) {
  SmallVector<APInt> values;
  unsigned width = getType().getElementType().getIntOrFloatBitWidth();
  for (const SizeExpr &size : getSizeExprs()) {
    std::optional<int64_t> constant = size.asConstant();
    if (!constant)
      return {};
    values.push_back(APInt(width, *constant, /*isSigned=*/true, /*implicitTrunc=*/true));
  }
  return DenseElementsAttr::get(getType(), values);
}

//===----------------------------------------------------------------------===//
// ReadSizesOp
//===----------------------------------------------------------------------===//

LogicalResult ReadSizesOp::verify() {
  TensorType type = getX().getType();
  Type element = type.getElementType();
  bool isReal = element.isF16() || element.isBF16() || element.isF32() || element.isF64();
  if (!isIntElement(element) && !isBoolElement(element) && !isReal)
    return emitOpError() << "reads integers and reals, not " << element;
  if (!type.hasStaticShape() || type.getNumElements() != int64_t(getSymbols().size()))
    return emitOpError() << "has " << getSymbols().size() << " symbols for " << type;
  llvm::StringSet<> seen;
  for (auto symbol : getSymbols().getAsRange<StringAttr>())
    if (symbol.getValue().empty() || !seen.insert(symbol.getValue()).second)
      return emitOpError() << "symbol " << symbol << " is empty or repeated";
  return success();
}

} // namespace cameo::graph
