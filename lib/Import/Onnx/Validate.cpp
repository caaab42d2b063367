// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Names, scopes and order of all graphs, and the tensors in them. Each graph is walked once; values
// of outer graphs are visible in subgraphs and must not be hidden there.
#include "Validate.h"

#include "llvm/ADT/STLExtras.h"

#include <set>

using namespace cameo;
using namespace cameo::importer;
using llvm::StringRef;

namespace {

/// Names visible in a graph; looked up outwards.
struct Scope {
  const Scope *outer;
  llvm::StringMap<int64_t> names; ///< and the position of the node that gives each, or -1
  int64_t current = -1;           ///< the position of the node whose body is looked at

  bool define(StringRef name, int64_t position = -1) {
    return names.try_emplace(name, position).second;
  }
  bool contains(StringRef name) const {
    return names.contains(name) || (outer && outer->contains(name));
  }
  /// Whether a body would hide an outer value by this name. What the node itself and later ones give
  /// is no concern of its body: exporters name the values of a body like the results.
  bool hides(StringRef name) const {
    for (const Scope *scope = outer; scope; scope = scope->outer)
      if (auto it = scope->names.find(name);
          it != scope->names.end() && it->second < scope->current)
        return true;
    return false;
  }
};

class Validator {
public:
  Validator(const ModelFile &file, ModelIndex &index, ProblemList &problems)
      : file(file), index(index), problems(problems) {}

  void model(const ImportOptions &options);

private:
  void opsets(const google::protobuf::RepeatedPtrField<onnx::OperatorSetIdProto> &imports,
              OpsetMap &map, const std::string &where);
  void graph(const onnx::GraphProto &graph, const Scope *outer, bool top);
  void function(const onnx::FunctionProto &function);
  void defineInputs(const onnx::GraphProto &graph, Scope &scope, bool top);
  void nodes(const google::protobuf::RepeatedPtrField<onnx::NodeProto> &list, const void *owner,
             Scope &scope);
  void node(const onnx::NodeProto &node, int64_t position, const Scope &scope);
  void order(const google::protobuf::RepeatedPtrField<onnx::NodeProto> &list, const void *owner);
  void tensor(const onnx::TensorProto &tensor, const std::string &where) {
    file.tensors->load(tensor, where, problems);
  }
  void sparse(const onnx::SparseTensorProto &sparse, const std::string &where);
  void add(StringRef code, const llvm::Twine &message) {
    Problem problem;
    problem.code = code.str();
    problem.message = message.str();
    problem.stack = stack;
    problems.add(std::move(problem));
  }

  const ModelFile &file;
  ModelIndex &index;
  ProblemList &problems;
  std::vector<std::string> stack;
  const OpsetMap *currentOpsets = nullptr;
  const llvm::StringSet<> *functionAttributes = nullptr;
};

std::string quoted(StringRef name) { return ("\"" + name + "\"").str(); }

void Validator::opsets(
    const google::protobuf::RepeatedPtrField<onnx::OperatorSetIdProto> &imports, OpsetMap &map,
    const std::string &where) {
  if (imports.empty())
    add("E0308", where + " imports no opset");
  for (const auto &import : imports) {
    std::string domain = canonicalDomain(import.domain());
    if (!map.emplace(domain, import.version()).second)
      add("E0309", where + " imports " + displayDomain(domain) + " twice");
    std::optional<std::pair<int, int>> range = opsetRange(domain);
    // Older opsets are fine as far as their operators are those of opset 7.
    if (range && (import.version() < 1 || import.version() > range->second))
      add("E0310", where + " imports opset " + llvm::Twine(import.version()) + " of " +
                       displayDomain(domain) + "; known are 1 to " +
                       llvm::Twine(range->second));
  }
}

void Validator::sparse(const onnx::SparseTensorProto &sparse, const std::string &where) {
  tensor(sparse.values(), where + " (values)");
  tensor(sparse.indices(), where + " (indices)");
  if (llvm::any_of(sparse.dims(), [](int64_t dim) { return dim < 0; }))
    add("E0110", where + " has a negative dimension");
}

void Validator::defineInputs(const onnx::GraphProto &graph, Scope &scope, bool top) {
  auto define = [&](const std::string &name, const char *what, bool mayExist = false) {
    if (name.empty())
      add("E0314", llvm::Twine(what) + " has no name");
    else if (scope.hides(name))
      add("E0304", llvm::Twine(what) + " " + quoted(name) + " hides a value of an outer graph");
    else if (!scope.define(name) && !mayExist)
      add("E0301", llvm::Twine(what) + " " + quoted(name) + " is defined twice");
  };
  for (const auto &input : graph.input()) {
    define(input.name(), "graph input");
    if (!top)
      continue;
    if (!input.has_type() || input.type().value_case() == onnx::TypeProto::VALUE_NOT_SET)
      add("E0311", "graph input " + quoted(input.name()) + " has no type");
    else if (!input.type().has_tensor_type())
      add("E0312", "graph input " + quoted(input.name()) + " is not a tensor");
    else
      for (const auto &dim : input.type().tensor_type().shape().dim())
        if (dim.has_dim_value() && dim.dim_value() < 0)
          add("E0313", "graph input " + quoted(input.name()) + " has the dimension " +
                           llvm::Twine(dim.dim_value()));
  }
  llvm::StringSet<> seen;
  auto initializer = [&](const std::string &name) {
    if (!seen.insert(name).second)
      add("E0301", "initializer " + quoted(name) + " is defined twice");
    else
      define(name, "initializer", /*mayExist=*/true); // the default value of an input
  };
  for (const auto &t : graph.initializer()) {
    initializer(t.name());
    tensor(t, "initializer " + quoted(t.name()));
  }
  for (const auto &s : graph.sparse_initializer()) {
    initializer(s.values().name());
    sparse(s, "sparse initializer " + quoted(s.values().name()));
  }
}

void Validator::order(const google::protobuf::RepeatedPtrField<onnx::NodeProto> &list,
                      const void *owner) {
  std::vector<int> &sorted = index.order[owner];
  sorted = sortNodes(list);
  if (static_cast<int>(sorted.size()) == list.size())
    return;
  std::vector<bool> done(list.size());
  for (int position : sorted)
    done[position] = true;
  for (int position = 0; position < list.size(); ++position)
    if (!done[position]) {
      NodePlace place{&list[position], position, currentOpsets, &stack};
      problems.add(nodeProblem("E0302", "the node is in a cycle or behind one", place));
      index.badNodes.insert(&list[position]);
    }
}

void Validator::nodes(const google::protobuf::RepeatedPtrField<onnx::NodeProto> &list,
                      const void *owner, Scope &scope) {
  index.numNodes += list.size();
  llvm::StringMap<const onnx::NodeProto *> constants;
  for (int position = 0; position < list.size(); ++position)
    for (const std::string &output : list[position].output()) {
      if (output.empty())
        continue;
      NodePlace place{&list[position], position, currentOpsets, &stack};
      const onnx::NodeProto *&constant = constants[output];
      bool isConstant = list[position].op_type() == "Constant";
      if (scope.hides(output)) {
        problems.add(
            nodeProblem("E0304", quoted(output) + " hides a value of an outer graph", place));
      } else if (!scope.define(output, position)) {
        // Tools patch models by appending constants; runtimes take the last one, and so do we.
        bool patched = isConstant && constant;
        problems.add(nodeProblem(patched ? "W0003" : "E0301",
                                 quoted(output) + (patched ? " is a constant already"
                                                           : " is defined twice"),
                                 place));
        if (patched)
          index.superseded.insert(constant);
      }
      if (isConstant)
        constant = &list[position];
    }
  for (int position = 0; position < list.size(); ++position) {
    scope.current = position;
    node(list[position], position, scope);
  }
  order(list, owner);
}

void Validator::node(const onnx::NodeProto &node, int64_t position, const Scope &scope) {
  NodePlace place{&node, position, currentOpsets, &stack};
  for (const std::string &input : node.input())
    if (!input.empty() && !scope.contains(input)) {
      problems.add(nodeProblem("E0303", "input " + quoted(input) + " is not defined", place));
      index.badNodes.insert(&node);
    }
  if (!checkNode(place, index, functionAttributes, problems))
    index.badNodes.insert(&node);
  stack.push_back(describeNode(node, position));
  for (const auto &a : node.attribute()) {
    std::string where = "attribute " + quoted(a.name()) + " of " + stack.back();
    if (a.has_t())
      tensor(a.t(), where);
    for (const auto &t : a.tensors())
      tensor(t, where);
    if (a.has_sparse_tensor())
      sparse(a.sparse_tensor(), where);
    for (const auto &s : a.sparse_tensors())
      sparse(s, where);
    if (a.has_g())
      graph(a.g(), &scope, /*top=*/false);
    for (const auto &g : a.graphs())
      graph(g, &scope, /*top=*/false);
  }
  stack.pop_back();
}

void Validator::graph(const onnx::GraphProto &graph, const Scope *outer, bool top) {
  Scope scope{outer, {}};
  defineInputs(graph, scope, top);
  nodes(graph.node(), &graph, scope);
  llvm::StringSet<> seen;
  for (const auto &output : graph.output()) {
    if (output.name().empty())
      add("E0314", "a graph output has no name");
    else if (!scope.contains(output.name()))
      add("E0305", "graph output " + quoted(output.name()) + " is not defined");
    else if (top && !seen.insert(output.name()).second)
      add("E0301", "graph output " + quoted(output.name()) + " occurs twice");
  }
  if (top && graph.output().empty())
    add("E0305", "the graph has no outputs");
}

void Validator::function(const onnx::FunctionProto &function) {
  std::string title = "function " + quoted(function.name()) + " of " +
                      displayDomain(canonicalDomain(function.domain()));
  stack.push_back(title);
  OpsetMap &map = index.functionOpsets[&function];
  opsets(function.opset_import(), map, title);
  currentOpsets = &map;
  llvm::StringSet<> attributes;
  for (const std::string &name : function.attribute())
    attributes.insert(name);
  for (const auto &attribute : function.attribute_proto())
    attributes.insert(attribute.name());
  functionAttributes = &attributes;
  Scope scope{nullptr, {}};
  for (const std::string &input : function.input())
    if (!scope.define(input))
      add("E0301", "input " + quoted(input) + " is defined twice");
  nodes(function.node(), &function, scope);
  for (const std::string &output : function.output())
    if (!scope.contains(output))
      add("E0305", "output " + quoted(output) + " is not defined");
  functionAttributes = nullptr;
  stack.pop_back();
}

void Validator::model(const ImportOptions &options) {
  const onnx::ModelProto &model = *file.model;
  opsets(model.opset_import(), index.opsets, "the model");
  checkFunctions(model, options, index, problems);
  currentOpsets = &index.opsets;
  graph(model.graph(), nullptr, /*top=*/true);
  for (const auto &f : model.functions())
    function(f);
  currentOpsets = &index.opsets;
  for (const auto &training : model.training_info()) {
    stack.push_back("training_info");
    for (const onnx::GraphProto *g : {&training.initialization(), &training.algorithm()})
      for (const auto &t : g->initializer())
        tensor(t, "initializer " + quoted(t.name()));
    stack.pop_back();
  }
  if (index.numNodes > options.limits.maxNodes)
    add("E0003", "the model has " + llvm::Twine(index.numNodes) + " nodes, the limit is " +
                     llvm::Twine(options.limits.maxNodes));
}

void collectGraphUses(const onnx::GraphProto &graph, std::vector<StringRef> &uses) {
  llvm::StringSet<> own;
  for (const auto &input : graph.input())
    own.insert(input.name());
  for (const auto &t : graph.initializer())
    own.insert(t.name());
  for (const auto &node : graph.node())
    for (const std::string &output : node.output())
      own.insert(output);
  std::vector<StringRef> inner;
  for (const auto &node : graph.node())
    collectUses(node, inner);
  for (const auto &output : graph.output())
    inner.push_back(output.name());
  for (StringRef name : inner)
    if (!own.contains(name))
      uses.push_back(name);
}

} // namespace

std::string importer::canonicalDomain(StringRef domain) {
  return domain == "ai.onnx" ? std::string() : domain.str();
}
std::string importer::displayDomain(StringRef domain) {
  return domain.empty() ? std::string("ai.onnx") : domain.str();
}

std::string importer::describeNode(const onnx::NodeProto &node, int64_t index) {
  std::string name = node.name().empty() ? "" : " " + quoted(node.name());
  return node.op_type() + name + " (node " + std::to_string(index) + ")";
}

Problem importer::nodeProblem(StringRef code, const llvm::Twine &message, const NodePlace &place) {
  Problem problem;
  problem.code = code.str();
  problem.message = message.str();
  problem.node = place.node->name();
  problem.index = place.index;
  problem.op = place.node->op_type();
  std::string domain = canonicalDomain(place.node->domain());
  problem.domain = displayDomain(domain);
  if (place.opsets)
    if (auto it = place.opsets->find(domain); it != place.opsets->end())
      problem.opset = it->second;
  if (place.stack)
    problem.stack = *place.stack;
  return problem;
}

FunctionKey importer::functionKey(const onnx::NodeProto &call) {
  return {canonicalDomain(call.domain()), call.op_type(), call.overload()};
}

void importer::collectUses(const onnx::NodeProto &node, std::vector<StringRef> &uses) {
  for (const std::string &input : node.input())
    if (!input.empty())
      uses.push_back(input);
  for (const auto &a : node.attribute()) {
    if (a.has_g())
      collectGraphUses(a.g(), uses);
    for (const auto &g : a.graphs())
      collectGraphUses(g, uses);
  }
}

std::vector<int>
importer::sortNodes(const google::protobuf::RepeatedPtrField<onnx::NodeProto> &nodes) {
  llvm::StringMap<int> producer;
  for (int i = 0; i < nodes.size(); ++i)
    for (const std::string &output : nodes[i].output())
      if (!output.empty())
        producer[output] = i; // the last one, see W0003
  std::vector<std::vector<int>> users(nodes.size());
  std::vector<int> missing(nodes.size());
  for (int i = 0; i < nodes.size(); ++i) {
    std::vector<StringRef> uses;
    collectUses(nodes[i], uses);
    llvm::sort(uses);
    uses.erase(std::unique(uses.begin(), uses.end()), uses.end());
    for (StringRef use : uses)
      if (auto it = producer.find(use); it != producer.end()) {
        users[it->second].push_back(i);
        ++missing[i];
      }
  }
  // The smallest ready position first keeps a sorted file's own order.
  std::set<int> ready;
  for (int i = 0; i < nodes.size(); ++i)
    if (!missing[i])
      ready.insert(i);
  std::vector<int> sorted;
  while (!ready.empty()) {
    int i = *ready.begin();
    ready.erase(ready.begin());
    sorted.push_back(i);
    for (int user : users[i])
      if (--missing[user] == 0)
        ready.insert(user);
  }
  return sorted;
}

void importer::validateModel(const ModelFile &file, const ImportOptions &options,
                             ModelIndex &index, ProblemList &problems) {
  Validator(file, index, problems).model(options);
}
