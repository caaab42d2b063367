// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Rewrites a reference body for one tile: what one block computes. Private to this library.
#ifndef CAMEO_LIB_TRANSFORMS_KERNEL_BLOCKPROGRAM_H
#define CAMEO_LIB_TRANSFORMS_KERNEL_BLOCKPROGRAM_H

#include "cameo/Transforms/Kernel/Kernel.h"

#include "mlir/IR/IRMapping.h"

namespace cameo::kernel {

/// How a block walks its tile of the domain.
struct TileWalk {
  llvm::SmallVector<int64_t> tile; ///< [elements], or [rows, columns]
  bool loop = false;               ///< columns are chunks of a loop over d1
  bool ordered = false;            ///< everything over d1 in one loop, in order (serial)
};

/// Fills `variant` (arguments, no body yet) with the block program of its kernel's reference body.
mlir::LogicalResult buildBlockProgram(VariantOp variant, const TileWalk &walk);

} // namespace cameo::kernel

#endif // CAMEO_LIB_TRANSFORMS_KERNEL_BLOCKPROGRAM_H
