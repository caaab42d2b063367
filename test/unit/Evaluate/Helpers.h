// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Modules from text, and comparisons of tensors with literals.
#pragma once

#include "cameo/Dialect/Graph/IR/Graph.h"
#include "cameo/Evaluate/Evaluate.h"

#include "mlir/AsmParser/AsmParser.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"

#include <gtest/gtest.h>

namespace cameo::evaluate {

/// A parsed module with a function `main`.
struct Program {
  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module;

  explicit Program(const std::string &text) : context(mlir::MLIRContext::Threading::DISABLED) {
    context.loadDialect<graph::GraphDialect, mlir::func::FuncDialect>();
    module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
  }
  mlir::func::FuncOp main() { return module->lookupSymbol<mlir::func::FuncOp>("main"); }
};

inline HostTensor floats(host::Dims dims, std::vector<double> values) {
  return *HostTensor::ofDoubles(DType::f32, std::move(dims), values);
}

inline void expectDoubles(const HostTensor &actual, const host::Dims &dims,
                          const std::vector<double> &values) {
  EXPECT_EQ(actual.dims(), dims);
  EXPECT_EQ(*actual.toDoubles(), values);
}

} // namespace cameo::evaluate
