// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The sub-commands, and the options that the verbs which execute something share.

#include "Executor.h"

#include "llvm/Support/CommandLine.h"

using namespace llvm;

namespace cameo::tool {

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

namespace {

cl::opt<std::string> device("device", cl::value_desc("sim|cuda|evaluator"), cl::init("auto"),
                            cl::sub(runCommand()), cl::sub(verifyCommand()), cl::sub(benchCommand()),
                            cl::sub(conformanceCommand()), cl::cat(limitCategory()),
                            cl::desc("Where to run (default: cuda where there is a GPU, else sim)"));
cl::opt<uint64_t> seed("seed", cl::value_desc("N"), cl::init(1), cl::sub(runCommand()),
                       cl::sub(verifyCommand()), cl::sub(benchCommand()), cl::cat(limitCategory()),
                       cl::desc("Seed of drawn inputs and of random schedules"));
cl::opt<double> runTimeLimit("time-limit", cl::value_desc("SECONDS"), cl::init(0), cl::sub(runCommand()),
                          cl::sub(verifyCommand()), cl::sub(benchCommand()), cl::cat(limitCategory()),
                          cl::desc("End a run after this time with exit code 10"));
cl::opt<std::string> runMemoryLimit("memory-limit", cl::value_desc("BYTES[K|M|G]"),
                                 cl::sub(runCommand()), cl::sub(verifyCommand()),
                                 cl::sub(benchCommand()), cl::cat(limitCategory()),
                                 cl::desc("Device memory a run may take (default: 80 % of what is free)"));
cl::opt<std::string> checks("checks", cl::value_desc("none|memory|all"), cl::init("all"),
                            cl::sub(runCommand()), cl::sub(verifyCommand()), cl::sub(benchCommand()),
                            cl::cat(limitCategory()), cl::desc("What sim checks (default: all)"));
cl::opt<std::string> schedule("schedule", cl::value_desc("NAME"), cl::init("round-robin"),
                              cl::sub(runCommand()), cl::sub(verifyCommand()),
                              cl::cat(limitCategory()),
                              cl::desc("Schedule of sim: round-robin, random, producer-starved, "
                                       "consumer-starved, later-blocks-starved"));

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
  if (text.getAsInteger(10, value) || __builtin_mul_overflow(value, unit, &value))
    return std::nullopt;
  return value;
}

Error usageError(const Twine &message) { return {ErrorCode::usage, message.str()}; }

} // namespace

std::string deviceOption() { return device; }
uint64_t seedOption() { return seed; }

Result<cameo_session_options> sessionOptions(bool profile) {
  cameo_session_options options;
  cameo_session_options_init(&options);
  int where = choice(device, {"auto", "sim", "cuda"});
  if (where < 0)
    return usageError("--device " + device + ": expected sim, cuda or evaluator");
  options.device = cameo_device(where);
  options.profile = profile;
  options.time_limit = runTimeLimit;
  options.seed = seed;
  int level = choice(checks, {"none", "memory", "all"});
  if (level < 0)
    return usageError("--checks " + checks + ": expected none, memory or all");
  options.checks = uint32_t(level);
  int order = choice(schedule, {"round-robin", "random", "producer-starved", "consumer-starved",
                                "later-blocks-starved"});
  if (order < 0)
    return usageError("--schedule " + schedule + ": no such schedule");
  options.schedule = uint32_t(order);
  if (!runMemoryLimit.empty()) {
    std::optional<uint64_t> bytes = parseBytes(runMemoryLimit);
    if (!bytes)
      return usageError("--memory-limit " + runMemoryLimit + ": expected a number of bytes, K, M or G");
    options.memory_limit = *bytes;
  }
  return options;
}

} // namespace cameo::tool
