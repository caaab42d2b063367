// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What has happened to memory, as numbers. A record is one access of a warp: which instruction, at
// which clock, in which pattern of lanes. A state is the last write and the set of reads since; both
// are interned, so that a cell of the shadow is one number of 32 bits and what an access does to a
// cell is a step from state to state, which a small cache remembers. All lanes of a warp that access
// consecutive elements share one record: the lane follows from the address. Where lanes are not in
// their order, their records differ by a shift only, which is a part of the number: one entry for
// all of them. A state of one access needs no entry either. Tables begin small and grow by thirds,
// since they count as memory of the shadow, and where a block's has grown it is rebuilt from the cells.
// Host threads that share a table add each to a part of their own, without waiting for each other: numbers
// come to others by the cells, whose pages are locked.
#ifndef CAMEO_LIB_PTX_RACETABLE_H
#define CAMEO_LIB_PTX_RACETABLE_H

#include "RaceApi.h"

#include <algorithm>
#include <bit>
#include <memory>
#include <vector>

namespace cameo::ptx {

constexpr uint32_t raceInFlight = ~0u; ///< the clock of a cp.async that nobody has waited for

/// A kind beside those of RaceAccess: several loads of a warp at one clock, of which `op` is the first.
constexpr uint8_t raceMerged = 0x40;

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
  bool merged() const { return kind & raceMerged; }
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
/// One more read. A set of one is its record's number.
struct RaceSet {
  uint32_t parent = 0, record = 0;
  bool operator==(const RaceSet &) const = default;
};

/// Grows by a third or a half, without moving what is there. Entry 0 is nobody's and takes no memory.
template <typename T> class Chunks {
public:
  const T &operator[](uint32_t i) const {
    Place p = placeOf(i);
    return parts[p.chunk][p.at];
  }
  uint32_t add(const T &value) {
    Place p = placeOf(count);
    if (!parts[p.chunk]) {
      parts[p.chunk].reset(new T[p.size]);
      capacity += p.size;
    }
    parts[p.chunk][p.at] = value;
    return count++;
  }
  void clear() { count = 1; }
  uint32_t size() const { return count; }
  size_t bytes() const { return capacity * sizeof(T); }

private:
  struct Place {
    uint32_t chunk, at, size;
  };
  /// Two chunks for each power of two, from 4 entries on.
  static Place placeOf(uint32_t i) {
    uint32_t v = i + 7, half = static_cast<uint32_t>(std::bit_width(v)) - 2, two = v >> half;
    return {(half - 2) * 2 + (two & 1), v - (two << half), 1u << half};
  }
  std::unique_ptr<T[]> parts[56];
  uint32_t count = 1;
  size_t capacity = 0;
};

/// Chunks without duplicates; number 0 is the empty value.
template <typename T> class Interned {
public:
  const T &operator[](uint32_t i) const { return values[i]; }
  uint32_t size() const { return values.size(); }
  size_t bytes() const { return values.bytes() + slots.size() * 4; }
  void clear();
  uint32_t intern(const T &value);

private:
  size_t slotOf(const T &value) const;
  void grow();
  Chunks<T> values;
  std::vector<uint32_t> slots;
};

class RaceTable {
public:
  static constexpr unsigned mostWriters = 32;
  explicit RaceTable(unsigned writers = 1);
  /// `part`: of the host thread.
  uint32_t record(unsigned part, RaceRecord value);
  uint32_t state(unsigned part, uint32_t write, uint32_t reads);
  uint32_t set(unsigned part, uint32_t parent, uint32_t record);
  RaceRecord recordAt(uint32_t i) const {
    RaceRecord r = parts[i >> residueBits & partMask].records[(i & number) >> shift];
    r.residue = static_cast<uint8_t>(i & residueMask);
    return r;
  }
  RaceState stateAt(uint32_t i) const {
    uint32_t n = i & number;
    switch (i & kindMask) {
    case onlyWrite: return {n, 0};
    case onlyRead: return {0, n};
    case onlyReads: return {0, n | list};
    default: return n ? parts[n & partMask].states[n >> partBits] : RaceState();
    }
  }
  RaceSet setAt(uint32_t i) const {
    uint32_t n = i & number;
    return i & list ? parts[n & partMask].sets[n >> partBits] : RaceSet{0, n};
  }
  unsigned writers() const { return partMask + 1; }
  size_t bytes(unsigned part) const {
    const Part &p = parts[part];
    return p.records.bytes() + p.states.bytes() + p.sets.bytes();
  }
  size_t bytes() const;
  uint32_t entries(unsigned part) const {
    return parts[part].records.size() + parts[part].states.size() + parts[part].sets.size();
  }
  /// No number is left for another record; few are left when it says so.
  bool full(unsigned part) const { return parts[part].records.size() + 4096 > (1u << (29 - shift)); }
  void clear();

private:
  // Numbers of 29 bits and what they are numbers of.
  static constexpr uint32_t number = (1u << 29) - 1, list = 1u << 30;
  static constexpr uint32_t kindMask = 3u << 29, onlyWrite = 1u << 29, onlyRead = 2u << 29,
                            onlyReads = 3u << 29;
  static constexpr uint32_t residueBits = 5, residueMask = 31;
  struct Part {
    Interned<RaceRecord> records;
    Interned<RaceState> states;
    Interned<RaceSet> sets;
  };
  std::vector<Part> parts;
  uint32_t partBits = 0, partMask = 0, shift = residueBits;
};

/// A table as one host thread writes to it.
struct RaceWriter {
  RaceTable &table;
  unsigned part = 0;
  uint32_t record(const RaceRecord &value) { return table.record(part, value); }
  uint32_t state(uint32_t write, uint32_t reads) { return table.state(part, write, reads); }
  uint32_t set(uint32_t parent, uint32_t record) { return table.set(part, parent, record); }
  RaceRecord recordAt(uint32_t i) const { return table.recordAt(i); }
  RaceState stateAt(uint32_t i) const { return table.stateAt(i); }
  RaceSet setAt(uint32_t i) const { return table.setAt(i); }
};

/// Steps that one host thread remembers of a table. It grows with what it is asked, up to what the
/// memory that is touched allows.
class RaceCache {
public:
  struct Step {
    uint32_t state = ~0u, record = 0, next = 0;
    uint32_t era = 0; ///< of a step that hangs on what a warp knew; 0: it is so in every era
    bool is(uint32_t s, uint32_t r, uint32_t now) const {
      return state == s && record == r && (!era || era == now);
    }
  };
  explicit RaceCache(unsigned part = 0) : part(part), steps(1) {}
  const unsigned part; ///< of the shared table
  uint32_t generation = 0; ///< of that table, of which the steps are
  const Step &find(uint32_t state, uint32_t record) const { return steps[placeOf(state, record)]; }
  void put(const Step &step, size_t mostBytes) {
    if (++misses > 2 * steps.size() && steps.size() < most && 2 * bytes() <= mostBytes)
      grow();
    steps[placeOf(step.state, step.record)] = step;
  }
  void clear() { std::fill(steps.begin(), steps.end(), Step()); }
  size_t bytes() const { return steps.size() * sizeof(Step); }

private:
  static constexpr size_t most = 4096;
  size_t placeOf(uint32_t state, uint32_t record) const {
    return ((state * 0x9E3779B1u + record * 0x85EBCA6Bu) >> 20) & (steps.size() - 1);
  }
  void grow();
  std::vector<Step> steps;
  size_t misses = 0;
};

} // namespace cameo::ptx

#endif
