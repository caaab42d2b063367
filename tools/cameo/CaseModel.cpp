// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See CaseModel.h. The class of a case is decided by a table of operators and by the element types of
// its inputs and outputs.

#include <onnx/onnx_pb.h>

#include "CaseModel.h"

#include "cameo/Support/DType.h"

#include <algorithm>
#include <fstream>
#include <set>

namespace cameo::tool {

namespace {

bool load(const std::string &path, onnx::ModelProto &model) {
  std::ifstream file(path, std::ios::binary);
  return file && model.ParseFromIstream(&file);
}

const std::set<std::string> randomOps = {"Bernoulli",     "Multinomial",      "RandomNormal",
                                         "RandomNormalLike", "RandomUniform", "RandomUniformLike"};
const std::set<std::string> controlOps = {"If",     "Loop",   "Scan",     "SequenceMap",
                                          "NonZero", "Unique", "Compress", "NonMaxSuppression"};

template <class Fn> void eachType(const onnx::GraphProto &graph, Fn fn) {
  for (const auto &value : graph.input())
    fn(value.type());
  for (const auto &value : graph.output())
    fn(value.type());
}

bool hasNode(const onnx::GraphProto &graph, const std::set<std::string> &ops) {
  return std::any_of(graph.node().begin(), graph.node().end(),
                     [&](const auto &node) { return ops.count(node.op_type()) != 0; });
}

std::string kindOf(const onnx::ModelProto &model, const CaseModel &about, const std::string &name) {
  const onnx::GraphProto &graph = model.graph();
  if (about.domain == "ai.onnx.ml")
    return "ml";
  if (about.domain.find("preview") != std::string::npos)
    return "preview";
  bool containers = false, strings = false, doubles = false, small = false;
  eachType(graph, [&](const onnx::TypeProto &type) {
    if (!type.has_tensor_type()) {
      containers = true;
      return;
    }
    auto dtype = dtypeFromOnnx(type.tensor_type().elem_type());
    strings |= dtype == DType::string;
    doubles |= dtype == DType::f64;
    small |= dtype && (isPacked(*dtype) || (isFloat(*dtype) && bitWidth(*dtype) <= 8));
  });
  if (strings)
    return "string";
  if (containers)
    return "sequence/optional";
  // A training dropout draws its mask.
  if (hasNode(graph, randomOps) || name.find("training_dropout") != std::string::npos)
    return "random";
  if (hasNode(graph, controlOps))
    return "control flow and data-dependent";
  return small ? "8/4-bit" : doubles ? "f64" : "tensor";
}

} // namespace

std::optional<CaseModel> describeModel(const std::string &path, const std::string &caseName) {
  onnx::ModelProto model;
  if (!load(path, model))
    return std::nullopt;
  CaseModel result;
  // An expanded case is about the operator whose body it is; its name starts like the plain case's.
  if (model.graph().node_size() > 0) {
    const auto &node = model.graph().node(model.graph().node_size() == 1
                                              ? 0
                                              : model.graph().node_size() - 1);
    result.op = node.op_type();
    result.domain = node.domain().empty() ? "ai.onnx" : node.domain();
  }
  if (model.graph().node_size() != 1) {
    std::string stem = caseName.substr(0, caseName.find("_expanded"));
    if (stem.rfind("test_", 0) == 0)
      stem = stem.substr(5);
    result.op = stem;
  }
  for (const auto &opset : model.opset_import()) {
    std::string domain = opset.domain().empty() ? "ai.onnx" : opset.domain();
    if (domain == result.domain)
      result.opset = opset.version();
  }
  for (const auto &value : model.graph().input())
    if (value.type().has_tensor_type())
      if (auto dtype = dtypeFromOnnx(value.type().tensor_type().elem_type()))
        result.dtypes.push_back(std::string(name(*dtype)));
  result.kind = kindOf(model, result, caseName);
  return result;
}

/// Whether the last size of this input is the length of index tuples, which decides the result's rank.
static bool holdsIndexTuples(const onnx::GraphProto &graph, const std::string &name) {
  return std::any_of(graph.node().begin(), graph.node().end(), [&](const auto &node) {
    return (node.op_type() == "GatherND" || node.op_type() == "ScatterND") && node.input_size() > 1 &&
           node.input(1) == name;
  });
}

bool writeDynamicModel(const std::string &from, const std::string &to,
                       const std::vector<std::string> &controls,
                       std::vector<std::string> &fixed) {
  onnx::ModelProto model;
  if (!load(from, model))
    return false;
  onnx::GraphProto &graph = *model.mutable_graph();
  graph.clear_value_info();
  for (int i = 0; i < graph.input_size(); ++i) {
    onnx::TypeProto &type = *graph.mutable_input(i)->mutable_type();
    if (!type.has_tensor_type() || !type.tensor_type().has_shape())
      continue;
    auto &shape = *type.mutable_tensor_type()->mutable_shape();
    const std::string &name = graph.input(i).name();
    bool isControl = std::find(controls.begin(), controls.end(), name) != controls.end();
    int last = shape.dim_size() - 1;
    bool isRank = last >= 0 && shape.dim(last).has_dim_value() &&
                  ((isControl && last == 0) || holdsIndexTuples(graph, name));
    if (isRank)
      fixed.push_back(name + "." + std::to_string(last));
    for (int d = 0; d < shape.dim_size() - isRank; ++d)
      shape.mutable_dim(d)->set_dim_param("d" + std::to_string(i) + "_" + std::to_string(d));
  }
  for (auto &output : *graph.mutable_output())
    if (output.type().has_tensor_type())
      output.mutable_type()->mutable_tensor_type()->clear_shape();
  std::ofstream file(to, std::ios::binary);
  return model.SerializeToOstream(&file) && file.flush();
}

} // namespace cameo::tool
