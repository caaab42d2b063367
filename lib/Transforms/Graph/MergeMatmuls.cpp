// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Products that share an operand as one: x * [w0 w1 w2] and slices of the result, in place of x * w0, x * w1
// and x * w2. What Passes.td says of the merge's worth is decided by the users of each product. Matrices and
// biases are joined by ops on constants, for graph-fold.
#include "Emit.h"
#include "Rewrite.h"
#include "cameo/Dialect/Graph/IR/OpClasses.h"
#include "cameo/Transforms/Graph/Passes.h"
#include "llvm/ADT/MapVector.h"

#include <tuple>

using namespace mlir;

namespace cameo::graph {

#define GEN_PASS_DEF_GRAPHMERGEMATMULSPASS
#include "cameo/Transforms/Graph/Passes.h.inc"

namespace {

/// x * w, or x * w + bias.
struct Product {
  MatmulOp matmul;
  BinaryOp shift; ///< null: no bias
  Value bias;

  Operation *last() { return shift ? shift.getOperation() : matmul.getOperation(); }
  TensorType type() { return cast<TensorType>(matmul.getType()); }
  int64_t lastDim() { return type().getRank() - 1; }
  TensorType matrix() { return cast<TensorType>(matmul.getB().getType()); }
  int64_t columns() { return type().getDimSize(lastDim()); }
};

/// What products have in common that can be one.
using Shared = std::tuple<Value, unsigned, unsigned, unsigned>; // left operand, transposed, right transposed, has a bias

/// Whether the value leaves its block by views alone: then it has to lie in memory by itself.
bool leaves(Value value) {
  return llvm::any_of(value.getUsers(), [](Operation *user) {
    if (user->hasTrait<OpTrait::IsTerminator>() || user->getNumRegions() != 0)
      return true;
    return isa<ReshapeOp, TransposeOp, SliceOp, BroadcastOp>(user) && leaves(user->getResult(0));
  });
}

std::optional<Product> productOf(MatmulOp matmul) {
  Product product{matmul, {}, {}};
  if (product.matrix().getRank() != 2 || !product.matrix().hasStaticShape() || !isConstantExpression(matmul.getB()))
    return std::nullopt;
  if (matmul->hasOneUse()) {
    auto add = dyn_cast<BinaryOp>(*matmul->user_begin());
    if (add && add.getKind() == BinaryKind::Add && add.getType() == matmul.getType()) {
      Value bias = add.getLhs() == matmul.getResult() ? add.getRhs() : add.getLhs();
      if (isConstantExpression(bias) && lengthAlong(bias, product.type(), product.lastDim())) {
        product.shift = add;
        product.bias = bias;
      }
    }
  }
  Value result = product.last()->getResult(0);
  if (result.use_empty() || llvm::any_of(result.getUsers(), isPointwise) || leaves(result))
    return std::nullopt;
  return product;
}

/// Moves what a constant is computed from before `op`.
void hoist(Value constant, Operation *op) {
  Operation *maker = constant.getDefiningOp();
  if (maker->getBlock() != op->getBlock() || maker->isBeforeInBlock(op))
    return;
  for (Value operand : maker->getOperands())
    hoist(operand, op);
  maker->moveBefore(op);
}

void merge(ArrayRef<Product> products) {
  Operation *first = products.front().matmul;
  OpBuilder builder(first);
  SmallVector<Location> locations;
  SmallVector<Value> matrices, biases;
  for (Product product : products) {
    hoist(product.matmul.getB(), first);
    matrices.push_back(product.matmul.getB());
    locations.push_back(product.matmul.getLoc());
    if (!product.shift)
      continue;
    hoist(product.bias, first);
    Emit emit(builder, product.shift.getLoc());
    Value vector = asChannelVector(emit, product.bias, product.type(), product.lastDim());
    biases.push_back(emit.broadcast(vector, SizeExpr(product.columns())));
    locations.push_back(product.shift.getLoc());
  }
  MatmulOp matmul = products.front().matmul;
  Location loc = builder.getFusedLoc(locations);
  bool transposed = matmul.getTransposeB();
  Value matrix = ConcatOp::create(builder, loc, matrices, transposed ? 0 : 1);
  Value all = MatmulOp::create(builder, loc, matmul.getA(), matrix, matmul.getTransposeA(), transposed);
  if (!biases.empty())
    all = Emit(builder, loc).binary(BinaryKind::Add, all, ConcatOp::create(builder, loc, biases, 0));
  SmallVector<SizeExpr> starts(Emit::typeOf(all).getRank(), SizeExpr(0));
  int64_t column = 0;
  for (Product product : products) {
    starts.back() = SizeExpr(column);
    column += product.columns();
    Emit part(builder, product.last()->getLoc());
    Value slice = part.slice(all, starts, getSizes(product.type()));
    product.last()->getResult(0).replaceAllUsesWith(slice);
  }
  for (Product product : products) {
    product.last()->erase();
    if (product.shift)
      product.matmul->erase();
  }
}

struct GraphMergeMatmuls : impl::GraphMergeMatmulsPassBase<GraphMergeMatmuls> {
  using GraphMergeMatmulsPassBase::GraphMergeMatmulsPassBase;

  void runOnOperation() override {
    getOperation().walk([&](Block *block) { mergeIn(*block); });
  }

private:
  void mergeIn(Block &block) {
    llvm::MapVector<Shared, SmallVector<Product>> groups;
    for (MatmulOp matmul : block.getOps<MatmulOp>())
      if (std::optional<Product> product = productOf(matmul))
        groups[{matmul.getA(), matmul.getTransposeA(), matmul.getTransposeB(), product->shift ? 1 : 0}].push_back(*product);
    for (auto &[shared, products] : groups) {
      int64_t elements = 0;
      for (Product product : products)
        elements += product.matrix().getNumElements();
      if (products.size() < 2 || elements > maxElements)
        continue;
      merge(products);
      numMerged += products.size() - 1;
    }
  }
};

} // namespace
} // namespace cameo::graph
