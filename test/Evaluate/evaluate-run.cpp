// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Imports ONNX models and runs them with the evaluator, many in one process. In the protocol of
// hostops/Wire.h: a request is a level ("" ends the session), the path of a model, u32 n and n tensors
// in the order of the model's inputs. Levels: "import", the model as read; "graph", after the graph
// passes; "reference", partitioned, each kernel by its reference body; "block", scheduled, each kernel
// by the block program of the variant its guards admit. A refusal by the importer is answered as
// "refused: ...", a failure of a pass as "passes: ...".
#include "../hostops/Wire.h"
#include "cameo/Evaluate/Evaluate.h"
#include "cameo/Import/Onnx.h"
#include "cameo/Pipeline/Pipeline.h"
#include "cameo/Registration/Registration.h"

#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"
#include "llvm/Support/raw_ostream.h"

using namespace cameo;
using namespace cameo::wire;

namespace {

host::Status lower(mlir::ModuleOp module, const std::string &level) {
  if (level == "import")
    return host::Status::ok();
  CompileOptions options;
  mlir::PassManager pm(module.getContext());
  addStage(pm, Stage::Graph, options);
  if (level != "graph")
    addStage(pm, Stage::Partition, options);
  if (level == "block")
    addStage(pm, Stage::Schedule, options);
  std::string text;
  mlir::ScopedDiagnosticHandler handler(module.getContext(), [&](mlir::Diagnostic &diagnostic) {
    text += diagnostic.str() + "; ";
    return mlir::success();
  });
  if (mlir::failed(pm.run(module)))
    return host::error("passes: " + text);
  return host::Status::ok();
}

host::Result<evaluate::Tensors> runModel(const std::string &level, const std::string &path,
                                         const evaluate::Tensors &inputs) {
  mlir::DialectRegistry registry;
  registerCameoDialects(registry);
  mlir::MLIRContext context(registry, mlir::MLIRContext::Threading::DISABLED);
  context.loadAllAvailableDialects();
  ProblemList problems;
  mlir::OwningOpRef<mlir::ModuleOp> module = importOnnx(path, context, {}, problems);
  if (!module) {
    std::string text;
    llvm::raw_string_ostream stream(text);
    problems.print(stream);
    return host::error("refused: " + text);
  }
  if (auto status = lower(*module, level); !status)
    return status;
  auto function = module->lookupSymbol<mlir::func::FuncOp>("main");
  if (!function)
    return host::error("the module has no function main");
  evaluate::Options options;
  options.level = level == "block" ? evaluate::Level::Block : evaluate::Level::Reference;
  return evaluate::evaluate(function, inputs, options);
}

} // namespace

int main() {
  registerCameoPasses();
  while (true) {
    std::string level = readString();
    if (level.empty())
      return 0;
    std::string path = readString();
    evaluate::Tensors inputs;
    for (uint32_t n = readValue<uint32_t>(); n > 0; --n)
      inputs.push_back(readTensor());
    writeAnswer(runModel(level, path, inputs));
  }
}
