// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A graph pass rewrites programs; whether it keeps their values no FileCheck line can say. Here
// every function of the passes' lit tests runs on random inputs through the evaluator, before and
// after its pass. Functions whose sizes no input determines are left out and counted.
#include "cameo/Evaluate/Evaluate.h"
#include "cameo/Transforms/Graph/Passes.h"

#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "llvm/ADT/StringSet.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

using namespace mlir;
using namespace cameo;

namespace {

struct Case {
  const char *file, *pass;
  double tolerance;      // relative to the largest magnitude of a result, f32 and wider
  double shortTolerance; // the same for f16
  unsigned minFunctions; // as many must run
};

const Case cases[] = {
    {"canonicalize", "graph-canonicalize", 0, 0, 18},
    {"decompose", "graph-decompose", 1e-6, 1e-3, 13},
    {"fold", "graph-fold", 0, 0, 3},
    {"fold-batchnorm", "graph-fold-batchnorm", 1e-5, 1e-5, 5},
    // Constants such as 0.7071 in f16 stand for exact ones.
    {"recognize-activations", "graph-recognize", 1e-5, 4e-3, 12},
    {"recognize-normalizations", "graph-recognize", 1e-5, 4e-3, 8},
};

/// Declares each symbol that is exactly a dimension of an argument.
void declareSymbols(func::FuncOp function) {
  Builder builder(function.getContext());
  SmallVector<Attribute> symbols;
  llvm::StringSet<> seen;
  for (auto [input, type] : llvm::enumerate(function.getArgumentTypes()))
    for (auto [dim, size] : llvm::enumerate(graph::getSizes(type)))
      if (std::optional<std::string> name = size.asSymbol(); name && seen.insert(*name).second)
        symbols.push_back(graph::SymbolAttr::get(
            function.getContext(), builder.getStringAttr(*name), int64_t(input), int64_t(dim)));
  function->setAttr(graph::symbolsAttrName, builder.getArrayAttr(symbols));
}

class Inputs {
public:
  explicit Inputs(bool wholeNumbers) : wholeNumbers(wholeNumbers) {}

  std::optional<evaluate::Tensors> make(func::FuncOp function) {
    evaluate::Tensors tensors;
    for (Type type : function.getArgumentTypes()) {
      host::Dims dims;
      for (const SizeExpr &size : graph::getSizes(type)) {
        auto value = size.evaluate(
            [](std::string_view name) { return std::optional<int64_t>(name == "H" ? 5 : 3); });
        dims.push_back(*value);
      }
      auto tensor = fill(graph::dtypeOf(cast<RankedTensorType>(type).getElementType()), dims);
      if (!tensor)
        return std::nullopt;
      tensors.push_back(*tensor);
    }
    return tensors;
  }

private:
  host::Result<host::HostTensor> fill(DType dtype, const host::Dims &dims) {
    int64_t count = 1;
    for (int64_t dim : dims)
      count *= dim;
    std::uniform_int_distribution<int64_t> small(0, dtype == DType::boolean ? 1 : 5);
    std::uniform_real_distribution<double> real(-2, 2);
    std::vector<int64_t> integers;
    std::vector<double> reals;
    for (int64_t i = 0; i < count; ++i) {
      integers.push_back(small(generator));
      reals.push_back(wholeNumbers ? double(integers.back()) - 2 : real(generator));
    }
    return isFloat(dtype) ? host::HostTensor::ofDoubles(dtype, dims, reals)
                          : host::HostTensor::ofIntegers(dtype, dims, integers);
  }

  bool wholeNumbers;
  std::mt19937 generator{7};
};

void expectSame(const evaluate::Tensors &before, const evaluate::Tensors &after, const Case &test,
                const std::string &name) {
  ASSERT_EQ(before.size(), after.size()) << name;
  for (size_t i = 0; i < before.size(); ++i) {
    std::vector<double> wanted = *before[i].toDoubles(), got = *after[i].toDoubles();
    ASSERT_EQ(before[i].dims(), after[i].dims()) << name;
    double largest = 0;
    for (double value : wanted)
      largest = std::isfinite(value) ? std::max(largest, std::abs(value)) : largest;
    bool isShort = bitWidth(before[i].dtype()) < 32;
    double bound = largest * (isShort ? test.shortTolerance : test.tolerance);
    for (size_t k = 0; k < wanted.size(); ++k) {
      bool isSame = std::isnan(wanted[k])
                        ? std::isnan(got[k])
                        : wanted[k] == got[k] || std::abs(wanted[k] - got[k]) <= bound;
      ASSERT_TRUE(isSame) << name << ": result " << i << ", element " << k << ": " << wanted[k]
                          << " became " << got[k];
    }
  }
}

struct GraphPasses : testing::TestWithParam<Case> {};

TEST_P(GraphPasses, KeepValues) {
  static bool isRegistered = (graph::registerGraphPasses(), true);
  ASSERT_TRUE(isRegistered);
  const Case &test = GetParam();
  MLIRContext context(MLIRContext::Threading::DISABLED);
  context.loadDialect<graph::GraphDialect, func::FuncDialect>();
  std::string path =
      std::string(CAMEO_SOURCE_DIR) + "/test/Transforms/Graph/" + test.file + ".mlir";
  OwningOpRef<ModuleOp> module = parseSourceFile<ModuleOp>(path, &context);
  ASSERT_TRUE(module) << path;
  llvm::StringMap<evaluate::Tensors> inputs, before;
  for (auto function : module->getOps<func::FuncOp>()) {
    declareSymbols(function);
    auto tensors = Inputs(function.getName().contains("one_hot")).make(function);
    if (!tensors)
      continue;
    auto results = evaluate::evaluate(function, *tensors);
    if (!results)
      continue;
    inputs[function.getName()] = *tensors;
    before[function.getName()] = *results;
  }
  EXPECT_GE(before.size(), test.minFunctions);

  PassManager manager(&context);
  ASSERT_TRUE(succeeded(parsePassPipeline("func.func(" + std::string(test.pass) + ")", manager)));
  ASSERT_TRUE(succeeded(manager.run(*module)));
  for (auto function : module->getOps<func::FuncOp>()) {
    if (!before.contains(function.getName()))
      continue;
    auto results = evaluate::evaluate(function, inputs[function.getName()]);
    ASSERT_TRUE(results.isOk()) << function.getName().str() << ": " << results.message();
    expectSame(before[function.getName()], *results, test, function.getName().str());
  }
}

INSTANTIATE_TEST_SUITE_P(EveryLitTest, GraphPasses, testing::ValuesIn(cases), [](const auto &info) {
  std::string name = info.param.file;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
});

} // namespace
