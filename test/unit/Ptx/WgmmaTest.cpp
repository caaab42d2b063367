// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The numbers of wgmma: every pair of types, operands in registers and in shared memory of every
// major-ness and swizzle, sizes, signs, scale-d, sparse ones with their selectors, against triple
// loops over random matrices. Values are small integers, so that every order of summation gives the
// same; the documented order is checked with reals on top.
#include "WgmmaHarness.h"

namespace cameo::ptx::test {
namespace {

struct Range {
  int least, most;
};
Range rangeOf(const std::string &type) {
  if (type == "s8")
    return {-128, 127};
  if (type == "u8")
    return {0, 255};
  if (type == "b1")
    return {0, 1};
  return {-4, 4};
}
int draw(std::mt19937 &random, Range r) { return r.least + int(random() % unsigned(r.most - r.least + 1)); }

/// Row and column of element i of a fragment of A: the ISA's figures for 64 x 256 bits.
int rowOfA(int t, int i, int perRegister) { return t / 32 * 16 + t % 32 / 4 + (i / perRegister % 2 ? 8 : 0); }
int columnOfA(int t, int i, int perRegister) {
  return t % 4 * perRegister + i % perRegister + (i >= 2 * perRegister ? 4 * perRegister : 0);
}

struct Problem {
  WgmmaData data;
  std::vector<std::vector<int64_t>> expected = std::vector<std::vector<int64_t>>(64, std::vector<int64_t>(256, 0));
};

/// Sparse A: which of the dense columns each stored one is, and the metadata of the 32 threads that
/// hold it: bits [lo..] of thread (row mod 8) * 4 + selector's pair, by the ISA's figures for mma.sp.
void drawSparsity(const WgmmaCase &c, std::mt19937 &random, std::vector<std::vector<int>> &columns, WgmmaData &data) {
  int stored = int(c.kA());
  columns.assign(64, std::vector<int>(size_t(stored), 0));
  for (int row = 0; row < 64; ++row)
    for (int group = 0; group < 8 * (c.bits() == 8 ? 2 : 1); ++group) {
      unsigned nibble;
      if (c.bits() == 32) {
        bool second = random() & 1;
        nibble = second ? 0xe : 0x4;
        columns[size_t(row)][size_t(group)] = group * 2 + second;
      } else {
        unsigned first = random() % 3, second = first + 1 + random() % (3 - first);
        nibble = first | second << 2;
        columns[size_t(row)][size_t(2 * group)] = group * 4 + int(first);
        columns[size_t(row)][size_t(2 * group + 1)] = group * 4 + int(second);
      }
      int quad = row / 16 * 32 + row % 8 * 4, upper = row % 16 / 8, thread, bit;
      if (c.bits() == 8) { // all four threads: T0, T1: columns 0-31 of rows g, g+8; T2, T3: 32-63
        thread = group / 8 * 2 + upper;
        bit = group % 8 * 4;
      } else { // two threads: 16 bits of row g, then 16 of row g+8
        thread = c.selector * 2 + group / 4;
        bit = group % 4 * 4 + 16 * upper;
      }
      data.meta[size_t(quad + thread)] |= nibble << bit;
    }
}

Problem makeProblem(const WgmmaCase &c, unsigned seed) {
  std::mt19937 random(seed);
  Problem p;
  int n = c.n, k = int(c.k()), stored = int(c.kA()), per = int(32 / c.bits());
  std::vector<int> storedRow(static_cast<size_t>(stored)), denseRow(static_cast<size_t>(k));
  std::vector<std::vector<int>> a(64, storedRow), b(static_cast<size_t>(n), denseRow), columns(64, storedRow);
  for (auto &row : columns)
    for (int j = 0; j < stored; ++j)
      row[size_t(j)] = j;
  if (c.sparse)
    drawSparsity(c, random, columns, p.data);
  for (int row = 0; row < 64; ++row)
    for (int j = 0; j < stored; ++j) {
      int v = a[size_t(row)][size_t(j)] = draw(random, rangeOf(c.a));
      if (!c.regsA)
        place(p.data.a, c.layoutA, uint32_t(row), uint32_t(j), c.bits(), 32, c.kA(), encode(c.a, v));
    }
  for (int t = 0; t < 128 && c.regsA; ++t)
    for (int i = 0; i < 4 * per; ++i) {
      uint64_t mask = c.bits() == 32 ? 0xffffffffu : (1u << c.bits()) - 1;
      uint64_t v = encode(c.a, a[size_t(rowOfA(t, i, per))][size_t(columnOfA(t, i, per))]) & mask;
      p.data.fragments[size_t(i / per * 128 + t)] |= uint32_t(v << (c.bits() * unsigned(i % per)));
    }
  uint32_t kBytes = c.sparse ? 64 : 32;
  for (int column = 0; column < n; ++column)
    for (int j = 0; j < k; ++j) {
      int v = b[size_t(column)][size_t(j)] = draw(random, rangeOf(c.b));
      place(p.data.b, c.layoutB, uint32_t(column), uint32_t(j), c.bits(), kBytes, c.k(), encode(c.b, v));
    }
  bool accumulates = c.scaleD == "1" || c.scaleD == "!%p";
  for (int t = 0; t < 128; ++t)
    for (int i = 0; i < n / 2; ++i) {
      int row = rowOfD(t, i), column = columnOfD(t, i);
      int start = c.d == "s32" ? int(random()) >> (c.satfinite ? 0 : 4) : draw(random, {-9, 9});
      setAccumulator(p.data.c, c.d, t, i, encode(c.d, start));
      int64_t sum = 0;
      for (int j = 0; j < stored; ++j)
        sum += int64_t(a[size_t(row)][size_t(j)]) *
               b[size_t(column)][size_t(columns[size_t(row)][size_t(j)])];
      p.expected[size_t(row)][size_t(column)] = sum * c.scaleA * c.scaleB + (accumulates ? start : 0);
    }
  return p;
}

void expectRight(const WgmmaCase &c, AsyncLaunch how = {}) {
  Problem p = makeProblem(c, unsigned(c.n) * 31 + unsigned(c.layoutB.swizzle));
  WgmmaRun run = runWgmma(c, wgmmaBody(c), p.data, how);
  ASSERT_TRUE(run.kinds.empty()) << c.describe() << "\n" << run.text;
  for (int t = 0; t < 128; ++t)
    for (int i = 0; i < c.n / 2; ++i) {
      int64_t want = p.expected[size_t(rowOfD(t, i))][size_t(columnOfD(t, i))];
      if (c.d == "s32" && c.satfinite)
        want = std::clamp<int64_t>(want, INT32_MIN, INT32_MAX);
      uint64_t bits = c.d == "s32" ? uint32_t(uint64_t(want)) : encode(c.d, int(want));
      ASSERT_EQ(accumulator(run.d, c.d, t, i), bits) << c.describe() << " thread " << t << " element " << i;
    }
}

/// Every layout that a type has; `f` gets each.
template <typename F> void eachLayout(const WgmmaCase &c, bool isA, F f) {
  int window = c.sparse && !isA ? 64 : 32;
  for (int swizzle = 0; swizzle < 4; ++swizzle)
    for (bool along : {false, true}) {
      if (along && (c.bits() != 16 || (isA && c.regsA)))
        continue;
      TileLayout layout{swizzle, along, 0, 0};
      if (!along && swizzle && int(layout.width()) < window)
        continue;
      f(layout);
      if (!swizzle)
        f(TileLayout{0, along, 0, 64});
      else if (!along && int(layout.width()) > window)
        f(TileLayout{swizzle, false, int(layout.width()) / window - 1, 0});
    }
}

struct Types {
  const char *a, *b, *d;
};
constexpr Types allTypes[] = {{"f16", "f16", "f32"},   {"f16", "f16", "f16"},   {"bf16", "bf16", "f32"},
                              {"tf32", "tf32", "f32"}, {"e4m3", "e4m3", "f32"}, {"e4m3", "e5m2", "f16"},
                              {"e5m2", "e4m3", "f32"}, {"e5m2", "e5m2", "f16"}, {"s8", "s8", "s32"},
                              {"s8", "u8", "s32"},     {"u8", "s8", "s32"},     {"u8", "u8", "s32"},
                              {"b1", "b1", "s32"}};

WgmmaCase caseOf(Types types, int n) {
  WgmmaCase c;
  c.a = types.a, c.b = types.b, c.d = types.d, c.n = n;
  return c;
}

TEST(Wgmma, DenseInAllLayouts) {
  for (Types types : allTypes)
    for (bool regsA : {false, true}) {
      WgmmaCase c = caseOf(types, 24);
      c.regsA = regsA;
      eachLayout(c, false, [&](TileLayout b) {
        c.layoutB = b;
        expectRight(c);
      });
      c.layoutB = {};
      if (!regsA)
        eachLayout(c, true, [&](TileLayout a) {
          c.layoutA = a;
          expectRight(c);
        });
      if (testing::Test::HasFatalFailure())
        return;
    }
}

TEST(Wgmma, DenseOfAllSizes) {
  for (Types types : allTypes)
    for (int n : {8, 64, 136, 256}) {
      if (n == 136 && std::string(types.d) == "s32")
        n = 144;
      WgmmaCase c = caseOf(types, n);
      c.layoutA = c.layoutB = TileLayout{1, false, 1, 0};
      expectRight(c);
      c.regsA = true;
      c.layoutB = c.bits() == 16 ? TileLayout{1, true, 0, 0} : TileLayout{2, false, 1, 0};
      expectRight(c);
    }
  for (int n = 8; n <= 256; n += 8) {
    WgmmaCase c = caseOf(allTypes[0], n);
    c.layoutA = TileLayout{2, true, 0, 0}, c.layoutB = TileLayout{3, true, 0, 0};
    expectRight(c);
  }
}

TEST(Wgmma, ScalesAndSigns) {
  for (Types types : allTypes)
    for (const char *scale : {"0", "%p", "!%p"}) {
      WgmmaCase c = caseOf(types, 64);
      c.scaleD = scale;
      c.scaleA = c.d == "s32" ? 1 : -1;
      c.scaleB = c.d == "s32" || scale[0] == '0' ? 1 : -1;
      c.satfinite = c.d == "s32" && c.a != "b1";
      expectRight(c);
    }
}

TEST(Wgmma, SparseWithAllSelectors) {
  for (Types types : allTypes) {
    if (std::string(types.a) == "b1")
      continue;
    for (int n : {8, 24, 256})
      for (bool regsA : {false, true})
        for (int selector = 0; selector < 2; ++selector) {
          WgmmaCase c = caseOf(types, n);
          if (c.bits() == 8 && selector)
            continue;
          c.sparse = true, c.regsA = regsA, c.selector = selector;
          c.layoutB = TileLayout{1, false, 1, 0};
          expectRight(c);
          if (n == 24)
            eachLayout(c, false, [&](TileLayout b) {
              c.layoutB = b;
              expectRight(c);
            });
          if (n == 24 && !regsA)
            eachLayout(c, true, [&](TileLayout a) {
              c.layoutA = a;
              expectRight(c);
            });
        }
  }
}

/// Starting with D, ascending k, one fused multiply-add in f32 for each; NaN is canonical.
TEST(Wgmma, OrderOfRealSums) {
  std::mt19937 random(11);
  std::vector<float> edges = edgeFloats();
  for (bool big : {false, true}) {
    WgmmaCase c = caseOf({"tf32", "tf32", "f32"}, 16);
    WgmmaData data;
    std::vector<float> eight(8);
    std::vector<std::vector<float>> a(64, eight), b(16, eight);
    auto next = [&] {
      uint32_t bits = big ? bitsAs<uint32_t>(edges[random() % edges.size()])
                          : bitsAs<uint32_t>(float(int(random() % 2000003) - 1000001) / 7919.0f);
      return bitsAs<float>(bits & 0xffffe000u);
    };
    for (uint32_t row = 0; row < 64; ++row)
      for (uint32_t j = 0; j < 8; ++j) {
        a[row][j] = next();
        place(data.a, c.layoutA, row, j, 32, 32, 8, bitsAs<uint32_t>(a[row][j]) | (random() & 0x1fff && !big));
      }
    for (uint32_t n = 0; n < 16; ++n)
      for (uint32_t j = 0; j < 8; ++j) {
        b[n][j] = next();
        place(data.b, c.layoutB, n, j, 32, 32, 8, bitsAs<uint32_t>(b[n][j]));
      }
    std::vector<float> start(128 * 8);
    for (int t = 0; t < 128; ++t)
      for (int i = 0; i < 8; ++i)
        setAccumulator(data.c, "f32", t, i, bitsAs<uint32_t>(start[size_t(t * 8 + i)] = next()));
    WgmmaRun run = runWgmma(c, wgmmaBody(c), data);
    ASSERT_TRUE(run.kinds.empty()) << run.text;
    for (int t = 0; t < 128; ++t)
      for (int i = 0; i < 8; ++i) {
        float sum = start[size_t(t * 8 + i)];
        for (size_t j = 0; j < 8; ++j)
          sum = std::fmaf(a[size_t(rowOfD(t, i))][j], b[size_t(columnOfD(t, i))][j], sum);
        uint32_t got = run.d[size_t(i * 128 + t)];
        ASSERT_EQ(got, sum != sum ? 0x7fffffffu : bitsAs<uint32_t>(sum)) << t << " " << i;
      }
  }
}

TEST(Wgmma, RefusesFormsThatTheIsaLacks) {
  auto refused = [](std::string line) {
    Module module(wgmmaKernel(WgmmaCase(), line));
    EXPECT_FALSE(bool(module)) << line;
    EXPECT_NE(module.errors().find("wgmma"), std::string::npos) << module.errors();
  };
  std::string mma = "wgmma.mma_async.sync.aligned.";
  std::string d4 = "{%d0, %d1, %d2, %d3}, %descA, %descB, 1";
  refused(mma + "m64n8k8.f32.f16.f16 " + d4 + ", 1, 1, 0, 0;\n");
  refused(mma + "m64n12k16.f32.f16.f16 " + d4 + ", 1, 1, 0, 0;\n");
  refused(mma + "m64n40k32.s32.s8.s8 " + registerList("d", 20) + ", %descA, %descB, 1;\n");
  refused(mma + "m64n8k16.f16.bf16.bf16 {%d0, %d1}, %descA, %descB, 1, 1, 1, 0, 0;\n");
  refused(mma + "m64n8k16.f32.f16.bf16 " + d4 + ", 1, 1, 0, 0;\n");
  refused(mma + "m64n8k8.f32.tf32.tf32 " + d4 + ", 1, 1, 0, 0;\n");
  refused(mma + "m64n8k16.f32.f16.f16 " + d4 + ", 2, 1, 0, 0;\n");
  refused(mma + "m64n8k16.f32.f16.f16 " + d4 + ", 1, 1, 0;\n");
  refused(mma + "m64n8k256.s32.b1.b1.xor.popc " + d4 + ";\n");
  refused("wgmma.mma_async.sp.sync.aligned.m64n8k512.s32.b1.b1.and.popc {%d0, %d1, %d2, %d3}, %descA, %descB, "
          "%meta, 0, 1;\n");
  refused("wgmma.mma_async.sp.sync.aligned.m64n8k64.s32.s8.s8 {%d0, %d1, %d2, %d3}, %descA, %descB, %meta, 1, 1;\n");
  refused("wgmma.wait_group.sync.aligned;\n");
  refused("wgmma.fence.sync;\n");
}

} // namespace
} // namespace cameo::ptx::test
