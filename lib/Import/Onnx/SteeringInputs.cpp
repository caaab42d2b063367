// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A small integer model input may be data, which kernels compute on, or steer: lead through integer
// arithmetic to the shape of a Reshape or the pads of a Pad. Only the latter may be read on the host.
// Which it is shows only further down the graph, so the walk goes backwards from control operands
// (the capability table says which operands are) through operators of shape arithmetic.
#include "Importer.h"

#include "llvm/ADT/StringSwitch.h"

using namespace cameo;
using namespace cameo::importer;

namespace {

bool isShapeArithmetic(llvm::StringRef op) {
  return llvm::StringSwitch<bool>(op)
      .Cases({"Abs", "Add", "And", "Cast", "Ceil", "Concat", "ConstantOfShape", "Div"}, true)
      .Cases({"Equal", "Expand", "Floor", "Gather", "Greater", "GreaterOrEqual", "Identity"}, true)
      .Cases({"Less", "LessOrEqual", "Max", "Min", "Mod", "Mul", "Neg", "Not", "Or"}, true)
      .Cases({"Range", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceSum", "Reshape"}, true)
      .Cases({"Slice", "Split", "Squeeze", "Sub", "Sum", "Tile", "Transpose", "Unsqueeze"}, true)
      .Case("Where", true)
      .Default(false);
}

/// Values that operands known before launch come from, inputs of the graph among them.
llvm::StringSet<> steeringValues(const onnx::GraphProto &graph, int opset,
                                 std::initializer_list<Limit::Kind> kinds) {
  llvm::StringMap<const onnx::NodeProto *> producer;
  std::vector<llvm::StringRef> work;
  for (const onnx::NodeProto &node : graph.node()) {
    for (const std::string &output : node.output())
      producer[output] = &node;
    const SchemaInfo *schema =
        canonicalDomain(node.domain()).empty() ? lookupSchema("", node.op_type(), opset) : nullptr;
    const OpRow *row = schema ? lookupRow(schema->name, schema->since) : nullptr;
    if (!row)
      continue;
    for (const Limit &limit : row->limits)
      if (llvm::is_contained(kinds, limit.kind) && limit.index < node.input_size())
        work.push_back(node.input(limit.index));
    if (node.op_type() == "Range")
      work.insert(work.end(), node.input().begin(), node.input().end());
  }
  llvm::StringSet<> seen;
  while (!work.empty()) {
    llvm::StringRef name = work.back();
    work.pop_back();
    if (name.empty() || !seen.insert(name).second)
      continue;
    if (auto it = producer.find(name); it != producer.end())
      if (isShapeArithmetic(it->second->op_type()))
        work.insert(work.end(), it->second->input().begin(), it->second->input().end());
  }
  return seen;
}

} // namespace

void Importer::findSteeringInputs(const onnx::GraphProto &graph) {
  auto import = index.opsets.find("");
  if (import == index.opsets.end())
    return;
  for (const auto &entry :
       steeringValues(graph, static_cast<int>(import->second), {Limit::Control})) {
    Operand *operand = top.lookup(entry.getKey());
    if (operand && operand->known && operand->isModelInput)
      operand->steers = true;
  }
}

std::vector<std::string> cameo::listControlInputs(llvm::StringRef path) {
  ProblemList problems;
  std::unique_ptr<ModelFile> file = readModel(path, {}, problems);
  std::vector<std::string> names;
  if (!file)
    return names;
  int opset = 0;
  for (const auto &import : file->model->opset_import())
    if (canonicalDomain(import.domain()).empty())
      opset = static_cast<int>(import.version());
  const onnx::GraphProto &graph = file->model->graph();
  llvm::StringSet<> values = steeringValues(graph, opset, {Limit::Control, Limit::Constant});
  for (const auto &input : graph.input())
    if (values.contains(input.name()))
      names.push_back(input.name());
  return names;
}
