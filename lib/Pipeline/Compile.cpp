// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Runs the stages over one model, leaving dumps where they are wanted. A stage that fails has reported
// why; nothing of a failed compilation is written but its dumps.

#include "cameo/Pipeline/Pipeline.h"

#include "cameo/Conversion/NVVMToPTX/NVVMToPTX.h"
#include "cameo/Dialect/Kernel/IR/Staged.h"
#include "cameo/Pipeline/BuildBundle.h"

#include "mlir/Parser/Parser.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/ToolOutputFile.h"

using namespace mlir;

namespace cameo {

namespace {

class Compilation {
public:
  Compilation(OwningOpRef<ModuleOp> module, const CompileOptions &options)
      : options(options) {
    result.module = std::move(module);
  }

  std::optional<Compiled> run() {
    if (options.f32 != "fma")
      result.module.get()->setAttr("kernel.f32", StringAttr::get(result.module->getContext(), options.f32));
    for (Stage stage : allStages()) {
      if (stage == Stage::Import) {
        if (failed(dump(stage)))
          return std::nullopt;
      } else {
        if (options.onStage)
          options.onStage(stage);
        if (failed(runStage(stage)) || failed(dump(stage)))
          return std::nullopt;
      }
      if (stage == options.stopAfter)
        break;
    }
    return std::move(result);
  }

private:
  LogicalResult runStage(Stage stage) {
    if (stage == Stage::Ptx)
      return emitAll();
    if (stage == Stage::Bundle)
      return describe();
    PassManager pm(result.module->getContext());
    pm.enableVerifier(options.verifyEach);
    addStage(pm, stage, options);
    if (failed(pm.run(*result.module)))
      return failure();
    // Between stages the verifier always runs: it is the contract between their owners.
    return options.verifyEach ? success() : verify(*result.module);
  }

  LogicalResult emitAll() {
    for (const std::string &name : options.targets) {
      const Target *target = findTarget(name);
      if (!target)
        return result.module->emitError("unknown target '") << name << "'";
      std::string text;
      for (auto kernels : result.module->getOps<gpu::GPUModuleOp>()) {
        if (&kernel::targetOf(kernels) != target)
          continue;
        FailureOr<std::string> ptx = emitPtx(kernels, *target);
        if (failed(ptx))
          return failure();
        text += *ptx;
      }
      result.ptx.emplace_back(name, std::move(text));
    }
    return success();
  }

  LogicalResult describe() {
    std::vector<PtxImage> images;
    for (auto &[target, text] : result.ptx)
      images.push_back({target, text});
    FailureOr<BundleDesc> desc = buildBundle(*result.module, std::move(images));
    if (failed(desc))
      return failure();
    result.bundle = std::move(*desc);
    return success();
  }

  LogicalResult dump(Stage stage) {
    if (options.dumpDir.empty() || stage == Stage::Bundle)
      return success();
    if (stage == Stage::Ptx) {
      for (auto &[target, text] : result.ptx)
        if (failed(write(target + ".ptx", [&](raw_ostream &os) { os << text; })))
          return failure();
      return success();
    }
    std::string name = std::to_string(unsigned(stage)) + "-" + stageName(stage).str() + ".mlir";
    return write(name, [&](raw_ostream &os) {
      // Weights are elided: a dump is for reading.
      result.module->print(os, OpPrintingFlags()
                                   .enableDebugInfo(true, false)
                                   .elideLargeElementsAttrs(16)
                                   .elideLargeResourceString(64));
    });
  }

  LogicalResult write(StringRef name, llvm::function_ref<void(raw_ostream &)> print) {
    SmallString<128> path(options.dumpDir);
    llvm::sys::path::append(path, name);
    std::error_code error = llvm::sys::fs::create_directories(options.dumpDir);
    if (!error) {
      llvm::ToolOutputFile file(path, error, llvm::sys::fs::OF_None);
      if (!error) {
        print(file.os());
        file.keep();
        return success();
      }
    }
    return emitError(UnknownLoc::get(result.module->getContext()))
           << "cannot write '" << path << "': " << error.message();
  }

  const CompileOptions &options;
  Compiled result;
};

} // namespace

std::optional<Compiled> compileModule(OwningOpRef<ModuleOp> module, const CompileOptions &options) {
  return Compilation(std::move(module), options).run();
}

std::optional<Compiled> compileModel(StringRef path, MLIRContext &context,
                                     const CompileOptions &options, ProblemList &problems) {
  if (options.onStage)
    options.onStage(Stage::Import);
  std::vector<WeightFile> files;
  OwningOpRef<ModuleOp> module = path.ends_with(".mlir")
                                     ? parseSourceFile<ModuleOp>(path, &context)
                                     : importOnnx(path, context, options.import, problems, &files);
  if (!module)
    return std::nullopt;
  std::optional<Compiled> compiled = compileModule(std::move(module), options);
  if (compiled)
    compiled->files = std::move(files);
  return compiled;
}

} // namespace cameo
