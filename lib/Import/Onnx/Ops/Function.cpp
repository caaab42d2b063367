// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Operators that ONNX defines by a function body and that have no better form here: the body's nodes
// are imported in the call's place, one by one, with the types found here. (ONNX's own inliner needs
// types that its inference often does not have.)
#include "../Importer.h"

using namespace cameo;
using namespace cameo::importer;
using namespace mlir;

namespace {

/// The type of an operand as ONNX writes it, for bodies that depend on types and ranks.
onnx::TypeProto typeProto(RankedTensorType type) {
  onnx::TypeProto proto;
  auto *tensor = proto.mutable_tensor_type();
  tensor->set_elem_type(static_cast<int32_t>(graph::dtypeOf(type.getElementType())));
  tensor->mutable_shape();
  for (const SizeExpr &size : graph::getSizes(type)) {
    auto *dim = tensor->mutable_shape()->add_dim();
    if (std::optional<int64_t> c = size.asConstant())
      dim->set_dim_value(*c);
    else
      dim->set_dim_param(size.str());
  }
  return proto;
}

constexpr TypeMask kAny = ~TypeMask(0);
constexpr Limit kControl0[] = {limit::control(0)}, kControl1[] = {limit::control(1)};

constexpr OpRow kRows[] = {
    {"Attention", 23, importByBody},
    {"Attention", 24, importByBody},
    {"Attention", 25, importByBody},
    {"BlackmanWindow", 17, importByBody, kElements, kControl0},
    {"CausalConvWithState", 27, importByBody},
    {"CenterCropPad", 18, importByBody, kElements, kControl1},
    {"DynamicQuantizeLinear", 11, importByBody},
    {"HammingWindow", 17, importByBody, kElements, kControl0},
    {"HannWindow", 17, importByBody, kElements, kControl0},
    {"LinearAttention", 27, importByBody},
    {"MeanVarianceNormalization", 9, importByBody},
    {"MeanVarianceNormalization", 13, importByBody},
    {"NegativeLogLikelihoodLoss", 12, importByBody, kAny},
    {"NegativeLogLikelihoodLoss", 13, importByBody, kAny},
    {"NegativeLogLikelihoodLoss", 22, importByBody, kAny},
    {"RotaryEmbedding", 23, importByBody},
    {"SoftmaxCrossEntropyLoss", 12, importByBody, kAny},
    {"SoftmaxCrossEntropyLoss", 13, importByBody, kAny},
    {"SwiGLU", 28, importByBody},
};

} // namespace

llvm::ArrayRef<OpRow> importer::functionRows() { return kRows; }

LogicalResult importer::importByBody(NodeBuilder &b) {
  std::vector<onnx::TypeProto> types;
  llvm::SmallVector<Operand *> arguments;
  for (unsigned i = 0; i < b.numInputs(); ++i) {
    types.push_back(b.has(i) ? typeProto(b.type(i)) : onnx::TypeProto());
    arguments.push_back(b.has(i) ? &b.operand(i) : nullptr);
  }
  std::string error;
  std::unique_ptr<onnx::FunctionProto> body =
      functionBody(b.schema, b.node, b.opset, types, error);
  if (!body)
    return b.fail("E0801", "ONNX gives no function body for it here" +
                               (error.empty() ? "" : ": " + error));
  OpsetMap opsets;
  for (const auto &import : body->opset_import())
    opsets[canonicalDomain(import.domain())] = import.version();
  opsets.emplace("", b.opset);
  llvm::SmallVector<Operand *> results;
  for (unsigned i = 0; i < b.numOutputs(); ++i)
    results.push_back(b.wants(i) ? &b.result(i) : nullptr);
  if (!b.importer.expandFunction(*body, opsets, &b, b.scope, b.node,
                                 describeNode(b.node, b.place().index), arguments, results))
    return b.hasFailed() ? failure() : b.fail("E0801", "its function body has problems");
  return success();
}
