// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// wmma.load, wmma.store and wmma.mma. The ISA leaves open which thread holds which element, as long as the three
// agree; here thread l holds the elements l*n ... l*n + n-1 of the matrix row by row, again from the start where
// the registers hold more than the matrix has. A load becomes an address and an ordinary load per element (with
// all its checks), put together in registers; a store the reverse.
#include "Decode.h"

#include <algorithm>

namespace cameo::ptx {
namespace {

struct Element {
  std::string_view name;
  unsigned bits;
};
constexpr Element elements[] = {{".f16", 16}, {".bf16", 16}, {".tf32", 32}, {".f32", 32}, {".f64", 64},
                                {".s8", 8},   {".u8", 8},    {".s4", 4},    {".u4", 4},   {".b1", 1},
                                {".s32", 32}};

/// Which shapes a multiplicand has, as the ISA lists them.
struct ShapeRow {
  std::string_view text;
  unsigned m, n, k;
  std::string_view types; ///< with a space before and after each
};
constexpr ShapeRow shapes[] = {{".m16n16k16", 16, 16, 16, " .f16 .bf16 .s8 .u8 "},
                               {".m32n8k16", 32, 8, 16, " .f16 .bf16 .s8 .u8 "},
                               {".m8n32k16", 8, 32, 16, " .f16 .bf16 .s8 .u8 "},
                               {".m16n16k8", 16, 16, 8, " .tf32 "},
                               {".m8n8k4", 8, 8, 4, " .f64 "},
                               {".m8n8k32", 8, 8, 32, " .s4 .u4 "},
                               {".m8n8k128", 8, 8, 128, " .b1 "}};

constexpr std::string_view wmmaModifiers =
    " .load .store .mma .a .b .c .d .sync .aligned .row .col .rn .satfinite .and .xor .popc .global .shared "
    ".shared::cta .m16n16k16 .m32n8k16 .m8n32k16 .m16n16k8 .m8n8k4 .m8n8k32 .m8n8k128 .s4 .u4 .b1 ";

const Element *elementOf(std::string_view name) {
  for (const Element &e : elements)
    if (e.name == name)
      return &e;
  return nullptr;
}
bool hasType(const ShapeRow &shape, std::string_view type) {
  return shape.types.find(" " + std::string(type) + " ") != std::string_view::npos;
}
/// An accumulator of this shape may have the type.
bool isAccumulator(const ShapeRow &shape, std::string_view type) {
  static constexpr std::pair<std::string_view, std::string_view> table[] = {
      {".f16", ".f16 .f32"}, {".bf16", ".f32"}, {".tf32", ".f32"}, {".f64", ".f64"},
      {".s8", ".s32"},       {".s4", ".s32"},   {".b1", ".s32"}};
  for (auto &[multiplicand, accumulators] : table)
    if (hasType(shape, multiplicand) && accumulators.find(type) != std::string_view::npos)
      return true;
  return false;
}

/// Registers of a fragment. f16 multiplicands are held more than once (ISA: always eight registers).
unsigned registersOf(unsigned count, const Element &e, bool isMultiplicand) {
  if (isMultiplicand && e.name == ".f16")
    return 8;
  return std::max(1u, count * e.bits / 32 / std::max(32u, e.bits));
}

} // namespace

/// The shape and the type texts of the current instruction; null where there is none.
static const ShapeRow *parseWmma(const Instruction &instruction, std::vector<std::string_view> &types,
                                 std::vector<std::string_view> &layouts) {
  const ShapeRow *shape = nullptr;
  for (std::string_view text : instruction.modifiers) {
    for (const ShapeRow &row : shapes)
      if (row.text == text)
        shape = &row;
    if (elementOf(text))
      types.push_back(text);
    if (text == ".row" || text == ".col")
      layouts.push_back(text);
  }
  return shape;
}

void Decoder::decodeWmma() {
  Modifiers m = modifiers(wmmaModifiers);
  if (modifierRefused)
    return;
  if (m.has(".mma"))
    return decodeWmmaMma(m);
  if (m.has(".load") == m.has(".store"))
    return unsupported("this form");
  decodeWmmaAccess(m, m.has(".load"));
}

/// wmma.load.{a|b|c}.sync.aligned.layout.shape{.space}.type r, [p]{, stride};
/// wmma.store.d.sync.aligned.layout.shape{.space}.type [p], r{, stride}
void Decoder::decodeWmmaAccess(const Modifiers &m, bool isLoad) {
  std::vector<std::string_view> types, layouts;
  const ShapeRow *shape = parseWmma(*current, types, layouts);
  bool isA = m.has(".a"), isB = m.has(".b"), multiplicand = isA || isB;
  if (!shape || types.size() != 1 || layouts.size() != 1 || !expectOperands(2, 3) ||
      !(multiplicand ? hasType(*shape, types[0]) : isAccumulator(*shape, types[0])))
    return unsupported("this shape and this type");
  const Element &e = *elementOf(types[0]);
  unsigned rows = isB ? shape->k : shape->m, columns = isA ? shape->k : shape->n;
  bool byRow = layouts[0] == ".row";
  // Below a byte, registers are whole words along k.
  unsigned bits = e.bits < 8 ? 32 : e.bits, inWord = bits / e.bits;
  if (inWord > 1 && byRow != isA)
    return unsupported("this layout of elements below a byte");
  unsigned count = registersOf(rows * columns, e, multiplicand), width = std::max(4u, bits / 8);
  Type type = width == 8 ? Type::F64 : Type::B32;
  std::vector<uint32_t> slots;
  if (!matrixOperand(isLoad ? 0 : 1, count, type, isLoad, slots))
    return;
  // In words, B of single bits is one row per column.
  unsigned major = byRow ? columns / inWord : rows / inWord;
  uint32_t stride = operandCount() > 2 ? source(2, Type::U32) : constant(uint64_t(major) * inWord, 4);
  unsigned perRegister = width * 8 / bits, total = count * perRegister;
  Space space = m.has(".global") ? Space::Global : m.has(".shared") || m.has(".shared::cta") ? Space::Shared
                                                                                            : Space::Generic;
  const Operand &address = operand(isLoad ? 1 : 0);
  emitAround([&] {
    emitPlain("wmma.gather", OpKind::Sync);
    uint32_t base = temporary(8), at = temporary(8), part = temporary(8);
    emitPlain("wmma.base", OpKind::Alu);
    Space addressSpace = space;
    setAddress(address, addressSpace);
    program.code.back().d = base;
    for (unsigned i = 0; i < total; ++i) {
      Op &where = emitPlain("wmma.address", OpKind::Alu);
      where.d = at, where.a = base, where.b = stride;
      where.imm = int64_t(rows * columns / inWord) | int64_t(total) << 16 | int64_t(i) << 24 |
                  int64_t(columns / (isA ? inWord : 1)) << 32 | int64_t(byRow) << 40 | int64_t(bits) << 41 |
                  int64_t(inWord) << 48;
      unsigned shift = i % perRegister * bits;
      uint32_t reg = slots[i / perRegister];
      bool whole = bits == width * 8;
      if (!isLoad && !whole) {
        Op &op = emitPlain("wmma.part", OpKind::Alu);
        op.d = part, op.a = reg, op.imm = shift;
      }
      Access access;
      access.size = bits / 8, access.space = space;
      uint32_t data = whole ? reg : part;
      emitWmmaElement(isLoad, access, data, width, at);
      if (isLoad && !whole) {
        Op &op = emitPlain("wmma.merge", OpKind::Alu);
        op.d = reg, op.a = part, op.imm = shift, op.size = static_cast<uint8_t>(bits);
      }
    }
  });
}

/// wmma.mma{.op.popc}.sync.aligned.alayout.blayout.shape.dtype{.atype.btype}.ctype{.satfinite} d, a, b, c
void Decoder::decodeWmmaMma(const Modifiers &m) {
  std::vector<std::string_view> types, layouts;
  const ShapeRow *shape = parseWmma(*current, types, layouts);
  if (types.size() == 2) // f16 multiplicands are not written
    types = {types[0], ".f16", ".f16", types[1]};
  bool known = shape && types.size() == 4 && layouts.size() == 2 && expectOperands(4, 4) &&
               hasType(*shape, types[1]) && hasType(*shape, types[2]) &&
               elementOf(types[1])->bits == elementOf(types[2])->bits &&
               isAccumulator(*shape, types[0]) && isAccumulator(*shape, types[3]);
  bool mixes = known && elementOf(types[1])->bits < 16;
  bool isBit = known && types[1] == ".b1", integer = mixes;
  if (!known || (types[1] != types[2] && !mixes) || (m.has(".satfinite") && (!integer || isBit)) ||
      isBit != (m.has(".and") || m.has(".xor")) || (types[1] != ".f16" && types[0] != types[3]))
    return unsupported("this shape and these types");
  if (elementOf(types[1])->bits < 8 && (layouts[0] != ".row" || layouts[1] != ".col"))
    return unsupported("this layout of elements below a byte");
  const Element &a = *elementOf(types[1]), &c = *elementOf(types[3]), &d = *elementOf(types[0]);
  unsigned counts[] = {registersOf(shape->m * shape->k, a, true), registersOf(shape->k * shape->n, a, true),
                       registersOf(shape->m * shape->n, c, false), registersOf(shape->m * shape->n, d, false)};
  Type type = a.bits == 64 ? Type::F64 : Type::B32;
  std::vector<uint32_t> slots(counts, counts + 4);
  if (!matrixOperand(1, counts[0], type, false, slots) || !matrixOperand(2, counts[1], type, false, slots) ||
      !matrixOperand(3, counts[2], type, false, slots) || !matrixOperand(0, counts[3], type, true, slots))
    return;
  std::string name = "wmma" + std::string(types[1]);
  if (integer && !isBit)
    name += types[2];
  name += isBit ? (m.has(".and") ? ".and" : ".xor") : m.has(".satfinite") ? ".sat" : "";
  uint32_t side = static_cast<uint32_t>(program.side.size());
  program.side.insert(program.side.end(), slots.begin(), slots.end());
  emitAround([&] {
    Op &op = emitPlain(name, OpKind::Matrix);
    op.extra = side;
    op.imm = int64_t(shape->m) | int64_t(shape->n) << 8 | int64_t(shape->k) << 16;
    op.size = types[3] == ".f16" ? 1 : 0, op.count = types[0] == ".f16" ? 1 : 0;
  });
}

} // namespace cameo::ptx
