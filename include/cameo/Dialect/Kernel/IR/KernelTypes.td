// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The types of the staged level. What a type converter or an expansion must know stands in the type:
// how a shared-memory tile is swizzled, which engine owns an accumulator and how many warps spread it,
// and the *state* of a token (`write`/`read`, `empty`/`inflight`/`ready`), so that most misuse of the
// machine's asynchrony is a type error. Refused: a row that does not fill its swizzle's span, rings
// of depth 1, accumulators that their engine's fragments do not tile.
#ifndef CAMEO_DIALECT_KERNEL_IR_KERNELTYPES_TD
#define CAMEO_DIALECT_KERNEL_IR_KERNELTYPES_TD

include "cameo/Dialect/Kernel/IR/KernelDialect.td"
include "mlir/IR/AttrTypeBase.td"

class Kernel_StagedType<string name, string typeMnemonic> : TypeDef<Kernel_Dialect, name> {
  let mnemonic = typeMnemonic;
  let hasCustomAssemblyFormat = 1;
  let genMnemonicAlias = 1;
  let genVerifyDecl = 1;
}

def Kernel_SmemType : Kernel_StagedType<"Smem", "smem"> {
  let summary = "A tile in shared memory and the placement of its bytes";
  let description = [{
    `!kernel.smem<128x64xbf16, sw128>`: rows x columns; columns are contiguous. The placement is one
    rule for all engines: `sw32`, `sw64` and `sw128` are the hardware's swizzles
    (`off ^= (off >> 7 & 1|3|7) << 4`) and need rows of exactly 32, 64 or 128 bytes; `pad16` and `pad32`
    put 16 or 32 bytes behind every row, and `none` nothing. Wider rows of `sw128` are cut into panels of
    128 bytes: all rows of the first, then all rows of the second.
  }];
  let parameters = (ins "int64_t":$rows, "int64_t":$cols, "::mlir::Type":$elementType,
                        "::cameo::kernel::Placement":$placement);
  let extraClassDeclaration = [{
    /// Bytes from one row to the next of a panel, the padding included.
    int64_t getPitch() const;
    int64_t getElementBytes() const;
    /// How many panels stand behind each other, and the bytes of one.
    int64_t getPanels() const;
    int64_t getPanelBytes() const { return getRows() * getPitch(); }
    /// Bytes of the whole tile, the padding included.
    int64_t getBytes() const { return getPanels() * getPanelBytes(); }
    /// How many bits of the row number are XORed into the 16-byte chunk number, and by how far the
    /// byte offset is shifted right to find them (0 bits: no swizzle).
    unsigned getSwizzleBits() const;
  }];
}

def Kernel_RingType : Kernel_StagedType<"Ring", "ring"> {
  let summary = "Slots in shared memory that are filled and read in turn";
  let description = [{
    `!kernel.ring<4 tx : !smem, !smem>`: depth, synchronisation, and the parts of one slot. One ring
    of several parts means one pair of barriers, one wait and one transaction count per k-step.
    `tx`: transaction barriers (sm_90 and newer); `groups`: cp.async groups and a block barrier.
  }];
  let parameters = (ins "int64_t":$depth, "::cameo::kernel::RingSync":$sync,
                        ArrayRefParameter<"::cameo::kernel::SmemType">:$parts);
  let extraClassDeclaration = [{
    /// Byte offset of part `index` within a slot, and the bytes of one slot (multiples of 1024 where
    /// a part is swizzled, else of 128).
    int64_t getPartOffset(unsigned index) const;
    int64_t getSlotBytes() const { return getPartOffset(getParts().size()); }
    /// The step of the ring's cursors.
    int64_t getCursorStep() const { return getSync() == RingSync::Groups ? getSlotBytes() : 1; }
    /// Bytes that the copies into one slot transfer.
    int64_t getTransactionBytes() const;
    int64_t getAlignment() const;
  }];
}

def Kernel_SlotType : Kernel_StagedType<"Slot", "slot"> {
  let summary = "The right to fill (`write`) or to read (`read`) one slot of a ring; linear";
  let parameters = (ins "::cameo::kernel::SlotState":$state, "::cameo::kernel::RingType":$ring);
}

def Kernel_AccType : Kernel_StagedType<"Acc", "acc"> {
  let summary = "An accumulator that a matrix engine owns; linear";
  let description = [{
    `!kernel.acc<128x128xf32, mma[2, 4], inflight>`: shape, engine, the grid of warps that spread it
    (rows, columns), and its state. Each warp holds a rectangle; engines differ in the fragment:
    `fma` gives each lane vectors of 16 bytes along the columns and the rows, `mma` and `wgmma` have
    the m16n8 fragment (wgmma: one column of warps, four warps for 64 rows). Bytes that shared memory
    has contiguous along the rows or columns come out of ldmatrix by twos: `paired_rows`, `paired_cols`
    or `paired` (both) behind the engine of `mma` says so, and which lane holds what follows.
    Example: `!kernel.acc<128x128xi32, mma[2, 2], paired_cols, ready>`.
  }];
  let parameters = (ins "int64_t":$rows, "int64_t":$cols, "::mlir::Type":$elementType,
                        "::cameo::kernel::Engine":$engine, "int64_t":$warpRows, "int64_t":$warpCols,
                        "::cameo::kernel::Pairing":$pairing, "::cameo::kernel::AccState":$state);
  let extraClassDeclaration = [{
    int64_t getWarps() const { return getWarpRows() * getWarpCols(); }
    int64_t getRegisters() const { return getRows() * getCols() / (getWarps() * 32); }
    AccType withState(::cameo::kernel::AccState state) const;
    bool sameAccumulator(AccType other) const { return withState(other.getState()) == other; }
  }];
}

def Kernel_CursorType : Kernel_StagedType<"Cursor", "cursor"> {
  let summary = "The position in a ring: slot index and phase (resolved form only)";
  let description = [{
    The index grows by `step` from slot to slot: by the slot's bytes where nothing but data is found by
    it (rings of cp.async groups), by 1 where barriers are too. Example: `!kernel.cursor<3, 16384>`.
  }];
  let parameters = (ins "int64_t":$depth, "int64_t":$step);
}

def Kernel_TmapType : Kernel_StagedType<"Tmap", "tmap"> {
  let summary = "A tensor map for bulk copies; its box is the tile it fills";
  let parameters = (ins "::cameo::kernel::SmemType":$box);
}

def Kernel_Ring : Type<CPred<"::mlir::isa<::cameo::kernel::RingType>($_self)">, "ring",
                       "::cameo::kernel::RingType">;
def Kernel_Slot : Type<CPred<"::mlir::isa<::cameo::kernel::SlotType>($_self)">, "slot",
                       "::cameo::kernel::SlotType">;
class Kernel_SlotIn<string state> : Type<
    CPred<"::mlir::isa<::cameo::kernel::SlotType>($_self) && ::mlir::cast<::cameo::kernel::SlotType>($_self)"
          ".getState() == ::cameo::kernel::SlotState::" # state>,
    "slot in state '" # !tolower(state) # "'", "::cameo::kernel::SlotType">;
def Kernel_WriteSlot : Kernel_SlotIn<"Write">;
def Kernel_ReadSlot : Kernel_SlotIn<"Read">;
def Kernel_Acc : Type<CPred<"::mlir::isa<::cameo::kernel::AccType>($_self)">, "accumulator",
                      "::cameo::kernel::AccType">;
def Kernel_Cursor : Type<CPred<"::mlir::isa<::cameo::kernel::CursorType>($_self)">, "cursor",
                         "::cameo::kernel::CursorType">;
def Kernel_Tmap : Type<CPred<"::mlir::isa<::cameo::kernel::TmapType>($_self)">, "tensor map",
                       "::cameo::kernel::TmapType">;

#endif // CAMEO_DIALECT_KERNEL_IR_KERNELTYPES_TD
