// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Reductions over windows, and the global ones, which are reductions over axes.
#include "../Window.h"

#include <cmath>
#include <limits>

using namespace cameo;
using namespace cameo::importer;
using namespace mlir;
using graph::PoolKind;
using graph::ReduceKind;

namespace {

/// What a maximum ignores.
double lowest(Type element) {
  if (graph::isFloatElement(element))
    return -std::numeric_limits<double>::infinity();
  return graph::isUnsignedElement(element)
             ? 0
             : -std::ldexp(1.0, static_cast<int>(element.getIntOrFloatBitWidth()) - 1);
}

LogicalResult pool(NodeBuilder &b, PoolKind kind) {
  std::optional<Ints> kernel = b.integers("kernel_shape");
  if (!kernel || kernel->empty())
    return b.fail("E0503", "attribute \"kernel_shape\" is empty");
  bool ceil = b.integer("ceil_mode") == 1;
  std::optional<double> outside;
  if (kind == PoolKind::Max)
    outside = lowest(b.elementType(0));
  if (kind == PoolKind::Lp)
    outside = 0;
  std::optional<Window> w = readWindow(b, 0, *kernel, outside, ceil);
  if (!w)
    return failure();
  bool indices = kind == PoolKind::Max && b.wants(1);
  llvm::SmallVector<Type> indexTypes(indices, b.type(0));
  auto op = graph::PoolOp::create(
      b.builder(), b.location(), Type(b.type(0)), TypeRange(indexTypes), kind, w->x, w->kernel,
      w->strides, w->pads, w->dilations, ceil, b.integer("count_include_pad") == 1,
      b.integer("storage_order") == 1, static_cast<uint64_t>(b.integer("p", 2)));
  if (!b.inferTypes(op))
    return failure();
  if (indices && failed(b.out(1, op.getIndices().front())))
    return failure();
  return b.out(op.getResult());
}

LogicalResult maxPool(NodeBuilder &b) { return pool(b, PoolKind::Max); }
LogicalResult averagePool(NodeBuilder &b) { return pool(b, PoolKind::Average); }
LogicalResult lpPool(NodeBuilder &b) { return pool(b, PoolKind::Lp); }

std::optional<Ints> spatialAxes(NodeBuilder &b) {
  if (b.rank(0) < 2) {
    (void)b.fail("E0701", "the operand has rank " + llvm::Twine(b.rank(0)) +
                              ", at least 2 expected");
    return std::nullopt;
  }
  return Ints(llvm::to_vector(llvm::seq<int64_t>(2, b.rank(0))));
}

template <ReduceKind Kind> LogicalResult global(NodeBuilder &b) {
  std::optional<Ints> axes = spatialAxes(b);
  return axes ? b.out(b.reduce(Kind, b.in(0), *axes, true)) : failure();
}

LogicalResult globalLp(NodeBuilder &b) {
  std::optional<Ints> axes = spatialAxes(b);
  if (!axes)
    return failure();
  int64_t p = b.integer("p", 2);
  if (p == 1 || p == 2)
    return b.out(b.reduce(p == 1 ? ReduceKind::L1 : ReduceKind::L2, b.in(0), *axes, true));
  Type element = b.elementType(0);
  Value powers = b.binary(graph::BinaryKind::Pow, b.unary(graph::UnaryKind::Abs, b.in(0)),
                          b.splat(element, static_cast<double>(p)));
  return b.out(b.binary(graph::BinaryKind::Pow, b.reduce(ReduceKind::Sum, powers, *axes, true),
                        b.splat(element, 1.0 / static_cast<double>(p))));
}

constexpr TypeMask kMax = kFloats | maskOf(2, 3);

constexpr OpRow kRows[] = {
    {"AveragePool", 7, averagePool, kFloats},
    {"AveragePool", 10, averagePool, kFloats},
    {"AveragePool", 11, averagePool, kFloats},
    {"AveragePool", 19, averagePool, kFloats},
    {"AveragePool", 22, averagePool, kFloats},
    {"GlobalAveragePool", 1, global<ReduceKind::Mean>, kFloats},
    {"GlobalAveragePool", 22, global<ReduceKind::Mean>, kFloats},
    {"GlobalLpPool", 2, globalLp, kFloats},
    {"GlobalLpPool", 22, globalLp, kFloats},
    {"GlobalMaxPool", 1, global<ReduceKind::Max>, kFloats},
    {"GlobalMaxPool", 22, global<ReduceKind::Max>, kFloats},
    {"LpPool", 2, lpPool, kFloats},
    {"LpPool", 11, lpPool, kFloats},
    {"LpPool", 18, lpPool, kFloats},
    {"LpPool", 22, lpPool, kFloats},
    {"MaxPool", 1, maxPool, kMax},
    {"MaxPool", 8, maxPool, kMax},
    {"MaxPool", 10, maxPool, kMax},
    {"MaxPool", 11, maxPool, kMax},
    {"MaxPool", 12, maxPool, kMax},
    {"MaxPool", 22, maxPool, kMax},
};

} // namespace

llvm::ArrayRef<OpRow> importer::poolingRows() { return kRows; }
