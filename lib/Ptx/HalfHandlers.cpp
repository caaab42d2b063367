// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// f16 and bf16 arithmetic, scalar and in pairs. Computed in f32 where that rounds to the same as
// once (sums and products of 11 bits), in f64 where it would not (fma, and bf16 whose products may
// leave f32's normal range).
#include "HalfFloat.h"

namespace cameo::ptx {
namespace CAMEO_PTX_ISA {
namespace {

// A format: how to widen, and how to round a double.
struct Half {
  static float widen(u16 v) { return halfToFloat(v); }
  static u16 narrow(double v) { return doubleToHalf(v); }
  static constexpr u16 smallestNormal = 0x0400;
};
struct Brain {
  static float widen(u16 v) { return brainToFloat(v); }
  static u16 narrow(double v) { return doubleToBrain(v); }
  static constexpr u16 smallestNormal = 0x0080;
};

// Modifiers, as a template parameter.
enum Mod : unsigned { Plain = 0, Ftz = 1, Sat = 2, Relu = 4, Nan = 8, XorSign = 16 };

template <typename F, unsigned M> u16 in(u16 v) {
  return (M & Ftz) && (v & 0x7fff) < F::smallestNormal ? v & 0x8000 : v;
}
template <typename F, unsigned M> u16 out(u16 v) {
  u16 infinity = F::smallestNormal == 0x0400 ? 0x7c00 : 0x7f80;
  u16 one = F::smallestNormal == 0x0400 ? 0x3c00 : 0x3f80;
  bool nan = (v & 0x7fff) > infinity;
  v = in<F, M>(v);
  if (M & Sat)
    v = nan || (v & 0x8000) ? 0 : v > one ? one : v;
  if (M & Relu)
    v = nan ? 0x7fff : v & 0x8000 ? 0 : v;
  return v;
}

template <typename F, unsigned M> u16 addH(u16 a, u16 b) {
  return out<F, M>(F::narrow(double(F::widen(in<F, M>(a))) + double(F::widen(in<F, M>(b)))));
}
template <typename F, unsigned M> u16 subH(u16 a, u16 b) {
  return out<F, M>(F::narrow(double(F::widen(in<F, M>(a))) - double(F::widen(in<F, M>(b)))));
}
template <typename F, unsigned M> u16 mulH(u16 a, u16 b) {
  return out<F, M>(F::narrow(double(F::widen(in<F, M>(a))) * double(F::widen(in<F, M>(b)))));
}
/// p + c in double, to odd: a tie of the product must not be decided by a c that was lost.
template <typename F, unsigned M> u16 fmaH(u16 a, u16 b, u16 c) {
  double p = double(F::widen(in<F, M>(a))) * double(F::widen(in<F, M>(b)));
  double C = F::widen(in<F, M>(c));
  double s = p + C, t = s - p;
  double error = (p - (s - t)) + (C - t);
  u64 bits = asBits(s);
  bool inexact = error != 0 && s - s == 0;
  bool above = (error < 0) != (s < 0);
  u64 odd = (bits - u64(above)) | 1;
  return out<F, M>(F::narrow(asDouble(inexact ? odd : bits)));
}
template <typename F, unsigned M> u16 negH(u16 a) { return in<F, M>(a) ^ 0x8000; }
template <typename F, unsigned M> u16 absH(u16 a) { return in<F, M>(a) & 0x7fff; }

template <typename F, unsigned M, bool Max> u16 pickH(u16 a, u16 b) {
  a = in<F, M>(a);
  b = in<F, M>(b);
  u16 sign = M & XorSign ? (a ^ b) & 0x8000 : 0;
  if (M & XorSign)
    a &= 0x7fff, b &= 0x7fff;
  float A = F::widen(a), B = F::widen(b);
  u16 r = Max ? (A > B ? a : b) : (A < B ? a : b);
  r = A == B ? (Max ? a & b : a | b) : r;
  bool aNan = A != A, bNan = B != B;
  u16 withNan = (M & Nan) || (aNan && bNan) ? 0x7fff : aNan ? b : a;
  u16 chosen = aNan || bNan ? withNan : r;
  return chosen == 0x7fff ? chosen : chosen | sign;
}

// Functions: correctly rounded from double, well within what `.approx` promises.
template <typename F, unsigned M> u16 tanhH(u16 a) { return F::narrow(std::tanh(double(F::widen(a)))); }
template <typename F, unsigned M> u16 ex2H(u16 a) {
  return out<F, M>(F::narrow(std::exp2(double(F::widen(in<F, M>(a))))));
}

template <auto F> u32 pair1(u32 a) { return F(u16(a)) | u32(F(u16(a >> 16))) << 16; }
template <auto F> u32 pair2(u32 a, u32 b) {
  return F(u16(a), u16(b)) | u32(F(u16(a >> 16), u16(b >> 16))) << 16;
}
template <auto F> u32 pair3(u32 a, u32 b, u32 c) {
  return F(u16(a), u16(b), u16(c)) | u32(F(u16(a >> 16), u16(b >> 16), u16(c >> 16))) << 16;
}

} // namespace

// A row for the scalar and one for the pair.
#define ROWS1(NAME, MODS, TYPE, F)                                                                 \
  rows.push_back({NAME "." TYPE MODS, perLane<&F>}),                                               \
      rows.push_back({NAME "." TYPE "x2" MODS, perLane<&pair1<&F>>})
#define ROWS2(NAME, MODS, TYPE, ...)                                                               \
  rows.push_back({NAME "." TYPE MODS, perLane<&__VA_ARGS__>}),                                     \
      rows.push_back({NAME "." TYPE "x2" MODS, perLane<&pair2<&__VA_ARGS__>>})
#define ROWS3(NAME, MODS, TYPE, ...)                                                               \
  rows.push_back({NAME "." TYPE MODS, perLane<&__VA_ARGS__>}),                                     \
      rows.push_back({NAME "." TYPE "x2" MODS, perLane<&pair3<&__VA_ARGS__>>})
#define ARITHMETIC(TYPE, FMT, MODS, M)                                                             \
  ROWS2("add", MODS, TYPE, addH<FMT, (M)>);                                                        \
  ROWS2("sub", MODS, TYPE, subH<FMT, (M)>);                                                        \
  ROWS2("mul", MODS, TYPE, mulH<FMT, (M)>);                                                        \
  ROWS3("fma", MODS, TYPE, fmaH<FMT, (M)>)
#define PICKS(TYPE, FMT, MODS, M)                                                                  \
  ROWS2("min", MODS, TYPE, pickH<FMT, (M), false>);                                                \
  ROWS2("max", MODS, TYPE, pickH<FMT, (M), true>)

template <typename F> static void unaryRows(HandlerRows &rows);
#define UNARY(TYPE, FMT)                                                                           \
  template <> void unaryRows<FMT>(HandlerRows & rows) {                                            \
    using A = FMT;                                                                                 \
    constexpr auto negP = &negH<A, Plain>, negF = &negH<A, Ftz>;                                   \
    constexpr auto absP = &absH<A, Plain>, absF = &absH<A, Ftz>;                                   \
    constexpr auto tanhP = &tanhH<A, Plain>;                                                       \
    constexpr auto ex2P = &ex2H<A, Plain>, ex2F = &ex2H<A, Ftz>;                                   \
    rows.push_back({"neg." TYPE, perLane<negP>});                                                  \
    rows.push_back({"neg." TYPE "x2", perLane<&pair1<negP>>});                                     \
    rows.push_back({"neg." TYPE ".ftz", perLane<negF>});                                           \
    rows.push_back({"neg." TYPE "x2.ftz", perLane<&pair1<negF>>});                                 \
    rows.push_back({"abs." TYPE, perLane<absP>});                                                  \
    rows.push_back({"abs." TYPE "x2", perLane<&pair1<absP>>});                                     \
    rows.push_back({"abs." TYPE ".ftz", perLane<absF>});                                           \
    rows.push_back({"abs." TYPE "x2.ftz", perLane<&pair1<absF>>});                                 \
    rows.push_back({"tanh.approx." TYPE, perLane<tanhP>});                                         \
    rows.push_back({"tanh.approx." TYPE "x2", perLane<&pair1<tanhP>>});                            \
    rows.push_back({"ex2.approx." TYPE, perLane<ex2P>});                                           \
    rows.push_back({"ex2.approx." TYPE "x2", perLane<&pair1<ex2P>>});                              \
    rows.push_back({"ex2.approx." TYPE ".ftz", perLane<ex2F>});                                    \
    rows.push_back({"ex2.approx." TYPE "x2.ftz", perLane<&pair1<ex2F>>});                          \
  }
UNARY("f16", Half)
UNARY("bf16", Brain)

void halfRows(HandlerRows &rows) {
  ARITHMETIC("f16", Half, "", Plain);
  ARITHMETIC("f16", Half, ".ftz", Ftz);
  ARITHMETIC("f16", Half, ".sat", Sat);
  ARITHMETIC("f16", Half, ".ftz.sat", Ftz | Sat);
  ARITHMETIC("bf16", Brain, "", Plain);
  ROWS3("fma", ".relu", "f16", fmaH<Half, Relu>);
  ROWS3("fma", ".ftz.relu", "f16", fmaH<Half, Ftz | Relu>);
  ROWS3("fma", ".relu", "bf16", fmaH<Brain, Relu>);
  PICKS("f16", Half, "", Plain);
  PICKS("f16", Half, ".ftz", Ftz);
  PICKS("f16", Half, ".nan", Nan);
  PICKS("f16", Half, ".ftz.nan", Ftz | Nan);
  PICKS("f16", Half, ".xorsign", XorSign);
  PICKS("f16", Half, ".nan.xorsign", Nan | XorSign);
  PICKS("f16", Half, ".ftz.xorsign", Ftz | XorSign);
  PICKS("f16", Half, ".ftz.nan.xorsign", Ftz | Nan | XorSign);
  PICKS("bf16", Brain, "", Plain);
  PICKS("bf16", Brain, ".nan", Nan);
  PICKS("bf16", Brain, ".xorsign", XorSign);
  PICKS("bf16", Brain, ".nan.xorsign", Nan | XorSign);
  unaryRows<Half>(rows);
  unaryRows<Brain>(rows);
}

} // namespace CAMEO_PTX_ISA
} // namespace cameo::ptx
