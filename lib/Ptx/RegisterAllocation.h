// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Compilers write PTX with a register per value: thousands, of which a hundred live at a time. At
// 128 bytes each they would fall out of every cache, so they are packed into slots: liveness over
// the control flow, an interval per register, linear scan. The same walk finds registers that some
// path reads before it writes them; only those are tracked at run time.
#ifndef CAMEO_LIB_PTX_REGISTERALLOCATION_H
#define CAMEO_LIB_PTX_REGISTERALLOCATION_H

#include "Ast.h"

namespace cameo::ptx {

struct Allocated {
  std::vector<uint32_t> slot;       ///< per register: byte offset in the frame
  std::vector<bool> maybeUndefined; ///< read where not every path has written it, or computed from one
  std::vector<uint32_t> undefinedOrigin; ///< of those: the register that the value came from
  std::vector<bool> pinned; ///< named by a wgmma, which uses it later: shares its slot with none
  uint32_t frameBytes = 0;
};

/// False for instructions whose first operand is read, as `st`.
bool hasDestination(std::string_view opcode);

/// What an instruction does with a register that nothing was written to. Compilers compute with such values, and
/// then select, shuffle or store something else: only what decides (a branch, an address, a result) has to be defined.
enum class Undefined {
  Decides,  ///< it may not read one
  Carries,  ///< its result is undefined, then
  Launders, ///< vectors that are put together or taken apart
};
Undefined useOfUndefined(const Instruction &instruction);

/// The space of an ld or st as its modifiers have it; parameters of functions lie on the stack.
Space spaceOf(const Instruction &instruction);

/// A load from memory of the thread, as far as the text says: where a module is compiled for a debugger, structures
/// with members that nobody has set are copied through it, so that it carries as a move does.
bool loadsLocal(const Instruction &instruction);

/// `.target sm_80, debug`: nvcc -G, with every variable in memory.
bool isForDebugger(std::string_view target);

/// What the allocation itself takes, at most: sets of registers per basic block.
uint64_t allocationBytes(const Function &function);
/// `begin`: first free byte of the frame; `debug`: of a module for a debugger. Branches to unknown labels have been
/// refused before.
Allocated allocateRegisters(const Function &function, uint32_t begin, bool debug);

} // namespace cameo::ptx

#endif
