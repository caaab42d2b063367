// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Builds one kernel.func from a fusion group. Everything is demand-driven: asked for the element of a
// graph value at some coordinates (size expressions over the kernel's own coordinates), the builder
// walks up through the group's ops, composing index maps, until it reaches values in memory. What is
// linear in the coordinates becomes a strided view, everything else a computed view.
//
// Sizes never enter the code: each coordinate-free subexpression becomes a size argument, whose value
// the launch computes. Only 0, 1, -1 and literals (window extents and the like) are constants, so
// kernels that are the same up to sizes come out the same.
#pragma once

#include "Fusion.h"

#include "cameo/Dialect/Graph/IR/Graph.h"
#include "cameo/Dialect/Kernel/IR/Kernel.h"
#include "cameo/Support/SizeExpr.h"

namespace cameo::graphtokernel {

using Coordinates = llvm::SmallVector<SizeExpr>;

SizeExpr linearize(llvm::ArrayRef<SizeExpr> index, llvm::ArrayRef<SizeExpr> sizes);
Coordinates delinearize(const SizeExpr &linear, llvm::ArrayRef<SizeExpr> sizes);
/// A number that is part of the program (a window's extent), not a size: stays a constant in code.
SizeExpr literal(int64_t value);

/// The coordinates that exist at some place of a kernel: their names, bounds, and values (only inside
/// a region; empty for the iteration space of a linalg.generic).
struct Scope {
  SizeExpr::Ranges ranges;
  std::map<std::string, mlir::Value> values;

  bool mentioned(const SizeExpr &e) const {
    for (const auto &[name, range] : ranges)
      if (e.mentions(name))
        return true;
    return false;
  }
};

/// An iteration space: named coordinates with their sizes. Names begin with "~", as no symbol of a
/// model does: a dimension that is called like a coordinate would be taken for it.
struct Domain {
  llvm::SmallVector<std::string> names;
  llvm::SmallVector<SizeExpr> sizes;
  SizeExpr::Ranges ranges;

  Domain() = default;
  Domain(std::initializer_list<std::pair<const char *, SizeExpr>> dims) {
    for (auto &[name, size] : dims)
      add(name, size);
  }
  void add(llvm::StringRef name, const SizeExpr &size) {
    assert(name.starts_with("~") && "a name that a model could have");
    names.push_back(name.str());
    sizes.push_back(size);
    ranges.emplace(name.str(), size);
  }
  SizeExpr at(unsigned i) const { return SizeExpr::symbol(names[i]); }
};

class KernelBuilder {
public:
  KernelBuilder(mlir::MLIRContext *context, mlir::Location loc, const Group &group);

  mlir::OpBuilder b; ///< inserts into the reference body
  mlir::Location loc;
  const Group &group;

  /// The flat buffer of a graph value that is in memory, or of a result of the group's root.
  mlir::Value input(mlir::Value value);
  mlir::Value output(mlir::Value result);

  /// A coordinate-free expression as an index value: a constant or a size argument. Equal expressions
  /// share an argument. With `distinctRoles`, equal *numbers* share it only in the same role, so that
  /// a contraction whose M happens to equal its K is the same kernel as any other.
  mlir::Value size(mlir::OpBuilder &b, const SizeExpr &e, llvm::StringRef role = "");
  mlir::SmallVector<mlir::Value> sizes(const Domain &domain);
  bool distinctRoles = false;
  /// An expression over the scope's coordinates as arithmetic on index values.
  mlir::Value index(mlir::OpBuilder &b, const Scope &scope, const SizeExpr &e);
  /// `e != 0` as an i1.
  mlir::Value condition(mlir::OpBuilder &b, const Scope &scope, const SizeExpr &e);

  /// The group's value at `at` (coordinates of `domain`), seen as a tensor over the whole domain.
  mlir::Value view(mlir::Value value, const Coordinates &at, const Domain &domain);
  /// A tensor over the domain whose elements `body` computes.
  mlir::Value computed(const Domain &domain, mlir::Type elementType,
                       llvm::function_ref<mlir::Value(mlir::OpBuilder &, Scope &)> body);
  /// Writes a tensor over the domain to an output of the group at `at`.
  void write(mlir::Value tensor, mlir::Value result, const Coordinates &at, const Domain &domain);
  /// Writes a tensor over a domain of one dimension, as it lies, to an output of the group.
  void writeFlat(mlir::Value tensor, mlir::Value result, const Domain &domain);

  /// Stores a tensor over the domain to a buffer, each element where `address` says: a linear index, and
  /// optionally whether to store at all (i1).
  kernel::ScatterOp scatter(
      mlir::Value tensor, mlir::Value buffer, const Domain &domain,
      llvm::function_ref<llvm::SmallVector<mlir::Value>(mlir::OpBuilder &, Scope &)> address);

  /// Whether `value` has to be read from memory in this group.
  bool isInput(mlir::Value value) const { return !group.contains(value.getDefiningOp()); }

  /// Moves what was built into a kernel.func at the end of `module` (or finds its equal there).
  kernel::FuncOp finish(mlir::ModuleOp module, llvm::StringRef family);
  llvm::ArrayRef<mlir::Value> launchInputs() const { return inputs; }
  llvm::ArrayRef<mlir::Value> launchOutputs() const { return outputs; }
  std::vector<std::string> launchSizes() const;

private:
  mlir::Value factor(mlir::OpBuilder &b, const Scope &scope, const SizeExpr::Factor &f);
  mlir::Value stridedView(mlir::Value buffer, const SizeExpr &offset, const Domain &domain);

  std::unique_ptr<mlir::Region> region;
  mlir::Block *body;
  llvm::SmallVector<mlir::Value> inputs, outputs;
  llvm::SmallVector<SizeExpr> sizeArgs;
  llvm::SmallVector<std::string> sizeKeys; ///< what makes an argument be shared
  unsigned viewCount = 0;
};

} // namespace cameo::graphtokernel
