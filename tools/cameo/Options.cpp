// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The sub-commands, and the options that several verbs share.

#include "Executor.h"
#include "Limits.h"

#include "cameo/Model/Target.h"

#include "llvm/Support/CommandLine.h"

using namespace llvm;

namespace cameo::tool {

cl::SubCommand &compileCommand() {
  static cl::SubCommand command("compile", "Compile a model to a bundle");
  return command;
}
cl::SubCommand &checkCommand() {
  static cl::SubCommand command("check", "Say whether a model can be compiled, and if not, all reasons");
  return command;
}
cl::SubCommand &inspectCommand() {
  static cl::SubCommand command("inspect", "Show what a bundle holds, or what a model compiles to");
  return command;
}
cl::SubCommand &runCommand() {
  static cl::SubCommand command("run", "Run a model or a bundle");
  return command;
}
cl::SubCommand &verifyCommand() {
  static cl::SubCommand command("verify", "Compare a model's kernels with a reference");
  return command;
}
cl::SubCommand &benchCommand() {
  static cl::SubCommand command("bench", "Measure a model or a bundle, kernel by kernel");
  return command;
}
cl::SubCommand &conformanceCommand() {
  static cl::SubCommand command("conformance", "Run a folder of ONNX backend test cases");
  return command;
}

cl::SubCommand &simCommand() {
  static cl::SubCommand command("sim", "Run and check one kernel of any PTX file on the PTX machine");
  return command;
}

namespace {

cl::list<std::string> shapes("shape", cl::value_desc("input=1x3x224x224"), cl::sub(compileCommand()),
                             cl::sub(checkCommand()), cl::sub(inspectCommand()), cl::sub(runCommand()),
                             cl::sub(verifyCommand()), cl::sub(benchCommand()), cl::cat(inputCategory()),
                             cl::desc("Specialise the sizes of an input ('?' leaves one free)"));
cl::list<std::string> allowExternal("allow-external", cl::value_desc("DIR"), cl::sub(compileCommand()),
                                    cl::sub(checkCommand()), cl::sub(inspectCommand()),
                                    cl::sub(runCommand()), cl::sub(verifyCommand()),
                                    cl::sub(benchCommand()), cl::cat(inputCategory()),
                                    cl::desc("Also read external weights from this folder"));
cl::opt<double> secondsLimit("time-limit", cl::value_desc("SECONDS"), cl::init(0), cl::sub(compileCommand()),
                          cl::sub(checkCommand()), cl::sub(inspectCommand()), cl::sub(runCommand()),
                          cl::sub(verifyCommand()), cl::sub(benchCommand()), cl::sub(simCommand()),
                          cl::cat(limitCategory()),
                          cl::desc("End after this time with exit code 10 (sim: 600 by default; 0: never)"));
cl::opt<std::string> memoryLimit("memory-limit", cl::value_desc("BYTES[K|M|G]"), cl::sub(compileCommand()),
                                 cl::sub(checkCommand()), cl::sub(inspectCommand()),
                                 cl::sub(runCommand()), cl::sub(verifyCommand()),
                                 cl::sub(benchCommand()), cl::sub(simCommand()), cl::cat(limitCategory()),
                                 cl::desc("What compiling may allocate, and what a run may take of the "
                                          "device (default: 80 % of what is free)"));
cl::opt<std::string> device("device", cl::value_desc("sim[:sm_86]|cuda|evaluator"), cl::init("auto"),
                            cl::sub(runCommand()), cl::sub(verifyCommand()), cl::sub(benchCommand()),
                            cl::sub(conformanceCommand()), cl::cat(limitCategory()),
                            cl::desc("Where to run (default: cuda where there is a GPU, else sim). sim:TARGET "
                                     "runs the code for that target, sim alone the portable one"));
cl::opt<uint64_t> seed("seed", cl::value_desc("N"), cl::init(1), cl::sub(runCommand()),
                       cl::sub(verifyCommand()), cl::sub(benchCommand()), cl::sub(conformanceCommand()),
                       cl::sub(simCommand()),
                       cl::cat(limitCategory()), cl::desc("Seed of drawn inputs and of random schedules"));
cl::opt<std::string> checks("check", cl::value_desc("none|memory|all"), cl::init("all"),
                            cl::sub(runCommand()), cl::sub(verifyCommand()), cl::sub(benchCommand()),
                            cl::sub(conformanceCommand()), cl::sub(simCommand()), cl::cat(limitCategory()),
                            cl::desc("What sim checks (default: all)"));
cl::alias checksAlias("checks", cl::aliasopt(checks), cl::Hidden);
cl::opt<std::string> schedule("schedule", cl::value_desc("NAME"), cl::init("round-robin"),
                              cl::sub(runCommand()), cl::sub(verifyCommand()), cl::sub(benchCommand()),
                              cl::sub(conformanceCommand()), cl::sub(simCommand()), cl::cat(limitCategory()),
                              cl::desc("Schedule of sim: round-robin, random, producer-starved, "
                                       "consumer-starved, later-blocks-starved (verb sim: also all)"));
cl::opt<std::string> copies("copies", cl::value_desc("latest|earliest|random"), cl::init("latest"),
                            cl::sub(runCommand()), cl::sub(verifyCommand()), cl::sub(benchCommand()),
                            cl::sub(conformanceCommand()), cl::sub(simCommand()), cl::cat(limitCategory()),
                            cl::desc("When asynchronous copies land on sim (default: latest; verb sim: then "
                                     "the others in turn)"));
cl::opt<bool> counts("counts", cl::sub(runCommand()), cl::sub(verifyCommand()), cl::sub(benchCommand()),
                     cl::sub(conformanceCommand()), cl::sub(simCommand()), cl::cat(outputCategory()),
                     cl::desc("Print the exact counts of sim, kernel by kernel (verb sim: line by line)"));

/// The position of `text` among `names`, or -1.
int choice(StringRef text, ArrayRef<StringRef> names) {
  auto it = llvm::find(names, text);
  return it == names.end() ? -1 : int(it - names.begin());
}

std::optional<uint64_t> parseBytes(StringRef text) {
  uint64_t unit = 1, value = 0;
  if (text.consume_back("G"))
    unit = uint64_t(1) << 30;
  else if (text.consume_back("M"))
    unit = uint64_t(1) << 20;
  else if (text.consume_back("K"))
    unit = uint64_t(1) << 10;
  if (text.getAsInteger(10, value) || value == 0 || __builtin_mul_overflow(value, unit, &value))
    return std::nullopt;
  return value;
}

Error usageError(const Twine &message) { return {ErrorCode::usage, message.str()}; }

} // namespace

std::string deviceOption() { return device; }
const char *simTargetOption() { return StringRef(device).starts_with("sim:") ? device.c_str() + 4 : nullptr; }
uint64_t seedOption() { return seed; }

Result<uint64_t> memoryLimitOption() {
  if (memoryLimit.empty())
    return uint64_t(0);
  std::optional<uint64_t> bytes = parseBytes(memoryLimit);
  if (!bytes)
    return usageError("--memory-limit " + memoryLimit + ": expected a number of bytes, K, M or G");
  return *bytes;
}

static bool limitsMakeSense() {
  if (!(secondsLimit >= 0 && secondsLimit <= 1e9)) {
    fail(usage, "--time-limit: expected a number of seconds");
    return false;
  }
  if (auto bytes = memoryLimitOption(); !bytes) {
    fail(usage, bytes.error().message);
    return false;
  }
  return true;
}

bool beginVerb(ImportOptions &options) {
  if (!limitsMakeSense())
    return false;
  options.allowExternal.assign(allowExternal.begin(), allowExternal.end());
  if (!parseShapes(shapes, options.shapes))
    return false;
  watchForEnd(secondsLimit);
  return true;
}

bool beginVerb(double defaultSeconds) {
  if (!limitsMakeSense())
    return false;
  watchForEnd(secondsLimit.getNumOccurrences() ? double(secondsLimit) : defaultSeconds);
  return true;
}

ArrayRef<StringRef> scheduleNames() {
  static constexpr StringRef names[] = {"round-robin", "random", "producer-starved", "consumer-starved",
                                        "later-blocks-starved"};
  return names;
}
std::string scheduleOption() { return schedule; }

ArrayRef<StringRef> copyPointNames() {
  static constexpr StringRef names[] = {"latest", "earliest", "random"};
  return names;
}
bool copiesGiven() { return copies.getNumOccurrences() > 0; }
Result<uint32_t> copiesOption() {
  int point = choice(copies, copyPointNames());
  if (point < 0)
    return usageError("--copies " + copies + ": expected latest, earliest or random");
  return uint32_t(point);
}
bool countsOption() { return counts; }

ArrayRef<StringRef> checkNames() {
  static constexpr StringRef names[] = {"none", "memory", "all"};
  return names;
}
Result<uint32_t> checkOption() {
  int level = choice(checks, checkNames());
  if (level < 0)
    return usageError("--check " + checks + ": expected none, memory or all");
  return uint32_t(level);
}

Result<cameo_session_options> sessionOptions(bool profile) {
  cameo_session_options options;
  cameo_session_options_init(&options, sizeof options);
  options.target = simTargetOption();
  if (options.target && !findTarget(options.target))
    return usageError("--device " + device + ": unknown target, or older than sm_80");
  int where = options.target ? CAMEO_SIM : choice(device, {"auto", "sim", "cuda"});
  if (where < 0)
    return usageError("--device " + device + ": expected sim, sim:TARGET, cuda or evaluator");
  options.device = cameo_device(where);
  options.profile = profile || counts;
  options.seed = seed;
  auto level = checkOption();
  if (!level)
    return level.error();
  options.checks = *level;
  int order = choice(schedule, scheduleNames());
  if (order < 0)
    return usageError("--schedule " + schedule + ": no such schedule");
  options.schedule = uint32_t(order);
  auto point = copiesOption();
  if (!point)
    return point.error();
  options.async_point = *point;
  auto bytes = memoryLimitOption();
  if (!bytes)
    return bytes.error();
  options.memory_limit = *bytes;
  return options;
}

} // namespace cameo::tool
