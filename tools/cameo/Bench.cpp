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
#include <cmath>

using namespace llvm;

namespace cameo::tool {

namespace {

cl::opt<std::string> model(cl::Positional, cl::Required, cl::desc("MODEL.onnx|BUNDLE.cameo"),
                           cl::sub(benchCommand()), cl::cat(inputCategory()));
cl::list<std::string> inputs("input", cl::value_desc("name=@file"), cl::sub(benchCommand()),
                             cl::cat(inputCategory()), cl::desc("An input of the model"));
cl::opt<double> warmUp("warm-up", cl::value_desc("MS"), cl::init(200), cl::sub(benchCommand()),
                       cl::cat(limitCategory()), cl::desc("Warm-up in milliseconds (default 200)"));
cl::alias warmUpAlias("warmUp", cl::aliasopt(warmUp), cl::Hidden);
cl::opt<double> duration("duration", cl::value_desc("S"), cl::init(3), cl::sub(benchCommand()),
                         cl::cat(limitCategory()), cl::desc("Measure for so many seconds (default 3)"));
cl::opt<unsigned> iterations("iterations", cl::init(0), cl::sub(benchCommand()), cl::cat(limitCategory()),
                             cl::desc("Measure so many runs instead"));
cl::list<unsigned> percentileList("percentile", cl::value_desc("P,…"), cl::CommaSeparated,
                                 cl::sub(benchCommand()), cl::cat(outputCategory()),
                                 cl::desc("Percentiles of the times to print (default 90,99)"));
cl::opt<std::string> jsonFile("json", cl::value_desc("FILE"), cl::sub(benchCommand()),
                              cl::cat(outputCategory()), cl::desc("Write the figures as JSON"));

std::vector<unsigned> percentiles = {90, 99};

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

json::Object toJson(const Row &row, double share) {
  json::Array nodes;
  for (const std::string &node : row.sum.nodes)
    nodes.push_back(node);
  json::Object object{{"kernel", row.sum.kernel},     {"family", row.sum.family},
                      {"nodes", std::move(nodes)},    {"launches", row.launches},
                      {"share", share},               {"milliseconds", row.sum.milliseconds}};
  if (row.sum.hasCounts) {
    object["thread_instructions"] = int64_t(row.sum.threadInstructions);
    object["global_bytes"] = int64_t(row.sum.globalBytes);
    object["flop"] = int64_t(2 * row.sum.fma);
  }
  return object;
}

/// One line a kernel, the heaviest first: exact counts on sim, device time elsewhere.
json::Array printKernels(std::vector<Row> rows) {
  double total = 0;
  for (const Row &row : rows)
    total += weight(row);
  llvm::sort(rows, [](const Row &a, const Row &b) {
    return std::pair(-weight(a), a.sum.kernel) < std::pair(-weight(b), b.sum.kernel);
  });
  bool counts = !rows.empty() && rows.front().sum.hasCounts;
  outs() << "   share  launches  "
         << (counts ? "   instructions      global bytes             flop" : "      time (ms)")
         << "  kernel (nodes)\n";
  json::Array array;
  for (const Row &row : rows) {
    std::string nodes = row.sum.nodes.empty() ? "" : row.sum.nodes.front();
    if (row.sum.nodes.size() > 1)
      nodes += formatv(" and {0} more", row.sum.nodes.size() - 1).str();
    double share = total > 0 ? 100 * weight(row) / total : 0;
    outs() << formatv("{0,7:f1}%  {1,8}  ", share, row.launches);
    if (row.sum.hasCounts)
      outs() << formatv("{0,15}  {1,16}  {2,15}", row.sum.threadInstructions, row.sum.globalBytes,
                        2 * row.sum.fma);
    else
      outs() << formatv("{0,15:f4}", row.sum.milliseconds);
    outs() << "  " << row.sum.kernel << " (" << nodes << ")\n";
    array.push_back(toJson(row, share));
  }
  return array;
}

/// The line of times, and what makes them doubtful.
void printTimes(const std::vector<double> &times, const std::string &device, bool counting,
                json::Object &figures) {
  outs() << formatv("{0}: {1} runs, median {2:f3} ms", device, times.size(), percentile(times, 0.5));
  figures["median_ms"] = percentile(times, 0.5);
  for (unsigned p : percentiles) {
    outs() << formatv(", {0}% {1:f3} ms", p, percentile(times, p / 100.0));
    figures["p" + std::to_string(p) + "_ms"] = percentile(times, p / 100.0);
  }
  outs() << (counting ? " of this machine's time (it says nothing of any GPU)" : "") << "\n";
  double mean = 0, squares = 0;
  for (double time : times)
    mean += time / double(times.size());
  for (double time : times)
    squares += (time - mean) * (time - mean) / double(times.size());
  figures["mean_ms"] = mean;
  if (!counting && times.size() < 10)
    errs() << "warning: " << times.size() << " runs are few: raise --duration or --iterations\n";
  if (!counting && mean > 0 && std::sqrt(squares) > 0.05 * mean)
    errs() << formatv("warning: times vary by {0:f0} % (coefficient of variation): lock the clocks, or "
                      "look at what else runs\n", 100 * std::sqrt(squares) / mean);
}

int run() {
  CompileOptions options;
  if (!beginVerb(options.import))
    return usage;
  if (!percentileList.empty())
    percentiles.assign(percentileList.begin(), percentileList.end());
  for (unsigned p : percentiles)
    if (p > 100)
      return fail(usage, "--percentile " + Twine(p) + ": expected 0 to 100");
  auto given = readInputs(inputs);
  if (!given)
    return fail(badInput, given.message());
  Progress progress;
  progress.step("compiling " + model);
  ProblemList problems;
  auto prepared = prepare(model, options, problems, {.profile = true});
  if (!prepared)
    return problems.hasErrors() ? reportProblems(problems, false) : report(prepared.error());
  Executor &executor = *prepared->executor;
  auto values = completeInputs(executor, *given, seedOption());
  if (!values)
    return report(values.error());

  progress.step("measuring on " + executor.device);
  using Clock = std::chrono::steady_clock;
  auto milliseconds = [](Clock::duration d) {
    return std::chrono::duration<double, std::milli>(d).count();
  };
  // The first run always happens: it plans memory and loads modules. Counts on sim need no other.
  bool counting = executor.device == "sim";
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
  json::Object figures{{"version", 1}, {"device", executor.device}, {"runs", int64_t(times.size())}};
  printTimes(times, executor.device, counting, figures);
  figures["kernels"] = printKernels(byKernel(executor.launches()));
  if (!jsonFile.empty())
    if (Status status = writeFile(jsonFile, formatv("{0:2}\n", json::Value(std::move(figures))).str());
        !status)
      return fail(ioOrMemory, "--json: " + status.error().message);
  return ok;
}

} // namespace

Verb benchVerb() { return {&benchCommand(), run}; }

} // namespace cameo::tool
