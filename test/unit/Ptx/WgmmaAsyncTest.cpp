// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What goes wrong around wgmma: registers touched in flight or without a fence, operands overwritten
// too early, not there, or hidden from the async proxy, warps that do not agree, groups nobody waits
// for; and setmaxnreg. Each is found, with both places, and the mended kernel is clean.
#include "WgmmaHarness.h"

namespace cameo::ptx::test {
namespace {

constexpr const char *before = "fence.proxy.async.shared::cta;\nbar.sync 0;\n";
constexpr const char *fence = "wgmma.fence.sync.aligned;\n";
constexpr const char *commit = "wgmma.commit_group.sync.aligned;\n";
constexpr const char *wait = "wgmma.wait_group.sync.aligned 0;\n";

WgmmaCase smallCase(bool regsA = false, int n = 8) {
  WgmmaCase c;
  c.n = n, c.regsA = regsA;
  return c;
}

const WgmmaData &zeros() {
  static const WgmmaData data;
  return data;
}

void expectClean(const WgmmaCase &c, const std::string &body, AsyncLaunch how = {}) {
  for (uint32_t schedule = 0; schedule <= CAMEO_PTX_SCHEDULE_LATER_BLOCKS_STARVED; ++schedule)
    for (uint32_t point = 0; point <= CAMEO_PTX_ASYNC_RANDOM; ++point)
      for (uint32_t checks : {CAMEO_PTX_CHECK_ALL, CAMEO_PTX_CHECK_NONE}) {
        how.schedule = schedule, how.asyncPoint = point, how.checks = checks, how.seed = schedule + point;
        WgmmaRun run = runWgmma(c, body, zeros(), how);
        ASSERT_TRUE(run.kinds.empty()) << schedule << " " << point << run.text << body;
      }
}

void expectFound(const WgmmaCase &c, const std::string &body, cameo_ptx_finding_kind kind, std::vector<std::string> texts,
                 AsyncLaunch how = {}) {
  for (uint32_t point = 0; point <= CAMEO_PTX_ASYNC_RANDOM; ++point) {
    how.asyncPoint = point;
    WgmmaRun run = runWgmma(c, body, zeros(), how);
    ASSERT_NE(std::count(run.kinds.begin(), run.kinds.end(), kind), 0) << kind << run.text << body;
    for (const std::string &text : texts)
      EXPECT_NE(run.text.find(text), std::string::npos) << text << " is not in\n" << run.text;
  }
}

/// The line of the PTX that has the n-th occurrence of a text, as findings say it.
std::string lineOfText(const WgmmaCase &c, const std::string &body, const std::string &text) {
  std::string ptx = wgmmaKernel(c, body);
  size_t at = ptx.find(text);
  EXPECT_NE(at, std::string::npos) << text;
  return "line " + std::to_string(1 + std::count(ptx.begin(), ptx.begin() + long(at), '\n'));
}

TEST(WgmmaAsync, AccumulatorsAreLockedUntilTheWait) {
  WgmmaCase c = smallCase();
  std::string mma = wgmmaText(c);
  std::string where = lineOfText(c, before + std::string(fence) + mma, "wgmma.mma_async");
  for (std::string touch : {"add.u32 %r0, %d1, 1;\n", "mov.b32 %d2, 0;\n", "st.shared.b32 [tileA+8192], %d0;\n",
                            "fma.rn.f32 %d3, %d3, %d3, %d3;\n"}) {
    std::string body = before + std::string(fence) + mma + touch + commit + wait;
    expectFound(c, body, CAMEO_PTX_F_ASYNC_IN_FLIGHT, {"an accumulator of the wgmma of " + where, "not committed"});
    body = before + std::string(fence) + mma + commit + touch + wait;
    expectFound(c, body, CAMEO_PTX_F_ASYNC_IN_FLIGHT, {where, "no wait has covered its group"});
    expectClean(c, before + std::string(fence) + mma + commit + wait + touch);
  }
  std::string two = before + std::string(fence) + mma + commit + mma + commit;
  expectFound(c, two + "wgmma.wait_group.sync.aligned 1;\nadd.u32 %r0, %d1, 1;\n" + wait, CAMEO_PTX_F_ASYNC_IN_FLIGHT, {});
  expectClean(c, two + "wgmma.wait_group.sync.aligned 1;\n" + wait + "add.u32 %r0, %d1, 1;\n");
  expectFound(c, before + std::string(fence) + mma + "wgmma.wait_group.sync.aligned 0;\nadd.u32 %r0, %d1, 1;\n" + commit + wait,
              CAMEO_PTX_F_ASYNC_IN_FLIGHT, {"not committed"});
}

TEST(WgmmaAsync, FragmentsOfAAreLockedToo) {
  WgmmaCase c = smallCase(true);
  std::string mma = wgmmaText(c);
  expectFound(c, before + std::string(fence) + mma + commit + "mov.b32 %a1, 5;\n" + wait, CAMEO_PTX_F_ASYNC_IN_FLIGHT,
              {"register %a1 is written", "a fragment of A"});
  expectClean(c, before + std::string(fence) + mma + commit + wait + "mov.b32 %a1, 5;\n");
}

/// Registers that nobody reads any more are still the wgmma's: other values get other slots.
TEST(WgmmaAsync, DeadFragmentsKeepTheirSlots) {
  WgmmaCase c = smallCase(true);
  std::string busy;
  for (int i = 0; i < 16; ++i)
    busy += "mov.u32 %r" + std::to_string(i) + ", " + std::to_string(77 + i) + ";\n";
  for (int i = 0; i < 16; ++i)
    busy += "add.u32 %r0, %r0, %r" + std::to_string(i) + ";\n";
  expectClean(c, before + std::string(fence) + wgmmaText(c) + busy + commit + busy + wait);
}

TEST(WgmmaAsync, FenceBeforeTheFirstAndAfterOtherAccesses) {
  WgmmaCase c = smallCase();
  std::string mma = wgmmaText(c);
  expectFound(c, before + mma + commit + wait, CAMEO_PTX_F_PROXY, {"no wgmma.fence"});
  std::string touch = "mov.b32 %d2, 0;\n";
  std::string body = before + std::string(fence) + mma + commit + wait + touch + mma + commit + wait;
  expectFound(c, body, CAMEO_PTX_F_PROXY,
              {"register %d2, an accumulator of this wgmma, was written in " + lineOfText(c, body, "mov.b32 %d2, 0;"), "wgmma.fence"});
  expectFound(c, before + std::string(fence) + touch + mma + commit + wait, CAMEO_PTX_F_PROXY, {"%d2"});
  expectFound(c, before + std::string(fence) + mma + commit + wait + "add.u32 %r0, %d1, 1;\n" + mma + commit + wait, CAMEO_PTX_F_PROXY,
              {"was read in"});
  expectClean(c, before + std::string(fence) + mma + commit + wait + touch + fence + mma + commit + wait);
  WgmmaCase rs = smallCase(true);
  expectFound(rs, before + std::string(fence) + "mov.b32 %a0, 0;\n" + wgmmaText(rs) + commit + wait, CAMEO_PTX_F_PROXY,
              {"a fragment of A"});
}

TEST(WgmmaAsync, AccumulatorsOfAnotherShape) {
  WgmmaCase c = smallCase(), wide = smallCase(false, 16);
  std::string body = before + std::string(fence) + wgmmaText(c) + wgmmaText(wide) + commit + wait;
  expectFound(wide, body, CAMEO_PTX_F_ASYNC_IN_FLIGHT, {"has another shape", lineOfText(wide, body, "wgmma.mma_async")});
  expectClean(wide, before + std::string(fence) + wgmmaText(c) + commit + wait + fence + wgmmaText(wide) + commit + wait);
  expectClean(c, before + std::string(fence) + wgmmaText(c) + wgmmaText(c) + commit + wgmmaText(c) + commit + wait);
}

TEST(WgmmaAsync, OperandsOverwrittenTooEarly) {
  WgmmaCase c = smallCase();
  std::string mma = wgmmaText(c), store = "mov.u32 %r0, tileB;\nshl.b32 %r1, %t, 1;\nadd.u32 %r0, %r0, %r1;\nst.shared.b16 [%r0], 0;\n";
  std::string body = before + std::string(fence) + mma + commit + store + wait;
  expectFound(c, body, CAMEO_PTX_F_ASYNC_SOURCE,
              {"may still read its B", lineOfText(c, body, "wgmma.mma_async"), "wgmma.wait_group"});
  expectFound(c, before + std::string(fence) + mma + commit + "st.shared.b32 [tileA+1020], %t;\n" + wait, CAMEO_PTX_F_ASYNC_SOURCE, {"its A"});
  expectClean(c, before + std::string(fence) + mma + commit + wait + "bar.sync 0;\n" + store);
  expectClean(c, before + std::string(fence) + mma + commit + "st.shared.b32 [tileB+4096], 1;\n" + wait);
  // cp.async and bulk copies write, too.
  std::string async = "mov.u32 %r0, tileB;\nld.param.u64 %at, [pb];\ncp.async.ca.shared.global [%r0], [%at], 16;\ncp.async.wait_all;\n";
  expectFound(c, before + std::string(fence) + mma + commit + async + wait, CAMEO_PTX_F_ASYNC_SOURCE, {"cp.async overwrites"});
  std::string bulk = ".shared .align 8 .b8 bar[8];\nmov.u32 %r0, tileB;\nmov.u32 %r2, bar;\nld.param.u64 %at, [pb];\n"
                     "setp.eq.u32 %q, %t, 0;\n@%q mbarrier.init.shared::cta.b64 [%r2], 1;\n@%q fence.mbarrier_init.release.cluster;\n"
                     "bar.sync 0;\n";
  std::string load = "@%q mbarrier.arrive.expect_tx.shared::cta.b64 _, [%r2], 64;\n"
                     "@%q cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%r0], [%at], 64, [%r2];\n"
                     "LOAD:\nmbarrier.try_wait.parity.shared::cta.b64 %p, [%r2], 0;\n@!%p bra LOAD;\n";
  expectFound(c, bulk + before + fence + mma + commit + load + wait, CAMEO_PTX_F_ASYNC_SOURCE, {"a bulk copy overwrites"});
  expectClean(c, bulk + before + fence + mma + commit + wait + "bar.sync 0;\n" + load);
  // What a bulk copy brings has to be waited for.
  std::string early = replaced(load, "LOAD:", "bar.sync 0;\n" + std::string(fence) + mma + commit + wait + "LOAD:");
  expectFound(c, bulk + before + early, CAMEO_PTX_F_ASYNC_IN_FLIGHT, {"the bulk copy of"});
  expectClean(c, bulk + before + load + fence + mma + commit + wait);
}

TEST(WgmmaAsync, OperandsTheAsyncProxyDoesNotSee) {
  WgmmaCase c = smallCase();
  std::string rest = std::string(fence) + wgmmaText(c) + commit + wait;
  expectFound(c, "bar.sync 0;\n" + rest, CAMEO_PTX_F_PROXY, {"through the async proxy", "without a fence.proxy.async"});
  expectFound(c, std::string(before) + "st.shared.b32 [tileA], %t;\nbar.sync 0;\n" + rest, CAMEO_PTX_F_PROXY, {"wgmma reads A", "the store of"});
  std::string fresh = ".shared .align 1024 .b8 fresh[4096];\nmov.u32 %r0, fresh;\nmov.u32 %r1, tileA;\nsub.u32 %r0, %r0, %r1;\n"
                      "shr.u32 %r0, %r0, 4;\ncvt.u64.u32 %l0, %r0;\nadd.s64 %descA, %descA, %l0;\n";
  expectFound(c, fresh + before + rest, CAMEO_PTX_F_UNINITIALISED, {"shared memory that nothing has written"});
}

TEST(WgmmaAsync, EachWarpStoresItsOwnRowsOfA) {
  // K-major without swizzling: eight rows of 32 bytes lie together, two such groups are a warp's. Everyone stores
  // four words of `tileA` again, of the rows of the warp that is `away` further on.
  auto body = [](int away, const std::string &sync, bool alongRows) {
    // MN-major: k counts outside, so that a warp's rows are 32 bytes of each of 16 k.
    std::string place = alongRows ? "and.b32 %r1, %t, 31;\nshr.u32 %r2, %t, 5;\nadd.u32 %r2, %r2, " + std::to_string(away) +
                                        ";\nand.b32 %r2, %r2, 3;\nshr.u32 %r3, %r1, 1;\nand.b32 %r1, %r1, 1;\n"
                                        "mul.lo.u32 %r2, %r2, 512;\nshl.b32 %r1, %r1, 8;\nadd.u32 %r2, %r2, %r1;\n"
                                        "shl.b32 %r3, %r3, 4;\nadd.u32 %r2, %r2, %r3;\n"
                                  : "add.u32 %r2, %t, " + std::to_string(32 * away) + ";\nand.b32 %r2, %r2, 127;\nshl.b32 %r2, %r2, 4;\n";
    return before + place + "mov.u32 %r1, tileA;\nadd.u32 %r2, %r2, %r1;\nmov.u32 %r3, 0;\n"
           "st.shared.v4.u32 [%r2], {%r3, %r3, %r3, %r3};\nfence.proxy.async.shared::cta;\n" + sync;
  };
  for (bool alongRows : {false, true}) {
    WgmmaCase c = smallCase();
    c.layoutA.alongRows = alongRows;
    std::string rest = std::string(fence) + wgmmaText(c) + commit + wait;
    expectClean(c, body(0, "bar.warp.sync -1;\n", alongRows) + rest);
    expectClean(c, body(1, "bar.sync 0;\n", alongRows) + rest);
    AsyncLaunch how;
    how.schedule = CAMEO_PTX_SCHEDULE_RANDOM;
    expectFound(c, body(1, "bar.warp.sync -1;\n", alongRows) + rest, CAMEO_PTX_F_RACE, {lineOfText(c, body(1, "", alongRows) + rest, "st.shared.v4.u32 [%r2]")}, how);
  }
}

TEST(WgmmaAsync, WarpsThatDoNotAgree) {
  WgmmaCase c = smallCase();
  std::string mma = wgmmaText(c), start = before + std::string(fence);
  std::string warp = "shr.u32 %r0, %t, 5;\ncvt.u64.u32 %l0, %r0;\nsetp.eq.u32 %q, %r0, 2;\n";
  expectFound(c, start + warp + "add.s64 %descB, %descB, %l0;\n" + mma + commit + wait, CAMEO_PTX_F_DIVERGENCE,
              {"different values for the descriptor of B", "start"});
  expectFound(c, start + "cvt.u64.u32 %l0, %t;\nadd.s64 %descA, %descA, %l0;\n" + mma + commit + wait, CAMEO_PTX_F_DIVERGENCE,
              {"threads of one warp give different descriptors of A"});
  WgmmaCase scaled = smallCase();
  scaled.scaleD = "%q";
  expectFound(scaled, start + warp + wgmmaText(scaled) + commit + wait, CAMEO_PTX_F_DIVERGENCE, {"scale-d"});
  expectFound(c, start + warp + "@%q bra OTHER;\n" + mma + "bra JOIN;\nOTHER:\n" + mma + "JOIN:\n" + commit + wait,
              CAMEO_PTX_F_DIVERGENCE, {"different wgmma instructions"});
  expectFound(c, start + warp + "@%q bra JOIN;\n" + mma + "JOIN:\n" + commit + wait, CAMEO_PTX_F_DEADLOCK,
              {"which warp 2 of its warpgroup has not executed"});
  expectFound(c, start + "setp.eq.u32 %q, %t, 5;\n@%q bra JOIN;\n" + mma + "JOIN:\n" + commit + wait, CAMEO_PTX_F_DEADLOCK,
              {"warp 0 (31 threads) waits for other threads of the warp"});
  AsyncLaunch few;
  few.threads = 96;
  expectFound(c, start + mma + commit + wait, CAMEO_PTX_F_DIVERGENCE, {"in no whole warpgroup"}, few);
}

TEST(WgmmaAsync, GroupsThatNobodyWaitsFor) {
  WgmmaCase c = smallCase();
  std::string start = before + std::string(fence) + wgmmaText(c);
  expectFound(c, start + "ret;\n", CAMEO_PTX_F_ASYNC_LEFT, {"not committed"});
  expectFound(c, start + commit + "ret;\n", CAMEO_PTX_F_ASYNC_LEFT, {"no wgmma.wait_group has covered it"});
  expectClean(c, start + commit + wait + "ret;\n");
}

/// A mov of an accumulator in flight is another name for it, which compilers give too early: the copy
/// has the result behind the wait, and is locked before.
TEST(WgmmaAsync, CopiesOfAccumulators) {
  WgmmaCase c = smallCase();
  c.d = "f16";
  WgmmaData data;
  for (uint32_t i = 0; i < 64; ++i) { // the identity times B
    place(data.a, c.layoutA, i, i % 16, 16, 32, 16, encode("f16", 1));
    place(data.b, c.layoutB, i % 8, i / 8, 16, 32, 16, encode("f16", int(i)));
  }
  std::string start = before + std::string(fence) + wgmmaText(c) + commit;
  std::string copy = ".reg .b16 %h<4>;\nmov.b32 {%h0, %h1}, %d0;\nmov.b32 %r6, %d1;\nmov.b32 %r7, %r6;\n";
  std::string use = "mov.b32 %d0, {%h1, %h0};\nmov.b32 %d1, %r7;\n";
  for (uint32_t point = 0; point <= CAMEO_PTX_ASYNC_RANDOM; ++point)
    for (uint32_t checks : {CAMEO_PTX_CHECK_ALL, CAMEO_PTX_CHECK_NONE}) {
      AsyncLaunch how;
      how.asyncPoint = point, how.checks = checks;
      WgmmaRun run = runWgmma(c, start + copy + wait + use, data, how);
      ASSERT_TRUE(run.kinds.empty()) << run.text;
      for (int t = 0; t < 128; ++t)
        for (int i = 0; i < 4; ++i) {
          int k = rowOfD(t, i) % 16, n = columnOfD(t, i < 2 ? 1 - i : i);
          ASSERT_EQ(accumulator(run.d, "f16", t, i), encode("f16", k < 8 ? k * 8 + n : 0)) << t << " " << i;
        }
    }
  expectFound(c, start + copy + "add.u32 %r6, %r6, 1;\n" + wait, CAMEO_PTX_F_ASYNC_IN_FLIGHT,
              {"register %r6 is", "a copy of an accumulator of the wgmma of"});
  expectFound(c, start + copy + "mov.b16 %h0, 1;\n" + wait, CAMEO_PTX_F_ASYNC_IN_FLIGHT, {"register %h0 is written"});
}

TEST(WgmmaAsync, UninitialisedAccumulators) {
  WgmmaCase c = smallCase();
  c.scaleD = "%q";
  std::string fresh = ".reg .b32 %f<4>;\n";
  std::string mma = wgmmaText(c);
  for (int i = 0; i < 4; ++i)
    mma = replaced(mma, "%d" + std::to_string(i), "%f" + std::to_string(i));
  std::string sum = "add.u32 %r0, %f0, 1;\n";
  expectFound(c, fresh + before + fence + "setp.eq.u32 %q, 0, 0;\n" + mma + commit + wait + sum, CAMEO_PTX_F_UNINIT_REGISTER,
              {"before anything was written"});
  expectClean(c, fresh + before + fence + "setp.eq.u32 %q, 0, 1;\n" + mma + commit + wait + sum);
}

// -- setmaxnreg -----------------------------------------------------------------------------------

/// Two warpgroups; the second one lowers, the first one raises its registers.
std::string registersKernel(const std::string &bounds, int lower, int raise, const std::string &extra = "") {
  return ".version 8.6\n.target sm_90a\n.address_size 64\n.visible .entry k(.param .u64 p)\n" + bounds +
         "\n{\n.reg .b32 %t, %r;\n.reg .pred %p, %q;\nmov.u32 %t, %tid.x;\nshr.u32 %r, %t, 7;\nsetp.eq.u32 %p, %r, 0;\n"
         "setp.eq.u32 %q, %t, 130;\n" + extra + "@%p bra RAISE;\n" +
         (lower ? "setmaxnreg.dec.sync.aligned.u32 " + std::to_string(lower) + ";\n" : "") + "bra END;\nRAISE:\n"
         "setmaxnreg.inc.sync.aligned.u32 " + std::to_string(raise) + ";\nEND:\nret;\n}\n";
}

std::string runRegisters(const std::string &text, std::vector<uint32_t> &kinds) {
  Module module(text, "registers.ptx");
  EXPECT_TRUE(module) << module.errors();
  kinds.clear();
  if (!module)
    return module.errors();
  Memory memory;
  Arguments arguments;
  arguments.add(uint64_t(0));
  std::string all;
  for (uint32_t schedule = 0; schedule < 5; ++schedule) {
    AsyncLaunch how;
    how.threads = 256, how.schedule = schedule;
    Result result = run(module, "k", memory, asyncLaunchOf(how, arguments));
    for (uint32_t i = 0; i < result.findingCount(); ++i)
      kinds.push_back(result.finding(i).kind);
    all += result.text();
  }
  return all;
}

TEST(Setmaxnreg, ThePoolOfTheBlock) {
  std::vector<uint32_t> kinds;
  // 256 threads have all 65536 registers: 128 more for each of 128 threads need 128 less elsewhere.
  EXPECT_EQ(runRegisters(registersKernel(".maxntid 256", 40, 256), kinds), "");
  std::string text = runRegisters(registersKernel(".maxnreg 128", 40, 224), kinds);
  EXPECT_EQ(std::count(kinds.begin(), kinds.end(), CAMEO_PTX_F_DEADLOCK), 5) << text;
  EXPECT_NE(text.find("for 3072 registers (from 128 to 224 for each thread), of which the block has"), std::string::npos) << text;
  EXPECT_EQ(runRegisters(registersKernel(".maxnreg 128", 40, 216), kinds), "");
  text = runRegisters(registersKernel(".maxnreg 128", 0, 136), kinds);
  EXPECT_EQ(std::count(kinds.begin(), kinds.end(), CAMEO_PTX_F_DEADLOCK), 5) << text;
  // Nothing bounds the registers: no effect.
  EXPECT_EQ(runRegisters(registersKernel("", 0, 256), kinds), "");
  text = runRegisters(registersKernel(".maxnreg 64", 128, 64), kinds);
  EXPECT_NE(text.find("setmaxnreg.dec to 128 registers, and the threads have 64"), std::string::npos) << text;
}

TEST(Setmaxnreg, AllWarpsOfTheWarpgroup) {
  std::vector<uint32_t> kinds;
  std::string some = "setp.ge.u32 %q, %t, 224;\n@%q exit;\n";
  std::string text = runRegisters(registersKernel(".maxnreg 128", 40, 128, some), kinds);
  EXPECT_NE(text.find("exits without executing this setmaxnreg"), std::string::npos) << text;
  text = runRegisters(registersKernel(".maxnreg 128", 40, 128, "@%q exit;\n"), kinds);
  EXPECT_NE(text.find("have exited"), std::string::npos) << text;
}

/// Triton gives each warp of a warpgroup its own code: the same count may be asked for at several places, another may not.
TEST(Setmaxnreg, PlacesMayDifferCountsMayNot) {
  auto own = [](int count) {
    return "setp.ge.u32 %q, %t, 224;\n@!%q bra OTHERS;\nsetmaxnreg.dec.sync.aligned.u32 " + std::to_string(count) +
           ";\nbra END;\nOTHERS:\n";
  };
  std::vector<uint32_t> kinds;
  EXPECT_EQ(runRegisters(registersKernel(".maxnreg 128", 40, 128, own(40)), kinds), "");
  std::string text = runRegisters(registersKernel(".maxnreg 128", 40, 128, own(48)), kinds);
  EXPECT_NE(text.find("execute different setmaxnreg"), std::string::npos) << text;
}

TEST(Setmaxnreg, RefusesNumbersOutsideOfTheRange) {
  for (int n : {16, 100, 264})
    EXPECT_FALSE(bool(Module(registersKernel("", 0, n)))) << n;
}

} // namespace
} // namespace cameo::ptx::test
