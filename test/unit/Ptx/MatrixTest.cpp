// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// mma.sync: fragments filled by the tables of the PTX ISA, written out here once more and in another
// form than in the machine: for each register and lane the row and column that the ISA's formulas
// give.
#include "Harness.h"

namespace cameo::ptx::test {
namespace {

struct Place {
  int row, column;
};

/// Section "Matrix Fragments for mma.m16n8k16 with floating point type", element i of A.
Place a16816(int lane, int i) {
  int group = lane >> 2, thread = lane % 4;
  int row = (i < 2 || (i >= 4 && i < 6)) ? group : group + 8;
  int column = i < 4 ? thread * 2 + (i & 1) : thread * 2 + (i & 1) + 8;
  return {row, column};
}
Place b16816(int lane, int i) {
  int group = lane >> 2, thread = lane % 4;
  return {i < 2 ? thread * 2 + (i & 1) : thread * 2 + (i & 1) + 8, group};
}
Place c1688(int lane, int i) {
  int group = lane >> 2, thread = lane % 4;
  return {i < 2 ? group : group + 8, thread * 2 + (i & 1)};
}
/// "mma.m16n8k32 with integer type", element i of A and B.
Place a16832(int lane, int i) {
  int group = lane >> 2, thread = lane % 4;
  int row = i < 4 || (i >= 8 && i < 12) ? group : group + 8;
  return {row, i < 8 ? thread * 4 + (i & 3) : thread * 4 + (i & 3) + 16};
}
Place b16832(int lane, int i) {
  int group = lane >> 2, thread = lane % 4;
  return {i < 4 ? thread * 4 + (i & 3) : thread * 4 + (i & 3) + 16, group};
}
/// "mma.m16n8k8 with .tf32".
Place a1688(int lane, int i) {
  int group = lane >> 2, thread = lane % 4;
  return {i == 0 || i == 2 ? group : group + 8, i < 2 ? thread : thread + 4};
}
Place b1688(int lane, int i) {
  int group = lane >> 2, thread = lane % 4;
  return {i == 0 ? thread : thread + 4, group};
}

/// A kernel of one warp: registers from buffers laid out [register][lane], the same for the result.
std::string mmaKernel(const std::string &instruction, int countA, int countB, int countC) {
  std::string text = header;
  text += ".visible .entry k(.param .u64 pa, .param .u64 pb, .param .u64 pc, .param .u64 pd)\n{\n"
          ".reg .b32 %a<8>, %b<8>, %c<8>, %d<8>, %t;\n.reg .b64 %at<4>, %off;\n"
          "mov.u32 %t, %tid.x;\nmul.wide.u32 %off, %t, 4;\n";
  const char *params[] = {"pa", "pb", "pc", "pd"};
  for (int i = 0; i < 4; ++i)
    text += std::string("ld.param.u64 %at") + char('0' + i) + ", [" + params[i] + "];\nadd.s64 %at" +
            char('0' + i) + ", %at" + char('0' + i) + ", %off;\n";
  auto load = [&](char name, int base, int count) {
    for (int r = 0; r < count; ++r)
      text += std::string("ld.global.b32 %") + name + std::to_string(r) + ", [%at" +
              std::to_string(base) + "+" + std::to_string(128 * r) + "];\n";
  };
  load('a', 0, countA);
  load('b', 1, countB);
  load('c', 2, countC);
  auto list = [](char name, int count) {
    std::string s = "{";
    for (int r = 0; r < count; ++r)
      s += std::string(r ? ", %" : "%") + name + std::to_string(r);
    return s + "}";
  };
  text += instruction + " " + list('d', countC) + ", " + list('a', countA) + ", " + list('b', countB) +
          ", " + list('c', countC) + ";\n";
  for (int r = 0; r < countC; ++r)
    text += "st.global.b32 [%at3+" + std::to_string(128 * r) + "], %d" + std::to_string(r) + ";\n";
  return text + "ret;\n}\n";
}

/// Runs it on registers that already have their bits; returns the registers of D.
std::vector<uint32_t> runMma(const std::string &instruction, const std::vector<uint32_t> &a,
                             const std::vector<uint32_t> &b, const std::vector<uint32_t> &c) {
  Module module(mmaKernel(instruction, int(a.size() / 32), int(b.size() / 32), int(c.size() / 32)));
  EXPECT_TRUE(module) << module.errors();
  std::vector<uint32_t> d(c.size());
  if (!module)
    return d;
  Memory memory;
  uint64_t pd = memory.alloc(d.size() * 4, "d");
  Arguments arguments;
  arguments.add(memory.upload(a, "a")).add(memory.upload(b, "b")).add(memory.upload(c, "c")).add(pd);
  Result result = run(module, "k", memory, launchOf(1, 32, arguments));
  EXPECT_EQ(result.status(), CAMEO_PTX_OK) << result.text();
  return memory.download<uint32_t>(pd, d.size());
}

/// Scatters matrix[row][column] of `width` bits into registers by a fragment map.
template <typename Map, typename Get>
std::vector<uint32_t> fragment(int elements, int bits, Map map, Get get) {
  int perRegister = 32 / bits;
  std::vector<uint32_t> r(elements / perRegister * 32, 0);
  for (int lane = 0; lane < 32; ++lane)
    for (int i = 0; i < elements; ++i) {
      Place p = map(lane, i);
      r[i / perRegister * 32 + lane] |= uint32_t(get(p.row, p.column)) << (bits * (i % perRegister));
    }
  return r;
}

int small(int row, int column, int seed) { return (row * 7 + column * 3 + seed * 5 + row * column) % 9 - 4; }
uint32_t half(int v) { // exact for |v| <= 4
  static const uint16_t table[] = {0xc400, 0xc200, 0xc000, 0xbc00, 0, 0x3c00, 0x4000, 0x4200, 0x4400};
  return table[v + 4];
}
uint32_t brain(int v) { return bitsAs<uint32_t>(float(v)) >> 16; }

template <typename Get> double product(int row, int column, int k, Get get) {
  double sum = small(row, column, 3);
  for (int i = 0; i < k; ++i)
    sum += get(row, i, 1) * get(i, column, 2);
  return sum;
}

TEST(Mma, F16AndBf16WithF32Accumulators) {
  for (bool isBrain : {false, true})
    for (int k : {8, 16}) {
      auto bits = [&](int v) { return isBrain ? brain(v) : half(v); };
      auto a = fragment(k == 16 ? 8 : 4, 16, a16816, [&](int r, int c) { return bits(small(r, c, 1)); });
      auto b = fragment(k == 16 ? 4 : 2, 16, b16816, [&](int r, int c) { return bits(small(r, c, 2)); });
      auto c = fragment(4, 32, c1688, [&](int r, int col) { return bitsAs<uint32_t>(float(small(r, col, 3))); });
      std::string t = isBrain ? "bf16" : "f16";
      auto d = runMma("mma.sync.aligned.m16n8k" + std::to_string(k) + ".row.col.f32." + t + "." + t + ".f32", a, b, c);
      for (int lane = 0; lane < 32; ++lane)
        for (int i = 0; i < 4; ++i) {
          Place p = c1688(lane, i);
          ASSERT_EQ(bitsAs<float>(d[i * 32 + lane]), product(p.row, p.column, k, small)) << t << k;
        }
    }
}

TEST(Mma, F16Accumulators) {
  auto a = fragment(8, 16, a16816, [&](int r, int c) { return half(small(r, c, 1)); });
  auto b = fragment(4, 16, b16816, [&](int r, int c) { return half(small(r, c, 2)); });
  auto c = fragment(4, 16, c1688, [&](int r, int col) { return half(small(r, col, 3)); });
  auto d = runMma("mma.sync.aligned.m16n8k16.row.col.f16.f16.f16.f16", a, b, c);
  for (int lane = 0; lane < 32; ++lane)
    for (int i = 0; i < 4; ++i) {
      Place p = c1688(lane, i);
      _Float16 got = bitsAs<_Float16>(uint16_t(d[i / 2 * 32 + lane] >> (16 * (i & 1))));
      ASSERT_EQ(double(got), product(p.row, p.column, 16, small));
    }
}

TEST(Mma, Tf32IgnoresTheLowBits) {
  auto bits = [](int v) { return bitsAs<uint32_t>(float(v)) | (v ? 0x1fffu : 0u); };
  auto a = fragment(4, 32, a1688, [&](int r, int c) { return bits(small(r, c, 1)); });
  auto b = fragment(2, 32, b1688, [&](int r, int c) { return bits(small(r, c, 2)); });
  auto c = fragment(4, 32, c1688, [&](int r, int col) { return bitsAs<uint32_t>(float(small(r, col, 3))); });
  auto d = runMma("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32", a, b, c);
  for (int lane = 0; lane < 32; ++lane)
    for (int i = 0; i < 4; ++i) {
      Place p = c1688(lane, i);
      ASSERT_EQ(bitsAs<float>(d[i * 32 + lane]), product(p.row, p.column, 8, small));
    }
}

TEST(Mma, IntegersOfBothSigns) {
  for (bool isSigned : {true, false}) {
    auto value = [&](int r, int c, int seed) {
      int v = (r * 31 + c * 17 + seed * 7) & 255;
      return isSigned ? int(int8_t(v)) : v;
    };
    auto a = fragment(16, 8, a16832, [&](int r, int c) { return value(r, c, 1) & 255; });
    auto b = fragment(8, 8, b16832, [&](int r, int c) { return value(r, c, 2) & 255; });
    auto c = fragment(4, 32, c1688, [&](int r, int col) { return uint32_t(small(r, col, 3)); });
    std::string t = isSigned ? "s8" : "u8";
    auto d = runMma("mma.sync.aligned.m16n8k32.row.col.s32." + t + "." + t + ".s32", a, b, c);
    for (int lane = 0; lane < 32; ++lane)
      for (int i = 0; i < 4; ++i) {
        Place p = c1688(lane, i);
        ASSERT_EQ(int32_t(d[i * 32 + lane]), product(p.row, p.column, 32, value)) << t;
      }
  }
}

TEST(Mma, NeedsTheWholeWarp) {
  std::string text = mmaKernel("mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32", 2, 1, 4);
  size_t at = text.find("mma.sync");
  text.insert(at, ".reg .pred %p;\nsetp.lt.u32 %p, %t, 16;\n@%p bra out;\n");
  text.insert(text.find("st.global"), "out:\nmov.b32 %d0, 0;\nmov.b32 %d1, 0;\nmov.b32 %d2, 0;\nmov.b32 %d3, 0;\n");
  // The lanes that skip it store and leave; then the others are all that is alive, and it may run.
  text.insert(text.find("ret;"), "bar.sync 0;\n");
  Module module(text);
  ASSERT_TRUE(module) << module.errors();
  Memory memory;
  std::vector<uint32_t> data(32 * 8, 0);
  Arguments arguments;
  for (int i = 0; i < 4; ++i)
    arguments.add(memory.upload(data, "x"));
  Result result = run(module, "k", memory, launchOf(1, 32, arguments));
  ASSERT_EQ(result.findingCount(), 1u) << result.text();
  EXPECT_EQ(result.finding(0).kind, uint32_t(CAMEO_PTX_F_DIVERGENCE));
  EXPECT_EQ(result.exitCode(), 24);
}

TEST(Matrix, LdmatrixTransposesAndStmatrixUndoes) {
  std::string text = header;
  text += R"(
.visible .entry k(.param .u64 out) {
  .reg .b32 %r<8>; .reg .b64 %rd<4>; .reg .b16 %h<4>;
  .shared .align 16 .b8 tile[128]; .shared .align 16 .b8 copy[128];
  mov.u32 %r0, %tid.x;
  shl.b32 %r1, %r0, 1;            // two elements per thread: 2t, 2t+1
  cvt.u16.u32 %h0, %r1; add.u16 %h1, %h0, 1;
  mov.b32 %r2, {%h0, %h1};
  mov.u32 %r3, tile; mad.lo.u32 %r3, %r0, 4, %r3;
  st.shared.b32 [%r3], %r2;
  bar.warp.sync -1;
  and.b32 %r4, %r0, 7;
  mov.u32 %r5, tile; mad.lo.u32 %r5, %r4, 16, %r5;
  ldmatrix.sync.aligned.m8n8.x1.trans.shared.b16 {%r6}, [%r5];
  mov.u32 %r7, copy; mad.lo.u32 %r7, %r4, 16, %r7;
  stmatrix.sync.aligned.m8n8.x1.trans.shared.b16 [%r7], {%r6};
  bar.warp.sync -1;
  mov.u32 %r7, copy; mad.lo.u32 %r7, %r0, 4, %r7;
  ld.shared.b32 %r2, [%r7];
  ld.param.u64 %rd0, [out]; mul.wide.u32 %rd1, %r0, 8; add.s64 %rd0, %rd0, %rd1;
  st.global.v2.b32 [%rd0], {%r6, %r2};
  ret;
})";
  Module module(text);
  ASSERT_TRUE(module) << module.errors();
  Memory memory;
  uint64_t out = memory.alloc(256, "out");
  Arguments arguments;
  arguments.add(out);
  Result result = run(module, "k", memory, launchOf(1, 32, arguments));
  EXPECT_EQ(result.status(), CAMEO_PTX_OK) << result.text();
  auto got = memory.download<uint32_t>(out, 64);
  for (uint32_t t = 0; t < 32; ++t) {
    uint32_t row = t / 4, column = t % 4 * 2; // of the transposed matrix
    EXPECT_EQ(got[2 * t], (column * 8 + row) | ((column + 1) * 8 + row) << 16);
    EXPECT_EQ(got[2 * t + 1], (2 * t) | (2 * t + 1) << 16);
  }
}

} // namespace
} // namespace cameo::ptx::test
