// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// wgmma: what decoding says of each instruction, and what is in flight. An operation belongs to four
// warps; each issues its part when it comes there and goes on. The product is computed as a whole,
// at once when the last of them has issued it, at a random turn, or when the first wait covers it.
// Until the wait of its warp the registers are locked; until the first wait of any of the four its
// operands in shared memory may still be read. Only registers that some wgmma names are watched:
// decoding gives the instructions that touch them a trait.
#ifndef CAMEO_LIB_PTX_WGMMA_H
#define CAMEO_LIB_PTX_WGMMA_H

#include "Exec.h"
#include "WgmmaDescriptor.h"

#include <deque>
#include <map>

namespace cameo::ptx {

enum class WgmmaType : uint8_t { F16, BF16, TF32, E4M3, E5M2, S8, U8, B1 };
enum class WgmmaResult : uint8_t { F32, F16, S32 };
constexpr unsigned warpsOfGroup = 4;
constexpr uint8_t allWarps = (1 << warpsOfGroup) - 1;

/// Neighbours among the watched registers.
struct WgmmaRun {
  uint32_t first, count;
};

struct WgmmaForm {
  WgmmaType a = WgmmaType::F16, b = WgmmaType::F16;
  WgmmaResult d = WgmmaResult::F32;
  bool sparse = false, saturates = false, aInRegisters = false;
  bool transA = false, transB = false, negates = false;
  unsigned n = 8, bits = 16;  ///< bits of an element of A and B
  unsigned kA = 16, k = 16;   ///< of A as it is stored, of B
  unsigned selector = 0;      ///< of the metadata
  unsigned shape = 0;         ///< the same number: same accumulators in the same shape
  uint32_t scaleD = noOperand; ///< a predicate; none: scaleDValue
  bool scaleDValue = true;
  uint32_t descA = noOperand, descB = noOperand, meta = noOperand;
  std::vector<uint32_t> slotsD, slotsA;     ///< in the frame
  std::vector<uint32_t> trackedD, trackedA; ///< numbers among the watched registers
  std::vector<WgmmaRun> runsD, runsA;       ///< the same
  std::vector<uint32_t> definedD;           ///< masks of written lanes, or noOperand

  WgmmaOperandShape shapeA() const { return {64, kA * bits / 8, transA}; }
  WgmmaOperandShape shapeB() const { return {n, k * bits / 8, transB}; }
  bool sameShape(const WgmmaForm &o) const {
    return n == o.n && k == o.k && d == o.d && trackedD == o.trackedD;
  }
};

/// A watched register that an instruction other than wgmma reads or writes.
struct WgmmaTouch {
  uint32_t tracked;
  bool writes;
};

/// A mov out of watched registers: of one in flight it only gives another name to what comes, as
/// compilers do it; it is executed again when the wait has come.
struct WgmmaMove {
  size_t begin = 0, end = 0; ///< its operations
  std::vector<uint32_t> sources, targets;
};

struct WgmmaProgram {
  std::vector<std::unique_ptr<WgmmaForm>> forms;
  std::vector<WgmmaMove> moves;
  std::vector<std::string> names; ///< of the watched registers
  std::vector<std::vector<WgmmaTouch>> touches;
  std::vector<uint32_t> touchesOf; ///< by operation: 1 + index in touches, or 0
  const std::vector<WgmmaTouch> *find(size_t op) const {
    return op < touchesOf.size() && touchesOf[op] ? &touches[touchesOf[op] - 1] : nullptr;
  }
};

/// A trait of operations beside OpTraits: touches registers that some wgmma uses.
constexpr uint16_t traitWgmmaRegister = 0x100;

/// A move out of an accumulator in flight, which its warp executes again at the wait.
struct WgmmaDeferred {
  const WgmmaMove *move;
  uint32_t mask;
  unsigned rank;
};

/// Addresses of the units of 16 bytes that an operand in shared memory has.
struct WgmmaUnits {
  std::vector<uint32_t> all;
  std::vector<uint32_t> ofWarp[warpsOfGroup]; ///< of A: by the warp that multiplies them
  uint32_t first = ~0u, end = 0;              ///< all of them are in here
};
using WgmmaUnitsPtr = std::shared_ptr<const WgmmaUnits>;

struct WgmmaOperation {
  const Op *op = nullptr;
  const WgmmaForm *form = nullptr;
  uint8_t arrived = 0, committed = 0, waited = 0; ///< bits: warps of the group
  bool landed = false, accumulates = false;
  uint64_t descA = 0, descB = 0, due = 0;
  uint32_t frame[warpsOfGroup] = {}, group[warpsOfGroup] = {};
  WgmmaUnitsPtr unitsA, unitsB;
  std::vector<uint32_t> meta; ///< of 128 threads
  std::vector<WgmmaDeferred> deferred;
};

/// What the product needs, for the handler of this machine's vector extension.
struct WgmmaJob {
  const WgmmaOperation *operation = nullptr;
  const uint8_t *shared = nullptr; ///< of address 0
  uint8_t *frames[warpsOfGroup] = {};
};

struct WgmmaWarp {
  bool fenced = false;
  bool anyTouched = false;               ///< since the last wgmma.fence
  uint32_t committed = 0, lockedNow = 0; ///< groups; operations that hold registers
  uint64_t issued = 0;
  std::vector<uint16_t> lockD, lockA;   ///< per watched register: operations in flight
  std::vector<const Op *> touched;      ///< who has touched it since the last wgmma.fence
  std::vector<bool> written;            ///< and whether it wrote
};

/// A box that a tensor copy has written, which nothing else has written since.
struct WgmmaTile {
  uint32_t first, end;
  uint32_t swizzle; ///< of the map: 0 none, 1: 32, 2: 64, 3: 128 bytes
  const Op *op;
};

struct WgmmaState {
  struct Group {
    std::deque<WgmmaOperation> operations;
    uint64_t first = 0; ///< number of the front one
  };
  std::vector<Group> groups;
  std::vector<WgmmaWarp> warps;
  std::vector<WgmmaTile> tiles;
  struct Key {
    const WgmmaForm *form;
    bool isA;
    uint64_t bits;
    auto operator<=>(const Key &) const = default;
  };
  std::map<Key, WgmmaUnitsPtr> units;
  WgmmaJob job;
};

/// Of the block that runs; made at the first use.
WgmmaState &wgmmaState(Exec &x);

inline unsigned rankOf(const Warp &warp) { return warp.index % warpsOfGroup; }
inline WgmmaState::Group &groupOf(WgmmaState &state, const Warp &warp) {
  return state.groups[warp.index / warpsOfGroup];
}
/// What an operation keeps from its warp: one more, or one less.
void lockRegisters(WgmmaWarp &warp, const WgmmaForm &form, int change);

// -- hooks; all of them are called for programs with wgmma only (WgmmaGuards.cpp) ------------------

/// Before an operation with the trait.
void guardWgmmaRegisters(Exec &x, const Op &op);
/// Somebody is about to write [first, end) of shared memory.
void guardWgmmaSource(Exec &x, const Op &op, uint32_t first, uint32_t end, unsigned lane,
                      const char *what);
/// A tensor copy is about to write a box.
void noteWgmmaTile(Exec &x, const Op &op, uint32_t first, uint32_t end, uint32_t swizzle);
void forgetWgmmaTiles(Exec &x, uint32_t first, uint32_t end);
/// An operand is read with the swizzle that it was written with.
void checkWgmmaTile(Exec &x, const Op &op, uint64_t descriptor, uint32_t unit, char which);
/// These units of an operand are there, visible to this warp and to the async proxy.
void checkWgmmaOperand(Exec &x, const Op &op, const WgmmaUnits &of, const std::vector<uint32_t> &units, char which);
/// Registers of an instruction that is issued: fenced, not in flight elsewhere, initialised.
void checkWgmmaRegisters(Exec &x, const Op &op, const WgmmaForm &form, bool accumulates);

// -- WgmmaIssue.cpp, WgmmaEvents.cpp --------------------------------------------------------------

void issueWgmma(Exec &x, const Op &op);
/// The warps of its group that sleep at a wait look again.
void wakeWgmmaWaiters(Block &block, const Warp &one);
void landDueWgmma(Exec &x, Block &block);
/// The last lanes of a warp exit.
void exitWgmma(Exec &x, Block &block, Warp &warp);
/// What a warp waits for in wgmma.wait_group or setmaxnreg, for deadlocks; empty: something else.
std::string wgmmaWaitText(const Exec &x, const Block &block, const Warp &warp, const Group &group);
/// True where all 32 threads of all four warps can be here; else that is told, and the launch ends.
void requireWarpgroup(Exec &x, const Op &op);
/// The group sleeps here until something changes.
void sleepAt(Exec &x, const Op &op);

// -- setmaxnreg (RegisterPool.cpp) ----------------------------------------------------------------

struct RegisterPool {
  uint32_t free = 0;               ///< registers of the block that nobody has
  std::vector<uint32_t> perThread; ///< by warp
  std::vector<std::vector<const Op *>> executed; ///< by warp
};
std::string poolWaitText(const Exec &x, const Block &block, const Warp &warp, const Op &op);
/// The lanes of `mask` exit.
void exitPool(Exec &x, Block &block, Warp &warp, uint32_t mask);

} // namespace cameo::ptx

#endif
