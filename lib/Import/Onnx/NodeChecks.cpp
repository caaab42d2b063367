// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One node against ONNX's schema of its version: does the operator exist there, are there as many
// operands as it takes, are its attributes known, of the right type, present where required, and in
// range. Ranges are not in the schemas; the two tables below have them. Ranges that depend on a rank
// (axes) are the import's.
#include "Validate.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

#include <cmath>

using namespace cameo;
using namespace cameo::importer;
using llvm::StringRef;
using Attr = onnx::AttributeProto;

namespace {

enum class Rule : uint8_t { Positive, NonNegative, Flag, Permutation, Distinct };

/// Rules for integers and lists of integers; op "" means every operator that has the attribute.
struct RangeRow {
  StringRef op, attribute;
  Rule rule;
};
constexpr RangeRow kRanges[] = {
    {"", "kernel_shape", Rule::Positive},
    {"", "strides", Rule::Positive},
    {"", "dilations", Rule::Positive},
    {"", "group", Rule::Positive},
    {"", "blocksize", Rule::Positive},
    {"", "num_groups", Rule::Positive},
    {"", "num_outputs", Rule::Positive},
    {"", "output_padding", Rule::NonNegative},
    {"", "block_size", Rule::NonNegative},
    {"", "keepdims", Rule::Flag},
    {"", "ceil_mode", Rule::Flag},
    {"", "storage_order", Rule::Flag},
    {"", "count_include_pad", Rule::Flag},
    {"", "select_last_index", Rule::Flag},
    {"", "exclusive", Rule::Flag},
    {"", "reverse", Rule::Flag},
    {"", "allowzero", Rule::Flag},
    {"", "noop_with_empty_axes", Rule::Flag},
    {"", "upper", Rule::Flag},
    {"", "transA", Rule::Flag},
    {"", "transB", Rule::Flag},
    {"", "fmod", Rule::Flag},
    {"", "perm", Rule::Permutation},
    {"", "axes", Rule::Distinct},
    {"AveragePool", "pads", Rule::NonNegative},
    {"Conv", "pads", Rule::NonNegative},
    {"ConvInteger", "pads", Rule::NonNegative},
    {"LpPool", "pads", Rule::NonNegative},
    {"LRN", "size", Rule::Positive},
    {"LpPool", "p", Rule::Positive},
    {"MaxPool", "pads", Rule::NonNegative},
    {"QLinearConv", "pads", Rule::NonNegative},
    {"Split", "split", Rule::NonNegative},
    {"Tile", "tiles", Rule::NonNegative},
};

/// Rules for strings: the values ONNX lists.
struct EnumRow {
  StringRef op, attribute, values; // separated by spaces
};
constexpr EnumRow kEnums[] = {
    {"", "auto_pad", "NOTSET SAME_UPPER SAME_LOWER VALID"},
    {"BitShift", "direction", "LEFT RIGHT"},
    {"DepthToSpace", "mode", "DCR CRD"},
    {"Gelu", "approximate", "none tanh"},
    {"GridSample", "padding_mode", "zeros border reflection"},
    {"Pad", "mode", "constant reflect edge wrap"},
    {"Resize", "mode", "nearest linear cubic"},
    {"Resize", "coordinate_transformation_mode",
     "half_pixel half_pixel_symmetric pytorch_half_pixel align_corners asymmetric "
     "tf_half_pixel_for_nn tf_crop_and_resize"},
    {"Resize", "keep_aspect_ratio_policy", "stretch not_larger not_smaller"},
    {"Resize", "nearest_mode", "round_prefer_floor round_prefer_ceil floor ceil"},
    {"ScatterElements", "reduction", "none add mul max min"},
    {"ScatterND", "reduction", "none add mul max min"},
    {"Upsample", "mode", "nearest linear bilinear"},
};

/// Attributes in which infinity means "no limit" or is plain data.
bool mayBeInfinite(StringRef op, StringRef attribute) {
  return op == "Constant" || (op == "Clip" && attribute != "epsilon") || op == "Pad";
}

class NodeCheck {
public:
  NodeCheck(const NodePlace &place, const llvm::StringSet<> *functionAttributes,
            ProblemList &problems)
      : place(place), node(*place.node), functionAttributes(functionAttributes),
        problems(problems) {}

  bool run(const ModelIndex &index);

private:
  void fail(StringRef code, const llvm::Twine &message, const llvm::Twine &supported = "") {
    Problem problem = nodeProblem(code, message, place);
    problem.supported = supported.str();
    problems.add(std::move(problem));
    ok = false;
  }
  const SchemaInfo *findSchema();
  void call(const onnx::FunctionProto &function);
  void arity(const SchemaInfo &schema);
  void attributes(const SchemaInfo &schema);
  void attribute(const Attr &a, const AttributeInfo &info);
  void integers(const Attr &a);
  void unknownAttribute(const Attr &a, const SchemaInfo &schema);
  void references();

  const NodePlace &place;
  const onnx::NodeProto &node;
  const llvm::StringSet<> *functionAttributes;
  ProblemList &problems;
  bool ok = true;
};

std::string typeName(int type) {
  return llvm::StringRef(Attr::AttributeType_Name(Attr::AttributeType(type))).lower();
}

/// The declared type, or for old files that leave it out the one of the field that is set.
int effectiveType(const Attr &a) {
  if (a.type() != Attr::UNDEFINED)
    return a.type();
  return a.has_f()            ? Attr::FLOAT
         : a.has_i()          ? Attr::INT
         : a.has_s()          ? Attr::STRING
         : a.has_t()          ? Attr::TENSOR
         : a.has_g()          ? Attr::GRAPH
         : a.floats_size()    ? Attr::FLOATS
         : a.ints_size()      ? Attr::INTS
         : a.strings_size()   ? Attr::STRINGS
         : a.tensors_size()   ? Attr::TENSORS
         : a.graphs_size()    ? Attr::GRAPHS
         : a.has_sparse_tensor() ? Attr::SPARSE_TENSOR
                                 : Attr::UNDEFINED;
}

/// Which of the value fields are set, as a set of attribute types.
uint32_t filledFields(const Attr &a) {
  auto bit = [](bool set, int type) { return set ? 1u << type : 0u; };
  return bit(a.has_f(), Attr::FLOAT) | bit(a.has_i(), Attr::INT) | bit(a.has_s(), Attr::STRING) |
         bit(a.has_t(), Attr::TENSOR) | bit(a.has_g(), Attr::GRAPH) |
         bit(a.has_sparse_tensor(), Attr::SPARSE_TENSOR) | bit(a.has_tp(), Attr::TYPE_PROTO) |
         bit(a.floats_size(), Attr::FLOATS) | bit(a.ints_size(), Attr::INTS) |
         bit(a.strings_size(), Attr::STRINGS) | bit(a.tensors_size(), Attr::TENSORS) |
         bit(a.graphs_size(), Attr::GRAPHS) |
         bit(a.sparse_tensors_size(), Attr::SPARSE_TENSORS) |
         bit(a.type_protos_size(), Attr::TYPE_PROTOS);
}

const SchemaInfo *NodeCheck::findSchema() {
  std::string domain = canonicalDomain(node.domain());
  auto import = place.opsets->find(domain);
  if (import == place.opsets->end()) {
    fail("E0307", "the domain " + displayDomain(domain) + " is not imported");
    return nullptr;
  }
  std::vector<const SchemaInfo *> versions = allVersions(domain, node.op_type());
  if (versions.empty()) {
    if (opsetRange(domain))
      fail("E0601", displayDomain(domain) + " has no operator " + node.op_type() +
                        " (custom, or experimental and removed)");
    else
      fail("E0808", "operators of the domain " + displayDomain(domain) + " are not supported",
           "ai.onnx opset 7 and later, and local functions");
    return nullptr;
  }
  int opset = static_cast<int>(std::clamp<int64_t>(import->second, 0, INT_MAX));
  const SchemaInfo *schema = lookupSchema(domain, node.op_type(), opset);
  if (!schema) {
    fail("E0602", node.op_type() + " is new in opset " + llvm::Twine(versions.front()->since) +
                      " of " + displayDomain(domain) + ", the model imports " +
                      llvm::Twine(import->second));
    return nullptr;
  }
  if (schema->deprecated) {
    fail("E0606", node.op_type() + " was removed in opset " + llvm::Twine(schema->since) +
                      " of " + displayDomain(domain) + ", the model imports " +
                      llvm::Twine(import->second));
    return nullptr;
  }
  return schema;
}

void NodeCheck::call(const onnx::FunctionProto &function) {
  if (node.input_size() > function.input_size())
    fail("E0402", "the call has " + llvm::Twine(node.input_size()) + " inputs, the function " +
                      llvm::Twine(function.input_size()));
  if (node.output_size() > function.output_size())
    fail("E0402", "the call has " + llvm::Twine(node.output_size()) + " outputs, the function " +
                      llvm::Twine(function.output_size()));
  llvm::StringSet<> known, given;
  for (const std::string &name : function.attribute())
    known.insert(name);
  for (const auto &a : function.attribute_proto())
    known.insert(a.name());
  for (const auto &a : node.attribute()) {
    if (!known.contains(a.name()))
      fail("E0402", "the function has no attribute \"" + a.name() + "\"");
    if (!given.insert(a.name()).second)
      fail("E0504", "attribute \"" + a.name() + "\" occurs twice");
  }
  references();
}

void NodeCheck::references() {
  for (const auto &a : node.attribute())
    if (!a.ref_attr_name().empty() &&
        (!functionAttributes || !functionAttributes->contains(a.ref_attr_name())))
      fail("E0403", "attribute \"" + a.name() + "\" refers to \"" + a.ref_attr_name() + "\", " +
                        (functionAttributes ? "which the function does not have"
                                            : "but the node is in no function"));
}

void NodeCheck::arity(const SchemaInfo &schema) {
  auto range = [](int low, int high) {
    if (high == INT_MAX)
      return "at least " + std::to_string(low);
    return low == high ? std::to_string(low)
                       : std::to_string(low) + " to " + std::to_string(high);
  };
  if (node.input_size() < schema.minInputs || node.input_size() > schema.maxInputs)
    fail("E0603", "has " + llvm::Twine(node.input_size()) + " inputs, " + node.op_type() + "-" +
                      llvm::Twine(schema.since) + " takes " +
                      range(schema.minInputs, schema.maxInputs));
  if (node.output_size() < schema.minOutputs || node.output_size() > schema.maxOutputs)
    fail("E0603", "has " + llvm::Twine(node.output_size()) + " outputs, " + node.op_type() + "-" +
                      llvm::Twine(schema.since) + " gives " +
                      range(schema.minOutputs, schema.maxOutputs));
  for (int i = 0; i < node.input_size() && i < static_cast<int>(schema.inputs.size()); ++i)
    if (node.input(i).empty() && schema.inputs[i].option == FormalOperand::Single)
      fail("E0603", "the required input " + llvm::Twine(i) + " (" + schema.inputs[i].name +
                        ") is absent");
}

void NodeCheck::unknownAttribute(const Attr &a, const SchemaInfo &schema) {
  std::string where;
  for (const SchemaInfo *version : allVersions(schema.domain, schema.name))
    if (version->attribute(a.name()))
      where += (where.empty() ? "" : ", ") + std::to_string(version->since);
  fail("E0501", "has no attribute \"" + a.name() + "\" in version " + llvm::Twine(schema.since) +
                    (where.empty() ? "" : " (versions " + where + " have it)"));
}

void NodeCheck::integers(const Attr &a) {
  llvm::SmallVector<int64_t> values(a.ints().begin(), a.ints().end());
  if (a.has_i())
    values.push_back(a.i());
  for (const RangeRow &row : kRanges) {
    if (row.attribute != a.name() || (!row.op.empty() && row.op != node.op_type()))
      continue;
    llvm::SmallVector<int64_t> sorted = values;
    llvm::sort(sorted);
    bool distinct = std::adjacent_find(sorted.begin(), sorted.end()) == sorted.end();
    auto all = [&](auto predicate) { return llvm::all_of(values, predicate); };
    bool good = true;
    const char *want = "";
    switch (row.rule) {
    case Rule::Positive:
      good = all([](int64_t v) { return v > 0; }), want = "positive";
      break;
    case Rule::NonNegative:
      good = all([](int64_t v) { return v >= 0; }), want = "not negative";
      break;
    case Rule::Flag:
      good = all([](int64_t v) { return v == 0 || v == 1; }), want = "0 or 1";
      break;
    case Rule::Permutation:
      good = distinct && (sorted.empty() || (sorted.front() == 0 &&
                                             sorted.back() == int64_t(sorted.size()) - 1));
      want = "a permutation";
      break;
    case Rule::Distinct:
      good = distinct, want = "without repetition";
      break;
    }
    if (!good)
      fail("E0505", "attribute \"" + a.name() + "\" has to be " + want);
  }
}

void NodeCheck::attribute(const Attr &a, const AttributeInfo &info) {
  if (!a.ref_attr_name().empty()) {
    if (filledFields(a))
      fail("E0506", "attribute \"" + a.name() + "\" has a value and a reference");
    return;
  }
  int type = effectiveType(a);
  // A list without elements does not say of what.
  bool emptyList = !filledFields(a);
  if (type != info.type && !(type == Attr::UNDEFINED && emptyList))
    return fail("E0502", "attribute \"" + a.name() + "\" is " + typeName(type) + ", " +
                             typeName(info.type) + " expected");
  if (filledFields(a) & ~(1u << info.type))
    return fail("E0506", "attribute \"" + a.name() + "\" has values of several types");
  bool isList = info.type == Attr::FLOATS || info.type == Attr::INTS ||
                info.type == Attr::STRINGS || info.type == Attr::TENSORS ||
                info.type == Attr::GRAPHS;
  // Protobuf's default stands for a scalar that is absent, except for messages.
  if (emptyList && !isList && (info.type == Attr::TENSOR || info.type == Attr::GRAPH))
    return fail("E0503", "attribute \"" + a.name() + "\" has no value");
  llvm::SmallVector<float> floats(a.floats().begin(), a.floats().end());
  if (a.has_f())
    floats.push_back(a.f());
  for (float f : floats)
    if (node.op_type() != "Constant" &&
        (std::isnan(f) || (std::isinf(f) && !mayBeInfinite(node.op_type(), a.name()))))
      fail("E0505", "attribute \"" + a.name() + "\" is not finite");
  integers(a);
  for (const EnumRow &row : kEnums) {
    if (row.attribute != a.name() || (!row.op.empty() && row.op != node.op_type()))
      continue;
    llvm::SmallVector<StringRef> values;
    row.values.split(values, ' ');
    if (!llvm::is_contained(values, a.s()))
      fail("E0505", "attribute \"" + a.name() + "\" is \"" + a.s() + "\"",
           llvm::join(values, ", "));
  }
}

void NodeCheck::attributes(const SchemaInfo &schema) {
  llvm::StringSet<> given;
  for (const auto &a : node.attribute()) {
    if (!given.insert(a.name()).second) {
      fail("E0504", "attribute \"" + a.name() + "\" occurs twice");
      continue;
    }
    if (const AttributeInfo *info = schema.attribute(a.name()))
      attribute(a, *info);
    else
      unknownAttribute(a, schema);
  }
  for (const AttributeInfo &info : schema.attributes)
    if (info.required && !given.contains(info.name))
      fail("E0503", "attribute \"" + info.name + "\" is missing");
  references();
}

bool NodeCheck::run(const ModelIndex &index) {
  if (node.op_type().empty()) {
    fail("E0306", "op_type is empty");
    return false;
  }
  if (auto it = index.functions.find(functionKey(node)); it != index.functions.end()) {
    if (!place.opsets->count(canonicalDomain(node.domain())))
      fail("E0307", "the domain " + displayDomain(canonicalDomain(node.domain())) +
                        " is not imported");
    call(*it->second);
    return ok;
  }
  if (const SchemaInfo *schema = findSchema()) {
    arity(*schema);
    attributes(*schema);
  }
  return ok;
}

} // namespace

bool importer::checkNode(const NodePlace &place, const ModelIndex &index,
                         const llvm::StringSet<> *functionAttributes, ProblemList &problems) {
  return NodeCheck(place, functionAttributes, problems).run(index);
}
