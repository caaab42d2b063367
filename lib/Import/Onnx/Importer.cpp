// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Graph inputs to arguments, nodes to ops in topological order, graph outputs to results. A node with
// a problem leaves unknown outputs behind and the walk goes on, so that all problems are found.
#include "Importer.h"

#include "cameo/Dialect/Graph/IR/LoopAttrs.h"
#include "mlir/IR/Verifier.h"

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

//===----------------------------------------------------------------------===//
// Inputs
//===----------------------------------------------------------------------===//

std::string importer::symbolName(StringRef text) {
  std::string name;
  for (char c : text)
    name += c == '`' || static_cast<unsigned char>(c) < 0x20 ? '_' : c;
  if (name.starts_with("~") || name.starts_with("="))
    name.front() = '_';
  return name;
}

/// `--shape` gives values to symbols; the same symbol elsewhere follows.
void Importer::specialize(const onnx::GraphProto &graph) {
  for (const auto &[name, dims] : options.shapes) {
    const onnx::ValueInfoProto *input = nullptr;
    for (const auto &candidate : graph.input())
      if (candidate.name() == name)
        input = &candidate;
    if (!input) {
      problems.add("E0315", "the model has no input \"" + name + "\"");
      continue;
    }
    const auto &shape = input->type().tensor_type().shape();
    if (!input->type().tensor_type().has_shape())
      continue; // the rank comes from the option
    if (shape.dim_size() != static_cast<int>(dims.size())) {
      problems.add("E0315", "input \"" + name + "\" has rank " + llvm::Twine(shape.dim_size()) +
                                ", --shape gives " + llvm::Twine(dims.size()) + " sizes");
      continue;
    }
    for (auto [i, dim] : llvm::enumerate(shape.dim())) {
      if (dims[i] < 0)
        continue;
      if (dim.has_dim_value() && dim.dim_value() != dims[i])
        problems.add("E0315", "input \"" + name + "\" has the size " +
                                  llvm::Twine(dim.dim_value()) + " in dimension " +
                                  llvm::Twine(i) + ", --shape gives " + llvm::Twine(dims[i]));
      std::string symbol = dim.dim_param().empty() ? symbolName(name) + "." + std::to_string(i)
                                                   : symbolName(dim.dim_param());
      auto [it, isNew] = specialized.emplace(symbol, SizeExpr(dims[i]));
      if (!isNew && !it->second.isConstant(dims[i]))
        problems.add("E0315", "--shape gives the symbol " + symbol + " two sizes, " +
                                  it->second.str() + " and " + llvm::Twine(dims[i]));
    }
  }
}

std::optional<Sizes> Importer::inputSizes(const onnx::ValueInfoProto &input, int64_t position) {
  Sizes sizes;
  const auto &tensor = input.type().tensor_type();
  if (!tensor.has_shape()) {
    auto it = options.shapes.find(input.name());
    if (it == options.shapes.end()) {
      problems.add("E0805", "graph input \"" + input.name() + "\" has no shape: its rank has to "
                            "be known (give it with --shape " + input.name() + "=…)");
      return std::nullopt;
    }
    for (auto [i, dim] : llvm::enumerate(it->second))
      sizes.push_back(dim >= 0 ? SizeExpr(dim)
                               : SizeExpr::symbol(symbolName(input.name()) + "." + std::to_string(i)));
    return sizes;
  }
  for (auto [i, dim] : llvm::enumerate(tensor.shape().dim())) {
    if (dim.has_dim_value()) {
      if (dim.dim_value() < 0)
        return std::nullopt; // reported by the validator
      sizes.push_back(SizeExpr(dim.dim_value()));
      continue;
    }
    std::string name = dim.dim_param().empty() ? symbolName(input.name()) + "." + std::to_string(i)
                                               : symbolName(dim.dim_param());
    if (auto it = specialized.find(name); it != specialized.end()) {
      sizes.push_back(it->second);
      continue;
    }
    sizes.push_back(SizeExpr::symbol(name));
    if (declaredSymbols.insert(name).second)
      symbols.push_back(graph::SymbolAttr::get(
          &mlirContext, StringAttr::get(&mlirContext, name), position, static_cast<int64_t>(i)));
  }
  return sizes;
}

bool Importer::declareInput(const onnx::ValueInfoProto &input, int64_t position) {
  Operand *operand = newOperand(input.name());
  operand->known = false;
  top.values[input.name()] = operand;
  if (!input.type().has_tensor_type())
    return false;
  int32_t elementType = input.type().tensor_type().elem_type();
  if (bitsOfDataType(elementType) == 0 && StringRef(nameOfDataType(elementType)) != "string") {
    problems.add("E0106", "graph input \"" + input.name() + "\" has the element type " +
                              llvm::Twine(elementType));
    return false;
  }
  if (!(kElements >> elementType & 1)) {
    Problem problem;
    problem.code = "E0803";
    problem.message = "graph input \"" + input.name() + "\" has elements of type " +
                      nameOfDataType(elementType);
    problem.supported = typesText(kElements);
    problems.add(std::move(problem));
    return false;
  }
  std::optional<Sizes> sizes = inputSizes(input, position);
  if (!sizes)
    return false;
  __int128 elements = 1;
  for (const SizeExpr &s : *sizes)
    elements = std::min(elements * s.asConstant().value_or(1), __int128(INT64_MAX));
  if (elements > INT64_MAX / 16) {
    problems.add("E0102", "graph input \"" + input.name() + "\" has too many elements");
    return false;
  }
  Type element = graph::typeOf(&mlirContext, static_cast<DType>(elementType));
  operand->known = true;
  operand->type = graph::makeTensorType(&mlirContext, element, *sizes);
  operand->isModelInput = true;
  arguments.emplace_back(input.name(), operand);
  return true;
}

bool Importer::declareInputs(const onnx::GraphProto &graph) {
  llvm::StringSet<> constants;
  for (const auto &t : graph.initializer())
    constants.insert(t.name());
  for (const auto &s : graph.sparse_initializer())
    constants.insert(s.values().name());
  specialize(graph);
  bool ok = true;
  for (const auto &input : graph.input())
    if (!constants.contains(input.name()))
      ok &= declareInput(input, static_cast<int64_t>(arguments.size()));
  return ok;
}

void Importer::defineInitializers(const onnx::GraphProto &graph, NodeScope &scope) {
  auto define = [&](const std::string &name) {
    Operand *operand = newOperand(name);
    operand->known = false;
    scope.values[name] = operand;
    return operand;
  };
  for (const auto &t : graph.initializer()) {
    Operand *operand = define(t.name());
    // Whether its elements are supported is asked where the value is used.
    std::optional<TensorData> data = loadTensor(t, "initializer \"" + t.name() + "\"");
    if (!data)
      continue;
    operand->type = typeOfData(*data);
    if (!operand->type)
      problems.add("E0803", "initializer \"" + t.name() + "\" has elements of type " +
                                nameOfDataType(data->dataType));
    operand->known = static_cast<bool>(operand->type);
    operand->data = std::move(data);
  }
  for (const auto &s : graph.sparse_initializer()) {
    define(s.values().name());
    problems.add("E0803", "sparse initializer \"" + s.values().name() +
                              "\": sparse tensors are not supported");
  }
}

//===----------------------------------------------------------------------===//
// Nodes
//===----------------------------------------------------------------------===//

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

//===----------------------------------------------------------------------===//
// The whole
//===----------------------------------------------------------------------===//

bool Importer::checkDeclared(const onnx::ValueInfoProto &info, const Operand &operand,
                             bool isOutput) {
  if (!info.has_type() || !operand.known)
    return true;
  std::string what = (isOutput ? "graph output \"" : "value \"") + info.name() + "\"";
  if (!info.type().has_tensor_type()) {
    if (info.type().value_case() != onnx::TypeProto::VALUE_NOT_SET)
      problems.add("E0312", what + " is declared as something else than a tensor");
    return info.type().value_case() == onnx::TypeProto::VALUE_NOT_SET;
  }
  const auto &tensor = info.type().tensor_type();
  auto element = static_cast<int32_t>(graph::dtypeOf(operand.type.getElementType()));
  if (tensor.elem_type() != 0 && tensor.elem_type() != element) {
    problems.add("E0316", what + " is declared with elements of type " +
                              nameOfDataType(tensor.elem_type()) + ", but has " +
                              nameOfDataType(element));
    return false;
  }
  if (!tensor.has_shape())
    return true;
  if (tensor.shape().dim_size() != operand.type.getRank()) {
    // Exporters leave empty shapes behind where they know nothing.
    bool nothing = tensor.shape().dim_size() == 0;
    problems.add(nothing ? "W0001" : "E0316",
                 what + " is declared with rank " + llvm::Twine(tensor.shape().dim_size()) +
                     ", but has " + llvm::Twine(operand.type.getRank()));
    return nothing;
  }
  Sizes sizes = graph::getSizes(operand.type);
  for (auto [i, dim] : llvm::enumerate(tensor.shape().dim()))
    if (dim.has_dim_value() && dim.dim_value() >= 0 &&
        eq(sizes[i], SizeExpr(dim.dim_value())).isConstant(0))
      problems.add("W0001", what + " is declared with size " + llvm::Twine(dim.dim_value()) +
                                " in dimension " + llvm::Twine(i) + ", but has " +
                                sizes[i].str());
  return true;
}

/// What nodes compute as data and the model does not give away.
void Importer::addEveryValue(const onnx::GraphProto &graph, llvm::SmallVectorImpl<Value> &values,
                             llvm::SmallVectorImpl<std::string> &names) {
  llvm::StringSet<> seen;
  for (const std::string &name : names)
    seen.insert(name);
  for (const auto &node : graph.node())
    for (const std::string &name : node.output()) {
      Operand *operand = name.empty() ? nullptr : top.lookup(name);
      if (!operand || !operand->known || operand->data || operand->contents || !operand->value)
        continue;
      Operation *op = operand->value.getDefiningOp();
      if (!op || isa<graph::ConstantOp>(op) || !seen.insert(name).second)
        continue;
      values.push_back(operand->value);
      names.push_back(name);
    }
}

bool Importer::finish(const onnx::GraphProto &graph, ModuleOp module) {
  llvm::SmallVector<Value> values;
  llvm::SmallVector<std::string> names;
  bool ok = true;
  for (const auto &output : graph.output()) {
    Operand *operand = top.lookup(output.name());
    Value value = operand && operand->known ? materialize(*operand) : Value();
    ok &= operand && checkDeclared(output, *operand, /*isOutput=*/true) && value;
    if (value) {
      values.push_back(value);
      names.push_back(output.name());
    }
  }
  for (const auto &info : graph.value_info())
    if (Operand *operand = top.lookup(info.name()))
      ok &= checkDeclared(info, *operand, /*isOutput=*/false);
  if (!ok)
    return false;
  if (options.everyValue)
    addEveryValue(graph, values, names);
  auto end = func::ReturnOp::create(bodyBuilder, function.getLoc(), values);
  if (!required.empty())
    end->setAttr(graph::requiresAttrName, bodyBuilder.getArrayAttr(required));
  function.setFunctionType(FunctionType::get(
      &mlirContext, function.getFunctionType().getInputs(), ValueRange(values).getTypes()));
  for (auto [i, name] : llvm::enumerate(names))
    function.setResultAttr(i, graph::nameAttrName, bodyBuilder.getStringAttr(name));
  std::string why;
  ScopedDiagnosticHandler handler(&mlirContext, [&](Diagnostic &diagnostic) {
    why += (why.empty() ? "" : "; ") + diagnostic.str();
    return success();
  });
  if (succeeded(verify(module)))
    return true;
  problems.add("E0902", "the module does not verify: " + why);
  return false;
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
