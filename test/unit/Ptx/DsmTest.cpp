// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Distributed shared memory: loads, stores and atomics that reach into other blocks of the cluster, by
// shared::cluster and by generic addresses, with the checks of own shared memory, and those of a
// block that has not begun or has ended. Remote mbarriers.
#include "ClusterHarness.h"

namespace cameo::ptx::test {
namespace {

const std::string fill = "shl.b32 %r1, %t, 2;\nadd.u32 %r2, %tile, %r1;\nmad.lo.u32 %r3, %block, 100, %t;\n"
                         "st.shared.u32 [%r2], %r3;\n";
const std::string read = "add.u32 %r4, %there, %r1;\nld.shared::cluster.u32 %r5, [%r4];\n";

uint32_t ofNeighbour(uint32_t i) { return (i / 32 ^ 1) * 100 + i % 32; }

TEST(Dsm, LoadsByEveryAddress) {
  expectClusterMended(fill + "SYNC\n" + read + "SYNC\n" + writeOut("%r5"), 64, ofNeighbour);
  std::string generic = "cvt.u64.u32 %l1, %r2;\ncvta.shared.u64 %l1, %l1;\nmapa.u64 %l2, %l1, %next;\nld.u32 %r5, [%l2];\n";
  expectClusterMended(fill + "SYNC\n" + generic + "SYNC\n" + writeOut("%r5"), 64, ofNeighbour);
  std::string window = "add.u32 %r4, %there, %r1;\ncvt.u64.u32 %l1, %r4;\ncvta.shared::cluster.u64 %l2, %l1;\nld.u32 %r5, [%l2];\n";
  expectClusterMended(fill + "SYNC\n" + window + "SYNC\n" + writeOut("%r5"), 64, ofNeighbour);
  // Lanes of one warp in different blocks.
  std::string mixed = "and.b32 %r6, %t, 1;\nmapa.shared::cluster.u32 %r7, %r2, %r6;\nld.shared::cluster.u32 %r5, [%r7];\n";
  expectClusterMended(fill + "SYNC\n" + mixed + "SYNC\n" + writeOut("%r5"), 64,
                      [](uint32_t i) { return i % 2 * 100 + i % 32; });
  // Its own rank, by ordinary loads, too.
  std::string own = "mapa.shared::cluster.u32 %r7, %r2, %rank;\nld.shared.u32 %r5, [%r7];\n";
  expectClusterMended(fill + own + writeOut("%r5"), 64, [](uint32_t i) { return i / 32 * 100 + i % 32; });
}

TEST(Dsm, VectorsAndStores) {
  std::string body = "shl.b32 %r1, %t, 4;\nadd.u32 %r2, %there, %r1;\nadd.u32 %r4, %tile, %r1;\n"
                     "mad.lo.u32 %r3, %block, 100, %t;\nSYNC\nst.shared::cluster.v4.u32 [%r2], {%r3, %r3, %t, %block};\nSYNC\n"
                     "ld.shared.v4.u32 {%r5, %r6, %r7, %r8}, [%r4];\nadd.u32 %r5, %r5, %r8;\n" + writeOut("%r5");
  expectClusterMended(body, 64, [](uint32_t i) { return (i / 32 ^ 1) * 101 + i % 32; });
}

TEST(Dsm, AtomicsOfAllBlocksOnOneWord) {
  ClusterLaunch how;
  how.blocks = 8, how.cluster[0] = 4;
  std::string body = "@%first st.shared.u32 [tile], 0;\nSYNC\nmapa.shared::cluster.u32 %r1, %tile, 0;\n"
                     "atom.relaxed.cluster.shared::cluster.add.u32 %r2, [%r1], 1;\nred.relaxed.cluster.shared::cluster.add.u32 [%r1], 1;\n"
                     "cvt.u64.u32 %l1, %r1;\ncvta.shared::cluster.u64 %l2, %l1;\nred.add.u32 [%l2], 1;\nSYNC\n"
                     "ld.shared::cluster.u32 %r3, [%r1];\nSYNC\n" + writeOut("%r3");
  expectClusterMended(body, 256, [](uint32_t) { return 384u; }, how);
}

TEST(Dsm, ChecksAsOfOwnSharedMemory) {
  expectClusterBroken(fill + "SYNC\nadd.u32 %r4, %there, 4096;\nld.shared::cluster.u32 %r5, [%r4];\nSYNC\n",
                      CAMEO_PTX_F_OUT_OF_BOUNDS, {"(of block rank 0)", "0 bytes beyond the end of 'tile'"});
  expectClusterBroken(fill + "SYNC\nadd.u32 %r4, %there, 2;\nld.shared::cluster.u32 %r5, [%r4];\nSYNC\n",
                      CAMEO_PTX_F_MISALIGNED);
  expectClusterBroken(fill + "SYNC\nadd.u32 %r4, %there, 2048;\nld.shared::cluster.u32 %r5, [%r4];\nSYNC\n",
                      CAMEO_PTX_F_UNINITIALISED, {"shared memory (of block rank 1) that nothing has written"});
  expectClusterBroken(fill + "SYNC\nadd.u32 %r4, %there, %r1;\nld.shared.u32 %r5, [%r4];\nSYNC\n",
                      CAMEO_PTX_F_OUT_OF_BOUNDS, {"not in the own shared memory of the block"});
}

TEST(Dsm, ABlockThatHasNotSurelyBegun) {
  expectClusterBroken(fill + read + "SYNC\n", CAMEO_PTX_F_RACE,
                      {"before a barrier of the cluster has shown that it has begun to run"});
}

TEST(Dsm, ABlockThatEnds) {
  std::string body = fill + "SYNC\n" + read + "SYNC\n" + writeOut("%r5");
  size_t last = body.rfind("SYNC\n");
  std::string broken = std::string(body).erase(last, 5);
  for (uint32_t schedule = 0; schedule < 5; ++schedule) {
    ClusterLaunch how;
    how.schedule = schedule;
    expectClusterBroken(broken, CAMEO_PTX_F_USE_AFTER_FREE, {"the shared memory of block rank"}, how);
  }
  // Arriving before the access does not show that it is over.
  expectClusterBroken(fill + "SYNC\nbarrier.cluster.arrive.aligned;\n" + read + "barrier.cluster.wait.aligned;\n",
                      CAMEO_PTX_F_USE_AFTER_FREE, {"without anything that shows this access to be over"});
}

// -- mbarriers of other blocks --------------------------------------------------------------------

const std::string initialise = "@!%first bra INITED;\nmbarrier.init.shared::cta.b64 [%bar], 32;\n"
                               "fence.mbarrier_init.release.cluster;\nINITED:\nbarrier.cluster.arrive.relaxed.aligned;\n"
                               "barrier.cluster.wait.acquire.aligned;\n";
const std::string waitBar = "WAIT:\nmbarrier.try_wait.parity.acquire.cluster.shared::cta.b64 %p, [%bar], 0;\n@!%p bra WAIT;\n";

TEST(Dsm, ArrivalsFromAnotherBlock) {
  // Each fills the next block's tile and arrives there.
  std::string body = initialise + "shl.b32 %r1, %t, 2;\nadd.u32 %r2, %there, %r1;\nmad.lo.u32 %r3, %block, 100, %t;\n"
                     "st.shared::cluster.u32 [%r2], %r3;\nmbarrier.arrive.release.cluster.shared::cluster.b64 _, [%hither];\n" +
                     waitBar + "add.u32 %r4, %tile, %r1;\nld.shared.u32 %r5, [%r4];\nSYNC\n" + writeOut("%r5");
  expectClusterMended(body, 64, ofNeighbour);
  expectClusterMended(replaced(body, ".shared::cluster.b64 _, [%hither]", ".shared::cluster.b64 _, [%hither], 1"), 64,
                      ofNeighbour);
  expectClusterBroken(without(body, "fence.mbarrier_init"), CAMEO_PTX_F_MBARRIER,
                      {"not yet visible to other blocks"});
  expectClusterBroken(replaced(body, "[%bar], 32", "[%bar], 33"), CAMEO_PTX_F_DEADLOCK,
                      {"for phase 0 of the mbarrier at 'bar' (1 of 33 arrivals"});
  expectClusterBroken(replaced(body, "[%bar], 32", "[%bar], 16"), CAMEO_PTX_F_MBARRIER);
}

TEST(Dsm, OnlyArrivalsReachOtherBlocks) {
  expectClusterBroken(initialise + "mbarrier.try_wait.parity.shared::cta.b64 %p, [%hither], 0;\nSYNC\n",
                      CAMEO_PTX_F_OUT_OF_BOUNDS, {"not in the own shared memory of the block"});
  for (const char *line : {"mbarrier.try_wait.parity.shared::cluster.b64 %p, [%hither], 0;",
                           "mbarrier.init.shared::cluster.b64 [%hither], 1;",
                           "mbarrier.arrive.shared::cluster.b64 %l1, [%hither];"})
    EXPECT_FALSE(Module(clusterKernel(std::string(line) + "\n"))) << line;
}

TEST(Dsm, ArrivalAtADeadBlock) {
  std::string body = initialise + "setp.eq.u32 %p, %rank, 1;\n@%p exit;\n.reg .b32 %n;\nmov.u32 %n, 0;\nLONG:\n"
                     "add.u32 %n, %n, 1;\nsetp.lt.u32 %q, %n, 20000;\n@%q bra LONG;\n"
                     "mbarrier.arrive.release.cluster.shared::cluster.b64 _, [%hither];\n";
  expectClusterBroken(body, CAMEO_PTX_F_MBARRIER, {"has exited"});
}

} // namespace
} // namespace cameo::ptx::test
