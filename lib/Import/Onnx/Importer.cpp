// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Nodes to ops in topological order, between the model's inputs and outputs (Interface.cpp). A node with a problem leaves
// unknown outputs behind and the walk goes on, so that all problems are found.
#include "Importer.h"

using namespace cameo;
using namespace cameo::importer;
using namespace mlir;
using llvm::StringRef;

Importer::Importer(const ModelFile &file, const ModelIndex &index, MLIRContext &context,
                   const ImportOptions &options, ProblemList &problems)
    : file(file), index(index), mlirContext(context), options(options), problems(problems),
      bodyBuilder(&context) {
  top.opsets = &index.opsets;
}

Operand *Importer::newOperand(StringRef name) {
  operands.emplace_back();
  operands.back().name = name.str();
  return &operands.back();
}

Location Importer::locationOf(const NodeScope &scope, const onnx::NodeProto &node,
                              int64_t position) {
  if (scope.onBehalfOf)
    return scope.onBehalfOf->location();
  std::string name =
      node.name().empty() ? node.op_type() + "_" + std::to_string(position) : node.name();
  return NameLoc::get(StringAttr::get(&mlirContext, scope.locationPrefix + name));
}

static llvm::SmallVector<std::string> outputNames(const onnx::GraphProto &graph) {
  llvm::SmallVector<std::string> names;
  for (const auto &output : graph.output())
    names.push_back(output.name());
  return names;
}

bool Importer::importNodes(const google::protobuf::RepeatedPtrField<onnx::NodeProto> &nodes,
                           llvm::ArrayRef<std::string> outputs, const void *owner,
                           NodeScope &scope) {
  std::vector<int> own;
  const std::vector<int> *order;
  if (auto it = index.order.find(owner); it != index.order.end())
    order = &it->second;
  else
    order = &(own = sortNodes(nodes)); // a body of ONNX's own
  bool ok = order->size() == static_cast<size_t>(nodes.size());
  return ok & importRest({&nodes, *order, llvm::to_vector(outputs)}, scope);
}

bool Importer::importRest(const RestOfNodes &rest, NodeScope &scope) {
  bool ok = true;
  scope.rest = rest;
  while (!scope.rest.order.empty()) {
    int position = scope.rest.order.front();
    scope.rest.order = scope.rest.order.drop_front();
    bool good = importNode((*rest.nodes)[position], position, scope);
    if (!scope.onBehalfOf && scope.counted) {
      ++problems.nodesSeen;
      problems.nodesSupported += good;
    }
    ok &= good;
  }
  return ok;
}

namespace {

/// The node with references to the enclosing call's attributes resolved; absent ones are dropped.
onnx::NodeProto resolveReferences(
    const onnx::NodeProto &node,
    const llvm::StringMap<const onnx::AttributeProto *> &callAttributes) {
  onnx::NodeProto result = node;
  result.clear_attribute();
  for (const auto &a : node.attribute()) {
    if (a.ref_attr_name().empty()) {
      *result.add_attribute() = a;
      continue;
    }
    auto it = callAttributes.find(a.ref_attr_name());
    if (it == callAttributes.end())
      continue;
    auto *copy = result.add_attribute();
    *copy = *it->second;
    copy->set_name(a.name());
  }
  return result;
}

} // namespace

bool Importer::importNode(const onnx::NodeProto &original, int64_t position, NodeScope &scope) {
  onnx::NodeProto resolved;
  const onnx::NodeProto *node = &original;
  if (scope.callAttributes &&
      llvm::any_of(original.attribute(), [](const auto &a) { return !a.ref_attr_name().empty(); })) {
    resolved = resolveReferences(original, *scope.callAttributes);
    node = &resolved;
  }
  auto unknownOutputs = [&] {
    for (const std::string &name : node->output())
      if (!name.empty() && !scope.values.count(name)) {
        scope.values[name] = newOperand(name);
        scope.values[name]->known = false;
      }
    return false;
  };
  if (index.superseded.contains(&original))
    return true;
  if (index.badNodes.contains(&original))
    return unknownOutputs();
  if (++expandedNodes > options.limits.maxNodes) {
    if (expandedNodes == options.limits.maxNodes + 1)
      problems.add("E0404", "more than " + llvm::Twine(options.limits.maxNodes) +
                                " nodes after functions are expanded");
    return unknownOutputs();
  }
  if (auto it = index.functions.find(functionKey(*node)); it != index.functions.end())
    return callFunction(*it->second, *node, position, scope);
  std::string domain = canonicalDomain(node->domain());
  auto import = scope.opsets->find(domain);
  int opset = import == scope.opsets->end() ? 0 : static_cast<int>(import->second);
  const SchemaInfo *schema = lookupSchema(domain, node->op_type(), opset);
  if (!schema)
    return unknownOutputs();
  NodeBuilder b(*this, scope, *node, position, *schema, opset);
  const OpRow *row = nullptr;
  if (!checkCapability(b, row) || !b.allKnown())
    return false;
  OpBuilder::InsertionGuard guard(bodyBuilder);
  LogicalResult result = row->handler(b);
  if (failed(result) && !b.hasFailed())
    (void)b.fail("E0902", "the import of " + node->op_type() + " failed without a reason");
  if (failed(result) || b.hasFailed()) {
    for (Operand *output : b.outputs)
      if (output)
        output->known = false;
    return false;
  }
  if (!scope.rest.nodes)
    return true; // the handler has imported all that follows, and defined the graph's outputs
  for (Operand *output : b.outputs) {
    if (!output)
      continue;
    if (!output->known) {
      (void)b.fail("E0807", "output \"" + output->name + "\" is not supported");
      return false;
    }
    if (llvm::any_of(graph::getSizes(output->type), [](const SizeExpr &s) { return s.isOverflow(); })) {
      (void)b.fail("E0702", "a size of output \"" + output->name + "\" overflows");
      output->known = false;
      return false;
    }
  }
  return true;
}

bool Importer::callFunction(const onnx::FunctionProto &function, const onnx::NodeProto &node,
                            int64_t position, NodeScope &scope) {
  llvm::SmallVector<Operand *> arguments, results;
  for (const std::string &name : node.input())
    arguments.push_back(name.empty() ? nullptr : scope.lookup(name));
  for (const std::string &name : node.output()) {
    results.push_back(name.empty() ? nullptr : newOperand(name));
    if (results.back()) {
      results.back()->known = false;
      scope.values[name] = results.back();
    }
  }
  auto opsets = index.functionOpsets.find(&function);
  return expandFunction(function, opsets->second, nullptr, scope, node,
                        describeNode(node, position), arguments, results);
}

bool Importer::expandFunction(const onnx::FunctionProto &function, const OpsetMap &opsets,
                              NodeBuilder *body, NodeScope &caller, const onnx::NodeProto &call,
                              const std::string &title, llvm::ArrayRef<Operand *> arguments,
                              llvm::ArrayRef<Operand *> results) {
  NodeScope scope;
  scope.opsets = &opsets;
  scope.stack = caller.stack;
  scope.stack.push_back(title);
  scope.onBehalfOf = body ? body : caller.onBehalfOf;
  scope.locationPrefix = caller.locationPrefix +
                         (call.name().empty() ? call.op_type() : call.name()) + "/";
  llvm::StringMap<const onnx::AttributeProto *> attributes;
  for (const auto &a : function.attribute_proto()) // defaults
    attributes[a.name()] = &a;
  if (body)
    for (const AttributeInfo &info : body->schema.attributes)
      if (info.defaultValue)
        attributes[info.name] = info.defaultValue;
  for (const auto &a : call.attribute())
    attributes[a.name()] = &a;
  scope.callAttributes = &attributes;
  for (auto [i, name] : llvm::enumerate(function.input()))
    if (i < arguments.size() && arguments[i])
      scope.values[name] = arguments[i];
  bool ok = importNodes(function.node(), llvm::to_vector(function.output()), &function, scope);
  for (auto [i, name] : llvm::enumerate(function.output())) {
    if (i >= results.size() || !results[i])
      continue;
    Operand *value = scope.lookup(name);
    if (!value || !value->known) {
      ok = false;
      continue;
    }
    if (value->data || value->value)
      materialize(*value);
    std::string resultName = results[i]->name;
    *results[i] = *value;
    results[i]->name = resultName;
  }
  return ok;
}

NodeScope Importer::inside(NodeScope &outer) {
  NodeScope scope;
  scope.outer = &outer;
  scope.opsets = outer.opsets;
  scope.callAttributes = outer.callAttributes;
  scope.stack = outer.stack;
  scope.locationPrefix = outer.locationPrefix;
  scope.onBehalfOf = outer.onBehalfOf;
  scope.copies = outer.copies;
  scope.counted = outer.counted;
  return scope;
}

bool Importer::importSubgraph(const onnx::GraphProto &graph, NodeScope &outer,
                              const std::string &where, llvm::ArrayRef<Operand *> arguments,
                              llvm::SmallVectorImpl<Operand *> &results) {
  NodeScope scope = inside(outer);
  scope.stack.push_back(where);
  for (auto [i, input] : llvm::enumerate(graph.input()))
    if (i < arguments.size())
      scope.values[input.name()] = arguments[i];
  defineInitializers(graph, scope);
  bool ok = importNodes(graph.node(), outputNames(graph), &graph, scope);
  for (const auto &output : graph.output()) {
    results.push_back(scope.lookup(output.name()));
    ok &= results.back() && results.back()->known;
  }
  return ok;
}

OwningOpRef<ModuleOp> Importer::run() {
  const onnx::GraphProto &graph = file.model->graph();
  bool ok = declareInputs(graph);
  Location loc = NameLoc::get(StringAttr::get(&mlirContext, graph.name()));
  OwningOpRef<ModuleOp> module(ModuleOp::create(loc));
  bodyBuilder.setInsertionPointToStart(module->getBody());
  llvm::SmallVector<Type> types;
  for (auto &[name, operand] : arguments)
    types.push_back(operand->type);
  function = func::FuncOp::create(bodyBuilder, loc, "main",
                                  FunctionType::get(&mlirContext, types, {}));
  function->setAttr(graph::symbolsAttrName, bodyBuilder.getArrayAttr(symbols));
  Block *block = function.addEntryBlock();
  for (auto [i, argument] : llvm::enumerate(arguments)) {
    argument.second->value = block->getArgument(i);
    function.setArgAttr(i, graph::nameAttrName, bodyBuilder.getStringAttr(argument.first));
  }
  bodyBuilder.setInsertionPointToEnd(block);
  // Hoisted constants go before this point even when the body is still empty.
  defineInitializers(graph, top);
  findSteeringInputs(graph);
  ok &= importNodes(graph.node(), outputNames(graph), &graph, top);
  ok &= finish(graph, *module);
  if (ok && !problems.hasErrors())
    return module;
  if (!problems.hasErrors())
    problems.add("E0902", "the import failed without a reason");
  return nullptr;
}
