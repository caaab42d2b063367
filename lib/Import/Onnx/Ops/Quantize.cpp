// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Quantization: the two conversions, and the products of quantized operands, which are exact integer
// products followed by one scaling.
#include "../Importer.h"
#include "../Window.h"

#include <cmath>
#include <cstring>

using namespace cameo;
using namespace cameo::importer;
using namespace mlir;

namespace {

/// A constant scale is a number above 0; 0 and below are legal and never meant.
LogicalResult checkScale(NodeBuilder &b, unsigned i) {
  const std::optional<TensorData> &data = b.operand(i).data;
  if (!data || data->dataType != onnx::TensorProto::FLOAT)
    return success();
  bool warned = false;
  for (uint64_t k = 0; k < data->numElements; ++k) {
    float scale;
    std::memcpy(&scale, data->bytes.data() + 4 * k, sizeof scale);
    if (std::isnan(scale))
      return b.fail("E0703", "scale " + llvm::Twine(k) + " is NaN");
    if (scale <= 0 && !warned) {
      warned = true;
      b.importer.problemList().add(nodeProblem(
          "W0002", "scale " + llvm::Twine(k) + " is " + std::to_string(scale), b.place()));
    }
  }
  return success();
}

/// The axis that scales run along; where there is one scale, it does not matter.
std::optional<int64_t> scaleAxis(NodeBuilder &b) {
  if (b.rank(1) == 0 || (b.rank(1) == 1 && b.size(1, 0).isConstant(1)))
    return 0;
  return b.axis(b.integer("axis", 1), b.rank(0));
}

/// Scale (1) and zero point (2) of QuantizeLinear and DequantizeLinear.
Value parameter(NodeBuilder &b, unsigned i, int64_t axis) {
  if (i == 2 && b.has(2) && b.rank(1) == 0)
    return b.reshape(b.in(2), {});
  if (!b.has(i) || b.rank(i) != 1 || b.rank(0) == 0 || b.integer("block_size"))
    return b.scalarIfOne(b.in(i));
  return b.oneOrEach(i, b.size(0, axis));
}

LogicalResult checkZeroPoint(NodeBuilder &b) {
  auto single = [&](unsigned i) {
    return b.type(i).hasStaticShape() && b.type(i).getNumElements() == 1;
  };
  if (!b.has(2) || (single(1) && single(2)) || (b.rank(1) == 0 && b.rank(2) == 1))
    return success();
  if (b.rank(1) != b.rank(2))
    return b.fail("E0703", "the zero point has rank " + llvm::Twine(b.rank(2)) + ", the scale " +
                               llvm::Twine(b.rank(1)));
  for (auto [p, q] : llvm::zip_equal(b.sizes(1), b.sizes(2)))
    if (eq(p, q).isConstant(0))
      return b.fail("E0703", "the scale has " + llvm::Twine(p.str()) + " elements, the zero point " +
                                 q.str());
  return success();
}

LogicalResult quantize(NodeBuilder &b) {
  int64_t number = b.integer("output_dtype");
  if (b.has(2)) {
    auto zero = static_cast<int64_t>(graph::dtypeOf(b.elementType(2)));
    if (number && number != zero)
      return b.fail("E0605", "output_dtype differs from the zero point's type");
    number = zero;
  }
  if (number == 0)
    number = onnx::TensorProto::UINT8;
  TypeMask targets = maskOf(2, 3, 4, 5, 17, 18, 19, 20) | kFloat4 | kPackedInts;
  if (number < 0 || number >= 32 || !(targets >> number & 1))
    return b.fail("E0803", "output_dtype is " + llvm::Twine(number), typesText(targets));
  std::optional<int64_t> axis = scaleAxis(b);
  if (!axis || failed(checkScale(b, 1)) || failed(checkZeroPoint(b)))
    return failure();
  Type element = graph::typeOf(b.context(), static_cast<DType>(number));
  // Integers are quantized as the real numbers that they are.
  Value x = b.in(0), scale = parameter(b, 1, *axis);
  if (graph::isIntElement(b.elementType(0)))
    x = b.cast(x, b.f32());
  if (!x)
    return failure();
  return b.out(b.emit<graph::QuantizeOp>(graph::withElementType(b.type(0), element), x, scale,
                                         parameter(b, 2, *axis), static_cast<uint64_t>(*axis),
                                         static_cast<uint64_t>(b.integer("block_size")),
                                         b.integer("saturate", 1) == 1));
}

LogicalResult dequantize(NodeBuilder &b) {
  Type element = b.elementType(1);
  if (int64_t number = b.integer("output_dtype")) {
    if (number < 0 || number >= 32 || !((kFloat32 | kHalf) >> number & 1))
      return b.fail("E0803", "output_dtype is " + llvm::Twine(number),
                    typesText(kFloat32 | kHalf));
    element = graph::typeOf(b.context(), static_cast<DType>(number));
  }
  std::optional<int64_t> axis = scaleAxis(b);
  if (!axis || failed(checkScale(b, 1)) || failed(checkZeroPoint(b)))
    return failure();
  Value x = b.in(0);
  return b.out(b.emit<graph::DequantizeOp>(graph::withElementType(b.type(0), element), x,
                                           parameter(b, 1, *axis), parameter(b, 2, *axis),
                                           static_cast<uint64_t>(*axis),
                                           static_cast<uint64_t>(b.integer("block_size"))));
}

/// Exact i32 sums, scaled once in f32, quantized to the type of the zero point in input `zero`; scale and
/// zero point are one number, or one for each of `each` along `axis`.
LogicalResult requantize(NodeBuilder &b, Value sums, Value factor, unsigned scale, unsigned zero,
                         const SizeExpr &each = 1, uint64_t axis = 0) {
  Value real = b.mul(b.cast(sums, b.f32()), factor);
  if (!real)
    return failure();
  auto fits = [&](unsigned i) {
    return b.rank(i) == 0 || (b.rank(i) == 1 && (b.size(i, 0).isConstant(1) ||
                                                 !eq(b.size(i, 0), each).isConstant(0)));
  };
  if (!fits(scale) || !fits(zero))
    return b.fail("E0703", "the result's scale is not one number");
  auto value = [&](unsigned i) {
    if (b.rank(i) == 0 || each.isConstant(1))
      return b.reshape(b.in(i), {});
    return b.oneOrEach(i, each);
  };
  auto type = graph::withElementType(llvm::cast<RankedTensorType>(real.getType()),
                                     b.elementType(zero));
  return b.out(b.emit<graph::QuantizeOp>(type, real, b.cast(value(scale), b.f32()), value(zero), axis,
                                         uint64_t(0), true));
}

/// Inputs: a, a_scale, a_zero_point, b, b_scale, b_zero_point, y_scale, y_zero_point.
LogicalResult qlinearMatmul(NodeBuilder &b) {
  if (b.rank(0) < 2 || b.rank(3) < 2)
    return b.fail("E0701", "operands have rank 2 or more");
  for (unsigned i : {1u, 4u, 6u})
    if (failed(checkScale(b, i)))
      return failure();
  // Scales of a run along rows, those of b along columns.
  SizeExpr m = b.size(0, b.rank(0) - 2), n = b.size(3, b.rank(3) - 1);
  Value sums = b.emit<graph::MatmulIntegerOp>(
      RankedTensorType::get({}, b.builder().getI32Type()), b.in(0), b.in(3), b.oneOrEach(2, m),
      b.oneOrEach(5, n));
  Value rows = b.oneOrEach(1, m), columns = b.oneOrEach(4, n);
  if (!sums || !rows || !columns)
    return failure();
  if (NodeBuilder::rankOf(rows) == 1)
    rows = b.alignChannels(rows, 1);
  auto rank = static_cast<uint64_t>(NodeBuilder::rankOf(sums));
  return requantize(b, sums, b.mul(b.cast(rows, b.f32()), b.cast(columns, b.f32())), 6, 7, m, rank - 2);
}

/// Inputs: x, x_scale, x_zero_point, w, w_scale, w_zero_point, y_scale, y_zero_point, B.
LogicalResult qlinearConv(NodeBuilder &b) {
  Sizes kernel = b.sizes(3);
  kernel.erase(kernel.begin(), kernel.begin() + std::min<size_t>(2, kernel.size()));
  std::optional<Window> w = readWindow(b, 0, kernel, std::nullopt);
  if (!w)
    return failure();
  for (unsigned i : {1u, 4u, 6u})
    if (failed(checkScale(b, i)))
      return failure();
  Value sums = b.emit<graph::ConvIntegerOp>(
      RankedTensorType::get({}, b.builder().getI32Type()), w->x, b.in(3),
      b.scalarIfOne(b.in(2)), b.scalarIfOne(b.in(5)), w->strides, w->pads, w->dilations,
      static_cast<uint64_t>(b.integer("group", 1)));
  auto spatial = static_cast<int64_t>(kernel.size());
  auto byChannel = [&](Value v) {
    v = b.scalarIfOne(v);
    return v && NodeBuilder::rankOf(v) == 1 ? b.alignChannels(v, spatial) : v;
  };
  if (b.has(8))
    sums = b.add(sums, b.alignChannels(b.in(8), spatial));
  return requantize(b, sums, b.mul(b.scalarIfOne(b.in(1)), byChannel(b.in(4))), 6, 7);
}

constexpr TypeMask kBytes = maskOf(2, 3), kReal = kFloat32 | kHalf | maskOf(6),
                   kQuantized = maskOf(2, 3, 4, 5, 6, 17, 18, 19, 20) | kFloat4 | kPackedInts;
constexpr Limit kPrecision[] = {limit::attrIs("precision", 0)};
constexpr Limit kBytes3[] = {limit::dtype(3, kBytes)};

constexpr OpRow kRows[] = {
    {"DequantizeLinear", 10, dequantize, kQuantized},
    {"DequantizeLinear", 13, dequantize, kQuantized},
    {"DequantizeLinear", 19, dequantize, kQuantized},
    {"DequantizeLinear", 21, dequantize, kQuantized},
    {"DequantizeLinear", 23, dequantize, kQuantized},
    {"DequantizeLinear", 24, dequantize, kQuantized},
    {"DequantizeLinear", 25, dequantize, kQuantized},
    {"DequantizeLinear", 28, dequantize, kQuantized},
    {"QLinearConv", 10, qlinearConv, kBytes, kBytes3},
    {"QLinearMatMul", 10, qlinearMatmul, kBytes, kBytes3},
    {"QLinearMatMul", 21, qlinearMatmul, kBytes, kBytes3},
    {"QuantizeLinear", 10, quantize, kReal},
    {"QuantizeLinear", 13, quantize, kReal},
    {"QuantizeLinear", 19, quantize, kReal},
    {"QuantizeLinear", 21, quantize, kReal},
    {"QuantizeLinear", 23, quantize, kReal, kPrecision},
    {"QuantizeLinear", 24, quantize, kReal, kPrecision},
    {"QuantizeLinear", 25, quantize, kReal, kPrecision},
    {"QuantizeLinear", 28, quantize, kReal, kPrecision},
};

} // namespace

llvm::ArrayRef<OpRow> importer::quantizeRows() { return kRows; }
