// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A whole Hopper matmul: a producer warp loads swizzled tiles of A and B by tensor copies through
// three stages with mbarriers, a warpgroup multiplies them with one group of wgmma in flight and
// stores the sum. Nine tiles of K, so that every stage is used three times. It is right under all
// schedules and points of completion, and what is broken in it is found.
#include "WgmmaHarness.h"

namespace cameo::ptx::test {
namespace {

constexpr uint32_t tiles = 9, depth = tiles * 64;

/// Threads 0-127: products; thread 128: copies.
std::string matmul() {
  std::string text =
      ".version 8.6\n.target sm_90a\n.address_size 64\n"
      ".visible .entry k(.param .align 64 .b8 mapA[128], .param .align 64 .b8 mapB[128], .param .u64 pout)\n{\n"
      ".reg .b32 %d<32>, %r<8>, %t, %n, %stage, %last, %par, %full, %empty, %a, %b, %k;\n"
      ".reg .b64 %l<4>, %ma, %mb, %out, %descA, %descB, %base;\n.reg .pred %p, %q, %first, %more;\n"
      ".shared .align 1024 .b8 tileA[24576];\n.shared .align 1024 .b8 tileB[24576];\n"
      ".shared .align 8 .b8 full[24];\n.shared .align 8 .b8 empty[24];\n"
      "mov.u32 %t, %tid.x;\nmov.u32 %full, full;\nmov.u32 %empty, empty;\nmov.b64 %ma, mapA;\nmov.b64 %mb, mapB;\n"
      "cvta.param.u64 %ma, %ma;\ncvta.param.u64 %mb, %mb;\nld.param.u64 %out, [pout];\nsetp.eq.u32 %first, %t, 128;\n"
      "@!%first bra READY;\n";
  for (int s = 0; s < 3; ++s)
    text += "mbarrier.init.shared::cta.b64 [%full+" + std::to_string(8 * s) + "], 1;\nmbarrier.init.shared::cta.b64 [%empty+" +
            std::to_string(8 * s) + "], 1;\n";
  text += "fence.mbarrier_init.release.cluster;\nREADY:\nbar.sync 0;\n"
          "mov.u32 %n, 0;\nmov.u32 %stage, 0;\nmov.u32 %par, 0;\nmov.u32 %last, 0;\nsetp.lt.u32 %p, %t, 128;\n@%p bra CONSUMER;\n"
          "@!%first bra END;\n"
          "PRODUCER:\nmad.lo.u32 %r0, %stage, 8, %full;\nmad.lo.u32 %r1, %stage, 8, %empty;\nxor.b32 %r2, %par, 1;\n"
          "PW:\nmbarrier.try_wait.parity.shared::cta.b64 %q, [%r1], %r2;\n@!%q bra PW;\n"
          "mbarrier.arrive.expect_tx.shared::cta.b64 _, [%r0], 16384;\n"
          "mov.u32 %a, tileA;\nmov.u32 %b, tileB;\nmad.lo.u32 %a, %stage, 8192, %a;\nmad.lo.u32 %b, %stage, 8192, %b;\n"
          "shl.b32 %k, %n, 6;\n"
          "cp.async.bulk.tensor.2d.shared::cluster.global.tile.mbarrier::complete_tx::bytes [%a], [%ma, {%k, 0}], [%r0];\n"
          "cp.async.bulk.tensor.2d.shared::cluster.global.tile.mbarrier::complete_tx::bytes [%b], [%mb, {%k, 0}], [%r0];\n"
          "add.u32 %stage, %stage, 1;\nsetp.eq.u32 %q, %stage, 3;\n@%q mov.u32 %stage, 0;\n@%q xor.b32 %par, %par, 1;\n"
          "add.u32 %n, %n, 1;\nsetp.lt.u32 %more, %n, " + std::to_string(tiles) + ";\n@%more bra PRODUCER;\nbra END;\nCONSUMER:\n";
  for (int i = 0; i < 32; ++i)
    text += "mov.b32 %d" + std::to_string(i) + ", 0;\n";
  text += "LOOP:\nmad.lo.u32 %r0, %stage, 8, %full;\n"
          "CW:\nmbarrier.try_wait.parity.shared::cta.b64 %q, [%r0], %par;\n@!%q bra CW;\n"
          "mov.u32 %a, tileA;\nmov.u32 %b, tileB;\nmad.lo.u32 %a, %stage, 8192, %a;\nmad.lo.u32 %b, %stage, 8192, %b;\n"
          "shr.u32 %a, %a, 4;\nshr.u32 %b, %b, 4;\ncvt.u64.u32 %descA, %a;\ncvt.u64.u32 %descB, %b;\n"
          // 128-byte swizzle, 1024 bytes from eight rows to the next.
          "mov.b64 %base, 0x4000004000010000;\nor.b64 %descA, %descA, %base;\nor.b64 %descB, %descB, %base;\n"
          "wgmma.fence.sync.aligned;\n";
  for (int i = 0; i < 4; ++i)
    text += std::string(i ? "add.s64 %descA, %descA, 2;\nadd.s64 %descB, %descB, 2;\n" : "") +
            "wgmma.mma_async.sync.aligned.m64n64k16.f32.f16.f16 " + registerList("d", 32) + ", %descA, %descB, 1, 1, 1, 0, 0;\n";
  text += "wgmma.commit_group.sync.aligned;\nwgmma.wait_group.sync.aligned 1;\n"
          // The tile before is done: its stage is free.
          "setp.eq.u32 %q, %n, 0;\nsetp.ne.or.u32 %q, %t, 0, %q;\nmad.lo.u32 %r1, %last, 8, %empty;\n"
          "@!%q mbarrier.arrive.shared::cta.b64 _, [%r1];\nmov.u32 %last, %stage;\n"
          "add.u32 %stage, %stage, 1;\nsetp.eq.u32 %q, %stage, 3;\n@%q mov.u32 %stage, 0;\n@%q xor.b32 %par, %par, 1;\n"
          "add.u32 %n, %n, 1;\nsetp.lt.u32 %more, %n, " + std::to_string(tiles) + ";\n@%more bra LOOP;\n"
          "wgmma.wait_group.sync.aligned 0;\n"
          "mul.wide.u32 %l0, %t, 4;\nadd.s64 %l0, %out, %l0;\n";
  for (int i = 0; i < 32; ++i)
    text += "st.global.b32 [%l0+" + std::to_string(512 * i) + "], %d" + std::to_string(i) + ";\n";
  return text + "END:\nret;\n}\n";
}

struct MatmulRun {
  std::vector<uint32_t> kinds, d;
  std::string text;
};

int valueAt(int seed, int row, int k) { return int(mix(uint64_t(seed + row * 1009 + k)) % 9) - 4; }

MatmulRun runMatmul(const std::string &ptx, AsyncLaunch how) {
  MatmulRun outcome;
  Module module(ptx, "matmul.ptx");
  EXPECT_TRUE(module) << module.errors();
  if (!module)
    return outcome;
  Memory memory;
  TensorMapBytes maps[2];
  for (int m = 0; m < 2; ++m) {
    std::vector<uint16_t> values;
    for (int row = 0; row < 64; ++row)
      for (int k = 0; k < int(depth); ++k)
        values.push_back(uint16_t(encode("f16", valueAt(m * 77, row, k))));
    cameo_ptx_tensor_map map = tensorMapOf(6, 2, memory.upload(values, m ? "b" : "a"));
    map.swizzle = 3;
    map.size[0] = depth, map.size[1] = 64, map.box[0] = map.box[1] = 64;
    map.stride_bytes[0] = depth * 2;
    EXPECT_EQ(encodeTensorMap(map, maps[m]), "");
  }
  uint64_t out = memory.upload(std::vector<uint32_t>(32 * 128, 0), "out");
  Arguments arguments;
  arguments.add(maps[0]).add(maps[1]).add(out);
  how.threads = 160;
  Result result = run(module, "k", memory, asyncLaunchOf(how, arguments));
  for (uint32_t i = 0; i < result.findingCount(); ++i)
    outcome.kinds.push_back(result.finding(i).kind);
  outcome.text = result.text();
  outcome.d = memory.download<uint32_t>(out, 32 * 128);
  return outcome;
}

bool isRight(const MatmulRun &run) {
  for (int t = 0; t < 128; ++t)
    for (int i = 0; i < 32; ++i) {
      int sum = 0;
      for (int k = 0; k < int(depth); ++k)
        sum += valueAt(0, rowOfD(t, i), k) * valueAt(77, columnOfD(t, i), k);
      if (bitsAs<float>(run.d[size_t(i * 128 + t)]) != float(sum))
        return false;
    }
  return true;
}

TEST(WgmmaPipeline, IsRightUnderAllSchedules) {
  std::string ptx = matmul();
  for (uint32_t schedule = 0; schedule < 5; ++schedule)
    for (uint32_t point = 0; point < 3; ++point)
      for (uint64_t seed = 0; seed < (schedule == 1 || point == 2 ? 3u : 1u); ++seed) {
        AsyncLaunch how;
        how.schedule = schedule, how.asyncPoint = point, how.seed = seed;
        MatmulRun run = runMatmul(ptx, how);
        ASSERT_TRUE(run.kinds.empty()) << schedule << " " << point << " " << seed << "\n" << run.text;
        ASSERT_TRUE(isRight(run)) << schedule << " " << point << " " << seed;
        how.checks = CAMEO_PTX_CHECK_NONE;
        ASSERT_TRUE(isRight(runMatmul(ptx, how))) << schedule << " " << point << " " << seed;
      }
}

TEST(WgmmaPipeline, SwizzlesOfMapAndDescriptorDiffer) {
  MatmulRun run = runMatmul(replaced(matmul(), "0x4000004000010000", "0x8000004000010000"), {});
  ASSERT_NE(std::count(run.kinds.begin(), run.kinds.end(), CAMEO_PTX_F_DESCRIPTOR), 0) << run.text;
  EXPECT_NE(run.text.find("64-byte swizzle) reads what the tensor copy of line"), std::string::npos) << run.text;
  EXPECT_NE(run.text.find("wrote with 128-byte swizzle"), std::string::npos) << run.text;
}

TEST(WgmmaPipeline, MutantsAreFound) {
  struct Mutant {
    const char *from, *to;
  };
  for (Mutant m : {Mutant{"wgmma.wait_group.sync.aligned 1;", "wgmma.wait_group.sync.aligned 2;"},
                   Mutant{"wgmma.wait_group.sync.aligned 1;", ""}, Mutant{"wgmma.wait_group.sync.aligned 0;", ""},
                   Mutant{"wgmma.wait_group.sync.aligned 0;", "wgmma.wait_group.sync.aligned 1;"},
                   Mutant{"wgmma.commit_group.sync.aligned;", ""}, Mutant{"wgmma.fence.sync.aligned;", ""},
                   Mutant{"@!%q bra CW;", ""}, Mutant{"@!%q bra PW;", ""},
                   Mutant{"@!%q mbarrier.arrive.shared::cta.b64 _, [%r1];\nmov.u32 %last, %stage;",
                          "mov.u32 %last, %stage;\nmad.lo.u32 %r1, %last, 8, %empty;\n@!%q mbarrier.arrive.shared::cta.b64 _, [%r1];"},
                   Mutant{"0x4000004000010000", "0x8000004000010000"}, Mutant{"0x4000004000010000", "0x4000008000010000"},
                   Mutant{"_, [%r0], 16384", "_, [%r0], 8192"}}) {
    std::string ptx = replaced(matmul(), m.from, m.to);
    bool found = false, wrong = false;
    for (uint32_t attempt = 0; attempt < 20 && !found; ++attempt) {
      AsyncLaunch how;
      how.schedule = attempt < 5 ? attempt : 1;
      how.seed = attempt;
      MatmulRun run = runMatmul(ptx, how);
      found = !run.kinds.empty();
      wrong = wrong || !isRight(run);
    }
    EXPECT_TRUE(found || wrong) << m.from << " -> " << m.to;
    if (!found)
      std::printf("by numbers only: %s -> %s\n", m.from, m.to);
  }
}

} // namespace
} // namespace cameo::ptx::test
