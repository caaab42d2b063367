// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The only file that calls ONNX's C++ library (besides the message classes): every call is behind
// `try`. Schemas are copied out of the registry once and kept.
#include "Schemas.h"

#include "onnx/defs/parser.h"
#include "onnx/defs/schema.h"
#include "onnx/onnx_pb.h"

#include <google/protobuf/io/coded_stream.h>

#include <map>

using namespace cameo;
using namespace cameo::importer;
using llvm::StringRef;
using onnx::OpSchema;

namespace {

struct Entry {
  SchemaInfo info;
  const OpSchema *schema = nullptr;
};

/// "tensor(float)" to the bit of FLOAT; 0 for what is no tensor.
TypeMask maskOf(const std::string &type) {
  static const std::map<std::string, TypeMask> masks = [] {
    std::map<std::string, TypeMask> result;
    for (int i = 1; i < 32; ++i)
      if (onnx::TensorProto::DataType_IsValid(i)) {
        std::string name = onnx::TensorProto_DataType_Name(onnx::TensorProto::DataType(i));
        for (char &c : name)
          c = static_cast<char>(std::tolower(c));
        result["tensor(" + name + ")"] = TypeMask(1) << i;
      }
    return result;
  }();
  auto it = masks.find(type);
  return it == masks.end() ? 0 : it->second;
}

FormalOperand convert(const OpSchema::FormalParameter &formal) {
  FormalOperand result;
  result.name = formal.GetName();
  result.type = formal.GetTypeStr();
  result.option = formal.GetOption() == OpSchema::Optional   ? FormalOperand::Optional
                  : formal.GetOption() == OpSchema::Variadic ? FormalOperand::Variadic
                                                             : FormalOperand::Single;
  result.homogeneous = formal.GetIsHomogeneous();
  result.minArity = formal.GetMinArity();
  for (const std::string *type : formal.GetTypes()) {
    TypeMask mask = maskOf(*type);
    result.tensors |= mask;
    result.others |= !mask;
  }
  return result;
}

SchemaInfo convert(const OpSchema &schema) {
  SchemaInfo info;
  info.domain = schema.domain();
  info.name = schema.Name();
  info.since = schema.since_version();
  info.deprecated = schema.Deprecated();
  info.hasBody = schema.HasFunction() || schema.HasContextDependentFunction();
  info.minInputs = schema.min_input();
  info.maxInputs = schema.max_input();
  info.minOutputs = schema.min_output();
  info.maxOutputs = schema.max_output();
  for (const auto &formal : schema.inputs())
    info.inputs.push_back(convert(formal));
  for (const auto &formal : schema.outputs())
    info.outputs.push_back(convert(formal));
  for (const auto &[name, attribute] : schema.attributes()) {
    AttributeInfo a;
    a.name = name;
    a.type = attribute.type;
    a.required = attribute.required;
    if (attribute.default_value.has_type())
      a.defaultValue = &attribute.default_value;
    info.attributes.push_back(a);
  }
  std::sort(info.attributes.begin(), info.attributes.end(),
            [](const AttributeInfo &a, const AttributeInfo &b) { return a.name < b.name; });
  return info;
}

using Registry = std::map<std::pair<std::string, std::string>, std::map<int, Entry>>;

const Registry &registry() {
  static const Registry all = [] {
    Registry result;
    try {
      for (const OpSchema &copy : onnx::OpSchemaRegistry::get_all_schemas_with_history()) {
        const OpSchema *schema =
            onnx::OpSchemaRegistry::Schema(copy.Name(), copy.since_version(), copy.domain());
        if (schema && schema->since_version() == copy.since_version())
          result[{copy.domain(), copy.Name()}][copy.since_version()] = {convert(*schema), schema};
      }
    } catch (...) {
      result.clear(); // then nothing is supported, which the importer reports by node
    }
    return result;
  }();
  return all;
}

const std::map<int, Entry> *versions(StringRef domain, StringRef op) {
  auto it = registry().find({domain.str(), op.str()});
  return it == registry().end() ? nullptr : &it->second;
}

} // namespace

const AttributeInfo *SchemaInfo::attribute(StringRef name) const {
  for (const AttributeInfo &a : attributes)
    if (a.name == name)
      return &a;
  return nullptr;
}

const SchemaInfo *importer::lookupSchema(StringRef domain, StringRef op, int opset) {
  const std::map<int, Entry> *all = versions(domain, op);
  if (!all)
    return nullptr;
  auto it = all->upper_bound(opset);
  return it == all->begin() ? nullptr : &std::prev(it)->second.info;
}

std::vector<const SchemaInfo *> importer::allVersions(StringRef domain, StringRef op) {
  std::vector<const SchemaInfo *> result;
  if (const std::map<int, Entry> *all = versions(domain, op))
    for (const auto &[since, entry] : *all)
      result.push_back(&entry.info);
  return result;
}

std::vector<const SchemaInfo *> importer::allSchemas(StringRef domain) {
  std::vector<const SchemaInfo *> result;
  for (const auto &[key, all] : registry())
    if (key.first == domain)
      for (const auto &[since, entry] : all)
        result.push_back(&entry.info);
  return result;
}

std::optional<std::pair<int, int>> importer::opsetRange(StringRef domain) {
  try {
    const auto &map = onnx::OpSchemaRegistry::DomainToVersionRange::Instance().Map();
    auto it = map.find(domain.str());
    if (it != map.end())
      return it->second;
  } catch (...) {
  }
  return std::nullopt;
}

std::unique_ptr<onnx::FunctionProto>
importer::functionBody(const SchemaInfo &info, const onnx::NodeProto &node, int opset,
                       const std::vector<onnx::TypeProto> &inputs, std::string &error) {
  const std::map<int, Entry> *all = versions(info.domain, info.name);
  if (!all || !all->count(info.since))
    return nullptr;
  const OpSchema &schema = *all->at(info.since).schema;
  try {
    if (schema.HasFunction())
      if (const onnx::FunctionProto *body = schema.GetFunction(opset))
        return std::make_unique<onnx::FunctionProto>(*body);
    if (schema.HasContextDependentFunction()) {
      auto body = std::make_unique<onnx::FunctionProto>();
      onnx::FunctionBodyBuildContextImpl context(node, inputs);
      if (schema.BuildContextDependentFunction(context, *body, opset))
        return body;
    }
  } catch (const std::exception &e) {
    error = e.what();
  } catch (...) {
    error = "unknown exception";
  }
  return nullptr;
}

bool importer::parseBinary(const std::string &bytes, int maxNesting, onnx::ModelProto &model,
                           std::string &error) {
  if (bytes.size() > size_t(INT_MAX)) {
    error = "more than 2 GiB besides raw_data";
    return false;
  }
  try {
    google::protobuf::io::CodedInputStream stream(reinterpret_cast<const uint8_t *>(bytes.data()),
                                                  static_cast<int>(bytes.size()));
    stream.SetRecursionLimit(maxNesting);
    if (model.ParseFromCodedStream(&stream) && stream.ConsumedEntireMessage())
      return true;
    error = "malformed message";
  } catch (const std::exception &e) {
    error = e.what();
  } catch (...) {
    error = "unknown exception";
  }
  return false;
}

bool importer::parseText(const std::string &text, onnx::ModelProto &model, std::string &error) {
  try {
    onnx::OnnxParser parser(text.c_str());
    auto status = parser.Parse(model);
    if (status.IsOK() && parser.EndOfInput())
      return true;
    error = status.IsOK() ? "text after the model" : status.ErrorMessage();
  } catch (const std::exception &e) {
    error = e.what();
  } catch (...) {
    error = "unknown exception";
  }
  return false;
}
