// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Edges of pointwise operations: NaN, infinities, signed zeros, wrapping integers, casts.
#include "Helpers.h"

using namespace cameo;
using namespace cameo::host;

namespace {

Result<HostTensor> apply(Binary kind, std::vector<int64_t> a, std::vector<int64_t> b, DType type) {
  return binary(kind, integers({int64_t(a.size())}, a, type),
                integers({int64_t(b.size())}, b, type));
}

} // namespace

TEST(Pointwise, IntegersWrapAsTheirTypeDoes) {
  expectIntegers(apply(Binary::Add, {127, -128}, {1, -1}, DType::i8), {2}, {-128, 127});
  expectIntegers(apply(Binary::Mul, {INT64_MAX}, {2}, DType::i64), {1}, {-2});
  expectIntegers(apply(Binary::Sub, {0}, {1}, DType::u16), {1}, {65535});
  expectIntegers(apply(Binary::Div, {INT32_MIN, -7, 7}, {-1, 2, 0}, DType::i32), {3},
                 {INT32_MIN, -3, 0});
  expectIntegers(apply(Binary::Div, {INT64_MIN}, {-1}, DType::i64), {1}, {INT64_MIN});
  expectIntegers(unary(Unary::Abs, integers({1}, {-128}, DType::i8), {}), {1}, {-128});
}

TEST(Pointwise, RemaindersHaveTheRightSign) {
  expectIntegers(apply(Binary::Mod, {-7, 7, -6, 5}, {3, -3, 3, 0}, DType::i32), {4}, {2, -2, 0, 0});
  expectIntegers(apply(Binary::Fmod, {-7, 7}, {3, -3}, DType::i32), {2}, {-1, 1});
  expectIntegers(apply(Binary::Mod, {INT64_MIN}, {-1}, DType::i64), {1}, {0});
  expectIntegers(apply(Binary::Mod, {255}, {255}, DType::u8), {1}, {0});
  expectDoubles(binary(Binary::Mod, floats({3}, {-7, 7, INFINITY}), floats({3}, {3, -3, 2})), {3},
                {2, -2, NAN});
}

TEST(Pointwise, ShiftsBeyondTheWidth) {
  expectIntegers(apply(Binary::Shl, {1, 1, 1}, {7, 8, 9}, DType::u8), {3}, {128, 0, 0});
  expectIntegers(apply(Binary::Shr, {-128, -128, 64}, {3, 8, -1}, DType::i8), {3}, {-16, -1, 0});
}

TEST(Pointwise, IntegerPowers) {
  expectIntegers(apply(Binary::Pow, {3, -1, 2, 0, -1}, {4, -3, -1, 0, -2}, DType::i32), {5},
                 {81, -1, 0, 1, 1});
  expectIntegers(binary(Binary::Pow, integers({2}, {2, 3}), floats({2}, {0.5, 2})), {2}, {1, 9});
  expectDoubles(binary(Binary::Pow, floats({2}, {2, 4}), integers({2}, {-1, 3})), {2}, {0.5, 64});
}

TEST(Pointwise, NaNPropagatesThroughMinAndMax) {
  auto a = floats({3}, {NAN, 1, 2}), b = floats({3}, {1, NAN, 3});
  expectDoubles(binary(Binary::Max, a, b), {3}, {NAN, NAN, 3});
  expectDoubles(binary(Binary::Min, a, b), {3}, {NAN, NAN, 2});
  expectDoubles(clip(a, floats({}, {0}), floats({}, {1.5})), {3}, {NAN, 1, 1.5});
  expectIntegers(binary(Binary::Ne, a, a), {3}, {1, 0, 0});
  expectDoubles(unary(Unary::Relu, floats({3}, {NAN, -INFINITY, -0.0}), {}), {3}, {NAN, 0, -0.0});
}

TEST(Pointwise, HalvesRoundToEven) {
  expectDoubles(unary(Unary::Round, floats({5}, {0.5, 1.5, -0.5, -2.5, 2.5}), {}), {5},
                {0, 2, -0.0, -2, 2});
}

TEST(Pointwise, InfinitiesAreToldApart) {
  auto x = floats({4}, {INFINITY, -INFINITY, NAN, 1});
  expectIntegers(unary(Unary::IsInf, x, {1, 1}), {4}, {1, 1, 0, 0});
  expectIntegers(unary(Unary::IsInf, x, {0, 1}), {4}, {1, 0, 0, 0});
  expectIntegers(unary(Unary::IsNan, x, {}), {4}, {0, 0, 1, 0});
}

TEST(Pointwise, FunctionsAtTheirLimits) {
  auto x = floats({3}, {-INFINITY, INFINITY, 0});
  expectDoubles(unary(Unary::Sigmoid, x, {}), {3}, {0, 1, 0.5});
  expectDoubles(unary(Unary::Softplus, x, {}), {3}, {0, INFINITY, std::log1p(1.0f)});
  expectDoubles(unary(Unary::Elu, x, {1, 0}), {3}, {-1, INFINITY, 0});
  expectDoubles(unary(Unary::Tanh, x, {}), {3}, {-1, 1, 0});
}

TEST(Pointwise, CastsOutOfRange) {
  expectIntegers(cast(floats({4}, {300, -1, NAN, 2.9}), DType::u8), {4}, {255, 0, 0, 2});
  expectIntegers(cast(floats({2}, {INFINITY, -1e30}), DType::i64), {2}, {INT64_MAX, INT64_MIN});
  expectIntegers(cast(integers({2}, {200, -129}, DType::i16), DType::i8), {2}, {-56, 127});
  expectIntegers(cast(floats({3}, {-0.0, NAN, 0.1}), DType::boolean), {3}, {0, 1, 1});
  expectIntegers(cast(integers({2}, {256, 0}), DType::boolean), {2}, {1, 0});
  expectDoubles(cast(integers({1}, {(int64_t(1) << 60) + (int64_t(1) << 52) + 1}), DType::bf16),
                {1}, {std::ldexp(1.0, 60) + std::ldexp(1.0, 53)});
  CastOptions strict;
  strict.saturate = false;
  expectDoubles(cast(floats({2}, {1e9, -1e9}), DType::f8e4m3fn, strict), {2}, {NAN, NAN});
  expectDoubles(cast(floats({2}, {1e9, -1e9}), DType::f8e4m3fn), {2}, {448, -448});
}

TEST(Pointwise, NumbersFromAndToText) {
  auto x = *cast(floats({3}, {1.5, -INFINITY, 100}), DType::string);
  EXPECT_EQ(x.as<std::string>()[0], "1.5");
  EXPECT_EQ(x.as<std::string>()[1], "-inf");
  expectDoubles(cast(x, DType::f32), {3}, {1.5, -INFINITY, 100});
  x.as<std::string>()[0] = "Hello";
  expectRefusal(cast(x, DType::f32), "is not a number");
}

TEST(Pointwise, WrongTypesAreRefused) {
  expectRefusal(unary(Unary::Exp, integers({1}, {1}), {}), "takes floats");
  expectRefusal(unary(Unary::Not, floats({1}, {1}), {}), "does not take");
  expectRefusal(binary(Binary::Add, floats({1}, {1}), integers({1}, {1})), "does not take");
  expectRefusal(binary(Binary::BitAnd, floats({1}, {1}), floats({1}, {1})), "does not take");
  expectRefusal(select(floats({1}, {1}), floats({1}, {1}), floats({1}, {1})), "boolean");
  expectRefusal(cast(*HostTensor::allocate(DType::c64, {1}), DType::f32), "cannot cast");
}
