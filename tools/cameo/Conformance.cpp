// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// cameo conformance DIR: ONNX backend test cases. Worker processes take cases one after another, so
// that a crash costs one case and is told apart from a refusal; a case that outlasts its limit is
// killed. A case is compiled from model.onnx alone; it passes when every output agrees and, on sim,
// every byte of every output was written by an instruction of a kernel.

#include "CaseModel.h"
#include "Compare.h"
#include "Executor.h"
#include "TensorFiles.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

#include <chrono>
#include <iostream>
#include <mutex>
#include <poll.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

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

/// What an output may depart by: integers by nothing; floats by the case's tolerance, but 16-bit floats
/// by two units in their last place at least. ONNX's own runner does so for bf16 (`assert_similar_outputs`
/// of onnx.backend.test.runner); of f16 its 1e-3 allows one unit at the lower end of a binade, which
/// an implementation that rounds an intermediate tensor better than the reference does already leaves.
Tolerance outputTolerance(const std::string &name, DType dtype) {
  if (!isFloat(dtype) && !isComplex(dtype))
    return {};
  Tolerance tolerance = caseTolerance(name);
  if (dtype == DType::bf16)
    tolerance.relative = std::max(tolerance.relative, 0x1p-6);
  if (dtype == DType::f16)
    tolerance.relative = std::max(tolerance.relative, 0x1p-9);
  return tolerance;
}

CaseResult runDataSets(Executor &executor, const std::string &name, const std::string &dir) {
  CaseResult result{"pass", "", ""};
  for (int set = 0;; ++set) {
    std::string data = dir + "/test_data_set_" + std::to_string(set);
    if (!sys::fs::is_directory(data))
      return result;
    auto inputs = readTestData(data, "input"), expected = readTestData(data, "output");
    if (!inputs || !expected)
      return {"refused", "E0902", (!inputs ? inputs : expected).message()};
    std::vector<host::HostTensor> values;
    for (const NamedTensor &tensor : *inputs)
      values.push_back(tensor.tensor);
    auto actual = executor.run(values);
    RunInfo info = executor.info();
    result.kernels = info.kernels;
    result.hostSteps = info.hostSteps;
    if (!actual) {
      bool unsupportedHere = actual.error().code == ErrorCode::unsupported;
      return {unsupportedHere ? "refused" : "mismatch", unsupportedHere ? noKernelCode : "",
              actual.error().message};
    }
    if (actual->size() != expected->size())
      return {"mismatch", "", "another number of outputs"};
    for (size_t i = 0; i < actual->size(); ++i) {
      Difference d = compare((*actual)[i], (*expected)[i].tensor,
                             outputTolerance(name, (*expected)[i].tensor.dtype()));
      if (!d.comparable)
        return {"mismatch", "", "output " + std::to_string(i) + " " + d.reason};
      if (d.wrong)
        return {"mismatch", "",
                formatv("output {0}: {1} of {2} elements, worst at {3}: {4} instead of {5}", i, d.wrong,
                        d.elements, d.worst, d.worstActual, d.worstExpected)
                    .str()};
      if (uint64_t missing = executor.unwrittenBytes(i))
        return {"mismatch", "",
                formatv("{0} bytes of output {1} were written by no kernel", missing, i).str()};
    }
  }
}

CaseResult runCase(const std::string &name) {
  std::string dir = folder + "/" + name, model = dir + "/model.onnx";
  SmallString<128> temporary;
  if (dynamic) {
    if (sys::fs::createTemporaryFile("cameo-dynamic", "onnx", temporary) ||
        !writeDynamicModel(model, temporary.str().str()))
      return {"refused", "E0902", "the model cannot be rewritten"};
    model = temporary.str().str();
  }
  CompileOptions options;
  ProblemList problems;
  auto prepared = prepare(model, options, problems, {.strict = deviceOption() != "evaluator"});
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
    return {"refused", code, reason};
  }
  return runDataSets(*prepared->executor, name, dir);
}

int workerLoop() {
  watchForEnd(0); // Ctrl-C reaches the workers too: they remove their bundles
  for (std::string name; std::getline(std::cin, name);) {
    auto begin = std::chrono::steady_clock::now();
    CaseResult result = runCase(name);
    std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
    json::Object line{{"outcome", result.outcome},
                      {"code", result.code},
                      {"reason", json::fixUTF8(result.reason)},
                      {"kernels", result.kernels},
                      {"host_steps", result.hostSteps},
                      {"seconds", seconds.count()}};
    std::cout << formatv("{0}", json::Value(std::move(line))).str() << std::endl;
  }
  return ok;
}

/// A child process that runs cases; replaced after a crash or a time-out.
class WorkerProcess {
public:
  explicit WorkerProcess(std::vector<std::string> command) : command(std::move(command)) {}
  ~WorkerProcess() { stop(); }

  /// The answer to one case, or nothing and why (crash or timeout).
  std::optional<json::Value> ask(const std::string &name, std::string &failure) {
    if (pid < 0 && !start()) {
      failure = "crash";
      return std::nullopt;
    }
    std::string line = name + "\n";
    if (write(toChild, line.data(), line.size()) != ssize_t(line.size())) {
      stop();
      failure = "crash";
      return std::nullopt;
    }
    auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(caseLimit);
    while (true) {
      size_t newline = pending.find('\n');
      if (newline != std::string::npos) {
        auto parsed = json::parse(pending.substr(0, newline));
        pending.erase(0, newline + 1);
        if (parsed)
          return std::move(*parsed);
        consumeError(parsed.takeError());
        continue;
      }
      auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
          end - std::chrono::steady_clock::now());
      pollfd waiting{fromChild, POLLIN, 0};
      int ready = left.count() > 0 ? poll(&waiting, 1, int(left.count())) : 0;
      char buffer[4096];
      ssize_t count = ready > 0 ? read(fromChild, buffer, sizeof buffer) : 0;
      if (ready <= 0 || count <= 0) {
        failure = ready <= 0 ? "timeout" : "crash";
        stop();
        return std::nullopt;
      }
      pending.append(buffer, size_t(count));
    }
  }

private:
  bool start() {
    int in[2], out[2];
    if (pipe(in) || pipe(out))
      return false;
    pid = fork();
    if (pid == 0) {
      dup2(in[0], 0);
      dup2(out[1], 1);
      for (int fd : {in[0], in[1], out[0], out[1]})
        close(fd);
      std::vector<char *> argv;
      for (std::string &argument : command)
        argv.push_back(argument.data());
      argv.push_back(nullptr);
      execv(argv[0], argv.data());
      _exit(127);
    }
    close(in[0]);
    close(out[1]);
    toChild = in[1];
    fromChild = out[0];
    pending.clear();
    return pid > 0;
  }
  void stop() {
    if (pid <= 0)
      return;
    close(toChild);
    close(fromChild);
    kill(pid, SIGKILL);
    waitpid(pid, nullptr, 0);
    pid = -1;
  }

  std::vector<std::string> command;
  pid_t pid = -1;
  int toChild = -1, fromChild = -1;
  std::string pending;
};

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
                                   folder, "--worker", "--device=" + deviceOption()};
  if (dynamic)
    command.push_back("--dynamic");
  std::vector<json::Object> records(names.size());
  std::atomic<size_t> next{0};
  unsigned count = jobs ? unsigned(jobs) : std::max(1u, std::thread::hardware_concurrency());
  signal(SIGPIPE, SIG_IGN);
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < count; ++i)
    threads.emplace_back([&] {
      WorkerProcess process(command);
      for (size_t k; (k = next++) < names.size();) {
        std::string failure;
        std::optional<json::Value> answer = process.ask(names[k], failure);
        records[k] = caseRecord(names[k], std::move(answer), failure);
      }
    });
  for (std::thread &thread : threads)
    thread.join();
  return records;
}

int run() {
  if (worker)
    return workerLoop();
  std::vector<std::string> names = caseNames();
  if (names.empty())
    return fail(usage, "no case in '" + folder + "'");
  std::vector<json::Object> records = runAll(names);
  std::map<std::string, unsigned> counts;
  json::Array cases;
  for (json::Object &record : records) {
    std::string outcome = record.getString("outcome").value_or("").str();
    ++counts[outcome];
    if (verbose && outcome != "pass")
      errs() << outcome << " " << record.getString("name").value_or("") << " "
             << record.getString("code").value_or("") << " "
             << record.getString("reason").value_or("") << "\n";
    cases.push_back(std::move(record));
  }
  outs() << names.size() << " cases:";
  for (const char *outcome : {"pass", "refused", "mismatch", "crash", "timeout"})
    outs() << " " << counts[outcome] << " " << outcome;
  outs() << "\n";
  if (!jsonFile.empty()) {
    std::error_code error;
    raw_fd_ostream file(jsonFile, error);
    if (error)
      return fail(ioOrMemory, "--json " + jsonFile + ": " + error.message());
    file << formatv("{0:2}\n", json::Value(json::Object{{"cases", std::move(cases)}}));
  }
  return counts["mismatch"] + counts["crash"] + counts["timeout"] ? mismatch : ok;
}

} // namespace

Verb conformanceVerb() { return {&conformanceCommand(), run}; }

} // namespace cameo::tool
