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

} // namespace

void Importer::findSteeringInputs(const onnx::GraphProto &graph) {
  llvm::StringMap<const onnx::NodeProto *> producer;
  std::vector<llvm::StringRef> work;
  for (const onnx::NodeProto &node : graph.node()) {
    for (const std::string &output : node.output())
      producer[output] = &node;
    auto import = index.opsets.find("");
    if (!canonicalDomain(node.domain()).empty() || import == index.opsets.end())
      continue;
    const SchemaInfo *schema =
        lookupSchema("", node.op_type(), static_cast<int>(import->second));
    const OpRow *row = schema ? lookupRow(schema->name, schema->since) : nullptr;
    if (!row)
      continue;
    for (const Limit &limit : row->limits)
      if (limit.kind == Limit::Control && limit.index < node.input_size())
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
    if (auto it = producer.find(name); it != producer.end()) {
      if (isShapeArithmetic(it->second->op_type()))
        work.insert(work.end(), it->second->input().begin(), it->second->input().end());
      continue;
    }
    Operand *operand = top.lookup(name);
    if (operand && operand->known && operand->isModelInput)
      operand->steers = true;
  }
}
