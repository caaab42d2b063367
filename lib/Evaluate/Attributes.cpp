// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Constants as tensors and back. MLIR keeps booleans and narrow integers differently from ONNX
// (packed or one a byte), so those are converted; everything else is the same bytes and is not
// copied.
#include "cameo/Dialect/Graph/IR/Graph.h"
#include "cameo/Evaluate/Evaluate.h"

#include "mlir/IR/DialectResourceBlobManager.h"

#include <cstring>

using namespace mlir;

namespace cameo::evaluate {
namespace {

host::Dims dimsOf(ShapedType type) { return {type.getShape().begin(), type.getShape().end()}; }

Result<HostTensor> fromBooleans(DenseElementsAttr attribute) {
  auto out = HostTensor::allocate(DType::boolean, dimsOf(attribute.getType()));
  if (!out)
    return out;
  auto *to = out->as<uint8_t>();
  for (bool value : attribute.getValues<bool>())
    *to++ = value;
  return out;
}

/// Packs elements that MLIR keeps one a byte.
Result<HostTensor> fromNarrow(DType dtype, ArrayRef<char> bytes, host::Dims dims) {
  std::vector<int64_t> codes(bytes.begin(), bytes.end());
  // The codes are bits: store them as integers of the same width, then read them as the type.
  DType carrier = bitWidth(dtype) == 4 ? DType::u4 : DType::u2;
  if (bitWidth(dtype) == 6) {
    auto out = HostTensor::allocate(dtype, dims);
    for (size_t i = 0; out && i < codes.size(); ++i) {
      auto *memory = static_cast<uint8_t *>(out->data());
      size_t bit = i * 6;
      unsigned code = unsigned(codes[i] & 63) << (bit % 8);
      memory[bit / 8] = uint8_t(memory[bit / 8] | code);
      if (bit % 8 > 2)
        memory[bit / 8 + 1] = uint8_t(memory[bit / 8 + 1] | code >> 8);
    }
    return out;
  }
  auto out = HostTensor::ofIntegers(carrier, std::move(dims), codes);
  if (out)
    return out->bitcast(dtype);
  return out;
}

Result<HostTensor> fromBytes(DType dtype, ArrayRef<char> bytes, host::Dims dims) {
  auto count = host::elementCount(dims);
  if (!count || byteSize(dtype, *count) != int64_t(bytes.size()))
    return host::error("a constant has " + std::to_string(bytes.size()) + " bytes for " +
                       host::toString(dims));
  size_t alignment = std::min<size_t>(bitWidth(dtype) / 8, 8);
  if (alignment > 1 && reinterpret_cast<uintptr_t>(bytes.data()) % alignment != 0) {
    auto copy = HostTensor::allocate(dtype, std::move(dims)); // a mapped file need not be aligned
    if (copy)
      std::memcpy(copy->data(), bytes.data(), bytes.size());
    return copy;
  }
  return HostTensor::wrap(dtype, std::move(dims), const_cast<char *>(bytes.data()));
}

} // namespace

Result<HostTensor> fromAttribute(ElementsAttr attribute) {
  auto type = cast<ShapedType>(attribute.getType());
  DType dtype = graph::dtypeOf(type.getElementType());
  host::Dims dims = dimsOf(type);
  if (dtype == DType::undefined || !type.hasStaticShape())
    return host::error("a constant of this type has no elements");
  if (auto resource = dyn_cast<DenseResourceElementsAttr>(attribute)) {
    AsmResourceBlob *blob = resource.getRawHandle().getBlob();
    if (!blob)
      return host::error("the data of a constant are missing");
    return fromBytes(dtype, blob->getData(), dims);
  }
  auto dense = dyn_cast<DenseElementsAttr>(attribute);
  if (!dense)
    return host::error("a constant is neither dense nor a resource");
  if (dense.getNumElements() == 0)
    return HostTensor::allocate(dtype, dims); // an empty splat still holds a value
  bool splat = dense.isSplat() && dense.getNumElements() > 1;
  if (splat)
    dense = dense.resizeSplat(cast<ShapedType>(type.clone(ArrayRef<int64_t>{1})));
  host::Dims stored = splat ? host::Dims{1} : dims;
  auto tensor = dtype == DType::boolean ? fromBooleans(dense)
                : isPacked(dtype)       ? fromNarrow(dtype, dense.getRawData(), stored)
                                        : fromBytes(dtype, dense.getRawData(), stored);
  if (!tensor || !splat)
    return tensor;
  return tensor->view(dims, host::Dims(dims.size(), 0), tensor->offset());
}

Result<DenseElementsAttr> toAttribute(MLIRContext *context, const HostTensor &tensor) {
  Type element = graph::typeOf(context, tensor.dtype());
  if (!element)
    return host::error("a constant cannot hold " + std::string(name(tensor.dtype())));
  auto type = RankedTensorType::get(tensor.dims(), element);
  auto flat = tensor.clone();
  if (!flat)
    return flat.status();
  size_t count = size_t(flat->numElements());
  auto *bytes = static_cast<const char *>(flat->data());
  if (tensor.dtype() == DType::boolean) {
    SmallVector<bool> values(bytes, bytes + count);
    return DenseElementsAttr::get(type, values);
  }
  size_t width = bitWidth(tensor.dtype()) / 8;
  std::vector<char> codes;
  if (isPacked(tensor.dtype())) {
    width = 1;
    unsigned bits = bitWidth(tensor.dtype());
    for (size_t i = 0; i < count; ++i) {
      size_t bit = i * bits;
      unsigned pair = uint8_t(bytes[bit / 8]);
      if (bit % 8 + bits > 8)
        pair |= unsigned(uint8_t(bytes[bit / 8 + 1])) << 8;
      codes.push_back(char((pair >> (bit % 8)) & ((1u << bits) - 1)));
    }
    bytes = codes.data();
  }
  bool splat = count > 1;
  for (size_t i = 1; splat && i < count; ++i)
    splat = std::memcmp(bytes, bytes + i * width, width) == 0;
  return DenseElementsAttr::getFromRawBuffer(type,
                                             ArrayRef<char>(bytes, (splat ? 1 : count) * width));
}

} // namespace cameo::evaluate
