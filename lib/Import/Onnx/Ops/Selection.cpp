// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Operators whose result has as many elements as the data says: Compress, NonZero, Unique. A kernel
// counts, the host reads the count (it is a size of the model's output, or of what is computed
// next), and a gather collects what was chosen, by positions that a scatter of the running count
// has left. Beside them TensorScatter, which updates a range of a cache at a place that data gives.
#include "../Importer.h"
#include "../Rows.h"

using namespace cameo;
using namespace cameo::importer;
using namespace mlir;
using graph::BinaryKind;

namespace {

class Selection {
public:
  explicit Selection(NodeBuilder &b) : b(b) {}

  NodeBuilder &b;

  Value scalar(int64_t value) { return b.splat(b.i64(), double(value)); }
  Value cumsum(Value x, bool exclusive) {
    return b.emit<graph::CumsumOp>(x.getType(), graph::CumulateKind::Sum, x, uint64_t(0), exclusive,
                                   false);
  }
  Value scatter(Value x, Value indices, Value updates) {
    return b.emit<graph::ScatterElementsOp>(x.getType(), graph::ScatterKind::Set, x, indices,
                                            updates, uint64_t(0));
  }
  Value zeros(Type element, const SizeExpr &size) {
    return b.broadcast(b.splat(element, 0), {size});
  }

  /// The number of a count that the host reads, as a symbol.
  SizeExpr read(Value count) { return readCount(b, count); }

  /// Positions of the elements of a vector of booleans that are set, ascending.
  Value chosen(Value flags, SizeExpr &count) {
    SizeExpr size = NodeBuilder::sizesOf(flags)[0];
    Value ones = b.cast(flags, b.i64());
    count = read(b.reduce(graph::ReduceKind::Sum, ones, {0}, true));
    // What is not chosen goes to one place more, which nobody reads.
    Value place = b.select(flags, cumsum(ones, true), b.fromSize(size));
    return first(scatter(zeros(b.i64(), size + 1), place, b.ramp(size)), count);
  }

  Value first(Value x, const SizeExpr &count) {
    return b.slice(x, {SizeExpr(0)}, {count}, {SizeExpr(1)});
  }

  Value gather(Value x, Value positions, int64_t axis) {
    Sizes sizes = NodeBuilder::sizesOf(x);
    sizes[size_t(axis)] = NodeBuilder::sizesOf(positions)[0];
    return b.emit<graph::GatherOp>(b.makeType(NodeBuilder::elementOf(x), sizes), x, positions,
                                   uint64_t(axis));
  }
};

SizeExpr elementsOf(NodeBuilder &b, unsigned i) {
  Sizes sizes = b.sizes(i);
  return product({sizes.begin(), sizes.end()});
}

LogicalResult compress(NodeBuilder &b) {
  Selection s(b);
  Value x = b.in(0);
  int64_t axis = 0;
  if (b.hasAttr("axis")) {
    std::optional<int64_t> given = b.axis(b.integer("axis"), b.rank(0));
    if (!given)
      return failure();
    axis = *given;
  } else {
    x = b.reshape(x, {elementsOf(b, 0)});
  }
  if (b.rank(1) != 1)
    return b.fail("E0701", "the condition has rank " + llvm::Twine(b.rank(1)) + ", 1 is needed");
  SizeExpr count;
  Value positions = s.chosen(b.in(1), count);
  return x && positions ? b.out(s.gather(x, positions, axis)) : failure();
}

/// Positions of what is known not to be zero.
LogicalResult nonZeroOfConstants(NodeBuilder &b) {
  std::optional<llvm::SmallVector<double>> values = b.reals(0);
  if (!values)
    return failure();
  int64_t rank = std::max<int64_t>(b.rank(0), 1);
  llvm::SmallVector<Contents> rows(rank);
  for (auto [linear, value] : llvm::enumerate(*values)) {
    if (value == 0)
      continue;
    auto rest = static_cast<int64_t>(linear);
    for (int64_t d = rank - 1; d >= 0; --d) {
      int64_t size = b.rank(0) ? b.type(0).getDimSize(d) : 1;
      rows[d].push_back(Number::integer(rest % size));
      rest /= size;
    }
  }
  auto count = static_cast<int64_t>(rows.front().size());
  Contents contents;
  for (const Contents &row : rows)
    contents.append(row.begin(), row.end());
  return b.outContents(0, RankedTensorType::get({rank, count}, b.i64()), std::move(contents));
}

LogicalResult nonZeroOfData(NodeBuilder &b) {
  Selection s(b);
  SizeExpr total = elementsOf(b, 0), count;
  Value flat = b.reshape(b.in(0), {total});
  Value flags = b.elementType(0).isInteger(1)
                    ? flat
                    : b.unary(graph::UnaryKind::Not,
                              b.binary(BinaryKind::Eq, flat, b.splat(b.elementType(0), 0)));
  Value positions = s.chosen(flags, count);
  if (!positions)
    return failure();
  llvm::SmallVector<Value> rows;
  Sizes sizes = b.sizes(0);
  if (sizes.empty())
    sizes.push_back(1);
  for (const SizeExpr &size : sizes) {
    SizeExpr inner = 1;
    for (size_t d = rows.size() + 1; d < sizes.size(); ++d)
      inner *= sizes[d];
    Value row = b.binary(BinaryKind::Mod, b.div(positions, b.fromSize(inner)), b.fromSize(size));
    rows.push_back(b.reshape(row, {SizeExpr(1), count}));
  }
  return b.out(rows.size() == 1 ? rows[0] : b.concat(rows, 0));
}

LogicalResult nonZero(NodeBuilder &b) {
  const std::optional<Contents> &contents = b.contents(0);
  bool isKnown =
      contents && llvm::all_of(*contents, [](const Number &n) { return n.asReal().has_value(); });
  return isKnown ? nonZeroOfConstants(b) : nonZeroOfData(b);
}

/// Distinct elements (or slices along an axis), by comparing each with each.
class Distinct {
public:
  explicit Distinct(NodeBuilder &b) : b(b), s(b) {}

  LogicalResult build() {
    if (!readElements())
      return failure();
    auto count = [&](Value flags) {
      return b.reduce(graph::ReduceKind::Sum, b.cast(flags, b.i64()), {1}, false);
    };
    auto both = [&](Value p, Value q) { return b.binary(BinaryKind::And, p, q); };
    Value here = b.reshape(b.ramp(n), {n, SizeExpr(1)}),
          there = b.reshape(b.ramp(n), {SizeExpr(1), n});
    compare();
    Value earlier = count(both(equal, b.binary(BinaryKind::Lt, there, here)));
    Value isFirst = b.binary(BinaryKind::Eq, earlier, s.scalar(0));
    if (b.integer("sorted", 1) != 1) {
      // In order of appearance: the first position of each value is the smallest among the equal
      // ones.
      Value position = b.select(equal, there, b.fromSize(n));
      Value first = b.reduce(graph::ReduceKind::Min, position, {1}, false);
      before = b.binary(BinaryKind::Lt, there, b.reshape(first, {n, SizeExpr(1)}));
    }
    // The place of an element's value: how many distinct values come before it.
    Value place = count(both(before, b.reshape(isFirst, {SizeExpr(1), n})));
    SizeExpr distinct =
        s.read(b.reduce(graph::ReduceKind::Sum, b.cast(isFirst, b.i64()), {0}, true));
    Value target = b.select(isFirst, place, b.fromSize(n));
    auto collected = [&](Value values) {
      return s.first(s.scatter(s.zeros(b.i64(), n + 1), target, values), distinct);
    };
    Value firsts = place ? collected(b.ramp(n)) : Value();
    if (!firsts || failed(b.out(0, s.gather(x, firsts, axis))) || failed(b.out(1, firsts)) ||
        failed(b.out(2, place)))
      return failure();
    return b.wants(3) ? b.out(3, collected(count(equal))) : success();
  }

private:
  bool readElements() {
    x = b.in(0);
    if (!b.hasAttr("axis")) {
      n = elementsOf(b, 0);
      x = b.reshape(x, {n});
    } else {
      std::optional<int64_t> given = b.axis(b.integer("axis"), b.rank(0));
      if (!given)
        return false;
      axis = *given;
      n = b.size(0, axis);
    }
    return static_cast<bool>(x);
  }

  /// [n, n]: whether element i equals j, and whether j comes before i.
  void compare() {
    Ints perm;
    SizeExpr width = 1;
    for (int64_t d = 0; d < NodeBuilder::rankOf(x); ++d)
      if (d != axis) {
        perm.push_back(d);
        width *= NodeBuilder::sizesOf(x)[size_t(d)];
      }
    perm.insert(perm.begin(), axis);
    Value rows = b.reshape(b.transpose(x, perm), {n, width});
    Value self = b.reshape(rows, {n, SizeExpr(1), width}),
          other = b.reshape(rows, {SizeExpr(1), n, width});
    if (width.isConstant(1)) {
      equal = b.reshape(b.binary(BinaryKind::Eq, self, other), {n, n});
      before = b.reshape(b.binary(BinaryKind::Lt, other, self), {n, n});
      return;
    }
    // Slices compare by the first place where they differ; `width` where they do not.
    Value differ = b.unary(graph::UnaryKind::Not, b.binary(BinaryKind::Eq, self, other));
    Value first = b.reduce(graph::ReduceKind::Min,
                           b.select(differ, b.ramp(width), b.fromSize(width)), {2}, true);
    equal = b.binary(BinaryKind::Eq, b.reshape(first, {n, n}), b.fromSize(width));
    Value less = b.binary(BinaryKind::And, b.binary(BinaryKind::Lt, other, self),
                          b.binary(BinaryKind::Eq, b.ramp(width), first));
    before = b.reduce(graph::ReduceKind::Any, less, {2}, false);
  }

  NodeBuilder &b;
  Selection s;
  Value x, equal, before;
  SizeExpr n;
  int64_t axis = 0;
};

LogicalResult unique(NodeBuilder &b) { return Distinct(b).build(); }

LogicalResult tensorScatter(NodeBuilder &b) {
  std::optional<int64_t> axis = b.axis(b.integer("axis", -2), b.rank(0));
  if (!axis)
    return failure();
  if (*axis == 0 || b.rank(1) != b.rank(0))
    return b.fail("E0701", "the axis is the batch, or ranks differ");
  Selection s(b);
  Sizes sizes = b.sizes(0), along(sizes.size(), SizeExpr(1)), batch = along;
  SizeExpr length = sizes[size_t(*axis)], updated = b.size(1, *axis);
  along[size_t(*axis)] = length;
  batch[0] = sizes[0];
  Value place = b.reshape(b.ramp(length), along);
  if (b.has(2))
    place = b.sub(place, b.reshape(b.cast(b.in(2), b.i64()), batch));
  if (b.string("mode", "linear") == "circular")
    place = b.binary(BinaryKind::Mod, place, b.fromSize(length)); // the sign of the divisor
  Value inside = b.binary(BinaryKind::And, b.binary(BinaryKind::Ge, place, s.scalar(0)),
                          b.binary(BinaryKind::Lt, place, b.fromSize(updated)));
  Value safe = b.broadcast(b.select(inside, place, s.scalar(0)), sizes);
  if (!safe)
    return failure();
  Value update = b.emit<graph::GatherElementsOp>(b.type(0), b.in(1), safe, uint64_t(*axis));
  return b.out(b.select(inside, update, b.in(0)));
}

constexpr OpRow kRows[] = {
    {"Compress", 9, compress},
    {"Compress", 11, compress},
    {"Compress", 28, compress},
    {"NonZero", 9, nonZero, kReals | kBool},
    {"NonZero", 13, nonZero, kReals | kBool},
    {"TensorScatter", 24, tensorScatter},
    {"Unique", 11, unique, kReals},
    {"Unique", 28, unique, kReals},
};

} // namespace

SizeExpr importer::readCount(NodeBuilder &b, Value count) {
  Value one = b.reshape(count, {SizeExpr(1)});
  if (!one)
    return 0;
  // Bodies of functions may be expanded many times: names are made unique by number.
  int64_t before = 0;
  Operation *function = b.builder().getBlock()->getParentOp();
  while (function && !isa<func::FuncOp>(function))
    function = function->getParentOp();
  if (!function) {
    (void)b.fail("E0809", "inside of a branch or loop, how many elements it has depends on data");
    return 0;
  }
  function->walk([&](graph::ReadSizesOp) { ++before; });
  std::string name = countPrefix.str() + b.op().str() + " " + std::to_string(before);
  graph::ReadSizesOp::create(b.builder(), b.location(), one, b.builder().getStrArrayAttr({name}));
  return SizeExpr::symbol(name);
}

Value importer::chosenPositions(NodeBuilder &b, Value flags, SizeExpr &count) {
  return flags ? Selection(b).chosen(flags, count) : Value();
}

llvm::ArrayRef<OpRow> importer::selectionRows() { return kRows; }
