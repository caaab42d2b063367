// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Flags that are written, measured, and joined with their neighbours where they are too many.
#include "RaceFlags.h"

#include <algorithm>
#include <utility>

namespace cameo::ptx {

constexpr size_t mostReleases = 8, mostNarrow = 64;
constexpr size_t nodeBytes = 2 * sizeof(void *); // of a hash table, for each entry

bool RaceFlag::add(RaceRelease &&now) {
  auto same = [&](uint64_t block) {
    auto is = [&](const RaceRelease &r) { return r.block == block && r.scope == now.scope; };
    return std::find_if(by.begin(), by.end(), is);
  };
  auto known = same(now.block);
  if (known == by.end() && by.size() >= mostReleases && now.scope >= Scope::Device) {
    now.block = RaceRelease::several;
    known = same(now.block);
  }
  if (known == by.end()) {
    if (by.size() >= mostNarrow)
      by.erase(by.begin());
    by.push_back(std::move(now));
    return true;
  }
  known->line = now.line;
  auto all = joined(known->released, now.released, ~uint64_t(0));
  if (all == known->released)
    return false;
  known->released = all;
  return true;
}

void RaceFlags::publish(uint64_t word, RaceRelease &&now, bool adds,
                        std::atomic<uint64_t> &versions) {
  RaceFlag &flag = flags[keyOf(word)];
  if (!adds && !isCoarse())
    flag.by.clear();
  ++publications;
  if (flag.add(std::move(now)))
    flag.version = ++versions;
}

size_t RaceFlags::bytes() const {
  CountedOnce counted;
  size_t sum = flags.bucket_count() * sizeof(void *);
  for (const auto &entry : flags) {
    sum += nodeBytes + sizeof entry + entry.second.by.capacity() * sizeof(RaceRelease);
    for (const RaceRelease &r : entry.second.by)
      sum += bytesOf(r.released, counted);
  }
  return flags.empty() ? 0 : sum;
}

void RaceFlags::coarsen(std::atomic<uint64_t> &versions) {
  unsigned more = isCoarse() ? nextShift : firstShift;
  shift += more;
  for (auto &[key, flag] : std::exchange(flags, {})) {
    RaceFlag &wide = flags[key >> more];
    for (RaceRelease &r : flag.by)
      wide.add(std::move(r));
    wide.version = ++versions;
  }
}

void RaceFlags::keepSmall(size_t most, std::atomic<uint64_t> &versions) {
  if (publications < nextLook)
    return;
  if (bytes() > most)
    while (bytes() > most / 2 && shift < mostShift && flags.size() > 1)
      coarsen(versions);
  nextLook = publications + std::max(leastLooks, flags.size() / 2);
}

} // namespace cameo::ptx
