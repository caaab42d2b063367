// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The shadow of 512 bytes of memory: a cell for each 16 bytes. A cell is a state, or refers to four cells
// of words; one of these may refer to four cells of bytes. Groups of four are in a pool of the page,
// those that are not used in a list through it. So the shadow of memory that is accessed in units of
// 16 bytes is a third of its size, by words one and a third, by bytes less than six times.
#ifndef CAMEO_LIB_PTX_RACEPAGE_H
#define CAMEO_LIB_PTX_RACEPAGE_H

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstdint>
#include <memory>
#include <vector>

namespace cameo::ptx {

struct RacePage {
  static constexpr unsigned bytes = 512, unit = 16, cells = bytes / unit;
  static constexpr uint32_t split = 0x80000000u;
  uint32_t cell[cells] = {};

  /// What a cell is now, for those who have not locked the page: a number without what it stands for. Numbers are
  /// compared only, so that no order with the writes to tables is needed; whoever stores does it by put().
  uint32_t peek(unsigned i) { return std::atomic_ref(cell[i]).load(std::memory_order_relaxed); }
  static void put(uint32_t &c, uint32_t state) { std::atomic_ref(c).store(state, std::memory_order_relaxed); }
  uint32_t &pooled(uint32_t i) { return pool[i]; }
  /// The first of four new ones.
  uint32_t splitCell(uint32_t state);
  /// The cell is one state again.
  void drop(uint32_t &cell, uint32_t state);
  /// As it was made, but for what has been touched.
  void clear();
  /// Every state becomes kept(state). Cells of which nothing is left are whole again.
  template <typename F> void renew(F kept) {
    markTouched();
    for (uint32_t &c : cell) {
      if (!c)
        continue;
      uint32_t left = 0;
      each(c, unit, [&](uint32_t &state, unsigned) { left |= state = kept(state); });
      if (!left)
        drop(c, 0);
    }
  }
  size_t memory() const { return sizeof *this + poolCapacity * sizeof(uint32_t); }
  /// Bytes of the words that have been accessed since it was made, or since that was forgotten; of what
  /// has been accessed since the last renewal only if `now`.
  uint64_t touchedBytes(bool now);
  void forgetTouched() { std::fill(std::begin(touched), std::end(touched), 0); }

private:
  void markTouched();
  template <typename F> void each(uint32_t &c, unsigned size, F f) {
    if (!(c & split))
      return f(c, size);
    for (unsigned i = 0; i < 4; ++i)
      each(pool[(c & ~split) + i], size / 4, f);
  }
  static constexpr uint16_t none = 0xffff;
  uint16_t poolSize = 0, poolCapacity = 0, free = none;
public:
  std::atomic_flag busy = ATOMIC_FLAG_INIT;

private:
  std::unique_ptr<uint32_t[]> pool;
  uint64_t touched[bytes / 4 / 64] = {}; ///< a bit for each word
};

/// The pages of an allocation, made where they are needed.
class RacePages {
public:
  explicit RacePages(uint64_t bytes) : groups(bytes / RacePage::bytes / groupSize + 2) {}
  ~RacePages();
  /// `made` counts up if the page is new.
  RacePage &at(uint64_t index, std::atomic<uint64_t> &made);
  template <typename F> void eachPage(F f) {
    for (auto &slot : groups)
      if (Group *group = slot.load(std::memory_order_acquire))
        for (auto &page : group->pages)
          if (RacePage *p = page.load(std::memory_order_acquire))
            f(*p);
  }
  size_t memory() const;

private:
  static constexpr unsigned groupSize = 16;
  struct Group {
    std::atomic<RacePage *> pages[groupSize] = {};
  };
  std::vector<std::atomic<Group *>> groups;
};

} // namespace cameo::ptx

#endif
