// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the op files of this folder share: the step from an adaptor's values to types, and back.
#ifndef CAMEO_LIB_DIALECT_GRAPH_IR_OPHELPERS_H
#define CAMEO_LIB_DIALECT_GRAPH_IR_OPHELPERS_H

#include "cameo/Dialect/Graph/IR/Graph.h"

namespace cameo::graph {

/// The operand's tensor type; null for an absent optional operand.
inline TensorType typeOrNull(mlir::Value value) {
  return value ? mlir::cast<TensorType>(value.getType()) : TensorType();
}

inline llvm::LogicalResult append(InferredType type, llvm::SmallVectorImpl<mlir::Type> &results) {
  if (failed(type))
    return mlir::failure();
  results.push_back(*type);
  return mlir::success();
}

/// Fails unless 0 <= axis < rank.
llvm::LogicalResult checkAxis(int64_t axis, int64_t rank, SizeReporter &reporter);

/// Fails unless the axes are ascending and inside the rank.
llvm::LogicalResult checkAxes(llvm::ArrayRef<int64_t> axes, int64_t rank, SizeReporter &reporter);

/// Fails unless there is one entry a dimension and each is a canonical expression.
llvm::LogicalResult checkExprs(mlir::ArrayAttr exprs, int64_t rank, llvm::StringRef what,
                               SizeReporter &reporter);

/// Fails unless strides, pads and dilations have one (two) entries a window dimension, and window,
/// strides and dilations are positive.
llvm::LogicalResult checkWindow(const WindowAttrs &attrs, int64_t spatialRank,
                                SizeReporter &reporter);

} // namespace cameo::graph

#endif // CAMEO_LIB_DIALECT_GRAPH_IR_OPHELPERS_H
