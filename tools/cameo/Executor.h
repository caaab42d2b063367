// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What runs a model for the verbs: a bundle on a device through the runtime's C interface, or the
// evaluator on the graph. Inputs and outputs are host tensors in the model's order.
#pragma once

#include "Limits.h"
#include "Verbs.h"

#include "cameo/Bundle/Result.h"
#include "cameo/HostOps/HostTensor.h"
#include "cameo/Runtime/cameo.h"

#include "llvm/Support/JSON.h"

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace cameo::tool {

struct Port {
  std::string name;
  DType dtype = DType::undefined;
  std::vector<std::string> dims; ///< a number or a formula over named sizes each
};

/// One launch of a profiled run.
struct LaunchRecord {
  std::string kernel, family;
  std::vector<std::string> nodes;
  double milliseconds = 0;
  std::map<std::string, uint64_t> counts; ///< of sim, by name; elsewhere empty
  uint64_t count(const char *name) const {
    auto it = counts.find(name);
    return it == counts.end() ? 0 : it->second;
  }
};
/// The counts of a launch by name; empty where it has none.
std::map<std::string, uint64_t> countsOf(const cameo_launch_info &launch);
/// The launches of each kernel added up, in the order of their first launch.
struct KernelRecord {
  LaunchRecord sum;
  unsigned launches = 0;
};
std::vector<KernelRecord> byKernel(const std::vector<LaunchRecord> &records);
/// A title and the figures that are not 0, a line each; for --counts of each kernel and of all.
void printCounts(llvm::raw_ostream &os, const std::string &title, const std::map<std::string, uint64_t> &counts);
void printCounts(llvm::raw_ostream &os, const std::vector<KernelRecord> &kernels);
llvm::json::Object toJson(const std::map<std::string, uint64_t> &counts);

struct RunInfo {
  unsigned launches = 0, kernels = 0, hostSteps = 0;
  uint64_t arenaBytes = 0;
};

class Executor {
public:
  virtual ~Executor() = default;
  std::vector<Port> inputs, outputs;
  std::string device; ///< "sim", "cuda (NVIDIA H100)", "evaluator"
  std::vector<std::string> outputNodes; ///< evaluator: the ONNX node of each output, or ""
  std::vector<size_t> nodeOrder;        ///< evaluator: outputs in the order in which they are computed

  virtual Result<std::vector<host::HostTensor>> run(const std::vector<host::HostTensor> &values) = 0;
  /// Bytes of an output that no instruction of a kernel has written (sim; else 0).
  virtual uint64_t unwrittenBytes(size_t) { return 0; }
  virtual RunInfo info() { return {}; }
  virtual std::vector<LaunchRecord> launches() { return {}; }
};

/// What the command line says (--device, --memory-limit, --seed, --check, --schedule, --copies, --counts); a usage error
/// where it makes no sense.
Result<cameo_session_options> sessionOptions(bool profile);
/// The --device in effect: "auto", "sim", "sim:sm_86", "cuda" or "evaluator".
std::string deviceOption();
/// "sm_86" of --device sim:sm_86; else null.
const char *simTargetOption();
uint64_t seedOption();

Result<std::unique_ptr<Executor>> executeBundle(const std::string &path,
                                                const cameo_session_options &options);
/// The evaluator on a model in the graph dialect (Evaluator.cpp).
Result<std::unique_ptr<Executor>> executeGraph(const std::string &model, const CompileOptions &options,
                                               ProblemList &problems);

/// A bundle in a folder of its own that goes when this does.
struct TemporaryBundle {
  TemporaryFolder folder;
  std::string path;
};
/// Compiles `model` to a temporary bundle. On failure `problems` or diagnostics have said why and the
/// error's code is that of the tool.
Result<std::unique_ptr<TemporaryBundle>> compileTemporary(const std::string &model,
                                                          const CompileOptions &options,
                                                          ProblemList &problems);

/// An executor for a model or a bundle on the device of the command line, with what it owns.
struct Prepared {
  std::unique_ptr<TemporaryBundle> bundle;
  std::unique_ptr<HostMemoryLimit> limit; ///< while the evaluator runs
  std::unique_ptr<Executor> executor;
};
struct PrepareOptions {
  bool profile = false; ///< record each launch
  bool strict = false;  ///< refuse host steps but control operands and shape arithmetic
};
Result<Prepared> prepare(const std::string &modelOrBundle, const CompileOptions &options,
                         ProblemList &problems, PrepareOptions how = {});

/// The inputs in order: given ones by name, the others drawn from the seed. Named sizes that no given
/// input fixes are 1, 3 for a leading one that is free (a batch).
Result<std::vector<host::HostTensor>> completeInputs(const Executor &executor,
                                                     const std::map<std::string, host::HostTensor> &given,
                                                     uint64_t seed);

/// Prints an error as the tool does and returns its code.
int report(const Error &error);

} // namespace cameo::tool
