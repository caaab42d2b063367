// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Walking the launch program. Every range was checked against its buffer (Values::range), so a step
// only moves bytes or launches; what fails says which kernel and which ONNX nodes are concerned.

#include "Log.h"
#include "Session.h"

#include <cstring>
#include <limits>

namespace cameo::rt {

namespace {

constexpr int64_t maxGrid[3] = {0x7FFFFFFF, 65535, 65535};
constexpr int64_t maxDynamicShared = 227 * 1024;

Error atStep(Error error, uint32_t index) {
  error.message = "step " + std::to_string(index) + ": " + error.message;
  return error;
}

} // namespace

Status Session::stopped() const {
  int reason = stop.load(std::memory_order_relaxed);
  return reason == goOn ? Status() : Status(stopError(reason));
}

Status Session::execute() {
  if (!device->separateTemporaries() && plan->arenaBytes) {
    if (arena.bytes < plan->arenaBytes)
      if (Status s = allocateBlock(arena, plan->arenaBytes, 256, 0, "temporaries"); !s)
        return s;
  }
  return executeRange(0, uint32_t(desc().steps.size()));
}

Status Session::executeRange(uint32_t begin, uint32_t end) {
  for (uint32_t index = begin; index < end;) {
    if (Status status = stopped(); !status)
      return status;
    const bundle::Step &current = desc().steps[index];
    Status status = std::visit([&](const auto &each) { return step(index, each); }, current);
    if (!status)
      return status;
    uint32_t last = index;
    if (const auto *branch = std::get_if<bundle::If>(&current))
      last += branch->thenSteps + branch->elseSteps;
    else if (const auto *loop = std::get_if<bundle::Loop>(&current))
      last += loop->bodySteps;
    // Sim: what is dead is freed, so that a use after its interval is found. What lives around a
    // loop is not dead before its last round.
    if (device->separateTemporaries())
      for (BufferId id : bundle->facts.endingAt[last])
        if (blocks[id].owned && desc().buffers[id].firstStep >= loopBegin) {
          device->release(blocks[id].allocation);
          blocks[id] = {};
        }
    index = last + 1;
  }
  return {};
}

Result<Address> Session::blockAddress(BufferId id) {
  const bundle::Buffer &buffer = desc().buffers[id];
  Block &block = blocks[id];
  if (buffer.kind == bundle::Buffer::Kind::weight) {
    auto bytes = values->bytes(buffer.bytes, 0, "the size");
    if (!bytes || *bytes > desc().weights[buffer.index].bytes)
      return Error{ErrorCode::invalid, "buffer " + std::to_string(id) + " is larger than its weight"};
    return device->weightAddress(buffer.index);
  }
  if (buffer.kind == bundle::Buffer::Kind::input && (block.owned || block.bound))
    return block.address;
  auto bytes = values->bytes(buffer.bytes, 0, "the size");
  if (!bytes)
    return bytes.error();
  if (buffer.kind == bundle::Buffer::Kind::temporary && plan->offsets[id] &&
      !device->separateTemporaries())
    return arena.address + *plan->offsets[id];
  if (block.bound) {
    if (*bytes > block.bytes)
      return Error{ErrorCode::badInput, "output '" + desc().outputs[buffer.index].name + "' takes " +
                                            std::to_string(*bytes) + " bytes, " +
                                            std::to_string(block.bytes) + " are bound"};
    return block.address;
  }
  bool output = buffer.kind == bundle::Buffer::Kind::output;
  std::string name = output ? "output '" + desc().outputs[buffer.index].name + "'"
                            : "temporary " + std::to_string(id) +
                                  (buffer.name.empty() ? "" : " '" + buffer.name + "'");
  if (block.owned && block.bytes != *bytes && device->separateTemporaries())
    return Error{ErrorCode::invalid, name + " changed its size while it lives"};
  if (*bytes > device->memoryLimit())
    return Error{ErrorCode::resources, name + " takes " + std::to_string(*bytes) +
                                           " bytes, the memory limit is " +
                                           std::to_string(device->memoryLimit())};
  if (Status status = allocateBlock(block, *bytes, buffer.alignment,
                                    output ? options.inputOffset : 0, name);
      !status)
    return status.error();
  return block.address;
}

Result<Address> Session::address(const Range &range) {
  auto base = blockAddress(range.base);
  if (!base)
    return base.error();
  return *base + range.offset;
}

Result<Session::Chosen> Session::chooseVariant(uint32_t index, const bundle::Launch &launch) {
  std::vector<Address> addresses;
  for (const bundle::Argument &argument : launch.arguments) {
    if (argument.kind != bundle::Argument::Kind::buffer)
      continue;
    auto range = values->range(bundle::Region{argument.buffer, argument.expr, kNone});
    if (!range)
      return range.error();
    auto base = address(*range);
    if (!base)
      return base.error();
    addresses.push_back(*base);
  }
  const std::vector<bundle::Variant> &variants = launch.variants[model->module];
  for (uint32_t v = 0; v < variants.size(); ++v) {
    const bundle::Variant &variant = variants[v];
    auto guard = values->need(variant.guard, std::numeric_limits<int64_t>::min(),
                              std::numeric_limits<int64_t>::max(), "the guard");
    if (!guard)
      return guard.error();
    if (*guard == 0)
      continue;
    bool aligned = true;
    for (size_t i = 0; i < variant.alignment.size(); ++i)
      aligned &= variant.alignment[i] == 0 || addresses[i] % variant.alignment[i] == 0;
    if (!aligned)
      continue;
    Chosen chosen{v, {}};
    if (Status status = packArguments(launch, variant, addresses, chosen.args); !status)
      return status.error();
    return chosen;
  }
  const bundle::Kernel &kernel = desc().kernels[variants[0].kernel];
  return Error{ErrorCode::unsupported,
               "no variant of kernel '" + kernel.symbol + "' serves these sizes and alignments",
               kernel.symbol, kernel.nodes};
}

Status Session::packArguments(const bundle::Launch &launch, const bundle::Variant &variant,
                              std::span<const Address> addresses, std::string &args) {
  auto push = [&](uint64_t bits, unsigned width) {
    args.resize((args.size() + width - 1) / width * width, '\0');
    args.append(reinterpret_cast<const char *>(&bits), width);
  };
  size_t nextAddress = 0;
  for (const bundle::Argument &argument : launch.arguments) {
    using Kind = bundle::Argument::Kind;
    if (argument.kind == Kind::buffer) {
      push(addresses[nextAddress++], 8);
      continue;
    }
    if (argument.kind == Kind::immediate) {
      push(argument.bits, argument.width);
      continue;
    }
    bool narrow = argument.kind == Kind::i32 || (argument.kind == Kind::size && variant.indexBits == 32);
    auto value = values->need(argument.expr,
                              narrow ? std::numeric_limits<int32_t>::min()
                                     : std::numeric_limits<int64_t>::min(),
                              narrow ? std::numeric_limits<int32_t>::max()
                                     : std::numeric_limits<int64_t>::max(),
                              narrow ? "the 32-bit argument" : "the argument");
    if (!value)
      return value.error();
    push(uint64_t(*value), narrow ? 4 : 8);
  }
  return {};
}

Status Session::step(uint32_t index, const bundle::Launch &launch) {
  auto chosen = chooseVariant(index, launch);
  const bundle::Variant &variant = launch.variants[model->module][chosen ? chosen->variant : 0];
  const bundle::Kernel &kernel = desc().kernels[variant.kernel];
  auto blame = [&](Error error) {
    if (error.kernel.empty()) {
      error.kernel = kernel.symbol;
      error.nodes = kernel.nodes;
      error.message = "kernel '" + kernel.symbol + "': " + error.message;
    }
    return atStep(std::move(error), index);
  };
  if (!chosen)
    return blame(chosen.error());
  LaunchRequest request{index, variant.kernel, chosen->variant, {}, 0, nullptr, 0, options.profile};
  for (int axis = 0; axis < 3; ++axis) {
    auto extent = values->need(variant.grid[axis], 0, maxGrid[axis], "the grid");
    if (!extent)
      return blame(extent.error());
    request.grid[axis] = uint32_t(*extent);
  }
  if (request.grid[0] == 0 || request.grid[1] == 0 || request.grid[2] == 0)
    return {};
  if (variant.dynamicShared != kNone) {
    auto shared = values->need(variant.dynamicShared, 0, maxDynamicShared, "the shared memory");
    if (!shared)
      return blame(shared.error());
    request.dynamicShared = uint32_t(*shared);
  }
  request.args = chosen->args.data();
  request.argBytes = chosen->args.size();
  if (logs(LogLevel::debug))
    log(LogLevel::debug, "step " + std::to_string(index) + ": " + kernel.symbol + " variant " +
                             std::to_string(chosen->variant) + " grid " +
                             std::to_string(request.grid[0]) + "x" +
                             std::to_string(request.grid[1]) + "x" + std::to_string(request.grid[2]));
  ++launchCount;
  usedKernels.insert(variant.kernel);
  if (Status status = device->launch(request); !status)
    return blame(status.error());
  return {};
}

Status Session::step(uint32_t index, const bundle::Copy &copy) {
  auto to = values->range(copy.to), from = values->range(copy.from);
  if (!to || !from)
    return atStep(to ? from.error() : to.error(), index);
  if (to->bytes != from->bytes)
    return atStep({ErrorCode::invalid, "a copy between regions of different sizes"}, index);
  if (to->base == from->base && to->offset < from->offset + from->bytes &&
      from->offset < to->offset + to->bytes && to->bytes)
    return atStep({ErrorCode::invalid, "a copy between regions that overlap"}, index);
  auto target = address(*to), source = address(*from);
  if (!target || !source)
    return atStep(target ? source.error() : target.error(), index);
  return to->bytes ? device->copy(*target, *source, to->bytes) : Status();
}

Status Session::step(uint32_t index, const bundle::Fill &fill) {
  auto to = values->range(fill.to);
  if (!to)
    return atStep(to.error(), index);
  auto target = address(*to);
  if (!target)
    return atStep(target.error(), index);
  if (to->bytes % fill.width != 0 || *target % fill.width != 0)
    return atStep({ErrorCode::invalid, "a fill whose pattern does not divide its region"}, index);
  ++hostCount;
  return to->bytes ? device->fill(*target, to->bytes, fill.width, fill.pattern) : Status();
}

Status Session::setSymbol(SymbolId symbol, int64_t value) {
  values->set(symbol, value, true);
  return {};
}

Status Session::runLateChecks() {
  for (size_t i = 0; i < checkDone.size(); ++i) {
    const bundle::Check &check = desc().checks[bundle->facts.lateChecks[i]];
    if (checkDone[i] || !values->expr(check.expr))
      continue;
    checkDone[i] = true;
    if (Status status = runCheck(check, *values); !status)
      return status;
  }
  return {};
}

Status Session::step(uint32_t index, const bundle::ReadSymbols &read) {
  uint64_t width = bitWidth(read.dtype) / 8, bytes = width * read.symbols.size();
  auto range = values->range(read.buffer);
  if (!range)
    return atStep(range.error(), index);
  uint64_t begin = read.firstElement * width;
  if (begin + bytes > range->bytes)
    return atStep({ErrorCode::badInput, "sizes are read beyond the end of a tensor"}, index);
  auto source = address(*range);
  if (!source)
    return atStep(source.error(), index);
  std::string elements(bytes, '\0');
  if (bytes)
    if (Status status = device->read(elements.data(), *source + begin, bytes); !status)
      return status;
  ++hostCount;
  for (size_t i = 0; i < read.symbols.size(); ++i) {
    std::optional<int64_t> value = loadSize(read.dtype, &elements[i * width]);
    if (!value)
      return atStep({ErrorCode::badInput, "a size is read from a number that is not finite or above 2^30"},
                    index);
    if (Status s = setSymbol(read.symbols[i], *value); !s)
      return s;
  }
  return runLateChecks();
}

Status Session::step(uint32_t index, const bundle::WriteSizes &write) {
  uint64_t width = bitWidth(write.dtype) / 8;
  auto range = values->range(write.buffer);
  if (!range)
    return atStep(range.error(), index);
  std::string elements(width * write.values.size(), '\0');
  if (elements.size() > range->bytes)
    return atStep({ErrorCode::invalid, "sizes are written beyond the end of a tensor"}, index);
  for (size_t i = 0; i < write.values.size(); ++i) {
    auto value = values->expr(write.values[i]);
    if (!value || !storeInteger(write.dtype, *value, &elements[i * width]))
      return atStep({ErrorCode::badInput, "the size " + desc().exprText(write.values[i]) +
                                              " has no value of its type"},
                    index);
  }
  auto target = address(*range);
  if (!target)
    return atStep(target.error(), index);
  ++hostCount;
  return elements.empty() ? Status() : device->write(*target, elements.data(), elements.size());
}

Status Session::step(uint32_t index, const bundle::HostOp &host) {
  return Error{ErrorCode::unsupported, "there is no host operation '" + host.name + "'", "", host.nodes};
}

Status Session::step(uint32_t index, const bundle::If &branch) {
  auto condition = values->need(branch.condition, std::numeric_limits<int64_t>::min(),
                                std::numeric_limits<int64_t>::max(), "the condition");
  if (!condition)
    return atStep(condition.error(), index);
  uint32_t split = index + 1 + branch.thenSteps;
  return *condition ? executeRange(index + 1, split)
                    : executeRange(split, split + branch.elseSteps);
}

Status Session::step(uint32_t index, const bundle::Loop &loop) {
  constexpr int64_t unbounded = std::numeric_limits<int64_t>::max();
  Result<int64_t> trips = unbounded;
  if (loop.tripCount != kNone)
    trips = values->need(loop.tripCount, std::numeric_limits<int64_t>::min(), unbounded, "the trip count");
  if (!trips)
    return atStep(trips.error(), index);
  for (int64_t round = 0; round < *trips; ++round) {
    if (Status status = stopped(); !status)
      return status;
    if (loop.induction != kNone)
      if (Status status = setSymbol(loop.induction, round); !status)
        return status;
    if (loop.condition != kNone) {
      auto go = values->need(loop.condition, std::numeric_limits<int64_t>::min(), unbounded, "the condition");
      if (!go)
        return atStep(go.error(), index);
      if (*go == 0)
        break;
    }
    uint32_t outer = std::exchange(loopBegin, index + 1);
    Status status = executeRange(index + 1, index + 1 + loop.bodySteps);
    loopBegin = outer;
    if (!status)
      return status;
  }
  return {};
}

} // namespace cameo::rt
