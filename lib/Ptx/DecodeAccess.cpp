// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Loads, stores and atomics to the names of their handlers. What ld and st share is their form: the type,
// the vector that the registers must make up, and the space, which an address can tell more closely.
#include "Async.h"
#include "Decode.h"

#include <algorithm>

namespace cameo::ptx {

namespace {

/// `old = *p; do seen = old; while ((old = atomicCAS(p, seen, f(seen))) != seen);`, as the CUDA guide has it and
/// cuda_bf16.h: the swap proves what the plain load guessed, so that this counts as relaxed. It is not far away.
bool isGuess(const Function &function, const Instruction &load) {
  if (load.opcode != "ld" || load.operands.size() != 2 || load.operands[0].kind != Operand::Kind::Register ||
      load.operands[1].kind != Operand::Kind::Address || load.operands[1].reg < 0)
    return false;
  const Instruction *first = &load + 1;
  const Instruction *last = std::min(first + 64, function.body.data() + function.body.size());
  auto becomes = [&](int32_t from, int32_t to) {
    return from == to || std::any_of(first, last, [&](const Instruction &i) {
             return i.opcode == "mov" && i.operands.size() == 2 && i.operands[0].reg == to && i.operands[1].reg == from &&
                    i.operands[0].kind == Operand::Kind::Register && i.operands[1].kind == Operand::Kind::Register;
           });
  };
  const auto &from = load.operands;
  return std::any_of(first, last, [&](const Instruction &swap) {
    const auto &to = swap.operands;
    return swap.opcode == "atom" && to.size() >= 4 && to[1].kind == Operand::Kind::Address && to[1].reg == from[1].reg &&
           to[1].value == from[1].value && to[2].kind == Operand::Kind::Register && becomes(from[0].reg, to[2].reg);
  });
}

constexpr std::string_view accessModifiers =
    " .weak .volatile .relaxed .acquire .release .mmio .cta .cluster .gpu .sys .global .shared "
    ".shared::cta .shared::cluster .local .param .param::entry .param::func .const .ca .cg .cs .lu .cv .wb .wt .nc "
    ".L1::evict_normal .L1::evict_unchanged .L1::evict_first .L1::evict_last .L1::no_allocate "
    ".L2::64B .L2::128B .L2::256B .L2::cache_hint .L2::evict_normal .L2::evict_first "
    ".L2::evict_last .unified .v2 .v4 .v8 .relu ";

/// Handlers for global and shared are their own; the others share one that looks.
std::string accessName(const char *kind, Space space, unsigned bytes, unsigned count,
                       Policy policy) {
  std::string name = kind;
  name += space == Space::Global ? ".global" : space == Space::Shared ? ".shared" : ".any";
  name += policy.counts ? ".count" : policy.checks ? ".check" : "";
  // Words in shared memory have handlers of their own.
  if (space == Space::Shared && bytes == 4 && !policy.counts) {
    if (count == 1)
      return name + ".word";
    if (count == 4 && name[0] == 'l')
      return name + ".four";
  }
  return name + "." + std::to_string(bytes);
}

Space spaceOfModifiers(const std::vector<std::string_view> &others) {
  for (std::string_view text : others) {
    if (text == ".global")
      return Space::Global;
    if (text == ".shared" || text == ".shared::cta")
      return Space::Shared;
    if (text == ".shared::cluster")
      return Space::Cluster;
    if (text == ".local")
      return Space::Local;
    if (text.substr(0, 6) == ".param")
      return Space::Param;
    if (text == ".const")
      return Space::Const;
  }
  return Space::Generic;
}

/// A vector of one element is that element.
const Operand &elementOf(const Operand &operand, unsigned count, unsigned i) {
  return count > 1 || operand.kind == Operand::Kind::Vector ? operand.elements[i] : operand;
}

} // namespace

/// Whether `operand` has the `count` elements that the vector modifier asks for.
bool Decoder::hasShape(const Operand &operand, unsigned count, const char *role) {
  bool isVector = operand.kind == Kind::Vector;
  if (isVector ? operand.elements.size() == count : count == 1)
    return true;
  error("the " + std::string(role) + " of '" + formOf(*current) + "' does not have its " +
        std::to_string(count) + " elements");
  return false;
}

/// The form of an ld or st whose registers are `data` and whose address is `address`.
bool Decoder::accessForm(const Modifiers &m, const Operand &data, const char *role,
                         const Operand &address, Access &access) {
  access.type = m.type();
  access.size = sizeOf(access.type);
  access.count = m.vectorLength();
  if (!access.size) {
    error(current->opcode == "ld" ? "ld needs a type" : "st needs a type");
    return false;
  }
  if (!hasShape(data, access.count, role))
    return false;
  if (access.size * access.count > 32) {
    error("'" + formOf(*current) + "' moves more than 32 bytes");
    return false;
  }
  bool evicts = m.has(".L2::evict_first") || m.has(".L2::evict_last") || m.has(".L2::evict_normal");
  if (evicts && access.size * access.count != 32) {
    error("'" + formOf(*current) + "': a priority of eviction from L2 is for 32 bytes (.v8.b32, .v4.b64)");
    return false;
  }
  access.space = spaceOfModifiers(m.others);
  if (address.reg < 0 && !address.name.empty())
    access.symbol = findSymbol(address.name);
  return true;
}

/// The memory op of a form, once its registers (`width` bytes each) have their slots. The address comes
/// last: it may put an op before this one.
void Decoder::emitAccess(bool isLoad, Access access, const uint32_t *slots, unsigned width,
                         uint8_t flags, const Operand &address) {
  // Parameters of a call that are declared in the function lie on its stack.
  if (access.space == Space::Param && access.symbol && access.symbol->where == Symbol::Where::Local)
    access.space = Space::Local;
  Op &op = emit(accessName(isLoad ? "ld" : "st", access.space, access.size, access.count, policy),
                OpKind::Memory);
  (isLoad ? op.d : op.b) = slots[0];
  op.size = static_cast<uint8_t>(access.size), op.count = static_cast<uint8_t>(access.count);
  op.width = static_cast<uint8_t>(width), op.space = access.space;
  op.flags |= flags;
  if (!isLoad && (access.space == Space::Shared || access.space == Space::Generic ||
                  access.space == Space::Cluster))
    op.traits = TraitStoresShared;
  if (access.count > 1) {
    op.extra = static_cast<uint32_t>(program.side.size());
    program.side.insert(program.side.end(), slots, slots + access.count);
  }
  setAddress(address, access.space);
}

/// One element of a matrix: its register has `width` bytes, its address is in a slot.
void Decoder::emitWmmaElement(bool isLoad, const Access &access, uint32_t data, unsigned width,
                              uint32_t address) {
  Op &op = emitPlain(accessName(isLoad ? "ld" : "st", access.space, access.size, 1, policy),
                     OpKind::Memory);
  (isLoad ? op.d : op.b) = data;
  op.a = address, op.imm = 0, op.count = 1, op.space = access.space;
  op.size = static_cast<uint8_t>(access.size), op.width = static_cast<uint8_t>(width);
}

/// A kernel parameter at a known place is a constant of the launch: moves instead of loads.
bool Decoder::loadParameter(const Access &access, const Operand &address, const uint32_t *slots,
                            unsigned width) {
  const Symbol *symbol = access.symbol;
  if (access.space != Space::Param || !symbol || symbol->where != Symbol::Where::KernelParam ||
      width != access.size || access.size > 8 || access.size < 2)
    return false;
  uint64_t bytes = uint64_t(access.size) * access.count;
  if (address.value < 0 || static_cast<uint64_t>(address.value) + bytes > symbol->bytes) {
    error("the load reaches beyond parameter '" + std::string(address.name) + "'");
    return true;
  }
  for (unsigned i = 0; i < access.count; ++i) {
    if (slots[i] == noOperand)
      continue;
    uint64_t offset = symbol->offset + static_cast<uint64_t>(address.value) + i * access.size;
    uint32_t from = parameterConstant(static_cast<uint32_t>(offset), access.size);
    Op &op = emit("mov.b" + std::to_string(8 * access.size), OpKind::Memory);
    op.d = slots[i], op.a = from;
  }
  return true;
}

/// Traits of a strong access; 0: it is weak. An atomic that says nothing is relaxed, of the device.
uint16_t Decoder::strengthOf(const Modifiers &m) const {
  bool atomic = current->opcode == "atom" || current->opcode == "red";
  bool system = m.has(".volatile") || m.has(".mmio");
  bool acquires = m.has(".acquire") || m.has(".acq_rel"), releases = m.has(".release") || m.has(".acq_rel");
  if (!atomic && !system && !acquires && !releases && !m.has(".relaxed"))
    return 0;
  bool says = m.has(".cta") || m.has(".cluster") || m.has(".gpu") || m.has(".sys");
  Scope scope = system ? Scope::System : says ? scopeOf(m) : Scope::Device;
  return static_cast<uint16_t>(TraitStrong | TraitScope * static_cast<unsigned>(scope) |
                               (acquires ? TraitAcquire : 0) | (releases ? TraitRelease : 0));
}

void Decoder::decodeLd() {
  Modifiers m = modifiers(accessModifiers);
  size_t operands = m.has(".L2::cache_hint") ? 3 : 2;
  if (!expectOperands(operands, operands))
    return;
  if (operand(0).kind == Kind::Sink)
    return error("the result of '" + formOf(*current) + "' cannot be thrown away");
  const Operand &target = operand(0), &address = operand(1);
  Access access;
  if (!accessForm(m, target, "destination", address, access))
    return;
  uint32_t slots[8];
  unsigned width = 0;
  for (unsigned i = 0; i < access.count; ++i) {
    unsigned bytes = 0;
    slots[i] = wideDestination(elementOf(target, access.count, i), access.size, bytes);
    if (bytes && width && bytes != width)
      return error("the registers of '" + formOf(*current) + "' differ in size");
    width = bytes ? bytes : width;
  }
  if (!width)
    width = std::max(2u, access.size);
  if (access.count == 1 && slots[0] == noOperand)
    slots[0] = temporary(16);
  if (loadParameter(access, address, slots, width))
    return;
  unsigned flags = isSigned(access.type) && !isFloat(access.type) ? FlagSigned : 0;
  flags |= m.has(".acquire") ? FlagAcquire : 0;
  flags |= m.has(".nc") ? FlagReadOnly : 0;
  emitAccess(/*isLoad=*/true, access, slots, width, static_cast<uint8_t>(flags), address);
  if (uint16_t strength = strengthOf(m)) {
    program.code.back().traits |= strength | traitSynchronises;
    program.pollsMemory = true;
  } else if (isGuess(*function, *current) || isGuessOfCall(module, *function, *current)) {
    program.code.back().traits |= static_cast<uint16_t>(TraitStrong | TraitScope * static_cast<unsigned>(Scope::Device));
  }
}

void Decoder::decodeSt() {
  if (!current->modifiers.empty() && current->modifiers[0] == ".async")
    return decodeStoreAsync();
  Modifiers m = modifiers(accessModifiers);
  size_t operands = m.has(".L2::cache_hint") ? 3 : 2;
  if (!expectOperands(operands, operands))
    return;
  const Operand &address = operand(0), &value = operand(1);
  Access access;
  if (!accessForm(m, value, "source", address, access))
    return;
  unsigned width = std::max(2u, access.size);
  for (unsigned i = 0; i < access.count; ++i)
    if (const Operand &element = elementOf(value, access.count, i); element.kind == Kind::Register)
      width = std::max(width, sizeOf(registerType(element)));
  static constexpr Type bySize[] = {Type::B16, Type::B16, Type::B16, Type::B32, Type::B32,
                                    Type::B64, Type::B64, Type::B64, Type::B64};
  Type registerWidth = width > 8 ? Type::B128 : bySize[width];
  if (width == access.size && isFloat(access.type))
    registerWidth = access.type; // so that a float immediate keeps its meaning
  uint32_t slots[8];
  bool integer = !isFloat(access.type) && !isUntyped(access.type);
  for (unsigned i = 0; i < access.count; ++i)
    if (integer && elementOf(value, access.count, i).kind == Kind::Float)
      return error("'" + formOf(*current) + "' does not take a float as a constant");
  for (unsigned i = 0; i < access.count; ++i)
    slots[i] = source(elementOf(value, access.count, i), registerWidth);
  emitAccess(/*isLoad=*/false, access, slots, width, m.has(".release") ? FlagRelease : 0, address);
  program.code.back().traits |= strengthOf(m);
}

/// atom d, [a], b{, c} and red [a], b.
void Decoder::decodeAtom() {
  if (current->opcode == "red" && !current->modifiers.empty() && current->modifiers[0] == ".async")
    return decodeStoreAsync();
  Modifiers m = modifiers(" .weak .relaxed .acquire .release .acq_rel .cta .cluster .gpu .sys "
                          ".global .shared .shared::cta .shared::cluster .add .min .max .and .or .xor .exch .cas "
                          ".inc .dec .noftz .L2::cache_hint .v2 .v4 .v8 ");
  bool isRed = current->opcode == "red";
  size_t base = isRed ? 0 : 1;
  std::string operation;
  for (std::string_view text : {".add", ".min", ".max", ".and", ".or", ".xor", ".exch", ".cas",
                                ".inc", ".dec"})
    if (m.has(text))
      operation = text;
  bool cas = operation == ".cas";
  if (isRed && (cas || operation == ".exch"))
    return unsupported("a reduction by an exchange");
  size_t operands = base + 2 + cas + m.has(".L2::cache_hint");
  if (operation.empty())
    return error("'" + formOf(*current) + "' names no operation");
  if (!expectOperands(operands, operands))
    return;
  Type type = m.type();
  unsigned count = m.vectorLength();
  Space space = spaceOfModifiers(m.others);
  bool sign = operation == ".min" || operation == ".max";
  std::string typeText =
      isFloat(type) ? std::string(nameOf(type))
      : sign ? (isSigned(type) ? ".s" : ".u") + std::to_string(8 * sizeOf(type))
             : ".b" + std::to_string(8 * sizeOf(type));
  const Operand &value = operand(base + 1);
  if (!hasShape(value, count, "source") || (!isRed && !hasShape(operand(0), count, "destination")))
    return;
  for (unsigned i = 0; i < count; ++i) {
    // A vector is as many atomics: PTX promises no more.
    uint32_t b = source(elementOf(value, count, i), type);
    uint32_t c = cas ? source(base + 2, type) : noOperand;
    uint32_t d = noOperand;
    if (!isRed)
      d = destination(elementOf(operand(0), count, i), type);
    Op &op = emit("atom" + operation + typeText, OpKind::Memory);
    op.d = d, op.b = b, op.c = c, op.space = space;
    op.size = static_cast<uint8_t>(sizeOf(type));
    op.width = policy.checks ? 1 : 0;
    if (space == Space::Shared || space == Space::Generic || space == Space::Cluster)
      op.traits = TraitStoresShared;
    setAddress(operand(base), space);
    program.code.back().imm += i * sizeOf(type);
    program.code.back().traits |= strengthOf(m) | (isRed ? 0 : traitSynchronises);
  }
}

} // namespace cameo::ptx
