// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// cp.async under all schedules and points of completion, its arrivals on mbarriers, and the replay
// of a schedule by its seed.
#include "AsyncHarness.h"

namespace cameo::ptx::test {
namespace {

uint32_t input(uint32_t i) { return 1000 + i; }

const char *addresses = "mul.wide.u32 %l1, %t, 4;\nadd.s64 %l2, %in, %l1;\nadd.s64 %l3, %out, %l1;\n"
                        "mad.lo.u32 %r2, %t, 4, %tile;\n";
const char *give = "ld.shared.u32 %r1, [%r2];\nst.global.u32 [%l3], %r1;\n";

TEST(Async, CopyMayBeReadOnlyBehindItsWait) {
  std::string body = std::string(addresses) + "cp.async.ca.shared.global [%r2], [%l2], 4;\n"
                     "cp.async.commit_group;\ncp.async.wait_group 0;\n" + give;
  expectMended(body, 32, input);
  for (uint32_t point : {0u, 1u, 2u}) {
    AsyncLaunch how;
    how.asyncPoint = point;
    expectBroken(without(body, "wait_group"), CAMEO_PTX_F_ASYNC_IN_FLIGHT, {"cp.async of line"}, how);
    expectBroken(without(body, "commit_group"), CAMEO_PTX_F_ASYNC_IN_FLIGHT, {}, how);
  }
}

/// Each thread's copy, an arrival of all on the mbarrier: the phase is the wait.
std::string arriving(const std::string &count, const std::string &form, const std::string &more) {
  return "@%first mbarrier.init.shared::cta.b64 [%bar], " + count + ";\nbar.sync 0;\n" + addresses +
         "cp.async.ca.shared.global [%r2], [%l2], 4;\ncp.async.mbarrier.arrive" + form +
         ".shared::cta.b64 [%bar];\n" + more +
         "W:\nmbarrier.try_wait.parity.shared::cta.b64 %p, [%bar], 0;\n@!%p bra W;\n"
         "xor.b32 %r3, %t, 1;\nmad.lo.u32 %r2, %r3, 4, %tile;\n" + give;
}

TEST(Async, CopyArrivesOnABarrier) {
  auto neighbour = [](uint32_t i) { return 1000 + (i ^ 1); };
  AsyncLaunch how;
  how.threads = 64;
  std::string body = arriving("64", ".noinc", "");
  expectMended(body, 64, neighbour, how);
  // Without .noinc the arrivals come on top.
  std::string extra = arriving("64", "", "mbarrier.arrive.shared::cta.b64 _, [%bar];\n");
  expectMended(extra, 64, neighbour, how);
  expectBroken(without(extra, "mbarrier.arrive.shared::cta.b64 _"), CAMEO_PTX_F_DEADLOCK, {}, how);
  expectBroken(replaced(body, "[%bar], 64", "[%bar], 32"), CAMEO_PTX_F_MBARRIER, {}, how);
  expectBroken(without(body, "@!%p bra W"), CAMEO_PTX_F_ASYNC_IN_FLIGHT, {}, how);
}

/// Which warp comes first depends on the schedule: each writes its place in the queue.
const char *queue = "@%first st.shared.u32 [%tile], 0;\nbar.sync 0;\nshr.u32 %r3, %t, 5;\nand.b32 %r4, %t, 31;\n"
                    "setp.ne.u32 %q, %r4, 0;\n@%q bra OUT;\nmov.u32 %r5, 0;\n"
                    "L:\natom.shared.add.u32 %r1, [%tile], 1;\nmad.lo.u32 %r6, %r1, 4, 0;\n"
                    "cvt.u64.u32 %l1, %r6;\nadd.s64 %l2, %out, %l1;\nst.global.u32 [%l2], %r3;\n"
                    "add.u32 %r5, %r5, 1;\nsetp.lt.u32 %p, %r5, 64;\n@%p bra L;\nOUT:\n";

TEST(Schedule, SeedsReplayExactlyAndDiffer) {
  AsyncLaunch how;
  how.threads = 256, how.schedule = CAMEO_PTX_SCHEDULE_RANDOM;
  std::vector<std::vector<uint32_t>> seen;
  for (uint64_t seed = 0; seed < 4; ++seed) {
    how.seed = seed;
    AsyncRun first = runAsync(queue, how), second = runAsync(queue, how);
    EXPECT_EQ(first.out, second.out) << seed;
    EXPECT_EQ(first.instructions, second.instructions);
    for (const auto &other : seen)
      EXPECT_NE(other, first.out) << seed;
    seen.push_back(first.out);
  }
}

TEST(Schedule, StarvedWarpsComeLast) {
  AsyncLaunch how;
  how.threads = 256;
  how.schedule = CAMEO_PTX_SCHEDULE_PRODUCER_STARVED;
  std::vector<uint32_t> producers = runAsync(queue, how).out;
  how.schedule = CAMEO_PTX_SCHEDULE_CONSUMER_STARVED;
  std::vector<uint32_t> consumers = runAsync(queue, how).out;
  auto placeOf = [](const std::vector<uint32_t> &order, uint32_t warp) { // mean
    double sum = 0;
    for (uint32_t i = 0; i < 512; ++i)
      sum += order[i] == warp ? i / 64.0 : 0;
    return sum;
  };
  EXPECT_GT(placeOf(producers, 0), placeOf(producers, 7) + 200);
  EXPECT_LT(placeOf(consumers, 0), placeOf(consumers, 7) - 200);
}

/// A block spins until another has written: nobody starves for ever.
TEST(Schedule, BlocksThatWaitForEachOther) {
  std::string body = ".reg .b32 %cta;\nmov.u32 %cta, %ctaid.x;\nsetp.eq.u32 %q, %cta, 3;\n"
                     "@!%first bra OUT;\n@%q bra LAST;\n"
                     "L:\nld.acquire.gpu.global.u32 %r1, [%out];\nsetp.eq.u32 %p, %r1, 0;\n@%p bra L;\nbra OUT;\n"
                     "LAST:\nst.release.gpu.global.u32 [%out], 9;\nOUT:\n";
  AsyncLaunch how;
  how.blocks = 4;
  for (how.schedule = 0; how.schedule < 5; ++how.schedule) {
    AsyncRun run = runAsync(body, how);
    EXPECT_TRUE(run.kinds.empty()) << run.text;
    EXPECT_EQ(run.out[0], 9u) << how.schedule;
  }
}

TEST(Schedule, FindingsTellTheScheduleAndSeed) {
  AsyncLaunch how;
  how.schedule = CAMEO_PTX_SCHEDULE_RANDOM, how.seed = 5;
  expectBroken("ld.shared.u32 %r1, [%tile];\n", CAMEO_PTX_F_UNINITIALISED,
               {"schedule random, seed 5"}, how);
}

} // namespace
} // namespace cameo::ptx::test
