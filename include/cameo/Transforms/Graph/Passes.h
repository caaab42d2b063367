// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Passes over the graph dialect. What holds after each is in its description (Passes.td).
#ifndef CAMEO_TRANSFORMS_GRAPH_PASSES_H
#define CAMEO_TRANSFORMS_GRAPH_PASSES_H

#include "cameo/Dialect/Graph/IR/Graph.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/Pass.h"

namespace cameo::graph {

#define GEN_PASS_DECL
#include "cameo/Transforms/Graph/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "cameo/Transforms/Graph/Passes.h.inc"

} // namespace cameo::graph

#endif // CAMEO_TRANSFORMS_GRAPH_PASSES_H
