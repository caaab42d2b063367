// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Interning, and the cells that split.
#include "RaceTable.h"

#include <algorithm>

namespace cameo::ptx {
namespace {

uint64_t mix(uint64_t a, uint64_t b) {
  uint64_t h = (a ^ (b + 0x9E3779B97F4A7C15ull + (a << 6) + (a >> 2))) * 0xff51afd7ed558ccdull;
  return h ^ h >> 32;
}
uint64_t hashOf(const RaceState &v) { return mix(v.write, v.reads); }
uint64_t hashOf(const RaceSet &v) { return mix(v.parent, v.record); }
uint64_t hashOf(const RaceRecord &v) {
  uint64_t small = uint64_t(v.agent) << 32 | uint64_t(v.kind) << 24 |
                   uint64_t(static_cast<uint8_t>(v.form)) << 16 | uint64_t(v.widthLog) << 8 | v.residue;
  return mix(mix(v.block, uint64_t(v.op) << 32 | v.clock), mix(small, uint64_t(v.epoch) << 32 | v.mask));
}

} // namespace

template <typename T> void Interned<T>::clear() {
  values.clear();
  values.add(T());
  if (slots.empty())
    slots.resize(256);
  std::fill(slots.begin(), slots.end(), 0); // as large as before: it will be again
}

template <typename T> void Interned<T>::grow() {
  slots.assign(slots.size() * 2, 0);
  for (uint32_t id = 1; id < values.size(); ++id) {
    size_t at = hashOf(values[id]) & (slots.size() - 1);
    while (slots[at])
      at = (at + 1) & (slots.size() - 1);
    slots[at] = id;
  }
}

template <typename T> uint32_t Interned<T>::intern(const T &value) {
  if (value == T())
    return 0;
  size_t at = hashOf(value) & (slots.size() - 1);
  for (; slots[at]; at = (at + 1) & (slots.size() - 1))
    if (values[slots[at]] == value)
      return slots[at];
  uint32_t id = values.add(value);
  slots[at] = id;
  if (values.size() * 4 > slots.size() * 3)
    grow();
  return id;
}

template class Interned<RaceRecord>;
template class Interned<RaceState>;
template class Interned<RaceSet>;

template <typename T> uint32_t RaceTable::add(Interned<T> &to, const T &value) {
  if (!mutex)
    return to.intern(value);
  std::lock_guard<std::mutex> lock(*mutex);
  return to.intern(value);
}

uint32_t RaceTable::record(const RaceRecord &value) { return add(records, value); }
uint32_t RaceTable::state(uint32_t write, uint32_t reads) {
  return add(states, RaceState{write, reads});
}
uint32_t RaceTable::set(uint32_t parent, uint32_t record) {
  return add(sets, RaceSet{parent, record});
}

void RaceTable::clear() {
  records.clear();
  states.clear();
  sets.clear();
}

uint32_t RacePage::splitCell(uint32_t state) {
  if (!free.empty()) {
    uint32_t at = free.back();
    free.pop_back();
    for (unsigned i = 0; i < 4; ++i)
      pool[at + i] = state;
    return at;
  }
  pool.insert(pool.end(), 4, state);
  return static_cast<uint32_t>(pool.size() - 4);
}

/// The cell is one state again.
void RacePage::drop(uint32_t &c, uint32_t state) {
  if (c & split) {
    uint32_t at = c & ~split;
    for (unsigned i = 0; i < 4; ++i)
      drop(pool[at + i], state);
    free.push_back(at);
  }
  c = state;
}

} // namespace cameo::ptx
