// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See the header. Shapes and fragments: PTX ISA 9.0, "Matrix Fragments for mma.m16n8k16 with floating point
// type" and "... for mma.m16n8k32"; "ldmatrix". Refused (no row): products of different float types.
#include "cameo/Dialect/Kernel/Layout/MmaTable.h"

#include "mlir/IR/BuiltinTypes.h"
#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace cameo::kernel;

namespace {

bool isF16(Type type) { return type.isF16(); }
bool isBF16(Type type) { return type.isBF16(); }
bool isF32(Type type) { return type.isF32(); }
bool isF64(Type type) { return type.isF64(); }
bool isByte(Type type) { return type.isInteger(8); }
bool isInt32(Type type) { return type.isInteger(32); }

struct MmaRow {
  MmaInstruction instruction;
  bool (*factor)(Type);
  bool (*sum)(Type);
};

constexpr MmaRow rows[] = {
    {{MmaFactor::F16, 16, 16, 80}, isF16, isF32},
    {{MmaFactor::BF16, 16, 16, 80}, isBF16, isF32},
    {{MmaFactor::Int8, 16, 32, 80}, isByte, isInt32},
    {{MmaFactor::TF32, 16, 8, 80}, isF32, isF32},
    {{MmaFactor::F64, 8, 4, 80}, isF64, isF64},
};

} // namespace

const MmaInstruction *cameo::kernel::findMma(Type a, Type b, Type sum) {
  for (const MmaRow &row : rows)
    if (row.factor(a) && row.factor(b) && row.sum(sum))
      return &row.instruction;
  return nullptr;
}

bool cameo::kernel::sumsInMma(Type sum) {
  return llvm::any_of(rows, [&](const MmaRow &row) { return row.sum(sum); });
}

FragmentMap cameo::kernel::fragmentMap(bool isB, int64_t elementBytes, bool transposed) {
  int16_t half = int16_t(16 / elementBytes);
  // Of four matrices the second and third: A goes along m first, B along k.
  FragmentStep m8{8, 0}, k16{0, half}, bit3 = isB ? k16 : m8, bit4 = isB ? m8 : k16;
  if (elementBytes == 8)
    return {FragmentLoad::Elements, {{{0, 1}, {0, 2}, {1, 0}, {2, 0}, {4, 0}}}, {m8, {}}};
  if (!transposed)
    return {FragmentLoad::Rows, {{{1, 0}, {2, 0}, {4, 0}, bit3, bit4}}};
  if (elementBytes >= 4) {
    FragmentStep depth{0, 4};
    return {FragmentLoad::Elements, {{{0, 1}, {0, 2}, {1, 0}, {2, 0}, {4, 0}}}, {isB ? depth : m8, isB ? m8 : depth}};
  }
  if (elementBytes == 2)
    return {FragmentLoad::Transposed, {{{0, 1}, {0, 2}, {0, 4}, bit3, bit4}}};
  // Lane t of four needs k = 4t ... 4t + 3. The first matrix has 4t and 4t + 1 for t = 0, 1, but 4t + 2 and
  // 4t + 3 for t = 2, 3: rows 0 1 4 5 10 11 14 15; the second has the rest.
  return {FragmentLoad::Pairs, {{{0, 1}, {0, 4}, {0, 8 | 2}, {0, 2}, {0, 16}}}};
}

FragmentPair cameo::kernel::fragmentPair(bool isB, unsigned reg) {
  bool odd = isB ? reg / 2 : reg % 2, late = isB ? reg % 2 : reg / 2;
  return {uint8_t(2 * late), uint8_t(2 * late + 1), odd};
}
