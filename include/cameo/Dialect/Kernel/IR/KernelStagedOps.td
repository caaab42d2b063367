// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The ops of the staged level, where the asynchrony of the machine is written down so that it can be
// read, checked and verified. Two forms share the ops: *written*, without cursors, offsets, counts and
// layouts; and *resolved*, where `kernel-resolve` has filled them in. Only the resolved form may be
// emitted. Slots and accumulators are linear tokens; a role's verifier follows them through loops.
// Nothing that creates a token may be Pure: CSE would merge two tokens, LICM would lift one.
#ifndef CAMEO_DIALECT_KERNEL_IR_KERNELSTAGEDOPS_TD
#define CAMEO_DIALECT_KERNEL_IR_KERNELSTAGEDOPS_TD

include "cameo/Dialect/Kernel/IR/KernelDialect.td"
include "cameo/Dialect/Kernel/IR/KernelTypes.td"
include "mlir/IR/BuiltinAttributes.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/OpBase.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

include "cameo/Dialect/Kernel/IR/KernelStagedAttrs.td"

def HasAncestorRole : PredOpTrait<"it lies in a kernel.role",
    CPred<"($_op.getParentOfType<::cameo::kernel::RoleOp>() != nullptr)">>;

class Kernel_StagedOp<string mnemonic, list<Trait> traits = []>
    : Kernel_Op<mnemonic, traits>;

def Kernel_CopyEngine : I32EnumAttr<"CopyEngine", "Who copies from global to shared memory", [
    I32EnumAttrCase<"Plain", 0, "plain">,       // a load and a store per element
    I32EnumAttrCase<"CpAsync", 1, "cp_async">,  // asynchronous copies of `bytes` by all threads
    I32EnumAttrCase<"Bulk", 2, "bulk">]> {      // one bulk tensor copy by one thread
  let cppNamespace = "::cameo::kernel";
}

def Kernel_CopyBound : I32EnumAttr<"CopyBound", "What a copy does about positions outside the view", [
    I32EnumAttrCase<"Zero", 0, "zero">,     // they arrive as zero
    I32EnumAttrCase<"Clamp", 1, "clamp">,   // the last position inside is copied instead: nobody looks at them
    I32EnumAttrCase<"Inside", 2, "inside">]> { // there are none
  let cppNamespace = "::cameo::kernel";
}

//===----------------------------------------------------------------------===//
// Roles
//===----------------------------------------------------------------------===//

def Kernel_RolesOp : Kernel_StagedOp<"roles", [NoTerminator, SingleBlock, NoRegionArguments]> {
  let summary = "The jobs that the warps of a block divide among themselves";
  let description = [{
    Holds `kernel.role`s and nothing else. Each ring is filled by exactly one role and read by at
    least one; a ring of `groups` is filled and read by the same role.

    ```mlir
    kernel.roles { kernel.role @all attributes {warps = 8} { … } }
    ```
  }];
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "attr-dict-with-keyword $body";
  let hasRegionVerifier = 1;
}

def Kernel_RoleOp : Kernel_StagedOp<"role", [NoTerminator, SingleBlock, NoRegionArguments,
                                             HasParent<"RolesOp">]> {
  let summary = "Warps with one job";
  let description = [{
    `warps` is the number of warps; `regs` the registers per thread that they give up or take
    (whole warpgroups only); `one_thread`: the first warp runs the body and one elected lane issues.
    `first_warp` and `barrier` (the id of the role's named barrier) belong to the resolved form.
    The verifier follows every token of the role: acquires are committed, waits are released, on
    all paths and once, and no slot is released that a product in flight may read.
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, I32Attr:$warps, OptionalAttr<I32Attr>:$regs,
                       UnitAttr:$one_thread, OptionalAttr<I32Attr>:$first_warp,
                       OptionalAttr<I32Attr>:$barrier);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "$sym_name attr-dict-with-keyword $body";
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
}

def Kernel_TurnOp : Kernel_StagedOp<"turn", [HasAncestorRole]> {
  let summary = "Waits until it is this role's turn in the named order";
  let arguments = (ins SymbolNameAttr:$order);
  let assemblyFormat = "$order attr-dict";
}

def Kernel_TurnNextOp : Kernel_StagedOp<"turn_next", [HasAncestorRole]> {
  let summary = "Hands the turn to the next role of the named order";
  let arguments = (ins SymbolNameAttr:$order);
  let assemblyFormat = "$order attr-dict";
}

//===----------------------------------------------------------------------===//
// Rings
//===----------------------------------------------------------------------===//

def Kernel_RingAllocOp : Kernel_StagedOp<"ring_alloc", [MemoryEffects<[MemAlloc]>]> {
  let summary = "Takes shared memory for a ring";
  let description = [{
    `offset` (bytes from the kernel's shared memory), `barriers` (bytes; `tx` only) and `readers`
    (warpgroups that release a slot; `tx` only) belong to the resolved form.
  }];
  let arguments = (ins OptionalAttr<I32Attr>:$offset, OptionalAttr<I32Attr>:$barriers,
                       OptionalAttr<I32Attr>:$readers);
  let results = (outs Kernel_Ring:$ring);
  let assemblyFormat = "attr-dict `:` type($ring)";
  let hasVerifier = 1;
}

def Kernel_CursorOp : Kernel_StagedOp<"cursor", [Pure]> {
  let summary = "The first position of a ring (resolved form)";
  let arguments = (ins Kernel_Ring:$ring);
  let results = (outs Kernel_Cursor:$cursor);
  let assemblyFormat = "$ring attr-dict `:` type($ring) `->` type($cursor)";
  let hasVerifier = 1;
}

def Kernel_AdvanceOp : Kernel_StagedOp<"advance", [Pure, SameOperandsAndResultType]> {
  let summary = "The next position: the index counts modulo the depth, the phase flips at the wrap";
  let arguments = (ins Kernel_Cursor:$cursor);
  let results = (outs Kernel_Cursor:$next);
  let assemblyFormat = "$cursor attr-dict `:` type($cursor)";
}

def Kernel_AcquireOp : Kernel_StagedOp<"acquire", [HasAncestorRole,
    TypesMatchWith<"the slot belongs to the ring", "ring", "slot",
                   "::cameo::kernel::SlotType::get($_self.getContext(), ::cameo::kernel::SlotState::Write, ::mlir::cast<::cameo::kernel::RingType>($_self))">]> {
  let summary = "Waits until the next slot is free, and takes it for writing";
  let description = [{
    To be committed once, in the same block. `covered` (resolved form): a block barrier stands
    between the slot's last release and here, so that none is needed.
  }];
  let arguments = (ins Kernel_Ring:$ring, Optional<Kernel_Cursor>:$cursor, UnitAttr:$covered);
  let results = (outs Kernel_WriteSlot:$slot);
  let assemblyFormat = "$ring (`at` $cursor^ `:` type($cursor) `in`)? attr-dict `:` type($ring)";
}

def Kernel_CommitOp : Kernel_StagedOp<"commit", [HasAncestorRole]> {
  let summary = "All copies into the slot are issued; gives the slot away";
  let arguments = (ins Kernel_WriteSlot:$slot);
  let assemblyFormat = "$slot attr-dict `:` type($slot)";
}

def Kernel_WaitOp : Kernel_StagedOp<"wait", [HasAncestorRole,
    TypesMatchWith<"the slot belongs to the ring", "ring", "slot",
                   "::cameo::kernel::SlotType::get($_self.getContext(), ::cameo::kernel::SlotState::Read, ::mlir::cast<::cameo::kernel::RingType>($_self))">]> {
  let summary = "Waits until the next slot is filled, and takes it for reading";
  let description = [{
    To be released once. `pending` (resolved form, `groups` only): younger groups that may still be
    in flight.
  }];
  let arguments = (ins Kernel_Ring:$ring, Optional<Kernel_Cursor>:$cursor,
                       OptionalAttr<I32Attr>:$pending);
  let results = (outs Kernel_ReadSlot:$slot);
  let assemblyFormat = "$ring (`at` $cursor^ `:` type($cursor) `in`)? attr-dict `:` type($ring)";
}

def Kernel_ReleaseOp : Kernel_StagedOp<"release", [HasAncestorRole]> {
  let summary = "Nothing reads the slot any more; gives it back";
  let arguments = (ins Kernel_ReadSlot:$slot);
  let assemblyFormat = "$slot attr-dict `:` type($slot)";
}

def Kernel_TensorMapOp : Kernel_StagedOp<"tensor_map", [Pure]> {
  let summary = "A tensor map over a strided view, for bulk copies";
  let description = [{
    The host encodes it; in the kernel it is one more parameter, passed by value.
    Example: `%t = kernel.tensor_map %v : tensor<?x?xbf16> -> !kernel.tmap<!box>`.
  }];
  let arguments = (ins AnyRankedTensor:$view);
  let results = (outs Kernel_Tmap:$map);
  let assemblyFormat = "$view attr-dict `:` type($view) `->` type($map)";
  let hasVerifier = 1;
}

def Kernel_CopyAsyncOp : Kernel_StagedOp<"copy_async", [HasAncestorRole]> {
  let summary = "Starts copying a tile of a view (or a tensor map's box) into one part of a slot";
  let description = [{
    `cp_async` copies `bytes` (16 unless written: 4, 8, 16) at a time and is for views that read
    memory as it is; `plain` loads and stores element by element, whatever the view computes; `bulk`
    is one bulk copy through a tensor map. Elements outside the view's sizes arrive as zero, unless
    `row_bound` or `col_bound` (cp_async only) says that there are none along the part's rows or
    columns, or that they do not matter: a copy without a test is one instruction. Clamping columns
    takes a size that is a positive multiple of a copy's elements, clamping rows a positive one.
    `dims` says which dimensions of the view run along the rows and columns of the part (the last
    two unless written); `rows_first`: neighbouring lanes go down the rows, for views whose memory
    is contiguous along them.

    ```mlir
    kernel.copy_async cp_async %x[%i, %k] -> %s[0] rows clamp cols inside : tensor<?x?xf16> -> !slot
    ```
  }];
  let arguments = (ins Kernel_CopyEngine:$engine, AnyType:$source, Variadic<Index>:$indices,
                       Kernel_WriteSlot:$slot, I64Attr:$part, OptionalAttr<DenseI64ArrayAttr>:$dims,
                       OptionalAttr<I32Attr>:$bytes, UnitAttr:$rows_first,
                       DefaultValuedAttr<Kernel_CopyBound, "CopyBound::Zero">:$row_bound,
                       DefaultValuedAttr<Kernel_CopyBound, "CopyBound::Zero">:$col_bound);
  let assemblyFormat = [{
    $engine $source `[` $indices `]` `->` $slot `[` $part `]` (`rows` $row_bound^)? (`cols` $col_bound^)? attr-dict
    `:` type($source) `->` type($slot)
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    ::cameo::kernel::SmemType getPartType();
    /// Bytes of one asynchronous copy.
    int64_t getCopyBytes();
    /// The view's dimension along the part's rows and along its columns.
    std::pair<int64_t, int64_t> getRowAndColumnDim();
  }];
}

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

def Kernel_AccEmptyOp : Kernel_StagedOp<"acc_empty", [HasAncestorRole, MemoryEffects<[MemAlloc]>]> {
  let summary = "A fresh accumulator, used up in the same block";
  let description = [{
    Result state `empty`: undefined, the first product overwrites it (wgmma). Result state
    `inflight`: zeros (fma and mma, whose products add to registers).
  }];
  let results = (outs Kernel_Acc:$acc);
  let assemblyFormat = "attr-dict `:` type($acc)";
  let hasVerifier = 1;
}

def Kernel_MmaAsyncOp : Kernel_StagedOp<"mma_async", [HasAncestorRole]> {
  let summary = "Starts acc += A * B over the k of one slot; borrows the slots, uses up the accumulator";
  let description = [{
    A is part `part_a` of the first slot, or a tensor in registers; B is part `part_b` of the second
    slot where one is given, else of the first. A part lies as rows of m (A) or n (B) with k
    contiguous, unless `trans_a` or `trans_b` says that its rows are k. Integers are signed, unless
    `unsigned_a` or `unsigned_b` says otherwise. Factors of f32 are rounded to tf32; `products = 3` multiplies
    what that cuts off, too (all but the product of both rests), and is as exact as f32.

    ```mlir
    %n = kernel.mma_async %slot, %acc : !slot, !acc -> !acc
    ```
  }];
  let arguments = (ins AnyTypeOf<[Kernel_ReadSlot, AnyRankedTensor]>:$a, Optional<Kernel_ReadSlot>:$b,
                       Kernel_Acc:$acc, DefaultValuedAttr<I64Attr, "0">:$part_a,
                       DefaultValuedAttr<I64Attr, "1">:$part_b, UnitAttr:$trans_a, UnitAttr:$trans_b,
                       UnitAttr:$unsigned_a, UnitAttr:$unsigned_b, DefaultValuedAttr<I32Attr, "1">:$products);
  let results = (outs Kernel_Acc:$result);
  let assemblyFormat = [{
    $a `,` (`b` `(` $b^ `:` type($b) `)` `,`)? $acc attr-dict
    `:` type($a) `,` type($acc) `->` type($result)
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    /// The slots that this product reads while it is in flight.
    ::llvm::SmallVector<::mlir::Value, 2> getSlots();
    ::cameo::kernel::SmemType getPartTypeA(); // null where A is in registers
    ::cameo::kernel::SmemType getPartTypeB();
    int64_t getK();
  }];
}

def Kernel_MmaWaitOp : Kernel_StagedOp<"mma_wait", [HasAncestorRole]> {
  let summary = "Waits for the accumulator's products";
  let description = [{
    Without `keep` for all of them: the result is `ready`. With `keep = n` for all but the youngest
    n: the result stays `inflight`, and the slots of the older products may be released. `pending`
    (resolved form) counts the products of *all* accumulators that the thread may leave in flight.
  }];
  let arguments = (ins Kernel_Acc:$acc, OptionalAttr<I32Attr>:$keep, OptionalAttr<I32Attr>:$pending);
  let results = (outs Kernel_Acc:$result);
  let assemblyFormat = "$acc attr-dict `:` type($acc) `->` type($result)";
  let hasVerifier = 1;
}

def Kernel_AccReadOp : Kernel_StagedOp<"acc_read", [HasAncestorRole]> {
  let summary = "The accumulator's values as a tensor in registers";
  let description = [{
    The tensor has the accumulator's rows and columns behind any number of unit dimensions. It is an
    anchor of `kernel-assign-layouts`: its layout is the engine's fragment.
  }];
  let arguments = (ins Kernel_Acc:$acc, OptionalAttr<Kernel_LayoutAttr>:$layout);
  let results = (outs AnyRankedTensor:$result);
  let assemblyFormat = "$acc attr-dict `:` type($acc) `->` type($result)";
  let hasVerifier = 1;
}

def Kernel_AccWriteOp : Kernel_StagedOp<"acc_write", [HasAncestorRole, MemoryEffects<[MemAlloc]>]> {
  let summary = "A tensor in registers becomes an accumulator (to rescale one between products)";
  let arguments = (ins AnyRankedTensor:$value);
  let results = (outs Kernel_Acc:$acc);
  let assemblyFormat = "$value attr-dict `:` type($value) `->` type($acc)";
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// What lies outside
//===----------------------------------------------------------------------===//

def Kernel_MaskOp : Kernel_StagedOp<"mask", [Pure, AllTypesMatch<["source", "result"]>]> {
  let summary = "Replaces what a predicate over the coordinates rejects";
  let description = [{
    Element (i, j) of the last two dimensions stays where `row + i >= col + j` (`causal`), or where
    `col + j < limit` (`in_bounds`, the limit is the third index); elsewhere it becomes `otherwise`.
  }];
  let arguments = (ins AnyRankedTensor:$source, StrAttr:$predicate, Variadic<Index>:$indices,
                       AnyType:$otherwise);
  let results = (outs AnyRankedTensor:$result);
  let assemblyFormat = [{
    $source `by` $predicate `(` $indices `)` `else` $otherwise attr-dict
    `:` type($source) `,` type($otherwise)
  }];
  let hasVerifier = 1;
}

#endif // CAMEO_DIALECT_KERNEL_IR_KERNELSTAGEDOPS_TD
