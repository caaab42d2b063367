// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// cp.reduce.async.bulk: element by element, by the host's compare and swap, because blocks on other
// host threads may reduce into the same place. One table of operations and types.
#include "Async.h"
#include "HalfFloat.h"

#include <algorithm>

namespace cameo::ptx {
namespace {

using base::brainToFloat, base::floatToBrain, base::floatToHalf, base::halfToFloat;
using base::canonical;

template <typename T> T add(T a, T b) { return static_cast<T>(a + b); }
template <typename T> T least(T a, T b) { return std::min(a, b); }
template <typename T> T most(T a, T b) { return std::max(a, b); }
template <typename T> T both(T a, T b) { return a & b; }
template <typename T> T either(T a, T b) { return a | b; }
template <typename T> T differing(T a, T b) { return a ^ b; }
uint32_t increment(uint32_t a, uint32_t b) { return a >= b ? 0 : a + 1; }
uint32_t decrement(uint32_t a, uint32_t b) { return a == 0 || a > b ? b : a - 1; }
uint32_t addFloat(uint32_t a, uint32_t b) {
  return base::asBits(canonical(base::asFloat(a) + base::asFloat(b)));
}
uint64_t addDouble(uint64_t a, uint64_t b) {
  return base::asBits(canonical(base::asDouble(a) + base::asDouble(b)));
}
uint16_t addHalf(uint16_t a, uint16_t b) { return floatToHalf(halfToFloat(a) + halfToFloat(b)); }
uint16_t addBrain(uint16_t a, uint16_t b) { return floatToBrain(brainToFloat(a) + brainToFloat(b)); }
uint16_t leastHalf(uint16_t a, uint16_t b) { return halfToFloat(b) < halfToFloat(a) ? b : a; }
uint16_t mostHalf(uint16_t a, uint16_t b) { return halfToFloat(b) > halfToFloat(a) ? b : a; }
uint16_t leastBrain(uint16_t a, uint16_t b) { return brainToFloat(b) < brainToFloat(a) ? b : a; }
uint16_t mostBrain(uint16_t a, uint16_t b) { return brainToFloat(b) > brainToFloat(a) ? b : a; }

template <typename T, T (*F)(T, T)> void reduce(uint8_t *to, const uint8_t *from, size_t bytes) {
  for (size_t i = 0; i < bytes; i += sizeof(T)) {
    T *p = reinterpret_cast<T *>(to + i), value, seen = __atomic_load_n(p, __ATOMIC_RELAXED);
    std::memcpy(&value, from + i, sizeof(T));
    while (!__atomic_compare_exchange_n(p, &seen, F(seen, value), true, __ATOMIC_SEQ_CST,
                                        __ATOMIC_RELAXED)) {
    }
  }
}

struct Row {
  std::string_view operation, type;
  unsigned bytes;
  void (*run)(uint8_t *, const uint8_t *, size_t);
};

#define ROW(OP, TYPE, T, F) {OP, TYPE, sizeof(T), &reduce<T, &F>}
#define BITWISE(OP, F) ROW(OP, ".b32", uint32_t, F<uint32_t>), ROW(OP, ".b64", uint64_t, F<uint64_t>)
#define ORDERED(OP, F)                                                                             \
  ROW(OP, ".u32", uint32_t, F<uint32_t>), ROW(OP, ".s32", int32_t, F<int32_t>),                    \
      ROW(OP, ".u64", uint64_t, F<uint64_t>), ROW(OP, ".s64", int64_t, F<int64_t>)
constexpr Row rows[] = {
    {"", "", 1, nullptr},
    ROW(".add", ".u32", uint32_t, add<uint32_t>), ROW(".add", ".s32", uint32_t, add<uint32_t>),
    ROW(".add", ".u64", uint64_t, add<uint64_t>), ROW(".add", ".s64", uint64_t, add<uint64_t>),
    ROW(".add", ".f32", uint32_t, addFloat), ROW(".add", ".f64", uint64_t, addDouble),
    ROW(".add", ".f16", uint16_t, addHalf), ROW(".add", ".bf16", uint16_t, addBrain),
    ROW(".min", ".f16", uint16_t, leastHalf), ROW(".max", ".f16", uint16_t, mostHalf),
    ROW(".min", ".bf16", uint16_t, leastBrain), ROW(".max", ".bf16", uint16_t, mostBrain),
    ROW(".inc", ".u32", uint32_t, increment), ROW(".dec", ".u32", uint32_t, decrement),
    ORDERED(".min", least), ORDERED(".max", most),
    BITWISE(".and", both), BITWISE(".or", either), BITWISE(".xor", differing)};

} // namespace

uint8_t findReduction(std::string_view operation, std::string_view type) {
  for (size_t i = 1; i < std::size(rows); ++i)
    if (rows[i].operation == operation && rows[i].type == type)
      return static_cast<uint8_t>(i);
  return 0;
}

unsigned reductionBytes(uint8_t row) { return rows[row].bytes; }
void reduceInto(uint8_t row, uint8_t *to, const uint8_t *from, size_t bytes) {
  rows[row].run(to, from, bytes);
}

} // namespace cameo::ptx
