// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The lists of dialects and passes, alphabetically. Add a new dialect or pass library here and in this
// folder's CMakeLists.txt.
#include "cameo/Registration/Registration.h"
#include "cameo/Conversion/GraphToKernel/GraphToKernel.h"
#include "cameo/Conversion/KernelToNVVM/KernelToNVVM.h"
#include "cameo/Conversion/NVVMToPTX/NVVMToPTX.h"
#include "cameo/Dialect/Graph/IR/Graph.h"
#include "cameo/Dialect/Kernel/IR/Kernel.h"
#include "cameo/Transforms/Kernel/Kernel.h"
#include "cameo/Stage/Stage.h"
#include "cameo/Transforms/Graph/Passes.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Dialect/Func/Extensions/InlinerExtension.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/UB/IR/UBOps.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Transforms/Passes.h"

void cameo::registerCameoDialects(mlir::DialectRegistry &registry) {
  registry.insert<mlir::affine::AffineDialect, mlir::arith::ArithDialect, mlir::cf::ControlFlowDialect,
                  mlir::func::FuncDialect, mlir::gpu::GPUDialect, mlir::LLVM::LLVMDialect,
                  mlir::linalg::LinalgDialect, mlir::math::MathDialect, mlir::NVVM::NVVMDialect,
                  mlir::scf::SCFDialect, mlir::tensor::TensorDialect, mlir::ub::UBDialect, mlir::vector::VectorDialect>();
  registry.insert<graph::GraphDialect, kernel::KernelDialect>();
  mlir::func::registerInlinerExtension(registry);
  registerPtxTranslations(registry);
}

void cameo::registerCameoPasses() {
  mlir::registerTransformsPasses(); // canonicalize, cse, symbol-dce, …
  graph::registerGraphPasses();
  registerConvertGraphToKernel();
  kernel::registerKernelToNVVMPasses();
  kernel::registerKernelTransformsPasses();
  kernel::registerStagePasses();
  registerNVVMToPTXPasses();
}
