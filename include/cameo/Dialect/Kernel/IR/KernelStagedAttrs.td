// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The schedule of the gemm family: the decisions that turn a contraction's reference body into a block
// program and then into a staged program.
#ifndef CAMEO_DIALECT_KERNEL_IR_KERNELSTAGEDATTRS_TD
#define CAMEO_DIALECT_KERNEL_IR_KERNELSTAGEDATTRS_TD

include "cameo/Dialect/Kernel/IR/KernelDialect.td"
include "cameo/Dialect/Kernel/IR/KernelAttrs.td"
include "cameo/Dialect/Kernel/IR/KernelInterfaces.td"

def Kernel_GemmEngine : I32EnumAttr<"GemmEngine", "The matrix engine of a gemm schedule", [
    I32EnumAttrCase<"Fma", 0, "fma">,          // one multiply-add an instruction
    I32EnumAttrCase<"MmaSync", 1, "mma_sync">, // factors as they are
    I32EnumAttrCase<"Tf32x3", 2, "tf32x3">,    // f32 by three products of tf32, as exact as fma
    I32EnumAttrCase<"Tf32", 3, "tf32">]> {     // f32 rounded to tf32
  let cppNamespace = "::cameo::kernel";
  let genSpecializedAttr = 0;
}

def Kernel_GemmAttr : Kernel_Attr<"Gemm", "gemm", [DeclareAttrInterfaceMethods<Kernel_ScheduleAttrInterface>]> {
  let summary = "Schedule of a contraction: block tile, warp grid, ring depth, engine, copy widths";
  let description = [{
    `tile` is m, n, k of one block step; `warps` the grid of warps over m and n; `stages` the ring's
    depth. `copyA` and `copyB` are the bytes of one asynchronous copy of each operand: 16 where the
    guard proves pitches, bases and the size of the contiguous dimension, 8 or 4 for single elements, 0
    for plain loads and stores.
    Example: `#kernel.gemm<tile = [128, 128, 16], warps = [2, 4], stages = 2, engine = fma, copyA = 4, copyB = 16>`.
  }];
  let parameters = (ins ArrayRefParameter<"int64_t">:$tile, ArrayRefParameter<"int64_t">:$warps,
                        "int64_t":$stages, EnumParameter<Kernel_GemmEngine>:$engine,
                        "int64_t":$copyA, "int64_t":$copyB);
  let assemblyFormat = [{
    `<` `tile` `=` `[` $tile `]` `,` `warps` `=` `[` $warps `]` `,` `stages` `=` $stages `,`
    `engine` `=` $engine `,` `copyA` `=` $copyA `,` `copyB` `=` $copyB `>`
  }];
  let genVerifyDecl = 1;
}

#endif // CAMEO_DIALECT_KERNEL_IR_KERNELSTAGEDATTRS_TD
