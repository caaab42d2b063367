// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Imports ONNX models and runs them with the evaluator, many in one process. In the protocol of
// hostops/Wire.h: a request is the path of a model ("" ends the session), u32 n and n tensors in
// the order of the model's inputs. A refusal by the importer is answered as "refused: codes and
// messages".
#include "../hostops/Wire.h"
#include "cameo/Evaluate/Evaluate.h"
#include "cameo/Import/Onnx.h"

#include "mlir/IR/MLIRContext.h"
#include "llvm/Support/raw_ostream.h"

using namespace cameo;
using namespace cameo::wire;

namespace {

host::Result<evaluate::Tensors> runModel(const std::string &path, const evaluate::Tensors &inputs) {
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  ProblemList problems;
  mlir::OwningOpRef<mlir::ModuleOp> module = importOnnx(path, context, {}, problems);
  if (!module) {
    std::string text;
    llvm::raw_string_ostream stream(text);
    problems.print(stream);
    return host::error("refused: " + text);
  }
  auto function = module->lookupSymbol<mlir::func::FuncOp>("main");
  if (!function)
    return host::error("the module has no function main");
  return evaluate::evaluate(function, inputs);
}

} // namespace

int main() {
  while (true) {
    std::string path = readString();
    if (path.empty())
      return 0;
    evaluate::Tensors inputs;
    for (uint32_t n = readValue<uint32_t>(); n > 0; --n)
      inputs.push_back(readTensor());
    writeAnswer(runModel(path, inputs));
  }
}
