// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// cameo run MODEL|BUNDLE [--input name=@file]… [--output-dir D]: inputs that are not given are drawn from
// the seed; outputs are written as .npy, or summarised.

#include "Compare.h"
#include "Executor.h"
#include "TensorFiles.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/raw_ostream.h"

#include <algorithm>

using namespace llvm;

namespace cameo::tool {

namespace {

cl::opt<std::string> model(cl::Positional, cl::Required, cl::desc("MODEL.onnx|BUNDLE.cameo"),
                           cl::sub(runCommand()), cl::cat(inputCategory()));
cl::list<std::string> inputs("input", cl::value_desc("name=@file.npy|.pb"), cl::sub(runCommand()),
                             cl::cat(inputCategory()), cl::desc("An input of the model"));
cl::opt<std::string> outputDir("output-dir", cl::value_desc("DIR"), cl::sub(runCommand()),
                               cl::cat(outputCategory()), cl::desc("Write each output as DIR/<name>.npy"));
cl::opt<bool> strict("strict", cl::sub(runCommand()), cl::cat(limitCategory()),
                     cl::desc("Refuse host steps other than control operands and shape arithmetic"));

std::string fileName(std::string name) {
  std::replace_if(name.begin(), name.end(), [](char c) { return c == '/' || c == '\\' || c == ':'; }, '_');
  return name + ".npy";
}

int writeOutputs(const Executor &executor, const std::vector<host::HostTensor> &results) {
  if (!outputDir.empty())
    if (std::error_code error = sys::fs::create_directories(outputDir))
      return fail(ioOrMemory, "--output-dir " + outputDir + ": " + error.message());
  for (auto [port, result] : llvm::zip_equal(executor.outputs, results)) {
    if (outputDir.empty()) {
      outs() << port.name << ": " << describe(result);
      if (auto numbers = result.toDoubles(); numbers && !numbers->empty()) {
        auto [low, high] = std::minmax_element(numbers->begin(), numbers->end());
        outs() << formatv(", from {0:f4} to {1:f4}", *low, *high);
      }
      outs() << "\n";
      continue;
    }
    std::string path = outputDir + "/" + fileName(port.name);
    if (host::Status status = writeNpy(path, result); !status)
      return fail(ioOrMemory, status.message());
    outs() << port.name << ": " << describe(result) << " in " << path << "\n";
  }
  return ok;
}

int run() {
  CompileOptions options;
  if (!beginVerb(options.import))
    return usage;
  auto given = readInputs(inputs);
  if (!given)
    return fail(badInput, given.message());
  Progress progress;
  progress.step("compiling " + model);
  ProblemList problems;
  auto prepared = prepare(model, options, problems, {.strict = strict});
  if (!prepared) {
    if (problems.hasErrors())
      return reportProblems(problems, false);
    return report(prepared.error());
  }
  Executor &executor = *prepared->executor;
  auto values = completeInputs(executor, *given, seedOption());
  if (!values)
    return report(values.error());
  progress.step("running on " + executor.device);
  auto results = executor.run(*values);
  if (!results)
    return report(results.error());
  RunInfo info = executor.info();
  errs() << formatv("ran on {0}: {1} launches of {2} kernels, {3} host steps\n", executor.device,
                    info.launches, info.kernels, info.hostSteps);
  if (countsOption())
    printCounts(errs(), byKernel(executor.launches()));
  return writeOutputs(executor, *results);
}

} // namespace

Verb runVerb() { return {&runCommand(), run}; }

} // namespace cameo::tool
