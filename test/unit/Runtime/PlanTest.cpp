// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The memory plan: what lives at the same time never overlaps, whatever the sizes; memory is reused.

#include "MemoryPlan.h"

#include <cstdlib>
#include <gtest/gtest.h>
#include <random>

using namespace cameo::rt;

namespace {

uint64_t testSeed() {
  const char *text = getenv("CAMEO_TEST_SEED");
  return text ? strtoull(text, nullptr, 10) : 1;
}

TEST(MemoryPlan, NothingThatLivesTogetherOverlaps) {
  std::mt19937_64 random(testSeed());
  for (int round = 0; round < 200; ++round) {
    std::vector<PlanItem> items(1 + random() % 60);
    for (PlanItem &item : items) {
      item.bytes = random() % 5000;
      item.alignment = uint64_t(1) << (random() % 12);
      item.first = uint32_t(random() % 40);
      item.last = item.first + uint32_t(random() % 10);
    }
    MemoryPlan plan = planMemory(items);
    for (size_t i = 0; i < items.size(); ++i) {
      EXPECT_EQ(plan.offsets[i] % std::max<uint64_t>(256, items[i].alignment), 0u);
      EXPECT_LE(plan.offsets[i] + items[i].bytes, plan.bytes);
      for (size_t j = 0; j < i; ++j) {
        bool together = items[i].first <= items[j].last && items[j].first <= items[i].last;
        bool overlap = plan.offsets[i] < plan.offsets[j] + items[j].bytes &&
                       plan.offsets[j] < plan.offsets[i] + items[i].bytes;
        EXPECT_FALSE(together && overlap && items[i].bytes && items[j].bytes) << "seed " << testSeed();
      }
    }
  }
}

TEST(MemoryPlan, AChainNeedsTwoOfItsLinks) {
  std::vector<PlanItem> items;
  for (uint32_t i = 0; i < 20; ++i)
    items.push_back({1024, 256, i, i + 1});
  EXPECT_EQ(planMemory(items).bytes, 2048u);
}

TEST(MemoryPlan, GapsAreFilled) {
  MemoryPlan plan = planMemory({{1000, 1, 0, 9}, {512, 1, 0, 3}, {512, 1, 5, 9}, {300, 1, 0, 9}});
  EXPECT_EQ(plan.offsets[1], plan.offsets[2]);
  EXPECT_EQ(planMemory({}).bytes, 0u);
}

} // namespace
