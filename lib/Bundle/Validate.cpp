// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What holds of every bundle that was opened or written: indices exist, expressions are well-formed
// postfix code, aliases are acyclic, kernels exist in each of their module's PTX images. The runtime
// relies on it. A checksum proves nothing here: whoever damages a file can recompute it.

#include "ValidateImpl.h"

#include <set>

namespace cameo {

namespace {

constexpr size_t maxInstructions = 65536, maxStack = 256, maxRank = 64, maxAliases = 256;

bool isNumeric(DType type) { return bitWidth(type) != 0; }

bool isPlainName(const std::string &name) {
  if (name.empty() || name.size() > 4096)
    return false;
  for (char c : name)
    if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
          c == '$' || c == '%'))
      return false;
  return true;
}

/// A relative path that stays below its folder.
bool isContainedPath(const std::string &path) {
  if (path.empty() || path[0] == '/' || path.find('\0') != std::string::npos ||
      path.find('\\') != std::string::npos || path.find(':') != std::string::npos)
    return false;
  for (size_t begin = 0; begin <= path.size();) {
    size_t end = std::min(path.find('/', begin), path.size());
    if (path.substr(begin, end - begin) == "..")
      return false;
    begin = end + 1;
  }
  return true;
}

} // namespace

Status Validator::run() {
  demand(desc.undeclared.empty(), "an expression mentions the undeclared symbol '",
         desc.undeclared.empty() ? std::string() : desc.undeclared[0], "'");
  demand(desc.steps.size() < kNone && desc.buffers.size() < kNone && desc.exprs.size() < kNone,
         "more than 2^32 entries in a table");
  // In this order: each table may refer to those before it.
  for (auto part : {&Validator::symbols, &Validator::expressions, &Validator::ports,
                    &Validator::buffers, &Validator::weights, &Validator::modules,
                    &Validator::kernels, &Validator::steps})
    if (!failed())
      (this->*part)();
  if (failed())
    return invalidBundle(std::move(why));
  return {};
}

void Validator::symbols() {
  std::set<std::string_view> names;
  for (const bundle::Symbol &symbol : desc.symbols) {
    demand(names.insert(symbol.name).second, "two symbols are named '", symbol.name, "'");
    if (symbol.source == bundle::Symbol::Source::step)
      continue;
    if (!demand(symbol.input < desc.inputs.size(), "symbol '", symbol.name, "' comes from input ",
                symbol.input, ", which does not exist"))
      return;
    const bundle::Port &input = desc.inputs[symbol.input];
    if (symbol.source == bundle::Symbol::Source::inputDim)
      demand(symbol.index < input.dims.size(), "symbol '", symbol.name, "' comes from dimension ",
             symbol.index, " of input '", input.name, "', which has rank ", input.dims.size());
    else
      demand(isSizeType(input.dtype) || isRealSizeType(input.dtype), "symbol '", symbol.name,
             "' comes from the elements of input '", input.name, "', which are no numbers");
  }
}

void Validator::expressions() {
  for (size_t id = 0; id < desc.exprs.size(); ++id) {
    const bundle::ExprCode &code = desc.exprs[id];
    demand(code.size() <= maxInstructions, "expression ", id, " is too long");
    size_t depth = 0;
    for (const bundle::ExprInstruction &instruction : code) {
      unsigned arity = sizeOpArity(instruction.op);
      if (instruction.op == SizeExpr::Op::Symbol)
        demand(instruction.value >= 0 && uint64_t(instruction.value) < desc.symbols.size(),
               "expression ", id, " mentions symbol ", instruction.value, ", which does not exist");
      if (!demand(depth >= arity, "expression ", id, " takes more than there is on its stack"))
        return;
      depth = depth - arity + 1;
      demand(depth <= maxStack, "expression ", id, " needs too deep a stack");
    }
    demand(depth == 1, "expression ", id, " leaves ", depth, " values instead of one");
  }
}

void Validator::ports() {
  auto check = [&](const bundle::Port &port, const char *what, bool known) {
    demand(isNumeric(port.dtype), what, " '", port.name, "' has a type without a size in memory");
    demand(port.dims.size() <= maxRank, what, " '", port.name, "' has rank ", port.dims.size());
    for (ExprId dim : port.dims) {
      needExpr(dim, what);
      if (failed() || !known)
        continue;
      for (const bundle::ExprInstruction &instruction : desc.exprs[dim])
        demand(instruction.op != SizeExpr::Op::Symbol ||
                   desc.symbols[instruction.value].source != bundle::Symbol::Source::step,
               what, " '", port.name, "' has a dimension that is known only after a step");
    }
  };
  for (const bundle::Port &port : desc.inputs)
    check(port, "input", true);
  for (const bundle::Port &port : desc.outputs)
    check(port, "output", false);
  for (const bundle::Check &entry : desc.checks)
    needExpr(entry.expr, "a check");
}

void Validator::buffers() {
  std::vector<unsigned> inputBuffers(desc.inputs.size()), outputBuffers(desc.outputs.size());
  std::vector<unsigned> aliasDepth(desc.buffers.size());
  base.resize(desc.buffers.size());
  for (uint32_t id = 0; id < desc.buffers.size() && !failed(); ++id) {
    const bundle::Buffer &buffer = desc.buffers[id];
    const std::string where = "buffer " + std::to_string(id);
    base[id] = id;
    needExpr(buffer.bytes, where);
    needExprOrNone(buffer.offset, where);
    demand(isPowerOfTwo(buffer.alignment) && buffer.alignment <= kMaxAlignment, where,
           " has alignment ", buffer.alignment);
    auto inTable = [&](size_t size, const char *what) {
      return demand(buffer.index < size, where, " refers to ", what, " ", buffer.index,
                    ", which does not exist");
    };
    switch (buffer.kind) {
    case bundle::Buffer::Kind::input:
      if (inTable(desc.inputs.size(), "input"))
        demand(++inputBuffers[buffer.index] == 1, where, " is a second buffer of its input");
      break;
    case bundle::Buffer::Kind::output:
      if (inTable(desc.outputs.size(), "output"))
        demand(++outputBuffers[buffer.index] == 1, where, " is a second buffer of its output");
      break;
    case bundle::Buffer::Kind::weight: inTable(desc.weights.size(), "weight"); break;
    case bundle::Buffer::Kind::temporary:
      demand(buffer.firstStep <= buffer.lastStep && buffer.lastStep < desc.steps.size(), where,
             " lives from step ", buffer.firstStep, " to step ", buffer.lastStep, " of ",
             desc.steps.size());
      break;
    case bundle::Buffer::Kind::alias:
      // Only earlier buffers: so there are no cycles.
      if (demand(buffer.index < id, where, " is an alias of buffer ", buffer.index,
                 ", which does not precede it")) {
        base[id] = base[buffer.index];
        aliasDepth[id] = aliasDepth[buffer.index] + 1;
        demand(aliasDepth[id] <= maxAliases, where, " is an alias of too many aliases");
      }
      break;
    }
  }
  for (size_t i = 0; i < outputBuffers.size() && !failed(); ++i)
    demand(outputBuffers[i] == 1, "output '", desc.outputs[i].name, "' has no buffer");
}

void Validator::weights() {
  for (const bundle::Weight &weight : desc.weights) {
    if (weight.source == bundle::Weight::Source::reference)
      demand(isContainedPath(weight.path), "weight '", weight.name,
             "' refers to a path outside of the bundle's folder");
    demand(weight.bytes <= uint64_t(1) << 48 && weight.fileOffset <= uint64_t(1) << 48, "weight '",
           weight.name, "' has an absurd size or offset");
  }
}

void Validator::modules() {
  for (size_t id = 0; id < desc.modules.size() && !failed(); ++id) {
    uint32_t first = entriesOfImage.size();
    for (const bundle::Image &image : desc.modules[id].images) {
      demand(parseSmTarget(image.target).has_value(), "module ", id, " has an image for '",
             image.target, "', which is no target");
      if (image.kind != bundle::Image::Kind::ptx)
        continue;
      auto entries = scanPtxEntries(image.bytes);
      if (!entries)
        return fail("module " + std::to_string(id) + ": " + entries.error().message);
      entriesOfImage.push_back(std::move(*entries));
    }
    imagesOfModule.push_back({first, uint32_t(entriesOfImage.size())});
  }
}

void Validator::kernels() {
  for (const bundle::Kernel &kernel : desc.kernels) {
    demand(isPlainName(kernel.symbol), "a kernel has a name that PTX does not allow");
    if (!demand(kernel.module < desc.modules.size(), "kernel '", kernel.symbol,
                "' is of module ", kernel.module, ", which does not exist"))
      return;
    uint64_t threads = 1;
    for (uint64_t extent : kernel.threads)
      threads = std::min<uint64_t>(threads * std::min<uint64_t>(extent, 2048), 2048);
    demand(threads >= 1 && threads <= 1024 && kernel.threads[2] <= 64, "kernel '", kernel.symbol,
           "' asks for a block of ", kernel.threads[0], "x", kernel.threads[1], "x",
           kernel.threads[2], " threads");
    auto [first, end] = imagesOfModule[kernel.module];
    demand(first != end, "module ", kernel.module, " has no PTX");
    for (uint32_t image = first; image < end; ++image) {
      auto entry = entriesOfImage[image].find(kernel.symbol);
      if (!demand(entry != entriesOfImage[image].end(), "the PTX of module ", kernel.module,
                  " has no entry '", kernel.symbol, "'"))
        return;
      const PtxEntry &ptx = entry->second;
      demand(ptx.reqntid[0] == 0 || ptx.reqntid == kernel.threads, "kernel '", kernel.symbol,
             "': its PTX requires another number of threads");
      uint64_t most = uint64_t(ptx.maxntid[0]) * ptx.maxntid[1];
      most = most > 2048 ? 2048 : most * ptx.maxntid[2];
      demand(ptx.maxntid[0] == 0 || threads <= most, "kernel '", kernel.symbol,
             "': its PTX allows fewer threads");
    }
  }
}

Status validate(const BundleDesc &desc) { return Validator(desc).run(); }

} // namespace cameo
