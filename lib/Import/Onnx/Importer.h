// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The walk that turns graphs into one function: scopes of names, constants placed at the function's
// start, control operands read once, subgraphs and functions expanded in place.
#pragma once

#include "NodeBuilder.h"

#include <deque>

namespace cameo::importer {

/// The nodes of a graph or function body that come after the one being imported, and the body's outputs.
struct RestOfNodes {
  const google::protobuf::RepeatedPtrField<onnx::NodeProto> *nodes = nullptr;
  llvm::ArrayRef<int> order;
  llvm::SmallVector<std::string> outputs;
};

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
  /// A handler that imports the rest itself (once in each branch of an If) empties it.
  RestOfNodes rest;
  int copies = 0;       ///< how many Ifs around this have taken the rest into their branches
  bool counted = true;  ///< false in all but the first of such copies

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
  /// A scope inside of `outer`, of the same function and opsets.
  static NodeScope inside(NodeScope &outer);
  /// Imports nodes in `scope`; false after a problem.
  bool importRest(const RestOfNodes &rest, NodeScope &scope);
  /// What sizes have to be where the block being built runs: `graph.requires` of its terminator.
  llvm::SmallVector<mlir::Attribute> required;
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
                   llvm::ArrayRef<std::string> outputs, const void *owner, NodeScope &scope);
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
