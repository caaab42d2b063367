// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Races. Two accesses to the same bytes, at least one of them a write, have to be ordered by what
// PTX calls causality: program order of a thread, barriers, mbarriers, and release and acquire patterns
// of a scope that has both threads. Strong accesses whose scopes do are free of it. As in FastTrack,
// each warp has a vector clock and memory has its last write and the reads since (RaceTable.h), but
// the lanes of a warp share both until they part: a warp has as many sets of what it knows as its lanes have
// learned apart. A lane's own accesses are in its program order; those of its neighbours are known only
// after bar.warp.sync or more. Asynchronous copies are agents of their own, and what the async
// proxy may see is a second clock, that of what was known at a proxy fence.
//
// Refused (not found): races of one lane's load with a neighbour's later store where several lanes
// load the same bytes by different addresses in one instruction; more than 4 reads of one warp
// between two writes are told apart by warp only.
#ifndef CAMEO_LIB_PTX_RACE_H
#define CAMEO_LIB_PTX_RACE_H

#include "RaceApi.h"
#include "RaceClock.h"
#include "RaceFlags.h"
#include "RaceOlder.h"
#include "RacePage.h"
#include "RaceTable.h"

#include <mutex>
#include <shared_mutex>
#include <unordered_map>

namespace cameo::ptx {

using KnowledgePtr = std::shared_ptr<const Knowledge>;
using OthersPtr = std::shared_ptr<const Others>;

/// What a thread has seen published without being entitled to it: for the remedy of a race.
struct RaceHint {
  OthersPtr seen;
  uint32_t line = 0, otherLine = 0;
  bool scope = false; ///< too small a scope; else: no acquire
};

/// Lanes of a warp that know the same.
struct RaceClass {
  uint32_t mask = 0;
  KnowledgePtr known;
  // The last fence: what was known then, and up to which clock the lanes' own accesses are before it.
  KnowledgePtr fence;
  uint32_t fenceClock = 0;
  Scope fenceScope = Scope::Block;
  uint64_t acquired = 0, polled = 0; ///< the last ones (RaceFlag::version), not to join them again
  RaceHint hint;
};

/// Bulk stores of a lane that no wait has covered whole.
struct RaceBulk {
  uint32_t lane, group, sequence;
  bool committed;
};

/// What a lane has published last, and from what: a lane that tries to take a lock publishes the same each time.
struct RacePublished {
  KnowledgePtr from;
  uint32_t fenceClock = 0, lanes = 0;
  OthersPtr what;
};

struct RaceWarp {
  uint32_t index = 0, clock = 1;
  uint32_t bulkIssued = 0;
  std::vector<RaceBulk> bulk;
  bool touched = false; ///< there are accesses at this clock
  uint32_t met = 0; ///< up to which clock all its threads have met at warp-wide instructions since
  uint32_t loadClock = 0, loadOp = 0; ///< the first load at this clock, where loads are merged
  std::vector<RaceClass> classes;
  std::vector<RacePublished> published; ///< by lane, where one has published behind a fence
};

/// What an mbarrier hands on: what its arrivals knew, and the clock of the copies that complete on it. `remote`:
/// arrivals of other blocks, which a wait of scope .cta does not acquire; `missed`: those that released nothing here.
struct RaceMbarrier {
  Knowledge current;
  KnowledgePtr completed; ///< of all phases so far
  OthersPtr remote, remoteCompleted, missed;
  uint32_t remoteLine = 0, missedLine = 0;
  uint32_t agent = 0; ///< copies of phase p have the clock p + 1
  uint32_t remoteCopy = 0; ///< the line of one that a thread of another block has issued
  uint64_t initBlock = 0;
  uint32_t initWarp = 0, initLane = 0, initClock = 0;
};

/// What a launch's blocks share: global memory.
struct RaceLaunch {
  explicit RaceLaunch(unsigned hostThreads) : table(hostThreads) {}
  RaceTable table; ///< each host thread writes to a part of its own
  std::mutex mutex;
  std::vector<Allocation *> allocations;
  RaceFlags flags; ///< under the mutex
  RaceOlder older; ///< and these
  std::atomic<uint64_t> pagesMade{0};
  std::atomic<uint64_t> touchedBytes{0}, shadowBytes{0};
  std::atomic<bool> full{false};
  std::atomic<uint64_t> versions{0}; ///< of flags
  // While a host thread runs blocks it has `running`; who rebuilds the table has all of it. Who wants it goes
  // through `turn` first and says so: others end their slices, and do not come back before it was had.
  std::shared_mutex running;
  std::mutex turn;
  std::atomic<bool> isWanted{false};
  uint32_t generation = 0;
  static constexpr size_t leastGrowth = 2048;
  size_t mayGrow = leastGrowth;          ///< bytes of the table, all parts together, until it is rebuilt
  unsigned rebuiltPart = 0;              ///< the last time all of it was in this part …
  size_t rebuiltBytes = 0;               ///< … and had this size
  ~RaceLaunch();
  /// Of the host thread with this cache, before it runs blocks: what it remembers may be out of date.
  void enter(RaceCache &cache);
  bool hasGrown(const RaceCache &cache) const {
    size_t grown = table.bytes(cache.part) - (cache.part == rebuiltPart ? rebuiltBytes : 0);
    return grown * table.writers() > std::max(mayGrow, allowance() * table.writers());
  }
  /// States that no cell has any more are forgotten. Nobody is running.
  void rebuild(unsigned part);
  RacePages &pagesOf(Allocation &allocation);
  /// What a host thread may spend on tables and caches beside the cells: a part of what is touched.
  size_t allowance() const { return pagesMade.load(std::memory_order_relaxed) * RacePage::bytes / 4 / table.writers(); }
  /// What flags of global memory may keep.
  size_t flagAllowance() const;
  void measure();
};

class RaceBlock {
public:
  RaceBlock(LaunchContext &launch, RaceCache &globalCache, size_t warps)
      : launch(launch), globalCache(globalCache), warps(warps) {}
  void start(const Block &block);

  LaunchContext &launch;
  RaceCache &globalCache;
  const Block *block = nullptr;
  uint64_t linear = 0;
  uint64_t sharedAs = 0; ///< the block of records of shared memory: 0 where nobody else reaches it
  uint32_t epoch = 0;
  uint32_t readEpoch = 0; ///< the last one with a read of which only the block is remembered
  std::vector<RaceWarp> warps;
  Knowledge barriers[16];
  KnowledgePtr passed[16]; ///< of the barriers' last completion
  RaceTable table;
  RaceCache cache;
  std::vector<std::unique_ptr<RacePage>> pages; ///< of shared memory
  RaceFlags flags; ///< of shared memory
  static constexpr size_t flagAllowance = 32768; ///< bytes that these may keep
  /// Of loads of which only the block is remembered: the first one of each allocation stands for all.
  std::vector<std::pair<const Allocation *, uint32_t>> firstLoads;
  uint32_t firstLoadOf(const Allocation &allocation, uint32_t op) {
    for (const auto &[known, first] : firstLoads)
      if (known == &allocation)
        return first;
    firstLoads.emplace_back(&allocation, op);
    return op;
  }
  std::unordered_map<uint64_t, RaceHeard> heard; ///< by thread of another block
  std::unique_ptr<RaceOlderValues> older;       ///< of the last strong load, once there was one
  uint32_t mbarrierAgents = 0;
  // The table may take `limit` bytes until it is rebuilt, the cache as many as `cacheLimit`: what is
  // remembered of memory must not be more than a part of the memory.
  size_t limit = 0, cacheLimit = 0, peak = 0;
  // Where what is live is still too much. 1: the loads of a warp at one clock are one record;
  // 2: and their lanes are not told apart.
  uint8_t merging = 0;
  // Where a barrier leaves every thread knowing everything, the shadow of shared memory begins anew, and records
  // count clocks from there: an iteration of a loop then gives the numbers of the one before.
  uint32_t era = 1;                ///< how often that has happened, over all blocks of the host thread
  std::vector<uint32_t> eraClocks; ///< by warp: the last clock of the era before
  bool hasEras = false;

  // Agents: the warps, what their bulk copies read, what these write, wgmma by the first warp of
  // its group, mbarriers.
  uint32_t readerAgent(uint32_t warp) const { return static_cast<uint32_t>(warps.size()) + warp; }
  uint32_t writerAgent(uint32_t warp) const { return static_cast<uint32_t>(2 * warps.size()) + warp; }
  uint32_t matrixAgent(uint32_t warp) const { return static_cast<uint32_t>(3 * warps.size()) + warp; }
  static constexpr uint32_t agentsPerWarp = 4;
  uint32_t newMbarrierAgent() {
    return static_cast<uint32_t>(agentsPerWarp * warps.size()) + mbarrierAgents++;
  }

  /// What the lanes publish now: what they know, and what they did. Their clock goes on.
  Knowledge release(RaceWarp &warp, uint32_t mask);
  void acquire(RaceWarp &warp, uint32_t mask, const Knowledge &given);
  /// The same where what is given includes what they know.
  void adopt(RaceWarp &warp, uint32_t mask, const KnowledgePtr &given);
  /// The classes are split so that the mask is a union of some; calls f for these.
  template <typename F> void eachClass(RaceWarp &warp, uint32_t mask, F f) {
    mask = widened(warp, mask);
    splitClasses(warp, mask);
    for (RaceClass &c : warp.classes)
      if (c.mask & mask)
        f(c);
  }
  void keepSmall() {
    if (table.bytes(0) > limit)
      rebuild();
  }
  void measure();
  /// A record of shared memory counts from the era's beginning.
  uint32_t sinceEra(uint32_t warp, uint32_t clock) const { return clock - eraClocks[warp]; }
  uint32_t clockOf(const RaceRecord &r) const {
    return r.agent < eraClocks.size() && r.clock != raceInFlight ? r.clock + eraClocks[r.agent] : r.clock;
  }
  /// After a barrier: a new era, if all threads know all that has been done in this one.
  void tryNewEra();

private:
  void rebuild();
  size_t allowance() const;
  /// By agent of block `of`: up to which clock everybody knows all who may still come to this shared memory.
  std::vector<uint32_t> frontier(const RaceBlock &of) const;
  /// All lanes, where those that have not exited are among them.
  uint32_t widened(const RaceWarp &warp, uint32_t mask) const;
  void splitClasses(RaceWarp &warp, uint32_t mask);
  void mergeClasses(RaceWarp &warp);
};

// -- accesses (RaceAccess.cpp), beside those of RaceApi.h ------------------------------------------

struct BulkCopy; // Async.h

/// An access by something else than the lanes of x.mask: one range, one record.
struct RaceCopy {
  uint32_t agent = 0, clock = 0; ///< of the record
  uint32_t lane = 0;             ///< who issues it: ordered must be what this lane knows
  uint8_t kind = RaceAsync;
  uint8_t widthLog = 0, residue = 0;
  uint32_t mask = 0;      ///< all lanes of one instruction, where each brings a part; 0: only that one
  bool byAddress = false; ///< which lane brought a byte follows from its address; else all lanes of the mask
  bool proxy = false;     ///< it reads through the async proxy
  bool looksOnly = false; ///< nothing is remembered of it
  const RaceBlock *of = nullptr; ///< whose agent; null: the own block's
  const BulkCopy *store = nullptr; ///< a bulk store, which may bring what is there already
};
/// The bytes that a bulk store brings to `address` are there, or come there by a store of the block that is in flight.
bool raceStoresSame(const Exec &x, const BulkCopy &copy, const Allocation &target, uint64_t address, unsigned bytes);
void raceRange(Exec &x, const Op &op, const RaceSpot &spot, uint64_t offset, uint64_t bytes,
               const RaceCopy &copy);
/// cp.async of the lanes of `mask`: to shared memory at off[lane]. It is in flight …
void raceCopyIssued(Exec &x, const Op &op, const uint32_t *off, unsigned width, uint32_t mask);
/// … and counts, from its wait on, as stored by its lane at that clock of its warp.
void raceCopyLanded(Exec &x, const Op &op, const uint32_t *off, unsigned width, uint32_t mask,
                    uint32_t warp, uint32_t clock);
// -- copies and mbarriers (RaceAsync.cpp) ---------------------------------------------------------------

struct Mbarrier;
void raceInitMbarrier(Exec &x, Mbarrier &barrier, unsigned lane);
/// The lane knows that the barrier was initialised, or that is a finding.
void raceUseMbarrier(Exec &x, const Op &op, const Mbarrier &barrier, unsigned lane);
/// Of lanes of x.mask, by an operation with MbarrierFlags and a scope.
void raceArrive(Exec &x, const Op &op, Mbarrier &barrier, uint32_t mask);
/// What the lanes know and did, for somebody in block `to`.
KnowledgePtr raceGiven(Exec &x, const Block &to, uint32_t mask);
/// A phase is complete.
void racePhase(Mbarrier &barrier);
void raceWaited(Exec &x, const Op &op, const Mbarrier &barrier, uint32_t mask);
/// The bytes of a copy of the current phase are there.
void raceCompleteBytes(Mbarrier &barrier);
void raceBulkLoad(Exec &x, const BulkCopy &copy, const Mbarrier &barrier);
void raceBulkStore(Exec &x, const BulkCopy &copy);
void raceBulkCommit(Exec &x);
void raceBulkWait(Exec &x, uint64_t mayStay, bool readOnly);
/// Operation `number` (from 1) of a warpgroup reads units of 16 bytes; a warp of it has waited for all up to it.
void raceWgmmaRead(Exec &x, const Op &op, const std::vector<uint32_t> &units, uint64_t number);
void raceWgmmaWaited(Exec &x, uint64_t number);

// -- synchronisation (RaceSync.cpp) -------------------------------------------------------------------

void raceWarpSync(Exec &x, uint32_t mask);
void raceBarrierArrive(Exec &x, uint32_t id);
/// All participants have arrived: those that wait go on.
void raceBarrierComplete(Block &block, uint32_t id);
/// x.mask goes on behind the barrier that its arrival has completed.
void raceBarrierPass(Exec &x, uint32_t id);
void raceFence(Exec &x, const Op &op);
/// What the block's threads publish to others.
OthersPtr racePublish(RaceBlock &race, Knowledge &&k);
void raceClusterArrive(Exec &x, bool relaxed);
void raceClusterWait(Exec &x);
/// From this scope on, threads of the warp's block and of block `other` are in it together.
Scope raceScopeWith(const Exec &x, uint64_t other);

// -- reports (RaceReport.cpp) -------------------------------------------------------------------------

struct RacePair {
  const RaceRecord &before, &now;
  RaceSpot spot;
  uint64_t offset = 0;
  unsigned bytes = 0, lane = 0;
  bool scope = false; ///< both are strong, but of too small a scope
  bool proxy = false; ///< ordered, but not through the async proxy
  const RaceClass *knows = nullptr;
  const char *wanted = ""; ///< the scope that has both threads
};
void reportRace(Exec &x, const Op &op, RacePair pair);

} // namespace cameo::ptx

#endif
