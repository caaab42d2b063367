// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Which schedules a gemm kernel gets, and when each applies. Engines: mma.sync where its table has the
// types (MmaTable.h), else fma at the accumulator's type (casts of operands then happen on the
// way into shared memory). Tiles come from a table; the large one wants to fill the multiprocessors.
// Copies of 16 bytes need pitches and bases of 16 bytes: where that is not certain, a guard and an
// alignment ask for it and a variant with single elements follows.
//
// Sources. 128 x 128 x 16 with 8 x 8 elements a thread and 128 x 128 x 32 with 64 x 32 elements a warp
// (64 x 64 where copies are 16 bytes) are the tiles of CUTLASS's default sm_80 kernels for f32 and f16; 64 x 64 when those leave
// multiprocessors idle. Two stages for fma: with one barrier a step the copies of the next step run under
// the products of this one; three for the large tile of tensor cores, which eat faster than memory delivers,
// (48 KB, so that two blocks fit where a multiprocessor has 100 KB). Where it has more, two stages of twice the
// depth are as far ahead and wait half as often; a fourth stage would spill on 128 threads.
#include "GemmSchedule.h"
#include "IndexAnalysis.h"

#include "cameo/Dialect/Kernel/Layout/MmaTable.h"
#include "cameo/Model/EngineRates.h"

using namespace mlir;
using namespace cameo;
using namespace cameo::kernel;

namespace {

struct GemmTile {
  const char *name;
  int64_t m, n, k, warpRows, warpCols, stages;
};
/// What a row of the table is for: operands that are both copied 16 bytes at a time; the same, but what follows
/// the sums needs registers, too; all else.
enum class GemmUse : uint8_t { Wide, Busy, Single };
struct GemmTiles {
  GemmEngine engine;
  unsigned bytes; ///< of one accumulator element (fma) or factor (mma.sync)
  GemmUse use;
  GemmTile large, small, index64; ///< the last for what needs 64-bit indices
  GemmTile deep = {};             ///< instead of the large one where shared memory has room; m = 0: there is none
};
constexpr GemmTiles gemmTiles[] = {
    {GemmEngine::Fma, 4, GemmUse::Single, {"large", 128, 128, 16, 2, 4, 2}, {"small", 64, 64, 16, 2, 2, 2}, {"small", 64, 64, 16, 2, 2, 2}},
    // Eight-byte elements take two registers each: no large tile.
    {GemmEngine::Fma, 8, GemmUse::Single, {"large", 64, 64, 8, 2, 4, 2}, {"small", 64, 64, 8, 2, 4, 2}, {"small", 64, 64, 8, 2, 4, 2}},
    // 64 x 64 sums a warp halve the loads of fragments per product against 64 x 32; what copies element by
    // element wants more threads instead.
    {GemmEngine::MmaSync, 2, GemmUse::Wide, {"large", 128, 128, 32, 2, 2, 3}, {"small", 64, 64, 64, 2, 2, 2}, {"small", 64, 64, 32, 2, 4, 2},
     {"large", 128, 128, 64, 2, 2, 2}},
    {GemmEngine::MmaSync, 1, GemmUse::Wide, {"large", 128, 128, 64, 2, 2, 3}, {"small", 64, 64, 128, 2, 2, 2}, {"small", 64, 64, 64, 2, 4, 2},
     {"large", 128, 128, 128, 2, 2, 2}},
    {GemmEngine::MmaSync, 1, GemmUse::Busy, {"large", 128, 128, 64, 2, 4, 3}, {"small", 64, 64, 128, 2, 2, 2}, {"small", 64, 64, 64, 2, 4, 2}},
    // 64-bit indices of a gathered operand and 32 x 32 sums a warp spill on 128 threads.
    {GemmEngine::MmaSync, 2, GemmUse::Single, {"large", 128, 128, 32, 2, 4, 2}, {"small", 64, 64, 32, 2, 2, 2}, {"small", 64, 64, 32, 2, 4, 2}},
    {GemmEngine::MmaSync, 1, GemmUse::Single, {"large", 128, 128, 32, 2, 4, 2}, {"small", 64, 64, 32, 2, 4, 2}, {"small", 64, 64, 32, 2, 4, 2}},
    {GemmEngine::Tf32x3, 4, GemmUse::Single, {"large", 128, 128, 16, 2, 4, 3}, {"small", 64, 64, 16, 2, 2, 2}, {"small", 64, 64, 16, 2, 4, 2}},
    {GemmEngine::Tf32, 4, GemmUse::Single, {"large", 128, 128, 16, 2, 4, 3}, {"small", 64, 64, 16, 2, 2, 2}, {"small", 64, 64, 16, 2, 4, 2}},
    {GemmEngine::MmaSync, 8, GemmUse::Single, {"large", 64, 64, 16, 2, 2, 2}, {"small", 32, 32, 16, 2, 2, 2}, {"small", 32, 32, 16, 2, 2, 2}},
};

/// The table's row for what is multiplied: the one for that use, else the one for all else. Null: no engine does
/// that.
const GemmTiles *tilesFor(GemmEngine engine, unsigned bytes, GemmUse use) {
  const GemmTiles *found = nullptr;
  for (const GemmTiles &entry : gemmTiles)
    if (entry.engine == engine && entry.bytes == bytes && (entry.use == use || (!found && entry.use == GemmUse::Single)))
      found = &entry;
  return found;
}

/// Shared memory that the system takes of each block (CUDA C++ Programming Guide 13.0, "Shared Memory").
constexpr int64_t reservedPerBlock = 1024;

unsigned bytesOf(Type element) { return std::max(1u, element.getIntOrFloatBitWidth() / 8); }

/// How one operand gets into shared memory.
struct OperandCopy {
  int64_t single = 0;            ///< bytes of one element's asynchronous copy, 0: load and store
  bool wide = false;             ///< 16 bytes are possible
  SizeExpr guard = SizeExpr(1);  ///< when they are
  std::optional<unsigned> align; ///< the buffer whose base has to be aligned
};

class GemmChooser {
public:
  GemmChooser(GemmSource source, const Target &target) : source(source), kernel(source.kernel), target(target) {}

  FailureOr<std::vector<VariantPlan>> choose() {
    mma = findMma(source.a.element, source.b.element, source.accumulator);
    if (mma && mma->factor == MmaFactor::TF32)
      f32 = chooseF32(target);
    GemmEngine engine = GemmEngine::Fma;
    if (mma && target.capability >= mma->capability && widens(source.a) && widens(source.b))
      engine = mma->factor == MmaFactor::TF32 ? engineOfF32() : GemmEngine::MmaSync;
    if (engine == GemmEngine::Fma)
      mma = nullptr;
    Type element = mma ? source.a.element : source.accumulator;
    OperandCopy a = copyOf(source.a, element, K, M), b = copyOf(source.b, element, K, N);
    GemmUse use = !a.wide || !b.wide ? GemmUse::Single : loadsAfter() ? GemmUse::Busy : GemmUse::Wide;
    const GemmTiles *tiles = tilesFor(engine, bytesOf(element), use);
    const GemmTiles *narrowTiles = tilesFor(engine, bytesOf(element), GemmUse::Single);
    if (!tiles)
      return source.contraction.emitOpError("sums in ") << source.accumulator << ", which no engine does", failure();
    KernelDomain domain{SmallVector<SizeExpr>(source.extents.begin(), source.extents.end())};
    SizeExpr narrow = fitsIndex32(kernel, domain).value_or(SizeExpr(0));

    std::vector<VariantPlan> plans;
    bool wide = a.wide || b.wide;
    SizeExpr aligned = logicalAnd(narrow, logicalAnd(a.guard, b.guard));
    const GemmTile &large = largeOf(*tiles);
    add(plans, tiles->engine, large, "", logicalAnd(aligned, fills(large)), a, b, wide);
    add(plans, tiles->engine, tiles->small, "", aligned, a, b, wide);
    if (wide)
      add(plans, tiles->engine, narrowTiles->small, "_single", narrow, a, b, false);
    bool last = !plans.empty() && plans.back().guard == "1" && plans.back().align.empty();
    if (!last) {
      add(plans, tiles->engine, tiles->index64, "_any", SizeExpr(1), a, b, false);
      plans.back().index64 = true;
    }
    return plans;
  }

private:
  /// Whether the payload does nothing to a factor but widen it, which the matrix engine does, too.
  static bool widens(const GemmOperand &operand) {
    return operand.casts.empty() || (operand.casts.size() == 1 &&
                                     isa<arith::ExtFOp, arith::ExtSIOp, arith::ExtUIOp>(operand.casts.front()));
  }

  /// The engine that the nearest `kernel.f32` asks for: "tf32x3", "tf32", or "auto", the faster of the exact ones on
  /// this target; without, the ordinary cores.
  GemmEngine engineOfF32() {
    for (Operation *scope = kernel; scope; scope = scope->getParentOp())
      if (auto asked = scope->getAttrOfType<StringAttr>("kernel.f32")) {
        StringRef name = asked.getValue() == "auto" ? StringRef(f32->engine) : asked.getValue();
        if (std::optional<GemmEngine> engine = symbolizeGemmEngine(name); engine && engine != GemmEngine::MmaSync)
          return *engine;
      }
    return GemmEngine::Fma;
  }

  /// Bytes of shared memory of one stage. What ldmatrix reads is swizzled, other rows are padded.
  int64_t bytesPerStage(GemmEngine engine, const GemmTile &tile) {
    int64_t bytes = bytesOf(mma ? source.a.element : source.accumulator);
    int64_t padOfRow = engine == GemmEngine::Fma ? 16 : bytes < 4 ? 0 : 32;
    return (tile.m + tile.n) * tile.k * bytes + 2 * tile.k * padOfRow;
  }

  /// How many blocks a multiprocessor holds, by the registers that a thread can have at most and by memory.
  int64_t blocksOf(const GemmTile &tile, int64_t shared) {
    int64_t threads = tile.warpRows * tile.warpCols * 32, registers = (target.maxRegisters + 1) * threads;
    return std::min({target.registersPerSm / registers, target.sharedPerSm / (shared + reservedPerBlock),
                     target.maxThreadsPerSm / threads});
  }

  /// The large tile, deep if shared memory leaves as many blocks as the registers do.
  const GemmTile &largeOf(const GemmTiles &tiles) {
    const GemmTile &deep = tiles.deep;
    int64_t shared = deep.stages * bytesPerStage(tiles.engine, deep);
    bool fits = deep.m && shared <= target.sharedPerBlock && blocksOf(deep, shared) == blocksOf(deep, 0);
    return fits ? deep : tiles.large;
  }

  /// What the plan rests on, for reports and for the tests of it.
  DictionaryAttr predict(const GemmTile &tile, int64_t shared) {
    Builder builder(kernel.getContext());
    NamedAttrList facts;
    facts.append("blocks_per_multiprocessor", builder.getI64IntegerAttr(blocksOf(tile, shared)));
    if (f32) {
      // Clocks of a multiprocessor for 1024 multiply-adds.
      facts.append("faster_exact_f32", builder.getStringAttr(f32->engine));
      facts.append("clocks_fma", builder.getF64FloatAttr(f32->fmaClocks));
      facts.append("clocks_tf32x3", builder.getF64FloatAttr(f32->tf32x3Clocks));
    }
    return facts.getDictionary(kernel.getContext());
  }

  /// Whether what follows the contraction loads as many elements as there are sums, or two vectors: they and the
  /// sums do not fit into the registers of few threads.
  bool loadsAfter() {
    llvm::DenseSet<Value> sums{source.contraction.getResult(0)}, vectors;
    bool tiles = false;
    for (Operation &op : source.kernel.getEntry()) {
      auto generic = dyn_cast<linalg::GenericOp>(op);
      if (!generic || llvm::none_of(generic.getDpsInputs(), [&](Value input) { return sums.contains(input); }))
        continue;
      sums.insert(generic.result_begin(), generic.result_end());
      for (OpOperand *input : generic.getDpsInputOperands()) {
        AffineMap map = generic.getMatchingIndexingMap(input);
        unsigned dims = llvm::count_if(map.getResults(), llvm::IsaPred<AffineDimExpr>);
        if (sums.contains(input->get()))
          continue;
        tiles |= dims == map.getNumDims();
        if (dims > 0)
          vectors.insert(input->get());
      }
    }
    return tiles || vectors.size() > 1;
  }

  /// When the large tile is worth it: it covers no edge twice over, and there are blocks for all
  /// multiprocessors.
  SizeExpr fills(const GemmTile &tile) {
    const auto &e = source.extents;
    SizeExpr blocks = ceilDiv(e[M], SizeExpr(tile.m)) * ceilDiv(e[N], SizeExpr(tile.n)) * e[B0] * e[B1];
    SizeExpr filled = le(SizeExpr(int64_t(target.multiprocessors)), blocks);
    return logicalAnd(filled, logicalAnd(lt(SizeExpr(tile.m / 2), e[M]), lt(SizeExpr(tile.n / 2), e[N])));
  }

  OperandCopy copyOf(GemmOperand operand, Type element, unsigned k, unsigned other) {
    OperandCopy copy;
    bool asIs = operand.casts.empty() || element == operand.element;
    Operation *view = operand.view();
    if (!view || !asIs)
      return copy;
    int64_t bytes = bytesOf(element);
    if (auto computed = dyn_cast<ComputedViewOp>(view)) {
      ReadOp read = computed.getIndexedRead();
      int reads = 0;
      computed.getBody().walk([&](ReadOp) { ++reads; });
      bool zero = read && (!read.getPad() || matchPattern(read.getPad(), m_AnyZeroFloat()) ||
                           matchPattern(read.getPad(), m_Zero()));
      bool copied = zero && reads == 1;
      copy.single = copied && bytes >= 4 ? bytes : 0;
      auto buffer = copied ? dyn_cast<BlockArgument>(read.getBuffer()) : BlockArgument();
      std::optional<SizeExpr> length = buffer && computed.getRuns() ? sizeExprOf(computed.getRuns(), kernel) : std::nullopt;
      if (length && usesRunsAlong(operand, int64_t(*computed.getRunDim()))) {
        copy.wide = true;
        copy.guard = length->divisibleBy(16 / bytes) ? SizeExpr(1) : eq(mod(*length, SizeExpr(16 / bytes)), SizeExpr(0));
        copy.align = buffer.getArgNumber();
      }
      return copy;
    }
    copy.single = bytes >= 4 ? bytes : 0;
    auto strided = cast<StridedViewOp>(view);
    auto buffer = dyn_cast<BlockArgument>(strided.getBuffer());
    int64_t run = 16 / bytes;
    std::optional<unsigned> contiguous = contiguousDim(operand, strided);
    if (!contiguous || !buffer || run == 1)
      return copy;
    SizeExpr guard(1);
    auto require = [&](Value value) {
      std::optional<SizeExpr> expr = sizeExprOf(value, kernel);
      if (!expr)
        return false;
      if (!expr->divisibleBy(run))
        guard = logicalAnd(guard, eq(mod(*expr, SizeExpr(run)), SizeExpr(0)));
      return true;
    };
    // Tiles begin where what is left of k ends; along m and n no copy is half inside.
    bool known = require(strided.getOffset()) && require(strided.getSizes()[*contiguous]);
    for (auto [dim, stride] : llvm::enumerate(strided.getStrides()))
      known = known && (dim == *contiguous || require(stride));
    if (!known || guard.isConstant(0))
      return copy;
    copy.wide = true;
    copy.guard = guard;
    copy.align = buffer.getArgNumber();
    return copy;
  }

  /// The view's dimension that shared memory keeps contiguous, if memory has it contiguous too: fma
  /// reads along m and n, mma.sync either way.
  std::optional<unsigned> contiguousDim(const GemmOperand &operand, StridedViewOp view) {
    unsigned along = operand.tensor == source.a.tensor ? 2 : 3;
    for (unsigned dim : {along, 5 - along})
      if (matchPattern(view.getStrides()[dim], m_One()) && usesRunsAlong(operand, dim))
        return dim;
    return std::nullopt;
  }

  bool usesRunsAlong(const GemmOperand &operand, int64_t dim) {
    bool isDepth = dim == (operand.tensor == source.a.tensor ? 3 : 2);
    return !isDepth || mma;
  }

  void add(std::vector<VariantPlan> &plans, GemmEngine engine, const GemmTile &tile, const char *suffix,
           const SizeExpr &guard, const OperandCopy &a, const OperandCopy &b, bool wide) {
    bool done = !plans.empty() && plans.back().guard == "1" && plans.back().align.empty();
    bool repeated = !plans.empty() && plans.back().guard == guard.str() && StringRef(suffix).empty();
    if (guard.isConstant(0) || done || repeated)
      return;
    VariantPlan plan;
    plan.name = std::string(tile.name) + suffix;
    plan.guard = guard.str();
    const auto &e = source.extents;
    SizeExpr blocks = ceilDiv(e[M], SizeExpr(tile.m)) * ceilDiv(e[N], SizeExpr(tile.n)) * e[B0] * e[B1];
    plan.grid = {blocks.str(), "1", "1"};
    plan.threads = int32_t(tile.warpRows * tile.warpCols * 32);
    plan.predicted = predict(tile, tile.stages * bytesPerStage(engine, tile));
    plan.schedule = GemmAttr::get(kernel.getContext(), {tile.m, tile.n, tile.k}, {tile.warpRows, tile.warpCols},
                                  tile.stages, engine, wide && a.wide ? 16 : a.single, wide && b.wide ? 16 : b.single);
    if (wide) {
      plan.align.assign(kernel.getNumBuffers(), 0);
      for (const OperandCopy *copy : {&a, &b})
        if (copy->wide)
          plan.align[*copy->align] = 16;
    }
    plans.push_back(plan);
  }

  GemmSource source;
  FuncOp kernel;
  const Target &target;
  const MmaInstruction *mma = nullptr; ///< null: fma
  std::optional<F32Choice> f32;        ///< of factors in f32
};

} // namespace

FailureOr<std::vector<VariantPlan>> cameo::kernel::chooseGemmVariants(GemmSource source, const Target &target) {
  return GemmChooser(source, target).choose();
}

LogicalResult cameo::kernel::scheduleGemm(FuncOp kernel, const Target &target) {
  FailureOr<GemmSource> source = analyzeGemm(kernel);
  if (failed(source))
    return failure();
  FailureOr<std::vector<VariantPlan>> plans = chooseGemmVariants(*source, target);
  if (failed(plans))
    return failure();
  for (const VariantPlan &plan : *plans)
    if (failed(buildGemmProgram(addVariant(kernel, plan, target), *source)))
      return failure();
  return success();
}
