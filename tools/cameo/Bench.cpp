// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// cameo bench MODEL|BUNDLE: warm-up, repeated runs, percentiles, and a table of kernels with their share.
// On cuda it measures device time; on sim, where time says nothing of a GPU, it prints exact counts.

#include "Executor.h"
#include "TensorFiles.h"

#include "llvm/Support/JSON.h"
#include "llvm/Support/raw_ostream.h"

#include <algorithm>
#include <chrono>

using namespace llvm;

namespace cameo::tool {

cl::SubCommand &benchCommand();

namespace {

cl::opt<std::string> model(cl::Positional, cl::Required, cl::desc("MODEL.onnx|BUNDLE.cameo"),
                           cl::sub(benchCommand()), cl::cat(inputCategory()));
cl::list<std::string> inputs("input", cl::value_desc("name=@file"), cl::sub(benchCommand()),
                             cl::cat(inputCategory()), cl::desc("An input of the model"));
cl::list<std::string> shapes("shape", cl::value_desc("input=1x3x224x224"), cl::sub(benchCommand()),
                             cl::cat(inputCategory()), cl::desc("Specialise the sizes of an input"));
cl::opt<double> warmUp("warm-up", cl::value_desc("MS"), cl::init(200), cl::sub(benchCommand()),
                       cl::cat(limitCategory()), cl::desc("Warm-up in milliseconds (default 200)"));
cl::alias warmUpAlias("warmUp", cl::aliasopt(warmUp), cl::Hidden);
cl::opt<double> duration("duration", cl::value_desc("S"), cl::init(3), cl::sub(benchCommand()),
                         cl::cat(limitCategory()), cl::desc("Measure for so many seconds (default 3)"));
cl::opt<unsigned> iterations("iterations", cl::init(0), cl::sub(benchCommand()), cl::cat(limitCategory()),
                             cl::desc("Measure so many runs instead"));
cl::opt<std::string> jsonFile("json", cl::value_desc("FILE"), cl::sub(benchCommand()),
                              cl::cat(outputCategory()), cl::desc("Write the figures as JSON"));

double percentile(const std::vector<double> &sorted, double p) {
  return sorted[std::min(sorted.size() - 1, size_t(p * double(sorted.size())))];
}

/// All launches of one kernel together.
struct Row {
  LaunchRecord sum;
  unsigned launches = 0;
};

std::vector<Row> byKernel(const std::vector<LaunchRecord> &records) {
  std::vector<Row> rows;
  for (const LaunchRecord &record : records) {
    auto it = llvm::find_if(rows, [&](const Row &row) { return row.sum.kernel == record.kernel; });
    if (it == rows.end()) {
      rows.push_back({record, 1});
      continue;
    }
    ++it->launches;
    it->sum.milliseconds += record.milliseconds;
    it->sum.threadInstructions += record.threadInstructions;
    it->sum.globalBytes += record.globalBytes;
    it->sum.fma += record.fma;
  }
  return rows;
}

/// What a row's share is of: time on a GPU, instructions on sim.
double weight(const Row &row) {
  return row.sum.hasCounts ? double(row.sum.threadInstructions) : row.sum.milliseconds;
}

json::Array printKernels(std::vector<Row> rows) {
  double total = 0;
  for (const Row &row : rows)
    total += weight(row);
  llvm::sort(rows, [](const Row &a, const Row &b) { return std::pair(-weight(a), a.sum.kernel) < std::pair(-weight(b), b.sum.kernel); });
  json::Array array;
  outs() << "   share  launches     instructions      global bytes              fma  kernel (nodes)\n";
  for (const Row &row : rows) {
    std::string nodes = row.sum.nodes.empty() ? "" : row.sum.nodes.front();
    if (row.sum.nodes.size() > 1)
      nodes += formatv(" and {0} more", row.sum.nodes.size() - 1).str();
    double share = total > 0 ? 100 * weight(row) / total : 0;
    outs() << formatv("{0,7:f1}%  {1,8}  {2,15}  {3,16}  {4,15}  {5} ({6})", share, row.launches,
                      row.sum.threadInstructions, row.sum.globalBytes, row.sum.fma, row.sum.kernel, nodes);
    if (!row.sum.hasCounts)
      outs() << formatv("  {0:f4} ms", row.sum.milliseconds);
    outs() << "\n";
    array.push_back(json::Object{{"kernel", row.sum.kernel},
                                 {"family", row.sum.family},
                                 {"launches", row.launches},
                                 {"share", share},
                                 {"milliseconds", row.sum.milliseconds},
                                 {"thread_instructions", int64_t(row.sum.threadInstructions)},
                                 {"global_bytes", int64_t(row.sum.globalBytes)},
                                 {"fma", int64_t(row.sum.fma)}});
  }
  return array;
}

int run() {
  auto given = readInputs(inputs);
  if (!given)
    return fail(badInput, given.message());
  CompileOptions options;
  if (!parseShapes(shapes, options.import.shapes))
    return usage;
  ProblemList problems;
  auto prepared = prepare(model, options, problems, /*profile=*/true);
  if (!prepared)
    return problems.hasErrors() ? reportProblems(problems, false) : report(prepared.error());
  Executor &executor = *prepared->executor;
  auto values = completeInputs(executor, *given, seedOption());
  if (!values)
    return report(values.error());

  using Clock = std::chrono::steady_clock;
  auto milliseconds = [](Clock::duration d) {
    return std::chrono::duration<double, std::milli>(d).count();
  };
  // The first run always happens: it plans memory and loads modules. Counts on sim need no other.
  bool counting = StringRef(executor.device).starts_with("sim");
  auto begin = Clock::now();
  do {
    auto result = executor.run(*values);
    if (!result)
      return report(result.error());
  } while (!counting && milliseconds(Clock::now() - begin) < warmUp);
  std::vector<double> times;
  begin = Clock::now();
  while (iterations ? times.size() < iterations
                    : times.empty() || (!counting && milliseconds(Clock::now() - begin) < 1000 * duration)) {
    auto start = Clock::now();
    auto result = executor.run(*values);
    if (!result)
      return report(result.error());
    times.push_back(milliseconds(Clock::now() - start));
  }
  std::sort(times.begin(), times.end());
  outs() << formatv("{0}: {1} runs, median {2:f3} ms, 90% {3:f3} ms, 99% {4:f3} ms{5}\n", executor.device,
                    times.size(), percentile(times, 0.5), percentile(times, 0.9), percentile(times, 0.99),
                    counting ? " of this machine's time (it says nothing of any GPU)" : "");
  json::Array kernels = printKernels(byKernel(executor.launches()));
  if (!jsonFile.empty()) {
    std::error_code error;
    raw_fd_ostream file(jsonFile, error);
    if (error)
      return fail(ioOrMemory, "--json " + jsonFile + ": " + error.message());
    file << formatv("{0:2}\n", json::Value(json::Object{{"version", 1},
                                                        {"device", executor.device},
                                                        {"runs", int64_t(times.size())},
                                                        {"median_ms", percentile(times, 0.5)},
                                                        {"p90_ms", percentile(times, 0.9)},
                                                        {"p99_ms", percentile(times, 0.99)},
                                                        {"kernels", std::move(kernels)}}));
  }
  return ok;
}

} // namespace

Verb benchVerb() { return {&benchCommand(), run}; }

} // namespace cameo::tool
