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
         "mbarrier.arrive.expect_tx.shared::cta.b64 _, [%r2], 512;\nshl.b32 %r10, %n, 3;\n"
         "cp.async.bulk.tensor.2d.shared::cluster.global.tile.mbarrier::complete_tx::bytes "
         "[%buf], [%map, {0, %r10}], [%r2];\n"
         "xor.b32 %stage, %stage, 1;\nsetp.eq.u32 %p, %stage, 0;\n@%p xor.b32 %par, %par, 1;\n"
         "add.u32 %n, %n, 1;\nsetp.lt.u32 %more, %n, 7;\n@%more bra PRODUCER;\nbra OUT;\n"
         "CONSUMER:\nmad.lo.u32 %r1, %stage, 8, %empty;\nmad.lo.u32 %r2, %stage, 8, %full;\n"
         "mad.lo.u32 %buf, %stage, 512, %tile;\n"
         "CW:\nmbarrier.try_wait.parity.shared::cta.b64 %p, [%r2], %par;\n@!%p bra CW;\n"
         "and.b32 %r4, %t, 31;\nshl.b32 %r5, %r4, 4;\nshr.u32 %r11, %r5, 3;\nand.b32 %r11, %r11, 48;\n"
         "xor.b32 %r5, %r5, %r11;\nadd.u32 %r5, %r5, %buf;\n"
         "ld.shared.v4.u32 {%r6, %r7, %r8, %r9}, [%r5];\n"
         "mbarrier.arrive.shared::cta.b64 _, [%r1];\n"
         "add.u32 %r6, %r6, %r7;\nadd.u32 %r8, %r8, %r9;\nadd.u32 %sum, %sum, %r6;\nadd.u32 %sum, %sum, %r8;\n"
         "xor.b32 %stage, %stage, 1;\nsetp.eq.u32 %p, %stage, 0;\n@%p xor.b32 %par, %par, 1;\n"
         "add.u32 %n, %n, 1;\nsetp.lt.u32 %more, %n, 7;\n@%more bra CONSUMER;\n"
         "mul.wide.u32 %l1, %r4, 4;\nadd.s64 %l2, %out, %l1;\nst.global.u32 [%l2], %sum;\nOUT:\n";
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
