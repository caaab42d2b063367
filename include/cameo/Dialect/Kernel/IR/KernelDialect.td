// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The `kernel` dialect: who computes what the `graph` dialect means. Its ops are split by meaning over
// the files that KernelOps.td includes; this file holds the dialect itself and the base of its ops.
#ifndef CAMEO_DIALECT_KERNEL_IR_KERNELDIALECT
#define CAMEO_DIALECT_KERNEL_IR_KERNELDIALECT

include "mlir/IR/OpBase.td"

def Kernel_Dialect : Dialect {
  let name = "kernel";
  let cppNamespace = "::cameo::kernel";
  let summary = "Kernels: reference bodies, variants, block programs, staged programs";
  let description = [{
    A `kernel.func` holds a reference body (what is computed: linalg on whole tensors) and up to four
    `kernel.variant`s (which tile computes it: linalg on static tiles; later when and where). Views give
    tensor values over flat buffers; `kernel.launch` calls a kernel from the host function.
  }];
  let useDefaultTypePrinterParser = 1;
  let useDefaultAttributePrinterParser = 1;
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect",
                           "::mlir::math::MathDialect", "::mlir::scf::SCFDialect",
                           "::mlir::tensor::TensorDialect"];
  let extraClassDeclaration = [{
    void registerAttributes();
    void registerTypes();
  }];
}

class Kernel_Op<string mnemonic, list<Trait> traits = []> : Op<Kernel_Dialect, mnemonic, traits>;

#endif // CAMEO_DIALECT_KERNEL_IR_KERNELDIALECT
