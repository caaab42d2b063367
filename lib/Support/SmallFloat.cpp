// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One encoder and one decoder serve all small floats; a table row says what is special about each.
// Decoding of types of at most 8 bits goes through tables of 256 entries made at compile time.
#include "cameo/Support/SmallFloat.h"

#include <array>
#include <cmath>
#include <limits>

namespace cameo {
namespace {

struct Format {
  DType type;
  int exponentBits, mantissaBits, bias;
  uint32_t maxCode;      ///< magnitude code of the largest finite value
  uint32_t overflowCode; ///< magnitude code of infinity, or of NaN where there is none
  uint32_t nanCode;      ///< magnitude code of NaN
  bool alwaysSaturates;  ///< neither infinity nor NaN exists
  bool neverSaturates;
  bool singleZero; ///< "fnuz": the code of minus zero is the only NaN

  constexpr uint32_t signBit() const { return 1u << (exponentBits + mantissaBits); }
};

constexpr Format formats[] = {
    {DType::f16, 5, 10, 15, 0x7BFF, 0x7C00, 0x7E00, false, true, false},
    {DType::bf16, 8, 7, 127, 0x7F7F, 0x7F80, 0x7FC0, false, true, false},
    {DType::f8e4m3fn, 4, 3, 7, 0x7E, 0x7F, 0x7F, false, false, false},
    {DType::f8e4m3fnuz, 4, 3, 8, 0x7F, 0x80, 0x80, false, false, true},
    {DType::f8e5m2, 5, 2, 15, 0x7B, 0x7C, 0x7E, false, false, false},
    {DType::f8e5m2fnuz, 5, 2, 16, 0x7F, 0x80, 0x80, false, false, true},
    {DType::f6e2m3, 2, 3, 1, 0x1F, 0x1F, 0x20, true, false, false},
    {DType::f6e3m2, 3, 2, 3, 0x1F, 0x1F, 0x20, true, false, false},
    {DType::f4e2m1, 2, 1, 1, 0x7, 0x7, 0x8, true, false, false},
};

const Format *formatOf(DType type) {
  for (const Format &format : formats)
    if (format.type == type)
      return &format;
  return nullptr;
}

constexpr float powerOfTwo(int exponent) {
  // Normal and subnormal powers of float, without libm so that tables are compile-time constants.
  if (exponent >= -126)
    return std::bit_cast<float>(uint32_t(exponent + 127) << 23);
  return std::bit_cast<float>(1u << (exponent + 149));
}

constexpr float decode(const Format &f, uint32_t bits) {
  uint32_t magnitude = bits & (f.signBit() - 1);
  bool negative = bits & f.signBit();
  float nan = std::numeric_limits<float>::quiet_NaN();
  if (f.singleZero && negative && magnitude == 0)
    return nan;
  if (!f.singleZero && !f.alwaysSaturates && magnitude > f.maxCode) {
    bool infinite = f.overflowCode != f.nanCode && magnitude == f.overflowCode;
    float value = infinite ? std::numeric_limits<float>::infinity() : nan;
    return negative ? -value : value;
  }
  int exponent = int(magnitude >> f.mantissaBits);
  uint32_t mantissa = magnitude & ((1u << f.mantissaBits) - 1);
  float value;
  if (exponent == 0)
    value = float(mantissa) * powerOfTwo(1 - f.bias - f.mantissaBits);
  else
    value = float(mantissa | 1u << f.mantissaBits) * powerOfTwo(0 - f.mantissaBits) *
            powerOfTwo(exponent - f.bias);
  return negative ? -value : value;
}

constexpr std::array<float, 256> makeTable(const Format &f) {
  std::array<float, 256> values{};
  for (uint32_t i = 0; i < 256; ++i)
    values[i] = decode(f, i & (2 * f.signBit() - 1));
  return values;
}

constexpr std::array<float, 256> makeScaleTable() {
  std::array<float, 256> values{};
  for (int i = 0; i < 255; ++i)
    values[i] = powerOfTwo(i - 127);
  values[255] = std::numeric_limits<float>::quiet_NaN();
  return values;
}

constexpr std::array<std::array<float, 256>, 8> tables = {
    makeTable(formats[2]), makeTable(formats[3]), makeTable(formats[4]), makeTable(formats[5]),
    makeTable(formats[6]), makeTable(formats[7]), makeTable(formats[8]), makeScaleTable()};

/// `value` / 2^shift rounded to nearest even; shift >= 0.
uint64_t shiftRight(uint64_t value, int shift) {
  if (shift == 0)
    return value;
  if (shift > 63)
    return 0; // value has at most 53 bits: below half
  uint64_t kept = value >> shift, rest = value & ((uint64_t(1) << shift) - 1);
  uint64_t half = uint64_t(1) << (shift - 1);
  return kept + (rest > half || (rest == half && (kept & 1)));
}

uint32_t encode(const Format &f, double value, bool saturate) {
  uint64_t bits = std::bit_cast<uint64_t>(value);
  uint32_t sign = bits >> 63 ? f.signBit() : 0;
  if (value != value)
    return f.singleZero ? f.nanCode : f.alwaysSaturates ? f.signBit() ^ sign : sign | f.nanCode;
  int exponent = int(bits >> 52 & 0x7FF) - 1023;
  uint32_t code;
  if (exponent == 1024) {
    code = f.maxCode + 1;
  } else if (exponent == -1023) {
    code = 0; // zero, or a double subnormal: far below every small float
  } else {
    uint64_t mantissa = (bits & ((uint64_t(1) << 52) - 1)) | uint64_t(1) << 52;
    int least = 1 - f.bias, used = exponent < least ? least : exponent;
    uint64_t rounded = shiftRight(mantissa, 52 - f.mantissaBits + (used - exponent));
    uint64_t wide = (uint64_t(used - least) << f.mantissaBits) + rounded;
    code = wide > f.maxCode ? f.maxCode + 1 : uint32_t(wide);
  }
  if (code > f.maxCode) {
    bool clamp = f.alwaysSaturates || (saturate && !f.neverSaturates);
    if (!clamp && f.singleZero)
      return f.nanCode;
    code = clamp ? f.maxCode : f.overflowCode;
  }
  return f.singleZero && code == 0 ? 0 : sign | code;
}

} // namespace

bool isSmallFloat(DType type) { return formatOf(type) || type == DType::f8e8m0; }

float decodeF16(uint16_t bits) {
  uint32_t magnitude = bits & 0x7FFF, sign = uint32_t(bits & 0x8000) << 16;
  if (magnitude >= 0x7C00)
    return std::bit_cast<float>(sign | 0x7F800000 | (magnitude & 0x3FF) << 13);
  if (magnitude < 0x400) {
    float value = float(magnitude) * powerOfTwo(-24);
    return sign ? -value : value;
  }
  return std::bit_cast<float>(sign | ((magnitude << 13) + (112u << 23)));
}

float decodeFloat(DType type, uint32_t bits) {
  switch (type) {
  case DType::f16:
    return decodeF16(uint16_t(bits));
  case DType::bf16:
    return decodeBF16(uint16_t(bits));
  case DType::f8e4m3fn:
    return tables[0][bits & 255];
  case DType::f8e4m3fnuz:
    return tables[1][bits & 255];
  case DType::f8e5m2:
    return tables[2][bits & 255];
  case DType::f8e5m2fnuz:
    return tables[3][bits & 255];
  case DType::f6e2m3:
    return tables[4][bits & 63];
  case DType::f6e3m2:
    return tables[5][bits & 63];
  case DType::f4e2m1:
    return tables[6][bits & 15];
  case DType::f8e8m0:
    return tables[7][bits & 255];
  default:
    return 0;
  }
}

uint32_t encodeFloat(DType type, double value, bool saturate) {
  if (type == DType::f8e8m0)
    return encodeScale(value, saturate, RoundScale::Up);
  const Format *format = formatOf(type);
  return format ? encode(*format, value, saturate) : 0;
}

uint8_t encodeScale(double value, bool saturate, RoundScale mode) {
  constexpr uint8_t nan = 0xFF, largest = 0xFE;
  if (value != value)
    return nan;
  double magnitude = std::fabs(value);
  if (std::isinf(magnitude))
    return saturate ? largest : nan;
  if (magnitude == 0)
    return saturate ? 0 : nan;
  int exponent;
  double fraction = std::frexp(magnitude, &exponent); // in [0.5, 1)
  int code = exponent - 1 + 127;
  if (mode == RoundScale::Up ? fraction > 0.5 : mode == RoundScale::Nearest && fraction >= 0.75)
    ++code;
  if (code < 0)
    return saturate ? 0 : nan;
  if (code > largest)
    return saturate ? largest : nan;
  return uint8_t(code);
}

double maxFinite(DType type) {
  if (type == DType::f32)
    return std::numeric_limits<float>::max();
  if (type == DType::f64)
    return std::numeric_limits<double>::max();
  if (type == DType::f8e8m0)
    return tables[7][0xFE];
  const Format *format = formatOf(type);
  return format ? decode(*format, format->maxCode) : 0;
}

} // namespace cameo
