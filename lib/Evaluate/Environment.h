// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What is known while a function runs: the tensor of every live value and the number behind every
// symbol. Ops are executed by `executeOp`, split by family over several files; regions come back
// here.
#pragma once

#include "cameo/Evaluate/Evaluate.h"
#include "cameo/Support/SizeExpr.h"

#include "llvm/ADT/DenseMap.h"

namespace cameo::evaluate {

using Symbols = std::map<std::string, int64_t>;

class Environment {
public:
  Environment(const Options &options, Symbols symbols)
      : options(options), symbols(std::move(symbols)) {}

  const Options &options;
  Symbols symbols;

  void set(mlir::Value value, HostTensor tensor) { tensors[value] = std::move(tensor); }
  void drop(mlir::Value value) { tensors.erase(value); }
  /// The tensor of `value`; absent for a null value (an optional operand that is not there).
  HostTensor get(mlir::Value value) const { return value ? tensors.lookup(value) : HostTensor(); }

  Result<int64_t> evaluate(const SizeExpr &size) const;
  Result<host::Dims> evaluate(llvm::ArrayRef<SizeExpr> sizes) const;
  /// The sizes of a graph type.
  Result<host::Dims> dimsOf(mlir::Type type) const;

  /// Runs all ops of a block; gives the operands of its terminator.
  Result<Tensors> runBlock(mlir::Block &block);

private:
  llvm::DenseMap<mlir::Value, HostTensor> tensors;
};

/// The results of one op. An op that no family knows gives nothing at all (an empty optional).
using Executed = std::optional<Result<Tensors>>;
Executed executeElementwise(mlir::Operation *op, Environment &env);
Executed executeReduction(mlir::Operation *op, Environment &env);
Executed executeMovement(mlir::Operation *op, Environment &env);
Executed executeIndexed(mlir::Operation *op, Environment &env);
Executed executeControl(mlir::Operation *op, Environment &env);
Executed executeKernel(mlir::Operation *op, Environment &env);

inline Result<Tensors> one(Result<HostTensor> tensor) {
  if (!tensor)
    return tensor.status();
  return Tensors{*tensor};
}

inline host::Dims toDims(llvm::ArrayRef<int64_t> values) { return {values.begin(), values.end()}; }

} // namespace cameo::evaluate
