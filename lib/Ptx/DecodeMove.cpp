// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Moves, conversions and hints to the names of their handlers.
#include "Decode.h"

#include <algorithm>
#include <cstring>

namespace cameo::ptx {

void Decoder::decodeMov() {
  Modifiers m = modifiers(" ");
  if (!expectOperands(2, 2))
    return;
  if (operand(0).kind == Kind::Vector || operand(1).kind == Kind::Vector)
    return decodeVectorMove(operand(1).kind == Kind::Vector);
  Type type = m.type();
  if (type == Type::Pred && operand(1).kind == Kind::Special) {
    if (operand(1).name != "%is_explicit_cluster")
      return unsupported("'" + std::string(operand(1).name) + "'");
    uint32_t d = destination(0, type);
    Op &op = emit("mov.explicit_cluster", OpKind::Alu);
    op.d = d;
    return;
  }
  if (type == Type::Pred) {
    uint32_t a = predicateSource(operand(1)), d = destination(0, type);
    Op &op = emit("mov.pred", OpKind::Alu);
    op.d = d, op.a = a;
    return;
  }
  uint32_t a = source(1, type), d = destination(0, type);
  Op &op = emit("mov.b" + std::to_string(8 * sizeOf(type)), OpKind::Alu);
  op.d = d, op.a = a;
}

/// mov.b32 %r, {%rs1, %rs2} and mov.b64 {%r1, %r2}, %rd.
void Decoder::decodeVectorMove(bool packs) {
  Modifiers m = modifiers(" ");
  const Operand &parts = operand(packs ? 1 : 0);
  unsigned wide = sizeOf(m.type()), count = static_cast<unsigned>(parts.elements.size());
  if (wide == 0 || (count != 2 && count != 4) || wide / count < 1 || wide > 16)
    return error("'" + formOf(*current) + "' cannot be split into " + std::to_string(count));
  unsigned size = wide / count;
  if (size == 1)
    return unsupported("a move of 8-bit parts");
  Type part = size == 2 ? Type::B16 : size == 4 ? Type::B32 : Type::B64;
  uint32_t slots[4];
  for (unsigned i = 0; i < count; ++i) {
    bool sink = !packs && parts.elements[i].kind == Kind::Sink;
    slots[i] = sink    ? noOperand
               : packs ? source(parts.elements[i], part)
                       : destination(parts.elements[i], part);
  }
  bool fast = count == 2 && wide <= 8;
  if (packs) {
    uint32_t d = destination(0, m.type());
    Op &op = emit(fast ? "mov.pack.b" + std::to_string(8 * wide) : "mov.pack", OpKind::Alu);
    op.d = d, op.a = slots[0], op.b = slots[1];
    op.size = static_cast<uint8_t>(size), op.count = static_cast<uint8_t>(count);
    if (!fast)
      program.code.back().extra = count == 2 ? addSide({slots[0], slots[1]})
                                             : addSide({slots[0], slots[1], slots[2], slots[3]});
    return;
  }
  uint32_t a = source(1, m.type());
  if (fast) {
    for (unsigned i = 0; i < 2; ++i) {
      if (slots[i] == noOperand)
        continue;
      Op &op = emit((i ? "mov.high.b" : "mov.low.b") + std::to_string(8 * wide), OpKind::Alu);
      op.d = slots[i], op.a = a;
    }
    return;
  }
  uint32_t side = count == 2 ? addSide({slots[0], slots[1]})
                             : addSide({slots[0], slots[1], slots[2], slots[3]});
  Op &op = emit("mov.unpack", OpKind::Alu);
  op.a = a, op.extra = side;
  op.size = static_cast<uint8_t>(size), op.count = static_cast<uint8_t>(count);
}

// -- conversions ----------------------------------------------------------------------------------

void Decoder::decodeCvt() {
  if (!current->modifiers.empty() && current->modifiers[0] == ".pack")
    return decodeCvtPack();
  Modifiers m = modifiers(" .round .roundi .rn .rna .ftz .sat .relu .satfinite ");
  for (std::string_view text : {".rn", ".rna"}) // listed, so that they come as others
    if (m.has(text)) {
      m.round = text == ".rn" ? Round::Nearest : Round::Away;
      m.roundText = text;
    }
  if (m.types.size() != 2 || !expectOperands(2, 3))
    return error("cvt needs two types");
  Type to = m.type(0), from = m.type(1);
  auto packed = [](Type t) {
    return t == Type::F16x2 || t == Type::BF16x2 || t == Type::E4M3x2 || t == Type::E5M2x2;
  };
  if (packed(to) || packed(from))
    return decodePackedCvt(m, to, from);
  if (operandCount() != 2)
    return error("'" + formOf(*current) + "' takes one source");
  decodeFloatCvt(m, to, from);
}

enum ConvertFlags : uint32_t { CvtFtz = 1, CvtSat = 2, CvtSatFinite = 4, CvtRelu = 8, CvtIntegral = 16 };

static int64_t convertDescription(Type to, Type from, Round round, uint32_t flags,
                                  unsigned toBytes, unsigned fromBytes) {
  return static_cast<int64_t>(static_cast<uint64_t>(to) | static_cast<uint64_t>(from) << 8 |
                              static_cast<uint64_t>(round) << 16 | uint64_t(flags) << 24 |
                              uint64_t(toBytes) << 32 | uint64_t(fromBytes) << 40);
}

void Decoder::decodeFloatCvt(const Modifiers &m, Type to, Type from) {
  bool integral = m.roundText.size() == 4 && m.roundText[3] == 'i';
  uint32_t flags = (m.has(".ftz") ? CvtFtz : 0) | (m.has(".sat") ? CvtSat : 0) |
                   (m.has(".satfinite") ? CvtSatFinite : 0) | (m.has(".relu") ? CvtRelu : 0) |
                   (integral ? CvtIntegral : 0);
  if (isFloat(from) && operand(1).kind == Kind::Integer)
    return error("'" + formOf(*current) + "' takes a float where it has an integer");
  unsigned toBytes = 0, fromBytes = 0;
  uint32_t a = wideSource(operand(1), sizeOf(from), fromBytes);
  uint32_t d = wideDestination(operand(0), sizeOf(to), toBytes);
  bool exactWidths = fromBytes == std::max(2u, sizeOf(from)) && toBytes == std::max(2u, sizeOf(to)) &&
                     sizeOf(from) > 1 && sizeOf(to) > 1;
  if (d == noOperand || fromBytes > 8 || toBytes > 8)
    return error("cvt works on registers of at most 64 bits");
  // The fast forms have a name each, with the modifiers that matter.
  std::string name = "cvt";
  if (isFloat(to) && isFloat(from) && integral)
    name += m.roundText;
  else if (!isFloat(to) && isFloat(from))
    name += m.roundText;
  else if (isFloat(to) && m.round != Round::Nearest)
    name += m.roundText;
  name += (m.has(".ftz") ? ".ftz" : "");
  name += std::string(m.has(".sat") ? ".sat" : "") + (m.has(".satfinite") ? ".satfinite" : "") +
          (m.has(".relu") ? ".relu" : "") + std::string(nameOf(to)) + std::string(nameOf(from));
  bool fast = exactWidths && findHandler(name);
  Op &op = emit(fast ? name : "cvt.any", OpKind::Convert);
  op.d = d, op.a = a;
  op.imm = convertDescription(to, from, m.round, flags, toBytes, fromBytes);
}

/// Two values at once: from two f32 registers, from a pair, or from two 8-bit floats.
void Decoder::decodePackedCvt(const Modifiers &m, Type to, Type from) {
  uint32_t flags = (m.has(".satfinite") ? CvtSatFinite : 0) | (m.has(".relu") ? CvtRelu : 0);
  bool two = from == Type::F32;
  if (operandCount() != (two ? 3u : 2u))
    return error("'" + formOf(*current) + "' takes " + (two ? "two sources" : "one source"));
  auto half = [](Type t) {
    return t == Type::F16x2 ? Type::F16 : t == Type::BF16x2 ? Type::BF16
           : t == Type::E4M3x2 ? Type::E4M3 : t == Type::E5M2x2 ? Type::E5M2 : t;
  };
  uint32_t a = source(1, from), b = two ? source(2, from) : noOperand, d = destination(0, to);
  std::string name = "cvt.pair";
  if (two && !flags && m.round == Round::Nearest && (to == Type::F16x2 || to == Type::BF16x2))
    name += std::string(nameOf(to)) + ".f32";
  Op &op = emit(name, OpKind::Convert);
  op.d = d, op.a = a, op.b = b;
  op.imm = convertDescription(half(to), half(from), m.round, flags, sizeOf(to) / 2,
                              two ? 4 : sizeOf(from) / 2);
}

void Decoder::decodeCvta() {
  Modifiers m = modifiers(" .to .global .shared .shared::cta .shared::cluster .local .const .param .param::entry ");
  if (!expectOperands(2, 2))
    return;
  if (m.type() != Type::U64)
    return unsupported("a 32-bit generic address");
  Space space = Space::Global;
  if (m.has(".shared") || m.has(".shared::cta") || m.has(".shared::cluster"))
    space = Space::Shared; // one window, see Cluster.h
  else if (m.has(".local"))
    space = Space::Local;
  else if (m.has(".param") || m.has(".param::entry"))
    space = Space::Param;
  std::string name = "cvta.";
  bool identity = space == Space::Global;
  name += m.has(".to") ? "to" : std::string(nameOf(space));
  uint32_t a;
  if (operand(1).kind == Kind::Symbol) {
    a = symbolSource(operand(1), Type::U64);
  } else {
    a = source(1, Type::U64);
  }
  uint32_t d = destination(0, Type::U64);
  Op &op = emit(identity ? "mov.b64" : name, OpKind::Alu);
  op.d = d, op.a = a;
}

void Decoder::decodeIsspacep() {
  Modifiers m = modifiers(" .global .shared .shared::cta .shared::cluster .local .const .param .param::entry ");
  if (!expectOperands(2, 2) || m.others.empty())
    return;
  std::string space(m.others[0]);
  if (space == ".shared")
    space = ".shared::cta";
  if (space == ".param::entry")
    space = ".param";
  uint32_t a = source(1, Type::U64), d = destination(0, Type::Pred);
  Op &op = emit("isspacep" + space, OpKind::Alu);
  op.d = d, op.a = a, op.b = a;
}

/// Hints: the address is not followed. A cache policy is an opaque number.
void Decoder::decodeNothing() {
  struct Hint {
    std::string_view opcode, allowed;
    int64_t bytes; ///< behind an address; 0: an address alone; -1: no address
  };
  static constexpr Hint table[] = {
      {"prefetch", " .global .local .const .param .L1 .L2 .L2::evict_last .L2::evict_normal .tensormap ", 0},
      {"prefetchu", " .L1 ", 0},
      {"discard", " .global .L2 ", 128},
      {"applypriority", " .global .L2::evict_normal ", 128},
      {"pmevent", " .mask ", -1},
      {"griddepcontrol", " .launch_dependents .wait ", -1}};
  for (const Hint &hint : table) {
    if (hint.opcode != current->opcode)
      continue;
    Modifiers m = modifiers(hint.allowed);
    size_t operands = hint.bytes > 0 ? 2 : hint.bytes == 0 || hint.opcode == "pmevent" ? 1 : 0;
    if (!expectOperands(operands, operands))
      return;
    if (hint.bytes > 0 && (operand(1).kind != Kind::Integer || operand(1).value != hint.bytes))
      return error("'" + formOf(*current) + "' takes 128 bytes");
    if (hint.opcode == "pmevent" &&
        (operand(0).kind != Kind::Integer || operand(0).value < 0 || operand(0).value > (m.has(".mask") ? 0xffff : 15)))
      return error("'" + formOf(*current) + "' takes a number of " + (m.has(".mask") ? "16 bits" : "0 to 15"));
    if (hint.bytes >= 0)
      addressParts(operand(0), m.has(".global") ? Space::Global : m.has(".local") ? Space::Local
                               : m.has(".param") ? Space::Param : Space::Generic);
  }
  emit("nothing", OpKind::None);
}

/// createpolicy.cvt.L2 d, size; .fractional… d{, fraction}; .range… d, [a], primary, total
void Decoder::decodeCreatepolicy() {
  Modifiers m = modifiers(" .fractional .range .cvt .global .L2 .L2::evict_first .L2::evict_last .L2::evict_normal "
                          ".L2::evict_unchanged ");
  bool range = m.has(".range"), fraction = m.has(".fractional");
  if (!expectOperands(range ? 4 : fraction ? 1 : 2, range ? 4 : 2))
    return;
  if (range) {
    addressParts(operand(1), m.has(".global") ? Space::Global : Space::Generic);
    source(2, Type::B32), source(3, Type::B32);
  } else if (operandCount() == 2) {
    source(1, fraction ? Type::F32 : Type::B64);
  }
  uint32_t d = destination(0, Type::B64), value = constant(0, 8);
  Op &op = emit("mov.b64", OpKind::Alu);
  op.d = d, op.a = value;
}

} // namespace cameo::ptx
