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
  std::optional<Window> w = readWindow(b, 0, Sizes(kernel->begin(), kernel->end()), outside, ceil);
  if (!w)
    return failure();
  bool indices = kind == PoolKind::Max && b.wants(1);
  llvm::SmallVector<Type> indexTypes(indices, b.type(0));
  auto op = graph::PoolOp::create(
      b.builder(), b.location(), Type(b.type(0)), TypeRange(indexTypes), kind, w->x, *kernel,
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
    (void)b.fail("E0701",
                 "the operand has rank " + llvm::Twine(b.rank(0)) + ", at least 2 expected");
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

/// An integer attribute list of `length` entries.
Ints entries(NodeBuilder &b, llvm::StringRef name, size_t length, int64_t otherwise) {
  std::optional<Ints> values = b.integers(name);
  return values && values->size() == length ? *values : Ints(length, otherwise);
}

/// Blocks summed where they overlap: each element of the image gathers, for each place within a
/// block, the column in which it stands there, if there is one.
LogicalResult col2Im(NodeBuilder &b) {
  using graph::BinaryKind;
  std::optional<Sizes> image = b.control(1), block = b.control(2);
  if (!image || !block)
    return failure();
  size_t dims = image->size();
  if (b.rank(0) != 3 || dims == 0 || block->size() != dims)
    return b.fail("E0701", "the columns have rank " + llvm::Twine(b.rank(0)) + ", the image " +
                               llvm::Twine(dims) + " dimensions, the block " +
                               llvm::Twine(block->size()));
  Ints dilations = entries(b, "dilations", dims, 1), strides = entries(b, "strides", dims, 1),
       pads = entries(b, "pads", 2 * dims, 0);
  // A ramp along dimension `dim` of (image dimensions, block dimensions).
  auto ramp = [&](const SizeExpr &size, size_t dim, int64_t factor) {
    Sizes shape(2 * dims, SizeExpr(1));
    shape[dim] = size;
    return b.reshape(b.ramp(size, factor), shape);
  };
  SizeExpr taps = 1, columns = 1, pixels = 1;
  Value tap, column, inside;
  Sizes all(2 * dims), result;
  for (size_t d = 0; d < dims; ++d) {
    if (strides[d] < 1 || dilations[d] < 1)
      return b.fail("E0505", "strides and dilations begin at 1");
    const SizeExpr &n = (*image)[d], &k = (*block)[d];
    SizeExpr room = n + (pads[d] + pads[dims + d]) - (k - 1) * dilations[d] - 1;
    SizeExpr count = floorDiv(room, strides[d]) + 1;
    Value at = b.sub(b.add(ramp(n, d, 1), b.splat(b.i64(), double(pads[d]))),
                     ramp(k, dims + d, dilations[d]));
    Value stride = b.splat(b.i64(), double(strides[d])), zero = b.splat(b.i64(), 0),
          which = b.div(at, stride);
    Value ok = b.binary(BinaryKind::And, b.binary(BinaryKind::Ge, at, zero),
                        b.binary(BinaryKind::Eq, b.binary(BinaryKind::Mod, at, stride), zero));
    ok = b.binary(BinaryKind::And, ok, b.binary(BinaryKind::Lt, which, b.fromSize(count)));
    Value place = ramp(k, dims + d, 1);
    inside = inside ? b.binary(BinaryKind::And, inside, ok) : ok;
    column = column ? b.add(b.mul(column, b.fromSize(count)), which) : which;
    tap = tap ? b.add(b.mul(tap, b.fromSize(k)), place) : place;
    taps *= k;
    columns *= count;
    pixels *= n;
    all[d] = n;
    all[dims + d] = k;
    result.push_back(n);
  }
  SizeExpr channels = floorDiv(b.size(0, 1), taps), rows = b.size(0, 0) * channels;
  if (!b.requireEqual(b.size(0, 2), columns, "the columns and the places of the block") ||
      !b.requireEqual(channels * taps, b.size(0, 1), "the elements of a column and the block"))
    return failure();
  Value index =
      b.select(inside, b.add(b.mul(tap, b.fromSize(columns)), column), b.splat(b.i64(), 0));
  auto flat = [&](Value v, const SizeExpr &count) {
    Value wide = b.reshape(b.broadcast(v, all), {SizeExpr(1), pixels * taps});
    return b.broadcast(wide, {count, pixels * taps});
  };
  Value x = b.reshape(b.in(0), {rows, taps * columns}), from = flat(index, rows);
  if (!x || !from)
    return failure();
  Value y = b.emit<graph::GatherElementsOp>(b.makeType(b.elementType(0), {rows, pixels * taps}), x,
                                            from, uint64_t(1));
  y = b.select(flat(inside, 1), y, b.splat(b.elementType(0), 0));
  y = b.reduce(ReduceKind::Sum, b.reshape(y, {rows, pixels, taps}), {2}, false);
  Sizes outer{b.size(0, 0), channels};
  outer.append(result);
  return b.out(b.reshape(y, outer));
}

/// Elements back at the positions (in the whole flat result) that a MaxPool has given.
LogicalResult maxUnpool(NodeBuilder &b) {
  if (b.rank(0) < 3 || b.rank(1) != b.rank(0))
    return b.fail("E0701", "the operand has rank " + llvm::Twine(b.rank(0)) + ", the indices " +
                               llvm::Twine(b.rank(1)));
  size_t dims = size_t(b.rank(0) - 2);
  std::optional<Ints> kernel = b.integers("kernel_shape");
  if (!kernel || kernel->size() != dims)
    return b.fail("E0505", "kernel_shape has not one entry a dimension");
  Ints strides = entries(b, "strides", dims, 1), pads = entries(b, "pads", 2 * dims, 0);
  Sizes sizes = b.sizes(0), result{sizes[0], sizes[1]};
  for (size_t d = 0; d < dims; ++d)
    result.push_back((sizes[2 + d] - 1) * strides[d] + (*kernel)[d] - pads[d] - pads[dims + d]);
  // Positions count through the whole result; each plane is served by itself.
  auto plane = [&](const Sizes &s) { return product({s.begin() + 2, s.end()}); };
  SizeExpr rows = sizes[0] * sizes[1], from = plane(sizes), to = plane(result);
  Value first = b.mul(b.reshape(b.ramp(rows), {rows, SizeExpr(1)}), b.fromSize(to));
  Value indices = b.sub(b.reshape(b.cast(b.in(1), b.i64()), {rows, from}), first);
  Value zeros = b.broadcast(b.splat(b.elementType(0), 0), {rows, to});
  if (!indices || !zeros)
    return failure();
  Value y =
      b.emit<graph::ScatterElementsOp>(zeros.getType(), graph::ScatterKind::Set, zeros, indices,
                                       b.reshape(b.in(0), {rows, from}), uint64_t(1));
  y = b.reshape(y, result);
  if (!b.has(2))
    return b.out(y);
  // A larger shape that is asked for adds zeros behind.
  std::optional<Sizes> wanted = b.control(2);
  if (!wanted || wanted->size() != sizes.size())
    return wanted ? b.fail("E0702", "output_shape has not one entry a dimension") : failure();
  Sizes none(sizes.size(), SizeExpr(0)), more, steps(sizes.size(), SizeExpr(1));
  for (size_t d = 0; d < sizes.size(); ++d)
    more.push_back(max((*wanted)[d] - result[d], 0));
  y = b.pad(graph::PadMode::Constant, y, b.splat(b.elementType(0), 0), none, more);
  return b.out(b.slice(y, none, *wanted, steps));
}

constexpr Limit kImageAndBlock[] = {limit::control(1), limit::control(2)};
constexpr Limit kShape[] = {limit::control(2)};
constexpr TypeMask kMax = kFloats | maskOf(2, 3);

constexpr OpRow kRows[] = {
    {"AveragePool", 7, averagePool, kFloats},
    {"AveragePool", 10, averagePool, kFloats},
    {"AveragePool", 11, averagePool, kFloats},
    {"AveragePool", 19, averagePool, kFloats},
    {"AveragePool", 22, averagePool, kFloats},
    {"Col2Im", 18, col2Im, kFloats, kImageAndBlock},
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
    {"MaxUnpool", 9, maxUnpool, kFloats, kShape},
    {"MaxUnpool", 11, maxUnpool, kFloats, kShape},
    {"MaxUnpool", 22, maxUnpool, kFloats, kShape},
};

} // namespace

llvm::ArrayRef<OpRow> importer::poolingRows() { return kRows; }
