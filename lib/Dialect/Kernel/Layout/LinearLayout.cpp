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

//===- Runs of elements ---------------------------------------------------------------------===//

using Basis = SmallVector<int32_t, 4>;

static SmallVector<Basis> basesOf(ArrayRef<int32_t> flat, unsigned rank) {
  SmallVector<Basis> bases;
  for (; !flat.empty(); flat = flat.drop_front(rank))
    bases.emplace_back(flat.take_front(rank));
  return bases;
}

static SmallVector<int32_t> flattened(ArrayRef<Basis> bases) {
  SmallVector<int32_t> flat;
  for (const Basis &basis : bases)
    llvm::append_range(flat, basis);
  return flat;
}

static Basis unitVector(unsigned rank, unsigned dim, int64_t entry) {
  Basis basis(rank, 0);
  basis[dim] = int32_t(entry);
  return basis;
}

int64_t cameo::kernel::runAlong(LayoutAttr layout, unsigned dim, bool withLanes) {
  SmallVector<Basis> registers = basesOf(layout.getRegisters(), layout.getRank());
  SmallVector<Basis> lanes = basesOf(layout.getLanes(), layout.getRank());
  int64_t run = 1;
  while (llvm::is_contained(registers, unitVector(layout.getRank(), dim, run)))
    run *= 2;
  while (withLanes && llvm::is_contained(lanes, unitVector(layout.getRank(), dim, run)))
    run *= 2;
  return run;
}

LayoutAttr cameo::kernel::withRunsAlong(LayoutAttr layout, unsigned dim, int64_t count) {
  unsigned rank = layout.getRank();
  if (replicaMask(layout) != 0)
    return {};
  SmallVector<Basis> run, rest, registers = basesOf(layout.getRegisters(), rank), lanes = basesOf(layout.getLanes(), rank);
  for (int64_t entry = 1; entry < count; entry *= 2)
    run.push_back(unitVector(rank, dim, entry));
  for (const Basis &basis : registers)
    if (!llvm::is_contained(run, basis))
      rest.push_back(basis);
  auto isAlong = [&](const Basis &basis) { return basis == unitVector(rank, dim, basis[dim]); };
  for (const Basis &wanted : run) {
    if (llvm::is_contained(registers, wanted))
      continue;
    Basis *lane = llvm::find(lanes, wanted), *given = llvm::find_if(rest, isAlong);
    if (given == rest.end())
      given = rest.begin();
    if (lane == lanes.end() || given == rest.end())
      return {};
    *lane = *given;
    rest.erase(given);
  }
  llvm::append_range(run, rest);
  return LayoutAttr::get(layout.getContext(), rank, flattened(run), flattened(lanes), layout.getWarps());
}

std::optional<SmallVector<LaneSwap>> cameo::kernel::laneSwaps(LayoutAttr from, LayoutAttr to) {
  unsigned rank = from.getRank();
  bool alike = to.getRank() == rank && from.getWarps() == to.getWarps() && from.getLanes().size() == to.getLanes().size() &&
               from.getRegisters().size() == to.getRegisters().size();
  if (!alike || replicaMask(from) != 0 || !isDisjoint(from))
    return std::nullopt;
  SmallVector<Basis> registers = basesOf(from.getRegisters(), rank);
  SmallVector<LaneSwap> swaps;
  for (unsigned bit = 0; bit < from.getNumLaneBits(); ++bit) {
    if (from.getLane(bit) == to.getLane(bit))
      continue;
    Basis *reg = llvm::find(registers, Basis(to.getLane(bit)));
    if (reg == registers.end())
      return std::nullopt;
    swaps.push_back({unsigned(reg - registers.begin()), bit});
  }
  // Disjoint vectors of the same number: the same set if each is found.
  SmallVector<Basis> after = basesOf(swapped(from, swaps).getRegisters(), rank);
  for (const Basis &wanted : basesOf(to.getRegisters(), rank))
    if (!llvm::is_contained(after, wanted))
      return std::nullopt;
  return swaps;
}

LayoutAttr cameo::kernel::swapped(LayoutAttr layout, ArrayRef<LaneSwap> swaps) {
  SmallVector<Basis> registers = basesOf(layout.getRegisters(), layout.getRank());
  SmallVector<Basis> lanes = basesOf(layout.getLanes(), layout.getRank());
  for (LaneSwap swap : swaps)
    std::swap(registers[swap.reg], lanes[swap.lane]);
  return LayoutAttr::get(layout.getContext(), layout.getRank(), flattened(registers), flattened(lanes), layout.getWarps());
}
