// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// mma.sync of every shape and type, dense and sparse, by the rule in Fragments.h, and Volta's m8n8k4 with its
// own maps. One product for all: A is m rows of k values and, where it is sparse, the row of B that belongs to
// each value, which comes from the metadata.
#include "Fragments.h"
#include "HardwareMma.h"

namespace cameo::ptx {
namespace CAMEO_PTX_ISA {
namespace {

constexpr unsigned maxA = 16 * 64, maxB = 128 * 8;

/// What `imm` says: m | k << 8 (k of A as it is stored) | k of B << 20 | selector << 32.
struct Form {
  explicit Form(const Op &o)
      : m(unsigned(o.imm & 0xff)), k(unsigned(o.imm >> 8 & 0xfff)), kb(unsigned(o.imm >> 20 & 0xfff)),
        selector(unsigned(o.imm >> 32 & 3)) {}
  unsigned m, k, kb, selector;
  FusedModel model; ///< on: the hardware's way to add
};

/// How an architecture adds products of these types; sparse ones as dense ones of the same length.
FusedModel modelOf(unsigned sm, unsigned bits, int leastA, int leastB, bool half) {
  FusedModel f;
  f.on = true;
  f.fraction = sm < 75 ? 23 : sm < 90 ? 24 : 25;
  f.leastA = leastA, f.leastB = leastB, f.leastC = half ? -14 : -126;
  f.half = half;
  if (sm >= 80 && sm < 90)
    f.step = 128 / bits;
  if (sm == 89 && bits == 8)
    f.fraction = f.resultBits = 13;
  return f;
}

inline float step(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
inline double step(double a, double b, double c) { return __builtin_fma(a, b, c); }
inline s64 step(s32 a, s32 b, s64 c) { return c + s64(a) * b; }

/// c += a * b, ascending k for each element; eight columns at a time. Out of line, as what follows: the many
/// pairs of types differ in how they are gathered only.
template <typename In, typename Acc>
[[gnu::noinline]] void product(const Form &f, const In *a, const In *b, const u8 *index, Acc (*c)[8]) {
  if constexpr (std::is_same_v<In, float>)
    if (f.model.on) {
      for (unsigned e = 0; e < f.m * 8; ++e)
        c[e / 8][e % 8] = fusedDot(f.model, a + e / 8 * f.k, b + e % 8, f.k, 8,
                                   index ? index + e / 8 * f.k : nullptr, c[e / 8][e % 8]);
      return;
    }
  for (unsigned row = 0; row < f.m; ++row)
    for (unsigned i = 0; i < f.k; ++i) {
      const In *from = b + (index ? index[row * f.k + i] : i) * 8;
      for (unsigned n = 0; n < 8; ++n)
        c[row][n] = step(a[row * f.k + i], from[n], c[row][n]);
    }
}

/// C and D with one element in a register.
template <typename In>
[[gnu::noinline]] void finish(Exec &x, const u32 *slots, const Form &f, const In *a, const In *b, const u8 *index) {
  unsigned count = f.m / 4;
  In c[16][8];
  for (unsigned r = 0; r < count; ++r)
    for (unsigned l = 0; l < lanes; ++l)
      c[l / 4 + 8 * (r / 2)][l % 4 * 2 + r % 2] = x.at<In>(slots[r])[l];
  product(f, a, b, index, c);
  for (unsigned r = 0; r < count; ++r)
    for (unsigned l = 0; l < lanes; ++l)
      x.at<In>(slots[count + r])[l] = canonical(c[l / 4 + 8 * (r / 2)][l % 4 * 2 + r % 2]);
}
/// f16 accumulators: a register is eight rows of eight.
[[gnu::noinline]] void finishHalf(Exec &x, const u32 *slots, const Form &f, const float *a, const float *b,
                                  const u8 *index) {
  float c[16][8];
  for (unsigned e = 0; e < 128; ++e)
    c[e / 8][e % 8] = halfToFloat(x.at<u16>(slots[e / 64])[e % 64]);
  product(f, a, b, index, c);
  for (unsigned e = 0; e < 128; ++e)
    x.at<u16>(slots[2 + e / 64])[e % 64] = floatToHalf(c[e / 8][e % 8]);
}
template <bool Saturate>
[[gnu::noinline]] void finishInteger(Exec &x, const u32 *slots, const Form &f, const s32 *a, const s32 *b,
                                     const u8 *index) {
  unsigned count = f.m / 4;
  s64 c[16][8];
  for (unsigned r = 0; r < count; ++r)
    for (unsigned l = 0; l < lanes; ++l)
      c[l / 4 + 8 * (r / 2)][l % 4 * 2 + r % 2] = x.at<s32>(slots[r])[l];
  product(f, a, b, index, c);
  for (unsigned r = 0; r < count; ++r)
    for (unsigned l = 0; l < lanes; ++l) {
      s64 v = c[l / 4 + 8 * (r / 2)][l % 4 * 2 + r % 2];
      if (Saturate)
        v = v > INT32_MAX ? INT32_MAX : v < INT32_MIN ? INT32_MIN : v;
      x.at<s32>(slots[count + r])[l] = s32(u32(u64(v)));
    }
}

template <auto Get> constexpr int leastExponent() {
  if constexpr (std::is_same_v<decltype(Get), float (*)(u32, unsigned)>)
    return Get == &getHalf || Get == &getE5m2 ? -14 : Get == &getE4m3 ? -6 : -126;
  return -126;
}

/// In: what elements are computed as, Reg: a register of A and B, with P elements.
template <typename In, typename Reg, unsigned P, auto GetA, auto GetB, auto Finish, Sparsity S>
void multiply(Exec &x, const Op &o) {
  if (!gatherWarp(x, o))
    return;
  Form f(o);
  if constexpr (std::is_same_v<In, float>)
    if (x.launch->hardwareMma)
      f.model = modelOf(x.launch->sm, 32 / P, leastExponent<GetA>(), leastExponent<GetB>(), Finish == &finishHalf);
  In a[maxA], b[maxB];
  u8 index[S == Sparsity::None ? 1 : maxA];
  const u32 *slots = x.side(o);
  gatherA<P, GetA, Reg>(x, slots, f.m, f.k, a);
  slots += f.m * f.k / 32 / P;
  gatherB<P, GetB, Reg>(x, slots, f.kb, b);
  slots += f.kb * 8 / 32 / P;
  if constexpr (S != Sparsity::None)
    findRows<S, (P <= 2)>(x.at<u32>(o.a), f.k, f.selector, index);
  Finish(x, slots, f, a, b, S == Sparsity::None ? nullptr : index);
  countMma(x, f.m, f.kb);
}

/// Single bits: words of 32, AND or XOR, counted.
template <bool And> void multiplyBits(Exec &x, const Op &o) {
  if (!gatherWarp(x, o))
    return;
  Form f(o);
  constexpr auto word = [](u32 v, unsigned) { return v; };
  u32 a[16 * 8], b[8 * 8];
  unsigned k = f.k / 32, count = f.m / 4;
  const u32 *slots = x.side(o);
  gatherA<1, +word, u32>(x, slots, f.m, k, a);
  gatherB<1, +word, u32>(x, slots + f.m * k / 32, k, b);
  slots += f.m * k / 32 + k * 8 / 32;
  for (unsigned r = 0; r < count; ++r) {
    const u32 *c = x.at<u32>(slots[r]);
    u32 sum[lanes];
    for (unsigned l = 0; l < lanes; ++l) {
      unsigned row = l / 4 + 8 * (r / 2), n = l % 4 * 2 + r % 2;
      sum[l] = c[l];
      for (unsigned i = 0; i < k; ++i)
        sum[l] += u32(std::popcount(And ? a[row * k + i] & b[i * 8 + n] : a[row * k + i] ^ b[i * 8 + n]));
    }
    std::memcpy(x.at<u32>(slots[count + r]), sum, sizeof sum);
  }
  countMma(x, f.m, f.k);
}

/// m8n8k4 of f16: four products at once, each by eight lanes, 4q ... 4q+3 and 16 more. imm: A is by
/// rows | B is by rows << 1 | D is f32 << 2 | C is f32 << 3.
void multiplyVolta(Exec &x, const Op &o) {
  if (!gatherWarp(x, o))
    return;
  bool rowA = o.imm & 1, rowB = o.imm & 2, wideD = o.imm & 4, wideC = o.imm & 8;
  const u32 *slots = x.side(o);
  float a[4][8][4], b[4][4][8], c[4][8][8];
  auto place = [](unsigned l, unsigned i, bool wide, unsigned &row, unsigned &column) {
    unsigned upper = l < 16 ? 0 : 4;
    row = wide ? (l & 1) + (i & 2) + upper : l % 4 + upper;
    column = wide ? (i & 4) + (l & 2) + (i & 1) : i;
  };
  for (unsigned l = 0; l < lanes; ++l) {
    unsigned q = l % 16 / 4, upper = l < 16 ? 0 : 4;
    for (unsigned i = 0; i < 4; ++i) {
      float va = halfToFloat(x.at<u16>(slots[i / 2])[2 * l + i % 2]);
      float vb = halfToFloat(x.at<u16>(slots[2 + i / 2])[2 * l + i % 2]);
      (rowA ? a[q][l % 4 + upper][i] : a[q][i + upper][l % 4]) = va;
      (rowB ? b[q][l % 4][i + upper] : b[q][i][l % 4 + upper]) = vb;
    }
    for (unsigned i = 0; i < 8; ++i) {
      unsigned row, column;
      place(l, i, wideC, row, column);
      c[q][row][column] = wideC ? x.at<float>(slots[4 + i])[l]
                                : halfToFloat(x.at<u16>(slots[4 + i / 2])[2 * l + i % 2]);
    }
  }
  slots += wideC ? 12 : 8;
  for (unsigned l = 0; l < lanes; ++l)
    for (unsigned i = 0; i < 8; ++i) {
      unsigned q = l % 16 / 4, row, column;
      place(l, i, wideD, row, column);
      float sum = c[q][row][column];
      for (unsigned k = 0; k < 4; ++k)
        sum = step(a[q][row][k], b[q][k][column], sum);
      if (wideD)
        x.at<float>(slots[i])[l] = canonical(sum);
      else
        x.at<u16>(slots[i / 2])[2 * l + i % 2] = floatToHalf(sum);
    }
  countMma(x, 32, 4);
}

} // namespace

// Dense and sparse of one pair of types.
#define BOTH(NAME, SPARSITY, ...)                                                                  \
  rows.push_back({"mma." NAME, &multiply<__VA_ARGS__, Sparsity::None>}),                           \
      rows.push_back({"mma.sp." NAME, &multiply<__VA_ARGS__, Sparsity::SPARSITY>})
#define EIGHT(A, B, FA, FB)                                                                        \
  BOTH(A "." B ".f32", TwoOfFour, float, u32, 4, &FA, &FB, &finish<float>);                        \
  BOTH(A "." B ".f16", TwoOfFour, float, u32, 4, &FA, &FB, &finishHalf)
#define INTEGER(A, B, SPARSITY, P, FA, FB)                                                         \
  BOTH(A "." B, SPARSITY, s32, u32, P, &FA, &FB, &finishInteger<false>);                           \
  BOTH(A "." B ".sat", SPARSITY, s32, u32, P, &FA, &FB, &finishInteger<true>)

void mmaRows(HandlerRows &rows) {
  BOTH("f16.f32", TwoOfFour, float, u32, 2, &getHalf, &getHalf, &finish<float>);
  BOTH("f16.f16", TwoOfFour, float, u32, 2, &getHalf, &getHalf, &finishHalf);
  BOTH("bf16.f32", TwoOfFour, float, u32, 2, &getBrain, &getBrain, &finish<float>);
  BOTH("tf32.f32", OneOfTwo, float, u32, 1, &getTf32, &getTf32, &finish<float>);
  rows.push_back({"mma.f64.f64", &multiply<double, double, 1, &getDouble, &getDouble, &finish<double>, Sparsity::None>});
  EIGHT("e4m3", "e4m3", getE4m3, getE4m3);
  EIGHT("e4m3", "e5m2", getE4m3, getE5m2);
  EIGHT("e5m2", "e4m3", getE5m2, getE4m3);
  EIGHT("e5m2", "e5m2", getE5m2, getE5m2);
  INTEGER("s8", "s8", TwoOfFour, 4, getS8, getS8);
  INTEGER("s8", "u8", TwoOfFour, 4, getS8, getU8);
  INTEGER("u8", "s8", TwoOfFour, 4, getU8, getS8);
  INTEGER("u8", "u8", TwoOfFour, 4, getU8, getU8);
  INTEGER("s4", "s4", PairsOfEight, 8, getS4, getS4);
  INTEGER("s4", "u4", PairsOfEight, 8, getS4, getU4);
  INTEGER("u4", "s4", PairsOfEight, 8, getU4, getS4);
  INTEGER("u4", "u4", PairsOfEight, 8, getU4, getU4);
  rows.push_back({"mma.b1.and", &multiplyBits<true>});
  rows.push_back({"mma.b1.xor", &multiplyBits<false>});
  rows.push_back({"mma.volta", &multiplyVolta});
}

} // namespace CAMEO_PTX_ISA
} // namespace cameo::ptx
