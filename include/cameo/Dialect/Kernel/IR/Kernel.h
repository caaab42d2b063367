// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The kernel dialect for C++: dialect, enums, attributes, types and ops. Sizes are elements, alignments
// and shared memory are bytes.
#ifndef CAMEO_DIALECT_KERNEL_IR_KERNEL_H
#define CAMEO_DIALECT_KERNEL_IR_KERNEL_H

#include "cameo/Dialect/Kernel/IR/StagedEnums.h"
#include "cameo/Model/Target.h"
#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "cameo/Dialect/Kernel/IR/KernelDialect.h.inc"
#include "cameo/Dialect/Kernel/IR/KernelEnums.h.inc"
#include "cameo/Dialect/Kernel/IR/KernelInterfaces.h.inc"

#define GET_ATTRDEF_CLASSES
#include "cameo/Dialect/Kernel/IR/KernelAttributes.h.inc"

#define GET_TYPEDEF_CLASSES
#include "cameo/Dialect/Kernel/IR/KernelTypes.h.inc"

#define GET_OP_CLASSES
#include "cameo/Dialect/Kernel/IR/KernelOps.h.inc"

#endif // CAMEO_DIALECT_KERNEL_IR_KERNEL_H
