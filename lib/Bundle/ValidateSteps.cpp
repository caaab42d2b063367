// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The launch program: bodies nest, arguments fit the entry's parameters in every PTX image, and no
// step touches a temporary outside of its live interval, across the back edge of a loop too. Ranges
// of bytes depend on sizes, so the runtime checks those before each step.

#include "ValidateImpl.h"

namespace cameo {

using namespace bundle;

namespace {

constexpr unsigned maxNesting = 64;
constexpr size_t maxVariants = 64;

std::string stepText(uint32_t index) { return "step " + std::to_string(index); }

} // namespace

void Validator::steps() { walk(0, uint32_t(desc.steps.size()), 0); }

void Validator::walk(uint32_t begin, uint32_t end, unsigned depth) {
  if (!demand(depth <= maxNesting, "control flow is nested too deeply"))
    return;
  for (uint32_t index = begin; index < end && !failed();) {
    std::visit([&](const auto &each) { step(index, each); }, desc.steps[index]);
    if (!failed())
      structured(index, end, depth);
    uint64_t length = 1;
    if (const auto *branch = std::get_if<If>(&desc.steps[index]))
      length += uint64_t(branch->thenSteps) + branch->elseSteps;
    else if (const auto *loop = std::get_if<Loop>(&desc.steps[index]))
      length += loop->bodySteps;
    index = length > end - index ? end : index + uint32_t(length);
  }
}

void Validator::structured(uint32_t index, uint32_t end, unsigned depth) {
  uint64_t left = end - index - 1;
  const std::string where = stepText(index);
  if (const auto *branch = std::get_if<If>(&desc.steps[index])) {
    needExpr(branch->condition, where);
    if (!demand(uint64_t(branch->thenSteps) + branch->elseSteps <= left, where,
                ": its branches are longer than what encloses them"))
      return;
    uint32_t split = index + 1 + branch->thenSteps;
    walk(index + 1, split, depth + 1);
    walk(split, split + branch->elseSteps, depth + 1);
  } else if (const auto *loop = std::get_if<Loop>(&desc.steps[index])) {
    needExprOrNone(loop->tripCount, where);
    needExprOrNone(loop->condition, where);
    demand(loop->induction == kNone || (loop->induction < desc.symbols.size() &&
                                        desc.symbols[loop->induction].source == Symbol::Source::step),
           where, ": its induction is no symbol that a step may set");
    if (!demand(loop->bodySteps <= left, where, ": its body is longer than what encloses it"))
      return;
    walk(index + 1, index + 1 + loop->bodySteps, depth + 1);
    loopIntervals(index, index + loop->bodySteps);
  }
}

void Validator::loopIntervals(uint32_t index, uint32_t bodyEnd) {
  // What lives on entry or exit lives in every round; what does not is private to one round.
  for (uint32_t id = 0; id < desc.buffers.size() && !failed(); ++id) {
    const Buffer &buffer = desc.buffers[id];
    if (buffer.kind != Buffer::Kind::temporary || buffer.lastStep <= index ||
        buffer.firstStep > bodyEnd)
      continue;
    bool inside = buffer.firstStep > index && buffer.lastStep <= bodyEnd;
    bool around = buffer.firstStep <= index && buffer.lastStep >= bodyEnd;
    demand(inside || around, "buffer ", id, " begins or ends to live inside of the loop at step ",
           index, " and is used outside of it");
  }
}

void Validator::use(uint32_t index, BufferId id, bool writes) {
  if (!demand(id < desc.buffers.size(), stepText(index), " uses buffer ", id,
              ", which does not exist"))
    return;
  const Buffer &buffer = desc.buffers[base[id]];
  if (buffer.kind == Buffer::Kind::temporary)
    demand(buffer.firstStep <= index && index <= buffer.lastStep, stepText(index), " uses buffer ",
           id, " outside of its live interval");
  if (writes)
    demand(buffer.kind == Buffer::Kind::temporary || buffer.kind == Buffer::Kind::output,
           stepText(index), " writes buffer ", id, ", which is an input or a weight");
}

void Validator::region(uint32_t index, const Region &region, bool writes) {
  use(index, region.buffer, writes);
  needExprOrNone(region.offset, stepText(index));
  needExprOrNone(region.bytes, stepText(index));
}

void Validator::argument(uint32_t index, const Argument &argument) {
  const std::string where = stepText(index);
  switch (argument.kind) {
  case Argument::Kind::buffer:
    use(index, argument.buffer, false);
    needExprOrNone(argument.expr, where);
    break;
  case Argument::Kind::immediate:
    demand(argument.width == 1 || argument.width == 2 || argument.width == 4 || argument.width == 8,
           where, " has an immediate argument of ", argument.width, " bytes");
    break;
  default: needExpr(argument.expr, where);
  }
}

void Validator::variant(uint32_t index, const Launch &launch, const Variant &variant, uint32_t module) {
  const std::string where = stepText(index);
  needExpr(variant.guard, where);
  needExprOrNone(variant.dynamicShared, where);
  for (ExprId extent : variant.grid)
    needExpr(extent, where);
  demand(variant.indexBits == 32 || variant.indexBits == 64, where, " has sizes of ",
         variant.indexBits, " bits");
  for (uint32_t alignment : variant.alignment)
    demand(alignment == 0 || (isPowerOfTwo(alignment) && alignment <= kMaxAlignment), where,
           " asks for alignment ", alignment);
  if (!demand(variant.kernel < desc.kernels.size(), where, " launches kernel ", variant.kernel,
              ", which does not exist") ||
      failed())
    return;
  if (!demand(desc.kernels[variant.kernel].module == module, where, " launches kernel ", variant.kernel,
              ", which is not of module ", module))
    return;
  std::vector<uint32_t> bytes;
  size_t buffers = 0;
  for (const Argument &argument : launch.arguments) {
    buffers += argument.kind == Argument::Kind::buffer;
    bytes.push_back(argument.kind == Argument::Kind::immediate ? argument.width
                    : argument.kind == Argument::Kind::size    ? variant.indexBits / 8
                    : argument.kind == Argument::Kind::i32     ? 4
                                                               : 8);
  }
  demand(variant.alignment.empty() || variant.alignment.size() == buffers, where, " gives ",
         variant.alignment.size(), " alignments for ", buffers, " buffers");
  const Kernel &kernel = desc.kernels[variant.kernel];
  auto [first, end] = imagesOfModule[kernel.module];
  for (uint32_t image = first; image < end; ++image) {
    const PtxEntry &entry = entriesOfImage[image].find(kernel.symbol)->second;
    demand(entry.paramBytes.size() == bytes.size(), where, " passes ", bytes.size(),
           " arguments to kernel '", kernel.symbol, "', which has ", entry.paramBytes.size(),
           " parameters");
    demand(failed() || entry.paramBytes == bytes, where, " passes arguments to kernel '",
           kernel.symbol, "' whose sizes are not those of its parameters");
  }
}

void Validator::step(uint32_t index, const Launch &launch) {
  for (const Argument &each : launch.arguments)
    argument(index, each);
  demand(launch.variants.size() == desc.modules.size() && !launch.variants.empty(), stepText(index),
         " has variants for ", launch.variants.size(), " modules of ", desc.modules.size());
  for (uint32_t module = 0; module < launch.variants.size() && !failed(); ++module) {
    const std::vector<Variant> &variants = launch.variants[module];
    demand(!variants.empty() && variants.size() <= maxVariants, stepText(index), " has ",
           variants.size(), " variants for module ", module);
    for (const Variant &each : variants)
      if (!failed())
        variant(index, launch, each, module);
  }
}

void Validator::step(uint32_t index, const Copy &copy) {
  region(index, copy.to, true);
  region(index, copy.from, false);
}

void Validator::step(uint32_t index, const Fill &fill) {
  region(index, fill.to, true);
  demand(fill.width == 1 || fill.width == 2 || fill.width == 4 || fill.width == 8, stepText(index),
         " fills with a pattern of ", fill.width, " bytes");
}

void Validator::step(uint32_t index, const ReadSymbols &read) {
  use(index, read.buffer, false);
  demand(isSizeType(read.dtype) || isRealSizeType(read.dtype), stepText(index),
         " reads sizes that are neither integers nor reals");
  demand(read.firstElement <= uint64_t(1) << 40, stepText(index), " reads at an absurd offset");
  for (SymbolId symbol : read.symbols)
    demand(symbol < desc.symbols.size() && desc.symbols[symbol].source == Symbol::Source::step,
           stepText(index), " sets a symbol that no step may set");
}

void Validator::step(uint32_t index, const WriteSizes &write) {
  use(index, write.buffer, true);
  demand(isSizeType(write.dtype), stepText(index), " writes sizes that are not integers");
  for (ExprId value : write.values)
    needExpr(value, stepText(index));
}

void Validator::tensor(uint32_t index, const HostTensor &tensor, bool writes) {
  use(index, tensor.buffer, writes);
  demand(bitWidth(tensor.dtype) != 0, stepText(index), " has an operand without a size in memory");
  for (ExprId dim : tensor.dims)
    needExpr(dim, stepText(index));
}

void Validator::step(uint32_t index, const HostOp &host) {
  demand(!host.name.empty(), stepText(index), " is a host operation without a name");
  for (const HostTensor &each : host.inputs)
    tensor(index, each, false);
  for (const HostTensor &each : host.outputs)
    tensor(index, each, true);
}

} // namespace cameo
