// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See BuildBundle.h. One walk over @main: values become buffers (an allocation that is returned is the
// output itself), launches become steps, live intervals follow from first and last use. Guards, grids
// and shared memory are expressions over a kernel's size arguments; here they become expressions over
// the model's symbols, by substituting what each launch passes.

#include "cameo/Pipeline/BuildBundle.h"

#include "BundleBuilder.h"
#include "Constants.h"

#include "cameo/Dialect/Graph/IR/Graph.h"
#include "cameo/Dialect/Kernel/IR/Staged.h"
#include "cameo/Transforms/Kernel/Kernel.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

#include "llvm/Support/JSON.h"

#include <set>

using namespace mlir;

namespace cameo {

namespace {

std::string nameOf(DictionaryAttr attrs, StringRef fallback) {
  if (attrs)
    if (auto name = attrs.getAs<StringAttr>(graph::nameAttrName))
      return name.str();
  return fallback.str();
}

std::vector<std::string> strings(ArrayAttr attr) {
  std::vector<std::string> result;
  if (attr)
    for (Attribute a : attr)
      if (auto text = dyn_cast<StringAttr>(a))
        result.push_back(text.str());
  return result;
}

/// The schedule of a variant and the numbers that chose it; nothing where it has none.
std::optional<llvm::json::Object> predictionOf(kernel::VariantOp variant) {
  auto facts = variant->getAttrOfType<DictionaryAttr>(kernel::predictedAttrName);
  if (!facts)
    return std::nullopt;
  llvm::json::Object object;
  if (auto schedule = variant.getSchedule()) {
    std::string text;
    llvm::raw_string_ostream(text) << *schedule;
    object["schedule"] = text;
  }
  for (NamedAttribute fact : facts) {
    if (auto number = dyn_cast<IntegerAttr>(fact.getValue()))
      object[fact.getName().strref()] = number.getInt();
    else if (auto real = dyn_cast<FloatAttr>(fact.getValue()))
      object[fact.getName().strref()] = real.getValueAsDouble();
    else if (auto text = dyn_cast<StringAttr>(fact.getValue()))
      object[fact.getName().strref()] = text.str();
  }
  return object;
}

class Builder : public BundleBuilder {
public:
  Builder(ModuleOp module, func::FuncOp main) : module(module), main(main) {}

  FailureOr<BundleDesc> run(std::vector<PtxImage> images) {
    desc.model = module.getName().value_or("main").str();
    desc.producer = "cameo";
    declareSymbols();
    for (PtxImage &image : images)
      desc.modules.push_back({{{bundle::Image::Kind::ptx, image.target, std::move(image.text)}}});
    addInputs();
    addOutputs();
    if (failed(addBlock(main.getBody().front())))
      return failure();
    addChecks();
    desc.report = report();
    if (!desc.undeclared.empty())
      return main.emitError("size '") << desc.undeclared.front() << "' has no source";
    return std::move(desc);
  }

private:
  LogicalResult addBlock(Block &block) override {
    for (Operation &op : block.without_terminator())
      if (failed(addOp(op)))
        return failure();
    return success();
  }

  void declareSymbols() {
    if (auto symbols = main->getAttrOfType<ArrayAttr>(graph::symbolsAttrName))
      for (auto symbol : symbols.getAsRange<graph::SymbolAttr>())
        desc.symbol(symbol.getName().getValue(), bundle::Symbol::Source::inputDim,
                    uint32_t(symbol.getInput()), uint32_t(symbol.getDim()));
    main.walk([&](graph::ReadSizesOp op) {
      auto argument = dyn_cast<BlockArgument>(op.getX());
      for (auto [i, name] : llvm::enumerate(op.getSymbols().getAsValueRange<StringAttr>()))
        if (argument)
          desc.symbol(name, bundle::Symbol::Source::inputElement, argument.getArgNumber(),
                      uint32_t(i));
        else
          desc.symbol(name, bundle::Symbol::Source::step);
    });
    main.walk([&](Operation *op) {
      if (auto name = op->getAttrOfType<StringAttr>(graph::iterationAttrName))
        desc.symbol(name.getValue(), bundle::Symbol::Source::step);
    });
  }

  bundle::Port port(Type type, std::string name) {
    bundle::Port port{std::move(name),
                      graph::dtypeOf(cast<RankedTensorType>(type).getElementType()),
                      {}};
    for (const SizeExpr &size : graph::getSizes(type))
      port.dims.push_back(expr(size));
    return port;
  }

  BufferId addBuffer(bundle::Buffer::Kind kind, uint32_t index, Type type,
                     StringRef name) override {
    bundle::Buffer buffer;
    buffer.kind = kind;
    buffer.index = index;
    buffer.bytes = expr(bytesOf(type));
    buffer.name = name.str();
    buffer.firstStep = kNone; // until a step uses it
    desc.buffers.push_back(std::move(buffer));
    return BufferId(desc.buffers.size() - 1);
  }

  void addInputs() {
    for (BlockArgument arg : main.getArguments()) {
      unsigned i = arg.getArgNumber();
      std::string name = nameOf(main.getArgAttrDict(i), "input" + std::to_string(i));
      desc.inputs.push_back(port(arg.getType(), name));
      buffers[arg] = addBuffer(bundle::Buffer::Kind::input, i, arg.getType(), name);
    }
  }

  /// The allocation whose memory `value` is, through launches and reshapes.
  Value memoryOf(Value value) const override {
    while (true) {
      if (auto reshape = value.getDefiningOp<graph::ReshapeOp>())
        value = reshape.getX();
      else if (auto launch = value.getDefiningOp<kernel::LaunchOp>())
        value = launch.getOuts()[cast<OpResult>(value).getResultNumber()];
      else
        return value;
    }
  }

  void addOutputs() {
    Operation *terminator = main.getBody().front().getTerminator();
    for (auto [i, value] : llvm::enumerate(terminator->getOperands())) {
      std::string name =
          nameOf(main.getResultAttrDict(unsigned(i)), "output" + std::to_string(i));
      desc.outputs.push_back(port(value.getType(), name));
      Value memory = memoryOf(value);
      // Partition has made every output the result of a kernel of its own.
      buffers[memory] =
          addBuffer(bundle::Buffer::Kind::output, uint32_t(i), value.getType(), name);
    }
  }

  FailureOr<BufferId> bufferOf(Value value) override {
    Value memory = memoryOf(value);
    if (auto it = buffers.find(memory); it != buffers.end())
      return it->second;
    if (auto constant = memory.getDefiningOp<graph::ConstantOp>()) {
      auto weight = weightOf(constant);
      if (failed(weight))
        return failure();
      desc.weights.push_back(std::move(*weight));
      return buffers[memory] = addBuffer(bundle::Buffer::Kind::weight,
                                         uint32_t(desc.weights.size() - 1), memory.getType(),
                                         desc.weights.back().name);
    }
    return buffers[memory] = addBuffer(bundle::Buffer::Kind::temporary, 0, memory.getType(), "");
  }

  void use(BufferId id) override {
    bundle::Buffer &buffer = desc.buffers[id];
    uint32_t step = uint32_t(desc.steps.size());
    if (buffer.firstStep == kNone)
      buffer.firstStep = step;
    buffer.lastStep = step;
  }

  LogicalResult addOp(Operation &op) {
    if (isa<graph::ConstantOp, graph::ReshapeOp, kernel::AllocOp>(op))
      return success();
    if (auto launch = dyn_cast<kernel::LaunchOp>(op))
      return addLaunch(launch);
    if (auto read = dyn_cast<graph::ReadSizesOp>(op))
      return addRead(read);
    if (isa<graph::IfOp, graph::LoopOp, graph::ScanOp>(op))
      return addControl(*this, &op);
    return op.emitError("is neither a launch nor a host step of a bundle");
  }

  LogicalResult addRead(graph::ReadSizesOp op) {
    if (isa<BlockArgument>(op.getX()))
      return success(); // the symbols' source says it
    auto buffer = bufferOf(op.getX());
    if (failed(buffer))
      return failure();
    bundle::ReadSymbols read;
    read.buffer = *buffer;
    read.dtype = graph::dtypeOf(op.getX().getType().getElementType());
    for (StringRef name : op.getSymbols().getAsValueRange<StringAttr>())
      read.symbols.push_back(desc.symbol(name, bundle::Symbol::Source::step));
    use(*buffer);
    desc.steps.push_back(std::move(read));
    return success();
  }

  LogicalResult addLaunch(kernel::LaunchOp op) {
    auto callee = module.lookupSymbol<kernel::FuncOp>(op.getCallee());
    bundle::Launch launch;
    std::map<std::string, SizeExpr> sizes;
    for (auto [i, text] : llvm::enumerate(op.getSizes().getAsValueRange<StringAttr>()))
      sizes.emplace("s" + std::to_string(i), graph::getSizeExpr(text));
    for (Value value : llvm::concat<Value>(op.getIns(), op.getOuts())) {
      auto buffer = bufferOf(value);
      if (failed(buffer))
        return failure();
      use(*buffer);
      launch.arguments.push_back({bundle::Argument::Kind::buffer, *buffer});
    }
    for (unsigned i = 0; i < callee.getNumSizes(); ++i)
      launch.arguments.push_back(
          {bundle::Argument::Kind::size, 0, expr(sizes.at("s" + std::to_string(i)))});
    for (uint32_t module = 0; module < desc.modules.size(); ++module) {
      const std::string &target = desc.modules[module].images.front().target;
      auto &variants = launch.variants.emplace_back();
      for (kernel::VariantOp variant : callee.getVariantOps())
        if (kernel::targetOf(variant).name == target)
          variants.push_back(variantOf(variant, module, sizes));
      if (variants.empty())
        return op.emitError("kernel '") << op.getCallee() << "' has no variant for " << target;
    }
    desc.steps.push_back(std::move(launch));
    return success();
  }

  bundle::Variant variantOf(kernel::VariantOp op, uint32_t module, const std::map<std::string, SizeExpr> &sizes) {
    auto local = [&](StringRef text) {
      return expr(graph::getSizeExpr(text).substitute(sizes));
    };
    bundle::Variant variant;
    variant.guard = local(op.getGuard());
    for (unsigned i = 0; i < op.getFunc().getNumBuffers(); ++i)
      variant.alignment.push_back(uint32_t(std::max(op.getAlignOf(i), 1)));
    variant.kernel = kernelOf(op, module);
    for (unsigned i = 0; i < 3; ++i)
      variant.grid[i] = i < op.getGrid().size()
                            ? local(cast<StringAttr>(op.getGrid()[i]).getValue())
                            : expr(1);
    if (op.getSharedBytes() > 0)
      variant.dynamicShared = expr(int64_t(op.getSharedBytes()));
    variant.indexBits = op.getIndex64() ? 64 : 32;
    return variant;
  }

  uint32_t kernelOf(kernel::VariantOp op, uint32_t module) {
    auto [it, isNew] = kernels.try_emplace({module, op.getEntryName()}, uint32_t(desc.kernels.size()));
    if (isNew) {
      bundle::Kernel kernel;
      kernel.symbol = op.getEntryName();
      kernel.module = module;
      kernel.threads = {uint32_t(op.getThreads()), 1, 1};
      kernel.family = op.getFunc().getFamily().str();
      kernel.nodes = strings(op.getFunc().getNodesAttr());
      if (auto predicted = predictionOf(op))
        kernel.predicted = llvm::formatv("{0}", llvm::json::Value(std::move(*predicted))).str();
      desc.kernels.push_back(std::move(kernel));
    }
    return it->second;
  }

  void addChecks() {
    // What is read from one input's dimension must agree with every other that carries the name;
    // the runtime checks that itself from the ports. These are the conditions of inference.
    if (auto checks = main->getAttrOfType<ArrayAttr>("cameo.checks"))
      for (auto check : checks.getAsRange<ArrayAttr>())
        desc.checks.push_back({expr(graph::getSizeExpr(cast<StringAttr>(check[0]).getValue())),
                               cast<StringAttr>(check[1]).str(),
                               {}});
  }

  /// For `inspect`: each launch with its nodes and why its results are in memory, and each edge from a
  /// launch to one that reads what it wrote, with why the two are not one kernel.
  std::string report() {
    llvm::json::Array launches, edges;
    llvm::DenseMap<Value, SmallVector<int64_t>> writers; // memory -> launches
    SmallVector<std::string> reasons;
    main.walk([&](kernel::LaunchOp op) {
      auto index = int64_t(reasons.size());
      auto reason = op->getAttrOfType<StringAttr>("stored_because");
      reasons.push_back(reason ? reason.str() : "one operator takes several launches");
      llvm::json::Array nodes;
      for (const std::string &node : strings(op->getAttrOfType<ArrayAttr>("nodes")))
        nodes.push_back(node);
      launches.push_back(llvm::json::Object{
          {"kernel", op.getCallee().str()},
          {"nodes", std::move(nodes)},
          {"stored_because", reasons.back()},
      });
      std::set<int64_t> from;
      for (Value value : llvm::concat<Value>(op.getIns(), op.getOuts()))
        if (auto it = writers.find(memoryOf(value)); it != writers.end())
          from.insert(it->second.begin(), it->second.end());
      for (int64_t writer : from)
        edges.push_back(
            llvm::json::Object{{"from", writer}, {"to", index}, {"because", reasons[writer]}});
      for (Value value : op.getOuts())
        writers[memoryOf(value)].push_back(index);
    });
    llvm::json::Object object{
        {"launches", std::move(launches)}, {"edges", std::move(edges)}, {"targets", reportTargets()}};
    return llvm::formatv("{0}", llvm::json::Value(std::move(object))).str();
  }

  /// For each target the kernels of its code, with what a launch takes and what was predicted.
  llvm::json::Object reportTargets() {
    llvm::json::Object targets;
    module.walk([&](kernel::VariantOp variant) {
      llvm::json::Object entry{{"kernel", variant.getEntryName()},
                               {"threads", variant.getThreads()},
                               {"shared_bytes", variant.getSharedBytes()},
                               {"guard", variant.getGuard()}};
      if (auto predicted = predictionOf(variant))
        entry["predicted"] = std::move(*predicted);
      StringRef target = kernel::targetOf(variant).name;
      targets.try_emplace(target, llvm::json::Array()).first->second.getAsArray()->push_back(std::move(entry));
    });
    return targets;
  }

  ModuleOp module;
  func::FuncOp main;
  std::map<std::pair<uint32_t, std::string>, uint32_t> kernels; ///< by module and entry
};

} // namespace

FailureOr<BundleDesc> buildBundle(ModuleOp module, std::vector<PtxImage> images) {
  auto main = module.lookupSymbol<func::FuncOp>("main");
  if (!main)
    return module.emitError("has no function @main");
  return Builder(module, main).run(std::move(images));
}

} // namespace cameo
