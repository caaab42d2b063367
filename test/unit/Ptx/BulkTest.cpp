// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// cp.async.bulk and its rules: each broken kernel is found, the mended one is clean and right under
// every schedule and point of completion. The pipeline runs more tiles than it has stages.
#include "AsyncHarness.h"

namespace cameo::ptx::test {
namespace {

const char *begin = "@%first mbarrier.init.shared::cta.b64 [%bar], 1;\n"
                    "@%first fence.mbarrier_init.release.cluster;\nbar.sync 0;\n";

std::string wait(const std::string &label, const std::string &parity, const std::string &bar = "%bar") {
  return label + ":\nmbarrier.try_wait.parity.acquire.cta.shared::cta.b64 %p, [" + bar + "], " + parity +
         ";\n@!%p bra " + label + ";\n";
}

/// 128 bytes from global memory, each thread takes a word.
std::string loadKernel() {
  return std::string(begin) +
         "@!%first bra W;\n"
         "mbarrier.arrive.expect_tx.release.cta.shared::cta.b64 _, [%bar], 128;\n"
         "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%tile], [%in], 128, [%bar];\n" +
         wait("W", "0") +
         "mad.lo.u32 %r2, %t, 4, %tile;\nld.shared.u32 %r1, [%r2];\n"
         "mul.wide.u32 %l1, %t, 4;\nadd.s64 %l2, %out, %l1;\nst.global.u32 [%l2], %r1;\n";
}

/// Each thread stores a word, one thread copies all out.
std::string storeKernel() {
  return "mad.lo.u32 %r2, %t, 4, %tile;\nst.shared.u32 [%r2], %t;\n"
         "fence.proxy.async.shared::cta;\nbar.sync 0;\n@!%first bra OUT;\n"
         "cp.async.bulk.global.shared::cta.bulk_group [%out], [%tile], 128;\n"
         "cp.async.bulk.commit_group;\ncp.async.bulk.wait_group.read 0;\nOUT:\nbar.sync 0;\n"
         "st.shared.u32 [%r2], 77;\n";
}

uint32_t input(uint32_t i) { return 1000 + i; }
uint32_t self(uint32_t i) { return i; }
uint32_t zero(uint32_t) { return 0; }

/// Two threads copy out without any order between them.
TEST(Bulk, StoresOfTheSameBytes) {
  std::string same = "mad.lo.u32 %r2, %t, 4, %tile;\nst.shared.u32 [%r2], %t;\n"
                     "fence.proxy.async.shared::cta;\nbar.sync 0;\nmov.u32 %r3, %tile;\nsetp.gt.u32 %p, %t, 1;\n@%p bra OUT;\n"
                     "cp.async.bulk.global.shared::cta.bulk_group [%out], [%r3], 128;\n"
                     "cp.async.bulk.commit_group;\ncp.async.bulk.wait_group 0;\nOUT:\nbar.sync 0;\n";
  expectMended(same, 32, self);
  std::string shifted = replaced(replaced(same, "setp.gt", "mad.lo.u32 %r3, %t, 16, %tile;\nsetp.gt"), "[%r3], 128", "[%r3], 64");
  expectBroken(shifted, CAMEO_PTX_F_RACE, {"asynchronous write"});
  // What is there already by an ordinary store.
  std::string there = "mul.wide.u32 %l1, %t, 4;\nadd.s64 %l2, %out, %l1;\n" +
                      replaced(replaced(same, "%p, %t, 1", "%p, %t, 0"), "mov.u32 %r3", "st.global.u32 [%l2], %t;\nmov.u32 %r3");
  expectMended(there, 32, self);
  expectBroken(replaced(there, "st.global.u32 [%l2], %t", "st.global.u32 [%l2], 5"), CAMEO_PTX_F_RACE);
}

TEST(Bulk, LoadAndItsWait) {
  std::string body = loadKernel();
  expectMended(body, 32, input);
  expectMended(replaced(body, "shared::cluster", "shared::cta"), 32, input);
  std::string policy = replaced(body, "@!%first bra W;", "mov.u64 %l9, 0;\n@!%first bra W;");
  expectMended(replaced(replaced(policy, "::bytes [", "::bytes.L2::cache_hint ["), "128, [%bar];\nW", "128, [%bar], %l9;\nW"),
               32, input);
  std::string broken = replaced(body, "@!%p bra W;", "");
  expectBroken(replaced(broken, "mbarrier.try_wait.parity.acquire.cta.shared::cta.b64 %p, [%bar], 0;", ""),
               CAMEO_PTX_F_ASYNC_IN_FLIGHT, {"bulk copy of line", "ld.shared", "try_wait"});
  expectBroken(broken, CAMEO_PTX_F_ASYNC_IN_FLIGHT); // does not ask again
  expectBroken(replaced(body, "[%bar], 0", "[%bar], 1"), CAMEO_PTX_F_ASYNC_IN_FLIGHT);
  // Even where the data is there early, nobody may read it before the wait.
  AsyncLaunch early;
  early.asyncPoint = CAMEO_PTX_ASYNC_EARLIEST;
  expectBroken(replaced(replaced(body, "@!%p bra W;", ""),
                        "mbarrier.try_wait.parity.acquire.cta.shared::cta.b64 %p, [%bar], 0;", ""),
               CAMEO_PTX_F_ASYNC_IN_FLIGHT, {"nobody has waited"}, early);
}

/// Warp 0 loads and waits, warp 1 reads the same bytes after `meeting`.
std::string twoWarps(const std::string &behindWait, const std::string &meeting) {
  return "@%first mbarrier.init.shared::cta.b64 [%bar2], 32;\n" + std::string(begin) +
         "setp.ge.u32 %q, %t, 32;\n@%q bra SECOND;\n@!%first bra W;\n"
         "mbarrier.arrive.expect_tx.release.cta.shared::cta.b64 _, [%bar], 128;\n"
         "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%tile], [%in], 128, [%bar];\n" +
         wait("W", "0") + behindWait + "bra READ;\nSECOND:\n" + meeting +
         "READ:\nand.b32 %r4, %t, 31;\nmad.lo.u32 %r2, %r4, 4, %tile;\nld.shared.u32 %r1, [%r2];\n"
         "mul.wide.u32 %l1, %t, 4;\nadd.s64 %l2, %out, %l1;\nst.global.u32 [%l2], %r1;\n";
}

TEST(Bulk, EachWarpWaitsOrMeetsOneThatDid) {
  AsyncLaunch two, late;
  two.threads = late.threads = 64;
  late.asyncPoint = CAMEO_PTX_ASYNC_EARLIEST, late.schedule = CAMEO_PTX_SCHEDULE_CONSUMER_STARVED;
  auto word = [](uint32_t i) { return input(i % 32); };
  expectBroken(twoWarps("", ""), CAMEO_PTX_F_ASYNC_IN_FLIGHT,
               {"another warp has waited for it, this one has not", "try_wait"}, late);
  late.asyncPoint = CAMEO_PTX_ASYNC_LATEST;
  expectBroken(twoWarps("", ""), CAMEO_PTX_F_ASYNC_IN_FLIGHT, {"is in flight"}, late);
  late.asyncPoint = CAMEO_PTX_ASYNC_EARLIEST;
  expectMended(twoWarps("", wait("V", "0")), 64, word, two);
  expectMended(twoWarps("bar.sync 1, 64;\n", "bar.sync 1, 64;\n"), 64, word, two);
  expectMended(twoWarps("bar.arrive 1, 64;\n", "bar.sync 1, 64;\n"), 64, word, two);
  expectMended(twoWarps("mbarrier.arrive.shared.b64 _, [%bar2];\n", wait("V", "0", "%bar2")), 64, word, two);
  // An arrival before the wait hands on nothing.
  std::string early = replaced(twoWarps("", wait("V", "0", "%bar2")), "@!%first bra W;", "@!%first bra W0;");
  early = replaced(early, "W:\n", "W0:\nmbarrier.arrive.shared.b64 _, [%bar2];\nW:\n");
  expectBroken(early, CAMEO_PTX_F_ASYNC_IN_FLIGHT, {}, late);
  // What synchronises through memory is taken to know.
  std::string flag = "st.release.gpu.global.u32 [%out+4000], 1;\n";
  expectMended(twoWarps(flag, "SPIN:\nld.acquire.gpu.global.u32 %r5, [%out+4000];\n"
                              "setp.eq.u32 %p, %r5, 0;\n@%p bra SPIN;\n"), 64, word, two);
}

TEST(Bulk, StoresIntoWhatHasLanded) {
  AsyncLaunch two;
  two.threads = 64;
  std::string store = "and.b32 %r4, %t, 31;\nmad.lo.u32 %r2, %r4, 4, %tile;\nst.shared.u32 [%r2], %r4;\n";
  auto lane = [](uint32_t i) { return i % 32; };
  expectMended(twoWarps(store + "bar.sync 1, 64;\n", "bar.sync 1, 64;\n"), 64, lane, two);
  AsyncLaunch late = two;
  late.asyncPoint = CAMEO_PTX_ASYNC_EARLIEST, late.schedule = CAMEO_PTX_SCHEDULE_CONSUMER_STARVED;
  expectBroken(twoWarps("", store), CAMEO_PTX_F_ASYNC_IN_FLIGHT, {"is stored to while"}, late);
}

TEST(Bulk, ByteCounts) {
  std::string body = loadKernel();
  expectBroken(replaced(body, "_, [%bar], 128", "_, [%bar], 144"), CAMEO_PTX_F_DEADLOCK,
               {"0 of 1 arrivals and 16 bytes missing"});
  expectBroken(replaced(body, "_, [%bar], 128", "_, [%bar], 112"), CAMEO_PTX_F_MBARRIER,
               {"16 bytes more than phase 0 expects"});
  expectBroken(replaced(body, "arrive.expect_tx.release.cta.shared::cta.b64 _, [%bar], 128",
                        "arrive.shared::cta.b64 _, [%bar]"),
               CAMEO_PTX_F_ASYNC_IN_FLIGHT);
  // The same where the arrival comes behind the copy.
  std::string behind = replaced(without(body, "arrive.expect_tx"), "W:\n",
                                "mbarrier.arrive.shared::cta.b64 _, [%bar];\nW:\n");
  AsyncLaunch early;
  early.asyncPoint = CAMEO_PTX_ASYNC_EARLIEST;
  expectBroken(behind, CAMEO_PTX_F_ASYNC_IN_FLIGHT);
  expectBroken(behind, CAMEO_PTX_F_MBARRIER, {"128 bytes more than phase 0 expects"}, early);
  expectMended(replaced(behind, "arrive.shared::cta.b64 _, [%bar]",
                        "arrive.expect_tx.shared::cta.b64 _, [%bar], 128"), 32, input);
  expectBroken(without(body, "arrive.expect_tx"), CAMEO_PTX_F_DEADLOCK, {"1 of 1 arrivals and -128 bytes"});
}

TEST(Bulk, SizesAndBounds) {
  std::string body = loadKernel();
  expectBroken(replaced(body, "[%in], 128, [%bar]", "[%in], 120, [%bar]"), CAMEO_PTX_F_MISALIGNED, {"120 bytes"});
  expectBroken(replaced(body, "[%in], 128, [%bar]", "[%in+8], 128, [%bar]"), CAMEO_PTX_F_MISALIGNED);
  expectBroken(replaced(body, "[%tile], [%in], 128", "[%tile+8], [%in], 128"), CAMEO_PTX_F_MISALIGNED);
  expectBroken(replaced(body, "[%in], 128, [%bar]", "[%in+16272], 128, [%bar]"), CAMEO_PTX_F_OUT_OF_BOUNDS,
               {"0 bytes beyond the end of 'in'"});
  expectBroken(replaced(body, "[%tile], [%in]", "[%tile+4080], [%in]"), CAMEO_PTX_F_OUT_OF_BOUNDS,
               {"0 bytes beyond the end of 'tile'"});
  expectMended(replaced(body, "[%in], 128, [%bar]", "[%in+16256], 128, [%bar]"), 32,
               [](uint32_t i) { return 1000 + 4064 + i; });
}

TEST(Bulk, BarrierThatNobodyPublished) {
  std::string body = loadKernel();
  std::string alone = without(without(body, "fence.mbarrier_init"), "bar.sync 0");
  AsyncLaunch one;
  one.threads = 1;
  expectBroken(alone, CAMEO_PTX_F_PROXY, {"fence.mbarrier_init"}, one);
  expectMended(without(body, "bar.sync 0"), 1, input, one);
}

TEST(Bulk, DestinationStoredToOrLoadedTwice) {
  std::string body = loadKernel();
  expectBroken(replaced(body, "W:\n", "W:\n@%first st.shared.u32 [%tile+64], %t;\n"), CAMEO_PTX_F_ASYNC_IN_FLIGHT,
               {"is stored to while the bulk copy of line"});
  std::string twice = replaced(body, "W:\n",
                               "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%tile+112], [%in], 16, "
                               "[%bar];\nW:\n");
  expectBroken(replaced(twice, "_, [%bar], 128", "_, [%bar], 144"), CAMEO_PTX_F_ASYNC_IN_FLIGHT,
               {"while the bulk copy of line"});
}

TEST(Bulk, LoadThatNobodyWaitsFor) {
  std::string body = loadKernel();
  size_t at = body.find("W:\n");
  expectBroken(body.substr(0, at) + "W:\n", CAMEO_PTX_F_ASYNC_LEFT, {"nobody has waited"});
}

TEST(Bulk, StoreAndItsSource) {
  std::string body = storeKernel();
  expectMended(body, 32, self);
  expectMended(replaced(body, "wait_group.read 0", "wait_group 0"), 32, self);
  expectBroken(without(body, "wait_group.read"), CAMEO_PTX_F_ASYNC_LEFT, {"may still read its source"});
  // The issuing thread goes on: its store hits the source.
  std::string later = replaced(body, "cp.async.bulk.wait_group.read 0;\n", "") + "cp.async.bulk.wait_group.read 0;\n";
  expectBroken(later, CAMEO_PTX_F_ASYNC_SOURCE, {"may still read it", "st.shared.u32 [%r2], 77", "wait_group.read"});
  expectBroken(replaced(body, "wait_group.read 0", "wait_group.read 1"), CAMEO_PTX_F_ASYNC_SOURCE);
  AsyncLaunch early;
  early.asyncPoint = CAMEO_PTX_ASYNC_EARLIEST;
  expectBroken(later, CAMEO_PTX_F_ASYNC_SOURCE, {}, early);
  // Without a commit the wait covers nothing.
  expectBroken(without(body, "commit_group"), CAMEO_PTX_F_ASYNC_SOURCE);
}

TEST(Bulk, StoreOfGenericWritesNeedsTheProxyFence) {
  std::string body = storeKernel();
  expectBroken(without(body, "fence.proxy.async"), CAMEO_PTX_F_PROXY,
               {"without a fence.proxy.async between", "the store of line", "cp.async.bulk.global"});
  expectBroken(replaced(body, "fence.proxy.async.shared::cta", "fence.proxy.async.global"), CAMEO_PTX_F_PROXY);
  expectBroken(replaced(body, "fence.proxy.async.shared::cta", "fence.acq_rel.cta"), CAMEO_PTX_F_PROXY);
  expectMended(replaced(body, "fence.proxy.async.shared::cta", "fence.proxy.async"), 32, self);
}

TEST(Bulk, EveryWarpThatStoresNeedsTheProxyFence) {
  AsyncLaunch two;
  two.threads = 64;
  std::string body = replaced(replaced(storeKernel(), "[%tile], 128", "[%tile], 256"), "st.shared.u32 [%r2], 77;\n", "");
  expectMended(body, 64, self, two);
  // A fence of the thread that copies, behind the barrier, covers all of them.
  expectMended(replaced(without(body, "fence.proxy"), "bra OUT;\n", "bra OUT;\nfence.proxy.async.shared::cta;\n"), 64, self, two);
  expectBroken(replaced("setp.lt.u32 %q, %t, 32;\n" + body, "fence.proxy", "@%q fence.proxy"), CAMEO_PTX_F_PROXY,
               {"(warp 1)"}, two);
}

TEST(Bulk, StoreOfUnwrittenBytesAndReadOnlyTargets) {
  std::string body = storeKernel();
  expectBroken(replaced(body, "[%tile], 128", "[%tile], 144"), CAMEO_PTX_F_UNINITIALISED);
  expectBroken(replaced(body, "[%out], [%tile]", "[%out+8], [%tile]"), CAMEO_PTX_F_MISALIGNED);
}

TEST(Bulk, Reductions) {
  std::string body = storeKernel();
  std::string add = replaced(body, "cp.async.bulk.global.shared::cta.bulk_group [",
                             "cp.reduce.async.bulk.global.shared::cta.bulk_group.add.u32 [");
  AsyncLaunch four;
  four.blocks = 4;
  expectMended(add, 32, [](uint32_t i) { return 4 * i; }, four);
  std::string most = replaced(add, ".add.u32", ".max.s32");
  expectMended(most, 32, self, four);
  // Floats: 1.0 four times.
  std::string floats = replaced(replaced(add, ".add.u32", ".add.f32"), "st.shared.u32 [%r2], %t", "st.shared.f32 [%r2], 0f3F800000");
  expectMended(floats, 32, [](uint32_t) { return bitsAs<uint32_t>(4.0f); }, four);
  Module refused(asyncKernel(replaced(add, ".add.u32", ".min.f32")));
  EXPECT_FALSE(refused);
}

TEST(Bulk, PrefetchDoesNothing) {
  expectMended("cp.async.bulk.prefetch.L2.global [%in], 128;\n", 1, zero);
}

std::string pipeline() {
  return pipelineOf("mul.wide.u32 %l1, %n, 512;\nadd.s64 %l1, %in, %l1;\n"
                    "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%buf], [%l1], 512, [%r2];\n",
                    "and.b32 %r4, %t, 31;\nmad.lo.u32 %r5, %r4, 16, %buf;\n");
}

uint32_t pipelineSum(uint32_t lane) {
  uint32_t sum = 0;
  for (uint32_t tile = 0; tile < 7; ++tile)
    for (uint32_t i = 0; i < 4; ++i)
      sum += input(tile * 128 + lane * 4 + i);
  return sum;
}

TEST(Bulk, PipelineOfTwoWarps) {
  AsyncLaunch two;
  two.threads = 64;
  std::string body = pipeline();
  expectMended(body, 32, pipelineSum, two);
  // Each of these is found by some of the first schedules and seeds.
  struct Mutant {
    const char *from, *to;
  };
  for (Mutant m : {Mutant{"@!%p bra PW;", ""}, Mutant{"@!%p bra CW;", ""},
                   Mutant{"[%empty], 32", "[%empty], 16"}, Mutant{"[%empty], 32", "[%empty], 33"},
                   Mutant{"[%empty], 32", "[%empty], 31"},
                   Mutant{"[%full], 1", "[%full], 2"}, Mutant{"_, [%r2], 512", "_, [%r2], 496"},
                   Mutant{"_, [%r2], 512", "_, [%r2], 528"}, Mutant{"xor.b32 %r3, %par, 1", "xor.b32 %r3, %par, 0"},
                   Mutant{"[%buf], [%l1], 512", "[%buf], [%l1], 496"},
                   Mutant{"mbarrier.arrive.shared::cta.b64 _, [%r1];", ""},
                   Mutant{"mad.lo.u32 %buf, %stage, 512, %tile;\nxor", "mad.lo.u32 %buf, %stage, 0, %tile;\nxor"}}) {
    bool found = false;
    for (uint32_t attempt = 0; attempt < 20 && !found; ++attempt) {
      two.schedule = attempt < 4 ? attempt : 1;
      two.seed = attempt;
      found = !runAsync(replaced(body, m.from, m.to), two).kinds.empty();
    }
    EXPECT_TRUE(found) << m.from << " -> " << m.to;
  }
}

} // namespace
} // namespace cameo::ptx::test
