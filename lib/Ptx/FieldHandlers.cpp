// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Less usual integer instructions, per lane, after the definitions of the ISA: bit masks, sign
// extension of fields, the n-th set bit, packing with saturation, carries of signed products; and the gross
// reciprocals of f64, which look at the upper half of their source only.
#include "Lanes.h"

namespace cameo::ptx {
namespace CAMEO_PTX_ISA {
namespace {

/// `width` ones from bit `start` on.
template <bool Clamp> u32 bitMask(u32 start, u32 width) {
  if (Clamp && start >= 32)
    return 0;
  u64 from = start & 31, count = Clamp && width >= 32 ? 32 : width & 31;
  return u32(((u64(1) << count) - 1) << from);
}

/// The low `width` bits, extended by zeros or by their sign.
template <typename T, bool Clamp> T extend(T a, u32 width) {
  if (Clamp && width >= 32)
    return a;
  u32 n = width & 31, mask = ~0u << n;
  bool sign = std::is_signed_v<T> && n != 0 && (u32(a) >> ((n - 1) & 31) & 1);
  return T((u32(a) & ~mask) | (sign ? mask : 0));
}

u32 findNthSet(u32 mask, u32 base, s32 offset) {
  if (base > 31)
    return ~0u;
  if (offset == 0)
    return mask >> base & 1 ? base : ~0u;
  s64 left = offset < 0 ? -s64(offset) : offset, step = offset < 0 ? -1 : 1;
  for (s64 at = base; at >= 0 && at < 32; at += step)
    if ((mask >> at & 1) && --left == 0)
      return u32(at);
  return ~0u;
}

s32 clampTo(s32 v, unsigned bits, bool isSigned) {
  s32 most = isSigned ? (1 << (bits - 1)) - 1 : (1 << bits) - 1, least = isSigned ? -most - 1 : 0;
  return v > most ? most : v < least ? least : v;
}
/// d: b below a below the bits of c. imm: bits | signed << 8.
void packSaturated(Exec &x, const Op &o) {
  unsigned bits = unsigned(o.imm & 255);
  bool isSigned = o.imm & 256;
  const s32 *a = x.at<s32>(o.a), *b = x.at<s32>(o.b);
  const u32 *c = x.at<u32>(o.c);
  u32 *d = x.at<u32>(o.d), mask = (1u << bits) - 1;
  for (unsigned i = 0; i < lanes; ++i) {
    u32 high = u32(clampTo(a[i], bits, isSigned)) & mask;
    u32 low = u32(clampTo(b[i], bits, isSigned)) & mask;
    u32 rest = bits < 16 ? c[i] << (2 * bits) : 0;
    d[i] = x.lane[i] ? low | high << bits | rest : d[i];
  }
}

/// mad.hi with carry of signed products; the carry is that of the addition. The addend is in `side`.
template <typename T, typename Wide, bool In, bool Out> void madCarrySigned(Exec &x, const Op &o) {
  using U = std::make_unsigned_t<T>;
  T *d = x.at<T>(o.d);
  const T *a = x.at<T>(o.a), *b = x.at<T>(o.b);
  const U *c = x.at<U>(x.side(o)[0]);
  u32 carry = x.predicate(o.c), out = carry & ~x.mask;
  for (unsigned i = 0; i < lanes; ++i) {
    if (!x.lane[i])
      continue;
    U high = U((Wide(a[i]) * Wide(b[i])) >> (8 * sizeof(T)));
    unsigned __int128 sum = static_cast<unsigned __int128>(high) + c[i] + (In && (carry >> i & 1));
    d[i] = T(U(sum));
    out |= u32(sum >> (8 * sizeof(T)) & 1) << i;
  }
  if constexpr (Out)
    x.predicate(o.c) = out;
}

s32 mad24HighSaturated(s32 a, s32 b, s32 c) {
  s64 p = s64(s32(u32(a) << 8) >> 8) * s64(s32(u32(b) << 8) >> 8);
  s64 r = s64(s32(p >> 16)) + c;
  return r > INT32_MAX ? INT32_MAX : r < INT32_MIN ? INT32_MIN : s32(r);
}

s16 reluOf(s16 v) { return v < 0 ? s16(0) : v; }
template <bool Max> u32 pickHalvesRelu(u32 a, u32 b) {
  u32 r = 0;
  for (unsigned h = 0; h < 2; ++h) {
    s16 p = s16(a >> (16 * h)), q = s16(b >> (16 * h));
    r |= u32(u16(reluOf(Max ? (p > q ? p : q) : (p < q ? p : q)))) << (16 * h);
  }
  return r;
}

template <typename T> T selectSignFlushed(T a, T b, float c) { return flush(c) >= 0 ? a : b; }

/// The upper 32 bits of the source, subnormals as zeros; of the result too.
double upperHalf(double v) {
  u64 bits = asBits(v) & 0xffffffff00000000ull;
  return (bits & 0x7ff0000000000000ull) == 0 ? asDouble(bits & 0x8000000000000000ull) : asDouble(bits);
}
double grossReciprocal(double a) {
  return a != a ? canonical(a) : upperHalf(1.0 / upperHalf(a));
}
double grossRoot(double a) {
  if (a != a)
    return canonical(a);
  double v = upperHalf(a);
  return v != v || v < 0 ? canonical(NAN) : upperHalf(1.0 / __builtin_sqrt(v));
}

} // namespace

#define ROW(NAME, ...) rows.push_back({NAME, perLane<&__VA_ARGS__>})

void bitFieldRows(HandlerRows &rows) {
  ROW("bmsk.clamp.b32", bitMask<true>), ROW("bmsk.wrap.b32", bitMask<false>);
  ROW("szext.clamp.u32", extend<u32, true>), ROW("szext.wrap.u32", extend<u32, false>);
  ROW("szext.clamp.s32", extend<s32, true>), ROW("szext.wrap.s32", extend<s32, false>);
  ROW("fns.b32", findNthSet);
  rows.push_back({"cvt.pack", &packSaturated});
#define MADC(NAME, IN, OUT)                                                                        \
  rows.push_back({NAME ".s32", &madCarrySigned<s32, s64, IN, OUT>});                               \
  rows.push_back({NAME ".s64", &madCarrySigned<s64, __int128, IN, OUT>})
  MADC("mad.hi.cc", false, true);
  MADC("madc.hi", true, false);
  MADC("madc.hi.cc", true, true);
  ROW("mad24.hi.sat.s32", mad24HighSaturated);
  ROW("min.relu.s16x2", pickHalvesRelu<false>), ROW("max.relu.s16x2", pickHalvesRelu<true>);
  ROW("slct.f32.ftz.b16", selectSignFlushed<u16>);
  ROW("slct.f32.ftz.b32", selectSignFlushed<u32>);
  ROW("slct.f32.ftz.b64", selectSignFlushed<u64>);
  ROW("rcp.gross.f64", grossReciprocal), ROW("rsqrt.gross.f64", grossRoot);
}

} // namespace CAMEO_PTX_ISA
} // namespace cameo::ptx
