// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// All ops of the dialect, by family.
#ifndef CAMEO_DIALECT_GRAPH_IR_GRAPHOPS_TD
#define CAMEO_DIALECT_GRAPH_IR_GRAPHOPS_TD

include "cameo/Dialect/Graph/IR/ConstantOps.td"
include "cameo/Dialect/Graph/IR/ContractionOps.td"
include "cameo/Dialect/Graph/IR/ControlOps.td"
include "cameo/Dialect/Graph/IR/ElementwiseOps.td"
include "cameo/Dialect/Graph/IR/IndexedOps.td"
include "cameo/Dialect/Graph/IR/MovementOps.td"
include "cameo/Dialect/Graph/IR/QuantOps.td"
include "cameo/Dialect/Graph/IR/ReductionOps.td"

#endif // CAMEO_DIALECT_GRAPH_IR_GRAPHOPS_TD
