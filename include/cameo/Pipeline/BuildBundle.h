// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The last stage: a compiled module becomes the plain description of a bundle.
#pragma once

#include "cameo/Bundle/Bundle.h"

#include "mlir/IR/BuiltinOps.h"

#include <string>
#include <vector>

namespace cameo {

/// PTX of all kernels of a module for one target.
struct PtxImage {
  std::string target; ///< "sm_80"
  std::string text;
};

/// Describes `module` (after stage *emit*: @main of launches, kernels with their variants) as a bundle
/// with the given images, each a module with the variants for its target. Weights refer to memory of the module, which has to live until the bundle is
/// written. Fails after an error at the op at fault.
mlir::FailureOr<BundleDesc> buildBundle(mlir::ModuleOp module, std::vector<PtxImage> images);

} // namespace cameo
