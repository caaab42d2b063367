// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Merges read one element too many: CUB's loads the next key of a list before it asks whether there is one, compares,
// and combines the comparison with that question. Whatever lies behind the list is never chosen. So a load from shared
// memory that nothing has written is no finding where, by the text of the function, its value is only moved, chosen by selp,
// and compared in comparisons that are all combined with other conditions. Any other use of a register that
// holds it (arithmetic, an address, a branch on the bare comparison, a store) leaves the finding.
#include "ModuleImpl.h"

#include <algorithm>
#include <set>

namespace cameo::ptx {
namespace {

using Kind = Operand::Kind;
bool isRegister(const Operand &o) { return o.kind == Kind::Register; }
bool has(const Instruction &i, std::string_view modifier) {
  return std::find(i.modifiers.begin(), i.modifiers.end(), modifier) != i.modifiers.end();
}

/// What one function does with a value, by the names of its registers.
class Uses {
public:
  explicit Uses(const Function &function) : function(function) {}

  bool areChoices(int32_t reg) {
    follow(reg);
    while (!todo.empty()) {
      int32_t next = todo.back();
      todo.pop_back();
      for (const Instruction &i : function.body)
        if (!allows(i, next))
          return false;
    }
    return combined;
  }

private:
  void follow(int32_t reg) {
    if (seen.insert(reg).second)
      todo.push_back(reg);
  }
  static bool names(const Operand &o, int32_t reg) {
    return ((isRegister(o) || o.kind == Kind::Address) && o.reg == reg) ||
           std::any_of(o.elements.begin(), o.elements.end(), [&](const Operand &e) { return names(e, reg); });
  }

  bool allows(const Instruction &i, int32_t reg) {
    bool guards = i.predicate == reg, reads = guards, first = !i.operands.empty() && names(i.operands[0], reg);
    for (size_t k = 1; k < i.operands.size(); ++k)
      reads |= names(i.operands[k], reg);
    // What has no destination reads its first operand.
    if (!reads && (!first || (i.opcode != "st" && isRegister(i.operands[0]))))
      return true;
    if (guards || i.operands.size() < 2 || !isRegister(i.operands[0]))
      return false;
    int32_t to = i.operands[0].reg;
    if (i.opcode == "selp" && i.operands.size() == 4 && !names(i.operands[3], reg))
      return combined = true;
    bool combines = (i.opcode == "and" || i.opcode == "or") && has(i, ".pred") && !(names(i.operands[1], reg) && names(i.operands[2], reg));
    bool compares = i.opcode == "setp" && i.operands.size() >= 3;
    if (combines || (compares && i.operands.size() == 4 && !names(i.operands[3], reg)))
      return combined = true;
    if (!compares && i.opcode != "mov" && !(i.opcode == "not" && has(i, ".pred")))
      return false;
    follow(to);
    return true;
  }

  const Function &function;
  std::set<int32_t> seen;
  std::vector<int32_t> todo;
  bool combined = false;
};

} // namespace

bool loadsUnchosen(const ModuleAst &module, std::string_view functionName, uint32_t line) {
  for (const Function &function : module.functions)
    if (function.name == functionName && !function.isDeclaration)
      for (const Instruction &load : function.body)
        if (load.line == line)
          return load.opcode == "ld" && load.operands.size() == 2 && isRegister(load.operands[0]) &&
                 Uses(function).areChoices(load.operands[0].reg);
  return false;
}

} // namespace cameo::ptx
