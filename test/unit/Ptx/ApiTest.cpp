// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The C interface as the runtime uses it: structures that grow, memory and its shadow, kernels'
// descriptions, counts worked out by hand, host threads.
#include "Harness.h"

#include <thread>

namespace cameo::ptx::test {
namespace {

TEST(Api, UnknownVersionsAreNull) {
  EXPECT_NE(cameo_ptx_api(1), nullptr);
  EXPECT_EQ(cameo_ptx_api(0), nullptr);
  EXPECT_EQ(cameo_ptx_api(2), nullptr);
  EXPECT_EQ(api().version, 1u);
}

TEST(Api, ShorterStructuresAreRespected) {
  Module module(kernelText("basic.ptx"));
  cameo_ptx_kernel k;
  std::memset(&k, 0xee, sizeof k);
  k.struct_size = 12;
  EXPECT_EQ(api().module_kernel(module.get(), 0, &k), CAMEO_PTX_OK);
  EXPECT_EQ(reinterpret_cast<unsigned char *>(&k)[12], 0xee);
}

TEST(Api, KernelsDescribeThemselves) {
  Module module(kernelText("basic.ptx"));
  int index = module.find("sgemm");
  ASSERT_GE(index, 0);
  cameo_ptx_kernel k = module.kernel(uint32_t(index));
  EXPECT_EQ(std::string(k.name), "sgemm");
  EXPECT_EQ(k.param_count, 6u);
  EXPECT_EQ(k.arg_bytes, 36u);
  EXPECT_EQ(k.static_shared_bytes, 8192u);
  EXPECT_EQ(k.maxntid[0], 256u);
  EXPECT_EQ(k.uses_dynamic_shared, 0u);
  cameo_ptx_param p{};
  p.struct_size = sizeof p;
  EXPECT_EQ(api().module_param(module.get(), uint32_t(index), 4, &p), CAMEO_PTX_OK);
  EXPECT_EQ(p.offset, 28u);
  EXPECT_EQ(p.size, 4u);
  cameo_ptx_version v{};
  v.struct_size = sizeof v;
  EXPECT_EQ(api().module_version(module.get(), &v), CAMEO_PTX_OK);
  EXPECT_EQ(v.isa_major, 9u);
  EXPECT_EQ(std::string(v.target), "sm_80");
}

TEST(Api, MemoryHasItsBounds) {
  Memory memory(1000);
  uint64_t a = memory.alloc(100, "a", 4), b = 0;
  EXPECT_EQ(a % 4, 0u);
  EXPECT_NE(a % 8, 0u); // no better than asked, so that kernels cannot rely on it
  EXPECT_EQ(api().memory_alloc(memory.get(), 1000, 16, "b", &b), CAMEO_PTX_OUT_OF_MEMORY);
  EXPECT_EQ(api().memory_alloc(memory.get(), 10, 3, "b", &b), CAMEO_PTX_BAD_ARGUMENT);
  char byte = 1;
  EXPECT_EQ(api().memory_write(memory.get(), a + 99, &byte, 1), CAMEO_PTX_OK);
  EXPECT_EQ(api().memory_write(memory.get(), a + 100, &byte, 1), CAMEO_PTX_OUT_OF_BOUNDS);
  EXPECT_EQ(api().memory_read(memory.get(), a - 1, &byte, 1), CAMEO_PTX_OUT_OF_BOUNDS);
  EXPECT_EQ(api().memory_in_use(memory.get()), 100u);
  EXPECT_EQ(api().memory_free(memory.get(), a + 4), CAMEO_PTX_BAD_ARGUMENT);
  EXPECT_EQ(api().memory_free(memory.get(), a), CAMEO_PTX_OK);
  EXPECT_EQ(api().memory_in_use(memory.get()), 0u);
}

TEST(Api, TheShadowKnowsWhoWrote) {
  std::string text = header;
  text += ".visible .entry k(.param .u64 p)\n{\n.reg .b64 %l<3>;\n.reg .b32 %t;\n.reg .b16 %h;\n"
          "mov.u32 %t, %tid.x;\nld.param.u64 %l0, [p];\nmul.wide.u32 %l1, %t, 2;\nadd.s64 %l0, %l0, %l1;\n"
          "mov.b16 %h, 7;\nst.global.b16 [%l0], %h;\nret;\n}\n";
  Module module(text);
  ASSERT_TRUE(module) << module.errors();
  for (uint64_t align : {256, 2}) {
    Memory memory;
    uint64_t p = memory.alloc(100, "out", align);
    EXPECT_EQ(memory.unwritten(p, 100), 100u);
    std::vector<uint8_t> host(100, 3);
    api().memory_write(memory.get(), p, host.data(), 100); // the host does not count
    EXPECT_EQ(memory.unwritten(p, 100), 100u);
    Arguments arguments;
    arguments.add(p);
    EXPECT_EQ(run(module, "k", memory, launchOf(1, 40, arguments)).status(), CAMEO_PTX_OK);
    uint64_t missing = 0, first = 0;
    api().memory_unwritten(memory.get(), p, 100, &missing, &first);
    EXPECT_EQ(missing, 20u);
    EXPECT_EQ(first, 80u);
    api().memory_poison(memory.get(), p + 2, 4, 0);
    api().memory_unwritten(memory.get(), p, 80, &missing, &first);
    EXPECT_EQ(missing, 4u);
    EXPECT_EQ(first, 2u);
    auto floats = memory.download<uint8_t>(p, 6);
    EXPECT_EQ(floats[0], 7); // around the poison nothing changed
  }
}

TEST(Api, ReadablePoisonGivesNaN) {
  std::string text = header;
  text += ".visible .entry k(.param .u64 p)\n{\n.reg .b64 %l;\n.reg .f32 %f;\nld.param.u64 %l, [p];\n"
          "ld.global.f32 %f, [%l+4];\nst.global.f32 [%l], %f;\nret;\n}\n";
  Module module(text);
  for (int readable : {0, 1}) {
    Memory memory;
    uint64_t p = memory.upload(std::vector<float>{1, 2}, "x");
    api().memory_poison(memory.get(), p + 4, 4, readable);
    Arguments arguments;
    arguments.add(p);
    Result result = run(module, "k", memory, launchOf(1, 1, arguments));
    EXPECT_EQ(result.findingCount(), readable ? 0u : 1u);
    EXPECT_TRUE(std::isnan(memory.download<float>(p, 1)[0]));
  }
}

TEST(Api, ImportedMemoryIsReadInPlace) {
  Module module(kernelText("basic.ptx"));
  Memory memory;
  std::vector<float> weights{1, 2, 3, 4};
  uint64_t w = 0;
  EXPECT_EQ(api().memory_import(memory.get(), weights.data(), 16, 1, 16, "weights", &w), CAMEO_PTX_OK);
  uint64_t out = memory.alloc(16, "out");
  Arguments arguments;
  arguments.add(w).add(w).add(out).add(4);
  EXPECT_EQ(run(module, "vadd", memory, launchOf(1, 32, arguments)).status(), CAMEO_PTX_OK);
  EXPECT_EQ(memory.download<float>(out, 4), (std::vector<float>{2, 4, 6, 8}));
  Arguments bad;
  bad.add(out).add(w).add(w).add(4);
  Result result = run(module, "vadd", memory, launchOf(1, 32, bad));
  ASSERT_EQ(result.findingCount(), 1u);
  EXPECT_EQ(result.finding(0).kind, uint32_t(CAMEO_PTX_F_READ_ONLY)) << result.text();
  EXPECT_EQ(weights[0], 1);
}

TEST(Api, CountsByHand) {
  // 64 threads: each loads 4 bytes in a row, stores them to shared memory with a stride of 8 bytes
  // (two words per bank: two passes), and loads them back.
  std::string text = header;
  text += ".visible .entry k(.param .u64 p)\n{\n.reg .b64 %l<3>;\n.reg .b32 %t, %r<3>;\n"
          ".shared .align 128 .b8 s[512];\n"
          "mov.u32 %t, %tid.x;\nld.param.u64 %l0, [p];\nmul.wide.u32 %l1, %t, 4;\nadd.s64 %l0, %l0, %l1;\n"
          "ld.global.u32 %r0, [%l0];\nmov.u32 %r1, s;\nmad.lo.u32 %r1, %t, 8, %r1;\n"
          "st.shared.u32 [%r1], %r0;\nld.shared.u32 %r2, [%r1];\nst.global.u32 [%l0], %r2;\nret;\n}\n";
  Module module(text);
  ASSERT_TRUE(module) << module.errors();
  Memory memory;
  uint64_t p = memory.upload(std::vector<uint32_t>(64, 5), "x");
  Arguments arguments;
  arguments.add(p);
  cameo_ptx_launch launch = launchOf(1, 64, arguments);
  launch.counts = 1;
  Result result = run(module, "k", memory, launch);
  EXPECT_EQ(result.status(), CAMEO_PTX_OK) << result.text();
  cameo_ptx_counts c = result.counts();
  EXPECT_EQ(c.warp_instructions, 22u); // 11 instructions, two warps
  EXPECT_EQ(c.thread_instructions, 11u * 64);
  EXPECT_EQ(c.global_load_requests, 2u);
  EXPECT_EQ(c.global_load_bytes, 256u);
  EXPECT_EQ(c.global_load_sectors, 8u);
  EXPECT_EQ(c.global_store_sectors, 8u);
  EXPECT_EQ(c.shared_store_requests, 2u);
  EXPECT_EQ(c.shared_store_wavefronts, 4u);
  EXPECT_EQ(c.shared_load_wavefronts, 4u);
  EXPECT_NE(result.json().find("\"shared_load_wavefronts\": 4"), std::string::npos);
}

TEST(Api, GlobalVariablesLiveInTheMemory) {
  std::string text = header;
  text += ".global .align 4 .u32 counter = 5;\n.const .align 4 .f32 scale[2] = {0f3F800000, 2.5};\n"
          ".visible .entry k(.param .u64 p)\n{\n.reg .b64 %l;\n.reg .b32 %r;\n.reg .f32 %f;\n"
          "atom.global.add.u32 %r, [counter], 1;\nld.const.f32 %f, [scale+4];\nld.param.u64 %l, [p];\n"
          "st.global.u32 [%l], %r;\nst.global.f32 [%l+4], %f;\nret;\n}\n";
  Module module(text);
  ASSERT_TRUE(module) << module.errors();
  Memory memory;
  uint64_t p = memory.alloc(8, "out");
  Arguments arguments;
  arguments.add(p);
  for (uint32_t i = 0; i < 3; ++i) {
    EXPECT_EQ(run(module, "k", memory, launchOf(1, 1, arguments)).status(), CAMEO_PTX_OK);
    EXPECT_EQ(memory.download<uint32_t>(p, 1)[0], 5 + i);
  }
  EXPECT_EQ(memory.download<float>(p + 4, 1)[0], 2.5f);
}

TEST(Api, ModulesAreSharedByThreads) {
  Module module(kernelText("basic.ptx"));
  auto work = [&](uint32_t checks) {
    Memory memory;
    std::vector<float> a(1000, 1.5f);
    uint64_t p = memory.upload(a, "a"), out = memory.alloc(4000, "out");
    Arguments arguments;
    arguments.add(p).add(p).add(out).add(1000);
    cameo_ptx_launch launch = launchOf(8, 128, arguments);
    launch.checks = checks;
    EXPECT_EQ(run(module, "vadd", memory, launch).status(), CAMEO_PTX_OK);
    EXPECT_EQ(memory.download<float>(out, 1000), std::vector<float>(1000, 3.0f));
  };
  std::thread one([&] { work(0); }), two([&] { work(2); }), three([&] { work(0); });
  one.join(), two.join(), three.join();
}

} // namespace
} // namespace cameo::ptx::test
