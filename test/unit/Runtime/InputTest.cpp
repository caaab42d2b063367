// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the caller may get wrong: each mistake is refused before anything is launched, with a message
// that says what was expected.

#include "RuntimeTest.h"

#include <thread>

using namespace cameo;
using namespace cameo::test;

namespace {

class Inputs : public OnDevice {
protected:
  void SetUp() override {
    OnDevice::SetUp();
    if (IsSkipped())
      return;
    opened.emplace(addBundle());
    session.emplace(opened->session(GetParam()));
  }
  void refuse(const std::vector<Tensor> &inputs, const char *word) {
    auto status = session->run(inputs);
    ASSERT_FALSE(status) << word;
    EXPECT_EQ(status.error().status(), CAMEO_BAD_INPUT) << status.error().message();
    EXPECT_NE(status.error().message().find(word), std::string::npos) << status.error().message();
    EXPECT_EQ(session->runInfo().launches, 0u);
  }
  std::optional<OpenedBundle> opened;
  std::optional<runtime::Session> session;
  std::vector<float> a = ramp(8, 1, 1);
};
INSTANTIATE_TEST_SUITE_P(Devices, Inputs, testing::Values(CAMEO_SIM, CAMEO_CUDA), deviceTestName);

TEST_P(Inputs, OfWrongNumberTypeRankOrSize) {
  Tensor good = vectorOf(a);
  std::vector<double> d(8);
  refuse({good}, "2 inputs, 1 were passed");
  refuse({good, Tensor::of(d.data(), {8})}, "input 'b' is f64, the model expects f32");
  refuse({good, Tensor::of(a.data(), {2, 4})}, "has rank 2 (2x4), the model expects rank 1");
  Tensor short_ = good;
  short_.bytes = 31;
  refuse({good, short_}, "takes 32 bytes, 31 were passed");
  Tensor null = good;
  null.data = nullptr;
  refuse({good, null}, "null pointer");
  Tensor huge = good;
  huge.dims = {int64_t(1) << 62};
  refuse({good, huge}, "too large");
  Tensor negative = good;
  negative.dims = {-8};
  refuse({good, negative}, "negative dimension");
  Tensor unknown = good;
  unknown.dtype = 99;
  refuse({good, unknown}, "element type that does not exist");
}

TEST_P(Inputs, ThatDisagreeNameBoth) {
  std::vector<float> b = ramp(7, 0, 0);
  auto status = session->run({vectorOf(a), vectorOf(b)});
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().message(),
            "input 'b': dimension 0 is 7, the model expects N = 8, where N is dimension 0 of input 'a'");
}

TEST_P(Inputs, ThatAreMisaligned) {
  std::vector<char> raw(64);
  Tensor odd = vectorOf(a);
  odd.data = raw.data() + 1;
  refuse({vectorOf(a), odd}, "not aligned to its element size");
}

TEST_P(Inputs, ThatAreStrided) {
  int64_t dims[] = {4}, strides[] = {2};
  cameo_tensor strided = {sizeof(cameo_tensor), 1, 1, CAMEO_HOST_MEMORY, 0, dims, strides, a.data(), 32};
  cameo_tensor both[] = {strided, strided};
  cameo_error *error = nullptr;
  EXPECT_EQ(cameo_session_run(session->get(), both, 2, nullptr, 0, &error), CAMEO_BAD_INPUT);
  EXPECT_NE(std::string(cameo_error_message(error)).find("not contiguous"), std::string::npos);
  cameo_error_destroy(error);
  strides[0] = 1;
  EXPECT_EQ(cameo_session_run(session->get(), both, 2, nullptr, 0, nullptr), CAMEO_OK);
}

TEST(InputPlace, DeviceMemoryIsRefusedOnSim) {
  OpenedBundle opened(addBundle());
  auto session = opened.session(CAMEO_SIM);
  std::vector<float> a = ramp(8, 1, 1);
  Tensor device = vectorOf(a);
  device.place = CAMEO_CUDA_MEMORY;
  auto status = session.run({vectorOf(a), device});
  ASSERT_FALSE(status);
  EXPECT_NE(status.error().message().find("memory of a CUDA device"), std::string::npos);
}

TEST_P(Inputs, NothingToReadBeforeOrAfterAFailure) {
  EXPECT_FALSE(session->output(0));
  EXPECT_FALSE(session->run({}));
  EXPECT_FALSE(session->output(0));
  EXPECT_FALSE(session->output(1));
}

TEST_P(Inputs, AMemoryLimitIsHeldBeforeAllocating) {
  Options options(GetParam());
  options.memory_limit = 1 << 20;
  auto limited = opened->session(options);
  std::vector<float> large(1 << 20);
  auto status = limited.run({vectorOf(large), vectorOf(large)});
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().status(), CAMEO_RESOURCES);
  EXPECT_NE(status.error().message().find("memory limit"), std::string::npos);
  EXPECT_TRUE(bool(limited.run({vectorOf(a), vectorOf(a)})));
}

/// A loop without end, on the host.
BundleDesc endlessBundle() {
  BundleDesc desc = addBundle();
  desc.steps.insert(desc.steps.begin(), bundle::Loop{kNone, kNone, kNone, 1});
  return desc;
}

/// A loop without end, in a kernel.
BundleDesc endlessKernelBundle() {
  BundleDesc desc = addBundle();
  std::string &text = desc.modules[0].images[0].bytes;
  text.replace(text.find("$done:"), 6, "$done:\n  bra $done;\n");
  return desc;
}

double secondsToEnd(const BundleDesc &desc, cameo_device device, double limit, bool cancel, cameo_status expected) {
  OpenedBundle opened(desc);
  Options options(device);
  options.time_limit = limit;
  auto session = opened.session(options);
  std::vector<float> a = ramp(8, 1, 1);
  std::thread canceller([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    if (cancel)
      session.cancel();
  });
  auto begin = std::chrono::steady_clock::now();
  auto status = session.run({vectorOf(a), vectorOf(a)});
  double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  canceller.join();
  EXPECT_FALSE(status);
  EXPECT_EQ(status.error().status(), expected) << status.error().message();
  return seconds;
}

TEST_P(Inputs, ATimeLimitEndsLoops) {
  EXPECT_LT(secondsToEnd(endlessBundle(), GetParam(), 0.3, false, CAMEO_TIME_LIMIT), 1.3);
}

TEST_P(Inputs, CancellingEndsLoops) {
  EXPECT_LT(secondsToEnd(endlessBundle(), GetParam(), 0, true, CAMEO_INTERRUPTED), 1.2);
}

TEST(Limits, EndKernelsOnSim) {
  EXPECT_LT(secondsToEnd(endlessKernelBundle(), CAMEO_SIM, 0.3, false, CAMEO_TIME_LIMIT), 1.3);
  EXPECT_LT(secondsToEnd(endlessKernelBundle(), CAMEO_SIM, 0, true, CAMEO_INTERRUPTED), 1.2);
}

TEST_P(Inputs, ACancelBeforeTheRunStopsIt) {
  session->cancel();
  auto status = session->run({vectorOf(a), vectorOf(a)});
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().status(), CAMEO_INTERRUPTED);
  EXPECT_TRUE(bool(session->run({vectorOf(a), vectorOf(a)})));
}

TEST(Options, ThatMakeNoSenseAreRefused) {
  OpenedBundle opened(addBundle());
  Options options(CAMEO_SIM);
  options.schedule = 17;
  auto session = opened.bundle->createSession(options);
  ASSERT_FALSE(session);
  EXPECT_EQ(session.error().status(), CAMEO_USAGE);
  Options absent(CAMEO_CUDA);
  absent.device_index = 999;
  auto other = opened.bundle->createSession(absent);
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().status(), CAMEO_NO_DEVICE) << other.error().message();
}

TEST(Log, GoesToTheCallback) {
  static std::vector<std::string> lines;
  lines.clear();
  cameo_set_log([](void *, cameo_log_level, const char *message) { lines.push_back(message); }, nullptr,
                CAMEO_LOG_DEBUG);
  OpenedBundle opened(addBundle());
  auto session = opened.session(CAMEO_SIM);
  std::vector<float> a = ramp(8, 1, 1);
  runBinary(session, a, a);
  cameo_set_log(nullptr, nullptr, CAMEO_LOG_ERROR);
  size_t before = lines.size();
  runBinary(session, a, a);
  EXPECT_EQ(lines.size(), before);
  ASSERT_GE(lines.size(), 2u);
  EXPECT_NE(lines.back().find("add"), std::string::npos);
}

} // namespace
