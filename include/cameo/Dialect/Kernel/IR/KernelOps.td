// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// All ops, types and attributes of the kernel dialect: the one file TableGen reads.
#ifndef CAMEO_DIALECT_KERNEL_IR_KERNELOPS
#define CAMEO_DIALECT_KERNEL_IR_KERNELOPS

include "cameo/Dialect/Kernel/IR/KernelAttrs.td"
include "cameo/Dialect/Kernel/IR/KernelTypes.td"
include "cameo/Dialect/Kernel/IR/KernelFuncOps.td"
include "cameo/Dialect/Kernel/IR/KernelTileOps.td"
include "cameo/Dialect/Kernel/IR/KernelStagedOps.td"

#endif // CAMEO_DIALECT_KERNEL_IR_KERNELOPS
