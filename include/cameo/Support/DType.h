// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Every part of Cameo, with or without LLVM, has to speak of the same element types. A DType is one
// of ONNX's tensor element types; its numeric value is ONNX's `TensorProto.DataType`, so that
// files, bundles and APIs need no translation. Types below 8 bits are packed without gaps, first
// element in the lowest bits (a 6-bit element may straddle two bytes). Strings have no bit width.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace cameo {

enum class DType : uint8_t {
  undefined = 0,
  f32 = 1,
  u8 = 2,
  i8 = 3,
  u16 = 4,
  i16 = 5,
  i32 = 6,
  i64 = 7,
  string = 8,
  boolean = 9,
  f16 = 10,
  f64 = 11,
  u32 = 12,
  u64 = 13,
  c64 = 14,
  c128 = 15,
  bf16 = 16,
  f8e4m3fn = 17,
  f8e4m3fnuz = 18,
  f8e5m2 = 19,
  f8e5m2fnuz = 20,
  u4 = 21,
  i4 = 22,
  f4e2m1 = 23,
  f8e8m0 = 24,
  u2 = 25,
  i2 = 26,
  f6e2m3 = 27,
  f6e3m2 = 28,
};

/// One more than the largest value of DType.
inline constexpr unsigned kNumDTypes = 29;

/// The type with ONNX's number `onnxNumber`; nothing for 0 and for numbers ONNX does not define.
std::optional<DType> dtypeFromOnnx(int64_t onnxNumber);

/// The name (`f32`, `u8`, `boolean`, `f8e4m3fn`, …); `undefined` for anything that is no DType.
std::string_view name(DType type);
/// The inverse of `name`; nothing for an unknown name and for "undefined".
std::optional<DType> parseDType(std::string_view text);

/// Bits of one element in memory: 1-byte booleans, complex as two floats; 0 for string and
/// undefined.
unsigned bitWidth(DType type);
/// Bytes of `count` packed elements (rounded up to whole bytes); nothing when `count` is negative,
/// the result overflows, or the type has no width.
std::optional<int64_t> byteSize(DType type, int64_t count);

/// Any floating-point type, down to 4 bits and including the exponent-only f8e8m0; not complex.
bool isFloat(DType type);
/// Signed and unsigned integers of any width; not boolean.
bool isInteger(DType type);
bool isSignedInteger(DType type);
bool isUnsignedInteger(DType type);
bool isComplex(DType type);
/// Integers, floats and boolean: what can be computed with through double, int64 or uint64.
bool isReal(DType type);
/// Less than 8 bits an element, hence packed.
bool isPacked(DType type);

/// The least and greatest value of an integer type (0 and 1 for boolean; `maxInteger` fits uint64).
int64_t minInteger(DType type);
uint64_t maxInteger(DType type);

} // namespace cameo
