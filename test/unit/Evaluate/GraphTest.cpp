// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The walk over a graph function: symbols, control operands, control flow, the observer, the cap,
// and what it refuses. Numbers of single ops are HostOps' tests.
#include "Helpers.h"

using namespace cameo;
using namespace cameo::evaluate;

namespace {

const char *const dynamicModel = R"(
func.func @main(%x: tensor<?x3xf32, #graph.sizes<["N", "3"]>> {graph.name = "x"})
    -> (tensor<?xf32, #graph.sizes<["3*N"]>> {graph.name = "y"})
    attributes {graph.symbols = [#graph.symbol<name = "N", input = 0, dim = 0>]} {
  %0 = graph.unary neg %x : tensor<?x3xf32, #graph.sizes<["N", "3"]>>
  %1 = graph.reshape %0 : tensor<?x3xf32, #graph.sizes<["N", "3"]>>
                       -> tensor<?xf32, #graph.sizes<["3*N"]>>
  return %1 : tensor<?xf32, #graph.sizes<["3*N"]>>
})";

} // namespace

TEST(Graph, SymbolsComeFromTheInputs) {
  Program program(dynamicModel);
  ASSERT_TRUE(program.module);
  for (int64_t n : {0, 1, 2}) {
    auto results =
        evaluate::evaluate(program.main(), {floats({n, 3}, std::vector<double>(3 * n, 2))});
    ASSERT_TRUE(results.isOk()) << results.message();
    expectDoubles((*results)[0], {3 * n}, std::vector<double>(3 * n, -2));
  }
}

TEST(Graph, InputsAndResultsByName) {
  Program program(dynamicModel);
  auto results = evaluate::evaluateNamed(program.main(), {{"x", floats({1, 3}, {1, 2, 3})}});
  ASSERT_TRUE(results.isOk()) << results.message();
  expectDoubles(results->at("y"), {3}, {-1, -2, -3});
  auto missing = evaluate::evaluateNamed(program.main(), {});
  EXPECT_EQ(missing.message(), "input x is missing");
}

TEST(Graph, WrongInputsAreRefused) {
  Program program(dynamicModel);
  auto size = evaluate::evaluate(program.main(), {floats({1, 2}, {1, 2})});
  EXPECT_NE(size.message().find("input x: the result has sizes [1, 2]"), std::string::npos)
      << size.message();
  auto type = evaluate::evaluate(program.main(), {*HostTensor::allocate(DType::i32, {1, 3})});
  EXPECT_FALSE(type.isOk());
  EXPECT_FALSE(evaluate::evaluate(program.main(), llvm::ArrayRef<HostTensor>()).isOk());
}

TEST(Graph, ControlOperandsBecomeSizes) {
  Program program(R"(
func.func @main(%x: tensor<6xf32>, %s: tensor<2xi64>)
    -> tensor<?x?xf32, #graph.sizes<["`s[0]`", "`s[1]`"]>> {
  graph.read_sizes %s symbols = ["s[0]", "s[1]"] : tensor<2xi64>
  %0 = graph.reshape %x : tensor<6xf32> -> tensor<?x?xf32, #graph.sizes<["`s[0]`", "`s[1]`"]>>
  return %0 : tensor<?x?xf32, #graph.sizes<["`s[0]`", "`s[1]`"]>>
})");
  if (!program.module)
    GTEST_FAIL() << "the module does not parse";
  auto shape = *HostTensor::ofIntegers(DType::i64, {2}, {3, 2});
  auto results = evaluate::evaluate(program.main(), {floats({6}, {1, 2, 3, 4, 5, 6}), shape});
  ASSERT_TRUE(results.isOk()) << results.message();
  expectDoubles((*results)[0], {3, 2}, {1, 2, 3, 4, 5, 6});
  auto wrong = *HostTensor::ofIntegers(DType::i64, {2}, {3, 3});
  EXPECT_FALSE(evaluate::evaluate(program.main(), {floats({6}, {1, 2, 3, 4, 5, 6}), wrong}).isOk());
}

TEST(Graph, LoopsCarryAndCollect) {
  Program program(R"(
func.func @main(%n: tensor<i64>, %a: tensor<2xf32>) -> (tensor<2xf32>, tensor<3x2xf32>) {
  %0:2 = graph.loop trip_count %n carried(%a) : (tensor<i64>, tensor<2xf32>)
      -> (tensor<2xf32>, tensor<3x2xf32>) {
  ^bb0(%i: tensor<i64>, %go: tensor<i1>, %c: tensor<2xf32>):
    %1 = graph.binary add %c, %a : tensor<2xf32>
    graph.yield %go, %1, %c : tensor<i1>, tensor<2xf32>, tensor<2xf32>
  }
  return %0#0, %0#1 : tensor<2xf32>, tensor<3x2xf32>
})");
  ASSERT_TRUE(program.module);
  auto count = *HostTensor::ofIntegers(DType::i64, {}, {3});
  auto results = evaluate::evaluate(program.main(), {count, floats({2}, {1, 2})});
  ASSERT_TRUE(results.isOk()) << results.message();
  expectDoubles((*results)[0], {2}, {4, 8});
  expectDoubles((*results)[1], {3, 2}, {1, 2, 2, 4, 3, 6});
}

TEST(Graph, TheObserverSeesEveryOpAndTheCapRefuses) {
  Program program(R"(
func.func @main(%x: tensor<1xf32>) -> tensor<100xf32> {
  %0 = graph.unary abs %x : tensor<1xf32> loc("first")
  %1 = graph.broadcast %0 : tensor<1xf32> -> tensor<100xf32> loc("second")
  return %1 : tensor<100xf32>
})");
  ASSERT_TRUE(program.module);
  std::vector<std::string> seen;
  Options options;
  options.observer = [&](mlir::Operation *op, llvm::ArrayRef<HostTensor> results) {
    seen.push_back(nameOf(op) + std::to_string(results.size()));
  };
  EXPECT_TRUE(evaluate::evaluate(program.main(), {floats({1}, {-1})}, options).isOk());
  EXPECT_EQ(seen, (std::vector<std::string>{"first1", "second1"}));
  options.maxElements = 99;
  auto refused = evaluate::evaluate(program.main(), {floats({1}, {-1})}, options);
  EXPECT_EQ(refused.message(), "second (graph.broadcast): the result has more than 99 elements");
  options.shouldStop = [] { return true; };
  EXPECT_FALSE(evaluate::evaluate(program.main(), {floats({1}, {-1})}, options).isOk());
}

TEST(Graph, FaultsNameTheNode) {
  Program program(R"(
func.func @main(%x: tensor<3xf32>, %i: tensor<1xi64>) -> tensor<1xf32> {
  %0 = graph.gather %x, %i axis = 0 : (tensor<3xf32>, tensor<1xi64>) -> tensor<1xf32> loc("lookup")
  return %0 : tensor<1xf32>
})");
  ASSERT_TRUE(program.module);
  auto index = *HostTensor::ofIntegers(DType::i64, {1}, {3});
  auto result = evaluate::evaluate(program.main(), {floats({3}, {1, 2, 3}), index});
  EXPECT_EQ(result.message(), "lookup (graph.gather): index 3 is outside a dimension of 3");
}
