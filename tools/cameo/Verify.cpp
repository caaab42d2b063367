// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// cameo verify MODEL: runs the compiled kernels and a reference on the same inputs and compares every
// output by its type's bound. References: `data` (the vectors of --data), `ort` (ONNX Runtime),
// `onnx-reference`, `evaluator`. With --per-node the output of every node is an output, which keeps the
// kernels of neighbours apart, and the first node that departs is named.

#include "Compare.h"
#include "Reference.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/raw_ostream.h"

#include <cmath>

using namespace llvm;

namespace cameo::tool {

namespace {

using host::HostTensor;

cl::opt<std::string> model(cl::Positional, cl::Required, cl::desc("MODEL.onnx"),
                           cl::sub(verifyCommand()), cl::cat(inputCategory()));
cl::opt<std::string> data("data", cl::value_desc("DIR"), cl::sub(verifyCommand()),
                          cl::cat(inputCategory()),
                          cl::desc("A test_data_set folder, or one of such folders"));
cl::list<std::string> inputs("input", cl::value_desc("name=@file"), cl::sub(verifyCommand()),
                             cl::cat(inputCategory()), cl::desc("An input of the model"));
cl::opt<std::string> reference("ref", cl::value_desc("evaluator|ort|onnx-reference|data"),
                               cl::sub(verifyCommand()), cl::cat(inputCategory()),
                               cl::desc("The reference (default: data where there is --data, else ort)"));
cl::opt<double> rtol("rtol", cl::init(-1), cl::sub(verifyCommand()), cl::cat(limitCategory()),
                     cl::desc("Relative tolerance instead of the type's"));
cl::opt<double> atol("atol", cl::init(-1), cl::sub(verifyCommand()), cl::cat(limitCategory()),
                     cl::desc("Absolute tolerance instead of the type's"));
cl::opt<bool> perNode("per-node", cl::sub(verifyCommand()), cl::cat(outputCategory()),
                      cl::desc("Compare the output of every node, and name the first that departs"));
cl::opt<std::string> python("python", cl::value_desc("PROGRAM"), cl::sub(verifyCommand()),
                            cl::cat(limitCategory()),
                            cl::desc("Python with onnx and onnxruntime (default: $CAMEO_PYTHON, python3)"));

struct DataSet {
  std::string name;
  std::vector<HostTensor> inputs, expected;
};

Error badInputs(std::string message) { return {ErrorCode::badInput, std::move(message)}; }

/// The folders to read: `dir` itself if it holds input_0.pb (or only outputs), else its children.
std::vector<std::string> dataFolders(const std::string &dir) {
  std::vector<std::string> folders;
  std::error_code error;
  for (sys::fs::directory_iterator it(dir, error), end; it != end && !error; it.increment(error))
    if (StringRef(sys::path::filename(it->path())).starts_with("test_data_set_"))
      folders.push_back(it->path());
  llvm::sort(folders);
  return folders.empty() ? std::vector<std::string>{dir} : folders;
}

Result<std::vector<HostTensor>> expectedFor(StringRef kind, const Executor &executor,
                                            const DataSet &set, const CompileOptions &options,
                                            std::unique_ptr<Executor> &evaluator) {
  if (kind == "data") {
    if (set.expected.empty())
      return badInputs("--data has no outputs; choose another --ref");
    return set.expected;
  }
  if (kind != "evaluator")
    return runPythonReference(kind, python, model, executor, set.inputs);
  if (!evaluator) {
    ProblemList problems;
    auto made = executeGraph(model, options, problems);
    if (!made)
      return made.error();
    evaluator = std::move(*made);
  }
  return evaluator->run(set.inputs);
}

/// The type's bound, or what the command line says instead.
Tolerance boundFor(const HostTensor &expected) {
  Tolerance tolerance = toleranceOf(expected.dtype());
  if (rtol >= 0)
    tolerance.relative = rtol;
  if (atol >= 0)
    tolerance.absolute = atol;
  // A whole network's error is relative to the largest element, not to each.
  if (rtol < 0 && atol < 0 && isFloat(expected.dtype()))
    if (auto numbers = expected.toDoubles())
      for (double value : *numbers)
        if (std::isfinite(value))
          tolerance.absolute = std::max(tolerance.absolute, tolerance.relative * std::abs(value));
  return tolerance;
}

/// Prints one comparison; true when it holds.
bool printRow(StringRef title, const HostTensor &actual, const HostTensor &expected) {
  Tolerance bound = boundFor(expected);
  Difference d = compare(actual, expected, bound);
  outs() << title << ": ";
  if (!d.comparable) {
    outs() << "DIFFERS: " << d.reason << "\n";
    return false;
  }
  outs() << (d.matches() ? "ok" : "DIFFERS") << ", "
         << (perNode ? describe(expected) : std::to_string(d.elements) + " elements") << ", max error "
         << formatv("{0:e2}, mean {1:e2}, cosine {2:f6}", d.maxAbsolute, d.meanAbsolute, d.cosine);
  if (perNode)
    outs() << formatv(", bound {0:e2}", bound.absolute);
  if (!d.matches())
    outs() << "; " << worstText(d, expected.dims());
  outs() << "\n";
  return d.matches();
}

bool printOutputs(const Executor &executor, StringRef set, const std::vector<HostTensor> &actual,
                  const std::vector<HostTensor> &expected) {
  bool matches = true;
  for (size_t i = 0; i < actual.size(); ++i)
    matches &= printRow((set + (set.empty() ? "" : " ") + executor.outputs[i].name).str(), actual[i],
                        expected[i]);
  return matches;
}

/// The values of all nodes in the order of the graph. The model's outputs come first among the results;
/// `order` has the rest where it belongs.
bool printNodes(const Executor &executor, const Executor &graph, StringRef set,
                const std::vector<HostTensor> &actual, const std::vector<HostTensor> &expected) {
  size_t wrong = 0;
  std::string first;
  for (size_t i : graph.nodeOrder) {
    std::string node = graph.outputNodes[i].empty() ? "" : "node '" + graph.outputNodes[i] + "', ";
    std::string title = (set + (set.empty() ? "" : " ") + node + "value '" + executor.outputs[i].name + "'").str();
    if (printRow(title, actual[i], expected[i]))
      continue;
    if (wrong++ == 0)
      first = node + "value '" + executor.outputs[i].name + "'";
  }
  if (wrong)
    outs() << "first that departs: " << first << "; " << wrong << " of " << actual.size() << " values depart\n";
  else
    outs() << "no node departs: " << actual.size() << " values\n";
  return wrong == 0;
}

Result<std::vector<DataSet>> dataSets(const Executor &executor) {
  std::vector<DataSet> sets;
  if (data.empty()) {
    auto given = readInputs(inputs);
    if (!given)
      return badInputs(given.message());
    auto values = completeInputs(executor, *given, seedOption());
    if (!values)
      return values.error();
    sets.push_back({"", *values, {}});
    return sets;
  }
  for (const std::string &folder : dataFolders(data)) {
    auto read = readTestData(folder, "input"), written = readTestData(folder, "output");
    if (!read || !written)
      return badInputs((!read ? read : written).message());
    auto values = arrange(*read, executor.inputs, "input");
    if (!values)
      return values.error();
    DataSet set{sys::path::filename(folder).str(), *values, {}};
    if (!written->empty() && !perNode) {
      auto expected = arrange(*written, executor.outputs, "output");
      if (!expected)
        return expected.error();
      set.expected = *expected;
    }
    sets.push_back(std::move(set));
  }
  return sets;
}

int run() {
  StringRef kind = reference.empty() ? StringRef(data.empty() ? "ort" : "data") : StringRef(reference);
  if (!is_contained({"evaluator", "ort", "onnx-reference", "data"}, kind))
    return fail(usage, "--ref " + reference + ": expected evaluator, ort, onnx-reference or data");
  CompileOptions options;
  if (StringRef(model).ends_with(".cameo"))
    return fail(usage, "verify takes a model, not a bundle: no reference reads those");
  if (!data.empty() && !sys::fs::is_directory(data))
    return report({ErrorCode::badInput, "--data " + data + " is not a folder"});
  if (perNode && kind == "data")
    return fail(usage, "--per-node needs a reference that computes: evaluator, ort or onnx-reference");
  if (!beginVerb(options.import))
    return usage;
  options.import.everyValue = perNode;
  Progress progress;
  progress.step("compiling " + model);
  ProblemList problems;
  auto prepared = prepare(model, options, problems);
  if (!prepared)
    return problems.hasErrors() ? reportProblems(problems, false) : report(prepared.error());
  Executor &executor = *prepared->executor;
  std::unique_ptr<Executor> graph;
  if (perNode) {
    auto imported = executeGraph(model, options, problems);
    if (!imported)
      return report(imported.error());
    graph = std::move(*imported);
  }
  auto sets = dataSets(executor);
  if (!sets)
    return report(sets.error());
  bool matches = true;
  for (const DataSet &set : *sets) {
    progress.step("running on " + executor.device);
    auto actual = executor.run(set.inputs);
    if (!actual)
      return report(actual.error());
    progress.step("running the reference");
    auto expected = expectedFor(kind, executor, set, options, graph);
    if (!expected)
      return report(expected.error());
    matches &= perNode ? printNodes(executor, *graph, set.name, *actual, *expected)
                       : printOutputs(executor, set.name, *actual, *expected);
  }
  if (countsOption()) // of the last set of data
    printCounts(errs(), byKernel(executor.launches()));
  return matches ? ok : mismatch;
}

} // namespace

Verb verifyVerb() { return {&verifyCommand(), run}; }

} // namespace cameo::tool
