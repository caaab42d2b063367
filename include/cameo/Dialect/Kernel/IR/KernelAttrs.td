// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Attributes of the kernel dialect: what a load finds outside its view, how a tile is spread over
// registers, lanes and warps, and the schedules of the SIMT families.
#ifndef CAMEO_DIALECT_KERNEL_IR_KERNELATTRS
#define CAMEO_DIALECT_KERNEL_IR_KERNELATTRS

include "cameo/Dialect/Kernel/IR/KernelDialect.td"
include "cameo/Dialect/Kernel/IR/KernelInterfaces.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"

class Kernel_Attr<string name, string attrMnemonic, list<Trait> traits = []>
    : AttrDef<Kernel_Dialect, name, traits> {
  let mnemonic = attrMnemonic;
}

def Kernel_PadKind : I32EnumAttr<"PadKind", "What a load finds outside its view", [
    I32EnumAttrCase<"None", 0, "none">, I32EnumAttrCase<"Zero", 1, "zero">,
    I32EnumAttrCase<"NegInf", 2, "neg_inf">, I32EnumAttrCase<"PosInf", 3, "pos_inf">,
    I32EnumAttrCase<"One", 4, "one">]> {
  let cppNamespace = "::cameo::kernel";
  let genSpecializedAttr = 0;
}
def Kernel_PadAttr : EnumAttr<Kernel_Dialect, Kernel_PadKind, "pad"> {
  let assemblyFormat = "`<` $value `>`";
}

def Kernel_BlockAxis : I32EnumAttr<"BlockAxis", "Axis of the grid", [
    I32EnumAttrCase<"X", 0, "x">, I32EnumAttrCase<"Y", 1, "y">, I32EnumAttrCase<"Z", 2, "z">]> {
  let cppNamespace = "::cameo::kernel";
  let genSpecializedAttr = 0;
}
def Kernel_BlockAxisAttr : EnumAttr<Kernel_Dialect, Kernel_BlockAxis, "axis">;

def Kernel_LayoutAttr : Kernel_Attr<"Layout", "layout"> {
  let summary = "Where each element of a register tile lives";
  let description = [{
    A linear map over F2 from (register bit, lane bit, warp bit) to the coordinates of a tile: one basis
    vector per bit, each with one entry per dimension of the tile. The coordinate of (register, lane,
    warp) is the XOR of the vectors of its set bits. A zero vector means that the bit only replicates.

    Worked example: `tensor<2x64xf32>` on one warp with 4 registers a thread,
    `#kernel.layout<register = [[0, 1], [1, 0]], lane = [[0, 2], [0, 4], [0, 8], [0, 16], [0, 32]], warp = []>`:
    register 3 of lane 5 holds row 1, column 1 ^ 2 ^ 8 = 11.
  }];
  let parameters = (ins "unsigned":$rank,
                    ArrayRefParameter<"int32_t", "rank entries a vector">:$registers,
                    ArrayRefParameter<"int32_t", "rank entries a vector">:$lanes,
                    ArrayRefParameter<"int32_t", "rank entries a vector">:$warps);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    unsigned getNumRegisterBits() const { return getRegisters().size() / getRank(); }
    unsigned getNumLaneBits() const { return getLanes().size() / getRank(); }
    unsigned getNumWarpBits() const { return getWarps().size() / getRank(); }
    unsigned getNumRegisters() const { return 1u << getNumRegisterBits(); }
    ::llvm::ArrayRef<int32_t> getRegister(unsigned bit) const {
      return getRegisters().slice(bit * getRank(), getRank());
    }
    ::llvm::ArrayRef<int32_t> getLane(unsigned bit) const {
      return getLanes().slice(bit * getRank(), getRank());
    }
    ::llvm::ArrayRef<int32_t> getWarp(unsigned bit) const {
      return getWarps().slice(bit * getRank(), getRank());
    }
  }];
}

def Kernel_PointwiseAttr : Kernel_Attr<"Pointwise", "pointwise", [DeclareAttrInterfaceMethods<Kernel_ScheduleAttrInterface>]> {
  let summary = "Schedule of a pointwise kernel: one 1-D tile a block";
  let description = [{
    `tile` elements a block, `vector` consecutive elements a thread per access. Tile is a power of two
    and a multiple of threads x vector.
    Example: `#kernel.pointwise<tile = 1024, vector = 4>`.
  }];
  let parameters = (ins "int32_t":$tile, "int32_t":$vector);
  let assemblyFormat = "`<` struct(params) `>`";
  let genVerifyDecl = 1;
}

def Kernel_ReduceAttr : Kernel_Attr<"Reduce", "reduce", [DeclareAttrInterfaceMethods<Kernel_ScheduleAttrInterface>]> {
  let summary = "Schedule of a reduction: a tile of rows (kept) by columns (reduced)";
  let description = [{
    A block covers `rows` kept elements; `lanes` threads (a power of two) work along one row, `vector`
    consecutive columns at a time. With `whole`, the row fits `columns`, is read once and kept in
    registers; otherwise the block loops over chunks of `columns`. `lanes` = 1 is the column mode:
    neighbouring threads hold neighbouring rows.
    Example: `#kernel.reduce<rows = 4, columns = 1024, lanes = 64, vector = 4, whole = true>`.
  }];
  let parameters = (ins "int32_t":$rows, "int32_t":$columns, "int32_t":$lanes, "int32_t":$vector,
                    "bool":$whole);
  let assemblyFormat = "`<` struct(params) `>`";
  let genVerifyDecl = 1;
}

def Kernel_SerialAttr : Kernel_Attr<"Serial", "serial", [DeclareAttrInterfaceMethods<Kernel_ScheduleAttrInterface>]> {
  let summary = "Schedule of a sequential kernel: one thread a row, one column after another";
  let description = [{ Example: `#kernel.serial<rows = 128>`. }];
  let parameters = (ins "int32_t":$rows);
  let assemblyFormat = "`<` struct(params) `>`";
  let genVerifyDecl = 1;
}

#endif // CAMEO_DIALECT_KERNEL_IR_KERNELATTRS
