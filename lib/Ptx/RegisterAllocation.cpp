// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Liveness, definite assignment, linear scan. Lanes that diverge run different blocks with the same
// frame, but each lane only sees its own column, so intervals of the sequential program are enough.
#include "RegisterAllocation.h"

#include <algorithm>
#include <map>
#include <numeric>

namespace cameo::ptx {

bool hasDestination(std::string_view opcode) {
  static constexpr std::string_view without[] = {
      "st", "red", "bar", "barrier", "bra", "brx", "call", "ret", "exit", "trap", "membar",
      "fence", "cp", "prefetch", "prefetchu", "stmatrix", "nanosleep", "discard",
      "applypriority", "griddepcontrol", "brkpt", "pmevent"};
  return std::find(std::begin(without), std::end(without), opcode) == std::end(without);
}

Undefined useOfUndefined(const Instruction &instruction) {
  static constexpr std::string_view carrying[] = {
      "abs", "add", "addc", "and", "bfe", "bfi", "bfind", "bmsk", "brev", "clz", "cnot", "copysign",
      "cos", "cvt", "cvta", "div", "dp2a", "dp4a", "ex2", "fma", "fns", "lg2", "lop3", "mad", "mad24",
      "madc", "max", "min", "mul", "mul24", "neg", "not", "or", "popc", "prmt", "rcp", "rem", "rsqrt",
      "sad", "selp", "set", "setp", "shf", "shfl", "shl", "shr", "sin", "slct", "sqrt", "sub", "subc",
      "szext", "tanh", "testp", "xor"};
  auto isRegister = [](const Operand &o) { return o.kind == Operand::Kind::Register; };
  if (instruction.opcode == "mov")
    return instruction.operands.size() == 2 && isRegister(instruction.operands[0]) &&
                   isRegister(instruction.operands[1])
               ? Undefined::Carries : Undefined::Launders;
  return std::find(std::begin(carrying), std::end(carrying), instruction.opcode) != std::end(carrying)
             ? Undefined::Carries : Undefined::Decides;
}

Space spaceOf(const Instruction &instruction) {
  for (std::string_view modifier : instruction.modifiers) {
    if (modifier == ".shared" || modifier == ".shared::cta")
      return Space::Shared;
    if (modifier == ".local" || modifier.substr(0, 6) == ".param")
      return Space::Local;
    if (modifier == ".global" || modifier == ".const" || modifier == ".nc" || modifier == ".shared::cluster")
      return Space::Global;
  }
  return Space::Generic;
}

bool loadsLocal(const Instruction &instruction) {
  if (instruction.opcode != "ld" || instruction.operands.size() < 2)
    return false;
  Space space = spaceOf(instruction);
  return space == Space::Local || space == Space::Generic;
}

bool isForDebugger(std::string_view target) { return target.find("debug") != std::string_view::npos; }

namespace {

using Bits = std::vector<uint64_t>;
bool test(const Bits &b, uint32_t i) { return b[i / 64] >> (i % 64) & 1; }
void set(Bits &b, uint32_t i) { b[i / 64] |= uint64_t(1) << (i % 64); }

template <typename F> void visitOperand(const Operand &operand, bool write, F &f) {
  switch (operand.kind) {
  case Operand::Kind::Register: f(static_cast<uint32_t>(operand.reg), write); break;
  case Operand::Kind::Address:
    if (operand.reg >= 0)
      f(static_cast<uint32_t>(operand.reg), false);
    for (const Operand &e : operand.elements)
      visitOperand(e, false, f);
    break;
  default:
    for (const Operand &e : operand.elements)
      visitOperand(e, write, f);
  }
}

} // namespace

static bool isWgmma(const Instruction &instruction) {
  return instruction.opcode == "wgmma" && !instruction.modifiers.empty() &&
         instruction.modifiers[0] == ".mma_async";
}

template <typename F> static void forEachRegister(const Instruction &instruction, F f) {
  // bar.red is the one barrier that has a result.
  bool destination = hasDestination(instruction.opcode);
  if ((instruction.opcode == "bar" || instruction.opcode == "barrier") &&
      std::find(instruction.modifiers.begin(), instruction.modifiers.end(), ".red") !=
          instruction.modifiers.end())
    destination = true;
  // wgmma adds to what it writes.
  if (isWgmma(instruction) && !instruction.operands.empty())
    visitOperand(instruction.operands[0], false, f);
  // Reads first: an instruction may read what it writes.
  for (size_t i = destination ? 1 : 0; i < instruction.operands.size(); ++i)
    visitOperand(instruction.operands[i], false, f);
  if (instruction.predicate >= 0)
    f(static_cast<uint32_t>(instruction.predicate), false);
  if (destination && !instruction.operands.empty())
    visitOperand(instruction.operands[0], true, f);
}

namespace {

struct BasicBlock {
  uint32_t begin = 0, end = 0;
  std::vector<uint32_t> successors;
  Bits liveIn, liveOut, reads, writes; // reads: before any write of the block
  Bits definedIn, defines;
};

class Allocator {
public:
  Allocator(const Function &function, uint32_t begin, bool debug)
      : function(function), debug(debug), words((function.registers.size() + 63) / 64 + 1) {
    result.frameBytes = begin;
  }

  Allocated run() {
    findBlocks();
    pinAsyncOperands();
    for (BasicBlock &b : blocks)
      scanBlock(b);
    solveLiveness();
    solveDefined();
    makeIntervals();
    scan();
    return std::move(result);
  }

private:
  void findBlocks();
  void addSuccessors(BasicBlock &block, const Instruction &last);
  void scanBlock(BasicBlock &block);
  void pinAsyncOperands();
  void solveLiveness();
  void solveDefined();
  void makeIntervals();
  void scan();

  struct Interval {
    uint32_t reg, begin, end;
  };
  const Function &function;
  bool debug;
  size_t words;
  std::vector<BasicBlock> blocks;
  std::vector<uint32_t> blockOf;
  std::vector<Interval> intervals;
  Allocated result;
};

bool endsBlock(const Instruction &i) {
  return i.opcode == "bra" || i.opcode == "brx" || i.opcode == "ret" || i.opcode == "exit" ||
         i.opcode == "trap";
}

void Allocator::findBlocks() {
  uint32_t n = static_cast<uint32_t>(function.body.size());
  std::vector<bool> leader(n + 1, false);
  leader[0] = true;
  for (auto &[name, index] : function.labels)
    leader[std::min(index, n)] = true;
  for (uint32_t i = 0; i < n; ++i)
    if (endsBlock(function.body[i]))
      leader[i + 1] = true;
  blockOf.assign(n + 1, 0);
  for (uint32_t i = 0; i < n; ++i) {
    if (leader[i]) {
      blocks.emplace_back();
      blocks.back().begin = i;
    }
    blocks.back().end = i + 1;
    blockOf[i] = static_cast<uint32_t>(blocks.size() - 1);
  }
  blockOf[n] = static_cast<uint32_t>(blocks.size());
  for (BasicBlock &b : blocks)
    addSuccessors(b, function.body[b.end - 1]);
}

void Allocator::addSuccessors(BasicBlock &block, const Instruction &last) {
  auto add = [&](uint32_t index) {
    if (blockOf[index] < blocks.size())
      block.successors.push_back(blockOf[index]);
  };
  auto addLabel = [&](std::string_view label) {
    auto it = function.labels.find(label);
    if (it != function.labels.end())
      add(it->second);
  };
  bool falls = !endsBlock(last) || last.predicate >= 0;
  if (last.opcode == "bra" && !last.operands.empty()) {
    addLabel(last.operands[0].name);
  } else if (last.opcode == "brx" && last.operands.size() > 1) {
    auto targets = function.branchTargets.find(last.operands[1].name);
    if (targets != function.branchTargets.end())
      for (std::string_view label : targets->second)
        addLabel(label);
  }
  if (falls)
    add(block.end);
}

void Allocator::scanBlock(BasicBlock &b) {
  for (Bits *bits : {&b.liveIn, &b.liveOut, &b.reads, &b.writes, &b.definedIn, &b.defines})
    bits->assign(words, 0);
  for (uint32_t i = b.begin; i < b.end; ++i) {
    const Instruction &instruction = function.body[i];
    bool sure = instruction.predicate < 0;
    forEachRegister(instruction, [&](uint32_t reg, bool write) {
      if (!write) {
        if (!test(b.writes, reg))
          set(b.reads, reg);
      } else if (sure) {
        set(b.writes, reg);
        set(b.defines, reg);
      } else if (!test(b.writes, reg)) {
        // A write under a predicate keeps the other lanes: it reads, too.
        set(b.reads, reg);
      }
    });
  }
}

void Allocator::solveLiveness() {
  for (bool changed = true; changed;) {
    changed = false;
    for (size_t i = blocks.size(); i-- > 0;) {
      BasicBlock &b = blocks[i];
      for (size_t w = 0; w < words; ++w) {
        uint64_t out = 0;
        for (uint32_t s : b.successors)
          out |= blocks[s].liveIn[w];
        b.liveOut[w] = out;
        uint64_t in = b.reads[w] | (out & ~b.writes[w]);
        changed |= in != b.liveIn[w];
        b.liveIn[w] = in;
      }
    }
  }
}

/// Forward, all paths; what is read where it is not surely defined is tracked when it runs.
void Allocator::solveDefined() {
  result.maybeUndefined.assign(function.registers.size(), false);
  for (size_t i = 1; i < blocks.size(); ++i)
    blocks[i].definedIn.assign(words, ~uint64_t(0));
  std::vector<std::vector<uint32_t>> predecessors(blocks.size());
  for (uint32_t i = 0; i < blocks.size(); ++i)
    for (uint32_t s : blocks[i].successors)
      predecessors[s].push_back(i);
  for (bool changed = true; changed;) {
    changed = false;
    for (size_t i = 1; i < blocks.size(); ++i)
      for (size_t w = 0; w < words; ++w) {
        uint64_t in = ~uint64_t(0);
        for (uint32_t p : predecessors[i])
          in &= blocks[p].definedIn[w] | blocks[p].defines[w];
        changed |= in != blocks[i].definedIn[w];
        blocks[i].definedIn[w] = in;
      }
  }
  for (BasicBlock &b : blocks) {
    Bits defined = b.definedIn;
    for (uint32_t i = b.begin; i < b.end; ++i)
      forEachRegister(function.body[i], [&](uint32_t reg, bool write) {
        if (!write && !test(defined, reg))
          result.maybeUndefined[reg] = true;
        if (write && function.body[i].predicate < 0)
          set(defined, reg);
      });
  }
  for (const Instruction &i : function.body)
    if (debug && loadsLocal(i))
      forEachRegister(i, [&](uint32_t reg, bool write) {
        if (write)
          result.maybeUndefined[reg] = true;
      });
  // And what is computed from them.
  result.undefinedOrigin.resize(function.registers.size());
  std::iota(result.undefinedOrigin.begin(), result.undefinedOrigin.end(), 0u);
  for (bool changed = true; changed;) {
    changed = false;
    for (const Instruction &i : function.body) {
      if (useOfUndefined(i) != Undefined::Carries)
        continue;
      uint32_t source = ~0u;
      forEachRegister(i, [&](uint32_t reg, bool write) {
        if (!write && result.maybeUndefined[reg])
          source = reg;
        if (!write || source == ~0u || result.maybeUndefined[reg])
          return;
        result.maybeUndefined[reg] = true;
        result.undefinedOrigin[reg] = result.undefinedOrigin[source];
        changed = true;
      });
    }
  }
}

/// Fragments belong to a wgmma until a wait: to the end, as far as slots are concerned.
void Allocator::pinAsyncOperands() {
  result.pinned.assign(function.registers.size(), false);
  for (const Instruction &instruction : function.body)
    for (size_t i = 0; isWgmma(instruction) && i < std::min<size_t>(2, instruction.operands.size()); ++i)
      for (const Operand &e : instruction.operands[i].elements)
        if (e.kind == Operand::Kind::Register)
          result.pinned[static_cast<size_t>(e.reg)] = true;
  // What is moved out of them may be the result before it is there.
  for (bool changed = true; changed;) {
    changed = false;
    for (const Instruction &instruction : function.body) {
      if (instruction.opcode != "mov")
        continue;
      bool from = false;
      forEachRegister(instruction, [&](uint32_t reg, bool write) { from = from || (!write && result.pinned[reg]); });
      forEachRegister(instruction, [&](uint32_t reg, bool write) {
        changed = changed || (from && write && !result.pinned[reg]);
        if (from && write)
          result.pinned[reg] = true;
      });
    }
  }
}

void Allocator::makeIntervals() {
  size_t n = function.registers.size();
  std::vector<uint32_t> first(n, ~0u), last(n, 0);
  auto extend = [&](uint32_t reg, uint32_t at) {
    first[reg] = std::min(first[reg], at);
    last[reg] = std::max(last[reg], at);
  };
  for (BasicBlock &b : blocks) {
    for (uint32_t r = 0; r < n; ++r) {
      if (test(b.liveIn, r))
        extend(r, 2 * b.begin);
      if (test(b.liveOut, r))
        extend(r, 2 * b.end);
    }
    for (uint32_t i = b.begin; i < b.end; ++i)
      // Reads at 2i, writes at 2i+1; a written register also counts from 2i on, so that an
      // instruction of several parts never writes what it still has to read.
      forEachRegister(function.body[i], [&](uint32_t reg, bool write) {
        extend(reg, 2 * i + (write ? 1 : 0));
        if (write && function.body[i].operands.size() &&
            function.body[i].operands[0].kind != Operand::Kind::Register)
          extend(reg, 2 * i);
      });
  }
  for (uint32_t r = 0; r < n; ++r)
    if (result.pinned[r] && first[r] != ~0u)
      first[r] = 0, last[r] = 2 * static_cast<uint32_t>(function.body.size());
  for (uint32_t r = 0; r < n; ++r)
    if (first[r] != ~0u)
      intervals.push_back({r, first[r], last[r]});
  std::sort(intervals.begin(), intervals.end(), [](const Interval &a, const Interval &b) {
    return a.begin != b.begin ? a.begin < b.begin : a.reg < b.reg;
  });
}

uint32_t slotBytes(Type type) {
  if (type == Type::Pred)
    return 4;
  unsigned bytes = sizeOf(type);
  return bytes <= 2 ? 64 : bytes * 32;
}

void Allocator::scan() {
  std::map<uint32_t, std::vector<uint32_t>> freeSlots; // by size
  std::multimap<uint32_t, uint32_t> active;            // end -> register
  result.slot.assign(function.registers.size(), 0);
  uint32_t top = (result.frameBytes + 63) & ~63u, predTop = 0, predEnd = 0;
  for (const Interval &interval : intervals) {
    while (!active.empty() && active.begin()->first < interval.begin) {
      uint32_t reg = active.begin()->second;
      freeSlots[slotBytes(function.registers[reg])].push_back(result.slot[reg]);
      active.erase(active.begin());
    }
    uint32_t bytes = slotBytes(function.registers[interval.reg]);
    auto &candidates = freeSlots[bytes];
    if (!candidates.empty()) {
      result.slot[interval.reg] = candidates.back();
      candidates.pop_back();
    } else if (bytes == 4) {
      if (predTop == predEnd) {
        predTop = top;
        predEnd = top += 64;
      }
      result.slot[interval.reg] = predTop;
      predTop += 4;
    } else {
      result.slot[interval.reg] = top;
      top += bytes;
    }
    active.emplace(interval.end, interval.reg);
  }
  result.frameBytes = top;
}

} // namespace

uint64_t allocationBytes(const Function &function) {
  uint64_t blocks = function.labels.size() + 1;
  for (const Instruction &i : function.body)
    blocks += endsBlock(i);
  return blocks * 6 * (function.registers.size() / 8 + 16);
}

Allocated allocateRegisters(const Function &function, uint32_t begin, bool debug) {
  if (function.body.empty()) {
    Allocated none;
    none.frameBytes = begin;
    none.slot.assign(function.registers.size(), 0);
    none.maybeUndefined.assign(function.registers.size(), false);
    none.pinned.assign(function.registers.size(), false);
    return none;
  }
  return Allocator(function, begin, debug).run();
}

} // namespace cameo::ptx
