// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// wmma: addresses of a fragment's elements, and the product of two fragments. The layout is that of
// DecodeWmma.cpp: thread l holds the elements l*n ... l*n + n-1 of the matrix row by row. The order of
// accumulation is that of mma (Fragments.h).
#include "AccessView.h"
#include "Fragments.h"

namespace cameo::ptx {
namespace CAMEO_PTX_ISA {
namespace {

void gather(Exec &x, const Op &o) { gatherWarp(x, o); }

void baseAddress(Exec &x, const Op &o) {
  alignas(64) u64 address[lanes];
  loadAddresses(x, o, address);
  std::memcpy(x.at<u64>(o.d), address, sizeof address);
}

/// imm: elements of the matrix | elements of a thread << 16 | which of them << 24 | columns << 32 |
/// by rows << 40 | bits << 41 | values in an element << 48. b: the stride, in values.
void elementAddress(Exec &x, const Op &o) {
  u64 elements = u64(o.imm) & 0xffff, perThread = u64(o.imm >> 16) & 0xff, which = u64(o.imm >> 24) & 0xff;
  u64 columns = u64(o.imm >> 32) & 0xff, bits = u64(o.imm >> 41) & 0x7f, values = u64(o.imm >> 48) & 0x7f;
  bool byRow = o.imm >> 40 & 1;
  const u64 *base = x.at<u64>(o.a);
  const u32 *stride = x.at<u32>(o.b);
  u64 *d = x.at<u64>(o.d);
  for (u64 l = 0; l < lanes; ++l) {
    u64 e = (l * perThread + which) % elements, row = e / columns, column = e % columns;
    if (values > 1 && !byRow) { // words of a column, one after the other
      u64 perColumn = elements / columns;
      row = e % perColumn, column = e / perColumn;
    }
    u64 major = byRow ? row : column, minor = byRow ? column : row;
    d[l] = base[l] + (major * stride[l] / values + minor) * bits / 8;
  }
}

void mergePart(Exec &x, const Op &o) {
  u32 *d = x.at<u32>(o.d), mask = o.size == 32 ? ~0u : (1u << o.size) - 1;
  const u32 *a = x.at<u32>(o.a);
  for (unsigned l = 0; l < lanes; ++l)
    d[l] = (o.imm ? d[l] & ((1u << o.imm) - 1) : 0) | (a[l] & mask) << o.imm;
}
void takePart(Exec &x, const Op &o) {
  u32 *d = x.at<u32>(o.d);
  const u32 *a = x.at<u32>(o.a);
  for (unsigned l = 0; l < lanes; ++l)
    d[l] = a[l] >> o.imm;
}

/// Value e of a matrix in the registers `slots`; P in a register.
template <unsigned P, auto Get, typename Reg, typename Acc>
[[gnu::noinline]] void collect(Exec &x, const u32 *slots, unsigned registers, unsigned elements, Acc *m) {
  unsigned perThread = registers * P;
  for (unsigned e = 0; e < elements && e < perThread * lanes; ++e) {
    unsigned r = e % perThread;
    m[e] = Get(x.at<Reg>(slots[r / P])[e / perThread], r % P);
  }
}
inline float getFloat(float v, unsigned) { return v; }
inline s32 getWord(s32 v, unsigned) { return v; }

struct Shape {
  explicit Shape(const Op &o)
      : m(unsigned(o.imm & 0xff)), n(unsigned(o.imm >> 8 & 0xff)), k(unsigned(o.imm >> 16 & 0xff)) {}
  unsigned m, n, k;
};

/// f16, bf16 and tf32. size: C is f16; count: D is.
template <unsigned P, auto Get> void multiplyFloat(Exec &x, const Op &o) {
  if (!gatherWarp(x, o))
    return;
  Shape s(o);
  const u32 *counts = x.side(o), *slots = counts + 4;
  float a[512], b[512], c[256], d[256];
  collect<P, Get, u32>(x, slots, counts[0], s.m * s.k, a);
  collect<P, Get, u32>(x, slots + counts[0], counts[1], s.k * s.n, b);
  slots += counts[0] + counts[1];
  if (o.size)
    collect<2, &getHalf, u32>(x, slots, counts[2], s.m * s.n, c);
  else
    collect<1, &getFloat, float>(x, slots, counts[2], s.m * s.n, c);
  slots += counts[2];
  for (unsigned row = 0; row < s.m; ++row)
    for (unsigned n = 0; n < s.n; ++n) {
      float sum = c[row * s.n + n];
      for (unsigned k = 0; k < s.k; ++k)
        sum = __builtin_fmaf(a[row * s.k + k], b[k * s.n + n], sum);
      d[row * s.n + n] = canonical(sum);
    }
  unsigned perThread = s.m * s.n / lanes;
  for (unsigned e = 0; e < s.m * s.n; ++e) {
    unsigned l = e / perThread, r = e % perThread;
    if (o.count)
      x.at<u16>(slots[r / 2])[2 * l + r % 2] = floatToHalf(d[e]);
    else
      x.at<float>(slots[r])[l] = d[e];
  }
  countMma(x, s.m, s.k, s.n);
}

void multiplyDouble(Exec &x, const Op &o) {
  if (!gatherWarp(x, o))
    return;
  Shape s(o);
  const u32 *slots = x.side(o) + 4;
  double a[32], b[32], c[64];
  collect<1, &getDouble, double>(x, slots, 1, s.m * s.k, a);
  collect<1, &getDouble, double>(x, slots + 1, 1, s.k * s.n, b);
  collect<1, &getDouble, double>(x, slots + 2, 2, s.m * s.n, c);
  for (unsigned e = 0; e < 64; ++e) {
    for (unsigned k = 0; k < s.k; ++k)
      c[e] = __builtin_fma(a[e / 8 * s.k + k], b[k * 8 + e % 8], c[e]);
    x.at<double>(slots[4 + e % 2])[e / 2] = canonical(c[e]);
  }
  countMma(x, s.m, s.k, s.n);
}

/// Below a byte, B's words run along k, column by column.
template <unsigned P, auto GetA, auto GetB, bool Saturate> void multiplyInteger(Exec &x, const Op &o) {
  if (!gatherWarp(x, o))
    return;
  Shape s(o);
  const u32 *counts = x.side(o), *slots = counts + 4;
  s32 a[512], b[512], c[256];
  collect<P, GetA, u32>(x, slots, counts[0], s.m * s.k, a);
  collect<P, GetB, u32>(x, slots + counts[0], counts[1], s.k * s.n, b);
  slots += counts[0] + counts[1];
  collect<1, &getWord, s32>(x, slots, counts[2], s.m * s.n, c);
  unsigned perThread = s.m * s.n / lanes;
  for (unsigned e = 0; e < s.m * s.n; ++e) {
    unsigned row = e / s.n, n = e % s.n;
    s64 sum = c[e];
    for (unsigned k = 0; k < s.k; ++k)
      sum += s64(a[row * s.k + k]) * b[P == 8 ? n * s.k + k : k * s.n + n];
    if (Saturate)
      sum = sum > INT32_MAX ? INT32_MAX : sum < INT32_MIN ? INT32_MIN : sum;
    x.at<s32>(slots[counts[2] + e % perThread])[e / perThread] = s32(u32(u64(sum)));
  }
  countMma(x, s.m, s.k, s.n);
}

template <bool And> void multiplyBits(Exec &x, const Op &o) {
  if (!gatherWarp(x, o))
    return;
  const u32 *slots = x.side(o) + 4;
  const u32 *a = x.at<u32>(slots[0]), *b = x.at<u32>(slots[1]);
  s32 c[64];
  collect<1, &getWord, s32>(x, slots + 2, 2, 64, c);
  for (unsigned e = 0; e < 64; ++e) {
    u32 sum = u32(c[e]);
    for (unsigned w = 0; w < 4; ++w) {
      u32 p = a[e / 8 * 4 + w], q = b[e % 8 * 4 + w];
      sum += u32(std::popcount(And ? p & q : p ^ q));
    }
    c[e] = s32(sum);
  }
  for (unsigned e = 0; e < 64; ++e)
    x.at<s32>(slots[4 + e % 2])[e / 2] = c[e];
  countMma(x, 8, 128, 8);
}

} // namespace

void wmmaRows(HandlerRows &rows) {
  auto add = [&](const char *name, Handler run) { rows.push_back({name, run}); };
  add("wmma.gather", &gather);
  add("wmma.base", &baseAddress);
  add("wmma.address", &elementAddress);
  add("wmma.merge", &mergePart);
  add("wmma.part", &takePart);
  add("wmma.f16", &multiplyFloat<2, &getHalf>);
  add("wmma.bf16", &multiplyFloat<2, &getBrain>);
  add("wmma.tf32", &multiplyFloat<1, &getTf32>);
  add("wmma.f64", &multiplyDouble);
#define INTEGER(A, B, P, FA, FB)                                                                   \
  add("wmma" A B, &multiplyInteger<P, &FA, &FB, false>);                                           \
  add("wmma" A B ".sat", &multiplyInteger<P, &FA, &FB, true>)
  INTEGER(".s8", ".s8", 4, getS8, getS8);
  INTEGER(".u8", ".u8", 4, getU8, getU8);
  INTEGER(".s4", ".s4", 8, getS4, getS4);
  INTEGER(".u4", ".u4", 8, getU4, getU4);
  add("wmma.b1.and", &multiplyBits<true>);
  add("wmma.b1.xor", &multiplyBits<false>);
}

} // namespace CAMEO_PTX_ISA
} // namespace cameo::ptx
