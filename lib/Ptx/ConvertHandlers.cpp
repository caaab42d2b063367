// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// cvt. The pairs that kernels use all the time are vector code; every other pair of types, rounding
// and saturation goes lane by lane through one function that knows all formats.
#include "HalfFloat.h"
#include "Rounding.h"

namespace cameo::ptx {
namespace CAMEO_PTX_ISA {
namespace {

template <typename D, typename A> D integerCast(A a) { return D(a); }
template <typename D, typename A> D floatCast(A a) { return D(a); }
float narrow(double a) { return canonical(float(a)); }
double widen(float a) { return canonical(double(a)); }

enum class Integral { Nearest, Zero, Down, Up };
template <Integral How, typename F> F toIntegral(F a) {
  switch (How) {
  case Integral::Nearest: return sizeof(F) == 4 ? F(__builtin_nearbyintf(float(a))) : F(__builtin_nearbyint(a));
  case Integral::Zero: return sizeof(F) == 4 ? F(__builtin_truncf(float(a))) : F(__builtin_trunc(a));
  case Integral::Down: return sizeof(F) == 4 ? F(__builtin_floorf(float(a))) : F(__builtin_floor(a));
  case Integral::Up: return sizeof(F) == 4 ? F(__builtin_ceilf(float(a))) : F(__builtin_ceil(a));
  }
  return a;
}
template <Integral How, typename F> F roundIntegral(F a) { return canonical(toIntegral<How, F>(a)); }

/// What a NaN becomes: 0 from 32 bits and less to 32 bits and less, otherwise the sign bit alone.
template <typename I, typename F> constexpr I integerOfNaN() {
  return sizeof(F) == 8 || sizeof(I) == 8 ? I(u64(1) << (8 * sizeof(I) - 1)) : I(0);
}
/// Saturates.
template <typename I, Integral How, typename F> I floatToInteger(F a) {
  F r = toIntegral<How, F>(a);
  constexpr F least = F(std::numeric_limits<I>::min());
  constexpr F beyond = F(2) * F(u64(1) << (std::numeric_limits<I>::digits - 1));
  if constexpr (sizeof(I) == 4) {
    // Through 64 bits, which vectorises and never overflows.
    double w = double(r);
    w = w < double(least) ? double(least) : w;
    w = w >= double(beyond) ? double(std::numeric_limits<I>::max()) : w;
    w = a != a ? double(integerOfNaN<I, F>()) : w;
    return I(s64(w));
  } else {
    if (a != a)
      return integerOfNaN<I, F>();
    if (r < least)
      return std::numeric_limits<I>::min();
    if (r >= beyond)
      return std::numeric_limits<I>::max();
    return I(r);
  }
}

float fromHalf(u16 a) { return canonical(halfToFloat(a)); }
float fromBrain(u16 a) { return canonical(brainToFloat(a)); }
u16 toHalf(float a) { return floatToHalf(a); }
u16 toBrain(float a) { return floatToBrain(a); }
// d = {a: upper half, b: lower half}
u32 toHalves(float a, float b) { return u32(floatToHalf(a)) << 16 | floatToHalf(b); }
u32 toBrains(float a, float b) { return u32(floatToBrain(a)) << 16 | floatToBrain(b); }
float saturated(float a) { return a != a ? 0.0f : a < 0 ? 0.0f : a > 1 ? 1.0f : a + 0.0f; }
float flushed(float a) { return canonical(flush(a)); }

// -- any pair -------------------------------------------------------------------------------------

enum ConvertFlags : u32 { CvtFtz = 1, CvtSat = 2, CvtSatFinite = 4, CvtRelu = 8, CvtIntegral = 16 };

FloatFormat formatOf(Type t) {
  switch (t) {
  case Type::F16: return formatF16;
  case Type::BF16: return formatBF16;
  case Type::F64: return formatF64;
  case Type::TF32: return formatTF32;
  case Type::E4M3: return formatE4M3;
  case Type::E5M2: return formatE5M2;
  default: return formatF32;
  }
}

double applyIntegral(double v, Round mode) {
  switch (mode) {
  case Round::Zero: return std::trunc(v);
  case Round::Down: return std::floor(v);
  case Round::Up: return std::ceil(v);
  default: return std::nearbyint(v);
  }
}

u64 saturateInteger(bool negative, u64 magnitude, Type to) {
  unsigned bits = 8 * sizeOf(to);
  if (isSigned(to)) {
    u64 most = (u64(1) << (bits - 1)) - 1;
    if (negative)
      return 0 - std::min(magnitude, most + 1);
    return std::min(magnitude, most);
  }
  u64 most = bits == 64 ? ~u64(0) : (u64(1) << bits) - 1;
  return negative ? 0 : std::min(magnitude, most);
}

u64 floatToAnyInteger(double v, Type to, Type from, Round mode) {
  if (v != v)
    return from == Type::F64 || sizeOf(to) == 8 ? u64(1) << (8 * sizeOf(to) - 1) : 0;
  double r = applyIntegral(v, mode);
  bool negative = r < 0;
  double magnitude = std::fabs(r);
  return saturateInteger(negative, magnitude >= 18446744073709551616.0 ? ~u64(0) : u64(magnitude), to);
}

u64 floatToAnyFloat(double v, Type to, Round mode, u32 flags) {
  FloatFormat f = formatOf(to);
  if (v != v && (flags & CvtSat))
    v = 0;
  if (v != v) {
    u64 nan = canonicalNaN(f);
    return to == Type::TF32 ? 0x7fffffffu : nan;
  }
  if (flags & CvtIntegral) {
    v = applyIntegral(v, mode);
    mode = Round::Nearest;
  }
  if (flags & CvtSat)
    v = v < 0 ? 0 : v > 1 ? 1 : v + 0.0;
  if ((flags & CvtRelu) && !(v > 0))
    v = 0;
  u64 bits = roundDouble(v, f, mode, flags & CvtSatFinite);
  if (to == Type::TF32) // a 32-bit register with 13 bits below
    return bits << 13;
  if (flags & CvtFtz && to == Type::F32)
    bits = asBits(flush(asFloat(u32(bits))));
  return bits;
}

u64 convertOne(u64 raw, Type to, Type from, Round mode, u32 flags) {
  if (isFloat(from)) {
    double v = from == Type::TF32 ? double(asFloat(u32(raw))) : valueOf(raw, formatOf(from));
    if ((flags & CvtFtz) && from == Type::F32)
      v = flush(float(v));
    return isFloat(to) ? floatToAnyFloat(v, to, mode, flags) : floatToAnyInteger(v, to, from, mode);
  }
  unsigned bits = 8 * sizeOf(from);
  u64 value = bits == 64 ? raw : raw & ((u64(1) << bits) - 1);
  bool negative = isSigned(from) && (value >> (bits - 1) & 1);
  if (negative && bits < 64)
    value |= ~u64(0) << bits;
  u64 magnitude = negative ? 0 - value : value;
  if (isFloat(to)) {
    u64 r = roundInteger(negative, magnitude, formatOf(to), mode);
    if (flags & CvtSat)
      r = floatToAnyFloat(valueOf(r, formatOf(to)), to, Round::Nearest, CvtSat);
    return r;
  }
  return flags & CvtSat ? saturateInteger(negative, magnitude, to) : value;
}

struct Description {
  explicit Description(const Op &o)
      : to(Type(o.imm & 0xff)), from(Type(o.imm >> 8 & 0xff)), round(Round(o.imm >> 16 & 0xff)),
        flags(u32(o.imm >> 24 & 0xff)), toBytes(unsigned(o.imm >> 32 & 0xff)),
        fromBytes(unsigned(o.imm >> 40 & 0xff)) {}
  Type to, from;
  Round round;
  u32 flags;
  unsigned toBytes, fromBytes;
};

void convertAny(Exec &x, const Op &o) {
  Description c(o);
  const u8 *a = x.at<u8>(o.a);
  u8 *d = x.at<u8>(o.d);
  for (unsigned i = 0; i < lanes; ++i) {
    if (!x.lane[i])
      continue;
    u64 raw = 0;
    std::memcpy(&raw, a + i * c.fromBytes, c.fromBytes);
    if (sizeOf(c.from) < 8)
      raw &= (u64(1) << (8 * sizeOf(c.from))) - 1;
    u64 r = convertOne(raw, c.to, c.from, c.round, c.flags);
    // The result fills a wider register: by sign for signed types, else by zeros.
    unsigned bits = 8 * sizeOf(c.to);
    if (bits < 64) {
      bool sign = isSigned(c.to) && !isFloat(c.to) && (r >> (bits - 1) & 1);
      r = (r & ((u64(1) << bits) - 1)) | (sign ? ~u64(0) << bits : 0);
    }
    std::memcpy(d + i * c.toBytes, &r, c.toBytes);
  }
}

/// Two at once. toBytes and fromBytes are those of one half; b is the lower half where the sources
/// are two registers.
void convertPair(Exec &x, const Op &o) {
  Description c(o);
  bool two = o.b != noOperand;
  const u8 *a = x.at<u8>(o.a), *b = two ? x.at<u8>(o.b) : a;
  u8 *d = x.at<u8>(o.d);
  for (unsigned i = 0; i < lanes; ++i) {
    if (!x.lane[i])
      continue;
    u64 high = 0, low = 0;
    if (two) {
      std::memcpy(&high, a + 4 * i, 4);
      std::memcpy(&low, b + 4 * i, 4);
    } else {
      std::memcpy(&low, a + 2 * c.fromBytes * i, c.fromBytes);
      std::memcpy(&high, a + 2 * c.fromBytes * i + c.fromBytes, c.fromBytes);
    }
    low = convertOne(low, c.to, c.from, c.round, c.flags);
    high = convertOne(high, c.to, c.from, c.round, c.flags);
    u64 r = low | high << (8 * c.toBytes);
    std::memcpy(d + 2 * c.toBytes * i, &r, 2 * c.toBytes);
  }
}

} // namespace

#define ROW(NAME, ...) rows.push_back({NAME, perLane<&__VA_ARGS__>})

static void integerRowsOfCvt(HandlerRows &rows) {
#define INTS(D, TD)                                                                                \
  ROW("cvt" D ".u16", integerCast<TD, u16>), ROW("cvt" D ".s16", integerCast<TD, s16>),            \
      ROW("cvt" D ".u32", integerCast<TD, u32>), ROW("cvt" D ".s32", integerCast<TD, s32>),        \
      ROW("cvt" D ".u64", integerCast<TD, u64>), ROW("cvt" D ".s64", integerCast<TD, s64>)
  INTS(".u16", u16);
  INTS(".s16", u16);
  INTS(".u32", u32);
  INTS(".s32", u32);
  INTS(".u64", u64);
  INTS(".s64", u64);
#define FLOATS(D, TD)                                                                              \
  ROW("cvt" D ".u16", floatCast<TD, u16>), ROW("cvt" D ".s16", floatCast<TD, s16>),                \
      ROW("cvt" D ".u32", floatCast<TD, u32>), ROW("cvt" D ".s32", floatCast<TD, s32>),            \
      ROW("cvt" D ".u64", floatCast<TD, u64>), ROW("cvt" D ".s64", floatCast<TD, s64>)
  FLOATS(".f32", float);
  FLOATS(".f64", double);
}

void convertRows(HandlerRows &rows) {
  integerRowsOfCvt(rows);
#define TO_INT(R, HOW)                                                                             \
  ROW("cvt" R ".s32.f32", floatToInteger<s32, Integral::HOW, float>);                              \
  ROW("cvt" R ".u32.f32", floatToInteger<u32, Integral::HOW, float>);                              \
  ROW("cvt" R ".s64.f32", floatToInteger<s64, Integral::HOW, float>);                              \
  ROW("cvt" R ".u64.f32", floatToInteger<u64, Integral::HOW, float>);                              \
  ROW("cvt" R ".s32.f64", floatToInteger<s32, Integral::HOW, double>);                             \
  ROW("cvt" R ".u32.f64", floatToInteger<u32, Integral::HOW, double>);                             \
  ROW("cvt" R ".s64.f64", floatToInteger<s64, Integral::HOW, double>);                             \
  ROW("cvt" R ".u64.f64", floatToInteger<u64, Integral::HOW, double>);                             \
  ROW("cvt" R ".f32.f32", roundIntegral<Integral::HOW, float>);                                    \
  ROW("cvt" R ".f64.f64", roundIntegral<Integral::HOW, double>)
  TO_INT(".rni", Nearest);
  TO_INT(".rzi", Zero);
  TO_INT(".rmi", Down);
  TO_INT(".rpi", Up);
  ROW("cvt.f64.f32", widen), ROW("cvt.f32.f64", narrow);
  ROW("cvt.f32.f16", fromHalf), ROW("cvt.f16.f32", toHalf);
  ROW("cvt.f32.bf16", fromBrain), ROW("cvt.bf16.f32", toBrain);
  ROW("cvt.sat.f32.f32", saturated), ROW("cvt.ftz.f32.f32", flushed);
  ROW("cvt.pair.f16x2.f32", toHalves), ROW("cvt.pair.bf16x2.f32", toBrains);
  rows.push_back({"cvt.any", &convertAny});
  rows.push_back({"cvt.pair", &convertPair});
}

} // namespace CAMEO_PTX_ISA
} // namespace cameo::ptx
