// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Instructions across the lanes of a warp: shuffles, votes, matches, reductions. Each names the
// lanes that take part; they have to be here together, and who executes it has to be named. Whose value a lane
// gets, it may rely on what that one acquired (raceHandOn).
#include "Lanes.h"
#include "RaceApi.h"

#include <algorithm>

namespace cameo::ptx {
namespace CAMEO_PTX_ISA {
namespace {

/// The lanes that name the same mask as the first of `mask`.
u32 sameMask(const u32 *named, u32 mask) {
  u32 first = named[std::countr_zero(mask)], same = 0;
  for (unsigned i = 0; i < lanes; ++i)
    same |= u32((mask >> i & 1) && named[i] == first) << i;
  return same;
}

void checkMask(Exec &x, const Op &o, u32 wanted) {
  if (u32 strangers = x.mask & ~wanted)
    report(x, o, FindingKind::Divergence, strangers, 0, 0,
           "a thread executes this instruction without being named in its mask",
           "name all threads that execute it, or branch around it");
  if (wanted & x.warp->alive & ~x.mask)
    report(x, o, FindingKind::Divergence, x.mask, 0, 0,
           "threads execute this instruction together with masks that overlap and differ",
           "give all threads of a mask that mask");
}

/// Waits for all lanes that are named, then lets those of one mask after the other execute it: tiles of a
/// warp name different ones at the same instruction.
template <void (*Body)(Exec &, const Op &), bool MaskAside = false>
void together(Exec &x, const Op &o) {
  const u32 *named = x.at<u32>(MaskAside ? x.side(o)[0] : o.b);
  u32 all = x.mask, wanted = 0;
  for (unsigned i = 0; i < lanes; ++i)
    wanted |= all >> i & 1 ? named[i] : 0;
  if (!gatherLanes(x, o, wanted))
    return;
  u32 part = sameMask(named, all);
  if (part == all) {
    if (x.launch->checks)
      checkMask(x, o, wanted);
    Body(x, o);
    return;
  }
  u32 masks[lanes]; // the result may overwrite the operand
  std::copy(named, named + lanes, masks);
  for (u32 rest = all; rest; rest &= ~part) {
    part = sameMask(masks, rest);
    x.setMask(part);
    if (x.launch->checks)
      checkMask(x, o, masks[std::countr_zero(part)]);
    Body(x, o);
  }
  x.setMask(all);
}

enum class Shuffle { Up, Down, Butterfly, Index };

/// d, a, b: lane, c: clamp and segment; side: mask, predicate or none. A source lane out of the
/// segment gives the lane's own value. imm: 0, or 1 + the mask of lanes of `a` that were written, and that of `d`.
template <Shuffle Mode> void shuffle(Exec &x, const Op &o) {
  const u32 *side = x.side(o);
  const u32 *a = x.at<u32>(o.a), *b = x.at<u32>(o.b), *c = x.at<u32>(o.c);
  u32 result[lanes], from[lanes], inRange = 0, defined = 0;
  u32 written = o.imm ? x.predicate(u32(o.imm) - 1) : ~0u;
  for (unsigned i = 0; i < lanes; ++i) {
    u32 offset = b[i] & 0x1f, clamp = c[i] & 0x1f, segment = c[i] >> 8 & 0x1f;
    u32 most = (i & segment) | (clamp & ~segment), least = i & segment;
    s32 j = 0;
    bool ok = false;
    switch (Mode) {
    case Shuffle::Up: j = s32(i) - s32(offset), ok = j >= s32(most); break;
    case Shuffle::Down: j = s32(i + offset), ok = j <= s32(most); break;
    case Shuffle::Butterfly: j = s32(i ^ offset), ok = j <= s32(most); break;
    case Shuffle::Index: j = s32(least | (offset & ~segment)), ok = j <= s32(most); break;
    }
    j = ok ? j : s32(i);
    from[i] = x.mask & 1u << (j & 31);
    result[i] = a[j & 31];
    inRange |= u32(ok) << i;
    defined |= (written >> (j & 31) & 1) << i;
    if (x.launch->checks && (x.mask >> i & 1) && ok && !(x.mask >> j & 1) && (x.warp->alive >> j & 1))
      report(x, o, FindingKind::Divergence, 1u << i, 0, 0,
             "a shuffle reads lane " + std::to_string(j) + ", which does not take part",
             "name that lane in the mask and let it execute the shuffle");
  }
  u32 *d = x.at<u32>(o.d);
  for (unsigned i = 0; i < lanes; ++i)
    d[i] = x.lane[i] ? result[i] : d[i];
  if (o.imm) {
    u32 &mask = x.predicate(u32(u64(o.imm) >> 32));
    mask = (mask & ~x.mask) | (defined & x.mask);
  }
  if (side[1] != noOperand) {
    u32 &p = x.predicate(side[1]);
    p = (p & ~x.mask) | (inRange & x.mask);
  }
  if (x.race)
    raceHandOn(x, from);
}

/// Each lane has a result of all that take part.
template <void (*Body)(Exec &, const Op &)> void ofAll(Exec &x, const Op &o) {
  Body(x, o);
  if (!x.race)
    return;
  u32 from[lanes];
  std::fill(from, from + lanes, x.mask);
  raceHandOn(x, from);
}

enum class Vote { All, Any, Uniform, Ballot };
/// a: predicate, b: mask; imm: the predicate is negated.
template <Vote Mode> void vote(Exec &x, const Op &o) {
  u32 bits = x.predicate(o.a);
  bits = (o.imm ? ~bits : bits) & x.mask;
  if (Mode == Vote::Ballot) {
    u32 *d = x.at<u32>(o.d);
    for (unsigned i = 0; i < lanes; ++i)
      d[i] = x.lane[i] ? bits : d[i];
    return;
  }
  bool r = Mode == Vote::All ? bits == x.mask : Mode == Vote::Any ? bits != 0
                                                                  : bits == 0 || bits == x.mask;
  u32 &d = x.predicate(o.d);
  d = (d & ~x.mask) | (r ? x.mask : 0);
}

template <typename T> void matchAny(Exec &x, const Op &o) {
  const T *a = x.at<T>(o.a);
  u32 result[lanes];
  for (unsigned i = 0; i < lanes; ++i) {
    result[i] = 0;
    for (unsigned j = 0; j < lanes; ++j)
      result[i] |= u32((x.mask >> j & 1) && a[j] == a[i]) << j;
  }
  u32 *d = x.at<u32>(o.d);
  for (unsigned i = 0; i < lanes; ++i)
    d[i] = x.lane[i] ? result[i] : d[i];
}

/// c: the predicate, or none.
template <typename T> void matchAll(Exec &x, const Op &o) {
  const T *a = x.at<T>(o.a);
  unsigned lead = static_cast<unsigned>(std::countr_zero(x.mask));
  bool same = true;
  for (unsigned i = 0; i < lanes; ++i)
    same = same && (!(x.mask >> i & 1) || a[i] == a[lead]);
  u32 *d = x.at<u32>(o.d);
  for (unsigned i = 0; i < lanes; ++i)
    d[i] = x.lane[i] ? (same ? x.mask : 0) : d[i];
  if (o.c != noOperand) {
    u32 &p = x.predicate(o.c);
    p = (p & ~x.mask) | (same ? x.mask : 0);
  }
}

void activeMask(Exec &x, const Op &o) {
  u32 *d = x.at<u32>(o.d);
  for (unsigned i = 0; i < lanes; ++i)
    d[i] = x.lane[i] ? x.mask : d[i];
}

template <typename T, T (*F)(T, T)> void reduce(Exec &x, const Op &o) {
  const T *a = x.at<T>(o.a);
  unsigned lead = static_cast<unsigned>(std::countr_zero(x.mask));
  T r = a[lead];
  for (unsigned i = lead + 1; i < lanes; ++i)
    if (x.mask >> i & 1)
      r = F(r, a[i]);
  T *d = x.at<T>(o.d);
  for (unsigned i = 0; i < lanes; ++i)
    d[i] = x.lane[i] ? r : d[i];
}
template <typename T> T addOf(T a, T b) { return a + b; }
template <typename T> T minOf(T a, T b) { return a < b ? a : b; }
template <typename T> T maxOf(T a, T b) { return a > b ? a : b; }
template <typename T> T andOf(T a, T b) { return a & b; }
template <typename T> T orOf(T a, T b) { return a | b; }
template <typename T> T xorOf(T a, T b) { return a ^ b; }
/// redux of f32: of the numbers, unless `.NaN`; -0 is below +0, and no number at all gives a NaN.
template <bool Max, bool Abs, bool Nan> u32 pickFloat(u32 a, u32 b) {
  float A = asFloat(a), B = asFloat(b);
  if (A != A || B != B)
    return Nan || (A != A && B != B) ? 0x7fffffffu : A != A ? b : a;
  if (A == B)
    return Max ? a & b : a | b;
  return (Max ? A > B : A < B) ? a : b;
}
template <bool Max, bool Abs, bool Nan> void reduceFloat(Exec &x, const Op &o) {
  const u32 *a = x.at<u32>(o.a);
  u32 r = 0;
  bool first = true;
  for (unsigned i = 0; i < lanes; ++i) {
    if (!(x.mask >> i & 1))
      continue;
    u32 v = Abs ? a[i] & 0x7fffffffu : a[i];
    r = pickFloat<Max, Abs, Nan>(first ? v : r, v);
    first = false;
  }
  u32 *d = x.at<u32>(o.d);
  for (unsigned i = 0; i < lanes; ++i)
    d[i] = x.lane[i] ? r : d[i];
}

/// elect.sync d|p, mask: the lowest lane is the leader.
void elect(Exec &x, const Op &o) {
  u32 lead = static_cast<u32>(std::countr_zero(x.mask));
  if (o.d != noOperand) {
    u32 *d = x.at<u32>(o.d);
    for (unsigned i = 0; i < lanes; ++i)
      d[i] = x.lane[i] ? lead : d[i];
  }
  u32 &p = x.predicate(o.c);
  p = (p & ~x.mask) | 1u << lead;
}

} // namespace

void warpRows(HandlerRows &rows) {
  rows.push_back({"shfl.up", &together<&shuffle<Shuffle::Up>, true>});
  rows.push_back({"shfl.down", &together<&shuffle<Shuffle::Down>, true>});
  rows.push_back({"shfl.bfly", &together<&shuffle<Shuffle::Butterfly>, true>});
  rows.push_back({"shfl.idx", &together<&shuffle<Shuffle::Index>, true>});
  rows.push_back({"vote.all", &together<&ofAll<&vote<Vote::All>>>});
  rows.push_back({"vote.any", &together<&ofAll<&vote<Vote::Any>>>});
  rows.push_back({"vote.uni", &together<&ofAll<&vote<Vote::Uniform>>>});
  rows.push_back({"vote.ballot", &together<&ofAll<&vote<Vote::Ballot>>>});
  rows.push_back({"match.any.b32", &together<&ofAll<&matchAny<u32>>>});
  rows.push_back({"match.any.b64", &together<&ofAll<&matchAny<u64>>>});
  rows.push_back({"match.all.b32", &together<&ofAll<&matchAll<u32>>>});
  rows.push_back({"match.all.b64", &together<&ofAll<&matchAll<u64>>>});
  rows.push_back({"activemask", &activeMask});
  rows.push_back({"elect", &together<&elect>});
  rows.push_back({"redux.add.u32", &together<&ofAll<&reduce<u32, &addOf<u32>>>>});
  rows.push_back({"redux.add.s32", &together<&ofAll<&reduce<u32, &addOf<u32>>>>});
  rows.push_back({"redux.min.u32", &together<&ofAll<&reduce<u32, &minOf<u32>>>>});
  rows.push_back({"redux.min.s32", &together<&ofAll<&reduce<s32, &minOf<s32>>>>});
  rows.push_back({"redux.max.u32", &together<&ofAll<&reduce<u32, &maxOf<u32>>>>});
  rows.push_back({"redux.max.s32", &together<&ofAll<&reduce<s32, &maxOf<s32>>>>});
  rows.push_back({"redux.and.b32", &together<&ofAll<&reduce<u32, &andOf<u32>>>>});
  rows.push_back({"redux.or.b32", &together<&ofAll<&reduce<u32, &orOf<u32>>>>});
  rows.push_back({"redux.xor.b32", &together<&ofAll<&reduce<u32, &xorOf<u32>>>>});
#define REDUX(NAME, MAX)                                                                           \
  rows.push_back({NAME ".f32", &together<&ofAll<&reduceFloat<MAX, false, false>>>});                       \
  rows.push_back({NAME ".abs.f32", &together<&ofAll<&reduceFloat<MAX, true, false>>>});                    \
  rows.push_back({NAME ".nan.f32", &together<&ofAll<&reduceFloat<MAX, false, true>>>});                    \
  rows.push_back({NAME ".abs.nan.f32", &together<&ofAll<&reduceFloat<MAX, true, true>>>})
  REDUX("redux.min", false);
  REDUX("redux.max", true);
}

} // namespace CAMEO_PTX_ISA
} // namespace cameo::ptx
