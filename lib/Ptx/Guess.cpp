// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// `old = *p; do seen = old; while ((old = atomicCAS(p, seen, f(seen))) != seen);` where atomicCAS is a function that is
// called, as nvcc -G has it: the swap proves what the plain load guessed, so that the load counts as relaxed. The value
// and the pointer are followed in the order of the text through moves, memory of the thread and parameters of calls.
// What goes another way is a plain load, as before.
#include "Decode.h"

#include <algorithm>
#include <set>

namespace cameo::ptx {
namespace {

constexpr size_t mostFollowed = 160; ///< instructions behind the load
constexpr unsigned mostDepth = 3;    ///< calls
using Kind = Operand::Kind;

/// Registers and places in memory that hold something, by their names in one function.
class Holders {
public:
  void add(const Operand &o) { names.insert(nameOf(o)); }
  bool has(const Operand &o) const { return names.count(nameOf(o)); }
  bool empty() const { return names.empty(); }
  /// `to` becomes what `from` is.
  void move(const Operand &to, const Operand &from) {
    if (has(from))
      names.insert(nameOf(to));
    else
      names.erase(nameOf(to));
  }

private:
  static std::string nameOf(const Operand &o) {
    std::string text = o.kind == Kind::Register ? "r" + std::to_string(o.reg) : "m";
    if (o.kind == Kind::Register)
      return text;
    text += o.kind == Kind::Address && o.reg >= 0 ? "r" + std::to_string(o.reg) : std::string(o.name);
    return text + "+" + std::to_string(o.value);
  }
  std::set<std::string> names;
};

Operand place(std::string_view name) {
  Operand o;
  o.kind = Kind::Address, o.name = name, o.reg = -1, o.value = 0;
  return o;
}

const Function *callee(const ModuleAst &module, const Instruction &call, const Operand *&arguments) {
  for (size_t i = 0; i < call.operands.size(); ++i)
    if (call.operands[i].kind == Kind::Symbol) {
      arguments = i + 1 < call.operands.size() ? &call.operands[i + 1] : nullptr;
      for (const Function &f : module.functions)
        if (f.name == call.operands[i].name && !f.isEntry && !f.isDeclaration)
          return &f;
    }
  return nullptr;
}

/// Whether a swap compares `value` with what `pointer` points to, `offset` bytes behind it.
bool swaps(const ModuleAst &module, const Function &function, size_t begin, Holders value, Holders pointer, int64_t offset,
           unsigned depth) {
  size_t end = std::min(begin + mostFollowed, function.body.size());
  for (size_t at = begin; at < end; ++at) {
    const Instruction &i = function.body[at];
    const auto &o = i.operands;
    if (i.opcode == "atom" && o.size() >= 4 && o[1].kind == Kind::Address && o[1].reg >= 0 && o[1].value == offset) {
      Operand base = o[1];
      base.kind = Kind::Register;
      if (pointer.has(base) && value.has(o[2]))
        return true;
    }
    if ((i.opcode == "mov" || i.opcode == "ld") && o.size() == 2 && o[0].kind == Kind::Register) {
      value.move(o[0], o[1]), pointer.move(o[0], o[1]);
    } else if (i.opcode == "st" && o.size() == 2 && o[0].kind == Kind::Address) {
      value.move(o[0], o[1]), pointer.move(o[0], o[1]);
    } else if (i.opcode == "call" && depth < mostDepth) {
      const Operand *arguments = nullptr;
      const Function *f = callee(module, i, arguments);
      Holders values, pointers;
      for (size_t k = 0; f && arguments && k < std::min(arguments->elements.size(), f->params.size()); ++k) {
        Operand given = place(arguments->elements[k].name);
        if (value.has(given))
          values.add(place(f->params[k].name));
        if (pointer.has(given))
          pointers.add(place(f->params[k].name));
      }
      if (!values.empty() && !pointers.empty() && swaps(module, *f, 0, values, pointers, offset, depth + 1))
        return true;
    }
  }
  return false;
}

} // namespace

bool isGuessOfCall(const ModuleAst &module, const Function &function, const Instruction &load) {
  const auto &o = load.operands;
  if (load.opcode != "ld" || o.size() != 2 || o[0].kind != Kind::Register || o[1].kind != Kind::Address || o[1].reg < 0)
    return false;
  size_t next = static_cast<size_t>(&load - function.body.data()) + 1, end = std::min(next + mostFollowed, function.body.size());
  bool calls = std::any_of(function.body.begin() + static_cast<long>(next), function.body.begin() + static_cast<long>(end),
                           [](const Instruction &i) { return i.opcode == "call"; });
  if (!calls)
    return false;
  Holders value, pointer;
  Operand base = o[1];
  base.kind = Kind::Register;
  value.add(o[0]), pointer.add(base);
  return swaps(module, function, next, std::move(value), std::move(pointer), o[1].value, 0);
}

} // namespace cameo::ptx
