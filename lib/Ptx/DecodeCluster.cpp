// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// barrier.cluster, mapa, getctarank and the special registers of clusters and grids to the names of
// their handlers. A 32-bit generic address does not exist here, and mapa.u32 without a space is refused.
#include "Async.h"
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

/// st.async{.weak}.shared::cluster.mbarrier::complete_tx::bytes{.v2|.v4}.type [a], b, [mbar] and
/// red.async.relaxed.cluster… .op.type.
void Decoder::decodeStoreAsync() {
  bool reduces = current->opcode == "red";
  std::string allowed = reduces ? " .async .relaxed .cluster .shared::cluster .mbarrier::complete_tx::bytes"
                                : " .async .weak .shared::cluster .mbarrier::complete_tx::bytes .v2 .v4";
  for (std::string_view text : bulkReductions)
    allowed += reduces ? " " + std::string(text) : "";
  Modifiers m = modifiers(allowed + " ");
  Type type = m.type();
  unsigned size = sizeOf(type), count = m.vectorLength();
  if (modifierRefused || !expectOperands(3, 3))
    return;
  uint8_t reduction = 0;
  for (std::string_view text : bulkReductions)
    if (m.has(text) && !isFloat(type))
      reduction = findReduction(text, nameOf(type));
  bool integer = type == Type::U32 || type == Type::S32 || type == Type::U64 || type == Type::B32;
  if (!m.has(".shared::cluster") || !m.has(".mbarrier::complete_tx::bytes") || (size != 4 && size != 8) ||
      size * count > 16 || (reduces && (!reduction || !integer)))
    return unsupported("this form");
  const Operand &value = operand(1);
  if (!hasShape(value, count, "source"))
    return;
  program.usesAsync = true;
  uint32_t slots[4];
  for (unsigned i = 0; i < count; ++i)
    slots[i] = source(value.kind == Kind::Vector ? value.elements[i] : value, type);
  uint32_t side = static_cast<uint32_t>(program.side.size());
  addSideAddress(operand(0), Space::Cluster);
  addSideAddress(operand(2), Space::Cluster);
  program.side.insert(program.side.end(), slots, slots + count);
  Op &op = emit("st.async", OpKind::Memory);
  op.extra = side, op.size = static_cast<uint8_t>(size), op.count = static_cast<uint8_t>(count);
  op.width = TargetCluster, op.imm = reduction;
}

/// Whether a load's destination is of the cluster, and its mask of blocks, which is operand `maskIndex`.
bool Decoder::copyTarget(const Modifiers &m, std::string_view first, size_t maskIndex, Op &op) {
  op.width = first == ".shared::cluster" ? TargetCluster : 0;
  if (!m.has(".multicast::cluster"))
    return true;
  if (first != ".shared::cluster") {
    error("'" + formOf(*current) + "': a multicast goes to .shared::cluster");
    return false;
  }
  op.width = TargetCluster | TargetMulticast;
  op.c = source(maskIndex, Type::B16);
  return true;
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
