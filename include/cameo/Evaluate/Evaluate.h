// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The oracle: executes functions of the `graph` dialect on host tensors with the element semantics
// of lib/HostOps. It serves `--device evaluator`, the comparison node by node, and the folding of
// constants. Symbolic sizes are bound from the inputs (`graph.symbols`) and from
// `graph.read_sizes`; the sizes of every result are compared with what its type says, so that a
// wrong size expression shows at the op that made it. Faults are messages that begin with the op's
// location.
#pragma once

#include "cameo/HostOps/HostTensor.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "llvm/ADT/ArrayRef.h"

#include <functional>
#include <map>
#include <string>

namespace cameo::evaluate {

using host::HostTensor;
using host::Result;
using Tensors = std::vector<HostTensor>;

/// What a launch executes: the kernel's reference body, or the block program of the variant that
/// its guards admit.
enum class Level { Reference, Block };

struct Options {
  /// Of kernels, in a partitioned function.
  Level level = Level::Reference;
  /// Refuses an op whose result would have more elements; 0: no limit.
  int64_t maxElements = 0;
  /// Called after each op of the function with its results (also inside regions, every iteration).
  std::function<void(mlir::Operation *, llvm::ArrayRef<HostTensor>)> observer;
  /// Asked before each op; true ends the evaluation with an error.
  std::function<bool()> shouldStop;
};

/// Executes `function` on its inputs in order; gives its results, row-major.
Result<Tensors> evaluate(mlir::func::FuncOp function, llvm::ArrayRef<HostTensor> inputs,
                         const Options &options = {});
/// The same with inputs and results by the names in `graph.name`; every input must be there.
Result<std::map<std::string, HostTensor>>
evaluateNamed(mlir::func::FuncOp function, const std::map<std::string, HostTensor> &inputs,
              const Options &options = {});

/// The values of all symbols that the sizes of `inputs` bind, after comparing types and sizes.
Result<std::map<std::string, int64_t>> bindSymbols(mlir::func::FuncOp function,
                                                   llvm::ArrayRef<HostTensor> inputs);

/// Executes one op without regions whose sizes mention no symbols: what constant folding needs.
/// `maxElements` defaults to the cap of folding, 16 Mi elements.
Result<Tensors> evaluateOp(mlir::Operation *op, llvm::ArrayRef<HostTensor> operands,
                           int64_t maxElements = int64_t(16) << 20);

/// A constant's elements. Nothing is copied where the attribute holds them as memory has them; a
/// splat is a view of one element. The attribute must outlive the tensor.
Result<HostTensor> fromAttribute(mlir::ElementsAttr attribute);
/// Dense elements of a static tensor type whose sizes and element type are the tensor's; equal
/// elements make a splat.
Result<mlir::DenseElementsAttr> toAttribute(mlir::MLIRContext *context, const HostTensor &tensor);

/// "node name" of an op for messages: its NameLoc, else its op name.
std::string nameOf(mlir::Operation *op);

} // namespace cameo::evaluate
