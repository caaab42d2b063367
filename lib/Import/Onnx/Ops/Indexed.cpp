// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Operators that take positions from data (gather, scatter) or order elements (TopK).
#include "../ShapeArithmetic.h"

using namespace cameo;
using namespace cameo::importer;
using namespace mlir;

namespace {

/// Gather of shape arithmetic by constant indices.
std::optional<Contents> gatherContents(NodeBuilder &b, int64_t axis, RankedTensorType &type) {
  const std::optional<Contents> &x = b.contents(0), &at = b.contents(1);
  if (!x || !at || !b.type(0).hasStaticShape())
    return std::nullopt;
  graph::SizeReporter silent([](const llvm::Twine &) {});
  graph::InferredType inferred = graph::inferGather(b.type(0), b.type(1), axis, silent);
  if (failed(inferred) || !smallCount(*inferred))
    return std::nullopt;
  int64_t length = b.type(0).getDimSize(axis);
  llvm::SmallVector<int64_t> positions;
  for (const Number &n : *at) {
    std::optional<int64_t> c = n.expr.asConstant();
    if (!c || *c < -length || *c >= length)
      return std::nullopt;
    positions.push_back(*c < 0 ? *c + length : *c);
  }
  type = *inferred;
  llvm::ArrayRef<int64_t> indexShape = b.type(1).getShape();
  auto indexRank = static_cast<int64_t>(indexShape.size());
  return moveContents(*x, b.type(0).getShape(), type.getShape(),
                      [&](llvm::ArrayRef<int64_t> to, llvm::MutableArrayRef<int64_t> source) {
                        int64_t linear = 0;
                        for (int64_t d = 0; d < indexRank; ++d)
                          linear = linear * indexShape[d] + to[axis + d];
                        for (int64_t d = 0; d < static_cast<int64_t>(source.size()); ++d)
                          source[d] = d < axis    ? to[d]
                                      : d == axis ? positions[linear]
                                                  : to[d + indexRank - 1];
                      });
}

/// Constant indices are checked here; others at launch or by the kernel's own rules.
LogicalResult checkIndices(NodeBuilder &b, unsigned i, const SizeExpr &length) {
  std::optional<int64_t> bound = length.asConstant();
  const std::optional<Contents> &indices = b.contents(i);
  if (!bound || !indices)
    return success();
  for (const Number &n : *indices)
    if (std::optional<int64_t> c = n.expr.asConstant(); c && (*c < -*bound || *c >= *bound))
      return b.fail("E0702", "the index " + llvm::Twine(*c) + " is outside a dimension of size " +
                                 llvm::Twine(*bound));
  return success();
}

/// Gather by one index that is known, if only from sizes (the last token): a slice.
Value gatherOne(NodeBuilder &b, int64_t axis, const SizeExpr &index) {
  Sizes sizes = b.sizes(0), starts(sizes.size(), SizeExpr(0)), steps(sizes.size(), SizeExpr(1));
  SizeExpr length = sizes[axis], below = lt(index, 0);
  if (!b.require(logicalAnd(le(SizeExpr(0) - length, index), lt(index, length)),
                 "the index " + index.str() + " is outside a dimension of size " + length.str()))
    return {};
  starts[axis] = select(below, index + length, index);
  sizes[axis] = SizeExpr(1);
  Value one = b.slice(b.in(0), starts, sizes, steps);
  Sizes indices = b.sizes(1);
  sizes.erase(sizes.begin() + axis);
  sizes.insert(sizes.begin() + axis, indices.begin(), indices.end());
  return one ? b.reshape(one, sizes) : Value();
}

LogicalResult gather(NodeBuilder &b) {
  std::optional<int64_t> axis = b.axis(b.integer("axis"), b.rank(0));
  if (!axis || failed(checkIndices(b, 1, b.size(0, *axis))))
    return failure();
  RankedTensorType type;
  std::optional<Contents> contents = gatherContents(b, *axis, type);
  return outArithmetic(b, contents, type, [&] {
    if (const std::optional<Contents> &at = b.contents(1); at && at->size() == 1)
      return gatherOne(b, *axis, at->front().expr);
    return b.emit<graph::GatherOp>(b.type(0), b.in(0), b.in(1), static_cast<uint64_t>(*axis));
  });
}

LogicalResult gatherElements(NodeBuilder &b) {
  std::optional<int64_t> axis = b.axis(b.integer("axis"), b.rank(0));
  if (!axis || failed(checkIndices(b, 1, b.size(0, *axis))))
    return failure();
  return b.out(b.emit<graph::GatherElementsOp>(b.type(0), b.in(0), b.in(1),
                                               static_cast<uint64_t>(*axis)));
}

LogicalResult gatherNd(NodeBuilder &b) {
  return b.out(b.emit<graph::GatherNdOp>(b.type(0), b.in(0), b.in(1),
                                         static_cast<uint64_t>(b.integer("batch_dims"))));
}

std::optional<graph::ScatterKind> scatterKind(NodeBuilder &b) {
  std::string reduction = b.string("reduction", "none");
  auto kind = graph::symbolizeScatterKind(reduction == "none" ? "set" : reduction);
  if (!kind)
    (void)b.fail("E0505", "reduction is \"" + reduction + "\"");
  return kind;
}

LogicalResult scatterElements(NodeBuilder &b) {
  std::optional<int64_t> axis = b.axis(b.integer("axis"), b.rank(0));
  std::optional<graph::ScatterKind> kind = scatterKind(b);
  if (!axis || !kind || failed(checkIndices(b, 1, b.size(0, *axis))))
    return failure();
  return b.out(b.emit<graph::ScatterElementsOp>(b.type(0), *kind, b.in(0), b.in(1), b.in(2),
                                                static_cast<uint64_t>(*axis)));
}

LogicalResult scatterNd(NodeBuilder &b) {
  std::optional<graph::ScatterKind> kind = scatterKind(b);
  if (!kind)
    return failure();
  return b.out(b.emit<graph::ScatterNdOp>(b.type(0), *kind, b.in(0), b.in(1), b.in(2)));
}

/// depth may be any number; what matters is its integer part.
LogicalResult oneHot(NodeBuilder &b) {
  std::optional<Contents> values = b.numbers(1);
  if (!values || values->size() != 1)
    return values ? b.fail("E0702", "depth has to be one number") : failure();
  // A real depth is cut to an integer.
  std::optional<Number> whole = foldUnary(graph::UnaryKind::Floor, values->front());
  if (!whole || whole->factor != 1)
    return b.fail("E0806", "depth is no expression over sizes");
  SizeExpr depth = whole->expr;
  if (std::optional<int64_t> c = depth.asConstant(); c && *c < 0)
    return b.fail("E0702", "depth is " + llvm::Twine(*c));
  std::optional<int64_t> axis = b.axis(b.integer("axis", -1), b.rank(0) + 1);
  if (!axis)
    return failure();
  return b.out(b.emit<graph::OneHotOp>(b.type(2), b.in(0), b.in(2), static_cast<uint64_t>(*axis),
                                       llvm::StringRef(depth.str())));
}

LogicalResult topK(NodeBuilder &b) {
  std::optional<int64_t> axis = b.axis(b.integer("axis", -1), b.rank(0));
  if (!axis)
    return failure();
  SizeExpr k = b.integer("k");
  if (b.since() >= 10) {
    std::optional<Sizes> operand = b.control(1);
    if (!operand || operand->size() != 1)
      return operand ? b.fail("E0702", "k has to be one number") : failure();
    k = operand->front();
  }
  if (std::optional<int64_t> c = k.asConstant(); c && *c < 0)
    return b.fail("E0702", "k is " + llvm::Twine(*c));
  auto op = graph::TopkOp::create(b.builder(), b.location(), Type(b.type(0)), Type(b.type(0)),
                                  b.in(0), static_cast<uint64_t>(*axis), llvm::StringRef(k.str()),
                                  b.integer("largest", 1) == 1);
  if (!b.inferTypes(op) || failed(b.out(0, op.getValues())))
    return failure();
  return b.out(1, op.getIndices());
}

/// Position t along time becomes length - 1 - t where t < length, by a gather of elements.
LogicalResult reverseSequence(NodeBuilder &b) {
  int64_t batch = b.integer("batch_axis", 1), time = b.integer("time_axis", 0);
  if (b.rank(0) < 2 || (batch != 0 && batch != 1) || (time != 0 && time != 1) || batch == time)
    return b.fail("E0505", "batch_axis and time_axis have to be 0 and 1 in some order, and the "
                           "operand of rank 2 or more");
  Sizes sizes = b.sizes(0), vector(b.rank(0), SizeExpr(1));
  auto along = [&](Value v, int64_t axis) {
    Sizes s = vector;
    s[axis] = sizes[axis];
    return b.reshape(v, s);
  };
  Value one = b.splat(b.i64(), 1);
  Value t = along(b.ramp(sizes[time]), time), length = along(b.in(1), batch);
  Value inside = b.binary(graph::BinaryKind::Lt, t, length);
  Value mirrored = b.sub(b.sub(length, one), t);
  Value index = b.broadcast(b.select(inside, mirrored, t), sizes);
  if (!index)
    return failure();
  return b.out(b.emit<graph::GatherElementsOp>(b.type(0), b.in(0), index,
                                               static_cast<uint64_t>(time)));
}

constexpr Limit kControl1[] = {limit::control(1)};

constexpr OpRow kRows[] = {
    {"Gather", 1, gather},
    {"Gather", 11, gather},
    {"Gather", 13, gather},
    {"GatherElements", 11, gatherElements},
    {"GatherElements", 13, gatherElements},
    {"GatherND", 11, gatherNd},
    {"GatherND", 12, gatherNd},
    {"GatherND", 13, gatherNd},
    {"OneHot", 9, oneHot, kReals, kControl1},
    {"OneHot", 11, oneHot, kReals, kControl1},
    {"OneHot", 28, oneHot, kReals, kControl1},
    {"ReverseSequence", 10, reverseSequence},
    {"ReverseSequence", 28, reverseSequence},
    {"Scatter", 9, scatterElements},
    {"ScatterElements", 11, scatterElements},
    {"ScatterElements", 13, scatterElements},
    {"ScatterElements", 16, scatterElements},
    {"ScatterElements", 18, scatterElements},
    {"ScatterND", 11, scatterNd},
    {"ScatterND", 13, scatterNd},
    {"ScatterND", 16, scatterNd},
    {"ScatterND", 18, scatterNd},
    {"TopK", 1, topK, kReals},
    {"TopK", 10, topK, kReals, kControl1},
    {"TopK", 11, topK, kReals, kControl1},
    {"TopK", 24, topK, kReals, kControl1},
};

} // namespace

llvm::ArrayRef<OpRow> importer::indexedRows() { return kRows; }
