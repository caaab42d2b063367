// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The algebra of register layouts: blocked layouts cover each element once, projections and slices keep
// who holds what.
#include "cameo/Dialect/Kernel/Layout/LinearLayout.h"

#include "gtest/gtest.h"

#include <map>

using namespace mlir;
using namespace cameo::kernel;

namespace {

struct KernelLayout : testing::Test {
  KernelLayout() { context.loadDialect<KernelDialect>(); }
  MLIRContext context;

  /// The coordinates of (register, thread) by the definition: XOR of the vectors of the set bits.
  static Coordinates at(LayoutAttr layout, unsigned reg, unsigned thread) {
    Coordinates result = registerCoordinates(layout, reg);
    auto apply = [&](ArrayRef<int32_t> basis) {
      for (auto [entry, add] : llvm::zip_equal(result, basis))
        entry ^= add;
    };
    for (unsigned bit = 0; bit < layout.getNumLaneBits(); ++bit)
      if (thread >> bit & 1)
        apply(layout.getLane(bit));
    for (unsigned bit = 0; bit < layout.getNumWarpBits(); ++bit)
      if (thread >> (5 + bit) & 1)
        apply(layout.getWarp(bit));
    return result;
  }
};

TEST_F(KernelLayout, BlockedLayoutsHoldEachElementOnce) {
  LayoutAttr layout = makeBlockedLayout(&context, {8, 64}, {{1, 4, 2}, {2, 8, 1}}, {1, 0});
  ASSERT_TRUE(layout);
  std::map<std::pair<int32_t, int32_t>, int> seen;
  for (unsigned reg = 0; reg < layout.getNumRegisters(); ++reg)
    for (unsigned thread = 0; thread < 64; ++thread) {
      Coordinates c = at(layout, reg, thread);
      ++seen[{c[0], c[1]}];
    }
  EXPECT_EQ(seen.size(), 8u * 64u);
  for (auto &[where, count] : seen)
    EXPECT_EQ(count, 1) << where.first << "," << where.second;
  EXPECT_TRUE(isDisjoint(layout));
  EXPECT_EQ(replicaMask(layout), 0u);
}

TEST_F(KernelLayout, RefusesMoreThreadsThanElements) {
  EXPECT_FALSE(makeBlockedLayout(&context, {16}, {{1, 32, 1}}, {0}));
}

TEST_F(KernelLayout, DroppingAReducedDimensionLeavesReplicas) {
  LayoutAttr layout = makeBlockedLayout(&context, {8, 64}, {{1, 4, 2}, {2, 8, 1}}, {1, 0});
  LayoutAttr rows = dropDims(layout, {1});
  EXPECT_EQ(rows.getRank(), 1u);
  EXPECT_EQ(rows.getNumRegisters(), 1u);
  EXPECT_EQ(replicaMask(rows), 7u); // the eight lanes along a row
  for (unsigned thread = 0; thread < 64; ++thread)
    EXPECT_EQ(at(rows, 0, thread)[0], at(layout, 0, thread)[0]);
}

TEST_F(KernelLayout, ProjectionFollowsTheMap) {
  LayoutAttr layout = makeBlockedLayout(&context, {8, 64}, {{1, 4, 2}, {2, 8, 1}}, {1, 0});
  AffineMap columns = AffineMap::get(2, 0, getAffineDimExpr(1, &context));
  LayoutAttr operand = projectLayout(layout, columns);
  for (unsigned reg = 0; reg < layout.getNumRegisters(); ++reg) {
    Coordinates wanted{registerCoordinates(layout, reg)[1]};
    std::optional<unsigned> source = findRegister(operand, wanted);
    ASSERT_TRUE(source);
    for (unsigned thread : {0u, 5u, 37u, 63u})
      EXPECT_EQ(at(operand, *source, thread)[0], at(layout, reg, thread)[1]);
  }
}

/// The fragment of 16 x 8 sums of mma.sync, two of them side by side and two below: 32 x 16.
static LayoutAttr fragment(MLIRContext *context) {
  return LayoutAttr::get(context, 2, {0, 1, 8, 0, 0, 8, 16, 0}, {0, 2, 0, 4, 1, 0, 2, 0, 4, 0}, {0, 16});
}

TEST_F(KernelLayout, RunsAreCountedInRegistersAndSideBySideLanes) {
  LayoutAttr layout = fragment(&context);
  EXPECT_EQ(runAlong(layout, 1, /*withLanes=*/false), 2);
  EXPECT_EQ(runAlong(layout, 1, /*withLanes=*/true), 8);
  EXPECT_EQ(runAlong(layout, 0, /*withLanes=*/false), 1);
  EXPECT_EQ(runAlong(layout, 0, /*withLanes=*/true), 8);
}

TEST_F(KernelLayout, LanesGiveTheirBitsForRuns) {
  LayoutAttr layout = fragment(&context), runs = withRunsAlong(layout, 1, 8);
  ASSERT_TRUE(runs);
  for (unsigned reg = 0; reg < 8; ++reg)
    EXPECT_EQ(registerCoordinates(runs, reg), (Coordinates{0, int32_t(reg)}));
  // The first lane bit takes the other fragment along the row, the second one below.
  EXPECT_EQ(at(runs, 0, 1), (Coordinates{0, 8}));
  EXPECT_EQ(at(runs, 0, 2), (Coordinates{8, 0}));
  std::optional<SmallVector<LaneSwap>> swaps = laneSwaps(layout, runs);
  ASSERT_TRUE(swaps);
  EXPECT_EQ(swaps->size(), 2u);
  // Registers after the exchanges are those of `runs` in another order.
  LayoutAttr after = swapped(layout, *swaps);
  for (unsigned reg = 0; reg < runs.getNumRegisters(); ++reg) {
    std::optional<unsigned> same = findRegister(after, registerCoordinates(runs, reg));
    ASSERT_TRUE(same);
    for (unsigned thread = 0; thread < 64; ++thread)
      EXPECT_EQ(at(after, *same, thread), at(runs, reg, thread));
  }
}

TEST_F(KernelLayout, RunsThatNoLaneHoldsAreRefused) {
  EXPECT_FALSE(withRunsAlong(fragment(&context), 1, 32)); // 16 to 31 are another warp's
  EXPECT_FALSE(withRunsAlong(LayoutAttr::get(&context, 1, {}, {1, 2}, {}), 0, 4)); // nothing to give in return
  EXPECT_FALSE(withRunsAlong(LayoutAttr::get(&context, 1, {1}, {2, 0}, {}), 0, 4)); // replicas
}

TEST_F(KernelLayout, ExchangesBetweenWarpsAreRefused) {
  LayoutAttr layout = fragment(&context);
  LayoutAttr other = LayoutAttr::get(&context, 2, {0, 1, 8, 0, 0, 16, 16, 0}, layout.getLanes(), {0, 8});
  EXPECT_FALSE(laneSwaps(layout, other));
  LayoutAttr reordered = LayoutAttr::get(&context, 2, {8, 0, 0, 1, 16, 0, 0, 8}, layout.getLanes(), layout.getWarps());
  ASSERT_TRUE(laneSwaps(layout, reordered));
  EXPECT_TRUE(laneSwaps(layout, reordered)->empty());
}

TEST_F(KernelLayout, OverlappingVectorsAreNotDisjoint) {
  auto layout = LayoutAttr::get(&context, 1, {1}, {1, 2}, {});
  EXPECT_FALSE(isDisjoint(layout));
  EXPECT_EQ(findRegister(layout, {1}), 1u);
  EXPECT_EQ(findRegister(layout, {2}), std::nullopt);
}

} // namespace
