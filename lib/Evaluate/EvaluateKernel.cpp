// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Whole kernels: arguments are bound, guards and grids evaluated, blocks run one after another; and
// the host function's launches, which let a partitioned model run like a graph.
#include "cameo/Evaluate/EvaluateKernel.h"

#include "Environment.h"
#include "TileFrame.h"

#include "cameo/Dialect/Graph/IR/Graph.h"

#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace cameo::evaluate {
namespace {

/// Buffers reach the kernel flat, under the element type that the kernel gives them.
host::Result<HostTensor> asBuffer(const HostTensor &tensor, Type type) {
  DType element = scalarType(cast<RankedTensorType>(type).getElementType());
  unsigned bits = bitWidth(tensor.dtype());
  if (bitWidth(element) == 8 && (bits == 4 || bits == 2)) // packed: kernels see the bytes
    return HostTensor::wrap(element, {(tensor.numElements() * bits + 7) / 8},
                            static_cast<char *>(tensor.data()) + tensor.offset() * bits / 8,
                            std::make_shared<HostTensor>(tensor));
  if (element == DType::undefined || bitWidth(element) != bitWidth(tensor.dtype()))
    return host::error("a buffer of " + std::string(name(tensor.dtype())) +
                       " is no argument of this kernel");
  auto flat = tensor.reshaped({tensor.numElements()});
  if (!flat)
    return flat;
  return flat->bitcast(element);
}

host::Status bind(Block &block, const KernelArguments &arguments, TileFrame &frame) {
  size_t count = arguments.buffers.size() + arguments.sizes.size() + arguments.scalars.size();
  if (block.getNumArguments() != count)
    return host::error("the kernel has " + std::to_string(block.getNumArguments()) +
                       " arguments, " + std::to_string(count) + " were given");
  unsigned next = 0;
  for (const HostTensor &tensor : arguments.buffers) {
    auto buffer = asBuffer(tensor, block.getArgument(next).getType());
    if (!buffer)
      return buffer.status();
    frame.set(block.getArgument(next++), *buffer);
  }
  for (int64_t size : arguments.sizes) {
    Scalar scalar;
    scalar.integer = size;
    frame.set(block.getArgument(next++), scalar);
  }
  for (Attribute attribute : arguments.scalars) {
    auto scalar = scalarOf(attribute);
    if (!scalar)
      return host::error("a scalar argument has no value");
    frame.set(block.getArgument(next++), *scalar);
  }
  return host::Status::ok();
}

host::Result<int64_t> evaluateOverSizes(StringRef text, const std::vector<int64_t> &sizes) {
  Symbols symbols;
  for (auto [k, size] : llvm::enumerate(sizes))
    symbols["s" + std::to_string(k)] = size;
  Options options;
  return Environment(options, symbols).evaluate(graph::getSizeExpr(text));
}

} // namespace

host::Status runReference(kernel::FuncOp function, const KernelArguments &arguments) {
  TileFrame frame;
  if (auto status = bind(function.getEntry(), arguments, frame); !status)
    return status;
  return frame.run(function.getEntry());
}

host::Status runVariant(kernel::VariantOp variant, const KernelArguments &arguments) {
  int64_t grid[3] = {1, 1, 1};
  for (auto [k, text] : llvm::enumerate(variant.getGrid().getAsRange<StringAttr>())) {
    auto extent = evaluateOverSizes(text.getValue(), arguments.sizes);
    if (!extent)
      return extent.status();
    if (k < 3)
      grid[k] = *extent;
  }
  for (int64_t z = 0; z < grid[2]; ++z)
    for (int64_t y = 0; y < grid[1]; ++y)
      for (int64_t x = 0; x < grid[0]; ++x) {
        TileFrame frame;
        frame.blockIds[0] = x;
        frame.blockIds[1] = y;
        frame.blockIds[2] = z;
        if (auto status = bind(variant.getEntry(), arguments, frame); !status)
          return status;
        if (auto status = frame.run(variant.getEntry()); !status)
          return host::error("block (" + std::to_string(x) + ", " + std::to_string(y) + ", " +
                             std::to_string(z) + "): " + status.message());
      }
  return host::Status::ok();
}

host::Result<kernel::VariantOp> chooseVariant(kernel::FuncOp function,
                                              const KernelArguments &arguments) {
  for (kernel::VariantOp variant : function.getVariantOps()) {
    auto holds = evaluateOverSizes(variant.getGuard(), arguments.sizes);
    if (!holds)
      return holds.status();
    if (*holds)
      return variant;
  }
  return host::error("no variant of " + function.getSymName().str() + " admits these sizes");
}

namespace {

Result<Tensors> run(kernel::AllocOp op, Environment &env) {
  auto type = cast<RankedTensorType>(op.getType());
  auto dims = env.dimsOf(type);
  if (!dims)
    return dims.status();
  DType dtype = graph::dtypeOf(type.getElementType());
  return one(HostTensor::allocate(
      dtype == DType::undefined ? scalarType(type.getElementType()) : dtype, *dims));
}

Result<Tensors> run(kernel::LaunchOp op, Environment &env) {
  auto function = SymbolTable::lookupNearestSymbolFrom<kernel::FuncOp>(op, op.getCalleeAttr());
  if (!function)
    return host::error("the kernel @" + op.getCallee().str() + " is missing");
  KernelArguments arguments;
  for (Value value : op.getIns()) {
    auto flat = env.get(value).contiguous();
    if (!flat)
      return flat.status();
    arguments.buffers.push_back(*flat);
  }
  Tensors outs;
  for (Value value : op.getOuts()) {
    // Written in place only where the launch alone can see the buffer.
    HostTensor tensor = env.get(value);
    auto own = value.getDefiningOp<kernel::AllocOp>() && value.hasOneUse() ? tensor.contiguous()
                                                                           : tensor.clone();
    if (!own)
      return own.status();
    outs.push_back(*own);
    arguments.buffers.push_back(*own);
  }
  for (auto text : op.getSizes().getAsRange<StringAttr>()) {
    auto size = env.evaluate(graph::getSizeExpr(text.getValue()));
    if (!size)
      return size.status();
    arguments.sizes.push_back(*size);
  }
  if (op.getScalars())
    arguments.scalars.assign(op.getScalars()->begin(), op.getScalars()->end());
  host::Status status;
  if (env.options.level == Level::Reference) {
    status = runReference(function, arguments);
  } else {
    auto variant = chooseVariant(function, arguments);
    if (!variant)
      return variant.status();
    status = runVariant(*variant, arguments);
  }
  if (!status)
    return host::error("@" + op.getCallee().str() + ": " + status.message());
  return outs;
}

} // namespace

Executed executeKernel(Operation *op, Environment &env) {
  return llvm::TypeSwitch<Operation *, Executed>(op)
      .Case<kernel::AllocOp, kernel::LaunchOp>(
          [&](auto known) -> Executed { return run(known, env); })
      .Default([](Operation *) -> Executed { return std::nullopt; });
}

} // namespace cameo::evaluate
