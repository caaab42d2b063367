// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// cameo check MODEL: says whether compiling would succeed, and everything that stands in its way. The
// stages up to *partition* run, so that an op without a kernel is found here too.

#include "Limits.h"
#include "Verbs.h"

#include "llvm/Support/raw_ostream.h"

using namespace llvm;

namespace cameo::tool {

namespace {

cl::opt<std::string> model(cl::Positional, cl::Required, cl::desc("MODEL.onnx"), cl::sub(checkCommand()),
                           cl::cat(inputCategory()));
cl::opt<bool> json("json", cl::sub(checkCommand()), cl::cat(outputCategory()),
                   cl::desc("Print the problems as JSON on stdout"));

int run() {
  CompileOptions options;
  options.stopAfter = Stage::Partition;
  if (!beginVerb(options.import))
    return usage;
  HostMemoryLimit limit(*memoryLimitOption()); // beginVerb has parsed it
  Progress progress;
  options.onStage = [&](Stage stage) { progress.step("checking: " + stageName(stage).str()); };
  CompilerContext compiler;
  ProblemList problems;
  std::optional<Compiled> compiled = compileModel(model, compiler.context, options, problems);
  if (json || !problems.all().empty())
    reportProblems(problems, json);
  if (!compiled)
    return problems.hasErrors() ? problems.exitCode() : int(unsupported);
  if (!json)
    outs() << model << ": can be compiled\n";
  return ok;
}

} // namespace

Verb checkVerb() { return {&checkCommand(), run}; }

} // namespace cameo::tool
