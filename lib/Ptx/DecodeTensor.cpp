// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// cp{.reduce}.async.bulk{.prefetch}.tensor to the names of their handlers: tile mode, one to five
// dimensions. Refused by name: im2col, gather4 and scatter4, multicast, pairs of blocks.
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
                        ".shared::cluster .tile .mbarrier::complete_tx::bytes .bulk_group "
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
  size_t count = (load ? 3u : store ? 2u : 1u) + (m.has(".L2::cache_hint") ? 1 : 0);
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
  Op &op = emit(load ? "tensor.load" : store ? "tensor.store" : "tensor.prefetch", OpKind::Memory);
  op.extra = side, op.count = static_cast<uint8_t>(rank), op.size = reduction;
}

} // namespace cameo::ptx
