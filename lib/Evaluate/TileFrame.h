// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The values of a kernel's body while it runs: scalars, tensors (tiles, views of buffers), and
// views that are computed when they are read.
#pragma once

#include "Payload.h"

#include "mlir/IR/Block.h"

namespace cameo::evaluate {

/// A view whose elements a region computes from their coordinates.
struct ComputedView {
  host::Dims sizes;
  DType type;
  std::shared_ptr<Payload> body;
};

struct TileValue {
  std::optional<Scalar> scalar;
  host::HostTensor tensor;
  std::shared_ptr<ComputedView> view;
};

class TileFrame {
public:
  int64_t blockIds[3] = {0, 0, 0};

  void set(mlir::Value value, Scalar scalar) { values[value] = {scalar, {}, nullptr}; }
  void set(mlir::Value value, host::HostTensor tensor) {
    values[value] = {std::nullopt, std::move(tensor), nullptr};
  }
  void set(mlir::Value value, TileValue content) { values[value] = std::move(content); }
  const TileValue &get(mlir::Value value) { return values[value]; }
  int64_t integer(mlir::Value value) {
    const TileValue &content = values[value];
    return content.scalar ? content.scalar->integer : 0;
  }
  host::Dims integers(mlir::ValueRange range) {
    host::Dims result;
    for (mlir::Value value : range)
      result.push_back(integer(value));
    return result;
  }
  /// A tensor; a computed view is computed whole.
  host::Result<host::HostTensor> tensor(mlir::Value value);
  /// Translates a region that may use this frame's scalars and buffers.
  host::Result<std::shared_ptr<Payload>> payload(mlir::Block &block);

  /// Runs the ops of a block up to its terminator.
  host::Status run(mlir::Block &block);
  host::Status runOp(mlir::Operation *op);

private:
  llvm::DenseMap<mlir::Value, TileValue> values;
};

/// Fills `out` (row-major) with the elements of a view whose coordinates are `offsets` + those of
/// out; `outside(position)` says what stands outside the view's sizes.
host::Status loadTile(TileFrame &frame, const TileValue &view, const host::Dims &offsets,
                      Scalar outside, host::HostTensor &out);

/// The ops of a block program or reference body, by family; nothing for an unknown op.
using TileExecuted = std::optional<host::Status>;
TileExecuted runLinalg(mlir::Operation *op, TileFrame &frame);
TileExecuted runKernelOp(mlir::Operation *op, TileFrame &frame);

} // namespace cameo::evaluate
