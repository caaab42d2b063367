// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What every schedule attribute answers: its family's name and whether a target can run it.
#ifndef CAMEO_DIALECT_KERNEL_IR_KERNELINTERFACES
#define CAMEO_DIALECT_KERNEL_IR_KERNELINTERFACES

include "mlir/IR/OpBase.td"

def Kernel_ScheduleAttrInterface : AttrInterface<"ScheduleAttrInterface"> {
  let cppNamespace = "::cameo::kernel";
  let description = [{ A schedule: the decisions that turn a reference body into one block program. }];
  let methods = [
    InterfaceMethod<"The kernel family this schedule is for, e.g. \"pointwise\".",
                    "::llvm::StringRef", "getFamily", (ins)>,
    InterfaceMethod<"Checks the schedule with `threads` threads per block against a target description.",
                    "::llvm::LogicalResult", "verifyOnTarget",
                    (ins "const ::cameo::Target &":$target, "int32_t":$threads,
                         "::llvm::function_ref<::mlir::InFlightDiagnostic()>":$emitError)>,
  ];
}

#endif // CAMEO_DIALECT_KERNEL_IR_KERNELINTERFACES
