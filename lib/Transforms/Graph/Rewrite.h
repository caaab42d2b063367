// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the passes of this folder share: the greedy driver with a count of rewrites, and small
// questions about values.
#ifndef CAMEO_LIB_TRANSFORMS_GRAPH_REWRITE_H
#define CAMEO_LIB_TRANSFORMS_GRAPH_REWRITE_H

#include "cameo/Dialect/Graph/IR/Graph.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Pass/Pass.h"

namespace cameo::graph {

/// Applies the patterns until none matches, adding the number of applications to `numRewrites`.
/// Fails, with a diagnostic, if they do not come to rest.
llvm::LogicalResult rewriteToFixpoint(mlir::Operation *root, mlir::RewritePatternSet &&patterns,
                                      mlir::Pass::Statistic &numRewrites);

/// The type `infer` gives, if it gives one without any condition left to the launch.
std::optional<TensorType>
inferUnconditionally(llvm::function_ref<InferredType(SizeReporter &)> infer);

/// Whether every value of element type `from` converts to `to` without rounding or saturation.
bool isExactConversion(mlir::Type from, mlir::Type to);

/// The defining op if `value` is the result of a unary or binary op of this kind.
UnaryOp definedBy(mlir::Value value, UnaryKind kind);
BinaryOp definedBy(mlir::Value value, BinaryKind kind);

/// The splat value of one operand of a binary op and the other operand.
struct SplatOperand {
  mlir::Value other;
  double splat;
  bool splatOnRight;
};
std::optional<SplatOperand> splatOperand(BinaryOp op);

/// Whether `value` is computed from constants by pointwise ops and movements alone.
bool isConstantExpression(mlir::Value value, unsigned depth = 8);

/// How many elements a value has that varies along `axis` of a result of type `result` alone; nothing: it varies along others.
std::optional<int64_t> lengthAlong(mlir::Value value, TensorType result, int64_t axis);

class Emit;
/// `value` as a vector along `axis` (counted for a result of type `result`) or a scalar; null if it
/// varies along another dimension.
mlir::Value asChannelVector(Emit &emit, mlir::Value value, TensorType result, int64_t axis);

// Patterns of graph-canonicalize, by subject.
void populateCanonicalizeElementwisePatterns(mlir::RewritePatternSet &patterns);
void populateCanonicalizeMovementPatterns(mlir::RewritePatternSet &patterns);

// Patterns of graph-recognize, by subject.
void populateRecognizeActivationPatterns(mlir::RewritePatternSet &patterns);
void populateRecognizeNormalizationPatterns(mlir::RewritePatternSet &patterns);

// Patterns of graph-decompose, by subject.
void populateDecomposeOrderPatterns(mlir::RewritePatternSet &patterns);
void populateDecomposeQuantizationPatterns(mlir::RewritePatternSet &patterns);
void populateDecomposeReductionPatterns(mlir::RewritePatternSet &patterns);
void populateDecomposeMovementPatterns(mlir::RewritePatternSet &patterns);
void populateDecomposeResizePatterns(mlir::RewritePatternSet &patterns);

} // namespace cameo::graph

#endif // CAMEO_LIB_TRANSFORMS_GRAPH_REWRITE_H
