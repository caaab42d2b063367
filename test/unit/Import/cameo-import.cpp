// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The importer alone, for its tests: ONNX in, `graph` dialect or problems out. With several files it
// prints one line each (`path: ok`, or the codes), which is how coverage is counted.
#include "cameo/Dialect/Graph/IR/Graph.h"
#include "cameo/Import/Onnx.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/MLIRContext.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/InitLLVM.h"

#include <set>

using namespace llvm;

static cl::list<std::string> files(cl::Positional, cl::desc("<model.onnx or .onnxtxt>..."));
static cl::opt<bool> asJson("json", cl::desc("Print problems as JSON"));
static cl::opt<bool> summary("summary", cl::desc("One line a file"));
static cl::opt<bool> listOps("list-ops", cl::desc("Print the capability table"));
static cl::opt<bool> listErrors("list-errors", cl::desc("Print the table of codes (Markdown)"));
static cl::opt<bool> check("check", cl::desc("Do not print the module"));
static cl::opt<bool> locations("locations", cl::desc("Print locations"));
static cl::list<std::string> shapes("shape", cl::desc("name=1x3x224x224"));
static cl::list<std::string> allow("allow-external", cl::desc("Folder of external data"));
static cl::opt<unsigned> nesting("max-nesting", cl::init(100));
static cl::opt<unsigned> maxNodes("max-nodes", cl::init(1000000));
static cl::opt<uint64_t> maxFile("max-file-bytes", cl::init(cameo::ImportLimits().maxFileBytes));
static cl::opt<uint64_t> maxParsed("max-parsed-bytes", cl::init(cameo::ImportLimits().maxParsedBytes));

static bool parseShape(StringRef text, cameo::ImportOptions &options) {
  auto [name, dims] = text.rsplit('=');
  SmallVector<StringRef> parts;
  dims.split(parts, 'x');
  std::vector<int64_t> sizes;
  for (StringRef part : parts) {
    int64_t value;
    if (part.getAsInteger(10, value))
      return false;
    sizes.push_back(value);
  }
  options.shapes[name.str()] = sizes;
  return true;
}

static int importOne(StringRef file, const cameo::ImportOptions &options) {
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  cameo::ProblemList problems;
  auto module = cameo::importOnnx(file, context, options, problems);
  if (summary) {
    std::set<std::string> codes;
    for (const cameo::Problem &p : problems.all())
      codes.insert(p.code + (p.op.empty() ? "" : "(" + p.op + ")"));
    outs() << file << ": " << (module ? "ok" : "refused") << " "
           << join(codes.begin(), codes.end(), " ") << "\n";
    return 0;
  }
  if (asJson)
    outs() << formatv("{0:2}\n", problems.toJson());
  else
    problems.print(errs());
  if (!module)
    return problems.exitCode();
  if (!check && !asJson) {
    mlir::OpPrintingFlags flags;
    flags.elideLargeElementsAttrs(64).elideLargeResourceString(64);
    if (locations)
      flags.enableDebugInfo(true, true);
    module->print(outs(), flags);
    outs() << "\n";
  }
  return 0;
}

int main(int argc, char **argv) {
  InitLLVM init(argc, argv);
  cl::ParseCommandLineOptions(argc, argv, "Cameo's ONNX importer\n");
  if (listOps)
    for (const cameo::SupportedOp &op : cameo::listSupportedOps())
      outs() << op.op << "-" << op.since << (op.byFunctionBody ? " [function body]" : "") << " ("
             << op.types << ")" << (op.limits.empty() ? "" : " where " + op.limits) << "\n";
  if (listErrors)
    for (const cameo::ProblemKind &row : cameo::problemTable())
      outs() << "| " << row.code << " | " << row.title << " | " << row.remedy << " |\n";
  cameo::ImportOptions options;
  options.limits.maxNesting = nesting;
  options.limits.maxNodes = maxNodes;
  options.limits.maxFileBytes = maxFile;
  options.limits.maxParsedBytes = maxParsed;
  options.allowExternal.assign(allow.begin(), allow.end());
  for (const std::string &shape : shapes)
    if (!parseShape(shape, options)) {
      errs() << "--shape " << shape << ": name=1x3x224x224 expected\n";
      return 1;
    }
  int result = 0;
  for (const std::string &file : files)
    result = std::max(result, importOne(file, options));
  return result;
}
