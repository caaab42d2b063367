// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the staged patterns share. A slot is lowered to (ring base, slot index[, full barrier]), never to
// an address: what does not depend on the index is then added to the base first and hoisted out of
// loops, and the index comes last. Private to this library.
#ifndef CAMEO_LIB_CONVERSION_KERNELTONVVM_STAGEDLOWERING_H
#define CAMEO_LIB_CONVERSION_KERNELTONVVM_STAGEDLOWERING_H

#include "TileLowering.h"

#include "cameo/Dialect/Kernel/IR/Staged.h"

namespace cameo::kernel {

/// Arithmetic on i32 that folds constants.
struct I32Math {
  mlir::OpBuilder &builder;
  mlir::Location loc;

  mlir::Value constant(int64_t value);
  mlir::Value add(mlir::Value a, mlir::Value b);
  mlir::Value add(mlir::Value a, int64_t b) { return add(a, constant(b)); }
  mlir::Value mul(mlir::Value a, int64_t b);
  mlir::Value shl(mlir::Value a, unsigned bits) { return mul(a, int64_t(1) << bits); }
  mlir::Value shr(mlir::Value a, unsigned bits);
  mlir::Value mask(mlir::Value a, int64_t mask);
  mlir::Value bitXor(mlir::Value a, mlir::Value b);
  mlir::Value index(mlir::Value a); ///< to type index
};

/// The values that stand for a slot; `index` in the cursor's steps.
struct LoweredSlot {
  mlir::Value base, index, barrier;

  explicit LoweredSlot(mlir::ValueRange values)
      : base(values[0]), index(values[1]), barrier(values.size() > 2 ? values[2] : mlir::Value()) {}
};

/// Pointer into shared memory, `offset` (i32, may be null) plus `constant` bytes behind `base`.
mlir::Value sharedAt(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value base, mlir::Value offset,
                     int64_t constant = 0);

/// Pointer to byte `offset + constant` of part `part` of a slot; the slot's index is added last.
mlir::Value slotAt(mlir::OpBuilder &builder, mlir::Location loc, RingType ring, const LoweredSlot &slot,
                   unsigned part, mlir::Value offset, int64_t constant = 0);

/// Byte offset of (row, byte `column`) in a part: the one placement rule. Values of type i32; `column`
/// in bytes.
mlir::Value placedOffset(mlir::OpBuilder &builder, mlir::Location loc, SmemType part, mlir::Value row,
                         mlir::Value column);
/// Whether adding `rows` rows to a position adds rows * pitch to its placed offset.
bool keepsPlacement(SmemType part, int64_t rows);

/// True in one lane of a warp; computed once at the entry of the op's role. sm_90 and newer.
mlir::Value electedLane(mlir::OpBuilder &builder, mlir::Location loc, mlir::Operation *at);

/// The products of one slot, per engine: adds to `acc` (one value per register) and returns it.
llvm::SmallVector<mlir::Value> multiplyFma(mlir::OpBuilder &builder, MmaAsyncOp op, LoweredSlot a,
                                           LoweredSlot b, llvm::SmallVector<mlir::Value> acc);
/// `a`: the values of a slot, or the registers of a tile.
llvm::SmallVector<mlir::Value> multiplyMma(mlir::OpBuilder &builder, MmaAsyncOp op, mlir::ValueRange a,
                                           LoweredSlot b, llvm::SmallVector<mlir::Value> acc);
llvm::SmallVector<mlir::Value> multiplyWgmma(mlir::OpBuilder &builder, MmaAsyncOp op, LoweredSlot a,
                                             LoweredSlot b, llvm::SmallVector<mlir::Value> acc);
/// wait_group with all registers tied in and out, so that nothing moves across it.
llvm::SmallVector<mlir::Value> waitWgmma(mlir::OpBuilder &builder, mlir::Location loc, int32_t pending,
                                         llvm::SmallVector<mlir::Value> acc);

void populateRingPatterns(KernelTypeConverter &converter, mlir::RewritePatternSet &patterns);
void populateCopyPatterns(KernelTypeConverter &converter, mlir::RewritePatternSet &patterns);
void populateProductPatterns(KernelTypeConverter &converter, mlir::RewritePatternSet &patterns);

} // namespace cameo::kernel

#endif // CAMEO_LIB_CONVERSION_KERNELTONVVM_STAGEDLOWERING_H
