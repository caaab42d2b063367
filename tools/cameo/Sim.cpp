// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// cameo sim KERNEL.ptx --launch launch.json: one kernel of anyone's PTX on the PTX machine, with everything
// that the machine checks, under one or all of its schedules, and its results against expected ones. Flags
// alone describe a simple launch: they become the same JSON that a file would hold, so that there is one reader.

#include "Executor.h"
#include "SimRun.h"
#include "TensorFiles.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

#include <algorithm>
#include <memory>
#include <sys/resource.h>

using namespace llvm;

namespace cameo::tool {

namespace {

cl::opt<std::string> ptxFile(cl::Positional, cl::Required, cl::desc("KERNEL.ptx"), cl::sub(simCommand()),
                             cl::cat(inputCategory()));
cl::opt<std::string> launchFile("launch", cl::value_desc("launch.json"), cl::sub(simCommand()),
                                cl::cat(inputCategory()),
                                cl::desc("The launch: sizes, arguments, expected results"));
cl::opt<std::string> kernelName("kernel", cl::value_desc("NAME"), cl::sub(simCommand()), cl::cat(inputCategory()),
                                cl::desc("Without --launch: the kernel (default: the only one)"));
cl::opt<std::string> gridText("grid", cl::value_desc("X[,Y[,Z]]"), cl::init("1"), cl::sub(simCommand()),
                              cl::cat(inputCategory()), cl::desc("Without --launch: blocks"));
cl::opt<std::string> blockText("block", cl::value_desc("X[,Y[,Z]]"), cl::init("1"), cl::sub(simCommand()),
                               cl::cat(inputCategory()), cl::desc("Without --launch: threads of a block"));
cl::opt<std::string> clusterText("cluster", cl::value_desc("X[,Y[,Z]]"), cl::sub(simCommand()),
                                 cl::cat(inputCategory()),
                                 cl::desc("Without --launch: blocks of a cluster (default: what the kernel says)"));
cl::opt<bool> cooperative("cooperative", cl::sub(simCommand()), cl::cat(inputCategory()),
                          cl::desc("Without --launch: all blocks run together (grid.sync)"));
cl::opt<unsigned> sharedBytes("shared", cl::value_desc("BYTES"), cl::init(0), cl::sub(simCommand()),
                              cl::cat(inputCategory()), cl::desc("Without --launch: dynamic shared memory"));
cl::list<std::string> argTexts("arg", cl::value_desc("i32=5|in=@x.npy|out=f32:4x8|…"), cl::sub(simCommand()),
                               cl::cat(inputCategory()),
                               cl::desc("Without --launch: an argument, in order; a scalar, or a buffer called "
                                        "arg0, arg1, … (in, inout, out, zeros, scratch) from a file or drawn; null"));
cl::list<std::string> expectTexts("expect", cl::value_desc("arg2=@y.npy"), cl::sub(simCommand()),
                                  cl::cat(inputCategory()), cl::desc("Without --launch: what a buffer holds then"));
cl::opt<double> relative("rtol", cl::init(0), cl::sub(simCommand()), cl::cat(inputCategory()),
                         cl::desc("Relative tolerance of --expect (default 0)"));
cl::opt<double> absolute("atol", cl::init(0), cl::sub(simCommand()), cl::cat(inputCategory()),
                         cl::desc("Absolute tolerance of --expect (default 0)"));
cl::opt<unsigned> runs("runs", cl::value_desc("N"), cl::init(1), cl::sub(simCommand()), cl::cat(limitCategory()),
                       cl::desc("Run N times (each schedule), with seeds from --seed on, to the first failure"));
cl::opt<unsigned> threads("threads", cl::init(1), cl::sub(simCommand()), cl::cat(limitCategory()),
                          cl::desc("Host threads (default 1: runs repeat exactly; 0: all)"));
cl::opt<std::string> mmaName("mma", cl::value_desc("ieee|hardware"), cl::init("ieee"), cl::sub(simCommand()),
                             cl::cat(limitCategory()),
                             cl::desc("How mma and wgmma add (default ieee: in f32 by ascending k)"));
cl::opt<std::string> outputDir("output-dir", cl::value_desc("DIR"), cl::sub(simCommand()),
                               cl::cat(outputCategory()), cl::desc("Write what the kernel wrote as DIR/<name>.npy"));
cl::opt<std::string> traceFile("trace", cl::value_desc("FILE"), cl::sub(simCommand()), cl::cat(outputCategory()),
                               cl::desc("Write what warps and copies of the last run did when, for Perfetto"));
cl::opt<std::string> footprintsFile("footprints", cl::value_desc("FILE"), cl::sub(simCommand()), cl::cat(outputCategory()),
                                    cl::desc("Write which thread touched which bytes between which barriers"));
cl::opt<bool> asJson("json", cl::sub(simCommand()), cl::cat(outputCategory()),
                     cl::desc("Print everything as JSON on stdout"));

/// "4,2" or "4x2" as a list; what is no number stays a text, which the reader refuses by its path.
json::Array sizesOf(StringRef text) {
  SmallVector<StringRef> parts;
  SplitString(text, parts, ",x");
  json::Array array;
  for (StringRef part : parts) {
    int64_t size = 0;
    if (part.getAsInteger(10, size))
      array.push_back(part.str());
    else
      array.push_back(size);
  }
  return array;
}

/// The entry of `args` that an --arg means.
json::Object argumentOf(StringRef text, size_t index) {
  auto [kind, rest] = text.split('=');
  if (kind == "null")
    return json::Object{{"kind", "scratch_ptr"}, {"null", true}};
  bool drawn = kind == "in" || kind == "inout", zeros = kind == "zeros";
  if (!drawn && !zeros && kind != "out" && kind != "scratch") {
    auto value = json::parse(rest);
    if (!value) // nan, inf
      consumeError(value.takeError());
    return json::Object{{"kind", "scalar"}, {"dtype", kind.str()},
                        {"value", value ? std::move(*value) : json::Value(rest.str())}};
  }
  json::Object buffer{{"kind", "buffer"}, {"name", "arg" + std::to_string(index)},
                      {"role", zeros ? "inout" : kind.str()}};
  if (rest.consume_front("@")) {
    buffer["init"] = json::Object{{"type", "file"}, {"file", rest.str()}};
    return buffer;
  }
  auto [type, shape] = rest.split(':');
  buffer["dtype"] = type.str();
  buffer["shape"] = sizesOf(shape);
  int64_t seed = int64_t(seedOption()) + int64_t(index);
  auto dtype = launchDType(type);
  if (zeros)
    buffer["init"] = json::Object{{"type", "zeros"}};
  else if (drawn && dtype && isFloat(*dtype))
    buffer["init"] = json::Object{{"type", "unit"}, {"seed", seed}, {"lo", -1}, {"hi", 1}};
  else if (drawn)
    buffer["init"] = json::Object{{"type", "int"}, {"seed", seed}, {"lo", 0}, {"hi", dtype == DType::boolean ? 1 : 3}};
  return buffer;
}

json::Object launchOfFlags() {
  json::Array args;
  for (const std::string &text : argTexts)
    args.push_back(argumentOf(text, args.size()));
  json::Object expected;
  for (StringRef text : expectTexts) {
    auto [name, file] = text.split("=@");
    expected[name.str()] = json::Object{{"file", file.str()}, {"mode", relative || absolute ? "allclose" : "exact"},
                                        {"rtol", double(relative)}, {"atol", double(absolute)}};
  }
  json::Object launch{{"kernel", kernelName.getValue()}, {"grid", sizesOf(gridText)},
                      {"block", sizesOf(blockText)}, {"dynamic_shared_bytes", int64_t(sharedBytes)},
                      {"cooperative", bool(cooperative)}, {"args", std::move(args)},
                      {"expected", std::move(expected)}};
  if (!clusterText.empty())
    launch["cluster"] = sizesOf(clusterText);
  return launch;
}

/// The file's text, or nothing after an error of input/output. Only regular files end.
std::unique_ptr<MemoryBuffer> readText(const std::string &path, ExitCode &code) {
  auto give = [&](const Twine &why) {
    code = ExitCode(fail(ioOrMemory, "'" + path + "': " + why));
    return nullptr;
  };
  if (!sys::fs::is_regular_file(path))
    return give(sys::fs::exists(path) ? "is no file" : "does not exist");
  auto buffer = MemoryBuffer::getFile(path);
  if (!buffer)
    return give(buffer.getError().message());
  if ((*buffer)->getBufferSize() > (uint64_t(256) << 20))
    return give("is larger than 256 MiB");
  return std::move(*buffer);
}

int reportLaunchProblems(const LaunchProblems &problems) {
  std::string where = launchFile.empty() ? "command line" : launchFile.getValue();
  for (const LaunchProblem &problem : problems.all())
    errs() << (problem.warning ? "warning: " : "error: ") << where << ": " << problem.path
           << (problem.path.empty() ? "" : ": ") << problem.message << "\n";
  if (asJson && problems.any())
    outs() << formatv("{0:2}\n", json::Value(json::Object{{"version", 1}, {"exit_code", int(problems.exitCode())},
                                                          {"problems", problems.toJson()}}));
  return problems.exitCode();
}

using Plan = std::vector<SimSettings>;

/// Every schedule that is asked for, `runs` times; nothing (empty) after a usage error.
Plan planRuns() {
  auto bad = [](const Twine &message) {
    fail(usage, message);
    return Plan();
  };
  SimSettings settings;
  auto checks = checkOption();
  if (!checks)
    return bad(checks.error().message);
  settings.checks = *checks;
  settings.counts = countsOption();
  if (!traceFile.empty() && !footprintsFile.empty())
    return bad("--trace and --footprints: one of them at a time");
  if (!footprintsFile.empty() && settings.checks != CAMEO_PTX_CHECK_ALL)
    return bad("--footprints needs --check=all");
  settings.trace = !traceFile.empty()        ? CAMEO_PTX_TRACE_TIMELINE
                   : !footprintsFile.empty() ? CAMEO_PTX_TRACE_FOOTPRINTS
                                             : CAMEO_PTX_TRACE_NONE;
  settings.hostThreads = threads;
  if (threads > 1024)
    return bad("--threads " + Twine(threads) + ": expected at most 1024");
  if (runs == 0 || runs > 1000000)
    return bad("--runs " + Twine(runs) + ": expected 1 to 1000000");
  auto point = copiesOption();
  if (!point)
    return bad(point.error().message);
  if (mmaName != "ieee" && mmaName != "hardware")
    return bad("--mma " + mmaName + ": expected ieee or hardware");
  settings.mma = mmaName == "hardware" ? CAMEO_PTX_MMA_HARDWARE : CAMEO_PTX_MMA_IEEE;
  std::string schedule = scheduleOption();
  Plan plan;
  for (uint32_t i = 0; i < scheduleNames().size(); ++i)
    for (unsigned r = 0; r < runs && (schedule == "all" || schedule == scheduleNames()[i]); ++r) {
      settings.schedule = i;
      settings.seed = seedOption() + r;
      settings.asyncPoint = copiesGiven() ? *point : r % 3;
      plan.push_back(settings);
    }
  if (plan.empty())
    return bad("--schedule " + schedule + ": no such schedule");
  return plan;
}

bool mixesFlags() {
  cl::Option *const ofFlags[] = {&kernelName, &gridText, &blockText, &clusterText, &cooperative, &sharedBytes, std::addressof(argTexts),
                                 std::addressof(expectTexts), &relative, &absolute};
  for (cl::Option *option : ofFlags)
    if (option->getNumOccurrences()) {
      fail(usage, "--" + option->ArgStr + ": not together with --launch");
      return true;
    }
  return false;
}

json::Object toJson(const SimRun &run) {
  json::Object object = run.result;
  json::Array differences;
  for (const SimDifference &difference : run.differences)
    differences.push_back(json::Object{{"buffer", json::fixUTF8(difference.buffer)},
                                       {"message", json::fixUTF8(difference.message)}});
  object["differences"] = std::move(differences);
  object["exit_code"] = run.exitCode;
  if (!run.error.empty())
    object["error"] = run.error;
  return object;
}

void printRun(const SimRun &run, const SimSettings &settings) {
  outs() << run.text;
  for (const SimDifference &difference : run.differences)
    outs() << "difference: " << difference.buffer << ": " << difference.message << "\n";
  if (!run.differences.empty())
    outs() << formatv("  replay: schedule {0}, seed {1}, copies land {2}\n", scheduleNames()[settings.schedule],
                      settings.seed, copyPointNames()[settings.asyncPoint]);
}

/// What a line's requests took and would take at best: each kind has its own unit of transfer.
struct LineTraffic {
  const char *kind, *unit;
  int64_t requests, bytes, units, perUnit;
  int64_t ideal() const { return std::max(requests, (bytes + perUnit - 1) / perUnit); }
};

/// Lines of the PTX that reach memory, the most wasteful first.
void printLines(const json::Array &lines) {
  std::vector<std::pair<LineTraffic, const json::Object *>> rows;
  for (const json::Value &value : lines) {
    const json::Object &line = *value.getAsObject();
    auto figure = [&](const Twine &name) { return line.getInteger(name.str()).value_or(0); };
    auto add = [&](const char *kind, const char *key, const char *unit, int64_t perUnit) {
      if (int64_t requests = figure(Twine(key) + "_requests"))
        rows.push_back({{kind, unit, requests, figure(Twine(key) + "_bytes"),
                         figure(Twine(key) + "_" + unit), perUnit}, &line});
    };
    add("global load", "global_load", "sectors", 32);
    add("global store", "global_store", "sectors", 32);
    add("shared load", "shared_load", "wavefronts", 128);
    add("shared store", "shared_store", "wavefronts", 128);
  }
  auto key = [](const auto &row) {
    return std::tuple(row.first.ideal() - row.first.units, row.second->getInteger("line").value_or(0));
  };
  llvm::sort(rows, [&](const auto &a, const auto &b) { return key(a) < key(b); });
  if (!rows.empty())
    outs() << "     line  requests       bytes  taken       at best  kind          instruction\n";
  for (const auto &[row, line] : rows)
    outs() << formatv("{0,9}  {1,8}  {2,10}  {3,-10}  {4,7}  {5,-12}  {6}\n", line->getInteger("line").value_or(0),
                      row.requests, row.bytes, formatv("{0} {1}", row.units, row.unit).str(), row.ideal(), row.kind,
                      line->getString("instruction").value_or(""));
}

void printCounts(const SimRun &run) {
  if (const json::Object *figures = run.result.getObject("counts"))
    for (const std::string &key : keysOf(*figures))
      outs() << formatv("{0,24}  {1}\n", key, figures->getInteger(key).value_or(0));
  if (const json::Array *lines = run.result.getArray("lines"))
    printLines(*lines);
}

int writeResults(const LaunchFile &launch, const SimRun &run) {
  if (outputDir.empty() || run.after.size() != launch.buffers.size())
    return ok;
  if (std::error_code error = sys::fs::create_directories(outputDir))
    return fail(ioOrMemory, "--output-dir " + outputDir + ": " + error.message());
  for (size_t i = 0; i < launch.buffers.size(); ++i) {
    const LaunchBuffer &buffer = launch.buffers[i];
    if (buffer.role != BufferRole::out && buffer.role != BufferRole::inout)
      continue;
    std::string file = buffer.name;
    std::replace_if(file.begin(), file.end(), [](char c) { return c == '/' || c == '\\' || c == ':'; }, '_');
    if (host::Status status = writeNpy(outputDir + "/" + file + ".npy", run.after[i]); !status)
      return fail(ioOrMemory, status.message());
  }
  return ok;
}

int runPlan(const ptx::Module &module, uint32_t kernel, const LaunchFile &launch, const Plan &plan) {
  Progress progress;
  std::string name = module.kernel(kernel).name;
  json::Array all;
  SimRun run; // what decides: a finding, else the first difference, else the last run
  size_t done = 0;
  for (const SimSettings &settings : plan) {
    progress.step(formatv("running '{0}', {1} of {2}", name, ++done, plan.size()).str());
    SimRun latest = runLaunch(module, kernel, launch, settings);
    bool decides = run.exitCode == ok || (latest.exitCode != ok && latest.exitCode != mismatch);
    if (asJson)
      all.push_back(toJson(latest));
    else if (decides)
      printRun(latest, settings);
    if (decides)
      run = std::move(latest);
    if (run.exitCode != ok && run.exitCode != mismatch)
      break;
  }
  if (!run.error.empty())
    fail(ExitCode(run.exitCode), run.error);
  int written = writeResults(launch, run);
  for (const auto *file : {&traceFile, &footprintsFile})
    if (!file->empty() && !run.trace.empty())
      if (Status status = writeFile(*file, run.trace); !status)
        written = fail(ioOrMemory, "--" + file->ArgStr + ": " + status.error().message);
  if (asJson)
    outs() << formatv("{0:2}\n", json::Value(json::Object{{"version", 1}, {"kernel", json::fixUTF8(name)},
                                                          {"exit_code", run.exitCode}, {"runs", std::move(all)}}));
  else if (run.exitCode == ok)
    outs() << formatv("'{0}': {1} run{2}, no finding, {3} of {3} buffers as expected\n", name, done,
                      done == 1 ? "" : "s", launch.expected.size());
  if (countsOption() && !asJson)
    printCounts(run);
  return run.exitCode ? run.exitCode : written;
}

int run() {
  if ((!launchFile.empty() && mixesFlags()) || !beginVerb(600.0))
    return usage;
  Plan plan = planRuns();
  if (plan.empty())
    return usage;
  HostMemoryLimit limit(*memoryLimitOption()); // beginVerb has parsed it
  ExitCode code = ok;
  std::unique_ptr<MemoryBuffer> text = readText(ptxFile, code);
  std::unique_ptr<MemoryBuffer> launchText = text && !launchFile.empty() ? readText(launchFile, code) : nullptr;
  if (code != ok)
    return code;
  ptx::Module module({text->getBufferStart(), text->getBufferSize()}, ptxFile.c_str());
  if (!module) {
    errs() << "error: " << module.errors() << (module.errors().empty() ? "the PTX cannot be read\n" : "");
    return module.status() == CAMEO_PTX_UNSUPPORTED     ? unsupported
           : module.status() == CAMEO_PTX_OUT_OF_MEMORY ? ioOrMemory
                                                        : invalid;
  }
  LaunchProblems problems;
  rlimit memory{};
  ::getrlimit(RLIMIT_DATA, &memory);
  // A buffer is held four times: as it was, on the device, its shadow, as it is.
  LaunchSource source{sys::path::parent_path(launchFile.getValue()).str(), launchFile.empty(),
                      memory.rlim_cur / 4};
  std::optional<json::Object> object =
      launchText ? parseLaunchText(launchText->getBuffer(), problems) : launchOfFlags();
  LaunchFile launch;
  uint32_t kernel = 0;
  if (object) {
    launch = readLaunch(*object, source, problems);
    kernel = matchKernel(module, launch, problems);
  }
  if (reportLaunchProblems(problems) != ok)
    return problems.exitCode();
  return runPlan(module, kernel, launch, plan);
}

} // namespace

Verb simVerb() { return {&simCommand(), run}; }

} // namespace cameo::tool
