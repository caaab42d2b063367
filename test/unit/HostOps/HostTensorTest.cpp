// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Sizes that overflow, views of every kind, packed elements, strings.
#include "Helpers.h"

using namespace cameo;
using namespace cameo::host;

TEST(HostTensor, SizesThatOverflowAreRefused) {
  EXPECT_FALSE(elementCount({INT64_MAX, 2}));
  EXPECT_FALSE(elementCount({-1}));
  EXPECT_EQ(elementCount({INT64_MAX, INT64_MAX, 0}), 0);
  EXPECT_EQ(elementCount({}), 1);
  expectRefusal(HostTensor::allocate(DType::f64, {INT64_MAX / 4}), "cannot be allocated");
  expectRefusal(HostTensor::allocate(DType::f32, {1 << 30, 1 << 30, 1 << 30}), "overflow");
  expectRefusal(HostTensor::allocate(DType::undefined, {1}), "cannot be allocated");
}

TEST(HostTensor, MemoryIsAlignedAndZero) {
  auto x = *HostTensor::allocate(DType::f32, {3, 5});
  EXPECT_EQ(reinterpret_cast<uintptr_t>(x.data()) % 64, 0u);
  expectDoubles(x, {3, 5}, std::vector<double>(15, 0));
}

TEST(HostTensor, BroadcastIsAView) {
  auto x = floats({3, 1}, {1, 2, 3});
  auto y = *x.broadcastTo({2, 3, 2});
  EXPECT_EQ(y.data(), x.data());
  expectDoubles(y, {2, 3, 2}, {1, 1, 2, 2, 3, 3, 1, 1, 2, 2, 3, 3});
  expectRefusal(x.broadcastTo({3, 2, 2}), "does not broadcast");
  expectRefusal(x.broadcastTo({3}), "does not broadcast");
}

TEST(HostTensor, SliceWithNegativeStepIsAView) {
  auto x = integers({2, 3}, {1, 2, 3, 4, 5, 6});
  auto y = slice(x, {1, 2}, {2, 2}, {-1, -2});
  expectIntegers(y, {2, 2}, {6, 4, 3, 1});
  EXPECT_EQ(y->data(), x.data());
  expectIntegers(y->contiguous(), {2, 2}, {6, 4, 3, 1});
  expectRefusal(slice(x, {0, 0}, {2, 3}, {1, 2}), "goes outside");
  expectRefusal(slice(x, {0, 2}, {2, 4}, {1, -1}), "goes outside");
}

TEST(HostTensor, EmptyAndScalarTensors) {
  auto empty = *HostTensor::allocate(DType::f32, {2, 0, 3});
  EXPECT_TRUE(empty.isContiguous());
  expectDoubles(transpose(empty, {2, 0, 1}), {3, 2, 0}, {});
  auto scalar = floats({}, {7});
  expectDoubles(transpose(scalar, {}), {}, {7});
  expectDoubles(unary(Unary::Neg, scalar, {}), {}, {-7});
  expectDoubles(scalar.reshaped({1, 1}), {1, 1}, {7});
}

TEST(HostTensor, PackedElementsAtOddPositions) {
  auto x = integers({3, 3}, {-8, 7, -1, 0, 1, 2, 3, -4, 5}, DType::i4);
  expectIntegers(transpose(x, {1, 0})->contiguous(), {3, 3}, {-8, 0, 3, 7, 1, -4, -1, 2, 5});
  expectIntegers(slice(x, {1, 1}, {2, 2}, {1, 1}), {2, 2}, {1, 2, -4, 5});
  auto six = floats({5}, {7.5, -0.125, 1, 0.25, -3}, DType::f6e2m3);
  expectDoubles(slice(six, {4}, {5}, {-1}), {5}, {-3, 0.25, 1, -0.125, 7.5});
  expectIntegers(concat({integers({3}, {1, 2, 3}, DType::u2), integers({2}, {3, 0}, DType::u2)}, 0),
                 {5}, {1, 2, 3, 3, 0});
}

TEST(HostTensor, StringsMove) {
  auto x = *HostTensor::allocate(DType::string, {3});
  for (int i = 0; i < 3; ++i)
    x.as<std::string>()[i] = std::string(40, char('a' + i));
  auto y = *gather(x, integers({2}, {2, -3}), 0);
  EXPECT_EQ(y.as<std::string>()[0], std::string(40, 'c'));
  EXPECT_EQ(y.as<std::string>()[1], std::string(40, 'a'));
  expectRefusal(x.toIntegers(), "no integers");
}
