// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The verbs of the `cameo` tool. Each verb has a file with its options (in its own cl::SubCommand) and
// one function; what several verbs share is here. Results go to stdout, everything else to stderr.
#pragma once

#include "cameo/Bundle/Result.h"
#include "cameo/Import/Problems.h"
#include "cameo/Pipeline/Pipeline.h"

#include "mlir/IR/MLIRContext.h"

#include "llvm/ADT/ArrayRef.h"
#include "llvm/Support/CommandLine.h"

namespace cameo::tool {

/// Exit codes of every verb (docs/cli.md).
enum ExitCode : int {
  ok = 0,
  usage = 1,
  unsupported = 2,
  invalid = 3,
  mismatch = 4,
  gateFailed = 5,
  internalError = 6,
  noDevice = 7,
  badInput = 8,
  ioOrMemory = 9,
  timeLimit = 10,
  interrupted = 130,
};

struct Verb {
  llvm::cl::SubCommand *command;
  int (*run)();
};
/// One function a verb; defined in the verb's file.
Verb compileVerb();
Verb checkVerb();
Verb inspectVerb();
Verb runVerb();
Verb verifyVerb();
Verb benchVerb();
Verb listOpsVerb();
Verb conformanceVerb();
Verb simVerb();

/// The sub-commands that share options (Options.cpp).
llvm::cl::SubCommand &compileCommand();
llvm::cl::SubCommand &checkCommand();
llvm::cl::SubCommand &inspectCommand();
llvm::cl::SubCommand &runCommand();
llvm::cl::SubCommand &verifyCommand();
llvm::cl::SubCommand &benchCommand();
llvm::cl::SubCommand &conformanceCommand();
llvm::cl::SubCommand &simCommand();

/// Options by group in `--help`.
llvm::cl::OptionCategory &inputCategory();
llvm::cl::OptionCategory &outputCategory();
llvm::cl::OptionCategory &limitCategory();

/// A context with every dialect, in which diagnostics print as "error: node 'name': …".
class CompilerContext {
public:
  CompilerContext();
  ~CompilerContext();
  mlir::MLIRContext context;

private:
  struct Handler;
  std::unique_ptr<Handler> handler;
};

/// Prints `error: …` to stderr and returns `code`.
int fail(ExitCode code, const llvm::Twine &message);
/// Prints the problems to stderr (or as JSON to stdout) and returns their exit code.
int reportProblems(const ProblemList &problems, bool json);

/// Parses `name=1x3x224x224` (a `?` leaves a dimension free) into sizes; false after an error.
bool parseShapes(llvm::ArrayRef<std::string> texts,
                 std::map<std::string, std::vector<int64_t>> &shapes);

/// What a verb that reads models begins with: --shape and --allow-external go to `options`, and from here
/// on --time-limit, Ctrl-C and SIGTERM end the process (Limits.h). False after a usage error.
bool beginVerb(ImportOptions &options);
/// The same for a verb that reads no model; `defaultSeconds` where --time-limit is not given (0: none).
bool beginVerb(double defaultSeconds);
/// The PTX machine's schedules and checks, in the order of its interface.
llvm::ArrayRef<llvm::StringRef> scheduleNames();
llvm::ArrayRef<llvm::StringRef> checkNames();
/// --schedule as it is given, and --check as the machine's number.
std::string scheduleOption();
Result<uint32_t> checkOption();
/// When asynchronous copies land, in the order of its interface, and --copies as its number; latest
/// where it is not given.
llvm::ArrayRef<llvm::StringRef> copyPointNames();
Result<uint32_t> copiesOption();
bool copiesGiven();
/// --counts.
bool countsOption();
/// --memory-limit; 0 where it is not given.
Result<uint64_t> memoryLimitOption();

/// Shows the step that is running, after 2 s and only on a terminal.
class Progress {
public:
  Progress();
  ~Progress();
  void step(llvm::StringRef what);

private:
  struct State;
  std::shared_ptr<State> state;
};

} // namespace cameo::tool
