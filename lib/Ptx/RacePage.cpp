// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Cells that split and become one again, and the pages of an allocation.
#include "RacePage.h"

namespace cameo::ptx {

uint32_t RacePage::splitCell(uint32_t state) {
  uint32_t at = free;
  if (free != none) {
    free = static_cast<uint16_t>(pool[at]);
  } else {
    if (poolSize == poolCapacity) {
      // To exactly what all words take, then on to all bytes.
      uint32_t more = poolCapacity < 16 ? 8 : poolCapacity < 64 ? 16 : poolCapacity < 128 ? 32 : 64;
      uint32_t wider = poolCapacity + more;
      auto grown = std::make_unique_for_overwrite<uint32_t[]>(wider);
      std::copy_n(pool.get(), poolSize, grown.get());
      pool = std::move(grown);
      poolCapacity = static_cast<uint16_t>(wider);
    }
    at = poolSize;
    poolSize = static_cast<uint16_t>(poolSize + 4);
  }
  std::fill_n(&pool[at], 4, state);
  return at;
}

void RacePage::drop(uint32_t &c, uint32_t state) {
  if (c & split) {
    uint32_t at = c & ~split;
    for (unsigned i = 0; i < 4; ++i)
      drop(pool[at + i], state);
    pool[at] = free;
    free = static_cast<uint16_t>(at);
  }
  put(c, state);
}

void RacePage::clear() {
  markTouched();
  std::fill(std::begin(cell), std::end(cell), 0);
  poolSize = 0;
  free = none;
}

void RacePage::markTouched() {
  for (unsigned i = 0; i < cells; ++i) {
    uint64_t words = 0;
    if (!(cell[i] & split))
      words = cell[i] ? 15 : 0;
    else
      for (unsigned w = 0; w < 4; ++w) {
        uint32_t any = 0;
        each(pool[(cell[i] & ~split) + w], 4, [&](uint32_t state, unsigned) { any |= state; });
        words |= uint64_t(any != 0) << w;
      }
    touched[i / 16] |= words << (i % 16 * 4);
  }
}

uint64_t RacePage::touchedBytes(bool now) {
  if (now)
    markTouched();
  uint64_t words = 0;
  for (uint64_t bits : touched)
    words += static_cast<uint64_t>(std::popcount(bits));
  return 4 * words;
}

RacePages::~RacePages() {
  eachPage([](RacePage &page) { delete &page; });
  for (auto &slot : groups)
    delete slot.load(std::memory_order_relaxed);
}

/// What the slot points to; made by whoever is first.
template <typename T> static T &made(std::atomic<T *> &slot, bool &isNew) {
  T *there = slot.load(std::memory_order_acquire);
  if (there)
    return *there;
  auto own = std::make_unique<T>();
  if (slot.compare_exchange_strong(there, own.get(), std::memory_order_acq_rel)) {
    there = own.release();
    isNew = true;
  }
  return *there;
}

RacePage &RacePages::at(uint64_t index, std::atomic<uint64_t> &count) {
  bool isNew = false;
  Group &group = made(groups[index / groupSize], isNew);
  isNew = false;
  RacePage &page = made(group.pages[index % groupSize], isNew);
  if (isNew)
    count.fetch_add(1, std::memory_order_relaxed);
  return page;
}

size_t RacePages::memory() const {
  size_t sum = sizeof *this + groups.size() * sizeof groups[0];
  for (const auto &slot : groups)
    sum += slot.load(std::memory_order_relaxed) ? sizeof(Group) : 0;
  return sum;
}

} // namespace cameo::ptx
