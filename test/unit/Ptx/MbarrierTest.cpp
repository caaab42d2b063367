// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// mbarriers: what the instructions return, and each misuse broken and mended.
#include "AsyncHarness.h"

namespace cameo::ptx::test {
namespace {

uint32_t zero(uint32_t) { return 0; }

/// One thread initialises, everyone knows.
std::string initialise(const std::string &count) {
  return "@%first mbarrier.init.shared::cta.b64 [%bar], " + count + ";\nbar.sync 0;\n";
}
const char *store = "mul.wide.u32 %l15, %t, 4;\nadd.s64 %l14, %out, %l15;\nst.global.u32 [%l14], %r1;\n";

std::string waitParity(const std::string &label, const std::string &parity) {
  return label + ":\nmbarrier.try_wait.parity.shared::cta.b64 %p, [%bar], " + parity +
         ";\n@!%p bra " + label + ";\n";
}

TEST(Mbarrier, PhasesOfAllThreads) {
  // Two phases of all 64 threads; the second waits by token. The first phase's parity is 0.
  std::string body = initialise("64") +
                     "mbarrier.arrive.shared::cta.b64 %l1, [%bar];\n" + waitParity("W0", "0") +
                     "mbarrier.arrive.release.cta.shared::cta.b64 %l2, [%bar], 1;\n"
                     "W1:\nmbarrier.test_wait.acquire.cta.shared::cta.b64 %p, [%bar], %l2;\n"
                     "@!%p bra W1;\nmov.u32 %r1, 7;\n" + store;
  AsyncLaunch how;
  how.threads = 64;
  expectMended(body, 64, [](uint32_t) { return 7u; }, how);
}

TEST(Mbarrier, ParityOfTheFormerPhaseIsComplete) {
  std::string body = initialise("1") + "mbarrier.test_wait.parity.shared.b64 %p, [%bar], 1;\n"
                     "selp.u32 %r1, 1, 0, %p;\nmbarrier.test_wait.parity.shared.b64 %p, [%bar], 0;\n"
                     "selp.u32 %r2, 2, 0, %p;\nadd.u32 %r1, %r1, %r2;\n" + store;
  expectMended(body, 32, [](uint32_t) { return 1u; });
}

TEST(Mbarrier, PendingCountAndGenericAddresses) {
  std::string body = "cvta.shared.u64 %l3, %l4;\n";
  body = "cvt.u64.u32 %l4, %bar;\n" + body +
         "@%first mbarrier.init.b64 [%l3], 5;\nbar.sync 0;\nmov.u32 %r1, 0;\n@!%first bra OUT;\n"
         "mbarrier.arrive.b64 %l1, [%l3], 2;\nmbarrier.arrive.b64 %l2, [%l3];\n"
         "mbarrier.pending_count.b64 %r1, %l1;\nmbarrier.pending_count.b64 %r2, %l2;\n"
         "mad.lo.u32 %r1, %r2, 10, %r1;\nOUT:\n" + store;
  expectMended(body, 2, [](uint32_t i) { return i ? 0u : 35u; });
}

TEST(Mbarrier, ArriveDropLowersTheNextPhase) {
  std::string body = initialise("2") + "mov.u32 %r1, 0;\n@!%first bra OUT;\n"
         "mbarrier.arrive_drop.shared.b64 %l1, [%bar];\nmbarrier.arrive.shared.b64 _, [%bar];\n"
         "mbarrier.arrive.shared.b64 %l2, [%bar];\nmbarrier.pending_count.b64 %r1, %l2;\n"
         "mbarrier.test_wait.shared.b64 %p, [%bar], %l2;\n@%p add.u32 %r1, %r1, 10;\nOUT:\n" + store;
  expectMended(body, 1, [](uint32_t) { return 11u; });
}

TEST(Mbarrier, ExpectedBytesByHand) {
  std::string body = initialise("1") + "@!%first bra OUT;\n"
                     "mbarrier.arrive.expect_tx.shared.b64 _, [%bar], 64;\n"
                     "mbarrier.complete_tx.shared::cta.b64 [%bar], 64;\nOUT:\n" + waitParity("W", "0");
  expectMended(body, 1, zero);
  expectBroken(replaced(body, "_, [%bar], 64", "_, [%bar], 80"), CAMEO_PTX_F_DEADLOCK,
               {"0 of 1 arrivals and 16 bytes missing", "phase 0", "'bar'"});
  expectBroken(replaced(body, "_, [%bar], 64", "_, [%bar], 48"), CAMEO_PTX_F_MBARRIER,
               {"16 bytes more than phase 0 expects"});
}

TEST(Mbarrier, MoreArrivalsThanPending) {
  std::string body = initialise("32") + "mbarrier.arrive.shared.b64 _, [%bar];\n" + waitParity("W", "0");
  expectMended(body, 1, zero);
  expectBroken(replaced(body, "arrive.shared.b64 _, [%bar]", "arrive.shared.b64 _, [%bar], 3"),
               CAMEO_PTX_F_MBARRIER, {"lacks only 2 of 32"});
}

TEST(Mbarrier, ArrivalsOfOneInstructionInTwoPhases) {
  std::string body = initialise("32") + "mbarrier.arrive.shared.b64 _, [%bar];\n" + waitParity("W", "0");
  expectBroken(replaced(body, "[%bar], 32", "[%bar], 31"), CAMEO_PTX_F_MBARRIER,
               {"complete phase 0 of the mbarrier at 'bar' and go on into the next", "for 31"});
  // Several threads may be less than a warp, and more than one instruction may make up a phase.
  std::string some = "setp.lt.u32 %q, %t, 5;\n" + initialise("5") +
                     "@%q mbarrier.arrive.shared.b64 _, [%bar];\n" + waitParity("W", "0");
  expectMended(some, 1, zero);
}

TEST(Mbarrier, TooFewArrivalsAreADeadlockThatIsTold) {
  std::string body = initialise("33") + "mbarrier.arrive.shared.b64 _, [%bar];\n" + waitParity("W", "0");
  expectBroken(body, CAMEO_PTX_F_DEADLOCK,
               {"1 of 33 arrivals", "warp 0 (32 threads) waits for phase 0 of the mbarrier at 'bar'"});
}

TEST(Mbarrier, PollingWithoutEndIsADeadlock) {
  std::string body = initialise("33") +
                     "W:\nmbarrier.test_wait.parity.shared.b64 %p, [%bar], 0;\n@!%p bra W;\n";
  expectBroken(body, CAMEO_PTX_F_DEADLOCK, {"phase 0"});
}

TEST(Mbarrier, WrongParityIsFound) {
  std::string body = initialise("32") + "mbarrier.arrive.shared.b64 _, [%bar];\n" + waitParity("W", "0") +
                     "mbarrier.arrive.shared.b64 _, [%bar];\n" + waitParity("V", "1");
  expectMended(body, 1, zero);
  expectBroken(initialise("32") + "mbarrier.arrive.shared.b64 _, [%bar];\n" + waitParity("W", "1") +
                   "mbarrier.arrive.shared.b64 _, [%bar];\n" + waitParity("V", "0"),
               CAMEO_PTX_F_DEADLOCK);
}

/// Warp 1 waits for phase 0 while warp 0 completes two.
TEST(Mbarrier, ParityTwoPhasesBehind) {
  std::string body = initialise("1") + "setp.ge.u32 %q, %t, 32;\n@%q bra CONSUMER;\n@!%first bra OUT;\n"
                     "nanosleep.u32 100;\nnanosleep.u32 100;\n"
                     "mbarrier.arrive.shared.b64 _, [%bar];\nmbarrier.arrive.shared.b64 _, [%bar];\n"
                     "bra OUT;\nCONSUMER:\n" + waitParity("W", "0") + "OUT:\n";
  AsyncLaunch how;
  how.threads = 64;
  expectBroken(body, CAMEO_PTX_F_MBARRIER, {"waits for phase 0 (parity 0)", "phase 2 already"}, how);
  expectMended(without(body, "mbarrier.arrive.shared.b64 _, [%bar];\n"), 1, zero, how);
}

TEST(Mbarrier, MemoryThatIsNoBarrier) {
  std::string body = initialise("32") + "mbarrier.arrive.shared.b64 _, [%bar];\n" + waitParity("W", "0");
  expectBroken(replaced(body, "arrive.shared.b64 _, [%bar]", "arrive.shared.b64 _, [%bar2]"),
               CAMEO_PTX_F_MBARRIER, {"no initialised mbarrier at 'bar2'"});
  expectBroken(replaced(body, "arrive.shared.b64 _, [%bar]", "arrive.shared.b64 _, [%tile+4]"),
               CAMEO_PTX_F_MISALIGNED);
  // A warp that does not wait for the initialisation: found where the first warp is late.
  AsyncLaunch late;
  late.threads = 64, late.schedule = CAMEO_PTX_SCHEDULE_PRODUCER_STARVED;
  std::string early = without(replaced(body, "32;\nbar.sync", "64;\nbar.sync"), "bar.sync 0");
  expectBroken(early, CAMEO_PTX_F_MBARRIER, {"no initialised mbarrier"}, late);
}

TEST(Mbarrier, InitialisedTwiceAndInvalidated) {
  std::string body = initialise("32") + "mbarrier.arrive.shared.b64 _, [%bar];\n" + waitParity("W", "0") +
                     "bar.sync 0;\n@%first mbarrier.inval.shared.b64 [%bar];\n" + initialise("32") +
                     "mbarrier.arrive.shared.b64 _, [%bar];\n" + waitParity("V", "0");
  expectMended(body, 1, zero);
  expectBroken(without(body, "mbarrier.inval"), CAMEO_PTX_F_MBARRIER,
               {"initialised again without mbarrier.inval"});
  expectBroken(initialise("32") + "@%first mbarrier.arrive.shared.b64 _, [%bar];\n" + initialise("32"),
               CAMEO_PTX_F_MBARRIER, {"while in use", "31 of 32 arrivals"});
  expectBroken(initialise("32") + "@%first mbarrier.arrive.shared.b64 _, [%bar];\n"
                                  "@%first mbarrier.inval.shared.b64 [%bar];\n",
               CAMEO_PTX_F_MBARRIER, {"invalidated while in use"});
  expectBroken("@%first mbarrier.init.shared.b64 [%bar], 0;\n", CAMEO_PTX_F_MBARRIER, {"0 arrivals"});
}

TEST(Mbarrier, OrdinaryAccessToItsBytes) {
  std::string body = initialise("32") + "@%first st.shared.u32 [%bar+4], %t;\nbar.sync 0;\n"
                     "mbarrier.arrive.shared.b64 _, [%bar];\n" + waitParity("W", "0");
  expectBroken(body, CAMEO_PTX_F_MBARRIER, {"an ordinary store overwrites the mbarrier", "st.shared"});
  expectMended(replaced(body, "[%bar+4]", "[%bar2+4]"), 1, zero);
  expectBroken(initialise("32") + "ld.shared.u32 %r1, [%bar];\n", CAMEO_PTX_F_ASYNC_IN_FLIGHT,
               {"an ordinary load reads the mbarrier"});
}

TEST(Mbarrier, NoCompleteThatCompletes) {
  std::string body = initialise("2") + "@!%first bra OUT;\n"
                     "mbarrier.arrive.noComplete.shared.b64 %l1, [%bar], 1;\n"
                     "mbarrier.arrive.shared.b64 %l1, [%bar];\nOUT:\n" + waitParity("W", "0");
  expectMended(body, 1, zero);
  expectBroken(replaced(body, "[%bar], 2;", "[%bar], 1;"), CAMEO_PTX_F_MBARRIER, {".noComplete"});
}

TEST(Mbarrier, TokenOfAnOldPhase) {
  std::string body = initialise("1") + "@!%first bra OUT;\nmbarrier.arrive.shared.b64 %l1, [%bar];\n"
                     "mbarrier.arrive.shared.b64 %l2, [%bar];\n"
                     "mbarrier.test_wait.shared.b64 %p, [%bar], %l1;\nOUT:\n";
  expectBroken(body, CAMEO_PTX_F_MBARRIER, {"the token is of phase 0"});
  expectMended(replaced(body, "[%bar], %l1", "[%bar], %l2"), 1, zero);
}

/// try_wait may come back with false: code that does not ask again uses data that is not there.
TEST(Mbarrier, TryWaitThatIsNotRepeated) {
  std::string body = initialise("1") + "setp.ge.u32 %q, %t, 32;\n@%q bra CONSUMER;\n"
                     "@%first st.shared.u32 [%tile], 5;\n@%first mbarrier.arrive.shared.b64 _, [%bar];\n"
                     "bra OUT;\nCONSUMER:\n" + waitParity("W", "0") +
                     "ld.shared.u32 %r1, [%tile];\nsub.u32 %t, %t, 32;\n" + store + "OUT:\n";
  AsyncLaunch how;
  how.threads = 64;
  expectMended(body, 32, [](uint32_t) { return 5u; }, how);
  how.schedule = CAMEO_PTX_SCHEDULE_PRODUCER_STARVED;
  expectBroken(without(body, "@!%p bra W"), CAMEO_PTX_F_UNINITIALISED, {}, how);
}

TEST(Mbarrier, LanesThatPartedPollByThemselves) {
  // Half of the warp polls first; each half leaves its loop by a bra.uni when it has seen the phase.
  std::string body = initialise("1") + "setp.ge.u32 %q, %t, 32;\n@%q bra PRODUCER;\nand.b32 %r2, %t, 1;\nsetp.eq.u32 %p, %r2, 0;\n"
                     "@%p bra LAB;\nmov.u32 %r3, 0;\nLATER:\nadd.u32 %r3, %r3, 1;\nsetp.lt.u32 %p, %r3, 40;\n@%p bra LATER;\n"
                     "LAB:\nmbarrier.try_wait.parity.shared.b64 %p, [%bar], 0;\n@%p bra.uni GONE;\nbra.uni LAB;\nGONE:\n"
                     "ld.shared.u32 %r1, [%tile];\n" + store + "bra OUT;\nPRODUCER:\nsetp.ne.u32 %p, %t, 32;\n@%p bra OUT;\n"
                     "mov.u32 %r3, 0;\nWORK:\nadd.u32 %r3, %r3, 1;\nsetp.lt.u32 %p, %r3, 30;\n@%p bra WORK;\n"
                     "st.shared.u32 [%tile], 5;\nmbarrier.arrive.shared.b64 _, [%bar];\nOUT:\n";
  AsyncLaunch how;
  how.threads = 64, how.schedule = CAMEO_PTX_SCHEDULE_RANDOM;
  for (how.seed = 0; how.seed < 100; ++how.seed) {
    AsyncRun run = runAsync(body, how);
    EXPECT_TRUE(run.kinds.empty()) << how.seed << run.text;
  }
}

TEST(Mbarrier, Refusals) {
  auto refused = [](const std::string &body, const std::string &text) {
    Module module(asyncKernel(body));
    EXPECT_FALSE(module) << body;
    EXPECT_NE(module.errors().find(text), std::string::npos) << module.errors();
  };
  refused("mbarrier.arrive.shared.b32 %l1, [%bar];", "is not implemented");
  refused("mbarrier.frob.shared.b64 [%bar];", "'.frob'");
  refused("mbarrier.init.shared.b64 [%bar];", "2");
  refused("mbarrier.test_wait.shared.b64 %r1, [%bar], %l1;", ".pred");
  refused("fence.proxy;", "names a proxy");
  refused("fence.acq_rel;", "names its scope");
  refused("fence.mbarrier_init.release.cta;", "fence.mbarrier_init.release.cluster");
  refused("cp.async.bulk.shared::cta.global.bulk_group [%tile], [%in], 16;", "is not implemented");
}

} // namespace
} // namespace cameo::ptx::test
