// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Kernels as functions: definition, variants, and the host's side (allocate, launch).
#ifndef CAMEO_DIALECT_KERNEL_IR_KERNELFUNCOPS
#define CAMEO_DIALECT_KERNEL_IR_KERNELFUNCOPS

include "cameo/Dialect/Kernel/IR/KernelAttrs.td"
include "mlir/IR/BuiltinAttributeInterfaces.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def Kernel_FuncOp : Kernel_Op<"func", [IsolatedFromAbove, NoTerminator, Symbol]> {
  let summary = "A kernel: a reference body and the variants that compute it";
  let description = [{
    Arguments, in this order: flat buffers that are read, flat buffers that are written (`outs`; their
    contents before the launch can be read by `kernel.scatter` alone), sizes of type `index`, scalars.
    Shapes and strides live in views. In expressions (guards, grids) size argument k is named `s<k>`.

    Example:
    ```mlir
    kernel.func @copy(%x: tensor<?xf32>) outs(%z: tensor<?xf32>) sizes(%n: index)
        attributes {family = "pointwise"} {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %xv = kernel.strided_view %x offset(%c0) sizes(%n) strides(%c1) : tensor<?xf32> -> tensor<?xf32>
      %zv = kernel.strided_view %z offset(%c0) sizes(%n) strides(%c1) : tensor<?xf32> -> tensor<?xf32>
      kernel.write %xv, %zv : tensor<?xf32>, tensor<?xf32>
      kernel.end
    }
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, StrAttr:$family, I32Attr:$num_ins, I32Attr:$num_outs,
                       I32Attr:$num_sizes, OptionalAttr<StrArrayAttr>:$nodes,
                       OptionalAttr<StrArrayAttr>:$facts);
  let regions = (region SizedRegion<1>:$body, MaxSizedRegion<1>:$variants);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let skipDefaultBuilders = 1;
  let builders = [
    OpBuilder<(ins "::llvm::StringRef":$name, "::llvm::StringRef":$family, "::mlir::TypeRange":$ins,
                   "::mlir::TypeRange":$outs, "unsigned":$numSizes,
                   CArg<"::mlir::TypeRange", "{}">:$scalars)>];
  let extraClassDeclaration = [{
    ::mlir::Block &getEntry() { return getBody().front(); }
    unsigned getNumBuffers() { return getNumIns() + getNumOuts(); }
    ::mlir::Block::BlockArgListType getArguments() { return getEntry().getArguments(); }
    ::llvm::ArrayRef<::mlir::BlockArgument> getInsArgs() { return argSlice(0, getNumIns()); }
    ::llvm::ArrayRef<::mlir::BlockArgument> getOutsArgs() { return argSlice(getNumIns(), getNumOuts()); }
    ::llvm::ArrayRef<::mlir::BlockArgument> getSizeArgs() { return argSlice(getNumBuffers(), getNumSizes()); }
    ::llvm::ArrayRef<::mlir::BlockArgument> getScalarArgs() {
      unsigned first = getNumBuffers() + getNumSizes();
      return argSlice(first, getArguments().size() - first);
    }
    /// The variants in order of trial.
    ::llvm::SmallVector<VariantOp, 4> getVariantOps();
    /// Appends an empty variant whose entry block has this function's arguments (no kernel.end yet).
    VariantOp addVariant(::llvm::StringRef name, ::llvm::StringRef guard,
                         ::llvm::ArrayRef<std::string> grid, int32_t threads,
                         ::mlir::Attribute schedule, ::llvm::ArrayRef<int32_t> align = {});
  private:
    ::llvm::ArrayRef<::mlir::BlockArgument> argSlice(unsigned first, unsigned count) {
      return ::llvm::ArrayRef<::mlir::BlockArgument>(getArguments().begin(), getArguments().end())
          .slice(first, count);
    }
  public:
  }];
}

def Kernel_VariantOp : Kernel_Op<"variant", [IsolatedFromAbove, HasParent<"FuncOp">,
                                            SingleBlockImplicitTerminator<"EndOp">]> {
  let summary = "One schedule of a kernel, with the guard that admits it";
  let description = [{
    The program of one thread block. `guard` and the three `grid` extents are size expressions over
    `s0, s1, ...`; `align` asks for a byte alignment of each buffer argument (0: its element's size);
    `index64` says that element offsets may exceed 31 bits. `shared_bytes` is the dynamic shared memory.
    Variants are tried in order at launch, the last guard is "1".
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, StrAttr:$guard, StrArrayAttr:$grid, I32Attr:$threads,
                       OptionalAttr<DenseI32ArrayAttr>:$align, OptionalAttr<AnyAttr>:$schedule,
                       UnitAttr:$index64, DefaultValuedAttr<I32Attr, "0">:$shared_bytes);
  let regions = (region SizedRegion<1>:$body);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    ::mlir::Block &getEntry() { return getBody().front(); }
    FuncOp getFunc() { return ::llvm::cast<FuncOp>((*this)->getParentOp()); }
    /// The arguments of this variant's block, grouped as the function's.
    ::mlir::BlockArgument getBuffer(unsigned i) { return getEntry().getArgument(i); }
    ::mlir::BlockArgument getSize(unsigned i) {
      return getEntry().getArgument(getFunc().getNumBuffers() + i);
    }
    /// The PTX entry's name: <kernel>_<variant>.
    std::string getEntryName();
    /// The byte alignment asked of buffer i, 0 when none is.
    int32_t getAlignOf(unsigned i) { return getAlign() && i < getAlign()->size() ? (*getAlign())[i] : 0; }
  }];
}

def Kernel_EndOp : Kernel_Op<"end", [Pure, Terminator, ParentOneOf<["FuncOp", "VariantOp"]>]> {
  let summary = "Ends a kernel's body or variant";
  let assemblyFormat = "attr-dict";
}

def Kernel_LaunchOp : Kernel_Op<"launch", [Pure, DeclareOpInterfaceMethods<SymbolUserOpInterface>,
                                          AttrSizedOperandSegments]> {
  let summary = "Calls a kernel from the host function";
  let description = [{
    Destination passing: result i is the outs operand i after the kernel has written it. `sizes` are size
    expressions over the model's symbols, one per size argument; `scalars` are typed attributes, one per
    scalar argument.

    Example:
    ```mlir
    %r = kernel.launch @copy ins(%x : tensor<8xf32>) outs(%z : tensor<8xf32>) sizes ["8"]
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$callee, Variadic<AnyRankedTensor>:$ins,
                       Variadic<AnyRankedTensor>:$outs, StrArrayAttr:$sizes,
                       OptionalAttr<ArrayAttr>:$scalars);
  let results = (outs Variadic<AnyRankedTensor>:$results);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let skipDefaultBuilders = 1;
  let builders = [
    OpBuilder<(ins "FuncOp":$callee, "::mlir::ValueRange":$ins, "::mlir::ValueRange":$outs,
                   "::llvm::ArrayRef<std::string>":$sizes,
                   CArg<"::llvm::ArrayRef<::mlir::Attribute>", "{}">:$scalars)>];
}

def Kernel_AllocOp : Kernel_Op<"alloc"> {
  let summary = "A fresh buffer for a tensor of the host function; contents undefined";
  let description = [{ Example: `%z = kernel.alloc : tensor<8xf32>`. }];
  let results = (outs Res<AnyRankedTensor, "", [MemAlloc]>:$result);
  let assemblyFormat = "attr-dict `:` type($result)";
}

#endif // CAMEO_DIALECT_KERNEL_IR_KERNELFUNCOPS
