// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The only place where passes are ordered: one function a stage, one line a pass.

#include "cameo/Pipeline/Pipeline.h"

#include "cameo/Conversion/GraphToKernel/GraphToKernel.h"
#include "cameo/Stage/Stage.h"
#include "cameo/Transforms/Graph/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"

#include "llvm/ADT/StringExtras.h"

using namespace mlir;

namespace cameo {

namespace {

constexpr Stage stages[] = {Stage::Import,   Stage::Graph, Stage::Partition, Stage::Schedule,
                            Stage::Stage,    Stage::Emit,  Stage::Ptx,       Stage::Bundle};
constexpr llvm::StringLiteral names[] = {"import", "graph", "partition", "schedule",
                                         "stage",  "emit",  "ptx",       "bundle"};

/// A pass by its name in the registry, with options in `pass{...}` form. A name that is not registered
/// is a defect of the tool (it has to call registerCameoPasses).
void add(OpPassManager &pm, const Twine &pass) {
  if (failed(parsePassPipeline(pass.str(), pm)))
    llvm::report_fatal_error("pass not registered: " + pass);
}

void addGraph(OpPassManager &pm) {
  pm.addNestedPass<func::FuncOp>(graph::createGraphCanonicalizePass());
  pm.addNestedPass<func::FuncOp>(graph::createGraphRecognizePass());
  pm.addNestedPass<func::FuncOp>(graph::createGraphDecomposePass());
  pm.addNestedPass<func::FuncOp>(graph::createGraphFoldBatchnormPass());
  pm.addPass(createCSEPass()); // exporters reshape the operand of each product
  pm.addNestedPass<func::FuncOp>(graph::createGraphMergeMatmulsPass());
  pm.addNestedPass<func::FuncOp>(graph::createGraphLayoutPass());
  pm.addNestedPass<func::FuncOp>(graph::createGraphCanonicalizePass());
  pm.addNestedPass<func::FuncOp>(graph::createGraphFoldPass());
  pm.addPass(createCSEPass());
}

void addPartition(OpPassManager &pm) {
  pm.addPass(createConvertGraphToKernel());
  pm.addPass(createCSEPass());
}

void addSchedule(OpPassManager &pm, const CompileOptions &options) {
  add(pm, "kernel-schedule{target=" + llvm::join(options.targets, ",") + "}");
}

void addStagePasses(OpPassManager &pm) {
  pm.addPass(kernel::createKernelStageGemm());
  add(pm, "kernel-assign-layouts");
  pm.addPass(kernel::createKernelResolve());
}

void addEmit(OpPassManager &pm) { add(pm, "convert-kernel-to-nvvm"); }

} // namespace

StringRef stageName(Stage stage) { return names[unsigned(stage)]; }

std::optional<Stage> parseStage(StringRef name) {
  for (Stage stage : stages)
    if (stageName(stage) == name)
      return stage;
  return std::nullopt;
}

ArrayRef<Stage> allStages() { return stages; }

void addStage(OpPassManager &pm, Stage stage, const CompileOptions &options) {
  switch (stage) {
  case Stage::Graph: return addGraph(pm);
  case Stage::Partition: return addPartition(pm);
  case Stage::Schedule: return addSchedule(pm, options);
  case Stage::Stage: return addStagePasses(pm);
  case Stage::Emit: return addEmit(pm);
  case Stage::Import:
  case Stage::Ptx:
  case Stage::Bundle: return; // not passes
  }
}

void registerCameoPipelines() {
  for (Stage stage : {Stage::Graph, Stage::Partition, Stage::Schedule, Stage::Stage, Stage::Emit}) {
    std::string name = "cameo-" + stageName(stage).str();
    std::string text = "The passes of stage " + stageName(stage).str();
    // Registered pipelines live as long as the process.
    static std::vector<std::unique_ptr<PassPipelineRegistration<>>> registered;
    registered.push_back(std::make_unique<PassPipelineRegistration<>>(
        name, text, [stage](OpPassManager &pm) { addStage(pm, stage, CompileOptions()); }));
  }
}

} // namespace cameo
