// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// PTX text from a gpu.module of llvm.funcs, in process: LLVM IR, O3, the NVPTX back end. Contraction is
// off (`add.rn`, `mul.rn`; `fma.rn` only where the program has a fused operation), division and square
// root are rounded, denormals stay. LLVM ends the process on an op that a target lacks, so everything
// is checked against the target table first and refused by name.
#ifndef CAMEO_CONVERSION_NVVMTOPTX_NVVMTOPTX_H
#define CAMEO_CONVERSION_NVVMTOPTX_NVVMTOPTX_H

#include "cameo/Model/Target.h"

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Pass/Pass.h"

#include <string>
#include <vector>

namespace cameo {

/// Translations that `emitPtx` needs; call once on the registry of the context.
void registerPtxTranslations(mlir::DialectRegistry &registry);

/// The PTX of all kernels in `module` for `target`. A failure has been reported at the op at fault.
mlir::FailureOr<std::string> emitPtx(mlir::gpu::GPUModuleOp module, const Target &target);

/// What ptxas says of a PTX text; for tests. `found` is false where there is no ptxas to ask.
struct AssemblyReport {
  struct Kernel {
    std::string name;
    int registers = 0;
    int spillStores = 0, spillLoads = 0; ///< bytes
    int sharedBytes = 0;
  };
  bool found = false, ok = false;
  std::vector<Kernel> kernels;
  std::vector<std::string> advisories; ///< lines with a C75xx or C76xx code
  std::string log;
};
AssemblyReport assemblePtx(const std::string &ptx, const Target &target);

#define GEN_PASS_DECL
#include "cameo/Conversion/NVVMToPTX/Passes.h.inc"
#define GEN_PASS_REGISTRATION
#include "cameo/Conversion/NVVMToPTX/Passes.h.inc"

} // namespace cameo

#endif // CAMEO_CONVERSION_NVVMTOPTX_NVVMTOPTX_H
