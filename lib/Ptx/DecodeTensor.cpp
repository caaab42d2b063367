// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// cp{.reduce}.async.bulk{.prefetch}.tensor to the names of their handlers: tile mode of one to five
// dimensions, im2col of three to five; tensormap.replace and tensormap.cp_fenceproxy. Refused by name is
// what processors after sm_90 have: im2col::w, gather4 and scatter4, pairs of blocks.
#include "Async.h"
#include "Decode.h"
#include "TensorMap.h"

namespace cameo::ptx {

/// The generic address of a tensor map, four words of `side`, and its coordinates, five words.
void Decoder::addTensor(const Operand &o, const std::vector<uint32_t> &coordinates) {
  AddressParts parts = addressParts(o, Space::Generic);
  const Symbol *symbol = o.reg < 0 && !o.name.empty() ? findSymbol(o.name) : nullptr;
  if (symbol && symbol->where == Symbol::Where::KernelParam)
    parts.offset += static_cast<int64_t>(paramWindow);
  addSide({parts.slot, static_cast<uint32_t>(parts.offset),
           static_cast<uint32_t>(static_cast<uint64_t>(parts.offset) >> 32),
           static_cast<uint32_t>(parts.narrow)});
  for (unsigned d = 0; d < mostTensorRank; ++d)
    addSide({d < coordinates.size() ? coordinates[d] : noOperand});
}

/// The slots of [map, {coordinates}]; empty, with an error, where they are not `rank` integers.
std::vector<uint32_t> Decoder::tensorCoordinates(const Operand &o, unsigned rank) {
  std::vector<uint32_t> slots;
  if (o.kind != Kind::Address || o.elements.size() != 1 || o.elements[0].kind != Kind::Vector ||
      o.elements[0].elements.size() != rank) {
    error("'" + formOf(*current) + "' takes a tensor map and " + std::to_string(rank) +
          " coordinates: [map, {...}]");
    return slots;
  }
  for (const Operand &coordinate : o.elements[0].elements)
    slots.push_back(source(coordinate, Type::S32));
  return slots;
}

void Decoder::decodeTensor() {
  static constexpr std::string_view dimensions[] = {".1d", ".2d", ".3d", ".4d", ".5d"};
  std::string allowed = " .reduce .async .bulk .tensor .prefetch .L2 .global .shared::cta "
                        ".shared::cluster .tile .im2col .im2col_no_offs .multicast::cluster .mbarrier::complete_tx::bytes .bulk_group "
                        ".L2::cache_hint";
  for (std::string_view text : dimensions)
    allowed += " " + std::string(text);
  for (std::string_view text : bulkReductions)
    allowed += " " + std::string(text);
  Modifiers m = modifiers(allowed + " ");
  program.usesAsync = true;
  unsigned rank = 0;
  for (unsigned d = 0; d < mostTensorRank; ++d)
    rank = m.has(dimensions[d]) ? d + 1 : rank;
  if (modifierRefused)
    return;
  bool load = m.has(".mbarrier::complete_tx::bytes"), store = m.has(".bulk_group");
  bool prefetch = m.has(".prefetch");
  std::string_view first; // the destination's space comes first
  for (std::string_view text : current->modifiers)
    if (first.empty() && (text == ".global" || text.substr(0, 7) == ".shared"))
      first = text;
  if (!rank || load + store + prefetch != 1 || !m.has(".global") || (!load && first != ".global") ||
      (load && first == ".global") || (store && !m.has(".shared::cta")) ||
      (m.has(".reduce") && !store))
    return unsupported("this form");
  uint8_t reduction = 0;
  for (size_t i = 0; i < std::size(bulkReductions); ++i)
    if (m.has(bulkReductions[i]))
      reduction = static_cast<uint8_t>(i + 1);
  if (m.has(".reduce") != (reduction != 0))
    return unsupported("this reduction");
  // Loads and prefetches of im2col have offsets; stores don't.
  bool offsets = m.has(".im2col"), im2col = offsets || m.has(".im2col_no_offs");
  if (im2col && (offsets == store || m.has(".tile") || (m.has(".im2col_no_offs") && !store)))
    return unsupported("this mode");
  if (im2col && rank < 3)
    return error("'" + formOf(*current) + "': im2col is for tensors of 3 to 5 dimensions");
  bool multicast = m.has(".multicast::cluster");
  if (multicast && !load)
    return unsupported("this form");
  size_t count = (load ? 3u : store ? 2u : 1u) + offsets + multicast + (m.has(".L2::cache_hint") ? 1 : 0);
  if (!expectOperands(count, count))
    return;
  const Operand &map = operand(load ? 1 : 0);
  std::vector<uint32_t> coordinates = tensorCoordinates(map, rank);
  if (coordinates.size() != rank)
    return;
  uint32_t side = static_cast<uint32_t>(program.side.size());
  addTensor(map, coordinates);
  if (!prefetch)
    addSideAddress(operand(load ? 0 : 1), Space::Shared);
  if (load)
    addSideAddress(operand(2), Space::Shared);
  if (load && offsets && !addOffsets(operand(3), rank - 2))
    return;
  Op target;
  if (load && !copyTarget(m, first, offsets ? 4 : 3, target))
    return;
  Op &op = emit(load ? "tensor.load" : store ? "tensor.store" : "tensor.prefetch", OpKind::Memory);
  op.extra = side, op.count = static_cast<uint8_t>(rank), op.size = reduction;
  op.width = target.width, op.c = target.c;
  op.flags |= (im2col ? FlagIm2col : 0) | (load && offsets ? FlagOffsets : 0);
}

/// The offsets of im2col: {w}, {w, h} or {w, h, d} of 16 bits; three words of `side`.
bool Decoder::addOffsets(const Operand &o, unsigned count) {
  if (o.kind != Kind::Vector || o.elements.size() != count) {
    error("'" + formOf(*current) + "' takes " + std::to_string(count) + " offsets: {...}");
    return false;
  }
  uint32_t slots[3] = {noOperand, noOperand, noOperand};
  for (unsigned d = 0; d < count; ++d)
    slots[d] = source(o.elements[d], Type::U16);
  addSide({slots[0], slots[1], slots[2]});
  return true;
}

/// tensormap.replace.tile.FIELD{.global|.shared::cta}.b1024.type [map], {ordinal,} value, and
/// tensormap.cp_fenceproxy.global.shared::cta.tensormap::generic.release.scope.sync.aligned [to], [from], 128.
void Decoder::decodeTensormap() {
  static constexpr std::pair<std::string_view, MapField> fields[] = {
      {".global_address", MapField::GlobalAddress}, {".rank", MapField::Rank},
      {".box_dim", MapField::BoxDim}, {".global_dim", MapField::GlobalDim},
      {".global_stride", MapField::GlobalStride}, {".element_stride", MapField::ElementStride},
      {".elemtype", MapField::ElementType}, {".interleave_layout", MapField::Interleave},
      {".swizzle_mode", MapField::SwizzleMode}, {".swizzle_atomicity", MapField::SwizzleAtomicity},
      {".fill_mode", MapField::FillMode}};
  std::string allowed = " .replace .tile .global .shared::cta .b1024 .cp_fenceproxy .tensormap::generic .release "
                        ".cta .cluster .gpu .sys .sync .aligned";
  for (auto &[text, field] : fields)
    allowed += " " + std::string(text);
  Modifiers m = modifiers(allowed + " ");
  if (modifierRefused)
    return;
  program.usesAsync = true;
  if (m.has(".cp_fenceproxy"))
    return decodeMapCopy(m);
  const std::pair<std::string_view, MapField> *found = nullptr;
  for (auto &row : fields)
    found = m.has(row.first) ? &row : found;
  if (!found || !m.has(".replace") || !m.has(".tile") || !m.has(".b1024") ||
      (m.has(".global") && m.has(".shared::cta")))
    return unsupported("this form");
  bool wide = found->second == MapField::GlobalAddress || found->second == MapField::GlobalStride;
  bool ordered = found->second >= MapField::BoxDim && found->second <= MapField::ElementStride;
  if (m.type() != (wide ? Type::B64 : Type::B32))
    return error("'" + formOf(*current) + "' has the type " + (wide ? ".b64" : ".b32"));
  if (!expectOperands(ordered ? 3 : 2, ordered ? 3 : 2))
    return;
  uint32_t value = source(ordered ? 2 : 1, m.type()), ordinal = ordered ? source(1, Type::B32) : noOperand;
  Space space = m.has(".global") ? Space::Global : m.has(".shared::cta") ? Space::Shared : Space::Generic;
  uint32_t side = static_cast<uint32_t>(program.side.size());
  addSideAddress(operand(0), space);
  Op &op = emit("tensormap.replace", OpKind::Memory);
  op.extra = side, op.b = value, op.c = ordinal, op.space = space;
  op.size = wide ? 8 : 4, op.imm = static_cast<int64_t>(found->second);
}

void Decoder::decodeMapCopy(const Modifiers &m) {
  if (!m.has(".global") || !m.has(".shared::cta") || !m.has(".tensormap::generic") || !m.has(".release") ||
      !m.has(".sync") || !m.has(".aligned") ||
      !(m.has(".cta") || m.has(".cluster") || m.has(".gpu") || m.has(".sys")))
    return unsupported("this form");
  if (!expectOperands(3, 3))
    return;
  if (operand(2).kind != Kind::Integer || operand(2).value != tensorMapBytes)
    return error("tensormap.cp_fenceproxy copies 128 bytes");
  uint32_t side = static_cast<uint32_t>(program.side.size());
  addSideAddress(operand(0), Space::Global);
  addSideAddress(operand(1), Space::Shared);
  emitAround([&] {
    Op &op = emitPlain("tensormap.cp_fenceproxy", OpKind::Sync);
    op.extra = side;
  });
}

} // namespace cameo::ptx
