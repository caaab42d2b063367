// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// `kernel-stage-gemm`: the skeleton of a contraction. It builds the staged program from the block program
// (never instructions): one role, a ring of two parts, a prologue that fills all slots but one, a loop
// that waits for the oldest slot, starts filling the free one and multiplies, and a tail without copies.
// The wait's barrier stands between the last release of a slot and the copies into it, so that a step
// costs one barrier.
//
// What is left of k by whole tiles comes first: its copy alone tests k, the loop's copies do not. Tiles of
// the prologue past the end of k are zeros: K = 0 needs no case of its own. Rows past the end of m or n
// are copies of the last one, which no result inside depends on.
#include "cameo/Dialect/Kernel/IR/Staged.h"
#include "cameo/Stage/Stage.h"

using namespace mlir;

namespace cameo::kernel {

#define GEN_PASS_DEF_KERNELSTAGEGEMM
#include "cameo/Stage/StagePasses.h.inc"

namespace {

/// One operand of the contraction: what is copied, and how it lies in shared memory.
struct Operand {
  LoadOp load;
  unsigned along, depth; ///< dimensions of the view along m or n, and along k
  bool transposed;       ///< rows of the part are k
  bool rowsFirst;
  int64_t copyBytes;     ///< 0: plain
  SmemType part;
  bool isUnsigned;
};

/// Memory runs along dimension `dim` of the view.
bool runsAlong(Value view, unsigned dim) {
  if (auto computed = view.getDefiningOp<ComputedViewOp>())
    return computed.runsAlong(dim);
  auto strided = view.getDefiningOp<StridedViewOp>();
  return strided && matchPattern(strided.getStrides()[dim], m_One());
}

class GemmSkeleton {
public:
  explicit GemmSkeleton(VariantOp variant)
      : variant(variant), schedule(cast<GemmAttr>(*variant.getSchedule())), builder(variant.getContext()),
        loc(variant.getLoc()) {}

  LogicalResult build() {
    if (failed(findContraction()))
      return failure();
    loc = contraction.getLoc();
    a = describe(0, /*along=*/2, /*depth=*/3, schedule.getCopyA());
    b = describe(1, /*along=*/3, /*depth=*/2, schedule.getCopyB());
    builder.setInsertionPoint(loop);
    auto ringType = RingType::get(builder.getContext(), schedule.getStages(), RingSync::Groups, {a.part, b.part});
    ring = RingAllocOp::create(builder, loc, ringType, IntegerAttr(), IntegerAttr(), IntegerAttr());
    makeRole();
    Value result = multiply();
    moveEpilogue(result);
    return success();
  }

private:
  LogicalResult findContraction() {
    variant.walk([&](linalg::GenericOp generic) {
      if (generic.getNumReductionLoops() == 1)
        contraction = generic;
    });
    loop = contraction ? dyn_cast<scf::ForOp>(contraction->getParentOp()) : scf::ForOp();
    bool shaped = loop && loop.getNumResults() == 1 && contraction.getDpsInputs().size() == 2;
    for (unsigned i = 0; shaped && i < 2; ++i)
      shaped = static_cast<bool>(contraction.getDpsInputOperand(i)->get().getDefiningOp<LoadOp>());
    if (!shaped)
      return variant.emitOpError("is not the block program of a contraction: a loop over k of two loads and a product");
    return success();
  }

  Operand describe(unsigned number, unsigned along, unsigned depth, int64_t copyBytes) {
    Value tile = contraction.getDpsInputOperand(number)->get();
    Operand operand{tile.getDefiningOp<LoadOp>(), along, depth, true, false, copyBytes, {}, false};
    operand.isUnsigned = llvm::any_of(contraction.getRegionInputArgs()[number].getUsers(), llvm::IsaPred<arith::ExtUIOp>);
    Value view = operand.load.getView();
    auto type = cast<RankedTensorType>(tile.getType());
    bool mma = schedule.getEngine() != GemmEngine::Fma;
    if (mma) {
      // ldmatrix reads either way; what memory does not decide stays as it is written.
      bool alongRuns = runsAlong(view, along), depthRuns = runsAlong(view, depth);
      operand.transposed = alongRuns || (!depthRuns && along > depth);
    }
    int64_t rows = type.getDimSize(operand.transposed ? depth : along);
    int64_t cols = type.getDimSize(operand.transposed ? along : depth);
    operand.rowsFirst = operand.copyBytes != 16 && runsAlong(view, operand.transposed ? depth : along) &&
                        !runsAlong(view, operand.transposed ? along : depth);
    int64_t bytes = type.getElementTypeBitWidth() / 8, rowBytes = cols * bytes;
    // What ldmatrix cannot give is read element by element (MmaTable.h): four rows meet the banks 32 bytes apart.
    Placement placement = !mma                  ? Placement::Pad16
                          : bytes == 8 || (bytes == 4 && operand.transposed) ? Placement::Pad32
                          : rowBytes == 32      ? Placement::Sw32
                          : rowBytes == 64      ? Placement::Sw64
                          : rowBytes % 128 == 0 ? Placement::Sw128
                                                : Placement::Pad16;
    operand.part = SmemType::get(builder.getContext(), rows, cols, type.getElementType(), placement);
    return operand;
  }

  void makeRole() {
    auto roles = RolesOp::create(builder, loc);
    roles.getBody().emplaceBlock();
    builder.setInsertionPointToStart(&roles.getBody().front());
    int32_t warps = int32_t(schedule.getWarps()[0] * schedule.getWarps()[1]);
    role = RoleOp::create(builder, loc, builder.getStringAttr("all"), builder.getI32IntegerAttr(warps), IntegerAttr(),
                          UnitAttr(), IntegerAttr(), IntegerAttr());
    role.getBody().emplaceBlock();
    builder.setInsertionPointToStart(&role.getBody().front());
  }

  /// The view with what is left of k instead of its size along k.
  Value remainderOf(Operand &operand) {
    Operation *view = builder.clone(*operand.load.getView().getDefiningOp());
    if (auto strided = dyn_cast<StridedViewOp>(view))
      strided.getSizesMutable()[operand.depth].set(remainder);
    else
      cast<ComputedViewOp>(view).getSizesMutable()[operand.depth].set(remainder);
    return view->getResult(0);
  }

  /// How far k is tested.
  enum class Depth { Remainder, Tested, Inside };

  void copy(Operand &operand, Value slot, unsigned part, Value k, Depth depth) {
    SmallVector<Value> position(operand.load.getOffsets().begin(), operand.load.getOffsets().end());
    position[operand.depth] = k;
    int64_t rows = operand.transposed ? operand.depth : operand.along;
    int64_t cols = operand.transposed ? operand.along : operand.depth;
    bool async = operand.copyBytes != 0;
    Value view = depth == Depth::Remainder ? remainderOf(operand) : operand.load.getView();
    auto copy = CopyAsyncOp::create(
        builder, loc, async ? CopyEngine::CpAsync : CopyEngine::Plain, view, position, slot, part,
        DenseI64ArrayAttr::get(builder.getContext(), {rows, cols}),
        async ? builder.getI32IntegerAttr(int32_t(operand.copyBytes)) : IntegerAttr(), operand.rowsFirst);
    if (!async)
      return;
    if (depth == Depth::Inside)
      operand.transposed ? copy.setRowBound(CopyBound::Inside) : copy.setColBound(CopyBound::Inside);
    if (view.getDefiningOp<ComputedViewOp>() && !runsAlong(view, operand.depth))
      return; // a test of the position is in its read anyway
    if (!operand.transposed)
      copy.setRowBound(CopyBound::Clamp);
    else if (runsAlong(view, operand.along) || operand.copyBytes == operand.part.getElementBytes())
      copy.setColBound(CopyBound::Clamp);
  }

  /// Takes a free slot and starts filling it with the tiles at `k`.
  void fill(Value k, Depth depth) {
    Value slot = AcquireOp::create(builder, loc, slotType(SlotState::Write), ring, Value(), UnitAttr());
    copy(a, slot, 0, k, depth);
    copy(b, slot, 1, k, depth);
    CommitOp::create(builder, loc, slot);
  }

  Value take() { return WaitOp::create(builder, loc, slotType(SlotState::Read), ring, Value(), IntegerAttr()); }

  Value product(Value slot, Value acc) {
    auto op = MmaAsyncOp::create(builder, loc, acc.getType(), slot, Value(), acc, 0, 1, a.transposed, b.transposed,
                                 a.isUnsigned, b.isUnsigned, schedule.getEngine() == GemmEngine::Tf32x3 ? 3 : 1);
    ReleaseOp::create(builder, loc, slot);
    return op;
  }

  Type slotType(SlotState state) {
    return SlotType::get(builder.getContext(), state, cast<RingType>(ring.getType()));
  }
  AccType accType(AccState state) {
    Engine engine = schedule.getEngine() == GemmEngine::Fma ? Engine::Fma : Engine::Mma;
    Type element = cast<RankedTensorType>(loop.getResult(0).getType()).getElementType();
    bool bytes = engine == Engine::Mma && a.part.getElementBytes() == 1;
    return AccType::get(builder.getContext(), schedule.getTile()[0], schedule.getTile()[1], element, engine,
                        schedule.getWarps()[0], schedule.getWarps()[1],
                        pairing(bytes && a.transposed, bytes && b.transposed), state);
  }
  Value constant(int64_t value) { return arith::ConstantIndexOp::create(builder, loc, value); }

  Value multiply() {
    int64_t ahead = schedule.getStages() - 1, step = schedule.getTile()[2];
    Value acc = AccEmptyOp::create(builder, loc, accType(AccState::Inflight));
    Value end = loop.getUpperBound();
    // K - (K - 1) / step * step, which is 0 for K = 0.
    Value whole = arith::DivSIOp::create(builder, loc, arith::SubIOp::create(builder, loc, end, constant(1)), constant(step));
    remainder = arith::SubIOp::create(builder, loc, end, arith::MulIOp::create(builder, loc, whole, constant(step)));
    auto after = [&](int64_t tiles) { return builder.createOrFold<arith::AddIOp>(loc, remainder, constant(tiles * step)); };
    fill(constant(0), Depth::Remainder);
    for (int64_t i = 1; i < ahead; ++i)
      fill(after(i - 1), Depth::Tested);
    auto main = scf::ForOp::create(builder, loc, after(ahead - 1), end, constant(step), acc);
    {
      OpBuilder::InsertionGuard guard(builder);
      builder.setInsertionPointToStart(main.getBody());
      Value slot = take();
      fill(main.getInductionVar(), Depth::Inside);
      scf::YieldOp::create(builder, loc, product(slot, main.getRegionIterArg(0)));
    }
    acc = main.getResult(0);
    for (int64_t i = 0; i < ahead; ++i)
      acc = product(take(), acc);
    acc = MmaWaitOp::create(builder, loc, accType(AccState::Ready), acc, IntegerAttr(), IntegerAttr());
    return AccReadOp::create(builder, loc, loop.getResult(0).getType(), acc, LayoutAttr());
  }

  /// Everything behind the loop now works on what acc_read gives, inside the role.
  void moveEpilogue(Value result) {
    Block *from = loop->getBlock(), *to = &role.getBody().front();
    auto first = std::next(loop->getIterator());
    to->getOperations().splice(to->end(), from->getOperations(), first, std::prev(from->end()));
    loop.getResult(0).replaceAllUsesWith(result);
    Value init = loop.getInitArgs()[0];
    loop.erase();
    while (Operation *maker = init.getDefiningOp()) {
      if (!maker->use_empty() || !isa<linalg::FillOp, tensor::EmptyOp>(maker))
        break;
      init = isa<linalg::FillOp>(maker) ? cast<linalg::FillOp>(maker).getOutputs()[0] : Value();
      maker->erase();
      if (!init)
        break;
    }
  }

  VariantOp variant;
  GemmAttr schedule;
  OpBuilder builder;
  Location loc;
  linalg::GenericOp contraction;
  scf::ForOp loop;
  Operand a, b;
  Value ring, remainder; ///< of k
  RoleOp role;
};

struct StageGemmPass : impl::KernelStageGemmBase<StageGemmPass> {
  void runOnOperation() override {
    bool ok = true;
    getOperation().walk([&](VariantOp variant) {
      if (isa_and_nonnull<GemmAttr>(variant.getSchedule().value_or(Attribute())) && variant.getOps<RolesOp>().empty())
        ok &= succeeded(stageGemm(variant));
    });
    if (!ok)
      signalPassFailure();
  }
};

} // namespace

LogicalResult stageGemm(VariantOp variant) { return GemmSkeleton(variant).build(); }

} // namespace cameo::kernel
