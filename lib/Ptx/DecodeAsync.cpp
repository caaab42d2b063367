// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// cp.async, bulk copies, mbarriers and fences to the names of their handlers. Each has a table of
// the forms that the ISA lists; what fits none is refused with its line.
#include "Async.h"
#include "Decode.h"
#include "RaceClock.h"
#include "SyncHandlers.h"

namespace cameo::ptx {
namespace {

Space mbarrierSpace(bool shared) { return shared ? Space::Shared : Space::Generic; }

bool hasModifier(const Instruction &instruction, std::string_view text) {
  for (std::string_view m : instruction.modifiers)
    if (m == text)
      return true;
  return false;
}

struct MbarrierRow {
  std::string_view name; ///< the modifier that names the operation
  const char *handler;
  uint8_t flags;
};
constexpr MbarrierRow mbarrierOperations[] = {
    {".init", "mbarrier.init", 0},
    {".inval", "mbarrier.inval", 0},
    {".arrive", "mbarrier.arrive", 0},
    {".arrive_drop", "mbarrier.arrive", MbarrierDrop},
    {".expect_tx", "mbarrier.expect_tx", 0},
    {".complete_tx", "mbarrier.complete_tx", 0},
    {".test_wait", "mbarrier.wait", 0},
    {".try_wait", "mbarrier.wait", 0},
    {".pending_count", "mbarrier.pending_count", 0},
};

} // namespace

/// The slot, offset and width of an address, taken from an operation made for it.
Decoder::AddressParts Decoder::addressParts(const Operand &o, Space space) {
  emitPlain("nothing", OpKind::None);
  setAddress(o, space);
  Op address = program.code.back();
  program.code.pop_back();
  program.source.pop_back();
  program.location.pop_back();
  return {address.a, address.imm, (address.flags & FlagAddress32) != 0};
}

/// Four words of `side`; see sideAddress.
void Decoder::addSideAddress(const Operand &o, Space space) {
  AddressParts parts = addressParts(o, space);
  addSide({parts.slot, static_cast<uint32_t>(parts.offset),
           static_cast<uint32_t>(static_cast<uint64_t>(parts.offset) >> 32),
           static_cast<uint32_t>(parts.narrow)});
}

void Decoder::decodeCp() {
  if (hasModifier(*current, ".tensor"))
    return decodeTensor();
  if (hasModifier(*current, ".bulk"))
    return decodeBulk();
  if (hasModifier(*current, ".mbarrier"))
    return decodeCopyArrive();
  Modifiers m = modifiers(" .async .ca .cg .shared .shared::cta .global .commit_group .wait_group "
                          ".wait_all .L2::64B .L2::128B .L2::256B .L2::cache_hint ");
  if (!m.has(".async"))
    return unsupported("this form");
  if ((m.has(".commit_group") || m.has(".wait_all")) && !expectOperands(0, 0))
    return;
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
  decodeCopy(m);
}

/// cp.async.{ca|cg}.shared.global [dst], [src], size{, src-size}{, ignore}.
void Decoder::decodeCopy(const Modifiers &m) {
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
  AddressParts to = addressParts(operand(0), Space::Shared);
  AddressParts from = addressParts(operand(1), Space::Global);
  flags |= (to.narrow ? 1 : 0) | (from.narrow ? 2 : 0);
  if (from.offset < INT32_MIN || from.offset > INT32_MAX)
    return error("the offset of the source is beyond 32 bits");
  uint32_t side = addSide({static_cast<uint32_t>(from.offset), flags});
  Op &op = emit("cp.async", OpKind::Memory);
  op.d = to.slot, op.imm = to.offset, op.a = from.slot, op.b = bytes, op.c = ignore;
  op.size = static_cast<uint8_t>(size), op.extra = side, op.space = Space::Shared;
}

/// cp.async.mbarrier.arrive{.noinc}{.shared}.b64 [addr]
void Decoder::decodeCopyArrive() {
  Modifiers m = modifiers(" .async .mbarrier .arrive .noinc .shared .shared::cta ");
  if (!expectOperands(1, 1) || !m.has(".arrive") || m.type() != Type::B64)
    return unsupported("this form");
  program.usesAsync = true;
  Op &op = emit("cp.async.mbarrier.arrive", OpKind::Sync);
  op.size = m.has(".noinc") ? MbarrierNoIncrement : 0;
  Space space = mbarrierSpace(m.has(".shared") || m.has(".shared::cta"));
  setAddress(operand(0), space);
}

/// cp{.reduce}.async.bulk: groups, prefetch, loads (mbarrier), stores (bulk group).
void Decoder::decodeBulk() {
  std::string allowed = " .reduce .async .bulk .commit_group .wait_group .read .prefetch .L2 .global "
                        ".shared::cta .shared::cluster .mbarrier::complete_tx::bytes .bulk_group "
                        ".L2::cache_hint .noftz .multicast::cluster";
  for (std::string_view text : bulkReductions)
    allowed += " " + std::string(text);
  Modifiers m = modifiers(allowed + " ");
  program.usesAsync = true;
  if (m.has(".commit_group")) {
    expectOperands(0, 0);
    emit("bulk.commit_group", OpKind::Sync);
    return;
  }
  if (m.has(".wait_group")) {
    if (!expectOperands(1, 1) || operand(0).kind != Kind::Integer || operand(0).value < 0)
      return error("cp.async.bulk.wait_group takes a number");
    Op &op = emit("bulk.wait_group", OpKind::Sync);
    op.imm = operand(0).value, op.size = m.has(".read");
    return;
  }
  if (m.has(".prefetch")) {
    if (expectOperands(2, 3))
      emit("nothing", OpKind::Memory);
    return;
  }
  size_t hint = m.has(".L2::cache_hint") ? 1 : 0;
  bool load = m.has(".mbarrier::complete_tx::bytes"), store = m.has(".bulk_group");
  size_t multicast = m.has(".multicast::cluster") ? 1 : 0;
  size_t count = (load ? 4u : 3u) + multicast + hint;
  std::string_view first; // the destination's space comes first
  for (std::string_view text : current->modifiers)
    if (first.empty() && (text == ".global" || text.substr(0, 7) == ".shared"))
      first = text;
  bool send = load && !m.has(".global"); // .shared::cluster.shared::cta
  if (load == store || (first == ".global") != store || (multicast && (!load || send)) ||
      (send ? first != ".shared::cluster" || !m.has(".shared::cta") || hint : !m.has(".global")))
    return unsupported("this form");
  if (!expectOperands(count, count))
    return;
  uint8_t reduction = 0;
  if (m.has(".reduce"))
    for (std::string_view text : bulkReductions)
      if (m.has(text))
        reduction = findReduction(text, nameOf(m.type()));
  bool wide = isFloat(m.type()) || (reductionBytes(reduction) == 8 && !m.has(".add"));
  if (m.has(".reduce") && (!reduction || (load && !send) || (send && wide)))
    return unsupported("this reduction");
  uint32_t size = source(2, Type::U32);
  uint32_t side = static_cast<uint32_t>(program.side.size());
  addSideAddress(operand(0), load ? Space::Shared : Space::Global);
  addSideAddress(operand(1), load && !send ? Space::Global : Space::Shared);
  if (load)
    addSideAddress(operand(3), Space::Shared);
  Op target;
  if (load && !copyTarget(m, first, 4, target))
    return;
  Op &op = emit(send ? "bulk.send" : load ? "bulk.load" : "bulk.store", OpKind::Memory);
  op.b = size, op.extra = side, op.size = reduction;
  op.width = target.width, op.c = target.c;
}

/// mbarrier.OP{.sem}{.scope}{.space}.b64.
void Decoder::decodeMbarrier() {
  Modifiers m = modifiers(" .init .inval .arrive .arrive_drop .expect_tx .complete_tx .test_wait "
                          ".try_wait .pending_count .noComplete .parity .relaxed .release .acquire "
                          ".cta .cluster .shared .shared::cta .shared::cluster ");
  const MbarrierRow *row = nullptr;
  for (const MbarrierRow &candidate : mbarrierOperations)
    if (!row && m.has(candidate.name))
      row = &candidate;
  if (!row || m.type() != Type::B64)
    return unsupported("this form");
  program.usesAsync = true;
  std::string_view name = row->name;
  bool shared = m.has(".shared") || m.has(".shared::cta") || m.has(".shared::cluster");
  Space space = mbarrierSpace(shared);
  if (name == ".pending_count") {
    if (!expectOperands(2, 2))
      return;
    uint32_t d = destination(0, Type::B32), a = source(1, Type::B64);
    Op &op = emit(row->handler, OpKind::Alu);
    op.d = d, op.a = a;
    return;
  }
  bool arrives = name == ".arrive" || name == ".arrive_drop";
  bool waits = name == ".test_wait" || name == ".try_wait";
  bool reaches = arrives ? !m.has(".noComplete") : name == ".expect_tx" || name == ".complete_tx";
  if (m.has(".shared::cluster") && !reaches)
    return error("'" + formOf(*current) + "' is for barriers of the own block (.shared::cta)");
  if (m.has(".shared::cluster")) // by the address it may be its own or another block's
    space = Space::Cluster;
  bool expects = arrives && m.has(".expect_tx");
  uint8_t flags = row->flags;
  flags |= m.has(".noComplete") ? MbarrierNoComplete : 0;
  flags |= expects ? MbarrierExpect : 0;
  flags |= m.has(".parity") ? MbarrierParity : 0;
  flags |= m.has(".relaxed") ? MbarrierRelaxed : 0;
  flags |= m.has(".cta") ? MbarrierOwnScope : 0;
  if (waits)
    return decodeMbarrierWait(m, row->handler, flags, space);
  uint32_t d = noOperand, b = noOperand;
  size_t at = arrives && operandCount() && operand(0).kind != Kind::Address ? 1 : 0;
  if (m.has(".noComplete") && !at)
    return error("'" + formOf(*current) + "' has a result");
  size_t values = name == ".inval" ? 0 : 1;
  bool optional = arrives && !expects && !m.has(".noComplete");
  if (!expectOperands(at + 1 + (optional ? 0 : values), at + 1 + values))
    return;
  if (at && space == Space::Cluster && operand(0).kind != Kind::Sink)
    return error("an arrival at a barrier in .shared::cluster has no result: its destination is _");
  if (at && operand(0).kind != Kind::Sink)
    d = destination(0, Type::B64);
  if (operandCount() > at + 1)
    b = source(at + 1, Type::U32);
  Op &op = emit(row->handler, OpKind::Sync);
  op.d = d, op.b = b, op.size = flags, op.space = space;
  op.count = static_cast<uint8_t>(scopeOf(m));
  setAddress(operand(at), space);
}

/// p, [addr], parity{, time} or p, [addr], token{, time} (PTX writes the token behind the address).
void Decoder::decodeMbarrierWait(const Modifiers &m, const char *handler, uint8_t flags,
                                 Space space) {
  if (!expectOperands(3, m.has(".try_wait") ? 4 : 3))
    return;
  uint32_t d = destination(0, Type::Pred);
  uint32_t b = source(2, flags & MbarrierParity ? Type::U32 : Type::B64);
  emitAround([&] {
    Op &op = emitPlain(handler, OpKind::Sync);
    op.d = d, op.b = b, op.size = flags, op.space = space;
    op.count = static_cast<uint8_t>(scopeOf(m));
    Space where = space;
    setAddress(operand(1), where);
  });
}

Scope Decoder::scopeOf(const Modifiers &m) {
  return m.has(".cluster") ? Scope::Cluster
         : m.has(".gpu") || m.has(".gl") ? Scope::Device
         : m.has(".sys") ? Scope::System : Scope::Block;
}

/// fence.proxy.tensormap::generic.release.scope, or .acquire.scope [map], 128.
void Decoder::decodeTensorFence(const Modifiers &m) {
  bool acquire = m.has(".acquire");
  if (acquire == m.has(".release") || !(m.has(".cta") || m.has(".cluster") || m.has(".gpu") ||
                                        m.has(".sys")))
    return error("fence.proxy.tensormap::generic takes .release or .acquire and a scope");
  if (!expectOperands(acquire ? 2 : 0, acquire ? 2 : 0))
    return;
  if (acquire && (operand(1).kind != Kind::Integer || operand(1).value != 128))
    return error("fence.proxy.tensormap::generic.acquire takes the address of a map and 128");
  uint32_t side = static_cast<uint32_t>(program.side.size());
  if (acquire)
    addSideAddress(operand(0), Space::Generic);
  Op &op = emit(acquire ? "fence.tensormap.acquire" : "fence.tensormap.release", OpKind::Sync);
  op.extra = side, op.count = static_cast<uint8_t>(scopeOf(m));
}

/// fence{.sem}.scope, membar.level, fence.proxy.KIND, fence.mbarrier_init.release.cluster.
void Decoder::decodeFence() {
  Modifiers m = modifiers(" .cta .cluster .gpu .gl .sys .sc .acq_rel .acquire .release .proxy .alias "
                          ".async .async.global .global .shared::cta .shared::cluster "
                          ".mbarrier_init .tensormap::generic .async::generic "
                          ".sync_restrict::shared::cta .sync_restrict::shared::cluster ");
  FenceKind kind = FenceMemory;
  if (m.has(".mbarrier_init")) {
    kind = FenceMbarrierInit;
    if (!m.has(".release") || !m.has(".cluster"))
      return error("it is fence.mbarrier_init.release.cluster");
  } else if (m.has(".proxy")) {
    kind = m.has(".async") || m.has(".async::generic") || m.has(".async.global") ? FenceAsyncProxy : FenceOtherProxy;
    if (m.has(".tensormap::generic"))
      return decodeTensorFence(m);
    if (!m.has(".async") && !m.has(".alias") && !m.has(".tensormap::generic") &&
        !m.has(".async::generic"))
      return error("fence.proxy names a proxy");
  } else if (!m.has(".cta") && !m.has(".cluster") && !m.has(".gpu") && !m.has(".gl") &&
             !m.has(".sys")) {
    return error("a fence names its scope");
  }
  expectOperands(0, 0);
  Op &op = emit("fence", OpKind::Sync);
  op.size = kind, op.count = static_cast<uint8_t>(scopeOf(m));
  if (kind == FenceAsyncProxy)
    op.width = m.has(".global") || m.has(".async.global") ? FencesGlobal // without a space it is one of all
               : m.has(".shared::cta") || m.has(".shared::cluster") || m.has(".async::generic")
                   ? FencesShared : FencesShared | FencesGlobal;
}

} // namespace cameo::ptx
