// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// From what the caller passes to a plan: every input is checked against its signature before
// anything is launched, dimensions give the symbols their values, inputs that disagree are named
// both, checks of the model are evaluated, and the memory of all temporaries is laid out.

#include "Session.h"

#include "cameo/Support/FixedPoint.h"
#include "cameo/Support/SmallFloat.h"

#include <cstring>
#include <limits>

namespace cameo::rt {

namespace {

Error bad(std::string message) { return {ErrorCode::badInput, std::move(message)}; }

std::string typeName(DType type) { return std::string(name(type)); }

} // namespace

std::optional<int64_t> loadSize(DType type, const void *bytes) {
  auto raw = [&](auto zero) {
    std::memcpy(&zero, bytes, sizeof zero);
    return zero;
  };
  auto load = [&](auto zero) { return int64_t(raw(zero)); };
  switch (type) {
  case DType::f16: return fixedPoint(decodeF16(raw(uint16_t())));
  case DType::bf16: return fixedPoint(decodeBF16(raw(uint16_t())));
  case DType::f32: return fixedPoint(raw(float()));
  case DType::f64: return fixedPoint(raw(double()));
  case DType::u8: return load(uint8_t());
  case DType::i8: return load(int8_t());
  case DType::u16: return load(uint16_t());
  case DType::i16: return load(int16_t());
  case DType::u32: return load(uint32_t());
  case DType::i32: return load(int32_t());
  case DType::boolean: return load(uint8_t()) != 0;
  default: return load(int64_t());
  }
}

bool storeInteger(DType type, int64_t value, void *bytes) {
  bool isUnsigned = isUnsignedInteger(type) || type == DType::boolean;
  unsigned bits = bitWidth(type);
  if (type == DType::boolean)
    value = value != 0;
  else if (isUnsigned ? value < 0 || (bits < 64 && value >> bits != 0)
                      : bits < 64 && (value < minInteger(type) || value > int64_t(maxInteger(type))))
    return false;
  std::memcpy(bytes, &value, bits / 8);
  return true;
}

Status Session::validateInputs(std::span<const Tensor> inputs, std::span<const Tensor> given) {
  const BundleDesc &d = desc();
  if (inputs.size() != d.inputs.size())
    return bad("the model has " + std::to_string(d.inputs.size()) + " inputs, " +
               std::to_string(inputs.size()) + " were passed");
  if (!given.empty() && given.size() != d.outputs.size())
    return bad("the model has " + std::to_string(d.outputs.size()) + " outputs, " +
               std::to_string(given.size()) + " were bound");
  auto common = [&](const Tensor &tensor, const bundle::Port &port, const std::string &what) -> Status {
    if (tensor.dtype != port.dtype)
      return bad(what + " is " + typeName(tensor.dtype) + ", the model expects " +
                 typeName(port.dtype));
    if (tensor.where == DeviceKind::cuda && device->kind() != DeviceKind::cuda)
      return bad(what + " is memory of a CUDA device, this session runs on '" + device->name() + "'");
    if (tensor.where == DeviceKind::cuda && tensor.deviceIndex != options.deviceOptions.index)
      return bad(what + " is memory of CUDA device " + std::to_string(tensor.deviceIndex) +
                 ", this session runs on device " + std::to_string(options.deviceOptions.index));
    uint64_t element = std::max<uint64_t>(1, bitWidth(port.dtype) / 8);
    if (element & (element - 1))
      element = 1;
    if (reinterpret_cast<uintptr_t>(tensor.data) % std::min<uint64_t>(element, 8) != 0)
      return bad(what + " is not aligned to its element size");
    return {};
  };
  for (size_t i = 0; i < inputs.size(); ++i) {
    const std::string what = "input '" + d.inputs[i].name + "'";
    const Tensor &tensor = inputs[i];
    if (Status status = common(tensor, d.inputs[i], what); !status)
      return status;
    if (tensor.dims.size() != d.inputs[i].dims.size())
      return bad(what + " has rank " + std::to_string(tensor.dims.size()) + " (" +
                 dimsText(tensor.dims) + "), the model expects rank " +
                 std::to_string(d.inputs[i].dims.size()));
    for (int64_t dim : tensor.dims)
      if (dim < 0)
        return bad(what + " has the negative dimension " + std::to_string(dim));
    auto bytes = tensorBytes(tensor.dtype, tensor.dims);
    if (!bytes)
      return bad(what + " is too large: " + dimsText(tensor.dims));
    if (*bytes > tensor.bytes)
      return bad(what + " of " + dimsText(tensor.dims) + " takes " + std::to_string(*bytes) +
                 " bytes, " + std::to_string(tensor.bytes) + " were passed");
    if (*bytes && !tensor.data)
      return bad(what + " has no data (null pointer)");
  }
  for (size_t i = 0; i < given.size(); ++i)
    if (given[i].data)
      if (Status s = common(given[i], d.outputs[i], "output '" + d.outputs[i].name + "'"); !s)
        return s;
  return {};
}

Status Session::readElements(std::span<const Tensor> inputs, Values &v, std::vector<int64_t> &key) {
  for (SymbolId id = 0; id < desc().symbols.size(); ++id) {
    const bundle::Symbol &symbol = desc().symbols[id];
    if (symbol.source != bundle::Symbol::Source::inputElement)
      continue;
    const Tensor &tensor = inputs[symbol.input];
    uint64_t width = bitWidth(tensor.dtype) / 8, at = uint64_t(symbol.index) * width;
    if (at + width > *tensorBytes(tensor.dtype, tensor.dims))
      return bad("input '" + desc().inputs[symbol.input].name + "' has no element " +
                 std::to_string(symbol.index) + ", which the model's sizes depend on");
    unsigned char element[8] = {};
    const char *source = static_cast<const char *>(tensor.data) + at;
    if (tensor.where == DeviceKind::cuda) {
      if (Status s = device->read(element, reinterpret_cast<Address>(source), width); !s)
        return s;
    } else {
      std::memcpy(element, source, width);
    }
    std::optional<int64_t> value = loadSize(tensor.dtype, element);
    if (!value)
      return bad("input '" + desc().inputs[symbol.input].name + "': element " +
                 std::to_string(symbol.index) + ", which the model's sizes depend on, is not finite or "
                 "above 2^30");
    v.set(id, *value, false);
    key.push_back(*value);
  }
  return {};
}

Status Session::solve(std::span<const Tensor> inputs, Values &v, std::vector<int64_t> &key) {
  for (const Tensor &tensor : inputs)
    key.insert(key.end(), tensor.dims.begin(), tensor.dims.end());
  for (SymbolId id = 0; id < desc().symbols.size(); ++id) {
    const bundle::Symbol &symbol = desc().symbols[id];
    if (symbol.source == bundle::Symbol::Source::inputDim)
      v.set(id, inputs[symbol.input].dims[symbol.index], false);
  }
  return readElements(inputs, v, key);
}

Status Session::checkDims(std::span<const Tensor> inputs, const Values &v) const {
  for (size_t i = 0; i < inputs.size(); ++i) {
    const bundle::Port &port = desc().inputs[i];
    for (size_t k = 0; k < port.dims.size(); ++k) {
      auto expected = v.expr(port.dims[k]);
      int64_t actual = inputs[i].dims[k];
      if (expected == actual)
        continue;
      std::string message = "input '" + port.name + "': dimension " + std::to_string(k) + " is " +
                            std::to_string(actual) + ", the model expects " +
                            desc().exprText(port.dims[k]);
      if (expected && desc().exprText(port.dims[k]) != std::to_string(*expected))
        message += " = " + std::to_string(*expected);
      // Say who gave the symbol its value: one of the two inputs is wrong, and only the caller knows.
      for (const bundle::ExprInstruction &instruction : desc().exprs[port.dims[k]])
        if (instruction.op == SizeExpr::Op::Symbol) {
          const bundle::Symbol &symbol = desc().symbols[instruction.value];
          message += ", where " + symbol.name + " is " +
                     (symbol.source == bundle::Symbol::Source::inputDim ? "dimension " : "element ") +
                     std::to_string(symbol.index) + " of input '" +
                     desc().inputs[symbol.input].name + "'";
        }
      return bad(message);
    }
  }
  return {};
}

Status Session::runCheck(const bundle::Check &check, const Values &v) const {
  auto value = v.expr(check.expr);
  if (value && *value != 0)
    return {};
  std::string message = check.message.empty() ? "a condition of the model does not hold" : check.message;
  message += value ? " (" : " (no value: ";
  return Error{ErrorCode::badInput, message + desc().exprText(check.expr) + ")", "", check.nodes};
}

Result<std::shared_ptr<Plan>> Session::makePlan(Values solved) const {
  const BundleDesc &d = desc();
  const ProgramFacts &facts = bundle->facts;
  for (const bundle::Check &check : d.checks)
    if (!facts.late[check.expr])
      if (Status status = runCheck(check, solved); !status)
        return status.error();
  auto made = std::make_shared<Plan>(std::move(solved));
  made->offsets.resize(d.buffers.size());
  std::vector<PlanItem> items;
  std::vector<BufferId> ids;
  uint64_t separate = 0, ports = 0;
  for (BufferId id = 0; id < d.buffers.size(); ++id) {
    const bundle::Buffer &buffer = d.buffers[id];
    if (facts.late[buffer.bytes] || buffer.kind == bundle::Buffer::Kind::alias ||
        buffer.kind == bundle::Buffer::Kind::weight)
      continue;
    auto bytes = made->values.bytes(buffer.bytes, 0, "the size");
    if (!bytes)
      return bytes.error();
    if (buffer.kind != bundle::Buffer::Kind::temporary) {
      ports += *bytes;
      continue;
    }
    items.push_back({*bytes, buffer.alignment, buffer.firstStep, buffer.lastStep});
    ids.push_back(id);
    separate += *bytes;
  }
  if (separate > uint64_t(1) << 52 || ports > uint64_t(1) << 52)
    return Error{ErrorCode::resources, "the model needs an absurd amount of memory for these sizes"};
  MemoryPlan memory = planMemory(items);
  for (size_t i = 0; i < ids.size(); ++i)
    made->offsets[ids[i]] = memory.offsets[i];
  made->arenaBytes = memory.bytes;
  made->totalBytes = memory.bytes + ports;
  if (made->totalBytes > device->memoryLimit())
    return Error{ErrorCode::resources, "the model needs " + std::to_string(made->totalBytes) +
                                           " bytes for these sizes, the memory limit is " +
                                           std::to_string(device->memoryLimit())};
  return made;
}

} // namespace cameo::rt
