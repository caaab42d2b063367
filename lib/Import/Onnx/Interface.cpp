// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a model says of itself, and the function that is made of it: inputs and their sizes, initializers, declared types
// of outputs and values. All that contradicts the nodes is a problem; nothing is believed twice.
#include "Importer.h"

#include "cameo/Dialect/Graph/IR/LoopAttrs.h"
#include "mlir/IR/Verifier.h"

using namespace cameo;
using namespace cameo::importer;
using namespace mlir;
using llvm::StringRef;

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
