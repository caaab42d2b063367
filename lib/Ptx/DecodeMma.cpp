// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// mma.sync, dense and sparse, to the names of its handlers: which shapes each type of multiplicand has, which
// accumulators, and how many registers that makes.
#include "Decode.h"

#include <algorithm>

namespace cameo::ptx {
namespace {

enum class Family { Half, Brain, Tf32, Double, Byte, Nibble, Bit, Eight };
struct Multiplicand {
  std::string_view name;
  Family family;
  unsigned bits; ///< of one element
};
constexpr Multiplicand multiplicands[] = {
    {".f16", Family::Half, 16},   {".bf16", Family::Brain, 16}, {".tf32", Family::Tf32, 32},
    {".f64", Family::Double, 64}, {".s8", Family::Byte, 8},     {".u8", Family::Byte, 8},
    {".s4", Family::Nibble, 4},   {".u4", Family::Nibble, 4},   {".b1", Family::Bit, 1},
    {".e4m3", Family::Eight, 8},  {".e5m2", Family::Eight, 8}};

/// The shapes of the ISA, n being 8: `ks` is the sum of the allowed k, which are powers of two.
struct ShapeRow {
  Family family;
  bool sparse;
  unsigned m, ks;
};
constexpr ShapeRow shapeRows[] = {
    {Family::Half, false, 16, 8 + 16},    {Family::Brain, false, 16, 8 + 16},
    {Family::Tf32, false, 16, 4 + 8},     {Family::Double, false, 8, 4},
    {Family::Double, false, 16, 4 + 8 + 16}, {Family::Byte, false, 8, 16},
    {Family::Byte, false, 16, 16 + 32},   {Family::Nibble, false, 8, 32},
    {Family::Nibble, false, 16, 32 + 64}, {Family::Bit, false, 8, 128},
    {Family::Bit, false, 16, 128 + 256},  {Family::Eight, false, 16, 16 + 32},
    {Family::Half, true, 16, 16 + 32},    {Family::Brain, true, 16, 16 + 32},
    {Family::Tf32, true, 16, 8 + 16},     {Family::Byte, true, 16, 32 + 64},
    {Family::Nibble, true, 16, 64 + 128}, {Family::Eight, true, 16, 64}};

const Multiplicand *multiplicandOf(std::string_view name) {
  for (const Multiplicand &m : multiplicands)
    if (m.name == name)
      return &m;
  return nullptr;
}

bool accumulatorFits(Family family, std::string_view d, std::string_view c) {
  switch (family) {
  case Family::Half:
  case Family::Eight: return d == c && (d == ".f32" || d == ".f16");
  case Family::Brain:
  case Family::Tf32: return d == c && d == ".f32";
  case Family::Double: return d == c && d == ".f64";
  default: return d == c && d == ".s32";
  }
}

/// "m16n8k32" as three numbers.
bool parseShape(std::string_view text, unsigned (&shape)[3]) {
  size_t at = 1;
  for (unsigned i = 0; i < 3; ++i) {
    if (at >= text.size() || text[at] != "mnk"[i])
      return false;
    shape[i] = 0;
    for (++at; at < text.size() && text[at] >= '0' && text[at] <= '9' && shape[i] < 1000; ++at)
      shape[i] = shape[i] * 10 + static_cast<unsigned>(text[at] - '0');
  }
  return at == text.size();
}

/// How many of the last lanes of four may hold the metadata.
unsigned selectors(Family family, unsigned k) {
  if (family == Family::Half || family == Family::Brain)
    return k == 16 ? 4 : 2;
  if (family == Family::Tf32)
    return k == 8 ? 4 : 2;
  return (family == Family::Byte && k == 32) || (family == Family::Nibble && k == 64) ? 2 : 1;
}

} // namespace

/// Registers of one operand, appended to `slots`.
bool Decoder::matrixOperand(size_t index, unsigned count, Type type, bool isDestination,
                            std::vector<uint32_t> &slots) {
  const Operand &o = operand(index);
  if (o.kind != Kind::Vector || o.elements.size() != count) {
    error("operand " + std::to_string(index + 1) + " of '" + formOf(*current) + "' has to have " +
          std::to_string(count) + " registers in braces");
    return false;
  }
  for (const Operand &e : o.elements) {
    slots.push_back(isDestination ? destination(e, type) : source(e, type));
  }
  return true;
}

/// mma{.sp{::ordered_metadata}}.sync.aligned.shape.row.col{.satfinite}.dtype.atype.btype.ctype{.op.popc}
/// d, a, b, c{, metadata, selector}
void Decoder::decodeMma() {
  modifiers(" .sync .aligned .row .col .rn .satfinite .kind::f8f6f4 .sp .sp::ordered_metadata .and .xor .popc "
            ".s4 .u4 .b1 .m8n8k4 .m8n8k16 .m8n8k32 .m8n8k128 .m16n8k4 .m16n8k8 .m16n8k16 .m16n8k32 "
            ".m16n8k64 .m16n8k128 .m16n8k256 ");
  if (modifierRefused)
    return;
  // Of the roundings that f64 may name only the nearest is implemented, which is the default.
  std::vector<std::string_view> types, layouts;
  unsigned shape[3] = {};
  bool sparse = false, saturates = false, isAnd = false, counted = false;
  for (std::string_view text : current->modifiers) {
    unsigned numbers[3];
    if (parseShape(text, numbers))
      std::copy(numbers, numbers + 3, shape);
    else if (text.substr(0, 3) == ".sp")
      sparse = true;
    else if (text == ".satfinite")
      saturates = true;
    else if (text == ".row" || text == ".col")
      layouts.push_back(text);
    else if (text == ".and" || text == ".xor")
      isAnd = text == ".and", counted = true;
    else if (typeByName(text) || multiplicandOf(text))
      types.push_back(text);
  }
  if (types.size() != 4 || layouts.size() != 2 || !expectOperands(sparse ? 6 : 4, sparse ? 6 : 4))
    return error("'" + formOf(*current) + "' needs two layouts and four types");
  if (shape[0] == 8 && shape[2] == 4 && types[1] == ".f16" && types[2] == ".f16" && !sparse)
    return decodeVoltaMma(types[0], types[3], layouts[0] == ".row", layouts[1] == ".row");
  const Multiplicand *a = multiplicandOf(types[1]), *b = multiplicandOf(types[2]);
  bool known = false;
  for (const ShapeRow &row : shapeRows)
    known = known || (a && row.family == a->family && row.sparse == sparse && row.m == shape[0] &&
                      (row.ks & shape[2]));
  bool mixes = a && (a->family == Family::Byte || a->family == Family::Nibble || a->family == Family::Eight);
  bool integer = a && (a->family == Family::Byte || a->family == Family::Nibble);
  if (!known || !b || a->family != b->family || (a != b && !mixes) || (saturates && !integer) ||
      !accumulatorFits(a->family, types[0], types[3]) || counted != (a->family == Family::Bit) ||
      layouts[0] != ".row" || layouts[1] != ".col")
    return unsupported("this shape and these types");
  unsigned k = shape[2], kA = sparse ? k / 2 : k, registerBits = a->bits == 64 ? 64 : 32;
  unsigned countA = shape[0] * kA * a->bits / 32 / registerBits, countB = k * 8 * a->bits / 32 / registerBits;
  unsigned countC = shape[0] * 8 / 32 / (types[0] == ".f16" ? 2 : 1);
  Type type = a->bits == 64 ? Type::F64 : Type::B32;
  std::vector<uint32_t> slots;
  if (!matrixOperand(1, countA, type, false, slots) || !matrixOperand(2, countB, type, false, slots) ||
      !matrixOperand(3, countC, type, false, slots) || !matrixOperand(0, countC, type, true, slots))
    return;
  uint32_t metadata = noOperand;
  int64_t selector = 0;
  if (sparse) {
    metadata = source(4, Type::B32);
    selector = operand(5).value;
    if (operand(5).kind != Kind::Integer || selector < 0 || selector >= selectors(a->family, k))
      return error("the selector of '" + formOf(*current) + "' has to be a number below " +
                   std::to_string(selectors(a->family, k)));
  }
  std::string name = sparse ? "mma.sp" : "mma";
  name += a->name;
  if (counted)
    name += isAnd ? ".and" : ".xor";
  else if (mixes)
    name += b->name;
  if (!integer && !counted)
    name += types[0];
  name += saturates ? ".sat" : "";
  std::string general = name;
  if (!sparse && a->bits == 16 && types[0] == ".f32" && k == 16)
    name += ".k16";
  uint32_t side = static_cast<uint32_t>(program.side.size());
  program.side.insert(program.side.end(), slots.begin(), slots.end());
  emitAround([&] {
    Op &op = emitPlain(name, OpKind::Matrix);
    op.inner = findHandler(general); // has the hardware's numerics, too
    op.a = metadata, op.extra = side;
    op.imm = int64_t(shape[0]) | int64_t(kA) << 8 | int64_t(k) << 20 | selector << 32;
  });
}

/// mma.sync.aligned.m8n8k4 with f16: all layouts, each accumulator f16 or f32.
void Decoder::decodeVoltaMma(std::string_view d, std::string_view c, bool rowA, bool rowB) {
  if ((d != ".f16" && d != ".f32") || (c != ".f16" && c != ".f32"))
    return unsupported("these accumulators");
  bool wideD = d == ".f32", wideC = c == ".f32";
  std::vector<uint32_t> slots;
  if (!matrixOperand(1, 2, Type::B32, false, slots) || !matrixOperand(2, 2, Type::B32, false, slots) ||
      !matrixOperand(3, wideC ? 8 : 4, Type::B32, false, slots) ||
      !matrixOperand(0, wideD ? 8 : 4, Type::B32, true, slots))
    return;
  uint32_t side = static_cast<uint32_t>(program.side.size());
  program.side.insert(program.side.end(), slots.begin(), slots.end());
  emitAround([&] {
    Op &op = emitPlain("mma.volta", OpKind::Matrix);
    op.extra = side;
    op.imm = int64_t(rowA) | int64_t(rowB) << 1 | int64_t(wideD) << 2 | int64_t(wideC) << 3;
  });
}

} // namespace cameo::ptx
