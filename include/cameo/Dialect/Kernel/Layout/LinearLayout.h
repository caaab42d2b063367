// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// How a tile of elements is spread over a thread block. A thread is named by the bits of (warp, lane),
// its share of the tile by the bits of a register number. A layout assigns each bit a basis vector,
// and an element's coordinate is the XOR of the vectors of the set bits:
//
//     tile 4 x 8, 2 registers, lanes 0-7, 2 warps       register bit 0 -> (0, 1)
//                                                       lane bit 0 -> (0, 2), bit 1 -> (0, 4), bit 2 -> (1, 0)
//                                                       warp bit 0 -> (2, 0)
//     register 1 of lane 6 of warp 1: (0,1) ^ (0,4) ^ (1,0) ^ (2,0) = row 3, column 5
//
// Everything that schedules and lowers tiles is algebra on these vectors: slicing away a reduced
// dimension drops one entry of each; a lane bit whose vector is zero only replicates, so a shuffle
// across it combines, and a store asks it to be 0. The `#kernel.layout` attribute holds the vectors;
// the functions here compute with it. Lowering needs thread and register parts to have disjoint bits
// (then XOR is addition), which `isDisjoint` tells.
#ifndef CAMEO_DIALECT_KERNEL_LAYOUT_LINEARLAYOUT_H
#define CAMEO_DIALECT_KERNEL_LAYOUT_LINEARLAYOUT_H

#include "cameo/Dialect/Kernel/IR/Kernel.h"

#include "mlir/IR/AffineMap.h"

namespace cameo::kernel {

using Coordinates = llvm::SmallVector<int32_t, 4>;

/// One dimension's part of a blocked layout: extents are powers of two, registers innermost.
struct BlockedDim {
  int32_t vector = 1; ///< consecutive elements in consecutive registers
  int32_t lanes = 1;  ///< lanes along this dimension
  int32_t warps = 1;  ///< warps along this dimension
};

/// A layout for `shape`: along each dimension `vector` elements a thread, then lanes, then warps, then
/// registers again until the dimension is covered. `order` lists the dimensions fastest first, for
/// lanes, warps and registers alike. Nothing when lanes and warps do not fit in the shape.
LayoutAttr makeBlockedLayout(mlir::MLIRContext *context, llvm::ArrayRef<int64_t> shape,
                             llvm::ArrayRef<BlockedDim> dims, llvm::ArrayRef<unsigned> order);

/// The coordinates that register `index` adds to its thread's.
Coordinates registerCoordinates(LayoutAttr layout, unsigned index);
/// The register whose coordinates are `wanted`, if any.
std::optional<unsigned> findRegister(LayoutAttr layout, llvm::ArrayRef<int32_t> wanted);

/// The layout of an operand that is accessed with `map` (domain dimensions to operand dimensions: a
/// projected permutation, zeros allowed) when the domain is spread as `domain`. Register bits that only
/// replicate disappear.
LayoutAttr projectLayout(LayoutAttr domain, mlir::AffineMap map);
/// The layout after `dims` have been reduced away.
LayoutAttr dropDims(LayoutAttr layout, llvm::ArrayRef<int64_t> dims);

/// Bits of the thread number (lane bits, then warp bits) whose vectors are zero: replicas.
uint32_t replicaMask(LayoutAttr layout);
/// True when no coordinate bit is set by two basis vectors.
bool isDisjoint(LayoutAttr layout);
/// How many consecutive coordinates along `dim`, from 0 on, the registers of one thread hold; `withLanes`: such registers of
/// the lanes side by side, which one access of a warp takes. A power of two.
int64_t runAlong(LayoutAttr layout, unsigned dim, bool withLanes);
/// The same tile with runs of `count` (a power of two) elements along `dim` in the first registers of each thread: lanes
/// give their bits for such runs and take other register bits, along `dim` first; warps keep theirs. Null where registers
/// and lanes hold no such runs, or where threads replicate.
LayoutAttr withRunsAlong(LayoutAttr layout, unsigned dim, int64_t count);

/// A register bit and a lane bit that change places.
struct LaneSwap {
  unsigned reg, lane;
};
/// What has to change places in `from` for `to`, up to the order of registers. Nothing where warps take part, where threads
/// replicate, or where a lane's vector is neither kept nor a register's.
std::optional<llvm::SmallVector<LaneSwap>> laneSwaps(LayoutAttr from, LayoutAttr to);
/// `layout` after these.
LayoutAttr swapped(LayoutAttr layout, llvm::ArrayRef<LaneSwap> swaps);

/// Registers of a thread; the product with the threads that do not replicate covers the tile.
inline unsigned registersOf(LayoutAttr layout) { return layout.getNumRegisters(); }

/// The `layout` attribute of an op, or null.
LayoutAttr layoutOf(mlir::Operation *op);

} // namespace cameo::kernel

#endif // CAMEO_DIALECT_KERNEL_LAYOUT_LINEARLAYOUT_H
