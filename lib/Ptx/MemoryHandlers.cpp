// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Loads and stores of all spaces. The element size and the policy (checks, counts) are template
// parameters, the number of elements is not. A load into a wider register extends.
#include "Polls.h"
#include "SharedAccess.h"

#include <algorithm>
#include <cmath>
#include <mutex>

namespace cameo::ptx {
namespace CAMEO_PTX_ISA {

bool findLocal(const Exec &x, u64 offset, u64 &base, u64 &bytes) {
  u32 function = x.group->function, at = x.group->localOffset;
  for (size_t depth = x.group->frames.size();; --depth) {
    for (const Region &r : x.program->functions[function].locals)
      if (offset - (at + r.base) < r.bytes) {
        base = at + r.base;
        bytes = r.bytes;
        return true;
      }
    if (depth == 0)
      return false;
    function = x.group->frames[depth - 1].function;
    at = x.group->frames[depth - 1].localOffset;
  }
}

bool findInCluster(Exec &x, const Op &o, u64 address, View &v, u64 &bytes) {
  u64 offset = address;
  Block *block = blockOfShared(x, o, offset, u32(std::countr_zero(x.mask)));
  const Region *region = block ? findRegion(x.launch->sharedRegions, offset) : nullptr;
  if (!region || (o.space == Space::Shared && block != x.block))
    return false;
  v.base = address - offset + region->base;
  v.host = block->shared + (region->base - sharedBase);
  v.shadow = block->sharedShadow + (region->base - sharedBase) / 4;
  bytes = region->bytes;
  return true;
}

bool raceSpotInCluster(const Exec &x, const View &v, RaceSpot &spot) {
  for (Block *other : x.block->cluster->blocks) {
    spot.origin = static_cast<u64>(v.host - other->shared);
    spot.home = other->race.get();
    if (spot.origin < x.launch->sharedBytes)
      return true;
  }
  return false;
}

unsigned countSectors(const Exec &x, const u64 *address, unsigned width) {
  u64 sectors[lanes * 2];
  unsigned n = 0;
  for (unsigned i = 0; i < lanes; ++i)
    if (x.mask >> i & 1)
      for (u64 s = address[i] / 32; s <= (address[i] + width - 1) / 32; ++s)
        if (n < lanes * 2)
          sectors[n++] = s;
  std::sort(sectors, sectors + n);
  return static_cast<unsigned>(std::unique(sectors, sectors + n) - sectors);
}

unsigned countWavefronts(const Exec &x, const u64 *offset, unsigned width) {
  // Accesses of 8 and 16 bytes go in two and four parts of the warp.
  unsigned part = width <= 4 ? lanes : width == 8 ? 16 : 8, total = 0;
  for (unsigned begin = 0; begin < lanes; begin += part) {
    // A lane takes a bank once, so that no bank sees more words than there are lanes; most see one.
    u64 words[32][lanes];
    unsigned perBank[32] = {}, most = 0;
    auto take = [&](u64 word) {
      u64 *bank = words[word & 31];
      unsigned &n = perBank[word & 31];
      if (std::find(bank, bank + n, word) != bank + n)
        return;
      bank[n++] = word;
      most = std::max(most, n);
    };
    for (unsigned i = begin; i < begin + part; ++i)
      if (x.mask >> i & 1)
        for (u64 w = offset[i] / 4; w <= (offset[i] + width - 1) / 4; ++w)
          take(w);
    total += most;
  }
  return total;
}

void countAccess(Exec &x, const View &v, unsigned width, bool store) {
  Counts &c = *x.counts;
  u64 threads = static_cast<u64>(std::popcount(x.mask));
  u64 address[lanes];
  for (unsigned i = 0; i < lanes; ++i)
    address[i] = v.base + v.off[i];
  if (v.space == Space::Shared) {
    (store ? c.sharedStoreRequests : c.sharedLoadRequests) += 1;
    (store ? c.sharedStoreBytes : c.sharedLoadBytes) += threads * width;
    (store ? c.sharedStoreWavefronts : c.sharedLoadWavefronts) += countWavefronts(x, address, width);
  } else if (v.space == Space::Local) {
    c.localBytes += threads * width;
  } else if (v.space != Space::Param) {
    (store ? c.globalStoreRequests : c.globalLoadRequests) += 1;
    (store ? c.globalStoreBytes : c.globalLoadBytes) += threads * width;
    (store ? c.globalStoreSectors : c.globalLoadSectors) += countSectors(x, address, width);
  }
}

namespace {

struct Sixteen {
  u64 low, high;
};
template <int E> struct Element;
template <> struct Element<1> { using T = u8; };
template <> struct Element<2> { using T = u16; };
template <> struct Element<4> { using T = u32; };
template <> struct Element<8> { using T = u64; };
template <> struct Element<16> { using T = Sixteen; };

template <typename T> T fetch(const u8 *p) {
  T value;
  std::memcpy(&value, p, sizeof(T));
  return value;
}

template <typename T> void loadElement(Exec &x, T *d, const View &v, unsigned offset, unsigned width) {
  const u8 *host = v.host + offset;
  if (v.pattern == Pattern::Uniform) {
    T value = fetch<T>(host + v.off[0]);
    if (x.full) {
      for (unsigned i = 0; i < lanes; ++i)
        d[i] = value;
    } else {
      for (unsigned i = 0; i < lanes; ++i)
        d[i] = x.lane[i] ? value : d[i];
    }
  } else if (v.pattern == Pattern::Consecutive) {
    if (width == sizeof(T)) {
      std::memcpy(d, host + v.off[0], sizeof(T) * lanes);
    } else {
      const u8 *p = host + v.off[0];
      for (unsigned i = 0; i < lanes; ++i)
        d[i] = fetch<T>(p + i * width);
    }
  } else if (x.all) {
    for (unsigned i = 0; i < lanes; ++i)
      d[i] = fetch<T>(host + v.off[i]);
  } else {
    for (unsigned i = 0; i < lanes; ++i)
      if (x.lane[i])
        d[i] = fetch<T>(host + v.off[i]);
  }
}

/// One lane's element into a register that is wider.
template <int E> void putWider(const Op &o, u8 *d, const u8 *from) {
  using T = typename Element<E>::T;
  T value = fetch<T>(from);
  u64 wide;
  if constexpr (E <= 8)
    wide = o.flags & FlagSigned ? u64(s64(std::make_signed_t<T>(value))) : u64(value);
  else
    wide = value.low;
  std::memcpy(d, &wide, std::min<unsigned>(o.width, 8));
}

/// Into registers wider than the element.
template <int E> void loadWider(Exec &x, const Op &o, u8 *d, const View &v, unsigned offset) {
  for (unsigned i = 0; i < lanes; ++i) {
    if (!x.lane[i])
      continue;
    putWider<E>(o, d + i * o.width, v.host + v.off[i] + offset);
  }
}

/// Lanes of a strong load that see what was there before.
template <int E> void loadOlder(Exec &x, const Op &o, RaceOlderValues &older) {
  const u32 *parts = o.count > 1 ? x.side(o) : &o.d;
  for (u32 rest = older.mask; rest; rest &= rest - 1) {
    unsigned i = static_cast<unsigned>(std::countr_zero(rest));
    for (unsigned j = 0; j < o.count; ++j)
      if (parts[j] != noOperand && o.width == E)
        std::memcpy(x.at<u8>(parts[j]) + i * E, older.bytes[i] + j * E, E);
      else if (parts[j] != noOperand)
        putWider<E>(o, x.at<u8>(parts[j]) + i * o.width, older.bytes[i] + j * E);
  }
  older.mask = 0;
}

bool allParts(const u32 *parts) {
  return parts[0] != noOperand && parts[1] != noOperand && parts[2] != noOperand &&
         parts[3] != noOperand;
}

template <Space S, int E, bool Checks, bool Counting> void load(Exec &x, const Op &o) {
  using T = typename Element<E>::T;
  const unsigned width = E * o.count;
  View v;
  if (!resolve<S>(x, o, width, false, v)) {
    laneByLane(x, [&] { load<S, E, Checks, Counting>(x, o); });
    return;
  }
  if (Checks)
    checkRead(x, o, v, width);
  if (Checks && x.race)
    raceLoad(x, o, v, width);
  if (Counting)
    countAccess(x, v, width, false);
  if (o.count == 1) {
    if (o.width == E)
      loadElement<T>(x, x.at<T>(o.d), v, 0, width);
    else
      loadWider<E>(x, o, x.at<u8>(o.d), v, 0);
  } else if (E == 4 && o.count == 4 && o.width == 4 && x.all && allParts(x.side(o))) {
    const u32 *parts = x.side(o);
    u32 *d[4] = {x.at<u32>(parts[0]), x.at<u32>(parts[1]), x.at<u32>(parts[2]), x.at<u32>(parts[3])};
    gatherFour(v.host, v.off, d);
  } else {
    const u32 *parts = x.side(o);
    for (unsigned j = 0; j < o.count; ++j) {
      if (parts[j] == noOperand)
        continue;
      if (o.width == E)
        loadElement<T>(x, x.at<T>(parts[j]), v, j * E, width);
      else
        loadWider<E>(x, o, x.at<u8>(parts[j]), v, j * E);
    }
  }
  if (o.traits & TraitStrong) {
    if (Checks && x.race)
      if (RaceOlderValues *older = raceOlderValues(x))
        loadOlder<E>(x, o, *older);
    unsigned lead = static_cast<unsigned>(std::countr_zero(x.mask));
    u32 first = o.count == 1 ? o.d : x.side(o)[0];
    const u8 *there = v.host + v.off[lead];
    if (first != noOperand && std::memcmp(x.at<u8>(first) + lead * o.width, there, std::min<unsigned>(E, o.width)))
      pollEnded(x); // it saw an older value, and will not for ever
    u64 seen = 0;
    std::memcpy(&seen, there, std::min(E, 8));
    pollInVain(x, o, v.base + v.off[lead], seen);
  }
  if (o.flags & FlagAcquire)
    std::atomic_thread_fence(std::memory_order_acquire);
}

/// Whether a lane stores what is there already: a store of `count` elements of E bytes.
template <int E, typename V> bool storesSame(const Exec &x, const Op &o, const void *view, unsigned lane) {
  const V &v = *static_cast<const V *>(view);
  const u32 *parts = o.count > 1 ? x.side(o) : &o.b;
  for (unsigned j = 0; j < o.count; ++j)
    if (std::memcmp(v.host + v.off[lane] + j * E, x.at<u8>(parts[j]) + lane * o.width, E))
      return false;
  return true;
}

/// Before a store is executed.
template <int E> void raceStore(Exec &x, const Op &o, const View &v, unsigned width) {
  RaceSpot spot;
  if (!raceSpotOf(x, v, spot))
    return;
  raceAccess(x, o, spot, v.off, width, static_cast<RacePattern>(v.pattern),
             raceKind(o, weakStore), &storesSame<E, View>, &v);
  if (o.traits & TraitStrong)
    raceStrong(x, o, spot, v.off, width, false, true);
}

template <int E> double numberAt(const u8 *p) { return E == 4 ? double(fetch<float>(p)) : fetch<double>(p); }

/// What is there differs from what the lane stored by rounding at most: a butterfly of fma leaves each lane its
/// own sum, and any of them will do. What all lanes store tells how large the summands may have been.
template <int E, typename V> bool storesRounded(const Exec &x, const Op &o, const V &v, unsigned lane) {
  if constexpr (E != 4 && E != 8)
    return false;
  constexpr double error = E == 4 ? 1e-5 : 1e-13, cancelled = 1000;
  const u32 *parts = o.count > 1 ? x.side(o) : &o.b;
  double greatest = 0;
  for (unsigned j = 0; j < o.count; ++j)
    for (unsigned i = 0; i < lanes; ++i)
      if (x.lane[i])
        greatest = std::max(greatest, std::abs(numberAt<E>(x.at<u8>(parts[j]) + i * o.width)));
  for (unsigned j = 0; j < o.count; ++j) {
    double there = numberAt<E>(v.host + v.off[lane] + j * E), stored = numberAt<E>(x.at<u8>(parts[j]) + lane * o.width);
    double size = std::max(std::abs(there), std::abs(stored));
    bool same = std::memcmp(v.host + v.off[lane] + j * E, x.at<u8>(parts[j]) + lane * o.width, E) == 0;
    if (!same && !(size >= 1e-30 && std::abs(there - stored) <= error * std::min(greatest, cancelled * size)))
      return false;
  }
  return true;
}

/// After a store is executed: a lane that does not find its value there had another one's in its place.
template <int E, typename V>
void raceLanes(Exec &x, const Op &o, const V &v, const RaceSpot &spot, unsigned width) {
  for (unsigned i = 0; i < lanes; ++i)
    if (x.lane[i] && !storesSame<E, V>(x, o, &v, i) && !storesRounded<E, V>(x, o, v, i)) {
      reportLaneConflict(x, o, spot, spot.origin + v.off[i], i, width);
      return;
    }
}

template <Space S, int E, bool Checks, bool Counting> void store(Exec &x, const Op &o) {
  using T = typename Element<E>::T;
  const unsigned width = E * o.count;
  View v;
  if (!resolve<S>(x, o, width, true, v)) {
    laneByLane(x, [&] { store<S, E, Checks, Counting>(x, o); });
    return;
  }
  if (o.flags & FlagRelease)
    std::atomic_thread_fence(std::memory_order_release);
  if (Counting)
    countAccess(x, v, width, true);
  if (Checks && x.race)
    raceStore<E>(x, o, v, width);
  const u32 *parts = o.count > 1 ? x.side(o) : &o.b;
  bool four = E == 4 && o.count == 4 && o.width == 4 && x.all;
  if (four) {
    const u32 *s[4] = {x.at<u32>(parts[0]), x.at<u32>(parts[1]), x.at<u32>(parts[2]), x.at<u32>(parts[3])};
    scatterFour(v.host, v.off, s);
  }
  for (unsigned j = 0; j < o.count && !four; ++j) {
    const u8 *s = x.at<u8>(parts[j]);
    u8 *host = v.host + j * E;
    if (v.pattern == Pattern::Consecutive && o.width == E && o.count == 1) {
      std::memcpy(host + v.off[0], s, E * lanes);
    } else {
      for (unsigned i = 0; i < lanes; ++i)
        if (x.lane[i])
          std::memcpy(host + v.off[i], s + i * o.width, sizeof(T));
    }
  }
  if (Checks)
    markStore(x, v, width);
  if (Checks && x.race && v.pattern != Pattern::Consecutive)
    if (RaceSpot spot; raceSpotOf(x, v, spot))
      raceLanes<E>(x, o, v, spot, width);
}

/// Before a weak access of the fast path.
void raceShared(Exec &x, const Op &o, const SharedView &v, unsigned width, u8 kind,
                RaceSameValue same = nullptr) {
  RaceSpot spot;
  spot.origin = static_cast<u64>(v.host - x.block->shared);
  raceAccess(x, o, spot, v.off, width, static_cast<RacePattern>(v.pattern), kind, same, &v);
}

// -- words in shared memory -----------------------------------------------------------------------

void splat(Exec &x, u32 *d, u32 value) {
  if (x.full) {
    for (unsigned i = 0; i < lanes; ++i)
      d[i] = value;
  } else {
    for (unsigned i = 0; i < lanes; ++i)
      d[i] = x.lane[i] ? value : d[i];
  }
}

template <bool Checks> void loadSharedWord(Exec &x, const Op &o) {
  SharedView v;
  if (o.count != 1 || o.width != 4 || (Checks && (o.traits & TraitStrong)) || !resolveShared(x, o, 4, v) || (Checks && !allWritten<1>(v))) {
    load<Space::Shared, 4, Checks, false>(x, o);
    return;
  }
  if (Checks && x.race)
    raceShared(x, o, v, 4, weakLoad);
  u32 *d = x.at<u32>(o.d);
  if (v.pattern == Pattern::Uniform) {
    splat(x, d, fetch<u32>(v.host + v.off[0]));
  } else if (v.pattern == Pattern::Consecutive) {
    std::memcpy(d, v.host + v.off[0], 4 * lanes);
  } else if (x.full) {
    CAMEO_LANES
    for (unsigned i = 0; i < lanes; ++i)
      d[i] = reinterpret_cast<const u32 *>(v.host)[v.off[i] / 4];
  } else {
    for (unsigned i = 0; i < lanes; ++i)
      d[i] = x.lane[i] ? fetch<u32>(v.host + v.off[i]) : d[i];
  }
}

template <bool Checks> void loadSharedFour(Exec &x, const Op &o) {
  SharedView v;
  const u32 *parts = x.side(o);
  if (o.width != 4 || (Checks && (o.traits & TraitStrong)) || !allParts(parts) ||
      !resolveShared(x, o, 16, v) ||
      (v.pattern != Pattern::Uniform && !x.full) || (Checks && !allWritten<4>(v))) {
    load<Space::Shared, 4, Checks, false>(x, o);
    return;
  }
  if (Checks && x.race)
    raceShared(x, o, v, 16, weakLoad);
  u32 *d[4] = {x.at<u32>(parts[0]), x.at<u32>(parts[1]), x.at<u32>(parts[2]), x.at<u32>(parts[3])};
  if (v.pattern == Pattern::Uniform)
    for (unsigned j = 0; j < 4; ++j)
      splat(x, d[j], fetch<u32>(v.host + v.off[0] + 4 * j));
  else
    gatherFour(v.host, v.off, d);
}

template <bool Checks> void storeSharedWord(Exec &x, const Op &o) {
  SharedView v;
  if (o.count != 1 || o.width != 4 || (Checks && (o.traits & TraitStrong)) || !resolveShared(x, o, 4, v)) {
    store<Space::Shared, 4, Checks, false>(x, o);
    return;
  }
  if (Checks && x.race)
    raceShared(x, o, v, 4, weakStore, &storesSame<4, SharedView>);
  const u32 *s = x.at<u32>(o.b);
  if (v.pattern == Pattern::Consecutive) {
    std::memcpy(v.host + v.off[0], s, 4 * lanes);
    if (Checks)
      std::memset(v.shadow + v.off[0] / 4, 0xff, lanes);
    return;
  }
  for (unsigned i = 0; i < lanes; ++i)
    if (x.lane[i])
      std::memcpy(v.host + v.off[i], s + i, 4);
  if (Checks)
    for (unsigned i = 0; i < lanes; ++i) // inactive lanes repeat an active one
      v.shadow[v.off[i] / 4] = 0xff;
  if (Checks && x.race) {
    RaceSpot spot;
    spot.origin = static_cast<u64>(v.host - x.block->shared);
    raceLanes<4>(x, o, v, spot, 4);
  }
}

// -- cvta and address moves -----------------------------------------------------------------------

/// mov of the address of a local variable: where the frame is, is known when it runs.
template <typename T, bool Generic> void localAddress(Exec &x, const Op &o) {
  T *d = x.at<T>(o.d);
  T value = T(u64(o.imm) + x.group->localOffset + (Generic ? localWindow : 0));
  for (unsigned i = 0; i < lanes; ++i)
    d[i] = x.lane[i] ? value : d[i];
}

template <Space S> void toGeneric(Exec &x, const Op &o) {
  constexpr u64 window = S == Space::Shared ? sharedWindow : S == Space::Local ? localWindow
                                                                              : paramWindow;
  u64 *d = x.at<u64>(o.d);
  const u64 *a = x.at<u64>(o.a);
  for (unsigned i = 0; i < lanes; ++i)
    d[i] = x.lane[i] ? a[i] + window : d[i];
}
/// The window is dropped; what it was is checked at the access.
u64 fromGeneric(u64 a) { return a & ~windowMask; }
template <u64 Window> bool isIn(u64 a, u64) { return (a & windowMask) == Window; }
/// Constants lie between the other allocations.
template <bool Const> void isGlobalOrConst(Exec &x, const Op &o) {
  const u64 *a = x.at<u64>(o.a);
  u32 bits = 0;
  for (unsigned i = 0; i < lanes; ++i) {
    const Allocation *found = (a[i] & windowMask) || !x.lane[i] ? nullptr : x.launch->memory->find(a[i]);
    bool constant = found && found->constant;
    bits |= u32(Const ? constant : (a[i] & windowMask) == 0 && !constant) << i;
  }
  u32 &d = x.predicate(o.d);
  d = (d & ~x.mask) | (bits & x.mask);
}

/// Whether the launch says itself that there are clusters.
void explicitCluster(Exec &x, const Op &o) {
  u32 &d = x.predicate(o.d);
  d = (d & ~x.mask) | (x.launch->explicitCluster ? x.mask : 0);
}

/// The prefetches do nothing; their address need not be valid.
void nothing(Exec &, const Op &) {}

} // namespace

template <Space S, bool Checks, bool Counting>
static void accessRows(HandlerRows &rows, const std::string &prefix) {
  // The names live as long as the program.
  static std::vector<std::unique_ptr<std::string>> names;
  static std::mutex mutex;
  std::lock_guard<std::mutex> lock(mutex);
  auto add = [&](const char *kind, int bytes, Handler run) {
    names.push_back(std::make_unique<std::string>(kind + prefix + "." + std::to_string(bytes)));
    rows.push_back({names.back()->c_str(), run});
  };
#define BOTH(E)                                                                                    \
  add("ld", E, &load<S, E, Checks, Counting>), add("st", E, &store<S, E, Checks, Counting>)
  BOTH(1), BOTH(2), BOTH(4), BOTH(8), BOTH(16);
}

template <bool Checks> static void sharedRows(HandlerRows &rows, const char *const (&names)[3]) {
  rows.push_back({names[0], &loadSharedWord<Checks>});
  rows.push_back({names[1], &loadSharedFour<Checks>});
  rows.push_back({names[2], &storeSharedWord<Checks>});
}

template <bool Checks, bool Counting>
static void policyRows(HandlerRows &rows, const std::string &policy) {
  accessRows<Space::Global, Checks, Counting>(rows, ".global" + policy);
  accessRows<Space::Shared, Checks, Counting>(rows, ".shared" + policy);
  accessRows<Space::Generic, Checks, Counting>(rows, ".any" + policy);
}

void memoryRows(HandlerRows &rows) {
  policyRows<false, false>(rows, "");
  policyRows<true, false>(rows, ".check");
  policyRows<true, true>(rows, ".count");
  sharedRows<false>(rows, {"ld.shared.word", "ld.shared.four", "st.shared.word"});
  sharedRows<true>(rows, {"ld.shared.check.word", "ld.shared.check.four", "st.shared.check.word"});
  rows.push_back({"mov.local.b32", &localAddress<u32, false>});
  rows.push_back({"mov.local.b64", &localAddress<u64, false>});
  rows.push_back({"mov.local.generic.b64", &localAddress<u64, true>});
  rows.push_back({"cvta.shared", &toGeneric<Space::Shared>});
  rows.push_back({"cvta.local", &toGeneric<Space::Local>});
  rows.push_back({"cvta.param", &toGeneric<Space::Param>});
  rows.push_back({"cvta.to", perLane<&fromGeneric>});
  rows.push_back({"isspacep.local", &compareLanes<&isIn<localWindow>, u64>});
  rows.push_back({"isspacep.param", &compareLanes<&isIn<paramWindow>, u64>});
  rows.push_back({"mov.explicit_cluster", &explicitCluster});
  rows.push_back({"isspacep.global", &isGlobalOrConst<false>});
  rows.push_back({"isspacep.const", &isGlobalOrConst<true>});
  rows.push_back({"nothing", &nothing});
}

} // namespace CAMEO_PTX_ISA
} // namespace cameo::ptx
