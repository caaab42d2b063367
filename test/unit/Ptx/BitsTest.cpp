// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Bit fields, packed integers, carries and the like, one table: an instruction and what it computes,
// written as loops over bits or in 128-bit arithmetic, as the ISA defines it. Each row runs over all
// triples of edge values.
#include "Harness.h"

namespace cameo::ptx::test {
namespace {

using U = uint32_t;
using S = int32_t;
using Wide = __int128;

std::vector<U> values() {
  return {0, 1, 2, 3, 7, 8, 15, 16, 30, 31, 32, 33, 63, 64, 255, 0x7fff, 0x8000, 0xffff, 0x10000,
          0x7fffffff, 0x80000000, 0x80000001, 0xfffffff8, 0xffffffff, 0x12345678, 0xa5a50f0f,
          0x00800000, 0x7f80ff03};
}

S clampS(Wide v, Wide least, Wide most) { return S(v < least ? least : v > most ? most : v); }
bool bit(uint64_t v, S i) { return i >= 0 && i < 64 && (v >> i & 1); }

/// bmsk, as the pseudo-code of the ISA has it.
U maskOf(U a, U b, bool clamp) {
  U mask0 = ~0u << (a & 31);
  uint64_t sum = uint64_t(a & 31) + (b & 31);
  U mask1 = sum >= 32 ? 0 : ~0u << sum;
  if (clamp && a >= 32)
    mask0 = 0;
  if (clamp && (a >= 32 || b >= 32))
    mask1 = 0;
  return mask0 & ~mask1;
}
U extendOf(U a, U b, bool clamp, bool isSigned) {
  if (clamp && b >= 32)
    return a;
  U r = 0, n = b & 31;
  for (U i = 0; i < 32; ++i)
    r |= U(i < n ? bit(a, S(i)) : isSigned && n > 0 && bit(a, S(n) - 1)) << i;
  return r;
}
U nthSet(U mask, U base, U offset) {
  if (offset == 0)
    return bit(mask, S(base)) ? base : ~0u;
  bool down = S(offset) < 0;
  uint64_t wanted = down ? 0 - uint64_t(int64_t(S(offset))) : offset, seen = 0;
  for (S at = S(base); at >= 0 && at < 32; at += down ? -1 : 1)
    if (bit(mask, at) && ++seen == wanted)
      return U(at);
  return ~0u;
}
U bytesOf(U a, U b, U c, bool signedA, bool signedB) {
  Wide sum = 0;
  for (int i = 0; i < 4; ++i) {
    U x = a >> (8 * i) & 255, y = b >> (8 * i) & 255;
    sum += Wide(signedA && x > 127 ? S(x) - 256 : S(x)) * (signedB && y > 127 ? S(y) - 256 : S(y));
  }
  return U(sum + S(c));
}
U shortsOf(U a, U b, U c, bool signedA, bool signedB, bool high) {
  Wide sum = 0;
  for (int i = 0; i < 2; ++i) {
    U x = a >> (16 * i) & 0xffff, y = b >> (8 * i + 16 * high) & 255;
    sum += Wide(signedA && x > 0x7fff ? S(x) - 65536 : S(x)) * (signedB && y > 127 ? S(y) - 256 : S(y));
  }
  return U(sum + S(c));
}
U permuteOf(U a, U b, const U (&selector)[4]) {
  U r = 0;
  for (int i = 0; i < 4; ++i) {
    U s = selector[i] & 7, byte = (s < 4 ? a >> (8 * s) : b >> (8 * (s - 4))) & 255;
    r |= (selector[i] & 8 ? (byte & 128 ? 255u : 0u) : byte) << (8 * i);
  }
  return r;
}
template <typename F> U perHalf(U a, U b, bool isSigned, F f) {
  U r = 0;
  for (int i = 0; i < 2; ++i) {
    U x = a >> (16 * i) & 0xffff, y = b >> (16 * i) & 0xffff;
    S p = isSigned && x > 0x7fff ? S(x) - 65536 : S(x), q = isSigned && y > 0x7fff ? S(y) - 65536 : S(y);
    r |= (U(f(p, q)) & 0xffff) << (16 * i);
  }
  return r;
}
Wide s24(U v) { return Wide(S(v << 8) >> 8); }
Wide u24(U v) { return Wide(v & 0xffffff); }
U packed(U a, U b, U c, int bits, bool isSigned) {
  Wide most = (Wide(1) << (bits - isSigned)) - 1, least = isSigned ? -most - 1 : 0;
  U mask = (1u << bits) - 1;
  U low = U(clampS(S(b), least, most)) & mask, high = U(clampS(S(a), least, most)) & mask;
  return low | high << bits | (bits < 16 ? c << (2 * bits) : 0);
}

struct Row {
  const char *instruction; ///< of %a, %b, %c
  std::function<U(U, U, U)> expected;
};

void check(const std::vector<Row> &rows) {
  std::vector<U> a, b, c, v = values();
  for (U x : v)
    for (U y : v)
      for (size_t k = 0; k < v.size(); k += 3) {
        a.push_back(x);
        b.push_back(y);
        c.push_back(v[(k + x + y) % v.size()]);
      }
  for (const Row &row : rows) {
    std::vector<U> got = evaluate<U, U, U, U>(row.instruction, a, b, c);
    for (size_t i = 0; i < a.size(); ++i)
      ASSERT_EQ(got[i], row.expected(a[i], b[i], c[i]))
          << row.instruction << " of " << a[i] << ", " << b[i] << ", " << c[i];
  }
}

TEST(Bits, MasksAndFields) {
  check({{"bmsk.clamp.b32 %d, %a, %b;", [](U a, U b, U) { return maskOf(a, b, true); }},
         {"bmsk.wrap.b32 %d, %a, %b;", [](U a, U b, U) { return maskOf(a, b, false); }},
         {"szext.clamp.s32 %d, %a, %b;", [](U a, U b, U) { return extendOf(a, b, true, true); }},
         {"szext.wrap.s32 %d, %a, %b;", [](U a, U b, U) { return extendOf(a, b, false, true); }},
         {"szext.clamp.u32 %d, %a, %b;", [](U a, U b, U) { return extendOf(a, b, true, false); }},
         {"szext.wrap.u32 %d, %a, %b;", [](U a, U b, U) { return extendOf(a, b, false, false); }},
         {"and.b32 %r0, %b, 31;\nfns.b32 %d, %a, %r0, %c;",
          [](U a, U b, U c) { return nthSet(a, b & 31, c); }},
         {"shf.l.wrap.b32 %d, %a, %b, %c;",
          [](U a, U b, U c) { return U((uint64_t(b) << 32 | a) << (c & 31) >> 32); }},
         {"shf.r.clamp.b32 %d, %a, %b, %c;",
          [](U a, U b, U c) { return U((uint64_t(b) << 32 | a) >> std::min(c, 32u)); }}});
}

TEST(Bits, DotProductsOfAllSigns) {
  for (int high : {0, 1})
    for (int signs = 0; signs < 4; ++signs) {
      std::string types = std::string(signs & 1 ? ".s32" : ".u32") + (signs & 2 ? ".s32" : ".u32");
      std::string two = std::string("dp2a") + (high ? ".hi" : ".lo") + types + " %d, %a, %b, %c;";
      check({{two.c_str(),
              [=](U a, U b, U c) { return shortsOf(a, b, c, signs & 1, signs & 2, high); }}});
      std::string four = "dp4a" + types + " %d, %a, %b, %c;";
      if (!high)
        check({{four.c_str(), [=](U a, U b, U c) { return bytesOf(a, b, c, signs & 1, signs & 2); }}});
    }
}

TEST(Bits, PermuteInAllModes) {
  auto mode = [](U (*entry)(U n, U i)) {
    return [entry](U a, U b, U c) {
      U n = c & 3, s[4] = {entry(n, 0), entry(n, 1), entry(n, 2), entry(n, 3)};
      return permuteOf(a, b, s);
    };
  };
  check({{"prmt.b32 %d, %a, %b, %c;",
          [](U a, U b, U c) {
            U s[4] = {c & 15, c >> 4 & 15, c >> 8 & 15, c >> 12 & 15};
            return permuteOf(a, b, s);
          }},
         {"prmt.b32.f4e %d, %a, %b, %c;", mode([](U n, U i) { return n + i; })},
         {"prmt.b32.b4e %d, %a, %b, %c;", mode([](U n, U i) { return (n - i) & 7; })},
         {"prmt.b32.rc8 %d, %a, %b, %c;", mode([](U n, U) { return n; })},
         {"prmt.b32.ecl %d, %a, %b, %c;", mode([](U n, U i) { return std::max(n, i); })},
         {"prmt.b32.ecr %d, %a, %b, %c;", mode([](U n, U i) { return std::min(n, i); })},
         {"prmt.b32.rc16 %d, %a, %b, %c;", mode([](U n, U i) { return (n & 1) * 2 + (i & 1); })}});
}

TEST(Bits, PackedHalves) {
  auto relu = [](S v) { return std::max(v, 0); };
  auto lesser = [](S a, S b) { return std::min(a, b); };
  auto greater = [](S a, S b) { return std::max(a, b); };
  check({{"add.s16x2 %d, %a, %b;", [](U a, U b, U) { return perHalf(a, b, true, [](S x, S y) { return x + y; }); }},
         {"add.u16x2 %d, %a, %b;", [](U a, U b, U) { return perHalf(a, b, false, [](S x, S y) { return x + y; }); }},
         {"min.s16x2 %d, %a, %b;", [=](U a, U b, U) { return perHalf(a, b, true, lesser); }},
         {"min.u16x2 %d, %a, %b;", [=](U a, U b, U) { return perHalf(a, b, false, lesser); }},
         {"max.s16x2 %d, %a, %b;", [=](U a, U b, U) { return perHalf(a, b, true, greater); }},
         {"max.u16x2 %d, %a, %b;", [=](U a, U b, U) { return perHalf(a, b, false, greater); }},
         {"min.relu.s16x2 %d, %a, %b;",
          [=](U a, U b, U) { return perHalf(a, b, true, [=](S x, S y) { return relu(lesser(x, y)); }); }},
         {"max.relu.s16x2 %d, %a, %b;",
          [=](U a, U b, U) { return perHalf(a, b, true, [=](S x, S y) { return relu(greater(x, y)); }); }},
         {"min.relu.s32 %d, %a, %b;", [=](U a, U b, U) { return U(relu(lesser(S(a), S(b)))); }},
         {"max.relu.s32 %d, %a, %b;", [=](U a, U b, U) { return U(relu(greater(S(a), S(b)))); }}});
}

TEST(Bits, ProductsOf24Bits) {
  check({{"mul24.lo.s32 %d, %a, %b;", [](U a, U b, U) { return U(s24(a) * s24(b)); }},
         {"mul24.hi.s32 %d, %a, %b;", [](U a, U b, U) { return U(s24(a) * s24(b) >> 16); }},
         {"mul24.lo.u32 %d, %a, %b;", [](U a, U b, U) { return U(u24(a) * u24(b)); }},
         {"mul24.hi.u32 %d, %a, %b;", [](U a, U b, U) { return U(u24(a) * u24(b) >> 16); }},
         {"mad24.lo.s32 %d, %a, %b, %c;", [](U a, U b, U c) { return U(s24(a) * s24(b) + S(c)); }},
         {"mad24.hi.u32 %d, %a, %b, %c;", [](U a, U b, U c) { return U((u24(a) * u24(b) >> 16) + c); }},
         {"mad24.hi.sat.s32 %d, %a, %b, %c;",
          [](U a, U b, U c) {
            return U(clampS(Wide(S(s24(a) * s24(b) >> 16)) + S(c), INT32_MIN, INT32_MAX));
          }},
         {"sad.s32 %d, %a, %b, %c;",
          [](U a, U b, U c) { return U(Wide(c) + (S(a) < S(b) ? Wide(S(b)) - S(a) : Wide(S(a)) - S(b))); }},
         {"sad.u32 %d, %a, %b, %c;", [](U a, U b, U c) { return U(Wide(c) + (a < b ? b - a : a - b)); }},
         {"mad.hi.sat.s32 %d, %a, %b, %c;",
          [](U a, U b, U c) { return U(clampS((Wide(S(a)) * S(b) >> 32) + S(c), INT32_MIN, INT32_MAX)); }}});
}

TEST(Bits, CarriesOfAllProducts) {
  // The carry of the first is seen by an addc of zeros.
  auto high = [](U a, U b) { return U(Wide(a) * b >> 32); };
  auto highSigned = [](U a, U b) { return U(Wide(S(a)) * S(b) >> 32); };
  check({{"mad.lo.cc.u32 %r0, %a, %b, %c;\naddc.u32 %d, 0, 0;",
          [](U a, U b, U c) { return U((Wide(a * b) + c) >> 32); }},
         {"mad.hi.cc.u32 %r0, %a, %b, %c;\naddc.u32 %d, %r0, 0;",
          [=](U a, U b, U c) { return U(high(a, b) + c) + U((Wide(high(a, b)) + c) >> 32); }},
         {"mad.hi.cc.s32 %r0, %a, %b, %c;\naddc.u32 %d, %r0, 0;",
          [=](U a, U b, U c) { return U(highSigned(a, b) + c) + U((Wide(highSigned(a, b)) + c) >> 32); }},
         {"add.cc.u32 %r0, %a, %b;\nmadc.hi.s32 %d, %a, %b, %c;",
          [=](U a, U b, U c) { return highSigned(a, b) + c + (a + b < a); }},
         {"add.cc.u32 %r0, %a, %b;\nmadc.lo.cc.u32 %r1, %a, %b, %c;\naddc.u32 %d, %r1, 0;",
          [=](U a, U b, U c) {
            Wide sum = Wide(a * b) + c + (a + b < a);
            return U(sum) + U(sum >> 32);
          }},
         {"sub.cc.u32 %r0, %a, %b;\nsubc.cc.u32 %r1, %c, 0;\nsubc.u32 %d, 0, 0;",
          [](U a, U b, U c) { return a < b && c == 0 ? ~0u : 0u; }},
         {"lop3.or.b32 %d|%p, %a, %b, %c, 0x80, 0;\nselp.b32 %d, 1, 0, %p;",
          [](U a, U b, U c) { return U((a & b & c) != 0); }},
         {"setp.gt.u32 %q, %a, %b;\nlop3.and.b32 _|%p, %a, %b, %c, 0x96, %q;\nselp.b32 %d, 1, 0, %p;",
          [](U a, U b, U c) { return U((a ^ b ^ c) != 0 && a > b); }}});
}

TEST(Bits, PackWithSaturation) {
  check({{"cvt.pack.sat.s16.s32 %d, %a, %b;", [](U a, U b, U c) { return packed(a, b, c, 16, true); }},
         {"cvt.pack.sat.u16.s32 %d, %a, %b;", [](U a, U b, U c) { return packed(a, b, c, 16, false); }},
         {"cvt.pack.sat.s8.s32.b32 %d, %a, %b, %c;", [](U a, U b, U c) { return packed(a, b, c, 8, true); }},
         {"cvt.pack.sat.u8.s32.b32 %d, %a, %b, %c;", [](U a, U b, U c) { return packed(a, b, c, 8, false); }},
         {"cvt.pack.sat.s4.s32.b32 %d, %a, %b, %c;", [](U a, U b, U c) { return packed(a, b, c, 4, true); }},
         {"cvt.pack.sat.u4.s32.b32 %d, %a, %b, %c;", [](U a, U b, U c) { return packed(a, b, c, 4, false); }},
         {"cvt.pack.sat.s2.s32.b32 %d, %a, %b, %c;", [](U a, U b, U c) { return packed(a, b, c, 2, true); }},
         {"cvt.pack.sat.u2.s32.b32 %d, %a, %b, %c;", [](U a, U b, U c) { return packed(a, b, c, 2, false); }}});
}

TEST(Bits, GrossReciprocalsKeepTheUpperHalf) {
  std::vector<double> v = {1.0, 3.0, -7.0, 1e-300, 1e300, 0.1, 2.0, 5e-324, 0.0, -0.0, INFINITY, NAN, 1e-310, 123456789.0};
  auto reciprocal = evaluate<double>("rcp.approx.ftz.f64 %d, %a;", v);
  auto root = evaluate<double>("rsqrt.approx.ftz.f64 %d, %a;", v);
  for (size_t i = 0; i < v.size(); ++i) {
    double x = std::fabs(v[i]) < 2.3e-308 ? std::copysign(0.0, v[i]) : v[i];
    EXPECT_EQ(bitsAs<uint64_t>(reciprocal[i]) & 0xffffffffu, std::isnan(x) ? 0xffffffffu : 0u);
    if (std::isfinite(x) && x != 0)
      EXPECT_NEAR(reciprocal[i] * x, 1.0, 0x1p-18);
    if (std::isfinite(x) && x > 0)
      EXPECT_NEAR(root[i] * root[i] * x, 1.0, 0x1p-17);
  }
  EXPECT_TRUE(std::isinf(reciprocal[7]) && std::isinf(reciprocal[12]) && std::isnan(reciprocal[11]));
}

} // namespace
} // namespace cameo::ptx::test
