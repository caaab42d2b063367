// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Races: litmus tests by scope and proxy. Each broken form is found, with both lines; each mended one is
// clean under all schedules and points of completion, with 20 seeds where they are drawn.
#include "AsyncHarness.h"

namespace cameo::ptx::test {
namespace {

constexpr auto race = CAMEO_PTX_F_RACE, proxy = CAMEO_PTX_F_PROXY;

void expectClean(const std::string &body, AsyncLaunch how, uint64_t seeds = 20) {
  for (uint32_t schedule = 0; schedule <= CAMEO_PTX_SCHEDULE_LATER_BLOCKS_STARVED; ++schedule)
    for (uint64_t seed = 0; seed < seeds; ++seed) {
      how.schedule = schedule, how.asyncPoint = seed % 3, how.seed = seed;
      AsyncRun run = runAsync(body, how);
      ASSERT_TRUE(run.kinds.empty()) << "schedule " << schedule << " seed " << seed << "\n"
                                     << run.text << body;
    }
}
AsyncLaunch threads(uint32_t n, uint32_t blocks = 1) {
  AsyncLaunch how;
  how.threads = n, how.blocks = blocks;
  return how;
}

// -- in a block -------------------------------------------------------------------------------------

/// Each thread stores a word, and loads that of the thread `away` of it.
std::string neighbours(const std::string &sync, int away, const std::string &second = "") {
  return "shl.b32 %r1, %t, 2;\nadd.u32 %r1, %r1, %tile;\nst.shared.u32 [%r1], %t;\n" + sync +
         "\nxor.b32 %r2, %t, " + std::to_string(away) + ";\nshl.b32 %r2, %r2, 2;\nadd.u32 %r2, %r2, %tile;\n"
         "ld.shared.u32 %r3, [%r2];\n" + second;
}

TEST(Race, StoreThenLoadOfAnotherWarp) {
  expectBroken(neighbours("", 32), race, {"this load (warp", "races with the store of line", "bar.sync"},
               threads(64));
  expectBroken(neighbours("bar.warp.sync -1;", 32), race, {}, threads(64));
  expectClean(neighbours("bar.sync 0;", 32), threads(64));
  expectClean(neighbours("barrier.sync 3, 64;", 32), threads(64));
}

TEST(Race, LanesOfOneWarp) {
  expectBroken(neighbours("", 1), race, {"lanes of a warp are in no order", "bar.warp.sync"});
  expectClean(neighbours("bar.warp.sync -1;", 1), threads(32));
  expectClean(neighbours("", 0), threads(64)); // its own word
  // A fence in between orders nothing by itself, and takes nothing from the barrier.
  for (const char *fence : {"fence.acq_rel.cta;\n", "fence.proxy.async.shared::cta;\n", "fence.mbarrier_init.release.cluster;\n"}) {
    expectBroken(neighbours(fence, 1), race, {"lanes of a warp are in no order"});
    expectClean(neighbours(fence + std::string("bar.warp.sync -1;"), 1), threads(32));
  }
  // Half of the warp synchronises; lanes 0 and 1 are of one half, 0 and 16 are not.
  std::string halves = "setp.lt.u32 %p, %t, 16;\nselp.b32 %r4, 0xffff, 0xffff0000, %p;\nbar.warp.sync %r4;";
  expectClean(neighbours(halves, 1), threads(32));
  expectBroken(neighbours(halves, 16), race, {"bar.warp.sync"});
}

/// The first thread stores and releases; lane 0 of another warp acquires and has `handOn`, then every lane of that warp loads.
std::string handedOn(const std::string &handOn, const std::string &poll = "ld.acquire.cta.shared.u32 %r1, [%tile+64];\n") {
  return "@%first st.shared.u32 [%tile+64], 0;\nbar.sync 0;\nsetp.ge.u32 %p, %t, 32;\n@%p bra READ;\n"
         "@!%first bra DONE;\nst.shared.u32 [%tile], 5;\nst.release.cta.shared.u32 [%tile+64], 1;\nbra DONE;\n"
         "READ:\nmov.u32 %r1, 1;\nsetp.ne.u32 %p, %t, 32;\n@%p bra MET;\nPOLL:\n" + poll +
         "setp.eq.u32 %q, %r1, 0;\n@%q bra POLL;\nMET:\n" + handOn + "ld.shared.u32 %r2, [%tile];\nDONE:\n";
}

TEST(Race, WarpWideInstructionsHandOnWhatWasAcquired) {
  for (const char *meet : {"shfl.sync.idx.b32 %r1, %r1, 0, 31, -1;\n", "vote.sync.all.pred %q, %p, -1;\n",
                           "redux.sync.add.u32 %r1, %r1, -1;\n", "match.any.sync.b32 %r1, %r1, -1;\n",
                           "bar.warp.sync -1;\n"})
    expectClean(handedOn(meet), threads(64), 5);
  expectBroken(handedOn(""), race, {"races with the store of line"}, threads(64));
  // Nobody has the value of lane 0, or those of one half have it.
  expectBroken(handedOn("shfl.sync.idx.b32 %r1, %r1, 5, 31, -1;\n"), race, {}, threads(64));
  expectBroken(handedOn("shfl.sync.idx.b32 %r1, %r1, 0, 0x100f, -1;\n"), race, {}, threads(64));
  expectBroken(handedOn("elect.sync _|%q, -1;\n"), race, {}, threads(64));
  // What was only polled is handed on as such: the fence is needed, and it may be the reader's.
  std::string relaxed = "ld.relaxed.cta.shared.u32 %r1, [%tile+64];\n", shuffle = "shfl.sync.idx.b32 %r1, %r1, 0, 31, -1;\n";
  expectBroken(handedOn(shuffle, relaxed), race, {}, threads(64));
  expectClean(handedOn(shuffle + "fence.acq_rel.cta;\n", relaxed), threads(64), 5);
}

TEST(Race, WarpWideInstructionsDoNotOrderStoresOfLanes) {
  for (const char *meet : {"shfl.sync.idx.b32 %r5, %t, 0, 31, -1;\n", "vote.sync.all.pred %q, %first, -1;\n"}) {
    expectBroken(neighbours(meet, 1), race, {"lanes of a warp are in no order", "bar.warp.sync"});
    // A load comes before what its warp stores behind the instruction at which all have met; not what another warp stores.
    std::string store = "st.shared.u32 [%r1], 5;\n";
    expectClean(neighbours("bar.warp.sync -1;\n", 1, meet + store), threads(32));
    expectBroken(neighbours("bar.warp.sync -1;\n", 1, store), race, {"bar.warp.sync"});
    expectBroken(neighbours("bar.sync 0;\n", 32, meet + store), race, {}, threads(64));
  }
}

TEST(Race, LoadThenStoreOfAnother) {
  std::string again = "st.shared.u32 [%r2], %r3;\n";
  expectBroken(neighbours("bar.sync 0;", 32, "st.shared.u32 [%r1], 5;\n"), race,
               {"this store", "races with the load of line"}, threads(64));
  expectClean(neighbours("bar.sync 0;", 32, "bar.sync 0;\nst.shared.u32 [%r1], 5;\n"), threads(64));
  expectClean(neighbours("bar.sync 0;", 32, "add.u32 %r3, %r3, 1;\n" + again), threads(64)); // its own
  expectBroken(neighbours("bar.warp.sync -1;", 1, "add.u32 %t, %t, 9;\nst.shared.u32 [%r1], %t;\n"), race, {"bar.warp.sync"});
}

TEST(Race, StoreThenStore) {
  std::string both = "and.b32 %r1, %t, 31;\nshl.b32 %r1, %r1, 2;\nadd.u32 %r1, %r1, %tile;\n";
  expectBroken(both + "st.shared.u32 [%r1], %t;\n", race, {"this store", "the store of line"}, threads(64));
  // The same value: it does not matter who was first.
  expectClean(both + "st.shared.u32 [%r1], 7;\n", threads(64));
  expectBroken("st.shared.u32 [%tile], %t;\n", race, {"by one instruction"});
  expectClean("@%first st.shared.u32 [%tile], %t;\n", threads(64));
}

TEST(Race, Atomics) {
  std::string zero = "@%first st.shared.u32 [%tile], 0;\n", count = "atom.shared.add.u32 %r1, [%tile], 1;\n";
  std::string read = "ld.shared.u32 %r2, [%tile];\n";
  expectClean(zero + "bar.sync 0;\n" + count + "bar.sync 0;\n" + read, threads(128));
  expectBroken(zero + count, race, {"this atomic", "the store of line"}, threads(128));
  expectBroken(zero + "bar.sync 0;\n" + count + read, race, {"this load", "the atomic of line"}, threads(128));
  expectClean(zero + "bar.sync 0;\n" + count + "ld.relaxed.cta.shared.u32 %r2, [%tile];\n", threads(128));
}

TEST(Race, AGuessThatASwapProves) {
  std::string swap = "again:\nadd.u32 %r2, %r1, 1;\natom.global.cas.b32 %r3, [%in], %r1, %r2;\n"
                     "setp.ne.u32 %p, %r3, %r1;\nmov.u32 %r1, %r3;\n@%p bra again;\n";
  expectClean("ld.global.u32 %r1, [%in];\n" + swap, threads(64));
  expectBroken("ld.global.u32 %r1, [%in];\natom.global.add.u32 %r2, [%in], %r1;\n", race, {"the atomic of line"}, threads(64));
  expectBroken("ld.global.u32 %r4, [%in];\nadd.u32 %r1, %r4, 1;\n" + swap, race, {}, threads(64));
}

TEST(Race, SumsThatDifferByRounding) {
  auto store = [](const std::string &step) {
    return "cvt.rn.f32.u32 %r1, %t;\nfma.rn.f32 %r1, %r1, " + step + ", 0f3F800000;\nadd.f32 %r2, %r1, 0fBF7FBE77;\n"
           "st.shared.v2.b32 [%tile], {%r1, %r2};\n"; // beside 1 + e the same - 0.999
  };
  expectClean(store("0f33D6BF95"), threads(32));
  expectBroken(store("0f3A83126F"), race, {"by one instruction"}, threads(32));
}

// -- who waits without an mbarrier ------------------------------------------------------------------

TEST(Race, ALockThatLanesOfAWarpTake) {
  std::string lock = "@%first st.shared.u64 [%tile], 0;\nbar.sync 0;\n"
                     "again:\natom.shared.cas.b32 %r1, [%tile], 0, 1;\nsetp.ne.u32 %p, %r1, 0;\n@%p bra again;\n"
                     "membar.cta;\nld.volatile.shared.u32 %r2, [%tile+4];\nadd.u32 %r2, %r2, 1;\n"
                     "st.volatile.shared.u32 [%tile+4], %r2;\nmembar.cta;\natom.shared.exch.b32 %r1, [%tile], 0;\n"
                     "bar.sync 0;\nld.shared.u32 %r2, [%tile+4];\nsetp.ne.u32 %p, %r2, 96;\n@%p trap;\n";
  expectClean(lock, threads(96));
}

/// Those that wait publish the same each time they fail: of that nothing new is made, and nothing is lost.
TEST(Race, ALockThatBlocksTake) {
  for (const char *type : {"b32", "b64"}) {
    bool wide = type == std::string("b64");
    std::string r = wide ? "%l1" : "%r1", setp = wide ? "setp.ne.u64 %p, %l1, 0;" : "setp.ne.u32 %p, %r1, 0;";
    std::string take = "again:\natom.global.cas." + std::string(type) + " " + r + ", [%out], 0, 1;\n" + setp + "\n@%p bra again;\n";
    std::string count = "ld.global.u32 %r2, [%out+64];\nadd.u32 %r2, %r2, 1;\nst.global.u32 [%out+64], %r2;\n";
    std::string free = "atom.global.exch." + std::string(type) + " " + r + ", [%out], 0;\n";
    expectClean("membar.gl;\n" + take + "membar.gl;\n" + count + "membar.gl;\n" + free, threads(40, 3), 3);
    expectBroken("membar.gl;\n" + take + "membar.gl;\n" + count + free, race, {}, threads(40, 3));
    expectBroken("membar.gl;\n" + take + count + "membar.gl;\n" + free, race, {}, threads(40, 3));
  }
}

/// A lane adds to a flag twice, and what it did between is known to who sees the second time, behind a fence only.
TEST(Race, WhatIsPublishedAgainIsNew) {
  auto twice = [](const std::string &between, const std::string &other) {
    return "mov.u32 %r1, %ctaid.x;\nsetp.ne.u32 %q, %r1, 0;\n@%q bra READ;\nst.global.u32 [%out+64], 7;\nmembar.gl;\n"
           "atom.global.add.u32 %r2, [%out], 1;\n" + between + "atom.global.add.u32 %r2, [%out], 1;\nbra DONE;\nREAD:\n"
           "ld.relaxed.gpu.global.u32 %r3, [%out];\nsetp.ne.u32 %p, %r3, 2;\n@%p bra READ;\nmembar.gl;\n" + other + "DONE:\n";
  };
  const AsyncLaunch two = threads(1, 2);
  std::string store = "st.global.u32 [%out+128], 5;\n", load = "ld.global.u32 %r4, [%out+64];\n";
  expectClean(twice("", load), two);
  expectClean(twice(store + "membar.gl;\n", load + "ld.global.u32 %r4, [%out+128];\n"), two);
  expectBroken(twice(store, load + "ld.global.u32 %r4, [%out+128];\n"), race, {}, two);
  expectClean(twice("ld.global.u32 %r5, [%in];\nmembar.gl;\n", "st.global.u32 [%in], 3;\n"), two);
}

TEST(Race, WarpsThatPassATurnOn) {
  expectClean("@%first st.shared.u32 [%tile], 0;\nbar.sync 0;\nand.b32 %r1, %t, 31;\nsetp.ne.u32 %p, %r1, 0;\n@%p bra out;\n"
              "shr.u32 %r1, %t, 5;\nadd.u32 %r3, %r1, 1;\nagain:\nld.acquire.cta.shared.u32 %r2, [%tile];\n"
              "setp.ne.u32 %p, %r2, %r1;\n@%p bra again;\nst.release.cta.shared.u32 [%tile], %r3;\nout:\n",
              threads(160));
}

TEST(Race, BytesAndWords) {
  std::string bytes = "add.u32 %r1, %tile, %t;\nst.shared.u8 [%r1], %t;\n";
  std::string word = "and.b32 %r2, %t, 60;\nadd.u32 %r2, %r2, %tile;\nld.shared.u32 %r3, [%r2];\n";
  expectBroken(bytes + word, race, {}, threads(64));
  expectClean(bytes + "bar.sync 0;\n" + word, threads(64));
  // Neighbours write the two halves of a granule.
  expectClean("shl.b32 %r1, %t, 1;\nadd.u32 %r1, %r1, %tile;\nst.shared.u16 [%r1], %t;\n"
              "ld.shared.u16 %r2, [%r1];\nst.shared.u16 [%r1], %r2;\n", threads(256));
}

TEST(Race, OneThreadReleasesForAll) {
  // Warp 0 stores with all lanes; its first lane tells warp 1 by a flag in shared memory.
  auto message = [](const std::string &before, const std::string &store, const std::string &load,
                    const std::string &after) {
    return "@%first st.shared.u32 [%tile2], 0;\nbar.sync 0;\nsetp.ge.u32 %q, %t, 32;\n@%q bra READ;\n"
           "shl.b32 %r1, %t, 2;\nadd.u32 %r1, %r1, %tile;\nst.shared.u32 [%r1], %t;\n" + before +
           "@%first " + store + "\nbra DONE;\nREAD:\n" + load + "\nsetp.eq.u32 %p, %r3, 0;\n@%p bra READ;\n" +
           after + "and.b32 %r1, %t, 31;\nshl.b32 %r1, %r1, 2;\nadd.u32 %r1, %r1, %tile;\n"
           "ld.shared.u32 %r4, [%r1];\nDONE:\n";
  };
  std::string release = "st.release.cta.shared.u32 [%tile2], 1;", acquire = "ld.acquire.cta.shared.u32 %r3, [%tile2];";
  std::string relaxed = "st.relaxed.cta.shared.u32 [%tile2], 1;", seen = "ld.relaxed.cta.shared.u32 %r3, [%tile2];";
  expectClean(message("bar.warp.sync -1;\n", release, acquire, ""), threads(64));
  expectBroken(message("", release, acquire, ""), race, {}, threads(64));
  expectBroken(message("bar.warp.sync -1;\n", relaxed, acquire, ""), race, {}, threads(64));
  expectBroken(message("bar.warp.sync -1;\n", release, seen, ""), race, {"acquires nothing"}, threads(64));
  expectClean(message("bar.warp.sync -1;\n", release, seen, "fence.acq_rel.cta;\n"), threads(64));
  expectClean(message("bar.warp.sync -1;\nfence.acq_rel.cta;\n", relaxed, acquire, ""), threads(64));
  expectClean(message("bar.warp.sync -1;\nmembar.cta;\n", "atom.exch.shared.b32 %r9, [%tile2], 1;",
                      "ld.volatile.shared.u32 %r3, [%tile2];", "membar.cta;\n"), threads(64));
}

// -- mbarriers and copies ---------------------------------------------------------------------------

const std::string wait = "W:\nmbarrier.try_wait.parity.shared::cta.b64 %p, [%bar], 0;\n@!%p bra W;\n";

TEST(Race, MbarrierHandsOn) {
  auto body = [](const std::string &sync, const std::string &between) {
    return "@%first mbarrier.init.shared::cta.b64 [%bar], 32;\n" + sync +
           "shl.b32 %r1, %t, 2;\nadd.u32 %r1, %r1, %tile;\nsetp.ge.u32 %q, %t, 32;\n@%q bra C;\n"
           "st.shared.u32 [%r1], %t;\nmbarrier.arrive.shared::cta.b64 _, [%bar];\nbra OUT;\nC:\n" + between +
           "ld.shared.u32 %r2, [%r1+-128];\nOUT:\n";
  };
  expectClean(body("bar.sync 0;\n", wait), threads(64));
  expectBroken(body("", wait), race, {"uses the mbarrier", "initialisation in line"}, threads(64));
  expectBroken(body("bar.warp.sync -1;\n", wait), race, {"uses the mbarrier"}, threads(64));
}

TEST(Race, LanesOfOneLoadThatWaitedForDifferentCopies) {
  auto body = [](const std::string &place) {
    std::string load = "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes ";
    return "@%first mbarrier.init.shared::cta.b64 [%bar], 1;\n@%first mbarrier.init.shared::cta.b64 [%bar2], 1;\n"
           "fence.mbarrier_init.release.cluster;\nbar.sync 0;\n@!%first bra S;\n"
           "mbarrier.arrive.expect_tx.shared::cta.b64 _, [%bar], 64;\n" + load + "[%tile], [%in], 64, [%bar];\n"
           "mbarrier.arrive.expect_tx.shared::cta.b64 _, [%bar2], 64;\nadd.s64 %l1, %in, 64;\n" + load +
           "[%tile+64], [%l1], 64, [%bar2];\nS:\nsetp.lt.u32 %q, %t, 16;\nselp.b32 %r1, %bar, %bar2, %q;\n"
           "W:\nmbarrier.try_wait.parity.shared::cta.b64 %p, [%r1], 0;\n@!%p bra W;\nbar.warp.sync -1;\n" + place +
           "shl.b32 %r2, %r3, 2;\nadd.u32 %r2, %r2, %tile;\nld.shared.u32 %r4, [%r2];\n";
  };
  // Without bar.warp.sync the lanes know of their own copy only.
  std::string apart = replaced(body("mov.u32 %r3, %t;\n"), "bar.warp.sync -1;\n", "");
  expectClean(apart, threads(32));
  expectClean(body("xor.b32 %r3, %t, 16;\n"), threads(32));
  AsyncLaunch earliest = threads(32); // both copies are there, but who loads has not waited for that one
  earliest.asyncPoint = CAMEO_PTX_ASYNC_EARLIEST;
  expectBroken(replaced(body("xor.b32 %r3, %t, 16;\n"), "bar.warp.sync -1;\n", ""), race,
               {"asynchronous write", "nothing that this thread waited for"}, earliest);
}

TEST(Race, ReadersArriveBeforeTheNextCopy) {
  std::string load = "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%buf], [%l2], 512, [%r2];\n";
  std::string source = "mul.wide.u32 %l1, %n, 512;\nadd.s64 %l2, %in, %l1;\n";
  std::string place = "sub.u32 %r4, %t, 32;\nshl.b32 %r5, %r4, 4;\nadd.u32 %r5, %r5, %buf;\n";
  std::string good = pipelineOf(source + load, place);
  expectClean(good, threads(64));
  // The arrival comes before the load.
  std::string arrive = "mbarrier.arrive.shared::cta.b64 _, [%r1];\n", read = "ld.shared.v4.u32 {%r6, %r7, %r8, %r9}, [%r5];\n";
  expectBroken(replaced(good, read + arrive, arrive + read), race, {"asynchronous write", "races with the load"}, threads(64));
}

TEST(Race, ProxyFenceOfEachWriter) {
  auto body = [](const std::string &mine, const std::string &after) {
    return "shl.b32 %r1, %t, 2;\nadd.u32 %r1, %r1, %tile;\nst.shared.u32 [%r1], %t;\n" + mine + "bar.sync 0;\n" +
           after + "@%first cp.async.bulk.global.shared::cta.bulk_group [%out], [%tile], 256;\n"
           "@%first cp.async.bulk.commit_group;\n@%first cp.async.bulk.wait_group 0;\n";
  };
  std::string fence = "fence.proxy.async.shared::cta;\n";
  expectClean(body(fence, ""), threads(64));
  expectClean(body("", "@%first " + fence), threads(64));
  // Only the first warp's stores are fenced.
  expectBroken(body("setp.ge.u32 %q, %t, 32;\n@%q bra S;\n" + fence + "S:\n", ""), proxy, {"fence.proxy.async"}, threads(64));
  expectBroken(body("", ""), proxy, {}, threads(64));
}

TEST(Race, SourceOfAStoreIsWaitedForByOneThread) {
  auto body = [](const std::string &sync) {
    return "shl.b32 %r1, %t, 2;\nadd.u32 %r1, %r1, %tile;\nst.shared.u32 [%r1], %t;\nfence.proxy.async.shared::cta;\n"
           "bar.sync 0;\n@!%first bra S;\ncp.async.bulk.global.shared::cta.bulk_group [%out], [%tile], 256;\n"
           "cp.async.bulk.commit_group;\ncp.async.bulk.wait_group.read 0;\nS:\n" + sync + "st.shared.u32 [%r1], 5;\n";
  };
  expectClean(body("bar.sync 0;\n"), threads(64));
  AsyncLaunch how = threads(64);
  AsyncRun broken = runAsync(body(""), how);
  EXPECT_FALSE(broken.kinds.empty());
}

TEST(Race, CopiesOfThreads) {
  auto body = [](const std::string &wait, const std::string &again) {
    return "shl.b32 %r1, %t, 4;\nadd.u32 %r1, %r1, %tile;\nmul.wide.u32 %l1, %t, 16;\nadd.s64 %l2, %in, %l1;\n"
           "cp.async.cg.shared.global [%r1], [%l2], 16;\ncp.async.commit_group;\n" + wait +
           "xor.b32 %r2, %t, 33;\nshl.b32 %r2, %r2, 4;\nadd.u32 %r2, %r2, %tile;\nld.shared.u32 %r3, [%r2];\n" + again;
  };
  std::string waits = "cp.async.wait_group 0;\n", next = "cp.async.cg.shared.global [%r1], [%l2], 16;\ncp.async.wait_all;\n";
  expectClean(body(waits + "bar.sync 0;\n", "bar.sync 0;\n" + next), threads(64));
  expectBroken(body(waits, ""), race, {"races with the store of line"}, threads(64));
  expectBroken(body(waits + "bar.sync 0;\n", next), race, {"the load of line"}, threads(64));
}

// -- between blocks ---------------------------------------------------------------------------------

/// Block 0 writes 32 words and then a flag; block 1 waits for the flag and reads them.
std::string message(const std::string &before, const std::string &store, const std::string &load,
                    const std::string &after) {
  return "mov.u32 %r1, %ctaid.x;\nsetp.ne.u32 %q, %r1, 0;\nmul.wide.u32 %l1, %t, 4;\nadd.s64 %l2, %out, %l1;\n"
         "@%q bra READ;\nst.global.u32 [%l2], %t;\n" + before + "@%first " + store + "\nbra DONE;\nREAD:\n" + load +
         "\nsetp.eq.u32 %p, %r3, 0;\n@%p bra READ;\n" + after + "ld.global.u32 %r4, [%l2];\nDONE:\n";
}

TEST(Race, MessageBetweenBlocks) {
  const AsyncLaunch two = threads(32, 2);
  std::string sync = "bar.sync 0;\n";
  for (std::string scope : {"gpu", "sys"}) {
    std::string release = "st.release." + scope + ".global.u32 [%out+1024], 1;";
    std::string acquire = "ld.acquire." + scope + ".global.u32 %r3, [%out+1024];";
    std::string relaxed = "st.relaxed." + scope + ".global.u32 [%out+1024], 1;";
    std::string seen = "ld.relaxed." + scope + ".global.u32 %r3, [%out+1024];";
    std::string fence = "fence.acq_rel." + scope + ";\n";
    expectClean(message(sync, release, acquire, ""), two);
    expectClean(message(sync + fence, relaxed, seen, fence), two);
    expectClean(message(fence + sync, relaxed, seen, fence), two); // each fences, one publishes
    expectClean(message(sync, "red.release." + scope + ".global.add.u32 [%out+1024], 1;", acquire, ""), two);
    expectBroken(message("", release, acquire, ""), race, {}, two); // of the other lanes
    expectBroken(message(sync, relaxed, acquire, ""), race, {"nothing published"}, two);
    expectBroken(message(sync, release, seen, ""), race, {"acquires nothing"}, two);
    expectBroken(message(sync + fence, relaxed, seen, ""), race, {"acquires nothing"}, two);
  }
  expectClean(message(sync + "membar.gl;\n", "st.volatile.global.u32 [%out+1024], 1;",
                      "ld.volatile.global.u32 %r3, [%out+1024];", "membar.gl;\n"), two);
  expectBroken(message(sync + "membar.gl;\n", "st.global.u32 [%out+1024], 1;", "ld.acquire.gpu.global.u32 %r3, [%out+1024];", ""),
               race, {}, two);
}

TEST(Race, ScopeTooSmall) {
  const AsyncLaunch two = threads(32, 2);
  std::string sync = "bar.sync 0;\n", acquire = "ld.acquire.gpu.global.u32 %r3, [%out+1024];";
  expectBroken(message(sync, "st.release.cta.global.u32 [%out+1024], 1;", acquire, ""), race, {"scope"}, two);
  expectBroken(message(sync, "st.release.gpu.global.u32 [%out+1024], 1;", "ld.acquire.cta.global.u32 %r3, [%out+1024];", ""),
               race, {"scope"}, two);
  expectBroken(message(sync + "fence.acq_rel.cta;\n", "st.relaxed.gpu.global.u32 [%out+1024], 1;", acquire, ""), race, {"scope"}, two);
  std::string count = "atom.relaxed.cta.global.add.u32 %r1, [%out], 1;\n";
  expectBroken(count, race, {"the scope of one is too small"}, threads(32, 2));
  expectClean(count, threads(64, 1));
  expectClean("atom.global.add.u32 %r1, [%out], 1;\nred.global.add.u32 [%out], 1;\n", threads(32, 4));
}

TEST(Race, BlocksWithoutAnyOrder) {
  std::string own = "mov.u32 %r1, %ctaid.x;\nmad.lo.u32 %r1, %r1, 32, %t;\nmul.wide.u32 %l1, %r1, 4;\nadd.s64 %l2, %out, %l1;\n";
  expectClean(own + "st.global.u32 [%l2], %t;\nld.global.u32 %r2, [%l2];\n", threads(32, 4));
  std::string same = "mul.wide.u32 %l1, %t, 4;\nadd.s64 %l2, %out, %l1;\nmov.u32 %r1, %ctaid.x;\n";
  expectBroken(same + "st.global.u32 [%l2], %r1;\n", race, {"block 1,0,0", "block 0,0,0"}, threads(32, 2));
  expectClean(same + "st.global.u32 [%l2], 3;\n", threads(32, 2));
  // All blocks read it, the last one writes.
  expectBroken(same + "ld.global.u32 %r2, [%l2];\nsetp.eq.u32 %p, %r1, 5;\n@%p st.global.u32 [%l2], 9;\n", race,
               {"this store", "the load of line"}, threads(32, 6));
}

TEST(Race, LaunchesAreOrderedAndMemoryChecksAreOfMemory) {
  AsyncLaunch how = threads(64);
  how.checks = CAMEO_PTX_CHECK_MEMORY;
  std::string body = neighbours("bar.sync 0;", 32, "st.shared.u32 [%r1], 5;\n");
  EXPECT_FALSE(runAsync(body, threads(64)).kinds.empty());
  EXPECT_TRUE(runAsync(body, how).kinds.empty());
}

} // namespace
} // namespace cameo::ptx::test
