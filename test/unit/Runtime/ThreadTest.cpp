// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One bundle, many threads, each with its session; and one session used by two threads at once, which
// is refused and not a race. Meant for the thread sanitizer.

#include "RuntimeTest.h"

#include <atomic>
#include <thread>

using namespace cameo;
using namespace cameo::test;

namespace {

TEST(Threads, ShareABundle) {
  std::vector<float> w = ramp(100, 1, 1);
  OpenedBundle opened(twoKernelBundle(w));
  std::atomic<int> right{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      Options options(CAMEO_SIM);
      options.host_threads = 1;
      auto session = opened.session(options);
      for (int round = 0; round < 5; ++round) {
        std::vector<float> a = ramp(100, float(t), 1), b = ramp(100, float(round), 1),
                           c = runBinary(session, a, b);
        bool good = c.size() == 100;
        for (size_t i = 0; good && i < 100; ++i)
          good = c[i] == (a[i] + b[i]) * w[i];
        right += good;
      }
    });
  for (std::thread &thread : threads)
    thread.join();
  EXPECT_EQ(right, 20);
}

TEST(Threads, TwoInOneSessionAreRefused) {
  OpenedBundle opened(addBundle());
  Options options(CAMEO_SIM);
  options.host_threads = 1;
  auto session = opened.session(options);
  std::vector<float> a = ramp(2000, 1, 1);
  std::atomic<int> succeeded{0}, refused{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (int round = 0; round < 20; ++round) {
        auto status = session.run({vectorOf(a), vectorOf(a)});
        if (status)
          ++succeeded;
        else if (status.error().status() == CAMEO_USAGE)
          ++refused;
      }
    });
  for (std::thread &thread : threads)
    thread.join();
  EXPECT_EQ(succeeded + refused, 80);
  EXPECT_GT(succeeded, 0);
}

TEST(Threads, ABundleMayBeDestroyedBeforeItsSessions) {
  std::optional<OpenedBundle> opened(addBundle());
  auto session = opened->session(CAMEO_SIM);
  opened.reset();
  std::vector<float> a = ramp(10, 1, 1);
  EXPECT_EQ(runBinary(session, a, a)[9], 20);
}

} // namespace
