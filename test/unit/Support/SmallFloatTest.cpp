// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Every code of every small float, against formulas written independently of the library (ldexp on the
// fields), and every rounding boundary: the midpoint of each pair of neighbours goes to the even code,
// the doubles beside it to the nearer one. test/hostops compares the same codes with ml_dtypes.
#include "cameo/Support/SmallFloat.h"

#include <cmath>
#include <gtest/gtest.h>

using namespace cameo;

namespace {

struct Case {
  DType type;
  int exponentBits, mantissaBits, bias;
  uint32_t largest;
};

const Case cases[] = {
    {DType::f16, 5, 10, 15, 0x7BFF},      {DType::bf16, 8, 7, 127, 0x7F7F},
    {DType::f8e4m3fn, 4, 3, 7, 0x7E},     {DType::f8e4m3fnuz, 4, 3, 8, 0x7F},
    {DType::f8e5m2, 5, 2, 15, 0x7B},      {DType::f8e5m2fnuz, 5, 2, 16, 0x7F},
    {DType::f6e2m3, 2, 3, 1, 0x1F},       {DType::f6e3m2, 3, 2, 3, 0x1F},
    {DType::f4e2m1, 2, 1, 1, 0x7},
};

double formula(const Case &c, uint32_t code) {
  int field = int(code >> c.mantissaBits);
  double fraction = std::ldexp(double(code & ((1u << c.mantissaBits) - 1)), -c.mantissaBits);
  return field ? std::ldexp(1 + fraction, field - c.bias) : std::ldexp(fraction, 1 - c.bias);
}

} // namespace

TEST(SmallFloat, EveryFiniteCodeDecodesAndComesBack) {
  for (const Case &c : cases)
    for (uint32_t code = 0; code <= c.largest; ++code) {
      uint32_t sign = 1u << (c.exponentBits + c.mantissaBits);
      ASSERT_EQ(decodeFloat(c.type, code), formula(c, code)) << name(c.type) << " " << code;
      ASSERT_EQ(encodeFloat(c.type, formula(c, code)), code) << name(c.type);
      if (code == 0)
        continue;
      ASSERT_EQ(decodeFloat(c.type, code | sign), -formula(c, code));
      ASSERT_EQ(encodeFloat(c.type, -formula(c, code)), code | sign);
    }
}

TEST(SmallFloat, MidpointsGoToTheEvenCode) {
  for (const Case &c : cases)
    for (uint32_t code = 0; code < c.largest; ++code) {
      double middle = (formula(c, code) + formula(c, code + 1)) / 2;
      ASSERT_EQ(encodeFloat(c.type, middle), code + (code & 1)) << name(c.type) << " " << code;
      ASSERT_EQ(encodeFloat(c.type, std::nextafter(middle, 0.0)), code);
      ASSERT_EQ(encodeFloat(c.type, std::nextafter(middle, INFINITY)), code + 1);
    }
}

TEST(SmallFloat, OutOfRange) {
  EXPECT_EQ(encodeFloat(DType::f16, 65519.99), 0x7BFFu);
  EXPECT_EQ(encodeFloat(DType::f16, 65520), 0x7C00u);
  EXPECT_EQ(encodeFloat(DType::f16, -INFINITY), 0xFC00u);
  EXPECT_EQ(encodeFloat(DType::bf16, 1e39), 0x7F80u);
  EXPECT_EQ(encodeFloat(DType::f8e4m3fn, 1e9, true), 0x7Eu);
  EXPECT_EQ(encodeFloat(DType::f8e4m3fn, 464.0, false), 0x7Eu); // tie, to even
  EXPECT_EQ(encodeFloat(DType::f8e4m3fn, 465.0, false), 0x7Fu);
  EXPECT_EQ(encodeFloat(DType::f8e4m3fn, -INFINITY, false), 0xFFu);
  EXPECT_EQ(encodeFloat(DType::f8e5m2, INFINITY, true), 0x7Bu);
  EXPECT_EQ(encodeFloat(DType::f8e5m2, INFINITY, false), 0x7Cu);
  EXPECT_EQ(encodeFloat(DType::f8e5m2fnuz, -INFINITY, false), 0x80u);
  EXPECT_EQ(encodeFloat(DType::f8e4m3fnuz, -1e9, true), 0xFFu);
  EXPECT_EQ(encodeFloat(DType::f4e2m1, -1e9, false), 0xFu);
}

TEST(SmallFloat, NaNsAndZeros) {
  for (const Case &c : cases) {
    if (c.type == DType::f4e2m1 || c.type == DType::f6e2m3 || c.type == DType::f6e3m2)
      continue;
    EXPECT_TRUE(std::isnan(decodeFloat(c.type, encodeFloat(c.type, NAN)))) << name(c.type);
  }
  EXPECT_EQ(encodeFloat(DType::f8e4m3fnuz, -0.0), 0u);
  EXPECT_EQ(encodeFloat(DType::f8e4m3fnuz, -1e-9), 0u);
  EXPECT_EQ(encodeFloat(DType::f8e4m3fn, -0.0), 0x80u);
  EXPECT_EQ(encodeFloat(DType::f16, -1e-320), 0x8000u); // a subnormal double
  EXPECT_TRUE(std::isinf(decodeFloat(DType::f8e5m2, 0xFC)));
}

TEST(SmallFloat, ScalesRoundAsAsked) {
  EXPECT_EQ(encodeScale(1.0, true, RoundScale::Up), 127);
  EXPECT_EQ(encodeScale(1.25, true, RoundScale::Up), 128);
  EXPECT_EQ(encodeScale(1.25, true, RoundScale::Down), 127);
  EXPECT_EQ(encodeScale(1.5, true, RoundScale::Nearest), 128);
  EXPECT_EQ(encodeScale(1.49, true, RoundScale::Nearest), 127);
  EXPECT_EQ(encodeScale(0.0, true, RoundScale::Up), 0);
  EXPECT_EQ(encodeScale(0.0, false, RoundScale::Nearest), 0xFF);
  EXPECT_EQ(encodeScale(INFINITY, true, RoundScale::Up), 0xFE);
  EXPECT_EQ(encodeScale(1e300, false, RoundScale::Up), 0xFF);
  EXPECT_EQ(encodeScale(1e-300, true, RoundScale::Down), 0);
  for (uint32_t code = 0; code < 255; ++code)
    EXPECT_EQ(encodeScale(decodeFloat(DType::f8e8m0, code), true, RoundScale::Up), code);
}
