// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// cvt: exhaustive for the 8-bit and 16-bit floats, edges and saturation for the rest.
#include "Harness.h"

#include <cfenv>

namespace cameo::ptx::test {
namespace {

double smallValue(unsigned v, int mantissa, int exponent, bool infinity) {
  int bias = (1 << (exponent - 1)) - 1, e = v >> mantissa & ((1 << exponent) - 1);
  int m = v & ((1 << mantissa) - 1);
  bool negative = v >> (mantissa + exponent) & 1;
  double r;
  if (e == (1 << exponent) - 1 && infinity)
    r = m ? NAN : INFINITY;
  else if (!infinity && (v & 0x7f) == 0x7f)
    r = NAN;
  else
    r = e ? std::ldexp(m + (1 << mantissa), e - bias - mantissa) : std::ldexp(m, 1 - bias - mantissa);
  return negative ? -r : r;
}

TEST(Convert, EveryHalfToFloatAndBack) {
  std::vector<uint16_t> all(65536);
  for (unsigned i = 0; i < all.size(); ++i)
    all[i] = static_cast<uint16_t>(i);
  for (bool brain : {false, true}) {
    std::string t = brain ? "bf16" : "f16";
    auto wide = evaluate<float>("cvt.f32." + t + " %d, %a;", all);
    auto back = evaluate<uint16_t>("cvt.rn." + t + ".f32 %d, %a;", wide);
    for (unsigned i = 0; i < all.size(); ++i) {
      float e = static_cast<float>(smallValue(i, brain ? 7 : 10, brain ? 8 : 5, true));
      ASSERT_TRUE(sameFloat(wide[i], e)) << t << " " << i;
      ASSERT_EQ(back[i], e != e ? 0x7fff : i) << t << " " << i;
    }
  }
}

TEST(Convert, FloatToHalfRoundsAsAskedBetweenNeighbours) {
  // Around every fourth half: the value itself, a quarter, the middle, three quarters to the next.
  std::vector<float> v;
  for (unsigned h = 0; h < 0x7c00; h += 4)
    for (double f : {0.0, 0.25, 0.5, 0.75}) {
      double a = smallValue(h, 10, 5, true), b = h + 1 == 0x7c00 ? 65536.0 : smallValue(h + 1, 10, 5, true);
      v.push_back(float(a + (b - a) * f));
      v.push_back(-v.back());
    }
  auto nearest = evaluate<uint16_t>("cvt.rn.f16.f32 %d, %a;", v);
  auto zero = evaluate<uint16_t>("cvt.rz.f16.f32 %d, %a;", v);
  for (size_t i = 0; i < v.size(); ++i) {
    unsigned quarter = (i / 2) % 4, h = unsigned(i / 8) * 4;
    unsigned up = quarter == 3 || (quarter == 2 && (h & 1));
    unsigned sign = i % 2 ? 0x8000 : 0;
    ASSERT_EQ(nearest[i], sign | (h + up)) << v[i];
    ASSERT_EQ(zero[i], sign | h) << v[i];
  }
}

TEST(Convert, EveryEightBitFloat) {
  for (bool five : {false, true}) {
    std::string t = five ? "e5m2x2" : "e4m3x2";
    std::vector<uint16_t> pairs(256);
    for (unsigned i = 0; i < 256; ++i)
      pairs[i] = static_cast<uint16_t>(i | (255 - i) << 8);
    auto wide = evaluate<uint32_t, uint16_t>("cvt.rn.f16x2." + t + " %d, %a;", pairs);
    for (unsigned i = 0; i < 256; ++i)
      for (unsigned part = 0; part < 2; ++part) {
        unsigned code = part ? 255 - i : i;
        double e = smallValue(code, five ? 2 : 3, five ? 5 : 4, five);
        double got = smallValue(wide[i] >> (16 * part) & 0xffff, 10, 5, true);
        ASSERT_TRUE((e != e && got != got) || (e == got && std::signbit(e) == std::signbit(got)))
            << t << " " << code;
      }
  }
}

TEST(Convert, ToEightBitIsNearestAndSaturates) {
  std::vector<float> v, w;
  for (unsigned code = 0; code < 0x7e; ++code) {
    double a = smallValue(code, 3, 4, false), b = smallValue(code + 1, 3, 4, false);
    for (double f : {0.0, 0.25, 0.5, 0.75})
      v.push_back(float(a + (b - a) * f));
  }
  v.insert(v.end(), {448.0f, 464.0f, 500.0f, 1e9f, INFINITY});
  w.assign(v.size(), -1.0f);
  auto got = evaluate<uint16_t, float, float>("cvt.rn.satfinite.e4m3x2.f32 %d, %b, %a;", v, w);
  for (size_t i = 0; i < v.size(); ++i) {
    unsigned code = unsigned(i / 4), quarter = i % 4;
    unsigned e = i < 0x7e * 4 ? code + (quarter == 3 || (quarter == 2 && (code & 1))) : 0x7e;
    ASSERT_EQ(got[i], 0xb800u | e) << v[i]; // -1 is 0xb8
  }
  auto nan = evaluate<uint16_t, float>("cvt.rn.satfinite.e4m3x2.f32 %d, %a, %a;", {NAN});
  EXPECT_EQ(nan[0], 0x7f7f);
}

TEST(Convert, PacksPutTheFirstSourceAbove) {
  std::vector<float> a{1.0f}, b{2.0f};
  EXPECT_EQ((evaluate<uint32_t, float, float>("cvt.rn.f16x2.f32 %d, %a, %b;", a, b)[0]), 0x3c004000u);
  EXPECT_EQ((evaluate<uint32_t, float, float>("cvt.rn.bf16x2.f32 %d, %a, %b;", a, b)[0]), 0x3f804000u);
  EXPECT_EQ((evaluate<uint32_t, float, float>("cvt.rn.relu.f16x2.f32 %d, %a, %b;", {-1.0f}, b)[0]), 0x00004000u);
}

TEST(Convert, FloatToIntegerSaturates) {
  std::vector<float> v = edgeFloats();
  const std::pair<const char *, int> modes[] = {
      {"rni", FE_TONEAREST}, {"rzi", FE_TOWARDZERO}, {"rmi", FE_DOWNWARD}, {"rpi", FE_UPWARD}};
  for (auto [name, mode] : modes) {
    auto s = evaluate<int32_t>("cvt." + std::string(name) + ".s32.f32 %d, %a;", v);
    auto u = evaluate<uint64_t>("cvt." + std::string(name) + ".u64.f32 %d, %a;", v);
    auto b = evaluate<uint32_t>("cvt." + std::string(name) + ".u8.f32 %d, %a;", v);
    for (size_t i = 0; i < v.size(); ++i) {
      std::fesetround(mode);
      volatile double r = std::nearbyint(double(v[i]));
      std::fesetround(FE_TONEAREST);
      auto clamp = [&](double low, double high) { return r != r ? 0 : std::min(std::max(double(r), low), high); };
      ASSERT_EQ(s[i], int32_t(clamp(-2147483648.0, 2147483647.0))) << name << " " << v[i];
      // NaN is 0 but for 64 bits, where it is the middle of the range.
      uint64_t e = r != r ? uint64_t(1) << 63 : r < 0 ? 0 : r >= 18446744073709551616.0 ? ~uint64_t(0) : uint64_t(double(r));
      ASSERT_EQ(u[i], e) << name << " " << v[i];
      ASSERT_EQ(b[i], uint32_t(clamp(0, 255))) << name << " " << v[i];
    }
  }
}

TEST(Convert, IntegerToFloatInAllRoundings) {
  std::vector<int64_t> v = edgeIntegers<int64_t>();
  v.insert(v.end(), {16777217, 16777219, -16777217, (1ll << 53) + 1, (1ll << 54) + 2});
  const std::pair<const char *, int> modes[] = {
      {"rn", FE_TONEAREST}, {"rz", FE_TOWARDZERO}, {"rm", FE_DOWNWARD}, {"rp", FE_UPWARD}};
  for (auto [name, mode] : modes) {
    auto f = evaluate<float>("cvt." + std::string(name) + ".f32.s64 %d, %a;", v);
    auto d = evaluate<double>("cvt." + std::string(name) + ".f64.u64 %d, %a;", v);
    for (size_t i = 0; i < v.size(); ++i) {
      std::fesetround(mode);
      volatile int64_t x = v[i];
      volatile float ef = float(x);
      volatile double ed = double(uint64_t(x));
      std::fesetround(FE_TONEAREST);
      ASSERT_TRUE(sameFloat(f[i], ef)) << name << " " << v[i] << " gave " << f[i] << " not " << ef;
      // The host's u64 conversion is a sequence that is exact to nearest only.
      if (mode == FE_TONEAREST || v[i] >= 0) {
        ASSERT_TRUE(sameDouble(d[i], ed)) << name << " " << uint64_t(v[i]);
      }
    }
  }
}

TEST(Convert, IntegersExtendAndTruncate) {
  std::vector<uint32_t> v{0x80, 0xff7f, 0x8000, 0xffffffff, 0x12345678};
  auto signExtended = evaluate<int64_t>("cvt.s64.s8 %d, %a;", v);
  auto zeroExtended = evaluate<uint64_t>("cvt.u64.u16 %d, %a;", v);
  auto saturated = evaluate<int32_t>("cvt.sat.s8.s32 %d, %a;", v);
  for (size_t i = 0; i < v.size(); ++i) {
    EXPECT_EQ(signExtended[i], int8_t(v[i]));
    EXPECT_EQ(zeroExtended[i], uint16_t(v[i]));
    EXPECT_EQ(saturated[i], std::min(std::max(int32_t(v[i]), -128), 127));
  }
}

TEST(Convert, F64ToF32RoundsDirected) {
  std::vector<double> v{1.0 + 1e-9, -1.0 - 1e-9, 1e-46, 1e39, -1e39, NAN, 0.1, 3.4028235677973366e38};
  auto up = evaluate<float>("cvt.rp.f32.f64 %d, %a;", v);
  auto zero = evaluate<float>("cvt.rz.f32.f64 %d, %a;", v);
  auto nearest = evaluate<float>("cvt.rn.f32.f64 %d, %a;", v);
  for (size_t i = 0; i < v.size(); ++i) {
    volatile double x = v[i];
    std::fesetround(FE_UPWARD);
    volatile float eu = float(x);
    std::fesetround(FE_TOWARDZERO);
    volatile float ez = float(x);
    std::fesetround(FE_TONEAREST);
    volatile float en = float(x);
    EXPECT_TRUE(sameFloat(up[i], eu)) << x;
    EXPECT_TRUE(sameFloat(zero[i], ez)) << x;
    EXPECT_TRUE(sameFloat(nearest[i], en)) << x;
  }
}

TEST(Convert, Tf32RoundsTiesAway) {
  std::vector<uint32_t> v{0x3f801000u, 0x3f800fffu, 0x3f803000u, 0xbf801000u, 0x7f800000u};
  auto got = evaluate<uint32_t>("cvt.rna.tf32.f32 %d, %a;", v);
  EXPECT_EQ(got, (std::vector<uint32_t>{0x3f802000u, 0x3f800000u, 0x3f804000u, 0xbf802000u, 0x7f800000u}));
}

} // namespace
} // namespace cameo::ptx::test
