// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The pass convert-graph-to-kernel: from the graph dialect to kernels with reference bodies.
#pragma once

#include "mlir/Pass/Pass.h"

namespace cameo {

#define GEN_PASS_DECL
#include "cameo/Conversion/GraphToKernel/Passes.h.inc"
#define GEN_PASS_REGISTRATION
#include "cameo/Conversion/GraphToKernel/Passes.h.inc"

} // namespace cameo
