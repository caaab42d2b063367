// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What must hold of a model before anybody interprets it, checked over all graphs, subgraphs and
// functions at once, with every violation reported: names, order, scopes, calls, tensors, and each
// node against ONNX's schema of its version. What depends on types and sizes is left to the import.
#pragma once

#include "Reader.h"
#include "Schemas.h"
#include "cameo/Import/Onnx.h"

#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/StringSet.h"
#include "onnx/onnx_pb.h"

#include <map>
#include <string>
#include <tuple>
#include <vector>

namespace cameo::importer {

/// Domain ("" for ai.onnx) to version.
using OpsetMap = std::map<std::string, int64_t>;

/// "ai.onnx" and "" are one domain.
std::string canonicalDomain(llvm::StringRef domain);
/// "ai.onnx" for "".
std::string displayDomain(llvm::StringRef domain);

/// Where a node stands: enough to describe it in a problem.
struct NodePlace {
  const onnx::NodeProto *node = nullptr;
  int64_t index = -1;
  const OpsetMap *opsets = nullptr;
  const std::vector<std::string> *stack = nullptr; ///< enclosing graphs and functions
};

Problem nodeProblem(llvm::StringRef code, const llvm::Twine &message, const NodePlace &place);
/// "If \"cond\" (node 3)": a link of the stack.
std::string describeNode(const onnx::NodeProto &node, int64_t index);

/// (domain, name, overload) of a local function.
using FunctionKey = std::tuple<std::string, std::string, std::string>;
FunctionKey functionKey(const onnx::NodeProto &call);

struct ModelIndex {
  OpsetMap opsets;
  std::map<FunctionKey, const onnx::FunctionProto *> functions;
  std::map<const onnx::FunctionProto *, OpsetMap> functionOpsets;
  /// Positions of a graph's or function's nodes in an order in which inputs come first.
  llvm::DenseMap<const void *, std::vector<int>> order;
  /// Nodes that have a problem already; their outputs are unknown.
  llvm::DenseSet<const onnx::NodeProto *> badNodes;
  /// Constants that a later Constant of the same name replaces (W0003).
  llvm::DenseSet<const onnx::NodeProto *> superseded;
  uint64_t numNodes = 0;
};

/// Validates everything; problems are added, nothing stops at the first. `index` is usable even then.
void validateModel(const ModelFile &file, const ImportOptions &options, ModelIndex &index,
                   ProblemList &problems);

/// The parts, each of which adds what it finds.
void checkFunctions(const onnx::ModelProto &model, const ImportOptions &options, ModelIndex &index,
                    ProblemList &problems);
/// Operator, version, arity and attributes of one node. `functionAttributes` are the names a
/// reference may use, null outside functions. Returns whether the node is sound.
bool checkNode(const NodePlace &place, const ModelIndex &index,
               const llvm::StringSet<> *functionAttributes, ProblemList &problems);

/// Inputs of a node and everything its subgraphs take from outside.
void collectUses(const onnx::NodeProto &node, std::vector<llvm::StringRef> &uses);

/// A topological order of nodes (stable: file order where it is one already); on a cycle the nodes
/// that are in or behind one are left out.
std::vector<int> sortNodes(const google::protobuf::RepeatedPtrField<onnx::NodeProto> &nodes);

} // namespace cameo::importer
