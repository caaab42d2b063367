// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Where an operand of wgmma lies in shared memory. The 64 bits of a matrix descriptor name a start
// address, two strides, an offset of the swizzle pattern and a swizzling mode; the ISA's canonical
// layouts say what the strides mean for each mode and major-ness. Everything is counted in units of
// 16 bytes, which swizzling never takes apart: an operand is a list of units. Fields that no layout
// can mean are refused with the reason.
#ifndef CAMEO_LIB_PTX_WGMMADESCRIPTOR_H
#define CAMEO_LIB_PTX_WGMMADESCRIPTOR_H

#include <cstdint>
#include <string>
#include <vector>

namespace cameo::ptx {

enum class WgmmaSwizzle : uint8_t { None, Bytes128, Bytes64, Bytes32 }; ///< the field's values

struct WgmmaDescriptor {
  explicit WgmmaDescriptor(uint64_t bits);
  uint32_t start, leading, stride; ///< bytes
  uint32_t base;                   ///< row of the pattern (128 bytes each) where its address begins
  WgmmaSwizzle swizzle;
  uint64_t bits;

  /// Bytes of a row of the swizzle atom: 16 without swizzling.
  uint32_t atomBytes() const;
  /// "start 1024, leading 16, stride 1024, base offset 0, 128-byte swizzle".
  std::string text() const;
};

/// A matrix of `rows` (M or N) times `bytes` (of K, if K-major) or `bytes / 2` (16-bit elements).
struct WgmmaOperandShape {
  uint32_t rows = 0, bytes = 0;
  bool alongRows = false; ///< MN-major: neighbours in memory are neighbours in M or N
  uint32_t units() const { return alongRows ? bytes / 2 * (rows / 8) : rows * (bytes / 16); }
};

/// Addresses of the operand's units in shared memory: K-major row by row, 16 bytes of K each;
/// MN-major K by K, eight rows each. Returns what is wrong with the descriptor, or nothing.
std::string unitsOf(const WgmmaDescriptor &descriptor, const WgmmaOperandShape &shape,
                    std::vector<uint32_t> &units);

} // namespace cameo::ptx

#endif
