// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// From a function on one lane to a handler on 32. The loops have no dependence between lanes (a
// register is the destination and a source as a whole, or not at all), which is said to the
// compiler, so that it vectorises them. Where only some lanes execute, the others keep their value.
#ifndef CAMEO_LIB_PTX_LANES_H
#define CAMEO_LIB_PTX_LANES_H

#include "Handlers.h"

#include <bit>
#include <cmath>

// The whole loop becomes one iteration of interleaved vectors where the registers allow it. Sources
// with these loops are compiled with -fno-unroll-loops: unrolling to scalars comes before vectors.
#if defined(__clang__) && defined(__AVX512F__)
#define CAMEO_LANES _Pragma("clang loop vectorize(assume_safety) interleave_count(2)")
#elif defined(__clang__)
#define CAMEO_LANES _Pragma("clang loop vectorize(assume_safety) interleave_count(4)")
#else
#define CAMEO_LANES _Pragma("GCC ivdep")
#endif

namespace cameo::ptx {
namespace CAMEO_PTX_ISA {

using u8 = uint8_t;
using u16 = uint16_t;
using u32 = uint32_t;
using u64 = uint64_t;
using s16 = int16_t;
using s32 = int32_t;
using s64 = int64_t;

template <auto F, typename D, typename A> void lanes1(Exec &x, const Op &o) {
  D *d = x.at<D>(o.d);
  const A *a = x.at<A>(o.a);
  if (x.full) {
    CAMEO_LANES
    for (unsigned i = 0; i < lanes; ++i)
      d[i] = F(a[i]);
  } else {
    CAMEO_LANES
    for (unsigned i = 0; i < lanes; ++i) {
      D r = F(a[i]);
      d[i] = x.lane[i] ? r : d[i];
    }
  }
}

template <auto F, typename D, typename A, typename B> void lanes2(Exec &x, const Op &o) {
  D *d = x.at<D>(o.d);
  const A *a = x.at<A>(o.a);
  const B *b = x.at<B>(o.b);
  if (x.full) {
    CAMEO_LANES
    for (unsigned i = 0; i < lanes; ++i)
      d[i] = F(a[i], b[i]);
  } else {
    CAMEO_LANES
    for (unsigned i = 0; i < lanes; ++i) {
      D r = F(a[i], b[i]);
      d[i] = x.lane[i] ? r : d[i];
    }
  }
}

template <auto F, typename D, typename A, typename B, typename C>
void lanes3(Exec &x, const Op &o) {
  D *d = x.at<D>(o.d);
  const A *a = x.at<A>(o.a);
  const B *b = x.at<B>(o.b);
  const C *c = x.at<C>(o.c);
  if (x.full) {
    CAMEO_LANES
    for (unsigned i = 0; i < lanes; ++i)
      d[i] = F(a[i], b[i], c[i]);
  } else {
    CAMEO_LANES
    for (unsigned i = 0; i < lanes; ++i) {
      D r = F(a[i], b[i], c[i]);
      d[i] = x.lane[i] ? r : d[i];
    }
  }
}

template <auto F, typename D, typename A> constexpr Handler pickLanes(D (*)(A)) {
  return &lanes1<F, D, A>;
}
template <auto F, typename D, typename A, typename B> constexpr Handler pickLanes(D (*)(A, B)) {
  return &lanes2<F, D, A, B>;
}
template <auto F, typename D, typename A, typename B, typename C>
constexpr Handler pickLanes(D (*)(A, B, C)) {
  return &lanes3<F, D, A, B, C>;
}

/// The handler that applies F to every active lane of registers d, a, b, c.
template <auto F> constexpr Handler perLane = pickLanes<F>(F);

/// Bits of a comparison, one per lane, into a predicate.
template <auto F, typename A> void compareLanes(Exec &x, const Op &o) {
  const A *a = x.at<A>(o.a);
  const A *b = x.at<A>(o.b);
  // One array of lanes that a second loop packs: both vectorise, a shift by i would not.
  alignas(64) u8 hit[lanes];
  CAMEO_LANES
  for (unsigned i = 0; i < lanes; ++i)
    hit[i] = F(a[i], b[i]) ? 0xff : 0;
  u32 bits = 0;
#if defined(__x86_64__)
  typedef char Bytes __attribute__((vector_size(16)));
  Bytes low, high;
  std::memcpy(&low, hit, 16);
  std::memcpy(&high, hit + 16, 16);
  bits = static_cast<u32>(__builtin_ia32_pmovmskb128(low)) |
         static_cast<u32>(__builtin_ia32_pmovmskb128(high)) << 16;
#else
  for (unsigned i = 0; i < lanes; ++i)
    bits |= static_cast<u32>(hit[i] & 1) << i;
#endif
  u32 &d = x.predicate(o.d);
  d = (d & ~x.mask) | (bits & x.mask);
}

inline float asFloat(u32 bits) { return std::bit_cast<float>(bits); }
inline u32 asBits(float value) { return std::bit_cast<u32>(value); }
inline double asDouble(u64 bits) { return std::bit_cast<double>(bits); }
inline u64 asBits(double value) { return std::bit_cast<u64>(value); }

/// What arithmetic gives for any NaN.
inline float canonical(float v) { return v != v ? asFloat(0x7fffffffu) : v; }
inline double canonical(double v) { return v != v ? asDouble(0x7fffffffffffffffull) : v; }
/// Of a square root: the compiler folds `v != v` of one away, so that the host's NaN would stay.
inline float canonicalRoot(float v) {
  return (asBits(v) & 0x7fffffffu) > 0x7f800000u ? asFloat(0x7fffffffu) : v;
}
inline double canonicalRoot(double v) {
  constexpr u64 magnitude = 0x7fffffffffffffffull;
  return (asBits(v) & magnitude) > 0x7ff0000000000000ull ? asDouble(magnitude) : v;
}
/// `.ftz`: subnormals become zeros of their sign.
inline float flush(float v) {
  return (asBits(v) & 0x7f800000u) == 0 ? asFloat(asBits(v) & 0x80000000u) : v;
}
template <bool Ftz> inline float maybeFlush(float v) { return Ftz ? flush(v) : v; }

} // namespace CAMEO_PTX_ISA
} // namespace cameo::ptx

#endif
