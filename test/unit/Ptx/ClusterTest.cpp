// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Clusters: the launch against what the kernel says, special registers, the barrier and its misuse,
// mapa and getctarank, deadlocks that name who is missing.
#include "ClusterHarness.h"

namespace cameo::ptx::test {
namespace {

struct Shape {
  uint32_t grid[3] = {4, 1, 1}, cluster[3] = {0, 0, 0};
  bool cooperative = false;
};

Result launchShape(const std::string &directives, Shape shape, std::vector<uint32_t> *out = nullptr,
                   const std::string &body = "") {
  std::string text = ".version 8.6\n.target sm_90\n.address_size 64\n.visible .entry k(.param .u64 pout)\n" +
                     directives + "{\n.reg .b32 %r<32>;\n.reg .b64 %l<8>;\n.reg .pred %p;\n" + body + "\nret;\n}\n";
  Module module(text);
  EXPECT_TRUE(module) << module.errors();
  Memory memory;
  uint64_t address = memory.upload(std::vector<uint32_t>(4096, 0), "out");
  Arguments arguments;
  arguments.add(address);
  cameo_ptx_launch launch = launchOf(1, 1, arguments);
  std::copy(shape.grid, shape.grid + 3, launch.grid);
  std::copy(shape.cluster, shape.cluster + 3, launch.cluster);
  launch.cooperative = shape.cooperative;
  Result result = run(module, "k", memory, launch);
  if (out)
    *out = memory.download<uint32_t>(address, 4096);
  return result;
}

TEST(Cluster, TheLaunchFitsTheKernel) {
  struct Row {
    const char *directives;
    Shape shape;
    const char *problem; ///< "": none
  };
  const Row rows[] = {
      {"", {{4, 1, 1}, {2, 1, 1}}, ""},
      {"", {{4, 1, 1}, {1, 1, 1}}, ""},
      {"", {{3, 1, 1}, {2, 1, 1}}, "a grid of 3x1x1 blocks cannot be divided into clusters of 2x1x1"},
      {"", {{4, 4, 1}, {2, 3, 1}}, "cannot be divided into clusters of 2x3x1"},
      {"", {{16, 1, 1}, {16, 1, 1}}, ""},
      {"", {{32, 1, 1}, {32, 1, 1}}, "a cluster has 1 to 16 blocks"},
      {"", {{8, 4, 1}, {8, 4, 1}}, "a cluster has at most 8 blocks"},
      {"", {{4, 1, 1}, {2, 0, 1}}, "a cluster has 1 to 16 blocks"},
      {".reqnctapercluster 2, 1, 1\n", {{4, 1, 1}, {0, 0, 0}}, ""},
      {".reqnctapercluster 2, 1, 1\n", {{4, 1, 1}, {2, 1, 1}}, ""},
      {".reqnctapercluster 2\n", {{3, 1, 1}, {0, 0, 0}}, "cannot be divided"},
      {".reqnctapercluster 2, 1, 1\n", {{4, 1, 1}, {4, 1, 1}},
       "the launch has clusters of 4x1x1 blocks, the kernel requires 2x1x1 (.reqnctapercluster)"},
      {".explicitcluster\n", {{4, 1, 1}, {0, 0, 0}}, "the kernel needs the size of its clusters (.explicitcluster)"},
      {".explicitcluster\n", {{4, 1, 1}, {2, 1, 1}}, ""},
      {".explicitcluster\n.reqnctapercluster 4, 1, 1\n", {{4, 1, 1}, {0, 0, 0}}, ""},
      {".maxclusterrank 2\n", {{4, 1, 1}, {2, 1, 1}}, ""},
      {".maxclusterrank 2\n", {{4, 1, 1}, {4, 1, 1}}, "the kernel allows at most 2 blocks in a cluster (.maxclusterrank)"},
      {".blocksareclusters\n", {{4, 1, 1}, {0, 0, 0}}, ".blocksareclusters needs .reqntid and .reqnctapercluster"}};
  for (const Row &row : rows) {
    Result result = launchShape(row.directives, row.shape);
    EXPECT_EQ(result.status(), *row.problem ? CAMEO_PTX_FINDING : CAMEO_PTX_OK) << row.directives << result.text();
    EXPECT_NE(result.text().find(row.problem), std::string::npos) << row.problem << "\n" << result.text();
  }
}

TEST(Cluster, SpecialRegistersOfEveryBlock) {
  const char *names[] = {"%clusterid.x", "%clusterid.y", "%clusterid.z", "%nclusterid.x", "%nclusterid.y",
                         "%nclusterid.z", "%cluster_ctaid.x", "%cluster_ctaid.y", "%cluster_ctaid.z",
                         "%cluster_nctaid.x", "%cluster_nctaid.y", "%cluster_nctaid.z", "%cluster_ctarank",
                         "%cluster_nctarank", "%ctaid.x", "%ctaid.y", "%ctaid.z"};
  std::string body = "mov.u32 %r0, %ctaid.z;\nmov.u32 %r1, %nctaid.y;\nmov.u32 %r2, %ctaid.y;\n"
                     "mad.lo.u32 %r0, %r0, %r1, %r2;\nmov.u32 %r1, %nctaid.x;\nmov.u32 %r2, %ctaid.x;\n"
                     "mad.lo.u32 %r0, %r0, %r1, %r2;\nmul.lo.u32 %r0, %r0, 80;\nld.param.u64 %l0, [pout];\n"
                     "cvt.u64.u32 %l1, %r0;\nadd.s64 %l0, %l0, %l1;\n";
  int at = 0;
  for (const char *name : names)
    body += std::string("mov.u32 %r3, ") + name + ";\nst.global.u32 [%l0+" + std::to_string(4 * at++) + "], %r3;\n";
  body += "mov.pred %p, %is_explicit_cluster;\nselp.u32 %r3, 1, 0, %p;\nst.global.u32 [%l0+68], %r3;\n"
          "mov.u32 %r3, %envreg7;\nst.global.u32 [%l0+72], %r3;\nmov.u32 %r3, %aggr_smem_size;\nst.global.u32 [%l0+76], %r3;\n";
  const uint32_t grid[3] = {4, 6, 2}, cluster[3] = {2, 3, 1};
  for (bool clusters : {true, false}) {
    std::vector<uint32_t> out;
    Shape shape{{4, 6, 2}, {0, 0, 0}};
    if (clusters)
      std::copy(cluster, cluster + 3, shape.cluster);
    Result result = launchShape("", shape, &out, body);
    ASSERT_EQ(result.status(), CAMEO_PTX_OK) << result.text();
    for (uint32_t z = 0, block = 0; z < grid[2]; ++z)
      for (uint32_t y = 0; y < grid[1]; ++y)
        for (uint32_t x = 0; x < grid[0]; ++x, ++block) {
          const uint32_t *got = &out[block * 20], b[3] = {x, y, z};
          uint32_t inside[3];
          for (int d = 0; d < 3; ++d) {
            uint32_t c = clusters ? cluster[d] : 1;
            inside[d] = b[d] % c;
            EXPECT_EQ(got[d], b[d] / c);
            EXPECT_EQ(got[3 + d], grid[d] / c);
            EXPECT_EQ(got[6 + d], inside[d]);
            EXPECT_EQ(got[9 + d], c);
            EXPECT_EQ(got[14 + d], b[d]);
          }
          EXPECT_EQ(got[12], clusters ? inside[0] + 2 * inside[1] : 0);
          EXPECT_EQ(got[13], clusters ? 6u : 1u);
          EXPECT_EQ(got[17], clusters ? 1u : 0u);
          EXPECT_EQ(got[18], 0u);
        }
  }
}

TEST(Cluster, BlocksAreClustersCountsTheGridInClusters) {
  std::vector<uint32_t> out;
  Result result = launchShape(".reqntid 1\n.reqnctapercluster 4\n.blocksareclusters\n", {{3, 1, 1}, {0, 0, 0}}, &out,
                              "mov.u32 %r0, %ctaid.x;\nld.param.u64 %l0, [pout];\nmul.wide.u32 %l1, %r0, 4;\n"
                              "add.s64 %l0, %l0, %l1;\nmov.u32 %r1, %nctaid.x;\nst.global.u32 [%l0], %r1;\n");
  ASSERT_EQ(result.status(), CAMEO_PTX_OK) << result.text();
  for (int i = 0; i < 16; ++i)
    EXPECT_EQ(out[i], i < 12 ? 12u : 0u);
}

// -- the barrier ----------------------------------------------------------------------------------

const std::string exchange = "shl.b32 %r1, %t, 2;\nadd.u32 %r2, %tile, %r1;\nmad.lo.u32 %r3, %block, 100, %t;\n"
                             "st.shared.u32 [%r2], %r3;\nSYNC\nadd.u32 %r4, %there, %r1;\n"
                             "ld.shared::cluster.u32 %r5, [%r4];\nSYNC\n";

uint32_t exchanged(uint32_t i) { return (i / 64 ^ 1) * 100 + i % 64; }

TEST(Cluster, EveryThreadWaitsForEveryBlock) {
  ClusterLaunch how;
  how.threads = 64, how.blocks = 6;
  expectClusterMended(exchange + writeOut("%r5"), 6 * 64, exchanged, how);
}

TEST(Cluster, WithoutAlignedAndInADivergentWarp) {
  ClusterLaunch how;
  how.threads = 64;
  std::string body = "and.b32 %r6, %t, 1;\nsetp.eq.u32 %p, %r6, 0;\nshl.b32 %r1, %t, 2;\nadd.u32 %r2, %tile, %r1;\n"
                     "mad.lo.u32 %r3, %block, 100, %t;\nst.shared.u32 [%r2], %r3;\n@%p bra EVEN;\n"
                     "barrier.cluster.arrive.release;\nbarrier.cluster.wait.acquire;\nbra JOIN;\n"
                     "EVEN:\nbarrier.cluster.arrive;\nbarrier.cluster.wait;\nJOIN:\nadd.u32 %r4, %there, %r1;\n"
                     "ld.shared::cluster.u32 %r5, [%r4];\nbarrier.cluster.arrive;\nbarrier.cluster.wait;\n" +
                     writeOut("%r5");
  expectClusterMended(body, 128, exchanged, how);
}

TEST(Cluster, ExitedThreadsCountAsArrived) {
  ClusterLaunch how;
  how.threads = 64;
  std::string body = "setp.ge.u32 %p, %t, 40;\n@%p exit;\nbarrier.cluster.arrive;\nbarrier.cluster.wait;\n" +
                     writeOut("%t");
  expectClusterMended(body, 40, [](uint32_t i) { return i; }, how);
}

TEST(Cluster, MisuseOfTheBarrier) {
  expectClusterBroken("barrier.cluster.arrive.aligned;\nbarrier.cluster.arrive.aligned;\n", CAMEO_PTX_F_BARRIER,
                      {"arrives at the barrier of the cluster again without a wait between"});
  expectClusterBroken("barrier.cluster.wait.aligned;\n", CAMEO_PTX_F_BARRIER,
                      {"waits at the barrier of the cluster and has not arrived there"});
  expectClusterBroken("SYNC\nbarrier.cluster.wait.aligned;\n", CAMEO_PTX_F_BARRIER, {"has not arrived"});
}

TEST(Cluster, ADeadlockNamesWhoIsMissing) {
  ClusterLaunch how;
  how.threads = 64;
  expectClusterBroken("setp.eq.u32 %p, %rank, 1;\n@%p bra OTHER;\nSYNC\nbra END;\nOTHER:\n"
                      "setp.ge.u32 %p, %t, 32;\n@%p bra LATE;\nSYNC\nbra END;\nLATE:\nbar.sync 1;\nEND:\n",
                      CAMEO_PTX_F_DEADLOCK,
                      {"phase 0 of the cluster's barrier never completes", "block rank 0: all arrived",
                       "block rank 1: 32 of 64 threads missing"}, how);
  // A divergent warp never gathers at an .aligned one.
  expectClusterBroken("@%first bra ONE;\nbarrier.cluster.arrive.aligned;\nbarrier.cluster.wait.aligned;\nbra END;\n"
                      "ONE:\nbar.warp.sync 1;\nbarrier.cluster.arrive.aligned;\nbarrier.cluster.wait.aligned;\nEND:\n",
                      CAMEO_PTX_F_DIVERGENCE);
}

TEST(Cluster, WithoutAClusterTheBarrierIsThatOfTheBlock) {
  ClusterLaunch how;
  how.threads = 64, how.cluster[0] = 0, how.cluster[1] = 0, how.cluster[2] = 0;
  expectClusterMended(exchange + writeOut("%r5"), 128, [](uint32_t i) { return i / 64 * 100 + i % 64; }, how);
}

TEST(Cluster, RefusedForms) {
  auto refused = [](const std::string &line, const std::string &text) {
    Module module(clusterKernel(line + "\n"));
    EXPECT_FALSE(module) << line;
    EXPECT_NE(module.errors().find(text), std::string::npos) << module.errors();
  };
  refused("barrier.cluster.sync;", "'.sync'");
  refused("barrier.cluster.wait.release;", "is not implemented");
  refused("barrier.cluster.arrive.acquire;", "is not implemented");
  refused("mapa.u32 %r1, %r2, %r3;", "this form in 'mapa.u32'");
  refused("mapa.shared::cta.u32 %r1, %r2, %r3;", "'.shared::cta'");
  refused("getctarank.shared::cluster.u32 %r1;", "has 1 operands");
}

// -- mapa and getctarank --------------------------------------------------------------------------

TEST(Cluster, MapaAndGetctarankInAllForms) {
  std::string body =
      "mapa.shared::cluster.u32 %r1, tile, %next;\ngetctarank.shared::cluster.u32 %r2, %r1;\n"
      "getctarank.shared::cluster.u32 %r3, %tile;\ncvt.u64.u32 %l1, %tile;\ncvta.shared.u64 %l2, %l1;\n"
      "mapa.u64 %l3, %l2, %next;\ngetctarank.u64 %r4, %l3;\ngetctarank.u64 %r5, %l2;\n"
      "mapa.shared::cluster.u64 %l4, %l1, %rank;\ngetctarank.shared::cluster.u64 %r6, %l4;\n"
      "cvta.to.shared::cluster.u64 %l5, %l3;\ngetctarank.shared::cluster.u64 %r7, %l5;\n"
      "isspacep.shared::cluster %p, %l3;\nselp.u32 %r8, 1, 0, %p;\nisspacep.shared::cta %p, %l3;\nselp.u32 %r9, 1, 0, %p;\n"
      "isspacep.shared %p, %l2;\nselp.u32 %r10, 1, 0, %p;\nisspacep.shared::cluster %p, %in;\nselp.u32 %r11, 1, 0, %p;\n"
      "mad.lo.u32 %r12, %r2, 10, %r3;\nmad.lo.u32 %r12, %r12, 10, %r4;\nmad.lo.u32 %r12, %r12, 10, %r5;\n"
      "mad.lo.u32 %r12, %r12, 10, %r6;\nmad.lo.u32 %r12, %r12, 10, %r7;\nmad.lo.u32 %r12, %r12, 10, %r8;\n"
      "mad.lo.u32 %r12, %r12, 10, %r9;\nmad.lo.u32 %r12, %r12, 10, %r10;\nmad.lo.u32 %r12, %r12, 10, %r11;\n" +
      writeOut("%r12");
  expectClusterMended(body, 64, [](uint32_t i) { return i < 32 ? 1010011010u : 101101010u; });
}

TEST(Cluster, RanksBeyondTheCluster) {
  expectClusterBroken("mapa.shared::cluster.u32 %r1, %tile, 2;\n", CAMEO_PTX_F_OUT_OF_BOUNDS,
                      {"block rank 2 of a cluster of 2 blocks"});
  expectClusterBroken("mapa.u64 %l1, %in, 0;\n", CAMEO_PTX_F_OUT_OF_BOUNDS, {"mapa takes the address of a variable"});
  expectClusterBroken("getctarank.u64 %r1, %in;\n", CAMEO_PTX_F_OUT_OF_BOUNDS, {"getctarank takes an address"});
}

} // namespace
} // namespace cameo::ptx::test
