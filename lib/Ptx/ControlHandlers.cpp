// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Branches, calls, returns and predication. A branch on which the lanes disagree ends the inner
// loop; the scheduler makes two groups of the one. Predicated instructions that can block or leave
// (exit, call, barriers) are decoded as a branch around them and never come here predicated.
#include "Handlers.h"

#include <algorithm>
#include <bit>

namespace cameo::ptx {

void runPredicated(Exec &x, const Op &op) {
  uint32_t bits = x.predicate(op.pred);
  if (op.flags & FlagPredNegated)
    bits = ~bits;
  uint32_t before = x.mask, active = before & bits;
  if (active == before) {
    op.inner(x, op);
  } else if (active) {
    x.setMask(active);
    op.inner(x, op);
    x.setMask(before);
  }
}

namespace {

void branch(Exec &x, const Op &op) { x.ip = x.program->code.data() + op.imm; }

void branchIf(Exec &x, const Op &op) {
  uint32_t bits = x.predicate(op.pred);
  if (op.flags & FlagPredNegated)
    bits = ~bits;
  uint32_t taken = x.mask & bits;
  const Op *target = x.program->code.data() + op.imm;
  if (taken == x.mask) {
    x.ip = target;
  } else if (taken) {
    x.splitMask = taken;
    x.splitIp = target;
    if (x.counts)
      ++x.counts->divergentBranches;
    x.stop(Pause::Split);
  }
}

/// bra.uni: all lanes have to agree.
void branchUniform(Exec &x, const Op &op) {
  uint32_t bits = x.predicate(op.pred);
  if (op.flags & FlagPredNegated)
    bits = ~bits;
  uint32_t taken = x.mask & bits;
  if (taken && taken != x.mask && x.launch->checks)
    report(x, op, FindingKind::Divergence, taken, 0, 0,
           "threads of one warp disagree on a branch that is marked .uni",
           "drop .uni, or make the predicate the same for all threads of the warp");
  branchIf(x, op);
}

/// brx.idx: `side` has the number of targets and then the targets. One target at a time is split
/// off; the others come here again.
void branchIndexed(Exec &x, const Op &op) {
  const uint32_t *index = x.at<uint32_t>(op.a), *side = x.side(op);
  unsigned lead = static_cast<unsigned>(std::countr_zero(x.mask));
  uint32_t chosen = index[lead], same = 0;
  for (unsigned i = 0; i < lanes; ++i)
    same |= static_cast<uint32_t>(index[i] == chosen) << i;
  same &= x.mask;
  if (chosen >= side[0]) {
    report(x, op, FindingKind::OutOfBounds, same, chosen, 4,
           "index " + std::to_string(chosen) + " of brx.idx is beyond its " +
               std::to_string(side[0]) + " targets",
           "check the index before the branch");
    stopLaunch(x);
  }
  const Op *target = x.program->code.data() + side[1 + chosen];
  if (same == x.mask) {
    x.ip = target;
    return;
  }
  x.ip = &op;
  x.splitMask = same;
  x.splitIp = target;
  x.stop(Pause::Split);
}

void trap(Exec &x, const Op &op) {
  report(x, op, FindingKind::Trap, x.mask, 0, 0, "the kernel executed trap",
         "an assertion of the kernel failed; see what leads there");
  stopLaunch(x);
}

void exitThreads(Exec &x, const Op &) { x.stop(Pause::Exit); }

/// `imm`: the function; `a`, `b`: where its registers are, and how far each level lies; `side`: number of copies, then {from, to, bytes} in local memory, `to`
/// counted from the callee's locals.
void copyLocal(Exec &x, uint64_t from, uint64_t to, uint32_t bytes) {
  uint64_t stride = x.program->stackLocalBytes;
  for (unsigned i = 0; i < lanes; ++i) {
    if (!(x.mask >> i & 1))
      continue;
    std::memcpy(x.warp->local + i * stride + to, x.warp->local + i * stride + from, bytes);
    uint8_t *shadow = x.warp->localShadow;
    for (uint32_t b = 0; b < bytes; ++b) {
      uint64_t s = i * stride + from + b, d = i * stride + to + b;
      uint8_t bit = static_cast<uint8_t>(0x11 << (d & 3));
      bool written = shadow[s / 4] & (0x11 << (s & 3));
      shadow[d / 4] = static_cast<uint8_t>(written ? shadow[d / 4] | bit : shadow[d / 4] & ~bit);
    }
  }
}

void callFunction(Exec &x, const Op &op) {
  Group &g = *x.group;
  const FunctionCode &caller = x.program->functions[g.function];
  const FunctionCode &callee = x.program->functions[static_cast<size_t>(op.imm)];
  // Lanes that parted may be in different functions: each function has registers of its own (and each level, where
  // functions call themselves), so that lanes of one never lie in those of another.
  uint64_t frame = op.a + uint64_t(op.b) * (g.frames.size() + 1);
  uint32_t local = g.localOffset + caller.localBytes;
  if (frame + callee.frameBytes > x.program->stackFrameBytes ||
      local + callee.localBytes > x.program->stackLocalBytes) {
    report(x, op, FindingKind::Stack, x.mask, 0, 0,
           "the call stack is exhausted in '" + callee.name + "'",
           "bound the recursion; the machine keeps 64 frames");
    stopLaunch(x);
  }
  const uint32_t *side = x.side(op);
  for (uint32_t i = 0; i < side[0]; ++i)
    copyLocal(x, g.localOffset + side[1 + 3 * i], local + side[2 + 3 * i], side[3 + 3 * i]);
  g.frames.push_back({&op, g.frameBase, g.localOffset, g.function});
  g.frameBase = static_cast<uint32_t>(frame);
  g.localOffset = local;
  g.function = static_cast<uint32_t>(op.imm);
  x.base[BaseFrame] = x.warp->registers + frame;
  x.ip = x.program->code.data() + callee.entry;
}

/// A call through a register that points to none of the functions that it may.
void callUnknown(Exec &x, const Op &op) {
  report(x, op, FindingKind::OutOfBounds, x.mask, x.at<uint64_t>(op.a)[std::countr_zero(x.mask)], 8,
         "a call through a register that holds the address of no function with these parameters",
         "see where the register comes from; a table of functions may be uninitialised or overrun");
  stopLaunch(x);
}

/// After the argument copies `side` has the result copies: number, {from the callee, to, bytes}.
void returnFromFunction(Exec &x, const Op &) {
  Group &g = *x.group;
  if (g.frames.empty()) {
    x.stop(Pause::Exit);
    return;
  }
  Frame frame = g.frames.back();
  g.frames.pop_back();
  const uint32_t *side = x.side(*frame.call);
  side += 1 + 3 * side[0];
  for (uint32_t i = 0; i < side[0]; ++i)
    copyLocal(x, g.localOffset + side[1 + 3 * i], frame.localOffset + side[2 + 3 * i],
              side[3 + 3 * i]);
  g.frameBase = frame.frameBase;
  g.localOffset = frame.localOffset;
  g.function = frame.function;
  x.base[BaseFrame] = x.warp->registers + g.frameBase;
  x.ip = frame.call + 1;
}

void reportUndefined(Exec &x, const Op &op, uint32_t mask, const char *what) {
  report(x, op, FindingKind::UninitRegister, mask, 0, 0, "register " + std::string(what),
         "write the register on every path that leads here");
}

/// The address of a lane: register (or none) and offset.
uint64_t addressOf(const Exec &x, const Op &op, uint32_t base, unsigned lane) {
  uint64_t address = static_cast<uint64_t>(op.imm);
  if (base != noOperand)
    address += op.flags & FlagAddress32 ? x.at<uint32_t>(base)[lane] : x.at<uint64_t>(base)[lane];
  return address;
}

/// A read of a register that some path has not written: `a` is its mask of written lanes.
void checkDefined(Exec &x, const Op &op) {
  if (uint32_t bad = x.mask & ~x.predicate(op.a))
    reportUndefined(x, op, bad, reinterpret_cast<const char *>(op.imm));
}
void markDefined(Exec &x, const Op &op) { x.predicate(op.a) |= x.mask; }
void markUndefined(Exec &x, const Op &op) { x.predicate(op.a) &= ~x.mask; }

/// What was computed from `b` is as defined as that.
void carryUndefined(Exec &x, const Op &op) { x.predicate(op.a) &= ~x.mask | x.predicate(op.b); }

/// selp is as defined as what it selects: `b` where the predicate `c` holds, else `d`; those that have no mask are defined.
void selectDefined(Exec &x, const Op &op) {
  auto lanesOf = [&](uint32_t mask) { return mask == noOperand ? ~0u : x.predicate(mask); };
  uint32_t chosen = x.predicate(op.c) ^ (op.imm ? ~0u : 0u);
  uint32_t ok = (lanesOf(op.b) & chosen) | (lanesOf(op.d) & ~chosen);
  uint32_t &mask = x.predicate(op.a);
  mask = (mask & ~x.mask) | (ok & x.mask);
}

/// A store to shared memory of a register that was not written: its bytes count as unwritten. `a` and `imm`: the
/// address of the element, `b`: the register's mask.
void spoilShared(Exec &x, const Op &op) {
  for (uint32_t bad = x.mask & ~x.predicate(op.b); bad; bad &= bad - 1) {
    unsigned i = static_cast<unsigned>(std::countr_zero(bad));
    clearWritten(x.block->sharedShadow, addressOf(x, op, op.a, i) - sharedBase, op.size);
  }
}

/// The same of a thread's own memory: locals, and what it gives to a function or returns.
void spoilLocal(Exec &x, const Op &op) {
  for (uint32_t bad = x.mask & ~x.predicate(op.b); bad; bad &= bad - 1) {
    unsigned i = static_cast<unsigned>(std::countr_zero(bad));
    uint64_t address = addressOf(x, op, op.a, i);
    clearWritten(x.warp->localShadow, i * uint64_t(x.program->stackLocalBytes) + address, op.size);
  }
}

/// The same where the address says whose memory it is. What leaves the block has to be written.
void spoilGeneric(Exec &x, const Op &op) {
  uint32_t leaves = 0;
  for (uint32_t bad = x.mask & ~x.predicate(op.b); bad; bad &= bad - 1) {
    unsigned i = static_cast<unsigned>(std::countr_zero(bad));
    uint64_t address = addressOf(x, op, op.a, i), offset = address & ~windowMask;
    if ((address & windowMask) == localWindow)
      clearWritten(x.warp->localShadow, i * uint64_t(x.program->stackLocalBytes) + offset, op.size);
    else if ((address & windowMask) == sharedWindow && offset >> 32 == 0 && offset < sharedBase + x.launch->sharedBytes)
      clearWritten(x.block->sharedShadow, offset - sharedBase, op.size);
    else
      leaves |= 1u << i;
  }
  if (leaves)
    reportUndefined(x, op, leaves, x.program->names[op.extra]->c_str());
}

/// Before a load from memory of the thread: the lanes whose bytes there were written. `a`: the mask of the register
/// that it fills; `b` and `imm`: the address.
void markLoaded(Exec &x, const Op &op) {
  uint64_t stride = x.program->stackLocalBytes;
  uint32_t written = 0;
  for (uint32_t rest = x.mask; rest; rest &= rest - 1) {
    unsigned i = static_cast<unsigned>(std::countr_zero(rest));
    uint64_t address = addressOf(x, op, op.b, i);
    bool local = op.space != Space::Generic || (address & windowMask) == localWindow;
    address &= ~windowMask;
    bool some = !local || address + op.size > stride; // what is half there is a structure with padding, or bit fields
    for (uint32_t b = 0; !some && b < op.size; ++b)
      some = isWritten(x.warp->localShadow, i * stride + address + b, 1);
    written |= uint32_t(some) << i;
  }
  uint32_t &mask = x.predicate(op.a);
  mask = (mask & ~x.mask) | written;
}

} // namespace

void controlRows(HandlerRows &rows) {
  rows.push_back({"bra", &branch});
  rows.push_back({"bra.if", &branchIf});
  rows.push_back({"bra.uni.if", &branchUniform});
  rows.push_back({"brx.idx", &branchIndexed});
  rows.push_back({"trap", &trap});
  rows.push_back({"exit", &exitThreads});
  rows.push_back({"call", &callFunction});
  rows.push_back({"call.unknown", &callUnknown});
  rows.push_back({"ret", &returnFromFunction});
  rows.push_back({"check.defined", &checkDefined});
  rows.push_back({"mark.defined", &markDefined});
  rows.push_back({"mark.undefined", &markUndefined});
  rows.push_back({"carry.undefined", &carryUndefined});
  rows.push_back({"select.defined", &selectDefined});
  rows.push_back({"spoil.shared", &spoilShared});
  rows.push_back({"spoil.local", &spoilLocal});
  rows.push_back({"spoil.generic", &spoilGeneric});
  rows.push_back({"mark.loaded", &markLoaded});
}

} // namespace cameo::ptx
