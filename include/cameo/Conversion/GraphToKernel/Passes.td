// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef CAMEO_CONVERSION_GRAPHTOKERNEL_PASSES
#define CAMEO_CONVERSION_GRAPHTOKERNEL_PASSES

include "mlir/Pass/PassBase.td"

def ConvertGraphToKernel : Pass<"convert-graph-to-kernel", "::mlir::ModuleOp"> {
  let summary = "Put every compute op into exactly one kernel (stage partition)";
  let description = [{
    Groups the ops of each model function into kernels: pointwise ops and views are recomputed by index
    inside the kernel that uses them; at most one op per kernel keeps loops of its own. Each group
    becomes a `kernel.func` with a reference body (equal bodies are one kernel) and a `kernel.launch`.

    Afterwards the function holds only constants, `graph.read_sizes`, `graph.reshape` (the same memory),
    `kernel.alloc` and `kernel.launch`; its attribute `cameo.checks` lists the conditions on sizes that
    the launch must check, and a launch's `stored_because` says why its results are in memory.
    Fails, with an error at each, if an op has no kernel.
  }];
  let dependentDialects = ["::cameo::kernel::KernelDialect", "::mlir::linalg::LinalgDialect",
                           "::mlir::arith::ArithDialect", "::mlir::math::MathDialect",
                           "::mlir::tensor::TensorDialect"];
}

#endif // CAMEO_CONVERSION_GRAPHTOKERNEL_PASSES
