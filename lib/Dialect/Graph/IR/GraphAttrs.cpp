// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Verification of the attributes that carry sizes and symbols. A type with wrong sizes can never be
// built, so everything below may rely on canonical texts and matching ranks.
#include "cameo/Dialect/Graph/IR/Graph.h"
#include "mlir/Interfaces/FunctionInterfaces.h"

using namespace mlir;

namespace cameo::graph {

LogicalResult SizesAttr::verify(function_ref<InFlightDiagnostic()> emitError, ArrayAttr exprs) {
  for (Attribute expr : exprs) {
    auto text = dyn_cast<StringAttr>(expr);
    if (!text)
      return emitError() << "sizes are strings, got " << expr;
    std::string error;
    if (!isCanonicalSize(text.getValue(), error))
      return emitError() << "size expression: " << error;
  }
  return success();
}

LogicalResult SizesAttr::verifyEncoding(ArrayRef<int64_t> shape, Type,
                                        function_ref<InFlightDiagnostic()> emitError) const {
  if (shape.size() != getExprs().size())
    return emitError() << "a tensor of rank " << shape.size() << " with " << getExprs().size()
                       << " sizes";
  if (!ShapedType::isDynamicShape(shape))
    return emitError() << "a static tensor carries no sizes";
  for (auto [dim, expr] : llvm::enumerate(getExprs().getAsRange<StringAttr>())) {
    std::optional<int64_t> constant = getSizeExpr(expr.getValue()).asConstant();
    bool isStatic = !ShapedType::isDynamic(shape[dim]);
    if (isStatic ? constant != shape[dim] : constant && *constant >= 0)
      return emitError() << "dimension " << dim << " is "
                         << (isStatic ? std::to_string(shape[dim]) : std::string("dynamic"))
                         << " in the type and '" << expr.getValue() << "' in the sizes";
  }
  return success();
}

LogicalResult SymbolAttr::verify(function_ref<InFlightDiagnostic()> emitError, StringAttr name,
                                 int64_t input, int64_t dim) {
  if (name.empty())
    return emitError() << "a symbol has a name";
  if (input < 0 || dim < 0)
    return emitError() << "symbol '" << name.getValue() << "': input and dim are not negative";
  return success();
}

/// A declared symbol is exactly the size of the dimension it says it is read from.
static LogicalResult verifySymbol(FunctionOpInterface function, SymbolAttr symbol) {
  ArrayRef<Type> inputs = function.getArgumentTypes();
  StringRef name = symbol.getName().getValue();
  auto tensor = size_t(symbol.getInput()) < inputs.size()
                    ? dyn_cast<RankedTensorType>(inputs[symbol.getInput()])
                    : RankedTensorType();
  if (!tensor || symbol.getDim() >= tensor.getRank())
    return function.emitOpError() << "symbol '" << name << "' is read from dimension "
                                  << symbol.getDim() << " of input " << symbol.getInput()
                                  << ", which does not exist";
  SizeExpr size = getSize(tensor, symbol.getDim());
  if (size == SizeExpr::symbol({name.data(), name.size()}))
    return success();
  return function.emitOpError() << "symbol '" << name << "' is read from dimension "
                                << symbol.getDim() << " of input " << symbol.getInput()
                                << ", whose size is '" << size.str() << "'";
}

LogicalResult GraphDialect::verifyOperationAttribute(Operation *op, NamedAttribute attribute) {
  if (attribute.getName() != symbolsAttrName)
    return success();
  auto function = dyn_cast<FunctionOpInterface>(op);
  auto symbols = dyn_cast<ArrayAttr>(attribute.getValue());
  if (!function || !symbols)
    return op->emitOpError() << symbolsAttrName << " is an array of #graph.symbol on a function";
  for (Attribute element : symbols) {
    auto symbol = dyn_cast<SymbolAttr>(element);
    if (!symbol)
      return op->emitOpError() << symbolsAttrName << " holds " << element << ", no #graph.symbol";
    if (failed(verifySymbol(function, symbol)))
      return failure();
  }
  return success();
}

} // namespace cameo::graph
