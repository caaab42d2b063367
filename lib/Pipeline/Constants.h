// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Constants as weights of a bundle. Data that has the bundle's layout already (a resource blob, which
// may be the mapped model file; plain dense elements) is referred to, never copied; splats and bit-packed
// booleans are streamed.
#pragma once

#include "cameo/Bundle/Bundle.h"
#include "cameo/Dialect/Graph/IR/Graph.h"

namespace cameo {

/// The data of a constant. The constant has to live until the bundle is written.
mlir::FailureOr<bundle::Weight> weightOf(graph::ConstantOp op);

} // namespace cameo
