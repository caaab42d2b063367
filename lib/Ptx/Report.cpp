// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// From a handler's observation to a finding with its place: PTX line, source location, block,
// thread, object, and what to do. Only here are texts made, so that handlers stay small.
#include "Async.h"
#include "Cluster.h"
#include "ModuleImpl.h"
#include "RegisterAllocation.h"

#include <bit>
#include <cstdio>

namespace cameo::ptx {
namespace {

std::string spaceName(Space space) { return std::string(nameOf(space)); }

bool isStore(const Exec &x, const Op &op) {
  const LaunchInfo &info = *static_cast<const LaunchInfo *>(x.launch);
  std::string text = info.module->lineText(x.program->source[x.indexOf(op)]);
  return text.find("st.") != std::string::npos || text.find("red.") != std::string::npos ||
         text.find("atom.") != std::string::npos;
}

/// The object closest to an address, for "12 bytes beyond the end of 'x'".
struct Near {
  std::string name;
  uint64_t base = 0, bytes = 0;
  bool found = false;
};

Near nearestObject(Exec &x, Space space, uint64_t address) {
  Near near;
  auto consider = [&](uint64_t base, uint64_t bytes, const std::string &name) {
    auto distance = [&](uint64_t b, uint64_t n) {
      return address < b ? b - address : address - b < n ? 0 : address - b - n;
    };
    if (!near.found || distance(base, bytes) < distance(near.base, near.bytes))
      near = {name, base, bytes, true};
  };
  if (space == Space::Shared) {
    for (const Region &r : x.launch->sharedRegions)
      consider(r.base, r.bytes, r.name);
  } else if (space == Space::Local) {
    for (const Region &r : x.program->functions[x.group->function].locals)
      consider(x.group->localOffset + r.base, r.bytes, r.name);
  } else if (space != Space::Param) {
    if (const Allocation *a = x.launch->memory->nearest(address))
      consider(a->base, a->bytes, a->name);
  }
  return near;
}

} // namespace

void report(Exec &x, const Op &op, FindingKind kind, uint32_t laneMask, uint64_t address,
            unsigned accessBytes, std::string message, std::string remedy,
            const std::string &object, int64_t offset, uint64_t objectBytes,
            const OtherAccess *other) {
  const LaunchInfo &info = *static_cast<const LaunchInfo *>(x.launch);
  uint32_t line = x.program->source[x.indexOf(op)];
  const Block &block = *x.warp->block;
  if (info.findings->known(kind, line, block.linear, other ? other->line : 0))
    return;
  Finding f;
  f.kind = kind;
  f.line = line;
  if (other)
    f.other = *other;
  f.blockIndex = block.linear;
  std::copy(std::begin(block.coordinates), std::end(block.coordinates), f.block);
  unsigned lane = laneMask ? static_cast<unsigned>(std::countr_zero(laneMask)) : 0;
  uint32_t thread = x.warp->index * lanes + lane;
  f.thread[0] = thread % info.block[0];
  f.thread[1] = thread / info.block[0] % info.block[1];
  f.thread[2] = thread / info.block[0] / info.block[1];
  f.threads = static_cast<uint32_t>(std::popcount(laneMask));
  f.address = address;
  f.accessBytes = accessBytes;
  f.kernel = x.program->functions[0].name;
  f.instruction = info.module->lineText(line);
  f.location = info.module->locationText(x.program->location[x.indexOf(op)], line);
  f.object = object;
  f.offset = offset;
  f.objectBytes = objectBytes;
  f.message = std::move(message);
  f.remedy = std::move(remedy);
  if (!info.findings->add(std::move(f)))
    stopLaunch(x);
}

void stopLaunch(Exec &x) {
  x.launch->stopAll = true;
  throw LaunchStopped();
}

void reportBadAccess(Exec &x, const Op &op, Space space, uint64_t address, unsigned bytes,
                     unsigned lane) {
  uint64_t rank = space == Space::Shared ? address >> rankShift : 0;
  std::string whose = rank ? rankText(x, address) : "";
  address = rank ? address & offsetMask : address;
  Near near = nearestObject(x, space, address);
  bool inside = near.found && address - near.base < near.bytes &&
                bytes <= near.bytes - (address - near.base);
  int64_t offset = near.found ? static_cast<int64_t>(address - near.base) : 0;
  std::string what = std::to_string(bytes) + "-byte access to " + spaceName(space) + " memory at " +
                     hex(address) + whose;
  std::string object = near.found ? near.name : "";
  auto say = [&](FindingKind kind, std::string message, std::string remedy) {
    report(x, op, kind, 1u << lane, address, bytes, std::move(message), std::move(remedy), object,
           offset, near.found ? near.bytes : 0);
    stopLaunch(x);
  };
  bool global = space == Space::Global || space == Space::Generic || space == Space::Const;
  if (inside && (address & (bytes - 1)))
    say(FindingKind::Misaligned, what + " is not a multiple of " + std::to_string(bytes),
        "align the base and the pitch, or use narrower accesses");
  if (inside && !whose.empty())
    say(FindingKind::OutOfBounds, what + " is not in the own shared memory of the block",
        "reach other blocks of the cluster by .shared::cluster or by generic addresses");
  if (isStore(x, op) && (space == Space::Param || (inside && global)))
    say(FindingKind::ReadOnly, what + " writes to read-only memory",
        "write to a buffer of the launch instead");
  if (global && address < 4096)
    say(FindingKind::Null, what + ": a null pointer plus an offset", "pass an allocated buffer");
  if (global)
    if (const std::string *name = x.launch->memory->findFreed(address)) {
      object = *name;
      say(FindingKind::UseAfterFree, what + " is in '" + *name + "', which was freed",
          "keep the allocation until the last launch that uses it is done");
    }
  std::string where = " is outside of every allocation";
  if (near.found && address >= near.base + near.bytes)
    where = " is " + std::to_string(address - (near.base + near.bytes)) +
            " bytes beyond the end of '" + near.name + "'";
  else if (near.found && address < near.base)
    where = " is " + std::to_string(near.base - address) + " bytes before '" + near.name + "'";
  else if (near.found)
    where = " crosses the end of '" + near.name + "'";
  say(FindingKind::OutOfBounds, what + where,
      "guard the access with the bounds of the tensor, or make the allocation as large as the "
      "tile");
  stopLaunch(x);
}

/// Asked of the text once for each operation.
static bool isUnchosen(const Exec &x, const Op &op) {
  auto &launch = static_cast<LaunchInfo &>(*x.launch);
  std::lock_guard<std::mutex> lock(launch.unchosenMutex);
  size_t index = x.indexOf(op);
  auto [known, added] = launch.unchosen.try_emplace(static_cast<uint32_t>(index), false);
  if (added)
    known->second = loadsUnchosen(launch.module->ast, x.program->functions[x.group->function].name, x.program->source[index]);
  return known->second;
}

void reportUninitialised(Exec &x, const Op &op, Space space, uint32_t laneMask,
                         const uint64_t *address, unsigned bytes) {
  if (space == Space::Local && isForDebugger(static_cast<const LaunchInfo *>(x.launch)->module->ast.target))
    return; // the register that it fills is undefined: see loadsLocal
  unsigned lane = static_cast<unsigned>(std::countr_zero(laneMask));
  uint64_t where = address[lane];
  if (space == Space::Shared && (where & windowMask))
    where &= ~windowMask;
  Block *own = x.block;
  std::string whose = space == Space::Shared ? rankText(x, where) : "";
  if (uint64_t rank = where >> rankShift; !whose.empty() && rank <= own->cluster->blocks.size()) {
    own = own->cluster->blocks[rank - 1];
    where &= offsetMask;
  }
  AtBlock at(x, *own);
  Near near = nearestObject(x, space, space == Space::Local ? where & ~windowMask : where);
  if (std::string text = space == Space::Shared ? inFlightText(x, where, bytes) : ""; !text.empty()) {
    report(x, op, FindingKind::AsyncInFlight, laneMask, where, bytes, std::move(text),
           "wait for the phase of its mbarrier (mbarrier.try_wait) before reading", near.name,
           static_cast<int64_t>(where - near.base), near.bytes);
    return;
  }
  if (space == Space::Shared)
    for (const Warp &warp : x.block->warps)
      for (const PendingCopy &copy : warp.copies)
        for (unsigned i = 0; i < lanes; ++i)
          if ((copy.mask >> i & 1) && copy.target[i] + sharedBase < where + bytes &&
              where < copy.target[i] + sharedBase + copy.bytes) {
            uint32_t line = x.program->source[x.indexOf(*copy.op)];
            report(x, op, FindingKind::AsyncInFlight, laneMask, where, bytes,
                   "shared memory is read while the cp.async of line " + std::to_string(line) +
                       " (warp " + std::to_string(warp.index) + ", lane " + std::to_string(i) +
                       ") is still in flight",
                   "wait for its group (cp.async.wait_group) and synchronise before reading",
                   near.name, static_cast<int64_t>(where - near.base), near.bytes);
            return;
          }
  if (space == Space::Shared && isUnchosen(x, op))
    return;
  report(x, op, FindingKind::Uninitialised, laneMask, where, bytes,
         std::to_string(bytes) + "-byte read of " + spaceName(space) + " memory" + whose +
             " that nothing has written",
         "write it first, or guard the read with the bounds of what was written", near.name,
         near.found ? static_cast<int64_t>(where - near.base) : 0, near.bytes);
}

} // namespace cameo::ptx
