// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Discardable attributes of control flow: what is known, or has to hold, before it runs.
#ifndef CAMEO_DIALECT_GRAPH_IR_LOOPATTRS_H
#define CAMEO_DIALECT_GRAPH_IR_LOOPATTRS_H

#include "mlir/IR/Value.h"
#include "llvm/ADT/StringRef.h"

#include <optional>

namespace cameo::graph {

/// The symbol that counts iterations, which launches in the body may pass on.
constexpr llvm::StringLiteral iterationAttrName = "graph.iteration";
/// How many iterations there are, where that is known before the loop; the trip count operand is
/// gone.
constexpr llvm::StringLiteral tripCountAttrName = "graph.trip_count";

/// On graph.if: the condition as a size expression, where sizes decide it; else the symbol that the host
/// reads it into.
constexpr llvm::StringLiteral conditionAttrName = "graph.condition";
constexpr llvm::StringLiteral conditionSymbolAttrName = "graph.condition_symbol";

/// On the terminator of a block: pairs [condition on sizes, what it means if it does not hold] that have to
/// hold where the block runs, beside the conditions of size inference.
constexpr llvm::StringLiteral requiresAttrName = "graph.requires";

/// The one integer or boolean of a constant: a condition or a trip count.
std::optional<int64_t> constantNumber(mlir::Value value);

} // namespace cameo::graph

#endif // CAMEO_DIALECT_GRAPH_IR_LOOPATTRS_H
