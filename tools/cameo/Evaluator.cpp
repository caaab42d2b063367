// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// `--device evaluator`: the imported graph, executed op by op on host tensors.

#include "Executor.h"

#include "cameo/Dialect/Graph/IR/Graph.h"
#include "cameo/Evaluate/Evaluate.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace cameo::tool {

using host::HostTensor;

namespace {

class GraphExecutor : public Executor {
public:
  explicit GraphExecutor(std::unique_ptr<CompilerContext> compiler,
                         mlir::OwningOpRef<mlir::ModuleOp> module)
      : compiler(std::move(compiler)), module(std::move(module)),
        main(this->module->lookupSymbol<mlir::func::FuncOp>("main")) {
    device = "evaluator";
    for (unsigned i = 0; i < main.getNumArguments(); ++i)
      inputs.push_back(port(main.getArgumentTypes()[i], main.getArgAttrDict(i)));
    for (unsigned i = 0; i < main.getNumResults(); ++i)
      outputs.push_back(port(main.getResultTypes()[i], main.getResultAttrDict(i)));
    orderOutputs();
  }

  Result<std::vector<HostTensor>> run(const std::vector<HostTensor> &values) override {
    auto results = evaluate::evaluate(main, values);
    if (!results)
      return Error{ErrorCode::badInput, results.message()};
    return *results;
  }

private:
  void orderOutputs() {
    mlir::Block &body = main.getBody().front();
    auto values = body.getTerminator()->getOperands();
    for (mlir::Value value : values) {
      std::string node;
      if (mlir::Operation *op = value.getDefiningOp())
        op->getLoc()->walk([&](mlir::Location location) {
          if (auto name = mlir::dyn_cast<mlir::NameLoc>(location); name && node.empty())
            node = name.getName().str();
          return mlir::WalkResult::advance();
        });
      outputNodes.push_back(node);
      nodeOrder.push_back(nodeOrder.size());
    }
    llvm::sort(nodeOrder, [&](size_t a, size_t b) {
      mlir::Operation *first = values[a].getDefiningOp(), *second = values[b].getDefiningOp();
      if (first == second)
        return a < b;
      return second && (!first || first->isBeforeInBlock(second));
    });
  }

  static Port port(mlir::Type type, mlir::DictionaryAttr attrs) {
    Port port;
    if (attrs)
      if (auto name = attrs.getAs<mlir::StringAttr>(graph::nameAttrName))
        port.name = name.str();
    port.dtype = graph::dtypeOf(llvm::cast<mlir::RankedTensorType>(type).getElementType());
    for (const SizeExpr &size : graph::getSizes(type))
      port.dims.push_back(size.str());
    return port;
  }

  std::unique_ptr<CompilerContext> compiler; // outlives the module
  mlir::OwningOpRef<mlir::ModuleOp> module;
  mlir::func::FuncOp main;
};

} // namespace

Result<std::unique_ptr<Executor>> executeGraph(const std::string &model,
                                               const CompileOptions &options,
                                               ProblemList &problems) {
  auto compiler = std::make_unique<CompilerContext>();
  CompileOptions importOnly = options;
  importOnly.stopAfter = Stage::Import;
  std::optional<Compiled> compiled =
      compileModel(model, compiler->context, importOnly, problems);
  if (!compiled)
    return Error{problems.hasErrors() ? ErrorCode(problems.exitCode()) : ErrorCode::unsupported,
                 "'" + model + "' was not imported"};
  return std::unique_ptr<Executor>(
      std::make_unique<GraphExecutor>(std::move(compiler), std::move(compiled->module)));
}

} // namespace cameo::tool
