// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Arithmetic, logic and comparison instructions to the names of their handlers. Where PTX spells
// one operation in several ways (add.s32 and add.u32) there is one name.
#include "Decode.h"

namespace cameo::ptx {
namespace {

std::string bitsName(Type type) { return ".b" + std::to_string(8 * sizeOf(type)); }
bool isHalf(Type t) {
  return t == Type::F16 || t == Type::BF16 || t == Type::F16x2 || t == Type::BF16x2;
}
bool isPackedInteger(Type t) { return t == Type::U16x2 || t == Type::S16x2; }
bool isInteger(Type t) { return !isFloat(t) && t != Type::Pred && t != Type::None && !isPackedInteger(t); }

/// .u32 for every unsigned or untyped 32-bit type.
std::string signedName(Type type) {
  return (isSigned(type) ? ".s" : ".u") + std::to_string(8 * sizeOf(type));
}

} // namespace

/// Directed rounding and saturation in f32 and f64: lane by lane, the modifiers in `imm`.
void Decoder::emitSlow(const std::string &base, const Modifiers &m, size_t inputs) {
  Type type = m.type();
  uint32_t in[3] = {noOperand, noOperand, noOperand};
  for (size_t i = 0; i < inputs; ++i)
    in[i] = source(1 + i, type);
  uint32_t d = destination(0, type);
  Op &op = emit(base + std::string(nameOf(type)) + ".slow", inputs == 3 ? OpKind::Fma : OpKind::Alu);
  op.d = d, op.a = in[0], op.b = in[1], op.c = in[2];
  op.imm = static_cast<int64_t>(m.round) | (m.has(".ftz") ? 0x100 : 0) |
           (m.has(".sat") ? 0x200 : 0);
}

static std::string halfModifiers(bool ftz, bool sat, bool relu) {
  return std::string(ftz ? ".ftz" : "") + (sat ? ".sat" : "") + (relu ? ".relu" : "");
}

/// add, sub, mul and fma of two f32 in a 64-bit register: each half as the scalar instruction.
void Decoder::decodeTwoFloats(const Modifiers &m, size_t inputs) {
  uint32_t in[3][2], out[2], d = destination(0, Type::F32x2);
  for (size_t i = 0; i < inputs; ++i) {
    uint32_t wide = source(1 + i, Type::F32x2);
    for (unsigned half = 0; half < 2; ++half) {
      in[i][half] = temporary(4);
      Op &op = emit(half ? "mov.high.b64" : "mov.low.b64", OpKind::Alu);
      op.d = in[i][half], op.a = wide;
    }
  }
  for (unsigned half = 0; half < 2; ++half) {
    out[half] = temporary(4);
    bool slow = m.round != Round::Nearest;
    std::string name = std::string(current->opcode) + ".f32";
    Op &op = emit(name + (slow ? ".slow" : m.has(".ftz") ? ".ftz" : ""), OpKind::Fma);
    op.d = out[half], op.a = in[0][half], op.b = in[1][half];
    op.c = inputs == 3 ? in[2][half] : noOperand;
    op.imm = static_cast<int64_t>(m.round) | (m.has(".ftz") ? 0x100 : 0);
  }
  Op &op = emit("mov.pack.b64", OpKind::Alu);
  op.d = d, op.a = out[0], op.b = out[1];
}

/// add, sub and fma in f32 whose factors or first term are 16-bit floats: widened, which is exact.
void Decoder::decodeMixed(const Modifiers &m, size_t inputs) {
  uint32_t in[3];
  for (size_t i = 0; i < inputs; ++i) {
    bool narrow = i + 1 < inputs;
    in[i] = source(1 + i, narrow ? m.type(1) : Type::F32);
    if (!narrow)
      continue;
    uint32_t wide = temporary(4);
    Op &op = emit("cvt.f32" + std::string(nameOf(m.type(1))), OpKind::Convert);
    op.d = wide, op.a = in[i];
    in[i] = wide;
  }
  uint32_t d = destination(0, Type::F32);
  bool slow = m.round != Round::Nearest || m.has(".sat");
  Op &op = emit(std::string(current->opcode) + ".f32" + (slow ? ".slow" : ""), OpKind::Fma);
  op.d = d, op.a = in[0], op.b = in[1], op.c = inputs == 3 ? in[2] : noOperand;
  op.imm = static_cast<int64_t>(m.round) | (m.has(".sat") ? 0x200 : 0);
}

void Decoder::decodeArithmetic() {
  for (std::string_view text : current->modifiers)
    if (text == ".cc")
      return decodeCarry();
  Modifiers m = modifiers(" .round .ftz .sat ");
  if (!expectOperands(3, 3))
    return;
  Type type = m.type();
  if (type == Type::F32x2)
    return decodeTwoFloats(m, 2);
  if (m.types.size() == 2 && type == Type::F32)
    return decodeMixed(m, 2);
  std::string name(current->opcode);
  bool ftz = m.has(".ftz"), sat = m.has(".sat");
  if (!isFloat(type) && (ftz || !m.roundText.empty()))
    return unsupported("rounding of integers");
  if (type == Type::F32 || type == Type::F64) {
    if (m.round != Round::Nearest || sat)
      return emitSlow(name, m, 2);
    name += std::string(nameOf(type)) + (ftz ? ".ftz" : "");
  } else if (isHalf(type)) {
    if (m.round != Round::Nearest)
      return unsupported("directed rounding of 16-bit floats");
    name += std::string(nameOf(type)) + halfModifiers(ftz, sat, false);
  } else if (isPackedInteger(type)) {
    name += nameOf(type);
  } else if (sat) {
    name += ".sat" + signedName(type);
  } else if (isInteger(type) && sizeOf(type) >= 2) {
    name += bitsName(type);
  } else {
    return unsupported("this type");
  }
  uint32_t a = source(1, type), b = source(2, type), d = destination(0, type);
  Op &op = emit(name, OpKind::Alu);
  op.d = d, op.a = a, op.b = b;
}

void Decoder::decodeFma() {
  Modifiers m = modifiers(" .round .ftz .sat .relu .oob ");
  if (!expectOperands(4, 4))
    return;
  Type type = m.type();
  if (type == Type::F32x2)
    return decodeTwoFloats(m, 3);
  if (m.types.size() == 2 && type == Type::F32)
    return decodeMixed(m, 3);
  bool ftz = m.has(".ftz"), sat = m.has(".sat");
  if (m.roundText.empty() || !(type == Type::F32 || type == Type::F64 || isHalf(type)))
    return unsupported("this type or a missing rounding");
  std::string name = "fma" + std::string(nameOf(type));
  if (isHalf(type)) {
    if (m.round != Round::Nearest)
      return unsupported("directed rounding of 16-bit floats");
    name += m.has(".oob") ? ".oob" : "";
    name += halfModifiers(ftz, sat, m.has(".relu"));
  } else {
    if (m.round != Round::Nearest || sat)
      return emitSlow("fma", m, 3);
    name += ftz ? ".ftz" : "";
  }
  uint32_t a = source(1, type), b = source(2, type), c = source(3, type), d = destination(0, type);
  Op &op = emit(name, OpKind::Fma);
  op.d = d, op.a = a, op.b = b, op.c = c;
}

/// mul and mad: floats as add and fma; integers with .lo, .hi, .wide.
void Decoder::decodeMul() {
  for (std::string_view text : current->modifiers)
    if (text == ".cc")
      return decodeCarry();
  bool isMad = current->opcode == "mad";
  Modifiers m = modifiers(" .round .ftz .sat .lo .hi .wide ");
  size_t inputs = isMad ? 3 : 2;
  if (!expectOperands(inputs + 1, inputs + 1))
    return;
  Type type = m.type();
  if (isFloat(type))
    return isMad ? decodeFma() : decodeArithmetic();
  bool wide = m.has(".wide"), hi = m.has(".hi");
  bool one = m.has(".lo") + hi + wide == 1 && !m.has(".ftz");
  bool saturates = m.has(".sat") && !(isMad && hi && type == Type::S32);
  if (!isInteger(type) || sizeOf(type) < 2 || !one || saturates || !m.roundText.empty())
    return unsupported("this form");
  std::string name = std::string(current->opcode);
  if (m.has(".sat"))
    name += ".hi.sat.s32";
  else
    name += wide ? ".wide" + signedName(type) : hi ? ".hi" + signedName(type)
                                                   : ".lo" + bitsName(type);
  static constexpr Type twice[] = {Type::None, Type::B16, Type::B32, Type::None, Type::B64};
  if (wide && sizeOf(type) > 4)
    return unsupported("a 128-bit product");
  Type result = wide ? twice[sizeOf(type)] : type;
  uint32_t a = source(1, type), b = source(2, type);
  uint32_t c = isMad ? source(3, result) : noOperand, d = destination(0, result);
  Op &op = emit(name, OpKind::Alu);
  op.d = d, op.a = a, op.b = b, op.c = c;
}

void Decoder::decodeDiv() {
  Modifiers m = modifiers(" .round .ftz .full .approx ");
  if (!expectOperands(3, 3))
    return;
  Type type = m.type();
  std::string name(current->opcode);
  bool approximate = m.has(".full") || m.has(".approx");
  if ((approximate && (type != Type::F32 || !m.roundText.empty())) ||
      (!isFloat(type) && (m.has(".ftz") || !m.roundText.empty())))
    return unsupported("this form");
  if (isFloat(type)) {
    if (m.round != Round::Nearest)
      return emitSlow(name, m, 2);
    name += std::string(nameOf(type)) + (m.has(".ftz") ? ".ftz" : "");
  } else if (isInteger(type) && sizeOf(type) >= 2) {
    name += signedName(type);
  } else {
    return unsupported("this type");
  }
  uint32_t a = source(1, type), b = source(2, type), d = destination(0, type);
  Op &op = emit(name, OpKind::Alu);
  op.d = d, op.a = a, op.b = b;
}

void Decoder::decodeMinMax() {
  Modifiers m = modifiers(" .ftz .NaN .xorsign.abs .xorsign .abs .relu ");
  Type type = m.type();
  bool three = operandCount() == 4;
  if (!expectOperands(3, 4))
    return;
  std::string name = std::string(current->opcode) + (three ? "3" : "");
  bool relu = m.has(".relu"), magnitude = m.has(".xorsign") || m.has(".abs") || m.has(".xorsign.abs");
  bool signs = three ? m.has(".xorsign") : m.has(".xorsign") != m.has(".abs");
  if (isFloat(type) ? relu || signs
                    : m.has(".ftz") || m.has(".NaN") || magnitude)
    return unsupported("this modifier of this type");
  if (isFloat(type))
    name += std::string(nameOf(type)) + (m.has(".ftz") ? ".ftz" : "") +
            (m.has(".NaN") ? ".nan" : "") +
            (m.has(".xorsign") ? ".xorsign" : m.has(".abs") ? ".abs" : "");
  else if (isPackedInteger(type))
    name += std::string(m.has(".relu") ? ".relu" : "") + std::string(nameOf(type));
  else if (m.has(".relu"))
    name += ".relu" + signedName(type);
  else if (isInteger(type) && sizeOf(type) >= 2)
    name += signedName(type);
  else
    return unsupported("this type");
  uint32_t a = source(1, type), b = source(2, type), c = three ? source(3, type) : noOperand;
  uint32_t d = destination(0, type);
  Op &op = emit(name, OpKind::Alu);
  op.d = d, op.a = a, op.b = b, op.c = c;
}

void Decoder::decodeUnary() {
  Modifiers m = modifiers(" .ftz ");
  if (!expectOperands(2, 2))
    return;
  Type type = m.type();
  std::string name(current->opcode);
  if (isFloat(type))
    name += std::string(nameOf(type)) + (m.has(".ftz") ? ".ftz" : "");
  else
    name += name == "neg" ? bitsName(type) : signedName(type);
  uint32_t a = source(1, type), d = destination(0, type);
  Op &op = emit(name, OpKind::Alu);
  op.d = d, op.a = a;
}

void Decoder::decodeLogic() {
  Modifiers m = modifiers(" ");
  Type type = m.type();
  bool unary = current->opcode == "not" || current->opcode == "cnot";
  if (!expectOperands(unary ? 2 : 3, unary ? 2 : 3))
    return;
  std::string name =
      std::string(current->opcode) + (type == Type::Pred ? std::string(".pred") : bitsName(type));
  uint32_t a = source(1, type), b = unary ? noOperand : source(2, type);
  uint32_t d = destination(0, type);
  Op &op = emit(name, OpKind::Alu);
  op.d = d, op.a = a, op.b = b;
}

void Decoder::decodeShift() {
  Modifiers m = modifiers(" ");
  if (!expectOperands(3, 3))
    return;
  Type type = m.type();
  bool left = current->opcode == "shl";
  uint32_t a = source(1, type), b = source(2, Type::U32), d = destination(0, type);
  Op &op = emit(left ? "shl" + bitsName(type) : "shr" + signedName(type), OpKind::Alu);
  op.d = d, op.a = a, op.b = b;
}

/// add.cc, addc, sub.cc, subc, mad.cc, madc: the carry is a slot of the frame.
void Decoder::decodeCarry() {
  Modifiers m = modifiers(" .cc .lo .hi ");
  Type type = m.type();
  bool isMad = current->opcode.substr(0, 3) == "mad";
  if (!expectOperands(isMad ? 4 : 3, isMad ? 4 : 3))
    return;
  std::string name(current->opcode);
  if (isMad)
    name += m.has(".hi") ? ".hi" : ".lo";
  name += m.has(".cc") ? ".cc" : "";
  name += m.has(".hi") && isSigned(type) ? nameOf(type) : bitsName(type);
  uint32_t a = source(1, type), b = source(2, type), c = isMad ? source(3, type) : 0;
  uint32_t d = destination(0, type), side = isMad ? addSide({c}) : 0;
  Op &op = emit(name, OpKind::Alu);
  op.d = d, op.a = a, op.b = b, op.c = carrySlot, op.extra = side;
}

void Decoder::decodeBits() {
  Modifiers m = modifiers(" .shiftamt ");
  Type type = m.type();
  std::string_view opcode = current->opcode;
  bool field = opcode == "bfe", insert = opcode == "bfi";
  size_t inputs = field ? 3 : insert ? 4 : 1;
  if (!expectOperands(inputs + 1, inputs + 1))
    return;
  std::string name = std::string(opcode) + (m.has(".shiftamt") ? ".shiftamt" : "");
  name += opcode == "bfind" || field ? signedName(type) : bitsName(type);
  bool counts = opcode == "popc" || opcode == "clz" || opcode == "bfind";
  uint32_t a = source(1, type), b = noOperand, c = noOperand, side = 0;
  for (size_t i = field ? 2 : 3; (field || insert) && i < operandCount(); ++i)
    if (operand(i).kind == Kind::Integer && (operand(i).value < 0 || operand(i).value > 255))
      return error("a position and a length of '" + formOf(*current) + "' are 0 to 255");
  if (field)
    b = source(2, Type::U32), c = source(3, Type::U32);
  if (insert) {
    b = source(2, type);
    c = source(3, Type::U32);
    side = addSide({source(4, Type::U32)});
  }
  uint32_t d = destination(0, counts ? Type::U32 : type);
  Op &op = emit(name, OpKind::Alu);
  op.d = d, op.a = a, op.b = b, op.c = c, op.extra = side;
}

/// lop3.b32 d, a, b, c, table; lop3.{or|and}.b32 d|p, a, b, c, table, q sets p to (d != 0) op q.
void Decoder::decodeLop3() {
  Modifiers m = modifiers(" .and .or ");
  bool combines = !m.others.empty();
  if (!expectOperands(combines ? 6 : 5, combines ? 6 : 5))
    return;
  if (operand(4).kind != Kind::Integer)
    return error("the table of lop3 has to be a number");
  if (combines != (operand(0).kind == Kind::Pair))
    return error("lop3 has a second destination exactly with .and and .or");
  uint32_t a = source(1, Type::B32), b = source(2, Type::B32), c = source(3, Type::B32);
  uint32_t q = combines ? predicateSource(operand(5)) : noOperand;
  uint32_t d = destination(combines ? operand(0).elements[0] : operand(0), Type::B32);
  uint32_t p = combines ? destination(operand(0).elements[1], Type::Pred) : noOperand;
  Op &op = emit("lop3.b32", OpKind::Alu);
  op.d = d, op.a = a, op.b = b, op.c = c, op.imm = operand(4).value & 0xff;
  if (!combines)
    return;
  uint32_t hit = temporaryPredicate(), zero = constant(0, 4);
  Op &compare = emit("setp.ne.u32", OpKind::Alu);
  compare.d = hit, compare.a = d, compare.b = zero;
  Op &combine = emit(m.has(".and") ? "and.pred" : "or.pred", OpKind::Alu);
  combine.d = p, combine.a = hit, combine.b = q;
}

void Decoder::decodePrmt() {
  Modifiers m = modifiers(" .f4e .b4e .rc8 .ecl .ecr .rc16 ");
  if (!expectOperands(4, 4))
    return;
  std::string name = "prmt.b32" + (m.others.empty() ? std::string() : std::string(m.others[0]));
  uint32_t a = source(1, Type::B32), b = source(2, Type::B32), c = source(3, Type::B32);
  uint32_t d = destination(0, Type::B32);
  Op &op = emit(name, OpKind::Alu);
  op.d = d, op.a = a, op.b = b, op.c = c;
}

void Decoder::decodeShf() {
  Modifiers m = modifiers(" .l .r .wrap .clamp ");
  if (!expectOperands(4, 4))
    return;
  std::string name = std::string("shf") + (m.has(".l") ? ".l" : ".r") +
                     (m.has(".wrap") ? ".wrap" : ".clamp") + ".b32";
  uint32_t a = source(1, Type::B32), b = source(2, Type::B32), c = source(3, Type::B32);
  uint32_t d = destination(0, Type::B32);
  Op &op = emit(name, OpKind::Alu);
  op.d = d, op.a = a, op.b = b, op.c = c;
}

void Decoder::decodeDot() {
  bool video = current->opcode.starts_with("v"); // the type of the result comes first; no parts are selected
  Modifiers m = modifiers(video ? " .add " : " .lo .hi ");
  if (!expectOperands(4, 4))
    return;
  std::string name(current->opcode);
  if (name == "dp2a")
    name += m.has(".hi") ? ".hi" : ".lo";
  name += std::string(nameOf(m.type(video))) + std::string(nameOf(m.type(1 + video))) + (m.has(".add") ? ".add" : "");
  uint32_t a = source(1, Type::U32), b = source(2, Type::U32), c = source(3, Type::U32);
  uint32_t d = destination(0, Type::B32);
  Op &op = emit(name, OpKind::Alu);
  op.d = d, op.a = a, op.b = b, op.c = c;
}

void Decoder::decodeMul24() {
  Modifiers m = modifiers(" .lo .hi .sat ");
  bool isMad = current->opcode == "mad24";
  if (!expectOperands(isMad ? 4 : 3, isMad ? 4 : 3))
    return;
  uint32_t a = source(1, m.type()), b = source(2, m.type());
  uint32_t c = isMad ? source(3, m.type()) : noOperand, d = destination(0, m.type());
  Op &op = emit(std::string(current->opcode) + (m.has(".hi") ? ".hi" : ".lo") +
                    (m.has(".sat") ? ".sat" : "") + std::string(nameOf(m.type())), OpKind::Alu);
  op.d = d, op.a = a, op.b = b, op.c = c;
}

void Decoder::decodeSad() {
  Modifiers m = modifiers(" ");
  if (!expectOperands(4, 4))
    return;
  uint32_t a = source(1, m.type()), b = source(2, m.type()), c = source(3, m.type());
  uint32_t d = destination(0, m.type());
  Op &op = emit("sad" + signedName(m.type()), OpKind::Alu);
  op.d = d, op.a = a, op.b = b, op.c = c;
}

/// sqrt, rcp and friends. The `.approx` of sqrt and rcp are the exact ones, which is within bounds.
void Decoder::decodeSpecialFunction() {
  Modifiers m = modifiers(" .round .approx .ftz ");
  if (!expectOperands(2, 2))
    return;
  Type type = m.type();
  bool exact = current->opcode == "sqrt" || current->opcode == "rcp";
  if (m.has(".approx") ? !m.roundText.empty() : !exact || m.roundText.empty())
    return unsupported("an instruction with neither or both of .approx and a rounding");
  if (m.has(".approx") && type == Type::F64 && !m.has(".ftz") && current->opcode != "rsqrt")
    return unsupported("this type");
  if (exact && m.round != Round::Nearest)
    return emitSlow(std::string(current->opcode), m, 1);
  bool gross = type == Type::F64 && m.has(".approx") && m.has(".ftz");
  bool ftz = m.has(".ftz") && type != Type::F64;
  if (gross) { // of the upper halves only
    uint32_t a = source(1, type), d = destination(0, type);
    Op &op = emit(std::string(current->opcode) + ".gross.f64", OpKind::Special);
    op.d = d, op.a = a;
    return;
  }
  std::string name = std::string(current->opcode) + (exact ? "" : ".approx") +
                     std::string(nameOf(type)) + (ftz ? ".ftz" : "");
  uint32_t a = source(1, type), d = destination(0, type);
  Op &op = emit(name, OpKind::Special);
  op.d = d, op.a = a;
}

} // namespace cameo::ptx
