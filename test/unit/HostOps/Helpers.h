// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Tensors from literals and back, for tests.
#pragma once

#include "cameo/HostOps/HostOps.h"

#include <cmath>
#include <gtest/gtest.h>

namespace cameo::host {

inline HostTensor floats(Dims dims, std::vector<double> values, DType type = DType::f32) {
  return *HostTensor::ofDoubles(type, std::move(dims), values);
}
inline HostTensor integers(Dims dims, std::vector<int64_t> values, DType type = DType::i64) {
  return *HostTensor::ofIntegers(type, std::move(dims), values);
}

/// Expects success with these sizes and values (NaN equals NaN, and -0 differs from 0).
inline void expectDoubles(const Result<HostTensor> &actual, const Dims &dims,
                          const std::vector<double> &values) {
  ASSERT_TRUE(actual.isOk()) << actual.message();
  EXPECT_EQ(actual->dims(), dims);
  std::vector<double> numbers = *actual->toDoubles();
  ASSERT_EQ(numbers.size(), values.size());
  for (size_t i = 0; i < values.size(); ++i)
    EXPECT_TRUE(std::isnan(values[i]) ? std::isnan(numbers[i])
                                      : numbers[i] == values[i] &&
                                            std::signbit(numbers[i]) == std::signbit(values[i]))
        << "element " << i << ": " << numbers[i] << ", not " << values[i];
}

inline void expectIntegers(const Result<HostTensor> &actual, const Dims &dims,
                           const std::vector<int64_t> &values) {
  ASSERT_TRUE(actual.isOk()) << actual.message();
  EXPECT_EQ(actual->dims(), dims);
  EXPECT_EQ(*actual->toIntegers(), values);
}

template <class T> void expectRefusal(const Result<T> &actual, const std::string &part) {
  ASSERT_FALSE(actual.isOk());
  EXPECT_NE(actual.message().find(part), std::string::npos) << actual.message();
}

} // namespace cameo::host
