// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The walk over the wire format. ONNX's grammar is the table below, one row per field; the code knows
// only wire types. Refuses groups, which ONNX never used and which are Protobuf's way to recursion
// without lengths.
#include "Wire.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/Twine.h"

#include <algorithm>
#include <bitset>

using namespace cameo;
using namespace cameo::importer;

namespace {

enum Message : uint8_t {
  Leaf, // a field that is no message
  Model, Graph, Node, Attribute, Tensor, Segment, Sparse, Function, Training, ValueInfo,
  Type, TypeTensor, TypeSequence, TypeMap, TypeOptional, TypeOpaque, Shape, Dimension,
  OpsetId, StringEntry, Annotation, NodeDevice, Sharding, IntIntEntry, ShardedDim,
  SimpleShardedDim, Device
};
constexpr const char *kMessageNames[] = {
    "", "ModelProto", "GraphProto", "NodeProto", "AttributeProto", "TensorProto", "Segment",
    "SparseTensorProto", "FunctionProto", "TrainingInfoProto", "ValueInfoProto", "TypeProto",
    "TypeProto.Tensor", "TypeProto.Sequence", "TypeProto.Map", "TypeProto.Optional",
    "TypeProto.Opaque", "TensorShapeProto", "Dimension", "OperatorSetIdProto",
    "StringStringEntryProto", "TensorAnnotation", "NodeDeviceConfigurationProto",
    "ShardingSpecProto", "IntIntListEntryProto", "ShardedDimProto", "SimpleShardedDimProto",
    "DeviceConfigurationProto"};

/// Wire types, as Protobuf numbers them.
enum Wire : uint8_t { Varint = 0, Fixed64 = 1, Bytes = 2, GroupBegin = 3, GroupEnd = 4, Fixed32 = 5 };

struct Field {
  Message in;
  uint8_t number;
  Wire wire;
  bool repeated; // repeated numbers may come packed, too
  Message child = Leaf;
};

constexpr bool One = false, Many = true;
constexpr Field kFields[] = {
    {Model, 1, Varint, One}, {Model, 2, Bytes, One}, {Model, 3, Bytes, One},
    {Model, 4, Bytes, One}, {Model, 5, Varint, One}, {Model, 6, Bytes, One},
    {Model, 7, Bytes, One, Graph}, {Model, 8, Bytes, Many, OpsetId},
    {Model, 14, Bytes, Many, StringEntry}, {Model, 20, Bytes, Many, Training},
    {Model, 25, Bytes, Many, Function}, {Model, 26, Bytes, Many, Device},
    {Graph, 1, Bytes, Many, Node}, {Graph, 2, Bytes, One}, {Graph, 5, Bytes, Many, Tensor},
    {Graph, 10, Bytes, One}, {Graph, 11, Bytes, Many, ValueInfo},
    {Graph, 12, Bytes, Many, ValueInfo}, {Graph, 13, Bytes, Many, ValueInfo},
    {Graph, 14, Bytes, Many, Annotation}, {Graph, 15, Bytes, Many, Sparse},
    {Graph, 16, Bytes, Many, StringEntry},
    {Node, 1, Bytes, Many}, {Node, 2, Bytes, Many}, {Node, 3, Bytes, One}, {Node, 4, Bytes, One},
    {Node, 5, Bytes, Many, Attribute}, {Node, 6, Bytes, One}, {Node, 7, Bytes, One},
    {Node, 8, Bytes, One}, {Node, 9, Bytes, Many, StringEntry},
    {Node, 10, Bytes, Many, NodeDevice},
    {Attribute, 1, Bytes, One}, {Attribute, 2, Fixed32, One}, {Attribute, 3, Varint, One},
    {Attribute, 4, Bytes, One}, {Attribute, 5, Bytes, One, Tensor},
    {Attribute, 6, Bytes, One, Graph}, {Attribute, 7, Fixed32, Many}, {Attribute, 8, Varint, Many},
    {Attribute, 9, Bytes, Many}, {Attribute, 10, Bytes, Many, Tensor},
    {Attribute, 11, Bytes, Many, Graph}, {Attribute, 13, Bytes, One},
    {Attribute, 14, Bytes, One, Type}, {Attribute, 15, Bytes, Many, Type},
    {Attribute, 20, Varint, One}, {Attribute, 21, Bytes, One},
    {Attribute, 22, Bytes, One, Sparse}, {Attribute, 23, Bytes, Many, Sparse},
    {Tensor, 1, Varint, Many}, {Tensor, 2, Varint, One}, {Tensor, 3, Bytes, One, Segment},
    {Tensor, 4, Fixed32, Many}, {Tensor, 5, Varint, Many}, {Tensor, 6, Bytes, Many},
    {Tensor, 7, Varint, Many}, {Tensor, 8, Bytes, One}, {Tensor, 9, Bytes, One},
    {Tensor, 10, Fixed64, Many}, {Tensor, 11, Varint, Many}, {Tensor, 12, Bytes, One},
    {Tensor, 13, Bytes, Many, StringEntry}, {Tensor, 14, Varint, One},
    {Tensor, 16, Bytes, Many, StringEntry},
    {Segment, 1, Varint, One}, {Segment, 2, Varint, One},
    {Sparse, 1, Bytes, One, Tensor}, {Sparse, 2, Bytes, One, Tensor}, {Sparse, 3, Varint, Many},
    {Function, 1, Bytes, One}, {Function, 4, Bytes, Many}, {Function, 5, Bytes, Many},
    {Function, 6, Bytes, Many}, {Function, 7, Bytes, Many, Node}, {Function, 8, Bytes, One},
    {Function, 9, Bytes, Many, OpsetId}, {Function, 10, Bytes, One},
    {Function, 11, Bytes, Many, Attribute}, {Function, 12, Bytes, Many, ValueInfo},
    {Function, 13, Bytes, One}, {Function, 14, Bytes, Many, StringEntry},
    {Training, 1, Bytes, One, Graph}, {Training, 2, Bytes, One, Graph},
    {Training, 3, Bytes, Many, StringEntry}, {Training, 4, Bytes, Many, StringEntry},
    {ValueInfo, 1, Bytes, One}, {ValueInfo, 2, Bytes, One, Type}, {ValueInfo, 3, Bytes, One},
    {ValueInfo, 4, Bytes, Many, StringEntry},
    {Type, 1, Bytes, One, TypeTensor}, {Type, 4, Bytes, One, TypeSequence},
    {Type, 5, Bytes, One, TypeMap}, {Type, 6, Bytes, One}, {Type, 7, Bytes, One, TypeOpaque},
    {Type, 8, Bytes, One, TypeTensor}, {Type, 9, Bytes, One, TypeOptional},
    {TypeTensor, 1, Varint, One}, {TypeTensor, 2, Bytes, One, Shape},
    {TypeSequence, 1, Bytes, One, Type}, {TypeMap, 1, Varint, One},
    {TypeMap, 2, Bytes, One, Type}, {TypeOptional, 1, Bytes, One, Type},
    {TypeOpaque, 1, Bytes, One}, {TypeOpaque, 2, Bytes, One},
    {Shape, 1, Bytes, Many, Dimension},
    {Dimension, 1, Varint, One}, {Dimension, 2, Bytes, One}, {Dimension, 3, Bytes, One},
    {OpsetId, 1, Bytes, One}, {OpsetId, 2, Varint, One},
    {StringEntry, 1, Bytes, One}, {StringEntry, 2, Bytes, One},
    {Annotation, 1, Bytes, One}, {Annotation, 2, Bytes, Many, StringEntry},
    {NodeDevice, 1, Bytes, One}, {NodeDevice, 2, Bytes, Many, Sharding},
    {NodeDevice, 3, Varint, One},
    {Sharding, 1, Bytes, One}, {Sharding, 2, Varint, Many},
    {Sharding, 3, Bytes, Many, IntIntEntry}, {Sharding, 4, Bytes, Many, ShardedDim},
    {IntIntEntry, 1, Varint, One}, {IntIntEntry, 2, Varint, Many},
    {ShardedDim, 1, Varint, One}, {ShardedDim, 2, Bytes, Many, SimpleShardedDim},
    {SimpleShardedDim, 1, Varint, One}, {SimpleShardedDim, 2, Bytes, One},
    {SimpleShardedDim, 3, Varint, One},
    {Device, 1, Bytes, One}, {Device, 2, Varint, One}, {Device, 3, Bytes, Many},
};

const Field *lookupField(Message in, uint64_t number) {
  const Field *end = std::end(kFields);
  const Field *row = std::lower_bound(std::begin(kFields), end, std::pair(in, number),
                                      [](const Field &f, std::pair<Message, uint64_t> key) {
                                        return std::pair(f.in, uint64_t(f.number)) < key;
                                      });
  return row != end && row->in == in && row->number == number ? row : nullptr;
}

class Walk {
public:
  Walk(llvm::ArrayRef<char> file, const ImportLimits &limits, ProblemList &problems)
      : file(file), limits(limits), problems(problems) {}

  bool message(Message kind, uint64_t position, uint64_t end, unsigned depth, std::string &out);

private:
  bool varint(uint64_t &position, uint64_t end, uint64_t &value);
  bool field(const Field &row, uint64_t &position, uint64_t end, uint64_t begin, unsigned depth,
             std::string &out);
  bool fail(llvm::StringRef code, uint64_t position, const llvm::Twine &what) {
    problems.add(code, what + " at byte " + llvm::Twine(position));
    return false;
  }
  bool keep(std::string &out, uint64_t begin, uint64_t end) {
    kept += end - begin;
    if (kept > limits.maxParsedBytes)
      return fail("E0003", begin,
                  "the model without its raw_data is larger than the limit of " +
                      llvm::Twine(limits.maxParsedBytes) + " bytes");
    out.append(file.data() + begin, end - begin);
    return true;
  }

  llvm::ArrayRef<char> file;
  const ImportLimits &limits;
  ProblemList &problems;
  uint64_t kept = 0;
};

void appendVarint(std::string &out, uint64_t value) {
  for (; value >= 0x80; value >>= 7)
    out.push_back(static_cast<char>(value | 0x80));
  out.push_back(static_cast<char>(value));
}

void appendBytes(std::string &out, unsigned number, llvm::StringRef bytes) {
  appendVarint(out, number << 3 | Bytes);
  appendVarint(out, bytes.size());
  out.append(bytes.data(), bytes.size());
}

bool Walk::varint(uint64_t &position, uint64_t end, uint64_t &value) {
  value = 0;
  uint64_t begin = position;
  for (unsigned shift = 0; shift < 70; shift += 7) {
    if (position >= end)
      return fail("E0005", begin, "a number is cut off");
    uint8_t byte = static_cast<uint8_t>(file[position++]);
    if (shift < 64)
      value |= uint64_t(byte & 0x7f) << shift;
    if (!(byte & 0x80))
      return true;
  }
  return fail("E0005", begin, "a number has more than ten bytes");
}

bool Walk::field(const Field &row, uint64_t &position, uint64_t end, uint64_t begin,
                 unsigned depth, std::string &out) {
  uint64_t length;
  if (!varint(position, end, length))
    return false;
  if (length > end - position)
    return fail("E0005", begin, "a field of " + llvm::Twine(length) + " bytes in " +
                                    kMessageNames[row.in] + " exceeds its message");
  uint64_t data = position;
  position += length;
  if (row.in == Tensor && row.number == 3)
    return fail("E0107", begin, "a tensor uses segments");
  if (row.in == Tensor && row.number == 9 && length >= kMappedDataBytes) {
    std::string segment;
    appendVarint(segment, 1 << 3 | Varint);
    appendVarint(segment, data);
    appendVarint(segment, 2 << 3 | Varint);
    appendVarint(segment, data + length);
    appendBytes(out, 3, segment);
    return true;
  }
  if (row.child == Leaf)
    return keep(out, begin, position);
  std::string child;
  if (!message(row.child, data, position, depth + 1, child))
    return false;
  appendBytes(out, row.number, child);
  return true;
}

bool Walk::message(Message kind, uint64_t position, uint64_t end, unsigned depth,
                   std::string &out) {
  if (depth > limits.maxNesting)
    return fail("E0007", position,
                "messages are nested more than " + llvm::Twine(limits.maxNesting) +
                    " deep (three levels to a subgraph)");
  std::bitset<32> seen;
  while (position < end) {
    uint64_t begin = position, tag;
    if (!varint(position, end, tag))
      return false;
    uint64_t number = tag >> 3;
    auto wire = static_cast<Wire>(tag & 7);
    const Field *row = lookupField(kind, number);
    if (!row)
      return fail("E0006", begin,
                  "field " + llvm::Twine(number) + " is unknown in " + kMessageNames[kind]);
    bool packed = wire == Bytes && row->repeated && row->wire != Bytes;
    if (wire != row->wire && !packed)
      return fail("E0005", begin, "field " + llvm::Twine(number) + " of " + kMessageNames[kind] +
                                      " has the wrong wire type");
    if (!row->repeated && seen.test(number))
      return fail("E0008", begin, "field " + llvm::Twine(number) + " of " + kMessageNames[kind] +
                                      " occurs twice");
    seen.set(number);
    uint64_t ignored, width = wire == Fixed32 ? 4 : wire == Fixed64 ? 8 : 0;
    if (wire == Bytes) {
      if (!field(*row, position, end, begin, depth, out))
        return false;
      continue;
    }
    if (wire == Varint && !varint(position, end, ignored))
      return false;
    if (width > end - position)
      return fail("E0005", begin, "a number is cut off");
    position += width;
    if (!keep(out, begin, position))
      return false;
  }
  return true;
}

/// What people pass instead of a binary model.
const char *otherFormat(llvm::ArrayRef<char> file) {
  llvm::StringRef head = llvm::StringRef(file.data(), file.size()).take_front(64).ltrim();
  if (head.starts_with("{"))
    return "JSON";
  if (head.starts_with("ir_version") || head.starts_with("<") || head.starts_with("#"))
    return "text";
  if (head.starts_with("PK\x03\x04"))
    return "a zip archive";
  if (head.starts_with("\x89" "CAMEO"))
    return "a compiled bundle";
  if (head.starts_with("\x89HDF"))
    return "an HDF5 archive";
  if (head.starts_with("version https://git-lfs"))
    return "a Git LFS pointer";
  if (head.starts_with("\x7f" "ELF"))
    return "an ELF object";
  return nullptr;
}

} // namespace

bool importer::stripModel(llvm::ArrayRef<char> file, const ImportLimits &limits,
                          std::string &stripped, ProblemList &problems) {
  if (file.empty()) {
    problems.add("E0004", "the file has no bytes");
    return false;
  }
  if (const char *format = otherFormat(file)) {
    problems.add("E0009", llvm::Twine("the file is ") + format + ", not binary ONNX");
    return false;
  }
  return Walk(file, limits, problems).message(Model, 0, file.size(), 1, stripped);
}
