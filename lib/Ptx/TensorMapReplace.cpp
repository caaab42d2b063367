// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Tensor maps that a kernel changes: tensormap.replace field by field, tensormap.cp_fenceproxy from shared
// to global memory, and the fences without which a copy may use an older map: .release by who changed
// it, .acquire of its address by the block that uses it. Maps that ordinary stores wrote are known by the shadow.
// That a map changes while a copy through it is pending is found by checkMapUnchanged.
#include "Async.h"
#include "Footprints.h"
#include "ModuleImpl.h"
#include "RaceApi.h"
#include "SyncHandlers.h"
#include "TensorMap.h"

#include "cameo/Ptx/cameo_ptx.h"

#include <algorithm>
#include <bit>
#include <map>

namespace cameo::ptx {

/// What the launch knows of the maps that it has changed. Versions count changes and fences of all maps.
struct TensorFences {
  struct Change {
    const Op *op = nullptr;
    uint64_t block = 0;
    uint32_t warp = 0;
    uint64_t version = 0, released = 0;
  };
  std::map<uint64_t, Change> changes; ///< by address
  uint64_t version = 0, lastRelease = 0;
};

namespace {

constexpr auto mapFinding = static_cast<FindingKind>(CAMEO_PTX_F_TENSOR_MAP);

LaunchInfo &infoOf(Exec &x) { return *static_cast<LaunchInfo *>(x.launch); }

TensorFences &fencesOf(Exec &x) {
  LaunchInfo &info = infoOf(x);
  if (!info.tensorFences)
    info.tensorFences = std::make_shared<TensorFences>();
  return *info.tensorFences;
}

[[noreturn]] void refuse(Exec &x, const Op &op, unsigned lane, uint64_t address, std::string message,
                         std::string remedy) {
  report(x, op, mapFinding, 1u << lane, address, tensorMapBytes, std::move(message), std::move(remedy));
  stopLaunch(x);
}

struct MapPlace {
  uint8_t *host = nullptr, *shadow = nullptr;
  uint64_t shadowOffset = 0, address = 0;
  bool global = false;
  Allocation *allocation = nullptr;
};

MapPlace placeInGlobal(Exec &x, const Op &op, uint64_t address, bool writes, unsigned lane) {
  Allocation *a = x.launch->memory->find(address);
  if (!a || !a->contains(address, tensorMapBytes))
    reportBadAccess(x, op, Space::Global, address, tensorMapBytes, lane);
  if (writes && a->readOnly)
    refuse(x, op, lane, address, "a tensor map in read-only memory ('" + a->name + "') is changed",
           "change a copy of it in global memory");
  if (writes)
    a->stored.store(true, std::memory_order_relaxed);
  uint64_t offset = address - a->base;
  return {a->host + offset, a->shadow, offset + (a->base & 3), address, true, a};
}

MapPlace placeInShared(Exec &x, const Op &op, uint64_t address, unsigned lane) {
  const Region *region = sharedRegion(x, address);
  if (!region || region->bytes - (address - region->base) < tensorMapBytes)
    reportBadAccess(x, op, Space::Shared, address, tensorMapBytes, lane);
  return {x.block->shared + (address - sharedBase), x.block->sharedShadow, address - sharedBase, address,
          false, nullptr};
}

/// Where the 128 bytes are, aligned and there.
MapPlace placeOf(Exec &x, const Op &op, Space space, uint64_t address, bool writes, unsigned lane) {
  bool shared = space == Space::Shared;
  if (space == Space::Generic && (address & windowMask) == sharedWindow) {
    address &= ~windowMask;
    shared = true;
  }
  if (address % tensorMapBytes == 0 || (!shared && address % tensorMapAlign == 0))
    return shared ? placeInShared(x, op, address, lane) : placeInGlobal(x, op, address, writes, lane);
  report(x, op, FindingKind::Misaligned, 1u << lane, address, tensorMapBytes,
         std::string("a tensor map in ") + (shared ? "shared" : "global") + " memory is not at a multiple of " +
             (shared ? "128" : "64"),
         "align the variable to 128 bytes");
  stopLaunch(x);
}

/// The lanes of x.mask read or write the whole map.
void raceMap(Exec &x, const Op &op, const MapPlace &map, uint8_t kind) {
  if (!x.race)
    return;
  RaceSpot spot = map.global ? raceGlobal(*map.allocation) : raceShared();
  for (uint64_t at = 0; at < tensorMapBytes; at += 16) {
    uint64_t off[lanes];
    std::fill(std::begin(off), std::end(off), (map.global ? map.address - map.allocation->base : map.shadowOffset) + at);
    raceAccess(x, op, spot, off, 16, RacePattern::Uniform, kind);
  }
}

void raceMapOfLane(Exec &x, const Op &op, const MapPlace &map, uint8_t kind, unsigned lane) {
  uint32_t all = x.mask;
  x.setMask(1u << lane);
  raceMap(x, op, map, kind);
  x.setMask(all);
}

void noteChange(Exec &x, const Op &op, uint64_t address, bool released) {
  std::lock_guard<std::mutex> lock(infoOf(x).tensorMutex);
  TensorFences &fences = fencesOf(x);
  uint64_t version = ++fences.version;
  fences.changes[address] = {&op, x.block->linear, x.warp->index, version, released ? version : 0};
}

/// side: the map's address; b: the value; c: the ordinal or none; imm: MapField.
void replaceField(Exec &x, const Op &op) {
  for (uint32_t rest = x.mask; rest; rest &= rest - 1) {
    unsigned lane = static_cast<unsigned>(std::countr_zero(rest));
    MapPlace map = placeOf(x, op, op.space, sideAddress(x, x.side(op), lane), true, lane);
    uint64_t value = op.size == 8 ? x.at<uint64_t>(op.b)[lane] : x.at<uint32_t>(op.b)[lane];
    uint32_t ordinal = op.c == noOperand ? 0 : x.at<uint32_t>(op.c)[lane];
    if (x.launch->checks && map.shadow && !(map.allocation && map.allocation->allWritten) &&
        !isWritten(map.shadow, map.shadowOffset, tensorMapBytes)) {
      uint64_t address[lanes];
      std::fill(std::begin(address), std::end(address), map.address);
      reportUninitialised(x, op, map.global ? Space::Global : Space::Shared, 1u << lane, address, tensorMapBytes);
    }
    raceMapOfLane(x, op, map, RaceWrite, lane);
    std::string text = replaceMapField(map.host, static_cast<MapField>(op.imm), ordinal, value);
    if (!text.empty())
      refuse(x, op, lane, map.address, text,
             "begin with a map of the host or with 128 bytes of zero, and give values as the PTX ISA lists them");
    if (x.launch->checks && map.shadow)
      markWritten(map.shadow, map.shadowOffset, tensorMapBytes, true);
    if (map.global)
      noteChange(x, op, map.address, false);
  }
}

/// side: to (global), from (shared). All threads of the warp name the same, and each of them may be the one that reads.
void copyAndFence(Exec &x, const Op &op) {
  if (!gatherLanes(x, op, 0xffffffffu))
    return;
  const uint32_t *side = x.side(op);
  unsigned lane = static_cast<unsigned>(std::countr_zero(x.mask));
  MapPlace to = placeOf(x, op, Space::Global, sideAddress(x, side, lane), true, lane);
  MapPlace from = placeOf(x, op, Space::Generic,
                          sideAddress(x, side + sideAddressWords, lane) | sharedWindow, false, lane);
  if (x.launch->checks && !isWritten(from.shadow, from.shadowOffset, tensorMapBytes)) {
    uint64_t address[lanes];
    std::fill(std::begin(address), std::end(address), from.address);
    reportUninitialised(x, op, Space::Shared, 1u << lane, address, tensorMapBytes);
  }
  raceMap(x, op, from, 0);
  raceMap(x, op, to, RaceWrite | RaceCollective);
  std::memcpy(to.host, from.host, tensorMapBytes);
  if (x.launch->checks && to.shadow)
    markWritten(to.shadow, to.shadowOffset, tensorMapBytes, true);
  noteChange(x, op, to.address, true);
}

void release(Exec &x, const Op &) { releaseTensorMaps(x); }

/// side: the map's address.
void acquire(Exec &x, const Op &op) {
  std::lock_guard<std::mutex> lock(infoOf(x).tensorMutex);
  uint64_t now = ++fencesOf(x).version;
  for (uint32_t rest = x.mask; rest; rest &= rest - 1) {
    uint64_t address = sideAddress(x, x.side(op), static_cast<unsigned>(std::countr_zero(rest)));
    auto &known = x.block->async->acquiredMaps;
    auto found = std::find_if(known.begin(), known.end(), [&](const auto &entry) { return entry.first == address; });
    if (found == known.end())
      known.emplace_back(address, now);
    else
      found->second = now;
  }
}

/// Whether an instruction of a kernel wrote any of the 128 bytes, in this launch perhaps.
bool writtenByKernel(const Allocation &a, uint64_t address) {
  if (!a.stored.load(std::memory_order_relaxed) || !a.shadow)
    return false;
  uint64_t begin = address - a.base + (a.base & 3);
  for (uint64_t at = begin; at < begin + tensorMapBytes; at += 4)
    if (a.shadow[at / 4] & 0xf0)
      return true;
  return false;
}

} // namespace

void releaseTensorMaps(Exec &x) {
  std::lock_guard<std::mutex> lock(infoOf(x).tensorMutex);
  TensorFences &fences = fencesOf(x);
  fences.lastRelease = ++fences.version;
  for (auto &[address, change] : fences.changes)
    if (change.block == x.block->linear && change.released < change.version)
      change.released = fences.version;
}

void checkMapFenced(Exec &x, const Op &op, uint64_t address, const uint8_t *, const std::string &name,
                    unsigned lane) {
  if (!x.launch->checks || (address & windowMask))
    return;
  const Allocation *a = x.launch->memory->find(address);
  if (!a || !writtenByKernel(*a, address))
    return;
  std::string who = "ordinary stores", remedy;
  uint64_t acquired = 0;
  bool byThisBlock = false;
  {
    std::lock_guard<std::mutex> lock(infoOf(x).tensorMutex);
    TensorFences &fences = fencesOf(x);
    auto found = fences.changes.find(address);
    bool known = found != fences.changes.end();
    if (known)
      who = "line " + std::to_string(lineOf(x, *found->second.op));
    byThisBlock = known && found->second.block == x.block->linear;
    for (auto &[where, when] : x.block->async->acquiredMaps)
      acquired = where == address ? when : acquired;
    uint64_t released = known ? found->second.released : fences.lastRelease;
    if (!released || (known && released < found->second.version))
      remedy = "let who changed it execute fence.proxy.tensormap::generic.release (or tensormap.cp_fenceproxy), "
               "and hand it on from there";
    else if (known ? acquired < released : !acquired)
      remedy = "execute fence.proxy.tensormap::generic.acquire on its address in the block, after the "
               "release and before the copy";
  }
  if (remedy.empty() && byThisBlock)
    return raceMapOfLane(x, op, placeInGlobal(x, op, address, false, lane), 0, lane);
  if (remedy.empty()) { // between blocks fences of the proxy order it, which the clocks of races know nothing of
    if (Footprints *log = x.launch->footprints.get())
      log->add(x, &op, Footprint::Read, lane, address, tensorMapBytes);
    return;
  }
  bool acquires = remedy[0] == 'e';
  report(x, op, FindingKind::Proxy, 1u << lane, address, tensorMapBytes,
         "the tensor map at " + name + " was changed by " + who + " and is used without fence.proxy.tensormap" +
             (acquires ? "::generic.acquire in this block since" : "::generic.release since"),
         std::move(remedy), name);
}

std::string whoChangedMap(Exec &x, const uint8_t *map) {
  for (const auto &[address, change] : fencesOf(x).changes)
    if (Allocation *a = x.launch->memory->find(address); a && a->host + (address - a->base) == map)
      return ", by line " + std::to_string(lineOf(x, *change.op));
  return "";
}

void tensorMapRows(HandlerRows &rows) {
  rows.push_back({"tensormap.replace", &replaceField});
  rows.push_back({"tensormap.cp_fenceproxy", &copyAndFence});
  rows.push_back({"fence.tensormap.release", &release});
  rows.push_back({"fence.tensormap.acquire", &acquire});
}

} // namespace cameo::ptx
