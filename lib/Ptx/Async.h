// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What runs beside the threads of a block: mbarriers, bulk copies in flight, arrivals that cp.async
// owes. A copy is an event with a due time; *when* it lands is a choice of the schedule: at once, at
// a random turn, or as late as the waits allow (when nothing else can run). Its destination counts
// as unwritten until somebody has seen the phase that covers it complete; its source belongs to it
// until the wait that releases it. An mbarrier has its full phase number here, not only the parity.
#ifndef CAMEO_LIB_PTX_ASYNC_H
#define CAMEO_LIB_PTX_ASYNC_H

#include "Polls.h"

namespace cameo::ptx {

constexpr uint32_t mostMbarrierCount = (1u << 20) - 1;

struct RaceMbarrier; // Race.h
struct Knowledge;

struct Mbarrier {
  uint32_t address = 0;     ///< in shared memory
  uint32_t expected = 0;    ///< arrivals that complete a phase
  uint32_t pending = 0;     ///< arrivals that the current phase still lacks
  int64_t transactions = 0; ///< bytes expected and not there yet
  uint64_t phase = 0;       ///< the current one, which is not complete
  bool fenced = false;      ///< the initialisation is visible to asynchronous agents
  bool clusterFenced = false; ///< and to the other blocks of the cluster
  const Op *init = nullptr;
  std::shared_ptr<RaceMbarrier> race; ///< null: races are not looked for

  /// What the eight bytes hold: enough to see that something else was written there.
  uint64_t bits() const {
    return (phase & 0xff) << 56 | uint64_t(static_cast<uint32_t>(transactions) & 0x3fffff) << 34 |
           uint64_t(pending) << 14 | (expected & 0x3fff);
  }
  /// The token of mbarrier.arrive: phase and pending count before it.
  uint64_t token() const { return phase << 20 | pending; }
};

/// Bytes of shared memory that belong to a copy.
struct SharedSpan {
  uint32_t first = 0, bytes = 0;
};

/// A part of a copy that is contiguous in both memories.
struct BulkPiece {
  uint64_t global = 0;
  uint32_t shared = 0; ///< address in shared memory
  uint32_t bytes = 0;
  bool zeros = false;  ///< outside of the tensor: nothing is read or written in global memory
};

enum class BulkKind : uint8_t {
  Load,   ///< global to shared, completes bytes of an mbarrier
  Store,  ///< shared to global, in a bulk group of its thread; perhaps a reduction
  Arrive, ///< the arrival that cp.async.mbarrier.arrive promised
  Send,   ///< no event: the source, in the own block, of a Load into another one
};

struct BulkCopy {
  const Op *op = nullptr;
  BulkKind kind = BulkKind::Load;
  uint32_t warp = 0, lane = 0, mask = 0; ///< mask: of Arrive, the lanes
  Block *issuer = nullptr;               ///< whose thread issued it; null: of the block that has it
  std::vector<BulkPiece> pieces;
  std::vector<SharedSpan> spans; ///< all of the pieces in shared memory, in fewer parts
  uint64_t fill = 0;             ///< of a tensor: what is outside of it
  const uint8_t *map = nullptr;  ///< its tensor map, and what that was when the copy was issued
  std::vector<uint8_t> mapBytes;
  std::string mapName;
  uint32_t bytes = 0;
  uint32_t barrier = 0; ///< address
  uint64_t phase = 0;   ///< of the barrier at the issue
  uint32_t group = 0;   ///< of a Store, when committed
  bool committed = false;
  bool landed = false;   ///< Load: data is there. Store: the source was read
  bool released = false; ///< Store: a wait has given the source back
  bool written = false;  ///< Store: it is in global memory
  bool fromShared = false; ///< `global` of its pieces is an address in the issuer's shared memory
  std::shared_ptr<bool> sourceFree; ///< of a Load and its Send: the source may be written again
  uint8_t reduction = 0; ///< row of the table of reductions, 0: none
  uint64_t due = 0;      ///< turn of the block
  uint64_t number = 0;   ///< among the copies of the block
  uint64_t sequence = 0; ///< Arrive: cp.async copies up to this one
  uint32_t seen = 0;     ///< Load that landed: the warps that may read it
  bool shown = false;    ///< the warp that runs is one of them: the bytes count as written
  std::vector<uint32_t> carriers; ///< mbarriers on which one of them has arrived since
  std::vector<uint8_t> data; ///< what a Store has read; of a Load without source: what it brings
  std::shared_ptr<const Knowledge> race; ///< Arrive, and of st.async: what it hands on
  uint32_t raceClock = 0;                ///< of the lanes' warp then
  bool multicast = false;
  std::vector<uint8_t> lanes; ///< of st.async: by piece, whose it is
};

/// The last ordinary store of an instruction to shared memory since the last proxy fence.
struct StoreNote {
  const Op *op = nullptr;
  uint32_t first = 0, end = 0, warp = 0;
  uint32_t from = 0; ///< rank of the block that stored
};

struct WgmmaState;   // Wgmma.h
struct RegisterPool; // Wgmma.h

struct AsyncState {
  PollNotes polls; ///< what its groups have polled in memory
  std::vector<Mbarrier> mbarriers;
  std::vector<BulkCopy> copies;
  std::vector<StoreNote> stores;
  std::vector<std::pair<uint64_t, uint64_t>> acquiredMaps; ///< address, and when
  bool byWarp = false;             ///< `seen` is kept for each warp, see Visibility.cpp
  uint32_t arrivedWarps[16] = {};  ///< of the block's barriers
  uint64_t turns = 0;    ///< time slices of the block's warps
  uint64_t issued = 0;   ///< copies so far
  uint64_t progress = 0; ///< changes when anything arrives anywhere
  uint64_t idleProgress = 0;
  unsigned idleRounds = 0;
  std::shared_ptr<WgmmaState> wgmma;       ///< from the first wgmma on
  std::shared_ptr<RegisterPool> registers; ///< from the first setmaxnreg on
  void clear() { *this = AsyncState(); }
};

/// Of Trace: the copies of a block and those of its warps' cp.async are numbered apart.
inline uint64_t bulkTraceId(const BulkCopy &copy) { return copy.number << 6; }
inline uint64_t asyncTraceId(uint32_t warp, uint64_t sequence) { return sequence << 6 | (warp + 1); }

/// Somebody can run again: a schedule that starves warps lets them, now.
inline void yieldToWoken(Exec &x) {
  if (x.launch->schedule >= 2 && x.pause == Pause::None)
    x.stop(Pause::Switch);
}

// -- addresses (Bulk.cpp) -------------------------------------------------------------------------

uint64_t laneAddress(const Exec &x, uint32_t operand, int64_t offset, bool narrow, unsigned lane);
/// Of an address in Program::side: slot, offset (two words), whether the register has 32 bits.
uint64_t sideAddress(const Exec &x, const uint32_t *side, unsigned lane);
constexpr unsigned sideAddressWords = 4;
const Region *sharedRegion(const Exec &x, uint64_t address);
/// "'tile'+128" for messages.
std::string sharedName(const Exec &x, uint64_t address);
uint32_t lineOf(const Exec &x, const Op &op);

// -- mbarriers (Mbarrier.cpp) ---------------------------------------------------------------------

/// The address of an mbarrier operand, checked. `block`: whose it is, where it may be that of another one
/// of the cluster.
uint32_t mbarrierAddress(Exec &x, const Op &op, uint64_t address, unsigned lane,
                         Block **block = nullptr);
/// The barrier at an address; reports and stops where there is none.
Mbarrier &useMbarrier(Exec &x, const Op &op, Block &block, uint32_t address, unsigned lane);
void initMbarrier(Exec &x, const Op &op, uint32_t address, uint32_t count, unsigned lane);
void invalidateMbarrier(Exec &x, const Op &op, uint32_t address, unsigned lane);
enum class ArriveMode : uint8_t { Normal, NoComplete, Drop, DropNoComplete };
void arriveOn(Exec &x, const Op &op, Block &block, Mbarrier &barrier, uint32_t count,
              ArriveMode mode, unsigned lane);
/// The current phase takes this many arrivals more.
void expectArrivals(Exec &x, Block &block, Mbarrier &barrier, uint32_t count);
void expectBytes(Exec &x, const Op &op, Block &block, Mbarrier &barrier, int64_t bytes,
                 unsigned lane);
void completeBytes(Exec &x, const Op &op, Block &block, Mbarrier &barrier, int64_t bytes,
                   unsigned lane);
/// A fence or a barrier of the block: what was initialised is visible to everyone.
void publishMbarriers(Block &block);
/// The same for the other blocks of its cluster.
void publishToCluster(Block &block);

// -- copies (Bulk.cpp) ----------------------------------------------------------------------------

/// `bytes` at a shared address, generic or not, in one variable and aligned to 16: its offset.
uint32_t sharedRange(Exec &x, const Op &op, uint64_t address, uint32_t bytes, unsigned lane);
BulkCopy bulkCopyOf(Exec &x, const Op &op, BulkKind kind, unsigned lane, uint32_t bytes);
/// The mbarrier that a copy completes, checked.
void attachBarrier(Exec &x, const Op &op, BulkCopy &copy, uint64_t address, unsigned lane);
/// Sets when a copy lands, and lands it where that is now.
void launchCopy(Exec &x, BulkCopy copy);
/// The size operand (op.b), a multiple of 16.
uint32_t bulkSize(Exec &x, const Op &op, unsigned lane);
void commitBulkGroup(Exec &x);
void waitBulkGroup(Exec &x, uint64_t mayStay, bool readOnly);
/// cp.async copies of the lanes up to a number; AsyncHandlers.cpp.
void landCopies(Exec &x, Warp &warp, uint32_t mask, uint64_t sequence, uint32_t raceClock);
/// cp.async copies of a random mode that come now.
void landSomeCopies(Exec &x, Warp &warp);

// -- copies into the cluster's shared memory (RemoteCopy.cpp) ---------------------------------------

/// `width` of a load: its destination is .shared::cluster; the slot `c` has a mask of blocks.
enum CopyTarget : uint8_t { TargetCluster = 1, TargetMulticast = 2 };
/// The blocks whose shared memory a copy goes to, and where in each of them.
struct CopyTargets {
  Block *blocks[16] = {};
  unsigned count = 0;
  uint64_t address = 0;
};
CopyTargets copyTargets(Exec &x, const Op &op, uint64_t address, unsigned lane);
/// As blockOfShared; a `lasting` use binds the other block until it is shown to be over.
Block *findBlock(Exec &x, const Op &op, uint64_t &address, unsigned lane, bool lasting);
/// Checks the barrier (in the same block) and the destination there, and issues the copy.
void launchInto(Exec &x, const Op &op, Block &target, BulkCopy copy, uint64_t barrier, unsigned lane);

// -- who may read what has landed (Visibility.cpp) ------------------------------------------------

/// A trait of operations beside OpTraits: threads may learn from each other by it.
constexpr uint16_t traitSynchronises = 2;
bool synchronisesByMemory(const Program &program);
/// The warp saw the barrier's phases before the current one complete.
void observePhase(Exec &x, Block &block, const Mbarrier &barrier);
/// The warp arrives on an mbarrier: who waits there knows what it knows.
void carryKnowledge(Block &block, uint32_t warp, uint32_t barrier);
/// The warps of a mask have met at a barrier.
void shareKnowledge(Block &block, uint32_t warps);
/// The shadow becomes that of the warp that runs next.
void showCopies(Block &block, const Warp &warp);
/// What the copy has brought becomes ordinary bytes, for all warps.
void showToAll(Block &block, BulkCopy &copy);
/// A warp that may read them stores into [first, end): those copies are over.
void forgetCopies(Block &block, uint32_t warp, uint32_t first, uint32_t end);

// -- events (AsyncEvents.cpp) ---------------------------------------------------------------------

void land(Exec &x, Block &block, size_t index);
/// A wait covers this store: its source is free, and, if asked, its data is there. True: it is gone.
bool releaseStore(Exec &x, Block &block, size_t index, bool write);
void landDue(Exec &x, Block &block);
/// Nothing can run: the next event. False where there is none.
bool landNext(Exec &x, Block &block);
/// Lets those who poll see false once more; false where nobody polls or nothing came of it.
bool wakePollers(Block &block);
void reportStuck(Exec &x, Block &block);
void exitAsync(Exec &x, Block &block, Warp &warp, uint32_t mask);
void finishAsync(Exec &x, Block &block);

// -- ordinary accesses beside copies (AsyncGuards.cpp) --------------------------------------------

/// Before an operation that may store to shared memory.
void guardStore(Exec &x, const Op &op);
/// fence.proxy.async: what the block has stored is visible to the async proxy.
void fenceAsyncProxy(Exec &x);
/// Where bytes that are read as unwritten belong to a copy or a barrier: what to say. Empty: no.
std::string inFlightText(Exec &x, uint64_t address, unsigned bytes);
/// The source of a copy out of shared memory, when it is issued.
void checkBulkSource(Exec &x, const Op &op, const BulkCopy &copy, unsigned lane);
/// The destination of a copy into shared memory.
void checkBulkTarget(Exec &x, const Op &op, const BulkCopy &copy, unsigned lane);

/// `flags` of tensor copies: im2col mode; with offsets.
enum TensorFlags : uint8_t { FlagIm2col = 2, FlagOffsets = 4 };
/// A map in global memory that this launch has changed is used: it was released and acquired
/// (TensorMapReplace.cpp).
void checkMapFenced(Exec &x, const Op &op, uint64_t address, const uint8_t *host,
                    const std::string &name, unsigned lane);
/// fence.proxy.tensormap::generic.release.
void releaseTensorMaps(Exec &x);
/// A tensor copy that reads, or has read, through its map: the map is the one it was issued with
/// (Tensor.cpp).
void checkMapUnchanged(Exec &x, BulkCopy &copy);
/// ", by line 7" where a tensormap.replace or tensormap.cp_fenceproxy was the last to change it
/// (TensorMapReplace.cpp).
std::string whoChangedMap(Exec &x, const uint8_t *map);

// -- reductions (BulkReduce.cpp) ------------------------------------------------------------------

constexpr std::string_view bulkReductions[] = {".add", ".min", ".max", ".inc", ".dec",
                                               ".and", ".or",  ".xor"};
/// The row for "add" and "f32"; 0 where there is none.
uint8_t findReduction(std::string_view operation, std::string_view type);
unsigned reductionBytes(uint8_t row);
void reduceInto(uint8_t row, uint8_t *to, const uint8_t *from, size_t bytes);

} // namespace cameo::ptx

#endif
