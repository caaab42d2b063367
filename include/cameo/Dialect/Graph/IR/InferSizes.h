// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// How result types follow from operand types, as free functions over types and plain attributes.
// The importer calls them before it builds an op (so that it can name the ONNX node), the ops'
// `inferSizes` forward to them, and so the verifier, the builders and the importer cannot disagree.
//
// Sizes are symbolic, hence three outcomes: provably right; provably wrong (`error`); or a
// condition on symbols that the launch must check (`require` passes it on). Run an op's
// `inferOwnSizes` with an `onCheck` to collect its launch checks.
#ifndef CAMEO_DIALECT_GRAPH_IR_INFERSIZES_H
#define CAMEO_DIALECT_GRAPH_IR_INFERSIZES_H

#include "cameo/Dialect/Graph/IR/GraphEnums.h"
#include "cameo/Dialect/Graph/IR/GraphTypes.h"
#include "mlir/Support/LLVM.h"
#include "llvm/ADT/Twine.h"

namespace cameo::graph {

/// Where inference reports. `onError` receives a clause such as "axis 3 is outside a rank 2
/// operand"; `onCheck` a condition over symbols that must be non-zero at launch, and what it means
/// if it is not.
class SizeReporter {
public:
  using ErrorFn = std::function<void(const llvm::Twine &)>;
  using CheckFn = std::function<void(const SizeExpr &, const llvm::Twine &)>;

  explicit SizeReporter(ErrorFn onError, CheckFn onCheck = nullptr)
      : onError(std::move(onError)), onCheck(std::move(onCheck)) {}

  /// Reports and fails.
  llvm::LogicalResult error(const llvm::Twine &message);
  /// Succeeds unless `condition` is provably 0; passes it to `onCheck` unless it is provably not 0.
  llvm::LogicalResult require(const SizeExpr &condition, const llvm::Twine &message);
  llvm::LogicalResult requireEqual(const SizeExpr &a, const SizeExpr &b, const llvm::Twine &what);

private:
  ErrorFn onError;
  CheckFn onCheck;
};

using TensorType = mlir::RankedTensorType;
using InferredType = llvm::FailureOr<mlir::RankedTensorType>;

/// Window of a convolution or pooling; one entry a spatial dimension, `pads` begin… then end….
struct WindowAttrs {
  llvm::ArrayRef<int64_t> window, strides, pads, dilations;
};

// Layouts of images: (N, C, spatial…) is channels first, (N, spatial…, C) channels last.

/// The permutation of a transpose that brings one form of this rank to the other.
llvm::SmallVector<int64_t> toChannelsLast(int64_t rank);
llvm::SmallVector<int64_t> toChannelsFirst(int64_t rank);
/// Sizes or coordinates in the order of channels first, and in that of a tensor whose channels are last or first.
llvm::SmallVector<SizeExpr> asStored(llvm::ArrayRef<SizeExpr> channelsFirst, bool channelsLast);
llvm::SmallVector<SizeExpr> fromStored(llvm::ArrayRef<SizeExpr> stored, bool channelsLast);
/// The sizes and the type of a transposed tensor.
llvm::SmallVector<SizeExpr> permuted(llvm::ArrayRef<SizeExpr> sizes, llvm::ArrayRef<int64_t> perm);
TensorType permuted(TensorType type, llvm::ArrayRef<int64_t> perm);

// Sizes.

/// The common size of two dimensions under NumPy broadcasting.
llvm::FailureOr<SizeExpr> broadcastSize(const SizeExpr &a, const SizeExpr &b,
                                        SizeReporter &reporter);
/// The common sizes of several operands.
llvm::FailureOr<llvm::SmallVector<SizeExpr>>
broadcastSizes(llvm::ArrayRef<llvm::SmallVector<SizeExpr>> operands, SizeReporter &reporter);
/// The number of windows over `size` elements in spatial dimension `i`.
SizeExpr windowCount(const SizeExpr &size, const WindowAttrs &attrs, unsigned i, bool ceilMode);

// Elementwise.
InferredType inferUnary(UnaryKind kind, TensorType x, SizeReporter &reporter);
InferredType inferBinary(BinaryKind kind, TensorType lhs, TensorType rhs, SizeReporter &reporter);
InferredType inferSelect(TensorType condition, TensorType a, TensorType b, SizeReporter &reporter);
InferredType inferClip(TensorType x, TensorType min, TensorType max, SizeReporter &reporter);

// Reductions. Optional operands are null types.
InferredType inferReduce(ReduceKind kind, TensorType x, llvm::ArrayRef<int64_t> axes, bool keepdims,
                         SizeReporter &reporter);
InferredType inferArgReduce(TensorType x, int64_t axis, bool keepdims, SizeReporter &reporter);
InferredType inferAlongAxis(TensorType x, int64_t axis, SizeReporter &reporter); // softmax, cumsum
InferredType inferNormalize(TensorType x, TensorType scale, TensorType bias,
                            llvm::ArrayRef<int64_t> axes, SizeReporter &reporter);
InferredType inferPool(PoolKind kind, TensorType x, const WindowAttrs &attrs, bool ceilMode,
                       SizeReporter &reporter);

// Contractions. `resultElement` null: that of the operands.
InferredType inferMatmul(TensorType a, TensorType b, bool transposeA, bool transposeB,
                         SizeReporter &reporter, mlir::Type resultElement = {});
InferredType inferConv(TensorType x, TensorType w, TensorType bias, llvm::ArrayRef<int64_t> strides,
                       llvm::ArrayRef<int64_t> pads, llvm::ArrayRef<int64_t> dilations,
                       int64_t groups, SizeReporter &reporter, mlir::Type resultElement = {});
InferredType inferConvTranspose(TensorType x, TensorType w, TensorType bias,
                                llvm::ArrayRef<int64_t> strides, llvm::ArrayRef<int64_t> pads,
                                llvm::ArrayRef<int64_t> dilations,
                                llvm::ArrayRef<int64_t> outputPadding, int64_t groups,
                                SizeReporter &reporter);

// Movement.
InferredType inferTranspose(TensorType x, llvm::ArrayRef<int64_t> perm, SizeReporter &reporter);
InferredType inferPad(TensorType x, TensorType value, llvm::ArrayRef<SizeExpr> lo,
                      llvm::ArrayRef<SizeExpr> hi, SizeReporter &reporter);
InferredType inferConcat(llvm::ArrayRef<TensorType> inputs, int64_t axis, SizeReporter &reporter);
/// Checks of ops whose result type is stated; they return `result`.
InferredType checkReshape(TensorType x, TensorType result, SizeReporter &reporter);
InferredType checkBroadcast(TensorType x, TensorType result, SizeReporter &reporter);
InferredType checkSlice(TensorType x, llvm::ArrayRef<SizeExpr> starts,
                        llvm::ArrayRef<SizeExpr> steps, TensorType result, SizeReporter &reporter);
InferredType checkTile(TensorType x, TensorType result, SizeReporter &reporter);

// Indexed.
InferredType inferGather(TensorType x, TensorType indices, int64_t axis, SizeReporter &reporter);
InferredType inferGatherElements(TensorType x, TensorType indices, int64_t axis,
                                 SizeReporter &reporter);
InferredType inferGatherNd(TensorType x, TensorType indices, int64_t batchDims,
                           SizeReporter &reporter);
InferredType inferScatterElements(TensorType x, TensorType indices, TensorType updates,
                                  int64_t axis, SizeReporter &reporter);
InferredType inferScatterNd(TensorType x, TensorType indices, TensorType updates,
                            SizeReporter &reporter);
InferredType inferOneHot(TensorType indices, TensorType values, int64_t axis, const SizeExpr &depth,
                         SizeReporter &reporter);
/// The type of the values; the indices have the same sizes and i64 elements.
InferredType inferTopk(TensorType x, int64_t axis, const SizeExpr &k, SizeReporter &reporter);

// Quantization: the real operand or result, its scale and zero point.
llvm::LogicalResult checkQuantization(TensorType x, TensorType scale, TensorType zeroPoint,
                                      int64_t axis, int64_t blockSize, SizeReporter &reporter);

namespace detail {
/// Runs `infer` with errors going to the diagnostics of `location` (to nobody if there is none).
llvm::LogicalResult withDiagnostics(std::optional<mlir::Location> location,
                                    llvm::function_ref<llvm::LogicalResult(SizeReporter &)> infer);
/// Compares the result types of an op with what its `inferOwnSizes` says.
llvm::LogicalResult verifyInferredSizes(mlir::Operation *op);
} // namespace detail

} // namespace cameo::graph

#endif // CAMEO_DIALECT_GRAPH_IR_INFERSIZES_H
