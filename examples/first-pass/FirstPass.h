// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef CAMEO_EXAMPLES_FIRST_PASS_H
#define CAMEO_EXAMPLES_FIRST_PASS_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/Pass.h"

namespace cameo::example {
#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "Passes.h.inc"
} // namespace cameo::example

#endif // CAMEO_EXAMPLES_FIRST_PASS_H
