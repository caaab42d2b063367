// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The table of element types: names go both ways, widths, ranges, and sizes of packed arrays.
#include "cameo/Support/DType.h"

#include <gtest/gtest.h>

using namespace cameo;

TEST(DType, NamesAndNumbersGoBothWays) {
  for (int64_t i = 1; i < kNumDTypes; ++i) {
    DType type = *dtypeFromOnnx(i);
    EXPECT_EQ(static_cast<int64_t>(type), i);
    EXPECT_EQ(parseDType(name(type)), type);
  }
  EXPECT_EQ(name(DType::f8e4m3fnuz), "f8e4m3fnuz");
}

TEST(DType, UnknownIsRefused) {
  EXPECT_FALSE(dtypeFromOnnx(0));
  EXPECT_FALSE(dtypeFromOnnx(29));
  EXPECT_FALSE(dtypeFromOnnx(-1));
  EXPECT_FALSE(parseDType("undefined"));
  EXPECT_FALSE(parseDType("float"));
  EXPECT_EQ(name(static_cast<DType>(200)), "undefined");
}

TEST(DType, SizesOfPackedArrays) {
  EXPECT_EQ(byteSize(DType::u4, 3), 2);
  EXPECT_EQ(byteSize(DType::i2, 5), 2);
  EXPECT_EQ(byteSize(DType::f6e2m3, 3), 3);
  EXPECT_EQ(byteSize(DType::f6e2m3, 4), 3);
  EXPECT_EQ(byteSize(DType::f64, 0), 0);
}

TEST(DType, SizesThatOverflowAreRefused) {
  EXPECT_FALSE(byteSize(DType::f64, INT64_MAX / 4));
  EXPECT_EQ(byteSize(DType::u8, INT64_MAX), INT64_MAX);
  EXPECT_EQ(byteSize(DType::u4, INT64_MAX), INT64_MAX / 2 + 1);
  EXPECT_FALSE(byteSize(DType::f32, -1));
  EXPECT_FALSE(byteSize(DType::string, 1));
}

TEST(DType, IntegerRanges) {
  EXPECT_EQ(minInteger(DType::i8), -128);
  EXPECT_EQ(maxInteger(DType::i8), 127u);
  EXPECT_EQ(minInteger(DType::i64), INT64_MIN);
  EXPECT_EQ(maxInteger(DType::u64), UINT64_MAX);
  EXPECT_EQ(maxInteger(DType::u2), 3u);
  EXPECT_EQ(minInteger(DType::i2), -2);
  EXPECT_EQ(maxInteger(DType::boolean), 1u);
}
