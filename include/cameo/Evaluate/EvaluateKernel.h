// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Kernels on host memory, at two of their three levels: the reference body (what is computed) and
// the block program of a variant (which tile computes it), block by block over the whole grid.
// Compared with the graph op and with the PTX machine, the first level that differs names the
// guilty pass. A staged program (rings, tokens, matrix instructions) is refused: only the PTX
// machine runs it. Whatever a program must not do (read or write outside a view, divide a tile it
// does not have) is an error; what a load with pad `none` finds outside its view is NaN, or a
// conspicuous integer.
#pragma once

#include "cameo/Dialect/Kernel/IR/Kernel.h"
#include "cameo/Evaluate/Evaluate.h"
#include "cameo/HostOps/HostTensor.h"

namespace cameo::evaluate {

/// The arguments of a launch: flat buffers (first those that are read, then those that are written,
/// in place), the sizes, and the scalars as attributes.
struct KernelArguments {
  std::vector<host::HostTensor> buffers;
  std::vector<int64_t> sizes;
  std::vector<mlir::Attribute> scalars;
};

/// Executes the reference body.
host::Status runReference(kernel::FuncOp function, const KernelArguments &arguments);
/// Executes every block of a variant's grid, in row-major order.
host::Status runVariant(kernel::VariantOp variant, const KernelArguments &arguments);
/// The first variant whose guard holds, as the runtime chooses; alignment is not looked at.
host::Result<kernel::VariantOp> chooseVariant(kernel::FuncOp function,
                                              const KernelArguments &arguments);

} // namespace cameo::evaluate
