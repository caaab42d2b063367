// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What all of decoding is made of: operands to slots and constants, modifiers against a list, one
// operation appended. Refuses registers whose size is not the type's, because a handler would read
// beyond the slot.
#include "Decode.h"

#include <cstring>

namespace cameo::ptx {

void Decoder::error(std::string message, bool isUnsupported) {
  // What an unknown modifier means for the operands nobody knows.
  if (modifierRefused && !isUnsupported)
    return;
  if (errors.size() < 100)
    errors.push_back({current ? current->line : function ? function->line : 0, std::move(message),
                      isUnsupported});
}

std::string Decoder::formOf(const Instruction &instruction) const {
  std::string text(instruction.opcode);
  for (std::string_view m : instruction.modifiers)
    text += m;
  return text;
}

void Decoder::unsupported(const std::string &what) {
  error(what + " in '" + formOf(*current) + "' is not implemented", true);
}

Op &Decoder::emitPlain(const std::string &handler, OpKind kind) {
  Op op;
  op.run = op.inner = findHandler(handler);
  op.kind = kind;
  if (!op.run)
    error("'" + formOf(*current) + "' is not implemented (" + handler + ")", true);
  program.code.push_back(op);
  program.source.push_back(current ? current->line : 0);
  program.location.push_back(current ? current->location : 0);
  return program.code.back();
}

Op &Decoder::emit(const std::string &handler, OpKind kind) {
  Op &op = emitPlain(handler, kind);
  if (current && current->predicate >= 0 && !plainEmission) {
    op.run = &runPredicated;
    op.pred = allocation.slot[static_cast<size_t>(current->predicate)];
    if (current->predicateNegated)
      op.flags |= FlagPredNegated;
  }
  return op;
}

/// For what cannot run predicated (it may block or leave): a branch around it.
void Decoder::emitAround(const std::function<void()> &body) {
  size_t jump = ~size_t(0);
  if (current->predicate >= 0) {
    Op &op = emitPlain("bra.if", OpKind::Control);
    op.pred = allocation.slot[static_cast<size_t>(current->predicate)];
    op.flags = current->predicateNegated ? 0 : FlagPredNegated;
    jump = program.code.size() - 1;
  }
  plainEmission = true;
  body();
  plainEmission = false;
  if (jump != ~size_t(0))
    program.code[jump].imm = static_cast<int64_t>(program.code.size());
}

static bool roundByName(std::string_view text, Round &round) {
  static constexpr std::pair<std::string_view, Round> table[] = {
      {".rn", Round::Nearest}, {".rz", Round::Zero}, {".rm", Round::Down}, {".rp", Round::Up},
      {".rna", Round::Away}, {".rni", Round::Nearest}, {".rzi", Round::Zero},
      {".rmi", Round::Down}, {".rpi", Round::Up}};
  for (auto &[name, value] : table)
    if (name == text) {
      round = value;
      return true;
    }
  return false;
}

/// Splits the modifiers. `allowed` is a list with a space before and after each; ".round" stands
/// for the four directions, types are always allowed.
Decoder::Modifiers Decoder::modifiers(std::string_view allowed) {
  Modifiers m;
  auto isAllowed = [&](std::string_view text) {
    std::string wanted = " " + std::string(text) + " ";
    return allowed.find(wanted) != std::string_view::npos;
  };
  for (std::string_view text : current->modifiers) {
    Round round;
    if (isAllowed(text)) {
      m.others.push_back(text);
    } else if (auto type = typeByName(text)) {
      m.types.push_back(*type);
    } else if (roundByName(text, round) &&
               isAllowed(text.size() == 4 && text[3] == 'i' ? ".roundi" : ".round")) {
      m.round = round;
      m.roundText = text;
    } else {
      modifierRefused = true;
      error("modifier '" + std::string(text) + "' of '" + formOf(*current) +
                "' is not implemented", true);
    }
  }
  return m;
}

bool Decoder::expectOperands(size_t least, size_t most) {
  if (operandCount() >= least && operandCount() <= most)
    return true;
  error("'" + formOf(*current) + "' has " + std::to_string(operandCount()) +
        " operands; it takes " + std::to_string(least) +
        (most != least ? " to " + std::to_string(most) : ""));
  return false;
}

Type Decoder::registerType(const Operand &o) const {
  return o.kind == Kind::Register ? function->registers[static_cast<size_t>(o.reg)] : Type::None;
}

uint32_t Decoder::addSide(std::initializer_list<uint32_t> words) {
  uint32_t at = static_cast<uint32_t>(program.side.size());
  program.side.insert(program.side.end(), words);
  return at;
}

uint32_t Decoder::temporary(unsigned) {
  if (temporaryTop == temporarySlots) {
    error("internal: too many temporaries");
    temporaryTop = 0;
  }
  return temporaryBase + temporaryTop++ * 512;
}

uint32_t Decoder::temporaryPredicate() {
  if (temporaryPredTop == temporaryPredicates) {
    error("internal: too many temporary predicates");
    temporaryPredTop = 0;
  }
  return temporaryPredBase + temporaryPredTop++ * 4;
}

// -- constants ------------------------------------------------------------------------------------

static uint32_t poolConstant(Program &program, std::unordered_map<std::string, uint32_t> &index,
                             Constant constant) {
  std::string key(reinterpret_cast<const char *>(&constant.bits), 8);
  key += static_cast<char>(constant.kind);
  key += static_cast<char>(constant.bytes);
  key += std::to_string(constant.symbol);
  auto [it, fresh] = index.emplace(key, program.constantBytes);
  if (fresh) {
    constant.offset = program.constantBytes;
    program.constantBytes += constant.bytes < 2 ? 64 : constant.bytes * 32u;
    program.constants.push_back(constant);
  }
  return operandOf(BaseConstant, it->second);
}

uint32_t Decoder::constant(uint64_t bits, unsigned bytes) {
  if (bytes < 8)
    bits &= (uint64_t(1) << (8 * bytes)) - 1;
  Constant c;
  c.bytes = static_cast<uint8_t>(bytes);
  c.bits = bits;
  return poolConstant(program, constantIndex, c);
}

uint32_t Decoder::addressConstant(uint32_t variable, int64_t addend, unsigned bytes) {
  Constant c;
  c.kind = Constant::Kind::GlobalAddress;
  c.bytes = static_cast<uint8_t>(bytes);
  c.bits = static_cast<uint64_t>(addend);
  c.symbol = variable;
  return poolConstant(program, constantIndex, c);
}

uint32_t Decoder::parameterConstant(uint32_t offset, unsigned bytes) {
  Constant c;
  c.kind = Constant::Kind::Parameter;
  c.bytes = static_cast<uint8_t>(bytes);
  c.bits = offset;
  return poolConstant(program, constantIndex, c);
}

// -- operands -------------------------------------------------------------------------------------

uint32_t Decoder::source(size_t index, Type type) {
  if (index >= operandCount()) {
    error("'" + formOf(*current) + "' lacks an operand");
    return 0;
  }
  return source(operand(index), type);
}

uint32_t Decoder::source(const Operand &o, Type type) {
  if (type == Type::Pred)
    return predicateSource(o);
  unsigned bytes = sizeOf(type);
  switch (o.kind) {
  case Kind::Register: {
    Type have = registerType(o);
    if (sizeOf(have) != bytes || have == Type::Pred) {
      error("register '" + std::string(o.name) + "' is " + std::string(nameOf(have)) + " where '" +
            formOf(*current) + "' takes " + std::to_string(bytes * 8) + " bits");
      return 0;
    }
    return allocation.slot[static_cast<size_t>(o.reg)];
  }
  case Kind::Integer:
    if (isFloat(type))
      error("'" + formOf(*current) + "' takes a float where it has the integer " + std::to_string(o.value));
    return constant(static_cast<uint64_t>(o.value), bytes);
  case Kind::Float: {
    if (bytes < 4 || type == Type::F16x2 || type == Type::BF16x2 || !(isFloat(type) || isUntyped(type)) ||
        (bytes == 8 && o.isSingle && isUntyped(type)))
      error("'" + formOf(*current) + "' does not take a float as a constant");
    if (bytes == 8)
      return constant(static_cast<uint64_t>(o.value), 8);
    double wide;
    std::memcpy(&wide, &o.value, 8);
    float narrow = static_cast<float>(wide);
    uint32_t bits = o.single;
    if (!o.isSingle)
      std::memcpy(&bits, &narrow, 4);
    return constant(bits, bytes);
  }
  case Kind::Special: return specialSource(o.name, type);
  case Kind::Symbol: return symbolSource(o, type);
  default:
    error("an operand of '" + formOf(*current) + "' is of a kind that it does not take");
    return 0;
  }
}

/// Instructions that accept registers wider than their type (ld, st, cvt).
uint32_t Decoder::wideSource(const Operand &o, unsigned atLeast, unsigned &bytes) {
  Type have = registerType(o);
  if (o.kind != Kind::Register) {
    bytes = std::max(atLeast, 2u);
    static constexpr Type bySize[] = {Type::B16, Type::B16, Type::B16, Type::B32, Type::B32,
                                      Type::B64, Type::B64, Type::B64, Type::B64};
    bytes = sizeOf(bySize[std::min(atLeast, 8u)]);
    return source(o, bySize[std::min(atLeast, 8u)]);
  }
  bytes = sizeOf(have);
  if (have == Type::Pred || bytes < atLeast) {
    error("register '" + std::string(o.name) + "' is too narrow for '" + formOf(*current) + "'");
    bytes = 16;
    return temporaryBase;
  }
  if (bytes == 1)
    unsupported("an 8-bit register");
  return allocation.slot[static_cast<size_t>(o.reg)];
}

uint32_t Decoder::predicateSource(const Operand &o) {
  if (o.kind == Kind::Integer) {
    uint32_t temp = temporaryPredicate();
    Op &op = emit("set.pred", OpKind::Alu);
    op.d = temp;
    op.imm = o.value != 0;
    return temp;
  }
  if (registerType(o) != Type::Pred) {
    error("'" + formOf(*current) + "' takes a predicate where it has '" + std::string(o.name) +
          "'");
    return 0;
  }
  uint32_t slot = allocation.slot[static_cast<size_t>(o.reg)];
  if (!o.negated)
    return slot;
  uint32_t temp = temporaryPredicate();
  Op &op = emit("not.pred", OpKind::Alu);
  op.d = temp;
  op.a = slot;
  return temp;
}

uint32_t Decoder::destination(size_t index, Type type) {
  if (index >= operandCount()) {
    error("'" + formOf(*current) + "' lacks its destination");
    return temporaryBase;
  }
  return destination(operand(index), type);
}

uint32_t Decoder::destination(const Operand &o, Type type) {
  if (o.kind == Kind::Sink) {
    std::string_view opcode = current->opcode;
    if (&o == current->operands.data() && opcode != "atom" && opcode != "setp" && opcode != "mbarrier" &&
        opcode != "lop3")
      error("the result of '" + formOf(*current) + "' cannot be thrown away");
    return type == Type::Pred ? temporaryPredicate() : temporary(sizeOf(type));
  }
  if (o.negated)
    error("the destination of '" + formOf(*current) + "' is negated");
  Type have = registerType(o);
  if (have == Type::None || (have == Type::Pred) != (type == Type::Pred) ||
      sizeOf(have) != sizeOf(type)) {
    error("the destination '" + std::string(o.name) + "' of '" + formOf(*current) +
          "' has to be a register of " +
          (type == Type::Pred ? std::string("type .pred") : std::to_string(8 * sizeOf(type)) + " bits"));
    return temporaryBase;
  }
  return allocation.slot[static_cast<size_t>(o.reg)];
}

uint32_t Decoder::wideDestination(const Operand &o, unsigned atLeast, unsigned &bytes) {
  if (o.kind == Kind::Sink) {
    bytes = 0;
    return noOperand;
  }
  if (o.kind != Kind::Register) {
    error("the destination of '" + formOf(*current) + "' has to be a register");
    bytes = 16;
    return temporaryBase;
  }
  return wideSource(o, atLeast, bytes);
}

/// Special registers; those that change while the kernel runs are read by an operation.
uint32_t Decoder::specialSource(std::string_view name, Type type) {
  static constexpr std::pair<std::string_view, SpecialSlot> table[] = {
      {"%tid.x", SpTidX}, {"%tid.y", SpTidY}, {"%tid.z", SpTidZ}, {"%laneid", SpLane},
      {"%ctaid.x", SpCtaX}, {"%ctaid.y", SpCtaY}, {"%ctaid.z", SpCtaZ},
      {"%ntid.x", SpNtidX}, {"%ntid.y", SpNtidY}, {"%ntid.z", SpNtidZ},
      {"%nctaid.x", SpNctaX}, {"%nctaid.y", SpNctaY}, {"%nctaid.z", SpNctaZ},
      {"%warpid", SpWarp}, {"%nwarpid", SpNwarp}, {"%lanemask_eq", SpMaskEq},
      {"%lanemask_le", SpMaskLe}, {"%lanemask_lt", SpMaskLt}, {"%lanemask_ge", SpMaskGe},
      {"%lanemask_gt", SpMaskGt}, {"%smid", SpZero}, {"%nsmid", SpOne},
      {"%dynamic_smem_size", SpDynShared}, {"%total_smem_size", SpTotalShared},
      {"%aggr_smem_size", SpTotalShared}, {"%gridid", SpGridLo}};
  bool environment = name.substr(0, 7) == "%envreg" && name.size() < 10;
  SpecialSlot found = clusterSlot(name);
  if (found == SpCount && environment) // of a driver that nothing here uses
    found = SpZero;
  unsigned bytes = sizeOf(type);
  for (auto &[text, slot] : table)
    found = text == name ? slot : found;
  if (found != SpCount) {
    uint32_t operand = operandOf(BaseSpecial, static_cast<uint32_t>(found) * lanes * 4);
    if (bytes == 4)
      return operand;
    if (bytes == 8 || bytes == 2) {
      uint32_t temp = temporary(8);
      Op &op = emit(bytes == 8 ? "cvt.u64.u32" : "cvt.u16.u32", OpKind::Convert);
      op.d = temp;
      op.a = operand;
      return temp;
    }
  }
  if (name.substr(0, reservedRegister.size()) == reservedRegister && bytes == 4) {
    uint32_t begin = program.reservedShared;
    std::pair<std::string_view, uint32_t> reserved[] = {
        {"begin", begin}, {"end", begin + reservedSharedBytes}, {"cap", reservedSharedBytes},
        {"0", begin}, {"1", begin + reservedSharedBytes / 2}};
    for (auto &[text, value] : reserved)
      if (name.substr(reservedRegister.size()) == text)
        return constant(value, 4);
  }
  bool clock32 = name == "%clock" || name == "%clock_hi" || name == "%globaltimer_lo" ||
                 name == "%globaltimer_hi";
  bool clock64 = name == "%clock64" || name == "%globaltimer";
  if ((clock32 && bytes == 4) || (clock64 && bytes == 8)) {
    uint32_t temp = temporary(8);
    Op &op = emit(bytes == 4 ? "clock.b32" : "clock.b64", OpKind::Alu);
    op.d = temp;
    op.imm = name == "%clock_hi" || name == "%globaltimer_hi" ? 32 : 0;
    return temp;
  }
  error("special register '" + std::string(name) + "' with " + std::to_string(bytes * 8) +
            " bits is not implemented, or the register is not declared", true);
  return 0;
}

const Decoder::Symbol *Decoder::findSymbol(std::string_view name) {
  auto it = locals.find(name);
  if (it != locals.end())
    return &it->second;
  it = globals.find(name);
  return it == globals.end() ? nullptr : &it->second;
}

/// The address of a variable, as mov gives it.
uint32_t Decoder::symbolSource(const Operand &o, Type type) {
  unsigned bytes = sizeOf(type);
  const Symbol *symbol = findSymbol(o.name);
  if (!symbol) {
    error("'" + std::string(o.name) + "' is not declared");
    return 0;
  }
  if (bytes != 8 && bytes != 4) {
    error("an address needs a register of 32 or 64 bits");
    return 0;
  }
  switch (symbol->where) {
  case Symbol::Where::Global:
    return addressConstant(static_cast<uint32_t>(symbol->offset), o.value, bytes);
  case Symbol::Where::Shared:
  case Symbol::Where::KernelParam:
    return constant(symbol->offset + static_cast<uint64_t>(o.value), bytes);
  case Symbol::Where::Local: {
    uint32_t temp = temporary(8);
    Op &op = emit(bytes == 8 ? "mov.local.b64" : "mov.local.b32", OpKind::Alu);
    op.d = temp;
    op.imm = static_cast<int64_t>(symbol->offset) + o.value;
    return temp;
  }
  case Symbol::Where::Function:
    if (const Function *f = definedFunction(o.name); f && bytes == 8)
      return constant(functionAddress(static_cast<size_t>(f - module.functions.data())), 8);
    unsupported("this address of a function");
    return 0;
  }
  return 0;
}

/// The address of the last operation: register, symbol or number plus offset. An operation may be
/// put before it, so references to it are stale afterwards. A symbol decides the space where the instruction's
/// space allows it; `.param` means local memory except for the kernel's own parameters.
void Decoder::setAddress(const Operand &o, Space &space) {
  Op &op = program.code.back();
  if (o.kind != Kind::Address) {
    error("'" + formOf(*current) + "' takes an address in brackets");
    return;
  }
  op.imm = o.value;
  op.a = noOperand;
  if (o.reg >= 0) {
    Type have = function->registers[static_cast<size_t>(o.reg)];
    if (sizeOf(have) == 4 && (space == Space::Generic || space == Space::Global))
      error("a " + std::string(space == Space::Global ? "global" : "generic") + " address has 64 bits, '" +
            std::string(o.name) + "' has 32");
    if (sizeOf(have) == 4)
      op.flags |= FlagAddress32;
    else if (sizeOf(have) != 8)
      error("an address register has 32 or 64 bits");
    op.a = allocation.slot[static_cast<size_t>(o.reg)];
    return;
  }
  if (o.name.empty())
    return;
  const Symbol *symbol = findSymbol(o.name);
  if (!symbol) {
    error("'" + std::string(o.name) + "' is not declared");
    return;
  }
  switch (symbol->where) {
  case Symbol::Where::Global:
    op.a = addressConstant(static_cast<uint32_t>(symbol->offset), 0, 8);
    break;
  case Symbol::Where::Shared:
    op.imm += static_cast<int64_t>(symbol->offset);
    if (space == Space::Generic)
      op.imm += static_cast<int64_t>(sharedWindow);
    break;
  case Symbol::Where::KernelParam:
    op.imm += static_cast<int64_t>(symbol->offset);
    break;
  case Symbol::Where::Local: {
    // Its place depends on the depth of calls.
    bool generic = space == Space::Generic;
    uint32_t temp = temporary(8);
    int64_t offset = static_cast<int64_t>(symbol->offset);
    size_t at = program.code.size() - 1;
    Op address;
    address.run = address.inner =
        findHandler(generic ? "mov.local.generic.b64" : "mov.local.b64");
    address.kind = OpKind::None;
    address.d = temp;
    address.imm = offset;
    // Before the access itself, and for all lanes, so without the predicate.
    program.code.insert(program.code.begin() + static_cast<long>(at), address);
    program.source.insert(program.source.begin() + static_cast<long>(at), current->line);
    program.location.insert(program.location.begin() + static_cast<long>(at), current->location);
    program.code[at + 1].a = temp;
    if (space == Space::Param)
      space = Space::Local;
    break;
  }
  case Symbol::Where::Function: error("a function has no data"); break;
  }
}

} // namespace cameo::ptx
