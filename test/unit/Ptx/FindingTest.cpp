// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Every kind of finding: a broken kernel and the same one mended. And what is refused before
// anything runs.
#include "Harness.h"

namespace cameo::ptx::test {
namespace {

/// A kernel of `threads` threads with one buffer of `bytes` bytes; %t is the thread, %at its base.
struct Outcome {
  std::vector<cameo_ptx_finding_kind> kinds;
  int exitCode;
  std::string text, json;
  uint32_t line;
};

Outcome runBody(const std::string &body, uint32_t threads = 32, uint64_t bytes = 128,
                bool written = true, uint32_t dynamicShared = 0) {
  std::string text = header;
  text += ".extern .shared .align 16 .b8 dyn[];\n";
  text += ".visible .entry k(.param .u64 p)\n{\n.reg .b32 %r<16>, %t;\n.reg .b64 %l<8>, %at;\n"
          ".reg .pred %p, %q;\n.reg .f32 %f<8>;\n.reg .b16 %h<4>;\n"
          "mov.u32 %t, %tid.x;\nld.param.u64 %at, [p];\n" + body + "\nret;\n}\n";
  Module module(text, "body.ptx");
  EXPECT_TRUE(module) << module.errors();
  Memory memory;
  uint64_t buffer = written ? memory.upload(std::vector<uint8_t>(bytes, 1), "buffer")
                            : memory.alloc(bytes, "buffer");
  Arguments arguments;
  arguments.add(buffer);
  cameo_ptx_launch launch = launchOf(1, threads, arguments);
  launch.dynamic_shared_bytes = dynamicShared;
  launch.step_limit = 1 << 20;
  Result result = run(module, "k", memory, launch);
  Outcome outcome{{}, result.exitCode(), result.text(), result.json(), 0};
  for (uint32_t i = 0; i < result.findingCount(); ++i) {
    outcome.kinds.push_back(cameo_ptx_finding_kind(result.finding(i).kind));
    EXPECT_NE(std::string(result.finding(i).message), "");
    EXPECT_NE(std::string(result.finding(i).remedy), "");
    outcome.line = outcome.line ? outcome.line : result.finding(i).line;
  }
  if (outcome.kinds.empty()) {
    EXPECT_EQ(result.status(), CAMEO_PTX_OK);
  } else {
    EXPECT_EQ(result.status(), CAMEO_PTX_FINDING);
  }
  return outcome;
}

void expectFinding(const Outcome &outcome, cameo_ptx_finding_kind kind, int exitCode) {
  ASSERT_FALSE(outcome.kinds.empty()) << "nothing was found";
  EXPECT_EQ(outcome.kinds[0], kind) << outcome.text;
  EXPECT_EQ(outcome.exitCode, exitCode) << outcome.text;
}
void expectClean(const Outcome &outcome) { EXPECT_TRUE(outcome.kinds.empty()) << outcome.text; }

std::string indexed(int bytes, const std::string &access) {
  return "mul.wide.u32 %l0, %t, " + std::to_string(bytes) + ";\nadd.s64 %l1, %at, %l0;\n" + access;
}

TEST(Finding, GlobalOutOfBounds) {
  Outcome broken = runBody(indexed(4, "ld.global.u32 %r0, [%l1+4];"));
  expectFinding(broken, CAMEO_PTX_F_OUT_OF_BOUNDS, 20);
  EXPECT_NE(broken.text.find("0 bytes beyond the end of 'buffer'"), std::string::npos) << broken.text;
  EXPECT_NE(broken.text.find("thread 31,0,0"), std::string::npos) << broken.text;
  EXPECT_EQ(broken.line, 16u);
  expectClean(runBody(indexed(4, "ld.global.u32 %r0, [%l1];")));
  expectFinding(runBody(indexed(4, "st.global.u32 [%l1+-4], %t;")), CAMEO_PTX_F_OUT_OF_BOUNDS, 20);
}

/// Cooperative groups keeps what groups of several warps share in the system's memory, which begins as zeros.
TEST(Finding, ReservedSharedMemory) {
  std::string at = "mov.u32 %r1, %reserved_smem_offset_1;\n", access = "ld.shared.u32 %r0, [%r1];\nst.global.u32 [%at], %r0;";
  expectClean(runBody(at + access));
  expectClean(runBody("mov.u32 %r1, %reserved_smem_offset_begin;\nmov.u32 %r2, %reserved_smem_offset_cap;\n"
                      "mov.u32 %r3, %reserved_smem_offset_0;\nadd.u32 %r1, %r1, %r2;\nsub.u32 %r1, %r1, 4;\n" + access));
  expectFinding(runBody("mov.u32 %r1, %reserved_smem_offset_end;\n" + access), CAMEO_PTX_F_OUT_OF_BOUNDS, 20);
}

std::vector<cameo_ptx_finding_kind> findingsOf(const std::string &text) {
  Module module(text, "text.ptx");
  EXPECT_TRUE(module) << module.errors();
  Memory memory;
  Arguments arguments;
  arguments.add(memory.upload(std::vector<uint8_t>(256, 1), "buffer"));
  Result result = run(module, "k", memory, launchOf(1, 32, arguments));
  std::vector<cameo_ptx_finding_kind> kinds;
  for (uint32_t i = 0; i < result.findingCount(); ++i)
    kinds.push_back(cameo_ptx_finding_kind(result.finding(i).kind));
  return kinds;
}

/// An object without members is passed in a register that nothing wrote. Who reads it is told.
TEST(Finding, UndefinedParameter) {
  auto text = [](const std::string &body) {
    return std::string(header) + ".func f(.param .b8 a)\n{\n.reg .b16 %h;\n.reg .b32 %r;\n.reg .pred %p;\n" + body +
           "ret;\n}\n.visible .entry k(.param .u64 q)\n{\n.reg .b16 %h;\n{\n.param .b8 a;\nst.param.b8 [a], %h;\n"
           "call f, (a);\n}\nret;\n}\n";
  };
  using Kinds = std::vector<cameo_ptx_finding_kind>;
  EXPECT_EQ(findingsOf(text("")), Kinds());
  EXPECT_EQ(findingsOf(text("ld.param.u8 %h, [a];\nsetp.eq.u16 %p, %h, 0;\n@%p ret;\n")), Kinds{CAMEO_PTX_F_UNINITIALISED});
}

/// For a debugger every variable lies in memory: copies of what was never set are moves.
TEST(Finding, UndefinedMembersForADebugger) {
  auto text = [](const std::string &body) {
    std::string t = header;
    t.replace(t.find(".target"), t.find('\n', t.find(".target")) - t.find(".target"), ".target sm_80, debug");
    return t + ".visible .entry k(.param .u64 q)\n{\n.reg .b32 %r<4>;\n.reg .b64 %sp, %sl, %l<4>;\n.reg .pred %p;\n"
               ".local .align 8 .b8 depot[32];\nmov.u64 %sl, depot;\ncvta.local.u64 %sp, %sl;\nld.param.u64 %l2, [q];\n"
               "st.u32 [%sp+4], 7;\nld.u64 %l0, [%sp];\nst.u64 [%sp+8], %l0;\n" + body + "ret;\n}\n";
  };
  using Kinds = std::vector<cameo_ptx_finding_kind>;
  EXPECT_EQ(findingsOf(text("ld.u32 %r0, [%sp+16];\n")), Kinds());
  EXPECT_EQ(findingsOf(text("ld.u32 %r0, [%sp+16];\nsetp.eq.u32 %p, %r0, 0;\n@%p ret;\n")), Kinds{CAMEO_PTX_F_UNINIT_REGISTER});
  EXPECT_EQ(findingsOf(text("ld.u64 %l1, [%sp+16];\nst.u64 [%sp+24], %l1;\nld.u32 %r0, [%sp+24];\nst.u32 [%l2], %r0;\n")),
            Kinds{CAMEO_PTX_F_UNINIT_REGISTER});
  // Of a structure with padding, copied by words of 8 bytes, half is there: in doubt for the kernel.
  EXPECT_EQ(findingsOf(text("ld.u32 %r0, [%sp+12];\nsetp.eq.u32 %p, %r0, 0;\n@%p ret;\n")), Kinds());
  EXPECT_EQ(findingsOf(text("st.u32 [%sp+8], 1;\nst.u32 [%sp+12], 1;\nld.u32 %r0, [%sp+8];\nst.u32 [%l2], %r0;\n")), Kinds());
}

/// Polls that nobody will end are told like a deadlock: who polls what.
TEST(Finding, Livelock) {
  std::string poll = "L:\nld.acquire.gpu.global.u32 %r1, [%at];\nsetp.ne.u32 %p, %r1, 0;\n@%p bra L;\n";
  std::string set = "setp.eq.u32 %q, %t, 0;\n@%q st.release.gpu.global.u32 [%at], 0;\n";
  Outcome broken = runBody(poll, 64);
  expectFinding(broken, CAMEO_PTX_F_DEADLOCK, 25);
  EXPECT_NE(broken.text.find("warp 1, 32 lanes from 0 on: line 15 polls"), std::string::npos) << broken.text;
  EXPECT_NE(broken.text.find("'buffer'+0) and saw 0x1010101"), std::string::npos) << broken.text;
  expectClean(runBody(set + poll, 64));
  // A lock that is never given back.
  expectFinding(runBody("L:\natom.global.cas.b32 %r1, [%at], 0, 1;\nsetp.ne.u32 %p, %r1, 0;\n@%p bra L;\n"),
                CAMEO_PTX_F_DEADLOCK, 25);
  // It counts, and ends.
  expectClean(runBody("mov.u32 %r2, 0;\nL:\nld.relaxed.gpu.global.u32 %r1, [%at];\nadd.u32 %r2, %r2, 1;\n"
                      "setp.lt.u32 %p, %r2, 9000;\n@%p bra L;\n"));
}

TEST(Finding, SharedOutOfTheDeclaredVariable) {
  // `b` lies behind `a`: no allocation is left, the variable is.
  std::string shared = ".shared .align 4 .b8 a[64];\n.shared .align 4 .b8 b[64];\n"
                       "mov.u32 %r1, a;\nmov.u32 %r2, b;\nst.shared.u32 [%r2], 7;\n";
  expectFinding(runBody(shared + "st.shared.u32 [%r1+64], 7;"), CAMEO_PTX_F_OUT_OF_BOUNDS, 20);
  expectClean(runBody(shared + "st.shared.u32 [%r1+60], 7;"));
}

TEST(Finding, DynamicSharedOutOfTheLaunch) {
  std::string body = "mov.u32 %r1, dyn;\nmad.lo.u32 %r1, %t, 4, %r1;\nst.shared.u32 [%r1], %t;";
  expectFinding(runBody(body, 32, 128, true, 124), CAMEO_PTX_F_OUT_OF_BOUNDS, 20);
  expectClean(runBody(body, 32, 128, true, 128));
}

TEST(Finding, LocalOutOfTheDeclaredVariable) {
  std::string local = ".local .align 4 .b8 a[16];\nmov.u64 %l2, a;\n";
  expectFinding(runBody(local + "st.local.u32 [%l2+16], %t;"), CAMEO_PTX_F_OUT_OF_BOUNDS, 20);
  expectClean(runBody(local + "st.local.u32 [%l2+12], %t;"));
}

TEST(Finding, Misaligned) {
  expectFinding(runBody(indexed(2, "ld.global.u32 %r0, [%l1];")), CAMEO_PTX_F_MISALIGNED, 20);
  expectFinding(runBody("ld.global.v4.u32 {%r0, %r1, %r2, %r3}, [%at+8];"), CAMEO_PTX_F_MISALIGNED, 20);
  expectClean(runBody("ld.global.v4.u32 {%r0, %r1, %r2, %r3}, [%at+16];"));
}

/// Merges load one element too many, and never choose it.
TEST(Finding, UninitialisedSharedThatNobodyChooses) {
  auto merge = [](const std::string &chosenBy, const std::string &more = "") {
    return runBody(".shared .align 4 .b8 list[256];\nmov.u32 %r1, list;\nmad.lo.u32 %r1, %t, 4, %r1;\nst.shared.u32 [%r1], %t;\n"
                   "bar.sync 0;\nsetp.ne.u32 %q, %t, 31;\nld.shared.u32 %r2, [%r1+4];\nmov.u32 %r3, %r2;\n"
                   "setp.gt.u32 %p, %r3, 7;\nand.pred %q, %p, %q;\nselp.b32 %r0, %r3, 9, " + chosenBy + ";\n" + more + "mad.wide.u32 %l1, %t, 4, %at;\n"
                   "st.global.u32 [%l1], %r0;");
  };
  expectClean(merge("%q"));
  for (const char *more : {"add.u32 %r0, %r0, %r2;\n", "@%p mov.u32 %r0, %r3;\n"})
    expectFinding(merge("%q", more), CAMEO_PTX_F_UNINITIALISED, 20);
  expectFinding(merge("%p"), CAMEO_PTX_F_UNINITIALISED, 20); // the bare comparison chooses
}

TEST(Finding, UninitialisedGlobal) {
  expectFinding(runBody("ld.global.u32 %r0, [%at];", 32, 128, false), CAMEO_PTX_F_UNINITIALISED, 20);
  expectClean(runBody("st.global.u32 [%at], 7;\nld.global.u32 %r0, [%at];", 32, 128, false));
  // Two of four bytes are not enough.
  expectFinding(runBody("st.global.u16 [%at], 7;\nld.global.u32 %r0, [%at];", 32, 128, false),
                CAMEO_PTX_F_UNINITIALISED, 20);
}

TEST(Finding, UninitialisedSharedAndLocal) {
  std::string shared = ".shared .align 4 .b8 a[128];\nmov.u32 %r1, a;\nmad.lo.u32 %r1, %t, 4, %r1;\n";
  expectFinding(runBody(shared + "ld.shared.u32 %r0, [%r1];"), CAMEO_PTX_F_UNINITIALISED, 20);
  expectClean(runBody(shared + "st.shared.u32 [%r1], 0;\nld.shared.u32 %r0, [%r1];"));
  std::string local = ".local .align 4 .b8 a[16];\nmov.u64 %l2, a;\n";
  expectFinding(runBody(local + "ld.local.u32 %r0, [%l2];"), CAMEO_PTX_F_UNINITIALISED, 20);
  expectClean(runBody(local + "st.local.u32 [%l2], 0;\nld.local.u32 %r0, [%l2];"));
}

/// %r1 is written by all but 8 lanes; each lane has an address of its own in %l2.
static const char *const partlyWritten =
    "mad.wide.u32 %l2, %t, 4, %at;\nsetp.lt.u32 %p, %t, 8;\n@%p bra skip;\nmov.u32 %r1, 5;\nskip:\n";

TEST(Finding, UninitialisedRegister) {
  std::string branch = partlyWritten;
  Outcome broken = runBody(branch + "st.global.u32 [%l2], %r1;");
  expectFinding(broken, CAMEO_PTX_F_UNINIT_REGISTER, 20);
  EXPECT_NE(broken.text.find("%r1 is read before"), std::string::npos) << broken.text;
  EXPECT_NE(broken.text.find("7 more"), std::string::npos) << broken.text;
  expectClean(runBody("mov.u32 %r1, 0;\n" + branch + "st.global.u32 [%l2], %r1;"));
  // Written under a predicate and read under the same: nothing is wrong.
  expectClean(runBody(branch + "setp.ge.u32 %p, %t, 8;\n@%p st.global.u32 [%l2], %r1;"));
}

TEST(Finding, UninitialisedRegisterIsCarriedToWhatDecides) {
  std::string branch = partlyWritten;
  Outcome broken = runBody(branch + "add.u32 %r2, %r1, 1;\nmov.u32 %r3, %r2;\nst.global.u32 [%l2], %r3;");
  expectFinding(broken, CAMEO_PTX_F_UNINIT_REGISTER, 20);
  EXPECT_NE(broken.text.find("%r3 is used, which was computed from %r1"), std::string::npos) << broken.text;
  EXPECT_NE(broken.text.find("7 more"), std::string::npos) << broken.text;
  // Branches, guards and addresses decide.
  expectFinding(runBody(branch + "setp.gt.u32 %q, %r1, 3;\n@%q bra out;\nadd.u32 %r2, %t, 1;\nout:\n"),
                CAMEO_PTX_F_UNINIT_REGISTER, 20);
  expectFinding(runBody(branch + "setp.gt.u32 %q, %r1, 3;\n@%q st.global.u32 [%l2], 1;"), CAMEO_PTX_F_UNINIT_REGISTER, 20);
  expectFinding(runBody(branch + "mad.wide.u32 %l3, %r1, 4, %at;\nld.global.u32 %r2, [%l3];"),
                CAMEO_PTX_F_UNINIT_REGISTER, 20);
  // What is selected instead is defined; the same register becomes so when it is written.
  std::string select = "selp.u32 %r2, 7, %r1, %p;\nst.global.u32 [%l2], %r2;";
  expectClean(runBody(branch + select));
  expectFinding(runBody(branch + "not.pred %p, %p;\n" + select), CAMEO_PTX_F_UNINIT_REGISTER, 20);
  expectClean(runBody(branch + "add.u32 %r1, %r1, 1;\nmov.u32 %r1, 3;\nst.global.u32 [%l2], %r1;"));
  expectFinding(runBody(branch + "add.u32 %r1, %r1, 1;\nst.global.u32 [%l2], %r1;"), CAMEO_PTX_F_UNINIT_REGISTER, 20);
}

TEST(Finding, UninitialisedRegisterOfAnotherLane) {
  std::string branch = partlyWritten;
  auto from = [&](int lane) {
    return runBody(branch + "shfl.sync.idx.b32 %r2, %r1, " + std::to_string(lane) + ", 31, -1;\nst.global.u32 [%l2], %r2;");
  };
  expectClean(from(8));
  Outcome broken = from(7);
  expectFinding(broken, CAMEO_PTX_F_UNINIT_REGISTER, 20);
  EXPECT_NE(broken.text.find("31 more"), std::string::npos) << broken.text;
}

TEST(Finding, UninitialisedRegisterStoredToSharedMemory) {
  std::string store = std::string(partlyWritten) +
                      ".shared .align 4 .b8 a[256];\nmov.u32 %r4, a;\nmad.lo.u32 %r4, %t, 4, %r4;\nst.shared.u32 [%r4+4], %r1;\n"
                      "setp.ge.u32 %q, %t, 8;\n";
  expectClean(runBody(store + "@%q ld.shared.u32 %r2, [%r4+4];"));
  expectFinding(runBody(store + "@!%q ld.shared.u32 %r2, [%r4+4];"), CAMEO_PTX_F_UNINITIALISED, 20);
}

TEST(Finding, NullAndConstantMemory) {
  expectFinding(runBody("mov.u64 %l0, 0;\nld.global.u32 %r0, [%l0+16];"), CAMEO_PTX_F_NULL, 20);
  std::string text = header;
  text += ".const .align 4 .u32 table[4] = {1, 2, 3, 4};\n"
          ".visible .entry k()\n{\n.reg .b64 %l;\nmov.u64 %l, table;\nst.global.u32 [%l], 1;\nret;\n}\n";
  Module module(text);
  ASSERT_TRUE(module) << module.errors();
  Memory memory;
  Result result = run(module, "k", memory, launchOf(1, 1, Arguments()));
  ASSERT_EQ(result.findingCount(), 1u);
  EXPECT_EQ(result.finding(0).kind, uint32_t(CAMEO_PTX_F_READ_ONLY)) << result.text();
}

TEST(Finding, UseAfterFree) {
  std::string text = header;
  text += ".visible .entry k(.param .u64 p)\n{\n.reg .b64 %l;\n.reg .b32 %r;\nld.param.u64 %l, [p];\n"
          "ld.global.u32 %r, [%l];\nret;\n}\n";
  Module module(text);
  Memory memory;
  uint64_t p = memory.upload(std::vector<uint32_t>{1}, "gone");
  Arguments arguments;
  arguments.add(p);
  EXPECT_EQ(run(module, "k", memory, launchOf(1, 1, arguments)).status(), CAMEO_PTX_OK);
  EXPECT_EQ(api().memory_free(memory.get(), p), CAMEO_PTX_OK);
  Result result = run(module, "k", memory, launchOf(1, 1, arguments));
  ASSERT_EQ(result.findingCount(), 1u);
  EXPECT_EQ(result.finding(0).kind, uint32_t(CAMEO_PTX_F_USE_AFTER_FREE));
  EXPECT_EQ(std::string(result.finding(0).object), "gone");
}

TEST(Finding, AsyncCopyReadBeforeItsWait) {
  std::string copy = ".shared .align 16 .b8 a[128];\nmov.u32 %r1, a;\n"
                     "mad.lo.u32 %r1, %t, 4, %r1;\nmul.wide.u32 %l0, %t, 4;\nadd.s64 %l1, %at, %l0;\n"
                     "cp.async.ca.shared.global [%r1], [%l1], 4;\ncp.async.commit_group;\n";
  expectFinding(runBody(copy + "ld.shared.u32 %r0, [%r1];"), CAMEO_PTX_F_ASYNC_IN_FLIGHT, 22);
  expectFinding(runBody(copy + "cp.async.wait_group 1;\nld.shared.u32 %r0, [%r1];"),
                CAMEO_PTX_F_ASYNC_IN_FLIGHT, 22);
  expectClean(runBody(copy + "cp.async.wait_group 0;\nld.shared.u32 %r0, [%r1];"));
  expectClean(runBody(copy + "cp.async.wait_all;\nld.shared.u32 %r0, [%r1];"));
}

TEST(Finding, AsyncCopyOfNothingMayNameAnything) {
  expectClean(runBody(".shared .align 16 .b8 a[16];\nmov.u32 %r1, a;\nmov.u64 %l0, 16;\nmov.u32 %r2, 0;\n"
                      "cp.async.cg.shared.global [%r1], [%l0], 16, %r2;\ncp.async.wait_all;\n"
                      "bar.warp.sync -1;\nld.shared.u32 %r0, [%r1];\nst.global.u32 [%at], %r0;"));
}

TEST(Finding, BarrierCounts) {
  expectFinding(runBody("bar.sync 0, 48;", 64), CAMEO_PTX_F_BARRIER, 23);
  expectFinding(runBody("mov.u32 %r0, 16;\nbar.sync %r0;"), CAMEO_PTX_F_BARRIER, 23);
  // Half of the block enters for 64 threads, the other for 32.
  expectFinding(runBody("setp.lt.u32 %p, %t, 32;\n@%p bra low;\nbar.sync 1, 96;\nret;\nlow:\nbar.sync 1, 64;", 96),
                CAMEO_PTX_F_BARRIER, 23);
  expectClean(runBody("setp.lt.u32 %p, %t, 32;\n@%p bra low;\nbar.sync 1, 96;\nret;\nlow:\nbar.sync 1, 96;", 96));
}

TEST(Finding, DivergentBarrierAndShuffle) {
  std::string half = "setp.lt.u32 %p, %t, 16;\n@%p bra low;\nbar.sync 0;\nbar.sync 1;\nret;\nlow:\nbar.sync 1;";
  expectFinding(runBody(half), CAMEO_PTX_F_DIVERGENCE, 24);
  // The lanes meet again before the barrier: single-lane branches are fine.
  expectClean(runBody("setp.eq.u32 %p, %t, 0;\n@%p st.global.u32 [%at], %t;\n@%p bra low;\nlow:\nbar.sync 0;"));
  expectFinding(runBody("setp.lt.u32 %p, %t, 16;\n@!%p bra out;\n"
                        "shfl.sync.bfly.b32 %r0, %t, 16, 31, -1;\nbar.sync 0;\nout:\nbar.sync 0;"),
                CAMEO_PTX_F_DIVERGENCE, 24);
  expectFinding(runBody("shfl.sync.bfly.b32 %r0, %t, 16, 31, 0xffff;"), CAMEO_PTX_F_DIVERGENCE, 24);
  expectClean(runBody("shfl.sync.bfly.b32 %r0, %t, 16, 31, -1;"));
}

TEST(Finding, UniformBranchThatIsNot) {
  expectFinding(runBody("setp.lt.u32 %p, %t, 16;\n@%p bra.uni low;\nlow:"), CAMEO_PTX_F_DIVERGENCE, 24);
  expectClean(runBody("setp.lt.u32 %p, %t, 99;\n@%p bra.uni low;\nlow:"));
}

TEST(Finding, Deadlock) {
  Outcome broken = runBody("setp.lt.u32 %p, %t, 32;\n@%p bar.sync 1, 64;", 64);
  expectFinding(broken, CAMEO_PTX_F_DEADLOCK, 25);
  EXPECT_NE(broken.text.find("32 of 64 threads"), std::string::npos) << broken.text;
  expectClean(runBody("bar.sync 1, 64;", 64));
  // Threads that exited are not waited for.
  expectClean(runBody("setp.lt.u32 %p, %t, 32;\n@%p ret;\nbar.sync 0;", 64));
}

TEST(Finding, Trap) {
  expectFinding(runBody("setp.eq.u32 %p, %t, 3;\n@%p trap;"), CAMEO_PTX_F_TRAP, 20);
  expectClean(runBody("setp.eq.u32 %p, %t, 99;\n@%p trap;"));
}

TEST(Finding, LaunchAgainstDirectives) {
  std::string text = header;
  text += ".visible .entry k(.param .u64 p) .reqntid 64, 1, 1\n{\nret;\n}\n";
  Module module(text);
  ASSERT_TRUE(module) << module.errors();
  Memory memory;
  Arguments arguments;
  arguments.add(uint64_t(0));
  EXPECT_EQ(run(module, "k", memory, launchOf(1, 64, arguments)).status(), CAMEO_PTX_OK);
  for (auto launch : {launchOf(1, 32, arguments), launchOf(1, 64, Arguments()), launchOf(0, 64, arguments)}) {
    Result result = run(module, "k", memory, launch);
    ASSERT_EQ(result.findingCount(), 1u);
    EXPECT_EQ(result.finding(0).kind, uint32_t(CAMEO_PTX_F_LAUNCH)) << result.text();
  }
}

TEST(Finding, JsonAndLocationOfTheComment) {
  Outcome broken = runBody("ld.global.u32 %r0, [%at+128]; // node \"conv_1\"");
  EXPECT_NE(broken.text.find("at node \"conv_1\""), std::string::npos) << broken.text;
  EXPECT_NE(broken.json.find("\"location\": \"node \\\"conv_1\\\"\""), std::string::npos) << broken.json;
  EXPECT_NE(broken.json.find("\"kind\": \"out-of-bounds\""), std::string::npos);
}

TEST(Finding, StepLimitAndCancelEndAnEndlessLoop) {
  std::string text = header;
  text += ".visible .entry k()\n{\nL:\nbra L;\n}\n";
  Module module(text);
  ASSERT_TRUE(module) << module.errors();
  Memory memory;
  cameo_ptx_launch launch = launchOf(1, 32, Arguments());
  launch.step_limit = 100000;
  EXPECT_EQ(run(module, "k", memory, launch).status(), CAMEO_PTX_STEP_LIMIT);
  launch.step_limit = 0;
  volatile int cancel = 1;
  launch.cancel = &cancel;
  EXPECT_EQ(run(module, "k", memory, launch).status(), CAMEO_PTX_CANCELLED);
}

// -- refusals --------------------------------------------------------------------------------------

std::string refusal(const std::string &body, cameo_ptx_status status) {
  Module module(std::string(header) + ".visible .entry k()\n{\n.reg .b32 %r<4>;\n.reg .b64 %l<4>;\n"
                ".reg .pred %p;\n" + body + "\nret;\n}\n", "bad.ptx");
  EXPECT_FALSE(module) << body;
  EXPECT_EQ(module.status(), status) << module.errors();
  return module.errors();
}

void expectRefused(const std::string &body, const std::string &message,
                   cameo_ptx_status status = CAMEO_PTX_BAD_PTX) {
  std::string errors = refusal(body, status);
  EXPECT_NE(errors.find("bad.ptx:9: "), std::string::npos) << errors;
  EXPECT_NE(errors.find(message), std::string::npos) << errors;
}

TEST(Refusal, UnknownOpcodesAndModifiersByNameAndLine) {
  expectRefused("frobnicate.u32 %r0, %r1;", "'frobnicate'", CAMEO_PTX_UNSUPPORTED);
  expectRefused("add.sideways.u32 %r0, %r1, %r2;", "'.sideways'", CAMEO_PTX_UNSUPPORTED);
  expectRefused("tcgen05.wait::ld.sync.aligned;", "'tcgen05'", CAMEO_PTX_UNSUPPORTED);
  expectRefused("mma.sync.aligned.m16n8k64.row.col.s32.s8.s8.s32 {%r0}, {%r1}, {%r2}, {%r3};",
                "m16n8k64", CAMEO_PTX_UNSUPPORTED);
}

/// Combinations that the ISA does not have, of modifiers that each exist.
TEST(Refusal, ModifiersThatDoNotGoTogether) {
  for (const char *line :
       {"add.ftz.s32 %r0, %r1, %r2;", "add.rz.u32 %r0, %r1, %r2;", "add.sat.u32 %r0, %r1, %r2;",
        "mul.s32 %r0, %r1, %r2;", "mul.lo.hi.s32 %r0, %r1, %r2;", "mul.ftz.s32 %r0, %r1, %r2;",
        "mad.lo.sat.s32 %r0, %r1, %r2, %r3;", "div.approx.s32 %r0, %r1, %r2;", "div.full.rn.f32 %r0, %r1, %r2;",
        "min.relu.f32 %r0, %r1, %r2;", "min.NaN.s32 %r0, %r1, %r2;", "max.xorsign.f32 %r0, %r1, %r2;",
        "max.relu.u32 %r0, %r1, %r2;", "ex2.f32 %r0, %r1;", "tanh.f32 %r0, %r1;", "sqrt.approx.rn.f32 %r0, %r1;",
        "sin.approx.f16 %r0, %r1;", "fma.f32 %r0, %r1, %r2, %r3;", "setp.equ.s32 %p, %r0, %r1;",
        "red.global.cas.b32 [%r0], %r1, %r2;", "prefetch.global.L3 [%r0];", "griddepcontrol.waits;",
        "wmma.load.a.sync.aligned.row.m16n16k17.f16 {%r0}, [%r1];", "bmsk.b32 %r0, %r1, %r2;"}) {
    std::string text = std::string(header) +
                       ".visible .entry k()\n{\n.reg .b32 %r<9>;\n.reg .pred %p;\n" + line + "\nret;\n}\n";
    Module module(text);
    EXPECT_FALSE(module) << line;
    EXPECT_NE(module.errors().find(":8: "), std::string::npos) << line << "\n" << module.errors();
  }
}

TEST(Refusal, OperandsThatDoNotFit) {
  expectRefused("add.u32 %r0, %r1, %l2;", "takes 32 bits");
  expectRefused("add.u32 %r0, %r1;", "takes 3");
  expectRefused("ld.global.v2.u32 %r0, [%l1];", "2 elements");
  expectRefused("st.global.u32 [%l1], {%r0, %r1};", "1 elements");
  expectRefused("atom.global.v2.add.f32 %r0, [%l1], {%r1, %r2};", "2 elements");
  expectRefused("add.u32 %r0, %r1, %nope;", "%nope", CAMEO_PTX_UNSUPPORTED);
  expectRefused("bra nowhere;", "label 'nowhere'");
  expectRefused("ld.global.u32 %r0, [missing];", "'missing' is not declared");
  expectRefused("ld.global.v2.u32 %r0, [%l0];", "2 elements");
  expectRefused("setp.lt.u32 %r0, %r1, %r2;", ".pred");
  expectRefused("cp.async.cg.shared.global [%r0], [%l0], 8;", "16 bytes");
  expectRefused("@%r0 bra out;\nout:", "is not a predicate");
}

TEST(Refusal, AllErrorsAtOnce) {
  std::string errors = refusal("add.u32 %r0;\nfrob;\nbra x;", CAMEO_PTX_BAD_PTX);
  EXPECT_EQ(std::count(errors.begin(), errors.end(), '\n'), 3) << errors;
}

TEST(Refusal, TextThatIsNotPtx) {
  for (const char *text : {"hello", "{", "}", ".visible .entry", ".visible .entry k(", "\x01\x02",
                           ".visible .entry k() { add.u32 ", ".global .b8 x[99999999999999999999];",
                           ".visible .entry k() { {{{{ }", "mov.u32 %r1, {{{{{{{{;"}) {
    Module module(text);
    EXPECT_FALSE(module) << text;
    EXPECT_NE(module.errors(), "") << text;
  }
}

/// Bytes of a real module changed at random: a diagnostic or a module, never a crash.
TEST(Refusal, DamagedText) {
  std::string original = kernelText("hgemm.ptx");
  std::mt19937 random(17);
  for (int i = 0; i < 300; ++i) {
    std::string text = original;
    for (unsigned j = 0; j < 1 + random() % 3; ++j) {
      size_t at = random() % text.size();
      switch (random() % 3) {
      case 0: text[at] = static_cast<char>(random()); break;
      case 1: text.erase(at, random() % 20); break;
      default: text.insert(at, text.substr(random() % text.size(), random() % 20));
      }
    }
    Module module(text);
    EXPECT_TRUE(module || !module.errors().empty());
  }
}

} // namespace
} // namespace cameo::ptx::test
