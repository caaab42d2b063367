// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Edges of reductions and of operations along an axis: no elements, NaN, infinities, cancellation.
#include "Helpers.h"

using namespace cameo;
using namespace cameo::host;

TEST(Reduce, NothingAtAll) {
  auto x = *HostTensor::allocate(DType::f32, {2, 0});
  expectDoubles(reduce(Reduce::Sum, x, {1}, false), {2}, {0, 0});
  expectDoubles(reduce(Reduce::Prod, x, {1}, true), {2, 1}, {1, 1});
  expectDoubles(reduce(Reduce::Max, x, {-1}, false), {2}, {-INFINITY, -INFINITY});
  expectDoubles(reduce(Reduce::Mean, x, {1}, false), {2}, {NAN, NAN});
  expectDoubles(reduce(Reduce::LogSumExp, x, {1}, false), {2}, {-INFINITY, -INFINITY});
  expectDoubles(reduce(Reduce::Sum, x, {0}, false), {0}, {});
  auto y = *HostTensor::allocate(DType::i8, {0});
  expectIntegers(reduce(Reduce::Max, y, {0}, false), {}, {-128});
  expectIntegers(reduce(Reduce::Min, y, {0}, false), {}, {127});
  expectRefusal(argReduce(true, x, 1, false, false), "no extremum");
}

TEST(Reduce, NoAxesStillApplyTheFunction) {
  expectDoubles(reduce(Reduce::SumSquare, floats({2}, {-3, 2}), {}, false), {2}, {9, 4});
  expectDoubles(reduce(Reduce::L1, floats({2}, {-3, 2}), {}, true), {2}, {3, 2});
}

TEST(Reduce, SumsDoNotLoseSmallTerms) {
  std::vector<double> values(10001, 1e-3);
  values[0] = 1e17;
  values.push_back(-1e17);
  double sum =
      (*reduce(Reduce::Sum, floats({10002}, values, DType::f64), {0}, false)->toDoubles())[0];
  EXPECT_NEAR(sum, 10, 1e-9);
  expectDoubles(reduce(Reduce::Sum, floats({2}, {INFINITY, 1}), {0}, false), {}, {INFINITY});
  expectDoubles(reduce(Reduce::Sum, floats({2}, {INFINITY, -INFINITY}), {0}, false), {}, {NAN});
}

TEST(Reduce, LogSumExpDoesNotOverflow) {
  auto x = floats({3}, {1000, 1000, -INFINITY});
  double value = (*reduce(Reduce::LogSumExp, x, {0}, false)->toDoubles())[0];
  EXPECT_EQ(value, double(float(1000 + std::log(2.0))));
  expectDoubles(reduce(Reduce::LogSumExp, floats({2}, {1, INFINITY}), {0}, false), {}, {INFINITY});
}

TEST(Reduce, ExtremaWithNaN) {
  auto x = floats({4}, {1, NAN, 3, NAN});
  expectDoubles(reduce(Reduce::Max, x, {0}, false), {}, {NAN});
  expectIntegers(argReduce(true, x, 0, false, false), {}, {1});
  expectIntegers(argReduce(false, x, 0, false, true), {}, {3});
  expectIntegers(argReduce(true, floats({4}, {2, 5, 5, 1}), 0, true, true), {1}, {2});
}

TEST(Reduce, SoftmaxOfLargeAndInfiniteValues) {
  expectDoubles(softmax(Softmax::Softmax, floats({1, 2}, {1e30, 1e30}), -1), {1, 2}, {0.5, 0.5});
  expectDoubles(softmax(Softmax::Softmax, floats({2}, {-INFINITY, 0}), 0), {2}, {0, 1});
  expectDoubles(softmax(Softmax::Softmax, floats({2}, {-INFINITY, -INFINITY}), 0), {2}, {NAN, NAN});
  expectDoubles(softmax(Softmax::Hardmax, floats({2, 2}, {3, 3, 0, 1}), 1), {2, 2}, {1, 0, 0, 1});
  expectDoubles(softmax(Softmax::Softmax, *HostTensor::allocate(DType::f32, {0, 3}), 1), {0, 3},
                {});
}

TEST(Reduce, RunningSums) {
  auto x = integers({4}, {1, 2, 3, 4}, DType::i32);
  expectIntegers(cumulate(false, x, 0, false, false), {4}, {1, 3, 6, 10});
  expectIntegers(cumulate(false, x, -1, true, true), {4}, {9, 7, 4, 0});
  expectIntegers(cumulate(true, x, 0, true, false), {4}, {1, 1, 2, 6});
}

TEST(Reduce, WrongAxesAreRefused) {
  auto x = floats({2, 2}, {1, 2, 3, 4});
  expectRefusal(reduce(Reduce::Sum, x, {2}, false), "outside");
  expectRefusal(reduce(Reduce::Sum, x, {0, -2}, false), "twice");
  expectRefusal(softmax(Softmax::Softmax, x, -3), "outside");
  expectRefusal(softmax(Softmax::Softmax, integers({1}, {1}), 0), "floats");
}
