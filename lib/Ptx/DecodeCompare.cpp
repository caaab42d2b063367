// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Comparisons and selections to the names of their handlers. A comparison gives a predicate; what else PTX
// makes of it (a combination, a second predicate, a number, halves of a pair) is operations on that.
#include "Decode.h"

namespace cameo::ptx {
namespace {

constexpr std::string_view comparisons =
    " .eq .ne .lt .le .gt .ge .lo .ls .hi .hs .equ .neu .ltu .leu .gtu .geu .num .nan "
    ".and .or .xor .ftz ";

/// "setp.lt.u32" for a comparison and a type; empty where there is none.
std::string comparisonName(std::string_view compare, Type type, bool ftz) {
  std::string name = "setp";
  if (isFloat(type))
    return name + std::string(compare) + std::string(nameOf(type)) + (ftz ? ".ftz" : "");
  static constexpr std::pair<std::string_view, std::string_view> unsignedNames[] = {
      {".lo", ".lt"}, {".ls", ".le"}, {".hi", ".gt"}, {".hs", ".ge"}};
  bool forced = false;
  for (auto &[from, to] : unsignedNames)
    if (compare == from) {
      compare = to;
      forced = true;
    }
  bool isS = isSigned(type) && !forced;
  return name + std::string(compare) + (isS ? ".s" : ".u") + std::to_string(8 * sizeOf(type));
}

} // namespace

/// setp.cmp{.bool}{.ftz}.type p{|q}, a, b{, {!}c}
void Decoder::decodeSetp() {
  Modifiers m = modifiers(comparisons);
  if (!expectOperands(3, 4) || m.others.empty())
    return;
  Type type = m.type();
  std::string_view combine;
  for (std::string_view text : {".and", ".or", ".xor"})
    if (m.has(text))
      combine = text;
  if (combine.empty() == (operandCount() == 4))
    return error("setp takes a third source exactly with .and, .or and .xor");
  bool isPair = operand(0).kind == Kind::Pair;
  bool packed = type == Type::F16x2 || type == Type::BF16x2;
  if (isPair && (type == Type::F16 || type == Type::BF16))
    return error("'" + formOf(*current) + "' gives one predicate");
  uint32_t p = destination(isPair ? operand(0).elements[0] : operand(0), Type::Pred);
  uint32_t q = isPair ? destination(operand(0).elements[1], Type::Pred) : noOperand;
  uint32_t a = source(1, type), b = source(2, type);
  uint32_t c = combine.empty() ? noOperand : predicateSource(operand(3));
  std::string logic = combine.empty() ? "" : std::string(combine.substr(1)) + ".pred";
  auto compareInto = [&](uint32_t d, uint32_t left, uint32_t right, Type t) {
    Op &op = emit(comparisonName(m.others[0], t, m.has(".ftz")), OpKind::Alu);
    op.d = d, op.a = left, op.b = right;
  };
  auto combineInto = [&](uint32_t d, uint32_t left) {
    Op &op = emit(combine.empty() ? "mov.pred" : logic, OpKind::Alu);
    op.d = d, op.a = left, op.b = c;
  };
  if (packed) {
    // p is for the low halves, q for the high ones.
    Type half = type == Type::F16x2 ? Type::F16 : Type::BF16;
    uint32_t parts[2];
    for (unsigned high = 0; high < 2; ++high) {
      uint32_t halves[2];
      for (unsigned which = 0; which < 2; ++which) {
        halves[which] = temporary(2);
        Op &op = emit(high ? "mov.high.b32" : "mov.low.b32", OpKind::Alu);
        op.d = halves[which], op.a = which ? b : a;
      }
      parts[high] = temporaryPredicate();
      compareInto(parts[high], halves[0], halves[1], half);
    }
    combineInto(p, parts[0]);
    if (isPair)
      combineInto(q, parts[1]);
    return;
  }
  if (combine.empty() && !isPair)
    return compareInto(p, a, b, type);
  uint32_t hit = temporaryPredicate();
  compareInto(hit, a, b, type);
  uint32_t miss = temporaryPredicate();
  if (isPair) {
    Op &op = emit("not.pred", OpKind::Alu);
    op.d = miss, op.a = hit;
    // Both before either is written, as c may be p.
    uint32_t second = temporaryPredicate();
    combineInto(second, miss);
    combineInto(p, hit);
    Op &move = emit("mov.pred", OpKind::Alu);
    move.d = q, move.a = second;
  } else {
    combineInto(p, hit);
  }
}

/// set.cmp{.bool}{.ftz}.dtype.stype d, a, b{, c}: a comparison as all ones, or 1.0; of pairs, each
/// half for itself.
void Decoder::decodeSet() {
  Modifiers m = modifiers(comparisons);
  if (!expectOperands(3, 4) || m.others.empty() || m.types.size() != 2)
    return error("set needs a comparison and two types");
  Type result = m.type(0), type = m.type(1);
  bool packed = type == Type::F16x2 || type == Type::BF16x2;
  Type half = type == Type::F16x2 ? Type::F16 : type == Type::BF16x2 ? Type::BF16 : type;
  std::string combine;
  for (std::string_view text : {".and", ".or", ".xor"})
    if (m.has(text))
      combine = std::string(text.substr(1)) + ".pred";
  if (combine.empty() == (operandCount() == 4))
    return error("set takes a third source exactly with .and, .or and .xor");
  uint32_t c = combine.empty() ? noOperand : predicateSource(operand(3));
  uint32_t a = source(1, type), b = source(2, type), d = destination(0, result);
  bool isF16 = result == Type::F16 || result == Type::F16x2;
  bool isBrain = result == Type::BF16 || result == Type::BF16x2;
  uint64_t one = result == Type::F32 ? 0x3f800000u : isF16 ? 0x3c00u : isBrain ? 0x3f80u
                                                                             : ~uint64_t(0);
  unsigned bytes = packed ? 2 : sizeOf(result);
  uint32_t yes = constant(one, bytes), no = constant(0, bytes);
  auto compareInto = [&](uint32_t to, uint32_t left, uint32_t right) {
    uint32_t hit = temporaryPredicate();
    Op &compare = emit(comparisonName(m.others[0], half, m.has(".ftz")), OpKind::Alu);
    compare.d = hit, compare.a = left, compare.b = right;
    if (!combine.empty()) {
      Op &op = emit(combine, OpKind::Alu);
      op.d = hit, op.a = hit, op.b = c;
    }
    Op &op = emit("selp.b" + std::to_string(8 * bytes), OpKind::Alu);
    op.d = to, op.a = yes, op.b = no, op.c = hit;
  };
  if (!packed)
    return compareInto(d, a, b);
  uint32_t halves[2];
  for (unsigned high = 0; high < 2; ++high) {
    uint32_t in[2];
    for (unsigned which = 0; which < 2; ++which) {
      in[which] = temporary(2);
      Op &op = emit(high ? "mov.high.b32" : "mov.low.b32", OpKind::Alu);
      op.d = in[which], op.a = which ? b : a;
    }
    halves[high] = temporary(2);
    compareInto(halves[high], in[0], in[1]);
  }
  Op &op = emit("mov.pack.b32", OpKind::Alu);
  op.d = d, op.a = halves[0], op.b = halves[1];
}

void Decoder::decodeSelp() {
  Modifiers m = modifiers(" ");
  if (!expectOperands(4, 4))
    return;
  uint32_t a = source(1, m.type()), b = source(2, m.type()), c = predicateSource(operand(3));
  uint32_t d = destination(0, m.type());
  Op &op = emit("selp.b" + std::to_string(8 * sizeOf(m.type())), OpKind::Alu);
  op.d = d, op.a = a, op.b = b, op.c = c;
}

void Decoder::decodeSlct() {
  Modifiers m = modifiers(" .ftz ");
  if (!expectOperands(4, 4) || m.types.size() != 2)
    return;
  uint32_t a = source(1, m.type(0)), b = source(2, m.type(0)), c = source(3, m.type(1));
  uint32_t d = destination(0, m.type(0));
  Op &op = emit("slct" + std::string(nameOf(m.type(1))) + (m.has(".ftz") ? ".ftz.b" : ".b") +
                    std::to_string(8 * sizeOf(m.type(0))), OpKind::Alu);
  op.d = d, op.a = a, op.b = b, op.c = c;
}

void Decoder::decodeTestp() {
  Modifiers m = modifiers(" .finite .infinite .number .notanumber .normal .subnormal ");
  if (!expectOperands(2, 2) || m.others.empty())
    return;
  uint32_t a = source(1, m.type()), d = destination(0, Type::Pred);
  Op &op = emit("testp" + std::string(m.others[0]) + std::string(nameOf(m.type())), OpKind::Alu);
  op.d = d, op.a = a, op.b = a;
}

void Decoder::decodeCopysign() {
  Modifiers m = modifiers(" ");
  if (!expectOperands(3, 3))
    return;
  uint32_t a = source(1, m.type()), b = source(2, m.type()), d = destination(0, m.type());
  Op &op = emit("copysign" + std::string(nameOf(m.type())), OpKind::Alu);
  op.d = d, op.a = a, op.b = b;
}

} // namespace cameo::ptx
