// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What ops of the graph dialect have in common, for passes and for the planning of kernels.
#ifndef CAMEO_DIALECT_GRAPH_IR_OPCLASSES_H
#define CAMEO_DIALECT_GRAPH_IR_OPCLASSES_H

#include "mlir/IR/Operation.h"

namespace cameo::graph {

/// Whether each element of the result is computed from the elements of the same coordinate, up to
/// broadcasting, of the operands.
bool isPointwise(mlir::Operation *op);

} // namespace cameo::graph

#endif // CAMEO_DIALECT_GRAPH_IR_OPCLASSES_H
