// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The kernel dialect itself. All op classes are instantiated here, once; parsers and verifiers lie
// with the files of their family.
#include "cameo/Dialect/Kernel/IR/Kernel.h"

#include "mlir/IR/DialectImplementation.h"
#include "mlir/IR/OpImplementation.h"

using namespace mlir;
using namespace cameo::kernel;

#include "cameo/Dialect/Kernel/IR/KernelDialect.cpp.inc"

#define GET_OP_CLASSES
#include "cameo/Dialect/Kernel/IR/KernelOps.cpp.inc"

void KernelDialect::initialize() {
  addOperations<
#define GET_OP_LIST
#include "cameo/Dialect/Kernel/IR/KernelOps.cpp.inc"
      >();
  registerAttributes();
  registerTypes();
}
