// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Shuffles, votes, matches, reductions across lanes; barriers with counts and reductions; atomics.
#include "Harness.h"

namespace cameo::ptx::test {
namespace {

/// One value per thread of a block; %t is the thread, the result in %d.
std::vector<uint32_t> perThread(const std::string &body, uint32_t threads = 32) {
  std::string text = header;
  text += ".visible .entry k(.param .u64 p, .param .u64 scratch)\n{\n.reg .b32 %r<8>, %t, %d;\n"
          ".reg .b64 %l<8>;\n.reg .pred %p, %q;\n.shared .align 4 .b8 s[64];\n"
          "mov.u32 %t, %tid.x;\nld.param.u64 %l7, [scratch];\n" + body +
          "\nld.param.u64 %l0, [p];\nmul.wide.u32 %l1, %t, 4;\nadd.s64 %l0, %l0, %l1;\n"
          "st.global.u32 [%l0], %d;\nret;\n}\n";
  Module module(text);
  EXPECT_TRUE(module) << module.errors();
  if (!module)
    return std::vector<uint32_t>(threads);
  Memory memory;
  uint64_t out = memory.alloc(threads * 4, "out");
  uint64_t scratch = memory.upload(std::vector<uint32_t>(16, 0), "scratch");
  Arguments arguments;
  arguments.add(out).add(scratch);
  Result result = run(module, "k", memory, launchOf(1, threads, arguments));
  EXPECT_EQ(result.status(), CAMEO_PTX_OK) << body << result.text();
  return memory.download<uint32_t>(out, threads);
}

template <typename F> void expectLanes(const std::string &body, F expected, uint32_t threads = 32) {
  auto got = perThread(body, threads);
  for (uint32_t i = 0; i < threads; ++i)
    EXPECT_EQ(got[i], uint32_t(expected(i))) << body << " lane " << i;
}

TEST(Warp, ShufflesOfAllModes) {
  std::string value = "mul.lo.u32 %r0, %t, 10;\n";
  expectLanes(value + "shfl.sync.bfly.b32 %d, %r0, 5, 31, -1;", [](uint32_t i) { return (i ^ 5) * 10; });
  expectLanes(value + "shfl.sync.up.b32 %d, %r0, 3, 0, -1;", [](uint32_t i) { return (i < 3 ? i : i - 3) * 10; });
  expectLanes(value + "shfl.sync.down.b32 %d, %r0, 3, 31, -1;", [](uint32_t i) { return (i > 28 ? i : i + 3) * 10; });
  expectLanes(value + "shfl.sync.idx.b32 %d, %r0, 7, 31, -1;", [](uint32_t) { return 70; });
  // Segments of eight lanes: clamp 0x1807.
  expectLanes(value + "shfl.sync.idx.b32 %d, %r0, 2, 6175, -1;", [](uint32_t i) { return (i / 8 * 8 + 2) * 10; });
  expectLanes(value + "shfl.sync.down.b32 %d|%p, %r0, 4, 6151, -1;\nselp.b32 %d, %d, 1, %p;",
              [](uint32_t i) { return i % 8 < 4 ? (i + 4) * 10 : 1; });
}

TEST(Warp, Votes) {
  std::string odd = "and.b32 %r0, %t, 1;\nsetp.eq.u32 %p, %r0, 1;\n";
  expectLanes(odd + "vote.sync.ballot.b32 %d, %p, -1;", [](uint32_t) { return 0xaaaaaaaau; });
  expectLanes(odd + "vote.sync.ballot.b32 %d, !%p, -1;", [](uint32_t) { return 0x55555555u; });
  expectLanes(odd + "vote.sync.any.pred %q, %p, -1;\nselp.b32 %d, 1, 0, %q;", [](uint32_t) { return 1; });
  expectLanes(odd + "vote.sync.all.pred %q, %p, -1;\nselp.b32 %d, 1, 0, %q;", [](uint32_t) { return 0; });
  expectLanes(odd + "vote.sync.uni.pred %q, %p, -1;\nselp.b32 %d, 1, 0, %q;", [](uint32_t) { return 0; });
}

TEST(Warp, MatchReduceElect) {
  expectLanes("rem.u32 %r0, %t, 3;\nmatch.any.sync.b32 %d, %r0, -1;", [](uint32_t i) {
    uint32_t m = 0;
    for (uint32_t j = 0; j < 32; ++j)
      m |= uint32_t(j % 3 == i % 3) << j;
    return m;
  });
  expectLanes("match.all.sync.b32 %d|%p, 5, -1;", [](uint32_t) { return 0xffffffffu; });
  expectLanes("redux.sync.add.u32 %d, %t, -1;", [](uint32_t) { return 31 * 16; });
  expectLanes("sub.s32 %r0, %t, 20;\nredux.sync.min.s32 %d, %r0, -1;", [](uint32_t) { return -20; });
  expectLanes("elect.sync %r0|%p, -1;\nselp.b32 %d, %r0, 9, %p;", [](uint32_t i) { return i == 0 ? 0 : 9; });
  expectLanes("activemask.b32 %d;", [](uint32_t) { return 0xffffffffu; });
}

TEST(Warp, ShuffleInsideABranchByMask) {
  expectLanes("mov.u32 %d, 1000;\nsetp.ge.u32 %p, %t, 16;\n@%p bra out;\n"
              "shfl.sync.bfly.b32 %d, %t, 8, 31, 0xffff;\nout:",
              [](uint32_t i) { return i < 16 ? i ^ 8 : 1000; });
}

TEST(Warp, DivergedLanesMeetAgain) {
  // Each lane loops its own number of times; the shuffle behind needs them all.
  expectLanes("mov.u32 %r0, 0;\nL:\nsetp.ge.u32 %p, %r0, %t;\n@%p bra done;\nadd.u32 %r0, %r0, 1;\nbra L;\n"
              "done:\nshfl.sync.bfly.b32 %d, %r0, 31, 31, -1;",
              [](uint32_t i) { return i ^ 31; });
}

TEST(Warp, IndexedBranches) {
  expectLanes("and.b32 %r0, %t, 3;\nts: .branchtargets A, B, C, D;\nbrx.idx %r0, ts;\n"
              "A:\nmov.u32 %d, 10;\nbra E;\nB:\nmov.u32 %d, 11;\nbra E;\nC:\nmov.u32 %d, 12;\nbra E;\n"
              "D:\nmov.u32 %d, 13;\nE:",
              [](uint32_t i) { return 10 + i % 4; });
}

TEST(Barrier, ReductionsCountTheWholeBlock) {
  expectLanes("setp.lt.u32 %p, %t, 40;\nbar.red.popc.u32 %d, 0, %p;", [](uint32_t) { return 40; }, 96);
  expectLanes("setp.lt.u32 %p, %t, 40;\nbar.red.and.pred %q, 0, %p;\nselp.b32 %d, 1, 0, %q;",
              [](uint32_t) { return 0; }, 96);
  expectLanes("setp.lt.u32 %p, %t, 40;\nbar.red.or.pred %q, 0, %p;\nselp.b32 %d, 1, 0, %q;",
              [](uint32_t) { return 1; }, 96);
}

TEST(Barrier, ArriveAndSyncPassDataOn) {
  expectLanes("mov.u32 %r1, s;\nmov.u32 %d, 0;\nsetp.lt.u32 %p, %t, 32;\n@%p bra produce;\n"
              "bar.sync 1, 64;\nld.shared.u32 %d, [%r1];\nbra out;\n"
              "produce:\nst.shared.u32 [%r1], 77;\nbar.arrive 1, 64;\nout:",
              [](uint32_t i) { return i < 32 ? 0 : 77; }, 64);
}

TEST(Barrier, PartialWarpsOfTheLastWarp) {
  expectLanes("mov.u32 %r1, s;\nsetp.eq.u32 %p, %t, 39;\n@%p st.shared.u32 [%r1], 5;\nbar.sync 0;\n"
              "ld.shared.u32 %d, [%r1];",
              [](uint32_t) { return 5; }, 40);
}

TEST(Atomic, EveryThreadCounts) {
  auto got = perThread("atom.global.add.u32 %r0, [%l7], 1;\nbar.sync 0;\nld.global.u32 %d, [%l7];", 96);
  for (uint32_t v : got)
    EXPECT_EQ(v, 96u);
}

TEST(Atomic, OldValuesAreDistinct) {
  auto got = perThread("atom.global.add.u32 %d, [%l7+4], 3;", 64);
  std::sort(got.begin(), got.end());
  for (uint32_t i = 0; i < 64; ++i)
    EXPECT_EQ(got[i], 3 * i);
}

TEST(Atomic, MinMaxExchangeCasIncFloat) {
  auto last = [&](const std::string &op) {
    return perThread(op + "\nbar.sync 0;\nld.global.u32 %d, [%l7];", 32)[0];
  };
  EXPECT_EQ(last("sub.s32 %r0, 5, %t;\nred.global.min.s32 [%l7], %r0;"), uint32_t(-26));
  EXPECT_EQ(last("red.global.max.u32 [%l7], %t;"), 31u);
  EXPECT_EQ(last("red.global.or.b32 [%l7], %t;"), 31u);
  EXPECT_EQ(last("atom.global.inc.u32 %r0, [%l7], 6;"), 32u % 7);
  EXPECT_EQ(last("atom.global.cas.b32 %r0, [%l7], 0, 9;"), 9u);
  EXPECT_EQ(bitsAs<float>(last(".reg .f32 %f;\ncvt.rn.f32.u32 %f, %t;\nred.global.add.f32 [%l7], %f;")), 496.0f);
}

/// A lane that holds a lock for the lane that spins on it: no lane may starve.
TEST(Warp, SpinningLanesLetTheOthersRun) {
  auto got = perThread("mov.u32 %d, 0;\nsetp.eq.u32 %p, %t, 0;\n@%p bra late;\n"
                       "spin:\nld.volatile.global.u32 %r0, [%l7];\nsetp.eq.u32 %q, %r0, 0;\n@%q bra spin;\n"
                       "mov.u32 %d, %r0;\nbra out;\n"
                       "late:\nst.volatile.global.u32 [%l7], 4;\nout:");
  EXPECT_EQ(got[0], 0u);
  EXPECT_EQ(got[31], 4u);
}

} // namespace
} // namespace cameo::ptx::test
