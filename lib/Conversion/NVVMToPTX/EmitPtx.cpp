// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// From a gpu.module to PTX text: translate to LLVM IR, optimise at O3, run the NVPTX back end. Refused,
// before LLVM sees them: asynchronous copies, bulk copies, warpgroup ops and register reallocation on
// targets without them.
#include "cameo/Conversion/NVVMToPTX/NVVMToPTX.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/GPU/GPUToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/NVVM/NVVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"

#include <mutex>

using namespace mlir;
using namespace cameo;

void cameo::registerPtxTranslations(DialectRegistry &registry) {
  registerBuiltinDialectTranslation(registry);
  registerGPUDialectTranslation(registry);
  registerLLVMDialectTranslation(registry);
  registerNVVMDialectTranslation(registry);
}

static void initializeNvptx() {
  static std::once_flag once;
  std::call_once(once, [] {
    LLVMInitializeNVPTXTargetInfo();
    LLVMInitializeNVPTXTarget();
    LLVMInitializeNVPTXTargetMC();
    LLVMInitializeNVPTXAsmPrinter();
  });
}

/// The feature an op needs and whether the target has it.
static std::optional<StringRef> missingFeature(Operation *op, const Target &target) {
  StringRef name = op->getName().getStringRef();
  if (!name.consume_front("nvvm."))
    return std::nullopt;
  struct Need {
    StringRef prefix, feature;
    bool Target::*has;
  };
  static const Need needs[] = {
      {"cp.async.bulk", "bulk copies", &Target::bulkTensor}, {"cp.async", "cp.async", &Target::cpAsync},
      {"mbarrier.try_wait", "transaction barriers", &Target::bulkTensor},
      {"wgmma", "warpgroup products", &Target::wgmma},       {"setmaxregister", "setmaxnreg", &Target::wgmma},
      {"cluster", "clusters", &Target::bulkTensor},          {"tcgen05", "tensor memory", nullptr},
  };
  for (const Need &need : needs)
    if (name.starts_with(need.prefix)) {
      if (!need.has || !(target.*need.has))
        return need.feature;
      return std::nullopt;
    }
  return std::nullopt;
}

static LogicalResult checkFeatures(gpu::GPUModuleOp module, const Target &target) {
  WalkResult result = module.walk([&](Operation *op) {
    std::optional<StringRef> feature = missingFeature(op, target);
    if (!feature)
      return WalkResult::advance();
    op->emitError() << StringRef(target.name) << " has no " << *feature;
    return WalkResult::interrupt();
  });
  return failure(result.wasInterrupted());
}

static std::unique_ptr<llvm::TargetMachine> makeMachine(gpu::GPUModuleOp module, const Target &target) {
  initializeNvptx();
  llvm::Triple triple("nvptx64-nvidia-cuda");
  std::string error;
  const llvm::Target *backEnd = llvm::TargetRegistry::lookupTarget(triple, error);
  if (!backEnd) {
    module.emitError() << "this LLVM has no NVPTX back end: " << error;
    return nullptr;
  }
  llvm::TargetOptions options;
  // Standard never contracts what the program wrote as two operations; NVPTX then prints add.rn, mul.rn.
  options.AllowFPOpFusion = llvm::FPOpFusion::Strict;
  std::string features = "+ptx" + std::to_string(target.ptxVersion);
  return std::unique_ptr<llvm::TargetMachine>(backEnd->createTargetMachine(
      triple, target.name, features, options, std::nullopt, std::nullopt, llvm::CodeGenOptLevel::Aggressive));
}

static void optimize(llvm::Module &module, llvm::TargetMachine &machine) {
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager sccs;
  llvm::ModuleAnalysisManager modules;
  llvm::PassBuilder builder(&machine);
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(sccs);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, sccs, modules);
  builder.buildPerModuleDefaultPipeline(llvm::OptimizationLevel::O3).run(module, modules);
}

/// Writes the ONNX nodes that a kernel computes above its entry, so that PTX can be read without the bundle.
static void annotateNodes(gpu::GPUModuleOp module, std::string &text) {
  for (auto function : module.getOps<LLVM::LLVMFuncOp>()) {
    auto nodes = function->getAttrOfType<ArrayAttr>("cameo.nodes");
    size_t at = nodes ? text.find("\n.visible .entry " + function.getName().str() + "(") : std::string::npos;
    if (at == std::string::npos)
      continue;
    std::string comment = "\n// nodes:";
    for (StringAttr node : nodes.getAsRange<StringAttr>())
      for (char c : " " + node.getValue().str())
        comment += llvm::isPrint(c) ? c : '?'; // a name is foreign text: it may not end the comment
    text.insert(at, comment);
  }
}

FailureOr<std::string> cameo::emitPtx(gpu::GPUModuleOp module, const Target &target) {
  if (failed(checkFeatures(module, target)))
    return failure();
  std::unique_ptr<llvm::TargetMachine> machine = makeMachine(module, target);
  if (!machine)
    return failure();
  llvm::LLVMContext context;
  std::unique_ptr<llvm::Module> llvmModule = translateModuleToLLVMIR(module, context, "cameo");
  if (!llvmModule)
    return module.emitError("cannot be translated to LLVM IR"), failure();
  llvmModule->setTargetTriple(machine->getTargetTriple());
  llvmModule->setDataLayout(machine->createDataLayout());
  optimize(*llvmModule, *machine);

  llvm::SmallString<0> text;
  llvm::raw_svector_ostream stream(text);
  llvm::legacy::PassManager passes;
  if (machine->addPassesToEmitFile(passes, stream, nullptr, llvm::CodeGenFileType::AssemblyFile))
    return module.emitError("this LLVM cannot print PTX"), failure();
  passes.run(*llvmModule);
  std::string result(text);
  annotateNodes(module, result);
  return result;
}

//===- Pass ---------------------------------------------------------------------------------===//

namespace {
struct NVVMToPTX : PassWrapper<NVVMToPTX, OperationPass<gpu::GPUModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(NVVMToPTX)
  NVVMToPTX() = default;
  NVVMToPTX(const NVVMToPTX &other) : PassWrapper(other) {}
  Option<std::string> targetName{*this, "target", llvm::cl::desc("GPU to emit for, e.g. sm_80"), llvm::cl::init("sm_80")};

  StringRef getArgument() const override { return "nvvm-to-ptx"; }
  StringRef getDescription() const override { return "Sets the attribute cameo.ptx of each gpu.module to its PTX"; }
  void getDependentDialects(DialectRegistry &registry) const override { registerPtxTranslations(registry); }

  void runOnOperation() override {
    const Target *target = findTarget(std::string(targetName));
    if (!target) {
      getOperation().emitError() << "unknown target '" << std::string(targetName) << "'";
      return signalPassFailure();
    }
    FailureOr<std::string> ptx = emitPtx(getOperation(), *target);
    if (failed(ptx))
      return signalPassFailure();
    getOperation()->setAttr("cameo.ptx", StringAttr::get(&getContext(), *ptx));
  }
};
} // namespace

void cameo::registerNVVMToPTXPasses() { PassRegistration<NVVMToPTX>(); }
