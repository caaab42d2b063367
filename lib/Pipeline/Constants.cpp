// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See Constants.h.

#include "Constants.h"

#include "mlir/IR/DialectResourceBlobManager.h"

#include <cstring>

using namespace mlir;

namespace cameo {

namespace {

/// Fills memory with one element again and again; any offset and count.
bool repeat(const std::string &element, uint64_t offset, void *to, uint64_t count) {
  for (uint64_t i = 0; i < count; ++i)
    static_cast<char *>(to)[i] = element[(offset + i) % element.size()];
  return true;
}

bundle::Weight streamed(uint64_t bytes, std::function<bool(uint64_t, void *, uint64_t)> read) {
  bundle::Weight weight;
  weight.source = bundle::Weight::Source::reader;
  weight.bytes = bytes;
  weight.read = std::move(read);
  return weight;
}

bundle::Weight inMemory(const void *data, uint64_t bytes) {
  bundle::Weight weight;
  weight.source = bundle::Weight::Source::memory;
  weight.data = data;
  weight.bytes = bytes;
  return weight;
}

/// Elements that MLIR keeps in another form than memory has them: booleans as bytes, 4- and 2-bit
/// elements packed, low ones first.
bundle::Weight repacked(DenseElementsAttr dense, DType dtype, uint64_t bytes) {
  auto packed = std::make_shared<std::string>(bytes, '\0');
  unsigned bits = std::max(1u, bitWidth(dtype));
  unsigned perByte = bits >= 8 ? 1 : 8 / bits;
  uint64_t i = 0;
  auto place = [&](const APInt &value) {
    uint64_t raw = value.getZExtValue();
    (*packed)[i / perByte] |= char(raw << (bits * (i % perByte)));
    ++i;
  };
  if (isa<FloatType>(dense.getElementType()))
    for (const APFloat &value : dense.getValues<APFloat>())
      place(value.bitcastToAPInt());
  else
    for (const APInt &value : dense.getValues<APInt>())
      place(value);
  return streamed(bytes, [packed](uint64_t offset, void *to, uint64_t count) {
    std::memcpy(to, packed->data() + offset, count);
    return true;
  });
}

} // namespace

FailureOr<bundle::Weight> weightOf(graph::ConstantOp op) {
  ElementsAttr value = op.getValue();
  DType dtype = graph::dtypeOf(value.getElementType());
  uint64_t elements = uint64_t(value.getNumElements());
  uint64_t bytes = uint64_t(byteSize(dtype, int64_t(elements)).value_or(0));
  bundle::Weight weight;
  if (auto resource = dyn_cast<DenseResourceElementsAttr>(value)) {
    AsmResourceBlob *blob = resource.getRawHandle().getBlob();
    if (!blob)
      return op.emitError("its data is not in the module");
    if (blob->getData().size() != bytes)
      return op.emitError("its data has ")
             << blob->getData().size() << " bytes, its type asks for " << bytes;
    weight = inMemory(blob->getData().data(), bytes);
  } else {
    auto dense = dyn_cast<DenseElementsAttr>(value);
    if (!dense)
      return op.emitError("is neither dense nor a resource");
    bool byteLayout = bitWidth(dtype) >= 8 && dtype != DType::boolean;
    if (!byteLayout)
      weight = repacked(dense, dtype, bytes);
    else if (dense.isSplat())
      weight = streamed(bytes, [element = std::string(dense.getRawData().begin(),
                                                      dense.getRawData().end())](
                                   uint64_t offset, void *to, uint64_t count) {
        return repeat(element, offset, to, count);
      });
    else
      weight = inMemory(dense.getRawData().data(), bytes);
  }
  if (auto name = dyn_cast<NameLoc>(op.getLoc()))
    weight.name = name.getName().str();
  return weight;
}

} // namespace cameo
