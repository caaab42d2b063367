// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Less usual instructions on bit fields to the names of their handlers.
#include "Decode.h"

namespace cameo::ptx {

/// bmsk.mode.b32 d, a, b; szext.mode.{u|s}32 d, a, b.
void Decoder::decodeBitMask() {
  Modifiers m = modifiers(" .clamp .wrap ");
  if (!expectOperands(3, 3) || m.others.size() != 1)
    return error("'" + formOf(*current) + "' needs .clamp or .wrap");
  uint32_t a = source(1, m.type()), b = source(2, Type::B32), d = destination(0, m.type());
  Op &op = emit(formOf(*current), OpKind::Alu);
  op.d = d, op.a = a, op.b = b;
}

/// fns.b32 d, mask, base, offset: the offset-th set bit from a position on.
void Decoder::decodeFns() {
  modifiers(" ");
  if (!expectOperands(4, 4))
    return;
  uint32_t a = source(1, Type::B32), b = source(2, Type::B32), c = source(3, Type::B32);
  uint32_t d = destination(0, Type::B32);
  Op &op = emit("fns.b32", OpKind::Alu);
  op.d = d, op.a = a, op.b = b, op.c = c;
}

/// cvt.pack.sat.to.s32 d, a, b for 16 bits; cvt.pack.sat.to.s32.b32 d, a, b, c for less, above
/// which the bits of c move up. imm: bits | signed << 8.
void Decoder::decodeCvtPack() {
  Modifiers m = modifiers(" .pack .sat .u2 .s2 .u4 .s4 ");
  static constexpr std::pair<std::string_view, int> small[] = {
      {".u2", 2}, {".s2", 2 | 256}, {".u4", 4}, {".s4", 4 | 256}};
  int form = 0;
  for (auto &[name, value] : small)
    if (m.has(name))
      form = value;
  if (!form && !m.types.empty())
    form = static_cast<int>(8 * sizeOf(m.type())) | (isSigned(m.type()) ? 256 : 0);
  bool hasC = (form & 255) < 16;
  if (!expectOperands(hasC ? 4 : 3, hasC ? 4 : 3))
    return;
  uint32_t a = source(1, Type::S32), b = source(2, Type::S32);
  uint32_t c = hasC ? source(3, Type::B32) : constant(0, 4), d = destination(0, Type::B32);
  Op &op = emit("cvt.pack", OpKind::Convert);
  op.d = d, op.a = a, op.b = b, op.c = c, op.imm = form;
}

} // namespace cameo::ptx
