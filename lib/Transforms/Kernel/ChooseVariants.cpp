// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Which schedules a kernel of a SIMT family gets, and when each applies. All figures stand in the
// tables here; a performance model will replace the tables, not the callers. 64-bit index arithmetic
// costs registers and time, so that it is left to a last variant without condition.
//
// Sources. Threads and elements a thread: 16-byte accesses and 4 elements a thread keep 32 KB in flight
// per multiprocessor at 2048 threads, the amount that saturates its memory path (QuACK's notes on
// memory-bound kernels, 2025). Rows: a warp a row up to 128 columns, since a shuffle needs no barrier; a
// block a row up to what 16 registers a thread hold of it, so that the row is read once; loops beyond.
// Column mode: neighbouring threads on neighbouring rows, when memory runs that way or rows are short.
#include "IndexAnalysis.h"

using namespace mlir;
using namespace cameo;
using namespace cameo::kernel;

bool cameo::kernel::isSimtFamily(StringRef family) {
  return family == "pointwise" || family == "reduce" || family == "serial";
}

namespace {

struct RowSchedule {
  int64_t longest; ///< columns up to which it applies, 0: any
  int32_t rows, columns, lanes, threads;
  bool whole;
};
constexpr RowSchedule rowSchedules[] = {
    {128, 8, 128, 32, 256, true},     // a warp a row, four registers
    {1024, 1, 1024, 256, 256, true},  // a block a row, four registers
    {8192, 1, 8192, 512, 512, true},  // a block a row, sixteen registers
    {0, 1, 2048, 512, 512, false},    // chunks
};
/// Rows shorter than this gain nothing from lanes along them.
constexpr int64_t shortRow = 32;
constexpr RowSchedule columnSchedule = {0, 128, 4, 1, 128, false};
constexpr int32_t pointwiseThreads = 256, pointwiseElements = 4, serialThreads = 128;
/// An element of more operations than this (a bicubic resize has five hundred) fills the registers alone.
constexpr unsigned heavyElement = 160;

unsigned bytesOf(Type element) { return std::max(1u, element.getIntOrFloatBitWidth() / 8); }

class Chooser {
public:
  Chooser(FuncOp kernel, const KernelDomain &domain) : kernel(kernel), context(kernel.getContext()), domain(domain) {
    if (std::optional<SizeExpr> fits = fitsIndex32(kernel, domain))
      narrow = *fits;
  }

  std::vector<VariantPlan> pointwise() {
    std::vector<VariantPlan> plans;
    int32_t vector = 1, elements = operationsPerElement() > heavyElement ? 1 : pointwiseElements;
    std::vector<int32_t> align = alignments(vector);
    if (vector > 1 && elements > 1 && !never())
      plans.push_back(flat("wide", narrow, std::max(vector, elements), vector, align));
    if (!never())
      plans.push_back(flat("narrow", narrow, elements, 1, {}));
    plans.push_back(flat("any", SizeExpr(1), elements, 1, {}));
    plans.back().index64 = true;
    return plans;
  }

  std::vector<VariantPlan> reduce() {
    std::vector<VariantPlan> plans;
    SizeExpr columns = domain.sizes[1];
    std::optional<int64_t> fixed = columns.asConstant();
    if (never()) {
      plans.push_back(rows("any", SizeExpr(1), memoryRunsAlongRows() ? rowSchedules[3] : columnSchedule));
    } else if (!memoryRunsAlongRows() || (fixed && *fixed <= shortRow)) {
      plans.push_back(rows("columns", narrow, columnSchedule));
      plans.push_back(rows("any", SizeExpr(1), columnSchedule));
    } else {
      auto upTo = [&](int64_t longest) { return logicalAnd(narrow, le(columns, SizeExpr(longest))); };
      const RowSchedule &warp = rowSchedules[0], &block = rowSchedules[heavy() ? 1 : 2];
      plans.push_back(rows("short", upTo(shortRow), columnSchedule));
      plans.push_back(rows("warp", upTo(warp.longest), warp));
      plans.push_back(rows("block", upTo(block.longest), block));
      plans.push_back(rows("any", SizeExpr(1), rowSchedules[3]));
    }
    plans.back().index64 = true;
    return plans;
  }

  std::vector<VariantPlan> serial() {
    std::vector<VariantPlan> plans;
    auto plan = [&](const char *name, const SizeExpr &guard) {
      plans.push_back(base(name, guard, serialThreads, serialThreads));
      plans.back().schedule = SerialAttr::get(context, serialThreads);
    };
    if (!never())
      plan("narrow", narrow);
    plan("any", SizeExpr(1));
    plans.back().index64 = true;
    return plans;
  }

private:
  bool never() const { return narrow.isConstant(0); }
  VariantPlan base(const char *name, const SizeExpr &guard, int64_t rowsPerBlock, int32_t threads) {
    VariantPlan plan;
    plan.name = name;
    plan.guard = guard.str();
    plan.grid = {ceilDiv(domain.sizes[0], SizeExpr(rowsPerBlock)).str(), "1", "1"};
    plan.threads = threads;
    return plan;
  }

  VariantPlan flat(const char *name, const SizeExpr &guard, int32_t elements, int32_t vector, std::vector<int32_t> align) {
    int32_t tile = elements * pointwiseThreads;
    VariantPlan plan = base(name, guard, tile, pointwiseThreads);
    plan.schedule = PointwiseAttr::get(context, tile, vector);
    plan.align = std::move(align);
    return plan;
  }

  VariantPlan rows(const char *name, const SizeExpr &guard, const RowSchedule &schedule) {
    VariantPlan plan = base(name, guard, schedule.rows, schedule.threads);
    plan.schedule = ReduceAttr::get(context, schedule.rows, schedule.columns, schedule.lanes, 1, schedule.whole);
    return plan;
  }

  unsigned operationsPerElement() {
    unsigned count = 0;
    for (Operation &op : kernel.getEntry())
      for (Region &region : op.getRegions())
        region.walk([&](Operation *) { ++count; });
    return count;
  }

  /// Registers hold a row sixteen elements a thread only while few rows are alive at once and elements
  /// are cheap to make; expanded functions and computed accesses multiply the code.
  /// Eight-byte elements take two registers each.
  bool heavy() {
    unsigned cost = 0;
    for (BlockArgument buffer : kernel.getArguments().take_front(kernel.getNumBuffers()))
      if (bytesOf(cast<RankedTensorType>(buffer.getType()).getElementType()) == 8)
        return true;
    kernel.getBody().walk([&](Operation *op) {
      if (isa<ComputedViewOp>(op) || isa<math::MathDialect>(op->getDialect()))
        ++cost;
    });
    return cost > 2;
  }

  /// Sixteen-byte alignments for all buffers that a plain contiguous view covers; `vector` becomes how
  /// many of the widest elements that is, 1 when no view can use it.
  std::vector<int32_t> alignments(int32_t &vector) {
    std::vector<int32_t> align(kernel.getNumBuffers(), 0);
    unsigned widest = 0;
    kernel.getBody().walk([&](StridedViewOp view) {
      auto buffer = dyn_cast<BlockArgument>(view.getBuffer());
      bool contiguous = matchPattern(view.getOffset(), m_Zero()) && view.getStrides().size() == 1 &&
                        matchPattern(view.getStrides()[0], m_One());
      if (!buffer || !contiguous)
        return;
      align[buffer.getArgNumber()] = 16;
      widest = std::max(widest, bytesOf(view.getType().getElementType()));
    });
    vector = widest ? int32_t(16 / widest) : 1;
    return align;
  }

  /// Whether neighbours in d1 are nearer in memory than neighbours in d0, for most views.
  bool memoryRunsAlongRows() {
    int votes = 0;
    for (Operation &op : kernel.getEntry()) {
      if (!isa<StridedViewOp, ComputedViewOp>(op) || cast<RankedTensorType>(op.getResult(0).getType()).getRank() != 2)
        continue;
      std::optional<int64_t> alongRow = sampledStride(&op, 1, kernel), acrossRows = sampledStride(&op, 0, kernel);
      if (!alongRow || !acrossRows)
        continue;
      int64_t a = std::abs(*alongRow), b = std::abs(*acrossRows);
      votes += a == 0 || b == 0 ? 0 : a <= b ? 1 : -1;
    }
    return votes >= 0;
  }

  FuncOp kernel;
  MLIRContext *context;
  KernelDomain domain;
  SizeExpr narrow = SizeExpr(0); ///< when 32-bit index arithmetic is enough
};

} // namespace

/// Elements have addresses: two or four to a byte have none.
static LogicalResult checkBuffers(FuncOp kernel) {
  for (BlockArgument argument : kernel.getArguments().take_front(kernel.getNumBuffers())) {
    Type element = cast<RankedTensorType>(argument.getType()).getElementType();
    if (!element.isIntOrFloat() || element.getIntOrFloatBitWidth() % 8 != 0 || element.getIntOrFloatBitWidth() > 64)
      return kernel.emitOpError("has a buffer of ") << element << ": only elements of 8, 16, 32 and 64 bits are addressed";
  }
  return success();
}

FailureOr<std::vector<VariantPlan>> cameo::kernel::chooseVariants(FuncOp kernel, const Target &target) {
  StringRef family = kernel.getFamily();
  if (!isSimtFamily(family))
    return kernel.emitOpError("is of family '") << family << "', which has no SIMT schedule", failure();
  if (failed(checkBuffers(kernel)))
    return failure();
  FailureOr<KernelDomain> domain = domainOf(kernel);
  if (failed(domain))
    return failure();
  size_t rank = family == "pointwise" ? 1 : 2;
  if (domain->sizes.size() != rank)
    return kernel.emitOpError("has a domain of ") << domain->sizes.size() << " dimensions, the family '" << family
                                                  << "' needs " << rank, failure();
  Chooser chooser(kernel, *domain);
  std::vector<VariantPlan> plans = family == "pointwise" ? chooser.pointwise()
                                   : family == "reduce"  ? chooser.reduce()
                                                         : chooser.serial();
  // Nothing is tried after a variant without condition.
  for (size_t i = 0; i < plans.size(); ++i)
    if (plans[i].guard == "1" && llvm::all_of(plans[i].align, [](int32_t align) { return align == 0; }))
      plans.resize(i + 1);
  for (const VariantPlan &plan : plans) {
    auto emitError = [&]() { return kernel.emitOpError("variant '") << plan.name << "': "; };
    if (failed(cast<ScheduleAttrInterface>(plan.schedule).verifyOnTarget(target, plan.threads, emitError)))
      return failure();
  }
  return plans;
}
