// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Resize and its predecessor Upsample. Result sizes come from scales or from sizes; versions differ in
// the coordinate rule, which since 11 is an attribute and before was "asymmetric, floor".
#include "../ShapeArithmetic.h"

#include <cmath>

using namespace cameo;
using namespace cameo::importer;
using namespace mlir;

namespace {

/// What a version of the operator says about the result.
struct Plan {
  Ints axes;
  Sizes sizes; ///< of the result, all dimensions
  std::optional<llvm::SmallVector<double>> scales, roi;
  Value scaleOperand, roiOperand; ///< instead of those, where they are known at launch only
};

/// floor(size * scale), also of a symbolic size where the scale is a simple fraction.
std::optional<SizeExpr> scaledSize(const SizeExpr &size, double scale) {
  // Scales are f32: 1.1 arrives as 1.10000002…; ONNX multiplies in f32, too.
  if (std::optional<int64_t> c = size.asConstant())
    return SizeExpr(static_cast<int64_t>(
        std::floor(static_cast<float>(*c) * static_cast<float>(scale))));
  if (scale == 1)
    return size;
  std::optional<Number> n = foldUnary(graph::UnaryKind::Floor, Number{size, scale});
  return n ? std::optional(n->expr) : std::nullopt;
}

/// All elements as numbers, if they are constants.
std::optional<llvm::SmallVector<double>> realsOf(const Contents &contents) {
  llvm::SmallVector<double> reals;
  for (const Number &n : contents) {
    if (!n.asReal())
      return std::nullopt;
    reals.push_back(*n.asReal());
  }
  return reals;
}

LogicalResult applyScales(NodeBuilder &b, Plan &plan) {
  if (plan.scales->size() != plan.axes.size())
    return b.fail("E0702", llvm::Twine(plan.scales->size()) + " scales for " +
                               llvm::Twine(plan.axes.size()) + " dimensions");
  for (auto [axis, scale] : llvm::zip_equal(plan.axes, *plan.scales)) {
    if (!(scale > 0) || !std::isfinite(scale))
      return b.fail("E0702", "the scale " + std::to_string(scale) + " is not positive");
    std::optional<SizeExpr> size = scaledSize(plan.sizes[axis], scale);
    if (!size)
      return b.fail("E0809", "the scale " + std::to_string(scale) + " of a dynamic size",
                    "a scale that is a simple fraction, or a static size");
    plan.sizes[axis] = *size;
  }
  return success();
}

/// Scales from operand `i`: constants, or read before launch; then the kernel reads them, too.
LogicalResult scalesFrom(NodeBuilder &b, Plan &plan, unsigned i) {
  std::optional<Contents> numbers = b.numbers(i);
  if (!numbers)
    return failure();
  plan.scales = realsOf(*numbers);
  if (plan.scales)
    return applyScales(b, plan);
  if (numbers->size() != plan.axes.size())
    return b.fail("E0702", llvm::Twine(numbers->size()) + " scales for " +
                               llvm::Twine(plan.axes.size()) + " dimensions");
  for (auto [axis, n] : llvm::zip_equal(plan.axes, *numbers)) {
    std::optional<Number> size =
        foldUnary(graph::UnaryKind::Floor, {plan.sizes[axis] * n.expr, n.factor});
    if (!size)
      return b.fail("E0806", "a scale is no simple expression over sizes");
    plan.sizes[axis] = size->expr;
  }
  plan.scaleOperand = b.cast(b.in(i), b.f32());
  return success(plan.scaleOperand != nullptr);
}

/// One scale num / den for all axes: the smallest or largest ratio of sizes known at launch.
LogicalResult keepUnknownRatio(NodeBuilder &b, Plan &plan, llvm::ArrayRef<SizeExpr> wanted,
                               bool larger) {
  SizeExpr num = wanted.front(), den = plan.sizes[plan.axes.front()];
  for (size_t k = 1; k < wanted.size(); ++k) {
    const SizeExpr &to = wanted[k], &from = plan.sizes[plan.axes[k]];
    SizeExpr better = larger ? lt(num * from, to * den) : lt(to * den, num * from);
    SizeExpr previous = num;
    num = select(better, to, previous);
    den = select(better, from, den);
  }
  auto real = [&](const SizeExpr &e) { return b.cast(b.fromSizes(e, b.i64()), b.builder().getF64Type()); };
  Value scale = b.binary(graph::BinaryKind::Div, real(num), real(den));
  plan.scaleOperand = b.broadcast(scale, SizeExpr(static_cast<int64_t>(plan.axes.size())));
  for (int64_t axis : plan.axes) // rounded to nearest, halves up
    plan.sizes[axis] = floorDiv(SizeExpr(2) * num * plan.sizes[axis] + den, SizeExpr(2) * den);
  return success(plan.scaleOperand != nullptr);
}

/// keep_aspect_ratio_policy: one scale for all axes, the smallest or largest ratio.
LogicalResult keepAspectRatio(NodeBuilder &b, Plan &plan, llvm::ArrayRef<SizeExpr> wanted,
                              bool larger) {
  double scale = larger ? 0 : std::numeric_limits<double>::infinity();
  for (auto [axis, size] : llvm::zip_equal(plan.axes, wanted)) {
    std::optional<int64_t> to = size.asConstant(), from = plan.sizes[axis].asConstant();
    if (!to || !from)
      return keepUnknownRatio(b, plan, wanted, larger);
    if (*from == 0)
      return b.fail("E0702", "keep_aspect_ratio_policy of an empty operand");
    double ratio = static_cast<double>(*to) / static_cast<double>(*from);
    scale = larger ? std::max(scale, ratio) : std::min(scale, ratio);
  }
  plan.scales.emplace(plan.axes.size(), scale);
  for (int64_t axis : plan.axes)
    plan.sizes[axis] = SizeExpr(static_cast<int64_t>(
        std::floor(scale * static_cast<double>(*plan.sizes[axis].asConstant()) + 0.5)));
  return success();
}

/// The op wants axes ascending; scales and roi follow.
void sortAxes(NodeBuilder &b, Plan &plan) {
  llvm::SmallVector<size_t> order = llvm::to_vector(llvm::seq<size_t>(0, plan.axes.size()));
  llvm::sort(order, [&](size_t i, size_t j) { return plan.axes[i] < plan.axes[j]; });
  if (llvm::is_sorted(plan.axes))
    return;
  Plan sorted = plan;
  auto reordered = [&](Value operand, llvm::ArrayRef<size_t> halves) -> Value {
    llvm::SmallVector<Value> parts;
    for (size_t half : halves)
      for (size_t from : order)
        parts.push_back(b.slice(operand, SizeExpr(static_cast<int64_t>(half + from)), SizeExpr(1),
                                SizeExpr(1)));
    return operand ? b.concat(parts, 0) : operand;
  };
  sorted.scaleOperand = reordered(plan.scaleOperand, {0});
  sorted.roiOperand = reordered(plan.roiOperand, {0, order.size()});
  for (auto [to, from] : llvm::enumerate(order)) {
    sorted.axes[to] = plan.axes[from];
    if (plan.scales)
      (*sorted.scales)[to] = (*plan.scales)[from];
    for (size_t half : {size_t(0), order.size()})
      if (plan.roi)
        (*sorted.roi)[half + to] = (*plan.roi)[half + from];
  }
  plan = sorted;
}

/// An axis that keeps its size has every coordinate on an element, whatever the rule: exporters name all
/// axes, and taps of weight zero along batch and channels would multiply the work. (tf_crop_and_resize
/// crops there too.)
void dropUnchangedAxes(NodeBuilder &b, Plan &plan) {
  Sizes in = b.sizes(0);
  Plan kept = plan;
  kept.axes.clear();
  llvm::SmallVector<double> scales;
  for (auto [i, axis] : llvm::enumerate(plan.axes)) {
    if (plan.scales ? (*plan.scales)[i] == 1 : plan.sizes[axis] == in[axis])
      continue;
    kept.axes.push_back(axis);
    if (plan.scales)
      scales.push_back((*plan.scales)[i]);
  }
  if (plan.scales)
    kept.scales = scales;
  plan = kept;
}

LogicalResult emitResize(NodeBuilder &b, Plan plan, graph::CoordinateMode coordinates,
                         graph::NearestMode nearest) {
  std::string name = b.string("mode", "nearest");
  auto mode = graph::symbolizeResizeMode(name == "bilinear" ? "linear" : name);
  if (!mode)
    return b.fail("E0505", "mode is \"" + name + "\"");
  for (const SizeExpr &s : plan.sizes)
    if (std::optional<int64_t> c = s.asConstant(); c && *c < 0)
      return b.fail("E0702", "a size is " + llvm::Twine(*c));
  sortAxes(b, plan);
  if (coordinates != graph::CoordinateMode::TfCropAndResize && !plan.scaleOperand)
    dropUnchangedAxes(b, plan);
  if (plan.axes.empty())
    return b.out(b.in(0));
  RankedTensorType type = b.makeType(b.elementType(0), plan.sizes);
  bool antialias = b.integer("antialias") == 1 && *mode != graph::ResizeMode::Nearest;
  auto attribute = [&](const std::optional<llvm::SmallVector<double>> &values) {
    return values ? b.builder().getDenseF64ArrayAttr(*values) : DenseF64ArrayAttr();
  };
  return b.out(b.emit<graph::ResizeOp>(
      type, *mode, b.in(0), plan.scaleOperand, plan.roiOperand, coordinates, plan.axes, nearest,
      llvm::APFloat(b.real("cubic_coeff_a", -0.75)),
      llvm::APFloat(b.real("extrapolation_value", 0)), b.integer("exclude_outside") == 1,
      antialias, attribute(plan.scales), attribute(plan.roi)));
}

Plan allAxes(NodeBuilder &b) {
  return {Ints(llvm::to_vector(llvm::seq<int64_t>(0, b.rank(0)))), b.sizes(0), {}, {}, {}, {}};
}

/// Upsample 7 and 9, Resize 10: scales alone.
LogicalResult upsample(NodeBuilder &b) {
  Plan plan = allAxes(b);
  if (b.since() == 7)
    plan.scales = b.floats("scales");
  LogicalResult known = b.since() != 7 ? scalesFrom(b, plan, 1)
                        : plan.scales  ? applyScales(b, plan)
                                       : failure();
  if (failed(known))
    return failure();
  return emitResize(b, plan, graph::CoordinateMode::Asymmetric, graph::NearestMode::Floor);
}

LogicalResult resize(NodeBuilder &b) {
  Plan plan = allAxes(b);
  if (std::optional<Ints> axes = b.integers("axes"); axes && b.hasAttr("axes")) {
    plan.axes.clear();
    for (int64_t a : *axes) {
      std::optional<int64_t> axis = b.axis(a, b.rank(0));
      if (!axis)
        return failure();
      plan.axes.push_back(*axis);
    }
  }
  auto coordinates = graph::symbolizeCoordinateMode(
      b.string("coordinate_transformation_mode", "half_pixel"));
  auto nearest = graph::symbolizeNearestMode(b.string("nearest_mode", "round_prefer_floor"));
  if (!coordinates || !nearest)
    return b.fail("E0505", "unknown coordinate or nearest mode");
  if (*coordinates == graph::CoordinateMode::TfCropAndResize) {
    if (!b.has(1))
      return b.fail("E0603", "tf_crop_and_resize without roi");
    const std::optional<Contents> &roi = b.contents(1);
    plan.roi = roi ? realsOf(*roi) : std::nullopt;
    if (!plan.roi) // data as any other
      plan.roiOperand = b.cast(b.in(1), b.f32());
    auto count = static_cast<int64_t>(2 * plan.axes.size());
    if (b.rank(1) != 1 || eq(b.size(1, 0), SizeExpr(count)).isConstant(0))
      return b.fail("E0702", graph::sizesText(b.sizes(1)) + " numbers of roi for " +
                                 llvm::Twine(plan.axes.size()) + " dimensions");
  }
  // An empty tensor stands for an absent operand in version 11.
  auto given = [&](unsigned i) {
    return b.has(i) && !(b.type(i).hasStaticShape() && b.type(i).getNumElements() == 0);
  };
  if (given(2) == given(3))
    return b.fail("E0603", given(2) ? "both scales and sizes are given"
                                    : "neither scales nor sizes are given");
  if (given(2)) {
    if (failed(scalesFrom(b, plan, 2)))
      return failure();
    return emitResize(b, plan, *coordinates, *nearest);
  }
  std::optional<Sizes> sizes = b.control(3);
  if (!sizes)
    return failure();
  if (sizes->size() != plan.axes.size())
    return b.fail("E0702", llvm::Twine(sizes->size()) + " sizes for " +
                               llvm::Twine(plan.axes.size()) + " dimensions");
  std::string policy = b.string("keep_aspect_ratio_policy", "stretch");
  if (policy != "stretch") {
    if (failed(keepAspectRatio(b, plan, *sizes, policy == "not_smaller")))
      return failure();
  } else {
    for (auto [axis, size] : llvm::zip_equal(plan.axes, *sizes))
      plan.sizes[axis] = size;
  }
  return emitResize(b, plan, *coordinates, *nearest);
}

constexpr TypeMask kTypes = kReals;
constexpr Limit kScales[] = {limit::control(1)};
constexpr Limit kLimits[] = {
    limit::control(2), limit::control(3),
    limit::attrIn("coordinate_transformation_mode",
                  "half_pixel half_pixel_symmetric pytorch_half_pixel align_corners asymmetric "
                  "tf_crop_and_resize")};

constexpr OpRow kRows[] = {
    {"Resize", 10, upsample, kTypes, kScales},
    {"Resize", 11, resize, kTypes, kLimits},
    {"Resize", 13, resize, kTypes, kLimits},
    {"Resize", 18, resize, kTypes, kLimits},
    {"Resize", 19, resize, kTypes, kLimits},
    {"Upsample", 7, upsample, kTypes},
    {"Upsample", 9, upsample, kTypes, kScales},
};

} // namespace

llvm::ArrayRef<OpRow> importer::resizeRows() { return kRows; }
