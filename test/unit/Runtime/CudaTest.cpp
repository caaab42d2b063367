// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The tests of runs and inputs once more, with the stand-in for libcuda in place of a driver, and what
// is particular to that device: graphs, device memory, streams and events, the choice of images.

#include "RuntimeTest.h"

#include <dlfcn.h>

using namespace cameo;
using namespace cameo::test;

namespace {

/// Loaded first under the driver's name: the runtime then finds this one.
class FakeDriver : public testing::Environment {
public:
  void SetUp() override { ASSERT_TRUE(dlopen(CAMEO_FAKE_CUDA, RTLD_NOW | RTLD_GLOBAL)) << dlerror(); }
};
[[maybe_unused]] testing::Environment *const driver = testing::AddGlobalTestEnvironment(new FakeDriver);

int (*hostToDevice)(uint64_t, const void *, size_t, void *);

TEST(Cuda, IsFoundAndChosen) {
  EXPECT_EQ(cameo_cuda_device_count(), 1);
  OpenedBundle opened(addBundle());
  auto session = opened.session(CAMEO_AUTOMATIC);
  EXPECT_EQ(session.device(), CAMEO_CUDA);
  EXPECT_EQ(session.deviceName(), "Fake GPU");
}

TEST(Cuda, AGraphIsReplayedFromTheThirdRunOn) {
  OpenedBundle opened(addBundle());
  auto session = opened.session(CAMEO_CUDA);
  std::vector<float> a = ramp(300, 1, 1);
  std::vector<uint32_t> launches;
  for (int round = 0; round < 4; ++round) {
    std::vector<float> b = ramp(300, float(round), 2), c = runBinary(session, a, b);
    ASSERT_EQ(c.size(), 300u);
    for (size_t i = 0; i < c.size(); ++i)
      ASSERT_EQ(c[i], a[i] + b[i]);
    launches.push_back(session.runInfo().launches);
  }
  EXPECT_EQ(launches, (std::vector<uint32_t>{1, 1, 0, 0}));
  // Other sizes, then the first ones again: each combination has its own graph.
  std::vector<float> shorter = ramp(10, 0, 1);
  for (int round = 0; round < 3; ++round) {
    EXPECT_EQ(runBinary(session, shorter, shorter)[9], 18);
    EXPECT_EQ(runBinary(session, a, a)[299], 600);
  }
}

TEST(Cuda, WithoutGraphsEachKernelIsLaunched) {
  OpenedBundle opened(addBundle());
  Options options(CAMEO_CUDA);
  options.graphs = 0;
  auto session = opened.session(options);
  std::vector<float> a = ramp(30, 1, 1);
  for (int round = 0; round < 4; ++round) {
    runBinary(session, a, a);
    EXPECT_EQ(session.runInfo().launches, 1u);
  }
}

TEST(Cuda, TimesAreThereWhenAskedFor) {
  OpenedBundle opened(addBundle());
  Options options(CAMEO_CUDA);
  options.profile = 1;
  auto session = opened.session(options);
  std::vector<float> a = ramp(30, 1, 1);
  runBinary(session, a, a);
  ASSERT_EQ(session.launches().size(), 1u);
  EXPECT_FALSE(session.launches()[0].has_counts);
  EXPECT_GT(session.launches()[0].milliseconds, 0);
}

TEST(Cuda, DeviceMemoryIsUsedInPlace) {
  void *fake = dlopen(CAMEO_FAKE_CUDA, RTLD_NOW);
  hostToDevice = reinterpret_cast<decltype(hostToDevice)>(dlsym(fake, "cuMemcpyHtoDAsync_v2"));
  auto allocate = reinterpret_cast<int (*)(uint64_t *, size_t)>(dlsym(fake, "cuMemAlloc_v2"));
  auto deviceToHost =
      reinterpret_cast<int (*)(void *, uint64_t, size_t, void *)>(dlsym(fake, "cuMemcpyDtoHAsync_v2"));
  uint64_t x = 0, y = 0;
  ASSERT_EQ(allocate(&x, 400), 0);
  ASSERT_EQ(allocate(&y, 400), 0);
  std::vector<float> a = ramp(100, 1, 1), c(100);
  ASSERT_EQ(hostToDevice(x, a.data(), 400, nullptr), 0);
  OpenedBundle opened(addBundle());
  auto session = opened.session(CAMEO_CUDA);
  Tensor in = vectorOf(a), out = vectorOf(c);
  in.data = reinterpret_cast<void *>(x);
  out.data = reinterpret_cast<void *>(y);
  in.place = out.place = CAMEO_CUDA_MEMORY;
  for (int round = 0; round < 3; ++round) {
    auto status = session.run({in, vectorOf(a)}, {out});
    ASSERT_TRUE(bool(status)) << status.error().message();
  }
  ASSERT_EQ(deviceToHost(c.data(), y, 400, nullptr), 0);
  EXPECT_EQ(c[99], 200);
  EXPECT_EQ(session.output(0)->deviceData, out.data);
  Tensor elsewhere = in;
  elsewhere.deviceIndex = 1;
  EXPECT_EQ(session.run({elsewhere, in}).error().status(), CAMEO_BAD_INPUT);
  out.bytes = 100;
  EXPECT_EQ(session.run({in, in}, {out}).error().status(), CAMEO_BAD_INPUT);
}

TEST(Cuda, AKernelThatFailsIsNamed) {
  // The kernel believes in more elements than there are, and has blocks enough to reach them.
  BundleDesc desc = addBundle();
  auto &launch = std::get<bundle::Launch>(desc.steps[0]);
  launch.arguments[3].expr = desc.expr(SizeExpr::symbol("N") + 1000);
  launch.variants[0][0].grid[0] = desc.expr(9);
  OpenedBundle opened(desc);
  auto session = opened.session(CAMEO_CUDA);
  std::vector<float> a = ramp(10, 1, 1);
  auto failed = session.run({vectorOf(a), vectorOf(a)});
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().kernel(), "add");
  EXPECT_EQ(failed.error().nodes(), std::vector<std::string>{"/add"});
}

TEST(Cuda, TheBestImageIsTaken) {
  // Code for other devices is passed over with its variants; the portable one serves. Code of the device's own is
  // taken before it (that device is of 8.0).
  std::vector<float> a = ramp(10, 1, 1);
  for (auto [target, last] : {std::pair{"sm_90a", 20.0f}, {"sm_80a", 100.0f}}) {
    OpenedBundle opened(twoTargetBundle(target));
    auto session = opened.session(CAMEO_CUDA);
    EXPECT_EQ(runBinary(session, a, a)[9], last) << target;
  }
}

TEST(Cuda, ABundleWithCodeForOthersOnlyIsRefused) {
  BundleDesc desc = addBundle();
  desc.modules[0].images[0].target = "sm_90a";
  OpenedBundle opened(desc);
  auto created = opened.bundle->createSession(Options(CAMEO_CUDA));
  ASSERT_FALSE(created);
  EXPECT_EQ(created.error().status(), CAMEO_UNSUPPORTED);
  EXPECT_NE(created.error().message().find("only for sm_90a"), std::string::npos) << created.error().message();
}

TEST(Cuda, StreamsAndEvents) {
  cameo_stream *stream = nullptr;
  cameo_event *begin = nullptr, *end = nullptr;
  for (cameo_device device : {CAMEO_SIM, CAMEO_CUDA}) {
    ASSERT_EQ(cameo_stream_create(device, 0, &stream, nullptr), CAMEO_OK);
    EXPECT_EQ(cameo_stream_native(stream) != nullptr, device == CAMEO_CUDA);
    ASSERT_EQ(cameo_event_create(stream, &begin, nullptr), CAMEO_OK);
    ASSERT_EQ(cameo_event_create(stream, &end, nullptr), CAMEO_OK);
    double milliseconds = -1;
    EXPECT_EQ(cameo_event_elapsed(begin, end, &milliseconds, nullptr), CAMEO_USAGE);
    ASSERT_EQ(cameo_event_record(begin, stream, nullptr), CAMEO_OK);
    {
      OpenedBundle opened(addBundle());
      Options options;
      options.stream = stream;
      auto session = opened.session(options);
      EXPECT_EQ(session.device(), device);
      std::vector<float> a = ramp(10, 1, 1);
      EXPECT_EQ(runBinary(session, a, a)[9], 20);
    }
    ASSERT_EQ(cameo_event_record(end, stream, nullptr), CAMEO_OK);
    EXPECT_EQ(cameo_event_synchronize(end, nullptr), CAMEO_OK);
    EXPECT_EQ(cameo_stream_synchronize(stream, nullptr), CAMEO_OK);
    EXPECT_EQ(cameo_event_elapsed(begin, end, &milliseconds, nullptr), CAMEO_OK);
    EXPECT_GT(milliseconds, 0);
    cameo_event_destroy(begin);
    cameo_event_destroy(end);
    cameo_stream_destroy(stream);
  }
  cameo_error *error = nullptr;
  EXPECT_EQ(cameo_stream_create(CAMEO_CUDA, 7, &stream, &error), CAMEO_NO_DEVICE);
  cameo_error_destroy(error);
}

} // namespace
