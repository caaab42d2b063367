// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Integer and bitwise instructions, moves and selection, per lane. What PTX leaves open (division
// by zero) gives all ones, as the hardware does.
#include "Lanes.h"

namespace cameo::ptx {
namespace CAMEO_PTX_ISA {
namespace {

template <typename T> T add(T a, T b) { return T(a + b); }
template <typename T> T sub(T a, T b) { return T(a - b); }
template <typename T> T mulLo(T a, T b) { return T(u64(a) * u64(b)); }
template <typename T> T madLo(T a, T b, T c) { return T(u64(a) * u64(b) + u64(c)); }
template <typename T> T andOf(T a, T b) { return a & b; }
template <typename T> T orOf(T a, T b) { return a | b; }
template <typename T> T xorOf(T a, T b) { return a ^ b; }
template <typename T> T notOf(T a) { return T(~a); }
template <typename T> T cnot(T a) { return a == 0; }
template <typename T> T move(T a) { return a; }
template <typename T> T negate(T a) { return T(0 - a); }
template <typename T> T minOf(T a, T b) { return a < b ? a : b; }
template <typename T> T maxOf(T a, T b) { return a > b ? a : b; }
template <typename T, auto F> T relu(T a, T b) { return F(a, b) < 0 ? T(0) : F(a, b); }
template <typename T> T absolute(T a) {
  using U = std::make_unsigned_t<T>;
  return T(a < 0 ? U(0 - U(a)) : U(a));
}

// mul.hi, mul.wide and their mad forms: Wide has twice the bits of T.
template <typename T, typename Wide> T mulHi(T a, T b) {
  return T((Wide(a) * Wide(b)) >> (sizeof(T) * 8));
}
template <typename T, typename Wide> Wide mulWide(T a, T b) { return Wide(a) * Wide(b); }
template <typename T, typename Wide> T madHi(T a, T b, T c) {
  using U = std::make_unsigned_t<T>;
  return T(U(mulHi<T, Wide>(a, b)) + U(c));
}
template <typename T, typename Wide> Wide madWide(T a, T b, Wide c) {
  using U = std::make_unsigned_t<Wide>;
  return Wide(U(Wide(a) * Wide(b)) + U(c));
}
s32 addSat(s32 a, s32 b) {
  s64 r = s64(a) + b;
  return r > INT32_MAX ? INT32_MAX : r < INT32_MIN ? INT32_MIN : s32(r);
}
s32 subSat(s32 a, s32 b) {
  s64 r = s64(a) - b;
  return r > INT32_MAX ? INT32_MAX : r < INT32_MIN ? INT32_MIN : s32(r);
}
s32 madHiSat(s32 a, s32 b, s32 c) { return addSat(mulHi<s32, s64>(a, b), c); }

template <typename T> T divide(T a, T b) {
  if (b == 0)
    return T(~T(0));
  if constexpr (std::is_signed_v<T>)
    if (b == -1)
      return negate(std::make_unsigned_t<T>(a));
  return T(a / b);
}
template <typename T> T remainder(T a, T b) {
  if (b == 0)
    return a;
  if constexpr (std::is_signed_v<T>)
    if (b == -1)
      return 0;
  return T(a % b);
}

// Shift amounts are clamped to the width, not taken modulo.
template <typename T> T shiftLeft(T a, u32 n) {
  return n >= sizeof(T) * 8 ? T(0) : T(a << (n & (sizeof(T) * 8 - 1)));
}
template <typename T> T shiftRight(T a, u32 n) {
  u32 most = sizeof(T) * 8 - 1;
  if constexpr (std::is_signed_v<T>)
    return T(a >> (n > most ? most : n));
  return n > most ? T(0) : T(a >> (n & most));
}

template <typename T> u32 popCount(T a) { return u32(std::popcount(a)); }
template <typename T> u32 leadingZeros(T a) { return u32(std::countl_zero(a)); }
template <typename T> T reverseBits(T a) {
  u64 v = a;
  v = (v >> 1 & 0x5555555555555555ull) | (v & 0x5555555555555555ull) << 1;
  v = (v >> 2 & 0x3333333333333333ull) | (v & 0x3333333333333333ull) << 2;
  v = (v >> 4 & 0x0f0f0f0f0f0f0f0full) | (v & 0x0f0f0f0f0f0f0f0full) << 4;
  return T(__builtin_bswap64(v) >> (64 - sizeof(T) * 8));
}
template <typename T, bool Shift> u32 findLeading(T a) {
  using U = std::make_unsigned_t<T>;
  U v = std::is_signed_v<T> && a < 0 ? U(~U(a)) : U(a);
  if (v == 0)
    return ~0u;
  u32 zeros = u32(std::countl_zero(v));
  return Shift ? zeros : u32(sizeof(T) * 8 - 1 - zeros);
}

template <typename T> T extractField(T a, u32 b, u32 c) {
  using U = std::make_unsigned_t<T>;
  constexpr u32 msb = sizeof(T) * 8 - 1;
  u32 pos = b & 0xff, len = c & 0xff;
  if (len == 0)
    return 0;
  bool sign = false;
  if constexpr (std::is_signed_v<T>)
    sign = U(a) >> std::min(pos + len - 1, msb) & 1;
  U field = pos > msb ? U(0) : U(U(a) >> pos);
  u32 known = pos > msb ? 0 : std::min(len, msb + 1 - pos);
  U mask = known > msb ? U(~U(0)) : U((U(1) << known) - 1);
  return T((field & mask) | (sign ? U(~mask) : U(0)));
}
/// bfi has four operands; the position and length come from c and a register in `side`.
template <typename T> void insertField(Exec &x, const Op &o) {
  const T *a = x.at<T>(o.a), *b = x.at<T>(o.b);
  const u32 *c = x.at<u32>(o.c), *e = x.at<u32>(x.side(o)[0]);
  T *d = x.at<T>(o.d);
  for (unsigned i = 0; i < lanes; ++i) {
    if (!x.lane[i])
      continue;
    u32 pos = c[i] & 0xff, len = std::min<u32>(e[i] & 0xff, sizeof(T) * 8), bits = sizeof(T) * 8;
    T mask = pos >= bits ? T(0) : T((len >= bits ? T(~T(0)) : T((T(1) << len) - 1)) << pos);
    d[i] = T((b[i] & ~mask) | ((pos >= bits ? T(0) : T(a[i] << pos)) & mask));
  }
}

void lop3(Exec &x, const Op &o) {
  u32 *d = x.at<u32>(o.d);
  const u32 *a = x.at<u32>(o.a), *b = x.at<u32>(o.b), *c = x.at<u32>(o.c);
  u32 table = u32(o.imm);
  u32 t[8];
  for (unsigned i = 0; i < 8; ++i)
    t[i] = table >> i & 1 ? ~0u : 0;
  CAMEO_LANES
  for (unsigned i = 0; i < lanes; ++i) {
    u32 A = a[i], B = b[i], C = c[i];
    u32 r = (t[0] & ~A & ~B & ~C) | (t[1] & ~A & ~B & C) | (t[2] & ~A & B & ~C) |
            (t[3] & ~A & B & C) | (t[4] & A & ~B & ~C) | (t[5] & A & ~B & C) |
            (t[6] & A & B & ~C) | (t[7] & A & B & C);
    d[i] = x.lane[i] ? r : d[i];
  }
}

enum PermuteMode { PermuteNone, F4E, B4E, Rc8, Ecl, Ecr, Rc16 };
u32 permuteSelector(int mode, u32 c) {
  u32 n = c & 3;
  static constexpr u16 f4e[] = {0x3210, 0x4321, 0x5432, 0x6543};
  static constexpr u16 b4e[] = {0x5670, 0x6701, 0x7012, 0x0123};
  static constexpr u16 ecl[] = {0x3210, 0x3211, 0x3222, 0x3333};
  static constexpr u16 ecr[] = {0x0000, 0x1110, 0x2210, 0x3210};
  switch (mode) {
  case F4E: return f4e[n];
  case B4E: return b4e[n];
  case Rc8: return n * 0x1111;
  case Ecl: return ecl[n];
  case Ecr: return ecr[n];
  case Rc16: return n & 1 ? 0x3232 : 0x1010;
  default: return c;
  }
}
template <int Mode> u32 permute(u32 a, u32 b, u32 c) {
  u64 bytes = u64(b) << 32 | a;
  u32 selector = permuteSelector(Mode, c), r = 0;
  for (unsigned i = 0; i < 4; ++i) {
    u32 s = selector >> (4 * i) & 0xf;
    u32 byte = u32(bytes >> (8 * (s & 7))) & 0xff;
    if (s & 8)
      byte = byte & 0x80 ? 0xff : 0;
    r |= byte << (8 * i);
  }
  return r;
}

template <bool Left, bool Clamp> u32 funnel(u32 a, u32 b, u32 c) {
  u32 n = Clamp ? std::min<u32>(c, 32) : c & 31;
  u64 wide = u64(b) << 32 | a;
  return Left ? u32((wide << n) >> 32) : u32(wide >> n);
}

template <typename A, typename B> u32 dot4(u32 a, u32 b, u32 c) {
  for (unsigned i = 0; i < 4; ++i)
    c += u32(s32(A(a >> (8 * i))) * s32(B(b >> (8 * i))));
  return c;
}
template <typename A, typename B, bool High> u32 dot2(u32 a, u32 b, u32 c) {
  for (unsigned i = 0; i < 2; ++i)
    c += u32(s32(A(a >> (16 * i))) * s32(B(b >> (8 * i + (High ? 16 : 0)))));
  return c;
}
/// vabsdiff2 and vabsdiff4: a difference for each part, or with .add their sum and c.
template <typename A, typename B, bool Add> u32 differences(u32 a, u32 b, u32 c) {
  constexpr unsigned bits = 8 * sizeof(A);
  u32 parts = 0;
  for (unsigned at = 0; at < 32; at += bits) {
    u32 difference = u32(std::abs(s32(A(a >> at)) - s32(B(b >> at))));
    Add ? c += difference : parts |= u32(A(difference)) << at & (~0u >> (32 - bits) << at);
  }
  return Add ? c : parts;
}
template <typename T> T low24(T a) { return std::is_signed_v<T> ? T(T(u32(a) << 8) >> 8) : T(a & 0xffffff); }
template <typename T, bool Hi> T mul24(T a, T b) {
  auto wide = [](T v) { return std::is_signed_v<T> ? s64(low24(v)) : s64(u64(u32(low24(v)))); };
  s64 p = wide(a) * wide(b);
  return Hi ? T(p >> 16) : T(p);
}
template <typename T, bool Hi> T mad24(T a, T b, T c) { return T(u32(mul24<T, Hi>(a, b)) + u32(c)); }
template <typename T> T sumAbs(T a, T b, T c) {
  using U = std::make_unsigned_t<T>;
  return T(U(c) + (a < b ? U(U(b) - U(a)) : U(U(a) - U(b))));
}

template <typename T, T (*F)(T, T)> u32 halves(u32 a, u32 b) {
  return u32(u16(F(T(a), T(b)))) | u32(u16(F(T(a >> 16), T(b >> 16)))) << 16;
}

/// selp: the predicate is operand c.
template <typename T> void select(Exec &x, const Op &o) {
  T *d = x.at<T>(o.d);
  const T *a = x.at<T>(o.a), *b = x.at<T>(o.b);
  u32 bits = x.predicate(o.c);
  // As bit operations: a conditional expression would become gathers through selected pointers.
  using S = std::make_signed_t<T>;
  alignas(64) u32 chosen[lanes];
  CAMEO_LANES
  for (unsigned i = 0; i < lanes; ++i)
    chosen[i] = 0u - ((bits >> i) & 1u);
  if (x.full) {
    CAMEO_LANES
    for (unsigned i = 0; i < lanes; ++i) {
      T m = T(S(s32(chosen[i])));
      d[i] = T((a[i] & m) | (b[i] & ~m));
    }
  } else {
    CAMEO_LANES
    for (unsigned i = 0; i < lanes; ++i) {
      T m = T(S(s32(chosen[i]))), keep = T(S(s32(x.lane[i])));
      d[i] = T((((a[i] & m) | (b[i] & ~m)) & keep) | (d[i] & ~keep));
    }
  }
}
template <typename T> T selectSign(T a, T b, s32 c) { return c >= 0 ? a : b; }
template <typename T> T selectSignFloat(T a, T b, float c) { return c >= 0 ? a : b; }

struct Wide128 {
  u64 low, high;
};
void move128(Exec &x, const Op &o) {
  auto *d = x.at<Wide128>(o.d);
  auto *a = x.at<Wide128>(o.a);
  for (unsigned i = 0; i < lanes; ++i)
    if (x.lane[i])
      d[i] = a[i];
}

// Extended precision: the carry is a predicate slot in c; d = a + b (+ carry). A difference is a + ~b + 1, and
// the flag its carry: set where nothing was borrowed. The ISA speaks of a borrow, which is the same as long as
// sums and differences are not mixed; nvcc's 128-bit division adds the flag of a difference, and means this one.
template <typename T, bool Subtract, bool In, bool Out> void addCarry(Exec &x, const Op &o) {
  T *d = x.at<T>(o.d);
  const T *a = x.at<T>(o.a), *b = x.at<T>(o.b);
  u32 carry = x.predicate(o.c), out = carry & ~x.mask;
  for (unsigned i = 0; i < lanes; ++i) {
    if (!x.lane[i])
      continue;
    unsigned __int128 wide;
    bool in = In ? carry >> i & 1 : Subtract;
    wide = static_cast<unsigned __int128>(a[i]) + (Subtract ? T(~b[i]) : b[i]) + in;
    d[i] = T(wide);
    out |= u32((wide >> (sizeof(T) * 8)) & 1) << i;
  }
  if constexpr (Out)
    x.predicate(o.c) = out;
}
/// mad.lo/hi with carry; the addend is in `side`.
template <typename T, bool Hi, bool In, bool Out> void madCarry(Exec &x, const Op &o) {
  T *d = x.at<T>(o.d);
  const T *a = x.at<T>(o.a), *b = x.at<T>(o.b), *c = x.at<T>(x.side(o)[0]);
  u32 carry = x.predicate(o.c), out = carry & ~x.mask;
  for (unsigned i = 0; i < lanes; ++i) {
    if (!x.lane[i])
      continue;
    unsigned __int128 p = static_cast<unsigned __int128>(a[i]) * b[i];
    unsigned __int128 sum =
        static_cast<unsigned __int128>(T(Hi ? p >> (sizeof(T) * 8) : p)) + c[i] +
        (In && (carry >> i & 1));
    d[i] = T(sum);
    out |= u32((sum >> (sizeof(T) * 8)) & 1) << i;
  }
  if constexpr (Out)
    x.predicate(o.c) = out;
}

// Predicates are masks.
template <typename F> void onPredicates(Exec &x, const Op &o, F f) {
  u32 &d = x.predicate(o.d);
  d = (d & ~x.mask) | (f() & x.mask);
}
void predAnd(Exec &x, const Op &o) {
  onPredicates(x, o, [&] { return x.predicate(o.a) & x.predicate(o.b); });
}
void predOr(Exec &x, const Op &o) {
  onPredicates(x, o, [&] { return x.predicate(o.a) | x.predicate(o.b); });
}
void predXor(Exec &x, const Op &o) {
  onPredicates(x, o, [&] { return x.predicate(o.a) ^ x.predicate(o.b); });
}
void predNot(Exec &x, const Op &o) {
  onPredicates(x, o, [&] { return ~x.predicate(o.a); });
}
void predMove(Exec &x, const Op &o) {
  onPredicates(x, o, [&] { return x.predicate(o.a); });
}
void predSet(Exec &x, const Op &o) {
  onPredicates(x, o, [&] { return o.imm ? ~0u : 0u; });
}

/// mov {a, b}, c and mov c, {a, b}: `count` parts of `size` bytes, listed in `side`.
void unpack(Exec &x, const Op &o) {
  const u8 *a = x.at<u8>(o.a);
  unsigned wide = o.size * o.count;
  for (unsigned part = 0; part < o.count; ++part) {
    u32 operand = x.side(o)[part];
    if (operand == noOperand)
      continue;
    u8 *d = x.at<u8>(operand);
    for (unsigned i = 0; i < lanes; ++i)
      if (x.lane[i])
        std::memcpy(d + i * o.size, a + i * wide + part * o.size, o.size);
  }
}
void pack(Exec &x, const Op &o) {
  u8 *d = x.at<u8>(o.d);
  unsigned wide = o.size * o.count;
  for (unsigned part = 0; part < o.count; ++part) {
    const u8 *a = x.at<u8>(x.side(o)[part]);
    for (unsigned i = 0; i < lanes; ++i)
      if (x.lane[i])
        std::memcpy(d + i * wide + part * o.size, a + i * o.size, o.size);
  }
}
u32 packHalves(u16 a, u16 b) { return a | u32(b) << 16; }
u64 packWords(u32 a, u32 b) { return a | u64(b) << 32; }
template <typename T, typename W, unsigned Shift> T part(W a) { return T(a >> Shift); }

} // namespace

#define ROW(NAME, ...) rows.push_back({NAME, perLane<&__VA_ARGS__>})
#define ROWS3(NAME, F)                                                                             \
  ROW(NAME ".b16", F<u16>), ROW(NAME ".b32", F<u32>), ROW(NAME ".b64", F<u64>)
#define ROWS_US(NAME, F)                                                                           \
  ROW(NAME ".u16", F<u16>), ROW(NAME ".u32", F<u32>), ROW(NAME ".u64", F<u64>),                    \
      ROW(NAME ".s16", F<s16>), ROW(NAME ".s32", F<s32>), ROW(NAME ".s64", F<s64>)
#define ROWS_WIDE(NAME, F)                                                                         \
  ROW(NAME ".u16", F<u16, u32>), ROW(NAME ".u32", F<u32, u64>), ROW(NAME ".s16", F<s16, s32>),     \
      ROW(NAME ".s32", F<s32, s64>)
#define ROWS_HI(NAME, F)                                                                           \
  ROWS_WIDE(NAME, F), ROW(NAME ".u64", F<u64, unsigned __int128>),                                 \
      ROW(NAME ".s64", F<s64, __int128>)

static void carryRows(HandlerRows &rows) {
  auto both = [&](const char *n32, Handler h32, const char *n64, Handler h64) {
    rows.push_back({n32, h32});
    rows.push_back({n64, h64});
  };
#define CARRY(NAME, SUB, IN, OUT)                                                                  \
  both(NAME ".b32", &addCarry<u32, SUB, IN, OUT>, NAME ".b64", &addCarry<u64, SUB, IN, OUT>)
  CARRY("add.cc", false, false, true);
  CARRY("addc", false, true, false);
  CARRY("addc.cc", false, true, true);
  CARRY("sub.cc", true, false, true);
  CARRY("subc", true, true, false);
  CARRY("subc.cc", true, true, true);
#define MADC(NAME, HI, IN, OUT)                                                                    \
  both(NAME ".b32", &madCarry<u32, HI, IN, OUT>, NAME ".b64", &madCarry<u64, HI, IN, OUT>)
  MADC("mad.lo.cc", false, false, true);
  MADC("madc.lo", false, true, false);
  MADC("madc.lo.cc", false, true, true);
  MADC("mad.hi.cc", true, false, true);
  MADC("madc.hi", true, true, false);
  MADC("madc.hi.cc", true, true, true);
}

static void fieldRows(HandlerRows &rows) {
  ROW("popc.b32", popCount<u32>), ROW("popc.b64", popCount<u64>);
  ROW("clz.b32", leadingZeros<u32>), ROW("clz.b64", leadingZeros<u64>);
  ROW("brev.b32", reverseBits<u32>), ROW("brev.b64", reverseBits<u64>);
  ROW("bfind.u32", findLeading<u32, false>), ROW("bfind.u64", findLeading<u64, false>);
  ROW("bfind.s32", findLeading<s32, false>), ROW("bfind.s64", findLeading<s64, false>);
  ROW("bfind.shiftamt.u32", findLeading<u32, true>);
  ROW("bfind.shiftamt.u64", findLeading<u64, true>);
  ROW("bfind.shiftamt.s32", findLeading<s32, true>);
  ROW("bfind.shiftamt.s64", findLeading<s64, true>);
  ROW("bfe.u32", extractField<u32>), ROW("bfe.u64", extractField<u64>);
  ROW("bfe.s32", extractField<s32>), ROW("bfe.s64", extractField<s64>);
  rows.push_back({"bfi.b32", &insertField<u32>});
  rows.push_back({"bfi.b64", &insertField<u64>});
  rows.push_back({"lop3.b32", &lop3});
  ROW("prmt.b32", permute<PermuteNone>), ROW("prmt.b32.f4e", permute<F4E>);
  ROW("prmt.b32.b4e", permute<B4E>), ROW("prmt.b32.rc8", permute<Rc8>);
  ROW("prmt.b32.ecl", permute<Ecl>), ROW("prmt.b32.ecr", permute<Ecr>);
  ROW("prmt.b32.rc16", permute<Rc16>);
  ROW("shf.l.clamp.b32", funnel<true, true>), ROW("shf.l.wrap.b32", funnel<true, false>);
  ROW("shf.r.clamp.b32", funnel<false, true>), ROW("shf.r.wrap.b32", funnel<false, false>);
}

static void dotRows(HandlerRows &rows) {
  ROW("dp4a.u32.u32", dot4<uint8_t, uint8_t>), ROW("dp4a.s32.s32", dot4<int8_t, int8_t>);
  ROW("dp4a.u32.s32", dot4<uint8_t, int8_t>), ROW("dp4a.s32.u32", dot4<int8_t, uint8_t>);
#define DOT2(A, B, TA, TB)                                                                         \
  ROW("dp2a.lo." A "." B, dot2<TA, TB, false>), ROW("dp2a.hi." A "." B, dot2<TA, TB, true>)
  DOT2("u32", "u32", u16, uint8_t), DOT2("s32", "s32", s16, int8_t);
  DOT2("u32", "s32", u16, int8_t), DOT2("s32", "u32", s16, uint8_t);
#define DIFFERENCES(NAME, A, B)                                                                    \
  ROW(NAME, differences<A, B, false>), ROW(NAME ".add", differences<A, B, true>)
  DIFFERENCES("vabsdiff4.u32.u32", uint8_t, uint8_t), DIFFERENCES("vabsdiff4.s32.s32", int8_t, int8_t);
  DIFFERENCES("vabsdiff4.u32.s32", uint8_t, int8_t), DIFFERENCES("vabsdiff4.s32.u32", int8_t, uint8_t);
  DIFFERENCES("vabsdiff2.u32.u32", u16, u16), DIFFERENCES("vabsdiff2.s32.s32", s16, s16);
  DIFFERENCES("vabsdiff2.u32.s32", u16, s16), DIFFERENCES("vabsdiff2.s32.u32", s16, u16);
  ROW("mul24.lo.u32", mul24<u32, false>), ROW("mul24.hi.u32", mul24<u32, true>);
  ROW("mul24.lo.s32", mul24<s32, false>), ROW("mul24.hi.s32", mul24<s32, true>);
  ROW("mad24.lo.u32", mad24<u32, false>), ROW("mad24.hi.u32", mad24<u32, true>);
  ROW("mad24.lo.s32", mad24<s32, false>), ROW("mad24.hi.s32", mad24<s32, true>);
}

static void moveRows(HandlerRows &rows) {
  ROWS3("mov", move);
  rows.push_back({"mov.b128", &move128});
  rows.push_back({"selp.b16", &select<u16>});
  rows.push_back({"selp.b32", &select<u32>});
  rows.push_back({"selp.b64", &select<u64>});
  ROWS3("slct.s32", selectSign), ROWS3("slct.f32", selectSignFloat);
  rows.push_back({"and.pred", &predAnd});
  rows.push_back({"or.pred", &predOr});
  rows.push_back({"xor.pred", &predXor});
  rows.push_back({"not.pred", &predNot});
  rows.push_back({"mov.pred", &predMove});
  rows.push_back({"set.pred", &predSet});
  rows.push_back({"mov.unpack", &unpack});
  rows.push_back({"mov.pack", &pack});
  ROW("mov.pack.b32", packHalves), ROW("mov.pack.b64", packWords);
  ROW("mov.low.b32", part<u16, u32, 0>), ROW("mov.high.b32", part<u16, u32, 16>);
  ROW("mov.low.b64", part<u32, u64, 0>), ROW("mov.high.b64", part<u32, u64, 32>);
}

void integerRows(HandlerRows &rows) {
  ROWS3("add", add), ROWS3("sub", sub), ROWS3("mul.lo", mulLo), ROWS3("mad.lo", madLo);
  ROWS3("and", andOf), ROWS3("or", orOf), ROWS3("xor", xorOf), ROWS3("not", notOf);
  ROWS3("cnot", cnot), ROWS3("neg", negate), ROWS3("shl", shiftLeft);
  ROWS_US("shr", shiftRight), ROWS_US("min", minOf), ROWS_US("max", maxOf);
  ROWS_US("div", divide), ROWS_US("rem", remainder), ROWS_US("sad", sumAbs);
  ROW("abs.s16", absolute<s16>), ROW("abs.s32", absolute<s32>), ROW("abs.s64", absolute<s64>);
  ROWS_HI("mul.hi", mulHi), ROWS_HI("mad.hi", madHi);
  ROWS_WIDE("mul.wide", mulWide), ROWS_WIDE("mad.wide", madWide);
  ROW("add.sat.s32", addSat), ROW("sub.sat.s32", subSat), ROW("mad.hi.sat.s32", madHiSat);
  ROW("min.relu.s32", relu<s32, &minOf<s32>>), ROW("max.relu.s32", relu<s32, &maxOf<s32>>);
  ROW("add.u16x2", halves<u16, &add<u16>>), ROW("add.s16x2", halves<s16, &add<s16>>);
  ROW("min.u16x2", halves<u16, &minOf<u16>>), ROW("min.s16x2", halves<s16, &minOf<s16>>);
  ROW("max.u16x2", halves<u16, &maxOf<u16>>), ROW("max.s16x2", halves<s16, &maxOf<s16>>);
  carryRows(rows);
  fieldRows(rows);
  dotRows(rows);
  moveRows(rows);
}

} // namespace CAMEO_PTX_ISA
} // namespace cameo::ptx
