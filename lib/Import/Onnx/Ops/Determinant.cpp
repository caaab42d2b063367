// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Determinants by elimination with partial pivoting: one step a column, over all matrices of the
// batch at once. A step finds the largest element of its column from the diagonal on, swaps that row
// with the diagonal's, takes its multiples from the rows below, and multiplies the determinant by the
// pivot. Rows and columns are picked by comparison, so that sizes may be known at launch only.
// Matrices without elements are refused at launch.
#include "../Recurrence.h"
#include "../Rows.h"

using namespace cameo;
using namespace cameo::importer;
using namespace mlir;
using graph::BinaryKind;
using graph::ReduceKind;

namespace {

/// One step of elimination at column k (an i64 scalar) of matrices [batch, m, m].
class Elimination {
public:
  Elimination(NodeBuilder &b, Type compute, const SizeExpr &m)
      : b(b), compute(compute), m(m), zero(b.splat(compute, 0)) {}

  /// The matrices and determinants [batch, 1, 1] after the step.
  std::pair<Value, Value> step(Value matrices, Value determinants, Value k) {
    Value rows = b.reshape(b.ramp(m), {m, SizeExpr(1)}),
          columns = b.reshape(b.ramp(m), {SizeExpr(1), m});
    Value isColumn = compare(BinaryKind::Eq, columns, k), isK = compare(BinaryKind::Eq, rows, k);
    Value size = b.select(compare(BinaryKind::Ge, rows, k),
                          b.unary(graph::UnaryKind::Abs, picked(isColumn, matrices, 2)),
                          b.splat(compute, -1));
    if (!size)
      return {};
    Value at = b.emit<graph::ArgReduceOp>(size.getType(), graph::ArgReduceKind::Max, size,
                                          uint64_t(1), /*keepdims=*/true, /*last=*/false);
    Value isPivot = compare(BinaryKind::Eq, rows, at);
    Value pivotRow = picked(isPivot, matrices, 1), kRow = picked(isK, matrices, 1);
    Value swapped = b.select(isPivot, kRow, b.select(isK, pivotRow, matrices));
    Value pivot = picked(isColumn, pivotRow, 2), below = compare(BinaryKind::Gt, rows, k);
    Value counts = b.binary(BinaryKind::And, below, compare(BinaryKind::Ne, pivot, zero));
    Value factor = b.select(counts, b.div(picked(isColumn, swapped, 2), pivot), zero);
    Value left = b.select(below, b.sub(swapped, b.mul(factor, pivotRow)), swapped);
    Value stays = compare(BinaryKind::Eq, at, k);
    return {left, b.mul(determinants, b.select(stays, pivot, b.sub(zero, pivot)))};
  }

private:
  Value compare(BinaryKind kind, Value x, Value y) { return b.binary(kind, x, y); }
  /// The row or column that is flagged.
  Value picked(Value flags, Value matrices, int64_t axis) {
    return b.reduce(ReduceKind::Sum, b.select(flags, matrices, zero), {axis}, true);
  }

  NodeBuilder &b;
  Type compute;
  SizeExpr m;
  Value zero;
};

LogicalResult det(NodeBuilder &b) {
  if (b.rank(0) < 2)
    return b.fail("E0701", "the operand has rank " + llvm::Twine(b.rank(0)) + ", 2 is needed");
  Sizes outer = b.sizes(0);
  SizeExpr m = outer.pop_back_val();
  if (!b.requireEqual(m, outer.pop_back_val(), "rows and columns"))
    return failure();
  Type compute = b.elementType(0).isF64() ? b.elementType(0) : b.f32();
  SizeExpr batch = product({outer.begin(), outer.end()});
  // The reshape checks at launch that matrices are square.
  Value matrices = b.reshape(b.cast(b.in(0), compute), {batch, m, m});
  Value ones = b.broadcast(b.splat(compute, 1), {batch, SizeExpr(1), SizeExpr(1)});
  if (!matrices || !ones)
    return failure();
  Elimination elimination(b, compute, m);
  auto results = recur(b, {matrices, ones}, {b.ramp(m)}, [&](auto arguments, auto &next) {
    auto [left, determinants] = elimination.step(arguments[0], arguments[1], arguments[2]);
    next.append({left, determinants});
    return left && determinants;
  });
  return results ? b.out(b.cast(b.reshape((*results)[1], outer), b.elementType(0))) : failure();
}

constexpr OpRow kRows[] = {
    {"Det", 11, det, kFloats},
    {"Det", 22, det, kFloats},
};

} // namespace

llvm::ArrayRef<OpRow> importer::determinantRows() { return kRows; }
