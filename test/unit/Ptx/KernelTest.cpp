// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Whole kernels, compiled by nvcc from the sources beside them in test/ptx/kernels, against plain
// loops on the host; under every schedule and point of asynchronous completion.
#include "Harness.h"

namespace cameo::ptx::test {
namespace {

class Basic : public ::testing::Test {
protected:
  static Module &module() {
    static Module m(kernelText("basic.ptx"), "basic.ptx");
    return m;
  }
  void SetUp() override { ASSERT_TRUE(module()) << module().errors(); }
  Memory memory;
};

TEST_F(Basic, VectorAddWithATail) {
  const int n = 1003;
  std::vector<float> a(n), b(n);
  for (int i = 0; i < n; ++i)
    a[i] = float(i % 97), b[i] = float(i % 31) * 0.5f;
  uint64_t pa = memory.upload(a, "a"), pb = memory.upload(b, "b"), pc = memory.alloc(n * 4, "c");
  Arguments arguments;
  arguments.add(pa).add(pb).add(pc).add(n);
  Result result = run(module(), "vadd", memory, launchOf(4, 256, arguments));
  EXPECT_EQ(result.status(), CAMEO_PTX_OK) << result.text();
  EXPECT_EQ(memory.unwritten(pc, n * 4), 0u);
  auto c = memory.download<float>(pc, n);
  for (int i = 0; i < n; ++i)
    ASSERT_EQ(c[i], a[i] + b[i]);
}

TEST_F(Basic, ReductionUnderEverySchedule) {
  const int n = 5000;
  std::vector<float> a(n);
  double sum = 0;
  for (int i = 0; i < n; ++i)
    sum += a[i] = float(i % 7);
  uint64_t pa = memory.upload(a, "a");
  for (uint32_t schedule = 0; schedule < 5; ++schedule) {
    uint64_t out = memory.upload(std::vector<float>{0}, "out");
    Arguments arguments;
    arguments.add(pa).add(out).add(n);
    cameo_ptx_launch launch = launchOf(5, 128, arguments);
    launch.schedule = schedule;
    launch.seed = 42;
    launch.host_threads = 2;
    Result result = run(module(), "reduce", memory, launch);
    EXPECT_EQ(result.status(), CAMEO_PTX_OK) << result.text();
    EXPECT_EQ(memory.download<float>(out, 1)[0], sum);
  }
}

TEST_F(Basic, TiledMatrixProduct) {
  const int m = 128, n = 256, k = 40;
  std::vector<float> a(m * k), b(k * n);
  std::mt19937 random(1);
  for (float &v : a)
    v = float(int(random() % 17) - 8);
  for (float &v : b)
    v = float(int(random() % 13) - 6);
  uint64_t pa = memory.upload(a, "a"), pb = memory.upload(b, "b"), pc = memory.alloc(m * n * 4, "c");
  Arguments arguments;
  arguments.add(pa).add(pb).add(pc).add(m).add(n).add(k);
  for (uint32_t checks = 0; checks < 3; ++checks) {
    cameo_ptx_launch launch = launchOf(n / 128, 256, arguments);
    launch.grid[1] = m / 128;
    launch.checks = checks;
    Result result = run(module(), "sgemm", memory, launch);
    EXPECT_EQ(result.status(), CAMEO_PTX_OK) << result.text();
    auto c = memory.download<float>(pc, m * n);
    for (int i = 0; i < m; ++i)
      for (int j = 0; j < n; ++j) {
        float e = 0;
        for (int l = 0; l < k; ++l)
          e += a[i * k + l] * b[l * n + j];
        ASSERT_EQ(c[i * n + j], e) << i << "," << j;
      }
  }
}

TEST_F(Basic, RecursionOfADeviceFunction) {
  uint64_t out = memory.alloc(32 * 4, "out");
  Arguments arguments;
  arguments.add(out);
  Result result = run(module(), "fibk", memory, launchOf(1, 32, arguments));
  EXPECT_EQ(result.status(), CAMEO_PTX_OK) << result.text();
  auto got = memory.download<int>(out, 32);
  for (int t = 0; t < 32; ++t) {
    int a = 0, b = 1;
    for (int i = 0; i < t % 12; ++i)
      b = a + b, a = b - a;
    EXPECT_EQ(got[t], a) << t;
  }
}

TEST_F(Basic, LocalArraysArePerThread) {
  uint64_t out = memory.alloc(32 * 4, "out");
  Arguments arguments;
  arguments.add(out).add(3);
  Result result = run(module(), "localk", memory, launchOf(1, 32, arguments));
  EXPECT_EQ(result.status(), CAMEO_PTX_OK) << result.text();
  auto got = memory.download<int>(out, 32);
  for (int t = 0; t < 32; ++t) {
    int e = 0;
    for (int i = 0; i < 16; ++i)
      e += ((i * t) & 15) * 3;
    EXPECT_EQ(got[t], e);
  }
}

TEST_F(Basic, DivergentLoopsOfIntegersAndFloats) {
  const int n = 256, rounds = 50;
  std::vector<int> in(n);
  std::mt19937 random(9);
  for (int &v : in)
    v = int(random());
  uint64_t pi = memory.upload(in, "in"), po = memory.alloc(n * 4, "out");
  Arguments arguments;
  arguments.add(pi).add(po).add(rounds);
  Result result = run(module(), "mixed", memory, launchOf(2, 128, arguments));
  EXPECT_EQ(result.status(), CAMEO_PTX_OK) << result.text();
  auto got = memory.download<int>(po, n);
  for (int i = 0; i < n; ++i) {
    int v = in[i];
    unsigned h = unsigned(v);
    float f = float(v);
    for (int k = 0; k < rounds; ++k) {
      h = h * 1664525u + 1013904223u;
      f = std::fma(f, 0.5f, float(h >> 16));
      v = int(h & 1 ? unsigned(v) + (h >> 7) : unsigned(v) ^ h);
      v = v < 0 ? int(0u - unsigned(v)) : v;
      f = std::fmin(f, 1000.0f);
    }
    EXPECT_EQ(got[i], int(unsigned(v) + unsigned(int(f))));
  }
}

// -- f16 GEMM: cp.async ring, ldmatrix, mma.sync ---------------------------------------------------

std::string without(std::string text, const std::string &needle) {
  std::stringstream in(text);
  std::string out;
  for (std::string line; std::getline(in, line);)
    out += (line.find(needle) == std::string::npos ? line : "") + "\n";
  return out;
}

struct Gemm {
  explicit Gemm(const std::string &text) : module(text, "hgemm.ptx") {
    std::mt19937 random(2);
    for (uint16_t &v : a)
      v = values[random() % 8];
    for (uint16_t &v : b)
      v = values[random() % 8];
    pa = memory.upload(a, "A"), pb = memory.upload(b, "B"), pc = memory.alloc(m * n * 4, "C");
  }
  Result launch(uint32_t asyncPoint, uint32_t schedule) {
    Arguments arguments;
    arguments.add(pa).add(pb).add(pc).add(m).add(n).add(k);
    cameo_ptx_launch l = launchOf(n / 64, 128, arguments);
    l.grid[1] = m / 64;
    l.async_point = asyncPoint;
    l.schedule = schedule;
    l.seed = 3;
    return run(module, "hgemm", memory, l);
  }
  int wrong() {
    auto c = memory.download<float>(pc, m * n);
    int count = 0;
    for (int i = 0; i < m; ++i)
      for (int j = 0; j < n; ++j) {
        float e = 0;
        for (int l = 0; l < k; ++l)
          e += floats[index(a[i * k + l])] * floats[index(b[l * n + j])];
        count += c[i * n + j] != e;
      }
    return count;
  }
  static int index(uint16_t v) {
    return int(std::find(std::begin(values), std::end(values), v) - std::begin(values));
  }
  // Seven K-tiles: the ring of three wraps twice.
  static constexpr int m = 128, n = 64, k = 32 * 7;
  static constexpr uint16_t values[8] = {0, 0x3c00, 0xbc00, 0x4000, 0xc200, 0x3800, 0x4400, 0xc000};
  static constexpr float floats[8] = {0, 1, -1, 2, -3, 0.5f, 4, -2};
  Module module;
  Memory memory;
  std::vector<uint16_t> a = std::vector<uint16_t>(m * k), b = std::vector<uint16_t>(k * n);
  uint64_t pa, pb, pc;
};

TEST(HalfGemm, IsExactUnderEveryScheduleAndCompletion) {
  Gemm gemm(kernelText("hgemm.ptx"));
  ASSERT_TRUE(gemm.module) << gemm.module.errors();
  for (uint32_t asyncPoint = 0; asyncPoint < 3; ++asyncPoint)
    for (uint32_t schedule = 0; schedule < 5; ++schedule) {
      Result result = gemm.launch(asyncPoint, schedule);
      EXPECT_EQ(result.status(), CAMEO_PTX_OK) << result.text();
      EXPECT_EQ(gemm.wrong(), 0);
    }
}

TEST(HalfGemm, MissingWaitIsFound) {
  Gemm gemm(without(kernelText("hgemm.ptx"), "cp.async.wait_group"));
  Result result = gemm.launch(CAMEO_PTX_ASYNC_LATEST, 0);
  bool found = false;
  for (uint32_t i = 0; i < result.findingCount(); ++i)
    found = found || result.finding(i).kind == CAMEO_PTX_F_ASYNC_IN_FLIGHT;
  EXPECT_TRUE(found) << result.text();
}

TEST(HalfGemm, MissingBarrierIsFound) {
  Gemm gemm(without(kernelText("hgemm.ptx"), "bar.sync"));
  Result result = gemm.launch(CAMEO_PTX_ASYNC_LATEST, 0);
  EXPECT_NE(result.findingCount(), 0u);
  EXPECT_EQ(result.exitCode(), 20) << result.text();
}

/// As compilers emit inline assembly and calls: labels and parameters of blocks in braces, again and again.
TEST(Scopes, LabelsAndParametersOfInnerBlocks) {
  std::string text = header;
  text += R"(
.func (.param .b32 out) twice(.param .b32 in) {
  .reg .b32 %r<2>; ld.param.b32 %r0, [in]; add.u32 %r0, %r0, %r0; st.param.b32 [out], %r0; ret;
}
.func (.param .b64 out) wide(.param .b64 in) {
  .reg .b64 %l<2>; ld.param.b64 %l0, [in]; add.u64 %l0, %l0, 100; st.param.b64 [out], %l0; ret;
}
.visible .entry k(.param .u64 p) {
  .reg .b32 %r<4>; .reg .b64 %l<4>; .reg .pred %p;
  mov.u32 %r0, %tid.x;
  { .reg .pred %q; mov.u32 %r1, 0;
    AGAIN: add.u32 %r1, %r1, 1; setp.lt.u32 %q, %r1, 3; @%q bra AGAIN; @!%q bra DONE; trap; DONE: }
  { .reg .pred %q;
    AGAIN: add.u32 %r1, %r1, 10; setp.lt.u32 %q, %r1, 33; @!%q bra DONE; bra.uni AGAIN; DONE: }
  { .param .b32 param0; .param .b32 retval0; st.param.b32 [param0], %r1;
    call.uni (retval0), twice, (param0); ld.param.b32 %r1, [retval0]; }
  cvt.u64.u32 %l0, %r1;
  { .param .b64 param0; .param .b64 retval0; st.param.b64 [param0], %l0;
    call.uni (retval0), wide, (param0); ld.param.b64 %l0, [retval0]; }
  { .param .b32 param0; .param .b32 retval0; st.param.b32 [param0], %r0;
    call.uni (retval0), twice, (param0); ld.param.b32 %r2, [retval0]; }
  cvt.u32.u64 %r1, %l0; add.u32 %r1, %r1, %r2;
  bra DONE;
  DONE: ld.param.u64 %l1, [p]; mul.wide.u32 %l2, %r0, 4; add.u64 %l1, %l1, %l2; st.global.u32 [%l1], %r1; ret;
})";
  Module module(text);
  ASSERT_TRUE(module) << module.errors();
  Memory memory;
  uint64_t out = memory.alloc(128, "out");
  Arguments arguments;
  arguments.add(out);
  Result result = run(module, "k", memory, launchOf(1, 32, arguments));
  EXPECT_EQ(result.status(), CAMEO_PTX_OK) << result.text();
  auto got = memory.download<uint32_t>(out, 32);
  for (uint32_t t = 0; t < 32; ++t)
    EXPECT_EQ(got[t], 33 * 2 + 100 + 2 * t);
}

/// Lanes of a warp that are in two functions at once, and at several levels of one that calls itself: none disturbs
/// another's registers, of whatever widths these are.
TEST(Calls, LanesInDifferentFunctions) {
  std::string text = header;
  text += R"(
.func (.param .b32 out) narrow(.param .b32 in) {
  .reg .b32 %r<8>; .reg .pred %p; ld.param.b32 %r0, [in]; mov.u32 %r1, 0; mov.u32 %r2, 3; mov.u32 %r3, 5;
  again: add.u32 %r1, %r1, %r0; xor.b32 %r2, %r2, %r1; add.u32 %r3, %r3, %r2; nanosleep.u32 1;
  setp.lt.u32 %p, %r1, 200; @%p bra again;
  add.u32 %r1, %r3, %r2; st.param.b32 [out], %r1; ret;
}
.func (.param .b32 out) wide(.param .b32 in) {
  .reg .b32 %r<2>; .reg .b64 %l<8>; .reg .pred %p; ld.param.b32 %r0, [in]; cvt.u64.u32 %l0, %r0; mov.u64 %l1, 0;
  mov.u64 %l2, 3; mov.u64 %l3, 5;
  again: add.u64 %l1, %l1, %l0; xor.b64 %l2, %l2, %l1; add.u64 %l3, %l3, %l2; nanosleep.u32 1;
  setp.lt.u64 %p, %l1, 200; @%p bra again;
  add.u64 %l1, %l3, %l2; cvt.u32.u64 %r0, %l1; st.param.b32 [out], %r0; ret;
}
.func (.param .b32 out) deep(.param .b32 in) {
  .reg .b32 %r<4>; .reg .pred %p; ld.param.b32 %r0, [in]; mov.u32 %r1, 0; setp.eq.u32 %p, %r0, 0; @%p bra done;
  sub.u32 %r2, %r0, 1;
  { .param .b32 param0; .param .b32 retval0; st.param.b32 [param0], %r2;
    call (retval0), deep, (param0); ld.param.b32 %r1, [retval0]; }
  add.u32 %r1, %r1, %r0;
  done: st.param.b32 [out], %r1; ret;
}
.visible .entry k(.param .u64 p) {
  .reg .b32 %r<4>; .reg .b64 %l<4>; .reg .pred %p;
  mov.u32 %r0, %tid.x; and.b32 %r1, %r0, 1; setp.eq.u32 %p, %r1, 0; add.u32 %r1, %r0, 1;
  .param .b32 param0; .param .b32 retval0; st.param.b32 [param0], %r1;
  @%p bra even;
  call (retval0), narrow, (param0); bra both;
  even: call (retval0), wide, (param0);
  both: ld.param.b32 %r1, [retval0];
  st.param.b32 [param0], %r0; call (retval0), deep, (param0); ld.param.b32 %r2, [retval0]; add.u32 %r1, %r1, %r2;
  ld.param.u64 %l1, [p]; mul.wide.u32 %l2, %r0, 4; add.u64 %l1, %l1, %l2; st.global.u32 [%l1], %r1; ret;
})";
  Module module(text);
  ASSERT_TRUE(module) << module.errors();
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    Memory memory;
    uint64_t out = memory.alloc(128, "out");
    Arguments arguments;
    arguments.add(out);
    auto how = launchOf(1, 32, arguments);
    how.schedule = CAMEO_PTX_SCHEDULE_RANDOM;
    how.seed = seed;
    Result result = run(module, "k", memory, how);
    EXPECT_EQ(result.status(), CAMEO_PTX_OK) << result.text();
    auto got = memory.download<uint32_t>(out, 32);
    for (uint32_t t = 0; t < 32; ++t) {
      uint32_t a = 0, b = 3, c = 5;
      do
        a += t + 1, b ^= a, c += b;
      while (a < 200);
      EXPECT_EQ(got[t], c + b + t * (t + 1) / 2) << "thread " << t << ", seed " << seed;
    }
  }
}

TEST(Scopes, ALabelTwiceInOneBlockIsRefused) {
  Module module(std::string(header) + ".visible .entry k()\n{\n{\nx:\nx: ret;\n}\n}\n");
  EXPECT_FALSE(module);
  EXPECT_NE(module.errors().find("defined twice"), std::string::npos) << module.errors();
  Module outside(std::string(header) + ".visible .entry k()\n{\n{\nx:\nret;\n}\nbra x;\n}\n");
  EXPECT_FALSE(outside); // a block's label is its own
}

} // namespace
} // namespace cameo::ptx::test
