// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// cameo verify MODEL: runs the compiled kernels and a reference on the same inputs and compares every
// output by its type's bound. References: `data` (the vectors of --data), `ort` (ONNX Runtime),
// `onnx-reference`, `evaluator`. The two Python references run in a child process.

#include "Compare.h"
#include "Executor.h"
#include "TensorFiles.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/raw_ostream.h"

#include <cmath>

using namespace llvm;

namespace cameo::tool {

cl::SubCommand &verifyCommand();

namespace {

using host::HostTensor;

cl::opt<std::string> model(cl::Positional, cl::Required, cl::desc("MODEL.onnx"),
                           cl::sub(verifyCommand()), cl::cat(inputCategory()));
cl::opt<std::string> data("data", cl::value_desc("DIR"), cl::sub(verifyCommand()),
                          cl::cat(inputCategory()),
                          cl::desc("A test_data_set folder, or one of such folders"));
cl::list<std::string> inputs("input", cl::value_desc("name=@file"), cl::sub(verifyCommand()),
                             cl::cat(inputCategory()), cl::desc("An input of the model"));
cl::list<std::string> shapes("shape", cl::value_desc("input=1x3x224x224"), cl::sub(verifyCommand()),
                             cl::cat(inputCategory()), cl::desc("Sizes of an input, and specialise"));
cl::opt<std::string> reference("ref", cl::value_desc("evaluator|ort|onnx-reference|data"),
                               cl::sub(verifyCommand()), cl::cat(inputCategory()),
                               cl::desc("The reference (default: data where there is --data, else ort)"));
cl::opt<double> rtol("rtol", cl::init(-1), cl::sub(verifyCommand()), cl::cat(limitCategory()),
                     cl::desc("Relative tolerance instead of the type's"));
cl::opt<double> atol("atol", cl::init(-1), cl::sub(verifyCommand()), cl::cat(limitCategory()),
                     cl::desc("Absolute tolerance instead of the type's"));
cl::opt<std::string> python("python", cl::value_desc("PROGRAM"), cl::sub(verifyCommand()),
                            cl::cat(limitCategory()),
                            cl::desc("Python with onnx and onnxruntime (default: $CAMEO_PYTHON, python3)"));

/// The Python side of `--ref ort` and `--ref onnx-reference`: reads input_K.pb and writes output_K.pb in
/// a folder. ONNX Runtime runs without optimizations, so that it computes what the model says.
constexpr const char *referenceScript = R"(
import pathlib, sys
import onnx
from onnx import numpy_helper
kind, path, folder = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3])
feeds = {}
for file in sorted(folder.glob("input_*.pb")):
    tensor = onnx.TensorProto()
    tensor.ParseFromString(file.read_bytes())
    feeds[tensor.name] = numpy_helper.to_array(tensor)
if kind == "ort":
    import onnxruntime
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    feeds = {i.name: feeds[i.name] for i in session.get_inputs()}
else:
    from onnx.reference import ReferenceEvaluator
    session = ReferenceEvaluator(path)
    names = list(session.output_names)
for k, (name, value) in enumerate(zip(names, session.run(None, feeds))):
    (folder / f"output_{k}.pb").write_bytes(numpy_helper.from_array(value, name).SerializeToString())
)";

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

/// Files may name their tensors; otherwise they are in the model's order.
Result<std::vector<HostTensor>> arrange(const std::vector<NamedTensor> &tensors,
                                        const std::vector<Port> &ports, StringRef what) {
  std::vector<HostTensor> ordered;
  for (auto [i, port] : llvm::enumerate(ports)) {
    const NamedTensor *found = nullptr;
    for (const NamedTensor &tensor : tensors)
      if (tensor.name == port.name)
        found = &tensor;
    if (!found && i < tensors.size())
      found = &tensors[i];
    if (!found)
      return badInputs(formatv("--data has no {0} '{1}'", what, port.name).str());
    ordered.push_back(found->tensor);
  }
  return ordered;
}

/// Runs the Python reference on `values`.
Result<std::vector<HostTensor>> pythonReference(StringRef kind, const Executor &executor,
                                                const std::vector<HostTensor> &values) {
  SmallString<128> folder;
  if (std::error_code error = sys::fs::createUniqueDirectory("cameo-ref", folder))
    return Error{ErrorCode::resources, "no temporary folder: " + error.message()};
  struct Remove {
    SmallString<128> &path;
    ~Remove() { sys::fs::remove_directories(path); }
  } remove{folder};
  std::string dir = folder.str().str();
  for (auto [i, value] : llvm::enumerate(values))
    if (host::Status status = writePb(dir + "/input_" + std::to_string(i) + ".pb",
                                      executor.inputs[i].name, value);
        !status)
      return Error{ErrorCode::resources, status.message()};
  const char *environment = std::getenv("CAMEO_PYTHON");
  std::string program = !python.empty() ? python : environment ? environment : std::string("python3");
  ErrorOr<std::string> path = sys::findProgramByName(program);
  if (!path)
    return badInputs("--ref " + kind.str() + ": no program '" + program + "' (see --python)");
  std::string message;
  SmallVector<StringRef> arguments{*path, "-c", referenceScript, kind, model, dir};
  if (sys::ExecuteAndWait(*path, arguments, std::nullopt, {}, 0, 0, &message) != 0)
    return badInputs("--ref " + kind.str() + ": the reference failed " + message);
  auto results = readTestData(dir, "output");
  if (!results)
    return badInputs(results.message());
  return arrange(*results, executor.outputs, "output");
}

Result<std::vector<HostTensor>> expectedFor(StringRef kind, const Executor &executor,
                                            const DataSet &set, const CompileOptions &options) {
  if (kind == "data") {
    if (set.expected.empty())
      return badInputs("--data has no outputs; choose another --ref");
    return set.expected;
  }
  if (kind != "evaluator")
    return pythonReference(kind, executor, set.inputs);
  ProblemList problems;
  auto evaluator = executeGraph(model, options, problems);
  if (!evaluator)
    return evaluator.error();
  return (*evaluator)->run(set.inputs);
}

bool printComparison(const Executor &executor, StringRef set, const std::vector<HostTensor> &actual,
                     const std::vector<HostTensor> &expected) {
  bool matches = true;
  for (size_t i = 0; i < actual.size(); ++i) {
    Tolerance tolerance = toleranceOf(expected[i].dtype());
    if (rtol >= 0)
      tolerance.relative = rtol;
    if (atol >= 0)
      tolerance.absolute = atol;
    // A whole network's error is relative to the largest element, not to each.
    if (rtol < 0 && atol < 0 && isFloat(expected[i].dtype()))
      if (auto numbers = expected[i].toDoubles())
        for (double value : *numbers)
          if (std::isfinite(value))
            tolerance.absolute = std::max(tolerance.absolute, tolerance.relative * std::abs(value));
    Difference d = compare(actual[i], expected[i], tolerance);
    matches &= d.matches();
    outs() << set << (set.empty() ? "" : " ") << executor.outputs[i].name << ": ";
    if (!d.comparable) {
      outs() << "DIFFERS: " << d.reason << "\n";
      continue;
    }
    outs() << (d.matches() ? "ok" : "DIFFERS") << ", " << d.elements << " elements, max error "
           << formatv("{0:e2}, mean {1:e2}, cosine {2:f6}", d.maxAbsolute, d.meanAbsolute, d.cosine);
    if (!d.matches())
      outs() << formatv(", {0} outside the bound, worst at {1}: {2} instead of {3}", d.wrong, d.worst,
                        d.worstActual, d.worstExpected);
    outs() << "\n";
  }
  return matches;
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
    if (!written->empty()) {
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
  if (!parseShapes(shapes, options.import.shapes))
    return usage;
  Progress progress;
  progress.step("compiling " + model);
  ProblemList problems;
  auto prepared = prepare(model, options, problems);
  if (!prepared)
    return problems.hasErrors() ? reportProblems(problems, false) : report(prepared.error());
  Executor &executor = *prepared->executor;
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
    auto expected = expectedFor(kind, executor, set, options);
    if (!expected)
      return report(expected.error());
    matches &= printComparison(executor, set.name, *actual, *expected);
  }
  return matches ? ok : mismatch;
}

} // namespace

Verb verifyVerb() { return {&verifyCommand(), run}; }

} // namespace cameo::tool
