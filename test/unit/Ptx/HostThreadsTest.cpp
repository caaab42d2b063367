// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Several host threads in one launch with race checks. They share the shadow of global memory, whose table is rebuilt
// again and again where few words are stored to often: nobody waits for ever, no block is left out, what is
// free of races stays so, and a race between blocks of different host threads is found.
#include "Harness.h"

namespace cameo::ptx::test {
namespace {

constexpr uint32_t blocks = 24, perBlock = 128;

/// A thread stores to its word, and loads that of a thread of the other half, 500 times. Blocks begin `apart` bytes
/// behind each other.
std::string kernelText(uint32_t apart) {
  std::string text = header;
  text += ".visible .entry k(.param .u64 out)\n{\n.reg .pred %p;\n.reg .b32 %t, %b, %i, %n, %v;\n.reg .b64 %o, %own, %next;\n"
          "mov.u32 %t, %tid.x;\nmov.u32 %b, %ctaid.x;\nld.param.u64 %o, [out];\n"
          "mul.wide.u32 %own, %b, " + std::to_string(apart) + ";\nadd.s64 %o, %o, %own;\nmad.wide.u32 %own, %t, 4, %o;\n"
          "xor.b32 %n, %t, 64;\nmad.wide.u32 %next, %n, 4, %o;\nmov.u32 %i, 0;\nmov.u32 %v, %t;\n"
          "again:\nst.global.u32 [%own], %v;\nbar.sync 0;\nld.global.u32 %v, [%next];\nadd.u32 %v, %v, 1;\nbar.sync 0;\n"
          "add.u32 %i, %i, 1;\nsetp.lt.u32 %p, %i, 500;\n@%p bra again;\nst.global.u32 [%own], %v;\nret;\n}\n";
  return text;
}

struct Ran {
  int status;
  std::string text;
  std::vector<uint32_t> out;
};

Ran runWith(uint32_t hostThreads, uint32_t schedule, uint32_t apart) {
  Module module(kernelText(apart), "again.ptx");
  EXPECT_TRUE(module) << module.errors();
  Memory memory;
  uint64_t out = memory.alloc(4 * blocks * perBlock, "out");
  Arguments arguments;
  arguments.add(out);
  cameo_ptx_launch launch = launchOf(blocks, perBlock, arguments);
  launch.host_threads = hostThreads, launch.schedule = schedule, launch.seed = hostThreads;
  Result result = run(module, "k", memory, launch);
  return {result.status(), result.text(), memory.download<uint32_t>(out, blocks * perBlock)};
}

TEST(HostThreads, ShareTheShadowOfGlobalMemory) {
  for (uint32_t hostThreads : {1u, 2u, 3u, 8u})
    for (uint32_t schedule : {CAMEO_PTX_SCHEDULE_ROUND_ROBIN, CAMEO_PTX_SCHEDULE_RANDOM, CAMEO_PTX_SCHEDULE_LATER_BLOCKS_STARVED}) {
      Ran ran = runWith(hostThreads, schedule, 4 * perBlock);
      ASSERT_EQ(ran.status, CAMEO_PTX_OK) << hostThreads << " " << schedule << ran.text;
      for (uint32_t i = 0; i < ran.out.size(); ++i)
        ASSERT_EQ(ran.out[i], i % perBlock + 500) << hostThreads << " " << schedule << " word " << i;
    }
}

TEST(HostThreads, FindARaceBetweenTheirBlocks) {
  for (uint32_t hostThreads : {1u, 2u, 3u}) {
    Ran ran = runWith(hostThreads, CAMEO_PTX_SCHEDULE_ROUND_ROBIN, 2 * perBlock); // half of the words are the next one's
    EXPECT_EQ(ran.status, CAMEO_PTX_FINDING) << hostThreads;
    EXPECT_NE(ran.text.find("races with the"), std::string::npos) << ran.text;
  }
}

} // namespace
} // namespace cameo::ptx::test
