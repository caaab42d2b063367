// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Copies into the shared memory of other blocks of a cluster: loads for one of them and for several, bulk
// copies and reductions between blocks, st.async and red.async; what is found when a barrier, a byte
// count, a mask, a fence or a wait is wrong.
#include "ClusterHarness.h"

namespace cameo::ptx::test {
namespace {

std::string initialise(int count) {
  return "@!%first bra INITED;\nmbarrier.init.shared::cta.b64 [%bar], " + std::to_string(count) +
         ";\nfence.mbarrier_init.release.cluster;\nINITED:\n"
         "barrier.cluster.arrive.relaxed.aligned;\nbarrier.cluster.wait.acquire.aligned;\n";
}
std::string expectBytes(int bytes) {
  return "@!%first bra EXPECTED;\nmbarrier.arrive.expect_tx.shared::cta.b64 _, [%bar], " + std::to_string(bytes) +
         ";\nEXPECTED:\n";
}
const std::string wait = "WAIT:\nmbarrier.try_wait.parity.acquire.cluster.shared::cta.b64 %p, [%bar], 0;\n@!%p bra WAIT;\n";
const std::string readWord = "shl.b32 %r1, %t, 2;\nadd.u32 %r2, %tile, %r1;\nld.shared.u32 %r5, [%r2];\n";
const std::string fillTile = "shl.b32 %r1, %t, 2;\nadd.u32 %r2, %tile2, %r1;\nmad.lo.u32 %r3, %block, 100, %t;\n"
                             "st.shared.u32 [%r2], %r3;\nfence.proxy.async.shared::cta;\n";
uint32_t ofNeighbour(uint32_t i) { return (i / 32 ^ 1) * 100 + i % 32; }

// -- multicast ------------------------------------------------------------------------------------

/// Block 0 loads 128 bytes for both, block 1 the next 128 bytes.
const std::string multicast =
    initialise(1) + expectBytes(256) +
    "@!%first bra LOADED;\nmul.lo.u32 %r6, %rank, 128;\ncvt.u64.u32 %l1, %r6;\nadd.s64 %l2, %in, %l1;\n"
    "add.u32 %r7, %tile, %r6;\nmov.u16 %h0, 3;\n"
    "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes.multicast::cluster [%r7], [%l2], 128, [%bar], %h0;\n"
    "LOADED:\n" + wait + readWord + "ld.shared.u32 %r6, [%r2+128];\nadd.u32 %r5, %r5, %r6;\nSYNC\n" + writeOut("%r5");
std::string withMask(const std::string &body) { return ".reg .b16 %h<2>;\n" + body; }

TEST(Multicast, EveryBlockOfTheMaskGetsDataAndBytes) {
  expectClusterMended(withMask(multicast), 64, [](uint32_t i) { return 2 * (1000 + i % 32) + 32; });
  ClusterLaunch four;
  four.blocks = 4, four.cluster[0] = 4;
  // Of four blocks, the two of the mask 0b1010 get what block 2 loads.
  std::string body = initialise(1) + "and.b32 %r6, %rank, 1;\nsetp.eq.u32 %q, %r6, 1;\nmov.u32 %r5, 7;\n@!%q bra NONE;\n" +
                     expectBytes(128) + "NONE:\nsetp.eq.u32 %p, %rank, 2;\nand.pred %p, %p, %first;\n@!%p bra LOADED;\nmov.u16 %h0, 10;\n"
                     "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes.multicast::cluster.L2::cache_hint "
                     "[%tile], [%in], 128, [%bar], %h0, %l9;\nLOADED:\n@!%q bra OVER;\n" + wait + readWord + "OVER:\nSYNC\n" + writeOut("%r5");
  expectClusterMended(withMask("createpolicy.fractional.L2::evict_last.b64 %l9, 1.0;\n" + body), 128,
                      [](uint32_t i) { return i / 32 % 2 ? 1000 + i % 32 : 7u; }, four);
}

TEST(Multicast, WhatCanBeWrong) {
  auto broken = [](const std::string &from, const std::string &to, cameo_ptx_finding_kind kind,
                   std::vector<std::string> texts) {
    expectClusterBroken(withMask(replaced(multicast, from, to)), kind, texts);
  };
  broken("%h0, 3;", "%h0, 4;", CAMEO_PTX_F_OUT_OF_BOUNDS, {"a multicast to the blocks of the mask 4 in a cluster of 2"});
  broken("%h0, 3;", "%h0, 0;", CAMEO_PTX_F_OUT_OF_BOUNDS, {"mask 0"});
  broken("%h0, 3;", "%h0, 1;", CAMEO_PTX_F_DEADLOCK, {"bytes missing"});
  broken("[%bar], 256", "[%bar], 128", CAMEO_PTX_F_ASYNC_IN_FLIGHT, {"the bulk copy of block rank 1"});
  broken("acquire.cluster.shared::cta.b64 %p", "acquire.cta.shared::cta.b64 %p", CAMEO_PTX_F_RACE, {"too small"});
  broken("fence.mbarrier_init.release.cluster;\n", "", CAMEO_PTX_F_PROXY,
         {"whose initialisation", "put fence.mbarrier_init.release.cluster and a barrier of the cluster"});
  expectClusterBroken(withMask(without(multicast, "@!%p bra WAIT")), CAMEO_PTX_F_ASYNC_IN_FLIGHT, {"in flight"});
  // A block that goes on without the other's barrier of the cluster loads into one that has not begun.
  expectClusterBroken(withMask(replaced(multicast, "barrier.cluster.wait.acquire.aligned;\n", "")), CAMEO_PTX_F_RACE,
                      {"has begun to run"});
}

TEST(Multicast, ALoadForOneOtherBlock) {
  std::string body = initialise(1) + expectBytes(128) +
                     "@!%first bra LOADED;\nmul.lo.u32 %r6, %rank, 128;\ncvt.u64.u32 %l1, %r6;\nadd.s64 %l2, %in, %l1;\n"
                     "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%there], [%l2], 128, [%hither];\nLOADED:\n" +
                     wait + readWord + "SYNC\n" + writeOut("%r5");
  expectClusterMended(body, 64, [](uint32_t i) { return 1000 + (i / 32 ^ 1) * 32 + i % 32; });
  expectClusterBroken(replaced(body, "128, [%hither]", "128, [%bar]"), CAMEO_PTX_F_MBARRIER,
                      {"a copy into block rank 0 names an mbarrier of block rank 1"});
}

// -- between blocks -------------------------------------------------------------------------------

const std::string send = initialise(1) + expectBytes(128) + fillTile + "bar.sync 0;\n@!%first bra SENT;\n"
                         "cp.async.bulk.shared::cluster.shared::cta.mbarrier::complete_tx::bytes [%there], [%tile2], 128, [%hither];\nSENT:\n" +
                         wait + readWord + "SYNC\n" + writeOut("%r5");

TEST(Multicast, BulkCopiesBetweenBlocks) {
  expectClusterMended(send, 64, ofNeighbour);
  expectClusterBroken(without(send, "fence.proxy.async"), CAMEO_PTX_F_PROXY, {"without a fence.proxy.async"});
  // The source is written again although nobody says that it was read.
  std::string early = replaced(send, "SENT:\n", "SENT:\nadd.u32 %r9, %tile2, %r1;\nst.shared.u32 [%r9], %t;\n");
  expectClusterBroken(early, CAMEO_PTX_F_ASYNC_SOURCE, {"may still read it", "says so"});
  // After the cluster's barrier it is free.
  expectClusterMended(replaced(send, "SYNC\n", "SYNC\n@%first st.shared.u32 [%tile2], %t;\n"), 64, ofNeighbour);
  std::string leaves = replaced(send, wait, "setp.eq.u32 %p, %rank, 0;\n@%p exit;\n" + wait);
  expectClusterBroken(leaves, CAMEO_PTX_F_ASYNC_LEFT, {"block ends"});
}

TEST(Multicast, ReductionsBetweenBlocks) {
  std::string body = "shl.b32 %r1, %t, 2;\nadd.u32 %r2, %tile, %r1;\nst.shared.u32 [%r2], 5;\n"
                     "fence.proxy.async;\nfence.acq_rel.cluster;\n" + initialise(1) + expectBytes(128) +
                     fillTile + "bar.sync 0;\n@!%first bra SENT;\n"
                     "cp.reduce.async.bulk.shared::cluster.shared::cta.mbarrier::complete_tx::bytes.add.u32 [%there], [%tile2], 128, [%hither];\nSENT:\n" +
                     wait + readWord + "SYNC\n" + writeOut("%r5");
  expectClusterMended(body, 64, [](uint32_t i) { return ofNeighbour(i) + 5; });
  expectClusterBroken(replaced(body, "st.shared.u32 [%r2], 5;\n", ""), CAMEO_PTX_F_UNINITIALISED);
  expectClusterBroken(replaced(body, "fence.acq_rel.cluster;\n", ""), CAMEO_PTX_F_RACE);
  EXPECT_FALSE(Module(clusterKernel(replaced(body, ".add.u32", ".add.f16"))));
}

TEST(Multicast, StoresThatCompleteABarrier) {
  std::string body = initialise(1) + expectBytes(128) + "shl.b32 %r1, %t, 2;\nadd.u32 %r4, %there, %r1;\nmad.lo.u32 %r3, %block, 100, %t;\n"
                     "st.async.weak.shared::cluster.mbarrier::complete_tx::bytes.u32 [%r4], %r3, [%hither];\n" +
                     wait + "add.u32 %r2, %tile, %r1;\nld.shared.u32 %r5, [%r2];\nSYNC\n" + writeOut("%r5");
  expectClusterMended(body, 64, ofNeighbour);
  expectClusterBroken(replaced(body, "[%bar], 128", "[%bar], 132"), CAMEO_PTX_F_DEADLOCK, {"4 bytes missing"});
  expectClusterBroken(replaced(body, "[%r4], %r3, [%hither]", "[%r4], %r3, [%bar]"), CAMEO_PTX_F_MBARRIER);
  std::string vector = replaced(body, "shl.b32 %r1, %t, 2", "shl.b32 %r1, %t, 4");
  vector = replaced(replaced(vector, "bytes.u32 [%r4], %r3", "bytes.v4.b32 [%r4], {%t, %t, %r3, %t}"), "[%bar], 128", "[%bar], 512");
  expectClusterMended(replaced(vector, "ld.shared.u32 %r5, [%r2]", "ld.shared.u32 %r5, [%r2+8]"), 64, ofNeighbour);
}

TEST(Multicast, ReductionsOfThreadsThatCompleteABarrier) {
  // All threads of both blocks add to one word of block 0 and complete bytes of its barrier.
  std::string body = "@%first st.shared.u32 [tile], 3;\n" + initialise(1) +
                     "mapa.shared::cluster.u32 %r8, %tile, 0;\nmapa.shared::cluster.u32 %r9, %bar, 0;\nmov.u32 %r5, 0;\n"
                     "setp.ne.u32 %q, %rank, 0;\n@%q bra ADD;\n" + expectBytes(256) + "ADD:\n"
                     "red.async.relaxed.cluster.shared::cluster.mbarrier::complete_tx::bytes.add.u32 [%r8], %t, [%r9];\n@%q bra OVER;\n" +
                     wait + "ld.shared.u32 %r5, [%tile];\nOVER:\nSYNC\n" + writeOut("%r5");
  expectClusterMended(body, 64, [](uint32_t i) { return i < 32 ? 3 + 2 * 496u : 0u; });
  for (const char *form : {"red.async.relaxed.cluster.shared::cluster.mbarrier::complete_tx::bytes.add.f32 [%r8], %f1, [%r9];",
                           "st.async.weak.shared::cluster.b32 [%r8], %t, [%r9];",
                           "cp.async.bulk.shared::cta.global.mbarrier::complete_tx::bytes.multicast::cluster [%tile], [%in], 128, [%bar], 3;"})
    EXPECT_FALSE(Module(clusterKernel(std::string(form) + "\n"))) << form;
}

} // namespace
} // namespace cameo::ptx::test
