// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Floating-point types below 32 bits have no C++ type everywhere, and their conversions differ in
// infinities, NaNs, zeros and saturation. Here each is a row of a table (exponent and mantissa
// width, bias, largest code, code of NaN), decoded exactly and encoded from double with one
// rounding, to nearest even. As float converts to double exactly, float needs no encoder of its
// own. f8e8m0 (a power of two, no sign, no zero) rounds by ONNX's `round_mode`, in a function of
// its own.
#pragma once

#include "cameo/Support/DType.h"

#include <bit>

namespace cameo {

/// True for the types this header converts: f16, bf16, the 8-, 6- and 4-bit floats.
bool isSmallFloat(DType type);

/// The value of `bits` (the low bitWidth(type) of them). 0 for a type that is no small float.
float decodeFloat(DType type, uint32_t bits);

/// `value` rounded to nearest even. Out of range after rounding, and infinite values:
///   f16, bf16          infinity (`saturate` is ignored, as ONNX's Cast does)
///   f8e4m3fn, *fnuz    the largest value if `saturate`, else NaN
///   f8e5m2             the largest value if `saturate`, else infinity
///   6 and 4 bits       the largest value always; NaN becomes a zero of the other sign, as
///   ml_dtypes
///                      does it (no NaN exists there)
/// f8e8m0 is rounded with RoundScale::Up.
uint32_t encodeFloat(DType type, double value, bool saturate = true);

/// ONNX's `round_mode` for f8e8m0: away from zero, towards zero, to nearest with ties up.
enum class RoundScale : uint8_t { Up, Down, Nearest };
/// The exponent code of |value|. Saturating: zero and too small give 2^-127, infinite and too large
/// give 2^127; else all those give NaN (0xFF).
uint8_t encodeScale(double value, bool saturate, RoundScale mode);

/// The largest finite value of a float type (any width, f32 and f64 too).
double maxFinite(DType type);

inline float decodeBF16(uint16_t bits) { return std::bit_cast<float>(uint32_t(bits) << 16); }
float decodeF16(uint16_t bits);

} // namespace cameo
