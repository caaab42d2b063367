// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// PTX text from functions of the LLVM and NVVM dialects.
#ifndef CAMEO_CONVERSION_NVVMTOPTX_PASSES_TD
#define CAMEO_CONVERSION_NVVMTOPTX_PASSES_TD

include "mlir/Pass/PassBase.td"

def NVVMToPTX : Pass<"nvvm-to-ptx", "::mlir::gpu::GPUModuleOp"> {
  let summary = "Sets the attribute cameo.ptx of each gpu.module to its PTX";
  let description = [{
    Runs LLVM's optimizer and its NVPTX back end in process, without contraction or approximation.
    Fails with an error at an op that the target lacks.
  }];
  let options = [Option<"target", "target", "std::string", "\"sm_80\"", "GPU to emit for, e.g. sm_80">];
}

#endif // CAMEO_CONVERSION_NVVMTOPTX_PASSES_TD
