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

/// Whether a convolution's kernel computes `value`: its result, or that of pointwise ops behind it that nothing else uses
/// on the way.
bool isComputedByConvolution(mlir::Value value);

/// f16 or bf16 channels of one copy of 16 bytes: images with fewer are gathered one by one wherever these lie.
inline constexpr int64_t channelsPerCopy = 8;

} // namespace cameo::graph

#endif // CAMEO_DIALECT_GRAPH_IR_OPCLASSES_H
