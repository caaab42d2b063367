// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the runtime's tests share: they run on each device through the public C++ header; `cuda` is
// skipped where there is no GPU.
#pragma once

#include "../Bundle/TestBundles.h"

#include "cameo/Runtime/cameo.hpp"

namespace cameo::test {

using runtime::Options;
using runtime::Tensor;

/// A description, written and opened.
struct OpenedBundle {
  explicit OpenedBundle(const BundleDesc &desc) {
    Status written = writeBundle(desc, folder.file("m.cameo"));
    EXPECT_TRUE(written.ok()) << (written ? "" : written.error().message);
    auto opened = runtime::Bundle::open(folder.file("m.cameo"));
    EXPECT_TRUE(bool(opened)) << opened.error().message();
    if (opened)
      bundle.emplace(std::move(*opened));
  }
  runtime::Session session(const Options &options) {
    auto created = bundle->createSession(options);
    if (!created) {
      ADD_FAILURE() << created.error().message();
      std::abort();
    }
    return std::move(*created);
  }
  TemporaryFolder folder;
  std::optional<runtime::Bundle> bundle;
};

class OnDevice : public testing::TestWithParam<cameo_device> {
protected:
  void SetUp() override {
    if (GetParam() == CAMEO_CUDA && cameo_cuda_device_count() == 0)
      GTEST_SKIP() << "no CUDA device";
  }
};

inline std::string deviceTestName(const testing::TestParamInfo<cameo_device> &info) {
  return info.param == CAMEO_SIM ? "sim" : "cuda";
}

inline std::vector<float> ramp(size_t count, float begin, float step) {
  std::vector<float> values(count);
  for (size_t i = 0; i < count; ++i)
    values[i] = begin + float(i) * step;
  return values;
}

inline Tensor vectorOf(const std::vector<float> &values) {
  return Tensor::of(values.data(), {int64_t(values.size())});
}

/// Runs c = f(a, b) and expects success.
inline std::vector<float> runBinary(runtime::Session &session, const std::vector<float> &a,
                                    const std::vector<float> &b) {
  auto status = session.run({vectorOf(a), vectorOf(b)});
  if (!status) {
    ADD_FAILURE() << status.error().message();
    return {};
  }
  auto c = session.outputData<float>(0);
  EXPECT_TRUE(bool(c));
  return c ? *c : std::vector<float>();
}

} // namespace cameo::test
