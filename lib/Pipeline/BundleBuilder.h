// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the parts that write a bundle's launch program share: the bundle so far, where the model's
// values are in memory, and the steps of a block. BuildBundle.cpp implements it; ControlSteps.cpp
// turns branches and loops into structured steps with it.
#pragma once

#include "cameo/Bundle/Bundle.h"
#include "cameo/Dialect/Graph/IR/Graph.h"
#include "cameo/Dialect/Graph/IR/LoopAttrs.h"

namespace cameo {

/// Bytes of a tensor in memory: booleans are bytes, 4- and 2-bit elements are packed.
SizeExpr bytesOf(mlir::Type type);

class BundleBuilder {
public:
  virtual ~BundleBuilder() = default;

  /// The steps of a block's ops.
  virtual llvm::LogicalResult addBlock(mlir::Block &block) = 0;
  virtual BufferId addBuffer(bundle::Buffer::Kind kind, uint32_t index, mlir::Type type,
                             llvm::StringRef name) = 0;
  /// The allocation whose memory `value` is, through launches and reshapes.
  virtual mlir::Value memoryOf(mlir::Value value) const = 0;
  virtual llvm::FailureOr<BufferId> bufferOf(mlir::Value value) = 0;
  /// States that the next step touches a buffer.
  virtual void use(BufferId id) = 0;

  ExprId expr(const SizeExpr &e) { return desc.expr(e); }

  BundleDesc desc;
  llvm::DenseMap<mlir::Value, BufferId> buffers; ///< by what `memoryOf` gives
};

/// Steps of graph.if, graph.loop and graph.scan as partition leaves them.
llvm::LogicalResult addControl(BundleBuilder &builder, mlir::Operation *op);

} // namespace cameo
