// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Views, loads, stores, scatters, scans and tile reductions of the kernel dialect. Every access is
// checked against the buffer, whatever the verifier has proved.
#include "TileFrame.h"

#include "../HostOps/Elements.h"
#include "cameo/Dialect/Kernel/IR/Kernel.h"

#include "llvm/ADT/TypeSwitch.h"

#include <cmath>

using namespace mlir;

namespace cameo::evaluate {
namespace {

host::Dims staticDims(Type type) {
  ArrayRef<int64_t> shape = cast<RankedTensorType>(type).getShape();
  return {shape.begin(), shape.end()};
}
DType elementOf(Type type) { return scalarType(cast<RankedTensorType>(type).getElementType()); }

bool inside(const host::Dims &at, const host::Dims &sizes) {
  for (size_t d = 0; d < at.size(); ++d)
    if (at[d] < 0 || at[d] >= sizes[d])
      return false;
  return true;
}

/// What a load finds outside its view.
Scalar padOf(kernel::PadKind kind, DType type) {
  Scalar value;
  bool real = isFloat(type);
  switch (kind) {
  case kernel::PadKind::Zero:
    break;
  case kernel::PadKind::One:
    if (real)
      value.real = 1;
    else
      value.integer = 1;
    break;
  case kernel::PadKind::NegInf:
    if (real)
      value.real = -INFINITY;
    else
      value.integer = minInteger(type);
    break;
  case kernel::PadKind::PosInf:
    if (real)
      value.real = INFINITY;
    else
      value.integer = int64_t(maxInteger(type));
    break;
  case kernel::PadKind::None:
    if (real)
      value.real = NAN;
    else
      value.integer = int64_t(0xA5A5A5A5A5A5A5A5);
    break;
  }
  return value;
}

host::Status run(kernel::StridedViewOp op, TileFrame &frame) {
  auto buffer = frame.tensor(op.getBuffer());
  if (!buffer)
    return buffer.status();
  host::Dims sizes = frame.integers(op.getSizes()), strides = frame.integers(op.getStrides());
  int64_t offset = frame.integer(op.getOffset()), low = offset, high = offset;
  auto count = host::elementCount(sizes);
  if (!count)
    return host::error("a view has sizes " + host::toString(sizes));
  for (size_t d = 0; d < sizes.size(); ++d)
    (strides[d] < 0 ? low : high) += *count ? (sizes[d] - 1) * strides[d] : 0;
  if (*count && (low < 0 || high >= buffer->numElements()))
    return host::error("a view " + host::toString(sizes) + " with strides " +
                       host::toString(strides) + " at " + std::to_string(offset) +
                       " goes outside a buffer of " + std::to_string(buffer->numElements()));
  frame.set(op.getResult(), buffer->view(sizes, strides, buffer->offset() + (*count ? offset : 0)));
  return host::Status::ok();
}

host::Status run(kernel::ComputedViewOp op, TileFrame &frame) {
  auto body = frame.payload(op.getBody().front());
  if (!body)
    return body.status();
  auto view = std::make_shared<ComputedView>();
  view->sizes = frame.integers(op.getSizes());
  view->type = elementOf(op.getType());
  view->body = *body;
  frame.set(op.getResult(), TileValue{std::nullopt, {}, view});
  return host::Status::ok();
}

/// A read outside a region, on the host's or a block's own behalf.
host::Status run(kernel::ReadOp op, TileFrame &frame) {
  if (op.getOk() && !frame.integer(op.getOk())) {
    TileValue pad = frame.get(op.getPad());
    frame.set(op.getResult(), pad);
    return host::Status::ok();
  }
  auto buffer = frame.tensor(op.getBuffer());
  if (!buffer)
    return buffer.status();
  int64_t at = frame.integer(op.getIndex());
  if (at < 0 || at >= buffer->numElements())
    return host::error("element " + std::to_string(at) + " of a buffer of " +
                       std::to_string(buffer->numElements()));
  frame.set(op.getResult(), loadScalar(*buffer, buffer->offset() + at));
  return host::Status::ok();
}

host::Status run(kernel::LoadOp op, TileFrame &frame) {
  DType type = elementOf(op.getType());
  auto out = host::HostTensor::allocate(type, staticDims(op.getType()));
  if (!out)
    return out.status();
  const TileValue view = frame.get(op.getView());
  auto status =
      loadTile(frame, view, frame.integers(op.getOffsets()), padOf(op.getPad(), type), *out);
  frame.set(op.getResult(), *out);
  return status;
}

/// Writes `value` (row-major walk) to the view at `offsets`; outside the view's sizes nothing.
host::Status storeTile(const host::HostTensor &value, const host::HostTensor &view,
                       const host::Dims &offsets) {
  host::HostTensor target = view;
  host::Dims at(value.dims().size(), 0), where(at.size());
  if (value.numElements() == 0)
    return host::Status::ok();
  do {
    int64_t from = value.offset(), to = view.offset();
    for (size_t d = 0; d < at.size(); ++d) {
      where[d] = at[d] + offsets[d];
      from += at[d] * value.strides()[d];
      to += where[d] * view.strides()[d];
    }
    if (inside(where, view.dims()))
      host::moveRun(value.dtype(), target.data(), to, 1, value.data(), from, 1, 1);
  } while (host::nextIndex(at, value.dims()));
  return host::Status::ok();
}

host::Status run(kernel::StoreOp op, TileFrame &frame) {
  auto value = frame.tensor(op.getValue()), view = frame.tensor(op.getView());
  if (!value || !view)
    return value ? view.status() : value.status();
  return storeTile(*value, *view, frame.integers(op.getOffsets()));
}

host::Status run(kernel::WriteOp op, TileFrame &frame) {
  auto value = frame.tensor(op.getValue()), view = frame.tensor(op.getView());
  if (!value || !view)
    return value ? view.status() : value.status();
  if (value->dims() != view->dims())
    return host::error("a tensor " + host::toString(value->dims()) + " is written to a view " +
                       host::toString(view->dims()));
  return storeTile(*value, *view, host::Dims(value->dims().size(), 0));
}

host::Status run(kernel::ScatterOp op, TileFrame &frame) {
  auto value = frame.tensor(op.getValue()), buffer = frame.tensor(op.getBuffer());
  auto body = frame.payload(op.getBody().front());
  if (!value || !buffer || !body)
    return !value ? value.status() : !buffer ? buffer.status() : body.status();
  std::shared_ptr<Payload> combine;
  if (op.hasCombine()) {
    auto made = frame.payload(op.getCombine().front());
    if (!made)
      return made.status();
    combine = *made;
  }
  host::Dims sizes = frame.integers(op.getSizes()), offsets = frame.integers(op.getOffsets());
  offsets.resize(value->dims().size(), 0);
  host::Dims at(offsets.size(), 0), where(offsets.size());
  if (value->numElements() == 0)
    return host::Status::ok();
  do {
    int64_t from = value->offset();
    for (size_t d = 0; d < at.size(); ++d) {
      where[d] = at[d] + offsets[d];
      from += at[d] * value->strides()[d];
      (*body)->argument(unsigned(d)).integer = where[d];
    }
    if (!sizes.empty() && !inside(where, sizes))
      continue;
    (*body)->run();
    if (!(*body)->fault().empty())
      return host::error((*body)->fault());
    if ((*body)->numResults() > 1 && !(*body)->result(1).integer)
      continue;
    int64_t to = (*body)->result(0).integer;
    if (to < 0 || to >= buffer->numElements())
      return host::error("element " + std::to_string(to) + " of a buffer of " +
                         std::to_string(buffer->numElements()));
    Scalar element = loadScalar(*value, from);
    if (combine) {
      combine->argument(0) = loadScalar(*buffer, buffer->offset() + to);
      combine->argument(1) = element;
      combine->run();
      element = combine->result(0);
    }
    storeScalar(*buffer, buffer->offset() + to, element);
  } while (host::nextIndex(at, value->dims()));
  return host::Status::ok();
}

host::Status run(kernel::InBoundsOp op, TileFrame &frame) {
  auto out = host::HostTensor::allocate(DType::boolean, staticDims(op.getType()));
  if (!out)
    return out.status();
  host::Dims offsets = frame.integers(op.getOffsets()), sizes = frame.integers(op.getSizes());
  host::Dims at(out->dims().size(), 0), where(at.size());
  uint8_t *to = out->as<uint8_t>();
  do {
    for (size_t d = 0; d < at.size(); ++d)
      where[d] = at[d] + offsets[d];
    *to++ = inside(where, sizes);
  } while (host::nextIndex(at, out->dims()));
  frame.set(op.getResult(), *out);
  return host::Status::ok();
}

/// Combines along `dims`: the first element of each group is the start.
host::Status run(kernel::ReduceOp op, TileFrame &frame) {
  auto body = frame.payload(op.getBody().front());
  if (!body)
    return body.status();
  std::vector<host::HostTensor> inputs, outputs;
  for (Value value : op.getInputs()) {
    auto tensor = frame.tensor(value);
    if (!tensor)
      return tensor.status();
    inputs.push_back(*tensor);
  }
  for (Value value : op.getResults()) {
    auto tensor =
        host::HostTensor::allocate(elementOf(value.getType()), staticDims(value.getType()));
    if (!tensor)
      return tensor.status();
    outputs.push_back(*tensor);
  }
  unsigned count = unsigned(inputs.size());
  const host::Dims &dims = inputs[0].dims();
  std::vector<bool> started(size_t(outputs[0].numElements()), false);
  host::Dims at(dims.size(), 0);
  do {
    int64_t to = 0;
    for (size_t d = 0, kept = 0; d < dims.size(); ++d)
      if (!llvm::is_contained(op.getDims(), int64_t(d)))
        to += at[d] * outputs[0].strides()[kept++];
    for (unsigned i = 0; i < count; ++i) {
      int64_t from = inputs[i].offset();
      for (size_t d = 0; d < dims.size(); ++d)
        from += at[d] * inputs[i].strides()[d];
      (*body)->argument(i) = loadScalar(outputs[i], to);
      (*body)->argument(count + i) = loadScalar(inputs[i], from);
      if (!started[size_t(to)])
        storeScalar(outputs[i], to, loadScalar(inputs[i], from));
    }
    if (started[size_t(to)]) {
      (*body)->run();
      for (unsigned i = 0; i < count; ++i)
        storeScalar(outputs[i], to, (*body)->result(i));
    }
    started[size_t(to)] = true;
  } while (host::nextIndex(at, dims));
  for (auto [result, tensor] : llvm::zip(op.getResults(), outputs))
    frame.set(result, tensor);
  return host::Status::ok();
}

host::Status run(kernel::ScanOp op, TileFrame &frame) {
  auto body = frame.payload(op.getBody().front());
  if (!body)
    return body.status();
  std::vector<host::HostTensor> inputs, outputs;
  for (Value value : op.getInputs()) {
    auto tensor = frame.tensor(value);
    if (!tensor)
      return tensor.status();
    inputs.push_back(*tensor);
  }
  if (inputs.empty())
    return host::error("a scan without inputs");
  const host::Dims &dims = inputs[0].dims();
  for (Value value : op.getResults()) {
    auto tensor = host::HostTensor::allocate(elementOf(value.getType()), dims);
    if (!tensor)
      return tensor.status();
    outputs.push_back(*tensor);
  }
  size_t axis = size_t(op.getDim());
  std::vector<Scalar> initial;
  for (Value value : op.getInit())
    initial.push_back(frame.get(value).scalar.value_or(Scalar()));
  host::Dims lines = dims;
  lines[axis] = 1;
  if (*host::elementCount(dims) == 0)
    lines[axis] = 0;
  host::Dims at(dims.size(), 0);
  unsigned states = unsigned(initial.size());
  if (host::elementCount(lines).value_or(0) > 0)
    do {
      std::vector<Scalar> state = initial;
      for (int64_t k = 0; k < dims[axis]; ++k) {
        host::Dims here = at;
        here[axis] = k;
        for (unsigned i = 0; i < inputs.size(); ++i) {
          int64_t from = inputs[i].offset();
          for (size_t d = 0; d < dims.size(); ++d)
            from += here[d] * inputs[i].strides()[d];
          (*body)->argument(i) = loadScalar(inputs[i], from);
        }
        for (unsigned i = 0; i < states; ++i)
          (*body)->argument(unsigned(inputs.size()) + i) = state[i];
        (*body)->run();
        for (unsigned i = 0; i < states; ++i)
          state[i] = (*body)->result(i);
        for (unsigned i = 0; i < outputs.size(); ++i) {
          int64_t to = 0;
          for (size_t d = 0; d < dims.size(); ++d)
            to += here[d] * outputs[i].strides()[d];
          storeScalar(outputs[i], to, (*body)->result(states + i));
        }
      }
    } while (host::nextIndex(at, lines));
  if (!(*body)->fault().empty())
    return host::error((*body)->fault());
  for (auto [result, tensor] : llvm::zip(op.getResults(), outputs))
    frame.set(result, tensor);
  return host::Status::ok();
}

host::Status run(kernel::BlockIdOp op, TileFrame &frame) {
  Scalar id;
  id.integer = frame.blockIds[size_t(op.getAxis())];
  frame.set(op.getResult(), id);
  return host::Status::ok();
}

host::Status run(kernel::ConvertLayoutOp op, TileFrame &frame) {
  TileValue content = frame.get(op.getSource());
  frame.set(op.getResult(), content);
  return host::Status::ok();
}

} // namespace

host::Status loadTile(TileFrame &frame, const TileValue &view, const host::Dims &offsets,
                      Scalar outside, host::HostTensor &out) {
  if (out.numElements() == 0)
    return host::Status::ok();
  if (!view.view && !view.tensor.isPresent())
    return host::error("a view is used that has no value");
  const host::Dims &sizes = view.view ? view.view->sizes : view.tensor.dims();
  if (sizes.size() != offsets.size() || sizes.size() != out.dims().size())
    return host::error("a tile has another rank than its view");
  host::Dims at(sizes.size(), 0), where(sizes.size());
  int64_t to = 0;
  do {
    for (size_t d = 0; d < at.size(); ++d)
      where[d] = at[d] + offsets[d];
    Scalar element = outside;
    if (inside(where, sizes)) {
      if (view.view) {
        for (size_t d = 0; d < at.size(); ++d)
          view.view->body->argument(unsigned(d)).integer = where[d];
        view.view->body->run();
        element = view.view->body->result(0);
      } else {
        int64_t from = view.tensor.offset();
        for (size_t d = 0; d < at.size(); ++d)
          from += where[d] * view.tensor.strides()[d];
        element = loadScalar(view.tensor, from);
      }
    }
    storeScalar(out, to++, element);
  } while (host::nextIndex(at, out.dims()));
  if (view.view && !view.view->body->fault().empty())
    return host::error(view.view->body->fault());
  return host::Status::ok();
}

TileExecuted runKernelOp(Operation *op, TileFrame &frame) {
  return llvm::TypeSwitch<Operation *, TileExecuted>(op)
      .Case<kernel::StridedViewOp, kernel::ComputedViewOp, kernel::ReadOp, kernel::LoadOp,
            kernel::StoreOp, kernel::WriteOp, kernel::ScatterOp, kernel::InBoundsOp,
            kernel::ReduceOp, kernel::ScanOp, kernel::BlockIdOp, kernel::ConvertLayoutOp>(
          [&](auto known) -> TileExecuted { return run(known, frame); })
      .Default([](Operation *) -> TileExecuted { return std::nullopt; });
}

} // namespace cameo::evaluate
