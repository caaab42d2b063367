// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Passes over kernels: `kernel-schedule` turns a reference body into variants with block programs,
// `kernel-assign-layouts` spreads the tiles of the SIMT families over threads, `kernel-expand-math`
// replaces elementary functions. Decisions live in `chooseVariants` alone; the rest obeys.
#ifndef CAMEO_TRANSFORMS_KERNEL_KERNEL_H
#define CAMEO_TRANSFORMS_KERNEL_KERNEL_H

#include "cameo/Dialect/Kernel/IR/Kernel.h"
#include "cameo/Support/SizeExpr.h"

#include "mlir/Pass/Pass.h"

#include <string>
#include <vector>

namespace cameo::kernel {

/// One decision: the schedule of a variant and when it applies.
struct VariantPlan {
  std::string name;
  std::string guard;                 ///< size expression over s0, s1, ...
  std::vector<std::string> grid;     ///< three size expressions
  int32_t threads = 0;
  mlir::Attribute schedule;
  std::vector<int32_t> align;        ///< bytes per buffer argument, 0: its element's size
  bool index64 = false;
  mlir::DictionaryAttr predicted = {}; ///< what the choice rests on, for reports; or null
};

/// The attribute of a variant that has its plan's `predicted`.
inline constexpr llvm::StringLiteral predictedAttrName = "kernel.predicted";

/// The variants of a kernel of a SIMT family, best first, the last one without condition. Fails with a
/// diagnostic for reference bodies that no family of this library covers.
mlir::FailureOr<std::vector<VariantPlan>> chooseVariants(FuncOp kernel, const Target &target);

/// Appends a variant as planned for `target`, without its program.
VariantOp addVariant(FuncOp kernel, const VariantPlan &plan, const Target &target);

/// Gives `kernel`, which has none for it, the variants for `target`, with block programs as planned.
mlir::LogicalResult scheduleKernel(FuncOp kernel, const Target &target);
/// The families that `scheduleKernel` knows.
bool isSimtFamily(llvm::StringRef family);

/// Sets the layouts and vector widths of a variant of a SIMT family.
mlir::LogicalResult assignLayouts(VariantOp variant);

/// An index value of a reference body as an expression over s0, s1, ...; nothing where it depends on
/// anything else.
std::optional<SizeExpr> sizeExprOf(mlir::Value value, FuncOp kernel);

#define GEN_PASS_DECL
#include "cameo/Transforms/Kernel/Passes.h.inc"
#define GEN_PASS_REGISTRATION
#include "cameo/Transforms/Kernel/Passes.h.inc"

} // namespace cameo::kernel

#endif // CAMEO_TRANSFORMS_KERNEL_KERNEL_H
