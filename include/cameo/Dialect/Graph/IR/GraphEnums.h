// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The enumerations that name the variants of graph ops, without the ops: size inference needs only
// these.
#ifndef CAMEO_DIALECT_GRAPH_IR_GRAPHENUMS_H
#define CAMEO_DIALECT_GRAPH_IR_GRAPHENUMS_H

#include "mlir/IR/OpImplementation.h"
#include "llvm/ADT/DenseMapInfo.h"
#include "llvm/ADT/StringRef.h"

#include <cstdint>
#include <optional>

#include "cameo/Dialect/Graph/IR/GraphEnums.h.inc"

#endif // CAMEO_DIALECT_GRAPH_IR_GRAPHENUMS_H
