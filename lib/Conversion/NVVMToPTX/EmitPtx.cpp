// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// From a gpu.module to PTX text: translate to LLVM IR, optimise at O3, run the NVPTX back end. Most of the
// time of a compilation goes into the last two, and kernels do not depend on each other: each function
// is an LLVM module of its own, in a context of its own, and the machine's cores share them. The text is
// put together in the order of the functions, so that it does not depend on the number of cores.
// Refused, before LLVM sees them: asynchronous copies, bulk copies, warpgroup ops and register
// reallocation on targets without them.
#include "cameo/Conversion/NVVMToPTX/NVVMToPTX.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/GPU/GPUToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/NVVM/NVVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Support/ThreadPool.h"
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

static const llvm::Target *findBackEnd(std::string &error) {
  initializeNvptx();
  return llvm::TargetRegistry::lookupTarget(llvm::Triple("nvptx64-nvidia-cuda"), error);
}

static std::unique_ptr<llvm::TargetMachine> makeMachine(const llvm::Target &backEnd, const Target &target) {
  llvm::TargetOptions options;
  // Standard never contracts what the program wrote as two operations; NVPTX then prints add.rn, mul.rn.
  options.AllowFPOpFusion = llvm::FPOpFusion::Strict;
  std::string features = "+ptx" + std::to_string(target.ptxVersion);
  return std::unique_ptr<llvm::TargetMachine>(
      backEnd.createTargetMachine(llvm::Triple("nvptx64-nvidia-cuda"), target.name, features, options, std::nullopt,
                                  std::nullopt, llvm::CodeGenOptLevel::Aggressive));
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

namespace {
/// One LLVM module on its way to text. It shares nothing with the others.
struct Unit {
  llvm::LLVMContext context;
  std::unique_ptr<llvm::Module> module;
  std::unique_ptr<llvm::TargetMachine> machine;
  llvm::SmallString<0> text;
  bool printed = true;

  void print() {
    module->setTargetTriple(machine->getTargetTriple());
    module->setDataLayout(machine->createDataLayout());
    optimize(*module, *machine);
    llvm::raw_svector_ostream stream(text);
    llvm::legacy::PassManager passes;
    printed = !machine->addPassesToEmitFile(passes, stream, nullptr, llvm::CodeGenFileType::AssemblyFile);
    if (printed)
      passes.run(*module);
    module.reset();
  }
};
} // namespace

/// Functions can be taken one by one unless one calls another of the module, or they share memory that the
/// module itself provides. (Shared memory is each kernel's own.)
static bool functionsAreIndependent(gpu::GPUModuleOp module) {
  for (auto global : module.getOps<LLVM::GlobalOp>())
    if (global.getAddrSpace() != unsigned(NVVM::NVVMMemorySpace::Shared))
      return false;
  auto callsOwn = [&](LLVM::CallOp call) {
    std::optional<StringRef> callee = call.getCallee();
    return !callee || module.lookupSymbol<LLVM::LLVMFuncOp>(*callee);
  };
  return !module.walk([&](LLVM::CallOp call) { return WalkResult(success(!callsOwn(call))); }).wasInterrupted();
}

/// Translates `function` as if it were alone in its module, with the globals that it names.
static std::unique_ptr<llvm::Module> translateAlone(LLVM::LLVMFuncOp function, llvm::LLVMContext &context) {
  auto home = function->getParentOfType<gpu::GPUModuleOp>();
  OpBuilder builder(home);
  auto alone = gpu::GPUModuleOp::create(builder, home.getLoc(), home.getName());
  alone->setDiscardableAttrs(llvm::to_vector(home->getDiscardableAttrs()));
  builder.setInsertionPointToStart(alone.getBody());
  llvm::StringSet<> seen;
  function.walk([&](LLVM::AddressOfOp use) {
    if (!seen.insert(use.getGlobalName()).second)
      return;
    if (Operation *global = home.lookupSymbol(use.getGlobalName()))
      builder.clone(*global);
  });
  Block::iterator next = std::next(function->getIterator());
  function->moveBefore(alone.getBody(), alone.getBody()->end());
  std::unique_ptr<llvm::Module> result = translateModuleToLLVMIR(alone, context, "cameo");
  function->moveBefore(home.getBody(), next);
  alone.erase();
  return result;
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

/// One PTX module of many: the directives that open a module, and declarations of memory that the launch
/// provides, stand once.
static std::string joinTexts(ArrayRef<std::unique_ptr<Unit>> units) {
  std::string result;
  llvm::StringSet<> declared;
  for (const std::unique_ptr<Unit> &unit : units) {
    StringRef text = unit->text;
    size_t opened = text.find(".address_size");
    if (!result.empty() && opened != StringRef::npos)
      text = text.substr(text.find('\n', opened) + 1);
    while (!text.empty()) {
      auto [line, rest] = text.split('\n');
      if (!line.starts_with(".extern .shared") || declared.insert(line).second)
        result += (line + "\n").str();
      text = rest;
    }
  }
  return result;
}

FailureOr<std::string> cameo::emitPtx(gpu::GPUModuleOp module, const Target &target) {
  if (failed(checkFeatures(module, target)))
    return failure();
  std::string error;
  const llvm::Target *backEnd = findBackEnd(error);
  if (!backEnd)
    return module.emitError() << "this LLVM has no NVPTX back end: " << error, failure();

  SmallVector<LLVM::LLVMFuncOp> functions(module.getOps<LLVM::LLVMFuncOp>());
  bool apart = functions.size() > 1 && functionsAreIndependent(module);
  std::vector<std::unique_ptr<Unit>> units;
  {
    // MLIR is read by this thread alone; the others see LLVM's modules only. Leaving the block waits for them.
    llvm::DefaultThreadPool pool(llvm::hardware_concurrency(apart ? 0 : 1));
    for (size_t i = 0; i < (apart ? functions.size() : 1); ++i) {
      Unit &unit = *units.emplace_back(std::make_unique<Unit>());
      unit.module = apart ? translateAlone(functions[i], unit.context)
                          : translateModuleToLLVMIR(module, unit.context, "cameo");
      if (!unit.module)
        return module.emitError("cannot be translated to LLVM IR"), failure();
      unit.machine = makeMachine(*backEnd, target);
      if (apart)
        pool.async([&unit] { unit.print(); });
      else
        unit.print();
    }
  }
  if (llvm::any_of(units, [](const std::unique_ptr<Unit> &unit) { return !unit->printed; }))
    return module.emitError("this LLVM cannot print PTX"), failure();
  std::string result = joinTexts(units);
  annotateNodes(module, result);
  return result;
}

//===- Pass ---------------------------------------------------------------------------------===//

namespace cameo {
#define GEN_PASS_DEF_NVVMTOPTX
#include "cameo/Conversion/NVVMToPTX/Passes.h.inc"
} // namespace cameo

namespace {
struct NVVMToPTX : cameo::impl::NVVMToPTXBase<NVVMToPTX> {
  using NVVMToPTXBase::NVVMToPTXBase;
  void getDependentDialects(DialectRegistry &registry) const override { registerPtxTranslations(registry); }
  void runOnOperation() override {
    const Target *gpu = findTarget(target);
    if (!gpu) {
      getOperation().emitError() << "unknown target '" << target << "'";
      return signalPassFailure();
    }
    FailureOr<std::string> ptx = emitPtx(getOperation(), *gpu);
    if (failed(ptx))
      return signalPassFailure();
    getOperation()->setAttr("cameo.ptx", StringAttr::get(&getContext(), *ptx));
  }
};
} // namespace
