// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A value of the model during import. Shape arithmetic must not become kernels, so a value of at most
// 64 elements also knows its *contents* as size expressions, and becomes IR only when somebody needs
// it as data. A value whose producer had a problem is unknown: what uses it is checked as far as
// possible and reports nothing that follows from the first problem.
#pragma once

#include "Tensors.h"
#include "cameo/Support/SizeExpr.h"

#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Value.h"

#include <optional>
#include <string>

namespace cameo::importer {

/// factor * expr. Integers and booleans have the factor 1; a floating-point constant is its factor
/// times 1. So a scale applied to a size stays exact until a Floor or a Cast makes it a size again.
struct Number {
  SizeExpr expr = 1;
  double factor = 1;

  static Number integer(SizeExpr e) { return {std::move(e), 1}; }
  static Number real(double value) { return {SizeExpr(1), value}; }
  /// The value when no symbol is involved.
  std::optional<double> asReal() const {
    std::optional<int64_t> c = expr.asConstant();
    return c ? std::optional<double>(factor * static_cast<double>(*c)) : std::nullopt;
  }
};

/// Elements in row-major order.
using Contents = llvm::SmallVector<Number>;
inline constexpr int64_t kMaxContents = 64;

struct Operand {
  std::string name;
  bool known = true;
  mlir::RankedTensorType type;
  mlir::Value value;                ///< null until needed as data
  std::optional<Contents> contents; ///< null for what is not shape arithmetic, or not looked at yet
  std::optional<TensorData> data;   ///< a constant's elements
  bool isModelInput = false;        ///< its contents may be read on the host before launch
  bool steers = false;              ///< a model input that shape arithmetic leads to a control operand
};

} // namespace cameo::importer
