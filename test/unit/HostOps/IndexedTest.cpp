// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Edges of indexed access, windows and products: indices outside, empty sizes, repeated indices,
// clipped windows, wrapping products.
#include "Helpers.h"

using namespace cameo;
using namespace cameo::host;

TEST(Indexed, NegativeAndForeignIndices) {
  auto x = floats({3}, {1, 2, 3});
  expectDoubles(gather(x, integers({2, 1}, {-1, 0}), 0), {2, 1}, {3, 1});
  expectRefusal(gather(x, integers({1}, {3}), 0), "outside");
  expectRefusal(gather(x, integers({1}, {-4}, DType::i32), 0), "outside");
  expectRefusal(gather(*HostTensor::allocate(DType::f32, {0}), integers({1}, {0}), 0), "outside");
  expectDoubles(gather(x, *HostTensor::allocate(DType::i64, {0, 2}), 0), {0, 2}, {});
}

TEST(Indexed, RepeatedUpdatesApplyInOrder) {
  auto x = floats({3}, {1, 1, 1});
  auto indices = integers({3}, {1, 1, -2});
  auto updates = floats({3}, {2, 3, 4});
  expectDoubles(scatterElements(Scatter::Set, x, indices, updates, 0), {3}, {1, 4, 1});
  expectDoubles(scatterElements(Scatter::Add, x, indices, updates, 0), {3}, {1, 10, 1});
  expectDoubles(scatterElements(Scatter::Mul, x, indices, updates, 0), {3}, {1, 24, 1});
  expectDoubles(scatterNd(Scatter::Max, x, integers({1, 1}, {0}), floats({1}, {NAN})), {3},
                {NAN, 1, 1});
  expectDoubles(x, {3}, {1, 1, 1}); // the operand is not written
}

TEST(Indexed, TopKOrdersNaNFirstAndTiesByPosition) {
  auto result = topK(floats({5}, {1, 3, NAN, 3, -INFINITY}), 3, 0, true);
  ASSERT_TRUE(result.isOk());
  expectDoubles(result->values, {3}, {NAN, 3, 3});
  expectIntegers(result->indices, {3}, {2, 1, 3});
  expectRefusal(topK(floats({2}, {1, 2}), 3, 0, true), "outside");
}

TEST(Indexed, UniqueCountsAndOrders) {
  auto result = unique(floats({6}, {2, 1, 1, 3, 4, 3}), std::nullopt, false);
  ASSERT_TRUE(result.isOk());
  expectDoubles(result->values, {4}, {2, 1, 3, 4});
  expectIntegers(result->inverse, {6}, {0, 1, 1, 2, 3, 2});
  expectIntegers(result->counts, {4}, {1, 2, 2, 1});
}

TEST(Indexed, RangesThatCountDownOrNever) {
  auto scalar = [](int64_t v) { return integers({}, {v}); };
  expectIntegers(range(scalar(10), scalar(4), scalar(-2)), {3}, {10, 8, 6});
  expectIntegers(range(scalar(4), scalar(10), scalar(-2)), {0}, {});
  expectIntegers(range(scalar(INT64_MAX - 2), scalar(INT64_MAX), scalar(2)), {1}, {INT64_MAX - 2});
  expectRefusal(range(scalar(0), scalar(1), scalar(0)), "does not end");
  expectRefusal(range(scalar(INT64_MIN), scalar(INT64_MAX), scalar(1)), "too many");
}

TEST(Window, PoolsNeverCountPadding) {
  PoolParams params;
  params.window = {3};
  params.pads = {1, 1};
  auto x = floats({1, 1, 3}, {-1, -2, -3});
  auto result = pool(Pool::Max, x, params);
  ASSERT_TRUE(result.isOk());
  expectDoubles(result->y, {1, 1, 3}, {-1, -1, -2});
  expectIntegers(result->indices, {1, 1, 3}, {0, 0, 1});
  expectDoubles(pool(Pool::Average, x, params)->y, {1, 1, 3}, {-1.5, -2, -2.5});
  params.countIncludePad = true;
  expectDoubles(pool(Pool::Average, x, params)->y, {1, 1, 3}, {-1, -2, double(-5.0f / 3)});
  params.strides = {0};
  expectRefusal(pool(Pool::Max, x, params), "positive");
}

TEST(Contraction, EmptySumsAndWrappingProducts) {
  auto a = *HostTensor::allocate(DType::f32, {2, 0}), b = *HostTensor::allocate(DType::f32, {0, 3});
  expectDoubles(matmul(a, b), {2, 3}, std::vector<double>(6, 0));
  expectIntegers(matmul(integers({1, 1}, {1 << 30}, DType::i32), integers({1, 1}, {4}, DType::i32)),
                 {1, 1}, {0});
  expectIntegers(matmulInteger(integers({1, 2}, {0, 255}, DType::u8),
                               integers({2, 1}, {-128, 127}, DType::i8),
                               integers({}, {128}, DType::u8), {}),
                 {1, 1}, {-128 * -128 + 127 * 127});
  expectDoubles(matmul(floats({2}, {1, 2}), floats({2}, {3, 4})), {}, {11});
}

TEST(Contraction, HalfProductsRoundOnce) {
  // 2048 + 1 + 1 in f16 would stay at 2048 if every sum were rounded.
  auto a = floats({1, 3}, {2048, 1, 1}, DType::f16), b = floats({3, 1}, {1, 1, 1}, DType::f16);
  expectDoubles(matmul(a, b), {1, 1}, {2050});
}

TEST(Contraction, ConvolutionsBeyondTheImage) {
  ConvParams params;
  auto x = floats({1, 1, 2}, {1, 2}), w = floats({1, 1, 3}, {1, 1, 1});
  expectDoubles(conv(x, w, {}, params), {1, 1, 0}, {});
  params.pads = {1, 1};
  expectDoubles(conv(x, w, {}, params), {1, 1, 2}, {3, 3});
  params.groups = 2;
  expectRefusal(conv(x, w, {}, params), "groups");
  params = {};
  params.strides = {2};
  expectDoubles(convTranspose(x, w, {}, params, {1}), {1, 1, 6}, {1, 1, 3, 2, 2, 0});
}
