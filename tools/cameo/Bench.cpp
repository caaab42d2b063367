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

/// What a row's share is of: time on a GPU, instructions on sim.
double weight(const KernelRecord &row) {
  return row.sum.counts.empty() ? row.sum.milliseconds : double(row.sum.count("thread_instructions"));
}
uint64_t globalBytes(const LaunchRecord &sum) {
  return sum.count("global_load_bytes") + sum.count("global_store_bytes");
}
uint64_t flop(const LaunchRecord &sum) { return 2 * (sum.count("fma") + sum.count("mma_fma")); }

json::Object toJson(const KernelRecord &row, double share) {
  json::Array nodes;
  for (const std::string &node : row.sum.nodes)
    nodes.push_back(node);
  json::Object object{{"kernel", row.sum.kernel},     {"family", row.sum.family},
                      {"nodes", std::move(nodes)},    {"launches", row.launches},
                      {"share", share},               {"milliseconds", row.sum.milliseconds}};
  if (!row.sum.counts.empty()) {
    object["thread_instructions"] = row.sum.count("thread_instructions");
    object["global_bytes"] = globalBytes(row.sum);
    object["flop"] = flop(row.sum);
    object["counts"] = tool::toJson(row.sum.counts);
  }
  return object;
}

/// One line a kernel, the heaviest first: exact counts on sim, device time elsewhere.
json::Array printKernels(std::vector<KernelRecord> rows) {
  double total = 0;
  for (const KernelRecord &row : rows)
    total += weight(row);
  llvm::sort(rows, [](const KernelRecord &a, const KernelRecord &b) {
    return std::pair(-weight(a), a.sum.kernel) < std::pair(-weight(b), b.sum.kernel);
  });
  bool counts = !rows.empty() && !rows.front().sum.counts.empty();
  outs() << "   share  launches  "
         << (counts ? "   instructions      global bytes             flop" : "      time (ms)")
         << "  kernel (nodes)\n";
  json::Array array;
  for (const KernelRecord &row : rows) {
    std::string nodes = row.sum.nodes.empty() ? "" : row.sum.nodes.front();
    if (row.sum.nodes.size() > 1)
      nodes += formatv(" and {0} more", row.sum.nodes.size() - 1).str();
    double share = total > 0 ? 100 * weight(row) / total : 0;
    outs() << formatv("{0,7:f1}%  {1,8}  ", share, row.launches);
    if (counts)
      outs() << formatv("{0,15}  {1,16}  {2,15}", row.sum.count("thread_instructions"), globalBytes(row.sum),
                        flop(row.sum));
    else
      outs() << formatv("{0,15:f4}", row.sum.milliseconds);
    outs() << "  " << row.sum.kernel << " (" << nodes << ")\n";
    array.push_back(toJson(row, share));
  }
  if (countsOption())
    printCounts(outs(), rows);
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
