// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// TensorProto to bytes. Which field may hold which type is a table; sizes are computed with checked
// arithmetic and compared with what is there before anything is read. Typed fields are converted to
// the bytes that raw_data would have had; a value that its element type cannot hold is refused.
#include "Tensors.h"

#include "llvm/ADT/STLExtras.h"
#include "onnx/onnx_pb.h"

#include <cstring>

using namespace cameo;
using namespace cameo::importer;
using Proto = onnx::TensorProto;

namespace {

enum class Slot : uint8_t { None, Float, Int32, Int64, Double, UInt64, String };

/// One ONNX data type: where its elements lie when not in raw_data, and the range of one entry there
/// (packed types: the range of one byte).
struct TypeRow {
  const char *name;
  unsigned bits;
  Slot slot;
  int64_t low, high;
};

constexpr TypeRow kTypes[] = {
    {"undefined", 0, Slot::None, 0, 0},
    {"float", 32, Slot::Float, 0, 0},
    {"uint8", 8, Slot::Int32, 0, 255},
    {"int8", 8, Slot::Int32, -128, 127},
    {"uint16", 16, Slot::Int32, 0, 65535},
    {"int16", 16, Slot::Int32, -32768, 32767},
    {"int32", 32, Slot::Int32, INT32_MIN, INT32_MAX},
    {"int64", 64, Slot::Int64, INT64_MIN, INT64_MAX},
    {"string", 0, Slot::String, 0, 0},
    {"bool", 8, Slot::Int32, 0, 1},
    {"float16", 16, Slot::Int32, 0, 65535},
    {"double", 64, Slot::Double, 0, 0},
    {"uint32", 32, Slot::UInt64, 0, UINT32_MAX},
    {"uint64", 64, Slot::UInt64, 0, INT64_MAX},
    {"complex64", 64, Slot::Float, 0, 0},
    {"complex128", 128, Slot::Double, 0, 0},
    {"bfloat16", 16, Slot::Int32, 0, 65535},
    {"float8e4m3fn", 8, Slot::Int32, 0, 255},
    {"float8e4m3fnuz", 8, Slot::Int32, 0, 255},
    {"float8e5m2", 8, Slot::Int32, 0, 255},
    {"float8e5m2fnuz", 8, Slot::Int32, 0, 255},
    {"uint4", 4, Slot::Int32, -128, 255},
    {"int4", 4, Slot::Int32, -128, 255},
    {"float4e2m1", 4, Slot::Int32, -128, 255},
    {"float8e8m0", 8, Slot::Int32, 0, 255},
    {"uint2", 2, Slot::Int32, -128, 255},
    {"int2", 2, Slot::Int32, -128, 255},
    {"float6e2m3", 6, Slot::Int32, 0, 63},
    {"float6e3m2", 6, Slot::Int32, 0, 63},
};

const TypeRow &typeRow(int32_t dataType) {
  bool known = dataType > 0 && dataType < static_cast<int32_t>(std::size(kTypes));
  return kTypes[known ? dataType : 0];
}

struct Slots {
  const char *name;
  Slot slot;
  int count;
};

std::array<Slots, 6> slotsOf(const Proto &t) {
  return {{{"float_data", Slot::Float, t.float_data_size()},
           {"int32_data", Slot::Int32, t.int32_data_size()},
           {"int64_data", Slot::Int64, t.int64_data_size()},
           {"double_data", Slot::Double, t.double_data_size()},
           {"uint64_data", Slot::UInt64, t.uint64_data_size()},
           {"string_data", Slot::String, t.string_data_size()}}};
}

/// An owned, zero-terminated buffer for converted elements.
char *allocate(TensorData &data, uint64_t size) {
  auto buffer = std::make_shared<std::vector<char>>(size);
  data.bytes = *buffer;
  data.owner = buffer;
  return buffer->data();
}

template <typename Range>
bool copyIntegers(const Range &values, const TypeRow &type, char *out, std::string &bad) {
  unsigned width = std::max(8u, type.bits) / 8;
  uint64_t bit = 0;
  for (auto value : values) {
    auto wide = static_cast<int64_t>(value);
    bool unsigned64 = type.bits == 64 && type.slot == Slot::UInt64;
    if (!unsigned64 && (wide < type.low || wide > type.high)) {
      bad = std::to_string(wide);
      return false;
    }
    if (type.bits == 6) { // one element an entry here, but packed in raw_data
      out[bit / 8] |= static_cast<char>(wide << (bit % 8));
      if (bit % 8 > 2)
        out[bit / 8 + 1] |= static_cast<char>(wide >> (8 - bit % 8));
      bit += 6;
      continue;
    }
    std::memcpy(out, &wide, width); // little-endian host, as raw_data is little-endian
    out += width;
  }
  return true;
}

} // namespace

unsigned importer::bitsOfDataType(int32_t dataType) { return typeRow(dataType).bits; }
const char *importer::nameOfDataType(int32_t dataType) { return typeRow(dataType).name; }

std::optional<TensorData> TensorLoader::load(const Proto &tensor, const std::string &where,
                                             ProblemList &problems) {
  auto fail = [&](llvm::StringRef code, const llvm::Twine &what) {
    problems.add(code, where + ": " + what);
    return std::nullopt;
  };
  const TypeRow &type = typeRow(tensor.data_type());
  if (type.slot == Slot::None)
    return fail("E0106", "element type " + llvm::Twine(tensor.data_type()));
  TensorData data;
  data.dataType = tensor.data_type();
  bool overflow = false;
  for (int64_t dim : tensor.dims()) {
    if (dim < 0)
      return fail("E0101", "dimension " + llvm::Twine(dim));
    overflow |= __builtin_mul_overflow(data.numElements, static_cast<uint64_t>(dim),
                                       &data.numElements);
    data.dims.push_back(dim);
  }
  // An overflowed product may still be multiplied by zero: the count is zero then, but nobody means it.
  uint64_t bits;
  if (overflow || data.numElements > uint64_t(INT64_MAX) ||
      __builtin_mul_overflow(data.numElements, uint64_t(std::max(type.bits, 8u)), &bits))
    return fail("E0102", "the product of the dimensions overflows");
  uint64_t bytes = (data.numElements * type.bits + 7) / 8;

  int sources = tensor.has_raw_data() + tensor.has_segment() +
                (tensor.data_location() == Proto::EXTERNAL);
  const Slots *filled = nullptr;
  auto slots = slotsOf(tensor);
  for (const Slots &slot : slots)
    if (slot.count) {
      ++sources;
      filled = &slot;
    }
  if (sources > 1)
    return fail("E0104", "elements are in more than one of raw_data, typed fields, external data");
  if (tensor.data_location() != Proto::EXTERNAL && tensor.external_data_size())
    return fail("E0104", "external_data is set but data_location is not EXTERNAL");
  if (type.slot == Slot::String && sources && !filled)
    return fail("E0108", "a string tensor has raw or external data");
  if (filled && filled->slot != type.slot)
    return fail("E0105", llvm::Twine(type.name) + " elements are in " + filled->name);

  auto badLength = [&](uint64_t have, uint64_t want, const char *unit) {
    return fail("E0103", "has " + llvm::Twine(have) + " " + unit + ", " + llvm::Twine(want) +
                             " expected for its type and shape");
  };
  if (tensor.data_location() == Proto::EXTERNAL) {
    std::optional<TensorData> read = external.read(tensor, bytes, where, problems);
    if (!read)
      return std::nullopt;
    data.bytes = read->bytes;
    data.owner = read->owner;
    data.mapped = true;
  } else if (tensor.has_segment()) { // put there by stripModel: a place in the mapped model
    auto begin = static_cast<uint64_t>(tensor.segment().begin());
    auto end = static_cast<uint64_t>(tensor.segment().end());
    if (!model || begin > end || end > model->bytes().size())
      return fail("E0107", "segments are not supported");
    if (end - begin != bytes)
      return badLength(end - begin, bytes, "bytes of raw_data");
    data.bytes = model->bytes().slice(begin, bytes);
    data.owner = model;
    data.mapped = true;
  } else if (tensor.has_raw_data()) {
    if (tensor.raw_data().size() != bytes)
      return badLength(tensor.raw_data().size(), bytes, "bytes of raw_data");
    std::memcpy(allocate(data, bytes), tensor.raw_data().data(), bytes);
  } else if (type.slot == Slot::String) {
    if (static_cast<uint64_t>(tensor.string_data_size()) != data.numElements)
      return badLength(tensor.string_data_size(), data.numElements, "strings");
    data.strings.assign(tensor.string_data().begin(), tensor.string_data().end());
  } else {
    uint64_t entries = type.bits < 6               ? bytes
                       : type.slot == Slot::Float  ? bytes / 4
                       : type.slot == Slot::Double ? bytes / 8
                                                   : data.numElements;
    uint64_t have = filled ? filled->count : 0;
    if (have != entries)
      return badLength(have, entries, "entries");
    char *out = allocate(data, bytes);
    std::string bad;
    bool ok = true;
    if (type.slot == Slot::Float && bytes)
      std::memcpy(out, tensor.float_data().data(), bytes);
    else if (type.slot == Slot::Double && bytes)
      std::memcpy(out, tensor.double_data().data(), bytes);
    else if (type.slot == Slot::Int32)
      ok = copyIntegers(tensor.int32_data(), type, out, bad);
    else if (type.slot == Slot::Int64)
      ok = copyIntegers(tensor.int64_data(), type, out, bad);
    else if (type.slot == Slot::UInt64)
      ok = copyIntegers(tensor.uint64_data(), type, out, bad);
    if (!ok)
      return fail("E0109", "the value " + bad + " is no " + type.name);
  }
  if (data.dataType == Proto::BOOL && llvm::any_of(data.bytes, [](char c) { return c & ~1; }))
    return fail("E0109", "a bool is neither 0 nor 1");
  return data;
}
