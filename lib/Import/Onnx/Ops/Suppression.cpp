// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// NonMaxSuppression as a recurrence: each round takes the best box that is left of every batch and
// class, and strikes out what overlaps it. There are as many rounds as boxes may be chosen, so all
// classes advance together. What was chosen is then collected as for NonZero: a kernel counts, the
// host reads the count.
#include "../Importer.h"
#include "../Recurrence.h"
#include "../Rows.h"

#include <limits>

using namespace cameo;
using namespace cameo::importer;
using namespace mlir;
using graph::BinaryKind;

namespace {

class Suppression {
public:
  explicit Suppression(NodeBuilder &b)
      : b(b), batches(b.size(0, 0)), boxes(b.size(0, 1)), classes(b.size(1, 1)) {}

  LogicalResult build() {
    if (b.rank(0) != 3 || b.rank(1) != 3)
      return b.fail("E0701", "ranks are " + llvm::Twine(b.rank(0)) + " and " +
                                 llvm::Twine(b.rank(1)) + ", 3 is needed");
    if (!b.requireEqual(b.size(0, 2), 4, "the coordinates of a box") ||
        !b.requireEqual(b.size(1, 0), batches, "the batches of boxes and scores") ||
        !b.requireEqual(b.size(1, 2), boxes, "the numbers of boxes and scores"))
      return failure();
    SizeExpr rounds = 0;
    if (b.has(2)) {
      std::optional<Sizes> most = b.control(2);
      if (!most || most->size() != 1)
        return most ? b.fail("E0702", "the number of boxes a class has to be one number")
                    : failure();
      rounds = max(min(most->front(), boxes), 0);
    }
    readBoxes();
    auto threshold = [&](unsigned i) { return b.has(i) ? b.reshape(b.in(i), {}) : number(0); };
    overlap = threshold(3);
    Value scores = b.broadcast(b.in(1), {batches, classes, boxes});
    if (b.has(4))
      scores = b.select(b.binary(BinaryKind::Gt, scores, threshold(4)), scores, none());
    Value steps = b.ramp(rounds);
    if (!scores || !steps || !areas)
      return failure();
    auto results = recur(b, {scores}, {steps},
                         [&](auto arguments, auto &next) { return round(arguments[0], next); });
    return results ? collect((*results)[1], (*results)[2], rounds) : failure();
  }

private:
  Value number(double value) { return b.splat(b.f32(), value); }
  Value none() { return number(-std::numeric_limits<double>::infinity()); }
  Value minimum(Value x, Value y) { return b.binary(BinaryKind::Min, x, y); }
  Value maximum(Value x, Value y) { return b.binary(BinaryKind::Max, x, y); }

  /// Coordinate `i` of all boxes: [batches, 1, boxes].
  Value coordinate(int64_t i) {
    Sizes sizes{batches, boxes, SizeExpr(1)}, starts{SizeExpr(0), SizeExpr(0), SizeExpr(i)},
        steps(3, SizeExpr(1));
    return b.reshape(b.slice(b.in(0), starts, sizes, steps), {batches, SizeExpr(1), boxes});
  }

  /// low and high ends of both dimensions; corners may be given in any order.
  void readBoxes() {
    for (int64_t d = 0; d < 2; ++d) {
      Value first = coordinate(d), second = coordinate(d + 2);
      if (b.integer("center_point_box") == 1) {
        Value half = b.mul(second, number(0.5));
        low[d] = b.sub(first, half);
        high[d] = b.add(first, half);
      } else {
        low[d] = minimum(first, second);
        high[d] = maximum(first, second);
      }
    }
    areas = b.mul(b.sub(high[0], low[0]), b.sub(high[1], low[1]));
  }

  /// The value of each class's best box, of something about all boxes.
  Value ofBest(Value x, Value best) {
    Sizes all{batches, classes, boxes};
    return b.emit<graph::GatherElementsOp>(
        b.makeType(NodeBuilder::elementOf(x), {batches, classes, SizeExpr(1)}), b.broadcast(x, all),
        best, uint64_t(2));
  }

  bool round(Value scores, llvm::SmallVectorImpl<Value> &next) {
    Value best =
        b.emit<graph::ArgReduceOp>(b.makeType(b.i64(), {batches, classes, SizeExpr(1)}),
                                   graph::ArgReduceKind::Max, scores, uint64_t(2), true, false);
    if (!best)
      return false;
    Value isThere = b.binary(BinaryKind::Gt, ofBest(scores, best), none());
    Value shared = number(1);
    for (int d = 0; d < 2; ++d) {
      Value length =
          b.sub(minimum(high[d], ofBest(high[d], best)), maximum(low[d], ofBest(low[d], best)));
      shared = b.mul(shared, maximum(length, number(0)));
    }
    Value together = b.sub(b.add(areas, ofBest(areas, best)), shared);
    // Boxes without area overlap nothing: 0 / 0 compares as false.
    Value struck = b.binary(BinaryKind::Gt, b.div(shared, together), overlap);
    Value itself = b.binary(BinaryKind::Eq, b.ramp(boxes), best);
    next.push_back(b.select(b.binary(BinaryKind::Or, struck, itself), none(), scores));
    next.push_back(best);
    next.push_back(isThere);
    return next[0] && next[2];
  }

  /// [rounds, batches, classes, 1] positions and whether they hold, as rows (batch, class, box).
  LogicalResult collect(Value best, Value isThere, const SizeExpr &rounds) {
    SizeExpr total = batches * classes * rounds, count;
    auto flat = [&](Value v) { return b.reshape(b.transpose(v, {1, 2, 0, 3}), {total}); };
    Value positions = chosenPositions(b, flat(isThere), count);
    if (!positions)
      return failure();
    Value box =
        b.emit<graph::GatherOp>(b.makeType(b.i64(), {count}), flat(best), positions, uint64_t(0));
    Value row = b.div(positions, b.fromSize(max(rounds, 1)));
    Value columns[] = {b.div(row, b.fromSize(max(classes, 1))),
                       b.binary(BinaryKind::Mod, row, b.fromSize(max(classes, 1))), box};
    llvm::SmallVector<Value> parts;
    for (Value column : columns)
      parts.push_back(b.reshape(column, {count, SizeExpr(1)}));
    return b.out(b.concat(parts, 1));
  }

  NodeBuilder &b;
  SizeExpr batches, boxes, classes;
  Value low[2], high[2], areas, overlap;
};

LogicalResult nonMaxSuppression(NodeBuilder &b) { return Suppression(b).build(); }

constexpr Limit kCount[] = {limit::control(2)};

constexpr OpRow kRows[] = {
    {"NonMaxSuppression", 10, nonMaxSuppression, kFloat32, kCount},
    {"NonMaxSuppression", 11, nonMaxSuppression, kFloat32, kCount},
};

} // namespace

llvm::ArrayRef<OpRow> importer::suppressionRows() { return kRows; }
