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
  AsyncRun outcome;
  Module module(clusterKernel(body), "cluster.ptx");
  EXPECT_TRUE(module) << module.errors();
  if (!module)
    return outcome;
  Memory memory;
  std::vector<uint32_t> input(inputWords);
  for (uint32_t i = 0; i < inputWords; ++i)
    input[i] = 1000 + i;
  uint64_t in = memory.upload(input, "in");
  uint64_t out = memory.upload(std::vector<uint32_t>(inputWords, 0), "out");
  Arguments arguments;
  arguments.add(in).add(out);
  AsyncLaunch plain{how.threads, how.blocks, how.schedule, how.asyncPoint, how.seed, how.checks};
  cameo_ptx_launch launch = asyncLaunchOf(plain, arguments);
  std::copy(how.cluster, how.cluster + 3, launch.cluster);
  Result result = run(module, "k", memory, launch);
  outcome.text = result.text();
  for (uint32_t i = 0; i < result.findingCount(); ++i) {
    outcome.kinds.push_back(cameo_ptx_finding_kind(result.finding(i).kind));
    EXPECT_NE(std::string(result.finding(i).remedy), "");
  }
  if (outcome.kinds.empty()) {
    EXPECT_EQ(result.status(), CAMEO_PTX_OK) << body;
  }
  outcome.out = memory.download<uint32_t>(out, inputWords);
  return outcome;
}

inline void expectClusterBroken(const std::string &body, cameo_ptx_finding_kind kind,
                                std::vector<std::string> texts = {}, ClusterLaunch how = {}) {
  AsyncRun broken = runCluster(body, how);
  ASSERT_FALSE(broken.kinds.empty()) << "nothing was found in\n" << body;
  EXPECT_NE(std::count(broken.kinds.begin(), broken.kinds.end(), kind), 0) << broken.text << body;
  for (const std::string &text : texts)
    EXPECT_NE(broken.text.find(text), std::string::npos) << text << " is not in\n" << broken.text;
}

template <typename F>
void expectClusterMended(const std::string &body, uint32_t count, F expected, ClusterLaunch how = {}) {
  for (uint32_t schedule = 0; schedule <= CAMEO_PTX_SCHEDULE_LATER_BLOCKS_STARVED; ++schedule)
    for (uint32_t point = 0; point <= CAMEO_PTX_ASYNC_RANDOM; ++point)
      for (uint64_t seed = 0; seed < (schedule == 1 || point == 2 ? 6u : 1u); ++seed)
        for (uint32_t checks : {CAMEO_PTX_CHECK_ALL, CAMEO_PTX_CHECK_NONE}) {
          how.schedule = schedule, how.asyncPoint = point, how.seed = seed, how.checks = checks;
          AsyncRun run = runCluster(body, how);
          ASSERT_TRUE(run.kinds.empty()) << "schedule " << schedule << " point " << point << " seed "
                                         << seed << "\n" << run.text << body;
          for (uint32_t i = 0; i < count; ++i)
            ASSERT_EQ(run.out[i], expected(i)) << i << " under schedule " << schedule << " point "
                                               << point << " seed " << seed << "\n" << body;
        }
}

} // namespace cameo::ptx::test

#endif
