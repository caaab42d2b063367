// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Contractions as c[b0,b1,m,n] += a[b0,b1,m,k] * b[b0,b1,k,n] over rank-4 views. A matrix product's
// batches flatten into b0 and b1; a convolution is an implicit matrix product (b0 images, b1 groups,
// m output channels, n output positions, k input channels and window), whose b operand is a view into
// the unpadded input. With channels last the image is the a operand (m positions of all images, n output
// channels, k window and, innermost, input channels): its k is contiguous within a tap, and so is the
// result's n. What follows (bias, activation, residual) works on (b0, b1, m, n).

#include "Anchors.h"
#include "Elements.h"
#include "ScalarOps.h"
#include "Tiles.h"

using namespace mlir;

namespace cameo::graphtokernel {

namespace {

using Tile = TileBuilder::Tile;

enum : unsigned { B0, B1, M, N, K };

Domain contractionDomain(const SizeExpr &b0, const SizeExpr &b1, const SizeExpr &m,
                         const SizeExpr &n, const SizeExpr &k) {
  return Domain{{"~b0", b0}, {"~b1", b1}, {"~m", m}, {"~n", n}, {"~k", k}};
}

/// Integers contract in i32, small floats in f32.
Type contractionType(Type element) {
  if (auto integer = dyn_cast<IntegerType>(element); integer && integer.getWidth() < 32)
    return IntegerType::get(element.getContext(), 32);
  return accumulatorType(element);
}

Value multiplyAdd(OpBuilder &b, Location loc, Type fromX, Type fromY, Value x, Value y, Value sum) {
  Type type = sum.getType();
  if (isa<FloatType>(type)) {
    x = emitCast(b, loc, x.getType(), type, x);
    y = emitCast(b, loc, y.getType(), type, y);
    return math::FmaOp::create(b, loc, x, y, sum);
  }
  x = emitCast(b, loc, fromX, type, x);
  y = emitCast(b, loc, fromY, type, y);
  return arith::AddIOp::create(b, loc, sum, arith::MulIOp::create(b, loc, x, y).getResult());
}

/// `element`, `other`: what the elements of a and c mean; `other` null: the same.
Tile contract(TileBuilder &tiles, Tile a, Tile c, Type element, Type other = Type()) {
  OpBuilder &b = tiles.kernel.b;
  Location loc = tiles.kernel.loc;
  Type type = contractionType(element);
  Dims outDims{B0, B1, M, N};
  Value init = linalg::FillOp::create(b, loc, constantOf(b, loc, type, 0), tiles.empty(outDims, type))
                   .getResult(0);
  MLIRContext *context = b.getContext();
  auto map = [&](ArrayRef<unsigned> dims) {
    SmallVector<AffineExpr> exprs;
    for (unsigned dim : dims)
      exprs.push_back(getAffineDimExpr(dim, context));
    return AffineMap::get(5, 0, exprs, context);
  };
  using utils::IteratorType;
  SmallVector<IteratorType> iterators(4, IteratorType::parallel);
  iterators.push_back(IteratorType::reduction);
  auto op = linalg::GenericOp::create(
      b, loc, init.getType(), ValueRange{a.tensor, c.tensor}, init,
      ArrayRef<AffineMap>{map({B0, B1, M, K}), map({B0, B1, K, N}), map({B0, B1, M, N})}, iterators,
      [&](OpBuilder &inner, Location, ValueRange args) {
        linalg::YieldOp::create(inner, loc,
                                multiplyAdd(inner, loc, element, other ? other : element, args[0], args[1], args[2]));
      });
  return {op.getResult(0), outDims};
}

/// Coordinates of a matrix product's operand, given its batch coordinates.
Coordinates matrixCoordinates(const Coordinates &batch, SizeExpr row, SizeExpr column, bool transpose) {
  Coordinates at = batch;
  if (transpose)
    std::swap(row, column);
  at.push_back(row);
  at.push_back(column);
  return at;
}

/// Coordinates of a zero point: of the whole tensor, or of each `along` in its first dimension.
Coordinates zeroPointCoordinates(Value zero, const SizeExpr &along) {
  if (!zero)
    return {};
  auto sizes = graph::getSizes(zero.getType());
  Coordinates at(sizes.size(), SizeExpr(0));
  if (!sizes.empty() && !sizes[0].isConstant(1))
    at[0] = along;
  return at;
}

/// x - zero point as i32, computed where it is read.
Tile withoutZeroPoint(TileBuilder &tiles, Value x, const Coordinates &at, Value zeroPoint,
                      const Coordinates &zeroAt, const Dims &dims, const SizeExpr &inside = 1) {
  KernelBuilder &kernel = tiles.kernel;
  Type i32 = kernel.b.getI32Type();
  return tiles.computed(dims, i32, [&](OpBuilder &b, Scope &scope) -> Value {
    ElementBuilder elements(kernel, b, scope);
    Value ok = inside.isConstant(1) ? Value() : kernel.condition(b, scope, inside);
    Value value = emitCast(b, kernel.loc, elementOf(x), i32, elements.at(x, at, ok));
    if (zeroPoint)
      value = arith::SubIOp::create(
          b, kernel.loc, value,
          emitCast(b, kernel.loc, elementOf(zeroPoint), i32, elements.at(zeroPoint, zeroAt, ok)));
    if (ok)
      value = arith::SelectOp::create(b, kernel.loc, ok, value, constantOf(b, kernel.loc, i32, 0));
    return value;
  });
}

struct Batches {
  SizeExpr b0, b1;
  SmallVector<SizeExpr> sizes;
  Coordinates at;
};

/// The result's batch dimensions in two: the last one, and all before it flattened.
Batches splitBatches(Value result) {
  auto sizes = graph::getSizes(result.getType());
  Batches batches;
  batches.sizes.assign(sizes.begin(), sizes.end() - 2);
  SmallVector<SizeExpr> outer = batches.sizes;
  bool any = !outer.empty();
  batches.b1 = any ? outer.pop_back_val() : SizeExpr(1);
  batches.b0 = product({outer.begin(), outer.end()});
  batches.at = delinearize(SizeExpr::symbol("~b0"), outer);
  if (any)
    batches.at.push_back(SizeExpr::symbol("~b1"));
  return batches;
}

Coordinates operandBatch(Value operand, Value result, const Batches &batches) {
  auto from = graph::getSizes(operand.getType());
  SmallVector<SizeExpr> outer(from.begin(), from.end() - 2);
  MLIRContext *context = operand.getContext();
  Type element = elementOf(operand);
  return broadcastCoordinates(graph::makeTensorType(context, element, outer),
                              graph::makeTensorType(context, element, batches.sizes), batches.at);
}

template <typename Op> Family buildMatmulLike(KernelBuilder &kernel, Op op, bool ta, bool tb) {
  kernel.distinctRoles = true;
  Value a = op.getA(), c = op.getB(), result = op.getResult();
  Batches batches = splitBatches(result);
  auto sizes = graph::getSizes(result.getType()), aSizes = graph::getSizes(a.getType());
  SizeExpr k = aSizes[aSizes.size() - (ta ? 2 : 1)];
  TileBuilder tiles(kernel, contractionDomain(batches.b0, batches.b1, sizes[sizes.size() - 2],
                                              sizes.back(), k));
  SizeExpr m = tiles.domain.at(M), n = tiles.domain.at(N), kk = tiles.domain.at(K);
  Coordinates aAt = matrixCoordinates(operandBatch(a, result, batches), m, kk, ta);
  Coordinates bAt = matrixCoordinates(operandBatch(c, result, batches), kk, n, tb);
  Tile left = tiles.map(a, aAt, {B0, B1, M, K}), right = tiles.map(c, bAt, {B0, B1, K, N});
  Type element = elementOf(result);
  Tile product = contract(tiles, left, right, elementOf(a), elementOf(c));
  Coordinates out = batches.at;
  out.push_back(m);
  out.push_back(n);
  tiles.finish(result, out, tiles.narrow(product, element));
  return StringRef("gemm");
}

/// Geometry shared by the convolutions: spatial coordinates of input and output. Sizes and coordinates are
/// in the order (N, C, spatial…), whatever the tensors' own is.
struct Convolution {
  Value x, w, result, bias, xZero, wZero;
  ArrayRef<int64_t> strides, pads, dilations;
  int64_t groups;
  SmallVector<SizeExpr> xSizes, wSizes, outSizes;
  size_t rank;
  bool channelsLast = false;

  template <typename Op>
  explicit Convolution(Op op)
      : x(op.getX()), w(op.getW()), result(op.getResult()), strides(op.getStrides()),
        pads(op.getPads()), dilations(op.getDilations()), groups(op.getGroups()),
        xSizes(graph::getSizes(x.getType())), wSizes(graph::getSizes(w.getType())),
        outSizes(graph::getSizes(result.getType())), rank(strides.size()) {
    if constexpr (std::is_same_v<Op, graph::ConvIntegerOp>) {
      xZero = op.getXZeroPoint();
      wZero = op.getWZeroPoint();
    } else {
      bias = op.getBias();
    }
    if constexpr (std::is_same_v<Op, graph::ConvOp>)
      channelsLast = op.getChannelsLast();
    for (SmallVector<SizeExpr> *sizes : {&xSizes, &wSizes, &outSizes})
      *sizes = graph::fromStored(*sizes, channelsLast);
  }
  ArrayRef<SizeExpr> window() const { return ArrayRef(wSizes).drop_front(2); }
  ArrayRef<SizeExpr> positions() const { return ArrayRef(outSizes).drop_front(2); }

  /// (channel within the group, window…) of a flattened k.
  Coordinates tap(const SizeExpr &k, const SizeExpr &channels, bool literals) const {
    SmallVector<SizeExpr> sizes{channels};
    for (const SizeExpr &size : window())
      sizes.push_back(literals && size.asConstant() ? literal(*size.asConstant()) : size);
    if (channelsLast)
      std::rotate(sizes.begin(), sizes.begin() + 1, sizes.end());
    Coordinates at = delinearize(k, sizes);
    if (channelsLast)
      std::rotate(at.begin(), at.end() - 1, at.end());
    return at;
  }
  /// Input coordinate and whether it is inside, for output position `o` and window tap `t`.
  SizeExpr inputAt(size_t i, const SizeExpr &o, const SizeExpr &t, SizeExpr &inside) const {
    SizeExpr at = o * literal(strides[i]) + t * literal(dilations[i]) - SizeExpr(pads[i]);
    bool padded = pads[i] != 0 || pads[i + rank] != 0;
    if (padded)
      inside = logicalAnd(inside, logicalAnd(le(0, at), lt(at, xSizes[2 + i])));
    return at;
  }
};

/// The image as an operand: a view into the input, zero where the window hangs over it.
Tile inputView(TileBuilder &tiles, const Convolution &conv, const Coordinates &position,
               const SizeExpr &inside, const Dims &dims) {
  Coordinates at = graph::asStored(position, conv.channelsLast);
  if (conv.xZero || elementOf(conv.result).isInteger(32))
    return withoutZeroPoint(tiles, conv.x, at, conv.xZero, zeroPointCoordinates(conv.xZero, 0), dims,
                            inside);
  if (inside.isConstant(1))
    return tiles.map(conv.x, at, dims);
  KernelBuilder &kernel = tiles.kernel;
  Type element = storageType(elementOf(conv.x));
  return tiles.computed(dims, element, [&](OpBuilder &b, Scope &scope) -> Value {
    ElementBuilder elements(kernel, b, scope);
    return elements.at(conv.x, at, kernel.condition(b, scope, inside));
  });
}

/// result + bias[channel] where the convolution has a bias.
Tile addBias(TileBuilder &tiles, Tile tile, Value bias, const SizeExpr &channel) {
  if (!bias)
    return tile;
  Location loc = tiles.kernel.loc;
  Type type = cast<RankedTensorType>(tile.tensor.getType()).getElementType();
  Tile terms = tiles.map(bias, {channel}, tile.dims);
  return tiles.generic({tile, terms}, tile.dims, type, [&](OpBuilder &b, ValueRange in) -> Value {
    return arith::AddFOp::create(b, loc, in[0], emitCast(b, loc, elementOf(bias), type, in[1]));
  });
}

Family buildConv(KernelBuilder &kernel, const Convolution &conv) {
  kernel.distinctRoles = true;
  SizeExpr groups = conv.groups, channels = conv.wSizes[1];
  SizeExpr outChannels = floorDiv(conv.wSizes[0], groups);
  SizeExpr k = channels * product({conv.window().begin(), conv.window().end()});
  SizeExpr positions = product({conv.positions().begin(), conv.positions().end()});
  TileBuilder tiles(kernel,
                    contractionDomain(conv.xSizes[0], groups, outChannels, positions, k));
  const Domain &d = tiles.domain;
  SizeExpr outChannel = d.at(B1) * outChannels + d.at(M);
  Coordinates spatial = delinearize(d.at(N), conv.positions());

  Coordinates wAt{outChannel};
  wAt.append(conv.tap(d.at(K), channels, false));
  Coordinates tap = conv.tap(d.at(K), channels, true);
  Coordinates xAt{d.at(B0), d.at(B1) * channels + tap[0]};
  SizeExpr inside = 1;
  for (size_t i = 0; i < conv.rank; ++i)
    xAt.push_back(conv.inputAt(i, spatial[i], tap[1 + i], inside));

  Tile weights, input = inputView(tiles, conv, xAt, inside, {B0, B1, K, N});
  bool integer = elementOf(conv.result).isInteger(32);
  if (integer) {
    weights = withoutZeroPoint(tiles, conv.w, wAt, conv.wZero,
                               zeroPointCoordinates(conv.wZero, outChannel), {B0, B1, M, K});
  } else {
    weights = tiles.map(conv.w, wAt, {B0, B1, M, K});
  }
  Tile sum = contract(tiles, weights, input,
                      integer ? Type(kernel.b.getI32Type()) : elementOf(conv.x));
  sum = tiles.narrow(addBias(tiles, sum, conv.bias, outChannel), elementOf(conv.result));
  Coordinates out{d.at(B0), outChannel};
  out.append(spatial);
  tiles.finish(conv.result, out, sum);
  return StringRef("gemm");
}

/// States of an image with channels last that those of one tap lie side by side, where it is in memory.
void stateRuns(TileBuilder &tiles, const Convolution &conv, const Tile &image, const SizeExpr &channels) {
  auto view = image.tensor.getDefiningOp<kernel::ComputedViewOp>();
  std::optional<int64_t> known = channels.asConstant();
  if (!view || !view.getIndexedRead() || !tiles.kernel.isInput(conv.x) || (known && *known <= 1))
    return;
  view.setRuns(tiles.kernel.size(tiles.kernel.b, channels, "channels"), int64_t(K) - 1);
}

Family buildConvChannelsLast(KernelBuilder &kernel, const Convolution &conv) {
  kernel.distinctRoles = true;
  SizeExpr groups = conv.groups, channels = conv.wSizes[1];
  SizeExpr outChannels = floorDiv(conv.wSizes[0], groups);
  SizeExpr k = product({conv.window().begin(), conv.window().end()}) * channels;
  SmallVector<SizeExpr> images{conv.xSizes[0]};
  llvm::append_range(images, conv.positions());
  TileBuilder tiles(kernel, contractionDomain(1, groups, product({images.begin(), images.end()}), outChannels, k));
  const Domain &d = tiles.domain;
  SizeExpr outChannel = d.at(B1) * outChannels + d.at(N);
  Coordinates position = delinearize(d.at(M), images), tap = conv.tap(d.at(K), channels, true);

  Coordinates xAt{position[0], d.at(B1) * channels + tap[0]};
  SizeExpr inside = 1;
  for (size_t i = 0; i < conv.rank; ++i)
    xAt.push_back(conv.inputAt(i, position[1 + i], tap[1 + i], inside));
  Coordinates wAt{outChannel};
  wAt.append(conv.tap(d.at(K), channels, false));
  Tile image = inputView(tiles, conv, xAt, inside, {B0, B1, M, K});
  stateRuns(tiles, conv, image, channels);
  Tile weights = tiles.map(conv.w, graph::asStored(wAt, conv.channelsLast), {B0, B1, K, N});
  Tile sum = contract(tiles, image, weights, elementOf(conv.x));
  sum = tiles.narrow(addBias(tiles, sum, conv.bias, outChannel), elementOf(conv.result));
  Coordinates out{position[0], outChannel};
  out.append(position.begin() + 1, position.end());
  tiles.finish(conv.result, graph::asStored(out, conv.channelsLast), sum);
  return StringRef("gemm");
}

Family buildConvTranspose(KernelBuilder &kernel, const Convolution &conv) {
  kernel.distinctRoles = true;
  SizeExpr groups = conv.groups, channels = floorDiv(conv.wSizes[0], groups);
  SizeExpr outChannels = conv.wSizes[1];
  SizeExpr k = channels * product({conv.window().begin(), conv.window().end()});
  SizeExpr positions = product({conv.positions().begin(), conv.positions().end()});
  TileBuilder tiles(kernel,
                    contractionDomain(conv.xSizes[0], groups, outChannels, positions, k));
  const Domain &d = tiles.domain;
  Coordinates spatial = delinearize(d.at(N), conv.positions());

  Coordinates wTap = conv.tap(d.at(K), channels, false);
  Coordinates wAt{d.at(B1) * channels + wTap[0], d.at(M)};
  wAt.append(wTap.begin() + 1, wTap.end());
  // Output position o receives input i where i * stride = o + pad - tap * dilation.
  Coordinates tap = conv.tap(d.at(K), channels, true);
  Coordinates xAt{d.at(B0), d.at(B1) * channels + tap[0]};
  SizeExpr inside = 1;
  for (size_t i = 0; i < conv.rank; ++i) {
    SizeExpr stride = literal(conv.strides[i]);
    SizeExpr scaled =
        spatial[i] + SizeExpr(conv.pads[i]) - tap[1 + i] * literal(conv.dilations[i]);
    SizeExpr at = floorDiv(scaled, stride);
    inside = logicalAnd(inside, logicalAnd(le(0, scaled), lt(at, conv.xSizes[2 + i])));
    inside = logicalAnd(inside, eq(mod(scaled, stride), 0));
    xAt.push_back(at);
  }
  Tile input = inputView(tiles, conv, xAt, inside, {B0, B1, K, N});
  Tile sum = contract(tiles, tiles.map(conv.w, wAt, {B0, B1, M, K}), input, elementOf(conv.x));
  SizeExpr outChannel = d.at(B1) * outChannels + d.at(M);
  sum = tiles.narrow(addBias(tiles, sum, conv.bias, outChannel), elementOf(conv.result));
  Coordinates out{d.at(B0), outChannel};
  out.append(spatial);
  tiles.finish(conv.result, out, sum);
  return StringRef("gemm");
}

} // namespace

bool isDepthwise(Operation *op) {
  auto conv = dyn_cast<graph::ConvOp>(op);
  if (!conv || conv.getGroups() == 1)
    return false;
  auto sizes = graph::getSizes(conv.getW().getType());
  return sizes[conv.getChannelsLast() ? sizes.size() - 1 : 1].isConstant(1) && sizes[0].isConstant(int64_t(conv.getGroups()));
}

Family buildDepthwise(KernelBuilder &kernel) {
  Convolution conv(cast<graph::ConvOp>(kernel.group.anchor));
  Location loc = kernel.loc;
  // d0: output elements, d1: window.
  TileBuilder tiles(kernel,
                    Domain{{"~d0", product({conv.outSizes.begin(), conv.outSizes.end()})},
                           {"~d1", product({conv.window().begin(), conv.window().end()})}});
  Coordinates out = delinearize(tiles.domain.at(0), graph::asStored(conv.outSizes, conv.channelsLast));
  out = graph::fromStored(out, conv.channelsLast);
  Coordinates tap = conv.tap(tiles.domain.at(1), 1, true);
  Coordinates xAt{out[0], out[1]};
  SizeExpr inside = 1;
  for (size_t i = 0; i < conv.rank; ++i)
    xAt.push_back(conv.inputAt(i, out[2 + i], tap[1 + i], inside));
  Coordinates wAt{out[1]};
  wAt.append(conv.tap(tiles.domain.at(1), 1, false));
  Tile x = inputView(tiles, conv, xAt, inside, {0, 1}), w = tiles.map(conv.w, graph::asStored(wAt, conv.channelsLast), {0, 1});
  Type wide = accumulatorType(elementOf(conv.x));
  Tile product = tiles.generic({x, w}, {0, 1}, wide, [&](OpBuilder &b, ValueRange in) -> Value {
    return arith::MulFOp::create(b, loc, emitCast(b, loc, in[0].getType(), wide, in[0]),
                                 emitCast(b, loc, in[1].getType(), wide, in[1]));
  });
  Tile sum = tiles.sum(product);
  sum = tiles.narrow(addBias(tiles, sum, conv.bias, out[1]), elementOf(conv.result));
  tiles.finish(conv.result, graph::asStored(out, conv.channelsLast), sum);
  return StringRef("reduce");
}

Family buildContraction(KernelBuilder &kernel) {
  Operation *op = kernel.group.anchor;
  if (auto matmul = dyn_cast<graph::MatmulOp>(op))
    return buildMatmulLike(kernel, matmul, matmul.getTransposeA(), matmul.getTransposeB());
  if (auto matmul = dyn_cast<graph::MatmulIntegerOp>(op)) {
    if (!matmul.getAZeroPoint() && !matmul.getBZeroPoint())
      return buildMatmulLike(kernel, matmul, false, false);
    return op->emitOpError("has zero points: graph-decompose comes first"), failure();
  }
  if (isDepthwise(op))
    return buildDepthwise(kernel);
  if (auto conv = dyn_cast<graph::ConvOp>(op))
    return (conv.getChannelsLast() ? buildConvChannelsLast : buildConv)(kernel, Convolution(conv));
  if (auto conv = dyn_cast<graph::ConvIntegerOp>(op))
    return buildConv(kernel, Convolution(conv));
  return buildConvTranspose(kernel, Convolution(cast<graph::ConvTransposeOp>(op)));
}

} // namespace cameo::graphtokernel
