// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Exact counts against values worked out by hand, in all and by line of the PTX.
#include "Harness.h"

#include <gtest/gtest.h>

using namespace cameo::ptx;

namespace {

// 64 threads; thread t. Line numbers matter.
constexpr const char *text = R"(.version 8.0
.target sm_80
.address_size 64
.visible .entry k(.param .u64 in, .param .u64 out)
{
  .reg .pred %p;
  .reg .b32 %r<8>;
  .reg .b64 %rd<8>;
  .shared .align 16 .b8 tile[1024];
  mov.u32 %r0, %tid.x;
  ld.param.u64 %rd0, [in];
  ld.param.u64 %rd1, [out];
  mul.wide.u32 %rd2, %r0, 8;
  add.s64 %rd3, %rd0, %rd2;
  ld.global.u32 %r1, [%rd3];
  mov.u32 %r2, tile;
  shl.b32 %r3, %r0, 4;
  add.s32 %r4, %r2, %r3;
  st.shared.u32 [%r4], %r1;
  bar.sync 0;
  ld.shared.u32 %r5, [%r2+16];
  setp.lt.u32 %p, %r0, 40;
  @%p bra skip;
  add.s32 %r5, %r5, 1;
skip:
  mad.wide.u32 %rd4, %r0, 4, %rd1;
  @%p st.global.u32 [%rd4], %r5;
  red.global.add.u32 [%rd1], 1;
  ret;
}
)";

struct Counted {
  cameo_ptx_counts total;
  std::string json;
};

Counted count(unsigned hostThreads, unsigned blocks) {
  Module module(text, "count.ptx");
  EXPECT_TRUE(module) << module.errors();
  Memory memory;
  uint64_t in = memory.upload(std::vector<uint32_t>(256, 7), "in");
  uint64_t out = memory.upload(std::vector<uint32_t>(64, 0), "out");
  Arguments arguments;
  arguments.add(in).add(out);
  cameo_ptx_launch launch = launchOf(blocks, 64, arguments);
  launch.checks = CAMEO_PTX_CHECK_MEMORY; // the threads' writes to `out` race on purpose
  launch.counts = 1;
  launch.host_threads = hostThreads;
  Result result = run(module, "k", memory, launch);
  EXPECT_EQ(result.status(), CAMEO_PTX_OK) << result.text();
  return {result.counts(), result.json()};
}

std::string lineOf(const std::string &json, unsigned line) {
  size_t at = json.find("{\"line\": " + std::to_string(line) + ",");
  return at == std::string::npos ? "" : json.substr(at, json.find('}', at) - at);
}

TEST(Counts, TotalsAreThoseOfTheHand) {
  cameo_ptx_counts c = count(1, 1).total;
  // Eight bytes apart: 32 lanes touch 8 sectors of 32 bytes; two warps.
  EXPECT_EQ(c.global_load_requests, 2u);
  EXPECT_EQ(c.global_load_bytes, 2u * 128);
  EXPECT_EQ(c.global_load_sectors, 2u * 8);
  // 16 bytes apart: four lanes want the same bank with different words, 8 at a time differ.
  EXPECT_EQ(c.shared_store_requests, 2u);
  EXPECT_EQ(c.shared_store_wavefronts, 2u * 4);
  // All lanes read one word.
  EXPECT_EQ(c.shared_load_requests, 2u);
  EXPECT_EQ(c.shared_load_wavefronts, 2u);
  // Warp 0 whole, 8 lanes of warp 1.
  EXPECT_EQ(c.global_store_requests, 2u);
  EXPECT_EQ(c.global_store_bytes, 40u * 4);
  EXPECT_EQ(c.global_store_sectors, 4u + 1);
  EXPECT_EQ(c.atomic_threads, 64u);
  EXPECT_EQ(c.barriers, 2u);
  EXPECT_EQ(c.divergent_branches, 1u); // of warp 1 only
}

TEST(Counts, LinesSayWhoIsWasteful) {
  std::string json = count(1, 1).json;
  EXPECT_NE(json.find("\"lines\": ["), std::string::npos);
  std::string store = lineOf(json, 19);
  EXPECT_NE(store.find("\"instruction\": \"st.shared.u32 [%r4], %r1;\""), std::string::npos) << store;
  EXPECT_NE(store.find("\"shared_store_wavefronts\": 8"), std::string::npos) << store;
  std::string branch = lineOf(json, 23);
  EXPECT_NE(branch.find("\"divergent_branches\": 1"), std::string::npos) << branch;
  // Warp 0 skips it; of warp 1 only 24 threads are there.
  std::string add = lineOf(json, 24);
  EXPECT_NE(add.find("\"thread_instructions\": 24,"), std::string::npos) << add;
  EXPECT_EQ(lineOf(json, 25), "") << "a label is no instruction";
}

TEST(Counts, LinesAddUpOverBlocksAndHostThreads) {
  Counted one = count(1, 6), two = count(2, 6);
  EXPECT_EQ(one.total.thread_instructions, two.total.thread_instructions);
  EXPECT_EQ(one.json.substr(one.json.find("\"lines\"")), two.json.substr(two.json.find("\"lines\"")));
  EXPECT_NE(lineOf(one.json, 15).find("\"global_load_sectors\": 96"), std::string::npos) << lineOf(one.json, 15);
}

} // namespace
