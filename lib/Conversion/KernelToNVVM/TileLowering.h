// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the tile patterns share: where an element of a register tile lies in its view, and how one
// element or one vector of elements is read from or written to memory. Private to this library.
#ifndef CAMEO_LIB_CONVERSION_KERNELTONVVM_TILELOWERING_H
#define CAMEO_LIB_CONVERSION_KERNELTONVVM_TILELOWERING_H

#include "cameo/Conversion/KernelToNVVM/KernelToNVVM.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

namespace cameo::kernel {

/// Integer arithmetic on `index` that folds constants and never wraps (`nsw`), so that LLVM may widen it.
struct IndexMath {
  mlir::OpBuilder &builder;
  mlir::Location loc;

  mlir::Value constant(int64_t value);
  mlir::Value add(mlir::Value a, mlir::Value b);
  mlir::Value mul(mlir::Value a, mlir::Value b);
  mlir::Value less(mlir::Value a, mlir::Value b);
  /// Conjunction; a null operand means true.
  mlir::Value both(mlir::Value a, mlir::Value b);
};

/// The coordinates of a thread's elements: `base[d] + constants(register)[d]`.
class TileCoordinates {
public:
  /// `offsets` may be empty: tile coordinates.
  TileCoordinates(mlir::OpBuilder &builder, mlir::Location loc, mlir::Operation *at, LayoutAttr layout,
                  mlir::ValueRange offsets);
  llvm::ArrayRef<mlir::Value> base() const { return bases; }
  Coordinates constants(unsigned reg) const { return registerCoordinates(layout, reg); }
  llvm::SmallVector<mlir::Value> of(unsigned reg);
  /// Whether all coordinates of a register are below `sizes` (null: along this dimension they are); null when
  /// that needs no test.
  mlir::Value inBounds(unsigned reg, mlir::ValueRange sizes);
  /// Whether `count` consecutive coordinates along `dim` are, from that register on.
  mlir::Value inBounds(unsigned reg, mlir::ValueRange sizes, unsigned dim, int64_t count);

private:
  IndexMath math;
  LayoutAttr layout;
  llvm::SmallVector<mlir::Value> bases;
};

/// The type an element has in memory: small floats and booleans as bytes.
mlir::Type storageType(mlir::Type element);
/// From the element's register form to that, and back.
mlir::Value asStored(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value element);
mlir::Value asElement(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value stored, mlir::Type element);
/// The undefined element of `pad = none`: NaN where there is one, so that a wrong use shows.
mlir::Value padElement(mlir::OpBuilder &builder, mlir::Location loc, mlir::Type element, PadKind pad);

/// Address of element `index` (of type index) of `base`.
mlir::Value elementAddress(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value base, mlir::Type element,
                           mlir::Value index);
/// Loads or stores one element; with `ok` only where it holds (one predicated instruction, so that many
/// of them do not become many branches).
mlir::Value loadElement(mlir::OpBuilder &builder, mlir::Location loc, mlir::Type element, mlir::Value address,
                        mlir::Value ok, mlir::Value pad);
void storeElement(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value value, mlir::Value address,
                  mlir::Value ok);

/// The same for a run of elements in their storage form, 2 to 16 bytes in all and so aligned: one access.
llvm::SmallVector<mlir::Value> loadRun(mlir::OpBuilder &builder, mlir::Location loc, llvm::ArrayRef<mlir::Value> pad,
                                       mlir::Value address, mlir::Value ok);
void storeRun(mlir::OpBuilder &builder, mlir::Location loc, llvm::ArrayRef<mlir::Value> elements, mlir::Value address,
              mlir::Value ok);

/// The value of the lane whose number differs by `laneMask`, in 32-bit words. All lanes take part.
mlir::Value shuffleXor(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value value, int64_t laneMask);

/// Clones the single block of `region` with `arguments` and returns what its terminator yields.
/// `replace` may give the value of an op instead; `ok` (may be null) guards all reads of memory.
llvm::SmallVector<mlir::Value> inlineRegion(mlir::OpBuilder &builder, mlir::Region &region,
                                            mlir::ValueRange arguments, mlir::Value ok = {},
                                            llvm::function_ref<mlir::Value(mlir::Operation *)> replace = nullptr);

/// A barrier for all threads of the block, or of the role that `at` is in.
void threadBarrier(mlir::OpBuilder &builder, mlir::Location loc, mlir::Operation *at);

/// True where this thread is the one that writes: all bits of `mask` (replicas) are 0; null when
/// there are none.
mlir::Value isWriter(mlir::OpBuilder &builder, mlir::Location loc, mlir::Operation *at, uint32_t mask);

/// A shared-memory array of its own for this op (`bytes`, 16-byte aligned), as a `!llvm.ptr<3>`.
mlir::Value sharedArray(mlir::OpBuilder &builder, mlir::Location loc, mlir::Operation *at, int64_t bytes);

mlir::Value extractRegister(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value vector, unsigned reg);
mlir::Value makeVector(mlir::OpBuilder &builder, mlir::Location loc, llvm::ArrayRef<mlir::Value> elements);

void populateMemoryPatterns(KernelTypeConverter &converter, mlir::RewritePatternSet &patterns);
void populateConvertLayoutPatterns(KernelTypeConverter &converter, mlir::RewritePatternSet &patterns);
void populateComputePatterns(KernelTypeConverter &converter, mlir::RewritePatternSet &patterns);
void populateReducePatterns(KernelTypeConverter &converter, mlir::RewritePatternSet &patterns);

} // namespace cameo::kernel

#endif // CAMEO_LIB_CONVERSION_KERNELTONVVM_TILELOWERING_H
