// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Kernels of clusters: %rank and %blocks, an input of known words, an output, launches with a cluster.
// A broken kernel is found under the default schedule; the mended one is clean and right under all of
// them and at all points of completion.
#ifndef CAMEO_TEST_UNIT_PTX_CLUSTERHARNESS_H
#define CAMEO_TEST_UNIT_PTX_CLUSTERHARNESS_H

#include "AsyncHarness.h"

namespace cameo::ptx::test {

struct ClusterLaunch {
  uint32_t threads = 32, blocks = 2;
  uint32_t cluster[3] = {2, 1, 1};
  uint32_t schedule = 0, asyncPoint = 0;
  uint64_t seed = 0;
  uint32_t checks = CAMEO_PTX_CHECK_ALL;
};

/// As asyncKernel, and %rank, %blocks, %there and %hither: the addresses of `tile` and `bar` in the next
/// block of the cluster. SYNC stands for the cluster's barrier.
inline std::string clusterKernel(const std::string &body) {
  std::string text =
      ".reg .b32 %rank, %blocks, %next, %there, %hither, %block;\n.reg .f32 %f<8>;\n"
      "mov.u32 %rank, %cluster_ctarank;\nmov.u32 %blocks, %cluster_nctarank;\nmov.u32 %block, %ctaid.x;\n"
      "add.u32 %next, %rank, 1;\nrem.u32 %next, %next, %blocks;\n"
      "mapa.shared::cluster.u32 %there, %tile, %next;\nmapa.shared::cluster.u32 %hither, %bar, %next;\n" +
      body;
  for (size_t at; (at = text.find("SYNC\n")) != std::string::npos;)
    text.replace(at, 4, "barrier.cluster.arrive.aligned;\nbarrier.cluster.wait.aligned;");
  return asyncKernel(text);
}

/// Words to `out` at the thread's number in the grid.
inline std::string writeOut(const std::string &reg) {
  return "mov.u32 %r14, %ntid.x;\nmad.lo.u32 %r15, %block, %r14, %t;\nmul.wide.u32 %l14, %r15, 4;\n"
         "add.s64 %l15, %out, %l14;\nst.global.u32 [%l15], " + reg + ";\n";
}

inline AsyncRun runCluster(const std::string &body, ClusterLaunch how = {}) {
  return runText(clusterKernel(body), body, [&](const Arguments &arguments) {
    AsyncLaunch plain{how.threads, how.blocks, how.schedule, how.asyncPoint, how.seed, how.checks};
    cameo_ptx_launch launch = asyncLaunchOf(plain, arguments);
    std::copy(how.cluster, how.cluster + 3, launch.cluster);
    return launch;
  });
}

inline void expectClusterBroken(const std::string &body, cameo_ptx_finding_kind kind,
                                std::vector<std::string> texts = {}, ClusterLaunch how = {}) {
  expectFound(runCluster(body, how), body, kind, texts);
}

template <typename F>
void expectClusterMended(const std::string &body, uint32_t count, F expected, ClusterLaunch how = {}) {
  expectCleanEverywhere(runCluster, body, count, expected, how, 6);
}

} // namespace cameo::ptx::test

#endif
