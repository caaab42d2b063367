// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Algebra on `#kernel.layout`: see the header for the idea. All functions are total on layouts that the
// attribute's verifier accepts; what they cannot express they answer with nothing.
#include "cameo/Dialect/Kernel/Layout/LinearLayout.h"

using namespace mlir;
using namespace cameo::kernel;

LayoutAttr cameo::kernel::layoutOf(Operation *op) { return op->getAttrOfType<LayoutAttr>("layout"); }

namespace {
/// Collects basis vectors while walking the dimensions of a blocked layout.
class BlockedBuilder {
public:
  BlockedBuilder(ArrayRef<int64_t> shape, ArrayRef<unsigned> order)
      : shape(shape), order(order), covered(shape.size(), 1) {}

  /// Doubles what is covered along `dim` until `extent` more elements are, one vector per bit. False
  /// when that leaves the shape.
  bool cover(unsigned dim, int32_t extent, SmallVectorImpl<int32_t> &bases) {
    for (int32_t done = 1; done < extent; done *= 2) {
      if (covered[dim] >= shape[dim])
        return false;
      for (unsigned d = 0; d < shape.size(); ++d)
        bases.push_back(d == dim ? covered[dim] : 0);
      covered[dim] *= 2;
    }
    return true;
  }
  int32_t left(unsigned dim) const { return shape[dim] / covered[dim]; }

private:
  ArrayRef<int64_t> shape;
  ArrayRef<unsigned> order;
  SmallVector<int32_t> covered;
};
} // namespace

LayoutAttr cameo::kernel::makeBlockedLayout(MLIRContext *context, ArrayRef<int64_t> shape,
                                            ArrayRef<BlockedDim> dims, ArrayRef<unsigned> order) {
  BlockedBuilder builder(shape, order);
  SmallVector<int32_t> registers, lanes, warps;
  for (unsigned dim : order)
    if (!builder.cover(dim, dims[dim].vector, registers))
      return {};
  for (unsigned dim : order)
    if (!builder.cover(dim, dims[dim].lanes, lanes))
      return {};
  for (unsigned dim : order)
    if (!builder.cover(dim, dims[dim].warps, warps))
      return {};
  for (unsigned dim : order)
    builder.cover(dim, builder.left(dim), registers);
  return LayoutAttr::get(context, shape.size(), registers, lanes, warps);
}

Coordinates cameo::kernel::registerCoordinates(LayoutAttr layout, unsigned index) {
  Coordinates result(layout.getRank(), 0);
  for (unsigned bit = 0; bit < layout.getNumRegisterBits(); ++bit)
    if (index >> bit & 1)
      for (auto [coordinate, basis] : llvm::zip_equal(result, layout.getRegister(bit)))
        coordinate ^= basis;
  return result;
}

std::optional<unsigned> cameo::kernel::findRegister(LayoutAttr layout, ArrayRef<int32_t> wanted) {
  for (unsigned index = 0; index < layout.getNumRegisters(); ++index)
    if (ArrayRef<int32_t>(registerCoordinates(layout, index)) == wanted)
      return index;
  return std::nullopt;
}

/// Maps every vector by `sources` (operand dimension -> domain dimension, -1: zero).
static void projectBases(ArrayRef<int32_t> bases, unsigned rank, ArrayRef<int> sources, bool dropZero,
                         SmallVectorImpl<int32_t> &result) {
  for (unsigned first = 0; first < bases.size(); first += rank) {
    SmallVector<int32_t> vector;
    for (int source : sources)
      vector.push_back(source < 0 ? 0 : bases[first + source]);
    if (dropZero && llvm::all_of(vector, [](int32_t entry) { return entry == 0; }))
      continue;
    llvm::append_range(result, vector);
  }
}

static LayoutAttr projectDims(LayoutAttr layout, ArrayRef<int> sources) {
  SmallVector<int32_t> registers, lanes, warps;
  projectBases(layout.getRegisters(), layout.getRank(), sources, /*dropZero=*/true, registers);
  projectBases(layout.getLanes(), layout.getRank(), sources, /*dropZero=*/false, lanes);
  projectBases(layout.getWarps(), layout.getRank(), sources, /*dropZero=*/false, warps);
  return LayoutAttr::get(layout.getContext(), sources.size(), registers, lanes, warps);
}

LayoutAttr cameo::kernel::projectLayout(LayoutAttr domain, AffineMap map) {
  SmallVector<int> sources;
  for (AffineExpr expr : map.getResults()) {
    auto dim = dyn_cast<AffineDimExpr>(expr);
    sources.push_back(dim ? int(dim.getPosition()) : -1);
  }
  if (sources.empty())
    return {};
  return projectDims(domain, sources);
}

LayoutAttr cameo::kernel::dropDims(LayoutAttr layout, ArrayRef<int64_t> dims) {
  SmallVector<int> sources;
  for (unsigned dim = 0; dim < layout.getRank(); ++dim)
    if (!llvm::is_contained(dims, int64_t(dim)))
      sources.push_back(dim);
  if (sources.empty())
    return {};
  return projectDims(layout, sources);
}

uint32_t cameo::kernel::replicaMask(LayoutAttr layout) {
  uint32_t mask = 0;
  auto isZero = [](ArrayRef<int32_t> vector) {
    return llvm::all_of(vector, [](int32_t entry) { return entry == 0; });
  };
  for (unsigned bit = 0; bit < layout.getNumLaneBits(); ++bit)
    mask |= isZero(layout.getLane(bit)) ? 1u << bit : 0;
  for (unsigned bit = 0; bit < layout.getNumWarpBits(); ++bit)
    mask |= isZero(layout.getWarp(bit)) ? 1u << (5 + bit) : 0;
  return mask;
}

bool cameo::kernel::isDisjoint(LayoutAttr layout) {
  SmallVector<int32_t> used(layout.getRank(), 0);
  for (ArrayRef<int32_t> bases : {layout.getRegisters(), layout.getLanes(), layout.getWarps()})
    for (auto [i, entry] : llvm::enumerate(bases)) {
      int32_t &seen = used[i % layout.getRank()];
      if (seen & entry)
        return false;
      seen |= entry;
    }
  return true;
}
