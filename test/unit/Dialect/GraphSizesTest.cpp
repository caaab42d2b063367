// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the importer relies on and no IR test shows: which conditions inference leaves to the
// launch, where errors go, and that element types translate both ways.
#include "cameo/Dialect/Graph/IR/Graph.h"

#include <gtest/gtest.h>

using namespace mlir;
using namespace cameo;
using namespace cameo::graph;

namespace {

struct GraphSizes : testing::Test {
  GraphSizes() { context.loadDialect<GraphDialect>(); }

  RankedTensorType tensor(std::initializer_list<SizeExpr> sizes, Type element = {}) {
    return makeTensorType(&context, element ? element : Float32Type::get(&context),
                          SmallVector<SizeExpr>(sizes));
  }

  MLIRContext context;
  std::vector<std::string> errors, checks;
  SizeReporter reporter{
      [&](const Twine &message) { errors.push_back(message.str()); },
      [&](const SizeExpr &condition, const Twine &) { checks.push_back(condition.str()); }};
  SizeExpr n = SizeExpr::symbol("N"), m = SizeExpr::symbol("M");
};

TEST_F(GraphSizes, ConstantSizesNeedNoEncoding) {
  EXPECT_FALSE(tensor({2, 3}).getEncoding());
  EXPECT_TRUE(tensor({2, n}).getEncoding());
  EXPECT_EQ(getSizes(tensor({2, n * 3 + 1}))[1], n * 3 + 1);
  EXPECT_EQ(tensor({2, n - n + 4}), tensor({2, 4}));
}

TEST_F(GraphSizes, EqualSymbolsNeedNoCheck) {
  InferredType type = inferBinary(BinaryKind::Add, tensor({n, 4}), tensor({n, 1}), reporter);
  ASSERT_TRUE(succeeded(type));
  EXPECT_EQ(*type, tensor({n, 4}));
  EXPECT_TRUE(checks.empty());
}

TEST_F(GraphSizes, DifferentSymbolsAreCheckedAtLaunch) {
  InferredType type = inferBinary(BinaryKind::Add, tensor({n}), tensor({m}), reporter);
  ASSERT_TRUE(succeeded(type));
  EXPECT_EQ(*type, tensor({select(eq(n, 1), m, n)}));
  ASSERT_EQ(checks.size(), 1u);
  auto holds = [&](int64_t nValue, int64_t mValue) {
    return SizeExpr::parse(checks[0])->evaluate([&](std::string_view name) {
      return std::optional<int64_t>(name == "N" ? nValue : mValue);
    });
  };
  EXPECT_EQ(holds(3, 3), 1);
  EXPECT_EQ(holds(1, 3), 1);
  EXPECT_EQ(holds(3, 1), 1);
  EXPECT_EQ(holds(3, 4), 0);
}

TEST_F(GraphSizes, ProvablyWrongSizesAreErrors) {
  EXPECT_TRUE(failed(inferMatmul(tensor({2, 3}), tensor({4, 5}), false, false, reporter)));
  ASSERT_EQ(errors.size(), 1u);
  EXPECT_EQ(errors[0], "matmul: inner sizes differ: 3 against 4");
  EXPECT_TRUE(failed(inferConcat({}, 0, reporter)));
  EXPECT_TRUE(failed(inferReduce(ReduceKind::Any, tensor({2}), {0}, false, reporter)));
  EXPECT_EQ(errors.size(), 3u);
}

TEST_F(GraphSizes, CeilModeNeverStartsInThePad) {
  int64_t window = 2, stride = 2, dilation = 1;
  int64_t pads[] = {1, 1};
  WindowAttrs attrs{window, stride, pads, dilation};
  // 5 + 2 elements, windows of 2 at 0, 2, 4; a fourth would start at 6, in the end pad.
  EXPECT_EQ(windowCount(5, attrs, 0, /*ceilMode=*/true), SizeExpr(3));
  EXPECT_EQ(windowCount(4, attrs, 0, /*ceilMode=*/true), SizeExpr(3));
  EXPECT_EQ(windowCount(5, attrs, 0, /*ceilMode=*/false), SizeExpr(3));
  for (int64_t size = 1; size < 9; ++size) {
    auto value = windowCount(n, attrs, 0, true).evaluate([&](std::string_view) {
      return std::optional<int64_t>(size);
    });
    EXPECT_EQ(value, windowCount(size, attrs, 0, true).asConstant()) << size;
  }
}

TEST_F(GraphSizes, ElementTypesTranslateBothWays) {
  unsigned numTypes = 0;
  for (unsigned number = 1; number < kNumDTypes; ++number) {
    Type type = typeOf(&context, DType(number));
    if (!type)
      continue;
    ++numTypes;
    EXPECT_EQ(dtypeOf(type), DType(number));
    EXPECT_TRUE(isElement(type));
  }
  EXPECT_EQ(numTypes, kNumDTypes - 2); // all but undefined and string
  EXPECT_EQ(dtypeOf(IndexType::get(&context)), DType::undefined);
}

TEST_F(GraphSizes, SplatsAreRead) {
  OpBuilder builder(&context);
  Location location = builder.getUnknownLoc();
  auto i1 = createSplat(builder, location, tensor({2}, builder.getI1Type()), 1);
  auto u8 = createSplat(builder, location,
                        tensor({}, IntegerType::get(&context, 8, IntegerType::Unsigned)), 200);
  auto f16 = createSplat(builder, location, tensor({3}, builder.getF16Type()), 0.5);
  EXPECT_EQ(getSplatValue(i1), 1);
  EXPECT_EQ(getSplatValue(u8), 200);
  EXPECT_TRUE(isSplatOf(f16, 0.5));
  EXPECT_FALSE(isSplatOf(Value(), 0.5));
  for (ConstantOp op : {i1, u8, f16})
    op.erase();
}

} // namespace
