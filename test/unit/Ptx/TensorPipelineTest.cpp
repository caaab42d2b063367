// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A pipeline of tensor copies as GEMM kernels have it: a producer warp loads swizzled tiles through
// two stages, a consumer warp adds them up, the last tile hangs over the end of the tensor. Right
// under all schedules; each of the mutants is found by some of the first schedules and seeds.
#include "TensorHarness.h"

namespace cameo::ptx::test {
namespace {

constexpr uint32_t tiles = 7, rows = 52; ///< 8 rows a tile: the last one has 4

/// 16 x 52 words, boxes of 16 x 8 with rows of 64 bytes.
Box tileBox() {
  Box b;
  b.elementBytes = 4;
  b.map = tensorMapOf(2, 2, 0);
  b.map.swizzle = 2;
  b.map.size[0] = b.map.box[0] = 16, b.map.size[1] = rows, b.map.box[1] = 8;
  b.map.stride_bytes[0] = 80;
  return b;
}

std::string pipeline() {
  return pipelineOf("shl.b32 %r10, %n, 3;\n"
                    "cp.async.bulk.tensor.2d.shared::cluster.global.tile.mbarrier::complete_tx::bytes "
                    "[%buf], [%map, {0, %r10}], [%r2];\n",
                    "and.b32 %r4, %t, 31;\nshl.b32 %r5, %r4, 4;\nshr.u32 %r11, %r5, 3;\nand.b32 %r11, %r11, 48;\n"
                    "xor.b32 %r5, %r5, %r11;\nadd.u32 %r5, %r5, %buf;\n");
}

/// What lane adds up: four words of row lane / 4 of each tile.
uint32_t laneSum(uint32_t lane) {
  uint32_t sum = 0;
  for (uint32_t tile = 0; tile < tiles; ++tile)
    for (uint32_t i = 0; i < 4; ++i) {
      uint32_t row = tile * 8 + lane / 4, word = 0;
      for (uint32_t b = 0; b < 4 && row < rows; ++b)
        word |= uint32_t(mix(row * 80 + (lane % 4 * 4 + i) * 4 + b)) << 8 * b;
      sum += word;
    }
  return sum;
}

TEST(TensorPipeline, IsRightUnderAllSchedules) {
  AsyncLaunch two;
  two.threads = 64;
  underAllSchedules(pipeline(), tileBox(), [](const TensorRun &run) {
    for (uint32_t lane = 0; lane < 32; ++lane) {
      uint32_t sum;
      std::memcpy(&sum, &run.out[lane * 4], 4);
      ASSERT_EQ(sum, laneSum(lane)) << lane;
    }
  }, two);
}

TEST(TensorPipeline, MutantsAreFound) {
  struct Mutant {
    const char *from, *to;
  };
  for (Mutant m : {Mutant{"@!%p bra PW;", ""}, Mutant{"@!%p bra CW;", ""},
                   Mutant{"[%empty], 32", "[%empty], 16"}, Mutant{"[%empty], 32", "[%empty], 31"},
                   Mutant{"[%empty], 32", "[%empty], 33"}, Mutant{"[%empty+8], 32", "[%empty+8], 31"},
                   Mutant{"[%full], 1", "[%full], 2"}, Mutant{"_, [%r2], 512", "_, [%r2], 496"},
                   Mutant{"_, [%r2], 512", "_, [%r2], 256"}, Mutant{"_, [%r2], 512", "_, [%r2], 528"},
                   Mutant{"xor.b32 %r3, %par, 1", "xor.b32 %r3, %par, 0"},
                   Mutant{"[%r2], %par;\n@!%p bra CW", "[%r2], %r15;\n@!%p bra CW"},
                   Mutant{"tensor.2d", "tensor.3d"}, Mutant{"{0, %r10}], [%r2]", "{0, %r10}], [%r1]"},
                   Mutant{"mbarrier.arrive.shared::cta.b64 _, [%r1];", ""},
                   Mutant{"fence.mbarrier_init.release.cluster;\nINITED:\nbar.sync 0;", "INITED:"},
                   Mutant{"mad.lo.u32 %buf, %stage, 512, %tile;\nxor", "mad.lo.u32 %buf, %stage, 64, %tile;\nxor"},
                   Mutant{"mad.lo.u32 %buf, %stage, 512, %tile;\nxor", "mad.lo.u32 %buf, %stage, 384, %tile;\nxor"},
                   Mutant{"setp.lt.u32 %more, %n, 7;\n@%more bra PRODUCER", "setp.lt.u32 %more, %n, 6;\n@%more bra PRODUCER"},
                   Mutant{"setp.lt.u32 %more, %n, 7;\n@%more bra CONSUMER", "setp.lt.u32 %more, %n, 6;\n@%more bra CONSUMER"}}) {
    std::string body = replaced("mov.u32 %r15, 0;\n" + pipeline(), m.from, m.to);
    if (std::string(m.to) == "tensor.3d")
      body = replaced(body, "{0, %r10}", "{0, %r10, 0}");
    bool found = false;
    for (uint32_t attempt = 0; attempt < 20 && !found; ++attempt) {
      AsyncLaunch how;
      how.threads = 64;
      how.schedule = attempt < 4 ? attempt : 1;
      how.seed = attempt;
      found = !runTensor(body, tileBox(), how).kinds.empty();
    }
    EXPECT_TRUE(found) << m.from << " -> " << m.to;
  }
}

} // namespace
} // namespace cameo::ptx::test
