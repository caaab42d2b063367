// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Integer instructions against 128-bit arithmetic and bit-by-bit definitions.
#include "Harness.h"

namespace cameo::ptx::test {
namespace {

template <typename D, typename T, typename F>
void checkPairs(const std::string &body, F expected) {
  std::vector<T> a, b;
  cross(edgeIntegers<T>(), a, b);
  std::vector<D> got = evaluate<D, T, T>(body, a, b);
  for (size_t i = 0; i < a.size(); ++i)
    ASSERT_EQ(got[i], expected(a[i], b[i])) << body << " of " << +a[i] << ", " << +b[i];
}

TEST(Integer, AddSubMulWrap) {
  checkPairs<uint32_t, uint32_t>("add.s32 %d, %a, %b;", [](uint32_t a, uint32_t b) { return a + b; });
  checkPairs<uint64_t, uint64_t>("sub.u64 %d, %a, %b;", [](uint64_t a, uint64_t b) { return a - b; });
  checkPairs<uint16_t, uint16_t>("add.u16 %d, %a, %b;",
                                 [](uint16_t a, uint16_t b) { return uint16_t(a + b); });
  checkPairs<uint16_t, uint16_t>("mul.lo.u16 %d, %a, %b;",
                                 [](uint16_t a, uint16_t b) { return uint16_t(uint32_t(a) * b); });
  checkPairs<uint64_t, uint64_t>("mul.lo.s64 %d, %a, %b;", [](uint64_t a, uint64_t b) { return a * b; });
}

TEST(Integer, MulHiAndWide) {
  checkPairs<int32_t, int32_t>("mul.hi.s32 %d, %a, %b;",
                               [](int32_t a, int32_t b) { return int32_t(int64_t(a) * b >> 32); });
  checkPairs<uint64_t, uint64_t>("mul.hi.u64 %d, %a, %b;", [](uint64_t a, uint64_t b) {
    return uint64_t(static_cast<unsigned __int128>(a) * b >> 64);
  });
  checkPairs<int64_t, int64_t>("mul.hi.s64 %d, %a, %b;", [](int64_t a, int64_t b) {
    return int64_t(static_cast<__int128>(a) * b >> 64);
  });
  checkPairs<int64_t, int32_t>("mul.wide.s32 %d, %a, %b;",
                               [](int32_t a, int32_t b) { return int64_t(a) * b; });
  checkPairs<uint32_t, uint16_t>("mul.wide.u16 %d, %a, %b;",
                                 [](uint16_t a, uint16_t b) { return uint32_t(a) * b; });
}

TEST(Integer, SaturatingAdd) {
  auto clamp = [](int64_t v) { return int32_t(std::min<int64_t>(std::max<int64_t>(v, INT32_MIN), INT32_MAX)); };
  checkPairs<int32_t, int32_t>("add.sat.s32 %d, %a, %b;",
                               [&](int32_t a, int32_t b) { return clamp(int64_t(a) + b); });
  checkPairs<int32_t, int32_t>("sub.sat.s32 %d, %a, %b;",
                               [&](int32_t a, int32_t b) { return clamp(int64_t(a) - b); });
}

TEST(Integer, DivisionNeverTraps) {
  checkPairs<int32_t, int32_t>("div.s32 %d, %a, %b;", [](int32_t a, int32_t b) {
    return b == 0 ? -1 : int32_t(int64_t(a) / b);
  });
  checkPairs<uint64_t, uint64_t>("div.u64 %d, %a, %b;",
                                 [](uint64_t a, uint64_t b) { return b ? a / b : ~uint64_t(0); });
  checkPairs<int64_t, int64_t>("rem.s64 %d, %a, %b;", [](int64_t a, int64_t b) {
    return b == 0 ? a : int64_t(static_cast<__int128>(a) % b);
  });
}

TEST(Integer, MinMaxAbsNeg) {
  checkPairs<int32_t, int32_t>("min.s32 %d, %a, %b;", [](int32_t a, int32_t b) { return std::min(a, b); });
  checkPairs<uint16_t, uint16_t>("max.u16 %d, %a, %b;", [](uint16_t a, uint16_t b) { return std::max(a, b); });
  checkPairs<int64_t, int64_t>("abs.s64 %d, %a;",
                               [](int64_t a, int64_t) { return a < 0 ? int64_t(0 - uint64_t(a)) : a; });
  checkPairs<uint32_t, uint32_t>("neg.s32 %d, %a;", [](uint32_t a, uint32_t) { return 0 - a; });
}

TEST(Integer, ShiftsClampTheirAmount) {
  std::vector<int32_t> a;
  std::vector<uint32_t> n;
  for (int32_t v : {1, -1, 0x40000000, INT32_MIN, 12345})
    for (uint32_t s : {0u, 1u, 15u, 31u, 32u, 33u, 64u, 0xffffffffu}) {
      a.push_back(v);
      n.push_back(s);
    }
  auto left = evaluate<uint32_t, int32_t, uint32_t>("shl.b32 %d, %a, %b;", a, n);
  auto right = evaluate<uint32_t, int32_t, uint32_t>("shr.u32 %d, %a, %b;", a, n);
  auto arithmetic = evaluate<int32_t, int32_t, uint32_t>("shr.s32 %d, %a, %b;", a, n);
  for (size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(left[i], n[i] > 31 ? 0 : uint32_t(a[i]) << n[i]);
    EXPECT_EQ(right[i], n[i] > 31 ? 0 : uint32_t(a[i]) >> n[i]);
    EXPECT_EQ(arithmetic[i], int64_t(a[i]) >> std::min(n[i], 63u));
  }
}

TEST(Integer, BitCounts) {
  std::vector<uint32_t> v = edgeIntegers<uint32_t>();
  auto population = evaluate<uint32_t>("popc.b32 %d, %a;", v);
  auto zeros = evaluate<uint32_t>("clz.b32 %d, %a;", v);
  auto reversed = evaluate<uint32_t>("brev.b32 %d, %a;", v);
  auto found = evaluate<uint32_t>("bfind.s32 %d, %a;", v);
  for (size_t i = 0; i < v.size(); ++i) {
    uint32_t p = 0, z = 0, r = 0, f = 0xffffffff;
    uint32_t magnitude = int32_t(v[i]) < 0 ? ~v[i] : v[i];
    for (uint32_t bit = 0; bit < 32; ++bit) {
      p += v[i] >> bit & 1;
      r |= (v[i] >> bit & 1) << (31 - bit);
      f = magnitude >> bit & 1 ? bit : f;
    }
    while (z < 32 && !(v[i] >> (31 - z) & 1))
      ++z;
    EXPECT_EQ(population[i], p);
    EXPECT_EQ(zeros[i], z);
    EXPECT_EQ(reversed[i], r);
    EXPECT_EQ(found[i], f);
  }
}

TEST(Integer, BitFields) {
  std::vector<int32_t> a;
  std::vector<uint32_t> pos, len;
  for (int32_t v : {0x12345678, -2, INT32_MIN, 0x7fffffff})
    for (uint32_t p : {0u, 4u, 31u, 32u, 40u, 255u})
      for (uint32_t l : {0u, 1u, 8u, 31u, 32u, 40u}) {
        a.push_back(v);
        pos.push_back(p);
        len.push_back(l);
      }
  auto u = evaluate<uint32_t, int32_t, uint32_t, uint32_t>("bfe.u32 %d, %a, %b, %c;", a, pos, len);
  auto s = evaluate<uint32_t, int32_t, uint32_t, uint32_t>("bfe.s32 %d, %a, %b, %c;", a, pos, len);
  auto in = evaluate<uint32_t, int32_t, uint32_t, uint32_t>("bfi.b32 %d, %a, -1, %b, %c;", a, pos, len);
  for (size_t i = 0; i < a.size(); ++i) {
    // The definitions of the ISA, bit by bit.
    uint32_t v = uint32_t(a[i]), msb = 31, ue = 0, se = 0, ins = 0xffffffff;
    uint32_t signBit = len[i] == 0 ? 0 : v >> std::min(pos[i] + len[i] - 1, msb) & 1;
    for (uint32_t k = 0; k <= msb; ++k) {
      bool inside = k < len[i] && pos[i] + k <= msb;
      ue |= (inside ? v >> (pos[i] + k) & 1 : 0) << k;
      se |= (inside ? v >> (pos[i] + k) & 1 : signBit) << k;
      if (k < len[i] && pos[i] + k <= msb)
        ins = (ins & ~(1u << (pos[i] + k))) | (v >> k & 1) << (pos[i] + k);
    }
    EXPECT_EQ(u[i], ue) << a[i] << " " << pos[i] << " " << len[i];
    EXPECT_EQ(s[i], se) << a[i] << " " << pos[i] << " " << len[i];
    EXPECT_EQ(in[i], ins) << a[i] << " " << pos[i] << " " << len[i];
  }
}

TEST(Integer, Lop3IsItsTable) {
  for (uint32_t table : {0xe8u, 0x96u, 0x01u, 0xf0u, 0xcau}) {
    std::vector<uint32_t> a{0xf0f0f0f0u}, b{0xccccccccu}, c{0xaaaaaaaau};
    auto got = evaluate<uint32_t>("lop3.b32 %d, %a, %b, %c, " + std::to_string(table) + ";", a, b, c);
    EXPECT_EQ(got[0], table * 0x01010101u);
  }
}

TEST(Integer, Permute) {
  std::vector<uint32_t> a{0x33221180u}, b{0x77665544u};
  EXPECT_EQ(evaluate<uint32_t>("prmt.b32 %d, %a, %b, 0x7410;", a, b)[0], 0x77441180u);
  EXPECT_EQ(evaluate<uint32_t>("prmt.b32 %d, %a, %b, 0x8888;", a, b)[0], 0xffffffffu);
  EXPECT_EQ(evaluate<uint32_t>("prmt.b32.f4e %d, %a, %b, 1;", a, b)[0], 0x44332211u);
  EXPECT_EQ(evaluate<uint32_t>("prmt.b32.rc16 %d, %a, %b, 1;", a, b)[0], 0x33223322u);
}

TEST(Integer, FunnelShift) {
  std::vector<uint32_t> a(4, 0x80000001u), b(4, 0x40000003u), n{0, 1, 31, 40};
  auto left = evaluate<uint32_t>("shf.l.clamp.b32 %d, %a, %b, %c;", a, b, n);
  auto right = evaluate<uint32_t>("shf.r.wrap.b32 %d, %a, %b, %c;", a, b, n);
  for (size_t i = 0; i < 4; ++i) {
    uint64_t wide = uint64_t(b[i]) << 32 | a[i];
    EXPECT_EQ(left[i], uint32_t(wide << std::min(n[i], 32u) >> 32));
    EXPECT_EQ(right[i], uint32_t(wide >> (n[i] & 31)));
  }
}

TEST(Integer, CarryChainIsA128BitSum) {
  std::vector<uint64_t> a{~0ull, 5, 0x8000000000000000ull}, b{1, ~0ull, 0x8000000000000000ull};
  auto high = evaluate<uint64_t>("add.cc.u64 %l0, %a, %b;\naddc.u64 %d, 10, 20;", a, b);
  auto borrow = evaluate<uint64_t>("sub.cc.u64 %l0, %a, %b;\nsubc.u64 %d, 10, 20;", a, b);
  for (size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(high[i], 30 + (a[i] + b[i] < a[i]));
    EXPECT_EQ(borrow[i], uint64_t(-10) - (a[i] < b[i]));
  }
}

/// nvcc's 128-bit division asks addc whether a difference was negative.
TEST(Integer, TheFlagOfADifferenceIsItsCarry) {
  std::vector<uint32_t> a{5, 7, 0, 0xffffffffu}, b{7, 5, 0, 1};
  auto sum = evaluate<uint32_t>("sub.cc.u32 %r0, %a, %b;\naddc.u32 %d, 0, 0;", a, b);
  auto difference = evaluate<uint32_t>("add.cc.u32 %r0, %a, %b;\nsubc.u32 %d, 0, 0;", a, b);
  for (size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(sum[i], a[i] >= b[i]);
    EXPECT_EQ(difference[i], a[i] + b[i] < a[i] ? 0u : ~0u);
  }
}

TEST(Integer, DifferencesOfParts) {
  std::vector<uint32_t> a{0x01ff8002u}, b{0x7f80ff03u}, c{100};
  EXPECT_EQ(evaluate<uint32_t>("vabsdiff4.u32.u32.u32 %d, %a, %b, %c;", a, b, c)[0], 0x7e7f7f01u);
  EXPECT_EQ(evaluate<uint32_t>("vabsdiff4.u32.u32.u32.add %d, %a, %b, %c;", a, b, c)[0], 100u + 0x7e + 0x7f + 0x7f + 1);
  EXPECT_EQ(evaluate<uint32_t>("vabsdiff4.u32.s32.s32.add %d, %a, %b, %c;", a, b, c)[0], 100u + 126 + 127 + 127 + 1);
  EXPECT_EQ(evaluate<uint32_t>("vabsdiff2.u32.u32.u32.add %d, %a, %b, %c;", a, b, c)[0], 100u + (0x7f80 - 0x01ff) + (0xff03 - 0x8002));
  EXPECT_EQ(evaluate<uint32_t>("vabsdiff2.s32.s32.s32 %d, %a, %b, %c;", a, b, c)[0], 0x7d817f01u);
}

TEST(Integer, DotProducts) {
  std::vector<uint32_t> a{0x01ff8002u}, b{0x7f80ff03u}, c{100};
  auto got = evaluate<uint32_t>("dp4a.s32.s32 %d, %a, %b, %c;", a, b, c);
  EXPECT_EQ(int32_t(got[0]), 100 + 1 * 127 + (-1) * (-128) + (-128) * (-1) + 2 * 3);
  got = evaluate<uint32_t>("dp4a.u32.u32 %d, %a, %b, %c;", a, b, c);
  EXPECT_EQ(got[0], 100u + 1 * 127 + 255 * 128 + 128 * 255 + 2 * 3);
}

TEST(Integer, VectorMoves) {
  std::vector<uint32_t> a{0x12345678u};
  EXPECT_EQ(evaluate<uint32_t>("mov.b32 {%h0, %h1}, %a;\nmov.b32 %d, {%h1, %h0};", a)[0], 0x56781234u);
  EXPECT_EQ(evaluate<uint64_t>("mov.b64 %d, {%a, 7};", a)[0], 0x712345678ull);
}

TEST(Integer, SelectAndSlct) {
  std::vector<int32_t> a{1, -1, 0}, b{10, 20, 30};
  EXPECT_EQ((evaluate<int32_t>("setp.lt.s32 %p, %a, 0;\nselp.b32 %d, %b, 5, %p;", a, b)),
            (std::vector<int32_t>{5, 20, 5}));
  EXPECT_EQ((evaluate<int32_t>("slct.s32.s32 %d, %b, 5, %a;", a, b)),
            (std::vector<int32_t>{10, 5, 30}));
}

TEST(Integer, CompareCombinesWithPredicates) {
  std::vector<int32_t> a{-1, 0, 1, 2};
  // p = (a < 1) and not (a == 0); q = (a >= 1) and not (a == 0)
  std::string body = "setp.eq.s32 %p, %a, 0;\nsetp.lt.and.s32 %p|%q, %a, 1, !%p;\n"
                     "selp.b32 %r0, 1, 0, %p;\nselp.b32 %r1, 2, 0, %q;\nor.b32 %d, %r0, %r1;";
  EXPECT_EQ((evaluate<int32_t>(body, a)), (std::vector<int32_t>{1, 0, 2, 2}));
  // Unsigned comparison of the same bits.
  EXPECT_EQ((evaluate<int32_t>("setp.hi.u32 %p, %a, 1;\nselp.b32 %d, 1, 0, %p;", a)),
            (std::vector<int32_t>{1, 0, 0, 1}));
}

} // namespace
} // namespace cameo::ptx::test
