// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See Packed.h.

#include "Packed.h"

#include "ScalarOps.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;

namespace cameo::graphtokernel {

namespace {

/// i32 arithmetic in few letters.
struct Int {
  OpBuilder &b;
  Location loc;
  Value c(int64_t v) { return arith::ConstantIntOp::create(b, loc, v, 32); }
  Value left(Value x, Value n) { return arith::ShLIOp::create(b, loc, x, n); }
  Value right(Value x, Value n) { return arith::ShRUIOp::create(b, loc, x, n); }
  Value both(Value x, Value y) { return arith::AndIOp::create(b, loc, x, y); }
  Value wide(Value byte) { return arith::ExtUIOp::create(b, loc, b.getI32Type(), byte); }
  Value byte(Value x) { return arith::TruncIOp::create(b, loc, b.getI8Type(), x); }
};

unsigned widthOf(Type element) { return element.getIntOrFloatBitWidth(); }

/// The low bits of an i32 as the i8 that a tile holds: integers keep their sign, codes are unsigned.
Value extended(Int m, Type element, Value x) {
  if (isa<FloatType>(element) || element.isUnsignedInteger())
    return m.byte(m.both(x, m.c((1 << widthOf(element)) - 1)));
  Value up = m.c(32 - widthOf(element));
  return m.byte(arith::ShRSIOp::create(m.b, m.loc, m.left(x, up), up));
}

/// The f32 of a code: sign, two bits of exponent (bias 1), one of mantissa.
Value decodeFloat4(OpBuilder &b, Location loc, Value code) {
  Int m{b, loc};
  Value wide = m.wide(code);
  // Moved into place the exponent is off by 126, which a product corrects for 0.5 too.
  Value moved = m.left(m.both(wide, m.c(7)), m.c(22));
  Value sign = m.left(m.both(wide, m.c(8)), m.c(28));
  Value scaled = arith::MulFOp::create(
      b, loc, arith::BitcastOp::create(b, loc, b.getF32Type(), moved).getResult(),
      constantOf(b, loc, b.getF32Type(), 0x1p126));
  Value bits = arith::BitcastOp::create(b, loc, b.getI32Type(), scaled);
  return arith::BitcastOp::create(b, loc, b.getF32Type(),
                                  arith::OrIOp::create(b, loc, bits, sign).getResult());
}

/// The code of an f32 that is a value of the format: the inverse, exactly.
Value encodeFloat4(OpBuilder &b, Location loc, Value x) {
  Int m{b, loc};
  Value scaled = arith::MulFOp::create(b, loc, x, constantOf(b, loc, b.getF32Type(), 0x1p-126));
  Value bits = arith::BitcastOp::create(b, loc, b.getI32Type(), scaled);
  Value sign = m.both(m.right(bits, m.c(28)), m.c(8));
  return m.byte(arith::OrIOp::create(b, loc, m.both(m.right(bits, m.c(22)), m.c(7)), sign));
}

} // namespace

unsigned elementsPerByte(Type element) {
  if (!element.isIntOrFloat() || element.isInteger(1))
    return 1;
  unsigned width = widthOf(element);
  return width == 2 || width == 4 ? 8 / width : 1;
}

bool hasPackedResult(Operation *op) {
  return llvm::any_of(op->getResultTypes(), [](Type type) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    return tensor && isPacked(tensor.getElementType());
  });
}

Value wrapPacked(OpBuilder &b, Location loc, Type element, Value x) {
  Int m{b, loc};
  return extended(m, element, m.wide(x));
}

Value roundToFloat4(OpBuilder &b, Location loc, Value x) {
  Type f32 = b.getF32Type();
  auto c = [&](double value) { return constantOf(b, loc, f32, value); };
  auto times = [&](Value v, double factor) -> Value {
    return arith::MulFOp::create(b, loc, v, c(factor));
  };
  auto nearest = [&](Value v, double step) {
    return times(math::RoundEvenOp::create(b, loc, times(v, 1 / step)), step);
  };
  auto below = [&](double limit, Value yes, Value no) -> Value {
    Value less = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OLT,
                                       math::AbsFOp::create(b, loc, x), c(limit));
    return arith::SelectOp::create(b, loc, less, yes, no);
  };
  // Values are half apart below 2, one apart below 4, two apart up to 6; even codes lie on even steps.
  Value largest = math::CopySignOp::create(b, loc, c(6), x);
  Value rounded = below(2, nearest(x, 0.5), below(4, nearest(x, 1), below(6, nearest(x, 2), largest)));
  // There is no NaN: it becomes a zero of the other sign.
  Value isNan = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::UNO, x, x);
  Value zero = math::CopySignOp::create(b, loc, c(0), arith::NegFOp::create(b, loc, x).getResult());
  return arith::SelectOp::create(b, loc, isNan, zero, rounded);
}

Value fromPackedStorage(OpBuilder &b, Location loc, Type element, Value x) {
  return isa<FloatType>(element) ? decodeFloat4(b, loc, x) : x;
}

Value toPackedStorage(OpBuilder &b, Location loc, Type element, Value x) {
  return isa<FloatType>(element) ? encodeFloat4(b, loc, x) : x;
}

Value unpack(OpBuilder &b, Location loc, Type element, Value byte, Value phase) {
  Int m{b, loc};
  Value shift = arith::MulIOp::create(
      b, loc, arith::IndexCastOp::create(b, loc, b.getI32Type(), phase), m.c(widthOf(element)));
  return extended(m, element, m.right(m.wide(byte), shift));
}

Value packAt(OpBuilder &b, Location loc, Type element, Value x, unsigned phase) {
  Int m{b, loc};
  Value low = m.both(m.wide(x), m.c((1 << widthOf(element)) - 1));
  return m.byte(m.left(low, m.c(phase * widthOf(element))));
}

} // namespace cameo::graphtokernel
