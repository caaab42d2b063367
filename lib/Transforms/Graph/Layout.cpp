// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Where images have their channels last. Convolutions of short floats gain by it: a copy of 16 bytes
// brings eight channels. What lies between them (pointwise ops, pools, normalizations, reductions, concat,
// slice, pad, resize) can have either form; all else, and what enters or leaves the graph, keeps its own.
//
// Each value that is made in one form and used in the other costs a transpose, each convolution left as it
// is costs its gain: the cheapest choice for all ops of a block is a minimum cut, and is computed as one.
// Refused, with a remark: convolutions of other element types or with few channels, and transposed ones.
#include "Emit.h"
#include "MinimumCut.h"
#include "Rewrite.h"
#include "cameo/Dialect/Graph/IR/OpClasses.h"
#include "cameo/Transforms/Graph/Passes.h"

#include "llvm/ADT/TypeSwitch.h"

#include <set>

using namespace mlir;

namespace cameo::graph {

#define GEN_PASS_DEF_GRAPHLAYOUTPASS
#include "cameo/Transforms/Graph/Passes.h.inc"

namespace {

/// Costs in instructions of a thread, near what `cameo bench` counts: a transpose's per element, and what a
/// multiply-add costs more where channels are gathered one by one (their copies, spread over a tile).
constexpr double instructionsPerTransposed = 40, multiplyAddsPerInstruction = 5;
/// Where a convolution's kernel stores its result transposed.
constexpr double instructionsPerStored = 8;
/// Of any change of form, even one that moves nothing: what is on its two sides is not one kernel.
constexpr double instructionsPerChange = 1000;
/// Sizes that only the launch knows, for the estimate.
constexpr int64_t assumedSize = 32;

double estimate(ArrayRef<SizeExpr> sizes) {
  double count = 1;
  for (const SizeExpr &size : sizes) {
    std::set<std::string> names;
    size.collectSymbols(names);
    std::map<std::string, SizeExpr> values;
    for (const std::string &name : names)
      values.emplace(name, SizeExpr(assumedSize));
    SizeExpr known = values.empty() ? size : size.substitute(values);
    count *= double(std::max<int64_t>(1, known.asConstant().value_or(assumedSize)));
  }
  return count;
}

/// As a weight of the cut: whole, and far from what overflows.
int64_t weightOf(double instructions) { return int64_t(std::min(instructions, 0x1p50)); }

TensorType typeOf(Value value) { return cast<TensorType>(value.getType()); }

/// The rank of the images that `op` works on; 0 for an op that has one form only.
int64_t imageRank(Operation *op) {
  auto none = [](ArrayRef<int64_t> axes, int64_t rank) { return !llvm::is_contained(axes, 1) && rank >= 3; };
  return llvm::TypeSwitch<Operation *, int64_t>(op)
      .Case<UnaryOp, BinaryOp, SelectOp, ClipOp, CastOp, ConcatOp, PadOp, SliceOp, SoftmaxOp>(
          [](auto each) { return typeOf(each.getResult()).getRank(); })
      .Case([](ConvOp conv) { return conv.getChannelsLast() ? 0 : typeOf(conv.getX()).getRank(); })
      .Case([](PoolOp pool) {
        return pool.getChannelsLast() || !pool.getIndices().empty() ? 0 : typeOf(pool.getX()).getRank();
      })
      .Case([](NormalizeOp norm) {
        bool moments = llvm::any_of(norm.getMoments(), [](Value v) { return !v.use_empty(); });
        return moments ? 0 : typeOf(norm.getX()).getRank();
      })
      .Case([&](ReduceOp reduce) {
        int64_t rank = typeOf(reduce.getX()).getRank();
        bool spatial = none(reduce.getAxes(), rank) && !llvm::is_contained(reduce.getAxes(), 0);
        // Without its dimensions the result is no image; its order stays if only spatial ones go.
        return reduce.getKeepdims() || (spatial && int64_t(reduce.getAxes().size()) == rank - 2) ? rank : 0;
      })
      .Case([&](ResizeOp resize) {
        int64_t rank = typeOf(resize.getX()).getRank();
        return none(resize.getAxes(), rank) ? rank : 0;
      })
      .Default([](Operation *) { return int64_t(0); });
}

bool isShortFloat(Type element) { return element.isF16() || element.isBF16(); }

/// Why a convolution keeps its channels first whatever is around it; empty: it need not.
StringRef whyChannelsFirst(ConvOp conv) {
  if (!isShortFloat(typeOf(conv.getX()).getElementType()))
    return "its products are of single elements, for which neither form is faster";
  SizeExpr channels = getSize(conv.getX().getType(), 1);
  if (std::optional<int64_t> known = channels.asConstant(); known && *known < channelsPerCopy)
    return "it has fewer channels than one copy takes";
  return "";
}

/// What a convolution gains, in instructions: nothing where a copy of 16 bytes would mix taps.
int64_t gainOf(ConvOp conv) {
  SizeExpr channels = getSize(conv.getW().getType(), 1);
  if (std::optional<int64_t> known = channels.asConstant(); known && *known % channelsPerCopy)
    return 0;
  SmallVector<SizeExpr> weights = getSizes(conv.getW().getType());
  double perResult = estimate(ArrayRef(weights).drop_front());
  return weightOf(perResult * estimate(getSizes(conv.getType())) / multiplyAddsPerInstruction);
}

/// What a transpose of `value` costs: little where it only moves dimensions of size 1.
int64_t costOf(Value value) {
  SmallVector<SizeExpr> sizes = getSizes(value.getType());
  bool onlyChannels = llvm::all_of(ArrayRef(sizes).drop_front(2), [](const SizeExpr &s) { return s.isConstant(1); });
  if (onlyChannels || sizes[1].isConstant(1))
    return weightOf(instructionsPerChange);
  double each = isComputedByConvolution(value) ? instructionsPerStored : instructionsPerTransposed;
  return weightOf(instructionsPerChange + estimate(sizes) * each);
}

bool isImage(Value value, int64_t rank) {
  return typeOf(value).getRank() == rank && rank >= 3 && !value.getDefiningOp<ConstantOp>();
}

/// The choice for one block.
class Choice {
public:
  explicit Choice(Block &block) {
    for (Operation &op : block.without_terminator())
      if (imageRank(&op) >= 3)
        numbers[&op] = cut.addNode();
    if (llvm::none_of(numbers, [](auto &entry) { return isa<ConvOp>(entry.first); }))
      numbers.clear();
    for (auto [op, number] : numbers)
      addCosts(op, number);
    if (!numbers.empty())
      cut.solve();
  }
  /// Whether `op` is to work on images with their channels last.
  bool isLast(Operation *op) const {
    auto it = numbers.find(op);
    return it != numbers.end() && cut.isWithSource(it->second);
  }

private:
  void addCosts(Operation *op, unsigned number) {
    if (auto conv = dyn_cast<ConvOp>(op)) {
      if (!whyChannelsFirst(conv).empty())
        cut.addEdge(number, cut.sink, cut.infinite);
      else
        cut.addEdge(cut.source, number, gainOf(conv));
    }
    int64_t rank = imageRank(op);
    for (Value operand : op->getOperands())
      if (isImage(operand, rank) && !numbers.count(operand.getDefiningOp()))
        if (auto maker = sideOf(operand.getDefiningOp<TransposeOp>(), toChannelsFirst(rank)))
          addUser(operand, op, number, *maker);
    for (Value result : op->getResults()) {
      if (!isImage(result, rank))
        continue;
      for (Operation *user : result.getUsers())
        if (auto side = sideOf(dyn_cast<TransposeOp>(user), toChannelsLast(rank)))
          addUser(result, user, isa<TransposeOp>(user) ? *side : numberOf(user, rank), number);
    }
  }
  /// On which side an op stands that has no choice. Of a transpose that is there already what it comes from, or
  /// makes, counts: that is free of one if it is channels last, and needs one in either form otherwise.
  std::optional<unsigned> sideOf(TransposeOp transpose, ArrayRef<int64_t> between) const {
    if (!transpose)
      return cut.sink;
    return transpose.getPerm() == between ? std::optional<unsigned>(cut.source) : std::nullopt;
  }
  unsigned numberOf(Operation *user, int64_t rank) const {
    auto it = numbers.find(user);
    return it != numbers.end() && imageRank(user) == rank ? it->second : cut.sink;
  }
  /// One transpose of `value` serves all users of the other form.
  void addUser(Value value, Operation *user, unsigned number, unsigned maker) {
    if (!connected.insert({value.getAsOpaquePointer(), user}).second)
      return;
    auto [it, isNew] = transposes.try_emplace(value, std::pair<unsigned, unsigned>());
    auto &[out, in] = it->second;
    if (isNew) {
      out = cut.addNode();
      in = cut.addNode();
      cut.addEdge(maker, out, costOf(value));
      cut.addEdge(in, maker, costOf(value));
    }
    cut.addEdge(out, number, cut.infinite);
    cut.addEdge(number, in, cut.infinite);
  }

  MinimumCut cut;
  llvm::MapVector<Operation *, unsigned> numbers;
  llvm::DenseMap<Value, std::pair<unsigned, unsigned>> transposes;
  std::set<std::pair<void *, Operation *>> connected;
};

/// Rewrites the ops of one block that were chosen.
class Rewriter {
public:
  Rewriter(Block &block, const Choice &choice) : block(block), choice(choice) {}

  int64_t run() {
    int64_t convolutions = 0;
    for (Operation &op : llvm::make_early_inc_range(block.without_terminator())) {
      if (!choice.isLast(&op))
        continue;
      convolutions += isa<ConvOp>(op);
      rewrite(&op);
    }
    for (Operation *op : llvm::reverse(done))
      op->erase();
    return convolutions;
  }

private:
  void rewrite(Operation *op) {
    OpBuilder builder(op);
    int64_t rank = imageRank(op);
    IRMapping mapping;
    for (Value operand : op->getOperands())
      if (Value turned = asOperand(builder, op, operand, rank))
        mapping.map(operand, turned);
    Operation *clone = builder.clone(*op, mapping);
    turnAttributes(clone, rank);
    for (auto [from, to] : llvm::zip_equal(op->getResults(), clone->getResults())) {
      if (typeOf(from).getRank() != rank) {
        from.replaceAllUsesWith(to);
        continue;
      }
      to.setType(permuted(typeOf(from), toChannelsLast(rank)));
      last[from] = to;
    }
    leave(op, rank);
    done.push_back(op);
  }

  /// The operand in the form that `op` now wants; null: as it is.
  Value asOperand(OpBuilder &builder, Operation *op, Value operand, int64_t rank) {
    Emit emit(builder, op->getLoc());
    auto conv = dyn_cast<ConvOp>(op);
    int64_t from = typeOf(operand).getRank();
    bool broadcasts = isa<UnaryOp, BinaryOp, SelectOp, ClipOp, NormalizeOp>(op) && from > 0;
    if ((from != rank && !broadcasts) || (conv && operand == conv.getBias()))
      return {};
    if (Value known = last.lookup(operand))
      return known;
    if (from < rank) {
      SmallVector<SizeExpr> sizes(rank - from, SizeExpr(1));
      llvm::append_range(sizes, getSizes(operand.getType()));
      operand = emit.reshape(operand, sizes);
    }
    Value turned = TransposeOp::create(builder, op->getLoc(), operand, toChannelsLast(rank));
    if (from == rank)
      last[operand] = turned;
    return turned;
  }

  /// Users that keep their channels first get the transposed result.
  void leave(Operation *op, int64_t rank) {
    OpBuilder builder(op);
    builder.setInsertionPointAfter(op);
    for (Value result : op->getResults()) {
      Value turned = last.lookup(result), back;
      if (!turned)
        continue;
      for (OpOperand &use : llvm::make_early_inc_range(result.getUses())) {
        if (choice.isLast(use.getOwner()) && imageRank(use.getOwner()) == rank)
          continue;
        if (!back)
          back = TransposeOp::create(builder, op->getLoc(), turned, toChannelsFirst(rank));
        use.set(back);
      }
    }
  }

  static void turnAttributes(Operation *op, int64_t rank) {
    auto place = [&](int64_t axis) { return axis == 0 ? 0 : axis == 1 ? rank - 1 : axis - 1; };
    auto places = [&](ArrayRef<int64_t> axes) {
      SmallVector<int64_t> turned = llvm::map_to_vector(axes, place);
      llvm::sort(turned);
      return turned;
    };
    auto entries = [&](ArrayAttr attr) {
      SmallVector<Attribute> turned;
      for (int64_t dim : toChannelsLast(rank))
        turned.push_back(attr[dim]);
      return ArrayAttr::get(op->getContext(), turned);
    };
    llvm::TypeSwitch<Operation *>(op)
        .Case<ConvOp, PoolOp>([](auto window) { window.setChannelsLast(true); })
        .Case<ConcatOp, SoftmaxOp>([&](auto each) { each.setAxis(place(each.getAxis())); })
        .Case<ReduceOp, NormalizeOp, ResizeOp>([&](auto each) { each.setAxes(places(each.getAxes())); })
        .Case([&](PadOp pad) {
          pad.setLoAttr(entries(pad.getLo()));
          pad.setHiAttr(entries(pad.getHi()));
        })
        .Case([&](SliceOp slice) {
          slice.setStartsAttr(entries(slice.getStarts()));
          slice.setStepsAttr(entries(slice.getSteps()));
        });
  }

  Block &block;
  const Choice &choice;
  llvm::DenseMap<Value, Value> last; ///< the same with channels last
  SmallVector<Operation *> done;
};

struct GraphLayout : impl::GraphLayoutPassBase<GraphLayout> {
  using GraphLayoutPassBase::GraphLayoutPassBase;

  void runOnOperation() override {
    SmallVector<Block *> blocks;
    getOperation().walk([&](Block *block) { blocks.push_back(block); });
    for (Block *block : blocks) {
      Choice choice(*block);
      for (Operation &op : *block)
        remark(&op, choice);
      numConvolutions += Rewriter(*block, choice).run();
    }
  }

  void remark(Operation *op, const Choice &choice) {
    if (!remarks)
      return;
    auto conv = dyn_cast<ConvOp>(op);
    if (isa<ConvTransposeOp, ConvIntegerOp>(op))
      op->emitRemark("keeps its channels first: only graph.conv has the other form");
    else if (conv && !conv.getChannelsLast() && !choice.isLast(op))
      op->emitRemark("keeps its channels first: ")
          << (whyChannelsFirst(conv).empty() ? "the transposes around it cost more than it gains" : whyChannelsFirst(conv));
  }
};

} // namespace
} // namespace cameo::graph
