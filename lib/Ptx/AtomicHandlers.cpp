// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// atom and red. Lane after lane, each by the host's atomics, so that blocks on other host threads
// see them whole; what the host has no instruction for (floats, min, inc) is a loop of compare and
// swap.
#include "AccessView.h"
#include "HalfFloat.h"
#include "Polls.h"

#include <mutex>

namespace cameo::ptx {
namespace CAMEO_PTX_ISA {
namespace {

template <typename T> T addOf(T a, T b, T) { return T(a + b); }
template <typename T> T andOf(T a, T b, T) { return a & b; }
template <typename T> T orOf(T a, T b, T) { return a | b; }
template <typename T> T xorOf(T a, T b, T) { return a ^ b; }
template <typename T> T exchange(T, T b, T) { return b; }
template <typename T> T compareSwap(T a, T b, T c) { return a == b ? c : a; }
template <typename T> T minOf(T a, T b, T) { return a < b ? a : b; }
template <typename T> T maxOf(T a, T b, T) { return a > b ? a : b; }
u32 increment(u32 a, u32 b, u32) { return a >= b ? 0 : a + 1; }
u32 decrement(u32 a, u32 b, u32) { return a == 0 || a > b ? b : a - 1; }

u32 addFloat(u32 a, u32 b, u32) { return asBits(canonical(flush(flush(asFloat(a)) + flush(asFloat(b))))); }
u64 addDouble(u64 a, u64 b, u64) { return asBits(canonical(asDouble(a) + asDouble(b))); }
u16 addHalf(u16 a, u16 b, u16) { return floatToHalf(halfToFloat(a) + halfToFloat(b)); }
u16 addBrain(u16 a, u16 b, u16) { return floatToBrain(brainToFloat(a) + brainToFloat(b)); }
/// As min and max: the number beside a NaN, -0 below +0.
template <float (*Widen)(u16), bool Max> u16 pickOf(u16 a, u16 b, u16) {
  float A = Widen(a), B = Widen(b);
  if (A != A || B != B)
    return A != A && B != B ? u16(0x7fff) : A != A ? b : a;
  if (A == B)
    return Max ? a & b : a | b;
  return (Max ? A > B : A < B) ? a : b;
}
template <u16 (*F)(u16, u16, u16)> u32 both(u32 a, u32 b, u32) {
  return F(u16(a), u16(b), 0) | u32(F(u16(a >> 16), u16(b >> 16), 0)) << 16;
}

/// f32 add in global memory flushes subnormals, in shared memory it doesn't.
u32 addFloatShared(u32 a, u32 b, u32) { return asBits(canonical(asFloat(a) + asFloat(b))); }


/// The host has no instruction for 16 bytes everywhere; atomics of this size exclude each other.
struct Wide {
  u64 low, high;
};
Wide exchangeWide(Wide, Wide b, Wide) { return b; }
Wide compareSwapWide(Wide a, Wide b, Wide c) { return a.low == b.low && a.high == b.high ? c : a; }
std::mutex wideMutex;

template <typename T, T (*F)(T, T, T)> T atomically(u8 *host, T b, T c, bool &changes) {
  if constexpr (sizeof(T) == 16) {
    std::lock_guard<std::mutex> lock(wideMutex);
    T seen, wanted;
    std::memcpy(&seen, host, sizeof seen);
    wanted = F(seen, b, c);
    std::memcpy(host, &wanted, sizeof wanted);
    changes |= std::memcmp(&seen, &wanted, sizeof seen) != 0;
    return seen;
  } else {
    T *p = reinterpret_cast<T *>(host);
    T seen = __atomic_load_n(p, __ATOMIC_RELAXED);
    for (;;) {
      T wanted = F(seen, b, c);
      if (!__atomic_compare_exchange_n(p, &seen, wanted, true, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
        continue;
      changes |= seen != wanted;
      return seen;
    }
  }
}

/// a: address, b and c: sources, d: the old value, or none. width: checks are on. S: what shared memory does.
template <typename T, T (*F)(T, T, T), T (*S)(T, T, T) = F> void atomic(Exec &x, const Op &o) {
  View v;
  if (!resolve<Space::Generic>(x, o, sizeof(T), true, v)) {
    laneByLane(x, [&] { atomic<T, F, S>(x, o); });
    return;
  }
  if (o.width)
    checkRead(x, o, v, sizeof(T));
  if (x.race) {
    RaceSpot spot;
    if (raceSpotOf(x, v, spot)) {
      raceAccess(x, o, spot, v.off, sizeof(T), static_cast<RacePattern>(v.pattern), raceKind(o, weakStore));
      raceStrong(x, o, spot, v.off, sizeof(T), true, true);
    }
  }
  if (x.counts) {
    ++x.counts->atomicRequests;
    x.counts->atomicThreads += static_cast<u64>(std::popcount(x.mask));
  }
  const T *b = x.at<T>(o.b), *c = o.c == noOperand ? b : x.at<T>(o.c);
  T *d = o.d == noOperand ? nullptr : x.at<T>(o.d);
  bool changes = false;
  for (unsigned i = 0; i < lanes; ++i) {
    if (!x.lane[i])
      continue;
    u8 *place = v.host + v.off[i];
    T old = v.space == Space::Shared ? atomically<T, S>(place, b[i], c[i], changes)
                                        : atomically<T, F>(place, b[i], c[i], changes);
    if (d)
      d[i] = old;
  }
  if (o.width)
    markStore(x, v, sizeof(T));
  if (changes)
    return pollEnded(x);
  unsigned lead = static_cast<unsigned>(std::countr_zero(x.mask));
  u64 seen = 0;
  std::memcpy(&seen, v.host + v.off[lead], std::min<size_t>(sizeof(T), 8));
  pollInVain(x, o, v.base + v.off[lead], seen);
}

} // namespace

void atomicRows(HandlerRows &rows) {
#define ROW(NAME, T, ...) rows.push_back({"atom." NAME, &atomic<T, &__VA_ARGS__>})
#define BITS(NAME, F) ROW(NAME ".b32", u32, F<u32>), ROW(NAME ".b64", u64, F<u64>)
#define ORDERED(NAME, F)                                                                           \
  ROW(NAME ".u32", u32, F<u32>), ROW(NAME ".u64", u64, F<u64>), ROW(NAME ".s32", s32, F<s32>),     \
      ROW(NAME ".s64", s64, F<s64>)
  BITS("add", addOf);
  BITS("and", andOf);
  BITS("or", orOf);
  BITS("xor", xorOf);
  BITS("exch", exchange);
  BITS("cas", compareSwap);
  ROW("cas.b16", u16, compareSwap<u16>);
  ORDERED("min", minOf);
  ORDERED("max", maxOf);
  ROW("inc.b32", u32, increment);
  ROW("dec.b32", u32, decrement);
  rows.push_back({"atom.add.f32", &atomic<u32, &addFloat, &addFloatShared>});
  ROW("exch.b128", Wide, exchangeWide), ROW("cas.b128", Wide, compareSwapWide);
  ROW("add.f64", u64, addDouble);
  ROW("add.f16", u16, addHalf), ROW("add.bf16", u16, addBrain);
  ROW("add.f16x2", u32, both<&addHalf>), ROW("add.bf16x2", u32, both<&addBrain>);
#define PICK(NAME, MAX)                                                                            \
  ROW(NAME ".f16", u16, pickOf<halfToFloat, MAX>), ROW(NAME ".bf16", u16, pickOf<brainToFloat, MAX>);  \
  ROW(NAME ".f16x2", u32, both<&pickOf<halfToFloat, MAX>>);                                      \
  ROW(NAME ".bf16x2", u32, both<&pickOf<brainToFloat, MAX>>)
  PICK("min", false);
  PICK("max", true);
}

} // namespace CAMEO_PTX_ISA
} // namespace cameo::ptx
