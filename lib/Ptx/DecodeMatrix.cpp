// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Matrix instructions to the names of their handlers.
#include "Decode.h"

namespace cameo::ptx {

/// ldmatrix.sync.aligned.m8n8.x{1,2,4}{.trans}{.shared}.b16 {d...}, [a]
void Decoder::decodeLdmatrix() {
  Modifiers m = modifiers(" .sync .aligned .m8n8 .x1 .x2 .x4 .trans .shared .shared::cta ");
  if (!expectOperands(2, 2) || !m.has(".m8n8") || m.type() != Type::B16)
    return unsupported("this shape");
  unsigned count = m.has(".x4") ? 4 : m.has(".x2") ? 2 : 1;
  const Operand &target = operand(0);
  if (target.kind != Kind::Vector || target.elements.size() != count)
    return error("ldmatrix.x" + std::to_string(count) + " has " + std::to_string(count) +
                 " destinations in braces");
  uint32_t slots[4];
  for (unsigned i = 0; i < count; ++i)
    slots[i] = destination(target.elements[i], Type::B32);
  uint32_t side = static_cast<uint32_t>(program.side.size());
  program.side.insert(program.side.end(), slots, slots + count);
  emitAround([&] {
    Op &op = emitPlain(m.has(".trans") ? "ldmatrix.trans" : "ldmatrix", OpKind::Memory);
    op.extra = side, op.count = static_cast<uint8_t>(count), op.space = Space::Shared;
    Space space = Space::Shared;
    setAddress(operand(1), space);
  });
}

void Decoder::decodeStmatrix() {
  Modifiers m = modifiers(" .sync .aligned .m8n8 .x1 .x2 .x4 .trans .shared .shared::cta ");
  if (!expectOperands(2, 2) || !m.has(".m8n8") || m.type() != Type::B16)
    return unsupported("this shape");
  unsigned count = m.has(".x4") ? 4 : m.has(".x2") ? 2 : 1;
  const Operand &value = operand(1);
  if (value.kind != Kind::Vector || value.elements.size() != count)
    return error("stmatrix.x" + std::to_string(count) + " has " + std::to_string(count) +
                 " sources in braces");
  uint32_t slots[4];
  for (unsigned i = 0; i < count; ++i)
    slots[i] = source(value.elements[i], Type::B32);
  uint32_t side = static_cast<uint32_t>(program.side.size());
  program.side.insert(program.side.end(), slots, slots + count);
  emitAround([&] {
    Op &op = emitPlain(m.has(".trans") ? "stmatrix.trans" : "stmatrix", OpKind::Memory);
    op.traits = TraitStoresShared;
    op.extra = side, op.count = static_cast<uint8_t>(count), op.space = Space::Shared;
    Space space = Space::Shared;
    setAddress(operand(0), space);
  });
}

void Decoder::decodeMovmatrix() {
  modifiers(" .sync .aligned .m8n8 .trans ");
  if (!expectOperands(2, 2))
    return;
  uint32_t d = destination(0, Type::B32), a = source(1, Type::B32);
  emitAround([&] {
    Op &op = emitPlain("movmatrix.trans", OpKind::Memory);
    op.d = d, op.a = a;
  });
}

} // namespace cameo::ptx
