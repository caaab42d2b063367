// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// `convert-kernel-to-nvvm`: each kernel.variant becomes an `llvm.func` in a gpu.module, op by op. Two
// stages: tiles become vectors of a thread's registers (patterns below, over arith, vector, scf and the
// llvm dialect), then everything becomes the llvm dialect. Nothing is decided here: layouts, vector
// widths and guards come in as attributes.
//
// The type of a tile's register vector depends on its layout, which is an attribute of the op that
// makes it, not part of its type. A type converter that is asked for a loop-carried value no longer
// finds that op; so the layouts are collected per value, in one walk, before the conversion starts.
#ifndef CAMEO_CONVERSION_KERNELTONVVM_KERNELTONVVM_H
#define CAMEO_CONVERSION_KERNELTONVVM_KERNELTONVVM_H

#include "cameo/Dialect/Kernel/Layout/LinearLayout.h"

#include "mlir/Pass/Pass.h"
#include "mlir/Transforms/DialectConversion.h"

namespace mlir {
class ModuleOp;
namespace gpu {
class GPUModuleOp;
}
} // namespace mlir

namespace cameo::kernel {

/// Buffers become `!llvm.ptr<1>`, tiles `vector<registers x T>`; views stay until nothing uses them.
/// Staged types are added by `addStagedConversions`.
class KernelTypeConverter : public mlir::TypeConverter {
public:
  explicit KernelTypeConverter(mlir::MLIRContext *context);

  /// Collects the layout of every tile below `root`, through loop-carried values. Emits an error and
  /// fails where a tile has none or two.
  mlir::LogicalResult collectLayouts(mlir::Operation *root);
  /// The layout of a tile value, or null.
  LayoutAttr layoutOf(mlir::Value tile) const { return layouts.lookup(tile); }
  void setLayout(mlir::Value tile, LayoutAttr layout) { layouts[tile] = layout; }

private:
  llvm::DenseMap<mlir::Value, LayoutAttr> layouts;
};

/// The flat view op (strided or computed) that defines a view value.
bool isViewOp(mlir::Operation *op);

/// The thread's number in its block, or in its role (lane bits, then warp bits), as i32.
mlir::Value threadNumber(mlir::OpBuilder &builder, mlir::Location loc, mlir::Operation *at);

/// The coordinates (index values) of the thread's register 0 under `layout`.
llvm::SmallVector<mlir::Value> threadCoordinates(mlir::OpBuilder &builder, mlir::Location loc,
                                                 mlir::Operation *at, LayoutAttr layout);

/// Patterns of the tile level: views, loads, stores, scatters, linalg on tiles, reductions.
void populateKernelTileToNVVMPatterns(KernelTypeConverter &converter, mlir::RewritePatternSet &patterns);
/// Marks legal and illegal ops of the first stage.
void configureTileTarget(KernelTypeConverter &converter, mlir::ConversionTarget &target);

/// The staged half (StagedToNVVM.cpp): types, patterns, and the lowering of roles, which comes last.
void addStagedConversions(KernelTypeConverter &converter);
void populateKernelStagedToNVVMPatterns(KernelTypeConverter &converter,
                                        mlir::RewritePatternSet &patterns);
mlir::LogicalResult lowerRoles(mlir::Operation *function);

/// Converts every variant of `module`'s kernels into an entry of the new gpu.module of its target; that of
/// the first is returned (null, without diagnostics, when there is none). The kernels stay where they are.
mlir::FailureOr<mlir::gpu::GPUModuleOp> convertKernelsToNVVM(mlir::ModuleOp module);

#define GEN_PASS_DECL
#include "cameo/Conversion/KernelToNVVM/Passes.h.inc"
#define GEN_PASS_REGISTRATION
#include "cameo/Conversion/KernelToNVVM/Passes.h.inc"

} // namespace cameo::kernel

#endif // CAMEO_CONVERSION_KERNELTONVVM_KERNELTONVVM_H
