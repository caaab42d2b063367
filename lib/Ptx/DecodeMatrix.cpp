// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Asynchronous copies and matrix instructions to the names of their handlers.
#include "Decode.h"

namespace cameo::ptx {

/// cp.async.{ca|cg}.shared.global [dst], [src], size{, src-size}{, ignore}; its groups and waits.
void Decoder::decodeCp() {
  Modifiers m = modifiers(" .async .ca .cg .shared .shared::cta .global .commit_group .wait_group "
                          ".wait_all .L2::64B .L2::128B .L2::256B .L2::cache_hint ");
  if (!m.has(".async"))
    return unsupported("this form");
  if (m.has(".commit_group")) {
    emit("cp.async.commit_group", OpKind::Sync);
    return;
  }
  if (m.has(".wait_all")) {
    emit("cp.async.wait_all", OpKind::Sync);
    return;
  }
  if (m.has(".wait_group")) {
    if (!expectOperands(1, 1) || operand(0).kind != Kind::Integer || operand(0).value < 0)
      return error("cp.async.wait_group takes a number");
    emit("cp.async.wait_group", OpKind::Sync).imm = operand(0).value;
    return;
  }
  if (!expectOperands(3, 5) || operand(2).kind != Kind::Integer)
    return error("cp.async takes two addresses and a size");
  int64_t size = operand(2).value;
  bool valid = size == 16 || (m.has(".ca") && (size == 4 || size == 8));
  if (!valid)
    return error("cp.async" + std::string(m.has(".cg") ? ".cg" : ".ca") + " copies " +
                 (m.has(".cg") ? "16" : "4, 8 or 16") + " bytes, not " + std::to_string(size));
  uint32_t bytes = noOperand, ignore = noOperand, flags = 0;
  size_t extras = operandCount() - (m.has(".L2::cache_hint") ? 1 : 0);
  if (extras > 3) {
    const Operand &fourth = operand(3);
    if (registerType(fourth) == Type::Pred) {
      ignore = allocation.slot[static_cast<size_t>(fourth.reg)];
      flags |= fourth.negated ? 4 : 0;
    } else {
      bytes = source(fourth, Type::U32);
    }
  }
  // Both addresses go through setAddress, one operation each; the copy takes them over.
  auto place = [&](const Operand &o, Space space, uint32_t bit, uint32_t &slot, int64_t &offset) {
    emitPlain("nothing", OpKind::None);
    setAddress(o, space);
    Op address = program.code.back();
    program.code.pop_back();
    program.source.pop_back();
    program.location.pop_back();
    slot = address.a;
    offset = address.imm;
    if (address.flags & FlagAddress32)
      flags |= bit;
  };
  uint32_t to = noOperand, from = noOperand;
  int64_t toOffset = 0, fromOffset = 0;
  place(operand(0), Space::Shared, 1, to, toOffset);
  place(operand(1), Space::Global, 2, from, fromOffset);
  if (fromOffset < INT32_MIN || fromOffset > INT32_MAX)
    return error("the offset of the source is beyond 32 bits");
  uint32_t side = addSide({static_cast<uint32_t>(fromOffset), flags});
  Op &op = emit("cp.async", OpKind::Memory);
  op.d = to, op.imm = toOffset, op.a = from, op.b = bytes, op.c = ignore;
  op.size = static_cast<uint8_t>(size), op.extra = side, op.space = Space::Shared;
}


/// ldmatrix.sync.aligned.m8n8.x{1,2,4}{.trans}{.shared}.b16 {d...}, [a]
void Decoder::decodeLdmatrix() {
  Modifiers m = modifiers(" .sync .aligned .m8n8 .x1 .x2 .x4 .trans .shared .shared::cta ");
  if (!expectOperands(2, 2) || !m.has(".m8n8") || m.type() != Type::B16)
    return unsupported("this shape");
  unsigned count = m.has(".x4") ? 4 : m.has(".x2") ? 2 : 1;
  const Operand &target = operand(0);
  bool vector = target.kind == Kind::Vector;
  if (vector ? target.elements.size() != count : count != 1)
    return error("ldmatrix.x" + std::to_string(count) + " has " + std::to_string(count) +
                 " destinations");
  uint32_t slots[4];
  for (unsigned i = 0; i < count; ++i)
    slots[i] = destination(vector ? target.elements[i] : target, Type::B32);
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
  bool vector = value.kind == Kind::Vector;
  if (vector ? value.elements.size() != count : count != 1)
    return error("stmatrix.x" + std::to_string(count) + " has " + std::to_string(count) +
                 " sources");
  uint32_t slots[4];
  for (unsigned i = 0; i < count; ++i)
    slots[i] = source(vector ? value.elements[i] : value, Type::B32);
  uint32_t side = static_cast<uint32_t>(program.side.size());
  program.side.insert(program.side.end(), slots, slots + count);
  emitAround([&] {
    Op &op = emitPlain(m.has(".trans") ? "stmatrix.trans" : "stmatrix", OpKind::Memory);
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
