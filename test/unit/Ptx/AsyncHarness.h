// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Kernels with asynchronous copies and mbarriers: an input buffer of 4096 words with known values,
// an output, and every schedule and point of completion. A broken kernel is found under the default
// schedule; the mended one is clean and right under all of them.
#ifndef CAMEO_TEST_UNIT_PTX_ASYNCHARNESS_H
#define CAMEO_TEST_UNIT_PTX_ASYNCHARNESS_H

#include "Harness.h"

#include <algorithm>

namespace cameo::ptx::test {

constexpr uint32_t inputWords = 4096;

struct AsyncRun {
  std::vector<cameo_ptx_finding_kind> kinds;
  std::vector<uint32_t> out;
  std::string text;
  uint64_t instructions = 0;
};

struct AsyncLaunch {
  uint32_t threads = 32, blocks = 1, schedule = 0, asyncPoint = 0;
  uint64_t seed = 0;
  uint32_t checks = CAMEO_PTX_CHECK_ALL;
};

/// %t: the thread, %in and %out: the buffers, %tile, %tile2: 4096 bytes, %bar, %bar2: mbarriers.
inline std::string asyncKernel(const std::string &body) {
  return ".version 8.6\n.target sm_90a\n.address_size 64\n"
         ".visible .entry k(.param .u64 pin, .param .u64 pout)\n{\n"
         ".reg .b32 %r<16>, %t, %tile, %tile2, %bar, %bar2;\n.reg .b64 %l<16>, %in, %out;\n"
         ".reg .pred %p, %q, %first;\n"
         ".shared .align 128 .b8 tile[4096];\n.shared .align 128 .b8 tile2[4096];\n"
         ".shared .align 8 .b8 bar[8];\n.shared .align 8 .b8 bar2[8];\n"
         "mov.u32 %t, %tid.x;\nld.param.u64 %in, [pin];\nld.param.u64 %out, [pout];\n"
         "mov.u32 %tile, tile;\nmov.u32 %tile2, tile2;\nmov.u32 %bar, bar;\nmov.u32 %bar2, bar2;\n"
         "setp.eq.u32 %first, %t, 0;\n" +
         body + "\nret;\n}\n";
}

/// A warp loads tiles of 512 bytes through two stages, another adds them up: 7 tiles. `load` copies tile %n
/// to %buf for the mbarrier %r2; `place` gives %r4, the lane, and %r5, where its 16 bytes of %buf are.
inline std::string pipelineOf(const std::string &load, const std::string &place) {
  return ".shared .align 8 .b8 full[16];\n.shared .align 8 .b8 empty[16];\n"
         ".reg .b32 %full, %empty, %stage, %par, %n, %buf, %sum;\n.reg .pred %more;\n"
         "mov.u32 %full, full;\nmov.u32 %empty, empty;\n@!%first bra INITED;\n"
         "mbarrier.init.shared::cta.b64 [%full], 1;\nmbarrier.init.shared::cta.b64 [%full+8], 1;\n"
         "mbarrier.init.shared::cta.b64 [%empty], 32;\nmbarrier.init.shared::cta.b64 [%empty+8], 32;\n"
         "fence.mbarrier_init.release.cluster;\nINITED:\nbar.sync 0;\n"
         "mov.u32 %n, 0;\nmov.u32 %stage, 0;\nmov.u32 %par, 0;\nmov.u32 %sum, 0;\n"
         "setp.ge.u32 %q, %t, 32;\n@%q bra CONSUMER;\n@!%first bra OUT;\n"
         "PRODUCER:\nmad.lo.u32 %r1, %stage, 8, %empty;\nmad.lo.u32 %r2, %stage, 8, %full;\n"
         "mad.lo.u32 %buf, %stage, 512, %tile;\nxor.b32 %r3, %par, 1;\n"
         "PW:\nmbarrier.try_wait.parity.shared::cta.b64 %p, [%r1], %r3;\n@!%p bra PW;\n"
         "mbarrier.arrive.expect_tx.shared::cta.b64 _, [%r2], 512;\n" +
         load +
         "xor.b32 %stage, %stage, 1;\nsetp.eq.u32 %p, %stage, 0;\n@%p xor.b32 %par, %par, 1;\n"
         "add.u32 %n, %n, 1;\nsetp.lt.u32 %more, %n, 7;\n@%more bra PRODUCER;\nbra OUT;\n"
         "CONSUMER:\nmad.lo.u32 %r1, %stage, 8, %empty;\nmad.lo.u32 %r2, %stage, 8, %full;\n"
         "mad.lo.u32 %buf, %stage, 512, %tile;\n"
         "CW:\nmbarrier.try_wait.parity.shared::cta.b64 %p, [%r2], %par;\n@!%p bra CW;\n" +
         place +
         "ld.shared.v4.u32 {%r6, %r7, %r8, %r9}, [%r5];\n"
         "mbarrier.arrive.shared::cta.b64 _, [%r1];\n"
         "add.u32 %r6, %r6, %r7;\nadd.u32 %r8, %r8, %r9;\nadd.u32 %sum, %sum, %r6;\nadd.u32 %sum, %sum, %r8;\n"
         "xor.b32 %stage, %stage, 1;\nsetp.eq.u32 %p, %stage, 0;\n@%p xor.b32 %par, %par, 1;\n"
         "add.u32 %n, %n, 1;\nsetp.lt.u32 %more, %n, 7;\n@%more bra CONSUMER;\n"
         "mul.wide.u32 %l1, %r4, 4;\nadd.s64 %l2, %out, %l1;\nst.global.u32 [%l2], %sum;\nOUT:\n";
}

inline cameo_ptx_launch asyncLaunchOf(const AsyncLaunch &how, const Arguments &arguments) {
  cameo_ptx_launch launch = launchOf(how.blocks, how.threads, arguments);
  launch.step_limit = 1 << 22;
  launch.schedule = how.schedule;
  launch.async_point = how.asyncPoint;
  launch.seed = how.seed;
  launch.checks = how.checks;
  return launch;
}

/// Runs kernel `k` of the text on the buffers; `launchFor(arguments)` says how.
template <typename F>
AsyncRun runText(const std::string &text, const std::string &body, F launchFor) {
  AsyncRun outcome;
  Module module(text, "async.ptx");
  EXPECT_TRUE(module) << module.errors();
  if (!module)
    return outcome;
  Memory memory;
  std::vector<uint32_t> input(inputWords);
  for (uint32_t i = 0; i < inputWords; ++i)
    input[i] = 1000 + i;
  uint64_t in = memory.upload(input, "in");
  uint64_t out = memory.upload(std::vector<uint32_t>(inputWords, 0), "out");
  Arguments arguments;
  arguments.add(in).add(out);
  Result result = run(module, "k", memory, launchFor(arguments));
  outcome.text = result.text();
  outcome.instructions = result.counts().warp_instructions;
  for (uint32_t i = 0; i < result.findingCount(); ++i) {
    outcome.kinds.push_back(cameo_ptx_finding_kind(result.finding(i).kind));
    EXPECT_NE(std::string(result.finding(i).remedy), "");
  }
  if (outcome.kinds.empty()) {
    EXPECT_EQ(result.status(), CAMEO_PTX_OK) << body;
  }
  outcome.out = memory.download<uint32_t>(out, inputWords);
  return outcome;
}

inline AsyncRun runAsync(const std::string &body, AsyncLaunch how = {}) {
  return runText(asyncKernel(body), body,
                 [&](const Arguments &arguments) { return asyncLaunchOf(how, arguments); });
}

/// The run has found this kind, with all of the texts in its message.
inline void expectFound(const AsyncRun &broken, const std::string &body, cameo_ptx_finding_kind kind,
                        const std::vector<std::string> &texts) {
  ASSERT_FALSE(broken.kinds.empty()) << "nothing was found in\n" << body;
  EXPECT_NE(std::count(broken.kinds.begin(), broken.kinds.end(), kind), 0) << broken.text << body;
  for (const std::string &text : texts)
    EXPECT_NE(broken.text.find(text), std::string::npos) << text << " is not in\n" << broken.text;
}

/// Found under the default schedule.
inline void expectBroken(const std::string &body, cameo_ptx_finding_kind kind,
                         std::vector<std::string> texts = {}, AsyncLaunch how = {}) {
  expectFound(runAsync(body, how), body, kind, texts);
}

/// runBody(body, how) is clean under all schedules, the random ones with `seeds`, and
/// `out[i] == expected(i)` for the first `count` words.
template <typename Launch, typename R, typename F>
void expectCleanEverywhere(R runBody, const std::string &body, uint32_t count, F expected, Launch how,
                           uint64_t seeds) {
  for (uint32_t schedule = 0; schedule <= CAMEO_PTX_SCHEDULE_LATER_BLOCKS_STARVED; ++schedule)
    for (uint32_t point = 0; point <= CAMEO_PTX_ASYNC_RANDOM; ++point)
      for (uint64_t seed = 0; seed < (schedule == 1 || point == 2 ? seeds : 1u); ++seed)
        for (uint32_t checks : {CAMEO_PTX_CHECK_ALL, CAMEO_PTX_CHECK_NONE}) {
          how.schedule = schedule, how.asyncPoint = point, how.seed = seed, how.checks = checks;
          AsyncRun run = runBody(body, how);
          ASSERT_TRUE(run.kinds.empty())
              << "schedule " << schedule << " point " << point << " seed " << seed << "\n"
              << run.text << body;
          for (uint32_t i = 0; i < count; ++i)
            ASSERT_EQ(run.out[i], expected(i)) << i << " under schedule " << schedule << " point "
                                               << point << " seed " << seed << "\n" << body;
        }
}

template <typename F>
void expectMended(const std::string &body, uint32_t count, F expected, AsyncLaunch how = {}) {
  expectCleanEverywhere(runAsync, body, count, expected, how, 8);
}

/// The body without the one line that has `text`.
inline std::string without(const std::string &body, const std::string &text) {
  size_t at = body.find(text);
  EXPECT_NE(at, std::string::npos) << text;
  size_t begin = body.rfind('\n', at) + 1, end = body.find('\n', at);
  return body.substr(0, begin) + body.substr(end + 1);
}

inline std::string replaced(std::string body, const std::string &from, const std::string &to) {
  size_t at = body.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return body.replace(at, from.size(), to);
}

} // namespace cameo::ptx::test

#endif
