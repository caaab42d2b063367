// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One launch: the request against what the kernel says of itself, constants of the launch (pool,
// parameters, addresses of variables), the grid, and what comes back as text.
#include "Cluster.h"
#include "Footprints.h"
#include "ModuleImpl.h"
#include "Race.h"
#include "Scheduler.h"

#include "cameo/Ptx/cameo_ptx.h"

#include <algorithm>
#include <cstring>

namespace cameo::ptx {
namespace {

constexpr uint32_t mostShared = 1u << 20;
constexpr uint64_t mostBlockBytes = uint64_t(1) << 30; ///< registers and local memory of a block
constexpr uint64_t mostCooperative = 512; ///< blocks on the machine together
constexpr uint64_t mostCooperativeBytes = uint64_t(4) << 30;

std::string sizeText(const uint32_t (&size)[3]) {
  return std::to_string(size[0]) + "x" + std::to_string(size[1]) + "x" + std::to_string(size[2]);
}

/// The grid in blocks and its clusters: of the launch, else of the kernel, else of one block each. Empty,
/// or why that cannot be.
std::string findClusters(const Function &f, const LaunchRequest &r, LaunchInfo &launch) {
  bool given = r.cluster[0] || r.cluster[1] || r.cluster[2];
  bool several = given && uint64_t(r.cluster[0]) * r.cluster[1] * r.cluster[2] != 1;
  bool required = f.requiredCluster[0] != 0;
  launch.explicitCluster = given || required;
  if (f.explicitCluster && !given && !required)
    return "the kernel needs the size of its clusters (.explicitcluster), and the launch gives none";
  if (f.blocksAreClusters && (!required || !f.reqntid[0]))
    return ".blocksareclusters needs .reqntid and .reqnctapercluster";
  uint64_t blocks = 1;
  for (unsigned d = 0; d < 3; ++d) {
    uint32_t size = several ? r.cluster[d] : required ? f.requiredCluster[d] : 1;
    if (several && required && size != f.requiredCluster[d])
      return "the launch has clusters of " + sizeText(r.cluster) + " blocks, the kernel requires " +
             sizeText(f.requiredCluster) + " (.reqnctapercluster)";
    if (size == 0 || size > mostClusterBlocks)
      return "a cluster has 1 to 16 blocks; these are clusters of " +
             sizeText(several ? r.cluster : f.requiredCluster);
    launch.cluster[d] = size;
    blocks *= size;
    uint64_t grid = f.blocksAreClusters ? uint64_t(r.grid[d]) * size : r.grid[d];
    if (grid % size || grid > 0x7fffffffu)
      return "a grid of " + sizeText(r.grid) + " blocks cannot be divided into clusters of " +
             sizeText(several ? r.cluster : f.requiredCluster);
    launch.grid[d] = static_cast<uint32_t>(grid);
  }
  if (blocks > mostClusterBlocks)
    return "a cluster has at most 8 blocks (16 where the device allows more than is portable); this one has " +
           std::to_string(blocks);
  if (f.mostClusterRank && blocks > f.mostClusterRank)
    return "the kernel allows at most " + std::to_string(f.mostClusterRank) +
           " blocks in a cluster (.maxclusterrank), the launch has " + std::to_string(blocks);
  return "";
}

/// A cooperative grid: its blocks wait for each other, so that all have to be here. Its workspace is that of
/// cooperative groups as nvcc compiles them: its size, then the barrier, both of 32 bits.
std::string findWorkspace(DeviceMemory &memory, LaunchInfo &launch) {
  uint64_t blocks = uint64_t(launch.grid[0]) * launch.grid[1] * launch.grid[2];
  uint64_t warps = (launch.block[0] * launch.block[1] * launch.block[2] + lanes - 1) / lanes;
  uint64_t bytes = blocks * (launch.sharedBytes + warps * (launch.program->stackFrameBytes +
                                                          uint64_t(launch.program->stackLocalBytes) * lanes));
  if (blocks > mostCooperative || bytes > mostCooperativeBytes)
    return "all blocks of a cooperative grid have to be on the machine together: at most " +
           std::to_string(mostCooperative) + ", and 4 GiB of registers and memory; this grid has " +
           std::to_string(blocks) + " blocks and takes " + std::to_string(bytes >> 20) + " MiB";
  constexpr uint32_t size = 16;
  uint32_t content[size / 4] = {size, 0, 0, 0};
  if (memory.alloc(size, 256, "grid workspace", launch.workspace) != MemoryStatus::Ok)
    return "no memory for the workspace of the cooperative grid";
  memory.write(launch.workspace, content, size);
  return "";
}

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

/// 90 of "sm_90a"; 0 where there is no number.
unsigned smOf(std::string_view target) {
  unsigned sm = 0;
  for (char c : target.substr(std::min(target.find('_') + 1, target.size())))
    if (c >= '0' && c <= '9' && sm < 1000)
      sm = sm * 10 + static_cast<unsigned>(c - '0');
  return sm;
}

/// Whether threads may learn from each other through memory, or look there as if they did.
bool ordersMemory(const Program &program) {
  const Handler fence = findHandler("fence");
  for (const Op &op : program.code) {
    if (program.pollsMemory && (op.traits & TraitStrong) && op.space != Space::Shared)
      return true;
    bool fences = (op.run == fence || op.inner == fence) && op.size == FenceMemory;
    if (fences || (op.traits & (TraitAcquire | TraitRelease)))
      return true;
  }
  return false;
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
void addReplay(const LaunchRequest &request, bool draws, LaunchOutcome &outcome) {
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
                  ", \"async_point\": \"" + point + "\", \"draws\": " + (draws ? "true" : "false") + "}";
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
  if (problem.empty())
    problem = findClusters(*kernel.function, request, launch);
  RunStatus status = RunStatus::Stopped;
  if (problem.empty() && module.instantiate(memory, addresses, problem)) {
    launch.module = &module;
    launch.program = &program;
    launch.memory = &memory;
    launch.findings = &sink;
    std::copy(request.block, request.block + 3, launch.block);
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
    if (request.checks == CAMEO_PTX_CHECK_ALL) {
      launch.race = std::make_shared<RaceLaunch>(hostThreadsOf(launch, request.hostThreads));
      launch.ordersMemory = ordersMemory(program);
    }
    launch.schedule = request.schedule;
    launch.asyncPoint = request.asyncPoint;
    launch.hardwareMma = request.hardwareMma;
    launch.sm = smOf(module.ast.target);
    launch.seed = request.seed;
    launch.traces = request.trace == CAMEO_PTX_TRACE_TIMELINE;
    if (request.trace == CAMEO_PTX_TRACE_FOOTPRINTS && launch.race)
      launch.footprints = std::make_shared<Footprints>();
    launch.stepLimit = request.stepLimit;
    launch.cancel = request.cancel;
    launch.cooperative = request.cooperative;
    if (request.cooperative)
      problem = findWorkspace(memory, launch);
  }
  if (problem.empty() && launch.program) {
    GridCounts counts;
    counts.counting = request.counts;
    status = runGrid(launch, launch.footprints ? 1 : request.hostThreads, counts);
    outcome.hasCounts = request.counts;
    outcome.counts = counts.total;
    if (launch.race && request.counts) {
      launch.race->measure();
      outcome.counts.checkedBytes = launch.race->touchedBytes;
      outcome.counts.shadowBytes = launch.race->shadowBytes;
    }
    outcome.raceTableFull = launch.race && launch.race->full;
    launch.race = nullptr;
    if (launch.workspace)
      memory.free(launch.workspace);
    memory.settleAfterLaunch();
    outcome.lines = std::move(counts.lines);
    if (launch.footprints)
      outcome.trace = launch.footprints->text();
    else if (request.trace)
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
  outcome.text = launch.printed + textOf(outcome.findings);
  if (outcome.findings.empty() && !launch.polled.empty())
    outcome.text += "given up while these polled:\n" + launch.polled;
  outcome.json = "{\"findings\": " + jsonOf(outcome.findings);
  if (outcome.hasCounts)
    outcome.json += ", \"counts\": " + jsonOf(outcome.counts) + ", \"lines\": " +
                    jsonOf(outcome.lines, [&](uint32_t line) { return module.lineText(line); });
  outcome.json += "}";
  addReplay(request, launch.draws || request.schedule == CAMEO_PTX_SCHEDULE_RANDOM, outcome);
  if (outcome.raceTableFull) // from there on global memory was not looked at
    outcome.json.insert(outcome.json.size() - 1, ", \"race_table_full\": true");
}

} // namespace cameo::ptx
