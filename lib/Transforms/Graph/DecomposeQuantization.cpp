// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Quantized ops as arithmetic: quantize and dequantize are pointwise, matrix products of 8-bit integers
// lose their zero points to sums over k, convolutions are i32 convolutions of differences.
#include "Emit.h"
#include "Rewrite.h"

#include <cmath>

using namespace mlir;

namespace cameo::graph {
namespace {

/// A scale or zero point (one element, a vector along `axis`, or one element a block) as something
/// that broadcasts against a tensor of type `x`.
Value alignParameter(Emit &emit, Value parameter, TensorType x, int64_t axis, int64_t blockSize) {
  TensorType type = Emit::typeOf(parameter);
  if (!blockSize && type.getRank() <= 1 && type.hasStaticShape() && type.getNumElements() == 1)
    return emit.reshape(parameter, {});
  if (!blockSize)
    return emit.alongAxis(parameter, axis, x.getRank());
  SmallVector<SizeExpr> sizes = getSizes(type), start(sizes.size(), SizeExpr(0));
  SmallVector<SizeExpr> split = sizes, repeated = sizes;
  split.insert(split.begin() + axis + 1, SizeExpr(1));
  repeated.insert(repeated.begin() + axis + 1, SizeExpr(blockSize));
  sizes[axis] *= blockSize;
  Value wide = emit.reshape(emit.broadcast(emit.reshape(parameter, split), repeated), sizes);
  // The last block may reach past the end.
  SmallVector<SizeExpr> wanted = getSizes(x);
  return sizes[axis] == wanted[axis] ? wide : emit.slice(wide, start, wanted);
}

/// Arithmetic of quantization is f32, or f64 where a side is.
Type computeTypeOf(Type element) {
  return element.isF64() ? element : Float32Type::get(element.getContext());
}

/// quantize → cast(round(x / scale) + zero_point), the cast saturates
struct QuantizeToPointwise : OpRewritePattern<QuantizeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(QuantizeOp op, PatternRewriter &rewriter) const override {
    Emit emit(rewriter, op.getLoc());
    TensorType type = op.getX().getType(), result = op.getType();
    Type compute = computeTypeOf(type.getElementType());
    auto align = [&](Value parameter) {
      return emit.cast(alignParameter(emit, parameter, type, op.getAxis(), op.getBlockSize()),
                       compute);
    };
    Value value = emit.binary(BinaryKind::Div, emit.cast(op.getX(), compute), align(op.getScale()));
    if (isIntElement(result.getElementType()))
      value = emit.unary(UnaryKind::Round, value);
    if (op.getZeroPoint())
      value = emit.binary(BinaryKind::Add, value, align(op.getZeroPoint()));
    if (unsigned width = bitWidth(dtypeOf(result.getElementType()));
        isIntElement(result.getElementType()) && width < 8) {
      // Casts to 4- and 2-bit integers wrap.
      bool isSigned = !result.getElementType().isUnsignedInteger();
      value = ClipOp::create(
          rewriter, op.getLoc(), value,
          emit.scalar(compute, isSigned ? -std::ldexp(1.0, int(width) - 1) : 0),
          emit.scalar(compute, std::ldexp(1.0, int(width) - isSigned) - 1));
    }
    rewriter.replaceOpWithNewOp<CastOp>(op, result, value, op.getSaturate(), RoundModeAttr());
    return success();
  }
};

/// dequantize → (x - zero_point) * scale
struct DequantizeToPointwise : OpRewritePattern<DequantizeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(DequantizeOp op, PatternRewriter &rewriter) const override {
    Emit emit(rewriter, op.getLoc());
    TensorType type = op.getX().getType();
    Type compute = computeTypeOf(op.getType().getElementType());
    auto align = [&](Value parameter) {
      return emit.cast(alignParameter(emit, parameter, type, op.getAxis(), op.getBlockSize()),
                       compute);
    };
    Value value = emit.cast(op.getX(), compute);
    if (op.getZeroPoint())
      value = emit.binary(BinaryKind::Sub, value, align(op.getZeroPoint()));
    value = emit.binary(BinaryKind::Mul, value, align(op.getScale()));
    rewriter.replaceOp(op, emit.cast(value, op.getType().getElementType()));
    return success();
  }
};

/// x - zero_point in i32; `axis` is the dimension a vector of zero points runs along.
Value lessZeroPoint(Emit &emit, Value x, Value zeroPoint, int64_t axis) {
  Type i32 = IntegerType::get(x.getContext(), 32);
  Value wide = emit.cast(x, i32);
  if (!zeroPoint)
    return wide;
  TensorType type = Emit::typeOf(x);
  Value aligned = Emit::typeOf(zeroPoint).getRank() > 1
                      ? zeroPoint
                      : alignParameter(emit, zeroPoint, type, axis, /*blockSize=*/0);
  // A vector of unknown length may fit by being one number or by having the dimension's.
  return emit.reshape(emit.binary(BinaryKind::Sub, wide, emit.cast(aligned, i32)), getSizes(type));
}

/// Nothing, or a constant that is zero everywhere.
bool isZero(Value value) {
  DenseElementsAttr elements;
  return !value || (matchPattern(value, m_Constant(&elements)) && elements.getElementType().isInteger() &&
                    llvm::all_of(elements.getValues<APInt>(), [](const APInt &element) { return element.isZero(); }));
}

/// matmul_integer with zero points → one without, which multiplies the bytes as they are, less what it
/// counted too much. Exact, since integers wrap:
///   sum (a - p) (b - q)  =  sum a b  -  p sum b  -  q sum (a - p)
/// The sums over k are vectors; those of constant weights are folded.
struct ZeroPointsOfMatmulInteger : OpRewritePattern<MatmulIntegerOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(MatmulIntegerOp op, PatternRewriter &rewriter) const override {
    Value p = op.getAZeroPoint(), q = op.getBZeroPoint();
    if (!p && !q)
      return failure();
    Emit emit(rewriter, op.getLoc());
    Type i32 = rewriter.getI32Type();
    int64_t rankA = op.getA().getType().getRank(), rankB = op.getB().getType().getRank();
    Value product = MatmulIntegerOp::create(rewriter, op.getLoc(), op.getA(), op.getB(), Value(), Value());
    if (!isZero(p)) {
      Value columns = emit.reduce(ReduceKind::Sum, emit.cast(op.getB(), i32), {rankB - 2}, /*keepdims=*/true);
      Value rows = aligned(emit, p, op.getA(), rankA - 2);
      product = emit.binary(BinaryKind::Sub, product, emit.binary(BinaryKind::Mul, rows, columns));
    }
    if (!isZero(q)) {
      Value rows = emit.reduce(ReduceKind::Sum, lessZeroPoint(emit, op.getA(), isZero(p) ? Value() : p, rankA - 2),
                               {rankA - 1}, /*keepdims=*/true);
      Value columns = aligned(emit, q, op.getB(), rankB - 1);
      product = emit.binary(BinaryKind::Sub, product, emit.binary(BinaryKind::Mul, rows, columns));
    }
    // A vector of unknown length may fit by being one number or by having the dimension's.
    rewriter.replaceOp(op, emit.reshape(product, getSizes(op.getType())));
    return success();
  }

private:
  /// The zero points in i32, along dimension `axis` of x.
  static Value aligned(Emit &emit, Value zeroPoint, Value x, int64_t axis) {
    Value along = Emit::typeOf(zeroPoint).getRank() > 1
                      ? zeroPoint
                      : alignParameter(emit, zeroPoint, Emit::typeOf(x), axis, /*blockSize=*/0);
    return emit.cast(along, IntegerType::get(x.getContext(), 32));
  }
};

/// conv_integer → conv of i32 differences; its zero padding then is the zero point
struct ConvIntegerToConv : OpRewritePattern<ConvIntegerOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ConvIntegerOp op, PatternRewriter &rewriter) const override {
    Emit emit(rewriter, op.getLoc());
    Value x = lessZeroPoint(emit, op.getX(), op.getXZeroPoint(), 1);
    Value w = lessZeroPoint(emit, op.getW(), op.getWZeroPoint(), 0);
    rewriter.replaceOpWithNewOp<ConvOp>(op, op.getType(), x, w, Value(), op.getStrides(),
                                        op.getPads(), op.getDilations(), op.getGroups());
    return success();
  }
};

} // namespace

void populateDecomposeQuantizationPatterns(RewritePatternSet &patterns) {
  patterns
      .add<ConvIntegerToConv, DequantizeToPointwise, QuantizeToPointwise, ZeroPointsOfMatmulInteger>(
          patterns.getContext());
}

} // namespace cameo::graph
