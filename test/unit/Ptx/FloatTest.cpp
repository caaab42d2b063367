// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Floating-point arithmetic against the host's under its own rounding modes, and against double for
// the 16-bit types.
#include "Harness.h"

#include <cfenv>

namespace cameo::ptx::test {
namespace {

constexpr std::pair<const char *, int> modes[] = {
    {".rn", FE_TONEAREST}, {".rz", FE_TOWARDZERO}, {".rm", FE_DOWNWARD}, {".rp", FE_UPWARD}};

/// The host computes in the mode; volatile keeps the compiler from doing it earlier.
template <typename T, typename F> T inMode(int mode, F f) {
  std::fesetround(mode);
  volatile T r = f();
  std::fesetround(FE_TONEAREST);
  return r;
}

TEST(Float, F32InAllRoundings) {
  std::vector<float> a, b;
  cross(edgeFloats(), a, b);
  for (auto [name, mode] : modes) {
    std::string m = name;
    auto sum = evaluate<float>("add" + m + ".f32 %d, %a, %b;", a, b);
    auto difference = evaluate<float>("sub" + m + ".f32 %d, %a, %b;", a, b);
    auto product = evaluate<float>("mul" + m + ".f32 %d, %a, %b;", a, b);
    auto quotient = evaluate<float>("div" + m + ".f32 %d, %a, %b;", a, b);
    auto root = evaluate<float>("sqrt" + m + ".f32 %d, %a;", a);
    for (size_t i = 0; i < a.size(); ++i) {
      volatile float x = a[i], y = b[i];
      ASSERT_TRUE(sameFloat(sum[i], inMode<float>(mode, [&] { return x + y; })))
          << m << " " << x << " + " << y << " gave " << sum[i];
      ASSERT_TRUE(sameFloat(difference[i], inMode<float>(mode, [&] { return x - y; })))
          << m << " " << x << " - " << y;
      ASSERT_TRUE(sameFloat(product[i], inMode<float>(mode, [&] { return x * y; })))
          << m << " " << x << " * " << y << " gave " << product[i];
      ASSERT_TRUE(sameFloat(quotient[i], inMode<float>(mode, [&] { return x / y; })))
          << m << " " << x << " / " << y << " gave " << quotient[i];
      ASSERT_TRUE(sameFloat(root[i], inMode<float>(mode, [&] { return std::sqrt(float(x)); })))
          << m << " sqrt " << x;
    }
  }
}

TEST(Float, FmaRoundsOnce) {
  std::vector<float> values = edgeFloats(), a, b, c;
  for (size_t i = 0; i < values.size(); ++i)
    for (size_t j = 0; j < values.size(); j += 3)
      for (size_t k = 0; k < values.size(); k += 5) {
        a.push_back(values[i]);
        b.push_back(values[j]);
        c.push_back(values[k]);
      }
  for (auto [name, mode] : modes) {
    auto got = evaluate<float>("fma" + std::string(name) + ".f32 %d, %a, %b, %c;", a, b, c);
    for (size_t i = 0; i < a.size(); ++i) {
      volatile float x = a[i], y = b[i], z = c[i];
      ASSERT_TRUE(sameFloat(got[i], inMode<float>(mode, [&] { return std::fma(float(x), float(y), float(z)); })))
          << name << " " << x << " * " << y << " + " << z << " gave " << got[i];
    }
  }
}

TEST(Float, F64InAllRoundings) {
  std::vector<double> values = {0.0, -0.0, 1.0, -1.5, 0.1, 1e300, -1e300, 1e-300, 1e308,
                                INFINITY, -INFINITY, NAN, 3.0, 1.0 / 3, 4503599627370497.5};
  std::vector<double> a, b;
  cross(values, a, b);
  for (auto [name, mode] : modes) {
    std::string m = name;
    auto sum = evaluate<double>("add" + m + ".f64 %d, %a, %b;", a, b);
    auto product = evaluate<double>("mul" + m + ".f64 %d, %a, %b;", a, b);
    auto quotient = evaluate<double>("div" + m + ".f64 %d, %a, %b;", a, b);
    for (size_t i = 0; i < a.size(); ++i) {
      volatile double x = a[i], y = b[i];
      ASSERT_TRUE(sameDouble(sum[i], inMode<double>(mode, [&] { return x + y; }))) << m << x << "+" << y;
      ASSERT_TRUE(sameDouble(product[i], inMode<double>(mode, [&] { return x * y; }))) << m << x << "*" << y;
      ASSERT_TRUE(sameDouble(quotient[i], inMode<double>(mode, [&] { return x / y; }))) << m << x << "/" << y;
    }
  }
}

TEST(Float, FlushesOnlyWhenAsked) {
  float tiny = std::numeric_limits<float>::denorm_min();
  std::vector<float> a{tiny, -tiny, 1e-20f}, b{1.0f, 1.0f, 1e-20f};
  auto kept = evaluate<float>("mul.f32 %d, %a, %b;", a, b);
  auto flushed = evaluate<float>("mul.ftz.f32 %d, %a, %b;", a, b);
  EXPECT_EQ(kept[0], tiny);
  EXPECT_EQ(kept[2], 1e-20f * 1e-20f);
  EXPECT_EQ(bitsAs<uint32_t>(flushed[0]), 0u);
  EXPECT_EQ(bitsAs<uint32_t>(flushed[1]), 0x80000000u);
  EXPECT_EQ(bitsAs<uint32_t>(flushed[2]), 0u);
}

TEST(Float, SaturationMapsNaNToZero) {
  std::vector<float> a{NAN, -3, 0.25f, 7};
  EXPECT_EQ((evaluate<float>("add.sat.f32 %d, %a, 0f00000000;", a)),
            (std::vector<float>{0, 0, 0.25f, 1}));
}

TEST(Float, NaNIsCanonical) {
  std::vector<float> a{bitsAs<float>(0xffc12345u), INFINITY};
  auto got = evaluate<uint32_t>("sub.f32 %d, %a, %a;", a);
  EXPECT_EQ(got[0], 0x7fffffffu);
  EXPECT_EQ(got[1], 0x7fffffffu);
}

TEST(Float, MinMaxOfNaNAndZeros) {
  std::vector<float> a{NAN, 1, NAN, -0.0f, 0.0f}, b{2, NAN, NAN, 0.0f, -0.0f};
  auto low = evaluate<uint32_t, float, float>("min.f32 %d, %a, %b;", a, b);
  EXPECT_EQ(low, (std::vector<uint32_t>{0x40000000u, 0x3f800000u, 0x7fffffffu, 0x80000000u, 0x80000000u}));
  auto high = evaluate<uint32_t, float, float>("max.f32 %d, %a, %b;", a, b);
  EXPECT_EQ(high, (std::vector<uint32_t>{0x40000000u, 0x3f800000u, 0x7fffffffu, 0u, 0u}));
  auto strict = evaluate<uint32_t, float, float>("max.NaN.f32 %d, %a, %b;", a, b);
  EXPECT_EQ(strict[0], 0x7fffffffu);
  EXPECT_EQ(strict[1], 0x7fffffffu);
}

TEST(Float, ComparisonsWithNaN) {
  std::vector<float> a{1, 2, NAN}, b{2, 2, 2};
  auto test = [&](const std::string &name) {
    return evaluate<uint32_t, float, float>("setp." + name + ".f32 %p, %a, %b;\nselp.b32 %d, 1, 0, %p;", a, b);
  };
  using V = std::vector<uint32_t>;
  EXPECT_EQ(test("lt"), (V{1, 0, 0}));
  EXPECT_EQ(test("ne"), (V{1, 0, 0}));
  EXPECT_EQ(test("neu"), (V{1, 0, 1}));
  EXPECT_EQ(test("geu"), (V{0, 1, 1}));
  EXPECT_EQ(test("equ"), (V{0, 1, 1}));
  EXPECT_EQ(test("num"), (V{1, 1, 0}));
  EXPECT_EQ(test("nan"), (V{0, 0, 1}));
}

/// Within the ISA's bounds for the approximations, over many arguments.
TEST(Float, ApproximationsAreCloseEnough) {
  std::vector<float> x;
  std::mt19937 random(3);
  for (int i = 0; i < 4000; ++i)
    x.push_back(std::ldexp(float(random() % 16777216) / 16777216.0f + 0.5f, int(random() % 40) - 20));
  auto check = [&](const char *text, double bound, auto reference, bool negative) {
    std::vector<float> v = x;
    if (negative)
      for (size_t i = 0; i < v.size(); i += 2)
        v[i] = -v[i];
    auto got = evaluate<float>(text, v);
    for (size_t i = 0; i < v.size(); ++i) {
      double e = reference(double(v[i]));
      if (std::fabs(e) < 1e-37 || std::fabs(e) > 1e38)
        continue;
      ASSERT_LE(std::fabs(got[i] - e), bound * std::max(std::fabs(e), 1e-30)) << text << " " << v[i];
    }
  };
  double ulp = std::ldexp(1.0, -23);
  check("ex2.approx.f32 %d, %a;", 2 * ulp, [](double v) { return std::exp2(v); }, true);
  check("rsqrt.approx.f32 %d, %a;", 1.07 * std::ldexp(1.0, -23), [](double v) { return 1 / std::sqrt(v); }, false);
  check("rcp.approx.f32 %d, %a;", ulp, [](double v) { return 1 / v; }, true);
  check("lg2.approx.f32 %d, %a;", 8 * ulp, [](double v) { return std::log2(v); }, false);
  check("tanh.approx.f32 %d, %a;", std::ldexp(1.0, -11), [](double v) { return std::tanh(v); }, true);
  std::vector<float> angle;
  for (int i = -3000; i <= 3000; ++i)
    angle.push_back(float(i) * 0.003f);
  auto sine = evaluate<float>("sin.approx.f32 %d, %a;", angle);
  auto cosine = evaluate<float>("cos.approx.f32 %d, %a;", angle);
  for (size_t i = 0; i < angle.size(); ++i) {
    ASSERT_NEAR(sine[i], std::sin(double(angle[i])), 0.7 * std::ldexp(1.0, -20));
    ASSERT_NEAR(cosine[i], std::cos(double(angle[i])), 0.7 * std::ldexp(1.0, -20));
  }
}

TEST(Float, ApproximationsAtTheEdges) {
  std::vector<float> a{0.0f, -0.0f, INFINITY, -INFINITY, NAN, 200.0f, -200.0f, -1.0f};
  auto ex2 = evaluate<float>("ex2.approx.f32 %d, %a;", a);
  EXPECT_EQ(ex2[0], 1);
  EXPECT_EQ(ex2[2], INFINITY);
  EXPECT_EQ(ex2[3], 0);
  EXPECT_TRUE(std::isnan(ex2[4]));
  EXPECT_EQ(ex2[5], INFINITY);
  EXPECT_EQ(ex2[6], 0);
  auto lg2 = evaluate<float>("lg2.approx.f32 %d, %a;", a);
  EXPECT_EQ(lg2[0], -INFINITY);
  EXPECT_EQ(lg2[1], -INFINITY);
  EXPECT_EQ(lg2[2], INFINITY);
  EXPECT_TRUE(std::isnan(lg2[7]));
  auto rsqrt = evaluate<float>("rsqrt.approx.f32 %d, %a;", a);
  EXPECT_EQ(rsqrt[0], INFINITY);
  EXPECT_EQ(rsqrt[1], -INFINITY);
  EXPECT_EQ(rsqrt[2], 0);
}

// -- 16 bits: reference by search for the nearest representable value --------------------------------

double halfValue(uint16_t h, int mantissaBits, int exponentBits) {
  int bias = (1 << (exponentBits - 1)) - 1, e = (h >> mantissaBits) & ((1 << exponentBits) - 1);
  int m = h & ((1 << mantissaBits) - 1);
  double v = e == (1 << exponentBits) - 1 ? (m ? NAN : INFINITY)
             : e == 0 ? std::ldexp(m, 1 - bias - mantissaBits)
                      : std::ldexp(m + (1 << mantissaBits), e - bias - mantissaBits);
  return h & 0x8000 ? -v : v;
}

/// Nearest even, found by comparing with the two neighbours in a table of all values.
uint16_t nearestHalf(long double v, int mantissaBits, int exponentBits) {
  if (v != v)
    return 0x7fff;
  uint16_t sign = std::signbit(v) ? 0x8000 : 0;
  long double magnitude = std::fabs(v);
  uint16_t infinity = static_cast<uint16_t>(((1 << exponentBits) - 1) << mantissaBits);
  long double beyond = std::ldexp(1.0L, (1 << (exponentBits - 1)));
  uint16_t low = 0, high = infinity;
  while (high - low > 1) {
    uint16_t middle = static_cast<uint16_t>((low + high) / 2);
    (halfValue(middle, mantissaBits, exponentBits) <= magnitude ? low : high) = middle;
  }
  long double below = halfValue(low, mantissaBits, exponentBits);
  long double above = high == infinity ? beyond : halfValue(high, mantissaBits, exponentBits);
  long double down = magnitude - below, up = above - magnitude;
  uint16_t r = magnitude >= beyond ? infinity : down < up ? low : up < down ? high : (low & 1) ? high : low;
  return sign | r;
}

struct HalfCase {
  const char *type;
  int mantissa, exponent;
};

class HalfTest : public ::testing::TestWithParam<HalfCase> {};

TEST_P(HalfTest, ArithmeticRoundsOnce) {
  auto [type, mantissa, exponent] = GetParam();
  std::vector<uint16_t> values{0, 0x8000, 1, 0x8001, 0x0400, 0x03ff, 0x3c00, 0xbc00, 0x3c01, 0x7bff, 0x7c00,
                               0x7e00, 0x3f80, 0x7f7f, 0x7f80, 0x0080, 0x3555, 0x4248};
  std::mt19937 random(11);
  for (int i = 0; i < 40; ++i)
    values.push_back(static_cast<uint16_t>(random()));
  std::vector<uint16_t> a, b, c;
  cross(values, a, b);
  for (size_t i = 0; i < a.size(); ++i)
    c.push_back(values[(i * 7 + i / 13) % values.size()]);
  std::string t = type;
  auto sum = evaluate<uint16_t>("add.rn." + t + " %d, %a, %b;", a, b);
  auto product = evaluate<uint16_t>("mul.rn." + t + " %d, %a, %b;", a, b);
  auto fused = evaluate<uint16_t>("fma.rn." + t + " %d, %a, %b, %c;", a, b, c);
  auto value = [&](uint16_t h) { return (long double)halfValue(h, mantissa, exponent); };
  for (size_t i = 0; i < a.size(); ++i) {
    ASSERT_EQ(sum[i], nearestHalf(value(a[i]) + value(b[i]), mantissa, exponent)) << t << a[i] << "+" << b[i];
    ASSERT_EQ(product[i], nearestHalf(value(a[i]) * value(b[i]), mantissa, exponent)) << t << a[i] << "*" << b[i];
    // 64 bits of long double hold a product of 22 bits and most sums; the rest is skipped.
    long double p = value(a[i]) * value(b[i]), s = p + value(c[i]);
    bool exact = !std::isfinite(s) || (s - p == value(c[i]) && s - value(c[i]) == p);
    if (exact && s != 0) {
      ASSERT_EQ(fused[i], nearestHalf(s, mantissa, exponent)) << t << a[i] << "*" << b[i] << "+" << c[i];
    }
  }
}

TEST_P(HalfTest, PairsAreTwoScalars) {
  auto [type, mantissa, exponent] = GetParam();
  std::vector<uint32_t> a{0x3c003c01u, 0x7e004248u, 0x80010400u}, b{0x3c00bc00u, 0x3c003c00u, 0x00010400u};
  std::string t = type;
  auto pair = evaluate<uint32_t>("fma.rn." + t + "x2 %d, %a, %b, %a;", a, b);
  std::vector<uint16_t> la, lb, ha, hb;
  for (size_t i = 0; i < a.size(); ++i) {
    la.push_back(uint16_t(a[i])), lb.push_back(uint16_t(b[i]));
    ha.push_back(uint16_t(a[i] >> 16)), hb.push_back(uint16_t(b[i] >> 16));
  }
  auto low = evaluate<uint16_t>("fma.rn." + t + " %d, %a, %b, %a;", la, lb);
  auto high = evaluate<uint16_t>("fma.rn." + t + " %d, %a, %b, %a;", ha, hb);
  for (size_t i = 0; i < a.size(); ++i)
    EXPECT_EQ(pair[i], low[i] | uint32_t(high[i]) << 16);
}

INSTANTIATE_TEST_SUITE_P(Types, HalfTest,
                         ::testing::Values(HalfCase{"f16", 10, 5}, HalfCase{"bf16", 7, 8}),
                         [](const auto &info) { return std::string(info.param.type); });

/// A tie of the product is decided by an addend that is far too small for double to keep.
TEST(Float, Bf16FmaSeesTinyAddends) {
  // 1.0078125 * 1.5 = 1.51171875 lies half-way between bf16 neighbours 1.5078125 and 1.515625.
  std::vector<uint16_t> a{0x3f81, 0x3f81}, b{0x3fc0, 0x3fc0}, c{0x0080, 0x8080};
  auto got = evaluate<uint16_t>("fma.rn.bf16 %d, %a, %b, %c;", a, b, c);
  EXPECT_EQ(got[0], 0x3fc2);
  EXPECT_EQ(got[1], 0x3fc1);
}

} // namespace
} // namespace cameo::ptx::test
