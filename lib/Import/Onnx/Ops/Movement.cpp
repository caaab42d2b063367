// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Operators that move elements: transpose, concatenate, split, slice, pad, repeat, rearrange blocks.
// Starts, ends, axes, pads and repeats may be constants, shape arithmetic or model inputs; all are
// size expressions here. Axes that are known only at launch are handled by writing, for every
// dimension, what each axis would do to it.
#include "../ShapeArithmetic.h"

#include "llvm/ADT/SmallSet.h"

using namespace cameo;
using namespace cameo::importer;
using namespace mlir;

namespace {

/// Contents of output 0 by a map from result to operand coordinates, when both are small and static.
template <typename Map>
std::optional<Contents> moved(NodeBuilder &b, RankedTensorType type, Map map) {
  const std::optional<Contents> &x = b.contents(0);
  if (!x || !smallCount(type) || !b.type(0).hasStaticShape())
    return std::nullopt;
  return moveContents(*x, b.type(0).getShape(), type.getShape(), map);
}

LogicalResult transpose(NodeBuilder &b) {
  std::optional<Ints> perm = b.integers("perm");
  int64_t rank = b.rank(0);
  if (!perm || (perm->empty() && rank))
    perm = Ints(llvm::reverse(llvm::seq<int64_t>(0, rank)));
  if (static_cast<int64_t>(perm->size()) != rank)
    return b.fail("E0505", "perm has " + llvm::Twine(perm->size()) + " entries, the operand rank " +
                               llvm::Twine(rank));
  Sizes sizes;
  for (int64_t p : *perm)
    sizes.push_back(b.size(0, p));
  RankedTensorType type = b.makeType(b.elementType(0), sizes);
  auto contents = moved(b, type, [&](llvm::ArrayRef<int64_t> at,
                                     llvm::MutableArrayRef<int64_t> source) {
    for (auto [i, p] : llvm::enumerate(*perm))
      source[p] = at[i];
  });
  return outArithmetic(b, contents, type, [&] { return b.transpose(b.in(0), *perm); });
}

LogicalResult concat(NodeBuilder &b) {
  std::optional<int64_t> axis = b.axis(b.integer("axis", 1), b.rank(0));
  if (!axis)
    return failure();
  llvm::SmallVector<graph::TensorType> types;
  for (unsigned i = 0; i < b.numInputs(); ++i)
    types.push_back(b.type(i));
  graph::SizeReporter reporter([&](const llvm::Twine &m) { (void)b.fail("E0701", m); });
  graph::InferredType type = graph::inferConcat(types, *axis, reporter);
  if (failed(type))
    return failure();
  std::optional<Contents> contents;
  if (*axis == 0 && smallCount(*type)) {
    contents.emplace();
    for (unsigned i = 0; i < b.numInputs() && contents; ++i)
      if (const std::optional<Contents> &x = b.contents(i))
        contents->append(x->begin(), x->end());
      else
        contents.reset();
  }
  return outArithmetic(b, contents, *type, [&]() -> Value {
    llvm::SmallVector<Value> values;
    for (unsigned i = 0; i < b.numInputs(); ++i)
      values.push_back(b.in(i));
    return values.size() == 1 ? b.unary(graph::UnaryKind::Identity, values[0])
                              : b.concat(values, *axis);
  });
}

LogicalResult split(NodeBuilder &b) {
  int64_t rank = b.rank(0);
  std::optional<int64_t> axis = b.axis(b.integer("axis"), rank);
  if (!axis)
    return failure();
  SizeExpr length = b.size(0, *axis), sum = 0;
  Sizes parts;
  auto count = static_cast<int64_t>(b.numOutputs());
  if (std::optional<Ints> attribute = b.integers("split"); attribute && b.since() < 13) {
    parts.assign(attribute->begin(), attribute->end());
  } else if (b.since() >= 13 && b.has(1)) {
    std::optional<Sizes> operand = b.control(1);
    if (!operand)
      return failure();
    parts = *operand;
  } else {
    int64_t wanted = b.integer("num_outputs", count);
    if (wanted != count)
      return b.fail("E0505", "num_outputs is " + llvm::Twine(wanted) + ", the node has " +
                                 llvm::Twine(count) + " outputs");
    if (b.since() < 18 && !b.requireEqual(mod(length, count), 0,
                                          length.str() + " elements do not split into " +
                                              llvm::Twine(count) + " equal parts"))
      return failure();
    SizeExpr part = b.since() < 18 ? floorDiv(length, count) : ceilDiv(length, count);
    parts.assign(count - 1, part);
    parts.push_back(b.since() < 18 ? part : length - part * SizeExpr(count - 1));
  }
  if (static_cast<int64_t>(parts.size()) != count)
    return b.fail("E0702", llvm::Twine(parts.size()) + " sizes for " + llvm::Twine(count) +
                               " outputs");
  for (const SizeExpr &part : parts) {
    if (std::optional<int64_t> c = part.asConstant(); c && *c < 0)
      return b.fail("E0702", "a part has the size " + llvm::Twine(*c));
    sum += part;
  }
  if (!b.requireEqual(sum, length, "sum of the parts, and the size that is split"))
    return failure();
  SizeExpr start = 0;
  for (auto [i, part] : llvm::enumerate(parts)) {
    Sizes starts(rank, SizeExpr(0)), sizes = b.sizes(0), steps(rank, SizeExpr(1));
    starts[*axis] = start;
    sizes[*axis] = part;
    start += part;
    if (!b.wants(i))
      continue;
    const std::optional<Contents> &x = b.contents(0);
    std::optional<int64_t> first = starts[*axis].asConstant(), length = part.asConstant();
    if (x && rank == 1 && first && length && isSizeElement(b.elementType(0))) {
      Contents piece(x->begin() + *first, x->begin() + *first + *length);
      if (failed(b.outContents(i, b.makeType(b.elementType(0), sizes), std::move(piece))))
        return failure();
      continue;
    }
    if (failed(b.out(i, b.slice(b.in(0), starts, sizes, steps))))
      return failure();
  }
  return success();
}

/// Start, size and step of a slice of `length` elements, as ONNX clamps them.
struct Range {
  SizeExpr start, size, step;
};

/// Elements of control operands may be anything.
bool isArbitrary(const SizeExpr &e) { return llvm::StringRef(e.str()).contains('['); }

SizeExpr fromEnd(const SizeExpr &position, const SizeExpr &length) {
  std::optional<int64_t> c = position.asConstant();
  if (c)
    return *c < 0 ? position + length : position;
  bool known = !isArbitrary(position) && position.provablyNonNegative({});
  return known ? position : select(lt(position, 0), position + length, position);
}

/// min(max(x, low), high) with the obvious cases of constants and sizes decided here.
SizeExpr clamp(const SizeExpr &x, const SizeExpr &low, const SizeExpr &high) {
  // INT64_MAX and INT32_MAX stand for "to the end".
  std::optional<int64_t> c = x.asConstant();
  if (c && *c >= INT32_MAX && !high.asConstant())
    return high;
  if (x == high)
    return high;
  return min(max(x, low), high);
}

/// Whether a bound is arithmetic on sizes: neither a number nor read from a control operand.
bool isOfSizes(const SizeExpr &e) { return !e.asConstant() && !isArbitrary(e); }

Range sliceRange(SizeExpr start, SizeExpr end, const SizeExpr &step, const SizeExpr &length) {
  std::optional<int64_t> s = step.asConstant(), e = end.asConstant();
  // table[from:from + n] of a table of fixed length: clamping would make every later size a minimum
  // of minima. The bounds are taken to lie inside; the launch checks it (graph.slice requires it).
  bool startInside = start.isConstant(0) || isOfSizes(start);
  if (s == 1 && length.asConstant() && startInside && isOfSizes(end) &&
      !(length - end).isConstant(0))
    return {start, end - start, step};
  auto forward = [&]() -> Range {
    SizeExpr from = clamp(fromEnd(start, length), 0, length);
    SizeExpr to = clamp(fromEnd(end, length), 0, length);
    SizeExpr size = from.isConstant(0) && to == length ? ceilDiv(length, step)
                                                       : max(ceilDiv(to - from, step), 0);
    return {from, size, step};
  };
  auto backward = [&]() -> Range {
    SizeExpr from = clamp(fromEnd(start, length), 0, length - 1);
    // INT_MIN stands for "to the beginning"; do not add to it.
    SizeExpr to = e && *e < -INT32_MAX ? SizeExpr(-1)
                                       : clamp(fromEnd(end, length), -1, length - 1);
    return {from, max(ceilDiv(from - to, -step), 0), step};
  };
  if (s)
    return *s > 0 ? forward() : backward();
  Range f = forward(), b = backward();
  SizeExpr up = lt(0, step);
  return {select(up, f.start, b.start), select(up, f.size, b.size), step};
}

LogicalResult slice(NodeBuilder &b) {
  int64_t rank = b.rank(0);
  Sizes starts, ends, axes, steps;
  auto attribute = [&](llvm::StringRef name) {
    Ints values = b.integers(name).value_or(Ints());
    return Sizes(values.begin(), values.end());
  };
  if (b.since() < 10) {
    starts = attribute("starts"), ends = attribute("ends"), axes = attribute("axes");
  } else {
    for (auto [i, list] : llvm::enumerate(std::array<Sizes *, 4>{&starts, &ends, &axes, &steps}))
      if (b.has(i + 1)) {
        std::optional<Sizes> operand = b.control(i + 1);
        if (!operand)
          return failure();
        *list = *operand;
      }
  }
  bool noAxes = b.since() < 10 ? !b.hasAttr("axes") : !b.has(3);
  if (noAxes)
    for (size_t i = 0; i < starts.size(); ++i)
      axes.push_back(static_cast<int64_t>(i));
  if (steps.empty() && !(b.since() >= 10 && b.has(4)))
    steps.assign(starts.size(), SizeExpr(1));
  if (ends.size() != starts.size() || axes.size() != starts.size() ||
      steps.size() != starts.size() || static_cast<int64_t>(axes.size()) > rank)
    return b.fail("E0702", "starts, ends, axes and steps have " + llvm::Twine(starts.size()) +
                               ", " + llvm::Twine(ends.size()) + ", " + llvm::Twine(axes.size()) +
                               " and " + llvm::Twine(steps.size()) + " entries");
  Sizes from = b.sizes(0), sizes = from, at(rank, SizeExpr(0)), by(rank, SizeExpr(1));
  llvm::SmallSet<int64_t, 8> seen;
  for (auto [i, axis] : llvm::enumerate(axes)) {
    if (steps[i].isConstant(0))
      return b.fail("E0702", "a step is 0");
    if (std::optional<int64_t> c = axis.asConstant()) {
      std::optional<int64_t> d = b.axis(*c, rank);
      if (!d || !seen.insert(*d).second)
        return d ? b.fail("E0702", "axis " + llvm::Twine(*d) + " occurs twice") : failure();
      Range r = sliceRange(starts[i], ends[i], steps[i], from[*d]);
      at[*d] = r.start, sizes[*d] = r.size, by[*d] = r.step;
      continue;
    }
    for (int64_t d = 0; d < rank; ++d) { // the axis may be any of them
      SizeExpr hit = eq(mod(axis, rank), d);
      Range r = sliceRange(starts[i], ends[i], steps[i], from[d]);
      at[d] = select(hit, r.start, at[d]);
      sizes[d] = select(hit, r.size, sizes[d]);
      by[d] = select(hit, r.step, by[d]);
    }
  }
  RankedTensorType type = b.makeType(b.elementType(0), sizes);
  std::optional<Contents> contents;
  bool constant = llvm::all_of(at, [](const SizeExpr &e) { return e.asConstant().has_value(); }) &&
                  llvm::all_of(by, [](const SizeExpr &e) { return e.asConstant().has_value(); });
  if (constant)
    contents = moved(b, type, [&](llvm::ArrayRef<int64_t> to,
                                  llvm::MutableArrayRef<int64_t> source) {
      for (size_t d = 0; d < to.size(); ++d)
        source[d] = *at[d].asConstant() + to[d] * *by[d].asConstant();
    });
  return outArithmetic(b, contents, type, [&] { return b.slice(b.in(0), at, sizes, by); });
}

LogicalResult pad(NodeBuilder &b) {
  int64_t rank = b.rank(0);
  Sizes pads, axes;
  Value value;
  if (b.since() < 11) {
    Ints list = b.integers("pads").value_or(Ints());
    pads.assign(list.begin(), list.end());
    if (b.real("value") != 0)
      value = b.splat(b.elementType(0), b.real("value"));
  } else {
    std::optional<Sizes> operand = b.control(1);
    if (!operand)
      return failure();
    pads = *operand;
    value = b.in(2);
    if (b.has(3)) {
      std::optional<Sizes> list = b.control(3);
      if (!list)
        return failure();
      axes = *list;
    }
  }
  if (!b.has(3))
    for (int64_t d = 0; d < rank; ++d)
      axes.push_back(d);
  if (pads.size() != 2 * axes.size())
    return b.fail("E0702", llvm::Twine(pads.size()) + " pads for " + llvm::Twine(axes.size()) +
                               " dimensions");
  Sizes lo(rank, SizeExpr(0)), hi = lo;
  for (auto [i, axis] : llvm::enumerate(axes)) {
    SizeExpr before = pads[i], after = pads[i + axes.size()];
    if (std::optional<int64_t> c = axis.asConstant()) {
      std::optional<int64_t> d = b.axis(*c, rank);
      if (!d)
        return failure();
      lo[*d] = before, hi[*d] = after;
      continue;
    }
    for (int64_t d = 0; d < rank; ++d) {
      SizeExpr hit = eq(mod(axis, rank), d);
      lo[d] = select(hit, before, lo[d]);
      hi[d] = select(hit, after, hi[d]);
    }
  }
  std::optional<graph::PadMode> mode = graph::symbolizePadMode(b.string("mode", "constant"));
  if (!mode)
    return b.fail("E0505", "mode is \"" + b.string("mode") + "\"");
  if (*mode != graph::PadMode::Constant)
    value = {};
  return b.out(b.pad(*mode, b.in(0), value, lo, hi));
}

LogicalResult tile(NodeBuilder &b) {
  std::optional<Sizes> repeats = b.control(1);
  if (!repeats)
    return failure();
  if (static_cast<int64_t>(repeats->size()) != b.rank(0))
    return b.fail("E0702", llvm::Twine(repeats->size()) + " repeats for rank " +
                               llvm::Twine(b.rank(0)));
  Sizes sizes;
  for (auto [s, r] : llvm::zip_equal(b.sizes(0), *repeats)) {
    if (std::optional<int64_t> c = r.asConstant(); c && *c < 0)
      return b.fail("E0702", "a repeat is " + llvm::Twine(*c));
    sizes.push_back(s * r);
    if (sizes.back().isOverflow())
      return b.fail("E0702", "the size of the result overflows");
  }
  RankedTensorType type = b.makeType(b.elementType(0), sizes);
  auto contents = moved(b, type, [&](llvm::ArrayRef<int64_t> at,
                                     llvm::MutableArrayRef<int64_t> source) {
    for (size_t d = 0; d < at.size(); ++d)
      source[d] = at[d] % b.type(0).getDimSize(d);
  });
  return outArithmetic(b, contents, type, [&]() -> Value {
    Value x = b.in(0);
    return type == x.getType() ? x : b.emit<graph::TileOp>(type, x);
  });
}

/// Broadcasts both ways, as in arithmetic: a size of the shape may be 1 where the operand's is not.
LogicalResult expand(NodeBuilder &b) {
  std::optional<Sizes> shape = b.control(1);
  if (!shape)
    return failure();
  graph::SizeReporter reporter([&](const llvm::Twine &m) { (void)b.fail("E0701", m); },
                               [&](const SizeExpr &condition, const llvm::Twine &m) {
                                 (void)b.requireEqual(logicalNot(condition), 0, m);
                               });
  auto sizes = graph::broadcastSizes({b.sizes(0), *shape}, reporter);
  if (failed(sizes))
    return failure();
  for (const SizeExpr &s : *sizes)
    if (std::optional<int64_t> c = s.asConstant(); c && *c < 0)
      return b.fail("E0702", "a size is " + llvm::Twine(*c));
  RankedTensorType type = b.makeType(b.elementType(0), *sizes);
  std::optional<Contents> contents;
  if (b.contents(0) && smallCount(type) && b.type(0).hasStaticShape())
    contents = broadcastContents(*b.contents(0), b.type(0).getShape(), type.getShape());
  return outArithmetic(b, contents, type, [&] { return b.broadcast(b.in(0), *sizes); });
}

LogicalResult checkBlocks(NodeBuilder &b, const SizeExpr &size, int64_t by, const char *what) {
  std::optional<int64_t> c = size.asConstant();
  return c && *c % by ? b.fail("E0701", llvm::Twine(what) + " " + llvm::Twine(*c) +
                                            " is no multiple of " + llvm::Twine(by))
                      : success();
}

LogicalResult depthToSpace(NodeBuilder &b) {
  int64_t k = b.integer("blocksize");
  Sizes s = b.sizes(0);
  if (failed(checkBlocks(b, s[1], k * k, "the number of channels")))
    return failure();
  SizeExpr depth = floorDiv(s[1], k * k);
  bool columns = b.string("mode", "DCR") == "CRD";
  Value x = columns ? b.reshape(b.in(0), {s[0], depth, SizeExpr(k), SizeExpr(k), s[2], s[3]})
                    : b.reshape(b.in(0), {s[0], SizeExpr(k), SizeExpr(k), depth, s[2], s[3]});
  x = columns ? b.transpose(x, {0, 1, 4, 2, 5, 3}) : b.transpose(x, {0, 3, 4, 1, 5, 2});
  return b.out(b.reshape(x, {s[0], depth, s[2] * SizeExpr(k), s[3] * SizeExpr(k)}));
}

LogicalResult spaceToDepth(NodeBuilder &b) {
  int64_t k = b.integer("blocksize");
  Sizes s = b.sizes(0);
  if (failed(checkBlocks(b, s[2], k, "the height")) || failed(checkBlocks(b, s[3], k, "the width")))
    return failure();
  SizeExpr h = floorDiv(s[2], k), w = floorDiv(s[3], k);
  Value x = b.reshape(b.in(0), {s[0], s[1], h, SizeExpr(k), w, SizeExpr(k)});
  bool columns = b.string("mode", "DCR") == "CRD"; // since opset 28
  x = columns ? b.transpose(x, {0, 1, 3, 5, 2, 4}) : b.transpose(x, {0, 3, 5, 1, 2, 4});
  return b.out(b.reshape(x, {s[0], s[1] * SizeExpr(k * k), h, w}));
}

LogicalResult trilu(NodeBuilder &b) {
  SizeExpr k = 0;
  if (b.has(1)) {
    std::optional<Sizes> operand = b.control(1);
    if (!operand)
      return failure();
    k = operand->front();
  }
  return b.out(b.emit<graph::TriluOp>(b.type(0), b.in(0), b.integer("upper", 1) == 1,
                                      llvm::StringRef(k.str())));
}

constexpr Limit kControl1[] = {limit::control(1)};
constexpr Limit kControl13[] = {limit::control(1), limit::control(3)};
constexpr Limit kSlice[] = {limit::control(1), limit::control(2), limit::control(3),
                            limit::control(4)};
constexpr Limit kImage[] = {limit::rank(0, 4, 4)};

constexpr OpRow kRows[] = {
    {"Concat", 4, concat},
    {"Concat", 11, concat},
    {"Concat", 13, concat},
    {"DepthToSpace", 1, depthToSpace, kElements, kImage},
    {"DepthToSpace", 11, depthToSpace, kElements, kImage},
    {"DepthToSpace", 13, depthToSpace, kElements, kImage},
    {"DepthToSpace", 28, depthToSpace, kElements, kImage},
    {"Expand", 8, expand, kElements, kControl1},
    {"Expand", 13, expand, kElements, kControl1},
    {"Pad", 2, pad},
    {"Pad", 11, pad, kElements, kControl13},
    {"Pad", 13, pad, kElements, kControl13},
    {"Pad", 18, pad, kElements, kControl13},
    {"Pad", 19, pad, kElements, kControl13},
    {"Pad", 21, pad, kElements, kControl13},
    {"Pad", 23, pad, kElements, kControl13},
    {"Pad", 24, pad, kElements, kControl13},
    {"Pad", 25, pad, kElements, kControl13},
    {"Slice", 1, slice},
    {"Slice", 10, slice, kElements, kSlice},
    {"Slice", 11, slice, kElements, kSlice},
    {"Slice", 13, slice, kElements, kSlice},
    {"SpaceToDepth", 1, spaceToDepth, kElements, kImage},
    {"SpaceToDepth", 13, spaceToDepth, kElements, kImage},
    {"SpaceToDepth", 28, spaceToDepth, kElements, kImage},
    {"Split", 2, split},
    {"Split", 11, split},
    {"Split", 13, split, kElements, kControl1},
    {"Split", 18, split, kElements, kControl1},
    {"Tile", 6, tile, kElements, kControl1},
    {"Tile", 13, tile, kElements, kControl1},
    {"Transpose", 1, transpose},
    {"Transpose", 13, transpose},
    {"Transpose", 21, transpose},
    {"Transpose", 23, transpose},
    {"Transpose", 24, transpose},
    {"Transpose", 25, transpose},
    {"Trilu", 14, trilu, kElements, kControl1},
};

} // namespace

llvm::ArrayRef<OpRow> importer::movementRows() { return kRows; }
