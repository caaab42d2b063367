// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What has happened to memory, as numbers. A record is one access of a warp: which instruction, at
// which clock, in which pattern of lanes. A state is the last write and the set of reads since; both
// are interned, so that a cell of the shadow is one number of 32 bits and what an access does to a
// cell is a step from state to state, which a small cache remembers. All lanes of a warp that access
// consecutive elements share one record: the lane follows from the address. Numbers stay valid while
// others are added, also by other host threads; where a block's table has grown it is rebuilt from the cells.
#ifndef CAMEO_LIB_PTX_RACETABLE_H
#define CAMEO_LIB_PTX_RACETABLE_H

#include "SyncHandlers.h"

#include <algorithm>
#include <bit>
#include <bitset>
#include <mutex>

namespace cameo::ptx {

/// What an access does. Bits 4 and 5 have the scope of a strong one.
enum RaceAccess : uint8_t { RaceWrite = 1, RaceStrong = 2, RaceAsync = 4, RaceCollective = 8 };
constexpr uint32_t raceInFlight = ~0u; ///< the clock of a cp.async that nobody has waited for
constexpr uint8_t raceScope(Scope scope) { return static_cast<uint8_t>(static_cast<unsigned>(scope) << 4); }

/// Which lane accessed a byte of a record.
enum class LaneForm : uint8_t {
  ByAddress, ///< lane = (address / width - residue) mod 32
  All,       ///< all lanes of the mask accessed all of its bytes
  Some,      ///< lanes of the mask; which of them is not known
  Block      ///< threads of the block, at its epoch: read by several blocks
};

struct RaceRecord {
  uint64_t block = 0;
  uint32_t op = 0;    ///< index in Program::code
  uint32_t clock = 0; ///< of the agent
  uint32_t mask = 0;
  uint32_t epoch = 0; ///< of the block
  uint16_t agent = 0; ///< the warp, or what copies for it
  uint8_t kind = 0;   ///< RaceAccess
  LaneForm form = LaneForm::Some;
  uint8_t widthLog = 0, residue = 0;

  bool operator==(const RaceRecord &) const = default;
  bool writes() const { return kind & RaceWrite; }
  bool strong() const { return kind & RaceStrong; }
  bool async() const { return kind & RaceAsync; }
  Scope scope() const { return static_cast<Scope>(kind >> 4 & 3); }
  /// The lanes that accessed the byte at `offset`.
  uint32_t lanesAt(uint64_t offset) const {
    return form == LaneForm::ByAddress ? 1u << (((offset >> widthLog) - residue) & 31) : mask;
  }
};

struct RaceState {
  uint32_t write = 0; ///< a record, or 0
  uint32_t reads = 0; ///< a set, or 0
  bool operator==(const RaceState &) const = default;
};
struct RaceSet {
  uint32_t parent = 0, record = 0;
  bool operator==(const RaceSet &) const = default;
};

/// Grows without moving what is there.
template <typename T> class Chunks {
public:
  T &operator[](uint32_t i) {
    uint32_t chunk = chunkOf(i);
    return parts[chunk][i - begin(chunk)];
  }
  const T &operator[](uint32_t i) const { return const_cast<Chunks &>(*this)[i]; }
  uint32_t add(const T &value) {
    uint32_t chunk = chunkOf(count);
    if (!parts[chunk])
      parts[chunk].reset(new T[size_t(firstChunk) << chunk]);
    (*this)[count] = value;
    return count++;
  }
  void clear() { count = 0; }
  uint32_t size() const { return count; }
  size_t bytes() const { return size_t(count) * sizeof(T); }

private:
  static constexpr uint32_t firstChunk = 256;
  static uint32_t chunkOf(uint32_t i) {
    return static_cast<uint32_t>(std::bit_width(i / firstChunk + 1) - 1);
  }
  static uint32_t begin(uint32_t chunk) { return ((1u << chunk) - 1) * firstChunk; }
  std::unique_ptr<T[]> parts[24];
  uint32_t count = 0;
};

/// Chunks without duplicates; number 0 is the empty value.
template <typename T> class Interned {
public:
  Interned() { clear(); }
  const T &operator[](uint32_t i) const { return values[i]; }
  uint32_t size() const { return values.size(); }
  size_t bytes() const { return values.bytes() + slots.size() * 4; }
  void clear();
  uint32_t intern(const T &value);

private:
  void grow();
  Chunks<T> values;
  std::vector<uint32_t> slots;
};

class RaceTable {
public:
  explicit RaceTable(bool shared) : mutex(shared ? new std::mutex : nullptr) {}
  uint32_t record(const RaceRecord &value);
  uint32_t state(uint32_t write, uint32_t reads);
  uint32_t set(uint32_t parent, uint32_t record);
  const RaceRecord &recordAt(uint32_t i) const { return records[i]; }
  const RaceState &stateAt(uint32_t i) const { return states[i]; }
  const RaceSet &setAt(uint32_t i) const { return sets[i]; }
  uint32_t size() const { return records.size() + states.size() + sets.size(); }
  size_t bytes() const { return records.bytes() + states.bytes() + sets.bytes(); }
  void clear();

private:
  template <typename T> uint32_t add(Interned<T> &to, const T &value);
  Interned<RaceRecord> records;
  Interned<RaceState> states;
  Interned<RaceSet> sets;
  std::unique_ptr<std::mutex> mutex; ///< where host threads share it
};

/// What one host thread remembers of a table.
struct RaceCache {
  struct Step {
    uint32_t state = ~0u, record = 0, next = 0;
    uint32_t era = 0; ///< of a step that hangs on what a warp knew; 0: it is so in every era
    bool is(uint32_t s, uint32_t r, uint32_t now) const {
      return state == s && record == r && (!era || era == now);
    }
  };
  struct Known {
    RaceRecord record;
    uint32_t id = 0;
  };
  static constexpr unsigned steps = 4096, records = 8192;
  Step step[steps];
  Known known[records];
  void clear() { *this = RaceCache(); }
  Known &knownOf(const RaceRecord &r) {
    uint32_t h = r.op * 0x9E3779B1u ^ r.agent * 0x85EBCA6Bu ^
                 (uint32_t(r.residue) << 2 | static_cast<uint32_t>(r.form)) * 0xC2B2AE35u;
    return known[(h * 0x27D4EB2Fu) >> 19];
  }
  Step &stepOf(uint32_t state, uint32_t record) {
    return step[(state * 0x9E3779B1u + record * 0x85EBCA6Bu) >> 20];
  }
};

/// 4 KiB of memory: a cell for each 16 bytes. A cell is a state, or refers to four cells of words; one
/// of these may refer to four cells of bytes.
struct RacePage {
  static constexpr unsigned bytes = 4096, unit = 16, cells = bytes / unit;
  static constexpr uint32_t split = 0x80000000u;
  uint32_t cell[cells] = {};
  std::bitset<cells> touched;
  std::vector<uint32_t> pool; ///< groups of four
  std::vector<uint32_t> free; ///< of these
  std::atomic_flag busy = ATOMIC_FLAG_INIT;

  uint32_t splitCell(uint32_t state);
  void drop(uint32_t &cell, uint32_t state);
  /// As it was made; for the figures of the launch, `touched` remembers the cells that were in use.
  void clear() {
    for (unsigned i = 0; i < cells; ++i)
      touched[i] = touched[i] || cell[i];
    std::fill(std::begin(cell), std::end(cell), 0);
    pool.clear();
    free.clear();
  }
  /// Every state becomes kept(state). Cells of which nothing is left are whole again.
  template <typename F> void renew(F kept) {
    for (unsigned i = 0; i < cells; ++i) {
      uint32_t &c = cell[i];
      if (!c)
        continue;
      touched[i] = true;
      uint32_t left = 0;
      each(c, unit, [&](uint32_t &state, unsigned) { left |= state = kept(state); });
      if (!left)
        drop(c, 0);
    }
  }
  size_t memory() const {
    return sizeof *this + (pool.capacity() + free.capacity()) * sizeof(uint32_t);
  }
  /// Bytes that have been accessed.
  uint64_t touchedBytes() {
    uint64_t sum = 0;
    for (unsigned i = 0; i < cells; ++i)
      if (touched[i])
        sum += unit;
      else
        each(cell[i], unit, [&](uint32_t state, unsigned size) { sum += state ? size : 0; });
    return sum;
  }
  /// Calls f for every state.
  template <typename F> void eachState(F f) {
    for (uint32_t &c : cell)
      each(c, unit, f);
  }

private:
  template <typename F> void each(uint32_t &c, unsigned size, F f) {
    if (!(c & split))
      return f(c, size);
    for (unsigned i = 0; i < 4; ++i)
      each(pool[(c & ~split) + i], size / 4, f);
  }
};

} // namespace cameo::ptx

#endif
