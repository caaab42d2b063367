// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Elements of four and two bits. In memory they are as ONNX has them, several to a byte, the first in
// the low bits, without gaps; a buffer of them is a buffer of bytes. Inside a kernel there are none: an
// integer is an i8 of the same value, an f4e2m1 is an f32 (in a tile of storage type, its code).
//
// An element has no address, so what reads one reads its byte, at any offset; what writes, writes whole
// bytes: the kernel's domain is the bytes of the result (Pointwise.cpp), and no two threads share one.
#pragma once

#include "mlir/IR/Builders.h"

namespace cameo::graphtokernel {

/// How many elements share a byte: 1 where each has bytes of its own.
unsigned elementsPerByte(mlir::Type element);
inline bool isPacked(mlir::Type element) { return elementsPerByte(element) > 1; }
/// Whether any result of an op holds such elements.
bool hasPackedResult(mlir::Operation *op);

/// An i8 wrapped to the low bits of a packed integer type.
mlir::Value wrapPacked(mlir::OpBuilder &b, mlir::Location loc, mlir::Type element, mlir::Value x);
/// An f32 rounded to the nearest f4e2m1, ties to even; what is too large becomes the largest.
mlir::Value roundToFloat4(mlir::OpBuilder &b, mlir::Location loc, mlir::Value x);

/// The value of a tile's element (an i8) as the compute type, and back.
mlir::Value fromPackedStorage(mlir::OpBuilder &b, mlir::Location loc, mlir::Type element,
                              mlir::Value x);
mlir::Value toPackedStorage(mlir::OpBuilder &b, mlir::Location loc, mlir::Type element,
                            mlir::Value x);

/// Element `phase` (an index) of a byte, as a tile's element.
mlir::Value unpack(mlir::OpBuilder &b, mlir::Location loc, mlir::Type element, mlir::Value byte,
                   mlir::Value phase);
/// The low bits of a tile's element at position `phase` of a byte.
mlir::Value packAt(mlir::OpBuilder &b, mlir::Location loc, mlir::Type element, mlir::Value x,
                   unsigned phase);

} // namespace cameo::graphtokernel
