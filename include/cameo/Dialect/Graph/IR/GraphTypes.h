// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Tensor types of the graph dialect: builtin ranked tensors whose encoding carries symbolic sizes.
// These helpers are the only code that reads or writes the encoding; everyone else speaks of
// `SizeExpr`s, one a dimension.
#ifndef CAMEO_DIALECT_GRAPH_IR_GRAPHTYPES_H
#define CAMEO_DIALECT_GRAPH_IR_GRAPHTYPES_H

#include "cameo/Support/DType.h"
#include "cameo/Support/SizeExpr.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"

namespace cameo::graph {

/// The size of every dimension of a ranked tensor type. A dynamic dimension without an encoding (a
/// type no op of this dialect accepts) has the size `overflow()`.
llvm::SmallVector<SizeExpr> getSizes(mlir::Type type);

/// The size of one dimension, 0 <= dim < rank.
SizeExpr getSize(mlir::Type type, int64_t dim);

/// The tensor type with these sizes: constants become static dimensions, others `?` with an
/// encoding.
mlir::RankedTensorType makeTensorType(mlir::MLIRContext *context, mlir::Type elementType,
                                      llvm::ArrayRef<SizeExpr> sizes);

/// `type` with other elements and the same sizes.
mlir::RankedTensorType withElementType(mlir::RankedTensorType type, mlir::Type elementType);

/// Expressions as an attribute, an array of canonical texts, and back. An attribute that an op's
/// verifier has accepted always parses; an unparsable text reads as `overflow()`.
mlir::ArrayAttr getSizesAttr(mlir::MLIRContext *context, llvm::ArrayRef<SizeExpr> sizes);
llvm::SmallVector<SizeExpr> getSizeExprs(mlir::ArrayAttr texts);
SizeExpr getSizeExpr(llvm::StringRef text);

/// Whether the text is a canonical expression; if not, says why in `error`.
bool isCanonicalSize(llvm::StringRef text, std::string &error);

/// "[2, N, 3*H]", for messages.
std::string sizesText(llvm::ArrayRef<SizeExpr> sizes);

// Classes of element types. `isElement` is every type a model's tensor can have.
bool isElement(mlir::Type type);
bool isFloatElement(mlir::Type type);   // f64 … f4E2M1FN
bool isIntElement(mlir::Type type);     // 2 to 64 bits, signed (signless) or unsigned; not i1
bool isBoolElement(mlir::Type type);    // i1
bool isComplexElement(mlir::Type type); // complex<f32>, complex<f64>
bool isRealElement(mlir::Type type);    // float or int
bool isNumericElement(mlir::Type type); // float, int or complex
bool isIndexElement(mlir::Type type);   // i32, i64
bool isUnsignedElement(mlir::Type type);

/// ONNX element type and builtin type; `undefined` / null for types that are no tensor's elements.
DType dtypeOf(mlir::Type elementType);
mlir::Type typeOf(mlir::MLIRContext *context, DType dtype);

/// Whether `type` is a ranked tensor with such elements and with sizes (static, or an encoding).
bool isTensorOf(mlir::Type type, bool (*isWanted)(mlir::Type));

} // namespace cameo::graph

#endif // CAMEO_DIALECT_GRAPH_IR_GRAPHTYPES_H
