// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Branches, calls, barriers, fences and the warp-wide instructions to the names of their handlers.
// What can block or leave is never predicated: a branch goes around it.
#include "Decode.h"
#include "SyncHandlers.h"

namespace cameo::ptx {

void Decoder::decodeBra() {
  Modifiers m = modifiers(" .uni ");
  if (!expectOperands(1, 1))
    return;
  auto label = function->labels.find(operand(0).name);
  if (label == function->labels.end())
    return error("label '" + std::string(operand(0).name) + "' is not defined");
  bool conditional = current->predicate >= 0;
  Op &op = emitPlain(!conditional ? "bra" : m.has(".uni") ? "bra.uni.if" : "bra.if",
                     OpKind::Control);
  if (conditional) {
    op.pred = allocation.slot[static_cast<size_t>(current->predicate)];
    op.flags = current->predicateNegated ? FlagPredNegated : 0;
  }
  fixups.push_back({program.code.size() - 1, 0, label->second});
}

void Decoder::decodeBrx() {
  modifiers(" .idx .uni ");
  if (!expectOperands(2, 2))
    return;
  auto targets = function->branchTargets.find(operand(1).name);
  if (targets == function->branchTargets.end())
    return error("'" + std::string(operand(1).name) + "' is no list of .branchtargets");
  uint32_t index = source(0, Type::U32);
  uint32_t side = addSide({static_cast<uint32_t>(targets->second.size())});
  for (std::string_view name : targets->second) {
    auto label = function->labels.find(name);
    if (label == function->labels.end())
      return error("label '" + std::string(name) + "' is not defined");
    fixups.push_back({~size_t(0), program.side.size(), label->second});
    program.side.push_back(0);
  }
  emitAround([&] {
    Op &op = emitPlain("brx.idx", OpKind::Control);
    op.a = index, op.extra = side;
  });
}

/// call (result), function, (arguments): all of them .param variables of this frame. Through a register the
/// functions of `.calltargets`, or those whose address the module takes, are tried one after the other.
void Decoder::decodeCall() {
  modifiers(" .uni ");
  size_t at = 0;
  bool hasResult = operandCount() && operand(0).kind == Kind::List;
  const Operand *results = hasResult ? &operand(at++) : nullptr;
  if (at >= operandCount())
    return error("call names no function");
  const Operand &target = operand(at++);
  const Operand *arguments = at < operandCount() && operand(at).kind == Kind::List ? &operand(at++) : nullptr;
  if (target.kind == Kind::Register && at == operandCount())
    return error("a call through a register names its targets or its prototype");
  if (operandCount() > at + (target.kind == Kind::Register ? 1 : 0))
    return error("call has an operand too many");
  if (target.kind == Kind::Register)
    return decodeIndirectCall(results, target, arguments);
  if (target.kind != Kind::Symbol)
    return error("call takes the name of a function or a register");
  std::string_view name = target.name;
  if (auto alias = module.aliases.find(name); alias != module.aliases.end())
    name = alias->second;
  const Function *callee = definedFunction(name);
  if (!callee && (name == "__assertfail" || name == "__assert_fail"))
    return decodeAssertion(arguments);
  if (!callee && name == "vprintf")
    return decodePrintf(results, arguments);
  if (!callee)
    return error("function '" + std::string(name) + "' is called and not defined", true);
  emitAround([&] { emitCall(*callee, results, arguments); });
}

/// call (result), vprintf, (format, arguments): .param variables of 8 bytes, the result of 4.
void Decoder::decodePrintf(const Operand *results, const Operand *arguments) {
  auto place = [&](const Operand *list, size_t i, uint64_t bytes) -> int64_t {
    const Symbol *symbol = list && i < list->elements.size() ? findSymbol(list->elements[i].name) : nullptr;
    if (symbol && symbol->where == Symbol::Where::Local && symbol->bytes == bytes)
      return static_cast<int64_t>(symbol->offset);
    error("vprintf takes .param variables of 8, 8 and, for its result, 4 bytes");
    return 0;
  };
  int64_t format = place(arguments, 0, 8), values = place(arguments, 1, 8);
  int64_t result = results && !results->elements.empty() ? place(results, 0, 4) : -1;
  emitAround([&] {
    Op &op = emitPlain("call.vprintf", OpKind::Control);
    op.a = static_cast<uint32_t>(format), op.b = static_cast<uint32_t>(values), op.imm = result;
  });
}

/// call __assertfail, (message, file, line, function, size of a character): what it says is read when it fails; other
/// parameters than these trap without it.
void Decoder::decodeAssertion(const Operand *arguments) {
  static constexpr uint64_t bytes[] = {8, 8, 4};
  uint32_t places[3];
  bool known = arguments && arguments->elements.size() >= 3;
  for (size_t i = 0; known && i < 3; ++i) {
    const Symbol *symbol = findSymbol(arguments->elements[i].name);
    known = symbol && symbol->where == Symbol::Where::Local && symbol->bytes == bytes[i];
    places[i] = known ? static_cast<uint32_t>(symbol->offset) : 0;
  }
  emitAround([&] {
    Op &op = emitPlain(known ? "call.assertfail" : "trap", OpKind::Control);
    if (known)
      op.a = places[0], op.b = places[1], op.c = places[2];
  });
}

const Function *Decoder::definedFunction(std::string_view name) const {
  for (const Function &f : module.functions)
    if (f.name == name && !f.isEntry && !f.isDeclaration)
      return &f;
  return nullptr;
}

/// Functions that a register may hold: of the list that the call names, else all whose address is taken and
/// whose parameters have the sizes of the arguments.
std::vector<const Function *> Decoder::callTargets(const Operand *results, const Operand *arguments) {
  std::vector<const Function *> found;
  const Operand &last = current->operands.back();
  if (auto list = function->branchTargets.find(last.name);
      last.kind == Kind::Symbol && list != function->branchTargets.end()) {
    for (std::string_view name : list->second) {
      if (const Function *f = definedFunction(name))
        found.push_back(f);
      else
        error("'" + std::string(name) + "' of .calltargets is no function");
    }
    return found;
  }
  auto fits = [&](const Operand *given, const std::vector<Variable> &wanted) {
    if ((given ? given->elements.size() : 0) != wanted.size())
      return false;
    for (size_t i = 0; i < wanted.size(); ++i) {
      const Symbol *symbol = findSymbol(given->elements[i].name);
      if (!symbol || symbol->bytes != wanted[i].bytes)
        return false;
    }
    return true;
  };
  for (const Function &f : module.functions)
    if (!f.isEntry && !f.isDeclaration && module.addressTaken.count(f.name) && fits(arguments, f.params) &&
        fits(results, f.results))
      found.push_back(&f);
  return found;
}

void Decoder::decodeIndirectCall(const Operand *results, const Operand &target, const Operand *arguments) {
  uint32_t address = source(target, Type::U64), hit = temporaryPredicate();
  std::vector<const Function *> targets = callTargets(results, arguments);
  emitAround([&] {
    std::vector<size_t> ends;
    for (const Function *callee : targets) {
      uint32_t token = constant(functionAddress(static_cast<size_t>(callee - module.functions.data())), 8);
      Op &compare = emitPlain("setp.eq.u64", OpKind::Control);
      compare.d = hit, compare.a = address, compare.b = token;
      size_t skip = program.code.size();
      Op &other = emitPlain("bra.if", OpKind::Control);
      other.pred = hit, other.flags = FlagPredNegated;
      emitCall(*callee, results, arguments);
      ends.push_back(program.code.size());
      emitPlain("bra", OpKind::Control);
      program.code[skip].imm = static_cast<int64_t>(program.code.size());
    }
    emitPlain("call.unknown", OpKind::Control).a = address;
    for (size_t end : ends)
      program.code[end].imm = static_cast<int64_t>(program.code.size());
  });
}

void Decoder::emitCall(const Function &callee, const Operand *results, const Operand *arguments) {
  uint32_t index = 0;
  while (index < functionList.size() && functionList[index] != &callee)
    ++index;
  if (index == functionList.size()) {
    functionList.push_back(&callee);
    program.functions.emplace_back();
  }
  callees.resize(std::max(callees.size(), functionList.size()));
  callees[functionIndex].push_back(index);
  size_t argumentCount = arguments ? arguments->elements.size() : 0;
  size_t resultCount = results ? results->elements.size() : 0;
  if (argumentCount != callee.params.size() || resultCount != callee.results.size())
    return error("'" + std::string(callee.name) + "' is called with the wrong number of parameters");
  // The callee's frame begins with its parameters and results, 16 bytes apart.
  std::vector<uint32_t> in, out;
  uint64_t place = 0;
  auto add = [&](const Operand &o, const Variable &v, std::vector<uint32_t> &into, bool result) {
    const Symbol *symbol = o.kind == Kind::Symbol ? findSymbol(o.name) : nullptr;
    place = (place + std::max<uint64_t>(v.align, 16) - 1) & ~(std::max<uint64_t>(v.align, 16) - 1);
    if (!symbol || symbol->where != Symbol::Where::Local || symbol->bytes != v.bytes) {
      error("'" + std::string(o.name) + "' is no .param variable of " + std::to_string(v.bytes) +
            " bytes");
      return;
    }
    uint32_t here = static_cast<uint32_t>(symbol->offset), there = static_cast<uint32_t>(place);
    into.insert(into.end(), {result ? there : here, result ? here : there,
                             static_cast<uint32_t>(v.bytes)});
    place += v.bytes + 16;
  };
  for (size_t i = 0; i < argumentCount; ++i)
    add(arguments->elements[i], callee.params[i], in, false);
  for (size_t i = 0; i < resultCount; ++i)
    add(results->elements[i], callee.results[i], out, true);
  uint32_t side = addSide({static_cast<uint32_t>(in.size() / 3)});
  program.side.insert(program.side.end(), in.begin(), in.end());
  addSide({static_cast<uint32_t>(out.size() / 3)});
  program.side.insert(program.side.end(), out.begin(), out.end());
  Op &op = emitPlain("call", OpKind::Control);
  op.imm = index, op.extra = side;
}

void Decoder::decodeRet() {
  modifiers(" .uni ");
  expectOperands(0, 0);
  emitAround([&] { emitPlain("ret", OpKind::Control); });
}
void Decoder::decodeExit() {
  modifiers(" ");
  expectOperands(0, 0);
  emitAround([&] { emitPlain("exit", OpKind::Control); });
}
void Decoder::decodeTrap() {
  modifiers(" ");
  expectOperands(0, 0);
  emitAround([&] { emitPlain("trap", OpKind::Control); });
}

/// bar{.cta}.sync|arrive|red and barrier{.cta}.…{.aligned}; bar.warp.sync.
void Decoder::decodeBar() {
  if (!current->modifiers.empty() && current->modifiers[0] == ".cluster" && current->opcode == "barrier")
    return decodeClusterBarrier();
  Modifiers m = modifiers(" .cta .sync .arrive .red .popc .and .or .aligned .warp ");
  if (m.has(".warp")) {
    if (!expectOperands(1, 1))
      return;
    uint32_t mask = source(0, Type::U32);
    return emitAround([&] { emitPlain("bar.warp.sync", OpKind::Sync).a = mask; });
  }
  bool reduces = m.has(".red");
  uint8_t flags = current->opcode == "bar" || m.has(".aligned") ? BarrierAligned : 0;
  flags |= m.has(".arrive") ? BarrierArrive : 0;
  flags |= reduces ? BarrierReduce : 0;
  size_t first = reduces ? 1 : 0, last = reduces ? operandCount() - 1 : operandCount();
  if (!expectOperands(reduces ? 3 : 1, reduces ? 4 : 2))
    return;
  uint32_t id = source(first, Type::U32), d = noOperand, p = noOperand;
  uint32_t count = first + 1 < last ? source(first + 1, Type::U32) : noOperand;
  if (m.has(".arrive") && count == noOperand)
    return error("bar.arrive needs the number of threads");
  if (reduces) {
    d = destination(0, m.has(".popc") ? Type::U32 : Type::Pred);
    const Operand &source = operand(last);
    if (registerType(source) != Type::Pred)
      return error("the last operand of a reducing barrier is a predicate");
    p = allocation.slot[static_cast<size_t>(source.reg)];
    flags |= source.negated ? BarrierNegated : 0;
  }
  emitAround([&] {
    Op &op = emitPlain("barrier", OpKind::Sync);
    op.a = id, op.b = count, op.c = p, op.d = d, op.flags = flags;
    op.size = m.has(".popc") ? BarrierPopc : m.has(".and") ? BarrierAnd : BarrierOr;
  });
}

void Decoder::decodeNanosleep() {
  modifiers(" ");
  if (!expectOperands(1, 1))
    return;
  source(0, Type::U32); // how long is not simulated
  emitAround([&] { emitPlain("nanosleep", OpKind::Sync); });
}

void Decoder::decodeShfl() {
  Modifiers m = modifiers(" .sync .up .down .bfly .idx ");
  if (!expectOperands(5, 5) || m.type() == Type::None || sizeOf(m.type()) != 4 || !m.has(".sync"))
    return unsupported("this form");
  std::string name = "shfl";
  for (std::string_view text : {".up", ".down", ".bfly", ".idx"})
    if (m.has(text))
      name += text;
  bool isPair = operand(0).kind == Kind::Pair;
  if (isPair && operand(0).elements[0].kind == Kind::Sink)
    return error("the result of '" + formOf(*current) + "' cannot be thrown away");
  uint32_t d = destination(isPair ? operand(0).elements[0] : operand(0), Type::B32);
  uint32_t p = isPair ? destination(operand(0).elements[1], Type::Pred) : noOperand;
  uint32_t a = source(1, Type::B32), b = source(2, Type::B32), c = source(3, Type::B32);
  uint32_t side = addSide({source(4, Type::B32), p});
  auto maskOf = [&](const Operand &o) {
    return o.kind == Kind::Register ? definedMask[static_cast<size_t>(o.reg)] : noOperand;
  };
  uint32_t from = maskOf(operand(1)), to = maskOf(isPair ? operand(0).elements[0] : operand(0));
  emitAround([&] {
    Op &op = emitPlain(name, OpKind::Sync);
    op.d = d, op.a = a, op.b = b, op.c = c, op.extra = side;
    if (from != noOperand && to != noOperand) // what is undefined stays so where it arrives
      op.imm = static_cast<int64_t>(uint64_t(to) << 32 | (from + 1));
  });
}

void Decoder::decodeVote() {
  Modifiers m = modifiers(" .sync .all .any .uni .ballot ");
  if (!expectOperands(3, 3) || !m.has(".sync"))
    return unsupported("this form");
  bool ballot = m.has(".ballot");
  std::string name = std::string("vote") + (ballot ? ".ballot" : m.has(".all") ? ".all"
                                            : m.has(".any") ? ".any" : ".uni");
  uint32_t d = destination(0, ballot ? Type::B32 : Type::Pred);
  uint32_t mask = source(2, Type::B32), p;
  bool negated = operand(1).negated;
  if (operand(1).kind == Kind::Register && registerType(operand(1)) == Type::Pred)
    p = allocation.slot[static_cast<size_t>(operand(1).reg)];
  else
    p = predicateSource(operand(1)), negated = false;
  emitAround([&] {
    Op &op = emitPlain(name, OpKind::Sync);
    op.d = d, op.a = p, op.b = mask, op.imm = negated;
  });
}

void Decoder::decodeMatch() {
  Modifiers m = modifiers(" .sync .any .all ");
  if (!expectOperands(3, 3))
    return;
  bool isPair = operand(0).kind == Kind::Pair;
  uint32_t d = destination(isPair ? operand(0).elements[0] : operand(0), Type::B32);
  uint32_t p = isPair ? destination(operand(0).elements[1], Type::Pred) : noOperand;
  uint32_t a = source(1, m.type()), mask = source(2, Type::B32);
  std::string name = std::string("match") + (m.has(".any") ? ".any" : ".all") + ".b" +
                     std::to_string(8 * sizeOf(m.type()));
  emitAround([&] {
    Op &op = emitPlain(name, OpKind::Sync);
    op.d = d, op.a = a, op.b = mask, op.c = p;
  });
}

void Decoder::decodeActivemask() {
  modifiers(" ");
  if (!expectOperands(1, 1))
    return;
  uint32_t d = destination(0, Type::B32);
  emitAround([&] { emitPlain("activemask", OpKind::Sync).d = d; });
}

void Decoder::decodeRedux() {
  Modifiers m = modifiers(" .sync .add .min .max .and .or .xor .abs .NaN ");
  if (!expectOperands(3, 3))
    return;
  std::string name = "redux";
  for (std::string_view text : {".add", ".min", ".max", ".and", ".or", ".xor"})
    if (m.has(text))
      name += text;
  name += std::string(m.has(".abs") ? ".abs" : "") + (m.has(".NaN") ? ".nan" : "");
  uint32_t d = destination(0, m.type()), a = source(1, m.type()), mask = source(2, Type::B32);
  emitAround([&] {
    Op &op = emitPlain(name + std::string(nameOf(m.type())), OpKind::Sync);
    op.d = d, op.a = a, op.b = mask;
  });
}

void Decoder::decodeElect() {
  modifiers(" .sync ");
  if (!expectOperands(2, 2))
    return;
  if (operand(0).kind != Kind::Pair)
    return error("elect.sync gives a lane and a predicate: d|p");
  const Operand &lane = operand(0).elements[0];
  uint32_t d = lane.kind == Kind::Sink ? noOperand : destination(lane, Type::B32);
  uint32_t p = destination(operand(0).elements[1], Type::Pred), mask = source(1, Type::B32);
  emitAround([&] {
    Op &op = emitPlain("elect", OpKind::Sync);
    op.d = d, op.b = mask, op.c = p;
  });
}

} // namespace cameo::ptx
