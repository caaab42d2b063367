// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Index arithmetic of reference bodies, three ways: exact (size expressions), upper bounds (to prove
// that 31 bits are enough), sampled (to see which way memory runs). Unknown ops and data-dependent
// positions answer nothing; callers then take the general way.
#include "IndexAnalysis.h"

#include <set>

using namespace mlir;
using namespace cameo;
using namespace cameo::kernel;

static std::optional<int64_t> constantOf(Value value) {
  IntegerAttr attribute;
  if (matchPattern(value, m_Constant(&attribute)))
    return attribute.getInt();
  return std::nullopt;
}

/// The number k when `value` is size argument k of the kernel.
static std::optional<unsigned> sizeArgument(Value value, FuncOp kernel) {
  auto argument = dyn_cast<BlockArgument>(value);
  if (!argument || argument.getOwner() != &kernel.getEntry())
    return std::nullopt;
  unsigned number = argument.getArgNumber(), first = kernel.getNumBuffers();
  if (number < first || number >= first + kernel.getNumSizes())
    return std::nullopt;
  return number - first;
}

std::optional<SizeExpr> cameo::kernel::sizeExprOf(Value value, FuncOp kernel) {
  if (std::optional<int64_t> constant = constantOf(value))
    return SizeExpr(*constant);
  if (std::optional<unsigned> k = sizeArgument(value, kernel))
    return SizeExpr::symbol("s" + std::to_string(*k));
  Operation *op = value.getDefiningOp();
  if (!op || op->getNumOperands() != 2)
    return std::nullopt;
  std::optional<SizeExpr> a = sizeExprOf(op->getOperand(0), kernel), b = sizeExprOf(op->getOperand(1), kernel);
  if (!a || !b)
    return std::nullopt;
  if (isa<arith::AddIOp>(op))
    return *a + *b;
  if (isa<arith::SubIOp>(op))
    return *a - *b;
  if (isa<arith::MulIOp>(op))
    return *a * *b;
  return std::nullopt;
}

FailureOr<KernelDomain> cameo::kernel::domainOf(FuncOp kernel) {
  KernelDomain domain;
  for (Operation &op : kernel.getEntry()) {
    ValueRange sizes;
    if (auto write = dyn_cast<WriteOp>(op)) {
      if (auto view = write.getView().getDefiningOp<StridedViewOp>())
        sizes = view.getSizes();
    } else if (auto scatter = dyn_cast<ScatterOp>(op)) {
      sizes = scatter.getSizes();
    } else if (auto empty = dyn_cast<tensor::EmptyOp>(op)) {
      // A kernel without operands reads through no view.
      if (int64_t(empty.getDynamicSizes().size()) == empty.getType().getRank())
        sizes = empty.getDynamicSizes();
    } else if (isa<ComputedViewOp, StridedViewOp>(op)) {
      if (auto view = dyn_cast<StridedViewOp>(op))
        sizes = view.getSizes();
      if (auto view = dyn_cast<ComputedViewOp>(op))
        sizes = view.getSizes();
    }
    if (sizes.size() <= domain.sizes.size())
      continue;
    SmallVector<SizeExpr> exprs;
    for (Value size : sizes) {
      std::optional<SizeExpr> expr = sizeExprOf(size, kernel);
      if (!expr)
        return op.emitOpError("has a size that is no expression over the kernel's sizes"), failure();
      exprs.push_back(*expr);
    }
    domain.sizes = exprs;
  }
  if (domain.sizes.empty())
    return kernel.emitOpError("writes nothing that has a size"), failure();
  return domain;
}

//===- Upper bounds -------------------------------------------------------------------------===//

namespace {
/// Upper bounds of index values, where coordinates are below their extents and nothing is negative but
/// by subtraction (which only makes things smaller).
class UpperBounds {
public:
  UpperBounds(FuncOp kernel, ValueRange coordinates, ValueRange extents)
      : kernel(kernel), coordinates(coordinates), extents(extents) {}

  std::optional<SizeExpr> of(Value value) {
    for (auto [coordinate, extent] : llvm::zip_equal(coordinates, extents))
      if (value == coordinate) {
        std::optional<SizeExpr> size = sizeExprOf(extent, kernel);
        return size ? std::optional<SizeExpr>(*size - 1) : std::nullopt;
      }
    if (std::optional<SizeExpr> exact = sizeExprOf(value, kernel))
      return exact;
    Operation *op = value.getDefiningOp();
    return op ? ofOp(op) : std::nullopt;
  }

private:
  std::optional<SizeExpr> ofOp(Operation *op) {
    if (isa<arith::DivSIOp, arith::DivUIOp, arith::FloorDivSIOp>(op))
      return quotient(op);
    if (isa<arith::SubIOp, arith::IndexCastOp>(op))
      return isa<arith::SubIOp>(op) ? difference(op) : of(op->getOperand(0));
    if (isa<arith::RemSIOp, arith::RemUIOp>(op))
      if (std::optional<SizeExpr> divisor = sizeExprOf(op->getOperand(1), kernel))
        return *divisor - 1;
    if (isa<arith::RemSIOp, arith::RemUIOp, arith::MinSIOp, arith::MinUIOp>(op)) {
      std::optional<SizeExpr> first = of(op->getOperand(0));
      return first ? first : of(op->getOperand(1));
    }
    if (isa<arith::CeilDivSIOp>(op))
      return of(op->getOperand(0));
    bool sum = isa<arith::AddIOp>(op), product = isa<arith::MulIOp>(op);
    bool either = isa<arith::MaxSIOp, arith::MaxUIOp, arith::SelectOp>(op);
    if (!sum && !product && !either)
      return std::nullopt;
    unsigned first = isa<arith::SelectOp>(op) ? 1 : 0;
    std::optional<SizeExpr> a = of(op->getOperand(first)), b = of(op->getOperand(first + 1));
    if (!a || !b)
      return std::nullopt;
    return sum ? *a + *b : product ? *a * *b : max(*a, *b);
  }

  /// A divisor that is a size is 0 where a tensor is empty; then nothing is read.
  std::optional<SizeExpr> quotient(Operation *op) {
    std::optional<SizeExpr> a = of(op->getOperand(0)), b = sizeExprOf(op->getOperand(1), kernel);
    return a && b ? std::optional<SizeExpr>(floorDiv(*a, max(*b, SizeExpr(1)))) : a;
  }

  std::optional<SizeExpr> difference(Operation *op) {
    std::optional<SizeExpr> a = of(op->getOperand(0));
    std::optional<int64_t> b = constantOf(op->getOperand(1));
    if (a && b && *b < 0)
      return *a - SizeExpr(*b);
    return a;
  }

  FuncOp kernel;
  ValueRange coordinates, extents;
};
} // namespace

/// The bound of every position that `region` yields or reads at.
static std::optional<SizeExpr> largestIn(Region &region, ValueRange extents, FuncOp kernel) {
  UpperBounds bounds(kernel, region.front().getArguments(), extents);
  SizeExpr largest(0);
  bool known = true;
  region.walk([&](Operation *op) {
    Value position;
    if (auto read = dyn_cast<ReadOp>(op))
      position = read.getIndex();
    else if (auto yield = dyn_cast<YieldOp>(op); yield && isa<ScatterOp>(yield->getParentOp()))
      position = yield.getValues().front();
    if (!position || !position.getType().isIndex())
      return;
    std::optional<SizeExpr> bound = bounds.of(position);
    if (bound)
      largest = max(largest, *bound);
    else
      known = false;
  });
  return known ? std::optional<SizeExpr>(largest) : std::nullopt;
}

std::optional<SizeExpr> cameo::kernel::largestPosition(Operation *view, FuncOp kernel) {
  if (auto computed = dyn_cast<ComputedViewOp>(view))
    return largestIn(computed.getBody(), computed.getSizes(), kernel);
  if (auto scatter = dyn_cast<ScatterOp>(view))
    return largestIn(scatter.getBody(), scatter.getSizes(), kernel);
  auto strided = cast<StridedViewOp>(view);
  std::optional<SizeExpr> sum = sizeExprOf(strided.getOffset(), kernel);
  for (auto [size, stride] : llvm::zip_equal(strided.getSizes(), strided.getStrides())) {
    std::optional<SizeExpr> n = sizeExprOf(size, kernel), step = sizeExprOf(stride, kernel);
    if (!sum || !n || !step)
      return std::nullopt;
    if (std::optional<int64_t> constant = step->asConstant(); !constant || *constant > 0)
      sum = *sum + (*n - 1) * *step;
  }
  return sum;
}

std::optional<SizeExpr> cameo::kernel::fitsIndex32(FuncOp kernel, const KernelDomain &domain) {
  // Room above for coordinates past the edge of the last tile.
  const SizeExpr limit(int64_t(1) << 30);
  std::set<SizeExpr> bounded(domain.sizes.begin(), domain.sizes.end());
  for (Operation &op : kernel.getEntry()) {
    if (!isa<StridedViewOp, ComputedViewOp, ScatterOp>(op))
      continue;
    std::optional<SizeExpr> largest = largestPosition(&op, kernel);
    if (!largest)
      return std::nullopt;
    bounded.insert(*largest);
  }
  SizeExpr condition(1);
  for (const SizeExpr &size : bounded)
    condition = logicalAnd(condition, le(size, limit));
  return condition;
}

//===- Sampling -----------------------------------------------------------------------------===//

namespace {
/// Evaluates index arithmetic with size argument k bound to some number.
class Sampler {
public:
  explicit Sampler(FuncOp kernel) : kernel(kernel) {}
  llvm::DenseMap<Value, int64_t> bound;

  std::optional<int64_t> of(Value value) {
    if (auto it = bound.find(value); it != bound.end())
      return it->second;
    if (std::optional<int64_t> constant = constantOf(value))
      return constant;
    if (std::optional<unsigned> k = sizeArgument(value, kernel))
      return 1000 + 37 * int64_t(*k); // distinct, large enough for neighbours to stay in a row
    Operation *op = value.getDefiningOp();
    if (!op)
      return std::nullopt;
    SmallVector<int64_t> args;
    for (Value operand : op->getOperands()) {
      std::optional<int64_t> arg = of(operand);
      if (!arg)
        return std::nullopt;
      args.push_back(*arg);
    }
    return apply(op, args);
  }

private:
  static std::optional<int64_t> apply(Operation *op, ArrayRef<int64_t> a) {
    if (isa<arith::AddIOp>(op))
      return a[0] + a[1];
    if (isa<arith::SubIOp>(op))
      return a[0] - a[1];
    if (isa<arith::MulIOp>(op))
      return a[0] * a[1];
    if (isa<arith::DivSIOp, arith::DivUIOp, arith::FloorDivSIOp>(op))
      return a[1] ? std::optional<int64_t>(a[0] / a[1]) : std::nullopt;
    if (isa<arith::RemSIOp, arith::RemUIOp>(op))
      return a[1] ? std::optional<int64_t>(a[0] % a[1]) : std::nullopt;
    if (isa<arith::MinSIOp, arith::MinUIOp>(op))
      return std::min(a[0], a[1]);
    if (isa<arith::MaxSIOp, arith::MaxUIOp>(op))
      return std::max(a[0], a[1]);
    if (isa<arith::SelectOp>(op))
      return a[0] ? a[1] : a[2];
    if (isa<arith::IndexCastOp, arith::IndexCastUIOp>(op))
      return a[0];
    if (auto compare = dyn_cast<arith::CmpIOp>(op))
      return arith::applyCmpPredicate(compare.getPredicate(), APInt(64, a[0]), APInt(64, a[1]));
    return std::nullopt;
  }

  FuncOp kernel;
};
} // namespace

std::optional<int64_t> cameo::kernel::sampledStride(Operation *view, unsigned dim, FuncOp kernel) {
  Sampler sampler(kernel);
  if (auto strided = dyn_cast<StridedViewOp>(view))
    return dim < strided.getStrides().size() ? sampler.of(strided.getStrides()[dim]) : std::nullopt;
  auto computed = cast<ComputedViewOp>(view);
  if (dim >= computed.getSizes().size())
    return std::nullopt;
  ReadOp read;
  computed.getBody().walk([&](ReadOp op) { read = read ? read : op; });
  if (!read)
    return std::nullopt;
  std::optional<int64_t> at[2];
  for (int64_t step : {0, 1}) {
    sampler.bound.clear();
    for (auto [d, coordinate] : llvm::enumerate(computed.getBody().front().getArguments()))
      sampler.bound[coordinate] = 8 + (d == dim ? step : 0);
    at[step] = sampler.of(read.getIndex());
  }
  if (!at[0] || !at[1])
    return std::nullopt;
  return *at[1] - *at[0];
}
