// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Passes that lead from block programs to staged programs in the resolved form.
#ifndef CAMEO_STAGE_STAGEPASSES_TD
#define CAMEO_STAGE_STAGEPASSES_TD

include "mlir/Pass/PassBase.td"

def KernelStageGemm : Pass<"kernel-stage-gemm", "::mlir::ModuleOp"> {
  let summary = "Rewrites block programs of the gemm family into staged programs";
  let description = [{
    Afterwards every variant with a `#kernel.gemm` schedule is a staged program in the written form: a
    role for all warps, a ring that its copies fill, products, and the epilogue cloned from the block
    program.
  }];
  let dependentDialects = ["::cameo::kernel::KernelDialect"];
}

def KernelResolve : Pass<"kernel-resolve", "::mlir::ModuleOp"> {
  let summary = "Fills in what the written form of staged programs leaves out";
  let description = [{
    Afterwards every staged program is in the resolved form, which alone may be emitted: cursors run
    through the loops, rings and barriers have their place in shared memory (`shared_bytes` of the
    variant is the total), roles their first warp and named barrier, waits their pending counts, and
    acquires say whether a barrier covers them. Idempotent.
  }];
  let dependentDialects = ["::cameo::kernel::KernelDialect"];
}

#endif // CAMEO_STAGE_STAGEPASSES_TD
