// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Symbol and expression values, and the ranges of buffers that follow from them. Every size is
// checked here, so that the executor only ever sees ranges that lie within their base buffers.

#include "Values.h"

#include <limits>

namespace cameo::rt {

namespace {
/// No tensor or buffer is larger: sums of two never overflow.
constexpr int64_t maxBytes = int64_t(1) << 48;
} // namespace

ProgramFacts::ProgramFacts(const BundleDesc &desc)
    : exprsOfSymbol(desc.symbols.size()), base(desc.buffers.size()), late(desc.exprs.size()),
      inputBuffer(desc.inputs.size(), kNone), outputBuffer(desc.outputs.size(), kNone),
      endingAt(desc.steps.size()) {
  for (ExprId id = 0; id < desc.exprs.size(); ++id)
    for (const bundle::ExprInstruction &instruction : desc.exprs[id]) {
      if (instruction.op != SizeExpr::Op::Symbol ||
          desc.symbols[instruction.value].source != bundle::Symbol::Source::step)
        continue;
      std::vector<ExprId> &users = exprsOfSymbol[instruction.value];
      if (users.empty() || users.back() != id)
        users.push_back(id);
      late[id] = true;
    }
  for (BufferId id = 0; id < desc.buffers.size(); ++id) {
    const bundle::Buffer &buffer = desc.buffers[id];
    base[id] = buffer.kind == bundle::Buffer::Kind::alias ? base[buffer.index] : id;
    if (buffer.kind == bundle::Buffer::Kind::input)
      inputBuffer[buffer.index] = id;
    if (buffer.kind == bundle::Buffer::Kind::output)
      outputBuffer[buffer.index] = id;
    if (buffer.kind == bundle::Buffer::Kind::temporary)
      endingAt[buffer.lastStep].push_back(id);
  }
  for (uint32_t i = 0; i < desc.checks.size(); ++i)
    if (late[desc.checks[i].expr])
      lateChecks.push_back(i);
  for (const bundle::Step &step : desc.steps)
    isStatic &= std::holds_alternative<bundle::Launch>(step) ||
                std::holds_alternative<bundle::Copy>(step) ||
                std::holds_alternative<bundle::Fill>(step);
}

void Values::set(SymbolId symbol, int64_t value, bool refresh) {
  symbols[symbol] = value;
  if (refresh)
    for (ExprId id : facts->exprsOfSymbol[symbol])
      exprs[id] = bundle::evaluate(desc->exprs[id], symbols);
}

void Values::evaluateAll() {
  exprs.resize(desc->exprs.size());
  for (ExprId id = 0; id < exprs.size(); ++id)
    exprs[id] = bundle::evaluate(desc->exprs[id], symbols);
}

Result<int64_t> Values::need(ExprId id, int64_t least, int64_t most, const char *what) const {
  std::optional<int64_t> value = exprs[id];
  if (value && *value >= least && *value <= most)
    return *value;
  std::string text = std::string(what) + " " + desc->exprText(id);
  if (!value)
    return Error{ErrorCode::badInput,
                 text + " has no value for these sizes (overflow, division by zero, or not known yet)"};
  return Error{ErrorCode::badInput, text + " = " + std::to_string(*value) + " is out of range"};
}

Result<uint64_t> Values::bytes(ExprId id, uint64_t none, const char *what) const {
  if (id == kNone)
    return none;
  auto value = need(id, 0, maxBytes, what);
  if (!value)
    return value.error();
  return uint64_t(*value);
}

Result<Range> Values::range(BufferId id) const {
  // Innermost first; at each level the part has to lie within the whole.
  uint64_t offset = 0;
  auto total = bytes(desc->buffers[id].bytes, 0, "the size");
  if (!total)
    return total.error();
  while (desc->buffers[id].kind == bundle::Buffer::Kind::alias) {
    const bundle::Buffer &alias = desc->buffers[id];
    auto begin = bytes(alias.offset, 0, "the offset");
    auto outer = bytes(desc->buffers[alias.index].bytes, 0, "the size");
    if (!begin || !outer)
      return begin ? outer.error() : begin.error();
    offset += *begin;
    if (offset + *total > *outer)
      return Error{ErrorCode::invalid, "buffer " + std::to_string(id) + " does not lie within buffer " +
                                           std::to_string(alias.index) + " for these sizes"};
    id = alias.index;
  }
  return Range{id, offset, *total};
}

Result<Range> Values::range(const bundle::Region &region) const {
  auto whole = range(region.buffer);
  auto offset = bytes(region.offset, 0, "the offset");
  if (!whole || !offset)
    return whole ? offset.error() : whole.error();
  auto length = bytes(region.bytes, *offset <= whole->bytes ? whole->bytes - *offset : 0, "the size");
  if (!length)
    return length.error();
  if (*offset + *length > whole->bytes)
    return Error{ErrorCode::invalid, "a step touches bytes beyond buffer " +
                                         std::to_string(region.buffer) + " for these sizes"};
  return Range{whole->base, whole->offset + *offset, *length};
}

Result<std::vector<int64_t>> Values::dims(const bundle::Port &port) const {
  std::vector<int64_t> result;
  for (ExprId dim : port.dims) {
    auto value = need(dim, 0, std::numeric_limits<int64_t>::max(), "dimension");
    if (!value) {
      Error error = value.error();
      error.message = "'" + port.name + "': " + error.message;
      return error;
    }
    result.push_back(*value);
  }
  return result;
}

std::optional<uint64_t> tensorBytes(DType type, const std::vector<int64_t> &dims) {
  int64_t count = 1;
  bool empty = false, overflow = false;
  for (int64_t dim : dims) {
    empty |= dim == 0;
    overflow |= __builtin_mul_overflow(count, dim, &count);
  }
  if (empty)
    return 0;
  auto bytes = overflow ? std::nullopt : byteSize(type, count);
  if (!bytes || *bytes < 0 || *bytes > maxBytes)
    return std::nullopt;
  return uint64_t(*bytes);
}

std::string dimsText(const std::vector<int64_t> &dims) {
  std::string text;
  for (int64_t dim : dims)
    text += (text.empty() ? "" : "x") + std::to_string(dim);
  return text.empty() ? "scalar" : text;
}

} // namespace cameo::rt
