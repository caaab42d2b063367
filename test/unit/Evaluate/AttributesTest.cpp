// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Constants of every kind survive the way to a tensor and back.
#include "Helpers.h"

using namespace cameo;
using namespace cameo::evaluate;
using namespace mlir;

namespace {

struct Attributes : testing::Test {
  MLIRContext context{MLIRContext::Threading::DISABLED};
  Attributes() { context.loadDialect<graph::GraphDialect>(); }

  void expectRoundTrip(const std::string &text, const std::vector<double> &values) {
    auto attribute = dyn_cast_or_null<DenseElementsAttr>(parseAttribute(text, &context));
    ASSERT_TRUE(attribute) << text;
    auto tensor = fromAttribute(attribute);
    ASSERT_TRUE(tensor.isOk()) << tensor.message();
    EXPECT_EQ(*tensor->toDoubles(), values) << text;
    auto back = toAttribute(&context, *tensor);
    ASSERT_TRUE(back.isOk()) << back.message();
    EXPECT_EQ(Attribute(*back), Attribute(attribute)) << text;
  }
};

} // namespace

TEST_F(Attributes, RoundTrips) {
  expectRoundTrip("dense<[1.5, -2.0]> : tensor<2xf32>", {1.5, -2});
  expectRoundTrip("dense<[[1, 2], [3, -4]]> : tensor<2x2xi64>", {1, 2, 3, -4});
  expectRoundTrip("dense<[true, false, true]> : tensor<3xi1>", {1, 0, 1});
  expectRoundTrip("dense<[-8, 7, 3]> : tensor<3xi4>", {-8, 7, 3});
  expectRoundTrip("dense<[0, 255]> : tensor<2xui8>", {0, 255});
  expectRoundTrip("dense<[1.0, 0.5]> : tensor<2xf16>", {1, 0.5});
  expectRoundTrip("dense<[1.0, -448.0]> : tensor<2xf8E4M3FN>", {1, -448});
  expectRoundTrip("dense<7.0> : tensor<f64>", {7});
  expectRoundTrip("dense<> : tensor<0x3xf32>", {});
}

TEST_F(Attributes, SplatsAreViews) {
  auto attribute =
      cast<DenseElementsAttr>(parseAttribute("dense<2.0> : tensor<1000x1000x1000xf32>", &context));
  auto tensor = fromAttribute(attribute);
  ASSERT_TRUE(tensor.isOk());
  EXPECT_EQ(tensor->numElements(), 1000000000);
  EXPECT_EQ(tensor->strides(), (host::Dims{0, 0, 0}));
  expectRoundTrip("dense<true> : tensor<2x3xi1>", {1, 1, 1, 1, 1, 1});
  expectRoundTrip("dense<-3> : tensor<4xi4>", {-3, -3, -3, -3});
}

TEST(Resources, AreReadInPlaceOrRefused) {
  Program program(R"(
func.func @main() -> (tensor<2xf32>, tensor<3xf32>) {
  %0 = graph.constant dense_resource<w> : tensor<2xf32>
  %1 = graph.constant dense_resource<w> : tensor<3xf32>
  return %0, %1 : tensor<2xf32>, tensor<3xf32>
}
{-# dialect_resources: { builtin: { w: "0x040000000000803F00000040" } } #-})");
  ASSERT_TRUE(program.module);
  std::vector<Result<HostTensor>> tensors;
  program.module->walk(
      [&](graph::ConstantOp op) { tensors.push_back(fromAttribute(op.getValue())); });
  ASSERT_EQ(tensors.size(), 2u);
  ASSERT_TRUE(tensors[0].isOk()) << tensors[0].message();
  expectDoubles(*tensors[0], {2}, {1, 2});
  EXPECT_EQ(tensors[1].message(), "a constant has 8 bytes for [3]");
}
