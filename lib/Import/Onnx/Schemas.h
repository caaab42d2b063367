// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// ONNX's registry knows which operators exist at which version, with which operands, types and
// attributes, and the bodies of those that are functions. Its classes throw; this header is plain
// data, and nothing that it declares lets an exception out. Shape inference and checking stay unused.
#pragma once

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace onnx {
class AttributeProto;
class FunctionProto;
class ModelProto;
class NodeProto;
class TypeProto;
} // namespace onnx

namespace cameo::importer {

/// A set of TensorProto data types, bit i for data type i.
using TypeMask = uint32_t;

struct FormalOperand {
  enum Option : uint8_t { Single, Optional, Variadic };
  std::string name, type; ///< "X", "T"
  Option option = Single;
  bool homogeneous = true; ///< variadic operands have one type
  int minArity = 0;
  TypeMask tensors = 0;   ///< element types it allows as tensor
  bool others = false;    ///< also sequences, optionals or maps
};

struct AttributeInfo {
  std::string name;
  int type = 0; ///< onnx::AttributeProto::AttributeType
  bool required = false;
  const onnx::AttributeProto *defaultValue = nullptr; ///< null when there is none
};

struct SchemaInfo {
  std::string domain, name; ///< domain is "" for ai.onnx
  int since = 0;
  bool deprecated = false, hasBody = false;
  int minInputs = 0, maxInputs = 0, minOutputs = 0, maxOutputs = 0;
  std::vector<FormalOperand> inputs, outputs;
  std::vector<AttributeInfo> attributes;

  const AttributeInfo *attribute(llvm::StringRef name) const;
};

/// The newest version of the operator at or below `opset`, or null. Lives as long as the process.
const SchemaInfo *lookupSchema(llvm::StringRef domain, llvm::StringRef op, int opset);
/// All versions of an operator, ascending; empty when ONNX never had it.
std::vector<const SchemaInfo *> allVersions(llvm::StringRef domain, llvm::StringRef op);
/// Every schema of a domain.
std::vector<const SchemaInfo *> allSchemas(llvm::StringRef domain);
/// First and last opset of a domain, or nothing when the registry does not know it.
std::optional<std::pair<int, int>> opsetRange(llvm::StringRef domain);

/// ONNX's function body of `node`, whose inputs have the types given, at `opset`; null when there is
/// none (`error` says why when the registry failed).
std::unique_ptr<onnx::FunctionProto> functionBody(const SchemaInfo &schema,
                                                  const onnx::NodeProto &node, int opset,
                                                  const std::vector<onnx::TypeProto> &inputs,
                                                  std::string &error);

/// Protobuf's and ONNX's parsers, which throw, too. `maxNesting` is Protobuf's recursion limit.
bool parseBinary(const std::string &bytes, int maxNesting, onnx::ModelProto &model,
                 std::string &error);
bool parseText(const std::string &text, onnx::ModelProto &model, std::string &error);

} // namespace cameo::importer
