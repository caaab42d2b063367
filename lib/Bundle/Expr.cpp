// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Expressions of a bundle: from SizeExpr to postfix code over symbol indices, the value of such code,
// and its text for people. Evaluation never fails loudly: what cannot be computed has no value, so
// that the branch of a select that is not taken may divide by zero.

#include "cameo/Bundle/Bundle.h"

#include <algorithm>

namespace cameo {

using namespace bundle;

SymbolId BundleDesc::symbol(std::string_view name, Symbol::Source source, uint32_t input,
                            uint32_t index) {
  auto [entry, added] = symbolIds.try_emplace(std::string(name), SymbolId(symbols.size()));
  if (added)
    symbols.push_back({std::string(name), source, input, index});
  return entry->second;
}

ExprId BundleDesc::expr(const SizeExpr &size) {
  auto [entry, added] = exprIds.try_emplace(size.str(), ExprId(exprs.size()));
  if (!added)
    return entry->second;
  ExprCode code;
  for (const SizeExpr::Instruction &instruction : size.postfix()) {
    int64_t value = instruction.value;
    if (instruction.op == SizeExpr::Op::Symbol) {
      auto found = symbolIds.find(instruction.name);
      value = found == symbolIds.end() ? int64_t(kNone) : int64_t(found->second);
      if (found == symbolIds.end())
        undeclared.push_back(instruction.name);
    }
    code.push_back({instruction.op, value});
  }
  exprs.push_back(std::move(code));
  return entry->second;
}

std::string BundleDesc::exprText(ExprId id) const {
  if (id >= exprs.size())
    return "?";
  std::vector<std::string> stack;
  for (const ExprInstruction &instruction : exprs[id]) {
    unsigned arity = sizeOpArity(instruction.op);
    if (instruction.op == SizeExpr::Op::Constant) {
      stack.push_back(std::to_string(instruction.value));
    } else if (instruction.op == SizeExpr::Op::Symbol) {
      bool known = uint64_t(instruction.value) < symbols.size();
      stack.push_back(known ? symbols[instruction.value].name : "?");
    } else if (instruction.op == SizeExpr::Op::Overflow) {
      stack.push_back("overflow");
    } else if (stack.size() < arity) {
      return "?";
    } else {
      bool infix = instruction.op == SizeExpr::Op::Add || instruction.op == SizeExpr::Op::Mul;
      std::string text;
      for (unsigned i = 0; i < arity; ++i)
        text += (i == 0 ? "" : !infix ? "," : instruction.op == SizeExpr::Op::Add ? "+" : "*") +
                stack[stack.size() - arity + i];
      stack.resize(stack.size() - arity);
      stack.push_back((infix ? "" : std::string(sizeOpName(instruction.op))) + "(" + text + ")");
    }
    if (stack.back().size() > 4096)
      return "(an expression too long to print)";
  }
  return stack.empty() ? "?" : stack.back();
}

std::optional<int64_t> bundle::evaluate(const ExprCode &code,
                                const std::vector<std::optional<int64_t>> &symbols) {
  std::vector<std::optional<int64_t>> stack;
  for (const ExprInstruction &instruction : code) {
    if (instruction.op == SizeExpr::Op::Constant) {
      stack.push_back(instruction.value);
      continue;
    }
    if (instruction.op == SizeExpr::Op::Symbol) {
      bool known = uint64_t(instruction.value) < symbols.size();
      stack.push_back(known ? symbols[instruction.value] : std::nullopt);
      continue;
    }
    size_t arity = sizeOpArity(instruction.op);
    if (stack.size() < arity)
      return std::nullopt;
    std::optional<int64_t> *args = stack.data() + (stack.size() - arity), value;
    if (instruction.op == SizeExpr::Op::Select) {
      if (args[0])
        value = *args[0] ? args[1] : args[2];
    } else if (instruction.op != SizeExpr::Op::Overflow && args[0] && (arity < 2 || args[1])) {
      int64_t plain[2] = {*args[0], arity > 1 ? *args[1] : 0};
      value = applySizeOp(instruction.op, plain);
    }
    stack.resize(stack.size() - arity);
    stack.push_back(value);
  }
  return stack.size() == 1 ? stack.back() : std::nullopt;
}

} // namespace cameo
