// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One launch: the request against what the kernel says of itself, constants of the launch (pool,
// parameters, addresses of variables), the grid, and what comes back as text.
#include "ModuleImpl.h"
#include "Scheduler.h"

#include "cameo/Ptx/cameo_ptx.h"

#include <cstring>

namespace cameo::ptx {
namespace {

constexpr uint32_t mostShared = 1u << 20;
constexpr uint64_t mostBlockBytes = uint64_t(1) << 30; ///< registers and local memory of a block

/// Empty, or why this launch cannot be.
std::string refusal(const Kernel &kernel, const Program &program, const LaunchRequest &r) {
  const Function &f = *kernel.function;
  uint64_t threads = uint64_t(r.block[0]) * r.block[1] * r.block[2];
  if (threads == 0 || threads > 1024 || r.block[2] > 64)
    return "a block has 1 to 1024 threads, at most 64 in z; asked are " + std::to_string(threads);
  if (r.grid[0] == 0 || r.grid[1] == 0 || r.grid[2] == 0 || r.grid[0] > 0x7fffffffu ||
      r.grid[1] > 65535 || r.grid[2] > 65535)
    return "a grid has 1 to 2^31-1, 65535 and 65535 blocks in x, y and z";
  if (f.reqntid[0] && (f.reqntid[0] != r.block[0] || f.reqntid[1] != r.block[1] ||
                       f.reqntid[2] != r.block[2]))
    return "the kernel requires blocks of " + std::to_string(f.reqntid[0]) + "x" +
           std::to_string(f.reqntid[1]) + "x" + std::to_string(f.reqntid[2]) + " threads (.reqntid)";
  if (f.maxntid[0] && threads > uint64_t(f.maxntid[0]) * f.maxntid[1] * f.maxntid[2])
    return "the kernel allows at most " +
           std::to_string(uint64_t(f.maxntid[0]) * f.maxntid[1] * f.maxntid[2]) +
           " threads per block (.maxntid)";
  if (r.argBytes < kernel.argBytes || (kernel.argBytes && !r.args))
    return "the kernel takes " + std::to_string(kernel.argBytes) + " bytes of arguments; given are " +
           std::to_string(r.argBytes);
  if (uint64_t(program.sharedBytes) + r.dynamicShared > mostShared)
    return "more than 1 MiB of shared memory";
  uint64_t perThread = program.stackFrameBytes / lanes + uint64_t(program.stackLocalBytes) * 5 / 4;
  if (perThread * ((threads + lanes - 1) / lanes * lanes) > mostBlockBytes)
    return "a block of " + std::to_string(threads) + " threads needs " +
           std::to_string(perThread) + " bytes a thread for registers and local memory, more than the "
           "machine's 1 GiB for a block";
  return "";
}

/// 32 equal lanes per constant.
void fillConstants(LaunchContext &launch, const Program &program,
                   const std::vector<uint64_t> &addresses) {
  launch.constants.resize(program.constantBytes + 64);
  auto raw = reinterpret_cast<uintptr_t>(launch.constants.data());
  launch.constantBase = launch.constants.data() + ((64 - raw % 64) % 64);
  for (const Constant &c : program.constants) {
    uint8_t value[16] = {};
    if (c.kind == Constant::Kind::Parameter) {
      std::memcpy(value, launch.arguments.data() + c.bits, c.bytes);
    } else {
      uint64_t bits = c.bits;
      if (c.kind == Constant::Kind::GlobalAddress)
        bits += addresses[c.symbol];
      std::memcpy(value, &bits, 8);
    }
    for (unsigned i = 0; i < lanes; ++i)
      std::memcpy(launch.constantBase + c.offset + i * c.bytes, value, c.bytes);
  }
}

int statusOf(RunStatus status, bool findings) {
  switch (status) {
  case RunStatus::Cancelled: return CAMEO_PTX_CANCELLED;
  case RunStatus::StepLimit: return findings ? CAMEO_PTX_FINDING : CAMEO_PTX_STEP_LIMIT;
  case RunStatus::OutOfMemory: return CAMEO_PTX_OUT_OF_MEMORY;
  default: return findings ? CAMEO_PTX_FINDING : CAMEO_PTX_OK;
  }
}

/// What it takes to see the same again.
void addReplay(const LaunchRequest &request, LaunchOutcome &outcome) {
  static constexpr const char *schedules[] = {"round-robin", "random", "producer-starved",
                                              "consumer-starved", "later-blocks-starved"};
  static constexpr const char *points[] = {"latest", "earliest", "random"};
  std::string schedule = schedules[request.schedule], point = points[request.asyncPoint];
  std::string seed = std::to_string(request.seed);
  if (!outcome.findings.empty())
    outcome.text += "  replay: schedule " + schedule + ", seed " + seed + ", copies land " + point +
                    "\n";
  outcome.json.pop_back();
  outcome.json += ", \"schedule\": \"" + schedule + "\", \"seed\": " + seed +
                  ", \"async_point\": \"" + point + "\"}";
}

std::string traceText(const GridCounts &counts, const Program &program,
                      const LaunchRequest &request, const ModuleImpl &module) {
  std::vector<const Trace *> traces;
  for (const std::unique_ptr<Trace> &trace : counts.traces)
    traces.push_back(trace.get());
  return Trace::json(traces, program, request.grid,
                     [&](uint32_t line) { return module.lineText(line); });
}

} // namespace

void launchKernel(ModuleImpl &module, Kernel &kernel, DeviceMemory &memory,
                  const LaunchRequest &request, LaunchOutcome &outcome) {
  Policy policy{request.checks != CAMEO_PTX_CHECK_NONE || request.counts, request.counts};
  const Program &program = module.program(kernel, policy);
  FindingSink sink(request.maxFindings ? request.maxFindings : 16);
  LaunchInfo launch;
  std::vector<uint64_t> addresses;
  std::string problem = refusal(kernel, program, request);
  RunStatus status = RunStatus::Stopped;
  if (problem.empty() && module.instantiate(memory, addresses, problem)) {
    launch.module = &module;
    launch.program = &program;
    launch.memory = &memory;
    launch.findings = &sink;
    for (unsigned d = 0; d < 3; ++d) {
      launch.grid[d] = request.grid[d];
      launch.block[d] = request.block[d];
    }
    launch.dynamicShared = request.dynamicShared;
    launch.sharedRegions = program.shared;
    launch.sharedBytes = program.sharedBytes + request.dynamicShared;
    if (request.dynamicShared)
      launch.sharedRegions.push_back(
          {uint64_t(sharedBase) + program.sharedBytes, request.dynamicShared,
           program.dynamicName.empty() ? "dynamic shared memory" : program.dynamicName});
    launch.arguments.resize(kernel.argBytes + 16);
    if (kernel.argBytes)
      std::memcpy(launch.arguments.data(), request.args, kernel.argBytes);
    fillConstants(launch, program, addresses);
    launch.checks = policy.checks;
    launch.schedule = request.schedule;
    launch.asyncPoint = request.asyncPoint;
    launch.seed = request.seed;
    launch.traces = request.trace;
    launch.stepLimit = request.stepLimit;
    launch.cancel = request.cancel;
    GridCounts counts;
    counts.counting = request.counts;
    status = runGrid(launch, request.hostThreads, counts);
    memory.settleAfterLaunch();
    outcome.hasCounts = request.counts;
    outcome.counts = counts.total;
    outcome.lines = std::move(counts.lines);
    if (request.trace)
      outcome.trace = traceText(counts, program, request, module);
  }
  if (!problem.empty()) {
    Finding f;
    f.kind = FindingKind::Launch;
    f.kernel = kernel.name;
    f.line = kernel.function->line;
    f.message = problem;
    f.remedy = "launch it as its directives say";
    sink.add(std::move(f));
  }
  outcome.findings = sink.take();
  outcome.status = statusOf(status, !outcome.findings.empty());
  outcome.text = textOf(outcome.findings);
  outcome.json = "{\"findings\": " + jsonOf(outcome.findings);
  if (outcome.hasCounts)
    outcome.json += ", \"counts\": " + jsonOf(outcome.counts) + ", \"lines\": " +
                    jsonOf(outcome.lines, [&](uint32_t line) { return module.lineText(line); });
  outcome.json += "}";
  addReplay(request, outcome);
}

} // namespace cameo::ptx
