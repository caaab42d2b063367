// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The tensor side of a reference body: linalg.generics over subsets of a kernel's domain. `map` turns a
// tree of pointwise ops into one generic whose inputs are views; `reduce` combines along the last
// dimension with a pure combiner, so that partial results of threads can be combined by it too.
#pragma once

#include "KernelBuilder.h"

namespace cameo::graphtokernel {

using Dims = llvm::SmallVector<unsigned, 5>;

class TileBuilder {
public:
  TileBuilder(KernelBuilder &kernel, Domain domain) : kernel(kernel), domain(std::move(domain)) {}

  /// A tensor over some dimensions of the domain, of storage types.
  struct Tile {
    mlir::Value tensor;
    Dims dims;
  };
  using Body = llvm::function_ref<mlir::Value(mlir::OpBuilder &, mlir::ValueRange)>;
  using Combiner =
      llvm::function_ref<llvm::SmallVector<mlir::Value>(mlir::OpBuilder &, mlir::ValueRange left,
                                                        mlir::ValueRange right)>;

  /// States that the group's `value` at `at` is `tile`: what an anchor has computed.
  void know(mlir::Value value, const Coordinates &at, const Tile &tile);
  /// The group's `value` at `at` over `dims` of the domain.
  Tile map(mlir::Value value, const Coordinates &at, const Dims &dims);
  /// An elementwise function of tiles (elements of storage type).
  Tile generic(llvm::ArrayRef<Tile> inputs, const Dims &dims, mlir::Type element, Body body);
  /// Combines inputs over (kept…, last) along the last dimension, from `init` (one value each).
  llvm::SmallVector<Tile> reduce(llvm::ArrayRef<Tile> inputs, mlir::ValueRange init,
                                 Combiner combine);
  /// Sums, and maxima of `element`s (NaN wins), along the last dimension.
  Tile sum(const Tile &x);
  Tile maximum(const Tile &x, mlir::Type element);
  /// The tile converted to what `element` is stored as, if it is not that already.
  Tile narrow(const Tile &x, mlir::Type element);
  /// A tile whose elements are computed from coordinates.
  Tile computed(const Dims &dims, mlir::Type element,
                llvm::function_ref<mlir::Value(mlir::OpBuilder &, Scope &)> body);
  /// Writes the group's root (or another result) from a tile.
  void write(const Tile &tile, mlir::Value result, const Coordinates &at);
  /// Finishes a kernel whose anchor result `value` at `at` is `tile`: computes the root and writes it.
  void finish(mlir::Value value, const Coordinates &at, const Tile &tile);

  Domain subdomain(const Dims &dims) const;
  mlir::Value empty(const Dims &dims, mlir::Type element);

  KernelBuilder &kernel;
  Domain domain;

private:
  struct Known {
    mlir::Value value;
    Coordinates at;
    Tile tile;
  };
  /// A node of the scalar program of one generic.
  struct Node {
    mlir::Operation *op = nullptr; ///< pointwise op, or a splat constant
    mlir::Value value;             ///< what the node computes
    llvm::SmallVector<int, 3> operands;
    int input = -1; ///< a leaf: index of the generic's input
  };
  struct Program {
    std::vector<Node> nodes;
    llvm::SmallVector<Tile> inputs;
    std::map<std::pair<void *, std::string>, int> memo;
  };
  int add(Program &program, mlir::Value value, const Coordinates &at, const Dims &dims);
  mlir::Value emit(mlir::OpBuilder &b, const Program &program, int node, mlir::ValueRange inputs,
                   llvm::SmallVectorImpl<mlir::Value> &done);

  std::vector<Known> known;
};

} // namespace cameo::graphtokernel
