// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Normalizations. Layer, RMS, instance and group normalization are one core op over different axes;
// batch normalization at inference is pointwise; the rest is a reduction and pointwise ops.
#include "../NodeBuilder.h"

using namespace cameo;
using namespace cameo::importer;
using namespace mlir;
using graph::BinaryKind;
using graph::NormalizeKind;
using graph::ReduceKind;
using graph::UnaryKind;

namespace {

/// Creates graph.normalize; `moments` results besides the first.
graph::NormalizeOp normalize(NodeBuilder &b, NormalizeKind kind, Value x, Value scale, Value bias,
                             llvm::ArrayRef<int64_t> axes, double epsilon, Type stash,
                             unsigned moments = 0) {
  if (!x)
    return {};
  llvm::SmallVector<Type> momentTypes(moments, x.getType());
  auto op = graph::NormalizeOp::create(
      b.builder(), b.location(), x.getType(), TypeRange(momentTypes), kind, x, scale, bias, axes,
      llvm::APFloat(epsilon), stash ? TypeAttr::get(stash) : TypeAttr());
  return b.inferTypes(op) ? op : graph::NormalizeOp();
}

/// The type of attribute stash_type; null where it is the default (f32).
std::optional<Type> stashType(NodeBuilder &b) {
  int64_t number = b.integer("stash_type", 1);
  if (number <= 0 || number >= 32 || !(kFloats >> number & 1)) {
    (void)b.fail("E0804", "stash_type is " + llvm::Twine(number), typesText(kFloats));
    return std::nullopt;
  }
  return number == 1 ? Type() : graph::typeOf(b.context(), static_cast<DType>(number));
}

/// (x - mean) * (scale / sqrt(var + epsilon)) + bias, by channel.
LogicalResult batchNormalization(NodeBuilder &b) {
  if (b.rank(0) < 2)
    return b.fail("E0701", "the operand has rank " + llvm::Twine(b.rank(0)));
  for (unsigned i = 1; i < 5; ++i)
    if (b.rank(i) != 1 ||
        !b.requireEqual(b.size(i, 0), b.size(0, 1), "channels of input " + llvm::Twine(i) +
                                                        " and of the operand"))
      return b.hasFailed() ? failure()
                           : b.fail("E0701", "input " + llvm::Twine(i) + " has rank " +
                                                 llvm::Twine(b.rank(i)) + ", 1 expected");
  // Parameters may be wider than the operand; compute in their type.
  Type type = b.elementType(0), wide = b.elementType(3);
  int64_t trailing = b.rank(0) - 2;
  auto parameter = [&](unsigned i) { return b.cast(b.in(i), wide); };
  Value deviation = b.unary(UnaryKind::Sqrt, b.add(parameter(4), b.splat(wide, b.real("epsilon"))));
  Value factor = b.div(parameter(1), deviation);
  Value centered = b.sub(b.cast(b.in(0), wide), b.alignChannels(parameter(3), trailing));
  Value result = b.add(b.mul(centered, b.alignChannels(factor, trailing)),
                       b.alignChannels(parameter(2), trailing));
  return b.out(b.cast(result, type));
}

LogicalResult layerNormalization(NodeBuilder &b) {
  std::optional<int64_t> axis = b.axis(b.integer("axis", -1), b.rank(0));
  std::optional<Type> stash = stashType(b);
  if (!axis || !stash)
    return failure();
  bool rms = b.op() == "RMSNormalization";
  unsigned moments = b.wants(2) ? 2 : b.wants(1) ? 1 : 0;
  auto op = normalize(b, rms ? NormalizeKind::Rms : NormalizeKind::Layer, b.in(0), b.in(1),
                      b.in(2), llvm::to_vector(llvm::seq<int64_t>(*axis, b.rank(0))),
                      b.real("epsilon", 1e-5), *stash, moments);
  if (!op)
    return failure();
  for (unsigned i = 0; i < moments; ++i)
    if (failed(b.out(i + 1, op.getMoments()[i])))
      return failure();
  return b.out(op.getResult());
}

LogicalResult instanceNormalization(NodeBuilder &b) {
  int64_t rank = b.rank(0);
  if (rank < 3)
    return b.fail("E0701", "the operand has rank " + llvm::Twine(rank) + ", at least 3 expected");
  for (unsigned i : {1u, 2u})
    if (b.rank(i) != 1 || !b.requireEqual(b.size(i, 0), b.size(0, 1),
                                          "channels of input " + llvm::Twine(i) +
                                              " and of the operand"))
      return b.hasFailed() ? failure() : b.fail("E0701", "scale and B have rank 1");
  auto op = normalize(b, NormalizeKind::Layer, b.in(0), b.alignChannels(b.in(1), rank - 2),
                      b.alignChannels(b.in(2), rank - 2),
                      llvm::to_vector(llvm::seq<int64_t>(2, rank)), b.real("epsilon"), {});
  return op ? b.out(op.getResult()) : failure();
}

LogicalResult groupNormalization(NodeBuilder &b) {
  int64_t rank = b.rank(0), groups = b.integer("num_groups");
  std::optional<Type> stash = stashType(b);
  if (!stash)
    return failure();
  if (rank < 2)
    return b.fail("E0701", "the operand has rank " + llvm::Twine(rank));
  Sizes sizes = b.sizes(0);
  if (std::optional<int64_t> c = sizes[1].asConstant(); c && *c % groups)
    return b.fail("E0505", "num_groups " + llvm::Twine(groups) + " does not divide " +
                               llvm::Twine(*c) + " channels");
  SizeExpr rest = floorDiv(sizes[1], groups);
  for (int64_t d = 2; d < rank; ++d)
    rest *= sizes[d];
  Value grouped = b.reshape(b.in(0), {sizes[0], SizeExpr(groups), rest});
  auto op = normalize(b, NormalizeKind::Layer, grouped, {}, {}, {2}, b.real("epsilon", 1e-5),
                      *stash);
  if (!op)
    return failure();
  Value scaled = b.mul(b.reshape(op.getResult(), sizes), b.alignChannels(b.in(1), rank - 2));
  return b.out(b.add(scaled, b.alignChannels(b.in(2), rank - 2)));
}

/// x / norm; where the norm is 0, so is the result.
LogicalResult lpNormalization(NodeBuilder &b) {
  std::optional<int64_t> axis = b.axis(b.integer("axis", -1), b.rank(0));
  int64_t p = b.integer("p", 2);
  if (!axis || (p != 1 && p != 2))
    return axis ? b.fail("E0505", "p is " + llvm::Twine(p), "1, 2") : failure();
  Value norm = b.reduce(p == 1 ? ReduceKind::L1 : ReduceKind::L2, b.in(0), *axis, true);
  if (!norm)
    return failure();
  Value zero = b.splat(b.elementType(0), 0);
  Value isZero = b.binary(BinaryKind::Eq, norm, zero);
  return b.out(b.select(isZero, zero, b.div(b.in(0), norm)));
}

/// x / (bias + alpha * mean of squares over a window of channels) ^ beta.
LogicalResult localResponse(NodeBuilder &b) {
  int64_t size = b.integer("size"), before = (size - 1) / 2, after = size - 1 - before;
  if (b.rank(0) < 2)
    return b.fail("E0701", "the operand has rank " + llvm::Twine(b.rank(0)));
  Sizes sizes = b.sizes(0);
  SizeExpr rest = 1;
  for (size_t d = 2; d < sizes.size(); ++d)
    rest *= sizes[d];
  Type element = b.elementType(0);
  Value x = b.in(0);
  Value squares = b.reshape(b.mul(x, x), {sizes[0], SizeExpr(1), sizes[1], rest});
  if (!squares)
    return failure();
  auto mean = graph::PoolOp::create(
      b.builder(), b.location(), squares.getType(), TypeRange(), graph::PoolKind::Average, squares,
      llvm::ArrayRef<int64_t>{size, 1}, llvm::ArrayRef<int64_t>{1, 1},
      llvm::ArrayRef<int64_t>{before, 0, after, 0}, llvm::ArrayRef<int64_t>{1, 1},
      /*ceil_mode=*/false, /*count_include_pad=*/true, /*column_major=*/false, 2);
  if (!b.inferTypes(mean))
    return failure();
  Value base = b.add(b.mul(b.reshape(mean.getResult(), sizes), b.splat(element, b.real("alpha"))),
                     b.splat(element, b.real("bias")));
  return b.out(b.div(x, b.binary(BinaryKind::Pow, base, b.splat(element, b.real("beta")))));
}

/// At inference: the operand itself, and a mask of ones.
LogicalResult dropout(NodeBuilder &b) {
  if (b.has(2)) {
    std::optional<Ints> training = b.constants(2);
    if (!training)
      return failure();
    std::optional<Contents> ratio = b.contents(1);
    bool dropsNothing = ratio && ratio->size() == 1 && ratio->front().asReal() == 0.0;
    if (llvm::any_of(*training, [](int64_t v) { return v != 0; }) && !dropsNothing)
      return b.fail("E0804", "training_mode is true", "inference");
  }
  if (b.wants(1)) {
    Type element = b.since() < 10 ? b.elementType(0) : b.i1();
    if (failed(b.out(1, b.broadcast(b.splat(element, 1), b.sizes(0)))))
      return failure();
  }
  return b.outSame(0, b.operand(0));
}

constexpr Limit kInference[] = {limit::noOutput(1), limit::noOutput(2), limit::noOutput(3),
                                limit::noOutput(4)};
constexpr Limit kInference7[] = {limit::attrIs("spatial", 1), limit::noOutput(1),
                                 limit::noOutput(2), limit::noOutput(3), limit::noOutput(4)};
constexpr Limit kInference14[] = {limit::attrIs("training_mode", 0)};

constexpr OpRow kRows[] = {
    {"BatchNormalization", 7, batchNormalization, kFloats, kInference7},
    {"BatchNormalization", 9, batchNormalization, kFloats, kInference},
    {"BatchNormalization", 14, batchNormalization, kFloats, kInference14},
    {"BatchNormalization", 15, batchNormalization, kFloats, kInference14},
    {"Dropout", 7, dropout, kFloats},
    {"Dropout", 10, dropout, kFloats},
    {"Dropout", 12, dropout, kFloats},
    {"Dropout", 13, dropout, kFloats},
    {"Dropout", 22, dropout, kFloats},
    {"GroupNormalization", 21, groupNormalization, kFloats},
    {"InstanceNormalization", 6, instanceNormalization, kFloats},
    {"InstanceNormalization", 22, instanceNormalization, kFloats},
    {"LRN", 1, localResponse, kFloats},
    {"LRN", 13, localResponse, kFloats},
    {"LayerNormalization", 17, layerNormalization, kFloats},
    {"LpNormalization", 1, lpNormalization, kFloats},
    {"LpNormalization", 22, lpNormalization, kFloats},
    {"RMSNormalization", 23, layerNormalization, kFloats},
};

} // namespace

llvm::ArrayRef<OpRow> importer::normalizationRows() { return kRows; }
