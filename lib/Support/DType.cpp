// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What is known of each element type is one table indexed by ONNX's number; every query reads it.
#include "cameo/Support/DType.h"

#include <array>

namespace cameo {
namespace {

enum class Kind : uint8_t { None, Float, Signed, Unsigned, Boolean, Complex, String };

struct Info {
  std::string_view name;
  Kind kind;
  uint8_t bits;
};

constexpr std::array<Info, kNumDTypes> table = {{
    {"undefined", Kind::None, 0},   {"f32", Kind::Float, 32},    {"u8", Kind::Unsigned, 8},
    {"i8", Kind::Signed, 8},        {"u16", Kind::Unsigned, 16}, {"i16", Kind::Signed, 16},
    {"i32", Kind::Signed, 32},      {"i64", Kind::Signed, 64},   {"string", Kind::String, 0},
    {"boolean", Kind::Boolean, 8},  {"f16", Kind::Float, 16},    {"f64", Kind::Float, 64},
    {"u32", Kind::Unsigned, 32},    {"u64", Kind::Unsigned, 64}, {"c64", Kind::Complex, 64},
    {"c128", Kind::Complex, 128},   {"bf16", Kind::Float, 16},   {"f8e4m3fn", Kind::Float, 8},
    {"f8e4m3fnuz", Kind::Float, 8}, {"f8e5m2", Kind::Float, 8},  {"f8e5m2fnuz", Kind::Float, 8},
    {"u4", Kind::Unsigned, 4},      {"i4", Kind::Signed, 4},     {"f4e2m1", Kind::Float, 4},
    {"f8e8m0", Kind::Float, 8},     {"u2", Kind::Unsigned, 2},   {"i2", Kind::Signed, 2},
    {"f6e2m3", Kind::Float, 6},     {"f6e3m2", Kind::Float, 6},
}};

const Info &infoOf(DType type) {
  unsigned index = static_cast<unsigned>(type);
  return table[index < kNumDTypes ? index : 0];
}

} // namespace

std::optional<DType> dtypeFromOnnx(int64_t onnxNumber) {
  if (onnxNumber <= 0 || onnxNumber >= kNumDTypes)
    return std::nullopt;
  return static_cast<DType>(onnxNumber);
}

std::string_view name(DType type) { return infoOf(type).name; }

std::optional<DType> parseDType(std::string_view text) {
  for (unsigned i = 1; i < kNumDTypes; ++i)
    if (table[i].name == text)
      return static_cast<DType>(i);
  return std::nullopt;
}

unsigned bitWidth(DType type) { return infoOf(type).bits; }

std::optional<int64_t> byteSize(DType type, int64_t count) {
  int64_t bits = bitWidth(type), total;
  if (bits == 0 || count < 0 || __builtin_mul_overflow(count, bits, &total) ||
      __builtin_add_overflow(total, 7, &total)) {
    // Eight elements fill `bits` bytes exactly, so the product in bytes may fit where bits do not.
    int64_t whole;
    if (bits == 0 || count < 0 || __builtin_mul_overflow(count / 8, bits, &whole) ||
        __builtin_add_overflow(whole, (count % 8 * bits + 7) / 8, &whole))
      return std::nullopt;
    return whole;
  }
  return total / 8;
}

bool isFloat(DType type) { return infoOf(type).kind == Kind::Float; }
bool isSignedInteger(DType type) { return infoOf(type).kind == Kind::Signed; }
bool isUnsignedInteger(DType type) { return infoOf(type).kind == Kind::Unsigned; }
bool isInteger(DType type) { return isSignedInteger(type) || isUnsignedInteger(type); }
bool isComplex(DType type) { return infoOf(type).kind == Kind::Complex; }
bool isReal(DType type) { return isFloat(type) || isInteger(type) || type == DType::boolean; }
bool isPacked(DType type) { return bitWidth(type) != 0 && bitWidth(type) < 8; }

int64_t minInteger(DType type) {
  return isSignedInteger(type) ? -1 - static_cast<int64_t>(maxInteger(type)) : 0;
}

uint64_t maxInteger(DType type) {
  if (type == DType::boolean)
    return 1;
  if (!isInteger(type))
    return 0;
  return ~uint64_t(0) >> (64 - bitWidth(type) + (isSignedInteger(type) ? 1 : 0));
}

} // namespace cameo
