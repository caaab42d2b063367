// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The walk over a function: binds symbols, runs the ops of a block one after another, compares
// every result with its type, and lets go of a tensor after its last use.
#include "Environment.h"

#include "cameo/Dialect/Graph/IR/Graph.h"

using namespace mlir;

namespace cameo::evaluate {
namespace {

/// Ops of `block` by value last used there; uses inside regions count for the op that holds them.
llvm::DenseMap<Operation *, SmallVector<Value>> lastUses(Block &block) {
  llvm::DenseMap<Operation *, SmallVector<Value>> result;
  auto addLast = [&](Value value) {
    Operation *last = nullptr;
    for (Operation *user : value.getUsers()) {
      Operation *here = block.findAncestorOpInBlock(*user);
      if (here && (!last || last->isBeforeInBlock(here)))
        last = here;
    }
    if (last)
      result[last].push_back(value);
  };
  for (Value argument : block.getArguments())
    addLast(argument);
  for (Operation &op : block)
    for (Value value : op.getResults())
      addLast(value);
  return result;
}

host::Status checkResult(Environment &env, Type type, const HostTensor &tensor) {
  DType wanted = graph::dtypeOf(cast<RankedTensorType>(type).getElementType());
  if (tensor.dtype() != wanted)
    return host::error("the result is " + std::string(name(tensor.dtype())) + ", its type says " +
                       std::string(name(wanted)));
  auto dims = env.dimsOf(type);
  if (!dims)
    return dims.status();
  if (*dims != tensor.dims())
    return host::error("the result has sizes " + host::toString(tensor.dims()) +
                       ", its type says " + graph::sizesText(graph::getSizes(type)) + " = " +
                       host::toString(*dims));
  return host::Status::ok();
}

host::Status checkCap(Environment &env, Operation *op) {
  if (env.options.maxElements == 0)
    return host::Status::ok();
  for (Type type : op->getResultTypes()) {
    auto dims = env.dimsOf(type);
    if (!dims)
      return dims.status();
    if (host::elementCount(*dims).value_or(INT64_MAX) > env.options.maxElements)
      return host::error("the result has more than " + std::to_string(env.options.maxElements) +
                         " elements");
  }
  return host::Status::ok();
}

Result<Tensors> execute(Operation *op, Environment &env) {
  if (auto status = checkCap(env, op); !status)
    return status;
  for (auto family : {executeElementwise, executeReduction, executeMovement, executeIndexed,
                      executeControl, executeKernel})
    if (Executed results = family(op, env)) {
      if (!*results)
        return results->status();
      if ((*results)->size() < op->getNumResults())
        return host::error("the op has results that are not computed");
      for (auto [type, tensor] : llvm::zip(op->getResultTypes(), **results))
        if (auto status = checkResult(env, type, tensor); !status)
          return status;
      return *results;
    }
  return host::error("the evaluator does not know this op");
}

host::Status inContext(Operation *op, const host::Status &status) {
  return host::error(nameOf(op) + " (" + op->getName().getStringRef().str() +
                     "): " + status.message());
}

} // namespace

std::string nameOf(Operation *op) {
  Location location = op->getLoc();
  if (auto named = location->findInstanceOf<NameLoc>())
    return named.getName().str();
  return op->getName().getStringRef().str();
}

Result<int64_t> Environment::evaluate(const SizeExpr &size) const {
  std::string fault;
  auto value = size.evaluate(
      [&](std::string_view name) -> std::optional<int64_t> {
        auto it = symbols.find(std::string(name));
        return it == symbols.end() ? std::nullopt : std::optional<int64_t>(it->second);
      },
      &fault);
  if (!value)
    return host::error("the size " + size.str() + " has no value: " + fault);
  return *value;
}

Result<host::Dims> Environment::evaluate(ArrayRef<SizeExpr> sizes) const {
  host::Dims dims;
  for (const SizeExpr &size : sizes) {
    auto value = evaluate(size);
    if (!value)
      return value.status();
    dims.push_back(*value);
  }
  return dims;
}

Result<host::Dims> Environment::dimsOf(Type type) const { return evaluate(graph::getSizes(type)); }

Result<Tensors> Environment::runBlock(Block &block) {
  auto last = lastUses(block);
  for (Operation &op : block) {
    if (options.shouldStop && options.shouldStop())
      return host::error("the evaluation was stopped");
    if (op.hasTrait<OpTrait::IsTerminator>()) {
      Tensors results;
      for (Value value : op.getOperands())
        results.push_back(get(value));
      return results;
    }
    auto results = execute(&op, *this);
    if (!results)
      return op.getNumRegions() ? results.status() : inContext(&op, results.status());
    if (options.observer)
      options.observer(&op, *results);
    for (auto [value, tensor] : llvm::zip(op.getResults(), *results))
      if (!value.use_empty())
        set(value, tensor);
    for (Value value : last.lookup(&op))
      drop(value);
  }
  return host::error("a block has no terminator");
}

Result<Symbols> bindSymbols(func::FuncOp function, ArrayRef<HostTensor> inputs) {
  if (inputs.size() != function.getNumArguments())
    return host::error("the model has " + std::to_string(function.getNumArguments()) + " inputs, " +
                       std::to_string(inputs.size()) + " were given");
  Symbols symbols;
  if (auto declared = function->getAttrOfType<ArrayAttr>(graph::symbolsAttrName))
    for (auto symbol : declared.getAsRange<graph::SymbolAttr>()) {
      size_t input = size_t(symbol.getInput());
      if (input >= inputs.size() || symbol.getDim() >= inputs[input].rank())
        return host::error("symbol " + symbol.getName().str() + ": input " + std::to_string(input) +
                           " has no dimension " + std::to_string(symbol.getDim()));
      symbols[symbol.getName().str()] = inputs[input].dim(symbol.getDim());
    }
  Options options;
  Environment env(options, symbols);
  for (auto [index, type] : llvm::enumerate(function.getArgumentTypes())) {
    auto name = function.getArgAttrOfType<StringAttr>(unsigned(index), graph::nameAttrName);
    auto status = checkResult(env, type, inputs[index]);
    // A size that data decide (an element of a control operand) is not known yet.
    if (!status && status.message().find("has no value") == std::string::npos)
      return host::error("input " + (name ? name.str() : std::to_string(index)) + ": " +
                         status.message());
  }
  return symbols;
}

Result<Tensors> evaluate(func::FuncOp function, ArrayRef<HostTensor> inputs,
                         const Options &options) {
  if (function.isExternal() || !function.getBody().hasOneBlock())
    return host::error("the function has not one block");
  auto symbols = bindSymbols(function, inputs);
  if (!symbols)
    return symbols.status();
  Environment env(options, *symbols);
  for (auto [argument, tensor] : llvm::zip(function.getArguments(), inputs))
    env.set(argument, tensor);
  auto results = env.runBlock(function.getBody().front());
  if (!results)
    return results;
  for (HostTensor &tensor : *results) {
    auto flat = tensor.contiguous();
    if (!flat)
      return flat.status();
    tensor = *flat;
  }
  return results;
}

Result<std::map<std::string, HostTensor>>
evaluateNamed(func::FuncOp function, const std::map<std::string, HostTensor> &inputs,
              const Options &options) {
  Tensors ordered;
  for (unsigned i = 0; i < function.getNumArguments(); ++i) {
    auto name = function.getArgAttrOfType<StringAttr>(i, graph::nameAttrName);
    auto it = name ? inputs.find(name.str()) : inputs.end();
    if (it == inputs.end())
      return host::error("input " + (name ? name.str() : std::to_string(i)) + " is missing");
    ordered.push_back(it->second);
  }
  auto results = evaluate(function, ordered, options);
  if (!results)
    return results.status();
  std::map<std::string, HostTensor> named;
  for (auto [i, tensor] : llvm::enumerate(*results)) {
    auto name = function.getResultAttrOfType<StringAttr>(unsigned(i), graph::nameAttrName);
    named[name ? name.str() : "result" + std::to_string(i)] = tensor;
  }
  return named;
}

Result<Tensors> evaluateOp(Operation *op, ArrayRef<HostTensor> operands, int64_t maxElements) {
  if (op->getNumRegions() != 0 || operands.size() != op->getNumOperands())
    return host::error("this op cannot be evaluated by itself");
  Options options;
  options.maxElements = maxElements;
  Environment env(options, {});
  for (auto [value, tensor] : llvm::zip(op->getOperands(), operands))
    env.set(value, tensor);
  return execute(op, env);
}

} // namespace cameo::evaluate
