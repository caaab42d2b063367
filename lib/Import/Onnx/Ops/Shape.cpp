// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Operators that ask for sizes, or give the same elements other sizes. Axes and sizes that arrive as
// model inputs are symbols; then sizes are written as selections over them.
#include "../Importer.h"
#include "../ShapeArithmetic.h"

using namespace cameo;
using namespace cameo::importer;
using namespace mlir;

namespace {

LogicalResult shape(NodeBuilder &b) {
  int64_t rank = b.rank(0);
  auto clamp = [&](int64_t v) { return std::clamp<int64_t>(v < 0 ? v + rank : v, 0, rank); };
  int64_t start = clamp(b.integer("start")), end = clamp(b.integer("end", rank));
  Contents contents;
  for (int64_t i = start; i < end; ++i)
    contents.push_back(Number::integer(b.size(0, i)));
  auto type = RankedTensorType::get({static_cast<int64_t>(contents.size())}, b.i64());
  return b.outContents(0, type, std::move(contents));
}

LogicalResult size(NodeBuilder &b) {
  Sizes sizes = b.sizes(0);
  SizeExpr count = product(std::vector<SizeExpr>(sizes.begin(), sizes.end()));
  return b.outContents(0, RankedTensorType::get({}, b.i64()), {Number::integer(count)});
}

/// Output 0 is operand 0 with other sizes.
LogicalResult outReshaped(NodeBuilder &b, llvm::ArrayRef<SizeExpr> sizes) {
  RankedTensorType type = b.makeType(b.elementType(0), sizes);
  std::optional<Contents> contents = b.contents(0);
  if (contents && !type.hasStaticShape())
    contents.reset();
  if (contents) {
    graph::SizeReporter reporter([&](const llvm::Twine &m) { (void)b.fail("E0701", m); });
    if (failed(graph::checkReshape(b.type(0), type, reporter)))
      return failure();
  }
  return outArithmetic(b, contents, type, [&] { return b.reshape(b.in(0), sizes); });
}

/// Elements of control operands may be 0 or -1; sizes of tensors never are.
bool isArbitrary(const SizeExpr &e) { return llvm::StringRef(e.str()).contains('['); }

LogicalResult reshape(NodeBuilder &b) {
  std::optional<Sizes> wanted = b.control(1);
  if (!wanted)
    return failure();
  Sizes from = b.sizes(0), sizes;
  bool allowZero = b.integer("allowzero") == 1;
  SizeExpr known = 1, total = product(std::vector<SizeExpr>(from.begin(), from.end()));
  int inferred = 0;
  bool arbitrary = llvm::any_of(*wanted, isArbitrary), zero = false;
  for (auto [i, s] : llvm::enumerate(*wanted)) {
    std::optional<int64_t> c = s.asConstant();
    if (c && *c < -1)
      return b.fail("E0702", "the shape has the size " + llvm::Twine(*c));
    if (c == 0 && !allowZero && i >= from.size())
      return b.fail("E0702", "the shape copies dimension " + llvm::Twine(i) +
                                 " of an operand of rank " + llvm::Twine(from.size()));
    if (c == 0 && !allowZero)
      s = from[i];
    else if (!c && isArbitrary(s) && !allowZero && i < from.size())
      s = select(eq(s, 0), from[i], s);
    inferred += c == -1;
    zero |= c == 0 && allowZero;
    known *= c == -1 ? SizeExpr(1) : isArbitrary(s) ? select(eq(s, -1), 1, s) : s;
    sizes.push_back(s);
  }
  if (inferred > 1)
    return b.fail("E0702", "the shape leaves more than one size to be inferred");
  if (inferred && (zero || known.isConstant(0)))
    return b.fail("E0702", "the size to be inferred is ambiguous: another size is 0");
  if (inferred || arbitrary) {
    SizeExpr rest = known.isConstant(0) ? SizeExpr(0) : floorDiv(total, known);
    for (SizeExpr &s : sizes)
      s = s.isConstant(-1) ? rest : isArbitrary(s) ? select(eq(s, -1), rest, s) : s;
  }
  return outReshaped(b, sizes);
}

LogicalResult flatten(NodeBuilder &b) {
  int64_t rank = b.rank(0), axis = b.integer("axis", 1);
  if (axis < -rank || axis > rank || (axis < 0 && b.since() < 11))
    return b.fail("E0505", "axis " + llvm::Twine(axis) + " is outside [" + llvm::Twine(-rank) +
                               ", " + llvm::Twine(rank) + "]");
  axis = axis < 0 ? axis + rank : axis;
  SizeExpr rows = 1, columns = 1;
  for (auto [i, s] : llvm::enumerate(b.sizes(0)))
    (static_cast<int64_t>(i) < axis ? rows : columns) *= s;
  return outReshaped(b, {rows, columns});
}

/// Axes from attribute (before 13) or operand 1; nothing when absent, `failed` on a problem.
std::optional<Sizes> axesOf(NodeBuilder &b, bool &ok) {
  ok = true;
  if (b.since() >= 13) {
    if (!b.has(1))
      return std::nullopt;
    std::optional<Sizes> axes = b.control(1);
    ok = axes.has_value();
    return axes;
  }
  std::optional<Ints> axes = b.integers("axes");
  if (!axes)
    return std::nullopt;
  return Sizes(axes->begin(), axes->end());
}

LogicalResult squeeze(NodeBuilder &b) {
  bool ok;
  std::optional<Sizes> axes = axesOf(b, ok);
  if (!ok)
    return failure();
  Sizes from = b.sizes(0), to;
  int64_t rank = b.rank(0);
  if (!axes) {
    for (const SizeExpr &s : from) {
      if (!s.asConstant())
        return b.fail("E0809", "without axes the size " + llvm::Twine(s.str()) +
                                   " decides the rank of the result",
                      "axes, or static sizes");
      if (!s.isConstant(1))
        to.push_back(s);
    }
    return outReshaped(b, to);
  }
  if (std::optional<Ints> constants = allConstant(*axes)) {
    std::optional<Ints> normal = b.axes(*constants, rank);
    if (!normal)
      return failure();
    for (int64_t i = 0; i < rank; ++i) {
      bool gone = llvm::is_contained(*normal, i);
      if (gone && !b.requireEqual(from[i], 1, "the squeezed dimension " + llvm::Twine(i)))
        return failure();
      if (!gone)
        to.push_back(from[i]);
    }
    return outReshaped(b, to);
  }
  if (axes->size() > from.size())
    return b.fail("E0702", "more axes than dimensions");
  return outReshaped(b, withoutAxes(from, *axes));
}

LogicalResult unsqueeze(NodeBuilder &b) {
  bool ok;
  std::optional<Sizes> axes = axesOf(b, ok);
  if (!ok || !axes)
    return ok ? b.fail("E0503", "axes are missing") : failure();
  Sizes from = b.sizes(0), to;
  int64_t rank = b.rank(0) + static_cast<int64_t>(axes->size());
  if (std::optional<Ints> constants = allConstant(*axes)) {
    std::optional<Ints> normal = b.axes(*constants, rank);
    if (!normal)
      return failure();
    auto next = from.begin();
    for (int64_t i = 0; i < rank; ++i)
      to.push_back(llvm::is_contained(*normal, i) ? SizeExpr(1) : *next++);
    return outReshaped(b, to);
  }
  return outReshaped(b, withAxes(from, *axes));
}

LogicalResult identity(NodeBuilder &b) { return b.outSame(0, b.operand(0)); }

constexpr Limit kControl1[] = {limit::control(1)};

constexpr OpRow kRows[] = {
    {"Flatten", 1, flatten},
    {"Flatten", 9, flatten},
    {"Flatten", 11, flatten},
    {"Flatten", 13, flatten},
    {"Flatten", 21, flatten},
    {"Flatten", 23, flatten},
    {"Flatten", 24, flatten},
    {"Flatten", 25, flatten},
    {"Identity", 1, identity},
    {"Identity", 13, identity},
    {"Identity", 14, identity},
    {"Identity", 16, identity},
    {"Identity", 19, identity},
    {"Identity", 21, identity},
    {"Identity", 23, identity},
    {"Identity", 24, identity},
    {"Identity", 25, identity},
    {"Reshape", 5, reshape, kElements, kControl1},
    {"Reshape", 13, reshape, kElements, kControl1},
    {"Reshape", 14, reshape, kElements, kControl1},
    {"Reshape", 19, reshape, kElements, kControl1},
    {"Reshape", 21, reshape, kElements, kControl1},
    {"Reshape", 23, reshape, kElements, kControl1},
    {"Reshape", 24, reshape, kElements, kControl1},
    {"Reshape", 25, reshape, kElements, kControl1},
    {"Shape", 1, shape},
    {"Shape", 13, shape},
    {"Shape", 15, shape},
    {"Shape", 19, shape},
    {"Shape", 21, shape},
    {"Shape", 23, shape},
    {"Shape", 24, shape},
    {"Shape", 25, shape},
    {"Size", 1, size},
    {"Size", 13, size},
    {"Size", 19, size},
    {"Size", 21, size},
    {"Size", 23, size},
    {"Size", 24, size},
    {"Size", 25, size},
    {"Squeeze", 1, squeeze},
    {"Squeeze", 11, squeeze},
    {"Squeeze", 13, squeeze, kElements, kControl1},
    {"Squeeze", 21, squeeze, kElements, kControl1},
    {"Squeeze", 23, squeeze, kElements, kControl1},
    {"Squeeze", 24, squeeze, kElements, kControl1},
    {"Squeeze", 25, squeeze, kElements, kControl1},
    {"Unsqueeze", 1, unsqueeze},
    {"Unsqueeze", 11, unsqueeze},
    {"Unsqueeze", 13, unsqueeze, kElements, kControl1},
    {"Unsqueeze", 21, unsqueeze, kElements, kControl1},
    {"Unsqueeze", 23, unsqueeze, kElements, kControl1},
    {"Unsqueeze", 24, unsqueeze, kElements, kControl1},
    {"Unsqueeze", 25, unsqueeze, kElements, kControl1},
};

} // namespace

llvm::ArrayRef<OpRow> importer::shapeRows() { return kRows; }
