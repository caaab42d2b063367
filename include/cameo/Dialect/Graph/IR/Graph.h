// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The public header of the graph dialect: its ops, attributes, types and size inference.
#ifndef CAMEO_DIALECT_GRAPH_IR_GRAPH_H
#define CAMEO_DIALECT_GRAPH_IR_GRAPH_H

#include "cameo/Dialect/Graph/IR/GraphEnums.h"
#include "cameo/Dialect/Graph/IR/GraphTypes.h"
#include "cameo/Dialect/Graph/IR/InferSizes.h"
#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/TensorEncoding.h"
#include "mlir/Interfaces/ControlFlowInterfaces.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "cameo/Dialect/Graph/IR/GraphDialect.h.inc"

#define GET_ATTRDEF_CLASSES
#include "cameo/Dialect/Graph/IR/GraphAttributes.h.inc"

#include "cameo/Dialect/Graph/IR/GraphInterfaces.h.inc"

#define GET_OP_CLASSES
#include "cameo/Dialect/Graph/IR/GraphOps.h.inc"

namespace cameo::graph {

/// Names of discardable attributes of a model's function, its arguments and results.
constexpr llvm::StringLiteral symbolsAttrName = "graph.symbols"; // array of #graph.symbol, on @main
constexpr llvm::StringLiteral nameAttrName = "graph.name";       // ONNX name of an input or output

/// The splat value of a constant operand as a double (integers converted), or nothing.
std::optional<double> getSplatValue(mlir::Value value);

/// True when `value` is a constant all of whose elements are `number`.
bool isSplatOf(mlir::Value value, double number);

/// A constant of `type` (static) all of whose elements are `number`, converted to its element type.
ConstantOp createSplat(mlir::OpBuilder &builder, mlir::Location location,
                       mlir::RankedTensorType type, double number);

} // namespace cameo::graph

#endif // CAMEO_DIALECT_GRAPH_IR_GRAPH_H
