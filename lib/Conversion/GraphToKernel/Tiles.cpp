// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See Tiles.h.

#include "Tiles.h"

#include "Elements.h"
#include "ScalarOps.h"

using namespace mlir;

namespace cameo::graphtokernel {

namespace {

std::string textOf(const Coordinates &at) {
  std::string text;
  for (const SizeExpr &e : at)
    text += e.str() + ";";
  return text;
}

/// Coordinates in the form in which they are compared: 0 wherever the extent is 1.
Coordinates normalized(Value value, const Coordinates &at) {
  Coordinates result = at;
  for (auto [e, size] : llvm::zip_equal(result, graph::getSizes(value.getType())))
    if (size.isConstant(1))
      e = 0;
  return result;
}

AffineMap projection(MLIRContext *context, const Dims &dims, const Dims &space) {
  SmallVector<AffineExpr> results;
  for (unsigned dim : dims)
    results.push_back(getAffineDimExpr(unsigned(llvm::find(space, dim) - space.begin()), context));
  return AffineMap::get(unsigned(space.size()), 0, results, context);
}

} // namespace

Domain TileBuilder::subdomain(const Dims &dims) const {
  Domain sub;
  for (unsigned dim : dims)
    sub.add(domain.names[dim], domain.sizes[dim]);
  return sub;
}

Value TileBuilder::empty(const Dims &dims, Type element) {
  SmallVector<OpFoldResult> sizes;
  for (Value size : kernel.sizes(subdomain(dims)))
    sizes.push_back(getAsOpFoldResult(size));
  return tensor::EmptyOp::create(kernel.b, kernel.loc, sizes, element);
}

void TileBuilder::know(Value value, const Coordinates &at, const Tile &tile) {
  known.push_back({value, normalized(value, at), tile});
}

int TileBuilder::add(Program &program, Value value, const Coordinates &given, const Dims &dims) {
  Coordinates at = normalized(value, given);
  auto key = std::pair(value.getAsOpaquePointer(), textOf(at));
  if (auto it = program.memo.find(key); it != program.memo.end())
    return it->second;
  auto addNode = [&](Node node) {
    program.nodes.push_back(std::move(node));
    return program.memo[key] = int(program.nodes.size()) - 1;
  };
  auto addLeaf = [&](Tile tile) {
    program.inputs.push_back(std::move(tile));
    return addNode({nullptr, value, {}, int(program.inputs.size()) - 1});
  };
  for (const Known &k : known)
    if (k.value == value && textOf(k.at) == textOf(at))
      return addLeaf(k.tile);
  Operation *op = value.getDefiningOp();
  if (isa_and_nonnull<graph::ConstantOp>(op) && graph::getSplatValue(value))
    return addNode({op, value, {}});
  if (kernel.isInput(value))
    return addLeaf({kernel.view(value, at, subdomain(dims)), dims});
  Domain space = subdomain(dims);
  if (auto moved = movedCoordinates(op, at, space.ranges))
    return program.memo[key] = add(program, op->getOperand(0), *moved, dims);
  if (classify(op) != OpClass::Pointwise)
    return addLeaf({kernel.view(value, at, space), dims});
  Node node{op, value, {}};
  for (Value operand : op->getOperands())
    node.operands.push_back(add(program, operand, operandCoordinates(op, operand, at), dims));
  return addNode(std::move(node));
}

Value TileBuilder::emit(OpBuilder &b, const Program &program, int index, ValueRange inputs,
                        SmallVectorImpl<Value> &done) {
  if (done[size_t(index)])
    return done[size_t(index)];
  const Node &node = program.nodes[size_t(index)];
  Value result;
  if (node.input >= 0) {
    result = fromStorage(b, kernel.loc, elementOf(node.value), inputs[size_t(node.input)]);
  } else if (auto constant = dyn_cast<graph::ConstantOp>(node.op)) {
    result = constantElement(b, kernel.loc, constant.getValue());
  } else {
    SmallVector<Value> operands;
    for (int operand : node.operands)
      operands.push_back(emit(b, program, operand, inputs, done));
    result = pointwiseElement(b, kernel.loc, node.op, [&](Value operand) {
      return operands[size_t(llvm::find(node.op->getOperands(), operand) -
                             node.op->getOperands().begin())];
    });
  }
  return done[size_t(index)] = result;
}

TileBuilder::Tile TileBuilder::map(Value value, const Coordinates &at, const Dims &dims) {
  Program program;
  int root = add(program, value, at, dims);
  // A plain view is a tile already.
  if (program.nodes[size_t(root)].input >= 0 && program.inputs[0].dims == dims)
    return program.inputs[size_t(program.nodes[size_t(root)].input)];
  Type element = elementOf(value);
  return generic(program.inputs, dims, storageType(element), [&](OpBuilder &b, ValueRange inputs) {
    SmallVector<Value> done(program.nodes.size());
    return toStorage(b, kernel.loc, element, emit(b, program, root, inputs, done));
  });
}

TileBuilder::Tile TileBuilder::generic(ArrayRef<Tile> inputs, const Dims &dims, Type element,
                                       Body body) {
  OpBuilder &b = kernel.b;
  SmallVector<Value> tensors;
  SmallVector<AffineMap> maps;
  for (const Tile &tile : inputs) {
    tensors.push_back(tile.tensor);
    maps.push_back(projection(b.getContext(), tile.dims, dims));
  }
  maps.push_back(b.getMultiDimIdentityMap(unsigned(dims.size())));
  SmallVector<utils::IteratorType> iterators(dims.size(), utils::IteratorType::parallel);
  Value out = empty(dims, element);
  auto op = linalg::GenericOp::create(
      b, kernel.loc, out.getType(), tensors, out, maps, iterators,
      [&](OpBuilder &inner, Location loc, ValueRange args) {
        linalg::YieldOp::create(inner, loc, body(inner, args.drop_back()));
      });
  return {op.getResult(0), dims};
}

SmallVector<TileBuilder::Tile> TileBuilder::reduce(ArrayRef<Tile> inputs, ValueRange init,
                                                   Combiner combine) {
  OpBuilder &b = kernel.b;
  Dims space = inputs.front().dims, kept(space.begin(), space.end() - 1);
  SmallVector<Value> tensors, outs;
  SmallVector<Type> types;
  SmallVector<AffineMap> maps;
  for (const Tile &tile : inputs) {
    tensors.push_back(tile.tensor);
    maps.push_back(projection(b.getContext(), tile.dims, space));
  }
  for (Value value : init) {
    Value out = empty(kept, value.getType());
    outs.push_back(linalg::FillOp::create(b, kernel.loc, value, out).getResult(0));
    types.push_back(out.getType());
    maps.push_back(projection(b.getContext(), kept, space));
  }
  SmallVector<utils::IteratorType> iterators(kept.size(), utils::IteratorType::parallel);
  iterators.push_back(utils::IteratorType::reduction);
  auto op = linalg::GenericOp::create(
      b, kernel.loc, types, tensors, outs, maps, iterators,
      [&](OpBuilder &inner, Location loc, ValueRange args) {
        auto state = args.take_back(init.size());
        linalg::YieldOp::create(inner, loc, combine(inner, state, args.drop_back(init.size())));
      });
  SmallVector<Tile> results;
  for (Value result : op.getResults())
    results.push_back({result, kept});
  return results;
}

TileBuilder::Tile TileBuilder::sum(const Tile &x) {
  Type type = elementOf(x.tensor);
  return reduce({x}, constantOf(kernel.b, kernel.loc, type, 0),
                [&](OpBuilder &b, ValueRange l, ValueRange r) -> SmallVector<Value> {
                  if (isa<FloatType>(type))
                    return {arith::AddFOp::create(b, kernel.loc, l[0], r[0])};
                  return {arith::AddIOp::create(b, kernel.loc, l[0], r[0])};
                })[0];
}

TileBuilder::Tile TileBuilder::maximum(const Tile &x, Type element) {
  return reduce({x}, lowest(kernel.b, kernel.loc, element),
                [&](OpBuilder &b, ValueRange l, ValueRange r) -> SmallVector<Value> {
                  return {emitMax(b, kernel.loc, element, l[0], r[0])};
                })[0];
}

TileBuilder::Tile TileBuilder::narrow(const Tile &x, Type element) {
  Type from = elementOf(x.tensor);
  if (from == storageType(element))
    return x;
  return generic({x}, x.dims, storageType(element), [&](OpBuilder &b, ValueRange in) {
    return toStorage(b, kernel.loc, element, emitCast(b, kernel.loc, from, element, in[0]));
  });
}

TileBuilder::Tile
TileBuilder::computed(const Dims &dims, Type element,
                      llvm::function_ref<Value(OpBuilder &, Scope &)> body) {
  return {kernel.computed(subdomain(dims), element, body), dims};
}

void TileBuilder::write(const Tile &tile, Value result, const Coordinates &at) {
  kernel.write(tile.tensor, result, at, subdomain(tile.dims));
}

void TileBuilder::finish(Value value, const Coordinates &at, const Tile &tile) {
  know(value, at, tile);
  Value root = kernel.group.root->getResult(0);
  if (value == root)
    return write(tile, root, at);
  Coordinates turned = at;
  if (auto perm = permutationBehind(value.getDefiningOp(), kernel.group))
    for (auto [to, from] : llvm::zip_equal(turned, *perm))
      to = at[size_t(from)];
  write(map(root, turned, tile.dims), root, turned);
}

} // namespace cameo::graphtokernel
