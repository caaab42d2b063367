// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Registration of the dialect, its generated definitions, and the pieces of assembly format that
// several ops share.
#include "cameo/Dialect/Graph/IR/Graph.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace cameo::graph;

#include "cameo/Dialect/Graph/IR/GraphDialect.cpp.inc"
#include "cameo/Dialect/Graph/IR/GraphEnums.cpp.inc"
#include "cameo/Dialect/Graph/IR/GraphInterfaces.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "cameo/Dialect/Graph/IR/GraphAttributes.cpp.inc"

void GraphDialect::initialize() {
  addOperations<
#define GET_OP_LIST
#include "cameo/Dialect/Graph/IR/GraphOps.cpp.inc"
      >();
  addAttributes<
#define GET_ATTRDEF_LIST
#include "cameo/Dialect/Graph/IR/GraphAttributes.cpp.inc"
      >();
}

Operation *GraphDialect::materializeConstant(OpBuilder &builder, Attribute value, Type type,
                                             Location location) {
  auto elements = dyn_cast<ElementsAttr>(value);
  if (!elements || elements.getType() != type)
    return nullptr;
  return ConstantOp::create(builder, location, type, elements);
}

// `: T` when all types are equal, otherwise `: (operands) -> result`.

static ParseResult parseSameOrFunctionalTypes(OpAsmParser &parser, ArrayRef<Type *> operands,
                                              Type &result) {
  SMLoc location = parser.getCurrentLocation();
  Type type;
  if (parser.parseType(type))
    return failure();
  auto function = dyn_cast<FunctionType>(type);
  if (!function) {
    for (Type *operand : operands)
      *operand = type;
    result = type;
    return success();
  }
  if (function.getNumInputs() != operands.size() || function.getNumResults() != 1)
    return parser.emitError(location, "expected the types of ")
           << operands.size() << " operands and one result";
  for (auto [operand, input] : llvm::zip(operands, function.getInputs()))
    *operand = input;
  result = function.getResult(0);
  return success();
}

static void printSameOrFunctionalTypes(OpAsmPrinter &printer, ArrayRef<Type> operands,
                                       Type result) {
  if (llvm::all_of(operands, [&](Type operand) { return operand == result; }))
    printer << result;
  else
    printer.printFunctionalType(operands, ArrayRef<Type>(result));
}

static ParseResult parseSameOrFunctionalType(OpAsmParser &parser, Type &operand, Type &result) {
  return parseSameOrFunctionalTypes(parser, {&operand}, result);
}
static void printSameOrFunctionalType(OpAsmPrinter &printer, Operation *, Type operand,
                                      Type result) {
  printSameOrFunctionalTypes(printer, {operand}, result);
}
static ParseResult parseSameOrFunctionalType2(OpAsmParser &parser, Type &lhs, Type &rhs,
                                              Type &result) {
  return parseSameOrFunctionalTypes(parser, {&lhs, &rhs}, result);
}
static void printSameOrFunctionalType2(OpAsmPrinter &printer, Operation *, Type lhs, Type rhs,
                                       Type result) {
  printSameOrFunctionalTypes(printer, {lhs, rhs}, result);
}

#define GET_OP_CLASSES
#include "cameo/Dialect/Graph/IR/GraphOps.cpp.inc"
