// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A module behind the C interface: its text, its tree, and its kernels as programs, decoded with
// all checks when it is parsed (so that everything unknown is refused then) and without them at the
// first launch that asks for that.
#ifndef CAMEO_LIB_PTX_MODULEIMPL_H
#define CAMEO_LIB_PTX_MODULEIMPL_H

#include "Decode.h"
#include "Polls.h"

#include <mutex>

namespace cameo::ptx {

struct KernelParam {
  std::string name;
  uint32_t offset, size, align;
  bool isPointer;
};

struct Kernel {
  const Function *function = nullptr;
  std::string name;
  std::vector<KernelParam> params;
  uint32_t argBytes = 0;
  std::unique_ptr<Program> programs[3]; ///< no checks, checks, counts
  std::once_flag decoded[3];
};

class ModuleImpl {
public:
  /// Null where there are errors, which then has one line each.
  static std::shared_ptr<ModuleImpl> parse(std::string_view text, const char *file,
                                           std::string &errors, bool &unsupported);

  const Program &program(Kernel &kernel, Policy policy);
  /// The PTX of a line, without blanks around it.
  std::string lineText(uint32_t line) const;
  /// Where the instruction comes from: `.loc`, else the comment of its line.
  std::string locationText(uint32_t location, uint32_t line) const;
  /// Addresses of the module's global and const variables in a memory; made at the first launch.
  bool instantiate(DeviceMemory &memory, std::vector<uint64_t> &addresses, std::string &error);

  ModuleAst ast;
  std::vector<std::unique_ptr<Kernel>> kernels;
  std::string text, file;

private:
  std::vector<size_t> lineStart;
  std::weak_ptr<ModuleImpl> self;
};

struct TensorFences; // TensorMapReplace.cpp

struct LaunchInfo : LaunchContext {
  std::shared_ptr<TensorFences> tensorFences; ///< made by the first that changes a tensor map
  std::mutex tensorMutex;
  const ModuleImpl *module = nullptr;
  std::mutex printMutex;
  std::string printed; ///< by vprintf
  std::mutex unchosenMutex;
  std::unordered_map<uint32_t, bool> unchosen; ///< by operation, what loadsUnchosen has said
  SpinWatch spinWatch;
  std::string polled; ///< who polled what when the launch was given up
};

/// The value that the ld of this line loads is never used but where other conditions choose it (Unchosen.cpp).
bool loadsUnchosen(const ModuleAst &module, std::string_view function, uint32_t line);

struct LaunchRequest {
  uint32_t grid[3], block[3], cluster[3];
  bool cooperative;
  uint32_t dynamicShared;
  const void *args;
  uint64_t argBytes;
  unsigned checks, schedule, asyncPoint, hostThreads, maxFindings;
  bool counts;
  uint32_t trace; ///< CAMEO_PTX_TRACE_...
  bool hardwareMma;
  uint64_t seed, stepLimit;
  const volatile int *cancel;
};

struct LaunchOutcome {
  int status = 0; ///< a cameo_ptx_status
  std::vector<Finding> findings;
  Counts counts;
  LineCounts lines;
  bool hasCounts = false, raceTableFull = false;
  std::string text, json, trace;
};

/// Checks the request against the kernel, runs it, and writes what was found.
void launchKernel(ModuleImpl &module, Kernel &kernel, DeviceMemory &memory,
                  const LaunchRequest &request, LaunchOutcome &outcome);

} // namespace cameo::ptx

#endif
