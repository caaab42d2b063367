// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// cameo conformance DIR: ONNX backend test cases. Worker processes take cases one after another, so
// that a crash costs one case and is told apart from a refusal; a case that outlasts its limit is
// killed. A case is compiled from model.onnx alone; it passes when every output agrees and, on sim,
// every byte of every output was written by an instruction of a kernel.

#include "CaseModel.h"
#include "Compare.h"
#include "Executor.h"
#include "LineProcess.h"
#include "SecondSize.h"
#include "TensorFiles.h"

#include "cameo/Import/Onnx.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

#include <chrono>
#include <csignal>
#include <iostream>
#include <mutex>
#include <thread>

using namespace llvm;

namespace cameo::tool {

cl::SubCommand &conformanceCommand();

namespace {

cl::opt<std::string> folder(cl::Positional, cl::Required, cl::desc("DIR"),
                            cl::sub(conformanceCommand()), cl::cat(inputCategory()));
cl::opt<std::string> jsonFile("json", cl::value_desc("FILE"), cl::sub(conformanceCommand()),
                              cl::cat(outputCategory()), cl::desc("Write the report as JSON"));
cl::opt<bool> dynamic("dynamic", cl::sub(conformanceCommand()), cl::cat(inputCategory()),
                      cl::desc("Give every input dimension its own symbol"));
cl::opt<std::string> filter("filter", cl::value_desc("TEXT"), cl::sub(conformanceCommand()),
                            cl::cat(inputCategory()), cl::desc("Only cases whose name contains TEXT"));
cl::opt<unsigned> jobs("jobs", cl::init(0), cl::sub(conformanceCommand()), cl::cat(limitCategory()),
                       cl::desc("Worker processes (default: one a core)"));
cl::opt<double> caseLimit("case-limit", cl::value_desc("SECONDS"), cl::init(60),
                          cl::sub(conformanceCommand()), cl::cat(limitCategory()),
                          cl::desc("Time limit of one case"));
cl::opt<bool> verbose("verbose", cl::sub(conformanceCommand()), cl::cat(outputCategory()),
                      cl::desc("Print each case that does not pass, with its reason"));
cl::opt<bool> worker("worker", cl::sub(conformanceCommand()), cl::ReallyHidden);

/// Compiling or importing refused without a coded problem: an op that no kernel computes.
constexpr const char *noKernelCode = "E0901";

struct CaseResult {
  std::string outcome, code, reason;
  unsigned kernels = 0, hostSteps = 0;
  std::vector<std::string> fixed;     ///< with --dynamic, sizes that stay numbers, since they are ranks
  std::optional<json::Object> second; ///< with --dynamic, of cases that pass at their own size
  std::map<std::string, uint64_t> counts; ///< with --counts, of the last run
};

Tolerance caseTolerance(const std::string &name) {
  static json::Value table = [] {
    auto file = MemoryBuffer::getFile(folder + "/tolerances.json");
    if (!file)
      return json::Value(nullptr);
    auto parsed = json::parse((*file)->getBuffer());
    if (parsed)
      return std::move(*parsed);
    consumeError(parsed.takeError());
    return json::Value(nullptr);
  }();
  if (const json::Object *object = table.getAsObject())
    if (const json::Array *pair = object->getArray(name); pair && pair->size() == 2)
      return {(*pair)[0].getAsNumber().value_or(1e-3), (*pair)[1].getAsNumber().value_or(1e-7)};
  return {1e-3, 1e-7};
}

/// Half a unit in the last place of 1; 0 where the case's tolerance is wider anyhow.
double unitRoundoff(DType dtype) {
  switch (dtype) {
  case DType::f64:
  case DType::c128: return 0x1p-53;
  case DType::f32:
  case DType::c64: return 0x1p-24;
  case DType::f16: return 0x1p-11;
  case DType::bf16: return 0x1p-8;
  default: return 0;
  }
}

/// What an output may depart by: integers by nothing; floats by the case's tolerance, but 16-bit floats
/// by two units in their last place at least. ONNX's own runner does so for bf16 (`assert_similar_outputs`
/// of onnx.backend.test.runner); of f16 its 1e-3 allows one unit at the lower end of a binade, which
/// an implementation that rounds an intermediate tensor better than the reference does already leaves.
/// Zeros that a sum of large terms leaves (a DFT's) are compared by half a unit of the largest value.
Tolerance outputTolerance(const std::string &name, DType dtype) {
  if (!isFloat(dtype) && !isComplex(dtype))
    return {};
  Tolerance tolerance = caseTolerance(name);
  if (dtype == DType::bf16)
    tolerance.relative = std::max(tolerance.relative, 0x1p-6);
  if (dtype == DType::f16)
    tolerance.relative = std::max(tolerance.relative, 0x1p-9);
  tolerance.ofLargest = unitRoundoff(dtype);
  return tolerance;
}

/// Scales in 16 bits: ONNX's reference multiplies them in 16 bits too, and what it quantizes with the
/// product may depart from ours by one step where that rounds. The case's own data are exact.
Tolerance secondTolerance(const std::string &name, const std::vector<host::HostTensor> &inputs,
                          DType dtype) {
  Tolerance tolerance = outputTolerance(name, dtype);
  bool halves = llvm::any_of(inputs, [](const host::HostTensor &input) {
    return input.dtype() == DType::f16 || input.dtype() == DType::bf16;
  });
  if (halves && isInteger(dtype) && bitWidth(dtype) <= 8)
    tolerance.absolute = 1;
  return tolerance;
}

/// Runs the case on `inputs` and compares; an outcome, and why.
CaseResult runOnce(Executor &executor, const std::vector<host::HostTensor> &inputs,
                   const std::vector<host::HostTensor> &expected,
                   llvm::function_ref<Tolerance(DType)> tolerance) {
  auto actual = executor.run(inputs);
  RunInfo info = executor.info();
  auto result = [&](const char *outcome, const char *code, std::string reason) {
    return CaseResult{outcome, code, std::move(reason), info.kernels, info.hostSteps, {}, {}, {}};
  };
  if (!actual) {
    bool unsupportedHere = actual.error().code == ErrorCode::unsupported;
    return result(unsupportedHere ? "refused" : "mismatch", unsupportedHere ? noKernelCode : "",
                  actual.error().message);
  }
  if (actual->size() != expected.size())
    return result("mismatch", "", "another number of outputs");
  for (size_t i = 0; i < actual->size(); ++i) {
    Difference d = compare((*actual)[i], expected[i], tolerance(expected[i].dtype()));
    if (!d.comparable)
      return result("mismatch", "", "output " + std::to_string(i) + " " + d.reason);
    if (d.wrong)
      return result("mismatch", "",
                    "output " + std::to_string(i) + ": " + worstText(d, expected[i].dims()));
    if (uint64_t missing = executor.unwrittenBytes(i))
      return result("mismatch", "",
                    formatv("{0} bytes of output {1} were written by no kernel", missing, i).str());
  }
  return result("pass", "", "");
}

std::vector<host::HostTensor> tensorsOf(const std::vector<NamedTensor> &named) {
  std::vector<host::HostTensor> tensors;
  for (const NamedTensor &tensor : named)
    tensors.push_back(tensor.tensor);
  return tensors;
}

CaseResult runDataSets(Executor &executor, const std::string &name, const std::string &dir) {
  CaseResult result{"pass", "", "", 0, 0, {}, {}, {}};
  for (int set = 0; result.outcome == "pass"; ++set) {
    std::string data = dir + "/test_data_set_" + std::to_string(set);
    if (!sys::fs::is_directory(data))
      return result;
    auto inputs = readTestData(data, "input"), expected = readTestData(data, "output");
    if (!inputs || !expected)
      return {"refused", "E0902", (!inputs ? inputs : expected).message(), 0, 0, {}, {}, {}};
    result = runOnce(executor, tensorsOf(*inputs), tensorsOf(*expected),
                     [&](DType dtype) { return outputTolerance(name, dtype); });
  }
  return result;
}

/// The same bundle at one other size that ONNX allows. What it gives there decides on the case too.
void runSecondSize(Executor &executor, const std::string &name,
                   const std::vector<std::string> &controls, SecondSizes &sizes,
                   CaseResult &result) {
  SecondSize second = sizes.find(folder + "/" + name, controls);
  json::Object record{{"outcome", second.outcome}, {"reason", json::fixUTF8(second.reason)}};
  if (second.outcome == "ok") {
    CaseResult other = runOnce(executor, second.inputs, second.expected, [&](DType dtype) {
      return secondTolerance(name, second.inputs, dtype);
    });
    record = json::Object{{"outcome", other.outcome},
                          {"reason", json::fixUTF8(other.reason)},
                          {"sizes", std::move(second.sizes)},
                          {"controls", std::move(second.controls)}};
    if (other.outcome != "pass") {
      result.outcome = other.outcome;
      result.code = other.code;
      result.reason = "at the second size: " + other.reason;
    }
  }
  result.second = std::move(record);
}

CaseResult runCase(const std::string &name, SecondSizes *sizes) {
  std::string dir = folder + "/" + name, model = dir + "/model.onnx";
  SmallString<128> temporary;
  std::vector<std::string> controls, fixed;
  if (dynamic) {
    controls = listControlInputs(model);
    if (sys::fs::createTemporaryFile("cameo-dynamic", "onnx", temporary) ||
        !writeDynamicModel(model, temporary.str().str(), controls, fixed))
      return {"refused", "E0902", "the model cannot be rewritten", 0, 0, {}, {}, {}};
    model = temporary.str().str();
  }
  CompileOptions options;
  ProblemList problems;
  // Tensor cases are strict. Where data decide what runs or how much there is of it, the host may read that.
  std::optional<CaseModel> about = describeModel(dir + "/model.onnx", name);
  bool dataDecide = about && about->kind == "control flow and data-dependent";
  bool strict = deviceOption() != "evaluator" && !dataDecide;
  auto prepared = prepare(model, options, problems, {.strict = strict});
  if (!temporary.empty())
    sys::fs::remove(temporary);
  if (!prepared) {
    std::string code = noKernelCode, reason = prepared.error().message;
    for (const Problem &problem : problems.all()) {
      const ProblemKind *kind = lookupProblem(problem.code);
      if (kind && kind->kind == ProblemClass::Warning)
        continue;
      code = problem.code;
      reason = problem.message;
      break;
    }
    return {"refused", code, reason, 0, 0, {}, {}, {}};
  }
  CaseResult result = runDataSets(*prepared->executor, name, dir);
  for (const LaunchRecord &launch : prepared->executor->launches())
    for (const auto &[figure, value] : launch.counts)
      result.counts[figure] += value;
  result.fixed = std::move(fixed);
  if (sizes && result.outcome == "pass")
    runSecondSize(*prepared->executor, name, controls, *sizes, result);
  return result;
}

int workerLoop() {
  watchForEnd(0); // Ctrl-C reaches the workers too: they remove their bundles
  std::unique_ptr<SecondSizes> sizes;
  if (dynamic) {
    auto created = SecondSizes::create();
    if (!created)
      return report(created.error());
    sizes = std::move(*created);
  }
  for (std::string name; std::getline(std::cin, name);) {
    auto begin = std::chrono::steady_clock::now();
    CaseResult result = runCase(name, sizes.get());
    std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
    json::Object line{{"outcome", result.outcome},
                      {"code", result.code},
                      {"reason", json::fixUTF8(result.reason)},
                      {"kernels", result.kernels},
                      {"host_steps", result.hostSteps},
                      {"seconds", seconds.count()}};
    if (countsOption())
      line["counts"] = toJson(result.counts);
    if (dynamic)
      line["fixed"] = json::Array(result.fixed);
    if (result.second)
      line["second"] = std::move(*result.second);
    std::cout << formatv("{0}", json::Value(std::move(line))).str() << std::endl;
  }
  return ok;
}

std::vector<std::string> caseNames() {
  std::vector<std::string> names;
  std::error_code error;
  for (sys::fs::directory_iterator it(folder, error), end; it != end && !error; it.increment(error)) {
    std::string name = sys::path::filename(it->path()).str();
    if (sys::fs::exists(it->path() + "/model.onnx") && StringRef(name).contains(filter))
      names.push_back(std::move(name));
  }
  llvm::sort(names);
  return names;
}

json::Object caseRecord(const std::string &name, std::optional<json::Value> answer,
                        const std::string &failure) {
  json::Object record{{"name", name}};
  std::optional<CaseModel> model = describeModel(folder + "/" + name + "/model.onnx", name);
  record["domain"] = model ? model->domain : "";
  record["operator"] = model ? model->op : "";
  record["opset"] = model ? model->opset : 0;
  record["class"] = model ? model->kind : "tensor";
  json::Array dtypes;
  if (model)
    for (const std::string &dtype : model->dtypes)
      dtypes.push_back(dtype);
  record["dtypes"] = std::move(dtypes);
  if (!answer) {
    record["outcome"] = failure;
    record["code"] = "";
    record["seconds"] = failure == "timeout" ? double(caseLimit) : 0.0;
    record["kernels"] = record["host_steps"] = 0;
    return record;
  }
  for (auto &[key, value] : *answer->getAsObject())
    record[key] = std::move(value);
  return record;
}

std::vector<json::Object> runAll(const std::vector<std::string> &names) {
  std::vector<std::string> command{sys::fs::getMainExecutable(nullptr, nullptr), "conformance",
                                   folder, "--worker", "--device=" + deviceOption(),
                                   "--check=" + checkNames()[*checkOption()].str(),
                                   "--schedule=" + scheduleOption(),
                                   "--copies=" + copyPointNames()[*copiesOption()].str(),
                                   "--seed=" + std::to_string(seedOption())};
  if (countsOption())
    command.push_back("--counts");
  if (dynamic)
    command.push_back("--dynamic");
  std::vector<json::Object> records(names.size());
  std::atomic<size_t> next{0};
  unsigned count = jobs ? unsigned(jobs) : std::max(1u, std::thread::hardware_concurrency());
  signal(SIGPIPE, SIG_IGN);
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < count; ++i)
    threads.emplace_back([&] {
      LineProcess process(command);
      for (size_t k; (k = next++) < names.size();) {
        std::string failure;
        std::optional<json::Value> answer = process.ask(names[k], caseLimit, failure);
        records[k] = caseRecord(names[k], std::move(answer), failure);
      }
    });
  for (std::thread &thread : threads)
    thread.join();
  return records;
}

/// How many cases ran at a second size, and why the others that pass did not.
void printSecondSizes(const std::vector<json::Object> &records) {
  std::map<std::string, unsigned> counts;
  for (const json::Object &record : records)
    if (const json::Object *second = record.getObject("second"))
      ++counts[second->getString("outcome").value_or("").str()];
  outs() << "second size:";
  for (const auto &[outcome, count] : counts)
    outs() << " " << count << " " << outcome;
  outs() << "\n";
}

std::map<std::string, uint64_t> sumOfCounts(const std::vector<json::Object> &records) {
  std::map<std::string, uint64_t> sum;
  for (const json::Object &record : records)
    if (const json::Object *counts = record.getObject("counts"))
      for (const auto &[name, value] : *counts)
        sum[name.str()] += value.getAsUINT64().value_or(0);
  return sum;
}

int run() {
  if (worker)
    return workerLoop();
  // Said once, not by every worker.
  if (auto session = sessionOptions(false); deviceOption() != "evaluator" && !session)
    return report(session.error());
  if (dynamic)
    if (auto sizes = SecondSizes::create(); !sizes)
      return report(sizes.error());
  std::vector<std::string> names = caseNames();
  if (names.empty())
    return fail(usage, "no case in '" + folder + "'");
  std::vector<json::Object> records = runAll(names);
  std::map<std::string, unsigned> counts;
  for (json::Object &record : records) {
    std::string outcome = record.getString("outcome").value_or("").str();
    ++counts[outcome];
    if (verbose && outcome != "pass")
      errs() << outcome << " " << record.getString("name").value_or("") << " "
             << record.getString("code").value_or("") << " "
             << record.getString("reason").value_or("") << "\n";
  }
  outs() << names.size() << " cases:";
  for (const char *outcome : {"pass", "refused", "mismatch", "crash", "timeout"})
    outs() << " " << counts[outcome] << " " << outcome;
  outs() << "\n";
  if (dynamic)
    printSecondSizes(records);
  if (countsOption())
    printCounts(outs(), "all cases", sumOfCounts(records));
  if (!jsonFile.empty()) {
    std::error_code error;
    raw_fd_ostream file(jsonFile, error);
    if (error)
      return fail(ioOrMemory, "--json " + jsonFile + ": " + error.message());
    json::Array cases;
    for (json::Object &record : records)
      cases.push_back(std::move(record));
    file << formatv("{0:2}\n", json::Value(json::Object{{"cases", std::move(cases)}}));
  }
  return counts["mismatch"] + counts["crash"] + counts["timeout"] ? mismatch : ok;
}

} // namespace

Verb conformanceVerb() { return {&conformanceCommand(), run}; }

} // namespace cameo::tool
