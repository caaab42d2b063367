// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A launch file against a kernel of the PTX machine: what fits, one run, and how its buffers differ from what
// is expected.
#pragma once

#include "SimLaunch.h"

#include "cameo/Ptx/Machine.h"

namespace cameo::tool {

struct SimSettings {
  uint32_t checks = CAMEO_PTX_CHECK_ALL, schedule = 0, asyncPoint = 0, hostThreads = 1, mma = 0;
  uint64_t seed = 1;
  bool counts = false;
  uint32_t trace = CAMEO_PTX_TRACE_NONE;
};

struct SimDifference {
  std::string buffer, message;
};

struct SimRun {
  int exitCode = ok;                       ///< a finding's class comes before a difference
  std::string error;                       ///< why it has no result
  std::string text;                        ///< the findings, and how to see them again
  std::string trace;                       ///< with `trace`: a timeline, or rows of footprints
  llvm::json::Object result;               ///< the machine's own JSON
  std::vector<SimDifference> differences;  ///< only looked for where nothing was found
  std::vector<host::HostTensor> after;     ///< in the order of the launch's buffers
};

/// The number of the kernel that the launch names. Parameters and block sizes that do not fit it are problems.
uint32_t matchKernel(const ptx::Module &module, const LaunchFile &launch, LaunchProblems &problems);

SimRun runLaunch(const ptx::Module &module, uint32_t kernel, const LaunchFile &launch,
                 const SimSettings &settings);

} // namespace cameo::tool
