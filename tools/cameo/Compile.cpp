// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// cameo compile MODEL -o BUNDLE

#include "Limits.h"
#include "Verbs.h"

#include "cameo/Model/Target.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

using namespace llvm;

namespace cameo::tool {

namespace {

cl::opt<std::string> model(cl::Positional, cl::Required, cl::desc("MODEL.onnx"),
                           cl::sub(compileCommand()), cl::cat(inputCategory()));
cl::opt<std::string> output("o", cl::value_desc("FILE"), cl::sub(compileCommand()), cl::cat(outputCategory()),
                            cl::desc("The bundle (default: the model's name with .cameo)"));
cl::list<std::string> targets("target", cl::value_desc("sm_80,…"), cl::CommaSeparated,
                              cl::sub(compileCommand()), cl::cat(outputCategory()),
                              cl::desc("Targets to emit besides the portable sm_80"));
cl::opt<std::string> precision("precision", cl::value_desc("fma|tf32x3|auto|tf32"), cl::init("fma"), cl::sub(compileCommand()),
                               cl::cat(outputCategory()),
                               cl::desc("How matrix products of f32 are computed: exactly (fma, default), as exactly by three "
                                        "products of tf32, by the faster of these two on each target (auto), or with "
                                        "factors rounded to tf32"));
cl::opt<WeightStorage> weights(
    "weights", cl::init(WeightStorage::Automatic), cl::sub(compileCommand()), cl::cat(outputCategory()),
    cl::desc("Where the bundle has its weights"),
    cl::values(clEnumValN(WeightStorage::Automatic, "auto",
                          "in the bundle; above 1 GiB in the model's files where those lie below the "
                          "bundle's folder (default)"),
               clEnumValN(WeightStorage::Embed, "embed", "in the bundle"),
               clEnumValN(WeightStorage::Reference, "reference",
                          "in the model's files, by relative path, offset, size and checksum")));
cl::opt<std::string> dumpDir("dump-dir", cl::value_desc("DIR"), cl::sub(compileCommand()),
                             cl::cat(outputCategory()),
                             cl::desc("Leave the IR after each stage, and the PTX, in DIR"));
cl::opt<std::string> stopAfter("stop-after", cl::value_desc("STAGE"), cl::sub(compileCommand()),
                               cl::cat(outputCategory()), cl::init("bundle"),
                               cl::desc("import, graph, partition, schedule, stage, emit, ptx"));
cl::opt<bool> json("json", cl::sub(compileCommand()), cl::cat(outputCategory()),
                   cl::desc("Print problems as JSON on stdout"));
cl::opt<bool> dryRun("dry-run", cl::sub(compileCommand()), cl::cat(outputCategory()),
                     cl::desc("Compile, but write nothing"));

/// Prints what the last stage left, for --stop-after.
int printArtefact(const Compiled &compiled, Stage last) {
  if (last == Stage::Ptx) {
    for (auto &[target, text] : compiled.ptx)
      outs() << text;
  } else {
    compiled.module.get()->print(outs(), mlir::OpPrintingFlags().elideLargeElementsAttrs(16).elideLargeResourceString(64));
    outs() << "\n";
  }
  return ok;
}

int run() {
  CompileOptions options;
  if (!beginVerb(options.import))
    return usage;
  std::optional<Stage> last = parseStage(stopAfter);
  if (!last)
    return fail(usage, "--stop-after " + stopAfter + ": no such stage");
  options.stopAfter = *last;
  options.dumpDir = dumpDir;
  if (!llvm::is_contained({"fma", "tf32x3", "auto", "tf32"}, StringRef(precision)))
    return fail(usage, "--precision " + precision + ": fma, tf32x3, auto or tf32");
  options.f32 = precision;
  for (const std::string &target : targets)
    if (!llvm::is_contained(options.targets, target))
      options.targets.push_back(target);
  for (const std::string &target : options.targets)
    if (!findTarget(target))
      return fail(usage, "--target " + target + ": unknown, or older than sm_80");

  Progress progress;
  options.onStage = [&](Stage stage) { progress.step("compiling: " + stageName(stage).str()); };
  HostMemoryLimit limit(*memoryLimitOption()); // beginVerb has parsed it
  CompilerContext compiler;
  ProblemList problems;
  std::optional<Compiled> compiled =
      compileModel(model, compiler.context, options, problems);
  if (!compiled) {
    if (problems.hasErrors())
      return reportProblems(problems, json);
    return fail(unsupported, model + " was not compiled");
  }
  if (!problems.all().empty())
    problems.print(errs());
  if (*last != Stage::Bundle)
    return dryRun ? int(ok) : printArtefact(*compiled, *last);
  SmallString<128> path((StringRef(output)));
  if (path.empty()) {
    path = model;
    sys::path::replace_extension(path, "cameo");
  }
  if (Status status = storeWeights(compiled->bundle, compiled->files, weights, path); !status)
    return fail(ExitCode(status.error().code), status.error().message);
  if (dryRun) {
    outs() << "would write " << path << ": " << compiled->bundle.kernels.size() << " kernels, "
           << compiled->bundle.steps.size() << " steps\n";
    return ok;
  }
  progress.step("writing " + path.str().str());
  if (Status status = writeBundleWatched(compiled->bundle, path.str().str()); !status)
    return fail(ExitCode(status.error().code), status.error().message);
  return ok;
}

} // namespace

Verb compileVerb() { return {&compileCommand(), run}; }

} // namespace cameo::tool
