// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// cameo check MODEL: says whether compiling would succeed, and everything that stands in its way. The
// stages up to *partition* run, so that an op without a kernel is found here too.

#include "Verbs.h"

#include "llvm/Support/raw_ostream.h"

using namespace llvm;

namespace cameo::tool {

namespace {

cl::SubCommand command("check", "Say whether a model can be compiled, and if not, all reasons");
cl::opt<std::string> model(cl::Positional, cl::Required, cl::desc("MODEL.onnx"), cl::sub(command),
                           cl::cat(inputCategory()));
cl::list<std::string> shapes("shape", cl::value_desc("input=1x3x224x224"), cl::sub(command),
                             cl::cat(inputCategory()), cl::desc("Specialise the sizes of an input"));
cl::list<std::string> allowExternal("allow-external", cl::value_desc("DIR"), cl::sub(command),
                                    cl::cat(inputCategory()),
                                    cl::desc("Also read external weights from this folder"));
cl::opt<bool> json("json", cl::sub(command), cl::cat(outputCategory()),
                   cl::desc("Print the problems as JSON on stdout"));

int run() {
  CompileOptions options;
  options.stopAfter = Stage::Partition;
  options.import.allowExternal.assign(allowExternal.begin(), allowExternal.end());
  if (!parseShapes(shapes, options.import.shapes))
    return usage;
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

Verb checkVerb() { return {&command, run}; }

} // namespace cameo::tool
