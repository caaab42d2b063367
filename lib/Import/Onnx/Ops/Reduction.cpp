// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Reductions over axes, the softmax family, running sums. Axes that arrive as a model input are known
// only at launch; then every dimension d of the operand is split into a kept and a reduced one, of
// which one is 1: the axes to reduce are fixed, and which sizes they have is an expression.
#include "../ShapeArithmetic.h"

using namespace cameo;
using namespace cameo::importer;
using namespace mlir;
using graph::ReduceKind;

namespace {

Value reduceUnknownAxes(NodeBuilder &b, ReduceKind kind, Value x, llvm::ArrayRef<SizeExpr> axes,
                        bool keepdims) {
  Sizes from = NodeBuilder::sizesOf(x), split, kept;
  auto rank = static_cast<int64_t>(from.size());
  Ints reduced;
  for (int64_t d = 0; d < rank; ++d) {
    SizeExpr hit = isAxis(d, axes, rank);
    kept.push_back(select(hit, 1, from[d]));
    split.push_back(kept.back());
    split.push_back(select(hit, from[d], 1));
    reduced.push_back(2 * d + 1);
  }
  if (!keepdims && axes.size() > from.size())
    return b.failValue("E0702", "more axes than dimensions");
  Value result = b.reduce(kind, b.reshape(x, split), reduced, /*keepdims=*/false);
  return keepdims || !result ? result : b.reshape(result, withoutAxes(from, axes));
}

/// Where `AxesInput` says since which version axes are an operand.
template <ReduceKind Kind, int AxesInput = 18> LogicalResult reduce(NodeBuilder &b) {
  ReduceKind kind = Kind;
  if (b.elementType(0).isSignlessInteger(1))
    kind = Kind == ReduceKind::Max ? ReduceKind::Any : ReduceKind::All;
  bool keepdims = b.integer("keepdims", 1) == 1;
  Sizes axes;
  if (b.since() < AxesInput) {
    std::optional<Ints> attribute = b.integers("axes");
    if (attribute)
      axes.assign(attribute->begin(), attribute->end());
  } else if (b.has(1)) {
    std::optional<Sizes> operand = b.control(1);
    if (!operand)
      return failure();
    axes = *operand;
  }
  if (axes.empty() && b.integer("noop_with_empty_axes") == 0)
    for (int64_t d = 0; d < b.rank(0); ++d)
      axes.push_back(d);
  std::optional<Ints> constants = allConstant(axes);
  if (!constants)
    return b.out(reduceUnknownAxes(b, kind, b.in(0), axes, keepdims));
  std::optional<Ints> normal = b.axes(*constants, b.rank(0));
  if (!normal)
    return failure();
  // Shape arithmetic: products and sums of a vector of sizes.
  RankedTensorType type;
  std::optional<Contents> contents;
  bool whole = b.rank(0) == 1 && normal->size() == 1 && isSizeElement(b.elementType(0));
  if (const std::optional<Contents> &x = b.contents(0); x && whole && !x->empty()) {
    SizeExpr result = x->front().expr;
    for (const Number &n : llvm::ArrayRef(*x).drop_front())
      result = kind == ReduceKind::Prod  ? result * n.expr
               : kind == ReduceKind::Sum ? result + n.expr
               : kind == ReduceKind::Max ? max(result, n.expr)
                                         : min(result, n.expr);
    bool has = llvm::is_contained(
        {ReduceKind::Prod, ReduceKind::Sum, ReduceKind::Max, ReduceKind::Min}, kind);
    if (has && !result.isOverflow()) {
      Ints shape(keepdims, 1);
      type = RankedTensorType::get(shape, b.elementType(0));
      contents = Contents{Number::integer(result)};
    }
  }
  return outArithmetic(b, contents, type,
                       [&] { return b.reduce(kind, b.in(0), *normal, keepdims); });
}

template <graph::ArgReduceKind Kind> LogicalResult argReduce(NodeBuilder &b) {
  std::optional<int64_t> axis = b.axis(b.integer("axis"), b.rank(0));
  if (!axis)
    return failure();
  return b.out(b.emit<graph::ArgReduceOp>(b.type(0), Kind, b.in(0), static_cast<uint64_t>(*axis),
                                          b.integer("keepdims", 1) == 1,
                                          b.integer("select_last_index") == 1));
}

/// Before 13 the operand is a matrix: dimensions before `axis` are rows, the rest columns.
template <graph::SoftmaxKind Kind> LogicalResult softmax(NodeBuilder &b) {
  bool matrix = b.since() < 13;
  int64_t rank = b.rank(0);
  std::optional<int64_t> axis = b.axis(b.integer("axis", matrix ? 1 : -1), rank);
  if (!axis)
    return failure();
  if (!matrix || *axis == rank - 1)
    return b.out(b.softmax(Kind, b.in(0), *axis));
  SizeExpr rows = 1, columns = 1;
  Sizes sizes = b.sizes(0);
  for (auto [d, s] : llvm::enumerate(sizes))
    (static_cast<int64_t>(d) < *axis ? rows : columns) *= s;
  return b.out(
      b.reshape(b.softmax(Kind, b.reshape(b.in(0), {rows, columns}), 1), sizes));
}

template <graph::CumulateKind Kind> LogicalResult cumulate(NodeBuilder &b) {
  std::optional<Sizes> control = b.control(1);
  if (!control || control->size() != 1)
    return control ? b.fail("E0702", "the axis has to be one number") : failure();
  int64_t rank = b.rank(0);
  if (rank == 0)
    return b.fail("E0701", "the operand is a scalar");
  bool exclusive = b.integer("exclusive") == 1, reverse = b.integer("reverse") == 1;
  auto along = [&](Value x, int64_t axis) {
    return x ? b.emit<graph::CumsumOp>(x.getType(), Kind, x, static_cast<uint64_t>(axis),
                                       exclusive, reverse)
             : Value();
  };
  if (std::optional<int64_t> constant = control->front().asConstant()) {
    std::optional<int64_t> axis = b.axis(*constant, rank);
    return axis ? b.out(along(b.in(0), *axis)) : failure();
  }
  SizeExpr axis = mod(control->front(), rank), before = 1, length = 0, after = 1;
  Sizes sizes = b.sizes(0);
  for (int64_t d = 0; d < rank; ++d) {
    before *= select(lt(d, axis), sizes[d], 1);
    length += eq(axis, d) * sizes[d];
    after *= select(lt(axis, d), sizes[d], 1);
  }
  return b.out(b.reshape(along(b.reshape(b.in(0), {before, length, after}), 1), sizes));
}

constexpr TypeMask kSum = kFloats | maskOf(6, 7, 12, 13), kExtreme = kSum | maskOf(2, 3) | kBool;
constexpr Limit kControl1[] = {limit::control(1)};
using enum ReduceKind;
constexpr auto argMax = argReduce<graph::ArgReduceKind::Max>,
               argMin = argReduce<graph::ArgReduceKind::Min>;
constexpr auto plainSoftmax = softmax<graph::SoftmaxKind::Softmax>,
               logSoftmax = softmax<graph::SoftmaxKind::LogSoftmax>,
               hardmax = softmax<graph::SoftmaxKind::Hardmax>;

constexpr OpRow kRows[] = {
    {"ArgMax", 1, argMax, kReals},
    {"ArgMax", 11, argMax, kReals},
    {"ArgMax", 12, argMax, kReals},
    {"ArgMax", 13, argMax, kReals},
    {"ArgMin", 1, argMin, kReals},
    {"ArgMin", 11, argMin, kReals},
    {"ArgMin", 12, argMin, kReals},
    {"ArgMin", 13, argMin, kReals},
    {"CumProd", 26, cumulate<graph::CumulateKind::Prod>, kSum, kControl1},
    {"CumSum", 11, cumulate<graph::CumulateKind::Sum>, kSum, kControl1},
    {"CumSum", 14, cumulate<graph::CumulateKind::Sum>, kSum, kControl1},
    {"Hardmax", 1, hardmax, kFloats},
    {"Hardmax", 11, hardmax, kFloats},
    {"Hardmax", 13, hardmax, kFloats},
    {"LogSoftmax", 1, logSoftmax, kFloats},
    {"LogSoftmax", 11, logSoftmax, kFloats},
    {"LogSoftmax", 13, logSoftmax, kFloats},
    {"ReduceL1", 1, reduce<L1>, kSum},
    {"ReduceL1", 11, reduce<L1>, kSum},
    {"ReduceL1", 13, reduce<L1>, kSum},
    {"ReduceL1", 18, reduce<L1>, kSum, kControl1},
    {"ReduceL2", 1, reduce<L2>, kFloats},
    {"ReduceL2", 11, reduce<L2>, kFloats},
    {"ReduceL2", 13, reduce<L2>, kFloats},
    {"ReduceL2", 18, reduce<L2>, kFloats, kControl1},
    {"ReduceLogSum", 1, reduce<LogSum>, kFloats},
    {"ReduceLogSum", 11, reduce<LogSum>, kFloats},
    {"ReduceLogSum", 13, reduce<LogSum>, kFloats},
    {"ReduceLogSum", 18, reduce<LogSum>, kFloats, kControl1},
    {"ReduceLogSum", 28, reduce<LogSum>, kFloats, kControl1},
    {"ReduceLogSumExp", 1, reduce<LogSumExp>, kFloats},
    {"ReduceLogSumExp", 11, reduce<LogSumExp>, kFloats},
    {"ReduceLogSumExp", 13, reduce<LogSumExp>, kFloats},
    {"ReduceLogSumExp", 18, reduce<LogSumExp>, kFloats, kControl1},
    {"ReduceLogSumExp", 28, reduce<LogSumExp>, kFloats, kControl1},
    {"ReduceMax", 1, reduce<Max>, kExtreme},
    {"ReduceMax", 11, reduce<Max>, kExtreme},
    {"ReduceMax", 12, reduce<Max>, kExtreme},
    {"ReduceMax", 13, reduce<Max>, kExtreme},
    {"ReduceMax", 18, reduce<Max>, kExtreme, kControl1},
    {"ReduceMax", 20, reduce<Max>, kExtreme, kControl1},
    {"ReduceMean", 1, reduce<ReduceKind::Mean>, kFloats},
    {"ReduceMean", 11, reduce<ReduceKind::Mean>, kFloats},
    {"ReduceMean", 13, reduce<ReduceKind::Mean>, kFloats},
    {"ReduceMean", 18, reduce<ReduceKind::Mean>, kFloats, kControl1},
    {"ReduceMin", 1, reduce<Min>, kExtreme},
    {"ReduceMin", 11, reduce<Min>, kExtreme},
    {"ReduceMin", 12, reduce<Min>, kExtreme},
    {"ReduceMin", 13, reduce<Min>, kExtreme},
    {"ReduceMin", 18, reduce<Min>, kExtreme, kControl1},
    {"ReduceMin", 20, reduce<Min>, kExtreme, kControl1},
    {"ReduceProd", 1, reduce<Prod>, kSum},
    {"ReduceProd", 11, reduce<Prod>, kSum},
    {"ReduceProd", 13, reduce<Prod>, kSum},
    {"ReduceProd", 18, reduce<Prod>, kSum, kControl1},
    {"ReduceSum", 1, reduce<Sum, 13>, kSum},
    {"ReduceSum", 11, reduce<Sum, 13>, kSum},
    {"ReduceSum", 13, reduce<Sum, 13>, kSum, kControl1},
    {"ReduceSumSquare", 1, reduce<SumSquare>, kSum},
    {"ReduceSumSquare", 11, reduce<SumSquare>, kSum},
    {"ReduceSumSquare", 13, reduce<SumSquare>, kSum},
    {"ReduceSumSquare", 18, reduce<SumSquare>, kSum, kControl1},
    {"Softmax", 1, plainSoftmax, kFloats},
    {"Softmax", 11, plainSoftmax, kFloats},
    {"Softmax", 13, plainSoftmax, kFloats},
};

} // namespace

llvm::ArrayRef<OpRow> importer::reductionRows() { return kRows; }
