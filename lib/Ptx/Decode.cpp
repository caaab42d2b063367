// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The driver of decoding: which functions a kernel needs, where its variables lie, one instruction
// after the other, then the targets of branches. Shared variables get gaps between them, so that an
// access beyond one of them hits nothing.
#include "Decode.h"
#include "Forms.h"
#include "Wgmma.h"

#include <algorithm>

namespace cameo::ptx {
namespace {

constexpr uint32_t sharedGap = 128;
constexpr unsigned recursionDepth = 64;
constexpr uint64_t mostAllocationBytes = uint64_t(2) << 30;

uint64_t alignUp(uint64_t v, uint64_t a) { return (v + a - 1) & ~(a - 1); }

void collectNames(const Operand &o, std::vector<std::string_view> &names) {
  if (!o.name.empty())
    names.push_back(o.name);
  for (const Operand &e : o.elements)
    collectNames(e, names);
}

bool isBitwise(std::string_view opcode) { return opcode == "and" || opcode == "or" || opcode == "bfi" || opcode == "lop3"; }

} // namespace

bool Decoder::decode(const Function &kernel) {
  size_t before = errors.size();
  function = &kernel;
  for (uint32_t i = 0; i < module.variables.size(); ++i) {
    const Variable &v = module.variables[i];
    if (v.space == Space::Global || v.space == Space::Const)
      globals[v.name] = {Symbol::Where::Global, i, v.type, v.bytes};
  }
  for (const Function &f : module.functions)
    globals.emplace(f.name, Symbol{Symbol::Where::Function, 0, Type::None, 0});
  functionList.push_back(&kernel);
  program.functions.emplace_back();
  layoutShared(kernel);
  for (uint32_t i = 0; i < functionList.size(); ++i) // grows as calls are met
    decodeFunction(i);
  computeStack();
  return errors.size() == before;
}

/// Module variables in shared memory that this kernel, or a function that it may call, names.
void Decoder::layoutShared(const Function &kernel) {
  std::unordered_map<std::string_view, const Function *> byName;
  for (const Function &f : module.functions)
    if (!f.isDeclaration)
      byName[f.name] = &f;
  std::unordered_map<std::string_view, const Variable *> candidates;
  for (const Variable &v : module.variables)
    if (v.space == Space::Shared)
      candidates[v.name] = &v;
  std::vector<const Variable *> used;
  bool namesReserved = false;
  std::vector<const Function *> reached{&kernel};
  for (size_t i = 0; i < reached.size(); ++i) {
    for (const Variable &v : reached[i]->locals)
      if (v.space == Space::Shared)
        used.push_back(&v);
    std::vector<std::string_view> names;
    for (const Instruction &instruction : reached[i]->body)
      for (const Operand &o : instruction.operands)
        collectNames(o, names);
    for (std::string_view name : names) {
      namesReserved |= name.substr(0, reservedRegister.size()) == reservedRegister;
      auto variable = candidates.find(name);
      if (variable != candidates.end() &&
          std::find(used.begin(), used.end(), variable->second) == used.end())
        used.push_back(variable->second);
      auto callee = byName.find(name);
      if (callee != byName.end() &&
          std::find(reached.begin(), reached.end(), callee->second) == reached.end())
        reached.push_back(callee->second);
    }
  }
  uint64_t at = sharedBase, packed = 0;
  if (namesReserved) {
    program.reservedShared = static_cast<uint32_t>(at);
    program.shared.push_back({at, reservedSharedBytes, "reserved shared memory"});
    at += reservedSharedBytes + sharedGap;
  }
  for (const Variable *v : used) {
    if (v->external && v->unsized) {
      program.usesDynamicShared = true;
      program.dynamicAlign = std::max(program.dynamicAlign, v->align);
      program.dynamicName = std::string(v->name);
      continue;
    }
    at = alignUp(at, std::max<uint64_t>(v->align, sharedGap));
    packed = alignUp(packed, v->align) + v->bytes;
    globals[v->name] = {Symbol::Where::Shared, at, v->type, v->bytes};
    program.shared.push_back({at, v->bytes, std::string(v->name)});
    at += v->bytes + sharedGap;
  }
  at = alignUp(at, std::max<uint64_t>(program.dynamicAlign, sharedGap));
  for (const Variable *v : used)
    if (v->external && v->unsized)
      globals[v->name] = {Symbol::Where::Shared, at, v->type, 0};
  if (at > (1u << 20))
    error("kernel '" + std::string(kernel.name) + "' declares more than 1 MiB of shared memory");
  program.sharedBytes = static_cast<uint32_t>(at - sharedBase);
  program.staticSharedBytes = static_cast<uint32_t>(packed);
}

/// Local variables and call parameters of a frame; the kernel's own parameters.
void Decoder::layoutLocals(const Function &f, FunctionCode &code) {
  locals.clear();
  uint64_t at = 0;
  auto place = [&](const Variable &v) {
    at = alignUp(at, std::max<uint64_t>(v.align, 16));
    locals[v.name] = {Symbol::Where::Local, at, v.type, v.bytes};
    code.locals.push_back({at, v.bytes, std::string(v.name)});
    at += v.bytes + 16;
  };
  if (f.isEntry) {
    uint64_t offset = 0;
    for (const Variable &p : f.params) {
      offset = alignUp(offset, p.align);
      locals[p.name] = {Symbol::Where::KernelParam, offset, p.type, p.bytes};
      offset += p.bytes;
    }
  } else {
    for (const Variable &p : f.params)
      place(p);
    for (const Variable &r : f.results)
      place(r);
  }
  for (const Variable &v : f.locals)
    if (v.space == Space::Local || v.space == Space::Param)
      place(v);
    else if (v.space != Space::Shared)
      error("variable '" + std::string(v.name) + "' of a function has to be local, shared or param",
            true);
  for (const Variable &v : module.variables)
    if (v.space == Space::Local)
      place(v);
  if (at > (1u << 20))
    error("function '" + std::string(f.name) + "' declares more than 1 MiB of local memory");
  code.localBytes = static_cast<uint32_t>(alignUp(at, 16));
}

void Decoder::decodeFunction(uint32_t index) {
  function = functionList[index];
  functionIndex = index;
  current = nullptr;
  callees.resize(functionList.size());
  {
    FunctionCode code;
    code.name = std::string(function->name);
    code.entry = static_cast<uint32_t>(program.code.size());
    layoutLocals(*function, code);
    program.functions[index] = std::move(code);
  }
  if (allocationBytes(*function) > mostAllocationBytes)
    return error("function '" + std::string(function->name) +
                 "' has too many registers for its number of branches");
  // Frame: temporaries, then registers.
  temporaryBase = 0;
  temporaryPredBase = temporarySlots * 512;
  carrySlot = temporaryPredBase + temporaryPredicates * 4;
  uint32_t begin = carrySlot + 32;
  allocation = allocateRegisters(*function, begin, policy.checks && forDebugger);
  trackWgmmaRegisters();
  definedMask.assign(function->registers.size(), noOperand);
  uint32_t frame = allocation.frameBytes;
  if (policy.checks)
    for (size_t r = 0; r < function->registers.size(); ++r)
      if (allocation.maybeUndefined[r]) {
        definedMask[r] = frame;
        frame += 4;
        Op &op = emitPlain("mark.undefined", OpKind::None);
        op.a = definedMask[r];
      }
  program.functions[index].frameBytes = static_cast<uint32_t>(alignUp(frame, 128));
  if (program.functions[index].frameBytes > (1u << 29))
    error("function '" + std::string(function->name) + "' has too many registers");
  instructionIndex.assign(function->body.size() + 1, 0);
  for (size_t i = 0; i < function->body.size(); ++i) {
    instructionIndex[i] = static_cast<uint32_t>(program.code.size());
    decodeInstruction(function->body[i]);
  }
  instructionIndex[function->body.size()] = static_cast<uint32_t>(program.code.size());
  current = nullptr;
  // Running off the end is what ret does.
  emitPlain("ret", OpKind::Control);
  fuseRuns(program.functions[index].entry);
  finishBranches();
}

/// Multiply-adds in a row become runs (see fmaRun). A label ends a run, so that lanes that parted
/// can meet there.
void Decoder::fuseRuns(uint32_t begin) {
  if (policy.counts) // which counts each instruction
    return;
  Handler single = findHandler("fma.f32"), run = findHandler("fma.f32.run");
  std::vector<bool> leader(program.code.size() + 1, false);
  for (auto &[name, at] : function->labels)
    leader[instructionIndex[at]] = true;
  auto inFrame = [](uint32_t operand) { return operand >> 30 == BaseFrame; };
  uint32_t length = 0;
  for (size_t i = program.code.size(); i-- > begin;) {
    Op &op = program.code[i];
    bool fits = op.run == single && inFrame(op.a) && inFrame(op.b) && inFrame(op.c) &&
                !(op.traits & traitWgmmaRegister);
    length = !fits ? 0 : leader[i + 1] ? 1 : length + 1;
    if (length > 1) {
      op.run = run;
      op.extra = length;
    }
  }
}

void Decoder::decodeInstruction(const Instruction &instruction) {
  current = &instruction;
  temporaryTop = temporaryPredTop = 0;
  modifierRefused = false;
  trackDefinitions(instruction, true);
  const OpcodeRow *row = findOpcode(instruction.opcode);
  if (!row) {
    error("opcode '" + std::string(instruction.opcode) + "' (" + formOf(instruction) +
              ") is not implemented", true);
    return;
  }
  size_t first = program.code.size(), known = errors.size();
  (this->*row->decode)();
  if (errors.size() == known && !isForm(instruction))
    error("the PTX ISA has no '" + formOf(instruction) + "': modifiers that do not go together, or one too many");
  if (errors.size() != known) // it may lack operands; nothing of this module will run
    return;
  noteWgmmaTouches(instruction, first);
  trackDefinitions(instruction, false);
}

/// A kernel has few forms, and many instructions.
bool Decoder::isForm(const Instruction &instruction) {
  std::string form = formOf(instruction);
  auto [known, fresh] = forms.try_emplace(std::move(form), true);
  if (fresh)
    known->second = isFormOfIsa(instruction.opcode, instruction.modifiers);
  return known->second;
}

/// What happens to values of registers that nothing was written to; see useOfUndefined. Before the instruction they are
/// looked for, after it its results are known.
void Decoder::trackDefinitions(const Instruction &instruction, bool before) {
  if (!policy.checks)
    return;
  if (!before && instruction.opcode == "wgmma") // its handler knows when it writes
    return;
  Undefined use = useOfUndefined(instruction);
  if (forDebugger && isBitwise(instruction.opcode)) // members of a few bits are set one by one
    use = Undefined::Launders;
  auto maskOf = [&](const Operand &o) {
    bool isRegister = o.kind == Kind::Register || (o.kind == Kind::Address && o.reg >= 0);
    return isRegister ? definedMask[static_cast<size_t>(o.reg)] : noOperand;
  };
  auto forEachMask = [&](auto &&self, const Operand &o, auto &&f) -> void {
    if (maskOf(o) != noOperand)
      f(o);
    for (const Operand &e : o.elements)
      self(self, e, f);
  };
  bool destination = hasDestination(instruction.opcode);
  bool spoils = storesNearby(instruction);
  if (before) {
    auto check = [&](const Operand &o) { emitDefinedCheck(o.reg); };
    if (instruction.predicate >= 0 && definedMask[static_cast<size_t>(instruction.predicate)] != noOperand)
      emitDefinedCheck(instruction.predicate, /*always=*/true);
    for (size_t i = 0; i < instruction.operands.size() && use != Undefined::Launders; ++i) {
      bool isResult = i == 0 && destination && instruction.operands[i].kind != Kind::Address;
      bool mayBe = use == Undefined::Carries && (instruction.opcode != "shfl" || i == 1);
      if (!isResult && !mayBe && !(spoils && i == 1))
        forEachMask(forEachMask, instruction.operands[i], check);
    }
    if (forDebugger && loadsLocal(instruction))
      emitLoadedMasks(instruction);
    return;
  }
  if (spoils)
    return emitSpoils(instruction);
  if (forDebugger && loadsLocal(instruction))
    return;
  if (!destination || instruction.operands.empty() || instruction.operands[0].kind == Kind::Address)
    return;
  forEachMask(forEachMask, instruction.operands[0], [&](const Operand &result) {
    uint32_t mask = maskOf(result);
    std::vector<uint32_t> from;
    bool isOwnSource = false;
    for (size_t i = 1; i < instruction.operands.size() && use == Undefined::Carries; ++i)
      forEachMask(forEachMask, instruction.operands[i], [&](const Operand &o) {
        isOwnSource |= maskOf(o) == mask;
        if (maskOf(o) != mask)
          from.push_back(maskOf(o));
      });
    if (instruction.opcode == "shfl" && maskOf(instruction.operands[1]) != noOperand) {
      if (registerType(result) != Type::Pred)
        return; // the shuffle itself says which lanes got a defined value
      from.clear();
    }
    if (instruction.opcode == "selp" && maskOf(instruction.operands[3]) == noOperand &&
        instruction.operands[3].kind == Kind::Register) {
      Op &op = emit("select.defined", OpKind::None);
      op.a = mask, op.b = maskOf(instruction.operands[1]), op.d = maskOf(instruction.operands[2]);
      op.c = allocation.slot[static_cast<size_t>(instruction.operands[3].reg)];
      op.imm = instruction.operands[3].negated;
      return;
    }
    if (!isOwnSource)
      emit("mark.defined", OpKind::None).a = mask;
    for (uint32_t source : from) {
      Op &op = emit("carry.undefined", OpKind::None);
      op.a = mask, op.b = source;
    }
  });
}

/// `always`: of the guard, which decides for every lane.
void Decoder::emitDefinedCheck(int reg, bool always) {
  Op &op = always ? emitPlain("check.defined", OpKind::None) : emit("check.defined", OpKind::None);
  op.a = definedMask[static_cast<size_t>(reg)];
  uint32_t origin = allocation.undefinedOrigin[static_cast<size_t>(reg)];
  std::string text(function->registerNames[static_cast<size_t>(reg)]);
  text += forDebugger ? " is used, and what it holds was never written"
          : origin == static_cast<uint32_t>(reg)
              ? " is read before anything was written to it"
              : " is used, which was computed from " + std::string(function->registerNames[origin]) +
                    " before anything was written to that";
  program.names.push_back(std::make_unique<std::string>(std::move(text)));
  op.imm = static_cast<int64_t>(reinterpret_cast<intptr_t>(program.names.back()->c_str()));
}

/// Before a load of a module for a debugger: which lanes will read what was written.
void Decoder::emitLoadedMasks(const Instruction &instruction) {
  const Operand &target = instruction.operands[0], &address = instruction.operands[1];
  if (address.kind != Kind::Address || instruction.modifiers.empty())
    return; // refused when it is decoded
  auto type = typeByName(instruction.modifiers.back());
  const Symbol *symbol = address.reg < 0 ? findSymbol(address.name) : nullptr;
  bool ofThread = !symbol || symbol->where == Symbol::Where::Local;
  Space space = spaceOf(instruction);
  AddressParts from{};
  if (ofThread)
    from = addressParts(address, space);
  unsigned count = target.elements.empty() ? 1 : static_cast<unsigned>(target.elements.size());
  for (unsigned i = 0; i < count && type; ++i) {
    const Operand &element = target.elements.empty() ? target : target.elements[i];
    if (element.kind != Kind::Register || definedMask[static_cast<size_t>(element.reg)] == noOperand)
      continue;
    Op &op = emit(ofThread ? "mark.loaded" : "mark.defined", OpKind::None);
    op.a = definedMask[static_cast<size_t>(element.reg)];
    op.b = from.slot, op.imm = from.offset + int64_t(i) * sizeOf(*type);
    op.size = static_cast<uint8_t>(sizeOf(*type)), op.space = space;
    op.flags |= from.narrow ? FlagAddress32 : 0;
  }
}

/// st of plain registers to memory of the block or of the thread; where a module is for a debugger, any that may be.
bool Decoder::storesNearby(const Instruction &instruction) const {
  if (instruction.opcode != "st" || instruction.operands.size() != 2)
    return false;
  for (std::string_view modifier : instruction.modifiers)
    if (modifier == ".async" || modifier == ".bulk")
      return false;
  Space space = spaceOf(instruction);
  return space == Space::Shared || space == Space::Local || (space == Space::Generic && forDebugger);
}

/// The store came last; its elements that were not written make their bytes unwritten.
void Decoder::emitSpoils(const Instruction &instruction) {
  Op store = program.code.back();
  const Operand &value = instruction.operands[1];
  for (unsigned i = 0; i < store.count; ++i) {
    const Operand &element = value.elements.empty() ? value : value.elements[i];
    if (element.kind != Kind::Register || definedMask[static_cast<size_t>(element.reg)] == noOperand)
      continue;
    const char *handler = store.space == Space::Shared ? "spoil.shared" : store.space == Space::Local ? "spoil.local"
                                                                                                      : "spoil.generic";
    if (store.space == Space::Generic) { // what it may say lies where that of the check lies
      emitDefinedCheck(element.reg);
      program.code.pop_back(), program.source.pop_back(), program.location.pop_back();
    }
    Op &op = emit(handler, OpKind::None);
    op.extra = static_cast<uint32_t>(program.names.size() - 1);
    op.a = store.a, op.imm = store.imm + int64_t(i) * store.size, op.size = store.size;
    op.b = definedMask[static_cast<size_t>(element.reg)];
    op.flags |= store.flags & FlagAddress32;
  }
}

void Decoder::finishBranches() {
  for (const Fixup &f : fixups) {
    uint32_t target = instructionIndex[f.instruction];
    if (f.op != ~size_t(0))
      program.code[f.op].imm = target;
    else
      program.side[f.side] = target;
  }
  fixups.clear();
}

/// The deepest chain of calls; recursion gets a fixed number of frames.
void Decoder::computeStack() {
  size_t n = program.functions.size();
  callees.resize(n);
  std::vector<uint64_t> frame(n, 0), local(n, 0);
  std::vector<int> state(n, 0);
  bool recursive = false;
  auto visit = [&](auto &&self, uint32_t f, unsigned depth) -> void {
    state[f] = 1;
    for (uint32_t callee : callees[f]) {
      if (state[callee] == 1 || depth > 200) {
        recursive = true;
        continue;
      }
      if (state[callee] == 0)
        self(self, callee, depth + 1);
      frame[f] = std::max(frame[f], frame[callee]);
      local[f] = std::max(local[f], local[callee]);
    }
    frame[f] += program.functions[f].frameBytes;
    local[f] += program.functions[f].localBytes;
    state[f] = 2;
  };
  visit(visit, 0, 0);
  if (recursive)
    for (size_t f = 0; f < n; ++f) {
      frame[0] += uint64_t(recursionDepth) * program.functions[f].frameBytes;
      local[0] += uint64_t(recursionDepth) * program.functions[f].localBytes;
    }
  uint64_t all = 0;
  std::vector<uint64_t> place(n);
  for (size_t f = 0; f < n; ++f) {
    place[f] = all;
    all += program.functions[f].frameBytes;
  }
  frame[0] = all * (recursive ? recursionDepth + n : 1);
  if (frame[0] > (1u << 29) || local[0] > (1u << 24))
    error("the call stack of '" + program.functions[0].name + "' is too large");
  program.stackFrameBytes = static_cast<uint32_t>(frame[0]);
  Handler call = findHandler("call");
  for (Op &op : program.code)
    if (op.run == call) {
      op.a = static_cast<uint32_t>(place[static_cast<size_t>(op.imm)]);
      op.b = recursive ? static_cast<uint32_t>(all) : 0;
    }
  program.stackLocalBytes = static_cast<uint32_t>(alignUp(local[0] + localBase, 16));
}

const Decoder::OpcodeRow *Decoder::findOpcode(std::string_view opcode) {
  using D = Decoder;
  static constexpr OpcodeRow rows[] = {
      {"add", &D::decodeArithmetic}, {"sub", &D::decodeArithmetic}, {"mul", &D::decodeMul},
      {"mad", &D::decodeMul}, {"fma", &D::decodeFma}, {"div", &D::decodeDiv},
      {"rem", &D::decodeDiv}, {"min", &D::decodeMinMax}, {"max", &D::decodeMinMax},
      {"abs", &D::decodeUnary}, {"neg", &D::decodeUnary}, {"and", &D::decodeLogic},
      {"or", &D::decodeLogic}, {"xor", &D::decodeLogic}, {"not", &D::decodeLogic},
      {"cnot", &D::decodeLogic}, {"shl", &D::decodeShift}, {"shr", &D::decodeShift},
      {"addc", &D::decodeCarry}, {"subc", &D::decodeCarry}, {"madc", &D::decodeCarry},
      {"popc", &D::decodeBits}, {"clz", &D::decodeBits}, {"brev", &D::decodeBits},
      {"bfind", &D::decodeBits}, {"bfe", &D::decodeBits}, {"bfi", &D::decodeBits},
      {"lop3", &D::decodeLop3}, {"prmt", &D::decodePrmt}, {"shf", &D::decodeShf},
      {"dp4a", &D::decodeDot}, {"vabsdiff2", &D::decodeDot}, {"vabsdiff4", &D::decodeDot}, {"dp2a", &D::decodeDot}, {"mul24", &D::decodeMul24},
      {"mad24", &D::decodeMul24}, {"sad", &D::decodeSad}, {"setp", &D::decodeSetp},
      {"set", &D::decodeSet}, {"selp", &D::decodeSelp}, {"slct", &D::decodeSlct},
      {"testp", &D::decodeTestp}, {"copysign", &D::decodeCopysign},
      {"sqrt", &D::decodeSpecialFunction}, {"rcp", &D::decodeSpecialFunction},
      {"rsqrt", &D::decodeSpecialFunction}, {"ex2", &D::decodeSpecialFunction},
      {"lg2", &D::decodeSpecialFunction}, {"sin", &D::decodeSpecialFunction},
      {"cos", &D::decodeSpecialFunction}, {"tanh", &D::decodeSpecialFunction},
      {"mov", &D::decodeMov}, {"cvt", &D::decodeCvt}, {"cvta", &D::decodeCvta},
      {"isspacep", &D::decodeIsspacep}, {"ld", &D::decodeLd}, {"ldu", &D::decodeLd},
      {"st", &D::decodeSt}, {"atom", &D::decodeAtom}, {"red", &D::decodeAtom},
      {"prefetch", &D::decodeNothing}, {"prefetchu", &D::decodeNothing},
      {"discard", &D::decodeNothing}, {"applypriority", &D::decodeNothing},
      {"pmevent", &D::decodeNothing}, {"griddepcontrol", &D::decodeNothing},
      {"createpolicy", &D::decodeCreatepolicy},
      {"bra", &D::decodeBra}, {"brx", &D::decodeBrx}, {"call", &D::decodeCall},
      {"ret", &D::decodeRet}, {"exit", &D::decodeExit}, {"trap", &D::decodeTrap},
      {"bar", &D::decodeBar}, {"barrier", &D::decodeBar}, {"membar", &D::decodeFence},
      {"fence", &D::decodeFence}, {"nanosleep", &D::decodeNanosleep}, {"shfl", &D::decodeShfl},
      {"vote", &D::decodeVote}, {"match", &D::decodeMatch},
      {"activemask", &D::decodeActivemask}, {"redux", &D::decodeRedux},
      {"elect", &D::decodeElect}, {"mapa", &D::decodeMapa}, {"tensormap", &D::decodeTensormap}, {"getctarank", &D::decodeGetctarank}, {"mbarrier", &D::decodeMbarrier}, {"cp", &D::decodeCp}, {"ldmatrix", &D::decodeLdmatrix},
      {"stmatrix", &D::decodeStmatrix}, {"mma", &D::decodeMma},
      {"movmatrix", &D::decodeMovmatrix}, {"bmsk", &D::decodeBitMask},
      {"szext", &D::decodeBitMask}, {"fns", &D::decodeFns}, {"wmma", &D::decodeWmma},
      {"wgmma", &D::decodeWgmma}, {"setmaxnreg", &D::decodeSetmaxnreg}, {"brkpt", &D::decodeTrap}};
  for (const OpcodeRow &row : rows)
    if (row.opcode == opcode)
      return &row;
  return nullptr;
}

std::unique_ptr<Program> decodeKernel(const ModuleAst &module, const Function &kernel,
                                      Policy policy, std::vector<Diagnostic> &errors) {
  auto program = std::make_unique<Program>();
  if (!Decoder(module, policy, *program, errors).decode(kernel))
    return nullptr;
  return program;
}

} // namespace cameo::ptx
