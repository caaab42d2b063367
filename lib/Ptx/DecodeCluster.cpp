// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// barrier.cluster, mapa, getctarank and the special registers of clusters and grids to the names of
// their handlers. A 32-bit generic address does not exist here, and mapa.u32 without a space is refused.
#include "Decode.h"

namespace cameo::ptx {

/// barrier.cluster.arrive{.release|.relaxed}{.aligned} and .wait{.acquire}{.aligned}.
void Decoder::decodeClusterBarrier() {
  Modifiers m = modifiers(" .cluster .arrive .wait .release .relaxed .acquire .aligned ");
  bool arrives = m.has(".arrive");
  if (arrives == m.has(".wait") || (arrives ? m.has(".acquire") : m.has(".release") || m.has(".relaxed")) ||
      (m.has(".release") && m.has(".relaxed")))
    return unsupported("this form");
  if (!expectOperands(0, 0))
    return;
  program.usesClusterBarrier = true;
  emitAround([&] {
    Op &op = emitPlain(arrives ? "barrier.cluster.arrive" : "barrier.cluster.wait", OpKind::Sync);
    op.flags = m.has(".aligned") ? BarrierAligned : 0;
    op.size = m.has(".relaxed");
  });
}

/// The address operand of mapa and getctarank: a register, or a variable in shared memory.
uint32_t Decoder::clusterAddress(const Operand &o, Type type, bool generic) {
  const Symbol *symbol = o.kind == Kind::Symbol ? findSymbol(o.name) : nullptr;
  if (symbol && generic) {
    error("'" + formOf(*current) + "' takes a generic address; that of a variable is in its own space");
    return 0;
  }
  if (symbol && symbol->where != Symbol::Where::Shared)
    error("'" + std::string(o.name) + "' is not in shared memory");
  return source(o, type);
}

/// mapa{.shared::cluster}.type d, a, rank.
void Decoder::decodeMapa() {
  Modifiers m = modifiers(" .shared::cluster ");
  Type type = m.type();
  bool generic = !m.has(".shared::cluster");
  if ((type != Type::U32 && type != Type::U64) || (generic && type == Type::U32))
    return unsupported("this form");
  if (!expectOperands(3, 3))
    return;
  uint32_t a = clusterAddress(operand(1), type, generic), b = source(2, Type::U32), d = destination(0, type);
  Op &op = emit(std::string("mapa") + (generic ? ".generic" : "") + (type == Type::U32 ? ".b32" : ".b64"),
                OpKind::Alu);
  op.d = d, op.a = a, op.b = b;
}

/// getctarank{.shared::cluster}.type d, a.
void Decoder::decodeGetctarank() {
  Modifiers m = modifiers(" .shared::cluster ");
  Type type = m.type();
  bool generic = !m.has(".shared::cluster");
  if ((type != Type::U32 && type != Type::U64) || (generic && type == Type::U32))
    return unsupported("this form");
  if (!expectOperands(2, 2))
    return;
  uint32_t a = clusterAddress(operand(1), type, generic), d = destination(0, Type::U32);
  Op &op = emit(std::string("getctarank") + (generic ? ".generic" : "") +
                    (type == Type::U32 ? ".b32" : ".b64"), OpKind::Alu);
  op.d = d, op.a = a;
}

/// The slot of a register that only clusters or cooperative grids give a value; SpCount: no such name.
SpecialSlot Decoder::clusterSlot(std::string_view name) {
  static constexpr std::pair<std::string_view, SpecialSlot> table[] = {
      {"%clusterid.x", SpClusterX}, {"%clusterid.y", SpClusterY}, {"%clusterid.z", SpClusterZ},
      {"%nclusterid.x", SpNclusterX}, {"%nclusterid.y", SpNclusterY}, {"%nclusterid.z", SpNclusterZ},
      {"%cluster_ctaid.x", SpInClusterX}, {"%cluster_ctaid.y", SpInClusterY},
      {"%cluster_ctaid.z", SpInClusterZ}, {"%cluster_nctaid.x", SpClusterSizeX},
      {"%cluster_nctaid.y", SpClusterSizeY}, {"%cluster_nctaid.z", SpClusterSizeZ},
      {"%cluster_ctarank", SpClusterRank}, {"%cluster_nctarank", SpClusterBlocks},
      {"%envreg1", SpWorkspaceHi}, {"%envreg2", SpWorkspaceLo}};
  for (auto &[text, slot] : table)
    if (text == name) {
      program.usesClusterRegisters = true;
      return slot;
    }
  return SpCount;
}

} // namespace cameo::ptx
