// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Notes of polls, and what they prove; see Polls.h.
#include "Polls.h"
#include "Async.h"
#include "Cluster.h"

#include <algorithm>
#include <bit>

namespace cameo::ptx {
namespace {

constexpr uint64_t patience = 16;        ///< polls until a turn is given up, on average
constexpr uint64_t between = 128;        ///< polls between two looks at the registers
constexpr uint64_t enough = 3;           ///< looks that found the same
constexpr uint64_t mostTurnsSince = 256; ///< a group that polled longer ago does something else
constexpr size_t mostNotes = 256;        ///< of a block; a ring of them

/// The registers of the warp in its frame, as one number.
uint64_t registersOf(const Exec &x) {
  const FunctionCode &code = x.program->functions[x.group->function];
  uint64_t hash = 0x9E3779B97F4A7C15ull ^ x.mask;
  const uint8_t *at = x.base[BaseFrame];
  for (uint32_t i = 0; i + 8 <= code.frameBytes; i += 8) {
    uint64_t word;
    std::memcpy(&word, at + i, 8);
    hash = std::rotl((hash ^ word) * 0xff51afd7ed558ccdull, 29);
  }
  return hash;
}

bool isBlocked(const Group &group) { return group.state != GroupState::Ready; }

std::string placeText(const LaunchContext &launch, uint64_t address) {
  std::string text = hex(address);
  if (address >= globalBase && !(address & windowMask)) {
    if (const Allocation *a = launch.memory->find(address))
      text += " ('" + a->name + "'+" + std::to_string(address - a->base) + ")";
  } else {
    uint64_t offset = address & offsetMask;
    for (const Region &r : launch.sharedRegions)
      if (offset - r.base < r.bytes)
        text += " ('" + r.name + "'+" + std::to_string(offset - r.base) + ")";
  }
  return text;
}

} // namespace

void pollInVain(Exec &x, const Op &op, uint64_t address, uint64_t value) {
  PollNotes &notes = x.warp->block->async->polls;
  auto same = [&](const PollNote &n) { return n.op == &op && n.warp == x.warp->index && n.mask == x.mask; };
  auto note = std::find_if(notes.begin(), notes.end(), same);
  if (note == notes.end()) {
    if (notes.size() == mostNotes)
      notes.erase(notes.begin(), notes.begin() + mostNotes / 2);
    notes.push_back({&op, x.warp->index, x.mask, address, value});
    note = notes.end() - 1;
  }
  if (note->address != address || note->value != value)
    *note = {&op, x.warp->index, x.mask, address, value};
  note->turn = x.warp->turn;
  if (++note->count % between == 0) {
    uint64_t now = registersOf(x);
    note->alike = now == note->registers ? note->alike + 1 : 0;
    note->registers = now;
  }
  if (x.pause == Pause::None && x.nextRandom() % patience == 0)
    x.stop(Pause::Switch);
}

void pollEnded(Exec &x) {
  PollNotes &notes = x.warp->block->async->polls;
  std::erase_if(notes, [&](const PollNote &n) { return n.warp == x.warp->index && (n.mask & x.mask); });
}

bool SpinWatch::agree(unsigned worker, bool spins) {
  std::lock_guard<std::mutex> lock(mutex);
  says[worker] = spins ? Spins : Runs;
  once = once && spins;
  if (std::find(says.begin(), says.end(), Runs) != says.end())
    return false;
  if (once)
    return true;
  once = true;
  std::replace(says.begin(), says.end(), uint8_t(Spins), uint8_t(Runs));
  return false;
}

void SpinWatch::leave(unsigned worker) {
  std::lock_guard<std::mutex> lock(mutex);
  says[worker] = Left;
}

bool spinsForEver(const Block &block) {
  if (block.alive == 0)
    return true;
  if (block.async->polls.empty())
    return false;
  for (const BulkCopy &copy : block.async->copies)
    if (!copy.landed || (copy.kind == BulkKind::Store && !copy.written && !copy.committed))
      return false;
  for (const Warp &warp : block.warps)
    for (const Group &group : warp.groups) {
      unsigned proofs = 0;
      for (const PollNote &n : block.async->polls) {
        bool recent = n.warp == warp.index && n.mask == group.mask && warp.turn - n.turn < mostTurnsSince;
        if (recent && n.alike < enough && !isBlocked(group))
          return false;
        proofs += recent;
      }
      if (!isBlocked(group) && !proofs)
        return false;
    }
  return true;
}

std::string pollText(const LaunchContext &launch, const Block &block, unsigned most) {
  std::string text;
  unsigned told = 0, more = 0;
  for (const PollNote &n : block.async->polls) {
    const Warp &warp = block.warps[n.warp];
    bool stands = std::any_of(warp.groups.begin(), warp.groups.end(), [&](const Group &g) {
      return g.mask == n.mask && warp.turn - n.turn < mostTurnsSince;
    });
    if (!stands || n.count < between)
      continue;
    if (told++ >= most) {
      ++more;
      continue;
    }
    unsigned first = static_cast<unsigned>(std::countr_zero(n.mask)), count = static_cast<unsigned>(std::popcount(n.mask));
    text += std::string(text.empty() ? "" : "; ") + "block " + triple(block.coordinates) + ", warp " + std::to_string(n.warp) +
            (count > 1 ? ", " + std::to_string(count) + " lanes from " + std::to_string(first) + " on"
                       : ", lane " + std::to_string(first)) +
            ": line " + std::to_string(launch.program->source[static_cast<size_t>(n.op - launch.program->code.data())]) +
            " polls " + placeText(launch, n.address) + " and saw " + hex(n.value) + ", " + std::to_string(n.count) +
            " times in a row";
  }
  return more ? text + "; and " + std::to_string(more) + " more" : text;
}

void reportLivelock(Exec &x, const std::string &text) {
  const PollNotes &notes = x.block->async->polls;
  for (Warp &warp : x.block->warps)
    for (Group &group : warp.groups)
      for (const PollNote &n : notes)
        if (n.warp == warp.index && n.mask == group.mask && n.alike >= enough) {
          x.warp = &warp, x.group = &group;
          return report(x, *n.op, FindingKind::Deadlock, n.mask, n.address, 0,
                        "livelock: whoever can run polls, with the same registers and the same value each time, and "
                        "nothing is in flight: " + text,
                        "let a thread that still runs store what is waited for, before it waits itself; the store "
                        "releases (.release, or a fence before it), and the poll is of the same address");
        }
}

} // namespace cameo::ptx
