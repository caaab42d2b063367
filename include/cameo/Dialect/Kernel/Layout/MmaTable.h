// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The instructions of mma.sync as a table, and how their operands come out of shared memory. Whatever the
// type, a lane's registers of 16 rows (A) or 16 columns (B) hold 32 bytes of k; four registers of 32 bits:
//
//     A, m16k32B:  a0 (0, 0)  a1 (8, 0)  a2 (0, 16B)  a3 (8, 16B)      lane l: row l / 4, bytes 4 (l % 4) ...
//     B, k32B x two n8:  b0 b1 of columns 0-7: (0, 0) (0, 16B), b0 b1 of columns 8-15
//
// ldmatrix gives just that where k is contiguous, because four bytes of a row go to one lane. Where m or n is
// contiguous it transposes, but elements of 16 bits: bytes then come by twos, the even row or column and the
// odd one. Two matrices hold four k of both; a byte permutation sorts them, and the even ones become the first
// half of the fragment (`Pairing`). Which rows of k each matrix takes is chosen so that eight of them differ in
// their last three bits, which every placement spreads over all banks.
#ifndef CAMEO_DIALECT_KERNEL_LAYOUT_MMATABLE_H
#define CAMEO_DIALECT_KERNEL_LAYOUT_MMATABLE_H

#include "mlir/IR/Types.h"

#include <array>
#include <cstdint>

namespace cameo::kernel {

enum class MmaFactor : uint8_t { F16, BF16, Int8, E4M3, E5M2, TF32, F64 };

/// One shape of mma.sync: n is 8.
struct MmaInstruction {
  MmaFactor factor;
  int8_t m, k;
  int16_t capability; ///< of the oldest target that has it, x 10
};

/// The instruction that multiplies elements of these types into sums of that type; null: there is none.
const MmaInstruction *findMma(mlir::Type a, mlir::Type b, mlir::Type sum);
/// Whether any instruction sums in this type.
bool sumsInMma(mlir::Type sum);

/// How four registers get out of shared memory.
enum class FragmentLoad : uint8_t {
  Rows,       ///< ldmatrix: k is contiguous
  Transposed, ///< ldmatrix.trans: rows are k, elements of two bytes
  Pairs,      ///< ldmatrix.trans and byte permutations: rows are k, elements of one byte
  Elements,   ///< a load an element: what ldmatrix cannot transpose, and elements of eight bytes
};

/// A position in an operand: elements along m or n, and along k.
struct FragmentStep {
  int16_t along, depth;
};

/// Where lane l's row of ldmatrix begins, or its element: the XOR of the steps of l's bits. `registers`: what
/// the bits of a register's number add (`Elements` only; elements of eight bytes have one such bit).
struct FragmentMap {
  FragmentLoad load;
  std::array<FragmentStep, 5> lanes;
  std::array<FragmentStep, 2> registers = {};
};
FragmentMap fragmentMap(bool isB, int64_t elementBytes, bool transposed);

/// Registers of ldmatrix whose bytes make register `reg` of the operand by `Pairs`, and whether the odd bytes.
/// Lanes with l & 2 set have the two the other way round.
struct FragmentPair {
  uint8_t first, second;
  bool odd;
};
FragmentPair fragmentPair(bool isB, unsigned reg);

} // namespace cameo::kernel

#endif // CAMEO_DIALECT_KERNEL_LAYOUT_MMATABLE_H
