// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Circular functions, their inverses, and erf. sin, cos and tan subtract n pi/2 in three fused steps
// (exact enough for |x| below 2^30 in f64; f32 goes through f64), then use Taylor polynomials on
// [-pi/4, pi/4]; large f32 arguments are multiplied by 2/pi in exact pieces instead. atan is reduced to
// [0, tan(pi/8)]. erf is an odd polynomial below 1 (f64: 1.25) and 1 - e^-p(x) above, with p fitted to -ln(erfc):
// at most 2 ulp. Arguments of type f64 beyond 2^27 lose bits in the reduction; see docs/numerics.md.
#include "ScalarMath.h"

#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace cameo::kernel;

static constexpr double halfPi[] = {1.5707963267948966, 6.123233995736766e-17, -1.4973849048591698e-33};

/// Above this, n pi/2 has too many bits for three steps.
static constexpr double largeAngle = 134217728; // 2^27

ScalarMath::Angle ScalarMath::smallAngle(Value x) {
  Nearest n = nearest(mul(x, c(0.63661977236758138)));
  Value r = x;
  for (double part : halfPi)
    r = fma(n.number, c(-part), r);
  return {r, n.integer};
}

/// x must be an f32's value: its 24 bits times 28 bits of 2/pi are exact in f64, and whole turns drop
/// out of each product before they are added.
ScalarMath::Angle ScalarMath::largeAngleOf(Value x) {
  static const double pieces[] = {0x1.45f306cp-1,   0x1.c9c882ap-29,  0x1.4fe13a8p-59,  0x1.f47d4dp-86,
                                  0x1.bb81b6cp-113, 0x1.4acc9ep-143, 0x1.0e4107cp-170, 0x1.ca2c756p-197};
  auto round = [&](Value v) -> Value { return math::RoundEvenOp::create(builder, loc, v); };
  Value fraction = c(0), quarters = c(0);
  for (double piece : pieces) {
    Value product = mul(x, c(piece));
    product = sub(product, mul(c(4), round(mul(product, c(0.25)))));
    fraction = add(fraction, product);
    Value whole = round(fraction);
    fraction = sub(fraction, whole);
    quarters = add(quarters, whole);
  }
  return {mul(fraction, c(halfPi[0])), nearest(quarters).integer};
}

ScalarMath::Angle ScalarMath::reduceAngle(Value x, bool isNarrow) {
  Angle usual = smallAngle(x);
  if (!isNarrow)
    return usual;
  Value isLarge = is(Float::OGE, abs(x), c(largeAngle));
  auto branch = scf::IfOp::create(builder, loc, TypeRange{type, integer}, isLarge, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(branch.thenBlock());
  Angle large = largeAngleOf(x);
  scf::YieldOp::create(builder, loc, ValueRange{large.rest, large.quarters});
  builder.setInsertionPointToStart(branch.elseBlock());
  scf::YieldOp::create(builder, loc, ValueRange{usual.rest, usual.quarters});
  return {branch.getResult(0), branch.getResult(1)};
}

Value ScalarMath::circular(Value x, Circular which) {
  Value finite = less(abs(x), infinity());
  Angle angle = reduceAngle(x, !precise);
  Value r = angle.rest, z = mul(r, r);
  // r - r^3/3! + ...; 1 - z/2 + ...
  static const double sines[] = {-1.0 / 6,           1.0 / 120,           -1.0 / 5040,           1.0 / 362880,
                                 -1.0 / 39916800,    1.0 / 6227020800,    -1.0 / 1307674368000,  1.0 / 355687428096000};
  static const double cosines[] = {1.0 / 24,          -1.0 / 720,          1.0 / 40320,           -1.0 / 3628800,
                                   1.0 / 479001600,   -1.0 / 87178291200,  1.0 / 20922789888000,  -1.0 / 6402373705728000};
  Value sine = fma(mul(z, r), polynomial(z, sines), r);
  Value halfZ = mul(z, c(0.5)), one = sub(c(1), halfZ);
  Value cosine = add(one, fma(mul(z, z), polynomial(z, cosines), sub(sub(c(1), one), halfZ)));

  Value quadrant = arith::AndIOp::create(builder, loc, angle.quarters, i(3));
  auto quadrantBit = [&](Value q, int64_t bit) {
    Value masked = arith::AndIOp::create(builder, loc, q, i(bit));
    return arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::ne, masked, i(0)).getResult();
  };
  Value result;
  if (which == Circular::Tan) {
    Value odd = quadrantBit(quadrant, 1);
    result = div(select(odd, neg(cosine), sine), select(odd, sine, cosine));
  } else {
    if (which == Circular::Cos)
      quadrant = iadd(quadrant, i(1)); // cos x = sin(x + pi/2)
    Value value = select(quadrantBit(quadrant, 1), cosine, sine);
    result = select(quadrantBit(quadrant, 2), neg(value), value);
  }
  // sin and tan of -0 are -0.
  if (which != Circular::Cos)
    result = select(equal(x, c(0)), x, result);
  return select(finite, result, nan());
}

Value ScalarMath::atan(Value x) {
  static const double odd[] = {1,
                               -0.33333333333333331,
                               0.19999999999999851,
                               -0.14285714285692069,
                               0.11111111109371868,
                               -0.090909090091702366,
                               0.076923051968171813,
                               -0.066666147639512147,
                               0.058815967445044498,
                               -0.052553357869753382,
                               0.047044064133126749,
                               -0.0405104212790224,
                               0.029530928077580138,
                               -0.012909226369020815};
  Value a = abs(x);
  Value above = is(Float::OGT, a, c(2.414213562373095)), middle = is(Float::OGT, a, c(0.41421356237309503));
  // tan(a - pi/2) = -1/a, tan(a - pi/4) = (a - 1)/(a + 1).
  Value numerator = select(above, c(-1), select(middle, sub(a, c(1)), a));
  Value denominator = select(above, a, select(middle, add(a, c(1)), c(1)));
  Value t = div(numerator, denominator), z = mul(t, t);
  Value small = fma(mul(t, z), polynomial(z, Table(odd).drop_front()), t);
  Value offset = select(above, c(halfPi[0]), select(middle, c(halfPi[0] / 2), c(0)));
  Value offsetLow = select(above, c(halfPi[1]), select(middle, c(halfPi[1] / 2), c(0)));
  return copySign(add(offset, add(small, offsetLow)), x);
}

Value ScalarMath::asin(Value x) {
  Value other = sqrt(mul(sub(c(1), x), add(c(1), x)));
  return select(equal(x, c(0)), x, atan(div(x, other)));
}

Value ScalarMath::acos(Value x) {
  Value t = atan(sqrt(div(sub(c(1), x), add(c(1), x))));
  return add(t, t);
}

Value ScalarMath::erf(Value x) {
  static const double small32[] = {0.1283791670615435,     -0.37612638468028708,  0.11283782495236845,
                                   -0.026865430727670243,  0.0052210318078580228, -0.00084840804055351068,
                                   0.00011265959025606609, -9.6670445714869965e-06};
  static const double small64[] = {0.1283791670955126,      -0.37612638903183754,    0.11283791670955126,
                                   -0.026866170645131252,   0.0052239776254421853,  -0.00085483270234506419,
                                   0.00012055332981777377,  -1.4925650357906547e-05, 1.6462114351159441e-06,
                                   -1.6365844368848176e-07, 1.4807187496390154e-08, -1.2290488597223354e-09,
                                   9.4221225268644548e-11,  -6.7067702290459797e-12, 4.438454029905835e-13,
                                   -2.6864033931920949e-14, 1.3688856875703278e-15, -4.3635300594520498e-17};
  static const double large32[] = {7.806815272434493,       8.02902112657255,        2.1237609214855637,
                                   0.036645988803053406,    -0.01096297105080764,    0.0031965344514976409,
                                   -0.00087639931879323382, 0.00021761554193803898,  -4.727699436216492e-05,
                                   6.6244082339165042e-06,  2.3641464769462434e-06,  -1.4885962405028938e-06};
  static const double large64[] = {14.112437402148174,      18.165248970912977,      6.042206592138939,
                                   0.081650909717795567,    -0.034128411079741218,   0.014384548330824112,
                                   -0.0059537044765002661,  0.002373997272217967,    -0.00089357658035767824,
                                   0.00030781963845886724,  -9.0900951794274608e-05, 1.847405574622964e-05,
                                   1.4777972647466486e-06,  -4.5641312612149683e-06, 3.4211450775738658e-06,
                                   -1.9228114527884747e-06, 9.1551254062789941e-07,  -3.7520834706408876e-07,
                                   1.3040093864953312e-07,  -3.7976177673401155e-08, 3.4574722218947052e-09,
                                   1.0227511332473707e-08,  -7.14621736990772e-09,   -3.3520800861774227e-10,
                                   3.6800577280580195e-11,  2.2479171642368137e-09,  -1.0078085715187335e-09,
                                   -2.9593169302253136e-10, 1.8353089248431713e-10};
  double center = pick(2.5, 3.5), radius = pick(1.5, 2.5);
  Value a = abs(x), z = mul(x, x);
  // x + x*(P - 1): the leading product does not round on its own.
  Value small = fma(x, polynomial(z, pick(Table(small32), Table(small64))), x);
  Value u = mul(sub(atMost(a, center + radius), c(center)), c(1 / radius));
  Value p = polynomial(u, pick(Table(large32), Table(large64)));
  ExpParts parts = expParts(neg(p));
  Value large = sub(c(1), scale(add(parts.q, c(1)), parts.n));
  return select(less(a, c(pick(1, 1.25))), small, copySign(large, x));
}
