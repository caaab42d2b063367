// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The state that handlers work on. A warp is a set of groups: lanes that share a program counter.
// Groups split where a branch diverges and meet again where their counters are equal; what blocks a
// group is written in it, so that "nothing can run" is a fact and not a time-out. Exec is the
// group that runs now, unpacked for speed.
#ifndef CAMEO_LIB_PTX_EXEC_H
#define CAMEO_LIB_PTX_EXEC_H

#include "Counts.h"
#include "Findings.h"
#include "Memory.h"
#include "Program.h"

#include <cstring>

namespace cameo::ptx {

struct AsyncState; // Async.h
class Trace;       // Trace.h
class Footprints;  // Footprints.h
struct Block;
struct Cluster; // Cluster.h
class RaceBlock;   // Race.h
struct RaceLaunch;

constexpr unsigned lanes = 32;

struct Frame {
  const Op *call = nullptr;        ///< the call instruction; its successor is where `ret` goes
  uint32_t frameBase = 0;          ///< registers of the caller
  uint32_t localOffset = 0;        ///< local memory of the caller
  uint32_t function = 0;           ///< the caller
  bool operator==(const Frame &) const = default;
};

enum class GroupState : uint8_t { Ready, Converging, Barrier, Waiting, Cluster };

struct Group {
  const Op *ip = nullptr;
  uint32_t mask = 0;
  GroupState state = GroupState::Ready;
  uint32_t need = 0;     ///< Converging: lanes that have to be at the same instruction
  uint32_t barrier = 0;  ///< Barrier: its number
  // The mbarrier that it has polled in vain, since which phase; Waiting: until something arrives there.
  const Op *waitOp = nullptr;
  uint32_t waitAddress = 0; ///< of its first lane; 0: several barriers
  uint64_t waitPhase = 0;
  uint32_t polls = 0;       ///< in a row that saw false
  bool sawFalse = false;    ///< woken to see false once more
  uint64_t turn = 0;     ///< when it last ran
  uint32_t frameBase = 0, localOffset = 0, function = 0;
  std::vector<Frame> frames;
};

/// One cp.async of a warp, whose data has not landed yet.
struct PendingCopy {
  PendingCopy() {} // the arrays stay as they are: copyAsync fills what the mask names
  const Op *op = nullptr;
  uint32_t mask = 0;         ///< lanes still pending
  uint32_t uncommitted = 0;  ///< lanes that have not committed it
  uint32_t captured = 0;     ///< lanes whose data is there already, although nobody may know
  uint64_t sequence = 0;     ///< number among the copies of the warp
  uint8_t bytes = 0;
  uint32_t group[lanes];     ///< per lane, the number of its commit group
  uint32_t target[lanes];    ///< offset in shared memory from sharedBase
  uint64_t source[lanes];    ///< global address
  uint8_t sourceBytes[lanes];
};

struct Warp {
  uint32_t index = 0;
  Block *block = nullptr;
  uint32_t clusterArrived = 0;      ///< lanes that arrived at the cluster's barrier in its phase
  uint32_t clusterPassed = 0;       ///< the same in the phase before, and have not waited yet
  uint32_t alive = 0;               ///< lanes that have not exited
  std::vector<Group> groups;
  uint8_t *registers = nullptr;     ///< frames
  uint8_t *specials = nullptr;      ///< arrays of 32 lanes, see SpecialSlot
  uint8_t *local = nullptr, *localShadow = nullptr;
  std::vector<PendingCopy> copies;
  uint32_t committed[lanes];        ///< commit groups so far, per lane
  uint32_t bulkCommitted[lanes];    ///< the same of bulk copies
  uint64_t issued = 0;              ///< cp.async so far
  uint64_t turn = 0;
};

/// Special registers that are operands: 32-lane u32 arrays, in this order.
enum SpecialSlot : uint32_t {
  SpTidX, SpTidY, SpTidZ, SpLane, SpCtaX, SpCtaY, SpCtaZ, SpNtidX, SpNtidY, SpNtidZ,
  SpNctaX, SpNctaY, SpNctaZ, SpWarp, SpNwarp, SpMaskEq, SpMaskLe, SpMaskLt, SpMaskGe, SpMaskGt,
  SpZero, SpOne, SpDynShared, SpTotalShared, SpGridLo, SpGridHi,
  // Filled in for programs that name them; see Decoder::clusterSlot.
  SpClusterX, SpClusterY, SpClusterZ, SpNclusterX, SpNclusterY, SpNclusterZ,
  SpInClusterX, SpInClusterY, SpInClusterZ, SpClusterSizeX, SpClusterSizeY, SpClusterSizeZ,
  SpClusterRank, SpClusterBlocks, SpWorkspaceLo, SpWorkspaceHi, SpCount
};

struct BarrierState {
  uint32_t arrived = 0;
  uint32_t expected = 0; ///< 0: all threads of the block
  uint32_t orBits = 0, andBits = 1, population = 0;
  uint32_t generation = 0;
  const Op *first = nullptr;
};

struct LaunchContext;

struct Block {
  uint32_t coordinates[3];
  uint64_t linear = 0;
  std::vector<Warp> warps;
  uint8_t *shared = nullptr, *sharedShadow = nullptr;
  uint32_t alive = 0; ///< threads that have not exited
  BarrierState barriers[16];
  uint32_t barrierResult[16]; ///< of the last completed bar.red, by barrier
  std::vector<uint8_t> arena;
  size_t nextWarp = 0;
  uint64_t steps = 0, random = 0;
  std::shared_ptr<AsyncState> async; ///< mbarriers and copies in flight
  std::shared_ptr<Cluster> cluster;  ///< shared by its blocks
  uint32_t rank = 0;
  bool done = false;       ///< all its threads have exited, and what they left is told
  bool metCluster = false; ///< a thread has waited at the cluster's barrier
  std::shared_ptr<RaceBlock> race;   ///< null: races are not looked for
};

enum class Pause : uint8_t { None, Exit, Split, Converge, Barrier, Switch, Wait, Cluster };

struct Exec {
  const Op *ip = nullptr;
  uint8_t *base[4] = {};   ///< by OperandBase
  int64_t budget = 0;      ///< the loop ends when it is used up
  const Op *limit = nullptr;
  uint32_t mask = 0;       ///< lanes that execute now
  uint32_t whole = 0;      ///< all lanes that must not be disturbed: mask == whole may write all 32
  bool full = true;        ///< mask == whole
  bool all = true;         ///< mask has all 32 lanes
  Pause pause = Pause::None;
  alignas(64) uint32_t lane[lanes]; ///< ~0 for lanes of mask

  Warp *warp = nullptr;
  Block *block = nullptr;
  Group *group = nullptr;
  RaceBlock *race = nullptr; ///< that of the block
  const Program *program = nullptr;
  LaunchContext *launch = nullptr;
  Counts *counts = nullptr;
  Trace *trace = nullptr; ///< null: nobody asked
  uint32_t need = 0, barrier = 0; ///< arguments of pause
  uint32_t splitMask = 0;
  const Op *splitIp = nullptr;
  int64_t budgetLeft = 0;
  uint64_t random = 0;

  static constexpr unsigned cacheSize = 64;
  Allocation *cachedAllocation[cacheSize] = {};
  const Region *cachedRegion[cacheSize] = {};

  void setMask(uint32_t value) {
    mask = value;
    full = value == whole;
    all = value == 0xffffffffu;
    for (unsigned i = 0; i < lanes; ++i)
      lane[i] = 0u - ((value >> i) & 1u);
  }
  /// Ends the inner loop after this instruction.
  void stop(Pause reason) {
    pause = reason;
    budgetLeft = budget;
    budget = 0;
  }
  uint64_t nextRandom() {
    random += 0x9E3779B97F4A7C15ull;
    uint64_t z = random;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
    return z ^ (z >> 31);
  }
  template <typename T> T *at(uint32_t operand) const {
    return reinterpret_cast<T *>(base[operand >> 30] + (operand & 0x3fffffffu));
  }
  uint32_t &predicate(uint32_t operand) const { return *at<uint32_t>(operand); }
  const uint32_t *side(const Op &op) const { return program->side.data() + op.extra; }
  size_t indexOf(const Op &op) const {
    return static_cast<size_t>(&op - program->code.data());
  }
};

/// What a launch shares between its blocks and host threads.
struct LaunchContext {
  const Program *program = nullptr;
  DeviceMemory *memory = nullptr;
  FindingSink *findings = nullptr;
  uint32_t grid[3], block[3], cluster[3] = {1, 1, 1};
  bool cooperative = false;
  uint64_t workspace = 0; ///< of a cooperative grid: what %envreg1 and 2 point to
  bool explicitCluster = false;
  uint32_t dynamicShared = 0;
  std::vector<Region> sharedRegions;
  uint32_t sharedBytes = 0; ///< with gaps
  std::vector<uint8_t> constants; ///< the pool, 64-byte aligned copies
  uint8_t *constantBase = nullptr;
  std::vector<uint8_t> arguments;
  bool checks = true;
  std::shared_ptr<RaceLaunch> race; ///< null: races are not looked for
  bool ordersMemory = false;        ///< the program has fences, acquires or releases
  unsigned schedule = 0, asyncPoint = 0;
  bool traces = false;
  std::shared_ptr<Footprints> footprints; ///< null: nobody asked
  bool hardwareMma = false; ///< tensor cores add as published of the hardware, HardwareMma.h
  unsigned sm = 0;          ///< of the module's target: 90
  uint64_t seed = 0, stepLimit = 0;
  std::atomic<bool> draws{false}; ///< a random number was asked for: another seed may run otherwise
  const volatile int *cancel = nullptr;
  std::atomic<bool> stopAll{false};
};

/// Thrown by handlers where the launch cannot go on; the finding is in the sink.
struct LaunchStopped {};

/// Records a finding of the current warp. `laneMask`: the threads that have it.
void report(Exec &x, const Op &op, FindingKind kind, uint32_t laneMask, uint64_t address,
            unsigned accessBytes, std::string message, std::string remedy,
            const std::string &object = {}, int64_t offset = 0, uint64_t objectBytes = 0,
            const OtherAccess *other = nullptr);
[[noreturn]] void stopLaunch(Exec &x);

// Out of line, the same for all vector extensions.
void runPredicated(Exec &x, const Op &op);
/// A memory access with something wrong, lane by lane: finds out what, reports, and stops.
[[noreturn]] void reportBadAccess(Exec &x, const Op &op, Space space, uint64_t address,
                                  unsigned bytes, unsigned lane);
void reportUninitialised(Exec &x, const Op &op, Space space, uint32_t laneMask,
                         const uint64_t *address, unsigned bytes);

} // namespace cameo::ptx

#endif
