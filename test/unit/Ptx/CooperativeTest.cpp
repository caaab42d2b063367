// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Cooperative grids: the workspace that nvcc's cooperative groups find by %envreg1 and %envreg2, all
// blocks on the machine together, and grids that are too large for that.
#include "Harness.h"

namespace cameo::ptx::test {
namespace {

/// grid.sync() as nvcc 13 compiles it, twice: each block reads what its neighbour wrote.
const char *gridSync =
    ".version 8.6\n.target sm_90\n.address_size 64\n.visible .entry k(.param .u64 px)\n{\n"
    ".reg .b32 %r<16>;\n.reg .b64 %l<16>;\n.reg .pred %p<4>;\nld.param.u64 %l0, [px];\n"
    "mov.u32 %r0, %envreg2;\ncvt.u64.u32 %l1, %r0;\nmov.u32 %r1, %envreg1;\ncvt.u64.u32 %l2, %r1;\n"
    "bfi.b64 %l3, %l2, %l1, 32, 32;\nsetp.ne.s64 %p0, %l3, 0;\n@%p0 bra HAVE;\ntrap;\nHAVE:\n"
    "mov.u32 %r2, %ctaid.x;\nmov.u32 %r3, %nctaid.x;\nmov.u32 %r4, %tid.x;\nmul.wide.u32 %l4, %r2, 4;\nadd.s64 %l5, %l0, %l4;\n"
    "setp.eq.u32 %p1, %r4, 0;\n@%p1 st.global.u32 [%l5], %r2;\nbarrier.sync 0;\n@!%p1 bra SYNCED;\nadd.s64 %l6, %l3, 4;\n"
    "setp.eq.s32 %p2, %r2, 0;\nmov.u32 %r5, -2147483647;\nsub.s32 %r6, %r5, %r3;\nselp.b32 %r7, %r6, 1, %p2;\n"
    "atom.add.release.gpu.u32 %r8, [%l6], %r7;\nSPIN:\nld.acquire.gpu.u32 %r9, [%l6];\nxor.b32 %r10, %r9, %r8;\n"
    "setp.gt.s32 %p3, %r10, -1;\n@%p3 bra SPIN;\nSYNCED:\nbarrier.sync 0;\n@!%p1 bra OUT;\nadd.s32 %r11, %r2, 1;\nrem.u32 %r11, %r11, %r3;\n"
    "mul.wide.u32 %l7, %r11, 4;\nadd.s64 %l8, %l0, %l7;\nld.global.u32 %r12, [%l8];\nmul.wide.u32 %l9, %r3, 4;\n"
    "add.s64 %l10, %l5, %l9;\nst.global.u32 [%l10], %r12;\nOUT:\nret;\n}\n";

Result launchGrid(uint32_t blocks, bool cooperative, uint32_t schedule, uint64_t seed, std::vector<uint32_t> &out) {
  Module module(gridSync);
  EXPECT_TRUE(module) << module.errors();
  Memory memory;
  uint64_t x = memory.upload(std::vector<uint32_t>(2 * blocks, 0), "x");
  Arguments arguments;
  arguments.add(x);
  cameo_ptx_launch launch = launchOf(blocks, 64, arguments);
  launch.schedule = schedule, launch.seed = seed, launch.cooperative = cooperative;
  Result result = run(module, "k", memory, launch);
  out = memory.download<uint32_t>(x, 2 * blocks);
  return result;
}

TEST(Cooperative, AllBlocksMeetUnderEverySchedule) {
  for (uint32_t blocks : {1u, 3u, 100u})
    for (uint32_t schedule = 0; schedule <= CAMEO_PTX_SCHEDULE_LATER_BLOCKS_STARVED; ++schedule)
      for (uint64_t seed = 0; seed < (schedule == 1 ? 4u : 1u); ++seed) {
        std::vector<uint32_t> out;
        Result result = launchGrid(blocks, true, schedule, seed, out);
        ASSERT_EQ(result.status(), CAMEO_PTX_OK) << result.text();
        for (uint32_t b = 0; b < blocks; ++b)
          ASSERT_EQ(out[blocks + b], (b + 1) % blocks);
      }
}

TEST(Cooperative, WithoutTheLaunchFlagThereIsNoWorkspace) {
  std::vector<uint32_t> out;
  Result result = launchGrid(3, false, 0, 0, out);
  EXPECT_NE(result.text().find("trap"), std::string::npos) << result.text();
}

TEST(Cooperative, AGridThatDoesNotFitTheMachine) {
  std::vector<uint32_t> out;
  Result result = launchGrid(513, true, 0, 0, out);
  EXPECT_NE(result.text().find("all blocks of a cooperative grid have to be on the machine together: at most 512"),
            std::string::npos) << result.text();
}

TEST(Cooperative, TheWorkspaceIsGivenBack) {
  Module module(gridSync);
  Memory memory;
  uint64_t x = memory.upload(std::vector<uint32_t>(8, 0), "x"), before = api().memory_in_use(memory.get());
  Arguments arguments;
  arguments.add(x);
  cameo_ptx_launch launch = launchOf(4, 32, arguments);
  launch.cooperative = 1;
  EXPECT_EQ(run(module, "k", memory, launch).status(), CAMEO_PTX_OK);
  EXPECT_EQ(api().memory_in_use(memory.get()), before);
}

} // namespace
} // namespace cameo::ptx::test
