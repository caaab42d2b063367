// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Kernels without an anchor: one flat dimension over the elements of the root. Operands of the same
// sizes collapse to plain contiguous views, broadcast and rearranged ones to strides or divisions.
// Where several elements of the root share a byte, the dimension runs over bytes instead.

#include "Anchors.h"
#include "Packed.h"
#include "Tiles.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;

namespace cameo::graphtokernel {

/// One byte of the result a step: each of its elements is a tile over the bytes. Positions after the
/// last element repeat it and then lose their bits.
static Family buildPacked(KernelBuilder &kernel, Value root, unsigned perByte) {
  auto sizes = graph::getSizes(root.getType());
  Type element = cast<RankedTensorType>(root.getType()).getElementType();
  SizeExpr count = product({sizes.begin(), sizes.end()}), step = literal(perByte);
  TileBuilder tiles(kernel, Domain{{"~d0", ceilDiv(count, int64_t(perByte))}});
  SmallVector<TileBuilder::Tile> parts;
  for (unsigned phase = 0; phase < perByte; ++phase) {
    SizeExpr linear = tiles.domain.at(0) * step + int64_t(phase);
    bool always = phase == 0 || mod(count, int64_t(perByte)).isConstant(0);
    parts.push_back(tiles.map(
        root, delinearize(always ? linear : min(linear, count - 1), sizes), {0}));
    if (always)
      continue;
    parts.back() = tiles.generic(
        {parts.back(), tiles.computed({0}, kernel.b.getI8Type(), [&](OpBuilder &b, Scope &scope) {
           Value inside = kernel.condition(b, scope, lt(linear, count));
           return arith::ExtSIOp::create(b, kernel.loc, b.getI8Type(), inside).getResult();
         })},
        {0}, kernel.b.getI8Type(), [&](OpBuilder &b, ValueRange x) -> Value {
          return arith::AndIOp::create(b, kernel.loc, x[0], x[1]);
        });
  }
  auto bytes = tiles.generic(parts, {0}, kernel.b.getI8Type(), [&](OpBuilder &b, ValueRange x) {
    Value byte;
    for (unsigned phase = 0; phase < perByte; ++phase) {
      Value bits = packAt(b, kernel.loc, element, x[phase], phase);
      byte = byte ? arith::OrIOp::create(b, kernel.loc, byte, bits).getResult() : bits;
    }
    return byte;
  });
  kernel.writeFlat(bytes.tensor, root, tiles.domain);
  return StringRef("pointwise");
}

Family buildPointwise(KernelBuilder &kernel) {
  Value root = kernel.group.root->getResult(0);
  if (unsigned perByte = elementsPerByte(cast<RankedTensorType>(root.getType()).getElementType());
      perByte > 1)
    return buildPacked(kernel, root, perByte);
  auto sizes = graph::getSizes(root.getType());
  TileBuilder tiles(kernel, Domain{{"~d0", product({sizes.begin(), sizes.end()})}});
  Coordinates at = delinearize(tiles.domain.at(0), sizes);
  tiles.write(tiles.map(root, at, {0}), root, at);
  return StringRef("pointwise");
}

} // namespace cameo::graphtokernel
