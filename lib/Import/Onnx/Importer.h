// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The walk that turns graphs into one function: scopes of names, constants placed at the function's
// start, control operands read once, subgraphs and functions expanded in place.
#pragma once

#include "NodeBuilder.h"

#include <deque>

namespace cameo::importer {

/// Names of one graph or function body; subgraphs look outwards.
struct NodeScope {
  NodeScope *outer = nullptr;
  const OpsetMap *opsets = nullptr;
  llvm::StringMap<Operand *> values;
  /// Attributes of the call whose body this is (null outside functions).
  const llvm::StringMap<const onnx::AttributeProto *> *callAttributes = nullptr;
  std::vector<std::string> stack; ///< for problems
  std::string locationPrefix;     ///< for names of expanded nodes
  /// Inside the body of one of ONNX's own functions: all ops carry the call's location, and
  /// problems name the call.
  const NodeBuilder *onBehalfOf = nullptr;

  Operand *lookup(llvm::StringRef name) {
    auto it = values.find(name);
    return it != values.end() ? it->second : outer ? outer->lookup(name) : nullptr;
  }
};

/// A symbol's text: a dim_param may hold anything, a SizeExpr symbol no backquote; those that begin
/// with "~" or "=" are the kernels' own.
std::string symbolName(llvm::StringRef text);

class Importer {
public:
  Importer(const ModelFile &file, const ModelIndex &index, mlir::MLIRContext &context,
           const ImportOptions &options, ProblemList &problems);

  /// The module; null when something failed.
  mlir::OwningOpRef<mlir::ModuleOp> run();

  // For NodeBuilder and the handlers of control flow.
  mlir::OpBuilder &builder() { return bodyBuilder; }
  mlir::MLIRContext &context() { return mlirContext; }
  ProblemList &problemList() { return problems; }
  const ImportOptions &importOptions() const { return options; }
  Operand *newOperand(llvm::StringRef name);
  Value materialize(Operand &operand);
  const std::optional<Contents> &contentsOf(Operand &operand);
  std::optional<Sizes> readSizes(Operand &operand);
  /// The same for elements that may be real.
  const std::optional<Contents> &readNumbers(Operand &operand);
  std::optional<TensorData> loadTensor(const onnx::TensorProto &tensor, const std::string &where) {
    return file.tensors->load(tensor, where, problems);
  }
  mlir::RankedTensorType typeOfData(const TensorData &data);
  mlir::ElementsAttr attributeOf(const TensorData &data, llvm::StringRef name);
  mlir::Location locationOf(const NodeScope &scope, const onnx::NodeProto &node, int64_t position);

  /// Imports a subgraph in place; results are its outputs (unknown ones after a problem).
  bool importSubgraph(const onnx::GraphProto &graph, NodeScope &outer, const std::string &where,
                      llvm::ArrayRef<Operand *> arguments, llvm::SmallVectorImpl<Operand *> &results);
  /// Imports a function body in place.
  bool expandFunction(const onnx::FunctionProto &function, const OpsetMap &opsets, NodeBuilder *body,
                      NodeScope &caller, const onnx::NodeProto &call, const std::string &title,
                      llvm::ArrayRef<Operand *> arguments, llvm::ArrayRef<Operand *> results);

private:
  friend class NodeBuilder;
  bool declareInputs(const onnx::GraphProto &graph);
  bool declareInput(const onnx::ValueInfoProto &input, int64_t position);
  std::optional<Sizes> inputSizes(const onnx::ValueInfoProto &input, int64_t position);
  void specialize(const onnx::GraphProto &graph);
  void findSteeringInputs(const onnx::GraphProto &graph);
  void defineInitializers(const onnx::GraphProto &graph, NodeScope &scope);
  bool importNodes(const google::protobuf::RepeatedPtrField<onnx::NodeProto> &nodes,
                   const void *owner, NodeScope &scope);
  bool importNode(const onnx::NodeProto &node, int64_t position, NodeScope &scope);
  bool callFunction(const onnx::FunctionProto &function, const onnx::NodeProto &node,
                    int64_t position, NodeScope &scope);
  bool checkCapability(NodeBuilder &b, const OpRow *&row);
  bool checkLimit(NodeBuilder &b, const Limit &limit);
  bool checkTypes(NodeBuilder &b);
  bool checkDeclared(const onnx::ValueInfoProto &info, const Operand &operand, bool isOutput);
  void addEveryValue(const onnx::GraphProto &graph, llvm::SmallVectorImpl<Value> &values,
                     llvm::SmallVectorImpl<std::string> &names);
  bool finish(const onnx::GraphProto &graph, mlir::ModuleOp module);
  mlir::OpBuilder hoisted();
  void remember(mlir::Operation *op) { lastHoisted = op; }

  const ModelFile &file;
  const ModelIndex &index;
  mlir::MLIRContext &mlirContext;
  const ImportOptions &options;
  ProblemList &problems;
  mlir::OpBuilder bodyBuilder;
  mlir::func::FuncOp function;
  mlir::Operation *lastHoisted = nullptr;
  std::deque<Operand> operands;
  NodeScope top;
  llvm::SmallVector<mlir::Attribute> symbols;
  llvm::StringSet<> declaredSymbols;
  std::map<std::string, SizeExpr> specialized; // symbol -> constant
  llvm::SmallVector<std::pair<std::string, Operand *>> arguments;
  uint64_t expandedNodes = 0;
};

} // namespace cameo::importer
