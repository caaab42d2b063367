// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// From kernels with layouts to functions of the LLVM and NVVM dialects.
#ifndef CAMEO_CONVERSION_KERNELTONVVM_PASSES_TD
#define CAMEO_CONVERSION_KERNELTONVVM_PASSES_TD

include "mlir/Pass/PassBase.td"

def ConvertKernelToNVVM : Pass<"convert-kernel-to-nvvm", "::mlir::ModuleOp"> {
  let summary = "Adds gpu.module @cameo_kernels with one llvm.func per kernel variant";
  let description = [{
    Afterwards each `kernel.variant` has an entry of its name in the new `gpu.module` of its target (of the
    portable one @cameo_kernels, of sm_120 @cameo_kernels_sm_120); the kernels stay where they are. Nothing is decided here: layouts, vector widths and guards come in as attributes.
  }];
  let dependentDialects = ["::mlir::cf::ControlFlowDialect", "::mlir::gpu::GPUDialect",
                           "::mlir::LLVM::LLVMDialect", "::mlir::NVVM::NVVMDialect",
                           "::mlir::ub::UBDialect", "::mlir::vector::VectorDialect"];
}

#endif // CAMEO_CONVERSION_KERNELTONVVM_PASSES_TD
