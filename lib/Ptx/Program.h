// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A kernel as the machine runs it: one array of fixed-size operations, each with the function that
// executes it for a warp. Registers are slots of a frame, an array of 32 lanes each (a predicate is
// one 32-bit mask); an operand is 32 bits, the upper two say which base it counts from.
#ifndef CAMEO_LIB_PTX_PROGRAM_H
#define CAMEO_LIB_PTX_PROGRAM_H

#include "Ast.h"

#include <memory>

namespace cameo::ptx {

struct Exec;
struct Op;
using Handler = void (*)(Exec &, const Op &);

/// The base that an operand counts from.
enum OperandBase : uint32_t { BaseFrame = 0, BaseConstant = 1, BaseSpecial = 2 };
constexpr uint32_t operandOf(OperandBase base, uint32_t offset) { return base << 30 | offset; }
constexpr uint32_t noOperand = ~0u;

/// What the counts distinguish.
enum class OpKind : uint8_t { Alu, Fma, Special, Convert, Control, Memory, Matrix, Sync, None };

/// One cache line. The meaning of `d a b c imm extra` and of the small fields is the handler's.
struct alignas(64) Op {
  Handler run = nullptr;   ///< what the loop calls
  Handler inner = nullptr; ///< what runPredicated calls
  uint32_t d = noOperand, a = noOperand, b = noOperand, c = noOperand;
  int64_t imm = 0;
  uint32_t extra = 0;       ///< first word in Program::side
  uint32_t pred = 0;        ///< frame offset of the predicate
  uint16_t traits = 0;      ///< OpTraits
  uint8_t size = 0;         ///< bytes of one element
  uint8_t count = 1;        ///< elements of a vector access
  uint8_t width = 0;        ///< bytes of the register of one element
  uint8_t flags = 0;
  Space space = Space::Generic;
  OpKind kind = OpKind::None;
};
static_assert(sizeof(Op) == 64);

enum OpFlags : uint8_t {
  FlagPredNegated = 1, ///< the predicate is inverted
  FlagSigned = 2,      ///< a load extends the sign
  FlagAddress32 = 4,   ///< the address register has 32 bits
  FlagAcquire = 8,
  FlagRelease = 16,
  FlagReadOnly = 32, ///< .nc
};

enum OpTraits : uint16_t {
  TraitStoresShared = 1, ///< may write shared memory through the generic proxy
  TraitStrong = 0x10,      ///< relaxed, acquire, release, volatile, atomic
  TraitScope = 0x20,        ///< two bits: a Scope (SyncHandlers.h)
  TraitAcquire = 0x80,
  TraitRelease = 0x200,
};

/// A declared variable in shared or local memory: accesses may not leave it.
struct Region {
  uint64_t base = 0, bytes = 0;
  std::string name;
};

struct FunctionCode {
  std::string name;
  uint32_t entry = 0;       ///< index of its first operation
  uint32_t frameBytes = 0;  ///< registers
  uint32_t localBytes = 0;  ///< local variables and call parameters of one thread
  std::vector<Region> locals;
  bool recursive = false;
};

/// A constant of the pool: 32 equal lanes, filled in at launch.
struct Constant {
  enum class Kind : uint8_t { Bits, GlobalAddress, Parameter } kind = Kind::Bits;
  uint8_t bytes = 4;
  uint64_t bits = 0;      ///< or addend, or offset in the argument buffer
  uint32_t symbol = 0;    ///< variable of the module
  uint32_t offset = 0;    ///< in the pool
};

/// What the kernel says of registers: the pool of setmaxnreg.
struct RegisterLimits {
  uint32_t perThread = 0; ///< .maxnreg
  uint32_t blocks = 0;    ///< .minnctapersm
  bool known = false;     ///< something bounds them
};

struct WgmmaProgram; // Wgmma.h

constexpr uint32_t reservedSharedBytes = 1024; ///< what a driver keeps for itself, and cooperative groups use

struct Program {
  std::vector<Op> code;
  std::vector<uint32_t> source;   ///< per operation: its line of the PTX
  std::vector<uint32_t> location; ///< per operation: 1 + index of its `.loc`, or 0
  std::vector<uint32_t> side;
  std::vector<std::unique_ptr<std::string>> names; ///< of registers, for messages
  std::vector<Constant> constants;
  uint32_t constantBytes = 0;
  std::vector<FunctionCode> functions; ///< the kernel first
  std::vector<Region> shared;          ///< with gaps, from sharedBase on
  uint32_t sharedBytes = 0;            ///< static part with gaps
  uint32_t staticSharedBytes = 0;      ///< without gaps
  uint32_t reservedShared = 0; ///< where the system's memory in shared space lies; 0: nothing names it
  uint32_t dynamicAlign = 16;
  bool usesDynamicShared = false;
  bool usesClusterBarrier = false, usesClusterRegisters = false;
  bool pollsMemory = false; ///< loads that may synchronise: what they show, nobody else knows
  bool usesAsync = false; ///< mbarriers or bulk copies: stores to shared memory are watched
  std::string dynamicName;
  std::shared_ptr<WgmmaProgram> wgmma; ///< where there are such instructions
  RegisterLimits registers;
  uint32_t stackFrameBytes = 0; ///< registers over the deepest chain of calls
  uint32_t stackLocalBytes = 0;
};

/// Which of its two sets of memory handlers a program uses.
struct Policy {
  bool checks = true;
  bool counts = false;
};

} // namespace cameo::ptx

#endif
