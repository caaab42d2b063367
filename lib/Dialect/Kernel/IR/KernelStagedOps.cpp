// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Verifiers of the staged ops. What one op can know (its types, its target, its role's warps) is
// checked at the op; what depends on the order of execution is checked once per role, by the walk.
#include "cameo/Dialect/Kernel/IR/Staged.h"
#include "cameo/Dialect/Kernel/Layout/MmaTable.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace cameo::kernel {

const Target &targetOf(Operation *op) {
  for (Operation *scope = op; scope; scope = scope->getParentOp())
    if (auto name = scope->getAttrOfType<StringAttr>(targetAttrName))
      if (const Target *target = findTarget(name.getValue()))
        return *target;
  return portableTarget();
}

//===----------------------------------------------------------------------===//
// Roles
//===----------------------------------------------------------------------===//

LogicalResult RolesOp::verifyRegions() {
  struct Users {
    SmallVector<RoleOp, 2> fill, read;
  };
  llvm::MapVector<Value, Users> rings;
  auto note = [](SmallVector<RoleOp, 2> &roles, RoleOp role) {
    if (!llvm::is_contained(roles, role))
      roles.push_back(role);
  };
  for (Operation &op : getBody().front()) {
    auto role = dyn_cast<RoleOp>(op);
    if (!role)
      return op.emitOpError("only kernel.role may stand directly in kernel.roles");
    role.walk([&](AcquireOp acquire) { note(rings[acquire.getRing()].fill, role); });
    role.walk([&](WaitOp wait) { note(rings[wait.getRing()].read, role); });
  }
  if (getBody().front().empty())
    return emitOpError("needs at least one role");
  for (auto &[ring, users] : rings) {
    if (users.fill.size() != 1)
      return emitOpError("a ring is filled by exactly one role, this one by ")
             << users.fill.size() << ": " << ring.getType();
    if (users.read.empty())
      return emitOpError("a ring is filled that no role reads: ") << ring.getType();
    bool groups = cast<RingType>(ring.getType()).getSync() == RingSync::Groups;
    if (groups && (users.read.size() != 1 || users.read[0] != users.fill[0]))
      return emitOpError("a ring of groups is filled and read by the same role: ") << ring.getType();
  }
  return success();
}

LogicalResult RoleOp::verify() {
  if (static_cast<int32_t>(getWarps()) < 1)
    return emitOpError("needs at least one warp");
  if (!getRegs())
    return success();
  if (getWarps() % 4 != 0)
    return emitOpError("registers are given and taken by whole warpgroups, not by ")
           << getWarps() << " warps";
  if (*getRegs() < 24 || *getRegs() > 256 || *getRegs() % 8 != 0)
    return emitOpError("registers per thread are a multiple of 8 from 24 to 256, not ") << *getRegs();
  return success();
}

LogicalResult RoleOp::verifyRegions() { return success(succeeded(walkRole(*this))); }

//===----------------------------------------------------------------------===//
// Rings
//===----------------------------------------------------------------------===//

LogicalResult RingAllocOp::verify() {
  const Target &target = targetOf(*this);
  if (getRing().getType().getSync() == RingSync::Tx && !target.bulkTensor)
    return emitOpError("transaction barriers need sm_90 or newer, the target is ") << target.name;
  return success();
}

LogicalResult CursorOp::verify() {
  if (getCursor().getType().getDepth() != getRing().getType().getDepth())
    return emitOpError("the cursor's depth is not the ring's");
  if (getCursor().getType().getStep() != getRing().getType().getCursorStep())
    return emitOpError("a cursor of this ring grows by ") << getRing().getType().getCursorStep();
  return success();
}

SmemType CopyAsyncOp::getPartType() { return getSlot().getType().getRing().getParts()[getPart()]; }

int64_t CopyAsyncOp::getCopyBytes() { return getBytes().value_or(16); }

std::pair<int64_t, int64_t> CopyAsyncOp::getRowAndColumnDim() {
  if (auto dims = getDims())
    return {(*dims)[0], (*dims)[1]};
  auto rank = cast<RankedTensorType>(getSource().getType()).getRank();
  return {rank - 2, rank - 1};
}

LogicalResult TensorMapOp::verify() {
  auto view = cast<RankedTensorType>(getView().getType());
  if (view.getRank() != 2 || view.getElementType() != getMap().getType().getBox().getElementType())
    return emitOpError("maps a view of two dimensions of the box's elements, not ") << view;
  return success();
}

static LogicalResult verifyBulk(CopyAsyncOp op) {
  const Target &target = targetOf(op);
  if (!target.bulkTensor)
    return op.emitOpError("bulk copies need sm_90 or newer, the target is ") << target.name;
  auto map = dyn_cast<TmapType>(op.getSource().getType());
  if (!map)
    return op.emitOpError("a bulk copy reads through a tensor map, not ") << op.getSource().getType();
  if (map.getBox() != op.getPartType())
    return op.emitOpError("the tensor map's box ") << map.getBox() << " is not the slot's part "
                                                   << op.getPartType();
  if (op.getIndices().size() != 2)
    return op.emitOpError("a bulk copy has two indices");
  return success();
}

static LogicalResult verifyViewCopy(CopyAsyncOp op) {
  auto view = dyn_cast<RankedTensorType>(op.getSource().getType());
  if (!view || view.getRank() < 2)
    return op.emitOpError("copies from a view of at least two dimensions, not ")
           << op.getSource().getType();
  SmemType part = op.getPartType();
  if (view.getElementType() != part.getElementType())
    return op.emitOpError("the view's elements are not the part's: ")
           << view.getElementType() << " and " << part.getElementType();
  if (int64_t(op.getIndices().size()) != view.getRank())
    return op.emitOpError("needs one index per dimension of the view");
  if (auto dims = op.getDims())
    if (dims->size() != 2 || (*dims)[0] == (*dims)[1] ||
        llvm::any_of(*dims, [&](int64_t d) { return d < 0 || d >= view.getRank(); }))
      return op.emitOpError("dims are two different dimensions of the view");
  if (op.getEngine() == CopyEngine::Plain)
    return success();
  int64_t bytes = op.getCopyBytes();
  if ((bytes != 4 && bytes != 8 && bytes != 16) || bytes % part.getElementBytes() != 0)
    return op.emitOpError("cp_async copies 4, 8 or 16 bytes of whole elements, not ") << bytes;
  return success();
}

LogicalResult CopyAsyncOp::verify() {
  RingType ring = getSlot().getType().getRing();
  if (getPart() >= ring.getParts().size())
    return emitOpError("the slot has ") << ring.getParts().size() << " parts, not part " << getPart();
  bool bulk = getEngine() == CopyEngine::Bulk;
  if (getEngine() != CopyEngine::CpAsync && (getRowBound() != CopyBound::Zero || getColBound() != CopyBound::Zero))
    return emitOpError("bounds are what cp_async copies choose, not ") << stringifyCopyEngine(getEngine());
  if (bulk != (ring.getSync() == RingSync::Tx))
    return emitOpError() << stringifyCopyEngine(getEngine()) << " copies do not signal a ring of '"
                         << keyword(ring.getSync()) << "'";
  return bulk ? verifyBulk(*this) : verifyViewCopy(*this);
}

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

/// The engine exists on the target, and the accumulator is spread over the role's warps.
static LogicalResult verifySpread(Operation *op, AccType acc) {
  const Target &target = targetOf(op);
  if (acc.getEngine() == Engine::Wgmma && !target.wgmma)
    return op->emitOpError("wgmma is not on the target ") << target.name;
  int64_t warps = op->getParentOfType<RoleOp>().getWarps();
  if (acc.getWarps() != warps)
    return op->emitOpError("the accumulator is spread over ")
           << acc.getWarps() << " warps, but the role has " << warps;
  return success();
}

LogicalResult AccEmptyOp::verify() {
  AccType acc = getAcc().getType();
  AccState fresh = acc.getEngine() == Engine::Wgmma ? AccState::Empty : AccState::Inflight;
  if (acc.getState() != fresh)
    return emitOpError("a fresh accumulator of ")
           << keyword(acc.getEngine()) << " is '" << keyword(fresh) << "'";
  return verifySpread(*this, acc);
}

SmallVector<Value, 2> MmaAsyncOp::getSlots() {
  SmallVector<Value, 2> slots;
  if (isa<SlotType>(getA().getType()))
    slots.push_back(getA());
  if (getB())
    slots.push_back(getB());
  return slots;
}

static SmemType partOf(Type slot, uint64_t part) {
  auto type = dyn_cast<SlotType>(slot);
  if (!type || part >= type.getRing().getParts().size())
    return {};
  return type.getRing().getParts()[part];
}

SmemType MmaAsyncOp::getPartTypeA() { return partOf(getA().getType(), getPartA()); }
SmemType MmaAsyncOp::getPartTypeB() {
  return partOf(getB() ? getB().getType() : getA().getType(), getPartB());
}
int64_t MmaAsyncOp::getK() {
  SmemType b = getPartTypeB();
  return getTransB() ? b.getRows() : b.getCols();
}

static bool isHalf(Type type) { return type.isF16() || type.isBF16(); }

/// What one engine asks of a part in shared memory.
static LogicalResult verifyPart(MmaAsyncOp op, SmemType part, bool transposed, StringRef name) {
  AccType acc = op.getAcc().getType();
  Type element = part.getElementType();
  switch (acc.getEngine()) {
  case Engine::Fma:
    if (element != acc.getElementType())
      return op.emitOpError() << name << " has elements " << element << ", fma multiplies "
                              << acc.getElementType();
    if (!transposed || part.getSwizzleBits())
      return op.emitOpError() << name << " has to lie as unswizzled rows of k for fma";
    return success();
  case Engine::Mma: // more of both parts together: verifyMma
    if (fragmentMap(name == "B", part.getElementBytes(), transposed).load == FragmentLoad::Elements && part.getSwizzleBits())
      return op.emitOpError() << name << " is read element by element and has to lie in padded rows, not in "
                              << keyword(part.getPlacement());
    return success();
  case Engine::Wgmma:
    if (!isHalf(element) || part.getPlacement() != Placement::Sw128 || part.getPanels() != 1)
      return op.emitOpError() << name << " has to be f16 or bf16 in one panel of sw128 for wgmma";
    break;
  }
  if (op.getK() % 16 != 0)
    return op.emitOpError("k of one step is a multiple of 16, not ") << op.getK();
  return success();
}

/// The two parts of mma.sync fit an instruction of the table, and the accumulator their layout.
static LogicalResult verifyMma(MmaAsyncOp op, Type a, Type b) {
  AccType acc = op.getAcc().getType();
  const Target &target = targetOf(op);
  const MmaInstruction *mma = findMma(a, b, acc.getElementType());
  if (!mma)
    return op.emitOpError("no mma.sync multiplies ") << a << " by " << b << " into " << acc.getElementType();
  if (target.capability < mma->capability)
    return op.emitOpError("mma.sync of ") << a << " is not on the target " << target.name;
  if (op.getK() % mma->k != 0)
    return op.emitOpError("k of one step is a multiple of ") << int(mma->k) << ", not " << op.getK();
  if ((op.getUnsignedA() && !a.isInteger()) || (op.getUnsignedB() && !b.isInteger()))
    return op.emitOpError("only integers are unsigned");
  if (op.getProducts() != 1 && (mma->factor != MmaFactor::TF32 || op.getProducts() != 3))
    return op.emitOpError("factors of f32 are one product or three, all others one");
  bool bytes = mma->k == 32;
  Pairing expected = pairing(bytes && op.getTransA(), bytes && op.getTransB());
  if (acc.getPairing() != expected)
    return op.emitOpError("the accumulator has to be '") << keyword(expected) << "', as its operands lie";
  return success();
}

LogicalResult MmaAsyncOp::verify() {
  AccType acc = getAcc().getType();
  if (acc.getState() == AccState::Ready)
    return emitOpError("adds to an accumulator that is already waited for; use acc_write");
  if (getResult().getType() != acc.withState(AccState::Inflight))
    return emitOpError("the result is the same accumulator in flight, to be waited for: ")
           << acc.withState(AccState::Inflight);
  if (!getB() && !isa<SlotType>(getA().getType()))
    return emitOpError("B needs a slot where A is in registers");
  SmemType a = getPartTypeA(), b = getPartTypeB();
  if (!b || (!a && isa<SlotType>(getA().getType())))
    return emitOpError("names a part that the slot does not have");
  int64_t n = getTransB() ? b.getCols() : b.getRows();
  int64_t m = acc.getRows(), ka = getK();
  if (a) {
    m = getTransA() ? a.getCols() : a.getRows();
    ka = getTransA() ? a.getRows() : a.getCols();
  } else {
    auto tile = cast<RankedTensorType>(getA().getType());
    if (tile.getRank() < 2)
      return emitOpError("A in registers needs two dimensions");
    m = tile.getDimSize(tile.getRank() - 2);
    ka = tile.getDimSize(tile.getRank() - 1);
  }
  if (m != acc.getRows() || n != acc.getCols() || ka != getK())
    return emitOpError("the tiles do not fit: ") << m << "x" << ka << " times " << getK() << "x" << n
                                                 << " into " << acc.getRows() << "x" << acc.getCols();
  if (a && failed(verifyPart(*this, a, getTransA(), "A")))
    return failure();
  if (failed(verifyPart(*this, b, getTransB(), "B")))
    return failure();
  Type elementA = a ? a.getElementType() : cast<RankedTensorType>(getA().getType()).getElementType();
  if (acc.getEngine() == Engine::Mma && failed(verifyMma(*this, elementA, b.getElementType())))
    return failure();
  if (acc.getEngine() != Engine::Mma && (getUnsignedA() || getUnsignedB()))
    return emitOpError("only mma knows unsigned operands");
  return verifySpread(*this, acc);
}

LogicalResult MmaWaitOp::verify() {
  AccType acc = getAcc().getType();
  if (acc.getState() != AccState::Inflight)
    return emitOpError("waits for an accumulator that is not in flight");
  if (getKeep() && *getKeep() == 0)
    return emitOpError("keep = 0 is written without keep");
  AccState state = getKeep() ? AccState::Inflight : AccState::Ready;
  if (getResult().getType() != acc.withState(state))
    return emitOpError("the result is the same accumulator, '") << keyword(state) << "'";
  return success();
}

/// Rows and columns behind any number of unit dimensions.
static LogicalResult verifyTile(Operation *op, Type tile, AccType acc) {
  auto type = cast<RankedTensorType>(tile);
  ArrayRef<int64_t> shape = type.getShape();
  bool fits = shape.size() >= 2 && shape.take_back(2)[0] == acc.getRows() &&
              shape.back() == acc.getCols() &&
              llvm::all_of(shape.drop_back(2), [](int64_t size) { return size == 1; });
  if (!fits || type.getElementType() != acc.getElementType())
    return op->emitOpError("the tensor ") << tile << " does not hold the accumulator's "
                                          << acc.getRows() << "x" << acc.getCols() << "x"
                                          << acc.getElementType();
  return success();
}

LogicalResult AccReadOp::verify() {
  if (getAcc().getType().getState() != AccState::Ready)
    return emitOpError("reads an accumulator that is '")
           << keyword(getAcc().getType().getState()) << "'; wait for it first";
  return verifyTile(*this, getResult().getType(), getAcc().getType());
}

LogicalResult AccWriteOp::verify() {
  if (getAcc().getType().getState() != AccState::Inflight)
    return emitOpError("the accumulator is 'inflight', so that products may be added");
  if (failed(verifyTile(*this, getValue().getType(), getAcc().getType())))
    return failure();
  return verifySpread(*this, getAcc().getType());
}

//===----------------------------------------------------------------------===//
// Masks, schedule
//===----------------------------------------------------------------------===//

LogicalResult MaskOp::verify() {
  auto type = cast<RankedTensorType>(getSource().getType());
  if (type.getRank() < 2 || getOtherwise().getType() != type.getElementType())
    return emitOpError("replaces elements of a tile of at least two dimensions by one of their type");
  if (getPredicate() != "causal" && getPredicate() != "in_bounds")
    return emitOpError("knows the predicates causal and in_bounds, not ") << getPredicate();
  size_t expected = getPredicate() == "causal" ? 2 : 3;
  if (getIndices().size() != expected)
    return emitOpError() << getPredicate() << " takes " << expected << " indices";
  return success();
}

LogicalResult GemmAttr::verify(function_ref<InFlightDiagnostic()> emitError, ArrayRef<int64_t> tile,
                               ArrayRef<int64_t> warps, int64_t stages, GemmEngine, int64_t copyA,
                               int64_t copyB) {
  if (tile.size() != 3 || warps.size() != 2)
    return emitError() << "tile is m, n, k and warps is a grid of two";
  for (int64_t size : {tile[0], tile[1], tile[2], warps[0], warps[1]})
    if (size < 1 || !llvm::isPowerOf2_64(size))
      return emitError() << "tile and warps are powers of two, not " << size;
  if (stages < 2)
    return emitError() << "at least two stages";
  for (int64_t bytes : {copyA, copyB})
    if (bytes != 0 && bytes != 4 && bytes != 8 && bytes != 16)
      return emitError() << "a copy has 0, 4, 8 or 16 bytes, not " << bytes;
  return success();
}

StringRef GemmAttr::getFamily() const { return "gemm"; }

LogicalResult GemmAttr::verifyOnTarget(const Target &target, int32_t threads,
                                       function_ref<InFlightDiagnostic()> emitError) const {
  if (threads != getWarps()[0] * getWarps()[1] * 32)
    return emitError() << "the warp grid needs " << getWarps()[0] * getWarps()[1] * 32 << " threads";
  if (threads > target.maxThreads)
    return emitError() << threads << " threads, but " << target.name << " has " << target.maxThreads;
  return success();
}

//===----------------------------------------------------------------------===//
// Fragments
//===----------------------------------------------------------------------===//

namespace {
/// Collects basis vectors (row, column) and writes them behind the unit dimensions of a tile.
struct Basis {
  unsigned rank;
  SmallVector<int32_t> vectors;

  void add(int64_t row, int64_t col) {
    vectors.append(rank, 0);
    vectors[vectors.size() - 2] = row;
    vectors[vectors.size() - 1] = col;
  }
  void rows(int64_t from, int64_t to) {
    for (int64_t row = from; row < to; row *= 2)
      add(row, 0);
  }
  void cols(int64_t from, int64_t to) {
    for (int64_t col = from; col < to; col *= 2)
      add(0, col);
  }
};
} // namespace

// The m16n8 fragment: lane 5, register 3 holds row 1 + 8, column 2 + 1 of its 16 x 8 block. For fma a
// lane holds vectors of 16 bytes along both dimensions: lane 5 of an f32 accumulator with 8 x 4 lanes
// starts at row 4, column 4.
LayoutAttr fragmentLayout(AccType acc, unsigned rank) {
  int64_t warpTileRows = acc.getRows() / acc.getWarpRows();
  int64_t warpTileCols = acc.getCols() / acc.getWarpCols();
  Basis registers{rank, {}}, lanes{rank, {}}, warps{rank, {}};
  if (acc.getEngine() == Engine::Fma) {
    FmaShape shape = fmaShape(acc);
    registers.cols(1, shape.vector);
    registers.cols(shape.vector * shape.laneCols, warpTileCols);
    registers.rows(1, shape.vector);
    registers.rows(shape.vector * shape.laneRows, warpTileRows);
    lanes.cols(shape.vector, shape.vector * shape.laneCols);
    lanes.rows(shape.vector, shape.vector * shape.laneRows);
  } else {
    // Of 16 rows or columns that are paired, the even ones are the first half of a fragment.
    bool rows = pairsRows(acc.getPairing()), cols = pairsCols(acc.getPairing());
    registers.add(0, cols ? 2 : 1);
    registers.add(rows ? 1 : 8, 0);
    if (cols)
      registers.add(0, 1);
    registers.cols(cols ? 16 : 8, warpTileCols);
    registers.rows(16, warpTileRows);
    lanes.cols(cols ? 4 : 2, cols ? 16 : 8);
    lanes.rows(rows ? 2 : 1, rows ? 16 : 8);
  }
  warps.cols(warpTileCols, acc.getCols());
  warps.rows(warpTileRows, acc.getRows());
  return LayoutAttr::get(acc.getContext(), rank, registers.vectors, lanes.vectors, warps.vectors);
}

LayoutAttr operandLayout(MmaAsyncOp product) {
  auto tile = dyn_cast<RankedTensorType>(product.getA().getType());
  AccType acc = product.getAcc().getType();
  if (!tile || acc.getEngine() != Engine::Mma || acc.getWarpCols() != 1 || !isHalf(tile.getElementType()))
    return {};
  auto sums = AccType::get(acc.getContext(), acc.getRows(), product.getK(), acc.getElementType(), Engine::Mma,
                           acc.getWarpRows(), 1, Pairing::None, acc.getState());
  return fragmentLayout(sums, tile.getRank());
}

FmaShape fmaShape(AccType acc) {
  int64_t vector = 128 / acc.getElementType().getIntOrFloatBitWidth();
  int64_t rowVectors = acc.getRows() / acc.getWarpRows() / vector;
  int64_t laneRows = std::min<int64_t>(8, rowVectors);
  return {vector, laneRows, 32 / laneRows};
}

} // namespace cameo::kernel
