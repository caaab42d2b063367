// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Passes over kernels: from reference bodies to block programs that threads carry out.
#ifndef CAMEO_TRANSFORMS_KERNEL_PASSES_TD
#define CAMEO_TRANSFORMS_KERNEL_PASSES_TD

include "mlir/Pass/PassBase.td"

def KernelSchedule : Pass<"kernel-schedule", "::mlir::ModuleOp"> {
  let summary = "Gives each kernel its variants with block programs";
  let description = [{
    Afterwards every `kernel.func` of a family that Cameo schedules (pointwise, reduce, serial, gemm) and
    that had no variant for a target has those that `chooseVariants` plans for it, best first, the last one
    without a condition; each holds a block program and says what it was scheduled as, and for which target
    (`kernel.target`; without, for the portable one). Variants that are there already, and other families,
    stay as they are. Fails with an error at a reference body that
    its family does not cover.
  }];
  let options = [ListOption<"targets", "target", "std::string", "GPUs to schedule for (default: sm_80)">];
  let dependentDialects = ["::cameo::kernel::KernelDialect"];
}

def KernelAssignLayouts : Pass<"kernel-assign-layouts", "::mlir::ModuleOp"> {
  let summary = "Spreads the tiles of block programs over registers, lanes and warps";
  let description = [{
    Afterwards every tile of a variant of a SIMT family, or of a staged program, has a layout that follows
    from the variant's schedule, and every load and store says how many consecutive elements it takes at
    once. Fails with an error at an op whose tile the schedule's threads cannot fill.
  }];
}

def KernelExpandMath : Pass<"kernel-expand-math"> {
  let summary = "Replaces functions of the math dialect by arithmetic";
  let description = [{
    Afterwards there are only operations that PTX has: elementary functions on f32 and f64 are polynomials
    with bounded error (docs/numerics.md), those on f16 and bf16 go through f32, eight-bit floats are
    converted by integer arithmetic.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::math::MathDialect",
                           "::mlir::scf::SCFDialect"];
}

#endif // CAMEO_TRANSFORMS_KERNEL_PASSES_TD
