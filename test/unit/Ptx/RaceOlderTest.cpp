// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Data that are volatile or relaxed and a flag behind them: without a fence on both sides, of a scope that has both
// blocks, a thread that has seen the flag gets the data of before. There is no race in it, only another number.
#include "AsyncHarness.h"

namespace cameo::ptx::test {
namespace {

/// Block 0 stores 7, then the flag; block 1 waits for the flag, loads twice and stores what it has seen.
std::string handover(const std::string &before, const std::string &after, const std::string &load = "ld.volatile.global.u32 %r4, [%out+512];") {
  return "mov.u32 %r1, %ctaid.x;\nsetp.ne.u32 %q, %r1, 0;\n@%q bra READ;\n@!%first bra DONE;\n"
         "st.volatile.global.u32 [%out+512], 7;\n" + before + "st.volatile.global.u32 [%out+1024], 1;\nbra DONE;\nREAD:\n"
         "ld.volatile.global.u32 %r3, [%out+1024];\nsetp.eq.u32 %p, %r3, 0;\n@%p bra READ;\n" + after + load +
         "\nld.volatile.global.u32 %r5, [%out+512];\nmad.lo.u32 %r4, %r5, 10, %r4;\n"
         "mul.wide.u32 %l1, %t, 4;\nadd.s64 %l2, %out, %l1;\nst.global.u32 [%l2], %r4;\nDONE:\n";
}

/// The first words that block 1 has stored, by schedule.
std::vector<uint32_t> seen(const std::string &body) {
  std::vector<uint32_t> words;
  for (uint32_t schedule = 0; schedule <= CAMEO_PTX_SCHEDULE_LATER_BLOCKS_STARVED; ++schedule) {
    AsyncLaunch how;
    how.threads = 32, how.blocks = 2, how.schedule = schedule, how.seed = 5;
    AsyncRun run = runAsync(body, how);
    EXPECT_TRUE(run.kinds.empty()) << run.text << body;
    words.insert(words.end(), run.out.begin(), run.out.begin() + 32);
  }
  return words;
}

bool someAreOld(const std::string &body) {
  std::vector<uint32_t> words = seen(body);
  for (uint32_t word : words)
    EXPECT_TRUE(word == 77 || word == 70) << word; // never the old one behind the new one
  return std::count(words.begin(), words.end(), 70u) != 0;
}

TEST(RaceOlder, DataBehindAFlag) {
  for (std::string fence : {"membar.gl;\n", "fence.acq_rel.gpu;\n", "fence.sc.sys;\n"})
    EXPECT_FALSE(someAreOld(handover(fence, fence))) << fence;
  EXPECT_TRUE(someAreOld(handover("membar.cta;\n", "membar.gl;\n")));
  EXPECT_TRUE(someAreOld(handover("membar.gl;\n", "membar.cta;\n")));
  EXPECT_TRUE(someAreOld(handover("", "membar.gl;\n")));
  EXPECT_TRUE(someAreOld(handover("membar.gl;\n", "")));
}

TEST(RaceOlder, WhatMustBeNew) {
  // An atomic reads what is there; and a release that is acquired orders as fences do.
  EXPECT_FALSE(someAreOld(handover("", "membar.gl;\n", "atom.global.or.b32 %r4, [%out+512], 0;")));
  std::string released = handover("", "membar.gl;\n");
  released.replace(released.find("st.volatile.global.u32 [%out+1024]"), 11, "st.release.gpu");
  EXPECT_FALSE(someAreOld(released));
  // An earlier wide fence does not widen a later narrow one.
  EXPECT_TRUE(someAreOld("membar.gl;\n" + handover("membar.cta;\n", "membar.gl;\n")));
}

TEST(RaceOlder, AtomicsThatSeeAFlagBehindAFence) {
  // As in reductions by the last block: only the writers fence.
  auto byAtomic = [](const std::string &fence) {
    std::string body = handover(fence, "");
    return body.replace(body.find("ld.volatile.global.u32 %r3, [%out+1024];"), 40, "atom.global.or.b32 %r3, [%out+1024], 0;");
  };
  EXPECT_TRUE(someAreOld(byAtomic("membar.cta;\n")));
  // The thread whose atomic it was needs a fence (a lock is taken so), or a barrier.
  auto lock = [](const std::string &after) {
    std::string body = handover("membar.gl;\n", after);
    return body.replace(body.find("ld.volatile.global.u32 %r3, [%out+1024];"), 40, "atom.global.or.b32 %r3, [%out+1024], 0;");
  };
  EXPECT_TRUE(someAreOld(lock("")));
  EXPECT_FALSE(someAreOld(lock("membar.gl;\n")));
  EXPECT_FALSE(someAreOld(lock("bar.sync 0;\n")));
}

TEST(RaceOlder, WithoutAnyFence) {
  EXPECT_TRUE(someAreOld(handover("", "")));
}

TEST(RaceOlder, WhatNobodyWasTold) {
  // A poll of the data alone: what comes next could have come later, too.
  std::string poll = "mov.u32 %r1, %ctaid.x;\nsetp.ne.u32 %q, %r1, 0;\n@%q bra READ;\nst.volatile.global.u32 [%out+512], 7;\n"
                     "bra DONE;\nREAD:\nld.volatile.global.u32 %r4, [%out+512];\nsetp.eq.u32 %p, %r4, 0;\n@%p bra READ;\n"
                     "mul.lo.u32 %r4, %r4, 11;\nmul.wide.u32 %l1, %t, 4;\nadd.s64 %l2, %out, %l1;\nst.global.u32 [%l2], %r4;\nDONE:\nmembar.cta;\n";
  EXPECT_FALSE(someAreOld(poll));
}

} // namespace
} // namespace cameo::ptx::test
