// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Interning: hash tables of any size that begin with a few slots and grow by halves.
#include "RaceTable.h"

#include <algorithm>
#include <utility>

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

template <typename T> size_t Interned<T>::slotOf(const T &value) const {
  return (hashOf(value) >> 32) * slots.size() >> 32;
}

template <typename T> void Interned<T>::clear() {
  values.clear();
  std::fill(slots.begin(), slots.end(), 0); // as large as before: it will be again
}

template <typename T> void Interned<T>::grow() {
  slots.assign(std::max<size_t>(4, slots.size() + slots.size() / 2), 0);
  for (uint32_t id = 1; id < values.size(); ++id) {
    size_t at = slotOf(values[id]);
    while (slots[at])
      at = at + 1 == slots.size() ? 0 : at + 1;
    slots[at] = id;
  }
}

template <typename T> uint32_t Interned<T>::intern(const T &value) {
  if (value == T())
    return 0;
  if (values.size() * 5 >= slots.size() * 4)
    grow();
  size_t at = slotOf(value);
  for (; slots[at]; at = at + 1 == slots.size() ? 0 : at + 1)
    if (values[slots[at]] == value)
      return slots[at];
  return slots[at] = values.add(value);
}

template class Interned<RaceRecord>;
template class Interned<RaceState>;
template class Interned<RaceSet>;

RaceTable::RaceTable(unsigned writers)
    : parts(std::bit_ceil(std::clamp(writers, 1u, mostWriters))) {
  partMask = static_cast<uint32_t>(parts.size() - 1);
  partBits = static_cast<uint32_t>(std::bit_width(partMask));
  shift = residueBits + partBits;
}

uint32_t RaceTable::record(unsigned part, RaceRecord value) {
  uint32_t residue = std::exchange(value.residue, uint8_t(0));
  uint32_t id = parts[part].records.intern(value);
  return id << shift | part << residueBits | residue;
}

uint32_t RaceTable::state(unsigned part, uint32_t write, uint32_t reads) {
  if (!reads)
    return write ? write | onlyWrite : 0;
  if (!write)
    return (reads & number) | (reads & list ? onlyReads : onlyRead);
  return parts[part].states.intern({write, reads}) << partBits | part;
}

uint32_t RaceTable::set(unsigned part, uint32_t parent, uint32_t record) {
  if (!parent)
    return record;
  return (parts[part].sets.intern({parent, record}) << partBits | part) | list;
}

size_t RaceTable::bytes() const {
  size_t sum = 0;
  for (unsigned part = 0; part < parts.size(); ++part)
    sum += bytes(part);
  return sum;
}

void RaceTable::clear() {
  for (Part &part : parts) {
    part.records.clear();
    part.states.clear();
    part.sets.clear();
  }
}

void RaceCache::grow() {
  steps.assign(steps.size() < 32 ? 32 : steps.size() * 2, Step());
  misses = 0;
}

} // namespace cameo::ptx
