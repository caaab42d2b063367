// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The public entry points: read, validate, import. Checking is importing and throwing the result
// away, so the two cannot disagree.
#include "cameo/Import/Onnx.h"

#include "Importer.h"
#include "Validate.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

using namespace cameo;
using namespace cameo::importer;

mlir::OwningOpRef<mlir::ModuleOp> cameo::importOnnx(llvm::StringRef path,
                                                    mlir::MLIRContext &context,
                                                    const ImportOptions &options,
                                                    ProblemList &problems,
                                                    std::vector<WeightFile> *files) {
  context.loadDialect<graph::GraphDialect, mlir::func::FuncDialect>();
  std::unique_ptr<ModelFile> file = readModel(path, options, problems);
  if (!file)
    return nullptr;
  ModelIndex index;
  validateModel(*file, options, index, problems);
  // A model above the limits is not walked again.
  if (problems.has("E0003") || problems.has("E0404"))
    return nullptr;
  Importer importer(*file, index, context, options, problems);
  mlir::OwningOpRef<mlir::ModuleOp> module = importer.run();
  if (module && files)
    file->tensors->forEachFile([&](const std::shared_ptr<MappedFile> &mapped) {
      if (!mapped->bytes().empty() && !mapped->path().empty())
        files->push_back({mapped->path(), mapped->bytes().data(), mapped->bytes().size(), mapped});
    });
  return module;
}

bool cameo::checkModel(llvm::StringRef path, const ImportOptions &options, ProblemList &problems) {
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  return static_cast<bool>(importOnnx(path, context, options, problems));
}

std::vector<SupportedOp> cameo::listSupportedOps() {
  std::vector<SupportedOp> result;
  for (llvm::ArrayRef<OpRow> rows : allRows())
    for (const OpRow &row : rows) {
      const SchemaInfo *schema = lookupSchema("", row.op, row.since);
      std::string limits;
      for (const Limit &limit : row.limits)
        limits += (limits.empty() ? "" : "; ") + limitText(limit, schema);
      TypeMask types = row.types;
      if (schema && !schema->inputs.empty())
        types &= schema->inputs.front().tensors;
      result.push_back({"ai.onnx", row.op.str(), row.since, row.handler == &importByBody,
                        typesText(types), limits});
    }
  std::sort(result.begin(), result.end(), [](const SupportedOp &a, const SupportedOp &b) {
    return std::tie(a.op, a.since) < std::tie(b.op, b.since);
  });
  return result;
}
