// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Verification of the attributes that carry sizes and symbols. A type with wrong sizes can never be
// built, so everything below may rely on canonical texts and matching ranks.
#include "cameo/Dialect/Graph/IR/Graph.h"

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

} // namespace cameo::graph
